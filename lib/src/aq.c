// SPDX-License-Identifier: MIT
/* Adaptive quantisation: a QP map for each frame that brings none. */
#include <stdlib.h>

#include <hvcal/analysis.h>

#include "aq.h"
#include "look.h"

struct hvcal_aq {
	struct hvcal_analysis *analysis;
	hvcal_pool_t *maps;
	uint32_t format;	/* enum hvcal_analysis_format */
	uint32_t stride, size;	/* bytes of a map */
};

/* Made with the first frame that is to have a map, which also makes sense of its format. */
static struct hvcal_aq *aq_open(hvcal_session_t *s)
{
	const hvcal_config_t *c = &s->config;
	hvcal_pool_params_t p;
	struct hvcal_aq *aq;
	uint32_t format;

	if (!hvcal_look_format(c->format, &format) || c->width > HVCAL_ANALYSIS_SIZE_MAX ||
	    c->height > HVCAL_ANALYSIS_SIZE_MAX)
		return NULL;
	aq = calloc(1, sizeof(*aq));
	if (!aq)
		return NULL;
	aq->format = format;
	aq->size = (uint32_t)hvcal_analysis_map_size(c->width, c->height);
	aq->stride = (c->width + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK;
	hvcal_pool_params_default(&p, sizeof(p));
	p.size = aq->size;
	p.min_buffers = 1;
	p.max_buffers = s->nslots;
	if (hvcal_analysis_create(&aq->analysis) || hvcal_pool_create(s->ctx, &p, &aq->maps)) {
		hvcal_analysis_destroy(aq->analysis);
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
	hvcal_pool_destroy(&s->aq->maps);
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

hvcal_buffer_t *hvcal_aq_make(hvcal_session_t *s, const struct hvcal_slot *slot, int fence,
			      hvcal_frame_t *frame)
{
	hvcal_buffer_t *map;
	struct hvcal_aq *aq;
	int ret;

	if (!s->aq)
		s->aq = aq_open(s);
	aq = s->aq;
	if (!aq || slot->source->width != s->config.width ||
	    slot->source->height != s->config.height || !look(aq, slot->source, fence) ||
	    hvcal_pool_acquire(aq->maps, &map))
		return NULL;
	ret = hvcal_buffer_begin_cpu(map, HVCAL_CPU_WRITE);
	if (!ret) {
		ret = hvcal_analysis_quant_map(aq->analysis, s->config.adaptive_quant,
					       map->cpu_ptr, aq->stride, aq->size);
		hvcal_buffer_end_cpu(map, HVCAL_CPU_WRITE);
	}
	if (ret) {
		hvcal_buffer_release(&map);
		return NULL;
	}
	frame->map = map;
	frame->map_offset = 0;
	frame->map_size = aq->size;
	frame->map_block = HVCAL_ANALYSIS_BLOCK;
	frame->map_stride = aq->stride;
	return map;
}
