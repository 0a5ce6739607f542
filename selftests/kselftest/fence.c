// SPDX-License-Identifier: MIT
/* Fences that a job waits for. vgem and sw_sync give fences that a test signals. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <unistd.h>

#include "ks.h"

static uint64_t ks_submit_behind(struct ks_rig *rig, int sync, uint32_t target)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, rig->source, target);
	job.flags = HVCAL_JOB_IN_FENCE;
	job.in_fence = sync;
	CHECK_EQ(ks_submit(rig->client, rig->session, &job, 1), 1);
	return job.job;
}

static void ks_finish_one(struct ks_rig *rig, uint64_t job)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(&rig->p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig->p, item.id, 0, 1));
	ks_expect_event(rig->client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	CHECK_GE(ev.ready_ns, ev.submit_ns);
	CHECK_GE(ev.start_ns, ev.ready_ns);
}

KS_TEST(features)
{
	uint64_t features = ks_caps(ks_client()).features;

	CHECK(features & HVCAL_FEATURE_IN_FENCE);
	CHECK(features & HVCAL_FEATURE_IMPLICIT_FENCE);
}

struct maker { const char *label; struct ks_fence (*make)(void); };

static const struct maker makers[] = {
	{ "vgem", ks_fence_vgem },
	{ "sw_sync", ks_fence_sw_sync },
};

KS_TABLE(waits, makers)
{
	struct ks_fence fence = ((const struct maker *)row)->make();
	struct ks_rig rig;
	uint64_t job, signalled;
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_rig_open(&rig, "ks-fe-waits", 1, 1);
	job = ks_submit_behind(&rig, fence.sync, rig.target);
	ks_expect_idle(&rig.p);
	CHECK_EQ(ks_stats(rig.client, rig.session).queued, 1);
	signalled = ks_now_ns();
	ks_fence_signal(&fence);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	CHECK_GE(ev.ready_ns, signalled);
}

/* The job holds its own reference: the caller may close the descriptor. */
KS_TEST(descriptor_closed)
{
	struct ks_fence fence = ks_fence_any();
	struct ks_rig rig;
	uint64_t job;

	ks_rig_open(&rig, "ks-fe-closed", 1, 1);
	job = ks_submit_behind(&rig, fence.sync, rig.target);
	close(fence.sync);
	ks_expect_idle(&rig.p);
	ks_fence_signal(&fence);
	ks_finish_one(&rig, job);
}

KS_TEST(already_signalled)
{
	struct ks_fence fence = ks_fence_any();
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-already", 1, 1);
	ks_fence_signal(&fence);
	ks_finish_one(&rig, ks_submit_behind(&rig, fence.sync, rig.target));
}

/* One job waits; the next of the session, which does not, keeps its place. */
KS_TEST(order_is_kept)
{
	struct ks_fence fence = ks_fence_any();
	struct ks_rig rig;
	uint64_t first, second;

	ks_rig_open(&rig, "ks-fe-order", 2, 2);
	first = ks_submit_behind(&rig, fence.sync, rig.target);
	second = ks_rig_submit(&rig, rig.target2, 2);
	ks_expect_idle(&rig.p);
	ks_fence_signal(&fence);
	ks_finish_one(&rig, first);
	ks_finish_one(&rig, second);
}

