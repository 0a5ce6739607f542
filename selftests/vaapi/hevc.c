// SPDX-License-Identifier: MIT
/* HEVC: headers that agree with the parameters, and NAL units. */
#include <stdlib.h>
#include <string.h>

#include "hevc.h"

enum { SLICE_B, SLICE_P, SLICE_I };
enum { TYPE_VPS = 32, TYPE_SPS, TYPE_PPS };

struct codec_state {
	struct hevc_sps sps;
	struct hevc_pps pps;
	void *x265;
};

static VAStatus sps_check(const struct hevc_sps *sps, const struct hevc_job *j)
{
	const VAEncSequenceParameterBufferHEVC *seq = j->seq;
	uint32_t log2_min_cb = seq->log2_min_luma_coding_block_size_minus3 + 3U;
	uint32_t log2_min_tb = seq->log2_min_transform_block_size_minus2 + 2U;

	SAME("profile", sps->profile, seq->general_profile_idc);
	SAME("profile", sps->profile, j->c->config->profile == VAProfileHEVCMain10 ? 2 : 1);
	SAME("level", sps->level, seq->general_level_idc);
	SAME("width", sps->width, seq->pic_width_in_luma_samples);
	SAME("height", sps->height, seq->pic_height_in_luma_samples);
	SAME("bit depth", sps->depth, seq->seq_fields.bits.bit_depth_luma_minus8 + 8);
	SAME("bit depth of chroma", sps->depth, seq->seq_fields.bits.bit_depth_chroma_minus8 + 8);
	SAME("smallest coding block", sps->log2_min_cb, log2_min_cb);
	SAME("coding tree block", sps->log2_ctb,
	     log2_min_cb + seq->log2_diff_max_min_luma_coding_block_size);
	SAME("smallest transform", sps->log2_min_tb, log2_min_tb);
	SAME("largest transform", sps->log2_max_tb,
	     log2_min_tb + seq->log2_diff_max_min_transform_block_size);
	SAME("inter depth", sps->depth_inter, seq->max_transform_hierarchy_depth_inter);
	SAME("intra depth", sps->depth_intra, seq->max_transform_hierarchy_depth_intra);
	SAME("AMP", sps->amp, seq->seq_fields.bits.amp_enabled_flag);
	SAME("SAO", sps->sao, seq->seq_fields.bits.sample_adaptive_offset_enabled_flag);
	SAME("temporal MVP", sps->temporal_mvp, seq->seq_fields.bits.sps_temporal_mvp_enabled_flag);
	SAME("PCM", sps->pcm, seq->seq_fields.bits.pcm_enabled_flag);
	if (sps->pcm) {
		SAME("PCM is filtered", 1, seq->seq_fields.bits.pcm_loop_filter_disabled_flag);
		SAME("depth of PCM", sps->pcm_depth, seq->pcm_sample_bit_depth_luma_minus1 + 1);
		SAME("depth of PCM", sps->pcm_depth, seq->pcm_sample_bit_depth_chroma_minus1 + 1);
		SAME("smallest PCM", sps->log2_min_pcm,
		     seq->log2_min_pcm_luma_coding_block_size_minus3 + 3);
		SAME("largest PCM", sps->log2_max_pcm,
		     seq->log2_max_pcm_luma_coding_block_size_minus3 + 3);
	}
	SAME("pictures kept", sps->kept, seq->ip_period > 1 ? 2 : 1);
	SAME("pictures reordered", sps->reordered, seq->ip_period > 1);
	SAME("layers", sps->layers, seq->seq_fields.bits.hierachical_flag + 1);
	SAME("strong smoothing", sps->strong_intra,
	     seq->seq_fields.bits.strong_intra_smoothing_enabled_flag);
	return VA_STATUS_SUCCESS;
}

