// SPDX-License-Identifier: MIT
/*
 * Admission against the whole truth: every small set of tasks is run from every
 * combination of offsets. A set that was admitted never misses; nearly every set
 * that never misses is admitted. TAP.
 *
 * Costs and periods are whole units, but offsets are fractions of one: a long
 * frame may begin just before a short one comes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shim.h"
#include "machine.h"

static unsigned int tests;

static void report(bool ok, const char *name)
{
	printf("%sok %u %s\n", ok ? "" : "not ", ++tests, name);
}

static u64 gcd(u64 a, u64 b)
{
	return b ? gcd(b, a % b) : a;
}

static u64 hyperperiod(const struct machine_task *t, unsigned int n)
{
	u64 h = 1;
	unsigned int i;

	for (i = 0; i < n; i++)
		h = h / gcd(h, t[i].period) * t[i].period;
	return h;
}

/*
 * The yardstick: EDF without preemption on one processor, written as plainly as
 * can be and without the code under test. Does no combination of offsets miss?
 */
static bool edf_misses(const struct machine_task *t, unsigned int n, u64 horizon)
{
	u64 left = 0, now, next[MACHINE_TASKS], due[MACHINE_TASKS] = {};
	unsigned int i, best;

	for (i = 0; i < n; i++)
		next[i] = t[i].offset;
	for (now = 0; now < horizon; now++) {
		for (i = 0; i < n; i++) {
			if (next[i] != now)
				continue;
			if (due[i])
				return true; /* its predecessor has not even begun */
			due[i] = now + t[i].deadline;
			next[i] += t[i].period;
		}
		if (!left) {
			best = n;
			for (i = 0; i < n; i++)
				if (due[i] && (best == n || due[i] < due[best]))
					best = i;
			if (best < n) {
				left = t[best].cost;
				if (now + left > due[best])
					return true;
				due[best] = 0;
			}
		}
		if (left)
			left--;
	}
	return false;
}

/* The first offset stays: only the distances count. */
static bool next_offsets(struct machine_task *t, unsigned int n)
{
	unsigned int i;

	for (i = 1; i < n; i++) {
		if (++t[i].offset < t[i].period)
			return true;
		t[i].offset = 0;
	}
	return false;
}

static bool feasible(const struct machine_task *units, unsigned int n, unsigned int scale)
{
	struct machine_task t[MACHINE_TASKS];
	unsigned int i;
	u64 horizon;

	for (i = 0; i < n; i++)
		t[i] = (struct machine_task){ .cost = units[i].cost * scale,
					      .period = units[i].period * scale,
					      .deadline = units[i].deadline * scale };
	horizon = 3 * hyperperiod(t, n);
	do {
		if (edf_misses(t, n, horizon))
			return false;
	} while (next_offsets(t, n));
	return true;
}

struct tally {
	unsigned int tasks, longest, scale;
	bool constrained;
	unsigned long sets, feasible, admitted, wrong;
};

static void judge(struct tally *y, const struct machine_task *t)
{
	bool ok = feasible(t, y->tasks, y->scale), admitted = machine_admits(t, y->tasks, 1);

	y->sets++;
	y->feasible += ok;
	y->admitted += admitted;
	if (admitted && !ok && !y->wrong++)
		printf("# admitted, but misses: (C %llu T %llu D %llu) (C %llu T %llu D %llu) ...\n",
		       t[0].cost, t[0].period, t[0].deadline, t[1].cost, t[1].period,
		       t[1].deadline);
}

/* Every set with periods up to y->longest, and deadlines in (T/2, T] or T. */
static void every_set(struct tally *y, struct machine_task *t, unsigned int i)
{
	struct machine_task *c = &t[i];

	if (i == y->tasks) {
		judge(y, t);
		return;
	}
	for (c->period = 2; c->period <= y->longest; c->period++)
		for (c->cost = 1; c->cost < c->period; c->cost++)
			for (c->deadline = y->constrained ? max(c->cost, c->period / 2 + 1) :
			     c->period; c->deadline <= c->period; c->deadline++)
				every_set(y, t, i + 1);
}

static void exhaustive(const char *name, struct tally y)
{
	struct machine_task t[MACHINE_TASKS] = {};

	every_set(&y, t, 0);
	printf("# %s: %lu sets, %lu feasible, %lu admitted (%.2f %%), %lu wrongly\n", name,
	       y.sets, y.feasible, y.admitted, 100.0 * (double)y.admitted / (double)y.feasible,
	       y.wrong);
	report(!y.wrong && y.admitted * 10 >= y.feasible * 9, name);
}

/* Random sets on several slots, with jitter, early frames and best effort beside. */
static void admitted_never_miss(unsigned int slots, unsigned int rounds)
{
	unsigned int seed = 1, round, admitted = 0, wrong = 0;
	struct machine_result res;
	u64 longest = 0;
	char name[64];

	for (round = 0; round < rounds; round++) {
		struct machine_task t[MACHINE_TASKS] = {};
		unsigned int i, n = 2 + (unsigned int)rand_r(&seed) % (MACHINE_TASKS - 1);

		for (i = 0; i < n; i++) {
			t[i].period = 5 + (u64)rand_r(&seed) % 40;
			t[i].cost = 1 + (u64)rand_r(&seed) % (t[i].period / 2);
			t[i].deadline = t[i].period - (u64)rand_r(&seed) % (t[i].period / 3);
			t[i].offset = (u64)rand_r(&seed) % t[i].period;
			t[i].jitter = (u64)rand_r(&seed) % 3 ? 0 : t[i].period / 4;
			t[i].early = (u64)rand_r(&seed) % 3 ? 0 : t[i].period * 3;
			t[i].effort = rand_r(&seed) % 5 == 0;
		}
		if (!machine_run(t, n, slots, 4000, &seed, &res))
			continue;
		admitted++;
		longest = max(longest, res.longest_wait);
		if (res.missed && !wrong++) {
			printf("# missed %llu of %llu, first at %llu:\n", res.missed, res.done,
			       res.first_miss);
			for (i = 0; i < n; i++)
				printf("#   C %llu T %llu D %llu offset %llu early %llu%s\n",
				       t[i].cost, t[i].period, t[i].deadline, t[i].offset,
				       t[i].early, t[i].effort ? " best effort" : "");
		}
	}
	printf("# %u slots: %u of %u random sets admitted, %u missed, best effort waited %llu at most\n",
	       slots, admitted, rounds, wrong, longest);
	snprintf(name, sizeof(name), "admitted_never_miss_on_%u", slots);
	report(admitted > rounds / 20 && !wrong, name);
}

int main(void)
{
	exhaustive("every_pair", (struct tally){ .tasks = 2, .longest = 8, .scale = 16 });
	exhaustive("every_pair_with_constrained_deadlines",
		   (struct tally){ .tasks = 2, .longest = 6, .scale = 16, .constrained = true });
	exhaustive("every_triple", (struct tally){ .tasks = 3, .longest = 5, .scale = 10 });
	admitted_never_miss(1, 10000);
	admitted_never_miss(2, 5000);
	admitted_never_miss(4, 5000);
	printf("1..%u\n", tests);
	return 0;
}
