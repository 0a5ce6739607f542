// SPDX-License-Identifier: MIT
/*
 * An engine that does nothing but take time: each frame as much as its parameters
 * say (eight bytes, ns).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hvcal.h"
#include "hvcal_codec.h"
#include "real.h"

#define ITEMS		64
#define BLOB_BYTES	(ITEMS * (HVCAL_PARAMS_MAX + HVCAL_CONFIG_MAX))

struct running {
	u64 id;
	u64 end;
};

struct engine {
	int fd;
	unsigned int count;
	struct running running[SIM_SLOTS];
	struct hvcal_item items[ITEMS];
	uint8_t blobs[BLOB_BYTES];
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

static int register_engine(int fd, unsigned int slots)
{
	struct hvcal_engine_cap cap = {
		.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_NULL, .depth_mask = 1U << 8,
		.min_width = 1, .min_height = 1, .max_width = 65536, .max_height = 65536,
		.cost_ns_per_mpix = 1000000 * REAL_ENGINE_NS_PER_PIXEL,
		.formats = { HVCAL_FORMAT_NV12 },
	};
	struct hvcal_engine_register reg = {
		.kind = HVCAL_ENGINE_TEST, .numa_node = -1, .slots = slots, .session_depth = 1,
		.caps = { sizeof(cap), 1, (uintptr_t)&cap },
	};

	snprintf(reg.name, sizeof(reg.name), "sim-%d", (int)getpid());
	return ioctl(fd, HVCAL_IOC_ENGINE_REGISTER, &reg) ? -errno : (int)reg.engine;
}

static void answer(struct engine *e, u64 id)
{
	struct hvcal_item_result result = { .id = id, .bytes = 1 };
	struct hvcal_complete complete = { { sizeof(result), 1, (uintptr_t)&result } };

	if (ioctl(e->fd, HVCAL_IOC_COMPLETE, &complete))
		_exit(1);
}

static void take(struct engine *e, const struct hvcal_item *item, u64 now)
{
	u64 cost = 0;
	int i;

	switch (item->type) {
	case HVCAL_ITEM_BUFFER_ADD:
		/* nothing is read or written */
		for (i = 0; i < HVCAL_MAX_PLANES; i++)
			if (item->fds[i] >= 0)
				close(item->fds[i]);
		break;
	case HVCAL_ITEM_ENCODE:
		memcpy(&cost, e->blobs + item->params_off, sizeof(cost));
		e->running[e->count++] = (struct running){ item->id, now + cost };
		break;
	case HVCAL_ITEM_OPEN:
	case HVCAL_ITEM_CLOSE:
		answer(e, item->id);
		break;
	default:
		break;
	}
}

static void acquire(struct engine *e)
{
	struct hvcal_acquire a = {
		.items = { sizeof(e->items[0]), ITEMS, (uintptr_t)e->items },
		.blobs = { .ptr = (uintptr_t)e->blobs, .len = sizeof(e->blobs) },
	};
	unsigned int i;
	u64 now;

	if (ioctl(e->fd, HVCAL_IOC_ACQUIRE, &a)) {
		if (errno != EAGAIN && errno != EINTR)
			_exit(1);
		return;
	}
	now = now_ns();
	for (i = 0; i < a.items.count; i++)
		take(e, &e->items[i], now);
}

/* Ends what is over; when the next one is, 0 for none. */
static u64 end_frames(struct engine *e)
{
	u64 next = 0, now = now_ns();
	unsigned int i;

	for (i = 0; i < e->count;) {
		struct running *r = &e->running[i];

		if (r->end <= now) {
			answer(e, r->id);
			*r = e->running[--e->count];
			continue;
		}
		if (!next || r->end < next)
			next = r->end;
		i++;
	}
	return next;
}

static void serve(struct engine *e)
{
	for (;;) {
		struct pollfd p = { .fd = e->fd, .events = POLLIN };
		u64 next = end_frames(e), now = now_ns(), wait = 0;
		struct timespec t;

		if (next > now)
			wait = next - now;
		t = (struct timespec){ (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
		if (ppoll(&p, 1, next ? &t : NULL, NULL) > 0) {
			if (p.revents & (POLLERR | POLLHUP))
				_exit(1);
			acquire(e);
		}
	}
}

static void engine_main(int say, unsigned int slots)
{
	struct engine *e = calloc(1, sizeof(*e));
	int ret;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	e->fd = open(HVCAL_PROVIDER_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	ret = e->fd < 0 ? -errno : register_engine(e->fd, slots);
	if (write(say, &ret, sizeof(ret)) == sizeof(ret) && ret > 0)
		serve(e);
	_exit(1);
}

pid_t real_engine_start(unsigned int slots, unsigned int *engine)
{
	int pipes[2], ret = -EIO;
	pid_t pid;

	if (pipe(pipes))
		return -errno;
	fflush(NULL);
	pid = fork();
	if (!pid)
		engine_main(pipes[1], slots);
	if (pid < 0)
		ret = -errno;
	close(pipes[1]);
	if (pid > 0 && read(pipes[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EIO;
	close(pipes[0]);
	if (pid > 0 && ret <= 0)
		real_engine_stop(pid);
	*engine = ret > 0 ? (unsigned int)ret : 0;
	return ret > 0 ? pid : ret;
}

void real_engine_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
