/* SPDX-License-Identifier: MIT */
/* What engines of software libraries take as options, and say of themselves. */
#ifndef HVCAL_ENGINES_SOFT_ENGINE_H
#define HVCAL_ENGINES_SOFT_ENGINE_H

#include <stdio.h>
#include <unistd.h>

#include <hvcal/engine.h>

#include "option.h"

#define HVCAL_SOFT_THREADS_MAX 4UL	/* by default; more gain little in low-delay coding */

struct hvcal_soft_options {
	unsigned long threads;	/* of a stream that does not say how many */
	unsigned long slots;
	unsigned long cost;	/* claimed ns per megapixel */
};

static inline int hvcal_soft_option(const struct hvcal_engine_host *host, const char *name,
				    const char *option, unsigned long min, unsigned long max,
				    unsigned long *value, char *reason, size_t reason_len)
{
	char key[64];

	snprintf(key, sizeof(key), "%s.%s", name, option);
	return hvcal_option_number(host, key, min, max, value, reason, reason_len);
}

/* NAME.slots and NAME.cost. @return 0; -EINVAL with one line in @reason */
static inline int hvcal_soft_options(const struct hvcal_engine_host *host, const char *name,
				     unsigned long cost, struct hvcal_soft_options *o,
				     char *reason, size_t reason_len)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int ret;

	*o = (struct hvcal_soft_options){ .slots = cpus > 0 ? (unsigned long)cpus : 1, .cost = cost };
	ret = hvcal_soft_option(host, name, "slots", 1, 1024, &o->slots, reason, reason_len);
	return ret ? ret : hvcal_soft_option(host, name, "cost", 0, 1000000000, &o->cost, reason,
					     reason_len);
}

/* Those, and NAME.threads. */
static inline int hvcal_soft_options_threads(const struct hvcal_engine_host *host,
					     const char *name, unsigned long cost,
					     struct hvcal_soft_options *o, char *reason,
					     size_t reason_len)
{
	int ret = hvcal_soft_options(host, name, cost, o, reason, reason_len);

	o->threads = o->slots < HVCAL_SOFT_THREADS_MAX ? o->slots : HVCAL_SOFT_THREADS_MAX;
	return ret ? ret : hvcal_soft_option(host, name, "threads", 1, 128, &o->threads, reason,
					     reason_len);
}

/* What all say of themselves; the codec and what it can are left to the engine. */
static inline void hvcal_soft_describe(struct hvcal_engine_desc *desc, const char *name,
				       const struct hvcal_soft_options *o)
{
	*desc = (struct hvcal_engine_desc){
		.kind = HVCAL_ENGINE_SOFTWARE,
		.flags = HVCAL_ENGINE_MAP_SOURCE | HVCAL_ENGINE_MAP_TARGET,
		.numa_node = -1,
		.slots = (uint32_t)o->slots,
		/* two, so that the next frame is there when one is finished */
		.session_depth = 2,
		.ncaps = 1,
	};
	snprintf(desc->name, sizeof(desc->name), "%s", name);
}

#endif
