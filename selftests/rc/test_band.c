// SPDX-License-Identifier: MIT
/* Still pictures by bands of rows, with sizes from a picture whose rows are known. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hvcal/rc.h>

#define FPS 30.0
#define ROWS 48		/* of blocks */
#define LATE_MAX 8

/* What a picture costs, row by row, and how fine each row is. */
struct page {
	double density[ROWS];	/* bits of a row at a step of 1 */
	double q[ROWS];
	struct hvcal_rc_config config;
	hvcal_rc_t *rc;
	unsigned int frame, delay;
	uint32_t ids[LATE_MAX];
	double bits[LATE_MAX];
	struct hvcal_rc_decision d;
	double spent, worst;	/* of frames that stood still */
};

static struct hvcal_rc_config page_config(void)
{
	struct hvcal_rc_config c;

	hvcal_rc_config_init(&c);
	c.width = 1024;
	c.height = ROWS * 16;
	c.fps = FPS;
	c.bitrate = 2400000;
	c.vbv_ms = 200;
	c.flags = HVCAL_RC_BANDS;
	return c;
}

static void page_open(struct page *p, const struct hvcal_rc_config *c)
{
	memset(p, 0, sizeof(*p));
	p->config = *c;
	p->delay = c->delay;
	/* a key frame at QP 40 has about three frames' worth */
	for (int i = 0; i < ROWS; i++)
		p->density[i] = 3.0 * 80000.0 / ROWS * exp2(0.6 * hvcal_rc_qp_to_log2(0, 40));
	assert_int_equal(hvcal_rc_create(c, &p->rc), 0);
}

static double row_bits(const struct page *p, int row, double q)
{
	return p->density[row] * exp2(-0.6 * q);
}

/* Rows that get a finer quantiser cost 0.4 of what they cost when they were new. */
static double page_code(struct page *p, bool fresh)
{
	double bits = 100.0;

	for (int i = 0; i < ROWS; i++) {
		double middle = (i + 0.5) / ROWS;
		bool band = middle >= p->d.band_top && middle < p->d.band_bottom;
		double q = hvcal_rc_qp_to_log2(p->config.scale, band ? p->d.band_qp : p->d.qp);

		if (fresh)
			bits += row_bits(p, i, q);
		else if (q < p->q[i] - 0.01)
			bits += 0.4 * row_bits(p, i, q);
		p->q[i] = fresh || q < p->q[i] ? q : p->q[i];
	}
	return bits;
}

/* A frame that stands still, moves by @inter of its cost, or is new. Returns its bits. */
static double page_frame(struct page *p, float inter)
{
	const struct hvcal_rc_hint hint = {
		.inter_cost = inter, .intra_cost = 16.0f, .cut = inter > 10.0f, .detail = 10.0f,
	};
	const struct hvcal_rc_frame frame = {
		.time_ns = (int64_t)(p->frame * 1e9 / FPS), .key = !p->frame, .hint = &hint,
	};
	unsigned int slot = p->frame % LATE_MAX;
	double bits;

	assert_int_equal(hvcal_rc_decide(p->rc, &frame, &p->d), 0);
	assert_true(p->d.band_top >= 0.0f && p->d.band_bottom <= 1.0f);
	assert_true(p->d.band_top <= p->d.band_bottom);
	assert_in_range(p->d.qp, p->config.qp_min, 51);
	bits = page_code(p, frame.key || inter > 10.0f);
	p->ids[slot] = p->d.id;
	p->bits[slot] = bits;
	if (p->frame >= p->delay) {
		slot = (p->frame - p->delay) % LATE_MAX;
		assert_int_equal(hvcal_rc_report(p->rc, p->ids[slot], (uint64_t)(p->bits[slot] / 8.0),
						 HVCAL_RC_QP_AS_DECIDED), 0);
	}
	p->frame++;
	return bits;
}

static void page_still(struct page *p, unsigned int frames)
{
	double budget = (double)p->config.bitrate / FPS;

	for (unsigned int i = 0; i < frames; i++) {
		double bits = page_frame(p, 0.001f);

		p->spent += bits / budget;
		p->worst = fmax(p->worst, bits / budget);
	}
}

static bool has_band(const struct page *p)
{
	return p->d.band_top < p->d.band_bottom;
}

/* Each sweep covers all rows, once, from above to below. */
static void test_tiles(void **state)
{
	struct hvcal_rc_config c = page_config();
	struct page p;
	float at = 0.0f;
	unsigned int sweeps = 0;
	int qp = 0;

	(void)state;
	page_open(&p, &c);
	page_frame(&p, 16.0f);
	for (int i = 0; i < 200; i++) {
		page_frame(&p, 0.001f);
		if (!has_band(&p))
			continue;
		assert_true(p.d.band_top == at);
		assert_true(p.d.band_qp < p.d.qp);
		assert_true(at == 0.0f || p.d.band_qp == qp);
		/* on edges of blocks */
		assert_true(fabs(p.d.band_bottom * ROWS - rint(p.d.band_bottom * ROWS)) < 1e-4);
		qp = p.d.band_qp;
		at = p.d.band_bottom;
		if (at == 1.0f) {
			for (int row = 0; row < ROWS; row++)
				assert_true(p.q[row] == hvcal_rc_qp_to_log2(0, qp));
			at = 0.0f;
			sweeps++;
		}
	}
	assert_true(sweeps >= 4);
	hvcal_rc_destroy(&p.rc);
}

/* The rate is used, by frames of about the same size, also where sizes come late. */
static void test_even(void **state)
{
	struct hvcal_rc_config c = page_config();
	struct page p;

	(void)state;
	for (c.delay = 0; c.delay <= 4; c.delay += 2) {
		page_open(&p, &c);
		page_frame(&p, 16.0f);
		page_still(&p, 10);
		p.spent = p.worst = 0.0;
		page_still(&p, 20);
		assert_true(p.spent > 0.85 * 20.0 && p.spent < 1.15 * 20.0);
		assert_true(p.worst < 1.6);
		hvcal_rc_destroy(&p.rc);
	}
}

