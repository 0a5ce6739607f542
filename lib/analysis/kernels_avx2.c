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

/*
 * One row after the other does not keep a core's fetching busy: it waits at the
 * start of each page. So this many parts of a picture are gone through side by
 * side, and what comes next is asked for in time.
 */
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

/* Rows of as many parts; an inlined constant. */
static inline __attribute__((always_inline)) __m256i
sad8_rows(const uint8_t *a, ptrdiff_t apart, const uint8_t *b, ptrdiff_t bpart, int parts,
	  unsigned int whole)
{
	__m256i acc = _mm256_setzero_si256();

	for (unsigned int x = 0; x < whole; x += 64)
		for (int p = 0; p < parts; p++) {
			const uint8_t *ra = a + p * apart + x, *rb = b + p * bpart + x;

			fetch(ra, AHEAD);
			fetch(rb, AHEAD);
			acc = _mm256_add_epi64(acc, _mm256_sad_epu8(load(ra), load(rb)));
			acc = _mm256_add_epi64(acc, _mm256_sad_epu8(load(ra + 32), load(rb + 32)));
		}
	return acc;
}

static uint64_t sad8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		     unsigned int w, unsigned int h)
{
	const unsigned int whole = w & ~63U, part = h / PARTS;
	__m256i acc = _mm256_setzero_si256();

	for (unsigned int y = 0; y < part; y++)
		acc = _mm256_add_epi64(acc, sad8_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as,
						      b + (ptrdiff_t)y * bs, (ptrdiff_t)part * bs,
						      PARTS, whole));
	for (unsigned int y = part * PARTS; y < h; y++)
		acc = _mm256_add_epi64(acc, sad8_rows(a + (ptrdiff_t)y * as, 0,
						      b + (ptrdiff_t)y * bs, 0, 1, whole));
	return sum64(acc) + C.sad8(a + whole, as, b + whole, bs, w - whole, h);
}

/* 16 samples of 10 bits. */
static __m256i load10(const uint8_t *row, unsigned int x, __m128i shift)
{
	return _mm256_and_si256(_mm256_srl_epi16(load(row + 2 * (size_t)x), shift),
				_mm256_set1_epi16(1023));
}

static inline __attribute__((always_inline)) __m256i
sad16_rows(const uint8_t *a, ptrdiff_t apart, __m128i sa, const uint8_t *b, ptrdiff_t bpart,
	   __m128i sb, int parts, unsigned int whole)
{
	const __m256i ones = _mm256_set1_epi16(1);
	__m256i acc = _mm256_setzero_si256();

	for (unsigned int x = 0; x < whole; x += 32)
		for (int p = 0; p < parts; p++) {
			const uint8_t *ra = a + p * apart, *rb = b + p * bpart;
			__m256i d = _mm256_sub_epi16(load10(ra, x, sa), load10(rb, x, sb));
			__m256i e = _mm256_sub_epi16(load10(ra, x + 16, sa),
						     load10(rb, x + 16, sb));

			fetch(ra + 2 * (size_t)x, AHEAD);
			fetch(rb + 2 * (size_t)x, AHEAD);
			d = _mm256_add_epi16(_mm256_abs_epi16(d), _mm256_abs_epi16(e));
			acc = _mm256_add_epi32(acc, _mm256_madd_epi16(d, ones));
		}
	return widen(_mm256_setzero_si256(), acc);
}

static uint64_t sad16(const uint8_t *a, ptrdiff_t as, unsigned int ashift, const uint8_t *b,
		      ptrdiff_t bs, unsigned int bshift, unsigned int w, unsigned int h)
{
	const __m128i sa = _mm_cvtsi32_si128((int)ashift), sb = _mm_cvtsi32_si128((int)bshift);
	const unsigned int whole = w & ~31U, part = h / PARTS;
	__m256i acc = _mm256_setzero_si256();

	for (unsigned int y = 0; y < part; y++)
		acc = _mm256_add_epi64(acc, sad16_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as,
						       sa, b + (ptrdiff_t)y * bs,
						       (ptrdiff_t)part * bs, sb, PARTS, whole));
	for (unsigned int y = part * PARTS; y < h; y++)
		acc = _mm256_add_epi64(acc, sad16_rows(a + (ptrdiff_t)y * as, 0, sa,
						       b + (ptrdiff_t)y * bs, 0, sb, 1, whole));
	return sum64(acc) + C.sad16(a + 2 * (size_t)whole, as, ashift, b + 2 * (size_t)whole, bs,
				    bshift, w - whole, h);
}

