// SPDX-License-Identifier: MIT
/* One frame through the encoder. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "../soft.h"
#include "hrd.h"
#include "stream.h"

#define POLL_NS 200000	/* between looks at drivers that cannot wait with a limit */

/** What is needed until the frame is done. */
struct frame {
	struct vaapi_picture picture;
	struct vaapi_rois rois;
	struct vaapi_segments segments;
	VASurfaceID source;
	uint64_t copied;
	uint8_t *metadata;
	size_t metadata_len;
	uint64_t start;
	bool fence;			/* the source may get the driver's */
};

/* ---- what is to be done ---- */

static int constant_qp(const struct hvcal_engine_stream *s)
{
	return s->config.qp ? (int)s->config.qp : (int)s->codec->qp_default;
}

/* The QP that a frame must be coded at; -1: the driver decides. */
static int frame_qp(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	int qp, min = s->codec->lossless, max = (int)s->codec->qp_max;

	if (s->rc != VA_RC_CQP)
		return -1;
	if (s->config.tune == HVCAL_TUNE_LOSSLESS)
		return 0;
	qp = job->params.flags & HVCAL_FRAME_QP ? (job->params.qp_q8 + 128) / 256 :
	     constant_qp(s);
	return qp < min ? min : qp > max ? max : qp;
}

/*
 * A context has one rate control mode for its life: the client's rate control needs
 * another one than the driver's. It begins with a key frame.
 */
static bool client_controls(const struct hvcal_engine_stream *s,
			    const struct hvcal_engine_job *job)
{
	return job->params.flags & HVCAL_FRAME_QP &&
	       vaapi_rate_mode(s->point, &s->config, false) != VA_RC_CQP &&
	       s->point->rc & VA_RC_CQP;
}

static int stream_ready(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	bool client = client_controls(s, job);

	if (s->client_control == client && !s->lost)
		return 0;
	s->client_control = client;
	return vaapi_stream_renew(s);
}

static bool refreshes(const struct hvcal_engine_stream *s)
{
	return s->config.flags & HVCAL_CONFIG_INTRA_REFRESH;
}

bool vaapi_frame_is_key(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
			uint32_t held)
{
	return s->reference < 0 || s->want_key || s->lost ||
	       job->params.flags & HVCAL_FRAME_FORCE_KEY ||
	       client_controls(s, job) != s->client_control ||
	       (s->config.gop && !refreshes(s) && s->since_key + held >= s->config.gop);
}

/* Of a stream with B pictures, these are the only ones without followers. */
static bool has_followers(const struct hvcal_engine_stream *s,
			  const struct hvcal_engine_job *job, bool b)
{
	return s->bframes ? !b : !hvcal_soft_unreferenced(&job->params);
}

static struct vaapi_picture next_picture(const struct hvcal_engine_stream *s,
					 const struct hvcal_engine_job *job, uint32_t number,
					 bool b)
{
	bool key = !b && vaapi_frame_is_key(s, job, 0);
	struct vaapi_picture p = {
		.key = key,
		.reference = key || has_followers(s, job, b),
		.b = b,
		.qp = frame_qp(s, job),
		.key_count = s->key_count,
		.coded = s->coded_since_key,
	};

	p.slot = p.reference ? (uint32_t)(s->reference + 1) % 2 : VAAPI_NO_SLOT;
	p.layer = s->config.flags & HVCAL_CONFIG_LAYERS && !p.reference &&
		  job->params.temporal_layer;
	p.recon = s->recon[p.slot];
	if (key)
		return p;
	p.number = number;
	p.frame_num = s->frame_num;
	p.past = s->references[b ? !s->reference : s->reference];
	if (b)
		p.future = s->references[s->reference];
	return p;
}

/* The picture is coded: the next one follows it. */
static void sequence_advance(struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	if (p->key)
		s->key_count++;
	s->want_key = false;
	s->send_rates = false;
	s->coded_since_key = p->key ? 1 : s->coded_since_key + 1;
	if (!p->b)
		s->since_key = p->number + 1;
	if (!p->reference)
		return;
	s->reference = (s->reference + 1) % 2;
	s->references[s->reference] = (struct vaapi_reference){
		.surface = p->recon, .number = p->number, .frame_num = p->frame_num,
		.slot = p->slot,
	};
	s->frame_num = p->frame_num + 1;
}

