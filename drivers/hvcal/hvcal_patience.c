// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions that their engine keeps waiting.
 *
 * The watchdogs take their time, as their verdict costs a provider all its engines.
 * A stream has less. So sessions of which a provider has nothing in hand move on
 * before there is a verdict, if another engine can take them at once:
 *
 * - from a provider that was woken for work, has not even looked at it since, and
 *   has nothing else to be busy with: it is stopped, or its acquiring thread hangs.
 *   Streams, which are sessions that state a period, be they real time or best effort,
 *   go when their frame (or OPEN) has lain there for two periods and
 *   watchdog_move_ms, and its deadline is over;
 * - from one that owes an answer for longer than its budget and gets nothing new
 *   till then: streams go at once;
 * - from a process that is being killed or dumps core: all go at once. Its file is
 *   closed much later, when its memory, and perhaps its GPU contexts, are torn down.
 *   It is seen when it looks for work for the last time, or when work comes for it.
 *   What it has in hand is waited for until its threads have ended, and that of a
 *   device until the file is closed.
 *
 * The provider is SUSPECT meanwhile, and with that the last choice, but it loses
 * nothing: as soon as it looks for work it is LIVE. If no other engine is
 * there, nothing happens. A session with frames in the provider's hands stays, for
 * they come out first.
 *
 * A false alarm costs a key frame. A busy machine gives few: a look that
 * comes late itself tells of the machine, and does not count.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/time64.h>

#include "hvcal_internal.h"

/* Threads that were killed end as soon as they have a processor. */
#define END_TRIES	20
#define END_WAIT_US	500

static u64 patience_floor(void)
{
	return (u64)READ_ONCE(hvcal_watchdog_move_ms) * NSEC_PER_MSEC;
}

static void patience_arm(struct hvcal_provider *p, u64 delay_ns)
{
	hvcal_provider_get(p);
	WRITE_ONCE(p->look_ns, ktime_get_ns() + delay_ns);
	/* one jiffy late rather than early */
	if (!queue_delayed_work(hvcal.wq, &p->patience, nsecs_to_jiffies(delay_ns) + 1))
		hvcal_provider_put(p);
}

static void patience_now(struct hvcal_provider *p)
{
	hvcal_provider_get(p);
	/* its own reference, if it was queued already */
	if (mod_delayed_work(hvcal.wq, &p->patience, 0))
		hvcal_provider_put(p);
}

/* Who was killed while at work does not look any more. */
static bool process_dies(const struct hvcal_provider *p)
{
	const struct task_struct *task;
	bool dies;

	rcu_read_lock();
	task = pid_task(p->tgid, PIDTYPE_TGID);
	dies = !task || READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT;
	rcu_read_unlock();
	return dies;
}

void hvcal_patience_expect(struct hvcal_provider *p)
{
	u64 floor = patience_floor();

	if (READ_ONCE(p->state) != HVCAL_PROVIDER_DEAD && !READ_ONCE(p->doomed) &&
	    process_dies(p)) {
		patience_now(p);
		return;
	}

	if (!READ_ONCE(p->woken_ns))
		WRITE_ONCE(p->woken_ns, ktime_get_ns());
	if (floor && !delayed_work_pending(&p->patience) &&
	    READ_ONCE(p->state) != HVCAL_PROVIDER_DEAD)
		patience_arm(p, floor);
}

void hvcal_patience_end_locked(struct hvcal_provider *p)
{
	lockdep_assert_held(&hvcal.lock);

	if (p->state != HVCAL_PROVIDER_DEAD)
		patience_now(p);
}

/* Its process gets no further than to its end. */
static bool doom_locked(struct hvcal_provider *p)
{
	if (p->doomed || p->state == HVCAL_PROVIDER_DEAD)
		return false;
	p->doomed = true;
	hvcal_provider_judge_locked(p);
	return true;
}

static void provider_doomed(struct hvcal_provider *p)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	if (doom_locked(p))
		hvcal_patience_end_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

/* There may be nothing that it could come for: its sessions are gone. */
static void provider_is_back(struct hvcal_provider *p)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	p->shunned = false;
	hvcal_provider_judge_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

void hvcal_patience_looked(struct hvcal_provider *p, bool work)
{
	WRITE_ONCE(p->woken_ns, work ? ktime_get_ns() : 0);
	if (READ_ONCE(p->shunned))
		provider_is_back(p);
	/* a signal makes poll() and ACQUIRE look once more before they return */
	if (fatal_signal_pending(current) && p->tgid == task_tgid(current))
		provider_doomed(p);
}

/* ------------------------------------------------------------------------ */
/* Who goes, and when                                                       */

bool hvcal_patience_may_leave_locked(const struct hvcal_binding *b)
{
	const struct hvcal_session *s = b->session;
	const struct hvcal_provider *p = b->engine->provider;
	const struct hvcal_job *job;

	lockdep_assert_held(&hvcal.lock);

	if (s->binding != b || b->gone || s->named ||
	    (!s->res.period_ns && !p->doomed && b->engine->state != HVCAL_ENGINE_DRAINING))
		return false;
	if (hvcal_engine_quiet_locked(b->engine))
		return true;
	if (b->open.state == HVCAL_WORK_ISSUED && !p->doomed)
		return false;
	list_for_each_entry(job, &s->jobs, link)
		if (atomic_read(&job->state) == HVCAL_JOB_RUNNING)
			return false;
	return true;
}

