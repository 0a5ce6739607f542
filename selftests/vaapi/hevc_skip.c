// SPDX-License-Identifier: MIT
/* HEVC without a picture: coding tree blocks that are skipped, of a B slice. */
#include "cabac.h"
#include "hevc.h"

enum { CTX_SPLIT, CTX_SKIP, CTX_MERGE = CTX_SKIP + 3 };

static void context(struct cabac *c, int i, int value, int qp)
{
	cabac_context(c, i, (value >> 4) * 5 - 45, ((value & 15) << 3) - 16, qp);
}

VAStatus hevc_skip(struct hevc_job *j)
{
	uint32_t cols = j->sps->width >> j->sps->log2_ctb, rows = j->sps->height >> j->sps->log2_ctb;
	struct cabac c = { .out = &j->data };

	if (cols << j->sps->log2_ctb != j->sps->width || rows << j->sps->log2_ctb != j->sps->height)
		return wrong("B slices are for pictures of whole coding tree blocks");
	/* initType 2 of the standard's tables */
	context(&c, CTX_SPLIT, 107, j->qp);
	context(&c, CTX_SKIP, 197, j->qp);
	context(&c, CTX_SKIP + 1, 185, j->qp);
	context(&c, CTX_SKIP + 2, 201, j->qp);
	context(&c, CTX_MERGE, 137, j->qp);
	cabac_start(&c);
	for (uint32_t i = 0; i < cols * rows; i++) {
		if (j->sps->log2_ctb > j->sps->log2_min_cb)
			cabac_encode(&c, CTX_SPLIT, 0);
		/* all neighbours are skipped */
		cabac_encode(&c, CTX_SKIP + (i % cols != 0) + (i >= cols), 1);
		cabac_encode(&c, CTX_MERGE, 0);
		cabac_terminate(&c, i + 1 == cols * rows);
	}
	bits_align(&j->data, 0);
	return VA_STATUS_SUCCESS;
}
