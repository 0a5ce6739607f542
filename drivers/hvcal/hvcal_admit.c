// SPDX-License-Identifier: GPL-2.0
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "hvcal_admit.h"

#define PPM		1000000U
/* Utilisation as a fraction of 2^24: products with times up to 2^40 ns fit. */
#define FRAC_SHIFT	24
#define FRAC_ONE	BIT_ULL(FRAC_SHIFT)
/* No cost or time of a task is above this: nine minutes. */
#define TIME_MAX	BIT_ULL(39)
/* Looks at one task, at most: bounds the time under a spinlock. */
#define STEPS_MAX	2048U
/* Moves that one plan tries: each looks at all lanes, under a spinlock too. */
#define MOVES_MAX	16U
/* Steps of a search over periods, each halves the range. */
#define FIT_STEPS	16
#define RATIO_SHIFT	8
/* Room is asked for with each guest: for lanes of so many, in so many looks. */
#define ROOM_MEMBERS	32
#define ROOM_STEPS	512U

struct lane_sum {
	u64 frac;	/* utilisation */
	s64 ahead;	/* sum of u_i (T_i - D_i), scaled by FRAC_ONE */
	u64 density;	/* sum of C_i / min(T_i, D_i) */
	u64 deadline_min;
	u64 deadline_max;
	u64 cost_max;
	u32 count;
};

/* Rounded up: a sum that seems to fit does fit. */
static u64 fraction(u64 cost, u64 time)
{
	u64 scaled = (min(cost, TIME_MAX) << FRAC_SHIFT) + time - 1;

	return min(div64_u64(scaled, time), 16 * FRAC_ONE);
}

void hvcal_task_set(struct hvcal_task *task, u64 cost_ns, u64 period_ns, u64 deadline_ns)
{
	*task = (struct hvcal_task){
		.cost_ns = cost_ns,
		.period_ns = period_ns,
		.deadline_ns = deadline_ns,
	};
	/* best effort without a period has a cost only */
	if (!period_ns || !deadline_ns)
		return;
	task->load = fraction(cost_ns, period_ns);
	task->density = deadline_ns < period_ns ? fraction(cost_ns, deadline_ns) : task->load;
}

static void sum_add(struct lane_sum *s, const struct hvcal_task *t)
{
	s->frac += t->load;
	if (s->frac <= FRAC_ONE)
		s->ahead += (s64)t->load * ((s64)t->period_ns - (s64)t->deadline_ns);
	s->density += t->density;
	s->deadline_min = min(s->deadline_min, t->deadline_ns);
	s->deadline_max = max(s->deadline_max, t->deadline_ns);
	s->cost_max = max(s->cost_max, t->cost_ns);
	s->count++;
}

/* The tasks of a lane, one after another; @extra is the last one. */
static struct hvcal_task *task_first(const struct hvcal_lane *lane, struct hvcal_task *extra)
{
	return lane->members ? &lane->members->task : extra;
}

static struct hvcal_task *task_next(struct hvcal_task *t, struct hvcal_task *extra)
{
	struct hvcal_flow *f;

	if (t == extra)
		return NULL;
	f = container_of(t, struct hvcal_flow, task);
	return f->lane_next ? &f->lane_next->task : extra;
}

static void lane_sum(const struct hvcal_lane *lane, struct hvcal_task *extra,
		     struct lane_sum *s)
{
	struct hvcal_task *t;

	*s = (struct lane_sum){ .deadline_min = U64_MAX };
	for (t = task_first(lane, extra); t; t = task_next(t, extra)) {
		sum_add(s, t);
		t->next_ns = t->deadline_ns;
	}
}

/* The next deadline of all; what is due by then is added to @demand. */
static u64 next_deadline(const struct hvcal_lane *lane, struct hvcal_task *extra, u64 *demand)
{
	struct hvcal_task *t;
	u64 now = U64_MAX;

	for (t = task_first(lane, extra); t; t = task_next(t, extra))
		now = min(now, t->next_ns);
	for (t = task_first(lane, extra); t; t = task_next(t, extra)) {
		if (t->next_ns != now)
			continue;
		*demand += t->cost_ns;
		t->next_ns += t->period_ns;
	}
	return now;
}

/* The longest frame that may have begun although its deadline is after @now. */
static u64 blocking_at(const struct hvcal_lane *lane, struct hvcal_task *extra, u64 now)
{
	struct hvcal_task *t;
	u64 blocking = 0;

	for (t = task_first(lane, extra); t; t = task_next(t, extra))
		if (t->deadline_ns > now)
			blocking = max(blocking, t->cost_ns);
	return blocking;
}

