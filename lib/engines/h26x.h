/* SPDX-License-Identifier: MIT */
/* What the engines of H.264 and HEVC mean by a QP. */
#ifndef HVCAL_ENGINES_H26X_H
#define HVCAL_ENGINES_H26X_H

#include <stdbool.h>

#include <hvcal/engine.h>

#define H26X_QP_MAX 51

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

#endif
