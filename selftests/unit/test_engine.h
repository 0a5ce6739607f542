/* SPDX-License-Identifier: MIT */
/* A plug-in whose answers the test decides, frame by frame. */
#ifndef HVCAL_TEST_ENGINE_H
#define HVCAL_TEST_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <hvcal/engine.h>

/** Set before the context is made; read by the plug-in. */
struct test_engine {
	int open_error;
	int encode_error;	/* of every frame */
	bool picky;		/* opens with B frames, and refuses frames then */
	int done_status;	/* of every frame */
	bool manual;		/* frames wait for test_engine_step() */
	unsigned int hold;	/* frames kept back, HVCAL_ENGINE_HELD */
	bool no_reconfigure;	/* -EOPNOTSUPP */
	bool too_many_bytes;
	unsigned int depth;	/* session_depth, 0: 4 */
	unsigned int max_sessions;
	uint64_t copied;	/* copied_bytes of every result */

	atomic_uint flags;	/* of the last frame */
	atomic_llong lost_pts;	/* of the last frame */
	atomic_uint opens, closes, forgets, cancels;
	atomic_uint bitrate;	/* in force */
	atomic_uint inside, peak_inside; /* frames that the engine has */
	atomic_uint overlaps;	/* calls on one stream at the same time */
};

extern struct test_engine test_engine;
extern const struct hvcal_engine_plugin test_engine_plugin;

/** Finishes the oldest frame of the stream opened last. False: there is none. */
bool test_engine_step(void);

#endif
