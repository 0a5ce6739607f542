// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HEVC by libx265, 8 and 10 bits.
 *
 * x265 makes its own padded copy of a source. It takes planar pictures only, so
 * interleaved chroma is taken apart first; results tell how many bytes that was.
 *
 * Options: x265.threads=N, x265.slots=N, x265.cost=N (claimed ns a megapixel)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x265.h>

#include <hvcal/engine.h>

#include "h26x.h"
#include "soft.h"
#include "soft_engine.h"

#define STR(x) #x
#define XSTR(x) STR(x)

#define DEFAULT_QP 28
#define DEFAULT_CRF 28
#define DEFAULT_VBV_MS 1000
#define BFRAMES_MAX 16
/* Adds less than any rounding; 0 would turn QP maps off, too. */
#define AQ_MAPS_ONLY 1e-4
#define SIZE_MIN 64
#define SIZE_MAX_SIDE 8192
/* A claim for the cost model: preset veryfast on one core of a recent CPU. */
#define COST_NS_PER_MPIX 30000000

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	unsigned long threads;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	const x265_api *api;
	x265_param *param;
	x265_encoder *x265;
	/* texts that param points to: those of x265_param_parse() would never be freed */
	char pools[16];
	char mastering[160];
	uint8_t *chroma;	/* Cb, then Cr, taken apart; NULL for planar sources */
	unsigned int held;	/* frames inside x265 */
	bool want_key;
	bool drained;		/* x265 takes no frames any more */
	bool mapped;		/* there is room for QP maps */
};

/* ---- the engine ---- */

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	struct hvcal_soft_options options;
	struct hvcal_engine_ctx *c;
	uint32_t depths = 0;

	if (index)
		return -ENOENT;
	depths |= x265_api_get(8) ? 1U << 8 : 0;
	depths |= x265_api_get(10) ? 1U << 10 : 0;
	if (!(depths & 1U << 8)) {
		snprintf(reason, reason_len, "this libx265 does not code 8 bits");
		return -EOPNOTSUPP;
	}
	if (hvcal_soft_options_threads(host, "x265", COST_NS_PER_MPIX, &options, reason,
				       reason_len))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = host;
	c->threads = options.threads;
	hvcal_soft_describe(desc, "x265", &options);
	desc->caps[0] = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_HEVC,
		.depth_mask = depths,
		.flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_ROI |
			 HVCAL_CAP_HDR_STATIC | HVCAL_CAP_HDR_DYNAMIC |
			 HVCAL_CAP_LOSSLESS,
		.min_width = SIZE_MIN,
		.min_height = SIZE_MIN,
		.max_width = SIZE_MAX_SIDE,
		.max_height = SIZE_MAX_SIDE,
		.cost_ns_per_mpix = (uint32_t)options.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420,
			     depths & 1U << 10 ? HVCAL_FORMAT_P010 : 0 },
	};
	*ctx = c;
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

/* ---- configuration ---- */

static uint32_t format_depth(uint32_t format)
{
	return format == HVCAL_FORMAT_P010 ? 10 : 8;
}

static bool config_possible(const struct hvcal_codec_config *c)
{
	if (c->codec != HVCAL_CODEC_HEVC)
		return false;
	if (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_I420 &&
	    c->format != HVCAL_FORMAT_P010)
		return false;
	if (c->bit_depth && c->bit_depth != format_depth(c->format))
		return false;
	/* x265 wants 4:2:0 pictures of even sizes */
	if (c->width < SIZE_MIN || c->width > SIZE_MAX_SIDE || c->width % 2 ||
	    c->height < SIZE_MIN || c->height > SIZE_MAX_SIDE || c->height % 2)
		return false;
	if ((c->chroma && c->chroma != 420) || c->preset > 9 || c->tune > HVCAL_TUNE_LOSSLESS ||
	    c->rc_mode > HVCAL_RC_ICQ || c->bframes > BFRAMES_MAX || c->profile || c->level)
		return false;
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) &&
	    (c->bitrate < 1000 || c->bitrate > 2000000000))
		return false;
	if (!h26x_qps_possible(c))
		return false;
	return c->fps_num && c->fps_den && c->fps_num <= 1000 * (uint64_t)c->fps_den;
}

