// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_migrate.c"

/* A session at the engine of one provider; another provider has none yet. */
struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *from;
	struct hvcal_provider *to;
	struct hvcal_engine *e;
	struct hvcal_session *s;
};

static struct peers peers_make(struct kunit *test, u32 loss)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = {
		.from = rig_provider(test),
		.to = rig_provider(test),
		.c = rig_client(test),
	};

	args.loss = loss;
	peers.e = rig_engine(test, peers.from);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	return peers;
}

static struct hvcal_job *running(struct kunit *test, struct peers *peers)
{
	struct hvcal_job *job = rig_submitted(test, peers->s);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->from), job);
	return job;
}

/* The new engine is open. */
static void expect_resync(struct kunit *test, struct peers *peers, struct hvcal_engine *e)
{
	u64 id = rig_item(test, peers->to, HVCAL_ITEM_OPEN);

	KUNIT_EXPECT_EQ(test, peers->s->state, HVCAL_SESSION_MIGRATING);
	KUNIT_EXPECT_EQ(test, rig_answer(peers->to, id, 0), 0);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers->c, HVCAL_EVENT_RESYNC, 0).engine,
			e->id);
	KUNIT_EXPECT_EQ(test, peers->s->state, HVCAL_SESSION_ACTIVE);
}

/* The time of grace is over. */
static void grace_ends(struct hvcal_session *s)
{
	flush_delayed_work(&s->grace);
}

static void queued_frames_follow_in_order(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *one = rig_submitted(test, peers.s), *two = rig_submitted(test, peers.s);
	struct hvcal_engine *e = rig_engine(test, peers.to);

	rig_provider_close(peers.from);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, e);
	KUNIT_EXPECT_FALSE(test, peers.s->homeless);
	KUNIT_EXPECT_EQ(test, peers.s->stats.migrations, 1);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	/* not before it is open */
	KUNIT_EXPECT_NULL(test, rig_take(peers.to));
	expect_resync(test, &peers, e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), one);
	KUNIT_EXPECT_EQ(test, one->engine, e->id);
	rig_answer(peers.to, one->work.id, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), two);
	rig_answer(peers.to, two->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	/* nothing is left of the old place */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_PROVIDERS]), 1);
}

static void running_frame_fails_unless_asked_otherwise(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = running(test, &peers), *queued = rig_submitted(test, peers.s);
	struct hvcal_engine *e = rig_engine(test, peers.to);

	rig_provider_close(peers.from);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ENODEV);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_ERROR);
	/* the process is gone: nobody writes there any more */
	KUNIT_EXPECT_EQ(test, job->session->stats.failed, 1);
	expect_resync(test, &peers, e);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.to), queued);
}

static void running_frame_is_issued_again_if_asked(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .from = rig_provider(test), .to = rig_provider(test) };
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_job *held, *job, *queued;
	struct hvcal_engine *e;
	u64 id;

	peers.c = rig_client(test);
	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.from, &reg);
	args.loss = HVCAL_LOSS_REISSUE;
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	held = running(test, &peers);
	id = held->work.id;
	rig_answer_as(peers.from, id, HVCAL_RESULT_HELD, 0);
	job = running(test, &peers);
	hvcal_provider_accept(peers.from, job->work.id, NULL);
	queued = rig_submitted(test, peers.s);
	e = rig_engine(test, peers.to);

	rig_provider_close(peers.from);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	RIG_EXPECT_STATE(test, held, HVCAL_JOB_READY);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_FALSE(test, held->work.held);
	KUNIT_EXPECT_FALSE(test, job->accepted);
	KUNIT_EXPECT_EQ(test, job->start_ns, 0);
	KUNIT_EXPECT_EQ(test, job->target->writers, 1);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	expect_resync(test, &peers, e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), held);
	/* as another item */
	KUNIT_EXPECT_GT(test, held->work.id, id);
	rig_answer(peers.to, held->work.id, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), job);
	rig_answer(peers.to, job->work.id, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), queued);
	KUNIT_EXPECT_EQ(test, peers.s->stats.failed, 0);
}

