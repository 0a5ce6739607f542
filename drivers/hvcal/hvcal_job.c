// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: from submission through fences and queue to the event that tells how
 * they ended. Reconfigurations and flushes are jobs too, so that they keep their
 * place among the frames of a session.
 */
#include <linux/slab.h>
#include <linux/time64.h>

#include "hvcal_internal.h"
#include "hvcal_trace.h"

#define RELEASE_MAX_NS (10ULL * NSEC_PER_SEC)

static void job_uncount_locked(struct hvcal_job *job)
{
	if (!job->counted)
		return;
	job->counted = false;
	job->session->pending--;
	hvcal_user_uncharge(job->session->client->user, HVCAL_CHARGE_JOBS, 1);
}

/* ------------------------------------------------------------------------ */
/* Events                                                                   */

static u32 job_event_type(const struct hvcal_job *job)
{
	switch (job->work.type) {
	case HVCAL_ITEM_RECONFIGURE:
		return HVCAL_EVENT_RECONFIGURED;
	case HVCAL_ITEM_FLUSH:
		return HVCAL_EVENT_FLUSHED;
	default:
		return HVCAL_EVENT_JOB;
	}
}

static void job_fill_common(const struct hvcal_job *job, struct hvcal_event *ev)
{
	ev->session = job->session->handle;
	ev->job = job->work.type == HVCAL_ITEM_ENCODE ? job->id : 0;
	ev->user_data = job->user_data;
	ev->engine = job->engine;
	ev->submit_ns = job->submit_ns;
	ev->ready_ns = job->ready_ns;
	ev->start_ns = job->start_ns;
	ev->deadline_ns = job->ticket.deadline_ns;
}

static void job_done_fill(struct hvcal_event_node *node, struct hvcal_event *ev)
{
	struct hvcal_job *job = container_of(node, struct hvcal_job, done_event);

	job_fill_common(job, ev);
	ev->type = job_event_type(job);
	ev->flags = job->event_flags;
	ev->status = job->status;
	ev->bytes = job->bytes;
	ev->timeline = job->timeline;
	ev->done_ns = job->done_ns;
	ev->result_len = job->result_len;
	memcpy(ev->result, job->result, job->result_len);
}

static void job_done_release(struct hvcal_event_node *node)
{
	struct hvcal_job *job = container_of(node, struct hvcal_job, done_event);
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_del_init(&job->link);
	job_uncount_locked(job);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_job_put(job);
}

static void job_accept_fill(struct hvcal_event_node *node, struct hvcal_event *ev)
{
	struct hvcal_job *job = container_of(node, struct hvcal_job, accept_event);

	job_fill_common(job, ev);
	ev->type = HVCAL_EVENT_ACCEPTED;
	ev->flags = job->out_fence ? HVCAL_EVENT_FENCE : 0;
	ev->timeline = job->session->stats.timeline;
}

static void job_accept_release(struct hvcal_event_node *node)
{
	hvcal_job_put(container_of(node, struct hvcal_job, accept_event));
}

/* ------------------------------------------------------------------------ */
/* Life                                                                     */

static struct hvcal_job *job_from_pool(struct hvcal_session *s, bool *full)
{
	struct hvcal_job *job = NULL;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	*full = s->pending >= s->max_queued ||
		hvcal_user_charge(s->client->user, HVCAL_CHARGE_JOBS, 1);
	if (!*full) {
		s->pending++;
		job = list_first_entry_or_null(&s->pool, struct hvcal_job, link);
		if (job)
			list_del_init(&job->link);
		else
			s->stats.job_allocs++;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return job;
}

/* Everything but the memory that is kept for the next use. */
static void job_reset(struct hvcal_job *job)
{
	void *meta = job->meta;
	u32 meta_cap = job->meta_cap;

	memset(job, 0, sizeof(*job));
	job->meta = meta;
	job->meta_cap = meta_cap;
}

struct hvcal_job *hvcal_job_new(struct hvcal_session *s, u32 type)
{
	struct hvcal_job *job;
	unsigned long flags;
	bool full;