/* Sums that 64 bits hold, of samples and of their squares. */
struct sums {
	__m256i sum, sq;
};

/* Squares of 32 samples, in 32 bits. Even and odd ones: no shuffles, which one port does. */
static inline __m256i squares32(__m256i v)
{
	__m256i even = _mm256_and_si256(v, _mm256_set1_epi16(255));
	__m256i odd = _mm256_srli_epi16(v, 8);

	return _mm256_add_epi32(_mm256_madd_epi16(even, even), _mm256_madd_epi16(odd, odd));
}

static inline __attribute__((always_inline)) void
sums8_rows(const uint8_t *a, ptrdiff_t apart, int parts, unsigned int whole, struct sums *t)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i sq = zero;

	for (unsigned int x = 0; x < whole; x += 64)
		for (int p = 0; p < parts; p++) {
			const uint8_t *r = a + p * apart + x;
			__m256i v = load(r), u = load(r + 32);

			fetch(r, AHEAD);
			t->sum = _mm256_add_epi64(t->sum,
						  _mm256_add_epi64(_mm256_sad_epu8(v, zero),
								   _mm256_sad_epu8(u, zero)));
			sq = _mm256_add_epi32(sq, _mm256_add_epi32(squares32(v), squares32(u)));
		}
	t->sq = widen(t->sq, sq);
}

static void sums8(const uint8_t *a, ptrdiff_t as, unsigned int w, unsigned int h,
		  uint64_t *sum, uint64_t *sq)
{
	const unsigned int whole = w & ~63U, part = h / PARTS;
	struct sums t = { _mm256_setzero_si256(), _mm256_setzero_si256() };

	for (unsigned int y = 0; y < part; y++)
		sums8_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as, PARTS, whole, &t);
	for (unsigned int y = part * PARTS; y < h; y++)
		sums8_rows(a + (ptrdiff_t)y * as, 0, 1, whole, &t);
	C.sums8(a + whole, as, w - whole, h, sum, sq);
	*sum += sum64(t.sum);
	*sq += sum64(t.sq);
}

/* The squares of a row of 32768 samples just fit 32 bits: each part has its own. */
static inline __attribute__((always_inline)) void
sums16_rows(const uint8_t *a, ptrdiff_t apart, int parts, unsigned int whole, __m128i shift,
	    struct sums *t)
{
	const __m256i zero = _mm256_setzero_si256(), ones = _mm256_set1_epi16(1);
	__m256i sum = zero, sq[PARTS] = { zero, zero, zero, zero };

	for (unsigned int x = 0; x < whole; x += 32)
		for (int p = 0; p < parts; p++) {
			const uint8_t *r = a + p * apart;
			__m256i v = load10(r, x, shift), u = load10(r, x + 16, shift);

			fetch(r + 2 * (size_t)x, AHEAD);
			sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(v, u),
								      ones));
			sq[p] = _mm256_add_epi32(sq[p], _mm256_add_epi32(_mm256_madd_epi16(v, v),
									 _mm256_madd_epi16(u, u)));
		}
	t->sum = widen(t->sum, sum);
	for (int p = 0; p < parts; p++)
		t->sq = widen(t->sq, sq[p]);
}

