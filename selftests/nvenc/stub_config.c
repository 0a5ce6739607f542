// SPDX-License-Identifier: MIT
/* Configurations of libnvidia-encode.so.1 of tests: what each codec has, what is refused. */
#include <string.h>

#include "stub_session.h"

/* ---- what codecs have in places of their own ---- */

static struct stub_config h264_config(const NV_ENC_CONFIG_H264 *h)
{
	const NV_ENC_CONFIG_H264_VUI_PARAMETERS *vui = &h->h264VUIParameters;

	return (struct stub_config){
		.idr_period = h->idrPeriod, .refresh = h->enableIntraRefresh,
		.refresh_frames = h->intraRefreshCnt,
		.format = {
			.depth = 8, .input_depth = 8, .refs = h->maxNumRefFrames,
			.refresh = h->enableIntraRefresh ? h->intraRefreshPeriod : 0,
			.repeat_headers = h->repeatSPSPPS,
			.full_range = vui->videoFullRangeFlag, .primaries = vui->colourPrimaries,
			.transfer = vui->transferCharacteristics, .matrix = vui->colourMatrix,
		},
	};
}

static struct stub_config hevc_config(const NV_ENC_CONFIG_HEVC *h)
{
	const NV_ENC_CONFIG_HEVC_VUI_PARAMETERS *vui = &h->hevcVUIParameters;

	return (struct stub_config){
		.idr_period = h->idrPeriod, .refresh = h->enableIntraRefresh,
		.refresh_frames = h->intraRefreshCnt,
		.format = {
			.depth = 8 + h->pixelBitDepthMinus8,
			.input_depth = 8 + h->pixelBitDepthMinus8,
			.refresh = h->enableIntraRefresh ? h->intraRefreshPeriod : 0,
			.repeat_headers = h->repeatSPSPPS,
			.full_range = vui->videoFullRangeFlag, .primaries = vui->colourPrimaries,
			.transfer = vui->transferCharacteristics, .matrix = vui->colourMatrix,
		},
	};
}

#if STUB_HAVE_AV1
static struct stub_config av1_config(const NV_ENC_CONFIG_AV1 *a)
{
	return (struct stub_config){
		.idr_period = a->idrPeriod, .refresh = a->enableIntraRefresh,
		.refresh_frames = a->intraRefreshCnt,
		.format = {
			.depth = 8 + a->pixelBitDepthMinus8,
			.input_depth = 8 + a->inputPixelBitDepthMinus8,
			.refresh = a->enableIntraRefresh ? a->intraRefreshPeriod : 0,
			.refs = a->maxNumRefFramesInDPB, .tile_rows = a->numTileRows,
			.repeat_headers = a->repeatSeqHdr,
			.full_range = a->colorRange, .primaries = a->colorPrimaries,
			.transfer = a->transferCharacteristics, .matrix = a->matrixCoefficients,
		},
	};
}

static bool guid_is(const GUID *a, GUID b)
{
	return !memcmp(a, &b, sizeof(b));
}

