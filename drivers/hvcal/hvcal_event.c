// SPDX-License-Identifier: GPL-2.0
/* Events of a client: posted from anywhere, read with read(2). */
#include <linux/uaccess.h>

#include "hvcal_internal.h"

void hvcal_event_init(struct hvcal_event_node *node,
		      void (*fill)(struct hvcal_event_node *, struct hvcal_event *),
		      void (*release)(struct hvcal_event_node *))
{
	INIT_LIST_HEAD(&node->link);
	node->fill = fill;
	node->release = release;
}

bool hvcal_event_post_locked(struct hvcal_client *client, struct hvcal_event_node *node)
{
	lockdep_assert_held(&hvcal.lock);

	if (!list_empty(&node->link))
		return false;
	list_add_tail(&node->link, &client->events);
	wake_up_interruptible_poll(&client->wait, EPOLLIN | EPOLLRDNORM);
	return true;
}

bool hvcal_event_withdraw_locked(struct hvcal_event_node *node)
{
	lockdep_assert_held(&hvcal.lock);

	if (list_empty(&node->link))
		return false;
	list_del_init(&node->link);
	return true;
}

/* Takes the oldest event off the list and describes it in @ev. */
static struct hvcal_event_node *event_take(struct hvcal_client *client,
					   struct hvcal_event *ev)
{
	struct hvcal_event_node *node;
	unsigned long flags;

	memset(ev, 0, sizeof(*ev));
	ev->size = sizeof(*ev);

	spin_lock_irqsave(&hvcal.lock, flags);
	node = list_first_entry_or_null(&client->events, struct hvcal_event_node, link);
	if (node) {
		list_del_init(&node->link);
		node->fill(node, ev);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return node;
}

/*
 * A reader whose memory is bad must not lose the event. It may have been posted
 * again meanwhile; then the listed one tells the same or more.
 */
static void event_put_back(struct hvcal_client *client, struct hvcal_event_node *node)
{
	unsigned long flags;
	bool listed;

	spin_lock_irqsave(&hvcal.lock, flags);
	listed = !list_empty(&node->link);
	if (!listed)
		list_add(&node->link, &client->events);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (listed)
		node->release(node);
}

static ssize_t event_copy(struct hvcal_client *client, char __user *buf, size_t len)
{
	size_t done = 0;

	while (len - done >= sizeof(struct hvcal_event)) {
		struct hvcal_event ev;
		struct hvcal_event_node *node = event_take(client, &ev);

		if (!node)
			break;
		if (copy_to_user(buf + done, &ev, sizeof(ev))) {
			event_put_back(client, node);
			return done ? done : -EFAULT;
		}
		node->release(node);
		done += sizeof(ev);
	}
	return done;
}

ssize_t hvcal_event_read(struct hvcal_client *client, char __user *buf, size_t len,
			 bool nonblock)
{
	ssize_t ret;

	if (len < sizeof(struct hvcal_event))
		return -EINVAL;

	for (;;) {
		if (mutex_lock_interruptible(&client->read_lock))
			return -ERESTARTSYS;
		ret = event_copy(client, buf, len);
		mutex_unlock(&client->read_lock);
		if (ret)
			return ret;
		if (nonblock)
			return -EAGAIN;
		/* a look without the lock: event_copy() looks again */
		ret = wait_event_interruptible(client->wait,
					       !list_empty_careful(&client->events));
		if (ret)
			return ret;
	}
}
