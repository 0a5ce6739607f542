// SPDX-License-Identifier: MIT
/* The kernel back end against a kernel that does what the test wants: sessions, frames. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "kernel_fixture.h"

static void test_open_errors(void **state)
{
	static const struct { int kernel, ours; const char *says; } cases[] = {
		{ -ENOENT, -ENOENT, "modprobe hvcal" },
		{ -ENXIO, -ENOENT, "no module is behind it" },
		{ -EACCES, -EACCES, "no permission" },
		{ -EPERM, -EACCES, "no permission" },
		{ -EMFILE, -EMFILE, "cannot be opened" },
	};
	struct fake_kernel k;
	hvcal_init_params_t p;
	hvcal_context_t *ctx = NULL;
	char reason[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_kernel_init(&k);
		k.open_error = cases[i].kernel;
		hvcal_init_params_default(&p, sizeof(p));
		p.backend = HVCAL_BACKEND_KERNEL;
		p.reason = reason;
		p.reason_len = sizeof(reason);
		assert_int_equal(hvcal_context_create(&ctx, &p, &k.sys, NULL), cases[i].ours);
		assert_null(ctx);
		assert_non_null(strstr(reason, cases[i].says));
		fake_kernel_finish(&k);
	}
	fake_kernel_init(&k);
	k.caps.abi_major = 9;
	assert_int_equal(hvcal_context_create(&ctx, &p, &k.sys, NULL), -EPROTO);
	assert_non_null(strstr(reason, "ABI 9"));
	fake_kernel_finish(&k);
}

static void test_admission_refused(void **state)
{
	struct fixture *f = *state;
	hvcal_session_t *s = NULL;
	hvcal_admission_t a;
	hvcal_config_t c;

	fixture_config(&c);
	c.sched = HVCAL_SCHED_REALTIME;
	hvcal_admission_default(&a, sizeof(a));
	f->k.fail[HVCAL_NR_SESSION_CREATE] = -ENOSPC;
	f->k.refused = HVCAL_RESOURCE_ENGINE_TIME;
	f->k.fit_period_ns = 40000000;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, &a), -ENOSPC);
	assert_null(s);
	assert_int_equal(a.limit, HVCAL_LIMIT_ENGINE_TIME);
	assert_int_equal(a.fit_period_ns, 40000000);
	assert_non_null(strstr(a.reason, "25.00 frames per second would fit"));

	f->k.fail[HVCAL_NR_SESSION_CREATE] = -ENOTCONN;
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, &a), -ENOTCONN);
	assert_non_null(strstr(a.reason, "no engine can encode H264 128x64"));
	assert_int_equal(a.fit_period_ns, 0);
	f->k.fail[HVCAL_NR_SESSION_CREATE] = -EUSERS;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, NULL), -EUSERS);

	f->k.fail[HVCAL_NR_SESSION_CREATE] = 0;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, &a), 0);
	assert_int_equal(a.engine, 7);
	assert_int_equal(a.share_ppm, 250000);
	assert_int_equal(f->k.create.res.period_ns, 20000000);
	assert_int_equal(f->k.create.res.sched_class, HVCAL_CLASS_REALTIME);
	assert_int_equal(f->k.config.bitrate, 1000000);
	hvcal_destroy_session(&s);
}

static void test_engine_refuses_and_silence(void **state)
{
	struct fixture *f = *state;
	struct hvcal_event opened = { .type = HVCAL_EVENT_OPENED, .status = -EINVAL };
	hvcal_session_t *s = NULL;
	hvcal_admission_t a;
	hvcal_config_t c;
	unsigned int before = f->k.calls[HVCAL_NR_SESSION_DESTROY];

	fixture_config(&c);
	c.open_timeout_ms = 20;
	hvcal_admission_default(&a, sizeof(a));
	f->k.manual_open = true;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, &a), -ETIMEDOUT);
	assert_non_null(strstr(a.reason, "20 ms"));
	opened.session = f->k.last_session + 1;
	fake_event(&f->k, &opened);
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, &a), -EINVAL);
	assert_non_null(strstr(a.reason, "engine refuses"));
	assert_null(s);
	assert_int_equal(f->k.calls[HVCAL_NR_SESSION_DESTROY], before + 2);
}

static void test_packet(void **state)
{
	struct fixture *f = *state;
	const uint8_t t35[] = { 0xb5, 0, 0x3c };
	hvcal_t35_t msg = { t35, sizeof(t35) };
	struct hvcal_frame_meta head;
	hvcal_frame_t frame;
	hvcal_packet_t p;
	hvcal_stats_t st;
	unsigned int syncs;

	hvcal_frame_default(&frame, sizeof(frame));
	frame.flags = HVCAL_SUBMIT_QP | HVCAL_SUBMIT_KEY;
	frame.qp_q8 = 30 * 256;
	frame.pts = 77;
	frame.user_data = 0x1234567890;
	frame.t35 = &msg;
	frame.t35_count = 1;
	assert_int_equal(fixture_submit(f, &frame), 0);
	assert_int_equal(f->k.params[0].flags, HVCAL_FRAME_FORCE_KEY | HVCAL_FRAME_QP);
	assert_int_equal(f->k.params[0].qp_q8, 30 * 256);
	assert_int_equal(f->k.jobs[0].meta.len, sizeof(head) + 8);
	memcpy(&head, f->k.meta[0], sizeof(head));
	assert_int_equal(head.type, HVCAL_META_T35);
	assert_int_equal(head.len, 3);
	assert_memory_equal(f->k.meta[0] + sizeof(head), t35, 3);
	assert_int_equal(fixture_in_use(f), 1); /* the session's reference */

	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 0), -EAGAIN);
	syncs = f->k.syncs;
	fake_complete(&f->k, 0, 0, 100);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_PACKET);
	assert_int_equal(fixture_in_use(f), 0);
	assert_int_equal(p.size, 100);
	assert_non_null(p.data);
	assert_int_equal(p.pts, 77);
	assert_int_equal(p.dts, 76);
	assert_int_equal(p.user_data, 0x1234567890);
	assert_int_equal(p.qp_q8, 26 * 256);
	assert_int_equal(p.copied_bytes, 5);
	assert_int_equal(p.job, 1000);
	assert_true(p.fd >= 0);
	assert_int_equal(f->k.syncs, syncs + 1);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 0), -EBUSY);
	hvcal_release_packet(&p);
	assert_int_equal(f->k.syncs, syncs + 2);
	assert_null(p.handle);
	hvcal_stats_default(&st, sizeof(st));
	assert_int_equal(hvcal_get_stats(f->s, &st), 0);
	assert_int_equal(st.done, 42);
	assert_int_equal(st.copied_bytes, 0);
	assert_int_equal(st.engine_copied_bytes, 5);
}

