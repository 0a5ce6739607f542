// SPDX-License-Identifier: MIT
/* Sessions that go on when their engine is gone. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"

KS_TEST(queued_jobs_follow)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[3];

	ks_scene_open(&s, &first, "ks-mg-q1", HVCAL_LOSS_FAIL);
	ks_scene_engine(&second, "ks-mg-q2", HVCAL_ENGINE_HARDWARE);
	jobs[0] = ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	jobs[1] = ks_scene_submit(&s, 1);
	jobs[2] = ks_scene_submit(&s, 2);
	ks_provider_close(&first);
	/* what ran is lost, as the session asked */
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	CHECK_EQ(ev.job, jobs[0]);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, jobs[1]);
	ks_scene_serve(&s, &second, jobs[2]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

KS_TEST(running_jobs_are_issued_again_in_order)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[4];

	ks_scene_open(&s, &first, "ks-mg-r1", HVCAL_LOSS_REISSUE);
	ks_scene_engine(&second, "ks-mg-r2", HVCAL_ENGINE_HARDWARE);
	for (int i = 0; i < 3; i++)
		jobs[i] = ks_scene_submit(&s, (unsigned int)i);
	for (int i = 0; i < 2; i++)
		ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	jobs[3] = ks_scene_submit(&s, 3);
	ks_provider_close(&first);
	ks_scene_resync(&s, &second);
	for (int i = 0; i < 4; i++)
		ks_scene_serve(&s, &second, jobs[i]);
}

/* Frames that an encoder looked ahead at are not lost either. */
KS_TEST(held_frames_are_issued_again)
{
	struct ks_provider first, second;
	struct hvcal_item_result res = { 0 };
	struct hvcal_complete complete = { { sizeof(res), 1, (uintptr_t)&res } };
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t jobs[2];

	ks_scene_open(&s, &first, "ks-mg-h1", HVCAL_LOSS_REISSUE);
	ks_scene_engine(&second, "ks-mg-h2", HVCAL_ENGINE_HARDWARE);
	for (int i = 0; i < 2; i++) {
		jobs[i] = ks_scene_submit(&s, (unsigned int)i);
		ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
		res = (struct hvcal_item_result) { .id = item.id, .flags = HVCAL_RESULT_HELD };
		CHECK_OK(ks_ioctl(first.fd, HVCAL_IOC_COMPLETE, &complete));
	}
	ks_provider_close(&first);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, jobs[0]);
	ks_scene_serve(&s, &second, jobs[1]);
}

KS_TEST(next_engine_may_come_later)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t a, b;

	ks_scene_open(&s, &first, "ks-mg-l1", HVCAL_LOSS_REISSUE);
	a = ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	ks_expect_quiet(s.client);
	CHECK_EQ(ks_stats(s.client, s.session).state, HVCAL_SESSION_MIGRATING);
	b = ks_scene_submit(&s, 1);
	ks_scene_engine(&second, "ks-mg-l2", HVCAL_ENGINE_HARDWARE);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, a);
	ks_scene_serve(&s, &second, b);
}

