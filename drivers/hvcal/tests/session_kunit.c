// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_session.c"

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

static int create(struct peers *peers, const struct hvcal_session_args *args)
{
	struct hvcal_session_reply reply;

	return hvcal_session_create(peers->c, args, &reply);
}

static struct hvcal_session *opening(struct kunit *test, struct peers *peers)
{
	struct hvcal_session_args args = rig_args(0);

	return rig_session_as(test, peers->c, &args);
}

static u64 sessions_charged(const struct peers *peers)
{
	return peers->c->user->used[HVCAL_CHARGE_SESSIONS];
}

/* Nothing of a session that was refused or has gone. */
static void expect_none(struct kunit *test, struct peers *peers)
{
	KUNIT_EXPECT_EQ(test, sessions_charged(peers), 0);
	KUNIT_EXPECT_EQ(test, peers->e->sessions, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers->e->bindings));
	KUNIT_EXPECT_TRUE(test, xa_empty(&peers->c->sessions));
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.sessions));
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_SESSIONS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 0);
}

static void session_is_bound_then_opened(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_session_reply reply;
	struct hvcal_session_stats st;
	struct hvcal_session *s;
	struct hvcal_event ev;

	KUNIT_ASSERT_EQ(test, hvcal_session_create(peers.c, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.engine, peers.e->id);
	KUNIT_EXPECT_GT(test, reply.share_ppm, 0);
	KUNIT_EXPECT_EQ(test, reply.share_ppm + reply.left_ppm, 1000000);
	KUNIT_EXPECT_EQ(test, sessions_charged(&peers), 1);
	s = xa_load(&peers.c->sessions, reply.handle);
	KUNIT_EXPECT_EQ(test, s->state, HVCAL_SESSION_OPENING);
	RIG_EXPECT_NO_EVENT(test, peers.c);

	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_OPEN), 0);
	ev = rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);
	KUNIT_EXPECT_EQ(test, ev.session, reply.handle);
	KUNIT_EXPECT_EQ(test, ev.engine, peers.e->id);
	hvcal_session_stats_get(s, &st);
	KUNIT_EXPECT_EQ(test, st.state, HVCAL_SESSION_ACTIVE);
	KUNIT_EXPECT_EQ(test, st.share_ppm, reply.share_ppm);
	KUNIT_EXPECT_EQ(test, st.have_ppm, reply.share_ppm);
	KUNIT_EXPECT_EQ(test, st.placed, HVCAL_PLACED_ONLY);

	rig_session_close(s);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	expect_none(test, &peers);
}

static void refused_session_leaves_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(0);

	args.engine = peers.e->id + 1;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -ENODEV);
	args = rig_args(0);
	args.ask.codec = RIG_CODEC + 1;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -ENOTCONN);
	/* a frame costs more than there is time for one */
	args = rig_args(RIG_MS / 2);
	peers.c->nice = true;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -ENOSPC);
	expect_none(test, &peers);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
}

static void no_memory_leaves_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(0);
	u32 n = 0;
	int ret;

	do {
		rig.fail_alloc = ++n;
		ret = create(&peers, &args);
		if (ret) {
			KUNIT_EXPECT_EQ(test, ret, -ENOMEM);
			expect_none(test, &peers);
		}
	} while (ret && n < 10);
	KUNIT_EXPECT_EQ(test, ret, 0);
	/* the session, the model and the binding */
	KUNIT_EXPECT_EQ(test, n, 4);
	rig.fail_alloc = 0;
}

static void tight_deadlines_need_a_credential(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_reservation before;
	struct hvcal_session_reply reply = {};
	struct hvcal_session *s;

	s = rig_session_as(test, peers.c, &args);
	args.res.deadline_ns = 20 * RIG_MS - 1;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -EACCES);
	KUNIT_EXPECT_EQ(test, rig_reserve(s, &args.res, &before, &reply), -EACCES);
	args.res.deadline_ns = 20 * RIG_MS;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), 0);
	args = rig_args(RIG_MS - 1);
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -EACCES);
	KUNIT_EXPECT_EQ(test, sessions_charged(&peers), 2);
	peers.c->nice = true;
	args = rig_args(40 * RIG_MS);
	args.res.deadline_ns = 20 * RIG_MS - 1;
	KUNIT_EXPECT_EQ(test, create(&peers, &args), 0);
}

