// SPDX-License-Identifier: MIT
/* Reservations, admission, pacing and pressure, as a client sees them. */
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ks.h"

/* Frames of ks_create_init() have 0.0768 Mpix; 40 % of a claim is believed. */
#define CLAIM_FOR_MS(ms) ((ms) * KS_MS * 1000000 / 76800 * 2 / 5)

static int create(int client, struct hvcal_session_create *arg)
{
	return ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, arg);
}

/* A provider whose engine of @slots is taken to need @ms for a frame. */
static void provider(struct ks_provider *p, const char *name, unsigned int slots, unsigned int ms)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	cap.cost_ns_per_mpix = CLAIM_FOR_MS(ms);
	ks_register_init(&reg, &cap, name);
	reg.slots = slots;
	ks_provider_register(p, &reg);
}

/* A session that is open. */
static uint32_t realtime(struct ks_provider *p, int client, unsigned int period_ms)
{
	struct hvcal_session_create arg;

	ks_create_realtime(&arg, p->engine, period_ms);
	return ks_session(p, client, &arg);
}

/* From now on this process lacks CAP_SYS_NICE. */
static void drop_nice(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	CHECK(!syscall(SYS_capget, &head, data));
	data[CAP_TO_INDEX(CAP_SYS_NICE)].effective &= ~CAP_TO_MASK(CAP_SYS_NICE);
	CHECK(!syscall(SYS_capset, &head, data));
}

KS_TEST(share_is_told)
{
	struct hvcal_session_create arg;
	struct hvcal_session_stats st;
	struct ks_provider p;
	int client = ks_client();

	provider(&p, "ks-sc-share", 2, 20);
	ks_create_realtime(&arg, p.engine, 100);
	ks_session(&p, client, &arg);
	/* a fifth of one slot of two, and half a percent for clocks that differ */
	CHECK_GE(arg.share_ppm, 99000);
	CHECK_LE(arg.share_ppm, 102000);
	CHECK_GE(arg.left_ppm, 897000);
	CHECK_LE(arg.left_ppm, 901000);
	st = ks_stats(client, arg.session);
	CHECK_EQ(st.share_ppm, arg.share_ppm);
	CHECK_EQ(st.have_ppm, arg.share_ppm);
	CHECK_EQ(st.placed, HVCAL_PLACED_NAMED);
}

KS_TEST(best_effort_reserves_nothing)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();

	provider(&p, "ks-sc-be", 1, 20);
	ks_create_init(&arg, p.engine);
	ks_session(&p, client, &arg);
	CHECK_EQ(arg.share_ppm, 0);
	CHECK_EQ(arg.left_ppm, 1000000);
}

/* A best-effort frame is not cut short: it must fit between the others. */
KS_TEST(best_effort_that_would_never_run)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client(), other = ks_client();

	provider(&p, "ks-sc-never", 1, 20);
	realtime(&p, client, 30);
	ks_create_init(&arg, p.engine);
	CHECK_ERR(create(client, &arg), -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_ENGINE_TIME);
	/* on an engine that is free it is the reservation that must leave room */
	ks_provider_close(&p);
	provider(&p, "ks-sc-never2", 1, 20);
	ks_create_init(&arg, p.engine);
	ks_session(&p, other, &arg);
	ks_create_realtime(&arg, p.engine, 30);
	CHECK_ERR(create(other, &arg), -ENOSPC);
	ks_create_realtime(&arg, p.engine, 50);
	CHECK_OK(create(other, &arg));
}

KS_TEST(refused_session_leaves_no_trace)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();

	provider(&p, "ks-sc-trace", 1, 60);
	for (int i = 0; i < 50; i++) {
		ks_create_realtime(&arg, p.engine, 50);
		CHECK_ERR(create(client, &arg), -ENOSPC);
		CHECK_GE(arg.fit_period_ns, 60 * KS_MS);
		CHECK_LE(arg.fit_period_ns, 62 * KS_MS);
	}
	ks_create_realtime(&arg, p.engine, 62);
	CHECK_OK(create(client, &arg));
}