/* Fields that the header restricts, or that this stub has nothing for. */
static NVENCSTATUS av1_check(const NV_ENC_CONFIG *enc)
{
	const NV_ENC_CONFIG_AV1 *a = &enc->encodeCodecConfig.av1Config;

	if (!guid_is(&enc->profileGUID, NV_ENC_AV1_PROFILE_MAIN_GUID) &&
	    !guid_is(&enc->profileGUID, NV_ENC_CODEC_PROFILE_AUTOSELECT_GUID))
		return NV_ENC_ERR_INVALID_PARAM;
	if (a->level > NV_ENC_LEVEL_AV1_AUTOSELECT || a->tier > NV_ENC_TIER_AV1_1 ||
	    a->chromaFormatIDC != 1 || a->colorRange > 1 || a->chromaSamplePosition > 2)
		return NV_ENC_ERR_INVALID_PARAM;
	if ((a->pixelBitDepthMinus8 != 0 && a->pixelBitDepthMinus8 != 2) ||
	    (a->inputPixelBitDepthMinus8 != 0 && a->inputPixelBitDepthMinus8 != 2) ||
	    a->inputPixelBitDepthMinus8 > a->pixelBitDepthMinus8)
		return NV_ENC_ERR_INVALID_PARAM;
	if (a->maxNumRefFramesInDPB > 8 || a->numTileColumns > NV_MAX_TILE_COLS_AV1 ||
	    a->numTileRows > NV_MAX_TILE_ROWS_AV1)
		return NV_ENC_ERR_INVALID_PARAM;
	if (a->reserved || !stub_zero(a->reserved1, sizeof(a->reserved1)) ||
	    !stub_zero(a->reserved2, sizeof(a->reserved2)))
		stub_forbidden("NV_ENC_CONFIG_AV1 with reserved fields set");
	if (a->outputAnnexBFormat || a->disableSeqHdr || a->enableCustomTileConfig ||
	    a->enableFilmGrainParams || a->maxTemporalLayersMinus1 || a->useBFramesAsRef ||
	    a->inputPixelBitDepthMinus8 != a->pixelBitDepthMinus8)
		stub_forbidden("a field of NV_ENC_CONFIG_AV1 that this stub has nothing for");
	return NV_ENC_SUCCESS;
}
#endif

struct stub_config stub_config_of(const struct stub_codec *codec, const NV_ENC_CONFIG *enc)
{
	const NV_ENC_CODEC_CONFIG *c = &enc->encodeCodecConfig;

#if STUB_HAVE_AV1
	if (codec->av1)
		return av1_config(&c->av1Config);
#endif
	return codec->hevc ? hevc_config(&c->hevcConfig) : h264_config(&c->h264Config);
}

struct stub_extra stub_extra_of(const struct stub_codec *codec, const NV_ENC_PIC_PARAMS *pic)
{
	const NV_ENC_CODEC_PIC_PARAMS *c = &pic->codecPicParams;

#if STUB_HAVE_AV1
	if (codec->av1) {
		const NV_ENC_PIC_PARAMS_AV1 *a = &c->av1PicParams;

		if (a->reservedBitFields || a->reserved || a->tileConfigUpdate ||
		    a->filmGrainParamsUpdate || !stub_zero(a->reserved2, sizeof(a->reserved2)) ||
		    !stub_zero(a->reserved3, sizeof(a->reserved3)))
			stub_forbidden("fields of NV_ENC_PIC_PARAMS_AV1 that are reserved, or that this stub has nothing for");
		for (unsigned int i = 0; i < a->obuPayloadArrayCnt; i++)
			if (!a->obuPayloadArray[i].payloadType ||
			    a->obuPayloadArray[i].payloadType > 5)
				stub_forbidden("%u is no type of an AV1 metadata OBU",
					       a->obuPayloadArray[i].payloadType);
		return (struct stub_extra){
			.list = a->obuPayloadArray, .count = a->obuPayloadArrayCnt,
			.refresh = a->forceIntraRefreshWithFrameCnt,
		};
	}
#endif
	if (codec->hevc)
		return (struct stub_extra){
			.list = c->hevcPicParams.seiPayloadArray,
			.count = c->hevcPicParams.seiPayloadArrayCnt,
			.refresh = c->hevcPicParams.forceIntraRefreshWithFrameCnt,
		};
	return (struct stub_extra){
		.list = c->h264PicParams.seiPayloadArray,
		.count = c->h264PicParams.seiPayloadArrayCnt,
		.refresh = c->h264PicParams.forceIntraRefreshWithFrameCnt,
	};
}

/* ---- what is refused ---- */

static bool qp_wrong(const struct stub_session *s, const NV_ENC_QP *qp)
{
	uint32_t max = s->codec->qp_max;

	return qp->qpInterP > max || qp->qpInterB > max || qp->qpIntra > max;
}

