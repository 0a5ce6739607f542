/* SPDX-License-Identifier: MIT */
/*
 * Y4M and raw pictures, from standard input or a file, read straight into the
 * caller's picture where formats agree.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>

#include "cli.h"
#include "source.h"

#define CHUNK (256 * 1024)
#define HEADER_MAX 512

struct pipe_in {
	struct source base;
	char *name;		/**< for messages */
	int fd;
	bool y4m;
	enum AVPixelFormat format;
	struct picture whole;	/**< a picture as it comes, if it must be converted */
	struct converter *converter;
	uint64_t max_frames;
	size_t pos, len;	/**< of @chunk: bytes not yet taken */
	uint8_t chunk[CHUNK];
};

static struct pipe_in *pipe_of(struct source *source)
{
	return (struct pipe_in *)source;
}

static void pipe_close(struct source *source)
{
	struct pipe_in *in = pipe_of(source);

	picture_free(&in->whole);
	converter_free(&in->converter);
	if (in->fd > STDIN_FILENO)
		close(in->fd);
	free(in->name);
	free(in);
}

/* Waits for bytes and yet notices an interrupt. @return bytes, 0 end, -errno */
static ssize_t read_some(struct pipe_in *in, uint8_t *to, size_t len)
{
	struct pollfd poller = { .fd = in->fd, .events = POLLIN };
	ssize_t got;

	for (;;) {
		if (cli_interrupted())
			return -EINTR;
		if (poll(&poller, 1, 100) <= 0)
			continue;
		got = read(in->fd, to, len);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	got = -errno;
	cli_error("%s: %s", in->name, strerror(errno));
	return got;
}

/* @return bytes got: @len, or fewer at the end; or a negative errno */
static ssize_t take(struct pipe_in *in, uint8_t *to, size_t len)
{
	size_t done = 0;

	while (done < len) {
		size_t part = in->len - in->pos;
		ssize_t got;

		if (!part) {
			got = read_some(in, in->chunk, CHUNK);
			if (got < 0)
				return got;
			if (!got)
				break;
			in->pos = 0;
			in->len = part = (size_t)got;
		}
		if (part > len - done)
			part = len - done;
		memcpy(to + done, in->chunk + in->pos, part);
		in->pos += part;
		done += part;
	}
	return (ssize_t)done;
}

/* One line without its newline. @return length; -ENODATA at the end; -EINVAL */
static int take_line(struct pipe_in *in, char line[HEADER_MAX])
{
	for (int length = 0; length < HEADER_MAX; length++) {
		ssize_t got = take(in, (uint8_t *)line + length, 1);

		if (got < 0)
			return (int)got;
		if (!got)
			return length ? -EINVAL : -ENODATA;
		if (line[length] == '\n') {
			line[length] = '\0';
			return length;
		}
	}
	return -EINVAL;
}

static int fill_rows(struct pipe_in *in, const struct picture *to)
{
	for (int plane = 0; plane < av_pix_fmt_count_planes(to->format); plane++) {
		int bytes = picture_row_bytes(to, plane), rows = picture_rows(to, plane);

		for (int y = 0; y < rows; y++) {
			uint8_t *row = to->data[plane] + (ptrdiff_t)y * to->stride[plane];
			ssize_t got = take(in, row, (size_t)bytes);

			if (got < 0)
				return (int)got;
			if (got == bytes)
				continue;
			if (!in->y4m && !plane && !y && !got)
				return 0;
			cli_error("%s: ends in the middle of picture %llu (is the size %dx%d "
				  "right?)", in->name,
				  (unsigned long long)in->base.frames + 1,
				  in->base.info.coded_width, in->base.info.coded_height);
			return -EINVAL;
		}
	}
	return 1;
}

static int pipe_read(struct source *source, const struct picture *to, int64_t *pts)
{
	struct pipe_in *in = pipe_of(source);
	bool alike = to->format == in->format && to->width == source->info.coded_width &&
		     to->height == source->info.coded_height;
	char line[HEADER_MAX];
	int ret;

	if (in->max_frames && source->frames >= in->max_frames)
		return 0;
	if (in->y4m) {
		ret = take_line(in, line);
		if (ret == -ENODATA)
			return 0;
		if (ret >= 0 && strncmp(line, "FRAME", 5))
			ret = -EINVAL;
		if (ret == -EINVAL)
			cli_error("%s: no FRAME header before picture %llu", in->name,
				  (unsigned long long)source->frames + 1);
		if (ret < 0)
			return ret;
	}
	if (!alike && !in->whole.data[0]) {
		ret = picture_alloc(&in->whole, in->format, source->info.coded_width,
				    source->info.coded_height);
		if (ret) {
			cli_error("%s: out of memory", in->name);
			return ret;
		}
	}
	ret = fill_rows(in, alike ? to : &in->whole);
	if (ret <= 0)
		return ret;
	if (!alike) {
		ret = picture_convert(&in->converter, &in->whole, to,
				      (int)source->info.full_range);
		if (ret) {
			cli_error("%s: pictures of format %s cannot be converted", in->name,
				  av_get_pix_fmt_name(in->format));
			return ret;
		}
	}
	*pts = (int64_t)source->frames;
	return 1;
}

static const struct source_ops pipe_ops = { .read = pipe_read, .close = pipe_close };

static enum AVPixelFormat y4m_format(const char *colour)
{
	static const struct {
		const char *name;
		enum AVPixelFormat format;
	} formats[] = {
		{ "420jpeg", AV_PIX_FMT_YUV420P }, { "420mpeg2", AV_PIX_FMT_YUV420P },
		{ "420paldv", AV_PIX_FMT_YUV420P }, { "420p10", AV_PIX_FMT_YUV420P10LE },
		{ "422p10", AV_PIX_FMT_YUV422P10LE }, { "444p10", AV_PIX_FMT_YUV444P10LE },
		{ "420", AV_PIX_FMT_YUV420P }, { "422", AV_PIX_FMT_YUV422P },
		{ "444", AV_PIX_FMT_YUV444P }, { "mono", AV_PIX_FMT_GRAY8 },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, colour))
			return formats[i].format;
	return AV_PIX_FMT_NONE;
}

