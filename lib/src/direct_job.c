// SPDX-License-Identifier: MIT
/* Direct mode: jobs that an engine has, and what became of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "direct_session.h"

#define HIST_FIRST_BITS 10	/* bucket 0: below 2^10 ns */

void direct_job_unref(struct direct_job *job)
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

void direct_job_report(struct direct_session *s, struct direct_job *job, int status,
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

void direct_job_returned_locked(struct direct_session *s, struct direct_job *job)
{
	struct direct_job **p;

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

void direct_job_finishing(struct direct_session *s, struct direct_job *job, bool finishing)
{
	pthread_mutex_lock(&s->lock);
	job->finishing = finishing;
	pthread_mutex_unlock(&s->lock);
}

void direct_job_done(void *cookie, struct hvcal_engine_job *ej,
		     const struct hvcal_engine_result *result)
{
	struct direct_job *job = (struct direct_job *)ej;
	struct direct_session *s = job->session;
	struct hvcal_event *e = &job->event;
	struct hvcal_frame_result frame = result->frame;
	int status = result->status;

	(void)cookie;
	/* from here on the engine must not be told anything about it */
	direct_job_finishing(s, job, true);
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
	direct_job_report(s, job, status, result->engine_ns);
	/* only now: a flush that waits for this must not overtake the event */
	pthread_mutex_lock(&s->lock);
	direct_job_returned_locked(s, job);
	pthread_mutex_unlock(&s->lock);
	direct_job_unref(job);
}

void direct_job_started(void *cookie, struct hvcal_engine_job *ej, int sync_file)
{
	struct direct_job *job = (struct direct_job *)ej;
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
