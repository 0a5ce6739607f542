// SPDX-License-Identifier: MIT
/*
 * The VA-API engine over the test driver: every bit comes back from the decoder, the
 * driver is told what was asked for, and its faults stay within bounds. Each test is a
 * process of its own. TAP.
 * usage: test_vaapi ENGINE-FOLDER
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef HAVE_LIBAVCODEC
#include <libavcodec/avcodec.h>
#endif

#include "../conformance/conformance.h"

#define HANG "vaapi.timeout_ms=100"	/* option of the engine in tests of hangs */
#define LIMIT_S 60		/* of a test: a driver that hangs would hold it */
#define GOOD_PSNR 34.0	/* of the test pictures at the QP of conf_config() */
#define BOUND_MS 5000		/* by then a frame in a driver that hangs is answered */

static const char *folder;
static char report_path[] = "/tmp/hvcal-vaapi-XXXXXX";

/* ---- the host ---- */

void conf_fail(struct conf *c, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&c->lock);
	if (!c->failure[0]) {
		va_start(ap, fmt);
		vsnprintf(c->failure, sizeof(c->failure), fmt, ap);
		va_end(ap);
	}
	pthread_mutex_unlock(&c->lock);
}

bool conf_failed(struct conf *c)
{
	bool failed;

	pthread_mutex_lock(&c->lock);
	failed = c->failure[0];
	pthread_mutex_unlock(&c->lock);
	return failed;
}

static void host_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	if (level < 7)
		printf("# log %d: %s\n", level, line);
}

static const char *host_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct conf *)cookie)->options, key);
}

struct test {
	const char *name;
	const char *modes;	/* of the driver */
	const char *options;	/* of the engine, besides the device */
	void (*run)(struct conf *c);
	uint32_t codec;		/* 0: the first one */
	/* instead of run: the engine cannot be made, and says this */
	int error;
	const char *reason;
	void (*before)(void), (*after)(void);
};

static struct hvcal_plugins *plugins;

static int engine_make(struct conf *c, const struct test *t, struct hvcal_plugin_engine *e,
		       char *reason, size_t len)
{
	struct hvcal_plugin *plugin;
	char error[256];

	c->options = hvcal_options_create();
	if (!c->options || (t->options && hvcal_options_add(c->options, t->options, error,
							    sizeof(error))))
		abort();
	if (!hvcal_options_get(c->options, "vaapi.device") &&
	    hvcal_options_add(c->options, "vaapi.device=/dev/null", error, sizeof(error)))
		abort();
	if (hvcal_plugins_load(folder, "vaapi", &plugins))
		abort();
	plugin = hvcal_plugins_find(plugins, "vaapi");
	if (!plugin || !plugin->ops)
		abort();
	return hvcal_plugin_engine_create(plugin, &c->host, 0, e, reason, len);
}

static void run_inside(struct conf *c, const struct test *t)
{
	struct hvcal_plugin_engine e;
	char reason[256] = "";
	int ret;

	if (t->before)
		t->before();
	ret = engine_make(c, t, &e, reason, sizeof(reason));
	if (t->after)
		t->after();
	if (ret != t->error || (t->reason && !strstr(reason, t->reason)))
		conf_fail(c, "create gives %d, \"%s\"", ret, reason);
	if (ret)
		return;
	c->engine = &e;
	c->cap = &e.desc.caps[0];
	for (uint32_t i = 0; t->codec && i < e.desc.ncaps; i++)
		if (e.desc.caps[i].codec == t->codec)
			c->cap = &e.desc.caps[i];
	if (t->codec && c->cap->codec != t->codec)
		conf_fail(c, "the engine lacks the codec");
	else if (t->run)
		t->run(c);
	hvcal_plugin_engine_destroy(&e);
}

