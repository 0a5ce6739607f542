// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "hvcal_hist.h"

#define WINDOW_NS	1000000000ULL
#define PPM		1000000U

unsigned int hvcal_hist_bucket(u64 ns)
{
	return min_t(unsigned int, fls64(ns >> 10), HVCAL_HIST_BUCKETS - 1);
}

void hvcal_hist_add(struct hvcal_hist *h, u64 ns)
{
	h->bucket[hvcal_hist_bucket(ns)]++;
}

static void load_roll(struct hvcal_load *l, u64 now_ns, u32 slots)
{
	u64 span = now_ns - l->window_start_ns;

	if (span < WINDOW_NS)
		return;
	l->last_ppm = min_t(u64, PPM, div64_u64(l->busy_ns * (PPM / 1000),
						max_t(u64, 1, div_u64(span, 1000) * slots)));
	l->window_start_ns = now_ns;
	l->busy_ns = 0;
}

void hvcal_load_add(struct hvcal_load *l, u64 now_ns, u64 busy_ns, u32 slots)
{
	load_roll(l, now_ns, slots);
	l->busy_ns += min_t(u64, busy_ns, 3600 * WINDOW_NS);
}

u32 hvcal_load_ppm(struct hvcal_load *l, u64 now_ns, u32 slots)
{
	load_roll(l, now_ns, slots);
	return l->last_ppm;
}
