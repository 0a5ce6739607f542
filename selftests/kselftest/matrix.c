// SPDX-License-Identifier: MIT
/*
 * The fault matrix: what a provider may do wrong, times who is killed then, times
 * whether the module is to go at that moment. Every case has the same promises:
 * no call of the client takes long, its job ends within the budget and 100 ms,
 * the module refuses to go while it is open, and goes when it is closed, with
 * nothing left.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ks.h"
#include "lib/state.h"

#define KS_FLOOR_MS	100
#define KS_CAP_MS	400
#define KS_MORE_MS	100	/* what is promised on top of the budget */
#define KS_SLOW_MS	60	/* slow, and yet within the budget */

enum ks_fault {
	KS_SLOW, KS_DIES_IDLE, KS_DIES_HOLDING, KS_DIES_REPLYING, KS_STOPS, KS_STOPS_IDLE,
	KS_WRONG_ID, KS_WRONG_SIZE, KS_NO_FILES,
};

enum ks_killed { KS_NOBODY, KS_CLIENT, KS_BOTH };

struct ks_case {
	const char *label;
	enum ks_fault fault;
	enum ks_killed killed;
	bool unload;
};

#define KS_KILLED(label, fault, killed, text)				\
	{ label text, fault, killed, false },				\
	{ label text ".unload", fault, killed, true }
#define KS_FAULT(label, fault)						\
	KS_KILLED(label, fault, KS_NOBODY, ""),				\
	KS_KILLED(label, fault, KS_CLIENT, ".client_killed"),		\
	KS_KILLED(label, fault, KS_BOTH, ".both_killed")

static const struct ks_case cases[] = {
	KS_FAULT("slow", KS_SLOW),
	KS_FAULT("dies_idle", KS_DIES_IDLE),
	KS_FAULT("dies_holding", KS_DIES_HOLDING),
	KS_FAULT("dies_replying", KS_DIES_REPLYING),
	KS_FAULT("stops", KS_STOPS),
	KS_FAULT("stops_idle", KS_STOPS_IDLE),
	KS_FAULT("wrong_id", KS_WRONG_ID),
	KS_FAULT("wrong_size", KS_WRONG_SIZE),
	KS_FAULT("no_files", KS_NO_FILES),
};

/* ---- the provider ---- */

static atomic_bool ks_replying;

static void *ks_kill_replying(void *unused)
{
	while (!atomic_load(&ks_replying))
		;
	kill(getpid(), SIGKILL);
	return unused;
}

/* Replies to a batch in which @id comes last, and is killed meanwhile. */
static void ks_die_replying(struct ks_provider *p, uint64_t id)
{
	static struct hvcal_item_result results[HVCAL_BATCH_MAX];
	struct hvcal_complete arg = {
		.results = { sizeof(results[0]), HVCAL_BATCH_MAX, (uintptr_t)results },
	};
	pthread_t killer;

	for (int i = 0; i < HVCAL_BATCH_MAX; i++)
		results[i].id = id + (uint64_t)(HVCAL_BATCH_MAX - 1 - i) * 1000;
	CHECK_EQ(pthread_create(&killer, NULL, ks_kill_replying, NULL), 0);
	atomic_store(&ks_replying, true);
	for (;;)
		ks_ioctl(p->fd, HVCAL_IOC_COMPLETE, &arg);
}

/* The frame is there, and there is no room for its buffers' descriptors. */
static void ks_run_out_of_files(struct ks_provider *p, struct ks_peer *self, bool client_lives)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct rlimit none, before;

	CHECK_EQ(poll(&pfd, 1, ks_ms(KS_WAIT_MS)), 1);
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_ERR(ks_acquire(p), -EMFILE);
	ks_peer_say(self, 1);
	ks_sleep_ms(KS_SLOW_MS);
	if (client_lives)
		CHECK_ERR(ks_acquire(p), -EMFILE);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* Takes the frame and does to it what the case says; a word when it does. */
