// SPDX-License-Identifier: MIT
/*
 * Where pictures come from. Memory that the CPU can read is copied by it into a
 * buffer of NVENC. Memory of the GPU is imported, unless the client gives its
 * address, and registered once, and read where it lies. See Documentation/nvenc.rst for what CUDA can import.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "../soft.h"
#include "nvenc.h"

/* Newer than the header: CUDA 11.7 and 13. */
#define ATTRIBUTE_DMA_BUF_SUPPORTED 124
#define HANDLE_TYPE_DMABUF_FD 9

/* ---- imports ---- */

static int import_device(struct hvcal_engine_ctx *c, struct nvenc_import *im,
			 const struct hvcal_engine_buffer *b, CUexternalMemoryHandleType type)
{
	CUDA_EXTERNAL_MEMORY_HANDLE_DESC handle = { .type = type, .size = b->len[0] };
	CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = { .size = b->len[0] };
	CUresult result;

	/* CUDA takes the descriptor over if it succeeds */
	handle.handle.fd = fcntl(b->fd[0], F_DUPFD_CLOEXEC, 0);
	if (handle.handle.fd < 0)
		return -errno;
	result = c->lib.cu.cuImportExternalMemory(&im->external, &handle);
	if (result) {
		close(handle.handle.fd);
		im->external = NULL;
		return nvenc_cuda_errno(result);
	}
	result = c->lib.cu.cuExternalMemoryGetMappedBuffer(&im->device, im->external, &buffer);
	if (result) {
		c->lib.cu.cuDestroyExternalMemory(im->external);
		im->external = NULL;
		return nvenc_cuda_fail(c, "cuExternalMemoryGetMappedBuffer", result);
	}
	return 0;
}

/* Only drivers of Tegra import DMA-BUFs; others say so, and are asked once. */
static int import_dmabuf(struct hvcal_engine_ctx *c, struct nvenc_import *im,
			 const struct hvcal_engine_buffer *b)
{
	int supported = 0, ret;

	if (!atomic_load(&c->imports_dmabuf))
		return -EOPNOTSUPP;
	c->lib.cu.cuDeviceGetAttribute(&supported,
				       (CUdevice_attribute)ATTRIBUTE_DMA_BUF_SUPPORTED, c->device);
	ret = !supported ? -EOPNOTSUPP :
	      import_device(c, im, b, (CUexternalMemoryHandleType)HANDLE_TYPE_DMABUF_FD);
	if (ret)
		atomic_store(&c->imports_dmabuf, false);
	return ret;
}

static void import_unmap(struct nvenc_import *im)
{
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (im->map[i])
			munmap(im->map[i], im->len[i]);
}

static int import_map(struct nvenc_import *im, const struct hvcal_engine_buffer *b)
{
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++) {
		void *at;

		if (b->fd[i] < 0)
			continue;
		at = mmap(NULL, b->len[i], PROT_READ, MAP_SHARED, b->fd[i], 0);
		if (at == MAP_FAILED) {
			int ret = -errno;

			import_unmap(im);
			memset(im->map, 0, sizeof(im->map));
			return ret;
		}
		im->map[i] = at;
		im->len[i] = b->len[i];
	}
	return im->map[0] ? 0 : -EINVAL;
}

/* Under c->lock. The cheapest route that works, found once for each buffer. */
static int import_locked(struct hvcal_engine_ctx *c, struct hvcal_engine_buffer *b)
{
	struct nvenc_import *im = calloc(1, sizeof(*im));
	int ret, unmapped;

	if (!im)
		return -ENOMEM;
	im->given = b->layout.flags & HVCAL_LAYOUT_DEVICE;
	im->device = im->given ? b->layout.device_ptr : 0;
	ret = im->given ? 0 : import_dmabuf(c, im, b);
	if (ret) {
		ret = unmapped = import_map(im, b);
		/* memory of the GPU that this driver has exported itself */
		if (ret)
			ret = import_device(c, im, b, CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD);
		if (ret) {
			nvenc_log(c, LOG_ERR,
				  "nvenc: the CPU cannot map a source (%s) and %s cannot import it (%s)",
				  strerror(-unmapped), c->name, strerror(-ret));
			free(im);
			return -EINVAL;
		}
	}
	im->generation = c->generation;
	b->priv = im;
	return 0;
}

/* Under c->lock. Memory of a lost context is gone with it. */
static void import_free(struct hvcal_engine_ctx *c, struct nvenc_import *im)
{
	import_unmap(im);
	if (im->external && im->generation == c->generation && !nvenc_cuda_push(c)) {
		c->lib.cu.cuMemFree_v2(im->device);
		c->lib.cu.cuDestroyExternalMemory(im->external);
		nvenc_cuda_pop(c);
	}
	free(im);
}

