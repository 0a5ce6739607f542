// SPDX-License-Identifier: MIT
/* The host of the engine: gives it frames and holds it to its contract. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conformance.h"

#define CANARY_BYTES 4096
#define ROOM_OFFSET 256	/* of a packet in its target */

struct hvcal_codec_config conf_config(const struct conf *c)
{
	const struct hvcal_engine_cap *cap = c->cap;
	struct hvcal_codec_config config = {
		.size = sizeof(config),
		.codec = cap->codec,
		.format = cap->formats[0],
		.width = cap->min_width > 320 ? cap->min_width : 320,
		/* whole blocks, which nodes take without a copy */
		.height = ((cap->min_height > 192 ? cap->min_height : 192) + 15) & ~15U,
		.fps_num = 30,
		.fps_den = 1,
		.bit_depth = cap->formats[0] == HVCAL_FORMAT_P010 ? 10 : 8,
		.chroma = 420,
		.rc_mode = HVCAL_RC_CQP,
		.tune = HVCAL_TUNE_LOW_LATENCY,
		.preset = 1,
		.qp = 24,
		.threads = 2,
	};

	return config;
}

bool conf_takes(struct conf *c, const struct hvcal_codec_config *config)
{
	hvcal_engine_stream_t *stream;
	int ret = c->engine->ops->open(c->engine->ctx, config, &stream);

	if (!ret)
		c->engine->ops->close(stream);
	return !ret;
}

struct hvcal_codec_config conf_quality_config(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);

	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 3;
	config.preset = 3;
	if (!conf_takes(c, &config))
		hvcal_safe_make(&config);
	return config;
}

bool conf_is_null(const struct conf *c)
{
	return !strcmp(c->engine->ops->name, "null");
}

bool conf_all_key(const struct conf *c)
{
	return c->cap->codec == HVCAL_CODEC_RAW;
}

bool conf_qindex(const struct conf *c)
{
	return c->cap->codec == HVCAL_CODEC_VP9 || c->cap->codec == HVCAL_CODEC_AV1;
}

double conf_qp_tolerance(const struct conf *c)
{
	/* libvpx and libaom offer 64 of the 256 indices: every fourth */
	return conf_qindex(c) ? 2 : 0.5;
}

struct conf_stream *conf_open(struct conf *c, const struct hvcal_codec_config *config)
{
	struct conf_stream *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;
	int ret;

	if (!s)
		abort();
	s->c = c;
	s->config = *config;
	s->target_size = config->width * config->height * 4 + 65536;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	ret = c->engine->ops->open(c->engine->ctx, config, &s->stream);
	if (ret) {
		s->closed = true;
		conf_fail(c, "open of %ux%u: %s", config->width, config->height, strerror(-ret));
		conf_free(&s);
		return NULL;
	}
	return s;
}

/* ---- done() ---- */

static void check_target(struct conf_frame *f)
{
	const uint8_t *end = f->target->mine + ROOM_OFFSET + f->room;

	for (unsigned int i = 0; i < CANARY_BYTES; i++)
		if (end[i] != CONF_CANARY) {
			conf_fail(f->stream->c, "frame %u: byte %u behind its room was overwritten",
				  f->number, i);
			return;
		}
	for (uint64_t i = 0; i < ROOM_OFFSET; i++)
		if (f->target->mine[i] != CONF_CANARY) {
			conf_fail(f->stream->c, "frame %u: bytes before its room were overwritten",
				  f->number);
			return;
		}
}

static void check_result(struct conf_frame *f)
{
	const struct hvcal_engine_result *r = &f->result;
	struct conf *c = f->stream->c;

	if (r->status > 0 || r->status < -4095)
		conf_fail(c, "frame %u: status %d is no errno", f->number, r->status);
	if (r->flags & ~(HVCAL_RESULT_KEY | HVCAL_RESULT_SKIPPED))
		conf_fail(c, "frame %u: unknown result flags %#x", f->number, r->flags);
	if (r->bytes > f->job.target_size)
		conf_fail(c, "frame %u: %llu bytes into room for %u", f->number,
			  (unsigned long long)r->bytes, f->job.target_size);
	if (r->status)
		return;
	if (!r->bytes && !(r->flags & HVCAL_RESULT_SKIPPED))
		conf_fail(c, "frame %u: no bytes, and not said to be skipped", f->number);
	if (r->frame.pts != f->job.params.pts)
		conf_fail(c, "frame %u: pts %lld in the result of the job with pts %lld", f->number,
			  (long long)r->frame.pts, (long long)f->job.params.pts);
	if (!!(r->flags & HVCAL_RESULT_KEY) != (r->frame.frame_type == HVCAL_FRAME_TYPE_KEY))
		conf_fail(c, "frame %u: flags and frame type differ on whether it is a key frame",
			  f->number);
}