static void ks_misbehave(struct ks_provider *p, struct ks_peer *self, const struct ks_case *test)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	struct hvcal_item item;

	if (test->fault == KS_NO_FILES) {
		ks_run_out_of_files(p, self, test->killed == KS_NOBODY);
		return;
	}
	if (test->fault == KS_DIES_IDLE || test->fault == KS_STOPS_IDLE) {
		CHECK_EQ(poll(&pfd, 1, ks_ms(KS_WAIT_MS)), 1);
		ks_peer_say(self, 1);
		raise(test->fault == KS_DIES_IDLE ? SIGKILL : SIGSTOP);
	}
	ks_expect_item(p, &item, HVCAL_ITEM_ENCODE);
	ks_peer_say(self, 1);
	switch (test->fault) {
	case KS_SLOW:
		ks_sleep_ms(KS_SLOW_MS);
		ks_reply(p, item.id, 0, 1);
		break;
	case KS_DIES_HOLDING:
		raise(SIGKILL);
		break;
	case KS_DIES_REPLYING:
		ks_die_replying(p, item.id);
		break;
	case KS_STOPS:
		raise(SIGSTOP);
		break;
	case KS_WRONG_ID:
		CHECK_ERR(ks_reply(p, item.id + 1000, 0, 1), -ENOENT);
		/* and takes that for its answer */
		for (;;)
			pause();
	case KS_WRONG_SIZE:
		/* (or the client is gone already) */
		CHECK_LE(ks_reply(p, item.id, 0, 1ULL << 40), -1);
		break;
	default:
		break;
	}
}

static void ks_provider_run(struct ks_peer *self, void *arg)
{
	const struct ks_case *test = arg;
	struct ks_provider p;
	struct hvcal_item item;

	ks_provider_open(&p, "ks-matrix", 1, 1);
	ks_peer_say(self, p.engine);
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_misbehave(&p, self, test);
	/* who is still here serves on */
	for (;;)
		if (!ks_next(&p, &item, 1000) && item.type != HVCAL_ITEM_CANCEL)
			ks_reply(&p, item.id, 0, 1);
}

/* ---- the client ---- */

struct ks_stage {
	struct ks_peer provider, peer;
	uint32_t engine;
	int client;
	uint32_t session, source, target, target2;
	uint64_t job;
};

static uint64_t ks_stage_submit(struct ks_stage *st, uint32_t target)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, st->source, target);
	/* on an engine that is gone there is nobody to take it */
	return ks_submit(st->client, st->session, &job, 1) == 1 ? job.job : 0;
}

static void ks_stage_client(struct ks_stage *st)
{
	struct hvcal_session_create create;
	struct hvcal_event ev;

	st->client = ks_client();
	ks_create_init(&create, st->engine);
	CHECK_OK(ks_ioctl(st->client, HVCAL_IOC_SESSION_CREATE, &create));
	st->session = create.session;
	st->source = ks_import_new(st->client, HVCAL_BUFFER_SOURCE);
	st->target = ks_import_new(st->client, HVCAL_BUFFER_TARGET);
	st->target2 = ks_import_new(st->client, HVCAL_BUFFER_TARGET);
	ks_expect_event(st->client, &ev, HVCAL_EVENT_OPENED, 0);
	st->job = ks_stage_submit(st, st->target);
	CHECK_NE(st->job, 0);
}

/* The client that is to be killed. */
static void ks_client_run(struct ks_peer *self, void *arg)
{
	ks_stage_client(arg);
	ks_peer_say(self, 1);
	for (;;)
		pause();
}

/* Everything a client may call, whatever it says: none of it takes long. */
static void ks_call_all(struct ks_stage *st)
{
	struct hvcal_session_flush flush = { .session = st->session };
	struct hvcal_session_create create;
	uint64_t start = ks_now_ns(), job;

	ks_stats(st->client, st->session);
	job = ks_stage_submit(st, st->target2);
	ks_ioctl(st->client, HVCAL_IOC_SESSION_FLUSH, &flush);
	if (job)
		ks_cancel(st->client, st->session, job, NULL);
	ks_release(st->client, ks_import_new(st->client, HVCAL_BUFFER_TARGET));
	ks_create_init(&create, st->engine);
	if (!ks_ioctl(st->client, HVCAL_IOC_SESSION_CREATE, &create))
		ks_destroy(st->client, create.session);
	CHECK_LE(ks_since_ms(start), KS_MORE_MS + ks_slack_ms());
}

/* Reads until the job has ended, within its budget and what is promised; its status. */
static int ks_job_status(struct ks_stage *st, uint64_t start)
{
	struct hvcal_event ev;

	do {
		CHECK_OK(ks_event(st->client, &ev, ks_ms(KS_WAIT_MS)));
	} while (ev.type != HVCAL_EVENT_JOB || ev.job != st->job);
	CHECK_LE(ks_since_ms(start), KS_CAP_MS + KS_MORE_MS + ks_slack_ms());
	return ev.status;
}

