// SPDX-License-Identifier: MIT
/*
 * AVX-512BW variants of the kernels that go over whole rows. Masks cover what is
 * left of a row: lanes that are masked out are not read. Single blocks of 8x8 are too
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

/* Parts of a picture that are gone through side by side; see kernels_avx2.c. */
#define PARTS 4
#define AHEAD 2048

/*
 * Beyond the picture: no harm. A call that is not inlined at once GCC drops, as one
 * without effect.
 */
static inline __attribute__((always_inline)) void fetch(const uint8_t *p, ptrdiff_t further)
{
	_mm_prefetch((const char *)((uintptr_t)p + (uintptr_t)further), _MM_HINT_T0);
}

/* Adds sixteen 32-bit sums to eight 64-bit ones. */
static __m512i widen(__m512i acc, __m512i v)
{
	acc = _mm512_add_epi64(acc, _mm512_and_si512(v, _mm512_set1_epi64(0xffffffff)));
	return _mm512_add_epi64(acc, _mm512_srli_epi64(v, 32));
}

/* Rows of as many parts; an inlined constant. */
static inline __attribute__((always_inline)) __m512i
sad8_rows(const uint8_t *a, ptrdiff_t apart, const uint8_t *b, ptrdiff_t bpart, int parts,
	  unsigned int w)
{
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int x = 0; x < w; x += 64)
		for (int p = 0; p < parts; p++) {
			const uint8_t *ra = a + p * apart, *rb = b + p * bpart;

			fetch(ra + x, AHEAD);
			fetch(rb + x, AHEAD);
			acc = _mm512_add_epi64(acc, _mm512_sad_epu8(load8(ra, x, w),
								    load8(rb, x, w)));
		}
	return acc;
}

static uint64_t sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		     unsigned int w, unsigned int h)
{
	const unsigned int part = h / PARTS;
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int y = 0; y < part; y++)
		acc = _mm512_add_epi64(acc, sad8_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as,
						      b + (ptrdiff_t)y * bs, (ptrdiff_t)part * bs,
						      PARTS, w));
	for (unsigned int y = part * PARTS; y < h; y++)
		acc = _mm512_add_epi64(acc, sad8_rows(a + (ptrdiff_t)y * as, 0,
						      b + (ptrdiff_t)y * bs, 0, 1, w));
	return (uint64_t)_mm512_reduce_add_epi64(acc);
}

static inline __attribute__((always_inline)) __m512i
sad16_rows(const uint8_t *a, ptrdiff_t apart, __m128i sa, const uint8_t *b, ptrdiff_t bpart,
	   __m128i sb, int parts, unsigned int w)
{
	const __m512i ones = _mm512_set1_epi16(1);
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int x = 0; x < w; x += 32)
		for (int p = 0; p < parts; p++) {
			const uint8_t *ra = a + p * apart, *rb = b + p * bpart;
			__m512i d = _mm512_sub_epi16(load10(ra, x, w, sa), load10(rb, x, w, sb));

			fetch(ra + 2 * (size_t)x, AHEAD);
			fetch(rb + 2 * (size_t)x, AHEAD);
			acc = _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_abs_epi16(d), ones));
		}
	return widen(_mm512_setzero_si512(), acc);
}

static uint64_t sad16(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
		      ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h)
{
	const __m128i sa = _mm_cvtsi32_si128((int)ashift), sb = _mm_cvtsi32_si128((int)bshift);
	const unsigned int part = h / PARTS;
	__m512i acc = _mm512_setzero_si512();

	for (unsigned int y = 0; y < part; y++)
		acc = _mm512_add_epi64(acc, sad16_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as,
						       sa, b + (ptrdiff_t)y * bs,
						       (ptrdiff_t)part * bs, sb, PARTS, w));
	for (unsigned int y = part * PARTS; y < h; y++)
		acc = _mm512_add_epi64(acc, sad16_rows(a + (ptrdiff_t)y * as, 0, sa,
						       b + (ptrdiff_t)y * bs, 0, sb, 1, w));
	return (uint64_t)_mm512_reduce_add_epi64(acc);
}

