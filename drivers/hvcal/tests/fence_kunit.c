// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_fence.c"

/* A session at an engine, and two fences of somebody else. */
struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p;
	struct hvcal_session *s;
	struct dma_fence *fence[HVCAL_JOB_FENCES];
};

static struct peers peers_make(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	u32 i;

	rig_engine(test, peers.p);
	peers.s = rig_session(test, peers.c);
	for (i = 0; i < HVCAL_JOB_FENCES; i++)
		peers.fence[i] = rig_fence(test);
	return peers;
}

/* The other driver is done with its fences: nobody else has kept one. */
static void peers_release(struct kunit *test, struct peers *peers)
{
	u32 i;

	for (i = 0; i < HVCAL_JOB_FENCES; i++) {
		KUNIT_EXPECT_EQ(test, kref_read(&peers->fence[i]->refcount), 1);
		dma_fence_signal(peers->fence[i]);
		dma_fence_put(peers->fence[i]);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.fences), 0);
}

/* A frame that waits for @count fences. */
static struct hvcal_job *fenced(struct kunit *test, struct peers *peers, u32 count)
{
	struct hvcal_job *job = rig_frame(test, peers->s);
	u32 i;

	for (i = 0; i < count; i++)
		hvcal_fence_add(job, dma_fence_get(peers->fence[i]));
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	return job;
}

static void frame_waits_for_every_fence(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = fenced(test, &peers, 2);

	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	rig_advance(1);
	dma_fence_signal(peers.fence[1]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	rig_advance(1);
	dma_fence_signal(peers.fence[0]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, job->ready_ns, rig_now());
	KUNIT_EXPECT_EQ(test, job->ready_ns, job->submit_ns + 2);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	peers_release(test, &peers);
}

static void fence_that_is_signalled_holds_nothing_up(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job;

	dma_fence_signal(peers.fence[0]);
	job = fenced(test, &peers, 2);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	dma_fence_signal(peers.fence[1]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	rig_client_close(peers.c);
	peers_release(test, &peers);
}

static void failed_fence_fails_the_frame(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = fenced(test, &peers, 2);

	dma_fence_set_error(peers.fence[0], -EIO);
	dma_fence_signal(peers.fence[0]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	dma_fence_set_error(peers.fence[1], -EPIPE);
	dma_fence_signal(peers.fence[1]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_ERROR);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	KUNIT_EXPECT_EQ(test, job->target->writers, 0);
	KUNIT_EXPECT_EQ(test, job->target->quarantined, 0);
	/* the first error is told */
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EIO);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.s->stats.failed, 1);
	peers_release(test, &peers);
}

static void fence_that_failed_before_fails_the_frame(struct kunit *test)
{
	struct peers peers = peers_make(test);

	dma_fence_set_error(peers.fence[0], -EIO);
	dma_fence_signal(peers.fence[0]);
	fenced(test, &peers, 1);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -EIO);
	peers_release(test, &peers);
}

static void signal_after_cancel_changes_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = fenced(test, &peers, 2);

	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 1);
	dma_fence_signal(peers.fence[0]);
	dma_fence_set_error(peers.fence[1], -EIO);
	dma_fence_signal(peers.fence[1]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_CANCELED);
	KUNIT_EXPECT_NULL(test, rig_take(peers.p));
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	RIG_EXPECT_NO_EVENT(test, peers.c);
	KUNIT_EXPECT_EQ(test, peers.s->stats.failed, 0);
	peers_release(test, &peers);
}

static void job_that_is_read_back_waits_for_nothing(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = fenced(test, &peers, 1);

	KUNIT_EXPECT_FALSE(test, list_empty(&peers.fence[0]->cb_list));
	hvcal_job_cancel(peers.s, job->id);
	KUNIT_EXPECT_FALSE(test, list_empty(&peers.fence[0]->cb_list));
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.fence[0]->cb_list));
	peers_release(test, &peers);
}

static void fence_outlives_all_of_hvcal(struct kunit *test)
{
	struct peers peers = peers_make(test);
	u32 i;

	fenced(test, &peers, 2);
	rig_provider_close(peers.p);
	rig_client_close(peers.c);
	for (i = 0; i < HVCAL_OBJ_COUNT; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[i]), 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.fence[0]->cb_list));
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.fence[1]->cb_list));
	peers_release(test, &peers);
}

static void refused_job_gives_its_fences_back(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);

	hvcal_fence_add(job, dma_fence_get(peers.fence[0]));
	job->target->quarantined++;
	KUNIT_EXPECT_EQ(test, rig_submit(job), -EBUSY);
	job->target->quarantined--;
	hvcal_job_put(job);
	peers_release(test, &peers);
}

static void add_implicit(struct kunit *test, struct dma_buf *dmabuf, struct dma_fence *fence,
			 enum dma_resv_usage usage)
{
	KUNIT_ASSERT_EQ(test, dma_resv_lock(dmabuf->resv, NULL), 0);
	KUNIT_EXPECT_EQ(test, dma_resv_reserve_fences(dmabuf->resv, 1), 0);
	dma_resv_add_fence(dmabuf->resv, fence, usage);
	dma_resv_unlock(dmabuf->resv);
}