static int prepare(struct hvcal_engine_stream *s, struct hvcal_engine_job *job, uint32_t number,
		   bool b, struct frame *f)
{
	/* what a B picture refers to went with the context */
	int ret = b && s->lost ? -EIO : stream_ready(s, job);

	if (!ret)
		ret = vaapi_rois_make(s, job, &f->rois);
	if (ret)
		return ret;
	f->picture = next_picture(s, job, number, b);
	ret = vaapi_segments_make(s, job, f->picture.qp, &f->segments);
	if (ret)
		return ret;
	f->picture.segments = &f->segments;
	if (f->picture.key)
		vaapi_hrd_begin(s);
	if (s->codec->metadata)
		ret = s->codec->metadata(s, &f->picture, job, &f->metadata, &f->metadata_len);
	if (!ret)
		ret = vaapi_source_surface(s, job->source, &f->source, &f->copied);
	return ret;
}

/* ---- to the driver ---- */

static bool metadata_by_driver(const struct hvcal_engine_stream *s)
{
	return s->codec->metadata_raw && s->point->packed & VA_ENC_PACKED_HEADER_RAW_DATA;
}

static int submit(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		  const struct frame *f)
{
	bool metadata = metadata_by_driver(s);
	VADisplay display = s->ctx->display;
	VAStatus status;

	s->error = 0;
	if (f->picture.key)
		s->codec->sequence(s);
	if (f->picture.key || s->send_rates)
		vaapi_rate_add(s);
	if (job->params.max_bytes && s->point->max_frame_size && s->rc != VA_RC_CQP)
		vaapi_max_size_add(s, job->params.max_bytes);
	if (refreshes(s) && !f->picture.key)
		vaapi_refresh_add(s, f->picture.number);
	vaapi_rois_add(s, &f->rois);
	s->codec->picture(s, &f->picture, metadata ? f->metadata : NULL,
			  metadata ? f->metadata_len : 0);
	if (s->error)
		return s->error;
	status = vaBeginPicture(display, s->context, f->source);
	if (status)
		return vaapi_failed(s->ctx, "beginning a picture", status);
	status = vaRenderPicture(display, s->context, s->buffers, (int)s->nbuffers);
	/* a picture that was begun is ended, whatever came in between */
	s->lost = status;
	if (!status)
		status = vaEndPicture(display, s->context);
	else
		vaEndPicture(display, s->context);
	s->lost = status;
	return status ? vaapi_failed(s->ctx, "coding a picture", status) : 0;
}

