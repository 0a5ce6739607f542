// SPDX-License-Identifier: GPL-2.0
#include <linux/kernel.h>

#include "hvcal_place.h"

static bool takes_format(const struct hvcal_engine_cap *cap, u32 format)
{
	unsigned int i;

	for (i = 0; i < HVCAL_MAX_FORMATS && cap->formats[i]; i++)
		if (cap->formats[i] == format)
			return true;
	return false;
}

bool hvcal_place_fits(const struct hvcal_engine_cap *cap,
		      const struct hvcal_place_ask *ask)
{
	return cap->op == ask->op && cap->codec == ask->codec &&
	       ask->bit_depth < 32 && (cap->depth_mask & (1U << ask->bit_depth)) &&
	       (cap->flags & ask->need) == ask->need &&
	       ask->width >= cap->min_width && ask->width <= cap->max_width &&
	       ask->height >= cap->min_height && ask->height <= cap->max_height &&
	       takes_format(cap, ask->format);
}

/* Sessions a slot. */
static int compare_crowd(const struct hvcal_place_candidate *a,
			 const struct hvcal_place_candidate *b)
{
	u64 a_crowd = (u64)a->sessions * b->slots;
	u64 b_crowd = (u64)b->sessions * a->slots;

	return a_crowd < b_crowd ? -1 : a_crowd > b_crowd;
}

static int compare_used(const struct hvcal_place_candidate *a,
			const struct hvcal_place_candidate *b)
{
	return a->used_ppm < b->used_ppm ? -1 : a->used_ppm > b->used_ppm;
}

int hvcal_place_compare(const struct hvcal_place_candidate *a,
			const struct hvcal_place_candidate *b,
			const struct hvcal_place_ask *ask, u32 *why)
{
	bool a_near = ask->gpu && a->gpu == ask->gpu;
	bool b_near = ask->gpu && b->gpu == ask->gpu;
	int order;

	*why = HVCAL_PLACED_ONLY;
	if (a->suspect != b->suspect)
		return a->suspect ? 1 : -1;
	*why = HVCAL_PLACED_KIND;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	*why = HVCAL_PLACED_GPU;
	if (a_near != b_near)
		return a_near ? -1 : 1;
	a_near = ask->numa_node >= 0 && a->numa_node == ask->numa_node;
	b_near = ask->numa_node >= 0 && b->numa_node == ask->numa_node;
	*why = HVCAL_PLACED_NUMA;
	if (a_near != b_near)
		return a_near ? -1 : 1;
	*why = HVCAL_PLACED_LOAD;
	/* what is reserved is known at once, what best effort uses after a second */
	order = ask->realtime ? compare_used(a, b) : compare_crowd(a, b);
	if (!order)
		order = ask->realtime ? compare_crowd(a, b) : compare_used(a, b);
	if (!order)
		*why = HVCAL_PLACED_FIRST;
	return order;
}

/* A tenth of an engine: what is measured as load varies by less. */
#define WORTH_PPM 100000

bool hvcal_place_worth(const struct hvcal_place_candidate *here,
		       const struct hvcal_place_candidate *there,
		       const struct hvcal_place_ask *ask, u32 share_ppm)
{
	struct hvcal_place_candidate then = *there;
	u32 why;

	if (hvcal_place_compare(there, here, ask, &why) >= 0)
		return false;
	if (why != HVCAL_PLACED_LOAD)
		return true;
	then.sessions++;
	then.used_ppm += share_ppm;
	return then.used_ppm + WORTH_PPM <= here->used_ppm &&
	       (ask->realtime || compare_crowd(&then, here) < 0);
}
