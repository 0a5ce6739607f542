/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_QUEUE_H
#define HVCAL_QUEUE_H

#include <linux/types.h>

/*
 * The dispatch queue of one engine: which of the waiting jobs runs next.
 *
 * A flow is the FIFO of one session; a ticket is one job in it. Only the head
 * of a flow can be chosen, so the order within a session is kept whatever the
 * deadlines say. Flows whose head may run stand in one of two binary heaps:
 * real-time flows by the absolute deadline of their head, best-effort flows by
 * its age. The heaps are arrays that the caller provides, so that nothing is
 * allocated here and every operation costs O(log flows).
 *
 * Best effort gets what real time leaves. A best-effort head that has waited
 * age_ns competes as if its deadline were then, so it never starves.
 *
 * No locks, no clock: the caller serialises and passes times in.
 */

struct hvcal_ticket {
	struct hvcal_ticket *prev;
	struct hvcal_ticket *next;
	u64 deadline_ns;
	u64 queued_ns;
	bool ready;
};

struct hvcal_flow {
	struct hvcal_ticket *first;
	struct hvcal_ticket *last;
	u64 key;	/* heap order while in a heap */
	u64 seq;	/* first come, first served among equal keys */
	u32 pos;	/* position in the heap from 1; 0: in none */
	u32 running;	/* taken and not done */
	u32 depth;	/* that many may be taken at once */
	bool realtime;
	bool open;	/* closed flows keep their tickets but give none */
};

struct hvcal_heap {
	struct hvcal_flow **flows;
	u32 count;
};

struct hvcal_queue {
	struct hvcal_heap realtime;
	struct hvcal_heap effort;
	u32 capacity;	/* flows that fit into either heap */
	u32 attached;
	u64 seq;
	u64 age_ns;
};

void hvcal_queue_init(struct hvcal_queue *q, u64 age_ns);

/*
 * Gives the queue two arrays of @capacity pointers each, at least as many as it
 * has, and hands the old ones back through the same pointers.
 */
void hvcal_queue_set_arrays(struct hvcal_queue *q, struct hvcal_flow ***realtime,
			    struct hvcal_flow ***effort, u32 capacity);

/* Flows: attach needs room (attached < capacity), detach needs an empty flow. */
void hvcal_queue_attach(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime,
			u32 depth);
void hvcal_queue_detach(struct hvcal_queue *q, struct hvcal_flow *f);
void hvcal_queue_open(struct hvcal_queue *q, struct hvcal_flow *f, bool open);

/* Tickets: append, mark as ready, take back before it runs. */
void hvcal_queue_append(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t);
void hvcal_queue_ready(struct hvcal_queue *q, struct hvcal_flow *f,
		       struct hvcal_ticket *t);
void hvcal_queue_remove(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t);

/* The flow whose head would run next, NULL if none may. */
struct hvcal_flow *hvcal_queue_peek(const struct hvcal_queue *q);
/* Takes the head of @f, which hvcal_queue_peek() gave. */
struct hvcal_ticket *hvcal_queue_take(struct hvcal_queue *q, struct hvcal_flow *f);
/* Undoes the last take of @f: @t is its head again. */
void hvcal_queue_put_back(struct hvcal_queue *q, struct hvcal_flow *f,
			  struct hvcal_ticket *t);
/* One of the taken tickets of @f is finished. */
void hvcal_queue_done(struct hvcal_queue *q, struct hvcal_flow *f);

#endif /* HVCAL_QUEUE_H */