	job = job_from_pool(s, &full);
	if (full)
		return ERR_PTR(-EAGAIN);
	if (job) {
		job_reset(job);
	} else {
		job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
		if (!job) {
			spin_lock_irqsave(&hvcal.lock, flags);
			s->pending--;
			hvcal_user_uncharge(s->client->user, HVCAL_CHARGE_JOBS, 1);
			spin_unlock_irqrestore(&hvcal.lock, flags);
			return ERR_PTR(-ENOMEM);
		}
	}
	kref_init(&job->ref);
	hvcal_session_get(s);
	job->session = s;
	job->counted = true;
	job->work.type = type;
	INIT_LIST_HEAD(&job->link);
	INIT_LIST_HEAD(&job->run_link);
	INIT_LIST_HEAD(&job->cancel_link);
	INIT_LIST_HEAD(&job->work.link);
	hvcal_event_init(&job->done_event, job_done_fill, job_done_release);
	hvcal_event_init(&job->accept_event, job_accept_fill, job_accept_release);
	hvcal_object_add(HVCAL_OBJ_JOBS);
	return job;
}

int hvcal_job_reserve_meta(struct hvcal_job *job, u32 len)
{
	void *meta;

	if (len <= job->meta_cap)
		return 0;
	meta = krealloc(job->meta, len, GFP_KERNEL_ACCOUNT);
	if (!meta)
		return -ENOMEM;
	job->meta = meta;
	job->meta_cap = len;
	return 0;
}

/* Back to the session's pool; a session has at most max_queued jobs and zombies. */
static void job_release(struct kref *ref)
{
	struct hvcal_job *job = container_of(ref, struct hvcal_job, ref);
	struct hvcal_session *s = job->session;
	unsigned long flags;

	hvcal_fence_disarm(job);
	hvcal_buffer_put(job->source);
	hvcal_buffer_put(job->target);
	hvcal_buffer_put(job->side);
	dma_fence_put(job->out_fence);
	kfree(job->model);

	spin_lock_irqsave(&hvcal.lock, flags);
	job_uncount_locked(job);
	list_move(&job->link, &s->pool);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_object_del(HVCAL_OBJ_JOBS);
	hvcal_session_put(s);
}

void hvcal_job_get(struct hvcal_job *job)
{
	kref_get(&job->ref);
}

void hvcal_job_put(struct hvcal_job *job)
{
	might_sleep();
	kref_put(&job->ref, job_release);
}

void hvcal_job_put_list(struct list_head *jobs)
{
	struct hvcal_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, jobs, link) {
		list_del_init(&job->link);
		hvcal_job_put(job);
	}
}

/* ------------------------------------------------------------------------ */
/* Submission                                                               */

/* A target has one writer and no reader; nobody touches a quarantined buffer. */
static int job_claim_locked(struct hvcal_job *job)
{
	struct hvcal_buffer *target = job->target;

	if (job->work.type != HVCAL_ITEM_ENCODE)
		return 0;
	if (target->readers || target->writers || target->quarantined)
		return -EBUSY;
	if (job->source->writers || job->source->quarantined || job->source == target)
		return -EBUSY;
	if (job->side && (job->side->writers || job->side->quarantined || job->side == target))
		return -EBUSY;
	target->writers++;
	job->source->readers++;
	if (job->side)
		job->side->readers++;
	job->claims = true;
	return 0;
}

static void job_unclaim_locked(struct hvcal_job *job)
{
	if (!job->claims)
		return;
	job->claims = false;
	job->target->writers--;
	job->source->readers--;
	if (job->side)
		job->side->readers--;
}

/* Frames may be larger than reserved only where nothing was promised. */
static int job_check_locked(const struct hvcal_job *job, u64 release_ns, u64 now)
{
	const struct hvcal_reservation *res = &job->session->res;

	if (release_ns > now && release_ns - now > RELEASE_MAX_NS)
		return -EINVAL;
	if (res->sched_class == HVCAL_CLASS_REALTIME && job->pixels > res->width * res->height)
		return -EINVAL;
	return 0;
}