static int constant_qp(const struct hvcal_codec_config *c)
{
	return c->qp ? (int)c->qp : DEFAULT_QP;
}

static void set_rates(x265_param *p, const struct hvcal_codec_config *c, bool mapped)
{
	uint64_t max = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	uint64_t vbv_ms = c->vbv_ms ? c->vbv_ms : DEFAULT_VBV_MS;

	if (c->tune == HVCAL_TUNE_LOSSLESS) {
		p->bLossless = 1;
		return;
	}
	switch (c->rc_mode) {
	case HVCAL_RC_CQP:
		/* The QP of each frame is given with it. x265's own CQP has no maps. */
		p->rc.rateControlMode = mapped ? X265_RC_CRF : X265_RC_CQP;
		p->rc.rfConstant = p->rc.qp = constant_qp(c);
		p->rc.aqMode = X265_AQ_NONE;
		p->rc.cuTree = 0;
		p->rc.ipFactor = 1;
		p->rc.pbFactor = 1;
		break;
	case HVCAL_RC_CBR:
		max = c->bitrate;
		/* fall through */
	case HVCAL_RC_VBR:
		p->rc.rateControlMode = X265_RC_ABR;
		p->rc.bitrate = (int)(c->bitrate / 1000);
		p->rc.vbvMaxBitrate = (int)(max / 1000);
		p->rc.vbvBufferSize = (int)(max * vbv_ms / 1000000);
		break;
	default:
		p->rc.rateControlMode = X265_RC_CRF;
		p->rc.rfConstant = c->rc_mode == HVCAL_RC_ICQ && c->quality ?
				   (double)c->quality : DEFAULT_CRF;
		break;
	}
	p->rc.qpMin = (int)c->qp_min;
	p->rc.qpMax = c->qp_max ? (int)c->qp_max : H26X_QP_MAX;
	/* adaptive quantisation carries maps */
	if (mapped && p->rc.aqMode == X265_AQ_NONE) {
		p->rc.aqMode = X265_AQ_VARIANCE;
		p->rc.aqStrength = AQ_MAPS_ONLY;
	}
}

static void set_hdr(struct hvcal_engine_stream *s, x265_param *p)
{
	const struct hvcal_codec_config *c = &s->config;
	const uint16_t *x = c->mastering_x, *y = c->mastering_y;

	if (c->flags & HVCAL_CONFIG_MASTERING) {
		snprintf(s->mastering, sizeof(s->mastering),
			 "G(%u,%u)B(%u,%u)R(%u,%u)WP(%u,%u)L(%u,%u)",
			 x[0], y[0], x[1], y[1], x[2], y[2], x[3], y[3],
			 c->mastering_max, c->mastering_min);
		p->masteringDisplayColorVolume = s->mastering;
	}
	if (c->flags & HVCAL_CONFIG_LIGHT_LEVEL) {
		p->maxCLL = c->max_cll;
		p->maxFALL = c->max_fall;
	}
	p->bEmitHDR10SEI = !!(c->flags & (HVCAL_CONFIG_MASTERING | HVCAL_CONFIG_LIGHT_LEVEL));
}

static void set_colour(x265_param *p, const struct hvcal_codec_config *c)
{
	p->vui.bEnableVideoSignalTypePresentFlag = 1;
	p->vui.bEnableVideoFullRangeFlag = !!(c->flags & HVCAL_CONFIG_FULL_RANGE);
	p->vui.bEnableColorDescriptionPresentFlag = 1;
	p->vui.colorPrimaries = c->primaries ? (int)c->primaries : 2;
	p->vui.transferCharacteristics = c->transfer ? (int)c->transfer : 2;
	p->vui.matrixCoeffs = c->matrix ? (int)c->matrix : 2;
	if (c->sar_num && c->sar_den) {
		p->vui.aspectRatioIdc = X265_EXTENDED_SAR;
		p->vui.sarWidth = (int)c->sar_num;
		p->vui.sarHeight = (int)c->sar_den;
	}
}

