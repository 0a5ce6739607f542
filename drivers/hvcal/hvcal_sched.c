// SPDX-License-Identifier: GPL-2.0
/* Which engine a session goes to, whether there is room, and when that changes. */
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "hvcal_compat.h"
#include "hvcal_internal.h"
#include "hvcal_trace.h"

#define PPM		1000000U
/* Looking for places ends after so many that have none: all under one lock. */
#define SETTLE_MAX	16
#define FIT_PERIOD_MAX	(10ULL * NSEC_PER_SEC)
/* Pressure is over when costs could grow by 1/16 and still fit. */
#define RELIEF_SHIFT	4
/* A client may run 1/256 faster than it said: clocks differ, and 60 is 59.94. */
#define DRIFT_SHIFT	8

static unsigned int user_share_percent = 90;
module_param(user_share_percent, uint, 0644);
MODULE_PARM_DESC(user_share_percent,
		 "Part of an engine that one user without CAP_SYS_NICE may reserve");

static unsigned int bandwidth_mbps;
module_param(bandwidth_mbps, uint, 0644);
MODULE_PARM_DESC(bandwidth_mbps,
		 "Memory traffic that reservations may add up to, 10^6 bytes/s a GPU; 0 no limit");

/* ------------------------------------------------------------------------ */
/* What a session takes                                                     */

static struct hvcal_binding *flow_binding(struct hvcal_flow *f)
{
	return container_of(f, struct hvcal_binding, flow);
}

static u32 res_pixels(const struct hvcal_reservation *res)
{
	return res->width * res->height;
}

static struct hvcal_model_key model_key(u32 codec, const struct hvcal_reservation *res)
{
	return (struct hvcal_model_key){
		.codec = codec,
		.bit_depth = res->bit_depth,
		.preset = res->preset,
		.size_class = hvcal_cost_size_class(res_pixels(res)),
	};
}

/* Engine time that outsiders and siblings take makes every frame longer. */
static u64 engine_cost(const struct hvcal_engine *e, u64 ns_per_mpix, u32 pixels)
{
	u32 left = PPM - min(e->external_ppm + e->sibling_ppm, HVCAL_EXTERNAL_MAX);

	return mul_u64_u32_div(hvcal_cost_predict(ns_per_mpix, pixels), PPM, left);
}

static void make_task(const struct hvcal_engine *e, u64 ns_per_mpix,
		      const struct hvcal_reservation *res, struct hvcal_task *task)
{
	hvcal_task_set(task, engine_cost(e, ns_per_mpix, res_pixels(res)),
		       res->period_ns - (res->period_ns >> DRIFT_SHIFT),
		       res->deadline_ns ?: res->period_ns);
}

u64 hvcal_sched_cost_locked(const struct hvcal_binding *b, u32 pixels)
{
	u64 cost = 1;

	if (!b->gone)
		cost = engine_cost(b->engine, b->model->cost.planned,
				   pixels ?: res_pixels(&b->session->res));
	return max(cost, 1ULL);
}

u32 hvcal_sched_left_locked(const struct hvcal_engine *e)
{
	u32 used = hvcal_admit_used_ppm(&e->queue) + e->external_ppm + e->sibling_ppm;

	return used < PPM ? PPM - used : 0;
}

u32 hvcal_sched_share_locked(const struct hvcal_session *s)
{
	const struct hvcal_binding *b = s->binding;

	if (!b || b->flow.lane == HVCAL_LANE_NONE)
		return 0;
	return hvcal_admit_share_ppm(&b->engine->queue, &b->flow.task);
}

/* ------------------------------------------------------------------------ */
/* Limits other than time                                                   */

/* The longest best-effort frame that @e must be able to take in, but for @self. */
static u64 engine_guest_cost(const struct hvcal_engine *e, const struct hvcal_binding *self)
{
	struct hvcal_binding *b;
	u64 cost = 0;

	list_for_each_entry(b, &e->bindings, link)
		if (b != self && !b->flow.realtime && b->session->binding == b)
			cost = max(cost, hvcal_sched_cost_locked(b, 0));
	return cost;
}

