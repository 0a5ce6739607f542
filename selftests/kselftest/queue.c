// SPDX-License-Identifier: MIT
/* Which job runs next, and batches. */
#include <string.h>
#include <unistd.h>

#include "ks.h"

/* A second session with its own period, and a frame for it. */
static uint32_t ks_realtime(struct ks_rig *rig, unsigned int period_ms)
{
	struct hvcal_session_create arg;

	ks_create_realtime(&arg, rig->p.engine, period_ms);
	return ks_session(&rig->p, rig->client, &arg);
}

static uint64_t ks_send(struct ks_rig *rig, uint32_t session, uint64_t deadline_ns)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, rig->source, ks_import_new(rig->client, HVCAL_BUFFER_TARGET));
	job.deadline_ns = deadline_ns;
	CHECK_EQ(ks_submit(rig->client, session, &job, 1), 1);
	return job.job;
}

/* Serves the next frame; the number of its job. */
static uint64_t ks_serve(struct ks_rig *rig)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(&rig->p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig->p, item.id, 0, 1));
	ks_expect_event(rig->client, &ev, HVCAL_EVENT_JOB, 0);
	return ev.job;
}

/* An earlier deadline overtakes, though it came later. */
KS_TEST(earlier_deadline_first)
{
	struct ks_rig rig;
	uint64_t now, a, b, c;
	uint32_t one, two, three;

	ks_rig_open(&rig, "ks-qu-edf", 1, 1);
	one = ks_realtime(&rig, 1000);
	two = ks_realtime(&rig, 1000);
	three = ks_realtime(&rig, 1000);
	now = ks_now_ns();
	a = ks_send(&rig, one, now + 9000 * KS_MS);
	b = ks_send(&rig, two, now + 3000 * KS_MS);
	c = ks_send(&rig, three, now + 6000 * KS_MS);
	CHECK_EQ(ks_serve(&rig), b);
	CHECK_EQ(ks_serve(&rig), c);
	CHECK_EQ(ks_serve(&rig), a);
}

/* Without a deadline of its own a job takes the session's. */
KS_TEST(deadline_of_the_session)
{
	struct ks_rig rig;
	uint64_t slow, fast;
	uint32_t one, two;

	ks_rig_open(&rig, "ks-qu-period", 1, 1);
	one = ks_realtime(&rig, 8000);
	two = ks_realtime(&rig, 500);
	slow = ks_send(&rig, one, 0);
	fast = ks_send(&rig, two, 0);
	CHECK_EQ(ks_serve(&rig), fast);
	CHECK_EQ(ks_serve(&rig), slow);
}

/* Within a session the order of submission counts, whatever the deadlines. */
/* Who promised nothing and asked for nothing is never late. */
KS_TEST(no_deadline)
{
	struct hvcal_session_stats st;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-none", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(item.deadline_ns, 0);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.deadline_ns, 0);
	CHECK_EQ(ev.flags & HVCAL_EVENT_LATE, 0);
	st = ks_stats(rig.client, rig.session);
	CHECK_EQ(st.late, 0);
	CHECK_EQ(st.done, 1);
}

KS_TEST(order_within_session)
{
	struct ks_rig rig;
	uint64_t now, a, b;
	uint32_t one;

	ks_rig_open(&rig, "ks-qu-order", 1, 1);
	one = ks_realtime(&rig, 1000);
	now = ks_now_ns();
	a = ks_send(&rig, one, now + 9000 * KS_MS);
	b = ks_send(&rig, one, now + 1000 * KS_MS);
	CHECK_EQ(ks_serve(&rig), a);
	CHECK_EQ(ks_serve(&rig), b);
}

KS_TEST(realtime_before_best_effort)
{
	struct ks_rig rig;
	uint64_t effort, real;
	uint32_t one;

	ks_rig_open(&rig, "ks-qu-class", 1, 1);
	one = ks_realtime(&rig, 100);
	effort = ks_send(&rig, rig.session, 0);
	real = ks_send(&rig, one, 0);
	CHECK_EQ(ks_serve(&rig), real);
	CHECK_EQ(ks_serve(&rig), effort);
}

/* Real time that always has a frame ready does not starve best effort. */
KS_TEST_LIMIT(best_effort_gets_its_turn, 30)
{
	struct ks_rig rig;
	uint64_t effort, until = ks_now_ns() + 10000 * KS_MS * ks_scale();
	uint32_t one;

	ks_rig_open(&rig, "ks-qu-starve", 1, 1);
	one = ks_realtime(&rig, 2000);
	effort = ks_send(&rig, rig.session, 0);
	for (;;) {
		struct hvcal_job_desc job;
		struct hvcal_event ev;
		struct hvcal_item item;

		ks_job_init(&job, rig.source, rig.target);
		CHECK_EQ(ks_submit(rig.client, one, &job, 1), 1);
		ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
		ks_sleep_ms(20);
		CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
		ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
		if (ev.job == effort)
			return;
		CHECK_LE(ks_now_ns(), until);
	}
}

