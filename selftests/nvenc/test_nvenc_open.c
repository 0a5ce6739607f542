// SPDX-License-Identifier: MIT
/* Whether there is an engine, and if not, why not. */
#include "test_nvenc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Refused with this error, and a line that has this text. */
static void refused(struct nvenc_test *t, int error, const char *text)
{
	char reason[sizeof(t->reason)];
	int ret = engine_try(t, 0);

	strcpy(reason, t->reason);
	if (ret != error)
		fail_msg("create gives %d instead of %d; %s", ret, error, t->reason);
	if (!strstr(t->reason, text))
		fail_msg("\"%s\" does not say \"%s\"", t->reason, text);
	if (strchr(t->reason, '\n'))
		fail_msg("\"%s\" is more than a line", t->reason);
	/* what is wrong with the driver is told once */
	assert_int_equal(engine_try(t, 1), -ENOENT);
	strcpy(t->reason, reason);
}

static void test_libraries_missing(void **state)
{
	struct nvenc_test *t = *state;
	const char *libcuda = t->libcuda;

	t->libcuda = "/nowhere/libcuda.so.1";
	refused(t, -ELIBACC, "libcuda.so.1 is not installed");
	t->libcuda = libcuda;
	t->libencode = "/nowhere/libnvidia-encode.so.1";
	refused(t, -ELIBACC, "libnvidia-encode.so.1 is not installed");
	assert_int_equal(cuda_left(), 0);
}

static void test_libraries_broken(void **state)
{
	struct nvenc_test *t = *state;
	const char *libcuda = t->libcuda;

	/* there, but something else */
	t->libcuda = "/etc/passwd";
	refused(t, -ELIBBAD, "cannot be loaded");
	t->libcuda = libcuda;
	t->libencode = libcuda;
	refused(t, -ELIBBAD, "no NVENC library");
	t->libencode = NULL;
	t->libcuda = "libdl.so.2";
	refused(t, -ELIBSCN, "too old");
}

static void test_no_device(void **state)
{
	struct nvenc_test *t = *state;

	stub_set("devices=0");
	refused(t, access("/dev/nvidiactl", F_OK) || !access("/dev/nvidiactl", R_OK | W_OK) ?
		-ENODEV : -EACCES, "GPU");
	stub_set("cuda_init=803");
	refused(t, -ELIBSCN, "reboot");
	stub_set("cuda_init=999");
	refused(t, -EIO, "CUDA does not start");
}

static void test_driver_too_old(void **state)
{
	struct nvenc_test *t = *state;

	stub_set("version=110");
	refused(t, -ELIBSCN, "speaks NVENC API 11.0");
	stub_set("version=90");
	refused(t, -ELIBSCN, "speaks NVENC API 9.0");
}

static void test_driver_newer(void **state)
{
	struct nvenc_test *t = *state;

	/* the stub is what it says, unless it is older than the plug-in */
	if (plugin_api() > stub_api())
		skip();
	engine_up(t, "version=141");
	engine_down(t);
}

static void test_no_encoder_chip(void **state)
{
	struct nvenc_test *t = *state;

	stub_set("open_error=2");
	refused(t, -EOPNOTSUPP, "no video encoder");
	assert_non_null(strstr(t->reason, "Stub GPU 0"));
	/* the session that did not open was destroyed all the same */
	assert_int_equal(counts_now().sessions, 0);
	stub_set("open_error=1");
	refused(t, -EOPNOTSUPP, "no video encoder");
	stub_set("codecs=0");
	refused(t, -EOPNOTSUPP, "no codec");
	assert_int_equal(counts_now().sessions, 0);
	assert_int_equal(cuda_left(), 0);
}

/* The driver claims a codec that the chip does not code: it is not offered. */
static void test_claims_are_tried(void **state)
{
	struct nvenc_test *t = *state;

	counts_reset();
	engine_up(t, "encode_at=0,encode_error=20");
	assert_null(engine_cap(t, HVCAL_CODEC_H264));
	assert_non_null(engine_cap(t, HVCAL_CODEC_HEVC));
	assert_non_null(strstr(t->log, "NV_ENC_ERR_GENERIC"));
	engine_down(t);
	counts_reset();
	stub_set("codecs=1,encode_at=0,encode_error=20");
	refused(t, -EIO, "test encode fails");
	assert_int_equal(counts_now().sessions, 0);
}

