// SPDX-License-Identifier: MIT
/* H.264: parameters for the driver, and the same as packed headers. */
#include <errno.h>
#include <string.h>

#include "hrd.h"
#include "vaapi.h"

#define MB 16
#define LOG2_FRAME_NUM 8
#define LOG2_POC_LSB 8
#define SLICE_P 0
#define SLICE_B 1
#define SLICE_I 2
#define SAR_EXTENDED 255
#define NAL_SPS 0x67
#define NAL_PPS 0x68
#define NAL_SEI 0x06
#define NAL_IDR 0x65
#define NAL_P_REFERENCE 0x41
#define NAL_P 0x01

/* Table A-1 of the standard; bit rates of Baseline and Main, in 1000 bit/s. */
static const struct {
	uint32_t level, mbs_per_s, mbs, dpb_mbs, kbits;
} levels[] = {
	{ 10, 1485, 99, 396, 64 },
	{ 11, 3000, 396, 900, 192 },
	{ 12, 6000, 396, 2376, 384 },
	{ 13, 11880, 396, 2376, 768 },
	{ 20, 11880, 396, 2376, 2000 },
	{ 21, 19800, 792, 4752, 4000 },
	{ 22, 20250, 1620, 8100, 4000 },
	{ 30, 40500, 1620, 8100, 10000 },
	{ 31, 108000, 3600, 18000, 14000 },
	{ 32, 216000, 5120, 20480, 20000 },
	{ 40, 245760, 8192, 32768, 20000 },
	{ 41, 245760, 8192, 32768, 50000 },
	{ 42, 522240, 8704, 34816, 50000 },
	{ 50, 589824, 22080, 110400, 135000 },
	{ 51, 983040, 36864, 184320, 240000 },
	{ 52, 2073600, 36864, 184320, 240000 },
	{ 60, 4177920, 139264, 696320, 240000 },
	{ 61, 8355840, 139264, 696320, 480000 },
	{ 62, 16711680, 139264, 696320, 800000 },
};

static bool is_high(const struct hvcal_engine_stream *s)
{
	return s->point->profile->idc == HVCAL_PROFILE_H264_HIGH;
}

static bool has_cabac(const struct hvcal_engine_stream *s)
{
	return s->point->profile->idc != HVCAL_PROFILE_H264_BASELINE;
}

static int prepare(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint64_t mbs = (uint64_t)s->width / MB * (s->height / MB);
	uint64_t per_s = (mbs * c->fps_num + c->fps_den - 1) / c->fps_den;
	uint64_t rate = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	size_t i = 0, last = sizeof(levels) / sizeof(levels[0]) - 1;

	if (c->level) {
		s->level = c->level;
		return c->level > 255 ? -EINVAL : 0;
	}
	/* a frame beyond all levels gets the highest: decoders may do it yet */
	while (i < last && (levels[i].mbs < mbs || levels[i].mbs_per_s < per_s ||
			    levels[i].dpb_mbs < mbs ||
			    levels[i].kbits * (is_high(s) ? 1250ULL : 1000ULL) < rate))
		i++;
	s->level = levels[i].level;
	return 0;
}

/* ---- parameter sets ---- */

/* B pictures lie between two. */
static uint32_t references(const struct hvcal_engine_stream *s)
{
	return s->bframes ? 2 : 1;
}

