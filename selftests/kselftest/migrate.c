// SPDX-License-Identifier: MIT
/* Sessions that go on when their engine is gone. */
#include <unistd.h>

#include "ks.h"

#define CODEC HVCAL_FOURCC('k', 's', 'm', 'g')

/* A client with a session that any engine for CODEC may serve. */
struct scene {
	int client;
	uint32_t session;
	uint32_t source;
	uint32_t targets[4];
};

/* An engine for CODEC; of hardware, so that nobody has to name it. */
static void engine(struct ks_provider *p, const char *name)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	cap.codec = CODEC;
	ks_register_init(&reg, &cap, name);
	reg.kind = HVCAL_ENGINE_HARDWARE;
	reg.slots = 4;
	reg.session_depth = 4;
	ks_provider_register(p, &reg);
}

/* Not opened yet. */
static void scene_create(struct scene *s, uint32_t loss)
{
	struct hvcal_session_create arg;

	s->client = ks_client();
	ks_create_init(&arg, 0);
	arg.codec = CODEC;
	arg.loss = loss;
	CHECK_OK(ks_ioctl(s->client, HVCAL_IOC_SESSION_CREATE, &arg));
	s->session = arg.session;
	s->source = ks_import_new(s->client, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < 4; i++)
		s->targets[i] = ks_import_new(s->client, HVCAL_BUFFER_TARGET);
}

static void scene_open(struct scene *s, struct ks_provider *p, const char *name, uint32_t loss)
{
	engine(p, name);
	scene_create(s, loss);
	ks_open_reply(p, s->client);
}

static uint64_t submit(struct scene *s, unsigned int target)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, s->source, s->targets[target]);
	CHECK_EQ(ks_submit(s->client, s->session, &job, 1), 1);
	return job.job;
}

/* The session opens on @p, and the client is told to resynchronise. */
static void resync(struct scene *s, struct ks_provider *p)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_OPEN);
	CHECK_EQ(ks_stats(s->client, s->session).state, HVCAL_SESSION_MIGRATING);
	CHECK_OK(ks_reply(p, item.id, 0, 0));
	ks_expect_event(s->client, &ev, HVCAL_EVENT_RESYNC, 0);
	CHECK_EQ(ev.engine, p->engine);
	CHECK_EQ(ks_stats(s->client, s->session).state, HVCAL_SESSION_ACTIVE);
}

/* The next frame on @p is @job, and ends well. */
static void serve(struct scene *s, struct ks_provider *p, uint64_t job)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(p, item.id, 0, 1));
	ks_expect_event(s->client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	CHECK_EQ(ev.engine, p->engine);
}

KS_TEST(queued_jobs_follow)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct scene s;
	uint64_t jobs[3];

	scene_open(&s, &first, "ks-mg-q1", HVCAL_LOSS_FAIL);
	engine(&second, "ks-mg-q2");
	jobs[0] = submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	jobs[1] = submit(&s, 1);
	jobs[2] = submit(&s, 2);
	ks_provider_close(&first);
	/* what ran is lost, as the session asked */
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	CHECK_EQ(ev.job, jobs[0]);
	resync(&s, &second);
	serve(&s, &second, jobs[1]);
	serve(&s, &second, jobs[2]);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 1);
}

KS_TEST(running_jobs_are_issued_again_in_order)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct scene s;
	uint64_t jobs[4];

	scene_open(&s, &first, "ks-mg-r1", HVCAL_LOSS_REISSUE);
	engine(&second, "ks-mg-r2");
	for (int i = 0; i < 3; i++)
		jobs[i] = submit(&s, (unsigned int)i);
	for (int i = 0; i < 2; i++)
		ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	jobs[3] = submit(&s, 3);
	ks_provider_close(&first);
	resync(&s, &second);
	for (int i = 0; i < 4; i++)
		serve(&s, &second, jobs[i]);
}

/* Frames that an encoder looked ahead at are not lost either. */
KS_TEST(held_frames_are_issued_again)
{
	struct ks_provider first, second;
	struct hvcal_item_result res = { 0 };
	struct hvcal_complete complete = { { sizeof(res), 1, (uintptr_t)&res } };
	struct hvcal_item item;
	struct scene s;
	uint64_t jobs[2];

	scene_open(&s, &first, "ks-mg-h1", HVCAL_LOSS_REISSUE);
	engine(&second, "ks-mg-h2");
	for (int i = 0; i < 2; i++) {
		jobs[i] = submit(&s, (unsigned int)i);
		ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
		res = (struct hvcal_item_result) { .id = item.id, .flags = HVCAL_RESULT_HELD };
		CHECK_OK(ks_ioctl(first.fd, HVCAL_IOC_COMPLETE, &complete));
	}
	ks_provider_close(&first);
	resync(&s, &second);
	serve(&s, &second, jobs[0]);
	serve(&s, &second, jobs[1]);
}

KS_TEST(next_engine_may_come_later)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct scene s;
	uint64_t a, b;

	scene_open(&s, &first, "ks-mg-l1", HVCAL_LOSS_REISSUE);
	a = submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	ks_expect_quiet(s.client);
	CHECK_EQ(ks_stats(s.client, s.session).state, HVCAL_SESSION_MIGRATING);
	b = submit(&s, 1);
	engine(&second, "ks-mg-l2");
	resync(&s, &second);
	serve(&s, &second, a);
	serve(&s, &second, b);
}

