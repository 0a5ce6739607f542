/* SPDX-License-Identifier: MIT */
/*
 * Luma kernels: the C reference, and SIMD variants that equal it bit for bit.
 * Pure functions: safe in any thread. Strides are in bytes; nothing outside the
 * w x h samples is touched. Rows are at most 32768 samples.
 *
 * A 16-bit sample is worth (v >> shift) & 1023.
 */
#ifndef HVCAL_ANALYSIS_KERNELS_H
#define HVCAL_ANALYSIS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include <hvcal/analysis.h>

/* Sizes of coefficients that are told apart. */
#define COEFS HVCAL_ANALYSIS_COEFS

/* One 8x8 block, and what it differs from another by. */
struct hvcal_analysis_block {
	uint32_t sum, sq;	/* of its samples and their squares */
	uint32_t sad;
	uint32_t satd, dc;	/* as of satd8x8() */
};

struct hvcal_analysis_kernels {
	const char *name;
	/* Sum of |a - b|. */
	uint64_t (*sad8)(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			 unsigned int w, unsigned int h);
	uint64_t (*sad16)(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
			  ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h);
	/* Sum and sum of squares: variance is (sq - sum * sum / n) / n. */
	void (*sums8)(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		      uint64_t *sum, uint64_t *sq);
	void (*sums16)(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		       unsigned int h, uint64_t *sum, uint64_t *sq);
	/*
	 * Rounded 2x2 mean into (w + 1) / 2 x (h + 1) / 2 samples of 8 bit; odd edges
	 * repeat the last sample.
	 */
	void (*half8)(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		      uint8_t *dst, ptrdiff_t ds);
	void (*half16)(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		       unsigned int h, uint8_t *dst, ptrdiff_t ds);
	/* One block of 8x8 samples of 8 bit. */
	uint32_t (*sad8x8)(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs);
	/* Sum of all absolute Hadamard coefficients of a - b; *dc is that of the mean. */
	uint32_t (*satd8x8)(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			    uint32_t *dc);
	/* All of that for n blocks side by side. */
	void (*blocks8x8)(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			  unsigned int n, struct hvcal_analysis_block *out);
	/*
	 * Of n blocks of 8x8 samples, @apart samples from one to the next: Hadamard
	 * coefficients of what is left after the best intra prediction out of the row
	 * above and the column to the left (vertical, horizontal, their mean). Adds to
	 * counts[i] how many are 2^(i + 1) at least. n is at most 4096.
	 */
	void (*coefs8x8)(const uint8_t *src, ptrdiff_t stride, unsigned int n, unsigned int apart,
			 uint32_t counts[COEFS]);
};

enum hvcal_analysis_simd {
	HVCAL_ANALYSIS_SIMD_C,
	HVCAL_ANALYSIS_SIMD_AVX2,
	HVCAL_ANALYSIS_SIMD_AVX512,
	HVCAL_ANALYSIS_SIMD_BEST,
};

extern const struct hvcal_analysis_kernels hvcal_analysis_kernels_c;
extern const struct hvcal_analysis_kernels hvcal_analysis_kernels_avx2;
extern const struct hvcal_analysis_kernels hvcal_analysis_kernels_avx512;

/* Kernels of that kind, or NULL where this machine or build lacks them. */
const struct hvcal_analysis_kernels *hvcal_analysis_kernels_get(enum hvcal_analysis_simd simd);

#endif
