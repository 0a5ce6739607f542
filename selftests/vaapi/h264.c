// SPDX-License-Identifier: MIT
/* H.264: headers that agree with the parameters, and NAL units. */
#include <stdlib.h>
#include <string.h>

#include "h264.h"

#define SLICE_P 0
#define SLICE_B 1
#define SLICE_I 2
#define NAL_IDR 5

struct codec_state {
	struct h264_sps sps;
	struct h264_pps pps;
	void *x264;
};

/* ---- reading ---- */

bool h264_sps_read(struct h264_sps *sps, const struct nal *nal)
{
	struct reader r = { .data = nal->data, .count = nal->bits };
	uint32_t n;

	*sps = (struct h264_sps){ 0 };
	if ((read_u(&r, 8) & 31) != 7)
		return false;
	sps->profile = read_u(&r, 8);
	read_u(&r, 8);
	sps->level = read_u(&r, 8);
	read_ue(&r);
	if (sps->profile >= 100) {
		/* 4:2:0, 8 bits, nothing special */
		if (read_ue(&r) != 1 || read_ue(&r) || read_ue(&r) || read_u(&r, 2))
			return false;
	}
	sps->log2_frame_num = read_ue(&r) + 4;
	sps->poc_type = read_ue(&r);
	if (sps->poc_type == 0)
		sps->log2_poc_lsb = read_ue(&r) + 4;
	else if (sps->poc_type == 1)
		return false;
	sps->refs = read_ue(&r);
	if (read_u(&r, 1))
		return false;
	sps->width_mbs = read_ue(&r) + 1;
	sps->height_mbs = read_ue(&r) + 1;
	if (!read_u(&r, 1))
		return false;
	read_u(&r, 1);
	n = read_u(&r, 1);
	if (n) {
		if (read_ue(&r))
			return false;
		sps->crop_right = read_ue(&r);
		if (read_ue(&r))
			return false;
		sps->crop_bottom = read_ue(&r);
	}
	sps->valid = !r.over;
	return sps->valid;
}

/* More than the stop bit and zeroes? */
static bool more_data(const struct reader *r)
{
	size_t last = r->count;

	while (last && !(r->data[(last - 1) >> 3] >> (7 - ((last - 1) & 7)) & 1))
		last--;
	return last && r->at < last - 1;
}

bool h264_pps_read(struct h264_pps *pps, const struct nal *nal, const struct h264_sps *sps)
{
	struct reader r = { .data = nal->data, .count = nal->bits };

	*pps = (struct h264_pps){ 0 };
	if ((read_u(&r, 8) & 31) != 8 || !sps->valid)
		return false;
	read_ue(&r);
	read_ue(&r);
	pps->cabac = read_u(&r, 1);
	pps->bottom_field_poc = read_u(&r, 1);
	if (read_ue(&r))
		return false;
	pps->refs_l0 = read_ue(&r) + 1;
	pps->refs_l1 = read_ue(&r) + 1;
	pps->weighted = read_u(&r, 1);
	pps->weighted_bi = read_u(&r, 2);
	pps->init_qp = read_se(&r) + 26;
	read_se(&r);
	pps->chroma_offset = pps->chroma_offset2 = read_se(&r);
	pps->deblock_control = read_u(&r, 1);
	pps->constrained_intra = read_u(&r, 1);
	pps->redundant = read_u(&r, 1);
	if (more_data(&r)) {
		pps->transform_8x8 = read_u(&r, 1);
		if (read_u(&r, 1))
			return false;
		pps->chroma_offset2 = read_se(&r);
	}
	pps->valid = !r.over;
	return pps->valid;
}

static bool lists_read(struct h264_slice *h, struct reader *r)
{
	if (h->type == SLICE_B)
		h->direct_spatial = read_u(r, 1);
	if (h->type == SLICE_I)
		return true;
	if (h->type > SLICE_I)
		return false;
	if (read_u(r, 1)) {
		h->refs_l0 = read_ue(r) + 1;
		if (h->type == SLICE_B)
			h->refs_l1 = read_ue(r) + 1;
	}
	/* other orders: nobody here has a use for them */
	return !read_u(r, 1) && (h->type != SLICE_B || !read_u(r, 1));
}