KS_TEST(tight_deadline_needs_nice)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int nice = ks_client(), client;

	drop_nice();
	client = ks_client();
	provider(&p, "ks-sc-tight", 1, 1);
	ks_create_realtime(&arg, p.engine, 40);
	arg.res.deadline_ns = 19 * KS_MS;
	CHECK_ERR(create(client, &arg), -EACCES);
	ks_create_realtime(&arg, p.engine, 0);
	arg.res.period_ns = KS_MS - 1;
	CHECK_ERR(create(client, &arg), -EACCES);
	ks_create_realtime(&arg, p.engine, 40);
	arg.res.deadline_ns = 20 * KS_MS;
	CHECK_OK(create(client, &arg));
	/* what counts is who opened the node */
	arg.res.deadline_ns = 19 * KS_MS;
	CHECK_OK(create(nice, &arg));
}

KS_TEST(user_share)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int nice = ks_client(), client;

	ks_param("user_share_percent", 50);
	drop_nice();
	client = ks_client();
	provider(&p, "ks-sc-user", 1, 20);
	ks_create_realtime(&arg, p.engine, 50);
	ks_session(&p, client, &arg);
	ks_create_realtime(&arg, p.engine, 50);
	CHECK_ERR(create(client, &arg), -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_USER_SHARE);
	CHECK_OK(create(nice, &arg));
}

KS_TEST(bandwidth)
{
	struct hvcal_session_reconfigure more = { .flags = HVCAL_RECONFIGURE_RESERVATION };
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();

	/* 76800 pixels of 1.5 bytes, moved three times, 100 times a second: 34.6 MB/s */
	ks_param("bandwidth_mbps", 40);
	provider(&p, "ks-sc-band", 4, 1);
	realtime(&p, client, 10);
	ks_create_realtime(&arg, p.engine, 10);
	CHECK_ERR(create(client, &arg), -ENOSPC);
	CHECK_EQ(arg.refused, HVCAL_RESOURCE_BANDWIDTH);
	ks_create_realtime(&arg, p.engine, 100);
	CHECK_OK(create(client, &arg));
	/* nor is it given to who asks for more later */
	more.session = arg.session;
	more.res = arg.res;
	more.res.period_ns = 10 * KS_MS;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &more), -ENOSPC);
	more.res.period_ns = 80 * KS_MS;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &more));
}

KS_TEST(sessions_of_a_user)
{
	struct hvcal_session_create arg;
	struct ks_provider p;
	int one = ks_client(), two = ks_client();

	ks_param("user_max_sessions", 2);
	ks_provider_open(&p, "ks-sc-sessions", 1, 1);
	ks_create_init(&arg, p.engine);
	CHECK_OK(create(one, &arg));
	ks_create_init(&arg, p.engine);
	CHECK_OK(create(two, &arg));
	ks_create_init(&arg, p.engine);
	CHECK_ERR(create(one, &arg), -EUSERS);
	CHECK_OK(close(two));
	CHECK_OK(create(one, &arg));
}

/* Limits of a user hold over all its files, and what is given back counts again. */
KS_TEST(buffers_of_a_user)
{
	struct hvcal_buffer_import arg;
	struct ks_buf buf = ks_buf_make(2 * 1024 * 1024);
	int one = ks_client(), two = ks_client();
	uint32_t first;

	ks_param("user_max_buffers", 1);
	first = ks_import(one, buf.fd, HVCAL_BUFFER_SOURCE);
	ks_import_init(&arg, buf.fd, HVCAL_BUFFER_SOURCE);
	CHECK_ERR(ks_ioctl(two, HVCAL_IOC_BUFFER_IMPORT, &arg), -EUSERS);
	CHECK_OK(ks_release(one, first));
	CHECK_OK(ks_ioctl(two, HVCAL_IOC_BUFFER_IMPORT, &arg));
	ks_param("user_max_buffers", 100);
	ks_param("user_max_mbytes", 3);
	CHECK_ERR(ks_ioctl(one, HVCAL_IOC_BUFFER_IMPORT, &arg), -EUSERS);
	CHECK_OK(close(two));
	CHECK_OK(ks_ioctl(one, HVCAL_IOC_BUFFER_IMPORT, &arg));
}

KS_TEST(jobs_of_a_user)
{
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-sc-jobs", 1, 1);
	ks_param("user_max_jobs", 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_job_init(&job, rig.source, rig.target2);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EAGAIN);
}

