// SPDX-License-Identifier: MIT
/* Direct mode: sessions, each with the thread that feeds its engine. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "direct.h"
#include "safe.h"

#define FENCE_TICK_MS 50	/* how long a closing session waits for a fence */
#define HIST_FIRST_BITS 10	/* bucket 0: below 2^10 ns */

enum item_type { ITEM_ENCODE, ITEM_RECONFIGURE, ITEM_FLUSH };

struct job {
	struct hvcal_engine_job ej;	/* first: engines give it back */
	struct direct_session *session;
	atomic_uint refs;	/* the engine's done(), and the worker meanwhile */
	struct job *next;	/* session.lock: in the list of given jobs */
	struct hvcal_event event; /* what is known of it already */
	uint32_t flags;		/* HVCAL_JOB_* */
	uint32_t dropped;	/* of the stream that it was given to */
	int in_fence;		/* ours, -1 none */
	int fence;		/* session.lock: ours, of the hardware, -1 none */
	uint64_t release_ns;
	bool canceled;		/* session.lock */
	bool held;		/* session.lock */
	bool finishing;		/* session.lock: the engine has called done() */
	bool done;		/* session.lock */
};

struct item {
	struct item *next;
	enum item_type type;
	uint64_t user_data;
	struct job *job;
	struct hvcal_codec_config config;
	struct hvcal_reservation res;
};

struct direct_session {
	struct direct_session *next;	/* direct.lock */
	struct direct *d;
	struct direct_engine *engine;
	uint32_t handle;
	pthread_t thread;

	hvcal_engine_stream_t *stream;	/* the worker's */
	struct hvcal_codec_config config; /* the worker's */
	uint32_t dropped;		/* the worker's: HVCAL_DROPPED_* of it */
	bool proven;			/* the worker's: the stream has taken a frame */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct item *head, **tail;	/* lock: what is to be done, in order */
	struct job *next_job;		/* lock: taken from the queue, not given yet */
	struct job *given;		/* lock: jobs that the engine has */
	uint32_t ngiven, nheld;		/* lock */
	bool stop;			/* lock */
	bool lost;			/* lock */
	uint64_t period_ns, deadline_ns; /* lock */
	struct hvcal_session_stats stats; /* lock */
};

/* ------------------------------------------------------------------------ */
/* Jobs                                                                     */

static void job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	if (job->in_fence >= 0)
		close(job->in_fence);
	if (job->fence >= 0)
		close(job->fence);
	free((void *)job->ej.meta);
	free(job);
}

static void hist_add(__u64 *hist, uint64_t from, uint64_t to)
{
	uint64_t ns = to > from ? to - from : 0;
	unsigned int i = 0;

	if (ns >> HIST_FIRST_BITS)
		i = (unsigned int)(64 - HIST_FIRST_BITS - __builtin_clzll(ns));
	hist[i < HVCAL_HIST_BUCKETS ? i : HVCAL_HIST_BUCKETS - 1]++;
}

/* session.lock is held. */
static void stats_add(struct direct_session *s, const struct hvcal_event *e,
		      uint64_t engine_ns)
{
	struct hvcal_session_stats *t = &s->stats;

	t->timeline++;
	t->engine_ns += engine_ns;
	if (e->status == -ECANCELED)
		t->canceled++;
	else if (e->status)
		t->failed++;
	else
		t->done++;
	if (e->status)
		return;
	t->bytes += e->bytes;
	t->late += !!(e->flags & HVCAL_EVENT_LATE);
	hist_add(t->hist_wait, e->submit_ns, e->start_ns);
	hist_add(t->hist_run, e->start_ns, e->done_ns);
	if (e->deadline_ns && !(e->flags & HVCAL_EVENT_LATE))
		hist_add(t->hist_slack, e->done_ns, e->deadline_ns);
}

