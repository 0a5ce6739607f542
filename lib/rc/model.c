// SPDX-License-Identifier: MIT
/* Rate as a function of the quantiser: a small Kalman filter over (a, g, h). */
#include <math.h>
#include <string.h>

#include "internal.h"

#define SLOPE_MIN 0.6
#define SLOPE_MAX 7.0
#define REF_MAX 4.0
#define SLOPE_DEVIATION 0.8
#define SLOPE_DEVIATION_NEW 0.4	/* of what is new in a frame: alike in all pictures */
#define SLOPE_DEVIATION_CURVE 0.1 /* ... where the curve tells of it */
#define REF_DEVIATION 0.6
#define SLOPE_WALK 1e-4
#define REF_WALK 1e-3
#define LEVEL_WALK 0.004	/* gain of about 0.22 at the usual noise */
#define NOISE 0.06		/* variance to begin with: 18 % */
#define NOISE_CURVE 0.02
#define NOISE_MIN 0.004
#define NOISE_MAX 1.5
#define NOISE_CALM 0.12		/* no more to begin a scene with */
#define NOISE_GAIN 0.06
#define TREND_GAIN 0.3
#define TREND_NOISE 0.4		/* of the noise: a mean of about 6 errors */
#define TREND_LATE 0.22		/* the filter's gain */
#define LOWER_GAIN 0.5
#define LOWER_MAX 1.0
#define USUAL_GAIN 0.3
#define LEAVE_SLOPE 0.5
#define ERROR_MAX 4.0		/* log2: more than 16 times off tells no more */

/*
 * Bits a pixel at a step of 1, log2, and how far off that may be: a fit to x264 at
 * constant QP on the clips of `make bench-rc`, without and with the pictures' cost.
 */
static const struct {
	double bpp, slope, ref, deviation;
} priors[CLASSES][BASES] = {
	[CLASS_KEY] = { { 2.7, 0.95, 0.0, 0.9 }, { 0.06, 0.87, 0.0, 0.35 },
			{ 0.06, 0.87, 0.0, 0.17 } },
	[CLASS_CUT] = { { 2.7, 0.95, 0.0, 0.9 }, { 0.06, 0.87, 0.0, 0.35 },
			{ 0.06, 0.87, 0.0, 0.17 } },
	[CLASS_PART] = { { 2.7, 0.95, 0.0, 0.9 }, { 0.06, 0.87, 0.0, 0.60 },
			 { 0.06, 0.87, 0.0, 0.60 } },
	[CLASS_P] = { { 0.6, 1.15, 1.8, 1.3 }, { -0.2, 1.15, 1.8, 0.9 } },
	[CLASS_STILL] = { { 0.6, 1.15, 1.8, 1.3 }, { -0.2, 1.15, 1.8, 0.9 } },
	[CLASS_UPPER] = { { 0.6, 1.15, 1.0, 1.3 }, { -0.2, 1.15, 1.0, 0.9 } },
};

void rc_model_prior(struct rc_model *m, enum rc_class class, double pixels,
		     enum rc_basis basis)
{
	double deviation = priors[class][basis].deviation, slope;

	memset(m, 0, sizeof(*m));
	m->g = priors[class][basis].slope;
	m->h = priors[class][basis].ref;
	m->a = log2(pixels) + priors[class][basis].bpp - m->g * RC_Q_CENTRE;
	m->p[0][0] = deviation * deviation;
	slope = m->h > 0.0 ? SLOPE_DEVIATION : basis == BASIS_CURVE ? SLOPE_DEVIATION_CURVE :
		SLOPE_DEVIATION_NEW;
	m->p[1][1] = slope * slope;
	m->p[2][2] = m->h > 0.0 ? REF_DEVIATION * REF_DEVIATION : 0.0;
	m->variance = basis == BASIS_CURVE ? NOISE_CURVE : NOISE;
	m->basis = basis;
}

void rc_model_leave(struct rc_model *m, enum rc_class class, double pixels)
{
	struct rc_model prior;

	rc_model_prior(&prior, class, pixels, m->basis);
	m->usual += USUAL_GAIN * (m->a - prior.a - m->usual);
	m->a = prior.a + m->usual;
	m->g += LEAVE_SLOPE * (prior.g - m->g);
}

void rc_model_calm(struct rc_model *m)
{
	m->trend = 0.0;
	m->variance = fmin(m->variance, NOISE_CALM);
}

double rc_model_predict(const struct rc_model *m, const struct rc_point *at)
{
	return m->a + at->cost - (m->g + at->tilt) * (at->q - RC_Q_CENTRE) -
	       m->h * (at->q - at->q_ref);
}

