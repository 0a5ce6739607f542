/* SPDX-License-Identifier: MIT */
/* What only the library and its tests know about a state. */
#ifndef HVCAL_ANALYSIS_STATE_H
#define HVCAL_ANALYSIS_STATE_H

#include <stdbool.h>
#include <string.h>

#include <hvcal/analysis.h>

#include "kernels.h"

#define BLOCK 8		/* of the half-resolution picture */

struct plane {
	uint8_t *mem;
	uint8_t *px;	/* sample 0, 0 */
};

struct mv {
	int16_t x, y;
};

struct hvcal_analysis {
	const struct hvcal_analysis_kernels *k;
	struct plane cur, prev;
	struct hvcal_analysis_block *row; /* of blocks, against the same place before */
	uint8_t *strip;		/* nine rows of the full picture, where that has 10 bits */
	double usual;		/* mean inter cost lately */
	int16_t *activity;	/* of all blocks; NULL until QP offsets are asked for */
	struct mv *mvs;		/* of the previous picture, overwritten as this one goes */
	uint32_t width, height;	/* of the full picture; 0: nothing allocated */
	int bw, bh;		/* blocks */
	ptrdiff_t stride;	/* of the planes */
	bool have_prev;
};

/* What the 10 bits of a sample are above. */
static inline unsigned int shift_of(const struct hvcal_analysis_picture *pic)
{
	return pic->format == HVCAL_ANALYSIS_LUMA_P010 ? 6 : 0;
}

/* One of the full picture, as 8 bits. */
static inline int sample(const struct hvcal_analysis_picture *pic, const uint8_t *row,
			 unsigned int x)
{
	uint16_t v;

	if (pic->format == HVCAL_ANALYSIS_LUMA_8)
		return row[x];
	memcpy(&v, row + 2 * (size_t)x, sizeof(v));
	return ((v >> shift_of(pic)) & 1023) >> 2;
}

/* -EOPNOTSUPP: this machine has no such kernels. */
int hvcal_analysis_set_simd(struct hvcal_analysis *an, enum hvcal_analysis_simd simd);

/* It may be a cut, or a part of it is new. Follows what is usual, too. */
bool hvcal_analysis_may_be_new(struct hvcal_analysis *an, const struct hvcal_analysis_result *res);
/* res->coefs, of every @step-th row of blocks. */
void hvcal_analysis_count_coefs(const struct hvcal_analysis *an,
				const struct hvcal_analysis_picture *pic, uint32_t step,
				struct hvcal_analysis_result *res);

#endif
