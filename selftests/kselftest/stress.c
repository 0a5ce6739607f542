// SPDX-License-Identifier: MIT
/*
 * Clients and providers that come, go and are killed at random, for a bounded
 * number of rounds. What must hold: nobody hangs, the kernel does not warn, and
 * (the harness looks) nothing is left at the end.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ks.h"

enum { KS_PROVIDERS = 3, KS_CLIENTS = 4, KS_ROUNDS = 60 };

/* Each process has its own generator; the seed is printed. */
struct ks_random { uint64_t state; };

static uint32_t ks_random(struct ks_random *r, uint32_t below)
{
	r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(r->state >> 33) % below;
}

static uint64_t ks_seed(void)
{
	const char *text = getenv("KS_SEED");

	return text ? strtoull(text, NULL, 0) : ks_now_ns();
}

/* Answers in bad ways too: late, twice, unknown, failing, holding back. */
static void ks_answer(struct ks_provider *p, struct ks_random *r, const struct hvcal_item *item)
{
	struct hvcal_item_result held = { .id = item->id, .flags = HVCAL_RESULT_HELD };
	struct hvcal_complete arg = { .results = { sizeof(held), 1, (uintptr_t)&held } };

	switch (ks_random(r, 12)) {
	case 0:
		ks_sleep_ms((int)ks_random(r, 10));
		break;
	case 1:
		ks_reply(p, item->id, -EIO, 0);
		return;
	case 2:
		ks_reply(p, item->id + 1000, 0, 0);
		break;
	case 3:
		ks_reply(p, item->id, 0, 1ULL << 40);
		return;
	case 4:
		if (item->type == HVCAL_ITEM_ENCODE)
			ks_ioctl(p->fd, HVCAL_IOC_COMPLETE, &arg);
		break;
	case 5:
		ks_reply(p, item->id, 0, 1);
		break;
	}
	ks_reply(p, item->id, 0, 1);
}

static void ks_stress_provider(unsigned int number, uint64_t seed)
{
	struct ks_random r = { seed };
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;
	struct hvcal_item item;
	static struct ks_provider p;
	char name[32];

	ks_cap_init(&cap);
	cap.codec = HVCAL_FOURCC('k', 's', 't', 'S');
	snprintf(name, sizeof(name), "ks-st-%u", number);
	ks_register_init(&reg, &cap, name);
	reg.kind = HVCAL_ENGINE_SOFTWARE;
	reg.slots = 1 + ks_random(&r, 4);
	reg.session_depth = 1 + ks_random(&r, 4);
	p.fd = ks_provider_node(O_NONBLOCK);
	/* the name may still be that of one who was just killed */
	while (ks_ioctl(p.fd, HVCAL_IOC_ENGINE_REGISTER, &reg) == -EBUSY)
		ks_sleep_ms(1);
	p.engine = reg.engine;
	for (;;) {
		int err = ks_next(&p, &item, 1000);

		if (err == -ETIMEDOUT)
			continue;
		if (err)
			_exit(0);
		if (item.type != HVCAL_ITEM_CANCEL)
			ks_answer(&p, &r, &item);
	}
}

/* One life of a client: a session, some frames, some of them cancelled. */
static void ks_stress_life(struct ks_random *r)
{
	struct hvcal_session_create create;
	struct hvcal_job_desc job;
	struct hvcal_event ev;
	uint32_t source, targets[4];
	int client = ks_client();

	ks_create_init(&create, 0);
	create.codec = HVCAL_FOURCC('k', 's', 't', 'S');
	if (ks_random(r, 2)) {
		create.res.sched_class = HVCAL_CLASS_REALTIME;
		create.res.period_ns = 500 * KS_MS;
	}
	create.loss = ks_random(r, 2);
	if (ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &create)) {
		close(client);
		ks_sleep_ms(2);
		return;
	}
	source = ks_import_new(client, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < 4; i++)
		targets[i] = ks_import_new(client, HVCAL_BUFFER_TARGET);
	for (uint32_t n = ks_random(r, 30); n; n--) {
		struct hvcal_session_flush flush = { .session = create.session };

		ks_job_init(&job, source, targets[ks_random(r, 4)]);
		ks_submit(client, create.session, &job, 1);
		switch (ks_random(r, 8)) {
		case 0:
			ks_cancel(client, create.session, ks_random(r, 2) ? job.job : 0, NULL);
			break;
		case 1:
			ks_ioctl(client, HVCAL_IOC_SESSION_FLUSH, &flush);
			break;
		case 2:
			ks_stats(client, create.session);
			break;
		default:
			ks_event(client, &ev, (int)ks_random(r, 4));
		}
	}
	if (ks_random(r, 3) == 0)
		ks_destroy(client, create.session);
	if (ks_random(r, 3) == 0)
		ks_release(client, source);
	close(client);
}

static void ks_stress_client(uint64_t seed)
{
	struct ks_random r = { seed };

	for (;;)
		ks_stress_life(&r);
}

static pid_t ks_spawn(unsigned int number, uint64_t seed)
{
	pid_t pid = fork();

	CHECK_GE(pid, 0);
	if (pid)
		return pid;
	if (number < KS_PROVIDERS)
		ks_stress_provider(number, seed);
	else
		ks_stress_client(seed);
	_exit(0);
}

/* @stops: hang some with SIGSTOP as well, so that the watchdog takes part. */
static void ks_stress(bool stops)
{
	enum { COUNT = KS_PROVIDERS + KS_CLIENTS };
	uint64_t seed = ks_seed();
	struct ks_random r = { seed };
	pid_t pids[COUNT];
	int status;

	ks_note("KS_SEED=%llu", (unsigned long long)seed);
	close(ks_client());
	for (unsigned int i = 0; i < COUNT; i++)
		pids[i] = ks_spawn(i, seed + i);
	for (unsigned int round = 0; round < KS_ROUNDS; round++) {
		unsigned int victim = ks_random(&r, COUNT);

		ks_sleep_ms((int)ks_random(&r, 60));
		if (stops && ks_random(&r, 2)) {
			CHECK_OK(kill(pids[victim], SIGSTOP));
			ks_sleep_ms((int)ks_random(&r, 120));
			if (ks_random(&r, 2)) {
				CHECK_OK(kill(pids[victim], SIGCONT));
				continue;
			}
		}
		CHECK_OK(kill(pids[victim], SIGKILL));
		CHECK_EQ(waitpid(pids[victim], &status, 0), pids[victim]);
		/* a check that failed in there is a failure here */
		CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
		pids[victim] = ks_spawn(victim, seed + round * COUNT + victim);
	}
	for (unsigned int i = 0; i < COUNT; i++) {
		CHECK_OK(kill(pids[i], SIGKILL));
		CHECK_EQ(waitpid(pids[i], NULL, 0), pids[i]);
	}
}

KS_TEST_LIMIT(kills, 60)
{
	ks_stress(false);
}

KS_TEST_LIMIT(kills_and_stops, 60)
{
	ks_watchdog(40, 80);
	ks_stress(true);
}
