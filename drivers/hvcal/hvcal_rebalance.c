// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that move to a better engine while theirs works.
 *
 * A stream can change its encoder at a key frame only, so that is where it
 * happens. A key frame whose session would now be served better elsewhere waits at
 * a gate, as if for a fence, until the frames before it are done. Then the session
 * moves, and the gate opens. It opens without a move if the engine holds frames
 * back until it gets more, or if the better place is gone meanwhile.
 */
#include <linux/module.h>
#include <linux/time64.h>

#include "hvcal_internal.h"

static unsigned int rebalance_ms = 1000;
module_param(rebalance_ms, uint, 0644);
MODULE_PARM_DESC(rebalance_ms,
		 "Least time between two moves of a session to better engines, ms; 0 never");

/* Is anything of @s before @job not finished? @held: the engine wants more first. */
static bool frames_before_locked(const struct hvcal_session *s, const struct hvcal_job *job,
				 bool *held)
{
	const struct hvcal_job *j;
	bool any = false;

	*held = false;
	list_for_each_entry(j, &s->jobs, link) {
		if (j == job)
			break;
		if (hvcal_job_is_final(atomic_read(&j->state)))
			continue;
		any = true;
		*held |= j->work.held;
	}
	return any;
}

/* A better place that can do all that is queued. */
static bool find_better_locked(struct hvcal_session *s, struct hvcal_offer *offer)
{
	return hvcal_sched_better_locked(s, offer) &&
	       hvcal_migrate_may_take_locked(s, offer->engine);
}

bool hvcal_rebalance_gate_locked(struct hvcal_job *job)
{
	u64 rest = (u64)READ_ONCE(rebalance_ms) * NSEC_PER_MSEC;
	struct hvcal_session *s = job->session;
	struct hvcal_offer offer;
	bool held;

	lockdep_assert_held(&hvcal.lock);

	if (!(job->flags & HVCAL_JOB_KEY) || s->gated || s->named || !rest ||
	    s->state != HVCAL_SESSION_ACTIVE)
		return false;
	if (s->moved_ns && ktime_get_ns() - s->moved_ns < rest)
		return false;
	frames_before_locked(s, job, &held);
	if (held || !find_better_locked(s, &offer))
		return false;
	s->gated = job;
	return true;
}

void hvcal_rebalance_check_locked(struct hvcal_session *s)
{
	bool held;

	lockdep_assert_held(&hvcal.lock);

	if (!s->gated || (frames_before_locked(s, s->gated, &held) && !held))
		return;
	hvcal_session_get(s);
	if (!queue_work(hvcal.wq, &s->rebalance))
		hvcal_session_put(s);
}

void hvcal_rebalance_forget_locked(struct hvcal_job *job)
{
	lockdep_assert_held(&hvcal.lock);

	if (job->session->gated == job)
		job->session->gated = NULL;
}

/* Takes the key frame from the gate. True: its session has moved to @to. */
static bool pass_gate_locked(struct hvcal_session *s, struct hvcal_binding *to,
			     struct hvcal_model **spare, struct hvcal_job **job)
{
	struct hvcal_offer offer;
	bool held;

	*job = s->gated;
	if (!s->gated)
		return false;
	s->gated = NULL;
	hvcal_job_get(*job);
	if (!to || !*spare || s->state != HVCAL_SESSION_ACTIVE ||
	    frames_before_locked(s, *job, &held) || !find_better_locked(s, &offer))
		return false;
	hvcal_migrate_locked(s, to, &offer, spare);
	return true;
}

static void rebalance(struct work_struct *work)
{
	struct hvcal_session *s = container_of(work, struct hvcal_session, rebalance);
	struct hvcal_binding *to = hvcal_binding_alloc();
	struct hvcal_model *spare = hvcal_model_alloc();
	struct hvcal_job *job;
	unsigned long flags;
	bool moved;

	spin_lock_irqsave(&hvcal.lock, flags);
	moved = pass_gate_locked(s, to, &spare, &job);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	kfree(spare);
	if (!moved)
		hvcal_binding_put(to);
	if (job) {
		hvcal_fence_open_gate(job);
		hvcal_job_put(job);
	}
	hvcal_session_put(s);
}

void hvcal_rebalance_init(struct hvcal_session *s)
{
	INIT_WORK(&s->rebalance, rebalance);
}

void hvcal_rebalance_stop(struct hvcal_session *s)
{
	if (cancel_work_sync(&s->rebalance))
		hvcal_session_put(s);
}
