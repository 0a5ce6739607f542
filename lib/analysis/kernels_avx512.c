// SPDX-License-Identifier: MIT
/*
 * AVX-512BW variants of the kernels that go over whole rows. Masks cover what is
 * left of a row: lanes that are masked out are not read. Blocks of 8x8 are too
 * small to gain from wider vectors; AVX2 does them.
 */
#include <immintrin.h>

#include "kernels.h"

static __mmask64 mask8(unsigned int left)
{
	return left >= 64 ? ~0ULL : (1ULL << left) - 1;
}

static __mmask32 mask16(unsigned int left)
{
	return left >= 32 ? ~0U : (1U << left) - 1;
}

static __m512i load8(const uint8_t *row, unsigned int x, unsigned int w)
{
	return _mm512_maskz_loadu_epi8(mask8(w - x), row + x);
}

/* 32 samples of 10 bits. */
static __m512i load10(const uint8_t *row, unsigned int x, unsigned int w, __m128i shift)
{
	__m512i v = _mm512_maskz_loadu_epi16(mask16(w - x), row + 2 * (size_t)x);

	return _mm512_and_si512(_mm512_srl_epi16(v, shift), _mm512_set1_epi16(1023));
}

/* One stream alone does not keep a core's fetching busy. Beyond the picture: no harm. */
static void ahead(const uint8_t *p)
{
	_mm_prefetch((const char *)((uintptr_t)p + 2048), _MM_HINT_T0);
}

/* Adds sixteen 32-bit sums to eight 64-bit ones. */
static __m512i widen(__m512i acc, __m512i v)
{
	acc = _mm512_add_epi64(acc, _mm512_and_si512(v, _mm512_set1_epi64(0xffffffff)));
	return _mm512_add_epi64(acc, _mm512_srli_epi64(v, 32));
}

static uint64_t sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		     unsigned int w, unsigned int h)
{
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as, *rb = b + (ptrdiff_t)y * bs;

		for (unsigned int x = 0; x < w; x += 64)
			acc = _mm512_add_epi64(acc, _mm512_sad_epu8(load8(ra, x, w),
								    load8(rb, x, w)));
	}
	return (uint64_t)_mm512_reduce_add_epi64(acc);
}

static uint64_t sad16(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
		      ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h)
{
	const __m128i sa = _mm_cvtsi32_si128((int)ashift), sb = _mm_cvtsi32_si128((int)bshift);
	const __m512i ones = _mm512_set1_epi16(1);
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as, *rb = b + (ptrdiff_t)y * bs;
		__m512i row = _mm512_setzero_si512();

		for (unsigned int x = 0; x < w; x += 32) {
			__m512i d = _mm512_sub_epi16(load10(ra, x, w, sa), load10(rb, x, w, sb));

			row = _mm512_add_epi32(row, _mm512_madd_epi16(_mm512_abs_epi16(d), ones));
		}
		acc = widen(acc, row);
	}
	return (uint64_t)_mm512_reduce_add_epi64(acc);
}

/* Part of the sums of 64 samples; squares in 32 bits. */
static void sums64(__m512i v, __m512i *sum, __m512i *sq)
{
	const __m512i zero = _mm512_setzero_si512();
	__m512i lo = _mm512_unpacklo_epi8(v, zero);
	__m512i hi = _mm512_unpackhi_epi8(v, zero);

	*sum = _mm512_add_epi64(*sum, _mm512_sad_epu8(v, zero));
	*sq = _mm512_add_epi32(*sq, _mm512_add_epi32(_mm512_madd_epi16(lo, lo),
						     _mm512_madd_epi16(hi, hi)));
}

