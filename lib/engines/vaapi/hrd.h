/* SPDX-License-Identifier: MIT */
/*
 * The buffer of a decoder that is fed at a constant rate, as parameter sets and SEI
 * messages of H.264 and HEVC describe it (annex C of both standards).
 */
#ifndef HVCAL_ENGINES_VAAPI_HRD_H
#define HVCAL_ENGINES_VAAPI_HRD_H

#include "nal.h"
#include "vaapi.h"

#define VAAPI_HRD_DELAY_BITS 24

/**
 * Describes the buffer of the coded sequence that begins: there is one where the driver
 * keeps to a constant rate, the client named the buffer, and the SPS is ours. With low
 * latency there is none, as new rates would need key frames then (vaapi_hrd_holds()).
 */
void vaapi_hrd_begin(struct hvcal_engine_stream *s);

/**
 * Does what was said of the buffer stay true with @config? The parameters in force may not
 * change before an IDR picture, each picture must bear its timing until then, and to the
 * driver a new rate is a buffer that begins anew.
 */
bool vaapi_hrd_holds(const struct hvcal_engine_stream *s, const struct hvcal_codec_config *config);

/** bit_rate_scale and cpb_size_scale. */
void vaapi_hrd_scales_write(struct vaapi_bits *b, const struct vaapi_hrd *h);

/** The lengths of the three kinds of delay. */
void vaapi_hrd_lengths_write(struct vaapi_bits *b);

/** bit_rate_value_minus1, cpb_size_value_minus1 and cbr_flag. */
void vaapi_hrd_values_write(struct vaapi_bits *b, const struct vaapi_hrd *h);

/** The initial delay of a buffering period and its offset. */
void vaapi_hrd_initial_write(struct vaapi_bits *b, const struct vaapi_hrd *h);

/** From when a picture is taken out of the buffer to when it is shown, in pictures. */
uint32_t vaapi_hrd_output_delay(const struct hvcal_engine_stream *s,
				const struct vaapi_picture *p);

/** A delay as it is written. */
void vaapi_hrd_delay_write(struct vaapi_bits *b, uint32_t delay);

#endif
