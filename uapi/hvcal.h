/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * HVCAL - Hardware Video Codec Abstraction Layer
 *
 * The contract between hvcal.ko, its clients (/dev/hvcal) and its providers
 * (/dev/hvcal-provider).
 */
#ifndef _UAPI_HVCAL_H
#define _UAPI_HVCAL_H

#include <linux/ioctl.h>
#include <linux/types.h>

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Rules of this interface
 *
 * - Every structure is a multiple of 8 bytes and has no implicit hole. Padding
 *   is explicit, must be zero on the way in, and is checked (-EINVAL).
 * - Structures grow at the end only, and zero in a new field means what older
 *   kernels did. An ioctl carries the size that the caller was compiled with:
 *   a shorter structure is extended with zeroes, a longer one is accepted as
 *   long as the part that this kernel does not know is zero (-E2BIG if not).
 *   A structure shorter than its first version is -EINVAL.
 * - Arrays are passed as struct hvcal_array: the stride is the size that the
 *   caller knows for one element, under the same rule.
 * - Unknown flags are -EINVAL. A flag that exists but that this module cannot
 *   honour is -EOPNOTSUPP; HVCAL_IOC_CAPS tells beforehand.
 * - Numbers of enums are never reused; new ones are appended.
 * - File descriptors are __s32 and -1 means none. Handles are __u32, start at
 *   1, are private to the open file, and 0 means none.
 * - Times are absolute CLOCK_MONOTONIC nanoseconds unless called a duration.
 * - No ioctl waits for another process, but for HVCAL_IOC_ACQUIRE, which is a
 *   provider waiting for work and honours O_NONBLOCK. Clients wait with
 *   poll(2) and read struct hvcal_event records with read(2). Signals interrupt
 *   ACQUIRE and read(2) alone (-EINTR, nothing has happened), and with SA_RESTART
 *   not even these.
 * - A call that fails has done nothing, also if it fails because its answer
 *   cannot be copied out: the session, buffer or engine is gone again. Only what
 *   has been submitted, cancelled, acquired, replied or exported as a fence by
 *   then stays so; events and the watchdog tell of it.
 * - Parameters of codecs are opaque here (struct hvcal_blob) and are defined
 *   in hvcal_codec.h; the module copies them and never looks inside.
 *
 * Errors have one meaning each:
 *
 * ========== ==================================================================
 * EINVAL     a field holds a value that is never right
 * E2BIG      unknown tail of a structure is not zero, or a blob is too long
 * EFAULT     a pointer does not lead to memory
 * ENOENT     no such handle, job or item
 * EACCES     this node or this credential may not do that
 * EBUSY      a buffer is owned by a running job, or quarantined after a hang
 * EAGAIN     nothing there (O_NONBLOCK), or the session's queue is full
 * ENOSPC     admission refused; the reply says which resource and what fits
 * EUSERS     a per-user limit is reached
 * ENOTCONN   no engine can do this, or the session has lost its engine
 * ENODEV     no such engine, provider or device, or not any more
 * ETIMEDOUT  the answer came too late and has no effect
 * ECANCELED  the work was cancelled; the answer has no effect
 * EXDEV      the buffer lives on another device than the session's engine
 * EMSGSIZE   the caller's area is too small for one item; the size is returned
 * EPROTO     a provider answered nonsense (more bytes than there is room)
 * EOPNOTSUPP known to this interface, absent from this module or engine
 * ENOTTY     unknown ioctl
 * ========== ==================================================================
 */

#define HVCAL_ABI_MAJOR		1
#define HVCAL_ABI_MINOR		0

#define HVCAL_CLIENT_NODE	"/dev/hvcal"
#define HVCAL_PROVIDER_NODE	"/dev/hvcal-provider"

#define HVCAL_NAME_LEN		32	/* names are NUL-terminated within */
#define HVCAL_MAX_PLANES	4	/* DMA-BUFs of one buffer */
#define HVCAL_MAX_FORMATS	8	/* pixel formats of one capability */
#define HVCAL_CONFIG_MAX	4096	/* bytes of a session's configuration */
#define HVCAL_PARAMS_MAX	256	/* bytes of a frame's parameters */
#define HVCAL_META_MAX		4096	/* bytes of a frame's metadata */
#define HVCAL_LAYOUT_MAX	256	/* bytes of a buffer's layout */
#define HVCAL_RESULT_MAX	128	/* bytes of a frame's result */
#define HVCAL_BATCH_MAX		64	/* elements of one submit or complete */
#define HVCAL_HIST_BUCKETS	32

/**
 * struct hvcal_array - an array of structures in the caller's memory
 * @stride: size of one element as the caller knows it
 * @count: in: elements at @ptr; out, where the kernel fills the array: how many
 *         there are, which may be more than were written
 * @ptr: address; 0 with @count 0 asks for the number alone
 */
struct hvcal_array {
	__u32 stride;
	__u32 count;
	__u64 ptr;
};

/**
 * struct hvcal_blob - bytes that the module carries without reading
 * @ptr: address; 0 if @len is 0
 * @len: bytes
 * @pad: zero
 */
struct hvcal_blob {
	__u64 ptr;
	__u32 len;
	__u32 pad;
};

/* ------------------------------------------------------------------------ */
/* Both nodes                                                               */

