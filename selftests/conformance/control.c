// SPDX-License-Identifier: MIT
/* What can be asked of single frames, and of a running stream. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

static bool lacks(struct conf *c, uint32_t cap, const char *what)
{
	if (c->cap->flags & cap)
		return false;
	conf_skip(c, "the engine does not claim %s", what);
	return true;
}

static void send_ok(struct conf_stream *s, const struct conf_how *how)
{
	int ret = conf_send(s, how);

	CHECK(s->c, ret >= 0, "frame %u: encode: %s", s->count - 1, strerror(-ret));
	conf_wait(s);
}

static bool is_key(const struct conf_stream *s, unsigned int n)
{
	return n < s->count && s->frames[n]->result.flags & HVCAL_RESULT_KEY;
}

static void test_forced_key(struct conf *c)
{
	static const struct conf_how key = { .flags = HVCAL_FRAME_FORCE_KEY };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	if (lacks(c, HVCAL_CAP_FORCE_KEY, "forced key frames"))
		return;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 20; i++)
		send_ok(s, i == 7 || i == 8 || i == 15 ? &key : NULL);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count; i++)
		if (is_key(s, i) != (conf_all_key(c) || i == 0 || i == 7 || i == 8 || i == 15))
			conf_fail(c, "frame %u is %s key frame", i, is_key(s, i) ? "a" : "no");
	/* a key frame is decodable on its own: begin there */
	conf_decode(s, 7, 34, NULL);
	conf_free(&s);
}

static unsigned int lost;	/* number of the first frame that is missing */

static void tell_loss(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->params.lost_pts = PTS_BASE + PTS_STEP * (int64_t)lost;
}

/* The packets of frame @from and all after it do not arrive, and the next frame tells. */
static void lose(struct conf *c, struct conf_stream *s, unsigned int from)
{
	bool can = c->cap->flags & HVCAL_CAP_RECOVER;
	const struct conf_how how = {
		/* as libhvcal does it */
		.flags = HVCAL_FRAME_LOST | (can ? 0 : HVCAL_FRAME_FORCE_KEY),
		.spoil = tell_loss,
	};
	unsigned int n = s->count;
	uint32_t recovery;

	for (unsigned int i = from; i < n; i++) {
		free(s->frames[i]->packet);
		s->frames[i]->packet = NULL;
	}
	lost = from;
	send_ok(s, &how);
	recovery = s->frames[n]->result.frame.recovery;
	if (can && (recovery < HVCAL_RECOVERY_REFS || recovery > HVCAL_RECOVERY_KEY))
		conf_fail(c, "frame %u: recovery %u is none", n, recovery);
	if (is_key(s, n) != (!can || recovery == HVCAL_RECOVERY_KEY || conf_all_key(c)))
		conf_fail(c, "frame %u is %s key frame, but its recovery is %u", n,
			  is_key(s, n) ? "a" : "no", recovery);
}

/* Whatever it does: the decoder, which lacks packets, must go on as if it had them. */
static void test_recovery(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	if (!(c->cap->flags & HVCAL_CAP_RECOVER) &&
	    lacks(c, HVCAL_CAP_FORCE_KEY, "forced key frames"))
		return;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 12);
	lose(c, s, 10);
	conf_send_many(s, 6);
	lose(c, s, 18);
	/* twice in a row, and longer than any encoder remembers */
	lose(c, s, 19);
	conf_send_many(s, 30);
	lose(c, s, 24);
	conf_send_many(s, 4);
	conf_flush(s);
	conf_decode(s, 0, 34, NULL);
	conf_free(&s);
}

