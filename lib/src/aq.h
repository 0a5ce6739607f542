/* SPDX-License-Identifier: MIT */
/* Adaptive quantisation: QP maps by hvcal_config_t.adaptive_quant. */
#ifndef HVCAL_AQ_H
#define HVCAL_AQ_H

#include "map.h"
#include "session.h"

struct hvcal_aq;

/**
 * Writes the offsets for the slot's source into a map that is begun. False: nothing can be
 * said of this frame, the map is as it was. @fence: of who writes the source, -1 none.
 * submit_lock is held.
 */
bool hvcal_aq_fill(hvcal_session_t *s, const struct hvcal_slot *slot, int fence,
		   struct hvcal_map *map);
void hvcal_aq_close(hvcal_session_t *s);

#endif
