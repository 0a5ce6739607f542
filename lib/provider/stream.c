// SPDX-License-Identifier: MIT
/* A stream and its worker: the items of one session, one after another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <linux/dma-buf.h>

#include "../src/safe.h"
#include "internal.h"

static const struct hvcal_engine_plugin *ops_of(const struct provider_stream *s)
{
	return s->engine->plugin.ops;
}

static struct provider_item *pop(struct provider_stream *s)
{
	struct provider_item *item;

	pthread_mutex_lock(&s->lock);
	while (!s->first)
		pthread_cond_wait(&s->wake, &s->lock);
	item = s->first;
	s->first = item->next;
	if (!s->first)
		s->last = NULL;
	pthread_mutex_unlock(&s->lock);
	return item;
}

bool provider_stream_push(struct provider_stream *s, struct provider_item *item)
{
	bool taken;

	item->stream = s;
	item->next = NULL;
	pthread_mutex_lock(&s->lock);
	taken = !s->ended;
	if (taken) {
		if (s->last)
			s->last->next = item;
		else
			s->first = item;
		s->last = item;
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

/* ---- what an item asks for ---- */

/* CANCEL looks at it from the acquiring thread. */
static void stream_set(struct provider_stream *s, hvcal_engine_stream_t *stream)
{
	pthread_mutex_lock(&s->p->lock);
	s->stream = stream;
	pthread_mutex_unlock(&s->p->lock);
}

static void log_dropped(struct provider_stream *s, int why)
{
	provider_log(s->p, LOG_NOTICE, "%s: stream %u: %s: it goes on with safe parameters (%#x)",
		     s->engine->plugin.desc.name, s->number, strerror(-why), s->dropped);
}

static int stream_open(struct provider_stream *s, const struct hvcal_codec_config *config)
{
	hvcal_engine_stream_t *stream = NULL;
	int ret = hvcal_safe_open(ops_of(s), s->engine->plugin.ctx, config, &stream, &s->dropped);

	s->lost = ret == -ENODEV;
	if (ret)
		return ret;
	stream_set(s, stream);
	s->config = *config;
	s->proven = false;
	if (s->dropped)
		log_dropped(s, -EINVAL);
	return 0;
}

static void stream_close(struct provider_stream *s)
{
	hvcal_engine_stream_t *stream = s->stream;

	if (!stream)
		return;
	s->gathering = true;
	ops_of(s)->close(stream);
	s->gathering = false;
	provider_answer_send(s);
	stream_set(s, NULL);
}

static int stream_flush(struct provider_stream *s)
{
	int ret;

	if (!s->stream)
		return -ENODEV;
	s->gathering = true;
	ret = ops_of(s)->flush(s->stream);
	s->gathering = false;
	provider_answer_send(s);
	return ret;
}

/*
 * An engine that cannot change in mid-stream starts anew, with a key frame. If it
 * cannot do that either, the stream goes on as it was.
 */
static int stream_reconfigure(struct provider_stream *s, const struct hvcal_codec_config *config)
{
	struct hvcal_codec_config before = s->config;
	int ret, again;

	if (!s->stream)
		return -ENODEV;
	ret = hvcal_safe_reconfigure(ops_of(s), s->stream, config, &s->dropped);
	if (!ret)
		s->config = *config;
	if (ret != -EOPNOTSUPP)
		return ret;
	ret = stream_flush(s);
	if (ret)
		return ret;
	stream_close(s);
	ret = stream_open(s, config);
	if (!ret)
		return 0;
	again = stream_open(s, &before);
	if (again)
		provider_log(s->p, LOG_ERR, "%s: stream %u cannot be opened again: %s",
			     s->engine->plugin.desc.name, s->number, strerror(-again));
	return ret;
}

static int frame_views(struct provider_stream *s, struct provider_item *item)
{
	uint32_t flags = s->engine->plugin.desc.flags;
	struct hvcal_engine_job *job = &item->job;
	int error = 0;

	if (item->buffers[0]->layout.flags & HVCAL_LAYOUT_DEVICE &&
	    !(flags & HVCAL_ENGINE_DEVICE_MEMORY))
		return -EXDEV;
	job->source = provider_buffer_view(s->p, item->buffers[0], s->engine,
					   flags & HVCAL_ENGINE_MAP_SOURCE, &error);
	if (!error)
		job->target = provider_buffer_view(s->p, item->buffers[1], s->engine,
						   flags & HVCAL_ENGINE_MAP_TARGET, &error);
	/* side data is read by the CPU whatever the engine is */
	if (!error && item->buffers[2])
		job->side = provider_buffer_view(s->p, item->buffers[2], s->engine, true, &error);
	return error;
}

static int engine_encode(struct provider_stream *s, struct provider_item *item)
{
	int ret;

	item->dropped = s->dropped;
	provider_item_begin(s->p, item);
	s->gathering = true;
	ret = ops_of(s)->encode(s->stream, &item->job);
	s->gathering = false;
	/* after that it may be finished and gone */
	if (ret < 0)
		provider_item_end(s->p, item);
	else
		s->proven = true;
	return ret;
}

static bool reopen_safe(struct provider_stream *s, int why)
{
	struct hvcal_codec_config safe = s->config;
	hvcal_engine_stream_t *stream = NULL;
	uint32_t dropped = hvcal_safe_again(why, s->proven, s->dropped, &safe);

	if (!dropped)
		return false;
	stream_close(s);
	if (ops_of(s)->open(s->engine->plugin.ctx, &safe, &stream))
		return false;
	stream_set(s, stream);
	s->dropped = dropped;
	log_dropped(s, why);
	return true;
}