/*
 * Bytes that coding a frame moves: the source is read, a reference of the same
 * size is read, and the reconstruction is written, in 4:2:0.
 */
static u64 res_bandwidth(const struct hvcal_reservation *res)
{
	u64 bytes = (u64)res_pixels(res) * (res->bit_depth > 8 ? 2 : 1) * 3 / 2 * 3;

	return res->period_ns ? div64_u64(bytes * NSEC_PER_SEC, res->period_ns) : 0;
}

static bool bandwidth_left(const struct hvcal_engine *e, const struct hvcal_reservation *res,
			   const struct hvcal_session *self)
{
	u64 max = (u64)READ_ONCE(bandwidth_mbps) * 1000000, used = res_bandwidth(res);
	struct hvcal_session *s;

	if (!max)
		return true;
	list_for_each_entry(s, &hvcal.sessions, link)
		if (s != self && s->binding && s->binding->flow.realtime &&
		    s->binding->engine->gpu == e->gpu)
			used += res_bandwidth(&s->res);
	return used <= max;
}

static u64 user_share(const struct hvcal_engine *e, const struct hvcal_client *client)
{
	struct hvcal_binding *b;
	u64 used = 0;

	list_for_each_entry(b, &e->bindings, link)
		if (uid_eq(b->session->client->uid, client->uid))
			used += hvcal_sched_share_locked(b->session);
	return hvcal_sibling_whole_ppm(e, min_t(u64, used, U32_MAX));
}

static bool user_share_left(const struct hvcal_engine *e, const struct hvcal_client *client,
			    u32 share_ppm)
{
	u64 max = (u64)READ_ONCE(user_share_percent) * (PPM / 100), used;
	struct hvcal_engine *other;

	if (client->nice)
		return true;
	used = hvcal_sibling_whole_ppm(e, share_ppm) + user_share(e, client);
	list_for_each_entry(other, &hvcal.engines, link)
		if (hvcal_sibling_of(e, other))
			used += user_share(other, client);
	return used <= max;
}

/* ------------------------------------------------------------------------ */
/* Choosing                                                                 */

static void refuse(struct hvcal_session_reply *reply, u32 resource, u64 fit_period_ns)
{
	if (fit_period_ns && (!reply->fit_period_ns || fit_period_ns < reply->fit_period_ns))
		reply->fit_period_ns = fit_period_ns;
	reply->refused = resource;
}

/* Is there room for @wish on the engine of @offer? Fills in what it takes. */
static bool admit_locked(const struct hvcal_wish *wish, struct hvcal_offer *offer,
			 struct hvcal_session_reply *reply)
{
	struct hvcal_engine *e = offer->engine;
	bool realtime = wish->res->sched_class == HVCAL_CLASS_REALTIME;
	struct hvcal_model *m;
	u64 ns_per_mpix, guest;
	u32 share;

	offer->key = model_key(wish->ask->codec, wish->res);
	offer->lane = HVCAL_LANE_NONE;
	m = hvcal_model_find_locked(e, &offer->key);
	if (!m)
		ns_per_mpix = hvcal_cost_seeded(offer->claimed_ns_per_mpix);
	else
		ns_per_mpix = m->cost.planned;
	make_task(e, ns_per_mpix, wish->res, &offer->task);

	if (e->max_sessions && e->sessions >= e->max_sessions) {
		refuse(reply, HVCAL_RESOURCE_SESSIONS, 0);
		return false;
	}
	if (!realtime) {
		if (wish->promised || hvcal_admit_guest(&e->queue, offer->task.cost_ns))
			return true;
		refuse(reply, HVCAL_RESOURCE_ENGINE_TIME, 0);
		return false;
	}