static int run_child(const struct test *t)
{
	struct conf c = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.host = { .done = conf_host_done, .log = host_log, .option = host_option },
	};
	char modes[256];

	c.host.cookie = &c;
	alarm(LIMIT_S);
	snprintf(modes, sizeof(modes), "%s%sreport=%s", t->modes ? t->modes : "",
		 t->modes ? "," : "", report_path);
	setenv("HVCALTEST", modes, 1);
	run_inside(&c, t);
	hvcal_plugins_unload(&plugins);
	hvcal_options_destroy(&c.options);
	if (c.failure[0])
		printf("# %s\n", c.failure);
	return c.failure[0] ? 1 : 0;
}

/* ---- what the driver was told ---- */

/* How often a line that begins so is in the report. */
static unsigned int reported(const char *what)
{
	FILE *f = fopen(report_path, "r");
	unsigned int n = 0;
	char line[256];

	if (!f)
		abort();
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, what, strlen(what));
	fclose(f);
	return n;
}

#define EXPECT(c, count, what) \
	do { \
		unsigned int got_ = reported(what); \
		CHECK(c, got_ == (count), "the driver has seen \"%s\" %u times", what, got_); \
	} while (0)

/* ---- every bit ---- */

static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };
static const struct conf_how no_ref = { .flags = HVCAL_FRAME_NO_REF };
static const struct conf_how upper = { .temporal_layer = 1 };

/* Every bit of H.264; HEVC is coded with loss. */
static void all_exact(struct conf *c, struct conf_stream *s)
{
	bool exact = c->cap->codec == HVCAL_CODEC_H264;
	struct conf_picture *pictures = calloc(s->count, sizeof(*pictures));

	if (!pictures)
		abort();
	conf_decode(s, 0, exact ? 99 : GOOD_PSNR, pictures);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->state == CONF_DONE && !s->frames[i]->result.status &&
		    exact && !pictures[i].exact)
			conf_fail(c, "frame %u is not what was given", i);
	free(pictures);
}

static void exact_run(struct conf *c, uint32_t width, uint32_t height, uint32_t slices)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.width = width;
	config.height = height;
	config.slices = slices;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 24; i++)
		conf_send(s, i == 10 || i == 11 ? &key : i == 18 ? &upper :
			  i % 4 == 3 ? &no_ref : NULL);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
		if (s->frames[i]->result.status || s->frames[i]->state != CONF_DONE)
			conf_fail(c, "frame %u of %ux%u was not coded", i, width, height);
		if (s->frames[i]->result.frame.temporal_layer != (i == 18))
			conf_fail(c, "frame %u is said to be of another layer", i);
	}
	all_exact(c, s);
	conf_free(&s);
}

static void test_exact(struct conf *c)
{
	exact_run(c, 320, 192, 1);
	exact_run(c, 322, 182, 3);
	exact_run(c, 64, 64, 4);
}

/* More frames than frame_num and POC count. */
static void test_wrap(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.width = 64;
	config.height = 64;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 300);
	conf_flush(s);
	all_exact(c, s);
	conf_free(&s);
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

/* Frames are told apart that are references from those that are none. */
static void test_references(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.slices = 2;
	s = conf_open(c, &config);
	if (!s)
		return;
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
	conf_flush(s);
	conf_decode(s, 0, 99, NULL);
	conf_free(&s);
}

/* ---- HEVC ---- */

/* Encoders of Intel know no P slices: B slices that refer to one picture twice. */
static void test_only_b(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	for (int i = 0; i < 12; i++) {
		if (i % 6)
			send_still(s, i / 6 * 6, i % 3 ? HVCAL_FRAME_NO_REF : 0);
		else
			conf_send(s, &key);
	}
	conf_flush(s);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	conf_free(&s);
}

/* Longer than the POC counts; drift would show. */
static void test_long(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.width = config.height = 64;
	config.format = HVCAL_FORMAT_P010;
	config.bit_depth = 10;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 300);
	conf_flush(s);
	all_exact(c, s);
	conf_free(&s);
}

