// SPDX-License-Identifier: MIT
/*
 * Null engine: codes nothing, copies nothing, and fails on request.
 *
 * Options (all numbers):
 *   null.engines=N       engines "null", "null1", ...              (1)
 *   null.slots=N         jobs at once                              (16)
 *   null.depth=N         jobs of one stream at once                (4)
 *   null.sessions=N      streams, 0 no limit                       (0)
 *   null.cost=N          claimed ns per megapixel                  (0: unknown)
 *   null.delay_us=N      time that a frame takes                   (0)
 *   null.packet_bytes=N  size of a packet, at least its header     (its header)
 *   null.hold=K          frames held back until K more came        (0)
 *   null.hardware=1      passes for hardware
 * Faults; frames are counted from 0 over all streams of an engine:
 *   null.fail_open=E     every open fails with errno E
 *   null.fail_encode=E   encode of frame fail_after fails with errno E
 *   null.fail_after=N                                              (0)
 *   null.stall_after=N   frame N and those that follow are never answered ...
 *   null.stall_count=M   ... but no more than M frames
 *   null.stall_block=1   ... and encode() does not return either
 *   null.oversize_after=N frame N claims more bytes than it may write
 * and null.crash=open|encode|flush|close aborts the process there; for encode,
 *   null.crash_after=N   at frame N                                (0)
 *   null.forbidden=C     frame crash_after begins with a call that engines may
 *                        not make: exec, fork, socket, file (creates one in the
 *                        current directory) or write (to hvcal-null-written there,
 *                        if it exists); its error is that of the frame
 */
#include "null.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "option.h"

#define NEVER ULONG_MAX
#define HOLD_MAX 64

struct null_options {
	unsigned long engines, slots, depth, sessions, cost, delay_us, packet_bytes;
	unsigned long hold, hardware, fail_open, fail_encode, fail_after, stall_after;
	unsigned long stall_count, stall_block, oversize_after, crash_after, picky;
	const char *crash, *forbidden;
};

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	struct null_options opt;
	atomic_ulong frames;
	atomic_uint streams;
};

struct null_job {
	struct hvcal_engine_job *job;
	uint64_t start_ns;
	unsigned long number;	/* over all streams of the engine */
	bool key, cancelled, stalled;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	uint32_t number;
	uint64_t frame;		/* next frame number */
	uint64_t since_key;
	bool want_key;