/* The event of a finished job. Sessions that are closed get none. */
static void job_report(struct direct_session *s, struct job *job, int status,
		       uint64_t engine_ns)
{
	struct hvcal_event *e = &job->event;
	bool stop;

	e->type = HVCAL_EVENT_JOB;
	e->done_ns = hvcal_now_ns();
	e->flags &= HVCAL_EVENT_KEY | HVCAL_EVENT_SKIPPED;
	if (e->deadline_ns && e->done_ns > e->deadline_ns)
		e->flags |= HVCAL_EVENT_LATE;
	pthread_mutex_lock(&s->lock);
	e->status = job->canceled ? -ECANCELED : status;
	if (e->status) {
		e->bytes = 0;
		e->result_len = 0;
	}
	stats_add(s, e, engine_ns);
	e->timeline = s->stats.timeline;
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	if (!e->status)
		atomic_fetch_add(&s->engine->jobs_done, 1);
	if (!stop)
		hvcal_context_dispatch(s->d->be.ctx, e);
}

/* session.lock is held. */
static void given_remove(struct direct_session *s, struct job *job)
{
	struct job **p;

	for (p = &s->given; *p; p = &(*p)->next)
		if (*p == job) {
			*p = job->next;
			break;
		}
	s->ngiven--;
	s->nheld -= job->held;
	job->done = true;
	pthread_cond_broadcast(&s->wake);
}

static void set_finishing(struct direct_session *s, struct job *job, bool finishing)
{
	pthread_mutex_lock(&s->lock);
	job->finishing = finishing;
	pthread_mutex_unlock(&s->lock);
}

void direct_job_done(void *cookie, struct hvcal_engine_job *ej,
		     const struct hvcal_engine_result *result)
{
	struct job *job = (struct job *)ej;
	struct direct_session *s = job->session;
	struct hvcal_event *e = &job->event;
	struct hvcal_frame_result frame = result->frame;
	int status = result->status;

	(void)cookie;
	/* from here on the engine must not be told anything about it */
	set_finishing(s, job, true);
	if (!status && result->bytes > ej->target_size)
		status = -EPROTO;
	e->bytes = result->bytes;
	if (result->flags & HVCAL_RESULT_KEY)
		e->flags |= HVCAL_EVENT_KEY;
	if (result->flags & HVCAL_RESULT_SKIPPED)
		e->flags |= HVCAL_EVENT_SKIPPED;
	frame.dropped = job->dropped;
	_Static_assert(sizeof(frame) <= HVCAL_RESULT_MAX, "result");
	memcpy(e->result, &frame, sizeof(frame));
	e->result_len = sizeof(frame);
	job_report(s, job, status, result->engine_ns);
	/* only now: a flush that waits for this must not overtake the event */
	pthread_mutex_lock(&s->lock);
	given_remove(s, job);
	pthread_mutex_unlock(&s->lock);
	job_unref(job);
}

void direct_job_started(void *cookie, struct hvcal_engine_job *ej, int sync_file)
{
	struct job *job = (struct job *)ej;
	struct direct_session *s = job->session;
	struct hvcal_event e;
	bool tell;

	(void)cookie;
	pthread_mutex_lock(&s->lock);
	if (sync_file >= 0 && job->fence < 0)
		job->fence = fcntl(sync_file, F_DUPFD_CLOEXEC, 0);
	e = job->event;
	e.type = HVCAL_EVENT_ACCEPTED;
	e.flags = job->fence >= 0 ? HVCAL_EVENT_FENCE : 0;
	tell = job->flags & HVCAL_JOB_WANT_FENCE && !s->stop;
	pthread_mutex_unlock(&s->lock);
	if (tell)
		hvcal_context_dispatch(s->d->be.ctx, &e);
}

/* ------------------------------------------------------------------------ */
/* The worker                                                               */

static bool stopping(struct direct_session *s)
{
	bool stop;

	pthread_mutex_lock(&s->lock);
	stop = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stop;
}

static bool unwanted(struct direct_session *s, struct job *job)
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
static int fence_wait(struct direct_session *s, struct job *job, int fd)
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

