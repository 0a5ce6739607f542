// SPDX-License-Identifier: MIT
/* What the analysis says of pictures whose content is known. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"

#define W 320
#define H 192

static int failed, count;
static enum hvcal_analysis_simd simd;
static uint8_t px[W * H];
static struct hvcal_analysis_picture pic = { px, W, W, H, HVCAL_ANALYSIS_LUMA_8 };

static void check(int good, const char *what)
{
	printf("%sok %d - variant %d: %s\n", good ? "" : "not ", ++count, (int)simd, what);
	failed |= !good;
}

/* Smooth noise that has no borders: the same value for the same place and scene. */
static int texture(int x, int y, int scene)
{
	int v[4];

	for (int i = 0; i < 4; i++) {
		uint32_t h = (uint32_t)((x >> 3) + (i & 1)) * 0x9e3779b1U ^
			     (uint32_t)((y >> 3) + (i >> 1)) * 0x85ebca77U ^
			     (uint32_t)scene * 0xc2b2ae3dU;

		h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
		v[i] = (int)((h ^ (h >> 13)) & 127);
	}
	return ((v[0] * (8 - (x & 7)) + v[1] * (x & 7)) * (8 - (y & 7)) +
		(v[2] * (8 - (x & 7)) + v[3] * (x & 7)) * (y & 7)) / 64;
}

static void draw(int dx, int dy, int scene, int add, int percent)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			px[y * W + x] = (uint8_t)(texture(x + dx + 1000, y + dy + 1000, scene) *
						  percent / 100 + add);
}

static struct hvcal_analysis_result look(struct hvcal_analysis *an)
{
	struct hvcal_analysis_result r = { 0 };

	if (hvcal_analysis_frame(an, &pic, NULL, &r))
		check(0, "a frame is looked at");
	return r;
}

static struct hvcal_analysis *create(void)
{
	struct hvcal_analysis *an;

	if (hvcal_analysis_create(&an))
		exit(1);
	if (hvcal_analysis_set_simd(an, simd)) {
		printf("ok %d - variant %d # SKIP this machine has none\n", ++count, (int)simd);
		hvcal_analysis_destroy(an);
		return NULL;
	}
	return an;
}

static void scenes(struct hvcal_analysis *an)
{
	struct hvcal_analysis_result r, first;

	draw(0, 0, 1, 40, 100);
	first = look(an);
	check(first.first && first.cut == 1 && first.inter_cost == first.intra_cost &&
	      first.blocks == 20 * 12 && first.intra_cost > 1, "the first frame");
	r = look(an);
	check(!r.first && r.cut == 0 && r.still == 1 && r.inter_cost == 0, "a still picture");
	draw(12, -6, 1, 40, 100);
	r = look(an);
	check(r.cut < 0.1 && r.still < 0.1 && r.inter_cost < r.intra_cost / 3, "motion");
	draw(12, -6, 2, 40, 100);
	r = look(an);
	check(r.cut > 0.9 && r.still < 0.1, "a cut");
	draw(12, -6, 2, 120, 100);
	r = look(an);
	check(r.cut < 0.1 && r.inter_cost > 1, "a flash is no cut");
	draw(12, -6, 2, 40, 100);
	look(an);
	for (int i = 0; i < 8; i++) {
		draw(12, -6, 2, 40, 90 - 10 * i);
		r = look(an);
		if (r.cut >= 0.5)
			break;
	}
	check(r.cut < 0.5, "a fade is no cut");
	hvcal_analysis_reset(an);
	check(look(an).first == 1, "after a reset");
	check(r.screen < 0.1, "filmed content");
	memset(px, 240, sizeof(px));
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			if (y % 16 < 10 && x % 16 < 9 && (x * 7 / 3 + y / 16) % 5 < 2)
				px[y * W + x] = 20;
	check(look(an).screen > 0.9, "drawn content");
	memset(px, 77, sizeof(px));
	r = look(an);
	check(r.screen == 0 && r.variance == 0 && r.intra_cost < 0.1 && r.mean == 77, "flat");
	check(r.detail == 0, "flat: no detail");
}

