// SPDX-License-Identifier: MIT
/*
 * Hard ceilings for single frames. NVENC codes a picture without letting it count,
 * as often as is needed; the attempt that fits is made to count. With headers that
 * know this (12.1).
 */
#include "nvenc.h"

#if NVENC_HAVE_STATE
#include <string.h>

#define ATTEMPTS 6
#define STEP_MIN 2
#define STATE_BUFFER 0

/* A frame halves with every sixth of the QPs of H.264, whatever their scale. */
static int step_of(uint32_t codec, uint64_t bytes, uint64_t limit)
{
	int per_octave = nvenc_config_qp_max(codec) * 6 / 51, step = STEP_MIN;

	for (; bytes > limit; bytes /= 2)
		step += per_octave;
	return step;
}

static void raise_qp(const hvcal_engine_stream_t *s, struct nvenc_slot *slot,
		     NV_ENC_PIC_PARAMS *pic, int step)
{
	if (!pic->qpDeltaMap)
		memset(slot->map, 0, s->map_cells);
	for (uint32_t i = 0; i < s->map_cells; i++) {
		int sum = slot->map[i] + step;

		slot->map[i] = (int8_t)(sum < NVENC_OFFSET_MAX ? sum : NVENC_OFFSET_MAX);
	}
	pic->qpDeltaMap = slot->map;
	pic->qpDeltaMapSize = s->map_cells;
}

static int keep_attempt(hvcal_engine_stream_t *s)
{
	NV_ENC_RESTORE_ENCODER_STATE_PARAMS params = {
		.version = NV_ENC_RESTORE_ENCODER_STATE_PARAMS_VER,
		.bufferIdx = STATE_BUFFER,
		.state = NV_ENC_STATE_RESTORE_FULL,
	};
	NVENCSTATUS status = s->ctx->lib.api.nvEncRestoreEncoderState(s->session, &params);

	return status == NV_ENC_SUCCESS ? 0 :
	       nvenc_fail(s->ctx, "NvEncRestoreEncoderState", status, false);
}

/* @return the bytes of a packet that is too large; 0: delivered; negative errno */
static int64_t attempt(hvcal_engine_stream_t *s, struct nvenc_slot *slot, NV_ENC_PIC_PARAMS *pic,
		       bool key)
{
	NV_ENC_LOCK_BITSTREAM lock = {
		.version = s->ctx->lib.versions->lock_output, .outputBitstream = slot->output,
	};
	uint32_t limit = slot->job->params.max_bytes;
	int64_t ret = 0;
	NVENCSTATUS status = nvenc_submit(s, pic);

	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncEncodePicture", status, false);
	status = nvenc_lock_output(s, &lock);
	if (status != NV_ENC_SUCCESS) {
		s->broken = true;
		return nvenc_fail(s->ctx, "NvEncLockBitstream", status, false);
	}
	if (lock.bitstreamSizeInBytes > limit)
		ret = lock.bitstreamSizeInBytes;
	else
		ret = keep_attempt(s);
	if (ret < 0) {
		s->broken = true;
	} else if (!ret) {
		nvenc_count_picture(s, slot->job, key);
		nvenc_deliver(s, slot, &lock);
	}
	s->ctx->lib.api.nvEncUnlockBitstream(s->session, slot->output);
	return ret;
}

int nvenc_encode_below(hvcal_engine_stream_t *s, struct nvenc_slot *slot, NV_ENC_PIC_PARAMS *pic,
		       bool key)
{
	const struct hvcal_engine_result skipped = {
		.flags = HVCAL_RESULT_SKIPPED,
		.frame = {
			.size = sizeof(skipped.frame),
			.pts = slot->job->params.pts,
			.dts = slot->job->params.pts,
			.applied_bitrate = s->config.bitrate,
			.copied_bytes = slot->copied_bytes,
		},
	};
	uint32_t limit = slot->job->params.max_bytes;

	pic->encodePicFlags |= NV_ENC_PIC_FLAG_DISABLE_ENC_STATE_ADVANCE;
	pic->stateBufferIdx = STATE_BUFFER;
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		int64_t bytes = attempt(s, slot, pic, key);

		if (bytes <= 0)
			return (int)bytes;
		raise_qp(s, slot, pic, step_of(s->config.codec, (uint64_t)bytes, limit));
	}
	/* who wanted a key frame still does */
	s->want_key |= key;
	nvenc_finish(s, slot, &skipped);
	return 0;
}
#endif
