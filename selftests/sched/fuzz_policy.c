// SPDX-License-Identifier: MIT
/*
 * Any sequence of calls that the module can make, made of fuzzed bytes: nothing
 * crashes, no ticket is lost or given twice, and no slot is given to two.
 * With libFuzzer (make fuzz-policy), or on random bytes (fuzz_main.c).
 */
#include <stdlib.h>

#include "shim.h"
#include "fuzz.h"
#include "hvcal_admit.h"
#include "hvcal_cost.h"
#include "hvcal_place.h"

#define FLOWS	12
#define TICKETS	64

struct fuzz {
	const uint8_t *data;
	size_t left;
	u64 now;
	struct hvcal_queue q;
	struct hvcal_wheel wheels[HVCAL_LANES_MAX + 1];
	struct hvcal_flow flows[FLOWS];
	struct hvcal_ticket tickets[TICKETS];
	struct hvcal_flow *owner[TICKETS];	/* NULL: free */
	bool running[TICKETS];
	u32 attached;
	struct hvcal_cost cost;
	unsigned int slots, busy;
};

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static u64 take(struct fuzz *z, unsigned int bytes)
{
	u64 v = 0;

	while (bytes-- && z->left) {
		v = v << 8 | *z->data++;
		z->left--;
	}
	return v;
}

/* Sizes of every magnitude, and the extremes. */
static u64 take_time(struct fuzz *z)
{
	u64 v = take(z, 3);

	return v == 0xffffff ? U64_MAX : v << (take(z, 1) & 31);
}

static unsigned int ticket_number(const struct fuzz *z, const struct hvcal_ticket *t)
{
	return (unsigned int)(t - z->tickets);
}

static struct hvcal_ticket *find(struct fuzz *z, struct hvcal_flow *f, bool running)
{
	unsigned int i, from = (unsigned int)take(z, 1);

	for (i = 0; i < TICKETS; i++) {
		unsigned int n = (from + i) % TICKETS;

		if (z->owner[n] == f && z->running[n] == running)
			return &z->tickets[n];
	}
	return NULL;
}

static void op_append(struct fuzz *z, struct hvcal_flow *f)
{
	struct hvcal_ticket *t = find(z, NULL, false);

	if (!t)
		return;
	*t = (struct hvcal_ticket){
		.deadline_ns = take_time(z),
		.release_ns = z->now + (take(z, 4) & 0xffffffff),
		.queued_ns = z->now,
		.cost_ns = take_time(z),
		.ready = take(z, 1) & 1,
	};
	z->owner[ticket_number(z, t)] = f;
	hvcal_queue_append(&z->q, f, t, z->now);
}

static void op_pick(struct fuzz *z)
{
	struct hvcal_pick pick;
	struct hvcal_ticket *t;
	unsigned int n;

	if (!hvcal_queue_pick(&z->q, z->now, &pick))
		return;
	expect(pick.flow && pick.flow->open && pick.flow->running < pick.flow->depth);
	t = hvcal_queue_take(&z->q, &pick, z->now);
	n = ticket_number(z, t);
	expect(n < TICKETS && z->owner[n] == pick.flow && !z->running[n] && t->ready);
	expect(t->release_ns <= z->now);
	z->running[n] = true;
	expect(++z->busy <= z->slots);
}

static void op_end(struct fuzz *z, struct hvcal_flow *f, bool back)
{
	struct hvcal_ticket *t = find(z, f, true);

	if (!t)
		return;
	z->busy--;
	z->running[ticket_number(z, t)] = false;
	if (back) {
		hvcal_queue_put_back(&z->q, f, t, z->now);
	} else {
		hvcal_queue_done(&z->q, f, t, z->now);
		z->owner[ticket_number(z, t)] = NULL;
	}
}

static void op_remove(struct fuzz *z, struct hvcal_flow *f)
{
	struct hvcal_ticket *t = find(z, f, false);

	if (!t)
		return;
	hvcal_queue_remove(&z->q, f, t, z->now);
	z->owner[ticket_number(z, t)] = NULL;
}