/* enum hvcal_feature - bits of hvcal_caps.features */
#define HVCAL_FEATURE_IN_FENCE		(1ULL << 0) /* HVCAL_JOB_IN_FENCE */
#define HVCAL_FEATURE_IMPLICIT_FENCE	(1ULL << 1) /* HVCAL_JOB_IMPLICIT_FENCE */
#define HVCAL_FEATURE_OUT_FENCE		(1ULL << 2) /* HVCAL_IOC_JOB_FENCE */
#define HVCAL_FEATURE_PACING		(1ULL << 3) /* hvcal_job_desc.release_ns */
#define HVCAL_FEATURE_RATE_ADMISSION	(1ULL << 4) /* reservations are guaranteed */
#define HVCAL_FEATURE_FAILOVER		(1ULL << 5) /* sessions move when engines die */
#define HVCAL_FEATURE_PRIVATE_ENGINE	(1ULL << 6) /* HVCAL_ENGINE_PRIVATE */
#define HVCAL_FEATURE_GPU_LIST		(1ULL << 7) /* GPUs are discovered */
#define HVCAL_FEATURE_REBALANCE		(1ULL << 8) /* HVCAL_JOB_KEY moves sessions */
#define HVCAL_FEATURE_KILL		(1ULL << 9) /* HVCAL_ENGINE_KILL */

/**
 * struct hvcal_caps - what this module is (HVCAL_IOC_CAPS)
 * @abi_major: HVCAL_ABI_MAJOR of the module; a library works with any module
 *             of its own major number
 * @abi_minor: grows with every addition
 * @features: HVCAL_FEATURE_* that work
 * @event_size: bytes of one event record as read(2) returns it
 * @max_sessions: sessions of one open file
 * @max_buffers: buffers of one open file
 * @max_queued: jobs of one session that are submitted and whose event is unread
 * @max_batch: elements of one submit or complete
 * @pad: zero
 */
struct hvcal_caps {
	__u32 abi_major;
	__u32 abi_minor;
	__u64 features;
	__u32 event_size;
	__u32 max_sessions;
	__u32 max_buffers;
	__u32 max_queued;
	__u32 max_batch;
	__u32 pad;
};

/* ------------------------------------------------------------------------ */
/* Engines and GPUs                                                         */

enum hvcal_op {
	HVCAL_OP_ENCODE = 1,
	HVCAL_OP_DECODE = 2,	/* reserved: -EOPNOTSUPP */
	HVCAL_OP_PROCESS = 3,	/* reserved: -EOPNOTSUPP */
};

enum hvcal_engine_kind {
	HVCAL_ENGINE_HARDWARE = 1,
	HVCAL_ENGINE_SOFTWARE = 2,
	HVCAL_ENGINE_TEST = 3,	/* never chosen unless named */
};

enum hvcal_engine_state {
	HVCAL_ENGINE_READY = 1,
	HVCAL_ENGINE_SUSPECT = 2,	/* an answer is overdue, or nobody comes for work */
	HVCAL_ENGINE_DRAINING = 3,	/* HVCAL_ENGINE_UPDATE_DRAIN */
	HVCAL_ENGINE_GONE = 4,
};

/* enum hvcal_cap_flags - bits of hvcal_engine_cap.flags */
#define HVCAL_CAP_FRAME_QP		(1U << 0) /* honours a QP per frame */
#define HVCAL_CAP_FORCE_KEY		(1U << 1) /* honours a forced key frame */
#define HVCAL_CAP_RETARGET		(1U << 2) /* new bit rate without key frame */
#define HVCAL_CAP_ROI			(1U << 3) /* takes a QP map */
#define HVCAL_CAP_SCALE			(1U << 4) /* scales where the frame is */
#define HVCAL_CAP_TONEMAP		(1U << 5) /* converts transfer and depth */
#define HVCAL_CAP_HDR_STATIC		(1U << 6)
#define HVCAL_CAP_HDR_DYNAMIC		(1U << 7)
#define HVCAL_CAP_LOSSLESS		(1U << 8)
#define HVCAL_CAP_LAYERS		(1U << 9) /* an upper temporal layer that may be lost */
#define HVCAL_CAP_RECOVER		(1U << 10) /* honours HVCAL_FRAME_LOST */
#define HVCAL_CAP_FLAGS_ALL		0x7ffU

/**
 * struct hvcal_engine_cap - one thing that an engine can do
 * @op: enum hvcal_op
 * @codec: fourcc, see HVCAL_CODEC_* in hvcal_codec.h
 * @depth_mask: bit n set: n bits per sample are supported
 * @flags: HVCAL_CAP_*
 * @min_width: pixels
 * @min_height: pixels
 * @max_width: pixels
 * @max_height: pixels
 * @cost_ns_per_mpix: the provider's claim, ns of engine time per 10^6 pixels
 *                    at a medium preset; 0 unknown. A seed only.
 * @formats: DRM fourccs taken as source (or given, for decoding), best first,
 *           0 ends the list
 */
struct hvcal_engine_cap {
	__u32 op;
	__u32 codec;
	__u32 depth_mask;
	__u32 flags;
	__u32 min_width;
	__u32 min_height;
	__u32 max_width;
	__u32 max_height;
	__u64 cost_ns_per_mpix;
	__u32 formats[HVCAL_MAX_FORMATS];
};

/**
 * struct hvcal_engine_info - one engine in HVCAL_IOC_ENGINE_LIST
 * @id: engine number, never reused while the module is loaded
 * @kind: enum hvcal_engine_kind
 * @state: enum hvcal_engine_state
 * @flags: HVCAL_ENGINE_* of the registration
 * @gpu: GPU number (HVCAL_IOC_GPU_LIST); 0 none
 * @numa_node: -1 unknown
 * @slots: jobs it runs at once
 * @session_depth: jobs of one session that it takes at once
 * @max_sessions: 0 unlimited
 * @sessions: open now
 * @load_ppm: engine time used in the last second, in millionths of all slots
 * @external_ppm: reported by the provider as used by others
 * @caps: entries that HVCAL_IOC_ENGINE_CAPS returns
 * @pad: zero
 * @name: unique among living engines
 * @jobs_done: since registration
 */
struct hvcal_engine_info {
	__u32 id;
	__u32 kind;
	__u32 state;
	__u32 flags;
	__u32 gpu;
	__s32 numa_node;
	__u32 slots;
	__u32 session_depth;
	__u32 max_sessions;
	__u32 sessions;
	__u32 load_ppm;
	__u32 external_ppm;
	__u32 caps;
	__u32 pad;
	char name[HVCAL_NAME_LEN];
	__u64 jobs_done;
};