static int import_get(struct hvcal_engine_ctx *c, struct hvcal_engine_buffer *b,
		      struct nvenc_import **im)
{
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	*im = b->priv;
	if (*im && (*im)->external && (*im)->generation != c->generation) {
		import_free(c, *im);
		b->priv = NULL;
	}
	if (!b->priv)
		ret = import_locked(c, b);
	*im = b->priv;
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Under c->lock: takes registrations of a stream or of an import away. */
static void unregister_locked(struct hvcal_engine_ctx *c, const struct hvcal_engine_stream *s,
			      const struct nvenc_import *im)
{
	struct nvenc_registration **at = &c->registrations, *r;

	while ((r = *at)) {
		if (!(s && r->stream == s) && !(im && r->import == im)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		c->lib.api.nvEncUnregisterResource(r->stream->session, r->resource);
		free(r);
	}
}

void nvenc_source_leave(hvcal_engine_stream_t *s)
{
	pthread_mutex_lock(&s->ctx->lock);
	unregister_locked(s->ctx, s, NULL);
	pthread_mutex_unlock(&s->ctx->lock);
}

void nvenc_source_forget(hvcal_engine_ctx_t *c, struct hvcal_engine_buffer *b)
{
	struct nvenc_import *im = b->priv;

	if (!im)
		return;
	b->priv = NULL;
	pthread_mutex_lock(&c->lock);
	unregister_locked(c, NULL, im);
	import_free(c, im);
	pthread_mutex_unlock(&c->lock);
}

/* ---- layouts ---- */

/* Bytes of a row of a plane, rows in it, planes; of the stream's picture. */
struct shape {
	uint32_t planes, row[3], rows[3];
};

static struct shape shape_of(const struct hvcal_codec_config *c)
{
	uint32_t sample = c->format == HVCAL_FORMAT_P010 ? 2 : 1;
	bool planar = c->format == HVCAL_FORMAT_I420;
	uint32_t chroma = planar ? c->width / 2 : c->width * sample;

	return (struct shape){
		.planes = planar ? 3 : 2,
		.row = { c->width * sample, chroma, chroma },
		.rows = { c->height, c->height / 2, c->height / 2 },
	};
}

static bool layout_fits(const struct hvcal_engine_buffer *b, const struct hvcal_codec_config *c,
			const struct shape *shape)
{
	const struct hvcal_frame_layout *l = &b->layout;

	return l->format == c->format && !l->modifier && l->planes == shape->planes &&
	       l->width >= c->width && l->height >= c->height;
}

/* ---- by the CPU ---- */

static void sync_cpu(const struct hvcal_engine_buffer *b, const struct nvenc_import *im,
		     uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_READ | flags };

	/* memory that needs none says so with an error, which is fine */
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (im->map[i])
			ioctl(b->fd[i], DMA_BUF_IOCTL_SYNC, &sync);
}

static uint64_t copy_planes(const struct hvcal_engine_buffer *b, const struct shape *shape,
			    uint8_t *to, size_t pitch)
{
	const struct hvcal_frame_layout *l = &b->layout;
	uint64_t bytes = 0;

	for (uint32_t p = 0; p < shape->planes; p++) {
		const uint8_t *from = (const uint8_t *)b->map[l->fd_index[p]] + l->offset[p];
		size_t step = p && shape->planes == 3 ? pitch / 2 : pitch;

		for (uint32_t y = 0; y < shape->rows[p]; y++, to += step, from += l->stride[p])
			memcpy(to, from, shape->row[p]);
		bytes += (uint64_t)shape->row[p] * shape->rows[p];
	}
	return bytes;
}

static int source_copy(hvcal_engine_stream_t *s, const struct hvcal_engine_buffer *b,
		       struct nvenc_slot *slot)
{
	NV_ENC_LOCK_INPUT_BUFFER lock = {
		.version = s->ctx->lib.versions->lock_input, .inputBuffer = slot->input,
	};
	const NV_ENCODE_API_FUNCTION_LIST *api = &s->ctx->lib.api;
	struct shape shape = shape_of(&s->config);
	NVENCSTATUS status;

