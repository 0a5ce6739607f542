// SPDX-License-Identifier: MIT
/*
 * A storm of signals over a test and whatever it forks: KS_STORM=restart with
 * SA_RESTART, KS_STORM=eintr without. Calls are made again when a signal cut them
 * short, as every program has to; what may be cut short at all is checked here.
 *
 * The linker leads read(2) and its like here (--wrap), so that tests are written as
 * if there were no signals.
 */
#include "storm.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../ks.h"

#define KS_STORM_US	500	/* from one signal to the next, at least */

/* Of this process; children inherit it. */
static enum { KS_CALM, KS_STORM_RESTART, KS_STORM_EINTR } ks_storm;

static void ks_storm_signal(int sig)
{
	(void)sig;
}

/* Outside the group that it sends to, and gone with the test. */
static void ks_storm_blow(pid_t group)
{
	struct timespec nap = { 0, KS_STORM_US * 1000 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	while (!kill(-group, SIGALRM))
		nanosleep(&nap, NULL);
	_exit(0);
}

void ks_storm_start(void)
{
	struct sigaction act = { .sa_handler = ks_storm_signal };
	const char *mode = getenv("KS_STORM");
	pid_t pid;

	if (!mode)
		return;
	if (!strcmp(mode, "restart")) {
		ks_storm = KS_STORM_RESTART;
		act.sa_flags = SA_RESTART;
	} else if (!strcmp(mode, "eintr")) {
		ks_storm = KS_STORM_EINTR;
	} else {
		ks_fail(__FILE__, __LINE__, "KS_STORM=%s: restart or eintr", mode);
	}
	CHECK_EQ(sigaction(SIGALRM, &act, NULL), 0);
	pid = fork();
	CHECK_GE(pid, 0);
	if (!pid)
		ks_storm_blow(getppid());
}

bool ks_storm_blows(void)
{
	return ks_storm != KS_CALM;
}

bool ks_storm_again(unsigned long cmd)
{
	if (!ks_storm)
		return false;
	/* it waits; everything else is done, or refused, and never cut short */
	if (_IOC_NR(cmd) != HVCAL_NR_ACQUIRE)
		ks_fail(__FILE__, __LINE__, "ioctl %#lx was cut short", cmd);
	if (ks_storm == KS_STORM_RESTART)
		ks_fail(__FILE__, __LINE__, "ioctl %#lx was not restarted", cmd);
	return true;
}

int __real_poll(struct pollfd *fds, nfds_t count, int ms);
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
pid_t __real_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);

/* Is never restarted, whatever the flags are (signal(7)). */
int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
	uint64_t start = ks_now_ns();
	int left = ms, got;

	do {
		got = __real_poll(fds, count, left);
		if (ms > 0) {
			left = ms - (int)((ks_now_ns() - start) / KS_MS);
			left = left < 0 ? 0 : left;
		}
	} while (got < 0 && errno == EINTR && ks_storm);
	return got;
}

/* Whether a call that SA_RESTART restarts is to be made again by us. */
static bool ks_again(ssize_t got)
{
	if (got >= 0 || errno != EINTR || !ks_storm)
		return false;
	if (ks_storm == KS_STORM_RESTART)
		ks_fail(__FILE__, __LINE__, "a call was not restarted");
	return true;
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	ssize_t got;

	do
		got = __real_read(fd, data, len);
	while (ks_again(got));
	return got;
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	ssize_t got;

	do
		got = __real_write(fd, data, len);
	while (ks_again(got));
	return got;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	pid_t got;

	do
		got = __real_waitpid(pid, status, options);
	while (ks_again(got));
	return got;
}
