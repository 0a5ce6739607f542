// SPDX-License-Identifier: MIT
/* QP maps as segments, which VP9 and AV1 have in place of QPs of blocks. */
#include <errno.h>
#include <stdlib.h>

#include "../segments.h"
#include "../soft.h"
#include "vaapi.h"

#define OFFSETS 256		/* that a map can have */
#define STEP 8			/* pixels: no map is looked at more closely */

/* The average within a block of the segment map. */
static int offset_at(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		     const int8_t *map, uint32_t x, uint32_t y, uint32_t block)
{
	uint32_t size = job->params.map_block, stride = job->params.map_stride;
	int sum = 0, n = 0;

	for (uint32_t j = y; j < y + block && j < s->config.height; j += STEP)
		for (uint32_t i = x; i < x + block && i < s->config.width; i += STEP, n++)
			sum += map[(size_t)(j / size) * stride + i / size];
	return n ? sum / n : 0;
}

/* A segment that is lossless would be another kind of picture. */
static int16_t delta_within(int delta, int qp, int max)
{
	return (int16_t)(qp + delta < 1 ? 1 - qp : qp + delta > max ? max - qp : delta);
}

int vaapi_segments_make(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
			int qp, struct vaapi_segments *out)
{
	unsigned int counts[OFFSETS] = { 0 };
	uint8_t segment[OFFSETS] = { 0 };
	int delta[HVCAL_SEGMENTS], ret;
	const int8_t *map;

	*out = (struct vaapi_segments){ 0 };
	/* where the rate is the driver's, segments are, too */
	if (!s->point->segment_block || s->rc != VA_RC_CQP)
		return 0;
	ret = hvcal_soft_map(job, s->config.width, s->config.height, &map);
	if (ret || !map || qp < 1)
		return ret;
	out->cols = (s->config.width - 1) / s->point->segment_block + 1;
	out->rows = (s->config.height - 1) / s->point->segment_block + 1;
	out->map = malloc((size_t)out->cols * out->rows);
	if (!out->map)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->cols * out->rows; i++) {
		int offset = offset_at(s, job, map, i % out->cols * s->point->segment_block,
				       i / out->cols * s->point->segment_block,
				       s->point->segment_block);

		out->map[i] = (uint8_t)(offset + OFFSETS / 2);
		counts[out->map[i]]++;
	}
	out->count = hvcal_segments_make(counts, OFFSETS, segment, delta);
	for (uint32_t i = 0; i < out->cols * out->rows; i++)
		out->map[i] = segment[out->map[i]];
	for (uint32_t i = 0; i < out->count; i++)
		out->delta[i] = delta_within(delta[i], qp, (int)s->codec->qp_max);
	return 0;
}
