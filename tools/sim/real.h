/* SPDX-License-Identifier: MIT */
/* The same workloads through a loaded hvcal.ko, in real time. */
#ifndef HVCAL_SIM_REAL_H
#define HVCAL_SIM_REAL_H

#include <sys/types.h>

#include "sim.h"

/* real_engine.c: a process that is an engine whose frames take as long as they say. */

#define REAL_ENGINE_NS_PER_PIXEL 1

/* Starts it; *@engine is its number. The process, or a negative errno. */
pid_t real_engine_start(unsigned int slots, unsigned int *engine);
void real_engine_stop(pid_t pid);

/* real.c */

struct real_options {
	unsigned int seconds;
	unsigned int stretch;	/* all times are that much longer than in the workload */
	unsigned int seed;
};

/*
 * Runs @w. With @fifo every stream is best effort, which is one queue in order of
 * arrival. Streams take part as in sim_run(). 0, or a negative errno after a
 * message.
 */
int sim_run_real(const struct sim_workload *w, bool fifo, const struct real_options *o,
		 const bool *take_part, bool *took_part, struct sim_result *res);

#endif /* HVCAL_SIM_REAL_H */
