// SPDX-License-Identifier: MIT
/* The test encode: a small host for one stream of a few frames. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "internal.h"
#include "probe.h"

#define FRAMES 3
#define WIDTH 320
#define HEIGHT 192
#define PTS_STEP 7

struct frame {
	struct hvcal_engine_buffer source, target;
	struct hvcal_mem source_mem, target_mem;
	struct hvcal_engine_job job;
	struct hvcal_engine_result result;
	unsigned int times, order;	/* done() was called, and when */
};

struct trial {
	struct hvcal_options *options;
	hvcal_probe_step_fn step;
	void *cookie;
	char what[48];			/* "H264, 320x192" */
	struct hvcal_codec_config config;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t wake;
	struct frame frames[FRAMES];
	unsigned int done;
	char log[128];			/* the engine's last complaint */
};

/* ---- the host ---- */

static void host_done(void *cookie, struct hvcal_engine_job *job,
		      const struct hvcal_engine_result *result)
{
	struct trial *t = cookie;
	struct frame *f = job->host;

	pthread_mutex_lock(&t->lock);
	f->result = *result;
	f->order = t->done++;
	f->times++;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static void host_log(void *cookie, int level, const char *line)
{
	struct trial *t = cookie;

	if (level > LOG_WARNING)
		return;
	pthread_mutex_lock(&t->lock);
	snprintf(t->log, sizeof(t->log), "%s", line);
	pthread_mutex_unlock(&t->lock);
}

static const char *host_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct trial *)cookie)->options, key);
}

/* ---- frames ---- */

/* The smallest usual size that the engine takes, in even numbers. */
static uint32_t fit(uint32_t wish, uint32_t min, uint32_t max)
{
	uint32_t side = wish < min ? (min + 15) & ~15U : wish;

	return side > max ? max : side;
}

static void set_config(struct trial *t, const struct hvcal_engine_cap *cap)
{
	bool ten = cap->formats[0] == HVCAL_FORMAT_P010;

	t->config = (struct hvcal_codec_config){
		.size = sizeof(t->config),
		.codec = cap->codec,
		.format = cap->formats[0],
		.width = fit(WIDTH, cap->min_width, cap->max_width),
		.height = fit(HEIGHT, cap->min_height, cap->max_height),
		.fps_num = 30,
		.fps_den = 1,
		.bit_depth = ten ? 10 : 8,
		.chroma = 420,
		.tune = HVCAL_TUNE_LOW_LATENCY,
		.bitrate = 1000000,
		.threads = 1,
	};
	snprintf(t->what, sizeof(t->what), "%.4s, %ux%u", (const char *)&t->config.codec,
		 t->config.width, t->config.height);
}

static int buffer_alloc(struct hvcal_engine_buffer *b, struct hvcal_mem *mem, uint64_t size)
{
	struct hvcal_memory_request req = { .size = size, .numa_node = -1 };
	int ret = hvcal_memory_alloc_alone(&req, mem);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		b->fd[i] = -1;
	b->fd[0] = mem->fd;
	b->map[0] = mem->map;
	b->len[0] = mem->size;
	return 0;
}

static int frame_alloc(struct trial *t, unsigned int n)
{
	const struct hvcal_codec_config *c = &t->config;
	struct frame *f = &t->frames[n];
	hvcal_buffer_t plan;
	int ret;

	hvcal_buffer_default(&plan, sizeof(plan));
	ret = hvcal_buffer_layout(&plan, c->format, c->width, c->height, 0, 0);
	if (!ret)
		ret = buffer_alloc(&f->source, &f->source_mem, plan.size);
	if (!ret)
		ret = buffer_alloc(&f->target, &f->target_mem, plan.size + 65536);
	if (ret)
		return ret;
	hvcal_buf_layout(&plan, &f->source.layout);
	/* a grey that changes: enough for packets that are not empty */
	memset(f->source.map[0], 96 + 32 * (int)n, plan.size);
	f->job = (struct hvcal_engine_job){
		.source = &f->source,
		.target = &f->target,
		.target_size = (uint32_t)f->target.len[0],
		.params = { .size = sizeof(f->job.params), .pts = PTS_STEP * (int64_t)n },
		.host = f,
	};
	return 0;
}

static void frames_free(struct trial *t, const struct hvcal_plugin_engine *e)
{
	for (unsigned int i = 0; i < FRAMES; i++) {
		struct frame *f = &t->frames[i];

		if (f->source.priv && e->ops->forget)
			e->ops->forget(e->ctx, &f->source);
		if (f->target.priv && e->ops->forget)
			e->ops->forget(e->ctx, &f->target);
		hvcal_memory_free_alone(&f->source_mem);
		hvcal_memory_free_alone(&f->target_mem);
	}
}

/* ---- what came ---- */

/* Does it begin like a packet of this codec? No more than that is looked at. */
static bool looks_like(uint32_t codec, const uint8_t *p, uint64_t n)
{
	switch (codec) {
	case HVCAL_CODEC_H264:
	case HVCAL_CODEC_HEVC: /* a start code */
		return n > 4 && !p[0] && !p[1] && (p[2] == 1 || (!p[2] && p[3] == 1));
	case HVCAL_CODEC_VP9: /* the frame marker */
		return p[0] >> 6 == 2;
	case HVCAL_CODEC_AV1: /* an OBU header with a size */
		return !(p[0] & 0x81) && (p[0] & 2);
	default:
		return true;
	}
}

