// SPDX-License-Identifier: MIT
/* Pictures between surfaces and coders. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Row @y of a plane; of one in tiles it is put together in @room. */
static const uint8_t *row_of(const struct surface *s, int plane, uint32_t y, uint8_t *room)
{
	uint32_t pitch = s->pitch[plane];
	const uint8_t *tiles = s->plane[plane] + (size_t)(y / TILE_ROWS) * TILE_ROWS * pitch +
			       (size_t)(y % TILE_ROWS) * TILE_BYTES;

	if (!s->tiled)
		return s->plane[plane] + (size_t)y * pitch;
	for (uint32_t x = 0; x < pitch; x += TILE_BYTES)
		memcpy(room + x, tiles + (size_t)x * TILE_ROWS, TILE_BYTES);
	return room;
}

int raw_make(struct raw *r, const struct surface *s, uint32_t width, uint32_t height)
{
	size_t luma = (size_t)width * height;
	unsigned int b = s->fourcc == VA_FOURCC_P010 ? 2 : 1;
	uint8_t *room = malloc(s->pitch[0] > s->pitch[1] ? s->pitch[0] : s->pitch[1]);

	*r = (struct raw){ .width = width, .height = height, .sample = b };
	r->plane[0] = malloc(luma * 3 / 2 * b);
	if (!room || !r->plane[0]) {
		free(room);
		raw_free(r);
		return -1;
	}
	r->plane[1] = r->plane[0] + luma * b;
	r->plane[2] = r->plane[1] + luma / 4 * b;
	for (uint32_t y = 0; y < height; y++) {
		const uint8_t *from = row_of(s, 0, least(y, s->height - 1), room);

		for (uint32_t x = 0; x < width; x++)
			memcpy(r->plane[0] + ((size_t)y * width + x) * b,
			       from + least(x, s->width - 1) * b, b);
	}
	for (uint32_t y = 0; y < height / 2; y++) {
		const uint8_t *from = row_of(s, 1, least(y, s->height / 2 - 1), room);

		for (uint32_t x = 0; x < width / 2; x++)
			for (int p = 0; p < 2; p++)
				memcpy(r->plane[1 + p] + ((size_t)y * width / 2 + x) * b,
				       from + (2 * least(x, s->width / 2 - 1) + p) * b, b);
	}
	free(room);
	return 0;
}

void raw_free(struct raw *r)
{
	free(r->plane[0]);
	*r = (struct raw){ 0 };
}

void raw_store(const struct raw *r, struct surface *s)
{
	unsigned int b = r->sample;

	for (uint32_t y = 0; y < r->height; y++)
		memcpy(s->plane[0] + (size_t)y * s->pitch[0],
		       r->plane[0] + (size_t)y * r->width * b, (size_t)r->width * b);
	for (uint32_t y = 0; y < r->height / 2; y++)
		for (uint32_t x = 0; x < r->width / 2; x++)
			for (int p = 0; p < 2; p++)
				memcpy(s->plane[1] + (size_t)y * s->pitch[1] + (2 * x + p) * b,
				       r->plane[1 + p] + ((size_t)y * r->width / 2 + x) * b, b);
}

static unsigned int sample_at(const uint8_t *row, uint32_t x, unsigned int bytes)
{
	uint16_t v = row[x];

	if (bytes == 2)
		memcpy(&v, row + (size_t)2 * x, sizeof(v));
	/* ten bits lie in the high ones */
	return bytes == 2 ? v >> 6 : v;
}

static bool row_same(const struct raw *r, const struct surface *past, const struct surface *future,
		     int plane, uint32_t x, uint32_t y, uint32_t size)
{
	const uint8_t *row[] = {
		past->plane[!!plane] + (size_t)y * past->pitch[!!plane],
		future->plane[!!plane] + (size_t)y * future->pitch[!!plane],
	};
	const uint8_t *own = r->plane[plane] +
			     (size_t)y * (plane ? r->width / 2 : r->width) * r->sample;

	for (uint32_t i = x; i < x + size; i++) {
		uint32_t at = plane ? 2 * i + (uint32_t)plane - 1 : i;
		unsigned int a = sample_at(row[0], at, r->sample);
		unsigned int b = sample_at(row[1], at, r->sample);

		if (sample_at(own, i, r->sample) != (a + b + 1) / 2)
			return false;
	}
	return true;
}

bool raw_same(const struct raw *r, const struct surface *past, const struct surface *future,
	      uint32_t x, uint32_t y, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (!row_same(r, past, future, 0, x, y + i, size))
			return false;
	for (uint32_t i = 0; i < size; i++)
		if (!row_same(r, past, future, 1 + i % 2, x / 2, y / 2 + i / 2, size / 2))
			return false;
	return true;
}

bool rir_column(const struct context *c, uint32_t column)
{
	return c->rir.rir_flags.bits.enable_rir_column &&
	       column >= c->rir.intra_insertion_location &&
	       column < (uint32_t)c->rir.intra_insertion_location + c->rir.intra_insert_size;
}

int roi_offset(const struct context *c, int x, int y)
{
	for (unsigned int n = 0; n < c->nrois; n++) {
		const VARectangle *r = &c->rois[n].roi_rectangle;

		if (x >= r->x && y >= r->y && x < r->x + r->width && y < r->y + r->height)
			return c->rois[n].roi_value;
	}
	return 0;
}