/* Sums that 64 bits hold, of samples and of their squares. */
struct sums {
	__m512i sum, sq;
};

/* Even and odd samples apart: no shuffles, which one port does. */
static inline __attribute__((always_inline)) void
sums8_rows(const uint8_t *a, ptrdiff_t apart, int parts, unsigned int w, struct sums *t)
{
	const __m512i zero = _mm512_setzero_si512(), low = _mm512_set1_epi16(255);
	__m512i sq = zero;

	for (unsigned int x = 0; x < w; x += 64)
		for (int p = 0; p < parts; p++) {
			__m512i v = load8(a + p * apart, x, w);
			__m512i even = _mm512_and_si512(v, low), odd = _mm512_srli_epi16(v, 8);

			fetch(a + p * apart + x, AHEAD);
			t->sum = _mm512_add_epi64(t->sum, _mm512_sad_epu8(v, zero));
			sq = _mm512_add_epi32(sq, _mm512_add_epi32(_mm512_madd_epi16(even, even),
								   _mm512_madd_epi16(odd, odd)));
		}
	t->sq = widen(t->sq, sq);
}

static void sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint64_t *sum, uint64_t *sq)
{
	const unsigned int part = h / PARTS;
	struct sums t = { _mm512_setzero_si512(), _mm512_setzero_si512() };

	for (unsigned int y = 0; y < part; y++)
		sums8_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as, PARTS, w, &t);
	for (unsigned int y = part * PARTS; y < h; y++)
		sums8_rows(a + (ptrdiff_t)y * as, 0, 1, w, &t);
	*sum = (uint64_t)_mm512_reduce_add_epi64(t.sum);
	*sq = (uint64_t)_mm512_reduce_add_epi64(t.sq);
}

/* The squares of a row of 32768 samples fit 32 bits, those of PARTS rows do not. */
static inline __attribute__((always_inline)) void
sums16_rows(const uint8_t *a, ptrdiff_t apart, int parts, unsigned int w, __m128i shift,
	    struct sums *t)
{
	const __m512i zero = _mm512_setzero_si512(), ones = _mm512_set1_epi16(1);
	__m512i sum = zero, sq[PARTS] = { zero, zero, zero, zero };

	for (unsigned int x = 0; x < w; x += 32)
		for (int p = 0; p < parts; p++) {
			__m512i v = load10(a + p * apart, x, w, shift);

			fetch(a + p * apart + 2 * (size_t)x, AHEAD);
			sum = _mm512_add_epi32(sum, _mm512_madd_epi16(v, ones));
			sq[p] = _mm512_add_epi32(sq[p], _mm512_madd_epi16(v, v));
		}
	t->sum = widen(t->sum, sum);
	for (int p = 0; p < parts; p++)
		t->sq = widen(t->sq, sq[p]);
}

static void sums16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint64_t *sum, uint64_t *sq)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const unsigned int part = h / PARTS;
	struct sums t = { _mm512_setzero_si512(), _mm512_setzero_si512() };

	for (unsigned int y = 0; y < part; y++)
		sums16_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as, PARTS, w, sh, &t);
	for (unsigned int y = part * PARTS; y < h; y++)
		sums16_rows(a + (ptrdiff_t)y * as, 0, 1, w, sh, &t);
	*sum = (uint64_t)_mm512_reduce_add_epi64(t.sum);
	*sq = (uint64_t)_mm512_reduce_add_epi64(t.sq);
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

/* Four blocks, one in each quarter of the vectors; see kernels_avx2.c. */
static inline __attribute__((always_inline)) void hadamard8(__m512i *v, int stages)
{
	for (int half = 1; half < 1 << stages; half *= 2)
		for (int i = 0; i < 8; i++)
			if (!(i & half)) {
				__m512i p = v[i], q = v[i + half];

				v[i] = _mm512_add_epi16(p, q);
				v[i + half] = _mm512_sub_epi16(p, q);
			}
}

