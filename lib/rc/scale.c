// SPDX-License-Identifier: MIT
/* Quantisers of the codecs as log2 of their step. */
#include <math.h>

#include "internal.h"

#define H26X_MAX 51
#define H26X_STEP_AT_0 0.625
#define QINDEX_MAX 255
#define QINDEX_SCALE 8.0	/* the AC table counts in eighths of a step */
#define VP9_MAX 63

/* The AC table of VP9 and AV1 by its increments: it begins with 4. */
static const struct {
	uint8_t add, times;
} ac_runs[] = {
	{ 4, 1 }, { 1, 94 }, { 2, 25 }, { 3, 17 }, { 4, 13 }, { 5, 10 }, { 6, 9 }, { 7, 7 },
	{ 8, 6 }, { 9, 6 }, { 10, 5 }, { 11, 5 }, { 12, 4 }, { 13, 4 }, { 14, 4 }, { 15, 3 },
	{ 16, 3 }, { 17, 3 }, { 18, 3 }, { 19, 3 }, { 20, 2 }, { 21, 3 }, { 22, 2 }, { 23, 2 },
	{ 24, 2 }, { 25, 2 }, { 26, 2 }, { 27, 2 }, { 28, 2 }, { 29, 2 }, { 30, 2 }, { 31, 1 },
	{ 32, 2 }, { 33, 1 }, { 34, 2 }, { 35, 1 },
};

int rc_scale_max(uint32_t scale)
{
	static const int max[] = {
		[HVCAL_RC_SCALE_H26X] = H26X_MAX,
		[HVCAL_RC_SCALE_QINDEX] = QINDEX_MAX,
		[HVCAL_RC_SCALE_VP9] = VP9_MAX,
	};

	return max[scale];
}

bool rc_scale_valid(uint32_t scale)
{
	return scale <= HVCAL_RC_SCALE_VP9;
}

#define AC_RUNS (sizeof(ac_runs) / sizeof(ac_runs[0]))
#define AC_FIRST 4.0

static double ac_step(double qindex)
{
	double step = AC_FIRST;

	for (size_t i = 0; i < AC_RUNS && qindex > 0.0; i++) {
		double times = qindex < ac_runs[i].times ? qindex : ac_runs[i].times;

		step += ac_runs[i].add * times;
		qindex -= times;
	}
	return step / QINDEX_SCALE;
}

/* The last index whose step is not above it, but for rounding; -1 where none is. */
static int ac_index(double step)
{
	double left = step * QINDEX_SCALE - AC_FIRST;
	int index = 0;

	if (left < 0.0)
		return -1;
	for (size_t i = 0; i < AC_RUNS; i++) {
		int run = ac_runs[i].add * ac_runs[i].times;

		if (left < run)
			return index + (int)left / ac_runs[i].add;
		left -= run;
		index += ac_runs[i].times;
	}
	return QINDEX_MAX;
}

/* libvpx's 64 steps: 4 indices each, then 249 and 255. */
static double vp9_to_qindex(double qp)
{
	if (qp <= 61.0)
		return qp * 4.0;
	return qp <= 62.0 ? 244.0 + (qp - 61.0) * 5.0 : 249.0 + (qp - 62.0) * 6.0;
}

double hvcal_rc_qp_to_log2(uint32_t scale, double qp)
{
	if (!rc_scale_valid(scale) || !isfinite(qp))
		return 0.0;
	qp = rc_clip(qp, 0.0, rc_scale_max(scale));
	switch (scale) {
	case HVCAL_RC_SCALE_QINDEX:
		return log2(ac_step(qp));
	case HVCAL_RC_SCALE_VP9:
		return log2(ac_step(vp9_to_qindex(qp)));
	default:
		return qp / 6.0 + log2(H26X_STEP_AT_0);
	}
}

static int qindex_to_vp9(int qindex)
{
	if (qindex < 244)
		return qindex / 4;
	return qindex < 249 ? 61 : qindex < QINDEX_MAX ? 62 : VP9_MAX;
}

/* The whole quantiser below, then a chord. */
double rc_log2_to_qp_exact(uint32_t scale, double q)
{
	double q_low, q_high;
	int low;

	if (scale == HVCAL_RC_SCALE_H26X)
		return rc_clip((q - log2(H26X_STEP_AT_0)) * 6.0, 0.0, H26X_MAX);
	low = ac_index(exp2(q));
	if (low < 0)
		return 0.0;
	if (scale == HVCAL_RC_SCALE_VP9)
		low = qindex_to_vp9(low);
	if (low >= rc_scale_max(scale))
		return low;
	q_low = hvcal_rc_qp_to_log2(scale, low);
	q_high = hvcal_rc_qp_to_log2(scale, low + 1);
	return low + (q - q_low) / (q_high - q_low);
}

int32_t hvcal_rc_log2_to_qp(uint32_t scale, double log2_step)
{
	if (!rc_scale_valid(scale) || isnan(log2_step))
		return 0;
	return (int32_t)lround(rc_log2_to_qp_exact(scale, log2_step));
}
