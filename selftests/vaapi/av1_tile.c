// SPDX-License-Identifier: MIT
/*
 * AV1 below the headers: blocks of 8x8 with 4x4 transforms. A picture is predicted by
 * the mean of neighbours, or from the same place of the last one; then larger blocks are
 * skipped where nothing has changed.
 */
#include <stdlib.h>
#include <string.h>

#include "av1.h"

enum { PARTITION_NONE, PARTITION_HORZ, PARTITION_VERT, PARTITION_SPLIT, PARTITION_HORZ_A,
       PARTITION_HORZ_B, PARTITION_VERT_A, PARTITION_VERT_B, PARTITION_HORZ_4, PARTITION_VERT_4 };

#define DC_PRED 0
#define TX_TYPE_DCT 1	/* of intra blocks */
#define LEVEL_CODED 14	/* what levels have beyond it is coded apart */
#define CONTEXT_MAX 63

struct tile {
	struct av1_symbols s;
	const struct av1_frame *f;
	const struct block_coder *k;
	struct av1_cdfs *cdfs;
	uint32_t cols, rows;	/* of 8x8 */
	/* what is above, by columns, and to the left, by rows of the superblock */
	uint8_t *above_size, left_size[8];	/* log2 of 4x4 blocks */
	uint8_t *above_skip, left_skip[8];
	uint8_t *above_level[3], left_level[3][16];
	uint8_t *above_dc[3], left_dc[3][16];	/* 1 negative, 2 positive */
	uint8_t *segments;	/* of all blocks of 8x8 */
};

/* ---- coefficients ---- */

static const uint8_t scan[16] = { 0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15 };

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Level of a neighbour that is coded already, no more than @max. */
static uint32_t near_level(const uint32_t levels[16], int row, int col, uint32_t max)
{
	return row < 4 && col < 4 ? least(levels[4 * row + col], max) : 0;
}

static unsigned int base_context(const uint32_t levels[16], int pos)
{
	static const uint8_t offsets[4][4] = {
		{ 0, 1, 6, 6 }, { 1, 6, 6, 21 }, { 6, 6, 21, 21 }, { 6, 21, 21, 21 },
	};
	int row = pos / 4, col = pos % 4;
	uint32_t mag = near_level(levels, row, col + 1, 3) + near_level(levels, row + 1, col, 3) +
		       near_level(levels, row + 1, col + 1, 3) +
		       near_level(levels, row, col + 2, 3) + near_level(levels, row + 2, col, 3);

	return pos ? least((mag + 1) / 2, 4) + offsets[row][col] : 0;
}

static unsigned int more_context(const uint32_t levels[16], int pos)
{
	int row = pos / 4, col = pos % 4;
	uint32_t mag = near_level(levels, row, col + 1, 15) + near_level(levels, row + 1, col, 15) +
		       near_level(levels, row + 1, col + 1, 15);

	mag = least((mag + 1) / 2, 6);
	return pos ? mag + (row < 2 && col < 2 ? 7 : 14) : mag;
}

static void end_put(struct tile *t, int type, unsigned int end)
{
	unsigned int group = end < 3 ? end : end < 5 ? 3 : end < 9 ? 4 : 5;
	unsigned int bits = group - 2, rest;

	AV1_SYMBOL(&t->s, t->cdfs->coefs.eob[type][0], group - 1);
	if (group < 3)
		return;
	rest = end - (1U << bits) - 1;
	AV1_SYMBOL(&t->s, t->cdfs->coefs.eob_extra[type][group - 3], rest >> (bits - 1));
	av1_literal(&t->s, rest & ((1U << (bits - 1)) - 1), bits - 1);
}

