// SPDX-License-Identifier: MIT
/*
 * NVENC's structures bear the version of the interface that they are filled for, and
 * a driver refuses those of a later one than its own. What this plug-in fills in is
 * at the same places in the headers 11.1, 12.0 and 12.1, but for the rear of
 * NV_ENC_PIC_PARAMS, which AV1 has moved. So a plug-in of 12.0 or 12.1 speaks to the
 * older drivers, too, without what those do not have. 12.2 has moved more than that.
 */
#include <stddef.h>
#include <string.h>

#include "nvenc.h"

#define WORD(major, minor, n) \
	((major) | (uint32_t)(minor) << 24 | (uint32_t)(n) << 16 | 7U << 28)
#define WORD_MORE(major, minor, n) (WORD(major, minor, n) | 1U << 31)

/* What all of them have alike. */
#define COMMON(major, minor) \
	.api = NVENC_VERSION(major, minor), \
	.client = (major) | (uint32_t)(minor) << 24, \
	.functions = WORD(major, minor, 2), \
	.open_session = WORD(major, minor, 1), \
	.caps_param = WORD(major, minor, 1), \
	.preset_config = WORD_MORE(major, minor, 4), \
	.reconfigure = WORD_MORE(major, minor, 1), \
	.create_input = WORD(major, minor, 1), \
	.create_output = WORD(major, minor, 1), \
	.lock_input = WORD(major, minor, 1), \
	.map_resource = WORD(major, minor, 4)

static const struct nvenc_versions known[] = {
	{
		.api = NVENC_CLIENT_VERSION,
		.client = NVENCAPI_VERSION,
		.functions = NV_ENCODE_API_FUNCTION_LIST_VER,
		.open_session = NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER,
		.caps_param = NV_ENC_CAPS_PARAM_VER,
		.preset_config = NV_ENC_PRESET_CONFIG_VER,
		.config = NV_ENC_CONFIG_VER,
		.initialize = NV_ENC_INITIALIZE_PARAMS_VER,
		.reconfigure = NV_ENC_RECONFIGURE_PARAMS_VER,
		.create_input = NV_ENC_CREATE_INPUT_BUFFER_VER,
		.create_output = NV_ENC_CREATE_BITSTREAM_BUFFER_VER,
		.lock_input = NV_ENC_LOCK_INPUT_BUFFER_VER,
		.register_resource = NV_ENC_REGISTER_RESOURCE_VER,
		.map_resource = NV_ENC_MAP_INPUT_RESOURCE_VER,
		.pic_params = NV_ENC_PIC_PARAMS_VER,
		.lock_output = NV_ENC_LOCK_BITSTREAM_VER,
		.av1 = NVENC_HAVE_AV1,
		.split = NVENC_HAVE_SPLIT,
		.state = NVENC_HAVE_STATE,
	},
#if NVENC_HAVE_AV1 && !NVENC_API_AT_LEAST(12, 2)
#if NVENC_API_AT_LEAST(12, 1)
	{
		COMMON(12, 0),
		.config = WORD_MORE(12, 0, 8),
		.initialize = WORD_MORE(12, 0, 5),
		.register_resource = WORD(12, 0, 4),
		.pic_params = WORD_MORE(12, 0, 6),
		.lock_output = WORD(12, 0, 2),
		.av1 = true,
	},
#endif
	{
		COMMON(11, 1),
		.config = WORD_MORE(11, 1, 7),
		.initialize = WORD_MORE(11, 1, 5),
		.register_resource = WORD(11, 1, 3),
		.pic_params = WORD_MORE(11, 1, 4),
		.lock_output = WORD(11, 1, 1),
		.short_pic = true,
	},
#endif
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

const struct nvenc_versions *nvenc_versions_for(uint32_t driver)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (driver >= known[i].api)
			return &known[i];
	return NULL;
}

uint32_t nvenc_versions_oldest(void)
{
	return known[KNOWN - 1].api;
}

/* ---- NV_ENC_PIC_PARAMS without room for AV1 ---- */

#define CODEC_AT offsetof(NV_ENC_PIC_PARAMS, codecPicParams)
#define REAR_AT offsetof(NV_ENC_PIC_PARAMS, meHintCountsPerBlock)
#define SHORT_CODEC_BYTES 1536

/* The pointers inside want this to be aligned as the original is. */
struct short_pic {
	_Alignas(NV_ENC_PIC_PARAMS) unsigned char front[CODEC_AT + SHORT_CODEC_BYTES];
	unsigned char rear[sizeof(NV_ENC_PIC_PARAMS) - REAR_AT];
};

NVENCSTATUS nvenc_versions_encode(const struct nvenc_lib *lib, void *session,
				  NV_ENC_PIC_PARAMS *pic)
{
	struct short_pic less;

	if (!lib->versions->short_pic)
		return lib->api.nvEncEncodePicture(session, pic);
	memcpy(less.front, pic, sizeof(less.front));
	memcpy(less.rear, (const char *)pic + REAR_AT, sizeof(less.rear));
	return lib->api.nvEncEncodePicture(session, (NV_ENC_PIC_PARAMS *)(void *)&less);
}