static void file_has_its_limit(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	unsigned int limit = hvcal_max_sessions;
	struct peers peers = peers_make(test);
	struct hvcal_session *s;

	hvcal_max_sessions = 2;
	opening(test, &peers);
	s = opening(test, &peers);
	KUNIT_EXPECT_EQ(test, create(&peers, &args), -EUSERS);
	KUNIT_EXPECT_EQ(test, sessions_charged(&peers), 2);
	rig_session_close(s);
	KUNIT_EXPECT_EQ(test, create(&peers, &args), 0);
	hvcal_max_sessions = limit;
}

static void nothing_runs_before_the_engine_is_open(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = opening(test, &peers);
	struct hvcal_job *job = rig_submitted(test, s);

	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	rig_session_open(test, s);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.p), job);
}

static void session_that_cannot_open_is_lost(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = opening(test, &peers);
	struct hvcal_session_stats st;
	struct hvcal_job *job;

	rig_submitted(test, s);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_OPEN), -EIO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, -EIO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -EIO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EIO);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	hvcal_session_stats_get(s, &st);
	KUNIT_EXPECT_EQ(test, st.state, HVCAL_SESSION_LOST);
	KUNIT_EXPECT_EQ(test, st.engine, 0);
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 0);
	/* the provider has no stream to close */
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	job = rig_frame(test, s);
	KUNIT_EXPECT_EQ(test, rig_submit(job), -ENOTCONN);
	hvcal_job_put(job);
	rig_session_close(s);
	expect_none(test, &peers);
}

static void close_before_open_was_taken(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = opening(test, &peers);

	rig_submitted(test, s);
	rig_session_close(s);
	/* the provider never hears of it */
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	RIG_EXPECT_NO_EVENT(test, peers.c);
	expect_none(test, &peers);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);
}

static void close_before_open_was_answered(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = opening(test, &peers);
	u64 open = rig_item(test, peers.p, HVCAL_ITEM_OPEN), close;

	rig_session_close(s);
	/* it goes after the engine has said that it is open */
	KUNIT_EXPECT_EQ(test, peers.e->sessions, 1);
	KUNIT_EXPECT_EQ(test, hvcal_provider_check(peers.p, open), -ECANCELED);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, open, 0), 0);
	close = rig_item(test, peers.p, HVCAL_ITEM_CLOSE);
	KUNIT_EXPECT_EQ(test, hvcal_provider_check(peers.p, close), 0);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, close, 0), 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	expect_none(test, &peers);
}

static void close_of_what_cannot_open(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = opening(test, &peers);
	u64 open = rig_item(test, peers.p, HVCAL_ITEM_OPEN);

	rig_session_close(s);
	KUNIT_EXPECT_FALSE(test, list_empty(&peers.p->control));
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, open, -EIO), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	RIG_EXPECT_NO_EVENT(test, peers.c);
	expect_none(test, &peers);
}

static void close_is_silent(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c), *other = rig_session(test, peers.c);
	struct hvcal_job *run = rig_submitted(test, s), *done = rig_submitted(test, s);
	u64 id;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), run);
	rig_answer(peers.p, run->work.id, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), done);
	id = done->work.id;
	rig_submitted(test, s);
	rig_submitted(test, other);
	KUNIT_EXPECT_EQ(test, peers.c->user->used[HVCAL_CHARGE_JOBS], 4);
	rig_session_close(s);

	/* what was finished before is told; the rest is not */
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.c->user->used[HVCAL_CHARGE_JOBS], 1);
	/* the provider has its item until it answers */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 2);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 1);
}

static void closed_stream_takes_its_items_along(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_job *job = rig_submitted(test, s);
	struct hvcal_item items[2] = {};
	u64 id;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	id = job->work.id;
	rig_session_close(s);
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, items, 2), 2);
	KUNIT_EXPECT_EQ(test, items[0].type, HVCAL_ITEM_CANCEL);
	KUNIT_EXPECT_EQ(test, items[0].cancel_id, id);
	KUNIT_EXPECT_EQ(test, items[1].type, HVCAL_ITEM_CLOSE);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, items[1].id, 0), 0);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, peers.e->running, 0);
	expect_none(test, &peers);
}

