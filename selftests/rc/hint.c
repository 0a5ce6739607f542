// SPDX-License-Identifier: MIT
/* What libhvcal's pre-analysis tells of each frame of a clip. */
#include <hvcal/analysis.h>

#include "bench.h"

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
		if (!ret)
			ret = hvcal_rc_hint_take(&clip->hints[i], &r, !i);
		if (ret)
			break;
	}
	hvcal_analysis_destroy(an);
	return ret;
}
