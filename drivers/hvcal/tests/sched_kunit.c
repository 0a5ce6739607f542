// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_sched.c"

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

static struct hvcal_engine *engine_of_kind(struct kunit *test, struct peers *peers, u32 kind)
{
	struct hvcal_engine_register reg = rig_registration();

	reg.kind = kind;
	return rig_engine_as(test, peers->p, &reg);
}

static int create(struct peers *peers, const struct hvcal_session_args *args,
		  struct hvcal_session_reply *reply)
{
	return hvcal_session_create(peers->c, args, reply);
}

static u32 placed(struct kunit *test, struct peers *peers, u32 handle)
{
	struct hvcal_session *s = xa_load(&peers->c->sessions, handle);

	KUNIT_ASSERT_NOT_NULL(test, s);
	return s->placed;
}

static void choice_says_why(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_engine *soft = engine_of_kind(test, &peers, HVCAL_ENGINE_SOFTWARE), *second;
	struct hvcal_session_reply reply;

	KUNIT_ASSERT_EQ(test, create(&peers, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.engine, peers.e->id);
	KUNIT_EXPECT_EQ(test, placed(test, &peers, reply.handle), HVCAL_PLACED_KIND);

	args.engine = soft->id;
	KUNIT_ASSERT_EQ(test, create(&peers, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.engine, soft->id);
	KUNIT_EXPECT_EQ(test, placed(test, &peers, reply.handle), HVCAL_PLACED_NAMED);

	/* the first one has a session already */
	second = engine_of_kind(test, &peers, HVCAL_ENGINE_HARDWARE);
	args.engine = 0;
	KUNIT_ASSERT_EQ(test, create(&peers, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.engine, second->id);
	KUNIT_EXPECT_EQ(test, placed(test, &peers, reply.handle), HVCAL_PLACED_LOAD);
}

static void test_engines_are_chosen_by_name_only(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session_reply reply;

	peers.e = engine_of_kind(test, &peers, HVCAL_ENGINE_TEST);
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOTCONN);
	args.engine = peers.e->id;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
}

static void dead_engines_are_not_chosen(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = peers_make(test);
	struct hvcal_session_reply reply;

	peers.p->state = HVCAL_PROVIDER_DEAD;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOTCONN);
	peers.p->state = HVCAL_PROVIDER_LIVE;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
}

static void buffers_of_another_gpu(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = peers_make(test);
	struct hvcal_session_reply reply;

	peers.e->gpu = 1;
	args.ask.gpu = 2;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -EXDEV);
	peers.e->flags = HVCAL_ENGINE_FOREIGN_MEMORY;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
	peers.e->flags = 0;
	args.ask.gpu = 1;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
}

/* A refusal says which resource ran out. */
static void refusal_names_its_reason(struct kunit *test)
{
	unsigned int percent = user_share_percent, mbps = bandwidth_mbps;
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session_reply reply;

	peers.e->max_sessions = 1;
	KUNIT_ASSERT_EQ(test, create(&peers, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_SESSIONS);
	peers.e->max_sessions = 0;

	user_share_percent = 2;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_USER_SHARE);
	peers.c->nice = true;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
	peers.c->nice = false;
	user_share_percent = percent;

	bandwidth_mbps = 100;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_BANDWIDTH);
	/* three of 640 * 480 * 4.5 bytes at 25 Hz */
	bandwidth_mbps = 104;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
	bandwidth_mbps = mbps;
}

static void refusal_says_what_would_fit(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session_reply reply;
	u64 fit;

	peers.c->nice = true;
	KUNIT_ASSERT_EQ(test, create(&peers, &args, &reply), 0);
	/* 20.5 ms a frame */
	args.res.width = 4096;
	args.res.height = 2000;
	args.res.period_ns = 20 * RIG_MS;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_ENGINE_TIME);
	fit = reply.fit_period_ns;
	KUNIT_EXPECT_GT(test, fit, 20 * RIG_MS);
	/* a little less does not fit */
	args.res.period_ns = fit * 49 / 50;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), -ENOSPC);
	args.res.period_ns = fit * 257 / 256;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_NONE);
	KUNIT_EXPECT_EQ(test, reply.fit_period_ns, 0);
}

