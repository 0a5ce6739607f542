// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/container_of.h>
#include <linux/kernel.h>
#include <linux/minmax.h>

#include "hvcal_admit.h"
#include "hvcal_queue.h"

/* Costs of the first class of best effort are below 2^16 ns. */
#define EFFORT_SHIFT 16
/* A deadline that far beyond the reserved one is as good as none. */
#define LENIENT_NS 10000000000ULL

static struct hvcal_flow *heap_flow(const struct hvcal_heap *h)
{
	return h->root ? container_of(h->root, struct hvcal_flow, node) : NULL;
}

/* ------------------------------------------------------------------------ */
/* Where a flow stands                                                      */

/* Its head has become ready: its period starts, at the earliest a period later. */
static void flow_head(struct hvcal_flow *f, struct hvcal_ticket *t, u64 now)
{
	t->headed = true;
	t->start_ns = now;
	t->due_ns = t->deadline_ns;
	if (!f->realtime)
		return;
	/* Without a cost it is no frame and uses up no period. */
	if (!t->cost_ns)
		return;
	t->start_ns = max3(now, t->release_ns, f->next_start_ns);
	f->next_start_ns = t->start_ns + f->task.period_ns;
	t->due_ns = clamp(t->deadline_ns, t->start_ns + f->task.deadline_ns,
			  t->start_ns + f->task.deadline_ns + LENIENT_NS);
}

/* Lane or class change before its head has run: that one's period starts anew. */
static void flow_head_again(struct hvcal_flow *f, bool realtime, u64 now)
{
	struct hvcal_ticket *t = f->first;
	bool headed = t && t->headed;

	/* the period that it took is not used up */
	if (headed && f->realtime && t->cost_ns)
		f->next_start_ns = t->start_ns;
	f->realtime = realtime;
	if (headed)
		flow_head(f, t, now);
}

static u32 effort_class(u64 cost_ns)
{
	return min_t(u32, fls64(cost_ns >> EFFORT_SHIFT), HVCAL_EFFORT_CLASSES - 1);
}

/* The heap that a flow with this head belongs to, and its key there. */
static struct hvcal_heap *flow_heap(struct hvcal_queue *q, const struct hvcal_flow *f,
				    const struct hvcal_ticket *t, u64 now, u64 *key)
{
	if (t->release_ns > now) {
		*key = t->release_ns;
		return &q->paced;
	}
	if (!f->realtime) {
		*key = t->queued_ns;
		return &q->effort[effort_class(t->cost_ns)];
	}
	if (t->start_ns > now) {
		*key = t->start_ns;
		return &q->early;
	}
	*key = t->due_ns;
	return f->lane == HVCAL_LANE_NONE ? &q->loose : &q->lane[f->lane].ready;
}

/* Puts @f where its head, its counters and the time say it belongs. */
static void flow_update(struct hvcal_queue *q, struct hvcal_flow *f, u64 now)
{
	struct hvcal_ticket *t = f->first;
	struct hvcal_heap *heap = NULL;
	u64 key = 0;

	if (f->open && t && t->ready) {
		if (!t->headed)
			flow_head(f, t, now);
		if (f->running < f->depth)
			heap = flow_heap(q, f, t, now, &key);
	}
	if (heap != f->heap || (heap && f->node.key != key)) {
		if (f->heap)
			hvcal_heap_del(f->heap, &f->node);
		f->heap = heap;
		if (heap)
			hvcal_heap_add(heap, &f->node, key);
	}
}

/* Moves those whose time has come. */
static void queue_advance(struct hvcal_queue *q, u64 now)
{
	while (q->paced.root && q->paced.root->key <= now)
		flow_update(q, heap_flow(&q->paced), now);
	while (q->early.root && q->early.root->key <= now)
		flow_update(q, heap_flow(&q->early), now);
}

/* ------------------------------------------------------------------------ */
/* Flows                                                                    */

