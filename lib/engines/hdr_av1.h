/* SPDX-License-Identifier: MIT */
/* Static HDR metadata as AV1 has them: fixed points, big end first. */
#ifndef HVCAL_ENGINES_HDR_AV1_H
#define HVCAL_ENGINES_HDR_AV1_H

#include <stdint.h>

#include <hvcal/engine.h>

#define HVCAL_AV1_LIGHT_LEVEL 1	/* types of metadata OBUs */
#define HVCAL_AV1_MASTERING 2
#define HVCAL_AV1_T35 4
#define HVCAL_AV1_MASTERING_BYTES 24
#define HVCAL_AV1_LIGHT_LEVEL_BYTES 4

static inline uint8_t *hvcal_av1_put(uint8_t *to, uint64_t value, int bytes)
{
	while (bytes--)
		*to++ = (uint8_t)(value >> (8 * bytes));
	return to;
}

static inline uint64_t hvcal_av1_scaled(uint64_t value, uint64_t unit, unsigned int bits)
{
	return ((value << bits) + unit / 2) / unit;
}

static inline void hvcal_av1_mastering(const struct hvcal_codec_config *c,
				       uint8_t bytes[HVCAL_AV1_MASTERING_BYTES])
{
	static const int order[] = { 2, 0, 1, 3 };	/* R, G, B, white of G, B, R, white */
	uint8_t *at = bytes;

	for (int i = 0; i < 4; i++) {
		at = hvcal_av1_put(at, hvcal_av1_scaled(c->mastering_x[order[i]], 50000, 16), 2);
		at = hvcal_av1_put(at, hvcal_av1_scaled(c->mastering_y[order[i]], 50000, 16), 2);
	}
	at = hvcal_av1_put(at, hvcal_av1_scaled(c->mastering_max, 10000, 8), 4);
	hvcal_av1_put(at, hvcal_av1_scaled(c->mastering_min, 10000, 14), 4);
}

static inline void hvcal_av1_light_level(const struct hvcal_codec_config *c,
					 uint8_t bytes[HVCAL_AV1_LIGHT_LEVEL_BYTES])
{
	hvcal_av1_put(hvcal_av1_put(bytes, c->max_cll, 2), c->max_fall, 2);
}

#endif
