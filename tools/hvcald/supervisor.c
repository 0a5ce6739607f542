// SPDX-License-Identifier: MIT
/*
 * Keeps a worker for each plug-in alive. The supervisor itself touches neither
 * the kernel node nor a codec library: what can crash is below it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hvcald.h"

#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
#define STEADY_MS 10000		/* who ran this long starts again at once */
#define STOP_MS 5000		/* time to end in, before SIGKILL */

/* SIGHUP: workers are replaced, one after the other. */
enum renew {
	RENEW_NOT,
	RENEW_LATER,
	RENEW_NOW,	/* told to go, or its successor has no engine yet */
};

struct child {
	struct hvcal_plugin *plugin;
	enum renew renew;
	pid_t pid;		/* 0: not running */
	int status_fd;		/* -1: said all it had to say */
	unsigned int engines;
	bool served;		/* it had engines once: they may come back */
	unsigned int backoff_ms;
	long long started_ms;
	long long start_at_ms;	/* -1: never again */
};

struct supervisor {
	const struct hvcald *d;
	struct child *children;
	unsigned int count;
	int signals;
	bool ready;
};

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* What is the supervisor's alone. */
static void close_ours(const struct supervisor *s)
{
	close(s->signals);
	if (!s->ready && s->d->ready_fd >= 0) /* it is closed when that is said */
		close(s->d->ready_fd);
	if (s->d->notify_fd >= 0)
		close(s->d->notify_fd);
	for (unsigned int i = 0; i < s->count; i++)
		if (s->children[i].status_fd >= 0)
			close(s->children[i].status_fd);
}

static void child_start(struct supervisor *s, struct child *c)
{
	int fds[2];
	pid_t pid, parent = getpid();

	if (pipe(fds))
		return;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(WORKER_STOPPED);
		close(fds[0]);
		close_ours(s);
		exit(hvcald_worker(s->d, c->plugin, fds[1]));
	}
	close(fds[1]);
	if (pid < 0) {
		hvcald_say("cannot start engine %s: %s", c->plugin->name, strerror(errno));
		close(fds[0]);
		c->start_at_ms = now_ms() + BACKOFF_MAX_MS;
		return;
	}
	c->pid = pid;
	c->status_fd = fds[0];
	c->engines = 0;
	c->started_ms = now_ms();
}

static void child_gone(struct child *c, int status)
{
	long long now = now_ms();

	c->pid = 0;
	c->engines = 0;
	if (WIFEXITED(status) && (WEXITSTATUS(status) == WORKER_STOPPED ||
				  (WEXITSTATUS(status) == WORKER_USELESS && !c->served))) {
		c->start_at_ms = -1;
		c->renew = RENEW_NOT;
		return;
	}
	if (now - c->started_ms >= STEADY_MS)
		c->backoff_ms = BACKOFF_MIN_MS;
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_RENEWED) {
		c->start_at_ms = now;
		return;
	}
	if (WIFSIGNALED(status))
		hvcald_say("engine %s died (%s), again in %u ms", c->plugin->name,
			   strsignal(WTERMSIG(status)), c->backoff_ms);
	else
		hvcald_say("engine %s failed, again in %u ms", c->plugin->name, c->backoff_ms);
	c->start_at_ms = now + c->backoff_ms;
	c->backoff_ms *= 2;
	if (c->backoff_ms > BACKOFF_MAX_MS)
		c->backoff_ms = BACKOFF_MAX_MS;
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned int i = 0; i < s->count; i++)
			if (s->children[i].pid == pid)
				child_gone(&s->children[i], status);
}

/* A worker writes an 'r' for each engine and leaves the pipe open while it lives. */
static void hear(struct child *c)
{
	char text[64];
	ssize_t n = read(c->status_fd, text, sizeof(text));

	if (n > 0) {
		c->engines += n;
		c->served = true;
		if (c->renew == RENEW_NOW) {
			c->renew = RENEW_NOT;
			hvcald_say("engine %s is renewed", c->plugin->name);
		}
		return;
	}
	close(c->status_fd);
	c->status_fd = -1;
}