static void level_put(struct tile *t, int type, const uint32_t levels[16], int c, int end,
		      uint32_t level)
{
	struct av1_coef_cdfs *cdfs = &t->cdfs->coefs;
	int pos = scan[c];
	uint32_t rest;

	if (c == end - 1)
		AV1_SYMBOL(&t->s, cdfs->base_eob[type][!c ? 0 : c <= 2 ? 1 : c <= 4 ? 2 : 3],
			   least(level, 3) - 1);
	else
		AV1_SYMBOL(&t->s, cdfs->base[type][base_context(levels, pos)], least(level, 3));
	if (level < 3)
		return;
	rest = least(level, 15) - 3;
	for (int i = 0; i < 4; i++) {
		uint32_t step = least(rest, 3);

		AV1_SYMBOL(&t->s, cdfs->more[type][more_context(levels, pos)], step);
		rest -= step;
		if (step < 3)
			break;
	}
}

static void golomb_put(struct tile *t, uint32_t value)
{
	unsigned int length = 1;

	while (value >> length)
		length++;
	av1_literal(&t->s, 0, length - 1);
	av1_literal(&t->s, value, length);
}

static unsigned int zero_context(int plane, uint8_t above, uint8_t left)
{
	uint8_t max = above > left ? above : left, min = above > left ? left : above;

	if (plane)
		return 7U + (above != 0) + (left != 0);
	if (!max)
		return 1;
	if (!min)
		return 2 + (max > 3);
	return max <= 3 ? 4 : min <= 3 ? 5 : 6;
}

/* @levels as they lie; @above and @left: the place of the block in what is kept of others */
static void levels_put(struct tile *t, int plane, uint32_t above, uint32_t left,
		       const int32_t values[16])
{
	uint8_t *above_level = &t->above_level[plane][above], *above_dc = &t->above_dc[plane][above];
	uint8_t *left_level = &t->left_level[plane][left], *left_dc = &t->left_dc[plane][left];
	int type = plane > 0, end = 16, sum = (*above_dc == 2) + (*left_dc == 2) - (*above_dc == 1) -
					      (*left_dc == 1);
	unsigned int ctx = plane ? zero_context(plane, *above_level | *above_dc,
						*left_level | *left_dc) :
			   zero_context(plane, *above_level, *left_level);
	uint32_t levels[16] = { 0 }, total = 0;

	while (end && !values[scan[end - 1]])
		end--;
	AV1_SYMBOL(&t->s, t->cdfs->coefs.all_zero[ctx], !end);
	*above_level = *above_dc = *left_level = *left_dc = 0;
	if (!end)
		return;
	if (!plane && t->k->qindex)
		AV1_SYMBOL(&t->s, t->cdfs->modes.tx_type, TX_TYPE_DCT);
	end_put(t, type, (unsigned int)end);
	for (int c = end - 1; c >= 0; c--) {
		uint32_t level = (uint32_t)abs(values[scan[c]]);

		level_put(t, type, levels, c, end, level);
		levels[scan[c]] = level;
		total = least(total + level, CONTEXT_MAX);
	}
	for (int c = 0; c < end; c++) {
		int32_t value = values[scan[c]];

		if (value && !c)
			AV1_SYMBOL(&t->s, t->cdfs->coefs.dc_sign[type][sum < 0 ? 1 : sum > 0 ? 2 : 0],
				   value < 0);
		else if (value)
			av1_literal(&t->s, value < 0, 1);
		if (levels[scan[c]] > LEVEL_CODED)
			golomb_put(t, levels[scan[c]] - LEVEL_CODED);
	}
	*above_level = *left_level = (uint8_t)total;
	*above_dc = *left_dc = !values[0] ? 0 : values[0] < 0 ? 1 : 2;
}

/* ---- modes ---- */

static void intra_modes_put(struct tile *t)
{
	struct av1_mode_cdfs *cdfs = &t->cdfs->modes;

	if (t->f->key)
		AV1_SYMBOL(&t->s, cdfs->key_y, DC_PRED);
	else
		AV1_SYMBOL(&t->s, cdfs->y, DC_PRED);
	AV1_SYMBOL(&t->s, cdfs->uv, DC_PRED);
	/* half of the block: 4x4 */
	if (t->k->qindex)
		AV1_SYMBOL(&t->s, cdfs->tx, 1);
}