	pthread_mutex_t lock;	/* of the queue, against cancel() */
	pthread_cond_t wake;
	struct null_job queue[HOLD_MAX + 64]; /* oldest first */
	unsigned int queued;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void crash_at(const struct hvcal_engine_ctx *ctx, const char *where)
{
	if (ctx->opt.crash && !strcmp(ctx->opt.crash, where))
		abort();
}

/* 0: the call was possible after all. */
static int forbidden_call(const char *which)
{
	int fd, ret;

	if (!strcmp(which, "exec")) {
		execl("/bin/true", "true", NULL);
		return -errno;
	}
	if (!strcmp(which, "fork")) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		return pid < 0 || waitpid(pid, NULL, 0) < 0 ? -errno : 0;
	}
	if (!strcmp(which, "socket"))
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
	else if (!strcmp(which, "file"))
		fd = open("hvcal-null-forbidden", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	else
		fd = open("hvcal-null-written", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = !strcmp(which, "write") && write(fd, "!", 1) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* The engine                                                               */

static bool one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(word, *words))
		words++;
	return *words;
}

static int read_options(const struct hvcal_engine_host *host,
			struct null_options *o, char *reason, size_t len)
{
	static const char *const places[] = { "open", "encode", "flush", "close", NULL };
	static const char *const calls[] = { "exec", "fork", "socket", "file", "write", NULL };
	const struct {
		const char *key;
		unsigned long min, max, preset;
		unsigned long *value;
	} numbers[] = {
		{ "null.engines", 1, 16, 1, &o->engines },
		{ "null.slots", 1, 1024, 16, &o->slots },
		{ "null.depth", 1, 64, 4, &o->depth },
		{ "null.sessions", 0, 100000, 0, &o->sessions },
		{ "null.cost", 0, 10000000000, 0, &o->cost },
		{ "null.delay_us", 0, 600000000, 0, &o->delay_us },
		{ "null.packet_bytes", sizeof(struct hvcal_null_packet), 1 << 30,
		  sizeof(struct hvcal_null_packet), &o->packet_bytes },
		{ "null.hold", 0, HOLD_MAX, 0, &o->hold },
		{ "null.hardware", 0, 1, 0, &o->hardware },
		{ "null.fail_open", 1, 4095, 0, &o->fail_open },
		{ "null.fail_encode", 1, 4095, 0, &o->fail_encode },
		{ "null.fail_after", 0, NEVER, 0, &o->fail_after },
		{ "null.stall_after", 0, NEVER, NEVER, &o->stall_after },
		{ "null.stall_count", 1, NEVER, NEVER, &o->stall_count },
		{ "null.stall_block", 0, 1, 0, &o->stall_block },
		{ "null.oversize_after", 0, NEVER, NEVER, &o->oversize_after },
		{ "null.crash_after", 0, NEVER, 0, &o->crash_after },
		{ "null.picky", 0, 2, 0, &o->picky },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int ret;

		*numbers[i].value = numbers[i].preset;
		ret = hvcal_option_number(host, numbers[i].key, numbers[i].min,
					  numbers[i].max, numbers[i].value, reason, len);
		if (ret)
			return ret;
	}
	o->crash = host->option ? host->option(host->cookie, "null.crash") : NULL;
	o->forbidden = host->option ? host->option(host->cookie, "null.forbidden") : NULL;
	if (o->crash && !one_of(o->crash, places)) {
		snprintf(reason, len, "null.crash=%s is none of open, encode, flush, close",
			 o->crash);
		return -EINVAL;
	}
	if (o->forbidden && !one_of(o->forbidden, calls)) {
		snprintf(reason, len, "null.forbidden=%s is none of exec, fork, socket, file, write",
			 o->forbidden);
		return -EINVAL;
	}
	return 0;
}

static int null_create(const struct hvcal_engine_host *host, unsigned int index,
		       struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **out,
		       char *reason, size_t reason_len)
{
	struct hvcal_engine_ctx *ctx = calloc(1, sizeof(*ctx));
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = read_options(host, &ctx->opt, reason, reason_len);
	/* wrong options are an error of one engine, and there is no second one */
	if (ret && index)
		ret = -ENOENT;
	if (!ret && index >= ctx->opt.engines)
		ret = -ENOENT;
	if (ret) {
		free(ctx);
		return ret;
	}
	ctx->host = host;
	snprintf(desc->name, sizeof(desc->name), index ? "null%u" : "null", index);
	desc->kind = ctx->opt.hardware ? HVCAL_ENGINE_HARDWARE : HVCAL_ENGINE_TEST;
	desc->flags = HVCAL_ENGINE_MAP_SOURCE | HVCAL_ENGINE_MAP_TARGET;
	desc->slots = ctx->opt.slots;
	desc->session_depth = ctx->opt.depth;
	desc->max_sessions = ctx->opt.sessions;
	desc->ncaps = 1;
	desc->caps[0] = (struct hvcal_engine_cap) {
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_NULL,
		.depth_mask = 1U << 8 | 1U << 10,
		.flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
			 HVCAL_CAP_LAYERS,
		.min_width = 1,
		.min_height = 1,
		.max_width = 32768,
		.max_height = 32768,
		.cost_ns_per_mpix = ctx->opt.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420, HVCAL_FORMAT_P010,
			     HVCAL_FORMAT_XRGB8888 },
	};
	*out = ctx;
	return 0;
}

static void null_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

/* ------------------------------------------------------------------------ */
/* Streams                                                                  */

static int check_config(const struct hvcal_codec_config *c)
{
	if (c->codec != HVCAL_CODEC_NULL || !c->width || !c->height ||
	    c->width > 32768 || c->height > 32768)
		return -EINVAL;
	if (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_I420 &&
	    c->format != HVCAL_FORMAT_P010 && c->format != HVCAL_FORMAT_XRGB8888)
		return -EINVAL;
	if (c->bit_depth && c->bit_depth != 8 && c->bit_depth != 10)
		return -EINVAL;
	return 0;
}

