// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_provider.c"

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

static struct hvcal_job *control(struct kunit *test, struct peers *peers, u32 type)
{
	struct hvcal_job *job = rig_control(test, peers->s, type);

	if (type == HVCAL_ITEM_RECONFIGURE) {
		job->res = peers->s->res;
		job->model = hvcal_model_alloc();
		KUNIT_ASSERT_NOT_NULL(test, job->model);
	}
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	return job;
}

static void answer_to_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_provider *other = rig_provider(test);
	struct hvcal_job *job = running(test, &peers);

	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, 0, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id + 1, 0), -ENOENT);
	/* what another one was given */
	KUNIT_EXPECT_EQ(test, rig_answer(other, job->work.id, 0), -ENOENT);
	KUNIT_EXPECT_EQ(test, hvcal_provider_check(other, job->work.id), -ENOENT);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(other, job->work.id, NULL), -ENOENT);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers.p->late, 0);
}

static void answer_tells_what_was_coded(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_answer a = {
		.flags = HVCAL_RESULT_SKIPPED,
		.bytes = job->target_size,
		.engine_ns = 600,
		.result_len = 4,
		.result = "abc",
	};
	struct hvcal_event ev;

	rig_advance(1000);
	KUNIT_EXPECT_EQ(test, hvcal_provider_answer(peers.p, job->work.id, &a), 0);
	ev = rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_EQ(test, ev.flags & (HVCAL_EVENT_KEY | HVCAL_EVENT_SKIPPED),
			HVCAL_EVENT_SKIPPED);
	KUNIT_EXPECT_EQ(test, ev.bytes, a.bytes);
	KUNIT_EXPECT_EQ(test, ev.result_len, 4);
	KUNIT_EXPECT_STREQ(test, (char *)ev.result, "abc");
	/* of what the engine says it took */
	KUNIT_EXPECT_EQ(test, peers.s->stats.engine_ns, 600);
	KUNIT_EXPECT_EQ(test, peers.c->engine_ns, 600);
	KUNIT_EXPECT_EQ(test, peers.e->jobs_done, 1);

	/* it cannot have taken longer than it had the frame */
	job = running(test, &peers);
	a.engine_ns = 2001;
	rig_advance(2000);
	KUNIT_EXPECT_EQ(test, hvcal_provider_answer(peers.p, job->work.id, &a), 0);
	KUNIT_EXPECT_EQ(test, peers.s->stats.engine_ns, 2600);
}

static void more_bytes_than_room_is_nonsense(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	KUNIT_EXPECT_EQ(test, rig_answer_as(peers.p, job->work.id, 0, job->target_size + 1),
			-EPROTO);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_ERROR);
	KUNIT_EXPECT_EQ(test, rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EPROTO).bytes, 0);
	/* it has answered: the item is gone, the engine free */
	KUNIT_EXPECT_TRUE(test, hash_empty(peers.p->issued));
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, peers.e->jobs_done, 0);
	running(test, &peers);
}

static void failed_frame_teaches_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);

	rig_advance(1000);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, -EIO), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EIO);
	KUNIT_EXPECT_EQ(test, peers.s->binding->model->cost.samples, 0);
	KUNIT_EXPECT_EQ(test, peers.e->jobs_done, 0);
	KUNIT_EXPECT_EQ(test, peers.s->stats.failed, 1);
}

static void frames_held_when_a_flush_is_answered_fail(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *one = running(test, &peers), *two, *flush;
	u64 id;

	rig_answer_as(peers.p, one->work.id, HVCAL_RESULT_HELD, 0);
	two = running(test, &peers);
	rig_answer_as(peers.p, two->work.id, HVCAL_RESULT_HELD, 0);
	flush = control(test, &peers, HVCAL_ITEM_FLUSH);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), flush);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, one->work.id, 0), 0);
	id = two->work.id;
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, flush->work.id, 0), 0);

	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EPROTO);
	rig_expect_event(test, peers.c, HVCAL_EVENT_FLUSHED, 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	/* the engine has never said that it is done with it */
	KUNIT_EXPECT_EQ(test, two->target->quarantined, 1);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, two->target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, peers.s->pending, 0);
}

static void flush_spares_other_streams(struct kunit *test)
{
	struct peers peers = peers_make(test), other = peers;
	struct hvcal_job *held, *flush;

	other.s = rig_session(test, peers.c);
	held = running(test, &other);
	rig_answer_as(peers.p, held->work.id, HVCAL_RESULT_HELD, 0);
	flush = control(test, &peers, HVCAL_ITEM_FLUSH);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), flush);
	rig_answer(peers.p, flush->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_FLUSHED, 0);
	RIG_EXPECT_STATE(test, held, HVCAL_JOB_RUNNING);
}

