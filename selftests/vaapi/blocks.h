/* SPDX-License-Identifier: MIT */
/* Blocks of 4x4 samples as VP9 and AV1 code them: prediction, transform, quantiser. */
#ifndef HVCALTEST_BLOCKS_H
#define HVCALTEST_BLOCKS_H

#include "driver.h"

/** A picture of 8 or 10 bits a sample, 4:2:0; its sides are multiples of eight. */
struct samples {
	uint32_t width, height;
	unsigned int depth;
	uint16_t *plane[3];	/* without gaps; one allocation */
};

/** Puts a picture into a surface that is as large or larger. */
void samples_store(const struct samples *s, struct surface *to);
/** Are two pictures the same in a square of the luma plane, and in chroma? */
bool samples_same(const struct samples *a, const struct samples *b, uint32_t x, uint32_t y,
		  uint32_t size);

/** What a frame is made of. */
struct frame_pictures {
	struct samples source, made;
	struct samples last;		/* the reference; empty: there is none */
};

/** @return VA_STATUS_ERROR_INVALID_PARAMETER: it does not fit the surface it is to be in */
VAStatus pictures_make(struct frame_pictures *p, const struct surface *source,
		       const struct surface *reference, const struct surface *recon,
		       uint32_t width, uint32_t height);
void pictures_free(struct frame_pictures *p);

/** Quantisers of parts of a picture. */
struct segments {
	unsigned int count;		/* 0: none */
	int delta[8];
	const uint8_t *map;		/* one byte a block, row by row */
	uint32_t cols, rows, block;	/* blocks, pixels of one */
};

/** Tells the test of them. */
void segments_report(const struct segments *s);

/** Segment of the block of 8x8 at a place. */
unsigned int segment_at(const struct segments *s, uint32_t col, uint32_t row);

/** How a picture is coded. */
struct block_coder {
	const struct samples *source;
	const struct samples *reference;	/* NULL: predicted from neighbours, by their mean */
	struct samples *recon;		/* before loop filters */
	unsigned int qindex;		/* 0: without loss */
	const struct segments *segments; /* NULL: of one quantiser */
	unsigned int bits;		/* of the constants of the inverse transform */
};

/** The same coder, with the quantiser of a segment. */
struct block_coder coder_of(const struct block_coder *k, unsigned int segment);

#define BLOCKS_BITS_VP9 14
#define BLOCKS_BITS_AV1 12

/**
 * Codes the block at sample @x, @y of a plane.
 *
 * @param levels quantised coefficients, by rows
 * @return whether there is any that is not zero
 */
bool block_code(const struct block_coder *k, int plane, uint32_t x, uint32_t y,
		int32_t levels[16]);

/** Picks the quantiser index by which a picture gets no larger than @bytes, 255 if none does. */
unsigned int blocks_search(size_t (*size)(void *what, unsigned int qindex), void *what,
			   unsigned int min, unsigned int max, size_t bytes);

#endif