double rc_model_solve(const struct rc_model *m, const struct rc_point *at, double log_bits)
{
	double g = m->g + at->tilt;

	return (m->a + at->cost + g * RC_Q_CENTRE + m->h * at->q_ref - log_bits) / (g + m->h);
}

/*
 * The filter lags behind a ramp by the mean of its recent errors, and by its gain's share of
 * that more for each frame that is not seen; what noise alone may make of it does not count.
 */
double rc_model_lag(const struct rc_model *m, double unseen)
{
	double noise = TREND_NOISE * sqrt(m->variance);

	return (m->trend - rc_clip(m->trend, -noise, noise)) * (1.0 + TREND_LATE * unseen);
}

/* Two large errors on the same side: the level has moved, follow it. */
static void widen(struct rc_model *m, double error)
{
	if (error * m->last_error > 0.0 &&
	    fmin(error * error, m->last_error * m->last_error) > 2.0 * m->variance)
		m->p[0][0] = fmax(m->p[0][0], 0.5 * error * error);
	m->last_error = error;
}

/* Rounding and clipping must leave a covariance. */
static void tidy(struct rc_model *m)
{
	static const double most[3] = {
		ERROR_MAX * ERROR_MAX, SLOPE_DEVIATION * SLOPE_DEVIATION,
		REF_DEVIATION * REF_DEVIATION,
	};

	for (int i = 0; i < 3; i++)
		m->p[i][i] = rc_clip(m->p[i][i], i < 2 || m->h > 0.0 ? 1e-6 : 0.0, most[i]);
	for (int i = 0; i < 3; i++) {
		for (int j = i + 1; j < 3; j++) {
			double limit = 0.95 * sqrt(m->p[i][i] * m->p[j][j]);

			m->p[i][j] = rc_clip(0.5 * (m->p[i][j] + m->p[j][i]), -limit, limit);
			m->p[j][i] = m->p[i][j];
		}
	}
}

void rc_model_learn(struct rc_model *m, const struct rc_point *at, double log_bits)
{
	const double x[3] = { 1.0, -(at->q - RC_Q_CENTRE), -(at->q - at->q_ref) };
	double error = rc_clip(log_bits - rc_model_predict(m, at), -ERROR_MAX, ERROR_MAX);
	double px[3], gain[3], s = m->variance, doubt, change = error - m->last_error;

	m->p[0][0] += LEVEL_WALK;
	m->p[1][1] += SLOPE_WALK;
	if (m->h > 0.0)
		m->p[2][2] += REF_WALK;
	widen(m, error);
	m->trend += TREND_GAIN * (error - m->trend);

	for (int i = 0; i < 3; i++) {
		px[i] = m->p[i][0] * x[0] + m->p[i][1] * x[1] + m->p[i][2] * x[2];
		s += x[i] * px[i];
	}
	doubt = s - m->variance;
	for (int i = 0; i < 3; i++)
		gain[i] = px[i] / s;
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			m->p[i][j] -= gain[i] * px[j];
	m->a += gain[0] * error;
	m->g = rc_clip(m->g + gain[1] * error, SLOPE_MIN, SLOPE_MAX);
	if (m->h > 0.0)
		m->h = rc_clip(m->h + gain[2] * error, 0.2, REF_MAX);
	tidy(m);

	/* the first error is that of the guess, not of the model */
	if (m->seen++)
		m->variance = rc_clip(m->variance +
				      NOISE_GAIN * (rc_clip(0.5 * change * change - doubt, 0.0,
							    9.0 * m->variance) - m->variance),
				      NOISE_MIN, NOISE_MAX);
}

/* The frame would have cost no more than that, if it had cost anything. */
void rc_model_lower(struct rc_model *m, const struct rc_point *at, double log_bits)
{
	double error = rc_model_predict(m, at) - log_bits;

	if (error > 0.0)
		m->a -= fmin(LOWER_GAIN * error, LOWER_MAX);
}

void rc_model_doubt(struct rc_model *m, double deviation)
{
	m->p[0][0] = fmax(m->p[0][0], deviation * deviation);
}

void rc_model_doubt_slope(struct rc_model *m, double deviation)
{
	m->p[1][1] = fmax(m->p[1][1], deviation * deviation);
}

double rc_model_doubt_at(const struct rc_model *m, const struct rc_point *at)
{
	const double x[3] = { 1.0, -(at->q - RC_Q_CENTRE), -(at->q - at->q_ref) };
	double sum = 0.0;

	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
			sum += x[i] * x[j] * m->p[i][j];
	return sqrt(fmax(sum, 0.0));
}

double rc_model_sigma(const struct rc_model *m)
{
	return sqrt(m->variance + m->p[0][0]);
}