static void sums16(const uint8_t *a, ptrdiff_t as, unsigned int shift, unsigned int w,
		   unsigned int h, uint64_t *sum, uint64_t *sq)
{
	const __m128i sh = _mm_cvtsi32_si128((int)shift);
	const unsigned int whole = w & ~31U, part = h / PARTS;
	struct sums t = { _mm256_setzero_si256(), _mm256_setzero_si256() };

	for (unsigned int y = 0; y < part; y++)
		sums16_rows(a + (ptrdiff_t)y * as, (ptrdiff_t)part * as, PARTS, whole, sh, &t);
	for (unsigned int y = part * PARTS; y < h; y++)
		sums16_rows(a + (ptrdiff_t)y * as, 0, 1, whole, sh, &t);
	C.sums16(a + 2 * (size_t)whole, as, shift, w - whole, h, sum, sq);
	*sum += sum64(t.sum);
	*sq += sum64(t.sq);
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

/*
 * Two blocks, one in each half of the vectors: the first stages of a Hadamard
 * transform across the eight vectors, all three or but two.
 */
static inline __attribute__((always_inline)) void hadamard8(__m256i *v, int stages)
{
	for (int half = 1; half < 1 << stages; half *= 2)
		for (int i = 0; i < 8; i++)
			if (!(i & half)) {
				__m256i p = v[i], q = v[i + half];

				v[i] = _mm256_add_epi16(p, q);
				v[i + half] = _mm256_sub_epi16(p, q);
			}
}

static inline __attribute__((always_inline)) void transpose8(__m256i *v)
{
	__m256i t[8], u[8];

	for (int i = 0; i < 4; i++) {
		t[2 * i] = _mm256_unpacklo_epi16(v[2 * i], v[2 * i + 1]);
		t[2 * i + 1] = _mm256_unpackhi_epi16(v[2 * i], v[2 * i + 1]);
	}
	for (int i = 0; i < 8; i += 4)
		for (int j = 0; j < 2; j++) {
			u[i + 2 * j] = _mm256_unpacklo_epi32(t[i + j], t[i + j + 2]);
			u[i + 2 * j + 1] = _mm256_unpackhi_epi32(t[i + j], t[i + j + 2]);
		}
	for (int i = 0; i < 4; i++) {
		v[2 * i] = _mm256_unpacklo_epi64(u[i], u[i + 4]);
		v[2 * i + 1] = _mm256_unpackhi_epi64(u[i], u[i + 4]);
	}
}

/*
 * Sums of the absolute coefficients of two blocks of differences: four parts of it in
 * each half. The last stage would be p + q and p - q; |p + q| + |p - q| is twice the
 * larger one of |p| and |q|. Those are at most 32 * 255, and four of them fit 16 bits.
 */
static inline __attribute__((always_inline)) __m256i satd_pair(__m256i *v, uint32_t dc[2])
{
	__m256i acc = _mm256_setzero_si256(), mean;

	hadamard8(v, 3);
	transpose8(v);
	hadamard8(v, 2);
	mean = _mm256_abs_epi16(_mm256_add_epi16(v[0], v[4]));
	dc[0] = (uint32_t)_mm256_extract_epi16(mean, 0) & 0xffff;
	dc[1] = (uint32_t)_mm256_extract_epi16(mean, 8) & 0xffff;
	for (int i = 0; i < 4; i++)
		acc = _mm256_add_epi16(acc, _mm256_max_epi16(_mm256_abs_epi16(v[i]),
							     _mm256_abs_epi16(v[i + 4])));
	return _mm256_madd_epi16(acc, _mm256_set1_epi16(2));
}

/* Sixteen samples of two blocks, or eight of one. */
static inline __m128i load_pair(const uint8_t *p, int both)
{
	return both ? _mm_loadu_si128((const __m128i *)p) : load8(p);
}

static uint32_t satd8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
			uint32_t *dc)
{
	uint32_t dcs[2];
	__m256i v[8];
	__m128i sum;

	for (int y = 0; y < 8; y++)
		v[y] = _mm256_sub_epi16(_mm256_cvtepu8_epi16(load8(a + y * as)),
					_mm256_cvtepu8_epi16(load8(b + y * bs)));
	sum = _mm256_castsi256_si128(satd_pair(v, dcs));
	*dc = dcs[0];
	sum = _mm_add_epi32(sum, _mm_srli_si128(sum, 8));
	sum = _mm_add_epi32(sum, _mm_srli_si128(sum, 4));
	return (uint32_t)_mm_cvtsi128_si32(sum);
}

static inline __attribute__((always_inline)) void
blocks_pair(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs, int both,
	    struct hvcal_analysis_block *out)
{
	__m128i sum = _mm_setzero_si128(), sad = sum;
	__m256i sq = _mm256_setzero_si256(), v[8], satd;
	uint32_t dc[2], all[8];
	uint64_t sums[2], sads[2];

