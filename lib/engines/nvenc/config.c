// SPDX-License-Identifier: MIT
/* What a client asks for, in the structures of NVENC. */
#include <stdint.h>

#include "nvenc.h"

#define DEFAULT_QP_PERCENT 51	/* of the scale: 26 of 51 */
#define DEFAULT_QUALITY 23
#define DEFAULT_VBV_MS 1000
#define REFRESH_PERIOD 300	/* frames of an intra refresh cycle, if none is asked for */
#define PRESET_MAX 9
#define QUALITY_MAX 51

/* NVENC wants P pictures only in a group without an end: this one ends in years. */
#define GOP_ENDLESS_WITH_B INT32_MAX

int nvenc_config_qp_max(uint32_t codec)
{
	return codec == HVCAL_CODEC_AV1 ? 255 : 51;
}

int nvenc_config_constant_qp(const struct hvcal_codec_config *c)
{
	if (c->tune == HVCAL_TUNE_LOSSLESS)
		return 0;
	return c->qp ? (int)c->qp : nvenc_config_qp_max(c->codec) * DEFAULT_QP_PERCENT / 100;
}

uint32_t nvenc_config_map_block(uint32_t codec)
{
	switch (codec) {
	case HVCAL_CODEC_H264:
		return 16;
	case HVCAL_CODEC_HEVC:
		return 32;
	default:
		return 64;
	}
}

NV_ENC_BUFFER_FORMAT nvenc_config_format(uint32_t format)
{
	switch (format) {
	case HVCAL_FORMAT_NV12:
		return NV_ENC_BUFFER_FORMAT_NV12;
	case HVCAL_FORMAT_I420:
		return NV_ENC_BUFFER_FORMAT_IYUV;
	case HVCAL_FORMAT_P010:
		return NV_ENC_BUFFER_FORMAT_YUV420_10BIT;
	default:
		return NV_ENC_BUFFER_FORMAT_UNDEFINED;
	}
}

static bool profile_guid(const struct hvcal_codec_config *c, GUID *guid)
{
	bool deep = c->format == HVCAL_FORMAT_P010;

	if (c->tune == HVCAL_TUNE_LOSSLESS && c->codec == HVCAL_CODEC_H264) {
		*guid = NV_ENC_H264_PROFILE_HIGH_444_GUID;
		return !c->profile;
	}
	switch (c->codec) {
	case HVCAL_CODEC_H264:
		*guid = c->profile == HVCAL_PROFILE_H264_BASELINE ? NV_ENC_H264_PROFILE_BASELINE_GUID :
			c->profile == HVCAL_PROFILE_H264_MAIN ? NV_ENC_H264_PROFILE_MAIN_GUID :
			NV_ENC_H264_PROFILE_HIGH_GUID;
		return !c->profile || c->profile == HVCAL_PROFILE_H264_BASELINE ||
		       c->profile == HVCAL_PROFILE_H264_MAIN ||
		       c->profile == HVCAL_PROFILE_H264_HIGH;
	case HVCAL_CODEC_HEVC:
		/* general_profile_idc 1 is Main, 2 is Main 10 */
		*guid = deep || c->profile == 2 ? NV_ENC_HEVC_PROFILE_MAIN10_GUID :
			NV_ENC_HEVC_PROFILE_MAIN_GUID;
		return c->profile <= 2 && !(deep && c->profile == 1);
	default:
#if NVENC_HAVE_AV1
		/* seq_profile 0, which has ten bits, too */
		*guid = NV_ENC_AV1_PROFILE_MAIN_GUID;
#endif
		return !c->profile;
	}
}

static bool has_bitrate(const struct hvcal_codec_config *c)
{
	return c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR;
}

