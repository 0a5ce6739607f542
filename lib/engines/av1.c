// SPDX-License-Identifier: MIT
/*
 * AV1 by libaom, 8 and 10 bits.
 *
 * Planar pictures are handed to libaom where they lie; P010 and the chroma of NV12
 * are unpacked first, results tell how many bytes that was. QPs are quantiser indices from 0 to 255;
 * libaom has 64 of them, the nearest is taken, and results say which.
 *
 * Options: av1.threads=N, av1.slots=N, av1.cost=N (claimed ns a megapixel)
 */
#include <errno.h>
#include <stdlib.h>

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#include "hdr_av1.h"
#include "soft.h"
#include "twins.h"

/* A claim for the cost model: preset 1 on one core of a recent CPU. */
#define COST_NS_PER_MPIX 18000000
#define TILE_WIDTH_MIN 256
#define UNSPECIFIED 2	/* of ITU-T H.273 */
#define COST_UPDATE_OFF 3
#define AQ_NONE 0
#define AQ_CYCLIC 3
#define INTRA_PERCENT 900	/* a key frame's share, of what a frame has */

struct hvcal_engine_stream {
	struct twins_stream t;
	aom_codec_ctx_t codec;
	aom_codec_enc_cfg_t cfg;
};

/* ---- the engine ---- */

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	static const struct twins_kind kind = {
		.name = "av1",
		.codec = HVCAL_CODEC_AV1,
		.cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
			     HVCAL_CAP_HDR_STATIC | HVCAL_CAP_HDR_DYNAMIC | HVCAL_CAP_LOSSLESS,
		.cost = COST_NS_PER_MPIX,
	};
	bool deep = aom_codec_get_caps(aom_codec_av1_cx()) & AOM_CODEC_CAP_HIGHBITDEPTH;

	return twins_create(host, index, &kind, deep, desc, ctx, reason, reason_len);
}

/* ---- configuration ---- */

/* Rates into the configuration of libaom; @quantizer -1: its own rate control. */
static void set_rates(struct hvcal_engine_stream *s, int quantizer)
{
	aom_codec_enc_cfg_t *cfg = &s->cfg;
	struct twins_rates r;

	twins_rates(&s->t, quantizer, &r);
	/*
	 * libaom 3.6's CBR follows changes of content beyond the limits of its
	 * quantisers, and aborts the process then: it must have none.
	 */
	if (r.mode == TWINS_CBR && quantizer < 0) {
		r.min = 0;
		r.max = TWINS_QUANTIZER_MAX;
	}
	cfg->rc_end_usage = r.mode == TWINS_CBR && quantizer < 0 ? AOM_CBR :
			    r.mode == TWINS_VBR && quantizer < 0 ? AOM_VBR : AOM_Q;
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
	return !aom_codec_control(&s->codec, AOME_SET_CQ_LEVEL, r.level) &&
	       /* a QP of the client's holds in every block */
	       !aom_codec_control(&s->codec, AV1E_SET_AQ_MODE,
				  s->t.quantizer < 0 && r.mode == TWINS_CBR ? AQ_CYCLIC : AQ_NONE);
}

/* libaom's real-time search skips residues that it finds small: not for lossless. */
static bool realtime(const struct hvcal_codec_config *c)
{
	return twins_low_delay(c) && c->tune != HVCAL_TUNE_LOSSLESS;
}