static void vui_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;

	vaapi_vui_begin(b, c);
	vaapi_bits_put(b, 1, 1);		/* timing_info_present_flag */
	vaapi_bits_put(b, 32, c->fps_den);
	vaapi_bits_put(b, 32, 2 * c->fps_num);
	vaapi_bits_put(b, 1, 1);		/* fixed_frame_rate_flag */
	vaapi_bits_put(b, 1, s->hrd.there);	/* nal_hrd_parameters_present_flag */
	if (s->hrd.there) {
		vaapi_bits_ue(b, 0);		/* cpb_cnt_minus1 */
		vaapi_hrd_scales_write(b, &s->hrd);
		vaapi_hrd_values_write(b, &s->hrd);
		vaapi_hrd_lengths_write(b);
		vaapi_bits_put(b, 5, 0);	/* time_offset_length */
	}
	vaapi_bits_put(b, 1, 0);		/* vcl_hrd_parameters_present_flag */
	if (s->hrd.there)
		vaapi_bits_put(b, 1, 0);	/* low_delay_hrd_flag */
	vaapi_bits_put(b, 1, 0);		/* pic_struct_present_flag */
	vaapi_bits_put(b, 1, 1);		/* bitstream_restriction_flag */
	vaapi_bits_put(b, 1, 1);		/* motion_vectors_over_pic_boundaries_flag */
	vaapi_bits_ue(b, 0);			/* max_bytes_per_pic_denom */
	vaapi_bits_ue(b, 0);			/* max_bits_per_mb_denom */
	vaapi_bits_ue(b, 15);			/* log2_max_mv_length_horizontal */
	vaapi_bits_ue(b, 15);			/* log2_max_mv_length_vertical */
	vaapi_bits_ue(b, !!s->bframes);		/* max_num_reorder_frames */
	vaapi_bits_ue(b, references(s));	/* max_dec_frame_buffering */
}

static void sps_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint32_t idc = s->point->profile->idc;
	bool crop = s->width != c->width || s->height != c->height;

	vaapi_bits_put(b, 8, idc);
	/* constraint_set0_flag and 1: what is baseline here is main, too */
	vaapi_bits_put(b, 1, !has_cabac(s));
	vaapi_bits_put(b, 1, !is_high(s));
	vaapi_bits_put(b, 6, 0);
	vaapi_bits_put(b, 8, s->level);
	vaapi_bits_ue(b, 0);			/* seq_parameter_set_id */
	if (is_high(s)) {
		vaapi_bits_ue(b, 1);		/* chroma_format_idc */
		vaapi_bits_ue(b, 0);		/* bit_depth_luma_minus8 */
		vaapi_bits_ue(b, 0);		/* bit_depth_chroma_minus8 */
		vaapi_bits_put(b, 2, 0);	/* no transform bypass, no scaling matrix */
	}
	vaapi_bits_ue(b, LOG2_FRAME_NUM - 4);
	vaapi_bits_ue(b, 0);			/* pic_order_cnt_type */
	vaapi_bits_ue(b, LOG2_POC_LSB - 4);
	vaapi_bits_ue(b, references(s));	/* max_num_ref_frames */
	vaapi_bits_put(b, 1, 0);		/* gaps_in_frame_num_value_allowed_flag */
	vaapi_bits_ue(b, s->width / MB - 1);
	vaapi_bits_ue(b, s->height / MB - 1);
	vaapi_bits_put(b, 1, 1);		/* frame_mbs_only_flag */
	vaapi_bits_put(b, 1, 1);		/* direct_8x8_inference_flag */
	vaapi_bits_put(b, 1, crop);
	if (crop) {
		vaapi_bits_ue(b, 0);
		vaapi_bits_ue(b, (s->width - c->width) / 2);
		vaapi_bits_ue(b, 0);
		vaapi_bits_ue(b, (s->height - c->height) / 2);
	}
	vaapi_bits_put(b, 1, 1);		/* vui_parameters_present_flag */
	vui_write(b, s);
	vaapi_bits_end(b);
}