static int set_param(struct hvcal_engine_stream *s, x265_param *p)
{
	const struct hvcal_codec_config *c = &s->config;
	bool low_delay = c->tune == HVCAL_TUNE_DEFAULT || c->tune == HVCAL_TUNE_LOW_LATENCY ||
			 c->tune == HVCAL_TUNE_LOSSLESS;

	if (s->api->param_default_preset(p, x265_preset_names[c->preset],
					 low_delay ? "zerolatency" : NULL))
		return -EINVAL;
	snprintf(s->pools, sizeof(s->pools), "%lu", c->threads ? c->threads : s->ctx->threads);
	p->numaPools = s->pools;
	p->logLevel = X265_LOG_NONE;
	/* more would hold a frame back for each */
	p->frameNumThreads = 1;
	p->sourceWidth = (int)c->width;
	p->sourceHeight = (int)c->height;
	p->internalCsp = X265_CSP_I420;
	p->fpsNum = c->fps_num;
	p->fpsDenom = c->fps_den;
	p->keyframeMax = c->gop ? (int)c->gop : -1;
	p->keyframeMin = c->gop ? (int)c->gop : 0;
	p->scenecutThreshold = 0;
	p->bOpenGOP = 0;
	p->bRepeatHeaders = 1;
	p->bAnnexB = 1;
	p->bEmitInfoSEI = 0;
	p->bIntraRefresh = !!(c->flags & HVCAL_CONFIG_INTRA_REFRESH);
	if (low_delay)
		p->bframes = 0;
	else if (c->bframes)
		p->bframes = (int)c->bframes;
	set_rates(p, c, s->mapped);
	set_colour(p, c);
	set_hdr(s, p);
	return 0;
}

/* ---- streams ---- */

static int encoder_open(struct hvcal_engine_stream *s)
{
	x265_param *param = s->api->param_alloc();
	x265_encoder *x265;
	int ret;

	if (!param)
		return -ENOMEM;
	ret = set_param(s, param);
	x265 = ret ? NULL : s->api->encoder_open(param);
	if (!x265) {
		s->api->param_free(param);
		return ret ? ret : -EINVAL;
	}
	if (s->x265)
		s->api->encoder_close(s->x265);
	if (s->param)
		s->api->param_free(s->param);
	s->x265 = x265;
	s->param = param;
	s->drained = false;
	return 0;
}

static int stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	struct hvcal_engine_stream *s;
	int ret = -ENOMEM;

	if (!config_possible(config))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	s->mapped = config->flags & HVCAL_CONFIG_MAPS && config->tune != HVCAL_TUNE_LOSSLESS;
	s->api = x265_api_get((int)format_depth(config->format));
	if (config->format != HVCAL_FORMAT_I420)
		s->chroma = malloc((size_t)config->width * config->height / 2 *
				   (config->format == HVCAL_FORMAT_P010 ? 2 : 1));
	if (s->chroma || config->format == HVCAL_FORMAT_I420)
		ret = s->api ? encoder_open(s) : -EINVAL;
	if (ret) {
		free(s->chroma);
		free(s);
		return ret;
	}
	*stream = s;
	return 0;
}

/*
 * A constant QP is given to each frame, so it may change. x265 accepts new bit
 * rates, but its rate control hardly follows them: such streams are opened anew.
 */
static int stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	if (!config_possible(config))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->config, config) || config->rc_mode != HVCAL_RC_CQP)
		return -EOPNOTSUPP;
	s->config = *config;
	return 0;
}

/* ---- frames ---- */

static void split8(const uint8_t *from, uint32_t stride, uint8_t *cb, uint8_t *cr,
		   uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < height; y++, from += stride)
		for (uint32_t x = 0; x < width; x++) {
			*cb++ = from[2 * x];
			*cr++ = from[2 * x + 1];
		}
}

static void split16(const uint8_t *from, uint32_t stride, uint8_t *cb, uint8_t *cr,
		    uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < height; y++, from += stride)
		for (uint32_t x = 0; x < width; x++, cb += 2, cr += 2) {
			memcpy(cb, from + 4 * (size_t)x, 2);
			memcpy(cr, from + 4 * (size_t)x + 2, 2);
		}
}

