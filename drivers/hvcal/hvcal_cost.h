/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_COST_H
#define HVCAL_COST_H

#include <linux/types.h>

/*
 * What a frame costs an engine, learned from what frames did cost, and how long
 * the watchdog gives it. One model for each (engine, codec, bit depth, preset,
 * size class). No locks, no clock.
 *
 * The estimate is the 99th percentile of ns per megapixel (the second largest of
 * few samples) over the last half to whole second, but at least the last 16
 * frames: high enough to plan with, deaf to a single outlier, and rid of the past
 * after a second, whether the clock went up or down. It is kept in two histograms
 * of 16 buckets an octave, one being filled and the one before it.
 */

#define HVCAL_COST_BUCKETS 512

struct hvcal_cost_window {
	u32 total;
	u64 max;			/* of its samples */
	u16 count[HVCAL_COST_BUCKETS];
};

struct hvcal_cost {
	u64 ns_per_mpix;		/* the estimate */
	u64 planned;			/* the estimate that admission goes by */
	u32 samples;			/* learned so far, saturating */
	u64 window_start_ns;
	struct hvcal_cost_window now;
	struct hvcal_cost_window before;
};

/*
 * A provider's own claim is a seed only: engines are 2.5 times as slow as said,
 * and none is faster than 20 us a megapixel. 0: nothing is claimed.
 */
u64 hvcal_cost_seeded(u64 claimed_ns_per_mpix);
void hvcal_cost_seed(struct hvcal_cost *c, u64 claimed_ns_per_mpix);
/*
 * One frame of @pixels took @ns. True: the estimate has left the plan behind by
 * 1/16 up or 1/8 down, and what was planned is to be planned anew.
 */
bool hvcal_cost_learn(struct hvcal_cost *c, u64 now_ns, u64 ns, u32 pixels);
/* What a frame of @pixels takes at @ns_per_mpix, ns. */
u64 hvcal_cost_predict(u64 ns_per_mpix, u32 pixels);
/* Frames of about the same size have the same class: a factor of two each. */
u32 hvcal_cost_size_class(u32 pixels);

/*
 * Watchdog budget of a frame, ns: the largest of four times the expected cost,
 * two periods and @floor_ns, but not above @cap_ns. Nothing learned: @cap_ns.
 */
u64 hvcal_cost_budget(const struct hvcal_cost *c, u32 pixels, u64 period_ns,
		      u64 floor_ns, u64 cap_ns);

#endif /* HVCAL_COST_H */
