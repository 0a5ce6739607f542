// SPDX-License-Identifier: MIT
/*
 * The fence of a picture. VA-API has none, but drivers put one into the DMA-BUF that
 * they read, which the kernel gives out. Not all do it where it can be seen, so the first
 * picture shows whether one is there and signals when the picture is done, and not before.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#include "vaapi.h"

#ifndef DMA_BUF_IOCTL_EXPORT_SYNC_FILE
struct dma_buf_export_sync_file {
	__u32 flags;
	__s32 fd;
};
#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE _IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#endif

/* A fence of all that read or write a source; -1: the kernel or the memory has none. */
static int fence_export(const struct hvcal_engine_buffer *b)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE, .fd = -1 };
	int fd = b->fd[b->layout.fd_index[0]];

	return ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg) ? -1 : arg.fd;
}

static bool is_signalled(int fence, int timeout_ms)
{
	struct pollfd p = { .fd = fence, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

static bool is_single(int fence)
{
	struct sync_file_info info = { 0 };

	return !ioctl(fence, SYNC_IOC_FILE_INFO, &info) && info.num_fences == 1;
}

bool vaapi_fence_possible(struct hvcal_engine_ctx *ctx, const struct hvcal_engine_buffer *b)
{
	int fence = atomic_load(&ctx->fences) == VAAPI_FENCES_NONE ? -1 : fence_export(b);
	bool idle = fence >= 0 && is_signalled(fence, 0);

	if (fence >= 0)
		close(fence);
	return idle;
}

/* The driver's are of use if they are there, and not too early. */
static void learn(struct hvcal_engine_stream *s, int fence, VASurfaceID source)
{
	VASurfaceStatus state = VASurfaceReady;
	bool there = is_signalled(fence, (int)s->ctx->timeout_ms) &&
		     !vaQuerySurfaceStatus(s->ctx->display, source, &state) &&
		     !(state & VASurfaceRendering);

	atomic_store(&s->ctx->fences, there ? VAAPI_FENCES_GOOD : VAAPI_FENCES_NONE);
	vaapi_log(s->ctx, LOG_INFO, there ? "fences are the driver's" :
		  "the driver's fences do not wait for pictures: there are none");
}

int vaapi_fence_take(struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b,
		     VASurfaceID source)
{
	int fence = fence_export(b);

	/* nobody else was at the source: what is there now is the driver's */
	if (fence >= 0 && !is_signalled(fence, 0) && is_single(fence)) {
		if (atomic_load(&s->ctx->fences) == VAAPI_FENCES_GOOD)
			return fence;
		learn(s, fence, source);
	}
	if (fence >= 0)
		close(fence);
	return -1;
}
