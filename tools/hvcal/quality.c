/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>

#include "quality.h"

#define PSNR_EQUAL 99.99

/* 4:2:0 as three planes of 16 bit samples, whatever it was before. */
struct planes {
	int width, height, depth;
	int64_t pts;
	struct planes *next;
	uint16_t *sample[3];
	uint16_t memory[];
};

struct quality {
	AVCodecContext *decoder;
	AVPacket *packet;
	AVFrame *frame;
	struct planes *waiting;	/* sources whose packets are not decoded yet */
	bool want_ssim;
	uint64_t frames;
	uint64_t samples[3];
	double squares[3];	/* of differences, in units of the peak */
	double ssim;		/* sum over frames */
};

static int plane_width(const struct planes *p, int plane)
{
	return plane ? (p->width + 1) / 2 : p->width;
}

static int plane_height(const struct planes *p, int plane)
{
	return plane ? (p->height + 1) / 2 : p->height;
}

struct layout {
	int depth;
	int bytes;		/* of a sample */
	bool interleaved;	/* U and V in one plane */
	int shift;		/* unused bits below the sample */
};

static int layout_of(enum AVPixelFormat format, struct layout *layout)
{
	switch (format) {
	case AV_PIX_FMT_YUV420P:
	case AV_PIX_FMT_YUVJ420P:
		*layout = (struct layout){ 8, 1, false, 0 };
		return 0;
	case AV_PIX_FMT_NV12:
		*layout = (struct layout){ 8, 1, true, 0 };
		return 0;
	case AV_PIX_FMT_YUV420P10LE:
		*layout = (struct layout){ 10, 2, false, 0 };
		return 0;
	case AV_PIX_FMT_P010LE:
		*layout = (struct layout){ 10, 2, true, 6 };
		return 0;
	default:
		return -EINVAL;
	}
}

static void copy_plane(struct planes *p, int plane, const struct picture *from,
		       const struct layout *layout)
{
	bool pair = layout->interleaved && plane;
	int source = pair ? 1 : plane, step = pair ? 2 : 1, first = pair ? plane - 1 : 0;
	int width = plane_width(p, plane), height = plane_height(p, plane);
	uint16_t *to = p->sample[plane];

	for (int y = 0; y < height; y++) {
		const uint8_t *row = from->data[source] + (ptrdiff_t)y * from->stride[source];

		if (layout->bytes == 1) {
			for (int x = 0; x < width; x++)
				*to++ = row[first + x * step];
		} else {
			const uint16_t *wide = (const uint16_t *)(const void *)row;

			for (int x = 0; x < width; x++)
				*to++ = (uint16_t)(wide[first + x * step] >> layout->shift);
		}
	}
}

static int planes_from(const struct picture *picture, int64_t pts, struct planes **out)
{
	size_t luma = (size_t)picture->width * (size_t)picture->height;
	size_t chroma = (size_t)((picture->width + 1) / 2) * (size_t)((picture->height + 1) / 2);
	struct layout layout;
	struct planes *p;

	if (layout_of(picture->format, &layout))
		return -EINVAL;
	p = malloc(sizeof(*p) + (luma + 2 * chroma) * sizeof(uint16_t));
	if (!p)
		return -ENOMEM;
	p->width = picture->width;
	p->height = picture->height;
	p->depth = layout.depth;
	p->pts = pts;
	p->next = NULL;
	p->sample[0] = p->memory;
	p->sample[1] = p->memory + luma;
	p->sample[2] = p->memory + luma + chroma;
	for (int plane = 0; plane < 3; plane++)
		copy_plane(p, plane, picture, &layout);
	*out = p;
	return 0;
}

static void add_squares(struct quality *q, const struct planes *a, const struct planes *b)
{
	double peak = (1 << a->depth) - 1;

	for (int plane = 0; plane < 3; plane++) {
		size_t n = (size_t)plane_width(a, plane) * (size_t)plane_height(a, plane);
		uint64_t sum = 0;

		for (size_t i = 0; i < n; i++) {
			int d = a->sample[plane][i] - b->sample[plane][i];

			sum += (uint64_t)(d * d);
		}
		q->squares[plane] += (double)sum / (peak * peak);
		q->samples[plane] += n;
	}
}