static inline __attribute__((always_inline)) void transpose8(__m512i *v)
{
	__m512i t[8], u[8];

	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm512_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
		t[2 * i + 1] = _mm512_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
	}
	for (int i = 0; i < 8; i += 4)
		for (int j = 0; j < 2; j++) {
			u[i + 2 * j] = _mm512_unpacklo_epi32(t[i + j], t[i + j + 2]);
			u[i + 2 * j + 1] = _mm512_unpackhi_epi32(t[i + j], t[i + j + 2]);
		}
	for (int i = 0; i < 4; i++) {
		v[2 * i] = _mm512_unpacklo_epi64(u[i], u[i + 4]);
		v[2 * i + 1] = _mm512_unpackhi_epi64(u[i], u[i + 4]);
	}
}

/* The sum of all absolute coefficients, in parts; *mean: that of the mean comes first. */
static inline __attribute__((always_inline)) __m512i satd_four(__m512i *v, __m512i *mean)
{
	__m512i acc = _mm512_setzero_si512();

	hadamard8(v, 3);
	transpose8(v);
	hadamard8(v, 2);
	*mean = _mm512_abs_epi16(_mm512_add_epi16(v[0], v[4]));
	for (int i = 0; i < 4; i++)
		acc = _mm512_add_epi16(acc, _mm512_max_epi16(_mm512_abs_epi16(v[i]),
							     _mm512_abs_epi16(v[i + 4])));
	return _mm512_madd_epi16(acc, _mm512_set1_epi16(2));
}

static inline void blocks_four(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			       struct hvcal_analysis_block *out)
{
	__m512i sq = _mm512_setzero_si512(), v[8], mean, satd, t;
	__m256i sum = _mm256_setzero_si256(), sad = sum;
	uint64_t sums[4], sads[4];
	uint32_t all[16];
	uint16_t dc[32];

	for (int y = 0; y < 8; y++) {
		__m256i pa = _mm256_loadu_si256((const __m256i *)(a + y * as));
		__m256i pb = _mm256_loadu_si256((const __m256i *)(b + y * bs));
		__m512i wa = _mm512_cvtepu8_epi16(pa);

		fetch(a + y * as, 8 * as);	/* the row of blocks below is next */
		fetch(b + y * bs, 8 * bs);
		sum = _mm256_add_epi64(sum, _mm256_sad_epu8(pa, _mm256_setzero_si256()));
		sad = _mm256_add_epi64(sad, _mm256_sad_epu8(pa, pb));
		sq = _mm512_add_epi32(sq, _mm512_madd_epi16(wa, wa));
		v[y] = _mm512_sub_epi16(wa, _mm512_cvtepu8_epi16(pb));
	}
	satd = satd_four(v, &mean);
	t = _mm512_add_epi32(_mm512_unpacklo_epi32(satd, sq), _mm512_unpackhi_epi32(satd, sq));
	t = _mm512_add_epi32(t, _mm512_shuffle_epi32(t, _MM_PERM_BADC));
	_mm512_storeu_si512(all, t);
	_mm512_storeu_si512(dc, mean);
	_mm256_storeu_si256((__m256i *)sums, sum);
	_mm256_storeu_si256((__m256i *)sads, sad);
	for (int i = 0; i < 4; i++)
		out[i] = (struct hvcal_analysis_block){
			.sum = (uint32_t)sums[i],
			.sq = all[4 * i + 1],
			.sad = (uint32_t)sads[i],
			.satd = all[4 * i],
			.dc = dc[8 * i],
		};
}

static void blocks8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		      unsigned int n, struct hvcal_analysis_block *out)
{
	for (; n > 3; n -= 4, a += 32, b += 32, out += 4)
		blocks_four(a, as, b, bs, out);
	hvcal_analysis_kernels_avx2.blocks8x8(a, as, b, bs, n, out);
}

static void coefs8x8(const uint8_t *src, ptrdiff_t stride, unsigned int n, unsigned int apart,
		     uint32_t counts[COEFS])
{
	hvcal_analysis_kernels_avx2.coefs8x8(src, stride, n, apart, counts);
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
	.blocks8x8 = blocks8x8,
	.coefs8x8 = coefs8x8,
};
