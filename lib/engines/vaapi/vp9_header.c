// SPDX-License-Identifier: MIT
/* The uncompressed header of VP9 frames. */
#include <stdlib.h>

#include "vp9.h"

#define MARKER 2
#define SYNC_CODE 0x498342
#define BLOCK 64
#define SEGMENTS 8

/* color_space, from the matrix of ITU-T H.273. */
static uint32_t colour_space(uint32_t matrix)
{
	switch (matrix) {
	case 1:
		return 2;
	case 5:
		return 1;
	case 6:
		return 3;
	case 7:
		return 4;
	case 9:
		return 5;
	default:
		return 0;
	}
}

static void size_write(struct vaapi_bits *b, const VAEncPictureParameterBufferVP9 *pic)
{
	vaapi_bits_put(b, 16, pic->frame_width_dst - 1);
	vaapi_bits_put(b, 16, pic->frame_height_dst - 1);
	vaapi_bits_put(b, 1, 0);		/* render_and_frame_size_different */
}

static void key_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
		      const VAEncPictureParameterBufferVP9 *pic)
{
	const struct hvcal_codec_config *c = &s->config;

	vaapi_bits_put(b, 24, SYNC_CODE);
	if (s->point->profile->idc == 2)
		vaapi_bits_put(b, 1, 0);	/* ten_or_twelve_bit */
	vaapi_bits_put(b, 3, colour_space(c->matrix));
	vaapi_bits_put(b, 1, !!(c->flags & HVCAL_CONFIG_FULL_RANGE));
	size_write(b, pic);
}

static void inter_write(struct vaapi_bits *b, const VAEncPictureParameterBufferVP9 *pic)
{
	vaapi_bits_put(b, 2, pic->pic_flags.bits.reset_frame_context);
	vaapi_bits_put(b, 8, pic->refresh_frame_flags);
	vaapi_bits_put(b, 3, pic->ref_flags.bits.ref_last_idx);
	vaapi_bits_put(b, 1, pic->ref_flags.bits.ref_last_sign_bias);
	vaapi_bits_put(b, 3, pic->ref_flags.bits.ref_gf_idx);
	vaapi_bits_put(b, 1, pic->ref_flags.bits.ref_gf_sign_bias);
	vaapi_bits_put(b, 3, pic->ref_flags.bits.ref_arf_idx);
	vaapi_bits_put(b, 1, pic->ref_flags.bits.ref_arf_sign_bias);
	vaapi_bits_put(b, 3, 0);		/* the size is of none of the references */
	size_write(b, pic);
	vaapi_bits_put(b, 1, pic->pic_flags.bits.allow_high_precision_mv);
	vaapi_bits_put(b, 1, 0);		/* is_filter_switchable */
	vaapi_bits_put(b, 2, 1);		/* raw_interpolation_filter: eight taps */
}

/* Deltas are all written, for the driver to change them. */
static void loop_filter_write(struct vaapi_bits *b, VAEncPictureParameterBufferVP9 *pic)
{
	pic->bit_offset_lf_level = (uint16_t)b->count;
	vaapi_bits_put(b, 6, pic->filter_level);
	vaapi_bits_put(b, 3, pic->sharpness_level);
	vaapi_bits_put(b, 2, 3);		/* loop_filter_delta_enabled and _update */
	pic->bit_offset_ref_lf_delta = (uint16_t)b->count;
	for (int i = 0; i < 4; i++)
		vaapi_bits_put(b, 8, 0x80);	/* it is updated: 0 */
	pic->bit_offset_mode_lf_delta = (uint16_t)b->count;
	for (int i = 0; i < 2; i++)
		vaapi_bits_put(b, 8, 0x80);
}

static void tiles_write(struct vaapi_bits *b, const VAEncPictureParameterBufferVP9 *pic)
{
	uint32_t blocks = (pic->frame_width_dst + BLOCK - 1) / BLOCK;

	/* written is what exceeds the least that the width asks for, and this is just that */
	if (blocks >> (pic->log2_tile_columns + 1) >= VP9_TILE_WIDTH_MIN / BLOCK)
		vaapi_bits_put(b, 1, 0);
	vaapi_bits_put(b, 1, 0);		/* tile_rows_log2 */
}

/* Quantisers of segments alone, anew in each picture that has any. */
static void segments_write(struct vaapi_bits *b, const struct vaapi_segments *segments,
			   VAEncPictureParameterBufferVP9 *pic)
{
	uint32_t from = b->count;

	vaapi_bits_put(b, 1, segments->count > 0);
	if (segments->count) {
		vaapi_bits_put(b, 1, 1);	/* segmentation_update_map */
		vaapi_bits_put(b, 7, 0);	/* the tree's probabilities are the default */
		vaapi_bits_put(b, 1, 0);	/* segmentation_temporal_update */
		vaapi_bits_put(b, 1, 1);	/* segmentation_update_data */
		vaapi_bits_put(b, 1, 0);	/* segmentation_abs_or_delta_update: differences */
	}
	for (uint32_t i = 0; i < SEGMENTS && segments->count; i++) {
		int delta = segments->delta[i];

		vaapi_bits_put(b, 1, delta != 0);
		if (delta) {
			vaapi_bits_put(b, 8, (uint32_t)abs(delta));
			vaapi_bits_put(b, 1, delta < 0);
		}
		vaapi_bits_put(b, 3, 0);	/* neither filter, reference nor skip */
	}
	pic->bit_offset_segmentation = (uint16_t)from;
	pic->bit_size_segmentation = (uint16_t)(b->count - from);
}

void vaapi_vp9_header_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			    const struct vaapi_segments *segments,
			    VAEncPictureParameterBufferVP9 *pic)
{
	uint32_t profile = s->point->profile->idc;

	vaapi_bits_put(b, 2, MARKER);
	vaapi_bits_put(b, 1, profile & 1);
	vaapi_bits_put(b, 1, profile >> 1);
	vaapi_bits_put(b, 1, 0);		/* show_existing_frame */
	vaapi_bits_put(b, 1, pic->pic_flags.bits.frame_type);
	vaapi_bits_put(b, 1, pic->pic_flags.bits.show_frame);
	vaapi_bits_put(b, 1, pic->pic_flags.bits.error_resilient_mode);
	if (pic->pic_flags.bits.frame_type)
		inter_write(b, pic);
	else
		key_write(b, s, pic);
	vaapi_bits_put(b, 1, pic->pic_flags.bits.refresh_frame_context);
	vaapi_bits_put(b, 1, pic->pic_flags.bits.frame_parallel_decoding_mode);
	vaapi_bits_put(b, 2, pic->pic_flags.bits.frame_context_idx);
	loop_filter_write(b, pic);
	pic->bit_offset_qindex = (uint16_t)b->count;
	vaapi_bits_put(b, 8, pic->luma_ac_qindex);
	vaapi_bits_put(b, 3, 0);		/* no deltas of it */
	segments_write(b, segments, pic);
	tiles_write(b, pic);
	pic->bit_offset_first_partition_size = (uint16_t)b->count;
	vaapi_bits_put(b, 16, 0);
}
