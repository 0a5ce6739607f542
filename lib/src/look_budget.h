/* SPDX-License-Identifier: MIT */
/*
 * How many rows of blocks of a picture are looked at, so that looking stays cheap on
 * average. One slow picture says nothing: the CPU clock of some machines moves in
 * steps of 10 ms. Pure; the caller brings the times. No locks: one thread at a time.
 */
#ifndef HVCAL_LOOK_BUDGET_H
#define HVCAL_LOOK_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct hvcal_look_budget {
	uint64_t frame_ns;	/* allowed per picture, on average */
	uint64_t debt_ns;	/* spent beyond that, and not saved since */
	uint64_t spent_ns;	/* since the last change */
	uint32_t frames;	/* since the last change */
	uint32_t patience;	/* frames before more rows are tried again */
	uint32_t row_step;	/* 1: all rows, 2, 4, 8; 0: no picture at all */
};

void hvcal_look_budget_init(struct hvcal_look_budget *b, uint64_t frame_ns);

/** One picture took @ns, 0 if it was not looked at. True: row_step changed. */
bool hvcal_look_budget_spend(struct hvcal_look_budget *b, uint64_t ns);

#endif
