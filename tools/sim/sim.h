/* SPDX-License-Identifier: MIT */
/* hvcal-sim: what a scheduling policy makes of a workload. */
#ifndef HVCAL_SIM_H
#define HVCAL_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shim.h"
#include "hvcal_heap.h"

#define SIM_CLASSES	16
#define SIM_EVENTS	16
#define SIM_STREAMS	8192
#define SIM_SLOTS	64

/* ------------------------------------------------------------------------ */
/* workload.c: what is asked of an engine. Times in ns.                     */

struct sim_class {
	char name[24];
	bool effort;		/* best effort; else real time */
	unsigned int count;	/* streams; 0: as many as are admitted, in turn */
	u64 period;		/* of best effort: 0, the next frame follows the last */
	u64 deadline;
	u64 cost;		/* mean engine time of a frame */
	double noise;		/* costs are within +- this share of the mean */
	u64 jitter;		/* submission is late by up to that */
	unsigned int burst;	/* frames are submitted that many at once */
	u64 join;		/* of the first stream */
};

enum sim_change { SIM_CLOCK, SIM_SLOTS_LOST };

struct sim_event {
	u64 when;
	enum sim_change what;
	double clock;		/* engine time is multiplied by this from then on */
	unsigned int slots;	/* these remain */
};

struct sim_workload {
	char name[32];
	unsigned int slots;
	unsigned int nclasses;
	struct sim_class classes[SIM_CLASSES];
	unsigned int nevents;
	struct sim_event events[SIM_EVENTS];
};

/* False: one line about it is on stderr. */
bool sim_workload_read(struct sim_workload *w, const char *path);

/* ------------------------------------------------------------------------ */
/* policy: which job runs next                                              */

struct sim_stream;

struct sim_job {
	struct sim_job *next;		/* the policy's */
	struct sim_stream *stream;
	u64 nominal;			/* start of its period by its client's clock */
	u64 submitted;
	u64 deadline;			/* U64_MAX none */
	u64 cost;			/* what it will take; no policy looks at this */
	u64 started;
	struct hvcal_heap_node timer;	/* its end, while it runs */
	void *priv;			/* the policy's */
};

struct sim_stream {
	const struct sim_class *class;
	unsigned int number;
	bool admitted;
	u64 next_nominal;
	struct hvcal_heap_node timer;	/* its next submission */
	void *priv;			/* the policy's */
};

struct sim_policy {
	const char *name;
	const char *about;
	void *(*create)(const struct sim_workload *w);
	void (*destroy)(void *p);
	/* False: the stream is refused. NULL: all are taken. */
	bool (*admit)(void *p, struct sim_stream *s, u64 now);
	void (*submit)(void *p, struct sim_job *j, u64 now);
	/* The job that is to start now, NULL none. Slots are the policy's to count. */
	struct sim_job *(*start)(void *p, u64 now);
	void (*done)(void *p, struct sim_job *j, u64 now);
	/* When to ask again although nothing happened; 0 never. NULL: never. */
	u64 (*wake)(void *p, u64 now);
	void (*lose)(void *p, unsigned int slots, u64 now);
	/* Share of the engine that is promised, in millionths. NULL: none. */
	unsigned int (*reserved)(void *p);
};

extern const struct sim_policy sim_edf, sim_fifo, sim_rr, sim_fair;

/* ------------------------------------------------------------------------ */
/* run.c                                                                    */

#define SIM_HIST	200001	/* microseconds from -100 ms to +100 ms */

struct sim_result {
	const char *policy;
	bool real;			/* through the module, not simulated */
	unsigned int streams;		/* real-time ones that take part */
	unsigned int refused;
	unsigned int reserved_ppm;
	u64 jobs;			/* real time */
	u64 missed;
	s64 max_late;
	u64 effort_jobs;
	u64 effort_ns;			/* engine time of best effort */
	u64 busy_ns;
	u64 span_ns;
	double capacity;		/* slots times span, less what was lost */
	double wall_s;
	u32 hist[SIM_HIST];
};

/*
 * Runs @w until @jobs real-time jobs are done. Streams that @guest (NULL: nobody)
 * refused take no part: policies are compared on the same streams.
 */
void sim_run(const struct sim_workload *w, const struct sim_policy *policy, u64 jobs,
	     unsigned int seed, const bool *take_part, bool *took_part, struct sim_result *res);
/* For real.c, which works with the same streams and the same chances. */

/* Streams with a count first, then one of each class that fills, in turn. */
unsigned int sim_make_streams(const struct sim_workload *w, void *streams, size_t stride);
/* When the next stream joins: one by one, and not on a grid. */
u64 sim_next_join(u64 *join, u64 *seed);
u64 sim_draw_cost(const struct sim_class *c, double clock, u64 *seed);
u64 sim_draw_jitter(const struct sim_class *c, u64 *seed);
/* A real-time frame was done @late ns after its deadline. */
void sim_record(struct sim_result *res, s64 late);

/* Lateness that a share @q of the jobs does not exceed, ns. */
s64 sim_quantile(const struct sim_result *res, double q);

/* decision.c: prints a table */
void sim_decision_cost(void);

/* report.c */
void sim_report_head(const struct sim_workload *w);
void sim_report_row(const struct sim_result *res);
void sim_report_json(FILE *f, const struct sim_workload *w, const struct sim_result *res,
		     unsigned int count, bool first);

/* edf.c: zeroed memory for what contains a struct hvcal_flow, which is aligned */
void *sim_zalloc(size_t size);

#endif /* HVCAL_SIM_H */
