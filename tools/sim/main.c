// SPDX-License-Identifier: MIT
/*
 * hvcal-sim: runs workloads under hvcal.ko's own scheduling policy, compiled from
 * the module's own files, and under what others do. Streams that admission
 * refused take no part in any of them: all policies get the same work.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "real.h"
#include "sim.h"

#define JOBS_DEFAULT 1000000ULL
#define JOBS_MAX 100000000000ULL

static const struct sim_policy *const policies[] = { &sim_edf, &sim_fifo, &sim_rr, &sim_fair };

#define POLICIES (sizeof(policies) / sizeof(policies[0]))

static int usage(FILE *f, int status)
{
	size_t i;

	fprintf(f, "usage: hvcal-sim [--jobs N] [--seed N] [--json FILE] WORKLOAD...\n"
		"       hvcal-sim --real SECONDS [--stretch N] [--json FILE] WORKLOAD...\n"
		"       hvcal-sim --decision-cost\n"
		"  --jobs N     real-time frames of each run (%llu)\n"
		"  --seed N     of the random numbers (1)\n"
		"  --json FILE  write the figures there\n"
		"  --real N     also N seconds of each through the loaded module, as hvcal\n"
		"               and, with every stream best effort, as fifo\n"
		"  --stretch N  with --real: all times are N times as long, for machines\n"
		"               whose timers are coarse\n"
		"  --decision-cost  time of one decision against the number of sessions\n"
		"Policies:\n", JOBS_DEFAULT);
	for (i = 0; i < POLICIES; i++)
		fprintf(f, "  %-6s %s\n", policies[i]->name, policies[i]->about);
	return status;
}

static bool parse_number(const char *text, u64 most, u64 *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return end != text && !*end && !errno && *text != '-' && *value <= most;
}

static bool run_real(const struct sim_workload *w, const struct real_options *o,
		     struct sim_result *res)
{
	bool *take_part = calloc(SIM_STREAMS, sizeof(*take_part));
	bool ok = true;
	int i;

	for (i = 0; i < 2 && ok; i++) {
		ok = !sim_run_real(w, i, o, i ? take_part : NULL, i ? NULL : take_part, &res[i]);
		if (ok)
			sim_report_row(&res[i]);
	}
	free(take_part);
	return ok;
}

static void run_workload(const struct sim_workload *w, u64 jobs, unsigned int seed,
			 struct sim_result *res)
{
	bool *take_part = calloc(SIM_STREAMS, sizeof(*take_part));
	size_t i;

	sim_report_head(w);
	for (i = 0; i < POLICIES; i++) {
		sim_run(w, policies[i], jobs, seed, i ? take_part : NULL, i ? NULL : take_part,
			&res[i]);
		sim_report_row(&res[i]);
	}
	free(take_part);
}

static FILE *open_json(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		fprintf(stderr, "hvcal-sim: %s: %s\n", path, strerror(errno));
	else
		fprintf(f, "[");
	return f;
}

static bool close_json(FILE *f, const char *path)
{
	fprintf(f, "\n]\n");
	if (ferror(f) | fclose(f)) {
		fprintf(stderr, "hvcal-sim: %s: could not be written\n", path);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'o' },
		{ "real", required_argument, NULL, 'r' },
		{ "stretch", required_argument, NULL, 'x' },
		{ "decision-cost", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	u64 jobs = JOBS_DEFAULT, seed = 1, seconds = 0, stretch = 1;
	struct real_options real;
	const char *json_path = NULL;
	struct sim_workload *w;
	struct sim_result *res;
	FILE *json = NULL;
	bool ok = true;
	int c, i;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return usage(stdout, 0);
		if (c == 'd') {
			sim_decision_cost();
			return 0;
		}
		if (c == 'o')
			json_path = optarg;
		else if (c == 'j' && parse_number(optarg, JOBS_MAX, &jobs) && jobs)
			continue;
		else if (c == 'x' && parse_number(optarg, 100, &stretch) && stretch)
			continue;
		else if (c == 'r' && parse_number(optarg, 3600, &seconds) && seconds)
			continue;
		else if (c == 's' && parse_number(optarg, U32_MAX, &seed))
			continue;
		else
			return usage(stderr, 2);
	}
	if (optind == argc)
		return usage(stderr, 2);

	real = (struct real_options){ (unsigned int)seconds, (unsigned int)stretch,
				      (unsigned int)seed };
	w = calloc((size_t)(argc - optind), sizeof(*w));
	for (i = optind; ok && i < argc; i++)
		ok = sim_workload_read(&w[i - optind], argv[i]);
	if (ok && json_path) {
		json = open_json(json_path);
		ok = json;
	}
	res = calloc(POLICIES + 2, sizeof(*res));
	for (i = optind; ok && i < argc; i++) {
		run_workload(&w[i - optind], jobs, (unsigned int)seed, res);
		if (seconds)
			ok = run_real(&w[i - optind], &real, res + POLICIES);
		if (json)
			sim_report_json(json, &w[i - optind], res,
					POLICIES + (seconds && ok ? 2 : 0), i == optind);
	}
	if (json)
		ok = close_json(json, json_path) && ok;
	free(res);
	free(w);
	return ok ? 0 : 1;
}
