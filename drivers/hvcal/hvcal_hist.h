/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_HIST_H
#define HVCAL_HIST_H

#include <linux/types.h>

#include "hvcal.h"

/* Log2 histogram of durations, as struct hvcal_session_stats describes it. */
struct hvcal_hist {
	u64 bucket[HVCAL_HIST_BUCKETS];
};

unsigned int hvcal_hist_bucket(u64 ns);
void hvcal_hist_add(struct hvcal_hist *h, u64 ns);

/* Share of time that an engine was busy, over windows of one second. */
struct hvcal_load {
	u64 window_start_ns;
	u64 busy_ns;	/* within the window */
	u32 last_ppm;	/* of the last full window */
};

void hvcal_load_add(struct hvcal_load *l, u64 now_ns, u64 busy_ns, u32 slots);
u32 hvcal_load_ppm(struct hvcal_load *l, u64 now_ns, u32 slots);

#endif /* HVCAL_HIST_H */
