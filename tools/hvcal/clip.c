/* SPDX-License-Identifier: MIT */
/*
 * Pictures kept in memory, so that a measurement does not measure a decoder.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "source.h"

struct clip {
	struct source_info info;
	struct picture *pictures;
	int64_t *pts;
	uint64_t frames;
};

struct clip_in {
	struct source base;
	const struct clip *clip;
};

static int clip_read(struct source *source, const struct picture *to, int64_t *pts)
{
	const struct clip *clip = ((struct clip_in *)source)->clip;
	struct converter *none = NULL;
	int ret;

	if (source->frames >= clip->frames)
		return 0;
	ret = picture_convert(&none, &clip->pictures[source->frames], to, 0);
	converter_free(&none);
	if (ret) {
		cli_error("pictures of the clip cannot be converted");
		return ret;
	}
	*pts = clip->pts[source->frames];
	return 1;
}

static void clip_close(struct source *source)
{
	free(source);
}

static const struct source_ops clip_ops = { .read = clip_read, .close = clip_close };

int clip_open(const struct clip *clip, struct source **source)
{
	struct clip_in *in = calloc(1, sizeof(*in));

	if (!in) {
		cli_error("out of memory");
		return -ENOMEM;
	}
	in->base.ops = &clip_ops;
	in->base.info = clip->info;
	in->clip = clip;
	*source = &in->base;
	return 0;
}

int clip_load(struct source *from, enum AVPixelFormat format, uint64_t limit,
	      struct clip **out)
{
	struct clip *clip = calloc(1, sizeof(*clip));
	int ret = -ENOMEM;

	if (clip) {
		clip->info = from->info;
		clip->pictures = calloc(limit, sizeof(*clip->pictures));
		clip->pts = calloc(limit, sizeof(*clip->pts));
	}
	while (clip && clip->pictures && clip->pts) {
		struct picture *picture = &clip->pictures[clip->frames];

		if (clip->frames == limit) {
			ret = 0;
			break;
		}
		ret = picture_alloc(picture, format, from->info.width, from->info.height);
		if (!ret)
			ret = source_read(from, picture, &clip->pts[clip->frames]);
		if (ret <= 0) {
			picture_free(picture);
			break;
		}
		clip->frames++;
	}
	if (ret) {
		if (ret == -ENOMEM)
			cli_error("out of memory");
		clip_free(&clip);
		return ret;
	}
	clip->info.frames = clip->frames;
	*out = clip;
	return 0;
}

uint64_t clip_frames(const struct clip *clip)
{
	return clip->frames;
}

void clip_free(struct clip **clip)
{
	if (!*clip)
		return;
	for (uint64_t i = 0; i < (*clip)->frames; i++)
		picture_free(&(*clip)->pictures[i]);
	free((*clip)->pictures);
	free((*clip)->pts);
	free(*clip);
	*clip = NULL;
}
