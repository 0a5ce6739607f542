/* SPDX-License-Identifier: MIT */
/*
 * Names: of codecs, pixel formats and containers, and which go together.
 */
#ifndef HVCAL_TOOL_CODEC_H
#define HVCAL_TOOL_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include <libavcodec/codec_id.h>
#include <libavutil/pixfmt.h>

enum container {
	CONTAINER_NONE = 0,
	CONTAINER_MP4,
	CONTAINER_MKV,
	CONTAINER_IVF,
	CONTAINER_PLAIN,	/**< packet after packet: Annex B, OBUs, raw frames */
};

struct codec_name {
	const char *name;		/**< as --codec takes it */
	uint32_t fourcc;		/**< HVCAL_CODEC_* */
	enum AVCodecID av_id;		/**< AV_CODEC_ID_NONE: libavcodec has none */
	uint32_t containers;		/**< bit n: enum container n */
	const char *extensions;		/**< of CONTAINER_PLAIN, each with a dot */
};

/** NULL if there is no such codec. */
const struct codec_name *codec_by_name(const char *name);
const struct codec_name *codec_by_fourcc(uint32_t fourcc);

/** All names, "h264, hevc, ...". Writes at most @size bytes. */
void codec_list(char *text, size_t size);

/** Container of @path by its extension, CONTAINER_NONE if that says nothing. */
enum container container_by_path(const char *path);

/** Container by the name that --container takes, CONTAINER_NONE if unknown. */
enum container container_by_name(const char *name);
const char *container_name(enum container container);

/** A fourcc in readable form; unprintable characters become '?'. */
void fourcc_text(uint32_t fourcc, char text[5]);

/** libav's name for a DRM fourcc of a source, AV_PIX_FMT_NONE if none fits. */
enum AVPixelFormat pixfmt_by_fourcc(uint32_t fourcc);

/** Formats that the tool can fill, best first, ended by 0. @depth: 8 or 10. */
const uint32_t *source_formats(unsigned int depth);

#endif /* HVCAL_TOOL_CODEC_H */
