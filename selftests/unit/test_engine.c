// SPDX-License-Identifier: MIT
#include "test_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_engine test_engine;

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_engine_job *queue[64];
	unsigned int queued, bframes;
	pthread_mutex_t lock;
	atomic_uint calls;
};

static struct hvcal_engine_stream *last_stream;

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t len)
{
	(void)reason;
	(void)len;
	if (index)
		return -ENOENT;
	*ctx = calloc(1, sizeof(**ctx));
	(*ctx)->host = host;
	snprintf(desc->name, sizeof(desc->name), "test");
	desc->kind = HVCAL_ENGINE_SOFTWARE;
	desc->flags = HVCAL_ENGINE_MAP_SOURCE | HVCAL_ENGINE_MAP_TARGET;
	desc->numa_node = -1;
	desc->slots = 8;
	desc->session_depth = test_engine.depth ? test_engine.depth : 4;
	desc->max_sessions = test_engine.max_sessions;
	desc->ncaps = 1;
	desc->caps[0] = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_H264, .depth_mask = 1U << 8,
		.flags = HVCAL_CAP_FORCE_KEY | HVCAL_CAP_ROI,
		.min_width = 16, .min_height = 16, .max_width = 4096, .max_height = 4096,
		.formats = { HVCAL_FORMAT_NV12 },
	};
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

static int engine_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	if (test_engine.open_error)
		return test_engine.open_error;
	*stream = calloc(1, sizeof(**stream));
	(*stream)->ctx = ctx;
	(*stream)->bframes = config->bframes;
	pthread_mutex_init(&(*stream)->lock, NULL);
	last_stream = *stream;
	test_engine.opens++;
	test_engine.bitrate = (unsigned int)config->bitrate;
	return 0;
}

/* The packet is the first byte of the source and the pts. */
static void finish(struct hvcal_engine_stream *s, int status)
{
	struct hvcal_engine_result r = { .status = status, .flags = HVCAL_RESULT_KEY };
	struct hvcal_engine_job *job = s->queue[0];
	unsigned char *out = (unsigned char *)job->target->map[0] + job->target_offset;

	s->queued--;
	memmove(s->queue, s->queue + 1, s->queued * sizeof(*s->queue));
	out[0] = *(unsigned char *)job->source->map[0];
	out[1] = (unsigned char)job->params.pts;
	r.bytes = test_engine.too_many_bytes ? job->target_size + 1ULL : 2;
	r.engine_ns = 1000;
	r.frame.size = sizeof(r.frame);
	r.frame.pts = r.frame.dts = job->params.pts;
	r.frame.copied_bytes = test_engine.copied;
	test_engine.inside--;
	s->ctx->host->done(s->ctx->host->cookie, job, &r);
}

bool test_engine_step(void)
{
	struct hvcal_engine_stream *s = last_stream;
	bool any;

	pthread_mutex_lock(&s->lock);
	any = s->queued;
	if (any)
		finish(s, test_engine.done_status);
	pthread_mutex_unlock(&s->lock);
	return any;
}

static int engine_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	unsigned int inside;
	bool held;

	if (s->calls++)
		test_engine.overlaps++;
	if (test_engine.encode_error || (test_engine.picky && s->bframes)) {
		s->calls--;
		return test_engine.encode_error ? test_engine.encode_error : -EINVAL;
	}
	test_engine.flags = job->params.flags;
	test_engine.lost_pts = job->params.lost_pts;
	pthread_mutex_lock(&s->lock);
	s->queue[s->queued++] = job;
	inside = ++test_engine.inside;
	if (inside > test_engine.peak_inside)
		test_engine.peak_inside = inside;
	while (!test_engine.manual && s->queued > test_engine.hold)
		finish(s, test_engine.done_status);
	held = !test_engine.manual && s->queued && s->queue[s->queued - 1] == job;
	pthread_mutex_unlock(&s->lock);
	s->calls--;
	return held ? HVCAL_ENGINE_HELD : 0;
}

static int engine_reconfigure(hvcal_engine_stream_t *s,
			      const struct hvcal_codec_config *config)
{
	(void)s;
	if (test_engine.no_reconfigure)
		return -EOPNOTSUPP;
	test_engine.bitrate = (unsigned int)config->bitrate;
	return 0;
}

static int engine_flush(hvcal_engine_stream_t *s)
{
	pthread_mutex_lock(&s->lock);
	while (!test_engine.manual && s->queued)
		finish(s, test_engine.done_status);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void engine_close(hvcal_engine_stream_t *s)
{
	while (s->queued)
		finish(s, -ECANCELED);
	test_engine.closes++;
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void engine_forget(hvcal_engine_ctx_t *ctx, struct hvcal_engine_buffer *buffer)
{
	(void)ctx;
	buffer->priv = NULL;
	test_engine.forgets++;
}

static void engine_cancel(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	(void)s;
	(void)job;
	test_engine.cancels++;
}

const struct hvcal_engine_plugin test_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(struct hvcal_engine_plugin),
	.name = "test",
	.description = "engine of the unit tests",
	.license = "MIT",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = engine_open,
	.encode = engine_encode,
	.reconfigure = engine_reconfigure,
	.flush = engine_flush,
	.close = engine_close,
	.cancel = engine_cancel,
	.forget = engine_forget,
};
