// SPDX-License-Identifier: MIT
/*
 * The decoder's buffer, as parameter sets and SEI messages tell of it: read by libavcodec's
 * trace_headers, which knows nothing of the engine, and compared with the configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBAVCODEC
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#endif

#include "test_vaapi.h"

#ifdef HAVE_LIBAVCODEC
#define BITRATE 1000000
#define VBV_MS 600
#define FRAMES 20
#define FIRST_KEY 9	/* that is forced */
#define FIELDS 4096
#define CLOCK_KHZ 90

/* What the reader found in one packet. */
static struct field {
	char name[64];
	long long value;
} fields[FIELDS];
static unsigned int nfields;

/* Lines of a field: its place, its name, its bits, "=", its value. */
static void take_line(void *avcl, int level, const char *format, va_list args)
{
	char line[512], *value;

	(void)avcl;
	(void)level;
	vsnprintf(line, sizeof(line), format, args);
	value = strrchr(line, '=');
	if (value && nfields < FIELDS && sscanf(line, "%*d %63s", fields[nfields].name) == 1)
		fields[nfields++].value = strtoll(value + 1, NULL, 10);
}

static unsigned int read_packet(AVBSFContext *bsf, const struct conf_frame *f)
{
	AVPacket *packet = av_packet_alloc();

	nfields = 0;
	if (!packet || av_new_packet(packet, (int)f->result.bytes))
		abort();
	memcpy(packet->data, f->packet, f->result.bytes);
	if (!av_bsf_send_packet(bsf, packet))
		av_bsf_receive_packet(bsf, packet);
	av_packet_free(&packet);
	return nfields;
}

/* The value of a field; -1: there is none, or it stands there with two values. */
static long long get(const char *name)
{
	long long value = -1;

	for (unsigned int i = 0; i < nfields; i++) {
		if (strcmp(fields[i].name, name))
			continue;
		if (value >= 0 && value != fields[i].value)
			return -1;
		value = fields[i].value;
	}
	return value;
}

#define IS(c, f, name, want) \
	CHECK(c, get(name) == (want), "frame %u: %s is %lld, not %lld", (f)->number, name, \
	      get(name), (long long)(want))

static void check_sets(struct conf *c, const struct conf_frame *f, bool hevc)
{
	long long rate = get("bit_rate_value_minus1[0]") + 1;
	long long size = get("cpb_size_value_minus1[0]") + 1;

	IS(c, f, "nal_hrd_parameters_present_flag", 1);
	IS(c, f, "vcl_hrd_parameters_present_flag", 0);
	IS(c, f, hevc ? "cpb_cnt_minus1[0]" : "cpb_cnt_minus1", 0);
	IS(c, f, "cbr_flag[0]", 0);
	CHECK(c, rate << (6 + get("bit_rate_scale")) == BITRATE, "bit rate: %lld << (6 + %lld)", rate,
	      get("bit_rate_scale"));
	CHECK(c, size << (4 + get("cpb_size_scale")) == BITRATE / 1000 * VBV_MS,
	      "buffer: %lld << (4 + %lld)", size, get("cpb_size_scale"));
}

static void check_period(struct conf *c, const struct conf_frame *f, bool hevc)
{
	/* the driver was told that three quarters are there at first */
	IS(c, f, hevc ? "nal_initial_cpb_removal_delay[0]" : "initial_cpb_removal_delay[0]",
	   VBV_MS * CLOCK_KHZ * 3 / 4);
	IS(c, f, hevc ? "nal_initial_cpb_removal_offset[0]" : "initial_cpb_removal_delay_offset[0]",
	   VBV_MS * CLOCK_KHZ / 4);
}

/* @since: pictures coded since the last key frame, or at one, from the one before to it */
static void check_timing(struct conf *c, const struct conf_frame *f, unsigned int since,
			 unsigned int shown, bool hevc, bool reorders)
{
	bool key = f->result.flags & HVCAL_RESULT_KEY;
	long long wait = (long long)shown + reorders - (key ? 0 : since);

	if (hevc) {
		IS(c, f, "au_cpb_removal_delay_minus1", since ? since - 1 : 0);
		IS(c, f, "pic_dpb_output_delay", wait);
	} else {
		IS(c, f, "cpb_removal_delay", 2 * since);
		IS(c, f, "dpb_output_delay", 2 * wait);
	}
}

