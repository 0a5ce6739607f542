// SPDX-License-Identifier: MIT
/* The machine: streams submit, slots work, time goes from event to event. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "sim.h"

/* Streams join one by one, so that costs are known before the engine is full. */
#define JOIN_STEP	100000000ULL
#define FILL_ROUNDS	64
/* Costs reach their upper bound in this share of frames: it is what is learned. */
#define AT_BOUND	0.03

struct run {
	const struct sim_workload *w;
	const struct sim_policy *ops;
	void *policy;
	struct sim_stream *streams;
	unsigned int nstreams;
	struct hvcal_heap timers;	/* of submissions, by time */
	struct hvcal_heap ends;		/* of running jobs */
	struct sim_job *spare;
	unsigned int next_event;
	unsigned int slots;
	double clock;
	u64 seed;
	u64 last;			/* when the capacity was last added up */
	struct sim_result *res;
};

/* splitmix64 (Steele, Lea, Flood 2014): small, and the same on every machine. */
static u64 random64(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static double random_unit(u64 *state)
{
	return (double)(random64(state) >> 11) * 0x1p-53;
}

u64 sim_draw_cost(const struct sim_class *c, double clock, u64 *seed)
{
	double u = fmin(1, random_unit(seed) / (1 - AT_BOUND)) * 2 - 1;

	return max((u64)((double)c->cost * (1 + c->noise * u) * clock), 1ULL);
}

u64 sim_draw_jitter(const struct sim_class *c, u64 *seed)
{
	return c->jitter ? random64(seed) % (c->jitter + 1) : 0;
}

static struct sim_job *job_get(struct run *r)
{
	struct sim_job *j = r->spare;

	if (!j)
		return malloc(sizeof(*j));
	r->spare = j->next;
	return j;
}

static void job_put(struct run *r, struct sim_job *j)
{
	j->next = r->spare;
	r->spare = j;
}

static void submit(struct run *r, struct sim_stream *s, u64 nominal, u64 now)
{
	const struct sim_class *c = s->class;
	struct sim_job *j = job_get(r);

	*j = (struct sim_job){
		.stream = s,
		.nominal = nominal,
		.submitted = now,
		.deadline = c->effort ? U64_MAX : nominal + c->jitter + c->deadline,
		.cost = sim_draw_cost(c, r->clock, &r->seed),
	};
	r->ops->submit(r->policy, j, now);
}

/* A burst brings frames before their time; jitter brings them after it. */
static void stream_timer(struct run *r, struct sim_stream *s, u64 now)
{
	const struct sim_class *c = s->class;
	unsigned int i;

	if (!s->admitted) {
		s->admitted = !r->ops->admit || r->ops->admit(r->policy, s, now);
		if (!s->admitted) {
			r->res->refused++;
			return;
		}
		r->res->streams += !c->effort;
		s->next_nominal = now;
	}
	for (i = 0; i < c->burst; i++) {
		submit(r, s, s->next_nominal, now);
		s->next_nominal += c->period;
	}
	/* best effort without a rate: the next follows when this one is done */
	if (c->effort && !c->period)
		return;
	hvcal_heap_add(&r->timers, &s->timer,
		       s->next_nominal + sim_draw_jitter(c, &r->seed));
}

static void start_all(struct run *r, u64 now)
{
	struct sim_job *j;

	while ((j = r->ops->start(r->policy, now))) {
		j->started = now;
		hvcal_heap_add(&r->ends, &j->timer, now + j->cost);
	}
}

void sim_record(struct sim_result *res, s64 late)
{
	s64 us = late / 1000 + SIM_HIST / 2;

	res->jobs++;
	if (late > 0)
		res->missed++;
	if (res->jobs == 1 || late > res->max_late)
		res->max_late = late;
	res->hist[us < 0 ? 0 : us >= SIM_HIST ? SIM_HIST - 1 : us]++;
}

static void finish(struct run *r, struct sim_job *j, u64 now)
{
	struct sim_stream *s = j->stream;

	r->ops->done(r->policy, j, now);
	r->res->busy_ns += j->cost;
	if (s->class->effort) {
		r->res->effort_jobs++;
		r->res->effort_ns += j->cost;
		if (!s->class->period)
			hvcal_heap_add(&r->timers, &s->timer, now);
	} else {
		sim_record(r->res, (s64)(now - j->deadline));
	}
	job_put(r, j);
}

static void change(struct run *r, const struct sim_event *e, u64 now)
{
	r->res->capacity += (double)(now - r->last) * r->slots;
	r->last = now;
	if (e->what == SIM_CLOCK) {
		r->clock = e->clock;
	} else {
		r->slots = e->slots;
		r->ops->lose(r->policy, e->slots, now);
	}
}

static bool soonest(u64 *when, u64 candidate)
{
	if (candidate >= *when)
		return false;
	*when = candidate;
	return true;
}

/* One step of time; false: nothing will ever happen again. */
static bool step(struct run *r, u64 *now)
{
	const struct sim_workload *w = r->w;
	u64 when = U64_MAX, wake = 0;
	int what = 0;

	if (r->ends.root && soonest(&when, r->ends.root->key))
		what = 1;
	if (r->timers.root && soonest(&when, r->timers.root->key))
		what = 2;
	if (r->next_event < w->nevents && soonest(&when, w->events[r->next_event].when))
		what = 3;
	if (r->ops->wake)
		wake = r->ops->wake(r->policy, *now);
	if (wake > *now && soonest(&when, wake))
		what = 4;
	if (!what)
		return false;
	*now = when;
	if (what == 1) {
		struct sim_job *j = container_of(r->ends.root, struct sim_job, timer);

		hvcal_heap_del(&r->ends, &j->timer);
		finish(r, j, when);
	} else if (what == 2) {
		struct sim_stream *s = container_of(r->timers.root, struct sim_stream, timer);

		hvcal_heap_del(&r->timers, &s->timer);
		stream_timer(r, s, when);
	} else if (what == 3) {
		change(r, &w->events[r->next_event++], when);
	}
	/* several things may happen at one moment: all of them first */
	if ((r->ends.root && r->ends.root->key == when) ||
	    (r->timers.root && r->timers.root->key == when))
		return true;
	start_all(r, when);
	return true;
}

static void add_stream(void *streams, size_t stride, unsigned int n, const struct sim_class *c)
{
	struct sim_stream *s = (void *)((char *)streams + n * stride);

	*s = (struct sim_stream){ .class = c, .number = n };
}

unsigned int sim_make_streams(const struct sim_workload *w, void *streams, size_t stride)
{
	unsigned int i, k, fills = 0, n = 0;

	for (i = 0; i < w->nclasses; i++)
		fills += !w->classes[i].count;
	for (i = 0; i < w->nclasses; i++)
		for (k = 0; k < w->classes[i].count && n < SIM_STREAMS; k++)
			add_stream(streams, stride, n++, &w->classes[i]);
	/* so many rounds are more than any engine here admits of anything */
	for (k = 0; fills && k < FILL_ROUNDS; k++)
		for (i = 0; i < w->nclasses && n < SIM_STREAMS; i++)
			if (!w->classes[i].count)
				add_stream(streams, stride, n++, &w->classes[i]);
	return n;
}

u64 sim_next_join(u64 *join, u64 *seed)
{
	return *join += JOIN_STEP + random64(seed) % JOIN_STEP;
}

static void join_streams(struct run *r, const bool *take_part)
{
	unsigned int i;
	u64 join = 0;

	r->nstreams = sim_make_streams(r->w, r->streams, sizeof(*r->streams));
	for (i = 0; i < r->nstreams; i++) {
		struct sim_stream *s = &r->streams[i];

		if (!take_part || take_part[i])
			hvcal_heap_add(&r->timers, &s->timer,
				       max(sim_next_join(&join, &r->seed), s->class->join));
	}
}

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void sim_run(const struct sim_workload *w, const struct sim_policy *policy, u64 jobs,
	     unsigned int seed, const bool *take_part, bool *took_part, struct sim_result *res)
{
	struct run r = { .w = w, .ops = policy, .slots = w->slots, .clock = 1, .seed = seed,
			 .res = res };
	double begin = wall();
	unsigned int i;
	u64 now = 0;

	*res = (struct sim_result){ .policy = policy->name };
	r.streams = calloc(SIM_STREAMS, sizeof(*r.streams));
	r.policy = policy->create(w);
	join_streams(&r, take_part);
	while (res->jobs < jobs && step(&r, &now))
		;
	res->span_ns = now;
	res->capacity += (double)(now - r.last) * r.slots;
	if (policy->reserved)
		res->reserved_ppm = policy->reserved(r.policy);
	if (took_part)
		for (i = 0; i < r.nstreams; i++)
			took_part[i] = r.streams[i].admitted;
	while (r.ends.root) {
		struct sim_job *j = container_of(r.ends.root, struct sim_job, timer);

		hvcal_heap_del(&r.ends, &j->timer);
		r.ops->done(r.policy, j, now);
		free(j);
	}
	policy->destroy(r.policy);
	while (r.spare) {
		struct sim_job *j = r.spare;

		r.spare = j->next;
		free(j);
	}
	free(r.streams);
	res->wall_s = wall() - begin;
}

s64 sim_quantile(const struct sim_result *res, double q)
{
	u64 seen = 0, wanted = (u64)((double)res->jobs * q);
	unsigned int i;

	for (i = 0; i < SIM_HIST - 1; i++) {
		seen += res->hist[i];
		if (seen > wanted)
			break;
	}
	return ((s64)i - SIM_HIST / 2) * 1000;
}