void hvcal_queue_init(struct hvcal_queue *q, u32 slots, struct hvcal_wheel *wheels,
		      u64 age_ns, u64 starve_ns)
{
	u32 i;

	*q = (struct hvcal_queue){
		.lanes = min_t(u32, slots, HVCAL_LANES_MAX),
		.age_ns = age_ns,
		.starve_ns = starve_ns,
	};
	q->spare = slots - q->lanes;
	for (i = 0; i < q->lanes; i++)
		q->lane[i].slack_ns = U64_MAX;
	if (!wheels)
		return;
	for (i = 0; i < q->lanes; i++)
		q->lane[i].ready.wheel = &wheels[i];
	q->early.wheel = &wheels[q->lanes];
}

void hvcal_queue_attach(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime,
			u32 depth)
{
	*f = (struct hvcal_flow){
		.realtime = realtime,
		.depth = depth,
		.lane = HVCAL_LANE_NONE,
	};
	q->attached++;
}

void hvcal_queue_detach(struct hvcal_queue *q, struct hvcal_flow *f, u64 now)
{
	hvcal_queue_open(q, f, false, now);
	q->attached--;
}

void hvcal_queue_open(struct hvcal_queue *q, struct hvcal_flow *f, bool open, u64 now)
{
	f->open = open;
	flow_update(q, f, now);
}

void hvcal_queue_reclass(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime, u64 now)
{
	flow_head_again(f, realtime, now);
	flow_update(q, f, now);
}

void hvcal_queue_settle(struct hvcal_queue *q, struct hvcal_flow *f, u32 lane, u64 now)
{
	if (f->lane != HVCAL_LANE_NONE) {
		if (f->lane_prev)
			f->lane_prev->lane_next = f->lane_next;
		else
			q->lane[f->lane].members = f->lane_next;
		if (f->lane_next)
			f->lane_next->lane_prev = f->lane_prev;
		hvcal_heap_del(&q->lane[f->lane].coming, &f->coming);
	}
	f->lane = lane;
	f->lane_prev = NULL;
	f->lane_next = NULL;
	if (lane != HVCAL_LANE_NONE) {
		f->lane_next = q->lane[lane].members;
		if (f->lane_next)
			f->lane_next->lane_prev = f;
		q->lane[lane].members = f;
		/* the new lane has promised nothing before now */
		flow_head_again(f, f->realtime, now);
		hvcal_heap_add(&q->lane[lane].coming, &f->coming, hvcal_flow_coming(f));
	}
	flow_update(q, f, now);
}

/* ------------------------------------------------------------------------ */
/* Tickets                                                                  */

void hvcal_queue_append(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t, u64 now)
{
	t->headed = false;
	t->next = NULL;
	t->prev = f->last;
	if (f->last)
		f->last->next = t;
	else
		f->first = t;
	f->last = t;
	flow_update(q, f, now);
}

void hvcal_queue_ready(struct hvcal_queue *q, struct hvcal_flow *f,
		       struct hvcal_ticket *t, u64 now)
{
	t->ready = true;
	flow_update(q, f, now);
}

void hvcal_queue_remove(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t, u64 now)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		f->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		f->last = t->prev;
	t->prev = NULL;
	t->next = NULL;
	flow_update(q, f, now);
}

/* ------------------------------------------------------------------------ */
/* Choosing                                                                 */

static void pick_flow(struct hvcal_pick *pick, struct hvcal_flow *f, u32 lane, u64 key)
{
	*pick = (struct hvcal_pick){ .flow = f, .lane = lane, .key = key };
}

/* The oldest of best effort that costs no more than @room. */
static struct hvcal_flow *pick_effort(const struct hvcal_queue *q, u64 room)
{
	struct hvcal_flow *best = NULL;
	u32 i;

	for (i = 0; i <= effort_class(room); i++) {
		struct hvcal_flow *f = heap_flow(&q->effort[i]);

		if (f && f->first->cost_ns <= room &&
		    (!best || f->node.key < best->node.key))
			best = f;
	}
	return best;
}

