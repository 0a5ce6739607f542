// SPDX-License-Identifier: MIT
/* Direct mode: sessions, from their creation to their end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "direct_session.h"

struct direct_session *direct_session_find(struct hvcal_be *be, uint32_t handle)
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
	ret = -pthread_create(&s->thread, NULL, direct_worker, s);
	if (ret) {
		session_unlink(s);
		session_free(s);
	}
	return ret;
}

void direct_session_cancel_locked(struct direct_session *s)
{
	const struct hvcal_engine_plugin *ops = s->engine->e.ops;
	struct direct_job *job;

	for (job = s->given; job; job = job->next)
		if (ops->cancel && !job->finishing)
			ops->cancel(s->stream, &job->ej);
}

void direct_session_destroy(struct hvcal_be *be, uint32_t session)
{
	struct direct_session *s = direct_session_find(be, session);
	struct direct_item *item;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	direct_session_cancel_locked(s);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	while ((item = s->head)) {
		s->head = item->next;
		direct_job_unref(item->job);
		free(item);
	}
	session_unlink(s);
	session_free(s);
}

void direct_session_queue_locked(struct direct_session *s, struct direct_item *item)
{
	*s->tail = item;
	s->tail = &item->next;
	pthread_cond_broadcast(&s->wake);
}

/* Puts an item into the queue, unless the session is lost: then it is freed. */
static int session_queue(struct direct_session *s, struct direct_item *item)
{
	bool lost;

	pthread_mutex_lock(&s->lock);
	lost = s->lost;
	if (!lost)
		direct_session_queue_locked(s, item);
	pthread_mutex_unlock(&s->lock);
	if (lost)
		free(item);
	return lost ? -ENOTCONN : 0;
}

int direct_session_reconfigure(struct hvcal_be *be, struct hvcal_session_reconfigure *arg)
{
	struct direct_session *s = direct_session_find(be, arg->session);
	struct direct_item *item = NULL;

	if (!(arg->flags & HVCAL_RECONFIGURE_RESERVATION)) {
		if (arg->config.len != sizeof(item->config))
			return -EINVAL;
		item = calloc(1, sizeof(*item));
		if (!item)
			return -ENOMEM;
		item->type = DIRECT_ITEM_RECONFIGURE;
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
	struct direct_session *s = direct_session_find(be, arg->session);
	struct direct_item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->type = DIRECT_ITEM_FLUSH;
	item->user_data = arg->user_data;
	return session_queue(s, item);
}

int direct_session_stats(struct hvcal_be *be, struct hvcal_session_stats *arg)
{
	struct direct_session *s = direct_session_find(be, arg->session);

	pthread_mutex_lock(&s->lock);
	*arg = s->stats;
	arg->session = s->handle;
	arg->running = s->ngiven;
	if (s->lost)
		arg->state = HVCAL_SESSION_LOST;
	pthread_mutex_unlock(&s->lock);
	return 0;
}