/* NULL: nothing is wrong. */
static const char *frame_wrong(const struct trial *t, unsigned int n)
{
	const struct frame *f = &t->frames[n];
	const struct hvcal_engine_result *r = &f->result;

	if (f->times != 1)
		return f->times ? "a frame is finished twice" : "a frame gets no packet";
	if (r->status)
		return r->status > -4096 && r->status < 0 ? strerror(-r->status) :
		       "a status that is no errno";
	if (!r->bytes || r->bytes > f->job.target_size)
		return r->bytes ? "a packet is larger than its room" : "an empty packet";
	if (f->order != n || r->frame.pts != f->job.params.pts)
		return "packets in wrong order";
	if (!n && !(r->flags & HVCAL_RESULT_KEY))
		return "the first packet is no key frame";
	if (!looks_like(t->config.codec, f->target.map[0], r->bytes))
		return "a packet that is not of this codec";
	return NULL;
}

static void step(struct trial *t, const char *doing)
{
	char text[96];

	snprintf(text, sizeof(text), "%s (%s)", doing, t->what);
	t->step(t->cookie, text);
}

__attribute__((format(printf, 4, 5)))
static int failed(struct trial *t, char *why, size_t len, const char *format, ...)
{
	va_list args;
	size_t used;

	used = (size_t)snprintf(why, len, "test encode (%s) failed: ", t->what);
	va_start(args, format);
	used += (size_t)vsnprintf(why + used, used < len ? len - used : 0, format, args);
	va_end(args);
	pthread_mutex_lock(&t->lock);
	if (t->log[0] && used < len)
		snprintf(why + used, len - used, " (%s)", t->log);
	pthread_mutex_unlock(&t->lock);
	return -EIO;
}

static int encode_all(struct trial *t, const struct hvcal_plugin_engine *e,
		      hvcal_engine_stream_t *stream, char *why, size_t len)
{
	unsigned int sent;
	int ret = 0;

	step(t, "the test encode");
	for (sent = 0; sent < FRAMES && ret >= 0; sent++)
		ret = e->ops->encode(stream, &t->frames[sent].job);
	if (ret < 0)
		return failed(t, why, len, "frame %u: %s", sent - 1, strerror(-ret));
	step(t, "ending the test encode");
	ret = e->ops->flush(stream);
	if (ret)
		return failed(t, why, len, "flush: %s", strerror(-ret));
	/* flush() has finished all; this one is for engines that err there */
	pthread_mutex_lock(&t->lock);
	while (t->done < FRAMES)
		pthread_cond_wait(&t->wake, &t->lock);
	pthread_mutex_unlock(&t->lock);
	return 0;
}

static int try_cap(struct trial *t, const struct hvcal_plugin_engine *e,
		   const struct hvcal_engine_cap *cap, char *why, size_t len)
{
	hvcal_engine_stream_t *stream = NULL;
	int ret = 0;

	memset(t->frames, 0, sizeof(t->frames));
	t->done = 0;
	t->log[0] = '\0';
	set_config(t, cap);
	for (unsigned int i = 0; i < FRAMES && !ret; i++)
		ret = frame_alloc(t, i);
	if (ret) {
		failed(t, why, len, "no frames: %s", strerror(-ret));
		goto out;
	}
	step(t, "opening a stream");
	ret = e->ops->open(e->ctx, &t->config, &stream);
	if (ret) {
		failed(t, why, len, "open: %s", strerror(-ret));
		goto out;
	}
	ret = encode_all(t, e, stream, why, len);
	step(t, "closing the stream");
	e->ops->close(stream);
	for (unsigned int i = 0; i < FRAMES && !ret; i++) {
		const char *wrong = frame_wrong(t, i);

		if (wrong)
			ret = failed(t, why, len, "frame %u: %s", i, wrong);
	}
out:
	frames_free(t, e);
	return ret;
}

/* Keeps the capabilities that work. 0; the first failure if none does. */
static int try_caps(struct trial *t, const struct hvcal_plugin_engine *e,
		    struct hvcal_probe_result *r)
{
	char why[HVCAL_PLUGIN_REASON];
	int ret, error = 0;

	r->desc.ncaps = 0;
	for (uint32_t i = 0; i < e->desc.ncaps; i++) {
		const struct hvcal_engine_cap *cap = &e->desc.caps[i];

		ret = cap->op == HVCAL_OP_ENCODE ? try_cap(t, e, cap, why, sizeof(why)) : 0;
		if (!ret) {
			r->desc.caps[r->desc.ncaps++] = *cap;
			continue;
		}
		if (!error)
			snprintf(r->reason, sizeof(r->reason), "%s", why);
		error = ret;
	}
	return r->desc.ncaps ? 0 : error;
}

int hvcal_probe_engine(const struct hvcal_plugin *plugin, struct hvcal_options *options,
		       hvcal_probe_step_fn step_fn, void *cookie,
		       struct hvcal_probe_result *r)
{
	struct trial t = {
		.options = options, .step = step_fn, .cookie = cookie,
		.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER,
	};
	const struct hvcal_engine_host host = {
		.cookie = &t, .done = host_done, .log = host_log, .option = host_option,
	};
	struct hvcal_plugin_engine e;

	memset(&r->desc, 0, sizeof(r->desc));
	r->reason[0] = '\0';
	snprintf(r->description, sizeof(r->description), "%s", plugin->ops->description);
	step_fn(cookie, "looking for the engine");
	r->error = hvcal_plugin_engine_create(plugin, &host, r->index, &e, r->reason,
					      sizeof(r->reason));
	if (r->error)
		return r->error;
	r->desc = e.desc;
	r->error = try_caps(&t, &e, r);
	step_fn(cookie, "closing the engine");
	hvcal_plugin_engine_destroy(&e);
	return r->error;
}
