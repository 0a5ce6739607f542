// SPDX-License-Identifier: MIT
/* Headers of a driver that takes none: from the parameters alone. */
#include "hevc.h"

enum { SLICE_B, SLICE_P, SLICE_I };

static void profile_put(struct bits *b, const struct hevc_job *j)
{
	uint32_t idc = j->seq->general_profile_idc;

	bits_put(b, j->seq->general_tier_flag, 3);
	bits_put(b, idc, 5);
	bits_put(b, 1U << (31 - idc) | 1U << 29, 32);
	bits_put(b, 9, 4);
	bits_put(b, 0, 32);
	bits_put(b, 0, 12);
	bits_put(b, j->seq->general_level_idc, 8);
	if (j->seq->seq_fields.bits.hierachical_flag)
		bits_put(b, 0, 16);
}

static void buffering_put(struct bits *b, const struct hevc_job *j)
{
	bool reorders = j->seq->ip_period > 1;

	bits_put(b, 0, 1);
	bits_ue(b, reorders ? 2 : 1);
	bits_ue(b, reorders);
	bits_ue(b, 0);
}

static void end(struct bits *b)
{
	bits_put(b, 1, 1);
	bits_align(b, 0);
}

void hevc_vps_write(struct bits *b, const struct hevc_job *j)
{
	bits_put(b, 32 << 9 | 1, 16);
	/* number 0, base layer, one layer, nesting */
	bits_put(b, 0x0c01 | j->seq->seq_fields.bits.hierachical_flag * 2U, 16);
	bits_put(b, 0xffff, 16);
	profile_put(b, j);
	buffering_put(b, j);
	bits_put(b, 0, 6);
	bits_ue(b, 0);
	bits_put(b, 0, 2);		/* no timing, no extension */
	end(b);
}

void hevc_sps_write(struct bits *b, const struct hevc_job *j)
{
	const VAEncSequenceParameterBufferHEVC *s = j->seq;
	uint32_t right = j->raw.width - j->visible_width, below = j->raw.height - j->visible_height;

	bits_put(b, 33 << 9 | 1, 16);
	bits_put(b, 1 | j->seq->seq_fields.bits.hierachical_flag * 2U, 8);
	profile_put(b, j);
	bits_ue(b, 0);
	bits_ue(b, s->seq_fields.bits.chroma_format_idc);
	bits_ue(b, s->pic_width_in_luma_samples);
	bits_ue(b, s->pic_height_in_luma_samples);
	bits_put(b, right || below, 1);
	if (right || below) {
		bits_ue(b, 0);
		bits_ue(b, right / 2);
		bits_ue(b, 0);
		bits_ue(b, below / 2);
	}
	bits_ue(b, s->seq_fields.bits.bit_depth_luma_minus8);
	bits_ue(b, s->seq_fields.bits.bit_depth_chroma_minus8);
	bits_ue(b, 4);
	buffering_put(b, j);
	bits_ue(b, s->log2_min_luma_coding_block_size_minus3);
	bits_ue(b, s->log2_diff_max_min_luma_coding_block_size);
	bits_ue(b, s->log2_min_transform_block_size_minus2);
	bits_ue(b, s->log2_diff_max_min_transform_block_size);
	bits_ue(b, s->max_transform_hierarchy_depth_inter);
	bits_ue(b, s->max_transform_hierarchy_depth_intra);
	bits_put(b, 0, 1);
	bits_put(b, s->seq_fields.bits.amp_enabled_flag, 1);
	bits_put(b, s->seq_fields.bits.sample_adaptive_offset_enabled_flag, 1);
	bits_put(b, s->seq_fields.bits.pcm_enabled_flag, 1);
	if (s->seq_fields.bits.pcm_enabled_flag) {
		bits_put(b, s->pcm_sample_bit_depth_luma_minus1, 4);
		bits_put(b, s->pcm_sample_bit_depth_chroma_minus1, 4);
		bits_ue(b, s->log2_min_pcm_luma_coding_block_size_minus3);
		bits_ue(b, s->log2_max_pcm_luma_coding_block_size_minus3 -
			   s->log2_min_pcm_luma_coding_block_size_minus3);
		bits_put(b, s->seq_fields.bits.pcm_loop_filter_disabled_flag, 1);
	}
	bits_ue(b, 0);
	bits_put(b, 0, 1);
	bits_put(b, s->seq_fields.bits.sps_temporal_mvp_enabled_flag, 1);
	bits_put(b, s->seq_fields.bits.strong_intra_smoothing_enabled_flag, 1);
	bits_put(b, 0, 2);		/* no VUI, no extension */
	end(b);
}

