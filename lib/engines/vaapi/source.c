// SPDX-License-Identifier: MIT
/* Sources: DMA-BUFs as surfaces, and copies of those that the driver cannot import. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <va/va_drmcommon.h>

#include "vaapi.h"

/** priv of a source. */
struct source {
	struct hvcal_frame_layout layout;	/* that the surface was made for */
	VASurfaceID surface;
	bool refused;			/* by the driver: copied from now on */
	bool hangs;
	void *map[HVCAL_MAX_PLANES];	/* for copying */
	size_t map_len[HVCAL_MAX_PLANES];
};

static unsigned int rt_format(uint32_t format)
{
	return format == HVCAL_FORMAT_P010 ? VA_RT_FORMAT_YUV420_10 : VA_RT_FORMAT_YUV420;
}

int vaapi_surfaces_new(struct hvcal_engine_stream *s, uint32_t width, uint32_t height,
		       VASurfaceID *surfaces, unsigned int count)
{
	VASurfaceAttrib format = {
		.type = VASurfaceAttribPixelFormat,
		.flags = VA_SURFACE_ATTRIB_SETTABLE,
		.value = {
			.type = VAGenericValueTypeInteger,
			.value.i = s->config.format == HVCAL_FORMAT_P010 ? VA_FOURCC_P010 :
				   VA_FOURCC_NV12,
		},
	};
	VAStatus status = vaCreateSurfaces(s->ctx->display, rt_format(s->config.format), width,
					   height, surfaces, count, &format, 1);

	return status ? vaapi_failed(s->ctx, "surfaces", status) : 0;
}

int vaapi_source_check(const struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b)
{
	const struct hvcal_frame_layout *l = &b->layout;
	uint64_t bytes = (uint64_t)s->config.width * (l->format == HVCAL_FORMAT_P010 ? 2 : 1);

	if (l->format != s->config.format || l->width < s->config.width ||
	    l->height < s->config.height || l->width > 65535 || l->height > 65535 ||
	    l->planes < 2 || l->planes > (l->modifier ? 4 : 2))
		return -EINVAL;
	for (uint32_t p = 0; p < l->planes; p++) {
		uint64_t rows = p ? s->config.height / 2 : s->config.height;
		uint32_t fd = l->fd_index[p];

		if (fd >= HVCAL_MAX_PLANES || b->fd[fd] < 0 || l->offset[p] > b->len[fd] ||
		    l->offset[p] > UINT32_MAX || b->len[fd] > UINT32_MAX)
			return -EINVAL;
		/* what a stride means with a modifier, the driver knows */
		if (!l->modifier && (l->stride[p] < bytes ||
				     l->stride[p] * (rows - 1) + bytes > b->len[fd] - l->offset[p]))
			return -EINVAL;
	}
	return 0;
}

/* ---- import ---- */

static VAStatus import(struct hvcal_engine_ctx *ctx, const struct hvcal_engine_buffer *b,
		       VASurfaceID *surface)
{
	const struct hvcal_frame_layout *l = &b->layout;
	VADRMPRIMESurfaceDescriptor desc = {
		.fourcc = l->format == HVCAL_FORMAT_P010 ? VA_FOURCC_P010 : VA_FOURCC_NV12,
		.width = l->width,
		.height = l->height,
		.num_layers = 1,
		.layers[0] = { .drm_format = l->format, .num_planes = l->planes },
	};
	VASurfaceAttrib attribs[] = {
		{
			.type = VASurfaceAttribMemoryType,
			.flags = VA_SURFACE_ATTRIB_SETTABLE,
			.value = {
				.type = VAGenericValueTypeInteger,
				.value.i = VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2,
			},
		}, {
			.type = VASurfaceAttribExternalBufferDescriptor,
			.flags = VA_SURFACE_ATTRIB_SETTABLE,
			.value = { .type = VAGenericValueTypePointer, .value.p = &desc },
		},
	};

	for (uint32_t p = 0; p < l->planes; p++) {
		uint32_t fd = l->fd_index[p];

		while (desc.num_objects <= fd) {
			desc.objects[desc.num_objects].fd = b->fd[desc.num_objects];
			desc.objects[desc.num_objects].size = (uint32_t)b->len[desc.num_objects];
			desc.objects[desc.num_objects].drm_format_modifier = l->modifier;
			desc.num_objects++;
		}
		desc.layers[0].object_index[p] = fd;
		desc.layers[0].offset[p] = (uint32_t)l->offset[p];
		desc.layers[0].pitch[p] = l->stride[p];
	}
	return vaCreateSurfaces(ctx->display, rt_format(l->format), l->width, l->height, surface, 1,
				attribs, 2);
}

