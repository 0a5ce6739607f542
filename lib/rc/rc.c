// SPDX-License-Identifier: MIT
/* Life of a controller, its configuration, and what it is told of frames. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"

#define PIXELS_SIDE_MAX 65536
#define VBV_MS_MAX 60000
#define DELAY_MAX 16
#define QUALITY_MAX 51
#define BAND_ROWS 16
#define BAND_ROWS_MAX 1024
#define KEY_INTERVAL_MAX 1000000
#define DEFAULT_FPS 30.0
#define SKIPPED 0.15		/* of the mean */
#define SKIPPED_BLOCK 0.3	/* bits a block of 16x16 */
#define KEY_ERROR_SHARE 0.8
#define HIDDEN_ERROR 2.0	/* log2 more than expected: another scene */
#define HIDDEN_FRAMES 3.0
#define SURPRISE 2.5		/* times the mean: that P frame leaves a debt */
#define AGAIN_MAX 3		/* times that one frame is encoded again */
#define AGAIN_FIT 0.9		/* of the room is aimed at then */
#define PART_ERROR_MAX 0.5	/* log2, downwards */
#define CUT_ERROR_MAX 0.3	/* of a curve that tells its size */
#define OPEN_FRAMES 4
#define FALL 0.8
#define FALL_FRAMES 6
#define WARY_SECONDS 3.0

void hvcal_rc_config_init(struct hvcal_rc_config *config)
{
	if (config)
		*config = (struct hvcal_rc_config){
			.control = HVCAL_RC_CONTROL_CBR,
			.fps = DEFAULT_FPS,
			.layers = 1,
		};
}

static bool rate_valid(uint64_t rate)
{
	return rate >= HVCAL_RC_RATE_MIN && rate <= HVCAL_RC_RATE_MAX;
}

static bool config_valid(const struct hvcal_rc_config *c)
{
	int max;

	if (!rc_scale_valid(c->scale))
		return false;
	max = rc_scale_max(c->scale);
	if (!c->width || c->width > PIXELS_SIDE_MAX || !c->height || c->height > PIXELS_SIDE_MAX)
		return false;
	/* written so that NaN is refused */
	if (!(c->fps >= HVCAL_RC_FPS_MIN && c->fps <= HVCAL_RC_FPS_MAX))
		return false;
	if (c->qp_min < 0 || c->qp_max < 0 || c->qp_max > max ||
	    c->qp_min > (c->qp_max ? c->qp_max : max))
		return false;
	if (c->layers > HVCAL_RC_LAYERS || c->delay > DELAY_MAX || c->drain_percent > 100 ||
	    c->base_percent > 100 || (c->base_percent && c->layers < HVCAL_RC_LAYERS) ||
	    c->vbv_ms > VBV_MS_MAX || c->band_rows > BAND_ROWS_MAX ||
	    c->key_interval > KEY_INTERVAL_MAX ||
	    (c->flags & ~(HVCAL_RC_DROP | HVCAL_RC_RECODE | HVCAL_RC_BANDS)))
		return false;
	if (c->maxrate && !rate_valid(c->maxrate))
		return false;
	switch (c->control) {
	case HVCAL_RC_CONTROL_CQP:
		return c->qp >= 0 && c->qp <= max;
	case HVCAL_RC_CONTROL_ICQ:
		return c->quality >= 1 && c->quality <= QUALITY_MAX;
	case HVCAL_RC_CONTROL_VBR:
		return rate_valid(c->bitrate) && (!c->maxrate || c->maxrate >= c->bitrate);
	case HVCAL_RC_CONTROL_CBR:
		return rate_valid(c->bitrate);
	default:
		return false;
	}
}

static void take_config(hvcal_rc_t *rc, const struct hvcal_rc_config *c)
{
	rc->config = *c;
	if (!c->layers)
		rc->config.layers = 1;
	if (!c->qp_max)
		rc->config.qp_max = rc_scale_max(c->scale);
	if (!c->band_rows)
		rc->config.band_rows = BAND_ROWS;
	rc_buffer_configure(rc);
}

int hvcal_rc_create(const struct hvcal_rc_config *config, hvcal_rc_t **out)
{
	hvcal_rc_t *rc;

	if (!out)
		return -EINVAL;
	*out = NULL;
	if (!config || !config_valid(config))
		return -EINVAL;
	rc = calloc(1, sizeof(*rc));
	if (!rc)
		return -ENOMEM;
	rc->interval = 1.0 / config->fps;
	take_config(rc, config);
	rc->window.now = -1;
	rc_window_forget(rc);
	rc->refine = RC_REFINE;
	rc->qp_mean = 0.5 * (rc->config.qp_min + rc->config.qp_max);
	rc->q_ref = rc->q_left = hvcal_rc_qp_to_log2(config->scale, rc->qp_mean);
	for (int i = 0; i < CLASSES; i++)
		rc_model_prior(&rc->models[i], i, (double)config->width * config->height,
			       BASIS_NONE);
	rc_band_init(rc);
	*out = rc;
	return 0;
}

