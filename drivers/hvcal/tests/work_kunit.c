// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_work.c"

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

static struct hvcal_work *issued(struct peers *peers, u64 id)
{
	struct hvcal_work *w;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	w = hvcal_provider_issued_locked(peers->p, id);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return w;
}

static void work_is_the_providers_until_the_answer(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_binding *b = peers.s->binding;
	u64 id = job->work.id;

	KUNIT_EXPECT_EQ(test, job->work.state, HVCAL_WORK_ISSUED);
	KUNIT_EXPECT_PTR_EQ(test, job->work.binding, b);
	KUNIT_EXPECT_PTR_EQ(test, issued(&peers, id), &job->work);
	KUNIT_EXPECT_NULL(test, issued(&peers, id + 1));
	KUNIT_EXPECT_EQ(test, job->work.issued_ns, rig_now());
	/* of the session and the provider */
	KUNIT_EXPECT_EQ(test, kref_read(&job->ref), 2);
	/* of the session and the job */
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 2);

	rig_answer(peers.p, id, 0);
	KUNIT_EXPECT_EQ(test, job->work.state, HVCAL_WORK_IDLE);
	KUNIT_EXPECT_NULL(test, job->work.binding);
	KUNIT_EXPECT_NULL(test, issued(&peers, id));
	KUNIT_EXPECT_EQ(test, kref_read(&job->ref), 1);
	KUNIT_EXPECT_EQ(test, kref_read(&b->ref), 1);
}

static void numbers_are_never_used_again(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 id = job->work.id;

	rig_answer(peers.p, id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_PTR_EQ(test, running(test, &peers), job);
	KUNIT_EXPECT_GT(test, job->work.id, id);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ENOENT);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
}

static void held_work_gives_its_slot_back(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_binding *b = peers.s->binding;
	struct hvcal_job *held, *next;

	held = running(test, &peers);
	next = rig_submitted(test, peers.s);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	rig_advance(3);
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, held->work.id, HVCAL_RESULT_HELD, 0), 0);
	RIG_EXPECT_STATE(test, held, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.e->running, 0);
	KUNIT_EXPECT_EQ(test, b->flow.running, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&b->running));
	KUNIT_EXPECT_EQ(test, b->last_done_ns, rig_now());
	KUNIT_EXPECT_EQ(test, held->work.state, HVCAL_WORK_ISSUED);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), next);
	KUNIT_EXPECT_EQ(test, peers.e->running, 1);

	/* once only */
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, held->work.id, HVCAL_RESULT_HELD, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, held->work.id, 0), 0);
	RIG_EXPECT_STATE(test, held, HVCAL_JOB_DONE);
	KUNIT_EXPECT_EQ(test, peers.e->running, 1);
	KUNIT_EXPECT_EQ(test, b->flow.running, 1);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, next->work.id, 0), 0);
	KUNIT_EXPECT_EQ(test, peers.e->running, 0);
	KUNIT_EXPECT_EQ(test, b->flow.running, 0);
}

static void held_work_that_is_canceled_quarantines(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	rig_answer_as(peers.p, job->work.id, HVCAL_RESULT_HELD, 0);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 1);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 1);
	KUNIT_EXPECT_FALSE(test, list_empty(&peers.p->cancels));
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->cancels));
}

static void canceled_work_cannot_be_held(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 id = job->work.id;

	hvcal_job_cancel(peers.s, job->id);
	/* that is an answer like another: it ends here */
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, id, HVCAL_RESULT_HELD, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, peers.e->running, 0);
	KUNIT_EXPECT_NULL(test, issued(&peers, id));
}

static void only_frames_are_held(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = peers_make(test);
	struct hvcal_answer a = { .flags = HVCAL_RESULT_HELD, .status = -EIO };
	struct hvcal_job *flush = rig_control(test, peers.s, HVCAL_ITEM_FLUSH), *job;
	struct hvcal_session *s;
	u64 open;

	KUNIT_ASSERT_EQ(test, rig_submit(flush), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), flush);
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, flush->work.id, HVCAL_RESULT_HELD, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, flush->work.id, 0), 0);

	s = rig_session_as(test, peers.c, &args);
	open = rig_item(test, peers.p, HVCAL_ITEM_OPEN);
	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, open, HVCAL_RESULT_HELD, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, s->state, HVCAL_SESSION_OPENING);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, open, 0), 0);

	job = running(test, &peers);
	KUNIT_EXPECT_EQ(test, hvcal_provider_answer(peers.p, job->work.id, &a), -EINVAL);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_FALSE(test, job->work.held);
}

/* What watchdogs have counted is taken back with the work. */
static void last_late_answer_clears_suspicion(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_work *open;
	struct hvcal_job *job;
	unsigned long flags;
	u64 id;

	job = running(test, &peers);
	open = &rig_session_as(test, peers.c, &args)->binding->open;
	id = rig_item(test, peers.p, HVCAL_ITEM_OPEN);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_provider_strike_locked(peers.p, &job->work, rig_now());
	hvcal_provider_strike_locked(peers.p, open, rig_now());
	spin_unlock_irqrestore(&hvcal.lock, flags);
	KUNIT_EXPECT_EQ(test, peers.p->overdue, 2);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	rig_answer(peers.p, id, 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	rig_answer(peers.p, job->work.id, 0);
	KUNIT_EXPECT_EQ(test, peers.p->overdue, 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	/* a new life, a new count */
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, running(test, &peers)->work.strikes, 0);
}

static void control_keeps_its_order(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *two = rig_session(test, peers.c), *one = peers.s;
	struct hvcal_binding *b1 = one->binding, *b2 = two->binding;
	struct hvcal_item items[4] = {};

	rig_session_close(two);
	rig_session_close(one);
	KUNIT_EXPECT_EQ(test, b1->close.state, HVCAL_WORK_QUEUED);
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, items, 4), 2);
	KUNIT_EXPECT_EQ(test, items[0].stream, b2->stream);
	KUNIT_EXPECT_EQ(test, items[1].stream, b1->stream);
	KUNIT_EXPECT_EQ(test, b1->close.state, HVCAL_WORK_ISSUED);
}

static struct kunit_case work_cases[] = {
	KUNIT_CASE(work_is_the_providers_until_the_answer),
	KUNIT_CASE(numbers_are_never_used_again),
	KUNIT_CASE(held_work_gives_its_slot_back),
	KUNIT_CASE(held_work_that_is_canceled_quarantines),
	KUNIT_CASE(canceled_work_cannot_be_held),
	KUNIT_CASE(only_frames_are_held),
	KUNIT_CASE(last_late_answer_clears_suspicion),
	KUNIT_CASE(control_keeps_its_order),
	{}
};

static struct kunit_suite work_suite = {
	.name = "hvcal_work",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = work_cases,
};

kunit_test_suite(work_suite);
