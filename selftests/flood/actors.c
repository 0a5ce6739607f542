// SPDX-License-Identifier: MIT
/* Who takes part: an engine, a client with a deadline, and clients without manners. */
#include "flood.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Users that own nothing here. */
#define VICTIM_UID	4001
#define FLOODER_UID	4002

enum { SESSIONS = 16, TARGETS = 16, QUEUED = 8, BATCH = 8, EVENTS = 64, RELEASE = 4096 };

/* Of the node's group, as an administrator would let somebody in; for good. */
static void become(uid_t uid)
{
	struct stat st;
	gid_t group;

	if (stat(HVCAL_CLIENT_NODE, &st))
		ks_skip("no " HVCAL_CLIENT_NODE ": load the module");
	group = st.st_gid;
	if (setgroups(1, &group) || setgid(uid) || setuid(uid))
		ks_skip("not root: cannot become two users");
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* ---- the engine ---- */

/*
 * The engine's own time goes with the answer: a busy test machine would make of it what it
 * likes, and the module would no longer admit the victim.
 */
static void answer(int fd, const struct hvcal_item *item, const struct flood_plan *plan)
{
	bool frame = item->type == HVCAL_ITEM_ENCODE;
	struct hvcal_item_result result = {
		.id = item->id, .bytes = frame ? 100 : 0,
		.engine_ns = frame ? plan->job_us * 1000ULL : 0,
	};
	struct hvcal_complete arg = { .results = { sizeof(result), 1, (uintptr_t)&result } };

	CHECK_OK(ks_ioctl(fd, HVCAL_IOC_COMPLETE, &arg));
}

/* Buffers are of no use to it: nothing is coded. */
static void serve(const struct ks_provider *p, const struct hvcal_item *item,
		  const struct flood_plan *plan)
{
	if (item->type == HVCAL_ITEM_BUFFER_ADD) {
		for (int i = 0; i < HVCAL_MAX_PLANES; i++)
			if (item->fds[i] >= 0)
				close(item->fds[i]);
		return;
	}
	if (item->type == HVCAL_ITEM_BUFFER_DROP || item->type == HVCAL_ITEM_CANCEL)
		return;
	if (item->type == HVCAL_ITEM_ENCODE)
		sleep_until(ks_now_ns() + plan->job_us * 1000ULL);
	answer(p->fd, item, plan);
}

void flood_provide(const struct flood_plan *plan)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	static struct ks_provider p;

	ks_cap_init(&cap);
	cap.cost_ns_per_mpix = plan->job_us * 1000ULL * 1000000 / (KS_WIDTH * KS_HEIGHT);
	ks_register_init(&arg, &cap, "flood");
	ks_provider_register(&p, &arg);
	atomic_store(&plan->shared->engine, p.engine);
	atomic_store(&plan->shared->served, true);
	for (;;) {
		struct hvcal_acquire get = {
			.items = { sizeof(p.items[0]), KS_ITEMS, (uintptr_t)p.items },
			.blobs = { (uintptr_t)p.blobs, sizeof(p.blobs), 0 },
		};
		struct pollfd pfd = { .fd = p.fd, .events = POLLIN };
		int err;

		poll(&pfd, 1, -1);
		err = ks_ioctl(p.fd, HVCAL_IOC_ACQUIRE, &get);
		if (err && err != -EAGAIN)
			ks_fail(__FILE__, __LINE__, "the provider: %s", ks_err(err));
		for (uint32_t i = 0; !err && i < get.items.count; i++)
			serve(&p, &p.items[i], plan);
	}
}

/* ---- the victim ---- */

static void create(int client, struct hvcal_session_create *arg)
{
	struct hvcal_event ev;
	int err = ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, arg);

	if (err)
		ks_fail(__FILE__, __LINE__, "no session: %s; refused for %u, share %u ppm of %u left",
			ks_err(err), arg->refused, arg->share_ppm, arg->left_ppm);
	CHECK_OK(ks_event(client, &ev, ks_ms(KS_WAIT_MS)));
	CHECK_EQ(ev.type, HVCAL_EVENT_OPENED);
	CHECK_EQ(ev.status, 0);
}

