// SPDX-License-Identifier: MIT
/*
 * Processes that run programs, one that kills and stops them now and then, and a
 * verdict: no splat, nobody who hangs, nothing left over. TAP.
 */
#include "fuzz.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest/ks.h"
#include "../kselftest/lib/state.h"

#define STALL_MS	20000	/* no call may take that long, and here none waits */
#define TICK_MS		50
#define PROGRAM_OPS	300

struct options {
	uint64_t seed;
	unsigned long ops, seconds, procs, threads;
	const char *program;
	bool calm;
};

struct fuzz {
	struct options opt;
	struct fz_shared *shared;
	uint64_t random;
	unsigned int starts;
	unsigned int tests, failed;
	struct {
		pid_t pid;
		bool stopped;
		unsigned int pulse;
		uint64_t pulse_ns;
	} procs[FZ_PROCS_MAX];
};

static const char usage[] =
	"usage: fuzz-ioctl [OPTION]...\n"
	"Random but mostly right calls on /dev/hvcal and /dev/hvcal-provider.\n"
	"  --seed N        of everything (default: the clock)\n"
	"  --seconds N     how long (10)\n"
	"  --ops N         of each process at most (0: no limit)\n"
	"  --procs N       processes (3)\n"
	"  --threads N     of each (2)\n"
	"  --calm          kill and stop nobody\n"
	"  --program P     this one, once, as a failure names it\n"
	"The same calls again: --procs 1 --threads 1 --calm with --seed or --program.\n";

/* ---- what the helpers of the kernel tests want of their harness ---- */

void ks_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

void ks_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "fuzz-ioctl: %s:%d: ", file, line);
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(1);
}

void ks_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("1..0 # SKIP ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	_exit(4);
}

const char *ks_err(long long err)
{
	return strerror((int)-err);
}

/* ---- processes ---- */

static void proc_run(struct fuzz *f, unsigned int number, uint64_t random)
{
	unsigned long ops = 0;

	while (!f->opt.ops || ops < f->opt.ops) {
		struct fz_program program = fz_program_next(f->shared, &random, PROGRAM_OPS);

		for (unsigned int i = 0; i < program.count; i++)
			ops += program.segments[i].ops;
		fz_program_run(f->shared, number, (unsigned int)f->opt.threads, &program);
	}
}

static void proc_start(struct fuzz *f, unsigned int number)
{
	uint64_t random = f->opt.seed + 1000003ULL * f->starts++;
	struct fz_program program;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		ks_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (f->opt.program && fz_program_parse(&program, f->opt.program))
			fz_program_run(f->shared, number, (unsigned int)f->opt.threads, &program);
		else
			proc_run(f, number, random);
		_exit(0);
	}
	f->procs[number].pid = pid;
	f->procs[number].stopped = false;
	f->procs[number].pulse_ns = ks_now_ns();
}

static void say_where(const struct fuzz *f)
{
	char text[256];

	ks_note("seed 0x%" PRIx64, f->opt.seed);
	for (unsigned int i = 0; i < f->opt.procs; i++) {
		fz_program_print(&f->shared->procs[i].program, text, sizeof(text));
		for (unsigned int t = 0; t < f->opt.threads; t++)
			ks_note("process %u thread %u: %s in --program %s", i, t,
				f->shared->procs[i].doing[t] ? f->shared->procs[i].doing[t] : "-",
				text);
	}
}

static void result(struct fuzz *f, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++f->tests, name);
	if (good)
		return;
	f->failed++;
	say_where(f);
}

/*
 * Some have finished, some were killed by the module, as providers may ask for; who
 * died of anything else is a fault of the fuzzer's.
 */
static bool reap(struct fuzz *f, bool *crashed)
{
	bool alive = false;
	int status;

	for (unsigned int i = 0; i < f->opt.procs; i++) {
		if (f->procs[i].pid && waitpid(f->procs[i].pid, &status, WNOHANG) > 0) {
			f->procs[i].pid = 0;
			if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !f->opt.program)
				proc_start(f, i);
			else if (!WIFEXITED(status) || WEXITSTATUS(status))
				*crashed = true;
			if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
				_exit(4);
		}
		alive |= f->procs[i].pid != 0;
	}
	return alive;
}

/* Kills one and starts another in its place, or stops one for a while. */
static void disturb(struct fuzz *f)
{
	unsigned int i = (unsigned int)(fz_mix(&f->random) % f->opt.procs);

	if (f->procs[i].stopped) {
		kill(f->procs[i].pid, SIGCONT);
		f->procs[i].stopped = false;
		f->procs[i].pulse_ns = ks_now_ns();
		return;
	}
	if (!f->procs[i].pid || fz_mix(&f->random) % 12)
		return;
	if (fz_mix(&f->random) % 2) {
		kill(f->procs[i].pid, SIGSTOP);
		f->procs[i].stopped = true;
		return;
	}
	kill(f->procs[i].pid, SIGKILL);
	waitpid(f->procs[i].pid, NULL, 0);
	proc_start(f, i);
}

