/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects of hvcal.ko and who may touch them when.
 *
 * Lifetimes: client > { session, buffer } > job; provider > engine; a binding is
 * one session's presence at one engine. Everything is kref-counted. Strong
 * references: session -> client, private provider -> client, binding -> { session,
 * engine }, engine -> provider, job -> { session, buffers }, and while a provider holds an item:
 * provider -> { job, binding }.
 *
 * Locks, outermost first:
 *   provider->acquire_lock   order of acquires; imports of the provider grow
 *   session->submit_lock     order of submission
 *   client->read_lock        order of read(2)
 *   (lock of a foreign dma_fence: our callback runs under it)
 *   hvcal.lock               all scheduling state: engine list, queues, states
 *                            of jobs, bindings, sessions and providers, lists
 *                            of items, claims on buffers, event lists
 *   user_lock              what a user holds (hvcal_user.c)
 *
 * hvcal.lock is taken with interrupts off because fences signal from interrupts.
 * Under it: no allocation, no user memory, no call into dma-buf or dma-fence.
 * Functions that end in _locked want it held. One lock for all engines is a
 * choice: encoding runs at kilohertz, and a session moves between engines in
 * one step.
 *
 * Buffers and fences are only let go of in process context: the last reference
 * to a job or a buffer is never dropped under hvcal.lock.
 */
#ifndef HVCAL_INTERNAL_H
#define HVCAL_INTERNAL_H

#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/hashtable.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "hvcal.h"

#include "hvcal_hist.h"
#include "hvcal_place.h"
#include "hvcal_queue.h"
#include "hvcal_sched.h"
#include "hvcal_user.h"

struct hvcal_binding;
struct hvcal_client;
struct hvcal_engine;
struct hvcal_job;
struct hvcal_provider;
struct hvcal_session;

/* ------------------------------------------------------------------------ */
/* hvcal_main.c                                                             */

/* Living objects, shown in debugfs: a test finds leaks by them. */
enum hvcal_object {
	HVCAL_OBJ_CLIENTS,
	HVCAL_OBJ_PROVIDERS,
	HVCAL_OBJ_ENGINES,
	HVCAL_OBJ_SESSIONS,
	HVCAL_OBJ_BINDINGS,
	HVCAL_OBJ_BUFFERS,
	HVCAL_OBJ_IMPORTS,
	HVCAL_OBJ_JOBS,
	HVCAL_OBJ_COUNT
};

struct hvcal_core {
	spinlock_t lock;		/* see the top of this file */
	struct list_head engines;	/* living ones, by age; under lock */
	struct list_head sessions;	/* all; under lock */
	u64 generation;			/* of the engine list; under lock */
	u32 next_engine;		/* under lock */
	u32 private_engines;		/* living ones; under lock */
	atomic64_t next_item;
	atomic64_t next_file;
	atomic64_t migrate_round;
	atomic_t objects[HVCAL_OBJ_COUNT];
	struct workqueue_struct *wq;
	struct device *dev;		/* of /dev/hvcal */
	struct device *provider_dev;
};

extern struct hvcal_core hvcal;

extern unsigned int hvcal_watchdog_floor_ms;
extern unsigned int hvcal_watchdog_cap_ms;
extern unsigned int hvcal_watchdog_attend_ms;
extern unsigned int hvcal_watchdog_move_ms;
extern unsigned int hvcal_max_sessions;
extern unsigned int hvcal_max_buffers;
extern unsigned int hvcal_max_queued;

static inline void hvcal_object_add(enum hvcal_object obj)
{
	atomic_inc(&hvcal.objects[obj]);
}

static inline void hvcal_object_del(enum hvcal_object obj)
{
	atomic_dec(&hvcal.objects[obj]);
}

/* ------------------------------------------------------------------------ */
/* hvcal_event.c                                                            */

/*
 * An event that waits to be read. It is part of the object that it speaks of,
 * so posting allocates nothing. While listed it holds a reference to that
 * object, which @release drops, in process context.
 */
struct hvcal_event_node {
	struct list_head link;
	/* writes the record; under hvcal.lock */
	void (*fill)(struct hvcal_event_node *node, struct hvcal_event *ev);
	void (*release)(struct hvcal_event_node *node);
};

void hvcal_event_init(struct hvcal_event_node *node,
		      void (*fill)(struct hvcal_event_node *, struct hvcal_event *),
		      void (*release)(struct hvcal_event_node *));
