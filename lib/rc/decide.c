// SPDX-License-Identifier: MIT
/* The decision on a frame. */
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define GAP_MAX 5.0		/* s: longer silence empties any buffer */
#define INTERVAL_GAIN 0.25
#define INTERVAL_JUMP 0.35	/* a step in the rate of frames, not jitter */
#define LATE_GAIN_UP 0.5
#define LATE_GAIN_DOWN 0.1
#define TAU 0.30		/* s: deviations of the level are corrected over that */
#define TAU_FRAMES 5.0
#define TAU_LATE 2.0		/* frames, for each late size */
#define TAU_EASE 0.6
#define TAU_VBR 3.0
#define CORRECTION_DOWN 0.6	/* at most this share of B is taken off */
#define CORRECTION_UP 0.6
#define FULL_SECONDS 0.3	/* no more of a buffer is used while sizes are late */
#define FULL_SHARE 0.7
#define KEY_FRAMES 4.0		/* a key frame costs as much as that many others */
#define CUT_FRAMES 3.0
#define CUT_FRAMES_MAX 3.4	/* no cut shall cost more */
#define P_FRAMES 3.0		/* no P frame shall cost more */
#define STEP_DOWN 0.5		/* log2 of the step, a frame: 3 QP */
#define STEP_UNSEEN_FIRST 0.83	/* below a key, while no P frame was seen */
#define STEP_UNSEEN 1.17	/* below a key or cut, while nothing of the scene was seen */
#define STEP_SEEN 0.67		/* beyond what was seen, while the slope is a guess */
#define SLOPE_SURE 0.45
#define SLOPE_STEEP 5.0		/* no curve that was seen is steeper */
#define STEP_UP 0.67
#define STEP_OPEN 0.5		/* coarser than its reference a frame hardly costs less */
#define STEP_FALLING 0.17	/* down, after a lower rate */
#define P_FRAMES_FALLING 1.2	/* no P frame shall cost more then */
#define GUARD_FALLING 1.0
#define HYSTERESIS 0.62		/* of a quantiser, before it is left */
#define CARRY_MAX 0.5
#define GUARD_BUFFER 2.0	/* sigmas */
#define GUARD_CEILING 0.7
#define LEAST_FRAMES 0.2	/* no P frame aims at less: less drains hardly sooner */
#define LEAST_OVER 6.0		/* log2 less, for a buffer that holds twice its size */
#define KEY_LATE 0.4		/* of the room for late sizes: not for a key frame that is a guess */
#define UPPER_OFFSET 0.33	/* log2 of the step: an upper layer is 2 QP coarser */
#define REFINE_GAIN_UP 0.6
#define REFINE_GAIN_DOWN 0.2
#define REFINE_LEVEL 0.5	/* of a frame's worth, in the buffer */
#define REST_SHARE 0.3	/* of the buffer, while a still picture is refined */
#define REST_FRAMES 1.8
#define REFINE_FORGET 0.9
#define REFINE_STEP 0.17	/* log2 of the step: 1 QP */
#define REFINE_MIN 0.05
#define REFINE_MAX 1.5
#define REFINE_LIMIT 2.0	/* frames' worth, for a frame that moves little */
#define OPEN_AFTER 8		/* frames after a key or cut */
#define COST_SLIGHT 0.06	/* of the intra cost: little moves */
#define NEW_DOUBT 1.2		/* of P frames after a key or cut */
#define NEW_SLOPE_DOUBT 0.5
#define ICQ_COMPLEXITY 0.67	/* of what a P frame costs more: about x264's 1 - qcomp */
#define ICQ_KEY 0.485		/* log2 of its ip factor */
#define SATURATED_AFTER 4
#define Q_LEFT 0.5		/* of a frame's blocks that are not skipped, about */
#define TREND_NOISE 0.4		/* of the noise: a mean of about 6 errors */
#define TREND_LATE 0.22		/* the filter's gain */
#define MEAN_GAIN 0.1
#define SURE 1.5		/* sigmas */
#define SURE_STEP 0.17		/* log2 of the step, 1 QP */
#define SURE_MARGIN 0.002	/* rounding shall not make two of one */
#define SURE_FRAMES 2.0
#define OVERHEAD_BITS 64.0	/* no frame is smaller */

