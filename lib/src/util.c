// SPDX-License-Identifier: MIT
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include <hvcal/common.h>

#include "util.h"

uint64_t hvcal_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * HVCAL_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

static size_t struct_size(const void *p)
{
	uint32_t size;

	memcpy(&size, p, sizeof(size));
	return size;
}

int hvcal_struct_check(const void *dst, size_t first)
{
	return dst && struct_size(dst) >= first ? 0 : -EINVAL;
}

int hvcal_struct_get(void *dst, size_t known, const void *src, size_t first)
{
	const unsigned char *p = src;
	size_t given, i;

	if (hvcal_struct_check(src, first))
		return -EINVAL;
	given = struct_size(src);
	for (i = known; i < given; i++)
		if (p[i])
			return -E2BIG;
	memset(dst, 0, known);
	memcpy(dst, src, given < known ? given : known);
	return 0;
}

void hvcal_struct_put(void *dst, const void *src, size_t known)
{
	const size_t skip = sizeof(uint32_t);
	size_t n = struct_size(dst);

	if (n > known)
		n = known;
	if (n > skip)
		memcpy((char *)dst + skip, (const char *)src + skip, n - skip);
}

void hvcal_struct_default(void *p, size_t size)
{
	uint32_t n = (uint32_t)size;

	if (!p || size < sizeof(n))
		return;
	memset(p, 0, size);
	memcpy(p, &n, sizeof(n));
}

int hvcal_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_add_overflow(a, b, out) ? -EOVERFLOW : 0;
}

int hvcal_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
	return __builtin_mul_overflow(a, b, out) ? -EOVERFLOW : 0;
}

int hvcal_align_u64(uint64_t v, uint64_t align, uint64_t *out)
{
	if (hvcal_add_u64(v, align - 1, out))
		return -EOVERFLOW;
	*out &= ~(align - 1);
	return 0;
}

bool hvcal_is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

void hvcal_text_copy(char *to, size_t to_len, const char *from, size_t from_len)
{
	size_t n = strnlen(from, from_len);

	if (n >= to_len)
		n = to_len - 1;
	memcpy(to, from, n);
	memset(to + n, 0, to_len - n);
}

int hvcal_ms_until(uint64_t deadline_ns)
{
	uint64_t now = hvcal_now_ns(), ms;

	if (deadline_ns <= now)
		return 0;
	ms = (deadline_ns - now + HVCAL_NS_PER_MS - 1) / HVCAL_NS_PER_MS;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}
