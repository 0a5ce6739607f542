// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "bits.h"

static void reserve(struct bits *b, size_t bits)
{
	size_t room = b->room ? b->room : 4096;

	while (room * 8 < b->count + bits)
		room *= 2;
	if (room == b->room)
		return;
	b->data = realloc(b->data, room);
	if (!b->data)
		abort();
	memset(b->data + b->room, 0, room - b->room);
	b->room = room;
}

void bits_put(struct bits *b, uint32_t value, unsigned int n)
{
	reserve(b, n);
	for (unsigned int i = n; i--; b->count++)
		b->data[b->count >> 3] |= (uint8_t)((value >> i & 1) << (7 - (b->count & 7)));
}

void bits_ue(struct bits *b, uint32_t value)
{
	unsigned int len = 1;

	for (uint32_t v = value + 1; v > 1; v >>= 1)
		len += 2;
	bits_put(b, 0, len / 2);
	bits_put(b, value + 1, len / 2 + 1);
}

void bits_se(struct bits *b, int32_t value)
{
	bits_ue(b, value <= 0 ? (uint32_t)(-2 * value) : (uint32_t)(2 * value - 1));
}

void bits_align(struct bits *b, unsigned int fill)
{
	while (b->count & 7)
		bits_put(b, fill, 1);
}

void bits_bytes(struct bits *b, const uint8_t *data, size_t len)
{
	if (b->count & 7) {
		for (size_t i = 0; i < len; i++)
			bits_put(b, data[i], 8);
		return;
	}
	reserve(b, len * 8);
	memcpy(b->data + b->count / 8, data, len);
	b->count += len * 8;
}

void bits_copy(struct bits *b, const uint8_t *data, size_t from, size_t to)
{
	for (; from < to; from++)
		bits_put(b, data[from >> 3] >> (7 - (from & 7)) & 1, 1);
}

void bits_carry(struct bits *b)
{
	size_t at = b->count;
	uint8_t mask;

	do {
		at--;
		mask = (uint8_t)(0x80 >> (at & 7));
		b->data[at >> 3] ^= mask;
	} while (!(b->data[at >> 3] & mask));
}

void bits_replace(struct bits *b, size_t at, uint32_t value, unsigned int n)
{
	for (; n--; at++) {
		uint8_t mask = (uint8_t)(0x80 >> (at & 7));

		b->data[at >> 3] = (uint8_t)((b->data[at >> 3] & ~mask) | (value >> n & 1 ? mask : 0));
	}
}

void bits_free(struct bits *b)
{
	free(b->data);
	*b = (struct bits){ 0 };
}

uint32_t read_u(struct reader *r, unsigned int n)
{
	uint32_t value = 0;

	for (; n--; r->at++) {
		bool beyond = r->at >= r->count;

		r->over |= beyond;
		value = value << 1 | (beyond ? 0 : r->data[r->at >> 3] >> (7 - (r->at & 7)) & 1);
	}
	return value;
}

uint32_t read_ue(struct reader *r)
{
	unsigned int zeroes = 0;

	while (!read_u(r, 1) && !r->over && zeroes < 31)
		zeroes++;
	return (1U << zeroes) - 1 + read_u(r, zeroes);
}

int32_t read_se(struct reader *r)
{
	uint32_t k = read_ue(r);

	return k & 1 ? (int32_t)(k / 2 + 1) : -(int32_t)(k / 2);
}

bool nal_unpack(struct nal *n, const uint8_t *data, size_t bits, bool escaped)
{
	size_t bytes = (bits + 7) / 8, at = 0, out = 0, removed = 0;
	unsigned int zeroes = 0;

	while (at < bytes && !data[at])
		at++;
	if (at < 2 || at == bytes || data[at] != 1)
		return false;
	at++;
	n->data = calloc(bytes - at + 1, 1);
	if (!n->data)
		return false;
	for (size_t i = at; i < bytes; i++) {
		if (escaped && zeroes >= 2 && data[i] == 3) {
			removed++;
			zeroes = 0;
			continue;
		}
		zeroes = data[i] ? 0 : zeroes + 1;
		n->data[out++] = data[i];
	}
	n->bits = bits - 8 * (at + removed);
	return true;
}

void nal_free(struct nal *n)
{
	free(n->data);
	*n = (struct nal){ 0 };
}

void nal_copy_with(struct bits *out, const struct nal *n, size_t from, size_t to, int32_t value)
{
	bits_copy(out, n->data, 0, from);
	bits_se(out, value);
	bits_copy(out, n->data, to, n->bits);
}

void nal_pack(struct bits *out, const uint8_t *data, size_t bytes)
{
	static const uint8_t start[] = { 0, 0, 0, 1 };
	size_t from = 0;

	bits_bytes(out, start, sizeof(start));
	for (size_t i = 2; i < bytes; i++) {
		if (i - from < 2 || data[i] > 3 || data[i - 1] || data[i - 2])
			continue;
		bits_bytes(out, data + from, i - from);
		bits_put(out, 3, 8);
		from = i;
	}
	bits_bytes(out, data + from, bytes - from);
}
