// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../hvcal_hist.c"

static void buckets_are_as_documented(struct kunit *test)
{
	unsigned int i;

	KUNIT_EXPECT_EQ(test, hvcal_hist_bucket(0), 0);
	KUNIT_EXPECT_EQ(test, hvcal_hist_bucket(1023), 0);
	for (i = 1; i < HVCAL_HIST_BUCKETS - 1; i++) {
		KUNIT_EXPECT_EQ(test, hvcal_hist_bucket(1ULL << (i + 9)), i);
		KUNIT_EXPECT_EQ(test, hvcal_hist_bucket((1ULL << (i + 10)) - 1), i);
	}
	KUNIT_EXPECT_EQ(test, hvcal_hist_bucket(U64_MAX), HVCAL_HIST_BUCKETS - 1);
}

static void load_is_the_share_of_the_last_window(struct kunit *test)
{
	struct hvcal_load l = { .window_start_ns = 5 * WINDOW_NS };

	hvcal_load_add(&l, 5 * WINDOW_NS + 1, WINDOW_NS / 2, 2);
	KUNIT_EXPECT_EQ(test, hvcal_load_ppm(&l, 5 * WINDOW_NS + 2, 2), 0);
	KUNIT_EXPECT_EQ(test, hvcal_load_ppm(&l, 6 * WINDOW_NS, 2), 250000);
	KUNIT_EXPECT_EQ(test, hvcal_load_ppm(&l, 7 * WINDOW_NS, 2), 0);
}

static void load_never_exceeds_all(struct kunit *test)
{
	struct hvcal_load l = {};

	hvcal_load_add(&l, 1, U64_MAX, 1);
	KUNIT_EXPECT_EQ(test, hvcal_load_ppm(&l, WINDOW_NS, 1), PPM);
}

static struct kunit_case hist_cases[] = {
	KUNIT_CASE(buckets_are_as_documented),
	KUNIT_CASE(load_is_the_share_of_the_last_window),
	KUNIT_CASE(load_never_exceeds_all),
	{}
};

static struct kunit_suite hist_suite = {
	.name = "hvcal_hist",
	.test_cases = hist_cases,
};

kunit_test_suite(hist_suite);
