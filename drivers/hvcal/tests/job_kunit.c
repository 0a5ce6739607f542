// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_job.c"

/* A session at an engine with one slot. */
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

static bool finish(struct hvcal_job *job, enum hvcal_job_state state, int status)
{
	unsigned long flags;
	bool won;

	spin_lock_irqsave(&hvcal.lock, flags);
	won = hvcal_job_finish_locked(job, state, status, false, NULL);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return won;
}

static u64 jobs_charged(const struct peers *peers)
{
	return peers->c->user->used[HVCAL_CHARGE_JOBS];
}

static void frame_tells_its_whole_life(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);
	u64 t0 = rig_now();
	struct hvcal_event ev;

	job->user_data = 4711;
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_NEW);
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	rig_advance(5);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	rig_advance(7);
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, job->work.id, HVCAL_RESULT_KEY, 99), 0);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_DONE);

	ev = rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, ev.session, peers.s->handle);
	KUNIT_EXPECT_EQ(test, ev.user_data, 4711);
	KUNIT_EXPECT_EQ(test, ev.engine, peers.e->id);
	KUNIT_EXPECT_EQ(test, ev.bytes, 99);
	KUNIT_EXPECT_EQ(test, ev.timeline, 1);
	KUNIT_EXPECT_EQ(test, ev.submit_ns, t0);
	KUNIT_EXPECT_EQ(test, ev.ready_ns, t0);
	KUNIT_EXPECT_EQ(test, ev.start_ns, t0 + 5);
	KUNIT_EXPECT_EQ(test, ev.done_ns, t0 + 12);
	KUNIT_EXPECT_TRUE(test, ev.flags & HVCAL_EVENT_KEY);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.s->stats.done, 1);
	KUNIT_EXPECT_EQ(test, peers.s->stats.bytes, 99);
	KUNIT_EXPECT_EQ(test, peers.s->pending, 0);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 0);
}

static void job_is_used_again(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *first = running(test, &peers), *second;
	void *meta;

	KUNIT_ASSERT_EQ(test, hvcal_job_reserve_meta(first, 100), 0);
	meta = first->meta;
	rig_answer(peers.p, first->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);

	second = running(test, &peers);
	KUNIT_EXPECT_PTR_EQ(test, second, first);
	KUNIT_EXPECT_EQ(test, hvcal_job_reserve_meta(second, 100), 0);
	KUNIT_EXPECT_PTR_EQ(test, second->meta, meta);
	KUNIT_EXPECT_EQ(test, peers.s->stats.job_allocs, 1);
	/* nothing of its former life is left */
	KUNIT_EXPECT_EQ(test, second->done_ns, 0);
	KUNIT_EXPECT_EQ(test, second->timeline, 0);
	KUNIT_EXPECT_FALSE(test, second->accepted);
}

/* Whoever comes second, with whatever verdict, changes nothing. */
static void first_verdict_stands(struct kunit *test)
{
	static const struct {
		enum hvcal_job_state state;
		int status;
	} verdicts[] = {
		{ HVCAL_JOB_DONE, 0 }, { HVCAL_JOB_ERROR, -EIO },
		{ HVCAL_JOB_TIMEDOUT, -ETIMEDOUT }, { HVCAL_JOB_CANCELED, -ECANCELED },
	};
	struct peers peers = peers_make(test);
	struct hvcal_session_stats *st = &peers.s->stats;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct hvcal_job *job = running(test, &peers);

		KUNIT_EXPECT_TRUE(test, finish(job, verdicts[i].state, verdicts[i].status));
		for (k = 0; k < ARRAY_SIZE(verdicts); k++)
			KUNIT_EXPECT_FALSE(test, finish(job, verdicts[k].state,
							verdicts[k].status));
		RIG_EXPECT_STATE(test, job, verdicts[i].state);
		KUNIT_EXPECT_NE(test, rig_answer(peers.p, job->work.id, 0), 0);
		RIG_EXPECT_STATE(test, job, verdicts[i].state);
		rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, verdicts[i].status);
		RIG_EXPECT_NO_EVENT(test, peers.c);
	}
	KUNIT_EXPECT_EQ(test, st->done, 1);
	KUNIT_EXPECT_EQ(test, st->failed, 1);
	KUNIT_EXPECT_EQ(test, st->timed_out, 1);
	KUNIT_EXPECT_EQ(test, st->canceled, 1);
	KUNIT_EXPECT_EQ(test, st->timeline, 4);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 0);
}

static void cancel_after_completion_finds_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 0);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->cancels));
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void completion_after_cancel_comes_too_late(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 id = job->work.id;

	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 1);
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, id, HVCAL_RESULT_KEY, 99), -ECANCELED);
	KUNIT_EXPECT_EQ(test, job->bytes, 0);
	KUNIT_EXPECT_EQ(test, job->event_flags & HVCAL_EVENT_KEY, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	/* not twice */
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ENOENT);
}

