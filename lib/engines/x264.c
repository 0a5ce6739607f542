// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * H.264 by libx264.
 *
 * Planes of sources are handed to x264 where they lie, in the mapped DMA-BUF;
 * x264 makes its own padded copy of them, which is its business. Packets are
 * copied out of x264's memory into the target.
 *
 * Options: x264.threads=N, x264.slots=N, x264.cost=N (claimed ns a megapixel)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <x264.h>

#include <hvcal/engine.h>

#include "h26x.h"
#include "soft.h"
#include "soft_engine.h"

#define STR(x) #x
#define XSTR(x) STR(x)

#define DEFAULT_QP 26
#define DEFAULT_CRF 23
#define DEFAULT_VBV_MS 1000
/* Adds less than any rounding; 0 would turn QP maps off, too. */
#define AQ_MAPS_ONLY 0.0001f
#define BFRAMES_MAX 16
#define SEI_T35 4		/* user_data_registered_itu_t_t35 */
/* A claim for the cost model: preset veryfast on one core of a recent CPU. */
#define COST_NS_PER_MPIX 6000000

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	unsigned long threads;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	x264_t *x264;
	bool want_key;
	bool client_control;	/* it gives the QPs, though there is a bit rate */
	bool drained;		/* x264 takes no frames any more */
};

/* ---- the engine ---- */

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	struct hvcal_soft_options options;
	struct hvcal_engine_ctx *c;

	if (index)
		return -ENOENT;
	if (X264_BIT_DEPTH && X264_BIT_DEPTH != 8) {
		snprintf(reason, reason_len, "this libx264 codes %d bits only", X264_BIT_DEPTH);
		return -EOPNOTSUPP;
	}
	if (hvcal_soft_options_threads(host, "x264", COST_NS_PER_MPIX, &options, reason,
				       reason_len))
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->host = host;
	c->threads = options.threads;
	hvcal_soft_describe(desc, "x264", &options);
	desc->caps[0] = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_H264,
		.depth_mask = 1U << 8,
		.flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY |
			 HVCAL_CAP_RETARGET | HVCAL_CAP_ROI | HVCAL_CAP_HDR_STATIC |
			 HVCAL_CAP_HDR_DYNAMIC | HVCAL_CAP_LOSSLESS,
		.min_width = 16,
		.min_height = 16,
		.max_width = 16384,
		.max_height = 16384,
		.cost_ns_per_mpix = (uint32_t)options.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420 },
	};
	*ctx = c;
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

/* ---- configuration ---- */

static void x264_log(void *cookie, int level, const char *format, va_list args)
{
	struct hvcal_engine_ctx *ctx = cookie;
	char line[256] = "x264: ";
	size_t len;

	if (level > X264_LOG_WARNING)
		return;
	vsnprintf(line + 6, sizeof(line) - 6, format, args);
	len = strcspn(line, "\n");
	line[len] = '\0';
	ctx->host->log(ctx->host->cookie, level == X264_LOG_ERROR ? LOG_ERR : LOG_WARNING, line);
}