/* A packet outlives its session, its context and everything else. */
static void test_packet_outlives(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(fixture_submit(f, NULL), 0);
	fake_complete(&f->k, 0, 0, 10);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), 0);
	hvcal_destroy_session(&f->s);
	hvcal_pool_destroy(&f->pool);
	hvcal_shutdown(&f->ctx);
	memset((void *)(uintptr_t)p.data, 1, p.size);
	hvcal_release_packet(&p);
	assert_int_equal(f->k.live_buffers, 0);
}

/* Frames of which those with KEY are asked for; the GOP brings others. */
static void submit_gop(struct fixture *f, unsigned int frames, unsigned int asked)
{
	hvcal_frame_t frame;
	unsigned int i;

	for (i = 0; i < frames; i++) {
		hvcal_frame_default(&frame, sizeof(frame));
		if (i == asked)
			frame.flags = HVCAL_SUBMIT_KEY;
		assert_int_equal(fixture_submit(f, &frame), 0);
	}
}

/* A module that can move sessions is told of key frames, an older one is not. */
static void test_key_frames_are_told(void **state)
{
	static const bool key[] = { false, true, false, false, true, false, false, true };
	struct fixture *f = *state;
	hvcal_config_t c;
	unsigned int i;

	submit_gop(f, 2, 1);
	assert_int_equal(f->k.jobs[1].flags, 0);
	f->k.njobs = 0;
	f->k.caps.features = HVCAL_FEATURE_REBALANCE;
	hvcal_destroy_session(&f->s);
	hvcal_pool_destroy(&f->pool);
	hvcal_shutdown(&f->ctx);
	assert_int_equal(fake_kernel_context(&f->k, &f->ctx), 0);
	fixture_pool(f);
	fixture_config(&c);
	c.gop_size = 3;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &f->s, NULL), 0);
	submit_gop(f, 8, 1);
	for (i = 0; i < 8; i++)
		assert_int_equal(f->k.jobs[i].flags, key[i] ? HVCAL_JOB_KEY : 0);
	assert_int_equal(f->k.params[1].flags & HVCAL_FRAME_FORCE_KEY, HVCAL_FRAME_FORCE_KEY);
	assert_int_equal(f->k.params[4].flags & HVCAL_FRAME_FORCE_KEY, 0);
}

