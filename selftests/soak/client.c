// SPDX-License-Identifier: MIT
/* A client of the soak: public API only. */
#include "soak.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <hvcal/hvcal.h>

#define WIDTH 320
#define HEIGHT 192
#define DRAIN_MS 30000	/* more than an engine may be away */

struct stream {
	struct soak_shared *shared;
	struct soak_tally *tally;
	const struct soak_stream *as;
	hvcal_context_t *ctx;
	hvcal_session_t *s;
	hvcal_pool_t *pool;
	int64_t next_in, next_out;
	uint64_t last_packet_ns;
	uint32_t engine;	/* that made the last packet, 0 none yet */
};

uint64_t soak_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

uint64_t soak_late_ns(const struct soak_shared *shared, uint64_t since_ns)
{
	uint64_t late = 0;

	for (int i = 0; i < SOAK_TICKS; i++)
		if (atomic_load(&shared->ticks[i].ns) >= since_ns &&
		    atomic_load(&shared->ticks[i].late_ns) > late)
			late = atomic_load(&shared->ticks[i].late_ns);
	return late;
}

static void raise_to(atomic_ullong *most, uint64_t value)
{
	unsigned long long now = atomic_load(most);

	while (value > now && !atomic_compare_exchange_weak(most, &now, value))
		;
}

struct call { uint64_t start_ns; long waits; };

static struct call call_begin(void)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_THREAD, &usage);
	return (struct call){ soak_now_ns(), usage.ru_nvcsw };
}

/*
 * A call that was not to wait has taken its time. If it slept, it waited for somebody;
 * if it did not, the machine had no processor for it, or two of them one lock.
 */
