// SPDX-License-Identifier: MIT
/*
 * The encoders of Intel and AMD GPUs, through VA-API.
 *
 * An engine is a render node. Frames are imported where they lie; packets are copied
 * out of the driver's buffer into the target.
 *
 * Options: vaapi.device=PATH, vaapi.slots=N, vaapi.cost=N (claimed ns a megapixel),
 * vaapi.timeout_ms=N, vaapi.low_power=0|1, vaapi.import=0|1, vaapi.lossless=0|1
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../option.h"
#include "stream.h"

#define TIMEOUT_MS_DEFAULT 2000
/* A claim for the cost model: 1080p in 4 ms, as encoders of the last ten years do. */
#define COST_NS_PER_MPIX 2000000

static int options_read(struct hvcal_engine_ctx *c, char *reason, size_t len)
{
	const struct hvcal_engine_host *host = c->host;
	unsigned long low_power = 2, import = 1, lossless = 0;

	c->slots = 1;
	c->cost = COST_NS_PER_MPIX;
	c->timeout_ms = TIMEOUT_MS_DEFAULT;
	if (hvcal_option_number(host, "vaapi.slots", 1, 1024, &c->slots, reason, len) ||
	    hvcal_option_number(host, "vaapi.cost", 0, 1000000000, &c->cost, reason, len) ||
	    hvcal_option_number(host, "vaapi.timeout_ms", 1, 600000, &c->timeout_ms, reason, len) ||
	    hvcal_option_number(host, "vaapi.low_power", 0, 1, &low_power, reason, len) ||
	    hvcal_option_number(host, "vaapi.import", 0, 1, &import, reason, len) ||
	    hvcal_option_number(host, "vaapi.lossless", 0, 1, &lossless, reason, len))
		return -EINVAL;
	c->low_power = low_power == 2 ? -1 : (int)low_power;
	c->import = import;
	c->lossless = lossless;
	return 0;
}

static int device_open(struct hvcal_engine_ctx *c, unsigned int index, char *reason, size_t len)
{
	const struct hvcal_engine_host *host = c->host;
	const char *path = host->option ? host->option(host->cookie, "vaapi.device") : NULL;
	char found[64];
	int ret = 0;

	if (path)
		ret = index ? -ENOENT : 0;
	else
		ret = vaapi_display_find(index, found, sizeof(found));
	if (ret && !index) {
		snprintf(reason, len, "no render node in /dev/dri (is a GPU's driver loaded?)");
		return -ENODEV;
	}
	return ret ? ret : vaapi_display_open(c, path ? path : found, reason, len);
}

/* ---- what it says of itself ---- */

static uint32_t cap_flags(const struct hvcal_engine_ctx *c, const struct vaapi_point *p)
{
	const struct vaapi_codec *codec = vaapi_codec_find(p->profile->codec);
	uint32_t flags = HVCAL_CAP_FORCE_KEY | HVCAL_CAP_LAYERS;

	if (codec->metadata)
		flags |= HVCAL_CAP_HDR_STATIC | HVCAL_CAP_HDR_DYNAMIC;
	if (codec->lossless && c->lossless && p->rc & VA_RC_CQP)
		flags |= HVCAL_CAP_LOSSLESS;
	if (p->rc & VA_RC_CQP)
		flags |= HVCAL_CAP_FRAME_QP;
	if (p->rc & (VA_RC_CBR | VA_RC_VBR))
		flags |= HVCAL_CAP_RETARGET;
	if (p->rois || p->segment_block)
		flags |= HVCAL_CAP_ROI;
	return flags;
}

static void cap_format(struct hvcal_engine_cap *cap, uint32_t format)
{
	unsigned int i = 0;

	while (cap->formats[i] && cap->formats[i] != format)
		i++;
	cap->formats[i] = format;
}

/* One capability a codec: what all its profiles can do. */
static void caps_fill(const struct hvcal_engine_ctx *c, struct hvcal_engine_desc *desc)
{
	for (unsigned int i = 0; i < c->npoints; i++) {
		const struct vaapi_point *p = &c->points[i];
		struct hvcal_engine_cap *cap = desc->caps;

		while (cap->codec && cap->codec != p->profile->codec)
			cap++;
		if (!cap->codec) {
			*cap = (struct hvcal_engine_cap){
				.op = HVCAL_OP_ENCODE,
				.codec = p->profile->codec,
				.flags = cap_flags(c, p),
				.min_width = VAAPI_SIDE_MIN,
				.min_height = VAAPI_SIDE_MIN,
				.max_width = p->max_width,
				.max_height = p->max_height,
				.cost_ns_per_mpix = c->cost,
			};
			desc->ncaps++;
		}
		cap->depth_mask |= 1U << p->profile->depth;
		cap->flags &= cap_flags(c, p);
		cap->max_width = p->max_width < cap->max_width ? p->max_width : cap->max_width;
		cap->max_height = p->max_height < cap->max_height ? p->max_height :
				  cap->max_height;
		cap_format(cap, p->profile->depth == 10 ? HVCAL_FORMAT_P010 : HVCAL_FORMAT_NV12);
	}
}

/* ---- operations ---- */

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	vaapi_display_close(ctx);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx);
}

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	struct hvcal_engine_ctx *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	c->host = host;
	ret = options_read(c, reason, reason_len);
	if (!ret)
		ret = device_open(c, index, reason, reason_len);
	if (ret) {
		free(c);
		return ret;
	}
	pthread_mutex_init(&c->lock, NULL);
	ret = vaapi_points_find(c, reason, reason_len);
	if (ret) {
		engine_destroy(c);
		return ret;
	}
	*desc = (struct hvcal_engine_desc){
		.kind = HVCAL_ENGINE_HARDWARE,
		.flags = HVCAL_ENGINE_MAP_TARGET,
		.slots = (uint32_t)c->slots,
		/* two, so that the next frame is there when one is finished */
		.session_depth = 2,
	};
	snprintf(desc->name, sizeof(desc->name), "vaapi-%.24s", c->node);
	vaapi_display_place(c, desc);
	caps_fill(c, desc);
	*ctx = c;
	return 0;
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "vaapi",
	.description = "GPU encoders by VA-API " VA_VERSION_S,
	.license = "MIT",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = vaapi_stream_open,
	.encode = vaapi_order_encode,
	.reconfigure = vaapi_stream_reconfigure,
	.flush = vaapi_order_flush,
	.close = vaapi_stream_close,
	.forget = vaapi_source_forget,
};
