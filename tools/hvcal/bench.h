/* SPDX-License-Identifier: MIT */
/*
 * hvcal bench dispatch: several ways to hand a job to another process, behind
 * one small table of operations, and what they are measured with.
 */
#ifndef HVCAL_TOOL_BENCH_H
#define HVCAL_TOOL_BENCH_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "latency.h"

#define BENCH_MAX_DEPTH 32
#define BENCH_FDS 2		/* of a job: picture and packet */

/** When what happened to one job, CLOCK_MONOTONIC ns. */
struct bench_times {
	uint64_t submit;	/**< client, before it hands the job over */
	uint64_t acquire;	/**< worker, when it has the job */
	uint64_t complete;	/**< worker, before it says done */
	uint64_t event;		/**< client, when it knows */
};

/** Memory that all processes of a bench share. */
struct bench_shared {
	atomic_int ready;	/**< worker: 0 not yet, > 0 (engine number), -errno */
	atomic_uint round_jobs;	/**< jobs of the round that runs */
	struct bench_times times[]; /**< of the jobs of the round */
};

struct bench_way;

struct bench_ops {
	const char *name;	/**< for people */
	const char *key;	/**< in JSON */
	/** Starts the other processes. @return 0, negative errno after a message */
	int (*open)(struct bench_way *way);
	/** Hands over jobs @first .. @first + @count - 1 (at most the depth). */
	int (*submit)(struct bench_way *way, uint32_t first, uint32_t count);
	/** Waits; notes times[].event. @return jobs that ended, or negative errno */
	int (*reap)(struct bench_way *way);
	void (*close)(struct bench_way *way);
};

/** One way, opened. */
struct bench_way {
	const struct bench_ops *ops;
	struct bench_shared *shared;
	uint32_t depth;		/**< jobs that may be under way at once */
	int job_fds[BENCH_FDS];	/**< what comes with every job */
	void *priv;
	struct latency_log to_worker;	/**< submit to acquire, one job at a time */
	struct latency_log to_client;	/**< complete to event, one job at a time */
	uint64_t batch_jobs;	/**< with @depth jobs under way */
	uint64_t batch_ns;
};

extern const struct bench_ops bench_hvcal_ops;
extern const struct bench_ops bench_broker_ops;
extern const struct bench_ops bench_eventfd_ops;

/**
 * Starts a process that runs @work(way) and ends with it. It dies with its
 * parent. @return its id, or a negative errno
 */
pid_t bench_fork(struct bench_way *way, void (*work)(struct bench_way *way));

/** Ends a process of bench_fork(). 0 is allowed. */
void bench_kill(pid_t pid);

/**
 * Writes @root to @path ("-": standard output), whole or not at all, and frees
 * it. @return 0 or a negative errno after a message
 */
int bench_write_json(struct json_object *root, const char *path);

/** A number with four digits after the point. */
struct json_object *bench_figure(double value);

/** What was measured on: kernel, processors. Adds to @root. */
void bench_add_machine(struct json_object *root);

#endif /* HVCAL_TOOL_BENCH_H */
