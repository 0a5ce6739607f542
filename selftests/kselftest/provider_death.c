// SPDX-License-Identifier: MIT
/*
 * Providers that die, stop or are late, clients that die: every wait of the
 * other side has an end, and nothing is left.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ks.h"

#define KS_MORE		15	/* engines of KS_SERVE_LAST before the last */
#define KS_FLOOR_MS	100
#define KS_CAP_MS	400
#define KS_ROOM_MS	1500	/* a budget within which the test itself has to act */

/* ---- a provider in another process ---- */

enum ks_script {
	KS_SIT,			/* registers and never acquires */
	KS_OPEN_AND_SIT,	/* opens the session, acquires nothing more */
	KS_HOLD,		/* takes one frame and keeps it */
	KS_SERVE,		/* answers everything */
	KS_SERVE_LAST,		/* ... on the last of many engines */
};

struct ks_provider_script {
	const char *name;
	enum ks_script script;
};

static void ks_more_engines(struct ks_provider *p, const char *name)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	for (int i = 0; i < KS_MORE; i++) {
		ks_register_init(&reg, &cap, name);
		snprintf(reg.name, sizeof(reg.name), "%s-%d", name, i);
		reg.slots = 4;
		reg.session_depth = 4;
		CHECK_OK(ks_ioctl(p->fd, HVCAL_IOC_ENGINE_REGISTER, &reg));
		p->engine = reg.engine;
	}
}

/* Says its engine's number; with KS_HOLD also a word when it has the frame. */
static void ks_provider_run(struct ks_peer *self, void *arg)
{
	const struct ks_provider_script *script = arg;
	struct ks_provider p;
	struct hvcal_item item;

	ks_provider_open(&p, script->name, 4, 4);
	if (script->script == KS_SERVE_LAST)
		ks_more_engines(&p, script->name);
	ks_peer_say(self, p.engine);
	while (script->script != KS_SIT) {
		int err = ks_next(&p, &item, 1000);

		if (err == -ETIMEDOUT)
			continue;
		if (err)
			_exit(1);
		if (item.type == HVCAL_ITEM_ENCODE && script->script == KS_HOLD) {
			ks_peer_say(self, item.id);
			break;
		}
		if (item.type == HVCAL_ITEM_CANCEL)
			continue;
		ks_reply(&p, item.id, 0, 1);
		if (item.type == HVCAL_ITEM_OPEN && script->script == KS_OPEN_AND_SIT)
			break;
	}
	for (;;)
		pause();
}

struct ks_stage {
	struct ks_peer peer;
	int client;
	uint32_t engine, session, source, target;
};

/* A session on an engine in another process, opened unless the script sits. */
static void ks_stage_open(struct ks_stage *st, const char *name, enum ks_script script)
{
	struct ks_provider_script *arg = &(struct ks_provider_script) { name, script };
	struct hvcal_session_create create;
	struct hvcal_event ev;

	ks_late_watch();
	st->client = ks_client();
	st->peer = ks_peer_start(ks_provider_run, arg);
	st->engine = (uint32_t)ks_peer_hear(&st->peer);
	ks_create_init(&create, st->engine);
	CHECK_OK(ks_ioctl(st->client, HVCAL_IOC_SESSION_CREATE, &create));
	st->session = create.session;
	st->source = ks_import_new(st->client, HVCAL_BUFFER_SOURCE);
	st->target = ks_import_new(st->client, HVCAL_BUFFER_TARGET);
	if (script != KS_SIT)
		ks_expect_event(st->client, &ev, HVCAL_EVENT_OPENED, 0);
}

static uint64_t ks_stage_submit(struct ks_stage *st)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, st->source, st->target);
	CHECK_EQ(ks_submit(st->client, st->session, &job, 1), 1);
	return job.job;
}

/*
 * Reads until the session is lost and @job, if it is one, has ended badly, @ms from
 * now at the latest. Which of the two is told first is open.
 */
