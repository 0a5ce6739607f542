// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>

#include "hvcal_cost.h"

#define MPIX		1000000U
/* A sample is trusted up to an hour a megapixel: keeps products within 64 bits. */
#define COST_MAX	3600000000000ULL
/* A seed is a claim; 40 % of the claimed speed is assumed. */
#define SEED_NUM	5
#define SEED_DEN	2
/* An estimate above the samples gives way by 1/64 a frame: about a second. */
#define DECAY_SHIFT	6

void hvcal_cost_seed(struct hvcal_cost *c, u64 claimed_ns_per_mpix)
{
	c->ns_per_mpix = min_t(u64, claimed_ns_per_mpix, COST_MAX) * SEED_NUM / SEED_DEN;
	c->samples = 0;
}

void hvcal_cost_learn(struct hvcal_cost *c, u64 ns, u32 pixels)
{
	u64 sample;

	if (!pixels)
		return;
	sample = mul_u64_u32_div(min_t(u64, ns, COST_MAX), MPIX, pixels);
	sample = min_t(u64, sample, COST_MAX);
	if (!c->samples || sample >= c->ns_per_mpix)
		c->ns_per_mpix = sample;
	else
		c->ns_per_mpix -= (c->ns_per_mpix - sample) >> DECAY_SHIFT;
	if (c->samples != U32_MAX)
		c->samples++;
}

u64 hvcal_cost_predict(const struct hvcal_cost *c, u32 pixels)
{
	return mul_u64_u32_div(c->ns_per_mpix, pixels, MPIX);
}

u64 hvcal_cost_budget(const struct hvcal_cost *c, u32 pixels, u64 period_ns,
		      u64 floor_ns, u64 cap_ns)
{
	u64 budget;

	if (!c->samples)
		return cap_ns;
	budget = max3(4 * hvcal_cost_predict(c, pixels), 2 * period_ns, floor_ns);
	return min(budget, cap_ns);
}
