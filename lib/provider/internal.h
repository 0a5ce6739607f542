/* SPDX-License-Identifier: MIT */
/*
 * Parts of the provider runtime.
 *
 * One thread acquires (hvcal_provider_run); each stream has a worker that takes
 * its items one after another, so a slow frame holds up its own stream only.
 * provider->lock guards the tables of streams, buffers, free items and items in
 * work; stream->lock its queue. provider->lock is the outer one.
 */
#ifndef HVCAL_PROVIDER_INTERNAL_H
#define HVCAL_PROVIDER_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <hvcal/provider.h>

#include "../src/plugin.h"
#include "../src/sys.h"

#define PROVIDER_ENGINES 32
#define PROVIDER_BATCH 32	/* items of one acquire */
#define STREAM_RESULTS 16	/* answers that are sent together */

struct provider_engine {
	hvcal_provider_t *p;
	struct hvcal_engine_host host;
	struct hvcal_plugin_engine plugin;
	uint32_t id;
};

/* A buffer of the kernel's, and how each engine sees it. */
struct provider_view {
	struct provider_view *next;
	struct provider_engine *engine;
	struct hvcal_engine_buffer buffer;
};

struct provider_buffer {
	struct provider_buffer *next;
	uint32_t id;
	uint32_t refs;	/* items that name it, and one until it is dropped */
	int fd[HVCAL_MAX_PLANES];
	void *map[HVCAL_MAX_PLANES];
	size_t len[HVCAL_MAX_PLANES];
	struct hvcal_frame_layout layout;
	struct provider_view *views;
};

/* An item on its way through a stream. Kept and used again. */
struct provider_item {
	struct provider_item *next;	/* free list or queue of a stream */
	struct provider_item *prev_work, *next_work; /* frames in work, for CANCEL */
	struct provider_stream *stream;
	uint64_t id;			/* 0: nobody waits for an answer */
	uint32_t type;			/* enum hvcal_item_type */
	atomic_bool cancelled;
	bool in_work;
	bool synced;			/* with the engine, and CPU access has begun */
	struct provider_buffer *buffers[3]; /* source, target, side */
	struct hvcal_engine_job job;
	uint32_t dropped;		/* HVCAL_DROPPED_* of its stream */
	void *meta;
	size_t meta_cap;
	struct hvcal_codec_config config;
};

struct provider_stream {
	struct provider_stream *next;
	hvcal_provider_t *p;
	struct provider_engine *engine;
	uint32_t number;
	hvcal_engine_stream_t *stream;	/* NULL: not open */
	struct hvcal_codec_config config; /* that it is open with, as it was asked for */
	uint32_t dropped;		/* HVCAL_DROPPED_* of that */
	bool proven;			/* it has taken a frame */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct provider_item *first, *last;
	bool ended;			/* the worker takes nothing more: to be joined */
	bool lost;			/* there was no device to open it on */
	/* answers that the worker gathers while it is inside a call of the engine */
	bool gathering;
	unsigned int nresults;
	struct hvcal_item_result results[STREAM_RESULTS];
	struct hvcal_frame_result frames[STREAM_RESULTS];
};

struct hvcal_provider {
	const struct hvcal_sys *sys;
	hvcal_provider_params_t params;
	int fd;
	int lost_fd;			/* readable: the device of an engine is gone */
	struct provider_engine engines[PROVIDER_ENGINES];
	unsigned int nengines;
	pthread_mutex_t lock;
	struct provider_stream *streams;
	struct provider_buffer *buffers;
	struct provider_item *free_items;
	struct provider_item *work;	/* list of frames inside an engine */
	atomic_uint acquires, frames, answers;	/* counts for faults */
	struct hvcal_item items[PROVIDER_BATCH];
	void *blobs;
	size_t blobs_len;
};

/* provider.c */
int provider_open_sys(hvcal_provider_t **out, const hvcal_provider_params_t *params,
		      const struct hvcal_sys *sys);
void provider_log(hvcal_provider_t *p, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The device of an engine is gone: hvcal_provider_run() ends. */
void provider_lost(struct provider_engine *e);

/* buffers.c */
int provider_buffer_add(hvcal_provider_t *p, const struct hvcal_item *item, const void *layout);
void provider_buffer_drop(hvcal_provider_t *p, uint32_t id);
/* With a reference; NULL: no such buffer. */
struct provider_buffer *provider_buffer_get(hvcal_provider_t *p, uint32_t id);
void provider_buffer_put(hvcal_provider_t *p, struct provider_buffer *b);
/* How @engine sees @b; mapped if it wants that. NULL with *error set. */
struct hvcal_engine_buffer *provider_buffer_view(hvcal_provider_t *p, struct provider_buffer *b,
						 struct provider_engine *engine, bool map,
						 int *error);
/* CPU access to what is mapped begins or ends. */
void provider_buffer_sync(hvcal_provider_t *p, const struct provider_buffer *b, uint64_t flags);
void provider_buffers_free(hvcal_provider_t *p);

/* item.c */
struct provider_item *provider_item_new(hvcal_provider_t *p);
void provider_item_free(hvcal_provider_t *p, struct provider_item *item);
int provider_item_set_meta(struct provider_item *item, const void *meta, uint32_t len);
void provider_item_begin(hvcal_provider_t *p, struct provider_item *item);
void provider_item_end(hvcal_provider_t *p, struct provider_item *item);
void provider_item_cancel(hvcal_provider_t *p, uint64_t id);
void provider_items_free(hvcal_provider_t *p);

/* stream.c */
struct provider_stream *provider_stream_start(hvcal_provider_t *p, struct provider_engine *engine,
					      uint32_t number);
/* False: the stream has ended, the item is still the caller's. */
bool provider_stream_push(struct provider_stream *s, struct provider_item *item);
struct provider_stream *provider_stream_find(hvcal_provider_t *p, uint32_t number);
/* Joins workers that have left; all of them if @all, after telling them to. */
void provider_streams_reap(hvcal_provider_t *p, bool all);

/* answer.c */
void provider_answer(hvcal_provider_t *p, uint64_t id, int status);
void provider_answer_held(hvcal_provider_t *p, uint64_t id);
void provider_answer_frame(struct provider_item *item, const struct hvcal_engine_result *result);
void provider_answer_send(struct provider_stream *s);

/* fault.c */
void provider_fault_acquire(hvcal_provider_t *p);
void provider_fault_holding(hvcal_provider_t *p);
/* May change @r, or send more than it. */
void provider_fault_answer(hvcal_provider_t *p, struct hvcal_item_result *r);

#endif