/* Second differences along rows: what half the picture does not show. */
static void details(struct hvcal_analysis *an)
{
	struct hvcal_analysis_result r;

	for (int i = 0; i < W * H; i++)
		px[i] = (uint8_t)(5 * (i % W % 16));
	check(look(an).detail == 0, "a ramp in each block is no detail");
	for (int i = 0; i < W * H; i++)
		px[i] = i & 1 ? 110 : 100;
	r = look(an);
	check(r.detail == 20 && r.intra_cost < 0.1, "stripes of one sample are detail alone");
}

/* Noise of +-@amplitude. */
static void draw_noise(int amplitude)
{
	uint32_t h = 1;

	for (int i = 0; i < W * H; i++) {
		h = h * 1664525U + 1013904223U;
		px[i] = (uint8_t)(128 + (int)(h >> 16) % (2 * amplitude + 1) - amplitude);
	}
}

/* Coefficients are counted where a frame may be new, or on demand. */
static void coefs(struct hvcal_analysis *an)
{
	struct hvcal_analysis_options o = { .coefs = 1 };
	struct hvcal_analysis_result r, loud;
	int good = 1;

	hvcal_analysis_reset(an);
	draw_noise(8);
	r = look(an);
	for (int i = 1; i < HVCAL_ANALYSIS_COEFS; i++)
		good &= r.coefs[i] <= r.coefs[i - 1] && r.coefs[i] >= 0;
	check(good && r.coefs[0] > 0.9 && r.coefs[0] <= 1 && r.coefs[7] < 0.01,
	      "coefficients of weak noise");
	check(look(an).coefs[0] == 0, "a still picture: none are counted");
	check(!hvcal_analysis_frame(an, &pic, &o, &loud) && loud.coefs[0] == r.coefs[0] &&
	      loud.coefs[5] == r.coefs[5], "coefficients on demand");
	draw_noise(64);
	loud = look(an);
	check(loud.coefs[0] > r.coefs[0] && loud.coefs[7] > 0.1 && loud.coefs[12] == 0,
	      "coefficients of strong noise");
	draw(0, 0, 5, 40, 100);
	r = look(an);
	check(r.coefs[0] > 0 && r.coefs[6] < loud.coefs[6] / 4, "a cut: they are counted");
	draw(3, 1, 5, 40, 100);
	check(look(an).coefs[0] == 0, "motion: none are counted");
}

/* The same content in 8 bits, in 10 and in P010, upside down and not. */
static void formats(struct hvcal_analysis *an)
{
	static uint16_t wide[W * H];
	struct hvcal_analysis_picture p = pic;
	struct hvcal_analysis_result want[2], got = { 0 };
	int same = 1;

	for (int fmt = HVCAL_ANALYSIS_LUMA_10; fmt <= HVCAL_ANALYSIS_LUMA_P010; fmt++)
		for (int f = 0; f < 2; f++) {
			hvcal_analysis_reset(an);
			draw(0, 0, 3, 40, 100);
			look(an);
			draw(9, 2, 3, 40, 100);
			want[0] = look(an);
			hvcal_analysis_reset(an);
			for (int i = 0; i < 2; i++) {
				draw(i * 9, i * 2, 3, 40, 100);
				for (int n = 0; n < W * H; n++)
					wide[n] = (uint16_t)(px[n] <<
						(fmt == HVCAL_ANALYSIS_LUMA_P010 ? 8 : 2));
				p.luma = wide;
				p.stride = (ptrdiff_t)W * 2;
				p.format = (uint32_t)fmt;
				same &= !hvcal_analysis_frame(an, &p, NULL, &got);
			}
			same &= !memcmp(&want[0], &got, sizeof(got));
		}
	check(same, "8 bits, 10 bits and P010 agree");
}

