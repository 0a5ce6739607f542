// SPDX-License-Identifier: MIT
/*
 * Luma kernels: the C reference against values worked out by hand, then every
 * SIMD variant of this machine against the reference, at random sizes, strides and
 * values, each picture right before a page that must not be touched.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels.h"

#define ROUNDS 3000
#define AREA (256 * 1024)

static int failed, count;

static void check(int good, const char *kernels, const char *what)
{
	printf("%sok %d - %s: %s\n", good ? "" : "not ", ++count, kernels, what);
	failed |= !good;
}

/* End of size bytes before a page without access. */
static uint8_t *guarded(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, AREA + page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + AREA, page, PROT_NONE)) {
		perror("guard page");
		exit(1);
	}
	return map + AREA;
}

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 33) % below;
}

/* Noise, extremes, or close to each other. */
static void fill(uint8_t *end, size_t n)
{
	uint32_t kind = rnd(4);

	for (uint8_t *p = end - n; p < end; p++)
		*p = (uint8_t)(kind == 0 ? 255 : kind == 1 ? rnd(2) * 255 :
			       kind == 2 ? 100 + rnd(4) : rnd(256));
}

/* Each of three predictions leaves nothing of its own picture, then one sample more. */
static void coefs_by_hand(const struct hvcal_analysis_kernels *k, uint8_t *end)
{
	static const uint32_t none[COEFS];
	uint32_t counts[COEFS] = { 0 };
	uint8_t *src = end - 7 * 9 - 8;
	int good = 1;

	for (int y = -1; y < 8; y++)
		for (int x = -1; x < 8; x++)
			src[y * 9 + x] = (uint8_t)(x * 31 + 40);
	k->coefs8x8(src, 9, 1, 8, counts);
	for (int y = -1; y < 8; y++)
		for (int x = -1; x < 8; x++)
			src[y * 9 + x] = (uint8_t)(y * 29 + 40);
	k->coefs8x8(src, 9, 1, 8, counts);
	memset(src - 10, 90, 9 * 9);
	memset(src - 9, 110, 8);
	for (int y = 0; y < 8; y++) {
		src[y * 9 - 1] = 70;
		memset(src + (ptrdiff_t)y * 9, 90, 8);
	}
	k->coefs8x8(src, 9, 1, 8, counts);
	check(!memcmp(counts, none, sizeof(counts)), k->name, "what is predicted has no coefficients");
	memset(src - 10, 100, 9 * 9);
	src[9 * 3 + 3] = 116;
	k->coefs8x8(src, 9, 1, 8, counts);
	for (int i = 0; i < COEFS; i++)
		good &= counts[i] == (i < 4 ? 64U : 0U); /* 16 each */
	check(good, k->name, "coefficients of one sample");
}

static void by_hand(const struct hvcal_analysis_kernels *k, uint8_t *end)
{
	static const uint8_t px[15] = { 0, 255, 7, 9, 9, 1, 255, 7, 9, 9, 4, 6, 8, 9, 200 };
	static const uint8_t half[6] = { 128, 8, 9, 5, 9, 200 };
	static const uint16_t px10[4] = { 1023, 0, 512, 3 };
	static const uint8_t zero[64];
	struct hvcal_analysis_block block;
	uint64_t sum, sq;
	uint8_t out[6];
	uint32_t dc;
	uint16_t msb[4];
	uint8_t *a = end - sizeof(px);

	memcpy(a, px, sizeof(px));
	check(k->sad8(a, 5, zero, 5, 5, 3) == 788, k->name, "SAD by hand");
	k->sums8(a, 5, 2, 2, &sum, &sq);
	check(sum == 511 && sq == 130051, k->name, "sums by hand");
	k->half8(a, 5, 5, 3, out, 3);
	check(!memcmp(out, half, sizeof(half)), k->name, "half resolution of odd size");
	k->half8(a + 14, 5, 1, 1, out, 1);
	check(out[0] == 200, k->name, "half resolution of one sample");
	for (int i = 0; i < 4; i++)
		msb[i] = (uint16_t)(px10[i] << 6);
	k->half16((const uint8_t *)px10, 4, 0, 2, 2, out, 1);
	k->half16((const uint8_t *)msb, 4, 6, 2, 2, out + 1, 1);
	check(out[0] == 96 && out[1] == 96, k->name, "half resolution of 10 bits");
	k->half16((const uint8_t *)px10, 2, 0, 1, 1, out, 1);
	check(out[0] == 255, k->name, "half resolution of white in 10 bits");
	check(k->sad16((const uint8_t *)px10, 4, 0, (const uint8_t *)msb, 4, 6, 2, 2) == 0 &&
	      k->sad16((const uint8_t *)px10, 8, 0, zero, 8, 0, 4, 1) == 1538, k->name,
	      "SAD of 10 bits");
	k->sums16((const uint8_t *)msb, 8, 6, 4, 1, &sum, &sq);
	check(sum == 1538 && sq == 1046529 + 262144 + 9, k->name, "sums of 10 bits");
	a = end - 64;
	memset(a, 3, 64);
	check(k->satd8x8(a, 8, zero, 8, &dc) == 192 && dc == 192, k->name, "SATD of a flat block");
	memset(a, 0, 64);
	a[63] = 255;
	check(k->satd8x8(a, 8, zero, 8, &dc) == 64 * 255 && dc == 255, k->name,
	      "SATD of one sample");
	check(k->sad8x8(a, 8, zero, 8) == 255, k->name, "SAD of a block");
	k->blocks8x8(a, 8, zero, 8, 1, &block);
	coefs_by_hand(k, end);
	check(block.sum == 255 && block.sq == 65025 && block.sad == 255 &&
	      block.satd == 64 * 255 && block.dc == 255, k->name, "a block");
}

