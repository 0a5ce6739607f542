// SPDX-License-Identifier: MIT
/* OBUs of AV1, read and written, as far as the tests need them. */
#include "av1.h"

enum { OBU_SEQUENCE = 1, OBU_FRAME_HEADER = 3 };

/* ---- reading ---- */

size_t av1_obu_read(const uint8_t *data, size_t len, uint32_t *type, struct reader *content)
{
	struct reader r = { .data = data, .count = len * 8 };
	size_t size = 0;
	bool good = !read_u(&r, 1);

	*type = read_u(&r, 4);
	good &= read_u(&r, 3) == 2;	/* no extension, a size */
	for (unsigned int i = 0, more = 1; i < 8 && more; i++) {
		more = read_u(&r, 1);
		size |= (size_t)read_u(&r, 7) << 7 * i;
	}
	*content = (struct reader){ .data = data, .at = r.at, .count = r.at + size * 8 };
	return good && !r.over && r.at / 8 + size <= len ? r.at / 8 + size : 0;
}

static bool trailing_good(struct reader *r)
{
	bool good = read_u(r, 1);

	while (r->at < r->count)
		good &= !read_u(r, 1);
	return good && !r->over;
}

static void colour_read(struct av1_sequence *s, struct reader *r, bool *good)
{
	s->depth = read_u(r, 1) ? 10 : 8;
	*good &= !read_u(r, 1);		/* mono_chrome */
	if (read_u(r, 1))
		read_u(r, 24);		/* colours: the decoder shows them */
	read_u(r, 1);
	*good &= !read_u(r, 2);		/* chroma_sample_position: unknown */
	*good &= !read_u(r, 1);		/* separate_uv_delta_q */
}

bool av1_sequence_read(struct av1_sequence *s, struct reader *r)
{
	uint32_t width_bits, height_bits;
	bool good = true;

	*s = (struct av1_sequence){ 0 };
	s->profile = read_u(r, 3);
	good &= !read_u(r, 2);		/* not a still picture */
	good &= !read_u(r, 2);		/* no timing, no delay */
	good &= !read_u(r, 5 + 12);	/* one operating point */
	s->level = read_u(r, 5);
	s->tier = s->level > 7 ? read_u(r, 1) : 0;
	width_bits = read_u(r, 4) + 1;
	height_bits = read_u(r, 4) + 1;
	s->width = read_u(r, width_bits) + 1;
	s->height = read_u(r, height_bits) + 1;
	/* frame numbers, superblocks of 128, tools of prediction */
	good &= !read_u(r, 1 + 1 + 2 + 4);
	s->order_hint = read_u(r, 1);
	good &= s->order_hint && !read_u(r, 2);
	good &= !read_u(r, 2);		/* no screen content */
	s->order_hint_bits = read_u(r, 3) + 1;
	good &= !read_u(r, 1);		/* enable_superres */
	s->cdef = read_u(r, 1);
	good &= !read_u(r, 1);		/* enable_restoration */
	colour_read(s, r, &good);
	good &= !read_u(r, 1);		/* film grain */
	s->valid = good && trailing_good(r);
	return s->valid;
}

static unsigned int log2_of(uint32_t size, uint32_t target)
{
	unsigned int n = 0;

	while (size << n < target)
		n++;
	return n;
}

/* One tile: what could be more is said not to be. */
static bool tiles_good(struct reader *r, const struct av1_sequence *s)
{
	uint32_t cols = (s->width + 63) / 64, rows = (s->height + 63) / 64;
	bool good = read_u(r, 1) && cols <= 64 && cols * rows <= 4096 * 2304 / 64 / 64;

	if (log2_of(1, cols))
		good &= !read_u(r, 1);
	if (log2_of(1, rows))
		good &= !read_u(r, 1);
	return good;
}

static void references_read(struct av1_frame *f, struct reader *r, bool *good)
{
	*good &= !read_u(r, 1);		/* frame_refs_short_signaling */
	for (int i = 0; i < AV1_REFS; i++)
		f->refs[i] = read_u(r, 3);
	*good &= !read_u(r, 1);		/* shown in another size */
	f->high_precision = read_u(r, 1);
	*good &= !read_u(r, 1);		/* one filter for all */
	f->filter_type = read_u(r, 2);
	*good &= !read_u(r, 1);		/* is_motion_mode_switchable */
}

