/* SPDX-License-Identifier: MIT */
/* State of the rate controller, and what its parts offer each other. */
#ifndef HVCAL_RC_INTERNAL_H
#define HVCAL_RC_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <hvcal/rc.h>

#define NS_PER_S 1e9
/* Share of a key frame that refining a picture by a step costs, until it is seen. */
#define RC_REFINE 0.4
#define RC_KEY_FRAMES 4.0	/* a key frame costs as much as that many others */
#define RC_Q_CENTRE 3.5		/* about QP 25: keeps a model's a and g apart at first */
#define RC_CELLS 32		/* rows of which that is known, from above to below */
#define RC_OVERHEAD_BITS 64.0	/* no frame is smaller */

enum rc_class {
	CLASS_KEY,
	CLASS_CUT,	/* not a key frame, but little is left to refer to */
	CLASS_PART,	/* a part of the picture is new: a window, a page */
	CLASS_P,	/* base layer */
	CLASS_UPPER,	/* upper temporal layer */
	CLASS_STILL,	/* nothing moves: costs what it is refined by */
	CLASSES,
};

/* What is known of a frame's size before it is coded. */
enum rc_basis {
	BASIS_NONE,
	BASIS_COST,	/* the hint's costs */
	BASIS_CURVE,	/* bits at each quantiser */
	BASES,
};

/* What a model is asked about, or learns from. */
struct rc_point {
	double q;	/* log2 step */
	double q_ref;	/* of the reference; unused for keys and cuts */
	double cost;	/* weighted log2 of the cost, 0 if it is not known */
	double tilt;	/* slope beyond the model's, by the hint's curve */
};

/* log2 bits = a - g (q - Q_CENTRE) - h (q - q_ref) + cost; a Kalman filter on (a, g, h). */
struct rc_model {
	double a, g, h;
	double p[3][3];			/* covariance */
	double variance;		/* of the recent errors, log2 */
	double last_error;
	double usual;			/* of a over its first guess, scene by scene */
	double trend;			/* mean of the recent errors: what it lags behind */
	unsigned int seen;
	enum rc_basis basis;		/* what a is relative to */
};

#define RC_WINDOW_BINS 64	/* of a second; divides it into whole ns */

/* What went out in the last second, in the bits of its parts: planned or known. */
struct rc_window {
	int64_t clock_ns;	/* time, without what was odd about it */
	int64_t now, since;	/* bins: this one, -1 none, and the first that is not assumed */
	int64_t cut, scene;	/* the last one with a cut, with a cut or key */
	double bits[RC_WINDOW_BINS];
};

/* A frame whose size is not known yet. */
struct rc_flight {
	uint32_t id;
	enum rc_class class;
	struct rc_point point;
	double bits;		/* as planned, or as it was */
	double drained;		/* of the buffer, since the frame before */
	double refined;		/* what refining alone would cost; 0: it does not do that */
	double refine;		/* rc.refine that was so planned with */
	double owed;		/* part of debt that came with it */
	double mean_bits;	/* what one frame may take on average, then */
	int64_t bin;		/* of window */
	double room;		/* what fits into the buffer and under the ceiling */
	int qp;
	uint32_t scene;
	double band_top, band_bottom; /* what was refined, shares of the height; equal: nothing */
	double whole;		/* what all of the height would cost by a share of 1 */
	double moved;		/* what those parts were expected to cost by a factor of 1 */
	unsigned int sweep;	/* rc.sweep.sweeps */
	bool swept;		/* planned by band.c */
	bool used;		/* its size is awaited */
	bool upper;		/* of the upper layer */
	enum rc_basis basis;	/* of point.cost */
	unsigned int tries;
};

/* A still picture is refined from above to below, by bands. */
struct rc_sweep {
	double from, to;	/* q of the rows below and above */
	double before;		/* from, before the newest band */
	double at;		/* where they meet, as a share of the height; 0: all is from */
	/* of a picture that is new: what refining it by a sweep costs, row by row */
	float share[RC_CELLS];
	double drift;		/* times that, lately */
	double rows;		/* share of the height that this was learnt from */
	double page;		/* log2 bits of what was new, as at q = 0 */
	double moved;		/* share that moved since it was as fine as its rows */
	double moved_q;		/* what it was coded with since */
	double factor;		/* on what that is expected to cost */
	unsigned int sweeps, seen; /* of this scene, done; the last that a size told of */
	bool on;		/* what came last stood still, or moved little */
	bool has_page;
	bool told;		/* a band of this scene was seen */
};