/* Equal answers, and an untouched byte on each side of what half_*() wrote. */
static int half_same(const struct hvcal_analysis_kernels *k, int bits16, const uint8_t *a,
		     ptrdiff_t as, unsigned int shift, unsigned int w, unsigned int h)
{
	static uint8_t want[AREA], got[AREA];
	ptrdiff_t ds = (w + 1) / 2 + (ptrdiff_t)rnd(9);
	size_t n = (size_t)ds * ((h + 1) / 2);

	memset(want, 0xa5, n + 2);
	memset(got, 0xa5, n + 2);
	if (bits16) {
		hvcal_analysis_kernels_c.half16(a, as, shift, w, h, want + 1, ds);
		k->half16(a, as, shift, w, h, got + 1, ds);
	} else {
		hvcal_analysis_kernels_c.half8(a, as, w, h, want + 1, ds);
		k->half8(a, as, w, h, got + 1, ds);
	}
	return !memcmp(want, got, n + 2);
}

static int blocks_same(const struct hvcal_analysis_kernels *k, uint8_t *enda, uint8_t *endb)
{
	struct hvcal_analysis_block want[10], got[10];
	unsigned int n = 1 + rnd(9);
	ptrdiff_t as = 8 * (ptrdiff_t)n + (ptrdiff_t)rnd(30);
	ptrdiff_t bs = 8 * (ptrdiff_t)n + (ptrdiff_t)rnd(30);
	uint8_t *a = enda - as * 7 - 8 * (ptrdiff_t)n, *b = endb - bs * 7 - 8 * (ptrdiff_t)n;

	fill(enda, (size_t)(enda - a));
	fill(endb, (size_t)(endb - b));
	memset(want, 0xa5, sizeof(want));
	memset(got, 0xa5, sizeof(got));
	hvcal_analysis_kernels_c.blocks8x8(a, as, b, bs, n, want);
	k->blocks8x8(a, as, b, bs, n, got);
	return !memcmp(want, got, sizeof(want));
}

static int coefs_same(const struct hvcal_analysis_kernels *k, uint8_t *end)
{
	uint32_t want[COEFS] = { 1, 2, 3 }, got[COEFS] = { 1, 2, 3 };
	unsigned int n = 1 + rnd(9), apart = 8 * (1 + rnd(3));
	ptrdiff_t row = (ptrdiff_t)apart * (n - 1) + 8, s = row + 1 + (ptrdiff_t)rnd(30);
	uint8_t *src = end - s * 7 - row;

	fill(end, (size_t)(end - src + s + 1));
	if (rnd(2)) { /* upside down: the row above is then the last in memory */
		src = end - row - s;
		s = -s;
	}
	hvcal_analysis_kernels_c.coefs8x8(src, s, n, apart, want);
	k->coefs8x8(src, s, n, apart, got);
	return !memcmp(want, got, sizeof(want));
}

