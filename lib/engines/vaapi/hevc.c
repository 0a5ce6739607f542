// SPDX-License-Identifier: MIT
/* HEVC: parameters for the driver, and the same as packed headers. */
#include <errno.h>
#include <string.h>

#include "hrd.h"
#include "vaapi.h"

#define BLOCK 16		/* coded sizes are multiples of it, and of the coding blocks */
#define LOG2_POC_LSB 8
#define MERGE_CANDIDATES 5
#define LOG2_PCM_MAX 5
#define SAR_EXTENDED 255
#define NO_COLLOCATED 0xff

enum { SLICE_B, SLICE_P, SLICE_I };
enum { CODING_I = 1, CODING_P = 2, CODING_B = 3 };
enum {
	TYPE_TRAIL_N, TYPE_TRAIL_R, TYPE_TSA_N, TYPE_IDR = 19, TYPE_VPS = 32, TYPE_SPS, TYPE_PPS,
	TYPE_SEI = 39
};

/* Two bytes: type, layer 0, temporal layer. */
#define NAL_OF(type, layer) ((uint32_t)(type) << 9 | ((layer) + 1))
#define NAL(type) NAL_OF(type, 0)

/* Table A.8 of the standard: main tier; bit rates in 1000 bit/s. */
static const struct {
	uint32_t level, samples, samples_per_s, kbits;
} levels[] = {
	{ 30, 36864, 552960, 128 },
	{ 60, 122880, 3686400, 1500 },
	{ 63, 245760, 7372800, 3000 },
	{ 90, 552960, 16588800, 6000 },
	{ 93, 983040, 33177600, 10000 },
	{ 120, 2228224, 66846720, 12000 },
	{ 123, 2228224, 133693440, 20000 },
	{ 150, 8912896, 267386880, 25000 },
	{ 153, 8912896, 534773760, 40000 },
	{ 156, 8912896, 1069547520, 60000 },
	{ 180, 35651584, 1069547520, 60000 },
	{ 183, 35651584, 2139095040, 120000 },
	{ 186, 35651584, 4278190080, 240000 },
};

/** Tools of a stream: as far as the driver tells, else what the oldest encoders have. */
struct tools {
	uint32_t log2_ctb, log2_min_cb, log2_min_tb, log2_max_tb;
	uint32_t depth_inter, depth_intra;
	bool amp, sao, temporal_mvp, strong_intra, sign_hiding, transform_skip, qp_delta, pcm;
};


static struct tools tools_of(const struct hvcal_engine_stream *s)
{
	const VAConfigAttribValEncHEVCFeatures *f = &s->point->hevc_features;
	const VAConfigAttribValEncHEVCBlockSizes *b = &s->point->hevc_sizes;
	struct tools t = {
		.log2_ctb = 5, .log2_min_cb = 4, .log2_min_tb = 2, .log2_max_tb = 5,
		.depth_inter = 3, .depth_intra = 3, .amp = true,
		/* rates and maps of QP offsets need it; a constant QP does not */
		.qp_delta = s->rc != VA_RC_CQP || s->point->rois,
	};

	if (!s->point->hevc_known)
		return t;
	t.log2_ctb = b->bits.log2_max_coding_tree_block_size_minus3 + 3;
	t.log2_min_cb = b->bits.log2_min_luma_coding_block_size_minus3 + 3;
	t.log2_min_tb = b->bits.log2_min_luma_transform_block_size_minus2 + 2;
	t.log2_max_tb = b->bits.log2_max_luma_transform_block_size_minus2 + 2;
	t.depth_inter = b->bits.max_max_transform_hierarchy_depth_inter;
	t.depth_intra = b->bits.max_max_transform_hierarchy_depth_intra;
	t.amp = f->bits.amp;
	t.sao = f->bits.sao;
	t.temporal_mvp = f->bits.temporal_mvp;
	t.strong_intra = f->bits.strong_intra_smoothing;
	t.sign_hiding = f->bits.sign_data_hiding;
	t.transform_skip = f->bits.transform_skip;
	t.qp_delta = t.qp_delta && f->bits.cu_qp_delta;
	t.pcm = f->bits.pcm && t.log2_min_cb <= LOG2_PCM_MAX;
	return t;
}

