// SPDX-License-Identifier: MIT
/*
 * H.264 without loss: macroblocks as they are (I_PCM), in P slices P_Skip where the
 * reference has the same already. A wrong reference shows in the picture.
 */
#include <string.h>

#include "h264.h"

#define MB 16
#define SKIP_QP_MAX 30	/* above, deblocking would touch what lies beside I_PCM */

static const uint8_t range_lps[64][4] = {
	{ 128, 176, 208, 240 }, { 128, 167, 197, 227 }, { 128, 158, 187, 216 },
	{ 123, 150, 178, 205 }, { 116, 142, 169, 195 }, { 111, 135, 160, 185 },
	{ 105, 128, 152, 175 }, { 100, 122, 144, 166 }, { 95, 116, 137, 158 },
	{ 90, 110, 130, 150 }, { 85, 104, 123, 142 }, { 81, 99, 117, 135 },
	{ 77, 94, 111, 128 }, { 73, 89, 105, 122 }, { 69, 85, 100, 116 },
	{ 66, 80, 95, 110 }, { 62, 76, 90, 104 }, { 59, 72, 86, 99 }, { 56, 69, 81, 94 },
	{ 53, 65, 77, 89 }, { 51, 62, 73, 85 }, { 48, 59, 69, 80 }, { 46, 56, 66, 76 },
	{ 43, 53, 63, 72 }, { 41, 50, 59, 69 }, { 39, 48, 56, 65 }, { 37, 45, 54, 62 },
	{ 35, 43, 51, 59 }, { 33, 41, 48, 56 }, { 32, 39, 46, 53 }, { 30, 37, 43, 50 },
	{ 29, 35, 41, 48 }, { 27, 33, 39, 45 }, { 26, 31, 37, 43 }, { 24, 30, 35, 41 },
	{ 23, 28, 33, 39 }, { 22, 27, 32, 37 }, { 21, 26, 30, 35 }, { 20, 24, 29, 33 },
	{ 19, 23, 27, 31 }, { 18, 22, 26, 30 }, { 17, 21, 25, 28 }, { 16, 20, 23, 27 },
	{ 15, 19, 22, 25 }, { 14, 18, 21, 24 }, { 14, 17, 20, 23 }, { 13, 16, 19, 22 },
	{ 12, 15, 18, 21 }, { 12, 14, 17, 20 }, { 11, 14, 16, 19 }, { 11, 13, 15, 18 },
	{ 10, 12, 15, 17 }, { 10, 12, 14, 16 }, { 9, 11, 13, 15 }, { 9, 11, 12, 14 },
	{ 8, 10, 12, 14 }, { 8, 9, 11, 13 }, { 7, 9, 11, 12 }, { 7, 9, 10, 12 }, { 7, 8, 10, 11 },
	{ 6, 8, 9, 11 }, { 6, 7, 9, 10 }, { 6, 7, 8, 9 }, { 2, 2, 2, 2 },
};

static const uint8_t next_lps[64] = {
	0, 0, 1, 2, 2, 4, 4, 5, 6, 7, 8, 9, 9, 11, 11, 12, 13, 13, 15, 15, 16, 16, 18, 18, 19, 19,
	21, 21, 22, 22, 23, 24, 24, 25, 26, 26, 27, 27, 28, 29, 29, 30, 30, 30, 31, 32, 32, 33,
	33, 33, 34, 34, 35, 35, 35, 36, 36, 36, 37, 37, 37, 38, 38, 63,
};

/* Contexts that are needed: three each of mb_type in I and mb_skip_flag, and two. */
enum { CTX_TYPE_I, CTX_SKIP = 3, CTX_INTRA = 6, CTX_TYPE_IN_P, CTX_COUNT };

static const int8_t init[CTX_COUNT][2] = {
	{ 20, -15 }, { 2, 54 }, { 3, 74 },
	/* cabac_init_idc 0 */
	{ 23, 33 }, { 23, 2 }, { 21, 0 }, { 1, 9 }, { 5, 57 },
};

struct cabac {
	struct bits *out;
	uint32_t low, range, outstanding;
	bool first;
	uint8_t state[CTX_COUNT], mps[CTX_COUNT];
};

static void engine_init(struct cabac *c)
{
	c->low = 0;
	c->range = 510;
	c->outstanding = 0;
	c->first = true;
}

static void contexts_init(struct cabac *c, int qp)
{
	for (int i = 0; i < CTX_COUNT; i++) {
		int v = (init[i][0] * qp >> 4) + init[i][1];

		v = v < 1 ? 1 : v > 126 ? 126 : v;
		c->mps[i] = v > 63;
		c->state[i] = (uint8_t)(v > 63 ? v - 64 : 63 - v);
	}
}

static void put_bit(struct cabac *c, uint32_t bit)
{
	if (c->first)
		c->first = false;
	else
		bits_put(c->out, bit, 1);
	for (; c->outstanding; c->outstanding--)
		bits_put(c->out, !bit, 1);
}

static void renorm(struct cabac *c)
{
	for (; c->range < 256; c->range <<= 1, c->low <<= 1) {
		if (c->low < 256) {
			put_bit(c, 0);
		} else if (c->low >= 512) {
			c->low -= 512;
			put_bit(c, 1);
		} else {
			c->low -= 256;
			c->outstanding++;
		}
	}
}

