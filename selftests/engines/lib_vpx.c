// SPDX-License-Identifier: MIT
/* libvpx VP9 in real time, with the settings of lib/engines/vpx.c. */
#include <vpx/vp8cx.h>
#include <vpx/vpx_encoder.h>

#define TWIN(name) vpx_##name
#define TWIN_CONST(name) VPX_##name
#define TWIN_CONTROL vpx_codec_control_
#define TWIN_ENCODE(codec, image, tick, flags) \
	vpx_codec_encode(codec, image, tick, 1, flags, VPX_DL_REALTIME)
#define TWIN_INTERFACE vpx_codec_vp9_cx()
#define TWIN_USAGE 0
#define TWIN_RESIZE rc_resize_allowed
#define TWIN_BY_QP VPX_CBR
#define TWIN_SPEED VP8E_SET_CPUUSED
#define TWIN_TILES VP9E_SET_TILE_COLUMNS
#define TWIN_ROW_MT VP9E_SET_ROW_MT
#define TWIN_CQ_LEVEL VP8E_SET_CQ_LEVEL
#define TWIN_AQ_MODE VP9E_SET_AQ_MODE
#define TWIN_INTRA VP8E_SET_MAX_INTRA_BITRATE_PCT
#include "lib_twins.h"

static const struct setting *own_settings(void)
{
	static const struct setting all[] = {
		{ VP8E_SET_ENABLEAUTOALTREF, 0 }, { VP8E_SET_STATIC_THRESHOLD, 0 },
		{ VP9E_SET_FRAME_PARALLEL_DECODING, 0 }, { 0, 0 },
	};

	return all;
}

const struct lib_ops lib_vpx = TWIN_OPS("libvpx");
