// SPDX-License-Identifier: MIT
/* The rate controller alone: contracts, properties, scripted sizes, bad input. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plant.h"

#define FPS 30.0
#define FRAME_NS 33333333LL

static struct hvcal_rc_config base_config(void)
{
	struct hvcal_rc_config c;

	hvcal_rc_config_init(&c);
	c.width = 1280;
	c.height = 720;
	c.fps = FPS;
	c.bitrate = 2000000;
	c.vbv_ms = 200;
	return c;
}

static hvcal_rc_t *make(const struct hvcal_rc_config *c)
{
	hvcal_rc_t *rc;

	assert_int_equal(hvcal_rc_create(c, &rc), 0);
	return rc;
}

static struct plant simple_plant(const struct hvcal_rc_config *c)
{
	return (struct plant){
		.level = log2((double)c->bitrate / c->fps) + 1.2 * 4.0, .g = 1.2, .h = 1.5,
		.sigma = 0.1, .cut_ratio = 2.5, .bias = 1.0, .scale = c->scale, .fps = c->fps,
		.delay = c->delay,
	};
}

static void run(struct plant *p, hvcal_rc_t *rc, unsigned int frames)
{
	struct hvcal_rc_decision d;

	for (unsigned int i = 0; i < frames; i++)
		assert_true(plant_step(p, rc, &d));
}

static void test_config(void **state)
{
	struct hvcal_rc_config good = base_config(), c;
	hvcal_rc_t *rc = NULL;

	(void)state;
	assert_int_equal(hvcal_rc_create(NULL, &rc), -EINVAL);
	assert_int_equal(hvcal_rc_create(&good, NULL), -EINVAL);
#define REFUSED(field, value) do { \
		c = good; \
		c.field = value; \
		assert_int_equal(hvcal_rc_create(&c, &rc), -EINVAL); \
		assert_null(rc); \
	} while (0)
	REFUSED(bitrate, 0);
	REFUSED(bitrate, HVCAL_RC_RATE_MIN - 1);
	REFUSED(bitrate, HVCAL_RC_RATE_MAX + 1);
	REFUSED(fps, 0.0);
	REFUSED(fps, -30.0);
	REFUSED(fps, NAN);
	REFUSED(fps, INFINITY);
	REFUSED(fps, 1001.0);
	REFUSED(width, 0);
	REFUSED(height, 70000);
	REFUSED(qp_min, 52);
	REFUSED(qp_max, 52);
	REFUSED(qp_min, -1);
	REFUSED(control, 9);
	REFUSED(scale, 7);
	REFUSED(layers, 3);
	REFUSED(delay, 17);
	REFUSED(band_rows, 1025);
	REFUSED(flags, 1U << 20);
	REFUSED(drain_percent, 101);
	REFUSED(base_percent, 50);	/* there is one layer */
#undef REFUSED
	c = good;
	c.control = HVCAL_RC_CONTROL_VBR;
	c.maxrate = c.bitrate - 1;
	assert_int_equal(hvcal_rc_create(&c, &rc), -EINVAL);
	rc = make(&good);
	c = good;
	c.scale = HVCAL_RC_SCALE_QINDEX;
	assert_int_equal(hvcal_rc_retarget(rc, &c), -EINVAL);
	hvcal_rc_get_config(rc, &c);
	assert_int_equal(c.scale, HVCAL_RC_SCALE_H26X);
	assert_int_equal(c.qp_max, 51);
	hvcal_rc_destroy(&rc);
	assert_null(rc);
	hvcal_rc_destroy(&rc);
	hvcal_rc_destroy(NULL);
}

static void test_scales(void **state)
{
	static const int max[] = { 51, 255, 63 };

	(void)state;
	assert_float_equal(exp2(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_H26X, 4)), 0.992, 0.001);
	assert_float_equal(exp2(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_H26X, 51)), 226.3, 0.1);
	/* the ends of the AC table and one in between, as the specification has them */
	assert_float_equal(exp2(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_QINDEX, 0)), 4 / 8.0, 1e-9);
	assert_float_equal(exp2(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_QINDEX, 128)), 176 / 8.0,
			   1e-9);
	assert_float_equal(exp2(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_QINDEX, 255)), 1828 / 8.0, 1e-6);
	/* libvpx's steps are of 4 indices but for the last two */
	for (int qp = 0; qp <= 63; qp++)
		assert_float_equal(hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_VP9, qp),
				   hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_QINDEX, qp < 62 ? 4 * qp :
						       qp < 63 ? 249 : 255), 1e-12);
	for (uint32_t s = 0; s <= HVCAL_RC_SCALE_VP9; s++) {
		for (int qp = 0; qp <= max[s]; qp++) {
			double q = hvcal_rc_qp_to_log2(s, qp);

			assert_int_equal(hvcal_rc_log2_to_qp(s, q), qp);
			if (qp)
				assert_true(q > hvcal_rc_qp_to_log2(s, qp - 1));
		}
	}
	assert_int_equal(hvcal_rc_log2_to_qp(HVCAL_RC_SCALE_H26X, INFINITY), 51);
	assert_int_equal(hvcal_rc_log2_to_qp(HVCAL_RC_SCALE_H26X, -INFINITY), 0);
	assert_int_equal(hvcal_rc_log2_to_qp(HVCAL_RC_SCALE_H26X, NAN), 0);
}

