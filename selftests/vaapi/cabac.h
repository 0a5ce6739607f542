/* SPDX-License-Identifier: MIT */
/* The arithmetic coder of H.264 and HEVC. */
#ifndef HVCALTEST_CABAC_H
#define HVCALTEST_CABAC_H

#include "bits.h"

#define CABAC_CONTEXTS 16

struct cabac {
	struct bits *out;
	uint32_t low, range, outstanding;
	bool first;
	uint8_t state[CABAC_CONTEXTS], mps[CABAC_CONTEXTS];
};

/** Begins anew at a whole byte; contexts stay. */
void cabac_start(struct cabac *c);
/** Sets context @i by the slope and offset of its table. */
void cabac_context(struct cabac *c, int i, int m, int n, int qp);
void cabac_encode(struct cabac *c, int context, unsigned int bin);
/** @end: the last bit that is written is a one, the stop bit of a slice. */
void cabac_terminate(struct cabac *c, bool end);

#endif
