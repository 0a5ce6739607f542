/* SPDX-License-Identifier: MIT */
/*
 * libhvcal inside.
 *
 * A back end speaks the structures of uapi/hvcal.h: the kernel back end passes
 * them to ioctls, the direct back end is a small hvcal.ko within the process.
 * Everything above this table is common to both.
 *
 * Locks, outermost first:
 *   session.submit_lock   order of submission; held across back end calls
 *   context.read_lock     one reader of events; held while they are handed out
 *   context.lock          list of sessions; held while the back end makes one
 *   session.lock          slots and events of a session
 *   pool.grow_lock, context.import_lock, locks of a back end
 */
#ifndef HVCAL_INTERNAL_H
#define HVCAL_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <hvcal/engine.h>
#include <hvcal/hvcal.h>

#include "log.h"
#include "sys.h"
#include "util.h"

struct hvcal_buf;
struct hvcal_be;

struct hvcal_be_ops {
	uint32_t kind;	/* enum hvcal_backend */
	void (*close)(struct hvcal_be *be);
	int (*caps)(struct hvcal_be *be, struct hvcal_caps *arg);
	int (*engine_list)(struct hvcal_be *be, struct hvcal_engine_list *arg);
	int (*engine_caps)(struct hvcal_be *be, struct hvcal_engine_caps *arg);
	int (*gpu_list)(struct hvcal_be *be, struct hvcal_gpu_list *arg);
	int (*session_create)(struct hvcal_be *be, struct hvcal_session_create *arg);
	int (*session_reconfigure)(struct hvcal_be *be,
				   struct hvcal_session_reconfigure *arg);
	int (*session_flush)(struct hvcal_be *be, struct hvcal_session_flush *arg);
	void (*session_destroy)(struct hvcal_be *be, uint32_t session);
	int (*session_stats)(struct hvcal_be *be, struct hvcal_session_stats *arg);
	/* The buffer outlives its registration. @flags: HVCAL_BUFFER_* */
	int (*buffer_add)(struct hvcal_be *be, struct hvcal_buf *buf, uint32_t flags,
			  uint32_t *handle);
	void (*buffer_drop)(struct hvcal_be *be, uint32_t handle);
	int (*submit)(struct hvcal_be *be, struct hvcal_job_submit *arg);
	int (*cancel)(struct hvcal_be *be, struct hvcal_job_cancel *arg);
	int (*fence)(struct hvcal_be *be, struct hvcal_job_fence *arg);
	/* File that is readable when there are events, and what reads them; -1 and
	 * NULL where the back end calls hvcal_context_dispatch() by itself. */
	int (*event_fd)(struct hvcal_be *be);
	ssize_t (*read_events)(struct hvcal_be *be, void *buf, size_t len);
};

/** What every back end begins with. */
struct hvcal_be {
	const struct hvcal_be_ops *ops;
	hvcal_context_t *ctx;
};

/** Plug-ins that a test hands over instead of a folder. */
struct hvcal_plugin_list {
	const struct hvcal_engine_plugin *const *plugins;
	unsigned int count;
};

int hvcal_kernel_open(hvcal_context_t *ctx, const hvcal_init_params_t *params,
		      struct hvcal_be **out);
int hvcal_direct_open(hvcal_context_t *ctx, const hvcal_init_params_t *params,
		      const struct hvcal_plugin_list *list, struct hvcal_be **out);

struct hvcal_context {
	atomic_uint refs;
	const struct hvcal_sys *sys;
	struct hvcal_log log;
	struct hvcal_be *be;
	struct hvcal_caps caps;
	int event_fd;

	pthread_mutex_t read_lock;
	void *events;		/* read_lock: area for read_events */
	size_t events_len;

	pthread_mutex_t lock;
	hvcal_session_t *sessions; /* lock: linked through session.next */
	bool gone;		/* lock: the device has failed for good */

	pthread_mutex_t import_lock;
};

/** hvcal_initialize() with a kernel and plug-ins of the caller's choice. */
int hvcal_context_create(hvcal_context_t **ctx, const hvcal_init_params_t *params,
			 const struct hvcal_sys *sys,
			 const struct hvcal_plugin_list *list);
hvcal_context_t *hvcal_context_ref(hvcal_context_t *ctx);
void hvcal_context_unref(hvcal_context_t *ctx);

/** Reads what events there are and hands them out. 0 or a negative errno. */
int hvcal_context_pump(hvcal_context_t *ctx);

