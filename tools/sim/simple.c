// SPDX-License-Identifier: MIT
/*
 * What others do: one queue for all in order of arrival (v4l2-mem2mem), a turn
 * for each stream (round robin), and the least served stream first (the fair
 * schedulers of DRM). A stream has one job running at a time in all of them.
 */
#include <stdlib.h>

#include "sim.h"

struct simple_stream {
	struct sim_job *first, *last;
	u64 served;		/* engine time */
	bool running;
	unsigned int place;	/* in the simple.streams */
};

struct simple {
	struct simple_stream *streams[SIM_STREAMS];
	unsigned int count, turn, slots, running;
	u64 served_min;		/* what a newcomer is taken to have had */
};

static void *simple_create(const struct sim_workload *w)
{
	struct simple *p = calloc(1, sizeof(*p));

	p->slots = w->slots;
	return p;
}

static void simple_destroy(void *priv)
{
	struct simple *p = priv;

	while (p->count) {
		struct simple_stream *s = p->streams[--p->count];

		while (s->first) {
			struct sim_job *j = s->first;

			s->first = j->next;
			free(j);
		}
		free(s);
	}
	free(p);
}

static void simple_submit(void *priv, struct sim_job *j, u64 now)
{
	struct simple *p = priv;
	struct simple_stream *s = j->stream->priv;

	(void)now;
	if (!s) {
		s = calloc(1, sizeof(*s));
		s->place = p->count;
		s->served = p->served_min;
		p->streams[p->count++] = s;
		j->stream->priv = s;
	}
	/* who was idle has no claim on the past */
	if (!s->first && !s->running)
		s->served = max(s->served, p->served_min);
	j->next = NULL;
	if (s->last)
		s->last->next = j;
	else
		s->first = j;
	s->last = j;
}

static struct sim_job *simple_take(struct simple *p, struct simple_stream *s)
{
	struct sim_job *j = s->first;

	s->first = j->next;
	if (!s->first)
		s->last = NULL;
	s->running = true;
	p->running++;
	return j;
}

static bool waits(const struct simple_stream *s)
{
	return s->first && !s->running;
}

static struct sim_job *fifo_start(void *priv, u64 now)
{
	struct simple *p = priv;
	struct simple_stream *best = NULL;
	unsigned int i;

	(void)now;
	if (p->running >= p->slots)
		return NULL;
	for (i = 0; i < p->count; i++)
		if (waits(p->streams[i]) &&
		    (!best || p->streams[i]->first->submitted < best->first->submitted))
			best = p->streams[i];
	return best ? simple_take(p, best) : NULL;
}

static struct sim_job *rr_start(void *priv, u64 now)
{
	struct simple *p = priv;
	unsigned int i;

	(void)now;
	if (p->running >= p->slots)
		return NULL;
	for (i = 0; i < p->count; i++) {
		struct simple_stream *s = p->streams[(p->turn + i) % p->count];

		if (waits(s)) {
			p->turn = s->place + 1;
			return simple_take(p, s);
		}
	}
	return NULL;
}

static struct sim_job *fair_start(void *priv, u64 now)
{
	struct simple *p = priv;
	struct simple_stream *best = NULL;
	unsigned int i;

	(void)now;
	if (p->running >= p->slots)
		return NULL;
	for (i = 0; i < p->count; i++)
		if (waits(p->streams[i]) && (!best || p->streams[i]->served < best->served))
			best = p->streams[i];
	if (!best)
		return NULL;
	p->served_min = max(p->served_min, best->served);
	return simple_take(p, best);
}

static void simple_done(void *priv, struct sim_job *j, u64 now)
{
	struct simple *p = priv;
	struct simple_stream *s = j->stream->priv;

	s->running = false;
	s->served += now - j->started;
	p->running--;
}

static void simple_lose(void *priv, unsigned int slots, u64 now)
{
	(void)now;
	((struct simple *)priv)->slots = slots;
}

#define SIMPLE_OPS \
	.create = simple_create, .destroy = simple_destroy, .submit = simple_submit, \
	.done = simple_done, .lose = simple_lose

const struct sim_policy sim_fifo = {
	.name = "fifo", .about = "in order of arrival (v4l2-mem2mem)",
	.start = fifo_start, SIMPLE_OPS
};

const struct sim_policy sim_rr = {
	.name = "rr", .about = "a turn for each stream (round robin)",
	.start = rr_start, SIMPLE_OPS
};

const struct sim_policy sim_fair = {
	.name = "fair", .about = "least served first (fair schedulers of DRM)",
	.start = fair_start, SIMPLE_OPS
};
