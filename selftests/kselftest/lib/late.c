// SPDX-License-Identifier: MIT
/* How long the test machine stood still: no fault of the module. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../ks.h"

#define KS_NAP_MS	10
#define KS_CALLS	200	/* after it: a millisecond of work */
#define KS_STILL_MS	20	/* less is a jiffy, and within the slack */
/* of the test machine: a jiffy at 100 Hz, a wake-up, and busy processors */
#define KS_SLACK_MS	150

/*
 * One sleeps and works on each processor: one may have been taken away, and the
 * others not, and who only sleeps is let run before those who work.
 */
struct ks_napper {
	int cpu;
	atomic_int still_ms;		/* all stand-stills together */
	_Atomic uint64_t nap_start;	/* of the turn that has not ended, 0 none */
};

static struct ks_napper ks_nappers[CPU_SETSIZE];
static int ks_napper_count;

int ks_since_ms(uint64_t start)
{
	return (int)((ks_now_ns() - start) / KS_MS);
}

/* How late the end of a turn is that began at @start. */
static int ks_nap_late_ms(uint64_t start)
{
	int late = start ? ks_since_ms(start) - KS_NAP_MS : 0;

	return late < KS_STILL_MS ? 0 : late;
}

static void *ks_nap(void *arg)
{
	struct ks_napper *n = arg;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(n->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (;;) {
		uint64_t start = ks_now_ns();

		atomic_store(&n->nap_start, start);
		ks_sleep_ms(KS_NAP_MS);
		for (int i = 0; i < KS_CALLS; i++)
			syscall(SYS_getppid);
		atomic_fetch_add(&n->still_ms, ks_nap_late_ms(start));
	}
	return NULL;
}

void ks_late_watch(void)
{
	pthread_t thread;
	cpu_set_t set;

	if (ks_napper_count)
		return;
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		struct ks_napper *n = &ks_nappers[ks_napper_count];

		if (!CPU_ISSET(cpu, &set))
			continue;
		n->cpu = cpu;
		CHECK_EQ(pthread_create(&thread, NULL, ks_nap, n), 0);
		CHECK_EQ(pthread_detach(thread), 0);
		ks_napper_count++;
	}
}

int ks_slack_ms(void)
{
	int still = 0;

	/* who sleeps need not be the first to run after a stand-still */
	for (int i = 0; i < ks_napper_count; i++)
		still += ks_nap_late_ms(atomic_load(&ks_nappers[i].nap_start)) +
			 atomic_load(&ks_nappers[i].still_ms);
	return ks_ms(KS_SLACK_MS) + 2 * still;
}