static int prepare(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint64_t samples = (uint64_t)s->width * s->height;
	uint64_t per_s = (samples * c->fps_num + c->fps_den - 1) / c->fps_den;
	uint64_t rate = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	size_t i = 0, last = sizeof(levels) / sizeof(levels[0]) - 1;

	if (1U << tools_of(s).log2_min_cb > BLOCK)
		return -EINVAL;
	if (c->level) {
		s->level = c->level;
		return c->level > 255 ? -EINVAL : 0;
	}
	/* a frame beyond all levels gets the highest: decoders may do it yet */
	while (i < last && (levels[i].samples < samples || levels[i].samples_per_s < per_s ||
			    levels[i].kbits * 1000ULL < rate))
		i++;
	s->level = levels[i].level;
	return 0;
}

/* ---- parameter sets ---- */

/* Sub-layers beyond the first: upper frames of a stream with layers. */
static uint32_t upper_layers(const struct hvcal_engine_stream *s)
{
	return !!(s->config.flags & HVCAL_CONFIG_LAYERS);
}

static void profile_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	uint32_t idc = s->point->profile->idc;

	vaapi_bits_put(b, 3, 0);		/* profile space, main tier */
	vaapi_bits_put(b, 5, idc);
	/* a stream of Main is one of Main 10, too */
	vaapi_bits_put(b, 32, idc == 1 ? 3U << 29 : 1U << 29);
	vaapi_bits_put(b, 4, 0xb);		/* progressive, not packed, frames only */
	vaapi_bits_put(b, 32, 0);
	vaapi_bits_put(b, 12, 0);
	vaapi_bits_put(b, 8, s->level);
	/* the first sub-layer has no profile and level of its own; the rest aligns */
	if (upper_layers(s))
		vaapi_bits_put(b, 16, 0);
}

/* Output at once, but for B pictures; the same for all sub-layers. */
static void dpb_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	vaapi_bits_put(b, 1, !upper_layers(s));	/* sub_layer_ordering_info_present_flag */
	vaapi_bits_ue(b, s->bframes ? 2 : 1);	/* max_dec_pic_buffering_minus1 */
	vaapi_bits_ue(b, !!s->bframes);		/* max_num_reorder_pics */
	vaapi_bits_ue(b, 0);			/* max_latency_increase_plus1 */
}

static void vps_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	vaapi_bits_put(b, 4, 0);		/* vps_video_parameter_set_id */
	vaapi_bits_put(b, 2, 3);		/* base layer: internal, available */
	vaapi_bits_put(b, 6, 0);		/* vps_max_layers_minus1 */
	vaapi_bits_put(b, 3, upper_layers(s));	/* vps_max_sub_layers_minus1 */
	vaapi_bits_put(b, 1, 1);		/* vps_temporal_id_nesting_flag */
	vaapi_bits_put(b, 16, 0xffff);
	profile_write(b, s);
	dpb_write(b, s);
	vaapi_bits_put(b, 6, 0);		/* vps_max_layer_id */
	vaapi_bits_ue(b, 0);			/* vps_num_layer_sets_minus1 */
	vaapi_bits_put(b, 1, 1);		/* vps_timing_info_present_flag */
	vaapi_bits_put(b, 32, s->config.fps_den);
	vaapi_bits_put(b, 32, s->config.fps_num);
	vaapi_bits_put(b, 1, 0);		/* vps_poc_proportional_to_timing_flag */
	vaapi_bits_ue(b, 0);			/* vps_num_hrd_parameters */
	vaapi_bits_put(b, 1, 0);		/* vps_extension_flag */
	vaapi_bits_end(b);
}

