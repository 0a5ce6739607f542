// SPDX-License-Identifier: MIT
/* Where the planes of linear frames lie. */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define STRIDE_ALIGN 256U
#define PLANE_ALIGN 4096U
#define SIDE_MAX 65536U
#define FORMAT_ARGB8888 HVCAL_FOURCC('A', 'R', '2', '4')

struct plane {
	uint8_t bytes;	/* of one sample group */
	uint8_t hsub;	/* pixels per sample group, across */
	uint8_t vsub;	/* and down */
};

static const struct format {
	uint32_t fourcc;
	uint32_t planes;
	struct plane plane[3];
} formats[] = {
	{ HVCAL_FORMAT_NV12, 2, { { 1, 1, 1 }, { 2, 2, 2 } } },
	{ HVCAL_FORMAT_I420, 3, { { 1, 1, 1 }, { 1, 2, 2 }, { 1, 2, 2 } } },
	{ HVCAL_FORMAT_P010, 2, { { 2, 1, 1 }, { 4, 2, 2 } } },
	{ HVCAL_FORMAT_XRGB8888, 1, { { 4, 1, 1 } } },
	{ FORMAT_ARGB8888, 1, { { 4, 1, 1 } } },
};

static const struct format *format_find(uint32_t fourcc)
{
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].fourcc == fourcc)
			return &formats[i];
	return NULL;
}

static uint32_t div_up(uint32_t v, uint32_t by)
{
	return (v + by - 1) / by;
}

static uint32_t row_bytes(const struct plane *plane, uint32_t width)
{
	return div_up(width, plane->hsub) * plane->bytes;
}

int hvcal_buffer_layout(hvcal_buffer_t *buffer, uint32_t format, uint32_t width,
			uint32_t height, uint32_t stride_align, uint32_t plane_align)
{
	const struct format *f = format_find(format);
	uint64_t end = 0, stride;
	uint32_t i;

	if (!buffer || !width || !height || width > SIDE_MAX || height > SIDE_MAX)
		return -EINVAL;
	if (!stride_align)
		stride_align = STRIDE_ALIGN;
	if (!plane_align)
		plane_align = PLANE_ALIGN;
	if (!hvcal_is_pow2(stride_align) || !hvcal_is_pow2(plane_align) ||
	    stride_align > (1U << 20) || plane_align > (1U << 30))
		return -EINVAL;
	if (!f)
		return -EOPNOTSUPP;
	for (i = 0; i < f->planes; i++) {
		/* sides below 2^16 and small alignments: nothing can overflow */
		hvcal_align_u64(row_bytes(&f->plane[i], width), stride_align, &stride);
		buffer->stride[i] = (uint32_t)stride;
		buffer->offset[i] = end;
		buffer->fd_index[i] = 0;
		end += stride * div_up(height, f->plane[i].vsub);
		hvcal_align_u64(end, plane_align, &end);
	}
	buffer->format = format;
	buffer->width = width;
	buffer->height = height;
	buffer->planes = f->planes;
	buffer->modifier = 0;
	buffer->size = end;
	return 0;
}

void hvcal_buf_layout(const hvcal_buffer_t *buffer, struct hvcal_frame_layout *layout)
{
	uint32_t i;

	memset(layout, 0, sizeof(*layout));
	layout->size = sizeof(*layout);
	layout->format = buffer->format;
	layout->width = buffer->width;
	layout->height = buffer->height;
	layout->modifier = buffer->modifier;
	layout->planes = buffer->planes;
	for (i = 0; i < buffer->planes; i++) {
		layout->fd_index[i] = buffer->fd_index[i];
		layout->offset[i] = buffer->offset[i];
		layout->stride[i] = buffer->stride[i];
	}
	if (buffer->memory == HVCAL_MEMORY_CUDA) {
		layout->flags = HVCAL_LAYOUT_DEVICE;
		layout->device_ptr = buffer->device_ptr;
		layout->device_size = buffer->size;
	}
}

/* The last byte of the plane lies within the memory. */
static bool plane_fits(const hvcal_buffer_t *b, uint32_t i, uint32_t row, uint32_t rows)
{
	uint64_t end = (uint64_t)b->stride[i] * (rows - 1) + row;

	return b->stride[i] >= row && !hvcal_add_u64(end, b->offset[i], &end) &&
	       end <= b->size;
}

int hvcal_layout_copy(hvcal_buffer_t *to, const hvcal_buffer_t *from, uint64_t *bytes)
{
	const struct format *f = format_find(from->format);
	uint32_t i, y, row, rows;
	const char *src;
	char *dst;

	if (!f || from->format != to->format || from->width != to->width ||
	    from->height != to->height || from->modifier || from->planes != f->planes)
		return -EINVAL;
	for (i = 0; i < f->planes; i++) {
		row = row_bytes(&f->plane[i], from->width);
		rows = div_up(from->height, f->plane[i].vsub);
		if (!plane_fits(from, i, row, rows) || !plane_fits(to, i, row, rows))
			return -EINVAL;
	}
	*bytes = 0;
	for (i = 0; i < f->planes; i++) {
		row = row_bytes(&f->plane[i], from->width);
		rows = div_up(from->height, f->plane[i].vsub);
		src = (const char *)from->cpu_ptr + from->offset[i];
		dst = (char *)to->cpu_ptr + to->offset[i];
		for (y = 0; y < rows; y++)
			memcpy(dst + (size_t)y * to->stride[i],
			       src + (size_t)y * from->stride[i], row);
		*bytes += (uint64_t)row * rows;
	}
	return 0;
}