static void one_frame(struct flood_sums *sums, int client, uint32_t session,
		      struct hvcal_job_desc *job, uint64_t due_ns)
{
	uint64_t start = ks_now_ns();
	struct hvcal_event ev;
	int taken;

	taken = ks_submit(client, session, job, 1);
	/* its frame was given up, and the engine still has the target */
	if (taken == -EBUSY) {
		sums->failed++;
		sums->missed++;
		return;
	}
	CHECK_EQ(taken, 1);
	do
		CHECK_OK(ks_event(client, &ev, ks_ms(KS_WAIT_MS)));
	while (ev.type != HVCAL_EVENT_JOB);
	if (sums->frames == FLOOD_FRAMES_MAX)
		return;
	sums->latency[sums->frames] = ks_now_ns() - start;
	sums->late[sums->frames++] = start - due_ns;
	sums->missed += ev.done_ns > ev.deadline_ns;
	sums->failed += ev.status != 0;
}

static void some_frames(const struct flood_plan *plan, struct flood_sums *sums, int client,
			uint32_t session, struct hvcal_job_desc *job)
{
	uint64_t begin = ks_now_ns(), period = plan->period_us * 1000ULL, due = begin + period;

	for (uint32_t i = 0; i < plan->frames; i++, due += period) {
		sleep_until(due);
		one_frame(sums, client, session, job, due);
		if (ks_now_ns() > due + period)
			due = ks_now_ns();
	}
	sums->seconds += (double)(ks_now_ns() - begin) / 1e9;
}

/* One session for all of it: what it was promised stays promised while floods come and go. */
void flood_suffer(const struct flood_plan *plan)
{
	struct flood_shared *sh = plan->shared;
	struct hvcal_session_create arg;
	struct hvcal_job_desc job;
	/* as root: what makes DMA-BUFs without a device is closed to others */
	struct ks_buf frame = ks_buf_make(KS_FRAME_BYTES), packet = ks_buf_make(KS_FRAME_BYTES);
	int client;

	become(VICTIM_UID);
	client = ks_client();
	ks_create_init(&arg, atomic_load(&sh->engine));
	arg.res.sched_class = HVCAL_CLASS_REALTIME;
	arg.res.period_ns = plan->period_us * 1000ULL;
	create(client, &arg);
	ks_job_init(&job, ks_import(client, frame.fd, HVCAL_BUFFER_SOURCE),
		    ks_import(client, packet.fd, HVCAL_BUFFER_TARGET));
	atomic_store(&sh->ready, true);
	for (;;) {
		int way = atomic_load(&sh->turn);

		if (way < 0) {
			ks_sleep_ms(1);
			continue;
		}
		some_frames(plan, &sh->ways[way], client, arg.session, &job);
		atomic_store(&sh->turn, -1);
	}
}

/* ---- floods ---- */

static int count(struct flood_sums *sums, int err)
{
	atomic_fetch_add(&sums->calls, 1);
	atomic_fetch_add(&sums->answers[err < 0 && err > -FLOOD_ERRNOS ? -err : 0], 1);
	return err;
}

/*
 * A session without a reservation. On a machine that is so slow that the engine has
 * no room for one beside the victim's promise, it is refused until there is.
 */
static uint32_t intrude(struct flood_sums *sums, int client, uint32_t engine)
{
	struct hvcal_session_create arg;
	struct hvcal_event ev;
	int err;

	do {
		ks_create_init(&arg, engine);
		arg.max_queued = QUEUED;
		err = count(sums, ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg));
		if (err)
			ks_sleep_ms(1);
	} while (err == -ENOSPC);
	CHECK_OK(err);
	CHECK_OK(ks_event(client, &ev, ks_ms(KS_WAIT_MS)));
	return arg.session;
}

