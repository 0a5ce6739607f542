// SPDX-License-Identifier: MIT
/* The table, the file, and whether a flood met the limits that it should. */
#include "flood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[FLOOD_WAYS] = {
	[FLOOD_NONE] = "alone", [FLOOD_BUSY] = "getppid", [FLOOD_IOCTLS] = "ioctls",
	[FLOOD_JOBS] = "jobs", [FLOOD_SESSIONS] = "sessions", [FLOOD_BUFFERS] = "buffers",
};

struct figures {
	double p50, p99, max, late_p99;	/* ms */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static struct figures figures_of(struct flood_sums *s)
{
	if (!s->frames)
		return (struct figures){ 0 };
	qsort(s->latency, s->frames, sizeof(s->latency[0]), by_value);
	qsort(s->late, s->frames, sizeof(s->late[0]), by_value);
	return (struct figures){
		.p50 = ms(s->latency[s->frames / 2]),
		.p99 = ms(s->latency[s->frames * 99ULL / 100]),
		.max = ms(s->latency[s->frames - 1]),
		.late_p99 = ms(s->late[s->frames * 99ULL / 100]),
	};
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void print_answers(FILE *f, const struct flood_sums *s, const char *form, const char *between)
{
	bool first = true;

	for (int e = 0; e < FLOOD_ERRNOS; e++) {
		unsigned long long n = atomic_load(&s->answers[e]);

		if (!n)
			continue;
		fprintf(f, "%s", first ? "" : between);
		fprintf(f, form, e ? strerrorname_np(e) : "good", n);
		first = false;
	}
}

static bool write_json(const struct flood_plan *plan, const struct figures *figures)
{
	FILE *f = fopen(plan->json, "we");

	if (!f) {
		perror(plan->json);
		return false;
	}
	fprintf(f, "{ \"bench\": \"flood\", \"period_us\": %u, \"job_us\": %u, \"flooders\": %u,\n  \"ways\": {",
		plan->period_us, plan->job_us, plan->flooders);
	for (int w = 0; w < FLOOD_WAYS; w++) {
		const struct flood_sums *s = &plan->shared->ways[w];
		const struct figures *g = &figures[w];

		fprintf(f, "%s\n    \"%s\": { \"frames\": %u, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"missed\": %u, \"failed\": %u, \"victim_woke_late_p99_ms\": %.4f, \"p50_ratio\": %.3f, \"p99_ratio\": %.3f, \"seconds\": %.2f, \"calls\": %llu, \"answers\": { ",
			w ? "," : "", names[w], s->frames, g->p50, g->p99, g->max, s->missed,
			s->failed, g->late_p99, ratio(g->p50, figures[0].p50),
			ratio(g->p99, figures[0].p99), s->seconds,
			(unsigned long long)atomic_load(&s->calls));
		print_answers(f, s, "\"%s\": %llu", ", ");
		fprintf(f, " } }");
	}
	fprintf(f, "\n  } }\n");
	return !fclose(f);
}

static bool limited(const struct flood_sums *s)
{
	return atomic_load(&s->answers[EUSERS]) || atomic_load(&s->answers[EAGAIN]);
}

bool flood_report(const struct flood_plan *plan)
{
	struct figures figures[FLOOD_WAYS];
	bool good = true;

	printf("A real-time stream, one frame in %.1f ms that codes for %.1f ms, beside %u flooding process(es) of another user:\n\n",
	       plan->period_us / 1e3, plan->job_us / 1e3, plan->flooders);
	printf("%-9s %7s %9s %9s %9s %7s %7s %6s %6s %10s %9s\n", "flood", "frames", "p50 ms",
	       "p99 ms", "max ms", "missed", "failed", "p50 x", "p99 x", "woke p99", "calls/s");
	for (int w = 0; w < FLOOD_WAYS; w++) {
		struct flood_sums *s = &plan->shared->ways[w];
		const struct figures *g = &figures[w];

		figures[w] = figures_of(s);
		printf("%-9s %7u %9.3f %9.3f %9.3f %7u %7u %6.2f %6.2f %10.3f %9.0f\n", names[w],
		       s->frames, g->p50, g->p99, g->max, s->missed, s->failed,
		       ratio(g->p50, figures[0].p50), ratio(g->p99, figures[0].p99), g->late_p99,
		       s->seconds > 0 ? (double)atomic_load(&s->calls) / s->seconds : 0);
		good &= s->frames > 0;
	}
	printf("\nwoke: how late the victim itself woke for its frame; getppid: calls that never reach HVCAL\n");
	for (int w = FLOOD_IOCTLS; w < FLOOD_WAYS; w++) {
		const struct flood_sums *s = &plan->shared->ways[w];

		printf("%-9s answered: ", names[w]);
		print_answers(stdout, s, "%s %llu", ", ");
		printf("\n");
		if (w != FLOOD_IOCTLS && !limited(s)) {
			printf("%s: no limit was met, so nothing was flooded\n", names[w]);
			good = false;
		}
	}
	return (!plan->json || write_json(plan, figures)) && good;
}
