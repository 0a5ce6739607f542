// SPDX-License-Identifier: MIT
/* Still pictures by bands: a sweep over the rows, as much of it in a frame as its bits allow. */
#include <math.h>
#include <stddef.h>

#include "internal.h"

#define STEP 0.84		/* log2 of the quantiser step that a sweep is finer: 5 QP */
#define FINEST 1.0		/* log2 of the step: finer, samples are right but for rounding */
#define SLOPE 0.6		/* of what a sweep costs, over q */
#define BAND_FRAMES 1.25		/* frames' worth: no band is expected to cost more */
#define BAND_ROOM 0.6		/* of what fits into the buffer */
#define FIRST_FRAMES 0.6	/* of a scene of which no band was seen */
#define MEMORY 0.4		/* of the height, over which a share is learnt */
#define MEMORY_NEW 0.1		/* what is left of it for a new sweep */
#define SHARE_MIN 0.002
#define SHARE_MAX 4.0
#define SHARE_NEW 0.1		/* at least, of a picture of which nothing is known */
#define DRIFT_MAX 10.0
#define CELL_GAIN 0.8		/* of what a band tells of its own rows */
#define CELL_STEP 8.0		/* at most, times */
#define MOVED 3.0		/* what moved costs as so much more of a new picture */
#define MOVED_MOST 0.1		/* inter cost, of intra cost: else it is no still picture */
#define MOVED_FRAMES 1.5	/* of what a still frame may take, for one that moves */
#define MOVED_REFINE 0.5	/* of what it costs when it is new, by an octave */
#define FACTOR_GAIN 0.4
#define HEIGHT_UNSEEN 0.4	/* of a band, while nothing is known of the sweep before */

void rc_band_init(hvcal_rc_t *rc)
{
	rc->sweep = (struct rc_sweep){ .from = rc->q_ref, .to = rc->q_ref, .drift = 1.0,
				       .factor = 1.0 };
	for (int i = 0; i < RC_CELLS; i++)
		rc->sweep.share[i] = (float)RC_REFINE;
}

/* An upper layer would be refined by nobody, and hide the sweep from the frames after it. */
bool rc_band_may(const hvcal_rc_t *rc)
{
	return rc->bands && rc->rate > 0.0 && rc->have_qp &&
	       rc->config.layers < 2 && (rc->config.control == HVCAL_RC_CONTROL_CBR ||
					 rc->config.control == HVCAL_RC_CONTROL_VBR);
}

/* A cursor, a clock: the rest is refined all the same. */
bool rc_band_takes(const hvcal_rc_t *rc, const struct rc_flight *f,
		   const struct hvcal_rc_hint *hint)
{
	if (!rc_band_may(rc))
		return false;
	return f->class == CLASS_STILL ||
	       (f->class == CLASS_P && rc->sweep.on && rc_cost_known(hint) &&
		hint->inter_cost < MOVED_MOST * hint->intra_cost);
}

/* What the whole height would cost at @q, if refining cost as much as coding it. */
static double picture_bits(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double q)
{
	const struct rc_sweep *s = &rc->sweep;
	struct rc_point key = { .q = s->from, .cost = rc_cost_intra(hint) };

	if (s->has_page)
		return exp2(rc_clip(s->page - SLOPE * q, 0.0, 40.0));
	return exp2(rc_clip(rc_model_predict(&rc->models[CLASS_KEY], &key) -
			    SLOPE * (q - s->from), 0.0, 40.0));
}

/* Where the next sweep leads, to a quantiser of the scale. */
static double next_q(const hvcal_rc_t *rc, int qp)
{
	uint32_t scale = rc->config.scale;
	int least = hvcal_rc_log2_to_qp(scale, FINEST);
	int next = hvcal_rc_log2_to_qp(scale, hvcal_rc_qp_to_log2(scale, qp) - STEP);

	least = least > rc->config.qp_min ? least : rc->config.qp_min;
	next = next < qp ? next : qp - 1;
	return hvcal_rc_qp_to_log2(scale, next > least ? next : qp < least ? qp : least);
}