/* "a:b" with both above 0; leaves the outputs alone if not. */
static void parse_ratio(const char *text, uint32_t *a, uint32_t *b)
{
	unsigned int x, y;

	if (sscanf(text, "%u:%u", &x, &y) == 2 && x && y) {
		*a = x;
		*b = y;
	}
}

static int parse_y4m(struct pipe_in *in, int *width, int *height)
{
	struct source_info *info = &in->base.info;
	char line[HEADER_MAX], *rest, *word;
	int ret = take_line(in, line);

	if (ret == -ENODATA) {
		cli_error("%s: empty", in->name);
		return -EINVAL;
	}
	if (ret < 0 && ret != -EINVAL)
		return ret;
	if (ret < 0 || strncmp(line, "YUV4MPEG2", 9)) {
		cli_error("%s: not Y4M; for raw pictures give --input-format raw", in->name);
		return -EINVAL;
	}
	in->format = AV_PIX_FMT_YUV420P;
	for (word = strtok_r(line + 9, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		switch (word[0]) {
		case 'W':
			*width = atoi(word + 1);
			break;
		case 'H':
			*height = atoi(word + 1);
			break;
		case 'F':
			parse_ratio(word + 1, &info->fps_num, &info->fps_den);
			break;
		case 'A':
			parse_ratio(word + 1, &info->sar_num, &info->sar_den);
			break;
		case 'C':
			in->format = y4m_format(word + 1);
			if (in->format == AV_PIX_FMT_NONE) {
				cli_error("%s: Y4M colour space %s is not known", in->name,
					  word + 1);
				return -EINVAL;
			}
			break;
		case 'X':
			if (!strcmp(word, "XCOLORRANGE=FULL"))
				info->full_range = 1;
			break;
		}
	}
	return 0;
}

static int parse_raw(struct pipe_in *in, const struct source_params *params,
		     int *width, int *height)
{
	const char *name = params->pixel_format ? params->pixel_format : "yuv420p";
	const AVPixFmtDescriptor *desc;

	in->format = av_get_pix_fmt(name);
	desc = av_pix_fmt_desc_get(in->format);
	if (!desc || desc->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL)) {
		cli_error("--format %s: no such pixel format for raw pictures", name);
		return -EINVAL;
	}
	*width = params->width;
	*height = params->height;
	return 0;
}

static int pipe_start(struct pipe_in *in, const struct source_params *params)
{
	struct source_params sized = *params;
	struct source_info *info = &in->base.info;
	int width = 0, height = 0, ret;

	info->fps_num = 25;
	info->fps_den = 1;
	ret = in->y4m ? parse_y4m(in, &width, &height) : parse_raw(in, params, &width, &height);
	if (ret)
		return ret;
	if (params->fps_num) {
		info->fps_num = params->fps_num;
		info->fps_den = params->fps_den;
	}
	info->tb_num = info->fps_den;
	info->tb_den = info->fps_num;
	info->frames = params->max_frames;
	sized.path = in->name;
	if (!in->y4m)
		sized.width = sized.height = 0;
	ret = source_set_size(info, &sized, width, height);
	snprintf(info->description, sizeof(info->description), "%s %s %dx%d %.4g fps",
		 in->y4m ? "y4m" : "raw", av_get_pix_fmt_name(in->format), width, height,
		 (double)info->fps_num / info->fps_den);
	return ret;
}

int pipe_in_open(const struct source_params *params, struct source **source)
{
	bool standard = !strcmp(params->path, "-");
	struct pipe_in *in = calloc(1, sizeof(*in));
	int ret;

	if (in)
		in->name = strdup(standard ? "standard input" : params->path);
	if (!in || !in->name) {
		free(in);
		cli_error("%s: out of memory", params->path);
		return -ENOMEM;
	}
	in->base.ops = &pipe_ops;
	in->max_frames = params->max_frames;
	in->y4m = !params->input_format || strcmp(params->input_format, "raw");
	in->fd = standard ? STDIN_FILENO : open(params->path, O_RDONLY | O_CLOEXEC);
	if (in->fd < 0) {
		ret = -errno;
		cli_error("%s: %s", in->name, strerror(-ret));
	} else {
		ret = pipe_start(in, params);
	}
	if (ret) {
		pipe_close(&in->base);
		return ret;
	}
	*source = &in->base;
	return 0;
}