static void reconfiguration_takes_effect_when_answered(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_control(test, peers.s, HVCAL_ITEM_RECONFIGURE);

	KUNIT_ASSERT_EQ(test, hvcal_job_reserve_meta(job, 4), 0);
	memcpy(job->meta, "new", 4);
	job->meta_len = 4;
	job->res = peers.s->res;
	job->res.width = 1280;
	job->model = hvcal_model_alloc();
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	KUNIT_EXPECT_EQ(test, peers.s->res.width, 640);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	KUNIT_EXPECT_EQ(test, peers.s->res.width, 1280);
	KUNIT_EXPECT_EQ(test, peers.s->asked.width, 1280);
	KUNIT_EXPECT_EQ(test, peers.s->ask.width, 1280);
	KUNIT_EXPECT_EQ(test, peers.s->config_len, 4);
	KUNIT_EXPECT_STREQ(test, (char *)peers.s->config, "new");
	rig_expect_event(test, peers.c, HVCAL_EVENT_RECONFIGURED, 0);
}

static void refused_reconfiguration_changes_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_control(test, peers.s, HVCAL_ITEM_RECONFIGURE);
	struct hvcal_model *model = peers.s->binding->model;

	job->res = peers.s->res;
	job->res.width = 1280;
	job->model = hvcal_model_alloc();
	peers.s->asked = job->res;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, -EINVAL), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RECONFIGURED, -EINVAL);
	KUNIT_EXPECT_EQ(test, peers.s->res.width, 640);
	/* and what was reserved for it is given back */
	KUNIT_EXPECT_EQ(test, peers.s->asked.width, 640);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->model, model);
	KUNIT_EXPECT_EQ(test, model->users, 1);
}

static void accept_comes_once_and_in_time(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s), *flush;
	struct hvcal_event ev;

	job->flags = HVCAL_JOB_WANT_FENCE;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, job->work.id, NULL), 0);
	ev = rig_expect_event(test, peers.c, HVCAL_EVENT_ACCEPTED, 0);
	KUNIT_EXPECT_EQ(test, ev.flags, 0);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, job->work.id, NULL), -EBUSY);
	rig_answer(peers.p, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);

	/* who did not ask is not told */
	job = running(test, &peers);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, job->work.id, NULL), 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	hvcal_job_cancel(peers.s, job->id);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, job->work.id, NULL), -ECANCELED);
	rig_answer(peers.p, job->work.id, 0);

	flush = control(test, &peers, HVCAL_ITEM_FLUSH);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), flush);
	KUNIT_EXPECT_EQ(test, hvcal_provider_accept(peers.p, flush->work.id, NULL), -ENOENT);
}

static void accept_that_nobody_reads_holds_no_job_back(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);

	job->flags = HVCAL_JOB_WANT_FENCE;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	hvcal_provider_accept(peers.p, job->work.id, NULL);
	rig_answer(peers.p, job->work.id, 0);
	rig_client_close(peers.c);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);
}

static void check_tells_the_verdict_before_it_comes(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	u64 id = job->work.id;

	KUNIT_EXPECT_EQ(test, hvcal_provider_check(peers.p, id), 0);
	hvcal_job_cancel(peers.s, job->id);
	KUNIT_EXPECT_EQ(test, hvcal_provider_check(peers.p, id), -ECANCELED);
	rig_answer(peers.p, id, 0);
	KUNIT_EXPECT_EQ(test, hvcal_provider_check(peers.p, id), -ENOENT);
}

static void closed_file_lets_go_of_everything(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = peers_make(test);
	struct hvcal_job *job = running(test, &peers);
	struct hvcal_buffer *target = job->target;
	struct hvcal_item items[4] = {};

	rig_session_as(test, peers.c, &args);
	rig_session_close(rig_session_as(test, peers.c, &args));
	rig_answer(peers.p, job->work.id, -EIO);
	rig_submitted(test, peers.s);
	/* OPEN, and a frame with its buffers */
	KUNIT_EXPECT_EQ(test, rig_acquire(peers.p, items, 4), 4);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 2);
	rig_session_as(test, peers.c, &args);
	rig_provider_close(peers.p);

	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 0);
	KUNIT_EXPECT_EQ(test, target->quarantined, 0);
	/* sessions without an engine keep their old bindings */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 3);
	rig_client_close(peers.c);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_PROVIDERS]), 0);
}

static struct kunit_case provider_cases[] = {
	KUNIT_CASE(answer_to_nothing),
	KUNIT_CASE(answer_tells_what_was_coded),
	KUNIT_CASE(more_bytes_than_room_is_nonsense),
	KUNIT_CASE(failed_frame_teaches_nothing),
	KUNIT_CASE(frames_held_when_a_flush_is_answered_fail),
	KUNIT_CASE(flush_spares_other_streams),
	KUNIT_CASE(reconfiguration_takes_effect_when_answered),
	KUNIT_CASE(refused_reconfiguration_changes_nothing),
	KUNIT_CASE(accept_comes_once_and_in_time),
	KUNIT_CASE(accept_that_nobody_reads_holds_no_job_back),
	KUNIT_CASE(check_tells_the_verdict_before_it_comes),
	KUNIT_CASE(closed_file_lets_go_of_everything),
	{}
};

static struct kunit_suite provider_suite = {
	.name = "hvcal_provider",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = provider_cases,
};

kunit_test_suite(provider_suite);