/* Finer than that nothing is. */
bool rc_band_done(const hvcal_rc_t *rc)
{
	int qp = hvcal_rc_log2_to_qp(rc->config.scale, rc->sweep.from);

	return next_q(rc, qp) >= hvcal_rc_qp_to_log2(rc->config.scale, qp);
}

static double rows_of(const hvcal_rc_t *rc)
{
	return fmax(rc->config.height / (double)rc->config.band_rows, 1.0);
}

/* How much of cell @i is between @top and @bottom, as a share of the height. */
static double overlap(int i, double top, double bottom)
{
	return fmax(0.0, fmin(bottom, (i + 1.0) / RC_CELLS) - fmax(top, (double)i / RC_CELLS));
}

/* What refining the rows costs, as a share of a picture that is new; drift aside. */
static double share_of(const struct rc_sweep *s, double top, double bottom)
{
	double sum = 0.0;

	for (int i = (int)(top * RC_CELLS); i < RC_CELLS && i < bottom * RC_CELLS; i++)
		sum += overlap(i, top, bottom) * s->share[i];
	return sum;
}

/* As far down from @top as @share goes, but not further than @most. */
static double reach(const struct rc_sweep *s, double top, double share, double most)
{
	int i = (int)(top * RC_CELLS);

	for (; i < RC_CELLS; i++) {
		double part = (i + 1.0) / RC_CELLS - top;

		if (part * s->share[i] > share)
			return fmin(top + share / s->share[i], most);
		share -= part * s->share[i];
		top += part;
	}
	return fmin(1.0, most);
}

/* What the band may take. */
static double bits_of(const hvcal_rc_t *rc, double bits, double mean)
{
	bits = fmin(bits, fmin(BAND_FRAMES * mean, BAND_ROOM * rc_buffer_room(rc)));
	return rc->sweep.told ? bits : fmin(bits, FIRST_FRAMES * mean);
}

/* At an edge of blocks; less than a row is no band. */
static double edge_of(double rows, double at)
{
	at = floor(at * rows + 0.5) / rows;
	return at + 0.5 / rows > 1.0 ? 1.0 : at;
}

static int qp_within(const hvcal_rc_t *rc, int qp)
{
	return qp < rc->config.qp_min ? rc->config.qp_min :
	       qp > rc->config.qp_max ? rc->config.qp_max : qp;
}

/*
 * What moved is new: it costs its share of the picture, and becomes as fine as its rows
 * when there are bits for that. Until then they are skipped: they keep what they have.
 */
static double moved_bits(const hvcal_rc_t *rc, const struct rc_flight *f,
			 const struct hvcal_rc_hint *hint, double q)
{
	const struct rc_sweep *s = &rc->sweep;
	double bits = picture_bits(rc, hint, q) * s->moved;

	return f->class == CLASS_P ? bits : bits * MOVED_REFINE * rc_clip(s->moved_q - q, 0.0, 1.0);
}

/* The finest quantiser of the picture, but the band, that costs no more than @bits. */
static int rest_qp(const hvcal_rc_t *rc, const struct rc_flight *f,
		   const struct hvcal_rc_hint *hint, int qp, double bits)
{
	uint32_t scale = rc->config.scale;

	while (qp < rc->config.qp_max &&
	       moved_bits(rc, f, hint, hvcal_rc_qp_to_log2(scale, qp)) * rc->sweep.factor > bits)
		qp++;
	return qp;
}

