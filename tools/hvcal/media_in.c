/* SPDX-License-Identifier: MIT */
/*
 * Any file that libavformat reads.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

#include "cli.h"
#include "hdr.h"
#include "source.h"

#define TRANSFER_PQ 16		/* of H.273 */

struct media_in {
	struct source base;
	char *path;
	AVFormatContext *format;
	AVCodecContext *decoder;
	AVPacket *packet;
	AVFrame *frame;
	AVStream *stream;
	struct converter *converter;
	uint64_t max_frames;
	int64_t step;		/**< duration of a picture in units of pts */
	bool retime;		/**< pictures are timed evenly, by order */
	bool draining;
	bool ahead;		/**< the next picture is in frame already */
	struct t35_log *t35;
	int64_t packets;	/**< fed to the decoder */
};

static struct media_in *media_of(struct source *source)
{
	return (struct media_in *)source;
}

static int give_up_when_interrupted(void *unused)
{
	(void)unused;
	return cli_interrupted();
}

static void media_close(struct source *source)
{
	struct media_in *in = media_of(source);

	converter_free(&in->converter);
	t35_log_free(&in->t35);
	av_frame_free(&in->frame);
	av_packet_free(&in->packet);
	avcodec_free_context(&in->decoder);
	avformat_close_input(&in->format);
	free(in->path);
	free(in);
}

/* The time of in->frame, made increasing where the file does not say or errs. */
static int64_t frame_pts(struct media_in *in)
{
	int64_t pts = in->frame->best_effort_timestamp;
	bool first = in->base.frames == 0;

	if (in->retime)
		return (int64_t)in->base.frames;
	if (pts == AV_NOPTS_VALUE)
		return first ? 0 : in->base.last_pts + in->step;
	if (!first && pts <= in->base.last_pts)
		return in->base.last_pts + 1;
	return pts;
}

static int put_frame(struct media_in *in, const struct picture *to, int64_t *pts)
{
	struct picture from = {
		.format = in->frame->format,
		.width = in->frame->width,
		.height = in->frame->height,
	};
	int ret;

	memcpy(from.data, in->frame->data, sizeof(from.data));
	memcpy(from.stride, in->frame->linesize, sizeof(from.stride));
	ret = picture_convert(&in->converter, &from, to, (int)in->base.info.full_range);
	if (ret) {
		const char *name = av_get_pix_fmt_name(from.format);

		cli_error("%s: pictures of format %s cannot be converted", in->path,
			  name ? name : "?");
		return ret;
	}
	*pts = frame_pts(in);
	in->base.t35_count = t35_log_take(in->t35, in->frame->reordered_opaque, &in->base.t35);
	return 1;
}

/* Feeds the decoder one packet, or the end. @return 0 or a negative errno */
static int feed(struct media_in *in)
{
	int ret;

	do {
		av_packet_unref(in->packet);
		ret = av_read_frame(in->format, in->packet);
	} while (ret >= 0 && in->packet->stream_index != in->stream->index);

	if (ret == AVERROR_EOF) {
		in->draining = true;
		ret = avcodec_send_packet(in->decoder, NULL);
	} else if (ret >= 0) {
		/* the decoder hands the number on to the picture */
		in->decoder->reordered_opaque = in->packets;
		if (t35_log_packet(in->t35, in->packet, in->packets++)) {
			cli_error("%s: out of memory", in->path);
			return -ENOMEM;
		}
		ret = avcodec_send_packet(in->decoder, in->packet);
		if (ret == AVERROR_INVALIDDATA) {
			in->base.bad_packets++;
			ret = 0;
		}
	}
	if (ret < 0 && !cli_interrupted())
		cli_error("%s: reading failed: %s", in->path, av_err2str(ret));
	return ret < 0 ? -EIO : 0;
}

/* Decodes the next picture. @return 1, 0 at the end, negative errno after a message */
static int next_frame(struct media_in *in)
{
	int ret;

	if (in->ahead) {
		in->ahead = false;
		return 1;
	}
	for (;;) {
		ret = avcodec_receive_frame(in->decoder, in->frame);
		if (ret >= 0)
			return 1;
		if (ret == AVERROR_EOF)
			return 0;
		if (ret == AVERROR_INVALIDDATA) {
			in->base.bad_packets++;
			continue;
		}
		if (ret != AVERROR(EAGAIN)) {
			cli_error("%s: decoding failed: %s", in->path, av_err2str(ret));
			return -EIO;
		}
		if (in->draining)
			return 0;
		ret = feed(in);
		if (ret)
			return ret;
	}
}

static int media_read(struct source *source, const struct picture *to, int64_t *pts)
{
	struct media_in *in = media_of(source);
	int ret;

	if (in->max_frames && source->frames >= in->max_frames)
		return 0;
	ret = next_frame(in);
	if (ret == 1) {
		ret = put_frame(in, to, pts);
		av_frame_unref(in->frame);
	}
	return ret;
}

/* The first picture says what the screen was that HDR was made on. */
static int look_ahead(struct media_in *in)
{
	int ret;

	if (in->base.info.transfer != TRANSFER_PQ)
		return 0;
	ret = next_frame(in);
	if (ret == 1) {
		in->ahead = true;
		hdr_static(&in->base.info, in->frame);
	}
	return ret < 0 ? ret : 0;
}

static const struct source_ops media_ops = { .read = media_read, .close = media_close };

