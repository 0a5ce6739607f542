// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HEVC as an encoder codes it: libx265 is set up by the parameters, and its slice data
 * are put behind the header that the engine has made. A wrong header makes them garbage.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <x265.h>

#include "hevc.h"

#define AQ_MAPS_ONLY 0.0001
#define QP_START 30

struct state {
	const x265_api *api;
	x265_param *param;
	x265_encoder *x265;
	struct hevc_sps sps;
	struct hevc_pps pps;
	struct surface *last_reference;
	double qp;	/* of the rate control */
};

static void set_param(const struct hevc_job *j, struct state *st)
{
	x265_param *p = st->param;
	const struct hevc_sps *sps = j->sps;
	const struct hevc_pps *pps = j->pps;

	st->api->param_default_preset(p, "superfast", "zerolatency");
	p->logLevel = X265_LOG_NONE;
	p->numaPools = "1";
	p->frameNumThreads = 1;
	p->bEnableWavefront = 0;
	p->sourceWidth = (int)sps->width;
	p->sourceHeight = (int)sps->height;
	p->internalCsp = X265_CSP_I420;
	p->fpsNum = j->c->fps.framerate & 0xffff;
	p->fpsDenom = j->c->fps.framerate >> 16 ? j->c->fps.framerate >> 16 : 1;
	p->keyframeMax = -1;
	p->keyframeMin = 0;
	p->scenecutThreshold = 0;
	p->bOpenGOP = 0;
	p->bframes = 0;
	p->maxNumReferences = 1;
	p->bRepeatHeaders = 0;
	p->bAnnexB = 1;
	p->bEmitInfoSEI = 0;
	/* what slice data depend on */
	p->maxCUSize = 1U << sps->log2_ctb;
	p->minCUSize = 1U << sps->log2_min_cb;
	p->maxTUSize = 1U << sps->log2_max_tb;
	p->tuQTMaxInterDepth = sps->depth_inter + 1;
	p->tuQTMaxIntraDepth = sps->depth_intra + 1;
	p->bEnableRectInter = p->bEnableAMP = sps->amp;
	p->bEnableSAO = sps->sao;
	p->bEnableTemporalMvp = sps->temporal_mvp;
	p->bEnableStrongIntraSmoothing = sps->strong_intra;
	p->bEnableSignHiding = pps->sign_hiding;
	p->bEnableTransformSkip = pps->transform_skip;
	p->bEnableConstrainedIntra = pps->constrained_intra;
	p->cbQpOffset = pps->cb_offset;
	p->crQpOffset = pps->cr_offset;
	p->maxNumMergeCand = j->slice->max_num_merge_cand;
	p->bEnableWeightedPred = 0;
	p->rc.cuTree = 0;
	p->rc.qgSize = p->maxCUSize >> pps->qp_delta_depth;
	/* each frame is given its QP; offsets within it go through adaptive quantisation */
	p->rc.rateControlMode = pps->qp_delta ? X265_RC_CRF : X265_RC_CQP;
	p->rc.aqMode = pps->qp_delta ? X265_AQ_VARIANCE : X265_AQ_NONE;
	p->rc.aqStrength = AQ_MAPS_ONLY;
}

static bool parameter_sets(struct state *st)
{
	x265_nal *nals;
	uint32_t count;
	bool good = true;

	if (st->api->encoder_headers(st->x265, &nals, &count) < 0)
		return false;
	for (uint32_t i = 0; i < count && good; i++) {
		struct nal nal;

		if (!nal_unpack(&nal, nals[i].payload, (size_t)nals[i].sizeBytes * 8, true))
			return false;
		if (nals[i].type == NAL_UNIT_SPS)
			good = hevc_sps_read(&st->sps, &nal);
		else if (nals[i].type == NAL_UNIT_PPS)
			good = hevc_pps_read(&st->pps, &nal);
		nal_free(&nal);
	}
	return good;
}

/* Would a decoder read x265's slices by the engine's parameter sets as by its own? */
static VAStatus sets_check(const struct hevc_job *j, const struct state *st)
{
#define EQUAL(set, field) \
	do { \
		if (st->set.field != j->set->field) \
			return wrong("x265 has " #field " %d, not %d", (int)st->set.field, \
				     (int)j->set->field); \
	} while (0)
	EQUAL(sps, width);
	EQUAL(sps, height);
	EQUAL(sps, depth);
	EQUAL(sps, log2_min_cb);
	EQUAL(sps, log2_ctb);
	EQUAL(sps, log2_min_tb);
	EQUAL(sps, log2_max_tb);
	EQUAL(sps, depth_inter);
	EQUAL(sps, depth_intra);
	EQUAL(sps, amp);
	EQUAL(sps, sao);
	EQUAL(sps, temporal_mvp);
	EQUAL(sps, strong_intra);
	EQUAL(pps, sign_hiding);
	EQUAL(pps, cabac_init);
	EQUAL(pps, constrained_intra);
	EQUAL(pps, transform_skip);
	EQUAL(pps, qp_delta);
	EQUAL(pps, qp_delta_depth);
	EQUAL(pps, refs_l0);
	EQUAL(pps, cb_offset);
	EQUAL(pps, cr_offset);
#undef EQUAL
	return VA_STATUS_SUCCESS;
}

