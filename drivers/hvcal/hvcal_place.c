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

bool hvcal_place_better(const struct hvcal_place_candidate *a,
			const struct hvcal_place_candidate *b,
			const struct hvcal_place_ask *ask)
{
	bool a_near = ask->gpu && a->gpu == ask->gpu;
	bool b_near = ask->gpu && b->gpu == ask->gpu;
	u64 a_crowd = (u64)a->sessions * b->slots;
	u64 b_crowd = (u64)b->sessions * a->slots;

	if (a->kind != b->kind)
		return a->kind < b->kind;
	if (a_near != b_near)
		return a_near;
	if (a_crowd != b_crowd)
		return a_crowd < b_crowd;
	return a->load_ppm < b->load_ppm;
}
