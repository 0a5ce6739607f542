/* SPDX-License-Identifier: MIT */
/*
 * One stream: pictures of a source through a session into a sink.
 */
#ifndef HVCAL_TOOL_STREAM_H
#define HVCAL_TOOL_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>

#include <hvcal/hvcal.h>

#include "latency.h"
#include "quality.h"
#include "sink.h"
#include "source.h"

struct stream_params {
	hvcal_context_t *ctx;
	hvcal_config_t config;	/**< complete, but for what the source says */
	const struct codec_name *codec;
	struct source *source;	/**< the caller's */
	struct sink *sink;	/**< the caller's */
	uint32_t depth;		/**< bits per sample, 8 or 10 */
	uint32_t throughput;	/**< enum hvcal_throughput */
	bool realtime;		/**< one picture per period, not faster */
	bool psnr;
	bool ssim;
	/** Set by whoever wants all streams to end. */
	atomic_bool *stop;
	/** Counts finished frames for a progress bar. */
	atomic_ullong *progress;
	char label[32];		/**< before messages: "stream 2: ", or empty */
};

/** What came of a stream. Free with stream_result_free(). */
struct stream_result {
	int status;		/**< 0, or a negative errno after a message */
	bool stuck;		/**< the engine does not answer; do not wait for it */
	char engine[HVCAL_TEXT]; /**< that made the last packet */
	uint32_t kind;		/**< enum hvcal_kind of it, 0 unknown */
	uint64_t frames;
	uint64_t key_frames;
	uint64_t upper_frames;	/**< of the upper temporal layer */
	uint64_t upper_bytes;	/**< of its packets */
	uint32_t base_percent;	/**< of the rate, that the lower layer kept to; 0 no limit */
	uint64_t late;		/**< after their deadline */
	uint64_t bytes;
	uint64_t wall_ns;	/**< first picture read to last packet written */
	double media_seconds;	/**< duration of the pictures */
	uint32_t resyncs;	/**< changes of engine */
	uint32_t dropped;	/**< HVCAL_DROPPED_* of any packet */
	uint64_t bad_packets;	/**< of the input, left out */
	uint64_t copied_bytes;	/**< by libhvcal */
	uint64_t engine_copied_bytes;
	uint64_t aq_frames;	/**< that got a QP map by adaptive quantisation */
	uint64_t band_frames;	/**< of which rate control refined a band of rows */
	uint64_t hint_frames;	/**< that were looked at for rate control */
	uint64_t hint_ns;	/**< CPU time that this took */
	uint32_t memory;	/**< enum hvcal_memory of the pictures */
	struct latency_log latency; /**< submission to packet, ns */
	bool has_quality;
	struct quality_summary quality;
};

/**
 * Runs a stream to its end, in the calling thread. Says what went wrong.
 * @return result->status; -ECANCELED without a message when it was stopped
 */
int stream_run(const struct stream_params *params, struct stream_result *result);
void stream_result_free(struct stream_result *result);

/**
 * The source format for @codec that most engines take, so that a stream that
 * loses its engine finds another one. @engine: name, empty for any.
 */
uint32_t stream_pick_format(hvcal_context_t *ctx, uint32_t codec, const char *engine,
			    unsigned int depth);

/** Puts what the source says into the configuration. */
void stream_describe_source(const struct source_info *info, hvcal_config_t *config);

#endif /* HVCAL_TOOL_STREAM_H */
