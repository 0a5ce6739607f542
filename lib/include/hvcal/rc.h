/* SPDX-License-Identifier: MIT */
/*
 * HVCAL rate control: which quantiser each frame gets.
 *
 * A controller for encoders that take one quantiser a frame. It stands alone:
 * no threads, no clock, no files, no globals; time and sizes are passed in, and
 * nothing is allocated after hvcal_rc_create(). Equal calls give equal answers.
 *
 * A frame:
 *
 *     hvcal_rc_decide(rc, &frame, &decision);   before it is encoded
 *     ... encode with decision.qp, or drop it ...
 *     hvcal_rc_check(rc, decision.id, bytes, &decision);  where the engine can undo
 *     hvcal_rc_report(rc, decision.id, bytes, HVCAL_RC_QP_AS_DECIDED);
 *
 * Reports may come later, in any order, or never: see "Late".
 *
 * The equations. q is log2 of the quantiser step, so that every codec is the
 * same to the controller; all logarithms are to base 2.
 *
 * Scales    H.264, HEVC: q = QP/6 + log 0.625 (H.264 8.5.9: the step doubles
 *           every 6, 0.625 at 0). VP9, AV1: q = log(ac(qindex) / 8), ac being the
 *           AC table of the VP9 bitstream specification 8.6.1, 8 bits, which is
 *           AV1's, too (7.12.2).
 * Model     log bits = a - g (q - q0) - h (q - qref) + b log cost + noise, for
 *           each class of frames: key, cut, part, base layer, upper layer. g is the
 *           slope of R ~ Qstep^-g (Ma, Gao, Lu: "Rate-distortion analysis for
 *           H.264/AVC", 2005, with g = 1; measured 1.1 to 3 over clips). h is what
 *           a step against the reference costs beyond that: a finer frame
 *           also codes what its reference left out (Chromium's rate controller
 *           uses the ratio of the steps in the same place). Blocks that are skipped
 *           keep their quality: qref is a moving mean (1/2) of the quantisers (own
 *           measurement: errors three frames ahead are 5 % less). (a, g, h) follow by a
 *           Kalman filter (Kalman 1960) with a random walk in each, its noise taken
 *           from differences of two errors (von Neumann 1941), which see no ramp; the
 *           first values and b (0.6 inter; what is new: 0.58 intra, 0.35 detail) are
 *           a fit to x264 at constant QP on the clips of `make bench-rc`. Intra cost is
 *           that of half the picture; the detail it has lost nearly halves what the
 *           guess is off. A new scene takes the level of P frames back to what is
 *           usual of scenes, and the slope half the way to the first.
 * Curve     where the hint has one, what is new in a frame is relative to that: level and
 *           slope near the target come from it, the filter learns what is left. Bits a
 *           pixel = (0.94 L + 0.063)^1.13, L being the mean length in bits of the
 *           coefficients of intra residuals in quarters of the step (all lengths: the
 *           area under their distribution on a log scale). That sizes follow from the
 *           distribution of coefficients alone is He and Mitra's ("A unified
 *           rate-distortion analysis framework for transform coding", 2001), who count
 *           those that are not zero; own fit to x264's key frames at QP 16 to 40. VP9
 *           needs 0.2 more (log). A key frame of CBR whose size is so known is aimed at 0.4
 *           of the buffer and three frames' worth at most.
 * Stills    where the hint says that nothing moves, a frame costs
 *           r K(q) min(1, qcoded - q), qcoded being where it was last coded, not
 *           skipped, and K being a key frame's bits at q: what is not
 *           refined is skipped (own measurement; r follows the sizes). The same bounds a
 *           frame that moves little, and the first 8 of a new scene; the buffer is
 *           left a third full while a still is refined, as the sooner it is fine the
 *           longer that is of use;
 *           one step of about a QP is always tried, or r could not follow.
 * Bands     with HVCAL_RC_BANDS a still picture is refined from above to below, 5 QP
 *           at a time, as far in each frame as its bits go (encoders' own control of
 *           rows is the idea; the numbers are own measurement). What a row costs is
 *           N 2^(0.6 (qnew - q)) c, N being the bits of the frame that brought the
 *           picture and c a share for each of 32 parts of the height, which follows the
 *           sizes; a drift for all of them follows within a sweep. The rest keeps the
 *           coarser of the two quantisers: it is skipped. What moves a little costs
 *           min(1, 3 inter/intra) of N, and is as fine as its rows when there are bits
 *           for that. It ends at the lowest QP or a step of 2 (QP 10), saturated LOW:
 *           what is left is rounding. Then q, for frames that move, is the rows' mean.
 * Buffer    level(t) = max(0, level - rate dt) + bits: the leaky bucket of H.264
 *           annex C. "planned" level: frames whose size is not known yet count
 *           with what the model expects (x264 plans for its frame threads so).
 * Target    T = B - r dt - (level - debt - set) dt / tau, B = rate dt. A frame
 *           that had to be large (key, cut) leaves a debt, which is paid at r,
 *           evenly over a horizon, so that its price is not the quality of the
 *           next three frames. tau grows with the lateness of sizes. Where the mean of
 *           recent errors is beyond 0.4 of the noise, the model is on a ramp (Holt's
 *           trend, 1957): T is divided by what it lags behind, and more so for each frame
 *           in flight. VBR: T follows an account over 3 s, but beyond half of the buffer
 *           it is no more than rate dt, less up to 0.6 of that where it is full.
 * Window    CBR: e = S - debt - rate (1 s - dt), S being what went out in the last second,
 *           planned or known, kept in 64 bins. 0.15 of what e is above 3 % of the rate is taken
 *           off T, and P frames are aimed at no more than keeps it within 5 % (8 % with a cut
 *           in that second), but 0.4 B. Only what a new scene or an old queue owes counts as
 *           debt. The second before the first frame, or before a new rate, counts as if it
 *           had been at the rate. The bits of a sliding second are what receivers measure
 *           (Android CDD 5.2 has a limit for it); the guard is own work. A cut or part gets no
 *           more than keeps S within 10 % of the rate, or three frames' worth where that is more,
 *           but one frame's: pages that are leafed through.
 * Cuts      a frame with little left to refer to: the hint says so, or inter cost is
 *           most of intra cost. It must cost more than the frames before it, too, or
 *           noise would be a row of cuts. It has a model of its own, which begins as
 *           that of key frames, and up to 3 frames' worth of bits (2.75 where its size is
 *           known), or 2 soon after a lower rate. One that costs much less than its curve
 *           says was not as new as it seemed, and tells little. Trend and noise (no more
 *           than 0.12) of P frames begin anew with it. Without hints, a P frame of four
 *           times what was expected and three budgets was a cut: doubt and free steps as
 *           after one.
 * Parts     a window or a page that changes: inter cost was less than 0.06 of intra cost
 *           and jumps, but is a share s of that. As a cut, with a model of its own and cost
 *           min(1, 3 s) of a key frame's (the 3 from a PDF that scrolls).
 * Late      every report plans the frames in flight again, with the model as it is
 *           then. A planned frame's error is not seen yet: tau grows and corrections
 *           shrink with config.delay, or with the frames that were in flight lately
 *           where those are more; so do steps with the frames that are in flight
 *           now, but for those after which a + k s stays within B ("Unseen"). The
 *           guard of the buffer gives way by config.delay frames. set grows by s B for each,
 *           s being the model's noise: what drains out of an empty buffer is lost for good,
 *           as no later frame may take it (the mean's error is the share of that time).
 *           For those that config.delay does not tell of, to 0.4 of the buffer at most, and
 *           the last second takes 0.6 / (1 + n) of a frame at most, n of them being inside;
 *           steps shrink as by 0.7 of them.
 *           Frames of an old scene, reported after a cut, leave the doubt that it raised. A
 *           trend to less is believed by half. Beyond 0.7 of the buffer (0.3 s at most) T
 *           falls by the share of that too: a content that grows is seen late (own
 *           measurement).
 * Unseen    P frames get no finer than where a + k s stays within two budgets (three
 *           with sizes at once), less the mean of recent errors, s^2 = x' P x being the
 *           filter's own doubt at that q, or one quantiser beyond the newest that was
 *           seen. After a cut the slope is doubted, too.
 * Guards    q such that a + k sigma keeps level + bits within the buffer and the
 *           frame within its ceiling; sigma is that of the model's recent
 *           errors (the idea is Chromium's). For the buffer no P frame is aimed at less
 *           than 0.2 B 2^(-6 x), x being what the buffer holds too much, of its size:
 *           less drains hardly sooner, and each needs a coarser step.
 * Wave      VP9, AV1, CBR: of five P frames one is finer than the others by 2^0.3 of the
 *           step (1.8 QP). They take over its quality, which is paid once. Low-delay test
 *           conditions of HEVC layer quantisers so; the sizes are own measurement. What is
 *           solved for is the mean of a cycle, qref being its mean. Not in the first
 *           0.6 s of P frames of a scene, nor with late sizes, layers, a new rate, an old
 *           queue or a buffer of less than four frames.
 * Layers    upper frames are coarser by log 2^(1/3) (2 QP). With base_percent the base
 *           layer alone is a stream, too, as sub-layers have an HRD of their own in
 *           HEVC (annex C, E.2.3): a second bucket, drained at that share, which only
 *           base frames fill. They get no more than T' = B' - (level' - debt - set') dt / tau,
 *           B' being the share over the time of a base frame, and their guard is that
 *           of both buckets. What they leave over goes to upper frames, down to the
 *           quantiser of the base layer.
 * Retarget  the level keeps its bits, hence scales in time; the model stays; the
 *           step to the new q comes out of the model at once: dq =
 *           log(old/new) / (g + h), then on to log(old/new) / g. What is queued
 *           above the set point is debt and is paid with drain_percent of the rate,
 *           also where a cut adds its own.
 *           After a lower rate, for 6 frames, steps back are short and a frame may
 *           cost 1.2 of the mean, not 3. While debt of it is left there are no crests,
 *           what refining alone may cost is 0.7 of a frame, not 2, stills take one step at
 *           a time, and a trend to less is no reason to be finer. For that time, and three
 *           seconds at least, tau is shorter and a cut has 2 frames' worth.
 * Dither    the fraction that a whole quantiser cannot express is carried to the
 *           next frame (error diffusion), with hysteresis against flutter.
 * lambda    0.85 2^((QP - 12) / 3) (Sullivan, Wiegand 1998), on q: 0.85 * 2^(2 q) *
 *           2^(-2 q12), q12 being q of QP 12.
 * GOP       hvcal_rc_allocate(): D = w Qstep^2 / 12 and R as above give equal
 *           slopes where w Qstep^2 / (g R) is the same for all frames
 *           (Shoham, Gersho 1988); solved for the sum by bisection.
 *
 * Thread-safety: calls on one controller come one after another; different
 * controllers are independent. Errors are negative errno values.
 */
