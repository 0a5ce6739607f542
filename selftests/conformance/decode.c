// SPDX-License-Identifier: MIT
/*
 * Looks into packets: those of codecs through libavcodec and libdav1d, where the
 * program was built with them; those of the null and the raw engine by hand.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/engines/null.h"
#include "conformance.h"

static void check_null(struct conf_stream *s, const struct conf_frame *f)
{
	const struct hvcal_frame_layout *l = &f->source->engine.layout;
	struct hvcal_null_packet p;
	struct conf_buffer *again;
	uint32_t samples;
	uint64_t sum;

	CHECK(s->c, f->result.bytes >= sizeof(p), "frame %u: packet without a header", f->number);
	memcpy(&p, f->packet, sizeof(p));
	CHECK(s->c, p.magic == HVCAL_NULL_MAGIC && p.size == f->result.bytes,
	      "frame %u: packet with a wrong header", f->number);
	CHECK(s->c, p.pts == f->job.params.pts, "frame %u: packet of another frame", f->number);
	CHECK(s->c, !!(p.flags & HVCAL_NULL_KEY) == !!(f->result.flags & HVCAL_RESULT_KEY),
	      "frame %u: packet and result differ on whether it is a key frame", f->number);
	CHECK(s->c, p.width == l->width && p.height == l->height,
	      "frame %u: packet of %ux%u", f->number, p.width, p.height);
	/* its buffer may have been drawn over since: draw it anew */
	again = conf_source_new(s->c, &s->config);
	conf_draw(again, f->number);
	sum = hvcal_null_checksum(&again->engine.layout, again->engine.map, again->engine.len,
				  &samples);
	conf_buffer_free(s->c, again);
	CHECK(s->c, p.samples == samples && p.checksum == sum,
	      "frame %u: the engine has seen another picture", f->number);
}

static void decode_null(struct conf_stream *s, unsigned int first)
{
	struct conf_frame *f;

	for (unsigned int i = first; (f = conf_by_order(s, i)); i++)
		if (f->packet)
			check_null(s, f);
}

static void check_raw(struct conf_stream *s, const struct conf_frame *f,
		      struct conf_picture *picture)
{
	struct conf_buffer *again = conf_source_new(s->c, &s->config);
	const struct hvcal_frame_layout *l = &again->engine.layout;
	uint64_t at = 0;

	conf_draw(again, f->number);
	for (uint32_t p = 0; p < l->planes; p++) {
		uint32_t bytes, rows = conf_plane_rows(l, p, &bytes);

		for (uint32_t y = 0; y < rows; y++, at += bytes)
			if (at + bytes > f->result.bytes ||
			    memcmp(f->packet + at,
				   again->mine + l->offset[p] + (size_t)y * l->stride[p], bytes))
				conf_fail(s->c, "frame %u: row %u of plane %u is another",
					  f->number, y, p);
	}
	if (at != f->result.bytes)
		conf_fail(s->c, "frame %u: %llu bytes instead of %llu", f->number,
			  (unsigned long long)f->result.bytes, (unsigned long long)at);
	if (picture)
		*picture = (struct conf_picture){
			.there = true, .exact = true, .psnr = 100,
			.width = l->width, .height = l->height,
		};
	conf_buffer_free(s->c, again);
}

static void decode_raw(struct conf_stream *s, unsigned int first, struct conf_picture *pictures)
{
	struct conf_frame *f;

	for (unsigned int i = first; (f = conf_by_order(s, i)); i++)
		if (f->packet)
			check_raw(s, f, pictures ? &pictures[f->number] : NULL);
}

#ifdef HAVE_LIBAVCODEC
#include <libavcodec/avcodec.h>
#include <libavutil/video_enc_params.h>

struct decoder {
	struct conf_stream *s;
	AVCodecContext *avctx;
	AVPacket *packet;
	AVFrame *frame;
	double min_psnr;
	struct conf_picture *pictures;
	unsigned int count;
};

static const AVCodec *decoder_of(uint32_t codec)
{
	switch (codec) {
	case HVCAL_CODEC_H264:
		return avcodec_find_decoder(AV_CODEC_ID_H264);
	case HVCAL_CODEC_HEVC:
		return avcodec_find_decoder(AV_CODEC_ID_HEVC);
	case HVCAL_CODEC_VP9:
		return avcodec_find_decoder(AV_CODEC_ID_VP9);
	default:
		return NULL;
	}
}

static void picture_qp(struct conf_picture *pic, const AVFrame *f)
{
	const AVFrameSideData *sd = av_frame_get_side_data(f, AV_FRAME_DATA_VIDEO_ENC_PARAMS);
	double sum[2] = { 0 };
	unsigned int n[2] = { 0 };
	AVVideoEncParams *par;

	if (!sd)
		return;
	par = (AVVideoEncParams *)(void *)sd->data;
	pic->has_qp = true;
	if (!par->nb_blocks) {
		pic->qp = pic->qp_left = pic->qp_right = par->qp;
		return;
	}
	for (unsigned int i = 0; i < par->nb_blocks; i++) {
		const AVVideoBlockParams *b = av_video_enc_params_block(par, i);
		unsigned int half = b->src_x >= f->width / 2;

		sum[half] += par->qp + b->delta_qp;
		n[half]++;
	}
	pic->qp = (sum[0] + sum[1]) / (n[0] + n[1]);
	pic->qp_left = n[0] ? sum[0] / n[0] : pic->qp;
	pic->qp_right = n[1] ? sum[1] / n[1] : pic->qp;
}