static void op_admit(struct fuzz *z, struct hvcal_flow *f)
{
	u64 guest = take_time(z), cost, period, slack;
	u32 lane;

	if (!f->realtime || f->lane != HVCAL_LANE_NONE)
		return;
	cost = take_time(z);
	period = 1 + take(z, 4);
	hvcal_task_set(&f->task, cost, period, 1 + take(z, 4));
	lane = hvcal_admit_find(&z->q, &f->task, guest);
	if (lane == HVCAL_LANE_NONE) {
		u64 fit = hvcal_admit_fit_period(&z->q, &f->task, guest, 10000000000ULL);

		expect(!fit || fit >= f->task.period_ns);
		return;
	}
	expect(hvcal_admit_lane_fits(&z->q.lane[lane], &f->task, &slack));
	hvcal_queue_settle(&z->q, f, lane, z->now);
	expect(hvcal_admit_refresh(&z->q.lane[lane]));
	expect(hvcal_admit_lane_ppm(&z->q.lane[lane]) <= 1000001);
}

static void op_cost(struct fuzz *z, struct hvcal_flow *f)
{
	u32 pixels = (u32)take(z, 4);

	if (hvcal_cost_learn(&z->cost, z->now, take_time(z), pixels)) {
		hvcal_task_set(&f->task, hvcal_cost_predict(z->cost.planned, pixels),
			       f->task.period_ns, f->task.deadline_ns);
		hvcal_admit_replan(&z->q, take(z, 1) & 1, z->now);
	}
	expect(z->cost.ns_per_mpix);
	expect(hvcal_cost_budget(&z->cost, pixels, take_time(z), 10, 1000) <= 1000);
}

static void run_op(struct fuzz *z)
{
	struct hvcal_flow *f = &z->flows[take(z, 1) % FLOWS];

	switch (take(z, 1) % 11) {
	case 0:
	case 1:
		op_append(z, f);
		break;
	case 2:
		if (f->first)
			hvcal_queue_ready(&z->q, f, f->first, z->now);
		break;
	case 3:
		op_pick(z);
		break;
	case 4:
		op_end(z, f, take(z, 1) % 8 == 0);
		break;
	case 5:
		op_remove(z, f);
		break;
	case 6:
		op_admit(z, f);
		break;
	case 7:
		hvcal_queue_settle(&z->q, f, HVCAL_LANE_NONE, z->now);
		break;
	case 8:
		op_cost(z, f);
		break;
	case 9:
		hvcal_queue_open(&z->q, f, take(z, 1) & 3, z->now);
		break;
	case 10:
		hvcal_queue_settle(&z->q, f, HVCAL_LANE_NONE, z->now);
		hvcal_queue_reclass(&z->q, f, take(z, 1) & 1, z->now);
		break;
	}
	z->now += take(z, 1) << (take(z, 1) & 31);
	hvcal_queue_next_event(&z->q, z->now);
}

/* Everything comes out again, each ticket once. */
static void drain(struct fuzz *z)
{
	unsigned int i;

	for (i = 0; i < TICKETS; i++)
		if (z->running[i])
			hvcal_queue_done(&z->q, z->owner[i], &z->tickets[i], z->now);
		else if (z->owner[i])
			hvcal_queue_remove(&z->q, z->owner[i], &z->tickets[i], z->now);
	for (i = 0; i < FLOWS; i++) {
		expect(!z->flows[i].first && !z->flows[i].last && !z->flows[i].running);
		hvcal_queue_settle(&z->q, &z->flows[i], HVCAL_LANE_NONE, z->now);
		hvcal_queue_detach(&z->q, &z->flows[i], z->now);
		expect(!z->flows[i].heap);
	}
	for (i = 0; i < z->q.lanes; i++)
		expect(!z->q.lane[i].busy && !z->q.lane[i].members && !z->q.lane[i].ready.root &&
		       !z->q.lane[i].coming.root);
	expect(!z->q.attached && !z->q.paced.root && !z->q.early.root && !z->q.loose.root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz z;
	unsigned int i;

	z = (struct fuzz){ .data = data, .left = size, .now = 1 };
	z.slots = 1 + (unsigned int)take(&z, 1) % 80;
	hvcal_queue_init(&z.q, z.slots, take(&z, 1) & 1 ? z.wheels : NULL, 1000, 4000);
	hvcal_cost_seed(&z.cost, take_time(&z));
	for (i = 0; i < FLOWS; i++) {
		hvcal_queue_attach(&z.q, &z.flows[i], i % 3, 1 + i % 4);
		hvcal_queue_open(&z.q, &z.flows[i], true, z.now);
		hvcal_task_set(&z.flows[i].task, 1, 1, 1);
	}
	while (z.left)
		run_op(&z);
	drain(&z);
	return 0;
}