static void check_frame(struct conf_stream *s, AVBSFContext *bsf, unsigned int order,
			unsigned int *since)
{
	const struct conf_frame *f = conf_by_order(s, order);
	bool hevc = s->c->cap->codec == HVCAL_CODEC_HEVC;
	bool key = f->result.flags & HVCAL_RESULT_KEY;

	CHECK(s->c, read_packet(bsf, f), "frame %u: nothing is read of it", f->number);
	check_timing(s->c, f, *since, f->number < FIRST_KEY ? f->number : f->number - FIRST_KEY, hevc,
		     s->config.bframes);
	if (key) {
		check_sets(s->c, f, hevc);
		check_period(s->c, f, hevc);
	}
	*since = key ? 1 : *since + 1;
}

static AVBSFContext *reader_new(const struct conf *c)
{
	AVBSFContext *bsf;

	if (av_bsf_alloc(av_bsf_get_by_name("trace_headers"), &bsf))
		abort();
	bsf->par_in->codec_type = AVMEDIA_TYPE_VIDEO;
	bsf->par_in->codec_id = c->cap->codec == HVCAL_CODEC_HEVC ? AV_CODEC_ID_HEVC :
				AV_CODEC_ID_H264;
	av_log_set_callback(take_line);
	if (av_bsf_init(bsf))
		abort();
	return bsf;
}

static void check_hrd(struct conf_stream *s)
{
	AVBSFContext *bsf = reader_new(s->c);
	unsigned int since = 0;

	/* with each key frame */
	EXPECT(s->c, 2, "hrd 450000 of 600000\n");
	for (unsigned int i = 0; i < s->count && !conf_failed(s->c); i++)
		check_frame(s, bsf, i, &since);
	av_bsf_free(&bsf);
	all_exact(s);
}

static void send_hrd(struct conf_stream *s)
{
	static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };

	for (unsigned int i = 0; i < FRAMES; i++)
		conf_send(s, i == FIRST_KEY ? &key : NULL);
}

static struct hvcal_codec_config hrd_config(const struct conf *c, uint32_t bframes)
{
	struct hvcal_codec_config config = exact_config(c);

	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = BITRATE;
	config.vbv_ms = VBV_MS;
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = bframes;
	return config;
}

static void test_hrd(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	stream_run(c, &config, send_hrd, check_hrd);
}

static void test_hrd_bframes(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 2);

	stream_run(c, &config, send_hrd, check_hrd);
}

static void test_hrd_layers(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	config.flags = HVCAL_CONFIG_LAYERS;
	stream_run(c, &config, send_hrd, check_hrd);
}