/* What an engine says must be what it codes, and near what was asked for. */
static void check_qps(struct conf *c, struct conf_stream *s, const int *qps, unsigned int n,
		      double tolerance)
{
	struct conf_picture *pictures = calloc(s->count, sizeof(*pictures));

	if (!pictures)
		abort();
	conf_decode(s, 0, 20, pictures);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
		const struct hvcal_frame_result *r = &s->frames[i]->result.frame;
		int want = qps[i % n];

		if (fabs(r->qp_q8 / 256.0 - want) > conf_qp_tolerance(c))
			conf_fail(c, "frame %u: QP %d asked, %.2f said", i, want,
				  r->qp_q8 / 256.0);
		if (pictures[i].has_qp && fabs(pictures[i].qp - r->qp_q8 / 256.0) > tolerance)
			conf_fail(c, "frame %u: QP %.2f said, %.2f coded", i, r->qp_q8 / 256.0,
				  pictures[i].qp);
	}
	free(pictures);
}

static void qp_run(struct conf *c, uint32_t rc_mode)
{
	static const int h26x[] = { 24, 30, 20, 36, 27, 33 };
	static const int qindex[] = { 100, 126, 81, 150, 111, 139 };
	const int *qps = conf_qindex(c) ? qindex : h26x;
	const unsigned int n = sizeof(h26x) / sizeof(h26x[0]);
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.rc_mode = rc_mode;
	config.bitrate = 1000000;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 2 * n; i++) {
		struct conf_how how = { .qp = qps[i % n] };

		send_ok(s, &how);
	}
	conf_flush(s);
	if (!conf_failed(c))
		/* with a bit rate, an engine may spread bits within a picture */
		check_qps(c, s, qps, n, rc_mode == HVCAL_RC_CQP ? 0.01 : 2);
	conf_free(&s);
}

static void test_frame_qp(struct conf *c)
{
	if (!lacks(c, HVCAL_CAP_FRAME_QP, "a QP for each frame"))
		qp_run(c, HVCAL_RC_CQP);
}

/* The client's rate control stands above the engine's. */
static void test_frame_qp_over_bitrate(struct conf *c)
{
	if (!lacks(c, HVCAL_CAP_FRAME_QP, "a QP for each frame"))
		qp_run(c, HVCAL_RC_CBR);
}

static void any_qp_run(struct conf *c, uint32_t rc_mode)
{
	struct hvcal_codec_config config = conf_config(c);
	unsigned int max = conf_qindex(c) ? 255 : 51, random = 1;
	struct conf_stream *s;

	config.rc_mode = rc_mode;
	config.bitrate = 1000000;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 80; i++) {
		struct conf_how how = { .qp = 0 };

		random = random * 1103515245 + 12345;
		/* sixteen frames with, four without */
		if (i % 20 < 16)
			how.qp = 1 + (int)(random >> 16) % (int)(i < 40 ? max : max / 5);
		send_ok(s, &how);
	}
	conf_flush(s);
	conf_decode(s, 0, 8, NULL);
	conf_free(&s);
}

/* QPs from all of the scale, and frames without one, in any order. */
static void test_frame_qp_any(struct conf *c)
{
	if (lacks(c, HVCAL_CAP_FRAME_QP, "a QP for each frame"))
		return;
	any_qp_run(c, HVCAL_RC_CQP);
	any_qp_run(c, HVCAL_RC_CBR);
}

static uint64_t bytes_of(const struct conf_stream *s, unsigned int from, unsigned int to)
{
	uint64_t sum = 0;

	for (unsigned int i = from; i < to && i < s->count; i++)
		sum += s->frames[i]->result.bytes;
	return sum;
}