void hevc_pps_write(struct bits *b, const struct hevc_job *j)
{
	const VAEncPictureParameterBufferHEVC *p = j->pic;

	bits_put(b, 34 << 9 | 1, 16);
	bits_ue(b, 0);
	bits_ue(b, 0);
	bits_put(b, 0, 5);
	bits_put(b, p->pic_fields.bits.sign_data_hiding_enabled_flag, 1);
	bits_put(b, 0, 1);
	bits_ue(b, p->num_ref_idx_l0_default_active_minus1);
	bits_ue(b, p->num_ref_idx_l1_default_active_minus1);
	bits_se(b, p->pic_init_qp - 26);
	bits_put(b, p->pic_fields.bits.constrained_intra_pred_flag, 1);
	bits_put(b, p->pic_fields.bits.transform_skip_enabled_flag, 1);
	bits_put(b, p->pic_fields.bits.cu_qp_delta_enabled_flag, 1);
	if (p->pic_fields.bits.cu_qp_delta_enabled_flag)
		bits_ue(b, p->diff_cu_qp_delta_depth);
	bits_se(b, p->pps_cb_qp_offset);
	bits_se(b, p->pps_cr_qp_offset);
	bits_put(b, 0, 6);
	bits_put(b, p->pic_fields.bits.pps_loop_filter_across_slices_enabled_flag, 1);
	bits_put(b, 0, 3);
	bits_ue(b, p->log2_parallel_merge_level_minus2);
	bits_put(b, 0, 2);
	end(b);
}

void hevc_slice_write(struct bits *b, const struct hevc_job *j)
{
	const VAEncPictureParameterBufferHEVC *p = j->pic;
	const VAEncSliceParameterBufferHEVC *s = j->slice;
	int32_t poc = p->decoded_curr_pic.pic_order_cnt;

	bits_put(b, p->nal_unit_type * 512U |
		    (p->hierarchical_level_plus1 ? p->hierarchical_level_plus1 : 1U), 16);
	bits_put(b, 1, 1);
	if (p->pic_fields.bits.idr_pic_flag)
		bits_put(b, 0, 1);
	bits_ue(b, s->slice_pic_parameter_set_id);
	bits_ue(b, s->slice_type);
	if (!p->pic_fields.bits.idr_pic_flag) {
		bits_put(b, (uint32_t)poc & 0xff, 8);
		bits_put(b, 0, 1);
		bits_ue(b, 1);
		bits_ue(b, !!j->future);
		bits_ue(b, (uint32_t)(poc - p->reference_frames[0].pic_order_cnt) - 1);
		bits_put(b, 1, 1);
		if (j->future) {
			bits_ue(b, (uint32_t)(p->reference_frames[1].pic_order_cnt - poc) - 1);
			bits_put(b, 1, 1);
		}
		if (j->seq->seq_fields.bits.sps_temporal_mvp_enabled_flag)
			bits_put(b, s->slice_fields.bits.slice_temporal_mvp_enabled_flag, 1);
	}
	if (j->seq->seq_fields.bits.sample_adaptive_offset_enabled_flag) {
		bits_put(b, s->slice_fields.bits.slice_sao_luma_flag, 1);
		bits_put(b, s->slice_fields.bits.slice_sao_chroma_flag, 1);
	}
	if (s->slice_type != SLICE_I) {
		bits_put(b, 0, 1);
		if (s->slice_type == SLICE_B)
			bits_put(b, s->slice_fields.bits.mvd_l1_zero_flag, 1);
		if (s->slice_type == SLICE_B && s->slice_fields.bits.slice_temporal_mvp_enabled_flag)
			bits_put(b, s->slice_fields.bits.collocated_from_l0_flag, 1);
		bits_ue(b, 5U - s->max_num_merge_cand);
	}
	bits_se(b, j->qp - p->pic_init_qp);
	if (p->pic_fields.bits.pps_loop_filter_across_slices_enabled_flag)
		bits_put(b, s->slice_fields.bits.slice_loop_filter_across_slices_enabled_flag, 1);
}
