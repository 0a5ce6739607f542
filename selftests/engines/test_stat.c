// SPDX-License-Identifier: MIT
/* What bench_engines says of its numbers: does an interval of 99 % hold the truth? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bench.h"

#define TRIALS 100
#define VALUES 31

static void test_median(void **state)
{
	double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 };

	(void)state;
	assert_true(stat_median(odd, 3) == 3);
	assert_true(stat_median(even, 4) == 2.5);
	assert_true(odd[0] == 1 && odd[2] == 5);
}

static void test_random(void **state)
{
	unsigned int seen[6] = { 0 };
	uint64_t random = 1;

	(void)state;
	for (unsigned int i = 0; i < 6000; i++) {
		unsigned int n = stat_random(&random, 6);

		assert_in_range(n, 0, 5);
		seen[n]++;
	}
	for (unsigned int i = 0; i < 6; i++)
		assert_in_range(seen[i], 850, 1150);
}

/* Around @truth, half of them on each side, now and then far above: a busy machine. */
static void draw(double *values, uint64_t *random, double truth)
{
	for (unsigned int i = 0; i < VALUES; i++) {
		double off = stat_random(random, 1000) / 1e5;

		if (stat_random(random, 2))
			off = -off;
		else if (!stat_random(random, 8))
			off *= 50;
		values[i] = truth + off;
	}
}

static void test_interval(void **state)
{
	unsigned int holds = 0, holds_other = 0;
	double values[VALUES];
	uint64_t random = 1;

	(void)state;
	for (unsigned int i = 0; i < TRIALS; i++) {
		struct estimate e;

		draw(values, &random, 0.99);
		e = stat_estimate(values, VALUES, &random);
		assert_true(e.low <= e.value && e.value <= e.high);
		holds += e.low <= 0.99 && e.high >= 0.99;
		holds_other += e.low <= 0.98 && e.high >= 0.98;
	}
	/* 99 of 100 are expected, and of something else next to none */
	assert_in_range(holds, 96, TRIALS);
	assert_in_range(holds_other, 0, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_median),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
