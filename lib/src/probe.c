// SPDX-License-Identifier: MIT
/* The parent of probes: starts them, listens, and says what became of them. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENGINES_MAX 64
#define KILL_MS 5000	/* a driver may hold up even a process that was killed */
#ifndef HVCAL_ENGINE_NAMES
#define HVCAL_ENGINE_NAMES "" /* the build knows which plug-ins there could be */
#endif

/* What a child says; less than PIPE_BUF, so that it comes in one piece. */
struct message {
	enum { SAY_STEP = 1, SAY_RESULT, SAY_END } what;
	char step[96];
	struct hvcal_probe_result result;
};

/* ---- the child ---- */

struct child {
	int fd;
	struct message message;
};

static void child_say(struct child *c, int what)
{
	const struct message *m = &c->message;

	c->message.what = what;
	/* a parent that is gone needs no word */
	if (write(c->fd, m, sizeof(*m)) != sizeof(*m))
		_exit(1);
}

static void child_step(void *cookie, const char *text)
{
	struct child *c = cookie;

	snprintf(c->message.step, sizeof(c->message.step), "%s", text);
	child_say(c, SAY_STEP);
}

/* Libraries talk; what they say must not mix with what the caller prints. */
static void child_mute(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
}

_Noreturn static void child_run(const struct hvcal_plugin *plugin, struct hvcal_options *options,
				unsigned int from, int fd)
{
	struct hvcal_probe_result *r;
	struct hvcal_plugin mine = *plugin;
	struct child c = { .fd = fd };

	child_mute();
	r = &c.message.result;
	r->index = from;
	child_step(&c, "loading the plug-in");
	r->error = hvcal_plugin_load(&mine);
	if (r->error) {
		snprintf(r->reason, sizeof(r->reason), "%s", mine.reason);
		child_say(&c, SAY_RESULT);
	}
	for (; !mine.error && r->index < ENGINES_MAX; r->index++) {
		if (hvcal_probe_engine(&mine, options, child_step, &c, r) == -ENOENT)
			break;
		child_say(&c, SAY_RESULT);
	}
	child_say(&c, SAY_END);
	/* what the library left behind is not run again */
	_exit(0);
}

/* ---- the parent ---- */

