// SPDX-License-Identifier: MIT
/*
 * AVX2 variants of the kernels. Whole vectors here; what is left of a row goes to
 * the C reference, so nothing beyond a row is read.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"

#define C hvcal_analysis_kernels_c

static __m256i load(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* One stream alone does not keep a core's fetching busy. Beyond the picture: no harm. */
static void ahead(const uint8_t *p)
{
	_mm_prefetch((const char *)((uintptr_t)p + 2048), _MM_HINT_T0);
}

static uint64_t sum64(__m256i v)
{
	uint64_t s[4];

	_mm256_storeu_si256((__m256i *)s, v);
	return s[0] + s[1] + s[2] + s[3];
}

/* Adds eight 32-bit sums to four 64-bit ones. */
static __m256i widen(__m256i acc, __m256i v)
{
	acc = _mm256_add_epi64(acc, _mm256_and_si256(v, _mm256_set1_epi64x(0xffffffff)));
	return _mm256_add_epi64(acc, _mm256_srli_epi64(v, 32));
}

static uint64_t sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		     unsigned int w, unsigned int h)
{
	const unsigned int whole = w & ~31U;
	__m256i acc = _mm256_setzero_si256();
	uint64_t rest = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as, *rb = b + (ptrdiff_t)y * bs;

		for (unsigned int x = 0; x < whole; x += 32)
			acc = _mm256_add_epi64(acc, _mm256_sad_epu8(load(ra + x), load(rb + x)));
		rest += C.sad8(ra + whole, 0, rb + whole, 0, w - whole, 1);
	}
	return sum64(acc) + rest;
}

/* 16 samples of 10 bits. */
static __m256i load10(const uint8_t *row, unsigned int x, __m128i shift)
{
	return _mm256_and_si256(_mm256_srl_epi16(load(row + 2 * (size_t)x), shift),
				_mm256_set1_epi16(1023));
}

static uint64_t sad16(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
		      ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h)
{
	const __m128i sa = _mm_cvtsi32_si128((int)ashift), sb = _mm_cvtsi32_si128((int)bshift);
	const __m256i ones = _mm256_set1_epi16(1);
	const unsigned int whole = w & ~15U;
	__m256i acc = _mm256_setzero_si256();
	uint64_t rest = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *ra = a + (ptrdiff_t)y * as, *rb = b + (ptrdiff_t)y * bs;
		__m256i row = _mm256_setzero_si256();

		for (unsigned int x = 0; x < whole; x += 16) {
			__m256i d = _mm256_sub_epi16(load10(ra, x, sa), load10(rb, x, sb));

			row = _mm256_add_epi32(row, _mm256_madd_epi16(_mm256_abs_epi16(d), ones));
		}
		acc = widen(acc, row);
		rest += C.sad16(ra + 2 * (size_t)whole, 0, ashift, rb + 2 * (size_t)whole, 0,
				bshift, w - whole, 1);
	}
	return sum64(acc) + rest;
}

static void sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint64_t *sum, uint64_t *sq)
{
	const __m256i zero = _mm256_setzero_si256();
	const unsigned int whole = w & ~31U;
	__m256i s = zero, q = zero;
	uint64_t rs = 0, rq = 0, ts, tq;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *r = a + (ptrdiff_t)y * as;
		__m256i row = zero;

		for (unsigned int x = 0; x < whole; x += 32) {
			__m256i v = load(r + x);
			__m256i lo = _mm256_unpacklo_epi8(v, zero);
			__m256i hi = _mm256_unpackhi_epi8(v, zero);

			ahead(r + x);
			s = _mm256_add_epi64(s, _mm256_sad_epu8(v, zero));
			row = _mm256_add_epi32(row, _mm256_madd_epi16(lo, lo));
			row = _mm256_add_epi32(row, _mm256_madd_epi16(hi, hi));
		}
		q = widen(q, row);
		C.sums8(r + whole, 0, w - whole, 1, &ts, &tq);
		rs += ts;
		rq += tq;
	}
	*sum = sum64(s) + rs;
	*sq = sum64(q) + rq;
}

static void sums16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint64_t *sum, uint64_t *sq)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
	const unsigned int whole = w & ~15U;
	__m256i s = zero, q = zero;
	uint64_t rs = 0, rq = 0, ts, tq;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *r = a + (ptrdiff_t)y * as;
		__m256i rows = zero, rowq = zero;

		for (unsigned int x = 0; x < whole; x += 16) {
			__m256i v = load10(r, x, sh);

			ahead(r + 2 * (size_t)x);
			rows = _mm256_add_epi32(rows, _mm256_madd_epi16(v, ones));
			rowq = _mm256_add_epi32(rowq, _mm256_madd_epi16(v, v));
		}
		s = widen(s, rows);
		q = widen(q, rowq);
		C.sums16(r + 2 * (size_t)whole, 0, shift, w - whole, 1, &ts, &tq);
		rs += ts;
		rq += tq;
	}
	*sum = sum64(s) + rs;
	*sq = sum64(q) + rq;
}

/* 32 samples of two rows to 16 sums of four. */
static __m256i four8(const uint8_t *r0, const uint8_t *r1)
{
	const __m256i ones = _mm256_set1_epi8(1);

	return _mm256_add_epi16(_mm256_maddubs_epi16(load(r0), ones),
				_mm256_maddubs_epi16(load(r1), ones));
}