static void pressure(struct hvcal_session *s, bool pressed, u32 have_ppm)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_session_pressure_locked(s, pressed, have_ppm);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static void small_changes_of_pressure_are_not_told(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_session_stats st;

	pressure(s, false, 500000);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	pressure(s, true, 160000);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			160000);
	pressure(s, true, 170000);
	pressure(s, true, 150000);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	hvcal_session_stats_get(s, &st);
	KUNIT_EXPECT_EQ(test, st.have_ppm, 160000);
	/* two that nobody has read are one: the last */
	pressure(s, true, 149999);
	pressure(s, true, 100000);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			100000);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	pressure(s, false, 200000);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			200000);
	pressure(s, false, 300000);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void destroyed_session_withdraws_its_events(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);

	pressure(s, true, 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&peers.c->events));
	rig_session_close(s);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void stats_count_what_is_where(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_job *job = rig_submitted(test, s);
	struct hvcal_session_stats st;

	rig_submitted(test, s);
	rig_submitted(test, s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	hvcal_session_stats_get(s, &st);
	KUNIT_EXPECT_EQ(test, st.queued, 2);
	KUNIT_EXPECT_EQ(test, st.running, 1);
	KUNIT_EXPECT_EQ(test, st.submitted, 3);
	KUNIT_EXPECT_EQ(test, st.engine, peers.e->id);
	rig_answer(peers.p, job->work.id, 0);
	hvcal_session_stats_get(s, &st);
	KUNIT_EXPECT_EQ(test, st.running, 0);
	KUNIT_EXPECT_EQ(test, st.done, 1);
	KUNIT_EXPECT_EQ(test, st.timeline, 1);
}

static void reservation_is_given_by_who_has_one(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	struct hvcal_reservation res = args.res, before;
	struct hvcal_session_reply reply = {};
	u32 share = hvcal_sched_share_locked(s);

	rig_session_open(test, s);
	res.period_ns = 20 * RIG_MS;
	KUNIT_EXPECT_EQ(test, rig_reserve(s, &res, &before, &reply), 0);
	KUNIT_EXPECT_EQ(test, before.period_ns, 40 * RIG_MS);
	KUNIT_EXPECT_GT(test, reply.share_ppm, share);
	KUNIT_EXPECT_EQ(test, s->asked.period_ns, 20 * RIG_MS);
	/* frames go on under the old one */
	KUNIT_EXPECT_EQ(test, s->res.period_ns, 40 * RIG_MS);

	/* there is no time for that: as before */
	res.width = 4096;
	res.height = 4096;
	KUNIT_EXPECT_EQ(test, rig_reserve(s, &res, &before, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, s->asked.width, 640);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_ENGINE_TIME);

	s->state = HVCAL_SESSION_CLOSED;
	KUNIT_EXPECT_EQ(test, rig_reserve(s, &args.res, &before, &reply), -ENOENT);
	s->state = HVCAL_SESSION_ACTIVE;
}

static void switch_changes_the_class_at_once(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	struct hvcal_reservation res = args.res;
	struct hvcal_session_reply reply = {};
	struct hvcal_job *job;

	rig_session_open(test, s);
	s->pressed = true;
	res.sched_class = HVCAL_CLASS_BEST_EFFORT;
	KUNIT_EXPECT_EQ(test, rig_switch(s, &res, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.share_ppm, 0);
	KUNIT_EXPECT_FALSE(test, s->binding->flow.realtime);
	KUNIT_EXPECT_EQ(test, s->binding->flow.lane, HVCAL_LANE_NONE);
	KUNIT_EXPECT_FALSE(test, s->ask.realtime);
	KUNIT_EXPECT_FALSE(test, s->pressed);

	/* too much to ask: as before */
	res.sched_class = HVCAL_CLASS_REALTIME;
	res.period_ns = RIG_MS / 2;
	KUNIT_EXPECT_EQ(test, rig_switch(s, &res, &reply), -EACCES);
	peers.c->nice = true;
	KUNIT_EXPECT_EQ(test, rig_switch(s, &res, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_ENGINE_TIME);
	KUNIT_EXPECT_EQ(test, s->res.sched_class, HVCAL_CLASS_BEST_EFFORT);
	KUNIT_EXPECT_EQ(test, s->asked.period_ns, 40 * RIG_MS);
	KUNIT_EXPECT_EQ(test, rig_switch(s, &args.res, &reply), 0);
	KUNIT_EXPECT_GT(test, reply.share_ppm, 0);
	KUNIT_EXPECT_TRUE(test, s->binding->flow.realtime);

	/* the engine would have to know */
	res = args.res;
	res.height++;
	KUNIT_EXPECT_EQ(test, rig_switch(s, &res, &reply), -EINVAL);
	/* which of the two would hold? */
	job = rig_control(test, s, HVCAL_ITEM_RECONFIGURE);
	job->res = args.res;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_EXPECT_EQ(test, rig_switch(s, &args.res, &reply), -EBUSY);
	s->state = HVCAL_SESSION_CLOSED;
	KUNIT_EXPECT_EQ(test, rig_switch(s, &args.res, &reply), -ENOENT);
	s->state = HVCAL_SESSION_ACTIVE;
}

static void bad_reservations_are_refused(struct kunit *test)
{
	const struct hvcal_reservation good = rig_args(40 * RIG_MS).res;
	struct hvcal_reservation res = good;

	KUNIT_EXPECT_EQ(test, hvcal_reservation_check(&good), 0);
	res = rig_args(0).res;
	KUNIT_EXPECT_EQ(test, hvcal_reservation_check(&res), 0);
#define EXPECT_BAD(field, value) do { \
	res = good; \
	res.field = (value); \
	KUNIT_EXPECT_EQ_MSG(test, hvcal_reservation_check(&res), -EINVAL, #field); \
} while (0)
	EXPECT_BAD(sched_class, HVCAL_CLASS_REALTIME + 1);
	EXPECT_BAD(pad, 1);
	EXPECT_BAD(preset, PRESET_MAX + 1);
	EXPECT_BAD(bit_depth, 7);
	EXPECT_BAD(bit_depth, 17);
	EXPECT_BAD(width, 0);
	EXPECT_BAD(width, SIZE_MAX_PIXELS + 1);
	EXPECT_BAD(height, 0);
	EXPECT_BAD(height, SIZE_MAX_PIXELS + 1);
	EXPECT_BAD(period_ns, 0);
	EXPECT_BAD(period_ns, PERIOD_MIN_NS - 1);
	EXPECT_BAD(period_ns, PERIOD_MAX_NS + 1);
	EXPECT_BAD(deadline_ns, PERIOD_MAX_NS + 1);
#undef EXPECT_BAD
	res = good;
	res.width = SIZE_MAX_PIXELS;
	res.height = SIZE_MAX_PIXELS;
	KUNIT_EXPECT_EQ(test, hvcal_reservation_check(&res), -EINVAL);
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(session_is_bound_then_opened),
	KUNIT_CASE(refused_session_leaves_nothing),
	KUNIT_CASE(no_memory_leaves_nothing),
	KUNIT_CASE(tight_deadlines_need_a_credential),
	KUNIT_CASE(file_has_its_limit),
	KUNIT_CASE(nothing_runs_before_the_engine_is_open),
	KUNIT_CASE(session_that_cannot_open_is_lost),
	KUNIT_CASE(close_before_open_was_taken),
	KUNIT_CASE(close_before_open_was_answered),
	KUNIT_CASE(close_of_what_cannot_open),
	KUNIT_CASE(close_is_silent),
	KUNIT_CASE(closed_stream_takes_its_items_along),
	KUNIT_CASE(small_changes_of_pressure_are_not_told),
	KUNIT_CASE(destroyed_session_withdraws_its_events),
	KUNIT_CASE(stats_count_what_is_where),
	KUNIT_CASE(reservation_is_given_by_who_has_one),
	KUNIT_CASE(switch_changes_the_class_at_once),
	KUNIT_CASE(bad_reservations_are_refused),
	{}
};

static struct kunit_suite session_suite = {
	.name = "hvcal_session",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
