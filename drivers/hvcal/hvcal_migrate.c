// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions whose engine is gone: they move to another one that can do the job, or
 * wait a while for one to come. Their queued jobs follow.
 *
 * A session that waits keeps the binding to its old engine: jobs can be submitted
 * and cancelled all the time, they stand in a queue that nobody serves.
 *
 * Jobs that an engine had are issued again if the session asked for that and nobody
 * writes their targets any more: the provider's file is closed, or its process runs no
 * more and the engine is no device. A provider that only hangs may wake up and write, so
 * what it has fails, and the targets stay quarantined - unless it is one that is killed
 * when it hangs (HVCAL_ENGINE_KILL).
 *
 * A session also moves on from an engine that cannot do what it asks: that fails
 * to open it, or a reconfiguration, or the first frame, with -EINVAL or -EOPNOTSUPP.
 * Its provider has tried less demanding parameters by then, if it knows some. No
 * engine is asked twice for the same: the session remembers HVCAL_REFUSED of them,
 * and asks no more than that until a frame has come out. Then the error is told.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "hvcal_internal.h"
#include "hvcal_trace.h"

static unsigned int failover_grace_ms = 5000;
module_param(failover_grace_ms, uint, 0644);
MODULE_PARM_DESC(failover_grace_ms, "Time that a session waits for another engine, ms");

bool hvcal_migrate_may_reissue(const struct hvcal_job *job)
{
	return job->session->loss == HVCAL_LOSS_REISSUE && !job->out_fence;
}

static void take_back_jobs_locked(struct hvcal_session *s, struct hvcal_binding *from)
{
	bool quiet = hvcal_engine_quiet_locked(from->engine);
	struct hvcal_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, &s->jobs, link) {
		bool frame = job->work.type == HVCAL_ITEM_ENCODE;

		if (atomic_read(&job->state) != HVCAL_JOB_RUNNING || job->work.binding != from)
			continue;
		if (quiet && (!frame || hvcal_migrate_may_reissue(job)))
			hvcal_job_take_back_locked(job);
		else
			hvcal_job_finish_locked(job, HVCAL_JOB_ERROR, -ENODEV, false, NULL);
	}
}

/* Queues everything that is not finished at @to, in the order of submission. */
static void move_jobs_locked(struct hvcal_session *s, struct hvcal_binding *from,
			     struct hvcal_binding *to)
{
	struct hvcal_job *job, *tmp;
	u64 now = ktime_get_ns();

	list_for_each_entry_safe(job, tmp, &s->jobs, link) {
		int state = atomic_read(&job->state);

		if (state != HVCAL_JOB_WAITING && state != HVCAL_JOB_READY)
			continue;
		if (!hvcal_job_may_run_on(job, to->engine)) {
			hvcal_job_finish_locked(job, HVCAL_JOB_ERROR, -EXDEV, true, NULL);
			continue;
		}
		hvcal_queue_remove(&from->engine->queue, &from->flow, &job->ticket, now);
		job->engine = to->engine->id;
		if (job->work.type == HVCAL_ITEM_ENCODE)
			job->ticket.cost_ns = hvcal_sched_cost_locked(to, job->pixels);
		hvcal_queue_append(&to->engine->queue, &to->flow, &job->ticket, now);
	}
}

/* What is not finished stays queued at the engine that @s has left, closed. */
static void leave_locked(struct hvcal_session *s)
{
	struct hvcal_binding *b = s->binding;

	hvcal_queue_open(&b->engine->queue, &b->flow, false, ktime_get_ns());
	take_back_jobs_locked(s, b);
	hvcal_binding_close_locked(b);
	hvcal_binding_leave_locked(b);
}

void hvcal_migrate_leave_locked(struct hvcal_session *s)
{
	unsigned int grace = READ_ONCE(failover_grace_ms);

	lockdep_assert_held(&hvcal.lock);

	/* who named an engine wanted that one */
	if (s->named) {
		hvcal_session_lost_locked(s, -ENODEV);
		return;
	}
	leave_locked(s);
	if (s->state == HVCAL_SESSION_ACTIVE)
		s->state = HVCAL_SESSION_MIGRATING;
	s->homeless = true;
	hvcal_session_get(s);
	if (!queue_delayed_work(hvcal.wq, &s->grace, msecs_to_jiffies(grace)))
		hvcal_session_put(s);
}

