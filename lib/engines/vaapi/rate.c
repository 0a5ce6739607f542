// SPDX-License-Identifier: MIT
/* Bit rates, sizes and QP offsets: the miscellaneous parameters. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../soft.h"
#include "vaapi.h"

#define VBV_MS_DEFAULT 1000
#define REFRESH_FRAMES_DEFAULT 60	/* in which all columns have their turn */
#define MAP_BLOCK 16		/* pixels; rectangles begin and end at multiples of it */

uint32_t vaapi_rate_mode(const struct vaapi_point *point, const struct hvcal_codec_config *config,
			 bool client_control)
{
	static const uint32_t modes[] = {
		[HVCAL_RC_CQP] = VA_RC_CQP,
		[HVCAL_RC_CBR] = VA_RC_CBR,
		[HVCAL_RC_VBR] = VA_RC_VBR,
		[HVCAL_RC_ICQ] = VA_RC_ICQ,
	};

	if (client_control)
		return point->rc & VA_RC_CQP;
	if (config->rc_mode != HVCAL_RC_DEFAULT)
		return point->rc & modes[config->rc_mode];
	if (config->bitrate >= 1000 && point->rc & VA_RC_VBR)
		return VA_RC_VBR;
	if (config->bitrate >= 1000 && point->rc & VA_RC_CBR)
		return VA_RC_CBR;
	return point->rc & VA_RC_CQP;
}

static uint32_t clamp32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* Numerator below, denominator above, sixteen bits each. */
static uint32_t frame_rate(const struct hvcal_codec_config *c)
{
	uint32_t num = c->fps_num, den = c->fps_den;

	while (num > 0xffff || den > 0xffff) {
		num = (num + 1) / 2;
		den = (den + 1) / 2;
	}
	return den << 16 | num;
}

static uint64_t buffer_ms(const struct hvcal_codec_config *c)
{
	return c->vbv_ms ? c->vbv_ms : VBV_MS_DEFAULT;
}

uint32_t vaapi_rate_buffer(const struct hvcal_codec_config *c, uint64_t bitrate)
{
	return clamp32(bitrate / 8 * buffer_ms(c) / 125);
}

uint32_t vaapi_rate_fullness(uint32_t buffer)
{
	return buffer / 4 * 3;
}

static void bit_rate_add(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint64_t max = s->rc == VA_RC_VBR && c->max_bitrate > c->bitrate ? c->max_bitrate :
		       c->bitrate;
	VAEncMiscParameterRateControl rc = {
		.bits_per_second = clamp32(max),
		.target_percentage = max ? (uint32_t)(c->bitrate * 100 / max) : 100,
		.window_size = (uint32_t)buffer_ms(c),
		.min_qp = c->qp_min,
		.max_qp = c->qp_max,
	};
	VAEncMiscParameterHRD hrd = { .buffer_size = vaapi_rate_buffer(c, max) };

	if (s->rc == VA_RC_ICQ) {
		rc.ICQ_quality_factor = c->quality ? c->quality : s->codec->qp_default;
		rc.quality_factor = rc.ICQ_quality_factor;
	}
	hrd.initial_buffer_fullness = vaapi_rate_fullness(hrd.buffer_size);
	vaapi_misc_add(s, VAEncMiscParameterTypeRateControl, &rc, sizeof(rc));
	if (s->rc != VA_RC_ICQ)
		vaapi_misc_add(s, VAEncMiscParameterTypeHRD, &hrd, sizeof(hrd));
}

void vaapi_rate_add(struct hvcal_engine_stream *s)
{
	const VAEncMiscParameterFrameRate fps = { .framerate = frame_rate(&s->config) };
	uint32_t levels = s->point->quality_levels;
	/* 1 is the best and slowest level; presets go the other way */
	VAEncMiscParameterBufferQualityLevel level = {
		.quality_level = levels - s->config.preset * (levels - 1) / 9,
	};

	if (s->rc != VA_RC_CQP)
		bit_rate_add(s);
	vaapi_misc_add(s, VAEncMiscParameterTypeFrameRate, &fps, sizeof(fps));
	if (levels > 1)
		vaapi_misc_add(s, VAEncMiscParameterTypeQualityLevel, &level, sizeof(level));
}

void vaapi_max_size_add(struct hvcal_engine_stream *s, uint32_t bytes)
{
	VAEncMiscParameterBufferMaxFrameSize max;

	/* its first member is deprecated: the head of the buffer says the type */
	memset(&max, 0, sizeof(max));
	max.max_frame_size = clamp32((uint64_t)bytes * 8);
	vaapi_misc_add(s, VAEncMiscParameterTypeMaxFrameSize, &max, sizeof(max));
}

void vaapi_refresh_add(struct hvcal_engine_stream *s, uint32_t number)
{
	uint64_t period = s->config.gop ? s->config.gop : REFRESH_FRAMES_DEFAULT;
	uint64_t cols = s->width / s->codec->block, at = (number - 1) % period;
	VAEncMiscParameterRIR rir = {
		.rir_flags.bits.enable_rir_column = 1,
		.intra_insertion_location = (uint16_t)(cols * at / period),
	};

	rir.intra_insert_size = (uint16_t)(cols * (at + 1) / period - rir.intra_insertion_location);
	if (rir.intra_insert_size)
		vaapi_misc_add(s, VAEncMiscParameterTypeRIR, &rir, sizeof(rir));
}