/* A provider that takes nothing is left, with what was queued: nobody had it. */
KS_TEST(away_from_who_takes_nothing)
{
	struct ks_provider first, second;
	struct ks_scene s;
	uint64_t jobs[3];

	ks_param("watchdog_attend_ms", 400);
	ks_scene_open(&s, &first, "ks-mg-a1", HVCAL_LOSS_FAIL);
	ks_scene_engine(&second, "ks-mg-a2", HVCAL_ENGINE_HARDWARE);
	for (int i = 0; i < 3; i++)
		jobs[i] = ks_scene_submit(&s, (unsigned int)i);
	/* (the first one is this very process: it does not come) */
	ks_scene_resync(&s, &second);
	CHECK_ERR(ks_acquire(&first), -ENODEV);
	for (int i = 0; i < 3; i++)
		ks_scene_serve(&s, &second, jobs[i]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

/* Answers the next item, an OPEN, with @status. */
static void open_with(struct ks_provider *p, int status)
{
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(p, item.id, status, 0));
}

#define KS_MOVE_MS 100

/* The provider that does not come keeps its engine, which takes sessions again when it comes. */
static void expect_back(struct ks_scene *s, struct ks_provider *p)
{
	struct hvcal_engine_info info;
	struct hvcal_item item;

	CHECK_OK(ks_engine_info(s->client, p->engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_SUSPECT);
	ks_expect_item(p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(p, item.id, 0, 0));
	CHECK_OK(ks_engine_info(s->client, p->engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
}

/* Real-time frames do not wait until their provider is given up: that never comes here. */
KS_TEST(realtime_away_from_who_does_not_come)
{
	struct ks_provider first, second;
	struct ks_scene s;
	uint64_t jobs[3], start;

	ks_param("watchdog_attend_ms", 0);
	ks_param("watchdog_move_ms", KS_MOVE_MS);
	ks_scene_engine(&first, "ks-mg-p1", HVCAL_ENGINE_HARDWARE);
	ks_scene_create_realtime(&s, 20);
	ks_open_reply(&first, s.client);
	ks_scene_engine(&second, "ks-mg-p2", HVCAL_ENGINE_HARDWARE);
	start = ks_now_ns();
	for (int i = 0; i < 3; i++)
		jobs[i] = ks_scene_submit(&s, (unsigned int)i);
	ks_scene_resync(&s, &second);
	CHECK_GE((ks_now_ns() - start) / KS_MS, KS_MOVE_MS);
	for (int i = 0; i < 3; i++)
		ks_scene_serve(&s, &second, jobs[i]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
	expect_back(&s, &first);
}

/* One that is not open yet is opened elsewhere, and its client hears of nothing else. */
KS_TEST(realtime_opens_elsewhere)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct ks_scene s;

	ks_param("watchdog_attend_ms", 0);
	ks_param("watchdog_move_ms", KS_MOVE_MS);
	ks_scene_engine(&first, "ks-mg-p3", HVCAL_ENGINE_HARDWARE);
	ks_scene_create_realtime(&s, 20);
	ks_scene_engine(&second, "ks-mg-p4", HVCAL_ENGINE_HARDWARE);
	open_with(&second, 0);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, 0);
	CHECK_EQ(ev.engine, second.engine);
	ks_scene_serve(&s, &second, ks_scene_submit(&s, 0));
	ks_expect_idle(&first);
}

/* With nowhere to go they stay where they are, and nothing is lost. */
KS_TEST(realtime_stays_without_another_engine)
{
	struct hvcal_engine_info info = { 0 };
	struct ks_provider first;
	struct ks_scene s;
	uint64_t job, start;

	ks_param("watchdog_attend_ms", 0);
	ks_param("watchdog_move_ms", KS_MOVE_MS);
	ks_scene_engine(&first, "ks-mg-p5", HVCAL_ENGINE_HARDWARE);
	ks_scene_create_realtime(&s, 20);
	ks_open_reply(&first, s.client);
	job = ks_scene_submit(&s, 0);
	start = ks_now_ns();
	while (info.state != HVCAL_ENGINE_SUSPECT) {
		CHECK_OK(ks_engine_info(s.client, first.engine, &info));
		CHECK_LE((ks_now_ns() - start) / KS_MS, KS_WAIT_MS);
		ks_sleep_ms(5);
	}
	ks_scene_serve(&s, &first, job);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 0);
	CHECK_OK(ks_engine_info(s.client, first.engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
}

/* ---- engines that cannot do what is asked ---- */

/* Each is asked once; the client hears of the one that can. */
KS_TEST(refused_at_open)
{
	struct ks_provider first, second, third;
	struct hvcal_event ev;
	struct ks_scene s;
	uint64_t job;

	ks_scene_engine(&first, "ks-mg-o1", HVCAL_ENGINE_HARDWARE);
	ks_scene_engine(&second, "ks-mg-o2", HVCAL_ENGINE_HARDWARE);
	ks_scene_engine(&third, "ks-mg-o3", HVCAL_ENGINE_SOFTWARE);
	ks_scene_create(&s, HVCAL_LOSS_FAIL);
	job = ks_scene_submit(&s, 0);
	open_with(&first, -EINVAL);
	open_with(&second, -EOPNOTSUPP);
	open_with(&third, 0);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, 0);
	CHECK_EQ(ev.engine, third.engine);
	ks_scene_serve(&s, &third, job);
	ks_expect_idle(&first);
	ks_expect_idle(&second);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 2);
}

KS_TEST(refused_by_all)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct ks_scene s;

	ks_scene_engine(&first, "ks-mg-a1", HVCAL_ENGINE_HARDWARE);
	ks_scene_engine(&second, "ks-mg-a2", HVCAL_ENGINE_HARDWARE);
	ks_scene_create(&s, HVCAL_LOSS_FAIL);
	open_with(&first, -EINVAL);
	open_with(&second, -EINVAL);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, -EINVAL);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_LOST, -EINVAL);
	ks_expect_idle(&first);
}

