/* SPDX-License-Identifier: MIT */
/*
 * Where packets go. A file appears under its name only when it is whole: it is
 * written as NAME.part and renamed in the end.
 */
#ifndef HVCAL_TOOL_SINK_H
#define HVCAL_TOOL_SINK_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"
#include "source.h"

struct sink_params {
	const char *path;	/**< NULL: packets are only counted; "-": standard output */
	enum container container;
	const struct codec_name *codec;
	const struct source_info *info;
	unsigned int depth;	/**< bits per sample */
};

struct sink_packet {
	const void *data;
	size_t size;
	int64_t pts;		/**< units of info->tb */
	int64_t dts;
	bool key;
};

struct sink;

struct sink_ops {
	int (*write)(struct sink *sink, const struct sink_packet *packet);
	/** Writes what comes last. */
	int (*finish)(struct sink *sink);
	void (*free)(struct sink *sink);
};

struct sink {
	const struct sink_ops *ops;	/**< NULL: counts only */
	char *path;
	char *part;		/**< NULL: @path is written to directly */
	int fd;
	int error;		/**< the first one, a negative errno; was reported */
	uint64_t packets;
	uint64_t bytes;		/**< of packets */
};

/** Opens a sink, or says why not. Belongs to one thread. */
int sink_open(const struct sink_params *params, struct sink **sink);
int sink_write(struct sink *sink, const struct sink_packet *packet);

/**
 * Ends a sink and sets *@sink to NULL. NULL and a pointer to NULL are allowed.
 * @whole: false removes what was written.
 * @return 0; negative errno after a message: then nothing is left either
 */
int sink_close(struct sink **sink, bool whole);

/* For the kinds: */
/** Writes all of it to sink->fd; reports the first failure. 0 or negative errno. */
int sink_put(struct sink *sink, const void *data, size_t len);
/** Allocate the kinds; common fields are filled in by sink_open(). */
int mux_out_create(const struct sink_params *params, struct sink **sink);
int plain_out_create(const struct sink_params *params, struct sink **sink);

#endif /* HVCAL_TOOL_SINK_H */
