// SPDX-License-Identifier: MIT
/* Pictures in, packets out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

#define GOOD_PSNR 34.0	/* of the test pictures at the QP of conf_config() */

static void test_capabilities(struct conf *c)
{
	const struct hvcal_engine_cap *cap = c->cap;

	CHECK(c, cap->depth_mask & (1U << 8 | 1U << 10 | 1U << 12), "no usual bit depth");
	for (unsigned int i = 0; i < HVCAL_MAX_FORMATS && cap->formats[i]; i++)
		for (unsigned int j = 0; j < i; j++)
			CHECK(c, cap->formats[i] != cap->formats[j], "a format is named twice");
	for (uint32_t i = 0; i < c->engine->desc.ncaps; i++) {
		const struct hvcal_engine_cap *other = &c->engine->desc.caps[i];

		CHECK(c, other == cap || other->op != cap->op || other->codec != cap->codec ||
		      other->depth_mask != cap->depth_mask,
		      "the same capability is claimed twice");
	}
}

/* Opens, sends @n frames, ends, decodes. */
static void simple_run(struct conf *c, const struct hvcal_codec_config *config, unsigned int n)
{
	struct conf_stream *s = conf_open(c, config);

	if (!s)
		return;
	conf_send_many(s, n);
	conf_flush(s);
	conf_close(s);
	for (unsigned int i = 0; i < s->count; i++)
		if (s->frames[i]->result.status)
			conf_fail(c, "frame %u of %ux%u: %s", i, config->width, config->height,
				  strerror(-s->frames[i]->result.status));
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
}

static void test_formats(struct conf *c)
{
	for (unsigned int i = 0; i < HVCAL_MAX_FORMATS && c->cap->formats[i]; i++) {
		struct hvcal_codec_config config = conf_config(c);

		config.format = c->cap->formats[i];
		config.bit_depth = config.format == HVCAL_FORMAT_P010 ? 10 : 8;
		simple_run(c, &config, 5);
	}
}

static void test_sizes(struct conf *c)
{
	static const struct { uint32_t width, height; } sizes[] = {
		{ 0, 0 }, { 322, 182 }, { 336, 200 }, { 640, 368 }, { 854, 480 }, { 1920, 1080 },
	};

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct hvcal_codec_config config = conf_config(c);

		config.width = i ? sizes[i].width : c->cap->min_width;
		config.height = i ? sizes[i].height : c->cap->min_height;
		if (config.width < c->cap->min_width || config.width > c->cap->max_width ||
		    config.height < c->cap->min_height || config.height > c->cap->max_height)
			continue;
		simple_run(c, &config, 3);
	}
}

static void test_size_8k(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);

	config.width = 7680;
	config.height = 4320;
	config.preset = 0;
	if (config.width > c->cap->max_width || config.height > c->cap->max_height)
		conf_skip(c, "the engine is for smaller pictures");
	else if (!c->longer)
		conf_skip(c, "takes long: only with --long");
	else
		simple_run(c, &config, 2);
}

/* An odd size is coded, or refused when the stream is opened. */
static void test_odd_size(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	hvcal_engine_stream_t *stream;
	int ret;

	config.width++;
	config.height++;
	ret = c->engine->ops->open(c->engine->ctx, &config, &stream);
	CHECK(c, !ret || ret == -EINVAL, "open of %ux%u: %s", config.width, config.height,
	      strerror(-ret));
	if (ret)
		return;
	c->engine->ops->close(stream);
	simple_run(c, &config, 3);
}

static void count_keys(struct conf *c, struct conf_stream *s, unsigned int gop)
{
	for (unsigned int i = 0; i < s->count; i++) {
		bool want = conf_all_key(c) || (gop ? i % gop == 0 : i == 0);
		bool key = s->frames[i]->result.flags & HVCAL_RESULT_KEY;

		CHECK(c, key == want, "gop %u: frame %u is %s key frame", gop, i, key ? "a" : "no");
	}
}

static void gop_run(struct conf *c, unsigned int gop)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.gop = gop;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 30);
	conf_flush(s);
	count_keys(c, s, gop);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
}

static void test_key_frames_first_only(struct conf *c)
{
	gop_run(c, 0);
}

static void test_key_frames_by_gop(struct conf *c)
{
	gop_run(c, 7);
}

static void low_delay_run(struct conf *c, struct conf_stream *s)
{
	for (unsigned int i = 0; i < 20; i++) {
		int ret = conf_send(s, NULL);

		CHECK(c, !ret, "frame %u: encode() returns %d; low latency means no frame is held",
		      i, ret);
		conf_wait(s);
		CHECK(c, s->frames[i]->order == i, "frame %u comes as number %u", i,
		      s->frames[i]->order);
	}
}

