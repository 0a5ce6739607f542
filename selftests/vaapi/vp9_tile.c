// SPDX-License-Identifier: MIT
/*
 * VP9 below the headers: blocks of 8x8 with 4x4 transforms. A picture is predicted by
 * the mean of neighbours, or from the same place of the last one; then larger blocks are
 * skipped where nothing has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "boolcoder.h"
#include "vp9.h"

#define UPDATE_PROB 252
#define PROB_MAX 255

/* ---- the compressed header ---- */

static int from_centre(int v, int m)
{
	return v > 2 * m ? v : v & 1 ? m - (v + 1) / 2 : m + v / 2;
}

/* The probability that an update of this code makes of another one. */
static int updated(int code, int prob)
{
	int v, m = prob - 1;

	/* twenty that are spread evenly come first, then all others */
	if (code < 20) {
		v = 7 + 13 * code;
	} else {
		v = code - 19;
		v += (v + 5) / 12;
	}
	return 2 * m <= PROB_MAX ? 1 + from_centre(v, m) :
	       PROB_MAX - from_centre(v, PROB_MAX - 1 - m);
}

static void update_put(struct boolcoder *b, int prob, int wanted)
{
	int code = 0;

	bool_put(b, prob != wanted, UPDATE_PROB);
	if (prob == wanted)
		return;
	while (updated(code, prob) != wanted)
		code++;
	bool_literal(b, code >= 16, 1);
	if (code < 16) {
		bool_literal(b, (uint32_t)code, 4);
		return;
	}
	bool_literal(b, code >= 32, 1);
	if (code < 32) {
		bool_literal(b, (uint32_t)code - 16, 4);
		return;
	}
	bool_literal(b, code >= 64, 1);
	if (code < 64) {
		bool_literal(b, (uint32_t)code - 32, 5);
	} else if (code < 64 + 65) {
		bool_literal(b, (uint32_t)code - 64, 7);
	} else {
		bool_literal(b, (uint32_t)(code - 64 + 65) / 2, 7);
		bool_literal(b, (uint32_t)(code - 64 + 65) % 2, 1);
	}
}

static void coef_updates(struct boolcoder *b)
{
	bool_literal(b, 1, 1);
	for (int i = 0; i < 2 * 2 * 6 * 6; i++) {
		const uint8_t *probs = vp9_coef_probs[i / 72][i / 36 % 2][i / 6 % 6][i % 6];

		if (i / 6 % 6 == 0 && i % 6 > 2)
			continue;
		bool_put(b, false, UPDATE_PROB);
		bool_put(b, false, UPDATE_PROB);
		update_put(b, probs[2], VP9_PIVOT);
	}
}

void vp9_compressed_write(struct bits *out, const struct vp9_header *h, unsigned int qindex)
{
	/* skip; modes, inter or not, references, modes again, partitions, vectors */
	int kept = 3 + (h->inter ? 21 + 4 + 10 + 36 + 48 + 3 + 44 + 18 : 0) +
		   (h->inter && h->high_precision ? 4 : 0);
	struct boolcoder b;

	bool_start(&b, out);
	if (qindex)
		bool_literal(&b, 0, 2);	/* tx_mode: 4x4 only */
	coef_updates(&b);
	while (kept--)
		bool_put(&b, false, UPDATE_PROB);
	bool_end(&b);
}

/* ---- blocks ---- */

struct tile {
	struct boolcoder b;
	const struct vp9_header *h;
	const struct block_coder *k;
	uint32_t cols, rows;	/* of 8x8 */
	/* what is above, by columns, and to the left, by rows of the superblock */
	uint8_t *above_split, left_split[8];
	uint8_t *above_skip, left_skip[8];
	uint8_t *above_any[3], left_any[3][16];
};

/* Of 8x8, 16x16 ... by what is split above and to the left; key frames, others. */
static const uint8_t partition_probs[2][4][4][3] = {
	{
		{ { 158, 97, 94 }, { 93, 24, 99 }, { 85, 119, 44 }, { 62, 59, 67 } },
		{ { 149, 53, 53 }, { 94, 20, 48 }, { 83, 53, 24 }, { 52, 18, 18 } },
		{ { 150, 40, 39 }, { 78, 12, 26 }, { 67, 33, 11 }, { 24, 7, 5 } },
		{ { 174, 35, 49 }, { 68, 11, 27 }, { 57, 15, 9 }, { 12, 3, 3 } },
	}, {
		{ { 199, 122, 141 }, { 147, 63, 159 }, { 148, 133, 118 }, { 121, 104, 114 } },
		{ { 174, 73, 87 }, { 92, 41, 83 }, { 82, 99, 50 }, { 53, 39, 39 } },
		{ { 177, 58, 59 }, { 68, 26, 63 }, { 52, 79, 25 }, { 17, 14, 12 } },
		{ { 222, 34, 30 }, { 72, 16, 44 }, { 58, 32, 12 }, { 10, 7, 6 } },
	},
};