static void test_capabilities(void **state)
{
	struct nvenc_test *t = *state;
	const struct hvcal_engine_cap *cap;

	engine_up(t, "");
	assert_string_equal(t->engine.desc.name, "nvenc");
	assert_string_equal(t->engine.desc.slot, "0000:e0:00.0");
	assert_int_equal(t->engine.desc.slots, 2);
	assert_int_equal(t->engine.desc.max_sessions, 0);
	cap = engine_cap(t, HVCAL_CODEC_HEVC);
	assert_int_equal(cap->depth_mask, 1U << 8 | 1U << 10);
	assert_int_equal(cap->min_width, 130);
	assert_int_equal(cap->max_height, 4096);
	assert_int_equal(engine_cap(t, HVCAL_CODEC_H264)->depth_mask, 1U << 8);
	engine_down(t);
	engine_up(t, "codecs=2,dyn_bitrate=0");
	assert_null(engine_cap(t, HVCAL_CODEC_H264));
	assert_false(engine_cap(t, HVCAL_CODEC_HEVC)->flags & HVCAL_CAP_RETARGET);
	engine_down(t);
}

static void test_two_gpus(void **state)
{
	struct nvenc_test *t = *state;

	stub_set("devices=2");
	assert_int_equal(engine_try(t, 1), 0);
	assert_string_equal(t->engine.desc.name, "nvenc1");
	assert_string_equal(t->engine.desc.slot, "0000:e1:00.0");
	engine_down(t);
	assert_int_equal(engine_try(t, 2), -ENOENT);
}

static void test_options(void **state)
{
	struct nvenc_test *t = *state;

	t->extra[0] = "nvenc.busy_ms";
	t->extra[1] = "soon";
	refused(t, -EINVAL, "nvenc.busy_ms=soon is not a number");
	t->extra[0] = "nvenc.sessions";
	t->extra[1] = "3";
	engine_up(t, "");
	assert_int_equal(t->engine.desc.max_sessions, 3);
	engine_down(t);
}

/* ---- sessions ---- */

static void session_limit(struct nvenc_test *t, const char *modes)
{
	struct hvcal_codec_config config;
	hvcal_engine_stream_t *one, *two, *three;

	config_up(t, modes, HVCAL_CODEC_H264, &config);
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &one), 0);
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &two), 0);
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &three), -ENOSPC);
	assert_non_null(strstr(t->log, "limit of encode sessions"));
	/* the refused one has not kept a place */
	assert_int_equal(counts_now().sessions, 2);
	t->engine.ops->close(one);
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &three), 0);
	t->engine.ops->close(two);
	t->engine.ops->close(three);
	engine_down(t);
}

static void test_session_limit(void **state)
{
	session_limit(*state, "sessions=2");
}

/* Some drivers say it with another code. */
static void test_session_limit_client_key(void **state)
{
	session_limit(*state, "sessions=2,sessions_error=21");
}

static void test_out_of_memory(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	hvcal_engine_stream_t *s;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	stub_set("open_error=10,free_mb=10");
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &s), -ENOMEM);
	assert_non_null(strstr(t->log, "out of memory"));
	stub_set("");
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &s), 0);
	t->engine.ops->close(s);
	engine_down(t);
}

static void test_intra_refresh_refused(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	hvcal_engine_stream_t *s;

	config_up(t, "refresh=0", HVCAL_CODEC_H264, &config);
	config.flags = HVCAL_CONFIG_INTRA_REFRESH;
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &s), -EINVAL);
	assert_non_null(strstr(t->log, "does not code intra refresh"));
	engine_down(t);
}

/* ---- what the driver is told at the start ---- */

/* HVCAL's ten presets in the seven of NVENC, and its tunings. */
static void test_presets(void **state)
{
	static const unsigned int presets[] = { 1, 1, 2, 3, 3, 4, 5, 5, 6, 7 };
	/* of NV_ENC_TUNING_INFO: high quality 1, low latency 2, ultra low latency 3, lossless 4 */
	static const struct { uint32_t tune; unsigned int told; } tunes[] = {
		{ HVCAL_TUNE_DEFAULT, 2 }, { HVCAL_TUNE_LOW_LATENCY, 3 },
		{ HVCAL_TUNE_QUALITY, 1 }, { HVCAL_TUNE_LOSSLESS, 4 },
	};
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_HEVC, &config);
	for (unsigned int i = 0; i < 10 * 4; i++) {
		config.preset = i % 10;
		config.tune = tunes[i / 10].tune;
		s = stream_up(t, &config);
		assert_int_equal(counts_now().preset, presets[i % 10]);
		assert_int_equal(counts_now().tuning, tunes[i / 10].told);
		conf_free(&s);
	}
	engine_down(t);
}