static void ks_expect_lost(struct ks_stage *st, uint64_t job, int ms)
{
	uint64_t start = ks_now_ns();
	bool lost = false, ended = !job;

	while (!lost || !ended) {
		struct hvcal_event ev;

		CHECK_OK(ks_event(st->client, &ev, ks_ms(KS_WAIT_MS)));
		CHECK_EQ(ev.session, st->session);
		CHECK_LE(ev.status, -1);
		if (ev.type == HVCAL_EVENT_JOB) {
			CHECK(!ended);
			CHECK_EQ(ev.job, job);
			ended = true;
		} else if (ev.type != HVCAL_EVENT_OPENED) {
			/* (of one that never ran, OPENED says so as well) */
			CHECK_EQ(ev.type, HVCAL_EVENT_LOST);
			CHECK(!lost);
			lost = true;
		}
	}
	CHECK_LE(ks_since_ms(start), ms + ks_slack_ms());
	ks_expect_quiet(st->client);
	CHECK_EQ(ks_stats(st->client, st->session).state, HVCAL_SESSION_LOST);
}

/* ---- death ---- */

struct death { const char *label; enum ks_script script; bool job; };

static const struct death deaths[] = {
	{ "before_open", KS_SIT, false },
	{ "before_open_with_job", KS_SIT, true },
	{ "idle", KS_OPEN_AND_SIT, false },
	{ "before_acquire", KS_OPEN_AND_SIT, true },
	{ "holding", KS_HOLD, true },
};

KS_TABLE(killed, deaths)
{
	const struct death *death = row;
	struct hvcal_engine_info info;
	struct hvcal_job_desc job;
	struct ks_stage st;
	uint64_t number = 0;

	ks_stage_open(&st, "ks-pd-killed", death->script);
	if (death->job)
		number = ks_stage_submit(&st);
	if (death->script == KS_HOLD)
		ks_peer_hear(&st.peer);
	ks_peer_kill(&st.peer, SIGKILL);
	/* death is seen at once: no watchdog is waited for */
	ks_expect_lost(&st, number, 500);
	CHECK_ERR(ks_engine_info(st.client, st.engine, &info), -ENODEV);
	ks_job_init(&job, st.source, st.target);
	CHECK_ERR(ks_submit(st.client, st.session, &job, 1), -ENOTCONN);
	CHECK_OK(ks_destroy(st.client, st.session));
}

/* The dead cannot write any more: the target is free at once. */
KS_TEST(target_is_free_after_death)
{
	struct ks_provider second;
	struct hvcal_job_desc job;
	struct ks_stage st;
	uint64_t number;

	ks_stage_open(&st, "ks-pd-free", KS_HOLD);
	number = ks_stage_submit(&st);
	ks_peer_hear(&st.peer);
	ks_peer_kill(&st.peer, SIGKILL);
	ks_expect_lost(&st, number, 500);
	ks_provider_open(&second, "ks-pd-free2", 1, 1);
	ks_job_init(&job, st.source, st.target);
	CHECK_EQ(ks_submit(st.client, ks_session_plain(&second, st.client), &job, 1), 1);
}

/* Retiring an engine by its own provider looks the same to clients. */
/*
 * A provider and the sessions on it go at the same time. Its engines go one after
 * another: for a while the last one is there still, of a provider that is dead.
 */
KS_TEST_LIMIT(destroyed_while_dying, 30)
{
	enum { ROUNDS = 5, SESSIONS = 32 };
	struct hvcal_engine_info first;
	uint32_t sessions[SESSIONS];
	struct ks_stage st;
	struct hvcal_event ev;

	for (int round = 0; round < ROUNDS; round++) {
		struct hvcal_session_create create;

		ks_stage_open(&st, "ks-dying", KS_SERVE_LAST);
		ks_create_init(&create, st.engine);
		for (int i = 0; i < SESSIONS; i++) {
			CHECK_OK(ks_ioctl(st.client, HVCAL_IOC_SESSION_CREATE, &create));
			sessions[i] = create.session;
		}
		for (int i = 0; i < SESSIONS; i++)
			ks_expect_event(st.client, &ev, HVCAL_EVENT_OPENED, 0);
		CHECK_OK(kill(st.peer.pid, SIGKILL));
		while (!ks_engine_info(st.client, st.engine - KS_MORE, &first))
			;
		for (int i = 0; i < SESSIONS; i++) {
			CHECK_OK(ks_destroy(st.client, sessions[i]));
			/* takes the memory that was just freed, and is refused */
			CHECK(ks_ioctl(st.client, HVCAL_IOC_SESSION_CREATE, &create) < 0);
		}
		CHECK_EQ(waitpid(st.peer.pid, NULL, 0), st.peer.pid);
		close(st.peer.from);
		close(st.peer.to);
		close(st.client);
	}
}

