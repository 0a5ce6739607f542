// SPDX-License-Identifier: MIT
/* What kind of frame it is, and what the hint says of its cost. */
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include <hvcal/analysis.h>

#include "internal.h"

#define COST_LEAST 0.001	/* 0 would mean that it is not known */
/* Blocks that rounding changes do not make a picture move. */
#define STILL_SHARE 0.999
#define COST_INTRA 0.58		/* exponents of the costs */
#define COST_DETAIL 0.35
#define COST_INTER 0.6
#define DETAIL_USUAL 0.63	/* of the intra cost, where it is not known */
#define COST_MIN 0.05		/* a pixel */
#define COST_STILL 0.1		/* below that nothing moves */
#define CUT_LIKELY 0.5
/* A cut costs more than what came before: that much, where so much of intra is left. */
#define CUT_JUMP 1.3
#define CUT_JUMP_HALF 1.8
#define CUT_RATIO_HALF 0.72
/*
 * A part of a still picture is new (a window, a page): so much more than before, and of
 * intra. Where all moves, a jump is a faster movement, which is no key frame's part.
 */
#define PART_JUMP 3.0
#define PART_RATIO 0.08
#define PART_STILL 0.06
#define PART_SHARE 3.0		/* what is new costs as a key frame of so much more */
#define PART_SHARE_MIN 0.1
#define USUAL_GAIN_UP 0.2
#define USUAL_GAIN_DOWN 0.5	/* after a cut it is soon as the scene is */
#define CUT_DOUBT 0.3		/* of a cut, after what a key frame told */
#define CUT_DOUBT_CURVE 0.15
#define CLASS_DOUBT 0.7
#define BASIS_DOUBT 0.35	/* costs and curves mean the same, but for what they are off */
#define KEY_SCENE 0.5

enum cut { CUT_NOT, CUT_PART, CUT_WHOLE };

static double log_cost(float cost)
{
	return isfinite(cost) && cost > 0.0f ? log2(fmax(cost, COST_MIN)) : 0.0;
}

bool rc_cost_known(const struct hvcal_rc_hint *hint)
{
	return hint && isfinite(hint->inter_cost) && isfinite(hint->intra_cost) &&
	       hint->inter_cost > 0.0f && hint->intra_cost > 0.0f;
}

static enum rc_basis basis_of(enum rc_class class, const struct hvcal_rc_hint *hint)
{
	if (rc_is_new(class) && rc_curve_known(hint))
		return BASIS_CURVE;
	return rc_cost_known(hint) ? BASIS_COST : BASIS_NONE;
}

double rc_cost_inter(const struct hvcal_rc_hint *hint)
{
	return COST_INTER * log_cost(hint->inter_cost);
}

/* Half the picture's cost does not see what fills the other half: text, noise. */
double rc_cost_intra(const struct hvcal_rc_hint *hint)
{
	float detail = hint->detail;

	if (!isfinite(detail) || detail <= 0.0f)
		detail = (float)DETAIL_USUAL * hint->intra_cost;
	return COST_INTRA * log_cost(hint->intra_cost) + COST_DETAIL * log_cost(detail);
}

int hvcal_rc_hint_take(struct hvcal_rc_hint *hint, const struct hvcal_analysis_result *r, int key)
{
	if (!hint || !r)
		return -EINVAL;
	/* the first picture that is seen is no cut of the stream */
	if (r->first && !key)
		return -ENODATA;
	*hint = (struct hvcal_rc_hint){
		.inter_cost = (float)fmax(r->inter_cost, COST_LEAST),
		.intra_cost = (float)fmax(r->intra_cost, COST_LEAST),
		.cut = (float)r->cut,
		.screen = (float)r->screen,
		.is_static = r->still >= STILL_SHARE,
		.detail = (float)fmax(r->detail, COST_LEAST),
	};
	rc_curve_take(hint, r->coefs);
	return 0;
}

double rc_part_share(const struct hvcal_rc_hint *hint)
{
	double share = PART_SHARE * hint->inter_cost / hint->intra_cost;

	return log2(rc_clip(share, PART_SHARE_MIN, 1.0));
}

/* Of what the frame costs by itself, what is left once it is predicted. */
static double share_of(const struct hvcal_rc_hint *hint)
{
	return hint->inter_cost / hint->intra_cost;
}

/*
 * Little is left to refer to. Where every frame is like that (noise, water) there
 * is nothing special about one: it must cost more than the ones before, too.
 */
static enum cut cut_of(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint)
{
	bool said = hint && isfinite(hint->cut) && hint->cut >= CUT_LIKELY;
	double share, jump;

	if (!rc_cost_known(hint) || rc->share_usual <= 0.0)
		return said ? CUT_WHOLE : CUT_NOT;
	share = share_of(hint);
	jump = share / rc->share_usual;
	if ((said && jump > CUT_JUMP) || (share > CUT_RATIO_HALF && jump > CUT_JUMP_HALF))
		return CUT_WHOLE;
	return share > PART_RATIO && jump > PART_JUMP && rc->share_usual < PART_STILL ?
	       CUT_PART : CUT_NOT;
}

/*
 * What is usual in a new scene its first frame does not tell, but the one after it;
 * were that a cut, too, so would all of them be.
 */
static void follow_share(hvcal_rc_t *rc, enum cut cut, const struct hvcal_rc_hint *hint)
{
	double off = share_of(hint) - rc->share_usual;

	if (rc->share_usual <= 0.0)
		rc->share_usual = share_of(hint);
	else if (cut == CUT_WHOLE)
		rc->share_usual = 0.0;
	else
		rc->share_usual += (off > 0.0 ? USUAL_GAIN_UP : USUAL_GAIN_DOWN) * off;
}

enum rc_class rc_class_of(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame)
{
	const struct hvcal_rc_hint *hint = frame->hint;
	enum cut cut = rc->frames ? cut_of(rc, hint) : CUT_NOT;

	if (rc_cost_known(hint) && rc->frames)
		follow_share(rc, cut, hint);
	if (frame->key)
		return CLASS_KEY;
	if (cut != CUT_NOT)
		return cut == CUT_WHOLE ? CLASS_CUT : CLASS_PART;
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
	enum rc_basis basis = basis_of(class, hint);
	struct rc_model *m = &rc->models[class], prior;
	double pixels = (double)rc->config.width * rc->config.height;

	if ((class == CLASS_CUT || class == CLASS_PART) && !rc->known[class] &&
	    rc->known[CLASS_KEY]) {
		*m = rc->models[CLASS_KEY];
		/* half of what was odd about the key frame was its scene */
		if (basis && m->basis) {
			rc_model_prior(&prior, CLASS_KEY, pixels, m->basis);
			m->a += KEY_SCENE * (prior.a - m->a);
		}
		rc_model_doubt(m, class == CLASS_PART ? CLASS_DOUBT :
				  basis == BASIS_CURVE ? CUT_DOUBT_CURVE : CUT_DOUBT);
	} else if (class == CLASS_UPPER && !rc->known[CLASS_UPPER] && rc->known[CLASS_P]) {
		*m = rc->models[CLASS_P];
		rc_model_doubt(m, CLASS_DOUBT);
	} else if (m->basis != basis) {
		/* hints have begun or ended: the level means something else now */
		if (!m->basis || !basis)
			m->a += (basis ? -1.0 : 1.0) * rc->cost_last[class];
		if (basis && !rc->known[class])
			rc_model_prior(m, class, pixels, basis);
		rc_model_doubt(m, basis == BASIS_CURVE && m->basis ? BASIS_DOUBT : CLASS_DOUBT);
	}
	m->basis = basis;
}