#ifndef HVCAL_RC_H
#define HVCAL_RC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HVCAL_RC_API __attribute__((visibility("default")))
#else
#define HVCAL_RC_API
#endif

/** What is held; the numbers are those of enum hvcal_rc_mode. */
enum hvcal_rc_control {
	HVCAL_RC_CONTROL_CQP = 1,	/**< config.qp; guards only with a vbv_ms */
	HVCAL_RC_CONTROL_CBR = 2,	/**< bitrate, in every window of about a second */
	HVCAL_RC_CONTROL_VBR = 3,	/**< bitrate over seconds, maxrate in the buffer */
	HVCAL_RC_CONTROL_ICQ = 4,	/**< quality; maxrate in the buffer if there is one */
};

/** Quantiser scales: what decision.qp counts in. */
enum hvcal_rc_scale {
	HVCAL_RC_SCALE_H26X = 0,	/**< H.264, HEVC: 0..51 */
	HVCAL_RC_SCALE_QINDEX = 1,	/**< VP9, AV1: 0..255 */
	HVCAL_RC_SCALE_VP9 = 2,		/**< libvpx's own for VP9: 0..63 */
};

/** enum hvcal_rc_config.flags */
#define HVCAL_RC_DROP	(1U << 0) /**< frames may be dropped before encoding */
#define HVCAL_RC_RECODE	(1U << 1) /**< the engine can take a frame back and code it again */
#define HVCAL_RC_BANDS	(1U << 2) /**< the engine takes a quantiser for a band of rows */

