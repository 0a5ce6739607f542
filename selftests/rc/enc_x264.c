// SPDX-License-Identifier: MIT
/* libx264: a quantiser for each frame (CRF, which does not clip them), or its own CBR. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "bench.h"

#define MB 16
/* Maps are read where there is adaptive quantisation; this adds less than any rounding. */
#define AQ_MAPS_ONLY 0.0001f
/* ... but for this text among the options that the first frame tells: that is no picture. */
#define AQ_TEXT ":0.00"

struct encoder {
	x264_t *x264;
	x264_param_t param;
	unsigned int width, height;
	int64_t pts;
	double vbv_ms;
	float *offsets;		/* of each macroblock's QP */
};

static void quiet(void *cookie, int level, const char *format, va_list args)
{
	(void)cookie;
	(void)level;
	(void)format;
	(void)args;
}

static void set_rate(struct encoder *e, double bitrate)
{
	e->param.rc.i_bitrate = e->param.rc.i_vbv_max_bitrate = (int)lround(bitrate / 1000.0);
	e->param.rc.i_vbv_buffer_size = (int)lround(bitrate * e->vbv_ms / 1e6);
}

static size_t mbs(unsigned int pixels)
{
	return (pixels + MB - 1) / MB;
}

static struct encoder *open_x264(const struct clip *clip, double bitrate, double vbv_ms)
{
	struct encoder *e = calloc(1, sizeof(*e));
	x264_param_t *p;

	if (!e)
		return NULL;
	p = &e->param;
	x264_param_default_preset(p, "veryfast", "zerolatency");
	p->i_log_level = X264_LOG_INFO; /* below that it does not measure */
	p->pf_log = quiet;
	p->i_threads = 1;
	p->b_sliced_threads = 0;
	p->i_width = (int)clip->width;
	p->i_height = (int)clip->height;
	p->i_csp = X264_CSP_I420;
	p->i_fps_num = (unsigned int)lround(clip->fps * 1000.0);
	p->i_fps_den = 1000;
	p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
	p->i_scenecut_threshold = 0;
	p->analyse.b_psnr = 1;
	p->analyse.b_ssim = 1;
	p->analyse.b_psy = 0;
	p->rc.i_aq_mode = X264_AQ_NONE;
	p->rc.b_mb_tree = 0;
	e->width = clip->width;
	e->height = clip->height;
	e->vbv_ms = vbv_ms;
	if (bitrate > 0.0) {
		p->rc.i_rc_method = X264_RC_ABR;
		set_rate(e, bitrate);
	} else {
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = 26.0f;
		p->rc.i_aq_mode = X264_AQ_VARIANCE;
		p->rc.f_aq_strength = AQ_MAPS_ONLY;
	}
	e->offsets = malloc(sizeof(*e->offsets) * mbs(e->width) * mbs(e->height));
	e->x264 = e->offsets ? x264_encoder_open(p) : NULL;
	if (!e->x264) {
		free(e->offsets);
		free(e);
		return NULL;
	}
	return e;
}

/* Rows of macroblocks whose middle is in the band. */
static void map_band(struct encoder *e, int qp, const struct band *band)
{
	for (size_t y = 0, at = 0; y < mbs(e->height); y++) {
		float middle = ((float)y + 0.5f) / (float)mbs(e->height);
		bool within = middle >= band->top && middle < band->bottom;

		for (size_t x = 0; x < mbs(e->width); x++)
			e->offsets[at++] = within ? (float)(band->qp - qp) : 0.0f;
	}
}

static int encode_x264(struct encoder *e, const uint8_t *i420, int qp, const struct band *band,
		       struct coded *out)
{
	x264_picture_t in, pic;
	x264_nal_t *nal;
	size_t luma = (size_t)e->width * e->height;
	int nals, bytes;

	x264_picture_init(&in);
	in.img.i_csp = X264_CSP_I420;
	in.img.i_plane = 3;
	in.img.plane[0] = (uint8_t *)i420;
	in.img.plane[1] = (uint8_t *)i420 + luma;
	in.img.plane[2] = (uint8_t *)i420 + luma + luma / 4;
	in.img.i_stride[0] = (int)e->width;
	in.img.i_stride[1] = in.img.i_stride[2] = (int)e->width / 2;
	in.i_pts = e->pts++;
	in.i_qpplus1 = qp < 0 ? X264_QP_AUTO : qp + 1;
	if (band->qp >= 0) {
		map_band(e, qp, band);
		in.prop.quant_offsets = e->offsets;
	}
	bytes = x264_encoder_encode(e->x264, &nal, &nals, &in, &pic);
	if (bytes <= 0)
		return -1;
	if (e->pts == 1 && e->param.rc.i_aq_mode != X264_AQ_NONE)
		bytes -= (int)strlen(AQ_TEXT);
	out->bits = 8.0 * bytes;
	out->mse = 255.0 * 255.0 / pow(10.0, pic.prop.f_psnr[0] / 10.0);
	out->ssim = pic.prop.f_ssim;
	return 0;
}

static int retarget_x264(struct encoder *e, double bitrate)
{
	set_rate(e, bitrate);
	return x264_encoder_reconfig(e->x264, &e->param);
}

static void close_x264(struct encoder *e)
{
	x264_encoder_close(e->x264);
	free(e->offsets);
	free(e);
}

const struct encoder_ops encoder_x264 = {
	.name = "x264",
	.scale = HVCAL_RC_SCALE_H26X,
	.bands = true,
	.open = open_x264,
	.encode = encode_x264,
	.retarget = retarget_x264,
	.close = close_x264,
};
