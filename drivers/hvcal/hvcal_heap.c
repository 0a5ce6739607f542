// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "hvcal_heap.h"
#include "hvcal_wheel.h"

struct hvcal_heap_node *hvcal_heap_meld(struct hvcal_heap_node *a, struct hvcal_heap_node *b)
{
	struct hvcal_heap_node *winner = a, *loser = b;

	if (!a || !b)
		return a ? a : b;
	if (hvcal_heap_before(b, a)) {
		winner = b;
		loser = a;
	}
	loser->prev = winner;
	loser->next = winner->child;
	if (winner->child)
		winner->child->prev = loser;
	winner->child = loser;
	winner->next = NULL;
	winner->prev = NULL;
	return winner;
}

/*
 * Melds siblings in pairs from the left, then the pairs from the right. The
 * pairs wait in a stack that is linked through next.
 */
static struct hvcal_heap_node *heap_meld_all(struct hvcal_heap_node *first)
{
	struct hvcal_heap_node *stack = NULL, *root = NULL;

	while (first) {
		struct hvcal_heap_node *a = first, *b = first->next, *pair;

		first = b ? b->next : NULL;
		a->next = NULL;
		a->prev = NULL;
		if (b) {
			b->next = NULL;
			b->prev = NULL;
		}
		pair = hvcal_heap_meld(a, b);
		pair->next = stack;
		stack = pair;
	}
	while (stack) {
		struct hvcal_heap_node *pair = stack;

		stack = pair->next;
		pair->next = NULL;
		root = hvcal_heap_meld(root, pair);
	}
	return root;
}

void hvcal_heap_add(struct hvcal_heap *h, struct hvcal_heap_node *n, u64 key)
{
	*n = (struct hvcal_heap_node){ .key = key, .seq = h->seq++ };
	if (!h->wheel) {
		h->root = hvcal_heap_meld(h->root, n);
		return;
	}
	hvcal_wheel_add(h->wheel, n);
	if (!h->root || hvcal_heap_before(n, h->root))
		h->root = n;
}

/* Puts @by, or nothing, where @n is, which has a parent. */
static void heap_replace(struct hvcal_heap_node *n, struct hvcal_heap_node *by)
{
	struct hvcal_heap_node **link = n->prev->child == n ? &n->prev->child : &n->prev->next;

	if (by) {
		by->next = n->next;
		if (n->next)
			n->next->prev = by;
	} else {
		by = n->next;
	}
	if (by)
		by->prev = n->prev;
	*link = by;
}

/* @n, which has no parent, leaves @children in its place. */
static void heap_succeed(struct hvcal_heap *h, struct hvcal_heap_node *n,
			 struct hvcal_heap_node *children)
{
	if (!h->wheel) {
		h->root = children;
		return;
	}
	hvcal_wheel_succeed(h->wheel, n, children);
	if (n == h->root)
		h->root = hvcal_wheel_first(h->wheel);
}

void hvcal_heap_del(struct hvcal_heap *h, struct hvcal_heap_node *n)
{
	struct hvcal_heap_node *children = heap_meld_all(n->child);

	if (n->prev)
		heap_replace(n, children);
	else
		heap_succeed(h, n, children);
	*n = (struct hvcal_heap_node){};
}
