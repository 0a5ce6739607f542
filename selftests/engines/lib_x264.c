// SPDX-License-Identifier: GPL-2.0-or-later
/* libx264 in real time, with the settings of lib/engines/x264.c. */
#include <stdint.h>
#include <stdlib.h>

#include <x264.h>

#include "lib.h"

struct lib_encoder {
	x264_t *x264;
	x264_nal_t *nal;
	int size;
	int64_t pts;
	bool by_qp, key;
};

static void set_rates(x264_param_t *p, unsigned int kbps)
{
	p->rc.i_rc_method = X264_RC_ABR;
	p->rc.i_bitrate = (int)kbps;
	p->rc.i_vbv_max_bitrate = (int)kbps;
	p->rc.i_vbv_buffer_size = (int)kbps;
}

static struct lib_encoder *open_x264(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));
	x264_param_t p;

	if (!e)
		return NULL;
	e->by_qp = !c->kbps;
	x264_param_default_preset(&p, x264_preset_names[c->speed], "zerolatency");
	p.i_log_level = X264_LOG_NONE;
	p.i_threads = (int)c->threads;
	p.i_bitdepth = 8;
	p.i_width = (int)c->width;
	p.i_height = (int)c->height;
	p.i_csp = X264_CSP_I420;
	p.i_fps_num = p.i_timebase_den = c->fps;
	p.i_fps_den = p.i_timebase_num = 1;
	p.b_vfr_input = 0;
	p.i_keyint_max = X264_KEYINT_MAX_INFINITE;
	p.b_repeat_headers = 1;
	p.b_annexb = 1;
	p.i_scenecut_threshold = 0;
	p.i_bframe = 0;
	p.vui.b_fullrange = 0;
	p.rc.i_qp_min = 0;
	p.rc.i_qp_max = 51;
	if (e->by_qp) {
		p.rc.i_rc_method = X264_RC_CRF;
		p.rc.f_rf_constant = (float)c->qp;
		p.rc.f_aq_strength = 0.0001f;
		p.rc.b_mb_tree = 0;
	} else {
		set_rates(&p, c->kbps);
	}
	e->x264 = x264_encoder_open(&p);
	if (e->x264)
		return e;
	free(e);
	return NULL;
}

static int send_x264(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	x264_picture_t in, out;
	int count;

	e->size = 0;
	if (!p)
		return 0;
	x264_picture_init(&in);
	in.img.i_csp = X264_CSP_I420;
	in.img.i_plane = 3;
	for (int i = 0; i < 3; i++) {
		in.img.plane[i] = (uint8_t *)p->plane[i];
		in.img.i_stride[i] = p->stride[i];
	}
	in.i_pts = e->pts++;
	in.i_type = key ? X264_TYPE_IDR : X264_TYPE_AUTO;
	in.i_qpplus1 = e->by_qp ? qp + 1 : 0;
	e->size = x264_encoder_encode(e->x264, &e->nal, &count, &in, &out);
	e->key = out.b_keyframe;
	return e->size < 0 ? -1 : 0;
}

static int receive_x264(struct lib_encoder *e, struct lib_packet *packet)
{
	if (e->size <= 0)
		return 0;
	*packet = (struct lib_packet){
		.data = e->nal[0].p_payload, .size = (size_t)e->size, .key = e->key,
	};
	e->size = 0;
	return 1;
}

static int retarget_x264(struct lib_encoder *e, unsigned int kbps)
{
	x264_param_t p;

	x264_encoder_parameters(e->x264, &p);
	set_rates(&p, kbps);
	return x264_encoder_reconfig(e->x264, &p) ? -1 : 0;
}

static void close_x264(struct lib_encoder *e)
{
	x264_encoder_close(e->x264);
	free(e);
}

const struct lib_ops lib_x264 = {
	.name = "libx264", .open = open_x264, .send = send_x264, .receive = receive_x264,
	.retarget = retarget_x264, .close = close_x264,
};