/* A real-time head in its time, whose own lane is busy or that has none. */
static struct hvcal_flow *pick_displaced(struct hvcal_queue *q, u64 room)
{
	struct hvcal_flow *best = heap_flow(&q->loose);
	u32 i;

	if (q->crowded)
		room = U64_MAX;

	if (best && best->first->cost_ns > room)
		best = NULL;
	for (i = 0; i < q->lanes; i++) {
		struct hvcal_flow *f = heap_flow(&q->lane[i].ready);

		if (f && f->first->cost_ns <= room &&
		    (!best || f->node.key < best->node.key))
			best = f;
	}
	return best;
}

/* Whoever waits longest of those that no lane takes in, and when it has starved. */
static struct hvcal_flow *pick_starving(const struct hvcal_queue *q, u64 *when)
{
	struct hvcal_flow *best = pick_effort(q, U64_MAX);
	struct hvcal_flow *loose = heap_flow(&q->loose);

	if (loose && (!best || loose->first->queued_ns < best->first->queued_ns))
		best = loose;
	if (!best)
		return NULL;
	*when = best->first->queued_ns + q->starve_ns;
	if (q->forced)
		*when = max(*when, q->forced_ns + q->age_ns);
	return best;
}

static bool pick_guest(struct hvcal_queue *q, u64 now, u32 lane, u64 room,
		       struct hvcal_pick *pick)
{
	struct hvcal_flow *rt = pick_displaced(q, room);
	struct hvcal_flow *be = pick_effort(q, room);
	struct hvcal_flow *early = heap_flow(&q->early);
	u64 when;

	if (early && early->first->cost_ns > room)
		early = NULL;
	if (rt && !(be && be->node.key + q->age_ns < rt->node.key)) {
		pick_flow(pick, rt, lane, rt->node.key);
	} else if (be && !(early && early->first->queued_ns < be->node.key)) {
		pick_flow(pick, be, lane, be->node.key + q->age_ns);
	} else if (early) {
		pick_flow(pick, early, lane, early->first->due_ns);
	} else {
		struct hvcal_flow *f = pick_starving(q, &when);

		if (!f || now < when)
			return false;
		pick_flow(pick, f, lane, now);
		pick->forced = true;
	}
	return true;
}

u64 hvcal_flow_coming(const struct hvcal_flow *f)
{
	return f->first && f->first->headed ? f->first->start_ns : f->next_start_ns;
}

/*
 * The longest guest that may start in @l now. These times only grow, so the keys
 * of the heap are lower bounds: those that matter are brought up to date here,
 * where they are needed, and not with each frame.
 */
static u64 lane_room(struct hvcal_lane *l, u64 now)
{
	u64 idle = 0;

	while (l->coming.root) {
		struct hvcal_flow *f = container_of(l->coming.root, struct hvcal_flow, coming);
		u64 key = hvcal_flow_coming(f);

		if (key <= f->coming.key) {
			idle = key > now ? key - now : 0;
			break;
		}
		hvcal_heap_del(&l->coming, &f->coming);
		hvcal_heap_add(&l->coming, &f->coming, key);
	}
	return l->slack_ns > U64_MAX - idle ? U64_MAX : l->slack_ns + idle;
}

/* Is there a guest that @room is too small for? */
static bool guest_needs_more(const struct hvcal_queue *q, u64 room)
{
	u32 i;

	for (i = effort_class(room); i < HVCAL_EFFORT_CLASSES; i++)
		if (q->effort[i].root)
			return true;
	return (q->early.root && heap_flow(&q->early)->first->cost_ns > room) ||
	       (q->loose.root && heap_flow(&q->loose)->first->cost_ns > room);
}

/* Looks closely at every free lane: *@room is the most that one has. */
static u32 roomiest_lane(struct hvcal_queue *q, u64 now, u32 lane, u64 *room)
{
	u32 i;

	for (i = 0; i < q->lanes; i++) {
		struct hvcal_lane *l = &q->lane[i];
		u64 r;

		if (l->busy || l->ready.root)
			continue;
		r = hvcal_admit_lane_room(l, now);
		if (r > *room) {
			*room = r;
			lane = i;
		}
	}
	return lane;
}

