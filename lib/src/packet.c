// SPDX-License-Identifier: MIT
/* Packets and notices on their way out. */
#include <errno.h>
#include <string.h>

#include "session.h"

/* The slot that the event is about; it was checked when the event came in. */
static struct hvcal_slot *slot_at(hvcal_session_t *s, const struct hvcal_event *e)
{
	return &s->slots[(uint32_t)e->user_data];
}

void hvcal_event_result(const struct hvcal_event *e, struct hvcal_frame_result *r)
{
	uint32_t len = e->result_len, said;

	memset(r, 0, sizeof(*r));
	if (len > sizeof(e->result))
		len = sizeof(e->result);
	if (len < sizeof(said))
		return;
	memcpy(&said, e->result, sizeof(said));
	if (said < len)
		len = said;
	memcpy(r, e->result, len < sizeof(*r) ? len : sizeof(*r));
}

static void fill_times(hvcal_packet_t *p, const struct hvcal_event *e)
{
	p->job = e->job;
	p->engine = e->engine;
	p->timeline = e->timeline;
	p->submit_ns = e->submit_ns;
	p->ready_ns = e->ready_ns;
	p->start_ns = e->start_ns;
	p->done_ns = e->done_ns;
	p->deadline_ns = e->deadline_ns;
	if (e->flags & HVCAL_EVENT_KEY)
		p->flags |= HVCAL_PACKET_KEY;
	if (e->flags & HVCAL_EVENT_SKIPPED)
		p->flags |= HVCAL_PACKET_SKIPPED;
	if (e->flags & HVCAL_EVENT_LATE)
		p->flags |= HVCAL_PACKET_LATE;
	if (e->flags & HVCAL_EVENT_FENCE)
		p->flags |= HVCAL_PACKET_FENCE;
}

static void failed(hvcal_session_t *s, struct hvcal_slot *slot, hvcal_packet_t *p,
		   int status)
{
	struct hvcal_buf *target = hvcal_buf_from(slot->target);

	p->notice = HVCAL_NOTICE_FRAME_FAILED;
	p->status = status;
	/*
	 * The engine may still be writing: such memory is not used again. Nor is
	 * it after other failures that come from an engine that vanished.
	 */
	if (target && (status == -ETIMEDOUT || status == -ECANCELED || status == -ENODEV))
		atomic_store(&target->retired, true);
	hvcal_slot_free(s, slot);
}

static int finish_job(hvcal_session_t *s, const struct hvcal_item_event *item,
		      hvcal_packet_t *p)
{
	const struct hvcal_event *e = &item->e;
	struct hvcal_slot *slot = slot_at(s, e);
	struct hvcal_frame_result r;
	int ret;

	fill_times(p, e);
	p->user_data = item->user_data;
	p->pts = p->dts = item->pts;
	if (e->status) {
		failed(s, slot, p, e->status);
		return HVCAL_GOT_NOTICE;
	}
	if (e->bytes > slot->job.target_size) {
		failed(s, slot, p, -EPROTO);
		return HVCAL_GOT_NOTICE;
	}
	hvcal_event_result(e, &r);
	if (r.size) {
		p->pts = r.pts;
		p->dts = r.dts;
	}
	p->frame_type = r.frame_type;
	p->qp_q8 = r.qp_q8;
	p->temporal_layer = r.temporal_layer;
	p->applied_bitrate = slot->rate_bitrate ? slot->rate_bitrate : r.applied_bitrate;
	p->saturated = slot->rate_saturated;
	p->dropped = r.dropped;
	p->satd = r.satd;
	p->copied_bytes = slot->copied + r.copied_bytes;
	atomic_fetch_add_explicit(&s->engine_copied, r.copied_bytes, memory_order_relaxed);
	ret = hvcal_buffer_begin_cpu(slot->target, HVCAL_CPU_READ);
	if (ret) {
		failed(s, slot, p, ret);
		return HVCAL_GOT_NOTICE;
	}
	p->data = e->bytes ? slot->target->cpu_ptr : NULL;
	p->size = e->bytes;
	p->fd = slot->target->memory == HVCAL_MEMORY_MEMFD ? -1 : slot->target->fd[0];
	p->fd_offset = 0;
	p->handle = slot;
	/* the session stays until the packet is released */
	hvcal_session_ref(s);
	return HVCAL_GOT_PACKET;
}

