// SPDX-License-Identifier: MIT
/* SVT-AV1 with low-delay prediction. Packets come from its own threads, later. */
#include <stdlib.h>
#include <string.h>

#include <svt-av1/EbSvtAv1Enc.h>

#include "lib.h"

struct lib_encoder {
	EbComponentType *svt;
	EbSvtAv1EncConfiguration config;
	EbBufferHeaderType *out;	/* what receive() gave last */
	int64_t pts;
	bool ended;
};

static void release(struct lib_encoder *e)
{
	if (e->out)
		svt_av1_enc_release_out_buffer(&e->out);
	e->out = NULL;
}

static struct lib_encoder *open_svt(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));
	EbSvtAv1EncConfiguration *cfg;

	if (!e)
		return NULL;
	cfg = &e->config;
	if (svt_av1_enc_init_handle(&e->svt, NULL, cfg) != EB_ErrorNone) {
		free(e);
		return NULL;
	}
	cfg->enc_mode = (int8_t)c->speed;
	cfg->source_width = c->width;
	cfg->source_height = c->height;
	cfg->frame_rate_numerator = c->fps;
	cfg->frame_rate_denominator = 1;
	cfg->encoder_bit_depth = 8;
	cfg->logical_processors = c->threads;
	cfg->pred_structure = 1;	/* low delay */
	cfg->intra_period_length = -1;
	cfg->look_ahead_distance = 0;
	cfg->scene_change_detection = 0;
	/* 1.4.1 refuses force_key_frames unless it may reorder */
	cfg->rate_control_mode = c->kbps ? SVT_AV1_RC_MODE_CBR : SVT_AV1_RC_MODE_CQP_OR_CRF;
	cfg->target_bit_rate = c->kbps * 1000;
	cfg->qp = (uint32_t)c->qp;
	if (!c->kbps) {
		cfg->enable_adaptive_quantization = 0;
		cfg->use_qp_file = 1;
	}
	if (svt_av1_enc_set_parameter(e->svt, cfg) != EB_ErrorNone ||
	    svt_av1_enc_init(e->svt) != EB_ErrorNone) {
		svt_av1_enc_deinit_handle(e->svt);
		free(e);
		return NULL;
	}
	return e;
}

static int send_svt(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	EbSvtIOFormat io = { 0 };
	EbBufferHeaderType header = { .size = sizeof(header), .pic_type = EB_AV1_INVALID_PICTURE };

	if (!p) {
		header.flags = EB_BUFFERFLAG_EOS;
		e->ended = true;
	} else {
		io.luma = (uint8_t *)p->plane[0];
		io.cb = (uint8_t *)p->plane[1];
		io.cr = (uint8_t *)p->plane[2];
		io.y_stride = (uint32_t)p->stride[0];
		io.cb_stride = (uint32_t)p->stride[1];
		io.cr_stride = (uint32_t)p->stride[2];
		header.p_buffer = (uint8_t *)&io;
		header.n_filled_len = e->config.source_width * e->config.source_height * 3 / 2;
		header.pts = e->pts++;
		header.qp = (uint32_t)qp;
		if (key)
			header.pic_type = EB_AV1_KEY_PICTURE;
	}
	return svt_av1_enc_send_picture(e->svt, &header) == EB_ErrorNone ? 0 : -1;
}

static int receive_svt(struct lib_encoder *e, struct lib_packet *packet)
{
	EbErrorType ret;

	release(e);
	ret = svt_av1_enc_get_packet(e->svt, &e->out, e->ended);
	if (ret == EB_NoErrorEmptyQueue || !e->out)
		return 0;
	if (ret != EB_ErrorNone)
		return -1;
	if (!e->out->n_filled_len)
		return 0;
	*packet = (struct lib_packet){
		.data = e->out->p_buffer, .size = e->out->n_filled_len,
		.key = e->out->pic_type == EB_AV1_KEY_PICTURE,
	};
	return 1;
}

/* This version has no call that changes the rate of a running encoder. */
static int retarget_svt(struct lib_encoder *e, unsigned int kbps)
{
	(void)e;
	(void)kbps;
	return -1;
}

static void close_svt(struct lib_encoder *e)
{
	release(e);
	if (!e->ended) {
		struct lib_packet packet;

		/* it does not stop its threads before the end of the stream */
		send_svt(e, NULL, 0, false);
		while (receive_svt(e, &packet) > 0)
			;
		release(e);
	}
	svt_av1_enc_deinit(e->svt);
	svt_av1_enc_deinit_handle(e->svt);
	free(e);
}

const struct lib_ops lib_svt = {
	.name = "SVT-AV1", .open = open_svt, .send = send_svt, .receive = receive_svt,
	.retarget = retarget_svt, .close = close_svt,
};
