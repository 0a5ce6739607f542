// SPDX-License-Identifier: MIT
/* B pictures: what is held, in which order it leaves, and what it refers to. */
#include <errno.h>
#include <string.h>

#include "test_vaapi.h"

#define STILL_BYTES 1000	/* of a frame in which nothing is coded but references */

static struct hvcal_codec_config order_config(const struct conf *c, uint32_t bframes)
{
	struct hvcal_codec_config config = exact_config(c);

	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = bframes;
	return config;
}

/* Keys and ends in the middle of what is held, and twice as long as the POC counts. */
static void send_groups(struct conf_stream *s)
{
	static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };

	for (unsigned int i = 0; i < 30; i++)
		conf_send(s, i == 10 || i == 11 || i == 23 ? &key : NULL);
	conf_flush(s);
	conf_send_many(s, 2);
	conf_flush(s);
	if (s->config.width == 64)
		conf_send_many(s, 550);
}

static void types_check(struct conf_stream *s, unsigned int bframes)
{
	unsigned int in_row = 0, longest = 0;
	int64_t last = INT64_MIN;

	for (unsigned int i = 0; i < s->count; i++) {
		const struct hvcal_frame_result *r = &conf_by_order(s, i)->result.frame;

		CHECK(s->c, r->dts > last && r->dts <= r->pts, "dts %lld of pts %lld after %lld",
		      (long long)r->dts, (long long)r->pts, (long long)last);
		last = r->dts;
	}
	for (unsigned int i = 0; i < s->count; i++) {
		in_row = s->frames[i]->result.frame.frame_type == HVCAL_FRAME_TYPE_B ? in_row + 1 : 0;
		longest = in_row > longest ? in_row : longest;
	}
	CHECK(s->c, longest == bframes, "%u B pictures in a row, %u were asked for", longest, bframes);
}

static void check_groups(struct conf_stream *s)
{
	types_check(s, s->config.bframes < 7 ? s->config.bframes : 7);
	all_exact(s);
}

static void bframes_run(struct conf *c, uint32_t bframes, uint32_t width, uint32_t height)
{
	struct hvcal_codec_config config = order_config(c, bframes);

	config.width = width;
	config.height = height;
	config.slices = 2;
	stream_run(c, &config, send_groups, check_groups);
}

static void test_bframes(struct conf *c)
{
	bframes_run(c, 1, 322, 182);
	bframes_run(c, 3, 320, 192);
	/* more than there are at most, and counters that begin anew */
	bframes_run(c, 16, 64, 64);
}

static void test_bframes_deep(struct conf *c)
{
	struct hvcal_codec_config config = order_config(c, 2);

	config.format = HVCAL_FORMAT_P010;
	config.bit_depth = 10;
	stream_run(c, &config, send_groups, check_groups);
}

static int still_number;

static void draw_still(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	/* the engine's view is the first member */
	conf_draw((struct conf_buffer *)source, (unsigned int)still_number);
}

/* Two groups of another picture than the first frame: the second refers to it only. */
static void send_stills(struct conf_stream *s)
{
	const struct conf_how still = { .spoil = draw_still };

	conf_send_many(s, 1);
	still_number = 8;
	for (unsigned int i = 0; i < 8; i++)
		conf_send(s, &still);
}

/* What a wrong reference would show is another picture than the one of the frame before. */
static void check_stills(struct conf_stream *s)
{
	struct conf_picture pictures[9];

	conf_decode(s, 0, 0, pictures);
	for (unsigned int i = 1; i < s->count && !conf_failed(s->c); i++) {
		uint64_t bytes = s->frames[i]->result.bytes;

		if (pictures[i].hash != pictures[8].hash)
			conf_fail(s->c, "frame %u is another picture", i);
		if (i > 4 && bytes > STILL_BYTES)
			conf_fail(s->c, "frame %u: %llu bytes", i, (unsigned long long)bytes);
	}
	if (!pictures[8].exact)
		conf_fail(s->c, "the picture is not what was given");
}

