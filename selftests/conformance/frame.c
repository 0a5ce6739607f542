// SPDX-License-Identifier: MIT
/* Memory and pictures. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conformance.h"

#define STRIDE_ALIGN 64

/*
 * DMA-BUFs where the machine has them, as real clients do. The engine's mapping of
 * a source is read only: writing to it is a crash.
 */
static struct conf_buffer *buffer_new(size_t size, int engine_prot)
{
	struct hvcal_memory_request req = { .size = size, .numa_node = -1 };
	struct conf_buffer *b = calloc(1, sizeof(*b));

	if (!b || hvcal_memory_alloc_alone(&req, &b->mem))
		abort();
	b->size = size;
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		b->engine.fd[i] = -1;
	b->engine.fd[0] = b->mem.fd;
	b->mine = b->mem.map;
	b->engine.map[0] = mmap(NULL, size, engine_prot, MAP_SHARED, b->mem.fd, 0);
	if (b->engine.map[0] == MAP_FAILED)
		abort();
	b->plain = req.memory == HVCAL_MEMORY_MEMFD;
	b->engine.len[0] = size;
	return b;
}

struct conf_buffer *conf_target_new(size_t size)
{
	struct conf_buffer *b = buffer_new(size, PROT_READ | PROT_WRITE);

	memset(b->mine, CONF_CANARY, size);
	return b;
}

uint32_t conf_plane_rows(const struct hvcal_frame_layout *l, uint32_t plane, uint32_t *bytes)
{
	uint32_t cw = (l->width + 1) / 2, ch = (l->height + 1) / 2;

	switch (l->format) {
	case HVCAL_FORMAT_I420:
		*bytes = plane ? cw : l->width;
		break;
	case HVCAL_FORMAT_NV12:
		*bytes = plane ? 2 * cw : l->width;
		break;
	case HVCAL_FORMAT_P010:
		*bytes = plane ? 4 * cw : 2 * l->width;
		break;
	default: /* packed, four bytes */
		*bytes = 4 * l->width;
		break;
	}
	return plane ? ch : l->height;
}

static uint32_t planes_of(uint32_t format)
{
	switch (format) {
	case HVCAL_FORMAT_I420:
		return 3;
	case HVCAL_FORMAT_NV12:
	case HVCAL_FORMAT_P010:
		return 2;
	default:
		return 1;
	}
}

struct conf_buffer *conf_source_new(struct conf *c, const struct hvcal_codec_config *config)
{
	struct hvcal_frame_layout l = {
		.size = sizeof(l), .format = config->format,
		.width = config->width, .height = config->height,
		.planes = planes_of(config->format),
	};
	struct conf_buffer *b;
	uint64_t at = 0;

	for (uint32_t p = 0; p < l.planes; p++) {
		uint32_t bytes, rows = conf_plane_rows(&l, p, &bytes);

		l.stride[p] = (bytes + STRIDE_ALIGN - 1) / STRIDE_ALIGN * STRIDE_ALIGN;
		l.offset[p] = at;
		at += (uint64_t)l.stride[p] * rows;
	}
	b = buffer_new(at, PROT_READ);
	c->plain_memory = b->plain;
	b->engine.layout = l;
	return b;
}

void conf_buffer_free(struct conf *c, struct conf_buffer *b)
{
	if (!b)
		return;
	if (b->engine.priv && c->engine->ops->forget)
		c->engine->ops->forget(c->engine->ctx, &b->engine);
	munmap(b->engine.map[0], b->size);
	hvcal_memory_free_alone(&b->mem);
	free(b);
}

static unsigned int triangle(unsigned int v)
{
	v %= 256;
	return v < 128 ? v : 255 - v;
}

/* Slopes that move, and a textured square that moves over them. */
uint8_t conf_sample(unsigned int p, unsigned int x, unsigned int y, unsigned int n)
{
	unsigned int size = p ? 12 : 24, left = p ? n * 2 : n * 4;

	if (p)
		return (uint8_t)(64 + triangle(x * 2 + y + n * p));
	if (x - left < size && y >= 8 && y - 8 < size)
		return (uint8_t)(64 + ((x - left) * 37 + (y - 8) * 91) % 128);
	return (uint8_t)(32 + triangle(x + y / 2 + n * 3) + triangle(y * 3) / 4);
}

static void draw_plane(struct conf_buffer *b, unsigned int plane, unsigned int n)
{
	const struct hvcal_frame_layout *l = &b->engine.layout;
	unsigned int w = plane ? (l->width + 1) / 2 : l->width;
	unsigned int h = plane ? (l->height + 1) / 2 : l->height;

	for (unsigned int y = 0; y < h; y++) {
		uint8_t *row = b->mine + l->offset[plane] + (size_t)y * l->stride[plane];
		uint16_t *row16 = (uint16_t *)(void *)row;

		for (unsigned int x = 0; x < w; x++) {
			uint8_t one = conf_sample(plane, x, y, n);
			uint8_t two = plane ? conf_sample(2, x, y, n) : 0;

			switch (l->format) {
			case HVCAL_FORMAT_I420:
				row[x] = one;
				break;
			case HVCAL_FORMAT_NV12:
				row[plane ? 2 * x : x] = one;
				if (plane)
					row[2 * x + 1] = two;
				break;
			case HVCAL_FORMAT_P010:
				row16[plane ? 2 * x : x] = (uint16_t)(one << 8);
				if (plane)
					row16[2 * x + 1] = (uint16_t)(two << 8);
				break;
			default:
				memset(row + 4 * (size_t)x, one, 4);
				break;
			}
		}
	}
}

void conf_draw(struct conf_buffer *b, unsigned int n)
{
	for (unsigned int p = 0; p < b->engine.layout.planes; p++)
		draw_plane(b, p, n);
}
