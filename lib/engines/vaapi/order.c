// SPDX-License-Identifier: MIT
/*
 * The order of coding. With B pictures, frames are held until one comes that the others
 * can refer to; it is coded first.
 */
#include <errno.h>
#include <string.h>

#include "../soft.h"
#include "vaapi.h"

#define PTS_KEPT (VAAPI_BFRAMES_MAX + 2)

/* Decoding is one picture ahead of showing. */
int64_t vaapi_order_dts(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	if (!s->bframes)
		return job->params.pts;
	return s->left ? s->pts[(s->left - 1) % PTS_KEPT] : s->pts[0] - 1;
}

static void count(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	s->pts[s->came++ % PTS_KEPT] = job->params.pts;
}

static void end(struct hvcal_engine_stream *s, struct hvcal_engine_job *job, int status)
{
	const struct hvcal_engine_result result = {
		.status = status,
		.frame = { .size = sizeof(result.frame), .pts = job->params.pts },
	};

	s->left++;
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
}

/* Codes all that are held: the last one as P picture, those before it refer to both sides. */
static void held_code(struct hvcal_engine_stream *s)
{
	uint32_t first = s->since_key, n = s->nheld;
	struct hvcal_engine_job *jobs[VAAPI_BFRAMES_MAX + 1];
	int ret;

	if (!n)
		return;
	memcpy(jobs, s->held, n * sizeof(jobs[0]));
	s->nheld = 0;
	ret = vaapi_frame_code(s, jobs[n - 1], first + n - 1, false);
	if (ret) {
		end(s, jobs[n - 1], ret);
		s->want_key = true;
	}
	/* it was not coded: nothing can refer to it */
	ret = s->want_key ? -EIO : 0;
	for (uint32_t i = 0; i + 1 < n; i++) {
		int error = ret ? ret : vaapi_frame_code(s, jobs[i], first + i, true);

		if (error)
			end(s, jobs[i], error);
	}
}

static int code_now(struct hvcal_engine_stream *s, struct hvcal_engine_job *job)
{
	int ret;

	count(s, job);
	ret = vaapi_frame_code(s, job, s->since_key, false);
	if (ret)
		s->came--;
	return ret;
}

/*
 * Rates with which what was said of the buffer would not be true begin with a key frame. As
 * they may change again, and must not cost one then, nothing more is said of a buffer.
 */
static void next_take(struct hvcal_engine_stream *s)
{
	if (!s->next_waits)
		return;
	held_code(s);
	s->config = s->next;
	s->next_waits = false;
	s->rates_change = true;
	s->want_key = true;
}

int vaapi_order_encode(struct hvcal_engine_stream *s, struct hvcal_engine_job *job)
{
	int ret = vaapi_source_check(s, job->source);
	const int8_t *map;

	/* what is bad is refused at once, also where it would be held */
	if (!ret && s->bframes && (s->point->rois || s->point->segment_block))
		ret = hvcal_soft_map(job, s->config.width, s->config.height, &map);
	if (ret)
		return ret;
	next_take(s);
	if (!s->bframes)
		return code_now(s, job);
	if (vaapi_frame_is_key(s, job, s->nheld)) {
		held_code(s);
		return code_now(s, job);
	}
	count(s, job);
	s->held[s->nheld++] = job;
	if (s->nheld <= s->bframes)
		return HVCAL_ENGINE_HELD;
	held_code(s);
	return 0;
}

int vaapi_order_flush(struct hvcal_engine_stream *s)
{
	held_code(s);
	return 0;
}

void vaapi_order_cancel(struct hvcal_engine_stream *s)
{
	for (unsigned int i = 0; i < s->nheld; i++)
		end(s, s->held[i], -ECANCELED);
	s->nheld = 0;
}