	guest = engine_guest_cost(e, NULL);
	offer->lane = hvcal_admit_find(&e->queue, &offer->task, guest);
	if (wish->promised)
		return true;
	if (offer->lane == HVCAL_LANE_NONE) {
		refuse(reply, HVCAL_RESOURCE_ENGINE_TIME,
		       hvcal_admit_fit_period(&e->queue, &offer->task, guest, FIT_PERIOD_MAX));
		return false;
	}
	share = hvcal_admit_share_ppm(&e->queue, &offer->task);
	if (!hvcal_sibling_bear_locked(e, hvcal_sibling_whole_ppm(e, share))) {
		refuse(reply, HVCAL_RESOURCE_ENGINE_TIME, 0);
		return false;
	}
	if (!user_share_left(e, wish->client, share)) {
		refuse(reply, HVCAL_RESOURCE_USER_SHARE, 0);
		return false;
	}
	if (!bandwidth_left(e, wish->res, NULL)) {
		refuse(reply, HVCAL_RESOURCE_BANDWIDTH, 0);
		return false;
	}
	return true;
}

static struct hvcal_place_candidate candidate(const struct hvcal_wish *wish,
					      const struct hvcal_offer *offer, u64 now)
{
	struct hvcal_engine *e = offer->engine;
	u32 used = max(hvcal_admit_used_ppm(&e->queue),
		       hvcal_load_ppm(&e->load, now, e->slots));

	/* without a reservation it is the last choice of its kind */
	if (wish->res->sched_class == HVCAL_CLASS_REALTIME && offer->lane == HVCAL_LANE_NONE)
		used = U32_MAX - PPM;
	return (struct hvcal_place_candidate){
		.suspect = e->provider->state != HVCAL_PROVIDER_LIVE,
		.kind = e->kind,
		.gpu = e->gpu,
		.numa_node = e->numa_node,
		.sessions = e->sessions,
		.slots = e->slots,
		.used_ppm = used + e->external_ppm + e->sibling_ppm,
	};
}

static bool has_refused(const struct hvcal_wish *wish, u32 engine)
{
	u32 i;

	for (i = 0; wish->refused && i < HVCAL_REFUSED; i++)
		if (wish->refused[i] == engine)
			return true;
	return false;
}

int hvcal_sched_choose_locked(const struct hvcal_wish *wish, struct hvcal_offer *offer,
			      struct hvcal_session_reply *reply)
{
	struct hvcal_place_candidate best_c = {}, second_c = {};
	bool known = false, foreign = false, second = false;
	u64 now = ktime_get_ns();
	struct hvcal_engine *e;
	u32 why;

	lockdep_assert_held(&hvcal.lock);

	offer->engine = NULL;
	list_for_each_entry(e, &hvcal.engines, link) {
		const struct hvcal_place_ask *ask = wish->ask;
		struct hvcal_place_candidate c;
		const struct hvcal_engine_cap *cap;
		struct hvcal_offer o = { .engine = e };

		if (!hvcal_engine_visible(e, wish->client) ||
		    (wish->engine ? e->id != wish->engine :
		     e->kind == HVCAL_ENGINE_TEST || e->provider->client))
			continue;
		known = true;
		cap = hvcal_engine_fits(e, ask);
		if (!cap || has_refused(wish, e->id) || e->id == wish->leaving ||
		    !hvcal_engine_usable_locked(e))
			continue;
		if (ask->gpu && e->gpu && e->gpu != ask->gpu &&
		    !(e->flags & HVCAL_ENGINE_FOREIGN_MEMORY)) {
			foreign = true;
			continue;
		}
		o.claimed_ns_per_mpix = cap->cost_ns_per_mpix;
		if (!admit_locked(wish, &o, reply))
			continue;
		c = candidate(wish, &o, now);
		if (!offer->engine || hvcal_place_compare(&c, &best_c, ask, &why) < 0) {
			second = offer->engine;
			second_c = best_c;
			best_c = c;
			*offer = o;
		} else if (!second || hvcal_place_compare(&c, &second_c, ask, &why) < 0) {
			second = true;
			second_c = c;
		}
	}
	if (offer->engine) {
		refuse(reply, HVCAL_RESOURCE_NONE, 0);
		reply->fit_period_ns = 0;
		why = HVCAL_PLACED_ONLY;
		if (second)
			hvcal_place_compare(&best_c, &second_c, wish->ask, &why);
		offer->placed = wish->engine ? HVCAL_PLACED_NAMED : why;
		return 0;
	}
	if (reply->refused)
		return -ENOSPC;
	if (foreign)
		return -EXDEV;
	return wish->engine && !known ? -ENODEV : -ENOTCONN;
}

