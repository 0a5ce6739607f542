// SPDX-License-Identifier: MIT
/* Sessions that move to a better engine at a key frame. */
#include <unistd.h>

#include "scene.h"

/* Software, with the session; then hardware comes, which is better. */
static void two_kinds(struct ks_scene *s, struct ks_provider *soft, struct ks_provider *hard,
		      const char *soft_name, const char *hard_name)
{
	ks_scene_engine(soft, soft_name, HVCAL_ENGINE_SOFTWARE);
	ks_scene_create(s, HVCAL_LOSS_REISSUE);
	ks_open_reply(soft, s->client);
	ks_scene_engine(hard, hard_name, HVCAL_ENGINE_HARDWARE);
}

static void answer(struct ks_scene *s, struct ks_provider *p, struct hvcal_item *item, uint64_t job)
{
	struct hvcal_event ev;

	CHECK_OK(ks_reply(p, item->id, 0, 1));
	ks_expect_event(s->client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
}

KS_TEST(moves_at_a_key_frame)
{
	struct ks_provider soft, hard;
	struct hvcal_session_stats st;
	struct ks_scene s;
	uint64_t job;

	two_kinds(&s, &soft, &hard, "ks-rb-k1", "ks-rb-k2");
	ks_scene_serve(&s, &soft, ks_scene_submit(&s, 0));
	job = ks_scene_submit_key(&s, 0);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, job);
	ks_close_reply(&soft);
	ks_scene_serve(&s, &hard, ks_scene_submit(&s, 0));
	st = ks_stats(s.client, s.session);
	CHECK_EQ(st.engine, hard.engine);
	CHECK_EQ(st.migrations, 1);
	CHECK_EQ(st.done, 3);
}

KS_TEST(stays_where_it_is_best)
{
	struct ks_provider soft, hard;
	struct ks_scene s;

	ks_scene_open(&s, &hard, "ks-rb-b1", HVCAL_LOSS_REISSUE);
	ks_scene_engine(&soft, "ks-rb-b2", HVCAL_ENGINE_SOFTWARE);
	ks_scene_serve(&s, &hard, ks_scene_submit_key(&s, 0));
	ks_expect_idle(&soft);
}

/* What came before the key frame ends where it is, what comes after follows. */
KS_TEST(frames_before_and_after)
{
	struct ks_provider soft, hard;
	struct hvcal_item item[2];
	struct ks_scene s;
	uint64_t jobs[4];

	two_kinds(&s, &soft, &hard, "ks-rb-f1", "ks-rb-f2");
	jobs[0] = ks_scene_submit(&s, 0);
	jobs[1] = ks_scene_submit(&s, 1);
	jobs[2] = ks_scene_submit_key(&s, 2);
	jobs[3] = ks_scene_submit(&s, 3);
	for (int i = 0; i < 2; i++)
		ks_expect_item(&soft, &item[i], HVCAL_ITEM_ENCODE);
	ks_expect_idle(&soft);
	ks_expect_idle(&hard);
	answer(&s, &soft, &item[0], jobs[0]);
	ks_expect_idle(&hard);
	answer(&s, &soft, &item[1], jobs[1]);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, jobs[2]);
	ks_scene_serve(&s, &hard, jobs[3]);
}

KS_TEST(named_engine_is_kept)
{
	struct ks_provider soft, hard;
	struct hvcal_session_create arg;
	struct hvcal_job_desc job;
	struct hvcal_item item;
	struct hvcal_event ev;
	int client = ks_client();
	uint32_t session;

	ks_scene_engine(&soft, "ks-rb-n1", HVCAL_ENGINE_SOFTWARE);
	ks_create_init(&arg, soft.engine);
	arg.codec = KS_SCENE_CODEC;
	session = ks_session(&soft, client, &arg);
	ks_scene_engine(&hard, "ks-rb-n2", HVCAL_ENGINE_HARDWARE);
	ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
		    ks_import_new(client, HVCAL_BUFFER_TARGET));
	job.flags = HVCAL_JOB_KEY;
	CHECK_EQ(ks_submit(client, session, &job, 1), 1);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&soft, item.id, 0, 1));
	ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
}