#define HVCAL_RC_LAYERS 2
/** Points of a hint's curve. */
#define HVCAL_RC_CURVE 8
/** More frames than this without a report: the oldest counts as predicted. */
#define HVCAL_RC_IN_FLIGHT 32

/** Limits within which a configuration is accepted. */
#define HVCAL_RC_RATE_MIN 10000ULL		/**< bits/s */
#define HVCAL_RC_RATE_MAX 2000000000ULL		/**< bits/s */
#define HVCAL_RC_FPS_MIN 1.0
#define HVCAL_RC_FPS_MAX 1000.0

/** Zero in a field that is marked (0: x) means x. */
struct hvcal_rc_config {
	uint32_t control;	/**< enum hvcal_rc_control */
	uint32_t scale;		/**< enum hvcal_rc_scale */
	uint32_t width;		/**< pixels, 1..65536 */
	uint32_t height;	/**< pixels, 1..65536 */
	double fps;		/**< expected; frames' times are believed after that */
	uint64_t bitrate;	/**< bits/s; CBR, VBR */
	uint64_t maxrate;	/**< bits/s, drains the buffer; VBR (0: 1.5 bitrate), ICQ, CQP (0: none) */
	uint32_t vbv_ms;	/**< buffer in ms of what drains it (0: 500); raised to one frame */
	uint32_t flags;		/**< HVCAL_RC_* */
	int32_t qp;		/**< CQP, in units of the scale */
	int32_t qp_min;		/**< lowest allowed */
	int32_t qp_max;		/**< highest allowed (0: the scale's) */
	uint32_t quality;	/**< ICQ: 1 best .. 51 worst, about x264's crf */
	uint32_t key_interval;	/**< frames from key to key, 0 only on demand */
	uint32_t layers;	/**< temporal layers, 1 or 2 (0: 1) */
	uint32_t delay;		/**< frames by which sizes come late, 0..16 */
	uint32_t frame_ceiling;	/**< bytes no frame shall exceed, 0 none */
	uint32_t drain_percent;	/**< of the rate, to pay a queue after a retarget (0: 10) */
	uint32_t base_percent;	/**< layers 2: of what drains the buffer, no more goes to layer 0
				 *   alone, through a vbv_ms buffer of its own (0: no such limit) */
	uint32_t band_rows;	/**< BANDS: pixels; bands begin and end at multiples of it (0: 16) */
};

