/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "latency.h"

int latency_add(struct latency_log *log, uint64_t ns)
{
	if (log->count == log->room) {
		size_t room = log->room ? log->room * 2 : 1024;
		uint64_t *grown = realloc(log->ns, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		log->ns = grown;
		log->room = room;
	}
	log->ns[log->count++] = ns;
	return 0;
}

int latency_add_all(struct latency_log *to, const struct latency_log *from)
{
	int ret = 0;

	for (size_t i = 0; i < from->count && !ret; i++)
		ret = latency_add(to, from->ns[i]);
	return ret;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The smallest value that @per_mille of all are not above. */
static uint64_t percentile(const struct latency_log *log, size_t per_mille)
{
	size_t rank = (log->count * per_mille + 999) / 1000;

	return log->ns[rank ? rank - 1 : 0];
}

void latency_summarize(struct latency_log *log, struct latency_summary *summary)
{
	*summary = (struct latency_summary){ 0 };
	if (!log->count)
		return;
	qsort(log->ns, log->count, sizeof(*log->ns), compare);
	summary->p50 = percentile(log, 500);
	summary->p95 = percentile(log, 950);
	summary->p99 = percentile(log, 990);
	summary->max = log->ns[log->count - 1];
}

void latency_free(struct latency_log *log)
{
	free(log->ns);
	*log = (struct latency_log){ 0 };
}
