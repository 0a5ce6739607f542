// SPDX-License-Identifier: MIT
/* Sessions whose rate libhvcal controls. */
#include <errno.h>
#include <stdlib.h>

#include <hvcal/analysis.h>
#include <hvcal/rc.h>

#include "look.h"
#include "rate.h"

#define QP_SCALE 256
/* Times that are further apart are no ticks of the frame rate. */
#define TICKS_MAX 16

_Static_assert((int)HVCAL_SATURATED_HIGH == (int)HVCAL_RC_SATURATED_HIGH &&
	       (int)HVCAL_SATURATED_LOW == (int)HVCAL_RC_SATURATED_LOW, "enum hvcal_saturation");

struct hvcal_rate {
	pthread_mutex_t lock;	/* innermost; all below */
	struct hvcal_look *look; /* changes under session.submit_lock, too; NULL: no hints */
	hvcal_rc_t *rc;
	bool on;
	bool any;		/* a frame was decided on */
	uint32_t gop, since_key;
	int64_t last_pts, time_ns, tick_ns;
	uint64_t bitrate;
	uint64_t frames;
	uint32_t saturated;
};

static bool scale_of(uint32_t codec, uint32_t *scale)
{
	switch (codec) {
	case HVCAL_CODEC_H264:
	case HVCAL_CODEC_HEVC:
		*scale = HVCAL_RC_SCALE_H26X;
		return true;
	case HVCAL_CODEC_VP9:
	case HVCAL_CODEC_AV1:
		*scale = HVCAL_RC_SCALE_QINDEX;
		return true;
	}
	return false;
}

/*
 * Bands end where the blocks do that an engine of the codec decides on as a whole: x265
 * gives the mean of its offsets to a block of 64x64, and may look no further. 0: no bands.
 * libvpx codes some of what a band refined a second time, in frames of ten budgets.
 */
static uint32_t band_rows(uint32_t codec)
{
	switch (codec) {
	case HVCAL_CODEC_H264:
		return 16;
	case HVCAL_CODEC_VP9:
		return 0;
	}
	return 64;
}

static bool rc_config(const hvcal_config_t *c, struct hvcal_rc_config *out)
{
	hvcal_rc_config_init(out);
	if (c->rate_control == HVCAL_RATE_CONTROL_ENGINE || !scale_of(c->codec, &out->scale))
		return false;
	/* an engine that looks ahead or reorders knows better than we do */
	if (c->bframes || c->tune != HVCAL_TUNE_LOW_LATENCY)
		return false;
	switch (c->rc_mode) {
	case HVCAL_RC_CBR:
		out->control = HVCAL_RC_CONTROL_CBR;
		break;
	case HVCAL_RC_VBR:
		out->control = HVCAL_RC_CONTROL_VBR;
		break;
	case HVCAL_RC_ICQ:
		/* without a cap the engine's own has more to go by */
		if (!c->max_bitrate)
			return false;
		out->control = HVCAL_RC_CONTROL_ICQ;
		break;
	default:
		return false;
	}
	out->width = c->width;
	out->height = c->height;
	out->fps = (double)c->fps / c->fps_den;
	out->bitrate = c->bitrate;
	out->maxrate = c->max_bitrate;
	out->vbv_ms = c->vbv_ms;
	out->qp_min = (int32_t)c->qp_min;
	out->qp_max = (int32_t)c->qp_max;
	out->quality = c->quality;
	out->key_interval = c->gop_size;
	out->frame_ceiling = c->frame_ceiling;
	out->layers = c->features & 1U << HVCAL_FEATURE_LAYERS ? HVCAL_RC_LAYERS : 1;
	out->base_percent = c->base_percent;
	/* each frame says whether it can have one */
	out->band_rows = band_rows(c->codec);
	if (out->band_rows && c->rate_hints != HVCAL_RATE_HINTS_OFF)
		out->flags |= HVCAL_RC_BANDS;
	return true;
}

bool hvcal_rate_fits(const hvcal_config_t *config)
{
	struct hvcal_rc_config c;
	hvcal_rc_t *rc;

	if (!rc_config(config, &c) || hvcal_rc_create(&c, &rc))
		return false;
	hvcal_rc_destroy(&rc);
	return true;
}

static void take(struct hvcal_rate *r, const hvcal_config_t *c)
{
	r->gop = c->gop_size;
	r->bitrate = c->rc_mode == HVCAL_RC_ICQ ? c->max_bitrate : c->bitrate;
	r->tick_ns = (int64_t)(HVCAL_NS_PER_SEC * c->fps_den / c->fps);
}

int hvcal_rate_open(hvcal_session_t *s)
{
	struct hvcal_rc_config c;
	struct hvcal_rate *r;
	int ret;

	if (!hvcal_rate_fits(&s->config))
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	rc_config(&s->config, &c);
	ret = hvcal_rc_create(&c, &r->rc);
	if (ret) {
		free(r);
		return ret;
	}
	pthread_mutex_init(&r->lock, NULL);
	take(r, &s->config);
	r->on = true;
	r->look = hvcal_look_open(&s->ctx->log, &s->config);
	s->rate = r;
	return 0;
}

void hvcal_rate_close(hvcal_session_t *s)
{
	if (!s->rate)
		return;
	hvcal_look_close(&s->rate->look);
	hvcal_rc_destroy(&s->rate->rc);
	pthread_mutex_destroy(&s->rate->lock);
	free(s->rate);
	s->rate = NULL;
}

