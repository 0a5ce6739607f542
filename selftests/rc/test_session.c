// SPDX-License-Identifier: MIT
/*
 * Rate control as an application has it: sessions of libhvcal on libx264, and on
 * libvpx where it takes layers, which x264 has none of; one frame inside at a time, so that equal runs give equal streams.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include <hvcal/rc.h>

#include "plant.h"
#include "rig.h"

#define SCENE 30		/* frames */
#define SCENES 6
#define TILE 256		/* a texture's side */

#define SKIP_STATUS 4		/* of selftests/run-suites */

struct fixture {
	struct rig rig;
	bool layers;		/* there is an engine that has them */
	uint8_t texture[SCENES][TILE * TILE];
	uint64_t noise;
};

/* Noise, made smooth by means over squares of a scene's own size. */
static void make_texture(uint8_t *t, unsigned int scene)
{
	static uint8_t raw[TILE * TILE];
	int size = 2 + (int)scene % 3;
	uint64_t random = 77 + scene;

	for (int i = 0; i < TILE * TILE; i++)
		raw[i] = (uint8_t)plant_random(&random);
	for (int y = 0; y < TILE; y++) {
		for (int x = 0; x < TILE; x++) {
			int sum = 0;

			for (int j = 0; j < size; j++)
				for (int i = 0; i < size; i++)
					sum += raw[(y + j) % TILE * TILE + (x + i) % TILE];
			t[y * TILE + x] = (uint8_t)(sum / (size * size));
		}
	}
}

static void draw_scene(struct fixture *f, hvcal_buffer_t *b, unsigned int frame)
{
	unsigned int scene = frame / SCENE % SCENES, move = 2 * (frame % SCENE);
	unsigned int dx = (unsigned int)plant_random(&f->noise) % TILE;
	unsigned int dy = (unsigned int)plant_random(&f->noise) % TILE;
	const uint8_t *t = f->texture[scene];

	for (unsigned int y = 0; y < HEIGHT; y++) {
		uint8_t *row = rig_row(b, y);

		for (unsigned int x = 0; x < WIDTH; x++) {
			/* what no search finds: another place of the smooth noise */
			int noise = f->texture[0][(y + dy) % TILE * TILE + (x + dx) % TILE] - 128;
			int px = t[y % TILE * TILE + (x + move) % TILE] + noise / 8;

			row[x] = (uint8_t)(px < 0 ? 0 : px > 255 ? 255 : px);
		}
	}
}

/* Every sample of luma: at random, or the same. */
static void draw_noise(struct fixture *f, hvcal_buffer_t *b, bool flat)
{
	for (unsigned int y = 0; y < HEIGHT; y++) {
		uint8_t *row = rig_row(b, y);

		for (unsigned int x = 0; x < WIDTH; x++)
			row[x] = flat ? 90 : (uint8_t)plant_random(&f->noise);
	}
}

static hvcal_packet_t encode_scene(struct fixture *f, unsigned int frame)
{
	hvcal_buffer_t *b = rig_buffer(&f->rig);

	draw_scene(f, b, frame);
	rig_put(&f->rig, &b, NULL);
	return rig_take(&f->rig);
}

static hvcal_packet_t encode_noise(struct fixture *f, bool flat)
{
	hvcal_buffer_t *b = rig_buffer(&f->rig);

	draw_noise(f, b, flat);
	rig_put(&f->rig, &b, NULL);
	return rig_take(&f->rig);
}

static hvcal_config_t config(uint64_t bitrate)
{
	return rig_config(HVCAL_CODEC_H264, "x264", bitrate);
}

static hvcal_config_t layered_config(uint64_t bitrate)
{
	hvcal_config_t c = rig_config(HVCAL_CODEC_VP9, "vpx", bitrate);

	c.features = 1U << HVCAL_FEATURE_LAYERS;
	return c;
}

static void open_session(struct fixture *f, const hvcal_config_t *c)
{
	assert_int_equal(hvcal_create_session(f->rig.ctx, c, &f->rig.s, NULL), 0);
	f->noise = 1;
}

struct outcome {
	double p_max;		/* budgets */
	double bytes;
	double level_max;	/* of the bucket, in frames' worth */
};

static struct outcome run_cuts(struct fixture *f, uint64_t bitrate, uint32_t hints)
{
	const double budget = (double)bitrate / FPS / 8.0;
	hvcal_config_t c = config(bitrate);
	struct outcome o = { 0 };
	double level = 0.0;
	hvcal_stats_t st;