static const char *picture_wrong(const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	uint64_t blocks = (uint64_t)((c->width + 15) / 16) * ((c->height + 15) / 16);
	uint32_t depth = c->format == HVCAL_FORMAT_P010 ? 10 : 8;

	if (nvenc_config_format(c->format) == NV_ENC_BUFFER_FORMAT_UNDEFINED)
		return "this pixel format";
	if (c->bit_depth && c->bit_depth != depth)
		return "this bit depth with this pixel format";
	if (depth == 10 && !k->ten_bit)
		return "10 bits";
	if (c->chroma && c->chroma != 420)
		return "other chroma than 4:2:0";
	if (c->width < k->min_width || c->width > k->max_width ||
	    c->height < k->min_height || c->height > k->max_height ||
	    (k->max_blocks && blocks > k->max_blocks))
		return "pictures of this size";
	if (c->width % 2 || c->height % 2)
		return "pictures of odd sizes";
	return NULL;
}

static const char *coding_wrong(const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	uint32_t qp_max = (uint32_t)nvenc_config_qp_max(c->codec);
	GUID guid;

	if (!profile_guid(c, &guid))
		return "this profile";
	if (c->preset > PRESET_MAX || c->tune > HVCAL_TUNE_LOSSLESS || c->rc_mode > HVCAL_RC_ICQ)
		return "a preset, tuning or rate control that HVCAL does not define";
	if (c->tune == HVCAL_TUNE_LOSSLESS && !k->lossless)
		return "lossless coding";
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH && !k->intra_refresh)
		return "intra refresh";
	if (has_bitrate(c) && (c->bitrate < 1000 || c->bitrate > 2000000000))
		return "this bit rate";
	if (c->qp > qp_max || c->qp_min > qp_max || c->qp_max > qp_max ||
	    c->quality > QUALITY_MAX)
		return "this QP or quality";
	if (!c->fps_num || !c->fps_den || c->fps_num > 1000 * (uint64_t)c->fps_den)
		return "this frame rate";
	return NULL;
}

bool nvenc_config_possible(const struct nvenc_codec *k, const struct hvcal_codec_config *c,
			   const char **why)
{
	*why = picture_wrong(k, c);
	if (!*why)
		*why = coding_wrong(k, c);
	return !*why;
}

static bool low_delay(const struct hvcal_codec_config *c)
{
	return c->tune != HVCAL_TUNE_QUALITY;
}

uint32_t nvenc_config_bframes(const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	/* intra refresh and B pictures exclude each other */
	if (low_delay(c) || c->flags & HVCAL_CONFIG_INTRA_REFRESH)
		return 0;
	return c->bframes < k->bframes ? c->bframes : k->bframes;
}

GUID nvenc_config_preset(const struct hvcal_codec_config *c)
{
	static const GUID *const presets[PRESET_MAX + 1] = {
		&NV_ENC_PRESET_P1_GUID, &NV_ENC_PRESET_P1_GUID, &NV_ENC_PRESET_P2_GUID,
		&NV_ENC_PRESET_P3_GUID, &NV_ENC_PRESET_P3_GUID, &NV_ENC_PRESET_P4_GUID,
		&NV_ENC_PRESET_P5_GUID, &NV_ENC_PRESET_P5_GUID, &NV_ENC_PRESET_P6_GUID,
		&NV_ENC_PRESET_P7_GUID,
	};

	return *presets[c->preset <= PRESET_MAX ? c->preset : PRESET_MAX];
}

NV_ENC_TUNING_INFO nvenc_config_tuning(const struct hvcal_codec_config *c)
{
	switch (c->tune) {
	case HVCAL_TUNE_LOW_LATENCY:
		return NV_ENC_TUNING_INFO_ULTRA_LOW_LATENCY;
	case HVCAL_TUNE_QUALITY:
		return NV_ENC_TUNING_INFO_HIGH_QUALITY;
	case HVCAL_TUNE_LOSSLESS:
		return NV_ENC_TUNING_INFO_LOSSLESS;
	default:
		return NV_ENC_TUNING_INFO_LOW_LATENCY;
	}
}

