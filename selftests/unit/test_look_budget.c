// SPDX-License-Identifier: MIT
/* How much of the pictures is looked at, given what looking takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "look_budget.h"

#define MS 1000000ull
#define FRAME (8 * MS)	/* allowed: a fifth of 1/25 s */

static struct hvcal_look_budget b;

static int setup(void **state)
{
	(void)state;
	hvcal_look_budget_init(&b, FRAME);
	return 0;
}

/* Pictures that take @ns with all rows, in proportion with fewer. Changes of step. */
static unsigned int pictures(unsigned int n, uint64_t ns)
{
	unsigned int changes = 0;

	while (n--)
		changes += hvcal_look_budget_spend(&b, b.row_step ? ns / b.row_step : 0);
	return changes;
}

static void cheap(void **state)
{
	(void)state;
	assert_int_equal(pictures(100000, FRAME), 0);
	assert_int_equal(b.row_step, 1);
}

/* A clock in steps of 10 ms: most pictures take none of it, some take a step */
static void coarse_clock(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 10000; i++) {
		assert_int_equal(pictures(9, 0), 0);
		assert_int_equal(pictures(1, 10 * MS), 0);
	}
	assert_int_equal(b.row_step, 1);
}

/* The machine stood still once, for less than what may be spent ahead */
static void one_stall(void **state)
{
	(void)state;
	assert_int_equal(pictures(1, 16 * FRAME), 0);
	assert_int_equal(pictures(1, 2 * FRAME), 0);
	assert_int_equal(pictures(1000, FRAME / 2), 0);
	assert_int_equal(b.row_step, 1);
}

static void dear(void **state)
{
	(void)state;
	/* three times what is allowed: a quarter of the rows will do */
	pictures(200, 3 * FRAME);
	assert_int_equal(b.row_step, 4);
	assert_int_equal(pictures(100000, 3 * FRAME), 0);
}

static void far_too_dear(void **state)
{
	(void)state;
	/* it is stopped within four pictures, each of which took all there is */
	assert_int_equal(pictures(4, 1000 * FRAME), 4);
	assert_int_equal(b.row_step, 0);
}

/* What was dear becomes cheap, as when other work ends: all is looked at again */
static void comes_back(void **state)
{
	(void)state;
	pictures(4, 1000 * FRAME);
	assert_int_equal(b.row_step, 0);
	pictures(100000, FRAME / 4);
	assert_int_equal(b.row_step, 1);
}

/* Tries in vain become rare */
static void stays_dear(void **state)
{
	unsigned int first, later;

	(void)state;
	first = pictures(10000, 1000 * FRAME);
	pictures(40000, 1000 * FRAME);
	later = pictures(10000, 1000 * FRAME);
	assert_true(first > 4);
	assert_true(later <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cheap, setup),
		cmocka_unit_test_setup(coarse_clock, setup),
		cmocka_unit_test_setup(one_stall, setup),
		cmocka_unit_test_setup(dear, setup),
		cmocka_unit_test_setup(far_too_dear, setup),
		cmocka_unit_test_setup(comes_back, setup),
		cmocka_unit_test_setup(stays_dear, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
