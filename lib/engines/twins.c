// SPDX-License-Identifier: MIT
#include "twins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "soft.h"
#include "soft_engine.h"

#define SIZE_MIN 16
#define SIZE_MAX_SIDE 16384
#define QINDEX_MAX 255
#define DEFAULT_QINDEX 112
#define DEFAULT_QUALITY 26	/* of 51 */
#define DEFAULT_VBV_MS 1000
#define QUALITY_MAX 51
/* Above what any picture needs, so that only the quantiser decides. */
#define UNLIMITED_KBPS 100000

/* ---- the engine ---- */

int twins_create(const struct hvcal_engine_host *host, unsigned int index,
		 const struct twins_kind *kind, bool deep, struct hvcal_engine_desc *desc,
		 hvcal_engine_ctx_t **ctx, char *reason, size_t reason_len)
{
	struct hvcal_soft_options options;
	struct hvcal_engine_ctx *c;

	if (index)
		return -ENOENT;
	if (hvcal_soft_options_threads(host, kind->name, kind->cost, &options, reason, reason_len))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = host;
	c->kind = kind;
	c->depths = 1U << 8 | (deep ? 1U << 10 : 0);
	c->slots = options.slots;
	c->threads = options.threads;
	hvcal_soft_describe(desc, kind->name, &options);
	desc->caps[0] = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = kind->codec,
		.depth_mask = c->depths,
		.flags = kind->cap_flags,
		.min_width = SIZE_MIN,
		.min_height = SIZE_MIN,
		.max_width = SIZE_MAX_SIDE,
		.max_height = SIZE_MAX_SIDE,
		.cost_ns_per_mpix = (uint32_t)options.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420,
			     deep ? HVCAL_FORMAT_P010 : 0 },
	};
	*ctx = c;
	return 0;
}

void twins_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

/* ---- configuration ---- */

bool twins_config_possible(const hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *c)
{
	uint32_t depth = c->format == HVCAL_FORMAT_P010 ? 10 : 8;

	if (c->codec != ctx->kind->codec)
		return false;
	if (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_I420 &&
	    c->format != HVCAL_FORMAT_P010)
		return false;
	if (!(ctx->depths & 1U << depth) || (c->bit_depth && c->bit_depth != depth))
		return false;
	if (c->width < SIZE_MIN || c->width > SIZE_MAX_SIDE ||
	    c->height < SIZE_MIN || c->height > SIZE_MAX_SIDE)
		return false;
	if ((c->chroma && c->chroma != 420) || c->preset > 9 || c->tune > HVCAL_TUNE_LOSSLESS ||
	    c->rc_mode > HVCAL_RC_ICQ || c->profile || c->level)
		return false;
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) &&
	    (c->bitrate < 1000 || c->bitrate > 2000000000))
		return false;
	if (c->qp > QINDEX_MAX || c->qp_min > QINDEX_MAX || c->qp_max > QINDEX_MAX ||
	    c->quality > QUALITY_MAX)
		return false;
	return c->fps_num && c->fps_den && c->fps_num <= 1000 * (uint64_t)c->fps_den;
}

bool twins_low_delay(const struct hvcal_codec_config *c)
{
	return c->tune != HVCAL_TUNE_QUALITY;
}

bool twins_layered(const struct hvcal_codec_config *c)
{
	return twins_low_delay(c) && c->flags & HVCAL_CONFIG_LAYERS;
}

bool twins_deep(const struct twins_stream *s)
{
	return s->config.format == HVCAL_FORMAT_P010;
}

unsigned int twins_threads(const struct twins_stream *s)
{
	unsigned long wish = s->config.threads ? s->config.threads : s->ctx->threads;

	return (unsigned int)(wish < s->ctx->slots ? wish : s->ctx->slots);
}

int twins_tile_columns(const struct twins_stream *s, unsigned int min_tile_width)
{
	unsigned int threads = twins_threads(s);
	int log2 = 0;

	while (2U << log2 <= threads && s->config.width >> (log2 + 1) >= min_tile_width)
		log2++;
	return log2;
}

/* The libraries' 64 steps: 4 indices each, but for the last two. */
int twins_to_qindex(int quantizer)
{
	if (quantizer < 62)
		return quantizer * 4;
	return quantizer == 62 ? 249 : QINDEX_MAX;
}

int twins_from_qindex(int qindex)
{
	int best = 0;

	for (int q = 1; q <= TWINS_QUANTIZER_MAX; q++)
		if (abs(twins_to_qindex(q) - qindex) < abs(twins_to_qindex(best) - qindex))
			best = q;
	return best;
}

/*
 * At its last quantiser libvpx 1.12 makes little of the finer blocks of a map: a quarter of
 * what they gain at the one before, which is hardly finer.
 */
static bool map_wants_room(const struct twins_stream *s, const struct hvcal_engine_job *job)
{
	return s->ctx->kind->cap_flags & HVCAL_CAP_ROI && twins_low_delay(&s->config) &&
	       job->params.map_block && job->side;
}

