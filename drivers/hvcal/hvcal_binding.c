// SPDX-License-Identifier: GPL-2.0
/* One session's presence at one engine, from OPEN to CLOSE. */
#include <linux/slab.h>

#include "hvcal_internal.h"

struct hvcal_binding *hvcal_binding_alloc(void)
{
	struct hvcal_binding *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);

	if (!b)
		return NULL;
	kref_init(&b->ref);
	INIT_LIST_HEAD(&b->link);
	INIT_LIST_HEAD(&b->running);
	INIT_LIST_HEAD(&b->open.link);
	INIT_LIST_HEAD(&b->close.link);
	hvcal_object_add(HVCAL_OBJ_BINDINGS);
	return b;
}

static void binding_release(struct kref *ref)
{
	struct hvcal_binding *b = container_of(ref, struct hvcal_binding, ref);

	hvcal_session_put(b->session);
	hvcal_engine_put(b->engine);
	kfree(b);
	hvcal_object_del(HVCAL_OBJ_BINDINGS);
}

void hvcal_binding_get(struct hvcal_binding *b)
{
	kref_get(&b->ref);
}

void hvcal_binding_put(struct hvcal_binding *b)
{
	if (b)
		kref_put(&b->ref, binding_release);
}

void hvcal_binding_start_locked(struct hvcal_binding *b, struct hvcal_session *session,
				const struct hvcal_offer *offer, struct hvcal_model **spare)
{
	struct hvcal_engine *engine = offer->engine;
	struct hvcal_queue *q = &engine->queue;

	lockdep_assert_held(&hvcal.lock);

	hvcal_session_get(session);
	b->session = session;
	hvcal_engine_get(engine);
	b->engine = engine;
	b->stream = ++engine->provider->next_stream;
	b->claimed_ns_per_mpix = offer->claimed_ns_per_mpix;
	b->model = hvcal_model_get_locked(engine, &offer->key, offer->claimed_ns_per_mpix, spare);
	hvcal_queue_attach(q, &b->flow, session->res.sched_class == HVCAL_CLASS_REALTIME,
			   engine->session_depth);
	b->flow.task = offer->task;
	if (offer->lane != HVCAL_LANE_NONE) {
		hvcal_queue_settle(q, &b->flow, offer->lane, ktime_get_ns());
		hvcal_admit_refresh(&q->lane[offer->lane]);
	}
	list_add_tail(&b->link, &engine->bindings);
	engine->sessions++;
	hvcal_sibling_grant_locked(b);
	hvcal_sibling_update_locked(engine);
	hvcal_work_queue_locked(&b->open, b, HVCAL_ITEM_OPEN);
}

void hvcal_binding_leave_locked(struct hvcal_binding *b)
{
	struct hvcal_engine *e = b->engine;
	u64 now = ktime_get_ns();
	bool room;

	lockdep_assert_held(&hvcal.lock);

	if (b->gone)
		return;
	/* a guest leaves room for those who have no home only */
	room = b->flow.lane != HVCAL_LANE_NONE || e->queue.crowded;
	b->gone = true;
	list_del_init(&b->link);
	hvcal_queue_settle(&e->queue, &b->flow, HVCAL_LANE_NONE, now);
	hvcal_queue_detach(&e->queue, &b->flow, now);
	hvcal_model_put_locked(e, b->model);
	b->model = NULL;
	e->sessions--;
	/* for those under pressure; a plan looks at all sessions */
	if (room && e->state == HVCAL_ENGINE_READY)
		hvcal_sched_replan_locked(e);
}

void hvcal_binding_close_locked(struct hvcal_binding *b)
{
	lockdep_assert_held(&hvcal.lock);

	if (b->open.state == HVCAL_WORK_QUEUED) {
		/* the provider never heard of it */
		hvcal_binding_leave_locked(b);
		hvcal_work_unqueue_locked(&b->open);
		return;
	}
	if (!b->opened && b->open.state != HVCAL_WORK_ISSUED)
		return;
	if (b->close.id) /* told already */
		return;
	/* nobody would answer, and until its engine retires nothing else keeps @b */
	if (b->engine->provider->state == HVCAL_PROVIDER_DEAD)
		hvcal_binding_leave_locked(b);
	else
		hvcal_work_queue_locked(&b->close, b, HVCAL_ITEM_CLOSE);
}

void hvcal_binding_abort_close_locked(struct hvcal_binding *b)
{
	lockdep_assert_held(&hvcal.lock);

	hvcal_binding_leave_locked(b);
	if (b->close.state == HVCAL_WORK_QUEUED)
		hvcal_work_unqueue_locked(&b->close);
}