/* Ready once every worker has said so or gone; false: none has an engine. */
static bool check_ready(struct supervisor *s)
{
	unsigned int engines = 0, waiting = 0, hopes = 0;

	for (unsigned int i = 0; i < s->count; i++) {
		struct child *c = &s->children[i];

		engines += c->engines;
		waiting += c->pid && !c->engines;
		hopes += c->pid || c->start_at_ms >= 0;
	}
	if (!hopes) {
		hvcald_say("no engine is usable; see `hvcald --list`");
		return false;
	}
	if (!s->ready && !waiting && engines) {
		s->ready = true;
		hvcald_ready(s->d, engines);
	}
	return true;
}

/* Milliseconds until a worker is to be started again, -1 none. */
static int start_due(struct supervisor *s)
{
	long long now = now_ms(), wait = -1;

	for (unsigned int i = 0; i < s->count; i++) {
		struct child *c = &s->children[i];

		if (c->pid || c->start_at_ms < 0)
			continue;
		if (c->start_at_ms <= now)
			child_start(s, c);
		else if (wait < 0 || c->start_at_ms - now < wait)
			wait = c->start_at_ms - now;
	}
	return (int)wait;
}

/* True: it says to stop. */
static bool take_signal(struct supervisor *s)
{
	int signo = hvcald_signal_next(s->signals);

	if (signo == SIGHUP)
		for (unsigned int i = 0; i < s->count; i++)
			if (s->children[i].engines && !s->children[i].renew)
				s->children[i].renew = RENEW_LATER;
	reap(s);
	return signo == SIGTERM || signo == SIGINT;
}

/*
 * Streams go from one worker to the others, so the next one has to stay until the one
 * before is back: if it does not come back, the rest stay as they are.
 */
static void renew_next(struct supervisor *s)
{
	struct child *next = NULL;

	for (unsigned int i = s->count; i-- > 0;) {
		if (s->children[i].renew == RENEW_NOW)
			return;
		if (s->children[i].renew == RENEW_LATER && s->children[i].engines)
			next = &s->children[i];
	}
	if (!next)
		return;
	next->renew = RENEW_NOW;
	kill(next->pid, SIGHUP);
}

static bool any_alive(const struct supervisor *s)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->children[i].pid)
			return true;
	return false;
}

static void stop_all(struct supervisor *s)
{
	struct pollfd fd = { .fd = s->signals, .events = POLLIN };
	long long end = now_ms() + STOP_MS;

	for (unsigned int i = 0; i < s->count; i++)
		if (s->children[i].pid)
			kill(s->children[i].pid, SIGTERM);
	while (any_alive(s) && now_ms() < end) {
		if (poll(&fd, 1, (int)(end - now_ms())) > 0)
			take_signal(s);
	}
	for (unsigned int i = 0; i < s->count; i++)
		if (s->children[i].pid) {
			hvcald_say("engine %s does not stop: killed",
				   s->children[i].plugin->name);
			kill(s->children[i].pid, SIGKILL);
			waitpid(s->children[i].pid, NULL, 0);
		}
}

static int run(struct supervisor *s, struct pollfd *fds)
{
	for (;;) {
		int wait = start_due(s);

		if (!check_ready(s))
			return 1;
		renew_next(s);
		fds[0] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
		for (unsigned int i = 0; i < s->count; i++)
			fds[i + 1] = (struct pollfd){
				.fd = s->children[i].status_fd, .events = POLLIN };
		if (poll(fds, s->count + 1, wait) < 0 && errno != EINTR)
			return 1;
		for (unsigned int i = 0; i < s->count; i++)
			if (fds[i + 1].revents)
				hear(&s->children[i]);
		if (fds[0].revents && take_signal(s))
			return 0;
	}
}

int hvcald_supervise(const struct hvcald *d, struct hvcal_plugins *plugins)
{
	struct supervisor s = { .d = d, .count = plugins->count };
	struct pollfd *fds = calloc(plugins->count + 1, sizeof(*fds));
	int ret = 1;

	s.children = calloc(plugins->count, sizeof(*s.children));
	s.signals = hvcald_signals(true);
	if (fds && s.children && s.signals >= 0) {
		for (unsigned int i = 0; i < s.count; i++)
			s.children[i] = (struct child){
				.plugin = &plugins->list[i], .status_fd = -1,
				.backoff_ms = BACKOFF_MIN_MS };
		ret = run(&s, fds);
		stop_all(&s);
	}
	free(s.children);
	free(fds);
	return ret;
}
