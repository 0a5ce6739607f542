// SPDX-License-Identifier: MIT
/* libnvidia-encode.so.1 of tests: versions, sessions, buffers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub_session.h"

#define MAGIC 0x4e56454e
#define PITCH_ALIGN 64
#define RATE_QP_PERCENT 55

pthread_mutex_t stub_lock = PTHREAD_MUTEX_INITIALIZER;
struct stub_counts stub_count;
bool stub_lost;

static struct stub_session *sessions;

/* ---- checks ---- */

#define API(major, minor) ((major) << 4 | (minor))
#define HEADER_API API(NVENCAPI_MAJOR_VERSION, NVENCAPI_MINOR_VERSION)

/* Is this a driver of 12.0, where the header is of 12.1? Structures are the same. */
static bool is_12_0(void)
{
	return HEADER_API == API(12, 1) && stub_api() == API(12, 0);
}

/* The header's version of a structure, as the driver wants it. */
static uint32_t word_of_driver(const char *what, uint32_t word)
{
	if (!is_12_0())
		return word;
	if (!strcmp(what, "NV_ENC_INITIALIZE_PARAMS"))
		return 0xf005000c;
	if (!strcmp(what, "NV_ENC_LOCK_BITSTREAM"))
		return 0x7002000c;
	return word & ~(15U << 24);
}

bool stub_version_wrong(const char *what, uint32_t is, uint32_t should)
{
	should = word_of_driver(what, should);
	if (is == should)
		return false;
	stub_forbidden("%s of version %#x instead of %#x", what, is, should);
	return true;
}

bool stub_zero(const void *at, size_t bytes)
{
	const char *c = at;

	while (bytes && !*c)
		c++, bytes--;
	return !bytes;
}

NVENCSTATUS stub_check(void *handle, bool initialized, struct stub_session **out)
{
	struct stub_session *s;

	pthread_mutex_lock(&stub_lock);
	for (s = sessions; s && s != handle; s = s->next)
		;
	pthread_mutex_unlock(&stub_lock);
	if (!s) {
		stub_forbidden("call on something that is no session");
		return NV_ENC_ERR_INVALID_ENCODERDEVICE;
	}
	if (s->half_open) {
		stub_forbidden("a session that did not open is used");
		return NV_ENC_ERR_INVALID_CALL;
	}
	if (!stub_cuda_current(s->ctx))
		stub_forbidden("the context of the session is not current");
	if (initialized && !s->initialized) {
		stub_forbidden("call before NvEncInitializeEncoder");
		return NV_ENC_ERR_ENCODER_NOT_INITIALIZED;
	}
	*out = s;
	return stub_lost ? NV_ENC_ERR_DEVICE_NOT_EXIST : NV_ENC_SUCCESS;
}

static bool guid_is(const GUID *a, GUID b)
{
	return !memcmp(a, &b, sizeof(b));
}

/* ---- sessions ---- */

uint32_t stub_api(void)
{
	long v = stub_mode("version", NVENCAPI_MAJOR_VERSION * 10 + NVENCAPI_MINOR_VERSION);

	return (uint32_t)(v / 10) << 4 | (uint32_t)(v % 10);
}

static NVENCSTATUS open_status(void)
{
	long cap = stub_mode("sessions", 0);

	if (stub_lost)
		return NV_ENC_ERR_DEVICE_NOT_EXIST;
	if (cap && stub_count.sessions > (unsigned int)cap)
		return (NVENCSTATUS)stub_mode("sessions_error", NV_ENC_ERR_OUT_OF_MEMORY);
	return (NVENCSTATUS)stub_mode("open_error", NV_ENC_SUCCESS);
}