/* A client has its fence already: it signals for the old engine. */
static void frame_with_a_fence_is_not_issued_again(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_REISSUE);
	struct hvcal_job *job = running(test, &peers);
	struct dma_fence *fence = rig_fence(test);

	hvcal_provider_accept(peers.from, job->work.id, fence);
	rig_engine(test, peers.to);
	rig_provider_close(peers.from);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ENODEV);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/* The engine is gone, its process is not: it may still write. */
static void what_a_living_provider_has_fails(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_REISSUE);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_engine *e = rig_engine(test, peers.to);
	u64 id = job->work.id;

	hvcal_engine_retire(peers.e);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ENODEV);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 1);
	expect_resync(test, &peers, e);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.from, id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
}

static void control_is_issued_again(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *flush = rig_control(test, peers.s, HVCAL_ITEM_FLUSH);
	struct hvcal_engine *e = rig_engine(test, peers.to);

	KUNIT_ASSERT_EQ(test, rig_submit(flush), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.from), flush);
	rig_provider_close(peers.from);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	expect_resync(test, &peers, e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), flush);
	rig_answer(peers.to, flush->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_FLUSHED, 0);
}

static void who_named_an_engine_is_lost_with_it(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_REISSUE);
	struct hvcal_session_args args = rig_args(0);

	rig_engine(test, peers.to);
	args.engine = peers.e->id;
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	rig_submitted(test, peers.s);
	rig_provider_close(peers.from);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_LOST);
	KUNIT_EXPECT_NULL(test, peers.s->binding);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -ENODEV);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ENODEV);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void homeless_session_waits_for_an_engine(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *one = rig_submitted(test, peers.s), *two, *canceled;
	struct hvcal_engine *e;

	rig_provider_close(peers.from);
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_MIGRATING);
	KUNIT_EXPECT_TRUE(test, delayed_work_pending(&peers.s->grace));
	RIG_EXPECT_NO_EVENT(test, peers.c);
	/* submitting and cancelling go on */
	canceled = rig_submitted(test, peers.s);
	two = rig_submitted(test, peers.s);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, canceled->id), 1);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);

	e = rig_engine(test, peers.to);
	KUNIT_EXPECT_FALSE(test, peers.s->homeless);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.s->grace));
	expect_resync(test, &peers, e);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), one);
	rig_answer(peers.to, one->work.id, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), two);
	/* the old one was kept for its queue alone */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_ENGINES]), 1);
}

static void grace_does_not_last_for_ever(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);

	rig_submitted(test, peers.s);
	rig_provider_close(peers.from);
	grace_ends(peers.s);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_LOST);
	KUNIT_EXPECT_FALSE(test, peers.s->homeless);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -ENODEV);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ENODEV);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 0);
	/* it is too late now */
	rig_engine(test, peers.to);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_LOST);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.to->control));
}

static void homeless_session_can_be_closed(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);

	rig_submitted(test, peers.s);
	rig_provider_close(peers.from);
	rig_session_close(peers.s);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_SESSIONS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);
	KUNIT_EXPECT_EQ(test, peers.c->user->used[HVCAL_CHARGE_SESSIONS], 0);
	KUNIT_EXPECT_EQ(test, peers.c->user->used[HVCAL_CHARGE_JOBS], 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	rig_engine(test, peers.to);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.to->control));
}

static void session_that_was_opening_opens_elsewhere(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_session_args args = rig_args(0);

	rig_session_close(peers.s);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_engine(test, peers.to);
	rig_provider_close(peers.from);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_OPENING);
	/* OPENED, not RESYNC */
	rig_session_open(test, peers.s);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void engine_that_cannot_open_is_avoided(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = rig_submitted(test, peers.s);
	struct hvcal_engine *bad = rig_engine(test, peers.to), *good;

	rig_provider_close(peers.from);
	rig_answer(peers.to, rig_item(test, peers.to, HVCAL_ITEM_OPEN), -EIO);
	flush_workqueue(hvcal.wq);
	/* there is no other one: not this one again */
	KUNIT_EXPECT_EQ(test, peers.s->refused[0], bad->id);
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	KUNIT_EXPECT_EQ(test, bad->sessions, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.to->control));
	RIG_EXPECT_NO_EVENT(test, peers.c);

	good = rig_engine(test, peers.to);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, good);
	expect_resync(test, &peers, good);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.to), job);
	KUNIT_EXPECT_EQ(test, peers.s->stats.migrations, 2);
}

