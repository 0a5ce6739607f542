/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_PLACE_H
#define HVCAL_PLACE_H

#include <linux/types.h>

#include "hvcal.h"

/*
 * Which engine a session goes to. No locks: the caller describes what is
 * asked and each candidate, and compares.
 */

/* What a session asks for. */
struct hvcal_place_ask {
	u32 op;
	u32 codec;
	u32 format;
	u32 bit_depth;
	u32 width;
	u32 height;
	u32 need;	/* HVCAL_CAP_* */
	u32 gpu;	/* 0 any */
	int numa_node;	/* of the client; -1 unknown */
	bool realtime;
};

/* How an engine that can do it stands. */
struct hvcal_place_candidate {
	bool suspect;	/* its provider is SUSPECT: it takes nothing now, or does not come */
	u32 kind;	/* enum hvcal_engine_kind */
	u32 gpu;
	int numa_node;
	u32 sessions;
	u32 slots;
	u32 used_ppm;	/* the larger of reserved and measured, and outsiders */
};

/* Can an engine with this capability do what is asked? */
bool hvcal_place_fits(const struct hvcal_engine_cap *cap,
		      const struct hvcal_place_ask *ask);

/*
 * Negative if @a is the better place, 0 if they are equal. One that takes work now
 * before one that does not, hardware before software, then the GPU that has the
 * buffers, then the client's NUMA node; of those the least used, for best effort the
 * one with fewer sessions a slot.
 * @why: enum hvcal_placed, what decided.
 */
int hvcal_place_compare(const struct hvcal_place_candidate *a,
			const struct hvcal_place_candidate *b,
			const struct hvcal_place_ask *ask, u32 *why);

/*
 * Is a move from @here to @there worth it? For kind, GPU and node always. For load
 * only if @there is still the less used one, by a margin, when the session is
 * there: else sessions would go to and fro. @share_ppm: what it reserves of
 * @there.
 */
bool hvcal_place_worth(const struct hvcal_place_candidate *here,
		       const struct hvcal_place_candidate *there,
		       const struct hvcal_place_ask *ask, u32 share_ppm);

#endif /* HVCAL_PLACE_H */
