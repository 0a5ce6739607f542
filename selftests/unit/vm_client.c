// SPDX-License-Identifier: MIT
/*
 * libhvcal on the real module: public API only, null engine in hvcald.
 * usage: vm_client [ENGINE_NAME]
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <hvcal/hvcal.h>

#define FRAMES 100
#define WIDTH 320
#define HEIGHT 240

static int number, failures;

static void check(bool good, const char *text, long value)
{
	failures += !good;
	printf("%s %d - %s (%ld)\n", good ? "ok" : "not ok", ++number, text, value);
	fflush(stdout);
}

struct stream {
	hvcal_context_t *ctx;
	const char *engine;
	hvcal_session_t *s;
	hvcal_pool_t *pool;
	int packets, notices, reconfigured, wrong, last;
};

static int stream_open(struct stream *t)
{
	hvcal_pool_params_t p;
	hvcal_admission_t a;
	hvcal_config_t c;
	int ret;

	hvcal_config_default(&c, sizeof(c));
	c.codec = HVCAL_CODEC_NULL;
	c.width = WIDTH;
	c.height = HEIGHT;
	c.fps = 30;
	c.bitrate = 1000000;
	strncpy(c.engine_name, t->engine, sizeof(c.engine_name) - 1);
	hvcal_admission_default(&a, sizeof(a));
	ret = hvcal_create_session(t->ctx, &c, &t->s, &a);
	if (ret) {
		printf("# %s\n", a.reason);
		return ret;
	}
	hvcal_pool_params_default(&p, sizeof(p));
	p.format = HVCAL_FORMAT_NV12;
	p.width = WIDTH;
	p.height = HEIGHT;
	return hvcal_pool_create(t->ctx, &p, &t->pool);
}

/* 0: something was got */
static int collect(struct stream *t, int timeout_ms)
{
	hvcal_packet_t p;
	int ret;

	hvcal_packet_default(&p, sizeof(p));
	ret = hvcal_get_bitstream(t->s, &p, timeout_ms);
	if (ret == HVCAL_GOT_NOTICE) {
		t->notices++;
		t->reconfigured += p.notice == HVCAL_NOTICE_RECONFIGURED && !p.status;
		if (p.notice == HVCAL_NOTICE_FRAME_FAILED)
			printf("# frame %lld: %s\n", (long long)p.pts,
			       hvcal_strerror(p.status));
	} else if (ret == HVCAL_GOT_PACKET) {
		t->wrong += p.pts != t->packets || p.size < 4 || !p.data ||
			    memcmp(p.data, "hvN0", 4) != 0 || p.copied_bytes ||
			    p.submit_ns > p.start_ns || p.start_ns > p.done_ns;
		t->packets++;
	}
	hvcal_release_packet(&p);
	return ret < 0 ? ret : 0;
}

static int feed(struct stream *t, int frames)
{
	hvcal_buffer_t *b;
	int i, ret = 0;

	for (i = 0; i < frames && !ret; i++) {
		ret = hvcal_pool_acquire(t->pool, &b);
		if (ret)
			break;
		hvcal_buffer_begin_cpu(b, HVCAL_CPU_WRITE);
		memset(b->cpu_ptr, i, b->size);
		hvcal_buffer_end_cpu(b, HVCAL_CPU_WRITE);
		while ((ret = hvcal_submit_frame(t->s, b, NULL)) == -EAGAIN) {
			ret = collect(t, 5000);
			if (ret)
				break;
		}
		hvcal_buffer_release(&b);
	}
	return ret;
}

static void *stream_run(void *arg)
{
	struct stream *t = arg;

	t->last = feed(t, FRAMES);
	if (!t->last)
		t->last = hvcal_flush(t->s);
	while (!t->last)
		t->last = collect(t, 10000);
	return NULL;
}

static bool wait_for_engine(hvcal_context_t *ctx, const char *name)
{
	const struct timespec tick = { .tv_nsec = 100000000 };
	hvcal_engine_info_t e[16];
	uint32_t i, n;

	for (int tries = 0; tries < 150; tries++) {
		n = 16;
		if (hvcal_enumerate_engines(ctx, e, sizeof(e[0]), &n))
			return false;
		for (i = 0; i < n && i < 16; i++)
			if (!strcmp(e[i].name, name))
				return true;
		nanosleep(&tick, NULL);
	}
	return false;
}

int main(int argc, char **argv)
{
	struct stream a = { .engine = argc > 1 ? argv[1] : "null" }, b;
	hvcal_init_params_t params;
	hvcal_context_t *ctx = NULL;
	hvcal_pool_info_t info;
	hvcal_stats_t st;
	struct pollfd pfd;
	pthread_t thread;
	char reason[256] = "";
	uint64_t sum = 0;
	int i, ret;

	hvcal_init_params_default(&params, sizeof(params));
	params.backend = HVCAL_BACKEND_KERNEL;
	params.reason = reason;
	params.reason_len = sizeof(reason);
	ret = hvcal_initialize(&ctx, &params);
	if (ret) {
		printf("Bail out! %s\n", reason);
		return 1;
	}
	check(wait_for_engine(ctx, a.engine), "the engine is there", 0);
	a.ctx = ctx;
	b = a;
	ret = stream_open(&a);
	check(!ret, "session and pool", ret);
	if (ret)
		return 1;
	hvcal_pool_info_default(&info, sizeof(info));
	hvcal_pool_get_info(a.pool, &info);
	check(info.memory >= HVCAL_MEMORY_UDMABUF && info.memory <= HVCAL_MEMORY_VGEM,
	      "frames are in DMA-BUFs, memory", info.memory);
	ret = stream_open(&b);
	check(!ret, "a second session", ret);
	if (ret)
		return 1;

	/* two sessions, two threads, one device file */
	pthread_create(&thread, NULL, stream_run, &b);
	stream_run(&a);
	pthread_join(thread, NULL);
	check(a.last == -ENODATA && b.last == -ENODATA, "both streams end", a.last);
	check(a.packets == FRAMES && b.packets == FRAMES, "all packets", a.packets);
	check(!a.wrong && !b.wrong, "all right and in order, wrong ones", a.wrong + b.wrong);

	hvcal_stats_default(&st, sizeof(st));
	ret = hvcal_get_stats(a.s, &st);
	for (i = 0; i < HVCAL_HISTOGRAM; i++)
		sum += st.hist_run[i];
	check(!ret && st.done == FRAMES, "stats: done", (long)st.done);
	check(sum == FRAMES, "stats: histogram", (long)sum);
	check(!st.copied_bytes && !st.engine_copied_bytes, "no byte was copied",
	      (long)(st.copied_bytes + st.engine_copied_bytes));

	/* the session goes on after its flush; live bit rate; poll */
	check(!hvcal_set_bitrate(a.s, 2000000), "hvcal_set_bitrate", 0);
	pfd = (struct pollfd){ .fd = hvcal_get_fd(a.s), .events = POLLIN };
	check(!feed(&a, 1), "one more frame", 0);
	for (i = 0; i < 100 && a.packets == FRAMES; i++)
		if (poll(&pfd, 1, 5000) == 1)
			collect(&a, 0);
	check(a.packets == FRAMES + 1 && a.reconfigured == 1, "its packet, by poll",
	      a.reconfigured);
	check(poll(&pfd, 1, 0) == 0, "then nothing is readable", 0);

	hvcal_shutdown(&ctx);
	hvcal_destroy_session(&a.s);
	hvcal_destroy_session(&b.s);
	hvcal_pool_destroy(&a.pool);
	hvcal_pool_destroy(&b.pool);
	printf("1..%d\n", number);
	return failures != 0;
}