static void retarget_run(struct conf *c, struct conf_stream *s, struct hvcal_codec_config *config)
{
	uint64_t before, after, start;
	int ret;

	conf_send_many(s, 40);
	config->bitrate = 4 * config->bitrate;
	start = hvcal_now_ns();
	ret = c->engine->ops->reconfigure(s->stream, config);
	printf("# a new bit rate took %.3f ms\n", (double)(hvcal_now_ns() - start) / 1e6);
	CHECK(c, !ret, "a new bit rate: %s", strerror(-ret));
	conf_send_many(s, 40);
	conf_flush(s);
	if (conf_failed(c))
		return;
	for (unsigned int i = 1; i < s->count; i++)
		CHECK(c, !is_key(s, i), "frame %u became a key frame", i);
	CHECK(c, s->frames[60]->result.frame.applied_bitrate == config->bitrate,
	      "%llu bits a second said to be applied, %llu were asked for",
	      (unsigned long long)s->frames[60]->result.frame.applied_bitrate,
	      (unsigned long long)config->bitrate);
	before = bytes_of(s, 20, 40);
	after = bytes_of(s, 60, 80);
	if (c->cap->codec != HVCAL_CODEC_NULL)
		CHECK(c, after > before * 3 / 2,
		      "four times the bit rate makes %llu bytes out of %llu",
		      (unsigned long long)after, (unsigned long long)before);
	conf_decode(s, 0, 20, NULL);
}

static void test_retarget(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	if (lacks(c, HVCAL_CAP_RETARGET, "new bit rates without a key frame"))
		return;
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 120000;
	config.vbv_ms = 300;
	s = conf_open(c, &config);
	if (!s)
		return;
	retarget_run(c, s, &config);
	conf_free(&s);
}

/* A constant QP changes with the configuration, too. */
static void test_retarget_qp(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_picture pictures[20];
	struct conf_stream *s;
	int ret;

	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 10);
	config.qp = 35;
	ret = c->engine->ops->reconfigure(s->stream, &config);
	if (ret && ret != -EOPNOTSUPP)
		conf_fail(c, "a new QP: %s", strerror(-ret));
	conf_send_many(s, 10);
	conf_flush(s);
	conf_decode(s, 0, 20, pictures);
	if (!ret && !conf_failed(c) && pictures[15].has_qp && fabs(pictures[15].qp - 35) > 3)
		conf_fail(c, "QP 35 asked, %.2f coded", pictures[15].qp);
	if (!conf_failed(c) && pictures[5].has_qp && fabs(pictures[5].qp - 24) > 3)
		conf_fail(c, "QP 24 asked, %.2f coded", pictures[5].qp);
	conf_free(&s);
}

/* A new size is done at once or refused without harm. */
static void test_reconfigure_size(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c), larger = config;
	struct conf_stream *s = conf_open(c, &config);
	int ret;

	if (!s)
		return;
	larger.width += 64;
	larger.height += 32;
	conf_send_many(s, 5);
	ret = c->engine->ops->reconfigure(s->stream, &larger);
	if (ret && ret != -EOPNOTSUPP)
		conf_fail(c, "a new size: %s", strerror(-ret));
	if (ret == -EOPNOTSUPP) {
		conf_send_many(s, 5);
		conf_flush(s);
		conf_decode(s, 0, 34, NULL);
	}
	conf_free(&s);
}

static void test_reconfigure_bad(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c), bad = config;
	struct conf_stream *s = conf_open(c, &config);
	int ret;

	if (!s)
		return;
	bad.width = 0;
	conf_send_many(s, 3);
	ret = c->engine->ops->reconfigure(s->stream, &bad);
	if (ret != -EINVAL)
		conf_fail(c, "a width of 0 gives %d instead of -EINVAL", ret);
	conf_send_many(s, 3);
	conf_flush(s);
	conf_decode(s, 0, 34, NULL);
	conf_free(&s);
}

#define ROI_FRAMES_MAX 16
#define ROI_QP 28
#define QINDEX_PER_QP 4		/* about */

/* A map: one half of the picture better, the other worse, all at once or by and by. */
struct roi {
	uint32_t block;
	int left;
	bool ramp;
	uint32_t rc_mode;
	unsigned int before;	/* frames without a map, and as many after the first one with it */
};