void hvcal_rate_codec(const hvcal_config_t *config, struct hvcal_codec_config *codec)
{
	struct hvcal_rc_config c;

	if (!rc_config(config, &c))
		return;
	codec->rc_mode = HVCAL_RC_CQP;
	if (c.flags & HVCAL_RC_BANDS)
		codec->flags |= HVCAL_CONFIG_MAPS;
}

void hvcal_rate_retarget(hvcal_session_t *s)
{
	struct hvcal_rate *r = s->rate;
	struct hvcal_rc_config c;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	if (s->config.rate_hints == HVCAL_RATE_HINTS_OFF)
		hvcal_look_close(&r->look);
	else if (!r->look)
		r->look = hvcal_look_open(&s->ctx->log, &s->config);
	r->on = rc_config(&s->config, &c) && !hvcal_rc_retarget(r->rc, &c);
	if (r->on)
		take(r, &s->config);
	pthread_mutex_unlock(&r->lock);
}

/* Time as the stream has it: ticks of the frame rate where they look like that. */
static void advance(struct hvcal_rate *r, int64_t pts)
{
	int64_t ticks = 1;

	if (!r->any) {
		r->last_pts = pts;
		return;
	}
	if (pts > r->last_pts && (uint64_t)pts - (uint64_t)r->last_pts <= TICKS_MAX)
		ticks = pts - r->last_pts;
	r->last_pts = pts;
	r->time_ns += ticks * r->tick_ns;
}

/* Counts frames; is this one a key frame? Only submission does, under its lock. */
static bool count_key(struct hvcal_rate *r, uint32_t flags)
{
	if (!r->any || flags & HVCAL_FRAME_FORCE_KEY || (r->gop && r->since_key >= r->gop))
		r->since_key = 0;
	return !r->since_key++;
}

void hvcal_rate_decide(hvcal_session_t *s, struct hvcal_slot *slot, int fence,
		       struct hvcal_map *map)
{
	struct hvcal_frame_params *p = &slot->params;
	struct hvcal_rc_frame frame = { 0 };
	struct hvcal_rc_decision d;
	struct hvcal_rate *r = s->rate;
	struct hvcal_rc_hint hint;

	slot->rate_known = false;
	if (!r)
		return;
	frame.key = count_key(r, p->flags);
	/* takes its time: reports shall not wait for it */
	if (r->look && hvcal_look_frame(r->look, slot->source, fence, frame.key, &hint))
		frame.hint = &hint;
	/* only what is known to stand still is coded in parts, and only where a map is sure */
	frame.no_band = !frame.hint || frame.key || p->flags & HVCAL_FRAME_QP ||
			!hvcal_map_begin(s, slot, map);
	pthread_mutex_lock(&r->lock);
	advance(r, p->pts);
	r->any = true;
	frame.time_ns = r->time_ns;
	frame.layer = s->config.features & 1U << HVCAL_FEATURE_LAYERS && !frame.key &&
		      p->temporal_layer;
	if (r->on && !(p->flags & HVCAL_FRAME_QP) && !hvcal_rc_decide(r->rc, &frame, &d)) {
		p->flags |= HVCAL_FRAME_QP;
		p->qp_q8 = d.qp * QP_SCALE;
		if (!p->target_bytes)
			p->target_bytes = d.target_bytes;
		slot->rate_known = true;
		slot->rate_id = d.id;
		slot->rate_band = d.band_top < d.band_bottom;
		if (slot->rate_band)
			map->band = hvcal_band_of(&d, s->config.height,
						  HVCAL_ANALYSIS_BLOCK);
		slot->rate_bitrate = r->bitrate;
		slot->rate_saturated = r->saturated = d.saturated;
		r->frames++;
	}
	pthread_mutex_unlock(&r->lock);
}

/*
 * Engines that have fewer quantisers than the scale take the nearest. With a band some
 * tell the mean, which is no point of any curve.
 */
static int32_t applied_qp(const struct hvcal_slot *slot, int32_t qp_q8)
{
	return qp_q8 > 0 && !slot->rate_band ? (qp_q8 + QP_SCALE / 2) / QP_SCALE :
	       HVCAL_RC_QP_AS_DECIDED;
}

void hvcal_rate_report(hvcal_session_t *s, struct hvcal_slot *slot, uint64_t bytes,
		       int32_t qp_q8)
{
	if (!s->rate || !slot->rate_known)
		return;
	slot->rate_known = false;
	pthread_mutex_lock(&s->rate->lock);
	hvcal_rc_report(s->rate->rc, slot->rate_id, bytes, applied_qp(slot, qp_q8));
	pthread_mutex_unlock(&s->rate->lock);
}

void hvcal_rate_stats(hvcal_session_t *s, hvcal_stats_t *t)
{
	struct hvcal_look_figures look = { 0 };
	struct hvcal_rate *r = s->rate;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	if (r->look)
		hvcal_look_get(r->look, &look);
	t->rate_frames = r->frames;
	t->saturated = r->on ? r->saturated : (uint32_t)HVCAL_SATURATED_NOT;
	pthread_mutex_unlock(&r->lock);
	t->hint_frames = look.frames;
	t->hint_skipped = look.skipped;
	t->hint_ns = look.cpu_ns;
	t->hint_row_step = look.row_step;
}
