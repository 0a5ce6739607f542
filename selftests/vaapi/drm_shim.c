// SPDX-License-Identifier: MIT
/*
 * Preloaded where there is no GPU: libva takes any file for a render node, so that it
 * loads the driver of LIBVA_DRIVER_NAME. Engine and libva stay as they are.
 *
 * Also what kernels do with fences of DMA-BUFs, for sources that are none: the test driver
 * attaches an eventfd to a file, and who asks for the fence of the file gets that one. It
 * polls as sync_files do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#include "drm_shim.h"

#define EXPORT_SYNC_FILE _IOWR(DMA_BUF_BASE, 2, struct { uint32_t flags; int32_t fd; })
#define FILES 64

static struct {
	ino_t inode;
	int fence;
} files[FILES];
static unsigned int nfiles;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int drmGetNodeTypeFromFd(int fd);

__attribute__((visibility("default")))
int drmGetNodeTypeFromFd(int fd)
{
	(void)fd;
	return 2; /* DRM_NODE_RENDER */
}

__attribute__((visibility("default")))
void drm_shim_fence(int fd, int fence)
{
	unsigned int i = 0;
	struct stat st;

	if (fstat(fd, &st))
		return;
	pthread_mutex_lock(&lock);
	while (i < nfiles && files[i].inode != st.st_ino)
		i++;
	if (i < FILES) {
		files[i].inode = st.st_ino;
		files[i].fence = fence;
		nfiles += i == nfiles;
	}
	pthread_mutex_unlock(&lock);
}

/* A file that nobody attached anything to is idle. -1: fences are not played here. */
static int fence_of(int fd)
{
	int fence = -1;
	struct stat st;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < nfiles && fence < 0 && !fstat(fd, &st); i++)
		if (files[i].inode == st.st_ino)
			fence = fcntl(files[i].fence, F_DUPFD_CLOEXEC, 0);
	if (fence < 0 && nfiles)
		fence = eventfd(1, EFD_CLOEXEC);
	pthread_mutex_unlock(&lock);
	return fence;
}

__attribute__((visibility("default")))
int ioctl(int fd, unsigned long request, ...)
{
	int (*next)(int, unsigned long, void *) =
		(int (*)(int, unsigned long, void *))dlsym(RTLD_NEXT, "ioctl");
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == EXPORT_SYNC_FILE) {
		struct { uint32_t flags; int32_t fd; } *out = arg;
		int fence = fence_of(fd);

		if (fence >= 0) {
			/* readers matter, too */
			if (!(out->flags & DMA_BUF_SYNC_WRITE))
				return -1;
			out->fd = fence;
			return 0;
		}
	}
	if (request == SYNC_IOC_FILE_INFO && nfiles) {
		((struct sync_file_info *)arg)->num_fences = 1;
		return 0;
	}
	return next(fd, request, arg);
}