/* Little of it is predicted from frames before. */
static bool is_new(enum rc_class class)
{
	return class == CLASS_KEY || class == CLASS_CUT || class == CLASS_PART;
}

/* An upper frame refers to the base frame before it, too. */
static struct rc_point point_of(const hvcal_rc_t *rc, enum rc_class class,
				const struct hvcal_rc_hint *hint, bool *has_cost)
{
	struct rc_point p = { .q_ref = rc->q_left };

	*has_cost = rc_cost_known(hint);
	if (!*has_cost)
		return p;
	if (class == CLASS_KEY || class == CLASS_CUT)
		p.cost = rc_cost_intra(hint);
	else if (class == CLASS_PART)
		p.cost = rc_cost_part(hint);
	else
		p.cost = rc_cost_inter(hint);
	return p;
}

/* Time since the frame before; what is odd about it must do no harm. */
static double elapsed(hvcal_rc_t *rc, int64_t now_ns)
{
	double s, low = 1.0 / HVCAL_RC_FPS_MAX, high = 1.0 / HVCAL_RC_FPS_MIN;

	if (!rc->started) {
		rc->started = true;
		rc->last_ns = now_ns;
		return 0.0;
	}
	if (now_ns <= rc->last_ns)
		return 0.0;
	s = ((double)now_ns - (double)rc->last_ns) / NS_PER_S;
	rc->last_ns = now_ns;
	if (s > GAP_MAX)
		return GAP_MAX;
	if (s < high) {
		double gain = INTERVAL_GAIN;

		/* two in a row near each other and away from the mean: a new rate */
		if (fabs(s - rc->interval) > INTERVAL_JUMP * rc->interval &&
		    fabs(s - rc->last_interval) < 0.1 * s)
			gain = 1.0;
		rc->last_interval = s;
		rc->interval = rc_clip(rc->interval + gain * (s - rc->interval), low, high);
	}
	return s;
}

/* Frames by which sizes are late: as configured, or more where more are on their way. */
static void follow_lateness(hvcal_rc_t *rc)
{
	double now = rc->in_flight;

	rc->late += (now > rc->late ? LATE_GAIN_UP : LATE_GAIN_DOWN) * (now - rc->late);
	rc->late = fmax(rc->late, rc->config.delay);
}

/*
 * What refines a still picture is of use for as long as it stands: the sooner the
 * better. The buffer stays about half full then, with room for the next cut.
 */
static bool rests(const hvcal_rc_t *rc, enum rc_class class)
{
	return class == CLASS_STILL && rc->late < 1.0 && rc->ease <= 0.0 && !rc->refine_guess;
}

static double rest_point(const hvcal_rc_t *rc)
{
	return fmin(REST_SHARE * rc->size, REST_FRAMES * rc->rate * rc->interval);
}

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
	double debt = rests(rc, class) ? 0.0 : rc->debt;
	double off, late;

	if (rc->config.control == HVCAL_RC_CONTROL_VBR)
		return target_vbr(rc, mean);
	/* an old queue is being paid: nothing shall be added to it */
	if (rc->ease > 0.0)
		tau *= TAU_EASE;
	off = (rc->level - debt - (rests(rc, class) ? rest_point(rc) : rc_buffer_set_point(rc))) *
	      rc->interval / tau;
	/* with late sizes a loop this strong would swing */
	late = 1.0 + 0.5 * rc->late;
	off = rc_clip(off, -CORRECTION_UP / late * mean, CORRECTION_DOWN / late * mean);
	off += relief(rc) * mean;
	if (debt > 0.0)
		off += fmin(rc->debt_rate * rc->interval, debt);
	return rc_clip(mean - off, 0.2 * mean, 2.0 * mean);
}