static void test_sizes(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	for (uint32_t i = 0; i < 4; i++) {
		config.width = 320 + 2 * i;
		config.height = 194 + 6 * i;
		s = conf_open(c, &config);
		if (!s)
			return;
		conf_send_many(s, 4);
		conf_flush(s);
		all_exact(c, s);
		conf_free(&s);
	}
}

/* ---- colours ---- */

#ifdef HAVE_LIBAVCODEC
static void colours_check(struct conf *c, const struct conf_frame *f)
{
	const AVCodec *codec = avcodec_find_decoder(c->cap->codec == HVCAL_CODEC_H264 ?
						    AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
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
	else if (frame->color_primaries != 9 || frame->color_trc != 16 || frame->colorspace != 10 ||
		 frame->color_range != AVCOL_RANGE_JPEG)
		conf_fail(c, "colours are %d %d %d, range %d", frame->color_primaries,
			  frame->color_trc, frame->colorspace, frame->color_range);
	else if (frame->sample_aspect_ratio.num != 4 || frame->sample_aspect_ratio.den != 3)
		conf_fail(c, "aspect ratio %d:%d", frame->sample_aspect_ratio.num,
			  frame->sample_aspect_ratio.den);
	else if (avctx->has_b_frames)
		conf_fail(c, "the decoder expects reordering");
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
	config.matrix = 10;
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

/* ---- sources ---- */

static void source_run(struct conf *c, uint64_t copied)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send_many(s, 5);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->result.frame.copied_bytes != copied)
			conf_fail(c, "frame %u: %llu bytes copied", i, (unsigned long long)
				  s->frames[i]->result.frame.copied_bytes);
	all_exact(c, s);
	conf_free(&s);
}

static void test_import(struct conf *c)
{
	source_run(c, 0);
	/* one buffer, again and again: it is imported once */
	EXPECT(c, 1, "import");
}

static void test_derive(struct conf *c)
{
	source_run(c, 320 * 192 * 3 / 2);
	EXPECT(c, 5, "derive");
}

static void test_put(struct conf *c)
{
	source_run(c, 320 * 192 * 3 / 2);
	EXPECT(c, 5, "put");
}

static void spoil_modifier(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.modifier = 0x100000000000001; /* Intel's X tiling */
}

/* What neither the driver nor the CPU can read is refused; the stream goes on. */
static void test_modifier(struct conf *c)
{
	static const struct conf_how tiled = { .spoil = spoil_modifier };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);
	int ret;

	if (!s)
		return;
	conf_send_many(s, 2);
	ret = conf_send(s, &tiled);
	if (ret != -EINVAL)
		conf_fail(c, "a modifier that the driver does not know gives %d", ret);
	conf_send_many(s, 2);
	conf_flush(s);
	all_exact(c, s);
	conf_free(&s);
}

/* ---- metadata ---- */

static void test_metadata(struct conf *c)
{
	static const struct {
		struct hvcal_frame_meta head;
		uint8_t bytes[8];
	} meta = { { HVCAL_META_T35, 8 }, { 0xb5, 0, 0, 1, 0, 0, 0, 9 } };
	/* in the stream, bytes that look like a start code are told apart */
	static const uint8_t coded[] = { 4, 8, 0xb5, 0, 0, 3, 1, 0, 0, 3, 0, 9, 0x80 };
	static const struct conf_how with = { .meta = &meta, .meta_len = sizeof(meta) };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	for (unsigned int i = 0; i < 4; i++)
		conf_send(s, i % 2 ? NULL : &with);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
		const struct conf_frame *f = s->frames[i];

		if (!f->packet || (i % 2) == !!memmem(f->packet, f->result.bytes, coded,
						      sizeof(coded)))
			conf_fail(c, "frame %u: metadata are wrong", i);
	}
	all_exact(c, s);
	conf_free(&s);
}

