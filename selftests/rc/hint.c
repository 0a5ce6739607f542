// SPDX-License-Identifier: MIT
/*
 * What a pre-analysis would tell of each frame, by plain means: 8x8 blocks of
 * the half-size picture, predicted from the frame before by a small search, and
 * from their own mean; costs are sums of transformed differences a pixel.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BLOCK 8
#define RANGE 12
#define CUT_RATIO 0.72		/* of intra cost: little is left to refer to */
#define CUT_JUMP 1.8		/* times the usual */
#define ALL_RATIO 0.92		/* nothing at all is left */
#define ALL_JUMP 1.3

static void halve(const uint8_t *in, unsigned int stride, uint8_t *out, unsigned int w,
		  unsigned int h)
{
	for (unsigned int y = 0; y < h; y++) {
		for (unsigned int x = 0; x < w; x++) {
			const uint8_t *p = in + (size_t)2 * y * stride + 2 * x;

			out[(size_t)y * w + x] =
				(uint8_t)((p[0] + p[1] + p[stride] + p[stride + 1] + 2) >> 2);
		}
	}
}

static unsigned int sad(const uint8_t *a, const uint8_t *b, unsigned int stride)
{
	unsigned int sum = 0;

	for (int y = 0; y < BLOCK; y++)
		for (int x = 0; x < BLOCK; x++)
			sum += abs(a[y * stride + x] - b[y * stride + x]);
	return sum;
}

static void hadamard(int *v, int step)
{
	for (int len = 1; len < BLOCK; len *= 2) {
		for (int i = 0; i < BLOCK; i += 2 * len) {
			for (int j = i; j < i + len; j++) {
				int a = v[j * step], b = v[(j + len) * step];

				v[j * step] = a + b;
				v[(j + len) * step] = a - b;
			}
		}
	}
}

static unsigned int satd(int *diff, bool without_mean)
{
	unsigned int sum = 0;

	for (int i = 0; i < BLOCK; i++)
		hadamard(diff + i * BLOCK, 1);
	for (int i = 0; i < BLOCK; i++)
		hadamard(diff + i, BLOCK);
	for (int i = without_mean; i < BLOCK * BLOCK; i++)
		sum += abs(diff[i]);
	return sum / BLOCK;
}

static unsigned int satd_of(const uint8_t *a, const uint8_t *b, unsigned int stride)
{
	int diff[BLOCK * BLOCK];

	for (int y = 0; y < BLOCK; y++)
		for (int x = 0; x < BLOCK; x++)
			diff[y * BLOCK + x] = a[y * stride + x] - (b ? b[y * stride + x] : 0);
	return satd(diff, !b);
}

/* Steps of 4, 2, 1 from the best of zero and the left neighbour's motion. */
static unsigned int inter_cost(const uint8_t *cur, const uint8_t *prev, unsigned int w,
			       unsigned int h, unsigned int bx, unsigned int by, int *mx, int *my)
{
	const uint8_t *at = cur + (size_t)by * w + bx;
	int best_x = 0, best_y = 0;
	unsigned int best = sad(at, prev + (size_t)by * w + bx, w);

	for (int step = 8; step; step /= 2) {
		int from_x = best_x, from_y = best_y;

		for (int i = 0; i < 9; i++) {
			int x = (step == 8 ? *mx : from_x + (i % 3 - 1) * step);
			int y = (step == 8 ? *my : from_y + (i / 3 - 1) * step);
			int px = (int)bx + x, py = (int)by + y;
			unsigned int s;

			if (px < 0 || py < 0 || px + BLOCK > (int)w || py + BLOCK > (int)h ||
			    abs(x) > RANGE || abs(y) > RANGE)
				continue;
			s = sad(at, prev + (size_t)py * w + px, w);
			if (s < best) {
				best = s;
				best_x = x;
				best_y = y;
			}
		}
	}
	*mx = best_x;
	*my = best_y;
	return satd_of(at, prev + (size_t)((int)by + best_y) * w + ((int)bx + best_x), w);
}

void hint_clip(struct clip *clip)
{
	unsigned int w = clip->width / 2, h = clip->height / 2;
	uint8_t *pics = malloc((size_t)2 * w * h);
	double usual = 0.0;

	if (!pics)
		return;
	for (unsigned int i = 0; i < clip->frames; i++) {
		uint8_t *cur = pics + (size_t)(i & 1) * w * h;
		const uint8_t *prev = pics + (size_t)(~i & 1) * w * h;
		struct hvcal_rc_hint *hint = &clip->hints[i];
		double intra = 0.0, inter = 0.0, pixels = 0.0;

		halve(clip_frame(clip, i), clip->width, cur, w, h);
		for (unsigned int y = 0; y + BLOCK <= h; y += BLOCK) {
			int mx = 0, my = 0;

			for (unsigned int x = 0; x + BLOCK <= w; x += BLOCK) {
				unsigned int c = satd_of(cur + (size_t)y * w + x, NULL, w), p = c;

				if (i)
					p = inter_cost(cur, prev, w, h, x, y, &mx, &my);
				intra += c;
				inter += p < c ? p : c;
				pixels += BLOCK * BLOCK;
			}
		}
		hint->intra_cost = (float)(intra / pixels);
		hint->inter_cost = (float)(inter / pixels);
		hint->is_static = i && inter == 0.0;
		if (i && ((inter > CUT_RATIO * intra && hint->inter_cost > CUT_JUMP * usual) ||
			  (inter > ALL_RATIO * intra && hint->inter_cost > ALL_JUMP * usual)))
			hint->cut = 1.0f;
		if (i)
			usual = i == 1 || hint->cut > 0.0f ? hint->inter_cost :
				0.8 * usual + 0.2 * hint->inter_cost;
		if (hint->cut > 0.0f)
			usual *= 0.5;
	}
	free(pics);
}
