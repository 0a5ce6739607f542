/* SPDX-License-Identifier: MIT */
/*
 * The little of the kernel's headers that hvcal.ko's policy files need, so that
 * the very same files run in the simulator, in tests under the sanitizers and in
 * fuzzers.
 */
#ifndef HVCAL_SHIM_H
#define HVCAL_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int32_t s32;
typedef long long s64;

#define __aligned(n)	__attribute__((aligned(n)))
#define BIT(n)		(1UL << (n))
#define BIT_ULL(n)	(1ULL << (n))
#define U32_MAX		UINT32_MAX
#define U64_MAX		(~0ULL)

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define min_t(type, a, b) ({ type min_a_ = (a), min_b_ = (b); min_a_ < min_b_ ? min_a_ : min_b_; })
#define max_t(type, a, b) ({ type max_a_ = (a), max_b_ = (b); max_a_ > max_b_ ? max_a_ : max_b_; })
#define min(a, b)	min_t(__typeof__((a) + 0), a, b)
#define max(a, b)	max_t(__typeof__((a) + 0), a, b)
#define max3(a, b, c)	max(max(a, b), c)
#define clamp_t(type, v, lo, hi) min_t(type, max_t(type, v, lo), hi)
#define clamp(v, lo, hi) clamp_t(__typeof__((v) + 0), v, lo, hi)

static inline int fls64(u64 v)
{
	return v ? 64 - __builtin_clzll(v) : 0;
}

static inline unsigned int __ffs64(u64 v)
{
	return (unsigned int)__builtin_ctzll(v);
}

static inline int fls(u32 v)
{
	return v ? 32 - __builtin_clz(v) : 0;
}

static inline u64 div64_u64(u64 a, u64 b)
{
	return a / b;
}

static inline u64 div_u64(u64 a, u32 b)
{
	return a / b;
}

static inline u64 mul_u64_u32_div(u64 a, u32 mul, u32 div)
{
	return (u64)((unsigned __int128)a * mul / div);
}

#endif /* HVCAL_SHIM_H */
