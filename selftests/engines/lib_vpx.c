// SPDX-License-Identifier: MIT
/* libvpx VP9 in real time, with the settings of lib/engines/vpx.c. */
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "lib.h"

struct lib_encoder {
	vpx_codec_ctx_t codec;
	vpx_codec_enc_cfg_t cfg;
	vpx_codec_iter_t iter;
	int64_t tick;
	int qp;
	bool by_qp;
};

static void set_rates(struct lib_encoder *e, int qp)
{
	e->cfg.rc_end_usage = VPX_CBR;
	e->cfg.rc_min_quantizer = e->by_qp ? (unsigned int)qp : 0;
	e->cfg.rc_max_quantizer = e->by_qp ? (unsigned int)qp : 63;
	e->qp = qp;
}

static int set_controls(struct lib_encoder *e, const struct lib_config *c)
{
	const struct {
		int id, value;
	} all[] = {
		{ VP8E_SET_CPUUSED, (int)c->speed },
		{ VP8E_SET_ENABLEAUTOALTREF, 0 },
		{ VP8E_SET_STATIC_THRESHOLD, 0 },
		{ VP8E_SET_MAX_INTRA_BITRATE_PCT, 900 },
		{ VP9E_SET_TILE_COLUMNS, c->threads > 1 && c->width >= 512 },
		{ VP9E_SET_FRAME_PARALLEL_DECODING, 0 },
		{ VP9E_SET_ROW_MT, c->threads > 1 },
		{ VP8E_SET_CQ_LEVEL, e->qp },
		{ VP9E_SET_AQ_MODE, e->by_qp ? 0 : 3 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (vpx_codec_control_(&e->codec, all[i].id, all[i].value))
			return -1;
	return 0;
}

static struct lib_encoder *open_vpx(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));
	vpx_codec_enc_cfg_t *cfg;

	if (!e)
		return NULL;
	cfg = &e->cfg;
	if (vpx_codec_enc_config_default(vpx_codec_vp9_cx(), cfg, 0))
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
	cfg->rc_resize_allowed = 0;
	cfg->kf_mode = VPX_KF_DISABLED;
	cfg->rc_target_bitrate = c->kbps ? c->kbps : 100000;
	cfg->rc_buf_sz = 1000;
	cfg->rc_buf_initial_sz = cfg->rc_buf_optimal_sz = 600;
	set_rates(e, c->qp);
	if (vpx_codec_enc_init(&e->codec, vpx_codec_vp9_cx(), cfg, 0))
		goto fail;
	if (!set_controls(e, c))
		return e;
	vpx_codec_destroy(&e->codec);
fail:
	free(e);
	return NULL;
}

static int send_vpx(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	vpx_image_t img;

	e->iter = NULL;
	if (!p)
		return 0;
	if (e->by_qp && qp != e->qp) {
		set_rates(e, qp);
		if (vpx_codec_enc_config_set(&e->codec, &e->cfg) ||
		    vpx_codec_control(&e->codec, VP8E_SET_CQ_LEVEL, qp))
			return -1;
	}
	vpx_img_wrap(&img, VPX_IMG_FMT_I420, e->cfg.g_w, e->cfg.g_h, 1, (uint8_t *)p->plane[0]);
	for (int i = 0; i < 3; i++) {
		img.planes[i] = (uint8_t *)p->plane[i];
		img.stride[i] = p->stride[i];
	}
	key |= !e->tick;
	return vpx_codec_encode(&e->codec, &img, e->tick++, 1, key ? VPX_EFLAG_FORCE_KF : 0,
				VPX_DL_REALTIME) ? -1 : 0;
}

static int receive_vpx(struct lib_encoder *e, struct lib_packet *packet)
{
	const vpx_codec_cx_pkt_t *pkt = vpx_codec_get_cx_data(&e->codec, &e->iter);

	if (!pkt || pkt->kind != VPX_CODEC_CX_FRAME_PKT)
		return 0;
	*packet = (struct lib_packet){
		.data = pkt->data.frame.buf, .size = pkt->data.frame.sz,
		.key = pkt->data.frame.flags & VPX_FRAME_IS_KEY,
	};
	return 1;
}

static int retarget_vpx(struct lib_encoder *e, unsigned int kbps)
{
	e->cfg.rc_target_bitrate = kbps;
	return vpx_codec_enc_config_set(&e->codec, &e->cfg) ? -1 : 0;
}

static void close_vpx(struct lib_encoder *e)
{
	vpx_codec_destroy(&e->codec);
	free(e);
}

const struct lib_ops lib_vpx = {
	.name = "libvpx", .open = open_vpx, .send = send_vpx, .receive = receive_vpx,
	.retarget = retarget_vpx, .close = close_vpx,
};