bool hvcal_sched_better_locked(const struct hvcal_session *s, struct hvcal_offer *offer)
{
	const struct hvcal_binding *b = s->binding;
	struct hvcal_offer own = { .engine = b->engine, .lane = b->flow.lane };
	struct hvcal_place_candidate here, there;
	struct hvcal_session_reply reply = {};
	struct hvcal_wish wish = {
		.ask = &s->ask,
		.res = &s->asked,
		.client = s->client,
		.refused = s->refused,
		.leaving = b->engine->id,
	};
	u64 now = ktime_get_ns();
	u32 share = 0;

	lockdep_assert_held(&hvcal.lock);

	if (hvcal_sched_choose_locked(&wish, offer, &reply))
		return false;
	/* any place that keeps its promise is better than one that does not */
	if (b->flow.realtime && (s->pressed || b->flow.lane == HVCAL_LANE_NONE))
		return true;
	here = candidate(&wish, &own, now);
	there = candidate(&wish, offer, now);
	if (b->flow.realtime)
		share = hvcal_admit_share_ppm(&offer->engine->queue, &offer->task);
	return hvcal_place_worth(&here, &there, &s->ask, share);
}

/* ------------------------------------------------------------------------ */
/* Change                                                                   */

void hvcal_sched_plan_binding_locked(struct hvcal_binding *b)
{
	make_task(b->engine, b->model->cost.planned, &b->session->asked, &b->flow.task);
}

/* Could every member of @l cost a little more? */
static bool lane_has_relief(struct hvcal_lane *l)
{
	struct hvcal_flow *f;
	bool fits;
	u64 slack;

	for (f = l->members; f; f = f->lane_next)
		hvcal_task_set(&f->task, f->task.cost_ns + (f->task.cost_ns >> RELIEF_SHIFT),
			       f->task.period_ns, f->task.deadline_ns);
	fits = hvcal_admit_lane_fits(l, NULL, &slack);
	for (f = l->members; f; f = f->lane_next)
		hvcal_sched_plan_binding_locked(flow_binding(f));
	return fits;
}

static void set_pressure(struct hvcal_flow *f, bool pressed, u32 have_ppm)
{
	struct hvcal_binding *b = flow_binding(f);

	if (b->session->binding == b)
		hvcal_session_pressure_locked(b->session, pressed, have_ppm);
}

/* Tells the members of @l how much of what they reserved they can have. */
static void lane_pressure(struct hvcal_queue *q, struct hvcal_lane *l, bool fits)
{
	u32 used = max(hvcal_admit_lane_ppm(l), 1U);
	bool relief = fits && lane_has_relief(l);
	struct hvcal_flow *f;

	for (f = l->members; f; f = f->lane_next) {
		u32 share = hvcal_admit_share_ppm(q, &f->task);

		if (!fits)
			set_pressure(f, true, used > PPM ? mul_u64_u32_div(share, PPM, used) :
				     share);
		else if (relief)
			set_pressure(f, false, share);
	}
}

/* Takes @b out of its lane, and says which that was. */
static u32 unsettle(struct hvcal_binding *b, u64 now)
{
	struct hvcal_queue *q = &b->engine->queue;
	u32 lane = b->flow.lane;

	hvcal_queue_settle(q, &b->flow, HVCAL_LANE_NONE, now);
	if (lane != HVCAL_LANE_NONE)
		hvcal_admit_refresh(&q->lane[lane]);
	return lane;
}

static void settle(struct hvcal_binding *b, u32 lane, u64 now)
{
	struct hvcal_queue *q = &b->engine->queue;

	hvcal_queue_settle(q, &b->flow, lane, now);
	if (lane != HVCAL_LANE_NONE)
		hvcal_admit_refresh(&q->lane[lane]);
}

