// SPDX-License-Identifier: MIT
/* What is coded: every bit comes back, references and counters are right. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBAVCODEC
#include <libavcodec/avcodec.h>
#endif

#include "test_vaapi.h"

static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };
static const struct conf_how no_ref = { .flags = HVCAL_FRAME_NO_REF };
static const struct conf_how upper = { .temporal_layer = 1 };

static void send_mixed(struct conf_stream *s)
{
	for (unsigned int i = 0; i < 24; i++)
		conf_send(s, i == 10 || i == 11 ? &key : i == 18 ? &upper :
			  i % 4 == 3 ? &no_ref : NULL);
}

static void check_coded(struct conf_stream *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->frames[i]->result.status || s->frames[i]->state != CONF_DONE)
			conf_fail(s->c, "frame %u of %ux%u was not coded", i, s->config.width,
				  s->config.height);
		if (s->frames[i]->result.frame.temporal_layer != (i == 18))
			conf_fail(s->c, "frame %u is said to be of another layer", i);
	}
	all_exact(s);
}

static void exact_run(struct conf *c, uint32_t width, uint32_t height, uint32_t slices)
{
	struct hvcal_codec_config config = exact_config(c);

	config.width = width;
	config.height = height;
	config.slices = slices;
	config.flags = HVCAL_CONFIG_LAYERS;
	stream_run(c, &config, send_mixed, check_coded);
}

static void test_exact(struct conf *c)
{
	exact_run(c, 320, 192, 1);
	exact_run(c, 322, 182, 3);
	exact_run(c, 64, 64, 4);
}

/* Samples of ten bits. */
static struct hvcal_codec_config deep_config(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	config.format = HVCAL_FORMAT_P010;
	config.bit_depth = 10;
	return config;
}

static void test_exact_deep(struct conf *c)
{
	struct hvcal_codec_config config = deep_config(c);

	config.width = 330;
	config.height = 202;
	config.flags = HVCAL_CONFIG_LAYERS;
	stream_run(c, &config, send_mixed, check_coded);
}

static void send_300(struct conf_stream *s)
{
	conf_send_many(s, 300);
}

/* More frames than frame_num, POC and order hints count. */
static void test_wrap(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	config.width = 64;
	config.height = 64;
	stream_run(c, &config, send_300, all_exact);
}

#define STILL_BYTES 1000	/* of a frame in which nothing is coded but references */

static int still_number;

/* Shows picture still_number once more. */
static void draw_still(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	/* the engine's view is the first member */
	conf_draw((struct conf_buffer *)source, (unsigned int)still_number);
	job->params.pts = PTS_BASE + PTS_STEP * still_number;
}

/* A frame that should be nothing but a reference to picture @number. */
static void send_still(struct conf_stream *s, int number, uint32_t flags)
{
	const struct conf_how how = { .spoil = draw_still, .flags = flags };
	const struct conf_frame *f;

	still_number = number;
	conf_send(s, &how);
	f = s->frames[s->count - 1];
	if (f->state != CONF_DONE || f->result.status || f->result.bytes > STILL_BYTES)
		conf_fail(s->c, "frame %u: %llu bytes, status %d", f->number,
			  (unsigned long long)f->result.bytes, f->result.status);
}

/* Pictures that are shown again are compared with what they show. */
static void check_stills(struct conf_stream *s)
{
	conf_decode(s, 0, 99, NULL);
}

static void send_references(struct conf_stream *s)
{
	conf_send_many(s, 1);
	send_still(s, 0, 0);
	conf_send(s, &no_ref);
	send_still(s, 0, 0);
	conf_send(s, &no_ref);
	conf_send(s, &no_ref);
	send_still(s, 0, 0);
	conf_send_many(s, 1);
	send_still(s, 7, 0);
	conf_send(s, &key);
	send_still(s, 9, 0);
}

/* Frames are told apart that are references from those that are none. */
static void test_references(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	config.slices = 2;
	stream_run(c, &config, send_references, check_stills);
}

/* ---- intra refresh ---- */

#define REFRESH_FRAMES 8
#define REFRESH_COLS 20	/* of macroblocks: 2 or 3 a frame */
#define REFRESH_ROWS 12
#define PCM_BYTES 384	/* of a macroblock as it is */