static VAStatus pps_check(const struct hevc_pps *pps, const VAEncPictureParameterBufferHEVC *pic)
{
	SAME("initial QP", pps->init_qp, pic->pic_init_qp);
	SAME("sign hiding", pps->sign_hiding, pic->pic_fields.bits.sign_data_hiding_enabled_flag);
	SAME("constrained intra prediction", pps->constrained_intra,
	     pic->pic_fields.bits.constrained_intra_pred_flag);
	SAME("transform skip", pps->transform_skip,
	     pic->pic_fields.bits.transform_skip_enabled_flag);
	SAME("QP deltas", pps->qp_delta, pic->pic_fields.bits.cu_qp_delta_enabled_flag);
	SAME("depth of QP deltas", pps->qp_delta_depth, pic->diff_cu_qp_delta_depth);
	SAME("Cb offset", pps->cb_offset, pic->pps_cb_qp_offset);
	SAME("Cr offset", pps->cr_offset, pic->pps_cr_qp_offset);
	SAME("references", pps->refs_l0, pic->num_ref_idx_l0_default_active_minus1 + 1);
	SAME("loop filter across slices", pps->across_slices,
	     pic->pic_fields.bits.pps_loop_filter_across_slices_enabled_flag);
	return VA_STATUS_SUCCESS;
}

static VAStatus slice_check(const struct hevc_slice *h, const struct hevc_job *j)
{
	const VAEncSliceParameterBufferHEVC *s = j->slice;
	bool idr = j->pic->pic_fields.bits.idr_pic_flag;
	int32_t poc = j->pic->decoded_curr_pic.pic_order_cnt;

	SAME("NAL unit type", h->nal_type, j->pic->nal_unit_type);
	SAME("layer", h->layer, j->pic->hierarchical_level_plus1 ?
	     j->pic->hierarchical_level_plus1 - 1 : 0);
	if (h->layer >= j->sps->layers)
		return wrong("layer %u of %u", h->layer, j->sps->layers);
	SAME("IDR", h->nal_type >= 19, idr);
	SAME("slice type", h->type, s->slice_type);
	SAME("QP delta", h->qp_delta, s->slice_qp_delta);
	SAME("SAO of luma", h->sao_luma, s->slice_fields.bits.slice_sao_luma_flag);
	SAME("SAO of chroma", h->sao_chroma, s->slice_fields.bits.slice_sao_chroma_flag);
	if (idr)
		return VA_STATUS_SUCCESS;
	SAME("reference", h->nal_type & 1, j->pic->pic_fields.bits.reference_pic_flag);
	SAME("POC", h->poc_lsb, poc & ((1 << j->sps->log2_poc_lsb) - 1));
	SAME("references", h->kept, 1);
	SAME("POC of the reference", poc - (int32_t)h->delta_poc,
	     j->pic->reference_frames[0].pic_order_cnt);
	SAME("references to come", h->after, !!j->future);
	if (j->future)
		SAME("POC of the reference to come", poc + (int32_t)h->delta_after,
		     j->pic->reference_frames[1].pic_order_cnt);
	SAME("merge candidates", h->merge_candidates, s->max_num_merge_cand);
	SAME("temporal MVP", h->temporal_mvp, s->slice_fields.bits.slice_temporal_mvp_enabled_flag);
	SAME("zero MVD", h->mvd_l1_zero, s->slice_fields.bits.mvd_l1_zero_flag);
	SAME("cabac_init_flag", h->cabac_init, s->slice_fields.bits.cabac_init_flag);
	if (h->type == SLICE_B && h->temporal_mvp)
		SAME("collocated", h->collocated_l0, s->slice_fields.bits.collocated_from_l0_flag);
	return VA_STATUS_SUCCESS;
}

/* The reference that the parameters name must be what they say it is. */
static VAStatus reference_find(struct driver *d, const struct hevc_job *j, unsigned int i,
			       uint32_t flags, struct surface **out)
{
	const VAPictureHEVC *ref = &j->pic->reference_frames[i];
	int32_t poc = j->pic->decoded_curr_pic.pic_order_cnt;
	struct surface *s = object_find(d, ref->picture_id, KIND_SURFACE);

	*out = s;
	if (!s || !s->coded || !s->reference || s == j->recon)
		return wrong("surface %u is no reference", ref->picture_id);
	SAME("POC of the reference", s->poc, ref->pic_order_cnt);
	SAME("flags of the reference", ref->flags, flags);
	SAME("reference to come", ref->pic_order_cnt > poc, i);
	return VA_STATUS_SUCCESS;
}

