// SPDX-License-Identifier: MIT
/* Direct mode with a plug-in that does what the test wants. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "internal.h"
#include "test_engine.h"

struct fixture {
	hvcal_context_t *ctx;
	hvcal_session_t *s;
	hvcal_pool_t *pool;
	unsigned int direct_lines;
};

static void count_log(void *cookie, int level, const char *line)
{
	struct fixture *f = cookie;

	(void)level;
	f->direct_lines += strstr(line, "direct mode") != NULL;
}

static void config(hvcal_config_t *c)
{
	hvcal_config_default(c, sizeof(*c));
	c->codec = HVCAL_CODEC_H264;
	c->width = 64;
	c->height = 32;
	c->fps = 50;
	c->bitrate = 1000000;
}

static int open_context(struct fixture *f, const struct hvcal_plugin_list *list)
{
	hvcal_init_params_t p;

	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_DIRECT;
	p.log_level = 7;
	p.log = count_log;
	p.log_cookie = f;
	return hvcal_context_create(&f->ctx, &p, &hvcal_sys_default, list);
}

static const struct hvcal_engine_plugin *const plugins[] = { &test_engine_plugin };
static const struct hvcal_plugin_list list = { plugins, 1 };

static int open_with_bframes(struct fixture *f)
{
	hvcal_config_t c;

	config(&c);
	c.bframes = 2;
	return hvcal_create_session(f->ctx, &c, &f->s, NULL);
}

static int open_session(struct fixture *f)
{
	hvcal_config_t c;

	config(&c);
	return hvcal_create_session(f->ctx, &c, &f->s, NULL);
}

static int setup(void **state)
{
	static struct fixture f;
	hvcal_pool_params_t p;

	memset(&f, 0, sizeof(f));
	memset(&test_engine, 0, sizeof(test_engine));
	assert_int_equal(open_context(&f, &list), 0);
	hvcal_pool_params_default(&p, sizeof(p));
	p.format = HVCAL_FORMAT_NV12;
	p.width = 64;
	p.height = 32;
	p.memory = HVCAL_MEMORY_MEMFD;
	assert_int_equal(hvcal_pool_create(f.ctx, &p, &f.pool), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hvcal_shutdown(&f->ctx); /* the order does not matter */
	hvcal_pool_destroy(&f->pool);
	hvcal_destroy_session(&f->s);
	assert_int_equal(test_engine.opens, test_engine.closes);
	assert_int_equal(test_engine.overlaps, 0);
	return 0;
}

static int submit(struct fixture *f, unsigned char fill, const hvcal_frame_t *frame)
{
	hvcal_buffer_t *b;
	int ret;

	assert_int_equal(hvcal_pool_acquire(f->pool, &b), 0);
	memset(b->cpu_ptr, fill, b->size);
	ret = hvcal_submit_frame(f->s, b, frame);
	hvcal_buffer_release(&b);
	return ret;
}

static int get(struct fixture *f, hvcal_packet_t *p)
{
	hvcal_packet_default(p, sizeof(*p));
	return hvcal_get_bitstream(f->s, p, 5000);
}

static void stats(struct fixture *f, hvcal_stats_t *s)
{
	hvcal_stats_default(s, sizeof(*s));
	assert_int_equal(hvcal_get_stats(f->s, s), 0);
}

/* ------------------------------------------------------------------------ */

static void test_says_so_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hvcal_get_backend(f->ctx), HVCAL_BACKEND_DIRECT);
	assert_int_equal(open_session(f), 0);
	assert_int_equal(f->direct_lines, 1);
}

static void test_no_engine(void **state)
{
	const struct hvcal_plugin_list none = { NULL, 0 };
	struct fixture f = { 0 };
	hvcal_init_params_t p;
	char reason[256] = "";

	(void)state;
	assert_int_equal(open_context(&f, &none), -ENODEV);
	assert_null(f.ctx);
	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_DIRECT;
	p.engine_path = "/nonexistent";
	p.reason = reason;
	p.reason_len = sizeof(reason);
	assert_int_equal(hvcal_initialize(&f.ctx, &p), -ENODEV);
	assert_non_null(strstr(reason, "/nonexistent"));
	p.backend = HVCAL_BACKEND_AUTO;
	p.device_path = "/nonexistent/hvcal";
	assert_int_equal(hvcal_initialize(&f.ctx, &p), -ENODEV);
	assert_non_null(strstr(reason, "no /nonexistent/hvcal, and direct mode"));
}