static unsigned int split_of(struct nvenc_test *t, const char *option, uint32_t codec)
{
	struct hvcal_codec_config config;
	struct conf_stream *s;
	unsigned int split;

	t->extra[0] = option ? "nvenc.split" : NULL;
	t->extra[1] = option;
	config_up(t, "", codec, &config);
	s = stream_up(t, &config);
	split = counts_now().split;
	work_down(t, &s);
	return split;
}

/* One picture on several engines takes them from streams that are admitted: only if asked for. */
static void test_split(void **state)
{
	struct nvenc_test *t = *state;

	if (plugin_api() < API(12, 1) || stub_api() < API(12, 1))
		skip();
	assert_int_equal(split_of(t, NULL, HVCAL_CODEC_HEVC), 15);
	assert_int_equal(split_of(t, NULL, HVCAL_CODEC_AV1), 15);
	assert_int_equal(split_of(t, "2", HVCAL_CODEC_HEVC), 2);
	assert_int_equal(split_of(t, "0", HVCAL_CODEC_AV1), 0);
	/* it has no such field */
	assert_int_equal(split_of(t, "2", HVCAL_CODEC_H264), 0);
}

/* ---- errors ---- */

/* What each code of the driver becomes, where a session opens and where a picture goes in. */
static void test_error_map(void **state)
{
	static const struct { unsigned int code; int opening, working; } map[] = {
		{ 1, -EOPNOTSUPP, -EOPNOTSUPP }, { 2, -EOPNOTSUPP, -EOPNOTSUPP },
		{ 6, -EPROTO, -EPROTO }, { 7, -EPROTO, -EPROTO }, { 8, -EINVAL, -EINVAL },
		{ 9, -EPROTO, -EPROTO }, { 10, -ENOSPC, -ENOMEM }, { 11, -EPROTO, -EPROTO },
		{ 12, -EINVAL, -EINVAL }, { 14, -ENOBUFS, -ENOBUFS },
		{ 15, -ELIBSCN, -ELIBSCN }, { 16, -EFAULT, -EFAULT }, { 20, -EIO, -EIO },
		{ 21, -ENOSPC, -EACCES }, { 22, -ENOSYS, -ENOSYS }, { 23, -EFAULT, -EFAULT },
		{ 24, -EPROTO, -EPROTO }, { 25, -EPROTO, -EPROTO }, { 26, -EIO, -EIO },
		{ 99, -EIO, -EIO },
	};
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	hvcal_engine_stream_t *stream;
	struct conf_stream *s;
	char modes[64];

	config_up(t, "", HVCAL_CODEC_H264, &config);
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		snprintf(modes, sizeof(modes), "open_error=%u", map[i].code);
		stub_set(modes);
		assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &stream),
				 map[i].opening);
		stub_set("");
		s = stream_up(t, &config);
		counts_reset();
		snprintf(modes, sizeof(modes), "encode_at=0,encode_error=%u", map[i].code);
		stub_set(modes);
		assert_int_equal(send_one(s, NULL), map[i].working);
		conf_free(&s);
	}
	stub_set("");
	engine_down(t);
}

/* ---- the stub itself ---- */

/* A function list of version 0 ends the process, unless that is not wanted. */
static void test_stub_refuses(void **state)
{
	struct nvenc_test *t = *state;
	uint32_t list[4096] = { 0 };
	int status;
	pid_t child;

	stub_set("lenient=1");
	assert_int_equal(lib_call(t->libencode, "NvEncodeAPICreateInstance", list), 15);
	stub_set("");
	child = fork();
	if (!child) {
		lib_call(t->libencode, "NvEncodeAPICreateInstance", list);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int run_open_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_libraries_missing), TEST(test_libraries_broken), TEST(test_no_device),
		TEST(test_driver_too_old), TEST(test_driver_newer), TEST(test_no_encoder_chip),
		TEST(test_claims_are_tried), TEST(test_capabilities), TEST(test_two_gpus),
		TEST(test_options), TEST(test_session_limit),
		TEST(test_session_limit_client_key), TEST(test_out_of_memory),
		TEST(test_intra_refresh_refused), TEST(test_presets), TEST(test_split),
		TEST(test_error_map), TEST(test_stub_refuses),
	};

	return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