static VAStatus references_check(struct driver *d, struct hevc_job *j)
{
	const VAPictureHEVC *ref = &j->pic->reference_frames[0];
	bool idr = j->pic->pic_fields.bits.idr_pic_flag;
	VAStatus status;

	j->recon = object_find(d, j->pic->decoded_curr_pic.picture_id, KIND_SURFACE);
	if (!j->recon || j->recon->imported)
		return wrong("no surface to reconstruct in");
	if (ref->flags & VA_PICTURE_HEVC_INVALID)
		return idr ? VA_STATUS_SUCCESS : wrong("a P picture without reference");
	if (idr)
		return wrong("a key frame with a reference");
	status = reference_find(d, j, 0, VA_PICTURE_HEVC_RPS_ST_CURR_BEFORE, &j->reference);
	if (!status && !(ref[1].flags & VA_PICTURE_HEVC_INVALID))
		status = reference_find(d, j, 1, VA_PICTURE_HEVC_RPS_ST_CURR_AFTER, &j->future);
	if (status)
		return status;
	SAME("slice type", j->slice->slice_type, mode("only-b") || j->future ? SLICE_B : SLICE_P);
	SAME("coding type", j->pic->pic_fields.bits.coding_type, j->future ? 3 : 2);
	SAME("list 0", j->slice->ref_pic_list0[0].picture_id, ref->picture_id);
	if (j->slice->slice_type == SLICE_B)
		SAME("list 1", j->slice->ref_pic_list1[0].picture_id, ref[!!j->future].picture_id);
	return VA_STATUS_SUCCESS;
}

/* ---- headers ---- */

static VAStatus set_take(struct hevc_job *j, struct codec_state *st, const struct nal *nal)
{
	switch (nal->data[0] >> 1) {
	case TYPE_VPS:
		return VA_STATUS_SUCCESS;
	case TYPE_SPS:
		return hevc_sps_read(&st->sps, nal) ? sps_check(&st->sps, j) : wrong("a bad SPS");
	case TYPE_PPS:
		return hevc_pps_read(&st->pps, nal) ? pps_check(&st->pps, j->pic) :
		       wrong("a bad PPS");
	default:
		return wrong("a header of type %u", nal->data[0] >> 1U);
	}
}

/* Bytes up to the next start code. */
static size_t nal_length(const uint8_t *data, size_t len)
{
	for (size_t i = 4; i + 4 < len; i++)
		if (!data[i] && !data[i + 1] && !data[i + 2] && data[i + 3] == 1)
			return i;
	return len;
}

/* Written, and read as those of others are: what comes later looks at the sets. */
static VAStatus own_headers_put(struct hevc_job *j, struct codec_state *st, struct buffer *coded)
{
	struct bits set[3] = { { 0 } };
	VAStatus status = VA_STATUS_SUCCESS;

	hevc_vps_write(&set[0], j);
	hevc_sps_write(&set[1], j);
	hevc_pps_write(&set[2], j);
	for (int i = 0; i < 3; i++) {
		const struct nal nal = { .data = set[i].data, .bits = set[i].count };

		if (!status)
			status = set_take(j, st, &nal);
		if (!status)
			status = coded_append_nal(coded, &set[i]);
		bits_free(&set[i]);
	}
	return status;
}

static VAStatus headers_put(struct hevc_job *j, struct codec_state *st, struct buffer *coded)
{
	VAStatus status = VA_STATUS_SUCCESS;

	if (!(j->c->config->packed & VA_ENC_PACKED_HEADER_SEQUENCE))
		return j->pic->pic_fields.bits.idr_pic_flag ? own_headers_put(j, st, coded) :
		       VA_STATUS_SUCCESS;
	if (j->pic->pic_fields.bits.idr_pic_flag)
		st->sps.valid = st->pps.valid = false;
	for (unsigned int i = 0; i < j->c->npacked; i++) {
		const struct packed *p = &j->c->packed[i];

		if (p->head.type == VAEncPackedHeaderSlice)
			continue;
		for (size_t at = 0, len; p->head.type != VAEncPackedHeaderRawData && at < p->size &&
		     !status; at += len) {
			struct nal nal;

			len = nal_length(p->data + at, p->size - at);
			if (!nal_unpack(&nal, p->data + at, len * 8, p->head.has_emulation_bytes))
				return wrong("packed header %u has no start code", i);
			status = set_take(j, st, &nal);
			nal_free(&nal);
		}
		if (status)
			return status;
		if (!coded_append(coded, p->data, p->size))
			return VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
	}
	return st->sps.valid && st->pps.valid ? VA_STATUS_SUCCESS :
	       wrong("a key frame without parameter sets");
}

