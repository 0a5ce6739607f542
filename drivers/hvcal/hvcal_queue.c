// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "hvcal_queue.h"

static bool heap_before(const struct hvcal_flow *a, const struct hvcal_flow *b)
{
	return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static void heap_place(struct hvcal_heap *h, struct hvcal_flow *f, u32 pos)
{
	h->flows[pos - 1] = f;
	f->pos = pos;
}

static void heap_up(struct hvcal_heap *h, struct hvcal_flow *f)
{
	u32 pos = f->pos;

	while (pos > 1 && heap_before(f, h->flows[pos / 2 - 1])) {
		heap_place(h, h->flows[pos / 2 - 1], pos);
		pos /= 2;
	}
	heap_place(h, f, pos);
}

static void heap_down(struct hvcal_heap *h, struct hvcal_flow *f)
{
	u32 pos = f->pos;

	for (;;) {
		u32 child = pos * 2;

		if (child > h->count)
			break;
		if (child < h->count && heap_before(h->flows[child], h->flows[child - 1]))
			child++;
		if (!heap_before(h->flows[child - 1], f))
			break;
		heap_place(h, h->flows[child - 1], pos);
		pos = child;
	}
	heap_place(h, f, pos);
}

static void heap_add(struct hvcal_heap *h, struct hvcal_flow *f)
{
	f->pos = ++h->count;
	heap_up(h, f);
}

static void heap_del(struct hvcal_heap *h, struct hvcal_flow *f)
{
	u32 pos = f->pos;
	struct hvcal_flow *tail = h->flows[h->count - 1];

	h->count--;
	f->pos = 0;
	if (tail == f)
		return;
	heap_place(h, tail, pos);
	heap_up(h, tail);
	heap_down(h, tail);
}

static struct hvcal_heap *flow_heap(struct hvcal_queue *q, const struct hvcal_flow *f)
{
	return f->realtime ? &q->realtime : &q->effort;
}

/* Puts @f where its head and its counters say it belongs. */
static void flow_update(struct hvcal_queue *q, struct hvcal_flow *f)
{
	struct hvcal_heap *h = flow_heap(q, f);
	bool eligible = f->open && f->first && f->first->ready && f->running < f->depth;
	u64 key;

	if (!eligible) {
		if (f->pos)
			heap_del(h, f);
		return;
	}

	key = f->realtime ? f->first->deadline_ns : f->first->queued_ns;
	if (f->pos && f->key == key)
		return;
	if (f->pos)
		heap_del(h, f);
	f->key = key;
	f->seq = q->seq++;
	heap_add(h, f);
}

void hvcal_queue_init(struct hvcal_queue *q, u64 age_ns)
{
	*q = (struct hvcal_queue){ .age_ns = age_ns };
}

static void heap_move(struct hvcal_heap *h, struct hvcal_flow ***flows)
{
	struct hvcal_flow **old = h->flows;
	u32 i;

	for (i = 0; i < h->count; i++)
		(*flows)[i] = old[i];
	h->flows = *flows;
	*flows = old;
}

void hvcal_queue_set_arrays(struct hvcal_queue *q, struct hvcal_flow ***realtime,
			    struct hvcal_flow ***effort, u32 capacity)
{
	heap_move(&q->realtime, realtime);
	heap_move(&q->effort, effort);
	q->capacity = capacity;
}

void hvcal_queue_attach(struct hvcal_queue *q, struct hvcal_flow *f, bool realtime,
			u32 depth)
{
	*f = (struct hvcal_flow){ .realtime = realtime, .depth = depth };
	q->attached++;
}

void hvcal_queue_detach(struct hvcal_queue *q, struct hvcal_flow *f)
{
	f->open = false;
	flow_update(q, f);
	q->attached--;
}

void hvcal_queue_open(struct hvcal_queue *q, struct hvcal_flow *f, bool open)
{
	f->open = open;
	flow_update(q, f);
}

void hvcal_queue_append(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t)
{
	t->next = NULL;
	t->prev = f->last;
	if (f->last)
		f->last->next = t;
	else
		f->first = t;
	f->last = t;
	flow_update(q, f);
}

void hvcal_queue_ready(struct hvcal_queue *q, struct hvcal_flow *f,
		       struct hvcal_ticket *t)
{
	t->ready = true;
	flow_update(q, f);
}

void hvcal_queue_remove(struct hvcal_queue *q, struct hvcal_flow *f,
			struct hvcal_ticket *t)
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
	flow_update(q, f);
}

struct hvcal_flow *hvcal_queue_peek(const struct hvcal_queue *q)
{
	struct hvcal_flow *rt = q->realtime.count ? q->realtime.flows[0] : NULL;
	struct hvcal_flow *be = q->effort.count ? q->effort.flows[0] : NULL;

	if (!rt || !be)
		return rt ? rt : be;
	return be->key + q->age_ns < rt->key ? be : rt;
}

struct hvcal_ticket *hvcal_queue_take(struct hvcal_queue *q, struct hvcal_flow *f)
{
	struct hvcal_ticket *t = f->first;

	f->running++;
	hvcal_queue_remove(q, f, t);
	return t;
}

void hvcal_queue_put_back(struct hvcal_queue *q, struct hvcal_flow *f,
			  struct hvcal_ticket *t)
{
	f->running--;
	t->prev = NULL;
	t->next = f->first;
	if (f->first)
		f->first->prev = t;
	else
		f->last = t;
	f->first = t;
	flow_update(q, f);
}

void hvcal_queue_done(struct hvcal_queue *q, struct hvcal_flow *f)
{
	f->running--;
	flow_update(q, f);
}
