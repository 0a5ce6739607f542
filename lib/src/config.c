// SPDX-License-Identifier: MIT
/* What a user says, checked and put into the words of engines and kernel. */
#include <errno.h>
#include <string.h>

#include <hvcal/analysis.h>

#include "internal.h"
#include "rate.h"

#define QUEUE_DEFAULT 16U
#define QUEUE_HOLDING 64U	/* engines that hold frames back take up to 64 */
#define QUEUE_MAX 256U
/* Longer than the module's watchdog takes for an engine that hangs: that one says more. */
#define OPEN_TIMEOUT_MS 30000U
#define PACKET_SLACK 65536U	/* headers, and frames too small to be compressed */
#define SIDE_MAX 65536U
#define BASE_PERCENT_MAX 99U
/* Latency mode reserves 9/8 of the rate. */
#define LATENCY_RESERVE 9

#define FEATURES_ALL ((1U << HVCAL_FEATURES) - 1)

/* ITU-T H.273 */
#define BT2020 9U
#define BT2020_NCL 9U
#define PQ 16U
#define HLG 18U

_Static_assert(HVCAL_CAN_FRAME_QP == HVCAL_CAP_FRAME_QP &&
	       HVCAL_CAN_FORCE_KEY == HVCAL_CAP_FORCE_KEY &&
	       HVCAL_CAN_RETARGET == HVCAL_CAP_RETARGET &&
	       HVCAL_CAN_ROI == HVCAL_CAP_ROI && HVCAL_CAN_SCALE == HVCAL_CAP_SCALE &&
	       HVCAL_CAN_TONEMAP == HVCAL_CAP_TONEMAP &&
	       HVCAL_CAN_HDR_STATIC == HVCAL_CAP_HDR_STATIC &&
	       HVCAL_CAN_HDR_DYNAMIC == HVCAL_CAP_HDR_DYNAMIC &&
	       HVCAL_CAN_LOSSLESS == HVCAL_CAP_LOSSLESS &&
	       HVCAL_CAN_LAYERS == HVCAL_CAP_LAYERS &&
	       HVCAL_CAN_RECOVER == HVCAL_CAP_RECOVER, "HVCAL_CAN_*");
_Static_assert((int)HVCAL_SCHED_REALTIME == (int)HVCAL_CLASS_REALTIME &&
	       (int)HVCAL_ON_LOSS_REISSUE == (int)HVCAL_LOSS_REISSUE &&
	       (int)HVCAL_KIND_TEST == (int)HVCAL_ENGINE_TEST &&
	       (int)HVCAL_HEALTH_GONE == (int)HVCAL_ENGINE_GONE &&
	       (int)HVCAL_LIMIT_USER_SHARE == (int)HVCAL_RESOURCE_USER_SHARE,
	       "enums of the library and of the kernel");

static const uint32_t feature_caps[HVCAL_FEATURES] = {
	[HVCAL_FEATURE_HDR10_PLUS] = HVCAL_CAP_HDR_DYNAMIC,
	[HVCAL_FEATURE_ROI] = HVCAL_CAP_ROI,
	[HVCAL_FEATURE_LOSSLESS] = HVCAL_CAP_LOSSLESS,
	[HVCAL_FEATURE_INTRA_REFRESH] = 0, /* the engine says so when it opens */
	[HVCAL_FEATURE_SCALE] = HVCAL_CAP_SCALE,
	[HVCAL_FEATURE_FRAME_QP] = HVCAL_CAP_FRAME_QP,
	[HVCAL_FEATURE_LAYERS] = HVCAL_CAP_LAYERS,
};

uint32_t hvcal_feature_cap(uint32_t feature)
{
	return feature_caps[feature];
}

static bool has_feature(const hvcal_config_t *c, uint32_t feature)
{
	return c->features & (1U << feature);
}

static bool name_terminated(const char *name)
{
	return memchr(name, 0, HVCAL_TEXT) != NULL;
}

static const char *base_problem(const hvcal_config_t *c)
{
	if (!c->base_percent)
		return NULL;
	if (c->base_percent > BASE_PERCENT_MAX)
		return "base_percent must be 0 (no limit) or 1..99";
	if (!has_feature(c, HVCAL_FEATURE_LAYERS))
		return "base_percent needs the feature HVCAL_FEATURE_LAYERS";
	if (!hvcal_rate_fits(c))
		return "base_percent needs libhvcal's rate control: rc_mode CBR, VBR or ICQ with a max_bitrate, low latency";
	return NULL;
}