static bool marking_read(struct h264_slice *h, struct reader *r)
{
	if (!h->nal_ref_idc)
		return true;
	if (h->nal_type == NAL_IDR)
		return !read_u(r, 2);
	return !read_u(r, 1);
}

bool h264_slice_read(struct h264_slice *h, const struct nal *nal, const struct h264_sps *sps,
		     const struct h264_pps *pps)
{
	struct reader r = { .data = nal->data, .count = nal->bits };
	uint32_t head = read_u(&r, 8);

	*h = (struct h264_slice){ .nal_type = head & 31, .nal_ref_idc = head >> 5 };
	if ((h->nal_type != 1 && h->nal_type != NAL_IDR) || !sps->valid || !pps->valid ||
	    pps->weighted || pps->redundant || pps->bottom_field_poc)
		return false;
	h->first_mb = read_ue(&r);
	h->type = read_ue(&r) % 5;
	read_ue(&r);
	h->frame_num = read_u(&r, sps->log2_frame_num);
	if (h->nal_type == NAL_IDR)
		h->idr_pic_id = read_ue(&r);
	if (sps->poc_type == 0)
		h->poc_lsb = read_u(&r, sps->log2_poc_lsb);
	h->refs_l0 = pps->refs_l0;
	h->refs_l1 = pps->refs_l1;
	if (!lists_read(h, &r) || !marking_read(h, &r))
		return false;
	if (pps->cabac && h->type != SLICE_I)
		h->cabac_init_idc = read_ue(&r);
	h->qp_at = r.at;
	h->qp_delta = read_se(&r);
	h->qp_end = r.at;
	if (pps->deblock_control) {
		h->no_deblock = read_ue(&r);
		if (h->no_deblock != 1) {
			h->alpha = read_se(&r);
			h->beta = read_se(&r);
		}
	}
	h->end = r.at;
	return !r.over;
}

/* ---- do headers and parameters agree? ---- */

static VAStatus sps_check(const struct h264_sps *sps, const struct h264_job *j)
{
	const VAEncSequenceParameterBufferH264 *seq = j->seq;
	static const uint32_t idc[] = {
		[VAProfileH264ConstrainedBaseline] = 66, [VAProfileH264Main] = 77,
		[VAProfileH264High] = 100,
	};

	SAME("profile", sps->profile, idc[j->c->config->profile]);
	SAME("level", sps->level, seq->level_idc);
	SAME("log2_max_frame_num", sps->log2_frame_num,
	     seq->seq_fields.bits.log2_max_frame_num_minus4 + 4);
	SAME("pic_order_cnt_type", sps->poc_type, seq->seq_fields.bits.pic_order_cnt_type);
	SAME("log2_max_poc_lsb", sps->log2_poc_lsb,
	     seq->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4);
	SAME("max_num_ref_frames", sps->refs, seq->max_num_ref_frames);
	SAME("width in macroblocks", sps->width_mbs, seq->picture_width_in_mbs);
	SAME("height in macroblocks", sps->height_mbs, seq->picture_height_in_mbs);
	SAME("crop right", sps->crop_right,
	     seq->frame_cropping_flag ? seq->frame_crop_right_offset : 0);
	SAME("crop bottom", sps->crop_bottom,
	     seq->frame_cropping_flag ? seq->frame_crop_bottom_offset : 0);
	return VA_STATUS_SUCCESS;
}

static VAStatus pps_check(const struct h264_pps *pps, const VAEncPictureParameterBufferH264 *pic)
{
	SAME("entropy coding", pps->cabac, pic->pic_fields.bits.entropy_coding_mode_flag);
	SAME("weighted prediction", pps->weighted, pic->pic_fields.bits.weighted_pred_flag);
	SAME("initial QP", pps->init_qp, pic->pic_init_qp);
	SAME("chroma QP offset", pps->chroma_offset, pic->chroma_qp_index_offset);
	SAME("second chroma QP offset", pps->chroma_offset2, pic->second_chroma_qp_index_offset);
	SAME("deblocking control", pps->deblock_control,
	     pic->pic_fields.bits.deblocking_filter_control_present_flag);
	SAME("constrained intra prediction", pps->constrained_intra,
	     pic->pic_fields.bits.constrained_intra_pred_flag);
	SAME("8x8 transform", pps->transform_8x8, pic->pic_fields.bits.transform_8x8_mode_flag);
	SAME("references", pps->refs_l0, pic->num_ref_idx_l0_active_minus1 + 1);
	SAME("references of list 1", pps->refs_l1, pic->num_ref_idx_l1_active_minus1 + 1);
	return VA_STATUS_SUCCESS;
}