/* Two rows far apart at once: a core fetches two streams faster than one. */
static void sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint64_t *sum, uint64_t *sq)
{
	const __m512i zero = _mm512_setzero_si512();
	__m512i s = zero, q = zero;

	for (unsigned int y = 0; y < h - h / 2; y++) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		const uint8_t *r1 = r0 + (ptrdiff_t)(h - h / 2) * as;
		__m512i row0 = zero, row1 = zero;

		if (y < h / 2) {
			for (unsigned int x = 0; x < w; x += 64) {
				sums64(load8(r0, x, w), &s, &row0);
				sums64(load8(r1, x, w), &s, &row1);
			}
			q = widen(q, row1);
		} else { /* the middle row of an odd number */
			for (unsigned int x = 0; x < w; x += 64)
				sums64(load8(r0, x, w), &s, &row0);
		}
		q = widen(q, row0);
	}
	*sum = (uint64_t)_mm512_reduce_add_epi64(s);
	*sq = (uint64_t)_mm512_reduce_add_epi64(q);
}

static void sums16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint64_t *sum, uint64_t *sq)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const __m512i zero = _mm512_setzero_si512(), ones = _mm512_set1_epi16(1);
	__m512i s = zero, q = zero;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *r = a + (ptrdiff_t)y * as;
		__m512i rows = zero, rowq = zero;

		for (unsigned int x = 0; x < w; x += 32) {
			__m512i v = load10(r, x, w, sh);

			ahead(r + 2 * (size_t)x);
			rows = _mm512_add_epi32(rows, _mm512_madd_epi16(v, ones));
			rowq = _mm512_add_epi32(rowq, _mm512_madd_epi16(v, v));
		}
		s = widen(s, rows);
		q = widen(q, rowq);
	}
	*sum = (uint64_t)_mm512_reduce_add_epi64(s);
	*sq = (uint64_t)_mm512_reduce_add_epi64(q);
}

/* The last sample of an odd row has no neighbour: C does that column. */
static void half8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint8_t *dst, ptrdiff_t ds)
{
	const __m512i ones = _mm512_set1_epi8(1), two = _mm512_set1_epi16(2);
	const unsigned int even = w & ~1U;

	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		ptrdiff_t next = y + 1 < h ? as : 0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < even; x += 64) {
			__m512i v = _mm512_add_epi16(
				_mm512_maddubs_epi16(load8(r0, x, even), ones),
				_mm512_maddubs_epi16(load8(r0 + next, x, even), ones));

			v = _mm512_srli_epi16(_mm512_add_epi16(v, two), 2);
			_mm512_mask_cvtepi16_storeu_epi8(d + x / 2, mask16((even - x) / 2), v);
		}
		if (even < w)
			hvcal_analysis_kernels_c.half8(r0 + even, next, 1, 2, d + even / 2, 0);
	}
}

static void half16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint8_t *dst, ptrdiff_t ds)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const __m512i ones = _mm512_set1_epi16(1), eight = _mm512_set1_epi32(8);
	const unsigned int even = w & ~1U;

	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		ptrdiff_t next = y + 1 < h ? as : 0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < even; x += 32) {
			__m512i v = _mm512_add_epi16(load10(r0, x, even, sh),
						     load10(r0 + next, x, even, sh));

			v = _mm512_add_epi32(_mm512_madd_epi16(v, ones), eight);
			/* the narrowing store saturates, as the reference does */
			_mm512_mask_cvtusepi32_storeu_epi8(d + x / 2,
							   (__mmask16)mask16((even - x) / 2),
							   _mm512_srli_epi32(v, 4));
		}
		if (even < w)
			hvcal_analysis_kernels_c.half16(r0 + 2 * (size_t)even, next, shift, 1, 2,
							d + even / 2, 0);
	}
}

static uint32_t sad8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs)
{
	return hvcal_analysis_kernels_avx2.sad8x8(a, as, b, bs);
}

static uint32_t satd8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			uint32_t *dc)
{
	return hvcal_analysis_kernels_avx2.satd8x8(a, as, b, bs, dc);
}

const struct hvcal_analysis_kernels hvcal_analysis_kernels_avx512 = {
	.name = "AVX-512",
	.sad8 = sad8,
	.sad16 = sad16,
	.sums8 = sums8,
	.sums16 = sums16,
	.half8 = half8,
	.half16 = half16,
	.sad8x8 = sad8x8,
	.satd8x8 = satd8x8,
};
