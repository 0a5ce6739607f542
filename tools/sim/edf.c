// SPDX-License-Identifier: MIT
/* The module's own policy: its queue, admission and cost model. */
#include <stdlib.h>
#include <sys/mman.h>

#include "sim.h"
#include "hvcal_admit.h"
#include "hvcal_cost.h"

#define PIXELS		1000000U
#define AGE_NS		500000000ULL
#define STARVE_NS	2000000000ULL
/* Of the size that the kernel maps its own memory with. */
#define HUGE_PAGE	(2UL << 20)
#define DRIFT_SHIFT	8

struct edf_class {
	struct hvcal_cost cost;
	const struct sim_class *class;
};

struct edf_stream {
	struct hvcal_flow flow;
	struct edf_class *model;
	struct edf_stream *next;
};

struct edf {
	struct hvcal_queue queue;
	struct hvcal_wheel *wheels;
	struct edf_class classes[SIM_CLASSES];
	const struct sim_workload *w;
	struct edf_stream *streams;
	u64 guest_ns;
};

struct edf_job {
	struct hvcal_ticket ticket;
	struct sim_job *job;
};

void *sim_zalloc(size_t size)
{
	const size_t align = size < HUGE_PAGE / 2 ? _Alignof(struct hvcal_flow) : HUGE_PAGE;
	void *p;

	size = (size + align - 1) / align * align;
	p = aligned_alloc(align, size);
	if (!p)
		return NULL;
	if (align == HUGE_PAGE)
		madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	return p;
}

static void *edf_create(const struct sim_workload *w)
{
	struct edf *p = calloc(1, sizeof(*p));
	unsigned int i;

	p->wheels = calloc(hvcal_queue_wheels(w->slots), sizeof(*p->wheels));
	hvcal_queue_init(&p->queue, w->slots, p->wheels, AGE_NS, STARVE_NS);
	p->w = w;
	for (i = 0; i < w->nclasses; i++) {
		p->classes[i].class = &w->classes[i];
		/* an honest claim of the mean cost */
		hvcal_cost_seed(&p->classes[i].cost, w->classes[i].cost);
	}
	return p;
}

static void edf_destroy(void *priv)
{
	struct edf *p = priv;

	while (p->streams) {
		struct edf_stream *s = p->streams;

		p->streams = s->next;
		while (s->flow.first) {
			struct edf_job *e = container_of(s->flow.first, struct edf_job, ticket);

			s->flow.first = e->ticket.next;
			free(e->job);
			free(e);
		}
		free(s);
	}
	free(p->wheels);
	free(p);
}

static void plan(struct edf_stream *s)
{
	const struct sim_class *c = s->model->class;

	hvcal_task_set(&s->flow.task, hvcal_cost_predict(s->model->cost.planned, PIXELS),
		       c->period - (c->period >> DRIFT_SHIFT), c->deadline);
}

/* Who has no home looks for one; false: not all found one. */
static bool settle_loose(struct edf *p, u64 now)
{
	struct edf_stream *s;
	bool all = true;

	for (s = p->streams; s; s = s->next) {
		u32 lane;

		if (!s->flow.realtime || s->flow.lane != HVCAL_LANE_NONE)
			continue;
		lane = hvcal_admit_find(&p->queue, &s->flow.task, 0);
		if (lane == HVCAL_LANE_NONE) {
			all = false;
			continue;
		}
		hvcal_queue_settle(&p->queue, &s->flow, lane, now);
		hvcal_admit_refresh(&p->queue.lane[lane]);
	}
	return all;
}

static void replan(struct edf *p, u64 now)
{
	struct edf_stream *s;
	bool homeless;

	p->guest_ns = 0;
	for (s = p->streams; s; s = s->next) {
		plan(s);
		if (!s->flow.realtime)
			p->guest_ns = max(p->guest_ns, s->flow.task.cost_ns);
	}
	homeless = !settle_loose(p, now);
	hvcal_admit_replan(&p->queue, homeless, now);
}

static bool edf_admit(void *priv, struct sim_stream *stream, u64 now)
{
	struct edf *p = priv;
	struct edf_stream *s = sim_zalloc(sizeof(*s));
	u32 lane;

	s->model = &p->classes[stream->class - p->w->classes];
	hvcal_queue_attach(&p->queue, &s->flow, !stream->class->effort, 1);
	plan(s);
	if (stream->class->effort) {
		if (!hvcal_admit_guest(&p->queue, s->flow.task.cost_ns))
			goto refuse;
	} else {
		lane = hvcal_admit_find(&p->queue, &s->flow.task, p->guest_ns);
		if (lane == HVCAL_LANE_NONE)
			goto refuse;
		hvcal_queue_settle(&p->queue, &s->flow, lane, now);
		hvcal_admit_refresh(&p->queue.lane[lane]);
	}
	hvcal_queue_open(&p->queue, &s->flow, true, now);
	s->next = p->streams;
	p->streams = s;
	stream->priv = s;
	replan(p, now);
	return true;
refuse:
	p->queue.attached--;
	free(s);
	return false;
}

static void edf_submit(void *priv, struct sim_job *j, u64 now)
{
	struct edf *p = priv;
	struct edf_stream *s = j->stream->priv;
	struct edf_job *e = calloc(1, sizeof(*e));

	e->job = j;
	j->priv = e;
	e->ticket.deadline_ns = j->deadline == U64_MAX ? 0 : j->deadline;
	e->ticket.queued_ns = now;
	e->ticket.cost_ns = s->flow.task.cost_ns;
	e->ticket.ready = true;
	hvcal_queue_append(&p->queue, &s->flow, &e->ticket, now);
}

static struct sim_job *edf_start(void *priv, u64 now)
{
	struct edf *p = priv;
	struct hvcal_pick pick;

	if (!hvcal_queue_pick(&p->queue, now, &pick))
		return NULL;
	return container_of(hvcal_queue_take(&p->queue, &pick, now), struct edf_job, ticket)->job;
}

static void edf_done(void *priv, struct sim_job *j, u64 now)
{
	struct edf *p = priv;
	struct edf_stream *s = j->stream->priv;
	struct edf_job *e = j->priv;

	hvcal_queue_done(&p->queue, &s->flow, &e->ticket, now);
	if (hvcal_cost_learn(&s->model->cost, now, now - j->started, PIXELS))
		replan(p, now);
	free(e);
}

static u64 edf_wake(void *priv, u64 now)
{
	return hvcal_queue_next_event(&((struct edf *)priv)->queue, now);
}

/* Lanes beyond @slots are gone; who was at home there looks for another lane. */
static void edf_lose(void *priv, unsigned int slots, u64 now)
{
	struct edf *p = priv;
	struct edf_stream *s;

	p->queue.lanes = slots;
	for (s = p->streams; s; s = s->next)
		if (s->flow.lane != HVCAL_LANE_NONE && s->flow.lane >= slots)
			hvcal_queue_settle(&p->queue, &s->flow, HVCAL_LANE_NONE, now);
	replan(p, now);
}

static unsigned int edf_reserved(void *priv)
{
	return hvcal_admit_used_ppm(&((struct edf *)priv)->queue);
}

const struct sim_policy sim_edf = {
	.name = "hvcal",
	.about = "EDF in lanes with admission (hvcal.ko)",
	.create = edf_create,
	.destroy = edf_destroy,
	.admit = edf_admit,
	.submit = edf_submit,
	.start = edf_start,
	.done = edf_done,
	.wake = edf_wake,
	.lose = edf_lose,
	.reserved = edf_reserved,
};
