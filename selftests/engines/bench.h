/* SPDX-License-Identifier: MIT */
/* What the parts of bench_engines share. */
#ifndef HVCAL_SELFTESTS_ENGINES_BENCH_H
#define HVCAL_SELFTESTS_ENGINES_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <hvcal/hvcal.h>

#include "lib.h"

#define PICTURES_MAX 60
#define BENCH_GOAL 0.98	/* of the library's frames a second */

struct subject {
	const char *engine;
	uint32_t codec;
	const struct lib_ops *lib;
	unsigned int speed;	/* what preset 1 is there */
	int qp, lib_qp;		/* the same one on both scales */
	unsigned int share;	/* of the time: of the slow ones it takes more to see as much */
};

struct bench {
	hvcal_context_t *ctx;
	hvcal_pool_t *pool;
	hvcal_buffer_t *buffers[PICTURES_MAX];
	unsigned int width, height, count;	/* of the pictures */
	unsigned int seconds, threads;
	unsigned int handicap;	/* percent of its time that the second library loses */
	int cpu;		/* that all of this runs on; -1: any */
	uint64_t random;
};

/* A stream, through HVCAL or of the library called as it is. */
struct side {
	const struct bench *bench;
	const struct subject *subject;
	bool ours;
	hvcal_session_t *session;
	struct lib_encoder *lib;
	uint64_t bytes, hash;	/* of its packets */
	uint64_t engine_ns;	/* of HVCAL's last picture: from the engine's start to its end */
};

/* CPU time and instructions are those of the process. */
struct costs {
	uint64_t wall_ns, cpu_ns, instructions;
};

void cost_init(void);		/* before there are threads */
bool cost_counts(void);		/* are there instructions? */
struct costs cost_now(void);
struct costs cost_between(const struct costs *a, const struct costs *b);
int cost_last_cpu(void);	/* that may be used; -1 unknown */
/* All that runs from now on stays on @cpu; goes before all of other processes. @return done */
bool cost_pin(int cpu);
bool cost_before_others(void);
/* Before there are threads: memory that was freed is used again, by whom it may be. */
void cost_keep_memory(void);
/* What the host took of the CPU (-1 all) and what ran on it, in ns since the machine began. */
void cost_taken(int cpu, uint64_t *host_ns, uint64_t *busy_ns);

/* @kbps 0: constant QP. Return 0 or a negative errno. */
int side_open(struct side *side, const struct bench *b, const struct subject *s, bool ours,
	      unsigned int kbps);
/* Picture @n in, its packet out. */
int side_code(struct side *side, unsigned int n, struct costs *costs);
int side_retarget(struct side *side, unsigned int kbps);
void side_close(struct side *side);

/* What an interval of 99 % leaves of an estimate. */
struct estimate {
	double value, low, high;
};

/* Orders the values. */
double stat_median(double *values, unsigned int n);
/* The median of values, and where it lies if others had been drawn of the same kind. */
struct estimate stat_estimate(double *values, unsigned int n, uint64_t *random);
/* A random number below @limit */
unsigned int stat_random(uint64_t *random, unsigned int limit);

/* Prints a line of the table, and the members of an object; progress goes to stderr. */
int bench_speed(struct bench *b, const struct subject *s, FILE *json);

struct starts {
	double open[2], reconfigure[2], restart[2];	/* ms; HVCAL, the library */
};

int bench_starts(struct bench *b, const struct subject *s, struct starts *t);

#endif