#define LOG2_POC(j) ((j)->seq->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4U)

static VAStatus slice_check(const struct h264_slice *h, const struct h264_job *j, unsigned int n)
{
	const VAEncPictureParameterBufferH264 *pic = j->pic;
	const VAEncSliceParameterBufferH264 *slice = j->slice[n];

	SAME("IDR", h->nal_type == NAL_IDR, pic->pic_fields.bits.idr_pic_flag);
	SAME("nal_ref_idc", !!h->nal_ref_idc, pic->pic_fields.bits.reference_pic_flag);
	SAME("first macroblock", h->first_mb, slice->macroblock_address);
	SAME("slice type", h->type, slice->slice_type);
	SAME("frame_num", h->frame_num, pic->frame_num);
	if (h->nal_type == NAL_IDR)
		SAME("idr_pic_id", h->idr_pic_id, slice->idr_pic_id);
	SAME("POC", h->poc_lsb, slice->pic_order_cnt_lsb);
	SAME("POC", h->poc_lsb, pic->CurrPic.TopFieldOrderCnt & ((1 << LOG2_POC(j)) - 1));
	SAME("direct prediction", h->direct_spatial, slice->direct_spatial_mv_pred_flag);
	SAME("QP delta", h->qp_delta, slice->slice_qp_delta);
	SAME("cabac_init_idc", h->cabac_init_idc, slice->cabac_init_idc);
	SAME("deblocking", h->no_deblock, slice->disable_deblocking_filter_idc);
	SAME("alpha", h->alpha, slice->slice_alpha_c0_offset_div2);
	SAME("beta", h->beta, slice->slice_beta_offset_div2);
	return VA_STATUS_SUCCESS;
}

/* ---- writing own headers ---- */

static void sps_write(struct bits *b, const struct h264_job *j)
{
	const VAEncSequenceParameterBufferH264 *s = j->seq;
	bool high = j->c->config->profile == VAProfileH264High;

	bits_put(b, 0x67, 8);
	if (high)
		bits_put(b, 100 << 8, 16);
	else if (j->c->config->profile == VAProfileH264Main)
		bits_put(b, 77 << 8 | 0x40, 16);
	else
		bits_put(b, 66 << 8 | 0xc0, 16);
	bits_put(b, s->level_idc, 8);
	bits_ue(b, s->seq_parameter_set_id);
	if (high) {
		bits_ue(b, s->seq_fields.bits.chroma_format_idc);
		bits_ue(b, s->bit_depth_luma_minus8);
		bits_ue(b, s->bit_depth_chroma_minus8);
		bits_put(b, 0, 2);
	}
	bits_ue(b, s->seq_fields.bits.log2_max_frame_num_minus4);
	bits_ue(b, s->seq_fields.bits.pic_order_cnt_type);
	bits_ue(b, s->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4);
	bits_ue(b, s->max_num_ref_frames);
	bits_put(b, 0, 1);
	bits_ue(b, s->picture_width_in_mbs - 1U);
	bits_ue(b, s->picture_height_in_mbs - 1U);
	bits_put(b, s->seq_fields.bits.frame_mbs_only_flag, 1);
	bits_put(b, s->seq_fields.bits.direct_8x8_inference_flag, 1);
	bits_put(b, s->frame_cropping_flag, 1);
	if (s->frame_cropping_flag) {
		bits_ue(b, s->frame_crop_left_offset);
		bits_ue(b, s->frame_crop_right_offset);
		bits_ue(b, s->frame_crop_top_offset);
		bits_ue(b, s->frame_crop_bottom_offset);
	}
	bits_put(b, 0, 1);
	bits_put(b, 1, 1);
	bits_align(b, 0);
}

