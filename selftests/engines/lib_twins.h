/* SPDX-License-Identifier: MIT */
/*
 * libvpx and libaom called as they are: siblings, whose interfaces differ in the
 * prefix of names. Who includes this says which it is, and defines what is declared:
 *
 *   TWIN(name), TWIN_CONST(NAME)  name with the prefix of functions and types, and
 *                                 with that of constants
 *   TWIN_CONTROL                  function that takes any control
 *   TWIN_ENCODE(codec, image, tick, flags)
 *   TWIN_INTERFACE, TWIN_USAGE    the codec, and its default configuration
 *   TWIN_RESIZE                   member of the configuration
 *   TWIN_BY_QP                    the rate control that keeps to a quantiser
 *   TWIN_SPEED, TWIN_TILES, TWIN_ROW_MT, TWIN_CQ_LEVEL, TWIN_AQ_MODE, TWIN_INTRA  controls
 */
#ifndef HVCAL_SELFTESTS_ENGINES_LIB_TWINS_H
#define HVCAL_SELFTESTS_ENGINES_LIB_TWINS_H

#include <stdlib.h>

#include "lib.h"

struct setting {
	int id, value;
};

/* Controls of the one that the other does not have; the last one is zero. */
static const struct setting *own_settings(void);

struct lib_encoder {
	TWIN(codec_ctx_t) codec;
	TWIN(codec_enc_cfg_t) cfg;
	TWIN(codec_iter_t) iter;
	int64_t tick;
	int qp;
	bool by_qp;
};

static void set_rates(struct lib_encoder *e, int qp)
{
	e->cfg.rc_end_usage = e->by_qp ? TWIN_BY_QP : TWIN_CONST(CBR);
	e->cfg.rc_min_quantizer = e->by_qp ? (unsigned int)qp : 0;
	e->cfg.rc_max_quantizer = e->by_qp ? (unsigned int)qp : 63;
	e->qp = qp;
}

static int set_all(struct lib_encoder *e, const struct setting *all)
{
	for (; all->id; all++)
		if (TWIN_CONTROL(&e->codec, all->id, all->value))
			return -1;
	return 0;
}

static int set_controls(struct lib_encoder *e, const struct lib_config *c)
{
	const struct setting common[] = {
		{ TWIN_SPEED, (int)c->speed },
		{ TWIN_TILES, c->threads > 1 && c->width >= 512 },
		{ TWIN_ROW_MT, c->threads > 1 },
		{ TWIN_CQ_LEVEL, e->qp },
		{ TWIN_AQ_MODE, e->by_qp ? 0 : 3 },
		{ TWIN_INTRA, 900 },
		{ 0, 0 },
	};

	return set_all(e, common) || set_all(e, own_settings()) ? -1 : 0;
}

static struct lib_encoder *twin_open(const struct lib_config *c)
{
	struct lib_encoder *e = calloc(1, sizeof(*e));
	TWIN(codec_enc_cfg_t) *cfg;

	if (!e)
		return NULL;
	cfg = &e->cfg;
	if (TWIN(codec_enc_config_default)(TWIN_INTERFACE, cfg, TWIN_USAGE))
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
	cfg->TWIN_RESIZE = 0;
	cfg->kf_mode = TWIN_CONST(KF_DISABLED);
	cfg->rc_target_bitrate = c->kbps ? c->kbps : 100000;
	cfg->rc_buf_sz = 1000;
	cfg->rc_buf_initial_sz = cfg->rc_buf_optimal_sz = 600;
	set_rates(e, c->qp);
	if (TWIN(codec_enc_init)(&e->codec, TWIN_INTERFACE, cfg, 0))
		goto fail;
	if (!set_controls(e, c))
		return e;
	TWIN(codec_destroy)(&e->codec);
fail:
	free(e);
	return NULL;
}

static int twin_send(struct lib_encoder *e, const struct lib_picture *p, int qp, bool key)
{
	TWIN(image_t) img;

	e->iter = NULL;
	if (!p)
		return 0;
	if (e->by_qp && qp != e->qp) {
		set_rates(e, qp);
		if (TWIN(codec_enc_config_set)(&e->codec, &e->cfg) ||
		    TWIN_CONTROL(&e->codec, TWIN_CQ_LEVEL, qp))
			return -1;
	}
	TWIN(img_wrap)(&img, TWIN_CONST(IMG_FMT_I420), e->cfg.g_w, e->cfg.g_h, 1,
		       (uint8_t *)p->plane[0]);
	for (int i = 0; i < 3; i++) {
		img.planes[i] = (uint8_t *)p->plane[i];
		img.stride[i] = p->stride[i];
	}
	key |= !e->tick;
	return TWIN_ENCODE(&e->codec, &img, e->tick++, key ? TWIN_CONST(EFLAG_FORCE_KF) : 0) ? -1 : 0;
}

static int twin_receive(struct lib_encoder *e, struct lib_packet *packet)
{
	const TWIN(codec_cx_pkt_t) *pkt = TWIN(codec_get_cx_data)(&e->codec, &e->iter);

	if (!pkt || pkt->kind != TWIN_CONST(CODEC_CX_FRAME_PKT))
		return 0;
	*packet = (struct lib_packet){
		.data = pkt->data.frame.buf, .size = pkt->data.frame.sz,
		.key = pkt->data.frame.flags & TWIN_CONST(FRAME_IS_KEY),
	};
	return 1;
}

static int twin_retarget(struct lib_encoder *e, unsigned int kbps)
{
	e->cfg.rc_target_bitrate = kbps;
	return TWIN(codec_enc_config_set)(&e->codec, &e->cfg) ? -1 : 0;
}

static void twin_close(struct lib_encoder *e)
{
	TWIN(codec_destroy)(&e->codec);
	free(e);
}

/* The functions above, under the name of the library. */
#define TWIN_OPS(library) { \
	.name = library, .open = twin_open, .send = twin_send, .receive = twin_receive, \
	.retarget = twin_retarget, .close = twin_close, \
}

#endif
