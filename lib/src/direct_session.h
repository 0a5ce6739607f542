/* SPDX-License-Identifier: MIT */
/*
 * A session of direct mode inside: direct_session.c makes and ends it, direct_submit.c
 * gives it work, direct_worker.c is the thread that feeds its engine, and direct_job.c takes
 * back what the engine has done.
 */
#ifndef HVCAL_DIRECT_SESSION_H
#define HVCAL_DIRECT_SESSION_H

#include "direct.h"

enum direct_item_type { DIRECT_ITEM_ENCODE, DIRECT_ITEM_RECONFIGURE, DIRECT_ITEM_FLUSH };

struct direct_job {
	struct hvcal_engine_job ej;	/* first: engines give it back */
	struct direct_session *session;
	atomic_uint refs;	/* the engine's done(), and the worker meanwhile */
	struct direct_job *next;	/* session.lock: in the list of given jobs */
	struct hvcal_event event; /* what is known of it already */
	uint32_t flags;		/* HVCAL_JOB_* */
	uint32_t dropped;	/* of the stream that it was given to */
	int in_fence;		/* ours, -1 none */
	int fence;		/* session.lock: ours, of the hardware, -1 none */
	uint64_t release_ns;
	bool canceled;		/* session.lock */
	bool held;		/* session.lock */
	bool finishing;		/* session.lock: the engine has called done() */
	bool done;		/* session.lock */
};

struct direct_item {
	struct direct_item *next;
	enum direct_item_type type;
	uint64_t user_data;
	struct direct_job *job;
	struct hvcal_codec_config config;
	struct hvcal_reservation res;
};

struct direct_session {
	struct direct_session *next;	/* direct.lock */
	struct direct *d;
	struct direct_engine *engine;
	uint32_t handle;
	pthread_t thread;

	hvcal_engine_stream_t *stream;	/* the worker's */
	struct hvcal_codec_config config; /* the worker's */
	uint32_t dropped;		/* the worker's: HVCAL_DROPPED_* of it */
	bool proven;			/* the worker's: the stream has taken a frame */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct direct_item *head, **tail;	/* lock: what is to be done, in order */
	struct direct_job *next_job;		/* lock: taken from the queue, not given yet */
	struct direct_job *given;		/* lock: jobs that the engine has */
	uint32_t ngiven, nheld;		/* lock */
	bool stop;			/* lock */
	bool lost;			/* lock */
	uint64_t period_ns, deadline_ns; /* lock */
	struct hvcal_session_stats stats; /* lock */
};

/* direct_job.c */
void direct_job_unref(struct direct_job *job);
/* The event of a finished job. Sessions that are closed get none. */
void direct_job_report(struct direct_session *s, struct direct_job *job, int status,
		       uint64_t engine_ns);
/* While it is @finishing, the engine is told nothing about it. */
void direct_job_finishing(struct direct_session *s, struct direct_job *job, bool finishing);
/* The engine has it no longer. With session.lock. */
void direct_job_returned_locked(struct direct_session *s, struct direct_job *job);

/* direct_worker.c: a thread; @arg is the session */
void *direct_worker(void *arg);

/* direct_session.c */
/* The caller holds the public session, which destroys this one. */
struct direct_session *direct_session_find(struct hvcal_be *be, uint32_t handle);
void direct_session_queue_locked(struct direct_session *s, struct direct_item *item);
/* The lock keeps jobs from being finished, and the stream open, meanwhile. */
void direct_session_cancel_locked(struct direct_session *s);

#endif
