// SPDX-License-Identifier: MIT
/* The uncompressed header of VP9, read and written. */
#include <stdlib.h>

#include "vp9.h"

#define SYNC_CODE 0x498342
#define RGB 7

/* ---- reading ---- */

static void size_read(struct vp9_header *h, struct reader *r, bool *good)
{
	h->width = read_u(r, 16) + 1;
	h->height = read_u(r, 16) + 1;
	*good &= !read_u(r, 1);		/* shown in another size */
}

static void key_read(struct vp9_header *h, struct reader *r, bool *good)
{
	*good &= read_u(r, 24) == SYNC_CODE;
	h->depth = h->profile < 2 ? 8 : read_u(r, 1) ? 12 : 10;
	h->colour_space = read_u(r, 3);
	h->full_range = read_u(r, 1);
	*good &= h->colour_space != RGB;
	h->refresh = 0xff;
	size_read(h, r, good);
}

static void inter_read(struct vp9_header *h, struct reader *r, bool *good)
{
	if (!h->show)
		*good &= !read_u(r, 1);	/* intra_only */
	if (!h->error_resilient)
		*good &= !read_u(r, 2);	/* contexts are kept */
	h->refresh = read_u(r, 8);
	for (int i = 0; i < 3; i++) {
		h->refs[i] = read_u(r, 3);
		h->bias[i] = read_u(r, 1);
	}
	*good &= !read_u(r, 3);		/* the size is written */
	size_read(h, r, good);
	h->high_precision = read_u(r, 1);
	*good &= !read_u(r, 1);		/* one filter for all */
	h->filter_type = read_u(r, 2);
}

static int32_t delta_read(struct reader *r, unsigned int bits)
{
	int32_t value;

	if (!read_u(r, 1))
		return 0;
	value = (int32_t)read_u(r, bits);
	return read_u(r, 1) ? -value : value;
}

static void filter_read(struct vp9_header *h, struct reader *r, bool *good)
{
	h->at_filter_level = r->at;
	h->filter_level = read_u(r, 6);
	h->sharpness = read_u(r, 3);
	*good &= read_u(r, 2) == 3;	/* all deltas are written */
	h->at_ref_deltas = r->at;
	for (int i = 0; i < 4; i++)
		h->ref_deltas[i] = delta_read(r, 6);
	h->at_mode_deltas = r->at;
	for (int i = 0; i < 2; i++)
		h->mode_deltas[i] = delta_read(r, 6);
}

static void tiles_read(struct vp9_header *h, struct reader *r)
{
	uint32_t blocks = (h->width + 63) / 64, max = 1;

	while (64U << h->log2_tile_columns < blocks)
		h->log2_tile_columns++;
	while (blocks >> max >= 4)
		max++;
	while (h->log2_tile_columns < max - 1 && read_u(r, 1))
		h->log2_tile_columns++;
	h->log2_tile_rows = read_u(r, 1) ? 1 + read_u(r, 1) : 0;
}

/* Quantisers alone, as differences, and a map in each picture. */
static void segments_read(struct vp9_header *h, struct reader *r, bool *good)
{
	if (!read_u(r, 1))
		return;
	h->segments = 8;
	*good &= read_u(r, 1);		/* segmentation_update_map */
	*good &= !read_u(r, 7);		/* of default probabilities */
	*good &= !read_u(r, 1);		/* segmentation_temporal_update */
	*good &= read_u(r, 2) == 2;	/* new data, not absolute */
	for (int i = 0; i < 8; i++) {
		h->deltas[i] = delta_read(r, 8);
		*good &= !read_u(r, 3);
	}
}

bool vp9_header_read(struct vp9_header *h, const uint8_t *data, size_t bytes)
{
	struct reader r = { .data = data, .count = bytes * 8 };
	bool good = read_u(&r, 2) == 2;

	*h = (struct vp9_header){ 0 };
	h->profile = read_u(&r, 1);
	h->profile |= read_u(&r, 1) << 1;
	good &= h->profile == 0 || h->profile == 2;
	good &= !read_u(&r, 1);		/* show_existing_frame */
	h->inter = read_u(&r, 1);
	h->show = read_u(&r, 1);
	h->error_resilient = read_u(&r, 1);
	if (h->inter)
		inter_read(h, &r, &good);
	else
		key_read(h, &r, &good);
	if (!h->error_resilient) {
		h->refresh_context = read_u(&r, 1);
		h->parallel = read_u(&r, 1);
	}
	h->context = read_u(&r, 2);
	filter_read(h, &r, &good);
	h->at_qindex = r.at;
	h->qindex = read_u(&r, 8);
	for (int i = 0; i < 3; i++)
		good &= !delta_read(&r, 4);
	h->at_segmentation = r.at;
	segments_read(h, &r, &good);
	h->end_segmentation = r.at;
	tiles_read(h, &r);
	h->at_first_size = r.at;
	h->first_size = read_u(&r, 16);
	h->end = r.at;
	return good && !r.over;
}

