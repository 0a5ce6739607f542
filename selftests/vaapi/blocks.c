// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "quant.h"

#define SIDE 4
#define GAIN 8.0	/* of the forward transform, beyond an orthonormal one */
#define LEVEL_MAX 8191

/* ---- pictures ---- */

static size_t plane_size(const struct samples *s, int plane)
{
	return (size_t)s->width * s->height / (plane ? 4 : 1);
}

static int samples_alloc(struct samples *s, uint32_t width, uint32_t height, unsigned int depth)
{
	*s = (struct samples){ .width = width, .height = height, .depth = depth };
	s->plane[0] = malloc((size_t)width * height * 3 / 2 * sizeof(*s->plane[0]));
	if (!s->plane[0])
		return -1;
	s->plane[1] = s->plane[0] + plane_size(s, 0);
	s->plane[2] = s->plane[1] + plane_size(s, 1);
	return 0;
}

static int samples_make(struct samples *s, const struct surface *from, uint32_t width,
			uint32_t height)
{
	struct raw r;

	if (raw_make(&r, from, width, height))
		return -1;
	if (samples_alloc(s, width, height, r.sample == 2 ? 10 : 8)) {
		raw_free(&r);
		return -1;
	}
	for (size_t i = 0; i < (size_t)width * height * 3 / 2; i++)
		s->plane[0][i] = r.sample == 2 ?
				 (uint16_t)((r.plane[0][2 * i] | r.plane[0][2 * i + 1] << 8) >> 6) :
				 r.plane[0][i];
	raw_free(&r);
	return 0;
}

static void samples_free(struct samples *s)
{
	free(s->plane[0]);
	*s = (struct samples){ 0 };
}

static void sample_put(const struct samples *s, uint8_t *row, size_t at, uint16_t value)
{
	if (s->depth == 8) {
		row[at] = (uint8_t)value;
		return;
	}
	row[2 * at] = (uint8_t)(value << 6);
	row[2 * at + 1] = (uint8_t)(value >> 2);
}

void samples_store(const struct samples *s, struct surface *to)
{
	for (uint32_t y = 0; y < s->height; y++)
		for (uint32_t x = 0; x < s->width; x++)
			sample_put(s, to->plane[0] + (size_t)y * to->pitch[0], x,
				   s->plane[0][(size_t)y * s->width + x]);
	for (uint32_t y = 0; y < s->height / 2; y++)
		for (uint32_t x = 0; x < s->width; x++)
			sample_put(s, to->plane[1] + (size_t)y * to->pitch[1], x,
				   s->plane[1 + x % 2][(size_t)y * (s->width / 2) + x / 2]);
}

bool samples_same(const struct samples *a, const struct samples *b, uint32_t x, uint32_t y,
		  uint32_t size)
{
	for (int p = 0; p < 3; p++) {
		uint32_t shift = p ? 1 : 0, width = a->width >> shift;

		for (uint32_t i = y >> shift; i < (y + size) >> shift; i++)
			if (memcmp(a->plane[p] + (size_t)i * width + (x >> shift),
				   b->plane[p] + (size_t)i * width + (x >> shift),
				   (size >> shift) * sizeof(*a->plane[p])))
				return false;
	}
	return true;
}

VAStatus pictures_make(struct frame_pictures *p, const struct surface *source,
		       const struct surface *reference, const struct surface *recon,
		       uint32_t width, uint32_t height)
{
	width = (width + 7) & ~7U;
	height = (height + 7) & ~7U;
	if (width > recon->width || height > recon->height)
		return wrong("%ux%u into %ux%u", width, height, recon->width, recon->height);
	if (samples_make(&p->source, source, width, height) ||
	    samples_alloc(&p->made, width, height, p->source.depth) ||
	    (reference && samples_make(&p->last, reference, width, height)))
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	/* what is skipped is the same in all three */
	memcpy(p->made.plane[0], p->source.plane[0],
	       (size_t)width * height * 3 / 2 * sizeof(*p->made.plane[0]));
	return VA_STATUS_SUCCESS;
}

void pictures_free(struct frame_pictures *p)
{
	samples_free(&p->source);
	samples_free(&p->made);
	samples_free(&p->last);
}

/* ---- transforms ---- */

/* Four values of the Walsh-Hadamard transform; its inverse gives them back. */
static void wht(const int32_t *in, size_t step, int32_t *out)
{
	int32_t a = in[0] + in[step], d = in[3 * step] - in[2 * step];
	int32_t half = (a - d) >> 1;
	int32_t b = half - in[step], c = half - in[2 * step];

	out[0] = a - c;
	out[step] = c;
	out[2 * step] = d + b;
	out[3 * step] = b;
}

static void wht_forward(const int32_t in[16], int32_t out[16])
{
	int32_t columns[16];

	for (int i = 0; i < SIDE; i++)
		wht(in + i, SIDE, columns + i);
	for (int i = 0; i < SIDE; i++)
		wht(columns + SIDE * i, 1, out + SIDE * i);
}

/* Four values of an orthonormal cosine transform. */
static void dct(double *v, size_t step)
{
	/* of 22.5 and 67.5 degrees, by the root of two */
	const double c22 = 0.65328148243818826, c67 = 0.27059805007309851;
	double even = v[0] + v[3 * step], odd = v[0] - v[3 * step];
	double even2 = v[step] + v[2 * step], odd2 = v[step] - v[2 * step];

	v[0] = (even + even2) / 2;
	v[step] = odd * c22 + odd2 * c67;
	v[2 * step] = (even - even2) / 2;
	v[3 * step] = odd * c67 - odd2 * c22;
}