/* ---- faults ---- */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Frame 2 fails with @status; the next one is a key frame, and all others are well. */
static void fault_run(struct conf *c, int status)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);
	uint64_t start = now_ms();

	if (!s)
		return;
	for (unsigned int i = 0; i < 6; i++) {
		int ret = conf_send(s, NULL);
		const struct conf_frame *f = s->frames[i];
		int got = ret < 0 ? ret : f->result.status;

		if (got != (i == 2 ? status : 0))
			conf_fail(c, "frame %u: %d", i, got);
		else if (i != 2 && !!(f->result.flags & HVCAL_RESULT_KEY) != (i == 0 || i == 3))
			conf_fail(c, "frame %u: wrong about key frames", i);
	}
	CHECK(c, now_ms() - start < BOUND_MS, "six frames take %llu ms",
	      (unsigned long long)(now_ms() - start));
	conf_flush(s);
	all_exact(c, s);
	conf_free(&s);
}

static void test_hang(struct conf *c)
{
	fault_run(c, -ETIMEDOUT);
}

static void test_lost(struct conf *c)
{
	fault_run(c, -EIO);
}

static void test_busy(struct conf *c)
{
	fault_run(c, -EAGAIN);
}

/* A driver that hangs for good is left alone after a few times. */
static void test_hang_always(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);
	uint64_t start = now_ms();
	int last = 0;

	if (!s)
		return;
	for (unsigned int i = 0; i < 8; i++) {
		int ret = conf_send(s, NULL);

		last = ret < 0 ? ret : s->frames[i]->result.status;
		if (i < 4 && last != -ETIMEDOUT)
			conf_fail(c, "frame %u: %d", i, last);
	}
	CHECK(c, last == -ENODEV, "a driver that always hangs ends with %d", last);
	CHECK(c, now_ms() - start < BOUND_MS, "eight frames take %llu ms",
	      (unsigned long long)(now_ms() - start));
	conf_flush(s);
	conf_free(&s);
}

/* ---- what is told ---- */

static void test_entrypoint_low(struct conf *c)
{
	source_run(c, 0);
	EXPECT(c, 1, "config profile 7 entrypoint 8");
}

static void test_entrypoint_full(struct conf *c)
{
	source_run(c, 0);
	EXPECT(c, 1, "config profile 7 entrypoint 6");
}

static void test_rates(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.rc_mode = HVCAL_RC_VBR;
	config.bitrate = 1000000;
	config.max_bitrate = 4000000;
	config.vbv_ms = 250;
	config.qp_min = 12;
	config.qp_max = 40;
	config.fps_num = 60000;
	config.fps_den = 1001;
	config.preset = 9;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 3);
	EXPECT(c, 1, "rate ");
	EXPECT(c, 1, "rate 4000000 25% window 250 qp 12..40");
	EXPECT(c, 1, "fps 60000/1001");
	EXPECT(c, 1, "quality 1\n");
	config.bitrate = 2000000;
	CHECK(c, !c->engine->ops->reconfigure(s->stream, &config), "a new bit rate is refused");
	conf_send_many(s, 3);
	EXPECT(c, 2, "rate ");
	EXPECT(c, 1, "rate 4000000 50% window 250 qp 12..40");
	conf_free(&s);
}

static void set_max_bytes(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->params.max_bytes = 12345;
}

static void test_max_bytes(struct conf *c)
{
	static const struct conf_how with = { .spoil = set_max_bytes };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 1000000;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 1);
	EXPECT(c, 0, "max ");
	conf_send(s, &with);
	EXPECT(c, 1, "max 98760 bits");
	conf_send_many(s, 1);
	EXPECT(c, 1, "max ");
	conf_free(&s);
}

#define MAP_COLS 20
#define MAP_ROWS 12

static void map_run(struct conf *c, const int8_t *map)
{
	struct conf_how with = {
		.map = map, .map_block = 16, .map_stride = MAP_COLS, .map_rows = MAP_ROWS,
	};
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send(s, &with);
	conf_flush(s);
	conf_decode(s, 0, 25, NULL);
	conf_free(&s);
}