	for (int y = 0; y < 8; y++) {
		__m128i pa = load_pair(a + y * as, both), pb = load_pair(b + y * bs, both);
		__m256i wa = _mm256_cvtepu8_epi16(pa);

		fetch(a + y * as, 8 * as);	/* the row of blocks below is next */
		fetch(b + y * bs, 8 * bs);
		sum = _mm_add_epi64(sum, _mm_sad_epu8(pa, _mm_setzero_si128()));
		sad = _mm_add_epi64(sad, _mm_sad_epu8(pa, pb));
		sq = _mm256_add_epi32(sq, _mm256_madd_epi16(wa, wa));
		v[y] = _mm256_sub_epi16(wa, _mm256_cvtepu8_epi16(pb));
	}
	satd = _mm256_hadd_epi32(satd_pair(v, dc), sq);
	_mm256_storeu_si256((__m256i *)all, _mm256_hadd_epi32(satd, satd));
	_mm_storeu_si128((__m128i *)sums, sum);
	_mm_storeu_si128((__m128i *)sads, sad);
	for (int i = 0; i <= both; i++)
		out[i] = (struct hvcal_analysis_block){
			.sum = (uint32_t)sums[i],
			.sq = all[4 * i + 1],
			.sad = (uint32_t)sads[i],
			.satd = all[4 * i],
			.dc = dc[i],
		};
}

static void blocks8x8(const uint8_t *a, ptrdiff_t as, const uint8_t *b, ptrdiff_t bs,
		      unsigned int n, struct hvcal_analysis_block *out)
{
	for (; n > 1; n -= 2, a += 16, b += 16, out += 2)
		blocks_pair(a, as, b, bs, 1, out);
	if (n)
		blocks_pair(a, as, b, bs, 0, out);
}

/* A Hadamard transform along the eight values of each half. */
static inline __attribute__((always_inline)) __m256i hadamard_along(__m256i v)
{
	const __m256i swap = _mm256_set_epi8(13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2,
					     13, 12, 15, 14, 9, 8, 11, 10, 5, 4, 7, 6, 1, 0, 3, 2);
	const __m256i one = _mm256_set1_epi32((int)0xffff0001);
	const __m256i two = _mm256_set1_epi64x((long long)0xffffffff00010001ULL);
	const __m256i four = _mm256_set_epi64x(-1, 0x0001000100010001, -1, 0x0001000100010001);

	v = _mm256_add_epi16(_mm256_shuffle_epi8(v, swap), _mm256_sign_epi16(v, one));
	v = _mm256_add_epi16(_mm256_shuffle_epi32(v, 0xb1), _mm256_sign_epi16(v, two));
	return _mm256_add_epi16(_mm256_shuffle_epi32(v, 0x4e), _mm256_sign_epi16(v, four));
}

/* Sums of the absolute values of each half, but for the first; a quarter in each 32 bits. */
static inline __attribute__((always_inline)) __m256i sum_rest(__m256i v)
{
	const __m256i rest = _mm256_set_epi16(1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 0);

	return _mm256_madd_epi16(_mm256_abs_epi16(v), rest);
}

static __m256i column(const uint8_t *p, const uint8_t *q, ptrdiff_t s)
{
	return _mm256_set_epi16(q[7 * s], q[6 * s], q[5 * s], q[4 * s], q[3 * s], q[2 * s], q[s],
				q[0], p[7 * s], p[6 * s], p[5 * s], p[4 * s], p[3 * s], p[2 * s],
				p[s], p[0]);
}

static __m256i two_rows(const uint8_t *p, const uint8_t *q)
{
	return _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(load8(p), load8(q)));
}

/*
 * Two blocks: v[1] to v[7] get what no prediction changes, and zeros; v[0] and v[8] the
 * mean column, with the mean, and the mean row.
 */