/* Frames of one picture: all that they have is what is refreshed. */
static void send_refreshed(struct conf_stream *s)
{
	const struct conf_how how = { .spoil = draw_still };

	still_number = 0;
	conf_send_many(s, 1);
	for (unsigned int i = 0; i < 2 * REFRESH_FRAMES; i++)
		conf_send(s, &how);
}

static void check_refreshed(struct conf_stream *s)
{
	struct conf *c = s->c;

	EXPECT(c, 2, "intra columns 0+2\n");
	EXPECT(c, 2, "intra columns 17+3\n");
	EXPECT(c, 2 * REFRESH_FRAMES, "intra columns ");
	for (unsigned int i = 1; i < s->count; i++) {
		const struct hvcal_engine_result *r = &s->frames[i]->result;
		unsigned int at = (i - 1) % REFRESH_FRAMES;
		unsigned int cols = REFRESH_COLS * (at + 1) / REFRESH_FRAMES -
				    REFRESH_COLS * at / REFRESH_FRAMES;
		unsigned int bytes = cols * REFRESH_ROWS * PCM_BYTES;

		if (r->flags & HVCAL_RESULT_KEY || r->bytes < bytes ||
		    r->bytes > bytes + bytes / 8 + STILL_BYTES)
			conf_fail(c, "frame %u: %llu bytes for %u columns, flags %#x", i,
				  (unsigned long long)r->bytes, cols, r->flags);
	}
	check_stills(s);
}

static void test_refresh(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	config.flags |= HVCAL_CONFIG_INTRA_REFRESH;
	config.gop = REFRESH_FRAMES;
	stream_run(c, &config, send_refreshed, check_refreshed);
}

/* Refused where the driver, or for the codec the engine, has none. */
static void test_no_refresh(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);
	hvcal_engine_stream_t *stream;
	int ret;

	config.flags |= HVCAL_CONFIG_INTRA_REFRESH;
	ret = c->engine->ops->open(c->engine->ctx, &config, &stream);
	CHECK(c, ret == -EINVAL, "open with intra refresh gives %d", ret);
}

/* ---- HEVC ---- */

static void send_stills(struct conf_stream *s)
{
	for (int i = 0; i < 12; i++) {
		if (i % 6)
			send_still(s, i / 6 * 6, i % 3 ? HVCAL_FRAME_NO_REF : 0);
		else
			conf_send(s, &key);
	}
}

/* Encoders of Intel know no P slices: B slices that refer to one picture twice. */
static void test_only_b(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	stream_run(c, &config, send_stills, check_stills);
}

/* Longer than the POC counts; drift would show. */
static void test_long(struct conf *c)
{
	struct hvcal_codec_config config = deep_config(c);

	config.width = config.height = 64;
	stream_run(c, &config, send_300, all_exact);
}

static void send_four(struct conf_stream *s)
{
	conf_send_many(s, 4);
}

static void test_sizes(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);

	for (uint32_t i = 0; i < 4; i++) {
		config.width = 320 + 2 * i;
		config.height = 194 + 6 * i;
		stream_run(c, &config, send_four, all_exact);
	}
}

/* ---- metadata ---- */

/* A T.35 payload in which bytes look like a start code. */
static const uint8_t payload[] = { 0xb5, 0, 0, 1, 0, 0, 0, 9 };
/* in H.264 and HEVC, these are told apart */
static const uint8_t coded_sei[] = { 4, 8, 0xb5, 0, 0, 3, 1, 0, 0, 3, 0, 9, 0x80 };
static const uint8_t coded_obu[] = { 5 << 3 | 2, 10, 4, 0xb5, 0, 0, 1, 0, 0, 0, 9, 0x80 };

static void send_metadata(struct conf_stream *s)
{
	struct {
		struct hvcal_frame_meta head;
		uint8_t bytes[sizeof(payload)];
	} meta = { .head = { HVCAL_META_T35, sizeof(payload) } };
	const struct conf_how with = { .meta = &meta, .meta_len = sizeof(meta) };

	memcpy(meta.bytes, payload, sizeof(payload));
	for (unsigned int i = 0; i < 4; i++)
		conf_send(s, i % 2 ? NULL : &with);
}