static void test_queue_full(void **state)
{
	struct fixture *f = *state;
	hvcal_packet_t p;
	unsigned int i;

	for (i = 0; i < 8; i++) /* balanced: half of 16 */
		assert_int_equal(fixture_submit(f, NULL), 0);
	assert_int_equal(fixture_submit(f, NULL), -EAGAIN);
	assert_int_equal(hvcal_set_throughput_mode(f->s, HVCAL_THROUGHPUT_LATENCY), 0);
	assert_int_equal(fixture_submit(f, NULL), -EAGAIN);
	hvcal_packet_default(&p, sizeof(p));
	for (i = 0; i < 7; i++) {
		fake_complete(&f->k, i, 0, 1);
		assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), 0);
		assert_int_equal(p.pts, i);
		hvcal_release_packet(&p);
	}
	assert_int_equal(fixture_submit(f, NULL), 0);
	assert_int_equal(fixture_submit(f, NULL), -EAGAIN);
}

/* The mode of a real-time session decides what is reserved. */
static void test_throughput_reserves(void **state)
{
	struct fixture *f = *state;
	hvcal_session_t *s;
	hvcal_config_t c;

	/* best effort has reserved nothing */
	assert_int_equal(hvcal_set_throughput_mode(f->s, HVCAL_THROUGHPUT_BATCH), 0);
	assert_int_equal(f->k.calls[HVCAL_NR_SESSION_RECONFIGURE], 0);

	fixture_config(&c);
	c.sched = HVCAL_SCHED_REALTIME;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, NULL), 0);
	assert_int_equal(hvcal_set_throughput_mode(s, HVCAL_THROUGHPUT_BALANCED), 0);
	assert_int_equal(f->k.calls[HVCAL_NR_SESSION_RECONFIGURE], 0);
	assert_int_equal(hvcal_set_throughput_mode(s, HVCAL_THROUGHPUT_LATENCY), 0);
	assert_int_equal(f->k.reconfigure.flags, HVCAL_RECONFIGURE_RESERVATION);
	assert_int_equal(f->k.reconfigure.config.ptr, 0);
	assert_int_equal(f->k.reconfigure.res.sched_class, HVCAL_CLASS_REALTIME);
	assert_int_equal(f->k.reconfigure.res.period_ns, 20000000 - 20000000 / 9);
	assert_int_equal(f->k.reconfigure.res.deadline_ns, 20000000);
	/* what is refused does not come in force, nor does it with other changes */
	f->k.fail[HVCAL_NR_SESSION_RECONFIGURE] = -ENOSPC;
	assert_int_equal(hvcal_set_throughput_mode(s, HVCAL_THROUGHPUT_BALANCED), -ENOSPC);
	f->k.fail[HVCAL_NR_SESSION_RECONFIGURE] = 0;
	assert_int_equal(hvcal_set_bitrate(s, 2000000), 0);
	assert_int_equal(f->k.reconfigure.flags, 0);
	assert_int_equal(f->k.reconfigure.res.period_ns, 20000000 - 20000000 / 9);
	assert_int_equal(hvcal_set_throughput_mode(s, HVCAL_THROUGHPUT_BATCH), 0);
	assert_int_equal(f->k.reconfigure.res.sched_class, HVCAL_CLASS_BEST_EFFORT);
	assert_int_equal(hvcal_set_throughput_mode(s, HVCAL_THROUGHPUT_BALANCED), 0);
	assert_int_equal(f->k.reconfigure.res.sched_class, HVCAL_CLASS_REALTIME);
	assert_int_equal(f->k.reconfigure.res.period_ns, 20000000);
	hvcal_destroy_session(&s);
}