/* Need not be exact: what counts is that the inverse of it is the decoder's. */
static void dct_forward(const int32_t in[16], double out[16])
{
	for (int i = 0; i < 16; i++)
		out[i] = GAIN * in[i];
	for (size_t i = 0; i < SIDE; i++)
		dct(out + i, SIDE);
	for (size_t i = 0; i < SIDE; i++)
		dct(out + SIDE * i, 1);
}

static int32_t rounded(int64_t v, unsigned int bits)
{
	return (int32_t)((v + (1LL << (bits - 1))) >> bits);
}

static void idct(int32_t *v, size_t step, unsigned int bits)
{
	/* cosines of 45, 67.5 and 22.5 degrees */
	const int64_t c45 = bits == BLOCKS_BITS_VP9 ? 11585 : 2896;
	const int64_t c67 = bits == BLOCKS_BITS_VP9 ? 6270 : 1567;
	const int64_t c22 = bits == BLOCKS_BITS_VP9 ? 15137 : 3784;
	int32_t even = rounded((v[0] + (int64_t)v[2 * step]) * c45, bits);
	int32_t odd = rounded((v[0] - (int64_t)v[2 * step]) * c45, bits);
	int32_t low = rounded(v[step] * c67 - v[3 * step] * c22, bits);
	int32_t high = rounded(v[step] * c22 + v[3 * step] * c67, bits);

	v[0] = even + high;
	v[step] = odd + low;
	v[2 * step] = odd - low;
	v[3 * step] = even - high;
}

static void dct_inverse(int32_t v[16], unsigned int bits)
{
	for (size_t i = 0; i < SIDE; i++)
		idct(v + SIDE * i, 1, bits);
	for (size_t i = 0; i < SIDE; i++)
		idct(v + i, SIDE, bits);
	for (size_t i = 0; i < 16; i++)
		v[i] = (v[i] + 8) >> 4;
}

/* ---- blocks ---- */

/* The mean of what is coded above and to the left. */
static int32_t mean(const struct samples *s, int plane, uint32_t x, uint32_t y)
{
	uint32_t width = plane ? s->width / 2 : s->width;
	const uint16_t *at = s->plane[plane] + (size_t)y * width + x;
	int32_t sum = 0, n = 0;

	for (int i = 0; i < SIDE && y; i++, n++)
		sum += (at - width)[i];
	for (int i = 0; i < SIDE && x; i++, n++)
		sum += at[i * (ptrdiff_t)width - 1];
	return n ? (sum + n / 2) / n : 1 << (s->depth - 1);
}

static int32_t quantise(double value, int32_t step)
{
	long level = lround(value / step);

	return (int32_t)(level > LEVEL_MAX ? LEVEL_MAX : level < -LEVEL_MAX ? -LEVEL_MAX : level);
}

static void quantised(const struct block_coder *k, const int32_t residue[16], int32_t levels[16],
		      int32_t back[16])
{
	const uint16_t (*steps)[256] = quant_steps[k->source->depth == 10];
	double values[16];

	dct_forward(residue, values);
	for (int i = 0; i < 16; i++) {
		int32_t step = steps[i ? 1 : 0][k->qindex];

		levels[i] = quantise(values[i], step);
		back[i] = levels[i] * step;
	}
	dct_inverse(back, k->bits);
}

bool block_code(const struct block_coder *k, int plane, uint32_t x, uint32_t y,
		int32_t levels[16])
{
	uint32_t width = plane ? k->source->width / 2 : k->source->width;
	size_t at = (size_t)y * width + x;
	const uint16_t *source = k->source->plane[plane] + at;
	uint16_t *recon = k->recon->plane[plane] + at;
	int32_t max = (1 << k->source->depth) - 1, residue[16], back[16], pred[16];
	bool any = false;

	for (int i = 0; i < 16; i++)
		pred[i] = k->reference ? k->reference->plane[plane][at + i / SIDE * width + i % SIDE] :
			  mean(k->recon, plane, x, y);
	for (int i = 0; i < 16; i++)
		residue[i] = source[i / SIDE * width + i % SIDE] - pred[i];
	if (k->qindex) {
		quantised(k, residue, levels, back);
	} else {
		wht_forward(residue, levels);
		memcpy(back, residue, sizeof(back));
	}
	for (int i = 0; i < 16; i++) {
		int32_t v = pred[i] + back[i];

		recon[i / SIDE * width + i % SIDE] = (uint16_t)(v < 0 ? 0 : v > max ? max : v);
		any |= levels[i] != 0;
	}
	return any;
}

void segments_report(const struct segments *s)
{
	uint32_t first = s->map[0], last = s->map[s->cols - 1];

	report("segments %ux%u of %u: %d .. %d\n", s->cols, s->rows, s->block, s->delta[first],
	       s->delta[last]);
}

unsigned int segment_at(const struct segments *s, uint32_t col, uint32_t row)
{
	return s && s->count ? s->map[row * 8 / s->block * s->cols + col * 8 / s->block] : 0;
}

struct block_coder coder_of(const struct block_coder *k, unsigned int segment)
{
	struct block_coder own = *k;

	if (k->segments && k->segments->count)
		own.qindex = (unsigned int)((int)k->qindex + k->segments->delta[segment]);
	return own;
}

unsigned int blocks_search(size_t (*size)(void *what, unsigned int qindex), void *what,
			   unsigned int min, unsigned int max, size_t bytes)
{
	while (min < max) {
		unsigned int middle = (min + max) / 2;

		if (size(what, middle) <= bytes)
			max = middle;
		else
			min = middle + 1;
	}
	return min;
}
