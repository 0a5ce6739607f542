// SPDX-License-Identifier: MIT
/* Streams: which configurations are possible, and the driver's objects behind one. */
#include <errno.h>
#include <stdlib.h>
#include <syslog.h>

#include "../soft.h"
#include "hrd.h"
#include "stream.h"

#define HUNG_MAX 3	/* contexts that a stream may leave behind */

static const struct vaapi_codec *const codecs[] = { &vaapi_h264, &vaapi_hevc, &vaapi_vp9,
						   &vaapi_av1 };

const struct vaapi_codec *vaapi_codec_find(uint32_t codec)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (codecs[i]->codec == codec)
			return codecs[i];
	return NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static const struct vaapi_point *point_find(const struct hvcal_engine_ctx *ctx,
					    const struct hvcal_codec_config *c)
{
	uint32_t depth = c->format == HVCAL_FORMAT_P010 ? 10 : 8;

	for (unsigned int i = 0; i < ctx->npoints; i++) {
		const struct vaapi_profile *p = ctx->points[i].profile;

		if (p->codec == c->codec && p->depth == depth && (!c->profile || c->profile == p->idc))
			return &ctx->points[i];
	}
	return NULL;
}

static bool rates_possible(const struct hvcal_codec_config *c, uint32_t qp_max)
{
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) &&
	    (c->bitrate < 1000 || c->bitrate > 2000000000))
		return false;
	if (c->qp > qp_max || c->qp_min > qp_max || c->qp_max > qp_max || c->quality > qp_max)
		return false;
	return c->fps_num && c->fps_den && c->fps_num <= 1000 * (uint64_t)c->fps_den;
}

/* Lossless coding has no rate to control. */
static bool tune_possible(const struct hvcal_engine_ctx *ctx, const struct hvcal_codec_config *c)
{
	return c->tune <= HVCAL_TUNE_QUALITY ||
	       (c->tune == HVCAL_TUNE_LOSSLESS && ctx->lossless &&
		vaapi_codec_find(c->codec)->lossless &&
		(c->rc_mode == HVCAL_RC_DEFAULT || c->rc_mode == HVCAL_RC_CQP));
}

/* All other tunes reorder nothing. */
static uint32_t bframes_of(const struct hvcal_codec_config *c)
{
	return c->tune == HVCAL_TUNE_QUALITY ? least(c->bframes, VAAPI_BFRAMES_MAX) : 0;
}

/* Layers and refreshed columns are for pictures that come in the order of time. */
static bool bframes_possible(const struct hvcal_codec_config *c, const struct vaapi_point *point)
{
	return point->bframes &&
	       !(c->flags & (HVCAL_CONFIG_LAYERS | HVCAL_CONFIG_INTRA_REFRESH));
}

static bool config_possible(const struct hvcal_engine_ctx *ctx, const struct hvcal_codec_config *c,
			    const struct vaapi_point *point)
{
	if (!point || (c->format != HVCAL_FORMAT_NV12 && c->format != HVCAL_FORMAT_P010) ||
	    (c->bit_depth && c->bit_depth != point->profile->depth))
		return false;
	/* 4:2:0 pictures have even sizes, cropping included */
	if (c->width < VAAPI_SIDE_MIN || c->width > point->max_width || c->width % 2 ||
	    c->height < VAAPI_SIDE_MIN || c->height > point->max_height || c->height % 2)
		return false;
	if ((c->chroma && c->chroma != 420) || c->preset > 9 || !tune_possible(ctx, c) ||
	    c->rc_mode > HVCAL_RC_ICQ)
		return false;
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH &&
	    (!vaapi_codec_find(c->codec)->intra_refresh ||
	     !(point->intra_refresh & VA_ENC_INTRA_REFRESH_ROLLING_COLUMN)))
		return false;
	if (bframes_of(c) && !bframes_possible(c, point))
		return false;
	return rates_possible(c, vaapi_codec_find(c->codec)->qp_max) && vaapi_rate_mode(point, c, false);
}

/* ---- the driver's objects ---- */

static VAStatus config_create(struct hvcal_engine_stream *s)
{
	VAConfigAttrib attribs[] = {
		{
			.type = VAConfigAttribRTFormat,
			.value = s->config.format == HVCAL_FORMAT_P010 ? VA_RT_FORMAT_YUV420_10 :
				 VA_RT_FORMAT_YUV420,
		},
		{ .type = VAConfigAttribRateControl, .value = s->rc },
		{ .type = VAConfigAttribEncPackedHeaders, .value = s->point->packed & PACKED },
	};

	return vaCreateConfig(s->ctx->display, s->point->profile->va, s->point->entrypoint,
			      attribs, attribs[2].value ? 3 : 2, &s->va_config);
}

