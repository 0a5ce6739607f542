// SPDX-License-Identifier: MIT
/* Defaults, sized structures, and the checks of a configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "internal.h"

static void good(hvcal_config_t *c)
{
	hvcal_config_default(c, sizeof(*c));
	c->codec = HVCAL_CODEC_HEVC;
	c->width = 1920;
	c->height = 1080;
	c->fps = 30000;
	c->fps_den = 1001;
}

static void test_defaults(void **state)
{
	struct { hvcal_buffer_t b; unsigned char guard[8]; } old;
	hvcal_frame_t f;
	hvcal_packet_t p;
	hvcal_pool_params_t pp;

	(void)state;
	hvcal_frame_default(&f, sizeof(f));
	assert_int_equal(f.struct_size, sizeof(f));
	assert_true(f.pts == HVCAL_NO_PTS);
	assert_int_equal(f.in_fence, -1);
	hvcal_packet_default(&p, sizeof(p));
	assert_int_equal(p.fd, -1);
	hvcal_pool_params_default(&pp, sizeof(pp));
	assert_int_equal(pp.numa_node, -1);
	/* a program of an older header: nothing beyond its structure is touched */
	memset(&old, 0x5a, sizeof(old));
	hvcal_buffer_default(&old.b, 16);
	assert_int_equal(old.b.struct_size, 16);
	assert_int_equal(((unsigned char *)&old)[15], 0);
	assert_int_equal(((unsigned char *)&old)[16], 0x5a);
	hvcal_config_default(NULL, 100);
}

static void test_struct_sizes(void **state)
{
	struct { uint32_t struct_size, a, b, c; } in = { 0 }, out;

	(void)state;
	in.struct_size = 16;
	in.a = 1;
	in.c = 3;
	memset(&out, 0xff, sizeof(out));
	assert_int_equal(hvcal_struct_get(&out, 8, &in, 8), -E2BIG);
	in.c = 0;
	assert_int_equal(hvcal_struct_get(&out, 8, &in, 8), 0);
	assert_int_equal(out.a, 1);
	in.struct_size = 8; /* shorter: the rest is zero */
	in.b = 9;
	assert_int_equal(hvcal_struct_get(&out, 16, &in, 8), 0);
	assert_int_equal(out.b, 0);
	assert_int_equal(hvcal_struct_get(&out, 16, &in, 12), -EINVAL);
	assert_int_equal(hvcal_struct_get(&out, 16, NULL, 8), -EINVAL);
	memset(&out, 0, sizeof(out));
	out.struct_size = 8;
	in.a = 5;
	in.b = 6;
	hvcal_struct_put(&out, &in, sizeof(in));
	assert_int_equal(out.struct_size, 8);
	assert_int_equal(out.a, 5);
	assert_int_equal(out.b, 0);
}

static void test_completion(void **state)
{
	struct hvcal_codec_config codec;
	struct hvcal_reservation res;
	hvcal_config_t c, out;

	(void)state;
	good(&c);
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_int_equal(out.bit_depth, 8);
	assert_int_equal(out.format, HVCAL_FORMAT_NV12);
	assert_int_equal(out.chroma, 420);
	assert_int_equal(out.tune, HVCAL_TUNE_LOW_LATENCY);
	assert_int_equal(out.max_queued, 16);
	assert_int_equal(out.period_ns, 33366666);
	c.hdr = HVCAL_HDR_HDR10;
	c.max_cll = 1000;
	c.mastering_max = 10000000;
	c.bitrate = 4000000;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	hvcal_config_to_codec(&out, &codec);
	hvcal_config_to_reservation(&out, HVCAL_THROUGHPUT_BALANCED, &res);
	assert_int_equal(codec.bit_depth, 10);
	assert_int_equal(codec.format, HVCAL_FORMAT_P010);
	assert_int_equal(codec.primaries, 9);
	assert_int_equal(codec.transfer, 16);
	assert_int_equal(codec.matrix, 9);
	assert_int_equal(codec.max_bitrate, 4000000);
	assert_int_equal(codec.flags, HVCAL_CONFIG_MASTERING | HVCAL_CONFIG_LIGHT_LEVEL);
	assert_int_equal(hvcal_config_need(&out), HVCAL_CAP_HDR_STATIC);
	assert_int_equal(res.bit_depth, 10);
	c.bframes = 2;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_int_equal(out.tune, HVCAL_TUNE_QUALITY);
	assert_int_equal(out.max_queued, 64);
}

