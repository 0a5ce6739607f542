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
#define STEP_DOWN 0.5		/* log2 of the step, a frame: 3 QP */
#define STEP_UNSEEN_FIRST 0.83	/* below a key, while no P frame was seen */
#define STEP_UNSEEN 1.17	/* below a key or cut, while nothing of the scene was seen */
#define STEP_SEEN 0.67		/* beyond what was seen, while the slope is a guess */
#define SLOPE_SURE 0.45
#define SLOPE_STEEP 5.0		/* no curve that was seen is steeper */
#define STEP_UP 0.67
#define STEP_UNTOLD 0.7		/* what counts of a late size that was not told of */
#define STEP_OPEN 0.5		/* coarser than its reference a frame hardly costs less */
#define STEP_FALLING 0.17	/* down, after a lower rate */
#define HYSTERESIS 0.62		/* of a quantiser, before it is left */
#define CARRY_MAX 0.5
#define UPPER_OFFSET 0.33	/* log2 of the step: an upper layer is 2 QP coarser */
#define OPEN_AFTER 8		/* frames after a key or cut */
#define NEW_DOUBT 1.2		/* of P frames after a key or cut */
#define NEW_SLOPE_DOUBT 0.5
#define ICQ_COMPLEXITY 0.67	/* of what a P frame costs more: about x264's 1 - qcomp */
#define ICQ_KEY 0.485		/* log2 of its ip factor */
#define SATURATED_AFTER 4
#define Q_LEFT 0.5		/* of a frame's blocks that are not skipped, about */
#define LAG_LATE 0.5
#define MEAN_GAIN 0.1
#define CURVE_OTHERS 0.2	/* log2: VP9 needs that much more than the curve, which is H.264's */

