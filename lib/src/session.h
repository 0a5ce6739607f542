/* SPDX-License-Identifier: MIT */
/*
 * A session inside: slots and events.
 *
 * A slot is one frame from submission until its packet is released. It owns the
 * target that the engine writes, and a reference to the source until the engine
 * is done. Events wait in a ring that always has room for those of all slots.
 */
#ifndef HVCAL_SESSION_H
#define HVCAL_SESSION_H

#include "internal.h"

/* Events of a session, other than those of jobs, that may wait. */
#define HVCAL_SESSION_EVENTS 32U
/* Flushes and reconfigurations that may be under way, of each. */
#define HVCAL_PENDING_MAX 8U
/* Frames that batch mode hands over at once. */
#define HVCAL_GATHER 8U

enum hvcal_slot_state {
	HVCAL_SLOT_FREE,
	HVCAL_SLOT_INSIDE,	/* gathered or handed over, no event yet */
	HVCAL_SLOT_DONE,	/* its event waits, or the user has its packet */
};

struct hvcal_aq;
struct hvcal_rate;

struct hvcal_slot {
	hvcal_session_t *session;
	enum hvcal_slot_state state;	/* session.lock, like all up to @target */
	uint32_t generation;	/* tells late events of an earlier use */
	hvcal_buffer_t *source;
	hvcal_buffer_t *map;
	hvcal_buffer_t *target;
	int64_t pts;
	uint32_t rate_id;	/* of the frame in rate control, if @rate_known */
	bool rate_known;
	bool rate_band;		/* a part of it has a QP of its own */
	uint64_t rate_bitrate;	/* that its QP was decided for; 0 by the engine */
	uint32_t rate_saturated; /* enum hvcal_saturation, then */
	uint64_t user_data;
	uint64_t copied;	/* bytes that libhvcal copied for it */
	struct hvcal_frame_params params;
	void *meta;
	uint32_t meta_len;
	struct hvcal_job_desc job;
};

/** An event, with what its frame said: the slot may be used anew meanwhile. */
struct hvcal_item_event {
	struct hvcal_event e;
	uint64_t user_data;
	int64_t pts;
};

struct hvcal_session {
	atomic_uint refs;
	hvcal_context_t *ctx;
	hvcal_session_t *next;	/* ctx.lock */
	uint32_t handle;

	pthread_mutex_t submit_lock;
	hvcal_config_t config;		/* submit_lock: in force */
	uint32_t disabled;		/* submit_lock: features of frames, bits */
	uint32_t told;			/* submit_lock: missing ones that were logged */
	uint32_t mode;			/* submit_lock: enum hvcal_throughput */
	bool want_key;			/* submit_lock */
	bool want_recovery;		/* submit_lock: the next frame tells of ... */
	int64_t lost_pts;		/* submit_lock: ... this one */
	uint32_t since_key;		/* submit_lock: frames, as far as we know */
	struct hvcal_rate *rate;	/* NULL: the engine controls the rate */
	struct hvcal_aq *aq;		/* submit_lock: NULL until a map is made */
	hvcal_pool_t *maps;		/* submit_lock: of our own making; NULL until then */
	_Atomic uint64_t aq_frames;	/* that got one by @aq */
	_Atomic uint64_t band_frames;	/* with a band of rows that rate control wanted */
	int64_t next_pts;		/* submit_lock */
	uint32_t gathered[HVCAL_GATHER]; /* submit_lock: slots not handed over yet */
	uint32_t gather_count;		/* submit_lock */
	bool gather_all;		/* submit_lock: within hvcal_submit_frames */
	hvcal_pool_t *targets;
	hvcal_pool_t *staging;		/* submit_lock: for frames that are copied */
	_Atomic uint32_t engine;
	_Atomic uint32_t engine_flags;	/* HVCAL_CAP_* */
	_Atomic uint64_t copied_bytes;
	_Atomic uint64_t engine_copied;
	_Atomic uint64_t submit_calls;

	pthread_mutex_t lock;
	struct hvcal_slot *slots;	/* config.max_queued of them */
	uint32_t *free_slots;		/* lock: a stack */
	uint32_t nslots, nfree;		/* lock */
	uint32_t inside;		/* lock */
	struct hvcal_item_event *ring;	/* lock */
	uint32_t ring_size, ring_head, ring_count; /* lock */
	uint32_t session_events;	/* lock: of the ring's, not of jobs */
	uint32_t flushes, reconfigures;	/* lock: under way */
	bool lost;			/* lock: no engine is left */
	uint32_t waiters;		/* lock: threads in poll */
	bool exported;			/* lock: the user polls */
	bool signaled;			/* lock: event_fd is readable */
	int event_fd;
	int poll_fd;			/* lock: what hvcal_get_fd gave, -1 not yet */
};

hvcal_session_t *hvcal_session_ref(hvcal_session_t *s);
void hvcal_session_unref(hvcal_session_t *s);

/** Takes an event in. Any thread; never waits. */
void hvcal_session_event(hvcal_session_t *s, const struct hvcal_event *event);

/** What the engine says of the frame; what it does not say is zero. */
void hvcal_event_result(const struct hvcal_event *event, struct hvcal_frame_result *result);

/** Takes the oldest event out. False: none. */
bool hvcal_session_pop(hvcal_session_t *s, struct hvcal_item_event *event);

/**
 * Takes the oldest event out, waiting until @deadline_ns (0: not at all,
 * UINT64_MAX: without end). 0; -EAGAIN; -ENODEV: lost, and nothing waits.
 */
int hvcal_session_next(hvcal_session_t *s, struct hvcal_item_event *event,
		       uint64_t deadline_ns);

/** Has the engine this option of frames, and may it be used? submit_lock is held. */
bool hvcal_session_has(const hvcal_session_t *s, uint32_t feature);

/** Hands over what batch mode has gathered. submit_lock is held. */
void hvcal_session_hand_over(hvcal_session_t *s);

/** Engine changed: reads what the new one can. */
void hvcal_session_set_engine(hvcal_session_t *s, uint32_t engine);

/** Gives the slot back with all that it holds. */
void hvcal_slot_free(hvcal_session_t *s, struct hvcal_slot *slot);

#endif