/**
 * struct hvcal_engine_list - HVCAL_IOC_ENGINE_LIST
 * @engines: out: struct hvcal_engine_info
 * @generation: out: changes when an engine comes or goes
 */
struct hvcal_engine_list {
	struct hvcal_array engines;
	__u64 generation;
};

/**
 * struct hvcal_engine_caps - HVCAL_IOC_ENGINE_CAPS
 * @engine: in: engine number
 * @pad: zero
 * @caps: out: struct hvcal_engine_cap
 */
struct hvcal_engine_caps {
	__u32 engine;
	__u32 pad;
	struct hvcal_array caps;
};

/**
 * struct hvcal_gpu_info - one PCI display device
 * @id: GPU number, stays while the device is plugged in
 * @vendor: PCI vendor
 * @device: PCI device
 * @subsystem: PCI subsystem vendor << 16 | device
 * @revision: PCI revision
 * @numa_node: -1 unknown
 * @render_minor: n of /dev/dri/renderDn; -1 none or not told
 * @engines: engines registered on it
 * @slot: PCI address, "0000:01:00.0"
 * @driver: bound driver, empty if none
 */
struct hvcal_gpu_info {
	__u32 id;
	__u32 vendor;
	__u32 device;
	__u32 subsystem;
	__u32 revision;
	__s32 numa_node;
	__s32 render_minor;
	__u32 engines;
	char slot[HVCAL_NAME_LEN];
	char driver[HVCAL_NAME_LEN];
};

/**
 * struct hvcal_gpu_list - HVCAL_IOC_GPU_LIST
 * @gpus: out: struct hvcal_gpu_info
 * @generation: out: changes when a GPU comes, goes or changes its driver
 */
struct hvcal_gpu_list {
	struct hvcal_array gpus;
	__u64 generation;
};

/* ------------------------------------------------------------------------ */
/* Sessions                                                                 */

enum hvcal_class {
	HVCAL_CLASS_BEST_EFFORT = 0,
	HVCAL_CLASS_REALTIME = 1,
};

enum hvcal_loss_policy {
	/* jobs that run on a dying engine fail, queued ones follow the session */
	HVCAL_LOSS_FAIL = 0,
	/*
	 * Jobs that run on a dying engine are issued again on the next one, if its
	 * provider has closed the node. One that only hangs might still write into
	 * their targets: there they fail, but for HVCAL_ENGINE_KILL.
	 */
	HVCAL_LOSS_REISSUE = 1,
};

enum hvcal_resource {
	HVCAL_RESOURCE_NONE = 0,
	HVCAL_RESOURCE_SESSIONS = 1,	/* the engine's session limit */
	HVCAL_RESOURCE_ENGINE_TIME = 2,
	HVCAL_RESOURCE_BANDWIDTH = 3,
	HVCAL_RESOURCE_USER_SHARE = 4,
};

/**
 * struct hvcal_reservation - what a session will ask of its engine
 * @sched_class: enum hvcal_class
 * @bit_depth: of the coded stream, 8..16
 * @width: pixels, coded
 * @height: pixels, coded
 * @preset: 0 (fastest) .. 9 (slowest) effort class, for the cost model
 * @pad: zero
 * @period_ns: duration between frames; required and 100 us .. 10 s for
 *             REALTIME, 0 or the nominal period for BEST_EFFORT
 * @deadline_ns: duration from submission to completion; 0 means one period.
 *               REALTIME: below half a period, or a period below 1 ms, needs
 *               CAP_SYS_NICE when the node is opened (-EACCES)
 *
 * REALTIME is a promise, kept as long as the session submits at most one frame
 * a period: frames that come faster run when there is time to spare.
 */
struct hvcal_reservation {
	__u32 sched_class;
	__u32 bit_depth;
	__u32 width;
	__u32 height;
	__u32 preset;
	__u32 pad;
	__u64 period_ns;
	__u64 deadline_ns;
};

/**
 * struct hvcal_session_create - HVCAL_IOC_SESSION_CREATE
 * @flags: zero
 * @op: enum hvcal_op
 * @codec: fourcc
 * @format: DRM fourcc of the source frames
 * @engine: engine number, or 0 to let HVCAL choose; who names an engine is lost
 *          with it
 * @gpu: GPU that the source buffers live on, 0 unknown
 * @loss: enum hvcal_loss_policy
 * @max_queued: jobs submitted and not read back, 0 for the module's default
 * @need: HVCAL_CAP_* that the engine must have
 * @pad: zero
 * @res: reservation
 * @config: struct hvcal_codec_config, carried to the provider
 * @session: out: handle
 * @chosen: out: engine number
 * @share_ppm: out: share of the engine reserved
 * @left_ppm: out: share still free on that engine
 * @refused: out, with -ENOSPC: enum hvcal_resource that ran out
 * @pad2: zero
 * @fit_period_ns: out, with -ENOSPC: shortest period that would be admitted, 0
 *                 if none
 *
 * Returns at once. The engine is opened behind it: HVCAL_EVENT_OPENED tells
 * how that ended, and jobs may be submitted before. If the engine cannot be
 * opened and @engine was 0, others are tried: OPENED names the one that could.
 */
struct hvcal_session_create {
	__u32 flags;
	__u32 op;
	__u32 codec;
	__u32 format;
	__u32 engine;
	__u32 gpu;
	__u32 loss;
	__u32 max_queued;
	__u32 need;
	__u32 pad;
	struct hvcal_reservation res;
	struct hvcal_blob config;
	__u32 session;
	__u32 chosen;
	__u32 share_ppm;
	__u32 left_ppm;
	__u32 refused;
	__u32 pad2;
	__u64 fit_period_ns;
};