static double target_bits(const hvcal_rc_t *rc, enum rc_class class, double mean)
{
	double frames, room;

	if (!is_new(class))
		return target_p(rc, class, mean);
	frames = class == CLASS_KEY ? KEY_FRAMES : CUT_FRAMES;
	if (rc->config.control == HVCAL_RC_CONTROL_VBR)
		frames *= 2.0;
	if (rc->config.key_interval)
		frames = fmin(frames, 1.0 + 0.5 * rc->config.key_interval);
	/* what late sizes may need is no room for a frame that is planned */
	room = rc_buffer_room(rc) - rc->ease - rc->config.delay * mean;
	/* a key is of the base layer, too */
	return fmax(fmin(frames * mean, 0.5 * rc_base_share(rc) * (rc->level + room)), 0.2 * mean);
}

/* What fits into the buffers that the frame goes through. */
static double room_of(const hvcal_rc_t *rc, const struct rc_flight *f)
{
	double room = rc_buffer_room(rc);

	return rc_base_limited(rc) && !f->upper ? fmin(room, rc_base_room(rc)) : room;
}

/* What a base frame may take for its layer to keep to its own rate. */
static double base_bits(const hvcal_rc_t *rc, double mean)
{
	double share = rc_base_share(rc), frames = 1.0 / fmax(1.0 - rc->upper_share, 0.1);
	double tau = tau_of(rc);
	double off = rc->base_level - rc->debt - share * rc_buffer_set_point(rc);

	off = rc_clip(off * rc->interval / tau, 0.0, CORRECTION_DOWN * share * mean);
	return frames * (share * mean - off);
}

/*
 * Upper frames are coarser by a fixed step; base frames then have what those
 * leave over: the q for which a cycle of frames costs what it may.
 */
static double solve_layers(const hvcal_rc_t *rc, struct rc_point at, double bits)
{
	const struct rc_model *base = &rc->models[CLASS_P], *upper = &rc->models[CLASS_UPPER];
	double share = rc->upper_share, low = -4.0, high = 9.0;

	for (int i = 0; i < 24; i++) {
		double sum;

		at.q = 0.5 * (low + high);
		sum = (1.0 - share) * exp2(rc_model_predict(base, &at));
		at.q += UPPER_OFFSET;
		sum += share * exp2(rc_model_predict(upper, &at));
		if (sum > bits)
			low = at.q - UPPER_OFFSET;
		else
			high = at.q - UPPER_OFFSET;
	}
	return 0.5 * (low + high);
}

/* A base layer with a limit leaves the rest to the upper one, which is never finer. */
static double upper_q(const hvcal_rc_t *rc, const struct rc_point *at, double bits, double mean)
{
	double q = rc->q_ref + UPPER_OFFSET, left = bits - rc_base_share(rc) * mean;

	if (!rc_base_limited(rc) || left <= 0.0 || !rc->known[CLASS_UPPER])
		return q;
	left /= fmax(rc->upper_share, 0.1);
	return rc_clip(rc_model_solve(&rc->models[CLASS_UPPER], at, log2(left)), rc->q_ref, q);
}

static double icq_q(hvcal_rc_t *rc, enum rc_class class, const struct hvcal_rc_hint *hint)
{
	double q = hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_H26X, rc->config.quality);
	double cost;

	if (class == CLASS_KEY)
		return q - ICQ_KEY;
	if (!rc_cost_known(hint))
		return q;
	cost = rc_cost_inter(hint);
	if (!rc->have_cost_mean)
		rc->cost_mean = cost;
	rc->have_cost_mean = true;
	rc->cost_mean += 0.02 * (cost - rc->cost_mean);
	return q + rc_clip(ICQ_COMPLEXITY * (cost - rc->cost_mean), -0.5, 0.5);
}

