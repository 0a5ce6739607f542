/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_QUEUE_H
#define HVCAL_QUEUE_H

#include <linux/types.h>

#include "hvcal_heap.h"
#include "hvcal_wheel.h"

/*
 * The dispatch queue of one engine: which of the waiting jobs runs next.
 *
 * A flow is the FIFO of one session; a ticket is one job in it. Only the head
 * of a flow can be chosen, so the order within a session is kept whatever the
 * deadlines say.
 *
 * An engine that runs m jobs at once has m lanes. A real-time flow with a
 * reservation is at home in one lane, and admission (hvcal_admit.h) has shown
 * that the flows of a lane meet their deadlines there, by EDF, without
 * preemption. The rest are guests: best effort, real time without a
 * reservation, frames ahead of their time, and frames whose own lane is busy. A
 * guest may start in a free lane that has nothing of its own to do, if it ends
 * before the next frame can come to that lane, or later by no more than the delay
 * that the lane can bear: its slack in the worst case, or what the frames that are
 * really to come leave. So gaps are used and no guest can break a promise. When
 * promises cannot be kept any more (an engine became slow or lost slots), the queue
 * is crowded: real-time guests then run wherever a lane is free, and before those at
 * home there whose deadline is later, which is EDF over all slots.
 *
 * A head starts its period when it is there, ready, and one period has passed
 * since its predecessor's did: before that it is only a guest, however fast its
 * client submits. Its deadline for the lane counts from there.
 *
 * A guest that nobody could take in for starve_ns is let in all the same, one
 * every age_ns: admission keeps room for best effort, but costs can grow.
 *
 * Every operation costs O(lanes + log flows) amortised, and with wheels mostly
 * O(lanes). No locks, no clock: the caller serialises and passes times in.
 */

#define HVCAL_LANES_MAX		64	/* further slots take guests only */
#define HVCAL_LANE_NONE		HVCAL_LANES_MAX
#define HVCAL_EFFORT_CLASSES	16	/* of best effort, by cost */

struct hvcal_ticket {
	struct hvcal_ticket *prev;
	struct hvcal_ticket *next;
	u64 deadline_ns;	/* asked for; later than a reservation's is heard */
	u64 release_ns;		/* not before; 0 at once */
	u64 queued_ns;
	u64 cost_ns;		/* expected */
	u64 start_ns;		/* of its period, set at the head */
	u64 due_ns;		/* deadline in the queue, set at the head */
	u32 lane;		/* where it runs */
	bool ready;		/* its fences are signalled */
	bool headed;		/* start_ns and due_ns are set */
};

/* What a real-time flow asks of its lane; hvcal_task_set() makes one. */
struct hvcal_task {
	u64 cost_ns;		/* in each period */
	u64 period_ns;
	u64 deadline_ns;	/* from the start of the period */
	u32 load;		/* cost by period, in fractions of hvcal_admit.c */
	u32 density;		/* cost by the shorter of period and deadline */
	u64 next_ns;		/* scratch of hvcal_admit.c */
};

/*
 * With many sessions a decision costs what it misses in the cache. The first line
 * is what others touch when they are compared with this flow, the second one what
 * a frame of its own needs besides, the rest is seldom looked at.
 */
struct hvcal_flow {
	struct hvcal_heap_node node;
	struct hvcal_heap *heap;	/* the one it stands in, NULL none */
	struct hvcal_ticket *first;
	struct hvcal_ticket *last;

	u64 next_start_ns;		/* of the next head's period, at the earliest */
	struct hvcal_task task;
	u32 lane;	/* home, HVCAL_LANE_NONE without a reservation */
	u32 running;			/* taken and not done */
	u32 depth;			/* that many may be taken at once */
	bool realtime;
	bool open;	/* closed flows keep their tickets but give none */

	struct hvcal_heap_node coming;	/* in lane->coming, while at home */
	struct hvcal_flow *lane_next;	/* the lane's members */
	struct hvcal_flow *lane_prev;
} __aligned(64);