static void test_unknown_engine(void **state)
{
	struct fixture *f = *state;
	hvcal_engine_cap_t cap;
	uint32_t n = 1;

	assert_int_equal(hvcal_enumerate_engine_caps(f->ctx, 1, &cap, sizeof(cap), &n), 0);
	assert_int_equal(cap.max_width, 4096);
	n = 1;
	assert_int_equal(hvcal_enumerate_engine_caps(f->ctx, 2, &cap, sizeof(cap), &n),
			 -ENODEV);
}

static void test_zero_copy(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;
	hvcal_stats_t s;
	uint64_t sum = 0;
	int i, b;

	test_engine.copied = 3;
	assert_int_equal(open_session(f), 0);
	for (i = 0; i < 40; i++) {
		assert_int_equal(submit(f, (unsigned char)i, NULL), 0);
		assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
		assert_int_equal(p.size, 2);
		assert_int_equal(((const unsigned char *)p.data)[0], i);
		assert_int_equal(((const unsigned char *)p.data)[1], i);
		assert_int_equal(p.flags & HVCAL_PACKET_KEY, HVCAL_PACKET_KEY);
		assert_true(p.submit_ns <= p.ready_ns && p.ready_ns <= p.start_ns &&
			    p.start_ns <= p.done_ns);
		assert_int_equal(p.timeline, i + 1);
		hvcal_release_packet(&p);
	}
	stats(f, &s);
	assert_int_equal(s.copied_bytes, 0);
	assert_int_equal(s.engine_copied_bytes, 40 * 3);
	assert_int_equal(s.done, 40);
	assert_int_equal(s.bytes, 80);
	assert_int_equal(s.engine_ns, 40000);
	for (b = 0; b < HVCAL_HISTOGRAM; b++)
		sum += s.hist_run[b];
	assert_int_equal(sum, 40);
}