KS_TEST(unregistered)
{
	struct hvcal_engine_unregister gone = { 0 };
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;
	bool lost = false, ended = false;

	ks_rig_open(&rig, "ks-pd-unreg", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	gone.engine = rig.p.engine;
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone));
	while (!lost || !ended) {
		CHECK_OK(ks_event(rig.client, &ev, ks_ms(KS_WAIT_MS)));
		lost |= ev.type == HVCAL_EVENT_LOST;
		ended |= ev.type == HVCAL_EVENT_JOB && ev.status < 0;
	}
	/* the reply that is still on its way does no harm */
	CHECK_LE(ks_reply(&rig.p, item.id, 0, 1), -1);
}

/* Calls of a client on a dead engine return at once. */
KS_TEST(calls_do_not_block)
{
	struct hvcal_session_flush flush = { 0 };
	struct ks_stage st;
	uint64_t start;

	ks_stage_open(&st, "ks-pd-calls", KS_OPEN_AND_SIT);
	ks_stage_submit(&st);
	ks_peer_kill(&st.peer, SIGSTOP);
	start = ks_now_ns();
	flush.session = st.session;
	CHECK_OK(ks_ioctl(st.client, HVCAL_IOC_SESSION_FLUSH, &flush));
	ks_stats(st.client, st.session);
	CHECK_OK(ks_cancel(st.client, st.session, 0, NULL));
	CHECK_OK(ks_destroy(st.client, st.session));
	CHECK_OK(ks_release(st.client, st.source));
	CHECK_OK(close(st.client));
	CHECK_LE(ks_since_ms(start), 100 + ks_slack_ms());
	ks_peer_kill(&st.peer, SIGCONT);
	ks_peer_kill(&st.peer, SIGKILL);
}

/* ---- hangs ---- */

/* Stopped while it holds a frame: the frame ends by its budget, the engine by the next. */
KS_TEST(stopped_holding)
{
	struct hvcal_event ev;
	struct hvcal_job_desc job;
	struct ks_stage st;
	uint64_t start;
	int took;

	ks_watchdog(KS_FLOOR_MS, KS_CAP_MS);
	ks_stage_open(&st, "ks-pd-stop", KS_HOLD);
	ks_stage_submit(&st);
	ks_peer_hear(&st.peer);
	start = ks_now_ns();
	ks_peer_kill(&st.peer, SIGSTOP);
	ks_expect_event(st.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
	took = ks_since_ms(start);
	ks_note("timed out after %d ms", took);
	CHECK_LE(took, KS_CAP_MS + 100 + ks_slack_ms());
	CHECK_EQ(ks_stats(st.client, st.session).timed_out, 1);
	/* the engine may still write there */
	ks_job_init(&job, st.source, st.target);
	CHECK_ERR(ks_submit(st.client, st.session, &job, 1), -EBUSY);
	/* the second strike */
	ks_expect_lost(&st, 0, KS_CAP_MS + 100);
	ks_peer_kill(&st.peer, SIGKILL);
}

KS_TEST(stopped_before_open)
{
	struct hvcal_session_create create;
	struct hvcal_engine_info info;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_provider p;
	int client = ks_client();
	uint64_t start;

	ks_late_watch();
	ks_watchdog(KS_FLOOR_MS, KS_CAP_MS);
	ks_provider_open(&p, "ks-pd-open", 1, 1);
	ks_create_init(&create, p.engine);
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &create));
	ks_expect_item(&p, &item, HVCAL_ITEM_OPEN);
	CHECK_GE(item.budget_ns, 1);
	/* taken and never answered: both strikes pass */
	start = ks_now_ns();
	CHECK_OK(ks_event(client, &ev, ks_ms(KS_WAIT_MS)));
	CHECK_LE(ks_since_ms(start), 2 * KS_CAP_MS + 100 + ks_slack_ms());
	CHECK(ev.type == HVCAL_EVENT_LOST || ev.type == HVCAL_EVENT_OPENED);
	CHECK_LE(ev.status, -1);
	CHECK_ERR(ks_engine_info(client, p.engine, &info), -ENODEV);
}

