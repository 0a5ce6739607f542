/* SPDX-License-Identifier: MIT */
#ifndef HVCAL_ENGINES_VAAPI_AV1_H
#define HVCAL_ENGINES_VAAPI_AV1_H

#include "nal.h"
#include "vaapi.h"

#define AV1_SUPERBLOCK 64
#define AV1_ORDER_HINT_BITS 8
#define AV1_TX_LARGEST 1
#define AV1_TX_SELECT 2
#define AV1_REFS 7
#define AV1_SLOTS 8

enum { AV1_OBU_SEQUENCE = 1, AV1_OBU_DELIMITER, AV1_OBU_FRAME_HEADER, AV1_OBU_TILE_GROUP,
       AV1_OBU_METADATA, AV1_OBU_FRAME };

/** Tiles of equal size, as few as the standard allows. */
struct av1_tiles {
	uint32_t cols_log2, rows_log2, min_cols_log2, min_rows_log2;
	uint32_t max_cols_log2, max_rows_log2;
	uint32_t cols, rows, width, height;	/* width and height of one, in superblocks */
	uint32_t all_cols, all_rows;		/* superblocks of the picture */
};

struct av1_tiles vaapi_av1_tiles(uint32_t width, uint32_t height);

/** Does the driver see to the rate, and change headers for it? */
static inline bool vaapi_av1_brc(const struct hvcal_engine_stream *s)
{
	return s->rc != VA_RC_CQP;
}

/** The sequence header as an OBU. */
void vaapi_av1_sequence_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s);

/**
 * The frame header that goes with @pic as an OBU; where the driver controls the rate,
 * into @pic goes where in it there is what it changes.
 */
void vaapi_av1_frame_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			   VAEncPictureParameterBufferAV1 *pic);

/** Metadata as OBUs, and where they belong: as in struct vaapi_codec. */
int vaapi_av1_metadata(const struct hvcal_codec_config *config, const struct hvcal_engine_job *job,
		       bool key, uint8_t **data, size_t *len);
size_t vaapi_av1_metadata_place(const uint8_t *packet, size_t len);

#endif