struct hvcal_rc {
	struct hvcal_rc_config config;

	/* time */
	bool started;
	int64_t last_ns;
	double interval;	/* s, smoothed */
	double last_interval;	/* s, the last one */

	/* the buffer, in bits and bits/s */
	double rate;		/* drains it; 0 no buffer */
	double mean_rate;	/* is to be reached */
	double size;
	double level;		/* planned */
	double base_level, base_settled; /* the same of the base layer's own */
	double settled;		/* the level before the oldest frame whose size is awaited */
	double drained;		/* since the last frame */
	double ease;		/* allowed beyond size after a retarget */
	double ease_rate;
	double debt;		/* of level: paid slowly */
	double debt_rate;
	double account;		/* signed, against mean_rate: VBR */

	struct rc_window window;

	struct rc_model models[CLASSES];
	bool known[CLASSES];	/* the model has seen a frame */
	double cost_last[CLASSES]; /* as in rc_point.cost */
	double q_ref;		/* of the last frame of the base layer: the reference */
	double q_coded;		/* what a still picture was last coded with: skipping is none */
	double q_left;		/* what its quality is about: blocks that are skipped keep theirs */
	double q_seen, bits_seen; /* of the newest P frame whose size is known */
	double q_cycle;		/* mean of the P frames, about a cycle of wave.c */
	unsigned int cycle;	/* P frames that it may go over, in a row */
	double q_key;		/* of the last key or cut */
	double scene_cost, scene_tilt; /* what its curve says beyond its costs */
	uint32_t scene_whole;	/* the newest that is no part */
	uint32_t scene, seen;	/* keys and cuts so far; the last that a P frame told of */
	bool refine_guess;	/* nothing was refined lately: that share is a guess */
	double refine;		/* share of a key frame that a step finer costs */
	bool bands;		/* this frame may have one */
	struct rc_sweep sweep;
	double carry;		/* fraction that the last quantisers left over */
	int last_qp;		/* of the base layer */
	bool have_qp;
	double qp_mean;
	unsigned int open;	/* frames for which steps are not limited */
	unsigned int falling;	/* frames for which the rate has just been lowered */
	double wary;		/* s for which what comes next is kept small after that */
	double cost_mean;	/* ICQ: log2 of the usual cost */
	bool have_cost_mean;
	double share_usual;	/* inter cost of frames lately, of the intra cost; 0 not known */
	double late;		/* frames by which sizes are late */
	double upper_share;	/* of frames that are of the upper layer */

	unsigned int saturated_for[3];	/* by enum hvcal_rc_saturation */
	uint32_t saturated;

	struct rc_flight flights[HVCAL_RC_IN_FLIGHT];
	uint32_t next_id, oldest;	/* of those that make the level */
	uint32_t in_flight;

	uint64_t frames, dropped, violations, bytes;
};

/* ---- scale.c ---- */

int rc_scale_max(uint32_t scale);
bool rc_scale_valid(uint32_t scale);
/* The inverse of hvcal_rc_qp_to_log2(), with its fraction. */
double rc_log2_to_qp_exact(uint32_t scale, double q);

/* ---- model.c ---- */

double rc_model_predict(const struct rc_model *m, const struct rc_point *at);
/* q at which log2 bits are expected; at->q is ignored. */
double rc_model_solve(const struct rc_model *m, const struct rc_point *at, double log_bits);
void rc_model_learn(struct rc_model *m, const struct rc_point *at, double log_bits);
void rc_model_lower(struct rc_model *m, const struct rc_point *at, double log_bits);
/* What was learnt of the level counts less: it is @deviation off, perhaps. */
void rc_model_doubt(struct rc_model *m, double deviation);
/* The same of the slope: the scene is another one. */
void rc_model_doubt_slope(struct rc_model *m, double deviation);
/* Another scene: how its errors went says little of the new one's. */
void rc_model_calm(struct rc_model *m);
/* A new scene: what was learnt of the one before holds as far as it is usual. */
void rc_model_leave(struct rc_model *m, enum rc_class class, double pixels);
/* A first guess for a class, from the size of the pictures alone. */
void rc_model_prior(struct rc_model *m, enum rc_class class, double pixels,
		    enum rc_basis basis);