/* False: already listed (the older one will tell the newest state). */
bool hvcal_event_post_locked(struct hvcal_client *client, struct hvcal_event_node *node);
bool hvcal_event_withdraw_locked(struct hvcal_event_node *node);
ssize_t hvcal_event_read(struct hvcal_client *client, char __user *buf, size_t len,
			 bool nonblock);

/* ------------------------------------------------------------------------ */
/* hvcal_client.c                                                           */

struct hvcal_client {
	struct kref ref;
	u64 id;
	kuid_t uid;
	bool nice;			/* opened with CAP_SYS_NICE */
	struct pid *tgid;
	struct hvcal_user *user;
	struct xarray sessions;		/* handle -> session; own lock */
	struct xarray buffers;		/* handle -> buffer; own lock */
	atomic64_t next_job;
	struct mutex read_lock;		/* one reader at a time keeps the order */
	wait_queue_head_t wait;
	struct list_head events;	/* under hvcal.lock */
	bool closed;			/* its file; under hvcal.lock */
	u64 engine_ns;			/* used so far; under hvcal.lock */
	u64 jobs_done;			/* under hvcal.lock */
};

extern const struct file_operations hvcal_client_fops;

struct hvcal_client *hvcal_client_create(void);
void hvcal_client_destroy(struct hvcal_client *client);
void hvcal_client_get(struct hvcal_client *client);
void hvcal_client_put(struct hvcal_client *client);

/* hvcal_client_ioctl.c, hvcal_provider_ioctl.c, hvcal_ioctl.c */

long hvcal_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
long hvcal_provider_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* hvcal_fdinfo.c */
void hvcal_client_show_fdinfo(struct seq_file *m, struct file *file);
void hvcal_provider_show_fdinfo(struct seq_file *m, struct file *file);

/* ------------------------------------------------------------------------ */
/* hvcal_buffer.c                                                           */

struct hvcal_buffer {
	struct kref ref;
	u32 flags;
	u32 gpu;
	struct dma_buf *dmabufs[HVCAL_MAX_PLANES];
	u64 size;
	struct hvcal_user *user;	/* who is charged; outlives it with the client */
	u32 layout_len;
	u8 layout[HVCAL_LAYOUT_MAX];
	/* under hvcal.lock: */
	u32 readers;			/* unfinished jobs that read it */
	u32 writers;			/* unfinished jobs that write it: 0 or 1 */
	u32 quarantined;		/* finished jobs whose engine may still write */
	struct list_head imports;	/* one for each provider that has it */
};

/* One provider's file descriptors of one buffer. Owned by the provider. */
struct hvcal_import {
	struct list_head buffer_link;	/* buffer->imports, while the buffer lives */
	struct list_head link;		/* provider->imports or ->drops */
	struct hvcal_provider *provider;
	u32 id;				/* provider-local buffer number */
};

/* Takes over the references in @dmabufs, also on failure. */
struct hvcal_buffer *hvcal_buffer_create(struct dma_buf *dmabufs[HVCAL_MAX_PLANES],
					 u32 flags, u32 gpu);
/* Charges @user for it until it is gone; -EUSERS. */
int hvcal_buffer_charge(struct hvcal_buffer *buf, struct hvcal_user *user);
void hvcal_buffer_get(struct hvcal_buffer *buf);
void hvcal_buffer_put(struct hvcal_buffer *buf);
struct hvcal_import *hvcal_buffer_import_locked(struct hvcal_buffer *buf,
						struct hvcal_provider *provider);

/* ------------------------------------------------------------------------ */
/* Items: what a provider is given and answers                              */

enum hvcal_work_state {
	HVCAL_WORK_IDLE,
	HVCAL_WORK_QUEUED,	/* owned by the queue it waits in */
	HVCAL_WORK_ISSUED,	/* owned by the provider until it answers or dies */
};

struct hvcal_work {
	u64 id;
	u32 type;		/* enum hvcal_item_type */
	enum hvcal_work_state state;
	bool held;		/* the engine waits for more input first */
	struct hlist_node hash;	/* provider->issued, while ISSUED */
	struct list_head link;	/* provider->control, while QUEUED; a local list later */
	u64 issued_ns;		/* or queued, while QUEUED */
	u64 budget_ns;
	u32 strikes;		/* budgets that passed without an answer */
	bool excused;		/* of this budget: the machine stood still */
	struct hvcal_binding *binding;	/* strong unless IDLE */
};

