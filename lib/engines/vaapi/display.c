// SPDX-License-Identifier: MIT
/* The DRM node, the driver behind it, and what that can encode. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include <va/va_drm.h>

#include "vaapi.h"

#define RENDER_FIRST 128
#define RENDER_LAST 191
#define SIDE_DEFAULT 4096	/* of drivers that do not tell how large pictures may be */

static const struct vaapi_profile profiles[] = {
	/* the best one first: it is the engine's choice */
	{ VAProfileH264High, HVCAL_CODEC_H264, HVCAL_PROFILE_H264_HIGH, 8 },
	{ VAProfileH264Main, HVCAL_CODEC_H264, HVCAL_PROFILE_H264_MAIN, 8 },
	{ VAProfileH264ConstrainedBaseline, HVCAL_CODEC_H264, HVCAL_PROFILE_H264_BASELINE, 8 },
	{ VAProfileHEVCMain, HVCAL_CODEC_HEVC, 1, 8 },
	{ VAProfileHEVCMain10, HVCAL_CODEC_HEVC, 2, 10 },
	{ VAProfileVP9Profile0, HVCAL_CODEC_VP9, 0, 8 },
	{ VAProfileVP9Profile2, HVCAL_CODEC_VP9, 2, 10 },
	{ VAProfileAV1Profile0, HVCAL_CODEC_AV1, 0, 8 },
	{ VAProfileAV1Profile0, HVCAL_CODEC_AV1, 0, 10 },
};

int vaapi_display_find(unsigned int index, char *path, size_t len)
{
	struct stat st;

	for (int minor = RENDER_FIRST; minor <= RENDER_LAST; minor++) {
		snprintf(path, len, "/dev/dri/renderD%d", minor);
		if (!stat(path, &st) && S_ISCHR(st.st_mode) && !index--)
			return 0;
	}
	return -ENOENT;
}

/* Where a link in the node's folder of sysfs leads; the last part of it. */
static bool sysfs_link(int fd, const char *name, char *out, size_t len)
{
	char path[128], target[PATH_MAX];
	const char *last;
	struct stat st;
	size_t size;
	ssize_t n;

	if (fstat(fd, &st) || !S_ISCHR(st.st_mode))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/%s", major(st.st_rdev),
		 minor(st.st_rdev), name);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	size = strlen(last);
	if (size >= len)
		return false;
	memcpy(out, last, size + 1);
	return true;
}

void vaapi_display_place(struct hvcal_engine_ctx *ctx, struct hvcal_engine_desc *desc)
{
	unsigned int domain, bus, device, function;
	char name[64], path[128];
	FILE *f;

	desc->numa_node = -1;
	if (!sysfs_link(ctx->fd, "device", name, sizeof(name)) ||
	    sscanf(name, "%x:%x:%x.%x", &domain, &bus, &device, &function) != 4)
		return;
	snprintf(desc->slot, sizeof(desc->slot), "%04x:%02x:%02x.%x", domain, bus, device, function);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", name);
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(name, sizeof(name), f))
		name[0] = '\0';
	fclose(f);
	if (name[0] >= '0' && name[0] <= '9')
		desc->numa_node = (int32_t)strtol(name, NULL, 10);
}

static void say(void *cookie, int level, const char *message)
{
	vaapi_log(cookie, level, "%.*s", (int)strcspn(message, "\n"), message);
}

static void on_error(void *cookie, const char *message)
{
	say(cookie, LOG_WARNING, message);
}

static void on_info(void *cookie, const char *message)
{
	say(cookie, LOG_DEBUG, message);
}

static int node_open(struct hvcal_engine_ctx *ctx, const char *path, char *reason, size_t len)
{
	int error;

	ctx->fd = open(path, O_RDWR | O_CLOEXEC);
	if (ctx->fd >= 0)
		return 0;
	error = errno;
	if (error == EACCES || error == EPERM)
		snprintf(reason, len, "no permission for %s (be in its group, usually render)",
			 path);
	else if (error == ENOENT)
		snprintf(reason, len, "there is no %s", path);
	else
		snprintf(reason, len, "%s: %s", path, strerror(error));
	/* -ENOENT would say that there is no engine of this number */
	return error == ENOENT ? -ENODEV : -error;
}