/* ---- rates ---- */

static uint32_t to32(uint64_t value)
{
	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

static NV_ENC_QP same_qp(uint32_t qp)
{
	return (NV_ENC_QP){ .qpInterP = qp, .qpInterB = qp, .qpIntra = qp };
}

void nvenc_config_const_qp(NV_ENC_RC_PARAMS *rc, int qp)
{
	rc->rateControlMode = NV_ENC_PARAMS_RC_CONSTQP;
	rc->constQP = same_qp((uint32_t)qp);
	rc->averageBitRate = 0;
	rc->maxBitRate = 0;
	rc->vbvBufferSize = 0;
	rc->enableMinQP = 0;
	rc->enableMaxQP = 0;
	rc->targetQuality = 0;
	/* these would move the QPs of blocks */
	rc->enableAQ = 0;
	rc->enableTemporalAQ = 0;
	rc->multiPass = NV_ENC_MULTI_PASS_DISABLED;
}

static void set_vbv(NV_ENC_RC_PARAMS *rc, const struct nvenc_codec *k,
		    const struct hvcal_codec_config *c, uint64_t max)
{
	uint64_t ms = c->vbv_ms ? c->vbv_ms : DEFAULT_VBV_MS;

	if (!k->custom_vbv)
		return;
	rc->vbvBufferSize = to32(max * ms / 1000);
	rc->vbvInitialDelay = 0;
	/* with room for one frame a key frame must be as small as the others */
	if (low_delay(c) && ms * c->fps_num <= 1500 * (uint64_t)c->fps_den)
		rc->lowDelayKeyFrameScale = 1;
}

void nvenc_config_rates(NV_ENC_RC_PARAMS *rc, const struct nvenc_codec *k,
			const struct hvcal_codec_config *c)
{
	uint64_t max = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;

	if (c->tune == HVCAL_TUNE_LOSSLESS || c->rc_mode == HVCAL_RC_CQP) {
		nvenc_config_const_qp(rc, nvenc_config_constant_qp(c));
		return;
	}
	rc->targetQuality = 0;
	rc->averageBitRate = 0;
	rc->maxBitRate = 0;
	switch (c->rc_mode) {
	case HVCAL_RC_CBR:
		rc->rateControlMode = NV_ENC_PARAMS_RC_CBR;
		rc->averageBitRate = to32(c->bitrate);
		rc->maxBitRate = rc->averageBitRate;
		set_vbv(rc, k, c, c->bitrate);
		break;
	case HVCAL_RC_VBR:
		rc->rateControlMode = NV_ENC_PARAMS_RC_VBR;
		rc->averageBitRate = to32(c->bitrate);
		rc->maxBitRate = to32(max);
		set_vbv(rc, k, c, max);
		break;
	default:
		rc->rateControlMode = NV_ENC_PARAMS_RC_VBR;
		rc->targetQuality = (uint8_t)(c->rc_mode == HVCAL_RC_ICQ && c->quality ?
					      c->quality : DEFAULT_QUALITY);
		break;
	}
	rc->enableMinQP = !!c->qp_min;
	rc->minQP = same_qp(c->qp_min);
	rc->enableMaxQP = !!c->qp_max;
	rc->maxQP = same_qp(c->qp_max);
}

/* ---- everything else ---- */

static void fill_vui(NV_ENC_CONFIG_H264_VUI_PARAMETERS *vui, const struct hvcal_codec_config *c)
{
	vui->videoSignalTypePresentFlag = 1;
	vui->videoFormat = 5; /* unspecified */
	vui->videoFullRangeFlag = !!(c->flags & HVCAL_CONFIG_FULL_RANGE);
	vui->colourDescriptionPresentFlag = 1;
	vui->colourPrimaries = c->primaries ? c->primaries : 2;
	vui->transferCharacteristics = c->transfer ? c->transfer : 2;
	vui->colourMatrix = c->matrix ? c->matrix : 2;
}

bool nvenc_config_invalidates(const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	return k->invalidation && !nvenc_config_bframes(k, c) &&
	       !(c->flags & HVCAL_CONFIG_INTRA_REFRESH);
}

bool nvenc_config_layered(const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	return c->flags & HVCAL_CONFIG_LAYERS && nvenc_config_invalidates(k, c);
}

static uint32_t refresh_period(const struct hvcal_codec_config *c)
{
	return c->gop > 1 ? c->gop : REFRESH_PERIOD;
}

static void fill_h264(NV_ENC_CONFIG_H264 *h, const NV_ENC_CONFIG *enc,
		      const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	h->level = c->level ? c->level : NV_ENC_LEVEL_AUTOSELECT;
	h->idrPeriod = enc->gopLength;
	h->repeatSPSPPS = 1;
	h->chromaFormatIDC = 1;
	/* these would need another delay of decoding (frame.c) */
	h->useBFramesAsRef = NV_ENC_BFRAME_REF_MODE_DISABLED;
	/* older ones than the last, in case that is lost */
	if (nvenc_config_invalidates(k, c))
		h->maxNumRefFrames = nvenc_loss_references(c->codec);
	h->qpPrimeYZeroTransformBypassFlag = c->tune == HVCAL_TUNE_LOSSLESS;
	h->sliceMode = 3;
	h->sliceModeData = c->slices ? c->slices : 1;
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH) {
		h->enableIntraRefresh = 1;
		h->intraRefreshPeriod = refresh_period(c);
		h->intraRefreshCnt = h->intraRefreshPeriod - 1;
		h->singleSliceIntraRefresh = k->single_slice_refresh;
	}
	fill_vui(&h->h264VUIParameters, c);
}

