/* SPDX-License-Identifier: MIT */
/*
 * HVCAL pre-analysis: what a frame will cost and whether it begins a new scene.
 *
 * Looks at the luma before it is encoded, in half resolution, and stands alone:
 * no threads, no clock, no files. Equal calls give equal answers on every
 * machine, whatever SIMD it has.
 *
 * A frame is halved (mean of 2x2 samples, 8 bits whatever came in), then each
 * 8x8 block of the half picture is predicted from its neighbours (intra: DC,
 * horizontal, vertical) and from the previous half picture (inter: a search
 * over steps of 16 to 1 samples). Costs are sums of absolute Hadamard-
 * transformed differences (SATD), as orthonormal coefficients of 8-bit samples.
 *
 * Thread-safety: calls on one state come one after another; different states
 * are independent; functions without a state may run in any thread.
 * Errors are negative errno values; out-parameters are untouched on error.
 */
#ifndef HVCAL_ANALYSIS_H
#define HVCAL_ANALYSIS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HVCAL_ANALYSIS_API __attribute__((visibility("default")))
#else
#define HVCAL_ANALYSIS_API
#endif

/** Largest width and height. */
#define HVCAL_ANALYSIS_SIZE_MAX 32768U
/** Samples of the picture, in each direction, that one entry of a cost map covers. */
#define HVCAL_ANALYSIS_BLOCK 16U

/** Sizes of coefficients that hvcal_analysis_result.coefs tells apart. */
#define HVCAL_ANALYSIS_COEFS 13

/** How luma samples lie in memory. */
enum hvcal_analysis_format {
	HVCAL_ANALYSIS_LUMA_8 = 0,	/**< one byte a sample */
	HVCAL_ANALYSIS_LUMA_10 = 1,	/**< 16 bits of the machine's order, value in the low 10 */
	HVCAL_ANALYSIS_LUMA_P010 = 2,	/**< the same, value in the high 10 */
};

/** Luma of a frame. Read during the call only; nothing outside its samples is. */
struct hvcal_analysis_picture {
	const void *luma;	/**< first row; 16-bit samples: at an even address */
	ptrdiff_t stride;	/**< bytes from row to row; may be negative; 16 bits: even */
	uint32_t width;		/**< samples, 1..HVCAL_ANALYSIS_SIZE_MAX */
	uint32_t height;	/**< the same */
	uint32_t format;	/**< enum hvcal_analysis_format */
};

/** Zero is the usual. */
struct hvcal_analysis_options {
	uint32_t row_step;	/**< every how many rows of blocks are looked at; 0 = 1 = all */
	uint16_t *cost_map;	/**< NULL, or hvcal_analysis_map_size() entries, row by row */
	size_t cost_map_size;	/**< entries there; rows not looked at repeat the one above */
	uint32_t coefs;		/**< not 0: count coefficients; else only where it may be a cut */
};

/** What a frame is like. Costs are per sample of the half-resolution picture. */
struct hvcal_analysis_result {
	double intra_cost;	/**< SATD of the best intra prediction */
	double inter_cost;	/**< SATD of the best prediction, block by block; first: intra */
	double variance;	/**< mean variance within a block */
	double mean;		/**< mean luma, 0..255 */
	double cut;		/**< 0..1: new scene; flashes and fades are none; first frame 1 */
	double still;		/**< 0..1: share of blocks that did not change */
	double screen;		/**< 0..1: text and graphics rather than camera */
	double detail;		/**< mean second difference along rows of the full picture */
	uint32_t blocks;	/**< blocks looked at */
	uint32_t first;		/**< 1: no previous picture of this size to compare with */
	/**
	 * Share of the coefficients of the full picture's intra residuals that are 2^(i - 2) at
	 * least (orthonormal Hadamard 8x8, 8-bit samples). All zero: not counted.
	 */
	double coefs[HVCAL_ANALYSIS_COEFS];
};

/** Holds the previous half-resolution picture: about 2/4 of a byte per sample. */
struct hvcal_analysis;

/** A new state, owned by the caller. -EINVAL, -ENOMEM. */
HVCAL_ANALYSIS_API int hvcal_analysis_create(struct hvcal_analysis **out);

/** Frees the state; NULL is allowed. */
HVCAL_ANALYSIS_API void hvcal_analysis_destroy(struct hvcal_analysis *an);

/** Forgets the previous picture: the next one is a first one. */
HVCAL_ANALYSIS_API void hvcal_analysis_reset(struct hvcal_analysis *an);

/**
 * Looks at the next frame. Memory is only allocated where the size differs from
 * that of the frame before, which also makes it a first frame. @options may be NULL.
 * -EINVAL: a picture that cannot be; -ENOSPC: map too small; -ENOMEM. The state is
 * as before then, except that -ENOMEM makes the next frame a first one.
 */
HVCAL_ANALYSIS_API int hvcal_analysis_frame(struct hvcal_analysis *an,
					    const struct hvcal_analysis_picture *picture,
					    const struct hvcal_analysis_options *options,
					    struct hvcal_analysis_result *result);

/** Entries of a cost map (SATD per block times 1/8, at most 65535); 0: no such size. */
HVCAL_ANALYSIS_API size_t hvcal_analysis_map_size(uint32_t width, uint32_t height);

/** Strength of QP offsets: a QP for each doubling of a block's energy. */
#define HVCAL_ANALYSIS_QUANT_UNIT 16U
#define HVCAL_ANALYSIS_QUANT_MAX 64U

/**
 * QP offsets of the frame that was last looked at: one for each 16x16 samples, row by
 * row (hvcal_analysis_map_size() in all). Busy blocks hide errors that flat ones show:
 *
 *	offset = strength / 16 * log2(energy + floor) - middle
 *
 * within -12..12, energy being the sum of squares of the block of the half picture about
 * its mean, and the middle what makes the offsets add up to none, or as near as whole QPs
 * allow, so that the mean QP stays the planned one. Activity masking is that of MPEG-2's
 * Test Model 5 (ISO/IEC JTC1/SC29/WG11 N0400, step 3); the logarithm in place of its
 * ratio is what encoders call variance AQ, which gives a block of twice the energy a
 * constant more.
 *
 * @strength: 1..HVCAL_ANALYSIS_QUANT_MAX; @stride: entries from row to row of @map;
 * @size: entries there. -EINVAL; -ENODATA: no frame yet; -ENOSPC: map too small;
 * -ENOMEM: the first call allocates, and later ones for frames of that size do not.
 */
HVCAL_ANALYSIS_API int hvcal_analysis_quant_map(struct hvcal_analysis *an, uint32_t strength,
						int8_t *map, size_t stride, size_t size);

/**
 * Sum of absolute differences of two pictures of the same size and depth, in
 * units of their samples. -EINVAL.
 */
HVCAL_ANALYSIS_API int hvcal_analysis_sad(const struct hvcal_analysis_picture *a,
					  const struct hvcal_analysis_picture *b, uint64_t *sad);

/** Variance of all samples, in units of samples squared. -EINVAL. */
HVCAL_ANALYSIS_API int hvcal_analysis_variance(const struct hvcal_analysis_picture *picture,
					       double *variance);

#ifdef __cplusplus
}
#endif

#endif