static void take_picture(struct decoder *d)
{
	const AVFrame *f = d->frame;
	struct conf_decoded got = {
		.width = (unsigned int)f->width, .height = (unsigned int)f->height,
		.pts = f->pts,
	};
	struct conf_picture pic = { 0 };

	switch (f->format) {
	case AV_PIX_FMT_YUV420P:
	case AV_PIX_FMT_YUVJ420P:
		got.depth = 8;
		break;
	case AV_PIX_FMT_YUV420P10LE:
		got.depth = 10;
		break;
	}
	for (unsigned int p = 0; p < 3; p++) {
		got.data[p] = f->data[p];
		got.stride[p] = f->linesize[p];
	}
	picture_qp(&pic, f);
	d->count++;
	conf_compare(d->s, &got, d->min_psnr, &pic, d->pictures);
}

static void drain(struct decoder *d)
{
	while (!conf_failed(d->s->c) && !avcodec_receive_frame(d->avctx, d->frame)) {
		take_picture(d);
		av_frame_unref(d->frame);
	}
}

static unsigned int feed(struct decoder *d, unsigned int first)
{
	struct conf_frame *f;
	unsigned int sent = 0;

	for (unsigned int i = first; (f = conf_by_order(d->s, i)); i++) {
		if (!f->packet)
			continue;
		if (av_new_packet(d->packet, (int)f->result.bytes))
			abort();
		memcpy(d->packet->data, f->packet, f->result.bytes);
		d->packet->pts = f->result.frame.pts;
		d->packet->dts = f->result.frame.dts;
		if (avcodec_send_packet(d->avctx, d->packet))
			conf_fail(d->s->c, "frame %u: the decoder refuses the packet", f->number);
		av_packet_unref(d->packet);
		sent++;
		drain(d);
	}
	avcodec_send_packet(d->avctx, NULL);
	drain(d);
	return sent;
}

static bool have_decoder(uint32_t codec)
{
	return decoder_of(codec);
}

static void decode_codec(struct conf_stream *s, unsigned int first, double min_psnr,
			 struct conf_picture *pictures)
{
	const AVCodec *codec = decoder_of(s->c->cap->codec);
	struct decoder d = { .s = s, .min_psnr = min_psnr, .pictures = pictures };
	unsigned int sent;

	if (!codec)
		return;
	av_log_set_level(AV_LOG_QUIET);
	d.avctx = avcodec_alloc_context3(codec);
	d.packet = av_packet_alloc();
	d.frame = av_frame_alloc();
	if (!d.avctx || !d.packet || !d.frame)
		abort();
	d.avctx->thread_count = 1;
	d.avctx->export_side_data = AV_CODEC_EXPORT_DATA_VIDEO_ENC_PARAMS;
	d.avctx->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_BUFFER;
	if (avcodec_open2(d.avctx, codec, NULL))
		abort();
	sent = feed(&d, first);
	if (d.count != sent)
		conf_fail(s->c, "%u packets decode to %u pictures", sent, d.count);
	av_frame_free(&d.frame);
	av_packet_free(&d.packet);
	avcodec_free_context(&d.avctx);
}
#else
static bool have_decoder(uint32_t codec)
{
	(void)codec;
	return false;
}

static void decode_codec(struct conf_stream *s, unsigned int first, double min_psnr,
			 struct conf_picture *pictures)
{
	(void)s;
	(void)first;
	(void)min_psnr;
	(void)pictures;
}
#endif

bool conf_can_decode(const struct conf *c)
{
	return c->cap->codec == HVCAL_CODEC_RAW || have_decoder(c->cap->codec) ||
	       (c->cap->codec == HVCAL_CODEC_AV1 && conf_have_dav1d());
}

void conf_decode(struct conf_stream *s, unsigned int first, double min_psnr,
		 struct conf_picture *pictures)
{
	if (pictures)
		memset(pictures, 0, s->count * sizeof(*pictures));
	if (conf_failed(s->c))
		return;
	if (conf_is_null(s->c))
		decode_null(s, first);
	else if (s->c->cap->codec == HVCAL_CODEC_NULL)
		conf_decode_fwht(s, first, min_psnr, pictures);
	else if (s->c->cap->codec == HVCAL_CODEC_RAW)
		decode_raw(s, first, pictures);
	else if (s->c->cap->codec == HVCAL_CODEC_AV1)
		conf_decode_av1(s, first, min_psnr, pictures);
	else
		decode_codec(s, first, min_psnr, pictures);
}