/* enum hvcal_reconfigure_flags */
#define HVCAL_RECONFIGURE_RESERVATION	(1U << 0) /* the engine is not told */
#define HVCAL_RECONFIGURE_FLAGS_ALL	0x1U

/**
 * struct hvcal_session_reconfigure - HVCAL_IOC_SESSION_RECONFIGURE
 * @session: handle
 * @flags: HVCAL_RECONFIGURE_*
 * @res: new reservation, of the same class
 * @config: new struct hvcal_codec_config
 * @user_data: comes back in HVCAL_EVENT_RECONFIGURED
 * @share_ppm: out: as on creation
 * @left_ppm: out: as on creation
 *
 * Takes its place among the session's jobs: those submitted before run under
 * the old configuration, those after under the new one. -ENOSPC: there is no room,
 * and all stays as it was.
 *
 * With HVCAL_RECONFIGURE_RESERVATION only class, period and deadline may differ,
 * @config and @user_data are zero, the change holds on return and no event follows.
 * -EBUSY: a reconfiguration of the other kind is under way.
 */
struct hvcal_session_reconfigure {
	__u32 session;
	__u32 flags;
	struct hvcal_reservation res;
	struct hvcal_blob config;
	__u64 user_data;
	__u32 share_ppm;
	__u32 left_ppm;
};

/**
 * struct hvcal_session_flush - HVCAL_IOC_SESSION_FLUSH
 * @session: handle
 * @flags: zero
 * @user_data: comes back in HVCAL_EVENT_FLUSHED
 *
 * The engine finishes every frame that it holds back. HVCAL_EVENT_FLUSHED
 * follows the last HVCAL_EVENT_JOB of the jobs submitted before.
 */
struct hvcal_session_flush {
	__u32 session;
	__u32 flags;
	__u64 user_data;
};

/**
 * struct hvcal_session_destroy - HVCAL_IOC_SESSION_DESTROY
 * @session: handle
 * @pad: zero
 *
 * Jobs that are not finished are cancelled and give no event.
 */
struct hvcal_session_destroy {
	__u32 session;
	__u32 pad;
};

enum hvcal_session_state {
	HVCAL_SESSION_OPENING = 1,
	HVCAL_SESSION_ACTIVE = 2,
	HVCAL_SESSION_MIGRATING = 3,
	HVCAL_SESSION_LOST = 4,		/* no engine left */
	HVCAL_SESSION_CLOSED = 5,
};

/* Why a session is where it is: what told its engine from the next best one. */
enum hvcal_placed {
	HVCAL_PLACED_NAMED = 1,		/* the client asked for it */
	HVCAL_PLACED_ONLY = 2,		/* no other can do it or has room */
	HVCAL_PLACED_KIND = 3,		/* hardware before software */
	HVCAL_PLACED_GPU = 4,		/* the buffers are there */
	HVCAL_PLACED_NUMA = 5,		/* on the client's node */
	HVCAL_PLACED_LOAD = 6,		/* less used */
	HVCAL_PLACED_FIRST = 7,		/* others are as good */
};

/**
 * struct hvcal_session_stats - HVCAL_IOC_SESSION_STATS
 * @session: in: handle
 * @pad: zero
 * @state: out: enum hvcal_session_state
 * @engine: out: engine number
 * @share_ppm: out: share reserved
 * @queued: out: jobs not yet running
 * @running: out: jobs in the engine
 * @migrations: out: how often the session changed its engine
 * @timeline: out: jobs finished so far, in any way
 * @submitted: out: jobs
 * @done: out: jobs finished well
 * @failed: out: jobs that ended in an error
 * @timed_out: out: jobs that the watchdog ended
 * @canceled: out: jobs
 * @late: out: jobs that ended well after their deadline
 * @bytes: out: coded bytes
 * @engine_ns: out: engine time used
 * @job_allocs: out: job structures allocated; constant once warm
 * @hist_wait: out: submit to start, see below
 * @hist_run: out: start to done
 * @hist_slack: out: done to deadline, jobs in time only
 * @placed: out: enum hvcal_placed
 * @have_ppm: out: share that the session can have now: @share_ppm, or less under
 *            pressure
 *
 * Histogram bucket 0 counts durations below 1024 ns, bucket i from 2^(i+9) up
 * to but not including 2^(i+10) ns; the last one is open.
 */
struct hvcal_session_stats {
	__u32 session;
	__u32 pad;
	__u32 state;
	__u32 engine;
	__u32 share_ppm;
	__u32 queued;
	__u32 running;
	__u32 migrations;
	__u64 timeline;
	__u64 submitted;
	__u64 done;
	__u64 failed;
	__u64 timed_out;
	__u64 canceled;
	__u64 late;
	__u64 bytes;
	__u64 engine_ns;
	__u64 job_allocs;
	__u64 hist_wait[HVCAL_HIST_BUCKETS];
	__u64 hist_run[HVCAL_HIST_BUCKETS];
	__u64 hist_slack[HVCAL_HIST_BUCKETS];
	__u32 placed;
	__u32 have_ppm;
};

/* ------------------------------------------------------------------------ */
/* Buffers                                                                  */

/* enum hvcal_buffer_flags */
#define HVCAL_BUFFER_SOURCE		(1U << 0) /* engines read it */
#define HVCAL_BUFFER_TARGET		(1U << 1) /* engines write it */
#define HVCAL_BUFFER_PRIVATE		(1U << 2) /* no DMA-BUF: see below */
#define HVCAL_BUFFER_FLAGS_ALL		0x7U