/* ------------------------------------------------------------------------ */
/* hvcal_session.c                                                          */

enum hvcal_session_event {
	HVCAL_SEV_OPENED,
	HVCAL_SEV_LOST,
	HVCAL_SEV_PRESSURE,
	HVCAL_SEV_RESYNC,
	HVCAL_SEV_COUNT
};

struct hvcal_session_node {
	struct hvcal_event_node node;
	struct hvcal_session *session;
	u32 type;
	s32 status;
	u32 engine;
	u32 share_ppm;
	u64 cause_ns;			/* when the kernel came to know */
};

struct hvcal_session {
	struct kref ref;
	struct hvcal_client *client;
	struct list_head link;		/* hvcal.sessions */
	u32 handle;
	struct mutex submit_lock;	/* order of submission */

	/* set at creation */
	struct hvcal_place_ask ask;
	u32 loss;
	u32 max_queued;
	bool named;			/* the client chose the engine */

	/* under hvcal.lock: */
	enum hvcal_session_state state;
	bool homeless;			/* its engine is gone; see hvcal_migrate.c */
	u32 refused[HVCAL_REFUSED];	/* a ring of engines that cannot do it; 0 none */
	u32 next_refused;
	u32 refusals;			/* since a frame of it was done */
	int refusal;			/* the last one's error */
	u32 leaving;			/* engine to be left at the next move, 0 none */
	u64 migrate_round;		/* when it was last tried */
	u64 moved_ns;			/* when it last came to another engine, 0 never */
	struct hvcal_job *gated;	/* key frame that waits for a move; one of jobs */
	struct work_struct rebalance;	/* holds a reference while queued */
	struct delayed_work grace;	/* holds a reference while queued */
	struct hvcal_binding *binding;	/* NULL when lost or closed; gone when homeless */
	struct hvcal_reservation res;	/* what frames are coded under */
	struct hvcal_reservation asked;	/* what is reserved: may be ahead of res */
	u32 placed;			/* enum hvcal_placed */
	bool pressed;			/* told that it has less than it reserved */
	u32 have_ppm;			/* while pressed */
	void *config;			/* what the next engine is opened with */
	u32 config_len;
	struct list_head jobs;		/* submitted and not read back */
	struct list_head pool;		/* idle jobs */
	u32 pending;			/* jobs that count against max_queued */
	u64 last_submit_ns;
	struct hvcal_session_node events[HVCAL_SEV_COUNT];
	struct hvcal_session_stats stats;	/* counters only */
	struct hvcal_hist hist_wait;
	struct hvcal_hist hist_run;
	struct hvcal_hist hist_slack;
};

struct hvcal_session_args {
	struct hvcal_place_ask ask;
	u32 engine;			/* 0 any */
	u32 loss;
	u32 max_queued;
	struct hvcal_reservation res;
	const void *config;
	u32 config_len;
};

struct hvcal_session_reply {
	u32 handle;
	u32 engine;
	u32 share_ppm;
	u32 left_ppm;
	u32 refused;
	u64 fit_period_ns;
};

int hvcal_reservation_check(const struct hvcal_reservation *res);
/*
 * Reserves @res for what comes later; frames go on under the old one until the
 * engine has been reconfigured. @before: what was reserved.
 */
int hvcal_session_reserve(struct hvcal_session *session, const struct hvcal_reservation *res,
			  struct hvcal_reservation *before, struct hvcal_session_reply *reply);
/* Changes class, period and deadline at once. */
int hvcal_session_switch(struct hvcal_session *session, const struct hvcal_reservation *res,
			 struct hvcal_session_reply *reply);
int hvcal_session_create(struct hvcal_client *client, const struct hvcal_session_args *args,
			 struct hvcal_session_reply *reply);
/* @handle is gone already; takes over the handle's reference. */
void hvcal_session_destroy(struct hvcal_session *session);
void hvcal_session_get(struct hvcal_session *session);
void hvcal_session_put(struct hvcal_session *session);
void hvcal_session_opened_locked(struct hvcal_session *session, int status);
void hvcal_session_lost_locked(struct hvcal_session *session, int status);
void hvcal_session_pressure_locked(struct hvcal_session *session, bool pressed, u32 have_ppm);
void hvcal_session_stats_get(struct hvcal_session *session, struct hvcal_session_stats *st);

/* ------------------------------------------------------------------------ */
/* hvcal_fence.c                                                            */

