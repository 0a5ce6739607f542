// SPDX-License-Identifier: MIT
/* Rate as a function of the quantiser: a small Kalman filter. */
#include <math.h>

#include "internal.h"

#define Q_CENTRE 3.5		/* about QP 25: keeps a and g apart at first */
#define SLOPE_KEY 1.0
#define SLOPE_P 1.15
#define SLOPE_REF 0.6
#define SLOPE_MIN 0.6
#define SLOPE_MAX 2.5
#define SLOPE_DEVIATION 0.25
#define SLOPE_WALK 1e-5
#define LEVEL_DEVIATION 1.5
#define LEVEL_WALK 0.006	/* gain of about 0.25 at the usual noise */
#define NOISE 0.06		/* variance to begin with: 18 % */
#define NOISE_MIN 0.004
#define NOISE_MAX 1.5
#define NOISE_GAIN 0.06
#define ERROR_MAX 4.0		/* log2: more than 16 times off tells no more */

void rc_model_init(struct rc_model *m, double a, double g, double h)
{
	*m = (struct rc_model){
		.a = a - g * Q_CENTRE,
		.g = g,
		.h = h,
		.p_aa = LEVEL_DEVIATION * LEVEL_DEVIATION,
		.p_gg = SLOPE_DEVIATION * SLOPE_DEVIATION,
		.walk = LEVEL_WALK,
		.variance = NOISE,
	};
}

double rc_model_predict(const struct rc_model *m, const struct rc_point *at)
{
	return m->a + at->cost - m->g * (at->q - Q_CENTRE) - m->h * (at->q - at->q_ref);
}

double rc_model_solve(const struct rc_model *m, const struct rc_point *at, double log_bits)
{
	return (m->a + at->cost + m->g * Q_CENTRE + m->h * at->q_ref - log_bits) / (m->g + m->h);
}

void rc_model_learn(struct rc_model *m, const struct rc_point *at, double log_bits)
{
	double x = -(at->q - Q_CENTRE);
	double error = rc_clip(log_bits - rc_model_predict(m, at), -ERROR_MAX, ERROR_MAX);
	double s, k_a, k_g, p_aa, p_ag;

	m->p_aa += m->walk;
	m->p_gg += SLOPE_WALK;

	/* Two large errors on the same side: the level has moved, follow it. */
	if (error * m->last_error > 0.0 &&
	    fmin(error * error, m->last_error * m->last_error) > 2.0 * m->variance)
		m->p_aa = fmax(m->p_aa, 0.5 * error * error);
	m->last_error = error;

	s = m->p_aa + 2.0 * x * m->p_ag + x * x * m->p_gg + m->variance;
	k_a = (m->p_aa + x * m->p_ag) / s;
	k_g = (m->p_ag + x * m->p_gg) / s;
	m->a += k_a * error;
	m->g = rc_clip(m->g + k_g * error, SLOPE_MIN, SLOPE_MAX);
	p_aa = m->p_aa;
	p_ag = m->p_ag;
	m->p_aa = fmax(p_aa - k_a * (p_aa + x * p_ag), 1e-6);
	m->p_ag = p_ag - k_a * (p_ag + x * m->p_gg);
	m->p_gg = rc_clip(m->p_gg - k_g * (p_ag + x * m->p_gg), 1e-6,
			  SLOPE_DEVIATION * SLOPE_DEVIATION);
	/* keep the covariance one: rounding and clipping must not break that */
	m->p_ag = rc_clip(m->p_ag, -0.99 * sqrt(m->p_aa * m->p_gg),
			  0.99 * sqrt(m->p_aa * m->p_gg));
	/* the first error is that of the guess, not of the model */
	if (m->seen++)
		m->variance = rc_clip(m->variance +
				      NOISE_GAIN * (fmin(error * error, 9.0 * m->variance) -
						    m->variance), NOISE_MIN, NOISE_MAX);
}

void rc_model_doubt(struct rc_model *m, double deviation)
{
	m->p_aa = fmax(m->p_aa, deviation * deviation);
}

double rc_model_sigma(const struct rc_model *m)
{
	return sqrt(m->variance + m->p_aa);
}

/*
 * Bits a pixel of key frames at a step of 1, from a fit to x264 at constant QP on
 * the clips of `make bench-rc`; with hints, the cost of the picture is in it.
 */
#define KEY_BPP 2.7
#define KEY_BPP_COST 0.2
#define P_BPP 0.1
#define P_BPP_COST 0.1

void rc_model_prior(hvcal_rc_t *rc, enum rc_class class, bool with_cost)
{
	double pixels = log2((double)rc->config.width * rc->config.height);
	bool intra = class == CLASS_KEY || class == CLASS_CUT;
	double bpp;

	if (intra)
		bpp = with_cost ? KEY_BPP_COST : KEY_BPP;
	else
		bpp = with_cost ? P_BPP_COST : P_BPP;
	rc_model_init(&rc->models[class], pixels + bpp, intra ? SLOPE_KEY : SLOPE_P,
		      intra ? 0.0 : SLOPE_REF);
	rc->models[class].with_cost = with_cost;
}