static void check_metadata(struct conf_stream *s)
{
	/* they stand behind the sequence header, which is behind the delimiter */
	static const uint8_t begin[] = { 2 << 3 | 2, 0, 1 << 3 | 2 };
	bool av1 = s->c->cap->codec == HVCAL_CODEC_AV1;

	if (av1 && memcmp(s->frames[0]->packet, begin, sizeof(begin)))
		conf_fail(s->c, "the first packet begins with something else");
	for (unsigned int i = 0; i < s->count; i++) {
		const struct conf_frame *f = s->frames[i];

		if (!f->packet || (i % 2) == !!memmem(f->packet, f->result.bytes,
						      av1 ? coded_obu : coded_sei,
						      av1 ? sizeof(coded_obu) : sizeof(coded_sei)))
			conf_fail(s->c, "frame %u: metadata are wrong", i);
	}
	all_exact(s);
}

static void test_metadata(struct conf *c)
{
	struct hvcal_codec_config config = exact_config(c);

	stream_run(c, &config, send_metadata, check_metadata);
}

/* ---- colours ---- */

#ifdef HAVE_LIBAVCODEC
static enum AVCodecID codec_id(const struct conf *c)
{
	switch (c->cap->codec) {
	case HVCAL_CODEC_H264:
		return AV_CODEC_ID_H264;
	case HVCAL_CODEC_HEVC:
		return AV_CODEC_ID_HEVC;
	case HVCAL_CODEC_VP9:
		return AV_CODEC_ID_VP9;
	default:
		return AV_CODEC_ID_AV1;
	}
}

/* VP9 has but the matrix and the range, and AV1 no aspect ratio. */
static void frame_check(struct conf *c, const AVFrame *frame)
{
	bool vp9 = c->cap->codec == HVCAL_CODEC_VP9;

	if ((!vp9 && (frame->color_primaries != 9 || frame->color_trc != 16)) ||
	    frame->colorspace != 9 || frame->color_range != AVCOL_RANGE_JPEG)
		conf_fail(c, "colours are %d %d %d, range %d", frame->color_primaries,
			  frame->color_trc, frame->colorspace, frame->color_range);
	else if (!conf_qindex(c) && (frame->sample_aspect_ratio.num != 4 ||
				     frame->sample_aspect_ratio.den != 3))
		conf_fail(c, "aspect ratio %d:%d", frame->sample_aspect_ratio.num,
			  frame->sample_aspect_ratio.den);
}

static void colours_check(struct conf *c, const struct conf_frame *f)
{
	const AVCodec *codec = avcodec_find_decoder(codec_id(c));
	AVCodecContext *avctx = avcodec_alloc_context3(codec);
	AVPacket *packet = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();

	if (!avctx || !packet || !frame || avcodec_open2(avctx, codec, NULL) ||
	    av_new_packet(packet, (int)f->result.bytes))
		abort();
	memcpy(packet->data, f->packet, f->result.bytes);
	if (avcodec_send_packet(avctx, packet) || avcodec_send_packet(avctx, NULL) ||
	    avcodec_receive_frame(avctx, frame))
		conf_fail(c, "the packet does not decode");
	else if (avctx->has_b_frames)
		conf_fail(c, "the decoder expects reordering");
	else
		frame_check(c, frame);
	av_frame_free(&frame);
	av_packet_free(&packet);
	avcodec_free_context(&avctx);
}

static void test_colours(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.flags = HVCAL_CONFIG_FULL_RANGE;
	config.primaries = 9;
	config.transfer = 16;
	config.matrix = 9;
	config.sar_num = 4;
	config.sar_den = 3;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 1);
	if (!conf_failed(c))
		colours_check(c, s->frames[0]);
	conf_free(&s);
}
#endif

#define LOSSLESS "vaapi.lossless=1"

