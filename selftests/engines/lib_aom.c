// SPDX-License-Identifier: MIT
/* libaom in real time, with the settings of lib/engines/av1.c. */
#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#define TWIN(name) aom_##name
#define TWIN_CONST(name) AOM_##name
#define TWIN_CONTROL aom_codec_control
#define TWIN_ENCODE(codec, image, tick, flags) aom_codec_encode(codec, image, tick, 1, flags)
#define TWIN_INTERFACE aom_codec_av1_cx()
#define TWIN_USAGE AOM_USAGE_REALTIME
#define TWIN_RESIZE rc_resize_mode
#define TWIN_BY_QP AOM_Q
#define TWIN_SPEED AOME_SET_CPUUSED
#define TWIN_TILES AV1E_SET_TILE_COLUMNS
#define TWIN_ROW_MT AV1E_SET_ROW_MT
#define TWIN_CQ_LEVEL AOME_SET_CQ_LEVEL
#define TWIN_AQ_MODE AV1E_SET_AQ_MODE
#define TWIN_INTRA AOME_SET_MAX_INTRA_BITRATE_PCT
#include "lib_twins.h"

static const struct setting *own_settings(void)
{
	static const struct setting all[] = {
		{ AV1E_SET_COLOR_PRIMARIES, 2 }, { AV1E_SET_TRANSFER_CHARACTERISTICS, 2 },
		{ AV1E_SET_MATRIX_COEFFICIENTS, 2 },
		{ AV1E_SET_ENABLE_TPL_MODEL, 0 }, { AV1E_SET_DELTAQ_MODE, 0 },
		{ AV1E_SET_ENABLE_ORDER_HINT, 0 }, { AV1E_SET_COEFF_COST_UPD_FREQ, 3 },
		{ AV1E_SET_MODE_COST_UPD_FREQ, 3 }, { AV1E_SET_MV_COST_UPD_FREQ, 3 },
		{ AV1E_SET_ENABLE_OBMC, 0 }, { AV1E_SET_ENABLE_WARPED_MOTION, 0 },
		{ AV1E_SET_ENABLE_GLOBAL_MOTION, 0 }, { AV1E_SET_ENABLE_REF_FRAME_MVS, 0 },
		{ AV1E_SET_ENABLE_CFL_INTRA, 0 }, { AV1E_SET_ENABLE_SMOOTH_INTRA, 0 },
		{ AV1E_SET_ENABLE_ANGLE_DELTA, 0 }, { AV1E_SET_ENABLE_FILTER_INTRA, 0 },
		{ AV1E_SET_ENABLE_PALETTE, 0 }, { 0, 0 },
	};

	return all;
}

const struct lib_ops lib_aom = TWIN_OPS("libaom");
