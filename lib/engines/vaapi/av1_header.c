// SPDX-License-Identifier: MIT
/* Sequence and frame headers of AV1. */
#include "av1.h"

#define TILE_WIDTH_MAX 64	/* superblocks */
#define TILE_AREA_MAX (4096 * 2304 / AV1_SUPERBLOCK / AV1_SUPERBLOCK)
#define TILES_MAX 64		/* each way */
#define UNSPECIFIED 2		/* of ITU-T H.273 */
#define TIER_LEVEL 7		/* from the next one on, there are tiers */

/* ---- tiles ---- */

static uint32_t log2_reaching(uint32_t size, uint32_t target)
{
	uint32_t n = 0;

	while (((uint64_t)size << n) < target)
		n++;
	return n;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

struct av1_tiles vaapi_av1_tiles(uint32_t width, uint32_t height)
{
	uint32_t cols = (width + AV1_SUPERBLOCK - 1) / AV1_SUPERBLOCK;
	uint32_t rows = (height + AV1_SUPERBLOCK - 1) / AV1_SUPERBLOCK;
	uint32_t all = log2_reaching(TILE_AREA_MAX, cols * rows);
	struct av1_tiles t = {
		.min_cols_log2 = log2_reaching(TILE_WIDTH_MAX, cols),
		.max_cols_log2 = log2_reaching(1, least(cols, TILES_MAX)),
		.max_rows_log2 = log2_reaching(1, least(rows, TILES_MAX)),
		.all_cols = cols,
		.all_rows = rows,
	};

	t.cols_log2 = t.min_cols_log2;
	t.min_rows_log2 = all > t.cols_log2 ? all - t.cols_log2 : 0;
	t.rows_log2 = t.min_rows_log2;
	t.width = (cols + (1U << t.cols_log2) - 1) >> t.cols_log2;
	t.height = (rows + (1U << t.rows_log2) - 1) >> t.rows_log2;
	t.cols = (cols + t.width - 1) / t.width;
	t.rows = (rows + t.height - 1) / t.height;
	return t;
}

static void tiles_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	struct av1_tiles t = vaapi_av1_tiles(s->config.width, s->config.height);

	vaapi_bits_put(b, 1, 1);		/* uniform_tile_spacing_flag */
	if (t.cols_log2 < t.max_cols_log2)
		vaapi_bits_put(b, 1, 0);	/* increment_tile_cols_log2 */
	if (t.rows_log2 < t.max_rows_log2)
		vaapi_bits_put(b, 1, 0);	/* increment_tile_rows_log2 */
	if (t.cols_log2 + t.rows_log2) {
		vaapi_bits_put(b, t.cols_log2 + t.rows_log2, 0); /* context_update_tile_id */
		vaapi_bits_put(b, 2, s->point->av1.bits.tile_size_bytes_minus1);
	}
}

/* ---- OBUs ---- */

static uint32_t size_bytes(const struct hvcal_engine_stream *s)
{
	return s->point->av1.bits.obu_size_bytes_minus1 + 1;
}

/* Of as many bytes for the size as the driver expects; the size comes in the end. */
static void obu_begin(struct vaapi_bits *b, const struct hvcal_engine_stream *s, uint32_t type)
{
	vaapi_bits_put(b, 8, type << 3 | 2);
	b->count += 8 * size_bytes(s);
}

static void obu_end(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	uint32_t n = size_bytes(s), size;

	vaapi_bits_end(b);
	size = b->count / 8 - 1 - n;
	for (uint32_t i = 0; i < n; i++)
		b->data[1 + i] = (uint8_t)((size >> 7 * i & 127) | (i + 1 < n ? 128 : 0));
}

/* ---- the sequence header ---- */

static uint32_t or_unspecified(uint32_t value)
{
	return value ? value : UNSPECIFIED;
}

static void colour_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	bool colour = c->primaries || c->transfer || c->matrix;

	vaapi_bits_put(b, 1, s->depth == 10);	/* high_bitdepth */
	vaapi_bits_put(b, 1, 0);		/* mono_chrome */
	vaapi_bits_put(b, 1, colour);
	if (colour) {
		vaapi_bits_put(b, 8, or_unspecified(c->primaries));
		vaapi_bits_put(b, 8, or_unspecified(c->transfer));
		vaapi_bits_put(b, 8, or_unspecified(c->matrix));
	}
	vaapi_bits_put(b, 1, !!(c->flags & HVCAL_CONFIG_FULL_RANGE));
	vaapi_bits_put(b, 2, 0);		/* chroma_sample_position: unknown */
	vaapi_bits_put(b, 1, 0);		/* separate_uv_delta_q */
}

