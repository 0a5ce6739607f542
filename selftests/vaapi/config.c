// SPDX-License-Identifier: MIT
/* The driver's calls that say what it can do. */
#include "driver.h"

#define ROIS_DEFAULT 8

static bool is_hevc(VAProfile profile)
{
	return profile == VAProfileHEVCMain || profile == VAProfileHEVCMain10;
}

VAStatus query_profiles(VADriverContextP ctx, VAProfile *list, int *count)
{
	(void)ctx;
	*count = 0;
	list[(*count)++] = VAProfileMPEG2Main;
	if (!mode("h264-only") && !mode("av1-only")) {
		list[(*count)++] = VAProfileVP9Profile0;
		list[(*count)++] = VAProfileVP9Profile2;
	}
	if (!mode("h264-only") && !mode("vp9-only"))
		list[(*count)++] = VAProfileAV1Profile0;
	if (mode("vp9-only") || mode("av1-only"))
		return VA_STATUS_SUCCESS;
	if (!mode("h264-only")) {
		list[(*count)++] = VAProfileHEVCMain;
		list[(*count)++] = VAProfileHEVCMain10;
	}
	list[(*count)++] = VAProfileH264ConstrainedBaseline;
	if (mode("baseline"))
		return VA_STATUS_SUCCESS;
	list[(*count)++] = VAProfileH264Main;
	list[(*count)++] = VAProfileH264High;
	return VA_STATUS_SUCCESS;
}

static bool is_vp9(VAProfile profile)
{
	return profile == VAProfileVP9Profile0 || profile == VAProfileVP9Profile2;
}

static bool is_av1(VAProfile profile)
{
	return profile == VAProfileAV1Profile0;
}

static bool is_deep(VAProfile profile)
{
	return profile == VAProfileHEVCMain10 || profile == VAProfileVP9Profile2;
}

static bool has_entrypoint(VAEntrypoint e)
{
	if (e == VAEntrypointEncSliceLP)
		return mode("low-power") || mode("low-power-cqp");
	return e == VAEntrypointEncSlice && !mode("no-entrypoint");
}

VAStatus query_entrypoints(VADriverContextP ctx, VAProfile profile, VAEntrypoint *list,
			   int *count)
			   {
	(void)ctx;
	(void)profile;
	*count = 0;
	list[(*count)++] = VAEntrypointVLD;
	if (has_entrypoint(VAEntrypointEncSlice))
		list[(*count)++] = VAEntrypointEncSlice;
	if (has_entrypoint(VAEntrypointEncSliceLP))
		list[(*count)++] = VAEntrypointEncSliceLP;
	return VA_STATUS_SUCCESS;
}

static uint32_t packed_taken(VAProfile profile)
{
	uint32_t headers = VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE |
			   VA_ENC_PACKED_HEADER_SLICE;

	if (mode("own-headers"))
		return VA_ENC_PACKED_HEADER_NONE;
	if (is_av1(profile))
		return VA_ENC_PACKED_HEADER_SEQUENCE | VA_ENC_PACKED_HEADER_PICTURE;
	if (is_vp9(profile))
		return mode("no-raw") ? VA_ENC_PACKED_HEADER_NONE : VA_ENC_PACKED_HEADER_RAW_DATA;
	return mode("no-raw") ? headers : headers | VA_ENC_PACKED_HEADER_RAW_DATA;
}

static uint32_t rc_taken(VAEntrypoint entrypoint)
{
	if (entrypoint == VAEntrypointEncSliceLP && mode("low-power-cqp"))
		return VA_RC_CQP;
	return VA_RC_CQP | VA_RC_CBR | VA_RC_VBR | VA_RC_ICQ;
}