static void sizes(struct hvcal_analysis *an)
{
	static const uint32_t size[] = { 1, 2, 7, 8, 15, 16, 17, 33, 64, 191 };
	struct hvcal_analysis_result r;
	int good = 1;

	draw(0, 0, 1, 40, 100);
	for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++)
		for (size_t j = 0; j < sizeof(size) / sizeof(*size); j++) {
			struct hvcal_analysis_picture p = { NULL, -(ptrdiff_t)size[i], size[i],
							    size[j], HVCAL_ANALYSIS_LUMA_8 };
			/* exactly its samples: ASan sees what is read beyond */
			uint8_t *mem = malloc((size_t)size[i] * size[j]);
			size_t n = hvcal_analysis_map_size(size[i], size[j]);
			uint16_t *map = malloc(n * sizeof(*map));
			struct hvcal_analysis_options o = { 2, map, n, 1 };

			if (!mem || !map)
				exit(1);
			memset(map, 0xff, n * sizeof(*map));
			memcpy(mem, px, (size_t)size[i] * size[j]);
			p.luma = mem + (size_t)(size[j] - 1) * size[i];
			good &= !hvcal_analysis_frame(an, &p, &o, &r) && r.first;
			good &= !hvcal_analysis_frame(an, &p, &o, &r) && !r.first && r.still == 1;
			for (size_t b = 0; b < n; b++)
				good &= map[b] == 0;
			o.cost_map_size = n - 1;
			good &= hvcal_analysis_frame(an, &p, &o, &r) == -ENOSPC;
			free(map);
			free(mem);
		}
	check(good, "odd sizes, maps, every other row");
}

static void bad_input(struct hvcal_analysis *an)
{
	struct hvcal_analysis_picture p = pic;
	struct hvcal_analysis_result r = { .mean = -1 };
	uint64_t sad;
	double var;
	int good = 1;

	good &= hvcal_analysis_frame(an, NULL, NULL, &r) == -EINVAL;
	p.width = 0;
	good &= hvcal_analysis_frame(an, &p, NULL, &r) == -EINVAL;
	p.width = HVCAL_ANALYSIS_SIZE_MAX + 1;
	good &= hvcal_analysis_frame(an, &p, NULL, &r) == -EINVAL;
	p.width = W + 1;
	good &= hvcal_analysis_frame(an, &p, NULL, &r) == -EINVAL;
	p = pic;
	p.format = 3;
	good &= hvcal_analysis_frame(an, &p, NULL, &r) == -EINVAL;
	p = pic;
	p.luma = NULL;
	good &= hvcal_analysis_frame(an, &p, NULL, &r) == -EINVAL;
	good &= hvcal_analysis_variance(&p, &var) == -EINVAL;
	p = pic;
	p.height--;
	good &= hvcal_analysis_sad(&pic, &p, &sad) == -EINVAL;
	good &= !hvcal_analysis_map_size(0, 1) && hvcal_analysis_map_size(17, 16) == 2;
	check(good && r.mean == -1, "bad input is refused and changes nothing");
	memset(px, 0, sizeof(px));
	memset(px, 10, sizeof(px) / 2);
	good = !hvcal_analysis_variance(&pic, &var) && var == 25;
	good &= !hvcal_analysis_sad(&pic, &pic, &sad) && !sad;
	check(good, "variance and SAD of pictures");
}

#define COLS (W / 16)
#define ROWS (H / 16)

static int map_is(const int8_t *map, size_t stride, int left, int right)
{
	int good = 1;

	for (size_t i = 0; i < stride * ROWS; i++)
		good &= map[i] == (i % stride >= COLS ? 77 : i % stride < COLS / 2 ? left : right);
	return good;
}

