// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib.h"

/* A textured slope that moves, with a square that moves over it. */
static void draw(struct lib_clip *clip, unsigned int n)
{
	uint8_t *to = clip->data + n * clip->size;
	unsigned int w = clip->width, h = clip->height;

	for (unsigned int y = 0; y < h; y++)
		for (unsigned int x = 0; x < w; x++) {
			unsigned int v = (x + 3 * n) / 3 + (y + n) / 2;

			v += ((x + 2 * n) * 37 + y * 91) % 23;
			if (x - 5 * n < 64 && y - 40 < 64)
				v += ((x - 5 * n) * 29 + y * 53) % 101;
			*to++ = (uint8_t)(32 + v % 190);
		}
	for (unsigned int y = 0; y < h; y++)
		for (unsigned int x = 0; x < w / 2; x++)
			*to++ = (uint8_t)(96 + (x + y / 2 + n) / 8 % 64);
}

static unsigned int load(struct lib_clip *clip, const char *path)
{
	FILE *f = path && *path ? fopen(path, "rb") : NULL;
	unsigned int n = 0;

	if (!f)
		return 0;
	while (n < clip->count && fread(clip->data + n * clip->size, clip->size, 1, f) == 1)
		n++;
	fclose(f);
	return n;
}

int lib_clip_open(struct lib_clip *clip, const char *path, unsigned int width,
		  unsigned int height, unsigned int count)
{
	unsigned int loaded;

	*clip = (struct lib_clip){
		.width = width, .height = height, .count = count,
		.size = (size_t)width * height * 3 / 2,
	};
	clip->data = malloc(clip->size * count);
	if (!clip->data)
		return -1;
	loaded = load(clip, path);
	if (loaded) {
		clip->count = loaded;
		return 0;
	}
	for (unsigned int n = 0; n < count; n++)
		draw(clip, n);
	return 0;
}

void lib_clip_close(struct lib_clip *clip)
{
	free(clip->data);
	clip->data = NULL;
}

struct lib_picture lib_clip_picture(const struct lib_clip *clip, unsigned int n)
{
	const uint8_t *y = clip->data + n % clip->count * clip->size;
	const uint8_t *cb = y + (size_t)clip->width * clip->height;
	int w = (int)clip->width;

	return (struct lib_picture){
		.plane = { y, cb, cb + (size_t)clip->width / 2 * (clip->height / 2) },
		.stride = { w, w / 2, w / 2 },
	};
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t lib_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t lib_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
