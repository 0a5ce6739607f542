// SPDX-License-Identifier: MIT
/* One buffer: references, import into the back end, CPU access. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct hvcal_buf *hvcal_buf_from(const hvcal_buffer_t *buffer)
{
	return buffer ? buffer->handle : NULL;
}

hvcal_buffer_t *hvcal_buffer_ref(hvcal_buffer_t *buffer)
{
	struct hvcal_buf *buf = hvcal_buf_from(buffer);

	if (buf)
		atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
	return buffer;
}

void hvcal_buffer_release(hvcal_buffer_t **buffer)
{
	struct hvcal_buf *buf;

	if (!buffer || !*buffer)
		return;
	buf = hvcal_buf_from(*buffer);
	*buffer = NULL;
	if (!buf || atomic_fetch_sub(&buf->refs, 1) != 1)
		return;
	if (buf->pool)
		hvcal_pool_put(buf);
	else
		hvcal_buf_destroy_wrapped(buf);
}

static int import(struct hvcal_buf *buf, uint32_t role, _Atomic uint32_t *slot)
{
	struct hvcal_be *be = buf->ctx->be;
	uint32_t handle = 0;
	int ret = 0;

	pthread_mutex_lock(&buf->ctx->import_lock);
	if (!atomic_load(slot)) {
		ret = be->ops->buffer_add(be, buf, role, &handle);
		if (!ret)
			atomic_store(slot, handle);
	}
	pthread_mutex_unlock(&buf->ctx->import_lock);
	return ret;
}

int hvcal_buf_import(struct hvcal_buf *buf, uint32_t role, uint32_t *handle)
{
	_Atomic uint32_t *slot = role == HVCAL_BUFFER_TARGET ? &buf->target : &buf->source;
	int ret = 0;

	*handle = atomic_load(slot);
	if (!*handle) {
		ret = import(buf, role, slot);
		*handle = atomic_load(slot);
	}
	return ret;
}

void hvcal_buf_forget(struct hvcal_buf *buf)
{
	struct hvcal_be *be = buf->ctx->be;
	uint32_t handle;

	handle = atomic_exchange(&buf->source, 0);
	if (handle)
		be->ops->buffer_drop(be, handle);
	handle = atomic_exchange(&buf->target, 0);
	if (handle)
		be->ops->buffer_drop(be, handle);
}

static void close_fds(struct hvcal_buf *buf)
{
	int i;

	for (i = 0; i < HVCAL_BUFFER_PLANES; i++)
		if (buf->pub.fd[i] >= 0)
			close(buf->pub.fd[i]);
}

void hvcal_buf_destroy_wrapped(struct hvcal_buf *buf)
{
	hvcal_buf_forget(buf);
	close_fds(buf);
	hvcal_context_unref(buf->ctx);
	free(buf);
}

static int wrap_check_device(const hvcal_buffer_t *d)
{
	uint32_t i;

	if (!d->device_ptr || !d->size || !d->format || d->cpu_ptr)
		return -EINVAL;
	for (i = 0; i < HVCAL_BUFFER_PLANES; i++)
		if (d->fd[i] >= 0 || d->fd_index[i])
			return -EINVAL;
	return 0;
}

static int wrap_check(const hvcal_buffer_t *d)
{
	uint32_t i;

	if (d->handle || d->reserved || d->planes > HVCAL_BUFFER_PLANES)
		return -EINVAL;
	if (d->format && !d->planes)
		return -EINVAL;
	if (d->memory == HVCAL_MEMORY_CUDA)
		return wrap_check_device(d);
	if (d->fd[0] < 0 || d->device_ptr)
		return -EINVAL;
	for (i = 0; i < d->planes; i++)
		if (d->fd_index[i] >= HVCAL_BUFFER_PLANES || d->fd[d->fd_index[i]] < 0)
			return -EINVAL;
	return 0;
}

int hvcal_buffer_wrap(hvcal_context_t *ctx, const hvcal_buffer_t *desc,
		      hvcal_buffer_t **out)
{
	struct hvcal_buf *buf;
	hvcal_buffer_t d;
	off_t end;
	int i, ret;

	if (!ctx || !out)
		return -EINVAL;
	ret = hvcal_struct_get(&d, sizeof(d), desc, HVCAL_BUFFER_V1);
	if (!ret)
		ret = wrap_check(&d);
	if (ret)
		return ret;
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	buf->pub = d;
	if (d.memory != HVCAL_MEMORY_CUDA)
		buf->pub.memory = HVCAL_MEMORY_EXTERNAL;
	buf->pub.handle = buf;
	buf->mem.fd = -1;
	memset(buf->pub.fd, 0xff, sizeof(buf->pub.fd));
	for (i = 0; i < HVCAL_BUFFER_PLANES; i++) {
		if (d.fd[i] < 0)
			continue;
		buf->pub.fd[i] = fcntl(d.fd[i], F_DUPFD_CLOEXEC, 0);
		if (buf->pub.fd[i] < 0) {
			ret = -errno;
			goto err;
		}
	}
	end = d.fd[0] < 0 ? 0 : lseek(buf->pub.fd[0], 0, SEEK_END);
	if (end > 0) {
		if ((uint64_t)end < d.size) {
			ret = -EINVAL; /* it says more than there is */
			goto err;
		}
		buf->pub.size = (uint64_t)end;
	}
	atomic_init(&buf->refs, 1);
	buf->ctx = hvcal_context_ref(ctx);
	*out = &buf->pub;
	return 0;
err:
	close_fds(buf);
	free(buf);
	return ret;
}

/* memfds have no caches to make right, and no such ioctl. */
static int cpu_sync(hvcal_buffer_t *buffer, uint32_t access, uint64_t edge)
{
	struct hvcal_buf *buf = hvcal_buf_from(buffer);
	struct dma_buf_sync sync = { 0 };
	int ret;

	if (!buf || !access || access & ~(HVCAL_CPU_READ | HVCAL_CPU_WRITE))
		return -EINVAL;
	if (buffer->memory == HVCAL_MEMORY_CUDA)
		return -EOPNOTSUPP;
	if (buffer->memory == HVCAL_MEMORY_MEMFD)
		return 0;
	sync.flags = edge;
	if (access & HVCAL_CPU_READ)
		sync.flags |= DMA_BUF_SYNC_READ;
	if (access & HVCAL_CPU_WRITE)
		sync.flags |= DMA_BUF_SYNC_WRITE;
	ret = buf->ctx->sys->ioctl(buf->ctx->sys, buffer->fd[0], DMA_BUF_IOCTL_SYNC, &sync);
	/* a wrapped file need not be a DMA-BUF in direct mode */
	return ret == -ENOTTY ? 0 : ret;
}

int hvcal_buffer_begin_cpu(hvcal_buffer_t *buffer, uint32_t access)
{
	return cpu_sync(buffer, access, DMA_BUF_SYNC_START);
}

int hvcal_buffer_end_cpu(hvcal_buffer_t *buffer, uint32_t access)
{
	return cpu_sync(buffer, access, DMA_BUF_SYNC_END);
}
