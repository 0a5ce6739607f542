/* SPDX-License-Identifier: MIT */
/*
 * Rate control of a session: libhvcal's own where the engine takes a QP for each
 * frame, else the engine's.
 */
#ifndef HVCAL_RATE_H
#define HVCAL_RATE_H

#include "map.h"
#include "session.h"

/** Makes s->rate if libhvcal can control what the configuration asks for. */
int hvcal_rate_open(hvcal_session_t *s);
void hvcal_rate_close(hvcal_session_t *s);

/** What the engine is told of a rate that is ours: each frame has its QP, some have maps. */
void hvcal_rate_codec(const hvcal_config_t *config, struct hvcal_codec_config *codec);

/** May it go on with this configuration? */
bool hvcal_rate_fits(const hvcal_config_t *config);

/** A new configuration is in force. submit_lock is held. */
void hvcal_rate_retarget(hvcal_session_t *s);

/**
 * Gives the frame its QP unless it has one. @fence: of who writes its source, -1
 * none. @map is begun where a part of the frame might get another QP; its band says
 * which part did. submit_lock is held.
 */
void hvcal_rate_decide(hvcal_session_t *s, struct hvcal_slot *slot, int fence,
		       struct hvcal_map *map);

/** Adds what there is to tell of the rate. Any thread. */
void hvcal_rate_stats(hvcal_session_t *s, hvcal_stats_t *stats);

/**
 * The frame is finished, or will never be (0 bytes). @qp_q8: what the engine says
 * it was coded at, 0 nothing. Any thread.
 */
void hvcal_rate_report(hvcal_session_t *s, struct hvcal_slot *slot, uint64_t bytes,
		       int32_t qp_q8);

#endif
