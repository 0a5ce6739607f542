/* SPDX-License-Identifier: MIT */
/* Segments of VP9 and AV1: what becomes of more QP offsets than there can be. */
#ifndef HVCAL_ENGINES_SEGMENTS_H
#define HVCAL_ENGINES_SEGMENTS_H

#include <math.h>
#include <stdint.h>

#define HVCAL_SEGMENTS 8

/*
 * Offsets become segments: each its own, if there are eight or fewer. Else what
 * lies between the lowest and the highest is parted in eight, and each part has its
 * average. @counts: blocks of each of @n offsets, of which the one in the middle is 0;
 * @segment: of each offset. Returns how many segments there are.
 */
static inline unsigned int hvcal_segments_make(const unsigned int *counts, int n,
					       uint8_t *segment, int *delta)
{
	int low = n, high = 0, used = 0, sum[HVCAL_SEGMENTS] = { 0 };
	int weight[HVCAL_SEGMENTS] = { 0 };

	for (int v = 0; v < n; v++) {
		if (!counts[v])
			continue;
		low = v < low ? v : low;
		high = v;
		segment[v] = (uint8_t)(used++ % HVCAL_SEGMENTS);
	}
	for (int v = low; v <= high; v++) {
		if (!counts[v])
			continue;
		if (used > HVCAL_SEGMENTS)
			segment[v] = (uint8_t)((v - low) * HVCAL_SEGMENTS / (high - low + 1));
		sum[segment[v]] += (v - n / 2) * (int)counts[v];
		weight[segment[v]] += (int)counts[v];
	}
	for (int i = 0; i < HVCAL_SEGMENTS; i++)
		delta[i] = weight[i] ? (int)lround((double)sum[i] / weight[i]) : 0;
	return used < HVCAL_SEGMENTS ? (unsigned int)used : HVCAL_SEGMENTS;
}

#endif
