// SPDX-License-Identifier: MIT
/* Frames that the receiver lacks. */
#include <errno.h>

#include "nvenc.h"

/*
 * The first picture of the session whose packets are of no use to a receiver that
 * lacks the one of @pts; s->frames: there is none. False: too long ago to know.
 */
static bool first_tainted(const hvcal_engine_stream_t *s, int64_t pts, uint64_t *number)
{
	uint64_t known = s->frames < NVENC_SLOTS_MAX ? s->frames : NVENC_SLOTS_MAX;
	uint64_t n = s->frames;

	while (known-- && s->pts[(n - 1) % NVENC_SLOTS_MAX] >= pts)
		n--;
	*number = n;
	return n == s->frames || s->pts[n % NVENC_SLOTS_MAX] == pts || n <= s->key_number;
}

/* NVENC forgets pictures one by one; what refers to them is lost with them. */
static int invalidate(hvcal_engine_stream_t *s, uint64_t number)
{
	for (; number < s->frames; number++) {
		NVENCSTATUS status = s->ctx->lib.api.nvEncInvalidateRefFrames(s->session, number);

		if (status != NV_ENC_SUCCESS)
			return nvenc_fail(s->ctx, "NvEncInvalidateRefFrames", status, false);
	}
	return 0;
}

/* One cycle at once, as long as those that come by themselves. */
static void start_refresh(const hvcal_engine_stream_t *s, NV_ENC_PIC_PARAMS *pic)
{
	const NV_ENC_CODEC_CONFIG *c = &s->enc.encodeCodecConfig;

	switch (s->codec->codec) {
	case HVCAL_CODEC_H264:
		pic->codecPicParams.h264PicParams.forceIntraRefreshWithFrameCnt =
			c->h264Config.intraRefreshCnt;
		break;
	case HVCAL_CODEC_HEVC:
		pic->codecPicParams.hevcPicParams.forceIntraRefreshWithFrameCnt =
			c->hevcConfig.intraRefreshCnt;
		break;
#if NVENC_HAVE_AV1
	case HVCAL_CODEC_AV1:
		pic->codecPicParams.av1PicParams.forceIntraRefreshWithFrameCnt =
			c->av1Config.intraRefreshCnt;
		break;
#endif
	}
}

uint32_t nvenc_loss_recover(hvcal_engine_stream_t *s, const struct hvcal_engine_job *job,
			    NV_ENC_PIC_PARAMS *pic)
{
	bool known;
	uint64_t number;

	if (s->config.flags & HVCAL_CONFIG_INTRA_REFRESH) {
		start_refresh(s, pic);
		return HVCAL_RECOVERY_REFRESH;
	}
	known = first_tainted(s, job->params.lost_pts, &number);
	/* all of that was before a key frame, or has not been coded yet */
	if (known && (number == s->frames || number < s->key_number))
		return HVCAL_RECOVERY_REFS;
	/* one at least that the receiver has must still be there */
	if (!known || number <= s->key_number || s->frames - number >= NVENC_DPB ||
	    !nvenc_config_invalidates(s->codec, &s->config) || invalidate(s, number))
		return HVCAL_RECOVERY_KEY;
	return HVCAL_RECOVERY_REFS;
}