/* A map that four rectangles can say is told as it is. */
static void test_map(struct conf *c)
{
	int8_t map[MAP_COLS * MAP_ROWS] = { 0 };

	for (unsigned int y = 0; y < MAP_ROWS; y++)
		for (unsigned int x = 0; x < MAP_COLS; x++)
			if (x % 10 < 4 && y % 6 < 3)
				map[y * MAP_COLS + x] = x < 10 ? -5 : 5;
	map_run(c, map);
	EXPECT(c, 1, "rois 4");
}

/* One that they cannot is told less finely, and the driver takes it. */
static void test_fine_map(struct conf *c)
{
	int8_t map[MAP_COLS * MAP_ROWS];

	for (unsigned int i = 0; i < sizeof(map); i++)
		map[i] = (int8_t)(i * 7 % 13) - 6 + (i % MAP_COLS < 10 ? -8 : 8);
	map_run(c, map);
	EXPECT(c, 1, "rois ");
	CHECK(c, reported("rois 1") + reported("rois 2") + reported("rois 3") +
	      reported("rois 4") == 1, "the driver takes four rectangles");
}

/* ---- engines that cannot be made ---- */

static char locked_option[64];

/* Root may open all: be somebody else. */
static void no_permission(void)
{
	char path[] = "/tmp/hvcal-vaapi-node-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || fchmod(fd, 0) || (!geteuid() && seteuid(65534)))
		abort();
	close(fd);
	snprintf(locked_option, sizeof(locked_option), "vaapi.device=%s", path);
}

/* The node goes when its maker is back. */
static void no_permission_end(void)
{
	if (!getuid() && seteuid(0))
		abort();
	unlink(strchr(locked_option, '=') + 1);
}

static void no_driver(void)
{
	setenv("LIBVA_DRIVER_NAME", "absent", 1);
}

#define HANG_OPTION "vaapi.timeout_ms=100"