#define HVCAL_JOB_FENCES 2

struct hvcal_wait {
	struct dma_fence_cb cb;
	struct dma_fence *fence;
	struct hvcal_job *job;
};

/* Makes @job wait for @fence; takes over the reference. Before arming. */
void hvcal_fence_add(struct hvcal_job *job, struct dma_fence *fence);
/* The wait for the writers of @dmabuf. */
int hvcal_fence_add_implicit(struct hvcal_job *job, struct dma_buf *dmabuf);
/* Starts waiting; hvcal_job_ready() follows, perhaps from within. */
void hvcal_fence_arm(struct hvcal_job *job);
/* What hvcal_rebalance_gate_locked() made it wait for has come. */
void hvcal_fence_open_gate(struct hvcal_job *job);
/* Stops waiting and drops the fences. After it no callback runs. */
void hvcal_fence_disarm(struct hvcal_job *job);
/* May a provider hand out @fence as its own? */
bool hvcal_fence_acceptable(struct dma_fence *fence);

/* ------------------------------------------------------------------------ */
/* hvcal_job.c                                                              */

/*
 * Who owns a job:
 *   NEW                  the submitter
 *   WAITING, READY       the session's flow
 *   RUNNING              the provider, between ACQUIRE and COMPLETE
 *   DONE and below       the client's event list, until read
 * A job leaves the first four by one cmpxchg; who loses does nothing.
 */
enum hvcal_job_state {
	HVCAL_JOB_NEW,
	HVCAL_JOB_WAITING,
	HVCAL_JOB_READY,
	HVCAL_JOB_RUNNING,
	/* final: */
	HVCAL_JOB_DONE,
	HVCAL_JOB_ERROR,
	HVCAL_JOB_TIMEDOUT,
	HVCAL_JOB_CANCELED,
};

struct hvcal_job {
	struct kref ref;
	atomic_t state;
	struct hvcal_session *session;
	struct list_head link;		/* session->jobs, ->pool or a local list */
	struct list_head run_link;	/* binding->running, while issued and not held */
	struct list_head cancel_link;	/* provider->cancels */
	struct hvcal_ticket ticket;
	struct hvcal_work work;

	/* as submitted */
	u64 id;
	u64 user_data;
	u32 flags;
	u32 pixels;
	struct hvcal_buffer *source;
	struct hvcal_buffer *target;
	struct hvcal_buffer *side;
	u64 target_offset;
	u64 side_offset;
	u32 target_size;
	u32 side_size;
	struct hvcal_reservation res;	/* RECONFIGURE: takes effect when answered */
	struct hvcal_model *model;	/* RECONFIGURE: spare for the engine */

	/* hvcal_fence.c */
	struct hvcal_wait wait[HVCAL_JOB_FENCES];
	u32 nwaits;
	atomic_t waiting;
	atomic_t fence_error;

	/* under hvcal.lock: */
	bool counted;			/* against session->max_queued */
	bool claims;			/* on its buffers */
	bool accepted;			/* the provider said that it has begun */
	bool quarantines;		/* its target */
	u32 refused_by;			/* RECONFIGURE: engine that it has come from; 0 none */
	s32 status;
	u32 event_flags;
	u64 bytes;
	u64 timeline;
	u64 submit_ns;
	u64 ready_ns;
	u64 start_ns;
	u64 done_ns;
	u32 engine;
	struct dma_fence *out_fence;	/* of ACCEPT */
	struct hvcal_event_node done_event;
	struct hvcal_event_node accept_event;

	u32 params_len;
	u32 meta_len;
	u32 meta_cap;
	u32 result_len;
	void *meta;			/* or the configuration of RECONFIGURE */
	u8 params[HVCAL_PARAMS_MAX];
	u8 result[HVCAL_RESULT_MAX];
};

static inline bool hvcal_job_is_final(int state)
{
	return state >= HVCAL_JOB_DONE;
}

/* A job of @type that the caller fills and submits or puts. -EAGAIN: too many. */
struct hvcal_job *hvcal_job_new(struct hvcal_session *session, u32 type);
void hvcal_job_get(struct hvcal_job *job);
void hvcal_job_put(struct hvcal_job *job);
/* Room for @len bytes at job->meta, kept when the job is used again. */
int hvcal_job_reserve_meta(struct hvcal_job *job, u32 len);
/* On success the job is the session's; on failure still the caller's. */
int hvcal_job_submit(struct hvcal_job *job, u64 deadline_ns, u64 release_ns);
void hvcal_job_ready(struct hvcal_job *job);
/*
 * Ends a job once: true for the one caller that did. @answered: the provider has
 * let go of the buffers, or never had them. The event is posted, or the job is
 * moved to @silent, whose jobs the caller puts after unlocking.
 */