static int set_planes(const struct hvcal_engine_stream *s, x265_picture *pic,
		      const struct hvcal_engine_buffer *b)
{
	const struct hvcal_frame_layout *l = &b->layout;
	bool planar = s->config.format == HVCAL_FORMAT_I420;
	uint32_t sample = s->config.format == HVCAL_FORMAT_P010 ? 2 : 1;
	uint32_t cw = s->config.width / 2, ch = s->config.height / 2;
	uint32_t planes = planar ? 3 : 2;

	if (l->format != s->config.format || l->modifier || l->planes != planes ||
	    l->width < s->config.width || l->height < s->config.height)
		return -EINVAL;
	for (uint32_t p = 0; p < planes; p++) {
		uint32_t bytes = (p && planar ? cw : s->config.width) * sample;

		if (!hvcal_soft_plane_fits(b, p, bytes, p ? ch : s->config.height))
			return -EINVAL;
		pic->planes[p] = (uint8_t *)b->map[l->fd_index[p]] + l->offset[p];
		pic->stride[p] = (int)l->stride[p];
	}
	pic->colorSpace = X265_CSP_I420;
	/* P010 has its ten bits on top of sixteen: x265 shifts them down */
	pic->bitDepth = sample == 2 ? 16 : 8;
	if (!planar) {
		uint8_t *cb = s->chroma, *cr = cb + (size_t)cw * ch * sample;

		(sample == 2 ? split16 : split8)(pic->planes[1], l->stride[1], cb, cr, cw, ch);
		pic->planes[1] = cb;
		pic->planes[2] = cr;
		pic->stride[1] = (int)(cw * sample);
		pic->stride[2] = (int)(cw * sample);
	}
	return 0;
}

/* T.35 payloads become SEI messages; x265 copies them. Free the list afterwards. */
static int set_meta(x265_picture *pic, const struct hvcal_engine_job *job)
{
	x265_sei_payload *list = NULL;
	const uint8_t *payload;
	size_t at = 0;
	uint32_t len;
	int count = 0;

	while ((payload = hvcal_soft_t35_next(job, &at, &len))) {
		x265_sei_payload *more = realloc(list, sizeof(*list) * (count + 1));

		if (!more) {
			free(list);
			return -ENOMEM;
		}
		list = more;
		list[count++] = (x265_sei_payload){
			.payloadSize = (int)len,
			.payloadType = USER_DATA_REGISTERED_ITU_T_T35,
			.payload = (uint8_t *)(uintptr_t)payload };
	}
	pic->userSEI.payloads = list;
	pic->userSEI.numPayloads = count;
	return 0;
}

static uint32_t frame_type(const x265_picture *pic)
{
	switch (pic->sliceType) {
	case X265_TYPE_IDR:
		return HVCAL_FRAME_TYPE_KEY;
	case X265_TYPE_I:
		return HVCAL_FRAME_TYPE_I;
	case X265_TYPE_B:
	case X265_TYPE_BREF:
		return HVCAL_FRAME_TYPE_B;
	default:
		return HVCAL_FRAME_TYPE_P;
	}
}

static void deliver(struct hvcal_engine_stream *s, const x265_nal *nal, uint32_t count,
		    const x265_picture *out, uint64_t ns)
{
	struct hvcal_engine_job *job = out->userData;
	bool key = out->sliceType == X265_TYPE_IDR;
	struct hvcal_engine_result result = {
		.engine_ns = ns,
		.flags = key ? HVCAL_RESULT_KEY : 0,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = frame_type(out),
			.pts = out->pts,
			.dts = out->dts,
			.qp_q8 = (int)(out->frameData.qp * 256),
			.applied_bitrate = s->config.bitrate,
			.copied_bytes = s->chroma ? (uint64_t)s->config.width * s->config.height /
					2 * (s->config.format == HVCAL_FORMAT_P010 ? 2 : 1) : 0,
		},
	};

	for (uint32_t i = 0; i < count; i++)
		result.bytes += nal[i].sizeBytes;
	s->held--;
	if (!hvcal_soft_room(job, result.bytes)) {
		/* what follows must not refer to what nobody gets */
		result.status = -ENOBUFS;
		result.bytes = 0;
		result.flags = 0;
		s->want_key = true;
	} else {
		/* x265 lays the NAL units of a frame one after another */
		memcpy((char *)job->target->map[0] + job->target_offset, nal[0].payload,
		       result.bytes);
	}
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
}

