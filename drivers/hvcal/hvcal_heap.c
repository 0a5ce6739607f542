// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "hvcal_heap.h"

static bool heap_before(const struct hvcal_heap_node *a, const struct hvcal_heap_node *b)
{
	return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

/* Makes one tree of two; either may be NULL. Both are roots. */
static struct hvcal_heap_node *heap_meld(struct hvcal_heap_node *a, struct hvcal_heap_node *b)
{
	struct hvcal_heap_node *winner = a, *loser = b;

	if (!a || !b)
		return a ? a : b;
	if (heap_before(b, a)) {
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
		pair = heap_meld(a, b);
		pair->next = stack;
		stack = pair;
	}
	while (stack) {
		struct hvcal_heap_node *pair = stack;

		stack = pair->next;
		pair->next = NULL;
		root = heap_meld(root, pair);
	}
	return root;
}

void hvcal_heap_add(struct hvcal_heap *h, struct hvcal_heap_node *n, u64 key)
{
	*n = (struct hvcal_heap_node){ .key = key, .seq = h->seq++ };
	h->root = heap_meld(h->root, n);
}

void hvcal_heap_del(struct hvcal_heap *h, struct hvcal_heap_node *n)
{
	struct hvcal_heap_node *children = heap_meld_all(n->child);

	if (n == h->root) {
		h->root = children;
	} else {
		if (n->prev->child == n)
			n->prev->child = n->next;
		else
			n->prev->next = n->next;
		if (n->next)
			n->next->prev = n->prev;
		h->root = heap_meld(h->root, children);
	}
	*n = (struct hvcal_heap_node){};
}