static inline __attribute__((always_inline)) void
coefs_pair(const uint8_t *p, const uint8_t *q, ptrdiff_t stride, __m256i v[9])
{
	const __m256i first = _mm256_set_epi64x(0, 0xffff, 0, 0xffff);
	__m256i top = hadamard_along(two_rows(p - stride, q - stride));
	__m256i left = hadamard_along(column(p - 1, q - 1, stride));
	__m256i mean = _mm256_slli_epi16(_mm256_add_epi16(top, left), 2), by_row, by_column, rest;
	int16_t dc[16], dcs[3][16];
	int32_t sums[8], masks[3][8];

	for (ptrdiff_t y = 0; y < 8; y++)
		v[y] = two_rows(p + y * stride, q + y * stride);
	hadamard8(v, 3);
	v[8] = hadamard_along(v[0]);
	transpose8(v);
	hadamard8(v, 3);
	top = _mm256_slli_epi16(top, 3);
	left = _mm256_slli_epi16(left, 3);
	rest = _mm256_hadd_epi32(_mm256_hadd_epi32(sum_rest(v[8]),
						   sum_rest(_mm256_sub_epi16(v[8], top))),
				 _mm256_hadd_epi32(sum_rest(v[0]),
						   sum_rest(_mm256_sub_epi16(v[0], left))));
	_mm256_storeu_si256((__m256i *)sums, rest);
	_mm256_storeu_si256((__m256i *)dc, v[0]);
	_mm256_storeu_si256((__m256i *)dcs[0], top);
	_mm256_storeu_si256((__m256i *)dcs[1], left);
	_mm256_storeu_si256((__m256i *)dcs[2], mean);
	for (int i = 0; i < 8; i += 4) {
		int at = 2 * i, v_cost = sums[i + 1] + sums[i + 2] + abs(dc[at] - dcs[0][at]);
		int h_cost = sums[i] + sums[i + 3] + abs(dc[at] - dcs[1][at]);
		int m_cost = sums[i] + sums[i + 2] + abs(dc[at] - dcs[2][at]);
		int best = v_cost <= h_cost && v_cost <= m_cost ? 0 : h_cost <= m_cost ? 1 : 2;

		for (int m = 0; m < 3; m++)
			for (int j = 0; j < 4; j++)
				masks[m][i + j] = -(m == best);
	}
	by_row = _mm256_and_si256(top, load((const uint8_t *)masks[0]));
	by_column = _mm256_and_si256(left, load((const uint8_t *)masks[1]));
	mean = _mm256_or_si256(_mm256_and_si256(mean, load((const uint8_t *)masks[2])), by_row);
	by_column = _mm256_or_si256(by_column, _mm256_and_si256(mean, first));
	v[0] = _mm256_sub_epi16(v[0], by_column);
	v[8] = _mm256_andnot_si256(first, _mm256_sub_epi16(v[8], by_row));
	for (int i = 1; i < 8; i++)
		v[i] = _mm256_andnot_si256(first, v[i]);
}

static void coefs8x8(const uint8_t *src, ptrdiff_t stride, unsigned int n, unsigned int apart,
		     uint32_t counts[COEFS])
{
	__m256i sums[COEFS], v[9];

	for (int k = 0; k < COEFS; k++)
		sums[k] = _mm256_setzero_si256();
	/* 9 a pair, and 16 bits for the pairs of 4096 blocks */
	for (; n > 1; n -= 2, src += 2 * (size_t)apart) {
		coefs_pair(src, src + apart, stride, v);
		for (int i = 0; i < 9; i++)
			v[i] = _mm256_abs_epi16(v[i]);
		for (int k = 0; k < COEFS; k++) {
			const __m256i below = _mm256_set1_epi16((short)((2 << k) - 1));

			for (int i = 0; i < 9; i++)
				sums[k] = _mm256_sub_epi16(sums[k], _mm256_cmpgt_epi16(v[i], below));
		}
	}
	for (int k = 0; k < COEFS; k++) {
		__m256i wide = _mm256_madd_epi16(sums[k], _mm256_set1_epi16(1));

		counts[k] += (uint32_t)sum64(widen(_mm256_setzero_si256(), wide));
	}
	if (n)
		C.coefs8x8(src, stride, n, apart, counts);
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
	.blocks8x8 = blocks8x8,
	.coefs8x8 = coefs8x8,
};