static void test_low_latency(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	low_delay_run(c, s);
	conf_free(&s);
}

static void check_dts(struct conf *c, const struct conf_stream *s)
{
	struct conf_frame *f, *last = NULL;

	for (unsigned int i = 0; (f = conf_by_order(s, i)); i++) {
		CHECK(c, f->result.frame.dts <= f->result.frame.pts,
		      "frame %u is decoded after it is shown: dts %lld, pts %lld", f->number,
		      (long long)f->result.frame.dts, (long long)f->result.frame.pts);
		CHECK(c, !last || f->result.frame.dts > last->result.frame.dts,
		      "dts %lld follows %lld", (long long)f->result.frame.dts,
		      (long long)last->result.frame.dts);
		last = f;
	}
}

/* Frames may be held and reordered; all come out, in an order that decodes. */
static void quality_run(struct conf *c, uint32_t threads)
{
	struct hvcal_codec_config config = conf_quality_config(c);
	struct conf_stream *s;

	config.threads = threads;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 40);
	conf_flush(s);
	CHECK(c, s->done == s->count || conf_failed(c), "%u frames in, %u out", s->count, s->done);
	check_dts(c, s);
	/* the stream goes on after it was drained */
	conf_send_many(s, 20);
	conf_flush(s);
	CHECK(c, s->done == s->count || conf_failed(c), "%u frames in, %u out after a flush",
	      s->count, s->done);
	conf_flush(s);
	conf_close(s);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
}

static void test_drain_one_thread(struct conf *c)
{
	quality_run(c, 1);
}

static void test_drain_threads(struct conf *c)
{
	quality_run(c, 3);
}

/* Frames that are done give their buffers back for good. */
static void test_buffer_reuse(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send_many(s, 60);
	conf_flush(s);
	if (s->buffers > 1 && !conf_failed(c))
		conf_fail(c, "60 frames one after another took %u buffers", s->buffers);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
}

/* Any increasing number is a time; engines give it back as it was. */
static void times_run(struct conf *c, uint32_t tune)
{
	static const int64_t times[] = {
		-5000000000000, -4999999999999, -1, 0, 1, 2, 90000, 90001, 4294967295, 4294967296,
		1LL << 45,
	};
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.tune = tune;
	/* times matter most where rates do; not every engine has them */
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 1000000;
	if (!conf_takes(c, &config))
		config.rc_mode = HVCAL_RC_CQP;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct conf_how how = { .pts = &times[i] };

		CHECK(c, conf_send(s, &how) >= 0, "pts %lld is refused", (long long)times[i]);
		conf_wait(s);
	}
	/* check_result() compares what comes with what was sent */
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->result.status || s->frames[i]->result.frame.dts > times[i])
			conf_fail(c, "frame %u: status %d, dts %lld for pts %lld", i,
				  s->frames[i]->result.status,
				  (long long)s->frames[i]->result.frame.dts, (long long)times[i]);
	conf_free(&s);
}

static void test_timestamps(struct conf *c)
{
	times_run(c, HVCAL_TUNE_LOW_LATENCY);
	times_run(c, HVCAL_TUNE_QUALITY);
}

static void test_rate_modes(struct conf *c)
{
	for (uint32_t mode = HVCAL_RC_DEFAULT; mode <= HVCAL_RC_ICQ; mode++) {
		struct hvcal_codec_config config = conf_config(c);
		hvcal_engine_stream_t *stream;
		int ret;

		config.rc_mode = mode;
		config.bitrate = 2000000;
		config.vbv_ms = 500;
		config.quality = 22;
		ret = c->engine->ops->open(c->engine->ctx, &config, &stream);
		CHECK(c, !ret || ret == -EINVAL, "mode %u: %s", mode, strerror(-ret));
		if (ret)
			continue;
		c->engine->ops->close(stream);
		simple_run(c, &config, 10);
	}
}

const struct conf_test conf_tests_basic[] = {
	{ "capabilities", test_capabilities },
	{ "formats", test_formats },
	{ "sizes", test_sizes },
	{ "odd_size", test_odd_size },
	{ "size_8k", test_size_8k },
	{ "timestamps", test_timestamps },
	{ "rate_modes", test_rate_modes },
	{ "key_frames_first_only", test_key_frames_first_only },
	{ "key_frames_by_gop", test_key_frames_by_gop },
	{ "low_latency", test_low_latency },
	{ "drain_one_thread", test_drain_one_thread },
	{ "drain_threads", test_drain_threads },
	{ "buffer_reuse", test_buffer_reuse },
	{ NULL, NULL },
};
