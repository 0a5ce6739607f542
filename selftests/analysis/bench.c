// SPDX-License-Identifier: MIT
/*
 * Speed of the luma kernels beside plain reading of the same memory, and of the pass
 * over blocks beside x264's kernels, called block by block. All of a size run in turn,
 * round after round, each on the next of the frames that rotate, so that data comes from
 * memory and what else the machine does meets them alike. Times are CPU time of the
 * thread, medians of the rounds.
 * usage: bench JSON
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analysis.h"

#define ROUNDS 25
#define ROUNDS_LONG 5	/* of what takes long and is not compared */
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

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
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

static void read_four(struct job *j)
{
	read_parts(j, 4);
}

static void read_eight(struct job *j)
{
	read_parts(j, 8);
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

/* The fused pass: sums, squares, SAD and SATD of all blocks of 8x8. */
static void do_blocks(struct job *j)
{
	static struct hvcal_analysis_block out[4096];

	for (unsigned int y = 0; y + 8 <= j->h; y += 8)
		j->k->blocks8x8(j->a + y * j->stride, j->stride, j->b + y * j->stride, j->stride,
				j->w / 8, out);
	sink += out[0].satd;
}

#ifdef WITH_X264
/* x264's own assembler, out of its static library: AVX-512, or what comes before. */
uint64_t x264_8_pixel_var_8x8_avx512(uint8_t *a, intptr_t as);
uint64_t x264_8_pixel_var_8x8_avx(uint8_t *a, intptr_t as);
uint64_t x264_8_pixel_var_16x16_avx512(uint8_t *a, intptr_t as);
uint64_t x264_8_pixel_var_16x16_avx2(uint8_t *a, intptr_t as);
#define X264_CMP(name) int x264_8_pixel_##name(uint8_t *a, intptr_t as, uint8_t *b, intptr_t bs)
X264_CMP(sad_8x8_avx512);
X264_CMP(sad_8x8_mmx2);
X264_CMP(sad_16x16_avx512);
X264_CMP(sad_16x16_sse2);
X264_CMP(sa8d_8x8_avx512);
X264_CMP(sa8d_8x8_avx2);
X264_CMP(satd_16x16_avx512);
X264_CMP(satd_16x16_avx2);

#define X264_BLOCKS(j, size, var, sad, satd) \
	for (unsigned int y = 0; y + (size) <= (j)->h; y += (size)) \
		for (unsigned int x = 0; x + (size) <= (j)->w; x += (size)) { \
			uint8_t *a = (j)->a + y * (j)->stride + x, *b = (j)->b + y * (j)->stride + x; \
			\
			sink += x264_8_pixel_##var(a, (j)->stride); \
			sink += (unsigned int)x264_8_pixel_##sad(a, (j)->stride, b, (j)->stride); \
			sink += (unsigned int)x264_8_pixel_##satd(a, (j)->stride, b, (j)->stride); \
		}

/* The same figures as ours: 8x8 samples, a transform of 8x8. */
static void x264_blocks8(struct job *j)
{
	if (hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_AVX512))
		X264_BLOCKS(j, 8, var_8x8_avx512, sad_8x8_avx512, sa8d_8x8_avx512)
	else if (hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_AVX2))
		X264_BLOCKS(j, 8, var_8x8_avx, sad_8x8_mmx2, sa8d_8x8_avx2)
}

/* Coarser ones: 16x16 samples, transforms of 4x4. */
static void x264_blocks16(struct job *j)
{
	if (hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_AVX512))
		X264_BLOCKS(j, 16, var_16x16_avx512, sad_16x16_avx512, satd_16x16_avx512)
	else if (hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_AVX2))
		X264_BLOCKS(j, 16, var_16x16_avx2, sad_16x16_sse2, satd_16x16_avx2)
}
#endif

/* reads: frames of memory that a call goes through; 0: not bound by memory. */
struct contender {
	const char *name;
	void (*run)(struct job *j);
	int simd;		/* enum hvcal_analysis_simd; -1: no kernels of ours */
	const char *whose;
	int reads;
	double ms[ROUNDS];
};

#define SIMD(name, run, reads) \
	{ name, run, HVCAL_ANALYSIS_SIMD_AVX2, "AVX2", reads, { 0 } }, \
	{ name, run, HVCAL_ANALYSIS_SIMD_AVX512, "AVX-512", reads, { 0 } }

static struct contender readers[] = {
	{ "plain read", read_one, -1, "1 stream", 1, { 0 } },
	{ "plain read", read_two, -1, "2", 1, { 0 } },
	{ "plain read", read_four, -1, "4", 1, { 0 } },
	{ "plain read", read_eight, -1, "8", 1, { 0 } },
};

static struct contender kernels[] = {
	SIMD("SAD", do_sad, 2),
	SIMD("variance", do_variance, 1),
	SIMD("half", do_half, 1),
};

