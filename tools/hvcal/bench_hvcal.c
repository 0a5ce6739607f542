/* SPDX-License-Identifier: MIT */
/*
 * HVCAL itself, at its ioctls: a client on /dev/hvcal, and in another process a
 * provider that does nothing with its jobs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hvcal/uapi/hvcal.h>
#include <hvcal/uapi/hvcal_codec.h>

#include "bench.h"
#include "cli.h"

#define SIDE 64			/* pixels of the pictures that are not encoded */
#define ITEMS 64
#define BLOB_BYTES (ITEMS * (HVCAL_PARAMS_MAX + HVCAL_META_MAX))
#define MAX_BUFFERS 64
#define ENGINE_WAIT_MS 30000

struct hvcal_way {
	int client;
	uint32_t session;
	uint32_t source;
	uint32_t target[BENCH_MAX_DEPTH];
	pid_t provider;
};

static void give_up(struct bench_way *way, int error)
{
	atomic_store(&way->shared->ready, error ? error : -EIO);
}

static int register_engine(int fd, uint32_t depth)
{
	struct hvcal_engine_cap cap = {
		.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_NULL, .depth_mask = 1u << 8,
		.min_width = 16, .min_height = 16, .max_width = 16384, .max_height = 16384,
		.formats = { HVCAL_FORMAT_NV12 },
	};
	struct hvcal_engine_register engine = {
		.kind = HVCAL_ENGINE_TEST, .numa_node = -1, .slots = depth,
		.session_depth = depth,
		.caps = { sizeof(cap), 1, (uintptr_t)&cap },
	};

	snprintf(engine.name, sizeof(engine.name), "bench-%d", (int)getpid());
	if (ioctl(fd, HVCAL_IOC_ENGINE_REGISTER, &engine))
		return -errno;
	return (int)engine.engine;
}

