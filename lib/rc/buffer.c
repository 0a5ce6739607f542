// SPDX-License-Identifier: MIT
/* The leaky bucket, and what of its content is paid slowly. */
#include <math.h>

#include "internal.h"

#define SET_SHARE 0.12		/* of the buffer, before a frame is added */
#define SET_FRAMES 1.0		/* but no more than this */
#define SET_LATE 1.0		/* more, of what the model may be off by, for each late size */
#define SET_LATE_MAX 0.4
#define SET_MOST 0.4		/* of the buffer, for sizes later than was said */
#define HORIZON_MIN 0.3		/* s */
#define HORIZON_MAX 0.75	/* s: within the second that windows are measured over */
#define ACCOUNT_SECONDS 4.0	/* VBR: what may be saved or overspent, s of the mean rate */
#define VBR_MAXRATE 1.5
#define DEFAULT_VBV_MS 500

void rc_buffer_configure(hvcal_rc_t *rc)
{
	const struct hvcal_rc_config *c = &rc->config;

	rc->mean_rate = c->bitrate;
	switch (c->control) {
	case HVCAL_RC_CONTROL_CBR:
		rc->rate = c->bitrate;
		break;
	case HVCAL_RC_CONTROL_VBR:
		rc->rate = c->maxrate ? c->maxrate : VBR_MAXRATE * c->bitrate;
		break;
	default:
		rc->rate = c->maxrate;
		rc->mean_rate = c->maxrate;
	}
	rc->size = rc->rate * (c->vbv_ms ? c->vbv_ms : DEFAULT_VBV_MS) / 1000.0;
	if (rc->size < rc->rate * rc->interval)
		rc->size = rc->rate * rc->interval;
}

/* What one frame may leave in the buffer at rest. */
double rc_buffer_set_point(const hvcal_rc_t *rc)
{
	double frame = rc->rate * rc->interval;
	double off = frame * fmin(SET_LATE * sqrt(rc->models[CLASS_P].variance), SET_LATE_MAX);
	double set = fmin(SET_SHARE * rc->size, SET_FRAMES * frame) + rc->config.delay * off;

	/*
	 * late sizes: what they may be short of shall not empty the buffer, but it has room only
	 * for as many frames as was said
	 */
	return fmax(set, fmin(set + rc_late_untold(rc) * off, SET_MOST * rc->size));
}

double rc_buffer_horizon(const hvcal_rc_t *rc)
{
	double s = rc_clip(3.0 * rc->size / rc->rate, HORIZON_MIN, HORIZON_MAX);

	if (rc->config.key_interval)
		s = fmin(s, 0.9 * rc->config.key_interval * rc->interval);
	return fmax(s, 4.0 * rc->interval);
}

/*
 * The old queue, beyond what is normal, is paid with a small share of the rate
 * and may for that time exceed the new, smaller buffer.
 */
void rc_buffer_retarget(hvcal_rc_t *rc, double old_rate)
{
	double share = (rc->config.drain_percent ? rc->config.drain_percent : 10) / 100.0;
	double excess;

	if (!rc->rate || !old_rate) {
		rc->level = rc->rate ? fmin(rc->level, rc->size) : 0.0;
		rc->settled = fmin(rc->settled, rc->level);
		rc->base_level = fmin(rc->base_level, rc->level);
		rc->base_settled = fmin(rc->base_settled, rc->settled);
		rc->debt = rc->ease = 0.0;
		return;
	}
	if (rc->rate < old_rate) {
		excess = rc->level - rc_buffer_set_point(rc);
		if (excess > 0.0) {
			rc->debt = excess;
			rc->debt_rate = share * rc->rate;
			rc->ease = excess;
			rc->ease_rate = share * rc->rate;
		}
	} else {
		/* what was a queue is little now: it may go at once */
		rc->debt_rate *= rc->rate / old_rate;
	}
	rc->account = rc_clip(rc->account, -0.5 * rc->mean_rate, 0.5 * rc->mean_rate);
}

void rc_buffer_advance(hvcal_rc_t *rc, double seconds)
{
	rc_window_advance(rc, seconds);
	rc->drained += rc->rate * seconds;
	rc->level = fmax(0.0, rc->level - rc->rate * seconds);
	rc->base_level = fmax(0.0, rc->base_level - rc_base_share(rc) * rc->rate * seconds);
	rc->debt = fmax(0.0, rc->debt - rc->debt_rate * seconds);
	rc->ease = fmax(0.0, rc->ease - rc->ease_rate * seconds);
	rc->wary = fmax(0.0, rc->wary - seconds);
	rc->account = fmax(rc->account - rc->mean_rate * seconds,
			   -ACCOUNT_SECONDS * rc->mean_rate);
	rc->debt = fmin(rc->debt, rc->level);
}

void rc_buffer_count(hvcal_rc_t *rc, double bits)
{
	rc->account = rc_clip(rc->account + bits, -ACCOUNT_SECONDS * rc->mean_rate,
			      ACCOUNT_SECONDS * rc->mean_rate);
}

void rc_buffer_add(hvcal_rc_t *rc, double bits)
{
	rc->level = rc->rate ? fmax(0.0, rc->level + bits) : 0.0;
	rc_buffer_count(rc, bits);
}

void rc_buffer_owe(hvcal_rc_t *rc, double bits, double seconds)
{
	double rate, eased;

	rc->debt = fmax(0.0, rc->debt + bits);
	/* an old queue has a rate of its own */
	eased = fmin(rc->ease, rc->debt);
	rate = (rc->debt - eased) / seconds + (eased > 0.0 ? rc->ease_rate : 0.0);
	/* never slower than what is being paid already */
	rc->debt_rate = fmax(rc->debt > 0.0 && bits < 0.0 ? 0.0 : rc->debt_rate, rate);
}

double rc_buffer_room(const hvcal_rc_t *rc)
{
	/* late sizes: the buffer is held but for as many frames */
	return rc->size + rc->ease + rc->config.delay * rc->rate * rc->interval - rc->level;
}

bool rc_base_limited(const hvcal_rc_t *rc)
{
	return rc->rate && rc->config.layers > 1 && rc->config.base_percent;
}

double rc_base_share(const hvcal_rc_t *rc)
{
	return rc_base_limited(rc) ? rc->config.base_percent / 100.0 : 1.0;
}

/* Late sizes and an eased queue count as in the other, by the same share. */
double rc_base_room(const hvcal_rc_t *rc)
{
	double frame = rc->rate * rc->interval;

	return rc_base_share(rc) * (fmax(rc->size, 2.0 * frame) + rc->ease +
				    rc->config.delay * frame) - rc->base_level;
}