void vaapi_av1_sequence_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s)
{
	uint32_t width_bits = log2_reaching(1, s->config.width);
	uint32_t height_bits = log2_reaching(1, s->config.height);

	obu_begin(b, s, AV1_OBU_SEQUENCE);
	vaapi_bits_put(b, 3, s->point->profile->idc);
	vaapi_bits_put(b, 2, 0);		/* not a still picture */
	vaapi_bits_put(b, 1, 0);		/* timing_info_present_flag */
	vaapi_bits_put(b, 1, 0);		/* initial_display_delay_present_flag */
	vaapi_bits_put(b, 5, 0);		/* operating_points_cnt_minus_1 */
	vaapi_bits_put(b, 12, 0);		/* operating_point_idc */
	vaapi_bits_put(b, 5, s->level);
	if (s->level > TIER_LEVEL)
		vaapi_bits_put(b, 1, 0);	/* seq_tier */
	vaapi_bits_put(b, 4, width_bits - 1);
	vaapi_bits_put(b, 4, height_bits - 1);
	vaapi_bits_put(b, width_bits, s->config.width - 1);
	vaapi_bits_put(b, height_bits, s->config.height - 1);
	vaapi_bits_put(b, 1, 0);		/* frame_id_numbers_present_flag */
	vaapi_bits_put(b, 1, 0);		/* use_128x128_superblock */
	vaapi_bits_put(b, 2, 0);		/* neither intra filters nor edge filters */
	vaapi_bits_put(b, 4, 0);		/* no compounds, warps, dual filters */
	vaapi_bits_put(b, 1, 1);		/* enable_order_hint */
	vaapi_bits_put(b, 2, 0);		/* enable_jnt_comp, enable_ref_frame_mvs */
	vaapi_bits_put(b, 2, 0);		/* no tools for screen content */
	vaapi_bits_put(b, 3, AV1_ORDER_HINT_BITS - 1);
	vaapi_bits_put(b, 1, 0);		/* enable_superres */
	vaapi_bits_put(b, 1, vaapi_av1_brc(s));	/* enable_cdef: drivers find its strengths */
	vaapi_bits_put(b, 1, 0);		/* enable_restoration */
	colour_write(b, s);
	vaapi_bits_put(b, 1, 0);		/* film_grain_params_present */
	obu_end(b, s);
}

/* ---- the frame header ---- */

static void references_write(struct vaapi_bits *b, const VAEncPictureParameterBufferAV1 *pic)
{
	vaapi_bits_put(b, 1, pic->picture_flags.bits.error_resilient_mode);
	vaapi_bits_put(b, 1, pic->picture_flags.bits.disable_cdf_update);
	vaapi_bits_put(b, 1, 0);		/* frame_size_override_flag */
	vaapi_bits_put(b, AV1_ORDER_HINT_BITS, pic->order_hint);
	vaapi_bits_put(b, 3, pic->primary_ref_frame);
	vaapi_bits_put(b, 8, pic->refresh_frame_flags);
	vaapi_bits_put(b, 1, 0);		/* frame_refs_short_signaling */
	for (int i = 0; i < AV1_REFS; i++)
		vaapi_bits_put(b, 3, pic->ref_frame_idx[i]);
	vaapi_bits_put(b, 1, 0);		/* render_and_frame_size_different */
	vaapi_bits_put(b, 1, pic->picture_flags.bits.allow_high_precision_mv);
	vaapi_bits_put(b, 1, 0);		/* is_filter_switchable */
	vaapi_bits_put(b, 2, pic->interpolation_filter);
	vaapi_bits_put(b, 1, 0);		/* is_motion_mode_switchable */
}