/* ---- coefficients ---- */

static const uint8_t scan[16] = { 0, 4, 1, 5, 8, 2, 12, 9, 3, 6, 13, 10, 7, 14, 11, 15 };
static const uint8_t before[16][2] = {
	{ 0, 0 }, { 0, 0 }, { 0, 0 }, { 1, 4 }, { 4, 4 }, { 1, 1 }, { 8, 8 }, { 5, 8 },
	{ 2, 2 }, { 2, 5 }, { 9, 12 }, { 6, 9 }, { 3, 6 }, { 10, 13 }, { 7, 10 }, { 11, 14 },
};
static const uint8_t band[16] = { 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5 };

/* Values of many bits: the first one of each category, and what its bits are like. */
static const struct {
	uint32_t first;
	unsigned int bits, energy;
	uint8_t probs[16];
} categories[] = {
	{ 5, 1, 4, { 159 } },
	{ 7, 2, 4, { 165, 145 } },
	{ 11, 3, 5, { 173, 148, 140 } },
	{ 19, 4, 5, { 176, 155, 140, 135 } },
	{ 35, 5, 5, { 180, 157, 141, 134, 130 } },
	{ 67, 14, 5, { 254, 254, 254, 252, 249, 243, 230, 196, 177, 153, 140, 133, 130, 129 } },
	{ 67, 16, 5, { 255, 255, 254, 254, 254, 252, 249, 243, 230, 196, 177, 153, 140, 133, 130,
		       129 } },
};

/* What follows a pivot of 128. */
static const uint8_t pareto[8] = { 213, 145, 170, 238, 173, 255, 237, 252 };

/* @return how much it counts as a neighbour */
static uint8_t large_put(struct boolcoder *b, uint32_t value, unsigned int depth)
{
	int c = depth == 10 ? 6 : 5;

	bool_put(b, value > 4, pareto[0]);
	if (value <= 4) {
		bool_put(b, value > 2, pareto[1]);
		if (value > 2)
			bool_put(b, value > 3, pareto[2]);
		return value > 2 ? 3 : 2;
	}
	if (value < 67)
		for (c = 4; categories[c].first > value; c--)
			;
	bool_put(b, c > 1, pareto[3]);
	if (c < 2) {
		bool_put(b, c, pareto[4]);
	} else {
		bool_put(b, c > 3, pareto[5]);
		bool_put(b, c > 3 ? c > 4 : c > 2, pareto[c > 3 ? 7 : 6]);
	}
	for (unsigned int i = 0; i < categories[c].bits; i++)
		bool_put(b, (value - categories[c].first) >> (categories[c].bits - 1 - i) & 1,
			 categories[c].probs[i]);
	return (uint8_t)categories[c].energy;
}

static void levels_put(struct tile *t, int plane, int ctx, const int32_t levels[16])
{
	const uint8_t (*probs)[6][3] = vp9_coef_probs[plane > 0][t->k->reference != NULL];
	uint8_t energy[16] = { 0 };
	bool was_zero = false;
	int end = 16;

	while (end && !levels[scan[end - 1]])
		end--;
	for (int i = 0; i < 16; i++) {
		uint32_t value = (uint32_t)abs(levels[scan[i]]);
		const uint8_t *p;

		if (i)
			ctx = (1 + energy[before[i][0]] + energy[before[i][1]]) >> 1;
		p = probs[band[i]][ctx];
		if (!was_zero)
			bool_put(&t->b, i < end, p[0]);
		if (i == end)
			return;
		bool_put(&t->b, value, p[1]);
		was_zero = !value;
		if (!value)
			continue;
		bool_put(&t->b, value > 1, VP9_PIVOT);
		energy[scan[i]] = value > 1 ? large_put(&t->b, value, t->k->source->depth) : 1;
		bool_put(&t->b, levels[scan[i]] < 0, 128);
	}
}

/* ---- modes ---- */

/* The first branch of each tree is what is taken. */
#define KEY_Y_DC 137
#define KEY_UV_DC 144
#define INTER_Y_DC 132
#define INTER_UV_DC 120