static void canceled_job_never_runs(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	KUNIT_EXPECT_EQ(test, job->target->writers, 1);
	KUNIT_EXPECT_EQ(test, job->source->readers, 1);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 1);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	/* no engine had it */
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, job->target->writers, 0);
	KUNIT_EXPECT_EQ(test, job->source->readers, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->cancels));
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
}

static struct hvcal_job *frame_with(struct kunit *test, struct peers *peers,
				    struct hvcal_buffer *source, struct hvcal_buffer *target,
				    struct hvcal_buffer *side)
{
	struct hvcal_job *job = rig_control(test, peers->s, HVCAL_ITEM_ENCODE);
	struct hvcal_buffer *bufs[] = { source, target, side };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bufs); i++)
		if (bufs[i])
			hvcal_buffer_get(bufs[i]);
	job->source = source;
	job->target = target;
	job->side = side;
	job->target_size = target->size;
	return job;
}

/* The result of submitting a frame; what is refused is put. */
static int submit_with(struct kunit *test, struct peers *peers, struct hvcal_buffer *source,
		       struct hvcal_buffer *target, struct hvcal_buffer *side)
{
	struct hvcal_job *job = frame_with(test, peers, source, target, side);
	int ret = rig_submit(job);

	if (ret)
		hvcal_job_put(job);
	return ret;
}

static void target_stays_quarantined_until_the_answer(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_buffer *source = rig_buffer(test, peers.c, HVCAL_BUFFER_SOURCE);
	struct hvcal_buffer *target = rig_buffer(test, peers.c, HVCAL_BUFFER_TARGET);
	struct hvcal_buffer *other = rig_buffer(test, peers.c, HVCAL_BUFFER_TARGET);
	struct hvcal_job *job;
	u64 id;

	KUNIT_ASSERT_EQ(test, submit_with(test, &peers, source, target, NULL), 0);
	job = rig_take(peers.p);
	KUNIT_ASSERT_NOT_NULL(test, job);
	id = job->work.id;
	KUNIT_EXPECT_TRUE(test, finish(job, HVCAL_JOB_TIMEDOUT, -ETIMEDOUT));
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ETIMEDOUT);

	/* the client has its event, the engine may still write */
	KUNIT_EXPECT_EQ(test, peers.s->pending, 0);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 0);
	KUNIT_EXPECT_EQ(test, target->quarantined, 1);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, target, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, target, other, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, other, target), -EBUSY);
	KUNIT_EXPECT_EQ(test, source->readers, 0);
	KUNIT_EXPECT_EQ(test, other->writers, 0);

	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, target, NULL), 0);
	KUNIT_EXPECT_EQ(test, peers.s->pending, 1);
}

static void target_has_one_writer_and_no_reader(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_buffer *source = rig_buffer(test, peers.c, HVCAL_BUFFER_SOURCE);
	struct hvcal_buffer *side = rig_buffer(test, peers.c, HVCAL_BUFFER_SOURCE);
	struct hvcal_buffer *one = rig_buffer(test, peers.c, HVCAL_BUFFER_TARGET);
	struct hvcal_buffer *two = rig_buffer(test, peers.c, HVCAL_BUFFER_TARGET);

	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, one, one, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, one, one), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, one, side), 0);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, one, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, one, two, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, two, one), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, two, source, NULL), -EBUSY);
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, side, NULL), -EBUSY);
	/* readers are any number */
	KUNIT_EXPECT_EQ(test, submit_with(test, &peers, source, two, side), 0);
	KUNIT_EXPECT_EQ(test, source->readers, 2);
	KUNIT_EXPECT_EQ(test, side->readers, 2);

	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, 0), 2);
	KUNIT_EXPECT_EQ(test, source->readers + side->readers, 0);
	KUNIT_EXPECT_EQ(test, one->writers + two->writers, 0);
}

static void limit_counts_until_the_event_is_read(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job;

	peers.s->max_queued = 2;
	job = running(test, &peers);
	rig_submitted(test, peers.s);
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_new(peers.s, HVCAL_ITEM_FLUSH)), -EAGAIN);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 2);
	rig_answer(peers.p, job->work.id, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_new(peers.s, HVCAL_ITEM_FLUSH)), -EAGAIN);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 1);
	hvcal_job_put(rig_control(test, peers.s, HVCAL_ITEM_FLUSH));
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 1);
	KUNIT_EXPECT_EQ(test, peers.s->pending, 1);
}

static void no_memory_costs_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);

	rig.fail_alloc = 1;
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_new(peers.s, HVCAL_ITEM_ENCODE)), -ENOMEM);
	KUNIT_EXPECT_EQ(test, peers.s->pending, 0);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 0);
}

