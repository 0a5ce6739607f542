// SPDX-License-Identifier: MIT
/* What the kernel back end makes of the records that it reads, and who waits for them. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "kernel_fixture.h"

static void test_notices(void **state)
{
	struct fixture *f = *state;
	struct hvcal_event e = { .session = f->k.last_session };
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	e.type = 12345; /* of a newer kernel */
	fake_event(&f->k, &e);
	e.type = HVCAL_EVENT_RESYNC;
	e.engine = 9;
	fake_event(&f->k, &e);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_RESYNC);
	assert_int_equal(p.engine, 9);
	e.type = HVCAL_EVENT_PRESSURE;
	e.share_ppm = 1234;
	fake_event(&f->k, &e);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_PRESSURE);
	assert_int_equal(p.share_ppm, 1234);
	/* flush: end of stream is told once, then the session goes on */
	assert_int_equal(hvcal_flush(f->s), 0);
	e.type = HVCAL_EVENT_FLUSHED;
	fake_event(&f->k, &e);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), -ENODATA);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 0), -EAGAIN);
	assert_int_equal(fixture_submit(f, NULL), 0);
	/* lost: what was there is still given, then it is final */
	fake_complete(&f->k, 0, -ENODEV, 0);
	e.type = HVCAL_EVENT_LOST;
	fake_event(&f->k, &e);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -ENODEV);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, -1), -ENODEV);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, -1), -ENODEV);
	assert_int_equal(fixture_submit(f, NULL), -ENODEV);
}

/* Notices that nobody reads must not push out the events of jobs. */
static void test_flood(void **state)
{
	struct fixture *f = *state;
	struct hvcal_event e = { .session = f->k.last_session,
				 .type = HVCAL_EVENT_PRESSURE };
	unsigned int i, packets = 0;
	hvcal_packet_t p;
	int ret;

	for (i = 0; i < 8; i++)
		assert_int_equal(fixture_submit(f, NULL), 0);
	for (i = 0; i < 100; i++)
		fake_event(&f->k, &e);
	for (i = 0; i < 8; i++)
		fake_complete(&f->k, i, 0, 1);
	for (i = 0; i < 20; i++)
		assert_int_equal(hvcal_context_pump(f->ctx), 0);
	hvcal_packet_default(&p, sizeof(p));
	while ((ret = hvcal_get_bitstream(f->s, &p, 0)) >= 0) {
		packets += ret == HVCAL_GOT_PACKET;
		hvcal_release_packet(&p);
	}
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(packets, 8);
}

static void test_record_sizes(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	/* shorter records of an older kernel: no result, the slot knows the pts */
	assert_int_equal(fixture_submit(f, NULL), 0);
	f->k.event_size = offsetof(struct hvcal_event, share_ppm);
	fake_complete(&f->k, 0, 0, 50);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), 0);
	assert_int_equal(p.size, 50);
	assert_int_equal(p.pts, 0);
	assert_int_equal(p.qp_q8, 0);
	hvcal_release_packet(&p);
	/* an event that names a slot that has nothing inside is dropped */
	fake_complete(&f->k, 0, 0, 50);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 20), -EAGAIN);
}

static void test_longer_records(void **state)
{
	static struct fixture f;
	hvcal_pool_params_t pp;
	hvcal_config_t c;
	hvcal_packet_t p;

	(void)state;
	fake_kernel_init(&f.k);
	f.k.caps.event_size = f.k.event_size = sizeof(struct hvcal_event) + 64;
	assert_int_equal(fake_kernel_context(&f.k, &f.ctx), 0);
	fixture_config(&c);
	assert_int_equal(hvcal_create_session(f.ctx, &c, &f.s, NULL), 0);
	hvcal_pool_params_default(&pp, sizeof(pp));
	pp.format = HVCAL_FORMAT_NV12;
	pp.width = 128;
	pp.height = 64;
	assert_int_equal(hvcal_pool_create(f.ctx, &pp, &f.pool), 0);
	hvcal_packet_default(&p, sizeof(p));
	for (unsigned int i = 0; i < 30; i++) {
		assert_int_equal(fixture_submit(&f, NULL), 0);
		fake_complete(&f.k, i, 0, i + 1);
		assert_int_equal(hvcal_get_bitstream(f.s, &p, 1000), 0);
		assert_int_equal(p.size, i + 1);
		assert_int_equal(p.pts, i);
		hvcal_release_packet(&p);
	}
	hvcal_destroy_session(&f.s);
	hvcal_pool_destroy(&f.pool);
	hvcal_shutdown(&f.ctx);
	fake_kernel_finish(&f.k);
}