KS_TEST(reconfigure_that_does_not_fit)
{
	struct hvcal_session_reconfigure rec = { 0 };
	struct hvcal_session_create arg;
	struct hvcal_item item;
	struct ks_provider p;
	int client = ks_client();
	uint32_t s;

	provider(&p, "ks-sc-rec", 1, 20);
	realtime(&p, client, 50);
	s = realtime(&p, client, 100);
	ks_create_realtime(&arg, p.engine, 30);
	rec.session = s;
	rec.res = arg.res;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec), -ENOSPC);
	CHECK_LE(ks_stats(client, s).share_ppm, 202000);
	ks_expect_idle(&p);
	rec.res.period_ns = 50 * KS_MS;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec));
	CHECK_GE(rec.share_ppm, 400000);
	/* what the provider refuses is given back */
	ks_expect_item(&p, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&p, item.id, -EINVAL, 0));
	CHECK_LE(ks_stats(client, s).share_ppm, 202000);
}

/* Growing is bound by the same limits as coming. */
KS_TEST(reconfigure_beyond_the_users_share)
{
	struct hvcal_session_reconfigure rec = { 0 };
	struct hvcal_session_create arg;
	struct ks_provider p;
	uint32_t s;
	int client;

	ks_param("user_share_percent", 50);
	provider(&p, "ks-sc-grow", 1, 20);
	drop_nice();
	client = ks_client();
	s = realtime(&p, client, 100);
	ks_create_realtime(&arg, p.engine, 30);
	rec.session = s;
	rec.res = arg.res;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec), -ENOSPC);
	CHECK_LE(ks_stats(client, s).share_ppm, 202000);
	rec.res.period_ns = 45 * KS_MS;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec));
}

static int reserve(int client, uint32_t session, const struct hvcal_session_create *arg,
		   struct hvcal_session_reconfigure *rec)
{
	*rec = (struct hvcal_session_reconfigure) {
		.session = session, .flags = HVCAL_RECONFIGURE_RESERVATION, .res = arg->res,
	};
	return ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, rec);
}

/* The reservation alone changes, also its class, and the engine hears nothing. */
KS_TEST(class_changes_at_once)
{
	struct hvcal_session_reconfigure rec;
	struct hvcal_session_create arg;
	struct ks_provider p;
	int client = ks_client();
	uint32_t s, other;

	provider(&p, "ks-sc-class", 1, 20);
	ks_create_realtime(&arg, p.engine, 50);
	other = realtime(&p, client, 50);
	s = realtime(&p, client, 50);
	CHECK_GE(ks_stats(client, s).share_ppm, 400000);
	arg.res.sched_class = HVCAL_CLASS_BEST_EFFORT;
	CHECK_OK(reserve(client, s, &arg, &rec));
	CHECK_EQ(rec.share_ppm, 0);
	CHECK_EQ(ks_stats(client, s).share_ppm, 0);
	/* what it gave back another one may take, and it has to wait for it */
	arg.res.sched_class = HVCAL_CLASS_REALTIME;
	arg.res.period_ns = 45 * KS_MS;
	CHECK_OK(reserve(client, other, &arg, &rec));
	CHECK_GE(rec.share_ppm, 440000);
	arg.res.period_ns = 30 * KS_MS;
	CHECK_ERR(reserve(client, s, &arg, &rec), -ENOSPC);
	CHECK_EQ(ks_stats(client, s).share_ppm, 0);
	arg.res.period_ns = 50 * KS_MS;
	CHECK_OK(reserve(client, s, &arg, &rec));
	CHECK_GE(rec.share_ppm, 400000);
	CHECK_EQ(ks_stats(client, s).share_ppm, rec.share_ppm);
	ks_expect_idle(&p);
	ks_expect_quiet(client);
}