static bool config_possible(const struct hvcal_codec_config *c)
{
	if (c->codec != HVCAL_CODEC_H264 || (c->bit_depth && c->bit_depth != 8))
		return false;
	if (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_I420)
		return false;
	/* 4:2:0 pictures of H.264 have even sizes, cropping included */
	if (c->width < 16 || c->width > 16384 || c->width % 2 ||
	    c->height < 16 || c->height > 16384 || c->height % 2)
		return false;
	if ((c->chroma && c->chroma != 420) || c->preset > 9 || c->tune > HVCAL_TUNE_LOSSLESS ||
	    c->rc_mode > HVCAL_RC_ICQ || c->bframes > BFRAMES_MAX)
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

/* Rates that may change within a stream. */
static void set_rates(x264_param_t *p, const struct hvcal_codec_config *c)
{
	uint64_t max = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	uint64_t vbv_ms = c->vbv_ms ? c->vbv_ms : DEFAULT_VBV_MS;

	if (c->tune == HVCAL_TUNE_LOSSLESS) {
		p->rc.i_rc_method = X264_RC_CQP;
		p->rc.i_qp_constant = 0;
		return;
	}
	switch (c->rc_mode) {
	case HVCAL_RC_CQP:
		/*
		 * x264's own CQP clips the QPs of frames to those that it derives
		 * from the constant one, and ignores QP maps. So every frame is given
		 * its QP (frame_qp), and adaptive quantisation carries maps alone.
		 */
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = (float)constant_qp(c);
		p->rc.f_aq_strength = AQ_MAPS_ONLY;
		p->rc.b_mb_tree = 0;
		break;
	case HVCAL_RC_CBR:
		max = c->bitrate;
		/* fall through */
	case HVCAL_RC_VBR:
		p->rc.i_rc_method = X264_RC_ABR;
		p->rc.i_bitrate = (int)(c->bitrate / 1000);
		p->rc.i_vbv_max_bitrate = (int)(max / 1000);
		p->rc.i_vbv_buffer_size = (int)(max * vbv_ms / 1000000);
		break;
	default:
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = c->rc_mode == HVCAL_RC_ICQ && c->quality ?
				      (float)c->quality : DEFAULT_CRF;
		break;
	}
	p->rc.i_qp_min = (int)c->qp_min;
	p->rc.i_qp_max = c->qp_max ? (int)c->qp_max : H26X_QP_MAX;
}

static const char *profile_name(uint32_t profile)
{
	switch (profile) {
	case HVCAL_PROFILE_H264_BASELINE:
		return "baseline";
	case HVCAL_PROFILE_H264_MAIN:
		return "main";
	case HVCAL_PROFILE_H264_HIGH:
		return "high";
	default:
		return NULL;
	}
}

static void set_colour(x264_param_t *p, const struct hvcal_codec_config *c)
{
	p->vui.b_fullrange = !!(c->flags & HVCAL_CONFIG_FULL_RANGE);
	if (c->primaries)
		p->vui.i_colorprim = (int)c->primaries;
	if (c->transfer)
		p->vui.i_transfer = (int)c->transfer;
	if (c->matrix)
		p->vui.i_colmatrix = (int)c->matrix;
	if (c->sar_num && c->sar_den) {
		p->vui.i_sar_width = (int)c->sar_num;
		p->vui.i_sar_height = (int)c->sar_den;
	}
}

static void set_hdr(x264_param_t *p, const struct hvcal_codec_config *c)
{
	if (c->flags & HVCAL_CONFIG_MASTERING) {
		p->mastering_display.b_mastering_display = 1;
		p->mastering_display.i_green_x = c->mastering_x[0];
		p->mastering_display.i_green_y = c->mastering_y[0];
		p->mastering_display.i_blue_x = c->mastering_x[1];
		p->mastering_display.i_blue_y = c->mastering_y[1];
		p->mastering_display.i_red_x = c->mastering_x[2];
		p->mastering_display.i_red_y = c->mastering_y[2];
		p->mastering_display.i_white_x = c->mastering_x[3];
		p->mastering_display.i_white_y = c->mastering_y[3];
		p->mastering_display.i_display_max = c->mastering_max;
		p->mastering_display.i_display_min = c->mastering_min;
	}
	if (c->flags & HVCAL_CONFIG_LIGHT_LEVEL) {
		p->content_light_level.b_cll = 1;
		p->content_light_level.i_max_cll = c->max_cll;
		p->content_light_level.i_max_fall = c->max_fall;
	}
}

static int set_param(x264_param_t *p, struct hvcal_engine_ctx *ctx,
		     const struct hvcal_codec_config *c)
{
	bool low_delay = c->tune == HVCAL_TUNE_DEFAULT || c->tune == HVCAL_TUNE_LOW_LATENCY;

	if (x264_param_default_preset(p, x264_preset_names[c->preset],
				      low_delay ? "zerolatency" : NULL))
		return -EINVAL;
	p->pf_log = x264_log;
	p->p_log_private = ctx;
	p->i_threads = (int)(c->threads ? c->threads : ctx->threads);
	p->i_bitdepth = 8;
	p->i_width = (int)c->width;
	p->i_height = (int)c->height;
	p->i_csp = c->format == HVCAL_FORMAT_NV12 ? X264_CSP_NV12 : X264_CSP_I420;
	p->i_fps_num = c->fps_num;
	p->i_fps_den = c->fps_den;
	p->i_timebase_num = c->fps_den;
	p->i_timebase_den = c->fps_num;
	p->b_vfr_input = 0;
	p->i_keyint_max = c->gop ? (int)c->gop : X264_KEYINT_MAX_INFINITE;
	p->b_repeat_headers = 1;
	p->b_annexb = 1;
	p->b_aud = 0;
	p->i_level_idc = c->level ? (int)c->level : p->i_level_idc;
	if (low_delay) {
		/* key frames come when they are asked for */
		p->i_scenecut_threshold = 0;
		p->i_bframe = 0;
	} else if (c->bframes) {
		p->i_bframe = (int)c->bframes;
	}
	if (c->slices)
		p->i_slice_count = (int)c->slices;
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH)
		p->b_intra_refresh = 1;
	/* QP maps go through adaptive quantisation, if it is there */
	if (p->rc.i_aq_mode == X264_AQ_NONE) {
		p->rc.i_aq_mode = X264_AQ_VARIANCE;
		p->rc.f_aq_strength = AQ_MAPS_ONLY;
	}
	set_rates(p, c);
	set_colour(p, c);
	set_hdr(p, c);
	if (profile_name(c->profile) && c->tune != HVCAL_TUNE_LOSSLESS &&
	    x264_param_apply_profile(p, profile_name(c->profile)))
		return -EINVAL;
	return 0;
}

