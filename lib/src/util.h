/* SPDX-License-Identifier: MIT */
/* Small things that every part of libhvcal uses. */
#ifndef HVCAL_UTIL_H
#define HVCAL_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HVCAL_NS_PER_MS 1000000ULL
#define HVCAL_NS_PER_SEC 1000000000ULL

/**
 * Takes a structure of the caller, which begins with its struct_size.
 *
 * @param dst   @known bytes; filled up with zeroes
 * @param first size of the first published version
 * @return 0; -EINVAL: NULL or too short; -E2BIG: it says what we do not know
 */
int hvcal_struct_get(void *dst, size_t known, const void *src, size_t first);

/** -EINVAL unless @dst begins with a struct_size that can take version one. */
int hvcal_struct_check(const void *dst, size_t first);

/** Copies what fits of @src into @dst, whose struct_size stays. */
void hvcal_struct_put(void *dst, const void *src, size_t known);

/** Clears @size bytes at @p and stores @size as struct_size. */
void hvcal_struct_default(void *p, size_t size);

/** Adds, multiplies; -EOVERFLOW instead of wrapping round. */
int hvcal_add_u64(uint64_t a, uint64_t b, uint64_t *out);
int hvcal_mul_u64(uint64_t a, uint64_t b, uint64_t *out);

/** Up to the next multiple of @align, a power of two. */
int hvcal_align_u64(uint64_t v, uint64_t align, uint64_t *out);

bool hvcal_is_pow2(uint64_t v);

/** Like strncpy, but always terminated; takes at most @from_len of @from. */
void hvcal_text_copy(char *to, size_t to_len, const char *from, size_t from_len);

/** Milliseconds from now to @deadline_ns, rounded up, 0 if it has passed. */
int hvcal_ms_until(uint64_t deadline_ns);

#endif