/**
 * What an analysis of the pictures knows of a frame before it is encoded. Every
 * field may be zero: not known.
 */
struct hvcal_rc_hint {
	float inter_cost;	/**< SATD-like cost a pixel, predicted from the frame before */
	float intra_cost;	/**< the same, predicted from the frame itself */
	float cut;		/**< 0..1: likelihood of a scene cut */
	float screen;		/**< 0..1: likelihood of screen content */
	uint32_t is_static;	/**< not 0: equal to the frame before */
	float detail;		/**< mean second difference along rows, of 8-bit samples */
	/** Bits a pixel of it as a key frame, at steps of 2^i; all of them, or zeros. */
	float curve[HVCAL_RC_CURVE];
};

struct hvcal_analysis_result;

/**
 * The hint out of what hvcal/analysis.h saw. @key: the frame will be a key frame.
 * -ENODATA: nothing is known, as no picture was seen before; -EINVAL: a NULL.
 */
HVCAL_RC_API int hvcal_rc_hint_take(struct hvcal_rc_hint *hint,
				    const struct hvcal_analysis_result *seen, int key);

/** A frame that is to be encoded. */
struct hvcal_rc_frame {
	int64_t time_ns;	/**< capture time; not after the one before: taken as equal */
	uint32_t key;		/**< not 0: will be a key frame */
	uint32_t layer;		/**< temporal layer, 0 base */
	uint32_t no_band;	/**< not 0: this one cannot have a band, whatever HVCAL_RC_BANDS says */
	const struct hvcal_rc_hint *hint; /**< NULL none; read during the call only */
};

