// SPDX-License-Identifier: MIT
/* The harness: runs each test in a child, watches the clock, prints TAP. */
#include "../harness.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state.h"
#include "storm.h"

enum { KS_EXIT_FAIL = 1, KS_EXIT_SKIP = 4 };

#define KS_REAP_S	5	/* after SIGKILL; longer means an unkillable sleep */

/* The list is filled by constructors and read by main(). */
static struct ks_test *ks_first, **ks_last = &ks_first;
/* Shared with the child: why it was skipped. */
static char *ks_reason;
#define KS_REASON_LEN 256

void ks_test_add(const char *group, const char *label, void (*fn)(const void *row),
		 const void *row, unsigned int limit_s)
{
	struct ks_test *test = calloc(1, sizeof(*test));

	if (!test)
		abort();
	*test = (struct ks_test) { group, label, fn, row, limit_s, NULL };
	*ks_last = test;
	ks_last = &test->next;
}

void ks_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

void ks_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(KS_EXIT_FAIL);
}

void ks_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ks_reason, KS_REASON_LEN, fmt, ap);
	va_end(ap);
	fflush(stdout);
	_exit(KS_EXIT_SKIP);
}

const char *ks_err(long long err)
{
	const char *name;

	if (err >= 0)
		return err ? "a positive number" : "0";
	name = strerrorname_np((int)-err);
	return name ? name : "an unknown errno";
}

static double ks_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Waits for @pid until @until; returns whether it was reaped. */
static bool ks_reap(pid_t pid, double until, int *status)
{
	while (waitpid(pid, status, WNOHANG) != pid) {
		struct timespec nap = { 0, 2000000 };

		if (ks_now() > until)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

static void ks_child(const struct ks_test *test)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ks_storm_start();
	test->fn(test->row);
	fflush(stdout);
	_exit(0);
}

/* Runs one test; returns NULL if it passed, else what went wrong. */
static const char *ks_run(const struct ks_test *test, bool *skipped)
{
	static char why[128];	/* the harness is one thread */
	double limit = (double)test->limit_s * ks_scale();
	struct ks_state before;
	const char *bad;
	int status = 0;
	bool timely;
	pid_t pid;

	*skipped = false;
	ks_reason[0] = 0;
	ks_state_save(&before);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return "fork failed";
	if (!pid)
		ks_child(test);
	setpgid(pid, pid);
	timely = ks_reap(pid, ks_now() + limit, &status);
	/* whatever the test forked goes with it, stopped or not */
	kill(-pid, SIGKILL);
	if (!timely && !ks_reap(pid, ks_now() + KS_REAP_S, &status))
		return "process cannot be killed: uninterruptible wait";
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	bad = ks_state_check(&before);
	if (!timely) {
		snprintf(why, sizeof(why), "still running after %.0f s", limit);
		return why;
	}
	if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "killed by signal %d", WTERMSIG(status));
		return why;
	}
	if (WEXITSTATUS(status) == KS_EXIT_SKIP && !bad) {
		*skipped = true;
		return ks_reason;
	}
	if (WEXITSTATUS(status))
		return "check failed";
	return bad;
}

static bool ks_wanted(const char *name, char **filters)
{
	if (!*filters)
		return true;
	for (; *filters; filters++)
		if (strstr(name, *filters))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	unsigned int number = 0, failed = 0;
	char name[160];

	if (argc > 1 && argv[1][0] == '-') {
		fprintf(stderr, "usage: %s [PART-OF-A-TEST-NAME]...\n", argv[0]);
		return 2;
	}
	ks_reason = mmap(NULL, KS_REASON_LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ks_reason == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	/* grandchildren that outlive their parent come here to be reaped */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	printf("TAP version 13\n");
	for (struct ks_test *test = ks_first; test; test = test->next) {
		const char *why;
		bool skipped;
		double start = ks_now();

		snprintf(name, sizeof(name), "%s%s%s", test->group,
			 test->label ? "." : "", test->label ? test->label : "");
		if (!ks_wanted(name, argv + 1))
			continue;
		why = ks_run(test, &skipped);
		number++;
		if (skipped) {
			printf("ok %u %s # SKIP %s\n", number, name, why);
		} else if (why) {
			failed++;
			printf("# %s: %s (%.1f s)\nnot ok %u %s\n", name, why,
			       ks_now() - start, number, name);
		} else {
			printf("ok %u %s\n", number, name);
		}
		fflush(stdout);
	}
	printf("1..%u\n", number);
	return failed || !number ? 1 : 0;
}