/* The least t' - h(t') of all t' > @t that the sums alone can promise. */
static s64 slack_beyond(const struct lane_sum *s, u64 t)
{
	s64 spare = (s64)(FRAC_ONE - s->frac) * (s64)min(t, TIME_MAX / 4);

	return (spare - s->ahead) >> FRAC_SHIFT;
}

/* @s: their sums, of lane_sum() just before. */
static bool lane_fits(const struct hvcal_lane *lane, struct hvcal_task *extra,
		      const struct lane_sum *s, u64 *slack_ns)
{
	u64 demand = 0, slack = U64_MAX;
	s64 beyond;
	u32 steps;

	*slack_ns = slack;
	if (!s->count)
		return true;
	*slack_ns = 0;
	if (s->frac > FRAC_ONE || s->cost_max > s->deadline_min)
		return false;

	/* From one deadline to the next. */
	for (steps = 0; steps < STEPS_MAX; steps += s->count) {
		u64 now = next_deadline(lane, extra, &demand);

		if (demand + blocking_at(lane, extra, now) > now)
			return false;
		slack = min(slack, now - demand);
		if (now < s->deadline_max)
			continue;
		beyond = slack_beyond(s, now);
		if (beyond >= 0 && (u64)beyond >= slack) {
			*slack_ns = slack;
			return true;
		}
		if (beyond >= 0 && steps + s->count >= STEPS_MAX) {
			*slack_ns = min_t(u64, slack, beyond);
			return true;
		}
	}
	/*
	 * Too many to look at. As h(t) <= density * t, and every t of interest is at
	 * least the shortest deadline, this suffices.
	 */
	return s->density + fraction(s->cost_max, s->deadline_min) <= FRAC_ONE;
}

bool hvcal_admit_lane_fits(const struct hvcal_lane *lane, struct hvcal_task *extra,
			   u64 *slack_ns)
{
	struct lane_sum s;

	lane_sum(lane, extra, &s);
	return lane_fits(lane, extra, &s, slack_ns);
}

static u32 to_ppm(u64 frac)
{
	return min_t(u64, frac * PPM >> FRAC_SHIFT, U32_MAX);
}

u32 hvcal_admit_share_ppm(const struct hvcal_queue *q, const struct hvcal_task *task)
{
	return to_ppm(task->load) / max(q->lanes, 1U);
}

u32 hvcal_admit_lane_ppm(const struct hvcal_lane *lane)
{
	struct hvcal_flow *f;
	u64 load = 0;

	for (f = lane->members; f; f = f->lane_next)
		load += f->task.load;
	return to_ppm(load);
}

u32 hvcal_admit_used_ppm(const struct hvcal_queue *q)
{
	u64 ppm = 0;
	u32 i;

	for (i = 0; i < q->lanes; i++)
		ppm += hvcal_admit_lane_ppm(&q->lane[i]);
	return min_t(u64, div_u64(ppm, max(q->lanes, 1U)), U32_MAX);
}

/* Is there a slot for guests of @guest_ns if lane @except bears only @slack_ns? */
static bool guests_fit(const struct hvcal_queue *q, u64 guest_ns, u32 except, u64 slack_ns)
{
	u32 i;

	if (!guest_ns || q->spare)
		return true;
	for (i = 0; i < q->lanes; i++)
		if ((i == except ? slack_ns : q->lane[i].slack_ns) >= guest_ns)
			return true;
	return false;
}

bool hvcal_admit_guest(const struct hvcal_queue *q, u64 guest_ns)
{
	return guests_fit(q, guest_ns, HVCAL_LANE_NONE, 0);
}

u32 hvcal_admit_find(const struct hvcal_queue *q, struct hvcal_task *task, u64 guest_ns)
{
	u32 i, ppm, best = HVCAL_LANE_NONE, best_ppm = 0;
	u64 slack;

	for (i = 0; i < q->lanes; i++) {
		const struct hvcal_lane *l = &q->lane[i];

		ppm = hvcal_admit_lane_ppm(l);
		if (best != HVCAL_LANE_NONE && ppm <= best_ppm)
			continue;
		if (!hvcal_admit_lane_fits(l, task, &slack) ||
		    !guests_fit(q, guest_ns, i, slack))
			continue;
		best = i;
		best_ppm = ppm;
	}
	return best;
}

