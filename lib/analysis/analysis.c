// SPDX-License-Identifier: MIT
/* The state of an analysis, and what a frame is like. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"

#define PAD 32		/* repeated samples around it, which the search may look at */
#define STEP_MAX 16	/* of the search */
#define STILL_SAD 24U	/* a block's: what 8-bit rounding of a still picture may cost */
#define EDGE 32		/* sample difference of drawn, not filmed, edges */

/* Sums over blocks. */
struct sums {
	uint64_t intra, inter, intra_ac, inter_ac, var, mean, still, drawn, filmed, n;
	uint64_t bends, bent;	/* second differences along rows: how many, their sum */
};

/* Both of SATD: all of it and without the mean, which a flash or fade changes. */
struct cost {
	uint32_t all, ac;
};

static bool picture_ok(const struct hvcal_analysis_picture *pic)
{
	size_t bytes, row;

	if (!pic || !pic->luma || !pic->width || !pic->height ||
	    pic->width > HVCAL_ANALYSIS_SIZE_MAX || pic->height > HVCAL_ANALYSIS_SIZE_MAX ||
	    pic->format > HVCAL_ANALYSIS_LUMA_P010)
		return false;
	bytes = pic->format == HVCAL_ANALYSIS_LUMA_8 ? 1 : 2;
	if (bytes == 2 && (((uintptr_t)pic->luma | (size_t)pic->stride) & 1))
		return false;
	row = pic->stride < 0 ? -(size_t)pic->stride : (size_t)pic->stride;
	return pic->height == 1 || row >= bytes * pic->width;
}

int hvcal_analysis_set_simd(struct hvcal_analysis *an, enum hvcal_analysis_simd simd)
{
	const struct hvcal_analysis_kernels *k = hvcal_analysis_kernels_get(simd);

	if (!k)
		return -EOPNOTSUPP;
	an->k = k;
	return 0;
}

int hvcal_analysis_create(struct hvcal_analysis **out)
{
	struct hvcal_analysis *an;

	if (!out)
		return -EINVAL;
	an = calloc(1, sizeof(*an));
	if (!an)
		return -ENOMEM;
	an->k = hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_BEST);
	*out = an;
	return 0;
}

static void free_planes(struct hvcal_analysis *an)
{
	free(an->cur.mem);
	free(an->prev.mem);
	free(an->mvs);
	free(an->row);
	free(an->strip);
	free(an->activity);
	an->cur.mem = NULL;
	an->prev.mem = NULL;
	an->mvs = NULL;
	an->row = NULL;
	an->strip = NULL;
	an->activity = NULL;
	an->width = 0;
	an->height = 0;
	an->have_prev = false;
}

void hvcal_analysis_destroy(struct hvcal_analysis *an)
{
	if (!an)
		return;
	free_planes(an);
	free(an);
}

void hvcal_analysis_reset(struct hvcal_analysis *an)
{
	if (an)
		an->have_prev = false;
}