void hvcal_rc_destroy(hvcal_rc_t **rc)
{
	if (!rc)
		return;
	free(*rc);
	*rc = NULL;
}

void hvcal_rc_copy(hvcal_rc_t *to, const hvcal_rc_t *from)
{
	if (to && from)
		*to = *from;
}

int hvcal_rc_retarget(hvcal_rc_t *rc, const struct hvcal_rc_config *config)
{
	struct hvcal_rc_config old;
	double old_rate, scale;

	if (!rc || !config || !config_valid(config) || config->scale != rc->config.scale)
		return -EINVAL;
	old = rc->config;
	old_rate = rc->rate;
	if (config->fps != old.fps)
		rc->interval = 1.0 / config->fps;
	take_config(rc, config);
	scale = log2((double)config->width * config->height / ((double)old.width * old.height));
	if (scale != 0.0) {
		for (int i = 0; i < CLASSES; i++) {
			rc->models[i].a += scale;
			rc_model_doubt(&rc->models[i], 0.5);
		}
		rc->sweep.page += scale;
	}
	rc_buffer_retarget(rc, old_rate);
	if (rc->rate != old_rate)
		rc_window_forget(rc);
	rc->open = OPEN_FRAMES + (unsigned int)rc->late;
	if (rc->rate < FALL * old_rate)
		rc->wary = WARY_SECONDS;
	else if (rc->rate > old_rate)
		rc->wary = 0.0;
	rc->falling = rc->rate < FALL * old_rate ? FALL_FRAMES + (unsigned int)rc->late : 0;
	rc->carry = 0.0;
	return 0;
}

void hvcal_rc_get_config(const hvcal_rc_t *rc, struct hvcal_rc_config *config)
{
	if (rc && config)
		*config = rc->config;
}

/* What the frame was planned with gives way to what it was. */
static void settle(hvcal_rc_t *rc, struct rc_flight *f, double bits)
{
	rc_buffer_count(rc, bits - f->bits);
	if (f->owed > 0.0)
		rc_buffer_owe(rc, fmax(0.0, bits - f->mean_bits) - f->owed, rc_buffer_horizon(rc));
	else if (rc->config.control == HVCAL_RC_CONTROL_CBR && bits > SURPRISE * f->mean_bits)
		rc_buffer_owe(rc, bits - f->mean_bits, rc_buffer_horizon(rc));
	rc_flight_end(rc, f, bits);
}

/* Where the guess for keys was off, the guess for what was never seen is, too. */
static void share_key_error(hvcal_rc_t *rc, double error)
{
	if (rc->known[CLASS_KEY])
		return;
	for (int i = CLASS_P; i <= CLASS_UPPER; i++) {
		if (!rc->known[i])
			rc->models[i].a += KEY_ERROR_SHARE * error;
	}
}

/* Fewer bits than that: nearly all of the frame was skipped. */
static double skipped(const hvcal_rc_t *rc, const struct rc_flight *f)
{
	double pixels = (double)rc->config.width * rc->config.height;

	return fmin(SKIPPED * f->mean_bits, SKIPPED_BLOCK * pixels / 256.0);
}

/* By how much less than expected is still a matter of the model. */
static double not_new(const struct rc_flight *f)
{
	return f->class == CLASS_PART ? PART_ERROR_MAX :
	       f->basis == BASIS_CURVE ? CUT_ERROR_MAX : INFINITY;
}

/* A cut that nobody told of: an engine of which the pictures cannot be read. */
static bool hidden_cut(const hvcal_rc_t *rc, const struct rc_flight *f,
		       const struct rc_point *at, double bits)
{
	return f->class == CLASS_P && f->basis == BASIS_NONE && rc->known[CLASS_P] &&
	       bits > HIDDEN_FRAMES * f->mean_bits &&
	       log2(bits) - rc_model_predict(&rc->models[CLASS_P], at) > HIDDEN_ERROR;
}

