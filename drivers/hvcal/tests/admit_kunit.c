// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>

#include "../hvcal_admit.c"

#define MS 1000000ULL

struct admit_rig {
	struct hvcal_queue q;
	struct hvcal_flow flows[64];
	u32 count;
};

static struct admit_rig *rig_make(struct kunit *test, u32 slots)
{
	struct admit_rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rig);
	hvcal_queue_init(&rig->q, slots, NULL, MS, MS);
	return rig;
}

/* True: @task is a member of a lane now. */
static bool admit(struct admit_rig *rig, struct hvcal_task task, u64 guest_ns)
{
	struct hvcal_flow *f = &rig->flows[rig->count];
	u32 lane = hvcal_admit_find(&rig->q, &task, guest_ns);

	if (lane == HVCAL_LANE_NONE)
		return false;
	rig->count++;
	hvcal_queue_attach(&rig->q, f, true, 1);
	f->task = task;
	hvcal_queue_settle(&rig->q, f, lane, 0);
	return hvcal_admit_refresh(&rig->q.lane[lane]);
}

static struct hvcal_task task(u64 cost, u64 period)
{
	struct hvcal_task t;

	hvcal_task_set(&t, cost, period, period);
	return t;
}

static void equal_periods_fill_a_lane(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 1);
	int i;

	for (i = 0; i < 9; i++)
		KUNIT_EXPECT_TRUE(test, admit(rig, task(10 * MS, 99 * MS), 0));
	KUNIT_EXPECT_EQ(test, rig->q.lane[0].slack_ns, 9 * MS);
	KUNIT_EXPECT_FALSE(test, admit(rig, task(10 * MS, 99 * MS), 0));
	KUNIT_EXPECT_TRUE(test, admit(rig, task(9 * MS, 100 * MS), 0));
}

static void long_frame_blocks_a_short_period(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 1);

	KUNIT_EXPECT_TRUE(test, admit(rig, task(8 * MS, 100 * MS), 0));
	/* 8 of blocking and 3 of its own are more than 10 */
	KUNIT_EXPECT_FALSE(test, admit(rig, task(3 * MS, 10 * MS), 0));
	KUNIT_EXPECT_TRUE(test, admit(rig, task(2 * MS, 10 * MS), 0));
}

static void best_effort_keeps_a_lane_open(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 2);

	KUNIT_EXPECT_TRUE(test, hvcal_admit_guest(&rig->q, U64_MAX));
	KUNIT_EXPECT_TRUE(test, admit(rig, task(6 * MS, 10 * MS), 5 * MS));
	KUNIT_EXPECT_FALSE(test, admit(rig, task(6 * MS, 10 * MS), 5 * MS));
	KUNIT_EXPECT_TRUE(test, admit(rig, task(6 * MS, 10 * MS), 4 * MS));
	KUNIT_EXPECT_FALSE(test, hvcal_admit_guest(&rig->q, 5 * MS));
	KUNIT_EXPECT_TRUE(test, hvcal_admit_guest(&rig->q, 4 * MS));
}

static void shares_are_of_the_whole_engine(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 4);
	struct hvcal_task t = task(5 * MS, 10 * MS);

	KUNIT_EXPECT_EQ(test, hvcal_admit_share_ppm(&rig->q, &t), 125000);
	KUNIT_EXPECT_TRUE(test, admit(rig, t, 0));
	KUNIT_EXPECT_EQ(test, hvcal_admit_used_ppm(&rig->q), 125000);
	KUNIT_EXPECT_EQ(test, hvcal_admit_lane_ppm(&rig->q.lane[rig->flows[0].lane]), 500000);
}

static void period_that_fits_is_kept(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 1);
	struct hvcal_task t = task(5 * MS, 10 * MS);
	u64 fit;

	KUNIT_EXPECT_TRUE(test, admit(rig, task(6 * MS, 20 * MS), 0));
	KUNIT_EXPECT_FALSE(test, admit(rig, t, 0));
	fit = hvcal_admit_fit_period(&rig->q, &t, 0, 1000 * MS);
	KUNIT_EXPECT_GE(test, fit, 11 * MS);
	KUNIT_EXPECT_LE(test, fit, 12 * MS);
	KUNIT_EXPECT_TRUE(test, admit(rig, task(5 * MS, fit), 0));
	t = task(2000 * MS, 10 * MS);
	KUNIT_EXPECT_EQ(test, hvcal_admit_fit_period(&rig->q, &t, 0, 1000 * MS), 0);
}

static void absurd_tasks_are_refused(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 1);

	KUNIT_EXPECT_FALSE(test, admit(rig, task(U64_MAX, 10 * MS), 0));
	KUNIT_EXPECT_FALSE(test, admit(rig, task(11 * MS, 10 * MS), 0));
	KUNIT_EXPECT_FALSE(test, admit(rig, task(2, 1), 0));
}

/* More than can be looked at one by one: the sum decides, on the safe side. */
static void many_small_tasks_end_in_a_sum(struct kunit *test)
{
	struct admit_rig *rig = rig_make(test, 1);
	u32 i, admitted = 0;

	for (i = 0; i < ARRAY_SIZE(rig->flows); i++)
		admitted += admit(rig, task(MS / 10, 9 * MS + i * 104729), 0);
	KUNIT_EXPECT_EQ(test, admitted, ARRAY_SIZE(rig->flows));
	KUNIT_EXPECT_LE(test, hvcal_admit_used_ppm(&rig->q), PPM);
}

static struct kunit_case admit_cases[] = {
	KUNIT_CASE(equal_periods_fill_a_lane),
	KUNIT_CASE(long_frame_blocks_a_short_period),
	KUNIT_CASE(best_effort_keeps_a_lane_open),
	KUNIT_CASE(shares_are_of_the_whole_engine),
	KUNIT_CASE(period_that_fits_is_kept),
	KUNIT_CASE(absurd_tasks_are_refused),
	KUNIT_CASE(many_small_tasks_end_in_a_sum),
	{}
};

static struct kunit_suite admit_suite = {
	.name = "hvcal_admit",
	.test_cases = admit_cases,
};

kunit_test_suite(admit_suite);
