// SPDX-License-Identifier: MIT
/* Frames on their way in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aq.h"
#include "rate.h"
#include "session.h"

#define SUBMIT_ALL 0x3fU

/* ------------------------------------------------------------------------ */
/* Slots                                                                    */

void hvcal_slot_free(hvcal_session_t *s, struct hvcal_slot *slot)
{
	hvcal_buffer_t *source, *map, *target;

	pthread_mutex_lock(&s->lock);
	if (slot->state == HVCAL_SLOT_FREE) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	hvcal_rate_report(s, slot, 0, 0);
	slot->rate_bitrate = 0;
	slot->rate_saturated = HVCAL_SATURATED_NOT;
	source = slot->source;
	map = slot->map;
	target = slot->target;
	free(slot->meta);
	slot->source = slot->map = slot->target = NULL;
	slot->meta = NULL;
	slot->meta_len = 0;
	slot->copied = 0;
	if (slot->state == HVCAL_SLOT_INSIDE)
		s->inside--;
	slot->state = HVCAL_SLOT_FREE;
	slot->generation++;
	s->free_slots[s->nfree++] = (uint32_t)(slot - s->slots);
	pthread_mutex_unlock(&s->lock);
	hvcal_buffer_release(&source);
	hvcal_buffer_release(&map);
	hvcal_buffer_release(&target);
}

/* How many frames may be inside. submit_lock is held. */
static uint32_t inside_limit(const hvcal_session_t *s)
{
	if (s->mode == HVCAL_THROUGHPUT_BATCH || s->config.bframes ||
	    s->config.tune == HVCAL_TUNE_QUALITY)
		return s->nslots;
	if (s->mode == HVCAL_THROUGHPUT_LATENCY || s->nslots < 4)
		return 2;
	return s->nslots / 2;
}