/* Text below a blank half; rows that cost ten times what they did, or a tenth. */
static void test_dense(void **state)
{
	static const double times[] = { 1.0, 10.0, 0.1 };
	struct hvcal_rc_config c = page_config();
	struct hvcal_rc_status s;
	struct page p;

	(void)state;
	for (int way = 0; way < 3; way++) {
		page_open(&p, &c);
		for (int i = 0; i < ROWS; i++)
			p.density[i] *= way == 1 ? 0.5 : way == 2 ? 8.0 : i < ROWS / 2 ? 0.8 : 4.0;
		page_frame(&p, 16.0f);
		page_still(&p, way ? 12 : 30);
		for (int i = 0; i < ROWS; i++)
			p.density[i] *= times[way];
		page_still(&p, way ? 20 : 0);
		p.spent = p.worst = 0.0;
		page_still(&p, 10);
		/* a row more is most of a frame's worth there */
		assert_true(p.worst < 2.5);
		assert_true(p.spent < 1.2 * 10.0 && p.spent > 0.7 * 10.0);
		hvcal_rc_get_status(p.rc, &s);
		assert_true(s.level_ms <= (double)c.vbv_ms);
		hvcal_rc_destroy(&p.rc);
	}
}

/* At the lowest quantiser, or where a finer one shows nothing, it ends and says so. */
static void test_end(void **state)
{
	struct hvcal_rc_config c = page_config();
	struct page p;

	(void)state;
	for (c.qp_min = 0; c.qp_min <= 20; c.qp_min += 20) {
		page_open(&p, &c);
		page_frame(&p, 16.0f);
		for (int i = 0; i < 300; i++) {
			page_frame(&p, 0.001f);
			if (has_band(&p))
				assert_true(p.d.band_qp >= c.qp_min);
		}
		assert_false(has_band(&p));
		assert_int_equal(p.d.saturated, HVCAL_RC_SATURATED_LOW);
		for (int row = 0; row < ROWS; row++)
			assert_true(p.q[row] == hvcal_rc_qp_to_log2(0, c.qp_min ? c.qp_min : 10));
		hvcal_rc_destroy(&p.rc);
	}
}

/* What is new begins a sweep at the top; what moves has no band; a cursor stops none. */
static void test_cut(void **state)
{
	struct hvcal_rc_config c = page_config();
	struct page p;

	(void)state;
	page_open(&p, &c);
	page_frame(&p, 16.0f);
	page_still(&p, 8);
	page_frame(&p, 0.1f);
	assert_true(has_band(&p));
	page_frame(&p, 15.0f);
	assert_false(has_band(&p));
	page_frame(&p, 0.001f);
	assert_true(has_band(&p) && p.d.band_top == 0.0f);
	page_frame(&p, 0.001f);
	for (int i = 0; i < 4; i++) {
		page_frame(&p, 4.0f);
		assert_false(has_band(&p));
	}
	page_frame(&p, 0.001f);
	assert_true(has_band(&p) && p.d.band_top == 0.0f);
	hvcal_rc_destroy(&p.rc);
}

/* A frame that the engine dropped left its rows as they were. */
static void test_dropped(void **state)
{
	struct hvcal_rc_config c = page_config();
	struct hvcal_rc_hint hint = { .inter_cost = 0.001f, .intra_cost = 16.0f };
	struct hvcal_rc_frame frame = { .hint = &hint };
	struct hvcal_rc_decision first, d;
	struct page p;

	(void)state;
	c.flags |= HVCAL_RC_DROP;
	page_open(&p, &c);
	page_frame(&p, 16.0f);
	page_still(&p, 3);
	frame.time_ns = (int64_t)(p.frame * 1e9 / FPS);
	assert_int_equal(hvcal_rc_decide(p.rc, &frame, &first), 0);
	assert_true(first.band_top < first.band_bottom);
	assert_int_equal(hvcal_rc_report(p.rc, first.id, 0, HVCAL_RC_QP_AS_DECIDED), 0);
	frame.time_ns += 33333333;
	assert_int_equal(hvcal_rc_decide(p.rc, &frame, &d), 0);
	assert_true(d.band_top == first.band_top && d.qp == first.qp);
	assert_int_equal(hvcal_rc_check(p.rc, d.id, UINT32_MAX, &first), 0);
	assert_int_equal(first.action, HVCAL_RC_DROP_FRAME);
	frame.time_ns += 33333333;
	assert_int_equal(hvcal_rc_decide(p.rc, &frame, &first), 0);
	assert_true(d.band_top == first.band_top && d.qp == first.qp);
	hvcal_rc_destroy(&p.rc);
}

/* None without the flag, nor with layers, nor where no rate is held. */
static void test_none(void **state)
{
	struct page p;

	(void)state;
	for (int way = 0; way < 4; way++) {
		struct hvcal_rc_config c = page_config();

		if (way == 0)
			c.flags = 0;
		else if (way == 1)
			c.layers = 2;
		else if (way == 2)
			c.control = HVCAL_RC_CONTROL_CQP;
		else
			c.control = HVCAL_RC_CONTROL_ICQ;
		c.qp = c.quality = 30;
		page_open(&p, &c);
		page_frame(&p, 16.0f);
		for (int i = 0; i < 60; i++) {
			page_frame(&p, i % 9 ? 0.001f : 0.2f);
			assert_false(has_band(&p));
		}
		hvcal_rc_destroy(&p.rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tiles),
		cmocka_unit_test(test_even),
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_dropped),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