static void pps_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	vaapi_bits_ue(b, 0);			/* pic_parameter_set_id */
	vaapi_bits_ue(b, 0);			/* seq_parameter_set_id */
	vaapi_bits_put(b, 1, has_cabac(s));
	vaapi_bits_put(b, 1, 0);		/* bottom_field_pic_order_in_frame_present_flag */
	vaapi_bits_ue(b, 0);			/* num_slice_groups_minus1 */
	vaapi_bits_ue(b, 0);			/* num_ref_idx_l0_default_active_minus1 */
	vaapi_bits_ue(b, 0);			/* num_ref_idx_l1_default_active_minus1 */
	vaapi_bits_put(b, 3, 0);		/* no weighted prediction */
	vaapi_bits_se(b, VAAPI_QP_DEFAULT - 26);
	vaapi_bits_se(b, 0);			/* pic_init_qs_minus26 */
	vaapi_bits_se(b, 0);			/* chroma_qp_index_offset */
	vaapi_bits_put(b, 1, 1);		/* deblocking_filter_control_present_flag */
	vaapi_bits_put(b, 2, 0);		/* neither constrained intra nor redundant pictures */
	if (is_high(s)) {
		vaapi_bits_put(b, 1, 1);	/* transform_8x8_mode_flag */
		vaapi_bits_put(b, 1, 0);	/* pic_scaling_matrix_present_flag */
		vaapi_bits_se(b, 0);		/* second_chroma_qp_index_offset */
	}
	vaapi_bits_end(b);
}

/* ---- for the driver ---- */

static void sequence(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	VAEncSequenceParameterBufferH264 seq = {
		.level_idc = (uint8_t)s->level,
		.intra_period = c->gop,
		.intra_idr_period = c->gop,
		.ip_period = s->bframes + 1,
		.bits_per_second = s->rc == VA_RC_CQP ? 0 : (uint32_t)c->bitrate,
		.max_num_ref_frames = references(s),
		.picture_width_in_mbs = (uint16_t)(s->width / MB),
		.picture_height_in_mbs = (uint16_t)(s->height / MB),
		.seq_fields.bits = {
			.chroma_format_idc = 1,
			.frame_mbs_only_flag = 1,
			.direct_8x8_inference_flag = 1,
			.log2_max_frame_num_minus4 = LOG2_FRAME_NUM - 4,
			.log2_max_pic_order_cnt_lsb_minus4 = LOG2_POC_LSB - 4,
		},
		.vui_parameters_present_flag = 1,
		.vui_fields.bits = {
			.timing_info_present_flag = 1,
			.bitstream_restriction_flag = 1,
			.log2_max_mv_length_horizontal = 15,
			.log2_max_mv_length_vertical = 15,
			.fixed_frame_rate_flag = 1,
			.motion_vectors_over_pic_boundaries_flag = 1,
		},
		.num_units_in_tick = c->fps_den,
		.time_scale = 2 * c->fps_num,
	};

	if (s->width != c->width || s->height != c->height) {
		seq.frame_cropping_flag = 1;
		seq.frame_crop_right_offset = (s->width - c->width) / 2;
		seq.frame_crop_bottom_offset = (s->height - c->height) / 2;
	}
	if (c->sar_num && c->sar_den) {
		seq.vui_fields.bits.aspect_ratio_info_present_flag = 1;
		seq.aspect_ratio_idc = SAR_EXTENDED;
		seq.sar_width = c->sar_num;
		seq.sar_height = c->sar_den;
	}
	vaapi_buffer_add(s, VAEncSequenceParameterBufferType, &seq, sizeof(seq));
}

static VAPictureH264 no_picture(void)
{
	return (VAPictureH264){
		.picture_id = VA_INVALID_SURFACE, .flags = VA_PICTURE_H264_INVALID,
	};
}

static VAPictureH264 a_picture(VASurfaceID surface, uint32_t frame_num, uint32_t number,
			       bool reference)
{
	return (VAPictureH264){
		.picture_id = surface,
		.frame_idx = frame_num % (1U << LOG2_FRAME_NUM),
		.flags = reference ? VA_PICTURE_H264_SHORT_TERM_REFERENCE : 0,
		.TopFieldOrderCnt = (int32_t)(2 * number),
		.BottomFieldOrderCnt = (int32_t)(2 * number),
	};
}

static VAPictureH264 a_reference(const struct vaapi_reference *r)
{
	return a_picture(r->surface, r->frame_num, r->number, true);
}

