// SPDX-License-Identifier: MIT
/* The ring of events of a session, and waiting for them. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rate.h"
#include "session.h"

static bool is_job_event(const struct hvcal_event *e)
{
	return e->type == HVCAL_EVENT_JOB || e->type == HVCAL_EVENT_ACCEPTED;
}

/* lock is held. An eventfd write of 1 to a counter of 0 cannot fail. */
static void signal_locked(hvcal_session_t *s)
{
	if (s->signaled || !(s->waiters || s->exported))
		return;
	s->signaled = true;
	eventfd_write(s->event_fd, 1);
}

static void unsignal_locked(hvcal_session_t *s)
{
	eventfd_t n;

	if (!s->signaled || s->ring_count || s->lost)
		return;
	s->signaled = false;
	eventfd_read(s->event_fd, &n);
}

/*
 * Events of jobs always have room: two for every slot. What a session gets in
 * addition is bounded by what the library itself has asked for, but for notices
 * of the kernel; of those a reader that does not read loses the newest.
 */
static void push_locked(hvcal_session_t *s, const struct hvcal_event *e,
			const struct hvcal_slot *slot)
{
	struct hvcal_item_event *item;

	if (!is_job_event(e)) {
		bool notice = e->type == HVCAL_EVENT_RESYNC ||
			      e->type == HVCAL_EVENT_PRESSURE;

		if (s->session_events >= HVCAL_SESSION_EVENTS ||
		    (notice && s->session_events >= HVCAL_SESSION_EVENTS / 4))
			return;
		s->session_events++;
	}
	if (s->ring_count == s->ring_size)
		return; /* a kernel that reports a job more than once */
	item = &s->ring[(s->ring_head + s->ring_count) % s->ring_size];
	item->e = *e;
	item->user_data = slot ? slot->user_data : 0;
	item->pts = slot ? slot->pts : 0;
	s->ring_count++;
	signal_locked(s);
}

/* The slot that @e is about, or NULL if it is not in an engine. */
static struct hvcal_slot *slot_of_event(hvcal_session_t *s, const struct hvcal_event *e)
{
	uint32_t i = (uint32_t)e->user_data;
	struct hvcal_slot *slot;

	if (i >= s->nslots)
		return NULL;
	slot = &s->slots[i];
	if (slot->state != HVCAL_SLOT_INSIDE ||
	    slot->generation != (uint32_t)(e->user_data >> 32))
		return NULL;
	return slot;
}

void hvcal_session_event(hvcal_session_t *s, const struct hvcal_event *event)
{
	hvcal_buffer_t *source = NULL, *map = NULL;
	struct hvcal_frame_result result;
	struct hvcal_slot *slot;

	pthread_mutex_lock(&s->lock);
	switch (event->type) {
	case HVCAL_EVENT_JOB:
		slot = slot_of_event(s, event);
		if (!slot)
			break;
		slot->state = HVCAL_SLOT_DONE;
		s->inside--;
		hvcal_event_result(event, &result);
		hvcal_rate_report(s, slot, event->status ? 0 : event->bytes, result.qp_q8);
		source = slot->source;
		map = slot->map;
		slot->source = slot->map = NULL;
		push_locked(s, event, slot);
		break;
	case HVCAL_EVENT_ACCEPTED:
		slot = slot_of_event(s, event);
		if (slot)
			push_locked(s, event, slot);
		break;
	case HVCAL_EVENT_LOST:
		s->lost = true;
		signal_locked(s);
		break;
	case HVCAL_EVENT_OPENED:
	case HVCAL_EVENT_RECONFIGURED:
	case HVCAL_EVENT_FLUSHED:
	case HVCAL_EVENT_RESYNC:
	case HVCAL_EVENT_PRESSURE:
		push_locked(s, event, NULL);
		break;
	default: /* of a newer kernel: nothing that we asked for */
		break;
	}
	pthread_mutex_unlock(&s->lock);
	/* the engine is done with them; the producer may have them back */
	hvcal_buffer_release(&source);
	hvcal_buffer_release(&map);
}

bool hvcal_session_pop(hvcal_session_t *s, struct hvcal_item_event *event)
{
	bool got;

	pthread_mutex_lock(&s->lock);
	got = s->ring_count > 0;
	if (got) {
		*event = s->ring[s->ring_head];
		s->ring_head = (s->ring_head + 1) % s->ring_size;
		s->ring_count--;
		if (!is_job_event(&event->e))
			s->session_events--;
		unsignal_locked(s);
	}
	pthread_mutex_unlock(&s->lock);
	return got;
}

static bool is_lost(hvcal_session_t *s)
{
	bool lost;

	pthread_mutex_lock(&s->lock);
	lost = s->lost;
	pthread_mutex_unlock(&s->lock);
	return lost;
}

/* Waits for this session's events or the device's. */
static int wait_once(hvcal_session_t *s, int timeout_ms)
{
	const struct hvcal_sys *sys = s->ctx->sys;
	struct pollfd fds[2];
	bool ready;
	int ret;

	pthread_mutex_lock(&s->lock);
	ready = s->ring_count || s->lost;
	if (!ready)
		s->waiters++;
	pthread_mutex_unlock(&s->lock);
	if (ready)
		return 0;
	fds[0] = (struct pollfd){ .fd = s->event_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = s->ctx->event_fd, .events = POLLIN };
	ret = sys->poll(sys, fds, s->ctx->event_fd >= 0 ? 2 : 1, timeout_ms);
	pthread_mutex_lock(&s->lock);
	s->waiters--;
	unsignal_locked(s);
	pthread_mutex_unlock(&s->lock);
	return ret == -EINTR ? 0 : ret < 0 ? ret : 0;
}

int hvcal_session_next(hvcal_session_t *s, struct hvcal_item_event *event,
		       uint64_t deadline_ns)
{
	int left, ret;

	for (;;) {
		if (hvcal_session_pop(s, event))
			return 0;
		ret = hvcal_context_pump(s->ctx);
		if (hvcal_session_pop(s, event))
			return 0;
		if (is_lost(s))
			return -ENODEV;
		if (ret)
			return ret;
		left = !deadline_ns ? 0 : deadline_ns == UINT64_MAX ? -1 :
		       hvcal_ms_until(deadline_ns);
		if (!left)
			return -EAGAIN;
		ret = wait_once(s, left);
		if (ret)
			return ret;
	}
}

/* Readable when the device has events for anybody, or this session has some. */
static int make_poll_fd(hvcal_session_t *s)
{
	struct epoll_event e = { .events = EPOLLIN };
	int fd, ret;

	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, s->event_fd, &e) ||
	    (s->ctx->event_fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, s->ctx->event_fd, &e))) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

int hvcal_get_fd(hvcal_session_t *s)
{
	int fd;

	if (!s)
		return -EINVAL;
	pthread_mutex_lock(&s->lock);
	if (s->poll_fd < 0) {
		fd = make_poll_fd(s);
		if (fd >= 0) {
			s->poll_fd = fd;
			s->exported = true;
			if (s->ring_count || s->lost)
				signal_locked(s);
		}
	} else {
		fd = s->poll_fd;
	}
	pthread_mutex_unlock(&s->lock);
	return fd;
}
