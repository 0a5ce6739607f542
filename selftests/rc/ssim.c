// SPDX-License-Identifier: MIT
/* SSIM (Wang et al. 2004) over 8x8 windows every 4 pixels, flat weights. */
#include "bench.h"

#define WINDOW 8
#define STEP 4

double ssim_plane(const uint8_t *a, size_t stride_a, const uint8_t *b, size_t stride_b,
		  unsigned int width, unsigned int height)
{
	const double n = WINDOW * WINDOW, c1 = 6.5025, c2 = 58.5225;
	double sum = 0.0;
	unsigned int windows = 0;

	for (unsigned int y = 0; y + WINDOW <= height; y += STEP) {
		for (unsigned int x = 0; x + WINDOW <= width; x += STEP) {
			unsigned int sa = 0, sb = 0, aa = 0, bb = 0, ab = 0;
			double ma, mb, va, vb, cov;

			for (int j = 0; j < WINDOW; j++) {
				const uint8_t *pa = a + (y + j) * stride_a + x;
				const uint8_t *pb = b + (y + j) * stride_b + x;

				for (int i = 0; i < WINDOW; i++) {
					sa += pa[i];
					sb += pb[i];
					aa += pa[i] * pa[i];
					bb += pb[i] * pb[i];
					ab += pa[i] * pb[i];
				}
			}
			ma = sa / n;
			mb = sb / n;
			va = aa / n - ma * ma;
			vb = bb / n - mb * mb;
			cov = ab / n - ma * mb;
			sum += (2.0 * ma * mb + c1) * (2.0 * cov + c2) /
			       ((ma * ma + mb * mb + c1) * (va + vb + c2));
			windows++;
		}
	}
	return windows ? sum / windows : 1.0;
}