static void filters_read(struct av1_frame *f, const struct av1_sequence *s, struct reader *r,
			 bool *good)
{
	f->at_filter = r->at;
	for (int i = 0; i < 4 && (i < 2 || f->filter[0] || f->filter[1]); i++)
		f->filter[i] = read_u(r, 6);
	f->sharpness = read_u(r, 3);
	*good &= !read_u(r, 1);		/* no deltas */
	f->at_cdef = r->at;
	if (s->cdef) {
		f->cdef = read_u(r, 16);
		*good &= !(f->cdef >> 12 & 3);	/* one strength for all */
	}
}

/* Quantisers alone, and a map in each picture. */
static void segments_read(struct av1_frame *f, struct reader *r, bool *good)
{
	if (!read_u(r, 1))
		return;
	if (f->primary != AV1_NO_PRIMARY)
		*good &= read_u(r, 3) == 5;
	for (unsigned int i = 0; i < 8; i++) {
		if (read_u(r, 1)) {
			f->deltas[i] = (int)read_u(r, 9);
			f->deltas[i] -= f->deltas[i] & 256 ? 512 : 0;
			f->segments = i + 1;
		}
		*good &= !read_u(r, 7);
	}
	*good &= f->segments > 0;
}

bool av1_frame_read(struct av1_frame *f, const struct av1_sequence *s, const uint8_t *obu,
		    size_t len)
{
	struct reader r;
	uint32_t type;
	bool good;

	*f = (struct av1_frame){ .primary = AV1_NO_PRIMARY, .refresh = 0xff };
	good = av1_obu_read(obu, len, &type, &r) == len && type == OBU_FRAME_HEADER;
	f->at_size = 1;
	good &= !read_u(&r, 1);		/* show_existing_frame */
	type = read_u(&r, 2);
	f->key = type == 0;
	good &= type < 2 && read_u(&r, 1);	/* show_frame */
	f->error_resilient = f->key || read_u(&r, 1);
	f->disable_cdf_update = read_u(&r, 1);
	good &= !read_u(&r, 1);		/* frame_size_override_flag */
	f->order_hint = read_u(&r, s->order_hint_bits);
	if (!f->error_resilient)
		f->primary = read_u(&r, 3);
	if (!f->key) {
		f->refresh = read_u(&r, 8);
		good &= !f->error_resilient;
		references_read(f, &r, &good);
	} else {
		good &= !read_u(&r, 1);	/* shown in another size */
	}
	f->disable_end_update = f->disable_cdf_update || read_u(&r, 1);
	good &= tiles_good(&r, s);
	f->at_qindex = r.at;
	f->qindex = read_u(&r, 8);
	f->lossless = !f->qindex;
	good &= !read_u(&r, 3 + 1);	/* no deltas, matrices */
	segments_read(f, &r, &good);
	if (f->qindex)
		good &= !read_u(&r, 1);	/* delta_q_present */
	if (!f->lossless) {
		filters_read(f, s, &r, &good);
		f->tx_select = read_u(&r, 1);
	}
	if (!f->key)
		good &= !read_u(&r, 1);	/* reference_select */
	f->reduced_tx_set = read_u(&r, 1);
	if (!f->key)
		good &= !read_u(&r, 7);	/* no global motion */
	f->end = r.at;
	return good && trailing_good(&r);
}

/* ---- writing ---- */

static void obu_put(struct bits *b, uint32_t type, struct bits *content)
{
	bits_put(content, 1, 1);
	bits_align(content, 0);
	bits_put(b, type << 3 | 2, 8);
	bits_put(b, (uint32_t)(content->count / 8), 8);
	bits_bytes(b, content->data, content->count / 8);
	bits_free(content);
}

void av1_sequence_write(struct bits *out, const VAEncSequenceParameterBufferAV1 *seq,
			const VAEncPictureParameterBufferAV1 *pic)
{
	struct bits b = { 0 };

	bits_put(&b, seq->seq_profile, 3);
	bits_put(&b, 0, 4);
	bits_put(&b, 0, 17);
	bits_put(&b, seq->seq_level_idx, 5);
	if (seq->seq_level_idx > 7)
		bits_put(&b, seq->seq_tier, 1);
	bits_put(&b, 0xff, 8);
	bits_put(&b, pic->frame_width_minus_1, 16);
	bits_put(&b, pic->frame_height_minus_1, 16);
	bits_put(&b, 0, 8);
	bits_put(&b, seq->seq_fields.bits.enable_order_hint, 1);
	bits_put(&b, 0, 4);
	bits_put(&b, seq->order_hint_bits_minus_1, 3);
	bits_put(&b, seq->seq_fields.bits.enable_cdef, 2);
	bits_put(&b, 0, 1);
	bits_put(&b, seq->seq_fields.bits.bit_depth_minus8 > 0, 1);
	bits_put(&b, 0, 7);		/* colours, their place, deltas, grain */
	obu_put(out, OBU_SEQUENCE, &b);
}