static int job_wait_ready(struct direct_session *s, struct job *job)
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
static bool reopen_safe(struct direct_session *s, struct job *job, int why)
{
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct hvcal_codec_config safe = s->config;
	uint32_t dropped = hvcal_safe_again(why, s->proven, s->dropped, &safe);
	int ret;

	if (!dropped)
		return false;
	set_finishing(s, job, true);
	ops->close(s->stream);
	ret = ops->open(s->engine->e.ctx, &safe, &s->stream);
	if (ret) {
		s->stream = NULL;
		stream_lost(s, why);
		return false;
	}
	s->dropped = dropped;
	set_finishing(s, job, false);
	return true;
}

static int engine_encode(struct direct_session *s, struct job *job)
{
	int ret;

	job->dropped = s->dropped;
	ret = s->engine->e.ops->encode(s->stream, &job->ej);
	if (ret >= 0)
		s->proven = true;
	return ret;
}

static void do_encode(struct direct_session *s, struct job *job)
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
		job_report(s, job, ret ? ret : -ECANCELED, 0);
		job_unref(job);
		return;
	}
	ret = engine_encode(s, job);
	if (ret < 0 && reopen_safe(s, job, ret))
		ret = engine_encode(s, job);
	if (ret < 0) {
		set_finishing(s, job, true);
		job_report(s, job, ret, 0);
		pthread_mutex_lock(&s->lock);
		given_remove(s, job);
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
	job_unref(job);
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
static void do_reconfigure(struct direct_session *s, const struct item *item)
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

static struct item *item_next(struct direct_session *s)
{
	struct item *item;

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

static void *worker(void *arg)
{
	struct direct_session *s = arg;
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct item *item;
	int ret;

	ret = hvcal_safe_open(ops, s->engine->e.ctx, &s->config, &s->stream, &s->dropped);
	if (ret)
		s->stream = NULL;
	session_report(s, HVCAL_EVENT_OPENED, 0, ret);
	while ((item = item_next(s))) {
		switch (item->type) {
		case ITEM_ENCODE:
			do_encode(s, item->job);
			break;
		case ITEM_RECONFIGURE:
			do_reconfigure(s, item);
			break;
		case ITEM_FLUSH:
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

/* ------------------------------------------------------------------------ */
/* The back end's operations                                                */

/* The caller holds the public session, which destroys this one. */
static struct direct_session *session_find(struct hvcal_be *be, uint32_t handle)
{
	struct direct *d = (struct direct *)be;
	struct direct_session *s;

	pthread_mutex_lock(&d->lock);
	for (s = d->sessions; s; s = s->next)
		if (s->handle == handle)
			break;
	pthread_mutex_unlock(&d->lock);
	return s;
}

static void session_unlink(struct direct_session *s)
{
	struct direct_session **p;

	pthread_mutex_lock(&s->d->lock);
	for (p = &s->d->sessions; *p != s; p = &(*p)->next)
		;
	*p = s->next;
	pthread_mutex_unlock(&s->d->lock);
	atomic_fetch_sub(&s->engine->sessions, 1);
}

static void session_free(struct direct_session *s)
{
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct direct_session *session_alloc(struct direct *d, struct direct_engine *engine,
					    const struct hvcal_session_create *arg)
{
	struct direct_session *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (!s)
		return NULL;
	s->d = d;
	s->engine = engine;
	s->tail = &s->head;
	memcpy(&s->config, (const void *)(uintptr_t)arg->config.ptr, sizeof(s->config));
	s->period_ns = arg->res.period_ns;
	s->deadline_ns = arg->res.deadline_ns;
	s->stats.state = HVCAL_SESSION_ACTIVE;
	s->stats.engine = engine->id;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

int direct_session_create(struct hvcal_be *be, struct hvcal_session_create *arg)
{
	struct direct *d = (struct direct *)be;
	struct direct_engine *engine;
	struct direct_session *s;
	int ret;

	if (arg->config.len != sizeof(s->config))
		return -EINVAL;
	ret = direct_engine_choose(d, arg, &engine);
	if (ret)
		return ret;
	s = session_alloc(d, engine, arg);
	if (!s)
		return -ENOMEM;
	pthread_mutex_lock(&d->lock);
	s->handle = ++d->last_session;
	s->next = d->sessions;
	d->sessions = s;
	pthread_mutex_unlock(&d->lock);
	atomic_fetch_add(&engine->sessions, 1);
	arg->session = s->handle;
	arg->chosen = engine->id;
	/* its first event waits for context.lock, which our caller holds */
	ret = -pthread_create(&s->thread, NULL, worker, s);
	if (ret) {
		session_unlink(s);
		session_free(s);
	}
	return ret;
}

/* The lock keeps jobs from being finished, and the stream open, meanwhile. */
static void cancel_given_locked(struct direct_session *s)
{
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct job *job;

	for (job = s->given; job; job = job->next)
		if (ops->cancel && !job->finishing)
			ops->cancel(s->stream, &job->ej);
}

void direct_session_destroy(struct hvcal_be *be, uint32_t session)
{
	struct direct_session *s = session_find(be, session);
	struct item *item;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	cancel_given_locked(s);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	while ((item = s->head)) {
		s->head = item->next;
		job_unref(item->job);
		free(item);
	}
	session_unlink(s);
	session_free(s);
}

static void queue(struct direct_session *s, struct item *item)
{
	*s->tail = item;
	s->tail = &item->next;
	pthread_cond_broadcast(&s->wake);
}

/* Puts an item into the queue, unless the session is lost: then it is freed. */
static int session_queue(struct direct_session *s, struct item *item)
{
	bool lost;

	pthread_mutex_lock(&s->lock);
	lost = s->lost;
	if (!lost)
		queue(s, item);
	pthread_mutex_unlock(&s->lock);
	if (lost)
		free(item);
	return lost ? -ENOTCONN : 0;
}

int direct_session_reconfigure(struct hvcal_be *be, struct hvcal_session_reconfigure *arg)
{
	struct direct_session *s = session_find(be, arg->session);
	struct item *item = NULL;

	if (!(arg->flags & HVCAL_RECONFIGURE_RESERVATION)) {
		if (arg->config.len != sizeof(item->config))
			return -EINVAL;
		item = calloc(1, sizeof(*item));
		if (!item)
			return -ENOMEM;
		item->type = ITEM_RECONFIGURE;
		item->user_data = arg->user_data;
		memcpy(&item->config, (const void *)(uintptr_t)arg->config.ptr,
		       sizeof(item->config));
	}
	pthread_mutex_lock(&s->lock);
	s->period_ns = arg->res.period_ns;
	s->deadline_ns = arg->res.deadline_ns;
	pthread_mutex_unlock(&s->lock);
	arg->share_ppm = arg->left_ppm = 0;
	return item ? session_queue(s, item) : 0;
}

int direct_session_flush(struct hvcal_be *be, struct hvcal_session_flush *arg)
{
	struct direct_session *s = session_find(be, arg->session);
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->type = ITEM_FLUSH;
	item->user_data = arg->user_data;
	return session_queue(s, item);
}

int direct_session_stats(struct hvcal_be *be, struct hvcal_session_stats *arg)
{
	struct direct_session *s = session_find(be, arg->session);

	pthread_mutex_lock(&s->lock);
	*arg = s->stats;
	arg->session = s->handle;
	arg->running = s->ngiven;
	if (s->lost)
		arg->state = HVCAL_SESSION_LOST;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Submission                                                               */

static int job_fill(struct direct_session *s, struct job *job, const struct hvcal_job_desc *in)
{
	struct hvcal_engine_job *ej = &job->ej;
	void *meta;
	int ret;

	ret = direct_buffer_view(s->d, in->source, s->engine, &ej->source);
	if (!ret)
		ret = direct_buffer_view(s->d, in->target, s->engine, &ej->target);
	if (!ret && in->side)
		ret = direct_buffer_view(s->d, in->side, s->engine, &ej->side);
	if (ret)
		return ret;
	ej->target_offset = in->target_offset;
	ej->target_size = in->target_size;
	ej->side_offset = in->side_offset;
	ej->side_size = in->side_size;
	memcpy(&ej->params, (const void *)(uintptr_t)in->params.ptr, sizeof(ej->params));
	if (in->meta.len) {
		meta = malloc(in->meta.len);
		if (!meta)
			return -ENOMEM;
		memcpy(meta, (const void *)(uintptr_t)in->meta.ptr, in->meta.len);
		ej->meta = meta;
		ej->meta_len = in->meta.len;
	}
	if (in->flags & HVCAL_JOB_IN_FENCE) {
		job->in_fence = fcntl(in->in_fence, F_DUPFD_CLOEXEC, 0);
		if (job->in_fence < 0)
			return -errno;
	}
	return 0;
}

static int submit_one(struct direct_session *s, struct hvcal_job_desc *in)
{
	struct item *item = calloc(1, sizeof(*item));
	struct job *job = calloc(1, sizeof(*job));
	struct hvcal_event *e;
	int ret;

	if (!item || !job) {
		free(item);
		free(job);
		return -ENOMEM;
	}
	atomic_init(&job->refs, 1);
	job->session = s;
	job->in_fence = job->fence = -1;
	job->flags = in->flags;
	job->release_ns = in->release_ns;
	ret = job_fill(s, job, in);
	if (ret) {
		free(item);
		job_unref(job);
		return ret;
	}
	item->type = ITEM_ENCODE;
	item->job = job;
	in->job = atomic_fetch_add(&s->d->last_job, 1) + 1;
	e = &job->event;
	e->size = sizeof(*e);
	e->session = s->handle;
	e->job = in->job;
	e->user_data = in->user_data;
	e->engine = s->engine->id;
	e->submit_ns = hvcal_now_ns();
	pthread_mutex_lock(&s->lock);
	e->deadline_ns = in->deadline_ns ? in->deadline_ns :
			 s->deadline_ns ? e->submit_ns + s->deadline_ns :
			 s->period_ns ? e->submit_ns + s->period_ns : 0;
	ret = s->lost ? -ENOTCONN : 0;
	if (!ret) {
		s->stats.submitted++;
		s->stats.queued++;
		queue(s, item);
	}
	pthread_mutex_unlock(&s->lock);
	if (ret) {
		free(item);
		job_unref(job);
	}
	return ret;
}

int direct_submit(struct hvcal_be *be, struct hvcal_job_submit *arg)
{
	struct direct_session *s = session_find(be, arg->session);
	struct hvcal_job_desc *jobs = (struct hvcal_job_desc *)(uintptr_t)arg->jobs.ptr;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < arg->jobs.count && !ret; i++)
		ret = submit_one(s, &jobs[i]);
	if (ret && --i == 0)
		return ret;
	arg->jobs.count = i;
	return 0;
}

/*
 * Waiting jobs end when their turn comes, which is at once. Those in the engine
 * end when it gives them back, which it is asked to do soon: it may be writing to
 * their targets.
 */
int direct_cancel(struct hvcal_be *be, struct hvcal_job_cancel *arg)
{
	struct direct_session *s = session_find(be, arg->session);
	struct item *item;
	struct job *job;

	arg->canceled = 0;
	pthread_mutex_lock(&s->lock);
	if (s->next_job && !s->next_job->canceled) {
		s->next_job->canceled = true;
		arg->canceled++;
	}
	for (item = s->head; item; item = item->next) {
		if (item->type != ITEM_ENCODE || item->job->canceled)
			continue;
		item->job->canceled = true;
		arg->canceled++;
	}
	for (job = s->given; job; job = job->next) {
		arg->canceled += !job->canceled;
		job->canceled = true;
	}
	cancel_given_locked(s);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int direct_fence(struct hvcal_be *be, struct hvcal_job_fence *arg)
{
	struct direct_session *s = session_find(be, arg->session);
	struct job *job;
	int ret = -ENOENT;

	pthread_mutex_lock(&s->lock);
	for (job = s->given; job; job = job->next) {
		if (job->event.job != arg->job)
			continue;
		ret = -EOPNOTSUPP;
		if (job->fence >= 0) {
			arg->fence = fcntl(job->fence, F_DUPFD_CLOEXEC, 0);
			ret = arg->fence < 0 ? -errno : 0;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}