/* How long the session of @b waits for its provider to look; U64_MAX: it does not wait. */
static u64 binding_due_locked(const struct hvcal_binding *b, u64 woken_ns)
{
	u64 patience = max(2 * b->session->res.period_ns, patience_floor());
	const struct hvcal_job *job;

	if (b->open.state == HVCAL_WORK_QUEUED)
		return max(b->open.issued_ns, woken_ns) + patience;
	list_for_each_entry(job, &b->session->jobs, link) {
		const struct hvcal_ticket *t = &job->ticket;
		int state = atomic_read(&job->state);

		if (state == HVCAL_JOB_READY)
			return max(max3(job->ready_ns, t->release_ns, woken_ns) + patience,
				   t->deadline_ns);
		if (!hvcal_job_is_final(state))
			break;
	}
	return U64_MAX;
}

static bool provider_stuck_locked(const struct hvcal_provider *p)
{
	return p->overdue || p->doomed;
}

/* Does @p keep anybody waiting for too long? If not, @next says when to look again, 0 never. */
static bool patience_over_locked(struct hvcal_provider *p, u64 now, u64 *next)
{
	u64 woken_ns = READ_ONCE(p->woken_ns), first = U64_MAX;
	struct hvcal_binding *b;
	struct hvcal_engine *e;

	*next = 0;
	if (p->state == HVCAL_PROVIDER_DEAD)
		return false;
	if (provider_stuck_locked(p))
		return true;
	if (!woken_ns || !hvcal_provider_has_work_locked(p) || hvcal_watchdog_busy_locked(p))
		return false;
	list_for_each_entry(e, &p->engines, provider_link)
		list_for_each_entry(b, &e->bindings, link)
			if (hvcal_patience_may_leave_locked(b))
				first = min(first, binding_due_locked(b, woken_ns));
	if (first <= now)
		return true;
	if (first != U64_MAX)
		*next = first;
	return false;
}

/* One that goes now and was not asked in this @round; with a reference. */
static struct hvcal_binding *next_leaver_locked(struct hvcal_provider *p, u64 round, u64 now)
{
	u64 woken_ns = READ_ONCE(p->woken_ns);
	struct hvcal_binding *b;
	struct hvcal_engine *e;

	list_for_each_entry(e, &p->engines, provider_link)
		list_for_each_entry(b, &e->bindings, link) {
			if (b->session->migrate_round >= round ||
			    !hvcal_patience_may_leave_locked(b))
				continue;
			if (!provider_stuck_locked(p) &&
			    (!woken_ns || binding_due_locked(b, woken_ns) > now))
				continue;
			b->session->migrate_round = round;
			hvcal_binding_get(b);
			return b;
		}
	return NULL;
}

/* False: for some there is no other place now. */
static bool leave_all(struct hvcal_provider *p, u64 now)
{
	u64 round = atomic64_inc_return(&hvcal.migrate_round);
	struct hvcal_binding *b;
	unsigned long flags;
	bool all = true;

	do {
		spin_lock_irqsave(&hvcal.lock, flags);
		b = next_leaver_locked(p, round, now);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (b) {
			all &= hvcal_migrate_away(b);
			hvcal_binding_put(b);
		}
	} while (b);
	return all;
}

/*
 * Has the process of @p run for the last time, and has nobody else its file? That stays
 * open until the memory of the process is torn down.
 */
static bool provider_ended_locked(const struct hvcal_provider *p)
{
	const struct task_struct *task;
	bool ended;

	if (p->closed || !p->file || file_count(p->file) != 1)
		return false;
	rcu_read_lock();
	task = pid_task(p->tgid, PIDTYPE_TGID);
	ended = !task || !atomic_read(&task->signal->live);
	rcu_read_unlock();
	return ended;
}

/* Waits a little for the end of @p's process; false: it still has something in hand. */
static bool await_end(struct hvcal_provider *p)
{
	unsigned long flags;
	unsigned int i;
	bool over;

	for (i = 0; i < END_TRIES; i++) {
		if (i)
			usleep_range(END_WAIT_US / 2, END_WAIT_US);
		spin_lock_irqsave(&hvcal.lock, flags);
		p->ended |= p->doomed && provider_ended_locked(p);
		over = p->ended || !p->doomed || p->closed || hash_empty(p->issued);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (over)
			return true;
	}
	return false;
}

static void patience_look(struct work_struct *work)
{
	struct hvcal_provider *p = container_of(to_delayed_work(work), struct hvcal_provider,
						patience);
	u64 now = ktime_get_ns(), next, floor = patience_floor();
	unsigned long flags;
	bool over, late;

	spin_lock_irqsave(&hvcal.lock, flags);
	if (process_dies(p))
		doom_locked(p);
	over = patience_over_locked(p, now, &next);
	late = now > READ_ONCE(p->look_ns) + floor / 2 && !provider_stuck_locked(p);
	if (over && late) {
		over = false;
		next = now + floor / 2;
	} else if (over && !provider_stuck_locked(p)) {
		p->shunned = true;
		hvcal_provider_judge_locked(p);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	/* an engine may come */
	if (over && !leave_all(p, now))
		next = now + floor;
	if (over && READ_ONCE(p->doomed)) {
		if (await_end(p))
			leave_all(p, now);
		else
			next = now + END_TRIES * END_WAIT_US * NSEC_PER_USEC;
	}
	if (next && floor)
		patience_arm(p, next - now);
	hvcal_provider_put(p);
}

void hvcal_patience_init(struct hvcal_provider *p)
{
	INIT_DELAYED_WORK(&p->patience, patience_look);
}

void hvcal_patience_stop(struct hvcal_provider *p)
{
	if (cancel_delayed_work_sync(&p->patience))
		hvcal_provider_put(p);
}
