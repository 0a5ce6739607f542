/* SPDX-License-Identifier: MIT */
/*
 * Where pictures come from: a media file, Y4M or raw pictures from a file or
 * standard input, or pictures that lie in memory.
 *
 * What a source does is the tool's own decoding step: it writes each picture
 * into memory that the caller got from HVCAL. No copy follows after that.
 */
#ifndef HVCAL_TOOL_SOURCE_H
#define HVCAL_TOOL_SOURCE_H

#include <stdint.h>

#include <hvcal/hvcal.h>

#include "picture.h"

/** What the caller wants; zero and NULL: as the input has it. */
struct source_params {
	const char *path;	/**< "-" is standard input */
	const char *input_format; /**< "raw", "y4m", NULL: by its contents */
	const char *pixel_format; /**< of raw pictures, libav's name; NULL yuv420p */
	int width;		/**< of raw pictures; else scale to this */
	int height;
	uint32_t fps_num;	/**< of raw pictures; else pictures are timed anew */
	uint32_t fps_den;
	uint64_t max_frames;	/**< the input ends after these; 0 never */
};

/** What the source delivers. */
struct source_info {
	int width;		/**< even */
	int height;		/**< even */
	int coded_width;	/**< before cropping and scaling */
	int coded_height;
	uint32_t fps_num;	/**< nominal */
	uint32_t fps_den;
	uint32_t tb_num;	/**< unit of pts, seconds */
	uint32_t tb_den;
	uint64_t frames;	/**< about so many will come, 0 unknown */
	uint32_t full_range;
	uint32_t primaries;	/**< H.273; 0 unsaid */
	uint32_t transfer;
	uint32_t matrix;
	uint32_t sar_num;
	uint32_t sar_den;
	uint16_t mastering_x[4]; /**< as in hvcal_config_t; all 0 unsaid */
	uint16_t mastering_y[4];
	uint32_t mastering_max;
	uint32_t mastering_min;
	uint16_t max_cll;
	uint16_t max_fall;
	char description[96];	/**< for people: "h264 352x288 29.97 fps" */
};

struct source;

struct source_ops {
	/** 1: @to is filled; 0: the end; negative errno, after a message. */
	int (*read)(struct source *source, const struct picture *to, int64_t *pts);
	void (*close)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	struct source_info info;
	uint64_t frames;	/**< delivered so far */
	uint64_t bad_packets;	/**< that could not be decoded and were left out */
	int64_t last_pts;
	/** T.35 messages of the picture that was read last, until the next one is. */
	const hvcal_t35_t *t35;
	uint32_t t35_count;
};

/**
 * Opens a source, or says on standard error why it cannot be opened.
 * Thread-safety: a source belongs to one thread.
 * @return 0, -EINVAL if the parameters contradict the input, other negative errno
 */
int source_open(const struct source_params *params, struct source **source);

/** The next picture; see source_ops.read. */
int source_read(struct source *source, const struct picture *to, int64_t *pts);

/** NULL and a pointer to NULL are allowed. */
void source_close(struct source **source);

/* The kinds, for source_open() */
int media_in_open(const struct source_params *params, struct source **source);
int pipe_in_open(const struct source_params *params, struct source **source);

/**
 * Sets the size of @info from the size that the input has and the size that is
 * wanted (0 none): even, and within what HVCAL takes. Says what is wrong.
 */
int source_set_size(struct source_info *info, const struct source_params *params,
		    int width, int height);

/**
 * Pictures that were read before and lie in memory, to be read any number of
 * times. All of @from, up to @limit pictures of @format.
 */
struct clip;
int clip_load(struct source *from, enum AVPixelFormat format, uint64_t limit,
	      struct clip **clip);
uint64_t clip_frames(const struct clip *clip);
/** A source that reads @clip, which must outlive it. Thread-safe. */
int clip_open(const struct clip *clip, struct source **source);
void clip_free(struct clip **clip);

#endif /* HVCAL_TOOL_SOURCE_H */