static VAStatus ready(struct hevc_job *j, struct state **state)
{
	struct state *st = *state;

	if (st)
		return VA_STATUS_SUCCESS;
	st = calloc(1, sizeof(*st));
	if (!st)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	*state = st;
	st->qp = QP_START;
	st->api = x265_api_get((int)j->sps->depth);
	st->param = st->api ? st->api->param_alloc() : NULL;
	if (!st->param)
		return wrong("no x265 of %u bits", j->sps->depth);
	set_param(j, st);
	st->x265 = st->api->encoder_open(st->param);
	if (!st->x265 || !parameter_sets(st))
		return wrong("x265 does not open");
	return sets_check(j, st);
}

/* The first rectangle of those that cover a block of 16 counts. */
static float *offsets_make(const struct hevc_job *j)
{
	uint32_t w = (j->raw.width + 15) / 16, h = (j->raw.height + 15) / 16;
	float *offsets = calloc((size_t)w * h, sizeof(*offsets));

	for (uint32_t i = 0; offsets && i < w * h; i++)
		offsets[i] = (float)roi_offset(j->c, (int)(i % w * 16), (int)(i / w * 16));
	return offsets;
}

/* x265's own rate control hardly follows new rates: a simple one that does. */
static void pick_qp(struct hevc_job *j, const struct state *st)
{
	const struct context *c = j->c;
	double low = c->rc.min_qp, high = c->rc.max_qp ? c->rc.max_qp : 51;

	if (c->config->rc == VA_RC_ICQ)
		j->qp = (int)c->rc.ICQ_quality_factor;
	else if (c->config->rc != VA_RC_CQP)
		j->qp = (int)lround(st->qp < low ? low : st->qp > high ? high : st->qp);
}

static void learn(const struct hevc_job *j, struct state *st)
{
	const struct context *c = j->c;
	double target = (double)c->rc.bits_per_second * st->param->fpsDenom / st->param->fpsNum;

	if (c->config->rc == VA_RC_CQP || c->config->rc == VA_RC_ICQ || target <= 0)
		return;
	st->qp = j->qp + 2 * log2((double)j->data.count / target);
	st->qp = st->qp < 1 ? 1 : st->qp > 51 ? 51 : st->qp;
}

static VAStatus take_slice(struct hevc_job *j, const struct state *st, const x265_nal *nals,
			   uint32_t count)
{
	struct hevc_slice h;
	struct nal nal;
	uint32_t i = 0;

	while (i < count && nals[i].type >= 32)
		i++;
	if (i == count || !nal_unpack(&nal, nals[i].payload, (size_t)nals[i].sizeBytes * 8, true))
		return wrong("x265 makes no slice");
	if (!hevc_slice_read(&h, &nal, &st->sps, &st->pps) || h.type != j->slice->slice_type ||
	    st->pps.init_qp + h.qp_delta != j->qp) {
		nal_free(&nal);
		return wrong("x265 makes another slice: type %u, QP %d", h.type,
			     st->pps.init_qp + h.qp_delta);
	}
	/* byte_alignment() is a one and zeroes */
	bits_copy(&j->data, nal.data, (h.end + 8) & ~(size_t)7, nal.bits);
	nal_free(&nal);
	return VA_STATUS_SUCCESS;
}

static VAStatus encode(struct hevc_job *j, struct state *st)
{
	bool idr = j->pic->pic_fields.bits.idr_pic_flag;
	x265_picture pic, out;
	x265_nal *nals;
	uint32_t count;
	/* always, where there may be some: x265 makes room for them with its first pictures */
	float *offsets = j->pps->qp_delta ? offsets_make(j) : NULL;
	int got;

	st->api->picture_init(st->param, &pic);
	st->api->picture_init(st->param, &out);
	for (int p = 0; p < 3; p++) {
		pic.planes[p] = j->raw.plane[p];
		pic.stride[p] = (int)((p ? j->raw.width / 2 : j->raw.width) * j->raw.sample);
	}
	pic.colorSpace = X265_CSP_I420;
	pic.bitDepth = j->raw.sample == 2 ? 16 : 8;
	pic.sliceType = idr ? X265_TYPE_IDR : X265_TYPE_P;
	pic.forceqp = j->qp + 1;
	pic.quantOffsets = offsets;
	got = st->api->encoder_encode(st->x265, &nals, &count, &pic, &out);
	free(offsets);
	return got == 1 ? take_slice(j, st, nals, count) : wrong("x265 holds the picture back");
}

VAStatus hevc_x265(struct hevc_job *j, void **state)
{
	VAStatus status = ready(j, (struct state **)state);
	struct state *st = *state;

	if (status)
		return status;
	if (j->reference && j->reference != st->last_reference)
		return wrong("x265 cannot refer to another picture than the last");
	if (!j->pic->pic_fields.bits.reference_pic_flag)
		return wrong("x265 makes no P pictures without followers");
	pick_qp(j, st);
	status = encode(j, st);
	if (!status)
		learn(j, st);
	st->last_reference = j->recon;
	return status;
}

void hevc_x265_close(void *state)
{
	struct state *st = state;

	if (!st)
		return;
	if (st->x265)
		st->api->encoder_close(st->x265);
	if (st->param)
		st->api->param_free(st->param);
	free(st);
}