/* ---- nobody comes for the work ---- */

static const struct death stops[] = {
	{ "before_open", KS_SIT, false },
	{ "before_open_with_job", KS_SIT, true },
	{ "before_acquire", KS_OPEN_AND_SIT, true },
};

/* Stopped while it has nothing in hand: what comes then does not wait for ever. */
KS_TABLE(stopped_idle, stops)
{
	const struct death *death = row;
	struct ks_stage st;
	uint64_t number = 0, start = ks_now_ns();

	ks_param("watchdog_attend_ms", KS_CAP_MS);
	ks_stage_open(&st, "ks-pd-idle", death->script);
	ks_peer_kill(&st.peer, SIGSTOP);
	if (death->job)
		number = ks_stage_submit(&st);
	ks_expect_lost(&st, number, 2 * KS_CAP_MS + 100);
	ks_note("lost after %d ms", ks_since_ms(start));
	ks_peer_kill(&st.peer, SIGKILL);
}

/* A provider that comes too late is told so, and nothing else happens to it. */
KS_TEST(stopped_idle_and_late)
{
	struct ks_stage st;
	int status;

	ks_param("watchdog_attend_ms", KS_CAP_MS);
	ks_stage_open(&st, "ks-pd-late2", KS_SERVE);
	ks_peer_kill(&st.peer, SIGSTOP);
	ks_expect_lost(&st, ks_stage_submit(&st), 2 * KS_CAP_MS + 100);
	ks_peer_kill(&st.peer, SIGCONT);
	/* ACQUIRE said that it is over */
	CHECK_EQ(waitpid(st.peer.pid, &status, 0), st.peer.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* One that was only slow to wake up goes on as if nothing had been. */
KS_TEST(stopped_idle_and_back)
{
	struct hvcal_engine_info info = { 0 };
	struct hvcal_event ev;
	struct ks_stage st;
	uint64_t start;

	ks_param("watchdog_attend_ms", KS_WAIT_MS);
	ks_stage_open(&st, "ks-pd-back", KS_SERVE);
	ks_peer_kill(&st.peer, SIGSTOP);
	ks_stage_submit(&st);
	start = ks_now_ns();
	while (info.state != HVCAL_ENGINE_SUSPECT) {
		CHECK_OK(ks_engine_info(st.client, st.engine, &info));
		CHECK_LE(ks_since_ms(start), KS_WAIT_MS + ks_slack_ms());
		ks_sleep_ms(5);
	}
	ks_peer_kill(&st.peer, SIGCONT);
	ks_expect_event(st.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_OK(ks_engine_info(st.client, st.engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
	ks_peer_kill(&st.peer, SIGKILL);
}

/* Its client goes at the same time: what is to be closed is not waited for either. */
KS_TEST(stopped_idle_without_client)
{
	struct hvcal_engine_info info;
	struct ks_stage st;
	uint64_t start;
	int other = ks_client();

	ks_param("watchdog_attend_ms", KS_CAP_MS);
	ks_stage_open(&st, "ks-pd-alone", KS_OPEN_AND_SIT);
	ks_peer_kill(&st.peer, SIGSTOP);
	ks_stage_submit(&st);
	CHECK_OK(close(st.client));
	start = ks_now_ns();
	while (!ks_engine_info(other, st.engine, &info)) {
		CHECK_LE(ks_since_ms(start), 2 * KS_CAP_MS + 100 + ks_slack_ms());
		ks_sleep_ms(5);
	}
	ks_peer_kill(&st.peer, SIGCONT);
	ks_peer_kill(&st.peer, SIGKILL);
}

/* Waiting in the queue is no fault of the engine: no budget runs before it takes a frame. */
KS_TEST(queued_is_not_watched)
{
	struct hvcal_engine_info info;
	struct hvcal_event ev;
	struct hvcal_item first, second;
	struct ks_rig rig;

	ks_watchdog(KS_ROOM_MS, KS_ROOM_MS);
	ks_param("watchdog_attend_ms", 20 * KS_ROOM_MS);
	ks_rig_open(&rig, "ks-pd-queued", 1, 1);
	ks_rig_submit(&rig, rig.target, 1);
	ks_sleep_ms(KS_ROOM_MS * 3 / 2);
	ks_expect_item(&rig.p, &first, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, first.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	ks_rig_submit(&rig, rig.target, 2);
	ks_expect_item(&rig.p, &second, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, second.id, 0, 1));
	CHECK_OK(ks_engine_info(rig.client, rig.p.engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
}

/* A late answer is told so, changes nothing, frees the target and clears the suspicion. */
KS_TEST(late_answer)
{
	struct hvcal_engine_info info;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_rig rig;
	struct hvcal_item_check check;

	ks_watchdog(KS_FLOOR_MS, KS_ROOM_MS);
	ks_rig_open(&rig, "ks-pd-late", 1, 1);
	ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_GE(item.budget_ns, KS_FLOOR_MS * KS_MS);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
	CHECK_OK(ks_engine_info(rig.client, rig.p.engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_SUSPECT);
	ks_job_init(&job, rig.source, rig.target);
	CHECK_ERR(ks_submit(rig.client, rig.session, &job, 1), -EBUSY);
	check.id = item.id;
	CHECK_ERR(ks_ioctl(rig.p.fd, HVCAL_IOC_ITEM_CHECK, &check), -ETIMEDOUT);
	CHECK_ERR(ks_reply(&rig.p, item.id, 0, 1), -ETIMEDOUT);
	ks_expect_quiet(rig.client);
	CHECK_OK(ks_engine_info(rig.client, rig.p.engine, &info));
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
	ks_rig_run(&rig, 2);
	CHECK_EQ(ks_stats(rig.client, rig.session).timed_out, 1);
	CHECK_EQ(ks_stats(rig.client, rig.session).done, 1);
}

/* Nothing new goes to an engine under suspicion. */
KS_TEST(suspect_gets_nothing)
{
	struct hvcal_event ev;
	struct hvcal_item item, next;
	struct ks_rig rig;
	int err;

	ks_watchdog(KS_ROOM_MS, KS_ROOM_MS);
	ks_rig_open(&rig, "ks-pd-suspect", 4, 4);
	ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, -ETIMEDOUT);
	/* but a notice that nobody waits for the frame any more */
	ks_rig_submit(&rig, rig.target2, 2);
	err = ks_next(&rig.p, &next, KS_FLOOR_MS);
	if (!err) {
		CHECK_EQ(next.type, HVCAL_ITEM_CANCEL);
		CHECK_EQ(next.cancel_id, item.id);
		err = ks_next(&rig.p, &next, KS_FLOOR_MS);
	}
	CHECK_ERR(err, -ETIMEDOUT);
	CHECK_ERR(ks_reply(&rig.p, item.id, 0, 1), -ETIMEDOUT);
	ks_expect_item(&rig.p, &next, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig.p, next.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

/* Frames held back on purpose are not watched, however long. */
KS_TEST(held_is_not_watched)
{
	struct hvcal_item_result held = { .flags = HVCAL_RESULT_HELD };
	struct hvcal_complete complete = { .results = { sizeof(held), 1, (uintptr_t)&held } };
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	ks_watchdog(KS_ROOM_MS, KS_ROOM_MS);
	ks_rig_open(&rig, "ks-pd-held", 1, 4);
	ks_rig_submit(&rig, rig.target, 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	held.id = item.id;
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_COMPLETE, &complete));
	CHECK_OK(held.verdict);
	CHECK_ERR(ks_event(rig.client, &ev, KS_ROOM_MS * 3 / 2), -ETIMEDOUT);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

/* ---- the client dies ---- */

struct ks_client_arg { uint32_t engine; };

/* Submits two frames and waits to be killed. */
static void ks_client_run(struct ks_peer *self, void *arg)
{
	struct hvcal_session_create create;
	struct hvcal_job_desc job;
	int client = ks_client();

	ks_create_init(&create, ((struct ks_client_arg *)arg)->engine);
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &create));
	for (int i = 0; i < 2; i++) {
		ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
			    ks_import_new(client, HVCAL_BUFFER_TARGET));
		CHECK_EQ(ks_submit(client, create.session, &job, 1), 1);
	}
	ks_peer_say(self, 1);
	for (;;)
		pause();
}

KS_TEST(client_killed)
{
	struct ks_client_arg arg;
	struct ks_peer client;
	struct ks_provider p;
	struct hvcal_item open, encode, item;

	ks_provider_open(&p, "ks-pd-client", 1, 1);
	arg.engine = p.engine;
	client = ks_peer_start(ks_client_run, &arg);
	ks_expect_item(&p, &open, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&p, open.id, 0, 0));
	ks_peer_hear(&client);
	ks_expect_item(&p, &encode, HVCAL_ITEM_ENCODE);
	CHECK_EQ(p.adds, 2);
	ks_peer_kill(&client, SIGKILL);
	ks_expect_item(&p, &item, HVCAL_ITEM_CANCEL);
	CHECK_EQ(item.cancel_id, encode.id);
	CHECK_EQ(p.drops, 0);
	CHECK_ERR(ks_reply(&p, encode.id, 0, 1), -ECANCELED);
	ks_expect_item(&p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_expect_idle(&p);
	CHECK_EQ(p.drops, 2);
}

/* Dies before its stream is open: the provider is not left with half a stream. */
KS_TEST(client_killed_while_opening)
{
	struct ks_client_arg arg;
	struct ks_peer client;
	struct ks_provider p;
	struct hvcal_item open, item;

	ks_provider_open(&p, "ks-pd-opening", 1, 1);
	arg.engine = p.engine;
	client = ks_peer_start(ks_client_run, &arg);
	ks_expect_item(&p, &open, HVCAL_ITEM_OPEN);
	ks_peer_hear(&client);
	ks_peer_kill(&client, SIGKILL);
	ks_sleep_ms(ks_ms(50));
	ks_reply(&p, open.id, 0, 0);
	ks_expect_item(&p, &item, HVCAL_ITEM_CLOSE);
	CHECK_EQ(item.stream, open.stream);
	CHECK_OK(ks_reply(&p, item.id, 0, 0));
	ks_expect_idle(&p);
}

/* Both at once, in either order. */
KS_TEST(both_killed)
{
	for (int i = 0; i < 2; i++) {
		struct ks_provider_script script = { "ks-pd-both", KS_HOLD };
		struct ks_peer provider = ks_peer_start(ks_provider_run, &script), client;
		struct ks_client_arg arg = { (uint32_t)ks_peer_hear(&provider) };

		client = ks_peer_start(ks_client_run, &arg);
		ks_peer_hear(&client);
		ks_peer_hear(&provider);
		ks_peer_kill(i ? &client : &provider, SIGKILL);
		ks_peer_kill(i ? &provider : &client, SIGKILL);
	}
}

/* ---- another engine goes on ---- */

KS_TEST(failover)
{
	struct hvcal_engine_register reg;
	struct hvcal_session_create create;
	struct hvcal_engine_cap cap;
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	struct ks_provider first, second;
	int client = ks_client();

	if (!(ks_caps(client).features & HVCAL_FEATURE_FAILOVER))
		ks_skip("this module does not move sessions");
	ks_cap_init(&cap);
	cap.codec = HVCAL_FOURCC('k', 's', 't', 'F');
	ks_register_init(&reg, &cap, "ks-pd-first");
	reg.kind = HVCAL_ENGINE_HARDWARE;
	ks_provider_register(&first, &reg);
	ks_register_init(&reg, &cap, "ks-pd-second");
	reg.kind = HVCAL_ENGINE_SOFTWARE;
	ks_provider_register(&second, &reg);
	ks_create_init(&create, 0);
	create.codec = cap.codec;
	create.loss = HVCAL_LOSS_REISSUE;
	ks_session(&first, client, &create);
	ks_job_init(&job, ks_import_new(client, HVCAL_BUFFER_SOURCE),
		    ks_import_new(client, HVCAL_BUFFER_TARGET));
	CHECK_EQ(ks_submit(client, create.session, &job, 1), 1);
	ks_expect_item(&first, &item, HVCAL_ITEM_ENCODE);
	ks_provider_close(&first);
	ks_expect_item(&second, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(&second, item.id, 0, 0));
	ks_expect_event(client, &ev, HVCAL_EVENT_RESYNC, 0);
	CHECK_EQ(ev.engine, second.engine);
	ks_expect_item(&second, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&second, item.id, 0, 1));
	ks_expect_event(client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ks_stats(client, create.session).migrations, 1);
}
