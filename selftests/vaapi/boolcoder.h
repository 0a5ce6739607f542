/* SPDX-License-Identifier: MIT */
/* The arithmetic coder of VP9. */
#ifndef HVCALTEST_BOOLCODER_H
#define HVCALTEST_BOOLCODER_H

#include "bits.h"

struct boolcoder {
	struct bits *out;
	uint32_t low, range;
};

void bool_start(struct boolcoder *b, struct bits *out);
/** @prob of 256 that it is false. */
void bool_put(struct boolcoder *b, bool value, unsigned int prob);
void bool_literal(struct boolcoder *b, uint32_t value, unsigned int n);
void bool_end(struct boolcoder *b);

#endif
