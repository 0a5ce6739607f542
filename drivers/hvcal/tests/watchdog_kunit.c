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

/* The timer comes late itself: nobody ran, and the frame gets that time back. */
static void still_machine_is_no_strike(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 still = 700 * RIG_MS;

	fire_after(peers.e, CAP_NS + still);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.e->watchdog_at, rig_now() + still);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
}

/* Once: who does not answer is judged, on however slow a machine. */
static void always_late_machine_has_its_ends(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 still = 700 * RIG_MS;

	fire_after(peers.e, CAP_NS + STILL_NS - 1);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_TIMEDOUT);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ETIMEDOUT);
	fire_after(peers.e, CAP_NS + still);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	fire_after(peers.e, 2 * still);
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

/* ------------------------------------------------------------------------ */
/* Work that nobody comes for                                               */

static void look(struct kunit *test, struct hvcal_provider *p)
{
	KUNIT_ASSERT_TRUE(test, delayed_work_pending(&p->attend));
	flush_delayed_work(&p->attend);
	flush_workqueue(hvcal.wq);
}

static u32 engine_state(struct hvcal_engine *e)
{
	struct hvcal_engine_info info;

	hvcal_engine_info(e, &info);
	return info.state;
}

static void third_look_ends_the_provider(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_submitted(test, peers.s);
	struct hvcal_item item;

	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, engine_state(peers.e), HVCAL_ENGINE_SUSPECT);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.engines));
	/* nobody ever had the frame: it waits for another engine, nothing is lost */
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.p->attend));
	/* who wakes up now finds that out, and no more */
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, &item, 1), -ENODEV);
}

static void session_moves_on_from_who_does_not_come(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_provider *other = rig_provider(test);
	struct hvcal_job *job = rig_submitted(test, peers.s);
	struct hvcal_engine *e = rig_engine(test, other);
	u32 i;

	for (i = 0; i < MISSED_DEAD; i++)
		look(test, peers.p);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, e);
	rig_answer(other, rig_item(test, other, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RESYNC, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(other), job);
	rig_answer(other, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
}

static void who_comes_late_is_trusted_again(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_item items[4];

	rig_submitted(test, peers.s);
	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	/* being suspected of that takes nothing from it */
	KUNIT_ASSERT_EQ(test, rig_acquire(peers.p, items, ARRAY_SIZE(items)), 3);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	KUNIT_EXPECT_EQ(test, peers.p->missed, 0);
	rig_answer(peers.p, items[2].id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	look(test, peers.p);
	/* there is nothing to look at any more */
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.p->attend));
}

/* Looks in a row, at work that lies there: what has gone in between was no fault. */
static void looks_count_in_a_row(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	hvcal_job_cancel(peers.s, job->id);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	/* its buffers were never told of, so nothing is left to come for */
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	rig_submitted(test, peers.s);
	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
}

static void machine_that_stood_still_blames_nobody(struct kunit *test)
{
	struct peers peers = peers_make(test);
	u32 i;

	rig_submitted(test, peers.s);
	for (i = 0; i < 2 * MISSED_DEAD; i++) {
		rig_advance(look_interval(hvcal_watchdog_attend_ms) * 3 / 2 + 1);
		look(test, peers.p);
	}
	KUNIT_EXPECT_EQ(test, peers.p->missed, 0);
	/* just in time */
	for (i = 0; i < MISSED_DEAD; i++) {
		KUNIT_EXPECT_EQ(test, peers.p->state, i < MISSED_SUSPECT ? HVCAL_PROVIDER_LIVE :
				HVCAL_PROVIDER_SUSPECT);
		rig_advance(look_interval(hvcal_watchdog_attend_ms) * 3 / 2);
		look(test, peers.p);
	}
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

/* It may be a single thread, and at work; for that there is the other watchdog. */
static void who_is_at_work_need_not_come(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *job;
	u32 i;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session(test, peers.c);
	job = running(test, &peers);
	rig_submitted(test, peers.s);
	for (i = 0; i < 2 * MISSED_DEAD; i++)
		look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->missed, 0);
	/* what it keeps for later is no work */
	rig_answer_as(peers.p, job->work.id, HVCAL_RESULT_HELD, 0);
	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_ERROR);
}