static void call_end(struct stream *t, const char *name, const struct call *call)
{
	uint64_t took = soak_now_ns() - call->start_ns;
	bool slept = call_begin().waits != call->waits;

	if (took <= atomic_load(&t->tally->calls[slept].ns))
		return;
	raise_to(&t->tally->calls[slept].ns, took);
	atomic_store(&t->tally->calls[slept].late_ns, soak_late_ns(t->shared, call->start_ns));
	atomic_store(&t->tally->calls[slept].name, name);
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static int stream_open(struct stream *t)
{
	hvcal_pool_params_t p;
	hvcal_config_t c;
	int ret;

	hvcal_config_default(&c, sizeof(c));
	c.codec = t->as->kind == SOAK_NULL ? HVCAL_CODEC_NULL : HVCAL_CODEC_H264;
	c.width = WIDTH;
	c.height = HEIGHT;
	c.fps = t->as->fps;
	c.bitrate = 500000;
	c.threads = 1;
	c.max_queued = 64;
	c.on_loss = HVCAL_ON_LOSS_REISSUE;
	ret = hvcal_create_session(t->ctx, &c, &t->s, NULL);
	if (ret)
		return ret;
	atomic_fetch_add(&t->tally->sessions, 1);
	t->next_in = t->next_out = 0;
	t->last_packet_ns = soak_now_ns();
	t->engine = 0;
	if (t->pool)
		return 0;
	hvcal_pool_params_default(&p, sizeof(p));
	p.format = HVCAL_FORMAT_NV12;
	p.width = WIDTH;
	p.height = HEIGHT;
	return hvcal_pool_create(t->ctx, &p, &t->pool);
}

static void stream_close(struct stream *t)
{
	hvcal_stats_t stats;

	hvcal_stats_default(&stats, sizeof(stats));
	if (!hvcal_get_stats(t->s, &stats))
		atomic_fetch_add(&t->tally->moves, stats.migrations);
	hvcal_destroy_session(&t->s);
}

/* Until there is an engine, or no time is left. */
static bool stream_reopen(struct stream *t)
{
	int ret;

	while (!atomic_load(&t->shared->stop)) {
		ret = stream_open(t);
		if (!ret)
			return true;
		atomic_fetch_add(&t->tally->refused, 1);
		if (ret != -ENOTCONN && ret != -ENODEV && ret != -ETIMEDOUT) {
			printf("# a session is refused: %s\n", hvcal_strerror(ret));
			return false;
		}
		sleep_until(soak_now_ns() + 20000000);
	}
	return false;
}

/* Annex B: is there a NAL unit of this type? */
static bool has_nal(const uint8_t *at, uint64_t size, unsigned int type)
{
	for (uint64_t i = 0; i + 3 < size; i++)
		if (!at[i] && !at[i + 1] && at[i + 2] == 1 && (at[i + 3] & 0x1f) == type)
			return true;
	return false;
}

static bool decodable(const struct stream *t, const hvcal_packet_t *p)
{
	return t->as->kind == SOAK_NULL || (has_nal(p->data, p->size, 7) && has_nal(p->data, p->size, 5));
}

/* Another engine makes the stream now: how long has that taken? */
static void note_resumed(struct stream *t, const hvcal_packet_t *p)
{
	unsigned int slot = t->engine % SOAK_DEATHS, death, at;
	uint64_t died = atomic_load(&t->shared->deaths[slot].ns);
	uint64_t gone = atomic_load(&t->shared->deaths[slot].gone_ns);
	struct soak_samples *samples;

	/* it may have been moved for other reasons, and been killed later */
	if (!died || atomic_load(&t->shared->deaths[slot].engine) != t->engine ||
	    died > p->start_ns)
		return;
	death = atomic_load(&t->shared->deaths[slot].death);
	samples = &t->shared->samples[t->as->kind][death];
	at = atomic_fetch_add(&samples->count, 1);
	if (at < SOAK_SAMPLES)
		samples->list[at] = (struct soak_sample) {
			.ns = p->done_ns - died,
			.frame_ns = 2000000000ULL / t->as->fps + p->done_ns - p->start_ns,
			.late_ns = soak_late_ns(t->shared, died),
			.dying_ns = gone ? gone - died : 0,
			.died_ns = died,
			.start_ns = p->start_ns,
			.from = t->engine,
			.to = p->engine,
		};
}

static void note_packet(struct stream *t, const hvcal_packet_t *p)
{
	struct soak_tally *tally = t->tally;

	if (p->pts > t->next_out)
		atomic_fetch_add(&tally->missing, (uint64_t)(p->pts - t->next_out));
	t->next_out = p->pts + 1;
	atomic_fetch_add(&tally->packets, 1);
	atomic_fetch_add(&tally->bytes, p->size);
	raise_to(&tally->gap_ns, p->done_ns - t->last_packet_ns);
	t->last_packet_ns = p->done_ns;
	/* the first one of an engine is a key frame, or nobody can decode what it makes */
	if (p->engine != t->engine || p->flags & HVCAL_PACKET_KEY)
		atomic_fetch_add(&tally->undecodable,
				 !(p->flags & HVCAL_PACKET_KEY) || !decodable(t, p));
	if (t->engine && p->engine != t->engine)
		note_resumed(t, p);
	t->engine = p->engine;
}

/* Everything that is there, waiting @timeout_ms for the first; else what get said. */
static int collect(struct stream *t, int timeout_ms)
{
	struct call call;
	hvcal_packet_t p;
	int ret;

	hvcal_packet_default(&p, sizeof(p));
	do {
		call = call_begin();
		ret = hvcal_get_bitstream(t->s, &p, timeout_ms);
		if (!timeout_ms)
			call_end(t, "get", &call);
		if (ret == HVCAL_GOT_PACKET)
			note_packet(t, &p);
		else if (ret == HVCAL_GOT_NOTICE && p.notice == HVCAL_NOTICE_FRAME_FAILED)
			atomic_fetch_add(&t->tally->failed, 1);
		hvcal_release_packet(&p);
		timeout_ms = 0;
	} while (ret >= 0);
	return ret == -EAGAIN ? 0 : ret;
}

static int submit_one(struct stream *t)
{
	hvcal_frame_t frame;
	hvcal_buffer_t *b;
	struct call call;
	int ret = hvcal_pool_acquire(t->pool, &b);

	if (ret)
		return ret;
	if (t->as->kind != SOAK_NULL) {
		hvcal_buffer_begin_cpu(b, HVCAL_CPU_WRITE);
		for (uint32_t y = 0; y < HEIGHT * 3 / 2; y++)
			memset((uint8_t *)b->cpu_ptr + (uint64_t)y * b->stride[0],
			       (int)((y + (uint64_t)t->next_in * 3) & 0xff), WIDTH);
		hvcal_buffer_end_cpu(b, HVCAL_CPU_WRITE);
	}
	hvcal_frame_default(&frame, sizeof(frame));
	frame.pts = t->next_in;
	call = call_begin();
	ret = hvcal_submit_frame(t->s, b, &frame);
	call_end(t, "submit", &call);
	hvcal_buffer_release(&b);
	if (ret)
		return ret;
	t->next_in++;
	atomic_fetch_add(&t->tally->submitted, 1);
	return 0;
}

/* Everything that was submitted has to come out. */
static int drain(struct stream *t)
{
	uint64_t end = soak_now_ns() + DRAIN_MS * 1000000ULL;
	struct call call = call_begin();
	int ret = hvcal_flush(t->s);

	call_end(t, "flush", &call);
	while (!ret && soak_now_ns() < end)
		ret = collect(t, 100);
	if (t->next_out < t->next_in)
		atomic_fetch_add(&t->tally->missing, (uint64_t)(t->next_in - t->next_out));
	return ret == -ENODATA ? 0 : ret;
}

static int stream_run(struct stream *t)
{
	uint64_t period = 1000000000ULL / t->as->fps, next = soak_now_ns();
	int ret = 0;

	while (!ret && !atomic_load(&t->shared->stop)) {
		ret = submit_one(t);
		/* backpressure: the queue of a session without an engine fills */
		if (ret == -EAGAIN || ret == -EBUSY)
			ret = collect(t, 100);
		else if (!ret)
			ret = collect(t, 0);
		next += period;
		if (next > soak_now_ns())
			sleep_until(next);
		else
			next = soak_now_ns();
	}
	return ret ? ret : drain(t);
}

static int run(struct stream *t)
{
	int ret = hvcal_initialize(&t->ctx, &(hvcal_init_params_t){
		.struct_size = sizeof(hvcal_init_params_t), .backend = HVCAL_BACKEND_KERNEL });

	if (ret) {
		printf("# no /dev/hvcal: %s\n", hvcal_strerror(ret));
		return 1;
	}
	while (stream_reopen(t)) {
		ret = stream_run(t);
		stream_close(t);
		if (ret)
			atomic_fetch_add(&t->tally->sessions_lost, 1);
		if (ret && ret != -ENODEV)
			printf("# a session ended: %s\n", hvcal_strerror(ret));
	}
	hvcal_pool_destroy(&t->pool);
	hvcal_shutdown(&t->ctx);
	return 0;
}

int soak_client(struct soak_shared *shared, const struct soak_stream *stream)
{
	return run(&(struct stream){ .shared = shared, .tally = stream->tally, .as = stream });
}
