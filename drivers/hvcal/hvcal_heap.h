/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_HEAP_H
#define HVCAL_HEAP_H

#include <linux/types.h>

/*
 * An intrusive pairing heap: the smallest key first, first come, first served
 * among equal keys. Nothing is allocated. Adding costs O(1), taking out
 * O(log n) amortised (Fredman, Sedgewick, Sleator, Tarjan: The pairing heap,
 * Algorithmica 1, 1986).
 *
 * A heap whose keys are times can have a wheel (hvcal_wheel.h), which spreads its
 * nodes over many small trees: that makes both O(1) for the next ones.
 */

struct hvcal_wheel;

struct hvcal_heap_node {
	struct hvcal_heap_node *child;	/* its first one */
	struct hvcal_heap_node *next;	/* sibling */
	struct hvcal_heap_node *prev;	/* sibling, or parent of a first child */
	u64 key;
	u64 seq;
};

struct hvcal_heap {
	struct hvcal_heap_node *root;	/* the smallest of all */
	struct hvcal_wheel *wheel;	/* NULL: all of it is one tree */
	u64 seq;
};

void hvcal_heap_add(struct hvcal_heap *h, struct hvcal_heap_node *n, u64 key);
/* @n must be in @h. */
void hvcal_heap_del(struct hvcal_heap *h, struct hvcal_heap_node *n);

static inline bool hvcal_heap_before(const struct hvcal_heap_node *a,
				     const struct hvcal_heap_node *b)
{
	return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

/* Makes one tree of two; either may be NULL. Both are roots. */
struct hvcal_heap_node *hvcal_heap_meld(struct hvcal_heap_node *a, struct hvcal_heap_node *b);

#endif /* HVCAL_HEAP_H */