static int slot_take(hvcal_session_t *s, struct hvcal_slot **out)
{
	struct hvcal_slot *slot;
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	if (s->lost) {
		ret = -ENODEV;
	} else if (!s->nfree || s->inside >= inside_limit(s)) {
		ret = -EAGAIN;
	} else {
		slot = &s->slots[s->free_slots[--s->nfree]];
		slot->state = HVCAL_SLOT_INSIDE;
		s->inside++;
		*out = slot;
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* Buffers                                                                  */

/* Memory of the caller that no other process can reach: the one copy. */
static int copy_in(hvcal_session_t *s, const hvcal_buffer_t *from, hvcal_buffer_t **out,
		   uint64_t *copied)
{
	hvcal_buffer_t src = *from;
	hvcal_pool_params_t p;
	int ret;

	if (!src.format) {
		ret = hvcal_buffer_layout(&src, s->config.format, s->config.width,
					  s->config.height, 1, 1);
		if (ret)
			return ret;
		if (from->size < src.size)
			return -EINVAL;
		src.size = from->size;
	}
	if (src.format != s->config.format || src.width != s->config.width ||
	    src.height != s->config.height)
		return -EINVAL;
	if (!s->staging) {
		hvcal_pool_params_default(&p, sizeof(p));
		p.format = s->config.format;
		p.width = s->config.width;
		p.height = s->config.height;
		p.min_buffers = 1;
		p.max_buffers = s->nslots;
		ret = hvcal_pool_create(s->ctx, &p, &s->staging);
		if (ret)
			return ret;
	}
	ret = hvcal_pool_acquire(s->staging, out);
	if (ret)
		return ret;
	ret = hvcal_buffer_begin_cpu(*out, HVCAL_CPU_WRITE);
	if (!ret) {
		ret = hvcal_layout_copy(*out, &src, copied);
		hvcal_buffer_end_cpu(*out, HVCAL_CPU_WRITE);
	}
	if (ret)
		hvcal_buffer_release(out);
	return ret;
}

/* A reference to a buffer that the back end can import. */
static int resolve_source(hvcal_session_t *s, const hvcal_buffer_t *buffer,
			  hvcal_buffer_t **out, uint64_t *copied)
{
	struct hvcal_buf *buf = hvcal_buf_from(buffer);
	hvcal_buffer_t b;
	int ret;

	*copied = 0;
	if (buf) {
		if (buf->ctx != s->ctx)
			return -EINVAL;
		*out = hvcal_buffer_ref(&buf->pub);
		return 0;
	}
	ret = hvcal_struct_get(&b, sizeof(b), buffer, HVCAL_BUFFER_V1);
	if (ret)
		return ret;
	if (b.fd[0] >= 0 || b.memory == HVCAL_MEMORY_CUDA)
		return hvcal_buffer_wrap(s->ctx, &b, out);
	return b.cpu_ptr ? copy_in(s, &b, out, copied) : -EINVAL;
}

/* ------------------------------------------------------------------------ */
/* What is said about a frame                                               */

/* Is this feature of a frame to be used? Logs once what the engine lacks. */
static bool feature_usable(hvcal_session_t *s, uint32_t feature, const char *what)
{
	uint32_t bit = 1U << feature;

	if (hvcal_session_has(s, feature))
		return true;
	if (s->disabled & bit)
		return false;
	if (!(s->told & bit))
		hvcal_log(&s->ctx->log, HVCAL_LOG_WARN,
			  "session %u: the engine does not take %s; it is left out",
			  s->handle, what);
	s->told |= bit;
	return false;
}

/* T.35 messages one after another, each with its header, padded to 8 bytes. */
static int pack_t35(struct hvcal_slot *slot, const hvcal_frame_t *f)
{
	struct hvcal_frame_meta head;
	uint64_t len = 0, one;
	uint32_t i;
	char *p;

	for (i = 0; i < f->t35_count; i++) {
		if (!f->t35[i].data || !f->t35[i].size || f->t35[i].size > HVCAL_META_MAX)
			return -EINVAL;
		hvcal_align_u64(f->t35[i].size, 8, &one);
		len += sizeof(head) + one;
		if (len > HVCAL_META_MAX)
			return -E2BIG;
	}
	if (!len)
		return 0;
	p = calloc(1, len);
	if (!p)
		return -ENOMEM;
	slot->meta = p;
	slot->meta_len = (uint32_t)len;
	for (i = 0; i < f->t35_count; i++) {
		head.type = HVCAL_META_T35;
		head.len = (uint32_t)f->t35[i].size;
		memcpy(p, &head, sizeof(head));
		memcpy(p + sizeof(head), f->t35[i].data, head.len);
		hvcal_align_u64(head.len, 8, &one);
		p += sizeof(head) + one;
	}
	return 0;
}

static int fill_map(hvcal_session_t *s, struct hvcal_slot *slot, const hvcal_frame_t *f)
{
	struct hvcal_buf *map = hvcal_buf_from(f->map);
	int ret;

	if (!map || map->ctx != s->ctx || !f->map_block || !f->map_stride ||
	    f->map_offset > map->pub.size || f->map_size > map->pub.size - f->map_offset)
		return -EINVAL;
	ret = hvcal_buf_import(map, HVCAL_BUFFER_SOURCE, &slot->job.side);
	if (ret)
		return ret;
	slot->map = hvcal_buffer_ref(&map->pub);
	slot->job.side_offset = f->map_offset;
	slot->job.side_size = f->map_size;
	slot->params.map_block = f->map_block;
	slot->params.map_stride = f->map_stride;
	return 0;
}

static int check_frame(const hvcal_frame_t *f)
{
	if (f->flags & ~SUBMIT_ALL || f->reserved || (f->t35_count && !f->t35) ||
	    !f->width != !f->height)
		return -EINVAL;
	if (f->flags & HVCAL_SUBMIT_IN_FENCE && f->in_fence < 0)
		return -EBADF;
	return 0;
}

/* Options of the frame that not every engine has. */
static int fill_features(hvcal_session_t *s, struct hvcal_slot *slot,
			 const hvcal_frame_t *f)
{
	struct hvcal_frame_params *p = &slot->params;
	int ret = 0;

	if (f->flags & HVCAL_SUBMIT_QP &&
	    feature_usable(s, HVCAL_FEATURE_FRAME_QP, "a QP per frame")) {
		p->flags |= HVCAL_FRAME_QP;
		p->qp_q8 = f->qp_q8;
	}
	if (f->width && (f->width != s->config.width || f->height != s->config.height)) {
		if (!feature_usable(s, HVCAL_FEATURE_SCALE, "another coded size"))
			return -EOPNOTSUPP;
		p->width = f->width;
		p->height = f->height;
		slot->job.pixels = f->width * f->height;
	}
	if (f->t35_count &&
	    feature_usable(s, HVCAL_FEATURE_HDR10_PLUS, "dynamic HDR metadata"))
		ret = pack_t35(slot, f);
	if (!ret && f->map && feature_usable(s, HVCAL_FEATURE_ROI, "QP maps"))
		ret = fill_map(s, slot, f);
	return ret;
}

/* Busy blocks coarser, flat ones finer; without a map the frame is coded all the same. */
static bool fill_aq(hvcal_session_t *s, struct hvcal_slot *slot, int fence,
		    struct hvcal_map *map)
{
	if (!s->config.adaptive_quant || !feature_usable(s, HVCAL_FEATURE_ROI, "QP maps") ||
	    !hvcal_map_begin(s, slot, map) || !hvcal_aq_fill(s, slot, fence, map))
		return false;
	atomic_fetch_add(&s->aq_frames, 1);
	return true;
}

/* The frame's QP, and a map of our own where the frame brings none. */
static void fill_quant(hvcal_session_t *s, struct hvcal_slot *slot, int fence)
{
	struct hvcal_map map = { 0 };
	bool used;

	hvcal_rate_decide(s, slot, fence, &map);
	used = fill_aq(s, slot, fence, &map);
	if (!hvcal_band_empty(&map.band)) {
		hvcal_band_add(&map.band, map.offsets, map.cols);
		atomic_fetch_add(&s->band_frames, 1);
		used = true;
	}
	hvcal_map_end(slot, &map, used);
}

/* Will it be a key frame, by what is asked or by the length of the GOP? */
static bool is_key(hvcal_session_t *s, const struct hvcal_frame_params *p)
{
	uint32_t gop = s->config.gop_size;
	bool key = p->flags & HVCAL_FRAME_FORCE_KEY;

	if (gop && !(s->config.features & 1U << HVCAL_FEATURE_INTRA_REFRESH))
		key = key || s->since_key >= gop;
	s->since_key = key ? 1 : s->since_key + 1;
	return key;
}

static int fill_slot(hvcal_session_t *s, struct hvcal_slot *slot, const hvcal_frame_t *f)
{
	struct hvcal_frame_params *p = &slot->params;
	struct hvcal_job_desc *job = &slot->job;
	int fence = f->flags & HVCAL_SUBMIT_IN_FENCE ? f->in_fence : -1;
	int ret;

	memset(p, 0, sizeof(*p));
	memset(job, 0, sizeof(*job));
	p->size = sizeof(*p);
	if (f->flags & HVCAL_SUBMIT_KEY || s->want_key)
		p->flags |= HVCAL_FRAME_FORCE_KEY;
	if (s->want_recovery) {
		p->flags |= HVCAL_FRAME_LOST;
		p->lost_pts = s->lost_pts;
		if (!(atomic_load(&s->engine_flags) & HVCAL_CAP_RECOVER))
			p->flags |= HVCAL_FRAME_FORCE_KEY;
	}
	if (f->flags & HVCAL_SUBMIT_NO_REF)
		p->flags |= HVCAL_FRAME_NO_REF;
	p->pts = f->pts == HVCAL_NO_PTS ? s->next_pts : f->pts;
	p->max_bytes = f->max_bytes;
	p->target_bytes = f->target_bytes;
	p->temporal_layer = f->temporal_layer;
	if (f->stream && slot->source->memory != HVCAL_MEMORY_CUDA)
		return -EINVAL;
	p->stream = f->stream;
	ret = fill_features(s, slot, f);
	if (ret)
		return ret;
	fill_quant(s, slot, fence);
	slot->pts = p->pts;
	slot->user_data = f->user_data;

	job->in_fence = -1;
	if (f->flags & HVCAL_SUBMIT_IN_FENCE) {
		job->flags |= HVCAL_JOB_IN_FENCE;
		job->in_fence = f->in_fence;
	}
	if (f->flags & HVCAL_SUBMIT_IMPLICIT_FENCE)
		job->flags |= HVCAL_JOB_IMPLICIT_FENCE;
	if (f->flags & HVCAL_SUBMIT_WANT_FENCE)
		job->flags |= HVCAL_JOB_WANT_FENCE;
	if (is_key(s, p) && s->ctx->caps.features & HVCAL_FEATURE_REBALANCE)
		job->flags |= HVCAL_JOB_KEY;
	ret = hvcal_buf_import(hvcal_buf_from(slot->source), HVCAL_BUFFER_SOURCE,
			       &job->source);
	if (!ret)
		ret = hvcal_buf_import(hvcal_buf_from(slot->target), HVCAL_BUFFER_TARGET,
				       &job->target);
	if (ret)
		return ret;
	job->target_size = hvcal_config_packet_bytes(&s->config);
	if (job->target_size > slot->target->size)
		job->target_size = (uint32_t)slot->target->size;
	job->user_data = (uint64_t)slot->generation << 32 | (uint32_t)(slot - s->slots);
	job->deadline_ns = f->deadline_ns;
	job->release_ns = f->release_ns;
	job->params.ptr = (uintptr_t)p;
	job->params.len = sizeof(*p);
	job->meta.ptr = (uintptr_t)slot->meta;
	job->meta.len = slot->meta_len;
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Handing over                                                             */

static int submit_jobs(hvcal_session_t *s, struct hvcal_job_desc *jobs, uint32_t count,
		       uint32_t *taken)
{
	struct hvcal_job_submit arg = {
		.session = s->handle,
		.jobs = { sizeof(*jobs), count, (uintptr_t)jobs },
	};
	int ret = s->ctx->be->ops->submit(s->ctx->be, &arg);

	atomic_fetch_add_explicit(&s->submit_calls, 1, memory_order_relaxed);
	*taken = ret ? 0 : arg.jobs.count;
	return ret == -ENOTCONN ? -ENODEV : ret;
}

/* A frame that was taken by us, but by nobody else: it ends as a failed one. */
static void fail_job(hvcal_session_t *s, const struct hvcal_job_desc *job, int status)
{
	struct hvcal_event e = {
		.size = sizeof(e),
		.type = HVCAL_EVENT_JOB,
		.session = s->handle,
		.user_data = job->user_data,
		.status = status,
		.engine = atomic_load(&s->engine),
	};

	hvcal_session_event(s, &e);
}

void hvcal_session_hand_over(hvcal_session_t *s)
{
	struct hvcal_job_desc jobs[HVCAL_GATHER];
	uint32_t i, taken, done = 0, n = s->gather_count;
	int ret;

	for (i = 0; i < n; i++)
		jobs[i] = s->slots[s->gathered[i]].job;
	s->gather_count = 0;
	while (done < n) {
		ret = submit_jobs(s, jobs + done, n - done, &taken);
		if (ret) /* these were accepted long ago: no error of this call */
			fail_job(s, &jobs[done++], ret);
		else
			done += taken;
	}
}

static int hand_over_one(hvcal_session_t *s, struct hvcal_slot *slot)
{
	uint32_t taken;

	/* a fence is the caller's to close as soon as its call returns */
	if (s->gather_all || (s->mode == HVCAL_THROUGHPUT_BATCH &&
			      !(slot->job.flags & HVCAL_JOB_IN_FENCE))) {
		s->gathered[s->gather_count++] = (uint32_t)(slot - s->slots);
		if (s->gather_count == HVCAL_GATHER)
			hvcal_session_hand_over(s);
		return 0;
	}
	hvcal_session_hand_over(s);
	return submit_jobs(s, &slot->job, 1, &taken);
}

/* submit_lock is held. */
static int submit_locked(hvcal_session_t *s, const hvcal_buffer_t *buffer,
			 const hvcal_frame_t *f)
{
	struct hvcal_slot *slot;
	int ret;

	ret = slot_take(s, &slot);
	if (ret)
		return ret;
	ret = resolve_source(s, buffer, &slot->source, &slot->copied);
	if (!ret)
		ret = hvcal_pool_acquire(s->targets, &slot->target);
	if (!ret)
		ret = fill_slot(s, slot, f);
	if (!ret) {
		uint64_t copied = slot->copied;
		int64_t pts = slot->pts;

		/* the slot may be done, and reused, before this returns */
		ret = hand_over_one(s, slot);
		if (!ret) {
			s->next_pts = pts + 1;
			s->want_key = false;
			s->want_recovery = false;
			atomic_fetch_add_explicit(&s->copied_bytes, copied,
						  memory_order_relaxed);
			return 0;
		}
	}
	hvcal_slot_free(s, slot);
	return ret;
}

static int submit_one(hvcal_session_t *s, const hvcal_buffer_t *buffer,
		      const hvcal_frame_t *frame)
{
	hvcal_frame_t f;
	int ret = 0;

	hvcal_frame_default(&f, sizeof(f));
	if (frame)
		ret = hvcal_struct_get(&f, sizeof(f), frame, HVCAL_FRAME_V1);
	if (!ret)
		ret = check_frame(&f);
	return ret ? ret : submit_locked(s, buffer, &f);
}

int hvcal_submit_frame(hvcal_session_t *s, const hvcal_buffer_t *buffer,
		       const hvcal_frame_t *frame)
{
	int ret;

	if (!s || !buffer)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	ret = submit_one(s, buffer, frame);
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}

int hvcal_submit_frames(hvcal_session_t *s, const hvcal_buffer_t *const *buffers,
			const hvcal_frame_t *frames, size_t frame_stride, uint32_t count,
			uint32_t *taken)
{
	const char *f = (const char *)frames;
	uint32_t i;
	int ret = 0;

	if (!s || !buffers || !taken || (frames && frame_stride < sizeof(uint32_t)))
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	s->gather_all = true;
	for (i = 0; i < count && !ret; i++) {
		if (!buffers[i]) {
			ret = -EINVAL;
			break;
		}
		ret = submit_one(s, buffers[i], frames ? (const void *)(f + i * frame_stride) :
						NULL);
		if (ret)
			break;
	}
	s->gather_all = false;
	hvcal_session_hand_over(s);
	*taken = i;
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}