static int append(struct hvcal_probe *probe, const char *plugin,
		  const struct hvcal_probe_result *result)
{
	struct hvcal_probe_result *list, *r;

	list = realloc(probe->list, (probe->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	probe->list = list;
	r = &list[probe->count++];
	*r = *result;
	/* the child may have been anything: texts end, whatever it wrote */
	snprintf(r->plugin, sizeof(r->plugin), "%s", plugin);
	r->description[sizeof(r->description) - 1] = '\0';
	r->reason[sizeof(r->reason) - 1] = '\0';
	r->desc.name[sizeof(r->desc.name) - 1] = '\0';
	r->desc.slot[sizeof(r->desc.slot) - 1] = '\0';
	if (r->desc.ncaps > sizeof(r->desc.caps) / sizeof(r->desc.caps[0]))
		r->desc.ncaps = 0;
	return 0;
}

/* @at: how far the child came, NULL: not at all */
__attribute__((format(printf, 4, 5)))
static int append_absent(struct hvcal_probe *probe, const char *plugin, const struct message *at,
			 const char *format, ...)
{
	struct hvcal_probe_result r = { 0 };
	va_list args;

	if (at)
		r = at->result;
	r.error = -ENODEV;
	va_start(args, format);
	vsnprintf(r.reason, sizeof(r.reason), format, args);
	va_end(args);
	return append(probe, plugin, &r);
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* One whole message. 0; -ENODATA: there will be none; -ETIMEDOUT. */
static int hear(int fd, unsigned int timeout_ms, struct message *m)
{
	long long end = now_ms() + timeout_ms;
	size_t got = 0;

	while (got < sizeof(*m)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		long long left = end - now_ms();
		ssize_t n;

		n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (!n)
			return -ETIMEDOUT;
		n = read(fd, (char *)m + got, sizeof(*m) - got);
		if (n <= 0)
			return -ENODATA;
		got += (size_t)n;
	}
	m->step[sizeof(m->step) - 1] = '\0';
	return 0;
}

/* The child that stopped in the middle of a step, in words. */
static int append_broken(struct hvcal_probe *probe, const char *plugin, const struct message *last,
			 int heard, int status, unsigned int timeout_ms)
{
	if (heard == -ETIMEDOUT)
		return append_absent(probe, plugin, last,
				     "%s did not end within %.3g s", last->step, timeout_ms / 1e3);
	if (WIFSIGNALED(status))
		return append_absent(probe, plugin, last, "%s crashed (%s)",
				     last->step, strsignal(WTERMSIG(status)));
	return append_absent(probe, plugin, last, "%s ended the process", last->step);
}

static bool child_reap(pid_t pid, int *status)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	long long end = now_ms() + KILL_MS;
	bool last;
	pid_t got;

	do {
		last = now_ms() >= end;
		got = waitpid(pid, status, WNOHANG);
		if (!got && !last)
			nanosleep(&pause, NULL);
	} while (!got && !last);
	return got;
}

static int child_end(pid_t pid)
{
	int status = 0;

	/* who said "end", or closed the pipe by dying, is gone in no time */
	if (child_reap(pid, &status))
		return status;
	kill(pid, SIGKILL);
	child_reap(pid, &status);
	/* that it was killed is not what it did */
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : status;
}

/*
 * One child, from engine *@from on. Sets *@from to the engine after the one at
 * which it broke; ENGINES_MAX: there is no more to do.
 */
static int run_child(const struct hvcal_plugin *plugin, struct hvcal_options *options,
		     unsigned int timeout_ms, unsigned int *from, struct hvcal_probe *probe)
{
	struct message m = { .step = "starting the probe" }, last = m;
	pid_t pid, parent = getpid();
	int fds[2], ret = 0, heard, status;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0) {
		ret = -errno;
		close(fds[0]);
		close(fds[1]);
		return ret;
	}
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		if (getppid() == parent && (!probe->confine || !probe->confine(probe->cookie)))
			child_run(plugin, options, *from, fds[1]);
		_exit(1);
	}
	close(fds[1]);
	last.result.index = *from;
	while (!(heard = hear(fds[0], timeout_ms, &m)) && m.what != SAY_END) {
		if (m.what == SAY_RESULT && !ret)
			ret = append(probe, plugin->name, &m.result);
		last = m;
	}
	close(fds[0]);
	if (heard == -ETIMEDOUT)
		kill(pid, SIGKILL);
	status = child_end(pid);
	*from = ENGINES_MAX;
	if (heard && !ret)
		ret = append_broken(probe, plugin->name, &last, heard, status, timeout_ms);
	/* only if there was an engine: else it would break there again, and again */
	if (heard && last.what == SAY_STEP && last.result.desc.slots)
		*from = last.result.index + 1;
	return ret;
}

int hvcal_probe_plugin(const struct hvcal_plugin *plugin, struct hvcal_options *options,
		       unsigned int timeout_ms, struct hvcal_probe *probe)
{
	unsigned int from = 0, before = probe->count;
	int ret = 0;

	if (plugin->error)
		return append_absent(probe, plugin->name, NULL, "%s", plugin->reason);
	while (!ret && from < ENGINES_MAX)
		ret = run_child(plugin, options, timeout_ms, &from, probe);
	if (!ret && probe->count == before)
		ret = append_absent(probe, plugin->name, NULL, "finds nothing here that it can use");
	return ret;
}

/* @missing: those alone that are not there. */
static int probe_list(const struct hvcal_plugins *plugins, bool missing,
		      struct hvcal_options *options, unsigned int timeout_ms,
		      bool (*skip)(void *cookie, const char *plugin), void *cookie,
		      struct hvcal_probe *probe)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < plugins->count; i++) {
		const struct hvcal_plugin *p = &plugins->list[i];

		if ((!missing || p->error) && (!skip || !skip(cookie, p->name)))
			ret = hvcal_probe_plugin(p, options, timeout_ms, probe);
	}
	return ret;
}

int hvcal_probe_all(const char *path, const char *names, struct hvcal_options *options,
		    unsigned int timeout_ms, bool (*skip)(void *cookie, const char *plugin),
		    void *cookie, struct hvcal_probe *probe)
{
	struct hvcal_plugins *found = NULL, *known = NULL;
	int ret = hvcal_plugins_scan(path, names, &found);

	if (!ret)
		ret = probe_list(found, false, options, timeout_ms, skip, cookie, probe);
	if (!ret && (!names || !*names))
		ret = hvcal_plugins_scan(path, HVCAL_ENGINE_NAMES, &known);
	if (!ret && known)
		ret = probe_list(known, true, options, timeout_ms, skip, cookie, probe);
	hvcal_plugins_unload(&known);
	hvcal_plugins_unload(&found);
	return ret;
}

void hvcal_probe_free(struct hvcal_probe *probe)
{
	free(probe->list);
	memset(probe, 0, sizeof(*probe));
}
