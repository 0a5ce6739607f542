// SPDX-License-Identifier: MIT
/*
 * H.264 without loss: macroblocks as they are (I_PCM), in P slices P_Skip where the
 * reference has the same already, in B slices B_Skip where the mean of both has. A wrong
 * reference shows in the picture.
 */
#include <string.h>

#include "cabac.h"
#include "h264.h"

#define MB 16
#define SKIP_QP_MAX 30	/* above, deblocking would touch what lies beside I_PCM */

/* Contexts that are needed: three each of mb_type in I and mb_skip_flag, and two. */
enum { CTX_TYPE_I, CTX_SKIP = 3, CTX_INTRA = 6, CTX_TYPE_IN_P, CTX_COUNT };
/* And of mb_type in B, of which the last is that of intra macroblocks, too. */
enum { CTX_TYPE_B = CTX_INTRA, CTX_COUNT_B = CTX_TYPE_B + 6 };

static const int8_t init[CTX_COUNT][2] = {
	{ 20, -15 }, { 2, 54 }, { 3, 74 },
	/* cabac_init_idc 0 */
	{ 23, 33 }, { 23, 2 }, { 21, 0 }, { 1, 9 }, { 5, 57 },
};

static const int8_t init_b[CTX_COUNT_B][2] = {
	{ 20, -15 }, { 2, 54 }, { 3, 74 }, { 18, 64 }, { 9, 43 }, { 29, 0 },
	{ 26, 67 }, { 16, 90 }, { 9, 104 }, { -46, 127 }, { -20, 104 }, { 1, 67 },
};

/* ---- macroblocks ---- */

struct where {
	const struct h264_job *j;
	uint32_t mb, first;	/* in the picture, of the slice */
	uint32_t cols;
};

static void rows_put(struct bits *b, const struct raw *r, int plane, uint32_t x, uint32_t y,
		     uint32_t size)
{
	uint32_t width = plane ? r->width / 2 : r->width;

	for (uint32_t i = 0; i < size; i++)
		bits_bytes(b, r->plane[plane] + (size_t)(y + i) * width + x, size);
}

static void samples_put(struct bits *b, const struct where *w)
{
	uint32_t x = w->mb % w->cols, y = w->mb / w->cols;

	bits_align(b, 0);
	rows_put(b, &w->j->raw, 0, x * MB, y * MB, MB);
	rows_put(b, &w->j->raw, 1, x * MB / 2, y * MB / 2, MB / 2);
	rows_put(b, &w->j->raw, 2, x * MB / 2, y * MB / 2, MB / 2);
}

/* Is the reference the same here? */
static bool can_skip(const struct where *w, uint32_t mb)
{
	const struct surface *ref = w->j->reference;

	return ref && w->j->qp <= SKIP_QP_MAX && !rir_column(w->j->c, mb % w->cols) &&
	       raw_same(&w->j->raw, ref, w->j->future ? w->j->future : ref, mb % w->cols * MB,
			mb / w->cols * MB, MB);
}

static int neighbours(const struct where *w, bool want_skip)
{
	int n = 0;

	if (w->mb % w->cols && w->mb - 1 >= w->first)
		n += can_skip(w, w->mb - 1) == want_skip;
	if (w->mb >= w->cols && w->mb - w->cols >= w->first)
		n += can_skip(w, w->mb - w->cols) == want_skip;
	return n;
}

/* The prefix of macroblocks that are intra in a B slice. */
static void intra_in_b(struct cabac *c, const struct where *w)
{
	cabac_encode(c, CTX_TYPE_B + neighbours(w, false), 1);
	cabac_encode(c, CTX_TYPE_B + 3, 1);
	cabac_encode(c, CTX_TYPE_B + 4, 1);
	cabac_encode(c, CTX_TYPE_B + 5, 1);
	cabac_encode(c, CTX_TYPE_B + 5, 0);
	cabac_encode(c, CTX_TYPE_B + 5, 1);
	cabac_encode(c, CTX_TYPE_B + 5, 1);
}

static void pcm_cabac(struct cabac *c, const struct where *w, bool p)
{
	if (w->j->future) {
		intra_in_b(c, w);
	} else if (p) {
		cabac_encode(c, CTX_INTRA, 1);
		cabac_encode(c, CTX_TYPE_IN_P, 1);
	} else {
		/* neighbours are of no prediction mode either */
		cabac_encode(c, CTX_TYPE_I + neighbours(w, false), 1);
	}
	cabac_terminate(c, true);
	samples_put(c->out, w);
	cabac_start(c);
}

static void slice_cabac(struct bits *out, struct where *w, uint32_t end)
{
	struct cabac c = { .out = out };
	bool p = w->j->reference, b = w->j->future;
	const int8_t (*table)[2] = b ? init_b : init;

	for (int i = 0; i < (b ? (int)CTX_COUNT_B : (int)CTX_COUNT); i++)
		cabac_context(&c, i, table[i][0], table[i][1], w->j->qp);
	cabac_start(&c);
	for (; w->mb < end; w->mb++) {
		bool skip = can_skip(w, w->mb);

		if (p)
			cabac_encode(&c, CTX_SKIP + neighbours(w, false), skip);
		if (!skip)
			pcm_cabac(&c, w, p);
		cabac_terminate(&c, w->mb + 1 == end);
	}
	bits_align(out, 0);
}

/* The data begin behind @skip bits of a byte. */
static void slice_cavlc(struct bits *out, struct where *w, uint32_t end, size_t skip)
{
	bool p = w->j->reference;
	uint32_t run = 0;

	bits_put(out, 0, (unsigned int)skip);
	for (; w->mb < end; w->mb++) {
		if (can_skip(w, w->mb)) {
			run++;
			continue;
		}
		if (p)
			bits_ue(out, run);
		run = 0;
		bits_ue(out, p ? 30 : 25);
		samples_put(out, w);
	}
	if (run)
		bits_ue(out, run);
}

VAStatus h264_exact(struct h264_job *j)
{
	uint32_t cols = j->seq->picture_width_in_mbs;

	for (unsigned int i = 0; i < j->nslices; i++) {
		uint32_t first = j->slice[i]->macroblock_address;
		uint32_t end = first + j->slice[i]->num_macroblocks;
		struct where w = { .j = j, .mb = first, .first = first, .cols = cols };

		if (j->pic->pic_fields.bits.entropy_coding_mode_flag)
			slice_cabac(&j->data[i], &w, end);
		else
			slice_cavlc(&j->data[i], &w, end, j->skip[i]);
	}
	raw_store(&j->raw, j->recon);
	j->used_qp = j->qp;
	return VA_STATUS_SUCCESS;
}
