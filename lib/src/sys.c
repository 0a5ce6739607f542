// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys.h"

static int sys_open(const struct hvcal_sys *sys, const char *path, int flags)
{
	int fd;

	(void)sys;
	do
		fd = open(path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static void sys_close(const struct hvcal_sys *sys, int fd)
{
	(void)sys;
	close(fd);
}

static int sys_ioctl(const struct hvcal_sys *sys, int fd, unsigned long request, void *arg)
{
	int ret;

	(void)sys;
	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static ssize_t sys_read(const struct hvcal_sys *sys, int fd, void *buf, size_t len)
{
	ssize_t ret;

	(void)sys;
	do
		ret = read(fd, buf, len);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : ret;
}

static int sys_poll(const struct hvcal_sys *sys, struct pollfd *fds, unsigned int n,
		    int timeout_ms)
{
	int ret = poll(fds, n, timeout_ms);

	(void)sys;
	return ret < 0 ? -errno : ret;
}

static void *sys_mmap(const struct hvcal_sys *sys, size_t len, int fd, int *error)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	(void)sys;
	if (map == MAP_FAILED) { /* memory that may be read only */
		map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED) {
			*error = -errno;
			return NULL;
		}
	}
	return map;
}

static void sys_munmap(const struct hvcal_sys *sys, void *map, size_t len)
{
	(void)sys;
	munmap(map, len);
}

const struct hvcal_sys hvcal_sys_default = {
	.open = sys_open,
	.close = sys_close,
	.ioctl = sys_ioctl,
	.read = sys_read,
	.poll = sys_poll,
	.mmap = sys_mmap,
	.munmap = sys_munmap,
};
