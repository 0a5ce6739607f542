// SPDX-License-Identifier: GPL-2.0
/* Sessions: what a client asks for, where it runs, and what became of it. */
#include <linux/slab.h>
#include <linux/time64.h>

#include "hvcal_internal.h"
#include "hvcal_trace.h"

#define PERIOD_MIN_NS	(100 * NSEC_PER_USEC)
#define PERIOD_MAX_NS	(10 * NSEC_PER_SEC)
#define SIZE_MAX_PIXELS	65536
#define PRESET_MAX	9

static void session_node_fill(struct hvcal_event_node *node, struct hvcal_event *ev)
{
	struct hvcal_session_node *sn = container_of(node, struct hvcal_session_node, node);

	ev->type = sn->type;
	ev->session = sn->session->handle;
	ev->status = sn->status;
	ev->engine = sn->engine;
	ev->timeline = sn->session->stats.timeline;
	ev->share_ppm = sn->share_ppm;
	ev->done_ns = sn->cause_ns;
}

static void session_node_release(struct hvcal_event_node *node)
{
	hvcal_session_put(container_of(node, struct hvcal_session_node, node)->session);
}

static void session_post_locked(struct hvcal_session *s, enum hvcal_session_event which,
				int status)
{
	struct hvcal_session_node *sn = &s->events[which];

	sn->status = status;
	sn->engine = s->binding ? s->binding->engine->id : 0;
	sn->cause_ns = ktime_get_ns();
	hvcal_session_get(s);
	if (!hvcal_event_post_locked(s->client, &sn->node))
		hvcal_session_put(s);
}

static struct hvcal_session *session_alloc(struct hvcal_client *client,
					   const struct hvcal_session_args *args)
{
	static const u32 types[HVCAL_SEV_COUNT] = {
		[HVCAL_SEV_OPENED] = HVCAL_EVENT_OPENED,
		[HVCAL_SEV_LOST] = HVCAL_EVENT_LOST,
		[HVCAL_SEV_PRESSURE] = HVCAL_EVENT_PRESSURE,
		[HVCAL_SEV_RESYNC] = HVCAL_EVENT_RESYNC,
	};
	struct hvcal_session *s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!s)
		return NULL;
	s->config = kmemdup(args->config, args->config_len, GFP_KERNEL_ACCOUNT);
	if (!s->config && args->config_len) {
		kfree(s);
		return NULL;
	}
	s->config_len = args->config_len;
	kref_init(&s->ref);
	hvcal_client_get(client);
	s->client = client;
	INIT_LIST_HEAD(&s->link);
	mutex_init(&s->submit_lock);
	s->ask = args->ask;
	s->loss = args->loss;
	s->max_queued = args->max_queued ?: hvcal_max_queued;
	s->res = args->res;
	s->asked = args->res;
	s->state = HVCAL_SESSION_OPENING;
	s->named = args->engine;
	hvcal_migrate_init(s);
	hvcal_rebalance_init(s);
	INIT_LIST_HEAD(&s->jobs);
	INIT_LIST_HEAD(&s->pool);
	for (i = 0; i < HVCAL_SEV_COUNT; i++) {
		hvcal_event_init(&s->events[i].node, session_node_fill, session_node_release);
		s->events[i].session = s;
		s->events[i].type = types[i];
	}
	hvcal_object_add(HVCAL_OBJ_SESSIONS);
	return s;
}

static void session_release(struct kref *ref)
{
	struct hvcal_session *s = container_of(ref, struct hvcal_session, ref);
	struct hvcal_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, &s->pool, link) {
		kfree(job->meta);
		kfree(job);
	}
	hvcal_user_uncharge(s->client->user, HVCAL_CHARGE_SESSIONS, 1);
	hvcal_client_put(s->client);
	kfree(s->config);
	kfree(s);
	hvcal_object_del(HVCAL_OBJ_SESSIONS);
}

void hvcal_session_get(struct hvcal_session *s)
{
	kref_get(&s->ref);
}

void hvcal_session_put(struct hvcal_session *s)
{
	if (s)
		kref_put(&s->ref, session_release);
}

int hvcal_reservation_check(const struct hvcal_reservation *res)
{
	if (res->sched_class > HVCAL_CLASS_REALTIME || res->pad || res->preset > PRESET_MAX)
		return -EINVAL;
	if (res->bit_depth < 8 || res->bit_depth > 16)
		return -EINVAL;
	if (!res->width || res->width > SIZE_MAX_PIXELS ||
	    !res->height || res->height > SIZE_MAX_PIXELS ||
	    (u64)res->width * res->height > U32_MAX)
		return -EINVAL;
	if (res->sched_class == HVCAL_CLASS_REALTIME && !res->period_ns)
		return -EINVAL;
	if (res->period_ns &&
	    (res->period_ns < PERIOD_MIN_NS || res->period_ns > PERIOD_MAX_NS))
		return -EINVAL;
	if (res->deadline_ns > PERIOD_MAX_NS)
		return -EINVAL;
	return 0;
}