static void fill_hevc(NV_ENC_CONFIG_HEVC *h, const NV_ENC_CONFIG *enc,
		      const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	h->level = c->level ? c->level : NV_ENC_LEVEL_AUTOSELECT;
	h->idrPeriod = enc->gopLength;
	h->repeatSPSPPS = 1;
	h->chromaFormatIDC = 1;
	h->useBFramesAsRef = NV_ENC_BFRAME_REF_MODE_DISABLED;
	if (nvenc_config_invalidates(k, c))
		h->maxNumRefFramesInDPB = nvenc_loss_references(c->codec);
	h->sliceMode = 3;
	h->sliceModeData = c->slices ? c->slices : 1;
#if NVENC_API_AT_LEAST(13, 0)
	h->inputBitDepth = c->format == HVCAL_FORMAT_P010 ? NV_ENC_BIT_DEPTH_10 : NV_ENC_BIT_DEPTH_8;
	h->outputBitDepth = h->inputBitDepth;
#else
	h->pixelBitDepthMinus8 = c->format == HVCAL_FORMAT_P010 ? 2 : 0;
#endif
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH) {
		h->enableIntraRefresh = 1;
		h->intraRefreshPeriod = refresh_period(c);
		h->intraRefreshCnt = h->intraRefreshPeriod - 1;
		h->singleSliceIntraRefresh = k->single_slice_refresh;
	}
	fill_vui(&h->hevcVUIParameters, c);
}