static void hrd_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	/* of a stream with layers, no frame rate of the lower one is known */
	bool fixed = !upper_layers(s);

	vaapi_bits_put(b, 1, 1);		/* nal_hrd_parameters_present_flag */
	vaapi_bits_put(b, 1, 0);		/* vcl_hrd_parameters_present_flag */
	vaapi_bits_put(b, 1, 0);		/* sub_pic_hrd_params_present_flag */
	vaapi_hrd_scales_write(b, &s->hrd);
	vaapi_hrd_lengths_write(b);
	for (uint32_t i = 0; i <= upper_layers(s); i++) {
		vaapi_bits_put(b, 1, fixed);	/* fixed_pic_rate_general_flag */
		if (!fixed)
			vaapi_bits_put(b, 2, 0); /* nor within a sequence; no low delay */
		else
			vaapi_bits_ue(b, 0);	/* elemental_duration_in_tc_minus1 */
		vaapi_bits_ue(b, 0);		/* cpb_cnt_minus1 */
		vaapi_hrd_values_write(b, &s->hrd);
	}
}

static void vui_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;

	vaapi_vui_begin(b, c);
	vaapi_bits_put(b, 3, 0);		/* no neutral chroma, fields, frame field info */
	vaapi_bits_put(b, 1, 0);		/* default_display_window_flag */
	vaapi_bits_put(b, 1, 1);		/* vui_timing_info_present_flag */
	vaapi_bits_put(b, 32, c->fps_den);
	vaapi_bits_put(b, 32, c->fps_num);
	vaapi_bits_put(b, 1, 0);		/* vui_poc_proportional_to_timing_flag */
	vaapi_bits_put(b, 1, s->hrd.there);	/* vui_hrd_parameters_present_flag */
	if (s->hrd.there)
		hrd_write(b, s);
	vaapi_bits_put(b, 1, 0);		/* bitstream_restriction_flag */
}

/* Largest block of samples as they are. */
static uint32_t log2_pcm(const struct tools *t)
{
	return t->log2_ctb < LOG2_PCM_MAX ? t->log2_ctb : LOG2_PCM_MAX;
}

static void sps_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	struct tools t = tools_of(s);
	bool crop = s->width != c->width || s->height != c->height;

	vaapi_bits_put(b, 4, 0);		/* sps_video_parameter_set_id */
	vaapi_bits_put(b, 3, upper_layers(s));	/* sps_max_sub_layers_minus1 */
	vaapi_bits_put(b, 1, 1);		/* sps_temporal_id_nesting_flag */
	profile_write(b, s);
	vaapi_bits_ue(b, 0);			/* sps_seq_parameter_set_id */
	vaapi_bits_ue(b, 1);			/* chroma_format_idc */
	vaapi_bits_ue(b, s->width);
	vaapi_bits_ue(b, s->height);
	vaapi_bits_put(b, 1, crop);
	if (crop) {
		vaapi_bits_ue(b, 0);
		vaapi_bits_ue(b, (s->width - c->width) / 2);
		vaapi_bits_ue(b, 0);
		vaapi_bits_ue(b, (s->height - c->height) / 2);
	}
	vaapi_bits_ue(b, s->depth - 8);
	vaapi_bits_ue(b, s->depth - 8);
	vaapi_bits_ue(b, LOG2_POC_LSB - 4);
	dpb_write(b, s);
	vaapi_bits_ue(b, t.log2_min_cb - 3);
	vaapi_bits_ue(b, t.log2_ctb - t.log2_min_cb);
	vaapi_bits_ue(b, t.log2_min_tb - 2);
	vaapi_bits_ue(b, t.log2_max_tb - t.log2_min_tb);
	vaapi_bits_ue(b, t.depth_inter);
	vaapi_bits_ue(b, t.depth_intra);
	vaapi_bits_put(b, 1, 0);		/* scaling_list_enabled_flag */
	vaapi_bits_put(b, 1, t.amp);
	vaapi_bits_put(b, 1, t.sao);
	vaapi_bits_put(b, 1, t.pcm);
	if (t.pcm) {
		vaapi_bits_put(b, 4, s->depth - 1);
		vaapi_bits_put(b, 4, s->depth - 1);
		vaapi_bits_ue(b, t.log2_min_cb - 3);
		vaapi_bits_ue(b, log2_pcm(&t) - t.log2_min_cb);
		vaapi_bits_put(b, 1, 1);	/* pcm_loop_filter_disabled_flag */
	}
	vaapi_bits_ue(b, 0);			/* num_short_term_ref_pic_sets: slices have them */
	vaapi_bits_put(b, 1, 0);		/* long_term_ref_pics_present_flag */
	vaapi_bits_put(b, 1, t.temporal_mvp);
	vaapi_bits_put(b, 1, t.strong_intra);
	vaapi_bits_put(b, 1, 1);		/* vui_parameters_present_flag */
	vui_write(b, s);
	vaapi_bits_put(b, 1, 0);		/* sps_extension_present_flag */
	vaapi_bits_end(b);
}

