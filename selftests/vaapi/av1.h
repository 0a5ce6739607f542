/* SPDX-License-Identifier: MIT */
/* The test driver's AV1. */
#ifndef HVCALTEST_AV1_H
#define HVCALTEST_AV1_H

#include "bits.h"
#include "blocks.h"
#include "driver.h"

#define AV1_REFS 7
#define AV1_SLOTS 8
#define AV1_NO_PRIMARY 7

/* ---- headers: av1_header.c ---- */

struct av1_sequence {
	bool valid;
	uint32_t profile, level, tier, width, height, depth, order_hint_bits;
	bool order_hint, cdef;
};

/** A frame header OBU, and where in it things stand, in bits. */
struct av1_frame {
	bool key, error_resilient, disable_cdf_update, disable_end_update, high_precision;
	bool lossless, tx_select, reduced_tx_set;
	uint32_t order_hint, primary, refresh, refs[AV1_REFS], filter_type;
	uint32_t qindex, filter[4], sharpness, cdef;
	unsigned int segments;		/* the last one that has a quantiser, and one */
	int deltas[8];
	size_t at_qindex, at_filter, at_cdef, at_size, end;
};

/** One OBU. @return bytes of it, 0: it is none */
size_t av1_obu_read(const uint8_t *data, size_t len, uint32_t *type, struct reader *content);
bool av1_sequence_read(struct av1_sequence *s, struct reader *r);
/** @obu the whole OBU, which fields stand in by their bits */
bool av1_frame_read(struct av1_frame *f, const struct av1_sequence *s, const uint8_t *obu,
		    size_t len);
/** The headers that the parameters ask for. */
void av1_sequence_write(struct bits *b, const VAEncSequenceParameterBufferAV1 *seq,
			const VAEncPictureParameterBufferAV1 *pic);
void av1_frame_write(struct bits *b, const VAEncSequenceParameterBufferAV1 *seq,
		     const VAEncPictureParameterBufferAV1 *pic);

/* ---- symbols: av1_symbol.c ---- */

/** Distributions: sums, then how often one was used. */
struct av1_mode_cdfs {
	uint16_t partition8[4][5], partition[3][4][11];	/* 16, 32, 64 */
	uint16_t skip[3][3], key_y[14], y[14], uv[15], tx[3], tx_type[8], is_inter[4][3];
	uint16_t single_ref[3][6][3], new_mv[6][3], zero_mv[2][3], segment[3][9];
};

struct av1_coef_cdfs {
	uint16_t all_zero[13][3], eob[2][2][6], eob_extra[2][9][3], base_eob[2][4][4];
	uint16_t base[2][42][5], more[2][21][5], dc_sign[2][3][3];
};

struct av1_cdfs {
	struct av1_mode_cdfs modes;
	struct av1_coef_cdfs coefs;
};

extern const struct av1_mode_cdfs av1_default_modes;
extern const struct av1_coef_cdfs av1_default_coefs[4];

struct av1_symbols {
	struct bits *out;
	uint32_t low, range;
	bool adapt;
};

void av1_symbols_start(struct av1_symbols *s, struct bits *out, bool adapt);
/** Symbol @value of @n, by the distribution, which follows it. */
void av1_symbol(struct av1_symbols *s, uint16_t *cdf, unsigned int n, unsigned int value);
void av1_literal(struct av1_symbols *s, uint32_t value, unsigned int n);
void av1_symbols_end(struct av1_symbols *s);
/** Forgets how often each was used. */
void av1_cdfs_reset(struct av1_cdfs *c);

#define AV1_SYMBOL(s, cdf, value) \
	av1_symbol(s, cdf, sizeof(cdf) / sizeof((cdf)[0]) - 1, (unsigned int)(value))

/* ---- the tile: av1_tile.c ---- */

/** @cdfs those to begin with; in the end those of the tile */
void av1_tile_write(struct bits *out, const struct av1_frame *f, const struct block_coder *k,
		    struct av1_cdfs *cdfs);

#endif