static void half8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint8_t *dst, ptrdiff_t ds)
{
	const __m256i two = _mm256_set1_epi16(2);
	const unsigned int whole = w & ~63U;

	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		ptrdiff_t next = y + 1 < h ? as : 0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < whole; x += 64) {
			const uint8_t *p = r0 + x;
			__m256i lo = _mm256_add_epi16(four8(p, p + next), two);
			__m256i hi = _mm256_add_epi16(four8(p + 32, p + 32 + next), two);
			__m256i v = _mm256_packus_epi16(_mm256_srli_epi16(lo, 2),
							_mm256_srli_epi16(hi, 2));

			_mm256_storeu_si256((__m256i *)(d + x / 2),
					    _mm256_permute4x64_epi64(v, 0xd8));
		}
		if (whole < w)
			C.half8(r0 + whole, next, w - whole, 2, d + whole / 2, 0);
	}
}

/* 16 samples of two rows to 8 sums of four, 32 bits each. */
static __m256i four16(const uint8_t *r0, const uint8_t *r1, __m128i shift)
{
	__m256i v = _mm256_add_epi16(load10(r0, 0, shift), load10(r1, 0, shift));

	return _mm256_madd_epi16(v, _mm256_set1_epi16(1));
}

static void half16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint8_t *dst, ptrdiff_t ds)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const __m256i eight = _mm256_set1_epi16(8);
	const unsigned int whole = w & ~31U;

	for (unsigned int y = 0; y < h; y += 2) {
		const uint8_t *r0 = a + (ptrdiff_t)y * as;
		ptrdiff_t next = y + 1 < h ? as : 0;
		uint8_t *d = dst + (ptrdiff_t)(y / 2) * ds;

		for (unsigned int x = 0; x < whole; x += 32) {
			const uint8_t *p = r0 + 2 * (size_t)x;
			__m256i v = _mm256_packus_epi32(four16(p, p + next, sh),
							four16(p + 32, p + 32 + next, sh));

			v = _mm256_permute4x64_epi64(v, 0xd8);
			v = _mm256_srli_epi16(_mm256_add_epi16(v, eight), 4);
			_mm_storeu_si128((__m128i *)(d + x / 2),
					 _mm_packus_epi16(_mm256_castsi256_si128(v),
							  _mm256_extracti128_si256(v, 1)));
		}
		if (whole < w)
			C.half16(r0 + 2 * (size_t)whole, next, shift, w - whole, 2,
				 d + whole / 2, 0);
	}
}

static __m128i load8(const uint8_t *p)
{
	return _mm_loadl_epi64((const __m128i *)p);
}

static uint32_t sad8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs)
{
	__m128i acc = _mm_setzero_si128();

	for (int y = 0; y < 8; y += 2) {
		const uint8_t *ra = a + y * as, *rb = b + y * bs;

		acc = _mm_add_epi32(acc,
				    _mm_sad_epu8(_mm_unpacklo_epi64(load8(ra), load8(ra + as)),
						 _mm_unpacklo_epi64(load8(rb), load8(rb + bs))));
	}
	return (uint32_t)_mm_cvtsi128_si32(acc) + (uint32_t)_mm_extract_epi32(acc, 2);
}

/* Hadamard transform across the eight vectors. */
static void hadamard8(__m128i *v)
{
	for (int half = 1; half < 8; half *= 2)
		for (int i = 0; i < 8; i++)
			if (!(i & half)) {
				__m128i p = v[i], q = v[i + half];

				v[i] = _mm_add_epi16(p, q);
				v[i + half] = _mm_sub_epi16(p, q);
			}
}

static void transpose8(__m128i *v)
{
	__m128i t[8], u[8];

	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
		t[2 * i + 1] = _mm_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
	}
	for (int i = 0; i < 8; i += 4)
		for (int j = 0; j < 2; j++) {
			u[i + 2 * j] = _mm_unpacklo_epi32(t[i + j], t[i + j + 2]);
			u[i + 2 * j + 1] = _mm_unpackhi_epi32(t[i + j], t[i + j + 2]);
		}
	for (int i = 0; i < 4; i++) {
		v[2 * i] = _mm_unpacklo_epi64(u[i], u[i + 4]);
		v[2 * i + 1] = _mm_unpackhi_epi64(u[i], u[i + 4]);
	}
}

/* Coefficients are at most 64 * 255: they fit 16 bits. */
static uint32_t satd8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			uint32_t *dc)
{
	__m128i acc = _mm_setzero_si128(), v[8];

	for (int y = 0; y < 8; y++)
		v[y] = _mm_sub_epi16(_mm_cvtepu8_epi16(load8(a + y * as)),
				     _mm_cvtepu8_epi16(load8(b + y * bs)));
	hadamard8(v);
	transpose8(v);
	hadamard8(v);
	*dc = (uint32_t)_mm_extract_epi16(_mm_abs_epi16(v[0]), 0);
	for (int i = 0; i < 8; i++)
		acc = _mm_add_epi32(acc, _mm_madd_epi16(_mm_abs_epi16(v[i]), _mm_set1_epi16(1)));
	acc = _mm_add_epi32(acc, _mm_srli_si128(acc, 8));
	acc = _mm_add_epi32(acc, _mm_srli_si128(acc, 4));
	return (uint32_t)_mm_cvtsi128_si32(acc);
}

const struct hvcal_analysis_kernels hvcal_analysis_kernels_avx2 = {
	.name = "AVX2",
	.sad8 = sad8,
	.sad16 = sad16,
	.sums8 = sums8,
	.sums16 = sums16,
	.half8 = half8,
	.half16 = half16,
	.sad8x8 = sad8x8,
	.satd8x8 = satd8x8,
};
