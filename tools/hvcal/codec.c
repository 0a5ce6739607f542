/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <hvcal/hvcal.h>

#include "codec.h"

#define FORMAT_I010 HVCAL_FOURCC('Y', 'U', '1', '0')

#define IN(container) (1U << (container))

static const struct codec_name codecs[] = {
	{ "h264", HVCAL_CODEC_H264, AV_CODEC_ID_H264,
	  IN(CONTAINER_MP4) | IN(CONTAINER_MKV) | IN(CONTAINER_PLAIN), ".h264.264.avc" },
	{ "hevc", HVCAL_CODEC_HEVC, AV_CODEC_ID_HEVC,
	  IN(CONTAINER_MP4) | IN(CONTAINER_MKV) | IN(CONTAINER_PLAIN), ".hevc.h265.265" },
	{ "vp9", HVCAL_CODEC_VP9, AV_CODEC_ID_VP9,
	  IN(CONTAINER_MP4) | IN(CONTAINER_MKV) | IN(CONTAINER_IVF), "" },
	{ "av1", HVCAL_CODEC_AV1, AV_CODEC_ID_AV1,
	  IN(CONTAINER_MP4) | IN(CONTAINER_MKV) | IN(CONTAINER_IVF) | IN(CONTAINER_PLAIN),
	  ".obu" },
	{ "raw", HVCAL_CODEC_RAW, AV_CODEC_ID_NONE,
	  IN(CONTAINER_IVF) | IN(CONTAINER_PLAIN), ".yuv" },
	{ "null", HVCAL_CODEC_NULL, AV_CODEC_ID_NONE,
	  IN(CONTAINER_IVF) | IN(CONTAINER_PLAIN), ".bin" },
};

#define NCODECS (sizeof(codecs) / sizeof(codecs[0]))

const struct codec_name *codec_by_name(const char *name)
{
	for (size_t i = 0; i < NCODECS; i++)
		if (!strcasecmp(codecs[i].name, name))
			return &codecs[i];
	return NULL;
}

const struct codec_name *codec_by_fourcc(uint32_t fourcc)
{
	for (size_t i = 0; i < NCODECS; i++)
		if (codecs[i].fourcc == fourcc)
			return &codecs[i];
	return NULL;
}

void codec_list(char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < NCODECS && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 i ? ", " : "", codecs[i].name);
}

/* True if ".EXT" is one of @list, which reads ".A.B.C". */
static bool extension_in(const char *list, const char *extension)
{
	size_t length = strlen(extension);

	for (const char *at = list; *at; at += 1 + strcspn(at + 1, "."))
		if (!strncasecmp(at, extension, length) && (!at[length] || at[length] == '.'))
			return true;
	return false;
}

enum container container_by_path(const char *path)
{
	const char *name = strrchr(path, '/');
	const char *extension = strrchr(name ? name : path, '.');

	if (!extension || !extension[1])
		return CONTAINER_NONE;
	if (extension_in(".mp4.m4v.mov", extension))
		return CONTAINER_MP4;
	if (extension_in(".mkv.webm", extension))
		return CONTAINER_MKV;
	if (extension_in(".ivf", extension))
		return CONTAINER_IVF;
	for (size_t i = 0; i < NCODECS; i++)
		if (extension_in(codecs[i].extensions, extension))
			return CONTAINER_PLAIN;
	return CONTAINER_NONE;
}

static const char *const container_names[] = {
	[CONTAINER_NONE] = "none", [CONTAINER_MP4] = "mp4", [CONTAINER_MKV] = "mkv",
	[CONTAINER_IVF] = "ivf", [CONTAINER_PLAIN] = "plain",
};

enum container container_by_name(const char *name)
{
	for (int i = CONTAINER_MP4; i <= CONTAINER_PLAIN; i++)
		if (!strcmp(container_names[i], name))
			return (enum container)i;
	return CONTAINER_NONE;
}

const char *container_name(enum container container)
{
	return container_names[container];
}

void fourcc_text(uint32_t fourcc, char text[5])
{
	for (int i = 0; i < 4; i++) {
		char c = (char)(fourcc >> (8 * i));

		text[i] = c >= ' ' && c <= '~' ? c : '?';
	}
	text[4] = '\0';
}

enum AVPixelFormat pixfmt_by_fourcc(uint32_t fourcc)
{
	switch (fourcc) {
	case HVCAL_FORMAT_I420:
		return AV_PIX_FMT_YUV420P;
	case HVCAL_FORMAT_NV12:
		return AV_PIX_FMT_NV12;
	case HVCAL_FORMAT_P010:
		return AV_PIX_FMT_P010LE;
	case FORMAT_I010:
		return AV_PIX_FMT_YUV420P10LE;
	case HVCAL_FORMAT_XRGB8888:
		return AV_PIX_FMT_BGR0;
	default:
		return AV_PIX_FMT_NONE;
	}
}

const uint32_t *source_formats(unsigned int depth)
{
	/* I420 first: most files decode to it, so that filling is a plain copy. */
	static const uint32_t eight[] = {
		HVCAL_FORMAT_I420, HVCAL_FORMAT_NV12, HVCAL_FORMAT_XRGB8888, 0
	};
	static const uint32_t ten[] = { FORMAT_I010, HVCAL_FORMAT_P010, 0 };

	return depth == 10 ? ten : eight;
}