static void modes_put(struct tile *t, uint32_t col, uint32_t row, bool skip)
{
	static const uint8_t skip_probs[] = { 192, 128, 64 }, inter_probs[] = { 9, 102, 187, 225 };
	/* no neighbour, one, two of zero motion */
	static const uint8_t zero_probs[] = { 7, 7, 2 };
	int neighbours = (col > 0) + (row > 0);
	bool inter = t->k->reference;

	if (t->k->segments->count)
		for (int i = 2; i >= 0; i--)
			bool_put(&t->b, segment_at(t->k->segments, col, row) >> i & 1, PROB_MAX);
	bool_put(&t->b, skip, skip_probs[t->above_skip[col] + t->left_skip[row % 8]]);
	if (!t->h->inter) {
		bool_put(&t->b, false, KEY_Y_DC);
		bool_put(&t->b, false, KEY_UV_DC);
		return;
	}
	bool_put(&t->b, inter, inter_probs[inter || !neighbours ? 0 : 1 + neighbours]);
	if (!inter) {
		bool_put(&t->b, false, INTER_Y_DC);
		bool_put(&t->b, false, INTER_UV_DC);
		return;
	}
	bool_put(&t->b, false, neighbours ? 238 : 142);	/* the last picture */
	bool_put(&t->b, false, zero_probs[neighbours]);
}

static void block_put(struct tile *t, uint32_t col, uint32_t row, uint32_t size)
{
	struct block_coder k = coder_of(t->k, segment_at(t->k->segments, col, row));
	int32_t levels[6][16];
	bool any[6], skip = true;

	for (int i = 0; i < 6 && size == 1; i++) {
		int plane = i < 4 ? 0 : i - 3;

		any[i] = plane ? block_code(&k, plane, col * 4, row * 4, levels[i]) :
			 block_code(&k, 0, col * 8 + i % 2 * 4, row * 8 + i / 2 * 4, levels[i]);
		skip &= !any[i];
	}
	modes_put(t, col, row, skip);
	memset(t->above_skip + col, skip, size);
	memset(t->left_skip + row % 8, skip, size);
	/* 14 for 8x8, as many ones as there were splits */
	memset(t->above_split + col, 16 - 2 * (int)size, size);
	memset(t->left_split + row % 8, 16 - 2 * (int)size, size);
	for (int p = 0; p < 3 && skip; p++) {
		uint32_t n = p ? 1 : 2;

		memset(t->above_any[p] + col * n, 0, size * n);
		memset(t->left_any[p] + row % 8 * n, 0, size * n);
	}
	for (int i = 0; i < 6 && !skip; i++) {
		int plane = i < 4 ? 0 : i - 3;
		uint8_t *above = t->above_any[plane] + (plane ? col : col * 2 + i % 2U);
		uint8_t *left = t->left_any[plane] + (plane ? row % 8 : row % 8 * 2 + i / 2U);

		levels_put(t, plane, *above + *left, levels[i]);
		*above = *left = any[i];
	}
}

/* ---- partitions ---- */

static bool is_still(const struct tile *t, uint32_t col, uint32_t row, uint32_t size)
{
	return t->k->reference && samples_same(t->k->source, t->k->reference, col * 8, row * 8,
					       size * 8);
}

/* A square of @size blocks of 8x8 each way. */
static void square_put(struct tile *t, uint32_t col, uint32_t row, uint32_t size)
{
	uint32_t half = size / 2, level = size > 4 ? 3 : size / 2;
	bool below = row + half < t->rows, beside = col + half < t->cols, split;
	const uint8_t *p;

	if (col >= t->cols || row >= t->rows)
		return;
	p = partition_probs[t->h->inter][level][(t->left_split[row % 8] >> level & 1) * 2 +
						(t->above_split[col] >> level & 1)];
	split = size > 1 && (!below || !beside || col + size > t->cols || row + size > t->rows ||
			     !is_still(t, col, row, size));
	if (below && beside)
		for (int i = 0; i < (split ? 3 : 1); i++)
			bool_put(&t->b, split, p[i]);
	else if (below || beside)
		bool_put(&t->b, true, p[beside ? 1 : 2]);
	if (!split) {
		block_put(t, col, row, size);
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		square_put(t, col + i % 2 * half, row + i / 2 * half, half);
}

void vp9_tile_write(struct bits *out, const struct vp9_header *h, const struct block_coder *k)
{
	struct tile t = {
		.h = h, .k = k, .cols = k->source->width / 8, .rows = k->source->height / 8,
	};
	size_t n = t.cols + 8;	/* squares may reach beyond */
	uint8_t *above = calloc(6, n);

	if (!above)
		abort();
	t.above_split = above;
	t.above_skip = above + n;
	t.above_any[0] = above + 2 * n;
	t.above_any[1] = above + 4 * n;
	t.above_any[2] = above + 5 * n;
	bool_start(&t.b, out);
	for (uint32_t row = 0; row < t.rows; row += 8) {
		memset(t.left_split, 0, sizeof(t.left_split));
		memset(t.left_skip, 0, sizeof(t.left_skip));
		memset(t.left_any, 0, sizeof(t.left_any));
		for (uint32_t col = 0; col < t.cols; col += 8)
			square_put(&t, col, row, 8);
	}
	bool_end(&t.b);
	free(above);
}