/* No loop and no crash: a device that speaks nonsense is not used any more. */
static void test_broken_records(void **state)
{
	static const uint32_t sizes[] = { 0, 4, 23, 65, 4096, UINT32_MAX };
	unsigned char junk[64] = { 0 };
	struct fixture *f;
	hvcal_packet_t p;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(fixture_setup(state), 0);
		f = *state;
		memcpy(junk, &sizes[i], sizeof(sizes[i]));
		fake_event_raw(&f->k, junk, sizeof(junk));
		hvcal_packet_default(&p, sizeof(p));
		assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), -ENODEV);
		assert_int_equal(fixture_submit(f, NULL), -ENODEV);
		fixture_teardown(state);
	}
}

static void test_device_gone(void **state)
{
	struct fixture *f = *state;
	hvcal_session_t *s = NULL;
	hvcal_config_t c;
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	f->k.read_error = -ENODEV;
	assert_int_equal(hvcal_get_bitstream(f->s, &p, -1), -ENODEV);
	assert_int_equal(fixture_submit(f, NULL), -ENODEV);
	fixture_config(&c);
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, NULL), -ENODEV);
}

static void test_poll_fd(void **state)
{
	struct fixture *f = *state;
	struct pollfd pfd;
	hvcal_packet_t p;

	pfd.fd = hvcal_get_fd(f->s);
	pfd.events = POLLIN;
	assert_true(pfd.fd >= 0);
	assert_int_equal(hvcal_get_fd(f->s), pfd.fd);
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_int_equal(fixture_submit(f, NULL), 0);
	fake_complete(&f->k, 0, 0, 1);
	assert_int_equal(poll(&pfd, 1, 1000), 1);
	/* somebody else reads the device: the session's own event counts */
	assert_int_equal(hvcal_context_pump(f->ctx), 0);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 0), 0);
	hvcal_release_packet(&p);
	assert_int_equal(poll(&pfd, 1, 0), 0);
}

struct getter {
	hvcal_session_t *s;
	int ret;
	uint64_t size;
};

static void *get_thread(void *arg)
{
	struct getter *g = arg;
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	g->ret = hvcal_get_bitstream(g->s, &p, 10000);
	g->size = p.size;
	hvcal_release_packet(&p);
	return NULL;
}

/* Two threads, two sessions, one device: whoever reads, each gets its own. */
static void test_dispatch(void **state)
{
	struct fixture *f = *state;
	struct getter a = { .s = f->s }, b = { 0 };
	struct hvcal_event e = { .type = HVCAL_EVENT_JOB };
	hvcal_buffer_t *buf;
	hvcal_config_t c;
	pthread_t ta, tb;

	fixture_config(&c);
	assert_int_equal(hvcal_create_session(f->ctx, &c, &b.s, NULL), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(hvcal_pool_acquire(f->pool, &buf), 0);
		f->k.njobs = 0;
		assert_int_equal(hvcal_submit_frame(a.s, buf, NULL), 0);
		assert_int_equal(hvcal_submit_frame(b.s, buf, NULL), 0);
		hvcal_buffer_release(&buf);
		assert_int_equal(pthread_create(&ta, NULL, get_thread, &a), 0);
		assert_int_equal(pthread_create(&tb, NULL, get_thread, &b), 0);
		pthread_mutex_lock(&f->k.lock);
		e.session = 2;
		e.user_data = f->k.jobs[1].user_data;
		e.bytes = 22;
		fake_event(&f->k, &e);
		e.session = 1;
		e.user_data = f->k.jobs[0].user_data;
		e.bytes = 11;
		fake_event(&f->k, &e);
		pthread_mutex_unlock(&f->k.lock);
		pthread_join(ta, NULL);
		pthread_join(tb, NULL);
		assert_int_equal(a.ret, 0);
		assert_int_equal(b.ret, 0);
		assert_int_equal(a.size, 11);
		assert_int_equal(b.size, 22);
	}
	hvcal_destroy_session(&b.s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_notices),
		T(test_flood),
		T(test_record_sizes),
		cmocka_unit_test(test_longer_records),
		cmocka_unit_test(test_broken_records),
		T(test_device_gone),
		T(test_poll_fd),
		T(test_dispatch),
	};

	return cmocka_run_group_tests_name("libhvcal kernel events", tests, NULL, NULL);
}