	c.rate_hints = hints;
	open_session(f, &c);
	for (unsigned int i = 0; i < SCENE * SCENES; i++) {
		hvcal_packet_t p = encode_scene(f, i);

		assert_int_equal(!!(p.flags & HVCAL_PACKET_KEY), !i);
		level = fmax(0.0, level - budget) + (double)p.size;
		o.level_max = fmax(o.level_max, level / budget);
		o.bytes += (double)p.size;
		if (i)
			o.p_max = fmax(o.p_max, (double)p.size / budget);
	}
	st = rig_stats(&f->rig);
	assert_int_equal(st.rate_frames, SCENE * SCENES);
	assert_int_equal(st.hint_skipped, 0);
	if (hints == HVCAL_RATE_HINTS_OFF) {
		assert_int_equal(st.hint_frames, 0);
		assert_int_equal(st.hint_ns, 0);
	} else if (st.hint_row_step) { /* a sanitizer may make it too dear */
		assert_int_equal(st.hint_frames, SCENE * SCENES);
		assert_true(st.hint_ns > 0);
	}
	hvcal_destroy_session(&f->rig.s);
	return o;
}

static void test_cuts(void **state)
{
	const uint64_t bitrate = 1500000;
	struct fixture *f = *state;
	struct outcome with = run_cuts(f, bitrate, HVCAL_RATE_HINTS_DEFAULT);
	struct outcome without = run_cuts(f, bitrate, HVCAL_RATE_HINTS_OFF);
	const double whole = SCENE * SCENES / 8.0 / FPS * (double)bitrate;

	print_message("# cuts: largest P %.1f with hints, %.1f without; bucket %.1f, %.1f frames; "
		      "rate %+.1f %%, %+.1f %%\n", with.p_max, without.p_max, with.level_max,
		      without.level_max, 100.0 * (with.bytes / whole - 1.0),
		      100.0 * (without.bytes / whole - 1.0));
	assert_true(with.p_max <= 4.0);
	assert_true(with.p_max < without.p_max);
	assert_true(with.level_max <= 6.0); /* 200 ms at 30/s */
	assert_true(with.level_max <= without.level_max);
	assert_true(fabs(with.bytes / whole - 1.0) < 0.05);
}

#define STEADY 60
#define SPAN 10

/* A rate's frames: what comes after which the mean of SPAN frames is good, and counts. */
static void encode_steady(struct fixture *f, double *bytes, uint64_t bitrate, bool first)
{
	for (unsigned int i = 0; i < STEADY; i++) {
		/* one scene that goes to and fro: only the rate changes */
		hvcal_packet_t p = encode_scene(f, i % (2 * SCENE) < SCENE ? i % SCENE :
						   SCENE - 1 - i % SCENE);

		assert_int_equal(!!(p.flags & HVCAL_PACKET_KEY), first && !i);
		assert_int_equal(p.applied_bitrate, bitrate);
		bytes[i] = (double)p.size;
	}
}

static double mean(const double *x, unsigned int n)
{
	double sum = 0.0;

	for (unsigned int i = 0; i < n; i++)
		sum += x[i];
	return sum / n;
}

static void test_new_rate(void **state)
{
	const uint64_t high = 2000000, low = high / 4;
	const double low_budget = (double)low / FPS / 8.0, high_budget = 4.0 * low_budget;
	struct fixture *f = *state;
	hvcal_config_t c = config(high);
	double bytes[STEADY];

	open_session(f, &c);
	encode_steady(f, bytes, high, true);
	assert_true(fabs(mean(bytes + SPAN, STEADY - SPAN) / high_budget - 1.0) < 0.1);

	assert_int_equal(hvcal_set_bitrate(f->rig.s, low), 0);
	encode_steady(f, bytes, low, false);
	print_message("# a quarter: first frame %.2f, first %u %.2f, next %.2f\n",
		      bytes[0] / low_budget, SPAN, mean(bytes, SPAN) / low_budget,
		      mean(bytes + SPAN, SPAN) / low_budget);
	assert_true(bytes[0] <= 2.0 * low_budget);
	for (unsigned int i = 3; i + SPAN <= STEADY; i++)
		assert_true(mean(bytes + i, SPAN) <= 1.15 * low_budget);

	assert_int_equal(hvcal_set_bitrate(f->rig.s, high), 0);
	encode_steady(f, bytes, high, false);
	print_message("# four times: first frame %.2f, first %u %.2f, next %.2f\n",
		      bytes[0] / high_budget, SPAN, mean(bytes, SPAN) / high_budget,
		      mean(bytes + SPAN, SPAN) / high_budget);
	assert_true(mean(bytes + 5, SPAN) >= 0.9 * high_budget);
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	assert_int_equal(c.bitrate, high);
	hvcal_destroy_session(&f->rig.s);
}

/* Frames until the packets say so; not more than @limit. */
static void until_saturated(struct fixture *f, bool flat, uint32_t saturated, unsigned int limit)
{
	for (unsigned int i = 0; i < limit; i++) {
		hvcal_packet_t p = encode_noise(f, flat);
		if (p.saturated == saturated) {
			assert_int_equal(rig_stats(&f->rig).saturated, saturated);
			return;
		}
	}
	fail_msg("saturation %u is not told within %u frames", saturated, limit);
}