static void pps_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	struct tools t = tools_of(s);

	vaapi_bits_ue(b, 0);			/* pps_pic_parameter_set_id */
	vaapi_bits_ue(b, 0);			/* pps_seq_parameter_set_id */
	vaapi_bits_put(b, 2, 0);		/* no dependent slices, no output flag */
	vaapi_bits_put(b, 3, 0);		/* num_extra_slice_header_bits */
	vaapi_bits_put(b, 1, t.sign_hiding);
	vaapi_bits_put(b, 1, 0);		/* cabac_init_present_flag */
	vaapi_bits_ue(b, 0);			/* num_ref_idx_l0_default_active_minus1 */
	vaapi_bits_ue(b, 0);			/* num_ref_idx_l1_default_active_minus1 */
	vaapi_bits_se(b, VAAPI_QP_DEFAULT - 26);
	vaapi_bits_put(b, 1, 0);		/* constrained_intra_pred_flag */
	vaapi_bits_put(b, 1, t.transform_skip);
	vaapi_bits_put(b, 1, t.qp_delta);
	if (t.qp_delta)
		vaapi_bits_ue(b, 0);		/* diff_cu_qp_delta_depth */
	vaapi_bits_se(b, 0);			/* pps_cb_qp_offset */
	vaapi_bits_se(b, 0);			/* pps_cr_qp_offset */
	vaapi_bits_put(b, 1, 0);		/* pps_slice_chroma_qp_offsets_present_flag */
	vaapi_bits_put(b, 2, 0);		/* no weighted prediction */
	vaapi_bits_put(b, 1, 0);		/* transquant_bypass_enabled_flag */
	vaapi_bits_put(b, 2, 0);		/* neither tiles nor wavefronts */
	vaapi_bits_put(b, 1, 0);		/* pps_loop_filter_across_slices_enabled_flag */
	vaapi_bits_put(b, 1, 0);		/* deblocking_filter_control_present_flag */
	vaapi_bits_put(b, 1, 0);		/* pps_scaling_list_data_present_flag */
	vaapi_bits_put(b, 1, 0);		/* lists_modification_present_flag */
	vaapi_bits_ue(b, 0);			/* log2_parallel_merge_level_minus2 */
	vaapi_bits_put(b, 2, 0);		/* no extensions */
	vaapi_bits_end(b);
}

/* ---- for the driver ---- */

