// SPDX-License-Identifier: MIT
/*
 * libvpx VP9, real time, speed 7. One quantiser a frame: the limits of the
 * quantiser are set equal before each frame; or its own CBR.
 */
#include <math.h>
#include <stdlib.h>

#include <vpx/vp8cx.h>
#include <vpx/vp8dx.h>
#include <vpx/vpx_decoder.h>
#include <vpx/vpx_encoder.h>

#include "bench.h"

#define SPEED 7
#define AQ_CYCLIC 3

struct encoder {
	vpx_codec_ctx_t codec, decoder;
	vpx_codec_enc_cfg_t config;
	unsigned int width, height;
	int64_t pts;
	bool own;
};

static struct encoder *open_vp9(const struct clip *clip, double bitrate, double vbv_ms)
{
	struct encoder *e = calloc(1, sizeof(*e));
	vpx_codec_enc_cfg_t *c;

	if (!e)
		return NULL;
	c = &e->config;
	if (vpx_codec_enc_config_default(vpx_codec_vp9_cx(), c, 0))
		goto fail;
	c->g_w = e->width = clip->width;
	c->g_h = e->height = clip->height;
	c->g_timebase.num = 1;
	c->g_timebase.den = (int)lround(clip->fps);
	c->g_threads = 1;
	c->g_lag_in_frames = 0;
	c->g_error_resilient = 0;
	c->kf_mode = VPX_KF_DISABLED;
	c->rc_end_usage = VPX_CBR;
	c->rc_min_quantizer = 2;
	c->rc_max_quantizer = 56;
	c->rc_undershoot_pct = 50;
	c->rc_overshoot_pct = 50;
	e->own = bitrate > 0.0;
	c->rc_target_bitrate = e->own ? (unsigned int)lround(bitrate / 1000.0) : 1000;
	c->rc_buf_sz = (unsigned int)vbv_ms;
	c->rc_buf_initial_sz = c->rc_buf_optimal_sz = (unsigned int)(vbv_ms * 0.6);
	if (vpx_codec_enc_init(&e->codec, vpx_codec_vp9_cx(), c, 0))
		goto fail;
	vpx_codec_control(&e->codec, VP8E_SET_CPUUSED, SPEED);
	vpx_codec_control(&e->codec, VP9E_SET_AQ_MODE, 0);
	vpx_codec_control(&e->codec, VP8E_SET_STATIC_THRESHOLD, 0);
	if (vpx_codec_dec_init(&e->decoder, vpx_codec_vp9_dx(), NULL, 0)) {
		vpx_codec_destroy(&e->codec);
		goto fail;
	}
	return e;
fail:
	free(e);
	return NULL;
}

static int compare(struct encoder *e, const uint8_t *i420, const vpx_codec_cx_pkt_t *pkt,
		   struct coded *out)
{
	vpx_codec_iter_t iter = NULL;
	vpx_image_t *img;
	double sum = 0.0;

	if (vpx_codec_decode(&e->decoder, pkt->data.frame.buf, (unsigned int)pkt->data.frame.sz,
			     NULL, 0))
		return -1;
	img = vpx_codec_get_frame(&e->decoder, &iter);
	if (!img)
		return -1;
	for (unsigned int y = 0; y < e->height; y++) {
		const uint8_t *a = i420 + (size_t)y * e->width;
		const uint8_t *b = img->planes[0] + (size_t)y * img->stride[0];

		for (unsigned int x = 0; x < e->width; x++)
			sum += (a[x] - b[x]) * (a[x] - b[x]);
	}
	out->mse = sum / ((double)e->width * e->height);
	out->ssim = ssim_plane(i420, e->width, img->planes[0], (size_t)img->stride[0], e->width,
			       e->height);
	return 0;
}

static int encode_vp9(struct encoder *e, const uint8_t *i420, int qp, const struct band *band,
		      struct coded *out)
{
	const vpx_codec_cx_pkt_t *pkt;
	vpx_codec_iter_t iter = NULL;
	vpx_image_t img;

	(void)band;
	if (!e->own) {
		e->config.rc_min_quantizer = e->config.rc_max_quantizer = (unsigned int)qp;
		if (vpx_codec_enc_config_set(&e->codec, &e->config))
			return -1;
	}
	vpx_img_wrap(&img, VPX_IMG_FMT_I420, e->width, e->height, 1, (uint8_t *)i420);
	if (vpx_codec_encode(&e->codec, &img, e->pts++, 1, 0, VPX_DL_REALTIME))
		return -1;
	while ((pkt = vpx_codec_get_cx_data(&e->codec, &iter))) {
		if (pkt->kind != VPX_CODEC_CX_FRAME_PKT)
			continue;
		out->bits = 8.0 * (double)pkt->data.frame.sz;
		return compare(e, i420, pkt, out);
	}
	return -1;
}

static int retarget_vp9(struct encoder *e, double bitrate)
{
	e->config.rc_target_bitrate = (unsigned int)lround(bitrate / 1000.0);
	return vpx_codec_enc_config_set(&e->codec, &e->config) ? -1 : 0;
}

static void close_vp9(struct encoder *e)
{
	vpx_codec_destroy(&e->decoder);
	vpx_codec_destroy(&e->codec);
	free(e);
}

const struct encoder_ops encoder_vp9 = {
	.name = "vp9",
	.scale = HVCAL_RC_SCALE_VP9,
	.open = open_vp9,
	.encode = encode_vp9,
	.retarget = retarget_vp9,
	.close = close_vp9,
};