/* The first frame goes to the next engine; from there on errors are the frames' own. */
KS_TEST(refused_at_first_frame)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t a, b;

	ks_scene_open(&s, &first, "ks-mg-f1", HVCAL_LOSS_FAIL);
	ks_scene_engine(&second, "ks-mg-f2", HVCAL_ENGINE_HARDWARE);
	a = ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&first, item.id, -EINVAL, 0));
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, a);
	b = ks_scene_submit(&s, 1);
	ks_expect_item(&second, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&second, item.id, -EINVAL, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -EINVAL);
	CHECK_EQ(ev.job, b);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

/* Both take it and fail: the client is told, nobody is asked again. */
KS_TEST(refused_without_ping_pong)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;

	ks_scene_open(&s, &first, "ks-mg-p1", HVCAL_LOSS_FAIL);
	ks_scene_engine(&second, "ks-mg-p2", HVCAL_ENGINE_HARDWARE);
	ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&first, item.id, -EINVAL, 0));
	ks_scene_resync(&s, &second);
	ks_expect_item(&first, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&first, item.id, 0, 0));
	for (unsigned int i = 1; i < 4; i++) {
		ks_expect_item(&second, &item, HVCAL_ITEM_ENCODE);
		CHECK_OK(ks_reply(&second, item.id, -EINVAL, 0));
		ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -EINVAL);
		ks_scene_submit(&s, i);
	}
	ks_expect_idle(&first);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

static void reconfigure(struct ks_scene *s)
{
	struct hvcal_session_reconfigure arg = { .session = s->session };
	struct hvcal_session_create create;

	ks_create_init(&create, 0);
	arg.res = create.res;
	CHECK_OK(ks_ioctl(s->client, HVCAL_IOC_SESSION_RECONFIGURE, &arg));
}

KS_TEST(refused_reconfiguration)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;

	ks_scene_open(&s, &first, "ks-mg-c1", HVCAL_LOSS_FAIL);
	ks_scene_engine(&second, "ks-mg-c2", HVCAL_ENGINE_HARDWARE);
	reconfigure(&s);
	ks_expect_item(&first, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&first, item.id, -EINVAL, 0));
	ks_scene_resync(&s, &second);
	ks_expect_item(&second, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_RECONFIGURED, 0);
	/* with no third one, the next error is told, and the session stays */
	reconfigure(&s);
	ks_expect_item(&second, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&second, item.id, -EINVAL, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_RECONFIGURED, -EINVAL);
	ks_scene_serve(&s, &second, ks_scene_submit(&s, 0));
}

KS_TEST(nobody_comes)
{
	struct ks_provider first;
	struct hvcal_event ev;
	struct ks_scene s;
	uint64_t job;

	ks_param("failover_grace_ms", 200);
	ks_scene_open(&s, &first, "ks-mg-n1", HVCAL_LOSS_REISSUE);
	ks_provider_close(&first);
	job = ks_scene_submit(&s, 0);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_LOST, -ENODEV);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	CHECK_EQ(ev.job, job);
	CHECK_EQ(ks_stats(s.client, s.session).state, HVCAL_SESSION_LOST);
}