NVENCSTATUS stub_rates_check(const struct stub_session *s, const NV_ENC_RC_PARAMS *rc)
{
	if ((rc->enableMinQP && qp_wrong(s, &rc->minQP)) ||
	    (rc->enableMaxQP && qp_wrong(s, &rc->maxQP)))
		return NV_ENC_ERR_INVALID_PARAM;
	switch (rc->rateControlMode) {
	case NV_ENC_PARAMS_RC_CONSTQP:
		if (qp_wrong(s, &rc->constQP))
			return NV_ENC_ERR_INVALID_PARAM;
		if (s->tuning == NV_ENC_TUNING_INFO_LOSSLESS && rc->constQP.qpInterP)
			return NV_ENC_ERR_INVALID_PARAM;
		if (rc->enableAQ || rc->enableTemporalAQ)
			stub_forbidden("AQ moves the QPs of a constant QP");
		break;
	case NV_ENC_PARAMS_RC_CBR:
		if (!rc->averageBitRate)
			return NV_ENC_ERR_INVALID_PARAM;
		break;
	case NV_ENC_PARAMS_RC_VBR:
		if (!rc->averageBitRate && !rc->targetQuality)
			return NV_ENC_ERR_INVALID_PARAM;
		if (rc->averageBitRate > rc->maxBitRate || rc->targetQuality > 51)
			return NV_ENC_ERR_INVALID_PARAM;
		break;
	default:
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
	}
	if (s->tuning == NV_ENC_TUNING_INFO_LOSSLESS &&
	    (rc->rateControlMode != NV_ENC_PARAMS_RC_CONSTQP || s->codec->av1))
		return NV_ENC_ERR_INVALID_PARAM;
	if (rc->qpMapMode != NV_ENC_QP_MAP_DELTA && rc->qpMapMode != NV_ENC_QP_MAP_DISABLED)
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
	if (rc->enableLookahead)
		stub_forbidden("look-ahead, which this stub does not have");
	return NV_ENC_SUCCESS;
}

static bool picture_wrong(const struct stub_codec *codec, const NV_ENC_INITIALIZE_PARAMS *p)
{
	return !p->encodeWidth || p->encodeWidth > codec->size_max || p->encodeWidth % 2 ||
	       !p->encodeHeight || p->encodeHeight > codec->size_max || p->encodeHeight % 2 ||
	       !p->frameRateNum || !p->frameRateDen || !p->darWidth || !p->darHeight;
}

NVENCSTATUS stub_config_check(const struct stub_session *s, const NV_ENC_INITIALIZE_PARAMS *p)
{
	const NV_ENC_CONFIG *enc = p->encodeConfig;
	struct stub_config c = stub_config_of(s->codec, enc);

	if (picture_wrong(s->codec, p))
		return NV_ENC_ERR_INVALID_PARAM;
	if (enc->frameIntervalP < 1 || enc->frameIntervalP > stub_mode("bframes", 4) + 1)
		return NV_ENC_ERR_INVALID_PARAM;
	if (enc->gopLength == NVENC_INFINITE_GOPLENGTH && enc->frameIntervalP != 1)
		stub_forbidden("an endless GOP with B pictures");
	if (!enc->gopLength || c.idr_period != enc->gopLength)
		return NV_ENC_ERR_INVALID_PARAM;
	if (c.refresh && (enc->gopLength != NVENC_INFINITE_GOPLENGTH || enc->frameIntervalP != 1))
		stub_forbidden("intra refresh with key frames or B pictures");
	if (c.refresh && (c.refresh_frames < 1 || c.refresh_frames >= c.format.refresh))
		stub_forbidden("an intra refresh of %u frames in %u", c.refresh_frames,
			       c.format.refresh);
	if (c.refresh && !stub_mode("refresh", 1))
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
#if STUB_HAVE_AV1
	if (s->codec->av1 && av1_check(enc))
		return NV_ENC_ERR_INVALID_PARAM;
#endif
	stub_state_check(s, p);
	return stub_rates_check(s, &enc->rcParams);
}
