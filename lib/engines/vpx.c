// SPDX-License-Identifier: MIT
/*
 * VP9 by libvpx, 8 and 10 bits.
 *
 * Pictures of 8 bits are handed to libvpx where they lie; P010 is unpacked first,
 * results tell how many bytes that was. QPs are quantiser indices from 0 to 255;
 * libvpx has 64 of them, the nearest is taken, and results say which.
 *
 * Options: vpx.threads=N, vpx.slots=N, vpx.cost=N (claimed ns a megapixel)
 */
#include <errno.h>
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "soft.h"
#include "twins.h"

/* A claim for the cost model: preset 1 on one core of a recent CPU. */
#define COST_NS_PER_MPIX 9000000
#define TILE_WIDTH_MIN 256
#define AQ_NONE 0
#define AQ_CYCLIC 3
#define INTRA_PERCENT 900	/* a key frame's share, of what a frame has */

struct hvcal_engine_stream {
	struct twins_stream t;
	vpx_codec_ctx_t codec;
	vpx_codec_enc_cfg_t cfg;
	unsigned long deadline;
};

/* ---- the engine ---- */

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	static const struct twins_kind kind = {
		.name = "vpx",
		.codec = HVCAL_CODEC_VP9,
		.cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
			     HVCAL_CAP_LOSSLESS,
		.nv12 = true,
		.cost = COST_NS_PER_MPIX,
	};
	bool deep = vpx_codec_get_caps(vpx_codec_vp9_cx()) & VPX_CODEC_CAP_HIGHBITDEPTH;

	return twins_create(host, index, &kind, deep, desc, ctx, reason, reason_len);
}

/* ---- configuration ---- */

