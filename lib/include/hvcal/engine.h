/* SPDX-License-Identifier: MIT */
/*
 * HVCAL engine plug-ins: the table of operations behind which every codec
 * library and vendor SDK stands.
 *
 * A plug-in is a shared object hvcal-engine-NAME.so in the engine directory
 * that exports one symbol, hvcal_engine_plugin, of type
 * const struct hvcal_engine_plugin. It is loaded by hvcald, and by libhvcal in
 * direct mode.
 */
#ifndef HVCAL_ENGINE_H
#define HVCAL_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "uapi/hvcal.h"
#include "uapi/hvcal_codec.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Changes whenever a structure here changes; a plug-in of another number is refused. */
#define HVCAL_ENGINE_ABI 1

/** Private state of a plug-in for one engine, and for one stream of it. */
typedef struct hvcal_engine_ctx hvcal_engine_ctx_t;
typedef struct hvcal_engine_stream hvcal_engine_stream_t;

/** A DMA-BUF backed buffer as an engine sees it. */
struct hvcal_engine_buffer {
	int fd[HVCAL_MAX_PLANES];	/**< DMA-BUFs, -1 none; the host's */
	void *map[HVCAL_MAX_PLANES];	/**< CPU mapping of each, NULL if the engine did not ask */
	size_t len[HVCAL_MAX_PLANES];	/**< bytes of each */
	struct hvcal_frame_layout layout; /**< of a source; zero for targets */
	/** The plug-in's own, for example an imported surface. NULL at first. */
	void *priv;
};

/** One frame on its way through an engine. Owned by the host. */
struct hvcal_engine_job {
	struct hvcal_engine_buffer *source;
	struct hvcal_engine_buffer *target;
	uint64_t target_offset;		/**< bytes, within the target */
	uint32_t target_size;		/**< bytes that may be written */
	struct hvcal_engine_buffer *side; /**< NULL none */
	uint64_t side_offset;
	uint32_t side_size;
	struct hvcal_frame_params params; /**< extended with zeroes to this size */
	const void *meta;		/**< struct hvcal_frame_meta records */
	uint32_t meta_len;
	void *host;			/**< the host's own, leave alone */
	void *priv;			/**< the plug-in's own, NULL at first */
};

/** Positive return of encode(): the job is taken, and kept for later ones. */
#define HVCAL_ENGINE_HELD 1

/** What a plug-in says when a job is finished. */
struct hvcal_engine_result {
	/**
	 * 0 or a negative errno. -ENOBUFS: the packet does not fit into the target;
	 * it is lost, and the next frame of the stream is a key frame. -ENODEV (also
	 * of encode() and open()): the device is gone, and a new process may find it again.
	 */
	int status;
	uint32_t flags;			/**< HVCAL_RESULT_* */
	uint64_t bytes;			/**< at the target's offset */
	uint64_t engine_ns;		/**< engine time, 0 unknown */
	struct hvcal_frame_result frame;
};

/** What the host offers. Valid from create() to destroy(); thread-safe. */
struct hvcal_engine_host {
	void *cookie;
	/**
	 * The job is finished; the plug-in must not touch it any more. May be
	 * called from within encode() or flush(), or later from any thread.
	 */
	void (*done)(void *cookie, struct hvcal_engine_job *job,
		     const struct hvcal_engine_result *result);
	/**
	 * The hardware has started on the job; @sync_file is a fence of its kernel
	 * driver or -1, and stays the plug-in's. Optional to call.
	 */
	void (*started)(void *cookie, struct hvcal_engine_job *job, int sync_file);
	/** One line without newline. @level as in syslog(3). */
	void (*log)(void *cookie, int level, const char *line);
	/**
	 * Value of an option, NULL if it was not set. @key is the plug-in's name, a
	 * dot and the option: "x264.threads". Ask for every option in create(): hosts
	 * report those that nobody asked for as misspelt.
	 */
	const char *(*option)(void *cookie, const char *key);
};

/** enum hvcal_engine_desc.flags */
#define HVCAL_ENGINE_MAP_SOURCE (1U << 0) /**< wants sources mapped for the CPU */
#define HVCAL_ENGINE_MAP_TARGET (1U << 1) /**< wants targets mapped for the CPU */

/** What one engine is. Filled by create(). */
struct hvcal_engine_desc {
	char name[HVCAL_NAME_LEN];
	char slot[HVCAL_NAME_LEN];	/**< PCI address, empty for none */
	uint32_t kind;			/**< enum hvcal_engine_kind */
	uint32_t flags;			/**< HVCAL_ENGINE_MAP_* */
	int32_t numa_node;		/**< -1 unknown */
	uint32_t slots;
	uint32_t session_depth;
	uint32_t max_sessions;		/**< 0 unlimited */
	uint32_t ncaps;
	struct hvcal_engine_cap caps[16];
};

/**
 * The operations. Return 0 or a negative errno.
 *
 * Thread-safety: calls on different streams come from different threads at the
 * same time; calls on one stream come one after another.
 */
struct hvcal_engine_plugin {
	uint32_t abi;			/**< HVCAL_ENGINE_ABI */
	uint32_t size;			/**< sizeof(struct hvcal_engine_plugin) */
	const char *name;		/**< "x264" */
	const char *description;	/**< library and version, for people */
	const char *license;		/**< SPDX expression */

	/**
	 * Finds engine number @index (0, 1, ... until -ENOENT) and makes it ready
	 * to open streams. Any other error: there is one, but it cannot be used;
	 * @reason (@reason_len bytes) then says why in a person's words.
	 */
	int (*create)(const struct hvcal_engine_host *host, unsigned int index,
		      struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
		      char *reason, size_t reason_len);
	void (*destroy)(hvcal_engine_ctx_t *ctx);

	/**
	 * Opens a stream. -EINVAL, -EOPNOTSUPP: the configuration is not possible
	 * here; the host may try again with fewer wishes (uapi/hvcal_codec.h, enum
	 * hvcal_dropped). The same from the first encode().
	 */
	int (*open)(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		    hvcal_engine_stream_t **stream);
	/**
	 * Takes a job. An error means that it was not taken: the host finishes it.
	 * After 0 the plug-in owes done(), in coded order. HVCAL_ENGINE_HELD says the
	 * same, and that done() will not come before more frames or flush() do.
	 */
	int (*encode)(hvcal_engine_stream_t *stream, struct hvcal_engine_job *job);
	/** New configuration from the next job on. -EOPNOTSUPP: open anew. */
	int (*reconfigure)(hvcal_engine_stream_t *stream,
			   const struct hvcal_codec_config *config);
	/** Finishes (done()) every job that is held back, then returns. */
	int (*flush)(hvcal_engine_stream_t *stream);
	/** Jobs that are still held are finished with -ECANCELED first. */
	void (*close)(hvcal_engine_stream_t *stream);
	/**
	 * A hint that a job is no longer wanted; may be NULL. Comes from any thread,
	 * also during encode(), never after done() of the job. Must not wait and not
	 * call done() itself: that comes as it would, sooner.
	 */
	void (*cancel)(hvcal_engine_stream_t *stream, struct hvcal_engine_job *job);
	/** The host is about to forget a buffer with priv set; may be NULL. */
	void (*forget)(hvcal_engine_ctx_t *ctx, struct hvcal_engine_buffer *buffer);
};

extern const struct hvcal_engine_plugin hvcal_engine_plugin;

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_ENGINE_H */