/* @s has left its engine and goes to that of @offer. */
static void settle_locked(struct hvcal_session *s, struct hvcal_binding *to,
			  const struct hvcal_offer *offer, struct hvcal_model **spare)
{
	struct hvcal_binding *from = s->binding;

	hvcal_binding_start_locked(to, s, offer, spare);
	move_jobs_locked(s, from, to);
	s->binding = to;
	s->homeless = false;
	s->placed = offer->placed;
	s->moved_ns = ktime_get_ns();
	s->stats.migrations++;
	trace_hvcal_migrate(s, from->engine->id, to->engine->id);
	hvcal_binding_put(from);
	hvcal_sched_replan_locked(to->engine);
}

/* Where could @s go, but to @leaving? To one that can do what it will ask for. */
static bool choose_locked(struct hvcal_session *s, u32 leaving, struct hvcal_offer *offer)
{
	struct hvcal_place_ask ask = s->ask;
	struct hvcal_session_reply reply = {};
	struct hvcal_wish wish = {
		.ask = &ask,
		.res = &s->asked,
		.client = s->client,
		.refused = s->refused,
		.leaving = leaving,
		.promised = true,
	};

	if (leaving) {
		ask.width = s->asked.width;
		ask.height = s->asked.height;
		ask.bit_depth = s->asked.bit_depth;
	}
	return !hvcal_sched_choose_locked(&wish, offer, &reply);
}

/* True: @s has an engine now. */
static bool find_place_locked(struct hvcal_session *s, struct hvcal_binding *to,
			      struct hvcal_model **spare)
{
	struct hvcal_offer offer;
	u32 leaving = s->leaving;
	bool found;

	s->leaving = 0;
	found = leaving && choose_locked(s, leaving, &offer);
	/* rather back than nowhere */
	if (!found && !choose_locked(s, 0, &offer))
		return false;
	settle_locked(s, to, &offer, spare);
	return true;
}

void hvcal_migrate_locked(struct hvcal_session *s, struct hvcal_binding *to,
			  const struct hvcal_offer *offer, struct hvcal_model **spare)
{
	lockdep_assert_held(&hvcal.lock);

	leave_locked(s);
	/* one that was never open is still to be */
	if (s->state == HVCAL_SESSION_ACTIVE)
		s->state = HVCAL_SESSION_MIGRATING;
	settle_locked(s, to, offer, spare);
}

bool hvcal_migrate_may_take_locked(const struct hvcal_session *s, const struct hvcal_engine *e)
{
	const struct hvcal_job *job;

	lockdep_assert_held(&hvcal.lock);

	list_for_each_entry(job, &s->jobs, link)
		if (!hvcal_job_is_final(atomic_read(&job->state)) && !hvcal_job_may_run_on(job, e))
			return false;
	return true;
}

/* Another engine for @s, whose provider comes for its work. */
static bool find_other_locked(struct hvcal_session *s, struct hvcal_offer *offer)
{
	return choose_locked(s, s->binding->engine->id, offer) &&
	       offer->engine->provider->state == HVCAL_PROVIDER_LIVE &&
	       hvcal_migrate_may_take_locked(s, offer->engine);
}

bool hvcal_migrate_could_locked(struct hvcal_session *s)
{
	struct hvcal_offer offer;

	lockdep_assert_held(&hvcal.lock);

	return find_other_locked(s, &offer);
}