/* ---- streams ---- */

static int stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	struct hvcal_engine_stream *s;
	x264_param_t param;
	int ret;

	if (!config_possible(config))
		return -EINVAL;
	ret = set_param(&param, ctx, config);
	if (ret)
		return ret;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	s->x264 = x264_encoder_open(&param);
	if (!s->x264) {
		free(s);
		return -EINVAL;
	}
	*stream = s;
	return 0;
}

static int stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	x264_param_t param;

	if (!config_possible(config))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->config, config))
		return -EOPNOTSUPP;
	x264_encoder_parameters(s->x264, &param);
	if (!s->client_control)
		set_rates(&param, config);
	/* a constant QP is given to each frame: x264 has nothing to change */
	if (!s->client_control &&
	    (param.rc.i_rc_method == X264_RC_ABR || config->rc_mode == HVCAL_RC_ICQ))
		if (x264_encoder_reconfig(s->x264, &param))
			return -EINVAL;
	s->config = *config;
	return 0;
}

/* ---- frames ---- */

static int set_planes(const struct hvcal_engine_stream *s, x264_picture_t *pic,
		      const struct hvcal_engine_buffer *b)
{
	const struct hvcal_frame_layout *l = &b->layout;
	bool nv12 = l->format == HVCAL_FORMAT_NV12;
	uint32_t planes = nv12 ? 2 : 3;

	if (l->format != s->config.format || l->modifier || l->planes != planes ||
	    l->width < s->config.width || l->height < s->config.height)
		return -EINVAL;
	pic->img.i_csp = nv12 ? X264_CSP_NV12 : X264_CSP_I420;
	pic->img.i_plane = (int)planes;
	for (uint32_t p = 0; p < planes; p++) {
		uint32_t bytes = p && !nv12 ? s->config.width / 2 : s->config.width;
		uint32_t rows = p ? s->config.height / 2 : s->config.height;

		if (!hvcal_soft_plane_fits(b, p, bytes, rows))
			return -EINVAL;
		pic->img.plane[p] = (uint8_t *)b->map[l->fd_index[p]] + l->offset[p];
		pic->img.i_stride[p] = (int)l->stride[p];
	}
	return 0;
}

/* x264 frees the offsets when it has coded them. */
static int set_map(const struct hvcal_engine_stream *s, x264_picture_t *pic,
		   const struct hvcal_engine_job *job)
{
	int ret = h26x_map_take(&s->config, job, &pic->prop.quant_offsets);

	if (pic->prop.quant_offsets)
		pic->prop.quant_offsets_free = free;
	return ret;
}

/* T.35 payloads become SEI messages; x264 frees them when it has coded them. */
static int set_meta(x264_picture_t *pic, const struct hvcal_engine_job *job)
{
	x264_sei_payload_t *list = NULL;
	const uint8_t *payload;
	size_t at = 0;
	uint32_t len;
	int count = 0;

	while ((payload = hvcal_soft_t35_next(job, &at, &len))) {
		x264_sei_payload_t *more = realloc(list, sizeof(*list) * (count + 1));
		uint8_t *copy = more ? malloc(len) : NULL;

		list = more ? more : list;
		if (!copy) {
			while (count--)
				free(list[count].payload);
			free(list);
			return -ENOMEM;
		}
		memcpy(copy, payload, len);
		list[count++] = (x264_sei_payload_t){
			.payload_size = (int)len, .payload_type = SEI_T35, .payload = copy };
	}
	pic->extra_sei.payloads = list;
	pic->extra_sei.num_payloads = count;
	pic->extra_sei.sei_free = free;
	return 0;
}

static uint32_t frame_type(const x264_picture_t *pic)
{
	if (pic->b_keyframe)
		return HVCAL_FRAME_TYPE_KEY;
	switch (pic->i_type) {
	case X264_TYPE_IDR:
	case X264_TYPE_I:
	case X264_TYPE_KEYFRAME:
		return HVCAL_FRAME_TYPE_I;
	case X264_TYPE_B:
	case X264_TYPE_BREF:
		return HVCAL_FRAME_TYPE_B;
	default:
		return HVCAL_FRAME_TYPE_P;
	}
}

