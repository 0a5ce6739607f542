/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cli.h"
#include "source.h"

int source_open(const struct source_params *params, struct source **source)
{
	/* libavformat reads Y4M files too; standard input and raw need pipe_in. */
	if (!strcmp(params->path, "-") || params->input_format)
		return pipe_in_open(params, source);
	return media_in_open(params, source);
}

int source_read(struct source *source, const struct picture *to, int64_t *pts)
{
	int ret = source->ops->read(source, to, pts);

	if (ret <= 0)
		return ret;
	source->frames++;
	source->last_pts = *pts;
	return ret;
}

void source_close(struct source **source)
{
	if (!source || !*source)
		return;
	(*source)->ops->close(*source);
	*source = NULL;
}

int source_set_size(struct source_info *info, const struct source_params *params,
		    int width, int height)
{
	info->coded_width = width;
	info->coded_height = height;
	if (width < 2 || height < 2 || width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE) {
		cli_error("%s: pictures of %dx%d; HVCAL takes 2x2 to %dx%d", params->path,
			  width, height, PICTURE_MAX_SIDE, PICTURE_MAX_SIDE);
		return -EINVAL;
	}
	/* Chroma of 4:2:0 covers two rows and two columns. */
	info->width = (params->width ? params->width : width) & ~1;
	info->height = (params->height ? params->height : height) & ~1;
	return 0;
}