static void test_deterministic(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant a = simple_plant(&c), b = a;
	hvcal_rc_t *one = make(&c), *two = make(&c), *copy = make(&c);
	struct hvcal_rc_decision da, db;

	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_true(plant_step(&a, one, &da));
		assert_true(plant_step(&b, two, &db));
		assert_memory_equal(&da, &db, sizeof(da));
	}
	/* a copy goes on like its original: everything is in the state */
	hvcal_rc_copy(copy, one);
	for (int i = 0; i < 50; i++) {
		assert_true(plant_step(&a, copy, &da));
		assert_true(plant_step(&b, two, &db));
		assert_memory_equal(&da, &db, sizeof(da));
	}
	hvcal_rc_destroy(&one);
	hvcal_rc_destroy(&two);
	hvcal_rc_destroy(&copy);
}

static void test_steady(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p = simple_plant(&c);
	hvcal_rc_t *rc = make(&c);

	(void)state;
	run(&p, rc, 600);
	assert_true(fabs(plant_error(&p, &c)) < 0.01);
	assert_int_equal(p.violations, 0);
	assert_true(p.p_max < 3.0);
	hvcal_rc_destroy(&rc);
}

/* More bits reported for the same decisions never give a lower quantiser next. */
static void test_monotone(void **state)
{
	struct hvcal_rc_config c = base_config();
	uint64_t r = 7;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct plant p;
		hvcal_rc_t *small, *large;
		struct hvcal_rc_frame f = { 0 };
		struct hvcal_rc_decision d, ds, dl;
		unsigned int bytes;

		plant_draw(&p, &c, plant_random(&r));
		c.delay = p.delay = 0;
		small = make(&c);
		large = make(&c);
		run(&p, small, 60);
		f.time_ns = p.time_ns;
		hvcal_rc_decide(small, &f, &d);
		hvcal_rc_copy(large, small);
		bytes = (unsigned int)((double)c.bitrate / c.fps / 8.0);
		hvcal_rc_report(small, d.id, bytes / 2 + 1, HVCAL_RC_QP_AS_DECIDED);
		hvcal_rc_report(large, d.id, 3 * (uint64_t)bytes, HVCAL_RC_QP_AS_DECIDED);
		f.time_ns += (int64_t)(1e9 / c.fps);
		hvcal_rc_decide(small, &f, &ds);
		hvcal_rc_decide(large, &f, &dl);
		assert_true(dl.qp >= ds.qp);
		hvcal_rc_destroy(&small);
		hvcal_rc_destroy(&large);
	}
}

/* Pages that stand, now and then with something that moves, and are turned. */
static struct hvcal_rc_hint page_hint(unsigned int i)
{
	struct hvcal_rc_hint hint = {
		.inter_cost = 0.001f, .intra_cost = 9.0f, .screen = 1.0f, .is_static = 1,
		.detail = 6.0f,
	};

	if (i % 50 == 0) {
		hint.inter_cost = 8.0f;
		hint.cut = 1.0f;
		hint.is_static = 0;
	} else if (i % 7 == 0) {
		hint.inter_cost = 0.3f;
		hint.is_static = 0;
	}
	return hint;
}

/* Sizes that an encoder could have made, the same for the same decision. */
static uint64_t page_bytes(const struct hvcal_rc_decision *d, unsigned int i)
{
	double share = d->band_bottom - d->band_top;

	if (i % 50 == 0)
		return 30000 / (uint64_t)(1 + d->qp / 6);
	return 40 + (uint64_t)(share * 40000.0 / (1 + d->band_qp)) + (i % 7 ? 0 : 300);
}

/* Whoever can have no band is controlled as by an engine that takes none. */
static void test_no_band(void **state)
{
	struct hvcal_rc_config c = base_config();
	hvcal_rc_t *never = make(&c), *not_now;

	(void)state;
	c.flags |= HVCAL_RC_BANDS;
	not_now = make(&c);
	for (unsigned int i = 0; i < 400; i++) {
		struct hvcal_rc_hint hint = page_hint(i);
		struct hvcal_rc_frame f = { .time_ns = i * FRAME_NS, .key = !i, .hint = &hint };
		struct hvcal_rc_decision a, b;

		assert_int_equal(hvcal_rc_decide(never, &f, &a), 0);
		f.no_band = 1;
		assert_int_equal(hvcal_rc_decide(not_now, &f, &b), 0);
		assert_int_equal(a.qp, b.qp);
		assert_int_equal(a.target_bytes, b.target_bytes);
		assert_int_equal(a.expected_bytes, b.expected_bytes);
		assert_int_equal(a.saturated, b.saturated);
		assert_true(b.band_top == b.band_bottom);
		hvcal_rc_report(never, a.id, page_bytes(&a, i), HVCAL_RC_QP_AS_DECIDED);
		hvcal_rc_report(not_now, b.id, page_bytes(&b, i), HVCAL_RC_QP_AS_DECIDED);
	}
	hvcal_rc_destroy(&never);
	hvcal_rc_destroy(&not_now);
}

