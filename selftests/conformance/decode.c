// SPDX-License-Identifier: MIT
/*
 * Looks into packets: those of codecs through libavcodec, where the program was
 * built with it; those of the null engine by hand.
 */
#include <math.h>
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
	case HVCAL_CODEC_AV1:
		return avcodec_find_decoder(AV_CODEC_ID_AV1);
	default:
		return NULL;
	}
}

/* Sum of squared differences to the picture, on a scale of 8 bits. */
static double plane_error(const AVFrame *f, unsigned int p, unsigned int w, unsigned int h,
			  unsigned int n, int deep)
{
	double sum = 0;

	for (unsigned int y = 0; y < h; y++) {
		const uint8_t *row = f->data[p] + (ptrdiff_t)y * f->linesize[p];
		const uint16_t *row16 = (const uint16_t *)(const void *)row;

		for (unsigned int x = 0; x < w; x++) {
			double got = deep ? row16[x] / 4.0 : row[x];
			double d = got - conf_sample(p, x, y, n);

			sum += d * d;
		}
	}
	return sum;
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
	const struct hvcal_codec_config *config = &d->s->config;
	const AVFrame *f = d->frame;
	struct conf_picture pic = {
		.there = true, .width = (unsigned int)f->width, .height = (unsigned int)f->height,
	};
	unsigned int n = (unsigned int)((f->pts - PTS_BASE) / PTS_STEP);
	int deep = f->format == AV_PIX_FMT_YUV420P10LE;
	unsigned int cw = (pic.width + 1) / 2, ch = (pic.height + 1) / 2;
	double luma, chroma;

	CHECK(d->s->c, n < d->s->count, "the decoder gives a picture of no frame");
	CHECK(d->s->c, pic.width == config->width && pic.height == config->height,
	      "frame %u decodes to %ux%u instead of %ux%u", n, pic.width, pic.height,
	      config->width, config->height);
	CHECK(d->s->c, deep || f->format == AV_PIX_FMT_YUV420P || f->format == AV_PIX_FMT_YUVJ420P,
	      "frame %u decodes to pixel format %d", n, f->format);
	luma = plane_error(f, 0, pic.width, pic.height, n, deep);
	chroma = plane_error(f, 1, cw, ch, n, deep) + plane_error(f, 2, cw, ch, n, deep);
	pic.exact = luma + chroma == 0;
	pic.psnr = luma > 0 ? 10 * log10(255.0 * 255 * pic.width * pic.height / luma) : 100;
	picture_qp(&pic, f);
	CHECK(d->s->c, pic.psnr >= d->min_psnr, "frame %u decodes with %.1f dB, %.1f expected",
	      n, pic.psnr, d->min_psnr);
	/* colours gone wrong do not show in the luma */
	CHECK(d->s->c, chroma / (2.0 * cw * ch) < 400, "frame %u has wrong colours", n);
	d->count++;
	if (d->pictures)
		d->pictures[n] = pic;
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

bool conf_can_decode(const struct conf *c)
{
	return decoder_of(c->cap->codec);
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
bool conf_can_decode(const struct conf *c)
{
	(void)c;
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
	else
		decode_codec(s, first, min_psnr, pictures);
}
