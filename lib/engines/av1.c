// SPDX-License-Identifier: MIT
/*
 * AV1 by libaom, 8 and 10 bits.
 *
 * Planar pictures are handed to libaom where they lie; P010 and the chroma of NV12
 * are unpacked first, results tell how many bytes that was. QPs are quantiser indices from 0 to 255;
 * libaom has 64 of them, the nearest is taken, and results say which.
 *
 * Options: av1.threads=N, av1.slots=N, av1.cost=N (claimed ns a megapixel)
 */
#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#include "hdr_av1.h"
#include "twins.h"

/* A claim for the cost model: preset 1 on one core of a recent CPU. */
#define COST_NS_PER_MPIX 18000000
#define UNSPECIFIED 2	/* of ITU-T H.273 */
#define COST_UPDATE_OFF 3

static const struct twins_kind twin_kind = {
	.name = "av1",
	.codec = HVCAL_CODEC_AV1,
	.cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_RETARGET |
		     HVCAL_CAP_HDR_STATIC | HVCAL_CAP_HDR_DYNAMIC | HVCAL_CAP_LOSSLESS |
		     HVCAL_CAP_LAYERS,
	.cost = COST_NS_PER_MPIX,
	/*
	 * libaom 3.6's CBR follows changes of content beyond the limits of its
	 * quantisers, and aborts the process then: it must have none.
	 */
	.no_cbr_limits = true,
};

#define TWIN(name) aom_##name
#define TWIN_CONST(name) AOM_##name
#define TWIN_CONTROL aom_codec_control
#define TWIN_INTERFACE aom_codec_av1_cx()
#define TWIN_CQ_LEVEL AOME_SET_CQ_LEVEL
#define TWIN_AQ_MODE AV1E_SET_AQ_MODE
#define TWIN_LAST_QUANTIZER AOME_GET_LAST_QUANTIZER
/* All that AV1 predicts from comes with the frames that are referred to. */
#define TWIN_RESILIENT 0
#include "twins_stream.h"

/* libaom's real-time search skips residues that it finds small: not for lossless. */
static bool realtime(const struct hvcal_codec_config *c)
{
	return twins_low_delay(c) && c->tune != HVCAL_TUNE_LOSSLESS;
}

/* Tools that cost more time than they give in real time, as browsers choose them. */
static bool set_realtime_controls(struct hvcal_engine_stream *s)
{
	static const struct twin_setting all[] = {
		{ AV1E_SET_ENABLE_TPL_MODEL, 0 },
		{ AV1E_SET_DELTAQ_MODE, 0 },
		{ AV1E_SET_ENABLE_ORDER_HINT, 0 },
		{ AV1E_SET_COEFF_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_MODE_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_MV_COST_UPD_FREQ, COST_UPDATE_OFF },
		{ AV1E_SET_ENABLE_OBMC, 0 },
		{ AV1E_SET_ENABLE_WARPED_MOTION, 0 },
		{ AV1E_SET_ENABLE_GLOBAL_MOTION, 0 },
		{ AV1E_SET_ENABLE_REF_FRAME_MVS, 0 },
		{ AV1E_SET_ENABLE_CFL_INTRA, 0 },
		{ AV1E_SET_ENABLE_SMOOTH_INTRA, 0 },
		{ AV1E_SET_ENABLE_ANGLE_DELTA, 0 },
		{ AV1E_SET_ENABLE_FILTER_INTRA, 0 },
		{ AV1E_SET_ENABLE_PALETTE, 0 },
		{ AOME_SET_MAX_INTRA_BITRATE_PCT, INTRA_PERCENT },
	};

	return set_all(s, all, sizeof(all) / sizeof(all[0]));
}