static void pps_write(struct bits *b, const struct h264_job *j)
{
	const VAEncPictureParameterBufferH264 *p = j->pic;

	bits_put(b, 0x68, 8);
	bits_ue(b, p->pic_parameter_set_id);
	bits_ue(b, p->seq_parameter_set_id);
	bits_put(b, p->pic_fields.bits.entropy_coding_mode_flag, 1);
	bits_put(b, 0, 1);
	bits_ue(b, 0);
	bits_ue(b, p->num_ref_idx_l0_active_minus1);
	bits_ue(b, p->num_ref_idx_l1_active_minus1);
	bits_put(b, p->pic_fields.bits.weighted_pred_flag, 1);
	bits_put(b, p->pic_fields.bits.weighted_bipred_idc, 2);
	bits_se(b, p->pic_init_qp - 26);
	bits_se(b, 0);
	bits_se(b, p->chroma_qp_index_offset);
	bits_put(b, p->pic_fields.bits.deblocking_filter_control_present_flag, 1);
	bits_put(b, p->pic_fields.bits.constrained_intra_pred_flag, 1);
	bits_put(b, 0, 1);
	if (p->pic_fields.bits.transform_8x8_mode_flag) {
		bits_put(b, 2, 2);
		bits_se(b, p->second_chroma_qp_index_offset);
	}
	bits_put(b, 1, 1);
	bits_align(b, 0);
}

static void slice_write(struct bits *b, const struct h264_job *j, unsigned int n)
{
	const VAEncPictureParameterBufferH264 *p = j->pic;
	const VAEncSliceParameterBufferH264 *s = j->slice[n];
	bool idr = p->pic_fields.bits.idr_pic_flag, ref = p->pic_fields.bits.reference_pic_flag;

	bits_put(b, (ref ? 0x20U : 0) | (idr ? 5U : 1U), 8);
	bits_ue(b, s->macroblock_address);
	bits_ue(b, s->slice_type);
	bits_ue(b, s->pic_parameter_set_id);
	bits_put(b, p->frame_num, j->seq->seq_fields.bits.log2_max_frame_num_minus4 + 4U);
	if (idr)
		bits_ue(b, s->idr_pic_id);
	bits_put(b, s->pic_order_cnt_lsb, LOG2_POC(j));
	if (s->slice_type == SLICE_B)
		bits_put(b, s->direct_spatial_mv_pred_flag, 1);
	if (s->slice_type != SLICE_I)
		bits_put(b, 0, s->slice_type == SLICE_B ? 3 : 2);
	if (ref)
		bits_put(b, 0, idr ? 2 : 1);
	if (p->pic_fields.bits.entropy_coding_mode_flag && s->slice_type != SLICE_I)
		bits_ue(b, s->cabac_init_idc);
	bits_se(b, s->slice_qp_delta);
	if (p->pic_fields.bits.deblocking_filter_control_present_flag) {
		bits_ue(b, s->disable_deblocking_filter_idc);
		if (s->disable_deblocking_filter_idc != 1) {
			bits_se(b, s->slice_alpha_c0_offset_div2);
			bits_se(b, s->slice_beta_offset_div2);
		}
	}
}

/* ---- a picture ---- */

/* The reference that the parameters name must be what they say it is. */
static VAStatus reference_find(struct driver *d, const struct h264_job *j, unsigned int i,
			       struct surface **out)
{
	const VAPictureH264 *p = &j->pic->ReferenceFrames[i];
	struct surface *s = object_find(d, p->picture_id, KIND_SURFACE);

	*out = s;
	if (!s || !s->coded || !s->reference)
		return wrong("surface %u is no reference", p->picture_id);
	if (s == j->recon)
		return wrong("the reference is overwritten");
	SAME("frame_num of the reference", s->frame_num, p->frame_idx);
	SAME("POC of the reference", s->poc, p->TopFieldOrderCnt);
	return VA_STATUS_SUCCESS;
}

static VAStatus references_check(struct driver *d, struct h264_job *j)
{
	const VAEncPictureParameterBufferH264 *p = j->pic;
	bool idr = p->pic_fields.bits.idr_pic_flag;
	VAStatus status;

	j->recon = object_find(d, p->CurrPic.picture_id, KIND_SURFACE);
	if (!j->recon || j->recon->imported || j->recon->width < j->raw.width ||
	    j->recon->height < j->raw.height)
		return wrong("surface %u is none to reconstruct in", p->CurrPic.picture_id);
	if (p->ReferenceFrames[0].flags & VA_PICTURE_H264_INVALID)
		return idr ? VA_STATUS_SUCCESS : wrong("a P picture without reference");
	if (idr)
		return wrong("a key frame with a reference");
	status = reference_find(d, j, 0, &j->reference);
	if (!status && !(p->ReferenceFrames[1].flags & VA_PICTURE_H264_INVALID))
		status = reference_find(d, j, 1, &j->future);
	if (status)
		return status;
	if (j->future && (j->reference->poc >= p->CurrPic.TopFieldOrderCnt ||
			  j->future->poc <= p->CurrPic.TopFieldOrderCnt))
		return wrong("a B picture %d that is not between %d and %d",
			     p->CurrPic.TopFieldOrderCnt, j->reference->poc, j->future->poc);
	for (unsigned int i = 0; i < j->nslices; i++) {
		SAME("list 0", j->slice[i]->RefPicList0[0].picture_id,
		     p->ReferenceFrames[0].picture_id);
		SAME("list 1", j->slice[i]->RefPicList1[0].picture_id,
		     p->ReferenceFrames[1].picture_id);
	}
	return VA_STATUS_SUCCESS;
}

