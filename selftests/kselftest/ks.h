/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tests share: nodes, buffers, fences, a provider that is
 * driven step by step. Everything here ends the test when it cannot do its
 * work; functions that return int give 0 or a negative errno.
 */
#ifndef KS_H
#define KS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../uapi/hvcal.h"
#include "../../uapi/hvcal_codec.h"
#include "harness.h"

#define KS_WAIT_MS	4000	/* for something that should come at once */
#define KS_QUIET_MS	60	/* to see that something does not come */
#define KS_FRAME_BYTES	(64 * 1024)
#define KS_WIDTH	320
#define KS_HEIGHT	240
#define KS_MS		1000000ULL	/* ns */

/* ---- nodes ---- */

/** Opens a node; skips the test if the module is not there. */
int ks_client(void);
int ks_client_nonblock(void);
int ks_provider_node(int flags);

/** ioctl(2) giving a negative errno; restarted in a storm of signals only. */
int ks_ioctl(int fd, unsigned long cmd, void *arg);

/** The command @cmd as a caller with another structure size would make it. */
unsigned long ks_resize(unsigned long cmd, size_t size);

/** An address that leads nowhere. */
void *ks_bad_pointer(void);

uint64_t ks_now_ns(void);
void ks_sleep_ms(int ms);

/* ---- bounds in time ---- */

/** Watches, in a thread, how long this machine stands still, from the first call on. */
void ks_late_watch(void);
int ks_since_ms(uint64_t start);
/**
 * What is added to a bound on a machine that is busy or slow, and what it stood
 * still since ks_late_watch(): twice that. Ask when what is measured is over.
 */
int ks_slack_ms(void);

struct hvcal_caps ks_caps(int fd);

/** Fills @info for @engine; -ENODEV if it is not listed. */
int ks_engine_info(int fd, uint32_t engine, struct hvcal_engine_info *info);

/** Sets a module parameter; skips the test if it is absent. The harness puts the old value back. */
void ks_watchdog(long floor_ms, long cap_ms);
/** One of those that lib/state.c puts back. */
void ks_param(const char *name, long value);

/* ---- buffers ---- */

struct ks_buf {
	int fd;
	size_t size;
	uint8_t *map;
};

/** A DMA-BUF from udmabuf, a DMA heap or vgem, whichever the kernel has. */
struct ks_buf ks_buf_make(size_t size);
void ks_buf_close(struct ks_buf *buf);

void ks_import_init(struct hvcal_buffer_import *arg, int dmabuf, uint32_t flags);
/** Imports and returns the handle. */
uint32_t ks_import(int client, int dmabuf, uint32_t flags);
/** A new buffer of KS_FRAME_BYTES, imported; the descriptor is closed again. */
uint32_t ks_import_new(int client, uint32_t flags);

/* ---- sessions and jobs ---- */

/** BEST_EFFORT, test codec, on @engine. */
void ks_create_init(struct hvcal_session_create *arg, uint32_t engine);
/** REALTIME with @period_ms. */
void ks_create_realtime(struct hvcal_session_create *arg, uint32_t engine, unsigned int period_ms);
void ks_job_init(struct hvcal_job_desc *job, uint32_t source, uint32_t target);

/** Submits; the number taken or a negative errno. */
int ks_submit(int client, uint32_t session, struct hvcal_job_desc *jobs, uint32_t count);
int ks_destroy(int client, uint32_t session);
int ks_release(int client, uint32_t buffer);
int ks_cancel(int client, uint32_t session, uint64_t job, uint64_t *canceled);
struct hvcal_session_stats ks_stats(int client, uint32_t session);

/** Waits for one event; -ETIMEDOUT if none comes. */
int ks_event(int client, struct hvcal_event *ev, int ms);
/** The next event must be this one. */
void ks_expect_event(int client, struct hvcal_event *ev, uint32_t type, int status);
/** Nothing may come for KS_QUIET_MS. */
void ks_expect_quiet(int client);

/* ---- provider ---- */

enum { KS_ITEMS = 32, KS_PROVIDER_BUFS = 128, KS_BLOB_BYTES = 32768 };

struct ks_provider_buf {
	uint32_t number;	/* 0 free */
	uint32_t flags;
	uint64_t size;
	int fds[HVCAL_MAX_PLANES];
};

struct ks_provider {
	int fd;
	uint32_t engine;
	struct hvcal_item items[KS_ITEMS];
	uint32_t head, count;
	uint8_t blobs[KS_BLOB_BYTES] __attribute__((aligned(8)));
	struct ks_provider_buf bufs[KS_PROVIDER_BUFS];
	unsigned int adds, drops;
};