/* Sessions that came without a reservation get one when there is room. */
static bool settle_loose(struct hvcal_engine *e, u64 now)
{
	u64 guest = engine_guest_cost(e, NULL);
	struct hvcal_queue *q = &e->queue;
	struct hvcal_binding *b;
	u32 in_vain = 0;

	list_for_each_entry(b, &e->bindings, link) {
		u32 lane = HVCAL_LANE_NONE;

		if (!b->flow.realtime || b->flow.lane != HVCAL_LANE_NONE ||
		    b->session->binding != b)
			continue;
		if (in_vain < SETTLE_MAX)
			lane = hvcal_admit_find(q, &b->flow.task, guest);
		if (lane == HVCAL_LANE_NONE) {
			set_pressure(&b->flow, true, 0);
			in_vain++;
			continue;
		}
		settle(b, lane, now);
		set_pressure(&b->flow, false, hvcal_admit_share_ppm(q, &b->flow.task));
	}
	return !in_vain;
}

void hvcal_sched_plan_locked(struct hvcal_engine *e)
{
	struct hvcal_queue *q = &e->queue;
	u64 now = ktime_get_ns();
	struct hvcal_binding *b;
	bool homeless;
	u32 i;

	lockdep_assert_held(&hvcal.lock);

	list_for_each_entry(b, &e->bindings, link)
		hvcal_sched_plan_binding_locked(b);
	homeless = !settle_loose(e, now);
	hvcal_admit_replan(q, homeless, now);
	for (i = 0; i < q->lanes; i++)
		lane_pressure(q, &q->lane[i], q->lane[i].kept);
}

void hvcal_sched_replan_locked(struct hvcal_engine *e)
{
	hvcal_sched_plan_locked(e);
	hvcal_sibling_update_locked(e);
}

/* What holds under both: queued frames are still of the old kind. */
static struct hvcal_reservation res_union(const struct hvcal_reservation *a,
					  const struct hvcal_reservation *b)
{
	struct hvcal_reservation both = res_pixels(a) > res_pixels(b) ? *a : *b;

	both.period_ns = min(a->period_ns, b->period_ns);
	both.deadline_ns = min(a->deadline_ns ?: a->period_ns, b->deadline_ns ?: b->period_ns);
	return both;
}

static void ask_for(struct hvcal_binding *b, const struct hvcal_reservation *res)
{
	b->session->asked = *res;
	hvcal_sched_plan_binding_locked(b);
}

/* A lane for @b under @res; limits are for those who want more than @had_ppm. */
static u32 find_lane(struct hvcal_binding *b, const struct hvcal_reservation *res, u32 had_ppm,
		     struct hvcal_session_reply *reply)
{
	struct hvcal_engine *e = b->engine;
	struct hvcal_session *s = b->session;
	u32 lane, share;

	ask_for(b, res);
	lane = hvcal_admit_find(&e->queue, &b->flow.task, engine_guest_cost(e, b));
	if (lane == HVCAL_LANE_NONE) {
		refuse(reply, HVCAL_RESOURCE_ENGINE_TIME, 0);
		return lane;
	}
	share = hvcal_admit_share_ppm(&e->queue, &b->flow.task);
	if (share > had_ppm &&
	    !hvcal_sibling_bear_locked(e, hvcal_sibling_whole_ppm(e, share - had_ppm))) {
		refuse(reply, HVCAL_RESOURCE_ENGINE_TIME, 0);
		return HVCAL_LANE_NONE;
	}
	if (share > had_ppm && !user_share_left(e, s->client, share)) {
		refuse(reply, HVCAL_RESOURCE_USER_SHARE, 0);
		return HVCAL_LANE_NONE;
	}
	if (share > had_ppm && !bandwidth_left(e, res, s)) {
		refuse(reply, HVCAL_RESOURCE_BANDWIDTH, 0);
		return HVCAL_LANE_NONE;
	}
	return lane;
}

void hvcal_sched_tell_locked(struct hvcal_session *s, struct hvcal_session_reply *reply)
{
	reply->share_ppm = hvcal_sched_share_locked(s);
	reply->left_ppm = hvcal_sched_left_locked(s->binding->engine);
}

int hvcal_sched_change_locked(struct hvcal_session *s, const struct hvcal_reservation *res,
			      struct hvcal_session_reply *reply)
{
	struct hvcal_reservation before = s->asked, both = res_union(&s->res, res);
	struct hvcal_binding *b = s->binding;
	u32 had = hvcal_sched_share_locked(s), lane, found;
	u64 now = ktime_get_ns();
	int ret = 0;