/* Bands lie end to end, at edges of the engine's blocks or of the picture. */
static void test_band_edges(void **state)
{
	static const uint32_t rows[] = { 0, 16, 32, 64, 1024 }, heights[] = { 64, 360, 1080, 2160 };

	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		struct hvcal_rc_config c = base_config();
		unsigned int bands = 0;
		double last = 0.0;
		hvcal_rc_t *rc;

		c.flags |= HVCAL_RC_BANDS;
		c.height = heights[i % 4];
		c.band_rows = rows[i / 4];
		rc = make(&c);
		for (unsigned int k = 0; k < 50; k++) {
			struct hvcal_rc_hint hint = page_hint(k);
			struct hvcal_rc_frame f = { .time_ns = k * FRAME_NS, .key = !k, .hint = &hint };
			double block = c.band_rows ? c.band_rows : 16, edge;
			struct hvcal_rc_decision d;

			assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
			hvcal_rc_report(rc, d.id, page_bytes(&d, k), HVCAL_RC_QP_AS_DECIDED);
			if (d.band_top >= d.band_bottom)
				continue;
			bands++;
			edge = d.band_bottom * c.height / block;
			assert_true(d.band_bottom >= 1.0f || fabs(edge - round(edge)) < 1e-3);
			assert_true(d.band_top == 0.0f || d.band_top == (float)last);
			assert_true(d.band_bottom <= 1.0f);
			last = d.band_bottom;
		}
		assert_true(bands > 0);
		hvcal_rc_destroy(&rc);
	}
}

static double mean_of(struct plant *p, hvcal_rc_t *rc, unsigned int frames)
{
	double before = p->bits;

	run(p, rc, frames);
	return (p->bits - before) / frames;
}

static void test_retarget(void **state)
{
	static const double factors[] = { 0.25, 4.0, 0.5, 1.3, 0.7 };
	struct hvcal_rc_config c;
	struct plant p;
	hvcal_rc_t *rc;

	(void)state;
	for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
		double first;

		c = base_config();
		p = simple_plant(&c);
		rc = make(&c);
		run(&p, rc, 150);
		c.bitrate = (uint64_t)((double)c.bitrate * factors[i]);
		assert_int_equal(hvcal_rc_retarget(rc, &c), 0);
		first = mean_of(&p, rc, 10) * FPS / (double)c.bitrate;
		assert_true(first < 1.15);
		assert_true(first > 0.8);
		assert_true(fabs(mean_of(&p, rc, 150) * FPS / (double)c.bitrate - 1.0) < 0.04);
		hvcal_rc_destroy(&rc);
	}
}

/* Sizes by script, not from any encoder: exact bookkeeping of the level. */
/* log2 bits of a picture that is nothing like usual ones: four times the bits, and steeper. */
static double odd_curve(double q)
{
	return log2(1280.0 * 720.0) + 3.5 - 1.7 * q + 0.08 * q * q;
}

/* A key frame and three cuts; how far the worst is from what was expected, log2. */
static double curve_run(struct hvcal_rc_hint *hint, double *largest)
{
	struct hvcal_rc_config c;
	struct hvcal_rc_decision d;
	double worst = 0.0, frame;
	hvcal_rc_t *rc;

	hvcal_rc_config_init(&c);
	c.width = 1280;
	c.height = 720;
	c.bitrate = 3000000;
	c.vbv_ms = 300;
	frame = (double)c.bitrate / c.fps;
	*largest = 0.0;
	assert_int_equal(hvcal_rc_create(&c, &rc), 0);
	for (int i = 0; i < 121; i++) {
		struct hvcal_rc_frame f = { .time_ns = i * 33333333LL, .key = !i, .hint = hint };
		bool fresh = i % 40 == 0;
		double bits = frame;

		hint->cut = fresh;
		hint->inter_cost = fresh ? hint->intra_cost : 2.0f;
		assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
		if (fresh) {
			bits = exp2(odd_curve(hvcal_rc_qp_to_log2(c.scale, d.qp)));
			worst = fmax(worst, fabs(log2(bits / 8.0 / d.expected_bytes)));
			*largest = fmax(*largest, bits / frame);
		}
		hvcal_rc_report(rc, d.id, (uint64_t)(bits / 8.0), HVCAL_RC_QP_AS_DECIDED);
	}
	hvcal_rc_destroy(&rc);
	return worst;
}

