// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_drain.c"

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p, *other_p;
	struct hvcal_engine *e, *other;
	struct hvcal_session *s;
};

/* A session at the first engine, which may be the only one. */
static struct peers peers_alone(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session(test, peers.c);
	peers.other_p = rig_provider(test);
	return peers;
}

static struct peers peers_make(struct kunit *test)
{
	struct peers peers = peers_alone(test);

	peers.other = rig_engine(test, peers.other_p);
	return peers;
}

/* At those that wait for their frames. */
static void look(struct hvcal_engine *e)
{
	flush_delayed_work(&e->drain);
}

static void look_at_all(struct hvcal_engine *e)
{
	rig_advance(DRAIN_LOOK_MS * RIG_MS);
	look(e);
}

static void drain(struct hvcal_engine *e)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_drain_start_locked(e);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	look(e);
}

static void expect_moved(struct kunit *test, struct peers *peers, u32 event)
{
	KUNIT_ASSERT_PTR_EQ(test, peers->s->binding->engine, peers->other);
	rig_answer(peers->other_p, rig_item(test, peers->other_p, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers->c, event, 0);
}

static void serve(struct kunit *test, struct peers *peers, struct hvcal_provider *p,
		  struct hvcal_job *job)
{
	KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
	rig_answer(p, job->work.id, 0);
	rig_expect_event(test, peers->c, HVCAL_EVENT_JOB, 0);
}

/* Drains with the first frame in hand and the next one behind it, held back. */
static struct hvcal_job *drain_busy(struct kunit *test, struct peers *peers,
				    struct hvcal_job **next)
{
	struct hvcal_job *first = rig_submitted(test, peers->s);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->p), first);
	*next = rig_submitted(test, peers->s);
	drain(peers->e);
	KUNIT_EXPECT_PTR_EQ(test, peers->s->binding->engine, peers->e);
	KUNIT_EXPECT_TRUE(test, peers->s->binding->waits);
	KUNIT_EXPECT_NULL(test, rig_take(peers->p));
	return first;
}

static void answer(struct kunit *test, struct peers *peers, struct hvcal_job *job)
{
	rig_answer(peers->p, job->work.id, 0);
	rig_expect_event(test, peers->c, HVCAL_EVENT_JOB, 0);
}

static void idle_session_leaves_at_once(struct kunit *test)
{
	struct peers peers = peers_make(test);

	drain(peers.e);
	KUNIT_EXPECT_EQ(test, peers.e->state, HVCAL_ENGINE_DRAINING);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 0);
	serve(test, &peers, peers.other_p, rig_submitted(test, peers.s));
}

static void frames_in_hand_end_first(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *next, *first = drain_busy(test, &peers, &next);

	answer(test, &peers, first);
	look(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
	serve(test, &peers, peers.other_p, next);
	KUNIT_EXPECT_EQ(test, peers.s->stats.migrations, 1);
}

static void session_stays_while_there_is_no_other_place(struct kunit *test)
{
	struct peers peers = peers_alone(test);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	drain(peers.e);
	serve(test, &peers, peers.p, job);
	look_at_all(peers.e);
	serve(test, &peers, peers.p, rig_submitted(test, peers.s));
	/* now there is one */
	peers.other = rig_engine(test, peers.other_p);
	look(peers.e);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	look_at_all(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
}

static void who_waited_in_vain_goes_on(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *next, *first = drain_busy(test, &peers, &next);

	rig_provider_close(peers.other_p);
	answer(test, &peers, first);
	look(peers.e);
	KUNIT_EXPECT_FALSE(test, peers.s->binding->waits);
	serve(test, &peers, peers.p, next);
}

static void every_session_is_looked_at(struct kunit *test)
{
	struct peers peers = peers_alone(test);
	struct hvcal_session *s[3] = { peers.s };

	for (int i = 1; i < 3; i++)
		s[i] = rig_session(test, peers.c);
	/* one has a frame there */
	KUNIT_ASSERT_PTR_EQ(test, rig_submitted(test, s[1]), rig_take(peers.p));
	peers.other = rig_engine(test, peers.other_p);
	drain(peers.e);
	KUNIT_EXPECT_PTR_EQ(test, s[0]->binding->engine, peers.other);
	KUNIT_EXPECT_PTR_EQ(test, s[1]->binding->engine, peers.e);
	KUNIT_EXPECT_PTR_EQ(test, s[2]->binding->engine, peers.other);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 1);
}

static void who_named_the_engine_stays(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(0);

	peers.e = rig_engine(test, peers.p);
	args.engine = peers.e->id;
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	rig_engine(test, rig_provider(test));
	drain(peers.e);
	serve(test, &peers, peers.p, rig_submitted(test, peers.s));
}

/* What the encoder looks ahead in would never come out. */
static void frames_that_are_held_keep_their_session(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *next, *first = drain_busy(test, &peers, &next);

	rig_answer_as(peers.p, first->work.id, HVCAL_RESULT_HELD, 0);
	look(peers.e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), next);
	answer(test, &peers, first);
	look(peers.e);
	answer(test, &peers, next);
	look_at_all(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
}

static void session_that_opens_leaves_when_it_is_open(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(0);
	u64 open;

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	peers.other_p = rig_provider(test);
	peers.other = rig_engine(test, peers.other_p);
	open = rig_item(test, peers.p, HVCAL_ITEM_OPEN);
	drain(peers.e);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	rig_answer(peers.p, open, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);
	look_at_all(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
}

static void session_that_is_not_opened_yet_opens_elsewhere(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(0);

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	peers.other_p = rig_provider(test);
	peers.other = rig_engine(test, peers.other_p);
	drain(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_OPENED);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
}

static void nobody_comes_to_an_engine_that_drains(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(0);

	/* the other one has the session, so the empty one would be chosen */
	drain(peers.e);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
	KUNIT_EXPECT_PTR_EQ(test, rig_session_as(test, peers.c, &args)->binding->engine,
			    peers.other);
}

static void engine_that_drains_goes_as_any_other(struct kunit *test)
{
	struct peers peers = peers_alone(test);

	drain(peers.e);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&peers.e->drain));
	/* its session has no place, and then one; no timer is left (rig_exit()) */
	rig_provider_close(peers.p);
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	peers.other = rig_engine(test, peers.other_p);
	expect_moved(test, &peers, HVCAL_EVENT_RESYNC);
}

static struct kunit_case drain_cases[] = {
	KUNIT_CASE(idle_session_leaves_at_once),
	KUNIT_CASE(frames_in_hand_end_first),
	KUNIT_CASE(session_stays_while_there_is_no_other_place),
	KUNIT_CASE(who_waited_in_vain_goes_on),
	KUNIT_CASE(every_session_is_looked_at),
	KUNIT_CASE(who_named_the_engine_stays),
	KUNIT_CASE(frames_that_are_held_keep_their_session),
	KUNIT_CASE(session_that_opens_leaves_when_it_is_open),
	KUNIT_CASE(session_that_is_not_opened_yet_opens_elsewhere),
	KUNIT_CASE(nobody_comes_to_an_engine_that_drains),
	KUNIT_CASE(engine_that_drains_goes_as_any_other),
	{}
};

static struct kunit_suite drain_suite = {
	.name = "hvcal_drain",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = drain_cases,
};

kunit_test_suite(drain_suite);