/**
 * struct hvcal_buffer_import - HVCAL_IOC_BUFFER_IMPORT
 * @flags: HVCAL_BUFFER_SOURCE, _TARGET or both; HVCAL_BUFFER_PRIVATE with SOURCE alone
 * @gpu: GPU that the memory lives on; 0 system memory or unknown
 * @fds: DMA-BUFs, one per plane or all planes in one; -1 none. They stay the
 *       caller's; HVCAL holds its own references.
 * @layout: struct hvcal_frame_layout, carried to providers; empty for targets
 * @buffer: out: handle
 * @pad: zero
 * @size: out: bytes of all DMA-BUFs together
 *
 * A provider that gets a job with this buffer gets file descriptors of the
 * very same DMA-BUFs, with the access mode that they have here.
 *
 * HVCAL_BUFFER_PRIVATE (HVCAL_FEATURE_PRIVATE_ENGINE): memory that only this process
 * can reach. There are no DMA-BUFs, all @fds are -1, and @layout, which must be there,
 * says where it is. Only frames for private engines may name it (-EXDEV).
 */
struct hvcal_buffer_import {
	__u32 flags;
	__u32 gpu;
	__s32 fds[HVCAL_MAX_PLANES];
	struct hvcal_blob layout;
	__u32 buffer;
	__u32 pad;
	__u64 size;
};

/**
 * struct hvcal_buffer_release - HVCAL_IOC_BUFFER_RELEASE
 * @buffer: handle
 * @pad: zero
 *
 * The handle is gone at once, the memory when its last job is.
 */
struct hvcal_buffer_release {
	__u32 buffer;
	__u32 pad;
};

/* ------------------------------------------------------------------------ */
/* Jobs                                                                     */

/* enum hvcal_job_flags */
#define HVCAL_JOB_IN_FENCE		(1U << 0) /* wait for in_fence */
#define HVCAL_JOB_IMPLICIT_FENCE	(1U << 1) /* wait for writers of the source */
#define HVCAL_JOB_WANT_FENCE		(1U << 2) /* HVCAL_EVENT_ACCEPTED wanted */
#define HVCAL_JOB_KEY			(1U << 3) /* a key frame: see below */
#define HVCAL_JOB_FLAGS_ALL		0xfU

/**
 * struct hvcal_job_desc - one frame to encode
 * @flags: HVCAL_JOB_*
 * @in_fence: sync_file with HVCAL_JOB_IN_FENCE, else -1. Stays the caller's.
 * @source: buffer handle
 * @target: buffer handle for the coded bytes; a different buffer for every job
 *          that is not finished
 * @target_offset: bytes
 * @target_size: bytes that may be written there
 * @side: buffer handle of large side data (QP map), 0 none
 * @side_offset: bytes
 * @side_size: bytes
 * @pixels: pixels that will be coded if not those of the reservation, else 0;
 *          REALTIME: at most those of the reservation
 * @user_data: comes back in the event
 * @deadline_ns: when the packet must be there; 0: submission plus the
 *               reservation's deadline, and never if that has none
 * @release_ns: not before, at most 10 s ahead; 0 at once
 *              (HVCAL_FEATURE_PACING)
 * @params: struct hvcal_frame_params
 * @meta: struct hvcal_frame_meta records, one after another
 * @job: out: job number, unique within the open file
 *
 * HVCAL_JOB_KEY says that @params ask for a key frame. A session that has not
 * named its engine may then move to a better one (HVCAL_FEATURE_REBALANCE): the
 * frames before this one are done first, and HVCAL_EVENT_RESYNC comes before its
 * own event.
 */
struct hvcal_job_desc {
	__u32 flags;
	__s32 in_fence;
	__u32 source;
	__u32 target;
	__u64 target_offset;
	__u32 target_size;
	__u32 side;
	__u64 side_offset;
	__u32 side_size;
	__u32 pixels;
	__u64 user_data;
	__u64 deadline_ns;
	__u64 release_ns;
	struct hvcal_blob params;
	struct hvcal_blob meta;
	__u64 job;
};

/**
 * struct hvcal_job_submit - HVCAL_IOC_JOB_SUBMIT
 * @session: handle
 * @flags: zero
 * @jobs: in: struct hvcal_job_desc, at most HVCAL_BATCH_MAX; out: count taken
 *
 * Jobs are taken in order until one is refused. If that is the first one, its
 * error is returned; if not, the call succeeds with a smaller count, and
 * submitting the rest tells the error.
 */
struct hvcal_job_submit {
	__u32 session;
	__u32 flags;
	struct hvcal_array jobs;
};

/**
 * struct hvcal_job_cancel - HVCAL_IOC_JOB_CANCEL
 * @session: handle
 * @pad: zero
 * @job: job number, or 0 for every job of the session
 * @canceled: out: how many
 *
 * Every cancelled job gives its HVCAL_EVENT_JOB with status -ECANCELED. The
 * target of a job that was running stays -EBUSY until the engine lets go of it.
 */
struct hvcal_job_cancel {
	__u32 session;
	__u32 pad;
	__u64 job;
	__u64 canceled;
};

/**
 * struct hvcal_job_fence - HVCAL_IOC_JOB_FENCE
 * @session: handle
 * @fence: out: sync_file, owned by the caller
 * @job: job number for which HVCAL_EVENT_ACCEPTED came with
 *       HVCAL_EVENT_FENCE, and whose HVCAL_EVENT_JOB was not read yet
 *
 * The fence is one that the engine's own kernel driver made for this job; it
 * is not HVCAL's. -EOPNOTSUPP if the provider gave none.
 */
struct hvcal_job_fence {
	__u32 session;
	__s32 fence;
	__u64 job;
};

/**
 * struct hvcal_private_provider - HVCAL_IOC_PRIVATE_PROVIDER
 * @flags: zero
 * @fd: out: a provider's open file, close-on-exec, owned by the caller
 *
 * For encoders that cannot leave this process, or memory that cannot. The file is
 * like an open HVCAL_PROVIDER_NODE, but its engines have HVCAL_ENGINE_PRIVATE
 * (-EACCES if not): this client alone sees them and can name them, sessions come to
 * them only by name, and they are gone when either of the two files is closed.
 *
 * Reservations of private HARDWARE engines count at the other HARDWARE engines of
 * their GPU, and the other way round: all together get no more than the GPU has.
 * Frames of different engines do not wait for each other; the hardware orders them.
 */