int hvcal_rc_report(hvcal_rc_t *rc, uint32_t id, uint64_t bytes, int32_t qp)
{
	struct rc_flight *f = rc ? rc_flight_find(rc, id) : NULL;
	struct rc_point at;
	double bits, learnt, planned;

	if (!f)
		return -ENOENT;
	bits = 8.0 * (double)(bytes > UINT32_MAX ? UINT32_MAX : bytes);
	planned = f->bits;
	settle(rc, f, bits);
	rc->bytes += bytes;
	if (f->class == CLASS_P && !f->swept) {
		rc->seen = f->scene;
		rc->q_seen = f->point.q;
		rc->bits_seen = fmax(bits, 1.0);
	}
	if (rc->rate && (rc_buffer_room(rc) < -1.0 ||
			 (rc_base_limited(rc) && rc_base_room(rc) < -1.0)))
		rc->violations++;
	if (!bytes)
		rc_band_undo(rc, f);
	if (bytes && f->swept) {
		rc_band_learn(rc, f, bits);
	} else if (bytes && f->class == CLASS_STILL) {
		/* what was skipped waits for the next step, which costs more then */
		if (bits > SKIPPED * planned)
			rc->q_coded = f->point.q;
		if (planned > 2.0 * SKIPPED * f->mean_bits)
			rc_refine_learn(rc, bits, planned, f->refine);
	} else if (bytes) {
		rc_band_page(rc, f, bits);
		at = f->point;
		if (qp != HVCAL_RC_QP_AS_DECIDED)
			at.q = hvcal_rc_qp_to_log2(rc->config.scale, qp);
		learnt = log2(bits);
		if (f->basis == rc->models[f->class].basis) {
			if (f->class == CLASS_KEY)
				share_key_error(rc, learnt - rc_model_predict(
							&rc->models[CLASS_KEY], &at));
			/* so does what was not as new as it seemed, and is coarser than it was */
			if (f->class == CLASS_PART || f->class == CLASS_CUT)
				learnt = fmax(learnt, rc_model_predict(&rc->models[f->class], &at) -
						      not_new(f));
			/*
			 * Its size is learnt all the same: what errs to the coarse side drains the
			 * buffer that it filled.
			 */
			if (hidden_cut(rc, f, &at, bits))
				rc_open_scene(rc, false);
			/*
			 * A frame that skips nearly everything says that it was too coarse,
			 * not by how much: the curve ends there.
			 */
			if (bits < skipped(rc, f))
				rc_model_lower(&rc->models[f->class], &at, learnt);
			else
				rc_model_learn(&rc->models[f->class], &at, learnt);
			rc->known[f->class] = true;
			/* an old scene's frames, late, say little of the new one's */
			if (f->scene != rc->scene && (f->class == CLASS_P || f->class == CLASS_UPPER))
				rc_doubt_scene(rc, f->scene >= rc->scene_whole);
			rc_flight_plan_again(rc, f->class);
		}
	}
	if (bytes && f->refined > 2.0 * SKIPPED * f->mean_bits)
		rc_refine_learn(rc, bits, f->refined, f->refine);
	return 0;
}

static void forget(hvcal_rc_t *rc, struct rc_flight *f)
{
	rc_band_undo(rc, f);
	settle(rc, f, 0.0);
	rc->dropped++;
}

int hvcal_rc_check(hvcal_rc_t *rc, uint32_t id, uint64_t bytes, struct hvcal_rc_decision *out)
{
	struct rc_flight *f = rc && out ? rc_flight_find(rc, id) : NULL;
	struct rc_model *m;
	double bits, q;
	int qp;

	if (!f)
		return -ENOENT;
	bits = 8.0 * (double)bytes;
	*out = (struct hvcal_rc_decision){
		.id = id, .qp = f->qp, .qp_exact = (float)f->qp, .saturated = rc->saturated,
	};
	if (bits <= f->room)
		return 0;
	m = &rc->models[f->class];
	if ((rc->config.flags & HVCAL_RC_RECODE) && f->tries < AGAIN_MAX &&
	    f->qp < rc->config.qp_max) {
		q = f->point.q + log2(bits / (AGAIN_FIT * f->room)) / m->g;
		qp = (int)ceil(rc_log2_to_qp_exact(rc->config.scale, q));
		if (qp <= f->qp)
			qp = f->qp + 1;
		f->qp = qp > rc->config.qp_max ? rc->config.qp_max : qp;
		f->point.q = hvcal_rc_qp_to_log2(rc->config.scale, f->qp);
		rc->q_ref = f->point.q;
		rc->last_qp = f->qp;
		f->tries++;
		rc_band_undo(rc, f);
		out->action = HVCAL_RC_ENCODE_AGAIN;
		out->qp = f->qp;
		out->qp_exact = (float)f->qp;
	} else if ((rc->config.flags & HVCAL_RC_DROP) && f->class != CLASS_KEY) {
		forget(rc, f);
		out->action = HVCAL_RC_DROP_FRAME;
	}
	return 0;
}

void hvcal_rc_get_status(const hvcal_rc_t *rc, struct hvcal_rc_status *s)
{
	if (!rc || !s)
		return;
	*s = (struct hvcal_rc_status){
		.bitrate = rc->config.bitrate,
		.maxrate = (uint64_t)rc->rate,
		.level_ms = rc->rate ? 1000.0 * rc->level / rc->rate : 0.0,
		.base_level_ms = rc_base_limited(rc) ?
				 1000.0 * rc->base_level / (rc_base_share(rc) * rc->rate) : 0.0,
		.vbv_ms = rc->rate ? 1000.0 * rc->size / rc->rate : 0.0,
		.fps = 1.0 / rc->interval,
		.qp_mean = rc->qp_mean,
		.slope = rc->models[CLASS_P].g,
		.sigma = rc_model_sigma(&rc->models[CLASS_P]),
		.in_flight = rc->in_flight,
		.saturated = rc->saturated,
		.frames = rc->frames,
		.dropped = rc->dropped,
		.violations = rc->violations,
		.bytes = rc->bytes,
	};
}
