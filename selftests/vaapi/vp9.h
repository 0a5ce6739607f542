/* SPDX-License-Identifier: MIT */
/* The test driver's VP9. */
#ifndef HVCALTEST_VP9_H
#define HVCALTEST_VP9_H

#include "bits.h"
#include "blocks.h"
#include "driver.h"

/** An uncompressed header, and where in it things stand. */
struct vp9_header {
	uint32_t profile, depth, width, height;
	bool inter, show, error_resilient, high_precision, refresh_context, parallel;
	uint32_t colour_space, full_range, refresh, refs[3], context, filter_type;
	uint32_t filter_level, sharpness, qindex, log2_tile_columns, log2_tile_rows, first_size;
	int32_t ref_deltas[4], mode_deltas[2];
	bool bias[3];
	unsigned int segments;		/* 0, or eight */
	int deltas[8];			/* of their quantisers */
	size_t at_filter_level, at_ref_deltas, at_mode_deltas, at_qindex, at_segmentation;
	size_t end_segmentation, at_first_size, end;
};

/** @return false: it is none, or one of what no test needs */
bool vp9_header_read(struct vp9_header *h, const uint8_t *data, size_t bytes);
/** The header that the parameters ask for. */
void vp9_header_write(struct bits *b, const VAEncPictureParameterBufferVP9 *pic,
		      const VAEncMiscParameterTypeVP9PerSegmantParam *segments, uint32_t profile);

extern const uint8_t vp9_coef_probs[2][2][6][6][3];

/** What follows the uncompressed header: @compressed header, and the tile. */
void vp9_compressed_write(struct bits *b, const struct vp9_header *h, unsigned int qindex);
void vp9_tile_write(struct bits *b, const struct vp9_header *h, const struct block_coder *k);

#define VP9_PIVOT 128	/* probability at the third node, made the same for all contexts */

#endif
