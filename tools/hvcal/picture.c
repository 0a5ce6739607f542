/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "picture.h"

struct converter {
	struct SwsContext *sws;
};

int picture_row_bytes(const struct picture *picture, int plane)
{
	int bytes = av_image_get_linesize(picture->format, picture->width, plane);

	return bytes < 0 ? 0 : bytes;
}

int picture_rows(const struct picture *picture, int plane)
{
	const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(picture->format);

	if (!desc || plane >= av_pix_fmt_count_planes(picture->format))
		return 0;
	if (plane == 1 || plane == 2)
		return AV_CEIL_RSHIFT(picture->height, desc->log2_chroma_h);
	return picture->height;
}

int picture_alloc(struct picture *picture, enum AVPixelFormat format,
		  int width, int height)
{
	int ret;

	picture->format = format;
	picture->width = width;
	picture->height = height;
	/* 32: what the SIMD code of libswscale likes */
	ret = av_image_alloc(picture->data, picture->stride, width, height, format, 32);
	if (ret < 0) {
		memset(picture->data, 0, sizeof(picture->data));
		return ret == AVERROR(ENOMEM) ? -ENOMEM : -EINVAL;
	}
	return 0;
}

void picture_free(struct picture *picture)
{
	av_freep(&picture->data[0]);
	memset(picture->data, 0, sizeof(picture->data));
}

static void copy_planes(const struct picture *from, const struct picture *to)
{
	for (int plane = 0; plane < av_pix_fmt_count_planes(to->format); plane++)
		av_image_copy_plane(to->data[plane], to->stride[plane],
				    from->data[plane], from->stride[plane],
				    picture_row_bytes(to, plane), picture_rows(to, plane));
}

/* The J formats are their namesakes in full range, which is said separately. */
static enum AVPixelFormat without_range(enum AVPixelFormat format)
{
	switch (format) {
	case AV_PIX_FMT_YUVJ420P:
		return AV_PIX_FMT_YUV420P;
	case AV_PIX_FMT_YUVJ422P:
		return AV_PIX_FMT_YUV422P;
	case AV_PIX_FMT_YUVJ444P:
		return AV_PIX_FMT_YUV444P;
	default:
		return format;
	}
}

int picture_convert(struct converter **converter, const struct picture *from,
		    const struct picture *to, int full_range)
{
	enum AVPixelFormat format = without_range(from->format);
	int width = from->width, height = from->height;
	struct converter *c;
	int filter;

	if (width == to->width + 1)
		width = to->width;
	if (height == to->height + 1)
		height = to->height;
	if (format == to->format && width == to->width && height == to->height) {
		copy_planes(from, to);
		return 0;
	}

	if (!*converter)
		*converter = calloc(1, sizeof(**converter));
	c = *converter;
	if (!c)
		return -ENOMEM;
	filter = width == to->width && height == to->height ? SWS_POINT : SWS_BICUBIC;
	c->sws = sws_getCachedContext(c->sws, width, height, format, to->width, to->height,
				      to->format, filter | SWS_ACCURATE_RND, NULL, NULL, NULL);
	if (!c->sws)
		return -EINVAL;
	sws_setColorspaceDetails(c->sws, sws_getCoefficients(SWS_CS_DEFAULT), full_range,
				 sws_getCoefficients(SWS_CS_DEFAULT), full_range,
				 0, 1 << 16, 1 << 16);
	return sws_scale(c->sws, (const uint8_t *const *)from->data, from->stride, 0, height,
			 to->data, to->stride) < 0 ? -EINVAL : 0;
}

void converter_free(struct converter **converter)
{
	if (!*converter)
		return;
	sws_freeContext((*converter)->sws);
	free(*converter);
	*converter = NULL;
}