/* How far off a prediction may be by what was not learnt yet: log2, one sigma. */
double rc_model_doubt_at(const struct rc_model *m, const struct rc_point *at);
/* What a prediction is short of on a ramp, so many frames ahead: log2. */
double rc_model_lag(const struct rc_model *m, double unseen);
double rc_model_sigma(const struct rc_model *m);

/* ---- buffer.c ---- */

void rc_buffer_configure(hvcal_rc_t *rc);
void rc_buffer_retarget(hvcal_rc_t *rc, double old_rate);
void rc_buffer_advance(hvcal_rc_t *rc, double seconds);
void rc_buffer_add(hvcal_rc_t *rc, double bits);
/* The same, of the long account alone. */
void rc_buffer_count(hvcal_rc_t *rc, double bits);
void rc_buffer_owe(hvcal_rc_t *rc, double bits, double seconds);
double rc_buffer_set_point(const hvcal_rc_t *rc);
double rc_buffer_room(const hvcal_rc_t *rc);
/* What the base layer's own buffer holds: a share of the other. */
bool rc_base_limited(const hvcal_rc_t *rc);
double rc_base_share(const hvcal_rc_t *rc);
double rc_base_room(const hvcal_rc_t *rc);
double rc_buffer_horizon(const hvcal_rc_t *rc);

/* ---- flight.c ---- */

struct rc_flight *rc_flight_find(hvcal_rc_t *rc, uint32_t id);
struct rc_flight *rc_flight_new(hvcal_rc_t *rc, bool upper);
/* It turned out to be @bits. */
void rc_flight_end(hvcal_rc_t *rc, struct rc_flight *f, double bits);
/* CLASS_STILL: those that band.c planned. */
void rc_flight_plan_again(hvcal_rc_t *rc, enum rc_class class);
/* What may be counted on, of a model's log2 bits. */
double rc_flight_expected(double log_bits);

/* ---- class.c ---- */

bool rc_cost_known(const struct hvcal_rc_hint *hint);
/* log2 of what a frame costs more than one of cost 1. */
double rc_cost_inter(const struct hvcal_rc_hint *hint);
double rc_cost_intra(const struct hvcal_rc_hint *hint);
/* log2 of the share of a key frame that a part costs. */
double rc_part_share(const struct hvcal_rc_hint *hint);
enum rc_class rc_class_of(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame);
/* Makes the class's model fit what is known of this frame. */
void rc_class_prepare(hvcal_rc_t *rc, enum rc_class class, const struct hvcal_rc_hint *hint);

/* ---- window.c ---- */

/* The second before counts as if it had been at the rate. */
void rc_window_forget(hvcal_rc_t *rc);
void rc_window_advance(hvcal_rc_t *rc, double seconds);
/* What a frame of @bin was has changed by @bits. */
void rc_window_change(hvcal_rc_t *rc, int64_t bin, double bits);
double rc_window_sum(const hvcal_rc_t *rc);
/* What is taken off a frame for what the last second had too much. */
double rc_window_off(const hvcal_rc_t *rc, double mean);
/* What a frame may have for its second not to have too much. */
double rc_window_room(const hvcal_rc_t *rc, double mean);
/* What is left for a picture that is new, where many came within a second. */
double rc_window_left(const hvcal_rc_t *rc, double mean);

/* ---- curve.c ---- */

/* hint->curve out of what an analysis counted. */
void rc_curve_take(struct hvcal_rc_hint *hint, const double *coefs);
bool rc_curve_known(const struct hvcal_rc_hint *hint);
/*
 * cost and tilt of @at, by the curve near where it has @log_bpp, log2 of bits a pixel;
 * both are relative to what such frames usually cost.
 */
void rc_curve_point(const struct hvcal_rc_hint *hint, enum rc_class class, double log_bpp,
		    struct rc_point *at);

/* ---- wave.c ---- */

/* What is added to the q that is solved for at @at, which it makes the cycle's. */
double rc_wave(const hvcal_rc_t *rc, enum rc_class class, struct rc_point *at);
/* A frame of the base layer got @q. */
void rc_wave_follow(hvcal_rc_t *rc, enum rc_class class, double q);

/* ---- target.c ---- */

