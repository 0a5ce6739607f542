/* SPDX-License-Identifier: MIT */
/* What is left of a configuration when an engine cannot do it. */
#ifndef HVCAL_SAFE_H
#define HVCAL_SAFE_H

#include <stdbool.h>

#include <hvcal/engine.h>

/** Does @status of a plug-in speak of the parameters? Anything else would fail again. */
bool hvcal_safe_worth(int status);

/**
 * Takes every wish out of @config that a decoder does not rely on.
 *
 * @return HVCAL_DROPPED_*; 0: there was none, @config is as it was
 */
uint32_t hvcal_safe_make(struct hvcal_codec_config *config);

/**
 * Opens a stream with @config, or if its parameters are refused with what is
 * safe of them.
 *
 * @param dropped what that left out
 * @return as open() with @config, if neither works
 */
int hvcal_safe_open(const struct hvcal_engine_plugin *ops, hvcal_engine_ctx_t *ctx,
		    const struct hvcal_codec_config *config, hvcal_engine_stream_t **stream,
		    uint32_t *dropped);

/**
 * Engines that open with anything may find out at the first frame. Is that one,
 * refused with @status, to be tried again on a new stream? Later ones are refused
 * for what they are themselves.
 *
 * @param proven the stream has taken a frame
 * @param dropped of the stream
 * @param config in: of the stream; out: what is safe of it
 * @return HVCAL_DROPPED_* of the new stream; 0: no
 */
uint32_t hvcal_safe_again(int status, bool proven, uint32_t dropped,
			  struct hvcal_codec_config *config);

/**
 * Reconfigures a stream in place, or with what is safe of @config if its
 * parameters are refused. A stream that had to drop wishes does so again.
 *
 * @param dropped in: of the stream now; out: of the stream then
 * @return 0; -EOPNOTSUPP: it must be opened anew; what the plug-in said
 */
int hvcal_safe_reconfigure(const struct hvcal_engine_plugin *ops, hvcal_engine_stream_t *stream,
			   const struct hvcal_codec_config *config, uint32_t *dropped);

#endif
