// SPDX-License-Identifier: MIT
/* What libhvcal's pre-analysis tells of each frame of a clip. */
#include <hvcal/analysis.h>

#include "bench.h"

/* As lib/src/look.c, which has no clips but buffers. */
#define STILL_SHARE 0.999

int hint_clip(struct clip *clip)
{
	struct hvcal_analysis *an;
	int ret = 0;

	if (hvcal_analysis_create(&an))
		return -1;
	for (unsigned int i = 0; i < clip->frames; i++) {
		const struct hvcal_analysis_picture picture = {
			.luma = clip_frame(clip, i), .stride = clip->width,
			.width = clip->width, .height = clip->height,
		};
		struct hvcal_analysis_result r;

		ret = hvcal_analysis_frame(an, &picture, NULL, &r);
		if (ret)
			break;
		clip->hints[i] = (struct hvcal_rc_hint){
			.inter_cost = (float)r.inter_cost, .intra_cost = (float)r.intra_cost,
			.cut = (float)r.cut, .screen = (float)r.screen,
			.is_static = r.still >= STILL_SHARE,
		};
	}
	hvcal_analysis_destroy(an);
	return ret;
}
