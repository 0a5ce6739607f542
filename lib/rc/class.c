// SPDX-License-Identifier: MIT
/* What kind of frame it is, and what the hint says of its cost. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define COST_INTRA 1.3		/* exponents of the costs */
#define COST_INTER 0.6
#define COST_MIN 0.05		/* a pixel */
#define COST_STILL 0.1		/* below that nothing moves */
#define CUT_LIKELY 0.5
/* A cut costs more than what came before: that much, where so much of intra is left. */
#define CUT_JUMP 1.3
#define CUT_JUMP_HALF 1.8
#define CUT_RATIO_HALF 0.72
#define USUAL_GAIN_UP 0.2
#define USUAL_GAIN_DOWN 0.5	/* after a cut it is soon as the scene is */
#define CUT_DOUBT 0.7

static double log_cost(float cost)
{
	return isfinite(cost) && cost > 0.0f ? log2(fmax(cost, COST_MIN)) : 0.0;
}

bool rc_cost_known(const struct hvcal_rc_hint *hint)
{
	return hint && isfinite(hint->inter_cost) && isfinite(hint->intra_cost) &&
	       hint->inter_cost > 0.0f && hint->intra_cost > 0.0f;
}

double rc_cost_inter(const struct hvcal_rc_hint *hint)
{
	return COST_INTER * log_cost(hint->inter_cost);
}

double rc_cost_intra(const struct hvcal_rc_hint *hint)
{
	return COST_INTRA * log_cost(hint->intra_cost);
}

/*
 * Little is left to refer to. Where every frame is like that (noise, water) there
 * is nothing special about one: it must cost more than the ones before, too.
 */
static bool is_cut(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint)
{
	bool said = hint && isfinite(hint->cut) && hint->cut >= CUT_LIKELY;
	double jump;

	if (!rc_cost_known(hint) || rc->cost_usual <= 0.0)
		return said;
	jump = hint->inter_cost / rc->cost_usual;
	return (said && jump > CUT_JUMP) ||
	       (hint->inter_cost > CUT_RATIO_HALF * hint->intra_cost && jump > CUT_JUMP_HALF);
}

enum rc_class rc_class_of(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame)
{
	const struct hvcal_rc_hint *hint = frame->hint;
	bool cut = rc->started && is_cut(rc, hint);

	if (rc_cost_known(hint) && rc->frames) {
		double off = hint->inter_cost - rc->cost_usual;

		if (cut || rc->cost_usual <= 0.0)
			rc->cost_usual = hint->inter_cost;
		else
			rc->cost_usual += (off > 0.0 ? USUAL_GAIN_UP : USUAL_GAIN_DOWN) * off;
	}
	if (frame->key)
		return CLASS_KEY;
	if (cut)
		return CLASS_CUT;
	if (frame->layer)
		return CLASS_UPPER;
	if (hint && (hint->is_static ||
		     (rc_cost_known(hint) && hint->inter_cost < COST_STILL)))
		return CLASS_STILL;
	return CLASS_P;
}

/* Where a class begins that was not seen yet: from what is most like it. */
void rc_class_prepare(hvcal_rc_t *rc, enum rc_class class, const struct hvcal_rc_hint *hint)
{
	bool with = rc_cost_known(hint);
	struct rc_model *m = &rc->models[class];
	double pixels = (double)rc->config.width * rc->config.height;

	if (class == CLASS_CUT && !rc->known[CLASS_CUT] && rc->known[CLASS_KEY]) {
		*m = rc->models[CLASS_KEY];
		rc_model_doubt(m, CUT_DOUBT);
	} else if (class == CLASS_UPPER && !rc->known[CLASS_UPPER] && rc->known[CLASS_P]) {
		*m = rc->models[CLASS_P];
		rc_model_doubt(m, CUT_DOUBT);
	} else if (m->with_cost != with) {
		/* hints have begun or ended: the level means something else now */
		m->a += (with ? -1.0 : 1.0) * rc->cost_last[class];
		if (with && !rc->known[class])
			rc_model_prior(m, class, pixels, true);
		rc_model_doubt(m, CUT_DOUBT);
	}
	m->with_cost = with;
}
