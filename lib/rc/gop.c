// SPDX-License-Identifier: MIT
/* Groups of pictures: sharing out bits, and repairing without key frames. */
#include <errno.h>
#include <math.h>

#include "internal.h"

#define STEPS 64
#define LOG_MAX 100.0		/* log2 of bits and weights: beyond is a mistake */
#define SLOPE_LIMIT 10.0
#define Q_SPAN 400.0		/* log2 of the step: wider than any answer */
#define LOSS_FREQUENT 0.02
#define KEY_SECONDS 2.0		/* group length where loss is frequent */
#define LIMIT_MS 1000.0

/*
 * Equal slopes: log w + 2 q - log g - log R = L for every frame, with log R =
 * log2_bits - g q. So q = (L - log w + log g + log2_bits) / (2 + g), in closed
 * form for a given L, and R falls with L.
 */
static double q_for(const struct hvcal_rc_share *f, double l)
{
	return (l - log2(f->weight) + log2(f->slope) + f->log2_bits) / (2.0 + f->slope);
}

static double bits_at(const struct hvcal_rc_share *f, double q)
{
	return exp2(f->log2_bits - f->slope * q);
}

static bool share_valid(const struct hvcal_rc_share *f)
{
	return fabs(f->log2_bits) <= LOG_MAX && f->slope > 0.0 && f->slope <= SLOPE_LIMIT &&
	       f->weight > 0.0 && fabs(log2(f->weight)) <= LOG_MAX;
}

int hvcal_rc_allocate(struct hvcal_rc_share *frames, size_t count, double bits)
{
	double low = -Q_SPAN, high = Q_SPAN;

	if (!frames || !count || !(bits > 0.0) || !isfinite(bits))
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (!share_valid(&frames[i]))
			return -EINVAL;
	}
	for (int step = 0; step < STEPS; step++) {
		double l = 0.5 * (low + high), sum = 0.0;

		for (size_t i = 0; i < count; i++)
			sum += bits_at(&frames[i], q_for(&frames[i], l));
		if (sum > bits)
			low = l;
		else
			high = l;
	}
	for (size_t i = 0; i < count; i++) {
		frames[i].q = q_for(&frames[i], high);
		frames[i].bits = bits_at(&frames[i], frames[i].q);
	}
	return 0;
}

int hvcal_rc_advise_gop(const hvcal_rc_t *rc, const struct hvcal_rc_loss *loss,
			struct hvcal_rc_gop *gop)
{
	double limit, cycle;

	if (!rc || !loss || !gop || !(loss->loss >= 0.0 && loss->loss <= 1.0) ||
	    !(loss->limit_ms >= 0.0) || (loss->can & ~(HVCAL_RC_CAN_LTR | HVCAL_RC_CAN_REFRESH)))
		return -EINVAL;
	limit = (loss->limit_ms > 0.0 ? loss->limit_ms : LIMIT_MS) / 1000.0;
	*gop = (struct hvcal_rc_gop){ .recovery = HVCAL_RC_RECOVER_KEY };

	/* A key frame's excess, spread so that no frame needs more than half of B. */
	cycle = fmax(4.0, 2.0 * exp2(rc->models[CLASS_KEY].a - rc->models[CLASS_P].a));
	cycle = fmin(cycle, 4.0 / rc->interval);
	gop->refresh_frames = (uint32_t)ceil(fmin(cycle, fmax(4.0, limit / rc->interval)));

	if (!loss->joined && (loss->can & HVCAL_RC_CAN_LTR))
		gop->recovery = HVCAL_RC_RECOVER_LTR;
	else if (!loss->joined && (loss->can & HVCAL_RC_CAN_REFRESH) &&
		 gop->refresh_frames * rc->interval <= limit)
		gop->recovery = HVCAL_RC_RECOVER_REFRESH;
	else if (!loss->can && loss->loss >= LOSS_FREQUENT)
		gop->key_interval = (uint32_t)ceil(KEY_SECONDS / rc->interval);
	return 0;
}