static void at_random(const struct hvcal_analysis_kernels *k, uint8_t *enda, uint8_t *endb)
{
	const struct hvcal_analysis_kernels *c = &hvcal_analysis_kernels_c;
	int sad = 1, sums = 1, half = 1, blocks = 1, coefs = 1;

	for (int i = 0; i < ROUNDS; i++) {
		int bits16 = i & 1;
		unsigned int w = 1 + rnd(i % 7 ? 140 : 1500), h = 1 + rnd(9);
		unsigned int sa = rnd(2) * 6, sb = rnd(2) * 6;
		ptrdiff_t row = (ptrdiff_t)w << bits16;
		ptrdiff_t as = row + ((ptrdiff_t)rnd(70) << bits16);
		ptrdiff_t bs = row + ((ptrdiff_t)rnd(70) << bits16);
		/* the last sample ends at the guard page */
		uint8_t *a = enda - (as * (ptrdiff_t)(h - 1) + row);
		uint8_t *b = endb - (bs * (ptrdiff_t)(h - 1) + row);
		uint64_t s[4];
		uint32_t dc[2];

		fill(enda, (size_t)(enda - a));
		fill(endb, (size_t)(endb - b));
		if (rnd(2)) { /* upside down */
			a += as * (ptrdiff_t)(h - 1);
			as = -as;
		}
		if (bits16) {
			sad &= c->sad16(a, as, sa, b, bs, sb, w, h) ==
			       k->sad16(a, as, sa, b, bs, sb, w, h);
			c->sums16(a, as, sa, w, h, s, s + 1);
			k->sums16(a, as, sa, w, h, s + 2, s + 3);
		} else {
			sad &= c->sad8(a, as, b, bs, w, h) == k->sad8(a, as, b, bs, w, h);
			c->sums8(a, as, w, h, s, s + 1);
			k->sums8(a, as, w, h, s + 2, s + 3);
		}
		sums &= s[0] == s[2] && s[1] == s[3];
		half &= half_same(k, bits16, a, as, sa, w, h);
		as = 8 + (ptrdiff_t)rnd(30);
		a = enda - as * 7 - 8;
		bs = (ptrdiff_t)rnd(2) * 13;	/* 0: one row, again and again */
		b = endb - bs * 7 - 8;
		fill(enda, (size_t)(enda - a));
		fill(endb, (size_t)(endb - b));
		blocks &= c->sad8x8(a, as, b, bs) == k->sad8x8(a, as, b, bs);
		blocks &= c->satd8x8(a, as, b, bs, dc) == k->satd8x8(a, as, b, bs, dc + 1);
		blocks &= dc[0] == dc[1];
		blocks &= blocks_same(k, enda, endb);
		coefs &= coefs_same(k, enda);
	}
	check(sad, k->name, "SAD equals the reference");
	check(sums, k->name, "sums equal the reference");
	check(half, k->name, "half resolution equals the reference");
	check(blocks, k->name, "blocks equal the reference");
	check(coefs, k->name, "coefficients equal the reference");
}

/* The widest row of white: nothing overflows. */
static void widest(const struct hvcal_analysis_kernels *k, uint8_t *end)
{
	static const uint8_t zero[65536];
	uint64_t sum, sq;
	uint8_t *a = end - 65536;

	memset(a, 255, 65536);
	k->sums8(a, 0, 32768, 40, &sum, &sq);
	check(sum == 40ULL * 32768 * 255 && sq == 40ULL * 32768 * 65025 &&
	      k->sad8(a, 0, zero, 0, 32768, 40) == sum, k->name, "widest row of 8 bits");
	k->sums16(a, 0, 6, 32768, 40, &sum, &sq);
	check(sum == 40ULL * 32768 * 1023 && sq == 40ULL * 32768 * 1046529 &&
	      k->sad16(a, 0, 6, zero, 0, 0, 32768, 40) == sum, k->name, "widest row of 10 bits");
}

int main(void)
{
	uint8_t *a = guarded(), *b = guarded();

	for (int i = HVCAL_ANALYSIS_SIMD_C; i < HVCAL_ANALYSIS_SIMD_BEST; i++) {
		const struct hvcal_analysis_kernels *k = hvcal_analysis_kernels_get(i);

		if (!k) {
			printf("ok %d - variant %d # SKIP this machine has none\n", ++count, i);
			continue;
		}
		by_hand(k, a);
		if (i)
			at_random(k, a, b);
		widest(k, a);
	}
	printf("1..%d\n", count);
	return failed;
}