KS_TEST(not_too_often)
{
	struct ks_provider soft, hard;
	struct ks_scene s;
	uint64_t job;

	/* a parameter that the first move need not wait for */
	ks_param("rebalance_ms", 60000);
	two_kinds(&s, &soft, &hard, "ks-rb-o1", "ks-rb-o2");
	job = ks_scene_submit_key(&s, 0);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, job);
	/* the session fails over to software, and hardware comes back at once */
	ks_provider_close(&hard);
	ks_close_reply(&soft);
	ks_scene_resync(&s, &soft);
	ks_scene_engine(&hard, "ks-rb-o3", HVCAL_ENGINE_HARDWARE);
	ks_scene_serve(&s, &soft, ks_scene_submit_key(&s, 0));
	ks_param("rebalance_ms", 1);
	ks_sleep_ms(10);
	job = ks_scene_submit_key(&s, 0);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, job);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 3);
}

KS_TEST(turned_off)
{
	struct ks_provider soft, hard;
	struct ks_scene s;

	ks_param("rebalance_ms", 0);
	two_kinds(&s, &soft, &hard, "ks-rb-t1", "ks-rb-t2");
	ks_scene_serve(&s, &soft, ks_scene_submit_key(&s, 0));
	ks_expect_idle(&hard);
}

/* An encoder that looks ahead would wait for the key frame, which waits for it. */
KS_TEST(held_frames_keep_the_session)
{
	struct hvcal_item_result res = { 0 };
	struct hvcal_complete complete = { { sizeof(res), 1, (uintptr_t)&res } };
	struct ks_provider soft, hard;
	struct hvcal_item first, second;
	struct ks_scene s;
	uint64_t jobs[4];

	two_kinds(&s, &soft, &hard, "ks-rb-h1", "ks-rb-h2");
	jobs[0] = ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &first, HVCAL_ITEM_ENCODE);
	jobs[1] = ks_scene_submit_key(&s, 1);
	ks_expect_idle(&soft);
	/* held while the key frame waits */
	res = (struct hvcal_item_result) { .id = first.id, .flags = HVCAL_RESULT_HELD };
	CHECK_OK(ks_ioctl(soft.fd, HVCAL_IOC_COMPLETE, &complete));
	ks_expect_item(&soft, &second, HVCAL_ITEM_ENCODE);
	/* held before a key frame comes */
	jobs[2] = ks_scene_submit_key(&s, 2);
	answer(&s, &soft, &first, jobs[0]);
	answer(&s, &soft, &second, jobs[1]);
	ks_scene_serve(&s, &soft, jobs[2]);
	jobs[3] = ks_scene_submit_key(&s, 3);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, jobs[3]);
}

KS_TEST(key_frame_cancelled_at_the_gate)
{
	struct ks_provider soft, hard;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[3], canceled;

	two_kinds(&s, &soft, &hard, "ks-rb-c1", "ks-rb-c2");
	jobs[0] = ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	jobs[1] = ks_scene_submit_key(&s, 1);
	CHECK_OK(ks_cancel(s.client, s.session, jobs[1], &canceled));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	answer(&s, &soft, &item, jobs[0]);
	ks_scene_serve(&s, &soft, ks_scene_submit(&s, 0));
	jobs[2] = ks_scene_submit_key(&s, 2);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, jobs[2]);
}

KS_TEST(destroyed_at_the_gate)
{
	struct ks_provider soft, hard;
	struct hvcal_item item;
	struct ks_scene s;

	two_kinds(&s, &soft, &hard, "ks-rb-d1", "ks-rb-d2");
	ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	ks_scene_submit_key(&s, 1);
	CHECK_OK(ks_destroy(s.client, s.session));
	ks_expect_quiet(s.client);
	ks_expect_idle(&hard);
}

KS_TEST(client_gone_at_the_gate)
{
	struct ks_provider soft, hard;
	struct hvcal_item item;
	struct ks_scene s;

	two_kinds(&s, &soft, &hard, "ks-rb-g1", "ks-rb-g2");
	ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	ks_scene_submit_key(&s, 1);
	CHECK_OK(close(s.client));
	ks_expect_idle(&hard);
}

