/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_COST_H
#define HVCAL_COST_H

#include <linux/types.h>

/*
 * What a frame costs an engine, learned from what frames did cost, and how long
 * the watchdog gives it. One model a stream. No locks, no clock.
 */

struct hvcal_cost {
	u64 ns_per_mpix;	/* high estimate; 0 until something was learned */
	u32 samples;
};

/* A provider's own claim is a seed only: engines are 2.5 times as slow as said. */
void hvcal_cost_seed(struct hvcal_cost *c, u64 claimed_ns_per_mpix);
/* One frame of @pixels took @ns. Follows growth at once and decay slowly. */
void hvcal_cost_learn(struct hvcal_cost *c, u64 ns, u32 pixels);
/* Expected duration of a frame, ns; 0 unknown. */
u64 hvcal_cost_predict(const struct hvcal_cost *c, u32 pixels);

/*
 * Watchdog budget of a frame, ns: the largest of four times the expected cost,
 * two periods and @floor_ns, but not above @cap_ns. Nothing learned: @cap_ns.
 */
u64 hvcal_cost_budget(const struct hvcal_cost *c, u32 pixels, u64 period_ns,
		      u64 floor_ns, u64 cap_ns);

#endif /* HVCAL_COST_H */