enum hvcal_rc_action {
	HVCAL_RC_ENCODE = 0,
	HVCAL_RC_DROP_FRAME = 1,	/**< do not encode; nothing to report */
	HVCAL_RC_ENCODE_AGAIN = 2,	/**< undo, encode with the new qp */
};

enum hvcal_rc_saturation {
	HVCAL_RC_SATURATED_NOT = 0,
	HVCAL_RC_SATURATED_HIGH = 1,	/**< highest QP and still too large: scale down */
	HVCAL_RC_SATURATED_LOW = 2,	/**< lowest QP and still below the rate: scale up */
};

struct hvcal_rc_decision {
	uint32_t id;		/**< names the frame to the other calls */
	uint32_t action;	/**< enum hvcal_rc_action */
	int32_t qp;		/**< in units of the scale */
	float qp_exact;		/**< the same with its fraction, for engines with finer steps */
	uint32_t target_bytes;	/**< what is aimed at */
	uint32_t expected_bytes; /**< what the model expects at qp */
	uint32_t max_bytes;	/**< no more fits into the buffer or under the ceiling; 0 no limit */
	uint32_t saturated;	/**< enum hvcal_rc_saturation */
	/** With HVCAL_RC_BANDS: rows from band_top to band_bottom, shares of the height
	 *  (0..1), are coded with band_qp, not qp. Equal: there is no band. */
	float band_top, band_bottom;
	int32_t band_qp;
	uint32_t reserved;
	double lambda;		/**< of the Lagrangian, H.264's scale */
};

/** report(): the engine used the decision's QP, as far as anybody knows. */
#define HVCAL_RC_QP_AS_DECIDED INT32_MIN

struct hvcal_rc_status {
	uint64_t bitrate;	/**< in force, bits/s */
	uint64_t maxrate;	/**< what drains the buffer, bits/s; 0 no buffer */
	double level_ms;	/**< planned level */
	double base_level_ms;	/**< the same of the base layer's own buffer; 0 without base_percent */
	double vbv_ms;
	double fps;		/**< as measured from the frames' times */
	double qp_mean;		/**< recent, in units of the scale */
	double slope;		/**< g of the base layer */
	double sigma;		/**< recent error of the model, in log2 of bits */
	uint32_t in_flight;
	uint32_t saturated;	/**< enum hvcal_rc_saturation */
	uint64_t frames;	/**< decided */
	uint64_t dropped;
	uint64_t violations;	/**< reports that left the level above a buffer */
	uint64_t bytes;		/**< reported */
};

typedef struct hvcal_rc hvcal_rc_t;

/** Fills in defaults: CBR, H.264, 30 frames/s, no frame size and no rate. */
HVCAL_RC_API void hvcal_rc_config_init(struct hvcal_rc_config *config);

/**
 * Makes a controller. @config is copied. -EINVAL: a field is out of its limits;
 * *rc is NULL then. -ENOMEM. The caller owns *rc.
 */
HVCAL_RC_API int hvcal_rc_create(const struct hvcal_rc_config *config, hvcal_rc_t **rc);
/** Frees it and sets *rc to NULL. NULL and pointer to NULL are allowed. */
HVCAL_RC_API void hvcal_rc_destroy(hvcal_rc_t **rc);
/** Copies the whole state: to roll back to, or to try something on. */
HVCAL_RC_API void hvcal_rc_copy(hvcal_rc_t *to, const hvcal_rc_t *from);

/**
 * New limits from the next frame on; no key frame needed. -EINVAL: out of limits
 * or another scale, nothing is changed. Another size scales the model by pixels.
 */
HVCAL_RC_API int hvcal_rc_retarget(hvcal_rc_t *rc, const struct hvcal_rc_config *config);

/** The configuration in force, with the defaults filled in. */
HVCAL_RC_API void hvcal_rc_get_config(const hvcal_rc_t *rc, struct hvcal_rc_config *config);