static bool twin_set_controls(struct hvcal_engine_stream *s)
{
	static const int fast[] = { 10, 10, 9, 9, 8, 8, 7, 7, 6, 5 };
	static const int good[] = { 6, 6, 6, 5, 5, 4, 4, 3, 2, 1 };
	const struct hvcal_codec_config *c = &s->t.config;
	const struct twin_setting all[] = {
		{ AOME_SET_CPUUSED, (realtime(c) ? fast : good)[c->preset] },
		{ AV1E_SET_TILE_COLUMNS, twins_tile_columns(&s->t, TILE_WIDTH_MIN) },
		{ AV1E_SET_ROW_MT, twins_threads(&s->t) > 1 },
		{ AV1E_SET_COLOR_PRIMARIES, c->primaries ? (int)c->primaries : UNSPECIFIED },
		{ AV1E_SET_TRANSFER_CHARACTERISTICS,
		  c->transfer ? (int)c->transfer : UNSPECIFIED },
		{ AV1E_SET_MATRIX_COEFFICIENTS, c->matrix ? (int)c->matrix : UNSPECIFIED },
		{ AV1E_SET_COLOR_RANGE, c->flags & HVCAL_CONFIG_FULL_RANGE ? AOM_CR_FULL_RANGE :
					AOM_CR_STUDIO_RANGE },
		{ AV1E_SET_LOSSLESS, c->tune == HVCAL_TUNE_LOSSLESS },
	};

	return set_all(s, all, sizeof(all) / sizeof(all[0])) &&
	       (!realtime(c) || set_realtime_controls(s));
}

static bool twin_defaults(struct hvcal_engine_stream *s)
{
	if (aom_codec_enc_config_default(TWIN_INTERFACE, &s->cfg, realtime(&s->t.config) ?
					 AOM_USAGE_REALTIME : AOM_USAGE_GOOD_QUALITY))
		return false;
	s->cfg.g_profile = 0;
	s->cfg.rc_resize_mode = 0;
	return true;
}

/* ---- frames ---- */

static int add_mastering(aom_image_t *img, const struct hvcal_codec_config *c)
{
	uint8_t bytes[HVCAL_AV1_MASTERING_BYTES];

	hvcal_av1_mastering(c, bytes);
	return aom_img_add_metadata(img, OBU_METADATA_TYPE_HDR_MDCV, bytes, sizeof(bytes),
				    AOM_MIF_ANY_FRAME);
}

static int add_light_level(aom_image_t *img, const struct hvcal_codec_config *c)
{
	uint8_t bytes[HVCAL_AV1_LIGHT_LEVEL_BYTES];

	hvcal_av1_light_level(c, bytes);
	return aom_img_add_metadata(img, OBU_METADATA_TYPE_HDR_CLL, bytes, sizeof(bytes),
				    AOM_MIF_ANY_FRAME);
}

/* What the picture carries along; libaom keeps copies. @return 0, -ENOMEM */
static int add_metadata(const struct hvcal_engine_stream *s, aom_image_t *img,
			const struct hvcal_engine_job *job, bool key)
{
	const struct hvcal_codec_config *c = &s->t.config;
	const uint8_t *payload;
	size_t at = 0;
	uint32_t len;
	int ret = 0;

	/* a decoder may begin at any key frame */
	if (key && c->flags & HVCAL_CONFIG_MASTERING)
		ret |= add_mastering(img, c);
	if (key && c->flags & HVCAL_CONFIG_LIGHT_LEVEL)
		ret |= add_light_level(img, c);
	while ((payload = hvcal_soft_t35_next(job, &at, &len)))
		ret |= aom_img_add_metadata(img, OBU_METADATA_TYPE_ITUT_T35, payload, len,
					    AOM_MIF_ANY_FRAME);
	return ret ? -ENOMEM : 0;
}

/*
 * In real time libaom 3.6 ignores the flags that forbid to keep a frame. So the
 * references are ours where there are layers: the last frame of the base, in slot 0.
 */
static bool set_references(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	aom_svc_ref_frame_config_t refs = {
		.reference = { 1 },
		.refresh = { !twins_unreferenced(&s->t, job) },
	};

	return !twins_layered(&s->t.config) ||
	       !aom_codec_control(&s->codec, AV1E_SET_SVC_REF_FRAME_CONFIG, &refs);
}

static int twin_encode(struct hvcal_engine_stream *s, aom_image_t *img,
		       const struct hvcal_engine_job *job, bool key)
{
	int ret = add_metadata(s, img, job, key);

	if (!ret && (!set_references(s, job) ||
		     aom_codec_encode(&s->codec, img, s->t.tick, 1, key ? AOM_EFLAG_FORCE_KF : 0)))
		ret = -EIO;
	aom_img_remove_metadata(img);
	return ret;
}

static bool twin_drain(struct hvcal_engine_stream *s)
{
	return !aom_codec_encode(&s->codec, NULL, s->t.tick, 1, 0);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "av1",
	.description = "AV1 by libaom",
	.license = "MIT",
	TWIN_OPERATIONS,
};
