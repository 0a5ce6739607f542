// SPDX-License-Identifier: GPL-2.0
/*
 * One watchdog an engine. It runs from the moment that a provider takes an item,
 * not from submission: waiting in the queue is no fault of the engine.
 *
 * First strike: the job ends with -ETIMEDOUT, its target is quarantined, and the
 * provider gets nothing new until it has answered. Still no answer after another
 * budget: the provider is dead and its engines are retired.
 *
 * A watchdog that itself comes late tells of a machine that stood still: a virtual
 * one that was paused, or whose processors others had. The provider stood as well,
 * and gets as much time again before it is judged; once for each strike, so that a
 * machine that is always late has its ends, too.
 *
 * And one a provider, for what nobody takes at all: the process is stopped, or
 * its acquiring thread hangs. While work lies there that ACQUIRE would give, and
 * the provider has nothing else in hand, it is looked at every third of
 * watchdog_attend_ms. The first look may come just after the work; at the second
 * one in a row the provider is SUSPECT, which hinders it in nothing: if it comes
 * now, all is well. At the third one it is dead. These are looks and not a clock:
 * on a machine that stands still, they stand still as well, and a look that comes
 * late itself tells of the machine and does not count.
 *
 * Who has something in hand may be a single thread that works on it; there the
 * first watchdog runs. Neither learned costs nor deadlines change the time: to
 * come for an item costs the same, whatever it is.
 */
#include <linux/math64.h>
#include <linux/time64.h>

#include "hvcal_internal.h"
#include "hvcal_trace.h"

/* Looks at a provider that does not come. */
#define MISSED_SUSPECT	2
#define MISSED_DEAD	3

/* Later than jiffies, and kworkers on a busy machine, make it. */
#define STILL_NS (50 * NSEC_PER_MSEC)

u64 hvcal_watchdog_control_budget(void)
{
	return (u64)READ_ONCE(hvcal_watchdog_cap_ms) * NSEC_PER_MSEC;
}

u64 hvcal_watchdog_job_budget(const struct hvcal_binding *b, const struct hvcal_job *job)
{
	const struct hvcal_reservation *res = &b->session->res;
	u64 floor = (u64)READ_ONCE(hvcal_watchdog_floor_ms) * NSEC_PER_MSEC;
	u64 cap = hvcal_watchdog_control_budget();

	if (job->work.type != HVCAL_ITEM_ENCODE || !b->model)
		return cap;
	return hvcal_cost_budget(&b->model->cost, job->pixels ?: res->width * res->height,
				 res->period_ns, floor, cap);
}

void hvcal_watchdog_arm_locked(struct hvcal_engine *e, u64 expires_ns)
{
	u64 now = ktime_get_ns();

	lockdep_assert_held(&hvcal.lock);

	if (e->state == HVCAL_ENGINE_GONE)
		return;
	if (e->watchdog_at && e->watchdog_at <= expires_ns)
		return;
	e->watchdog_at = expires_ns;
	/* one jiffy late rather than early */
	mod_delayed_work(hvcal.wq, &e->watchdog,
			 expires_ns > now ? nsecs_to_jiffies(expires_ns - now) + 1 : 0);
}

/* An engine works on the jobs of a stream one after another: look at the first. */
static struct hvcal_work *binding_watched_locked(struct hvcal_binding *b, u64 *due)
{
	struct hvcal_work *w = NULL;
	struct hvcal_job *job;

	if (b->open.state == HVCAL_WORK_ISSUED) {
		w = &b->open;
	} else {
		job = list_first_entry_or_null(&b->running, struct hvcal_job, run_link);
		if (job)
			w = &job->work;
		else if (b->close.state == HVCAL_WORK_ISSUED)
			w = &b->close;
	}
	if (w)
		*due = max(w->issued_ns, b->last_done_ns) + w->budget_ns;
	return w;
}

/* A frame that can be issued again once its provider has been killed. */
static bool watchdog_spares(const struct hvcal_job *job)
{
	return job->work.binding->engine->provider->kill && !job->session->named &&
	       hvcal_migrate_may_reissue(job);
}

static void watchdog_expire_locked(struct hvcal_engine *e, struct hvcal_work *w, u64 now)
{
	if (w->type != HVCAL_ITEM_OPEN && w->type != HVCAL_ITEM_CLOSE && !w->strikes) {
		struct hvcal_job *job = container_of(w, struct hvcal_job, work);

		trace_hvcal_job_timeout(job);
		if (!watchdog_spares(job))
			hvcal_job_finish_locked(job, HVCAL_JOB_TIMEDOUT, -ETIMEDOUT, false, NULL);
	}
	hvcal_provider_strike_locked(e->provider, w, now);
}

