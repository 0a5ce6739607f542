/* SPDX-License-Identifier: MIT */
/* QP maps of a session's own making, for frames that bring none. */
#ifndef HVCAL_MAP_H
#define HVCAL_MAP_H

#include "band.h"
#include "session.h"

/** The map of one frame while it is made. Zeroed: none is begun. */
struct hvcal_map {
	hvcal_buffer_t *buffer;	/* NULL: none is begun */
	int8_t *offsets;	/* zeros at first, row by row without gaps */
	uint32_t handle;	/* of the back end */
	uint32_t cols, rows;	/* of blocks of HVCAL_ANALYSIS_BLOCK */
	struct hvcal_band band;	/* that rate control wants */
};

/**
 * May this frame have one? Gets all that it takes, so that nothing fails later. True: it
 * is begun, or was. submit_lock is held, as for all of these.
 */
bool hvcal_map_begin(hvcal_session_t *s, const struct hvcal_slot *slot, struct hvcal_map *map);

static inline size_t hvcal_map_size(const struct hvcal_map *map)
{
	return (size_t)map->cols * map->rows;
}

/** Gives the map to the frame if it is @used, else back. Nothing where none is begun. */
void hvcal_map_end(struct hvcal_slot *slot, struct hvcal_map *map, bool used);

#endif