static void close_item_fds(const int32_t fds[HVCAL_MAX_PLANES])
{
	for (int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

struct provider {
	struct hvcal_item items[ITEMS];
	struct hvcal_item_result results[ITEMS];
	uint32_t index[ITEMS];	/* jobs among the results: their index */
	bool is_job[ITEMS];
	int32_t fds[MAX_BUFFERS][HVCAL_MAX_PLANES];
	uint32_t buffer[MAX_BUFFERS];	/* number, 0 free */
	uint8_t blobs[BLOB_BYTES];
};

static int note_buffer(struct provider *p, const struct hvcal_item *item)
{
	bool add = item->type == HVCAL_ITEM_BUFFER_ADD;

	for (int i = 0; i < MAX_BUFFERS; i++) {
		if (p->buffer[i] != (add ? 0 : item->buffer))
			continue;
		if (add)
			memcpy(p->fds[i], item->fds, sizeof(p->fds[i]));
		else
			close_item_fds(p->fds[i]);
		p->buffer[i] = add ? item->buffer : 0;
		return 0;
	}
	return -ENOSPC;
}

/* Answers what was acquired, all at once. */
static int answer(struct bench_way *way, struct provider *p, int fd, uint32_t count)
{
	struct hvcal_complete complete = { { sizeof(p->results[0]), 0, (uintptr_t)p->results } };
	uint64_t now = cli_now_ns();
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct hvcal_item *item = &p->items[i];
		struct hvcal_frame_params params;

		if (item->type == HVCAL_ITEM_BUFFER_ADD || item->type == HVCAL_ITEM_BUFFER_DROP) {
			if (note_buffer(p, item))
				return -ENOSPC;
			continue;
		}
		if (item->type == HVCAL_ITEM_CANCEL)
			continue;
		p->results[n] = (struct hvcal_item_result){ .id = item->id };
		p->is_job[n] = item->type == HVCAL_ITEM_ENCODE;
		if (p->is_job[n]) {
			memcpy(&params, p->blobs + item->params_off, sizeof(params));
			p->index[n] = (uint32_t)params.pts;
			p->results[n].bytes = 8;
			p->results[n].flags = HVCAL_RESULT_KEY;
			way->shared->times[p->index[n]].acquire = now;
		}
		n++;
	}
	now = cli_now_ns();
	for (uint32_t i = 0; i < n; i++)
		if (p->is_job[i])
			way->shared->times[p->index[i]].complete = now;
	complete.results.count = n;
	return n && ioctl(fd, HVCAL_IOC_COMPLETE, &complete) ? -errno : 0;
}

static void provide(struct bench_way *way)
{
	struct provider *p = calloc(1, sizeof(*p));
	int fd = open(HVCAL_PROVIDER_NODE, O_RDWR | O_CLOEXEC), engine;

	if (fd < 0 || !p) {
		give_up(way, fd < 0 ? -errno : -ENOMEM);
		free(p);
		return;
	}
	engine = register_engine(fd, way->depth);
	atomic_store(&way->shared->ready, engine);
	while (engine > 0) {
		struct hvcal_acquire acquire = {
			.items = { sizeof(p->items[0]), ITEMS, (uintptr_t)p->items },
			.blobs = { .ptr = (uintptr_t)p->blobs, .len = sizeof(p->blobs) },
		};

		if (ioctl(fd, HVCAL_IOC_ACQUIRE, &acquire)) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (answer(way, p, fd, acquire.items.count))
			break;
	}
	free(p);
}

static int import(struct hvcal_way *h, int fd, uint32_t flags, uint32_t *buffer)
{
	struct hvcal_frame_layout layout = {
		.size = sizeof(layout), .format = HVCAL_FORMAT_NV12, .width = SIDE,
		.height = SIDE, .planes = 2, .offset = { 0, SIDE * SIDE },
		.stride = { SIDE, SIDE },
	};
	struct hvcal_buffer_import request = {
		.flags = flags, .fds = { fd, -1, -1, -1 },
	};

	if (flags == HVCAL_BUFFER_SOURCE) {
		request.layout.ptr = (uintptr_t)&layout;
		request.layout.len = sizeof(layout);
	}
	if (ioctl(h->client, HVCAL_IOC_BUFFER_IMPORT, &request))
		return -errno;
	*buffer = request.buffer;
	return 0;
}

static int create_session(struct hvcal_way *h, uint32_t engine)
{
	struct hvcal_codec_config config = {
		.size = sizeof(config), .codec = HVCAL_CODEC_NULL,
		.format = HVCAL_FORMAT_NV12, .width = SIDE, .height = SIDE,
		.fps_num = 1000, .fps_den = 1, .bit_depth = 8,
	};
	struct hvcal_session_create create = {
		.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_NULL,
		.format = HVCAL_FORMAT_NV12, .engine = engine,
		.res = { .bit_depth = 8, .width = SIDE, .height = SIDE },
		.config = { .ptr = (uintptr_t)&config, .len = sizeof(config) },
	};
	struct hvcal_event event;

	if (ioctl(h->client, HVCAL_IOC_SESSION_CREATE, &create))
		return -errno;
	h->session = create.session;
	do {
		if (read(h->client, &event, sizeof(event)) != sizeof(event))
			return -errno;
	} while (event.type != HVCAL_EVENT_OPENED);
	return event.status;
}

/* @return number of the engine that the provider registered, or negative errno */
static int wait_for_engine(struct bench_way *way)
{
	for (int i = 0; i < ENGINE_WAIT_MS; i++) {
		int ready = atomic_load(&way->shared->ready);

		if (ready)
			return ready;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static int connect_client(struct bench_way *way, struct hvcal_way *h)
{
	int engine = wait_for_engine(way), ret;

	if (engine < 0) {
		cli_error("the provider cannot register an engine: %s", strerror(-engine));
		return engine;
	}
	h->client = open(HVCAL_CLIENT_NODE, O_RDWR | O_CLOEXEC);
	if (h->client < 0) {
		ret = -errno;
		cli_error("%s: %s", HVCAL_CLIENT_NODE, strerror(-ret));
		return ret;
	}
	ret = create_session(h, (uint32_t)engine);
	if (!ret)
		ret = import(h, way->job_fds[0], HVCAL_BUFFER_SOURCE, &h->source);
	/* Jobs that are under way need targets of their own: here, all the same memory. */
	for (uint32_t i = 0; i < way->depth && !ret; i++)
		ret = import(h, way->job_fds[1], HVCAL_BUFFER_TARGET, &h->target[i]);
	if (ret)
		cli_error("a session for the bench cannot be made: %s", strerror(-ret));
	return ret;
}

static void hvcal_close(struct bench_way *way)
{
	struct hvcal_way *h = way->priv;

	if (!h)
		return;
	if (h->client >= 0)
		close(h->client);
	bench_kill(h->provider);
	free(h);
	way->priv = NULL;
}

static int hvcal_open(struct bench_way *way)
{
	struct hvcal_way *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	way->priv = h;
	h->client = -1;
	atomic_store(&way->shared->ready, 0);
	h->provider = bench_fork(way, provide);
	return h->provider < 0 ? h->provider : connect_client(way, h);
}

static int hvcal_submit(struct bench_way *way, uint32_t first, uint32_t count)
{
	const struct hvcal_way *h = way->priv;
	struct hvcal_frame_params params[BENCH_MAX_DEPTH];
	struct hvcal_job_desc jobs[BENCH_MAX_DEPTH];
	struct hvcal_job_submit submit = {
		.session = h->session, .jobs = { sizeof(jobs[0]), count, (uintptr_t)jobs },
	};
	uint64_t now;

	for (uint32_t i = 0; i < count; i++) {
		params[i] = (struct hvcal_frame_params){
			.size = sizeof(params[i]), .pts = first + i,
		};
		jobs[i] = (struct hvcal_job_desc){
			.in_fence = -1, .source = h->source,
			.target = h->target[(first + i) % way->depth],
			.target_size = 4096, .user_data = first + i,
			.params = { .ptr = (uintptr_t)&params[i], .len = sizeof(params[i]) },
		};
	}
	now = cli_now_ns();
	for (uint32_t i = 0; i < count; i++)
		way->shared->times[first + i].submit = now;
	if (ioctl(h->client, HVCAL_IOC_JOB_SUBMIT, &submit))
		return -errno;
	return submit.jobs.count == count ? 0 : -EAGAIN;
}

static int hvcal_reap(struct bench_way *way)
{
	const struct hvcal_way *h = way->priv;
	struct hvcal_event events[BENCH_MAX_DEPTH];
	ssize_t got = read(h->client, events, sizeof(events));
	uint64_t now = cli_now_ns();
	int done = 0;

	if (got < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)got / sizeof(events[0]); i++) {
		if (events[i].type == HVCAL_EVENT_LOST)
			return -ENODEV;
		if (events[i].type != HVCAL_EVENT_JOB)
			continue;
		if (events[i].status)
			return events[i].status;
		way->shared->times[events[i].user_data].event = now;
		done++;
	}
	return done;
}

const struct bench_ops bench_hvcal_ops = {
	.name = "HVCAL",
	.key = "hvcal",
	.open = hvcal_open,
	.submit = hvcal_submit,
	.reap = hvcal_reap,
	.close = hvcal_close,
};