/*
 * What was learnt holds near the quantisers that were seen. Further away the slope is
 * a guess, and late sizes mean several frames of it: no finer than where the frame is
 * likely to stay within @bits. Where frames keep costing more than was expected, so
 * will this one.
 */
static double sure_q(const hvcal_rc_t *rc, struct rc_point at, double bits)
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
 * Late sizes mean that several steps are taken before the first is seen: the more
 * of them now, the shorter each, but for what is sure anyway. After a start or a cut
 * that filled the buffer the way back is long, and short steps would cost it a second.
 * What was never seen is approached from above.
 */
static double limit_step(const hvcal_rc_t *rc, struct rc_point at, double q, double mean)
{
	double least, late = 1.0 + fmax(rc->in_flight, rc->config.delay);

	if ((!rc->known[CLASS_P] && rc->known[CLASS_KEY] + rc->in_flight > 0) ||
	    (rc->late >= 1.0 && rc->seen != rc->scene))
		q = fmax(q, rc->q_key - (rc->known[CLASS_P] ? STEP_UNSEEN : STEP_UNSEEN_FIRST));
	if (rc->known[CLASS_P] && rc->models[CLASS_P].p[1][1] > SLOPE_SURE * SLOPE_SURE)
		q = fmax(q, rc->q_seen - fmax(STEP_SEEN, log2(mean / rc->bits_seen) / SLOPE_STEEP));
	/* what a large step did is seen in the next sizes: no haste to take it back */
	if (rc->falling)
		return fmax(q, rc->q_ref - STEP_FALLING);
	if (rc->open)
		return rc_clip(q, rc->q_ref - 4.0 * STEP_DOWN / (1.0 + late), rc->q_ref + STEP_OPEN);
	least = fmin(rc->q_ref - STEP_DOWN / late, fmax(rc->q_ref - STEP_DOWN, sure_q(rc, at, mean)));
	return rc_clip(q, least, rc->q_ref + 2.0 * STEP_UP / (1.0 + late));
}

/*
 * A still picture costs nothing until its quantiser is made finer; then it costs
 * a share of a key frame of that quantiser, about in proportion to the step.
 */
static double refine_bits(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double q)
{
	struct rc_point key = { .q = q, .cost = rc_cost_intra(hint) };

	if (q >= rc->q_ref)
		return OVERHEAD_BITS;
	return exp2(rc_model_predict(&rc->models[CLASS_KEY], &key)) * rc->refine *
	       fmin(fmax(rc->q_coded, rc->q_ref) - q, 1.0);
}

/* The finest q, not above the reference's, whose refinement costs no more than @bits. */
static double refine_q(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double bits)
{
	double low = rc->q_ref - 2.0, high = rc->q_ref;

	if (refine_bits(rc, hint, low) <= bits)
		return low;
	for (int i = 0; i < 12; i++) {
		double mid = 0.5 * (low + high);

		if (refine_bits(rc, hint, mid) > bits)
			low = mid;
		else
			high = mid;
	}
	return high;
}

void rc_refine_learn(hvcal_rc_t *rc, double bits, double planned, double refine)
{
	/* late sizes: others may have told the same since it was planned */
	double ratio = bits / planned * (refine / rc->refine);
	double gain = ratio > 1.0 ? REFINE_GAIN_UP : REFINE_GAIN_DOWN;

	rc->refine_guess = false;
	rc->refine = rc_clip(rc->refine * pow(rc_clip(ratio, 0.1, 10.0), gain),
			     REFINE_MIN, REFINE_MAX);
}

void rc_doubt_scene(hvcal_rc_t *rc, bool part)
{
	rc_model_doubt(&rc->models[CLASS_P], NEW_DOUBT);
	rc_model_doubt(&rc->models[CLASS_UPPER], NEW_DOUBT);
	if (!part)
		rc_model_doubt_slope(&rc->models[CLASS_P], NEW_SLOPE_DOUBT);
}

