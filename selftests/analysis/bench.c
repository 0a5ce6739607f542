// SPDX-License-Identifier: MIT
/*
 * Speed of the luma kernels beside plain reading of the same memory, in one run.
 * The frames of a size rotate, so that data comes from memory, not from a cache
 * that a real frame would not be in. Times are medians.
 * usage: bench JSON
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis.h"

#define ROUNDS 15
#define POOL (256UL << 20)	/* bytes of frames that rotate, at least two of them */

struct job {
	const struct hvcal_analysis_kernels *k;
	struct hvcal_analysis *an;
	uint8_t *a, *b, *half;
	unsigned int w, h, bits;
	ptrdiff_t stride;
};

static uint64_t sink;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

typedef uint64_t v4 __attribute__((vector_size(32), aligned(32)));

/* Reads a frame as so many parts side by side: what one core can fetch. */
__attribute__((optimize("O3"))) static void read_parts(struct job *j, size_t parts)
{
	const v4 *p = (const v4 *)j->a;
	size_t n = (size_t)j->stride * j->h / sizeof(v4) / parts;
	v4 s[4] = { 0 };

	for (size_t i = 0; i + 4 <= n; i += 4)
		for (size_t part = 0; part < parts; part++)
			for (size_t c = 0; c < 4; c++)
				s[c] ^= p[part * n + i + c];
	for (int c = 0; c < 4; c++)
		sink += s[c][0] ^ s[c][1] ^ s[c][2] ^ s[c][3];
}

static void read_one(struct job *j)
{
	read_parts(j, 1);
}

static void read_two(struct job *j)
{
	read_parts(j, 2);
}

static void do_sad(struct job *j)
{
	sink += j->bits == 8 ? j->k->sad8(j->a, j->stride, j->b, j->stride, j->w, j->h) :
		j->k->sad16(j->a, j->stride, 0, j->b, j->stride, 0, j->w, j->h);
}

static void do_variance(struct job *j)
{
	uint64_t sum, sq;

	if (j->bits == 8)
		j->k->sums8(j->a, j->stride, j->w, j->h, &sum, &sq);
	else
		j->k->sums16(j->a, j->stride, 0, j->w, j->h, &sum, &sq);
	sink += sum + sq;
}

static void do_half(struct job *j)
{
	if (j->bits == 8)
		j->k->half8(j->a, j->stride, j->w, j->h, j->half, j->stride);
	else
		j->k->half16(j->a, j->stride, 0, j->w, j->h, j->half, j->stride);
	sink += j->half[0];
}

static void do_frame(struct job *j, uint32_t row_step)
{
	struct hvcal_analysis_picture p = { j->a, j->stride, j->w, j->h,
		j->bits == 8 ? HVCAL_ANALYSIS_LUMA_8 : HVCAL_ANALYSIS_LUMA_10 };
	struct hvcal_analysis_options o = { .row_step = row_step };
	struct hvcal_analysis_result r;

	if (!hvcal_analysis_frame(j->an, &p, &o, &r))
		sink += r.blocks;
}

static void do_whole(struct job *j)
{
	do_frame(j, 1);
}

static void do_fourth(struct job *j)
{
	do_frame(j, 4);
}