/* All blocks of the picture are of zero motion in the last one. */
static void inter_modes_put(struct tile *t, int neighbours)
{
	struct av1_mode_cdfs *cdfs = &t->cdfs->modes;
	static const int new_contexts[] = { 0, 3, 5 };
	int ctx = neighbours ? 2 : 1;

	AV1_SYMBOL(&t->s, cdfs->single_ref[ctx][0], 0);
	AV1_SYMBOL(&t->s, cdfs->single_ref[ctx][2], 0);
	AV1_SYMBOL(&t->s, cdfs->single_ref[ctx][3], 0);
	AV1_SYMBOL(&t->s, cdfs->new_mv[new_contexts[neighbours]], 1);
	AV1_SYMBOL(&t->s, cdfs->zero_mv[0], 0);
}

/* What the decoder makes of a difference to what it expects. */
static int segment_from(int diff, int expected, int count)
{
	int near = expected < count - expected - 1 ? expected : count - expected - 1;

	if (!expected)
		return diff;
	if (expected == count - 1)
		return count - diff - 1;
	if (diff <= 2 * near)
		return diff & 1 ? expected + (diff + 1) / 2 : expected - diff / 2;
	return 2 * expected < count ? diff : count - diff - 1;
}

/* Behind the skip flag; blocks that are skipped have what is expected. */
static void segment_put(struct tile *t, uint32_t col, uint32_t row, bool skip)
{
	uint8_t *own = t->segments + (size_t)row * t->cols + col;
	int above = row ? own[-(ptrdiff_t)t->cols] : -1, left = col ? own[-1] : -1;
	int corner = row && col ? own[-(ptrdiff_t)t->cols - 1] : -1;
	int expected = above < 0 ? left < 0 ? 0 : left : left < 0 || corner == above ? above : left;
	int ctx = corner < 0 ? 0 : corner == above && corner == left ? 2 :
		  corner == above || corner == left || above == left;
	int count = (int)t->k->segments->count, diff = 0;

	if (!count)
		return;
	*own = skip ? (uint8_t)expected : (uint8_t)segment_at(t->k->segments, col, row);
	if (skip)
		return;
	while (segment_from(diff, expected, count) != *own)
		diff++;
	AV1_SYMBOL(&t->s, t->cdfs->modes.segment[ctx], diff);
}

static void modes_put(struct tile *t, uint32_t col, uint32_t row, bool skip)
{
	int neighbours = (col > 0) + (row > 0);
	bool inter = t->k->reference;

	AV1_SYMBOL(&t->s, t->cdfs->modes.skip[t->above_skip[col] + t->left_skip[row % 8]], skip);
	segment_put(t, col, row, skip);
	if (!t->f->key)
		AV1_SYMBOL(&t->s, t->cdfs->modes.is_inter[inter || !neighbours ? 0 : 1 + neighbours],
			   inter);
	if (inter)
		inter_modes_put(t, neighbours);
	else
		intra_modes_put(t);
}

static void contexts_clear(struct tile *t, uint32_t col, uint32_t row, uint32_t size)
{
	for (int p = 0; p < 3; p++) {
		uint32_t n = p ? 1 : 2;

		memset(t->above_level[p] + col * n, 0, size * n);
		memset(t->left_level[p] + row % 8 * n, 0, size * n);
		memset(t->above_dc[p] + col * n, 0, size * n);
		memset(t->left_dc[p] + row % 8 * n, 0, size * n);
	}
}

static void block_put(struct tile *t, uint32_t col, uint32_t row, uint32_t size, int log2)
{
	struct block_coder k = coder_of(t->k, segment_at(t->k->segments, col, row));
	int32_t levels[6][16];
	bool skip = true;

	for (int i = 0; i < 6 && size == 1; i++)
		skip &= !(i < 4 ? block_code(&k, 0, col * 8 + i % 2 * 4, row * 8 + i / 2 * 4,
					     levels[i]) :
			  block_code(&k, i - 3, col * 4, row * 4, levels[i]));
	modes_put(t, col, row, skip);
	memset(t->above_skip + col, skip, size);
	memset(t->left_skip + row % 8, skip, size);
	memset(t->above_size + col, log2, size);
	memset(t->left_size + row % 8, log2, size);
	if (skip)
		contexts_clear(t, col, row, size);
	for (uint32_t i = 0; i < 6 && !skip; i++)
		levels_put(t, i < 4 ? 0 : (int)i - 3, i < 4 ? col * 2 + i % 2 : col,
			   i < 4 ? row % 8 * 2 + i / 2 : row % 8, levels[i]);
}

