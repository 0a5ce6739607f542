// SPDX-License-Identifier: MIT
/* What the safe set of an engine leaves of a configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "safe.h"

static const struct hvcal_codec_config everything = {
	.size = sizeof(everything),
	.flags = HVCAL_CONFIG_INTRA_REFRESH | HVCAL_CONFIG_FULL_RANGE,
	.codec = HVCAL_CODEC_HEVC, .profile = 2, .level = 120, .format = HVCAL_FORMAT_P010,
	.width = 1920, .height = 1080, .fps_num = 30, .fps_den = 1, .bit_depth = 10,
	.chroma = 420, .rc_mode = HVCAL_RC_CBR, .tune = HVCAL_TUNE_QUALITY, .preset = 8,
	.gop = 60, .bitrate = 5000000, .vbv_ms = 500, .bframes = 3, .qp_min = 10, .qp_max = 40,
	.slices = 4, .threads = 2, .primaries = 9,
};

/* ---- an engine that says what it is told to ---- */

static struct {
	int refuse_all, refuse_wishes;	/* errors, 0 none */
	unsigned int calls;
	struct hvcal_codec_config last;
} engine;

static int answer(const struct hvcal_codec_config *config)
{
	engine.calls++;
	engine.last = *config;
	if (config->bframes && engine.refuse_wishes)
		return engine.refuse_wishes;
	return engine.refuse_all;
}

static int test_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		     hvcal_engine_stream_t **stream)
{
	(void)ctx;
	(void)stream;
	return answer(config);
}

static int test_reconfigure(hvcal_engine_stream_t *stream, const struct hvcal_codec_config *config)
{
	(void)stream;
	return answer(config);
}

static const struct hvcal_engine_plugin ops = {
	.open = test_open, .reconfigure = test_reconfigure,
};

static int setup(void **state)
{
	(void)state;
	memset(&engine, 0, sizeof(engine));
	return 0;
}

static void wishes_go_and_the_rest_stays(void **state)
{
	struct hvcal_codec_config config = everything, expected = everything;

	(void)state;
	expected.flags = HVCAL_CONFIG_FULL_RANGE;
	expected.tune = HVCAL_TUNE_LOW_LATENCY;
	expected.preset = 5;
	expected.bframes = expected.slices = expected.qp_min = expected.qp_max = 0;
	assert_int_equal(hvcal_safe_make(&config),
			 HVCAL_DROPPED_BFRAMES | HVCAL_DROPPED_TUNE | HVCAL_DROPPED_PRESET |
			 HVCAL_DROPPED_SLICES | HVCAL_DROPPED_INTRA_REFRESH |
			 HVCAL_DROPPED_QP_RANGE);
	assert_memory_equal(&config, &expected, sizeof(config));
	/* and what is safe has no wishes */
	assert_int_equal(hvcal_safe_make(&config), 0);
	assert_memory_equal(&config, &expected, sizeof(config));
}

/* No slower than asked for: time was reserved. Lossless is no wish. */
static void faster_and_lossless_stay(void **state)
{
	struct hvcal_codec_config config = {
		.size = sizeof(config), .preset = 2, .tune = HVCAL_TUNE_LOSSLESS,
	};

	(void)state;
	assert_int_equal(hvcal_safe_make(&config), 0);
	assert_int_equal(config.preset, 2);
	assert_int_equal(config.tune, HVCAL_TUNE_LOSSLESS);
}

static int open_with(uint32_t *dropped)
{
	hvcal_engine_stream_t *stream;

	*dropped = 77;
	return hvcal_safe_open(&ops, NULL, &everything, &stream, dropped);
}

static void opens_as_asked_if_it_can(void **state)
{
	uint32_t dropped;

	(void)state;
	assert_int_equal(open_with(&dropped), 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(engine.calls, 1);
	assert_int_equal(engine.last.bframes, 3);
}

static void opens_once_more_with_less(void **state)
{
	uint32_t dropped;

	(void)state;
	engine.refuse_wishes = -EOPNOTSUPP;
	assert_int_equal(open_with(&dropped), 0);
	assert_int_equal(engine.calls, 2);
	assert_true(dropped & HVCAL_DROPPED_BFRAMES);
	/* and no more than once; the error is that of what was asked */
	engine.calls = 0;
	engine.refuse_all = -EINVAL;
	assert_int_equal(open_with(&dropped), -EOPNOTSUPP);
	assert_int_equal(engine.calls, 2);
	assert_int_equal(dropped, 0);
}

static void other_errors_are_not_tried_again(void **state)
{
	uint32_t dropped;

	(void)state;
	engine.refuse_wishes = -EIO;
	assert_int_equal(open_with(&dropped), -EIO);
	assert_int_equal(engine.calls, 1);
}

static void reconfigures_with_less(void **state)
{
	struct hvcal_codec_config plain = everything;
	uint32_t dropped = 0;

	(void)state;
	engine.refuse_wishes = -EINVAL;
	assert_int_equal(hvcal_safe_reconfigure(&ops, NULL, &everything, &dropped), 0);
	assert_int_equal(engine.calls, 2);
	assert_true(dropped & HVCAL_DROPPED_BFRAMES);
	/* it knows now */
	assert_int_equal(hvcal_safe_reconfigure(&ops, NULL, &everything, &dropped), 0);
	assert_int_equal(engine.calls, 3);
	assert_int_equal(engine.last.bframes, 0);
	/* what has no wishes is done as it is */
	hvcal_safe_make(&plain);
	assert_int_equal(hvcal_safe_reconfigure(&ops, NULL, &plain, &dropped), 0);
	assert_int_equal(dropped, 0);
	assert_int_equal(engine.calls, 4);
}

static void new_streams_are_left_to_the_caller(void **state)
{
	uint32_t dropped = 0;

	(void)state;
	engine.refuse_wishes = -EOPNOTSUPP;
	assert_int_equal(hvcal_safe_reconfigure(&ops, NULL, &everything, &dropped), -EOPNOTSUPP);
	assert_int_equal(engine.calls, 1);
	engine.refuse_wishes = -EINVAL;
	engine.refuse_all = -EOPNOTSUPP;
	assert_int_equal(hvcal_safe_reconfigure(&ops, NULL, &everything, &dropped), -EOPNOTSUPP);
	assert_int_equal(dropped, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_go_and_the_rest_stays),
		cmocka_unit_test(faster_and_lossless_stay),
		cmocka_unit_test_setup(opens_as_asked_if_it_can, setup),
		cmocka_unit_test_setup(opens_once_more_with_less, setup),
		cmocka_unit_test_setup(other_errors_are_not_tried_again, setup),
		cmocka_unit_test_setup(reconfigures_with_less, setup),
		cmocka_unit_test_setup(new_streams_are_left_to_the_caller, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
