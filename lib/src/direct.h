/* SPDX-License-Identifier: MIT */
/*
 * Direct mode inside: what hvcal.ko and hvcald do, within one process and
 * without arbitration. Every session has a thread that calls its engine.
 *
 * Locks: direct.lock and direct_session.lock are never held together, and
 * neither while an engine or hvcal_context_dispatch() is called.
 */
#ifndef HVCAL_DIRECT_H
#define HVCAL_DIRECT_H

#include "internal.h"
#include "options.h"
#include "plugin.h"

struct direct_engine {
	uint32_t id;
	uint32_t gpu;		/* number of the GPU it is on, 0 none */
	struct hvcal_plugin_engine e;
	atomic_uint sessions;
	_Atomic uint64_t jobs_done;
};

/* A buffer as one engine sees it. */
struct direct_view {
	struct direct_view *next;
	struct direct_engine *engine;
	struct hvcal_engine_buffer eb;
};

struct direct_buffer {
	struct hvcal_buf *buf;
	struct hvcal_frame_layout layout; /* zero for targets */
	void *map[HVCAL_MAX_PLANES];
	size_t len[HVCAL_MAX_PLANES];
	bool mapped[HVCAL_MAX_PLANES];	/* by us: to be unmapped */
	struct direct_view *views;
};

struct direct_session;

struct direct {
	struct hvcal_be be;
	struct hvcal_plugins *plugins;	/* NULL in tests */
	struct hvcal_options *options;
	struct hvcal_engine_host host;
	struct direct_engine **engines;
	uint32_t engine_count;
	uint32_t gpu_count;

	pthread_mutex_t lock;
	struct direct_session *sessions; /* lock */
	uint32_t last_session;		/* lock */
	struct direct_buffer **buffers;	/* lock: index is handle - 1, NULL free */
	uint32_t buffer_room;		/* lock */
	_Atomic uint64_t last_job;
};

/** Finds plug-ins and makes their engines. */
int direct_engines_open(struct direct *d, const hvcal_init_params_t *params,
			const struct hvcal_plugin_list *list);
void direct_engines_close(struct direct *d);

/** The engine that the session asks for, or the best. -ENOTCONN, -ENOSPC */
int direct_engine_choose(struct direct *d, struct hvcal_session_create *arg,
			 struct direct_engine **out);

const char *direct_engine_absent(struct hvcal_be *be, const char *name);
int direct_engine_list(struct hvcal_be *be, struct hvcal_engine_list *arg);
int direct_engine_caps(struct hvcal_be *be, struct hvcal_engine_caps *arg);
int direct_gpu_list(struct hvcal_be *be, struct hvcal_gpu_list *arg);

int direct_buffer_add(struct hvcal_be *be, struct hvcal_buf *buf, uint32_t flags,
		      uint32_t *handle);
void direct_buffer_drop(struct hvcal_be *be, uint32_t handle);

/** How @engine sees the buffer; it lives as long as the buffer. -ENOENT */
int direct_buffer_view(struct direct *d, uint32_t handle, struct direct_engine *engine,
		       struct hvcal_engine_buffer **out);

int direct_session_create(struct hvcal_be *be, struct hvcal_session_create *arg);
void direct_session_destroy(struct hvcal_be *be, uint32_t session);
int direct_session_reconfigure(struct hvcal_be *be,
			       struct hvcal_session_reconfigure *arg);
int direct_session_flush(struct hvcal_be *be, struct hvcal_session_flush *arg);
int direct_session_stats(struct hvcal_be *be, struct hvcal_session_stats *arg);
int direct_submit(struct hvcal_be *be, struct hvcal_job_submit *arg);
int direct_cancel(struct hvcal_be *be, struct hvcal_job_cancel *arg);
int direct_fence(struct hvcal_be *be, struct hvcal_job_fence *arg);

/** What engines call: see struct hvcal_engine_host. */
void direct_job_done(void *cookie, struct hvcal_engine_job *job,
		     const struct hvcal_engine_result *result);
void direct_job_started(void *cookie, struct hvcal_engine_job *job, int sync_file);

#endif