/* @return by how many dB the left half is better, NAN if that was not measured */
static double roi_run(struct conf *c, const struct roi *roi)
{
	struct hvcal_codec_config config = conf_config(c);
	uint32_t cols = (config.width + roi->block - 1) / roi->block;
	uint32_t rows = (config.height + roi->block - 1) / roi->block;
	/* libvpx leaves maps out of key frames */
	unsigned int first = roi->before + (config.codec == HVCAL_CODEC_VP9);
	unsigned int last = 2 * roi->before + 3;
	struct conf_picture pictures[ROI_FRAMES_MAX] = { 0 };
	struct conf_how plain = { .qp = conf_qindex(c) ? ROI_QP * QINDEX_PER_QP : ROI_QP };
	struct conf_how how = plain;
	struct conf_stream *s;
	int8_t *map;

	config.rc_mode = roi->rc_mode;
	config.bitrate = 1000000;
	s = conf_open(c, &config);
	if (!s)
		return NAN;
	how.map_block = roi->block;
	how.map_stride = cols + 3;
	how.map_rows = rows;
	map = calloc((size_t)how.map_stride * rows, 1);
	if (!map)
		abort();
	for (uint32_t y = 0; y < rows; y++)
		for (uint32_t x = 0; x < cols; x++)
			map[y * how.map_stride + x] = (int8_t)(!roi->ramp ?
				x < cols / 2 ? roi->left : -roi->left :
				roi->left - 2 * roi->left * (int)x / (int)cols);
	how.map = map;
	for (unsigned int i = 0; i <= last; i++) {
		bool with = i == roi->before || i > 2 * roi->before;

		send_ok(s, with ? &how : &plain);
	}
	conf_flush(s);
	free(map);
	conf_decode(s, 0, 20, pictures);
	conf_free(&s);
	/* blocks left out later have others' QPs; libdav1d tells those of frames, not of parts */
	if (!conf_failed(c) && !roi->before && pictures[first].has_qp &&
	    config.codec != HVCAL_CODEC_AV1 &&
	    (pictures[first].qp_right - pictures[first].qp_left) * (roi->left < 0 ? 1 : -1) < 8)
		conf_fail(c, "blocks of %u: %s %d to %d is coded as QP %.1f and %.1f", roi->block,
			  roi->ramp ? "a ramp from" : "offsets from", roi->left, -roi->left,
			  pictures[first].qp_left, pictures[first].qp_right);
	return pictures[last].psnr_left > 0 ? pictures[last].psnr_left - pictures[last].psnr_right :
					      NAN;
}

/* The halves change places. */
static void check_roi(struct conf *c, struct roi roi)
{
	/* 12 QPs are some 6 dB, twice; VP9 has few bits after its key frame */
	double least = conf_config(c).codec == HVCAL_CODEC_VP9 ? 0.4 : 4;
	double better;

	if (conf_qindex(c))
		roi.left *= QINDEX_PER_QP;
	better = roi_run(c, &roi);
	roi.left = -roi.left;
	if (!conf_failed(c))
		better -= roi_run(c, &roi);
	if (!conf_failed(c) && better < least)
		conf_fail(c, "blocks of %u: the half with offsets below 0 gains %.1f dB", roi.block,
			  better / 2);
}

static void test_qp_map(struct conf *c)
{
	static const struct roi maps[] = {
		{ 16, -6, false, HVCAL_RC_CQP, 0 }, { 32, -6, false, HVCAL_RC_CQP, 0 },
		{ 64, -6, false, HVCAL_RC_CQP, 0 }, { 16, -16, true, HVCAL_RC_CQP, 0 },
	};

	if (lacks(c, HVCAL_CAP_ROI, "QP maps"))
		return;
	for (unsigned int i = 0; i < sizeof(maps) / sizeof(maps[0]) && !conf_failed(c); i++)
		check_roi(c, maps[i]);
}

/* Engines may make room for maps only when they come. */
static void test_qp_map_later(struct conf *c)
{
	if (!lacks(c, HVCAL_CAP_ROI, "QP maps"))
		check_roi(c, (struct roi){ 16, -6, false, HVCAL_RC_CQP, 3 });
}

