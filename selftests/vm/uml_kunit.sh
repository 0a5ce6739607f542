# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# For test_uml.sh: a scratch module and its suite, with one case that fails.

kunit_tree() {
	local dir=$1 license='MODULE_LICENSE("GPL");'

	mkdir -p "$dir/drivers/hvcal/tests"
	echo 'obj-m += drivers/hvcal/' >"$dir/Kbuild"
	# shellcheck disable=SC2016 # make's
	printf '%s\n' 'obj-m += hvcal.o' 'hvcal-y := main.o' \
		'obj-$(CONFIG_HVCAL_KUNIT_TEST) += tests/' \
		>"$dir/drivers/hvcal/Kbuild"
	printf '%s\n' 'obj-m += hvcal_kunit.o' \
		'hvcal_kunit-y := sum_kunit.o' >"$dir/drivers/hvcal/tests/Kbuild"
	cat >"$dir/drivers/hvcal/main.c" <<-END
	#include <linux/module.h>
	int hvcal_sum(int a, int b);
	int hvcal_sum(int a, int b) { return a + b; }
	EXPORT_SYMBOL_GPL(hvcal_sum);
	static int __init hello_init(void)
	{
		pr_info("hello, hvcal\n");
		return 0;
	}
	module_init(hello_init);
	static void __exit hello_exit(void) { }
	module_exit(hello_exit);
	MODULE_DESCRIPTION("scratch");
	$license
	END
	cat >"$dir/drivers/hvcal/tests/sum_kunit.c" <<-END
	#include <kunit/test.h>
	#include <linux/module.h>
	int hvcal_sum(int a, int b);
	static void sum_right(struct kunit *test)
	{
		KUNIT_EXPECT_TRUE(test, IS_ENABLED(CONFIG_HVCAL_KUNIT_TEST));
		KUNIT_EXPECT_EQ(test, hvcal_sum(1, 2), 3);
	}
	static void sum_wrong(struct kunit *test)
	{
		KUNIT_EXPECT_EQ(test, hvcal_sum(2, 2), 5);
	}
	static void sum_later(struct kunit *test)
	{
		kunit_skip(test, "not yet");
	}
	static struct kunit_case sum_cases[] = {
		KUNIT_CASE(sum_right), KUNIT_CASE(sum_wrong),
		KUNIT_CASE(sum_later), {}
	};
	static struct kunit_suite sum_suite = {
		.name = "hvcal_sum", .test_cases = sum_cases,
	};
	static struct kunit_case other_cases[] = { KUNIT_CASE(sum_right), {} };
	static struct kunit_suite other_suite = {
		.name = "hvcal_other", .test_cases = other_cases,
	};
	kunit_test_suites(&sum_suite, &other_suite);
	MODULE_DESCRIPTION("scratch tests");
	$license
	END
}

kunit_catches() {
	local got=0

	"$top/tools/uml/kunit" --source "$work/tree" >"$work/out" || got=$?
	cat "$work/out"
	[ "$got" -eq 1 ] && grep -q 'sum_wrong.*FAILED' "$work/out" &&
		[ "$(tail -n 1 "$work/out")" = "2 passed, 1 failed, 1 skipped" ]
}

kunit_filters() {
	"$top/tools/uml/kunit" --source "$work/tree" --filter hvcal_other \
		>"$work/out" || return
	[ "$(tail -n 1 "$work/out")" = "1 passed, 0 failed, 0 skipped" ]
}

kunit_broken_build() {
	echo 'int broken = ;' >>"$work/tree/drivers/hvcal/main.c"
	! "$top/tools/uml/kunit" --source "$work/tree"
}

kunit_tree "$work/tree"
check "KUnit: a failing case is caught" kunit_catches
check "KUnit: --filter" kunit_filters
check "KUnit: a tree that does not build fails" kunit_broken_build
