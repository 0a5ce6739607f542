/* SPDX-License-Identifier: MIT */
/* What engines of software libraries have in common. */
#ifndef HVCAL_ENGINES_SOFT_H
#define HVCAL_ENGINES_SOFT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <hvcal/engine.h>

static inline uint64_t hvcal_soft_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Libraries can change rates in mid-stream, and nothing of the picture. */
static inline bool hvcal_soft_same_picture(const struct hvcal_codec_config *a,
					   const struct hvcal_codec_config *b)
{
	return a->codec == b->codec && a->profile == b->profile && a->level == b->level &&
	       a->format == b->format && a->width == b->width && a->height == b->height &&
	       (uint64_t)a->fps_num * b->fps_den == (uint64_t)b->fps_num * a->fps_den &&
	       a->rc_mode == b->rc_mode && a->tune == b->tune && a->preset == b->preset &&
	       a->gop == b->gop && a->bframes == b->bframes && a->threads == b->threads &&
	       a->slices == b->slices &&
	       (a->flags | HVCAL_CONFIG_MAPS) == (b->flags | HVCAL_CONFIG_MAPS) &&
	       a->primaries == b->primaries &&
	       a->transfer == b->transfer && a->matrix == b->matrix &&
	       !memcmp(a->mastering_x, b->mastering_x, sizeof(a->mastering_x)) &&
	       !memcmp(a->mastering_y, b->mastering_y, sizeof(a->mastering_y)) &&
	       a->mastering_max == b->mastering_max && a->mastering_min == b->mastering_min &&
	       a->max_cll == b->max_cll && a->max_fall == b->max_fall &&
	       (uint64_t)a->sar_num * b->sar_den == (uint64_t)b->sar_num * a->sar_den;
}

/* Is nothing to refer to the frame? Of an upper layer all may be lost. */
static inline bool hvcal_soft_unreferenced(const struct hvcal_frame_params *p)
{
	return p->flags & HVCAL_FRAME_NO_REF || p->temporal_layer;
}

/*
 * The QP map of a job for pictures of this size: rows of params.map_stride offsets.
 * @return 0, *@map is NULL if there is none; -EINVAL: it does not lie within its memory
 */
static inline int hvcal_soft_map(const struct hvcal_engine_job *job, uint32_t width,
				 uint32_t height, const int8_t **map)
{
	uint32_t block = job->params.map_block, stride = job->params.map_stride;
	uint32_t cols, rows;

	*map = NULL;
	if (!block || !job->side || !job->side->map[0])
		return 0;
	/* not (width + block - 1) / block: blocks may be as large as they like */
	cols = (width - 1) / block + 1;
	rows = (height - 1) / block + 1;
	if (stride < cols || (uint64_t)stride * (rows - 1) + cols > job->side_size ||
	    job->side_offset > job->side->len[0] ||
	    job->side_size > job->side->len[0] - job->side_offset)
		return -EINVAL;
	*map = (const int8_t *)job->side->map[0] + job->side_offset;
	return 0;
}

/* Does a plane lie within its mapping? */
static inline bool hvcal_soft_plane_fits(const struct hvcal_engine_buffer *b, uint32_t plane,
					 uint32_t row_bytes, uint32_t rows)
{
	const struct hvcal_frame_layout *l = &b->layout;
	uint32_t fd = l->fd_index[plane];

	return fd < HVCAL_MAX_PLANES && b->map[fd] && l->stride[plane] >= row_bytes &&
	       l->stride[plane] <= INT32_MAX && l->offset[plane] <= b->len[fd] &&
	       (uint64_t)l->stride[plane] * (rows - 1) + row_bytes <=
	       b->len[fd] - l->offset[plane];
}

/*
 * The ITU-T T.35 payloads of a job, from *@at = 0 on. Records that end in the middle
 * end the list. NULL: there is no other one.
 */
static inline const uint8_t *hvcal_soft_t35_next(const struct hvcal_engine_job *job, size_t *at,
						 uint32_t *len)
{
	struct hvcal_frame_meta head;

	while (job->meta_len - *at >= sizeof(head)) {
		const uint8_t *payload = (const uint8_t *)job->meta + *at + sizeof(head);
		size_t left = job->meta_len - *at - sizeof(head), step;

		memcpy(&head, payload - sizeof(head), sizeof(head));
		if (head.len > left)
			break;
		step = (head.len + (size_t)7) & ~(size_t)7;
		*at += sizeof(head) + (step < left ? step : left);
		if (head.type == HVCAL_META_T35 && head.len) {
			*len = head.len;
			return payload;
		}
	}
	return NULL;
}

/* Is there room in the target of @job for a packet? */
static inline bool hvcal_soft_room(const struct hvcal_engine_job *job, uint64_t size)
{
	const struct hvcal_engine_buffer *t = job->target;

	return size <= job->target_size && t->map[0] && job->target_offset <= t->len[0] &&
	       size <= t->len[0] - job->target_offset;
}

#endif