static const char *config_problem(const hvcal_config_t *c)
{
	if (!c->codec)
		return "codec is not set: give one of HVCAL_CODEC_*";
	if (!c->width || !c->height || c->width > SIDE_MAX || c->height > SIDE_MAX)
		return "width and height must be 1..65536";
	if (!c->fps)
		return "fps is not set: give frames per second";
	if (c->hdr > HVCAL_HDR_HLG)
		return "hdr is none of enum hvcal_hdr";
	if (c->bit_depth < 8 || c->bit_depth > 16)
		return "bit_depth must be 8..16";
	if (c->hdr && c->bit_depth < 10)
		return "hdr needs a bit_depth of 10 or more";
	if (c->preset > 9)
		return "preset must be 0 (fastest) .. 9 (slowest)";
	if (c->rc_mode > HVCAL_RC_ICQ)
		return "rc_mode is none of enum hvcal_rc_mode";
	if (c->tune > HVCAL_TUNE_LOSSLESS)
		return "tune is none of enum hvcal_tune";
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) && !c->bitrate)
		return "rc_mode CBR and VBR need a bitrate";
	if (c->max_bitrate < c->bitrate)
		return "max_bitrate is below bitrate";
	if (c->rc_mode == HVCAL_RC_ICQ && (c->quality < 1 || c->quality > 51))
		return "rc_mode ICQ needs a quality of 1..51";
	if (c->qp_max && c->qp_min > c->qp_max)
		return "qp_min is above qp_max";
	if (c->chroma != 420 && c->chroma != 422 && c->chroma != 444)
		return "chroma must be 420, 422 or 444";
	if (c->full_range > 1)
		return "full_range must be 0 or 1";
	if (c->features & ~FEATURES_ALL)
		return "features has a bit that is none of enum hvcal_feature";
	if (c->sched > HVCAL_SCHED_REALTIME)
		return "sched is none of enum hvcal_sched";
	if (c->rate_control > HVCAL_RATE_CONTROL_ENGINE)
		return "rate_control is none of enum hvcal_rate_control";
	if (c->rate_hints > HVCAL_RATE_HINTS_OFF)
		return "rate_hints is none of enum hvcal_rate_hints";
	if (c->adaptive_quant > HVCAL_ANALYSIS_QUANT_MAX)
		return "adaptive_quant must be 0..64";
	if (c->on_loss > HVCAL_ON_LOSS_REISSUE)
		return "on_loss is none of enum hvcal_on_loss";
	if (c->max_queued < 2 || c->max_queued > QUEUE_MAX)
		return "max_queued must be 2..256";
	if (!name_terminated(c->engine_name))
		return "engine_name is not terminated";
	if (c->engine && c->engine_name[0])
		return "engine and engine_name are both set: give one of them";
	return base_problem(c);
}

/* An engine that may hold frames back wants a queue that can feed it. */
static bool holds_frames(const hvcal_config_t *c)
{
	return c->tune == HVCAL_TUNE_QUALITY || c->bframes;
}

static void config_complete(hvcal_config_t *c)
{
	if (!c->fps_den)
		c->fps_den = 1;
	if (!c->bit_depth)
		c->bit_depth = c->hdr ? 10 : 8;
	if (!c->format)
		c->format = c->bit_depth > 8 ? HVCAL_FORMAT_P010 : HVCAL_FORMAT_NV12;
	if (!c->chroma)
		c->chroma = 420;
	if (has_feature(c, HVCAL_FEATURE_LOSSLESS))
		c->tune = HVCAL_TUNE_LOSSLESS;
	if (!c->tune)
		c->tune = c->bframes ? HVCAL_TUNE_QUALITY : HVCAL_TUNE_LOW_LATENCY;
	if (!c->max_bitrate)
		c->max_bitrate = c->bitrate;
	if (c->hdr) {
		if (!c->primaries)
			c->primaries = BT2020;
		if (!c->transfer)
			c->transfer = c->hdr == HVCAL_HDR_HLG ? HLG : PQ;
		if (!c->matrix)
			c->matrix = BT2020_NCL;
	}
	if (!c->max_queued)
		c->max_queued = holds_frames(c) ? QUEUE_HOLDING : QUEUE_DEFAULT;
	if (!c->open_timeout_ms)
		c->open_timeout_ms = OPEN_TIMEOUT_MS;
	if (!c->period_ns && c->fps)
		c->period_ns = HVCAL_NS_PER_SEC * c->fps_den / c->fps;
}

int hvcal_config_take(hvcal_config_t *out, const hvcal_config_t *in, char *reason,
		      size_t len)
{
	const char *problem;
	int ret;

	ret = hvcal_struct_get(out, sizeof(*out), in, HVCAL_CONFIG_V1);
	if (ret) {
		hvcal_reason(reason, len, ret == -E2BIG ?
			     "the configuration has fields that this libhvcal does not know: update it" :
			     "struct_size of the configuration is not set: use hvcal_config_default");
		return ret;
	}
	out->struct_size = sizeof(*out);
	config_complete(out);
	problem = config_problem(out);
	if (problem) {
		hvcal_reason(reason, len, "configuration: %s", problem);
		return -EINVAL;
	}
	return 0;
}