static bool anyone_stalled(struct fuzz *f)
{
	uint64_t now = ks_now_ns();
	bool stalled = false;

	for (unsigned int i = 0; i < f->opt.procs; i++) {
		unsigned int pulse = atomic_load(&f->shared->procs[i].ops_done);

		if (!f->procs[i].pid || f->procs[i].stopped || pulse != f->procs[i].pulse) {
			f->procs[i].pulse = pulse;
			f->procs[i].pulse_ns = now;
		}
		stalled |= now - f->procs[i].pulse_ns > (uint64_t)ks_ms(STALL_MS) * KS_MS;
	}
	return stalled;
}

static void supervise(struct fuzz *f, const struct ks_state *before)
{
	uint64_t end = ks_now_ns() + f->opt.seconds * 1000000000ULL;
	bool crashed = false, stalled = false, tainted = false;

	for (unsigned int i = 0; i < f->opt.procs; i++)
		proc_start(f, i);
	while (reap(f, &crashed) && !crashed && !stalled && !tainted && ks_now_ns() < end) {
		ks_sleep_ms(TICK_MS);
		if (!f->opt.calm)
			disturb(f);
		stalled = anyone_stalled(f);
		tainted = ks_taint_read() & ~before->taint & KS_TAINT_BAD;
	}
	result(f, !crashed, "no process of the fuzzer crashed");
	result(f, !stalled, "no call hangs");
	result(f, !tainted, "the kernel did not complain");
	for (unsigned int i = 0; i < f->opt.procs; i++)
		if (f->procs[i].pid) {
			kill(f->procs[i].pid, SIGKILL);
			waitpid(f->procs[i].pid, NULL, 0);
		}
}

/* ---- the sum ---- */

static void print_calls(const struct fz_shared *s)
{
	static const struct { unsigned int nr; const char *name; } names[] = {
		{ HVCAL_NR_CAPS, "CAPS" }, { HVCAL_NR_ENGINE_LIST, "ENGINE_LIST" },
		{ HVCAL_NR_ENGINE_CAPS, "ENGINE_CAPS" }, { HVCAL_NR_GPU_LIST, "GPU_LIST" },
		{ HVCAL_NR_SESSION_CREATE, "SESSION_CREATE" },
		{ HVCAL_NR_SESSION_RECONFIGURE, "SESSION_RECONFIGURE" },
		{ HVCAL_NR_SESSION_FLUSH, "SESSION_FLUSH" },
		{ HVCAL_NR_SESSION_DESTROY, "SESSION_DESTROY" },
		{ HVCAL_NR_SESSION_STATS, "SESSION_STATS" },
		{ HVCAL_NR_BUFFER_IMPORT, "BUFFER_IMPORT" },
		{ HVCAL_NR_BUFFER_RELEASE, "BUFFER_RELEASE" },
		{ HVCAL_NR_JOB_SUBMIT, "JOB_SUBMIT" }, { HVCAL_NR_JOB_CANCEL, "JOB_CANCEL" },
		{ HVCAL_NR_JOB_FENCE, "JOB_FENCE" },
		{ HVCAL_NR_PRIVATE_PROVIDER, "PRIVATE_PROVIDER" },
		{ HVCAL_NR_ENGINE_REGISTER, "ENGINE_REGISTER" },
		{ HVCAL_NR_ENGINE_UPDATE, "ENGINE_UPDATE" },
		{ HVCAL_NR_ENGINE_UNREGISTER, "ENGINE_UNREGISTER" },
		{ HVCAL_NR_ACQUIRE, "ACQUIRE" }, { HVCAL_NR_ACCEPT, "ACCEPT" },
		{ HVCAL_NR_COMPLETE, "COMPLETE" }, { HVCAL_NR_ITEM_CHECK, "ITEM_CHECK" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const atomic_uint *answers = s->answers[names[i].nr];
		char line[512];
		int at = 0;

		for (int e = 1; e < FZ_ERRNOS && at < (int)sizeof(line); e++)
			if (answers[e])
				at += snprintf(line + at, sizeof(line) - (size_t)at, " %s %u",
					       strerrorname_np(e), answers[e]);
		ks_note("%-20s %7u good%s%.*s", names[i].name, answers[0], at ? "," : "", at, line);
	}
}

static uint64_t count_ioctls(const struct fz_shared *s)
{
	uint64_t sum = 0;

	for (int nr = 0; nr < FZ_NRS; nr++)
		for (int e = 0; e < FZ_ERRNOS; e++)
			sum += s->answers[nr][e];
	return sum;
}

/* Of all processes of the fuzzer, those that were killed too. */
static double cpu_seconds(void)
{
	struct rusage of;
	double sum = 0;

	for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++)
		if (!getrusage(who, &of))
			sum += (double)(of.ru_utime.tv_sec + of.ru_stime.tv_sec) +
			       (double)(of.ru_utime.tv_usec + of.ru_stime.tv_usec) / 1e6;
	return sum;
}

