/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_WHEEL_H
#define HVCAL_WHEEL_H

#include <linux/types.h>

struct hvcal_heap_node;

/*
 * Many small trees for the smaller keys, which are times, and one for what is far
 * beyond them. A tree that is taken apart costs a cache miss and a branch that
 * nobody can predict for each node that it compares: with thousands of sessions
 * that was most of a decision. Here the first tree in use has the smallest key, if
 * the far one has not, and holds few nodes. In the worst case, all keys in one slot
 * or far, it is one heap.
 */

#define HVCAL_WHEEL_SHIFT	17	/* a slot is 131 us */
#define HVCAL_WHEEL_SLOTS	512	/* all of them 67 ms */

struct hvcal_wheel {
	u64 base;	/* number of the earliest slot; those in use are not before it */
	u32 trees;	/* slots in use */
	u32 words;	/* of used, that are not 0 */
	u64 used[HVCAL_WHEEL_SLOTS / 64];
	struct hvcal_heap_node *slot[HVCAL_WHEEL_SLOTS];
	struct hvcal_heap_node *far;
};

void hvcal_wheel_add(struct hvcal_wheel *w, struct hvcal_heap_node *n);
/* @n, the root of a tree, leaves @children in its place. */
void hvcal_wheel_succeed(struct hvcal_wheel *w, struct hvcal_heap_node *n,
			 struct hvcal_heap_node *children);
/* The smallest of all, NULL none. */
struct hvcal_heap_node *hvcal_wheel_first(struct hvcal_wheel *w);

#endif /* HVCAL_WHEEL_H */