void hvcal_config_to_codec(const hvcal_config_t *c, struct hvcal_codec_config *out)
{
	memset(out, 0, sizeof(*out));
	out->size = sizeof(*out);
	if (c->full_range)
		out->flags |= HVCAL_CONFIG_FULL_RANGE;
	if (c->mastering_max)
		out->flags |= HVCAL_CONFIG_MASTERING;
	if (c->max_cll)
		out->flags |= HVCAL_CONFIG_LIGHT_LEVEL;
	if (has_feature(c, HVCAL_FEATURE_INTRA_REFRESH))
		out->flags |= HVCAL_CONFIG_INTRA_REFRESH;
	if (has_feature(c, HVCAL_FEATURE_LAYERS))
		out->flags |= HVCAL_CONFIG_LAYERS;
	if (c->adaptive_quant)
		out->flags |= HVCAL_CONFIG_MAPS;
	out->codec = c->codec;
	out->profile = c->profile;
	out->level = c->level;
	out->format = c->format;
	out->width = c->width;
	out->height = c->height;
	out->fps_num = c->fps;
	out->fps_den = c->fps_den;
	out->bit_depth = c->bit_depth;
	out->chroma = c->chroma;
	out->rc_mode = c->rc_mode;
	out->tune = c->tune;
	out->preset = c->preset;
	out->gop = c->gop_size;
	out->bitrate = c->bitrate;
	out->max_bitrate = c->max_bitrate;
	out->vbv_ms = c->vbv_ms;
	out->bframes = c->bframes;
	out->qp = c->qp;
	out->qp_min = c->qp_min;
	out->qp_max = c->qp_max;
	out->quality = c->quality;
	out->threads = c->threads;
	out->slices = c->slices;
	out->sar_num = c->sar_num;
	out->sar_den = c->sar_den;
	out->primaries = c->primaries;
	out->transfer = c->transfer;
	out->matrix = c->matrix;
	memcpy(out->mastering_x, c->mastering_x, sizeof(out->mastering_x));
	memcpy(out->mastering_y, c->mastering_y, sizeof(out->mastering_y));
	out->mastering_max = c->mastering_max;
	out->mastering_min = c->mastering_min;
	out->max_cll = c->max_cll;
	out->max_fall = c->max_fall;
}

void hvcal_config_to_reservation(const hvcal_config_t *c, uint32_t mode,
				 struct hvcal_reservation *out)
{
	memset(out, 0, sizeof(*out));
	out->sched_class = c->sched;
	out->bit_depth = c->bit_depth;
	out->width = c->width;
	out->height = c->height;
	out->preset = c->preset;
	out->period_ns = c->period_ns;
	out->deadline_ns = c->deadline_ns;
	if (c->sched != HVCAL_SCHED_REALTIME)
		return;
	if (mode == HVCAL_THROUGHPUT_BATCH) {
		out->sched_class = HVCAL_CLASS_BEST_EFFORT;
	} else if (mode == HVCAL_THROUGHPUT_LATENCY) {
		/* the deadline is a period if none is given, and stays what it was */
		if (!out->deadline_ns)
			out->deadline_ns = c->period_ns;
		out->period_ns = c->period_ns - c->period_ns / LATENCY_RESERVE;
	}
}

uint32_t hvcal_config_need(const hvcal_config_t *c)
{
	uint32_t need = 0, i;

	for (i = 0; i < HVCAL_FEATURES; i++)
		if (has_feature(c, i))
			need |= feature_caps[i];
	if (c->mastering_max || c->max_cll)
		need |= HVCAL_CAP_HDR_STATIC;
	if (c->tune == HVCAL_TUNE_LOSSLESS)
		need |= HVCAL_CAP_LOSSLESS;
	return need;
}

/* Raw frames where nothing is compressed away, half of that elsewhere. */
uint32_t hvcal_config_packet_bytes(const hvcal_config_t *c)
{
	uint64_t samples = (uint64_t)c->width * c->height, raw;

	if (c->packet_bytes)
		return c->packet_bytes;
	raw = samples * (c->bit_depth > 8 ? 2 : 1);
	raw = c->chroma == 420 ? raw + raw / 2 : c->chroma == 422 ? raw * 2 : raw * 3;
	if (c->codec == HVCAL_CODEC_RAW || c->tune == HVCAL_TUNE_LOSSLESS) {
		/* a raw frame keeps the alignment of its source */
		if (c->format == HVCAL_FORMAT_XRGB8888 && raw < samples * 4)
			raw = samples * 4;
		raw += raw / 8;
	} else {
		raw /= 2;
	}
	raw += PACKET_SLACK;
	return raw > UINT32_MAX ? UINT32_MAX : (uint32_t)raw;
}