static int null_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		     hvcal_engine_stream_t **out)
{
	struct hvcal_engine_stream *s;
	pthread_condattr_t attr;
	int ret = check_config(config);

	if (ret)
		return ret;
	if (ctx->opt.picky == 1 && config->bframes)
		return -EINVAL;
	crash_at(ctx, "open");
	if (ctx->opt.fail_open)
		return -(int)ctx->opt.fail_open;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	s->number = atomic_fetch_add(&ctx->streams, 1) + 1;
	s->want_key = true;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	*out = s;
	return 0;
}

/* Writes the packet; the source is read here, when the frame leaves. */
static void fill_packet(struct hvcal_engine_stream *s, const struct null_job *nj,
			struct hvcal_null_packet *p)
{
	const struct hvcal_engine_buffer *source = nj->job->source;
	struct stat st;

	p->magic = HVCAL_NULL_MAGIC;
	p->size = s->ctx->opt.packet_bytes;
	p->frame = s->frame;
	p->pts = nj->job->params.pts;
	p->flags = nj->key ? HVCAL_NULL_KEY : 0;
	p->checksum = hvcal_null_checksum(&source->layout, source->map, source->len,
					  &p->samples);
	p->source_addr = (uintptr_t)source->map[0];
	if (source->fd[0] >= 0 && !fstat(source->fd[0], &st)) {
		p->source_dev = st.st_dev;
		p->source_ino = st.st_ino;
	}
	p->engine_pid = getpid();
	p->format = s->config.format;
	p->width = s->config.width;
	p->height = s->config.height;
	p->stream = s->number;
	p->qp_q8 = nj->job->params.qp_q8;
}

static void finish(struct hvcal_engine_stream *s, struct null_job *nj, int status)
{
	const struct hvcal_engine_host *host = s->ctx->host;
	const struct null_options *opt = &s->ctx->opt;
	struct hvcal_engine_job *job = nj->job;
	struct hvcal_engine_result r = {
		.status = status,
		.engine_ns = now_ns() - nj->start_ns,
	};
	struct hvcal_null_packet p = { 0 };

	if (!r.status && opt->packet_bytes > job->target_size) {
		r.status = -ENOBUFS;
		s->want_key = true;
	}
	if (!r.status) {
		uint8_t *to = (uint8_t *)job->target->map[0] + job->target_offset;

		fill_packet(s, nj, &p);
		memcpy(to, &p, sizeof(p));
		memset(to + sizeof(p), 0, opt->packet_bytes - sizeof(p));
		r.bytes = opt->packet_bytes;
		if (nj->number == opt->oversize_after)
			r.bytes = job->target_size + 1ULL;
		r.flags = nj->key ? HVCAL_RESULT_KEY : 0;
		r.frame = (struct hvcal_frame_result) {
			.size = sizeof(r.frame),
			.frame_type = nj->key ? HVCAL_FRAME_TYPE_KEY : HVCAL_FRAME_TYPE_P,
			.pts = p.pts,
			.dts = p.pts,
			.qp_q8 = job->params.flags & HVCAL_FRAME_QP ? job->params.qp_q8 :
				 (int32_t)(s->config.qp << 8),
			.temporal_layer = !nj->key && job->params.temporal_layer,
			.applied_bitrate = s->config.bitrate,
		};
	}
	s->frame++;
	host->done(host->cookie, job, &r);
}

/* Takes the oldest job out that is not stalled, if more than @keep are there. */
static bool take_oldest(struct hvcal_engine_stream *s, unsigned int keep,
			bool stalled_too, struct null_job *nj)
{
	unsigned int ready = 0, oldest = 0;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = s->queued; i--;) {
		if (s->queue[i].stalled && !stalled_too)
			continue;
		ready++;
		oldest = i;
	}
	if (ready > keep) {
		*nj = s->queue[oldest];
		s->queued--;
		memmove(&s->queue[oldest], &s->queue[oldest + 1],
			(s->queued - oldest) * sizeof(*nj));
	}
	pthread_mutex_unlock(&s->lock);
	return ready > keep;
}

/* Finishes the oldest jobs until @keep are left; an error takes them all. */
static void drain(struct hvcal_engine_stream *s, unsigned int keep, int status)
{
	struct null_job nj;

	while (take_oldest(s, keep, status != 0, &nj))
		finish(s, &nj, status ? status : nj.cancelled ? -ECANCELED : 0);
}

