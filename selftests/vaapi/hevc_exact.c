// SPDX-License-Identifier: MIT
/*
 * HEVC without loss: coding blocks as they are (PCM), and skipped ones where the reference,
 * or in B slices the mean of both, has the same. A wrong reference shows in the picture.
 */
#include <string.h>

#include "cabac.h"
#include "hevc.h"

#define SKIP_QP_MAX 15	/* above, deblocking would touch what lies beside PCM */

enum { SLICE_B, SLICE_P, SLICE_I };
enum { CTX_SPLIT, CTX_SKIP, CTX_MERGE = CTX_SKIP + 3, CTX_MODE, CTX_PART, CTX_COUNT };

/* By type of the slice, cabac_init_flag being 0. */
static const uint8_t init[3][CTX_COUNT] = {
	[SLICE_B] = { 107, 197, 185, 201, 137, 134, 154 },
	[SLICE_P] = { 107, 197, 185, 201, 122, 149, 154 },
	[SLICE_I] = { 139, 154, 154, 154, 154, 154, 184 },
};

struct coder {
	struct cabac cabac;
	const struct hevc_job *j;
};

static bool can_skip(const struct coder *k, uint32_t x, uint32_t y, uint32_t size)
{
	const struct hevc_job *j = k->j;

	return j->reference && j->qp <= SKIP_QP_MAX &&
	       raw_same(&j->raw, j->reference, j->future ? j->future : j->reference, x, y, size);
}

/* Largest coding block at a place that lies within the picture. */
static uint32_t block_at(const struct coder *k, uint32_t x, uint32_t y, uint32_t *bx, uint32_t *by)
{
	uint32_t size = 1U << k->j->sps->log2_ctb;

	for (;; size /= 2) {
		*bx = x / size * size;
		*by = y / size * size;
		if (*bx + size <= k->j->raw.width && *by + size <= k->j->raw.height)
			return size;
	}
}

static unsigned int skipped_at(const struct coder *k, uint32_t x, uint32_t y)
{
	uint32_t bx, by, size = block_at(k, x, y, &bx, &by);

	return can_skip(k, bx, by, size);
}

static void samples_put(struct bits *b, const struct hevc_job *j, uint32_t x, uint32_t y,
			uint32_t size)
{
	for (int p = 0; p < 3; p++) {
		uint32_t half = !!p, width = j->raw.width >> half;

		for (uint32_t i = y >> half; i < (y + size) >> half; i++)
			for (uint32_t k = x >> half; k < (x + size) >> half; k++) {
				const uint8_t *at = j->raw.plane[p] +
						    ((size_t)i * width + k) * j->raw.sample;
				uint16_t v = *at;

				if (j->raw.sample == 2)
					memcpy(&v, at, sizeof(v));
				/* ten bits lie in the high ones */
				bits_put(b, j->raw.sample == 2 ? v >> 6 : v, j->sps->pcm_depth);
			}
	}
}

static void block_put(struct coder *k, uint32_t x, uint32_t y, uint32_t log2)
{
	const struct hevc_job *j = k->j;
	struct cabac *c = &k->cabac;
	bool skip = can_skip(k, x, y, 1U << log2);

	if (j->reference)
		cabac_encode(c, CTX_SKIP + (int)((x ? skipped_at(k, x - 1, y) : 0) +
						 (y ? skipped_at(k, x, y - 1) : 0)), skip);
	if (skip) {
		if (j->slice->max_num_merge_cand > 1)
			cabac_encode(c, CTX_MERGE, 0);
		return;
	}
	if (j->reference)
		cabac_encode(c, CTX_MODE, 1);
	if (log2 == j->sps->log2_min_cb)
		cabac_encode(c, CTX_PART, 1);
	cabac_terminate(c, true);
	bits_align(c->out, 0);
	samples_put(c->out, j, x, y, 1U << log2);
	cabac_start(c);
}

/* Blocks are parted only where they leave the picture. */
static void tree_put(struct coder *k, uint32_t x, uint32_t y, uint32_t log2)
{
	uint32_t size = 1U << log2, width = k->j->raw.width, height = k->j->raw.height;

	if (x >= width || y >= height)
		return;
	if (x + size <= width && y + size <= height) {
		/* no neighbour is parted further */
		if (log2 > k->j->sps->log2_min_cb)
			cabac_encode(&k->cabac, CTX_SPLIT, 0);
		block_put(k, x, y, log2);
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		tree_put(k, x + i % 2 * size / 2, y + i / 2 * size / 2, log2 - 1);
}

VAStatus hevc_exact(struct hevc_job *j)
{
	uint32_t log2 = j->sps->log2_ctb, ctb = 1U << log2;
	struct coder k = { .cabac.out = &j->data, .j = j };

	for (int i = 0; i < CTX_COUNT; i++) {
		int value = init[j->slice->slice_type][i];

		cabac_context(&k.cabac, i, (value >> 4) * 5 - 45, ((value & 15) << 3) - 16, j->qp);
	}
	cabac_start(&k.cabac);
	for (uint32_t y = 0; y < j->raw.height; y += ctb)
		for (uint32_t x = 0; x < j->raw.width; x += ctb) {
			tree_put(&k, x, y, log2);
			cabac_terminate(&k.cabac, x + ctb >= j->raw.width &&
					y + ctb >= j->raw.height);
		}
	bits_align(&j->data, 0);
	raw_store(&j->raw, j->recon);
	return VA_STATUS_SUCCESS;
}