static void test_packet_bytes(void **state)
{
	hvcal_config_t c, out;

	(void)state;
	good(&c);
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_int_equal(hvcal_config_packet_bytes(&out), 1920 * 1080 * 3 / 4 + 65536);
	c.codec = HVCAL_CODEC_RAW;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_true(hvcal_config_packet_bytes(&out) >= 1920 * 1080 * 3 / 2);
	c.format = HVCAL_FORMAT_XRGB8888;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_true(hvcal_config_packet_bytes(&out) >= 1920 * 1080 * 4);
	c.packet_bytes = 123;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_int_equal(hvcal_config_packet_bytes(&out), 123);
}

#define BAD(field, value, says) \
	{ offsetof(hvcal_config_t, field), sizeof(((hvcal_config_t *)0)->field), value, says }

static void test_refused(void **state)
{
	static const struct { size_t at, size; uint64_t value; const char *says; } bad[] = {
		BAD(codec, 0, "codec"), BAD(width, 0, "width"), BAD(height, 65537, "height"),
		BAD(fps, 0, "fps"), BAD(hdr, 3, "hdr"), BAD(bit_depth, 7, "bit_depth"),
		BAD(preset, 10, "preset"), BAD(rc_mode, 5, "rc_mode"),
		BAD(rc_mode, HVCAL_RC_CBR, "bitrate"), BAD(rc_mode, HVCAL_RC_ICQ, "quality"),
		BAD(tune, 4, "tune"), BAD(bitrate, 1ULL << 40, NULL),
		BAD(chroma, 411, "chroma"), BAD(full_range, 2, "full_range"),
		BAD(features, 1U << 31, "features"), BAD(sched, 2, "sched"),
		BAD(on_loss, 2, "on_loss"), BAD(max_queued, 1, "max_queued"),
		BAD(max_queued, 257, "max_queued"), BAD(rate_hints, 2, "rate_hints"),
		BAD(adaptive_quant, 65, "adaptive_quant"), BAD(base_percent, 100, "base_percent must be"),
		BAD(base_percent, 50, "HVCAL_FEATURE_LAYERS"),
	};
	hvcal_config_t c, out;
	char reason[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		good(&c);
		reason[0] = 0;
		memcpy((char *)&c + bad[i].at, &bad[i].value, bad[i].size);
		if (!bad[i].says) { /* large, but not wrong */
			assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), 0);
			continue;
		}
		assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
		assert_non_null(strstr(reason, bad[i].says));
	}
	good(&c);
	c.hdr = HVCAL_HDR_HLG;
	c.bit_depth = 8;
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	good(&c);
	c.engine = 1;
	c.engine_name[0] = 'x';
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	good(&c);
	memset(c.engine_name, 'x', sizeof(c.engine_name));
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	good(&c);
	c.struct_size = 0;
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "hvcal_config_default"));
}

/* Only where libhvcal controls the rate of two layers. */
static void test_base_percent(void **state)
{
	hvcal_config_t c, out;
	char reason[256] = "";

	(void)state;
	good(&c);
	c.features = 1U << HVCAL_FEATURE_LAYERS;
	c.rc_mode = HVCAL_RC_CBR;
	c.bitrate = 4000000;
	c.base_percent = 99;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	assert_int_equal(out.base_percent, 99);
	c.base_percent = 100;
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "1..99"));
	c.base_percent = 1;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	c.rate_control = HVCAL_RATE_CONTROL_ENGINE;
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "libhvcal's rate control"));
	c.rate_control = HVCAL_RATE_CONTROL_DEFAULT;
	c.rc_mode = HVCAL_RC_CQP;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), -EINVAL);
	c.rc_mode = HVCAL_RC_ICQ;
	c.quality = 20;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	c.bitrate = 0;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), -EINVAL);
	c.max_bitrate = 4000000;
	assert_int_equal(hvcal_config_take(&out, &c, NULL, 0), 0);
	c.features = 0;
	assert_int_equal(hvcal_config_take(&out, &c, reason, sizeof(reason)), -EINVAL);
	assert_non_null(strstr(reason, "HVCAL_FEATURE_LAYERS"));
}

static void test_text(void **state)
{
	int i;

	(void)state;
	for (i = -4096; i < 10; i++)
		assert_non_null(hvcal_strerror(i));
	assert_non_null(strstr(hvcal_strerror(-ENOSPC), "admission"));
	assert_string_equal(hvcal_strerror(-4000), "unexpected error");
	assert_int_equal(hvcal_version(), HVCAL_API_VERSION);
	assert_string_equal(hvcal_version_string(), "0.1.0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_struct_sizes),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_packet_bytes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_base_percent),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests_name("libhvcal configuration", tests, NULL, NULL);
}