bool hvcal_job_may_run_on(const struct hvcal_job *job, const struct hvcal_engine *e)
{
	if (job->source && job->source->flags & HVCAL_BUFFER_PRIVATE && !e->provider->client)
		return false;
	return !job->source || !job->source->gpu || !e->gpu || job->source->gpu == e->gpu ||
	       e->flags & HVCAL_ENGINE_FOREIGN_MEMORY;
}

static int job_enqueue_locked(struct hvcal_job *job, u64 deadline_ns, u64 release_ns)
{
	struct hvcal_session *s = job->session;
	struct hvcal_binding *b = s->binding;
	u64 duration = s->res.deadline_ns ?: s->res.period_ns;
	struct hvcal_engine *e;
	u64 now = ktime_get_ns();
	int ret;

	lockdep_assert_held(&hvcal.lock);

	if (s->state == HVCAL_SESSION_CLOSED)
		return -ENOENT;
	if (!b)
		return -ENOTCONN;
	e = b->engine;
	if (!hvcal_job_may_run_on(job, e))
		return -EXDEV;
	ret = job_check_locked(job, release_ns, now);
	if (!ret)
		ret = job_claim_locked(job);
	if (ret)
		return ret;

	job->submit_ns = now;
	job->engine = e->id;
	if (!deadline_ns && duration)
		deadline_ns = max(now, release_ns) + duration;
	job->ticket.deadline_ns = deadline_ns;
	job->ticket.release_ns = release_ns;
	job->ticket.queued_ns = now;
	job->ticket.cost_ns = 0;
	if (job->work.type == HVCAL_ITEM_ENCODE)
		job->ticket.cost_ns = hvcal_sched_cost_locked(b, job->pixels);
	job->ticket.ready = false;
	atomic_set(&job->state, HVCAL_JOB_WAITING);
	list_add_tail(&job->link, &s->jobs);
	atomic_set(&job->waiting, job->nwaits + 1 + hvcal_rebalance_gate_locked(job));
	hvcal_queue_append(&e->queue, &b->flow, &job->ticket, now);
	if (job->work.type == HVCAL_ITEM_ENCODE)
		s->stats.submitted++;
	hvcal_rebalance_check_locked(s);
	trace_hvcal_job_submit(job);
	return 0;
}

int hvcal_job_submit(struct hvcal_job *job, u64 deadline_ns, u64 release_ns)
{
	struct hvcal_session *s = job->session;
	unsigned long flags;
	int ret;

	lockdep_assert_held(&s->submit_lock);

	/* Once enqueued it may be cancelled and read back before it is armed. */
	hvcal_job_get(job);
	job->id = atomic64_inc_return(&s->client->next_job);
	spin_lock_irqsave(&hvcal.lock, flags);
	ret = job_enqueue_locked(job, deadline_ns, release_ns);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!ret)
		hvcal_fence_arm(job);
	hvcal_job_put(job);
	return ret;
}

