// SPDX-License-Identifier: GPL-2.0
/* An open /dev/hvcal: its handles, its events, its end. */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hvcal_internal.h"

struct hvcal_client *hvcal_client_create(void)
{
	struct hvcal_client *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	kref_init(&c->ref);
	c->id = atomic64_inc_return(&hvcal.next_file);
	c->user = hvcal_user_get();
	if (!c->user) {
		kfree(c);
		return NULL;
	}
	c->uid = current_uid();
	c->nice = capable(CAP_SYS_NICE);
	c->tgid = get_pid(task_tgid(current));
	xa_init_flags(&c->sessions, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&c->buffers, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&c->read_lock);
	init_waitqueue_head(&c->wait);
	INIT_LIST_HEAD(&c->events);
	hvcal_object_add(HVCAL_OBJ_CLIENTS);
	return c;
}

static void client_release(struct kref *ref)
{
	struct hvcal_client *c = container_of(ref, struct hvcal_client, ref);

	WARN_ON(!list_empty(&c->events));
	put_pid(c->tgid);
	hvcal_user_put(c->user);
	kfree(c);
	hvcal_object_del(HVCAL_OBJ_CLIENTS);
}

void hvcal_client_get(struct hvcal_client *c)
{
	kref_get(&c->ref);
}

void hvcal_client_put(struct hvcal_client *c)
{
	if (c)
		kref_put(&c->ref, client_release);
}

static void client_drop_events(struct hvcal_client *c)
{
	struct hvcal_event_node *node;
	unsigned long flags;

	do {
		spin_lock_irqsave(&hvcal.lock, flags);
		node = list_first_entry_or_null(&c->events, struct hvcal_event_node, link);
		if (node)
			list_del_init(&node->link);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (node)
			node->release(node);
	} while (node);
}

/*
 * Nobody else can use a handle of @c any more. Nothing here waits for a
 * provider, so it needs no workqueue: what a provider still holds goes when
 * that provider answers or dies.
 */
void hvcal_client_destroy(struct hvcal_client *c)
{
	struct hvcal_session *s;
	struct hvcal_buffer *b;
	unsigned long i;

	/* there may be many, and others wait for the processor */
	xa_for_each(&c->sessions, i, s) {
		hvcal_session_destroy(s);
		cond_resched();
	}
	xa_destroy(&c->sessions);
	hvcal_engine_retire_client(c);
	client_drop_events(c);
	xa_for_each(&c->buffers, i, b) {
		hvcal_buffer_put(b);
		cond_resched();
	}
	xa_destroy(&c->buffers);
	hvcal_client_put(c);
}

static int client_open(struct inode *inode, struct file *file)
{
	struct hvcal_client *c = hvcal_client_create();

	if (!c)
		return -ENOMEM;
	file->private_data = c;
	return stream_open(inode, file);
}

static int client_close(struct inode *inode, struct file *file)
{
	hvcal_client_destroy(file->private_data);
	return 0;
}

static ssize_t client_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return hvcal_event_read(file->private_data, buf, len, file->f_flags & O_NONBLOCK);
}

static __poll_t client_poll(struct file *file, struct poll_table_struct *pt)
{
	struct hvcal_client *c = file->private_data;

	poll_wait(file, &c->wait, pt);
	return list_empty_careful(&c->events) ? 0 : EPOLLIN | EPOLLRDNORM;
}

const struct file_operations hvcal_client_fops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.release = client_close,
	.read = client_read,
	.poll = client_poll,
	.unlocked_ioctl = hvcal_client_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = hvcal_client_show_fdinfo,
	.llseek = noop_llseek,
};
