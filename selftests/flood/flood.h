/* SPDX-License-Identifier: MIT */
/*
 * What a client that floods does to one that has a deadline: a provider, a victim
 * and a flooder, each a process and each a user of its own.
 */
#ifndef FLOOD_H
#define FLOOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../kselftest/ks.h"

enum { FLOOD_FRAMES_MAX = 1 << 16, FLOOD_ERRNOS = 136 };

enum flood_way {
	FLOOD_NONE,	/* the victim alone */
	FLOOD_BUSY,	/* calls of the kernel that have nothing to do with HVCAL */
	FLOOD_IOCTLS, FLOOD_JOBS, FLOOD_SESSIONS, FLOOD_BUFFERS,
	FLOOD_WAYS,
};

/* Of one way, all rounds together. */
struct flood_sums {
	uint32_t frames, missed, failed;
	uint64_t latency[FLOOD_FRAMES_MAX];	/* submission to event, ns */
	uint64_t late[FLOOD_FRAMES_MAX];	/* the victim's own wake-up for a frame */
	atomic_ullong calls, answers[FLOOD_ERRNOS];	/* the flooder's; 0 good */
	double seconds;
};

struct flood_shared {
	struct flood_sums ways[FLOOD_WAYS];
	atomic_uint engine;
	atomic_bool served;	/* the engine is there */
	atomic_bool flooding;	/* the flooder has begun */
	atomic_bool ready;	/* the victim has its session */
	atomic_int turn;	/* way to measure, -1 none: the victim sets it back */
};

struct flood_plan {
	uint32_t frames, rounds, flooders;
	uint32_t period_us, job_us;
	const char *json;
	struct flood_shared *shared;
};

/* actors.c: bodies of processes, which run until they are killed. */
void flood_provide(const struct flood_plan *plan);
void flood_suffer(const struct flood_plan *plan);
void flood_flood(const struct flood_plan *plan, enum flood_way way);

/* report.c: table and JSON; false: a flood met no limit, or nothing was measured. */
bool flood_report(const struct flood_plan *plan);

#endif
