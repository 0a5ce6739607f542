// SPDX-License-Identifier: MIT
/* Frames whose sizes are not known yet. */
#include <stddef.h>

#include "internal.h"

struct rc_flight *rc_flight_find(hvcal_rc_t *rc, uint32_t id)
{
	struct rc_flight *f = &rc->flights[id % HVCAL_RC_IN_FLIGHT];

	return f->used && f->id == id ? f : NULL;
}

/* The slot's former frame, if it was never reported, stays counted as planned. */
struct rc_flight *rc_flight_new(hvcal_rc_t *rc)
{
	uint32_t id = rc->next_id++;
	struct rc_flight *f = &rc->flights[id % HVCAL_RC_IN_FLIGHT];

	if (!f->used)
		rc->in_flight++;
	*f = (struct rc_flight){ .id = id, .used = true };
	return f;
}

void rc_flight_end(hvcal_rc_t *rc, struct rc_flight *f)
{
	f->used = false;
	rc->in_flight--;
}