static void release_surface(struct hvcal_engine_ctx *ctx, struct source *src)
{
	if (src->surface != VA_INVALID_SURFACE && !src->hangs)
		vaDestroySurfaces(ctx->display, &src->surface, 1);
	src->surface = VA_INVALID_SURFACE;
}

/* What is known of a source; made for its layout as it is now. */
static struct source *source_get(struct hvcal_engine_ctx *ctx, struct hvcal_engine_buffer *b)
{
	struct source *src = b->priv;

	if (src && !memcmp(&src->layout, &b->layout, sizeof(b->layout)))
		return src;
	if (!src) {
		src = calloc(1, sizeof(*src));
		if (!src)
			return NULL;
		src->surface = VA_INVALID_SURFACE;
		b->priv = src;
	}
	release_surface(ctx, src);
	src->layout = b->layout;
	src->refused = !ctx->import;
	return src;
}

static void import_once(struct hvcal_engine_ctx *ctx, const struct hvcal_engine_buffer *b,
			struct source *src)
{
	VAStatus status;

	if (src->refused || src->surface != VA_INVALID_SURFACE)
		return;
	status = import(ctx, b, &src->surface);
	if (!status)
		return;
	src->surface = VA_INVALID_SURFACE;
	src->refused = true;
	vaapi_log(ctx, LOG_NOTICE, "a frame (modifier %#llx) is not imported: %s",
		  (unsigned long long)b->layout.modifier, vaapi_reason(status));
}

/* ---- copy ---- */

static int map(const struct hvcal_engine_buffer *b, struct source *src)
{
	for (uint32_t p = 0; p < b->layout.planes; p++) {
		uint32_t fd = b->layout.fd_index[p];
		void *at;

		if (src->map[fd])
			continue;
		at = mmap(NULL, b->len[fd], PROT_READ, MAP_SHARED, b->fd[fd], 0);
		if (at == MAP_FAILED)
			return -errno;
		src->map[fd] = at;
		src->map_len[fd] = b->len[fd];
	}
	return 0;
}

/* Memory that needs no such thing says so with an error, which is fine. */
static void cpu_access(const struct hvcal_engine_buffer *b, const struct source *src,
		       uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_READ };

	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (src->map[i])
			ioctl(b->fd[i], DMA_BUF_IOCTL_SYNC, &sync);
}

/* @return bytes */
static uint64_t copy_planes(const struct hvcal_engine_stream *s,
			    const struct hvcal_engine_buffer *b, const struct source *src,
			    const VAImage *image, uint8_t *to)
{
	const struct hvcal_frame_layout *l = &b->layout;
	size_t bytes = (size_t)s->config.width * (l->format == HVCAL_FORMAT_P010 ? 2 : 1);
	uint64_t sum = 0;

	for (uint32_t p = 0; p < 2; p++) {
		const uint8_t *from = (const uint8_t *)src->map[l->fd_index[p]] + l->offset[p];
		uint32_t rows = p ? s->config.height / 2 : s->config.height;

		for (uint32_t y = 0; y < rows; y++)
			memcpy(to + image->offsets[p] + (size_t)y * image->pitches[p],
			       from + (size_t)y * l->stride[p], bytes);
		sum += bytes * rows;
	}
	return sum;
}

