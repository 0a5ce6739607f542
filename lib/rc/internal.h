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

enum rc_class {
	CLASS_KEY,
	CLASS_CUT,	/* not a key frame, but little is left to refer to */
	CLASS_PART,	/* a part of the picture is new: a window, a page */
	CLASS_P,	/* base layer */
	CLASS_UPPER,	/* upper temporal layer */
	CLASS_STILL,	/* nothing moves: costs what it is refined by */
	CLASSES,
};

/* What a model is asked about, or learns from. */
struct rc_point {
	double q;	/* log2 step */
	double q_ref;	/* of the reference; unused for keys and cuts */
	double cost;	/* weighted log2 of the cost, 0 if it is not known */
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
	bool with_cost;			/* a is relative to the hint's cost */
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
	double room;		/* what fits into the buffer and under the ceiling */
	int qp;
	uint32_t scene;
	bool used;		/* its size is awaited */
	bool upper;		/* of the upper layer */
	bool has_cost;
	unsigned int tries;
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
	uint32_t scene_whole;	/* the newest that is no part */
	uint32_t scene, seen;	/* keys and cuts so far; the last that a P frame told of */
	bool refine_guess;	/* nothing was refined lately: that share is a guess */
	double refine;		/* share of a key frame that a step finer costs */
	double carry;		/* fraction that the last quantisers left over */
	int last_qp;		/* of the base layer */
	bool have_qp;
	double qp_mean;
	unsigned int open;	/* frames for which steps are not limited */
	unsigned int falling;	/* frames for which the rate has just been lowered */
	double cost_mean;	/* ICQ: log2 of the usual cost */
	bool have_cost_mean;
	double cost_usual;	/* inter cost of P frames lately, 0 not known */
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
/* A new scene: what was learnt of the one before holds as far as it is usual. */
void rc_model_leave(struct rc_model *m, enum rc_class class, double pixels);
/* A first guess for a class, from the size of the pictures alone. */
void rc_model_prior(struct rc_model *m, enum rc_class class, double pixels, bool with_cost);
/* How far off a prediction may be by what was not learnt yet: log2, one sigma. */
double rc_model_doubt_at(const struct rc_model *m, const struct rc_point *at);
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
void rc_flight_plan_again(hvcal_rc_t *rc, enum rc_class class);
/* What may be counted on, of a model's log2 bits. */
double rc_flight_expected(double log_bits);

/* ---- class.c ---- */

bool rc_cost_known(const struct hvcal_rc_hint *hint);
/* log2 of what a frame costs more than one of cost 1. */
double rc_cost_inter(const struct hvcal_rc_hint *hint);
double rc_cost_intra(const struct hvcal_rc_hint *hint);
double rc_cost_part(const struct hvcal_rc_hint *hint);
enum rc_class rc_class_of(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame);
/* Makes the class's model fit what is known of this frame. */
void rc_class_prepare(hvcal_rc_t *rc, enum rc_class class, const struct hvcal_rc_hint *hint);

/* ---- wave.c ---- */

/* What is added to the q that is solved for at @at, which it makes the cycle's. */
double rc_wave(const hvcal_rc_t *rc, enum rc_class class, struct rc_point *at);
/* A frame of the base layer got @q. */
void rc_wave_follow(hvcal_rc_t *rc, enum rc_class class, double q);

/* ---- decide.c ---- */

/* A still frame was @bits; @planned was expected with a share of @refine. */
void rc_refine_learn(hvcal_rc_t *rc, double bits, double planned, double refine);
/* What was learnt of P frames is of another scene, or part of one. */
void rc_doubt_scene(hvcal_rc_t *rc, bool part);

static inline double rc_clip(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

#endif /* HVCAL_RC_INTERNAL_H */
