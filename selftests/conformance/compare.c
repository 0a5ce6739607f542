// SPDX-License-Identifier: MIT
/* Pictures that came out of a decoder, beside those that were sent. */
#include <math.h>

#include "conformance.h"

/* Sum of squared differences to the picture, on a scale of 8 bits. */
static double plane_error(const struct conf_decoded *d, unsigned int p, unsigned int x0,
			  unsigned int x1, unsigned int h, unsigned int n)
{
	double sum = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *row = d->data[p] + (ptrdiff_t)y * d->stride[p];
		const uint16_t *row16 = (const uint16_t *)(const void *)row;

		for (unsigned int x = x0; x < x1; x++) {
			double got = d->depth == 10 ? row16[x] / 4.0 : row[x];
			double diff = got - conf_sample(p, x, y, n);

			sum += diff * diff;
		}
	}
	return sum;
}

static uint64_t hash_plane(uint64_t hash, const struct conf_decoded *d, unsigned int p,
			   unsigned int w, unsigned int h)
{
	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *row = d->data[p] + (ptrdiff_t)y * d->stride[p];

		for (unsigned int i = 0; i < w * (d->depth == 10 ? 2 : 1); i++)
			hash = (hash ^ row[i]) * 1099511628211ULL;
	}
	return hash;
}

static double psnr_of(double error, unsigned int samples)
{
	return error > 0 ? 10 * log10(255.0 * 255 * samples / error) : 100;
}

void conf_compare(struct conf_stream *s, const struct conf_decoded *d, double min_psnr,
		  struct conf_picture *picture, struct conf_picture *pictures)
{
	unsigned int cw = (d->width + 1) / 2, ch = (d->height + 1) / 2;
	unsigned int n = (unsigned int)((d->pts - PTS_BASE) / PTS_STEP);
	unsigned int half = d->width / 2;
	double left, luma, chroma;

	CHECK(s->c, n < s->count, "the decoder gives a picture of no frame");
	CHECK(s->c, d->width == s->config.width && d->height == s->config.height,
	      "frame %u decodes to %ux%u instead of %ux%u", n, d->width, d->height,
	      s->config.width, s->config.height);
	CHECK(s->c, d->depth == (s->config.format == HVCAL_FORMAT_P010 ? 10 : 8),
	      "frame %u decodes to samples of %u bits", n, d->depth);
	left = plane_error(d, 0, 0, half, d->height, n);
	luma = left + plane_error(d, 0, half, d->width, d->height, n);
	chroma = plane_error(d, 1, 0, cw, ch, n) + plane_error(d, 2, 0, cw, ch, n);
	picture->there = true;
	picture->width = d->width;
	picture->height = d->height;
	picture->exact = luma + chroma == 0;
	picture->hash = hash_plane(14695981039346656037ULL, d, 0, d->width, d->height);
	for (unsigned int p = 1; p < 3; p++)
		picture->hash = hash_plane(picture->hash, d, p, cw, ch);
	picture->psnr = psnr_of(luma, d->width * d->height);
	picture->psnr_left = psnr_of(left, half * d->height);
	picture->psnr_right = psnr_of(luma - left, (d->width - half) * d->height);
	CHECK(s->c, picture->psnr >= min_psnr, "frame %u decodes with %.1f dB, %.1f expected", n,
	      picture->psnr, min_psnr);
	/* colours gone wrong do not show in the luma */
	CHECK(s->c, min_psnr <= 0 || chroma / (2.0 * cw * ch) < 400, "frame %u has wrong colours", n);
	if (pictures)
		pictures[n] = *picture;
}