/* An image of the upload surface: the surface itself, or one to put into it. */
static VAStatus image_get(struct hvcal_engine_stream *s, VAImage *image, bool *derived)
{
	uint32_t fourcc = s->config.format == HVCAL_FORMAT_P010 ? VA_FOURCC_P010 : VA_FOURCC_NV12;
	VAImageFormat format = {
		.fourcc = fourcc,
		.byte_order = VA_LSB_FIRST,
		.bits_per_pixel = fourcc == VA_FOURCC_P010 ? 24 : 12,
	};

	*derived = vaDeriveImage(s->ctx->display, s->upload, image) == VA_STATUS_SUCCESS;
	if (*derived && image->format.fourcc == fourcc)
		return VA_STATUS_SUCCESS;
	if (*derived)
		vaDestroyImage(s->ctx->display, image->image_id);
	*derived = false;
	return vaCreateImage(s->ctx->display, &format, (int)s->config.width,
			     (int)s->config.height, image);
}

static VAStatus upload(struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b,
		       const struct source *src, uint64_t *copied)
{
	VADisplay display = s->ctx->display;
	VAImage image;
	bool derived;
	VAStatus status = image_get(s, &image, &derived);
	void *to;

	if (status)
		return status;
	status = vaMapBuffer(display, image.buf, &to);
	if (!status) {
		cpu_access(b, src, DMA_BUF_SYNC_START);
		*copied = copy_planes(s, b, src, &image, to);
		cpu_access(b, src, DMA_BUF_SYNC_END);
		status = vaUnmapBuffer(display, image.buf);
	}
	if (!status && !derived)
		status = vaPutImage(display, s->upload, image.image_id, 0, 0, s->config.width,
				    s->config.height, 0, 0, s->config.width, s->config.height);
	vaDestroyImage(display, image.image_id);
	return status;
}

static int copy_to_upload(struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b,
			  struct source *src, uint64_t *copied)
{
	VAStatus status;
	int ret;

	if (b->layout.modifier) /* only the driver could have read it */
		return -EINVAL;
	pthread_mutex_lock(&s->ctx->lock);
	ret = map(b, src);
	pthread_mutex_unlock(&s->ctx->lock);
	/* of the size that is seen, as those that are imported */
	if (!ret && s->upload == VA_INVALID_SURFACE)
		ret = vaapi_surfaces_new(s, s->config.width, s->config.height, &s->upload, 1);
	if (ret)
		return ret;
	status = upload(s, b, src, copied);
	return status ? vaapi_failed(s->ctx, "copying a frame", status) : 0;
}

int vaapi_source_surface(struct hvcal_engine_stream *s, struct hvcal_engine_buffer *b,
			 VASurfaceID *surface, uint64_t *copied)
{
	struct source *src;
	int ret = 0;

	pthread_mutex_lock(&s->ctx->lock);
	src = source_get(s->ctx, b);
	if (src)
		import_once(s->ctx, b, src);
	pthread_mutex_unlock(&s->ctx->lock);
	if (!src)
		return -ENOMEM;
	*copied = 0;
	if (src->surface == VA_INVALID_SURFACE)
		ret = copy_to_upload(s, b, src, copied);
	*surface = src->surface == VA_INVALID_SURFACE ? s->upload : src->surface;
	return ret;
}

void vaapi_source_hangs(struct hvcal_engine_buffer *b)
{
	struct source *src = b->priv;

	if (src)
		src->hangs = true;
}

void vaapi_source_forget(struct hvcal_engine_ctx *ctx, struct hvcal_engine_buffer *b)
{
	struct source *src = b->priv;

	release_surface(ctx, src);
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (src->map[i])
			munmap(src->map[i], src->map_len[i]);
	free(src);
	b->priv = NULL;
}
