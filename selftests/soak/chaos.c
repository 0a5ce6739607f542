// SPDX-License-Identifier: MIT
/* The processes of the soak: who runs, who is killed or stopped, who starts again. */
#include "soak.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest/harness.h"

#define ENGINES_DIR "/sys/class/misc/hvcal/engines"

enum {
	FPS = 30, NULL_FPS = 100,
	READY_MS = 30000, END_MS = 60000,
	RESTART_MS = 20,	/* an engine's name is taken until the kernel has let go */
	STOP_MS = 25000,	/* longer than any watchdog: then it is killed here */
};

static const char *const engine_names[] = { [ENGINE_X264] = "x264", [ENGINE_NULL] = "null" };

static uint32_t below(struct soak *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(s->random >> 33) % n;
}

static void nap(unsigned int ms)
{
	usleep(ms * 1000);
}

static bool is_engine(const struct soak_proc *p)
{
	return p->role <= ENGINE_NULL;
}

static bool may_be_killed(const struct soak_proc *p)
{
	return p->pid && p->role != REAL && p->role != NULL_LOAD;
}

unsigned int soak_kills(const struct soak *s)
{
	unsigned int sum = 0;

	for (int role = 0; role < SOAK_ROLES; role++)
		sum += s->kills[role];
	return sum;
}

/* ---- starting ---- */

static void engine_exec(const struct soak *s, const struct soak_proc *p)
{
	char suffix[16];

	snprintf(suffix, sizeof(suffix), "-%u", p->number);
	if (!s->verbose && !freopen("/dev/null", "w", stderr))
		_exit(127);
	/* tried at each start, an engine would be away for longer than it lives */
	execl(s->hvcald, s->hvcald, "--single", "--engines", engine_names[p->role],
	      "--engine-path", s->engines, "--suffix", suffix, "--probe-timeout", "0",
	      "--option", p->role == ENGINE_X264 ? "x264.threads=1" : "null.hardware=1",
	      (char *)NULL);
	printf("# %s: %s\n", s->hvcald, strerror(errno));
	fflush(stdout);
	_exit(127);
}