/* ---- QP maps ---- */

struct grid {
	int8_t *offsets;
	bool *done;
	uint32_t width, height;	/* in blocks */
	uint32_t block;		/* pixels */
};

static int8_t clamp_offset(int v)
{
	return (int8_t)(v < -VAAPI_QP_MAX ? -VAAPI_QP_MAX : v > VAAPI_QP_MAX ? VAAPI_QP_MAX : v);
}

static int grid_read(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		     const int8_t *map, struct grid *g)
{
	uint32_t block = job->params.map_block, stride = job->params.map_stride;
	g->block = MAP_BLOCK;
	g->width = (s->config.width + MAP_BLOCK - 1) / MAP_BLOCK;
	g->height = (s->config.height + MAP_BLOCK - 1) / MAP_BLOCK;
	g->offsets = malloc((size_t)g->width * g->height);
	g->done = malloc((size_t)g->width * g->height * sizeof(*g->done));
	if (!g->offsets || !g->done)
		return -ENOMEM;
	for (uint32_t y = 0; y < g->height; y++)
		for (uint32_t x = 0; x < g->width; x++)
			g->offsets[y * g->width + x] =
				clamp_offset(map[(size_t)(y * MAP_BLOCK / block) * stride +
						 x * MAP_BLOCK / block]);
	return 0;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Makes one block of each four, with their average; border blocks count for what lacks. */
static void grid_halve(struct grid *g)
{
	uint32_t w = (g->width + 1) / 2, h = (g->height + 1) / 2;

	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++) {
			int sum = 0;

			for (uint32_t i = 0; i < 4; i++)
				sum += g->offsets[least(2 * y + i / 2, g->height - 1) * g->width +
						  least(2 * x + i % 2, g->width - 1)];
			/* what is written lies before what is yet to be read */
			g->offsets[y * w + x] = (int8_t)(sum / 4);
		}
	g->width = w;
	g->height = h;
	g->block *= 2;
}

static bool same_row(const struct grid *g, uint32_t x, uint32_t width, uint32_t y, int8_t value)
{
	for (uint32_t i = x; i < x + width; i++)
		if (g->done[y * g->width + i] || g->offsets[y * g->width + i] != value)
			return false;
	return true;
}

/* The rectangle that begins at a block: as wide as can be, then as high. */
static void grid_take(struct grid *g, uint32_t x, uint32_t y, VAEncROI *roi)
{
	int8_t value = g->offsets[y * g->width + x];
	uint32_t width = 1, height = 1;

	while (x + width < g->width && same_row(g, x, width + 1, y, value))
		width++;
	while (y + height < g->height && same_row(g, x, width, y + height, value))
		height++;
	for (uint32_t j = y; j < y + height; j++)
		memset(&g->done[j * g->width + x], true, width * sizeof(*g->done));
	*roi = (VAEncROI){
		.roi_rectangle = {
			.x = (int16_t)(x * g->block), .y = (int16_t)(y * g->block),
			.width = (uint16_t)(width * g->block), .height = (uint16_t)(height * g->block),
		},
		.roi_value = value,
	};
}

/* @return false: there are more than @max */
static bool grid_cover(struct grid *g, struct vaapi_rois *rois, uint32_t max)
{
	memset(g->done, 0, (size_t)g->width * g->height * sizeof(*g->done));
	rois->count = 0;
	for (uint32_t y = 0; y < g->height; y++)
		for (uint32_t x = 0; x < g->width; x++) {
			if (g->done[y * g->width + x] || !g->offsets[y * g->width + x])
				continue;
			if (rois->count == max)
				return false;
			grid_take(g, x, y, &rois->list[rois->count++]);
		}
	return true;
}

int vaapi_rois_make(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		    struct vaapi_rois *rois)
{
	struct grid g = { 0 };
	const int8_t *map;
	int ret;

	*rois = (struct vaapi_rois){ 0 };
	if (!s->point->rois || (s->rc != VA_RC_CQP && !s->point->roi_with_rate))
		return 0;
	ret = hvcal_soft_map(job, s->config.width, s->config.height, &map);
	if (ret || !map)
		return ret;
	ret = grid_read(s, job, map, &g);
	if (!ret) {
		rois->list = malloc(sizeof(*rois->list) * s->point->rois);
		ret = rois->list ? 0 : -ENOMEM;
	}
	if (!ret)
		/* ends: one block is one rectangle */
		while (!grid_cover(&g, rois, s->point->rois))
			grid_halve(&g);
	free(g.offsets);
	free(g.done);
	return ret;
}

void vaapi_rois_add(struct hvcal_engine_stream *s, const struct vaapi_rois *rois)
{
	VAEncMiscParameterBufferROI roi = {
		.num_roi = rois->count,
		.max_delta_qp = VAAPI_QP_MAX,
		.min_delta_qp = -VAAPI_QP_MAX,
		.roi = rois->list,
		.roi_flags.bits.roi_value_is_qp_delta = 1,
	};

	if (rois->count)
		vaapi_misc_add(s, VAEncMiscParameterTypeROI, &roi, sizeof(roi));
}
