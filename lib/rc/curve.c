// SPDX-License-Identifier: MIT
/* The size of a frame as a function of its quantiser, where the hint knows that. */
#include <math.h>
#include <stddef.h>

#include <hvcal/analysis.h>

#include "internal.h"

#define BPP_MIN 1e-5F		/* bits a pixel: anything else is a mistake */
#define BPP_MAX 64.0F
/* A fit to x264's key frames, of the clips of `make bench-rc`: see hvcal/rc.h. */
#define BITS_LENGTH 0.94
#define BITS_BASE 0.063
#define BITS_POWER 1.13
#define SECANT 0.75		/* log2 of the step, to both sides of where the frame will be */
#define SLOPE_LEAST 0.3

void rc_curve_take(struct hvcal_rc_hint *hint, const double *coefs)
{
	double length = 0.0;

	if (!(coefs[0] > 0.0))
		return;
	for (int i = HVCAL_ANALYSIS_COEFS - 1; i >= 0; i--) {
		length += coefs[i];
		if (i < HVCAL_RC_CURVE)
			hint->curve[i] = (float)pow(BITS_LENGTH * length + BITS_BASE, BITS_POWER);
	}
}

bool rc_curve_known(const struct hvcal_rc_hint *hint)
{
	if (!hint)
		return false;
	/* written so that NaN is refused */
	for (int i = 0; i < HVCAL_RC_CURVE; i++)
		if (!(hint->curve[i] >= BPP_MIN && hint->curve[i] <= BPP_MAX))
			return false;
	return true;
}

/* log2 bits a pixel, straight on beyond both ends. */
static double curve_at(const struct hvcal_rc_hint *hint, double q)
{
	int i = (int)rc_clip(floor(q), 0.0, HVCAL_RC_CURVE - 2);
	double low = log2(hint->curve[i]), high = log2(hint->curve[i + 1]);

	return low + (q - i) * (high - low);
}

/* q at which the curve has fallen to @log_bpp. */
static double curve_solve(const struct hvcal_rc_hint *hint, double log_bpp)
{
	double fine, coarse;
	int i = 0;

	while (i < HVCAL_RC_CURVE - 2 && log2(hint->curve[i + 1]) > log_bpp)
		i++;
	fine = log2(hint->curve[i]);
	coarse = log2(hint->curve[i + 1]);
	return i + (fine - log_bpp) / fmax(fine - coarse, SLOPE_LEAST);
}

void rc_curve_point(const struct hvcal_rc_hint *hint, enum rc_class class, double log_bpp,
		    struct rc_point *at)
{
	double q = rc_clip(curve_solve(hint, log_bpp), -1.0, HVCAL_RC_CURVE);
	double coarse = curve_at(hint, q + SECANT), fine = curve_at(hint, q - SECANT);
	double slope = fmax((fine - coarse) / (2.0 * SECANT), SLOPE_LEAST);
	struct rc_model usual;

	rc_model_prior(&usual, class, 1.0, BASIS_CURVE);
	at->tilt = slope - usual.g;
	at->cost = 0.5 * (coarse + fine) + slope * (q - RC_Q_CENTRE) - usual.a;
}