static void sequence(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	struct tools t = tools_of(s);
	VAEncSequenceParameterBufferHEVC seq = {
		.general_profile_idc = (uint8_t)s->point->profile->idc,
		.general_level_idc = (uint8_t)s->level,
		.intra_period = c->gop,
		.intra_idr_period = c->gop,
		.ip_period = s->bframes + 1,
		.bits_per_second = s->rc == VA_RC_CQP ? 0 : (uint32_t)c->bitrate,
		.pic_width_in_luma_samples = (uint16_t)s->width,
		.pic_height_in_luma_samples = (uint16_t)s->height,
		.seq_fields.bits = {
			.chroma_format_idc = 1,
			.bit_depth_luma_minus8 = s->depth - 8,
			.bit_depth_chroma_minus8 = s->depth - 8,
			.strong_intra_smoothing_enabled_flag = t.strong_intra,
			.amp_enabled_flag = t.amp,
			.sample_adaptive_offset_enabled_flag = t.sao,
			.sps_temporal_mvp_enabled_flag = t.temporal_mvp,
			.low_delay_seq = !s->bframes,
			.hierachical_flag = upper_layers(s),
			.pcm_enabled_flag = t.pcm,
			.pcm_loop_filter_disabled_flag = t.pcm,
		},
		.log2_min_luma_coding_block_size_minus3 = (uint8_t)(t.log2_min_cb - 3),
		.log2_diff_max_min_luma_coding_block_size = (uint8_t)(t.log2_ctb - t.log2_min_cb),
		.log2_min_transform_block_size_minus2 = (uint8_t)(t.log2_min_tb - 2),
		.log2_diff_max_min_transform_block_size = (uint8_t)(t.log2_max_tb - t.log2_min_tb),
		.max_transform_hierarchy_depth_inter = (uint8_t)t.depth_inter,
		.max_transform_hierarchy_depth_intra = (uint8_t)t.depth_intra,
		.vui_parameters_present_flag = 1,
		.vui_fields.bits.vui_timing_info_present_flag = 1,
		.vui_num_units_in_tick = c->fps_den,
		.vui_time_scale = c->fps_num,
	};

	if (t.pcm) {
		seq.pcm_sample_bit_depth_luma_minus1 = s->depth - 1;
		seq.pcm_sample_bit_depth_chroma_minus1 = s->depth - 1;
		seq.log2_min_pcm_luma_coding_block_size_minus3 = t.log2_min_cb - 3;
		seq.log2_max_pcm_luma_coding_block_size_minus3 = log2_pcm(&t) - 3;
	}
	if (c->sar_num && c->sar_den) {
		seq.vui_fields.bits.aspect_ratio_info_present_flag = 1;
		seq.aspect_ratio_idc = SAR_EXTENDED;
		seq.sar_width = c->sar_num;
		seq.sar_height = c->sar_den;
	}
	vaapi_buffer_add(s, VAEncSequenceParameterBufferType, &seq, sizeof(seq));
}

static VAPictureHEVC no_picture(void)
{
	return (VAPictureHEVC){
		.picture_id = VA_INVALID_SURFACE, .flags = VA_PICTURE_HEVC_INVALID,
	};
}

static VAPictureHEVC a_reference(const struct vaapi_reference *r, uint32_t flags)
{
	return (VAPictureHEVC){
		.picture_id = r->surface, .pic_order_cnt = (int32_t)r->number, .flags = flags,
	};
}

static VAPictureHEVC past(const struct vaapi_picture *p)
{
	return p->key ? no_picture() : a_reference(&p->past, VA_PICTURE_HEVC_RPS_ST_CURR_BEFORE);
}

static VAPictureHEVC future(const struct vaapi_picture *p)
{
	return p->b ? a_reference(&p->future, VA_PICTURE_HEVC_RPS_ST_CURR_AFTER) : no_picture();
}

/* Nothing in an upper layer refers to another of it, so decoders may go up at each. */
static uint32_t nal_type(const struct vaapi_picture *p)
{
	return p->key ? TYPE_IDR : p->reference ? TYPE_TRAIL_R : p->layer ? TYPE_TSA_N :
	       TYPE_TRAIL_N;
}

static bool is_b(const struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	return p->b || (!p->key && s->point->only_b);
}

static uint32_t slice_type(const struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	return p->key ? SLICE_I : is_b(s, p) ? SLICE_B : SLICE_P;
}

static int qp_delta(const struct vaapi_picture *p)
{
	return p->qp < 0 ? 0 : p->qp - VAAPI_QP_DEFAULT;
}