/* ---- partitions ---- */

static uint32_t share(const uint16_t *cdf, int partition)
{
	return (uint32_t)cdf[partition] - (partition ? cdf[partition - 1] : 0);
}

/* At a border: split, or what the border does by itself. */
static void border_split_put(struct tile *t, const uint16_t *cdf, bool beside)
{
	uint32_t split = share(cdf, beside ? PARTITION_VERT : PARTITION_HORZ) +
			 share(cdf, PARTITION_SPLIT) + share(cdf, PARTITION_HORZ_A) +
			 share(cdf, beside ? PARTITION_VERT_B : PARTITION_HORZ_B) +
			 share(cdf, PARTITION_VERT_A) +
			 share(cdf, beside ? PARTITION_VERT_4 : PARTITION_HORZ_4);
	uint16_t two[3] = { (uint16_t)(32768 - split), 32768, 0 };

	AV1_SYMBOL(&t->s, two, 1);
}

static bool is_still(const struct tile *t, uint32_t col, uint32_t row, uint32_t size)
{
	return t->k->reference && samples_same(t->k->source, t->k->reference, col * 8, row * 8,
					       size * 8);
}

/* A square of @size blocks of 8x8 each way, which are 1 << (@log2 - 1). */
static void square_put(struct tile *t, uint32_t col, uint32_t row, uint32_t size, int log2)
{
	uint32_t half = size / 2, ctx;
	bool below = row + half < t->rows, beside = col + half < t->cols, split;

	if (col >= t->cols || row >= t->rows)
		return;
	ctx = (row > 0 && t->above_size[col] < log2) + 2U * (col > 0 && t->left_size[row % 8] < log2);
	split = size > 1 && (col + size > t->cols || row + size > t->rows ||
			     !is_still(t, col, row, size));
	if (size == 1)
		AV1_SYMBOL(&t->s, t->cdfs->modes.partition8[ctx], PARTITION_NONE);
	else if (below && beside)
		AV1_SYMBOL(&t->s, t->cdfs->modes.partition[log2 - 2][ctx],
			   split ? PARTITION_SPLIT : PARTITION_NONE);
	else if (below || beside)
		border_split_put(t, t->cdfs->modes.partition[log2 - 2][ctx], beside);
	if (!split) {
		block_put(t, col, row, size, log2);
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		square_put(t, col + i % 2 * half, row + i / 2 * half, half, log2 - 1);
}

void av1_tile_write(struct bits *out, const struct av1_frame *f, const struct block_coder *k,
		    struct av1_cdfs *cdfs)
{
	struct tile t = {
		.f = f, .k = k, .cdfs = cdfs,
		.cols = k->source->width / 8, .rows = k->source->height / 8,
	};
	size_t n = t.cols + 8;	/* squares may reach beyond */
	uint8_t *above = calloc(10, n), *at = above + 2 * n;

	t.segments = calloc(t.cols, t.rows);
	if (!above || !t.segments)
		abort();
	t.above_size = above;
	t.above_skip = above + n;
	for (int p = 0; p < 3; p++) {
		t.above_level[p] = at;
		t.above_dc[p] = at + (p ? n : 2 * n);
		at += p ? 2 * n : 4 * n;
	}
	av1_symbols_start(&t.s, out, !f->disable_cdf_update);
	for (uint32_t row = 0; row < t.rows; row += 8) {
		memset(t.left_size, 0, sizeof(t.left_size));
		memset(t.left_skip, 0, sizeof(t.left_skip));
		memset(t.left_level, 0, sizeof(t.left_level));
		memset(t.left_dc, 0, sizeof(t.left_dc));
		for (uint32_t col = 0; col < t.cols; col += 8)
			square_put(&t, col, row, 8, 4);
	}
	av1_symbols_end(&t.s);
	free(t.segments);
	free(above);
}