/* Streams of two threads may be at it: c->lock guards the counts. */
static void count_copy(const struct conf_frame *f)
{
	struct conf *c = f->stream->c;

	if (f->result.status)
		return;
	pthread_mutex_lock(&c->lock);
	if (f->result.frame.copied_bytes)
		c->copied++;
	else
		c->imported++;
	pthread_mutex_unlock(&c->lock);
}

void conf_host_done(void *cookie, struct hvcal_engine_job *job,
		    const struct hvcal_engine_result *result)
{
	struct conf_frame *f = job->host;
	struct conf_stream *s = f->stream;

	(void)cookie;
	pthread_mutex_lock(&s->lock);
	if (f->state == CONF_DONE || f->state == CONF_REFUSED || s->closed) {
		conf_fail(s->c, "frame %u is finished a second time, or after close()", f->number);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	if (f->state == CONF_HELD && !s->inside)
		conf_fail(s->c, "frame %u was held, but comes outside of encode() and flush()",
			  f->number);
	f->state = CONF_DONE;
	f->order = s->done++;
	f->result = *result;
	check_result(f);
	check_target(f);
	count_copy(f);
	if (!result->status && result->bytes && result->bytes <= f->room) {
		f->packet = malloc(result->bytes);
		if (!f->packet)
			abort();
		memcpy(f->packet, f->target->mine + ROOM_OFFSET, result->bytes);
	}
	f->source->next = s->sources;
	s->sources = f->source;
	f->target->next = s->targets;
	s->targets = f->target;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* ---- frames ---- */

static struct conf_buffer *take(struct conf_stream *s, struct conf_buffer **list)
{
	struct conf_buffer *b;

	pthread_mutex_lock(&s->lock);
	b = *list;
	if (b)
		*list = b->next;
	pthread_mutex_unlock(&s->lock);
	return b;
}

static void set_side(struct conf_frame *f, const struct conf_how *how)
{
	size_t bytes = (size_t)how->map_stride * how->map_rows;

	f->side = conf_target_new(bytes + 64);
	memcpy(f->side->mine + 64, how->map, bytes);
	f->job.side = &f->side->engine;
	f->job.side_offset = 64;
	f->job.side_size = (uint32_t)bytes;
	f->job.params.map_block = how->map_block;
	f->job.params.map_stride = how->map_stride;
}

static struct conf_frame *frame_new(struct conf_stream *s, const struct conf_how *how)
{
	struct conf_frame *f = calloc(1, sizeof(*f));
	struct conf_frame **list = realloc(s->frames, (s->count + 1) * sizeof(*list));

	if (!f || !list)
		abort();
	s->frames = list;
	f->stream = s;
	f->number = s->count;
	f->source = take(s, &s->sources);
	if (!f->source) {
		f->source = conf_source_new(s->c, &s->config);
		s->buffers++;
	}
	conf_draw(f->source, f->number);
	f->target = take(s, &s->targets);
	if (!f->target)
		f->target = conf_target_new(ROOM_OFFSET + s->target_size + CANARY_BYTES);
	memset(f->target->mine, CONF_CANARY, f->target->size);
	f->room = how->target_size ? how->target_size : s->target_size;
	f->job = (struct hvcal_engine_job){
		.source = &f->source->engine,
		.target = &f->target->engine,
		.target_offset = ROOM_OFFSET,
		.target_size = f->room,
		.params = {
			.size = sizeof(f->job.params),
			.flags = how->flags | (how->qp ? HVCAL_FRAME_QP : 0),
			.pts = how->pts ? *how->pts : PTS_BASE + PTS_STEP * (int64_t)f->number,
			.qp_q8 = how->qp * 256,
			.temporal_layer = how->temporal_layer,
		},
		.meta = how->meta,
		.meta_len = how->meta_len,
		.host = f,
	};
	if (how->map)
		set_side(f, how);
	return f;
}

int conf_send(struct conf_stream *s, const struct conf_how *how)
{
	static const struct conf_how ordinary;
	struct conf_frame *f = frame_new(s, how ? how : &ordinary);
	struct hvcal_frame_layout layout = f->source->engine.layout;
	void *map = f->target->engine.map[0];
	int ret;

	if (how && how->spoil)
		how->spoil(&f->job, &f->source->engine);
	pthread_mutex_lock(&s->lock);
	s->frames[s->count++] = f;
	s->inside++;
	pthread_mutex_unlock(&s->lock);
	ret = s->c->engine->ops->encode(s->stream, &f->job);
	pthread_mutex_lock(&s->lock);
	s->inside--;
	f->source->engine.layout = layout;
	f->target->engine.map[0] = map;
	if (ret < 0) {
		if (f->state == CONF_DONE)
			conf_fail(s->c, "frame %u: encode() says %s, but has finished the job",
				  f->number, strerror(-ret));
		f->state = CONF_REFUSED;
		f->source->next = s->sources;
		s->sources = f->source;
		f->target->next = s->targets;
		s->targets = f->target;
	} else if (ret == HVCAL_ENGINE_HELD) {
		if (f->state == CONF_DONE)
			conf_fail(s->c, "frame %u: said to be held, but it is finished", f->number);
		else
			f->state = CONF_HELD;
	} else if (ret) {
		conf_fail(s->c, "frame %u: encode() returns %d", f->number, ret);
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

void conf_send_many(struct conf_stream *s, unsigned int n)
{
	while (n-- && !conf_failed(s->c)) {
		int ret = conf_send(s, NULL);

		CHECK(s->c, ret >= 0, "frame %u: encode: %s", s->count - 1, strerror(-ret));
		conf_wait(s);
	}
}

static unsigned int pending(const struct conf_stream *s, bool held_too)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->count; i++)
		n += s->frames[i]->state == CONF_SENT ||
		     (held_too && s->frames[i]->state == CONF_HELD);
	return n;
}

static void wait_for(struct conf_stream *s, bool held_too)
{
	struct timespec end;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += DONE_TIMEOUT_MS / 1000;
	pthread_mutex_lock(&s->lock);
	while (pending(s, held_too) && !ret)
		ret = pthread_cond_timedwait(&s->wake, &s->lock, &end);
	if (ret)
		conf_fail(s->c, "%u frames were not finished within %d ms", pending(s, held_too),
			  DONE_TIMEOUT_MS);
	pthread_mutex_unlock(&s->lock);
}

void conf_wait(struct conf_stream *s)
{
	wait_for(s, false);
}

void conf_flush(struct conf_stream *s)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	s->inside++;
	pthread_mutex_unlock(&s->lock);
	ret = s->c->engine->ops->flush(s->stream);
	pthread_mutex_lock(&s->lock);
	s->inside--;
	if (ret)
		conf_fail(s->c, "flush: %s", strerror(-ret));
	else if (pending(s, true))
		conf_fail(s->c, "flush() returns with %u frames not finished", pending(s, true));
	pthread_mutex_unlock(&s->lock);
}

void conf_close(struct conf_stream *s)
{
	if (s->closed)
		return;
	pthread_mutex_lock(&s->lock);
	s->inside++;
	pthread_mutex_unlock(&s->lock);
	s->c->engine->ops->close(s->stream);
	pthread_mutex_lock(&s->lock);
	s->inside--;
	s->closed = true;
	if (pending(s, true))
		conf_fail(s->c, "close() leaves %u frames unfinished", pending(s, true));
	pthread_mutex_unlock(&s->lock);
}

struct conf_frame *conf_by_order(const struct conf_stream *s, unsigned int order)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->frames[i]->state == CONF_DONE && s->frames[i]->order == order)
			return s->frames[i];
	return NULL;
}

static void free_list(struct conf *c, struct conf_buffer *b)
{
	while (b) {
		struct conf_buffer *next = b->next;

		conf_buffer_free(c, b);
		b = next;
	}
}

void conf_free(struct conf_stream **stream)
{
	struct conf_stream *s = *stream;

	if (!s)
		return;
	conf_close(s);
	for (unsigned int i = 0; i < s->count; i++) {
		struct conf_frame *f = s->frames[i];

		if (f->state == CONF_SENT || f->state == CONF_HELD) {
			/* a broken engine may still use them: leave them */
			continue;
		}
		conf_buffer_free(s->c, f->side);
		free(f->packet);
		free(f);
	}
	free_list(s->c, s->sources);
	free_list(s->c, s->targets);
	free(s->frames);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
	*stream = NULL;
}