static void picture_add(struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	struct tools t = tools_of(s);
	VAEncPictureParameterBufferHEVC pic = {
		.decoded_curr_pic = {
			.picture_id = p->recon, .pic_order_cnt = (int32_t)p->number,
		},
		.coded_buf = s->coded,
		.collocated_ref_pic_index = p->key || !t.temporal_mvp ? NO_COLLOCATED : 0,
		.pic_init_qp = VAAPI_QP_DEFAULT,
		.nal_unit_type = (uint8_t)nal_type(p),
		.pic_fields.bits = {
			.idr_pic_flag = p->key,
			.coding_type = p->key ? CODING_I : p->b ? CODING_B : CODING_P,
			.reference_pic_flag = p->reference,
			.sign_data_hiding_enabled_flag = t.sign_hiding,
			.transform_skip_enabled_flag = t.transform_skip,
			.cu_qp_delta_enabled_flag = t.qp_delta,
		},
		.hierarchical_level_plus1 = (uint8_t)(upper_layers(s) ? p->layer + 1 : 0),
	};

	for (size_t i = 0; i < sizeof(pic.reference_frames) / sizeof(pic.reference_frames[0]); i++)
		pic.reference_frames[i] = i > 1 ? no_picture() : i ? future(p) : past(p);
	vaapi_buffer_add(s, VAEncPictureParameterBufferType, &pic, sizeof(pic));
}

static void slice_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			const struct vaapi_picture *p)
{
	uint32_t type = slice_type(s, p);
	struct tools t = tools_of(s);

	vaapi_bits_put(b, 1, 1);		/* first_slice_segment_in_pic_flag */
	if (p->key)
		vaapi_bits_put(b, 1, 0);	/* no_output_of_prior_pics_flag */
	vaapi_bits_ue(b, 0);			/* slice_pic_parameter_set_id */
	vaapi_bits_ue(b, type);
	if (!p->key) {
		vaapi_bits_put(b, LOG2_POC_LSB, p->number % (1U << LOG2_POC_LSB));
		vaapi_bits_put(b, 1, 0);	/* short_term_ref_pic_set_sps_flag */
		vaapi_bits_ue(b, 1);		/* num_negative_pics */
		vaapi_bits_ue(b, p->b);		/* num_positive_pics */
		vaapi_bits_ue(b, p->number - p->past.number - 1);
		vaapi_bits_put(b, 1, 1);	/* used_by_curr_pic_s0_flag */
		if (p->b) {
			vaapi_bits_ue(b, p->future.number - p->number - 1);
			vaapi_bits_put(b, 1, 1); /* used_by_curr_pic_s1_flag */
		}
		if (t.temporal_mvp)
			vaapi_bits_put(b, 1, 1); /* slice_temporal_mvp_enabled_flag */
	}
	if (t.sao)
		vaapi_bits_put(b, 2, 3);	/* slice_sao_luma_flag, slice_sao_chroma_flag */
	if (!p->key) {
		vaapi_bits_put(b, 1, 0);	/* num_ref_idx_active_override_flag */
		if (type == SLICE_B)
			vaapi_bits_put(b, 1, 0); /* mvd_l1_zero_flag */
		if (type == SLICE_B && t.temporal_mvp)
			vaapi_bits_put(b, 1, 1); /* collocated_from_l0_flag */
		vaapi_bits_ue(b, 5 - MERGE_CANDIDATES);
	}
	vaapi_bits_se(b, qp_delta(p));
}

static void slice_add(struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	struct tools t = tools_of(s);
	uint32_t ctb = 1U << t.log2_ctb;
	VAEncSliceParameterBufferHEVC slice = {
		.num_ctu_in_slice = ((s->width + ctb - 1) >> t.log2_ctb) *
				    ((s->height + ctb - 1) >> t.log2_ctb),
		.slice_type = (uint8_t)slice_type(s, p),
		.max_num_merge_cand = MERGE_CANDIDATES,
		.slice_qp_delta = (int8_t)qp_delta(p),
		.slice_fields.bits = {
			.last_slice_of_pic_flag = 1,
			.slice_temporal_mvp_enabled_flag = !p->key && t.temporal_mvp,
			.slice_sao_luma_flag = t.sao,
			.slice_sao_chroma_flag = t.sao,
			.collocated_from_l0_flag = !p->key && t.temporal_mvp,
		},
	};
	struct vaapi_bits b = { 0 };

	for (size_t i = 0; i < sizeof(slice.ref_pic_list0) / sizeof(slice.ref_pic_list0[0]); i++) {
		slice.ref_pic_list0[i] = i ? no_picture() : past(p);
		slice.ref_pic_list1[i] = i || !is_b(s, p) ? no_picture() :
					 p->b ? future(p) : past(p);
	}
	if (s->point->packed & VA_ENC_PACKED_HEADER_SLICE) {
		slice_write(&b, s, p);
		vaapi_header_add(s, VAEncPackedHeaderHEVC_Slice, NAL_OF(nal_type(p), p->layer), 2,
				 &b);
	}
	vaapi_buffer_add(s, VAEncSliceParameterBufferType, &slice, sizeof(slice));
}

