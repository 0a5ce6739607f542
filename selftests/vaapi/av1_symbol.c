// SPDX-License-Identifier: MIT
/* The arithmetic coder of AV1, with distributions that follow what they code. */
#include "av1.h"

#define ONE 32768
#define HALF 16384
#define COUNT_MAX 32

/* How much of the range lies behind a sum. */
static uint32_t behind(const struct av1_symbols *s, uint32_t sum, unsigned int left)
{
	return ((s->range >> 8) * ((ONE - sum) >> 6) >> 1) + 4 * left;
}

static void narrow(struct av1_symbols *s, uint32_t from, uint32_t to)
{
	unsigned int shift = 0;

	s->low += s->range - from;
	s->range = from - to;
	for (; s->low >= ONE; s->low -= ONE)
		bits_carry(s->out);
	while (s->range << shift < ONE)
		shift++;
	bits_put(s->out, s->low >> (15 - shift), shift);
	s->range <<= shift;
	s->low = s->low << shift & (ONE - 1);
}

static void follow(uint16_t *cdf, unsigned int n, unsigned int value)
{
	unsigned int rate = 3U + (cdf[n] > 15) + (cdf[n] > 31) + (n > 3 ? 2 : 1);

	for (unsigned int i = 0; i < n - 1; i++) {
		if (i < value)
			cdf[i] = (uint16_t)(cdf[i] - (cdf[i] >> rate));
		else
			cdf[i] = (uint16_t)(cdf[i] + ((ONE - cdf[i]) >> rate));
	}
	cdf[n] = (uint16_t)(cdf[n] + (cdf[n] < COUNT_MAX));
}

void av1_symbol(struct av1_symbols *s, uint16_t *cdf, unsigned int n, unsigned int value)
{
	narrow(s, value ? behind(s, cdf[value - 1], n - value) : s->range,
	       value + 1 < n ? behind(s, cdf[value], n - value - 1) : 0);
	if (s->adapt)
		follow(cdf, n, value);
}

void av1_literal(struct av1_symbols *s, uint32_t value, unsigned int n)
{
	while (n--) {
		uint32_t half = behind(s, HALF, 1);

		if (value >> n & 1)
			narrow(s, half, 0);
		else
			narrow(s, s->range, half);
	}
}

void av1_symbols_start(struct av1_symbols *s, struct bits *out, bool adapt)
{
	*s = (struct av1_symbols){ .out = out, .range = ONE, .adapt = adapt };
}

/* The bit that ends the tile is also the last one of the number. */
void av1_symbols_end(struct av1_symbols *s)
{
	if (s->low > HALF)
		bits_carry(s->out);
	bits_put(s->out, 1, 1);
	bits_align(s->out, 0);
}

static void counts_reset(uint16_t *cdf, size_t distributions, size_t size)
{
	for (; distributions--; cdf += size)
		cdf[size - 1] = 0;
}

#define RESET1(a) counts_reset(a, 1, sizeof(a) / sizeof((a)[0]))
#define RESET(a, last) counts_reset((uint16_t *)(a), sizeof(a) / sizeof(last), \
				    sizeof(last) / sizeof(uint16_t))

void av1_cdfs_reset(struct av1_cdfs *c)
{
	RESET(c->modes.partition8, c->modes.partition8[0]);
	RESET(c->modes.partition, c->modes.partition[0][0]);
	RESET(c->modes.skip, c->modes.skip[0]);
	RESET1(c->modes.key_y);
	RESET1(c->modes.y);
	RESET1(c->modes.uv);
	RESET1(c->modes.tx);
	RESET1(c->modes.tx_type);
	RESET(c->modes.is_inter, c->modes.is_inter[0]);
	RESET(c->modes.single_ref, c->modes.single_ref[0][0]);
	RESET(c->modes.new_mv, c->modes.new_mv[0]);
	RESET(c->modes.zero_mv, c->modes.zero_mv[0]);
	RESET(c->modes.segment, c->modes.segment[0]);
	RESET(c->coefs.all_zero, c->coefs.all_zero[0]);
	RESET(c->coefs.eob, c->coefs.eob[0][0]);
	RESET(c->coefs.eob_extra, c->coefs.eob_extra[0][0]);
	RESET(c->coefs.base_eob, c->coefs.base_eob[0][0]);
	RESET(c->coefs.base, c->coefs.base[0][0]);
	RESET(c->coefs.more, c->coefs.more[0][0]);
	RESET(c->coefs.dc_sign, c->coefs.dc_sign[0][0]);
}