static void test_bframes_references(struct conf *c)
{
	struct hvcal_codec_config config = order_config(c, 3);

	stream_run(c, &config, send_stills, check_stills);
}

/* Refused by name: the host then goes without. */
static void test_refused(struct conf *c)
{
	struct hvcal_codec_config config = order_config(c, 3);
	hvcal_engine_stream_t *stream;
	uint32_t dropped;
	int ret = c->engine->ops->open(c->engine->ctx, &config, &stream);

	CHECK(c, ret == -EINVAL, "open with B pictures gives %d", ret);
	ret = hvcal_safe_open(c->engine->ops, c->engine->ctx, &config, &stream, &dropped);
	CHECK(c, !ret, "the safe set is refused: %d", ret);
	c->engine->ops->close(stream);
	CHECK(c, dropped & HVCAL_DROPPED_BFRAMES, "B pictures are not said to be dropped");
}

/* Layers and B pictures exclude each other. */
static void test_layers(struct conf *c)
{
	struct hvcal_codec_config config = order_config(c, 3);
	hvcal_engine_stream_t *stream;
	int ret;

	config.flags = HVCAL_CONFIG_LAYERS;
	ret = c->engine->ops->open(c->engine->ctx, &config, &stream);
	CHECK(c, ret == -EINVAL, "open with B pictures and layers gives %d", ret);
}

/* Frame 4 of the coded order fails: with it what refers to it, and nothing later. */
static void fault_run(struct conf *c, unsigned int lost, unsigned int expect)
{
	struct hvcal_codec_config config = order_config(c, 3);
	struct conf_stream *s = conf_open(c, &config);
	unsigned int failed = 0;

	if (!s)
		return;
	conf_send_many(s, 30);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count; i++)
		failed += s->frames[i]->result.status == -EIO;
	CHECK(c, failed == expect, "picture %u is lost: %u frames failed", lost, failed);
	CHECK(c, s->done == s->count, "%u frames of %u came out", s->done, s->count);
	all_exact(s);
	conf_free(&s);
}

/* A P picture, and the three that were to refer to it. */
static void test_lost_p(struct conf *c)
{
	fault_run(c, 6, 4);
}

/* The first B picture: the other two have lost the context, too. */
static void test_lost_b(struct conf *c)
{
	fault_run(c, 7, 3);
}

const struct test tests_order[] = {
	{ "bframes", "exact", NULL, .run = test_bframes },
	{ "bframes_headers_of_the_driver", "exact,own-headers", NULL, .run = test_bframes },
	{ "bframes_references", "exact", NULL, .run = test_bframes_references },
	{ "bframes_baseline", "exact,baseline", NULL, .run = test_refused },
	{ "bframes_low_power", "exact,low-power", NULL, .run = test_refused },
	{ "bframes_past_only", "exact,past-only", NULL, .run = test_refused },
	{ "bframes_and_layers", "exact", NULL, .run = test_layers },
	{ "bframes_lost_p", "exact,lost=6", NULL, .run = test_lost_p },
	{ "bframes_lost_b", "exact,lost=7", NULL, .run = test_lost_b },
	{ "hevc_bframes", "exact", NULL, .run = test_bframes, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_bframes_deep", "exact", NULL, .run = test_bframes_deep, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_bframes_headers_of_the_driver", "exact,own-headers", NULL, .run = test_bframes,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_bframes_references", "exact", NULL, .run = test_bframes_references,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_bframes_only_b", "exact,only-b", NULL, .run = test_bframes_references,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_bframes_low_power", "exact,low-power", NULL, .run = test_refused,
	  .codec = HVCAL_CODEC_HEVC },
	{ "vp9_bframes", NULL, NULL, .run = test_refused, .codec = HVCAL_CODEC_VP9 },
	{ "av1_bframes", NULL, NULL, .run = test_refused, .codec = HVCAL_CODEC_AV1 },
	{ 0 },
};
