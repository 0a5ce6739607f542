// SPDX-License-Identifier: MIT
/* Sessions: opening, choice of the engine, order, limits, figures. */
#include <string.h>
#include <unistd.h>

#include "ks.h"

static int ks_create(int client, struct hvcal_session_create *arg)
{
	return ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, arg);
}

/* ---- opening ---- */

KS_TEST(open_carries_configuration)
{
	uint8_t config[300];
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_provider p;
	int client = ks_client();

	for (size_t i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)(i * 7);
	ks_provider_open(&p, "ks-se-config", 1, 1);
	ks_create_init(&arg, p.engine);
	arg.config = (struct hvcal_blob) { (uintptr_t)config, sizeof(config), 0 };
	CHECK_OK(ks_create(client, &arg));
	CHECK_EQ(ks_stats(client, arg.session).state, HVCAL_SESSION_OPENING);
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_EQ(item.params_len, sizeof(config));
	CHECK(!memcmp(p.blobs + item.params_off, config, sizeof(config)));
	CHECK_NE(item.stream, 0);
	ks_expect_quiet(client);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_expect_event(client, &ev, HVCAL_EVENT_OPENED, 0);
	CHECK_EQ(ev.session, arg.session);
	CHECK_EQ(ev.engine, p.engine);
	CHECK_EQ(ks_stats(client, arg.session).state, HVCAL_SESSION_ACTIVE);
}

/* The provider says no: the client hears why, and jobs have nowhere to go. */
KS_TEST(open_refused)
{
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_provider p;
	int client = ks_client();

	ks_provider_open(&p, "ks-se-refused", 1, 1);
	ks_create_init(&arg, p.engine);
	CHECK_OK(ks_create(client, &arg));
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&p, item.id, -EIO, 0));
	ks_expect_event(client, &ev, HVCAL_EVENT_OPENED, -EIO);
	ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
		    ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_ERR(ks_submit(client, arg.session, &job, 1), -ENOTCONN);
	CHECK_OK(ks_destroy(client, arg.session));
	/* a stream that was never opened is not closed */
	ks_expect_idle(&p);
}

/* Jobs may be submitted at once; they end one way or the other. */
KS_TEST(open_refused_with_jobs)
{
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_provider p;
	int client = ks_client();
	bool opened = false, ended = false;

	ks_provider_open(&p, "ks-se-refjob", 1, 1);
	ks_create_init(&arg, p.engine);
	CHECK_OK(ks_create(client, &arg));
	ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
		    ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(client, arg.session, &job, 1), 1);
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&p, item.id, -EIO, 0));
	while (!opened || !ended) {
		CHECK_OK(ks_event(client, &ev, ks_ms(KS_WAIT_MS)));
		opened |= ev.type == HVCAL_EVENT_OPENED;
		if (ev.type == HVCAL_EVENT_JOB) {
			CHECK_EQ(ev.job, job.job);
			CHECK_LE(ev.status, -1);
			ended = true;
		}
	}
}

KS_TEST(open_with_jobs)
{
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_provider p;
	int client = ks_client();

	ks_provider_open(&p, "ks-se-openjob", 1, 1);
	ks_create_init(&arg, p.engine);
	CHECK_OK(ks_create(client, &arg));
	ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
		    ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(client, arg.session, &job, 1), 1);
	ks_open_reply(&p, client);
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&p, item.id, 0, 1));
	ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
}

/* ---- choice of the engine ---- */

/* A SOFTWARE or HARDWARE engine for a codec of this test alone. */
static void ks_real_engine(struct ks_provider *p, const char *name, uint32_t kind, uint32_t codec)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	cap.codec = codec;
	ks_register_init(&arg, &cap, name);
	arg.kind = kind;
	ks_provider_register(p, &arg);
}

#define KS_CODEC_A HVCAL_FOURCC('k', 's', 't', 'A')
#define KS_CODEC_B HVCAL_FOURCC('k', 's', 't', 'B')

KS_TEST(choice_by_capability)
{
	struct hvcal_session_create arg;
	struct ks_provider a, b;
	int client = ks_client();

	ks_real_engine(&a, "ks-se-a", HVCAL_ENGINE_SOFTWARE, KS_CODEC_A);
	ks_real_engine(&b, "ks-se-b", HVCAL_ENGINE_SOFTWARE, KS_CODEC_B);
	ks_create_init(&arg, 0);
	arg.codec = KS_CODEC_B;
	CHECK_OK(ks_create(client, &arg));
	CHECK_EQ(arg.chosen, b.engine);
	arg.codec = KS_CODEC_A;
	CHECK_OK(ks_create(client, &arg));
	CHECK_EQ(arg.chosen, a.engine);
}