/* One packed header of the type Sequence: both sets, one after the other. */
static void sequence_add(struct hvcal_engine_stream *s)
{
	struct vaapi_bits vps = { 0 }, sps = { 0 };
	uint8_t data[2 * (8 + VAAPI_HEADER_MAX * 3 / 2)];
	uint32_t bits;

	vps_write(&vps, s);
	sps_write(&sps, s);
	bits = vaapi_nal_write(data, NAL(TYPE_VPS), 2, vps.data, vps.count);
	bits += vaapi_nal_write(data + bits / 8, NAL(TYPE_SPS), 2, sps.data, sps.count);
	vaapi_packed_add(s, VAEncPackedHeaderHEVC_SPS, data, bits, true);
}

static void picture(struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const uint8_t *sei, size_t sei_len)
{
	struct vaapi_bits pps = { 0 };

	picture_add(s, p);
	if (p->key && s->point->packed & VA_ENC_PACKED_HEADER_SEQUENCE)
		sequence_add(s);
	if (p->key && s->point->packed & VA_ENC_PACKED_HEADER_PICTURE) {
		pps_write(&pps, s);
		vaapi_header_add(s, VAEncPackedHeaderHEVC_PPS, NAL(TYPE_PPS), 2, &pps);
	}
	if (sei)
		vaapi_packed_add(s, VAEncPackedHeaderRawData, sei, (uint32_t)sei_len * 8, true);
	slice_add(s, p);
}

static bool is_slice(uint8_t header)
{
	return header >> 1 < TYPE_VPS;
}

/* Ticks are pictures. */
static void timing_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			 const struct vaapi_picture *p)
{
	struct vaapi_bits period = { 0 }, timing = { 0 };

	if (p->key) {
		vaapi_bits_ue(&period, 0);	/* bp_seq_parameter_set_id */
		vaapi_bits_put(&period, 2, 0);	/* no other delays, no concatenation */
		vaapi_hrd_delay_write(&period, 0); /* au_cpb_removal_delay_delta_minus1 */
		vaapi_hrd_initial_write(&period, &s->hrd);
		vaapi_sei_message(b, VAAPI_SEI_PERIOD, &period);
	}
	vaapi_hrd_delay_write(&timing, p->coded ? p->coded - 1 : 0);
	vaapi_hrd_delay_write(&timing, vaapi_hrd_output_delay(s, p));
	vaapi_sei_message(b, VAAPI_SEI_TIMING, &timing);
}

static int metadata(const struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const struct hvcal_engine_job *job, uint8_t **data, size_t *len)
{
	struct vaapi_bits timing = { 0 };

	if (s->hrd.there)
		timing_write(&timing, s, p);
	return vaapi_sei_make(&s->config, job, p->key, &timing, NAL(TYPE_SEI), 2, data, len);
}

static size_t metadata_place(const uint8_t *packet, size_t len)
{
	return vaapi_nal_before_slice(packet, len, is_slice);
}

const struct vaapi_codec vaapi_hevc = {
	.codec = HVCAL_CODEC_HEVC,
	.block = BLOCK,
	.max_slices = 1,
	.prepare = prepare,
	.sequence = sequence,
	.picture = picture,
	.metadata = metadata,
	.metadata_place = metadata_place,
	.metadata_raw = true,
	.qp_max = VAAPI_QP_MAX,
	.qp_default = VAAPI_QP_DEFAULT,
	.rois = true,
	.bframes = true,
	.hrd = true,
};