/*
 * The filter lags behind a ramp by the mean of its recent errors, and by its gain's share of
 * that more for each frame that is not seen; what noise alone may make of it does not count.
 */
static double lag_of(const hvcal_rc_t *rc)
{
	const struct rc_model *m = &rc->models[CLASS_P];
	double noise = TREND_NOISE * sqrt(m->variance);

	return (m->trend - rc_clip(m->trend, -noise, noise)) * (1.0 + TREND_LATE * rc->in_flight);
}

/* The wish before any guard. */
static double wish_q(hvcal_rc_t *rc, const struct rc_flight *f, const struct rc_point *at,
		     const struct hvcal_rc_hint *hint, double bits)
{
	double q;

	switch (rc->config.control) {
	case HVCAL_RC_CONTROL_CQP:
		return hvcal_rc_qp_to_log2(rc->config.scale, rc->config.qp);
	case HVCAL_RC_CONTROL_ICQ:
		return icq_q(rc, f->class, hint);
	default:
		break;
	}
	if (f->class == CLASS_STILL)
		return refine_q(rc, hint, bits);
	if (f->class == CLASS_UPPER)
		return upper_q(rc, at, bits, f->mean_bits);
	if (f->class == CLASS_P && rc->upper_share > 0.0 && rc->known[CLASS_UPPER])
		q = solve_layers(rc, *at, bits);
	else
		q = rc_model_solve(&rc->models[f->class], at, log2(bits) -
				   (f->class == CLASS_P ? lag_of(rc) : 0.0));
	if (f->class == CLASS_P && rc_base_limited(rc))
		q = fmax(q, rc_model_solve(&rc->models[CLASS_P], at,
					   log2(base_bits(rc, f->mean_bits))));
	if (f->class == CLASS_P)
		q = limit_step(rc, *at, q, f->mean_bits);
	return q;
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
	return is_new(class) ? fmin(rc_model_sigma(m),
				    hypot(sqrt(m->variance), rc_model_doubt_at(m, &at))) :
	       rc_model_sigma(m);
}

static bool moves_little(const struct rc_flight *f, const struct hvcal_rc_hint *hint)
{
	return f->class == CLASS_P && rc_cost_known(hint) &&
	       hint->inter_cost < COST_SLIGHT * hint->intra_cost;
}

/* A cut that was coded coarse is refined by the frames after it, however much they move. */
static bool scene_is_new(const hvcal_rc_t *rc, const struct rc_flight *f,
			 const struct hvcal_rc_hint *hint)
{
	return f->class == CLASS_P && rc->open && rc_cost_known(hint);
}

/*
 * Where little moves, refining what stands still may cost more than what moves. A
 * short step is always tried where there is room: else nothing would be learnt.
 */