static void context_close(struct hvcal_engine_stream *s)
{
	VADisplay display = s->ctx->display;

	if (s->coded != VA_INVALID_ID)
		vaDestroyBuffer(display, s->coded);
	if (s->context != VA_INVALID_ID)
		vaDestroyContext(display, s->context);
	if (s->recon[0] != VA_INVALID_SURFACE)
		vaDestroySurfaces(display, s->recon, VAAPI_RECON);
	if (s->upload != VA_INVALID_SURFACE)
		vaDestroySurfaces(display, &s->upload, 1);
	if (s->va_config != VA_INVALID_ID)
		vaDestroyConfig(display, s->va_config);
}

static void context_forget(struct hvcal_engine_stream *s)
{
	s->coded = VA_INVALID_ID;
	s->context = VA_INVALID_ID;
	s->recon[0] = VA_INVALID_SURFACE;
	s->upload = VA_INVALID_SURFACE;
	s->va_config = VA_INVALID_ID;
}

static int context_open(struct hvcal_engine_stream *s)
{
	VADisplay display = s->ctx->display;
	VAStatus status;
	int ret;

	s->rc = vaapi_rate_mode(s->point, &s->config, s->client_control);
	status = config_create(s);
	if (status)
		return vaapi_failed(s->ctx, "a configuration", status);
	ret = vaapi_surfaces_new(s, s->width, s->height, s->recon, VAAPI_RECON);
	if (ret)
		return ret;
	status = vaCreateContext(display, s->va_config, (int)s->width, (int)s->height,
				 VA_PROGRESSIVE, s->recon, VAAPI_RECON, &s->context);
	if (status)
		return vaapi_failed(s->ctx, "a context", status);
	/* twice the samples of 8 bits: more than any picture can take */
	status = vaCreateBuffer(display, s->context, VAEncCodedBufferType,
				s->width * s->height * 3 + 65536, 1, NULL, &s->coded);
	return status ? vaapi_failed(s->ctx, "a buffer for packets", status) : 0;
}

int vaapi_stream_renew(struct hvcal_engine_stream *s)
{
	int ret;

	context_close(s);
	context_forget(s);
	if (s->hung > HUNG_MAX)
		return -ENODEV;
	ret = context_open(s);
	s->lost = ret;
	s->want_key = true;
	s->send_rates = true;
	s->reference = -1;
	return ret;
}

/*
 * Nothing of a context in which the encoder hangs is touched again: giving it back can
 * block for ever. A few may be left behind, then the stream gives up.
 */
void vaapi_stream_hangs(struct hvcal_engine_stream *s)
{
	context_forget(s);
	s->lost = true;
	if (++s->hung > HUNG_MAX)
		vaapi_log(s->ctx, LOG_ERR, "the driver has hung %u times: the stream gives up",
			  s->hung);
}

/* ---- operations ---- */

int vaapi_stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		      hvcal_engine_stream_t **stream)
{
	const struct vaapi_point *point = point_find(ctx, config);
	struct hvcal_engine_stream *s;
	int ret;

	if (!config_possible(ctx, config, point))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	s->point = point;
	s->codec = vaapi_codec_find(config->codec);
	s->width = (config->width + s->codec->block - 1) / s->codec->block * s->codec->block;
	s->height = (config->height + s->codec->block - 1) / s->codec->block * s->codec->block;
	s->depth = point->profile->depth;
	s->bframes = bframes_of(config);
	s->slices = least(least(config->slices ? config->slices : 1, point->max_slices),
			  least(s->codec->max_slices, s->height / s->codec->block));
	context_forget(s);
	ret = s->codec->prepare(s);
	if (!ret)
		ret = vaapi_stream_renew(s);
	if (ret) {
		vaapi_stream_close(s);
		return ret;
	}
	*stream = s;
	return 0;
}

int vaapi_stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	if (!config_possible(s->ctx, config, point_find(s->ctx, config)))
		return -EINVAL;
	/* the default mode depends on whether there is a bit rate */
	if (!hvcal_soft_same_picture(&s->config, config) ||
	    vaapi_rate_mode(s->point, config, s->client_control) != s->rc)
		return -EOPNOTSUPP;
	s->next_waits = !vaapi_hrd_holds(s, config);
	if (s->next_waits) {
		s->next = *config;
	} else {
		s->config = *config;
		s->send_rates = true;
	}
	return 0;
}

void vaapi_stream_close(hvcal_engine_stream_t *s)
{
	vaapi_order_cancel(s);
	context_close(s);
	free(s);
}