KS_TEST(named_engine_has_no_other)
{
	struct ks_provider first, second;
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	int client = ks_client();

	ks_scene_engine(&first, "ks-mg-named1", HVCAL_ENGINE_HARDWARE);
	ks_scene_engine(&second, "ks-mg-named2", HVCAL_ENGINE_HARDWARE);
	ks_create_init(&arg, first.engine);
	arg.codec = KS_SCENE_CODEC;
	ks_session(&first, client, &arg);
	ks_provider_close(&first);
	ks_expect_event(client, &ev, HVCAL_EVENT_LOST, -ENODEV);
}

KS_TEST(calls_while_homeless)
{
	struct hvcal_session_reconfigure rec = { 0 };
	struct hvcal_session_flush flush = { 0 };
	struct ks_provider first, second;
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t canceled = 0, a, b;

	ks_scene_open(&s, &first, "ks-mg-c1", HVCAL_LOSS_REISSUE);
	ks_provider_close(&first);
	a = ks_scene_submit(&s, 0);
	CHECK_OK(ks_cancel(s.client, s.session, a, &canceled));
	CHECK_EQ(canceled, 1);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	ks_create_init(&arg, 0);
	rec.session = s.session;
	rec.res = arg.res;
	rec.res.width = 160;
	CHECK_OK(ks_ioctl(s.client, HVCAL_IOC_SESSION_RECONFIGURE, &rec));
	b = ks_scene_submit(&s, 1);
	flush.session = s.session;
	CHECK_OK(ks_ioctl(s.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	ks_scene_engine(&second, "ks-mg-c2", HVCAL_ENGINE_HARDWARE);
	ks_scene_resync(&s, &second);
	ks_expect_item(&second, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_RECONFIGURED, 0);
	ks_scene_serve(&s, &second, b);
	ks_expect_item(&second, &item, HVCAL_ITEM_FLUSH);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_FLUSHED, 0);
}

KS_TEST(destroyed_while_homeless)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct ks_scene s;

	ks_scene_open(&s, &first, "ks-mg-d1", HVCAL_LOSS_REISSUE);
	ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_scene_submit(&s, 1);
	ks_provider_close(&first);
	CHECK_OK(ks_destroy(s.client, s.session));
	ks_scene_engine(&second, "ks-mg-d2", HVCAL_ENGINE_HARDWARE);
	ks_expect_idle(&second);
	ks_expect_quiet(s.client);
}

KS_TEST(client_gone_while_homeless)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct ks_scene s;

	ks_scene_open(&s, &first, "ks-mg-g1", HVCAL_LOSS_REISSUE);
	ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	CHECK_OK(close(s.client));
	ks_scene_engine(&second, "ks-mg-g2", HVCAL_ENGINE_HARDWARE);
	ks_expect_idle(&second);
}

/* An engine that cannot open the stream is passed over for the next one. */
KS_TEST(next_engine_refuses)
{
	struct ks_provider first, second, third;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t job;

	ks_scene_open(&s, &first, "ks-mg-o1", HVCAL_LOSS_REISSUE);
	ks_scene_engine(&second, "ks-mg-o2", HVCAL_ENGINE_HARDWARE);
	job = ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	ks_scene_engine(&third, "ks-mg-o3", HVCAL_ENGINE_HARDWARE);
	ks_expect_item(&second, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&second, item.id, -EIO, 0));
	ks_scene_resync(&s, &third);
	ks_scene_serve(&s, &third, job);
}

KS_TEST(several_die_in_a_row)
{
	static const char *const names[] = { "ks-mg-s1", "ks-mg-s2", "ks-mg-s3", "ks-mg-s4" };
	struct ks_provider p;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t job;

	ks_scene_open(&s, &p, names[0], HVCAL_LOSS_REISSUE);
	job = ks_scene_submit(&s, 0);
	for (int i = 1; i < 4; i++) {
		ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
		ks_provider_close(&p);
		ks_scene_engine(&p, names[i], HVCAL_ENGINE_HARDWARE);
		ks_scene_resync(&s, &p);
	}
	ks_scene_serve(&s, &p, job);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 3);
}

KS_TEST(dies_before_it_has_opened)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t job;

	ks_scene_engine(&first, "ks-mg-b1", HVCAL_ENGINE_HARDWARE);
	ks_scene_engine(&second, "ks-mg-b2", HVCAL_ENGINE_HARDWARE);
	ks_scene_create(&s, HVCAL_LOSS_FAIL);
	job = ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_OPEN);
	ks_provider_close(&first);
	ks_expect_item(&second, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, 0);
	CHECK_EQ(ev.engine, second.engine);
	ks_scene_serve(&s, &second, job);
}