static void test_qp_map_over_bitrate(struct conf *c)
{
	if (!lacks(c, HVCAL_CAP_ROI, "QP maps"))
		check_roi(c, (struct roi){ 16, -6, false, HVCAL_RC_CBR, 0 });
}

/* Maps come and go. */
static void test_qp_map_sometimes(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_how with = {
		.map_block = 32, .map_stride = (config.width + 31) / 32,
		.map_rows = (config.height + 31) / 32,
	};
	int8_t *map = calloc((size_t)with.map_stride * with.map_rows, 1);
	struct conf_stream *s = NULL;

	if (!map)
		abort();
	if (!lacks(c, HVCAL_CAP_ROI, "QP maps"))
		s = conf_open(c, &config);
	memset(map, -2, (size_t)with.map_stride * with.map_rows);
	with.map = map;
	for (unsigned int i = 0; s && i < 16; i++)
		send_ok(s, i % 5 == 4 || i > 11 ? &with : NULL);
	if (s) {
		conf_flush(s);
		conf_decode(s, 0, 34, NULL);
	}
	conf_free(&s);
	free(map);
}

/* Frames of the upper layer get lost: what is left must not show it, in any bit. */
static void lose_upper(struct conf *c, struct conf_stream *s)
{
	/* the rate controls of libraries may want bits back for the first key frame */
	double min_psnr = s->config.rc_mode == HVCAL_RC_CQP ? 20 : 0;
	struct conf_picture *all = calloc(s->count, sizeof(*all));
	struct conf_picture *base = calloc(s->count, sizeof(*base));

	if (!all || !base)
		abort();
	conf_decode(s, 0, min_psnr, all);
	for (unsigned int i = 0; i < s->count; i++) {
		if (!(s->frames[i]->job.params.flags & HVCAL_FRAME_NO_REF) &&
		    !s->frames[i]->result.frame.temporal_layer)
			continue;
		free(s->frames[i]->packet);
		s->frames[i]->packet = NULL;
	}
	conf_decode(s, 0, min_psnr, base);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->packet && all[i].hash != base[i].hash)
			conf_fail(c, "frame %u decodes to another picture without the upper layer",
				  i);
	free(all);
	free(base);
}

static void layers_run(struct conf *c, struct conf_stream *s)
{
	for (unsigned int i = 0; i < 30; i++) {
		struct conf_how how = {
			.temporal_layer = i % 2,
			/* base frames alone, each second one, pairs in a row, and either name */
			.flags = i % 8 == 6 ? HVCAL_FRAME_NO_REF : i == 21 ? HVCAL_FRAME_FORCE_KEY : 0,
		};

		if (i < 4)
			how.temporal_layer = 0;
		send_ok(s, &how);
	}
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
		unsigned int want = i >= 4 && i % 2 && i != 21 && !conf_all_key(c);
		unsigned int said = s->frames[i]->result.frame.temporal_layer;

		CHECK(c, said == want, "frame %u is said to be of layer %u, not %u", i, said, want);
		CHECK(c, is_key(s, i) == (!i || i == 21 || conf_all_key(c)),
		      "frame %u is %s key frame", i, is_key(s, i) ? "a" : "no");
	}
	lose_upper(c, s);
}

/* Where the engine chooses QPs itself, it also has more to remember from frame to frame. */
static void test_layers(struct conf *c)
{
	static const uint32_t modes[] = { HVCAL_RC_CQP, HVCAL_RC_CBR };

	if (lacks(c, HVCAL_CAP_LAYERS, "temporal layers"))
		return;
	for (unsigned int i = 0; i < 2; i++) {
		struct hvcal_codec_config config = conf_config(c);
		struct conf_stream *s;

		config.flags = HVCAL_CONFIG_LAYERS;
		config.rc_mode = modes[i];
		config.bitrate = 1000000;
		s = conf_open(c, &config);
		if (!s)
			return;
		layers_run(c, s);
		conf_free(&s);
	}
}

