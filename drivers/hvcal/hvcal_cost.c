// SPDX-License-Identifier: GPL-2.0
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "hvcal_cost.h"

#define MPIX		1000000U
/* A sample is trusted up to an hour a megapixel: keeps products within 64 bits. */
#define COST_MAX	3600000000000ULL
/* A seed is a claim; 40 % of the claimed speed is assumed. */
#define SEED_NUM	5
#define SEED_DEN	2
#define SEED_MIN	20000U
/* Where nothing is claimed: 1080p in 20 ms. */
#define SEED_UNKNOWN	10000000U
/* Samples before the seed is forgotten: one may be a cold start. */
#define SEED_SAMPLES	4

#define WINDOW_NS	500000000ULL
#define WINDOW_MIN	16
#define WINDOW_MAX	60000	/* counters have 16 bits */
/* One sample in so many may be above the estimate. */
#define TAIL		100

#define GROWN_SHIFT	4
#define SHRUNK_SHIFT	3

#define SUB_SHIFT	4	/* 16 buckets an octave */
#define BUCKET_SHIFT	10	/* the first bucket: below 2^10 ns */

static u32 bucket_of(u64 v)
{
	u32 octave, sub;

	if (v < 1ULL << BUCKET_SHIFT)
		return 0;
	octave = fls64(v) - 1;
	sub = (v >> (octave - SUB_SHIFT)) & ((1U << SUB_SHIFT) - 1);
	return min_t(u32, ((octave - BUCKET_SHIFT) << SUB_SHIFT) + sub,
		     HVCAL_COST_BUCKETS - 1);
}

/* The least value above bucket @b. */
static u64 bucket_end(u32 b)
{
	u32 octave = (b >> SUB_SHIFT) + BUCKET_SHIFT;
	u64 sub = (b & ((1U << SUB_SHIFT) - 1)) + 1;

	return (1ULL << octave) + (sub << (octave - SUB_SHIFT));
}

static void cost_estimate(struct hvcal_cost *c)
{
	u32 total = c->now.total + c->before.total;
	u32 allowed = total < WINDOW_MIN ? 0 : max(total / TAIL, 1U);
	u64 seen = max(c->now.max, c->before.max);
	u32 b, above = 0;

	for (b = bucket_of(seen); b; b--) {
		above += c->now.count[b] + c->before.count[b];
		if (above > allowed)
			break;
	}
	c->ns_per_mpix = min(bucket_end(b), seen);
}

static void window_roll(struct hvcal_cost *c, u64 now_ns)
{
	if (c->now.total < WINDOW_MIN)
		return;
	if (c->now.total < WINDOW_MAX && now_ns < c->window_start_ns + WINDOW_NS)
		return;
	c->before = c->now;
	c->now = (struct hvcal_cost_window){};
	c->window_start_ns = now_ns;
}

u64 hvcal_cost_seeded(u64 claimed_ns_per_mpix)
{
	if (!claimed_ns_per_mpix)
		return SEED_UNKNOWN;
	return clamp_t(u64, claimed_ns_per_mpix, SEED_MIN, COST_MAX) * SEED_NUM / SEED_DEN;
}

void hvcal_cost_seed(struct hvcal_cost *c, u64 claimed_ns_per_mpix)
{
	*c = (struct hvcal_cost){ .ns_per_mpix = hvcal_cost_seeded(claimed_ns_per_mpix) };
	c->planned = c->ns_per_mpix;
}

bool hvcal_cost_learn(struct hvcal_cost *c, u64 now_ns, u64 ns, u32 pixels)
{
	u64 sample;

	if (!pixels)
		return false;
	sample = mul_u64_u32_div(min_t(u64, ns, COST_MAX), MPIX, pixels);
	sample = clamp_t(u64, sample, 1, COST_MAX);
	window_roll(c, now_ns);
	if (!c->now.total)
		c->window_start_ns = now_ns;
	c->now.count[bucket_of(sample)]++;
	c->now.total++;
	c->now.max = max(c->now.max, sample);
	if (c->samples != U32_MAX)
		c->samples++;
	if (c->samples >= SEED_SAMPLES)
		cost_estimate(c);
	else
		c->ns_per_mpix = max(c->ns_per_mpix, sample);

	if (c->ns_per_mpix <= c->planned + (c->planned >> GROWN_SHIFT) &&
	    c->ns_per_mpix >= c->planned - (c->planned >> SHRUNK_SHIFT))
		return false;
	c->planned = c->ns_per_mpix;
	return true;
}

u64 hvcal_cost_predict(u64 ns_per_mpix, u32 pixels)
{
	return mul_u64_u32_div(ns_per_mpix, pixels, MPIX);
}

u32 hvcal_cost_size_class(u32 pixels)
{
	return fls(pixels);
}

u64 hvcal_cost_budget(const struct hvcal_cost *c, u32 pixels, u64 period_ns,
		      u64 floor_ns, u64 cap_ns)
{
	u64 budget;

	if (!c->samples)
		return cap_ns;
	budget = max3(4 * hvcal_cost_predict(c->ns_per_mpix, pixels), 2 * period_ns, floor_ns);
	return min(budget, cap_ns);
}
