// SPDX-License-Identifier: MIT
/* QP offsets by how much of an error each block hides. */
#include <errno.h>
#include <stdlib.h>

#include "analysis.h"

#define ONE 256			/* a QP in fixed point */
#define OFFSET_MAX 12		/* QPs */
/*
 * Of a block of the half picture: a variance of 64. What is below is noise or as good as
 * flat; bits do not help it. With a floor of 16 a noisy night clip needed 19 % more rate
 * for equal SSIM, with this one 1 %, and a clip by day gained 10 % instead of 11 %.
 */
#define FLOOR 4096U

/* log2(v) * ONE: exact at powers of two, a line from one to the next. */
static int32_t log2_fixed(uint32_t v)
{
	int32_t whole = 31 - __builtin_clz(v);

	return whole * ONE + (int32_t)(((uint64_t)v * ONE >> whole) - ONE);
}

static int32_t rounded(int32_t v)
{
	return v >= 0 ? (v + ONE / 2) / ONE : -((ONE / 2 - v) / ONE);
}

static int32_t offset_of(int32_t activity, int32_t middle)
{
	int32_t v = rounded(activity - middle);

	return v < -OFFSET_MAX ? -OFFSET_MAX : v > OFFSET_MAX ? OFFSET_MAX : v;
}

/* The middle that makes the offsets add up to none, or all but: their sum falls with it. */
static int32_t find_middle(const int16_t *activity, size_t n)
{
	int32_t lo = 0, hi = INT16_MAX;

	while (lo < hi) {
		int32_t middle = (lo + hi) / 2;
		int64_t sum = 0;

		for (size_t i = 0; i < n; i++)
			sum += offset_of(activity[i], middle);
		if (sum > 0)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

static int16_t activity_of(const struct hvcal_analysis_block *b, int32_t strength)
{
	uint32_t energy = b->sq - (uint32_t)((uint64_t)b->sum * b->sum / (BLOCK * BLOCK));

	return (int16_t)(log2_fixed(energy + FLOOR) * strength / HVCAL_ANALYSIS_QUANT_UNIT);
}

int hvcal_analysis_quant_map(struct hvcal_analysis *an, uint32_t strength, int8_t *map,
			     size_t stride, size_t size)
{
	size_t cols, rows;
	int32_t middle;

	if (!an || !map || !strength || strength > HVCAL_ANALYSIS_QUANT_MAX)
		return -EINVAL;
	if (!an->have_prev)
		return -ENODATA;
	cols = (size_t)an->bw;
	rows = (size_t)an->bh;
	if (stride < cols || stride > size || (size - cols) / stride < rows - 1)
		return -ENOSPC;
	if (!an->activity) {
		an->activity = calloc((size_t)cols * rows, sizeof(*an->activity));
		if (!an->activity)
			return -ENOMEM;
	}
	for (size_t y = 0; y < rows; y++) {
		const uint8_t *px = an->prev.px + (ptrdiff_t)y * BLOCK * an->stride;
		int16_t *activity = an->activity + y * cols;

		an->k->blocks8x8(px, an->stride, px, an->stride, (unsigned int)cols, an->row);
		for (size_t x = 0; x < cols; x++) {
			activity[x] = activity_of(&an->row[x], (int32_t)strength);
		}
	}
	middle = find_middle(an->activity, cols * rows);
	for (size_t y = 0; y < rows; y++)
		for (size_t x = 0; x < cols; x++)
			map[y * stride + x] = (int8_t)offset_of(an->activity[y * cols + x], middle);
	return 0;
}
