/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_HEAP_H
#define HVCAL_HEAP_H

#include <linux/types.h>

/*
 * An intrusive pairing heap: the smallest key first, first come, first served
 * among equal keys. Nothing is allocated. Adding costs O(1), taking out
 * O(log n) amortised (Fredman, Sedgewick, Sleator, Tarjan: The pairing heap,
 * Algorithmica 1, 1986).
 */

struct hvcal_heap_node {
	struct hvcal_heap_node *child;	/* its first one */
	struct hvcal_heap_node *next;	/* sibling */
	struct hvcal_heap_node *prev;	/* sibling, or parent of a first child */
	u64 key;
	u64 seq;
};

struct hvcal_heap {
	struct hvcal_heap_node *root;
	u64 seq;
};

void hvcal_heap_add(struct hvcal_heap *h, struct hvcal_heap_node *n, u64 key);
/* @n must be in @h. */
void hvcal_heap_del(struct hvcal_heap *h, struct hvcal_heap_node *n);

#endif /* HVCAL_HEAP_H */