/* Its process lives on and may still write: the frame fails, the rest moves. */
KS_TEST(unregistered_engine)
{
	struct hvcal_engine_unregister gone = { 0 };
	struct ks_provider first, second;
	struct hvcal_job_desc again;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t next;

	ks_scene_open(&s, &first, "ks-mg-u1", HVCAL_LOSS_REISSUE);
	ks_scene_engine(&second, "ks-mg-u2", HVCAL_ENGINE_HARDWARE);
	ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	next = ks_scene_submit(&s, 1);
	gone.engine = first.engine;
	CHECK_OK(ks_ioctl(first.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, next);
	ks_job_init(&again, s.source, s.targets[0]);
	CHECK_ERR(ks_submit(s.client, s.session, &again, 1), -EBUSY);
	CHECK_ERR(ks_reply(&first, item.id, 0, 1), -ECANCELED);
	CHECK_EQ(ks_submit(s.client, s.session, &again, 1), 1);
}

/* Serves until it has a frame, says so, and hangs. */
static void killable(struct ks_peer *self, void *arg)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;
	struct hvcal_item item;
	struct ks_provider p;

	(void)arg;
	ks_cap_init(&cap);
	cap.codec = KS_SCENE_CODEC;
	ks_register_init(&reg, &cap, "ks-mg-killable");
	reg.kind = HVCAL_ENGINE_HARDWARE;
	reg.flags = HVCAL_ENGINE_KILL;
	ks_provider_register(&p, &reg);
	ks_peer_say(self, p.engine);
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	ks_peer_say(self, item.id);
	for (;;)
		pause();
}

struct killed_row {
	const char *label;
	uint32_t loss;
	bool stop;
};

static const struct killed_row killed_rows[] = {
	{ "reissue", HVCAL_LOSS_REISSUE, false },
	{ "reissue_stopped", HVCAL_LOSS_REISSUE, true },
	{ "fail", HVCAL_LOSS_FAIL, true },
};

/* One that asked for it dies of its hang: what it had is encoded by the next one. */
KS_TABLE(hung_provider_is_killed, killed_rows)
{
	const struct killed_row *r = row;
	struct ks_provider second;
	struct hvcal_event ev;
	struct ks_peer peer;
	struct ks_scene s;
	uint64_t job;
	int status;

	if (!(ks_caps(ks_client()).features & HVCAL_FEATURE_KILL))
		ks_skip("the module does not kill");
	ks_watchdog(200, 200);
	peer = ks_peer_start(killable, NULL);
	ks_peer_hear(&peer);
	ks_scene_create(&s, r->loss);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, 0);
	job = ks_scene_submit(&s, 0);
	ks_peer_hear(&peer);
	if (r->stop)
		ks_peer_kill(&peer, SIGSTOP);
	if (r->loss == HVCAL_LOSS_FAIL) {
		ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
		job = ks_scene_submit(&s, 1);
	}
	CHECK_EQ(waitpid(peer.pid, &status, 0), peer.pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ks_scene_engine(&second, "ks-mg-next", HVCAL_ENGINE_HARDWARE);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, job);
	/* nobody is left who could write there */
	job = ks_scene_submit(&s, 0);
	ks_scene_serve(&s, &second, job);
}

/* A provider that hangs gives its session up after two budgets. */
KS_TEST_LIMIT(hung_engine, 30)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_scene s;
	uint64_t next;

	ks_watchdog(200, 200);
	ks_scene_open(&s, &first, "ks-mg-w1", HVCAL_LOSS_REISSUE);
	ks_scene_submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	next = ks_scene_submit(&s, 1);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
	ks_scene_engine(&second, "ks-mg-w2", HVCAL_ENGINE_HARDWARE);
	ks_scene_resync(&s, &second);
	ks_scene_serve(&s, &second, next);
	/* what it says now has no effect */
	CHECK_LE(ks_reply(&first, item.id, 0, 1), -1);
}
