// SPDX-License-Identifier: MIT
/* What a frame may take. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define TAU 0.30		/* s: deviations of the level are corrected over that */
#define TAU_FRAMES 5.0
#define TAU_LATE 2.0		/* frames, for each late size */
#define TAU_EASE 0.6
#define TAU_VBR 3.0
#define CORRECTION_DOWN 0.6	/* at most this share of B is taken off */
#define CORRECTION_UP 0.6
#define FULL_SECONDS 0.3	/* no more of a buffer is used while sizes are late */
#define FULL_SHARE 0.7
#define CUT_FRAMES 3.0
#define CUT_FRAMES_SURE 2.75	/* where its size is known */
#define PART_FRAMES_FIRST 2.3
#define VBR_MORE 2.0		/* times the frames of CBR */
#define VBR_SURE 0.9
#define KEEP 0.5		/* of what is free for a frame that is large */
#define KEEP_SURE 0.58
/*
 * A key frame of CBR shall have no more than half of the buffer, or four frames, also
 * where it comes out larger. Late sizes have more of a buffer, and need a good start.
 */
#define KEEP_KEY 0.40
#define KEY_FRAMES_SURE 3.0
#define CUT_FRAMES_WARY 2.0	/* soon after a lower rate */

/*
 * Share of the mean that is taken off beyond what the level's loop may: a content that
 * grows is seen late, and a loop that may do little fills the buffer meanwhile.
 */
static double relief(const hvcal_rc_t *rc)
{
	double full = rc->level / fmin(rc->size, FULL_SECONDS * rc->rate);

	return rc->late < 1.0 ? 0.0 : rc_clip(full - FULL_SHARE, 0.0, CORRECTION_DOWN);
}

/*
 * By the long account; and no more than what drains the buffer once that is half full,
 * as the guard of a full one costs frames of nearly nothing.
 */
static double target_vbr(const hvcal_rc_t *rc, double mean)
{
	double full = rc_clip(2.0 * rc->level / rc->size - 1.0, 0.0, 1.0);
	double bits = mean - rc->account * rc->interval / TAU_VBR;

	bits = fmin(bits, (1.0 - CORRECTION_DOWN * full) * rc->rate * rc->interval);
	return rc_clip(bits, 0.25 * mean, 3.0 * mean);
}

/* Over what time a level that is off is corrected, in seconds. */
static double tau_of(const hvcal_rc_t *rc)
{
	return fmax(TAU, (TAU_FRAMES + TAU_LATE * rc->late) * rc->interval);
}

/* Bits for a P frame, by where the level is and where it should be. */
static double target_p(const hvcal_rc_t *rc, enum rc_class class, double mean)
{
	double tau = tau_of(rc);
	double debt = rc_rests(rc, class) ? 0.0 : rc->debt;
	double off, late;

	if (rc->config.control == HVCAL_RC_CONTROL_VBR)
		return target_vbr(rc, mean);
	/* an old queue is being paid: nothing shall be added to it */
	if (rc_wary(rc))
		tau *= TAU_EASE;
	off = (rc->level - debt - (rc_rests(rc, class) ? rc_rest_point(rc) : rc_buffer_set_point(rc))) *
	      rc->interval / tau;
	/* with late sizes a loop this strong would swing, but what bands cost is known well */
	late = class == CLASS_STILL && rc_band_may(rc) ? 1.0 : 1.0 + 0.5 * rc->late;
	off = rc_clip(off, -CORRECTION_UP / late * mean, CORRECTION_DOWN / late * mean);
	off += relief(rc) * mean;
	if (rc->config.control == HVCAL_RC_CONTROL_CBR)
		off += rc_window_off(rc, mean);
	if (debt > 0.0)
		off += fmin(rc->debt_rate * rc->interval, debt);
	return rc_clip(mean - off, 0.2 * mean, 2.0 * mean);
}

double rc_target_bits(const hvcal_rc_t *rc, enum rc_class class, double mean)
{
	bool sure = rc->models[class].basis == BASIS_CURVE;
	double frames, room, share = sure ? KEEP_SURE : KEEP;

	if (!rc_is_new(class))
		return target_p(rc, class, mean);
	frames = class == CLASS_KEY ? RC_KEY_FRAMES : sure ? CUT_FRAMES_SURE : CUT_FRAMES;
	if (class == CLASS_KEY && sure && !rc->config.delay &&
	    rc->config.control == HVCAL_RC_CONTROL_CBR) {
		frames = KEY_FRAMES_SURE;
		share = KEEP_KEY;
	}
	/* how much of it is new is a guess until one was seen */
	if (class == CLASS_PART && !rc->known[CLASS_PART])
		frames = PART_FRAMES_FIRST;
	/* a size that is known needs no margin, which took a part of it */
	if (rc->config.control == HVCAL_RC_CONTROL_VBR)
		frames *= sure ? VBR_SURE : VBR_MORE;
	/* what is queued is not to be added to */
	if (class != CLASS_KEY && rc_wary(rc))
		frames = fmin(frames, CUT_FRAMES_WARY);
	if (class != CLASS_KEY && rc->config.control == HVCAL_RC_CONTROL_CBR)
		frames = fmin(frames, rc_window_left(rc, mean) / mean);
	if (rc->config.key_interval)
		frames = fmin(frames, 1.0 + 0.5 * rc->config.key_interval);
	/* what late sizes may need is no room for a frame that is planned */
	room = rc_buffer_room(rc) - rc->ease - rc->config.delay * mean;
	/* a key is of the base layer, too */
	return fmax(fmin(frames * mean, share * rc_base_share(rc) * (rc->level + room)), 0.2 * mean);
}

/* What a base frame may take for its layer to keep to its own rate. */
double rc_target_base(const hvcal_rc_t *rc, double mean)
{
	double share = rc_base_share(rc), frames = 1.0 / fmax(1.0 - rc->upper_share, 0.1);
	double tau = tau_of(rc);
	double off = rc->base_level - rc->debt - share * rc_buffer_set_point(rc);

	off = rc_clip(off * rc->interval / tau, 0.0, CORRECTION_DOWN * share * mean);
	return frames * (share * mean - off);
}