static bool contains(const struct conf_frame *f, const uint8_t *what, size_t len)
{
	return f->packet && memmem(f->packet, f->result.bytes, what, len);
}

/* What a phone's HDR10+ metadata begins like; no byte needs escaping. */
static void test_metadata(struct conf *c)
{
	static const uint8_t t35[] = { 0xb5, 0x3c, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77 };
	struct {
		struct hvcal_frame_meta head;
		uint8_t bytes[16];
		struct hvcal_frame_meta unknown;
		uint8_t more[8];
	} meta = {
		.head = { .type = HVCAL_META_T35, .len = sizeof(t35) },
		.unknown = { .type = 12345, .len = 5 },
	};
	struct conf_how with = { .meta = &meta, .meta_len = sizeof(meta) };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_picture pictures[6];
	struct conf_stream *s;

	if (lacks(c, HVCAL_CAP_HDR_DYNAMIC, "dynamic HDR metadata"))
		return;
	memcpy(meta.bytes, t35, sizeof(t35));
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 6; i++)
		send_ok(s, i % 2 ? &with : NULL);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (contains(s->frames[i], t35, sizeof(t35)) != (i % 2))
			conf_fail(c, "frame %u %s metadata", i, i % 2 ? "lacks its" : "has foreign");
	conf_decode(s, 0, 34, pictures);
	/* a decoder that tells finds the very bytes */
	if (config.codec == HVCAL_CODEC_AV1 && conf_can_decode(c))
		for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
			if (pictures[i].t35_len != (i % 2 ? sizeof(t35) : 0) ||
			    memcmp(pictures[i].t35, t35, pictures[i].t35_len))
				conf_fail(c, "frame %u: the decoder finds %u bytes of metadata", i,
					  pictures[i].t35_len);
	conf_free(&s);
}

/* One part in a unit of AV1's fixed points. */
static bool near(double fixed, double scale, double value)
{
	return fabs(fixed - value * scale) <= 0.501;
}

static void check_static_av1(struct conf *c, const struct hvcal_codec_config *config,
			     const struct conf_picture *pic)
{
	static const int order[] = { 2, 0, 1 };	/* red, green, blue of green, blue, red */

	CHECK(c, pic->has_mastering, "the key frame lacks the mastering display");
	CHECK(c, pic->has_light, "the key frame lacks the content light level");
	for (int i = 0; i < 3; i++)
		CHECK(c, near(pic->primaries[i][0], 65536, config->mastering_x[order[i]] / 5e4) &&
		      near(pic->primaries[i][1], 65536, config->mastering_y[order[i]] / 5e4),
		      "primary %d is %u, %u", i, pic->primaries[i][0], pic->primaries[i][1]);
	CHECK(c, near(pic->white[0], 65536, config->mastering_x[3] / 5e4) &&
	      near(pic->white[1], 65536, config->mastering_y[3] / 5e4), "white is %u, %u",
	      pic->white[0], pic->white[1]);
	CHECK(c, near(pic->max_luminance, 256, config->mastering_max / 1e4) &&
	      near(pic->min_luminance, 16384, config->mastering_min / 1e4),
	      "luminances are %u, %u", pic->max_luminance, pic->min_luminance);
	CHECK(c, pic->max_cll == config->max_cll && pic->max_fall == config->max_fall,
	      "light levels are %u, %u", pic->max_cll, pic->max_fall);
}

