// SPDX-License-Identifier: MIT
/* Sessions of the driver: one for each stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "../soft.h"
#include "nvenc.h"

static void buffers_destroy(hvcal_engine_stream_t *s)
{
	const NV_ENCODE_API_FUNCTION_LIST *api = &s->ctx->lib.api;

	for (unsigned int i = 0; i < s->count; i++) {
		struct nvenc_slot *slot = &s->slots[i];

		if (slot->input)
			api->nvEncDestroyInputBuffer(s->session, slot->input);
		if (slot->output)
			api->nvEncDestroyBitstreamBuffer(s->session, slot->output);
		free(slot->map);
		*slot = (struct nvenc_slot){ 0 };
	}
}

static int slot_create(hvcal_engine_stream_t *s, struct nvenc_slot *slot)
{
	const NV_ENCODE_API_FUNCTION_LIST *api = &s->ctx->lib.api;
	NV_ENC_CREATE_INPUT_BUFFER in = {
		.version = s->ctx->lib.versions->create_input,
		.width = s->config.width,
		.height = s->config.height,
		.bufferFmt = nvenc_config_format(s->config.format),
	};
	NV_ENC_CREATE_BITSTREAM_BUFFER out = {
		.version = s->ctx->lib.versions->create_output,
	};
	NVENCSTATUS status = api->nvEncCreateInputBuffer(s->session, &in);

	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncCreateInputBuffer", status, false);
	slot->input = in.inputBuffer;
	status = api->nvEncCreateBitstreamBuffer(s->session, &out);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncCreateBitstreamBuffer", status, false);
	slot->output = out.bitstreamBuffer;
	slot->map = calloc(s->map_cells, 1);
	return slot->map ? 0 : -ENOMEM;
}

static int encoder_init(hvcal_engine_stream_t *s)
{
	const NV_ENCODE_API_FUNCTION_LIST *api = &s->ctx->lib.api;
	NV_ENC_PRESET_CONFIG preset = {
		.version = s->ctx->lib.versions->preset_config,
		.presetCfg = { .version = s->ctx->lib.versions->config },
	};
	NVENCSTATUS status;

	status = api->nvEncGetEncodePresetConfigEx(s->session, s->codec->guid,
						   nvenc_config_preset(&s->config),
						   nvenc_config_tuning(&s->config), &preset);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncGetEncodePresetConfigEx", status, false);
	s->enc = preset.presetCfg;
	nvenc_config_fill(&s->init, &s->enc, s->ctx, s->codec, &s->config);
	s->const_qp = s->enc.rcParams.rateControlMode == NV_ENC_PARAMS_RC_CONSTQP;
	s->qp = (int)s->enc.rcParams.constQP.qpInterP;
	status = api->nvEncInitializeEncoder(s->session, &s->init);
	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncInitializeEncoder", status, true);
	return 0;
}

static void session_close(hvcal_engine_stream_t *s)
{
	if (!s->session)
		return;
	nvenc_source_leave(s);
	buffers_destroy(s);
	s->ctx->lib.api.nvEncDestroyEncoder(s->session);
	s->session = NULL;
}

static int session_start(hvcal_engine_stream_t *s)
{
	struct nvenc_failure failure;
	int ret = nvenc_session_open(s->ctx, &s->session, &failure);

	if (ret)
		return nvenc_fail(s->ctx, "NvEncOpenEncodeSessionEx", failure.status, true);
	ret = encoder_init(s);
	for (unsigned int i = 0; i < s->count && !ret; i++)
		ret = slot_create(s, &s->slots[i]);
	if (ret)
		session_close(s);
	s->first = 0;
	s->want_key = true;
	s->broken = false;
	s->order = NULL;
	return ret;
}

/* A lost device comes back in a new context, once nothing is left in the old one. */
static int stream_enter(hvcal_engine_ctx_t *c)
{
	char text[160];
	const struct nvenc_reason reason = { text, sizeof(text) };
	int ret = 0;

	pthread_mutex_lock(&c->lock);
	if (atomic_load(&c->lost) && !c->streams) {
		nvenc_cuda_close(c);
		c->generation++;
		ret = nvenc_cuda_open(c, &reason);
		if (ret)
			nvenc_log(c, LOG_ERR, "nvenc: %s", text);
		else
			atomic_store(&c->lost, false);
	}
	if (!ret && atomic_load(&c->lost))
		ret = -ENODEV;
	if (!ret)
		c->streams++;
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static void stream_leave(hvcal_engine_ctx_t *c)
{
	pthread_mutex_lock(&c->lock);
	c->streams--;
	pthread_mutex_unlock(&c->lock);
}

static hvcal_engine_stream_t *stream_new(hvcal_engine_ctx_t *c, const struct nvenc_codec *codec,
					 const struct hvcal_codec_config *config)
{
	hvcal_engine_stream_t *s = calloc(1, sizeof(*s));
	uint32_t block = nvenc_config_map_block(codec->codec);

	if (!s)
		return NULL;
	s->ctx = c;
	s->codec = codec;
	s->config = *config;
	s->bframes = nvenc_config_bframes(codec, config);
	s->count = s->bframes + 2;
	s->map_cells = ((config->width + block - 1) / block) *
		       ((config->height + block - 1) / block);
	return s;
}

int nvenc_stream_open(hvcal_engine_ctx_t *c, const struct hvcal_codec_config *config,
		      hvcal_engine_stream_t **stream)
{
	const struct nvenc_codec *codec = nvenc_codec_find(c, config->codec);
	hvcal_engine_stream_t *s;
	const char *why;
	int ret;

	if (!codec)
		return -EINVAL;
	if (!nvenc_config_possible(codec, config, &why)) {
		nvenc_log(c, LOG_NOTICE, "nvenc: %s does not code %s", c->name, why);
		return -EINVAL;
	}
	ret = stream_enter(c);
	if (ret)
		return ret;
	s = stream_new(c, codec, config);
	ret = s ? nvenc_cuda_push(c) : -ENOMEM;
	if (!ret) {
		ret = session_start(s);
		nvenc_cuda_pop(c);
	}
	if (ret) {
		free(s);
		stream_leave(c);
		return ret;
	}
	*stream = s;
	return 0;
}

void nvenc_stream_close(hvcal_engine_stream_t *s)
{
	struct hvcal_engine_ctx *c = s->ctx;
	bool pushed = !nvenc_cuda_push(c);

	nvenc_collect(s, -ECANCELED);
	session_close(s);
	if (pushed)
		nvenc_cuda_pop(c);
	free(s);
	stream_leave(c);
}

/* ---- new rates ---- */

/* Tells the driver the rates of s->enc; neither a key frame nor a reset. */
static int apply_rates(hvcal_engine_stream_t *s)
{
	NV_ENC_RECONFIGURE_PARAMS params = {
		.version = s->ctx->lib.versions->reconfigure,
		.reInitEncodeParams = s->init,
	};
	NVENCSTATUS status = s->ctx->lib.api.nvEncReconfigureEncoder(s->session, &params);

	if (status != NV_ENC_SUCCESS)
		return nvenc_fail(s->ctx, "NvEncReconfigureEncoder", status, false);
	return 0;
}

static int change_rates(hvcal_engine_stream_t *s, const NV_ENC_RC_PARAMS *rc)
{
	NV_ENC_RC_PARAMS old = s->enc.rcParams;
	int ret;

	s->enc.rcParams = *rc;
	ret = apply_rates(s);
	if (ret) {
		s->enc.rcParams = old;
		return ret;
	}
	s->const_qp = rc->rateControlMode == NV_ENC_PARAMS_RC_CONSTQP;
	s->qp = (int)rc->constQP.qpInterP;
	return 0;
}

/* A new session, where an old one cannot do what is wanted, or not go on. */
static int restart_as(hvcal_engine_stream_t *s, int qp)
{
	struct hvcal_codec_config config = s->config;
	int ret;

	session_close(s);
	if (qp >= 0) {
		s->config.rc_mode = HVCAL_RC_CQP;
		s->config.qp = (uint32_t)qp;
	}
	ret = session_start(s);
	s->config = config;
	return ret;
}

int nvenc_stream_set_qp(hvcal_engine_stream_t *s, int qp)
{
	NV_ENC_RC_PARAMS rc = s->enc.rcParams;
	bool switching = s->const_qp != (qp >= 0);
	/* more than a map can say, on AV1's scale */
	bool far = qp > s->qp + NVENC_OFFSET_MAX || qp < s->qp - NVENC_OFFSET_MAX;
	int ret;

	/* without a session: an earlier restart has failed */
	if (!s->session || s->broken)
		return restart_as(s, qp);
	if (!switching && qp < 0)
		return 0;
	if (!switching && !far && (qp == s->qp || s->bframes || s->waiting))
		return 0; /* with pictures inside, the picture's map carries the difference */
	if (switching || far) {
		ret = nvenc_stream_flush(s);
		if (ret)
			return ret;
	}
	if (switching && !s->codec->dyn_rc_mode)
		return restart_as(s, qp);
	if (qp >= 0)
		nvenc_config_const_qp(&rc, qp);
	else
		nvenc_config_rates(&rc, s->codec, &s->config);
	return change_rates(s, &rc);
}

int nvenc_stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	NV_ENC_RC_PARAMS rc = s->enc.rcParams;
	const char *why;
	int ret;

	if (!nvenc_config_possible(s->codec, config, &why))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->config, config))
		return -EOPNOTSUPP;
	/* constant QPs are given with each frame; nothing to tell the driver */
	if (s->const_qp || !s->session) {
		s->config = *config;
		return 0;
	}
	if (!s->codec->dyn_bitrate)
		return -EOPNOTSUPP;
	nvenc_config_rates(&rc, s->codec, config);
	ret = nvenc_cuda_push(s->ctx);
	if (ret)
		return ret;
	ret = change_rates(s, &rc);
	nvenc_cuda_pop(s->ctx);
	if (!ret)
		s->config = *config;
	return ret == -EINVAL ? -EOPNOTSUPP : ret;
}