static int limited(const struct twins_stream *s, const struct hvcal_engine_job *job, int qindex)
{
	const struct hvcal_codec_config *c = &s->config;
	int max = c->qp_max ? (int)c->qp_max : QINDEX_MAX, quantizer;

	qindex = qindex < max ? qindex : max;
	quantizer = twins_from_qindex(qindex > (int)c->qp_min ? qindex : (int)c->qp_min);
	if (quantizer == TWINS_QUANTIZER_MAX && map_wants_room(s, job) &&
	    twins_to_qindex(quantizer - 1) >= (int)c->qp_min)
		quantizer--;
	return quantizer;
}

int twins_quantizer(const struct twins_stream *s, const struct hvcal_engine_job *job)
{
	const struct hvcal_codec_config *c = &s->config;

	if (c->tune == HVCAL_TUNE_LOSSLESS)
		return 0;
	if (job->params.flags & HVCAL_FRAME_QP)
		return limited(s, job, (job->params.qp_q8 + 128) / 256);
	if (c->rc_mode == HVCAL_RC_CQP)
		return limited(s, job, c->qp ? (int)c->qp : DEFAULT_QINDEX);
	return -1;
}

void twins_rates(const struct twins_stream *s, int quantizer, struct twins_rates *r)
{
	const struct hvcal_codec_config *c = &s->config;
	bool rate = c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR;
	uint64_t max = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	uint32_t quality = c->rc_mode == HVCAL_RC_ICQ && c->quality ? c->quality : DEFAULT_QUALITY;

	*r = (struct twins_rates){
		.mode = c->rc_mode == HVCAL_RC_VBR ? TWINS_VBR :
			!rate && !twins_low_delay(c) ? TWINS_QUALITY : TWINS_CBR,
		.kbps = rate ? (unsigned int)(c->bitrate / 1000) : UNLIMITED_KBPS,
		.peak_percent = rate ? (unsigned int)(max * 100 / c->bitrate) : 0,
		.vbv_ms = c->vbv_ms ? c->vbv_ms : DEFAULT_VBV_MS,
		.level = quality * TWINS_QUANTIZER_MAX / QUALITY_MAX,
		.min = (unsigned int)twins_from_qindex((int)c->qp_min),
		.max = c->qp_max ? (unsigned int)twins_from_qindex((int)c->qp_max) :
				   TWINS_QUANTIZER_MAX,
	};
	if (r->max < r->min)
		r->max = r->min;
	if (!rate && quantizer < 0)
		r->mode = TWINS_QUALITY;
	if (quantizer >= 0)
		r->min = r->max = r->level = (unsigned int)quantizer;
	if (!s->ctx->kind->no_cbr_limits)
		return;
	if (quantizer >= 0) {
		r->mode = TWINS_QUALITY;
	} else if (r->mode == TWINS_CBR) {
		r->min = 0;
		r->max = TWINS_QUANTIZER_MAX;
	}
}

/* ---- streams ---- */

int twins_stream_init(struct twins_stream *s, hvcal_engine_ctx_t *ctx,
		      const struct hvcal_codec_config *config)
{
	uint64_t luma = (uint64_t)config->width * config->height;
	uint64_t chroma = 2 * (uint64_t)((config->width + 1) / 2) * ((config->height + 1) / 2);

	if (!twins_config_possible(ctx, config))
		return -EINVAL;
	s->ctx = ctx;
	s->config = *config;
	if (config->format == HVCAL_FORMAT_P010)
		s->unpacked_bytes = 2 * (luma + chroma);
	else if (config->format == HVCAL_FORMAT_NV12 && !ctx->kind->nv12)
		s->unpacked_bytes = chroma;
	if (!s->unpacked_bytes)
		return 0;
	s->unpacked = malloc(s->unpacked_bytes);
	return s->unpacked ? 0 : -ENOMEM;
}

void twins_stream_free(struct twins_stream *s)
{
	free(s->unpacked);
	free(s);
}

/* ---- frames ---- */

/* P010 has its ten bits on top of sixteen, the libraries want them below. */
static void unpack_p010(struct twins_stream *s, struct twins_planes *p)
{
	uint32_t w = s->config.width, h = s->config.height;
	uint32_t cw = (w + 1) / 2, ch = (h + 1) / 2;
	uint16_t *y = s->unpacked, *cb = y + (size_t)w * h, *cr = cb + (size_t)cw * ch;

	for (uint32_t row = 0; row < h; row++) {
		const uint16_t *from = (const void *)(p->plane[0] + (size_t)row * p->stride[0]);
		uint16_t *to = y + (size_t)row * w;

		for (uint32_t x = 0; x < w; x++)
			to[x] = from[x] >> 6;
	}
	for (uint32_t row = 0; row < ch; row++) {
		const uint16_t *from = (const void *)(p->plane[1] + (size_t)row * p->stride[1]);

		for (uint32_t x = 0; x < cw; x++) {
			cb[(size_t)row * cw + x] = from[2 * x] >> 6;
			cr[(size_t)row * cw + x] = from[2 * x + 1] >> 6;
		}
	}
	*p = (struct twins_planes){
		.deep = true,
		.plane = { (uint8_t *)y, (uint8_t *)cb, (uint8_t *)cr },
		.stride = { (int)(2 * w), (int)(2 * cw), (int)(2 * cw) },
	};
}