static void test_curve(void **state)
{
	static const float bad[] = { 0.0f, -1.0f, NAN, INFINITY, 1e-9f, 1e9f };
	struct hvcal_rc_hint hint = { .intra_cost = 7.0f, .detail = 4.0f };
	double blind, blind_largest, largest, worst;

	(void)state;
	blind = curve_run(&hint, &blind_largest);
	for (int i = 0; i < HVCAL_RC_CURVE; i++)
		hint.curve[i] = (float)(exp2(odd_curve(i)) / (1280.0 * 720.0));
	worst = curve_run(&hint, &largest);
	print_message("# off by %.2f with a curve, %.2f without, in log2; largest %.1f, %.1f\n",
		      worst, blind, largest, blind_largest);
	assert_true(worst < 0.1 && blind > 0.5);
	assert_true(largest > 2.5 && largest < 4.0);
	/* one point that cannot be: as if there was none */
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct hvcal_rc_hint h = hint;
		double same;

		h.curve[i] = bad[i];
		assert_true(curve_run(&h, &same) == blind && same == blind_largest);
	}
}

static void test_level(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct hvcal_rc_frame f = { .key = 1 };
	struct hvcal_rc_decision d;
	struct hvcal_rc_status s;
	hvcal_rc_t *rc = make(&c);

	(void)state;
	hvcal_rc_decide(rc, &f, &d);
	hvcal_rc_get_status(rc, &s);
	assert_int_equal(s.in_flight, 1);
	assert_int_equal(hvcal_rc_report(rc, d.id, 25000, HVCAL_RC_QP_AS_DECIDED), 0);
	hvcal_rc_get_status(rc, &s);
	assert_int_equal(s.in_flight, 0);
	assert_float_equal(s.level_ms, 100.0, 1e-6);	/* 200 kb at 2 Mb/s */
	assert_int_equal(hvcal_rc_report(rc, d.id, 25000, HVCAL_RC_QP_AS_DECIDED), -ENOENT);
	f.key = 0;
	f.time_ns = 40000000;
	hvcal_rc_decide(rc, &f, &d);
	hvcal_rc_report(rc, d.id, 0, HVCAL_RC_QP_AS_DECIDED);	/* dropped by the engine */
	hvcal_rc_get_status(rc, &s);
	assert_float_equal(s.level_ms, 60.0, 1e-6);
	f.time_ns = 10000000000LL;
	hvcal_rc_decide(rc, &f, &d);
	hvcal_rc_report(rc, d.id, 250, HVCAL_RC_QP_AS_DECIDED);
	hvcal_rc_get_status(rc, &s);
	assert_float_equal(s.level_ms, 1.0, 1e-6);
	assert_int_equal(s.frames, 3);
	assert_int_equal(s.bytes, 25250);
	assert_int_equal(s.violations, 0);
	hvcal_rc_destroy(&rc);
}

static void test_bad_times(void **state)
{
	static const int64_t times[] = { 0, 0, -5, INT64_MIN, INT64_MAX, INT64_MAX, 0, 1, 2,
					 3600000000000LL, 3600000000001LL, -1 };
	struct hvcal_rc_config c = base_config();
	hvcal_rc_t *rc = make(&c);
	struct hvcal_rc_status s;

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
			struct hvcal_rc_frame f = { .time_ns = times[i], .key = !i };
			struct hvcal_rc_decision d;

			assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
			assert_in_range(d.qp, 0, 51);
			hvcal_rc_report(rc, d.id, i % 3 ? 5000 : i % 2 ? UINT64_MAX : 0,
					(int32_t)(i * 1000) - 500);
			hvcal_rc_get_status(rc, &s);
			assert_true(isfinite(s.level_ms) && s.level_ms >= 0.0);
			assert_true(isfinite(s.sigma) && isfinite(s.slope));
			assert_true(s.fps >= 0.99 && s.fps <= 1001.0);
		}
	}
	hvcal_rc_destroy(&rc);
}

static void test_extremes(void **state)
{
	static const double fps[] = { 1.0, 7.5, 30.0, 240.0, 1000.0 };
	static const uint64_t rates[] = { 10000, 1000000, 2000000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(fps) / sizeof(fps[0]); i++) {
		for (size_t j = 0; j < sizeof(rates) / sizeof(rates[0]); j++) {
			struct hvcal_rc_config c = base_config();
			struct plant p;
			hvcal_rc_t *rc;
			double bits, error;

			c.fps = fps[i];
			c.bitrate = rates[j];
			p = simple_plant(&c);
			rc = make(&c);
			/* nothing is known at first: a debt of many frames is paid off */
			run(&p, rc, 1000);
			bits = mean_of(&p, rc, 200);
			hvcal_rc_destroy(&rc);
			if (bits < 1000.0)
				continue; /* not above the smallest frames */
			error = bits * c.fps / (double)c.bitrate - 1.0;
			assert_true(error < 0.05);
			/* a buffer of one frame costs up to 40 %, by the guard */
			assert_true(error > (c.fps < 10.0 ? -0.45 : -0.05));
		}
	}
}

/*
 * Sizes that come late and in any order: once all are known, the level is that of a
 * bucket that had known them from the start, empty times between included.
 */
