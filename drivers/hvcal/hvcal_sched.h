/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_SCHED_H
#define HVCAL_SCHED_H

#include "hvcal_admit.h"
#include "hvcal_cost.h"

struct hvcal_binding;
struct hvcal_client;
struct hvcal_engine;
struct hvcal_session;
struct hvcal_session_args;
struct hvcal_session_reply;

/* hvcal_model.c: what frames of one kind cost an engine. Under hvcal.lock. */

struct hvcal_model_key {
	u32 codec;
	u32 bit_depth;
	u32 preset;
	u32 size_class;
};

struct hvcal_model {
	struct list_head link;		/* engine->models */
	struct hvcal_model_key key;
	u32 users;
	struct hvcal_cost cost;
};

struct hvcal_model *hvcal_model_alloc(void);
struct hvcal_model *hvcal_model_find_locked(struct hvcal_engine *e,
					    const struct hvcal_model_key *key);
/* The engine's model of @key, made of *@spare (then NULL) if there is none. */
struct hvcal_model *hvcal_model_get_locked(struct hvcal_engine *e,
					   const struct hvcal_model_key *key,
					   u64 claimed_ns_per_mpix,
					   struct hvcal_model **spare);
void hvcal_model_put_locked(struct hvcal_engine *e, struct hvcal_model *m);

/* Engines that a session remembers not to ask again, and how many it asks. */
#define HVCAL_REFUSED 8

/* hvcal_sched.c: admission, placement, pressure. Under hvcal.lock. */

/* Where a session would go and what that takes. */
struct hvcal_offer {
	struct hvcal_engine *engine;
	struct hvcal_model_key key;
	u64 claimed_ns_per_mpix;
	struct hvcal_task task;
	u32 lane;			/* HVCAL_LANE_NONE: no reservation there */
	u32 placed;			/* enum hvcal_placed */
};

struct hvcal_wish {
	const struct hvcal_place_ask *ask;
	const struct hvcal_reservation *res;
	const struct hvcal_client *client;
	u32 engine;			/* 0 any */
	const u32 *refused;		/* never these HVCAL_REFUSED; NULL none */
	u32 leaving;			/* nor this one, where it is; 0 none */
	bool promised;			/* comes from a dead engine: never refused for time */
};

/*
 * The engine for a session, or an error that says what was missing, with the
 * figures in @reply. A named engine is the only candidate; test engines are
 * candidates only if named.
 */
int hvcal_sched_choose_locked(const struct hvcal_wish *wish, struct hvcal_offer *offer,
			      struct hvcal_session_reply *reply);
/* Is there a place so much better for @s than its own that a move is worth it? */
bool hvcal_sched_better_locked(const struct hvcal_session *s, struct hvcal_offer *offer);
/* Costs, outsiders or members have changed: lanes are tried anew. */
void hvcal_sched_replan_locked(struct hvcal_engine *e);
/* Changes the reservation of @s: -ENOSPC leaves it as it was. */
int hvcal_sched_change_locked(struct hvcal_session *s, const struct hvcal_reservation *res,
			      struct hvcal_session_reply *reply);
/* The same for class, period and deadline, at once; the class may change. */
int hvcal_sched_switch_locked(struct hvcal_session *s, const struct hvcal_reservation *res,
			      struct hvcal_session_reply *reply);
/* The change is done, or has failed: s->res is what holds. Uses up @spare at need. */
void hvcal_sched_changed_locked(struct hvcal_session *s, struct hvcal_model **spare);
/* Expected cost of a frame of @b, ns; at least 1. 0 pixels: those reserved. */
u64 hvcal_sched_cost_locked(const struct hvcal_binding *b, u32 pixels);
u32 hvcal_sched_share_locked(const struct hvcal_session *s);
u32 hvcal_sched_left_locked(const struct hvcal_engine *e);
/* Both into @reply. */
void hvcal_sched_tell_locked(struct hvcal_session *s, struct hvcal_session_reply *reply);

/* Wakes the provider when a frame's time comes. */
void hvcal_sched_init_timer(struct hvcal_engine *e);
void hvcal_sched_arm_timer_locked(struct hvcal_engine *e, u64 now);
void hvcal_sched_stop_timer(struct hvcal_engine *e);

#endif /* HVCAL_SCHED_H */
