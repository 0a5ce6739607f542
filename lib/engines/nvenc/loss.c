// SPDX-License-Identifier: MIT
/*
 * Frames that the receiver lacks, or may lack. NVENC has temporal layers of its own, in
 * a pattern that begins with each key frame; HVCAL's clients say with each frame whether
 * it may be lost. So such a frame is coded as others are, and then forgotten.
 */
#include <errno.h>

#include "nvenc.h"

/* As many as are in use elsewhere; AV1 has eight slots at any level. */
uint32_t nvenc_loss_references(uint32_t codec)
{
	return codec == HVCAL_CODEC_AV1 ? 8 : 5;
}

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

/* Is there a picture before @number that is remembered, and that may be referred to? */
static bool reference_left(const hvcal_engine_stream_t *s, uint64_t number)
{
	uint64_t kept = nvenc_loss_references(s->codec->codec);
	uint64_t oldest = s->frames > kept ? s->frames - kept : 0;

	if (oldest < s->key_number)
		oldest = s->key_number;
	while (number > oldest)
		if (!s->no_ref[--number % NVENC_SLOTS_MAX])
			return true;
	return false;
}

/* NVENC forgets pictures one by one; what refers to them is lost with them. */
static int invalidate(hvcal_engine_stream_t *s, uint64_t number)
{
	for (; number < s->frames; number++) {
		NVENCSTATUS status = s->ctx->lib.api.nvEncInvalidateRefFrames(s->session, number);

		if (status != NV_ENC_SUCCESS)
			return nvenc_fail(s->ctx, "NvEncInvalidateRefFrames", status, false);
		s->no_ref[number % NVENC_SLOTS_MAX] = true;
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
	if (!known || number <= s->key_number || !reference_left(s, number) ||
	    !nvenc_config_invalidates(s->codec, &s->config) || invalidate(s, number))
		return HVCAL_RECOVERY_KEY;
	return HVCAL_RECOVERY_REFS;
}

bool nvenc_loss_skip_upper(hvcal_engine_stream_t *s)
{
	if (!s->frames || !s->no_ref[(s->frames - 1) % NVENC_SLOTS_MAX])
		return true;
	return reference_left(s, s->frames) && !invalidate(s, s->frames - 1);
}