static void test_level_late(void **state)
{
	static const unsigned int order[] = { 3, 0, 5, 1, 2, 7, 4, 6 };
	uint64_t r = 3;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct hvcal_rc_config c = base_config();
		struct hvcal_rc_frame f = { .key = 1 };
		struct hvcal_rc_status s;
		uint32_t ids[8], bytes[8];
		double level = 0.0;
		hvcal_rc_t *rc;

		c.delay = 7;
		rc = make(&c);
		for (int i = 0; i < 8; i++) {
			struct hvcal_rc_decision d;
			int64_t dt = (int64_t)(plant_random(&r) % 80) * 1000000;

			f.time_ns += i ? dt : 0;
			assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
			f.key = 0;
			ids[i] = d.id;
			bytes[i] = 1 + (uint32_t)(plant_random(&r) % 20000);
			if (i)
				level -= (double)c.bitrate * (double)dt / 1e9;
			level = fmax(0.0, level) + 8.0 * bytes[i];
		}
		for (int i = 0; i < 8; i++)
			assert_int_equal(hvcal_rc_report(rc, ids[order[i]], bytes[order[i]],
							 HVCAL_RC_QP_AS_DECIDED), 0);
		hvcal_rc_get_status(rc, &s);
		assert_int_equal(s.in_flight, 0);
		assert_float_equal(s.level_ms, 1000.0 * level / (double)c.bitrate, 1e-6);
		hvcal_rc_destroy(&rc);
	}
}

/*
 * Noise near its dead zone: the size halves (g = 3) up to doubles (g = 6) with one or two
 * quantisers, far from what is expected at first. The rate must not swing.
 */
static void test_steep(void **state)
{
	static const double slopes[] = { 3.0, 4.5, 6.0 };

	(void)state;
	for (size_t i = 0; i < sizeof(slopes) / sizeof(slopes[0]); i++) {
		for (uint32_t delay = 0; delay <= 4; delay += 2) {
			struct hvcal_rc_config c = base_config();
			struct plant p;
			hvcal_rc_t *rc;

			c.delay = delay;
			p = simple_plant(&c);
			p.g = slopes[i];
			p.h = 0.3;
			p.sigma = 0.05;
			p.level = log2((double)c.bitrate / c.fps) + p.g * 2.6;
			p.cut_ratio = 2.0 - (p.g - 1.2) * 2.0;
			rc = make(&c);
			run(&p, rc, 100);
			p.violations = 0;
			p.p_max = 0.0;
			for (int second = 0; second < 20; second++) {
				double share = mean_of(&p, rc, 30) * FPS / (double)c.bitrate;

				assert_true(share > 0.85);
				assert_true(share < 1.1);
			}
			assert_int_equal(p.violations, 0);
			assert_true(p.p_max < 3.0);
			hvcal_rc_destroy(&rc);
		}
	}
}

/*
 * A stream begins with several frames inside, of which nothing is known, and they cost
 * three times what is expected. What follows must not pay for it with frames of nothing:
 * once sizes are known, the rate is used again within the second.
 */
static void test_start(void **state)
{
	static const uint32_t controls[] = { HVCAL_RC_CONTROL_CBR, HVCAL_RC_CONTROL_VBR };

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		struct hvcal_rc_config c = base_config();
		struct plant p;
		hvcal_rc_t *rc;
		double used;

		c.control = controls[i & 1];
		c.maxrate = c.control == HVCAL_RC_CONTROL_VBR ? c.bitrate : 0;
		c.vbv_ms = 500;
		p = simple_plant(&c);
		p.hints = i & 2;
		/* nobody tells the controller of that */
		p.delay = i & 4 ? 7 : 3;
		p.g = i & 8 ? 1.0 : 1.6;
		p.h = 0.8;
		p.level = log2(1280.0 * 720.0) + 2.6 + (p.g - 1.15) * 3.5;
		p.cut_ratio = 2.0;
		rc = make(&c);
		run(&p, rc, 20);
		used = mean_of(&p, rc, 40) * FPS / (double)c.bitrate;
		assert_true(used > 0.75);
		assert_true(used < 1.1);
		hvcal_rc_destroy(&rc);
	}
}

/*
 * Pages that stand still and change, and nobody looks at them: each change fills the
 * buffer several times over, and what follows must empty it, however little is known.
 */
static void test_blind_pages(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p = simple_plant(&c);
	hvcal_rc_t *rc = make(&c);
	struct hvcal_rc_decision d;
	double level = p.level;

	(void)state;
	for (unsigned int i = 0; i < 900; i++) {
		p.level = level + (i % 12 ? -3.0 : 4.0);
		assert_true(plant_step(&p, rc, &d));
	}
	assert_true(fabs(plant_error(&p, &c)) < 0.1);
	assert_true(p.level_max < 25.0);
	hvcal_rc_destroy(&rc);
}