const struct test tests_coded[] = {
	{ "exact_cabac", "exact", NULL, .run = test_exact },
	{ "exact_cavlc", "exact,baseline", NULL, .run = test_exact },
	{ "exact_headers_of_the_driver", "exact,own-headers", NULL, .run = test_exact },
	{ "exact_cavlc_headers_of_the_driver", "exact,baseline,own-headers", NULL, .run = test_exact },
	{ "references_cabac", "exact", NULL, .run = test_references },
	{ "references_cavlc", "exact,baseline", NULL, .run = test_references },
	{ "references_headers_of_the_driver", "exact,own-headers", NULL, .run = test_references },
	{ "counters_wrap", "exact", NULL, .run = test_wrap },
	{ "hevc_exact", "exact", NULL, .run = test_exact, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_exact_deep", "exact", NULL, .run = test_exact_deep, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_exact_headers_of_the_driver", "exact,own-headers", NULL, .run = test_exact,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_references", "exact", NULL, .run = test_references, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_references_headers_of_the_driver", "exact,own-headers", NULL,
	  .run = test_references, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_counters_wrap", "exact", NULL, .run = test_wrap, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_only_b", "exact,only-b", NULL, .run = test_only_b, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_only_b_headers_of_the_driver", "exact,only-b,own-headers", NULL, .run = test_only_b,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_tools_untold", "hevc-untold", NULL, .run = test_long, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_long", NULL, NULL, .run = test_long, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_copied", "no-import,no-derive", NULL, .run = test_sizes,
	  .codec = HVCAL_CODEC_HEVC },
	{ "metadata_by_the_driver", "exact", NULL, .run = test_metadata },
	{ "metadata_no_raw_headers", "exact,no-raw", NULL, .run = test_metadata },
	{ "metadata_headers_of_the_driver", "exact,own-headers", NULL, .run = test_metadata },
	{ "intra_refresh", "exact", NULL, .run = test_refresh },
	{ "intra_refresh_cavlc", "exact,baseline", NULL, .run = test_refresh },
	{ "no_intra_refresh", "exact,no-refresh", NULL, .run = test_no_refresh },
	{ "vp9_no_intra_refresh", NULL, NULL, .run = test_no_refresh, .codec = HVCAL_CODEC_VP9 },
	{ "vp9_exact", NULL, LOSSLESS, .run = test_exact, .codec = HVCAL_CODEC_VP9 },
	{ "vp9_exact_deep", NULL, LOSSLESS, .run = test_exact_deep, .codec = HVCAL_CODEC_VP9 },
	{ "vp9_exact_headers_of_the_driver", "own-headers", LOSSLESS, .run = test_exact,
	  .codec = HVCAL_CODEC_VP9 },
	{ "vp9_exact_deep_headers_of_the_driver", "own-headers", LOSSLESS, .run = test_exact_deep,
	  .codec = HVCAL_CODEC_VP9 },
	{ "vp9_references", NULL, LOSSLESS, .run = test_references, .codec = HVCAL_CODEC_VP9 },
	{ "vp9_long", NULL, LOSSLESS, .run = test_wrap, .codec = HVCAL_CODEC_VP9 },
	{ "av1_exact", NULL, LOSSLESS, .run = test_exact, .codec = HVCAL_CODEC_AV1 },
	{ "av1_exact_deep", NULL, LOSSLESS, .run = test_exact_deep, .codec = HVCAL_CODEC_AV1 },
	{ "av1_exact_headers_of_the_driver", "own-headers", LOSSLESS, .run = test_exact,
	  .codec = HVCAL_CODEC_AV1 },
	{ "av1_exact_deep_headers_of_the_driver", "own-headers", LOSSLESS, .run = test_exact_deep,
	  .codec = HVCAL_CODEC_AV1 },
	{ "av1_references", NULL, LOSSLESS, .run = test_references, .codec = HVCAL_CODEC_AV1 },
	{ "av1_counters_wrap", NULL, LOSSLESS, .run = test_wrap, .codec = HVCAL_CODEC_AV1 },
	{ "av1_metadata", NULL, LOSSLESS, .run = test_metadata, .codec = HVCAL_CODEC_AV1 },
	{ "av1_metadata_headers_of_the_driver", "own-headers", LOSSLESS, .run = test_metadata,
	  .codec = HVCAL_CODEC_AV1 },
#ifdef HAVE_LIBAVCODEC
	{ "colours", NULL, NULL, .run = test_colours },
	{ "colours_baseline", "baseline", NULL, .run = test_colours },
	{ "hevc_colours", NULL, NULL, .run = test_colours, .codec = HVCAL_CODEC_HEVC },
	{ "vp9_colours", NULL, NULL, .run = test_colours, .codec = HVCAL_CODEC_VP9 },
	{ "av1_colours", NULL, NULL, .run = test_colours, .codec = HVCAL_CODEC_AV1 },
#endif
	{ 0 },
};