	if (!layout_fits(b, &s->config, &shape))
		return -EINVAL;
	for (uint32_t p = 0; p < shape.planes; p++)
		if (!hvcal_soft_plane_fits(b, p, shape.row[p], shape.rows[p]))
			return -EINVAL;
	status = api->nvEncLockInputBuffer(s->session, &lock);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncLockInputBuffer", status, false);
	slot->copied_bytes = copy_planes(b, &shape, lock.bufferDataPtr, lock.pitch);
	status = api->nvEncUnlockInputBuffer(s->session, slot->input);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncUnlockInputBuffer", status, false);
	return 0;
}

/* ---- in place ---- */

/* NVENC finds chroma right behind so many rows of luma; 0: it is not there. */
static uint32_t rows_in_place(const struct hvcal_engine_buffer *b,
			      const struct hvcal_codec_config *c, const struct shape *shape)
{
	const struct hvcal_frame_layout *l = &b->layout;
	uint64_t pitch = l->stride[0], rows, size;

	if (!layout_fits(b, c, shape) || pitch % 4 || pitch < shape->row[0] ||
	    pitch > INT32_MAX || l->offset[1] <= l->offset[0])
		return 0;
	rows = (l->offset[1] - l->offset[0]) / pitch;
	if (rows < c->height || rows > 2 * (uint64_t)c->height || rows % 2)
		return 0;
	/* all in the first DMA-BUF, and plane after plane */
	size = l->offset[0];
	for (uint32_t p = 0; p < shape->planes; p++) {
		uint64_t step = p && shape->planes == 3 ? pitch / 2 : pitch;

		if (l->fd_index[p] || l->stride[p] != step || l->offset[p] != size)
			return 0;
		size += step * (p ? rows / 2 : rows);
		if (size > b->len[0])
			return 0;
	}
	return (uint32_t)rows;
}

static int register_locked(hvcal_engine_stream_t *s, const struct hvcal_engine_buffer *b,
			   struct nvenc_import *im, uint32_t rows, NV_ENC_REGISTERED_PTR *resource)
{
	NV_ENC_REGISTER_RESOURCE reg = {
		.version = s->ctx->lib.versions->register_resource,
		.resourceType = NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR,
		.width = s->config.width,
		.height = rows,
		.pitch = b->layout.stride[0],
		.resourceToRegister = (void *)(uintptr_t)(im->device + b->layout.offset[0]),
		.bufferFormat = nvenc_config_format(s->config.format),
		.bufferUsage = NV_ENC_INPUT_IMAGE,
	};
	struct nvenc_registration *r;
	NVENCSTATUS status;

	for (r = s->ctx->registrations; r; r = r->next)
		if (r->stream == s && r->import == im) {
			*resource = r->resource;
			return 0;
		}
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	status = s->ctx->lib.api.nvEncRegisterResource(s->session, &reg);
	if (status != NV_ENC_SUCCESS) {
		free(r);
		return nvenc_fail(s->ctx, "NvEncRegisterResource", status, false);
	}
	*r = (struct nvenc_registration){
		.stream = s, .import = im, .resource = reg.registeredResource,
		.next = s->ctx->registrations,
	};
	s->ctx->registrations = r;
	*resource = r->resource;
	return 0;
}

/* The stream that the picture comes from; the CPU need not wait for it. */
static int order_after(hvcal_engine_stream_t *s, uint64_t stream)
{
	CUstream before = s->order;
	NVENCSTATUS status;

	if ((CUstream)(uintptr_t)stream == before)
		return 0;
	s->order = (CUstream)(uintptr_t)stream;
	status = s->ctx->lib.api.nvEncSetIOCudaStreams(s->session, &s->order, &s->order);
	if (status == NV_ENC_SUCCESS)
		return 0;
	s->order = before;
	return nvenc_fail(s->ctx, "NvEncSetIOCudaStreams", status, false);
}

static int source_in_place(hvcal_engine_stream_t *s, const struct hvcal_engine_buffer *b,
			   struct nvenc_import *im, struct nvenc_slot *slot)
{
	NV_ENC_MAP_INPUT_RESOURCE map = { .version = s->ctx->lib.versions->map_resource };
	struct shape shape = shape_of(&s->config);
	uint32_t rows = rows_in_place(b, &s->config, &shape);
	NVENCSTATUS status;
	int ret;

	if (!rows)
		return -EINVAL;
	pthread_mutex_lock(&s->ctx->lock);
	ret = register_locked(s, b, im, rows, &map.registeredResource);
	pthread_mutex_unlock(&s->ctx->lock);
	if (ret)
		return ret;
	status = s->ctx->lib.api.nvEncMapInputResource(s->session, &map);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncMapInputResource", status, false);
	slot->mapped = map.mappedResource;
	return 0;
}

int nvenc_source_ready(hvcal_engine_stream_t *s, struct hvcal_engine_job *job,
		       struct nvenc_slot *slot, NV_ENC_INPUT_PTR *input)
{
	struct hvcal_engine_buffer view = *job->source;
	struct nvenc_import *im;
	int ret;

	slot->mapped = NULL;
	slot->copied_bytes = 0;
	*input = slot->input;
	/* a host that has mapped it also keeps caches right */
	if (view.map[0] && !(view.layout.flags & HVCAL_LAYOUT_DEVICE))
		return source_copy(s, &view, slot);
	ret = import_get(s->ctx, job->source, &im);
	if (ret)
		return ret;
	if (im->given)
		ret = order_after(s, job->params.stream);
	if (im->external || im->given) {
		if (!ret)
			ret = source_in_place(s, &view, im, slot);
		*input = slot->mapped;
		return ret;
	}
	memcpy(view.map, im->map, sizeof(view.map));
	sync_cpu(&view, im, DMA_BUF_SYNC_START);
	ret = source_copy(s, &view, slot);
	sync_cpu(&view, im, DMA_BUF_SYNC_END);
	return ret;
}

void nvenc_source_done(hvcal_engine_stream_t *s, struct nvenc_slot *slot)
{
	if (slot->mapped)
		s->ctx->lib.api.nvEncUnmapInputResource(s->session, slot->mapped);
	slot->mapped = NULL;
}