struct hvcal_private_provider {
	__u32 flags;
	__s32 fd;
};

enum hvcal_event_type {
	HVCAL_EVENT_JOB = 1,		/* a job is finished */
	HVCAL_EVENT_ACCEPTED = 2,	/* the engine has started on a job */
	HVCAL_EVENT_OPENED = 3,		/* the session can run, or status says why not */
	HVCAL_EVENT_RECONFIGURED = 4,
	HVCAL_EVENT_FLUSHED = 5,
	HVCAL_EVENT_RESYNC = 6,		/* another engine goes on with a key frame */
	HVCAL_EVENT_PRESSURE = 7,	/* less engine time than reserved */
	HVCAL_EVENT_LOST = 8,		/* no engine is left for the session */
};

/* enum hvcal_event_flags */
#define HVCAL_EVENT_KEY			(1U << 0) /* JOB: decodable on its own */
#define HVCAL_EVENT_SKIPPED		(1U << 1) /* JOB: coded as nothing, 0 bytes */
#define HVCAL_EVENT_LATE		(1U << 2) /* JOB: after its deadline */
#define HVCAL_EVENT_FENCE		(1U << 3) /* ACCEPTED: HVCAL_IOC_JOB_FENCE works */

/**
 * struct hvcal_event - record of read(2) on the client node
 * @size: bytes of this record, to step to the next one
 * @type: enum hvcal_event_type
 * @session: handle
 * @flags: HVCAL_EVENT_*
 * @job: job number, 0 for events of the session
 * @user_data: of the job, reconfiguration or flush
 * @status: 0 or a negative errno
 * @engine: engine number
 * @bytes: coded bytes at the target's offset
 * @timeline: jobs of the session finished so far, this one included
 * @submit_ns: when it was submitted
 * @ready_ns: when its fences were signalled
 * @start_ns: when the provider took it
 * @done_ns: when it was finished
 * @deadline_ns: the one that counted, 0 none
 * @share_ppm: PRESSURE: share that the session can have now; the reserved one
 *             when it is over
 * @result_len: bytes of @result that are valid
 * @result: struct hvcal_frame_result of the provider
 *
 * read(2) returns as many whole records as fit, -EINVAL if not one does, and
 * waits unless O_NONBLOCK is set. At the end of the device (rmmod cannot
 * happen while it is open; a fatal error can) it returns -ENODEV.
 */
struct hvcal_event {
	__u32 size;
	__u32 type;
	__u32 session;
	__u32 flags;
	__u64 job;
	__u64 user_data;
	__s32 status;
	__u32 engine;
	__u64 bytes;
	__u64 timeline;
	__u64 submit_ns;
	__u64 ready_ns;
	__u64 start_ns;
	__u64 done_ns;
	__u64 deadline_ns;
	__u32 share_ppm;
	__u32 result_len;
	__u8 result[HVCAL_RESULT_MAX];
};

/* ------------------------------------------------------------------------ */
/* Providers                                                                */

/* enum hvcal_engine_flags */
#define HVCAL_ENGINE_PRIVATE		(1U << 0) /* of HVCAL_IOC_PRIVATE_PROVIDER */
#define HVCAL_ENGINE_FOREIGN_MEMORY	(1U << 1) /* takes buffers of other GPUs */
/*
 * When the watchdog gives the provider up, the process that opened the node gets
 * SIGKILL. It may then be trusted not to write any more, and frames of sessions
 * with HVCAL_LOSS_REISSUE that run there are issued again instead of failing at
 * the first strike. Counts for all engines of the open file; not with
 * HVCAL_ENGINE_PRIVATE (-EINVAL).
 */
#define HVCAL_ENGINE_KILL		(1U << 2)
#define HVCAL_ENGINE_FLAGS_ALL		0x7U

/**
 * struct hvcal_engine_register - HVCAL_IOC_ENGINE_REGISTER
 * @flags: HVCAL_ENGINE_*
 * @kind: enum hvcal_engine_kind
 * @name: unique among the living engines that who may use it can see (-EBUSY),
 *        letters, digits and "._:-"
 * @slot: PCI address of the GPU, which must exist (-ENODEV); empty for none
 * @numa_node: -1 unknown; ignored with @slot
 * @slots: jobs that run at once, 1..1024
 * @session_depth: jobs of one session taken at once, 1..64
 * @max_sessions: 0 unlimited
 * @caps: struct hvcal_engine_cap, 1..64
 * @engine: out: engine number
 * @pad: zero
 *
 * A user may have user_max_engines private ones (-EUSERS).
 */
struct hvcal_engine_register {
	__u32 flags;
	__u32 kind;
	char name[HVCAL_NAME_LEN];
	char slot[HVCAL_NAME_LEN];
	__s32 numa_node;
	__u32 slots;
	__u32 session_depth;
	__u32 max_sessions;
	struct hvcal_array caps;
	__u32 engine;
	__u32 pad;
};

/* enum hvcal_engine_update_flags */
/*
 * The engine is going to be unregistered. No session is placed on it any more, and
 * those that it has move to other engines, each when none of its jobs is with the
 * provider: RESYNC, nothing is issued twice. Sessions that named the engine, have no other
 * place, or have jobs that the engine holds (HVCAL_RESULT_HELD) stay and are served. Cannot be
 * undone. The other fields of the update are zero, and what they set stays.
 */
#define HVCAL_ENGINE_UPDATE_DRAIN	(1U << 0)

/**
 * struct hvcal_engine_update - HVCAL_IOC_ENGINE_UPDATE
 * @engine: engine number of this provider
 * @flags: HVCAL_ENGINE_UPDATE_*
 * @external_ppm: engine time used by others than HVCAL, 0..1000000
 * @max_sessions: 0 unlimited; what the vendor allows now
 */
