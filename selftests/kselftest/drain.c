// SPDX-License-Identifier: MIT
/* Engines that are given up on purpose: HVCAL_ENGINE_UPDATE_DRAIN. */
#include <unistd.h>

#include "scene.h"

static int update(struct ks_provider *p, struct hvcal_engine_update arg)
{
	arg.engine = p->engine;
	return ks_ioctl(p->fd, HVCAL_IOC_ENGINE_UPDATE, &arg);
}

static void drain(struct ks_provider *p)
{
	CHECK_OK(update(p, (struct hvcal_engine_update){ .flags = HVCAL_ENGINE_UPDATE_DRAIN }));
}

static void expect_state(struct ks_scene *s, struct ks_provider *p, uint32_t state)
{
	struct hvcal_engine_info info;

	CHECK_OK(ks_engine_info(s->client, p->engine, &info));
	CHECK_EQ(info.state, state);
}

/* A stream that always has two frames with its engine. */
KS_TEST(busy_stream_leaves_and_loses_nothing)
{
	struct ks_provider old, next;
	struct hvcal_session_stats st;
	struct hvcal_item item[2];
	struct hvcal_event ev;
	struct ks_scene s;
	uint64_t jobs[4];

	ks_scene_open(&s, &old, "ks-dr-b1", HVCAL_LOSS_FAIL);
	for (int i = 0; i < 2; i++) {
		jobs[i] = ks_scene_submit(&s, i);
		ks_expect_item(&old, &item[i], HVCAL_ITEM_ENCODE);
	}
	ks_scene_engine(&next, "ks-dr-b2", HVCAL_ENGINE_HARDWARE);
	drain(&old);
	expect_state(&s, &old, HVCAL_ENGINE_DRAINING);
	/* what it does is done by a work queue */
	ks_sleep_ms(ks_slack_ms());
	for (int i = 0; i < 2; i++) {
		/* it could take two more; the answer below must not fetch them */
		jobs[i + 2] = ks_scene_submit(&s, i + 2);
		ks_expect_idle(&old);
		ks_expect_idle(&next);
		CHECK_OK(ks_reply(&old, item[i].id, 0, 1));
		ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, 0);
		CHECK_EQ(ev.job, jobs[i]);
	}
	ks_scene_resync(&s, &next);
	for (int i = 2; i < 4; i++)
		ks_scene_serve(&s, &next, jobs[i]);
	ks_close_reply(&old);
	ks_expect_idle(&old);
	st = ks_stats(s.client, s.session);
	CHECK_EQ(st.engine, next.engine);
	CHECK_EQ(st.migrations, 1);
	CHECK_EQ(st.done, 4);
	CHECK_EQ(st.failed, 0);
	/* and now nobody notices that it goes */
	ks_provider_close(&old);
	ks_scene_serve(&s, &next, ks_scene_submit(&s, 0));
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

KS_TEST(served_until_there_is_another_engine)
{
	struct ks_provider old, next;
	struct hvcal_session_create arg;
	struct ks_scene s;
	int client = ks_client();

	ks_scene_open(&s, &old, "ks-dr-a1", HVCAL_LOSS_FAIL);
	drain(&old);
	for (int i = 0; i < 3; i++)
		ks_scene_serve(&s, &old, ks_scene_submit(&s, 0));
	/* but nobody new comes */
	ks_create_init(&arg, 0);
	arg.codec = KS_SCENE_CODEC;
	CHECK_EQ(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg), -ENOTCONN);
	ks_scene_engine(&next, "ks-dr-a2", HVCAL_ENGINE_SOFTWARE);
	ks_scene_resync(&s, &next);
	ks_close_reply(&old);
	ks_scene_serve(&s, &next, ks_scene_submit(&s, 0));
}

KS_TEST(all_sessions_leave)
{
	struct ks_provider old, next;
	struct ks_scene s[3];

	ks_scene_open(&s[0], &old, "ks-dr-m1", HVCAL_LOSS_FAIL);
	ks_scene_create_realtime(&s[1], 100);
	ks_open_reply(&old, s[1].client);
	ks_scene_create(&s[2], HVCAL_LOSS_REISSUE);
	ks_open_reply(&old, s[2].client);
	ks_scene_engine(&next, "ks-dr-m2", HVCAL_ENGINE_HARDWARE);
	drain(&old);
	for (int i = 0; i < 3; i++) {
		struct hvcal_item item;

		ks_expect_item(&next, &item, HVCAL_ITEM_OPEN);
		CHECK_OK(ks_reply(&next, item.id, 0, 0));
		ks_close_reply(&old);
	}
	for (int i = 0; i < 3; i++) {
		struct hvcal_event ev;

		ks_expect_event(s[i].client, &ev, HVCAL_EVENT_RESYNC, 0);
		ks_scene_serve(&s[i], &next, ks_scene_submit(&s[i], 0));
	}
}

KS_TEST(dies_while_it_drains)
{
	struct ks_provider old, next;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t job;

	ks_scene_open(&s, &old, "ks-dr-d1", HVCAL_LOSS_REISSUE);
	job = ks_scene_submit(&s, 0);
	ks_expect_item(&old, &item, HVCAL_ITEM_ENCODE);
	ks_scene_engine(&next, "ks-dr-d2", HVCAL_ENGINE_HARDWARE);
	drain(&old);
	ks_provider_close(&old);
	ks_scene_resync(&s, &next);
	ks_scene_serve(&s, &next, job);
}

KS_TEST(client_goes_while_its_engine_drains)
{
	struct ks_provider old, next;
	struct hvcal_item item;
	struct ks_scene s;

	ks_scene_open(&s, &old, "ks-dr-c1", HVCAL_LOSS_REISSUE);
	ks_scene_submit(&s, 0);
	ks_scene_submit(&s, 1);
	ks_expect_item(&old, &item, HVCAL_ITEM_ENCODE);
	ks_scene_engine(&next, "ks-dr-c2", HVCAL_ENGINE_HARDWARE);
	drain(&old);
	close(s.client);
	ks_expect_idle(&next);
}

KS_TEST(told_twice_and_wrongly)
{
	struct hvcal_engine_update full = { .flags = HVCAL_ENGINE_UPDATE_DRAIN,
					    .max_sessions = 1 };
	struct hvcal_engine_update busy = { .flags = HVCAL_ENGINE_UPDATE_DRAIN,
					    .external_ppm = 1 };
	struct ks_provider old;
	struct ks_scene s;

	ks_scene_open(&s, &old, "ks-dr-t1", HVCAL_LOSS_FAIL);
	CHECK_EQ(update(&old, full), -EINVAL);
	CHECK_EQ(update(&old, busy), -EINVAL);
	expect_state(&s, &old, HVCAL_ENGINE_READY);
	drain(&old);
	drain(&old);
	/* what it takes for others is still told */
	CHECK_OK(update(&old, (struct hvcal_engine_update){ .external_ppm = 1 }));
	expect_state(&s, &old, HVCAL_ENGINE_DRAINING);
	ks_scene_serve(&s, &old, ks_scene_submit(&s, 0));
}
