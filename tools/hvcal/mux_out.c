/* SPDX-License-Identifier: MIT */
/*
 * MP4 and Matroska through libavformat, which makes what these need (avcC, hvcC,
 * length prefixes) from the byte stream and its parameter sets.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>

#include "cli.h"
#include "sink.h"

#define IO_BYTES (64 * 1024)

struct mux_out {
	struct sink base;
	AVFormatContext *format;
	AVStream *stream;
	AVPacket *packet;
	AVRational tb;		/**< of the packets that come in */
	bool begun;		/**< the header is written */
};

static struct mux_out *mux_of(struct sink *sink)
{
	return (struct mux_out *)sink;
}

static int put_bytes(void *opaque, uint8_t *data, int len)
{
	int ret = sink_put(opaque, data, (size_t)len);

	return ret ? ret : len;
}

static int64_t seek_to(void *opaque, int64_t offset, int whence)
{
	struct sink *sink = opaque;
	off_t at;

	if (whence & AVSEEK_SIZE)
		return AVERROR(ENOSYS);
	at = lseek(sink->fd, offset, whence & ~AVSEEK_FORCE);
	return at < 0 ? -errno : at;
}

static void mux_free(struct sink *sink)
{
	struct mux_out *out = mux_of(sink);

	av_packet_free(&out->packet);
	if (out->format && out->format->pb) {
		av_freep(&out->format->pb->buffer);
		avio_context_free(&out->format->pb);
	}
	avformat_free_context(out->format);
	free(out);
}

static int mux_error(struct sink *sink, int error)
{
	if (!sink->error) {
		sink->error = -EIO;
		cli_error("%s: libavformat: %s", sink->path, av_err2str(error));
	}
	return sink->error;
}

/*
 * The parameter sets of the stream, out of its first packet. A stream whose
 * codec needs none (VP9) has none.
 */
static int find_extradata(AVCodecParameters *par, const AVPacket *first)
{
	const AVBitStreamFilter *filter = av_bsf_get_by_name("extract_extradata");
	AVBSFContext *bsf = NULL;
	AVPacket *packet = av_packet_clone(first);
	size_t size;
	uint8_t *data;
	int ret = packet ? 0 : AVERROR(ENOMEM);

	if (!ret)
		ret = av_bsf_alloc(filter, &bsf);
	if (!ret)
		ret = avcodec_parameters_copy(bsf->par_in, par);
	if (!ret)
		ret = av_bsf_init(bsf);
	if (!ret)
		ret = av_bsf_send_packet(bsf, packet);
	if (!ret)
		ret = av_bsf_receive_packet(bsf, packet);
	if (!ret) {
		data = av_packet_get_side_data(packet, AV_PKT_DATA_NEW_EXTRADATA, &size);
		if (data) {
			par->extradata = av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE);
			if (par->extradata) {
				memcpy(par->extradata, data, size);
				par->extradata_size = (int)size;
			} else {
				ret = AVERROR(ENOMEM);
			}
		}
	}
	av_packet_free(&packet);
	av_bsf_free(&bsf);
	return ret;
}

static int begin(struct mux_out *out)
{
	AVCodecParameters *par = out->stream->codecpar;
	int ret;

	if (par->codec_id != AV_CODEC_ID_VP9) {
		ret = find_extradata(par, out->packet);
		if (ret < 0)
			return mux_error(&out->base, ret);
		if (!par->extradata) {
			out->base.error = -EPROTO;
			cli_error("%s: the engine's first packet has no parameter sets",
				  out->base.path);
			return -EPROTO;
		}
	}
	ret = avformat_write_header(out->format, NULL);
	if (ret < 0)
		return mux_error(&out->base, ret);
	out->begun = true;
	return 0;
}

static int mux_write(struct sink *sink, const struct sink_packet *packet)
{
	struct mux_out *out = mux_of(sink);
	int ret = av_new_packet(out->packet, (int)packet->size);

	if (ret < 0)
		return mux_error(sink, ret);
	memcpy(out->packet->data, packet->data, packet->size);
	out->packet->flags = packet->key ? AV_PKT_FLAG_KEY : 0;
	ret = out->begun ? 0 : begin(out);
	if (ret) {
		av_packet_unref(out->packet);
		return ret;
	}
	out->packet->pts = av_rescale_q(packet->pts, out->tb, out->stream->time_base);
	out->packet->dts = av_rescale_q(packet->dts, out->tb, out->stream->time_base);
	/* Only the last one's counts: the others end where the next one starts. */
	out->packet->duration = av_rescale_q(1, av_inv_q(out->stream->avg_frame_rate),
					     out->stream->time_base);
	ret = av_interleaved_write_frame(out->format, out->packet);
	if (ret >= 0 && out->format->pb->error < 0)
		ret = out->format->pb->error;
	return ret < 0 ? mux_error(sink, ret) : 0;
}

static int mux_finish(struct sink *sink)
{
	struct mux_out *out = mux_of(sink);
	int ret = out->begun ? av_write_trailer(out->format) : 0;

	avio_flush(out->format->pb);
	if (ret >= 0 && out->format->pb->error < 0)
		ret = out->format->pb->error;
	return ret < 0 ? mux_error(sink, ret) : sink->error;
}

static const struct sink_ops mux_ops = {
	.write = mux_write, .finish = mux_finish, .free = mux_free,
};

static void describe(struct mux_out *out, const struct sink_params *params)
{
	const struct source_info *info = params->info;
	AVCodecParameters *par = out->stream->codecpar;

	par->codec_type = AVMEDIA_TYPE_VIDEO;
	par->codec_id = params->codec->av_id;
	par->width = info->width;
	par->height = info->height;
	par->format = params->depth == 10 ? AV_PIX_FMT_YUV420P10LE : AV_PIX_FMT_YUV420P;
	par->color_range = info->full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
	if (info->primaries)
		par->color_primaries = (enum AVColorPrimaries)info->primaries;
	if (info->transfer)
		par->color_trc = (enum AVColorTransferCharacteristic)info->transfer;
	if (info->matrix)
		par->color_space = (enum AVColorSpace)info->matrix;
	if (info->sar_num)
		par->sample_aspect_ratio = (AVRational){ (int)info->sar_num, (int)info->sar_den };
	out->stream->sample_aspect_ratio = par->sample_aspect_ratio;
	out->stream->time_base = out->tb;
	out->stream->avg_frame_rate = (AVRational){ (int)info->fps_num, (int)info->fps_den };
}

int mux_out_create(const struct sink_params *params, struct sink **sink)
{
	struct mux_out *out = calloc(1, sizeof(*out));
	const char *name = params->container == CONTAINER_MP4 ? "mp4" : "matroska";
	uint8_t *buffer = av_malloc(IO_BYTES);

	if (out && buffer &&
	    avformat_alloc_output_context2(&out->format, NULL, name, NULL) >= 0) {
		out->format->pb = avio_alloc_context(buffer, IO_BYTES, 1, &out->base, NULL,
						     put_bytes, seek_to);
		if (out->format->pb)
			buffer = NULL;
		out->stream = avformat_new_stream(out->format, NULL);
		out->packet = av_packet_alloc();
	}
	av_free(buffer);
	if (!out)
		return -ENOMEM;
	if (!out->packet || !out->stream || !out->format->pb) {
		mux_free(&out->base);
		return -ENOMEM;
	}
	out->base.ops = &mux_ops;
	out->tb = (AVRational){ (int)params->info->tb_num, (int)params->info->tb_den };
	describe(out, params);
	*sink = &out->base;
	return 0;
}
