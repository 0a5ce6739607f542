// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_binding.c"

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p;
	struct hvcal_engine *e;
};

static struct peers peers_make(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	peers.e = rig_engine(test, peers.p);
	return peers;
}

static void binding_takes_its_place(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_binding *one = rig_session_as(test, peers.c, &args)->binding;
	struct hvcal_binding *two = rig_session_as(test, peers.c, &args)->binding;

	KUNIT_EXPECT_EQ(test, peers.e->sessions, 2);
	KUNIT_EXPECT_NE(test, one->stream, two->stream);
	KUNIT_EXPECT_EQ(test, one->flow.lane, 0);
	KUNIT_EXPECT_EQ(test, one->flow.depth, 4);
	KUNIT_EXPECT_TRUE(test, one->flow.realtime);
	KUNIT_EXPECT_FALSE(test, one->flow.open);
	/* they cost the same */
	KUNIT_EXPECT_PTR_EQ(test, one->model, two->model);
	KUNIT_EXPECT_EQ(test, one->model->users, 2);
	KUNIT_EXPECT_EQ(test, one->open.state, HVCAL_WORK_QUEUED);
	/* itself, and the OPEN that waits */
	KUNIT_EXPECT_EQ(test, kref_read(&one->ref), 2);
}

static void leaving_gives_the_place_back(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	struct hvcal_binding *b = s->binding;
	struct hvcal_model *model = b->model;

	rig_session_open(test, s);
	KUNIT_EXPECT_GT(test, hvcal_admit_used_ppm(&peers.e->queue), 0);
	hvcal_binding_get(b);
	rig_session_close(s);
	/* until the provider has closed the stream, it takes its share */
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 1);
	KUNIT_EXPECT_GT(test, hvcal_admit_used_ppm(&peers.e->queue), 0);
	KUNIT_EXPECT_FALSE(test, b->gone);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_TRUE(test, b->gone);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 0);
	KUNIT_EXPECT_EQ(test, peers.e->queue.attached, 0);
	KUNIT_EXPECT_EQ(test, hvcal_admit_used_ppm(&peers.e->queue), 0);
	KUNIT_EXPECT_EQ(test, model->users, 0);
	KUNIT_EXPECT_NULL(test, b->model);
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 1);
	hvcal_binding_put(b);
}

static void leaving_is_idempotent(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_binding *b = s->binding;
	unsigned long flags;

	rig_session(test, peers.c);
	hvcal_binding_get(b);
	rig_session_close(s);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 1);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_binding_leave_locked(b);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 1);
	KUNIT_EXPECT_EQ(test, peers.e->queue.attached, 1);
	hvcal_binding_put(b);
}

static void close_is_told_once(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_binding *b = s->binding;
	unsigned long flags;

	hvcal_binding_get(b);
	rig_session_close(s);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_binding_close_locked(b);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&peers.p->control));
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_binding_close_locked(b);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	hvcal_binding_put(b);
}

static void the_dead_are_told_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);

	peers.p->state = HVCAL_PROVIDER_DEAD;
	rig_session_close(s);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	/* nothing else would take it off the engine before it is freed */
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.e->bindings));
}

static void room_that_is_left_relieves_others(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *leaver, *s;
	unsigned long flags;

	leaver = rig_session_as(test, peers.c, &args);
	rig_session_open(test, leaver);
	s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, s);
	/* frames turn out to be far more expensive: 30 ms each */
	spin_lock_irqsave(&hvcal.lock, flags);
	s->binding->model->cost.planned = 100 * RIG_MS;
	hvcal_sched_replan_locked(peers.e);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_TRUE(test, s->pressed);
	KUNIT_EXPECT_TRUE(test, leaver->pressed);
	rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0);
	rig_session_close(leaver);
	KUNIT_EXPECT_TRUE(test, s->pressed);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_FALSE(test, s->pressed);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			hvcal_sched_share_locked(s));
}

static struct kunit_case binding_cases[] = {
	KUNIT_CASE(binding_takes_its_place),
	KUNIT_CASE(leaving_gives_the_place_back),
	KUNIT_CASE(leaving_is_idempotent),
	KUNIT_CASE(close_is_told_once),
	KUNIT_CASE(the_dead_are_told_nothing),
	KUNIT_CASE(room_that_is_left_relieves_others),
	{}
};

static struct kunit_suite binding_suite = {
	.name = "hvcal_binding",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = binding_cases,
};

kunit_test_suite(binding_suite);
