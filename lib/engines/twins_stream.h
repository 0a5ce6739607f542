/* SPDX-License-Identifier: MIT */
/*
 * The streams of libvpx and libaom, written once. Their interfaces differ in the
 * prefix of names and in a few calls; each engine says which before it includes this
 * file:
 *
 *   TWIN(name), TWIN_CONST(NAME)  name with the prefix of functions and types, and
 *                                 with that of constants
 *   TWIN_CONTROL                  function that takes any control
 *   TWIN_INTERFACE                the codec
 *   TWIN_CQ_LEVEL, TWIN_AQ_MODE, TWIN_LAST_QUANTIZER  controls
 *   TWIN_RESILIENT                what streams need whose frames may be lost
 *   twin_kind                     a struct twins_kind
 *
 * and then defines the functions that are declared below.
 */
#ifndef HVCAL_ENGINES_TWINS_STREAM_H
#define HVCAL_ENGINES_TWINS_STREAM_H

#include <errno.h>
#include <stdlib.h>

#include "soft.h"
#include "twins.h"

#define AQ_NONE 0
#define AQ_CYCLIC 3
#define INTRA_PERCENT 900	/* a key frame's share, of what a frame has */
#define TILE_WIDTH_MIN 256

struct hvcal_engine_stream {
	struct twins_stream t;
	TWIN(codec_ctx_t) codec;
	TWIN(codec_enc_cfg_t) cfg;
};

/* A control and its value. */
struct twin_setting {
	int id, value;
};

/* ---- what each engine has of its own ---- */

/* The library's defaults, and what differs of the configuration. @return true: done */
static bool twin_defaults(struct hvcal_engine_stream *s);

/* Controls that stay. @return true: they were taken */
static bool twin_set_controls(struct hvcal_engine_stream *s);

/* @return 0 or a negative errno */
static int twin_encode(struct hvcal_engine_stream *s, TWIN(image_t) *img,
		       const struct hvcal_engine_job *job, bool key);

/* No picture follows. @return true: the library goes on */
static bool twin_drain(struct hvcal_engine_stream *s);

/* ---- the engine ---- */

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	bool deep = TWIN(codec_get_caps)(TWIN_INTERFACE) & TWIN_CONST(CODEC_CAP_HIGHBITDEPTH);

	return twins_create(host, index, &twin_kind, deep, desc, ctx, reason, reason_len);
}

/* ---- configuration ---- */

/* Rates into the configuration of the library; @quantizer -1: its own rate control. */
static void set_rates(struct hvcal_engine_stream *s, int quantizer)
{
	TWIN(codec_enc_cfg_t) *cfg = &s->cfg;
	struct twins_rates r;

	twins_rates(&s->t, quantizer, &r);
	cfg->rc_end_usage = r.mode == TWINS_CBR ? TWIN_CONST(CBR) :
			    r.mode == TWINS_VBR ? TWIN_CONST(VBR) : TWIN_CONST(Q);
	cfg->rc_target_bitrate = r.kbps;
	cfg->rc_min_quantizer = r.min;
	cfg->rc_max_quantizer = r.max;
	cfg->rc_buf_sz = r.vbv_ms;
	cfg->rc_buf_initial_sz = r.vbv_ms * 3 / 5;
	cfg->rc_buf_optimal_sz = r.vbv_ms * 3 / 5;
	if (r.mode == TWINS_VBR)
		cfg->rc_2pass_vbr_maxsection_pct = r.peak_percent;
	s->t.quantizer = quantizer;
}

static bool set_all(struct hvcal_engine_stream *s, const struct twin_setting *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (TWIN_CONTROL(&s->codec, all[i].id, all[i].value))
			return false;
	return true;
}

/* What must be said again with the rates. @return true: it was taken */
static bool set_rate_controls(struct hvcal_engine_stream *s)
{
	struct twins_rates r;

	twins_rates(&s->t, s->t.quantizer, &r);

	const struct twin_setting all[] = {
		{ TWIN_CQ_LEVEL, (int)r.level },
		/* a QP of the client's holds in every block, and so do those of a map */
		{ TWIN_AQ_MODE, s->t.quantizer < 0 && r.mode == TWINS_CBR && !s->t.mapped ?
				AQ_CYCLIC : AQ_NONE },
	};

	return set_all(s, all, sizeof(all) / sizeof(all[0]));
}

static int set_config(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->t.config;
	TWIN(codec_enc_cfg_t) *cfg = &s->cfg;

	if (!twin_defaults(s))
		return -EINVAL;
	cfg->g_w = c->width;
	cfg->g_h = c->height;
	cfg->g_timebase.num = (int)c->fps_den;
	cfg->g_timebase.den = (int)c->fps_num;
	cfg->g_threads = twins_threads(&s->t);
	cfg->g_bit_depth = twins_deep(&s->t) ? TWIN_CONST(BITS_10) : TWIN_CONST(BITS_8);
	cfg->g_input_bit_depth = twins_deep(&s->t) ? 10 : 8;
	cfg->g_lag_in_frames = twins_low_delay(c) ? 0 : TWINS_LAG;
	cfg->g_error_resilient = twins_layered(c) ? TWIN_RESILIENT : 0;
	cfg->rc_dropframe_thresh = 0;
	/* key frames come when they are asked for */
	cfg->kf_mode = TWIN_CONST(KF_DISABLED);
	set_rates(s, c->tune == HVCAL_TUNE_LOSSLESS ? 0 : -1);
	return 0;
}

