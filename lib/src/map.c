// SPDX-License-Identifier: MIT
/* QP maps of a session's own making. */
#include <string.h>

#include <hvcal/analysis.h>

#include "map.h"

/* A frame of another size has other blocks, and one with a map of its own has that. */
static bool possible(const hvcal_session_t *s, const struct hvcal_slot *slot)
{
	return !slot->map && !slot->params.width && s->config.tune != HVCAL_TUNE_LOSSLESS &&
	       hvcal_session_has(s, HVCAL_FEATURE_ROI);
}

/* Made with the first map. */
static bool pool_open(hvcal_session_t *s, size_t size)
{
	hvcal_pool_params_t p;

	if (s->maps)
		return true;
	hvcal_pool_params_default(&p, sizeof(p));
	p.size = size;
	p.min_buffers = 1;
	p.max_buffers = s->nslots;
	return !hvcal_pool_create(s->ctx, &p, &s->maps);
}

bool hvcal_map_begin(hvcal_session_t *s, const struct hvcal_slot *slot, struct hvcal_map *map)
{
	if (map->buffer)
		return true;
	if (!possible(s, slot))
		return false;
	map->cols = (s->config.width + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK;
	map->rows = (s->config.height + HVCAL_ANALYSIS_BLOCK - 1) / HVCAL_ANALYSIS_BLOCK;
	if (!pool_open(s, hvcal_map_size(map)) || hvcal_pool_acquire(s->maps, &map->buffer))
		return false;
	if (hvcal_buf_import(hvcal_buf_from(map->buffer), HVCAL_BUFFER_SOURCE, &map->handle) ||
	    hvcal_buffer_begin_cpu(map->buffer, HVCAL_CPU_WRITE)) {
		hvcal_buffer_release(&map->buffer);
		return false;
	}
	map->offsets = map->buffer->cpu_ptr;
	memset(map->offsets, 0, hvcal_map_size(map));
	return true;
}

void hvcal_map_end(struct hvcal_slot *slot, struct hvcal_map *map, bool used)
{
	if (!map->buffer)
		return;
	hvcal_buffer_end_cpu(map->buffer, HVCAL_CPU_WRITE);
	if (used) {
		slot->map = hvcal_buffer_ref(map->buffer);
		slot->job.side = map->handle;
		slot->job.side_offset = 0;
		slot->job.side_size = hvcal_map_size(map);
		slot->params.map_block = HVCAL_ANALYSIS_BLOCK;
		slot->params.map_stride = map->cols;
	}
	hvcal_buffer_release(&map->buffer);
}