/* Bits that a frame is planned with, @mean being what one may take on average. */
double rc_target_bits(const hvcal_rc_t *rc, enum rc_class class, double mean);
/* What a base frame may take for its layer to keep to its own rate. */
double rc_target_base(const hvcal_rc_t *rc, double mean);

/* ---- guard.c ---- */

/* The least q that keeps the frame within what there is, which is *@room. */
double rc_guard_q(const hvcal_rc_t *rc, const struct rc_flight *f, const struct rc_point *at,
		  const struct hvcal_rc_hint *hint, double mean, double *room);
/* The finest q at which a frame is likely to stay within @bits, by what was seen. */
double rc_sure_q(const hvcal_rc_t *rc, struct rc_point at, double bits);
/* No quantiser can make the frame fit, or the queue is too long already. */
bool rc_guard_drops(const hvcal_rc_t *rc, const struct rc_flight *f, struct rc_point at);

/* ---- refine.c ---- */

/* The buffer may stay fuller: what refines a still picture is of use for as long as it stands. */
bool rc_rests(const hvcal_rc_t *rc, enum rc_class class);
double rc_rest_point(const hvcal_rc_t *rc);
double rc_refine_bits(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double q);
/* The finest q, not above the reference's, whose refinement costs no more than @bits. */
double rc_refine_q(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double bits);
/* One step more, where the buffer is empty anyway. */
int rc_refine_more(hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, int qp, double mean);
bool rc_moves_little(const struct rc_flight *f, const struct hvcal_rc_hint *hint);
/* Refining what stands still may be most of what the frame costs. */
bool rc_refine_counts(const hvcal_rc_t *rc, const struct rc_flight *f,
		      const struct hvcal_rc_hint *hint);
double rc_refine_guard(const hvcal_rc_t *rc, const struct hvcal_rc_hint *hint, double mean,
		       double most);
/* A still frame was @bits; @planned was expected with a share of @refine. */
void rc_refine_learn(hvcal_rc_t *rc, double bits, double planned, double refine);

/* ---- band.c ---- */

void rc_band_init(hvcal_rc_t *rc);
/* Frames that stand still are refined by bands. */
bool rc_band_may(const hvcal_rc_t *rc);
/* This one is, too. */
bool rc_band_takes(const hvcal_rc_t *rc, const struct rc_flight *f,
		   const struct hvcal_rc_hint *hint);
/* The next band, as high as @bits allow; what the frame is expected to cost. */
double rc_band_place(hvcal_rc_t *rc, struct rc_flight *f, const struct hvcal_rc_hint *hint,
		     double bits, struct hvcal_rc_decision *out);
/* The rows are as fine as is of use. */
bool rc_band_done(const hvcal_rc_t *rc);
void rc_band_undo(hvcal_rc_t *rc, struct rc_flight *f);
/* q, the mean over the rows. */
double rc_band_mean(const hvcal_rc_t *rc);
void rc_band_learn(hvcal_rc_t *rc, const struct rc_flight *f, double bits);
/* A frame that is none of a sweep got @q. */
void rc_band_follow(hvcal_rc_t *rc, const struct rc_flight *f, double q);
/* What a frame in flight is expected to cost, by what is known now. */
double rc_band_expected(const hvcal_rc_t *rc, const struct rc_flight *f);
/* A frame that is new was @bits. */
void rc_band_page(hvcal_rc_t *rc, const struct rc_flight *f, double bits);

/* ---- decide.c ---- */

/* What was learnt of P frames is of another scene, or part of one. */
void rc_doubt_scene(hvcal_rc_t *rc, bool part);
/* A new one, or part of one, begins: that, and steps are not limited for a while. */
void rc_open_scene(hvcal_rc_t *rc, bool part);

/* Little of it is predicted from frames before. */
static inline bool rc_is_new(enum rc_class class)
{
	return class == CLASS_KEY || class == CLASS_CUT || class == CLASS_PART;
}

/* Frames by which sizes are later than was said. */
static inline double rc_late_untold(const hvcal_rc_t *rc)
{
	return rc->late > rc->config.delay ? rc->late - rc->config.delay : 0.0;
}

/* An old queue is being paid, or was lately: nothing large shall be added to it. */
static inline bool rc_wary(const hvcal_rc_t *rc)
{
	return rc->ease > 0.0 || rc->wary > 0.0;
}

static inline double rc_clip(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

#endif /* HVCAL_RC_INTERNAL_H */
