// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_ioctl.c"

/* One ioctl of a node that knows three fields; callers may know more or fewer. */
struct argument {
	u64 a;
	u64 b;
	u64 c;
};

static struct argument got;
static long verdict;

static long handler(struct file *file, void *arg)
{
	got = *(struct argument *)arg;
	memset(arg, 0xab, sizeof(got));
	return verdict;
}

#define NR 5

static const struct hvcal_ioctl table[] = {
	{ .nr = NR, .dir = _IOC_READ | _IOC_WRITE, .size = sizeof(struct argument),
	  .min = 2 * sizeof(u64), .handler = handler },
	{ .nr = NR + 1, .dir = _IOC_READ | _IOC_WRITE, .size = sizeof(struct argument),
	  .min = sizeof(struct argument) },
};

static long call(u32 dir, u32 magic, u32 nr, void *arg, size_t size)
{
	got = (struct argument){};
	return hvcal_ioctl_dispatch(NULL, _IOC(dir, magic, nr, size), (unsigned long)arg, table,
				    ARRAY_SIZE(table));
}

static long call_sized(void *arg, size_t size)
{
	return call(_IOC_READ | _IOC_WRITE, HVCAL_IOC_MAGIC, NR, arg, size);
}

static void short_argument_ends_in_zeroes(struct kunit *test)
{
	u64 arg[4] = { 1, 2, 3, 4 };

	verdict = 0;
	KUNIT_EXPECT_EQ(test, call_sized(arg, 2 * sizeof(u64)), 0);
	KUNIT_EXPECT_EQ(test, got.a, 1);
	KUNIT_EXPECT_EQ(test, got.b, 2);
	KUNIT_EXPECT_EQ(test, got.c, 0);
	/* the reply is as short */
	KUNIT_EXPECT_EQ(test, arg[1], 0xababababababababULL);
	KUNIT_EXPECT_EQ(test, arg[2], 3);
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(u64)), -EINVAL);
}

static void long_argument_must_end_in_zeroes(struct kunit *test)
{
	u64 arg[4] = { 1, 2, 3, 4 };

	verdict = 0;
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(arg)), -E2BIG);
	KUNIT_EXPECT_EQ(test, got.a, 0);
	KUNIT_EXPECT_EQ(test, arg[0], 1);
	arg[3] = 0;
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(arg)), 0);
	KUNIT_EXPECT_EQ(test, got.c, 3);
	KUNIT_EXPECT_EQ(test, arg[2], 0xababababababababULL);
	KUNIT_EXPECT_EQ(test, arg[3], 0);
}

static void errors_reply_nothing_but_figures(struct kunit *test)
{
	u64 arg[3] = { 1, 2, 3 };

	verdict = -EBUSY;
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(arg)), -EBUSY);
	KUNIT_EXPECT_EQ(test, arg[0], 1);
	verdict = -ENOSPC;
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(arg)), -ENOSPC);
	KUNIT_EXPECT_NE(test, arg[0], 1);
	verdict = 0;
	rig.fail_copy = 1;
	KUNIT_EXPECT_EQ(test, call_sized(arg, sizeof(arg)), -EFAULT);
}

static void unknown_numbers_are_refused(struct kunit *test)
{
	const u32 rw = _IOC_READ | _IOC_WRITE;
	struct argument arg = {};

	verdict = 0;
	KUNIT_EXPECT_EQ(test, call(rw, HVCAL_IOC_MAGIC, NR, &arg, sizeof(arg)), 0);
	KUNIT_EXPECT_EQ(test, call(rw, HVCAL_IOC_MAGIC + 1, NR, &arg, sizeof(arg)), -ENOTTY);
	KUNIT_EXPECT_EQ(test, call(rw, HVCAL_IOC_MAGIC, NR - 1, &arg, sizeof(arg)), -ENOTTY);
	KUNIT_EXPECT_EQ(test, call(_IOC_WRITE, HVCAL_IOC_MAGIC, NR, &arg, sizeof(arg)), -ENOTTY);
	/* of the other node */
	KUNIT_EXPECT_EQ(test, call(rw, HVCAL_IOC_MAGIC, NR + 1, &arg, sizeof(arg)), -EACCES);
	KUNIT_EXPECT_EQ(test, call(rw, HVCAL_IOC_MAGIC, NR, &arg, PAGE_SIZE + 8), -E2BIG);
}

static void arrays_have_strides(struct kunit *test)
{
	u64 mem[6] = { 1, 0, 0, 2, 0, 7 };
	struct hvcal_array arr = { .stride = 24, .count = 2, .ptr = (uintptr_t)mem };
	u64 v[2];

	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 2), 0);
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 32, 2), -EINVAL);
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, hvcal_array_get(v, sizeof(v), &arr, 0), 0);
	KUNIT_EXPECT_EQ(test, v[0], 1);
	KUNIT_EXPECT_EQ(test, hvcal_array_get(v, sizeof(v), &arr, 1), -E2BIG);
	v[0] = 8;
	v[1] = 9;
	KUNIT_EXPECT_EQ(test, hvcal_array_put(&arr, 1, v, sizeof(v)), 0);
	KUNIT_EXPECT_EQ(test, mem[3], 8);
	KUNIT_EXPECT_EQ(test, mem[4], 9);
	KUNIT_EXPECT_EQ(test, mem[5], 0);
	KUNIT_EXPECT_EQ(test, mem[2], 0);
	arr.stride = 20;
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 2), -EINVAL);
	arr.stride = PAGE_SIZE + 8;
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 2), -EINVAL);
	arr = (struct hvcal_array){ .stride = 24, .count = 1 };
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 2), -EINVAL);
	arr.count = 0;
	KUNIT_EXPECT_EQ(test, hvcal_array_check(&arr, 16, 2), 0);
}

static void engine_list_counts_what_does_not_fit(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *one = rig_engine(test, p), *two = rig_engine(test, p);
	struct hvcal_engine_info *info = kunit_kcalloc(test, 2, sizeof(*info), GFP_KERNEL);
	struct file file = { .private_data = p };
	struct hvcal_engine_list list = {
		.engines = { .stride = sizeof(*info), .count = 1, .ptr = (uintptr_t)info },
	};

	KUNIT_ASSERT_NOT_NULL(test, info);
	KUNIT_EXPECT_EQ(test, hvcal_ioctl_engine_list(&file, &list), 0);
	KUNIT_EXPECT_EQ(test, list.engines.count, 2);
	KUNIT_EXPECT_EQ(test, list.generation, hvcal.generation);
	KUNIT_EXPECT_EQ(test, info[0].id, one->id);
	KUNIT_EXPECT_EQ(test, info[1].id, 0);
	KUNIT_EXPECT_EQ(test, hvcal_ioctl_engine_list(&file, &list), 0);
	KUNIT_EXPECT_EQ(test, info[1].id, two->id);
}

static struct kunit_case ioctl_cases[] = {
	KUNIT_CASE(short_argument_ends_in_zeroes),
	KUNIT_CASE(long_argument_must_end_in_zeroes),
	KUNIT_CASE(errors_reply_nothing_but_figures),
	KUNIT_CASE(unknown_numbers_are_refused),
	KUNIT_CASE(arrays_have_strides),
	KUNIT_CASE(engine_list_counts_what_does_not_fit),
	{}
};

static struct kunit_suite ioctl_suite = {
	.name = "hvcal_ioctl",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = ioctl_cases,
};

kunit_test_suite(ioctl_suite);