size_t hvcal_analysis_map_size(uint32_t width, uint32_t height)
{
	if (!width || !height || width > HVCAL_ANALYSIS_SIZE_MAX ||
	    height > HVCAL_ANALYSIS_SIZE_MAX)
		return 0;
	return ((size_t)width + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK *
	       (((size_t)height + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK);
}

static int set_size(struct hvcal_analysis *an, uint32_t width, uint32_t height)
{
	size_t size, stride;

	if (an->width == width && an->height == height)
		return 0;
	free_planes(an);
	an->bw = (int)((width + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK);
	an->bh = (int)((height + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK);
	stride = ((size_t)an->bw * BLOCK + 2 * PAD + 63) / 64 * 64;
	size = stride * ((size_t)an->bh * BLOCK + 2 * PAD);
	an->cur.mem = aligned_alloc(64, size);
	an->prev.mem = aligned_alloc(64, size);
	an->mvs = calloc((size_t)an->bw * (size_t)an->bh, sizeof(*an->mvs));
	an->row = calloc((size_t)an->bw, sizeof(*an->row));
	an->strip = malloc((BLOCK + 1) * (size_t)width);
	if (!an->cur.mem || !an->prev.mem || !an->mvs || !an->row || !an->strip) {
		free_planes(an);
		return -ENOMEM;
	}
	an->stride = (ptrdiff_t)stride;
	an->cur.px = an->cur.mem + PAD * stride + PAD;
	an->prev.px = an->prev.mem + PAD * stride + PAD;
	an->width = width;
	an->height = height;
	return 0;
}

static void halve(struct hvcal_analysis *an, const struct hvcal_analysis_picture *pic)
{
	int w = (int)(pic->width + 1) / 2, h = (int)(pic->height + 1) / 2;
	ptrdiff_t stride = an->stride;
	uint8_t *px = an->cur.px;

	if (pic->format == HVCAL_ANALYSIS_LUMA_8)
		an->k->half8(pic->luma, pic->stride, pic->width, pic->height, px, stride);
	else
		an->k->half16(pic->luma, pic->stride, shift_of(pic), pic->width, pic->height,
			      px, stride);
	for (int y = 0; y < h; y++) {
		uint8_t *row = px + y * stride;

		memset(row - PAD, row[0], PAD);
		memset(row + w, row[w - 1], (size_t)(stride - PAD - w));
	}
	for (int y = 1; y <= PAD; y++)
		memcpy(px - PAD - y * stride, px - PAD, (size_t)stride);
	for (int y = h; y < an->bh * BLOCK + PAD; y++)
		memcpy(px - PAD + y * stride, px - PAD + (h - 1) * stride, (size_t)stride);
}

static int clamp(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

/* A search around one block. */
struct search {
	const struct hvcal_analysis *an;
	const uint8_t *src;	/* the block */
	const uint8_t *ref;	/* the same place in the previous picture */
	int lox, hix, loy, hiy;	/* vectors that stay inside its padding */
	struct mv best;
	uint32_t sad;
};

static bool search_try(struct search *s, int x, int y)
{
	uint32_t sad;

	x = clamp(x, s->lox, s->hix);
	y = clamp(y, s->loy, s->hiy);
	if (x == s->best.x && y == s->best.y)
		return false;
	sad = s->an->k->sad8x8(s->src, s->an->stride, s->ref + y * s->an->stride + x,
			       s->an->stride);
	if (sad >= s->sad)
		return false;
	s->sad = sad;
	s->best = (struct mv){ (int16_t)x, (int16_t)y };
	return true;
}

/* Neighbours' and the last picture's vectors, then diamonds that shrink. */
static void search_block(struct search *s, int bx, int by)
{
	const struct mv *mv = s->an->mvs + (ptrdiff_t)by * s->an->bw + bx;

	search_try(s, mv->x, mv->y);
	if (bx)
		search_try(s, mv[-1].x, mv[-1].y);
	if (by)
		search_try(s, mv[-s->an->bw].x, mv[-s->an->bw].y);
	for (int step = STEP_MAX; step; step /= 2) {
		/* a second round only where the first one moved */
		for (int round = 0; round < 2; round++) {
			int x = s->best.x, y = s->best.y;
			bool moved = search_try(s, x - step, y);

			moved |= search_try(s, x + step, y);
			moved |= search_try(s, x, y - step);
			moved |= search_try(s, x, y + step);
			if (!moved)
				break;
		}
	}
}

static void cost_min(const struct hvcal_analysis *an, const uint8_t *src, const uint8_t *pred,
		     ptrdiff_t stride, struct cost *c)
{
	uint32_t dc, all = an->k->satd8x8(src, an->stride, pred, stride, &dc);

	if (all < c->all)
		c->all = all;
	if (all - dc < c->ac)
		c->ac = all - dc;
}

static struct cost intra_cost(const struct hvcal_analysis *an, const uint8_t *src)
{
	struct cost c = { UINT32_MAX, UINT32_MAX };
	const uint8_t *top = src - an->stride;
	unsigned int sum = BLOCK;
	uint8_t pred[BLOCK * BLOCK];

	cost_min(an, src, top, 0, &c);	/* vertical: the row above, again and again */
	for (ptrdiff_t y = 0; y < BLOCK; y++) {
		uint8_t left = src[y * an->stride - 1];

		memset(pred + y * BLOCK, left, BLOCK);
		sum += left + top[y];
	}
	cost_min(an, src, pred, BLOCK, &c);
	memset(pred, (int)(sum / (2 * BLOCK)), BLOCK);
	cost_min(an, src, pred, 0, &c);
	return c;
}

/* Motion of a block; still: 1 if it did not change. */
static struct cost inter_cost(struct hvcal_analysis *an, int bx, int by, const uint8_t *src,
			      uint64_t *still)
{
	const struct hvcal_analysis_block *b = &an->row[bx];
	ptrdiff_t at = src - an->cur.px;
	struct search s = {
		.an = an,
		.src = src,
		.ref = an->prev.px + at,
		.lox = -PAD - bx * BLOCK,
		.hix = (an->bw - bx - 1) * BLOCK + PAD,
		.loy = -PAD - by * BLOCK,
		.hiy = (an->bh - by - 1) * BLOCK + PAD,
	};
	struct cost c = { b->satd, b->satd - b->dc };

	s.sad = b->sad;
	*still = s.sad <= STILL_SAD;
	if (!*still)
		search_block(&s, bx, by);
	an->mvs[(ptrdiff_t)by * an->bw + bx] = s.best;
	if (s.best.x || s.best.y)
		cost_min(an, src, s.ref + s.best.y * an->stride + s.best.x, an->stride, &c);
	return c;
}

/*
 * Drawn pictures have runs of equal samples and hard edges in one block; filmed
 * ones have neither. Four rows of the full picture tell; flat blocks say nothing.
 * The same rows tell how much detail the half picture has lost.
 */
static void look_drawn(const struct hvcal_analysis_picture *pic, int bx, int by,
		       struct sums *sums)
{
	unsigned int x0 = (unsigned int)bx * HVCAL_ANALYSIS_BLOCK;
	unsigned int x1 = x0 + HVCAL_ANALYSIS_BLOCK;
	unsigned int equal = 0, edges = 0, pairs = 0, bent = 0;

	x1 = x1 < pic->width ? x1 : pic->width;
	for (unsigned int i = 0; i < HVCAL_ANALYSIS_BLOCK; i += 4) {
		unsigned int y = (unsigned int)by * HVCAL_ANALYSIS_BLOCK + i;
		const uint8_t *row = (const uint8_t *)pic->luma + (ptrdiff_t)y * pic->stride;
		int last, slope;

		if (y >= pic->height)
			break;
		last = sample(pic, row, x0);
		slope = x1 - x0 > 1 ? sample(pic, row, x0 + 1) - last : 0;
		for (unsigned int x = x0 + 1; x < x1; x++) {
			int v = sample(pic, row, x);

			equal += v == last;
			edges += abs(v - last) >= EDGE;
			bent += (unsigned int)abs(v - last - slope);
			slope = v - last;
			last = v;
		}
		pairs += x1 - x0 - 1;
		sums->bends += x1 - x0 > 2 ? x1 - x0 - 2 : 0;
	}
	sums->bent += bent;
	if (equal == pairs)
		return;
	if (edges && 2 * equal >= pairs)
		sums->drawn++;
	else
		sums->filmed++;
}

/* What all blocks of a row need; a first picture is compared with itself, for nothing. */
static void look_row(struct hvcal_analysis *an, int by)
{
	ptrdiff_t at = (ptrdiff_t)by * BLOCK * an->stride;
	const uint8_t *src = an->cur.px + at;

	an->k->blocks8x8(src, an->stride, an->have_prev ? an->prev.px + at : src, an->stride,
			 (unsigned int)an->bw, an->row);
}

static uint16_t look_block(struct hvcal_analysis *an, const struct hvcal_analysis_picture *pic,
			   int bx, int by, struct sums *sums)
{
	const uint8_t *src = an->cur.px + (ptrdiff_t)by * BLOCK * an->stride +
			     (ptrdiff_t)bx * BLOCK;
	struct cost intra = intra_cost(an, src), inter = intra;
	uint64_t sum = an->row[bx].sum, sq = an->row[bx].sq, still = 0;

	if (an->have_prev) {
		struct cost c = inter_cost(an, bx, by, src, &still);

		inter.all = c.all < intra.all ? c.all : intra.all;
		inter.ac = c.ac < intra.ac ? c.ac : intra.ac;
	}
	look_drawn(pic, bx, by, sums);
	sums->intra += intra.all;
	sums->inter += inter.all;
	sums->intra_ac += intra.ac;
	sums->inter_ac += inter.ac;
	sums->var += sq * BLOCK * BLOCK - sum * sum;
	sums->mean += sum;
	sums->still += still;
	sums->n++;
	return (uint16_t)(inter.all / 8 < UINT16_MAX ? inter.all / 8 : UINT16_MAX);
}

/* 0 up to lo, 1 from hi on, smooth in between. */
static double smooth(double v, double lo, double hi)
{
	double t = (v - lo) / (hi - lo);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	return t * t * (3 - 2 * t);
}

static void conclude(const struct hvcal_analysis *an, const struct sums *s,
		     struct hvcal_analysis_result *res)
{
	const double samples = (double)s->n * BLOCK * BLOCK;
	double moved;

	/* an orthonormal 8x8 Hadamard transform divides by 8 */
	res->intra_cost = (double)s->intra / 8 / samples;
	res->inter_cost = (double)s->inter / 8 / samples;
	res->variance = (double)s->var / samples / (BLOCK * BLOCK);
	res->mean = (double)s->mean / samples;
	res->still = (double)s->still / (double)s->n;
	res->detail = s->bends ? (double)s->bent / (double)s->bends : 0;
	res->screen = s->drawn ? (double)s->drawn / (double)(s->drawn + s->filmed) : 0;
	res->blocks = (uint32_t)s->n;
	memset(res->coefs, 0, sizeof(res->coefs));
	res->first = !an->have_prev;
	/* a quarter of a level of change is noise, even where intra costs nothing */
	moved = (double)s->inter_ac / ((double)s->intra_ac + samples * 8 * 0.25);
	res->cut = res->first ? 1 : smooth(moved, 0.6, 0.9);
}

int hvcal_analysis_frame(struct hvcal_analysis *an, const struct hvcal_analysis_picture *picture,
			 const struct hvcal_analysis_options *options,
			 struct hvcal_analysis_result *result)
{
	static const struct hvcal_analysis_options usual;
	struct sums sums = { 0 };
	struct plane plane;
	int step, ret;

	if (!an || !result || !picture_ok(picture))
		return -EINVAL;
	if (!options)
		options = &usual;
	if (options->cost_map &&
	    options->cost_map_size < hvcal_analysis_map_size(picture->width, picture->height))
		return -ENOSPC;
	ret = set_size(an, picture->width, picture->height);
	if (ret)
		return ret;
	step = options->row_step < (uint32_t)an->bh ? clamp((int)options->row_step, 1, an->bh) :
						       an->bh;
	if (!an->have_prev)
		memset(an->mvs, 0, (size_t)an->bw * (size_t)an->bh * sizeof(*an->mvs));
	halve(an, picture);
	for (int by = 0; by < an->bh; by++) {
		uint16_t *map = options->cost_map;

		if (map)
			map += (ptrdiff_t)by * an->bw;
		if (by % step) {
			if (map)
				memcpy(map, map - an->bw, (size_t)an->bw * sizeof(*map));
			continue;
		}
		look_row(an, by);
		for (int bx = 0; bx < an->bw; bx++) {
			uint16_t cost = look_block(an, picture, bx, by, &sums);

			if (map)
				map[bx] = cost;
		}
	}
	conclude(an, &sums, result);
	if (hvcal_analysis_may_be_new(an, result) || options->coefs)
		hvcal_analysis_count_coefs(an, picture, (uint32_t)step, result);
	plane = an->prev;
	an->prev = an->cur;
	an->cur = plane;
	an->have_prev = true;
	return 0;
}

int hvcal_analysis_sad(const struct hvcal_analysis_picture *a,
		       const struct hvcal_analysis_picture *b, uint64_t *sad)
{
	const struct hvcal_analysis_kernels *k =
		hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_BEST);

	if (!sad || !picture_ok(a) || !picture_ok(b) || a->width != b->width ||
	    a->height != b->height ||
	    (a->format == HVCAL_ANALYSIS_LUMA_8) != (b->format == HVCAL_ANALYSIS_LUMA_8))
		return -EINVAL;
	if (a->format == HVCAL_ANALYSIS_LUMA_8)
		*sad = k->sad8(a->luma, a->stride, b->luma, b->stride, a->width, a->height);
	else
		*sad = k->sad16(a->luma, a->stride, shift_of(a), b->luma, b->stride, shift_of(b),
				a->width, a->height);
	return 0;
}

int hvcal_analysis_variance(const struct hvcal_analysis_picture *picture, double *variance)
{
	const struct hvcal_analysis_kernels *k =
		hvcal_analysis_kernels_get(HVCAL_ANALYSIS_SIMD_BEST);
	uint64_t sum, sq;
	double n;

	if (!variance || !picture_ok(picture))
		return -EINVAL;
	if (picture->format == HVCAL_ANALYSIS_LUMA_8)
		k->sums8(picture->luma, picture->stride, picture->width, picture->height,
			 &sum, &sq);
	else
		k->sums16(picture->luma, picture->stride, shift_of(picture), picture->width,
			  picture->height, &sum, &sq);
	n = (double)picture->width * picture->height;
	*variance = ((double)sq - (double)sum * (double)sum / n) / n;
	return 0;
}
