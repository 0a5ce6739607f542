// SPDX-License-Identifier: MIT
/* Frames whose sizes are not known yet, and the level that they make. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define BITS_MIN 64.0
#define BITS_MAX 1e12

static struct rc_flight *slot(hvcal_rc_t *rc, uint32_t id)
{
	return &rc->flights[id % HVCAL_RC_IN_FLIGHT];
}

struct rc_flight *rc_flight_find(hvcal_rc_t *rc, uint32_t id)
{
	struct rc_flight *f = slot(rc, id);

	return f->used && f->id == id ? f : NULL;
}

/* Nothing before a frame can change any more: its part of the level is final. */
static void fold(hvcal_rc_t *rc, const struct rc_flight *f)
{
	rc->settled = fmax(0.0, rc->settled - f->drained) + f->bits;
	rc->base_settled = fmax(0.0, rc->base_settled - rc_base_share(rc) * f->drained) +
			   (f->upper ? 0.0 : f->bits);
	rc->oldest++;
}

/* A frame that was never reported counts as planned. */
struct rc_flight *rc_flight_new(hvcal_rc_t *rc, bool upper)
{
	uint32_t id = rc->next_id++;
	struct rc_flight *f = slot(rc, id);

	if (id - rc->oldest == HVCAL_RC_IN_FLIGHT)
		fold(rc, f);
	if (!f->used)
		rc->in_flight++;
	*f = (struct rc_flight){ .id = id, .used = true, .upper = upper,
				  .drained = rc->drained, .bin = rc->window.now };
	rc->drained = 0.0;
	return f;
}

/*
 * The bucket runs again over what is not final: it may have been empty between two
 * frames, hence a size that differs from the plan is no mere difference of the level.
 */
static void replay(hvcal_rc_t *rc)
{
	double level = rc->settled, base = rc->base_settled, share = rc_base_share(rc);

	for (uint32_t id = rc->oldest; id != rc->next_id; id++) {
		const struct rc_flight *f = slot(rc, id);

		level = fmax(0.0, level - f->drained) + f->bits;
		base = fmax(0.0, base - share * f->drained) + (f->upper ? 0.0 : f->bits);
	}
	rc->level = rc->rate ? fmax(0.0, level - rc->drained) : 0.0;
	rc->base_level = rc->rate ? fmax(0.0, base - share * rc->drained) : 0.0;
}

void rc_flight_end(hvcal_rc_t *rc, struct rc_flight *f, double bits)
{
	rc_window_change(rc, f->bin, bits - f->bits);
	f->bits = bits;
	f->used = false;
	rc->in_flight--;
	while (rc->oldest != rc->next_id && !slot(rc, rc->oldest)->used)
		fold(rc, slot(rc, rc->oldest));
	replay(rc);
}

double rc_flight_expected(double log_bits)
{
	return rc_clip(exp2(log_bits), BITS_MIN, BITS_MAX);
}

/* What was learnt from one frame holds for those that are under way, too. */
void rc_flight_plan_again(hvcal_rc_t *rc, enum rc_class class)
{
	const struct rc_model *m = &rc->models[class];
	bool swept = class == CLASS_STILL;

	if (!rc->in_flight)
		return;
	for (uint32_t id = rc->oldest; id != rc->next_id; id++) {
		struct rc_flight *f = slot(rc, id);
		double bits, owed;

		if (!f->used || f->swept != swept ||
		    (!swept && (f->class != class || f->basis != m->basis)))
			continue;
		bits = swept ? rc_band_expected(rc, f) :
		       rc_flight_expected(rc_model_predict(m, &f->point));
		rc_buffer_count(rc, bits - f->bits);
		rc_window_change(rc, f->bin, bits - f->bits);
		f->bits = bits;
		if (f->owed > 0.0) {
			owed = fmax(0.0, bits - f->mean_bits);
			rc_buffer_owe(rc, owed - f->owed, rc_buffer_horizon(rc));
			f->owed = owed;
		}
	}
	replay(rc);
}
