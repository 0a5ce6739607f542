// SPDX-License-Identifier: MIT
/* Parameter sets and slice headers of HEVC; what nobody here has a use for is refused. */
#include "hevc.h"

enum { TYPE_IDR_W_RADL = 19, TYPE_IDR_N_LP, TYPE_SPS = 33, TYPE_PPS };
enum { SLICE_B, SLICE_P, SLICE_I };

static uint32_t header_read(struct reader *r)
{
	uint32_t head = read_u(r, 16);

	return head >> 9 & 63;
}

static bool pcm_read(struct hevc_sps *sps, struct reader *r)
{
	sps->pcm_depth = read_u(r, 4) + 1;
	if (read_u(r, 4) + 1 != sps->pcm_depth)
		return false;
	sps->log2_min_pcm = read_ue(r) + 3;
	sps->log2_max_pcm = sps->log2_min_pcm + read_ue(r);
	return read_u(r, 1);	/* not filtered */
}

bool hevc_sps_read(struct hevc_sps *sps, const struct nal *nal)
{
	struct reader r = { .data = nal->data, .count = nal->bits };
	bool all;

	*sps = (struct hevc_sps){ 0 };
	if (header_read(&r) != TYPE_SPS)
		return false;
	read_u(&r, 4);
	sps->layers = read_u(&r, 3) + 1;
	read_u(&r, 1);
	sps->profile = read_u(&r, 8) & 31;
	read_u(&r, 32);
	read_u(&r, 32);
	read_u(&r, 16);
	sps->level = read_u(&r, 8);
	/* nothing that is a sub-layer's own */
	if (sps->layers > 2 || (sps->layers == 2 && read_u(&r, 16)))
		return false;
	read_ue(&r);
	if (read_ue(&r) != 1)
		return false;
	sps->width = read_ue(&r);
	sps->height = read_ue(&r);
	if (read_u(&r, 1)) {
		if (read_ue(&r))
			return false;
		sps->crop_right = read_ue(&r);
		if (read_ue(&r))
			return false;
		sps->crop_bottom = read_ue(&r);
	}
	sps->depth = read_ue(&r) + 8;
	if (read_ue(&r) + 8 != sps->depth)
		return false;
	sps->log2_poc_lsb = read_ue(&r) + 4;
	all = read_u(&r, 1);
	for (uint32_t i = 0; i < (all ? sps->layers : 1); i++) {
		sps->kept = read_ue(&r);
		sps->reordered = read_ue(&r);
		read_ue(&r);
	}
	sps->log2_min_cb = read_ue(&r) + 3;
	sps->log2_ctb = sps->log2_min_cb + read_ue(&r);
	sps->log2_min_tb = read_ue(&r) + 2;
	sps->log2_max_tb = sps->log2_min_tb + read_ue(&r);
	sps->depth_inter = read_ue(&r);
	sps->depth_intra = read_ue(&r);
	if (read_u(&r, 1))
		return false;	/* scaling lists */
	sps->amp = read_u(&r, 1);
	sps->sao = read_u(&r, 1);
	sps->pcm = read_u(&r, 1);
	if (sps->pcm && !pcm_read(sps, &r))
		return false;
	if (read_ue(&r) || read_u(&r, 1))
		return false;	/* reference sets, long-term references */
	sps->temporal_mvp = read_u(&r, 1);
	sps->strong_intra = read_u(&r, 1);
	sps->valid = !r.over;
	return sps->valid;
}

bool hevc_pps_read(struct hevc_pps *pps, const struct nal *nal)
{
	struct reader r = { .data = nal->data, .count = nal->bits };

	*pps = (struct hevc_pps){ 0 };
	if (header_read(&r) != TYPE_PPS)
		return false;
	read_ue(&r);
	read_ue(&r);
	if (read_u(&r, 5))
		return false;	/* dependent slices, output flags, extra bits */
	pps->sign_hiding = read_u(&r, 1);
	pps->cabac_init = read_u(&r, 1);
	pps->refs_l0 = read_ue(&r) + 1;
	pps->refs_l1 = read_ue(&r) + 1;
	pps->init_qp = read_se(&r) + 26;
	pps->constrained_intra = read_u(&r, 1);
	pps->transform_skip = read_u(&r, 1);
	pps->qp_delta = read_u(&r, 1);
	if (pps->qp_delta)
		pps->qp_delta_depth = read_ue(&r);
	pps->cb_offset = read_se(&r);
	pps->cr_offset = read_se(&r);
	/* slice offsets, weighted prediction, bypass, tiles, wavefronts */
	if (read_u(&r, 1) || read_u(&r, 2) || read_u(&r, 1) || read_u(&r, 2))
		return false;
	pps->across_slices = read_u(&r, 1);
	/* deblocking control, scaling lists, list modification */
	if (read_u(&r, 3) || read_ue(&r))
		return false;
	pps->valid = !r.over;
	return pps->valid;
}

/* The picture before is the reference; those before it may be kept for nothing. */
static bool references_read(struct hevc_slice *h, struct reader *r)
{
	if (read_u(r, 1))
		return false;
	h->kept = read_ue(r);
	h->after = read_ue(r);
	if (!h->kept || h->kept > 15 || h->after > 1)
		return false;
	h->delta_poc = read_ue(r) + 1;
	if (!read_u(r, 1))
		return false;
	for (uint32_t i = 1; i < h->kept; i++) {
		read_ue(r);
		read_u(r, 1);
	}
	if (h->after) {
		h->delta_after = read_ue(r) + 1;
		if (!read_u(r, 1))
			return false;
	}
	return true;
}

bool hevc_slice_read(struct hevc_slice *h, const struct nal *nal, const struct hevc_sps *sps,
		     const struct hevc_pps *pps)
{
	struct reader r = { .data = nal->data, .count = nal->bits };
	bool idr;

	*h = (struct hevc_slice){ .nal_type = header_read(&r) };
	h->layer = (nal->data[1] & 7U) - 1;
	idr = h->nal_type == TYPE_IDR_W_RADL || h->nal_type == TYPE_IDR_N_LP;
	if ((!idr && h->nal_type > 2) || !sps->valid || !pps->valid || !read_u(&r, 1))
		return false;
	if (idr)
		read_u(&r, 1);
	read_ue(&r);
	h->type = read_ue(&r);
	if (h->type > SLICE_I)
		return false;
	if (!idr) {
		h->poc_lsb = read_u(&r, sps->log2_poc_lsb);
		if (!references_read(h, &r))
			return false;
		if (sps->temporal_mvp)
			h->temporal_mvp = read_u(&r, 1);
	}
	if (sps->sao) {
		h->sao_luma = read_u(&r, 1);
		h->sao_chroma = read_u(&r, 1);
	}
	if (h->type != SLICE_I) {
		/* one active reference, whether that is the default or not */
		if (read_u(&r, 1) ? read_ue(&r) || (h->type == SLICE_B && read_ue(&r)) :
		    pps->refs_l0 != 1 || (h->type == SLICE_B && pps->refs_l1 != 1))
			return false;
		if (h->type == SLICE_B)
			h->mvd_l1_zero = read_u(&r, 1);
		if (pps->cabac_init)
			h->cabac_init = read_u(&r, 1);
		if (h->temporal_mvp && h->type == SLICE_B)
			h->collocated_l0 = read_u(&r, 1);
		h->merge_candidates = 5 - read_ue(&r);
	}
	h->qp_at = r.at;
	h->qp_delta = read_se(&r);
	h->qp_end = r.at;
	if (pps->across_slices)
		read_u(&r, 1);
	h->end = r.at;
	return !r.over;
}
