/* SPDX-License-Identifier: MIT */
/* Bands of rows that rate control wants coded at a QP of their own, in QP maps. */
#ifndef HVCAL_BAND_H
#define HVCAL_BAND_H

#include <stdbool.h>
#include <stdint.h>

#include <hvcal/rc.h>

/** Rows of a map's blocks from @top up to @bottom, which is not among them. */
struct hvcal_band {
	uint32_t top, bottom;
	int32_t offset;		/* on the codec's scale */
};

/**
 * The band of a decision on a picture of @height, in a map of blocks of @block: the rows
 * whose middle is in it. Where one band ends and the next begins with the same share, no
 * row is left out and none is in both. No rows: there is no band, or none that a map of
 * such blocks can tell.
 */
struct hvcal_band hvcal_band_of(const struct hvcal_rc_decision *decision, uint32_t height,
				uint32_t block);

static inline bool hvcal_band_empty(const struct hvcal_band *band)
{
	return band->top >= band->bottom;
}

/** Adds the band to what is in a map of @cols columns; sums are clipped. */
void hvcal_band_add(const struct hvcal_band *band, int8_t *map, uint32_t cols);

#endif
