// SPDX-License-Identifier: MIT
/* Runs the victim alone and beside each flood in turns, so that all have the same weather. */
#include "flood.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define FLOODERS_MAX 8

static const char usage[] =
	"usage: bench-flood [OPTION]...\n"
	"What a client that floods does to the latency of another user's real-time stream.\n"
	"  --frames N     of the victim, each time (60)\n"
	"  --rounds N     how often it meets each flood (5)\n"
	"  --flooders N   processes that flood at once (1)\n"
	"  --period-us N  of the victim's frames (33333)\n"
	"  --job-us N     that the engine takes for a frame, of anybody (2000)\n"
	"  --json FILE    the figures, too\n";

/* ---- what the helpers of the kernel tests want of their harness ---- */

void ks_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

void ks_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "bench-flood: %s:%d: ", file, line);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(1);
}

void ks_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "bench-flood: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(4);
}

const char *ks_err(long long err)
{
	return strerror((int)-err);
}

/* ---- */

enum actor { PROVIDER, VICTIM, FLOODER };

static pid_t start(const struct flood_plan *plan, enum actor actor, enum flood_way way)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		ks_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (actor == PROVIDER)
		flood_provide(plan);
	else if (actor == VICTIM)
		flood_suffer(plan);
	else
		flood_flood(plan, way);
	_exit(0);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Until @flag is set, or the process that has to set it has ended. */
static void wait_for(const atomic_bool *flag, pid_t of)
{
	int status;

	while (!atomic_load(flag)) {
		if (waitpid(of, &status, WNOHANG) == of)
			exit(WIFEXITED(status) && WEXITSTATUS(status) == 4 ? 4 : 1);
		ks_sleep_ms(1);
	}
}

/* False: a process that should live has said why it does not. */
static bool meet(const struct flood_plan *plan, enum flood_way way, pid_t provider, pid_t victim)
{
	uint32_t count = way == FLOOD_NONE ? 0 : plan->flooders;
	struct flood_shared *sh = plan->shared;
	pid_t flooders[FLOODERS_MAX];
	bool good = true;

	atomic_store(&sh->flooding, false);
	for (uint32_t i = 0; i < count; i++)
		flooders[i] = start(plan, FLOODER, way);
	if (count)
		wait_for(&sh->flooding, flooders[0]);
	atomic_store(&sh->turn, (int)way);
	while (good && atomic_load(&sh->turn) >= 0) {
		ks_sleep_ms(10);
		good = !waitpid(victim, NULL, WNOHANG) && !waitpid(provider, NULL, WNOHANG);
	}
	for (uint32_t i = 0; i < count; i++) {
		good &= !waitpid(flooders[i], NULL, WNOHANG);
		end(flooders[i]);
	}
	return good;
}

static bool number(const char *text, unsigned long min, unsigned long max, uint32_t *value)
{
	char *end_at;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end_at, 10);
	*value = (uint32_t)n;
	return !errno && end_at != text && !*end_at && text[0] != '-' && n >= min && n <= max;
}

static bool parse(struct flood_plan *plan, int argc, char **argv)
{
	static const struct option list[] = {
		{ "frames", required_argument, NULL, 'f' }, { "rounds", required_argument, NULL, 'r' },
		{ "flooders", required_argument, NULL, 'n' },
		{ "period-us", required_argument, NULL, 'p' },
		{ "job-us", required_argument, NULL, 'j' }, { "json", required_argument, NULL, 'o' },
		{ 0 },
	};
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'f':
			good = number(optarg, 1, 10000, &plan->frames);
			break;
		case 'r':
			good = number(optarg, 1, 1000, &plan->rounds);
			break;
		case 'n':
			good = number(optarg, 1, FLOODERS_MAX, &plan->flooders);
			break;
		case 'p':
			good = number(optarg, 1000, 1000000, &plan->period_us);
			break;
		case 'j':
			good = number(optarg, 1, 100000, &plan->job_us);
			break;
		case 'o':
			plan->json = optarg;
			break;
		default:
			good = false;
		}
	}
	return good && optind == argc;
}

int main(int argc, char **argv)
{
	struct flood_plan plan = {
		.frames = 60, .rounds = 5, .flooders = 1, .period_us = 33333, .job_us = 2000,
	};
	bool good = true;
	pid_t provider, victim;

	if (!parse(&plan, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	close(ks_client());	/* skips without a module */
	plan.shared = mmap(NULL, sizeof(*plan.shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (plan.shared == MAP_FAILED)
		ks_fail(__FILE__, __LINE__, "no memory");
	atomic_store(&plan.shared->turn, -1);
	provider = start(&plan, PROVIDER, FLOOD_NONE);
	wait_for(&plan.shared->served, provider);
	victim = start(&plan, VICTIM, FLOOD_NONE);
	wait_for(&plan.shared->ready, victim);
	for (uint32_t r = 0; good && r < plan.rounds; r++)
		for (int way = 0; good && way < FLOOD_WAYS; way++)
			good = meet(&plan, way, provider, victim);
	end(victim);
	end(provider);
	return good && flood_report(&plan) ? 0 : 1;
}
