/* SPDX-License-Identifier: MIT */
/* Durations, and the percentiles of many. */
#ifndef HVCAL_TOOL_LATENCY_H
#define HVCAL_TOOL_LATENCY_H

#include <stddef.h>
#include <stdint.h>

struct latency_log {
	uint64_t *ns;
	size_t count;
	size_t room;
};

/** Percentiles in nanoseconds; all 0 when nothing was logged. */
struct latency_summary {
	uint64_t p50;
	uint64_t p95;
	uint64_t p99;
	uint64_t max;
};

/** @return 0 or -ENOMEM */
int latency_add(struct latency_log *log, uint64_t ns);

/** Adds all of @from to @to. */
int latency_add_all(struct latency_log *to, const struct latency_log *from);

/** Sorts the log. */
void latency_summarize(struct latency_log *log, struct latency_summary *summary);
void latency_free(struct latency_log *log);

#endif /* HVCAL_TOOL_LATENCY_H */
