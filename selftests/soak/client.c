// SPDX-License-Identifier: MIT
/* A client of the soak: public API only. */
#include "soak.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hvcal/hvcal.h>

#define WIDTH 320
#define HEIGHT 192
#define DRAIN_MS 15000	/* more than an engine may be away */

struct stream {
	struct soak_shared *shared;
	struct soak_tally *tally;
	hvcal_context_t *ctx;
	hvcal_session_t *s;
	hvcal_pool_t *pool;
	bool null;
	unsigned int fps;
	int64_t next_in, next_out;
	uint64_t last_packet_ns, answered_kill_ns;
};

uint64_t soak_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static void raise_to(atomic_ullong *most, uint64_t value)
{
	unsigned long long now = atomic_load(most);

	while (value > now && !atomic_compare_exchange_weak(most, &now, value))
		;
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
	c.codec = t->null ? HVCAL_CODEC_NULL : HVCAL_CODEC_H264;
	c.width = WIDTH;
	c.height = HEIGHT;
	c.fps = t->fps ? t->fps : 1000;
	c.bitrate = 500000;
	c.threads = 1;
	c.max_queued = 64;
	c.on_loss = HVCAL_ON_LOSS_REISSUE;
	if (t->null)
		snprintf(c.engine_name, sizeof(c.engine_name), "null");
	ret = hvcal_create_session(t->ctx, &c, &t->s, NULL);
	if (ret)
		return ret;
	atomic_fetch_add(&t->tally->sessions, 1);
	t->next_in = t->next_out = 0;
	t->last_packet_ns = soak_now_ns();
	t->answered_kill_ns = atomic_load(&t->shared->killed_ns);
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
	return t->null || (has_nal(p->data, p->size, 7) && has_nal(p->data, p->size, 5));
}

static void note_packet(struct stream *t, const hvcal_packet_t *p)
{
	uint64_t killed = atomic_load(&t->shared->killed_ns);
	struct soak_tally *tally = t->tally;

	if (p->pts > t->next_out)
		atomic_fetch_add(&tally->missing, (uint64_t)(p->pts - t->next_out));
	t->next_out = p->pts + 1;
	atomic_fetch_add(&tally->packets, 1);
	atomic_fetch_add(&tally->bytes, p->size);
	raise_to(&tally->gap_ns, p->done_ns - t->last_packet_ns);
	t->last_packet_ns = p->done_ns;
	if (!(p->flags & HVCAL_PACKET_KEY))
		return;
	atomic_fetch_add(&tally->undecodable, !decodable(t, p));
	if (killed == t->answered_kill_ns || p->start_ns < killed)
		return;
	t->answered_kill_ns = killed;
	atomic_fetch_add(&tally->resumed, 1);
	atomic_fetch_add(&tally->resume_sum_ns, p->done_ns - killed);
	raise_to(&tally->resume_max_ns, p->done_ns - killed);
}

/* Everything that is there, waiting @timeout_ms for the first; else what get said. */
static int collect(struct stream *t, int timeout_ms)
{
	hvcal_packet_t p;
	uint64_t start;
	int ret;

	hvcal_packet_default(&p, sizeof(p));
	do {
		start = soak_now_ns();
		ret = hvcal_get_bitstream(t->s, &p, timeout_ms);
		if (!timeout_ms)
			raise_to(&t->tally->call_ns, soak_now_ns() - start);
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
	uint64_t start;
	int ret = hvcal_pool_acquire(t->pool, &b);

	if (ret)
		return ret;
	if (!t->null) {
		hvcal_buffer_begin_cpu(b, HVCAL_CPU_WRITE);
		for (uint32_t y = 0; y < HEIGHT * 3 / 2; y++)
			memset((uint8_t *)b->cpu_ptr + (uint64_t)y * b->stride[0],
			       (int)((y + (uint64_t)t->next_in * 3) & 0xff), WIDTH);
		hvcal_buffer_end_cpu(b, HVCAL_CPU_WRITE);
	}
	hvcal_frame_default(&frame, sizeof(frame));
	frame.pts = t->next_in;
	start = soak_now_ns();
	ret = hvcal_submit_frame(t->s, b, &frame);
	raise_to(&t->tally->call_ns, soak_now_ns() - start);
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
	int ret = hvcal_flush(t->s);
	uint64_t end = soak_now_ns() + DRAIN_MS * 1000000ULL;

	while (!ret && soak_now_ns() < end)
		ret = collect(t, 100);
	if (t->next_out < t->next_in)
		atomic_fetch_add(&t->tally->missing, (uint64_t)(t->next_in - t->next_out));
	return ret == -ENODATA ? 0 : ret;
}

static int stream_run(struct stream *t)
{
	uint64_t period = t->fps ? 1000000000ULL / t->fps : 0, next = soak_now_ns();
	int ret = 0;

	while (!ret && !atomic_load(&t->shared->stop)) {
		ret = submit_one(t);
		/* backpressure: the queue of a session without an engine fills */
		if (ret == -EAGAIN || ret == -EBUSY)
			ret = collect(t, 100);
		else if (!ret)
			ret = collect(t, 0);
		if (!period)
			continue;
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

int soak_real(struct soak_shared *shared, struct soak_tally *tally, unsigned int fps)
{
	return run(&(struct stream){ .shared = shared, .tally = tally, .fps = fps });
}

int soak_null(struct soak_shared *shared, struct soak_tally *tally)
{
	return run(&(struct stream){ .shared = shared, .tally = tally, .null = true });
}
