// SPDX-License-Identifier: MIT
/*
 * What scheduling costs a frame, against the number of sessions: choosing and
 * starting it, ending it, learning from it, predicting and queueing the next.
 */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "sim.h"
#include "hvcal_admit.h"
#include "hvcal_cost.h"
#include "hvcal_queue.h"

#define SLOTS		4
#define MOST		4096U
#define JOBS		2000000U
#define REPEATS		5
#define GOLDEN		2654435761ULL	/* 2^32 by the golden ratio: scatters */

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

/* Of 120, 60, 50, 30 and 25 frames a second. */
static u64 period_of(size_t session)
{
	static const u64 periods[] = { 8333333, 16666667, 20000000, 33333333, 40000000 };

	return periods[session % (sizeof(periods) / sizeof(periods[0]))];
}

/*
 * Every session always has a frame that waits, and all come in turn: each brings
 * frames at a rate of its own, so nothing of it is in the cache when it is chosen.
 * Returns ns a frame.
 */
static double measure(unsigned int sessions)
{
	struct hvcal_queue *q = calloc(1, sizeof(*q));
	struct hvcal_wheel *wheels = sim_zalloc(hvcal_queue_wheels(SLOTS) * sizeof(*wheels));
	/* all in one large page, as the kernel's memory is */
	struct hvcal_flow *flows = sim_zalloc(MOST * (sizeof(*flows) + sizeof(struct hvcal_ticket)));
	struct hvcal_ticket *tickets = (struct hvcal_ticket *)&flows[MOST];
	struct hvcal_cost *cost = calloc(1, sizeof(*cost));
	u64 now = 1, begin, noise = 1;
	struct hvcal_pick pick;
	unsigned int i;
	double ns;

	hvcal_cost_seed(cost, 1000000);
	hvcal_queue_init(q, SLOTS, wheels, 1000000, 4000000);
	for (i = 0; i < sessions; i++) {
		hvcal_queue_attach(q, &flows[i], true, 1);
		hvcal_queue_open(q, &flows[i], true, now);
		hvcal_task_set(&flows[i].task, 1, 1, 1);
		hvcal_queue_settle(q, &flows[i], i % SLOTS, now);
		/* spread over the first period, in no order */
		tickets[i] = (struct hvcal_ticket){ .deadline_ns = now + i * GOLDEN % period_of(i),
						    .queued_ns = now,
						    .cost_ns = 1, .ready = true };
		hvcal_queue_append(q, &flows[i], &tickets[i], now);
	}
	begin = now_ns();
	for (i = 0; i < JOBS && hvcal_queue_pick(q, now, &pick); i++) {
		struct hvcal_flow *f = pick.flow;
		struct hvcal_ticket *t = hvcal_queue_take(q, &pick, now);

		now += 10;
		hvcal_queue_done(q, f, t, now);
		hvcal_cost_learn(cost, now, 1000000 + (noise >> 46), 1000000);
		noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
		*t = (struct hvcal_ticket){ .deadline_ns = t->deadline_ns + period_of(f - flows),
					    .queued_ns = now,
					    .cost_ns = hvcal_cost_predict(cost->planned, 1000000),
					    .ready = true };
		hvcal_queue_append(q, f, t, now);
	}
	ns = (double)(now_ns() - begin) / i;
	free(cost);
	free(flows);
	free(wheels);
	free(q);
	return ns;
}

/*
 * What it costs to find out that promises cannot be kept any more: four slots,
 * 90 % reserved, every cost grows by a fifth. PRESSURE is raised in the same step.
 * Returns us.
 */
static double measure_replan(unsigned int sessions)
{
	struct hvcal_queue *q = calloc(1, sizeof(*q));
	struct hvcal_flow *flows = sim_zalloc(sessions * sizeof(*flows));
	unsigned int i;
	u64 begin;
	double us;

	hvcal_queue_init(q, SLOTS, NULL, 1000000, 4000000);
	for (i = 0; i < sessions; i++) {
		u64 period = period_of(i);
		u32 lane;

		hvcal_queue_attach(q, &flows[i], true, 1);
		hvcal_task_set(&flows[i].task, period * SLOTS * 9 / 10 / sessions, period, period);
		lane = hvcal_admit_find(q, &flows[i].task, 0);
		hvcal_queue_settle(q, &flows[i], lane, 1);
		if (lane != HVCAL_LANE_NONE)
			hvcal_admit_refresh(&q->lane[lane]);
	}
	begin = now_ns();
	for (i = 0; i < sessions; i++) {
		struct hvcal_task *t = &flows[i].task;

		hvcal_task_set(t, t->cost_ns + t->cost_ns / 5, t->period_ns, t->deadline_ns);
	}
	hvcal_admit_replan(q, false, 1);
	us = (double)(now_ns() - begin) / 1000;
	free(flows);
	free(q);
	return us;
}

/* The least of several: what the code costs, not its neighbours. */
static double least(double (*what)(unsigned int), unsigned int sessions)
{
	double best = what(sessions);
	unsigned int i;

	for (i = 1; i < REPEATS; i++)
		best = fmin(best, what(sessions));
	return best;
}

void sim_decision_cost(void)
{
	double first = 0;
	unsigned int n;

	printf("%-9s %14s %8s %18s\n", "sessions", "ns a frame", "ratio", "us to PRESSURE");
	for (n = 1; n <= MOST; n *= 4) {
		double ns = least(measure, n);

		if (!first)
			first = ns;
		printf("%-9u %14.1f %8.2f", n, ns, ns / first);
		if (n >= SLOTS)
			printf(" %18.1f", least(measure_replan, n));
		putchar('\n');
		fflush(stdout);
	}
}