static void filters_write(struct vaapi_bits *b, VAEncPictureParameterBufferAV1 *pic, bool cdef)
{
	pic->bit_offset_loopfilter_params = b->count;
	vaapi_bits_put(b, 6, pic->filter_level[0]);
	vaapi_bits_put(b, 6, pic->filter_level[1]);
	if (pic->filter_level[0] || pic->filter_level[1]) {
		vaapi_bits_put(b, 6, pic->filter_level_u);
		vaapi_bits_put(b, 6, pic->filter_level_v);
	}
	vaapi_bits_put(b, 3, pic->loop_filter_flags.bits.sharpness_level);
	vaapi_bits_put(b, 1, 0);		/* loop_filter_delta_enabled */
	pic->bit_offset_cdef_params = b->count;
	if (cdef) {
		vaapi_bits_put(b, 2, pic->cdef_damping_minus_3);
		vaapi_bits_put(b, 2, pic->cdef_bits);
		vaapi_bits_put(b, 6, pic->cdef_y_strengths[0]);
		vaapi_bits_put(b, 6, pic->cdef_uv_strengths[0]);
	}
	pic->size_in_bits_cdef_params = b->count - pic->bit_offset_cdef_params;
}

/* Quantisers of segments alone, anew in each picture that has any. */
static void segments_write(struct vaapi_bits *b, const VAEncPictureParameterBufferAV1 *pic, bool key)
{
	const VAEncSegParamAV1 *s = &pic->segments;

	vaapi_bits_put(b, 1, s->seg_flags.bits.segmentation_enabled);
	if (!s->seg_flags.bits.segmentation_enabled)
		return;
	/* without a reference that distributions come from, all is written anyway */
	if (!key)
		vaapi_bits_put(b, 3, 5);	/* update of the map, not by time; of the data */
	for (uint32_t i = 0; i < VA_AV1_MAX_SEGMENTS; i++) {
		vaapi_bits_put(b, 1, s->feature_mask[i]);
		if (s->feature_mask[i])
			vaapi_bits_put(b, 9, (uint32_t)s->feature_data[i][0] & 0x1ff);
		vaapi_bits_put(b, 7, 0);	/* neither filters, references nor skip */
	}
}

/* Drivers look at these only if the rate is theirs. */
static void offsets_forget(VAEncPictureParameterBufferAV1 *pic)
{
	pic->bit_offset_qindex = 0;
	pic->bit_offset_loopfilter_params = 0;
	pic->bit_offset_cdef_params = 0;
	pic->size_in_bits_cdef_params = 0;
}

void vaapi_av1_frame_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			   VAEncPictureParameterBufferAV1 *pic)
{
	bool key = !pic->picture_flags.bits.frame_type;

	obu_begin(b, s, AV1_OBU_FRAME_HEADER);
	vaapi_bits_put(b, 1, 0);		/* show_existing_frame */
	vaapi_bits_put(b, 2, pic->picture_flags.bits.frame_type);
	vaapi_bits_put(b, 1, 1);		/* show_frame */
	if (key) {
		vaapi_bits_put(b, 1, pic->picture_flags.bits.disable_cdf_update);
		vaapi_bits_put(b, 1, 0);	/* frame_size_override_flag */
		vaapi_bits_put(b, AV1_ORDER_HINT_BITS, pic->order_hint);
		vaapi_bits_put(b, 1, 0);	/* render_and_frame_size_different */
	} else {
		references_write(b, pic);
	}
	vaapi_bits_put(b, 1, pic->picture_flags.bits.disable_frame_end_update_cdf);
	tiles_write(b, s);
	pic->bit_offset_qindex = b->count;
	vaapi_bits_put(b, 8, pic->base_qindex);
	vaapi_bits_put(b, 3, 0);		/* no deltas of it */
	vaapi_bits_put(b, 1, 0);		/* using_qmatrix */
	segments_write(b, pic, key);
	if (pic->base_qindex) {
		vaapi_bits_put(b, 1, 0);	/* delta_q_present */
		filters_write(b, pic, vaapi_av1_brc(s));
		vaapi_bits_put(b, 1, pic->mode_control_flags.bits.tx_mode == AV1_TX_SELECT);
	}
	if (!key)
		vaapi_bits_put(b, 1, 0);	/* reference_select */
	vaapi_bits_put(b, 1, pic->picture_flags.bits.reduced_tx_set);
	if (!key)
		vaapi_bits_put(b, AV1_REFS, 0);	/* no global motion */
	obu_end(b, s);
	if (vaapi_av1_brc(s))
		pic->size_in_bits_frame_hdr_obu = b->count;
	else
		offsets_forget(pic);
}
