/* SPDX-License-Identifier: MIT */
/* C reference of the luma kernels. Pure functions: safe in any thread. Strides are in bytes. */
#ifndef HVCAL_ANALYSIS_KERNELS_H
#define HVCAL_ANALYSIS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Sum of |a - b| over w x h samples of 8 bit. */
uint64_t hvcal_analysis_sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			     unsigned int w, unsigned int h);

/* Sum and sum of squares: variance is (sq - sum * sum / n) / n. */
void hvcal_analysis_sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
			  uint64_t *sum, uint64_t *sq);

/* Rounded 2x2 mean into (w + 1) / 2 x (h + 1) / 2; odd edges repeat the last sample. */
void hvcal_analysis_half8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
			  uint8_t *dst, ptrdiff_t ds);

#endif
