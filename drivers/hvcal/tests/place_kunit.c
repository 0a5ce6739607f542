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

static void preferences_in_their_order(struct kunit *test)
{
	struct hvcal_place_candidate hw = { .kind = HVCAL_ENGINE_HARDWARE, .slots = 1,
					    .sessions = 100, .load_ppm = 900000 };
	struct hvcal_place_candidate sw = { .kind = HVCAL_ENGINE_SOFTWARE, .slots = 1 };
	struct hvcal_place_candidate near = sw, wide = sw, idle = sw;
	struct hvcal_place_ask a = ask;

	KUNIT_EXPECT_TRUE(test, hvcal_place_better(&hw, &sw, &a));
	KUNIT_EXPECT_FALSE(test, hvcal_place_better(&sw, &hw, &a));

	a.gpu = 3;
	near.gpu = 3;
	near.sessions = 50;
	KUNIT_EXPECT_TRUE(test, hvcal_place_better(&near, &sw, &a));

	sw.sessions = 2;
	wide.slots = 4;
	wide.sessions = 4;
	KUNIT_EXPECT_TRUE(test, hvcal_place_better(&wide, &sw, &ask));

	idle = sw;
	sw.load_ppm = 1;
	KUNIT_EXPECT_TRUE(test, hvcal_place_better(&idle, &sw, &ask));
}

static struct kunit_case place_cases[] = {
	KUNIT_CASE(what_fits_fits),
	KUNIT_CASE(each_demand_counts),
	KUNIT_CASE(preferences_in_their_order),
	{}
};

static struct kunit_suite place_suite = {
	.name = "hvcal_place",
	.test_cases = place_cases,
};

kunit_test_suite(place_suite);