static struct contender passes[] = {
	SIMD("blocks", do_blocks, 2),
#ifdef WITH_X264
	{ "blocks", x264_blocks8, -1, "x264 8x8", 2, { 0 } },
	{ "blocks", x264_blocks16, -1, "x264 16x16", 2, { 0 } },
#endif
};

static struct contender slow[] = {
	{ "SAD", do_sad, HVCAL_ANALYSIS_SIMD_C, "C", 0, { 0 } },
	{ "variance", do_variance, HVCAL_ANALYSIS_SIMD_C, "C", 0, { 0 } },
	{ "half", do_half, HVCAL_ANALYSIS_SIMD_C, "C", 0, { 0 } },
	{ "blocks", do_blocks, HVCAL_ANALYSIS_SIMD_C, "C", 0, { 0 } },
	SIMD("whole analysis", do_whole, 0),
	SIMD("one row in 4", do_fourth, 0),
};

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Frames that rotate. */
struct pool {
	uint8_t *px;
	size_t frames, next;
};

static void run_one(struct job *j, struct pool *pool, struct contender *c, int round)
{
	size_t size = (size_t)j->stride * j->h;
	double start;

	if (c->simd >= 0) {
		j->k = hvcal_analysis_kernels_get((enum hvcal_analysis_simd)c->simd);
		if (!j->k || hvcal_analysis_set_simd(j->an, (enum hvcal_analysis_simd)c->simd))
			return;
	}
	j->a = pool->px + pool->next++ % pool->frames * size;
	j->b = pool->px + pool->next++ % pool->frames * size;
	start = now_ms();
	c->run(j);
	if (round >= 0)
		c->ms[round] = now_ms() - start;
}

static void run_all(struct job *j, struct pool *pool, struct contender *list, size_t count,
		    int round)
{
	for (size_t i = 0; i < count; i++)
		run_one(j, pool, &list[i], round);
}

static double median(struct contender *c, int rounds)
{
	qsort(c->ms, (size_t)rounds, sizeof(*c->ms), by_value);
	return c->ms[rounds / 2];
}

static void print(const struct job *j, const char *size, struct contender *list, size_t count,
		  int rounds, double read_ms, FILE *json)
{
	static int some;

	for (size_t i = 0; i < count; i++) {
		struct contender *c = &list[i];
		double ms = median(c, rounds), bytes = (double)j->stride * j->h * c->reads;

		if (ms <= 0)	/* not on this machine */
			continue;
		printf("%-6s %2u  %-15s %-10s %8.2f", size, j->bits, c->name, c->whose, ms);
		if (c->reads)
			printf(" %7.2f %6.0f %%", bytes / ms / 1e6, c->reads * read_ms / ms * 100);
		printf("\n");
		fprintf(json, "%s{\"size\":\"%s\",\"bits\":%u,\"kernel\":\"%s\",\"simd\":\"%s\","
			"\"ms\":%.4f,\"read_ms\":%.4f", some++ ? ",\n" : "", size, j->bits, c->name,
			c->whose, ms, read_ms);
		if (c->reads)
			fprintf(json, ",\"percent_of_read\":%.1f", c->reads * read_ms / ms * 100);
		fprintf(json, "}");
		fflush(stdout);
	}
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
	size_t size = (size_t)j.stride * h, n = bits == 8 ? COUNT(passes) : 0;
	struct pool pool = { .frames = POOL / size | 1 };	/* odd: all take their turn with each */
	double read_ms = 0;

	pool.px = aligned_alloc(64, size * pool.frames);
	j.half = malloc(size);
	if (!pool.px || !j.half || hvcal_analysis_create(&j.an)) {
		fprintf(stderr, "bench: no memory for %zu frames of %s\n", pool.frames, name);
		return 1;
	}
	fill(pool.px, pool.frames, &j);
	for (int i = -1; i < ROUNDS; i++) {
		run_all(&j, &pool, readers, COUNT(readers), i);
		run_all(&j, &pool, kernels, COUNT(kernels), i);
		run_all(&j, &pool, passes, n, i);
	}
	for (int i = -1; i < ROUNDS_LONG; i++)
		for (size_t c = 0; c < COUNT(slow); c++)
			if (bits == 8 || slow[c].run != do_blocks)
				run_one(&j, &pool, &slow[c], i);
	for (size_t i = 0; i < COUNT(readers); i++) {
		double ms = median(&readers[i], ROUNDS);

		read_ms = i && read_ms < ms ? read_ms : ms;
	}
	print(&j, name, readers, COUNT(readers), ROUNDS, read_ms, json);
	print(&j, name, kernels, COUNT(kernels), ROUNDS, read_ms, json);
	print(&j, name, passes, n, ROUNDS, read_ms, json);
	print(&j, name, slow, COUNT(slow), ROUNDS_LONG, read_ms, json);
	hvcal_analysis_destroy(j.an);
	free(j.half);
	free(pool.px);
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
	printf("%-6s %s %-15s %-10s %8s %7s %8s\n", "size", "bits", "kernel", "how", "ms", "GB/s",
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