static VAPictureH264 past(const struct vaapi_picture *p)
{
	return p->key ? no_picture() : a_reference(&p->past);
}

static VAPictureH264 future(const struct vaapi_picture *p)
{
	return p->b ? a_reference(&p->future) : no_picture();
}

static void picture_add(struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	VAEncPictureParameterBufferH264 pic = {
		.CurrPic = a_picture(p->recon, p->frame_num, p->number, p->reference),
		.coded_buf = s->coded,
		.frame_num = (uint16_t)(p->frame_num % (1U << LOG2_FRAME_NUM)),
		.pic_init_qp = VAAPI_QP_DEFAULT,
		.pic_fields.bits = {
			.idr_pic_flag = p->key,
			.reference_pic_flag = p->reference,
			.entropy_coding_mode_flag = has_cabac(s),
			.transform_8x8_mode_flag = is_high(s),
			.deblocking_filter_control_present_flag = 1,
		},
	};

	for (size_t i = 0; i < sizeof(pic.ReferenceFrames) / sizeof(pic.ReferenceFrames[0]); i++)
		pic.ReferenceFrames[i] = i > 1 ? no_picture() : i ? future(p) : past(p);
	vaapi_buffer_add(s, VAEncPictureParameterBufferType, &pic, sizeof(pic));
}

static int qp_delta(const struct vaapi_picture *p)
{
	return p->qp < 0 ? 0 : p->qp - VAAPI_QP_DEFAULT;
}

static uint32_t slice_type(const struct vaapi_picture *p)
{
	return p->key ? SLICE_I : p->b ? SLICE_B : SLICE_P;
}

static void slice_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			const struct vaapi_picture *p, uint32_t first_mb)
{
	vaapi_bits_ue(b, first_mb);
	vaapi_bits_ue(b, slice_type(p));
	vaapi_bits_ue(b, 0);			/* pic_parameter_set_id */
	vaapi_bits_put(b, LOG2_FRAME_NUM, p->frame_num % (1U << LOG2_FRAME_NUM));
	if (p->key)
		vaapi_bits_ue(b, p->key_count % 2); /* idr_pic_id: neighbours differ */
	vaapi_bits_put(b, LOG2_POC_LSB, 2 * p->number % (1U << LOG2_POC_LSB));
	if (p->b)
		vaapi_bits_put(b, 1, 1);	/* direct_spatial_mv_pred_flag */
	if (!p->key) {
		vaapi_bits_put(b, 1, 0);	/* num_ref_idx_active_override_flag */
		vaapi_bits_put(b, 1, 0);	/* ref_pic_list_modification_flag_l0 */
	}
	if (p->b)
		vaapi_bits_put(b, 1, 0);	/* ref_pic_list_modification_flag_l1 */
	if (p->key)
		vaapi_bits_put(b, 2, 0);	/* neither forgets output nor is long-term */
	else if (p->reference)
		vaapi_bits_put(b, 1, 0);	/* adaptive_ref_pic_marking_mode_flag */
	if (!p->key && has_cabac(s))
		vaapi_bits_ue(b, 0);		/* cabac_init_idc */
	vaapi_bits_se(b, qp_delta(p));
	vaapi_bits_ue(b, 0);			/* disable_deblocking_filter_idc */
	vaapi_bits_se(b, 0);			/* slice_alpha_c0_offset_div2 */
	vaapi_bits_se(b, 0);			/* slice_beta_offset_div2 */
}