static void references_write(struct bits *b, const VAEncPictureParameterBufferAV1 *pic)
{
	bits_put(b, pic->refresh_frame_flags, 8);
	bits_put(b, 0, 1);
	for (int i = 0; i < AV1_REFS; i++)
		bits_put(b, pic->ref_frame_idx[i], 3);
	bits_put(b, 0, 1);
	bits_put(b, pic->picture_flags.bits.allow_high_precision_mv, 1);
	bits_put(b, pic->interpolation_filter, 3);
	bits_put(b, 0, 1);
}

static void filters_write(struct bits *b, const VAEncSequenceParameterBufferAV1 *seq,
			  const VAEncPictureParameterBufferAV1 *pic)
{
	bits_put(b, pic->filter_level[0], 6);
	bits_put(b, pic->filter_level[1], 6);
	if (pic->filter_level[0] || pic->filter_level[1]) {
		bits_put(b, pic->filter_level_u, 6);
		bits_put(b, pic->filter_level_v, 6);
	}
	bits_put(b, pic->loop_filter_flags.bits.sharpness_level, 3);
	bits_put(b, 0, 1);
	if (seq->seq_fields.bits.enable_cdef) {
		bits_put(b, pic->cdef_damping_minus_3, 2);
		bits_put(b, pic->cdef_bits, 2);
		bits_put(b, pic->cdef_y_strengths[0], 6);
		bits_put(b, pic->cdef_uv_strengths[0], 6);
	}
}

static void segments_write(struct bits *b, const VAEncPictureParameterBufferAV1 *pic)
{
	bits_put(b, pic->segments.seg_flags.bits.segmentation_enabled, 1);
	if (!pic->segments.seg_flags.bits.segmentation_enabled)
		return;
	if (pic->primary_ref_frame != AV1_NO_PRIMARY) {
		bits_put(b, pic->segments.seg_flags.bits.segmentation_update_map, 1);
		bits_put(b, 1, 2);
	}
	for (unsigned int i = 0; i < 8; i++) {
		bits_put(b, pic->segments.feature_mask[i], 1);
		if (pic->segments.feature_mask[i])
			bits_put(b, (uint32_t)pic->segments.feature_data[i][0] & 511, 9);
		bits_put(b, 0, 7);
	}
}

void av1_frame_write(struct bits *out, const VAEncSequenceParameterBufferAV1 *seq,
		     const VAEncPictureParameterBufferAV1 *pic)
{
	bool key = !pic->picture_flags.bits.frame_type;
	struct bits b = { 0 };

	bits_put(&b, 0, 1);
	bits_put(&b, pic->picture_flags.bits.frame_type, 2);
	bits_put(&b, 1, 1);
	if (!key)
		bits_put(&b, pic->picture_flags.bits.error_resilient_mode, 1);
	bits_put(&b, pic->picture_flags.bits.disable_cdf_update, 1);
	bits_put(&b, 0, 1);
	bits_put(&b, pic->order_hint, seq->order_hint_bits_minus_1 + 1U);
	if (!key) {
		bits_put(&b, pic->primary_ref_frame, 3);
		references_write(&b, pic);
	} else {
		bits_put(&b, 0, 1);
	}
	bits_put(&b, pic->picture_flags.bits.disable_frame_end_update_cdf, 1);
	bits_put(&b, 1, 1);
	bits_put(&b, 0, (pic->frame_width_minus_1 >= 64) + (pic->frame_height_minus_1 >= 64));
	bits_put(&b, pic->base_qindex, 8);
	bits_put(&b, 0, 4);
	segments_write(&b, pic);
	if (pic->base_qindex) {
		bits_put(&b, 0, 1);
		filters_write(&b, seq, pic);
		bits_put(&b, pic->mode_control_flags.bits.tx_mode == 2, 1);
	}
	if (!key)
		bits_put(&b, 0, 1);
	bits_put(&b, pic->picture_flags.bits.reduced_tx_set, 1);
	if (!key)
		bits_put(&b, 0, 7);
	obu_put(out, OBU_FRAME_HEADER, &b);
}
