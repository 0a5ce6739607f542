// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/random.h>

#include "../hvcal_heap.c"
#include "../hvcal_wheel.c"

#define NODES	200
#define ROUNDS	20000
#define SLOT_NS	BIT_ULL(HVCAL_WHEEL_SHIFT)
#define ALL_NS	(SLOT_NS * HVCAL_WHEEL_SLOTS)

struct heap_rig {
	struct hvcal_heap heap;
	struct hvcal_wheel wheel;
	struct hvcal_heap_node nodes[NODES];
	u64 keys[NODES];	/* U64_MAX: not in the heap */
	u64 came[NODES];	/* order of arrival */
	u64 arrivals;
};

static struct heap_rig *rig_make(struct kunit *test, bool wheel)
{
	struct heap_rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rig);
	if (wheel)
		rig->heap.wheel = &rig->wheel;
	memset(rig->keys, 0xff, sizeof(rig->keys));
	return rig;
}

static void add(struct heap_rig *rig, u32 i, u64 key)
{
	rig->keys[i] = key;
	rig->came[i] = rig->arrivals++;
	hvcal_heap_add(&rig->heap, &rig->nodes[i], key);
}

static void del(struct heap_rig *rig, u32 i)
{
	rig->keys[i] = U64_MAX;
	hvcal_heap_del(&rig->heap, &rig->nodes[i]);
}

/* By looking at all of them. */
static struct hvcal_heap_node *smallest(struct heap_rig *rig)
{
	u32 i, best = NODES;

	for (i = 0; i < NODES; i++) {
		if (rig->keys[i] == U64_MAX)
			continue;
		if (best == NODES || rig->keys[i] < rig->keys[best] ||
		    (rig->keys[i] == rig->keys[best] && rig->came[i] < rig->came[best]))
			best = i;
	}
	return best < NODES ? &rig->nodes[best] : NULL;
}

/* Around now, in the past, equal ones, far away, and a slot's very edges. */
static u64 random_key(u64 now)
{
	u64 noise = get_random_u32();

	switch (get_random_u32() % 6) {
	case 0:
		return now;
	case 1:
		return now - min(now, noise % ALL_NS);
	case 2:
		return now + noise * 1000;
	case 3:
		return (now + noise % ALL_NS) & ~(SLOT_NS - 1);
	case 4:
		return now + ALL_NS - 1 + noise % 3;
	default:
		return now + noise % (ALL_NS / 4);
	}
}

static void random_times_in_order(struct kunit *test, bool wheel)
{
	struct heap_rig *rig = rig_make(test, wheel);
	u64 now = 0;
	u32 i, round;

	for (round = 0; round < ROUNDS; round++) {
		i = get_random_u32() % NODES;
		now += get_random_u32() % (SLOT_NS / 2);
		if (rig->keys[i] == U64_MAX)
			add(rig, i, random_key(now));
		else if (round % 2)
			del(rig, i);
		else
			del(rig, rig->heap.root - rig->nodes);
		KUNIT_ASSERT_PTR_EQ(test, rig->heap.root, smallest(rig));
	}
	while (rig->heap.root) {
		del(rig, rig->heap.root - rig->nodes);
		KUNIT_ASSERT_PTR_EQ(test, rig->heap.root, smallest(rig));
	}
	KUNIT_EXPECT_TRUE(test, !memchr_inv(rig->wheel.used, 0, sizeof(rig->wheel.used)));
	KUNIT_EXPECT_TRUE(test, !memchr_inv(rig->wheel.slot, 0, sizeof(rig->wheel.slot)));
	KUNIT_EXPECT_NULL(test, rig->wheel.far);
}

static void tree_keeps_order(struct kunit *test)
{
	random_times_in_order(test, false);
}

static void wheel_keeps_order(struct kunit *test)
{
	random_times_in_order(test, true);
}

/* Also when the earlier one was far when it came and the later one is near. */
static void equal_keys_first_come_first(struct kunit *test)
{
	struct heap_rig *rig = rig_make(test, true);
	u64 key = ALL_NS + SLOT_NS;

	add(rig, 0, 0);
	add(rig, 1, key);
	KUNIT_EXPECT_PTR_EQ(test, rig->wheel.far, &rig->nodes[1]);
	del(rig, 0);
	add(rig, 2, key);
	KUNIT_EXPECT_PTR_EQ(test, rig->wheel.far, &rig->nodes[1]);
	KUNIT_EXPECT_PTR_EQ(test, rig->heap.root, &rig->nodes[1]);
	del(rig, 1);
	KUNIT_EXPECT_PTR_EQ(test, rig->heap.root, &rig->nodes[2]);
}

/* Times spread over the wheel's span share no tree, whichever comes first. */
static void wheel_spreads(struct kunit *test)
{
	struct heap_rig *rig = rig_make(test, true);
	u64 begin = 12345 * SLOT_NS + 99;
	u32 i;

	for (i = 0; i < NODES; i++)
		add(rig, i, begin + (i * 37 % NODES) * SLOT_NS);
	for (i = 0; i < NODES; i++)
		KUNIT_EXPECT_NULL(test, rig->nodes[i].child);
	KUNIT_EXPECT_NULL(test, rig->wheel.far);
}

/* One whose time is far away does not keep the others from being spread. */
static void wheel_turns_back(struct kunit *test)
{
	struct heap_rig *rig = rig_make(test, true);
	u64 begin = 1000 * SLOT_NS;

	add(rig, 0, begin + 3 * ALL_NS);
	add(rig, 1, begin + 9 * SLOT_NS);
	KUNIT_EXPECT_PTR_EQ(test, rig->wheel.far, &rig->nodes[0]);
	add(rig, 2, begin + 8 * SLOT_NS + ALL_NS);
	add(rig, 3, begin);
	KUNIT_EXPECT_EQ(test, rig->wheel.base, 1000);
	KUNIT_EXPECT_PTR_EQ(test, rig->wheel.far, &rig->nodes[2]);
	KUNIT_EXPECT_EQ(test, rig->wheel.trees, 2);
	KUNIT_EXPECT_PTR_EQ(test, rig->heap.root, &rig->nodes[3]);
}

static struct kunit_case heap_cases[] = {
	KUNIT_CASE(tree_keeps_order),
	KUNIT_CASE(wheel_keeps_order),
	KUNIT_CASE(equal_keys_first_come_first),
	KUNIT_CASE(wheel_spreads),
	KUNIT_CASE(wheel_turns_back),
	{}
};

static struct kunit_suite heap_suite = {
	.name = "hvcal_heap",
	.test_cases = heap_cases,
};

kunit_test_suite(heap_suite);
