// SPDX-License-Identifier: MIT
/* What a frame must not take. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define CUT_FRAMES_MAX 3.4	/* no cut shall cost more */
#define CUT_FRAMES_MAX_SURE 3.7	/* where its size is known */
#define P_FRAMES 3.0		/* no P frame shall cost more */
#define P_FRAMES_FALLING 1.2	/* no P frame shall cost more then */
#define GUARD_FALLING 1.0
#define GUARD_BUFFER 2.0	/* sigmas */
#define GUARD_CEILING 0.7
#define LEAST_FRAMES 0.2	/* no P frame aims at less: less drains hardly sooner */
#define LEAST_OVER 6.0		/* log2 less, for a buffer that holds twice its size */
#define KEY_LATE 0.4		/* of the room for late sizes: not for a key frame that is a guess */
#define SURE 1.5		/* sigmas */
#define SURE_STEP 0.17		/* log2 of the step, 1 QP */
#define SURE_MARGIN 0.002	/* rounding shall not make two of one */
#define SURE_FRAMES 2.0

/* What fits into the buffers that the frame goes through. */
static double room_of(const hvcal_rc_t *rc, const struct rc_flight *f)
{
	double room = rc_buffer_room(rc);

	return rc_base_limited(rc) && !f->upper ? fmin(room, rc_base_room(rc)) : room;
}

/*
 * What was learnt holds near the quantisers that were seen. Further away the slope is
 * a guess, and late sizes mean several frames of it: no finer than where the frame is
 * likely to stay within @bits. Where frames keep costing more than was expected, so
 * will this one.
 */
double rc_sure_q(const hvcal_rc_t *rc, struct rc_point at, double bits)
{
	const struct rc_model *m = &rc->models[CLASS_P];
	double low = at.q_ref - 2.0, high = at.q_ref, limit = log2(bits) - fmax(m->trend, 0.0);

	for (int i = 0; i < 8; i++) {
		at.q = 0.5 * (low + high);
		if (rc_model_predict(m, &at) + SURE * rc_model_doubt_at(m, &at) > limit)
			low = at.q;
		else
			high = at.q;
	}
	return high;
}

/*
 * How far off the size may be. What is new is coded far from the middle of the scale,
 * where level and slope are not told apart: together they are known better than each.
 */
static double sigma_of(const hvcal_rc_t *rc, enum rc_class class, struct rc_point at,
		       double log_bits)
{
	const struct rc_model *m = &rc->models[class];

	at.q = rc_model_solve(m, &at, log_bits);
	return rc_is_new(class) ? fmin(rc_model_sigma(m),
				    hypot(sqrt(m->variance), rc_model_doubt_at(m, &at))) :
	       rc_model_sigma(m);
}

/* One quantiser beyond what was seen is always tried: else nothing would be learnt. */
static double least_try(const hvcal_rc_t *rc)
{
	uint32_t scale = rc->config.scale;
	double next;

	if (!rc->known[CLASS_P])
		return rc->q_ref;
	next = hvcal_rc_qp_to_log2(scale, hvcal_rc_log2_to_qp(scale, rc->q_seen) - 1);
	return fmin(rc->q_ref, fmin(next, rc->q_seen - SURE_STEP) - SURE_MARGIN);
}

/* The least q that keeps the frame within what there is. */
double rc_guard_q(const hvcal_rc_t *rc, const struct rc_flight *f, const struct rc_point *at,
		      const struct hvcal_rc_hint *hint, double mean, double *room)
{
	const struct rc_model *m = &rc->models[f->class];
	double ceiling = 8.0 * rc->config.frame_ceiling, left = room_of(rc, f);
	double sigma, q = -INFINITY, most, frames;

	*room = INFINITY;
	if (f->class == CLASS_STILL) {
		/* what a new rate lets the buffer hold beyond its size is not for refining */
		*room = rc->rate ? fmax(left - rc->ease, 0.02 * rc->size) : INFINITY;
		*room = ceiling > 0.0 ? fmin(*room, ceiling) : *room;
		/* band.c keeps within the room by itself */
		return f->swept ? q : fmin(rc_refine_q(rc, hint, 0.5 * *room), rc->q_ref);
	}
	sigma = sigma_of(rc, f->class, *at, log2(mean));
	if (ceiling > 0.0) {
		*room = ceiling;
		q = rc_model_solve(m, at, log2(ceiling) - GUARD_BUFFER * sigma);
	}
	if (!rc->rate)
		return q;
	/* half full is no place for a gamble, but an empty room needs a number */
	most = fmax(left, 0.02 * rc->size);
	*room = fmin(*room, most);
	if (f->class == CLASS_KEY && !rc->known[CLASS_KEY])
		most = fmax(most - KEY_LATE * rc->config.delay * mean, 0.02 * rc->size);
	most *= exp2(-GUARD_BUFFER * sigma);
	if (f->class == CLASS_P)
		most = fmax(most, LEAST_FRAMES * mean *
				  exp2(LEAST_OVER * fmin(left, 0.0) / rc->size));
	q = fmax(q, rc_model_solve(m, at, log2(most)));
	if (f->class == CLASS_P)
		q = fmax(q, fmin(rc_sure_q(rc, *at, (rc->late < 1.0 ? P_FRAMES : SURE_FRAMES) *
						rc->rate * rc->interval), least_try(rc)));
	if (rc->config.control != HVCAL_RC_CONTROL_CBR)
		return q;
	if (rc_refine_counts(rc, f, hint))
		q = fmax(q, rc_refine_guard(rc, hint, mean, *room));
	if (f->class == CLASS_P)
		q = fmax(q, rc_model_solve(m, at, log2(rc_window_room(rc, mean)) -
					   rc_model_lag(m, rc->in_flight)));
	if (f->class == CLASS_P && rc->falling)
		q = fmax(q, rc_model_solve(m, at, log2(P_FRAMES_FALLING * mean) -
					   GUARD_FALLING * fmin(sigma, 1.0)));
	frames = f->class == CLASS_KEY ? RC_KEY_FRAMES :
		 !rc_is_new(f->class) ? P_FRAMES :
		 m->basis == BASIS_CURVE ? CUT_FRAMES_MAX_SURE : CUT_FRAMES_MAX;
	q = fmax(q, rc_model_solve(m, at, log2(frames * mean) - GUARD_CEILING * fmin(sigma, 1.0)));
	return q;
}

/* No quantiser can make the frame fit, or the queue is too long already. */
bool rc_guard_drops(const hvcal_rc_t *rc, const struct rc_flight *f, struct rc_point at)
{
	if (!rc->rate || !(rc->config.flags & HVCAL_RC_DROP) || f->class == CLASS_KEY)
		return false;
	at.q = hvcal_rc_qp_to_log2(rc->config.scale, rc->config.qp_max);
	return exp2(rc_model_predict(&rc->models[f->class], &at)) > room_of(rc, f);
}