/* An upper frame refers to the base frame before it, too. */
static struct rc_point point_of(const hvcal_rc_t *rc, enum rc_class class,
				const struct hvcal_rc_hint *hint, double bits)
{
	double pixels = (double)rc->config.width * rc->config.height;
	double share = class == CLASS_PART && rc_cost_known(hint) ? rc_part_share(hint) : 0.0;
	struct rc_point p = { .q_ref = rc->q_left };

	switch (rc->models[class].basis) {
	case BASIS_CURVE:
		rc_curve_point(hint, class, log2(bits / pixels) - share, &p);
		p.cost += share;
		if (rc->config.scale != HVCAL_RC_SCALE_H26X)
			p.cost += CURVE_OTHERS;
		break;
	case BASIS_COST:
		p.cost = rc_is_new(class) ? rc_cost_intra(hint) + share : rc_cost_inter(hint);
		break;
	default:
		break;
	}
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
 * Late sizes mean that several steps are taken before the first is seen: the more of them
 * now, the shorter each, but for what is sure anyway. Those that nobody said would be late
 * are there for throughput: less is at stake, and what is not used in time is lost. After a
 * start or a cut that filled the buffer the way back is long, and short steps would cost it a
 * second. What was never seen is approached from above.
 */
static double limit_step(const hvcal_rc_t *rc, struct rc_point at, double q, double mean)
{
	double untold = fmax((double)rc->in_flight - rc->config.delay, 0.0);
	double least, late = 1.0 + rc->config.delay + STEP_UNTOLD * untold;

	if ((!rc->known[CLASS_P] && rc->known[CLASS_KEY] + rc->in_flight > 0) ||
	    (rc->late >= 1.0 && rc->seen != rc->scene))
		q = fmax(q, rc->q_key - (rc->known[CLASS_P] ? STEP_UNSEEN : STEP_UNSEEN_FIRST));
	if (rc->known[CLASS_P] && rc->seen >= rc->scene_whole &&
	    rc->models[CLASS_P].p[1][1] > SLOPE_SURE * SLOPE_SURE)
		q = fmax(q, rc->q_seen - fmax(STEP_SEEN, log2(mean / rc->bits_seen) / SLOPE_STEEP));
	/* what a large step did is seen in the next sizes: no haste to take it back */
	if (rc->falling)
		return fmax(q, rc->q_ref - STEP_FALLING);
	if (rc->open)
		return rc_clip(q, rc->q_ref - 4.0 * STEP_DOWN / (1.0 + late), rc->q_ref + STEP_OPEN);
	least = fmin(rc->q_ref - STEP_DOWN / late, fmax(rc->q_ref - STEP_DOWN, rc_sure_q(rc, at, mean)));
	return rc_clip(q, least, rc->q_ref + 2.0 * STEP_UP / (1.0 + late));
}

void rc_doubt_scene(hvcal_rc_t *rc, bool part)
{
	rc_model_doubt(&rc->models[CLASS_P], NEW_DOUBT);
	rc_model_doubt(&rc->models[CLASS_UPPER], NEW_DOUBT);
	if (part)
		return;
	rc_model_doubt_slope(&rc->models[CLASS_P], NEW_SLOPE_DOUBT);
	rc_model_calm(&rc->models[CLASS_P]);
}

void rc_open_scene(hvcal_rc_t *rc, bool part)
{
	rc_doubt_scene(rc, part);
	rc->open = OPEN_AFTER + (unsigned int)(2.0 * rc->late);
}

/*
 * That frames cost less than was expected is believed by halves while sizes are late: several
 * finer ones would be under way before the first tells that they do not. And while an old
 * queue is being paid they pay it.
 */
static double lag_of(const hvcal_rc_t *rc)
{
	double lag = rc_model_lag(&rc->models[CLASS_P], rc->in_flight);

	if (lag >= 0.0 || (rc->ease <= 0.0 && rc->late < 1.0))
		return lag;
	return rc->ease > 0.0 ? 0.0 : LAG_LATE * lag;
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
		return rc_refine_q(rc, hint, bits);
	if (f->class == CLASS_UPPER)
		return upper_q(rc, at, bits, f->mean_bits);
	if (f->class == CLASS_P && rc->upper_share > 0.0 && rc->known[CLASS_UPPER])
		q = solve_layers(rc, *at, bits);
	else
		q = rc_model_solve(&rc->models[f->class], at, log2(bits) -
				   (f->class == CLASS_P ? lag_of(rc) : 0.0));
	if (f->class == CLASS_P && rc_base_limited(rc))
		q = fmax(q, rc_model_solve(&rc->models[CLASS_P], at,
					   log2(rc_target_base(rc, f->mean_bits))));
	if (f->class == CLASS_P)
		q = limit_step(rc, *at, q, f->mean_bits);
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

static void watch_saturation(hvcal_rc_t *rc, const struct rc_flight *f, int qp, double bits,
			     double expected)
{
	uint32_t now = HVCAL_RC_SATURATED_NOT;

	if (rc_is_new(f->class))
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
		if (rc->known[i] && rc->models[i].basis)
			rc_model_leave(&rc->models[i], i, pixels);
}

int hvcal_rc_decide(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame,
		    struct hvcal_rc_decision *out)
{
	struct rc_flight probe = { 0 }, *f;
	double mean, bits, guard, q, expected, room, wave;
	struct rc_point at, wished;

	if (!rc || !frame || !out || frame->layer >= rc->config.layers)
		return -EINVAL;
	*out = (struct hvcal_rc_decision){ 0 };

	rc->bands = (rc->config.flags & HVCAL_RC_BANDS) && !frame->no_band;
	follow_lateness(rc);
	rc_buffer_advance(rc, elapsed(rc, frame->time_ns));
	mean = fmax(rc->mean_rate * rc->interval, RC_OVERHEAD_BITS);
	probe.class = rc_class_of(rc, frame);
	probe.upper = frame->layer;
	rc->frames++;
	rc_class_prepare(rc, probe.class, frame->hint);
	bits = rc_target_bits(rc, probe.class, mean);
	at = point_of(rc, probe.class, frame->hint, bits);
	if (rc_guard_drops(rc, &probe, at)) {
		rc->dropped++;
		out->action = HVCAL_RC_DROP_FRAME;
		out->qp = rc->config.qp_max;
		out->qp_exact = (float)out->qp;
		out->lambda = lambda_of(rc, out->qp);
		watch_saturation(rc, &probe, out->qp, 0.0, mean);
		out->saturated = rc->saturated;
		return 0;
	}
	probe.swept = rc_band_takes(rc, &probe, frame->hint);
	if (probe.swept)
		bits = rc_target_bits(rc, CLASS_STILL, mean);
	probe.mean_bits = mean;
	guard = rc_guard_q(rc, &probe, &at, frame->hint, mean, &room);
	wished = at;
	wave = rc_wave(rc, probe.class, &wished);
	q = probe.swept ? 0.0 : wish_q(rc, &probe, &wished, frame->hint, bits) + wave;

	f = rc_flight_new(rc, probe.upper);
	f->class = probe.class;
	f->basis = rc->models[f->class].basis;
	f->mean_bits = mean;
	f->room = room;
	f->swept = probe.swept;
	if (f->swept) {
		expected = rc_band_place(rc, f, frame->hint, bits, out);
		out->qp_exact = (float)f->qp;
		at.q = rc_band_mean(rc);
	} else {
		f->qp = quantise(rc, f, q, guard, &out->qp_exact);
		if (f->class == CLASS_STILL)
			f->qp = rc_refine_more(rc, frame->hint, f->qp, mean);
		at.q = hvcal_rc_qp_to_log2(rc->config.scale, f->qp);
		expected = f->class == CLASS_STILL ?
			   rc_clip(rc_refine_bits(rc, frame->hint, at.q), RC_OVERHEAD_BITS, 1e12) :
			   rc_flight_expected(rc_model_predict(&rc->models[f->class], &at));
	}
	f->point = at;
	f->bits = expected;
	if (!f->swept)
		rc_band_follow(rc, f, at.q);
	f->refine = rc->refine;
	if (!f->swept && rc_moves_little(f, frame->hint) && at.q < rc->q_ref)
		f->refined = rc_refine_bits(rc, frame->hint, at.q);
	rc_buffer_add(rc, expected);
	rc_window_change(rc, f->bin, expected);
	rc->base_level += f->upper ? 0.0 : expected;
	if (rc_is_new(f->class)) {
		f->owed = fmax(0.0, expected - mean);
		rc_buffer_owe(rc, f->owed, rc_buffer_horizon(rc));
		/* the next frames are new, and what refining the last ones cost says little */
		rc->refine = fmax(rc->refine, RC_REFINE);
		if (f->class == CLASS_CUT && f->basis)
			leave_scene(rc);
		rc_open_scene(rc, f->class == CLASS_PART);
		rc->q_key = at.q;
		rc->scene++;
		if (f->class == CLASS_CUT)
			rc->window.cut = f->bin;
		if (f->class != CLASS_PART) {
			rc->scene_whole = rc->scene;
			rc->window.scene = f->bin;
			rc->scene_tilt = at.tilt;
			rc->scene_cost = f->basis == BASIS_CURVE && rc_cost_known(frame->hint) ?
					 at.cost - rc_cost_intra(frame->hint) : 0.0;
		}
		rc->carry = 0.0;
	} else if (rc->open) {
		rc->open--;
	}
	rc->falling -= rc->falling > 0;
	watch_saturation(rc, f, f->swept && rc_band_done(rc) ? rc->config.qp_min : f->qp, bits,
			 expected);

	f->scene = rc->scene;
	if (f->basis)
		rc->cost_last[f->class] = at.cost;
	if (!frame->layer) {
		rc->q_left = rc_is_new(f->class) && f->class != CLASS_PART ? at.q :
			     rc->q_left + Q_LEFT * (at.q - rc->q_left);
		rc->q_ref = at.q;
		if (f->class != CLASS_STILL || f->swept)
			rc->q_coded = at.q;
		rc->last_qp = hvcal_rc_log2_to_qp(rc->config.scale, at.q);
		rc->have_qp = true;
		rc_wave_follow(rc, f->class, at.q);
	}
	if (rc->config.layers > 1)
		rc->upper_share += MEAN_GAIN * ((frame->layer ? 1.0 : 0.0) - rc->upper_share);
	rc->qp_mean += (rc->frames == 1 ? 1.0 : MEAN_GAIN) * (f->qp - rc->qp_mean);
	fill(rc, f, bits, expected, out);
	return 0;
}