/* Gives the provider back what it lost with the machine, which was @late, or a budget. */
static bool watchdog_excuses(struct hvcal_work *w, u64 now, u64 late)
{
	if (late < STILL_NS || w->excused)
		return false;
	w->issued_ns = now + min(late, w->budget_ns) - w->budget_ns;
	w->excused = true;
	return true;
}

static void watchdog_fire(struct work_struct *work)
{
	struct hvcal_engine *e = container_of(to_delayed_work(work), struct hvcal_engine,
					      watchdog);
	struct hvcal_binding *b;
	u64 next = 0, late, now = ktime_get_ns();
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	late = e->watchdog_at && now > e->watchdog_at ? now - e->watchdog_at : 0;
	e->watchdog_at = 0;
	list_for_each_entry(b, &e->bindings, link) {
		u64 due;
		struct hvcal_work *w = binding_watched_locked(b, &due);

		if (w && due <= now) {
			if (!watchdog_excuses(w, now, late))
				watchdog_expire_locked(e, w, now);
			w = binding_watched_locked(b, &due);
		}
		if (w && (!next || due < next))
			next = due;
	}
	if (next && e->provider->state != HVCAL_PROVIDER_DEAD)
		hvcal_watchdog_arm_locked(e, next);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

void hvcal_watchdog_init(struct hvcal_engine *e)
{
	INIT_DELAYED_WORK(&e->watchdog, watchdog_fire);
}

/* ------------------------------------------------------------------------ */
/* Work that nobody comes for                                               */

static u64 look_interval(unsigned int ms)
{
	return div_u64((u64)ms * NSEC_PER_MSEC, MISSED_DEAD);
}

void hvcal_watchdog_expect(struct hvcal_provider *p)
{
	unsigned int ms = READ_ONCE(hvcal_watchdog_attend_ms);

	if (!ms || delayed_work_pending(&p->attend) ||
	    READ_ONCE(p->state) == HVCAL_PROVIDER_DEAD)
		return;
	hvcal_provider_get(p);
	WRITE_ONCE(p->late_ns, ktime_get_ns() + look_interval(ms) * 3 / 2);
	if (!queue_delayed_work(hvcal.wq, &p->attend,
				max(msecs_to_jiffies(ms) / MISSED_DEAD, 1UL)))
		hvcal_provider_put(p);
}

bool hvcal_watchdog_absent_locked(const struct hvcal_provider *p)
{
	return p->missed >= MISSED_SUSPECT;
}

static void attended_locked(struct hvcal_provider *p)
{
	p->missed = 0;
	hvcal_provider_judge_locked(p);
}

void hvcal_watchdog_attended(struct hvcal_provider *p)
{
	unsigned long flags;

	if (!READ_ONCE(p->missed))
		return;
	spin_lock_irqsave(&hvcal.lock, flags);
	attended_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

bool hvcal_watchdog_busy_locked(struct hvcal_provider *p)
{
	u64 now = ktime_get_ns();
	struct hvcal_work *w;
	int bucket;

	lockdep_assert_held(&hvcal.lock);

	hash_for_each(p->issued, bucket, w, hash)
		if (!w->held &&
		    max(w->issued_ns, w->binding->last_done_ns) + w->budget_ns > now)
			return true;
	return false;
}

static void attend_look(struct work_struct *work)
{
	struct hvcal_provider *p = container_of(to_delayed_work(work), struct hvcal_provider,
						attend);
	unsigned long flags;
	bool waits, late;

	spin_lock_irqsave(&hvcal.lock, flags);
	late = ktime_get_ns() > READ_ONCE(p->late_ns);
	waits = p->state != HVCAL_PROVIDER_DEAD && hvcal_provider_has_work_locked(p);
	if (!waits || hvcal_watchdog_busy_locked(p))
		attended_locked(p);
	else if (!late && ++p->missed == MISSED_DEAD)
		hvcal_provider_give_up_locked(p, "does not come for its work");
	else
		hvcal_provider_judge_locked(p);
	if (waits)
		hvcal_watchdog_expect(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_provider_put(p);
}

void hvcal_watchdog_init_provider(struct hvcal_provider *p)
{
	INIT_DELAYED_WORK(&p->attend, attend_look);
}

void hvcal_watchdog_stop_provider(struct hvcal_provider *p)
{
	if (cancel_delayed_work_sync(&p->attend))
		hvcal_provider_put(p);
}
