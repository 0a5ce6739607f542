// SPDX-License-Identifier: MIT
/* How large the coefficients of a picture are that nothing before it predicts. */
#include "analysis.h"

#define B 8		/* a block; of the full picture */
#define NEW_SHARE 0.08	/* of intra cost: a part of the picture may be new */
#define NEW_JUMP 1.2	/* of what inter cost usually is */
#define USUAL_GAIN 0.25

/* The row above and those of a row of blocks, as 8 bits. */
static void narrow(const struct hvcal_analysis *an, const struct hvcal_analysis_picture *pic,
		   const uint8_t *row)
{
	for (ptrdiff_t y = 0; y <= B; y++, row += pic->stride)
		for (uint32_t x = 0; x < pic->width; x++)
			an->strip[y * pic->width + x] = (uint8_t)sample(pic, row, x);
}

bool hvcal_analysis_may_be_new(struct hvcal_analysis *an, const struct hvcal_analysis_result *res)
{
	bool is = res->first || (res->inter_cost > NEW_SHARE * res->intra_cost &&
				 res->inter_cost > NEW_JUMP * an->usual);

	an->usual += (res->first ? 1.0 : USUAL_GAIN) * (res->inter_cost - an->usual);
	return is;
}

/* Every second block, as on a board of chess, but for the first row and column. */
void hvcal_analysis_count_coefs(const struct hvcal_analysis *an,
				const struct hvcal_analysis_picture *pic, uint32_t step,
				struct hvcal_analysis_result *res)
{
	bool wide = pic->format != HVCAL_ANALYSIS_LUMA_8;
	uint64_t sums[COEFS] = { 0 }, blocks = 0;

	for (uint32_t by = 1; by < pic->height / B; by += step) {
		const uint8_t *row = (const uint8_t *)pic->luma +
				     ((ptrdiff_t)by * B - 1) * pic->stride;
		ptrdiff_t stride = wide ? (ptrdiff_t)pic->width : pic->stride;
		uint32_t counts[COEFS] = { 0 }, first = 1 + (by & 1);
		uint32_t n = pic->width / B > first ? (pic->width / B - first + 1) / 2 : 0;

		if (!n)
			continue;
		if (wide) {
			narrow(an, pic, row);
			row = an->strip;
		}
		an->k->coefs8x8(row + stride + (size_t)first * B, stride, n, 2 * B, counts);
		blocks += n;
		for (int i = 0; i < COEFS; i++)
			sums[i] += counts[i];
	}
	for (int i = 0; i < COEFS && blocks; i++)
		res->coefs[i] = (double)sums[i] / (double)(blocks * B * B);
}