/* SSIM of one 8x8 window (Wang et al. 2004, with equal weights). */
static double window_ssim(const uint16_t *a, const uint16_t *b, int stride, double peak)
{
	const double n = 64.0, c1 = 0.01 * peak * 0.01 * peak, c2 = 0.03 * peak * 0.03 * peak;
	uint64_t sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
	double ma, mb, va, vb, cov;

	for (int y = 0; y < 8; y++, a += stride, b += stride) {
		for (int x = 0; x < 8; x++) {
			sa += a[x];
			sb += b[x];
			saa += (uint64_t)a[x] * a[x];
			sbb += (uint64_t)b[x] * b[x];
			sab += (uint64_t)a[x] * b[x];
		}
	}
	ma = (double)sa / n;
	mb = (double)sb / n;
	va = (double)saa / n - ma * ma;
	vb = (double)sbb / n - mb * mb;
	cov = (double)sab / n - ma * mb;
	return (2 * ma * mb + c1) * (2 * cov + c2) /
	       ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

/* Mean over windows every 4 samples, luma. 1 for pictures smaller than that. */
static double picture_ssim(const struct planes *a, const struct planes *b)
{
	double sum = 0, peak = (1 << a->depth) - 1;
	uint64_t windows = 0;

	for (int y = 0; y + 8 <= a->height; y += 4) {
		for (int x = 0; x + 8 <= a->width; x += 4) {
			size_t at = (size_t)y * (size_t)a->width + (size_t)x;

			sum += window_ssim(a->sample[0] + at, b->sample[0] + at, a->width, peak);
			windows++;
		}
	}
	return windows ? sum / (double)windows : 1.0;
}

static struct planes *take_source(struct quality *q, int64_t pts)
{
	for (struct planes **at = &q->waiting; *at; at = &(*at)->next) {
		if ((*at)->pts == pts) {
			struct planes *found = *at;

			*at = found->next;
			return found;
		}
	}
	return NULL;
}

static int compare_frame(struct quality *q)
{
	struct picture decoded = {
		.format = q->frame->format,
		.width = q->frame->width,
		.height = q->frame->height,
	};
	struct planes *source, *result;
	int ret;

	memcpy(decoded.data, q->frame->data, sizeof(decoded.data));
	memcpy(decoded.stride, q->frame->linesize, sizeof(decoded.stride));
	source = take_source(q, q->frame->pts);
	if (!source)
		return -EBADMSG;
	ret = planes_from(&decoded, q->frame->pts, &result);
	if (!ret) {
		if (source->width == result->width && source->height == result->height &&
		    source->depth == result->depth) {
			add_squares(q, source, result);
			if (q->want_ssim)
				q->ssim += picture_ssim(source, result);
			q->frames++;
		} else {
			ret = -EBADMSG;
		}
		free(result);
	}
	free(source);
	return ret;
}

int quality_open(const struct codec_name *codec, bool want_ssim, struct quality **out)
{
	const AVCodec *decoder = codec->av_id == AV_CODEC_ID_NONE ? NULL :
				 avcodec_find_decoder(codec->av_id);
	struct quality *q;

	if (!decoder)
		return -EOPNOTSUPP;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->want_ssim = want_ssim;
	q->decoder = avcodec_alloc_context3(decoder);
	q->packet = av_packet_alloc();
	q->frame = av_frame_alloc();
	if (!q->decoder || !q->packet || !q->frame) {
		quality_close(&q);
		return -ENOMEM;
	}
	q->decoder->thread_count = 1;
	if (avcodec_open2(q->decoder, decoder, NULL) < 0) {
		quality_close(&q);
		return -EOPNOTSUPP;
	}
	*out = q;
	return 0;
}

int quality_source(struct quality *q, const struct picture *picture, int64_t pts)
{
	struct planes *p, **end = &q->waiting;
	int ret = planes_from(picture, pts, &p);

	if (ret)
		return ret;
	while (*end)
		end = &(*end)->next;
	*end = p;
	return 0;
}

int quality_packet(struct quality *q, const void *data, size_t len, int64_t pts)
{
	int ret;

	if (data) {
		/* A copy, because the decoder reads beyond the end. */
		ret = av_new_packet(q->packet, (int)len);
		if (ret < 0)
			return -ENOMEM;
		memcpy(q->packet->data, data, len);
		q->packet->pts = pts;
		ret = avcodec_send_packet(q->decoder, q->packet);
		av_packet_unref(q->packet);
	} else {
		ret = avcodec_send_packet(q->decoder, NULL);
	}
	if (ret < 0)
		return -EBADMSG;
	while ((ret = avcodec_receive_frame(q->decoder, q->frame)) >= 0) {
		ret = compare_frame(q);
		av_frame_unref(q->frame);
		if (ret)
			return ret;
	}
	return ret == AVERROR(EAGAIN) || ret == AVERROR_EOF ? 0 : -EBADMSG;
}

static double psnr(double squares, uint64_t samples)
{
	return squares > 0 ? 10 * log10((double)samples / squares) : PSNR_EQUAL;
}

void quality_summarize(const struct quality *q, struct quality_summary *summary)
{
	uint64_t samples = q->samples[0] + q->samples[1] + q->samples[2];

	*summary = (struct quality_summary){ .frames = q->frames };
	if (!q->frames)
		return;
	for (int i = 0; i < 3; i++)
		summary->psnr[i] = psnr(q->squares[i], q->samples[i]);
	summary->psnr_all = psnr(q->squares[0] + q->squares[1] + q->squares[2], samples);
	summary->ssim = q->ssim / (double)q->frames;
}

void quality_close(struct quality **quality)
{
	struct quality *q = quality ? *quality : NULL;

	if (!q)
		return;
	while (q->waiting) {
		struct planes *next = q->waiting->next;

		free(q->waiting);
		q->waiting = next;
	}
	avcodec_free_context(&q->decoder);
	av_packet_free(&q->packet);
	av_frame_free(&q->frame);
	free(q);
	*quality = NULL;
}
