/* SPDX-License-Identifier: MIT */
/* Headers of H.264 and HEVC, bit by bit. */
#ifndef HVCAL_ENGINES_VAAPI_NAL_H
#define HVCAL_ENGINES_VAAPI_NAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hvcal/engine.h>

#define VAAPI_HEADER_MAX 512
#define VAAPI_SEI_PERIOD 0	/* buffering_period, of both codecs */
#define VAAPI_SEI_TIMING 1	/* pic_timing */

/** A header being written; starts as zeroes. It never gets full: see the users' sizes. */
struct vaapi_bits {
	uint8_t data[VAAPI_HEADER_MAX];
	uint32_t count;
};

void vaapi_bits_put(struct vaapi_bits *b, unsigned int n, uint32_t value);
void vaapi_bits_ue(struct vaapi_bits *b, uint32_t value);
void vaapi_bits_se(struct vaapi_bits *b, int32_t value);
/** Zeroes up to a whole byte. */
void vaapi_bits_pad(struct vaapi_bits *b);
/** A one and zeroes up to a whole byte. */
void vaapi_bits_end(struct vaapi_bits *b);

/** What both codecs have in the same order: sample aspect ratio up to the place of chroma. */
void vaapi_vui_begin(struct vaapi_bits *b, const struct hvcal_codec_config *c);

/**
 * Makes a NAL unit: start code, header, and the bits with emulation prevention.
 *
 * @param out room for 4 + @header_len + 3/2 of the bytes of @bits
 * @return its length in bits
 */
uint32_t vaapi_nal_write(uint8_t *out, uint32_t header, uint32_t header_len, const uint8_t *data,
			 uint32_t bits);

/** Room of a NAL unit for so many bytes of content. */
static inline size_t vaapi_nal_room(size_t bytes)
{
	return 8 + bytes + bytes / 2;
}

/** Adds a message of a payload, which is made whole bytes. */
void vaapi_sei_message(struct vaapi_bits *b, uint32_t type, struct vaapi_bits *payload);

/**
 * The SEI messages of a picture: those of @timing, if there are any, which have a NAL
 * unit of their own, then the static metadata of @config with key frames, and the job's own.
 *
 * @param sei receives memory of malloc(), NULL if there are none
 * @return 0; -ENOMEM
 */
int vaapi_sei_make(const struct hvcal_codec_config *config, const struct hvcal_engine_job *job,
		   bool key, struct vaapi_bits *timing, uint32_t header, uint32_t header_len,
		   uint8_t **sei, size_t *len);

/** Bytes of @data that come before the first NAL unit for which @is_slice holds; 0: there is none. */
size_t vaapi_nal_before_slice(const uint8_t *data, size_t len, bool (*is_slice)(uint8_t header));

#endif
