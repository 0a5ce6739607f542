// SPDX-License-Identifier: MIT
/*
 * Encodes for a set time while engine processes and clients are killed at random,
 * and says what that cost. Starts the engines itself, one hvcald --single each, so
 * that a killed one is there again at once. TAP, with the figures as comments.
 */
#include "soak.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest/harness.h"
#include "../kselftest/lib/state.h"

enum role { ENGINE_X264, ENGINE_NULL, REAL, NULL_LOAD, VICTIM, ROLES };
enum { PROCS_MAX = 32, FPS = 30, READY_MS = 30000, END_MS = 40000, SETTLE_MS = 10000 };

struct proc {
	enum role role;
	pid_t pid;		/* 0 not running */
};

struct soak {
	const char *hvcald, *engines;
	unsigned long seconds, clients, victims, kill_ms;
	uint64_t seed, random;
	bool verbose;
	struct soak_shared *shared;
	struct proc procs[PROCS_MAX];
	unsigned int count, tests, failed;
	unsigned int kills[ROLES];
};

static const char usage[] =
	"usage: soak --hvcald PROGRAM --engine-path DIR [OPTION]...\n"
	"  --seconds N   how long (60)\n"
	"  --clients N   H.264 streams at 30 fps that nobody kills (2)\n"
	"  --victims N   ... and such that are killed (1)\n"
	"  --kill-ms N   one kill in so many milliseconds, on average (800)\n"
	"  --seed N      of who is killed when (default: the clock)\n"
	"  --verbose     what the engines say, too\n";

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

/* Of the tests' library: how much slower this machine is. */
unsigned int ks_scale(void)
{
	const char *text = getenv("KS_SCALE");

	return text && atoi(text) > 1 ? (unsigned int)atoi(text) : 1;
}

int ks_ms(int ms)
{
	return ms * (int)ks_scale();
}

static uint32_t below(struct soak *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(s->random >> 33) % n;
}

static void nap(unsigned int ms)
{
	usleep(ms * 1000);
}

/* ---- processes ---- */

static void engine_exec(const struct soak *s, const char *name)
{
	if (!s->verbose && !freopen("/dev/null", "w", stderr))
		_exit(127);
	execl(s->hvcald, s->hvcald, "--single", "--engines", name, "--engine-path", s->engines,
	      "--option", "x264.threads=1", (char *)NULL);
	printf("# %s: %s\n", s->hvcald, strerror(errno));
	fflush(stdout);
	_exit(127);
}