/* Equal sessions all come to their end, each in its order. */
KS_TEST(best_effort_sessions)
{
	enum { COUNT = 4, ROUNDS = 3 };
	uint64_t jobs[COUNT][ROUNDS];
	unsigned int done[COUNT] = { 0 };
	uint32_t sessions[COUNT];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-fair", 1, 1);
	for (int i = 0; i < COUNT; i++)
		sessions[i] = ks_session_plain(&rig.p, rig.client);
	for (int i = 0; i < COUNT; i++)
		for (int n = 0; n < ROUNDS; n++)
			jobs[i][n] = ks_send(&rig, sessions[i], 0);
	for (int n = 0; n < COUNT * ROUNDS; n++) {
		uint64_t job = ks_serve(&rig);

		for (int i = 0; i < COUNT; i++)
			for (int k = 0; k < ROUNDS; k++)
				if (jobs[i][k] == job)
					CHECK_EQ(done[i]++, k);
	}
	for (int i = 0; i < COUNT; i++)
		CHECK_EQ(done[i], ROUNDS);
}

/* ---- batches ---- */

KS_TEST(batch_takes_all)
{
	enum { COUNT = 16 };
	struct hvcal_job_desc jobs[COUNT];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-batch", 1, 1);
	for (int i = 0; i < COUNT; i++) {
		ks_job_init(&jobs[i], rig.source, ks_import_new(rig.client, HVCAL_BUFFER_TARGET));
		jobs[i].user_data = (uint64_t)i;
	}
	CHECK_EQ(ks_submit(rig.client, rig.session, jobs, COUNT), COUNT);
	for (int i = 0; i < COUNT; i++) {
		CHECK_EQ(ks_serve(&rig), jobs[i].job);
		if (i)
			CHECK_GE(jobs[i].job, jobs[i - 1].job + 1);
	}
}

/* What comes before the bad one is taken; the bad one alone tells its error. */
KS_TEST(batch_stops_at_error)
{
	struct hvcal_job_desc jobs[3];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-part", 1, 1);
	ks_job_init(&jobs[0], rig.source, rig.target);
	ks_job_init(&jobs[1], 0xfffff0, rig.target2);
	ks_job_init(&jobs[2], rig.source, rig.target2);
	CHECK_EQ(ks_submit(rig.client, rig.session, jobs, 3), 1);
	CHECK_ERR(ks_submit(rig.client, rig.session, &jobs[1], 2), -ENOENT);
	CHECK_EQ(ks_submit(rig.client, rig.session, &jobs[2], 1), 1);
	CHECK_EQ(ks_serve(&rig), jobs[0].job);
	CHECK_EQ(ks_serve(&rig), jobs[2].job);
}

/* ---- frames that the encoder keeps ---- */

static int ks_hold(struct ks_provider *p, uint64_t id)
{
	struct hvcal_item_result held = { .id = id, .flags = HVCAL_RESULT_HELD };
	struct hvcal_complete arg = { .results = { sizeof(held), 1, (uintptr_t)&held } };
	int err = ks_ioctl(p->fd, HVCAL_IOC_COMPLETE, &arg);

	return err ? err : held.verdict;
}

/* Held frames take no slot: with one slot an encoder can still look ahead. */
KS_TEST(held_frees_the_slot)
{
	struct hvcal_event ev;
	struct hvcal_item items[3];
	struct ks_rig rig;
	uint64_t jobs[3];

	ks_rig_open(&rig, "ks-qu-held", 1, 1);
	for (int i = 0; i < 3; i++) {
		jobs[i] = ks_send(&rig, rig.session, 0);
		ks_expect_item(&rig.p, &items[i], HVCAL_ITEM_ENCODE);
		if (i < 2)
			CHECK_OK(ks_hold(&rig.p, items[i].id));
	}
	ks_expect_quiet(rig.client);
	for (int i = 2; i >= 0; i--) {
		CHECK_OK(ks_reply(&rig.p, items[i].id, 0, 1));
		ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
		CHECK_EQ(ev.job, jobs[i]);
	}
}

KS_TEST(held_keeps_its_buffers)
{
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-heldbuf", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_hold(&rig.p, item.id));
	ks_job_init(&job, rig.source, rig.target);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EBUSY);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
}

/* Once is enough. */
KS_TEST(held_twice)
{
	struct hvcal_item item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-twice", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_hold(&rig.p, item.id));
	CHECK_LE(ks_hold(&rig.p, item.id), -1);
}

KS_TEST(flush_before_held)
{
	struct hvcal_session_flush flush = { 0 };
	struct hvcal_event ev;
	struct hvcal_item held, item;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-qu-flush", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &held, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_hold(&rig.p, held.id));
	flush.session = rig.session;
	CHECK_OK(ks_ioctl(rig.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_FLUSH);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 0));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -EPROTO);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_FLUSHED, 0);
}