static void slice_add(struct hvcal_engine_stream *s, const struct vaapi_picture *p, uint32_t n)
{
	uint32_t cols = s->width / MB, row = vaapi_slice_row(s, n);
	VAEncSliceParameterBufferH264 slice = {
		.macroblock_address = row * cols,
		.num_macroblocks = (vaapi_slice_row(s, n + 1) - row) * cols,
		.macroblock_info = VA_INVALID_ID,
		.slice_type = (uint8_t)slice_type(p),
		.direct_spatial_mv_pred_flag = p->b,
		.idr_pic_id = (uint16_t)(p->key_count % 2),
		.pic_order_cnt_lsb = (uint16_t)(2 * p->number % (1U << LOG2_POC_LSB)),
		.slice_qp_delta = (int8_t)qp_delta(p),
	};
	struct vaapi_bits b = { 0 };

	for (size_t i = 0; i < sizeof(slice.RefPicList0) / sizeof(slice.RefPicList0[0]); i++) {
		slice.RefPicList0[i] = i ? no_picture() : past(p);
		slice.RefPicList1[i] = i ? no_picture() : future(p);
	}
	if (s->point->packed & VA_ENC_PACKED_HEADER_SLICE) {
		slice_write(&b, s, p, slice.macroblock_address);
		vaapi_header_add(s, VAEncPackedHeaderH264_Slice,
				 p->key ? NAL_IDR : p->reference ? NAL_P_REFERENCE : NAL_P, 1, &b);
	}
	vaapi_buffer_add(s, VAEncSliceParameterBufferType, &slice, sizeof(slice));
}

static void picture(struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const uint8_t *sei, size_t sei_len)
{
	struct vaapi_bits sps = { 0 }, pps = { 0 };

	picture_add(s, p);
	if (p->key && s->point->packed & VA_ENC_PACKED_HEADER_SEQUENCE) {
		sps_write(&sps, s);
		vaapi_header_add(s, VAEncPackedHeaderH264_SPS, NAL_SPS, 1, &sps);
	}
	if (p->key && s->point->packed & VA_ENC_PACKED_HEADER_PICTURE) {
		pps_write(&pps, s);
		vaapi_header_add(s, VAEncPackedHeaderH264_PPS, NAL_PPS, 1, &pps);
	}
	if (sei)
		vaapi_packed_add(s, VAEncPackedHeaderRawData, sei, (uint32_t)sei_len * 8, true);
	for (uint32_t i = 0; i < s->slices; i++)
		slice_add(s, p, i);
}

static bool is_slice(uint8_t header)
{
	return (header & 31) == 1 || (header & 31) == 5;
}

/* Ticks are fields, two a picture. */
static void timing_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			 const struct vaapi_picture *p)
{
	struct vaapi_bits period = { 0 }, timing = { 0 };

	if (p->key) {
		vaapi_bits_ue(&period, 0);	/* seq_parameter_set_id */
		vaapi_hrd_initial_write(&period, &s->hrd);
		vaapi_sei_message(b, VAAPI_SEI_PERIOD, &period);
	}
	vaapi_hrd_delay_write(&timing, 2 * p->coded);
	vaapi_hrd_delay_write(&timing, 2 * vaapi_hrd_output_delay(s, p));
	vaapi_sei_message(b, VAAPI_SEI_TIMING, &timing);
}

static int metadata(const struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const struct hvcal_engine_job *job, uint8_t **data, size_t *len)
{
	struct vaapi_bits timing = { 0 };

	if (s->hrd.there)
		timing_write(&timing, s, p);
	return vaapi_sei_make(&s->config, job, p->key, &timing, NAL_SEI, 1, data, len);
}

static size_t metadata_place(const uint8_t *packet, size_t len)
{
	return vaapi_nal_before_slice(packet, len, is_slice);
}

const struct vaapi_codec vaapi_h264 = {
	.codec = HVCAL_CODEC_H264,
	.block = MB,
	.max_slices = VAAPI_SLICES,
	.prepare = prepare,
	.sequence = sequence,
	.picture = picture,
	.metadata = metadata,
	.metadata_place = metadata_place,
	.metadata_raw = true,
	.qp_max = VAAPI_QP_MAX,
	.qp_default = VAAPI_QP_DEFAULT,
	.rois = true,
	.intra_refresh = true,
	.bframes = true,
	.hrd = true,
};