/* For drivers that have no call with a limit. */
static VAStatus poll_surface(struct hvcal_engine_stream *s, VASurfaceID surface, uint64_t until)
{
	static const struct timespec pause = { .tv_nsec = POLL_NS };
	VASurfaceStatus state;
	VAStatus status;

	for (;;) {
		status = vaQuerySurfaceStatus(s->ctx->display, surface, &state);
		if (status || !(state & VASurfaceRendering))
			return status;
		if (hvcal_soft_now_ns() >= until)
			return VA_STATUS_ERROR_TIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static int wait_for(struct hvcal_engine_stream *s, struct hvcal_engine_job *job,
		    const struct frame *f)
{
	uint64_t ns = s->ctx->timeout_ms * 1000000ULL;
	VAStatus status = vaSyncBuffer(s->ctx->display, s->coded, ns);

	if (status == VA_STATUS_ERROR_UNIMPLEMENTED)
		status = vaSyncSurface2(s->ctx->display, f->source, ns);
	if (status == VA_STATUS_ERROR_UNIMPLEMENTED)
		status = poll_surface(s, f->source, hvcal_soft_now_ns() + ns);
	if (!status)
		return 0;
	if (status == VA_STATUS_ERROR_TIMEDOUT) {
		vaapi_source_hangs(job->source);
		vaapi_stream_hangs(s);
	}
	s->lost = true;
	return vaapi_failed(s->ctx, "waiting for a picture", status);
}

/* ---- to the target ---- */

static uint64_t packet_size(const VACodedBufferSegment *segment)
{
	uint64_t size = 0;

	for (; segment; segment = segment->next)
		size += segment->size;
	return size;
}

/* What a packet lacks at its beginning. */
static size_t delimiter_missing(const struct hvcal_engine_stream *s,
				const VACodedBufferSegment *segment)
{
	size_t len = s->codec->delimiter_len;

	return segment->size >= len && len && !memcmp(segment->buf, s->codec->delimiter, len) ? 0 :
	       len;
}

/* Segments one after another, with metadata between headers and picture. */
static void packet_copy(const struct hvcal_engine_stream *s, uint8_t *to,
			const VACodedBufferSegment *segment, const struct frame *f, bool add)
{
	size_t head = add ? s->codec->metadata_place(segment->buf, segment->size) : 0;
	size_t missing = delimiter_missing(s, segment);

	if (missing)
		memcpy(to, s->codec->delimiter, missing);
	to += missing;
	memcpy(to, segment->buf, head);
	to += head;
	if (add) {
		memcpy(to, f->metadata, f->metadata_len);
		to += f->metadata_len;
	}
	for (; segment; segment = segment->next, head = 0) {
		memcpy(to, (const uint8_t *)segment->buf + head, segment->size - head);
		to += segment->size - head;
	}
}

static int packet_take(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		       const struct frame *f, struct hvcal_engine_result *result)
{
	bool add = f->metadata && !metadata_by_driver(s);
	const VACodedBufferSegment *segment;
	void *map = NULL;
	VAStatus status = vaMapBuffer(s->ctx->display, s->coded, &map);
	int ret = 0;

	if (status || !map) {
		s->lost = true;
		return vaapi_failed(s->ctx, "reading a packet", status);
	}
	segment = map;
	result->bytes = packet_size(segment) + delimiter_missing(s, segment) +
			(add ? f->metadata_len : 0);
	if (segment->status & VA_CODED_BUF_STATUS_BAD_BITSTREAM || !packet_size(segment))
		ret = vaapi_failed(s->ctx, "a packet", VA_STATUS_ERROR_ENCODING_ERROR);
	else if (!hvcal_soft_room(job, result->bytes))
		ret = -ENOBUFS;
	else
		packet_copy(s, (uint8_t *)job->target->map[0] + job->target_offset, segment, f, add);
	if (f->picture.qp < 0)
		result->frame.qp_q8 =
			(int)(segment->status & VA_CODED_BUF_STATUS_PICTURE_AVE_QP_MASK) * 256;
	vaUnmapBuffer(s->ctx->display, s->coded);
	return ret;
}

static void finish(struct hvcal_engine_stream *s, struct hvcal_engine_job *job,
		   const struct frame *f)
{
	const struct vaapi_picture *p = &f->picture;
	struct hvcal_engine_result result = {
		.flags = p->key ? HVCAL_RESULT_KEY : 0,
		.frame = {
			.size = sizeof(result.frame),
			.frame_type = p->key ? HVCAL_FRAME_TYPE_KEY : p->b ? HVCAL_FRAME_TYPE_B :
				      HVCAL_FRAME_TYPE_P,
			.temporal_layer = p->layer,
			.pts = job->params.pts,
			.dts = vaapi_order_dts(s, job),
			.qp_q8 = p->qp < 0 ? 0 : p->qp * 256,
			.applied_bitrate = s->config.bitrate,
			.copied_bytes = f->copied,
		},
	};
	int fence;

	fence = f->fence ? vaapi_fence_take(s, job->source, f->source) : -1;
	if (s->ctx->host->started)
		s->ctx->host->started(s->ctx->host->cookie, job, fence);
	if (fence >= 0)
		close(fence);
	result.status = wait_for(s, job, f);
	if (!result.status)
		result.status = packet_take(s, job, f, &result);
	result.engine_ns = hvcal_soft_now_ns() - f->start;
	sequence_advance(s, p);
	if (result.status) {
		/* what follows must not refer to what nobody gets */
		s->want_key = true;
		result.bytes = 0;
		result.flags = 0;
		result.frame.frame_type = HVCAL_FRAME_TYPE_UNKNOWN;
	}
	s->left++;
	s->ctx->host->done(s->ctx->host->cookie, job, &result);
}

int vaapi_frame_code(struct hvcal_engine_stream *s, struct hvcal_engine_job *job,
		     uint32_t number, bool b)
{
	struct frame f = { 0 };
	int ret = prepare(s, job, number, b, &f);

	if (!ret) {
		f.start = hvcal_soft_now_ns();
		/* a copy is nobody else's to wait for */
		f.fence = !f.copied && vaapi_fence_possible(s->ctx, job->source);
		ret = submit(s, job, &f);
		vaapi_buffers_free(s);
		if (!ret)
			finish(s, job, &f);
		else
			s->want_key = true;
	}
	free(f.rois.list);
	free(f.segments.map);
	free(f.metadata);
	return ret;
}