/** Hands one event to its session. Any thread. */
void hvcal_context_dispatch(hvcal_context_t *ctx, const struct hvcal_event *event);

/* ------------------------------------------------------------------------ */
/* Memory and buffers                                                       */

/** What a pool asks of an allocator, and what came of it. */
struct hvcal_memory_request {
	uint32_t memory;	/* in: enum hvcal_memory; out: that was got */
	bool huge;
	bool lock;
	int32_t numa_node;
	uint64_t size;
	uint32_t huge_page;	/* out: bytes of a huge page, 0 none */
	bool locked;		/* out */
	bool bound;		/* out: to numa_node */
};

struct hvcal_mem {
	int fd;
	void *map;
	uint64_t size;
};

/** Allocates and maps. -EOPNOTSUPP: none of the allowed kinds is there. */
int hvcal_memory_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req,
		       struct hvcal_mem *out);
void hvcal_memory_free(hvcal_context_t *ctx, struct hvcal_mem *mem);

/** The same without a context, for hosts of plug-ins. A zeroed @mem is free. */
int hvcal_memory_alloc_alone(struct hvcal_memory_request *req, struct hvcal_mem *out);
void hvcal_memory_free_alone(struct hvcal_mem *mem);

struct hvcal_buf {
	hvcal_buffer_t pub;	/* first: a hvcal_buffer_t is one of these */
	atomic_uint refs;
	hvcal_context_t *ctx;
	hvcal_pool_t *pool;	/* NULL: wrapped */
	uint32_t index;		/* in the pool */
	_Atomic uint32_t next;	/* in the pool's stack */
	atomic_bool retired;	/* may still be written to: never use it again */
	struct hvcal_mem mem; /* of a pool buffer */
	_Atomic uint32_t source; /* handles of the back end, 0 none */
	_Atomic uint32_t target;
};

/** The library's side of @buffer; NULL if the library did not make it. */
struct hvcal_buf *hvcal_buf_from(const hvcal_buffer_t *buffer);

/** Handle under which the back end knows the buffer in this role. */
int hvcal_buf_import(struct hvcal_buf *buf, uint32_t role, uint32_t *handle);

/** Drops what hvcal_buf_import() made. */
void hvcal_buf_forget(struct hvcal_buf *buf);

/** Takes a free wrapper apart; the pool does this for its own. */
void hvcal_buf_destroy_wrapped(struct hvcal_buf *buf);

/** The last reference is gone. */
void hvcal_pool_put(struct hvcal_buf *buf);

/** uapi description of where the planes are. */
void hvcal_buf_layout(const hvcal_buffer_t *buffer, struct hvcal_frame_layout *layout);

/** Copies the visible pixels; both have the same format and size. */
int hvcal_layout_copy(hvcal_buffer_t *to, const hvcal_buffer_t *from, uint64_t *bytes);

/* ------------------------------------------------------------------------ */
/* Configuration                                                            */

/** Takes, checks and completes a configuration. @reason may be NULL. */
int hvcal_config_take(hvcal_config_t *out, const hvcal_config_t *in, char *reason,
		      size_t len);
void hvcal_config_to_codec(const hvcal_config_t *config, struct hvcal_codec_config *out);
void hvcal_config_to_reservation(const hvcal_config_t *config, uint32_t mode,
				 struct hvcal_reservation *out);
uint32_t hvcal_config_need(const hvcal_config_t *config);
uint32_t hvcal_config_packet_bytes(const hvcal_config_t *config);

/** HVCAL_CAP_* that @feature needs of an engine. */
uint32_t hvcal_feature_cap(uint32_t feature);
#define HVCAL_FEATURES 7

/** Sizes of the first published version of each structure. */
enum {
	HVCAL_INIT_PARAMS_V1 = sizeof(hvcal_init_params_t),
	HVCAL_BUFFER_V1 = sizeof(hvcal_buffer_t),
	HVCAL_POOL_PARAMS_V1 = sizeof(hvcal_pool_params_t),
	HVCAL_POOL_INFO_V1 = sizeof(hvcal_pool_info_t),
	HVCAL_CONFIG_V1 = sizeof(hvcal_config_t),
	HVCAL_ADMISSION_V1 = sizeof(hvcal_admission_t),
	HVCAL_FRAME_V1 = sizeof(hvcal_frame_t),
	HVCAL_PACKET_V1 = sizeof(hvcal_packet_t),
	HVCAL_STATS_V1 = sizeof(hvcal_stats_t),
};

#endif
