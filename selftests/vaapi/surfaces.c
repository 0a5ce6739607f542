// SPDX-License-Identifier: MIT
/* The driver's calls that are about memory: surfaces and images. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <va/va_drmcommon.h>

#include "driver.h"

#define PITCH_ALIGN 64

/* ---- surfaces ---- */

static void surface_own(struct surface *s)
{
	uint32_t sample = s->fourcc == VA_FOURCC_P010 ? 2 : 1;
	uint32_t pitch = (s->width * sample + PITCH_ALIGN - 1) / PITCH_ALIGN * PITCH_ALIGN;

	s->map_len[0] = (size_t)pitch * ((s->height + 1) / 2 * 3);
	s->map[0] = mmap(NULL, s->map_len[0], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (s->map[0] == MAP_FAILED)
		abort();
	s->pitch[0] = s->pitch[1] = pitch;
	s->plane[0] = s->map[0];
	s->plane[1] = s->plane[0] + (size_t)pitch * ((s->height + 1) / 2 * 2);
}

/* Linear ones, and tiles if all objects have them. */
static bool modifier_known(struct surface *s, const VADRMPRIMESurfaceDescriptor *desc)
{
	uint64_t modifier = desc->objects[0].drm_format_modifier;

	for (uint32_t i = 1; i < desc->num_objects; i++)
		if (desc->objects[i].drm_format_modifier != modifier)
			return false;
	s->tiled = modifier == DRIVER_X_TILED && mode("x-tiled");
	return !modifier || s->tiled;
}

static VAStatus import_objects(struct surface *s, const VADRMPRIMESurfaceDescriptor *desc)
{
	if (!modifier_known(s, desc))
		return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
	for (uint32_t i = 0; i < desc->num_objects; i++) {
		off_t end = lseek(desc->objects[i].fd, 0, SEEK_END);

		if (end < 0 || (uint64_t)end < desc->objects[i].size)
			return wrong("object %u has %lld bytes, not %u", i, (long long)end,
				     desc->objects[i].size);
		s->map_len[i] = (size_t)end;
		s->map[i] = mmap(NULL, s->map_len[i], PROT_READ, MAP_SHARED, desc->objects[i].fd, 0);
		if (s->map[i] == MAP_FAILED) {
			s->map[i] = NULL;
			return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
		}
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus surface_import(struct surface *s, const VADRMPRIMESurfaceDescriptor *desc)
{
	VAStatus status;

	if (mode("no-import"))
		return VA_STATUS_ERROR_UNSUPPORTED_MEMORY_TYPE;
	if ((desc->fourcc != VA_FOURCC_NV12 && desc->fourcc != VA_FOURCC_P010) ||
	    desc->width != s->width || desc->height != s->height || !desc->num_objects ||
	    desc->num_objects > 4 || desc->num_layers != 1 || desc->layers[0].num_planes != 2 ||
	    desc->layers[0].drm_format != desc->fourcc)
		return wrong("an odd surface: fourcc %#x, %u objects, %u layers", desc->fourcc,
			     desc->num_objects, desc->num_layers);
	s->imported = true;
	s->fourcc = desc->fourcc;
	status = import_objects(s, desc);
	s->fd = dup(desc->objects[0].fd);
	fences_import(s);
	for (int p = 0; p < 2 && !status; p++) {
		uint32_t object = desc->layers[0].object_index[p];
		uint32_t pitch = desc->layers[0].pitch[p], offset = desc->layers[0].offset[p];
		uint32_t row = s->width * (s->fourcc == VA_FOURCC_P010 ? 2 : 1);

		if (object >= desc->num_objects || pitch < row ||
		    offset + (uint64_t)pitch * (s->height / (p + 1) - 1) + row >
		    s->map_len[object])
			return wrong("plane %d does not lie in its object", p);
		if (s->tiled && (pitch % TILE_BYTES || s->height / (p + 1) % TILE_ROWS))
			return wrong("plane %d does not end with a tile", p);
		s->plane[p] = (uint8_t *)s->map[object] + offset;
		s->pitch[p] = pitch;
	}
	return status;
}

VAStatus create_surfaces2(VADriverContextP ctx, unsigned int format, unsigned int width,
			  unsigned int height, VASurfaceID *ids, unsigned int count,
			  VASurfaceAttrib *list, unsigned int attribs)
{
	const VADRMPRIMESurfaceDescriptor *desc = NULL;
	uint32_t fourcc = format == VA_RT_FORMAT_YUV420_10 ? VA_FOURCC_P010 : VA_FOURCC_NV12;
	bool prime = false;

	for (unsigned int i = 0; i < attribs; i++) {
		if (list[i].type == VASurfaceAttribMemoryType)
			prime = list[i].value.value.i == VA_SURFACE_ATTRIB_MEM_TYPE_DRM_PRIME_2;
		else if (list[i].type == VASurfaceAttribExternalBufferDescriptor)
			desc = list[i].value.value.p;
		else if (list[i].type == VASurfaceAttribPixelFormat)
			fourcc = (uint32_t)list[i].value.value.i;
	}
	if (prime != !!desc || (desc && count != 1))
		return wrong("a surface of no memory");
	for (unsigned int i = 0; i < count; i++) {
		struct surface *s = object_new(driver_of(ctx), KIND_SURFACE, sizeof(*s));
		VAStatus status = VA_STATUS_SUCCESS;

		s->fd = -1;
		s->fourcc = fourcc;
		s->width = width;
		s->height = height;
		if (desc)
			status = surface_import(s, desc);
		else
			surface_own(s);
		if (status) {
			object_drop(driver_of(ctx), s->o.id, KIND_SURFACE);
			return status;
		}
		ids[i] = s->o.id;
	}
	if (desc)
		report("import %ux%u\n", width, height);
	return VA_STATUS_SUCCESS;
}

VAStatus create_surfaces(VADriverContextP ctx, int width, int height, int format, int count,
			 VASurfaceID *ids)
{
	return create_surfaces2(ctx, (unsigned int)format, (unsigned int)width,
				(unsigned int)height, ids, (unsigned int)count, NULL, 0);
}

VAStatus destroy_surfaces(VADriverContextP ctx, VASurfaceID *ids, int count)
{
	for (int i = 0; i < count; i++) {
		struct surface *s = object_find(driver_of(ctx), ids[i], KIND_SURFACE);

		if (!s)
			return VA_STATUS_ERROR_INVALID_SURFACE;
		block_if_stuck(s->ready_ns);
		object_drop(driver_of(ctx), ids[i], KIND_SURFACE);
	}
	return VA_STATUS_SUCCESS;
}

/* ---- images ---- */

static struct image *image_new(struct driver *d, uint32_t fourcc, uint32_t width, uint32_t height)
{
	struct image *i = object_new(d, KIND_IMAGE, sizeof(*i));

	i->va = (VAImage){
		.image_id = i->o.id, .format = { .fourcc = fourcc }, .width = (uint16_t)width,
		.height = (uint16_t)height, .num_planes = 2,
	};
	return i;
}

VAStatus derive_image(VADriverContextP ctx, VASurfaceID id, VAImage *out)
{
	struct surface *s = object_find(driver_of(ctx), id, KIND_SURFACE);
	struct buffer *b;
	struct image *i;

	if (!s || mode("no-derive"))
		return s ? VA_STATUS_ERROR_OPERATION_FAILED : VA_STATUS_ERROR_INVALID_SURFACE;
	i = image_new(driver_of(ctx), s->fourcc, s->width, s->height);
	b = object_new(driver_of(ctx), KIND_BUFFER, sizeof(*b));
	b->type = VAImageBufferType;
	b->derived = s;
	b->data = s->map[0];
	i->va.buf = b->o.id;
	for (int p = 0; p < 2; p++) {
		i->va.pitches[p] = s->pitch[p];
		i->va.offsets[p] = (uint32_t)(s->plane[p] - s->plane[0]);
	}
	*out = i->va;
	report("derive\n");
	return VA_STATUS_SUCCESS;
}

VAStatus create_image(VADriverContextP ctx, VAImageFormat *format, int width, int height,
		      VAImage *out)
{
	uint32_t sample = format->fourcc == VA_FOURCC_P010 ? 2 : 1;
	struct image *i = image_new(driver_of(ctx), format->fourcc, (uint32_t)width,
				    (uint32_t)height);

	i->va.pitches[0] = i->va.pitches[1] = (uint32_t)width * sample + 32;
	i->va.offsets[1] = i->va.pitches[0] * (uint32_t)height;
	i->va.data_size = i->va.offsets[1] + i->va.pitches[0] * ((uint32_t)height + 1) / 2;
	create_buffer(ctx, 0, VAImageBufferType, i->va.data_size, 1, NULL, &i->va.buf);
	*out = i->va;
	return VA_STATUS_SUCCESS;
}

VAStatus destroy_image(VADriverContextP ctx, VAImageID id)
{
	struct image *i = object_find(driver_of(ctx), id, KIND_IMAGE);

	if (!i)
		return VA_STATUS_ERROR_INVALID_IMAGE;
	object_drop(driver_of(ctx), i->va.buf, KIND_BUFFER);
	object_drop(driver_of(ctx), id, KIND_IMAGE);
	return VA_STATUS_SUCCESS;
}

VAStatus put_image(VADriverContextP ctx, VASurfaceID id, VAImageID image, int sx, int sy,
		   unsigned int sw, unsigned int sh, int dx, int dy, unsigned int dw,
		   unsigned int dh)
{
	struct surface *s = object_find(driver_of(ctx), id, KIND_SURFACE);
	struct image *i = object_find(driver_of(ctx), image, KIND_IMAGE);
	struct buffer *b = i ? object_find(driver_of(ctx), i->va.buf, KIND_BUFFER) : NULL;

	if (!s || !b)
		return VA_STATUS_ERROR_INVALID_SURFACE;
	if (sx || sy || dx || dy || sw != dw || sh != dh || sw > s->width || sh > s->height ||
	    i->va.format.fourcc != s->fourcc)
		return wrong("an image of %ux%u into %ux%u", sw, sh, s->width, s->height);
	for (int p = 0; p < 2; p++)
		for (unsigned int y = 0; y < sh / (p + 1); y++)
			memcpy(s->plane[p] + (size_t)y * s->pitch[p],
			       b->data + i->va.offsets[p] + (size_t)y * i->va.pitches[p],
			       sw * (s->fourcc == VA_FOURCC_P010 ? 2 : 1));
	report("put\n");
	return VA_STATUS_SUCCESS;
}

VAStatus query_image_formats(VADriverContextP ctx, VAImageFormat *list, int *count)
{
	(void)ctx;
	list[0] = (VAImageFormat){ .fourcc = VA_FOURCC_NV12 };
	list[1] = (VAImageFormat){ .fourcc = VA_FOURCC_P010 };
	*count = 2;
	return VA_STATUS_SUCCESS;
}
