// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "kernels.h"

uint64_t hvcal_analysis_sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			     unsigned int w, unsigned int h)
{
	uint64_t sad = 0;

	for (unsigned int y = 0; y < h; y++, a += as, b += bs)
		for (unsigned int x = 0; x < w; x++)
			sad += (uint64_t)abs(a[x] - b[x]);
	return sad;
}

void hvcal_analysis_sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
			  uint64_t *sum, uint64_t *sq)
{
	*sum = 0;
	*sq = 0;
	for (unsigned int y = 0; y < h; y++, a += as)
		for (unsigned int x = 0; x < w; x++) {
			*sum += a[x];
			*sq += (uint64_t)a[x] * a[x];
		}
}

void hvcal_analysis_half8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
			  uint8_t *dst, ptrdiff_t ds)
{
	for (unsigned int y = 0; y < h; y += 2, dst += ds) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		const uint8_t *r1 = y + 1 < h ? r0 + as : r0;

		for (unsigned int x = 0; x < w; x += 2) {
			unsigned int n = x + 1 < w ? x + 1 : x;

			dst[x / 2] = (uint8_t)((r0[x] + r0[n] + r1[x] + r1[n] + 2) / 4);
		}
	}
}