int vaapi_display_open(struct hvcal_engine_ctx *ctx, const char *path, char *reason, size_t len)
{
	const char *name = strrchr(path, '/');
	char kernel[32] = "unknown to the kernel";
	int major, minor, ret;
	VAStatus status;

	snprintf(ctx->node, sizeof(ctx->node), "%s", name ? name + 1 : path);
	ret = node_open(ctx, path, reason, len);
	if (ret)
		return ret;
	ctx->display = vaGetDisplayDRM(ctx->fd);
	if (!ctx->display) {
		snprintf(reason, len, "%s is no DRM node", path);
		close(ctx->fd);
		return -ENODEV;
	}
	vaSetErrorCallback(ctx->display, on_error, ctx);
	vaSetInfoCallback(ctx->display, on_info, ctx);
	status = vaInitialize(ctx->display, &major, &minor);
	if (status == VA_STATUS_SUCCESS)
		return 0;
	sysfs_link(ctx->fd, "device/driver", kernel, sizeof(kernel));
	snprintf(reason, len,
		 "no VA driver works on %s (%s): install that of the GPU, or set LIBVA_DRIVER_NAME",
		 path, kernel);
	vaapi_display_close(ctx);
	return -ENODEV;
}

void vaapi_display_close(struct hvcal_engine_ctx *ctx)
{
	vaTerminate(ctx->display);
	close(ctx->fd);
}

/* ---- what it can encode ---- */

enum {
	AT_FORMAT, AT_RC, AT_PACKED, AT_WIDTH, AT_HEIGHT, AT_SLICES, AT_QUALITY, AT_ROI,
	AT_MAX_SIZE, AT_DIRECTION, AT_REFS, AT_HEVC_FEATURES, AT_HEVC_SIZES, AT_AV1, AT_AV1_SEGMENTS,
	AT_REFRESH,
	AT_COUNT
};

static uint32_t known(const VAConfigAttrib *a, uint32_t otherwise)
{
	return a->value == VA_ATTRIB_NOT_SUPPORTED ? otherwise : a->value;
}

/* VP9 tells of none that it would lack; AV1 of the features of segments, and their blocks. */
static uint32_t segment_block(const struct vaapi_profile *profile, uint32_t rc, uint32_t av1)
{
	static const uint32_t sides[] = { 16, 32, 64, 8 };
	const VAConfigAttribValEncAV1Ext1 ext = { .value = av1 };

	if (!vaapi_codec_find(profile->codec)->segments || !(rc & VA_RC_CQP))
		return 0;
	if (profile->codec == HVCAL_CODEC_VP9)
		return 8;
	return ext.bits.segment_feature_support & 1 && ext.bits.min_segid_block_size_accepted < 4 ?
	       sides[ext.bits.min_segid_block_size_accepted] : 0;
}

/* @refs: of list 0 below, of list 1 above. Some drivers have a list 1 for the past alone. */
static bool has_bframes(const struct vaapi_profile *profile, uint32_t refs,
			const VAConfigAttrib *direction)
{
	const uint32_t both = VA_PREDICTION_DIRECTION_PREVIOUS | VA_PREDICTION_DIRECTION_FUTURE;

	return vaapi_codec_find(profile->codec)->bframes && refs >> 16 &&
	       profile->idc != HVCAL_PROFILE_H264_BASELINE &&
	       (known(direction, both) & both) == both;
}