bool hvcal_job_finish_locked(struct hvcal_job *job, enum hvcal_job_state state, int status,
			     bool answered, struct list_head *silent);
void hvcal_job_put_list(struct list_head *jobs);
/* May @job, with its buffers, go to @e? */
bool hvcal_job_may_run_on(const struct hvcal_job *job, const struct hvcal_engine *e);
/* A RUNNING job of a provider that is no more is as if it had never been issued. */
void hvcal_job_take_back_locked(struct hvcal_job *job);
/* All of a session if @id is 0; the number cancelled, or -ENOENT. */
int hvcal_job_cancel(struct hvcal_session *session, u64 id);
struct dma_fence *hvcal_job_out_fence(struct hvcal_session *session, u64 id);

/* ------------------------------------------------------------------------ */
/* hvcal_binding.c                                                          */

struct hvcal_binding {
	struct kref ref;
	struct hvcal_session *session;
	struct hvcal_engine *engine;
	u32 stream;			/* provider-local number */
	/* under hvcal.lock: */
	struct list_head link;		/* engine->bindings */
	struct hvcal_flow flow;
	struct list_head running;	/* issued jobs that are not held, oldest first */
	u64 last_done_ns;
	struct hvcal_model *model;	/* the engine's */
	u64 claimed_ns_per_mpix;
	u32 granted_ppm;		/* hvcal_sibling.c */
	bool opened;			/* the provider has a stream */
	bool proven;			/* and a frame has come out of it */
	bool gone;			/* left the engine */
	bool waits;			/* its frames do, until it can leave: hvcal_drain.c */
	struct hvcal_work open;
	struct hvcal_work close;
};

struct hvcal_binding *hvcal_binding_alloc(void);
void hvcal_binding_get(struct hvcal_binding *b);
void hvcal_binding_put(struct hvcal_binding *b);
/* Takes references to both, and *@spare if the engine has no model for it yet. */
void hvcal_binding_start_locked(struct hvcal_binding *b, struct hvcal_session *session,
				const struct hvcal_offer *offer, struct hvcal_model **spare);
/* The session leaves; the provider is told if it knows the stream. */
void hvcal_binding_close_locked(struct hvcal_binding *b);
/* The session has left, and there never was a stream to be closed. */
void hvcal_binding_abort_close_locked(struct hvcal_binding *b);
/* Takes @b off its engine; idempotent. */
void hvcal_binding_leave_locked(struct hvcal_binding *b);

/* ------------------------------------------------------------------------ */
/* hvcal_engine.c                                                           */

struct hvcal_engine {
	struct kref ref;
	struct kobject *kobj;		/* sysfs directory; NULL none */
	struct hvcal_provider *provider;
	struct list_head link;		/* hvcal.engines */
	struct list_head provider_link;	/* provider->engines */
	u32 id;
	u32 kind;
	u32 flags;
	u32 gpu;
	int numa_node;
	u32 slots;
	u32 session_depth;
	char name[HVCAL_NAME_LEN];
	u32 ncaps;
	struct hvcal_engine_cap *caps;
	bool charged;			/* to the user of the provider's client */

	/* under hvcal.lock: */
	enum hvcal_engine_state state;
	u32 max_sessions;
	u32 sessions;
	u32 external_ppm;
	u32 sibling_ppm;		/* hvcal_sibling.c */
	u32 running;			/* of slots */
	u64 jobs_done;
	struct hvcal_load load;
	struct list_head bindings;
	struct list_head models;
	u32 nmodels;
	struct hvcal_queue queue;
	struct hvcal_wheel *wheels;	/* the queue's */
	struct hrtimer pace;		/* wakes the provider; takes no lock */
	u64 watchdog_at;		/* 0: not armed */
	struct delayed_work watchdog;
	struct delayed_work drain;	/* hvcal_drain.c; holds a reference while queued */
	u64 drain_ns;			/* its own: when all sessions are looked at again */
};

struct hvcal_engine *hvcal_engine_create(struct hvcal_provider *provider,
					 const struct hvcal_engine_register *reg,
					 struct hvcal_engine_cap *caps, u32 ncaps);
