/* SPDX-License-Identifier: MIT */
/* What only the library and its tests know about a state. */
#ifndef HVCAL_ANALYSIS_STATE_H
#define HVCAL_ANALYSIS_STATE_H

#include <stdbool.h>

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
	int16_t *activity;	/* of all blocks; NULL until QP offsets are asked for */
	struct mv *mvs;		/* of the previous picture, overwritten as this one goes */
	uint32_t width, height;	/* of the full picture; 0: nothing allocated */
	int bw, bh;		/* blocks */
	ptrdiff_t stride;	/* of the planes */
	bool have_prev;
};

/* -EOPNOTSUPP: this machine has no such kernels. */
int hvcal_analysis_set_simd(struct hvcal_analysis *an, enum hvcal_analysis_simd simd);

#endif