/* @return whether pictures of this profile can be coded through @entrypoint */
static bool point_read(struct hvcal_engine_ctx *ctx, const struct vaapi_profile *profile,
		       VAEntrypoint entrypoint, struct vaapi_point *point)
{
	VAConfigAttrib a[AT_COUNT] = {
		[AT_FORMAT] = { .type = VAConfigAttribRTFormat },
		[AT_RC] = { .type = VAConfigAttribRateControl },
		[AT_PACKED] = { .type = VAConfigAttribEncPackedHeaders },
		[AT_WIDTH] = { .type = VAConfigAttribMaxPictureWidth },
		[AT_HEIGHT] = { .type = VAConfigAttribMaxPictureHeight },
		[AT_SLICES] = { .type = VAConfigAttribEncMaxSlices },
		[AT_QUALITY] = { .type = VAConfigAttribEncQualityRange },
		[AT_ROI] = { .type = VAConfigAttribEncROI },
		[AT_MAX_SIZE] = { .type = VAConfigAttribMaxFrameSize },
		[AT_REFS] = { .type = VAConfigAttribEncMaxRefFrames },
		[AT_DIRECTION] = { .type = VAConfigAttribPredictionDirection },
		[AT_HEVC_FEATURES] = { .type = VAConfigAttribEncHEVCFeatures },
		[AT_HEVC_SIZES] = { .type = VAConfigAttribEncHEVCBlockSizes },
		[AT_REFRESH] = { .type = VAConfigAttribEncIntraRefresh },
		[AT_AV1_SEGMENTS] = { .type = VAConfigAttribEncAV1Ext1 },
		[AT_AV1] = { .type = VAConfigAttribEncAV1Ext2 },
	};
	VAConfigAttribValMaxFrameSize max_size;
	VAConfigAttribValEncROI roi;

	if (vaGetConfigAttributes(ctx->display, profile->va, entrypoint, a, AT_COUNT))
		return false;
	roi.value = known(&a[AT_ROI], 0);
	max_size.value = known(&a[AT_MAX_SIZE], 0);
	*point = (struct vaapi_point){
		.profile = profile,
		.entrypoint = entrypoint,
		.rc = known(&a[AT_RC], 0),
		.packed = known(&a[AT_PACKED], 0),
		.max_width = known(&a[AT_WIDTH], SIDE_DEFAULT),
		.max_height = known(&a[AT_HEIGHT], SIDE_DEFAULT),
		.max_slices = known(&a[AT_SLICES], 1),
		.quality_levels = known(&a[AT_QUALITY], 1),
		.rois = vaapi_codec_find(profile->codec)->rois ? roi.bits.num_roi_regions : 0,
		.segment_block = segment_block(profile, known(&a[AT_RC], 0),
					       known(&a[AT_AV1_SEGMENTS], 0)),
		.roi_with_rate = roi.bits.roi_rc_qp_delta_support,
		.max_frame_size = max_size.bits.max_frame_size,
		.only_b = known(&a[AT_DIRECTION], 0) & VA_PREDICTION_DIRECTION_BI_NOT_EMPTY,
		.bframes = has_bframes(profile, known(&a[AT_REFS], 0), &a[AT_DIRECTION]),
		.intra_refresh = known(&a[AT_REFRESH], VA_ENC_INTRA_REFRESH_NONE),
		.av1.value = known(&a[AT_AV1], 0),
		.hevc_known = a[AT_HEVC_FEATURES].value != VA_ATTRIB_NOT_SUPPORTED &&
			      a[AT_HEVC_SIZES].value != VA_ATTRIB_NOT_SUPPORTED,
		.hevc_features.value = known(&a[AT_HEVC_FEATURES], 0),
		.hevc_sizes.value = known(&a[AT_HEVC_SIZES], 0),
	};
	return known(&a[AT_FORMAT], 0) &
	       (profile->depth == 10 ? VA_RT_FORMAT_YUV420_10 : VA_RT_FORMAT_YUV420) &&
	       point->rc & (VA_RC_CQP | VA_RC_CBR | VA_RC_VBR | VA_RC_ICQ);
}

static bool has_rate_control(const struct vaapi_point *p)
{
	return p->rc & (VA_RC_CBR | VA_RC_VBR);
}

/*
 * Low power is the fixed-function encoder, which leaves the GPU's shaders alone; but
 * where its firmware is missing it codes with constant QP only.
 */
static bool point_choose(struct hvcal_engine_ctx *ctx, const struct vaapi_profile *profile,
			 struct vaapi_point *out)
{
	struct vaapi_point low, full;
	bool has_low = ctx->low_power != 0 &&
		       point_read(ctx, profile, VAEntrypointEncSliceLP, &low);
	bool has_full = ctx->low_power != 1 &&
			point_read(ctx, profile, VAEntrypointEncSlice, &full);

	if (has_low && has_full && has_rate_control(&full) && !has_rate_control(&low))
		has_low = false;
	if (has_low)
		*out = low;
	else if (has_full)
		*out = full;
	return has_low || has_full;
}

static bool profile_listed(const VAProfile *list, int count, VAProfile profile)
{
	while (count--)
		if (list[count] == profile)
			return true;
	return false;
}

int vaapi_points_find(struct hvcal_engine_ctx *ctx, char *reason, size_t len)
{
	int count = vaMaxNumProfiles(ctx->display);
	const char *vendor = vaQueryVendorString(ctx->display);
	VAProfile *list = calloc((size_t)(count > 0 ? count : 1), sizeof(*list));
	VAStatus status;

	if (!list)
		return -ENOMEM;
	status = vaQueryConfigProfiles(ctx->display, list, &count);
	for (size_t i = 0; !status && i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (profile_listed(list, count, profiles[i].va) &&
		    point_choose(ctx, &profiles[i], &ctx->points[ctx->npoints]))
			ctx->npoints++;
	free(list);
	if (status) {
		snprintf(reason, len, "%s: %s", ctx->node, vaapi_reason(status));
		return vaapi_errno(status);
	}
	if (ctx->npoints)
		return 0;
	snprintf(reason, len, "the driver of %s (%s) has no entrypoint that encodes%s", ctx->node,
		 vendor ? vendor : "nameless",
		 ctx->low_power < 0 ? "" : " in the way that vaapi.low_power asks for");
	return -EOPNOTSUPP;
}