static void implicit_fence_is_that_of_the_writer(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers.s);
	struct dma_buf *dmabuf = job->source->dmabufs[0];

	KUNIT_EXPECT_EQ(test, hvcal_fence_add_implicit(job, dmabuf), 0);
	KUNIT_EXPECT_EQ(test, job->nwaits, 0);
	add_implicit(test, dmabuf, peers.fence[0], DMA_RESV_USAGE_READ);
	KUNIT_EXPECT_EQ(test, hvcal_fence_add_implicit(job, dmabuf), 0);
	KUNIT_EXPECT_EQ(test, job->nwaits, 0);
	add_implicit(test, dmabuf, peers.fence[1], DMA_RESV_USAGE_WRITE);
	KUNIT_EXPECT_EQ(test, hvcal_fence_add_implicit(job, dmabuf), 0);
	KUNIT_ASSERT_EQ(test, job->nwaits, 1);

	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	dma_fence_signal(peers.fence[0]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_WAITING);
	dma_fence_signal(peers.fence[1]);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	rig_client_close(peers.c);
	peers_release(test, &peers);
}

static const char *sw_sync_name(struct dma_fence *fence)
{
	return "sw_sync";
}

static const char *vgem_name(struct dma_fence *fence)
{
	return "vgem";
}

static const char *driver_name(struct dma_fence *fence)
{
	return "sw_sync_not";
}

static DEFINE_SPINLOCK(makers_lock);	/* of the fences below */

static void only_drivers_make_fences(struct kunit *test)
{
	static const struct {
		struct dma_fence_ops ops;
		bool acceptable;
	} makers[] = {
		{ { .get_driver_name = driver_name, .get_timeline_name = driver_name }, true },
		{ { .get_driver_name = sw_sync_name, .get_timeline_name = driver_name }, false },
		{ { .get_driver_name = vgem_name, .get_timeline_name = driver_name }, false },
	};
	struct dma_fence *good, *bad = NULL, *both;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(makers); i++) {
		/* freed by the last put */
		bad = kzalloc(sizeof(*bad), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, bad);
		dma_fence_init(bad, &makers[i].ops, &makers_lock, dma_fence_context_alloc(1), 1);
		KUNIT_EXPECT_EQ(test, hvcal_fence_acceptable(bad), makers[i].acceptable);
		if (i < ARRAY_SIZE(makers) - 1) {
			/* what is over holds nobody back */
			dma_fence_signal(bad);
			KUNIT_EXPECT_TRUE(test, hvcal_fence_acceptable(bad));
			dma_fence_put(bad);
		}
	}

	/* one bad among others spoils them */
	good = rig_fence(test);
	both = dma_fence_unwrap_merge(good, bad);
	KUNIT_ASSERT_NOT_NULL(test, both);
	KUNIT_EXPECT_FALSE(test, hvcal_fence_acceptable(both));
	dma_fence_signal(bad);
	KUNIT_EXPECT_TRUE(test, hvcal_fence_acceptable(both));
	dma_fence_signal(good);
	dma_fence_put(both);
	dma_fence_put(bad);
	dma_fence_put(good);
}

struct signaller {
	struct work_struct work;
	struct dma_fence *fence;
};

static void signal_it(struct work_struct *work)
{
	dma_fence_signal(container_of(work, struct signaller, work)->fence);
}

#define ROUNDS 200

/* A job is cancelled, read back and used again while its fence signals. */
static void signal_races_with_the_end(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct signaller signaller;
	u32 round;

	INIT_WORK_ONSTACK(&signaller.work, signal_it);
	for (round = 0; round < ROUNDS; round++) {
		struct hvcal_job *job = rig_frame(test, peers.s);

		signaller.fence = rig_fence(test);
		hvcal_fence_add(job, dma_fence_get(signaller.fence));
		KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
		queue_work(hvcal.wq, &signaller.work);
		if (round & 1)
			cpu_relax();
		KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers.s, job->id), 1);
		rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
		/* its memory is another job's now */
		KUNIT_EXPECT_PTR_EQ(test, rig_submitted(test, peers.s), job);
		flush_work(&signaller.work);
		RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
		KUNIT_EXPECT_EQ(test, kref_read(&signaller.fence->refcount), 1);
		dma_fence_put(signaller.fence);
		hvcal_job_cancel(peers.s, 0);
		rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ECANCELED);
	}
	destroy_work_on_stack(&signaller.work);
	peers_release(test, &peers);
}

static struct kunit_case fence_cases[] = {
	KUNIT_CASE(frame_waits_for_every_fence),
	KUNIT_CASE(fence_that_is_signalled_holds_nothing_up),
	KUNIT_CASE(failed_fence_fails_the_frame),
	KUNIT_CASE(fence_that_failed_before_fails_the_frame),
	KUNIT_CASE(signal_after_cancel_changes_nothing),
	KUNIT_CASE(job_that_is_read_back_waits_for_nothing),
	KUNIT_CASE(fence_outlives_all_of_hvcal),
	KUNIT_CASE(refused_job_gives_its_fences_back),
	KUNIT_CASE(implicit_fence_is_that_of_the_writer),
	KUNIT_CASE(only_drivers_make_fences),
	KUNIT_CASE(signal_races_with_the_end),
	{}
};

static struct kunit_suite fence_suite = {
	.name = "hvcal_fence",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = fence_cases,
};

kunit_test_suite(fence_suite);