static void user_share_is_the_users(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	unsigned int percent = user_share_percent;
	struct peers peers = peers_make(test), other = peers;
	struct hvcal_session_reply reply;

	user_share_percent = 2;
	KUNIT_EXPECT_EQ(test, create(&peers, &args, &reply), 0);
	other.c = rig_client(test);
	KUNIT_EXPECT_EQ(test, create(&other, &args, &reply), -ENOSPC);
	other.c->uid = KUIDT_INIT(12345);
	KUNIT_EXPECT_EQ(test, create(&other, &args, &reply), 0);
	user_share_percent = percent;
}

static void outsiders_make_frames_longer(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	u32 share = hvcal_sched_share_locked(s);
	unsigned long flags;
	u64 cost, doubled;

	spin_lock_irqsave(&hvcal.lock, flags);
	cost = hvcal_sched_cost_locked(s->binding, 0);
	peers.e->external_ppm = 500000;
	doubled = hvcal_sched_cost_locked(s->binding, 0);
	hvcal_sched_replan_locked(peers.e);
	KUNIT_EXPECT_EQ(test, hvcal_sched_left_locked(peers.e),
			500000 - hvcal_sched_share_locked(s));
	peers.e->external_ppm = PPM;
	KUNIT_EXPECT_EQ(test, hvcal_sched_left_locked(peers.e), 0);
	peers.e->external_ppm = 500000;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_EQ(test, doubled, 2 * cost);
	KUNIT_EXPECT_GE(test, hvcal_sched_share_locked(s), 2 * share - 1);
	KUNIT_EXPECT_LE(test, hvcal_sched_share_locked(s), 2 * share + 1);
}

static void replan_at(struct hvcal_session *s, u64 ns_per_mpix)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	s->binding->model->cost.planned = ns_per_mpix;
	hvcal_sched_replan_locked(s->binding->engine);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

/* A lane of one member has room for a frame of almost a period. */
static u64 ns_per_mpix_of(u64 frame_ns)
{
	return frame_ns * PPM / (640 * 480);
}