/* The next band, as high as @bits allow. */
static double place(hvcal_rc_t *rc, struct rc_flight *f, const struct hvcal_rc_hint *hint,
		    double bits, struct hvcal_rc_decision *out)
{
	struct rc_sweep *s = &rc->sweep;
	double rows = rows_of(rc), whole = picture_bits(rc, hint, s->to) * s->drift, bottom;

	bottom = edge_of(rows, reach(s, s->at, bits / whole, s->at +
				     (s->sweeps > s->seen + 1 ? HEIGHT_UNSEEN : 1.0)));
	/* one row at least, if it fits: else nothing would be learnt */
	if (bottom <= s->at && rc->level < rc_rest_point(rc) + f->mean_bits)
		bottom = edge_of(rows, s->at + 1.0 / rows);
	if (bottom <= s->at)
		return 0.0;
	out->band_top = (float)s->at;
	out->band_bottom = (float)bottom;
	out->band_qp = hvcal_rc_log2_to_qp(rc->config.scale, s->to);
	f->band_top = s->at;
	f->band_bottom = bottom;
	f->sweep = s->sweeps;
	f->whole = whole / s->drift;
	bits = whole * share_of(s, s->at, bottom);
	s->before = s->from;
	s->at = bottom;
	if (s->at >= 1.0) {
		s->from = s->to;
		s->at = 0.0;
		s->sweeps++;
		s->rows = fmin(s->rows, MEMORY_NEW);
		s->drift = 1.0;
	}
	return bits;
}

double rc_band_place(hvcal_rc_t *rc, struct rc_flight *f, const struct hvcal_rc_hint *hint,
		     double bits, struct hvcal_rc_decision *out)
{
	struct rc_sweep *s = &rc->sweep;
	uint32_t scale = rc->config.scale;
	int from = qp_within(rc, hvcal_rc_log2_to_qp(scale, s->from)), least;
	double moved = 0.0;

	s->on = true;
	s->from = hvcal_rc_qp_to_log2(scale, from);
	/* steps of less than a sample's are coded anew in each frame */
	least = qp_within(rc, hvcal_rc_log2_to_qp(scale, fmax(s->from, 0.0)));
	if (f->class == CLASS_P)
		s->moved = fmax(s->moved, fmin(1.0, MOVED * hint->inter_cost / hint->intra_cost));
	bits = bits_of(rc, f->class == CLASS_P ? MOVED_FRAMES * bits : bits, f->mean_bits);
	f->qp = s->moved > 0.0 ? rest_qp(rc, f, hint, least, bits) : least;
	if (s->moved > 0.0) {
		double q = hvcal_rc_qp_to_log2(scale, f->qp);

		f->moved = moved_bits(rc, f, hint, q);
		moved = f->moved * s->factor;
		s->moved_q = f->class == CLASS_P ? q : fmin(s->moved_q, q);
		if (f->qp <= least)
			s->moved = 0.0;
	}
	/* the limits may have changed since it began */
	s->to = fmax(s->to, hvcal_rc_qp_to_log2(scale, rc->config.qp_min));
	if (s->at <= 0.0 || s->to >= s->from) {
		s->at = 0.0;
		s->to = next_q(rc, from);
	}
	if (!rc_band_done(rc) && moved < 0.5 * bits)
		moved += place(rc, f, hint, bits - moved, out);
	return fmax(moved, RC_OVERHEAD_BITS);
}

/* It was not coded: the rows are what they were, unless later frames count on them. */
void rc_band_undo(hvcal_rc_t *rc, struct rc_flight *f)
{
	struct rc_sweep *s = &rc->sweep;

	if (f->band_bottom > f->band_top && f->id + 1 == rc->next_id) {
		s->from = s->before;
		s->at = f->band_top;
		s->sweeps = f->sweep;
	}
	f->band_top = f->band_bottom = f->whole = f->moved = 0.0;
}

double rc_band_mean(const hvcal_rc_t *rc)
{
	const struct rc_sweep *s = &rc->sweep;

	return s->from + s->at * (s->to - s->from);
}

