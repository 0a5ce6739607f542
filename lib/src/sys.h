/* SPDX-License-Identifier: MIT */
/*
 * The system calls that libhvcal makes on devices, behind a table so that tests
 * can put a kernel of their own there.
 */
#ifndef HVCAL_SYS_H
#define HVCAL_SYS_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

/** Every function returns a negative errno on failure and restarts on EINTR. */
struct hvcal_sys {
	int (*open)(const struct hvcal_sys *sys, const char *path, int flags);
	void (*close)(const struct hvcal_sys *sys, int fd);
	int (*ioctl)(const struct hvcal_sys *sys, int fd, unsigned long request, void *arg);
	ssize_t (*read)(const struct hvcal_sys *sys, int fd, void *buf, size_t len);
	/** Not restarted: -EINTR lets the caller look at its clock. */
	int (*poll)(const struct hvcal_sys *sys, struct pollfd *fds, unsigned int n,
		    int timeout_ms);
	void *(*mmap)(const struct hvcal_sys *sys, size_t len, int fd, int *error);
	void (*munmap)(const struct hvcal_sys *sys, void *map, size_t len);
};

/** The real one. */
extern const struct hvcal_sys hvcal_sys_default;

#endif