KS_TEST(class_changes_with_frames_queued)
{
	struct hvcal_session_reconfigure rec;
	struct hvcal_session_create arg;
	struct hvcal_job_desc jobs[3];
	struct hvcal_item item;
	struct hvcal_event ev;
	struct ks_provider p;
	int client = ks_client();
	uint32_t s, source;

	provider(&p, "ks-sc-class2", 1, 20);
	ks_create_realtime(&arg, p.engine, 50);
	s = realtime(&p, client, 50);
	source = ks_import_new(client, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < 3; i++)
		ks_job_init(&jobs[i], source, ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(client, s, jobs, 3), 3);
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	arg.res.sched_class = HVCAL_CLASS_BEST_EFFORT;
	CHECK_OK(reserve(client, s, &arg, &rec));
	CHECK_OK(ks_reply(&p, item.id, 0, 1));
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	arg.res.sched_class = HVCAL_CLASS_REALTIME;
	CHECK_OK(reserve(client, s, &arg, &rec));
	CHECK_OK(ks_reply(&p, item.id, 0, 1));
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&p, item.id, 0, 1));
	for (int i = 0; i < 3; i++) {
		ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
		CHECK_EQ(ev.job, jobs[i].job);
	}
}

/* What has to do with coding, or crosses a reconfiguration, is refused. */
KS_TEST(class_change_refused)
{
	struct hvcal_session_reconfigure rec, real = { 0 };
	struct hvcal_session_create arg, good;
	struct ks_provider p;
	int client = ks_client();
	struct hvcal_item item;
	struct hvcal_event ev;
	uint32_t s;

	provider(&p, "ks-sc-class3", 1, 20);
	ks_create_realtime(&good, p.engine, 50);
	s = realtime(&p, client, 50);
	arg = good;
	arg.res.width = 160;
	CHECK_ERR(reserve(client, s, &arg, &rec), -EINVAL);
	arg = good;
	arg.res.preset = 1;
	CHECK_ERR(reserve(client, s, &arg, &rec), -EINVAL);
	rec.res = good.res;
	rec.user_data = 1;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec), -EINVAL);
	rec.user_data = 0;
	rec.config.len = 4;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &rec), -EINVAL);
	real.session = s;
	real.res = good.res;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_RECONFIGURE, &real));
	CHECK_ERR(reserve(client, s, &good, &rec), -EBUSY);
	ks_expect_item(&p, &item, HVCAL_ITEM_RECONFIGURE);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_expect_event(client, &ev, HVCAL_EVENT_RECONFIGURED, 0);
	CHECK_OK(reserve(client, s, &good, &rec));
}

KS_TEST(more_pixels_than_reserved)
{
	struct hvcal_job_desc job;
	struct ks_rig rig;
	uint32_t s;

	ks_rig_open(&rig, "ks-sc-pixels", 1, 1);
	s = realtime(&rig.p, rig.client, 1000);
	ks_job_init(&job, rig.source, rig.target);
	job.pixels = KS_WIDTH * KS_HEIGHT + 1;
	CHECK_ERR(ks_submit(rig.client, s, &job, 1), -EINVAL);
	job.pixels--;
	CHECK_EQ(ks_submit(rig.client, s, &job, 1), 1);
}

KS_TEST(release_time)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;
	uint32_t s;

	ks_rig_open(&rig, "ks-sc-release", 1, 1);
	s = realtime(&rig.p, rig.client, 1000);
	ks_job_init(&job, rig.source, rig.target);
	job.release_ns = ks_now_ns() + 200 * KS_MS;
	CHECK_EQ(ks_submit(rig.client, s, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_GE(ks_now_ns(), job.release_ns);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_GE(ev.start_ns, job.release_ns);
	CHECK_GE(ev.deadline_ns, job.release_ns);
}

KS_TEST(release_too_far)
{
	struct hvcal_job_desc job;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-sc-far", 1, 1);
	ks_job_init(&job, rig.source, rig.target);
	job.release_ns = ks_now_ns() + 11000 * KS_MS;
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EINVAL);
	job.release_ns = UINT64_MAX;
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EINVAL);
	job.release_ns = 1; /* long ago: at once */
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
}

/*
 * A client that submits ahead gets an idle engine, but not the time promised to
 * others: its second frame is due a period after the first one, so the frame that
 * the other session submits meanwhile comes before it.
 */
