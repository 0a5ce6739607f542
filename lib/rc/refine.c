// SPDX-License-Identifier: MIT
/* Still pictures: what is left to do is refining them. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

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
#define REFINE_LIMIT_EASE 0.7	/* the same while an old queue is being paid */
#define COST_SLIGHT 0.06	/* of the intra cost: little moves */

/*
 * What refines a still picture is of use for as long as it stands: the sooner the
 * better. The buffer stays about half full then, with room for the next cut.
 */
bool rc_rests(const hvcal_rc_t *rc, enum rc_class class)
{
	return class == CLASS_STILL && rc->late < 1.0 && rc->ease <= 0.0 &&
	       (rc_band_may(rc) || !rc->refine_guess);
}

double rc_rest_point(const hvcal_rc_t *rc)
{
	return fmin(REST_SHARE * rc->size, REST_FRAMES * rc->rate * rc->interval);
}

/*
 * A still picture costs nothing until its quantiser is made finer; then it costs
 * a share of a key frame of that quantiser, about in proportion to the step.
 */
static double bits_at(const hvcal_rc_t *rc, const struct rc_point *key)
{
	if (key->q >= rc->q_ref)
		return RC_OVERHEAD_BITS;
	return exp2(rc_model_predict(&rc->models[CLASS_KEY], key)) * rc->refine *
	       fmin(fmax(rc->q_coded, rc->q_ref) - key->q, 1.0);
}

/* The picture, as a key frame at @q. */
static struct rc_point key_of(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double q)
{
	return (struct rc_point){
		.q = q, .cost = rc_cost_intra(hint) + rc->scene_cost, .tilt = rc->scene_tilt,
	};
}

double rc_refine_bits(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double q)
{
	struct rc_point key = key_of(rc, hint, q);

	return bits_at(rc, &key);
}

/* The finest q, not above the reference's, whose refinement costs no more than @bits. */
double rc_refine_q(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double bits)
{
	double low = rc->q_ref - 2.0, high = rc->q_ref;
	struct rc_point key = key_of(rc, hint, low);

	if (bits_at(rc, &key) <= bits)
		return low;
	for (int i = 0; i < 12; i++) {
		key.q = 0.5 * (low + high);
		if (bits_at(rc, &key) > bits)
			low = key.q;
		else
			high = key.q;
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

bool rc_moves_little(const struct rc_flight *f, const struct hvcal_rc_hint *hint)
{
	return f->class == CLASS_P && rc_cost_known(hint) &&
	       hint->inter_cost < COST_SLIGHT * hint->intra_cost;
}

/* A cut that was coded coarse is refined by the frames after it, however much they move. */
bool rc_refine_counts(const hvcal_rc_t *rc, const struct rc_flight *f,
		      const struct hvcal_rc_hint *hint)
{
	return rc_moves_little(f, hint) ||
	       (f->class == CLASS_P && rc->open && rc_cost_known(hint));
}

/*
 * Where little moves, refining what stands still may cost more than what moves. A
 * short step is always tried where there is room: else nothing would be learnt.
 */
double rc_refine_guard(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double mean,
		       double most)
{
	double limit = rc->ease > 0.0 ? REFINE_LIMIT_EASE : REFINE_LIMIT;
	double q = fmin(rc_refine_q(rc, hint, limit * mean), rc->q_ref);
	double step = rc->q_ref - REFINE_STEP;

	return rc_refine_bits(rc, hint, step) <= 0.5 * most ? fmin(q, step) : q;
}

/* There is no room for one step more, an old queue that is being paid aside. */
static bool no_rest(const hvcal_rc_t *rc, double mean)
{
	double level = rc->level - (rc->ease > 0.0 ? rc->debt : 0.0), step = REFINE_LEVEL * mean;

	return level > fmax(step, rc_rests(rc, CLASS_STILL) ? rc_rest_point(rc) - step : 0.0);
}

/*
 * Refinements come in whole quantisers, which cost about a frame's worth each: where
 * the buffer is empty anyway, one more is better than a rate that is not used.
 */
int rc_refine_more(hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, int qp, double mean)
{
	int ref = hvcal_rc_log2_to_qp(rc->config.scale, rc->q_ref);
	bool one_step = rc->refine_guess || rc->ease > 0.0;
	double q;

	/* the limits may have changed since then */
	if (ref > rc->config.qp_max)
		ref = rc->config.qp_max;
	/* a guess is tried by one step; so is any while an old queue is being paid */
	if (one_step && qp < ref - 1)
		qp = ref - 1;
	q = hvcal_rc_qp_to_log2(rc->config.scale, qp - 1);
	if (!rc->rate || rc->falling || rc->config.control == HVCAL_RC_CONTROL_CQP ||
	    rc->config.control == HVCAL_RC_CONTROL_ICQ || qp <= rc->config.qp_min ||
	    no_rest(rc, mean) || (one_step && qp < ref))
		return qp;
	if (rc_refine_bits(rc, hint, q) <= fmin(REFINE_LIMIT * mean, 0.5 * rc_buffer_room(rc)))
		return qp - 1;
	/* nothing is tried, hence nothing learnt: believe in it less and less */
	if (qp >= ref) {
		rc->refine = fmax(rc->refine * REFINE_FORGET, REFINE_MIN);
		rc->refine_guess = true;
	}
	return qp;
}
