// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "shim.h"
#include "machine.h"

struct job {
	struct hvcal_ticket ticket;
	u64 arrival;	/* start of its period as the client sees it */
};

struct runner {
	struct hvcal_flow flow;
	struct job jobs[MACHINE_JOBS];
	unsigned int next_job;
	unsigned int waiting;
	u64 next_arrival;
};

struct slot {
	struct runner *runner;
	const struct machine_task *task;
	struct job *job;
	u64 end;
};

struct machine {
	struct hvcal_queue queue;
	struct runner runners[MACHINE_TASKS];
	struct slot slots[MACHINE_SLOTS];
	unsigned int nslots;
};

static u64 guest_cost(const struct machine_task *tasks, unsigned int count)
{
	u64 cost = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		if (tasks[i].effort)
			cost = max(cost, tasks[i].cost);
	return cost;
}

static bool settle_all(struct machine *m, const struct machine_task *tasks, unsigned int count)
{
	unsigned int i;

	hvcal_queue_init(&m->queue, m->nslots, NULL, 1000, 4000);
	for (i = 0; i < count; i++) {
		struct hvcal_flow *f = &m->runners[i].flow;
		u32 lane;

		hvcal_queue_attach(&m->queue, f, !tasks[i].effort, 1);
		hvcal_queue_open(&m->queue, f, true, 0);
		hvcal_task_set(&f->task, tasks[i].cost, tasks[i].period, tasks[i].deadline);
		if (tasks[i].effort)
			continue;
		lane = hvcal_admit_find(&m->queue, &f->task, guest_cost(tasks, count));
		if (lane == HVCAL_LANE_NONE)
			return false;
		hvcal_queue_settle(&m->queue, f, lane, 0);
		if (!hvcal_admit_refresh(&m->queue.lane[lane]))
			abort();
	}
	return true;
}

bool machine_admits(const struct machine_task *tasks, unsigned int count, unsigned int slots)
{
	struct machine m = { .nslots = slots };

	return settle_all(&m, tasks, count);
}

static u64 random_up_to(unsigned int *seed, u64 most)
{
	return most ? (u64)rand_r(seed) % (most + 1) : 0;
}

static void submit(struct machine *m, struct runner *r, const struct machine_task *t, u64 now)
{
	struct job *j = &r->jobs[r->next_job++ % MACHINE_JOBS];

	*j = (struct job){
		.arrival = r->next_arrival,
		.ticket = { .queued_ns = now, .cost_ns = t->cost, .ready = true },
	};
	/* asks for nothing that its reservation does not give */
	j->ticket.deadline_ns = now + t->deadline;
	r->waiting++;
	hvcal_queue_append(&m->queue, &r->flow, &j->ticket, now);
}

static void finish(struct machine *m, struct slot *s, u64 now, struct machine_result *res)
{
	u64 due = s->job->arrival + s->task->deadline;

	hvcal_queue_done(&m->queue, &s->runner->flow, &s->job->ticket, now);
	res->done++;
	if (!s->task->effort && now > due) {
		if (!res->missed++)
			res->first_miss = now;
	}
	s->runner = NULL;
}

static void start(struct machine *m, const struct machine_task *tasks,
		  const struct hvcal_pick *pick, u64 now, struct machine_result *res)
{
	struct runner *r = container_of(pick->flow, struct runner, flow);
	struct hvcal_ticket *t = hvcal_queue_take(&m->queue, pick, now);
	struct slot *s = m->slots;

	while (s->runner)
		s++;
	s->runner = r;
	s->task = &tasks[r - m->runners];
	s->job = container_of(t, struct job, ticket);
	s->end = now + s->task->cost;
	r->waiting--;
	if (s->task->effort)
		res->longest_wait = max(res->longest_wait, now - t->queued_ns);
}

bool machine_run(const struct machine_task *tasks, unsigned int count, unsigned int slots,
		 u64 horizon, unsigned int *seed, struct machine_result *res)
{
	struct machine m = { .nslots = slots };
	struct hvcal_pick pick;
	unsigned int i;
	u64 now;

	*res = (struct machine_result){};
	if (!settle_all(&m, tasks, count))
		return false;
	for (i = 0; i < count; i++)
		m.runners[i].next_arrival = tasks[i].offset;
	for (now = 0; now < horizon; now++) {
		for (i = 0; i < slots; i++)
			if (m.slots[i].runner && m.slots[i].end == now)
				finish(&m, &m.slots[i], now, res);
		for (i = 0; i < count; i++) {
			struct runner *r = &m.runners[i];

			while (r->next_arrival <= now + random_up_to(seed, tasks[i].early) &&
			       r->waiting < MACHINE_JOBS / 2) {
				submit(&m, r, &tasks[i], now);
				r->next_arrival += tasks[i].period +
						   random_up_to(seed, tasks[i].jitter);
			}
		}
		while (hvcal_queue_pick(&m.queue, now, &pick))
			start(&m, tasks, &pick, now, res);
	}
	return true;
}