/* Engines that are off by two, or tell sizes that are wrong by 30 %. */
static void test_lying_engine(void **state)
{
	static const struct {
		int qp;
		double bias;
	} lies[] = { { 2, 1.0 }, { -2, 1.0 }, { 0, 0.7 }, { 0, 1.3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct hvcal_rc_config c = base_config();
		struct plant p = simple_plant(&c);
		hvcal_rc_t *rc = make(&c);

		p.qp_error = lies[i].qp;
		p.bias = lies[i].bias;
		run(&p, rc, 400);
		/* it holds the rate that it is told of */
		assert_true(fabs((plant_error(&p, &c) + 1.0) * lies[i].bias - 1.0) < 0.03);
		hvcal_rc_destroy(&rc);
	}
}

/* An engine that does whatever it likes: the answers stay within the limits. */
static void test_deaf_engine(void **state)
{
	struct hvcal_rc_config c = base_config();
	hvcal_rc_t *rc = make(&c);
	uint64_t r = 3;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		struct hvcal_rc_frame f = { .time_ns = i * FRAME_NS, .key = i % 100 == 0 };
		struct hvcal_rc_decision d;

		assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
		assert_in_range(d.qp, 0, 51);
		if (i % 7)
			hvcal_rc_report(rc, d.id, plant_random(&r) % 1000000,
					(int32_t)plant_random(&r));
	}
	hvcal_rc_destroy(&rc);
}

static void test_saturated(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p = simple_plant(&c);
	struct hvcal_rc_decision d;
	hvcal_rc_t *rc;
	unsigned int at_max = 0, i;

	(void)state;
	p.level += 8.0;	/* even QP 51 is too large by far */
	c.flags = HVCAL_RC_DROP;
	rc = make(&c);
	for (i = 0; i < 60; i++) {
		assert_true(plant_step(&p, rc, &d));
		at_max += d.qp == 51;
		if (d.saturated)
			break;
	}
	assert_int_equal(d.saturated, HVCAL_RC_SATURATED_HIGH);
	assert_in_range(at_max, 1, 6);
	hvcal_rc_destroy(&rc);

	c = base_config();
	p = simple_plant(&c);
	p.level -= 12.0;
	rc = make(&c);
	for (i = 0; i < 120; i++) {
		assert_true(plant_step(&p, rc, &d));
		if (d.saturated)
			break;
	}
	assert_int_equal(d.saturated, HVCAL_RC_SATURATED_LOW);
	hvcal_rc_destroy(&rc);
}

static void test_check(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct hvcal_rc_frame f = { .key = 1 };
	struct hvcal_rc_decision d, again;
	struct hvcal_rc_status s;
	hvcal_rc_t *rc;

	(void)state;
	c.flags = HVCAL_RC_RECODE | HVCAL_RC_DROP;
	c.frame_ceiling = 20000;
	rc = make(&c);
	hvcal_rc_decide(rc, &f, &d);
	assert_true(d.max_bytes && d.max_bytes <= 20000);
	assert_int_equal(hvcal_rc_check(rc, d.id, 15000, &again), 0);
	assert_int_equal(again.action, HVCAL_RC_ENCODE);
	assert_int_equal(hvcal_rc_check(rc, d.id, 45000, &again), 0);
	assert_int_equal(again.action, HVCAL_RC_ENCODE_AGAIN);
	assert_true(again.qp > d.qp);
	hvcal_rc_report(rc, d.id, 18000, HVCAL_RC_QP_AS_DECIDED);
	/* a P frame that never fits is let go in the end */
	f.key = 0;
	f.time_ns = FRAME_NS;
	hvcal_rc_decide(rc, &f, &d);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(hvcal_rc_check(rc, d.id, 100000, &again), 0);
		if (again.action == HVCAL_RC_DROP_FRAME)
			break;
	}
	assert_int_equal(again.action, HVCAL_RC_DROP_FRAME);
	assert_int_equal(hvcal_rc_check(rc, d.id, 100000, &again), -ENOENT);
	hvcal_rc_get_status(rc, &s);
	assert_int_equal(s.dropped, 1);
	assert_int_equal(s.in_flight, 0);
	hvcal_rc_destroy(&rc);
}

static void test_modes(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p;
	struct hvcal_rc_decision d;
	hvcal_rc_t *rc;

	(void)state;
	c.control = HVCAL_RC_CONTROL_CQP;
	c.qp = 30;
	p = simple_plant(&c);
	rc = make(&c);
	for (int i = 0; i < 50; i++) {
		assert_true(plant_step(&p, rc, &d));
		assert_int_equal(d.qp, 30);
	}
	hvcal_rc_destroy(&rc);

	c = base_config();
	c.control = HVCAL_RC_CONTROL_ICQ;
	c.quality = 24;
	rc = make(&c);
	p = simple_plant(&c);
	for (int i = 0; i < 50; i++) {
		assert_true(plant_step(&p, rc, &d));
		assert_in_range(d.qp, i ? 23 : 20, i ? 25 : 22);
	}
	hvcal_rc_destroy(&rc);

	/* capped: what quality asks for does not fit */
	c.maxrate = c.bitrate / 4;
	rc = make(&c);
	p = simple_plant(&c);
	c.bitrate = c.maxrate;
	run(&p, rc, 300);
	assert_true(p.bits * FPS / 300 < 1.15 * (double)c.maxrate);
	hvcal_rc_destroy(&rc);

	c = base_config();
	c.control = HVCAL_RC_CONTROL_VBR;
	rc = make(&c);
	p = simple_plant(&c);
	run(&p, rc, 900);
	assert_true(fabs(plant_error(&p, &c)) < 0.03);
	hvcal_rc_destroy(&rc);
}

