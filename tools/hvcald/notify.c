// SPDX-License-Identifier: MIT
/* Log lines, readiness and signals. */
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "hvcald.h"

void hvcald_say(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* one write: lines of several processes must not mix */
	dprintf(STDERR_FILENO, "hvcald: %s\n", line);
}

void hvcald_log(void *cookie, int level, const char *line)
{
	const struct hvcald *d = cookie;

	if (level <= LOG_NOTICE || d->verbose)
		hvcald_say("%s", line);
}

/* The protocol of sd_notify(3): one datagram to the socket that is named. */
int hvcald_notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len;
	int fd;

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(addr.sun_path))
		return -1;
	len = strlen(path);
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, offsetof(struct sockaddr_un, sun_path) + len)) {
		close(fd);
		return -1;
	}
	return fd;
}

void hvcald_ready(const struct hvcald *d, unsigned int engines)
{
	if (d->notify_fd >= 0)
		dprintf(d->notify_fd, "READY=1\nSTATUS=%u engines", engines);
	if (d->ready_fd >= 0) {
		dprintf(d->ready_fd, "ready\n");
		close(d->ready_fd);
	}
	hvcald_say("ready, %u engine%s", engines, engines == 1 ? "" : "s");
}

int hvcald_signals(bool children)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (children)
		sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int hvcald_signal_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