static void test_submit_errors(void **state)
{
	static const struct { int kernel, ours; } cases[] = {
		{ -EAGAIN, -EAGAIN }, { -EBUSY, -EBUSY }, { -ENOTCONN, -ENODEV },
		{ -ENODEV, -ENODEV }, { -EXDEV, -EXDEV }, { -ENOMEM, -ENOMEM },
	};
	struct fixture *f = *state;
	hvcal_frame_t frame;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f->k.fail[HVCAL_NR_JOB_SUBMIT] = cases[i].kernel;
		assert_int_equal(fixture_submit(f, NULL), cases[i].ours);
		assert_int_equal(fixture_in_use(f), 0);
	}
	f->k.fail[HVCAL_NR_JOB_SUBMIT] = 0;
	hvcal_frame_default(&frame, sizeof(frame));
	/* every slot is still there */
	for (i = 0; i < 8; i++)
		assert_int_equal(fixture_submit(f, NULL), 0);
	frame.flags = 1U << 31;
	assert_int_equal(fixture_submit(f, &frame), -EINVAL);
	frame.flags = HVCAL_SUBMIT_IN_FENCE;
	assert_int_equal(fixture_submit(f, &frame), -EBADF);
}

static void test_import_fails(void **state)
{
	struct fixture *f = *state;

	f->k.fail[HVCAL_NR_BUFFER_IMPORT] = -EXDEV;
	assert_int_equal(fixture_submit(f, NULL), -EXDEV);
	assert_int_equal(fixture_in_use(f), 0);
	f->k.fail[HVCAL_NR_BUFFER_IMPORT] = 0;
	assert_int_equal(fixture_submit(f, NULL), 0);
}

static void test_batch(void **state)
{
	struct fixture *f = *state;
	const hvcal_buffer_t *list[12];
	hvcal_buffer_t *b[12];
	hvcal_packet_t p;
	hvcal_stats_t st;
	uint32_t taken, i;

	for (i = 0; i < 12; i++) {
		assert_int_equal(hvcal_pool_acquire(f->pool, &b[i]), 0);
		list[i] = b[i];
	}
	/* 8 fit in balanced mode, in one call */
	assert_int_equal(hvcal_submit_frames(f->s, list, NULL, 0, 12, &taken), -EAGAIN);
	assert_int_equal(taken, 8);
	assert_int_equal(f->k.calls[HVCAL_NR_JOB_SUBMIT], 1);
	assert_int_equal(f->k.njobs, 8);
	/* the kernel takes one at a time: the rest is handed over again */
	assert_int_equal(hvcal_set_throughput_mode(f->s, HVCAL_THROUGHPUT_BATCH), 0);
	f->k.take = 1;
	assert_int_equal(hvcal_submit_frames(f->s, list + 8, NULL, 0, 4, &taken), 0);
	assert_int_equal(f->k.njobs, 12);
	assert_int_equal(f->k.calls[HVCAL_NR_JOB_SUBMIT], 5);
	/* gathered frames that the kernel refuses later end as failed ones */
	assert_int_equal(hvcal_submit_frame(f->s, list[0], NULL), 0);
	assert_int_equal(f->k.njobs, 12);
	f->k.fail[HVCAL_NR_JOB_SUBMIT] = -ENODEV;
	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_FRAME_FAILED);
	assert_int_equal(p.status, -ENODEV);
	assert_int_equal(p.pts, 12);
	hvcal_stats_default(&st, sizeof(st));
	assert_int_equal(hvcal_get_stats(f->s, &st), 0);
	assert_int_equal(st.submit_calls, 6);
	for (i = 0; i < 12; i++)
		hvcal_buffer_release(&b[i]);
}

