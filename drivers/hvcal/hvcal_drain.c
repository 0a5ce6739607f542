// SPDX-License-Identifier: GPL-2.0
/*
 * Engines that are given up on purpose.
 *
 * A provider that is to end says so first (HVCAL_ENGINE_UPDATE_DRAIN). Its engine
 * then gets no new sessions, and those that it has move to other engines: each as
 * soon as there is one for it, and nothing of it is in the provider's hands. The next
 * frames of a session that has somewhere to go stay in the queue till then, or
 * that would never be. Nothing is coded twice, nothing is lost.
 *
 * Three kinds of sessions stay, and are served until the engine goes: who named it,
 * who has nowhere else to go (that is looked at again and again), and whose frames
 * the encoder holds until it gets more (look-ahead).
 */
#include <linux/time64.h>

#include "hvcal_internal.h"

#define DRAIN_LOOK_MS	100	/* engines come, and others make room */

/* Goes on with @b: it does not leave, at least not now. */
static void let_go_on_locked(struct hvcal_binding *b)
{
	if (!b->waits || b->session->binding != b)
		return;
	b->waits = false;
	hvcal_queue_open(&b->engine->queue, &b->flow, true, ktime_get_ns());
	hvcal_provider_wake(b->engine->provider);
}

/* Are there frames of @s in the provider's hands that it will give back by itself? */
static bool runs_dry_locked(const struct hvcal_session *s)
{
	const struct hvcal_job *job;

	list_for_each_entry(job, &s->jobs, link)
		if (atomic_read(&job->state) == HVCAL_JOB_RUNNING && job->work.held)
			return false;
	return true;
}

/* Holds the next frames of @b back, if it then can leave. True: it can now. */
static bool prepare_locked(struct hvcal_binding *b)
{
	if (hvcal_patience_may_leave_locked(b))
		return true;
	if (!b->waits && b->flow.open && b->session->binding == b && !b->session->named &&
	    hvcal_migrate_could_locked(b->session)) {
		b->waits = true;
		hvcal_queue_open(&b->engine->queue, &b->flow, false, ktime_get_ns());
	}
	if (!runs_dry_locked(b->session))
		let_go_on_locked(b);
	return false;
}

/*
 * The next session of @e, if it can leave; with a reference. There may be thousands:
 * the lock is held for one of them, which goes to the end of the list.
 */
static struct hvcal_binding *look_at_next(struct hvcal_engine *e, bool all)
{
	struct hvcal_binding *b;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	b = list_first_entry_or_null(&e->bindings, struct hvcal_binding, link);
	if (b) {
		list_move_tail(&b->link, &e->bindings);
		if ((all || b->waits) && prepare_locked(b))
			hvcal_binding_get(b);
		else
			b = NULL;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return b;
}

static void leave(struct hvcal_binding *b)
{
	unsigned long flags;

	if (!hvcal_migrate_away(b)) {
		spin_lock_irqsave(&hvcal.lock, flags);
		let_go_on_locked(b);
		spin_unlock_irqrestore(&hvcal.lock, flags);
	}
	hvcal_binding_put(b);
}

static void drain_arm_locked(struct hvcal_engine *e, unsigned int ms)
{
	hvcal_engine_get(e);
	/* its own reference, if it was queued already */
	if (mod_delayed_work(hvcal.wq, &e->drain, msecs_to_jiffies(ms)))
		hvcal_engine_put(e);
}

static void drain_look(struct work_struct *work)
{
	struct hvcal_engine *e = container_of(to_delayed_work(work), struct hvcal_engine, drain);
	u64 now = ktime_get_ns();
	struct hvcal_binding *b;
	unsigned long flags;
	u32 left = READ_ONCE(e->sessions);
	bool all = now >= e->drain_ns;

	if (all)
		e->drain_ns = now + DRAIN_LOOK_MS * NSEC_PER_MSEC;
	while (left--) {
		b = look_at_next(e, all);
		if (b)
			leave(b);
	}
	spin_lock_irqsave(&hvcal.lock, flags);
	if (e->state == HVCAL_ENGINE_DRAINING && !delayed_work_pending(&e->drain))
		drain_arm_locked(e, DRAIN_LOOK_MS);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_engine_put(e);
}

void hvcal_drain_start_locked(struct hvcal_engine *e)
{
	lockdep_assert_held(&hvcal.lock);

	if (e->state != HVCAL_ENGINE_READY)
		return;
	e->state = HVCAL_ENGINE_DRAINING;
	hvcal.generation++;
	drain_arm_locked(e, 0);
}

void hvcal_drain_check_locked(struct hvcal_session *s)
{
	lockdep_assert_held(&hvcal.lock);

	/* the others are looked at now and then */
	if (s->binding && s->binding->waits)
		drain_arm_locked(s->binding->engine, 0);
}

void hvcal_drain_init(struct hvcal_engine *e)
{
	INIT_DELAYED_WORK(&e->drain, drain_look);
}

void hvcal_drain_stop(struct hvcal_engine *e)
{
	if (cancel_delayed_work_sync(&e->drain))
		hvcal_engine_put(e);
}