struct hvcal_lane {
	struct hvcal_heap ready;	/* flows at home here, by deadline */
	struct hvcal_heap coming;	/* all members, by the earliest start of a period */
	struct hvcal_flow *members;
	u64 load;	/* the members', by the last plan */
	u64 slack_ns;			/* how long a guest may hold a frame up */
	bool busy;
	bool kept;	/* it keeps its promises, by the last look at it */
};

struct hvcal_queue {
	u32 lanes;
	u32 spare;		/* slots beyond the lanes, free */
	struct hvcal_lane lane[HVCAL_LANES_MAX];
	struct hvcal_heap paced;	/* heads with a release time to come, by it */
	struct hvcal_heap early;	/* heads before their period, by its start */
	struct hvcal_heap loose;	/* real time without a reservation, by deadline */
	struct hvcal_heap effort[HVCAL_EFFORT_CLASSES]; /* best effort, by age */
	u32 attached;
	bool crowded;		/* some promise is not kept: see above */
	u64 age_ns;
	u64 starve_ns;
	u64 forced_ns;		/* when a starving guest was let in */
	u64 forced;		/* how often */
};

/* What runs next. */
struct hvcal_pick {
	struct hvcal_flow *flow;	/* NULL nothing */
	u32 lane;			/* HVCAL_LANE_NONE: a spare slot */
	bool own;			/* in its own lane, in its time */
	bool forced;
	u64 key;			/* deadline, or age of best effort */
};

/* How many wheels a queue has use for: a lane's, and one for what is early. */
static inline u32 hvcal_queue_wheels(u32 slots)
{
	return 1 + (slots < HVCAL_LANES_MAX ? slots : HVCAL_LANES_MAX);
}

/* @wheels: that many, zeroed, which stay the caller's; or NULL. */
void hvcal_queue_init(struct hvcal_queue *q, u32 slots, struct hvcal_wheel *wheels,
		      u64 age_ns, u64 starve_ns);

/* Flows: detach needs an empty one that is not at home in a lane. */
void hvcal_queue_attach(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime,
			u32 depth);
void hvcal_queue_detach(struct hvcal_queue *q, struct hvcal_flow *f, u64 now);
void hvcal_queue_open(struct hvcal_queue *q, struct hvcal_flow *f, bool open, u64 now);
/* Real time or best effort from now on. Not while at home in a lane. */
void hvcal_queue_reclass(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime, u64 now);
/* Gives @f a home, or takes it with HVCAL_LANE_NONE. */
void hvcal_queue_settle(struct hvcal_queue *q, struct hvcal_flow *f, u32 lane, u64 now);

/* Tickets: append, mark as ready, take back before it runs. */
void hvcal_queue_append(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t, u64 now);
void hvcal_queue_ready(struct hvcal_queue *q, struct hvcal_flow *f,
		       struct hvcal_ticket *t, u64 now);
void hvcal_queue_remove(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t, u64 now);

/* What may run now; false: nothing. */
bool hvcal_queue_pick(struct hvcal_queue *q, u64 now, struct hvcal_pick *pick);
/* Is @a before @b, of another engine? */
bool hvcal_pick_before(const struct hvcal_pick *a, const struct hvcal_pick *b);
/* When time alone will make something eligible, after a pick at @now; 0: never. */
u64 hvcal_queue_next_event(const struct hvcal_queue *q, u64 now);

/* Takes what hvcal_queue_pick() gave. */
struct hvcal_ticket *hvcal_queue_take(struct hvcal_queue *q, const struct hvcal_pick *pick,
				      u64 now);
/* When @f, not among the ready, brings work to its lane next, at the earliest. */
u64 hvcal_flow_coming(const struct hvcal_flow *f);
/* Undoes the last take of @f: @t is its head again. */
void hvcal_queue_put_back(struct hvcal_queue *q, struct hvcal_flow *f,
			  struct hvcal_ticket *t, u64 now);
/* A taken ticket is finished: gives its slot and its place in @f back. */
void hvcal_queue_done(struct hvcal_queue *q, struct hvcal_flow *f,
		      struct hvcal_ticket *t, u64 now);

#endif /* HVCAL_QUEUE_H */