/**
 * Decides on a frame. Always answers within the limits of the configuration,
 * whatever came before. -EINVAL: a NULL or a layer that is not there.
 */
HVCAL_RC_API int hvcal_rc_decide(hvcal_rc_t *rc, const struct hvcal_rc_frame *frame,
				 struct hvcal_rc_decision *decision);

/**
 * Before a frame is let out: does it fit? decision->action is HVCAL_RC_ENCODE
 * (let it out and report it), HVCAL_RC_ENCODE_AGAIN (with decision->qp; only with
 * HVCAL_RC_RECODE) or HVCAL_RC_DROP_FRAME (only with HVCAL_RC_DROP; the engine must
 * undo it, and nothing is to be reported). -ENOENT: no such frame in flight.
 */
HVCAL_RC_API int hvcal_rc_check(hvcal_rc_t *rc, uint32_t id, uint64_t bytes,
				struct hvcal_rc_decision *decision);

/**
 * A frame's size, and its QP where the engine says so. 0 bytes: the engine
 * dropped it. -ENOENT: no such frame in flight (reported already, or too late);
 * nothing is changed.
 */
HVCAL_RC_API int hvcal_rc_report(hvcal_rc_t *rc, uint32_t id, uint64_t bytes, int32_t qp);

HVCAL_RC_API void hvcal_rc_get_status(const hvcal_rc_t *rc, struct hvcal_rc_status *status);

/** A quantiser of a scale as log2 of its step, and the nearest quantiser to one. */
HVCAL_RC_API double hvcal_rc_qp_to_log2(uint32_t scale, double qp);
HVCAL_RC_API int32_t hvcal_rc_log2_to_qp(uint32_t scale, double log2_step);

/** One frame of a group for hvcal_rc_allocate(). */
struct hvcal_rc_share {
	double log2_bits;	/**< in: at a step of 1 (q = 0) */
	double slope;		/**< in: g, > 0 */
	double weight;		/**< in: how much its distortion counts, > 0 */
	double q;		/**< out: log2 of the step */
	double bits;		/**< out */
};

/**
 * Shares out @bits over @count frames so that all have the same slope of weighted
 * distortion over rate. -EINVAL: a value that is not finite and positive.
 */
HVCAL_RC_API int hvcal_rc_allocate(struct hvcal_rc_share *frames, size_t count, double bits);

/** enum hvcal_rc_loss.can */
#define HVCAL_RC_CAN_LTR	(1U << 0) /**< a long-term reference the receiver has */
#define HVCAL_RC_CAN_REFRESH	(1U << 1) /**< intra refresh */

/** What is known when a receiver needs to get in, or in again. */
struct hvcal_rc_loss {
	uint32_t can;		/**< HVCAL_RC_CAN_* */
	uint32_t joined;	/**< not 0: a receiver that has nothing: only a key frame helps */
	double loss;		/**< 0..1: share of frames lost lately */
	double limit_ms;	/**< how long the picture may stay broken, 0: 1000 */
};

enum hvcal_rc_recovery {
	HVCAL_RC_RECOVER_LTR = 1,	/**< the next frame refers to the long-term reference */
	HVCAL_RC_RECOVER_REFRESH = 2,	/**< start one cycle of intra refresh */
	HVCAL_RC_RECOVER_KEY = 3,	/**< a key frame */
};

struct hvcal_rc_gop {
	uint32_t recovery;	/**< enum hvcal_rc_recovery, for what is broken now */
	uint32_t refresh_frames; /**< length of a cycle that the buffer can carry */
	uint32_t key_interval;	/**< frames; 0: no periodic key frames are needed */
};

/**
 * Dynamic GOP: the cheapest thing that repairs the picture in time. A long-term
 * reference costs about a P frame, a cycle of intra refresh spreads a key frame
 * over frames, a key frame is the last resort; only when loss makes repairs
 * frequent and neither of the first is there, shorter groups are advised.
 */
HVCAL_RC_API int hvcal_rc_advise_gop(const hvcal_rc_t *rc, const struct hvcal_rc_loss *loss,
				     struct hvcal_rc_gop *gop);

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_RC_H */