/* What nobody watches any more is no excuse for longer than its budget. */
static void work_of_a_left_stream_excuses_for_its_budget(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	unsigned long flags;
	u32 i;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session(test, peers.c);
	running(test, &peers);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_migrate_leave_locked(peers.s);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	peers.s = rig_session_as(test, peers.c, &(struct hvcal_session_args)
				 { .ask = peers.s->ask, .res = peers.s->res });
	for (i = 0; i < MISSED_DEAD; i++)
		look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->missed, 0);
	rig_advance(CAP_NS);
	for (i = 0; i < MISSED_DEAD; i++)
		look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

static void open_and_close_must_be_come_for(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(0);

	rig_session_as(test, peers.c, &args);
	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_OPEN), 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);

	rig_session_close(peers.s);
	look(test, peers.p);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
	/* what cannot be told any more keeps nothing */
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_SESSIONS]), 1);
}

static void flush_must_be_come_for(struct kunit *test)
{
	struct peers peers = peers_make(test);
	u32 i;

	KUNIT_ASSERT_EQ(test, rig_submit(rig_control(test, peers.s, HVCAL_ITEM_FLUSH)), 0);
	for (i = 0; i < MISSED_DEAD; i++)
		look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

/* Who comes and cannot take it is as good as not there. */
static void coming_in_vain_does_not_count(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_item items[4];
	u32 i;

	rig_submitted(test, peers.s);
	for (i = 0; i < MISSED_DEAD; i++) {
		rig.fail_fd = 1;
		KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, items, ARRAY_SIZE(items)), -EMFILE);
		look(test, peers.p);
	}
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_DEAD);
}

/* What it may not be given is not waited for: its answer is. */
static void overdue_provider_need_not_come(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *job;
	struct hvcal_item item;
	u32 i;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session(test, peers.c);
	job = running(test, &peers);
	rig_submitted(test, peers.s);
	fire_after(peers.e, CAP_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_ASSERT_EQ(test, rig_acquire(peers.p, &item, 1), 1);
	KUNIT_EXPECT_EQ(test, item.type, HVCAL_ITEM_CANCEL);
	look(test, peers.p);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.p->attend));
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	for (i = 0; i < MISSED_SUSPECT; i++)
		look(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
}

static void nobody_looks_if_told_so(struct kunit *test)
{
	struct peers peers = peers_make(test);

	/* of the opening */
	look(test, peers.p);
	hvcal_watchdog_attend_ms = 0;
	rig_submitted(test, peers.s);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.p->attend));
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
	KUNIT_CASE(still_machine_is_no_strike),
	KUNIT_CASE(always_late_machine_has_its_ends),
	KUNIT_CASE(quarantine_ends_with_the_file),
	KUNIT_CASE(completion_wins_over_the_watchdog),
	KUNIT_CASE(canceled_frame_is_watched_all_the_same),
	KUNIT_CASE(held_frame_is_not_watched),
	KUNIT_CASE(frames_of_a_stream_are_watched_in_turn),
	KUNIT_CASE(open_and_close_are_watched),
	KUNIT_CASE(two_overdue_items_are_not_two_strikes),
	KUNIT_CASE(budget_follows_what_was_learned),
	KUNIT_CASE(earlier_timer_stands),
	KUNIT_CASE(third_look_ends_the_provider),
	KUNIT_CASE(session_moves_on_from_who_does_not_come),
	KUNIT_CASE(who_comes_late_is_trusted_again),
	KUNIT_CASE(looks_count_in_a_row),
	KUNIT_CASE(machine_that_stood_still_blames_nobody),
	KUNIT_CASE(who_is_at_work_need_not_come),
	KUNIT_CASE(work_of_a_left_stream_excuses_for_its_budget),
	KUNIT_CASE(open_and_close_must_be_come_for),
	KUNIT_CASE(flush_must_be_come_for),
	KUNIT_CASE(coming_in_vain_does_not_count),
	KUNIT_CASE(overdue_provider_need_not_come),
	KUNIT_CASE(nobody_looks_if_told_so),
	{}
};

static struct kunit_suite watchdog_suite = {
	.name = "hvcal_watchdog",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = watchdog_cases,
};

kunit_test_suite(watchdog_suite);
