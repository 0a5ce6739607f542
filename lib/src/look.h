/* SPDX-License-Identifier: MIT */
/*
 * Pre-analysis of a session's frames on their way in: what the rate control is
 * told of them. One thread at a time (session.submit_lock), but for the figures.
 */
#ifndef HVCAL_LOOK_H
#define HVCAL_LOOK_H

#include <hvcal/rc.h>

#include "internal.h"

struct hvcal_analysis_picture;
struct hvcal_look;

/** Can frames of this fourcc be looked at? Their enum hvcal_analysis_format. */
bool hvcal_look_format(uint32_t fourcc, uint32_t *format);

/**
 * A frame's luma, if it can be read at once. @fence: of its producer, -1 none. True:
 * hvcal_look_end() when it was read.
 */
bool hvcal_look_begin(hvcal_buffer_t *source, uint32_t format, int fence,
		      struct hvcal_analysis_picture *picture);
void hvcal_look_end(hvcal_buffer_t *source);

/** What it did so far. */
struct hvcal_look_figures {
	uint64_t frames;	/* looked at */
	uint64_t skipped;	/* not there yet, or not for the CPU to read */
	uint64_t cpu_ns;	/* spent */
	uint32_t row_step;	/* every how many rows of blocks; 0: none for now */
};

/** NULL: nothing can be said of such frames, they are not wanted, or no memory. */
struct hvcal_look *hvcal_look_open(const struct hvcal_log *log, const hvcal_config_t *config);
void hvcal_look_close(struct hvcal_look **look);

/**
 * Looks at a frame's luma, if it can be read at once. @fence: of its producer,
 * -1 none. False: nothing is known of it, @hint is as before.
 */
bool hvcal_look_frame(struct hvcal_look *look, hvcal_buffer_t *source, int fence, bool key,
		      struct hvcal_rc_hint *hint);

/** Any thread. */
void hvcal_look_get(const struct hvcal_look *look, struct hvcal_look_figures *out);

#endif
