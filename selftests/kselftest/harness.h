/* SPDX-License-Identifier: MIT */
/*
 * A small TAP harness for tests that talk to the kernel: each test is a child
 * process of its own with a wall-clock limit, so that a hang is a failure and
 * what one test leaves behind cannot reach the next.
 */
#ifndef KS_HARNESS_H
#define KS_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#define KS_LIMIT_S	10	/* of one test, before ks_scale() */

struct ks_test {
	const char *group;
	const char *label;	/* of a table's row, NULL none */
	void (*fn)(const void *row);
	const void *row;
	unsigned int limit_s;
	struct ks_test *next;
};

/** Appends a test; called by the macros below before main() runs. */
void ks_test_add(const char *group, const char *label, void (*fn)(const void *row),
		 const void *row, unsigned int limit_s);

/** How much slower than a normal machine this one is (KS_SCALE, at least 1). */
unsigned int ks_scale(void);

/** Milliseconds, stretched by ks_scale(). */
int ks_ms(int ms);

/** Prints a diagnostic line into the TAP stream. */
void ks_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Ends the test as failed or as skipped. */
void ks_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void ks_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/** Name of a negative errno, for messages. */
const char *ks_err(long long err);

/** A test whose limit is @limit seconds: KS_TEST_LIMIT(name, 30) { ... } */
#define KS_TEST_LIMIT(name, limit)						\
	static void name(const void *row);					\
	static void __attribute__((constructor)) name##_add(void)		\
	{									\
		ks_test_add(#name, NULL, name, NULL, limit);			\
	}									\
	static void name(const void *row __attribute__((unused)))

#define KS_TEST(name) KS_TEST_LIMIT(name, KS_LIMIT_S)

/**
 * One test for each element of @table, whose first member is its label. In the
 * body, @row points to the element.
 */
#define KS_TABLE_LIMIT(name, table, limit)					\
	static void name(const void *row);					\
	static void __attribute__((constructor)) name##_add(void)		\
	{									\
		for (size_t ks_i = 0; ks_i < sizeof(table) / sizeof((table)[0]); ks_i++) \
			ks_test_add(#name, *(const char *const *)&(table)[ks_i], name, \
				    &(table)[ks_i], limit);			\
	}									\
	static void name(const void *row)

#define KS_TABLE(name, table) KS_TABLE_LIMIT(name, table, KS_LIMIT_S)

#define CHECK(cond)								\
	do {									\
		if (!(cond))							\
			ks_fail(__FILE__, __LINE__, "not true: %s", #cond);	\
	} while (0)

#define KS_CMP(a, op, b)							\
	do {									\
		long long ks_a = (long long)(a), ks_b = (long long)(b);		\
										\
		if (!(ks_a op ks_b))						\
			ks_fail(__FILE__, __LINE__, "%s is %lld, expected %s %s (%lld)", \
				#a, ks_a, #op, #b, ks_b);			\
	} while (0)

#define CHECK_EQ(a, b) KS_CMP(a, ==, b)
#define CHECK_NE(a, b) KS_CMP(a, !=, b)
#define CHECK_LE(a, b) KS_CMP(a, <=, b)
#define CHECK_GE(a, b) KS_CMP(a, >=, b)

/** @expr gives 0 or a negative errno; @want is the one expected. */
#define CHECK_ERR(expr, want)							\
	do {									\
		long long ks_a = (long long)(expr), ks_b = (long long)(want);	\
										\
		if (ks_a != ks_b)						\
			ks_fail(__FILE__, __LINE__, "%s gave %s, expected %s",	\
				#expr, ks_err(ks_a), ks_err(ks_b));		\
	} while (0)

#define CHECK_OK(expr) CHECK_ERR(expr, 0)

#endif