KS_TEST(burst_yields_to_others)
{
	struct hvcal_job_desc jobs[2], other;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_provider p;
	int client = ks_client();
	uint32_t source, burst, one;

	provider(&p, "ks-sc-burst", 1, 1920);
	one = realtime(&p, client, 4000);
	burst = realtime(&p, client, 4000);
	source = ks_import_new(client, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < 2; i++)
		ks_job_init(&jobs[i], source, ks_import_new(client, HVCAL_BUFFER_TARGET));
	ks_job_init(&other, source, ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(client, burst, jobs, 2), 2);
	ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(ks_submit(client, one, &other, 1), 1);
	CHECK_OK(ks_reply(&p, item.id, 0, 1));
	ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.session, burst);
	for (int i = 0; i < 2; i++) {
		ks_expect_item(&p, &item, HVCAL_ITEM_ENCODE);
		CHECK_OK(ks_reply(&p, item.id, 0, 1));
		ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
		CHECK_EQ(ev.session, i ? burst : one);
	}
}

static void serve_slowly(struct ks_provider *p, int client, uint32_t session, uint32_t source,
			 uint32_t target, int ms)
{
	struct hvcal_job_desc job;
	struct hvcal_item item;

	ks_job_init(&job, source, target);
	CHECK_EQ(ks_submit(client, session, &job, 1), 1);
	ks_expect_item(p, &item, HVCAL_ITEM_ENCODE);
	ks_sleep_ms(ms);
	CHECK_OK(ks_reply(p, item.id, 0, 1));
}

/* Waits for PRESSURE, past the events of jobs. */
static void expect_pressure(int client, struct hvcal_event *ev)
{
	do
		CHECK_OK(ks_event(client, ev, ks_ms(KS_WAIT_MS)));
	while (ev->type == HVCAL_EVENT_JOB);
	CHECK_EQ(ev->type, HVCAL_EVENT_PRESSURE);
}

/* The engine becomes slower than it said: who has reserved is told what is left. */
KS_TEST_LIMIT(pressure_when_costs_grow, 30)
{
	uint32_t source, target, one, two;
	struct hvcal_session_stats st;
	struct hvcal_event ev, relief = { 0 };
	struct ks_provider p;
	int client = ks_client();

	provider(&p, "ks-sc-slow", 1, 10);
	one = realtime(&p, client, 50);
	two = realtime(&p, client, 50);
	source = ks_import_new(client, HVCAL_BUFFER_SOURCE);
	target = ks_import_new(client, HVCAL_BUFFER_TARGET);
	ks_expect_quiet(client);
	for (int i = 0; i < 4; i++)
		serve_slowly(&p, client, one, source, target, 40);
	expect_pressure(client, &ev);
	CHECK(ev.session == one || ev.session == two);
	CHECK_GE(ev.share_ppm, 1);
	CHECK_LE(ev.share_ppm, 999999);
	st = ks_stats(client, ev.session);
	CHECK_LE(st.have_ppm, st.share_ppm - 1);
	/* fast again: once the slow frames are forgotten, it is over */
	do {
		serve_slowly(&p, client, one, source, target, 2);
		while (!ks_event(client, &ev, 8))
			if (ev.type == HVCAL_EVENT_PRESSURE)
				relief = ev;
		st = ks_stats(client, one);
	} while (st.have_ppm != st.share_ppm);
	CHECK_LE(st.share_ppm, 470000);
	st = ks_stats(client, two);
	CHECK_EQ(st.have_ppm, st.share_ppm);
	CHECK_EQ(relief.type, HVCAL_EVENT_PRESSURE);
}

/* Others use the engine behind HVCAL's back, and its provider says so. */
KS_TEST(outsiders)
{
	struct hvcal_engine_update update = { 0 };
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	struct ks_provider p;
	int client = ks_client();

	provider(&p, "ks-sc-out", 1, 20);
	realtime(&p, client, 33);
	update.engine = p.engine;
	update.external_ppm = 100000;
	CHECK_OK(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UPDATE, &update));
	ks_expect_quiet(client);
	ks_create_realtime(&arg, p.engine, 80);
	CHECK_ERR(create(client, &arg), -ENOSPC);
	update.external_ppm = 600000;
	CHECK_OK(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UPDATE, &update));
	expect_pressure(client, &ev);
	CHECK_LE(ev.done_ns, ks_now_ns());
	update.external_ppm = 0;
	CHECK_OK(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UPDATE, &update));
	expect_pressure(client, &ev);
	CHECK_EQ(ev.share_ppm, ks_stats(client, ev.session).share_ppm);
}