/* 0 packet, 1 notice, -ENODATA; -EAGAIN: nothing for the user. */
static int translate(hvcal_session_t *s, const struct hvcal_item_event *item,
		     hvcal_packet_t *p)
{
	const struct hvcal_event *e = &item->e;

	switch (e->type) {
	case HVCAL_EVENT_JOB:
		return finish_job(s, item, p);
	case HVCAL_EVENT_ACCEPTED:
		fill_times(p, e);
		p->notice = HVCAL_NOTICE_ACCEPTED;
		p->user_data = item->user_data;
		p->pts = item->pts;
		return HVCAL_GOT_NOTICE;
	case HVCAL_EVENT_RESYNC:
		hvcal_session_set_engine(s, e->engine);
		p->notice = HVCAL_NOTICE_RESYNC;
		p->engine = e->engine;
		return HVCAL_GOT_NOTICE;
	case HVCAL_EVENT_PRESSURE:
		p->notice = HVCAL_NOTICE_PRESSURE;
		p->engine = e->engine;
		p->share_ppm = e->share_ppm;
		return HVCAL_GOT_NOTICE;
	case HVCAL_EVENT_RECONFIGURED:
		pthread_mutex_lock(&s->lock);
		s->reconfigures -= s->reconfigures > 0;
		pthread_mutex_unlock(&s->lock);
		p->notice = HVCAL_NOTICE_RECONFIGURED;
		p->status = e->status;
		p->engine = e->engine;
		return HVCAL_GOT_NOTICE;
	case HVCAL_EVENT_FLUSHED:
		pthread_mutex_lock(&s->lock);
		s->flushes -= s->flushes > 0;
		pthread_mutex_unlock(&s->lock);
		return e->status ? e->status : -ENODATA;
	default: /* OPENED again, after a change of engine */
		return -EAGAIN;
	}
}

int hvcal_get_bitstream(hvcal_session_t *s, hvcal_packet_t *packet, int timeout_ms)
{
	struct hvcal_item_event item;
	hvcal_packet_t p;
	uint64_t deadline;
	int ret;

	if (!s || hvcal_struct_check(packet, HVCAL_PACKET_V1))
		return -EINVAL;
	if (packet->handle)
		return -EBUSY;
	/* only a packet that waits for its batch can be gathered */
	pthread_mutex_lock(&s->submit_lock);
	hvcal_session_hand_over(s);
	pthread_mutex_unlock(&s->submit_lock);
	deadline = timeout_ms < 0 ? UINT64_MAX : !timeout_ms ? 0 :
		   hvcal_now_ns() + (uint64_t)timeout_ms * HVCAL_NS_PER_MS;
	do {
		ret = hvcal_session_next(s, &item, deadline);
		if (ret)
			return ret;
		hvcal_packet_default(&p, sizeof(p));
		ret = translate(s, &item, &p);
	} while (ret == -EAGAIN);
	if (ret >= 0)
		hvcal_struct_put(packet, &p, sizeof(p));
	return ret;
}

void hvcal_release_packet(hvcal_packet_t *packet)
{
	uint32_t size;

	if (!packet || hvcal_struct_check(packet, HVCAL_PACKET_V1))
		return;
	if (packet->handle) {
		struct hvcal_slot *slot = packet->handle;
		hvcal_session_t *s = slot->session;

		hvcal_buffer_end_cpu(slot->target, HVCAL_CPU_READ);
		hvcal_slot_free(s, slot);
		hvcal_session_unref(s);
	}
	size = packet->struct_size;
	hvcal_packet_default(packet, size);
}