static void proc_start(struct soak *s, struct soak_proc *p)
{
	struct soak_shared *sh = s->shared;

	fflush(stdout);
	p->start_ns = soak_now_ns();
	p->stopped_ns = 0;
	p->engine = 0;
	p->pid = fork();
	if (p->pid < 0) {
		perror("soak: fork");
		exit(1);
	}
	if (p->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	switch (p->role) {
	case REAL:
		_exit(soak_client(sh, &(struct soak_stream){ SOAK_X264, FPS, &sh->real }));
	case VICTIM:
		_exit(soak_client(sh, &(struct soak_stream){ SOAK_X264, FPS, &sh->victims }));
	case NULL_LOAD:
		_exit(soak_client(sh, &(struct soak_stream){ SOAK_NULL, NULL_FPS, &sh->null }));
	case NULL_VICTIM:
		_exit(soak_client(sh, &(struct soak_stream){ SOAK_NULL, NULL_FPS, &sh->victims }));
	default:
		engine_exec(s, p);
	}
}

static void add(struct soak *s, enum soak_role role, unsigned long count)
{
	for (unsigned int i = 0; i < count && s->count < SOAK_PROCS; i++) {
		struct soak_proc *p = &s->procs[s->count++];

		p->role = role;
		p->number = i;
		proc_start(s, p);
	}
}

static struct soak_proc *engine_named(struct soak *s, const char *name)
{
	char own[32];

	for (unsigned int i = 0; i < s->count; i++) {
		struct soak_proc *p = &s->procs[i];

		if (!is_engine(p))
			continue;
		snprintf(own, sizeof(own), "%s-%u", engine_names[p->role], p->number);
		if (!strcmp(own, name))
			return p;
	}
	return NULL;
}

static bool number_is_new(const struct soak *s, uint32_t number)
{
	return atomic_load(&s->shared->deaths[number % SOAK_DEATHS].engine) != number;
}

/* Which engines are there now, and whose they are. */
static void find_engines(struct soak *s)
{
	char path[sizeof(ENGINES_DIR) + 300], name[64];
	struct dirent *d;
	DIR *dir;

	for (unsigned int i = 0;; i++) {
		if (i == s->count)
			return;
		if (is_engine(&s->procs[i]) && !s->procs[i].engine)
			break;
	}
	dir = opendir(ENGINES_DIR);
	while (dir && (d = readdir(dir))) {
		uint32_t number = (uint32_t)strtoul(d->d_name, NULL, 10);
		struct soak_proc *p = NULL;
		FILE *f;

		if (!number || !number_is_new(s, number))
			continue;
		snprintf(path, sizeof(path), ENGINES_DIR "/%s/name", d->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%63s", name) == 1)
			p = engine_named(s, name);
		if (f)
			fclose(f);
		if (!p || !p->pid || p->engine)
			continue;
		p->engine = number;
		s->start_count++;
		s->start_sum_ns += soak_now_ns() - p->start_ns;
	}
	if (dir)
		closedir(dir);
}

/* ---- killing ---- */

/* Another engine for the streams of @gone, one that works. */
static bool has_spare(const struct soak *s, const struct soak_proc *gone)
{
	for (unsigned int i = 0; i < s->count; i++) {
		const struct soak_proc *p = &s->procs[i];

		if (p != gone && p->role == gone->role && p->pid && p->engine && !p->stopped_ns)
			return true;
	}
	return false;
}

/* Streams that wait for the spare of one that died before have none now. */
static void spoil_spares(struct soak *s, const struct soak_proc *gone)
{
	for (int i = 0; i < SOAK_DEATHS && gone->engine; i++)
		if (atomic_load(&s->shared->deaths[i].role) == gone->role &&
		    atomic_load(&s->shared->deaths[i].death) == SOAK_KILLED)
			atomic_store(&s->shared->deaths[i].death, SOAK_KILLED_LAST);
}

/* For its streams, who may read this from now on. */
static void note_death(struct soak *s, const struct soak_proc *p, enum soak_death death)
{
	unsigned int slot = p->engine % SOAK_DEATHS;

	if (!p->engine)
		return;
	atomic_store(&s->shared->deaths[slot].ns, 0);
	atomic_store(&s->shared->deaths[slot].gone_ns, 0);
	atomic_store(&s->shared->deaths[slot].engine, p->engine);
	atomic_store(&s->shared->deaths[slot].role, p->role);
	atomic_store(&s->shared->deaths[slot].death, death);
	atomic_store(&s->shared->deaths[slot].ns, soak_now_ns());
}

static void kill_proc(struct soak *s, struct soak_proc *p)
{
	if (is_engine(p) && !p->engine)
		find_engines(s);
	if (is_engine(p) && !p->stopped_ns) {
		spoil_spares(s, p);
		note_death(s, p, has_spare(s, p) ? SOAK_KILLED : SOAK_KILLED_LAST);
	}
	kill(p->pid, SIGKILL);
	waitpid(p->pid, NULL, 0);
	s->kills[p->role]++;
	if (is_engine(p)) {
		if (p->engine && !p->stopped_ns)
			atomic_store(&s->shared->deaths[p->engine % SOAK_DEATHS].gone_ns,
				     soak_now_ns());
		p->pid = 0;
		p->engine = 0;
		p->start_ns = soak_now_ns();
	} else {
		proc_start(s, p);
	}
}

static void stop_proc(struct soak *s, struct soak_proc *p)
{
	spoil_spares(s, p);
	note_death(s, p, SOAK_STOPPED);
	kill(p->pid, SIGSTOP);
	p->stopped_ns = soak_now_ns();
	s->stopped[p->role]++;
}

/* NULL: nobody is there just now. */
static struct soak_proc *pick(struct soak *s)
{
	for (int tries = 0; tries < 200; tries++) {
		struct soak_proc *p = &s->procs[below(s, s->count)];

		if (may_be_killed(p))
			return p;
	}
	return NULL;
}

/*
 * Mostly one; at times several at once, so that the next engine dies too, or the
 * client with its engine. Engines are mostly left to be there before they die.
 */
static void strike(struct soak *s)
{
	struct soak_proc *p = pick(s);

	if (p && s->stops && is_engine(p) && p->engine && !p->stopped_ns && !below(s, s->stops)) {
		stop_proc(s, p);
		return;
	}
	for (unsigned int n = below(s, 8) ? 1 : 2 + below(s, 2); p && n; n--) {
		if (!is_engine(p) || (p->engine && !p->stopped_ns) || !below(s, 16))
			kill_proc(s, p);
		p = pick(s);
	}
}

/* ---- who is gone ---- */

/* A stopped engine that had nothing to do is nobody's hang. */
static void end_stops(struct soak *s, unsigned int after_ms)
{
	for (unsigned int i = 0; i < s->count; i++) {
		struct soak_proc *p = &s->procs[i];

		if (!p->pid || !p->stopped_ns ||
		    soak_now_ns() - p->stopped_ns < after_ms * 1000000ULL)
			continue;
		s->unnoticed += after_ms != 0;
		kill_proc(s, p);
	}
}

/* Starts engines again that were killed, by us or by the module, or came too early. */
static unsigned int restart(struct soak *s)
{
	unsigned int faults = 0;
	int status;

	for (unsigned int i = 0; i < s->count; i++) {
		struct soak_proc *p = &s->procs[i];

		if (p->pid && waitpid(p->pid, &status, WNOHANG) > 0) {
			p->pid = 0;
			p->engine = 0;
			p->start_ns = soak_now_ns();
			faults += !is_engine(p);
		}
		if (!p->pid && is_engine(p) &&
		    soak_now_ns() - p->start_ns > RESTART_MS * 1000000ULL)
			proc_start(s, p);
	}
	find_engines(s);
	return faults;
}

/* ---- all of it ---- */

/* Wakes who waits for it. */
static void proc_echo(int in, int out)
{
	char c;

	while (read(in, &c, 1) == 1 && write(out, &c, 1) == 1)
		;
}

/* How late this machine wakes who sleeps: after a time, for another process, and back. */
static void proc_ticks(struct soak_shared *sh, int in, int out)
{
	for (char c = 0;;) {
		uint64_t start = soak_now_ns(), late;
		unsigned int at = atomic_fetch_add(&sh->tick, 1) % SOAK_TICKS;

		nap(SOAK_TICK_MS);
		if (write(out, &c, 1) != 1 || read(in, &c, 1) != 1)
			return;
		late = soak_now_ns() - start;
		late -= late > SOAK_TICK_MS * 1000000ULL ? SOAK_TICK_MS * 1000000ULL : late;
		atomic_store(&sh->ticks[at].late_ns, late);
		atomic_store(&sh->ticks[at].ns, start + late);
	}
}

static void start_ticks(struct soak *s)
{
	int there[2], back[2];

	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC)) {
		perror("soak: pipe");
		exit(1);
	}
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("soak: fork");
			exit(1);
		}
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (i)
			proc_echo(there[0], back[1]);
		else
			proc_ticks(s->shared, back[0], there[1]);
		_exit(0);
	}
}