/* Its engine dies: failover takes the session, and the gate lets the frame through. */
KS_TEST(engine_dies_at_the_gate)
{
	struct ks_provider soft, hard;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[2];

	two_kinds(&s, &soft, &hard, "ks-rb-e1", "ks-rb-e2");
	jobs[0] = ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	jobs[1] = ks_scene_submit_key(&s, 1);
	ks_provider_close(&soft);
	ks_scene_resync(&s, &hard);
	ks_scene_serve(&s, &hard, jobs[0]);
	ks_scene_serve(&s, &hard, jobs[1]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

KS_TEST(better_engine_dies_at_the_gate)
{
	struct ks_provider soft, hard;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[2];

	two_kinds(&s, &soft, &hard, "ks-rb-x1", "ks-rb-x2");
	jobs[0] = ks_scene_submit(&s, 0);
	ks_expect_item(&soft, &item, HVCAL_ITEM_ENCODE);
	jobs[1] = ks_scene_submit_key(&s, 1);
	ks_provider_close(&hard);
	answer(&s, &soft, &item, jobs[0]);
	ks_scene_serve(&s, &soft, jobs[1]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 0);
}

/* The session goes back to where it came from, and that one stays its own. */
KS_TEST(better_engine_cannot_open)
{
	struct ks_provider soft, hard;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t job;

	ks_param("rebalance_ms", 1);
	two_kinds(&s, &soft, &hard, "ks-rb-p1", "ks-rb-p2");
	job = ks_scene_submit_key(&s, 0);
	ks_expect_item(&hard, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&hard, item.id, -EIO, 0));
	ks_close_reply(&soft);
	ks_scene_resync(&s, &soft);
	ks_scene_serve(&s, &soft, job);
	ks_sleep_ms(10);
	ks_scene_serve(&s, &soft, ks_scene_submit_key(&s, 0));
	ks_expect_idle(&hard);
}

/* Two crowd one engine of software: when another comes, one of them moves. */
KS_TEST(load_is_shared)
{
	struct ks_provider full, empty;
	struct ks_scene a, b;
	struct hvcal_item item[2];
	uint64_t jobs[2];

	ks_scene_engine(&full, "ks-rb-l1", HVCAL_ENGINE_SOFTWARE);
	ks_scene_create(&a, HVCAL_LOSS_REISSUE);
	ks_open_reply(&full, a.client);
	ks_scene_create(&b, HVCAL_LOSS_REISSUE);
	ks_open_reply(&full, b.client);
	ks_scene_engine(&empty, "ks-rb-l2", HVCAL_ENGINE_SOFTWARE);
	/* two of four slots are busy nearly all of the time */
	for (int n = 0; n < 3; n++) {
		jobs[0] = ks_scene_submit(&a, 0);
		jobs[1] = ks_scene_submit(&b, 0);
		for (int i = 0; i < 2; i++)
			ks_expect_item(&full, &item[i], HVCAL_ITEM_ENCODE);
		ks_sleep_ms(600);
		answer(&a, &full, &item[0], jobs[0]);
		answer(&b, &full, &item[1], jobs[1]);
	}
	jobs[0] = ks_scene_submit_key(&a, 0);
	ks_scene_resync(&a, &empty);
	ks_scene_serve(&a, &empty, jobs[0]);
	ks_close_reply(&full);
	ks_scene_serve(&b, &full, ks_scene_submit_key(&b, 0));
}

/* A promise that cannot be kept here may be kept there, whatever the kind. */
KS_TEST(pressure_is_left)
{
	struct ks_provider slow, other;
	struct hvcal_session_create arg;
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;
	struct hvcal_engine_update update = { 0 };
	struct hvcal_event ev;
	struct ks_scene s;
	uint64_t job;

	ks_cap_init(&cap);
	cap.codec = KS_SCENE_CODEC;
	cap.cost_ns_per_mpix = 10 * KS_MS * 1000000 / 76800 * 2 / 5;
	ks_register_init(&reg, &cap, "ks-rb-pr1");
	reg.kind = HVCAL_ENGINE_HARDWARE;
	ks_provider_register(&slow, &reg);
	s.client = ks_client();
	ks_create_realtime(&arg, 0, 50);
	arg.codec = KS_SCENE_CODEC;
	s.session = ks_session(&slow, s.client, &arg);
	s.source = ks_import_new(s.client, HVCAL_BUFFER_SOURCE);
	s.targets[0] = ks_import_new(s.client, HVCAL_BUFFER_TARGET);
	ks_register_init(&reg, &cap, "ks-rb-pr2");
	reg.kind = HVCAL_ENGINE_SOFTWARE;
	ks_provider_register(&other, &reg);
	ks_scene_serve(&s, &slow, ks_scene_submit_key(&s, 0));
	/* others take nearly all of the engine */
	update.engine = slow.engine;
	update.external_ppm = 950000;
	CHECK_OK(ks_ioctl(slow.fd, HVCAL_IOC_ENGINE_UPDATE, &update));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_PRESSURE, 0);
	job = ks_scene_submit_key(&s, 0);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_PRESSURE, 0);
	ks_scene_resync(&s, &other);
	CHECK_EQ(ev.share_ppm, ks_stats(s.client, s.session).share_ppm);
	ks_scene_serve(&s, &other, job);
}