static VAStatus slices_check(struct h264_job *j)
{
	uint32_t next = 0;

	for (unsigned int i = 0; i < j->nslices; i++) {
		const VAEncSliceParameterBufferH264 *s = j->slice[i];

		SAME("first macroblock of a slice", s->macroblock_address, next);
		SAME("slice type", s->slice_type,
		     j->pic->pic_fields.bits.idr_pic_flag ? SLICE_I : j->future ? SLICE_B : SLICE_P);
		SAME("QP of slices", s->slice_qp_delta, j->slice[0]->slice_qp_delta);
		next += s->num_macroblocks;
	}
	SAME("macroblocks", next,
	     (uint32_t)j->seq->picture_width_in_mbs * j->seq->picture_height_in_mbs);
	return VA_STATUS_SUCCESS;
}

/* Headers before the first slice: those given, in their order, or own ones. */
static VAStatus headers_put(struct h264_job *j, struct buffer *coded)
{
	struct codec_state *st = j->c->state;
	bool idr = j->pic->pic_fields.bits.idr_pic_flag;
	VAStatus status = VA_STATUS_SUCCESS;

	if (idr && !(j->c->config->packed & VA_ENC_PACKED_HEADER_SEQUENCE)) {
		struct bits sps = { 0 }, pps = { 0 };

		sps_write(&sps, j);
		pps_write(&pps, j);
		status = coded_append_nal(coded, &sps);
		if (!status)
			status = coded_append_nal(coded, &pps);
		bits_free(&sps);
		bits_free(&pps);
		return status;
	}
	if (idr)
		st->sps.valid = st->pps.valid = false;
	for (unsigned int i = 0; i < j->c->npacked && !status; i++) {
		const struct packed *p = &j->c->packed[i];
		struct nal nal;

		if (p->head.type == VAEncPackedHeaderSlice)
			continue;
		if (!nal_unpack(&nal, p->data, p->head.bit_length, p->head.has_emulation_bytes))
			return wrong("packed header %u has no start code", i);
		if (p->head.type == VAEncPackedHeaderSequence)
			status = h264_sps_read(&st->sps, &nal) ? sps_check(&st->sps, j) :
				 wrong("a bad SPS");
		else if (p->head.type == VAEncPackedHeaderPicture)
			status = h264_pps_read(&st->pps, &nal, &st->sps) ?
				 pps_check(&st->pps, j->pic) : wrong("a bad PPS");
		nal_free(&nal);
		if (!status && !coded_append(coded, p->data, p->size))
			status = VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
	}
	return status;
}

/* The header of a slice, its QP being what the slice really begins with. */
static VAStatus slice_head(struct h264_job *j, unsigned int n, struct bits *out)
{
	struct codec_state *st = j->c->state;
	const struct packed *p;
	struct h264_slice h;
	struct nal nal;
	VAStatus status;

	if (j->c->slices[n].header < 0) {
		VAEncSliceParameterBufferH264 changed = *j->slice[n];
		const VAEncSliceParameterBufferH264 *told = j->slice[n];

		changed.slice_qp_delta = (int8_t)(j->slice_qp[n] - j->pic->pic_init_qp);
		j->slice[n] = &changed;
		slice_write(out, j, n);
		j->slice[n] = told;
		return VA_STATUS_SUCCESS;
	}
	p = &j->c->packed[j->c->slices[n].header];
	if (!nal_unpack(&nal, p->data, p->head.bit_length, p->head.has_emulation_bytes))
		return wrong("the header of slice %u has no start code", n);
	if (!h264_slice_read(&h, &nal, &st->sps, &st->pps) || h.end != nal.bits)
		status = wrong("a bad slice header: %zu of %zu bits", h.end, nal.bits);
	else
		status = slice_check(&h, j, n);
	if (!status)
		nal_copy_with(out, &nal, h.qp_at, h.qp_end, j->slice_qp[n] - j->pic->pic_init_qp);
	nal_free(&nal);
	return status;
}