bool hvcal_migrate_away(struct hvcal_binding *from)
{
	struct hvcal_binding *to = hvcal_binding_alloc();
	struct hvcal_model *spare = hvcal_model_alloc();
	struct hvcal_session *s = from->session;
	bool may, moved = false;
	struct hvcal_offer offer;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	may = hvcal_patience_may_leave_locked(from);
	if (may && to && spare && find_other_locked(s, &offer)) {
		hvcal_migrate_locked(s, to, &offer, &spare);
		moved = true;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	kfree(spare);
	if (!moved)
		hvcal_binding_put(to);
	return moved || !may;
}

static void migrate(struct hvcal_session *s)
{
	struct hvcal_binding *b = hvcal_binding_alloc();
	struct hvcal_model *spare = hvcal_model_alloc();
	unsigned long flags;
	bool moved = false;

	if (b && spare) {
		spin_lock_irqsave(&hvcal.lock, flags);
		moved = s->homeless && find_place_locked(s, b, &spare);
		spin_unlock_irqrestore(&hvcal.lock, flags);
	}
	kfree(spare);
	if (!moved)
		hvcal_binding_put(b);
	else if (cancel_delayed_work(&s->grace))
		hvcal_session_put(s);
}

void hvcal_migrate_homeless(void)
{
	struct hvcal_session *s, *found;
	unsigned long flags;
	u64 round = atomic64_inc_return(&hvcal.migrate_round);

	do {
		found = NULL;
		spin_lock_irqsave(&hvcal.lock, flags);
		list_for_each_entry(s, &hvcal.sessions, link) {
			if (!s->homeless || s->migrate_round >= round)
				continue;
			s->migrate_round = round;
			hvcal_session_get(s);
			found = s;
			break;
		}
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (found) {
			migrate(found);
			hvcal_session_put(found);
		}
	} while (found);
}

static void migrate_work(struct work_struct *work)
{
	hvcal_migrate_homeless();
}

static DECLARE_WORK(retry, migrate_work);

static void remember_locked(struct hvcal_session *s, int status)
{
	s->refused[s->next_refused++ % HVCAL_REFUSED] = s->binding->engine->id;
	s->refusals++;
	s->refusal = status;
}

/* One that was never open is not kept waiting for an engine that may come. */
void hvcal_migrate_refused_locked(struct hvcal_session *s, int status)
{
	struct hvcal_offer offer;

	lockdep_assert_held(&hvcal.lock);

	remember_locked(s, status);
	if (s->named || s->refusals >= HVCAL_REFUSED ||
	    (s->state == HVCAL_SESSION_OPENING && !choose_locked(s, 0, &offer))) {
		hvcal_session_lost_locked(s, status);
		return;
	}
	hvcal_migrate_leave_locked(s);
	queue_work(hvcal.wq, &retry);
}

/* Others that its engine has would be lost if it left now. */
static bool only_one_there_locked(const struct hvcal_job *job)
{
	const struct hvcal_job *other;

	list_for_each_entry(other, &job->session->jobs, link)
		if (other != job && other->work.binding == job->work.binding &&
		    atomic_read(&other->state) == HVCAL_JOB_RUNNING)
			return false;
	return true;
}

bool hvcal_migrate_job_refused_locked(struct hvcal_job *job, int status)
{
	struct hvcal_binding *b = job->work.binding;
	struct hvcal_session *s = job->session;
	bool frame = job->work.type == HVCAL_ITEM_ENCODE;
	struct hvcal_offer offer;

	lockdep_assert_held(&hvcal.lock);

	if (status != -EINVAL && status != -EOPNOTSUPP)
		return false;
	if (s->binding != b || s->state != HVCAL_SESSION_ACTIVE || s->named ||
	    job->out_fence || !only_one_there_locked(job))
		return false;
	/* What comes after the first frame is that frame's own. */
	if (frame && (b->proven || s->refusals >= HVCAL_REFUSED - 1))
		return false;
	/* It may do what is asked now: then it is as good as any to come back to. */
	if (!frame && (job->work.type != HVCAL_ITEM_RECONFIGURE || job->refused_by))
		return false;
	if (!choose_locked(s, b->engine->id, &offer))
		return false;

	if (frame)
		remember_locked(s, status);
	else
		job->refused_by = b->engine->id;
	s->leaving = b->engine->id;
	hvcal_job_take_back_locked(job);
	hvcal_migrate_leave_locked(s);
	queue_work(hvcal.wq, &retry);
	return true;
}

void hvcal_migrate_proven_locked(struct hvcal_binding *b)
{
	lockdep_assert_held(&hvcal.lock);

	b->proven = true;
	b->session->refusals = 0;
	b->session->refusal = 0;
}

void hvcal_migrate_forgive_locked(struct hvcal_session *s, u32 engine)
{
	lockdep_assert_held(&hvcal.lock);

	memset(s->refused, 0, sizeof(s->refused));
	s->refused[s->next_refused++ % HVCAL_REFUSED] = engine;
}

static void migrate_give_up(struct work_struct *work)
{
	struct hvcal_session *s = container_of(to_delayed_work(work), struct hvcal_session, grace);
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	if (s->homeless)
		hvcal_session_lost_locked(s, s->refusal ?: -ENODEV);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_session_put(s);
}

void hvcal_migrate_init(struct hvcal_session *s)
{
	INIT_DELAYED_WORK(&s->grace, migrate_give_up);
}

void hvcal_migrate_stop(struct hvcal_session *s)
{
	if (cancel_delayed_work_sync(&s->grace))
		hvcal_session_put(s);
}