static void ks_check_status(enum ks_fault fault, int status)
{
	switch (fault) {
	case KS_SLOW:
	case KS_NO_FILES:
		CHECK_OK(status);
		break;
	case KS_STOPS:
	case KS_WRONG_ID:
		CHECK_ERR(status, -ETIMEDOUT);
		break;
	case KS_WRONG_SIZE:
		CHECK_ERR(status, -EPROTO);
		break;
	case KS_DIES_REPLYING:
		/* whichever came first */
		CHECK_LE(status, 0);
		break;
	default:
		CHECK_LE(status, -1);
	}
}

/* ---- a case ---- */

/* The kernel holds no more of anything than @before, in time. */
static void ks_expect_objects(const struct ks_objects *before, uint64_t start, int ms)
{
	struct ks_objects now;
	unsigned int i = 0;

	for (int took = 0; took <= ks_ms(KS_WAIT_MS); took = ks_since_ms(start)) {
		CHECK_OK(ks_objects_read(&now));
		for (i = 0; i < now.kinds; i++)
			if (now.count[i] > before->count[i] && strcmp(now.name[i], "providers") &&
			    strcmp(now.name[i], "engines"))
				break;
		if (i == now.kinds) {
			CHECK_LE(took, ms + ks_slack_ms());
			return;
		}
		ks_sleep_ms(2);
	}
	ks_fail(__FILE__, __LINE__, "%s are left", now.name[i]);
}

/* An engine that hangs is retired by its second strike, whoever waits for it. */
static void ks_expect_retired(uint32_t engine, uint64_t start)
{
	struct hvcal_engine_info info;
	int client = ks_client();

	while (!ks_engine_info(client, engine, &info)) {
		CHECK_LE(ks_since_ms(start), ks_ms(KS_WAIT_MS));
		ks_sleep_ms(2);
	}
	CHECK_LE(ks_since_ms(start), 2 * KS_CAP_MS + KS_MORE_MS + ks_slack_ms());
	close(client);
}

/* The client sees it all through, and closes. */
static void ks_client_lives(struct ks_stage *st, enum ks_fault fault, uint64_t start)
{
	uint64_t closing;

	ks_call_all(st);
	ks_check_status(fault, ks_job_status(st, start));
	ks_call_all(st);
	closing = ks_now_ns();
	CHECK_OK(close(st->client));
	CHECK_LE(ks_since_ms(closing), KS_MORE_MS + ks_slack_ms());
}

/* A peer that ended by itself had something to complain of. */
static void ks_peer_end(struct ks_peer *peer)
{
	int status;

	CHECK_OK(kill(peer->pid, SIGKILL));
	CHECK_EQ(waitpid(peer->pid, &status, 0), peer->pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

KS_TABLE(fault, cases)
{
	const struct ks_case *test = row;
	bool hangs = test->fault == KS_STOPS || test->fault == KS_STOPS_IDLE ||
		     test->fault == KS_WRONG_ID;
	struct ks_objects before;
	struct ks_stage st = { 0 };
	uint64_t start;

	close(ks_client());
	if (test->unload)
		ks_module_need(true);
	ks_watchdog(KS_FLOOR_MS, KS_CAP_MS);
	ks_param("watchdog_attend_ms", KS_CAP_MS);
	if (ks_objects_read(&before))
		ks_skip("no debugfs");
	st.provider = ks_peer_start(ks_provider_run, (void *)(uintptr_t)test);
	st.engine = (uint32_t)ks_peer_hear(&st.provider);
	if (test->killed == KS_NOBODY) {
		ks_stage_client(&st);
	} else {
		st.peer = ks_peer_start(ks_client_run, &st);
		ks_peer_hear(&st.peer);
	}
	ks_late_watch();
	ks_peer_hear(&st.provider);
	start = ks_now_ns();
	if (test->unload)
		CHECK_ERR(ks_module_remove(), -EAGAIN);

	if (test->killed == KS_NOBODY)
		ks_client_lives(&st, test->fault, start);
	else
		ks_peer_end(&st.peer);
	if (hangs && test->killed != KS_BOTH)
		ks_expect_retired(st.engine, start);
	else if (test->killed != KS_BOTH)
		ks_expect_objects(&before, ks_now_ns(), KS_CAP_MS + KS_MORE_MS);

	/* what a hung one may still write to is kept until it is gone */
	ks_peer_end(&st.provider);
	ks_expect_objects(&before, ks_now_ns(), KS_MORE_MS);
	if (!test->unload)
		return;
	CHECK_OK(ks_module_remove_within(KS_MORE_MS + ks_slack_ms()));
	CHECK_OK(ks_module_insert());
}