#if NVENC_HAVE_AV1
static void fill_av1(NV_ENC_CONFIG_AV1 *a, const NV_ENC_CONFIG *enc,
		     const struct nvenc_codec *k, const struct hvcal_codec_config *c)
{
	a->level = c->level ? c->level : NV_ENC_LEVEL_AV1_AUTOSELECT;
	a->idrPeriod = enc->gopLength;
	a->repeatSeqHdr = 1;
	a->chromaFormatIDC = 1;
	a->useBFramesAsRef = NV_ENC_BFRAME_REF_MODE_DISABLED;
	if (nvenc_config_invalidates(k, c))
		a->maxNumRefFramesInDPB = nvenc_loss_references(c->codec);
	/* tiles are what AV1 has instead of slices; NVENC takes the next lower power of 2 */
	a->numTileRows = c->slices;
#if NVENC_API_AT_LEAST(13, 0)
	a->inputBitDepth = c->format == HVCAL_FORMAT_P010 ? NV_ENC_BIT_DEPTH_10 : NV_ENC_BIT_DEPTH_8;
	a->outputBitDepth = a->inputBitDepth;
#else
	a->inputPixelBitDepthMinus8 = c->format == HVCAL_FORMAT_P010 ? 2 : 0;
	a->pixelBitDepthMinus8 = a->inputPixelBitDepthMinus8;
#endif
	a->colorPrimaries = c->primaries ? c->primaries : 2;
	a->transferCharacteristics = c->transfer ? c->transfer : 2;
	a->matrixCoefficients = c->matrix ? c->matrix : 2;
	a->colorRange = !!(c->flags & HVCAL_CONFIG_FULL_RANGE);
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH) {
		a->enableIntraRefresh = 1;
		a->intraRefreshPeriod = refresh_period(c);
		a->intraRefreshCnt = a->intraRefreshPeriod - 1;
	}
}
#endif

void nvenc_config_fill(NV_ENC_INITIALIZE_PARAMS *init, NV_ENC_CONFIG *enc,
		       const struct hvcal_engine_ctx *ctx, const struct nvenc_codec *k,
		       const struct hvcal_codec_config *c)
{
	uint32_t bframes = nvenc_config_bframes(k, c);
	bool sar = c->sar_num && c->sar_den;

	*init = (NV_ENC_INITIALIZE_PARAMS){
		.version = ctx->lib.versions->initialize,
		.encodeGUID = k->guid,
		.presetGUID = nvenc_config_preset(c),
		.tuningInfo = nvenc_config_tuning(c),
		.encodeWidth = c->width,
		.encodeHeight = c->height,
		.darWidth = sar ? to32((uint64_t)c->width * c->sar_num) : c->width,
		.darHeight = sar ? to32((uint64_t)c->height * c->sar_den) : c->height,
		.frameRateNum = c->fps_num,
		.frameRateDen = c->fps_den,
		.enablePTD = 1,
		.encodeConfig = enc,
	};
#if NVENC_HAVE_SPLIT
	/* the field is not for H.264 */
	if (k->codec != HVCAL_CODEC_H264 && ctx->lib.versions->split)
		init->splitEncodeMode = ctx->settings.split;
#endif
#if NVENC_HAVE_STATE
	/* pictures that wait for each other cannot be coded again */
	if (ctx->settings.ceiling && k->state_advance && !bframes)
		init->numStateBuffers = 1;
#endif
	profile_guid(c, &enc->profileGUID);
	enc->frameIntervalP = (int32_t)bframes + 1;
	if (c->gop && !(c->flags & HVCAL_CONFIG_INTRA_REFRESH))
		enc->gopLength = c->gop;
	else
		enc->gopLength = bframes ? GOP_ENDLESS_WITH_B : NVENC_INFINITE_GOPLENGTH;
	enc->rcParams.zeroReorderDelay = low_delay(c);
	/* what it looks ahead at, the client would wait for */
	enc->rcParams.enableLookahead = 0;
	enc->rcParams.lookaheadDepth = 0;
	enc->rcParams.qpMapMode = NV_ENC_QP_MAP_DELTA;
	nvenc_config_rates(&enc->rcParams, k, c);
	if (k->codec == HVCAL_CODEC_H264)
		fill_h264(&enc->encodeCodecConfig.h264Config, enc, k, c);
	else if (k->codec == HVCAL_CODEC_HEVC)
		fill_hevc(&enc->encodeCodecConfig.hevcConfig, enc, k, c);
#if NVENC_HAVE_AV1
	else
		fill_av1(&enc->encodeCodecConfig.av1Config, enc, k, c);
#endif
}
