/* SPDX-License-Identifier: MIT */
/* Streams of the VA-API engine: operations of the plug-in. */
#ifndef HVCAL_ENGINES_VAAPI_STREAM_H
#define HVCAL_ENGINES_VAAPI_STREAM_H

#include "vaapi.h"

#define VAAPI_SIDE_MIN 64	/* pixels; some hardware takes no less */

/** Packed headers that this engine writes, of those that a driver takes. */
#define PACKED (VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE | \
		VA_ENC_PACKED_HEADER_SLICE | VA_ENC_PACKED_HEADER_RAW_DATA)

int vaapi_stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		      hvcal_engine_stream_t **stream);
int vaapi_stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config);
void vaapi_stream_close(hvcal_engine_stream_t *s);

/** The encoder does not finish: leaves the context behind; the next frame gets another. */
void vaapi_stream_hangs(struct hvcal_engine_stream *s);

#endif