/* Rates into the configuration of libvpx; @quantizer -1: its own rate control. */
static void set_rates(struct hvcal_engine_stream *s, int quantizer)
{
	vpx_codec_enc_cfg_t *cfg = &s->cfg;
	struct twins_rates r;

	twins_rates(&s->t, quantizer, &r);
	cfg->rc_end_usage = r.mode == TWINS_CBR ? VPX_CBR : r.mode == TWINS_VBR ? VPX_VBR : VPX_Q;
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

/* What must be said again with the rates. @return true: it was taken */
static bool set_rate_controls(struct hvcal_engine_stream *s)
{
	struct twins_rates r;

	twins_rates(&s->t, s->t.quantizer, &r);
	return !vpx_codec_control(&s->codec, VP8E_SET_CQ_LEVEL, r.level) &&
	       /* a QP of the client's holds in every block */
	       !vpx_codec_control(&s->codec, VP9E_SET_AQ_MODE,
				  s->t.quantizer < 0 && r.mode == TWINS_CBR ? AQ_CYCLIC : AQ_NONE);
}

static int colour_space(uint32_t matrix)
{
	switch (matrix) { /* of ITU-T H.273 */
	case 1:
		return VPX_CS_BT_709;
	case 5:
	case 6:
		return VPX_CS_BT_601;
	case 7:
		return VPX_CS_SMPTE_240;
	case 9:
		return VPX_CS_BT_2020;
	default:
		return VPX_CS_UNKNOWN;
	}
}

static bool set_controls(struct hvcal_engine_stream *s)
{
	static const int realtime[] = { 9, 8, 8, 7, 7, 6, 6, 5, 4, 3 };
	static const int good[] = { 5, 5, 5, 4, 4, 3, 2, 2, 1, 0 };
	const struct hvcal_codec_config *c = &s->t.config;
	bool low_delay = twins_low_delay(c);
	const struct {
		int id, value;
	} all[] = {
		{ VP8E_SET_CPUUSED, (low_delay ? realtime : good)[c->preset] },
		{ VP8E_SET_ENABLEAUTOALTREF, !low_delay },
		{ VP8E_SET_STATIC_THRESHOLD, 0 },
		{ VP8E_SET_MAX_INTRA_BITRATE_PCT, low_delay ? INTRA_PERCENT : 0 },
		{ VP9E_SET_TILE_COLUMNS, twins_tile_columns(&s->t, TILE_WIDTH_MIN) },
		{ VP9E_SET_FRAME_PARALLEL_DECODING, 0 },
		{ VP9E_SET_ROW_MT, twins_threads(&s->t) > 1 },
		{ VP9E_SET_LOSSLESS, c->tune == HVCAL_TUNE_LOSSLESS },
		{ VP9E_SET_COLOR_SPACE, colour_space(c->matrix) },
		{ VP9E_SET_COLOR_RANGE, c->flags & HVCAL_CONFIG_FULL_RANGE ? VPX_CR_FULL_RANGE :
					VPX_CR_STUDIO_RANGE },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (vpx_codec_control_(&s->codec, all[i].id, all[i].value))
			return false;
	return set_rate_controls(s);
}

static int set_config(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->t.config;
	vpx_codec_enc_cfg_t *cfg = &s->cfg;

	if (vpx_codec_enc_config_default(vpx_codec_vp9_cx(), cfg, 0))
		return -EINVAL;
	cfg->g_w = c->width;
	cfg->g_h = c->height;
	cfg->g_timebase.num = (int)c->fps_den;
	cfg->g_timebase.den = (int)c->fps_num;
	cfg->g_threads = twins_threads(&s->t);
	cfg->g_profile = twins_deep(&s->t) ? 2 : 0;
	cfg->g_bit_depth = twins_deep(&s->t) ? VPX_BITS_10 : VPX_BITS_8;
	cfg->g_input_bit_depth = twins_deep(&s->t) ? 10 : 8;
	cfg->g_lag_in_frames = twins_low_delay(c) ? 0 : TWINS_LAG;
	cfg->g_error_resilient = 0;
	cfg->rc_dropframe_thresh = 0;
	cfg->rc_resize_allowed = 0;
	/* key frames come when they are asked for */
	cfg->kf_mode = VPX_KF_DISABLED;
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
	if (!ret && vpx_codec_enc_init(&s->codec, vpx_codec_vp9_cx(), &s->cfg,
				       twins_deep(&s->t) ? VPX_CODEC_USE_HIGHBITDEPTH : 0))
		ret = -EINVAL;
	if (!ret && !set_controls(s)) {
		vpx_codec_destroy(&s->codec);
		ret = -EINVAL;
	}
	if (ret) {
		twins_stream_free(&s->t);
		return ret;
	}
	s->deadline = twins_low_delay(config) ? VPX_DL_REALTIME : VPX_DL_GOOD_QUALITY;
	*stream = s;
	return 0;
}

static int apply_rates(struct hvcal_engine_stream *s, int quantizer)
{
	set_rates(s, quantizer);
	if (vpx_codec_enc_config_set(&s->codec, &s->cfg) || !set_rate_controls(s))
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

/* Delivers what libvpx has. @return how many packets came */
static unsigned int take_packets(struct hvcal_engine_stream *s, uint64_t start)
{
	const vpx_codec_cx_pkt_t *pkt;
	vpx_codec_iter_t iter = NULL;
	unsigned int packets = 0;

	while ((pkt = vpx_codec_get_cx_data(&s->codec, &iter))) {
		struct twins_packet packet = {
			.data = pkt->data.frame.buf,
			.size = pkt->data.frame.sz,
			.key = pkt->data.frame.flags & VPX_FRAME_IS_KEY,
			.ns = hvcal_soft_now_ns() - start,
		};

		if (pkt->kind != VPX_CODEC_CX_FRAME_PKT || !s->t.held)
			continue;
		vpx_codec_control(&s->codec, VP8E_GET_LAST_QUANTIZER, &packet.qindex);
		twins_deliver(&s->t, &packet);
		packets++;
	}
	return packets;
}

static void wrap_image(struct hvcal_engine_stream *s, const struct twins_planes *p,
		       vpx_image_t *img)
{
	vpx_img_wrap(img, p->deep ? VPX_IMG_FMT_I42016 : p->nv12 ? VPX_IMG_FMT_NV12 :
		     VPX_IMG_FMT_I420, s->t.config.width, s->t.config.height, 1, p->plane[0]);
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
	vpx_image_t img;
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
	if (vpx_codec_encode(&s->codec, &img, s->t.tick, 1, key ? VPX_EFLAG_FORCE_KF : 0,
			     s->deadline))
		return -EIO;
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

		if (vpx_codec_encode(&s->codec, NULL, s->t.tick, 1, 0, s->deadline) ||
		    !take_packets(s, start))
			return -EIO;
	}
	return 0;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	twins_cancel(&s->t);
	vpx_codec_destroy(&s->codec);
	twins_stream_free(&s->t);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "vpx",
	.description = "VP9 by libvpx",
	.license = "MIT",
	.create = engine_create,
	.destroy = twins_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