/* How much finer the finest of five phases is than the mean of the others, log2. */
static double crest_of(const struct hvcal_rc_config *c)
{
	double q[5] = { 0.0 }, sum = 0.0, least = INFINITY;
	struct plant p = simple_plant(c);
	struct hvcal_rc_decision d;
	hvcal_rc_t *rc = make(c);

	p.sigma = 0.05;
	run(&p, rc, 60);
	for (unsigned int i = 0; i < 150; i++) {
		assert_true(plant_step(&p, rc, &d));
		q[i % 5] += hvcal_rc_qp_to_log2(c->scale, d.qp) / 30.0;
	}
	assert_true(fabs(plant_error(&p, c)) < 0.02);
	hvcal_rc_destroy(&rc);
	for (int i = 0; i < 5; i++) {
		sum += q[i];
		least = fmin(least, q[i]);
	}
	return (sum - least) / 4.0 - least;
}

static void test_wave(void **state)
{
	struct hvcal_rc_config c = base_config();

	(void)state;
	c.vbv_ms = 200;
	assert_true(crest_of(&c) < 0.1);
	for (c.scale = HVCAL_RC_SCALE_QINDEX; c.scale <= HVCAL_RC_SCALE_VP9; c.scale++) {
		c.delay = 0;
		c.vbv_ms = 200;
		assert_true(fabs(crest_of(&c) - 0.33) < 0.1);
		/* not where a crest would be in the way */
		c.vbv_ms = 100;
		assert_true(crest_of(&c) < 0.1);
		c.vbv_ms = 200;
		c.delay = 2;
		assert_true(crest_of(&c) < 0.1);
	}
}

static void test_layers(void **state)
{
	struct hvcal_rc_config c = base_config();
	double bits = 0.0, q_ref = 4.0, base = 0.0, upper = 0.0;
	hvcal_rc_t *rc;
	uint64_t r = 5;

	(void)state;
	c.layers = 2;
	rc = make(&c);
	for (int i = 0; i < 600; i++) {
		struct hvcal_rc_frame f = { .time_ns = i * FRAME_NS, .key = !i, .layer = i & 1 };
		struct hvcal_rc_decision d;
		double q, size;

		assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
		q = hvcal_rc_qp_to_log2(c.scale, d.qp);
		size = log2(66666.0) + 4.8 - 1.2 * q - (i ? 1.0 * (q - q_ref) : -2.0) +
		       plant_uniform(&r, -0.2, 0.2);
		hvcal_rc_report(rc, d.id, (uint64_t)(exp2(size) / 8.0), HVCAL_RC_QP_AS_DECIDED);
		bits += exp2(size);
		if (i >= 100)
			*(i & 1 ? &upper : &base) += d.qp;
		if (!(i & 1))
			q_ref = q;
	}
	assert_true(fabs(bits * FPS / 600 / (double)c.bitrate - 1.0) < 0.02);
	assert_true(upper > base);
	hvcal_rc_destroy(&rc);
}

/*
 * The base layer alone is a stream, too: with a limit it never takes more than its share
 * and its own buffer holds it, without one it takes more; the upper layer has the rest.
 */
static void test_base_limit(void **state)
{
	static const struct {
		uint32_t percent, delay;
	} cases[] = { { 0, 0 }, { 55, 0 }, { 50, 0 }, { 55, 2 } };

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct hvcal_rc_config c = base_config();
		double q_ref = 4.0, sum = 0.0, base = 0.0, level = 0.0, most = 0.0, share, bits[8];
		double rate, size;
		uint32_t ids[8];
		hvcal_rc_t *rc;
		uint64_t r = 5;

		c.layers = 2;
		c.base_percent = cases[n].percent;
		c.delay = cases[n].delay;
		share = (cases[n].percent ? cases[n].percent : 55) / 100.0;
		rate = share * (double)c.bitrate;
		size = rate * (c.vbv_ms / 1000.0 + c.delay / FPS);
		rc = make(&c);
		for (unsigned int i = 0; i < 600; i++) {
			struct hvcal_rc_frame f = { .time_ns = i * FRAME_NS, .key = !i,
						    .layer = i & 1 };
			struct hvcal_rc_decision d;
			double q, log_bits;

			assert_int_equal(hvcal_rc_decide(rc, &f, &d), 0);
			q = hvcal_rc_qp_to_log2(c.scale, d.qp);
			log_bits = log2(66666.0) + 4.8 - 1.2 * q - (i ? 1.0 * (q - q_ref) : -2.0) +
				   plant_uniform(&r, -0.2, 0.2);
			ids[i % 8] = d.id;
			bits[i % 8] = exp2(log_bits);
			sum += bits[i % 8];
			level = fmax(0.0, level - rate / FPS);
			if (!(i & 1)) {
				q_ref = q;
				base += bits[i % 8];
				level += bits[i % 8];
				most = fmax(most, level);
			}
			if (i >= c.delay)
				hvcal_rc_report(rc, ids[(i - c.delay) % 8],
						(uint64_t)(bits[(i - c.delay) % 8] / 8.0),
						HVCAL_RC_QP_AS_DECIDED);
		}
		base *= FPS / 600 / (double)c.bitrate;
		assert_true(fabs(sum * FPS / 600 / (double)c.bitrate - 1.0) < 0.03);
		if (c.base_percent) {
			assert_true(base < share + 0.01);
			assert_true(base > share - 0.05);
			assert_true(most <= size);
		} else {
			assert_true(base > share + 0.03);
		}
		hvcal_rc_destroy(&rc);
	}
}