static void test_saturated(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c = config(30000);

	open_session(f, &c);
	assert_int_equal(encode_noise(f, false).saturated, HVCAL_SATURATED_NOT);
	/* told within 5 frames at the highest QP, which the first ones approach */
	until_saturated(f, false, HVCAL_SATURATED_HIGH, 10);
	assert_int_equal(hvcal_set_bitrate(f->rig.s, 20000000), 0);
	until_saturated(f, false, HVCAL_SATURATED_NOT, 2);
	until_saturated(f, true, HVCAL_SATURATED_LOW, 60);
	hvcal_destroy_session(&f->rig.s);

	/* the engine's own control tells nothing */
	c.rate_control = HVCAL_RATE_CONTROL_ENGINE;
	open_session(f, &c);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(encode_noise(f, false).saturated, HVCAL_SATURATED_NOT);
	assert_int_equal(rig_stats(&f->rig).rate_frames, 0);
	hvcal_destroy_session(&f->rig.s);
}

/* What is not written yet, or cannot be read, is encoded without being looked at. */
static void test_not_readable(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c = config(1000000);
	hvcal_buffer_t *b, *wrapped, desc;
	hvcal_frame_t frame;
	int fence;

	open_session(f, &c);
	encode_scene(f, 0);
	assert_int_equal(rig_stats(&f->rig).hint_frames, 1);

	fence = eventfd(0, EFD_CLOEXEC);
	assert_true(fence >= 0);
	hvcal_frame_default(&frame, sizeof(frame));
	frame.flags = HVCAL_SUBMIT_IN_FENCE;
	frame.in_fence = fence;
	b = rig_buffer(&f->rig);
	draw_scene(f, b, 1);
	rig_put(&f->rig, &b, &frame);
	assert_int_equal(rig_stats(&f->rig).hint_skipped, 1);
	assert_int_equal(eventfd_write(fence, 1), 0);
	rig_take(&f->rig);
	/* it is signalled now: the next one that waits for it is looked at */
	b = rig_buffer(&f->rig);
	draw_scene(f, b, 2);
	rig_put(&f->rig, &b, &frame);
	rig_take(&f->rig);
	assert_int_equal(rig_stats(&f->rig).hint_frames, 2);
	close(fence);

	b = rig_buffer(&f->rig);
	draw_scene(f, b, 3);
	desc = *b;
	desc.handle = NULL;
	desc.cpu_ptr = NULL;
	assert_int_equal(hvcal_buffer_wrap(f->rig.ctx, &desc, &wrapped), 0);
	rig_put(&f->rig, &wrapped, NULL);
	rig_take(&f->rig);
	hvcal_buffer_release(&b);
	assert_int_equal(rig_stats(&f->rig).hint_skipped, 2);
	assert_int_equal(rig_stats(&f->rig).hint_frames, 2);

	/* off, and on again, in the middle of a stream */
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	c.rate_hints = HVCAL_RATE_HINTS_OFF;
	assert_int_equal(hvcal_reconfigure(f->rig.s, &c, NULL), 0);
	encode_scene(f, 4);
	assert_int_equal(rig_stats(&f->rig).hint_frames, 0);
	c.rate_hints = HVCAL_RATE_HINTS_DEFAULT;
	assert_int_equal(hvcal_reconfigure(f->rig.s, &c, NULL), 0);
	encode_scene(f, 5);
	assert_int_equal(rig_stats(&f->rig).hint_frames, 1);
	hvcal_destroy_session(&f->rig.s);
}

#define LAYERED 240		/* frames, of which half are of the base layer */
#define SHARE 45		/* percent of the rate */

struct layered {
	double base_share;	/* of the rate, that went to the base layer */
	double base_level_max;	/* of a bucket that is drained at SHARE, in ms */
	double share;		/* of the rate, that went to both */
};

/* Each second frame is of the upper layer; what a receiver of the base alone gets. */
static struct layered run_layered(struct fixture *f, uint64_t bitrate, uint32_t percent)
{
	const double budget = (double)bitrate / FPS / 8.0;
	hvcal_config_t c = layered_config(bitrate), got;
	struct layered l = { 0 };
	double level = 0.0;
	hvcal_frame_t frame;
	unsigned int i;