static void unpack_nv12(struct twins_stream *s, struct twins_planes *p)
{
	uint32_t cw = (s->config.width + 1) / 2, ch = (s->config.height + 1) / 2;
	uint8_t *cb = s->unpacked, *cr = cb + (size_t)cw * ch;

	for (uint32_t row = 0; row < ch; row++) {
		const uint8_t *from = p->plane[1] + (size_t)row * p->stride[1];

		for (uint32_t x = 0; x < cw; x++) {
			cb[(size_t)row * cw + x] = from[2 * x];
			cr[(size_t)row * cw + x] = from[2 * x + 1];
		}
	}
	*p = (struct twins_planes){
		.plane = { p->plane[0], cb, cr },
		.stride = { p->stride[0], (int)cw, (int)cw },
	};
}

int twins_take_planes(struct twins_stream *s, const struct hvcal_engine_job *job,
		      struct twins_planes *out)
{
	const struct hvcal_engine_buffer *b = job->source;
	const struct hvcal_frame_layout *l = &b->layout;
	bool planar = s->config.format == HVCAL_FORMAT_I420;
	uint32_t sample = s->config.format == HVCAL_FORMAT_P010 ? 2 : 1;
	uint32_t cw = (s->config.width + 1) / 2, ch = (s->config.height + 1) / 2;
	uint32_t planes = planar ? 3 : 2;

	*out = (struct twins_planes){ .nv12 = s->config.format == HVCAL_FORMAT_NV12 };
	if (l->format != s->config.format || l->modifier || l->planes != planes ||
	    l->width < s->config.width || l->height < s->config.height)
		return -EINVAL;
	for (uint32_t p = 0; p < planes; p++) {
		uint32_t bytes = (!p ? s->config.width : planar ? cw : 2 * cw) * sample;

		/* samples of two bytes must lie where the CPU may read them as such */
		if (!hvcal_soft_plane_fits(b, p, bytes, p ? ch : s->config.height) ||
		    l->offset[p] % sample || l->stride[p] % sample)
			return -EINVAL;
		out->plane[p] = (uint8_t *)b->map[l->fd_index[p]] + l->offset[p];
		out->stride[p] = (int)l->stride[p];
	}
	if (s->unpacked) {
		(sample == 2 ? unpack_p010 : unpack_nv12)(s, out);
	} else if (out->nv12) {
		out->plane[2] = out->plane[1] + 1;
		out->stride[2] = out->stride[1];
	}
	return 0;
}

bool twins_take_key(struct twins_stream *s, const struct hvcal_engine_job *job)
{
	bool key = s->want_key || !s->tick || job->params.flags & HVCAL_FRAME_FORCE_KEY ||
		   (s->config.gop && s->since_key >= s->config.gop);

	s->want_key = false;
	s->since_key = key ? 1 : s->since_key + 1;
	return key;
}

bool twins_unreferenced(const struct twins_stream *s, const struct hvcal_engine_job *job)
{
	return twins_layered(&s->config) && hvcal_soft_unreferenced(&job->params);
}

void twins_push(struct twins_stream *s, struct hvcal_engine_job *job)
{
	s->jobs[(s->first + s->held++) % TWINS_HELD_MAX] = job;
	s->tick++;
}

static struct hvcal_engine_job *pop(struct twins_stream *s)
{
	struct hvcal_engine_job *job = s->jobs[s->first];

	s->first = (s->first + 1) % TWINS_HELD_MAX;
	s->held--;
	return job;
}

void twins_deliver(struct twins_stream *s, const struct twins_packet *packet)
{
	struct hvcal_engine_job *job = pop(s);
	bool upper = job->params.temporal_layer && !packet->key && twins_unreferenced(s, job);
	struct hvcal_engine_result result = {
		.bytes = packet->size,
		.engine_ns = packet->ns,
		.flags = packet->key ? HVCAL_RESULT_KEY : 0,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = packet->key ? HVCAL_FRAME_TYPE_KEY : HVCAL_FRAME_TYPE_P,
			.pts = job->params.pts,
			.dts = job->params.pts,
			.qp_q8 = packet->qindex * 256,
			.temporal_layer = upper,
			.applied_bitrate = s->config.bitrate,
			.copied_bytes = s->unpacked_bytes,
		},
	};

	if (!packet->size) {
		result.flags = HVCAL_RESULT_SKIPPED;
	} else if (!hvcal_soft_room(job, packet->size)) {
		/* what follows must not refer to what nobody gets */
		result.status = -ENOBUFS;
		result.bytes = 0;
		result.flags = 0;
		s->want_key = true;
	} else {
		memcpy((char *)job->target->map[0] + job->target_offset, packet->data,
		       packet->size);
	}
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
}

void twins_cancel(struct twins_stream *s)
{
	const struct hvcal_engine_result gone = { .status = -ECANCELED };

	while (s->held)
		s->ctx->host->done(s->ctx->host->cookie, pop(s), &gone);
}
