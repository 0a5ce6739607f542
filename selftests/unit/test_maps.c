// SPDX-License-Identifier: MIT
/* Which frames of a still picture come with a band of rows in a QP map, and which cannot. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <hvcal/rc.h>

#include "kernel_fixture.h"
#include "session.h"

#define WIDTH 128
#define HEIGHT 64
#define BLOCK 16
#define COLS (WIDTH / BLOCK)
#define ROWS (HEIGHT / BLOCK)
#define STILLS 30
#define CAPS (HVCAL_CAP_FRAME_QP | HVCAL_CAP_ROI | HVCAL_CAP_SCALE)

static unsigned int number;	/* of the page that stands */
static bool fresh;		/* no frame of it was sent */

static int setup(void **state)
{
	static struct fixture f;
	hvcal_config_t c;

	number = 0;
	fresh = true;
	memset(&f, 0, sizeof(f));
	fake_kernel_init(&f.k);
	f.k.cap_flags = CAPS;
	assert_int_equal(fake_kernel_context(&f.k, &f.ctx), 0);
	fixture_config(&c);
	c.rc_mode = HVCAL_RC_CBR;
	assert_int_equal(hvcal_create_session(f.ctx, &c, &f.s, NULL), 0);
	fixture_pool(&f);
	*state = &f;
	return 0;
}

static hvcal_buffer_t *page(struct fixture *f)
{
	hvcal_buffer_t *b;

	assert_int_equal(hvcal_pool_acquire(f->pool, &b), 0);
	for (unsigned int y = 0; y < HEIGHT; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			((uint8_t *)b->cpu_ptr)[b->offset[0] + y * b->stride[0] + x] =
				(uint8_t)(x * y * (7 + number * 22) + (x ^ y) * 13);
	return b;
}

/* What is handed over with the frame that is inside; NULL: nothing. */
static const hvcal_buffer_t *map_inside(const struct fixture *f)
{
	for (uint32_t i = 0; i < f->s->nslots; i++)
		if (f->s->slots[i].state == HVCAL_SLOT_INSIDE)
			return f->s->slots[i].map;
	return NULL;
}

/* A band and nothing else, with what an engine needs to read it. */
static void check_map(struct fixture *f)
{
	const struct hvcal_job_desc *job = &f->k.jobs[f->k.njobs - 1];
	const struct hvcal_frame_params *p = &f->k.params[f->k.njobs - 1];
	const hvcal_buffer_t *b = map_inside(f);
	const int8_t *map = b->cpu_ptr;
	unsigned int begins = 0;

	assert_int_equal(p->map_block, BLOCK);
	assert_int_equal(p->map_stride, COLS);
	assert_int_equal(job->side_offset, 0);
	assert_int_equal(job->side_size, ROWS * COLS);
	assert_true(p->flags & HVCAL_FRAME_QP);
	for (unsigned int y = 0; y < ROWS; y++) {
		assert_true(map[y * COLS] <= 0);
		begins += map[y * COLS] < 0 && (!y || !map[(y - 1) * COLS]);
		for (unsigned int x = 1; x < COLS; x++)
			assert_int_equal(map[y * COLS + x], map[y * COLS]);
	}
	assert_int_equal(begins, 1);
}

static void turn(void)
{
	number++;
	fresh = true;
}

/* One frame of the page, until its packet; the handle of its side data. */
static uint32_t still(struct fixture *f, const hvcal_frame_t *frame)
{
	unsigned int i = f->k.njobs;
	hvcal_buffer_t *b = page(f);
	hvcal_packet_t p;
	int ret;

	assert_true(i < FAKE_JOBS);
	assert_int_equal(hvcal_submit_frame(f->s, b, frame), 0);
	hvcal_buffer_release(&b);
	if (f->k.jobs[i].side && !(frame && frame->map))
		check_map(f);
	fake_complete(&f->k, i, 0, fresh ? 8000 : f->k.jobs[i].side ? 1500 : 60);
	fresh = false;
	hvcal_packet_default(&p, sizeof(p));
	do {
		ret = hvcal_get_bitstream(f->s, &p, 1000);
	} while (ret == HVCAL_GOT_NOTICE);
	assert_int_equal(ret, HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
	return f->k.jobs[i].side;
}

/* How many of STILLS frames of a new page have a map. */
static unsigned int stills(struct fixture *f, const hvcal_frame_t *frame)
{
	unsigned int n = 0;

	turn();
	for (unsigned int i = 0; i < STILLS; i++)
		n += still(f, frame) != 0;
	return n;
}

static uint64_t band_frames(struct fixture *f)
{
	hvcal_stats_t st;

	hvcal_stats_default(&st, sizeof(st));
	assert_int_equal(hvcal_get_stats(f->s, &st), 0);
	return st.band_frames;
}

static void test_stills(void **state)
{
	struct fixture *f = *state;
	unsigned int n;
	uint32_t live;

	/* engines that must make room for maps are told so */
	assert_true(f->k.config.flags & HVCAL_CONFIG_MAPS);
	assert_int_equal(still(f, NULL), 0);
	n = stills(f, NULL);
	assert_true(n > 0);
	assert_int_equal(band_frames(f), n);
	/* buffers of maps come again: nothing new is imported */
	live = f->k.live_buffers;
	n += stills(f, NULL);
	assert_int_equal(band_frames(f), n);
	assert_int_equal(f->k.live_buffers, live);
}

/* Frames that have no room for one are decided on without: the QP is all there is. */
static void test_other_frames(void **state)
{
	int8_t zeros[ROWS * COLS] = { 0 };
	struct fixture *f = *state;
	hvcal_pool_params_t pp;
	hvcal_frame_t frame;
	hvcal_pool_t *maps;
	hvcal_buffer_t *map;

	still(f, NULL);
	assert_true(stills(f, NULL) > 0);

	hvcal_frame_default(&frame, sizeof(frame));
	frame.width = WIDTH / 2;
	frame.height = HEIGHT / 2;
	assert_int_equal(stills(f, &frame), 0);
	assert_true(stills(f, NULL) > 0);

	hvcal_frame_default(&frame, sizeof(frame));
	frame.flags = HVCAL_SUBMIT_QP;
	frame.qp_q8 = 30 * 256;
	assert_int_equal(stills(f, &frame), 0);

	hvcal_pool_params_default(&pp, sizeof(pp));
	pp.size = sizeof(zeros);
	assert_int_equal(hvcal_pool_create(f->ctx, &pp, &maps), 0);
	assert_int_equal(hvcal_pool_acquire(maps, &map), 0);
	memcpy(map->cpu_ptr, zeros, sizeof(zeros));
	hvcal_frame_default(&frame, sizeof(frame));
	frame.map = map;
	frame.map_size = sizeof(zeros);
	frame.map_block = BLOCK;
	frame.map_stride = COLS;
	{
		uint64_t before = band_frames(f);

		assert_int_equal(stills(f, &frame), STILLS);
		assert_int_equal(band_frames(f), before);
	}
	assert_memory_equal(map->cpu_ptr, zeros, sizeof(zeros));
	hvcal_buffer_release(&map);
	hvcal_pool_destroy(&maps);

	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_ROI, 0), 0);
	assert_int_equal(stills(f, NULL), 0);
}