/* Calls that a client may make at any time, and some that it may not. */
static void flood_ioctls(struct flood_sums *sums, int client, uint32_t engine)
{
	uint32_t session = intrude(sums, client, engine);
	struct hvcal_session_stats stats;
	struct hvcal_engine_info infos[8];
	struct hvcal_caps caps;

	for (;;) {
		struct hvcal_engine_list list = {
			.engines = { sizeof(infos[0]), 8, (uintptr_t)infos },
		};

		memset(&caps, 0, sizeof(caps));
		stats = (struct hvcal_session_stats){ .session = session };
		count(sums, ks_ioctl(client, HVCAL_IOC_SESSION_STATS, &stats));
		count(sums, ks_ioctl(client, HVCAL_IOC_ENGINE_LIST, &list));
		count(sums, ks_ioctl(client, HVCAL_IOC_CAPS, &caps));
		count(sums, ks_cancel(client, session, 1 << 30, NULL));
	}
}

/* As many jobs as are taken, in many sessions; what is finished makes room for more. */
static void flood_jobs(struct flood_sums *sums, int client, uint32_t engine, int dmabuf)
{
	static struct hvcal_event events[EVENTS];
	uint32_t sessions[SESSIONS], source, targets[SESSIONS][TARGETS], at[SESSIONS] = { 0 };
	struct hvcal_job_desc jobs[BATCH];

	for (int i = 0; i < SESSIONS; i++)
		sessions[i] = intrude(sums, client, engine);
	source = ks_import(client, dmabuf, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < SESSIONS * TARGETS; i++)
		targets[i / TARGETS][i % TARGETS] = ks_import(client, dmabuf,
							      HVCAL_BUFFER_TARGET);
	fcntl(client, F_SETFL, O_RDWR | O_NONBLOCK);
	for (unsigned int n = 0;; n++) {
		uint32_t s = n % SESSIONS;
		int taken;

		for (uint32_t i = 0; i < BATCH; i++)
			ks_job_init(&jobs[i], source, targets[s][(at[s] + i) % TARGETS]);
		taken = count(sums, ks_submit(client, sessions[s], jobs, BATCH));
		at[s] += taken > 0 ? (uint32_t)taken : 0;
		if (read(client, events, sizeof(events)) < 0 && errno != EAGAIN)
			ks_fail(__FILE__, __LINE__, "read: %s", strerror(errno));
	}
}

/* Up to the limit and beyond; then from the beginning. */
static void flood_sessions(struct flood_sums *sums, uint32_t engine)
{
	struct hvcal_session_create arg;

	for (;;) {
		int client = ks_client();
		unsigned int refused = 0;

		while (refused < RELEASE) {
			ks_create_init(&arg, engine);
			refused += count(sums, ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg)) < 0;
		}
		close(client);
	}
}

static void flood_buffers(struct flood_sums *sums, int dmabuf)
{
	struct hvcal_buffer_import arg;

	for (;;) {
		int client = ks_client();
		unsigned int refused = 0;

		while (refused < RELEASE) {
			ks_import_init(&arg, dmabuf, HVCAL_BUFFER_SOURCE);
			refused += count(sums, ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg)) < 0;
		}
		close(client);
	}
}

/* How much of it is the processor's time, and would be so beside any program? */
static void flood_busy(struct flood_sums *sums)
{
	for (;;)
		count(sums, syscall(SYS_getppid) > 0 ? 0 : -1);
}

void flood_flood(const struct flood_plan *plan, enum flood_way way)
{
	struct flood_sums *sums = &plan->shared->ways[way];
	uint32_t engine = atomic_load(&plan->shared->engine);
	struct ks_buf buf = ks_buf_make(KS_FRAME_BYTES);

	become(FLOODER_UID);
	atomic_store(&plan->shared->flooding, true);
	switch (way) {
	case FLOOD_BUSY:
		flood_busy(sums);
		break;
	case FLOOD_IOCTLS:
		flood_ioctls(sums, ks_client(), engine);
		break;
	case FLOOD_JOBS:
		flood_jobs(sums, ks_client(), engine, buf.fd);
		break;
	case FLOOD_SESSIONS:
		flood_sessions(sums, engine);
		break;
	default:
		flood_buffers(sums, buf.fd);
	}
}
