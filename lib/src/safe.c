// SPDX-License-Identifier: MIT
/*
 * The safe set of an engine: one rule for all of them, because what makes engines
 * refuse is the same everywhere. Only wishes are dropped. Who asked for a profile
 * or a bit rate has a decoder or a line that needs it.
 */
#include <errno.h>

#include "safe.h"

#define PRESET_MEDIUM 5

bool hvcal_safe_worth(int status)
{
	return status == -EINVAL || status == -EOPNOTSUPP;
}

uint32_t hvcal_safe_make(struct hvcal_codec_config *c)
{
	uint32_t dropped = 0;

	if (c->bframes)
		dropped |= HVCAL_DROPPED_BFRAMES;
	c->bframes = 0;
	if (c->tune == HVCAL_TUNE_QUALITY) {
		dropped |= HVCAL_DROPPED_TUNE;
		c->tune = HVCAL_TUNE_LOW_LATENCY;
	}
	/* never to a slower one: the reservation was made for this one */
	if (c->preset > PRESET_MEDIUM) {
		dropped |= HVCAL_DROPPED_PRESET;
		c->preset = PRESET_MEDIUM;
	}
	if (c->slices)
		dropped |= HVCAL_DROPPED_SLICES;
	c->slices = 0;
	if (c->flags & HVCAL_CONFIG_INTRA_REFRESH)
		dropped |= HVCAL_DROPPED_INTRA_REFRESH;
	c->flags &= ~HVCAL_CONFIG_INTRA_REFRESH;
	if (c->qp_min || c->qp_max)
		dropped |= HVCAL_DROPPED_QP_RANGE;
	c->qp_min = c->qp_max = 0;
	return dropped;
}

int hvcal_safe_open(const struct hvcal_engine_plugin *ops, hvcal_engine_ctx_t *ctx,
		    const struct hvcal_codec_config *config, hvcal_engine_stream_t **stream,
		    uint32_t *dropped)
{
	struct hvcal_codec_config safe = *config;
	int ret = ops->open(ctx, config, stream);

	*dropped = 0;
	if (!hvcal_safe_worth(ret))
		return ret;
	*dropped = hvcal_safe_make(&safe);
	if (*dropped && !ops->open(ctx, &safe, stream))
		return 0;
	*dropped = 0;
	return ret;
}

uint32_t hvcal_safe_again(int status, bool proven, uint32_t dropped,
			  struct hvcal_codec_config *config)
{
	if (!hvcal_safe_worth(status) || proven || dropped)
		return 0;
	return hvcal_safe_make(config);
}

int hvcal_safe_reconfigure(const struct hvcal_engine_plugin *ops, hvcal_engine_stream_t *stream,
			   const struct hvcal_codec_config *config, uint32_t *dropped)
{
	struct hvcal_codec_config safe = *config;
	uint32_t wishes = hvcal_safe_make(&safe);
	int ret = -EINVAL;

	if (!*dropped || !wishes) {
		ret = ops->reconfigure(stream, config);
		if (!ret)
			*dropped = 0;
	}
	if (ret == -EINVAL && wishes) {
		ret = ops->reconfigure(stream, &safe);
		if (!ret)
			*dropped = wishes;
	}
	return ret;
}