void hvcal_engine_get(struct hvcal_engine *e);
void hvcal_engine_put(struct hvcal_engine *e);
/* Makes it known; -EBUSY if the name is taken. Takes over the reference. */
int hvcal_engine_publish(struct hvcal_engine *e);
/* Sessions lose it. In process context, without hvcal.lock. */
void hvcal_engine_retire(struct hvcal_engine *e);
void hvcal_engine_retire_gpu(u32 gpu);
/* The private ones of @client, which publishes none from now on. */
void hvcal_engine_retire_client(struct hvcal_client *client);
/* Of @provider alone, if it is not NULL. */
struct hvcal_engine *hvcal_engine_find(struct hvcal_provider *provider, u32 id);
/* May @client know of it? NULL: somebody who has no client file. */
bool hvcal_engine_visible(const struct hvcal_engine *e, const struct hvcal_client *client);
const struct hvcal_engine_cap *hvcal_engine_fits(const struct hvcal_engine *e,
						 const struct hvcal_place_ask *ask);
void hvcal_engine_info(struct hvcal_engine *e, struct hvcal_engine_info *info);
/* May a session be put there? */
bool hvcal_engine_usable_locked(const struct hvcal_engine *e);
/* Nobody there writes any more to what it was given. */
bool hvcal_engine_quiet_locked(const struct hvcal_engine *e);

/* ------------------------------------------------------------------------ */
/* hvcal_sibling.c */

/* Part of the hardware, without what outsiders take of it, that @ppm of @e are. */
u32 hvcal_sibling_whole_ppm(const struct hvcal_engine *e, u32 ppm);
/* Do @a and @b, which are not the same, share their hardware? */
bool hvcal_sibling_of(const struct hvcal_engine *a, const struct hvcal_engine *b);
/* Would what is promised at siblings of @e still hold if @e took so much more? */
bool hvcal_sibling_bear_locked(const struct hvcal_engine *e, u32 more_ppm);
/* The reservation of @b has been admitted as it is. */
void hvcal_sibling_grant_locked(struct hvcal_binding *b);
/* Reservations at @e have changed, or it has come or gone: tells its siblings. */
void hvcal_sibling_update_locked(struct hvcal_engine *e);

/* ------------------------------------------------------------------------ */
/* hvcal_migrate.c                                                          */

void hvcal_migrate_init(struct hvcal_session *s);
/* Before the session goes. Process context. */
void hvcal_migrate_stop(struct hvcal_session *s);
/* May @job run again elsewhere, once nobody writes its target any more? */
bool hvcal_migrate_may_reissue(const struct hvcal_job *job);
/* The engine of @s is gone: it is homeless from now on, or lost. */
void hvcal_migrate_leave_locked(struct hvcal_session *s);
/* The engine of @s could not open it: another one, soon, or the end. */
void hvcal_migrate_refused_locked(struct hvcal_session *s, int status);
/*
 * @job has failed with @status, and that may be its engine's fault. True: @s goes
 * to another one with it, and the job is the session's again.
 */
bool hvcal_migrate_job_refused_locked(struct hvcal_job *job, int status);
/* A frame of @b is done: its engine can do what the session asks. */
void hvcal_migrate_proven_locked(struct hvcal_binding *b);
/* @s asks for something else from now on, which only @engine is known to refuse. */
void hvcal_migrate_forgive_locked(struct hvcal_session *s, u32 engine);
/* The session of @b goes elsewhere if it still may; false: there is no place for it. */
bool hvcal_migrate_away(struct hvcal_binding *b);
/* Is there another place for @s now? */
bool hvcal_migrate_could_locked(struct hvcal_session *s);
/* Can @e take all that is queued in @s? */
bool hvcal_migrate_may_take_locked(const struct hvcal_session *s, const struct hvcal_engine *e);
/* An engine has come or gone: finds places for who has none. Process context. */
void hvcal_migrate_homeless(void);
/* @s goes to @offer, with what is queued. Uses up @to, and @spare at need. */
void hvcal_migrate_locked(struct hvcal_session *s, struct hvcal_binding *to,
			  const struct hvcal_offer *offer, struct hvcal_model **spare);

/* ------------------------------------------------------------------------ */
/* hvcal_rebalance.c                                                        */

