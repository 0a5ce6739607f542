// SPDX-License-Identifier: MIT
#include "boolcoder.h"

#define EVEN 128

void bool_put(struct boolcoder *b, bool value, unsigned int prob)
{
	uint32_t split = 1 + ((b->range - 1) * prob >> 8);
	unsigned int shift = 0;

	if (value) {
		b->low += split;
		b->range -= split;
		if (b->low > 255)
			bits_carry(b->out);
		b->low &= 255;
	} else {
		b->range = split;
	}
	while (b->range << shift < 128)
		shift++;
	bits_put(b->out, b->low >> (8 - shift), shift);
	b->range <<= shift;
	b->low = b->low << shift & 255;
}

void bool_literal(struct boolcoder *b, uint32_t value, unsigned int n)
{
	while (n--)
		bool_put(b, value >> n & 1, EVEN);
}

void bool_start(struct boolcoder *b, struct bits *out)
{
	*b = (struct boolcoder){ .out = out, .range = 255 };
	bool_put(b, false, EVEN);	/* a marker */
}

void bool_end(struct boolcoder *b)
{
	bits_put(b->out, b->low, 8);
	bits_align(b->out, 0);
	/* the last byte of a frame must not look like an index of many frames */
	bits_put(b->out, 0, 8);
}