static double refine_guard(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double mean,
			   double most)
{
	double q = fmin(refine_q(rc, hint, REFINE_LIMIT * mean), rc->q_ref);
	double step = rc->q_ref - REFINE_STEP;

	return refine_bits(rc, hint, step) <= 0.5 * most ? fmin(q, step) : q;
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
static double guard_q(const hvcal_rc_t *rc, const struct rc_flight *f, const struct rc_point *at,
		      const struct hvcal_rc_hint *hint, double mean, double *room)
{
	const struct rc_model *m = &rc->models[f->class];
	double sigma = sigma_of(rc, f->class, *at, log2(mean)), q = -INFINITY, most, frames;
	double ceiling = 8.0 * rc->config.frame_ceiling, left = room_of(rc, f);

	*room = INFINITY;
	if (f->class == CLASS_STILL) {
		*room = rc->rate ? fmax(left, 0.02 * rc->size) : INFINITY;
		*room = ceiling > 0.0 ? fmin(*room, ceiling) : *room;
		return fmin(refine_q(rc, hint, 0.5 * *room), rc->q_ref);
	}
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
		q = fmax(q, fmin(sure_q(rc, *at, (rc->late < 1.0 ? P_FRAMES : SURE_FRAMES) *
						rc->rate * rc->interval), least_try(rc)));
	if (rc->config.control != HVCAL_RC_CONTROL_CBR)
		return q;
	if (moves_little(f, hint) || scene_is_new(rc, f, hint))
		q = fmax(q, refine_guard(rc, hint, mean, *room));
	if (f->class == CLASS_P && rc->falling)
		q = fmax(q, rc_model_solve(m, at, log2(P_FRAMES_FALLING * mean) -
					   GUARD_FALLING * fmin(sigma, 1.0)));
	frames = f->class == CLASS_KEY ? KEY_FRAMES :
		 is_new(f->class) ? CUT_FRAMES_MAX : P_FRAMES;
	q = fmax(q, rc_model_solve(m, at, log2(frames * mean) - GUARD_CEILING * fmin(sigma, 1.0)));
	return q;
}

/* A whole quantiser; what is left over goes to the next frame. */
static int quantise(hvcal_rc_t *rc, const struct rc_flight *f, double q, double guard, float *exact)
{
	int qp, low = rc->config.qp_min, high = rc->config.qp_max;
	double at = rc_log2_to_qp_exact(rc->config.scale, fmax(q, guard));
	double with_carry = at;

	*exact = (float)rc_clip(at, low, high);
	if (f->class == CLASS_P && rc->config.control != HVCAL_RC_CONTROL_CQP)
		with_carry += rc->carry;
	qp = f->class == CLASS_STILL ? (int)ceil(with_carry - 0.01) : (int)lround(with_carry);
	if (f->class == CLASS_P && rc->have_qp && fabs(with_carry - rc->last_qp) < HYSTERESIS)
		qp = rc->last_qp;
	if (guard > -INFINITY) {
		double least = rc_log2_to_qp_exact(rc->config.scale, guard);

		if (qp < least)
			qp = (int)ceil(least);
	}
	qp = qp < low ? low : qp > high ? high : qp;
	if (f->class == CLASS_P)
		rc->carry = rc_clip(with_carry - qp, -CARRY_MAX, CARRY_MAX);
	return qp;
}

/* There is no room for one step more, an old queue that is being paid aside. */
static bool no_rest(const hvcal_rc_t *rc, double mean)
{
	double level = rc->level - (rc->ease > 0.0 ? rc->debt : 0.0), step = REFINE_LEVEL * mean;

	return level > fmax(step, rests(rc, CLASS_STILL) ? rest_point(rc) - step : 0.0);
}

/*
 * Refinements come in whole quantisers, which cost about a frame's worth each: where
 * the buffer is empty anyway, one more is better than a rate that is not used.
 */
static int refine_more(hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, int qp, double mean)
{
	int ref = hvcal_rc_log2_to_qp(rc->config.scale, rc->q_ref);
	double q;

	/* the limits may have changed since then */
	if (ref > rc->config.qp_max)
		ref = rc->config.qp_max;
	/* a guess is tried by one step */
	if (rc->refine_guess && qp < ref - 1)
		qp = ref - 1;
	q = hvcal_rc_qp_to_log2(rc->config.scale, qp - 1);
	if (!rc->rate || rc->config.control == HVCAL_RC_CONTROL_CQP ||
	    rc->config.control == HVCAL_RC_CONTROL_ICQ || qp <= rc->config.qp_min ||
	    no_rest(rc, mean) || (rc->refine_guess && qp < ref))
		return qp;
	if (refine_bits(rc, hint, q) <= fmin(REFINE_LIMIT * mean, 0.5 * rc_buffer_room(rc)))
		return qp - 1;
	/* nothing is tried, hence nothing learnt: believe in it less and less */
	if (qp >= ref) {
		rc->refine = fmax(rc->refine * REFINE_FORGET, REFINE_MIN);
		rc->refine_guess = true;
	}
	return qp;
}

static void watch_saturation(hvcal_rc_t *rc, const struct rc_flight *f, int qp, double bits,
			     double expected)
{
	uint32_t now = HVCAL_RC_SATURATED_NOT;

	if (is_new(f->class))
		return;
	if (rc->config.control == HVCAL_RC_CONTROL_CQP ||
	    rc->config.control == HVCAL_RC_CONTROL_ICQ)
		bits = rc->rate ? rc->rate * rc->interval : INFINITY;
	if (qp >= rc->config.qp_max && expected > 1.05 * bits)
		now = HVCAL_RC_SATURATED_HIGH;
	else if (qp <= rc->config.qp_min && expected < 0.95 * bits && isfinite(bits))
		now = HVCAL_RC_SATURATED_LOW;
	for (uint32_t s = HVCAL_RC_SATURATED_HIGH; s <= HVCAL_RC_SATURATED_LOW; s++)
		rc->saturated_for[s] = s == now ? rc->saturated_for[s] + 1 : 0;
	rc->saturated = rc->saturated_for[now] >= SATURATED_AFTER ? now : HVCAL_RC_SATURATED_NOT;
}

/* No quantiser can make the frame fit, or the queue is too long already. */
static bool must_drop(const hvcal_rc_t *rc, const struct rc_flight *f, struct rc_point at)
{
	if (!rc->rate || !(rc->config.flags & HVCAL_RC_DROP) || f->class == CLASS_KEY)
		return false;
	at.q = hvcal_rc_qp_to_log2(rc->config.scale, rc->config.qp_max);
	return exp2(rc_model_predict(&rc->models[f->class], &at)) > room_of(rc, f);
}

static uint32_t to_bytes(double bits)
{
	if (!(bits > 0.0))
		return 0;
	return bits / 8.0 < UINT32_MAX ? (uint32_t)(bits / 8.0) : UINT32_MAX;
}

static double lambda_of(const hvcal_rc_t *rc, int qp)
{
	double q = hvcal_rc_qp_to_log2(rc->config.scale, qp);

	return 0.85 * exp2(2.0 * (q - hvcal_rc_qp_to_log2(HVCAL_RC_SCALE_H26X, 12)));
}

static void fill(const hvcal_rc_t *rc, const struct rc_flight *f, double bits, double expected,
		 struct hvcal_rc_decision *out)
{
	out->id = f->id;
	out->action = HVCAL_RC_ENCODE;
	out->qp = f->qp;
	out->target_bytes = to_bytes(bits);
	out->expected_bytes = to_bytes(expected);
	out->max_bytes = isfinite(f->room) ? to_bytes(f->room) : 0;
	if (isfinite(f->room) && !out->max_bytes)
		out->max_bytes = 1;
	out->saturated = rc->saturated;
	out->lambda = lambda_of(rc, f->qp);
}

static void leave_scene(hvcal_rc_t *rc)
{
	double pixels = (double)rc->config.width * rc->config.height;

	for (int i = CLASS_P; i <= CLASS_UPPER; i++)
		if (rc->known[i] && rc->models[i].with_cost)
			rc_model_leave(&rc->models[i], i, pixels);
}

int hvcal_rc_decide(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame,
		    struct hvcal_rc_decision *out)
{
	struct rc_flight probe = { 0 }, *f;
	double mean, bits, guard, q, expected, room, wave;
	struct rc_point at, wished;
	bool has_cost;

	if (!rc || !frame || !out || frame->layer >= rc->config.layers)
		return -EINVAL;
	*out = (struct hvcal_rc_decision){ 0 };

	follow_lateness(rc);
	rc_buffer_advance(rc, elapsed(rc, frame->time_ns));
	mean = fmax(rc->mean_rate * rc->interval, OVERHEAD_BITS);
	probe.class = rc_class_of(rc, frame);
	probe.upper = frame->layer;
	rc->frames++;
	rc_class_prepare(rc, probe.class, frame->hint);
	at = point_of(rc, probe.class, frame->hint, &has_cost);
	if (must_drop(rc, &probe, at)) {
		rc->dropped++;
		out->action = HVCAL_RC_DROP_FRAME;
		out->qp = rc->config.qp_max;
		out->qp_exact = (float)out->qp;
		out->lambda = lambda_of(rc, out->qp);
		watch_saturation(rc, &probe, out->qp, 0.0, mean);
		out->saturated = rc->saturated;
		return 0;
	}
	bits = target_bits(rc, probe.class, mean);
	probe.mean_bits = mean;
	guard = guard_q(rc, &probe, &at, frame->hint, mean, &room);
	wished = at;
	wave = rc_wave(rc, probe.class, &wished);
	q = wish_q(rc, &probe, &wished, frame->hint, bits) + wave;

	f = rc_flight_new(rc, probe.upper);
	f->class = probe.class;
	f->has_cost = has_cost;
	f->mean_bits = mean;
	f->room = room;
	f->qp = quantise(rc, f, q, guard, &out->qp_exact);
	if (f->class == CLASS_STILL)
		f->qp = refine_more(rc, frame->hint, f->qp, mean);
	at.q = hvcal_rc_qp_to_log2(rc->config.scale, f->qp);
	f->point = at;
	expected = f->class == CLASS_STILL ?
		   rc_clip(refine_bits(rc, frame->hint, at.q), OVERHEAD_BITS, 1e12) :
		   rc_flight_expected(rc_model_predict(&rc->models[f->class], &at));
	f->bits = expected;
	f->refine = rc->refine;
	if (moves_little(f, frame->hint) && at.q < rc->q_ref)
		f->refined = refine_bits(rc, frame->hint, at.q);
	rc_buffer_add(rc, expected);
	rc->base_level += f->upper ? 0.0 : expected;
	if (is_new(f->class)) {
		f->owed = fmax(0.0, expected - mean);
		rc_buffer_owe(rc, f->owed, rc_buffer_horizon(rc));
		/* the next frames are new, and what refining the last ones cost says little */
		rc->refine = fmax(rc->refine, RC_REFINE);
		if (f->class == CLASS_CUT && has_cost)
			leave_scene(rc);
		rc_doubt_scene(rc, f->class == CLASS_PART);
		rc->open = OPEN_AFTER + (unsigned int)(2.0 * rc->late);
		rc->q_key = at.q;
		rc->scene++;
		if (f->class != CLASS_PART)
			rc->scene_whole = rc->scene;
		rc->carry = 0.0;
	} else if (rc->open) {
		rc->open--;
	}
	rc->falling -= rc->falling > 0;
	watch_saturation(rc, f, f->qp, bits, expected);

	f->scene = rc->scene;
	if (has_cost)
		rc->cost_last[f->class] = at.cost;
	if (!frame->layer) {
		rc->q_left = is_new(f->class) && f->class != CLASS_PART ? at.q :
			     rc->q_left + Q_LEFT * (at.q - rc->q_left);
		rc->q_ref = at.q;
		if (f->class != CLASS_STILL)
			rc->q_coded = at.q;
		rc->last_qp = f->qp;
		rc->have_qp = true;
		rc_wave_follow(rc, f->class, at.q);
	}
	if (rc->config.layers > 1)
		rc->upper_share += MEAN_GAIN * ((frame->layer ? 1.0 : 0.0) - rc->upper_share);
	rc->qp_mean += (rc->frames == 1 ? 1.0 : MEAN_GAIN) * (f->qp - rc->qp_mean);
	fill(rc, f, bits, expected, out);
	return 0;
}