static void pressure_has_hysteresis(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	u64 period;
	u32 share;

	rig_session_open(test, s);
	period = s->binding->flow.task.period_ns;
	replan_at(s, ns_per_mpix_of(period * 98 / 100));
	RIG_EXPECT_NO_EVENT(test, peers.c);
	replan_at(s, ns_per_mpix_of(period * 2));
	share = rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm;
	/* half of what it would take is all that there is */
	KUNIT_EXPECT_GT(test, share, 990000);
	KUNIT_EXPECT_LT(test, share, 1010000);
	KUNIT_EXPECT_TRUE(test, peers.e->queue.crowded);
	/* it fits again, but only just */
	replan_at(s, ns_per_mpix_of(period * 98 / 100));
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_TRUE(test, s->pressed);
	KUNIT_EXPECT_FALSE(test, peers.e->queue.crowded);
	replan_at(s, ns_per_mpix_of(period * 90 / 100));
	share = rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm;
	KUNIT_EXPECT_EQ(test, share, hvcal_sched_share_locked(s));
	KUNIT_EXPECT_FALSE(test, s->pressed);
	replan_at(s, ns_per_mpix_of(period * 98 / 100));
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void learning_replans(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	u32 share = hvcal_sched_share_locked(s);
	struct hvcal_job *job;

	rig_session_open(test, s);
	job = rig_submitted(test, s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	rig_advance(20 * RIG_MS);
	rig_answer(peers.p, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_GT(test, hvcal_sched_share_locked(s), 10 * share);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

/* A session that came from a dead engine has no lane where there is no room. */
static void loose_session_settles_when_there_is_room(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	struct hvcal_queue *q = &peers.e->queue;
	struct hvcal_flow *f = &s->binding->flow;
	unsigned long flags;

	rig_session_open(test, s);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_queue_settle(q, f, HVCAL_LANE_NONE, rig_now());
	spin_unlock_irqrestore(&hvcal.lock, flags);
	replan_at(s, ns_per_mpix_of(80 * RIG_MS));
	KUNIT_EXPECT_EQ(test, f->lane, HVCAL_LANE_NONE);
	KUNIT_EXPECT_TRUE(test, q->crowded);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			0);
	replan_at(s, ns_per_mpix_of(RIG_MS));
	KUNIT_EXPECT_EQ(test, f->lane, 0);
	KUNIT_EXPECT_FALSE(test, q->crowded);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			hvcal_sched_share_locked(s));
}

/* Until the engine is reconfigured, frames of the old and of the new kind come. */
static void change_reserves_for_both(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_reservation res = args.res, before;
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	u32 share = hvcal_sched_share_locked(s);
	struct hvcal_session_reply reply = {};
	struct hvcal_model *spare = hvcal_model_alloc();
	unsigned long flags;

	KUNIT_ASSERT_NOT_NULL(test, spare);
	rig_session_open(test, s);
	/* smaller frames, but more often */
	res.width = 320;
	res.period_ns = 20 * RIG_MS;
	KUNIT_ASSERT_EQ(test, rig_reserve(s, &res, &before, &reply), 0);
	KUNIT_EXPECT_GE(test, reply.share_ppm, 2 * share - 1);
	spin_lock_irqsave(&hvcal.lock, flags);
	s->res = res;
	hvcal_sched_changed_locked(s, &spare);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_LE(test, hvcal_sched_share_locked(s), share + 1);
	KUNIT_EXPECT_EQ(test, s->asked.width, 320);
	/* another size, another model */
	KUNIT_EXPECT_NULL(test, spare);
	KUNIT_EXPECT_EQ(test, peers.e->nmodels, 2);
	kfree(spare);
}

static void timer_waits_for_the_release(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s = rig_session(test, peers.c);
	struct hvcal_job *job = rig_frame(test, s);
	u64 release = rig_now() + 5 * RIG_MS;

	mutex_lock(&s->submit_lock);
	KUNIT_ASSERT_EQ(test, hvcal_job_submit(job, 0, release), 0);
	mutex_unlock(&s->submit_lock);
	KUNIT_EXPECT_FALSE(test, hrtimer_is_queued(&peers.e->pace));
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	KUNIT_EXPECT_TRUE(test, hrtimer_is_queued(&peers.e->pace));
	KUNIT_EXPECT_EQ(test, ktime_to_ns(hrtimer_get_expires(&peers.e->pace)),
			release);
	rig_advance(5 * RIG_MS);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.p), job);
	hvcal_sched_stop_timer(peers.e);
	KUNIT_EXPECT_FALSE(test, hrtimer_is_queued(&peers.e->pace));
}

static struct kunit_case sched_cases[] = {
	KUNIT_CASE(choice_says_why),
	KUNIT_CASE(test_engines_are_chosen_by_name_only),
	KUNIT_CASE(dead_engines_are_not_chosen),
	KUNIT_CASE(buffers_of_another_gpu),
	KUNIT_CASE(refusal_names_its_reason),
	KUNIT_CASE(refusal_says_what_would_fit),
	KUNIT_CASE(user_share_is_the_users),
	KUNIT_CASE(outsiders_make_frames_longer),
	KUNIT_CASE(pressure_has_hysteresis),
	KUNIT_CASE(learning_replans),
	KUNIT_CASE(loose_session_settles_when_there_is_room),
	KUNIT_CASE(change_reserves_for_both),
	KUNIT_CASE(timer_waits_for_the_release),
	{}
};

static struct kunit_suite sched_suite = {
	.name = "hvcal_sched",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = sched_cases,
};

kunit_test_suite(sched_suite);