static VAStatus slice_put(struct h264_job *j, unsigned int n, struct buffer *coded)
{
	struct bits b = { 0 };
	VAStatus status = slice_head(j, n, &b);

	if (!status && j->pic->pic_fields.bits.entropy_coding_mode_flag) {
		/* arithmetic coding begins at a byte, and its end is the stop bit */
		bits_align(&b, 1);
		bits_bytes(&b, j->data[n].data, j->data[n].count / 8);
	} else if (!status) {
		bits_copy(&b, j->data[n].data, j->skip[n], j->data[n].count);
		bits_put(&b, 1, 1);
		bits_align(&b, 0);
	}
	if (!status)
		status = coded_append_nal(coded, &b);
	bits_free(&b);
	return status;
}

/* Samples of I_PCM are aligned to the bytes of the NAL unit, of which the header is part. */
static VAStatus code_exact(struct h264_job *j)
{
	VAStatus status = VA_STATUS_SUCCESS;

	for (unsigned int i = 0; i < j->nslices && !status; i++) {
		struct bits head = { 0 };

		j->slice_qp[i] = j->qp;
		status = slice_head(j, i, &head);
		j->skip[i] = head.count % 8;
		bits_free(&head);
	}
	return status ? status : h264_exact(j);
}

static VAStatus job_code(struct driver *d, struct h264_job *j, struct buffer *coded)
{
	VAStatus status = references_check(d, j);

	if (!status)
		status = slices_check(j);
	if (!status)
		status = headers_put(j, coded);
	if (!status)
		status = mode("exact") ? code_exact(j) : h264_x264(j, &j->c->state->x264);
	for (unsigned int i = 0; i < j->nslices && !status; i++)
		status = slice_put(j, i, coded);
	if (status)
		return status;
	j->recon->reference = j->pic->pic_fields.bits.reference_pic_flag;
	j->recon->frame_num = j->pic->frame_num;
	j->recon->poc = j->pic->CurrPic.TopFieldOrderCnt;
	picture_done(j->recon, coded, (unsigned int)j->used_qp);
	return VA_STATUS_SUCCESS;
}

static VAStatus code(struct driver *d, struct context *c, struct buffer *coded)
{
	struct h264_job j = {
		.c = c,
		.seq = &c->seq.h264,
		.pic = (const void *)c->pic->data,
		.nslices = c->nslices,
	};
	VAStatus status;

	for (unsigned int i = 0; i < c->nslices; i++)
		j.slice[i] = (const void *)c->slices[i].param->data;
	if (raw_make(&j.raw, c->source, j.seq->picture_width_in_mbs * 16U,
				  j.seq->picture_height_in_mbs * 16U))
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	j.qp = j.pic->pic_init_qp + j.slice[0]->slice_qp_delta;
	if (j.pic->pic_fields.bits.idr_pic_flag && !c->seq_now)
		status = wrong("a key frame without its sequence");
	else
		status = job_code(d, &j, coded);
	for (unsigned int i = 0; i < c->nslices; i++)
		bits_free(&j.data[i]);
	raw_free(&j.raw);
	return status;
}

static void close_state(struct codec_state *state)
{
	h264_x264_close(state->x264);
}

static void targets(const struct context *c, VABufferID *coded, VASurfaceID *recon)
{
	const VAEncPictureParameterBufferH264 *pic = (const void *)c->pic->data;

	*coded = pic->coded_buf;
	*recon = pic->CurrPic.picture_id;
}

const struct codec_ops h264_ops = {
	.code = code,
	.close = close_state,
	.state_size = sizeof(struct codec_state),
	.targets = targets,
	.seq_size = sizeof(VAEncSequenceParameterBufferH264),
	.pic_size = sizeof(VAEncPictureParameterBufferH264),
	.slice_size = sizeof(VAEncSliceParameterBufferH264),
};
