// SPDX-License-Identifier: GPL-2.0
/*
 * Engines of the same hardware. A private engine and what others have on its GPU
 * are engines of their own, each with a queue and with reservations; what is
 * reserved at one is to the other like engine time that outsiders take.
 *
 * The owner of a private engine answers for what its frames cost. So that counts
 * elsewhere no more than was granted: if it grows, its own sessions are pressed.
 */
#include <linux/math64.h>

#include "hvcal_internal.h"

#define PPM 1000000U

bool hvcal_sibling_of(const struct hvcal_engine *a, const struct hvcal_engine *b)
{
	return a != b && a->gpu && a->gpu == b->gpu &&
	       a->kind == HVCAL_ENGINE_HARDWARE && b->kind == HVCAL_ENGINE_HARDWARE &&
	       (a->provider->client || b->provider->client);
}

u32 hvcal_sibling_whole_ppm(const struct hvcal_engine *e, u32 ppm)
{
	u32 external = min(e->external_ppm, HVCAL_EXTERNAL_MAX);
	u32 taken = min(e->external_ppm + e->sibling_ppm, HVCAL_EXTERNAL_MAX);

	return mul_u64_u32_div(ppm, PPM - taken, PPM - external);
}

static u32 binding_ppm(const struct hvcal_binding *b)
{
	const struct hvcal_engine *e = b->engine;

	if (b->flow.lane == HVCAL_LANE_NONE)
		return 0;
	return hvcal_sibling_whole_ppm(e, hvcal_admit_share_ppm(&e->queue, &b->flow.task));
}

void hvcal_sibling_grant_locked(struct hvcal_binding *b)
{
	lockdep_assert_held(&hvcal.lock);

	b->granted_ppm = binding_ppm(b);
}

/* What reservations at @e take of the hardware. */
static u32 reserved_ppm(const struct hvcal_engine *e)
{
	struct hvcal_binding *b;
	u64 sum = 0;

	list_for_each_entry(b, &e->bindings, link)
		sum += e->provider->client ? min(binding_ppm(b), b->granted_ppm) :
					     binding_ppm(b);
	return min_t(u64, sum, PPM);
}

static u32 siblings_ppm(const struct hvcal_engine *e)
{
	struct hvcal_engine *other;
	u64 sum = 0;

	list_for_each_entry(other, &hvcal.engines, link)
		if (hvcal_sibling_of(e, other))
			sum += reserved_ppm(other);
	return min_t(u64, sum, PPM);
}

static bool lanes_fit(struct hvcal_engine *e, u32 sibling_ppm)
{
	struct hvcal_binding *b;
	bool fits = true;
	u64 slack;
	u32 i;

	e->sibling_ppm = sibling_ppm;
	list_for_each_entry(b, &e->bindings, link)
		hvcal_sched_plan_binding_locked(b);
	for (i = 0; i < e->queue.lanes && fits; i++)
		fits = hvcal_admit_lane_fits(&e->queue.lane[i], NULL, &slack);
	return fits;
}

bool hvcal_sibling_bear_locked(const struct hvcal_engine *e, u32 more_ppm)
{
	struct hvcal_engine *other;
	bool fits = true;

	lockdep_assert_held(&hvcal.lock);

	if (!hvcal.private_engines || !more_ppm)
		return true;
	list_for_each_entry(other, &hvcal.engines, link) {
		u32 now = other->sibling_ppm;

		if (!fits || !hvcal_sibling_of(e, other))
			continue;
		fits = lanes_fit(other, now + more_ppm);
		lanes_fit(other, now);
	}
	return fits;
}

void hvcal_sibling_update_locked(struct hvcal_engine *e)
{
	struct hvcal_engine *other;

	lockdep_assert_held(&hvcal.lock);

	if (!hvcal.private_engines || !e->gpu)
		return;
	/* a new one; later its siblings tell it, for its own plan depends on it */
	if (list_empty(&e->bindings))
		e->sibling_ppm = siblings_ppm(e);
	list_for_each_entry(other, &hvcal.engines, link) {
		u32 ppm;

		if (!hvcal_sibling_of(e, other))
			continue;
		ppm = siblings_ppm(other);
		if (ppm == other->sibling_ppm)
			continue;
		other->sibling_ppm = ppm;
		hvcal_sched_plan_locked(other);
	}
}