static int submit_at(struct hvcal_job *job, u64 deadline_ns, u64 release_ns)
{
	int ret;

	mutex_lock(&job->session->submit_lock);
	ret = hvcal_job_submit(job, deadline_ns, release_ns);
	mutex_unlock(&job->session->submit_lock);
	return ret;
}

static void refused_frame_stays_the_callers(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);
	struct hvcal_binding *b;

	job->source->gpu = 1;
	peers.e->gpu = 2;
	KUNIT_EXPECT_EQ(test, rig_submit(job), -EXDEV);
	peers.e->flags = HVCAL_ENGINE_FOREIGN_MEMORY;
	KUNIT_EXPECT_TRUE(test, hvcal_job_may_run_on(job, peers.e));

	KUNIT_EXPECT_EQ(test, submit_at(job, 0, rig_now() + RELEASE_MAX_NS + 1), -EINVAL);

	peers.s->res.sched_class = HVCAL_CLASS_REALTIME;
	job->pixels = peers.s->res.width * peers.s->res.height + 1;
	KUNIT_EXPECT_EQ(test, rig_submit(job), -EINVAL);
	peers.s->res.sched_class = HVCAL_CLASS_BEST_EFFORT;

	b = peers.s->binding;
	peers.s->binding = NULL;
	KUNIT_EXPECT_EQ(test, rig_submit(job), -ENOTCONN);
	peers.s->binding = b;
	peers.s->state = HVCAL_SESSION_CLOSED;
	KUNIT_EXPECT_EQ(test, rig_submit(job), -ENOENT);
	peers.s->state = HVCAL_SESSION_ACTIVE;

	RIG_EXPECT_STATE(test, job, HVCAL_JOB_NEW);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.s->jobs));
	KUNIT_EXPECT_EQ(test, job->target->writers, 0);
	KUNIT_EXPECT_EQ(test, rig_submit(job), 0);
	KUNIT_EXPECT_EQ(test, peers.s->stats.submitted, 1);
}

static void deadline_is_what_was_reserved(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_job *job;

	rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	job = rig_submitted(test, peers.s);
	KUNIT_EXPECT_EQ(test, job->ticket.deadline_ns, rig_now() + 40 * RIG_MS);
	peers.s->res.deadline_ns = 30 * RIG_MS;
	job = rig_submitted(test, peers.s);
	KUNIT_EXPECT_EQ(test, job->ticket.deadline_ns, rig_now() + 30 * RIG_MS);
	job = rig_frame(test, peers.s);
	KUNIT_ASSERT_EQ(test, submit_at(job, 0, rig_now() + RIG_MS), 0);
	KUNIT_EXPECT_EQ(test, job->ticket.deadline_ns, rig_now() + 31 * RIG_MS);
	job = rig_frame(test, peers.s);
	KUNIT_ASSERT_EQ(test, submit_at(job, 5, 0), 0);
	KUNIT_EXPECT_EQ(test, job->ticket.deadline_ns, 5);
}

static void late_is_after_the_deadline(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job;
	struct hvcal_event ev;
	u64 late;

	for (late = 0; late < 2; late++) {
		job = rig_frame(test, peers.s);
		KUNIT_ASSERT_EQ(test, submit_at(job, rig_now() + 2000, rig_now() + 1000), 0);
		KUNIT_EXPECT_NULL(test, rig_take(peers.p));
		rig_advance(1000);
		KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
		rig_advance(1000 + late);
		rig_answer(peers.p, job->work.id, 0);
		ev = rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
		KUNIT_EXPECT_EQ(test, ev.flags & HVCAL_EVENT_LATE, late ? HVCAL_EVENT_LATE : 0);
	}
	KUNIT_EXPECT_EQ(test, peers.s->stats.late, 1);
	KUNIT_EXPECT_EQ(test, peers.s->hist_slack.bucket[0], 1);
	KUNIT_EXPECT_EQ(test, peers.s->hist_wait.bucket[0], 2);
}

static void cancelling_all_spares_control(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *flush, *job = running(test, &peers);

	rig_submitted(test, peers.s);
	flush = rig_control(test, peers.s, HVCAL_ITEM_FLUSH);
	flush->user_data = 5;
	KUNIT_ASSERT_EQ(test, rig_submit(flush), 0);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, 12345), -ENOENT);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, 0), 2);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, 0), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	rig_answer(peers.p, job->work.id, 0);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), flush);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, flush->work.id, 0), 0);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_FLUSHED, 0).user_data,
			5);
	/* only frames are counted */
	KUNIT_EXPECT_EQ(test, peers.s->stats.submitted, 2);
	KUNIT_EXPECT_EQ(test, peers.s->stats.done, 0);
	KUNIT_EXPECT_EQ(test, peers.s->stats.timeline, 2);
}

