// SPDX-License-Identifier: MIT
/* AV1, and drivers that are older than the plug-in. */
#include "test_nvenc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 2	/* libaom has each fourth quantiser index */

static void assert_near_qp(const struct conf_stream *s, unsigned int n, int qp)
{
	assert_in_range(s->frames[n]->result.frame.qp_q8 / 256, qp - NEAR, qp + NEAR);
}

/* ---- AV1 ---- */

static void test_av1_capabilities(void **state)
{
	struct nvenc_test *t = *state;
	const struct hvcal_engine_cap *cap;

	engine_up(t, "");
	cap = engine_cap(t, HVCAL_CODEC_AV1);
	assert_int_equal(!!cap, av1_here());
	if (cap) {
		assert_int_equal(cap->depth_mask, 1U << 8 | 1U << 10);
		assert_int_equal(cap->min_width, 192);
		assert_int_equal(cap->max_width, 8192);
		assert_false(cap->flags & HVCAL_CAP_LOSSLESS);
		assert_true(cap->flags & HVCAL_CAP_FRAME_QP);
		assert_true(cap->flags & HVCAL_CAP_HDR_DYNAMIC);
	} else if (plugin_api() < API(12, 0)) {
		assert_non_null(strstr(plugin_description(), "no AV1"));
	}
	engine_down(t);
}

/* A temporal unit: its delimiter, the sequence header of key frames, the frame. */
static void test_av1_units(void **state)
{
	static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_AV1, &config);
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(send_one(s, i == 6 ? &key : NULL), 0);
	for (unsigned int i = 0; i < 10; i++) {
		static const uint8_t delimiter[] = { 0x12, 0x00 };
		const uint8_t *packet = s->frames[i]->packet;

		assert_memory_equal(packet, delimiter, sizeof(delimiter));
		assert_int_equal(is_key(s, i), i == 0 || i == 6);
		assert_int_equal(packet[2] >> 3 & 15, is_key(s, i) ? 1 : 6);
	}
	assert_int_equal(counts_now().idrs_forced, 2);
	/* from the forced one on all is there */
	conf_decode(s, 6, GOOD_PSNR, NULL);
	work_down(t, &s);
}

/* Packets of AV1 show one picture each, so they stay in its order. */
static void test_av1_b_pictures(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_AV1, &config);
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 2;
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(conf_send(s, NULL), i % 3 ? HVCAL_ENGINE_HELD : 0);
	conf_flush(s);
	for (unsigned int i = 0; i < 9; i++) {
		const struct conf_frame *f = conf_by_order(s, i);

		assert_int_equal(f->number, i);
		assert_int_equal(f->result.frame.dts, f->result.frame.pts);
	}
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_av1_frame_qp(void **state)
{
	static const int qps[] = { 40, 250, 8, 120, 200, 60 };
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_AV1, &config);
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(send_one(s, &(struct conf_how){ .qp = qps[i] }), 0);
		assert_near_qp(s, i, qps[i]);
		assert_int_equal(is_key(s, i), i == 0);
	}
	assert_int_equal(counts_now().reconfigured, 6);
	conf_free(&s);
	/*
	 * With B pictures the difference goes with the picture, as far as a map can tell
	 * it; what is further off is told to the driver, after all that is inside.
	 */
	counts_reset();
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 2;
	config.qp = 100;
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 8; i++)
		assert_true(conf_send(s, &(struct conf_how){ .qp = i < 5 ? 100 + (int)i * 20 : 240 }) >= 0);
	conf_flush(s);
	for (unsigned int i = 0; i < 8; i++) {
		assert_near_qp(s, i, i < 5 ? 100 + (int)i * 20 : 240);
		assert_int_equal(is_key(s, i), i == 0 || i == 5);
	}
	assert_int_equal(counts_now().reconfigured, 1);
	conf_decode(s, 0, 15, NULL);
	work_down(t, &s);
}

