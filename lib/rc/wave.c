// SPDX-License-Identifier: MIT
/* One P frame of a few is finer: the others take over its quality. */
#include "internal.h"

/* A second of 25, 30, 50 and 60 frames/s has whole cycles: no window has a crest more. */
#define CYCLE 5
#define HEIGHT 0.30		/* log2 of the step, crest to trough: 1.8 QP */
#define BUFFER_FRAMES 4.0	/* that a crest needs, at least */
/* A crest pays over the frames that follow, not where scenes are short. */
#define CALM_SECONDS 0.6

/*
 * Where the rate changes, sizes come late, or the buffer is small, a crest is in the
 * way. H.264 and HEVC have whole quantisers that are too far apart for it: on the
 * clips the worst second grew more than was gained.
 */
static bool may(const hvcal_rc_t *rc, enum rc_class class)
{
	return class == CLASS_P && rc->config.control == HVCAL_RC_CONTROL_CBR &&
	       rc->config.scale != HVCAL_RC_SCALE_H26X && rc->config.layers < 2 &&
	       rc->known[CLASS_P] && rc->late < 1.0 && !rc->open && !rc->falling &&
	       rc->ease <= 0.0 &&
	       rc->size >= BUFFER_FRAMES * rc->mean_rate * rc->interval;
}

/*
 * After a crest the model expects little of a frame, and the solver would fill that up:
 * what is solved for is the mean of the cycle, against its own mean.
 */
double rc_wave(const hvcal_rc_t *rc, enum rc_class class, struct rc_point *at)
{
	if (!may(rc, class) || rc->cycle * rc->interval < CALM_SECONDS)
		return 0.0;
	at->q_ref = rc->q_cycle;
	return rc->cycle % CYCLE ? HEIGHT / CYCLE : HEIGHT / CYCLE - HEIGHT;
}

void rc_wave_follow(hvcal_rc_t *rc, enum rc_class class, double q)
{
	if (may(rc, class)) {
		rc->cycle++;
		rc->q_cycle += (q - rc->q_cycle) / CYCLE;
	} else {
		rc->cycle = 0;
		rc->q_cycle = rc->q_left;
	}
}