static void test_copy_is_counted(void **state)
{
	struct fixture *f = *state;
	static unsigned char frame[64 * 32 * 3 / 2];
	hvcal_buffer_t mine;
	hvcal_packet_t p;
	hvcal_stats_t s;

	assert_int_equal(open_session(f), 0);
	memset(frame, 9, sizeof(frame));
	hvcal_buffer_default(&mine, sizeof(mine));
	mine.cpu_ptr = frame;
	mine.size = sizeof(frame) - 1;
	assert_int_equal(hvcal_submit_frame(f->s, &mine, NULL), -EINVAL); /* too short */
	mine.size = sizeof(frame);
	assert_int_equal(hvcal_submit_frame(f->s, &mine, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(((const unsigned char *)p.data)[0], 9);
	assert_int_equal(p.copied_bytes, sizeof(frame));
	hvcal_release_packet(&p);
	stats(f, &s);
	assert_int_equal(s.copied_bytes, sizeof(frame));
}

/* DMA-BUFs of the caller: imported for one frame, or wrapped once. */
static void test_own_files(void **state)
{
	struct fixture *f = *state;
	hvcal_buffer_t *theirs, desc, *wrapped = NULL;
	hvcal_packet_t p;
	hvcal_stats_t s;

	assert_int_equal(open_session(f), 0);
	assert_int_equal(hvcal_pool_acquire(f->pool, &theirs), 0);
	memset(theirs->cpu_ptr, 77, theirs->size);
	desc = *theirs;
	desc.handle = NULL;
	desc.cpu_ptr = NULL;
	assert_int_equal(hvcal_submit_frame(f->s, &desc, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(((const unsigned char *)p.data)[0], 77);
	hvcal_release_packet(&p);
	assert_int_equal(hvcal_buffer_wrap(f->ctx, &desc, &wrapped), 0);
	assert_int_equal(wrapped->memory, HVCAL_MEMORY_EXTERNAL);
	assert_int_not_equal(wrapped->fd[0], desc.fd[0]);
	assert_int_equal(hvcal_submit_frame(f->s, wrapped, NULL), 0);
	hvcal_buffer_release(&wrapped);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(((const unsigned char *)p.data)[0], 77);
	hvcal_release_packet(&p);
	stats(f, &s);
	assert_int_equal(s.copied_bytes, 0);
	desc.size = 1ULL << 40; /* more than there is */
	assert_int_equal(hvcal_buffer_wrap(f->ctx, &desc, &wrapped), -EINVAL);
	desc.size = 0;
	desc.fd[0] = -1;
	assert_int_equal(hvcal_buffer_wrap(f->ctx, &desc, &wrapped), -EINVAL);
	hvcal_buffer_release(&theirs);
}

static void test_held_frames_and_flush(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c;
	hvcal_packet_t p;
	int i, round;

	test_engine.hold = 10;
	/* more than the depth of 4: held frames do not count */
	config(&c);
	c.tune = HVCAL_TUNE_QUALITY;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, NULL), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 10; i++)
			assert_int_equal(submit(f, (unsigned char)i, NULL), 0);
		hvcal_packet_default(&p, sizeof(p));
		assert_int_equal(hvcal_get_bitstream(f->s, &p, 30), -EAGAIN);
		assert_int_equal(hvcal_flush(f->s), 0);
		for (i = 0; i < 10; i++) {
			assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
			assert_int_equal(((const unsigned char *)p.data)[0], i);
			hvcal_release_packet(&p);
		}
		assert_int_equal(get(f, &p), -ENODATA);
	}
}

static void test_depth(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;
	int i, got = 0;

	test_engine.manual = true;
	assert_int_equal(open_session(f), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(submit(f, 1, NULL), -EAGAIN);
	while (got < 8) {
		test_engine_step();
		hvcal_packet_default(&p, sizeof(p));
		if (hvcal_get_bitstream(f->s, &p, 1) == HVCAL_GOT_PACKET) {
			got++;
			hvcal_release_packet(&p);
		}
	}
	assert_int_equal(test_engine.peak_inside, 4);
}

static void test_errors(void **state)
{
	struct fixture *f = *state;
	hvcal_admission_t a;
	hvcal_config_t c;
	hvcal_packet_t p;

	test_engine.open_error = -EINVAL;
	config(&c);
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, &a), -EINVAL);
	assert_non_null(strstr(a.reason, "engine refuses"));
	test_engine.open_error = 0;
	c.width = 8192; /* beyond the engine */
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, &a), -ENOTCONN);
	config(&c);
	c.features = 1U << HVCAL_FEATURE_HDR10_PLUS;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, &a), -ENOTCONN);
	config(&c);
	strcpy(c.engine_name, "nobody");
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, &a), -ENOTCONN);
	assert_non_null(strstr(a.reason, "no engine named nobody"));
	assert_null(f->s);

	assert_int_equal(open_session(f), 0);
	test_engine.encode_error = -EIO;
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_FRAME_FAILED);
	assert_int_equal(p.status, -EIO);
	test_engine.encode_error = 0;
	test_engine.done_status = -ENOBUFS;
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -ENOBUFS);
	test_engine.done_status = 0;
	test_engine.too_many_bytes = true;
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -EPROTO);
	test_engine.too_many_bytes = false;
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
}

static void test_session_limit(void **state)
{
	struct fixture *f = *state;
	hvcal_session_t *second = NULL;
	hvcal_admission_t a;
	hvcal_config_t c;

	hvcal_shutdown(&f->ctx);
	hvcal_pool_destroy(&f->pool);
	test_engine.max_sessions = 1;
	assert_int_equal(open_context(f, &list), 0);
	assert_int_equal(open_session(f), 0);
	config(&c);
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_create_session(f->ctx, &c, &second, &a), -ENOSPC);
	assert_int_equal(a.limit, HVCAL_LIMIT_SESSIONS);
	assert_non_null(strstr(a.reason, "session limit"));
	hvcal_destroy_session(&f->s);
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, &a), 0);
}

