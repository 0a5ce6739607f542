// SPDX-License-Identifier: MIT
/* Direct mode: the thread that feeds the engine of a session. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "direct_session.h"
#include "safe.h"

#define FENCE_TICK_MS 50	/* how long a closing session waits for a fence */

static bool stopping(struct direct_session *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static bool unwanted(struct direct_session *s, struct direct_job *job)
{
	bool yes;

	pthread_mutex_lock(&s->lock);
	yes = s->stop || job->canceled;
	pthread_mutex_unlock(&s->lock);
	return yes;
}

static void session_report(struct direct_session *s, uint32_t type, uint64_t user_data,
			   int status)
{
	struct hvcal_event e = {
		.size = sizeof(e),
		.type = type,
		.session = s->handle,
		.user_data = user_data,
		.status = status,
		.engine = s->engine->id,
	};

	if (!stopping(s))
		hvcal_context_dispatch(s->d->be.ctx, &e);
}

/* A sync_file, or a DMA-BUF whose writers are waited for. */
static int fence_wait(struct direct_session *s, struct direct_job *job, int fd)
{
	const struct hvcal_sys *sys = s->d->be.ctx->sys;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret;

	do {
		if (unwanted(s, job))
			return -ECANCELED;
		ret = sys->poll(sys, &p, 1, FENCE_TICK_MS);
	} while (!ret || ret == -EINTR);
	return ret < 0 ? ret : p.revents & (POLLERR | POLLNVAL) ? -EINVAL : 0;
}

static int job_wait_ready(struct direct_session *s, struct direct_job *job)
{
	struct timespec ts;
	int i, ret = 0;

	if (job->in_fence >= 0)
		ret = fence_wait(s, job, job->in_fence);
	if (job->flags & HVCAL_JOB_IMPLICIT_FENCE)
		for (i = 0; !ret && i < HVCAL_MAX_PLANES; i++)
			if (job->ej.source->fd[i] >= 0)
				ret = fence_wait(s, job, job->ej.source->fd[i]);
	job->event.ready_ns = hvcal_now_ns();
	if (ret || job->release_ns <= job->event.ready_ns)
		return ret;
	ts.tv_sec = (time_t)(job->release_ns / HVCAL_NS_PER_SEC);
	ts.tv_nsec = (long)(job->release_ns % HVCAL_NS_PER_SEC);
	pthread_mutex_lock(&s->lock);
	while (!s->stop && !job->canceled && hvcal_now_ns() < job->release_ns)
		pthread_cond_timedwait(&s->wake, &s->lock, &ts);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static void stream_lost(struct direct_session *s, int status)
{
	hvcal_log(&s->d->be.ctx->log, HVCAL_LOG_ERROR,
		  "session %u: engine %s cannot go on: %s", s->handle,
		  s->engine->e.desc.name, hvcal_strerror(status));
	pthread_mutex_lock(&s->lock);
	s->lost = true;
	pthread_mutex_unlock(&s->lock);
	session_report(s, HVCAL_EVENT_LOST, 0, status);
}

/* As hvcal_safe_again() says. @job, the only one given, is not to be cancelled meanwhile. */
static bool reopen_safe(struct direct_session *s, struct direct_job *job, int why)
{
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct hvcal_codec_config safe = s->config;
	uint32_t dropped = hvcal_safe_again(why, s->proven, s->dropped, &safe);
	int ret;

	if (!dropped)
		return false;
	direct_job_finishing(s, job, true);
	ops->close(s->stream);
	ret = ops->open(s->engine->e.ctx, &safe, &s->stream);
	if (ret) {
		s->stream = NULL;
		stream_lost(s, why);
		return false;
	}
	s->dropped = dropped;
	direct_job_finishing(s, job, false);
	return true;
}

static int engine_encode(struct direct_session *s, struct direct_job *job)
{
	int ret;

	job->dropped = s->dropped;
	ret = s->engine->e.ops->encode(s->stream, &job->ej);
	if (ret >= 0)
		s->proven = true;
	return ret;
}

static void do_encode(struct direct_session *s, struct direct_job *job)
{
	uint32_t depth = s->engine->e.desc.session_depth;
	bool canceled;
	int ret;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && !job->canceled && s->ngiven - s->nheld >= depth)
		pthread_cond_wait(&s->wake, &s->lock);
	pthread_mutex_unlock(&s->lock);
	ret = s->stream ? job_wait_ready(s, job) : -ENODEV;
	job->event.start_ns = hvcal_now_ns();
	pthread_mutex_lock(&s->lock);
	s->stats.queued--;
	s->next_job = NULL;
	canceled = s->stop || job->canceled;
	if (!ret && !canceled) {
		job->next = s->given;
		s->given = job;
		s->ngiven++;
		atomic_fetch_add(&job->refs, 1); /* ours, while encode() runs */
	}
	pthread_mutex_unlock(&s->lock);
	if (ret || canceled) {
		direct_job_report(s, job, ret ? ret : -ECANCELED, 0);
		direct_job_unref(job);
		return;
	}
	ret = engine_encode(s, job);
	if (ret < 0 && reopen_safe(s, job, ret))
		ret = engine_encode(s, job);
	if (ret < 0) {
		direct_job_finishing(s, job, true);
		direct_job_report(s, job, ret, 0);
		pthread_mutex_lock(&s->lock);
		direct_job_returned_locked(s, job);
		pthread_mutex_unlock(&s->lock);
		atomic_fetch_sub(&job->refs, 1); /* done() will not come */
	} else if (ret == HVCAL_ENGINE_HELD) {
		pthread_mutex_lock(&s->lock);
		if (!job->done) {
			job->held = true;
			s->nheld++;
		}
		pthread_mutex_unlock(&s->lock);
	}
	direct_job_unref(job);
}

/* Until the engine has given back every job. */
static int drain(struct direct_session *s)
{
	int ret = s->stream ? s->engine->e.ops->flush(s->stream) : 0;

	pthread_mutex_lock(&s->lock);
	while (!ret && !s->stop && s->ngiven)
		pthread_cond_wait(&s->wake, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

/* An engine that cannot change is closed and opened anew: with a key frame. */
static void do_reconfigure(struct direct_session *s, const struct direct_item *item)
{
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	hvcal_engine_ctx_t *ctx = s->engine->e.ctx;
	hvcal_engine_stream_t *stream;
	uint32_t dropped = s->dropped;
	int ret = -ENODEV;

	if (s->stream)
		ret = hvcal_safe_reconfigure(ops, s->stream, &item->config, &s->dropped);
	if (ret == -EOPNOTSUPP && !drain(s)) {
		/* opened first: what does not work must leave the old one */
		ret = hvcal_safe_open(ops, ctx, &item->config, &stream, &dropped);
		if (ret == -EBUSY || ret == -EUSERS || ret == -ENOSPC) {
			ops->close(s->stream); /* an engine for one stream */
			s->stream = NULL;
			ret = hvcal_safe_open(ops, ctx, &item->config, &stream, &dropped);
			if (ret && !hvcal_safe_open(ops, ctx, &s->config, &stream, &s->dropped))
				s->stream = stream;
		}
		if (!ret) {
			if (s->stream)
				ops->close(s->stream);
			s->stream = stream;
			s->dropped = dropped;
			s->proven = false;
		}
	}
	if (!ret)
		s->config = item->config;
	session_report(s, HVCAL_EVENT_RECONFIGURED, item->user_data, ret);
	if (!s->stream)
		stream_lost(s, ret);
}

static struct direct_item *item_next(struct direct_session *s)
{
	struct direct_item *item;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && !s->head)
		pthread_cond_wait(&s->wake, &s->lock);
	item = s->stop ? NULL : s->head;
	if (item) {
		s->head = item->next;
		if (!s->head)
			s->tail = &s->head;
		s->next_job = item->job;
	}
	pthread_mutex_unlock(&s->lock);
	return item;
}

void *direct_worker(void *arg)
{
	struct direct_session *s = arg;
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct direct_item *item;
	int ret;

	ret = hvcal_safe_open(ops, s->engine->e.ctx, &s->config, &s->stream, &s->dropped);
	if (ret)
		s->stream = NULL;
	session_report(s, HVCAL_EVENT_OPENED, 0, ret);
	while ((item = item_next(s))) {
		switch (item->type) {
		case DIRECT_ITEM_ENCODE:
			do_encode(s, item->job);
			break;
		case DIRECT_ITEM_RECONFIGURE:
			do_reconfigure(s, item);
			break;
		case DIRECT_ITEM_FLUSH:
			ret = drain(s);
			session_report(s, HVCAL_EVENT_FLUSHED, item->user_data, ret);
			break;
		}
		free(item);
	}
	if (s->stream)
		ops->close(s->stream);
	return NULL;
}
