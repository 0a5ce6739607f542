/* SPDX-License-Identifier: MIT */
/* What the engines of H.264 and HEVC mean by a QP. */
#ifndef HVCAL_ENGINES_H26X_H
#define HVCAL_ENGINES_H26X_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <hvcal/engine.h>

#include "soft.h"

#define H26X_QP_MAX 51
#define H26X_MB 16

static inline bool h26x_qps_possible(const struct hvcal_codec_config *c)
{
	return c->qp <= H26X_QP_MAX && c->qp_min <= H26X_QP_MAX && c->qp_max <= H26X_QP_MAX &&
	       c->quality <= H26X_QP_MAX;
}

/* The QP that a frame must be coded at, @constant with CQP; -1: the library decides. */
static inline int h26x_frame_qp(const struct hvcal_codec_config *c,
				const struct hvcal_engine_job *job, int constant)
{
	int qp;

	if (c->tune == HVCAL_TUNE_LOSSLESS)
		return -1;
	if (job->params.flags & HVCAL_FRAME_QP)
		qp = (job->params.qp_q8 + 128) / 256;
	else if (c->rc_mode == HVCAL_RC_CQP)
		qp = constant;
	else
		return -1;
	return qp < 0 ? 0 : qp > H26X_QP_MAX ? H26X_QP_MAX : qp;
}

/* Offsets that a map has. */
static inline size_t h26x_map_size(const struct hvcal_codec_config *c)
{
	return (size_t)((c->width + H26X_MB - 1) / H26X_MB) * ((c->height + H26X_MB - 1) / H26X_MB);
}

/*
 * The QP map of a job as one offset for each 16x16 samples, which x264 and x265 take.
 * *@offsets: NULL without a map, else to be freed. 0, -EINVAL, -ENOMEM.
 */
static inline int h26x_map_take(const struct hvcal_codec_config *c,
				const struct hvcal_engine_job *job, float **offsets)
{
	uint32_t w = (c->width + H26X_MB - 1) / H26X_MB, h = (c->height + H26X_MB - 1) / H26X_MB;
	uint32_t block = job->params.map_block;
	const int8_t *map;
	float *to;
	int ret;

	*offsets = NULL;
	ret = hvcal_soft_map(job, c->width, c->height, &map);
	if (ret || !map)
		return ret;
	to = malloc(sizeof(*to) * h26x_map_size(c));
	if (!to)
		return -ENOMEM;
	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++)
			to[y * w + x] = map[(size_t)(y * H26X_MB / block) * job->params.map_stride +
					    x * H26X_MB / block];
	*offsets = to;
	return 0;
}

#endif
