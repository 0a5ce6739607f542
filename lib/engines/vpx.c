// SPDX-License-Identifier: MIT
/*
 * VP9 by libvpx, 8 and 10 bits.
 *
 * Pictures of 8 bits are handed to libvpx where they lie; P010 is unpacked first,
 * results tell how many bytes that was. QPs are quantiser indices from 0 to 255;
 * libvpx has 64 of them, the nearest is taken, and results say which.
 *
 * Options: vpx.threads=N, vpx.slots=N, vpx.cost=N (claimed ns a megapixel)
 */
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#include "segments.h"
#include "twins.h"

/* A claim for the cost model: preset 1 on one core of a recent CPU. */
#define COST_NS_PER_MPIX 9000000

static const struct twins_kind twin_kind = {
	.name = "vpx",
	.codec = HVCAL_CODEC_VP9,
	.cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
		     HVCAL_CAP_ROI | HVCAL_CAP_LOSSLESS | HVCAL_CAP_LAYERS,
	.nv12 = true,
	.cost = COST_NS_PER_MPIX,
};

#define TWIN(name) vpx_##name
#define TWIN_CONST(name) VPX_##name
#define TWIN_CONTROL vpx_codec_control_
#define TWIN_INTERFACE vpx_codec_vp9_cx()
#define TWIN_CQ_LEVEL VP8E_SET_CQ_LEVEL
#define TWIN_AQ_MODE VP9E_SET_AQ_MODE
#define TWIN_LAST_QUANTIZER VP8E_GET_LAST_QUANTIZER
/* VP9 predicts vectors, maps and probabilities from the frame before, whatever it was. */
#define TWIN_RESILIENT VPX_ERROR_RESILIENT_DEFAULT
#include "twins_stream.h"

static int colour_space(uint32_t matrix)
{
	switch (matrix) { /* of ITU-T H.273 */
	case 1:
		return VPX_CS_BT_709;
	case 5:
	case 6:
		return VPX_CS_BT_601;
	case 7:
		return VPX_CS_SMPTE_240;
	case 9:
		return VPX_CS_BT_2020;
	default:
		return VPX_CS_UNKNOWN;
	}
}

/* libvpx keeps to QP maps in real time, and at these speeds only. */
#define MAP_SPEED 5

static int speed(const struct hvcal_engine_stream *s)
{
	static const int realtime[] = { 9, 8, 8, 7, 7, 6, 6, 5, 4, 3 };
	static const int good[] = { 5, 5, 5, 4, 4, 3, 2, 2, 1, 0 };
	const struct hvcal_codec_config *c = &s->t.config;

	if (!twins_low_delay(c))
		return good[c->preset];
	return s->t.mapped && realtime[c->preset] < MAP_SPEED ? MAP_SPEED : realtime[c->preset];
}

static bool twin_set_controls(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->t.config;
	bool low_delay = twins_low_delay(c);
	const struct twin_setting all[] = {
		{ VP8E_SET_CPUUSED, speed(s) },
		{ VP8E_SET_ENABLEAUTOALTREF, !low_delay },
		{ VP8E_SET_STATIC_THRESHOLD, 0 },
		{ VP8E_SET_MAX_INTRA_BITRATE_PCT, low_delay ? INTRA_PERCENT : 0 },
		{ VP9E_SET_TILE_COLUMNS, twins_tile_columns(&s->t, TILE_WIDTH_MIN) },
		{ VP9E_SET_FRAME_PARALLEL_DECODING, 0 },
		{ VP9E_SET_ROW_MT, twins_threads(&s->t) > 1 },
		{ VP9E_SET_LOSSLESS, c->tune == HVCAL_TUNE_LOSSLESS },
		{ VP9E_SET_COLOR_SPACE, colour_space(c->matrix) },
		{ VP9E_SET_COLOR_RANGE, c->flags & HVCAL_CONFIG_FULL_RANGE ? VPX_CR_FULL_RANGE :
					VPX_CR_STUDIO_RANGE },
	};

	return set_all(s, all, sizeof(all) / sizeof(all[0]));
}