void hvcal_rebalance_init(struct hvcal_session *s);
/* Before the session goes. Process context. */
void hvcal_rebalance_stop(struct hvcal_session *s);
/* True: @job, about to be queued, has to wait for hvcal_fence_open_gate(). */
bool hvcal_rebalance_gate_locked(struct hvcal_job *job);
/* Frames of @s were queued, have ended or are held: time to move? */
void hvcal_rebalance_check_locked(struct hvcal_session *s);
/* @job has ended. */
void hvcal_rebalance_forget_locked(struct hvcal_job *job);

/* ------------------------------------------------------------------------ */
/* hvcal_drain.c                                                            */

void hvcal_drain_init(struct hvcal_engine *e);
/* Of one that is GONE. Process context. */
void hvcal_drain_stop(struct hvcal_engine *e);
/* The sessions of @e go elsewhere from now on, and none comes. */
void hvcal_drain_start_locked(struct hvcal_engine *e);
/* Frames of @s have ended or are held: can it leave now? */
void hvcal_drain_check_locked(struct hvcal_session *s);

/* ------------------------------------------------------------------------ */
/* hvcal_watchdog.c                                                         */

void hvcal_watchdog_init(struct hvcal_engine *e);
/* @expires_ns: CLOCK_MONOTONIC by which an answer is due. */
void hvcal_watchdog_arm_locked(struct hvcal_engine *e, u64 expires_ns);
/* Work may lie there for @p: somebody must come for it. From any context. */
void hvcal_watchdog_expect(struct hvcal_provider *p);
/* Somebody came. */
void hvcal_watchdog_attended(struct hvcal_provider *p);
void hvcal_watchdog_init_provider(struct hvcal_provider *p);
/* Of one that is DEAD. Process context. */
void hvcal_watchdog_stop_provider(struct hvcal_provider *p);
/* Enough looks that a provider which owes nothing is not to be trusted? */
bool hvcal_watchdog_absent_locked(const struct hvcal_provider *p);
/* Has it something in hand that may take as long as this? */
bool hvcal_watchdog_busy_locked(struct hvcal_provider *p);
u64 hvcal_watchdog_control_budget(void);
u64 hvcal_watchdog_job_budget(const struct hvcal_binding *b, const struct hvcal_job *job);

/* ------------------------------------------------------------------------ */
/* hvcal_patience.c                                                         */

void hvcal_patience_init(struct hvcal_provider *p);
/* Of one that is DEAD. Process context. */
void hvcal_patience_stop(struct hvcal_provider *p);
/* @p has been woken for work. From any context. */
void hvcal_patience_expect(struct hvcal_provider *p);
/* Its process looks whether there is @work: poll() or ACQUIRE. Without hvcal.lock. */
void hvcal_patience_looked(struct hvcal_provider *p, bool work);
/* @p is stuck: sessions that can leave it do. */
void hvcal_patience_end_locked(struct hvcal_provider *p);
/* Could the session of @b leave: is nothing of it in the provider's hands? */
bool hvcal_patience_may_leave_locked(const struct hvcal_binding *b);

/* ------------------------------------------------------------------------ */
/* hvcal_provider.c                                                         */

enum hvcal_provider_state {
	HVCAL_PROVIDER_LIVE,
	HVCAL_PROVIDER_SUSPECT,	/* an answer is overdue, or nobody comes for work */
	HVCAL_PROVIDER_DEAD,	/* for too long, or the file is closed */
};

struct hvcal_provider {
	struct kref ref;
	u64 id;
	kuid_t uid;
	struct pid *tgid;		/* the opener: fds go nowhere else */
	struct file *file;		/* while it is not closed; NULL of a private one */
	struct hvcal_client *client;	/* of a private one, else NULL */
	struct mutex acquire_lock;	/* one acquire at a time */
	wait_queue_head_t wait;

	/* under hvcal.lock: */
	enum hvcal_provider_state state;
	bool closed;			/* its file: nobody there writes any more */
	bool kill;			/* rather than hang: HVCAL_ENGINE_KILL */
	u32 overdue;			/* issued works with a strike: no new work till then */
	u32 missed;			/* looks in a row at which work lay there; see watchdog */
	bool shunned;			/* its sessions waited too long, it has not looked yet */
	bool doomed;			/* its process is being killed: nothing more for it */
	bool ended;			/* all its threads are; its memory may still be there */
	u32 next_stream;
	u32 next_buffer;
	struct list_head engines;
	struct list_head control;	/* QUEUED works: OPEN and CLOSE */
	struct list_head cancels;	/* jobs whose cancelling is to be told */
	struct list_head drops;		/* imports whose buffer is gone */
	struct list_head imports;	/* the others */
	DECLARE_HASHTABLE(issued, 8);	/* works that wait for an answer */
	u64 late;			/* answers that came too late */
	struct delayed_work retire;	/* second strike; holds a reference while queued */
	struct delayed_work attend;	/* hvcal_watchdog.c; holds a reference while queued */
	u64 late_ns;			/* from when on it is late */
	struct delayed_work patience;	/* hvcal_patience.c; holds a reference while queued */
	u64 look_ns;			/* when that is to look */
	u64 woken_ns;			/* for work that it has not looked at; 0: it has */
};