static void test_allocate(void **state)
{
	struct hvcal_rc_share f[4] = {
		{ .log2_bits = 20, .slope = 1.0, .weight = 4.0 },
		{ .log2_bits = 18, .slope = 1.2, .weight = 1.0 },
		{ .log2_bits = 18, .slope = 1.2, .weight = 1.0 },
		{ .log2_bits = 16, .slope = 1.5, .weight = 0.5 },
	};
	double sum = 0.0, slope = 0.0;

	(void)state;
	assert_int_equal(hvcal_rc_allocate(f, 4, 400000.0), 0);
	for (int i = 0; i < 4; i++) {
		double s = f[i].weight * exp2(2.0 * f[i].q) / (f[i].slope * f[i].bits);

		sum += f[i].bits;
		if (i)
			assert_float_equal(s / slope, 1.0, 1e-6);
		slope = s;
	}
	assert_float_equal(sum, 400000.0, 1.0);
	assert_true(f[1].bits == f[2].bits);
	assert_int_equal(hvcal_rc_allocate(f, 0, 1.0), -EINVAL);
	assert_int_equal(hvcal_rc_allocate(f, 4, NAN), -EINVAL);
	f[0].weight = 0.0;
	assert_int_equal(hvcal_rc_allocate(f, 4, 1.0), -EINVAL);
}

static void test_gop(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p = simple_plant(&c);
	struct hvcal_rc_loss loss = { 0 };
	struct hvcal_rc_gop gop;
	hvcal_rc_t *rc = make(&c);

	(void)state;
	run(&p, rc, 60);
	loss.can = HVCAL_RC_CAN_LTR | HVCAL_RC_CAN_REFRESH;
	loss.loss = 0.05;
	assert_int_equal(hvcal_rc_advise_gop(rc, &loss, &gop), 0);
	assert_int_equal(gop.recovery, HVCAL_RC_RECOVER_LTR);
	assert_int_equal(gop.key_interval, 0);
	loss.can = HVCAL_RC_CAN_REFRESH;
	hvcal_rc_advise_gop(rc, &loss, &gop);
	assert_int_equal(gop.recovery, HVCAL_RC_RECOVER_REFRESH);
	assert_in_range(gop.refresh_frames, 4, 30);
	loss.joined = 1;
	hvcal_rc_advise_gop(rc, &loss, &gop);
	assert_int_equal(gop.recovery, HVCAL_RC_RECOVER_KEY);
	loss.joined = 0;
	loss.can = 0;
	hvcal_rc_advise_gop(rc, &loss, &gop);
	assert_int_equal(gop.recovery, HVCAL_RC_RECOVER_KEY);
	assert_in_range(gop.key_interval, 59, 61);
	loss.loss = NAN;
	assert_int_equal(hvcal_rc_advise_gop(rc, &loss, &gop), -EINVAL);
	hvcal_rc_destroy(&rc);
}

/* A day of frames: nothing drifts. */
static void test_day(void **state)
{
	struct hvcal_rc_config c = base_config();
	struct plant p;
	struct hvcal_rc_status s;
	hvcal_rc_t *rc;
	double bits;

	(void)state;
	c.fps = 5.0;
	c.vbv_ms = 2000;
	p = simple_plant(&c);
	rc = make(&c);
	run(&p, rc, 24 * 3600 * 5);
	bits = mean_of(&p, rc, 3000);
	assert_true(fabs(bits * c.fps / (double)c.bitrate - 1.0) < 0.01);
	hvcal_rc_get_status(rc, &s);
	assert_true(s.level_ms < 1000.0 && s.slope > 0.5 && s.slope < 2.6);
	hvcal_rc_destroy(&rc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_scales),
		cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_monotone),
		cmocka_unit_test(test_no_band),
		cmocka_unit_test(test_band_edges),
		cmocka_unit_test(test_retarget),
		cmocka_unit_test(test_curve),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_level_late),
		cmocka_unit_test(test_bad_times),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_steep),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_blind_pages),
		cmocka_unit_test(test_lying_engine),
		cmocka_unit_test(test_deaf_engine),
		cmocka_unit_test(test_saturated),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_wave),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_base_limit),
		cmocka_unit_test(test_allocate),
		cmocka_unit_test(test_gop),
		cmocka_unit_test(test_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