/* Does the packet that was read tell of a buffer, in parameter sets or messages? */
static bool tells(void)
{
	static const char *const names[] = {
		"cpb_cnt_minus1", "cpb_cnt_minus1[0]", "initial_cpb_removal_delay[0]",
		"nal_initial_cpb_removal_delay[0]", "cpb_removal_delay",
		"au_cpb_removal_delay_minus1",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (get(names[i]) >= 0)
			return true;
	return false;
}

/* Nothing is said of a buffer, from frame @first of the order on. */
static void check_silent(struct conf_stream *s, AVBSFContext *bsf, unsigned int first)
{
	for (unsigned int i = first; i < s->count && !conf_failed(s->c); i++) {
		if (!read_packet(bsf, conf_by_order(s, i)) || tells())
			conf_fail(s->c, "frame %u tells of a buffer", i);
	}
}

/* Nobody named a buffer, or the driver writes the SPS. */
static void check_none(struct conf_stream *s)
{
	AVBSFContext *bsf = reader_new(s->c);

	check_silent(s, bsf, 0);
	av_bsf_free(&bsf);
}

static void test_no_vbv(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	config.vbv_ms = 0;
	stream_run(c, &config, send_hrd, check_none);
}

static void send_rate(struct conf_stream *s, uint64_t bitrate, unsigned int frames)
{
	struct hvcal_codec_config config = s->config;

	config.bitrate = bitrate;
	if (s->c->engine->ops->reconfigure(s->stream, &config))
		conf_fail(s->c, "%llu bits a second are refused", (unsigned long long)bitrate);
	conf_send_many(s, frames);
}

/* The same rate, another one, and one more. */
static void send_rates(struct conf_stream *s)
{
	conf_send_many(s, 4);
	send_rate(s, BITRATE, FIRST_KEY - 4);
	send_rate(s, 2 * BITRATE, 4);
	send_rate(s, BITRATE / 2, FRAMES - FIRST_KEY - 4);
}

/* The first frame and frame @other are key frames. */
static void check_keys(struct conf_stream *s, unsigned int other)
{
	for (unsigned int i = 0; i < s->count; i++) {
		bool key = s->frames[i]->result.flags & HVCAL_RESULT_KEY;

		CHECK(s->c, key == (!i || i == other), "frame %u is %s key frame", i,
		      key ? "a" : "no");
	}
}

/*
 * What was said holds for all pictures up to the new rate, which begins with the next one:
 * a key frame that says nothing, and after which rates cost none.
 */
static void check_rates(struct conf_stream *s)
{
	AVBSFContext *bsf = reader_new(s->c);
	unsigned int since = 0;

	/* the driver is told again what it knows: no change */
	EXPECT(s->c, 2, "hrd 450000 of 600000\n");
	EXPECT(s->c, 1, "hrd 900000 of 1200000\n");
	EXPECT(s->c, 1, "hrd 225000 of 300000\n");
	for (unsigned int i = 0; i < FIRST_KEY && !conf_failed(s->c); i++)
		check_frame(s, bsf, i, &since);
	check_silent(s, bsf, FIRST_KEY);
	check_keys(s, FIRST_KEY);
	av_bsf_free(&bsf);
	all_exact(s);
}

/* Where rates may never cost a key frame, there is nothing that they could make false. */
static void check_rates_low_latency(struct conf_stream *s)
{
	AVBSFContext *bsf = reader_new(s->c);

	EXPECT(s->c, 1, "hrd 900000 of 1200000\n");
	check_silent(s, bsf, 0);
	check_keys(s, 0);
	av_bsf_free(&bsf);
}

static void test_rates(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	stream_run(c, &config, send_rates, check_rates);
}

static void test_rates_bframes(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 2);

	stream_run(c, &config, send_rates, check_rates);
}

static void test_rates_low_latency(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	config.tune = HVCAL_TUNE_LOW_LATENCY;
	stream_run(c, &config, send_rates, check_rates_low_latency);
}

static void test_own_headers(struct conf *c)
{
	struct hvcal_codec_config config = hrd_config(c, 0);

	stream_run(c, &config, send_hrd, check_none);
}

const struct test tests_hrd[] = {
	{ "hrd", "exact", NULL, .run = test_hrd },
	{ "hrd_bframes", "exact", NULL, .run = test_hrd_bframes },
	{ "hrd_no_raw_headers", "exact,no-raw", NULL, .run = test_hrd_bframes },
	{ "hrd_without_a_buffer", "exact", NULL, .run = test_no_vbv },
	{ "hrd_new_rates", "exact", NULL, .run = test_rates },
	{ "hrd_new_rates_bframes", "exact", NULL, .run = test_rates_bframes },
	{ "hrd_new_rates_low_latency", "exact", NULL, .run = test_rates_low_latency },
	{ "hevc_hrd_new_rates_low_latency", "exact", NULL, .run = test_rates_low_latency,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_hrd_new_rates", "exact", NULL, .run = test_rates, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_hrd_new_rates_bframes", "exact", NULL, .run = test_rates_bframes,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hrd_headers_of_the_driver", "exact,own-headers", NULL, .run = test_own_headers },
	{ "hevc_hrd", "exact", NULL, .run = test_hrd, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_hrd_bframes", "exact", NULL, .run = test_hrd_bframes, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_hrd_layers", "exact", NULL, .run = test_hrd_layers, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_hrd_without_a_buffer", "exact", NULL, .run = test_no_vbv, .codec = HVCAL_CODEC_HEVC },
	{ 0 },
};
#else
const struct test tests_hrd[] = { { 0 } };
#endif