static void move_to(struct fixture *f, uint32_t engine, uint32_t flags)
{
	struct hvcal_event e = { .session = f->k.last_session, .type = HVCAL_EVENT_RESYNC,
				 .engine = engine };

	f->k.cap_flags = flags;
	fake_event(&f->k, &e);
	/* the frame on its way when it is told may still have been decided on for the other */
	still(f, NULL);
}

static void test_failover(void **state)
{
	struct fixture *f = *state;

	still(f, NULL);
	assert_true(stills(f, NULL) > 0);
	move_to(f, 9, CAPS & ~HVCAL_CAP_ROI);
	assert_int_equal(stills(f, NULL), 0);
	move_to(f, 7, CAPS);
	assert_true(stills(f, NULL) > 0);
}

/* What a map takes is there before it is decided that there is to be one. */
static void test_no_memory(void **state)
{
	struct fixture *f = *state;

	still(f, NULL);
	f->k.fail[HVCAL_NR_BUFFER_IMPORT] = -ENOMEM;
	assert_int_equal(stills(f, NULL), 0);
	assert_int_equal(band_frames(f), 0);
	f->k.fail[HVCAL_NR_BUFFER_IMPORT] = 0;
	assert_true(stills(f, NULL) > 0);
}

/* Without hints nothing is known to stand still, and engines need no room for maps. */
static void test_no_hints(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c;

	assert_int_equal(hvcal_get_config(f->s, &c), 0);
	c.rate_hints = HVCAL_RATE_HINTS_OFF;
	assert_int_equal(hvcal_reconfigure(f->s, &c, NULL), 0);
	assert_false(f->k.config.flags & HVCAL_CONFIG_MAPS);
	still(f, NULL);
	assert_int_equal(stills(f, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stills, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_other_frames, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_failover, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_no_hints, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