static void test_failed_frames(void **state)
{
	struct fixture *f = *state;
	uint32_t first_target, again;
	hvcal_packet_t p;

	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(fixture_submit(f, NULL), 0);
	first_target = f->k.jobs[0].target;
	fake_complete(&f->k, 0, -EIO, 0);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.notice, HVCAL_NOTICE_FRAME_FAILED);
	assert_int_equal(p.status, -EIO);
	assert_null(p.data);
	assert_int_equal(fixture_submit(f, NULL), 0);
	again = f->k.jobs[1].target;
	assert_int_equal(again, first_target);
	/* after a timeout the engine may still write: other memory, for good */
	fake_complete(&f->k, 1, -ETIMEDOUT, 0);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -ETIMEDOUT);
	for (unsigned int i = 2; i < 10; i++) {
		assert_int_equal(fixture_submit(f, NULL), 0);
		assert_int_not_equal(f->k.jobs[i].target, first_target);
	}
	/* more bytes than there is room */
	fake_complete(&f->k, 2, 0, 1ULL << 40);
	assert_int_equal(hvcal_get_bitstream(f->s, &p, 1000), HVCAL_GOT_NOTICE);
	assert_int_equal(p.status, -EPROTO);
}

static void test_reconfigure(void **state)
{
	struct fixture *f = *state;
	struct hvcal_event e = { .session = f->k.last_session,
				 .type = HVCAL_EVENT_RECONFIGURED };
	hvcal_config_t c, now;
	hvcal_admission_t a;
	hvcal_packet_t p;
	int i;

	assert_int_equal(hvcal_set_bitrate(f->s, 3000000), 0);
	assert_int_equal(f->k.config.bitrate, 3000000);
	hvcal_config_default(&now, sizeof(now));
	assert_int_equal(hvcal_get_config(f->s, &now), 0);
	assert_int_equal(now.bitrate, 3000000);
	c = now;
	c.width = 64;
	hvcal_admission_default(&a, sizeof(a));
	assert_int_equal(hvcal_reconfigure(f->s, &c, &a), -EINVAL);
	assert_non_null(strstr(a.reason, "open a new session"));
	c = now;
	c.fps = 100;
	c.period_ns = 0;
	f->k.fail[HVCAL_NR_SESSION_RECONFIGURE] = -ENOSPC;
	assert_int_equal(hvcal_reconfigure(f->s, &c, &a), -ENOSPC);
	assert_int_equal(hvcal_get_config(f->s, &now), 0);
	assert_int_equal(now.fps, 50); /* the old one stays */
	f->k.fail[HVCAL_NR_SESSION_RECONFIGURE] = 0;
	assert_int_equal(hvcal_reconfigure(f->s, &c, &a), 0);
	hvcal_packet_default(&p, sizeof(p));
	for (i = 0; i < 2; i++) {
		fake_event(&f->k, &e);
		assert_int_equal(hvcal_get_bitstream(f->s, &p, 100), HVCAL_GOT_NOTICE);
		assert_int_equal(p.notice, HVCAL_NOTICE_RECONFIGURED);
	}
	for (i = 0; i < 8; i++)
		assert_int_equal(hvcal_set_bitrate(f->s, 1000 + i), 0);
	assert_int_equal(hvcal_set_bitrate(f->s, 5), -EAGAIN); /* read your notices */
}