/* Tools that cost more time than they give in real time, as browsers choose them. */
static bool set_realtime_controls(struct hvcal_engine_stream *s)
{
	static const struct {
		int id, value;
	} all[] = {
		{ AV1E_SET_ENABLE_TPL_MODEL, 0 },
		{ AV1E_SET_DELTAQ_MODE, 0 },
		{ AV1E_SET_ENABLE_ORDER_HINT, 0 },
		{ AV1E_SET_COEFF_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_MODE_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_MV_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_ENABLE_OBMC, 0 },
		{ AV1E_SET_ENABLE_WARPED_MOTION, 0 },
		{ AV1E_SET_ENABLE_GLOBAL_MOTION, 0 },
		{ AV1E_SET_ENABLE_REF_FRAME_MVS, 0 },
		{ AV1E_SET_ENABLE_CFL_INTRA, 0 },
		{ AV1E_SET_ENABLE_SMOOTH_INTRA, 0 },
		{ AV1E_SET_ENABLE_ANGLE_DELTA, 0 },
		{ AV1E_SET_ENABLE_FILTER_INTRA, 0 },
		{ AV1E_SET_ENABLE_PALETTE, 0 },
		{ AOME_SET_MAX_INTRA_BITRATE_PCT, INTRA_PERCENT },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (aom_codec_control(&s->codec, all[i].id, all[i].value))
			return false;
	return true;
}

static bool set_controls(struct hvcal_engine_stream *s)
{
	static const int fast[] = { 10, 10, 9, 9, 8, 8, 7, 7, 6, 5 };
	static const int good[] = { 6, 6, 6, 5, 5, 4, 4, 3, 2, 1 };
	const struct hvcal_codec_config *c = &s->t.config;
	const struct {
		int id, value;
	} all[] = {
		{ AOME_SET_CPUUSED, (realtime(c) ? fast : good)[c->preset] },
		{ AV1E_SET_TILE_COLUMNS, twins_tile_columns(&s->t, TILE_WIDTH_MIN) },
		{ AV1E_SET_ROW_MT, twins_threads(&s->t) > 1 },
		{ AV1E_SET_COLOR_PRIMARIES, c->primaries ? (int)c->primaries : UNSPECIFIED },
		{ AV1E_SET_TRANSFER_CHARACTERISTICS,
		  c->transfer ? (int)c->transfer : UNSPECIFIED },
		{ AV1E_SET_MATRIX_COEFFICIENTS, c->matrix ? (int)c->matrix : UNSPECIFIED },
		{ AV1E_SET_COLOR_RANGE, c->flags & HVCAL_CONFIG_FULL_RANGE ? AOM_CR_FULL_RANGE :
					AOM_CR_STUDIO_RANGE },
		{ AV1E_SET_LOSSLESS, c->tune == HVCAL_TUNE_LOSSLESS },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (aom_codec_control(&s->codec, all[i].id, all[i].value))
			return false;
	return (!realtime(c) || set_realtime_controls(s)) && set_rate_controls(s);
}

static int set_config(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->t.config;
	aom_codec_enc_cfg_t *cfg = &s->cfg;

	if (aom_codec_enc_config_default(aom_codec_av1_cx(), cfg, realtime(c) ?
					 AOM_USAGE_REALTIME : AOM_USAGE_GOOD_QUALITY))
		return -EINVAL;
	cfg->g_w = c->width;
	cfg->g_h = c->height;
	cfg->g_timebase.num = (int)c->fps_den;
	cfg->g_timebase.den = (int)c->fps_num;
	cfg->g_threads = twins_threads(&s->t);
	cfg->g_profile = 0;
	cfg->g_bit_depth = twins_deep(&s->t) ? AOM_BITS_10 : AOM_BITS_8;
	cfg->g_input_bit_depth = twins_deep(&s->t) ? 10 : 8;
	cfg->g_lag_in_frames = twins_low_delay(c) ? 0 : TWINS_LAG;
	cfg->g_error_resilient = 0;
	cfg->rc_dropframe_thresh = 0;
	cfg->rc_resize_mode = 0;
	/* key frames come when they are asked for */
	cfg->kf_mode = AOM_KF_DISABLED;
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
	if (!ret && aom_codec_enc_init(&s->codec, aom_codec_av1_cx(), &s->cfg,
				       twins_deep(&s->t) ? AOM_CODEC_USE_HIGHBITDEPTH : 0))
		ret = -EINVAL;
	if (!ret && !set_controls(s)) {
		aom_codec_destroy(&s->codec);
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
	if (aom_codec_enc_config_set(&s->codec, &s->cfg) || !set_rate_controls(s))
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

/* Delivers what libaom has. @return how many packets came */
static unsigned int take_packets(struct hvcal_engine_stream *s, uint64_t start)
{
	const aom_codec_cx_pkt_t *pkt;
	aom_codec_iter_t iter = NULL;
	unsigned int packets = 0;

	while ((pkt = aom_codec_get_cx_data(&s->codec, &iter))) {
		struct twins_packet packet = {
			.data = pkt->data.frame.buf,
			.size = pkt->data.frame.sz,
			.key = pkt->data.frame.flags & AOM_FRAME_IS_KEY,
			.ns = hvcal_soft_now_ns() - start,
		};

		if (pkt->kind != AOM_CODEC_CX_FRAME_PKT || !s->t.held)
			continue;
		aom_codec_control(&s->codec, AOME_GET_LAST_QUANTIZER, &packet.qindex);
		twins_deliver(&s->t, &packet);
		packets++;
	}
	return packets;
}

static void wrap_image(struct hvcal_engine_stream *s, const struct twins_planes *p,
		       aom_image_t *img)
{
	aom_img_wrap(img, p->deep ? AOM_IMG_FMT_I42016 : AOM_IMG_FMT_I420, s->t.config.width,
		     s->t.config.height, 1, p->plane[0]);
	img->bit_depth = p->deep ? 10 : 8;
	for (int i = 0; i < 3; i++) {
		img->planes[i] = p->plane[i];
		img->stride[i] = p->stride[i];
	}
}

static int add_mastering(aom_image_t *img, const struct hvcal_codec_config *c)
{
	uint8_t bytes[HVCAL_AV1_MASTERING_BYTES];

	hvcal_av1_mastering(c, bytes);
	return aom_img_add_metadata(img, OBU_METADATA_TYPE_HDR_MDCV, bytes, sizeof(bytes),
				    AOM_MIF_ANY_FRAME);
}

static int add_light_level(aom_image_t *img, const struct hvcal_codec_config *c)
{
	uint8_t bytes[HVCAL_AV1_LIGHT_LEVEL_BYTES];

	hvcal_av1_light_level(c, bytes);
	return aom_img_add_metadata(img, OBU_METADATA_TYPE_HDR_CLL, bytes, sizeof(bytes),
				    AOM_MIF_ANY_FRAME);
}

/* What the picture carries along; libaom keeps copies. @return 0, -ENOMEM */
static int add_metadata(const struct hvcal_engine_stream *s, aom_image_t *img,
			const struct hvcal_engine_job *job, bool key)
{
	const struct hvcal_codec_config *c = &s->t.config;
	const uint8_t *payload;
	size_t at = 0;
	uint32_t len;
	int ret = 0;

	/* a decoder may begin at any key frame */
	if (key && c->flags & HVCAL_CONFIG_MASTERING)
		ret |= add_mastering(img, c);
	if (key && c->flags & HVCAL_CONFIG_LIGHT_LEVEL)
		ret |= add_light_level(img, c);
	while ((payload = hvcal_soft_t35_next(job, &at, &len)))
		ret |= aom_img_add_metadata(img, OBU_METADATA_TYPE_ITUT_T35, payload, len,
					    AOM_MIF_ANY_FRAME);
	return ret ? -ENOMEM : 0;
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	uint64_t start = hvcal_soft_now_ns();
	struct twins_planes planes;
	aom_image_t img;
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
	ret = add_metadata(s, &img, job, key);
	if (!ret && aom_codec_encode(&s->codec, &img, s->t.tick, 1,
				     key ? AOM_EFLAG_FORCE_KF : 0))
		ret = -EIO;
	aom_img_remove_metadata(&img);
	if (ret)
		return ret;
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

		if (aom_codec_encode(&s->codec, NULL, s->t.tick, 1, 0) ||
		    !take_packets(s, start))
			return -EIO;
	}
	return 0;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	twins_cancel(&s->t);
	aom_codec_destroy(&s->codec);
	twins_stream_free(&s->t);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "av1",
	.description = "AV1 by libaom",
	.license = "MIT",
	.create = engine_create,
	.destroy = twins_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