	c.base_percent = percent;
	open_session(f, &c);
	hvcal_config_default(&got, sizeof(got));
	assert_int_equal(hvcal_get_config(f->rig.s, &got), 0);
	assert_int_equal(got.base_percent, percent);
	for (i = 0; i < LAYERED; i++) {
		hvcal_buffer_t *b = rig_buffer(&f->rig);
		hvcal_packet_t p;
		double bytes;

		draw_scene(f, b, i % (2 * SCENE) < SCENE ? i % SCENE : SCENE - 1 - i % SCENE);
		hvcal_frame_default(&frame, sizeof(frame));
		frame.temporal_layer = i % 2;
		rig_put(&f->rig, &b, &frame);
		p = rig_take(&f->rig);
		bytes = (double)p.size;
		assert_int_equal(p.temporal_layer, i % 2);
		level = fmax(0.0, level - SHARE / 100.0 * budget) + (i % 2 ? 0.0 : bytes);
		l.base_level_max = fmax(l.base_level_max, level / (SHARE / 100.0 * budget) *
				       1000.0 / FPS);
		l.base_share += i % 2 ? 0.0 : bytes / budget / LAYERED;
		l.share += bytes / budget / LAYERED;
	}
	assert_int_equal(rig_stats(&f->rig).rate_frames, LAYERED);
	hvcal_destroy_session(&f->rig.s);
	return l;
}

static void test_base_layer(void **state)
{
	const uint64_t bitrate = 1500000;
	struct fixture *f = *state;
	struct layered with, without;

	if (!f->layers)
		skip();
	with = run_layered(f, bitrate, SHARE);
	without = run_layered(f, bitrate, 0);
	print_message("# layers: the base has %.1f %% of the rate with a limit of %u, %.1f %% "
		      "without; its bucket %.0f and %.0f ms; both %.1f and %.1f %%\n",
		      100.0 * with.base_share, SHARE, 100.0 * without.base_share,
		      with.base_level_max, without.base_level_max, 100.0 * with.share,
		      100.0 * without.share);
	/* of the buffer, no more than it holds is there in the end */
	assert_true(with.base_share <= SHARE / 100.0 * (1.0 + 0.2 * FPS / LAYERED));
	assert_true(with.base_level_max <= 200.0);
	assert_true(with.share <= 1.0 + 0.2 * FPS / LAYERED);
	/* else there would be nothing to limit here */
	assert_true(without.base_share > 1.1 * SHARE / 100.0);
	assert_true(without.base_level_max > 200.0);
}

/* While the session lives, the limit holds or is refused: it never just goes. */
static void test_base_layer_stays(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c = layered_config(1000000);
	hvcal_admission_t a;

	if (!f->layers)
		skip();
	c.base_percent = SHARE;
	open_session(f, &c);
	assert_int_equal(hvcal_enable_feature(f->rig.s, HVCAL_FEATURE_LAYERS, 0), -EINVAL);
	assert_int_equal(hvcal_set_bitrate(f->rig.s, HVCAL_RC_RATE_MIN - 1), -EINVAL);
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	assert_int_equal(c.base_percent, SHARE);
	assert_int_equal(c.bitrate, 1000000);
	assert_int_equal(hvcal_set_bitrate(f->rig.s, 500000), 0);
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	c.base_percent = 0;
	assert_int_equal(hvcal_reconfigure(f->rig.s, &c, NULL), 0);
	assert_int_equal(hvcal_enable_feature(f->rig.s, HVCAL_FEATURE_LAYERS, 0), 0);
	hvcal_destroy_session(&f->rig.s);

	/* opened under the engine's own control, it stays there */
	c = layered_config(1000000);
	c.rate_control = HVCAL_RATE_CONTROL_ENGINE;
	open_session(f, &c);
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	c.rate_control = HVCAL_RATE_CONTROL_DEFAULT;
	c.base_percent = SHARE;
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_reconfigure(f->rig.s, &c, &a), -EINVAL);
	assert_non_null(strstr(a.reason, "base_percent"));
	hvcal_destroy_session(&f->rig.s);
}

static int setup(void **state)
{
	static struct fixture f;

	if (rig_open(&f.rig))
		return -1;
	for (unsigned int i = 0; i < SCENES; i++)
		make_texture(f.texture[i], i);
	f.layers = rig_has_engine("vpx");
	*state = &f;
	return 0;
}

/* A failed test leaves its session. */
static int clean(void **state)
{
	struct fixture *f = *state;

	hvcal_destroy_session(&f->rig.s);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rig_close(&f->rig);
	return 0;
}

/* Usage: test_session ENGINES, the folder of plug-ins */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_cuts, clean),
		cmocka_unit_test_teardown(test_new_rate, clean),
		cmocka_unit_test_teardown(test_saturated, clean),
		cmocka_unit_test_teardown(test_not_readable, clean),
		cmocka_unit_test_teardown(test_base_layer, clean),
		cmocka_unit_test_teardown(test_base_layer_stays, clean),
	};

	if (argc != 2)
		return 2;
	if (!rig_engines(argv[1], "x264"))
		return SKIP_STATUS;
	return cmocka_run_group_tests(tests, setup, teardown);
}