/* Chooses and binds in one step, so that nobody takes the place in between. */
static int session_bind(struct hvcal_session *s, u32 engine, struct hvcal_session_reply *reply)
{
	struct hvcal_wish wish = {
		.ask = &s->ask,
		.res = &s->res,
		.client = s->client,
		.engine = engine,
	};
	struct hvcal_model *spare = hvcal_model_alloc();
	struct hvcal_binding *b = hvcal_binding_alloc();
	struct hvcal_offer offer;
	unsigned long flags;
	int ret = -ENOMEM;

	if (!b || !spare)
		goto out;
	spin_lock_irqsave(&hvcal.lock, flags);
	ret = hvcal_sched_choose_locked(&wish, &offer, reply);
	if (!ret) {
		s->binding = b;
		s->placed = offer.placed;
		list_add_tail(&s->link, &hvcal.sessions);
		hvcal_binding_start_locked(b, s, &offer, &spare);
		reply->engine = offer.engine->id;
		hvcal_sched_tell_locked(s, reply);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
out:
	kfree(spare);
	if (ret)
		hvcal_binding_put(b);
	return ret;
}

/* Deadlines that leave others little room are for those who may have them. */
static int session_check_credential(const struct hvcal_client *client,
				    const struct hvcal_reservation *res)
{
	bool tight = res->period_ns < NSEC_PER_MSEC ||
		     (res->deadline_ns && res->deadline_ns < res->period_ns / 2);

	if (res->sched_class == HVCAL_CLASS_REALTIME && tight && !client->nice)
		return -EACCES;
	return 0;
}

int hvcal_session_create(struct hvcal_client *client, const struct hvcal_session_args *args,
			 struct hvcal_session_reply *reply)
{
	struct hvcal_session *s;
	int ret;

	*reply = (struct hvcal_session_reply){};
	ret = session_check_credential(client, &args->res);
	if (!ret)
		ret = hvcal_user_charge(client->user, HVCAL_CHARGE_SESSIONS, 1);
	if (ret)
		return ret;
	s = session_alloc(client, args);
	if (!s) {
		hvcal_user_uncharge(client->user, HVCAL_CHARGE_SESSIONS, 1);
		return -ENOMEM;
	}

	/* The handle is reserved first: once bound, nothing may fail. */
	ret = xa_alloc(&client->sessions, &s->handle, NULL,
		       XA_LIMIT(1, max(1U, hvcal_max_sessions)), GFP_KERNEL_ACCOUNT);
	if (ret) {
		hvcal_session_put(s);
		return ret == -EBUSY ? -EUSERS : ret;
	}
	ret = session_bind(s, args->engine, reply);
	trace_hvcal_admission(s, reply->engine, ret);
	if (ret) {
		xa_release(&client->sessions, s->handle);
		hvcal_session_put(s);
		return ret;
	}
	reply->handle = s->handle;
	xa_store(&client->sessions, s->handle, s, GFP_KERNEL_ACCOUNT);
	return 0;
}

int hvcal_session_reserve(struct hvcal_session *s, const struct hvcal_reservation *res,
			  struct hvcal_reservation *before, struct hvcal_session_reply *reply)
{
	unsigned long flags;
	int ret;

	lockdep_assert_held(&s->submit_lock);

	ret = session_check_credential(s->client, res);
	if (ret)
		return ret;
	spin_lock_irqsave(&hvcal.lock, flags);
	*before = s->asked;
	if (s->state == HVCAL_SESSION_CLOSED)
		ret = -ENOENT;
	else if (!s->binding)
		ret = -ENOTCONN;
	else if (res->sched_class != s->res.sched_class)
		ret = -EINVAL;
	else
		ret = hvcal_sched_change_locked(s, res, reply);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return ret;
}

static bool reconfiguring_locked(const struct hvcal_session *s)
{
	const struct hvcal_job *job;

	list_for_each_entry(job, &s->jobs, link)
		if (job->work.type == HVCAL_ITEM_RECONFIGURE &&
		    !hvcal_job_is_final(atomic_read(&job->state)))
			return true;
	return false;
}

/* Anything else has to do with how frames are coded: the engine must know. */
static bool same_frames(const struct hvcal_reservation *a, const struct hvcal_reservation *b)
{
	return a->width == b->width && a->height == b->height && a->bit_depth == b->bit_depth &&
	       a->preset == b->preset;
}

int hvcal_session_switch(struct hvcal_session *s, const struct hvcal_reservation *res,
			 struct hvcal_session_reply *reply)
{
	unsigned long flags;
	int ret;

	lockdep_assert_held(&s->submit_lock);

	ret = session_check_credential(s->client, res);
	if (ret)
		return ret;
	spin_lock_irqsave(&hvcal.lock, flags);
	if (s->state == HVCAL_SESSION_CLOSED)
		ret = -ENOENT;
	else if (!s->binding)
		ret = -ENOTCONN;
	else if (reconfiguring_locked(s))
		ret = -EBUSY;
	else if (!same_frames(res, &s->res))
		ret = -EINVAL;
	else
		ret = hvcal_sched_switch_locked(s, res, reply);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return ret;
}

/* Ends every job of @s and takes it off its engine. */
static void session_end_locked(struct hvcal_session *s, enum hvcal_session_state state,
			       enum hvcal_job_state job_state, int status,
			       struct list_head *silent)
{
	struct hvcal_binding *b = s->binding;
	struct hvcal_job *job, *tmp;

	lockdep_assert_held(&hvcal.lock);

	s->state = state;
	s->homeless = false;
	list_for_each_entry_safe(job, tmp, &s->jobs, link)
		hvcal_job_finish_locked(job, job_state, status, false, silent);
	if (!b)
		return;
	s->binding = NULL;
	hvcal_queue_open(&b->engine->queue, &b->flow, false, ktime_get_ns());
	hvcal_binding_close_locked(b);
	hvcal_binding_put(b);
}

void hvcal_session_lost_locked(struct hvcal_session *s, int status)
{
	struct hvcal_binding *b = s->binding;

	lockdep_assert_held(&hvcal.lock);

	hvcal_binding_get(b);
	if (s->state == HVCAL_SESSION_OPENING)
		session_post_locked(s, HVCAL_SEV_OPENED, status);
	session_post_locked(s, HVCAL_SEV_LOST, status);
	session_end_locked(s, HVCAL_SESSION_LOST, HVCAL_JOB_ERROR, status, NULL);
	hvcal_binding_leave_locked(b);
	hvcal_binding_put(b);
}

/* Small changes of the share are not worth an event. */
#define SHARE_STEP_SHIFT 4

void hvcal_session_pressure_locked(struct hvcal_session *s, bool pressed, u32 have_ppm)
{
	u32 step = s->have_ppm >> SHARE_STEP_SHIFT;

	lockdep_assert_held(&hvcal.lock);

	if (!pressed && !s->pressed)
		return;
	if (pressed && s->pressed && have_ppm + step >= s->have_ppm &&
	    have_ppm <= s->have_ppm + step)
		return;
	s->pressed = pressed;
	s->have_ppm = have_ppm;
	s->events[HVCAL_SEV_PRESSURE].share_ppm = have_ppm;
	session_post_locked(s, HVCAL_SEV_PRESSURE, 0);
}

void hvcal_session_opened_locked(struct hvcal_session *s, int status)
{
	struct hvcal_binding *b = s->binding;

	lockdep_assert_held(&hvcal.lock);

	if (s->state != HVCAL_SESSION_OPENING && s->state != HVCAL_SESSION_MIGRATING)
		return;
	if (status) {
		hvcal_migrate_refused_locked(s, status);
		return;
	}
	hvcal_queue_open(&b->engine->queue, &b->flow, true, ktime_get_ns());
	session_post_locked(s, s->state == HVCAL_SESSION_OPENING ? HVCAL_SEV_OPENED :
			    HVCAL_SEV_RESYNC, 0);
	s->state = HVCAL_SESSION_ACTIVE;
}

void hvcal_session_destroy(struct hvcal_session *s)
{
	LIST_HEAD(silent);
	unsigned long flags;
	unsigned int i, withdrawn = 0;

	/* submit_lock: nobody is half way through adding a job */
	mutex_lock(&s->submit_lock);
	spin_lock_irqsave(&hvcal.lock, flags);
	list_del_init(&s->link);
	session_end_locked(s, HVCAL_SESSION_CLOSED, HVCAL_JOB_CANCELED, -ECANCELED, &silent);
	for (i = 0; i < HVCAL_SEV_COUNT; i++)
		withdrawn += hvcal_event_withdraw_locked(&s->events[i].node);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	mutex_unlock(&s->submit_lock);

	hvcal_migrate_stop(s);
	hvcal_rebalance_stop(s);
	hvcal_job_put_list(&silent);
	while (withdrawn--)
		hvcal_session_put(s);
	hvcal_session_put(s);
}

void hvcal_session_stats_get(struct hvcal_session *s, struct hvcal_session_stats *st)
{
	struct hvcal_job *job;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	*st = s->stats;
	st->session = s->handle;
	st->state = s->state;
	st->engine = s->binding ? s->binding->engine->id : 0;
	st->share_ppm = hvcal_sched_share_locked(s);
	st->have_ppm = s->pressed ? s->have_ppm : st->share_ppm;
	st->placed = s->placed;
	list_for_each_entry(job, &s->jobs, link) {
		int state = atomic_read(&job->state);

		if (state == HVCAL_JOB_RUNNING)
			st->running++;
		else if (!hvcal_job_is_final(state))
			st->queued++;
	}
	memcpy(st->hist_wait, s->hist_wait.bucket, sizeof(st->hist_wait));
	memcpy(st->hist_run, s->hist_run.bucket, sizeof(st->hist_run));
	memcpy(st->hist_slack, s->hist_slack.bucket, sizeof(st->hist_slack));
	spin_unlock_irqrestore(&hvcal.lock, flags);
}
