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

#include "twins.h"

/* A claim for the cost model: preset 1 on one core of a recent CPU. */
#define COST_NS_PER_MPIX 9000000

static const struct twins_kind twin_kind = {
	.name = "vpx",
	.codec = HVCAL_CODEC_VP9,
	.cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
		     HVCAL_CAP_LOSSLESS,
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

static bool twin_set_controls(struct hvcal_engine_stream *s)
{
	static const int realtime[] = { 9, 8, 8, 7, 7, 6, 6, 5, 4, 3 };
	static const int good[] = { 5, 5, 5, 4, 4, 3, 2, 2, 1, 0 };
	const struct hvcal_codec_config *c = &s->t.config;
	bool low_delay = twins_low_delay(c);
	const struct twin_setting all[] = {
		{ VP8E_SET_CPUUSED, (low_delay ? realtime : good)[c->preset] },
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

static int twin_encode(struct hvcal_engine_stream *s, vpx_image_t *img,
		       const struct hvcal_engine_job *job, long flags)
{
	(void)job;
	return vpx_codec_encode(&s->codec, img, s->t.tick, 1, flags, deadline(s)) ? -EIO : 0;
}

static bool twin_drain(struct hvcal_engine_stream *s)
{
	return !vpx_codec_encode(&s->codec, NULL, s->t.tick, 1, 0, deadline(s));
}

TWIN_PLUGIN("vpx", "VP9 by libvpx");