static void sum_up(struct fuzz *f)
{
	const struct fz_shared *s = f->shared;

	ks_note("%llu programs, %llu operations, %llu ioctls, %.1f CPU seconds",
		(unsigned long long)s->programs, (unsigned long long)s->ops,
		(unsigned long long)count_ioctls(s), cpu_seconds());
	print_calls(s);
	ks_note("items: %llu OPEN, %llu ENCODE, %llu RECONFIGURE, %llu FLUSH, %llu CANCEL, %llu CLOSE",
		(unsigned long long)s->items[HVCAL_ITEM_OPEN],
		(unsigned long long)s->items[HVCAL_ITEM_ENCODE],
		(unsigned long long)s->items[HVCAL_ITEM_RECONFIGURE],
		(unsigned long long)s->items[HVCAL_ITEM_FLUSH],
		(unsigned long long)s->items[HVCAL_ITEM_CANCEL],
		(unsigned long long)s->items[HVCAL_ITEM_CLOSE]);
	ks_note("events: %llu JOB (%llu good), %llu OPENED, %llu FLUSHED, %llu RESYNC, %llu PRESSURE, %llu LOST",
		(unsigned long long)s->events[HVCAL_EVENT_JOB], (unsigned long long)s->finished,
		(unsigned long long)s->events[HVCAL_EVENT_OPENED],
		(unsigned long long)s->events[HVCAL_EVENT_FLUSHED],
		(unsigned long long)s->events[HVCAL_EVENT_RESYNC],
		(unsigned long long)s->events[HVCAL_EVENT_PRESSURE],
		(unsigned long long)s->events[HVCAL_EVENT_LOST]);
	if (fz_kcov_there())
		ks_note("coverage: %u places of the kernel, %u programs kept", s->covered,
			s->corpus_used);
	else
		ks_note("no /sys/kernel/debug/kcov: not guided by coverage");
}

/* A fuzzer that no longer gets anywhere finds nothing. */
static void check_depth(struct fuzz *f)
{
	const struct fz_shared *s = f->shared;

	result(f, s->finished, "frames were encoded");
	result(f, s->items[HVCAL_ITEM_RECONFIGURE] && s->items[HVCAL_ITEM_FLUSH],
	       "sessions were reconfigured and flushed");
	result(f, s->events[HVCAL_EVENT_RESYNC], "sessions moved to other engines");
}

/* ---- options ---- */

static bool number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-' && *value <= max;
}

static bool parse(struct options *opt, int argc, char **argv)
{
	static const struct option list[] = {
		{ "seed", required_argument, NULL, 's' }, { "ops", required_argument, NULL, 'o' },
		{ "seconds", required_argument, NULL, 't' }, { "procs", required_argument, NULL, 'p' },
		{ "threads", required_argument, NULL, 'j' }, { "calm", no_argument, NULL, 'c' },
		{ "program", required_argument, NULL, 'P' }, { 0 },
	};
	struct fz_program program;
	unsigned long seed;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 's':
			good = number(optarg, UINT64_MAX, &seed);
			opt->seed = seed;
			break;
		case 'o':
			good = number(optarg, UINT32_MAX, &opt->ops);
			break;
		case 't':
			good = number(optarg, 10000000, &opt->seconds);
			break;
		case 'p':
			good = number(optarg, FZ_PROCS_MAX, &opt->procs) && opt->procs;
			break;
		case 'j':
			good = number(optarg, FZ_THREADS_MAX, &opt->threads) && opt->threads;
			break;
		case 'c':
			opt->calm = true;
			break;
		case 'P':
			good = fz_program_parse(&program, optarg);
			opt->program = optarg;
			break;
		default:
			good = false;
		}
	}
	return good && optind == argc;
}

int main(int argc, char **argv)
{
	struct fuzz f = { .opt = { .seed = ks_now_ns(), .seconds = 10, .procs = 3, .threads = 2 } };
	struct ks_state before;
	const char *why;

	if (!parse(&f.opt, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	close(ks_client());	/* skips without a module */
	f.random = f.opt.seed;
	f.shared = mmap(NULL, sizeof(*f.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (f.shared == MAP_FAILED)
		ks_fail(__FILE__, __LINE__, "no memory");
	printf("TAP version 13\n");
	ks_note("--seed 0x%" PRIx64, f.opt.seed);
	ks_state_save(&before);
	ks_watchdog(20, 100);	/* hangs belong to it */
	ks_param("failover_grace_ms", 200);
	supervise(&f, &before);
	why = ks_state_check(&before);
	if (why)
		ks_note("%s", why);
	result(&f, !why, "nothing is left over");
	if (!f.opt.program && !f.opt.ops)
		check_depth(&f);
	sum_up(&f);
	printf("1..%u\n", f.tests);
	return f.failed ? 1 : 0;
}