void hvcal_job_ready(struct hvcal_job *job)
{
	struct hvcal_session *s = job->session;
	unsigned long flags;
	int error;

	spin_lock_irqsave(&hvcal.lock, flags);
	error = atomic_read(&job->fence_error);
	if (error) {
		hvcal_job_finish_locked(job, HVCAL_JOB_ERROR, error, true, NULL);
	} else if (atomic_cmpxchg(&job->state, HVCAL_JOB_WAITING, HVCAL_JOB_READY) ==
		   HVCAL_JOB_WAITING) {
		struct hvcal_engine *e = s->binding->engine;

		job->ready_ns = ktime_get_ns();
		trace_hvcal_job_ready(job);
		hvcal_queue_ready(&e->queue, &s->binding->flow, &job->ticket, job->ready_ns);
		hvcal_provider_wake(e->provider);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

/* ------------------------------------------------------------------------ */
/* The end                                                                  */

static void job_account_locked(struct hvcal_job *job, enum hvcal_job_state state)
{
	struct hvcal_session *s = job->session;
	struct hvcal_session_stats *st = &s->stats;

	job->timeline = ++st->timeline;
	if (job->start_ns) {
		hvcal_hist_add(&s->hist_wait, job->start_ns - job->submit_ns);
		hvcal_hist_add(&s->hist_run, job->done_ns - job->start_ns);
	}
	switch (state) {
	case HVCAL_JOB_DONE:
		st->done++;
		st->bytes += job->bytes;
		s->client->jobs_done++;
		if (!job->ticket.deadline_ns)
			break;
		if (job->done_ns > job->ticket.deadline_ns) {
			st->late++;
			job->event_flags |= HVCAL_EVENT_LATE;
		} else {
			hvcal_hist_add(&s->hist_slack, job->ticket.deadline_ns - job->done_ns);
		}
		break;
	case HVCAL_JOB_TIMEDOUT:
		st->timed_out++;
		break;
	case HVCAL_JOB_CANCELED:
		st->canceled++;
		break;
	default:
		st->failed++;
		break;
	}
}

/* The engine still has it: keep others off its target, tell the provider. */
static void job_abandon_locked(struct hvcal_job *job)
{
	struct hvcal_provider *p = job->work.binding->engine->provider;

	if (job->target) {
		job->target->quarantined++;
		job->quarantines = true;
	}
	if (list_empty(&job->cancel_link)) {
		list_add_tail(&job->cancel_link, &p->cancels);
		hvcal_provider_wake(p);
	}
}

bool hvcal_job_finish_locked(struct hvcal_job *job, enum hvcal_job_state state, int status,
			     bool answered, struct list_head *silent)
{
	struct hvcal_session *s = job->session;
	int old = atomic_read(&job->state);

	lockdep_assert_held(&hvcal.lock);

	do {
		if (hvcal_job_is_final(old))
			return false;
	} while (!atomic_try_cmpxchg(&job->state, &old, state));

	job->status = status;
	job->done_ns = ktime_get_ns();
	if (old != HVCAL_JOB_RUNNING)
		hvcal_queue_remove(&s->binding->engine->queue, &s->binding->flow, &job->ticket,
				   job->done_ns);
	else if (!answered)
		job_abandon_locked(job);
	job_unclaim_locked(job);
	if (job->work.type == HVCAL_ITEM_ENCODE)
		job_account_locked(job, state);
	trace_hvcal_job_complete(job, state);
	hvcal_rebalance_forget_locked(job);
	hvcal_rebalance_check_locked(s);
	hvcal_drain_check_locked(s);

	if (silent) {
		job_uncount_locked(job);
		list_move_tail(&job->link, silent);
	} else {
		hvcal_event_post_locked(s->client, &job->done_event);
	}
	return true;
}

static void job_not_last(struct kref *ref)
{
	WARN_ONCE(1, "hvcal: a job that its session has lost\n");
}

void hvcal_job_take_back_locked(struct hvcal_job *job)
{
	struct hvcal_binding *b = job->work.binding;

	lockdep_assert_held(&hvcal.lock);

	hvcal_work_retract_locked(&job->work);
	job->work.binding = NULL;
	job->work.held = false;
	job->accepted = false;
	job->start_ns = 0;
	atomic_set(&job->state, HVCAL_JOB_READY);
	hvcal_queue_append(&b->engine->queue, &b->flow, &job->ticket, ktime_get_ns());
	/* the reference of the provider; the session has its own */
	kref_put(&job->ref, job_not_last);
	hvcal_binding_put(b);
}

int hvcal_job_cancel(struct hvcal_session *s, u64 id)
{
	struct hvcal_job *job, *tmp;
	unsigned long flags;
	bool found = !id;
	int count = 0;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry_safe(job, tmp, &s->jobs, link) {
		if (id ? job->id != id : job->work.type != HVCAL_ITEM_ENCODE)
			continue;
		found = true;
		count += hvcal_job_finish_locked(job, HVCAL_JOB_CANCELED, -ECANCELED,
						 false, NULL);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return found ? count : -ENOENT;
}

struct dma_fence *hvcal_job_out_fence(struct hvcal_session *s, u64 id)
{
	struct dma_fence *fence = ERR_PTR(-ENOENT);
	struct hvcal_job *job;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(job, &s->jobs, link) {
		if (job->id != id)
			continue;
		fence = job->out_fence ? dma_fence_get(job->out_fence) :
					 ERR_PTR(-EOPNOTSUPP);
		break;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return fence;
}
