// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_event.c"

struct mark {
	struct hvcal_event_node node;
	u32 number;
	u32 released;
};

static void mark_fill(struct hvcal_event_node *node, struct hvcal_event *ev)
{
	ev->job = container_of(node, struct mark, node)->number;
}

static void mark_release(struct hvcal_event_node *node)
{
	container_of(node, struct mark, node)->released++;
}

#define MARKS 3

static struct mark *marks_make(struct kunit *test)
{
	struct mark *marks = kunit_kcalloc(test, MARKS, sizeof(*marks), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, marks);
	for (i = 0; i < MARKS; i++) {
		marks[i].number = i;
		hvcal_event_init(&marks[i].node, mark_fill, mark_release);
	}
	return marks;
}

static bool post(struct hvcal_client *c, struct mark *m)
{
	unsigned long flags;
	bool posted;

	spin_lock_irqsave(&hvcal.lock, flags);
	posted = hvcal_event_post_locked(c, &m->node);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return posted;
}

static bool withdraw(struct mark *m)
{
	unsigned long flags;
	bool listed;

	spin_lock_irqsave(&hvcal.lock, flags);
	listed = hvcal_event_withdraw_locked(&m->node);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return listed;
}

static ssize_t read(struct hvcal_client *c, struct hvcal_event *evs, size_t len)
{
	return hvcal_event_read(c, (__force char __user *)evs, len, true);
}

static struct hvcal_event *records(struct kunit *test)
{
	struct hvcal_event *evs = kunit_kcalloc(test, MARKS, sizeof(*evs), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, evs);
	return evs;
}

static void events_come_in_order(struct kunit *test)
{
	struct hvcal_event *evs = records(test);
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs)), -EAGAIN);
	post(c, &marks[1]);
	post(c, &marks[0]);
	post(c, &marks[2]);
	/* whole records only */
	KUNIT_EXPECT_EQ(test, read(c, evs, 3 * sizeof(*evs) - 1), 2 * sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 1);
	KUNIT_EXPECT_EQ(test, evs[0].size, sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[1].job, 0);
	KUNIT_EXPECT_EQ(test, evs[2].size, 0);
	KUNIT_EXPECT_EQ(test, marks[2].released, 0);
	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs) - 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, read(c, evs, 3 * sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 2);
	KUNIT_EXPECT_EQ(test, marks[0].released + marks[1].released + marks[2].released, 3);
	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs)), -EAGAIN);
}

/* Events are part of their objects: there is no queue that could overflow. */
static void posted_twice_is_told_once(struct kunit *test)
{
	struct hvcal_event *evs = records(test);
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	KUNIT_EXPECT_TRUE(test, post(c, &marks[0]));
	KUNIT_EXPECT_FALSE(test, post(c, &marks[0]));
	/* as it is when it is read */
	marks[0].number = 7;
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 7);
	KUNIT_EXPECT_EQ(test, marks[0].released, 1);
	KUNIT_EXPECT_TRUE(test, post(c, &marks[0]));
	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs)), sizeof(*evs));
}

static void withdrawn_is_not_told(struct kunit *test)
{
	struct hvcal_event *evs = records(test);
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	KUNIT_EXPECT_FALSE(test, withdraw(&marks[0]));
	post(c, &marks[0]);
	post(c, &marks[1]);
	KUNIT_EXPECT_TRUE(test, withdraw(&marks[0]));
	KUNIT_EXPECT_FALSE(test, withdraw(&marks[0]));
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 1);
	/* the reference is its owner's again */
	KUNIT_EXPECT_EQ(test, marks[0].released, 0);
}

static void bad_memory_loses_nothing(struct kunit *test)
{
	struct hvcal_event *evs = records(test);
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	post(c, &marks[0]);
	post(c, &marks[1]);
	rig.fail_copy = 1;
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), -EFAULT);
	/* the second of two: the first was read */
	rig.fail_copy = 2;
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 0);
	KUNIT_EXPECT_EQ(test, marks[0].released, 1);
	KUNIT_EXPECT_EQ(test, marks[1].released, 0);
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 1);
	KUNIT_EXPECT_EQ(test, marks[1].released, 1);
}

/* It was posted again while its first record could not be copied. */
static void put_back_of_what_is_listed_again(struct kunit *test)
{
	struct hvcal_event *evs = records(test);
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	post(c, &marks[0]);
	KUNIT_EXPECT_PTR_EQ(test, event_take(c, evs), &marks[0].node);
	post(c, &marks[1]);
	KUNIT_EXPECT_TRUE(test, post(c, &marks[0]));
	event_put_back(c, &marks[0].node);
	/* one of two references is left, for the one that is listed */
	KUNIT_EXPECT_EQ(test, marks[0].released, 1);
	KUNIT_EXPECT_EQ(test, read(c, evs, MARKS * sizeof(*evs)), 2 * sizeof(*evs));
	KUNIT_EXPECT_EQ(test, marks[0].released, 2);

	/* else it is the first again */
	post(c, &marks[0]);
	post(c, &marks[1]);
	KUNIT_EXPECT_PTR_EQ(test, event_take(c, evs), &marks[0].node);
	event_put_back(c, &marks[0].node);
	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs)), sizeof(*evs));
	KUNIT_EXPECT_EQ(test, evs[0].job, 0);
	KUNIT_EXPECT_EQ(test, read(c, evs, sizeof(*evs)), sizeof(*evs));
}

static void closing_releases_what_is_unread(struct kunit *test)
{
	struct hvcal_client *c = rig_client(test);
	struct mark *marks = marks_make(test);

	post(c, &marks[0]);
	post(c, &marks[2]);
	rig_client_close(c);
	KUNIT_EXPECT_EQ(test, marks[0].released, 1);
	KUNIT_EXPECT_EQ(test, marks[1].released, 0);
	KUNIT_EXPECT_EQ(test, marks[2].released, 1);
}

static struct kunit_case event_cases[] = {
	KUNIT_CASE(events_come_in_order),
	KUNIT_CASE(posted_twice_is_told_once),
	KUNIT_CASE(withdrawn_is_not_told),
	KUNIT_CASE(bad_memory_loses_nothing),
	KUNIT_CASE(put_back_of_what_is_listed_again),
	KUNIT_CASE(closing_releases_what_is_unread),
	{}
};

static struct kunit_suite event_suite = {
	.name = "hvcal_event",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = event_cases,
};

kunit_test_suite(event_suite);