static int open_file(struct media_in *in)
{
	struct stat st;
	int ret;

	/* libavformat would take "http:" or "concat:" for protocols: files only. */
	if (stat(in->path, &st)) {
		ret = -errno;
		cli_error("%s: %s", in->path, strerror(-ret));
		return ret;
	}
	if (S_ISDIR(st.st_mode)) {
		cli_error("%s: is a directory, not a video file", in->path);
		return -EISDIR;
	}
	if (S_ISREG(st.st_mode) && !st.st_size) {
		cli_error("%s: the file is empty", in->path);
		return -EINVAL;
	}
	in->format = avformat_alloc_context();
	if (!in->format)
		return -ENOMEM;
	in->format->interrupt_callback.callback = give_up_when_interrupted;
	{
		size_t length = strlen(in->path) + sizeof("file:");
		char *url = malloc(length);

		if (!url)
			return -ENOMEM;
		snprintf(url, length, "file:%s", in->path);
		ret = avformat_open_input(&in->format, url, NULL, NULL);
		free(url);
	}
	if (ret == AVERROR_INVALIDDATA) {
		cli_error("%s: not a media file that can be read, or it is damaged", in->path);
		return -EINVAL;
	}
	if (ret < 0) {
		cli_error("%s: %s", in->path, av_err2str(ret));
		return ret == AVERROR(EACCES) ? -EACCES : -EIO;
	}
	ret = avformat_find_stream_info(in->format, NULL);
	if (ret < 0 && !cli_interrupted())
		cli_error("%s: %s", in->path, av_err2str(ret));
	return ret < 0 ? -EIO : 0;
}

static int open_decoder(struct media_in *in)
{
	const AVCodec *codec = NULL;
	int index, ret;

	index = av_find_best_stream(in->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
	if (index == AVERROR_STREAM_NOT_FOUND) {
		cli_error("%s: there is no video in this file", in->path);
		return -EINVAL;
	}
	if (index < 0 || !codec) {
		cli_error("%s: no decoder for this video", in->path);
		return -EINVAL;
	}
	in->stream = in->format->streams[index]; /* NOLINT: the file is open */
	in->decoder = avcodec_alloc_context3(codec);
	in->packet = av_packet_alloc();
	in->frame = av_frame_alloc();
	in->t35 = t35_log_create(in->stream->codecpar);
	if (!in->decoder || !in->packet || !in->frame || !in->t35)
		return -ENOMEM;
	ret = avcodec_parameters_to_context(in->decoder, in->stream->codecpar);
	if (ret >= 0) {
		in->decoder->pkt_timebase = in->stream->time_base;
		in->decoder->thread_count = 0;
		ret = avcodec_open2(in->decoder, codec, NULL);
	}
	if (ret < 0) {
		cli_error("%s: the %s decoder does not open: %s", in->path, codec->name,
			  av_err2str(ret));
		return -EINVAL;
	}
	return 0;
}

/* H.273 has 2 for "unspecified"; so does libav, with the same numbers. */
static uint32_t h273(int value)
{
	return value == 2 ? 0 : (uint32_t)value;
}

static int fill_info(struct media_in *in, const struct source_params *params)
{
	struct source_info *info = &in->base.info;
	const AVCodecParameters *par = in->stream->codecpar;
	AVRational fps = av_guess_frame_rate(in->format, in->stream, NULL);
	AVRational tb = in->stream->time_base;
	AVRational sar = av_guess_sample_aspect_ratio(in->format, in->stream, NULL);
	int ret = source_set_size(info, params, par->width, par->height);

	if (ret)
		return ret;
	if (fps.num <= 0 || fps.den <= 0)
		fps = (AVRational){ 25, 1 };
	if (in->stream->nb_frames > 0)
		info->frames = (uint64_t)in->stream->nb_frames;
	else if (in->format->duration > 0)
		info->frames = (uint64_t)(av_q2d(fps) * (double)in->format->duration /
					  AV_TIME_BASE + 0.5);
	if (params->max_frames && (!info->frames || info->frames > params->max_frames))
		info->frames = params->max_frames;
	if (params->fps_num) {
		fps = (AVRational){ (int)params->fps_num, (int)params->fps_den };
		tb = av_inv_q(fps);
		in->retime = true;
	}
	info->fps_num = (uint32_t)fps.num;
	info->fps_den = (uint32_t)fps.den;
	info->tb_num = (uint32_t)tb.num;
	info->tb_den = (uint32_t)tb.den;
	in->step = av_rescale_q(1, av_inv_q(fps), tb);
	if (in->step < 1)
		in->step = 1;

	info->full_range = par->color_range == AVCOL_RANGE_JPEG ||
			   par->format == AV_PIX_FMT_YUVJ420P ||
			   par->format == AV_PIX_FMT_YUVJ422P ||
			   par->format == AV_PIX_FMT_YUVJ444P;
	info->primaries = h273(par->color_primaries);
	info->transfer = h273(par->color_trc);
	info->matrix = h273(par->color_space);
	if (sar.num > 0 && sar.den > 0 && !params->width) {
		info->sar_num = (uint32_t)sar.num;
		info->sar_den = (uint32_t)sar.den;
	}
	snprintf(info->description, sizeof(info->description), "%s %dx%d %.4g fps",
		 avcodec_get_name(par->codec_id), par->width, par->height, av_q2d(fps));
	return 0;
}

int media_in_open(const struct source_params *params, struct source **source)
{
	struct media_in *in = calloc(1, sizeof(*in));
	int ret = -ENOMEM;

	if (in) {
		in->base.ops = &media_ops;
		in->max_frames = params->max_frames;
		in->path = strdup(params->path);
		if (in->path)
			ret = open_file(in);
		if (!ret)
			ret = open_decoder(in);
		if (!ret)
			ret = fill_info(in, params);
		if (!ret)
			ret = look_ahead(in);
		if (ret)
			media_close(&in->base);
	}
	if (ret == -ENOMEM)
		cli_error("%s: out of memory", params->path);
	if (!ret)
		*source = &in->base;
	return ret;
}