static bool twin_defaults(struct hvcal_engine_stream *s)
{
	if (vpx_codec_enc_config_default(TWIN_INTERFACE, &s->cfg, 0))
		return false;
	s->cfg.g_profile = twins_deep(&s->t) ? 2 : 0;
	s->cfg.rc_resize_allowed = 0;
	return true;
}

static unsigned long deadline(const struct hvcal_engine_stream *s)
{
	return twins_low_delay(&s->t.config) ? VPX_DL_REALTIME : VPX_DL_GOOD_QUALITY;
}

/* ---- QP maps ---- */

#define SEGMENT_BLOCK 8		/* pixels of a side */
#define STEP 4			/* indices from one quantiser to the next */
#define STEPS (128 / STEP)	/* that a map goes up or down */

static int steps_of(int8_t offset)
{
	return (offset + (offset < 0 ? -STEP : STEP) / 2) / STEP;
}

static void fill_map(const struct hvcal_engine_job *job, const int8_t *map, vpx_roi_map_t *roi)
{
	uint32_t block = job->params.map_block, stride = job->params.map_stride;
	unsigned int counts[2 * STEPS + 1] = { 0 };
	uint8_t segment[2 * STEPS + 1] = { 0 };

	for (uint32_t y = 0; y < roi->rows; y++)
		for (uint32_t x = 0; x < roi->cols; x++) {
			int steps = STEPS + steps_of(map[(size_t)(y * SEGMENT_BLOCK / block) * stride +
							 x * SEGMENT_BLOCK / block]);

			roi->roi_map[y * roi->cols + x] = (uint8_t)steps;
			counts[steps]++;
		}
	hvcal_segments_make(counts, 2 * STEPS + 1, segment, roi->delta_q);
	for (uint32_t i = 0; i < roi->rows * roi->cols; i++)
		roi->roi_map[i] = segment[roi->roi_map[i]];
}

/* Maps come and go: libvpx's own adaptive quantisation makes room for them. */
static bool set_mapped(struct hvcal_engine_stream *s, bool mapped)
{
	if (s->t.mapped == mapped)
		return true;
	s->t.mapped = mapped;
	return !vpx_codec_control(&s->codec, VP8E_SET_CPUUSED, speed(s)) && set_rate_controls(s);
}

static int set_map(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	const struct hvcal_codec_config *c = &s->t.config;
	vpx_roi_map_t roi = {
		.enabled = 1,
		.rows = (c->height + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK,
		.cols = (c->width + SEGMENT_BLOCK - 1) / SEGMENT_BLOCK,
		.ref_frame = { -1, -1, -1, -1, -1, -1, -1, -1 }, /* any */
	};
	const int8_t *map;
	int ret;

	ret = hvcal_soft_map(job, c->width, c->height, &map);
	if (ret || !twins_low_delay(c) || c->tune == HVCAL_TUNE_LOSSLESS)
		return ret;
	if (!map && !s->t.mapped)
		return 0;
	if (map) {
		roi.roi_map = malloc((size_t)roi.rows * roi.cols);
		if (!roi.roi_map)
			return -ENOMEM;
		fill_map(job, map, &roi);
	}
	/* libvpx copies it; one without offsets is none */
	if (!set_mapped(s, map) || vpx_codec_control(&s->codec, VP9E_SET_ROI_MAP, &roi))
		ret = -EINVAL;
	free(roi.roi_map);
	return ret;
}

/* ---- frames ---- */

static int twin_encode(struct hvcal_engine_stream *s, vpx_image_t *img,
		       const struct hvcal_engine_job *job, bool key)
{
	long flags = key ? VPX_EFLAG_FORCE_KF : !twins_unreferenced(&s->t, job) ? 0 :
		     VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF |
		     VP8_EFLAG_NO_UPD_ENTROPY;
	int ret = set_map(s, job);

	if (!ret && vpx_codec_encode(&s->codec, img, s->t.tick, 1, flags, deadline(s)))
		ret = -EIO;
	return ret;
}

static bool twin_drain(struct hvcal_engine_stream *s)
{
	return !vpx_codec_encode(&s->codec, NULL, s->t.tick, 1, 0, deadline(s));
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "vpx",
	.description = "VP9 by libvpx",
	.license = "MIT",
	TWIN_OPERATIONS,
};