static bool all_there(const struct soak *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (is_engine(&s->procs[i]) && !s->procs[i].engine)
			return false;
	return s->shared->real.packets && s->shared->null.packets;
}

void soak_start_all(struct soak *s)
{
	start_ticks(s);
	add(s, ENGINE_X264, s->pairs);
	add(s, ENGINE_NULL, s->pairs);
	add(s, REAL, s->clients);
	add(s, NULL_LOAD, 1);
	add(s, VICTIM, s->victims);
	add(s, NULL_VICTIM, s->victims);
	for (int t = 0; t < ks_ms(READY_MS) && !all_there(s); t += 20) {
		nap(20);
		restart(s);
	}
}

unsigned int soak_chaos(struct soak *s)
{
	uint64_t start = soak_now_ns(), now = start, next = start;
	uint64_t end = start + s->seconds * 1000000000ULL;
	unsigned int faults = 0;

	while (now < end && !faults && (!s->kills_max || soak_kills(s) < s->kills_max)) {
		nap(5);
		faults += restart(s);
		end_stops(s, STOP_MS);
		now = soak_now_ns();
		if (now < next)
			continue;
		strike(s);
		next = now + (s->kill_ms / 2 + below(s, (uint32_t)s->kill_ms)) * 1000000ULL;
	}
	s->ran_ns = soak_now_ns() - start;
	return faults;
}

void soak_end_all(struct soak *s)
{
	uint64_t end = soak_now_ns() + (uint64_t)ks_ms(END_MS) * 1000000;
	bool clients = true;

	atomic_store(&s->shared->stop, true);
	while (clients && soak_now_ns() < end) {
		clients = false;
		restart(s);
		end_stops(s, 0);
		for (unsigned int i = 0; i < s->count; i++)
			clients |= s->procs[i].pid && !is_engine(&s->procs[i]);
		nap(20);
	}
	for (unsigned int i = 0; i < s->count; i++)
		if (s->procs[i].pid) {
			kill(s->procs[i].pid, SIGKILL);
			waitpid(s->procs[i].pid, NULL, 0);
		}
}