/* The time that coding takes, or for ever; a cancelled frame takes none. */
static void take_time(struct hvcal_engine_stream *s)
{
	const struct null_options *opt = &s->ctx->opt;
	struct null_job *nj = &s->queue[s->queued - 1]; /* only this thread takes away */
	uint64_t end = nj->start_ns + opt->delay_us * 1000ULL;
	struct timespec ts = {
		.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000,
	};

	pthread_mutex_lock(&s->lock);
	while (nj->stalled && opt->stall_block)
		pthread_cond_wait(&s->wake, &s->lock);
	if (opt->delay_us)
		while (!nj->cancelled &&
		       pthread_cond_timedwait(&s->wake, &s->lock, &ts) != ETIMEDOUT)
			;
	pthread_mutex_unlock(&s->lock);
}

static bool still_queued(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->queued && !found; i++)
		found = s->queue[i].job == job;
	pthread_mutex_unlock(&s->lock);
	return found;
}

static int null_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	const struct hvcal_engine_host *host = s->ctx->host;
	const struct null_options *opt = &s->ctx->opt;
	struct null_job nj = { .job = job, .start_ns = now_ns() };

	if (!job->target->map[0] || job->target_offset > job->target->len[0] ||
	    job->target_size > job->target->len[0] - job->target_offset)
		return -EINVAL;
	if (opt->picky == 2 && s->config.bframes)
		return -EINVAL;
	nj.number = atomic_fetch_add(&s->ctx->frames, 1);
	if (nj.number >= opt->crash_after)
		crash_at(s->ctx, "encode");
	if (opt->forbidden && nj.number == opt->crash_after) {
		int ret = forbidden_call(opt->forbidden);

		if (ret)
			return ret;
	}
	if (opt->fail_encode && nj.number == opt->fail_after)
		return -(int)opt->fail_encode;
	nj.stalled = nj.number >= opt->stall_after &&
		     nj.number - opt->stall_after < opt->stall_count;
	nj.key = s->want_key || job->params.flags & HVCAL_FRAME_FORCE_KEY ||
		 (s->config.gop && s->since_key >= s->config.gop);
	s->want_key = false;
	s->since_key = nj.key ? 1 : s->since_key + 1;

	pthread_mutex_lock(&s->lock);
	if (s->queued == sizeof(s->queue) / sizeof(s->queue[0])) {
		pthread_mutex_unlock(&s->lock);
		return -EAGAIN;
	}
	s->queue[s->queued++] = nj;
	pthread_mutex_unlock(&s->lock);

	if (host->started)
		host->started(host->cookie, job, -1);
	take_time(s);
	drain(s, opt->hold, 0);
	/* a stalled frame is not held: it must look like a hang */
	return opt->hold && !nj.stalled && still_queued(s, job) ? HVCAL_ENGINE_HELD : 0;
}

static int null_reconfigure(hvcal_engine_stream_t *s,
			    const struct hvcal_codec_config *config)
{
	int ret = check_config(config);

	if (ret)
		return ret;
	if (s->ctx->opt.picky == 1 && config->bframes)
		return -EINVAL;
	if (config->width != s->config.width || config->height != s->config.height ||
	    config->format != s->config.format)
		return -EOPNOTSUPP;
	s->config = *config;
	return 0;
}

static int null_flush(hvcal_engine_stream_t *s)
{
	crash_at(s->ctx, "flush");
	drain(s, 0, 0);
	return 0;
}

static void null_close(hvcal_engine_stream_t *s)
{
	crash_at(s->ctx, "close");
	drain(s, 0, -ECANCELED);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void null_cancel(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < s->queued; i++)
		if (s->queue[i].job == job)
			s->queue[i].cancelled = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(struct hvcal_engine_plugin),
	.name = "null",
	.description = "test engine: codes nothing, fails on request",
	.license = "MIT",
	.create = null_create,
	.destroy = null_destroy,
	.open = null_open,
	.encode = null_encode,
	.reconfigure = null_reconfigure,
	.flush = null_flush,
	.close = null_close,
	.cancel = null_cancel,
};