/* ------------------------------------------------------------------------ */
/* Engines that cannot do what a session asks                               */

/* @p cannot open the session that it is given. */
static void refuse_open(struct kunit *test, struct hvcal_provider *p, int status)
{
	rig_answer(p, rig_item(test, p, HVCAL_ITEM_OPEN), status);
	flush_workqueue(hvcal.wq);
}

static void new_session_is_opened_elsewhere(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);
	struct hvcal_job *job = rig_submitted(test, s);
	struct hvcal_engine *other = rig_engine(test, peers.to);

	refuse_open(test, peers.from, -EINVAL);
	/* its client was promised an engine, not this one: it hears of none of this */
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_ASSERT_PTR_EQ(test, s->binding->engine, other);
	KUNIT_EXPECT_EQ(test, s->state, HVCAL_SESSION_OPENING);
	rig_answer(peers.to, rig_item(test, peers.to, HVCAL_ITEM_OPEN), 0);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0).engine,
			other->id);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.to), job);
	KUNIT_EXPECT_EQ(test, s->stats.migrations, 1);
}

/* With a thing that none can do, each is asked once, and the error is theirs. */
static void what_no_engine_can_open_is_told(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session *s = rig_session_as(test, peers.c, &args);

	rig_engine(test, peers.to);
	refuse_open(test, peers.from, -EINVAL);
	refuse_open(test, peers.to, -EOPNOTSUPP);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, -EOPNOTSUPP);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, s->state, HVCAL_SESSION_LOST);
	KUNIT_EXPECT_FALSE(test, s->homeless);
}

static void named_engine_that_cannot_open_is_told(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_session_args args = rig_args(0);

	rig_engine(test, peers.to);
	args.engine = peers.e->id;
	rig_session_as(test, peers.c, &args);
	refuse_open(test, peers.from, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -EINVAL);
}

static void engines_are_asked_so_often(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	u32 i;

	for (i = 0; i <= HVCAL_REFUSED; i++)
		rig_engine(test, peers.to);
	rig_provider_close(peers.from);
	for (i = 1; i < HVCAL_REFUSED; i++) {
		refuse_open(test, peers.to, -EIO);
		RIG_EXPECT_NO_EVENT(test, peers.c);
	}
	/* there is one left that might do it */
	refuse_open(test, peers.to, -EIO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -EIO);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_LOST);
}

static void grace_ends_with_what_was_refused(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);

	rig_engine(test, peers.to);
	rig_provider_close(peers.from);
	refuse_open(test, peers.to, -EINVAL);
	grace_ends(peers.s);
	rig_expect_event(test, peers.c, HVCAL_EVENT_LOST, -EINVAL);
}

static void first_frame_may_be_refused(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *one = running(test, &peers), *two = rig_submitted(test, peers.s);
	struct hvcal_engine *other = rig_engine(test, peers.to);

	KUNIT_EXPECT_EQ(test, rig_answer(peers.from, one->work.id, -EINVAL), 0);
	flush_workqueue(hvcal.wq);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	expect_resync(test, &peers, other);
	/* nobody wrote its target, so whatever was asked for it is issued again */
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), one);
	rig_answer(peers.to, one->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.to), two);
	rig_item(test, peers.from, HVCAL_ITEM_CLOSE);

	/* later ones are refused for what they are */
	rig_answer(peers.to, two->work.id, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, other);
}

/* Both open, and neither can do it: no way back to the first. */
static void no_ping_pong(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_engine *other = rig_engine(test, peers.to);

	rig_answer(peers.from, job->work.id, -EINVAL);
	flush_workqueue(hvcal.wq);
	expect_resync(test, &peers, other);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), job);
	rig_answer(peers.to, job->work.id, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EINVAL);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_ACTIVE);
	KUNIT_EXPECT_EQ(test, peers.s->stats.migrations, 1);
}

