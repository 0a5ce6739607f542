// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_user.c"

bool rig_users_gone(void)
{
	return list_empty(&users);
}

static struct hvcal_user *user_make(struct kunit *test)
{
	struct hvcal_user *u = hvcal_user_get();

	KUNIT_ASSERT_NOT_NULL(test, u);
	return u;
}

static void files_of_one_user_share(struct kunit *test)
{
	struct hvcal_user *one = user_make(test), *two = user_make(test), *other;

	KUNIT_EXPECT_PTR_EQ(test, one, two);
	KUNIT_EXPECT_EQ(test, one->refs, 2);
	/* somebody else, by the time the next one comes */
	one->uid = KUIDT_INIT(12345);
	other = user_make(test);
	KUNIT_EXPECT_PTR_NE(test, other, one);
	KUNIT_EXPECT_EQ(test, other->refs, 1);
	hvcal_user_put(other);
	hvcal_user_put(one);
	KUNIT_EXPECT_FALSE(test, rig_users_gone());
	hvcal_user_put(two);
	KUNIT_EXPECT_TRUE(test, rig_users_gone());
}

static void limit_is_the_last_that_is_granted(struct kunit *test)
{
	unsigned long max = user_max[HVCAL_CHARGE_JOBS];
	struct hvcal_user *u = user_make(test);

	user_max[HVCAL_CHARGE_JOBS] = 3;
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 4), -EUSERS);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 2), 0);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 2), -EUSERS);
	KUNIT_EXPECT_EQ(test, u->used[HVCAL_CHARGE_JOBS], 2);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 1), 0);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 1), -EUSERS);
	/* one limit is not another */
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_SESSIONS, 1), 0);
	/* lowered below what is used: nothing more, and nothing breaks */
	user_max[HVCAL_CHARGE_JOBS] = 1;
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 1), -EUSERS);
	hvcal_user_uncharge(u, HVCAL_CHARGE_JOBS, 3);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_JOBS, 1), 0);
	user_max[HVCAL_CHARGE_JOBS] = max;
	hvcal_user_put(u);
}

static void bytes_are_counted_in_mebibytes(struct kunit *test)
{
	unsigned long max = user_max[HVCAL_CHARGE_BYTES];
	struct hvcal_user *u = user_make(test);

	user_max[HVCAL_CHARGE_BYTES] = 1;
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_BYTES, 1 << 20), 0);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_BYTES, 1), -EUSERS);
	hvcal_user_uncharge(u, HVCAL_CHARGE_BYTES, 1 << 20);
	/* no limit at all is no overflow */
	user_max[HVCAL_CHARGE_BYTES] = ULONG_MAX;
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_BYTES, 1ULL << 50), 0);
	KUNIT_EXPECT_EQ(test, hvcal_user_charge(u, HVCAL_CHARGE_BYTES, U64_MAX), -EUSERS);
	user_max[HVCAL_CHARGE_BYTES] = max;
	hvcal_user_put(u);
}

static void limits_hold_over_all_files(struct kunit *test)
{
	unsigned long sessions = user_max[HVCAL_CHARGE_SESSIONS];
	unsigned long jobs = user_max[HVCAL_CHARGE_JOBS];
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_client *one, *two = rig_client(test);
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session_reply reply;
	struct hvcal_session *s;

	rig_engine(test, p);
	one = rig_client(test);
	user_max[HVCAL_CHARGE_SESSIONS] = 2;
	user_max[HVCAL_CHARGE_JOBS] = 1;
	rig_session(test, one);
	s = rig_session(test, two);
	KUNIT_EXPECT_EQ(test, hvcal_session_create(one, &args, &reply), -EUSERS);
	rig_submitted(test, s);
	KUNIT_EXPECT_EQ(test, PTR_ERR(hvcal_job_new(s, HVCAL_ITEM_FLUSH)), -EAGAIN);
	/* they come back with the file, whatever it had */
	rig_client_close(two);
	rig_answer(p, rig_item(test, p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, one->user->used[HVCAL_CHARGE_SESSIONS], 1);
	KUNIT_EXPECT_EQ(test, one->user->used[HVCAL_CHARGE_JOBS], 0);
	KUNIT_EXPECT_EQ(test, one->user->used[HVCAL_CHARGE_BUFFERS], 0);
	KUNIT_EXPECT_EQ(test, one->user->used[HVCAL_CHARGE_BYTES], 0);
	KUNIT_EXPECT_EQ(test, hvcal_session_create(one, &args, &reply), 0);
	user_max[HVCAL_CHARGE_SESSIONS] = sessions;
	user_max[HVCAL_CHARGE_JOBS] = jobs;
}

static void no_memory_for_a_user(struct kunit *test)
{
	rig.fail_alloc = 1;
	KUNIT_EXPECT_NULL(test, hvcal_user_get());
	rig.fail_alloc = 2;
	KUNIT_EXPECT_NULL(test, hvcal_client_create());
	KUNIT_EXPECT_TRUE(test, rig_users_gone());
}

static struct kunit_case user_cases[] = {
	KUNIT_CASE(files_of_one_user_share),
	KUNIT_CASE(limit_is_the_last_that_is_granted),
	KUNIT_CASE(bytes_are_counted_in_mebibytes),
	KUNIT_CASE(limits_hold_over_all_files),
	KUNIT_CASE(no_memory_for_a_user),
	{}
};

static struct kunit_suite user_suite = {
	.name = "hvcal_user",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = user_cases,
};

kunit_test_suite(user_suite);
