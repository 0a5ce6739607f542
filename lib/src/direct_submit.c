// SPDX-License-Identifier: MIT
/* Direct mode: frames that are handed in, cancelled, and asked for a fence. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "direct_session.h"

static int job_fill(struct direct_session *s, struct direct_job *job,
		    const struct hvcal_job_desc *in)
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
	struct direct_item *item = calloc(1, sizeof(*item));
	struct direct_job *job = calloc(1, sizeof(*job));
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
		direct_job_unref(job);
		return ret;
	}
	item->type = DIRECT_ITEM_ENCODE;
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
		direct_session_queue_locked(s, item);
	}
	pthread_mutex_unlock(&s->lock);
	if (ret) {
		free(item);
		direct_job_unref(job);
	}
	return ret;
}

int direct_submit(struct hvcal_be *be, struct hvcal_job_submit *arg)
{
	struct direct_session *s = direct_session_find(be, arg->session);
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
	struct direct_session *s = direct_session_find(be, arg->session);
	struct direct_item *item;
	struct direct_job *job;

	arg->canceled = 0;
	pthread_mutex_lock(&s->lock);
	if (s->next_job && !s->next_job->canceled) {
		s->next_job->canceled = true;
		arg->canceled++;
	}
	for (item = s->head; item; item = item->next) {
		if (item->type != DIRECT_ITEM_ENCODE || item->job->canceled)
			continue;
		item->job->canceled = true;
		arg->canceled++;
	}
	for (job = s->given; job; job = job->next) {
		arg->canceled += !job->canceled;
		job->canceled = true;
	}
	direct_session_cancel_locked(s);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int direct_fence(struct hvcal_be *be, struct hvcal_job_fence *arg)
{
	struct direct_session *s = direct_session_find(be, arg->session);
	struct direct_job *job;
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