struct hvcal_engine_update {
	__u32 engine;
	__u32 flags;
	__u32 external_ppm;
	__u32 max_sessions;
};

/**
 * struct hvcal_engine_unregister - HVCAL_IOC_ENGINE_UNREGISTER
 * @engine: engine number of this provider
 * @flags: zero
 *
 * Retires the engine at once: its sessions lose it as if the provider had died.
 */
struct hvcal_engine_unregister {
	__u32 engine;
	__u32 flags;
};

enum hvcal_item_type {
	HVCAL_ITEM_OPEN = 1,		/* reply; params: configuration */
	HVCAL_ITEM_CLOSE = 2,		/* reply */
	HVCAL_ITEM_ENCODE = 3,		/* reply */
	HVCAL_ITEM_RECONFIGURE = 4,	/* reply; params: configuration */
	HVCAL_ITEM_FLUSH = 5,		/* reply, after those of all frames */
	HVCAL_ITEM_CANCEL = 6,		/* notice: @target may be dropped; still reply to it */
	HVCAL_ITEM_BUFFER_ADD = 7,	/* notice; params: layout; fds are the provider's */
	HVCAL_ITEM_BUFFER_DROP = 8,	/* notice: close what BUFFER_ADD gave */
};

/**
 * struct hvcal_item - one piece of work for a provider
 * @id: names the item in the reply; never reused
 * @type: enum hvcal_item_type
 * @engine: engine number
 * @stream: number of the stream within this provider, from OPEN to CLOSE;
 *          0 for buffer items
 * @source: ENCODE: buffer number as given by BUFFER_ADD
 * @target: ENCODE: buffer number
 * @side: ENCODE: buffer number, 0 none
 * @target_offset: ENCODE: bytes
 * @target_size: ENCODE: bytes that may be written
 * @side_size: ENCODE: bytes
 * @side_offset: ENCODE: bytes
 * @deadline_ns: when the reply should be there, 0 none
 * @budget_ns: duration after which the watchdog strikes
 * @cancel_id: CANCEL: item that is no longer wanted
 * @params_off: into the blob area: configuration, parameters or layout
 * @params_len: bytes
 * @meta_off: into the blob area: metadata of the frame
 * @meta_len: bytes
 * @buffer: BUFFER_ADD, BUFFER_DROP: buffer number within this provider
 * @buffer_flags: BUFFER_ADD: HVCAL_BUFFER_*
 * @fds: BUFFER_ADD: DMA-BUFs, close-on-exec, owned by the provider; -1 none
 * @buffer_size: BUFFER_ADD: bytes of all DMA-BUFs
 */
struct hvcal_item {
	__u64 id;
	__u32 type;
	__u32 engine;
	__u32 stream;
	__u32 source;
	__u32 target;
	__u32 side;
	__u64 target_offset;
	__u32 target_size;
	__u32 side_size;
	__u64 side_offset;
	__u64 deadline_ns;
	__u64 budget_ns;
	__u64 cancel_id;
	__u32 params_off;
	__u32 params_len;
	__u32 meta_off;
	__u32 meta_len;
	__u32 buffer;
	__u32 buffer_flags;
	__s32 fds[HVCAL_MAX_PLANES];
	__u64 buffer_size;
};

/**
 * struct hvcal_acquire - HVCAL_IOC_ACQUIRE
 * @items: in: room for struct hvcal_item; out: count returned. A frame comes
 *         with the BUFFER_ADDs that it needs, before it in the same call, so
 *         there must be room for 4 at least (-EINVAL).
 * @blobs: area that params and meta of the items are put into; offsets are
 *         multiples of 8
 * @blob_used: out: bytes; with -EMSGSIZE the length that @blobs must have
 *
 * Work that nobody comes for, while the provider has nothing else in hand, ends
 * it like a hang does (module parameter watchdog_attend_ms).
 *
 * Waits until there is work, unless O_NONBLOCK is set (-EAGAIN). Only the
 * process that opened the node may call this (-EACCES). If file descriptors
 * run out (-EMFILE), the work stays queued.
 *
 * Items of one stream are in order. Acquire from one thread, or order what
 * several get: an item may name a buffer that another thread was just given.
 */
struct hvcal_acquire {
	struct hvcal_array items;
	struct hvcal_blob blobs;
	__u64 blob_used;
};

/**
 * struct hvcal_accept - HVCAL_IOC_ACCEPT
 * @id: ENCODE item that the engine has started on
 * @fence: sync_file of a kernel driver that signals when the engine is done
 *         with the source and the target, or -1. Made after the item was
 *         acquired. Fences of HVCAL, vgem and sw_sync are refused (-EINVAL).
 * @flags: zero
 */
struct hvcal_accept {
	__u64 id;
	__s32 fence;
	__u32 flags;
};

/* enum hvcal_result_flags */
#define HVCAL_RESULT_KEY		(1U << 0)
#define HVCAL_RESULT_SKIPPED		(1U << 1)
#define HVCAL_RESULT_HELD		(1U << 2) /* not done yet: waits for more frames */
#define HVCAL_RESULT_FLAGS_ALL		0x7U

/**
 * struct hvcal_item_result - the reply to one item
 * @id: item
 * @status: 0 or a negative errno (-4095..0)
 * @flags: HVCAL_RESULT_*, ENCODE only
 * @bytes: coded bytes at the target's offset
 * @engine_ns: engine time as measured by the engine; 0 unknown
 * @result: struct hvcal_frame_result for the client, at most HVCAL_RESULT_MAX
 * @verdict: out: 0; -ENOENT no such item of this provider; -ETIMEDOUT or
 *           -ECANCELED: nobody waits for it any more, its buffers are released
 *           now; -EPROTO: more bytes than there is room, the job has failed
 * @pad: zero
 *
 * An encoder that reorders or looks ahead keeps frames until it has seen later
 * ones. It says so with HVCAL_RESULT_HELD and status 0, once: the item then
 * takes none of the engine's slots and no watchdog runs on it, and the real
 * reply follows later, at the latest before that to a FLUSH. A FLUSH that is
 * answered before them fails them with -EPROTO.
 */