static void other_errors_are_the_frames_own(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_REISSUE);
	struct hvcal_job *job = running(test, &peers);

	rig_engine(test, peers.to);
	rig_answer(peers.from, job->work.id, -EIO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EIO);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
}

/* Moving would lose the others that the engine has: this one fails, for now. */
static void refused_frame_waits_for_others(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct peers peers = { .from = rig_provider(test), .c = rig_client(test) };
	struct hvcal_job *one, *two;

	reg.slots = 2;
	peers.e = rig_engine_as(test, peers.from, &reg);
	peers.s = rig_session(test, peers.c);
	one = running(test, &peers);
	two = running(test, &peers);
	peers.to = rig_provider(test);
	rig_engine(test, peers.to);
	rig_answer(peers.from, one->work.id, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	rig_answer(peers.from, two->work.id, -EINVAL);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	RIG_EXPECT_STATE(test, two, HVCAL_JOB_READY);
}

static struct hvcal_job *reconfiguring(struct kunit *test, struct peers *peers)
{
	struct hvcal_job *job = rig_control(test, peers->s, HVCAL_ITEM_RECONFIGURE);

	job->res = peers->s->res;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->from), job);
	return job;
}

static void reconfiguration_is_done_elsewhere(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = reconfiguring(test, &peers);
	struct hvcal_engine *other = rig_engine(test, peers.to);

	rig_answer(peers.from, job->work.id, -EINVAL);
	flush_workqueue(hvcal.wq);
	expect_resync(test, &peers, other);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), job);
	rig_answer(peers.to, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RECONFIGURED, 0);
	/* it is asked no more: it has said what it thinks of that */
	KUNIT_EXPECT_EQ(test, peers.s->refused[0], peers.e->id);
}

/* What it asked for before, the first engine can do: no session is lost for a wish. */
static void refused_reconfiguration_may_come_back(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = reconfiguring(test, &peers);

	rig_engine(test, peers.to);
	rig_answer(peers.from, job->work.id, -EINVAL);
	flush_workqueue(hvcal.wq);
	refuse_open(test, peers.to, -EINVAL);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	rig_item(test, peers.from, HVCAL_ITEM_CLOSE);
	rig_answer(peers.from, rig_item(test, peers.from, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RESYNC, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.from), job);
	rig_answer(peers.from, job->work.id, -EINVAL);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RECONFIGURED, -EINVAL);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_ACTIVE);
}

static void frame_that_cannot_follow_fails_alone(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *bound = rig_submitted(test, peers.s), *free;
	struct hvcal_engine *e;

	free = rig_submitted(test, peers.s);
	bound->source->gpu = 1;
	rig_provider_close(peers.from);
	e = rig_engine(test, peers.to);
	/* an engine without a GPU takes every buffer */
	KUNIT_EXPECT_FALSE(test, peers.s->homeless);
	expect_resync(test, &peers, e);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers.to), bound);
	rig_answer(peers.to, bound->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);

	bound = rig_submitted(test, peers.s);
	bound->source->gpu = 1;
	peers.from = rig_provider(test);
	e = rig_engine(test, peers.from);
	e->gpu = 2;
	rig_provider_close(peers.to);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EXDEV);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	RIG_EXPECT_STATE(test, free, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, bound->target->quarantined, 0);
}

static void frame_that_waits_moves_with_its_fence(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_job *job = rig_frame(test, peers.s);
	struct dma_fence *fence = rig_fence(test);
	struct hvcal_engine *e;

	hvcal_fence_add(job, dma_fence_get(fence));
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	rig_provider_close(peers.from);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	e = rig_engine(test, peers.to);
	expect_resync(test, &peers, e);
	KUNIT_EXPECT_NULL(test, rig_take(peers.to));
	dma_fence_signal(fence);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.to), job);
	rig_answer(peers.to, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	dma_fence_put(fence);
}

