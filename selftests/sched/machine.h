/* SPDX-License-Identifier: MIT */
/* A machine of whole time units that runs the module's own queue, for tests. */
#ifndef HVCAL_TEST_MACHINE_H
#define HVCAL_TEST_MACHINE_H

#include "hvcal_admit.h"

#define MACHINE_TASKS	8
#define MACHINE_SLOTS	4
#define MACHINE_JOBS	64	/* of one task that wait at once */

/* One sporadic task; times in units. */
struct machine_task {
	u64 cost;
	u64 period;
	u64 deadline;
	u64 offset;
	u64 jitter;	/* up to that much is added to each interval */
	u64 early;	/* frames are submitted up to that much ahead of their period */
	bool effort;	/* best effort: no deadline */
};

struct machine_result {
	u64 done;
	u64 missed;
	u64 first_miss;
	u64 longest_wait;	/* of best effort */
};

/*
 * Runs @count tasks until @horizon on @slots; real-time tasks go to the lanes
 * that admission finds. False: admission refused one of them.
 */
bool machine_run(const struct machine_task *tasks, unsigned int count, unsigned int slots,
		 u64 horizon, unsigned int *seed, struct machine_result *result);
/* Admission alone. */
bool machine_admits(const struct machine_task *tasks, unsigned int count, unsigned int slots);

#endif /* HVCAL_TEST_MACHINE_H */
