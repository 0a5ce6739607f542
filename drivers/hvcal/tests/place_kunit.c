// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../hvcal_place.c"

static const struct hvcal_engine_cap cap = {
	.op = HVCAL_OP_ENCODE,
	.codec = 1,
	.depth_mask = 1U << 8 | 1U << 10,
	.flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_ROI,
	.min_width = 16, .min_height = 16, .max_width = 4096, .max_height = 2304,
	.formats = { 7, 9 },
};

static const struct hvcal_place_ask ask = {
	.op = HVCAL_OP_ENCODE, .codec = 1, .format = 9, .bit_depth = 10,
	.width = 4096, .height = 16, .need = HVCAL_CAP_ROI,
};

static void what_fits_fits(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, hvcal_place_fits(&cap, &ask));
}

static void each_demand_counts(struct kunit *test)
{
	struct hvcal_place_ask a;

#define EXPECT_REFUSED(field, value) do { \
	a = ask; \
	a.field = (value); \
	KUNIT_EXPECT_FALSE(test, hvcal_place_fits(&cap, &a)); \
} while (0)
	EXPECT_REFUSED(op, HVCAL_OP_DECODE);
	EXPECT_REFUSED(codec, 2);
	EXPECT_REFUSED(format, 8);
	EXPECT_REFUSED(format, 0);
	EXPECT_REFUSED(bit_depth, 12);
	EXPECT_REFUSED(bit_depth, 40);
	EXPECT_REFUSED(width, 4097);
	EXPECT_REFUSED(width, 15);
	EXPECT_REFUSED(height, 2305);
	EXPECT_REFUSED(height, 15);
	EXPECT_REFUSED(need, HVCAL_CAP_ROI | HVCAL_CAP_SCALE);
}

static void expect_first(struct kunit *test, const struct hvcal_place_candidate *first,
			 const struct hvcal_place_candidate *second,
			 const struct hvcal_place_ask *a, u32 reason)
{
	u32 why;

	KUNIT_EXPECT_LT(test, hvcal_place_compare(first, second, a, &why), 0);
	KUNIT_EXPECT_EQ(test, why, reason);
	KUNIT_EXPECT_GT(test, hvcal_place_compare(second, first, a, &why), 0);
}

static void preferences_in_their_order(struct kunit *test)
{
	struct hvcal_place_candidate hw = { .kind = HVCAL_ENGINE_HARDWARE, .slots = 1,
					    .sessions = 100, .used_ppm = 900000 };
	struct hvcal_place_candidate sw = { .kind = HVCAL_ENGINE_SOFTWARE, .slots = 1,
					    .numa_node = -1 };
	struct hvcal_place_candidate other = sw;
	struct hvcal_place_ask a = ask;
	u32 why;

	expect_first(test, &hw, &sw, &a, HVCAL_PLACED_KIND);
	KUNIT_EXPECT_EQ(test, hvcal_place_compare(&sw, &other, &a, &why), 0);
	KUNIT_EXPECT_EQ(test, why, HVCAL_PLACED_FIRST);

	a.gpu = 3;
	other.gpu = 3;
	other.sessions = 50;
	expect_first(test, &other, &sw, &a, HVCAL_PLACED_GPU);

	other.gpu = 0;
	other.numa_node = 1;
	a.numa_node = 1;
	expect_first(test, &other, &sw, &a, HVCAL_PLACED_NUMA);

	/* fewer sessions a slot for best effort, less use for real time */
	other = sw;
	sw.sessions = 2;
	other.slots = 4;
	other.sessions = 4;
	other.used_ppm = 10;
	expect_first(test, &other, &sw, &a, HVCAL_PLACED_LOAD);
	a.realtime = true;
	expect_first(test, &sw, &other, &a, HVCAL_PLACED_LOAD);
}

/* Only what stays better after the move, so that nobody goes to and fro. */
static void moves_that_are_worth_it(struct kunit *test)
{
	struct hvcal_place_candidate sw = { .kind = HVCAL_ENGINE_SOFTWARE, .slots = 2,
					    .sessions = 1, .used_ppm = 400000 };
	struct hvcal_place_candidate hw = { .kind = HVCAL_ENGINE_HARDWARE, .slots = 1,
					    .sessions = 9, .used_ppm = 900000 };
	struct hvcal_place_candidate idle = { .kind = HVCAL_ENGINE_SOFTWARE, .slots = 2 };
	struct hvcal_place_ask a = ask;

	KUNIT_EXPECT_TRUE(test, hvcal_place_worth(&sw, &hw, &a, 0));
	KUNIT_EXPECT_FALSE(test, hvcal_place_worth(&hw, &sw, &a, 0));

	a.realtime = true;
	KUNIT_EXPECT_TRUE(test, hvcal_place_worth(&sw, &idle, &a, 300000));
	KUNIT_EXPECT_FALSE(test, hvcal_place_worth(&sw, &idle, &a, 300001));
	KUNIT_EXPECT_FALSE(test, hvcal_place_worth(&idle, &sw, &a, 0));

	a.realtime = false;
	KUNIT_EXPECT_FALSE(test, hvcal_place_worth(&sw, &idle, &a, 0));
	sw.sessions = 2;
	KUNIT_EXPECT_TRUE(test, hvcal_place_worth(&sw, &idle, &a, 0));
	idle.used_ppm = 300001;
	KUNIT_EXPECT_FALSE(test, hvcal_place_worth(&sw, &idle, &a, 0));
}

static struct kunit_case place_cases[] = {
	KUNIT_CASE(what_fits_fits),
	KUNIT_CASE(each_demand_counts),
	KUNIT_CASE(preferences_in_their_order),
	KUNIT_CASE(moves_that_are_worth_it),
	{}
};

static struct kunit_suite place_suite = {
	.name = "hvcal_place",
	.test_cases = place_cases,
};

kunit_test_suite(place_suite);
