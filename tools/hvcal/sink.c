/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "sink.h"

static int report(struct sink *sink, int error)
{
	if (!sink->error) {
		sink->error = error;
		cli_error("%s: writing failed: %s", sink->path, strerror(-error));
	}
	return error;
}

int sink_put(struct sink *sink, const void *data, size_t len)
{
	const uint8_t *at = data;

	if (sink->error)
		return sink->error;
	while (len) {
		ssize_t put = write(sink->fd, at, len);

		if (put < 0) {
			if (errno == EINTR && !cli_interrupted())
				continue;
			if (errno == EINTR)
				return sink->error = -EINTR;
			return report(sink, -errno);
		}
		at += put;
		len -= (size_t)put;
	}
	return 0;
}

/* Opens NAME.part. The lock tells a file in the making from a left-over one. */
static int open_part(struct sink *sink, const char *path)
{
	size_t size = strlen(path) + sizeof(".part");

	sink->part = malloc(size);
	if (!sink->part)
		return -ENOMEM;
	snprintf(sink->part, size, "%s.part", path);
	sink->fd = open(sink->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (sink->fd >= 0 && !flock(sink->fd, LOCK_EX | LOCK_NB) && !ftruncate(sink->fd, 0))
		return 0;
	if (sink->fd >= 0 && errno == EWOULDBLOCK)
		cli_error("%s: another hvcal is writing it", path);
	else
		cli_error("%s: cannot be written: %s", path, strerror(errno));
	/* Not ours to remove. */
	free(sink->part);
	sink->part = NULL;
	return -EACCES;
}

static int open_output(struct sink *sink, const struct sink_params *params)
{
	struct stat st;

	if (!strcmp(params->path, "-")) {
		sink->fd = dup(STDOUT_FILENO);
		return sink->fd < 0 ? report(sink, -errno) : 0;
	}
	if (!stat(params->path, &st) && !S_ISREG(st.st_mode)) {
		if (S_ISDIR(st.st_mode)) {
			cli_error("%s: is a directory", params->path);
			return -EISDIR;
		}
		/* A pipe or a device must not be replaced by a file. */
		sink->fd = open(params->path, O_WRONLY | O_CLOEXEC);
		return sink->fd < 0 ? report(sink, -errno) : 0;
	}
	return open_part(sink, params->path);
}

static void sink_free(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	if (sink->part)
		unlink(sink->part);
	free(sink->part);
	free(sink->path);
	if (sink->ops)
		sink->ops->free(sink);
	else
		free(sink);
}

int sink_open(const struct sink_params *params, struct sink **out)
{
	struct sink *sink = NULL;
	int ret = 0;

	if (!params->path)
		sink = calloc(1, sizeof(*sink));
	else if (params->container == CONTAINER_MP4 || params->container == CONTAINER_MKV)
		ret = mux_out_create(params, &sink);
	else
		ret = plain_out_create(params, &sink);
	if (!ret && !sink)
		ret = -ENOMEM;
	if (!ret) {
		sink->fd = -1;
		sink->path = strdup(params->path ? params->path : "");
		ret = sink->path ? 0 : -ENOMEM;
		if (!ret && params->path)
			ret = open_output(sink, params);
		if (ret)
			sink_free(sink);
	}
	if (ret == -ENOMEM)
		cli_error("%s: out of memory", params->path ? params->path : "output");
	if (!ret)
		*out = sink;
	return ret;
}

int sink_write(struct sink *sink, const struct sink_packet *packet)
{
	int ret = sink->ops ? sink->ops->write(sink, packet) : 0;

	if (!ret) {
		sink->packets++;
		sink->bytes += packet->size;
	}
	return ret;
}

int sink_close(struct sink **sink, bool whole)
{
	struct sink *s = sink ? *sink : NULL;
	int ret = 0;

	if (!s)
		return 0;
	*sink = NULL;
	if (whole && s->ops)
		ret = s->ops->finish(s);
	if (whole && !ret && s->fd >= 0) {
		/* The last blocks may find the disk full here (NFS). */
		if (close(s->fd))
			ret = report(s, -errno);
		s->fd = -1;
	}
	if (whole && !ret && s->part) {
		if (rename(s->part, s->path)) {
			ret = report(s, -errno);
		} else {
			free(s->part);
			s->part = NULL;
		}
	}
	sink_free(s);
	return ret;
}
