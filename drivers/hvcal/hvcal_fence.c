// SPDX-License-Identifier: GPL-2.0
/*
 * Fences that a job waits for, and the check of fences that providers bring.
 *
 * HVCAL makes no fence of its own: completion is an event (see hvcal.h), and
 * what HVCAL_IOC_JOB_FENCE gives out was made by the engine's kernel driver. So
 * no process can hold back a dma_fence through this module.
 */
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-resv.h>

#include "hvcal_internal.h"

void hvcal_fence_add(struct hvcal_job *job, struct dma_fence *fence)
{
	struct hvcal_wait *w = &job->wait[job->nwaits++];

	w->fence = fence;
	w->job = job;
}

int hvcal_fence_add_implicit(struct hvcal_job *job, struct dma_buf *dmabuf)
{
	struct dma_fence *fence = NULL;
	int ret;

	ret = dma_resv_get_singleton(dmabuf->resv, DMA_RESV_USAGE_WRITE, &fence);
	if (!ret && fence)
		hvcal_fence_add(job, fence);
	return ret;
}

static void fence_done(struct hvcal_job *job, int error)
{
	if (error)
		atomic_cmpxchg(&job->fence_error, 0, error);
	if (atomic_dec_and_test(&job->waiting))
		hvcal_job_ready(job);
}

/* Under the lock of a foreign fence, perhaps in an interrupt. */
static void fence_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct hvcal_wait *w = container_of(cb, struct hvcal_wait, cb);

	fence_done(w->job, fence->error);
}

void hvcal_fence_arm(struct hvcal_job *job)
{
	u32 i;

	/* One more than there are fences: nothing is ready before all are armed. */
	for (i = 0; i < job->nwaits; i++) {
		struct hvcal_wait *w = &job->wait[i];

		if (dma_fence_add_callback(w->fence, &w->cb, fence_signalled))
			fence_done(job, w->fence->error);
	}
	fence_done(job, 0);
}

void hvcal_fence_open_gate(struct hvcal_job *job)
{
	fence_done(job, 0);
}

void hvcal_fence_disarm(struct hvcal_job *job)
{
	u32 i;

	for (i = 0; i < job->nwaits; i++) {
		struct hvcal_wait *w = &job->wait[i];

		/* Takes the fence's lock, so that a callback has run or never will. */
		if (w->cb.func)
			dma_fence_remove_callback(w->fence, &w->cb);
		dma_fence_put(w->fence);
		memset(w, 0, sizeof(*w));
	}
	job->nwaits = 0;
}

/*
 * Fences that a process can signal, or hold back, at will must not pass for
 * those of a driver that has a timeout of its own.
 */
static bool fence_is_driver_made(struct dma_fence *fence)
{
	const struct dma_fence_ops *ops;
	bool ok = true;

	rcu_read_lock();
	/* NULL on newer kernels once signalled: then it holds nobody back. */
	ops = (__force const struct dma_fence_ops *)READ_ONCE(fence->ops);
	if (ops && !test_bit(DMA_FENCE_FLAG_SIGNALED_BIT, &fence->flags)) {
		const char *name = ops->get_driver_name(fence);

		ok = strcmp(name, "sw_sync") && strcmp(name, "vgem");
	}
	rcu_read_unlock();
	return ok;
}

bool hvcal_fence_acceptable(struct dma_fence *fence)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *f;
	bool ok = true;

	dma_fence_unwrap_for_each(f, &iter, fence)
		ok = ok && fence_is_driver_made(f);
	return ok;
}