/* A session that waits does not hold up another one. */
KS_TEST(others_go_on)
{
	struct ks_fence fence = ks_fence_any();
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;
	uint32_t other;

	ks_rig_open(&rig, "ks-fe-others", 1, 1);
	other = ks_session_plain(&rig.p, rig.client);
	ks_submit_behind(&rig, fence.sync, rig.target);
	ks_job_init(&job, rig.source, rig.target2);
	CHECK_EQ(ks_submit(rig.client, other, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.session, other);
	ks_fence_signal(&fence);
}

KS_TEST(cancel_while_waiting)
{
	struct ks_fence fence = ks_fence_any();
	struct hvcal_event ev;
	struct ks_rig rig;
	uint64_t job;

	ks_rig_open(&rig, "ks-fe-cancel", 1, 1);
	job = ks_submit_behind(&rig, fence.sync, rig.target);
	CHECK_OK(ks_cancel(rig.client, rig.session, job, NULL));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	CHECK_EQ(ev.job, job);
	/* the fence has nothing more to do with it */
	ks_fence_signal(&fence);
	ks_expect_idle(&rig.p);
	ks_rig_run(&rig, 3);
}

KS_TEST(destroy_while_waiting)
{
	struct ks_fence fence = ks_fence_any();
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-destroy", 1, 1);
	ks_submit_behind(&rig, fence.sync, rig.target);
	CHECK_OK(ks_destroy(rig.client, rig.session));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_fence_signal(&fence);
	ks_expect_idle(&rig.p);
	ks_expect_quiet(rig.client);
}

/* After close(2) nothing is left, though the fence is not signalled. */
KS_TEST(close_while_waiting)
{
	struct ks_fence fence = ks_fence_any();
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-close", 1, 1);
	ks_submit_behind(&rig, fence.sync, rig.target);
	close(rig.client);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_fence_signal(&fence);
	ks_expect_idle(&rig.p);
}

KS_TEST(provider_dies_while_waiting)
{
	struct ks_fence fence = ks_fence_any();
	struct hvcal_event ev;
	struct ks_rig rig;
	bool ended = false;

	ks_rig_open(&rig, "ks-fe-dies", 1, 1);
	ks_submit_behind(&rig, fence.sync, rig.target);
	ks_provider_close(&rig.p);
	while (!ended) {
		CHECK_OK(ks_event(rig.client, &ev, ks_ms(KS_WAIT_MS)));
		ended = ev.type == HVCAL_EVENT_JOB;
	}
	CHECK_LE(ev.status, -1);
	ks_fence_signal(&fence);
	ks_expect_quiet(rig.client);
}

/*
 * A producer that dies: sw_sync's timeline is closed, and its fences end in an
 * error. The frame is not worth coding, and the job says so.
 */
KS_TEST(fence_error)
{
	struct ks_fence fence = ks_fence_sw_sync();
	struct hvcal_event ev;
	struct ks_rig rig;
	uint64_t job;

	ks_rig_open(&rig, "ks-fe-error", 1, 1);
	job = ks_submit_behind(&rig, fence.sync, rig.target);
	close(fence.device);
	CHECK_OK(ks_event(rig.client, &ev, ks_ms(KS_WAIT_MS)));
	CHECK_EQ(ev.type, HVCAL_EVENT_JOB);
	CHECK_EQ(ev.job, job);
	CHECK_LE(ev.status, -1);
	ks_expect_idle(&rig.p);
	ks_rig_run(&rig, 3);
}

KS_TEST(implicit_waits)
{
	struct ks_fence fence = ks_fence_vgem();
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-implicit", 1, 1);
	ks_job_init(&job, ks_import(rig.client, fence.dmabuf, HVCAL_BUFFER_SOURCE), rig.target);
	job.flags = HVCAL_JOB_IMPLICIT_FENCE;
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_idle(&rig.p);
	ks_fence_signal(&fence);
	ks_finish_one(&rig, job.job);
}

/* Who does not ask for it does not wait. */
KS_TEST(implicit_not_asked)
{
	struct ks_fence fence = ks_fence_vgem();
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-unasked", 1, 1);
	ks_job_init(&job, ks_import(rig.client, fence.dmabuf, HVCAL_BUFFER_SOURCE), rig.target);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_finish_one(&rig, job.job);
	ks_fence_signal(&fence);
}

KS_TEST(both_kinds)
{
	struct ks_fence implicit = ks_fence_vgem(), explicit = ks_fence_any();
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-fe-both", 1, 1);
	ks_job_init(&job, ks_import(rig.client, implicit.dmabuf, HVCAL_BUFFER_SOURCE), rig.target);
	job.flags = HVCAL_JOB_IMPLICIT_FENCE | HVCAL_JOB_IN_FENCE;
	job.in_fence = explicit.sync;
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_fence_signal(&explicit);
	ks_expect_idle(&rig.p);
	ks_fence_signal(&implicit);
	ks_finish_one(&rig, job.job);
}

/* Many at once, signalled in the reverse order. */
KS_TEST(many)
{
	enum { COUNT = 8 };
	struct ks_fence fences[COUNT];
	struct hvcal_session_create arg;
	struct ks_rig rig;
	uint32_t sessions[COUNT];

	ks_rig_open(&rig, "ks-fe-many", COUNT, 1);
	for (int i = 0; i < COUNT; i++) {
		struct hvcal_job_desc job;

		fences[i] = ks_fence_any();
		ks_create_init(&arg, rig.p.engine);
		sessions[i] = ks_session(&rig.p, rig.client, &arg);
		ks_job_init(&job, rig.source, ks_import_new(rig.client, HVCAL_BUFFER_TARGET));
		job.flags = HVCAL_JOB_IN_FENCE;
		job.in_fence = fences[i].sync;
		CHECK_EQ(ks_submit(rig.client, sessions[i], &job, 1), 1);
	}
	for (int i = COUNT - 1; i >= 0; i--) {
		struct hvcal_event ev;
		struct hvcal_item item;

		ks_fence_signal(&fences[i]);
		ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
		CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
		ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
		CHECK_EQ(ev.session, sessions[i]);
	}
}

KS_TEST(out_fence_states)
{
	struct ks_rig rig;
	struct hvcal_job_fence arg = { 0 };
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_rig_open(&rig, "ks-fe-out", 1, 1);
	arg.session = rig.session;
	arg.job = ks_rig_submit(&rig, rig.target, 0);
	/* not accepted yet, and no fence */
	CHECK_ERR(ks_ioctl(rig.client, HVCAL_IOC_JOB_FENCE, &arg), -EOPNOTSUPP);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	/* its event was read: the job is no more */
	CHECK_ERR(ks_ioctl(rig.client, HVCAL_IOC_JOB_FENCE, &arg), -ENOENT);
}