/* Promises are kept as well as they can be: what was admitted is not refused now. */
static void full_engine_takes_them_in_under_pressure(struct kunit *test)
{
	struct peers peers = { .from = rig_provider(test), .to = rig_provider(test) };
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct hvcal_session_reply reply;
	struct hvcal_session *other;
	struct hvcal_engine *e;

	peers.c = rig_client(test);
	peers.c->nice = true;
	/* 26 ms a frame: only one of them fits */
	args.res.width = 4096;
	args.res.height = 2560;
	rig_engine(test, peers.from);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	e = rig_engine(test, peers.to);
	other = rig_session_as(test, peers.c, &args);
	rig_session_open(test, other);
	KUNIT_EXPECT_PTR_EQ(test, other->binding->engine, e);
	KUNIT_EXPECT_EQ(test, hvcal_session_create(peers.c, &args, &reply), -ENOSPC);

	rig_provider_close(peers.from);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, e);
	KUNIT_EXPECT_TRUE(test, peers.s->pressed);
	KUNIT_EXPECT_FALSE(test, other->pressed);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			0);
	rig_session_close(other);
	expect_resync(test, &peers, e);
	rig_answer(peers.to, rig_item(test, peers.to, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_FALSE(test, peers.s->pressed);
	KUNIT_EXPECT_GT(test, rig_expect_event(test, peers.c, HVCAL_EVENT_PRESSURE, 0).share_ppm,
			0);
}

static void no_memory_to_move_is_no_loss(struct kunit *test)
{
	struct peers peers = peers_make(test, HVCAL_LOSS_FAIL);
	struct hvcal_engine *e;

	rig_provider_close(peers.from);
	/* the engine itself and its queues, then the binding */
	rig.fail_alloc = 3;
	e = rig_engine(test, peers.to);
	KUNIT_EXPECT_TRUE(test, peers.s->homeless);
	KUNIT_EXPECT_EQ(test, e->sessions, 0);
	hvcal_migrate_homeless();
	KUNIT_EXPECT_FALSE(test, peers.s->homeless);
	expect_resync(test, &peers, e);
}

static struct kunit_case migrate_cases[] = {
	KUNIT_CASE(queued_frames_follow_in_order),
	KUNIT_CASE(running_frame_fails_unless_asked_otherwise),
	KUNIT_CASE(running_frame_is_issued_again_if_asked),
	KUNIT_CASE(frame_with_a_fence_is_not_issued_again),
	KUNIT_CASE(what_a_living_provider_has_fails),
	KUNIT_CASE(control_is_issued_again),
	KUNIT_CASE(who_named_an_engine_is_lost_with_it),
	KUNIT_CASE(homeless_session_waits_for_an_engine),
	KUNIT_CASE(grace_does_not_last_for_ever),
	KUNIT_CASE(homeless_session_can_be_closed),
	KUNIT_CASE(session_that_was_opening_opens_elsewhere),
	KUNIT_CASE(engine_that_cannot_open_is_avoided),
	KUNIT_CASE(frame_that_cannot_follow_fails_alone),
	KUNIT_CASE(new_session_is_opened_elsewhere),
	KUNIT_CASE(what_no_engine_can_open_is_told),
	KUNIT_CASE(named_engine_that_cannot_open_is_told),
	KUNIT_CASE(engines_are_asked_so_often),
	KUNIT_CASE(grace_ends_with_what_was_refused),
	KUNIT_CASE(first_frame_may_be_refused),
	KUNIT_CASE(no_ping_pong),
	KUNIT_CASE(other_errors_are_the_frames_own),
	KUNIT_CASE(refused_frame_waits_for_others),
	KUNIT_CASE(reconfiguration_is_done_elsewhere),
	KUNIT_CASE(refused_reconfiguration_may_come_back),
	KUNIT_CASE(frame_that_waits_moves_with_its_fence),
	KUNIT_CASE(full_engine_takes_them_in_under_pressure),
	KUNIT_CASE(no_memory_to_move_is_no_loss),
	{}
};

/* However slow the machine is, grace ends when a case says so. */
static int migrate_init(struct kunit *test)
{
	failover_grace_ms = 3600 * MSEC_PER_SEC;
	return rig_init(test);
}

static struct kunit_suite migrate_suite = {
	.name = "hvcal_migrate",
	.init = migrate_init,
	.exit = rig_exit,
	.test_cases = migrate_cases,
};

kunit_test_suite(migrate_suite);