static void test_av1_retarget(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;
	uint64_t before = 0, after = 0;

	config_up(t, "", HVCAL_CODEC_AV1, &config);
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 100000;
	s = stream_up(t, &config);
	conf_send_many(s, 30);
	config.bitrate = 400000;
	assert_int_equal(t->engine.ops->reconfigure(s->stream, &config), 0);
	conf_send_many(s, 30);
	for (unsigned int i = 1; i < 60; i++)
		assert_false(is_key(s, i));
	for (unsigned int i = 0; i < 10; i++) {
		before += s->frames[20 + i]->result.bytes;
		after += s->frames[50 + i]->result.bytes;
	}
	assert_true(after > 2 * before);
	conf_decode(s, 0, 20, NULL);
	work_down(t, &s);
}

/* Slices are tiles here. */
static void test_av1_tiles_and_depth(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_AV1, &config);
	config.slices = 2;
	config.format = HVCAL_FORMAT_P010;
	config.bit_depth = 10;
	s = stream_up(t, &config);
	conf_send_many(s, 4);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

/* ---- older drivers ---- */

/* Every kind of call, with a map in the rear of NV_ENC_PIC_PARAMS. */
static void use_codec(struct nvenc_test *t, uint32_t codec)
{
	struct hvcal_codec_config config;
	struct conf_stream *s;

	t->c.cap = engine_cap(t, codec);
	assert_non_null(t->c.cap);
	config = conf_config(&t->c);
	s = stream_up(t, &config);
	conf_send_many(s, 4);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 2;
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 7; i++)
		assert_true(conf_send(s, &(struct conf_how){ .qp = 20 + 4 * (int)(i % 3) }) >= 0);
	conf_flush(s);
	for (unsigned int i = 0; i < 7; i++)
		assert_near_qp(s, i, 20 + 4 * (int)(i % 3));
	conf_decode(s, 0, 25, NULL);
	conf_free(&s);
	check_ok(t);
}

static void option_refused(struct nvenc_test *t, const char *key, const char *value)
{
	t->extra[0] = key;
	t->extra[1] = value;
	assert_int_equal(engine_try(t, 0), -EINVAL);
	assert_non_null(strstr(t->reason, "12.1"));
	t->extra[0] = NULL;
}

static void test_driver_of_12_0(void **state)
{
	struct nvenc_test *t = *state;

	if (plugin_api() != API(12, 1) || stub_api() != API(12, 1))
		skip();
	engine_up(t, "version=120");
	assert_non_null(strstr(t->log, "speaks NVENC API 12.0"));
	assert_null(strstr(t->log, "AV1"));
	use_codec(t, HVCAL_CODEC_H264);
	use_codec(t, HVCAL_CODEC_HEVC);
	use_codec(t, HVCAL_CODEC_AV1);
	engine_down(t);
	option_refused(t, "nvenc.split", "2");
	option_refused(t, "nvenc.ceiling", "1");
}

/* The stub is compiled with the headers of 11.1 then. */
static void test_driver_of_11_1(void **state)
{
	struct nvenc_test *t = *state;

	if (plugin_api() <= API(11, 1) || stub_api() != API(11, 1))
		skip();
	engine_up(t, "");
	assert_non_null(strstr(t->log, "speaks NVENC API 11.1"));
	assert_non_null(strstr(t->log, "AV1"));
	assert_null(engine_cap(t, HVCAL_CODEC_AV1));
	use_codec(t, HVCAL_CODEC_H264);
	use_codec(t, HVCAL_CODEC_HEVC);
	engine_down(t);
	option_refused(t, "nvenc.split", "2");
	option_refused(t, "nvenc.ceiling", "1");
}

int run_av1_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_av1_capabilities), TEST(test_av1_units), TEST(test_av1_b_pictures),
		TEST(test_av1_frame_qp), TEST(test_av1_retarget), TEST(test_av1_tiles_and_depth),
		TEST(test_driver_of_12_0), TEST(test_driver_of_11_1),
	};

	return cmocka_run_group_tests_name("av1", tests, NULL, NULL);
}