static uint32_t attribute(VAConfigAttribType type, VAProfile profile, VAEntrypoint entrypoint)
{
	VAConfigAttribValEncROI roi = { 0 };
	VAConfigAttribValEncAV1Ext1 ext1 = { .bits.segment_feature_support = 1 };
	const VAConfigAttribValEncHEVCFeatures features = {
		.bits = { .amp = 1, .temporal_mvp = 1, .strong_intra_smoothing = 1,
			  .sign_data_hiding = 1, .cu_qp_delta = 1, .pcm = mode("exact") },
	};
	const VAConfigAttribValEncAV1Ext2 av1 = {
		.bits = { .obu_size_bytes_minus1 = 1, .tx_mode_support = 5 },
	};
	const VAConfigAttribValEncHEVCBlockSizes sizes = {
		.bits = { .log2_max_coding_tree_block_size_minus3 = 2,
			  .log2_min_coding_tree_block_size_minus3 = 2,
			  .log2_max_luma_transform_block_size_minus2 = 3,
			  .max_max_transform_hierarchy_depth_inter = 2,
			  .max_max_transform_hierarchy_depth_intra = 1 },
	};

	switch ((int)type) {
	case VAConfigAttribRTFormat:
		if (is_av1(profile))
			return VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV420_10;
		return is_deep(profile) ? VA_RT_FORMAT_YUV420_10 : VA_RT_FORMAT_YUV420;
	case VAConfigAttribRateControl:
		return rc_taken(entrypoint);
	case VAConfigAttribEncPackedHeaders:
		return packed_taken(profile);
	case VAConfigAttribMaxPictureWidth:
		return 4096;
	case VAConfigAttribMaxPictureHeight:
		/* one tile of AV1 is no larger */
		return is_av1(profile) ? 2304 : 4096;
	case VAConfigAttribEncAV1Ext1:
		ext1.bits.min_segid_block_size_accepted = mode("segments") ?
							  mode_number("segments") : 3;
		return is_av1(profile) && !mode("no-segments") ? ext1.value : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribEncAV1Ext2:
		return is_av1(profile) ? av1.value : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribEncMaxSlices:
		return is_hevc(profile) ? 1 : SLICES_MAX;
	case VAConfigAttribPredictionDirection:
		if (mode("past-only"))
			return VA_PREDICTION_DIRECTION_PREVIOUS;
		return VA_PREDICTION_DIRECTION_PREVIOUS | VA_PREDICTION_DIRECTION_FUTURE |
		       (is_hevc(profile) && mode("only-b") ? VA_PREDICTION_DIRECTION_BI_NOT_EMPTY : 0);
	case VAConfigAttribEncMaxRefFrames:
		/* of each list; x264 and x265 make no B pictures in this order */
		return mode("exact") && entrypoint == VAEntrypointEncSlice ? 1 << 16 | 2 : 1;
	case VAConfigAttribEncHEVCFeatures:
		return is_hevc(profile) && !mode("hevc-untold") ? features.value : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribEncHEVCBlockSizes:
		return is_hevc(profile) && !mode("hevc-untold") ? sizes.value : VA_ATTRIB_NOT_SUPPORTED;
	case VAConfigAttribEncQualityRange:
		return 7;
	case VAConfigAttribEncIntraRefresh:
		return mode("no-refresh") ? VA_ENC_INTRA_REFRESH_NONE :
		       VA_ENC_INTRA_REFRESH_ROLLING_COLUMN | VA_ENC_INTRA_REFRESH_P_FRAME;
	case VAConfigAttribMaxFrameSize:
		return 1;
	case VAConfigAttribEncROI:
		roi.bits.num_roi_regions = mode("rois") ? mode_number("rois") : ROIS_DEFAULT;
		roi.bits.roi_rc_qp_delta_support = 1;
		return roi.value;
	default:
		return VA_ATTRIB_NOT_SUPPORTED;
	}
}

VAStatus get_attributes(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
			VAConfigAttrib *list, int count)
{
	(void)ctx;
	if (!has_entrypoint(entrypoint))
		return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
	for (int i = 0; i < count; i++)
		list[i].value = attribute(list[i].type, profile, entrypoint);
	return VA_STATUS_SUCCESS;
}

VAStatus create_config(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
		       VAConfigAttrib *list, int count, VAConfigID *id)
		       {
	struct config *c;

	if (!has_entrypoint(entrypoint))
		return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
	c = object_new(driver_of(ctx), KIND_CONFIG, sizeof(*c));
	c->profile = profile;
	c->entrypoint = entrypoint;
	for (int i = 0; i < count; i++) {
		if (list[i].value & ~attribute(list[i].type, profile, entrypoint)) {
			wrong("attribute %d is set to %#x", list[i].type, list[i].value);
			object_drop(driver_of(ctx), c->o.id, KIND_CONFIG);
			return VA_STATUS_ERROR_INVALID_VALUE;
		}
		if (list[i].type == VAConfigAttribRTFormat)
			c->rt_format = list[i].value;
		else if (list[i].type == VAConfigAttribRateControl)
			c->rc = list[i].value;
		else if (list[i].type == VAConfigAttribEncPackedHeaders)
			c->packed = list[i].value;
	}
	report("config profile %d entrypoint %d rc %#x packed %#x\n", profile, entrypoint, c->rc,
	       c->packed);
	*id = c->o.id;
	return VA_STATUS_SUCCESS;
}

VAStatus destroy_config(VADriverContextP ctx, VAConfigID id)
{
	return object_drop(driver_of(ctx), id, KIND_CONFIG) ? VA_STATUS_SUCCESS :
	       VA_STATUS_ERROR_INVALID_CONFIG;
}

VAStatus query_config(VADriverContextP ctx, VAConfigID id, VAProfile *profile,
		      VAEntrypoint *entrypoint, VAConfigAttrib *list, int *count)
		      {
	struct config *c = object_find(driver_of(ctx), id, KIND_CONFIG);

	(void)list;
	if (!c)
		return VA_STATUS_ERROR_INVALID_CONFIG;
	*profile = c->profile;
	*entrypoint = c->entrypoint;
	*count = 0;
	return VA_STATUS_SUCCESS;
}

const struct codec_ops *codec_of(const struct config *config)
{
	return is_hevc(config->profile) ? &hevc_ops : is_vp9(config->profile) ? &vp9_ops :
	       is_av1(config->profile) ? &av1_ops : &h264_ops;
}
