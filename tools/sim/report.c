// SPDX-License-Identifier: MIT
#include "sim.h"

#define MS 1e-6

static double share(double a, double b)
{
	return b > 0 ? 100 * a / b : 0;
}

void sim_report_head(const struct sim_workload *w)
{
	printf("\n%s, %u slots\n", w->name, w->slots);
	printf("%-11s %7s %9s %10s %9s %9s  %-29s %7s %7s\n", "policy", "streams", "reserved",
	       "frames", "missed", "missed", "done after deadline, ms", "used", "effort");
	printf("%-11s %7s %9s %10s %9s %9s  %9s %9s %9s %7s %7s\n", "", "", "%", "", "", "%",
	       "p50", "p99", "max", "%", "%");
}

void sim_report_row(const struct sim_result *r)
{
	char name[24];

	snprintf(name, sizeof(name), "%s%s", r->policy, r->real ? " real" : "");
	printf("%-11s %7u %9.1f %10llu %9llu %9.4f  %9.3f %9.3f %9.3f %7.1f %7.1f\n", name,
	       r->streams, r->reserved_ppm / 1e4, r->jobs, r->missed,
	       share((double)r->missed, (double)r->jobs), (double)sim_quantile(r, 0.5) * MS,
	       (double)sim_quantile(r, 0.99) * MS, (double)r->max_late * MS,
	       share((double)r->busy_ns, r->capacity), share((double)r->effort_ns, r->capacity));
	fflush(stdout);
}

void sim_report_json(FILE *f, const struct sim_workload *w, const struct sim_result *res,
		     unsigned int count, bool first)
{
	unsigned int i;

	fprintf(f, "%s\n  {\"workload\": \"%s\", \"slots\": %u, \"policies\": [", first ? "" : ",",
		w->name, w->slots);
	for (i = 0; i < count; i++) {
		const struct sim_result *r = &res[i];

		fprintf(f, "%s\n    {\"policy\": \"%s\", \"real\": %s, \"streams\": %u, \"refused\": %u, "
			"\"reserved_ppm\": %u, \"frames\": %llu, \"missed\": %llu, "
			"\"late_p50_ns\": %lld, \"late_p99_ns\": %lld, \"late_max_ns\": %lld, "
			"\"used_percent\": %.3f, \"effort_percent\": %.3f, \"wall_s\": %.3f}",
			i ? "," : "", r->policy, r->real ? "true" : "false", r->streams, r->refused, r->reserved_ppm, r->jobs,
			r->missed, sim_quantile(r, 0.5), sim_quantile(r, 0.99), r->max_late,
			share((double)r->busy_ns, r->capacity),
			share((double)r->effort_ns, r->capacity), r->wall_s);
	}
	fprintf(f, "]}");
}