	lockdep_assert_held(&hvcal.lock);

	if (b->gone) {
		s->asked = *res;
		return 0;
	}
	if (!b->flow.realtime) {
		ask_for(b, res);
		return 0;
	}
	lane = unsettle(b, now);
	found = find_lane(b, &both, had, reply);
	if (found == HVCAL_LANE_NONE)
		found = find_lane(b, res, had, reply);
	if (found == HVCAL_LANE_NONE && lane != HVCAL_LANE_NONE) {
		ask_for(b, &before);
		found = lane;
		ret = -ENOSPC;
	}
	settle(b, found, now);
	hvcal_sched_tell_locked(s, reply);
	if (!ret)
		hvcal_sibling_grant_locked(b);
	hvcal_sibling_update_locked(b->engine);
	return ret;
}

int hvcal_sched_switch_locked(struct hvcal_session *s, const struct hvcal_reservation *res,
			      struct hvcal_session_reply *reply)
{
	bool realtime = res->sched_class == HVCAL_CLASS_REALTIME, fits = true;
	struct hvcal_reservation before = s->asked;
	struct hvcal_binding *b = s->binding;
	u32 had = hvcal_sched_share_locked(s), lane, found = HVCAL_LANE_NONE;
	struct hvcal_queue *q = &b->engine->queue;
	bool was = b->flow.realtime;
	u64 now = ktime_get_ns();

	lockdep_assert_held(&hvcal.lock);

	if (!b->gone) {
		lane = unsettle(b, now);
		if (realtime) {
			found = find_lane(b, res, had, reply);
			/* who came here without a reservation may go on so */
			fits = found != HVCAL_LANE_NONE || (was && lane == HVCAL_LANE_NONE);
		} else {
			ask_for(b, res);
			fits = !was || hvcal_admit_guest(q, hvcal_sched_cost_locked(b, 0));
		}
		if (!fits) {
			ask_for(b, &before);
			settle(b, lane, now);
			return -ENOSPC;
		}
		hvcal_queue_reclass(q, &b->flow, realtime, now);
		settle(b, found, now);
		hvcal_sibling_grant_locked(b);
	}
	s->asked = *res;
	s->res = *res;
	s->ask.realtime = realtime;
	s->pressed &= realtime;
	if (!b->gone)
		hvcal_sched_replan_locked(b->engine);
	hvcal_sched_tell_locked(s, reply);
	return 0;
}

void hvcal_sched_changed_locked(struct hvcal_session *s, struct hvcal_model **spare)
{
	struct hvcal_binding *b = s->binding;
	struct hvcal_model_key key = model_key(s->ask.codec, &s->res);
	struct hvcal_model *old = b->model;

	lockdep_assert_held(&hvcal.lock);

	b->model = hvcal_model_get_locked(b->engine, &key, b->claimed_ns_per_mpix, spare);
	hvcal_model_put_locked(b->engine, old);
	s->asked = s->res;
	hvcal_sched_replan_locked(b->engine);
}

/* ------------------------------------------------------------------------ */
/* Time                                                                     */

static enum hrtimer_restart sched_timer(struct hrtimer *timer)
{
	hvcal_provider_wake(container_of(timer, struct hvcal_engine, pace)->provider);
	return HRTIMER_NORESTART;
}

void hvcal_sched_init_timer(struct hvcal_engine *e)
{
	hvcal_hrtimer_init(&e->pace, sched_timer);
}

void hvcal_sched_arm_timer_locked(struct hvcal_engine *e, u64 now)
{
	u64 at = hvcal_queue_next_event(&e->queue, now);

	lockdep_assert_held(&hvcal.lock);

	if (at && e->state != HVCAL_ENGINE_GONE)
		hrtimer_start(&e->pace, ns_to_ktime(at), HRTIMER_MODE_ABS);
}

void hvcal_sched_stop_timer(struct hvcal_engine *e)
{
	hrtimer_cancel(&e->pace);
}