/* reads: frames of memory that a call goes through; 0: not bound by memory. */
static const struct {
	const char *name;
	void (*run)(struct job *j);
	int reads;
} kernels[] = {
	{ "SAD", do_sad, 2 },
	{ "variance", do_variance, 1 },
	{ "half", do_half, 1 },
	{ "whole analysis", do_whole, 0 },
	{ "one row in 4", do_fourth, 0 },
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(struct job *j, void (*run)(struct job *j), uint8_t *pool, size_t frames,
		      int rounds)
{
	size_t size = (size_t)j->stride * j->h;
	double t[ROUNDS];

	for (int i = -1; i < rounds; i++) {
		double t0;

		j->a = pool + (size_t)(i + 1) * 2 % frames * size;
		j->b = pool + ((size_t)(i + 1) * 2 + 1) % frames * size;
		t0 = now_ms();
		run(j);
		if (i >= 0)
			t[i] = now_ms() - t0;
	}
	qsort(t, (size_t)rounds, sizeof(*t), by_value);
	return t[rounds / 2];
}

/* The faster of two ways to read, at the same frames as the kernels. */
static double measure_read(struct job *j, uint8_t *pool, size_t frames)
{
	double one = measure(j, read_one, pool, frames, ROUNDS);
	double two = measure(j, read_two, pool, frames, ROUNDS);

	return one < two ? one : two;
}

/* A gradient with noise that moves from frame to frame. */
static void fill(uint8_t *pool, size_t frames, const struct job *j)
{
	uint32_t seed = 1;

	for (size_t f = 0; f < frames; f++)
		for (unsigned int y = 0; y < j->h; y++) {
			uint8_t *row = pool + (f * j->h + y) * (size_t)j->stride;

			for (unsigned int x = 0; x < j->w; x++) {
				unsigned int v;

				seed = seed * 1664525 + 1013904223;
				v = (((x + 3 * (unsigned int)f) ^ y) & 127) + (seed >> 30) + 40;
				if (j->bits == 8) {
					row[x] = (uint8_t)v;
				} else {
					uint16_t v10 = (uint16_t)(v * 4);

					memcpy(row + 2 * (size_t)x, &v10, 2);
				}
			}
		}
}

static int bench_size(const char *name, unsigned int w, unsigned int h, unsigned int bits,
		      FILE *json)
{
	struct job j = { .w = w, .h = h, .bits = bits, .stride = (ptrdiff_t)w * (bits == 8 ? 1 : 2) };
	size_t size = (size_t)j.stride * h, frames = POOL / size & ~1UL;
	uint8_t *pool = aligned_alloc(64, size * frames);
	static int some;
	double read_ms;

	j.half = malloc(size);
	if (!pool || !j.half || hvcal_analysis_create(&j.an)) {
		fprintf(stderr, "bench: no memory for %zu frames of %s\n", frames, name);
		return 1;
	}
	fill(pool, frames, &j);
	read_ms = measure_read(&j, pool, frames);
	printf("%-6s %2u  %-15s %-8s %8.2f %7.2f\n", name, bits, "plain read", "", read_ms,
	       (double)size / read_ms / 1e6);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++)
		for (int v = HVCAL_ANALYSIS_SIMD_C; v < HVCAL_ANALYSIS_SIMD_BEST; v++) {
			double ms, again, share;

			j.k = hvcal_analysis_kernels_get(v);
			if (!j.k || hvcal_analysis_set_simd(j.an, v))
				continue;
			ms = measure(&j, kernels[i].run, pool, frames,
				     v == HVCAL_ANALYSIS_SIMD_C ? 3 : kernels[i].reads ? ROUNDS : 5);
			/* the machine may be shared: compare with the reading nearest in time */
			again = kernels[i].reads ? measure_read(&j, pool, frames) : read_ms;
			share = kernels[i].reads * again / ms * 100;
			printf("%-6s %2u  %-15s %-8s %8.2f", name, bits, kernels[i].name, j.k->name,
			       ms);
			if (kernels[i].reads)
				printf(" %7.2f %6.0f %%", kernels[i].reads * (double)size / ms / 1e6,
				       share);
			printf("\n");
			fprintf(json, "%s{\"size\":\"%s\",\"bits\":%u,\"kernel\":\"%s\","
				"\"simd\":\"%s\",\"ms\":%.4f,\"read_ms\":%.4f",
				some++ ? ",\n" : "", name, bits, kernels[i].name, j.k->name, ms, again);
			if (kernels[i].reads)
				fprintf(json, ",\"percent_of_read\":%.1f", share);
			fprintf(json, "}");
		}
	hvcal_analysis_destroy(j.an);
	free(j.half);
	free(pool);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		unsigned int w, h;
	} sizes[] = { { "1080p", 1920, 1080 }, { "4K", 3840, 2160 }, { "8K", 7680, 4320 } };
	FILE *json = argc == 2 ? fopen(argv[1], "w") : NULL;
	int bad = 0;

	if (!json) {
		fprintf(stderr, "usage: bench JSON: a file that can be written\n");
		return 2;
	}
	printf("%-6s %s %-15s %-8s %8s %7s %8s\n", "size", "bits", "kernel", "SIMD", "ms", "GB/s",
	       "of read");
	fprintf(json, "[\n");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (unsigned int bits = 8; bits <= 10; bits += 2)
			bad |= bench_size(sizes[i].name, sizes[i].w, sizes[i].h, bits, json);
	fprintf(json, "\n]\n");
	if (fclose(json)) {
		perror(argv[1]);
		return 1;
	}
	fprintf(stderr, "# %llu\n", (unsigned long long)sink);
	return bad;
}
