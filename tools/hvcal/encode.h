/* SPDX-License-Identifier: MIT */
/* hvcal encode: its options, its progress bar and its reports. */
#ifndef HVCAL_TOOL_ENCODE_H
#define HVCAL_TOOL_ENCODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include "stream.h"

#define ENCODE_MAX_STREAMS 64

struct encode_options {
	struct source_params source;
	hvcal_config_t config;	/**< what the command line says of it */
	const struct codec_name *codec;
	const char *output;	/**< pattern when streams > 1 */
	const char *engine_options; /**< of direct mode, NULL none */
	enum container container;
	uint32_t backend;	/**< enum hvcal_backend */
	uint32_t streams;
	uint32_t depth;		/**< 8 or 10 */
	uint32_t throughput;	/**< enum hvcal_throughput */
	bool realtime;
	bool psnr;
	bool ssim;
	bool json;
	bool quiet;
};

/**
 * Reads the command line.
 * @return -1: go on; else the exit status to end with (help was printed, or a
 *         message)
 */
int encode_options_parse(int argc, char **argv, struct encode_options *options);

/** Name of the output of stream @index of @options->streams. To be freed. */
char *encode_output_name(const struct encode_options *options, uint32_t index);

/** A progress bar on standard error, if that is a terminal. */
struct progress {
	bool shown;
	uint64_t total;		/**< frames, 0 unknown */
	uint64_t start_ns;
};

void progress_start(struct progress *progress, uint64_t total, bool quiet);
void progress_draw(struct progress *progress, uint64_t done);
/** Takes it off the screen. */
void progress_end(struct progress *progress);

/** Everything that a report tells. */
struct encode_report {
	const struct encode_options *options;
	const struct source_info *info;
	const char *backend;	/**< "/dev/hvcal" or "direct" */
	char **outputs;
	struct stream_result *results;	/**< @options->streams of them, sorted logs */
	uint64_t wall_ns;	/**< of all streams together */
};

void summary_print(const struct encode_report *report, FILE *to);
/** @return 0 or -ENOMEM */
int summary_json(const struct encode_report *report, FILE *to);

/** "12.3 MB" */
void bytes_text(uint64_t bytes, char *text, size_t size);
const char *kind_text(uint32_t kind);
const char *memory_text(uint32_t memory);

#endif /* HVCAL_TOOL_ENCODE_H */
