// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/kernel.h>

#include "hvcal_heap.h"
#include "hvcal_wheel.h"

#define WORD_BITS	64
#define WORDS		(HVCAL_WHEEL_SLOTS / WORD_BITS)

static void tree_use(struct hvcal_wheel *w, u32 slot)
{
	w->used[slot / WORD_BITS] |= BIT_ULL(slot % WORD_BITS);
	w->words |= BIT(slot / WORD_BITS);
	w->trees++;
}

static void tree_unuse(struct hvcal_wheel *w, u32 slot)
{
	w->used[slot / WORD_BITS] &= ~BIT_ULL(slot % WORD_BITS);
	if (!w->used[slot / WORD_BITS])
		w->words &= ~BIT(slot / WORD_BITS);
	w->trees--;
}

/* How many slots after number @from, round the wheel, the next one in use is. Some is. */
static u32 wheel_distance(const struct hvcal_wheel *w, u64 from)
{
	u32 at = from % HVCAL_WHEEL_SLOTS, word = at / WORD_BITS;
	u64 bits = w->used[word] & (U64_MAX << at % WORD_BITS);

	if (!bits) {
		/* those after it, then round to it again */
		u32 words = w->words >> (word + 1) << (word + 1);

		word = __ffs64(words ?: w->words);
		bits = w->used[word];
	}
	return (word * WORD_BITS + __ffs64(bits) - at) % HVCAL_WHEEL_SLOTS;
}

/* Turns back to @number; the trees that this brings round are far then. */
static void wheel_turn_back(struct hvcal_wheel *w, u64 number)
{
	u32 distance;

	while (w->trees) {
		struct hvcal_heap_node **tree;

		distance = wheel_distance(w, number);
		if (distance >= w->base - number)
			break;
		tree = &w->slot[(number + distance) % HVCAL_WHEEL_SLOTS];
		w->far = hvcal_heap_meld(w->far, *tree);
		*tree = NULL;
		tree_unuse(w, tree - w->slot);
	}
	w->base = number;
}

void hvcal_wheel_add(struct hvcal_wheel *w, struct hvcal_heap_node *n)
{
	u64 number = n->key >> HVCAL_WHEEL_SHIFT;
	u32 slot = number % HVCAL_WHEEL_SLOTS;

	if (!w->trees)
		w->base = number;
	else if (number < w->base)
		wheel_turn_back(w, number);
	if (number - w->base >= HVCAL_WHEEL_SLOTS) {
		w->far = hvcal_heap_meld(w->far, n);
		return;
	}
	if (!w->slot[slot])
		tree_use(w, slot);
	w->slot[slot] = hvcal_heap_meld(w->slot[slot], n);
}

void hvcal_wheel_succeed(struct hvcal_wheel *w, struct hvcal_heap_node *n,
			 struct hvcal_heap_node *children)
{
	u32 slot = (n->key >> HVCAL_WHEEL_SHIFT) % HVCAL_WHEEL_SLOTS;

	if (n == w->far) {
		w->far = children;
		return;
	}
	w->slot[slot] = children;
	if (!children)
		tree_unuse(w, slot);
}

struct hvcal_heap_node *hvcal_wheel_first(struct hvcal_wheel *w)
{
	struct hvcal_heap_node *near;

	if (!w->trees)
		return w->far;
	w->base += wheel_distance(w, w->base);
	near = w->slot[w->base % HVCAL_WHEEL_SLOTS];
	return w->far && hvcal_heap_before(w->far, near) ? w->far : near;
}
