// SPDX-License-Identifier: MIT
/* What coding costs, and how much of the CPU it is that others have meanwhile. */
#include <limits.h>
#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "bench.h"

#define MMAP_THRESHOLD (32 << 20)	/* the most that glibc takes */

static int counter = -1;

/* Threads that are made later are counted with it. Virtual machines often have none. */
void cost_init(void)
{
	struct perf_event_attr a = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(a),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1, .exclude_kernel = 1, .exclude_hv = 1,
	};

	counter = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

bool cost_counts(void)
{
	return counter >= 0;
}

struct costs cost_now(void)
{
	struct costs c = { .wall_ns = lib_now_ns(), .cpu_ns = lib_cpu_ns() };

	if (counter >= 0 && read(counter, &c.instructions, sizeof(c.instructions)) < 0)
		c.instructions = 0;
	return c;
}

struct costs cost_between(const struct costs *a, const struct costs *b)
{
	return (struct costs){
		b->wall_ns - a->wall_ns, b->cpu_ns - a->cpu_ns, b->instructions - a->instructions,
	};
}

int cost_last_cpu(void)
{
	cpu_set_t set;
	int last = -1;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			last = cpu;
	return last;
}

bool cost_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

bool cost_before_others(void)
{
	const struct sched_param param = { .sched_priority = 1 };

	return !sched_setscheduler(0, SCHED_FIFO, &param);
}

/*
 * glibc gives threads heaps of their own, which go back to the system with the stream
 * that was in them: HVCAL's pictures after an open would pay for new pages that those of
 * a library in the main thread find again.
 */
void cost_keep_memory(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void cost_taken(int cpu, uint64_t *host_ns, uint64_t *busy_ns)
{
	unsigned long long t[8] = { 0 };
	long hz = sysconf(_SC_CLK_TCK);
	FILE *f = fopen("/proc/stat", "r");
	char line[256], name[16];

	*host_ns = *busy_ns = 0;
	snprintf(name, sizeof(name), "cpu%d ", cpu);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, cpu < 0 ? "cpu " : name, cpu < 0 ? 4 : strlen(name)))
			continue;
		/* user nice system idle iowait irq softirq steal */
		if (sscanf(line, "%*s %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1],
			   &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]) != 8)
			break;
		*host_ns = t[7] * 1000000000 / (uint64_t)hz;
		*busy_ns = (t[0] + t[1] + t[2] + t[5] + t[6]) * 1000000000 / (uint64_t)hz;
		break;
	}
	if (f)
		fclose(f);
}
