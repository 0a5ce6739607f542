// SPDX-License-Identifier: MIT
/* Adaptive quantisation: a QP map for each frame that brings none. */
#include <stdlib.h>

#include <hvcal/analysis.h>

#include "aq.h"
#include "look.h"

struct hvcal_aq {
	struct hvcal_analysis *analysis;
	uint32_t format;	/* enum hvcal_analysis_format */
};

/* Made with the first frame that is to have a map, which also makes sense of its format. */
static struct hvcal_aq *aq_open(const hvcal_config_t *c)
{
	struct hvcal_aq *aq;
	uint32_t format;

	if (!hvcal_look_format(c->format, &format) || c->width > HVCAL_ANALYSIS_SIZE_MAX ||
	    c->height > HVCAL_ANALYSIS_SIZE_MAX)
		return NULL;
	aq = calloc(1, sizeof(*aq));
	if (!aq)
		return NULL;
	aq->format = format;
	if (hvcal_analysis_create(&aq->analysis)) {
		free(aq);
		return NULL;
	}
	return aq;
}

void hvcal_aq_close(hvcal_session_t *s)
{
	if (!s->aq)
		return;
	hvcal_analysis_destroy(s->aq->analysis);
	free(s->aq);
	s->aq = NULL;
}

/* Halves the picture; costs are not wanted, so one row of blocks is looked at. */
static bool look(struct hvcal_aq *aq, hvcal_buffer_t *source, int fence)
{
	const struct hvcal_analysis_options once = { .row_step = UINT32_MAX };
	struct hvcal_analysis_picture picture;
	struct hvcal_analysis_result result;
	int ret;

	if (!hvcal_look_begin(source, aq->format, fence, &picture))
		return false;
	ret = hvcal_analysis_frame(aq->analysis, &picture, &once, &result);
	hvcal_look_end(source);
	return !ret;
}

bool hvcal_aq_fill(hvcal_session_t *s, const struct hvcal_slot *slot, int fence,
		   struct hvcal_map *map)
{
	if (!s->aq)
		s->aq = aq_open(&s->config);
	return s->aq && slot->source->width == s->config.width &&
	       slot->source->height == s->config.height && look(s->aq, slot->source, fence) &&
	       !hvcal_analysis_quant_map(s->aq->analysis, s->config.adaptive_quant, map->offsets,
					 map->cols, hvcal_map_size(map));
}