KS_TEST(choice_hardware_first)
{
	struct hvcal_session_create arg;
	struct ks_provider soft, hard;
	int client = ks_client();

	ks_real_engine(&soft, "ks-se-soft", HVCAL_ENGINE_SOFTWARE, KS_CODEC_A);
	ks_real_engine(&hard, "ks-se-hard", HVCAL_ENGINE_HARDWARE, KS_CODEC_A);
	ks_create_init(&arg, 0);
	arg.codec = KS_CODEC_A;
	CHECK_OK(ks_create(client, &arg));
	CHECK_EQ(arg.chosen, hard.engine);
}

KS_TEST(choice_spreads)
{
	struct hvcal_session_create arg;
	struct ks_provider a, b;
	struct hvcal_engine_info info;
	int client = ks_client();

	ks_real_engine(&a, "ks-se-spread1", HVCAL_ENGINE_SOFTWARE, KS_CODEC_A);
	ks_real_engine(&b, "ks-se-spread2", HVCAL_ENGINE_SOFTWARE, KS_CODEC_A);
	for (int i = 0; i < 4; i++) {
		ks_create_init(&arg, 0);
		arg.codec = KS_CODEC_A;
		CHECK_OK(ks_create(client, &arg));
	}
	CHECK_OK(ks_engine_info(client, a.engine, &info));
	CHECK_EQ(info.sessions, 2);
	CHECK_OK(ks_engine_info(client, b.engine, &info));
	CHECK_EQ(info.sessions, 2);
}

KS_TEST(choice_never_test)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();

	ks_real_engine(&p, "ks-se-test", HVCAL_ENGINE_TEST, KS_CODEC_A);
	ks_create_init(&arg, 0);
	arg.codec = KS_CODEC_A;
	CHECK_ERR(ks_create(client, &arg), -ENOTCONN);
	arg.engine = p.engine;
	CHECK_OK(ks_create(client, &arg));
	CHECK_EQ(arg.chosen, p.engine);
}

KS_TEST(choice_none)
{
	struct hvcal_session_create arg;

	ks_create_init(&arg, 0);
	arg.codec = KS_CODEC_A;
	CHECK_ERR(ks_create(ks_client(), &arg), -ENOTCONN);
}

KS_TEST(choice_gone)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();

	ks_provider_open(&p, "ks-se-gone", 1, 1);
	ks_create_init(&arg, p.engine);
	ks_provider_close(&p);
	CHECK_ERR(ks_create(client, &arg), -ENODEV);
}

/* ---- limits ---- */

KS_TEST(max_sessions)
{
	struct hvcal_engine_register reg;
	struct hvcal_session_create arg;
	struct hvcal_engine_cap cap;
	struct hvcal_engine_update update = { .max_sessions = 2 };
	struct hvcal_item item;
	struct ks_provider p;
	uint32_t first;
	int client = ks_client();

	ks_cap_init(&cap);
	ks_register_init(&reg, &cap, "ks-se-max");
	reg.max_sessions = 1;
	ks_provider_register(&p, &reg);
	ks_create_init(&arg, p.engine);
	first = ks_session(&p, client, &arg);
	ks_create_init(&arg, p.engine);
	CHECK_ERR(ks_create(client, &arg), -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_SESSIONS);
	/* the vendor allows one more now */
	update.engine = p.engine;
	CHECK_OK(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UPDATE, &update));
	ks_create_init(&arg, p.engine);
	ks_session(&p, client, &arg);
	ks_create_init(&arg, p.engine);
	CHECK_ERR(ks_create(client, &arg), -ENOSPC);
	/* a session counts until the provider has closed its stream */
	CHECK_OK(ks_destroy(client, first));
	ks_expect_item(&p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_create_init(&arg, p.engine);
	CHECK_OK(ks_create(client, &arg));
}