void ks_cap_init(struct hvcal_engine_cap *cap);
/** A TEST engine with one capability; @cap must outlive the call that uses @arg. */
void ks_register_init(struct hvcal_engine_register *arg, const struct hvcal_engine_cap *cap,
		      const char *name);
/** Opens a provider with one TEST engine. */
void ks_provider_open(struct ks_provider *p, const char *name, uint32_t slots, uint32_t depth);
void ks_provider_register(struct ks_provider *p, struct hvcal_engine_register *arg);
/** The file for private engines of @client, which does not block. */
int ks_private_file(int client);
/** Registers a private engine of @client. */
void ks_private_register(struct ks_provider *p, int client, struct hvcal_engine_register *arg);
void ks_provider_close(struct ks_provider *p);

/**
 * One ACQUIRE into the provider's own area without waiting; -EAGAIN if there is
 * nothing. Buffer items are taken account of.
 */
int ks_acquire(struct ks_provider *p);
/** The next item that is not about buffers; -ETIMEDOUT if none comes. */
int ks_next(struct ks_provider *p, struct hvcal_item *item, int ms);
/** The next item must be of @type. */
void ks_expect_item(struct ks_provider *p, struct hvcal_item *item, uint32_t type);
void ks_expect_idle(struct ks_provider *p);
struct ks_provider_buf *ks_provider_find(struct ks_provider *p, uint32_t number);

/** Replies to one item; its verdict, or the ioctl's error. */
int ks_reply(struct ks_provider *p, uint64_t id, int status, uint64_t bytes);
/** Expects an OPEN, replies to it, and eats the client's OPENED. */
void ks_open_reply(struct ks_provider *p, int client);
/** The next item is a CLOSE, which is answered. */
void ks_close_reply(struct ks_provider *p);
/** Creates a session on the provider's engine and opens it; its handle. */
uint32_t ks_session(struct ks_provider *p, int client, struct hvcal_session_create *arg);
uint32_t ks_session_plain(struct ks_provider *p, int client);

/** Everything that a test of jobs needs. */
struct ks_rig {
	struct ks_provider p;
	int client;
	uint32_t session;
	uint32_t source, target, target2;
};

void ks_rig_open(struct ks_rig *rig, const char *name, uint32_t slots, uint32_t depth);
/** Submits one job to the rig's session; its number. */
uint64_t ks_rig_submit(struct ks_rig *rig, uint32_t target, uint64_t user_data);
/** Runs one job through, from submit to event. */
void ks_rig_run(struct ks_rig *rig, uint64_t user_data);

/* ---- other processes ---- */

struct ks_peer {
	pid_t pid;
	int from;	/* what the peer says */
	int to;		/* what it is told */
};

/**
 * Forks a peer that runs @fn(peer, arg) with the other ends of the pipes, and
 * never returns from it.
 */
struct ks_peer ks_peer_start(void (*fn)(struct ks_peer *self, void *arg), void *arg);
void ks_peer_say(struct ks_peer *peer, uint64_t word);
/** Waits for a word; fails the test after KS_WAIT_MS. */
uint64_t ks_peer_hear(struct ks_peer *peer);
void ks_peer_kill(struct ks_peer *peer, int sig);

/* ---- the module itself ---- */

/** Skips if the module cannot be removed, or with @file if it could not be put back. */
void ks_module_need(bool file);
/** Without waiting: -EAGAIN while it is in use. */
int ks_module_remove(void);
int ks_module_remove_within(int ms);
/** The file that HVCAL_KO names, to be read; -1 none. */
int ks_module_open(void);

/** Inserts the module that is in @fd. */
int ks_module_insert_file(int fd);

/** Inserts the file that HVCAL_KO names. */
int ks_module_insert(void);

/* ---- fences ---- */

/** A fence that this process signals: vgem's or sw_sync's. */
struct ks_fence {
	int sync;	/* sync_file */
	int dmabuf;	/* vgem: the buffer that carries the fence, else -1 */
	int device;
	uint32_t handle;
};

/** Skips if the kernel has no vgem. The buffer carries the fence as a writer. */
struct ks_fence ks_fence_vgem(void);
/** Skips if the kernel has no sw_sync. */
struct ks_fence ks_fence_sw_sync(void);
/** Whichever there is. */
struct ks_fence ks_fence_any(void);
void ks_fence_signal(struct ks_fence *fence);
void ks_fence_close(struct ks_fence *fence);

/** A vgem buffer object's DMA-BUF; negative errno if there is no vgem. */
int ks_vgem_alloc(size_t size);

#endif