struct hvcal_item_result {
	__u64 id;
	__s32 status;
	__u32 flags;
	__u64 bytes;
	__u64 engine_ns;
	struct hvcal_blob result;
	__s32 verdict;
	__u32 pad;
};

/**
 * struct hvcal_complete - HVCAL_IOC_COMPLETE
 * @results: in/out: struct hvcal_item_result, at most HVCAL_BATCH_MAX
 *
 * All elements are processed and each gets its verdict, unless the array
 * itself cannot be read: then nothing has happened.
 */
struct hvcal_complete {
	struct hvcal_array results;
};

/**
 * struct hvcal_item_check - HVCAL_IOC_ITEM_CHECK
 * @id: item
 *
 * 0 if a reply is still waited for, else the verdict that it would get.
 * A provider asks before a step that is slow or cannot be undone.
 */
struct hvcal_item_check {
	__u64 id;
};

/* ------------------------------------------------------------------------ */
/* Numbers                                                                  */

#define HVCAL_IOC_MAGIC			0xE7

enum hvcal_ioctl_nr {
	/* both nodes */
	HVCAL_NR_CAPS = 0x00,
	HVCAL_NR_ENGINE_LIST = 0x01,
	HVCAL_NR_ENGINE_CAPS = 0x02,
	HVCAL_NR_GPU_LIST = 0x03,
	/* /dev/hvcal */
	HVCAL_NR_SESSION_CREATE = 0x10,
	HVCAL_NR_SESSION_RECONFIGURE = 0x11,
	HVCAL_NR_SESSION_FLUSH = 0x12,
	HVCAL_NR_SESSION_DESTROY = 0x13,
	HVCAL_NR_SESSION_STATS = 0x14,
	HVCAL_NR_BUFFER_IMPORT = 0x18,
	HVCAL_NR_BUFFER_RELEASE = 0x19,
	HVCAL_NR_JOB_SUBMIT = 0x20,
	HVCAL_NR_JOB_CANCEL = 0x21,
	HVCAL_NR_JOB_FENCE = 0x22,
	HVCAL_NR_PRIVATE_PROVIDER = 0x28,
	/* /dev/hvcal-provider */
	HVCAL_NR_ENGINE_REGISTER = 0x40,
	HVCAL_NR_ENGINE_UPDATE = 0x41,
	HVCAL_NR_ENGINE_UNREGISTER = 0x42,
	HVCAL_NR_ACQUIRE = 0x48,
	HVCAL_NR_ACCEPT = 0x49,
	HVCAL_NR_COMPLETE = 0x4a,
	HVCAL_NR_ITEM_CHECK = 0x4b,
};

#define HVCAL_IOC_CAPS \
	_IOR(HVCAL_IOC_MAGIC, HVCAL_NR_CAPS, struct hvcal_caps)
#define HVCAL_IOC_ENGINE_LIST \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_ENGINE_LIST, struct hvcal_engine_list)
#define HVCAL_IOC_ENGINE_CAPS \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_ENGINE_CAPS, struct hvcal_engine_caps)
#define HVCAL_IOC_GPU_LIST \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_GPU_LIST, struct hvcal_gpu_list)

#define HVCAL_IOC_SESSION_CREATE \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_SESSION_CREATE, struct hvcal_session_create)
#define HVCAL_IOC_SESSION_RECONFIGURE \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_SESSION_RECONFIGURE, struct hvcal_session_reconfigure)
#define HVCAL_IOC_SESSION_FLUSH \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_SESSION_FLUSH, struct hvcal_session_flush)
#define HVCAL_IOC_SESSION_DESTROY \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_SESSION_DESTROY, struct hvcal_session_destroy)
#define HVCAL_IOC_SESSION_STATS \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_SESSION_STATS, struct hvcal_session_stats)
#define HVCAL_IOC_BUFFER_IMPORT \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_BUFFER_IMPORT, struct hvcal_buffer_import)
#define HVCAL_IOC_BUFFER_RELEASE \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_BUFFER_RELEASE, struct hvcal_buffer_release)
#define HVCAL_IOC_JOB_SUBMIT \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_JOB_SUBMIT, struct hvcal_job_submit)
#define HVCAL_IOC_JOB_CANCEL \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_JOB_CANCEL, struct hvcal_job_cancel)
#define HVCAL_IOC_JOB_FENCE \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_JOB_FENCE, struct hvcal_job_fence)

#define HVCAL_IOC_PRIVATE_PROVIDER \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_PRIVATE_PROVIDER, struct hvcal_private_provider)

#define HVCAL_IOC_ENGINE_REGISTER \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_ENGINE_REGISTER, struct hvcal_engine_register)
#define HVCAL_IOC_ENGINE_UPDATE \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_ENGINE_UPDATE, struct hvcal_engine_update)
#define HVCAL_IOC_ENGINE_UNREGISTER \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_ENGINE_UNREGISTER, struct hvcal_engine_unregister)
#define HVCAL_IOC_ACQUIRE \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_ACQUIRE, struct hvcal_acquire)
#define HVCAL_IOC_ACCEPT \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_ACCEPT, struct hvcal_accept)
#define HVCAL_IOC_COMPLETE \
	_IOWR(HVCAL_IOC_MAGIC, HVCAL_NR_COMPLETE, struct hvcal_complete)
#define HVCAL_IOC_ITEM_CHECK \
	_IOW(HVCAL_IOC_MAGIC, HVCAL_NR_ITEM_CHECK, struct hvcal_item_check)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_HVCAL_H */