/* More real-time work than an engine has time for is refused, and what fits is told. */
KS_TEST(admission_refuses)
{
	struct hvcal_engine_register reg;
	struct hvcal_session_create arg;
	struct hvcal_engine_cap cap;
	struct ks_provider p;
	int client = ks_client(), err = 0;

	if (!(ks_caps(client).features & HVCAL_FEATURE_RATE_ADMISSION))
		ks_skip("this module does not guarantee reservations");
	ks_cap_init(&cap);
	/* 8 ms for a frame of 0.0768 Mpix, of which 40 % is believed: 20 ms */
	cap.cost_ns_per_mpix = 104 * KS_MS;
	ks_register_init(&reg, &cap, "ks-se-admit");
	ks_provider_register(&p, &reg);
	for (int i = 0; i < 16 && !err; i++) {
		ks_create_realtime(&arg, p.engine, 33);
		err = ks_create(client, &arg);
		if (i == 0) {
			CHECK_OK(err);
			CHECK_GE(arg.share_ppm, 1);
			CHECK_LE(arg.share_ppm + arg.left_ppm, 1000000);
		}
	}
	CHECK_ERR(err, -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_ENGINE_TIME);
	/* a refusal that names a period must keep its word */
	if (arg.fit_period_ns) {
		uint64_t fit = arg.fit_period_ns;

		CHECK_GE(fit, 33 * KS_MS);
		ks_create_realtime(&arg, p.engine, 0);
		arg.res.period_ns = fit;
		CHECK_OK(ks_create(client, &arg));
	}
}

KS_TEST_LIMIT(sessions_of_a_file, 60)
{
	struct ks_provider p;
	int client = ks_client(), err = 0;
	uint32_t max = ks_caps(client).max_sessions, made = 0;

	if (max > 4096)
		ks_skip("%u sessions are too many to try", max);
	ks_provider_open(&p, "ks-se-many", 1, 1);
	for (; made <= max && !err; made++) {
		struct hvcal_session_create arg;

		ks_create_init(&arg, p.engine);
		err = ks_create(client, &arg);
	}
	CHECK(err == -EUSERS || err == -ENOSPC);
	CHECK_GE(made, 2);
}

KS_TEST(queue_full)
{
	struct hvcal_session_create arg;
	struct hvcal_job_desc jobs[3];
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-se-full", 4, 4);
	ks_create_init(&arg, rig.p.engine);
	arg.max_queued = 2;
	ks_session(&rig.p, rig.client, &arg);
	ks_job_init(&jobs[0], rig.source, rig.target);
	ks_job_init(&jobs[1], rig.source, rig.target2);
	ks_job_init(&jobs[2], rig.source, ks_import_new(rig.client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(rig.client, arg.session, jobs, 3), 2);
	CHECK_ERR(ks_submit(rig.client, arg.session, &jobs[2], 1), -EAGAIN);
	/* done is not enough, the event must have been read */
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	CHECK_ERR(ks_submit(rig.client, arg.session, &jobs[2], 1), -EAGAIN);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ks_submit(rig.client, arg.session, &jobs[2], 1), 1);
}

/* ---- order ---- */

KS_TEST(reconfigure_in_order)
{
	uint8_t config[64];
	struct ks_rig rig;
	struct hvcal_session_reconfigure reconf = { .user_data = 4711 };
	struct hvcal_session_create create;
	struct hvcal_event ev;
	struct hvcal_item item;
	uint64_t before, after;

	memset(config, 0x42, sizeof(config));
	ks_rig_open(&rig, "ks-se-reconf", 4, 4);
	ks_create_init(&create, 0);
	reconf.session = rig.session;
	reconf.res = create.res;
	reconf.config = (struct hvcal_blob) { (uintptr_t)config, sizeof(config), 0 };
	before = ks_rig_submit(&rig, rig.target, 1);
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_SESSION_RECONFIGURE, &reconf));
	after = ks_rig_submit(&rig, rig.target2, 2);

	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_EQ(item.params_len, sizeof(config));
	CHECK_EQ(rig.p.blobs[item.params_off], 0x42);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));

	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, before);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_RECONFIGURED, 0);
	CHECK_EQ(ev.user_data, 4711);
	CHECK_EQ(ev.job, 0);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, after);
}

KS_TEST(reconfigure_refused)
{
	struct ks_rig rig;
	struct hvcal_session_reconfigure reconf = { 0 };
	struct hvcal_session_create create;
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_rig_open(&rig, "ks-se-reconfno", 1, 1);
	ks_create_init(&create, 0);
	reconf.session = rig.session;
	reconf.res = create.res;
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_SESSION_RECONFIGURE, &reconf));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&rig.p, item.id, -EOPNOTSUPP, 0));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_RECONFIGURED, -EOPNOTSUPP);
	/* the session goes on as it was */
	ks_rig_run(&rig, 1);
}