/* The SEI messages of the standard, which H.264 and HEVC share: no byte needs escaping. */
static void test_hdr_static(struct conf *c)
{
	static const uint8_t mastering[] = {
		137, 24, 0x21, 0x34, 0x84, 0xd0, 0x1d, 0x4c, 0x0b, 0xb8, 0x8a, 0x48, 0x39, 0x08,
		0x3d, 0x13, 0x40, 0x42, 0x11, 0x98, 0x96, 0x81, 0x11, 0x22, 0x33, 0x44,
	};
	static const uint8_t light[] = { 144, 4, 0x03, 0xe8, 0x01, 0x90 };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_picture pictures[4];
	struct conf_stream *s;

	if (lacks(c, HVCAL_CAP_HDR_STATIC, "static HDR metadata"))
		return;
	config.flags = HVCAL_CONFIG_MASTERING | HVCAL_CONFIG_LIGHT_LEVEL;
	memcpy(config.mastering_x, (const uint16_t[4]){ 0x2134, 0x1d4c, 0x8a48, 0x3d13 }, 8);
	memcpy(config.mastering_y, (const uint16_t[4]){ 0x84d0, 0x0bb8, 0x3908, 0x4042 }, 8);
	config.mastering_max = 0x11989681;
	config.mastering_min = 0x11223344;
	config.max_cll = 1000;
	config.max_fall = 400;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 4);
	conf_flush(s);
	conf_decode(s, 0, 34, pictures);
	if (config.codec == HVCAL_CODEC_AV1) {
		if (conf_can_decode(c) && !conf_failed(c))
			check_static_av1(c, &config, &pictures[0]);
	} else if (!conf_failed(c) && !contains(s->frames[0], mastering, sizeof(mastering))) {
		conf_fail(c, "the key frame lacks the mastering display");
	} else if (!conf_failed(c) && !contains(s->frames[0], light, sizeof(light))) {
		conf_fail(c, "the key frame lacks the content light level");
	}
	conf_free(&s);
}

static void test_lossless(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_picture pictures[5];
	struct conf_stream *s;

	if (lacks(c, HVCAL_CAP_LOSSLESS, "lossless coding"))
		return;
	config.tune = HVCAL_TUNE_LOSSLESS;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 5);
	conf_flush(s);
	conf_decode(s, 0, 99, pictures);
	for (unsigned int i = 0; i < 5 && conf_can_decode(c) && !conf_failed(c); i++)
		if (!pictures[i].exact)
			conf_fail(c, "frame %u is not what was given", i);
	conf_free(&s);
}

static void test_target_too_small(struct conf *c)
{
	static const struct conf_how small = { .target_size = 24 };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	for (unsigned int i = 0; i < 12; i++)
		send_ok(s, i == 0 || i == 5 ? &small : NULL);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
		const struct hvcal_engine_result *r = &s->frames[i]->result;
		int want = i == 0 || i == 5 ? -ENOBUFS : 0;

		if (r->status != want)
			conf_fail(c, "frame %u: %s, %s expected", i, strerror(-r->status),
				  strerror(-want));
		if (is_key(s, i) != (conf_all_key(c) ? !want : i == 1 || i == 6))
			conf_fail(c, "frame %u is %s key frame", i, is_key(s, i) ? "a" : "no");
	}
	conf_decode(s, 0, 34, NULL);
	conf_free(&s);
}

const struct conf_test conf_tests_control[] = {
	{ "forced_key", test_forced_key },
	{ "recovery", test_recovery },
	{ "frame_qp", test_frame_qp },
	{ "frame_qp_over_bitrate", test_frame_qp_over_bitrate },
	{ "frame_qp_any", test_frame_qp_any },
	{ "retarget", test_retarget },
	{ "retarget_qp", test_retarget_qp },
	{ "reconfigure_size", test_reconfigure_size },
	{ "reconfigure_bad", test_reconfigure_bad },
	{ "qp_map", test_qp_map },
	{ "qp_map_later", test_qp_map_later },
	{ "qp_map_over_bitrate", test_qp_map_over_bitrate },
	{ "qp_map_sometimes", test_qp_map_sometimes },
	{ "layers", test_layers },
	{ "metadata", test_metadata },
	{ "hdr_static", test_hdr_static },
	{ "lossless", test_lossless },
	{ "target_too_small", test_target_too_small },
	{ NULL, NULL },
};
