// SPDX-License-Identifier: MIT
/* The C reference of the kernels: what every SIMD variant is held to. */
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

static unsigned int load16(const uint8_t *row, unsigned int x, unsigned int shift)
{
	uint16_t v;

	memcpy(&v, row + 2 * (size_t)x, sizeof(v));
	return (unsigned int)(v >> shift) & 1023;
}

static uint64_t sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		     unsigned int w, unsigned int h)
{
	uint64_t sad = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as;
		const uint8_t *rb = b + (ptrdiff_t)y * bs;

		for (unsigned int x = 0; x < w; x++)
			sad += (uint64_t)abs(ra[x] - rb[x]);
	}
	return sad;
}

static uint64_t sad16(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
		      ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h)
{
	uint64_t sad = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as;
		const uint8_t *rb = b + (ptrdiff_t)y * bs;

		for (unsigned int x = 0; x < w; x++)
			sad += (uint64_t)abs((int)load16(ra, x, ashift) -
					     (int)load16(rb, x, bshift));
	}
	return sad;
}

static void sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint64_t *sum, uint64_t *sq)
{
	*sum = 0;
	*sq = 0;
	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *r = a + (ptrdiff_t)y * as;

		for (unsigned int x = 0; x < w; x++) {
			*sum += r[x];
			*sq += (uint64_t)r[x] * r[x];
		}
	}
}

static void sums16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint64_t *sum, uint64_t *sq)
{
	*sum = 0;
	*sq = 0;
	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *r = a + (ptrdiff_t)y * as;

		for (unsigned int x = 0; x < w; x++) {
			uint64_t v = load16(r, x, shift);

			*sum += v;
			*sq += v * v;
		}
	}
}

static void half8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint8_t *dst, ptrdiff_t ds)
{
	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		const uint8_t *r1 = y + 1 < h ? r0 + as : r0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < w; x += 2) {
			unsigned int n = x + 1 < w ? x + 1 : x;

			d[x / 2] = (uint8_t)((r0[x] + r0[n] + r1[x] + r1[n] + 2) / 4);
		}
	}
}

static void half16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint8_t *dst, ptrdiff_t ds)
{
	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		const uint8_t *r1 = y + 1 < h ? r0 + as : r0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < w; x += 2) {
			unsigned int n = x + 1 < w ? x + 1 : x;
			unsigned int v = (load16(r0, x, shift) + load16(r0, n, shift) +
					  load16(r1, x, shift) + load16(r1, n, shift) + 8) / 16;

			d[x / 2] = (uint8_t)(v < 255 ? v : 255);
		}
	}
}

static uint32_t sad8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs)
{
	return (uint32_t)sad8(a, as, b, bs, 8, 8);
}

/* Eight values, step apart, in place. */
static void hadamard8(int *v, int step)
{
	for (int half = 1; half < 8; half *= 2)
		for (int i = 0; i < 8; i++)
			if (!(i & half)) {
				int p = v[i * step], q = v[(i + half) * step];

				v[i * step] = p + q;
				v[(i + half) * step] = p - q;
			}
}

static uint32_t satd8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			uint32_t *dc)
{
	uint32_t sum = 0;
	int d[64];

	for (int y = 0; y < 8; y++) {
		for (int x = 0; x < 8; x++)
			d[y * 8 + x] = a[y * as + x] - b[y * bs + x];
		hadamard8(d + (ptrdiff_t)y * 8, 1);
	}
	for (int x = 0; x < 8; x++)
		hadamard8(d + x, 8);
	for (int i = 0; i < 64; i++)
		sum += (uint32_t)abs(d[i]);
	*dc = (uint32_t)abs(d[0]);
	return sum;
}

static void blocks8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		      unsigned int n, struct hvcal_analysis_block *out)
{
	for (; n; n--, a += 8, b += 8, out++) {
		uint64_t sum, sq;

		sums8(a, as, 8, 8, &sum, &sq);
		out->sum = (uint32_t)sum;
		out->sq = (uint32_t)sq;
		out->sad = sad8x8(a, as, b, bs);
		out->satd = satd8x8(a, as, b, bs, &out->dc);
	}
}

/* Absolute values of all but the mean's, @p being what is predicted of them, or NULL. */
static int left_over(const int *c, int step, const int *p)
{
	int sum = 0;

	for (int i = 1; i < 8; i++)
		sum += abs(c[i * step] - (p ? 8 * p[i] : 0));
	return sum;
}

/*
 * Predicting a block from one row changes only the coefficients of its mean row, as all
 * rows of the prediction are equal; columns alike. So one transform does for all three.
 */
static void predict8x8(int *c, const int *top, const int *left)
{
	int row = left_over(c, 1, NULL), column = left_over(c, 8, NULL);
	int mean = 4 * (top[0] + left[0]);
	int v = left_over(c, 1, top) + column + abs(c[0] - 8 * top[0]);
	int h = left_over(c, 8, left) + row + abs(c[0] - 8 * left[0]);
	int dc = row + column + abs(c[0] - mean);

	if (v <= h && v <= dc) {
		for (int i = 0; i < 8; i++)
			c[i] -= 8 * top[i];
	} else if (h <= dc) {
		for (ptrdiff_t i = 0; i < 8; i++)
			c[i * 8] -= 8 * left[i];
	} else {
		c[0] -= mean;
	}
}

static void coefs8x8(const uint8_t *src, ptrdiff_t stride, unsigned int n, unsigned int apart,
		     uint32_t counts[COEFS])
{
	for (; n; n--, src += apart) {
		int c[64], top[8], left[8];

		for (int y = 0; y < 8; y++) {
			for (int x = 0; x < 8; x++)
				c[y * 8 + x] = src[y * stride + x];
			hadamard8(c + (ptrdiff_t)y * 8, 1);
			top[y] = src[y - stride];
			left[y] = src[y * stride - 1];
		}
		for (int x = 0; x < 8; x++)
			hadamard8(c + x, 8);
		hadamard8(top, 1);
		hadamard8(left, 1);
		predict8x8(c, top, left);
		for (int i = 0; i < 64; i++)
			for (int k = 0; k < COEFS && abs(c[i]) >= 2 << k; k++)
				counts[k]++;
	}
}

const struct hvcal_analysis_kernels hvcal_analysis_kernels_c = {
	.name = "C",
	.sad8 = sad8,
	.sad16 = sad16,
	.sums8 = sums8,
	.sums16 = sums16,
	.half8 = half8,
	.half16 = half16,
	.sad8x8 = sad8x8,
	.satd8x8 = satd8x8,
	.blocks8x8 = blocks8x8,
	.coefs8x8 = coefs8x8,
};