KS_TEST(nobody_comes)
{
	struct ks_provider first;
	struct hvcal_event ev;
	struct scene s;
	uint64_t job;

	ks_param("failover_grace_ms", 200);
	scene_open(&s, &first, "ks-mg-n1", HVCAL_LOSS_REISSUE);
	ks_provider_close(&first);
	job = submit(&s, 0);
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

	engine(&first, "ks-mg-named1");
	engine(&second, "ks-mg-named2");
	ks_create_init(&arg, first.engine);
	arg.codec = CODEC;
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
	struct scene s;
	uint64_t canceled = 0, a, b;

	scene_open(&s, &first, "ks-mg-c1", HVCAL_LOSS_REISSUE);
	ks_provider_close(&first);
	a = submit(&s, 0);
	CHECK_OK(ks_cancel(s.client, s.session, a, &canceled));
	CHECK_EQ(canceled, 1);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ECANCELED);
	ks_create_init(&arg, 0);
	rec.session = s.session;
	rec.res = arg.res;
	rec.res.width = 160;
	CHECK_OK(ks_ioctl(s.client, HVCAL_IOC_SESSION_RECONFIGURE, &rec));
	b = submit(&s, 1);
	flush.session = s.session;
	CHECK_OK(ks_ioctl(s.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	engine(&second, "ks-mg-c2");
	resync(&s, &second);
	ks_expect_item(&second, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_RECONFIGURED, 0);
	serve(&s, &second, b);
	ks_expect_item(&second, &item, HVCAL_ITEM_FLUSH);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_FLUSHED, 0);
}

KS_TEST(destroyed_while_homeless)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct scene s;

	scene_open(&s, &first, "ks-mg-d1", HVCAL_LOSS_REISSUE);
	submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	submit(&s, 1);
	ks_provider_close(&first);
	CHECK_OK(ks_destroy(s.client, s.session));
	engine(&second, "ks-mg-d2");
	ks_expect_idle(&second);
	ks_expect_quiet(s.client);
}

KS_TEST(client_gone_while_homeless)
{
	struct ks_provider first, second;
	struct hvcal_item item;
	struct scene s;

	scene_open(&s, &first, "ks-mg-g1", HVCAL_LOSS_REISSUE);
	submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	CHECK_OK(close(s.client));
	engine(&second, "ks-mg-g2");
	ks_expect_idle(&second);
}

/* An engine that cannot open the stream is passed over for the next one. */
KS_TEST(next_engine_refuses)
{
	struct ks_provider first, second, third;
	struct hvcal_item item;
	struct scene s;
	uint64_t job;

	scene_open(&s, &first, "ks-mg-o1", HVCAL_LOSS_REISSUE);
	engine(&second, "ks-mg-o2");
	job = submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	engine(&third, "ks-mg-o3");
	ks_expect_item(&second, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&second, item.id, -EIO, 0));
	resync(&s, &third);
	serve(&s, &third, job);
}

KS_TEST(several_die_in_a_row)
{
	static const char *const names[] = { "ks-mg-s1", "ks-mg-s2", "ks-mg-s3", "ks-mg-s4" };
	struct ks_provider p;
	struct hvcal_item item;
	struct scene s;
	uint64_t job;

	scene_open(&s, &p, names[0], HVCAL_LOSS_REISSUE);
	job = submit(&s, 0);
	for (int i = 1; i < 4; i++) {
		ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
		ks_provider_close(&p);
		engine(&p, names[i]);
		resync(&s, &p);
	}
	serve(&s, &p, job);
	CHECK_EQ(ks_stats(s.client, s.session).migrations, 3);
}

KS_TEST(dies_before_it_has_opened)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct scene s;
	uint64_t job;

	engine(&first, "ks-mg-b1");
	engine(&second, "ks-mg-b2");
	scene_create(&s, HVCAL_LOSS_FAIL);
	job = submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_OPEN);
	ks_provider_close(&first);
	ks_expect_item(&second, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_OPENED, 0);
	CHECK_EQ(ev.engine, second.engine);
	serve(&s, &second, job);
}

/* Its process lives on and may still write: the frame fails, the rest moves. */
KS_TEST(unregistered_engine)
{
	struct hvcal_engine_unregister gone = { 0 };
	struct ks_provider first, second;
	struct hvcal_job_desc again;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct scene s;
	uint64_t next;

	scene_open(&s, &first, "ks-mg-u1", HVCAL_LOSS_REISSUE);
	engine(&second, "ks-mg-u2");
	submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	next = submit(&s, 1);
	gone.engine = first.engine;
	CHECK_OK(ks_ioctl(first.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone));
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ENODEV);
	resync(&s, &second);
	serve(&s, &second, next);
	ks_job_init(&again, s.source, s.targets[0]);
	CHECK_ERR(ks_submit(s.client, s.session, &again, 1), -EBUSY);
	CHECK_ERR(ks_reply(&first, item.id, 0, 1), -ECANCELED);
	CHECK_EQ(ks_submit(s.client, s.session, &again, 1), 1);
}

/* A provider that hangs gives its session up after two budgets. */
KS_TEST_LIMIT(hung_engine, 30)
{
	struct ks_provider first, second;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct scene s;
	uint64_t next;

	ks_watchdog(200, 200);
	scene_open(&s, &first, "ks-mg-w1", HVCAL_LOSS_REISSUE);
	submit(&s, 0);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	next = submit(&s, 1);
	ks_expect_event(s.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
	engine(&second, "ks-mg-w2");
	resync(&s, &second);
	serve(&s, &second, next);
	/* what it says now has no effect */
	CHECK_LE(ks_reply(&first, item.id, 0, 1), -1);
}
