// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../hvcal_cost.c"

static void nothing_learned_gives_the_cap(struct kunit *test)
{
	struct hvcal_cost c = {};

	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 2073600, 0, 10, 1000), 1000);
	hvcal_cost_seed(&c, 1000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 2073600, 0, 10, 1000), 1000);
}

static void seed_is_forty_percent_of_the_claim(struct kunit *test)
{
	struct hvcal_cost c;

	hvcal_cost_seed(&c, 1000000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_predict(&c, 1000000), 2500000);
}

static void first_sample_replaces_the_seed(struct kunit *test)
{
	struct hvcal_cost c;

	hvcal_cost_seed(&c, 1000000000);
	hvcal_cost_learn(&c, 4000, 500000);
	KUNIT_EXPECT_EQ(test, c.ns_per_mpix, 8000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_predict(&c, 250000), 2000);
}

static void growth_is_followed_at_once_decay_slowly(struct kunit *test)
{
	struct hvcal_cost c = {};
	int i;

	hvcal_cost_learn(&c, 1000, 1000000);
	hvcal_cost_learn(&c, 64000, 1000000);
	KUNIT_EXPECT_EQ(test, c.ns_per_mpix, 64000);
	hvcal_cost_learn(&c, 1000, 1000000);
	KUNIT_EXPECT_GT(test, c.ns_per_mpix, 60000);
	for (i = 0; i < 600; i++)
		hvcal_cost_learn(&c, 1000, 1000000);
	KUNIT_EXPECT_LT(test, c.ns_per_mpix, 1200);
}

static void budget_is_the_largest_of_three_within_the_cap(struct kunit *test)
{
	struct hvcal_cost c = {};

	hvcal_cost_learn(&c, 1000, 1000000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 1000000, 100, 10, 100000), 4000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 1000000, 9000, 10, 100000), 18000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 1000000, 100, 50000, 100000), 50000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, 1000000, 100, 50000, 7000), 7000);
}

static void absurd_samples_stay_in_range(struct kunit *test)
{
	struct hvcal_cost c = {};

	hvcal_cost_learn(&c, U64_MAX, 1);
	hvcal_cost_learn(&c, 1000, 0);
	KUNIT_EXPECT_EQ(test, c.ns_per_mpix, COST_MAX);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(&c, U32_MAX, U32_MAX, 1, 5000), 5000);
	hvcal_cost_seed(&c, U64_MAX);
	KUNIT_EXPECT_EQ(test, c.ns_per_mpix, COST_MAX / 2 * 5);
}

static struct kunit_case cost_cases[] = {
	KUNIT_CASE(nothing_learned_gives_the_cap),
	KUNIT_CASE(seed_is_forty_percent_of_the_claim),
	KUNIT_CASE(first_sample_replaces_the_seed),
	KUNIT_CASE(growth_is_followed_at_once_decay_slowly),
	KUNIT_CASE(budget_is_the_largest_of_three_within_the_cap),
	KUNIT_CASE(absurd_samples_stay_in_range),
	{}
};

static struct kunit_suite cost_suite = {
	.name = "hvcal_cost",
	.test_cases = cost_cases,
};

kunit_test_suite(cost_suite);