static const struct test tests[] = {
	{ "exact_cabac", "exact", NULL, .run = test_exact },
	{ "exact_cavlc", "exact,baseline", NULL, .run = test_exact },
	{ "exact_headers_of_the_driver", "exact,own-headers", NULL, .run = test_exact },
	{ "exact_cavlc_headers_of_the_driver", "exact,baseline,own-headers", NULL, .run = test_exact },
	{ "references_cabac", "exact", NULL, .run = test_references },
	{ "references_cavlc", "exact,baseline", NULL, .run = test_references },
	{ "references_headers_of_the_driver", "exact,own-headers", NULL, .run = test_references },
	{ "counters_wrap", "exact", NULL, .run = test_wrap },
	{ "hevc_only_b", "only-b", NULL, .run = test_only_b, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_only_b_headers_of_the_driver", "only-b,own-headers", NULL, .run = test_only_b,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_tools_untold", "hevc-untold", NULL, .run = test_long, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_long", NULL, NULL, .run = test_long, .codec = HVCAL_CODEC_HEVC },
	{ "hevc_copied", "no-import,no-derive", NULL, .run = test_sizes,
	  .codec = HVCAL_CODEC_HEVC },
	{ "hevc_lost", "lost=3", NULL, .run = test_lost, .codec = HVCAL_CODEC_HEVC },
#ifdef HAVE_LIBAVCODEC
	{ "colours", NULL, NULL, .run = test_colours },
	{ "colours_baseline", "baseline", NULL, .run = test_colours },
	{ "hevc_colours", NULL, NULL, .run = test_colours, .codec = HVCAL_CODEC_HEVC },
#endif
	{ "import", "exact", NULL, .run = test_import },
	{ "copy_into_the_surface", "exact,no-import", NULL, .run = test_derive },
	{ "copy_by_an_image", "exact,no-import,no-derive", NULL, .run = test_put },
	{ "copy_by_option", "exact", "vaapi.import=0", .run = test_derive },
	{ "unknown_modifier", "exact", NULL, .run = test_modifier },
	{ "metadata_by_the_driver", "exact", NULL, .run = test_metadata },
	{ "metadata_no_raw_headers", "exact,no-raw", NULL, .run = test_metadata },
	{ "metadata_headers_of_the_driver", "exact,own-headers", NULL, .run = test_metadata },
	{ "slow_driver", "exact,slow=20", NULL, .run = test_import },
	{ "slow_driver_surface_wait", "exact,slow=20,surface-wait", NULL, .run = test_import },
	{ "slow_driver_no_wait", "exact,slow=20,no-wait", NULL, .run = test_import },
	{ "hang", "exact,hang=3", HANG, .run = test_hang },
	{ "hang_surface_wait", "exact,hang=3,surface-wait", HANG, .run = test_hang },
	{ "hang_no_wait", "exact,hang=3,no-wait", HANG, .run = test_hang },
	{ "hang_in_a_copy", "exact,hang=3,no-import", HANG, .run = test_hang },
	{ "hang_always", "exact,hang-always", HANG, .run = test_hang_always },
	{ "device_lost", "exact,lost=3", NULL, .run = test_lost },
	{ "device_lost_no_wait", "exact,lost=3,no-wait", NULL, .run = test_lost },
	{ "encoder_busy", "exact,busy=3", NULL, .run = test_busy },
	{ "low_power_preferred", "exact,low-power", NULL, .run = test_entrypoint_low },
	{ "low_power_without_rate_control", "exact,low-power-cqp", NULL, .run = test_entrypoint_full },
	{ "low_power_by_option", "exact,low-power-cqp", "vaapi.low_power=1", .run = test_entrypoint_low },
	{ "rates", NULL, NULL, .run = test_rates },
	{ "max_bytes", NULL, NULL, .run = test_max_bytes },
	{ "map", "rois=4", NULL, .run = test_map },
	{ "fine_map", "rois=4", NULL, .run = test_fine_map },
	{ "no_entrypoint", "no-entrypoint", NULL, .error = -EOPNOTSUPP,
	  .reason = "has no entrypoint that encodes" },
	{ "no_device", NULL, "vaapi.device=/nowhere/renderD128", .error = -ENODEV,
	  .reason = "there is no /nowhere/renderD128" },
	{ "no_permission", NULL, locked_option, .error = -EACCES, .reason = "no permission for /tmp",
	  .before = no_permission, .after = no_permission_end },
	{ "no_driver", NULL, NULL, .error = -ENODEV, .reason = "no VA driver works on /dev/null",
	  .before = no_driver },
	{ "bad_option", NULL, "vaapi.low_power=2", .error = -EINVAL,
	  .reason = "not a number from 0 to 1" },
};

int main(int argc, char **argv)
{
	const unsigned int count = sizeof(tests) / sizeof(tests[0]);
	unsigned int failed = 0, run = 0;
	int fd = mkstemp(report_path);

	if (argc < 2 || fd < 0) {
		fprintf(stderr, "usage: test_vaapi ENGINE-FOLDER [TEST]\n");
		return 2;
	}
	close(fd);
	folder = argv[1];
	printf("TAP version 13\n");
	for (unsigned int i = 0; i < count; i++) {
		int status = 0;
		pid_t pid;

		if (argc > 2 && strcmp(argv[2], tests[i].name))
			continue;
		if (truncate(report_path, 0))
			abort();
		fflush(stdout);
		pid = fork();
		if (!pid)
			exit(run_child(&tests[i]));
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			abort();
		if (WIFSIGNALED(status))
			printf("# ended by signal %d\n", WTERMSIG(status));
		printf("%sok %u - %s\n", status ? "not " : "", ++run, tests[i].name);
		failed += !!status;
	}
	unlink(report_path);
	printf("1..%u\n", run);
	return failed ? 1 : 0;
}
