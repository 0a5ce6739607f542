/* SPDX-License-Identifier: MIT */
/* QP maps of a session's own making (hvcal_config_t.adaptive_quant). */
#ifndef HVCAL_AQ_H
#define HVCAL_AQ_H

#include "session.h"

struct hvcal_aq;

/**
 * Makes a map for the slot's source and sets @frame's fields of it. @return the map, a
 * reference of the caller's; NULL: none for this frame. @fence: of who writes the source,
 * -1 none. submit_lock is held.
 */
hvcal_buffer_t *hvcal_aq_make(hvcal_session_t *s, const struct hvcal_slot *slot, int fence,
			      hvcal_frame_t *frame);
void hvcal_aq_close(hvcal_session_t *s);

#endif