/* ---- streams ---- */

static int stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	struct hvcal_engine_stream *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	ret = twins_stream_init(&s->t, ctx, config);
	if (!ret)
		ret = set_config(s);
	if (!ret && TWIN(codec_enc_init)(&s->codec, TWIN_INTERFACE, &s->cfg, twins_deep(&s->t) ?
					 TWIN_CONST(CODEC_USE_HIGHBITDEPTH) : 0))
		ret = -EINVAL;
	if (!ret && !(twin_set_controls(s) && set_rate_controls(s))) {
		TWIN(codec_destroy)(&s->codec);
		ret = -EINVAL;
	}
	if (ret) {
		twins_stream_free(&s->t);
		return ret;
	}
	*stream = s;
	return 0;
}

static int apply_rates(struct hvcal_engine_stream *s, int quantizer)
{
	set_rates(s, quantizer);
	if (TWIN(codec_enc_config_set)(&s->codec, &s->cfg) || !set_rate_controls(s))
		return -EINVAL;
	return 0;
}

static int stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	if (!twins_config_possible(s->t.ctx, config))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->t.config, config))
		return -EOPNOTSUPP;
	s->t.config = *config;
	/* a QP of the client's comes with each frame */
	return s->t.quantizer < 0 ? apply_rates(s, -1) : 0;
}

/* ---- frames ---- */

/* Delivers what the library has. @return how many packets came */
static unsigned int take_packets(struct hvcal_engine_stream *s, uint64_t start)
{
	const TWIN(codec_cx_pkt_t) *pkt;
	TWIN(codec_iter_t) iter = NULL;
	unsigned int packets = 0;

	while ((pkt = TWIN(codec_get_cx_data)(&s->codec, &iter))) {
		struct twins_packet packet = {
			.data = pkt->data.frame.buf,
			.size = pkt->data.frame.sz,
			.key = pkt->data.frame.flags & TWIN_CONST(FRAME_IS_KEY),
			.ns = hvcal_soft_now_ns() - start,
		};

		if (pkt->kind != TWIN_CONST(CODEC_CX_FRAME_PKT) || !s->t.held)
			continue;
		TWIN_CONTROL(&s->codec, TWIN_LAST_QUANTIZER, &packet.qindex);
		twins_deliver(&s->t, &packet);
		packets++;
	}
	return packets;
}

static void wrap_image(struct hvcal_engine_stream *s, const struct twins_planes *p,
		       TWIN(image_t) *img)
{
	TWIN(img_wrap)(img, p->deep ? TWIN_CONST(IMG_FMT_I42016) :
		       p->nv12 ? TWIN_CONST(IMG_FMT_NV12) : TWIN_CONST(IMG_FMT_I420),
		       s->t.config.width, s->t.config.height, 1, p->plane[0]);
	img->bit_depth = p->deep ? 10 : 8;
	for (int i = 0; i < 3; i++) {
		img->planes[i] = p->plane[i];
		img->stride[i] = p->stride[i];
	}
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	uint64_t start = hvcal_soft_now_ns();
	struct twins_planes planes;
	TWIN(image_t) img;
	int quantizer, ret;
	bool key;

	ret = twins_take_planes(&s->t, job, &planes);
	if (ret)
		return ret;
	quantizer = twins_quantizer(&s->t, job);
	if (quantizer != s->t.quantizer) {
		ret = apply_rates(s, quantizer);
		if (ret)
			return ret;
	}
	wrap_image(s, &planes, &img);
	key = twins_take_key(&s->t, job);
	ret = twin_encode(s, &img, job, key);
	if (ret) {
		/* the key frame that it was to be is still owed */
		s->t.want_key |= key;
		return ret;
	}
	twins_push(&s->t, job);
	if (!take_packets(s, start) && twins_low_delay(&s->t.config))
		twins_deliver(&s->t, &(struct twins_packet){ 0 });
	/* packets come in order: if any frame is inside, this one is */
	return s->t.held ? HVCAL_ENGINE_HELD : 0;
}

static int stream_flush(hvcal_engine_stream_t *s)
{
	while (s->t.held) {
		uint64_t start = hvcal_soft_now_ns();

		if (!twin_drain(s) || !take_packets(s, start))
			return -EIO;
	}
	return 0;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	twins_cancel(&s->t);
	TWIN(codec_destroy)(&s->codec);
	twins_stream_free(&s->t);
}

/* The operations of an engine's table. */
#define TWIN_OPERATIONS \
	.create = engine_create, \
	.destroy = twins_destroy, \
	.open = stream_open, \
	.encode = stream_encode, \
	.reconfigure = stream_reconfigure, \
	.flush = stream_flush, \
	.close = stream_close

#endif
