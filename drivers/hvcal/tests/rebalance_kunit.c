// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_rebalance.c"

/* A session at a software engine, and a provider that may bring hardware. */
struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *soft;
	struct hvcal_provider *hard;
	struct hvcal_session *s;
};

static struct hvcal_engine *bring(struct kunit *test, struct hvcal_provider *p, u32 kind)
{
	struct hvcal_engine_register reg = rig_registration();

	reg.kind = kind;
	reg.slots = 2;
	return rig_engine_as(test, p, &reg);
}

static struct peers peers_make(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = {
		.soft = rig_provider(test),
		.hard = rig_provider(test),
		.c = rig_client(test),
	};

	bring(test, peers.soft, HVCAL_ENGINE_SOFTWARE);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	return peers;
}

static struct hvcal_job *key_frame(struct kunit *test, struct peers *peers)
{
	struct hvcal_job *job = rig_frame(test, peers->s);

	job->flags = HVCAL_JOB_KEY;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	return job;
}

static void expect_moved(struct kunit *test, struct peers *peers, struct hvcal_engine *e,
			 struct hvcal_job *job)
{
	flush_workqueue(hvcal.wq);
	KUNIT_ASSERT_PTR_EQ(test, peers->s->binding->engine, e);
	KUNIT_EXPECT_NULL(test, peers->s->gated);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	rig_answer(peers->hard, rig_item(test, peers->hard, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers->c, HVCAL_EVENT_RESYNC, 0);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers->hard), job);
	rig_answer(peers->soft, rig_item(test, peers->soft, HVCAL_ITEM_CLOSE), 0);
	/* nothing is left of the old place */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 1);
}

static void expect_stayed(struct kunit *test, struct peers *peers, struct hvcal_job *job)
{
	flush_workqueue(hvcal.wq);
	KUNIT_EXPECT_NULL(test, peers->s->gated);
	KUNIT_EXPECT_EQ(test, peers->s->stats.migrations, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->soft), job);
	rig_answer(peers->soft, job->work.id, 0);
	rig_expect_event(test, peers->c, HVCAL_EVENT_JOB, 0);
}

static void nothing_waits_where_nothing_is_better(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = key_frame(test, &peers);

	KUNIT_EXPECT_NULL(test, peers.s->gated);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	expect_stayed(test, &peers, job);
}

static void only_key_frames_wait(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	KUNIT_EXPECT_NULL(test, peers.s->gated);
	expect_stayed(test, &peers, job);
	job = key_frame(test, &peers);
	expect_moved(test, &peers, e, job);
	KUNIT_EXPECT_EQ(test, peers.s->stats.migrations, 1);
}

static void gate_opens_when_all_before_are_done(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	struct hvcal_job *running = rig_submitted(test, peers.s), *queued, *key, *after;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.soft), running);
	queued = rig_submitted(test, peers.s);
	key = key_frame(test, &peers);
	after = rig_submitted(test, peers.s);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->gated, key);
	/* a second one finds the gate taken, and does not wait for a move itself */
	RIG_EXPECT_STATE(test, key_frame(test, &peers), HVCAL_JOB_READY);
	rig_answer(peers.soft, running->work.id, 0);
	flush_workqueue(hvcal.wq);
	RIG_EXPECT_STATE(test, key, HVCAL_JOB_WAITING);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.soft), queued);
	KUNIT_EXPECT_NULL(test, rig_take(peers.soft));
	/* however it ends */
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, queued->id), 1);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	flush_workqueue(hvcal.wq);
	rig_answer(peers.soft, queued->work.id, 0);
	expect_moved(test, &peers, e, key);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.hard), after);
}

static void gate_and_fence_both_count(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);
	struct dma_fence *fence = rig_fence(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);

	job->flags = HVCAL_JOB_KEY;
	hvcal_fence_add(job, dma_fence_get(fence));
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	flush_workqueue(hvcal.wq);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, e);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	dma_fence_signal(fence);
	expect_moved(test, &peers, e, job);
	dma_fence_put(fence);
}

static void better_place_that_has_gone(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	struct hvcal_job *first = rig_submitted(test, peers.s), *key = key_frame(test, &peers);

	KUNIT_EXPECT_PTR_EQ(test, peers.s->gated, key);
	hvcal_engine_retire(e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.soft), first);
	rig_answer(peers.soft, first->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	expect_stayed(test, &peers, key);
}

static void no_memory_to_move_is_no_loss(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *first = rig_submitted(test, peers.s), *key;

	bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	key = key_frame(test, &peers);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.soft), first);
	rig.fail_alloc = 1;
	rig_answer(peers.soft, first->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	expect_stayed(test, &peers, key);
}

static void cancelled_key_frame_leaves_the_gate(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *first = rig_submitted(test, peers.s), *key;

	bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	key = key_frame(test, &peers);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, key->id), 1);
	KUNIT_EXPECT_NULL(test, peers.s->gated);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	expect_stayed(test, &peers, first);
}

static void closed_at_the_gate(struct kunit *test)
{
	struct peers peers = peers_make(test);

	rig_submitted(test, peers.s);
	bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	key_frame(test, &peers);
	rig_session_close(peers.s);
	flush_workqueue(hvcal.wq);
	rig_answer(peers.soft, rig_item(test, peers.soft, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_SESSIONS]), 0);
}

static void rest_between_two_moves(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	struct hvcal_job *job;

	peers.s->moved_ns = rig_now();
	rig_advance(rebalance_ms * RIG_MS - 1);
	expect_stayed(test, &peers, key_frame(test, &peers));
	rig_advance(1);
	job = key_frame(test, &peers);
	expect_moved(test, &peers, e, job);
	KUNIT_EXPECT_EQ(test, peers.s->moved_ns, rig_now());
}

static void who_named_its_engine_stays(struct kunit *test)
{
	struct peers peers = peers_make(test);

	bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	peers.s->named = true;
	expect_stayed(test, &peers, key_frame(test, &peers));
}

static void frame_that_could_not_follow_keeps_all(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = bring(test, peers.hard, HVCAL_ENGINE_HARDWARE);
	struct hvcal_job *job = rig_frame(test, peers.s);

	e->gpu = 2;
	job->source->gpu = 1;
	job->flags = HVCAL_JOB_KEY;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	expect_stayed(test, &peers, job);
}

static struct kunit_case rebalance_cases[] = {
	KUNIT_CASE(nothing_waits_where_nothing_is_better),
	KUNIT_CASE(only_key_frames_wait),
	KUNIT_CASE(gate_opens_when_all_before_are_done),
	KUNIT_CASE(gate_and_fence_both_count),
	KUNIT_CASE(better_place_that_has_gone),
	KUNIT_CASE(no_memory_to_move_is_no_loss),
	KUNIT_CASE(cancelled_key_frame_leaves_the_gate),
	KUNIT_CASE(closed_at_the_gate),
	KUNIT_CASE(rest_between_two_moves),
	KUNIT_CASE(who_named_its_engine_stays),
	KUNIT_CASE(frame_that_could_not_follow_keeps_all),
	{}
};

static struct kunit_suite rebalance_suite = {
	.name = "hvcal_rebalance",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = rebalance_cases,
};

kunit_test_suite(rebalance_suite);
