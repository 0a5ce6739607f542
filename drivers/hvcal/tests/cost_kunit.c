// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../hvcal_cost.c"

/* Too large for the stack. */
static struct hvcal_cost *cost(struct kunit *test)
{
	struct hvcal_cost *c = kunit_kzalloc(test, sizeof(*c), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, c);
	return c;
}

static void nothing_learned_gives_the_cap(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);

	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 2073600, 0, 10, 1000), 1000);
	hvcal_cost_seed(c, 1000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 2073600, 0, 10, 1000), 1000);
}

static void seed_is_forty_percent_of_the_claim(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);

	hvcal_cost_seed(c, 1000000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_predict(c->ns_per_mpix, 1000000), 2500000);
}

static void nothing_claimed_is_not_free(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, hvcal_cost_seeded(0), SEED_UNKNOWN);
	KUNIT_EXPECT_EQ(test, hvcal_cost_seeded(1), SEED_MIN * SEED_NUM / SEED_DEN);
}

static void few_samples_replace_the_seed(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);
	int i;

	hvcal_cost_seed(c, 1000000000);
	for (i = 0; i < SEED_SAMPLES; i++)
		hvcal_cost_learn(c, 0, 4000, 500000);
	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, 8000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_predict(c->ns_per_mpix, 250000), 2000);
}

/* @count frames of @ns, a millisecond apart. */
static u64 learn(struct hvcal_cost *c, u64 now, u64 ns, int count)
{
	while (count--) {
		hvcal_cost_learn(c, now, ns, 1000000);
		now += 1000000;
	}
	return now;
}

static void outlier_is_not_believed(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);
	u64 now = learn(c, 0, 2000000, 200);

	hvcal_cost_learn(c, now, 90000000, 1000000);
	KUNIT_EXPECT_LE(test, c->ns_per_mpix, 2150000);
}

static void steps_are_followed_within_a_second(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);
	u64 now = learn(c, 0, 2000000, 2000);

	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, 2000000);
	now = learn(c, now, 8000000, 20);
	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, 8000000);
	now = learn(c, now, 8000000, 980);
	now = learn(c, now, 2000000, 1000);
	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, 2000000);
}

static void ramp_is_followed(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);
	u64 now = 0, cost;

	for (cost = 1000000; cost < 4000000; cost += 1000)
		now = learn(c, now, cost, 1);
	KUNIT_EXPECT_GE(test, c->ns_per_mpix, cost - cost / 50);
	KUNIT_EXPECT_LE(test, c->ns_per_mpix, cost);
}

static void estimate_is_a_high_quantile(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);
	int i;

	for (i = 0; i < 1000; i++)
		hvcal_cost_learn(c, i * 500000, 1000000 + i % 100 * 10000, 1000000);
	/* between the 98th and the last percent, and a bucket of 6 % */
	KUNIT_EXPECT_GE(test, c->ns_per_mpix, 1970000);
	KUNIT_EXPECT_LE(test, c->ns_per_mpix, 1990000);
}

static void buckets_are_in_order(struct kunit *test)
{
	u64 v;

	for (v = 1; v < 1ULL << 41; v += 1 + v / 7) {
		u32 b = bucket_of(v);

		KUNIT_ASSERT_LT(test, v, bucket_end(b));
		if (b)
			KUNIT_ASSERT_GE(test, v, bucket_end(b - 1));
	}
}

static void budget_is_the_largest_of_three_within_the_cap(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);

	hvcal_cost_learn(c, 0, 1000, 1000000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 1000000, 100, 10, 100000), 4000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 1000000, 9000, 10, 100000), 18000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 1000000, 100, 50000, 100000), 50000);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, 1000000, 100, 50000, 7000), 7000);
}

static void absurd_samples_stay_in_range(struct kunit *test)
{
	struct hvcal_cost *c = cost(test);

	hvcal_cost_learn(c, 0, U64_MAX, 1);
	hvcal_cost_learn(c, 0, 1000, 0);
	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, COST_MAX);
	KUNIT_EXPECT_EQ(test, hvcal_cost_budget(c, U32_MAX, U32_MAX, 1, 5000), 5000);
	hvcal_cost_seed(c, U64_MAX);
	KUNIT_EXPECT_EQ(test, c->ns_per_mpix, COST_MAX / 2 * 5);
}

static struct kunit_case cost_cases[] = {
	KUNIT_CASE(nothing_learned_gives_the_cap),
	KUNIT_CASE(seed_is_forty_percent_of_the_claim),
	KUNIT_CASE(nothing_claimed_is_not_free),
	KUNIT_CASE(few_samples_replace_the_seed),
	KUNIT_CASE(outlier_is_not_believed),
	KUNIT_CASE(steps_are_followed_within_a_second),
	KUNIT_CASE(ramp_is_followed),
	KUNIT_CASE(estimate_is_a_high_quantile),
	KUNIT_CASE(buckets_are_in_order),
	KUNIT_CASE(budget_is_the_largest_of_three_within_the_cap),
	KUNIT_CASE(absurd_samples_stay_in_range),
	{}
};

static struct kunit_suite cost_suite = {
	.name = "hvcal_cost",
	.test_cases = cost_cases,
};

kunit_test_suite(cost_suite);