static void proc_start(struct soak *s, struct proc *p)
{
	fflush(stdout);
	p->pid = fork();
	if (p->pid < 0) {
		perror("soak: fork");
		exit(1);
	}
	if (p->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (p->role) {
	case ENGINE_X264:
		engine_exec(s, "x264");
		break;
	case ENGINE_NULL:
		engine_exec(s, "null");
		break;
	case REAL:
		_exit(soak_real(s->shared, &s->shared->real, FPS));
	case VICTIM:
		_exit(soak_real(s->shared, &s->shared->victims, FPS));
	default:
		_exit(soak_null(s->shared, &s->shared->null));
	}
}

static void add(struct soak *s, enum role role, unsigned long count)
{
	while (count-- && s->count < PROCS_MAX) {
		s->procs[s->count].role = role;
		proc_start(s, &s->procs[s->count++]);
	}
}

static bool may_be_killed(const struct proc *p)
{
	return p->pid && p->role != REAL && p->role != NULL_LOAD;
}

static void kill_one(struct soak *s)
{
	struct proc *p = &s->procs[below(s, s->count)];

	while (!may_be_killed(p))
		p = &s->procs[below(s, s->count)];
	if (p->role == ENGINE_X264)
		atomic_store(&s->shared->killed_ns, soak_now_ns());
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	s->kills[p->role]++;
	proc_start(s, p);
}

/* Somebody who was not killed is gone: the engine that was started too early, or a fault. */
static unsigned int restart_engines(struct soak *s)
{
	unsigned int faults = 0;
	int status;

	for (unsigned int i = 0; i < s->count; i++) {
		struct proc *p = &s->procs[i];

		if (!p->pid || waitpid(p->pid, &status, WNOHANG) <= 0)
			continue;
		p->pid = 0;
		if (p->role <= ENGINE_NULL) {
			/* the name of the one before is taken until the kernel has let go */
			nap(10);
			proc_start(s, p);
		} else {
			faults++;
		}
	}
	return faults;
}

static void end_all(struct soak *s)
{
	uint64_t end = soak_now_ns() + ks_ms(END_MS) * 1000000ULL;
	bool clients = true;

	atomic_store(&s->shared->stop, true);
	/* clients first: their frames still have to come out */
	while (clients && soak_now_ns() < end) {
		clients = false;
		restart_engines(s);
		for (unsigned int i = 0; i < s->count; i++)
			clients |= s->procs[i].pid && s->procs[i].role > ENGINE_NULL;
		nap(20);
	}
	for (unsigned int i = 0; i < s->count; i++)
		if (s->procs[i].pid) {
			kill(s->procs[i].pid, SIGKILL);
			waitpid(s->procs[i].pid, NULL, 0);
		}
}

/* ---- the report ---- */

static void result(struct soak *s, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++s->tests, name);
	s->failed += !good;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void print_tally(const char *name, const struct soak_tally *t)
{
	note("%s: %llu sessions (%llu lost, %llu refusals), %llu frames submitted, %llu packets, %llu bytes",
	     name, (unsigned long long)t->sessions, (unsigned long long)t->sessions_lost,
	     (unsigned long long)t->refused, (unsigned long long)t->submitted,
	     (unsigned long long)t->packets, (unsigned long long)t->bytes);
	note("%s: %llu moves, %llu frames failed, %llu missing; longest call %.1f ms, longest time without a packet %.1f ms",
	     name, (unsigned long long)t->moves, (unsigned long long)t->failed,
	     (unsigned long long)t->missing, ms(t->call_ns), ms(t->gap_ns));
}

static long kmemleak(void)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char line[256];
	long found = 0;
	FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	fputs("scan\n", f);
	if (fclose(f))
		return -1;
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		found += !strncmp(line, "unreferenced", 12);
	if (f)
		fclose(f);
	return found;
}

/* What DESIGN promises: the watchdog's longest budget and 100 ms, whoever dies. */
static unsigned long call_bound_ms(void)
{
	unsigned long cap = 0;
	FILE *f = fopen(KS_PARAMS "watchdog_cap_ms", "re");

	if (f && fscanf(f, "%lu", &cap) != 1)
		cap = 0;
	if (f)
		fclose(f);
	return cap + 100;
}