static void deliver(struct hvcal_engine_stream *s, const x264_nal_t *nal, int size,
		    const x264_picture_t *out, uint64_t ns)
{
	struct hvcal_engine_job *job = out->opaque;
	int qp = (int)(intptr_t)job->priv - 1;
	struct hvcal_engine_result result = {
		.bytes = (uint64_t)size,
		.engine_ns = ns,
		.flags = out->b_keyframe ? HVCAL_RESULT_KEY : 0,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = frame_type(out),
			.pts = out->i_pts,
			.dts = out->i_dts,
			.qp_q8 = qp < 0 ? 0 : qp * 256, /* else x264 does not tell */
			.applied_bitrate = s->config.bitrate,
		},
	};
	const struct hvcal_engine_buffer *t = job->target;

	if (!hvcal_soft_room(job, (uint32_t)size)) {
		/* what follows must not refer to what nobody gets */
		result.status = -ENOBUFS;
		result.bytes = 0;
		result.flags = 0;
		s->want_key = true;
	} else {
		/* x264 lays the NAL units of a frame one after another */
		memcpy((char *)t->map[0] + job->target_offset, nal[0].p_payload, (size_t)size);
	}
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
}

/* Once drained, an encoder of x264 is at its end: the next frame needs a new one. */
static int stream_renew(struct hvcal_engine_stream *s)
{
	struct hvcal_codec_config config = s->config;
	x264_param_t param;
	x264_t *x264;
	int ret;

	if (s->client_control)
		config.rc_mode = HVCAL_RC_CQP;
	ret = set_param(&param, s->ctx, &config);
	x264 = ret ? NULL : x264_encoder_open(&param);

	if (!x264)
		return ret ? ret : -ENOMEM;
	x264_encoder_close(s->x264);
	s->x264 = x264;
	s->drained = false;
	return 0;
}

static int stream_flush(hvcal_engine_stream_t *s)
{
	x264_picture_t out;
	x264_nal_t *nal;
	int count, size;

	while (x264_encoder_delayed_frames(s->x264) > 0) {
		uint64_t start = hvcal_soft_now_ns();

		s->drained = true;
		size = x264_encoder_encode(s->x264, &nal, &count, NULL, &out);
		if (size < 0)
			return -EIO;
		if (size)
			deliver(s, nal, size, &out, hvcal_soft_now_ns() - start);
	}
	return 0;
}

/*
 * With a bit rate x264 has a VBV, and with a VBV it moves the QP of macroblock rows
 * away from the one that a frame was given, how far depends on the timing of its
 * threads. So the client's rate control needs an encoder that has none.
 */
static int set_client_control(struct hvcal_engine_stream *s, bool client)
{
	int ret;

	if (s->client_control == client ||
	    (s->config.rc_mode != HVCAL_RC_CBR && s->config.rc_mode != HVCAL_RC_VBR))
		return 0;
	ret = stream_flush(s);
	if (ret)
		return ret;
	s->client_control = client;
	return stream_renew(s);
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	x264_picture_t pic, out;
	x264_nal_t *nal;
	uint64_t start = hvcal_soft_now_ns();
	int count, size, ret;

	x264_picture_init(&pic);
	ret = set_planes(s, &pic, job->source);
	if (!ret)
		ret = set_client_control(s, job->params.flags & HVCAL_FRAME_QP);
	if (!ret && s->drained)
		ret = stream_renew(s);
	if (!ret)
		ret = set_map(s, &pic, job);
	if (!ret)
		ret = set_meta(&pic, job);
	if (ret) {
		free(pic.prop.quant_offsets);
		return ret;
	}
	pic.opaque = job;
	pic.i_pts = job->params.pts;
	if (s->want_key || job->params.flags & HVCAL_FRAME_FORCE_KEY)
		pic.i_type = X264_TYPE_IDR;
	pic.i_qpplus1 = h26x_frame_qp(&s->config, job, constant_qp(&s->config)) + 1;
	/* for the result: the configuration may have changed by then */
	job->priv = (void *)(intptr_t)pic.i_qpplus1;
	s->want_key = false;
	size = x264_encoder_encode(s->x264, &nal, &count, &pic, &out);
	if (size < 0)
		return -EIO;
	if (!size)
		return HVCAL_ENGINE_HELD;
	ret = out.opaque == job ? 0 : HVCAL_ENGINE_HELD;
	deliver(s, nal, size, &out, hvcal_soft_now_ns() - start);
	return ret;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	x264_picture_t out;
	x264_nal_t *nal;
	int count;

	/* the host wants its jobs back, coded or not */
	while (x264_encoder_delayed_frames(s->x264) > 0) {
		const struct hvcal_engine_result gone = { .status = -ECANCELED };
		int size = x264_encoder_encode(s->x264, &nal, &count, NULL, &out);

		if (size < 0)
			break;
		if (size)
			s->ctx->host->done(s->ctx->host->cookie, out.opaque, &gone);
	}
	x264_encoder_close(s->x264);
	free(s);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "x264",
	.description = "H.264 by libx264 build " XSTR(X264_BUILD),
	.license = "GPL-2.0-or-later",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
