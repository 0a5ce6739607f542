/* SPDX-License-Identifier: MIT */
/*
 * The floor: two processes and two event counters. No job is handed over, only
 * the word that there is one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

struct eventfd_way {
	int to_worker;
	int to_client;
	pid_t worker;
	uint32_t next;		/* job of the round that ends next */
};

static void work(struct bench_way *way)
{
	const struct eventfd_way *e = way->priv;
	struct bench_shared *shared = way->shared;
	uint32_t next = 0;
	uint64_t count, now;

	while (read(e->to_worker, &count, sizeof(count)) == sizeof(count)) {
		now = cli_now_ns();
		for (uint64_t i = 0; i < count; i++)
			shared->times[next + i].acquire = now;
		now = cli_now_ns();
		for (uint64_t i = 0; i < count; i++)
			shared->times[next + i].complete = now;
		next = (next + (uint32_t)count) % atomic_load(&shared->round_jobs);
		if (write(e->to_client, &count, sizeof(count)) != sizeof(count))
			return;
	}
}

static void eventfd_close(struct bench_way *way)
{
	struct eventfd_way *e = way->priv;

	if (!e)
		return;
	bench_kill(e->worker);
	if (e->to_worker >= 0)
		close(e->to_worker);
	if (e->to_client >= 0)
		close(e->to_client);
	free(e);
	way->priv = NULL;
}

static int eventfd_open(struct bench_way *way)
{
	struct eventfd_way *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	way->priv = e;
	e->to_worker = eventfd(0, EFD_CLOEXEC);
	e->to_client = eventfd(0, EFD_CLOEXEC);
	if (e->to_worker < 0 || e->to_client < 0) {
		cli_error("eventfd: %s", strerror(errno));
		return -EIO;
	}
	e->worker = bench_fork(way, work);
	return e->worker < 0 ? e->worker : 0;
}

static int eventfd_submit(struct bench_way *way, uint32_t first, uint32_t count)
{
	const struct eventfd_way *e = way->priv;
	uint64_t value = count, now = cli_now_ns();

	for (uint32_t i = 0; i < count; i++)
		way->shared->times[first + i].submit = now;
	return write(e->to_worker, &value, sizeof(value)) == sizeof(value) ? 0 : -EIO;
}

static int eventfd_reap(struct bench_way *way)
{
	struct eventfd_way *e = way->priv;
	uint64_t count, now;

	if (read(e->to_client, &count, sizeof(count)) != sizeof(count))
		return -EIO;
	now = cli_now_ns();
	for (uint64_t i = 0; i < count; i++)
		way->shared->times[e->next + i].event = now;
	e->next = (e->next + (uint32_t)count) % atomic_load(&way->shared->round_jobs);
	return (int)count;
}

const struct bench_ops bench_eventfd_ops = {
	.name = "eventfd ping-pong",
	.key = "eventfd",
	.open = eventfd_open,
	.submit = eventfd_submit,
	.reap = eventfd_reap,
	.close = eventfd_close,
};
