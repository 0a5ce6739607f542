// SPDX-License-Identifier: MIT
/* What the chip behind a driver can code. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nvenc.h"

#define GUIDS_MAX 16

static const struct {
	uint32_t codec;
	const GUID *guid;
} known[] = {
	{ HVCAL_CODEC_H264, &NV_ENC_CODEC_H264_GUID },
	{ HVCAL_CODEC_HEVC, &NV_ENC_CODEC_HEVC_GUID },
#if NVENC_HAVE_AV1
	{ HVCAL_CODEC_AV1, &NV_ENC_CODEC_AV1_GUID },
#endif
};

int nvenc_session_open(struct hvcal_engine_ctx *c, void **session, struct nvenc_failure *failure)
{
	NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS params = {
		.version = c->lib.versions->open_session,
		.deviceType = NV_ENC_DEVICE_TYPE_CUDA,
		.device = c->cuda,
		.apiVersion = c->lib.versions->client,
	};

	*session = NULL;
	*failure = (struct nvenc_failure){ .opening = true };
	failure->status = c->lib.api.nvEncOpenEncodeSessionEx(&params, session);
	if (failure->status == NV_ENC_SUCCESS)
		return 0;
	/* the header asks for it: otherwise a failed session may keep its place */
	if (*session)
		c->lib.api.nvEncDestroyEncoder(*session);
	*session = NULL;
	failure->memory_unused = nvenc_cuda_unused(c);
	return nvenc_errno(failure);
}

/* Drivers answer with an error about what they do not know: that is a no. */
static int cap(struct hvcal_engine_ctx *c, void *session, GUID guid, NV_ENC_CAPS what)
{
	NV_ENC_CAPS_PARAM param = {
		.version = c->lib.versions->caps_param, .capsToQuery = what,
	};
	int value = 0;

	if (c->lib.api.nvEncGetEncodeCaps(session, guid, &param, &value) != NV_ENC_SUCCESS)
		return 0;
	return value < 0 ? 0 : value;
}

static uint32_t even(int value, uint32_t if_none)
{
	return value ? ((uint32_t)value + 1) & ~1U : if_none;
}

static void read_codec(struct hvcal_engine_ctx *c, void *session, struct nvenc_codec *k)
{
#define CAP(name) cap(c, session, k->guid, NV_ENC_CAPS_##name)
	k->min_width = even(CAP(WIDTH_MIN), 16);
	k->min_height = even(CAP(HEIGHT_MIN), 16);
	k->max_width = (uint32_t)CAP(WIDTH_MAX);
	k->max_height = (uint32_t)CAP(HEIGHT_MAX);
	k->max_blocks = (uint32_t)CAP(MB_NUM_MAX);
	k->engines = (uint32_t)CAP(NUM_ENCODER_ENGINES);
	k->bframes = (uint32_t)CAP(NUM_MAX_BFRAMES);
	k->ten_bit = CAP(SUPPORT_10BIT_ENCODE);
	k->lossless = CAP(SUPPORT_LOSSLESS_ENCODE);
	k->dyn_bitrate = CAP(SUPPORT_DYN_BITRATE_CHANGE);
	k->dyn_rc_mode = CAP(SUPPORT_DYN_RCMODE_CHANGE);
	k->intra_refresh = CAP(SUPPORT_INTRA_REFRESH);
	k->single_slice_refresh = CAP(SINGLE_SLICE_INTRA_REFRESH);
	k->invalidation = CAP(SUPPORT_REF_PIC_INVALIDATION);
	k->custom_vbv = CAP(SUPPORT_CUSTOM_VBV_BUF_SIZE);
#if NVENC_HAVE_STATE
	k->state_advance = CAP(DISABLE_ENC_STATE_ADVANCE);
#endif
#undef CAP
	/* H.264 has ten bits on the newest chips only, and nothing here to ask for them */
	if (k->codec == HVCAL_CODEC_H264)
		k->ten_bit = false;
	if (k->bframes > NVENC_BFRAMES_MAX)
		k->bframes = NVENC_BFRAMES_MAX;
}

static void read_all(struct hvcal_engine_ctx *c, void *session, const GUID *guids, uint32_t count)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (uint32_t j = 0; j < count; j++) {
			struct nvenc_codec *k = &c->codecs[c->ncodecs];

			if (memcmp(known[i].guid, &guids[j], sizeof(GUID)))
				continue;
			*k = (struct nvenc_codec){ .codec = known[i].codec, .guid = guids[j] };
			read_codec(c, session, k);
			if (k->max_width >= k->min_width && k->max_height >= k->min_height)
				c->ncodecs++;
			break;
		}
}

int nvenc_caps_read(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	GUID guids[GUIDS_MAX] = { 0 };
	struct nvenc_failure failure;
	uint32_t count = 0;
	void *session;
	int ret = nvenc_session_open(c, &session, &failure);

	if (ret) {
		nvenc_say(r, "%s: %s (NvEncOpenEncodeSessionEx: %s, %d)", c->name,
			  nvenc_meaning(&failure), nvenc_status_name(failure.status),
			  (int)failure.status);
		return ret;
	}
	failure.status = c->lib.api.nvEncGetEncodeGUIDs(session, guids, GUIDS_MAX, &count);
	if (failure.status == NV_ENC_SUCCESS)
		read_all(c, session, guids, count < GUIDS_MAX ? count : GUIDS_MAX);
	c->lib.api.nvEncDestroyEncoder(session);
	if (failure.status != NV_ENC_SUCCESS) {
		failure.opening = false;
		nvenc_say(r, "%s: the driver does not tell what it codes: %s (%d)", c->name,
			  nvenc_status_name(failure.status), (int)failure.status);
		return nvenc_errno(&failure);
	}
	if (!c->ncodecs) {
		nvenc_say(r, "%s: its driver offers no codec that HVCAL knows (%u offered)",
			  c->name, count);
		return -EOPNOTSUPP;
	}
	return 0;
}

const struct nvenc_codec *nvenc_codec_find(const struct hvcal_engine_ctx *c, uint32_t codec)
{
	for (unsigned int i = 0; i < c->ncodecs; i++)
		if (c->codecs[i].codec == codec)
			return &c->codecs[i];
	return NULL;
}

void nvenc_cap_fill(const struct hvcal_engine_ctx *c, const struct nvenc_codec *k,
		    struct hvcal_engine_cap *to)
{
	*to = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = k->codec,
		.depth_mask = 1U << 8 | (k->ten_bit ? 1U << 10 : 0),
		.flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_FORCE_KEY | HVCAL_CAP_ROI |
			 HVCAL_CAP_HDR_STATIC | HVCAL_CAP_HDR_DYNAMIC |
			 (k->invalidation || k->intra_refresh ? HVCAL_CAP_RECOVER : 0) |
			 (k->invalidation ? HVCAL_CAP_LAYERS : 0) |
			 (k->dyn_bitrate ? HVCAL_CAP_RETARGET : 0) |
			 (k->lossless ? HVCAL_CAP_LOSSLESS : 0),
		.min_width = k->min_width,
		.min_height = k->min_height,
		.max_width = k->max_width,
		.max_height = k->max_height,
		.cost_ns_per_mpix = c->settings.cost,
		.formats = { HVCAL_FORMAT_NV12, HVCAL_FORMAT_I420,
			     k->ten_bit ? HVCAL_FORMAT_P010 : 0 },
	};
}