static void encode(struct cabac *c, int ctx, unsigned int bin)
{
	uint32_t lps = range_lps[c->state[ctx]][c->range >> 6 & 3];

	c->range -= lps;
	if (bin == c->mps[ctx]) {
		if (c->state[ctx] < 62)
			c->state[ctx]++;
	} else {
		c->low += c->range;
		c->range = lps;
		if (!c->state[ctx])
			c->mps[ctx] ^= 1;
		c->state[ctx] = next_lps[c->state[ctx]];
	}
	renorm(c);
}

static void terminate(struct cabac *c, bool end)
{
	c->range -= 2;
	if (!end) {
		renorm(c);
		return;
	}
	c->low += c->range;
	c->range = 2;
	renorm(c);
	put_bit(c, c->low >> 9 & 1);
	bits_put(c->out, (c->low >> 7 & 3) | 1, 2);
}

/* ---- macroblocks ---- */

struct where {
	const struct h264_job *j;
	uint32_t mb, first;	/* in the picture, of the slice */
	uint32_t cols;
};

static void rows_put(struct bits *b, const struct raw *r, int plane, uint32_t x, uint32_t y,
		     uint32_t size)
{
	uint32_t width = plane ? r->width / 2 : r->width;

	for (uint32_t i = 0; i < size; i++)
		bits_bytes(b, r->plane[plane] + (size_t)(y + i) * width + x, size);
}

static void samples_put(struct bits *b, const struct where *w)
{
	uint32_t x = w->mb % w->cols, y = w->mb / w->cols;

	bits_align(b, 0);
	rows_put(b, &w->j->raw, 0, x * MB, y * MB, MB);
	rows_put(b, &w->j->raw, 1, x * MB / 2, y * MB / 2, MB / 2);
	rows_put(b, &w->j->raw, 2, x * MB / 2, y * MB / 2, MB / 2);
}

/* Is the reference the same here? */
static bool can_skip(const struct where *w, uint32_t mb)
{
	const struct surface *ref = w->j->reference;
	const struct raw *r = &w->j->raw;
	uint32_t x = mb % w->cols * MB, y = mb / w->cols * MB;

	if (!ref || w->j->qp > SKIP_QP_MAX)
		return false;
	for (uint32_t i = 0; i < MB; i++)
		if (memcmp(r->plane[0] + (size_t)(y + i) * r->width + x,
			   ref->plane[0] + (size_t)(y + i) * ref->pitch[0] + x, MB))
			return false;
	for (uint32_t i = 0; i < MB / 2; i++)
		for (uint32_t k = 0; k < MB; k++)
			if (r->plane[1 + k % 2][(size_t)(y / 2 + i) * (r->width / 2) + x / 2 + k / 2] !=
			    ref->plane[1][(size_t)(y / 2 + i) * ref->pitch[1] + x + k])
				return false;
	return true;
}

static int neighbours(const struct where *w, bool want_skip)
{
	int n = 0;

	if (w->mb % w->cols && w->mb - 1 >= w->first)
		n += can_skip(w, w->mb - 1) == want_skip;
	if (w->mb >= w->cols && w->mb - w->cols >= w->first)
		n += can_skip(w, w->mb - w->cols) == want_skip;
	return n;
}

static void pcm_cabac(struct cabac *c, const struct where *w, bool p)
{
	if (p) {
		encode(c, CTX_INTRA, 1);
		encode(c, CTX_TYPE_IN_P, 1);
	} else {
		/* neighbours are of no prediction mode either */
		encode(c, CTX_TYPE_I + neighbours(w, false), 1);
	}
	terminate(c, true);
	samples_put(c->out, w);
	engine_init(c);
}

static void slice_cabac(struct bits *out, struct where *w, uint32_t end)
{
	struct cabac c = { .out = out };
	bool p = w->j->reference;

	contexts_init(&c, w->j->qp);
	engine_init(&c);
	for (; w->mb < end; w->mb++) {
		bool skip = can_skip(w, w->mb);

		if (p)
			encode(&c, CTX_SKIP + neighbours(w, false), skip);
		if (!skip)
			pcm_cabac(&c, w, p);
		terminate(&c, w->mb + 1 == end);
	}
	bits_align(out, 0);
}

/* The data begin behind @skip bits of a byte. */
static void slice_cavlc(struct bits *out, struct where *w, uint32_t end, size_t skip)
{
	bool p = w->j->reference;
	uint32_t run = 0;

	bits_put(out, 0, (unsigned int)skip);
	for (; w->mb < end; w->mb++) {
		if (can_skip(w, w->mb)) {
			run++;
			continue;
		}
		if (p)
			bits_ue(out, run);
		run = 0;
		bits_ue(out, p ? 30 : 25);
		samples_put(out, w);
	}
	if (run)
		bits_ue(out, run);
}

VAStatus h264_exact(struct h264_job *j)
{
	uint32_t cols = j->seq->picture_width_in_mbs;

	for (unsigned int i = 0; i < j->nslices; i++) {
		uint32_t first = j->slice[i]->macroblock_address;
		uint32_t end = first + j->slice[i]->num_macroblocks;
		struct where w = { .j = j, .mb = first, .first = first, .cols = cols };

		if (j->pic->pic_fields.bits.entropy_coding_mode_flag)
			slice_cabac(&j->data[i], &w, end);
		else
			slice_cavlc(&j->data[i], &w, end, j->skip[i]);
	}
	raw_store(&j->raw, j->recon);
	j->used_qp = j->qp;
	return VA_STATUS_SUCCESS;
}