extern const struct file_operations hvcal_provider_fops;

/* @client: for whom alone its engines are; NULL: for everybody */
struct hvcal_provider *hvcal_provider_create(struct hvcal_client *client);
void hvcal_provider_destroy(struct hvcal_provider *p);
void hvcal_provider_get(struct hvcal_provider *p);
void hvcal_provider_put(struct hvcal_provider *p);
bool hvcal_provider_has_work_locked(struct hvcal_provider *p);
void hvcal_provider_wake(struct hvcal_provider *p);
struct hvcal_work *hvcal_provider_issued_locked(struct hvcal_provider *p, u64 id);
/* @w was not answered within its budget. */
void hvcal_provider_strike_locked(struct hvcal_provider *p, struct hvcal_work *w, u64 now);
/* It is not to be trusted any more: its engines go. */
void hvcal_provider_give_up_locked(struct hvcal_provider *p, const char *why);
/* LIVE or SUSPECT, by what it owes. */
void hvcal_provider_judge_locked(struct hvcal_provider *p);
void hvcal_provider_retire_engines(struct hvcal_provider *p);

struct hvcal_answer {
	s32 status;
	u32 flags;
	u64 bytes;
	u64 engine_ns;
	u32 result_len;
	u8 result[HVCAL_RESULT_MAX];
};

/* The verdict on the answer to item @id. */
int hvcal_provider_answer(struct hvcal_provider *p, u64 id, const struct hvcal_answer *a);
int hvcal_provider_accept(struct hvcal_provider *p, u64 id, struct dma_fence *fence);
int hvcal_provider_check(struct hvcal_provider *p, u64 id);

/* ------------------------------------------------------------------------ */
/* hvcal_work.c                                                             */

/* OPEN and CLOSE wait in the provider's control list; takes a reference to @b. */
void hvcal_work_queue_locked(struct hvcal_work *w, struct hvcal_binding *b, u32 type);
void hvcal_work_unqueue_locked(struct hvcal_work *w);
/* Hands @w to the provider; the reference to the binding goes along. */
void hvcal_work_issue_locked(struct hvcal_work *w, u64 now, u64 budget_ns);
/* Takes an ISSUED @w back; w->link is free for a list of works to be put. */
void hvcal_work_retract_locked(struct hvcal_work *w);
/* Gives slot and depth of a job back to its engine before it is answered. */
void hvcal_work_hold_locked(struct hvcal_work *w);
/* Drops what retracted works referred to. Process context, without hvcal.lock. */
void hvcal_work_put_list(struct list_head *works);

/* ------------------------------------------------------------------------ */
/* hvcal_acquire.c                                                          */

int hvcal_acquire(struct hvcal_provider *p, struct hvcal_acquire *arg, bool nonblock);

/* ------------------------------------------------------------------------ */
/* hvcal_gpu.c                                                              */

int hvcal_gpu_init(void);
void hvcal_gpu_exit(void);
/* Number of the GPU at @slot and its node; 0 if there is none. */
u32 hvcal_gpu_lookup(const char *slot, int *numa_node);
bool hvcal_gpu_exists(u32 id);
/* Information on number @index of the list; -ENOENT at its end. */
int hvcal_gpu_info(u32 index, struct hvcal_gpu_info *info, u32 *total, u64 *generation);

/* hvcal_sysfs.c, hvcal_debugfs.c */

int hvcal_sysfs_init(void);
void hvcal_sysfs_exit(void);
void hvcal_sysfs_add_engine(struct hvcal_engine *e);
void hvcal_sysfs_del_engine(struct hvcal_engine *e);
void hvcal_debugfs_init(void);
void hvcal_debugfs_exit(void);

#endif /* HVCAL_INTERNAL_H */