static void test_reconfigure(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	assert_int_equal(open_session(f), 0);
	assert_int_equal(hvcal_set_bitrate(f->s, 5000), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_RECONFIGURED);
	assert_int_equal(p.status, 0);
	assert_int_equal(test_engine.bitrate, 5000);
	assert_int_equal(test_engine.opens, 1);
	/* an engine that cannot: opened anew, and no frame is lost */
	test_engine.no_reconfigure = true;
	test_engine.hold = 2;
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(submit(f, 2, NULL), 0);
	assert_int_equal(hvcal_set_bitrate(f->s, 6000), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, 0);
	assert_int_equal(test_engine.opens, 2);
	assert_int_equal(test_engine.bitrate, 6000);
	/* one that cannot open the new one keeps the old one */
	test_engine.open_error = -EINVAL;
	assert_int_equal(hvcal_set_bitrate(f->s, 7000), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -EINVAL);
	test_engine.hold = 0;
	assert_int_equal(submit(f, 3, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
}

static void test_fences_and_pacing(void **state)
{
	struct fixture *f = *state;
	hvcal_frame_t frame;
	hvcal_packet_t p;
	uint64_t when;
	int fence[2];

	assert_int_equal(open_session(f), 0);
	assert_int_equal(pipe(fence), 0); /* readable is signalled, as a sync_file */
	hvcal_frame_default(&frame, sizeof(frame));
	frame.flags = HVCAL_SUBMIT_IN_FENCE;
	frame.in_fence = fence[0];
	assert_int_equal(submit(f, 1, &frame), 0);
	close(fence[0]); /* ours; the library has its own */
	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 30), -EAGAIN);
	assert_int_equal(write(fence[1], "x", 1), 1);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_true(p.ready_ns - p.submit_ns > 25000000);
	assert_true(p.flags & HVCAL_PACKET_LATE); /* 50 fps: 20 ms */
	hvcal_release_packet(&p);
	close(fence[1]);

	hvcal_frame_default(&frame, sizeof(frame));
	when = hvcal_now_ns() + 40000000;
	frame.release_ns = when;
	frame.deadline_ns = when + 10000000000ULL;
	assert_int_equal(submit(f, 1, &frame), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_true(p.start_ns >= when);
	assert_int_equal(p.deadline_ns, frame.deadline_ns);
	assert_false(p.flags & HVCAL_PACKET_LATE);
	hvcal_release_packet(&p);
}

/* An engine that cannot do better codes a key frame. */
static void test_loss(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	assert_int_equal(open_session(f), 0);
	assert_int_equal(hvcal_report_loss(f->s, HVCAL_NO_PTS), -EINVAL);
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(p.recovery, HVCAL_RECOVERY_NONE);
	hvcal_release_packet(&p);
	assert_int_equal(hvcal_report_loss(f->s, 5), 0);
	assert_int_equal(hvcal_report_loss(f->s, 3), 0);
	assert_int_equal(hvcal_report_loss(f->s, 4), 0);
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(test_engine.flags, HVCAL_FRAME_LOST | HVCAL_FRAME_FORCE_KEY);
	assert_int_equal(test_engine.lost_pts, 3);
	assert_int_equal(p.recovery, HVCAL_RECOVERY_KEY);
	hvcal_release_packet(&p);
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(test_engine.flags, 0);
	hvcal_release_packet(&p);
}

static void test_cancel_and_close(void **state)
{
	struct fixture *f = *state;
	unsigned int failed = 0, told;
	uint64_t canceled = 0;
	hvcal_packet_t p;
	int i;

	test_engine.manual = true;
	assert_int_equal(open_session(f), 0);
	for (i = 0; i < 8; i++)
		assert_int_equal(submit(f, 1, NULL), 0);
	while (!test_engine.inside)
		usleep(1000);
	assert_int_equal(hvcal_cancel(f->s, &canceled), 0);
	assert_int_equal(canceled, 8);
	while (failed < canceled) {
		test_engine_step();
		hvcal_packet_default(&p, sizeof(p));
		if (hvcal_get_bitstream(f->s, &p, 1) == HVCAL_GOT_NOTICE) {
			assert_int_equal(p.status, -ECANCELED);
			failed++;
		}
		hvcal_release_packet(&p);
	}
	/* the engine was told of those that it had, and of no others */
	assert_in_range(test_engine.cancels, 1, 4);
	/* closing with frames inside, and others that wait */
	for (i = 0; i < 7; i++)
		assert_int_equal(submit(f, 1, NULL), 0);
	told = test_engine.cancels;
	while (!test_engine.inside)
		usleep(1000);
	hvcal_destroy_session(&f->s);
	assert_int_equal(test_engine.inside, 0);
	assert_true(test_engine.cancels > told);
}

static void test_poll_fd(void **state)
{
	struct fixture *f = *state;
	struct pollfd pfd = { .events = POLLIN };
	hvcal_packet_t p;
	int i;

	assert_int_equal(open_session(f), 0);
	pfd.fd = hvcal_get_fd(f->s);
	assert_true(pfd.fd >= 0);
	for (i = 0; i < 50; i++) {
		assert_int_equal(submit(f, 1, NULL), 0);
		assert_int_equal(poll(&pfd, 1, 5000), 1);
		hvcal_packet_default(&p, sizeof(p));
		assert_int_equal(hvcal_get_bitstream(f->s, &p, 0), 0);
		hvcal_release_packet(&p);
		assert_int_equal(poll(&pfd, 1, 0), 0);
	}
}

/* An engine that finds out at the first frame: on with what is safe, from a key frame. */
static void test_safe_first_frame(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	test_engine.picky = true;
	assert_int_equal(open_with_bframes(f), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(submit(f, (unsigned char)i, NULL), 0);
		assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
		assert_int_equal(p.pts, i);
		assert_true(p.dropped & HVCAL_DROPPED_BFRAMES);
		hvcal_release_packet(&p);
	}
	assert_int_equal(test_engine.opens, 2);
	assert_int_equal(test_engine.closes, 1);
}

/* Later frames fail alone, and once is enough. */
static void test_safe_not_later(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	assert_int_equal(open_with_bframes(f), 0);
	assert_int_equal(submit(f, 1, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	hvcal_release_packet(&p);
	test_engine.encode_error = -EINVAL;
	assert_int_equal(submit(f, 2, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_FRAME_FAILED);
	hvcal_release_packet(&p);
	assert_int_equal(test_engine.opens, 1);
	test_engine.encode_error = 0;
	assert_int_equal(submit(f, 3, NULL), 0);
	assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
	assert_int_equal(p.dropped, 0);
	hvcal_release_packet(&p);
}

static void *submitter(void *arg)
{
	struct fixture *f = arg;
	int i, ret;

	for (i = 0; i < 500; i++)
		while ((ret = submit(f, (unsigned char)i, NULL)))
			if (ret != -EAGAIN)
				return (void *)(intptr_t)ret;
	return NULL;
}

/* One thread submits while another gets; every packet arrives, in order. */
static void test_two_threads(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;
	pthread_t t;
	void *ret;
	int i;

	assert_int_equal(open_session(f), 0);
	assert_int_equal(pthread_create(&t, NULL, submitter, f), 0);
	for (i = 0; i < 500; i++) {
		assert_int_equal(get(f, &p), HVCAL_GOT_PACKET);
		assert_int_equal(p.pts, i);
		assert_int_equal(((const unsigned char *)p.data)[0], (unsigned char)i);
		hvcal_release_packet(&p);
	}
	pthread_join(t, &ret);
	assert_null(ret);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_says_so_once),
		cmocka_unit_test(test_no_engine),
		T(test_unknown_engine),
		T(test_zero_copy),
		T(test_copy_is_counted),
		T(test_own_files),
		T(test_held_frames_and_flush),
		T(test_depth),
		T(test_errors),
		T(test_session_limit),
		T(test_reconfigure),
		T(test_fences_and_pacing),
		T(test_loss),
		T(test_cancel_and_close),
		T(test_poll_fd),
		T(test_safe_first_frame),
		T(test_safe_not_later),
		T(test_two_threads),
	};

	return cmocka_run_group_tests_name("libhvcal direct mode", tests, NULL, NULL);
}