/* Takes one frame out of x265. @return 1, 0 nothing came, negative errno */
static int drain_one(struct hvcal_engine_stream *s, bool cancel)
{
	const struct hvcal_engine_result gone = { .status = -ECANCELED };
	uint64_t start = hvcal_soft_now_ns();
	x265_picture out;
	x265_nal *nal;
	uint32_t count;
	int ret;

	s->drained = true;
	s->api->picture_init(s->param, &out);
	ret = s->api->encoder_encode(s->x265, &nal, &count, NULL, &out);
	if (ret <= 0)
		return ret ? -EIO : 0;
	if (!cancel) {
		deliver(s, nal, count, &out, hvcal_soft_now_ns() - start);
	} else {
		s->held--;
		s->ctx->host->done(s->ctx->host->cookie, out.userData, &gone);
	}
	return 1;
}

static int stream_flush(hvcal_engine_stream_t *s)
{
	while (s->held) {
		int ret = drain_one(s, false);

		if (ret <= 0)
			return ret ? ret : -EIO;
	}
	return 0;
}

/*
 * Adaptive quantisation takes some percent of the time, which streams without maps do
 * not pay. Where maps were not said to come (HVCAL_CONFIG_MAPS), the first frame with
 * one begins a new encoder, and is a key frame. From then on every frame has a map:
 * libx265 3.5 writes one to a frame of its own where none was when that was made, at
 * NULL.
 */
static int take_map(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		    float **offsets)
{
	int ret = h26x_map_take(&s->config, job, offsets);

	if (ret)
		return ret;
	if (s->config.tune == HVCAL_TUNE_LOSSLESS) {
		free(*offsets);
		*offsets = NULL;
		return 0;
	}
	if (*offsets && !s->mapped) {
		ret = stream_flush(s);
		s->mapped = true;
		if (!ret)
			ret = encoder_open(s);
		s->mapped = !ret;
	}
	if (!*offsets && s->mapped) {
		*offsets = calloc(h26x_map_size(&s->config), sizeof(**offsets));
		ret = *offsets ? 0 : -ENOMEM;
	}
	return ret;
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	x265_picture pic, out;
	x265_nal *nal;
	uint32_t count;
	uint64_t start = hvcal_soft_now_ns();
	float *offsets = NULL;
	int ret;

	ret = take_map(s, job, &offsets);
	if (!ret && s->drained)
		ret = encoder_open(s);
	if (!ret) {
		s->api->picture_init(s->param, &pic);
		s->api->picture_init(s->param, &out);
		ret = set_planes(s, &pic, job->source);
	}
	if (!ret)
		ret = set_meta(&pic, job);
	if (ret) {
		free(offsets);
		return ret;
	}
	pic.quantOffsets = offsets;	/* copied by x265 */
	pic.userData = job;
	pic.pts = job->params.pts;
	pic.sliceType = s->want_key || job->params.flags & HVCAL_FRAME_FORCE_KEY ?
			X265_TYPE_IDR : X265_TYPE_AUTO;
	pic.forceqp = h26x_frame_qp(&s->config, job, constant_qp(&s->config)) + 1;
	s->want_key = false;
	ret = s->api->encoder_encode(s->x265, &nal, &count, &pic, &out);
	free(pic.userSEI.payloads);
	free(offsets);
	if (ret < 0)
		return -EIO;
	s->held++;
	if (!ret)
		return HVCAL_ENGINE_HELD;
	ret = out.userData == job ? 0 : HVCAL_ENGINE_HELD;
	deliver(s, nal, count, &out, hvcal_soft_now_ns() - start);
	return ret;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	/* the host wants its jobs back, coded or not */
	while (s->held && drain_one(s, true) > 0)
		;
	s->api->encoder_close(s->x265);
	s->api->param_free(s->param);
	free(s->chroma);
	free(s);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "x265",
	.description = "HEVC by libx265 build " XSTR(X265_BUILD),
	.license = "GPL-2.0-or-later",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