static void test_features(void **state)
{
	struct fixture *f = *state;
	hvcal_frame_t frame;

	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_HDR10_PLUS, 1), 0);
	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_ROI, 1), -EOPNOTSUPP);
	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_LOSSLESS, 1), -EOPNOTSUPP);
	assert_int_equal(hvcal_enable_feature(f->s, 99, 1), -EINVAL);
	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_INTRA_REFRESH, 1), 0);
	assert_int_equal(f->k.config.flags, HVCAL_CONFIG_INTRA_REFRESH);
	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_LAYERS, 1), -EOPNOTSUPP);
	hvcal_frame_default(&frame, sizeof(frame));
	frame.width = 64;
	frame.height = 32;
	assert_int_equal(fixture_submit(f, &frame), -EOPNOTSUPP);
	hvcal_frame_default(&frame, sizeof(frame));
	frame.flags = HVCAL_SUBMIT_QP;
	frame.qp_q8 = 256;
	assert_int_equal(hvcal_enable_feature(f->s, HVCAL_FEATURE_FRAME_QP, 0), 0);
	assert_int_equal(fixture_submit(f, &frame), 0);
	assert_int_equal(f->k.params[0].flags, 0);
	assert_int_equal(hvcal_request_key_frame(f->s), 0);
	assert_int_equal(fixture_submit(f, NULL), 0);
	assert_int_equal(f->k.params[1].flags, HVCAL_FRAME_FORCE_KEY);
	assert_int_equal(fixture_submit(f, NULL), 0);
	assert_int_equal(f->k.params[2].flags, 0);
}

static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	hvcal_session_t *s = NULL;
	hvcal_config_t c;

	fixture_config(&c);
	f->k.no_memory = true;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, NULL), -ENOMEM);
	f->k.no_udmabuf = true;
	assert_int_equal(hvcal_create_session(f->ctx, &c, &s, NULL), -EOPNOTSUPP);
	assert_null(s);
}

static void test_lists(void **state)
{
	struct fixture *f = *state;
	hvcal_engine_info_t e[2];
	hvcal_device_info_t d[2];
	hvcal_engine_cap_t cap;
	uint32_t n = 0;

	assert_int_equal(hvcal_enumerate_engines(f->ctx, NULL, 0, &n), 0);
	assert_int_equal(n, 1);
	n = 2;
	assert_int_equal(hvcal_enumerate_engines(f->ctx, e, sizeof(e[0]), &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(e[0].name, "fake");
	n = 1;
	assert_int_equal(hvcal_enumerate_engine_caps(f->ctx, 7, &cap, sizeof(cap), &n), 0);
	assert_int_equal(cap.codec, HVCAL_CODEC_H264);
	n = 2;
	assert_int_equal(hvcal_enumerate_devices(f->ctx, d, sizeof(d[0]), &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(d[0].slot, "cpu");
	assert_int_equal(d[0].engines, 1);
	f->k.fail[HVCAL_NR_GPU_LIST] = -EOPNOTSUPP;
	assert_int_equal(hvcal_enumerate_devices(f->ctx, d, sizeof(d[0]), &n), 0);
	f->k.fail[HVCAL_NR_ENGINE_LIST] = -EFAULT;
	assert_int_equal(hvcal_enumerate_devices(f->ctx, d, sizeof(d[0]), &n), -EFAULT);
	assert_int_equal(hvcal_enumerate_engines(f->ctx, e, sizeof(e[0]), &n), -EFAULT);
	assert_int_equal(hvcal_enumerate_engines(f->ctx, e, 1, &n), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_errors),
		T(test_admission_refused),
		T(test_engine_refuses_and_silence),
		T(test_packet),
		T(test_packet_outlives),
		T(test_key_frames_are_told),
		T(test_queue_full),
		T(test_throughput_reserves),
		T(test_submit_errors),
		T(test_import_fails),
		T(test_batch),
		T(test_failed_frames),
		T(test_reconfigure),
		T(test_features),
		T(test_no_memory),
		T(test_lists),
	};

	return cmocka_run_group_tests_name("libhvcal kernel back end", tests, NULL, NULL);
}