/* The drift is a mean over rows: those that are empty count for what they are. */
static void learn_rows(struct rc_sweep *s, const struct rc_flight *f, double bits)
{
	double height = f->band_bottom - f->band_top, keep = exp2(-height / MEMORY) * s->rows;
	double ratio = bits / (f->whole * share_of(s, f->band_top, f->band_bottom));

	s->drift = rc_clip((keep * s->drift + height * ratio) / (keep + height), 1.0 / DRIFT_MAX,
			   DRIFT_MAX);
	s->rows = keep + height;
	ratio = rc_clip(ratio, 1.0 / CELL_STEP, CELL_STEP);
	for (int i = 0; i < RC_CELLS; i++) {
		double part = overlap(i, f->band_top, f->band_bottom) * RC_CELLS;

		if (part > 0.0)
			s->share[i] = (float)rc_clip(s->share[i] * pow(ratio, CELL_GAIN * part),
						     SHARE_MIN, SHARE_MAX);
	}
	s->told = true;
	s->seen = f->sweep > s->seen ? f->sweep : s->seen;
}

void rc_band_learn(hvcal_rc_t *rc, const struct rc_flight *f, double bits)
{
	struct rc_sweep *s = &rc->sweep;
	bool band = f->band_bottom > f->band_top;
	double of_band = band ? f->whole * s->drift * share_of(s, f->band_top, f->band_bottom) : 0.0;
	double of_moved = f->moved * s->factor;

	if (f->scene != rc->scene)
		return;
	bits = fmax(bits - RC_OVERHEAD_BITS, 0.0);
	/* what told of both told of neither */
	if (of_moved > 2.0 * of_band && f->class == CLASS_P)
		s->factor = rc_clip(s->factor * pow(rc_clip((bits - of_band) / of_moved, 1.0 / CELL_STEP,
							    CELL_STEP), FACTOR_GAIN),
				    1.0 / DRIFT_MAX, DRIFT_MAX);
	else if (of_band > 2.0 * of_moved)
		learn_rows(s, f, fmax(bits - of_moved, 0.0));
	rc_flight_plan_again(rc, CLASS_STILL);
}

/* Of a new picture it is not known yet which rows are dense. */
static void forget_rows(struct rc_sweep *s)
{
	double mean = rc_clip(share_of(s, 0.0, 1.0), SHARE_NEW, SHARE_MAX);

	for (int i = 0; i < RC_CELLS; i++)
		s->share[i] = (float)mean;
	s->drift = 1.0;
	s->rows = MEMORY_NEW;
	s->told = false;
	s->sweeps = s->seen = 0;
}

void rc_band_follow(hvcal_rc_t *rc, const struct rc_flight *f, double q)
{
	struct rc_sweep *s = &rc->sweep;

	s->from = q;
	s->at = s->moved = 0.0;
	s->on = false;
	if (rc_is_new(f->class)) {
		forget_rows(s);
		s->has_page = true;
		s->page = log2(fmax(f->bits, 1.0)) + SLOPE * q;
	}
}

/* The size of what is new tells what the rows of this picture cost, and cost in flight. */
void rc_band_page(hvcal_rc_t *rc, const struct rc_flight *f, double bits)
{
	struct rc_sweep *s = &rc->sweep;
	double page = log2(fmax(bits, 1.0)) + SLOPE * f->point.q, times = exp2(page - s->page);

	if (!rc_is_new(f->class) || f->scene != rc->scene)
		return;
	s->page = page;
	for (unsigned int i = 0; i < HVCAL_RC_IN_FLIGHT; i++) {
		if (rc->flights[i].scene != rc->scene)
			continue;
		rc->flights[i].whole *= times;
		rc->flights[i].moved *= times;
	}
	rc_flight_plan_again(rc, CLASS_STILL);
}

double rc_band_expected(const hvcal_rc_t *rc, const struct rc_flight *f)
{
	const struct rc_sweep *s = &rc->sweep;

	return fmax(f->whole * s->drift * share_of(s, f->band_top, f->band_bottom) +
		    f->moved * s->factor, RC_OVERHEAD_BITS);
}