/* The engine may hold frames back: their replies come out of order, before the flush's. */
KS_TEST(flush_after_jobs)
{
	struct ks_rig rig;
	struct hvcal_session_flush flush = { .user_data = 99 };
	struct hvcal_event ev;
	struct hvcal_item first, second, item;

	ks_rig_open(&rig, "ks-se-flush", 4, 4);
	ks_rig_submit(&rig, rig.target, 1);
	ks_rig_submit(&rig, rig.target2, 2);
	flush.session = rig.session;
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	ks_expect_item(&rig.p, &first, HVCAL_ITEM_ENCODE);
	ks_expect_item(&rig.p, &second, HVCAL_ITEM_ENCODE);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_FLUSH);
	CHECK_OK(ks_reply(&rig.p, second.id, 0, 1));
	CHECK_OK(ks_reply(&rig.p, first.id, 0, 1));
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.timeline, 1);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.timeline, 2);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_FLUSHED, 0);
	CHECK_EQ(ev.user_data, 99);
}

KS_TEST(flush_empty)
{
	struct ks_rig rig;
	struct hvcal_session_flush flush = { .user_data = 5 };
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_rig_open(&rig, "ks-se-flush0", 1, 1);
	flush.session = rig.session;
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_FLUSH);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_FLUSHED, 0);
}

/* session_depth 1: the next frame waits for the reply. */
KS_TEST(depth_one)
{
	struct ks_rig rig;
	struct hvcal_item item;

	ks_rig_open(&rig, "ks-se-depth1", 4, 1);
	ks_rig_submit(&rig, rig.target, 1);
	ks_rig_submit(&rig, rig.target2, 2);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	ks_expect_idle(&rig.p);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
}

KS_TEST(slots_are_a_limit)
{
	struct ks_rig rig;
	struct hvcal_item one, two;
	struct hvcal_job_desc job;
	uint32_t other;

	ks_rig_open(&rig, "ks-se-slots", 1, 4);
	other = ks_session_plain(&rig.p, rig.client);
	ks_rig_submit(&rig, rig.target, 1);
	ks_job_init(&job, rig.source, rig.target2);
	CHECK_EQ(ks_submit(rig.client, other, &job, 1), 1);
	ks_expect_item(&rig.p, &one, HVCAL_ITEM_ENCODE);
	ks_expect_idle(&rig.p);
	CHECK_OK(ks_reply(&rig.p, one.id, 0, 1));
	ks_expect_item(&rig.p, &two, HVCAL_ITEM_ENCODE);
	CHECK_NE(one.stream, two.stream);
}

/* ---- the end ---- */

KS_TEST(destroy_with_running_job)
{
	struct ks_rig rig;
	struct hvcal_item encode, item;

	ks_rig_open(&rig, "ks-se-destroy", 4, 1);
	ks_rig_submit(&rig, rig.target, 1);
	ks_rig_submit(&rig, rig.target2, 2);
	ks_expect_item(&rig.p, &encode, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_destroy(rig.client, rig.session));
	ks_expect_quiet(rig.client);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_CANCEL);
	CHECK_EQ(item.cancel_id, encode.id);
	CHECK_ERR(ks_reply(&rig.p, encode.id, 0, 5), -ECANCELED);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_CLOSE);
	CHECK_EQ(item.stream, encode.stream);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_quiet(rig.client);
}

KS_TEST(cancel_queued)
{
	struct ks_rig rig;
	struct hvcal_event ev;
	struct hvcal_item item;
	uint64_t running, queued, count;

	ks_rig_open(&rig, "ks-se-cancelq", 1, 1);
	running = ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	queued = ks_rig_submit(&rig, rig.target2, 2);
	CHECK_OK(ks_cancel(rig.client, rig.session, queued, &count));
	CHECK_EQ(count, 1);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	CHECK_EQ(ev.job, queued);
	CHECK_EQ(ev.user_data, 2);
	/* its target was never the engine's */
	ks_rig_submit(&rig, rig.target2, 3);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, running);
}

KS_TEST(cancel_running)
{
	struct ks_rig rig;
	struct hvcal_event ev;
	struct hvcal_item item, cancel;
	struct hvcal_job_desc job;
	uint64_t running, count;

	ks_rig_open(&rig, "ks-se-cancelr", 2, 2);
	running = ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_cancel(rig.client, rig.session, running, &count));
	CHECK_EQ(count, 1);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	ks_expect_item(&rig.p, &cancel, HVCAL_ITEM_CANCEL);
	CHECK_EQ(cancel.cancel_id, item.id);
	/* the engine may still write there */
	ks_job_init(&job, rig.source, rig.target);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EBUSY);
	CHECK_ERR(ks_reply(&rig.p, item.id, 0, 1), -ECANCELED);
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	CHECK_ERR(ks_cancel(rig.client, rig.session, running, NULL), -ENOENT);
}

