// SPDX-License-Identifier: GPL-2.0
/* Items on their way to a provider and back. */
#include "hvcal_internal.h"

static struct hvcal_job *work_job(struct hvcal_work *w)
{
	if (w->type == HVCAL_ITEM_OPEN || w->type == HVCAL_ITEM_CLOSE)
		return NULL;
	return container_of(w, struct hvcal_job, work);
}

void hvcal_work_queue_locked(struct hvcal_work *w, struct hvcal_binding *b, u32 type)
{
	struct hvcal_provider *p = b->engine->provider;

	lockdep_assert_held(&hvcal.lock);

	hvcal_binding_get(b);
	w->binding = b;
	w->type = type;
	w->state = HVCAL_WORK_QUEUED;
	w->id = atomic64_inc_return(&hvcal.next_item);
	w->issued_ns = ktime_get_ns();
	list_add_tail(&w->link, &p->control);
	hvcal_provider_wake(p);
}

void hvcal_work_unqueue_locked(struct hvcal_work *w)
{
	struct hvcal_binding *b = w->binding;

	lockdep_assert_held(&hvcal.lock);

	list_del_init(&w->link);
	w->state = HVCAL_WORK_IDLE;
	w->binding = NULL;
	hvcal_binding_put(b);
}

void hvcal_work_issue_locked(struct hvcal_work *w, u64 now, u64 budget_ns)
{
	struct hvcal_engine *e = w->binding->engine;

	lockdep_assert_held(&hvcal.lock);

	w->state = HVCAL_WORK_ISSUED;
	w->held = false;
	w->strikes = 0;
	w->excused = false;
	w->issued_ns = now;
	w->budget_ns = budget_ns;
	hash_add(e->provider->issued, &w->hash, w->id);
	hvcal_watchdog_arm_locked(e, now + budget_ns);
}

void hvcal_work_hold_locked(struct hvcal_work *w)
{
	struct hvcal_binding *b = w->binding;

	lockdep_assert_held(&hvcal.lock);

	/* the clock of the next job in the stream, also of a FLUSH that yields frames */
	b->last_done_ns = ktime_get_ns();
	if (w->held)
		return;
	w->held = true;
	list_del_init(&work_job(w)->run_link);
	b->engine->running--;
	hvcal_queue_done(&b->engine->queue, &b->flow, &work_job(w)->ticket, b->last_done_ns);
	hvcal_rebalance_check_locked(b->session);
	hvcal_drain_check_locked(b->session);
}

void hvcal_work_retract_locked(struct hvcal_work *w)
{
	struct hvcal_provider *p = w->binding->engine->provider;
	struct hvcal_job *job = work_job(w);

	lockdep_assert_held(&hvcal.lock);

	if (job) {
		hvcal_work_hold_locked(w);
		list_del_init(&job->cancel_link);
		if (job->quarantines)
			job->target->quarantined--;
		job->quarantines = false;
	}
	hash_del(&w->hash);
	w->state = HVCAL_WORK_IDLE;
	if (w->strikes && !--p->overdue)
		hvcal_provider_judge_locked(p);
	hvcal_provider_wake(p);
}

void hvcal_work_put_list(struct list_head *works)
{
	struct hvcal_work *w, *tmp;

	list_for_each_entry_safe(w, tmp, works, link) {
		struct hvcal_binding *b = w->binding;
		struct hvcal_job *job = work_job(w);

		list_del_init(&w->link);
		w->binding = NULL;
		if (job)
			hvcal_job_put(job);
		hvcal_binding_put(b);
	}
}