static void quant_maps(struct hvcal_analysis *an)
{
	static int8_t map[(COLS + 3) * ROWS];
	const size_t all = COLS * ROWS, stride = COLS + 3;
	struct hvcal_analysis *fresh = create();
	int sum = 0, least = 0, most = 0;

	check(hvcal_analysis_quant_map(fresh, 16, map, COLS, all) == -ENODATA,
	      "no QP offsets before a frame");
	hvcal_analysis_destroy(fresh);
	memset(px, 100, sizeof(px));
	look(an);
	check(hvcal_analysis_quant_map(an, 0, map, COLS, all) == -EINVAL &&
	      hvcal_analysis_quant_map(an, 65, map, COLS, all) == -EINVAL &&
	      hvcal_analysis_quant_map(an, 16, NULL, COLS, all) == -EINVAL &&
	      hvcal_analysis_quant_map(an, 16, map, COLS - 1, all) == -ENOSPC &&
	      hvcal_analysis_quant_map(an, 16, map, COLS, all - 1) == -ENOSPC &&
	      hvcal_analysis_quant_map(an, 16, map, SIZE_MAX, all) == -ENOSPC,
	      "QP offsets that cannot be are refused");
	memset(map, 77, sizeof(map));
	check(!hvcal_analysis_quant_map(an, 64, map, stride, sizeof(map)) &&
	      map_is(map, stride, 0, 0), "a flat picture has no QP offsets");
	/* the right half has twice the energy with its floor: 64 * (8 * 8 + 64) */
	for (int y = 0; y < H; y++)
		for (int x = W / 2; x < W; x++)
			px[y * W + x] = (x / 2 + y / 2) % 2 ? 92 : 108;
	look(an);
	check(!hvcal_analysis_quant_map(an, 32, map, stride, sizeof(map)) &&
	      map_is(map, stride, -1, 1), "twice the energy is 2 QPs at strength 32");
	check(!hvcal_analysis_quant_map(an, 24, map, stride, sizeof(map)) &&
	      map_is(map, stride, -1, 1), "one and a half are rounded away from the middle");
	check(!hvcal_analysis_quant_map(an, 64, map, stride, stride * (ROWS - 1) + COLS) &&
	      map_is(map, stride, -2, 2), "and 4 at 64");
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			px[y * W + x] = (uint8_t)(128 + (texture(x, y, 3) - 64) * x / W);
	look(an);
	check(!hvcal_analysis_quant_map(an, 48, map, COLS, all), "QP offsets of a texture");
	for (size_t i = 0; i < all; i++) {
		sum += map[i];
		least = map[i] < least ? map[i] : least;
		most = map[i] > most ? map[i] : most;
	}
	check(least <= -3 && most >= 3 && abs(sum) <= (int)all / 16,
	      "they differ, and add up to next to none");
}

/* Every variant gives the same results, to the last bit. */
static void variants_agree(void)
{
	struct hvcal_analysis_result want[4], got;
	int8_t maps[2][COLS * ROWS];
	int good = 1, same = 1;

	for (simd = HVCAL_ANALYSIS_SIMD_C; simd < HVCAL_ANALYSIS_SIMD_BEST; simd++) {
		struct hvcal_analysis *an = create();

		for (int i = 0; an && i < 4; i++) {
			draw(i * 13, i * i, i / 3, 40 + i, 100);
			got = look(an);
			if (simd == HVCAL_ANALYSIS_SIMD_C)
				want[i] = got;
			good &= !memcmp(&got, &want[i], sizeof(got));
		}
		same &= !an || !hvcal_analysis_quant_map(an, 40, maps[!!simd], COLS, COLS * ROWS);
		same &= !memcmp(maps[0], maps[an && simd], sizeof(maps[0]));
		hvcal_analysis_destroy(an);
	}
	check(good, "all variants agree");
	check(same, "and on QP offsets");
}

int main(void)
{
	for (simd = HVCAL_ANALYSIS_SIMD_C; simd <= HVCAL_ANALYSIS_SIMD_BEST; simd++) {
		struct hvcal_analysis *an = create();

		if (!an)
			continue;
		scenes(an);
		details(an);
		coefs(an);
		formats(an);
		sizes(an);
		bad_input(an);
		quant_maps(an);
		hvcal_analysis_destroy(an);
	}
	variants_agree();
	printf("1..%d\n", count);
	return failed;
}