static NVENCSTATUS NVENCAPI open_session(NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS *p, void **handle)
{
	struct stub_session *s;
	NVENCSTATUS status;

	if (stub_version_wrong("NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS", p->version,
			       NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (p->apiVersion != (is_12_0() ? 12 : NVENCAPI_VERSION) || p->deviceType != NV_ENC_DEVICE_TYPE_CUDA ||
	    p->reserved || !stub_zero(p->reserved1, sizeof(p->reserved1)) ||
	    !stub_zero(p->reserved2, sizeof(p->reserved2))) {
		stub_forbidden("NvEncOpenEncodeSessionEx with wrong parameters");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	if (!stub_cuda_current(p->device)) {
		stub_forbidden("a session for a context that is not current");
		return NV_ENC_ERR_INVALID_DEVICE;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return NV_ENC_ERR_OUT_OF_MEMORY;
	s->magic = MAGIC;
	s->ctx = p->device;
	pthread_mutex_lock(&stub_lock);
	/* it counts, even if it fails: until it is destroyed */
	stub_count.sessions++;
	status = open_status();
	s->half_open = status != NV_ENC_SUCCESS;
	stub_count.opened += !s->half_open;
	stub_count.half_open += s->half_open;
	s->next = sessions;
	sessions = s;
	pthread_mutex_unlock(&stub_lock);
	*handle = s;
	return status;
}

static void session_empty(const struct stub_session *s)
{
	if (s->inputs)
		stub_forbidden("a session is destroyed with input buffers or resources");
	if (s->outputs)
		stub_forbidden("a session is destroyed with bitstream buffers");
}

static NVENCSTATUS NVENCAPI destroy_encoder(void *handle)
{
	struct stub_session **at, *s;

	pthread_mutex_lock(&stub_lock);
	for (at = &sessions; *at && *at != handle; at = &(*at)->next)
		;
	s = *at;
	if (s) {
		if (s->grouped && !stub_lost)
			stub_forbidden("a session is destroyed without a flush");
		*at = s->next;
		stub_count.sessions--;
		stub_count.half_open -= s->half_open;
		/* nothing is left of it: the device may come back */
		if (!stub_count.sessions)
			stub_lost = false;
	}
	pthread_mutex_unlock(&stub_lock);
	if (!s) {
		stub_forbidden("NvEncDestroyEncoder of no session");
		return NV_ENC_ERR_INVALID_PTR;
	}
	session_empty(s);
	stub_encoder_close(s);
	free(s);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI get_guids(void *handle, GUID *guids, uint32_t size, uint32_t *count)
{
	long codecs = stub_mode("codecs", 7);
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, false, &s);

	if (status)
		return status;
	*count = 0;
	if (codecs & 1 && *count < size)
		guids[(*count)++] = NV_ENC_CODEC_H264_GUID;
	if (codecs & 2 && *count < size)
		guids[(*count)++] = NV_ENC_CODEC_HEVC_GUID;
#if STUB_HAVE_AV1
	if (codecs & 4 && *count < size)
		guids[(*count)++] = NV_ENC_CODEC_AV1_GUID;
#endif
	return NV_ENC_SUCCESS;
}

static const struct stub_codec *codec_of(GUID guid)
{
	if (guid_is(&guid, NV_ENC_CODEC_H264_GUID))
		return &stub_h264;
#if STUB_HAVE_AV1
	if (guid_is(&guid, NV_ENC_CODEC_AV1_GUID))
		return &stub_av1;
#endif
	return guid_is(&guid, NV_ENC_CODEC_HEVC_GUID) ? &stub_hevc : NULL;
}

static NVENCSTATUS NVENCAPI get_caps(void *handle, GUID guid, NV_ENC_CAPS_PARAM *p, int *value)
{
	const struct stub_codec *codec = codec_of(guid);
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, false, &s);

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_CAPS_PARAM", p->version, NV_ENC_CAPS_PARAM_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (!codec)
		return NV_ENC_ERR_INVALID_PARAM;
	switch (p->capsToQuery) {
	case NV_ENC_CAPS_WIDTH_MIN:
		*value = codec->av1 ? 192 : 129;
		break;
	case NV_ENC_CAPS_HEIGHT_MIN:
		*value = codec->av1 ? 128 : 33;
		break;
	case NV_ENC_CAPS_WIDTH_MAX:
	case NV_ENC_CAPS_HEIGHT_MAX:
		*value = (int)codec->size_max;
		break;
	case NV_ENC_CAPS_MB_NUM_MAX:
		*value = (int)(codec->size_max / 16 * codec->size_max / 16);
		break;
	case NV_ENC_CAPS_NUM_ENCODER_ENGINES:
		*value = 2;
		break;
	case NV_ENC_CAPS_NUM_MAX_BFRAMES:
		*value = (int)stub_mode("bframes", 4);
		break;
	case NV_ENC_CAPS_SUPPORT_10BIT_ENCODE:
		*value = codec->hevc || codec->av1;
		break;
	case NV_ENC_CAPS_SUPPORT_LOSSLESS_ENCODE:
		*value = !codec->av1;
		break;
	case NV_ENC_CAPS_SUPPORT_CUSTOM_VBV_BUF_SIZE:
		*value = 1;
		break;
	case NV_ENC_CAPS_SUPPORT_DYN_BITRATE_CHANGE:
		*value = (int)stub_mode("dyn_bitrate", 1);
		break;
	case NV_ENC_CAPS_SUPPORT_DYN_RCMODE_CHANGE:
		*value = (int)stub_mode("dyn_rc", 1);
		break;
	case NV_ENC_CAPS_SUPPORT_REF_PIC_INVALIDATION:
		*value = (int)stub_mode("invalidate", 1);
		break;
	case NV_ENC_CAPS_SUPPORT_INTRA_REFRESH:
		*value = (int)stub_mode("refresh", 1);
		break;
	default:
		if (stub_state_cap(p->capsToQuery)) {
			*value = 1;
			break;
		}
		/* what an older driver does with a capability that it does not know */
		return NV_ENC_ERR_INVALID_PARAM;
	}
	return NV_ENC_SUCCESS;
}

/* 1 to 7; 0: there is no such preset. */
static unsigned int preset_number(const GUID *g)
{
	static const GUID *const presets[] = {
		&NV_ENC_PRESET_P1_GUID, &NV_ENC_PRESET_P2_GUID, &NV_ENC_PRESET_P3_GUID,
		&NV_ENC_PRESET_P4_GUID, &NV_ENC_PRESET_P5_GUID, &NV_ENC_PRESET_P6_GUID,
		&NV_ENC_PRESET_P7_GUID,
	};

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (guid_is(g, *presets[i]))
			return (unsigned int)i + 1;
	return 0;
}

static NVENCSTATUS NVENCAPI get_preset(void *handle, GUID guid, GUID preset,
				       NV_ENC_TUNING_INFO tuning, NV_ENC_PRESET_CONFIG *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, false, &s);

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_PRESET_CONFIG", p->version, NV_ENC_PRESET_CONFIG_VER) ||
	    stub_version_wrong("NV_ENC_CONFIG", p->presetCfg.version, NV_ENC_CONFIG_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (!codec_of(guid) || !preset_number(&preset) || tuning == NV_ENC_TUNING_INFO_UNDEFINED ||
	    tuning >= NV_ENC_TUNING_INFO_COUNT) {
		stub_forbidden("a preset or tuning that does not exist");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	s->preset = preset;
	s->tuning = tuning;
	/* much like the real ones: with B pictures and AQ, which clients must undo */
	p->presetCfg.gopLength = 250;
	p->presetCfg.frameIntervalP = tuning == NV_ENC_TUNING_INFO_HIGH_QUALITY ? 4 : 1;
	p->presetCfg.rcParams.rateControlMode = NV_ENC_PARAMS_RC_VBR;
	p->presetCfg.rcParams.enableAQ = 1;
	p->presetCfg.rcParams.enableLookahead = tuning == NV_ENC_TUNING_INFO_HIGH_QUALITY;
	return NV_ENC_SUCCESS;
}

/* ---- initialization ---- */

static NVENCSTATUS NVENCAPI initialize(void *handle, NV_ENC_INITIALIZE_PARAMS *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, false, &s);

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_INITIALIZE_PARAMS", p->version,
			       NV_ENC_INITIALIZE_PARAMS_VER) ||
	    stub_version_wrong("NV_ENC_CONFIG", p->encodeConfig->version, NV_ENC_CONFIG_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (s->initialized || p->enableEncodeAsync || !p->enablePTD || p->reservedBitFields ||
	    !stub_zero(p->reserved, sizeof(p->reserved)) ||
	    !stub_zero(p->reserved2, sizeof(p->reserved2)) ||
	    !guid_is(&p->presetGUID, s->preset) || p->tuningInfo != s->tuning) {
		stub_forbidden("NvEncInitializeEncoder twice, asynchronous, or with another preset than was fetched");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	s->codec = codec_of(p->encodeGUID);
	status = s->codec ? stub_config_check(s, p) : NV_ENC_ERR_INVALID_PARAM;
	if (status)
		return status;
	s->init = *p;
	s->enc = *p->encodeConfig;
	s->init.encodeConfig = &s->enc;
	stub_encoder_open(s);
	s->rate_qp = s->codec->qp_max * RATE_QP_PERCENT / 100.0;
	s->initialized = true;
	pthread_mutex_lock(&stub_lock);
	stub_count.preset = preset_number(&s->preset);
	stub_count.tuning = s->tuning;
	stub_count.split = stub_split(p);
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI reconfigure(void *handle, NV_ENC_RECONFIGURE_PARAMS *p)
{
	const NV_ENC_INITIALIZE_PARAMS *in = &p->reInitEncodeParams;
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	NV_ENC_CONFIG enc;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_RECONFIGURE_PARAMS", p->version,
			       NV_ENC_RECONFIGURE_PARAMS_VER) ||
	    stub_version_wrong("NV_ENC_INITIALIZE_PARAMS", in->version,
			       NV_ENC_INITIALIZE_PARAMS_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (p->resetEncoder && !p->forceIDR)
		stub_forbidden("a reset of the encoder without an IDR picture");
	enc = *in->encodeConfig;
	if (enc.rcParams.rateControlMode != s->enc.rcParams.rateControlMode &&
	    !stub_mode("dyn_rc", 1))
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
	if (enc.rcParams.averageBitRate != s->enc.rcParams.averageBitRate &&
	    !stub_mode("dyn_bitrate", 1))
		return NV_ENC_ERR_UNSUPPORTED_PARAM;
	status = stub_rates_check(s, &enc.rcParams);
	if (status)
		return status;
	enc.rcParams = s->enc.rcParams;
	if (memcmp(&enc, &s->enc, sizeof(enc)) || in->encodeWidth != s->init.encodeWidth ||
	    in->encodeHeight != s->init.encodeHeight || !guid_is(&in->presetGUID, s->preset)) {
		stub_forbidden("more than rates is reconfigured");
		return NV_ENC_ERR_INVALID_PARAM;
	}
	s->enc.rcParams = in->encodeConfig->rcParams;
	pthread_mutex_lock(&stub_lock);
	stub_count.reconfigured++;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

/* ---- buffers ---- */

static uint32_t sample_bytes(NV_ENC_BUFFER_FORMAT format)
{
	return format == NV_ENC_BUFFER_FORMAT_YUV420_10BIT ? 2 : 1;
}

static struct stub_input *input_new(struct stub_session *s, const struct stub_input *what)
{
	struct stub_input *in = malloc(sizeof(*in));

	if (!in)
		abort();
	*in = *what;
	in->s = s;
	pthread_mutex_lock(&stub_lock);
	in->next = s->inputs;
	s->inputs = in;
	pthread_mutex_unlock(&stub_lock);
	return in;
}

static struct stub_input *input_of(struct stub_session *s, void *handle, bool registered)
{
	struct stub_input *in;

	pthread_mutex_lock(&stub_lock);
	for (in = s->inputs; in && in != handle; in = in->next)
		;
	pthread_mutex_unlock(&stub_lock);
	if (in && in->registered == registered)
		return in;
	stub_forbidden("this is no %s of this session", registered ? "resource" : "input buffer");
	return NULL;
}

static void input_free(struct stub_session *s, struct stub_input *in)
{
	struct stub_input **at;

	if (in->used && !stub_lost)
		stub_forbidden("input memory is given back with a picture under way");
	for (struct stub_output *out = s->outputs; out; out = out->next)
		if (out->input == in)
			out->input = NULL;
	pthread_mutex_lock(&stub_lock);
	for (at = &s->inputs; *at != in; at = &(*at)->next)
		;
	*at = in->next;
	pthread_mutex_unlock(&stub_lock);
	if (!in->registered)
		free(in->at);
	free(in);
}

static NVENCSTATUS NVENCAPI create_input(void *handle, NV_ENC_CREATE_INPUT_BUFFER *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_input in = { 0 };

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_CREATE_INPUT_BUFFER", p->version,
			       NV_ENC_CREATE_INPUT_BUFFER_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	in.width = p->width;
	in.height = p->height;
	in.format = p->bufferFmt;
	in.pitch = (p->width * sample_bytes(p->bufferFmt) + PITCH_ALIGN - 1) / PITCH_ALIGN *
		   PITCH_ALIGN;
	in.at = malloc((size_t)in.pitch * p->height * 3 / 2);
	if (!in.at)
		return NV_ENC_ERR_OUT_OF_MEMORY;
	p->inputBuffer = input_new(s, &in);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI destroy_input(void *handle, NV_ENC_INPUT_PTR input)
{
	struct stub_input *in;
	struct stub_session *s;

	/* a lost device does not keep anybody from giving things back */
	stub_check(handle, true, &s);
	in = input_of(s, input, false);
	if (!in)
		return NV_ENC_ERR_INVALID_PTR;
	input_free(s, in);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI lock_input(void *handle, NV_ENC_LOCK_INPUT_BUFFER *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_input *in;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_LOCK_INPUT_BUFFER", p->version,
			       NV_ENC_LOCK_INPUT_BUFFER_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	in = input_of(s, p->inputBuffer, false);
	if (!in || in->locked || in->used) {
		stub_forbidden("lock of an input buffer that is locked or in use");
		return NV_ENC_ERR_INVALID_CALL;
	}
	in->locked = true;
	p->bufferDataPtr = in->at;
	p->pitch = in->pitch;
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI unlock_input(void *handle, NV_ENC_INPUT_PTR input)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_input *in;

	if (status)
		return status;
	in = input_of(s, input, false);
	if (!in || !in->locked) {
		stub_forbidden("unlock of an input buffer that is not locked");
		return NV_ENC_ERR_INVALID_CALL;
	}
	in->locked = false;
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI register_resource(void *handle, NV_ENC_REGISTER_RESOURCE *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	size_t bytes = (size_t)p->pitch * p->height * 3 / 2;
	struct stub_input in = {
		.at = p->resourceToRegister, .width = p->width, .height = p->height,
		.pitch = p->pitch, .format = p->bufferFormat, .registered = true,
	};

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_REGISTER_RESOURCE", p->version,
			       NV_ENC_REGISTER_RESOURCE_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	if (p->resourceType != NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR || p->pitch % 4 ||
	    p->pitch < p->width * sample_bytes(p->bufferFormat) ||
	    p->bufferUsage != NV_ENC_INPUT_IMAGE ||
	    !stub_cuda_device_memory(p->resourceToRegister, bytes)) {
		stub_forbidden("register of something that is no pitched memory of the GPU");
		return NV_ENC_ERR_RESOURCE_REGISTER_FAILED;
	}
	p->registeredResource = input_new(s, &in);
	pthread_mutex_lock(&stub_lock);
	stub_count.registered++;
	stub_count.registrations++;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

/* May come from any thread: without a context. */
static NVENCSTATUS NVENCAPI unregister_resource(void *handle, NV_ENC_REGISTERED_PTR resource)
{
	struct stub_session *s = handle;
	struct stub_input *in = s->magic == MAGIC ? input_of(s, resource, true) : NULL;

	if (!in || in->mapped) {
		stub_forbidden("unregister of a resource that is mapped");
		return NV_ENC_ERR_INVALID_CALL;
	}
	input_free(s, in);
	pthread_mutex_lock(&stub_lock);
	stub_count.registered--;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI map_resource(void *handle, NV_ENC_MAP_INPUT_RESOURCE *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_input *in;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_MAP_INPUT_RESOURCE", p->version,
			       NV_ENC_MAP_INPUT_RESOURCE_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	in = input_of(s, p->registeredResource, true);
	if (!in || in->mapped) {
		stub_forbidden("map of a resource that is mapped already");
		return NV_ENC_ERR_MAP_FAILED;
	}
	in->mapped++;
	p->mappedResource = in;
	p->mappedBufferFmt = in->format;
	pthread_mutex_lock(&stub_lock);
	stub_count.maps++;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI unmap_resource(void *handle, NV_ENC_INPUT_PTR input)
{
	struct stub_input *in;
	struct stub_session *s;

	stub_check(handle, true, &s);
	in = input_of(s, input, true);
	if (!in || !in->mapped || (in->used && !stub_lost)) {
		stub_forbidden("unmap of a resource that is not mapped, or whose picture is under way");
		return NV_ENC_ERR_RESOURCE_NOT_MAPPED;
	}
	in->mapped--;
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI create_output(void *handle, NV_ENC_CREATE_BITSTREAM_BUFFER *p)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);
	struct stub_output *out;

	if (status)
		return status;
	if (stub_version_wrong("NV_ENC_CREATE_BITSTREAM_BUFFER", p->version,
			       NV_ENC_CREATE_BITSTREAM_BUFFER_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	out = calloc(1, sizeof(*out));
	if (!out)
		return NV_ENC_ERR_OUT_OF_MEMORY;
	out->s = s;
	out->next = s->outputs;
	s->outputs = out;
	p->bitstreamBuffer = out;
	return NV_ENC_SUCCESS;
}

static NVENCSTATUS NVENCAPI destroy_output(void *handle, NV_ENC_OUTPUT_PTR output)
{
	struct stub_output **at, *out;
	struct stub_session *s;

	stub_check(handle, true, &s);
	for (at = &s->outputs; *at && *at != output; at = &(*at)->next)
		;
	out = *at;
	if (!out || out->state == STUB_LOCKED) {
		stub_forbidden("destruction of a bitstream buffer that is locked or none");
		return NV_ENC_ERR_INVALID_PTR;
	}
	*at = out->next;
	if (out->input)
		out->input->used--;
	free(out->packet);
	free(out);
	return NV_ENC_SUCCESS;
}

/* ---- streams ---- */

/* It keeps the pointers, as the driver may. */
static NVENCSTATUS NVENCAPI set_streams(void *handle, NV_ENC_CUSTREAM_PTR in,
					NV_ENC_CUSTREAM_PTR out)
{
	struct stub_session *s;
	NVENCSTATUS status = stub_check(handle, true, &s);

	if (status)
		return status;
	if (!in || !out || (*(void **)in && !stub_cuda_stream_wait(*(void **)in)))
		return NV_ENC_ERR_INVALID_PTR;
	s->order = in;
	pthread_mutex_lock(&stub_lock);
	stub_count.ordered++;
	pthread_mutex_unlock(&stub_lock);
	return NV_ENC_SUCCESS;
}

/* ---- the library ---- */

STUB_API NVENCSTATUS NVENCAPI NvEncodeAPIGetMaxSupportedVersion(uint32_t *version);
NVENCSTATUS NVENCAPI NvEncodeAPIGetMaxSupportedVersion(uint32_t *version)
{
	*version = stub_api();
	return NV_ENC_SUCCESS;
}

STUB_API NVENCSTATUS NVENCAPI NvEncodeAPICreateInstance(NV_ENCODE_API_FUNCTION_LIST *list);
NVENCSTATUS NVENCAPI NvEncodeAPICreateInstance(NV_ENCODE_API_FUNCTION_LIST *list)
{
	if (stub_api() < HEADER_API && !is_12_0())
		return NV_ENC_ERR_INVALID_VERSION;
	if (stub_version_wrong("NV_ENCODE_API_FUNCTION_LIST", list->version,
			       NV_ENCODE_API_FUNCTION_LIST_VER))
		return NV_ENC_ERR_INVALID_VERSION;
	list->nvEncOpenEncodeSessionEx = open_session;
	list->nvEncDestroyEncoder = destroy_encoder;
	list->nvEncGetEncodeGUIDs = get_guids;
	list->nvEncGetEncodeCaps = get_caps;
	list->nvEncGetEncodePresetConfigEx = get_preset;
	list->nvEncInitializeEncoder = initialize;
	list->nvEncReconfigureEncoder = reconfigure;
	list->nvEncCreateInputBuffer = create_input;
	list->nvEncDestroyInputBuffer = destroy_input;
	list->nvEncLockInputBuffer = lock_input;
	list->nvEncUnlockInputBuffer = unlock_input;
	list->nvEncRegisterResource = register_resource;
	list->nvEncUnregisterResource = unregister_resource;
	list->nvEncMapInputResource = map_resource;
	list->nvEncUnmapInputResource = unmap_resource;
	list->nvEncCreateBitstreamBuffer = create_output;
	list->nvEncDestroyBitstreamBuffer = destroy_output;
	list->nvEncEncodePicture = stub_encode_picture;
	list->nvEncLockBitstream = stub_lock_bitstream;
	list->nvEncUnlockBitstream = stub_unlock_bitstream;
	list->nvEncSetIOCudaStreams = set_streams;
	list->nvEncInvalidateRefFrames = stub_invalidate;
	stub_state_functions(list);
	return NV_ENC_SUCCESS;
}

void stub_encode_reset(void)
{
	pthread_mutex_lock(&stub_lock);
	stub_count = (struct stub_counts){
		.sessions = stub_count.sessions, .half_open = stub_count.half_open,
		.registered = stub_count.registered,
	};
	pthread_mutex_unlock(&stub_lock);
}

void stub_encode_counts(struct stub_counts *counts)
{
	pthread_mutex_lock(&stub_lock);
	*counts = stub_count;
	pthread_mutex_unlock(&stub_lock);
}
