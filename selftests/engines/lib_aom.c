// SPDX-License-Identifier: MIT
/* libaom in real time, with the settings of lib/engines/av1.c. */
#include <stdlib.h>

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#include "lib.h"

struct lib_encoder {
	aom_codec_ctx_t codec;
	aom_codec_enc_cfg_t cfg;
	aom_codec_iter_t iter;
	int64_t tick;
	int qp;
	bool by_qp;
};

static void set_rates(struct lib_encoder *e, int qp)
{
	e->cfg.rc_end_usage = e->by_qp ? AOM_Q : AOM_CBR;
	e->cfg.rc_min_quantizer = e->by_qp ? (unsigned int)qp : 0;
	e->cfg.rc_max_quantizer = e->by_qp ? (unsigned int)qp : 63;
	e->qp = qp;
}

static int set_controls(struct lib_encoder *e, const struct lib_config *c)
{
	const struct {
		int id, value;
	} all[] = {
		{ AOME_SET_CPUUSED, (int)c->speed },
		{ AV1E_SET_TILE_COLUMNS, c->threads > 1 && c->width >= 512 },
		{ AV1E_SET_ROW_MT, c->threads > 1 },
		{ AOME_SET_CQ_LEVEL, e->qp },
		{ AV1E_SET_AQ_MODE, e->by_qp ? 0 : 3 },
		{ AV1E_SET_COLOR_PRIMARIES, 2 }, { AV1E_SET_TRANSFER_CHARACTERISTICS, 2 },
		{ AV1E_SET_MATRIX_COEFFICIENTS, 2 },
		{ AV1E_SET_ENABLE_TPL_MODEL, 0 }, { AV1E_SET_DELTAQ_MODE, 0 },
		{ AV1E_SET_ENABLE_ORDER_HINT, 0 }, { AV1E_SET_COEFF_COST_UPD_FREQ, 3 },
		{ AV1E_SET_MODE_COST_UPD_FREQ, 3 }, { AV1E_SET_MV_COST_UPD_FREQ, 3 },
		{ AV1E_SET_ENABLE_OBMC, 0 }, { AV1E_SET_ENABLE_WARPED_MOTION, 0 },
		{ AV1E_SET_ENABLE_GLOBAL_MOTION, 0 }, { AV1E_SET_ENABLE_REF_FRAME_MVS, 0 },
		{ AV1E_SET_ENABLE_CFL_INTRA, 0 }, { AV1E_SET_ENABLE_SMOOTH_INTRA, 0 },
		{ AV1E_SET_ENABLE_ANGLE_DELTA, 0 }, { AV1E_SET_ENABLE_FILTER_INTRA, 0 },
		{ AV1E_SET_ENABLE_PALETTE, 0 }, { AOME_SET_MAX_INTRA_BITRATE_PCT, 900 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (aom_codec_control(&e->codec, all[i].id, all[i].value))
			return -1;
	return 0;
}

static struct lib_encoder *open_aom(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));
	aom_codec_enc_cfg_t *cfg;

	if (!e)
		return NULL;
	cfg = &e->cfg;
	if (aom_codec_enc_config_default(aom_codec_av1_cx(), cfg, AOM_USAGE_REALTIME))
		goto fail;
	e->by_qp = !c->kbps;
	cfg->g_w = c->width;
	cfg->g_h = c->height;
	cfg->g_timebase.num = 1;
	cfg->g_timebase.den = (int)c->fps;
	cfg->g_threads = c->threads;
	cfg->g_lag_in_frames = 0;
	cfg->g_error_resilient = 0;
	cfg->rc_dropframe_thresh = 0;
	cfg->rc_resize_mode = 0;
	cfg->kf_mode = AOM_KF_DISABLED;
	cfg->rc_target_bitrate = c->kbps ? c->kbps : 100000;
	cfg->rc_buf_sz = 1000;
	cfg->rc_buf_initial_sz = cfg->rc_buf_optimal_sz = 600;
	set_rates(e, c->qp);
	if (aom_codec_enc_init(&e->codec, aom_codec_av1_cx(), cfg, 0))
		goto fail;
	if (!set_controls(e, c))
		return e;
	aom_codec_destroy(&e->codec);
fail:
	free(e);
	return NULL;
}

static int send_aom(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	aom_image_t img;

	e->iter = NULL;
	if (!p)
		return 0;
	if (e->by_qp && qp != e->qp) {
		set_rates(e, qp);
		if (aom_codec_enc_config_set(&e->codec, &e->cfg) ||
		    aom_codec_control(&e->codec, AOME_SET_CQ_LEVEL, qp))
			return -1;
	}
	aom_img_wrap(&img, AOM_IMG_FMT_I420, e->cfg.g_w, e->cfg.g_h, 1, (uint8_t *)p->plane[0]);
	for (int i = 0; i < 3; i++) {
		img.planes[i] = (uint8_t *)p->plane[i];
		img.stride[i] = p->stride[i];
	}
	key |= !e->tick;
	return aom_codec_encode(&e->codec, &img, e->tick++, 1, key ? AOM_EFLAG_FORCE_KF : 0) ?
	       -1 : 0;
}

static int receive_aom(struct lib_encoder *e, struct lib_packet *packet)
{
	const aom_codec_cx_pkt_t *pkt = aom_codec_get_cx_data(&e->codec, &e->iter);

	if (!pkt || pkt->kind != AOM_CODEC_CX_FRAME_PKT)
		return 0;
	*packet = (struct lib_packet){
		.data = pkt->data.frame.buf, .size = pkt->data.frame.sz,
		.key = pkt->data.frame.flags & AOM_FRAME_IS_KEY,
	};
	return 1;
}

static int retarget_aom(struct lib_encoder *e, unsigned int kbps)
{
	e->cfg.rc_target_bitrate = kbps;
	return aom_codec_enc_config_set(&e->codec, &e->cfg) ? -1 : 0;
}

static void close_aom(struct lib_encoder *e)
{
	aom_codec_destroy(&e->codec);
	free(e);
}

const struct lib_ops lib_aom = {
	.name = "libaom", .open = open_aom, .send = send_aom, .receive = receive_aom,
	.retarget = retarget_aom, .close = close_aom,
};