bool hvcal_queue_pick(struct hvcal_queue *q, u64 now, struct hvcal_pick *pick)
{
	struct hvcal_flow *own = NULL;
	u64 due = U64_MAX, room = q->spare ? U64_MAX : 0;
	u32 i, lane = HVCAL_LANE_NONE;
	bool free = q->spare;

	queue_advance(q, now);
	for (i = 0; i < q->lanes; i++) {
		struct hvcal_lane *l = &q->lane[i];
		struct hvcal_flow *f = heap_flow(&l->ready);

		if (l->busy)
			continue;
		if (f) {
			/* which one it is nobody can predict: no branch, please */
			own = !own || f->node.key < due ? f : own;
			due = min(due, f->node.key);
		} else {
			u64 r = lane_room(l, now);

			if (free && r <= room)
				continue;
			free = true;
			room = r;
			lane = i;
		}
	}
	pick_flow(pick, own, own ? own->lane : HVCAL_LANE_NONE, own ? due : 0);
	pick->own = own;
	if (own && q->crowded && q->loose.root && q->loose.root->key < due) {
		/* else the backlog of those at home would keep it out for as long as it lasts */
		pick_flow(pick, heap_flow(&q->loose), own->lane, q->loose.root->key);
		return true;
	}
	if (own)
		return true;
	if (!free)
		return false;
	if (room != U64_MAX && guest_needs_more(q, room))
		lane = roomiest_lane(q, now, lane, &room);
	return pick_guest(q, now, lane, room, pick);
}

bool hvcal_pick_before(const struct hvcal_pick *a, const struct hvcal_pick *b)
{
	return a->own != b->own ? a->own : a->key < b->key;
}

static bool slot_free(const struct hvcal_queue *q)
{
	u32 i;

	for (i = 0; i < q->lanes; i++)
		if (!q->lane[i].busy)
			return true;
	return q->spare;
}

u64 hvcal_queue_next_event(const struct hvcal_queue *q, u64 now)
{
	u64 when = U64_MAX, starved;

	if (q->paced.root)
		when = q->paced.root->key;
	if (q->early.root)
		when = min(when, q->early.root->key);
	if (slot_free(q) && pick_starving(q, &starved))
		when = min(when, max(starved, now));
	return when == U64_MAX ? 0 : when;
}

/* ------------------------------------------------------------------------ */
/* Taking                                                                   */

static void slot_take(struct hvcal_queue *q, u32 lane)
{
	if (lane == HVCAL_LANE_NONE)
		q->spare--;
	else
		q->lane[lane].busy = true;
}

static void slot_give(struct hvcal_queue *q, u32 lane)
{
	if (lane == HVCAL_LANE_NONE)
		q->spare++;
	else
		q->lane[lane].busy = false;
}

struct hvcal_ticket *hvcal_queue_take(struct hvcal_queue *q, const struct hvcal_pick *pick,
				      u64 now)
{
	struct hvcal_flow *f = pick->flow;
	struct hvcal_ticket *t = f->first;

	slot_take(q, pick->lane);
	t->lane = pick->lane;
	if (pick->forced) {
		q->forced_ns = now;
		q->forced++;
	}
	f->running++;
	hvcal_queue_remove(q, f, t, now);
	return t;
}

void hvcal_queue_put_back(struct hvcal_queue *q, struct hvcal_flow *f,
			  struct hvcal_ticket *t, u64 now)
{
	slot_give(q, t->lane);
	f->running--;
	t->prev = NULL;
	t->next = f->first;
	if (f->first)
		f->first->prev = t;
	else
		f->last = t;
	f->first = t;
	flow_update(q, f, now);
}

void hvcal_queue_done(struct hvcal_queue *q, struct hvcal_flow *f,
		      struct hvcal_ticket *t, u64 now)
{
	slot_give(q, t->lane);
	f->running--;
	flow_update(q, f, now);
}