static void report(struct soak *s, unsigned int faults, const struct ks_state *before)
{
	const struct soak_shared *sh = s->shared;
	unsigned int kills = s->kills[ENGINE_X264] + s->kills[ENGINE_NULL] + s->kills[VICTIM];
	const char *why = ks_state_check(before);
	long leaks = kmemleak();

	note("%lu s, --seed 0x%" PRIx64 ": %u kills: x264 %u, null %u, clients %u", s->seconds,
	     s->seed, kills, s->kills[ENGINE_X264], s->kills[ENGINE_NULL], s->kills[VICTIM]);
	print_tally("real", &sh->real);
	print_tally("victims", &sh->victims);
	print_tally("null", &sh->null);
	note("kill to the next frame that can be decoded: %llu times, mean %.1f ms, worst %.1f ms",
	     (unsigned long long)sh->real.resumed,
	     sh->real.resumed ? ms(sh->real.resume_sum_ns / sh->real.resumed) : 0.0,
	     ms(sh->real.resume_max_ns));
	note("longest call %.1f ms, %lu ms are promised", ms(sh->real.call_ns), call_bound_ms());
	note("leaks: %s, kmemleak %s%ld", why ? why : "no object", leaks < 0 ? "off " : "",
	     leaks < 0 ? 0 : leaks);

	result(s, sh->real.packets && sh->null.packets && kills, "there was work, and there were kills");
	result(s, sh->real.moves || !s->kills[ENGINE_X264], "sessions moved on");
	result(s, sh->real.resumed || !s->kills[ENGINE_X264], "streams became decodable again");
	result(s, !sh->real.failed && !sh->real.missing && !sh->real.sessions_lost,
	       "no frame was lost that was to be issued again");
	result(s, sh->real.submitted == sh->real.packets, "every frame gave a packet");
	result(s, !sh->real.undecodable && !sh->victims.undecodable,
	       "every key frame can be decoded on its own");
	result(s, ms(sh->real.call_ns) <= (double)call_bound_ms(),
	       "no call took longer than a watchdog's budget and 100 ms");
	result(s, !faults, "nobody died who was not killed");
	result(s, !why, "nothing is left over");
	result(s, leaks <= 0, "no memory is lost");
}

/* ---- */

static bool number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-' && *value <= max;
}

static bool parse(struct soak *s, int argc, char **argv)
{
	static const struct option list[] = {
		{ "hvcald", required_argument, NULL, 'd' },
		{ "engine-path", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 't' },
		{ "clients", required_argument, NULL, 'c' },
		{ "victims", required_argument, NULL, 'v' },
		{ "kill-ms", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' }, { "verbose", no_argument, NULL, 'V' },
		{ 0 },
	};
	unsigned long seed;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'd':
			s->hvcald = optarg;
			break;
		case 'e':
			s->engines = optarg;
			break;
		case 't':
			good = number(optarg, 100000000, &s->seconds) && s->seconds;
			break;
		case 'c':
			good = number(optarg, 8, &s->clients) && s->clients;
			break;
		case 'v':
			good = number(optarg, 8, &s->victims);
			break;
		case 'k':
			good = number(optarg, 1000000, &s->kill_ms) && s->kill_ms;
			break;
		case 's':
			good = number(optarg, UINT64_MAX, &seed);
			s->seed = seed;
			break;
		case 'V':
			s->verbose = true;
			break;
		default:
			good = false;
		}
	}
	return good && optind == argc && s->hvcald && s->engines;
}

int main(int argc, char **argv)
{
	struct soak s = { .seconds = 60, .clients = 2, .victims = 1, .kill_ms = 800,
			  .seed = soak_now_ns() };
	unsigned int faults = 0;
	struct ks_state before;
	uint64_t now, end, next;

	if (!parse(&s, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (access("/dev/hvcal", R_OK | W_OK)) {
		printf("1..0 # SKIP no /dev/hvcal: load the module\n");
		return 4;
	}
	s.random = s.seed;
	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.shared == MAP_FAILED)
		return 1;
	printf("TAP version 13\n");
	ks_state_save(&before);
	add(&s, ENGINE_X264, 1);
	add(&s, ENGINE_NULL, 1);
	add(&s, REAL, s.clients);
	add(&s, NULL_LOAD, 1);
	add(&s, VICTIM, s.victims);
	for (unsigned int t = 0; t < READY_MS && !s.shared->real.packets; t += 20)
		nap(20);
	now = soak_now_ns();
	end = now + s.seconds * 1000000000ULL;
	next = now + s.kill_ms * 1000000ULL;
	while (now < end && !faults) {
		nap(10);
		faults += restart_engines(&s);
		now = soak_now_ns();
		if (now < next)
			continue;
		kill_one(&s);
		next = now + (s.kill_ms / 2 + below(&s, (uint32_t)s.kill_ms)) * 1000000ULL;
	}
	end_all(&s);
	report(&s, faults, &before);
	printf("1..%u\n", s.tests);
	return s.failed ? 1 : 0;
}