static void stream_encode(struct provider_stream *s, struct provider_item *item)
{
	struct hvcal_engine_result failed = { 0 };
	uint64_t id = item->id;
	int ret;

	provider_fault_holding(s->p);
	ret = s->stream ? 0 : -ENODEV;
	if (!ret && atomic_load(&item->cancelled))
		ret = -ECANCELED;
	if (!ret)
		ret = frame_views(s, item);
	if (!ret) {
		provider_buffer_sync(s->p, item->buffers[0], DMA_BUF_SYNC_READ | DMA_BUF_SYNC_START);
		provider_buffer_sync(s->p, item->buffers[1], DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_START);
		item->synced = true;
		item->job.host = item;
		ret = engine_encode(s, item);
		if (ret < 0 && reopen_safe(s, ret))
			ret = engine_encode(s, item);
	}
	/* after a positive return or zero the item may be finished and gone */
	if (ret < 0) {
		failed.status = ret;
		provider_answer_frame(item, &failed);
	}
	provider_answer_send(s);
	if (ret == HVCAL_ENGINE_HELD)
		provider_answer_held(s->p, id);
}

/* False: the worker is done with its stream. */
static bool stream_item(struct provider_stream *s, struct provider_item *item)
{
	hvcal_provider_t *p = s->p;
	uint64_t id = item->id;
	int ret = 0;

	switch (item->type) {
	case HVCAL_ITEM_ENCODE:
		stream_encode(s, item);
		return true;
	case HVCAL_ITEM_OPEN:
		ret = stream_open(s, &item->config);
		if (ret)
			provider_log(p, LOG_NOTICE, "%s: stream %u cannot be opened: %s",
				     s->engine->plugin.desc.name, s->number, strerror(-ret));
		break;
	case HVCAL_ITEM_RECONFIGURE:
		ret = stream_reconfigure(s, &item->config);
		break;
	case HVCAL_ITEM_FLUSH:
		ret = stream_flush(s);
		break;
	case HVCAL_ITEM_CLOSE:
		stream_close(s);
		break;
	}
	/* a stream that was not opened is not closed either: it ends here */
	bool more = item->type != HVCAL_ITEM_CLOSE && (item->type != HVCAL_ITEM_OPEN || !ret);

	provider_item_free(p, item);
	if (s->lost) {
		/* as with frames: no answer, others shall have it */
		provider_lost(s->engine);
		return false;
	}
	provider_answer(p, id, ret);
	return more;
}

/* Items that came after the last one: a CLOSE when the stream did not open. */
static void answer_rest(struct provider_stream *s)
{
	struct provider_item *item, *next;

	pthread_mutex_lock(&s->lock);
	s->ended = true;
	item = s->first;
	s->first = s->last = NULL;
	pthread_mutex_unlock(&s->lock);
	for (; item; item = next) {
		uint64_t id = item->id;
		int status = item->type == HVCAL_ITEM_CLOSE ? 0 : -ENODEV;

		next = item->next;
		provider_item_free(s->p, item);
		if (!s->lost)
			provider_answer(s->p, id, status);
	}
}

static void *worker(void *arg)
{
	struct provider_stream *s = arg;

	while (stream_item(s, pop(s)))
		;
	answer_rest(s);
	return NULL;
}

/* ---- the table ---- */

struct provider_stream *provider_stream_start(hvcal_provider_t *p, struct provider_engine *engine,
					      uint32_t number)
{
	struct provider_stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->p = p;
	s->engine = engine;
	s->number = number;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	/* the worker compares itself with s->thread: it must be set when it starts */
	pthread_mutex_lock(&p->lock);
	if (pthread_create(&s->thread, NULL, worker, s)) {
		pthread_mutex_unlock(&p->lock);
		free(s);
		return NULL;
	}
	s->next = p->streams;
	p->streams = s;
	pthread_mutex_unlock(&p->lock);
	return s;
}

struct provider_stream *provider_stream_find(hvcal_provider_t *p, uint32_t number)
{
	struct provider_stream *s;

	pthread_mutex_lock(&p->lock);
	for (s = p->streams; s && s->number != number; s = s->next)
		;
	pthread_mutex_unlock(&p->lock);
	return s;
}

static void stream_destroy(struct provider_stream *s)
{
	pthread_join(s->thread, NULL);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool has_ended(struct provider_stream *s)
{
	bool ended;

	pthread_mutex_lock(&s->lock);
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	return ended;
}

void provider_streams_reap(hvcal_provider_t *p, bool all)
{
	struct provider_stream **at, *s, *gone = NULL;

	pthread_mutex_lock(&p->lock);
	for (at = &p->streams; (s = *at);) {
		if (!all && !has_ended(s)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		s->next = gone;
		gone = s;
	}
	pthread_mutex_unlock(&p->lock);

	while ((s = gone)) {
		gone = s->next;
		if (all) {
			struct provider_item *item = provider_item_new(p);

			if (item) {
				item->type = HVCAL_ITEM_CLOSE;
				if (!provider_stream_push(s, item))
					provider_item_free(p, item);
			}
		}
		stream_destroy(s);
	}
}