KS_TEST(cancel_all)
{
	struct ks_rig rig;
	struct hvcal_event ev;
	uint64_t count;

	ks_rig_open(&rig, "ks-se-cancela", 1, 1);
	ks_rig_submit(&rig, rig.target, 1);
	ks_rig_submit(&rig, rig.target2, 2);
	CHECK_OK(ks_cancel(rig.client, rig.session, 0, &count));
	CHECK_EQ(count, 2);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	CHECK_OK(ks_cancel(rig.client, rig.session, 0, &count));
	CHECK_EQ(count, 0);
	CHECK_EQ(ks_stats(rig.client, rig.session).canceled, 2);
}

/* ---- figures ---- */

static uint64_t ks_sum(const __u64 *hist)
{
	uint64_t sum = 0;

	for (int i = 0; i < HVCAL_HIST_BUCKETS; i++)
		sum += hist[i];
	return sum;
}

KS_TEST(stats_add_up)
{
	struct ks_rig rig;
	struct hvcal_session_stats st;
	struct hvcal_event ev;
	struct hvcal_item item;
	enum { GOOD = 8, BAD = 3 };

	ks_rig_open(&rig, "ks-se-stats", 1, 1);
	for (int i = 0; i < GOOD + BAD; i++) {
		ks_rig_submit(&rig, rig.target, 0);
		ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
		CHECK_OK(ks_reply(&rig.p, item.id, i < GOOD ? 0 : -EIO, i < GOOD ? 100 : 0));
		ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, i < GOOD ? 0 : -EIO);
		CHECK_EQ(ev.timeline, i + 1);
	}
	ks_rig_submit(&rig, rig.target, 0);
	st = ks_stats(rig.client, rig.session);
	CHECK_EQ(st.submitted, GOOD + BAD + 1);
	CHECK_EQ(st.done, GOOD);
	CHECK_EQ(st.failed, BAD);
	CHECK_EQ(st.timed_out, 0);
	CHECK_EQ(st.canceled, 0);
	CHECK_EQ(st.timeline, GOOD + BAD);
	CHECK_EQ(st.queued, 1);
	CHECK_EQ(st.running, 0);
	CHECK_EQ(st.bytes, GOOD * 100);
	CHECK_EQ(st.migrations, 0);
	CHECK_EQ(st.engine, rig.p.engine);
	CHECK_GE(ks_sum(st.hist_wait), GOOD);
	CHECK_GE(ks_sum(st.hist_run), GOOD);
	CHECK_LE(ks_sum(st.hist_slack), GOOD);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(ks_stats(rig.client, rig.session).running, 1);
}

KS_TEST(late_is_counted)
{
	struct ks_rig rig;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;

	ks_rig_open(&rig, "ks-se-late", 1, 1);
	ks_job_init(&job, rig.source, rig.target);
	job.deadline_ns = ks_now_ns() + KS_MS;
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	ks_sleep_ms(5);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK(ev.flags & HVCAL_EVENT_LATE);
	CHECK_EQ(ev.deadline_ns, job.deadline_ns);
	CHECK_EQ(ks_stats(rig.client, rig.session).late, 1);
}

/* A burst costs job structures once; after that nothing is allocated a frame. */
KS_TEST(no_allocation_once_warm)
{
	struct ks_rig rig;
	uint64_t warm;

	ks_rig_open(&rig, "ks-se-warm", 1, 1);
	for (int i = 0; i < 4; i++)
		ks_rig_run(&rig, 0);
	warm = ks_stats(rig.client, rig.session).job_allocs;
	CHECK_GE(warm, 1);
	for (int i = 0; i < 50; i++)
		ks_rig_run(&rig, 0);
	CHECK_EQ(ks_stats(rig.client, rig.session).job_allocs, warm);
}

KS_TEST(engine_counts_jobs)
{
	struct hvcal_engine_info info;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-se-count", 1, 1);
	for (int i = 0; i < 5; i++)
		ks_rig_run(&rig, 0);
	CHECK_OK(ks_engine_info(rig.client, rig.p.engine, &info));
	CHECK_EQ(info.jobs_done, 5);
	CHECK_EQ(info.sessions, 1);
}