u64 hvcal_admit_fit_period(const struct hvcal_queue *q, const struct hvcal_task *task,
			   u64 guest_ns, u64 max_ns)
{
	/* the deadline is as many periods as asked */
	u64 ratio = div64_u64(task->deadline_ns << RATIO_SHIFT, task->period_ns);
	u64 low = task->period_ns, high = max_ns, slack;
	struct hvcal_task t;
	u32 i, lane = 0;

	for (i = 1; i < q->lanes; i++)
		if (hvcal_admit_lane_ppm(&q->lane[i]) < hvcal_admit_lane_ppm(&q->lane[lane]))
			lane = i;
	for (i = 0; i <= FIT_STEPS; i++) {
		u64 period;
		bool fits;

		period = i ? low + (high - low) / 2 : high;
		hvcal_task_set(&t, task->cost_ns, period,
			       clamp(period * ratio >> RATIO_SHIFT, 1ULL, max_ns));
		fits = hvcal_admit_lane_fits(&q->lane[lane], &t, &slack) &&
		       guests_fit(q, guest_ns, lane, slack);
		if (!fits && !i)
			return 0;
		*(fits ? &high : &low) = period;
	}
	return high;
}

bool hvcal_admit_refresh(struct hvcal_lane *lane)
{
	struct lane_sum s;

	lane_sum(lane, NULL, &s);
	lane->load = s.frac;
	lane->kept = lane_fits(lane, NULL, &s, &lane->slack_ns);
	return lane->kept;
}

/* Not worth a closer look: no lane but @except has so much time left. */
static bool all_full(const struct hvcal_queue *q, const struct hvcal_task *task, u32 except)
{
	u32 i;

	for (i = 0; i < q->lanes; i++)
		if (i != except && q->lane[i].load + task->load <= FRAC_ONE)
			return false;
	return true;
}

/* Would @lane be overloaded without so many of its members too? */
static bool beyond_relief(const struct hvcal_lane *lane, u32 moves)
{
	u64 load = lane->load;
	struct hvcal_flow *f;

	for (f = lane->members; f && moves; f = f->lane_next, moves--)
		load -= f->task.load;
	return load > FRAC_ONE;
}

/* Moves members of a lane that cannot keep its promises; false: still not. */
static bool lane_relieve(struct hvcal_queue *q, u32 lane, u64 now, u32 *moves)
{
	struct hvcal_lane *l = &q->lane[lane];
	struct hvcal_flow *f, *next;

	if (beyond_relief(l, *moves))
		return false;
	for (f = l->members; f && *moves; f = next, --*moves) {
		u32 other;

		next = f->lane_next;
		if (all_full(q, &f->task, lane))
			continue;
		other = hvcal_admit_find(q, &f->task, 0);
		if (other == HVCAL_LANE_NONE || other == lane)
			continue;
		hvcal_queue_settle(q, f, other, now);
		hvcal_admit_refresh(&q->lane[other]);
		if (hvcal_admit_refresh(l))
			return true;
	}
	return false;
}

void hvcal_admit_replan(struct hvcal_queue *q, bool homeless, u64 now)
{
	u32 i, moves = MOVES_MAX;

	for (i = 0; i < q->lanes; i++)
		hvcal_admit_refresh(&q->lane[i]);
	q->crowded = homeless;
	for (i = 0; i < q->lanes; i++) {
		struct hvcal_lane *l = &q->lane[i];

		if (!l->kept && !lane_relieve(q, i, now, &moves))
			q->crowded = true;
	}
}

u64 hvcal_admit_lane_room(struct hvcal_lane *lane, u64 now)
{
	u64 demand = 0, room = U64_MAX;
	struct hvcal_flow *f;
	struct lane_sum s;
	u32 steps;

	lane_sum(lane, NULL, &s);
	if (!s.count)
		return U64_MAX;
	if (s.frac > FRAC_ONE || s.count > ROOM_MEMBERS)
		return 0;
	s.ahead = 0;
	s.deadline_max = 0;
	for (f = lane->members; f; f = f->lane_next) {
		struct hvcal_task *t = &f->task;

		t->next_ns = max(hvcal_flow_coming(f), now) - now + t->deadline_ns;
		s.deadline_max = max(s.deadline_max, t->next_ns);
		s.ahead += (s64)t->load * ((s64)t->period_ns - (s64)t->next_ns);
	}
	for (steps = 0; steps < ROOM_STEPS; steps += s.count) {
		u64 t = next_deadline(lane, NULL, &demand);
		s64 beyond = slack_beyond(&s, t);

		if (demand >= t)
			return 0;
		room = min(room, t - demand);
		if (t < s.deadline_max || beyond < 0)
			continue;
		if ((u64)beyond >= room || steps + s.count >= ROOM_STEPS)
			return min_t(u64, room, beyond);
	}
	return 0;
}
