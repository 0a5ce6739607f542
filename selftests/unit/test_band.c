// SPDX-License-Identifier: MIT
/* Bands of rows in QP maps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "band.h"

#define BLOCK 16
#define COLS 3
#define ROWS_MAX 600

static struct hvcal_band band(float top, float bottom, int qp, int band_qp, uint32_t height)
{
	const struct hvcal_rc_decision d = {
		.qp = qp, .band_top = top, .band_bottom = bottom, .band_qp = band_qp,
	};

	return hvcal_band_of(&d, height, BLOCK);
}

/* A controller cuts the height as it likes; every block gets its offset once. */
static void tiles(void **state)
{
	static const uint32_t heights[] = { 2, 16, 17, 192, 270, 1080, 1082, 1084, 2160, 9000 };
	static const unsigned int cuts[] = { 1, 2, 3, 7, 17, 67, 68, 100, 1000 };

	(void)state;
	for (unsigned int h = 0; h < sizeof(heights) / sizeof(heights[0]); h++) {
		uint32_t rows = (heights[h] + BLOCK - 1) / BLOCK;

		for (unsigned int c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
			int8_t map[ROWS_MAX * COLS] = { 0 };
			float top = 0.0f;

			assert_true(rows <= ROWS_MAX);
			for (unsigned int i = 0; i < cuts[c]; i++) {
				/* uneven, as bits have it; the last one ends at the end */
				float x = (float)(i + 1) / (float)cuts[c];
				float bottom = i + 1 < cuts[c] ? x * x : 1.0f;
				struct hvcal_band b = band(top, bottom, 30, 27, heights[h]);

				hvcal_band_add(&b, map, COLS);
				top = bottom;
			}
			for (uint32_t i = 0; i < rows * COLS; i++)
				assert_int_equal(map[i], -3);
		}
	}
}

/* Edges at whole blocks, in whatever size, are where they were meant to be. */
static void edges(void **state)
{
	(void)state;
	for (uint32_t height = 2; height < 2200; height += 2) {
		uint32_t rows = (height + BLOCK - 1) / BLOCK;

		for (uint32_t i = 0; i < rows; i++) {
			float top = (float)(i * BLOCK) / (float)height;
			float bottom = (float)((i + 1) * BLOCK) / (float)height;
			struct hvcal_band b = band(top, bottom, 0, 0, height);

			assert_int_equal(b.top, i);
			assert_int_equal(b.bottom, i + 1);
		}
	}
}

/* Other edges: the rows whose middle is within. */
static void middles(void **state)
{
	const uint32_t height = 270, rows = 17; /* the last one has 14 lines */

	(void)state;
	for (int t = -1; t < 101; t++) {
		for (int e = t; e < 101; e++) {
			float top = (float)t / 101.0f, bottom = (float)e / 101.0f;
			struct hvcal_band b = band(top, bottom, 0, 0, height);

			for (uint32_t y = 0; y < rows; y++) {
				float middle = ((float)y + 0.5f) * BLOCK / (float)height;

				assert_int_equal(y >= b.top && y < b.bottom,
						 middle >= top && middle < bottom);
			}
		}
	}
}

static void none(void **state)
{
	int8_t map[4 * COLS];
	const struct hvcal_band all[] = {
		band(0.0f, 0.0f, 30, 20, 64), band(0.5f, 0.5f, 30, 20, 64),
		band(0.7f, 0.3f, 30, 20, 64), band(0.5f, 0.6f, 30, 20, 64),
		band(NAN, NAN, 30, 20, 64), band(1.0f, 2.0f, 30, 20, 64),
		band(-1.0f, 0.0f, 30, 20, 64),
	};

	(void)state;
	memset(map, 5, sizeof(map));
	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_true(hvcal_band_empty(&all[i]));
		hvcal_band_add(&all[i], map, COLS);
	}
	for (unsigned int i = 0; i < sizeof(map); i++)
		assert_int_equal(map[i], 5);
}

/* Over a map that has offsets; none leaves what a signed byte holds. */
static void sums(void **state)
{
	int8_t map[3 * COLS] = { 1, 2, 3, 4, -120, 127, 7, 8, 9 };
	const struct hvcal_band finer = band(0.34f, 0.66f, 200, 180, 48);
	const struct hvcal_band coarser = band(0.34f, 0.66f, 10, 250, 48);
	const struct hvcal_band far = band(0.0f, 1.0f, 255, 0, 48);

	(void)state;
	hvcal_band_add(&finer, map, COLS);
	assert_memory_equal(map, ((int8_t[]){ 1, 2, 3, -16, -128, 107, 7, 8, 9 }), sizeof(map));
	hvcal_band_add(&coarser, map, COLS);
	assert_memory_equal(map, ((int8_t[]){ 1, 2, 3, 127, 112, 127, 7, 8, 9 }), sizeof(map));
	hvcal_band_add(&far, map, COLS);
	for (unsigned int i = 0; i < sizeof(map); i++)
		assert_int_equal(map[i], -128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tiles),
		cmocka_unit_test(edges),
		cmocka_unit_test(middles),
		cmocka_unit_test(none),
		cmocka_unit_test(sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