/* The header that was given, its QP being the slice's. */
static VAStatus slice_head(const struct hevc_job *j, struct bits *out)
{
	const struct packed *p = &j->c->packed[j->c->slices[0].header];
	struct hevc_slice h;
	struct nal nal;
	VAStatus status;

	if (!nal_unpack(&nal, p->data, p->head.bit_length, p->head.has_emulation_bytes))
		return wrong("the slice header has no start code");
	if (!hevc_slice_read(&h, &nal, j->sps, j->pps) || h.end != nal.bits)
		status = wrong("a bad slice header: %zu of %zu bits", h.end, nal.bits);
	else
		status = slice_check(&h, j);
	if (!status)
		nal_copy_with(out, &nal, h.qp_at, h.qp_end, j->qp - j->pic->pic_init_qp);
	nal_free(&nal);
	return status;
}

static VAStatus slice_put(struct hevc_job *j, struct buffer *coded)
{
	struct bits b = { 0 };
	VAStatus status = VA_STATUS_SUCCESS;

	if (j->c->slices[0].header < 0)
		hevc_slice_write(&b, j);
	else
		status = slice_head(j, &b);
	if (!status) {
		bits_put(&b, 1, 1);
		bits_align(&b, 0);
		bits_bytes(&b, j->data.data, j->data.count / 8);
		status = coded_append_nal(coded, &b);
	}
	bits_free(&b);
	return status;
}

static VAStatus job_code(struct driver *d, struct hevc_job *j, struct buffer *coded)
{
	struct codec_state *st = j->c->state;
	VAStatus status = references_check(d, j);

	if (!status)
		status = headers_put(j, st, coded);
	if (!status)
		status = j->sps->pcm ? hevc_exact(j) : hevc_x265(j, &st->x265);
	if (!status)
		status = slice_put(j, coded);
	if (status)
		return status;
	j->recon->reference = j->pic->pic_fields.bits.reference_pic_flag;
	j->recon->poc = j->pic->decoded_curr_pic.pic_order_cnt;
	picture_done(j->recon, coded, (unsigned int)j->qp);
	return VA_STATUS_SUCCESS;
}

static VAStatus code(struct driver *d, struct context *c, struct buffer *coded)
{
	struct hevc_job j = {
		.c = c,
		.seq = &c->seq.hevc,
		.pic = (const void *)c->pic->data,
		.slice = (const void *)c->slices[0].param->data,
	};
	VAStatus status;

	if (c->nslices != 1 || !j.slice->slice_fields.bits.last_slice_of_pic_flag)
		return wrong("more than one slice");
	if (j.pic->pic_fields.bits.idr_pic_flag && !c->seq_now)
		return wrong("a key frame without its sequence");
	if (raw_make(&j.raw, c->source, j.seq->pic_width_in_luma_samples,
				  j.seq->pic_height_in_luma_samples))
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	/* parameters of HEVC know no cropping: the surface tells */
	j.visible_width = c->source->width;
	j.visible_height = c->source->height;
	j.sps = &c->state->sps;
	j.pps = &c->state->pps;
	j.qp = j.pic->pic_init_qp + j.slice->slice_qp_delta;
	status = job_code(d, &j, coded);
	bits_free(&j.data);
	raw_free(&j.raw);
	return status;
}

static void close_state(struct codec_state *state)
{
	hevc_x265_close(state->x265);
}

static void targets(const struct context *c, VABufferID *coded, VASurfaceID *recon)
{
	const VAEncPictureParameterBufferHEVC *pic = (const void *)c->pic->data;

	*coded = pic->coded_buf;
	*recon = pic->decoded_curr_pic.picture_id;
}

const struct codec_ops hevc_ops = {
	.code = code,
	.close = close_state,
	.state_size = sizeof(struct codec_state),
	.targets = targets,
	.seq_size = sizeof(VAEncSequenceParameterBufferHEVC),
	.pic_size = sizeof(VAEncPictureParameterBufferHEVC),
	.slice_size = sizeof(VAEncSliceParameterBufferHEVC),
};
