/* SPDX-License-Identifier: MIT */
#ifndef HVCAL_ENGINES_VAAPI_VP9_H
#define HVCAL_ENGINES_VAAPI_VP9_H

#include "nal.h"
#include "vaapi.h"

#define VP9_TILE_WIDTH_MAX 4096
#define VP9_TILE_WIDTH_MIN 256

/**
 * Writes the uncompressed header that goes with @pic, and into @pic where in it the
 * driver finds what it changes: the size of what follows, and QP and filter if the
 * rate is its.
 */
void vaapi_vp9_header_write(struct vaapi_bits *b, const struct hvcal_engine_stream *s,
			    const struct vaapi_segments *segments,
			    VAEncPictureParameterBufferVP9 *pic);

#endif