static void cancel_is_told_once(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_item item = {};

	hvcal_job_cancel(peers.s, job->id);
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, &item, 1), 1);
	KUNIT_EXPECT_EQ(test, item.type, HVCAL_ITEM_CANCEL);
	KUNIT_EXPECT_EQ(test, item.cancel_id, job->work.id);
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, &item, 1), -EAGAIN);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ECANCELED);

	/* one that was answered before it was told is not told */
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	job = running(test, &peers);
	hvcal_job_cancel(peers.s, job->id);
	rig_answer(peers.p, job->work.id, 0);
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, &item, 1), -EAGAIN);
}

static void engines_fence_is_the_clients_until_the_end(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct dma_fence *fence = rig_fence(test), *got;
	struct hvcal_job *job = rig_frame(test, peers.s);
	struct hvcal_event ev;
	u64 id;

	job->flags = HVCAL_JOB_WANT_FENCE;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	id = job->id;
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_out_fence(peers.s, id)), -EOPNOTSUPP);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, job->work.id, fence), 0);
	ev = rig_expect_event(test, peers.c, HVCAL_EVENT_ACCEPTED, 0);
	KUNIT_EXPECT_TRUE(test, ev.flags & HVCAL_EVENT_FENCE);
	KUNIT_EXPECT_EQ(test, ev.job, id);
	got = hvcal_job_out_fence(peers.s, id);
	KUNIT_EXPECT_PTR_EQ(test, got, fence);
	dma_fence_put(got);
	rig_answer(peers.p, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_out_fence(peers.s, id)), -ENOENT);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

struct racer {
	struct work_struct work;
	struct peers *peers;
	struct hvcal_job *job;
	u32 kind;
	u32 wins;
};

static void race(struct work_struct *work)
{
	struct racer *r = container_of(work, struct racer, work);

	switch (r->kind) {
	case 0:
		r->wins += !rig_answer(r->peers->p, r->job->work.id, 0);
		break;
	case 1:
		r->wins += hvcal_job_cancel(r->peers->s, r->job->id) == 1;
		break;
	default:
		r->wins += finish(r->job, HVCAL_JOB_TIMEDOUT, -ETIMEDOUT);
		break;
	}
}

#define ROUNDS 200

static void of_those_that_race_one_wins(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct racer racers[3] = {};
	u32 i, round, wins = 0;
	struct hvcal_event ev;

	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		INIT_WORK_ONSTACK(&racers[i].work, race);
		racers[i].peers = &peers;
		racers[i].kind = i;
	}
	for (round = 0; round < ROUNDS; round++) {
		struct hvcal_job *job = running(test, &peers);

		for (i = 0; i < ARRAY_SIZE(racers); i++) {
			racers[(i + round) % 3].job = job;
			queue_work(hvcal.wq, &racers[(i + round) % 3].work);
		}
		flush_workqueue(hvcal.wq);
		KUNIT_EXPECT_TRUE(test, rig_event(peers.c, &ev));
		RIG_EXPECT_NO_EVENT(test, peers.c);
		/* the answer is given in any case, so that the slot is free */
		KUNIT_ASSERT_EQ(test, peers.e->running, 0);
	}
	for (i = 0; i < ARRAY_SIZE(racers); i++) {
		wins += racers[i].wins;
		destroy_work_on_stack(&racers[i].work);
	}
	KUNIT_EXPECT_EQ(test, wins, ROUNDS);
	KUNIT_EXPECT_EQ(test, peers.s->stats.timeline, ROUNDS);
	KUNIT_EXPECT_EQ(test, jobs_charged(&peers), 0);
}

static struct kunit_case job_cases[] = {
	KUNIT_CASE(frame_tells_its_whole_life),
	KUNIT_CASE(job_is_used_again),
	KUNIT_CASE(first_verdict_stands),
	KUNIT_CASE(cancel_after_completion_finds_nothing),
	KUNIT_CASE(completion_after_cancel_comes_too_late),
	KUNIT_CASE(canceled_job_never_runs),
	KUNIT_CASE(target_stays_quarantined_until_the_answer),
	KUNIT_CASE(target_has_one_writer_and_no_reader),
	KUNIT_CASE(limit_counts_until_the_event_is_read),
	KUNIT_CASE(no_memory_costs_nothing),
	KUNIT_CASE(refused_frame_stays_the_callers),
	KUNIT_CASE(deadline_is_what_was_reserved),
	KUNIT_CASE(late_is_after_the_deadline),
	KUNIT_CASE(cancelling_all_spares_control),
	KUNIT_CASE(cancel_is_told_once),
	KUNIT_CASE(engines_fence_is_the_clients_until_the_end),
	KUNIT_CASE(of_those_that_race_one_wins),
	{}
};

static struct kunit_suite job_suite = {
	.name = "hvcal_job",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = job_cases,
};

kunit_test_suite(job_suite);
