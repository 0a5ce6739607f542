/* SPDX-License-Identifier: MIT */
/* Bits and NAL units, written apart from the engine's: two that agree are right. */
#ifndef HVCALTEST_BITS_H
#define HVCALTEST_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bits that grow as they are written. */
struct bits {
	uint8_t *data;
	size_t count, room;
};

void bits_put(struct bits *b, uint32_t value, unsigned int n);
void bits_ue(struct bits *b, uint32_t value);
void bits_se(struct bits *b, int32_t value);
void bits_align(struct bits *b, unsigned int fill);
void bits_bytes(struct bits *b, const uint8_t *data, size_t len);
/** Bits @from .. @to of @data. */
void bits_copy(struct bits *b, const uint8_t *data, size_t from, size_t to);
/** Adds one to the number that the bits are. */
void bits_carry(struct bits *b);
/** Writes over @n bits from @at on. */
void bits_replace(struct bits *b, size_t at, uint32_t value, unsigned int n);
void bits_free(struct bits *b);

/** Reading; past the end are zeroes, and @over. */
struct reader {
	const uint8_t *data;
	size_t at, count;
	bool over;
};

uint32_t read_u(struct reader *r, unsigned int n);
uint32_t read_ue(struct reader *r);
int32_t read_se(struct reader *r);

/** A NAL unit without start code and emulation prevention; header included. */
struct nal {
	uint8_t *data;
	size_t bits;
};

/** @return false: there is no start code, or no memory */
bool nal_unpack(struct nal *n, const uint8_t *data, size_t bits, bool escaped);
void nal_free(struct nal *n);
/** Copies a header with another number in place of the bits @from .. @to. */
void nal_copy_with(struct bits *out, const struct nal *n, size_t from, size_t to, int32_t value);
/** Start code and NAL unit with emulation prevention, as bytes. */
void nal_pack(struct bits *out, const uint8_t *data, size_t bytes);

#endif
