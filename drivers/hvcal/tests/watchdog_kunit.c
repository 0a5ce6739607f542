// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_watchdog.c"

/* The most that an engine is given, and for a frame of which nothing is known. */
#define CAP_NS (10000 * RIG_MS)

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p;
	struct hvcal_engine *e;
	struct hvcal_session *s;
};

static struct peers peers_make(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session(test, peers.c);
	return peers;
}

static struct hvcal_job *running(struct kunit *test, struct peers *peers)
{
	struct hvcal_job *job = rig_submitted(test, peers->s);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->p), job);
	return job;
}

/* The timer of @e is over, @ns from now. */
static void fire_after(struct hvcal_engine *e, u64 ns)
{
	rig_advance(ns);
	mod_delayed_work(hvcal.wq, &e->watchdog, 0);
	flush_delayed_work(&e->watchdog);
	/* what a second strike starts */
	flush_workqueue(hvcal.wq);
}

static void in_time_is_no_strike(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	KUNIT_EXPECT_EQ(test, job->work.budget_ns, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, rig_now() + CAP_NS);
	fire_after(peers.e, CAP_NS - 1);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	/* it looks again when it must */
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, rig_now() + 1);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, 0);
	KUNIT_EXPECT_EQ(test, peers.p->late, 0);
}

static void first_strike_ends_the_frame(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	rig_submitted(test, peers.s);
	fire_after(peers.e, CAP_NS);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_TIMEDOUT);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 1);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ETIMEDOUT);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.s->stats.timed_out, 1);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));

	/* better late than never: counted, and trusted again */
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, peers.p->late, 1);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.s->stats.done, 0);
	KUNIT_EXPECT_NOT_NULL(test, rig_take(peers.p));
}

static void second_strike_ends_the_provider(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers), *queued = rig_submitted(test, peers.s);
	u64 id = job->work.id;

	fire_after(peers.e, CAP_NS);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ETIMEDOUT);
	fire_after(peers.e, CAP_NS - 1);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	fire_after(peers.e, 1);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.engines));
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.sysfs), 0);
	/* its session waits for another engine, what was queued with it */
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_MIGRATING);
	RIG_EXPECT_STATE(test, queued, HVCAL_JOB_READY);
	/* it only hangs: it may still write */
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 1);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, peers.p->late, 1);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

static void quarantine_ends_with_the_file(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_buffer *target = job->target;

	fire_after(peers.e, CAP_NS);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, target->quarantined, 1);
	rig_provider_close(peers.p);
	KUNIT_EXPECT_EQ(test, target->quarantined, 0);
}

static void completion_wins_over_the_watchdog(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	rig_advance(CAP_NS + 1);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	fire_after(peers.e, 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, peers.s->stats.timed_out, 0);
}

static void canceled_frame_is_watched_all_the_same(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	hvcal_job_cancel(peers.s, job->id);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_CANCELED);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.s->stats.timed_out, 0);
	/* nobody waited for it: not late, but canceled */
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, peers.p->late, 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
}

static void held_frame_is_not_watched(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	rig_answer_as(peers.p, job->work.id, HVCAL_RESULT_HELD, 0);
	fire_after(peers.e, 3 * CAP_NS);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, 0);
}

/* The clock of a frame starts when its predecessor is done. */
static void frames_of_a_stream_are_watched_in_turn(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *first, *second;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session(test, peers.c);
	first = running(test, &peers);
	second = running(test, &peers);
	rig_advance(CAP_NS - 5);
	/* an error teaches nothing, so that the budgets stay */
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, first->work.id, -EIO), 0);
	fire_after(peers.e, CAP_NS - 1);
	RIG_EXPECT_STATE(test, second, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	fire_after(peers.e, 1);
	RIG_EXPECT_STATE(test, second, HVCAL_JOB_TIMEDOUT);
}

static void open_and_close_are_watched(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	u64 id = rig_item(test, peers.p, HVCAL_ITEM_OPEN);

	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, s->state, HVCAL_SESSION_OPENING);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);

	rig_session_close(s);
	rig_item(test, peers.p, HVCAL_ITEM_CLOSE);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

static void two_overdue_items_are_not_two_strikes(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *one, *two;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session(test, peers.c);
	one = running(test, &peers);
	peers.s = rig_session(test, peers.c);
	two = running(test, &peers);
	fire_after(peers.e, CAP_NS);
	RIG_EXPECT_STATE(test, one, HVCAL_JOB_TIMEDOUT);
	RIG_EXPECT_STATE(test, two, HVCAL_JOB_TIMEDOUT);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, peers.p->overdue, 2);
	rig_answer(peers.p, one->work.id, 0);
	rig_answer(peers.p, two->work.id, 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.p->late, 2);
}

static void budget_follows_what_was_learned(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *job;
	u32 i;

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	for (i = 0; i < 20; i++) {
		job = running(test, &peers);
		rig_advance(RIG_MS / 2);
		rig_answer(peers.p, job->work.id, 0);
		rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
		rig_advance(40 * RIG_MS);
	}
	/* the floor is above two periods and four times the cost */
	KUNIT_EXPECT_EQ(test, running(test, &peers)->work.budget_ns, 1000 * RIG_MS);
	/* what is no frame has no cost */
	job = rig_control(test, peers.s, HVCAL_ITEM_FLUSH);
	KUNIT_EXPECT_EQ(test, hvcal_watchdog_job_budget(peers.s->binding, job), CAP_NS);
	hvcal_job_put(job);
}

static void earlier_timer_stands(struct kunit *test)
{
	struct peers peers = peers_make(test);
	unsigned long flags;
	u64 now = rig_now();

	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_watchdog_arm_locked(peers.e, now + 500 * RIG_MS);
	hvcal_watchdog_arm_locked(peers.e, now + 600 * RIG_MS);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, now + 500 * RIG_MS);
	hvcal_watchdog_arm_locked(peers.e, now + 400 * RIG_MS);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, now + 400 * RIG_MS);
	peers.e->watchdog_at = 0;
	peers.e->state = HVCAL_ENGINE_GONE;
	hvcal_watchdog_arm_locked(peers.e, now + 1);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, 0);
	peers.e->state = HVCAL_ENGINE_READY;
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static struct kunit_case watchdog_cases[] = {
	KUNIT_CASE(in_time_is_no_strike),
	KUNIT_CASE(first_strike_ends_the_frame),
	KUNIT_CASE(second_strike_ends_the_provider),
	KUNIT_CASE(quarantine_ends_with_the_file),
	KUNIT_CASE(completion_wins_over_the_watchdog),
	KUNIT_CASE(canceled_frame_is_watched_all_the_same),
	KUNIT_CASE(held_frame_is_not_watched),
	KUNIT_CASE(frames_of_a_stream_are_watched_in_turn),
	KUNIT_CASE(open_and_close_are_watched),
	KUNIT_CASE(two_overdue_items_are_not_two_strikes),
	KUNIT_CASE(budget_follows_what_was_learned),
	KUNIT_CASE(earlier_timer_stands),
	{}
};

static struct kunit_suite watchdog_suite = {
	.name = "hvcal_watchdog",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = watchdog_cases,
};

kunit_test_suite(watchdog_suite);