/* ---- writing ---- */

static void size_write(struct bits *b, const VAEncPictureParameterBufferVP9 *pic)
{
	bits_put(b, pic->frame_width_dst - 1, 16);
	bits_put(b, pic->frame_height_dst - 1, 16);
	bits_put(b, 0, 1);
}

static void inter_write(struct bits *b, const VAEncPictureParameterBufferVP9 *pic)
{
	static const uint32_t filters[] = { 1, 0, 2, 3 };

	bits_put(b, 0, 2);
	bits_put(b, pic->refresh_frame_flags, 8);
	bits_put(b, pic->ref_flags.bits.ref_last_idx * 2U + pic->ref_flags.bits.ref_last_sign_bias, 4);
	bits_put(b, pic->ref_flags.bits.ref_gf_idx * 2U + pic->ref_flags.bits.ref_gf_sign_bias, 4);
	bits_put(b, pic->ref_flags.bits.ref_arf_idx * 2U + pic->ref_flags.bits.ref_arf_sign_bias, 4);
	bits_put(b, 0, 3);
	size_write(b, pic);
	bits_put(b, pic->pic_flags.bits.allow_high_precision_mv, 1);
	bits_put(b, filters[pic->pic_flags.bits.mcomp_filter_type & 3], 3);
}

static void segments_write(struct bits *b, const VAEncPictureParameterBufferVP9 *pic,
			   const VAEncMiscParameterTypeVP9PerSegmantParam *segments)
{
	bits_put(b, pic->pic_flags.bits.segmentation_enabled, 1);
	if (!pic->pic_flags.bits.segmentation_enabled)
		return;
	bits_put(b, pic->pic_flags.bits.segmentation_update_map, 1);
	bits_put(b, 0, 8);
	bits_put(b, 2, 2);
	for (int i = 0; i < 8; i++) {
		int delta = segments->seg_data[i].segment_qindex_delta;

		bits_put(b, 1, 1);
		bits_put(b, (uint32_t)abs(delta), 8);
		bits_put(b, delta < 0 ? 8 : 0, 4);	/* its sign, and no other feature */
	}
}

void vp9_header_write(struct bits *b, const VAEncPictureParameterBufferVP9 *pic,
		      const VAEncMiscParameterTypeVP9PerSegmantParam *segments, uint32_t profile)
{
	uint32_t blocks = (pic->frame_width_dst + 63) / 64;

	bits_put(b, 2, 2);
	bits_put(b, profile & 1, 1);
	bits_put(b, profile & 2, 2);	/* and show_existing_frame */
	bits_put(b, pic->pic_flags.bits.frame_type, 1);
	bits_put(b, pic->pic_flags.bits.show_frame, 1);
	bits_put(b, pic->pic_flags.bits.error_resilient_mode, 1);
	if (pic->pic_flags.bits.frame_type) {
		inter_write(b, pic);
	} else {
		bits_put(b, SYNC_CODE, 24);
		bits_put(b, 0, profile == 2 ? 5 : 4);
		size_write(b, pic);
	}
	bits_put(b, pic->pic_flags.bits.refresh_frame_context, 1);
	bits_put(b, pic->pic_flags.bits.frame_parallel_decoding_mode, 1);
	bits_put(b, pic->pic_flags.bits.frame_context_idx, 2);
	bits_put(b, pic->filter_level, 6);
	bits_put(b, pic->sharpness_level, 3);
	bits_put(b, 3, 2);
	bits_put(b, 0, 6);		/* and no delta is another */
	bits_put(b, pic->luma_ac_qindex, 8);
	bits_put(b, 0, 3);
	segments_write(b, pic, segments);
	if (blocks >= 8)
		bits_put(b, 0, 1);
	bits_put(b, 0, 1);
	bits_put(b, 0, 16);
	bits_align(b, 0);
}
