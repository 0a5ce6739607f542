// SPDX-License-Identifier: MIT
/*
 * Pass-through: a packet is the picture, row after row and plane after plane,
 * without the gaps that its buffer may have.
 *
 * Options: raw.slots=N, raw.cost=N (claimed ns a megapixel)
 */
#include <errno.h>
#include <stdlib.h>

#include "soft.h"
#include "soft_engine.h"

#define SIZE_MAX_SIDE 32768
/* A claim for the cost model: memory of a recent CPU. */
#define COST_NS_PER_MPIX 400000

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
};

/* What is copied of one plane. */
struct plane {
	uint32_t row_bytes, rows;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	struct plane planes[3];
	uint32_t nplanes;
	uint64_t size;		/* of a packet */
};

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	struct hvcal_soft_options options;
	struct hvcal_engine_ctx *c;

	if (index)
		return -ENOENT;
	if (hvcal_soft_options(host, "raw", COST_NS_PER_MPIX, &options, reason, reason_len))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = host;
	hvcal_soft_describe(desc, "raw", &options);
	desc->caps[0] = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_RAW,
		.depth_mask = 1U << 8 | 1U << 10,
		.flags = HVCAL_CAP_FORCE_KEY | HVCAL_CAP_LOSSLESS,
		.min_width = 1,
		.min_height = 1,
		.max_width = SIZE_MAX_SIDE,
		.max_height = SIZE_MAX_SIDE,
		.cost_ns_per_mpix = (uint32_t)options.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420, HVCAL_FORMAT_P010,
			     HVCAL_FORMAT_XRGB8888 },
	};
	*ctx = c;
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

static bool config_possible(const struct hvcal_codec_config *c)
{
	uint32_t depth = c->format == HVCAL_FORMAT_P010 ? 10 : 8;

	if (c->codec != HVCAL_CODEC_RAW || (c->bit_depth && c->bit_depth != depth))
		return false;
	if (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_I420 &&
	    c->format != HVCAL_FORMAT_P010 && c->format != HVCAL_FORMAT_XRGB8888)
		return false;
	if (!c->width || c->width > SIZE_MAX_SIDE || !c->height || c->height > SIZE_MAX_SIDE)
		return false;
	if (c->chroma && c->chroma != 420 &&
	    !(c->chroma == 444 && c->format == HVCAL_FORMAT_XRGB8888))
		return false;
	if (c->preset > 9 || c->tune > HVCAL_TUNE_LOSSLESS || c->rc_mode > HVCAL_RC_ICQ)
		return false;
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) && !c->bitrate)
		return false;
	return c->fps_num && c->fps_den && c->fps_num <= 1000 * (uint64_t)c->fps_den;
}

static void set_planes(struct hvcal_engine_stream *s)
{
	uint32_t w = s->config.width, h = s->config.height;
	uint32_t cw = (w + 1) / 2, ch = (h + 1) / 2;

	switch (s->config.format) {
	case HVCAL_FORMAT_I420:
		s->nplanes = 3;
		s->planes[0] = (struct plane){ w, h };
		s->planes[1] = s->planes[2] = (struct plane){ cw, ch };
		break;
	case HVCAL_FORMAT_NV12:
		s->nplanes = 2;
		s->planes[0] = (struct plane){ w, h };
		s->planes[1] = (struct plane){ 2 * cw, ch };
		break;
	case HVCAL_FORMAT_P010:
		s->nplanes = 2;
		s->planes[0] = (struct plane){ 2 * w, h };
		s->planes[1] = (struct plane){ 4 * cw, ch };
		break;
	default:
		s->nplanes = 1;
		s->planes[0] = (struct plane){ 4 * w, h };
		break;
	}
	for (uint32_t p = 0; p < s->nplanes; p++)
		s->size += (uint64_t)s->planes[p].row_bytes * s->planes[p].rows;
}

static int stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	struct hvcal_engine_stream *s;

	if (!config_possible(config))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	set_planes(s);
	*stream = s;
	return 0;
}

static int stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	if (!config_possible(config))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->config, config))
		return -EOPNOTSUPP;
	s->config = *config;
	return 0;
}

static bool source_fits(const struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b)
{
	const struct hvcal_frame_layout *l = &b->layout;

	if (l->format != s->config.format || l->modifier || l->planes != s->nplanes ||
	    l->width < s->config.width || l->height < s->config.height)
		return false;
	for (uint32_t p = 0; p < s->nplanes; p++)
		if (!hvcal_soft_plane_fits(b, p, s->planes[p].row_bytes, s->planes[p].rows))
			return false;
	return true;
}

static void copy_picture(const struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b,
			 char *to)
{
	const struct hvcal_frame_layout *l = &b->layout;

	for (uint32_t p = 0; p < s->nplanes; p++) {
		const char *from = (const char *)b->map[l->fd_index[p]] + l->offset[p];
		uint32_t bytes = s->planes[p].row_bytes;

		for (uint32_t y = 0; y < s->planes[p].rows; y++, to += bytes)
			memcpy(to, from + (size_t)y * l->stride[p], bytes);
	}
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	uint64_t start = hvcal_soft_now_ns();
	struct hvcal_engine_result result = {
		.bytes = s->size,
		.flags = HVCAL_RESULT_KEY,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = HVCAL_FRAME_TYPE_KEY,
			.pts = job->params.pts,
			.dts = job->params.pts,
			.copied_bytes = s->size,
		},
	};

	if (!source_fits(s, job->source))
		return -EINVAL;
	if (hvcal_soft_room(job, s->size)) {
		copy_picture(s, job->source, (char *)job->target->map[0] + job->target_offset);
	} else {
		result.status = -ENOBUFS;
		result.bytes = 0;
		result.flags = 0;
	}
	result.engine_ns = hvcal_soft_now_ns() - start;
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
	return 0;
}

static int stream_flush(hvcal_engine_stream_t *s)
{
	(void)s; /* nothing is ever held */
	return 0;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	free(s);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "raw",
	.description = "pictures as they are",
	.license = "MIT",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
