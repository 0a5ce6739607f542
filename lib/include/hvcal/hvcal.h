/* SPDX-License-Identifier: MIT */
/*
 * libhvcal: frames in, packets out, on whatever encode engine of this machine
 * can take them.
 *
 *	hvcal_context_t *ctx;
 *	hvcal_session_t *s;
 *	hvcal_config_t cfg;
 *	hvcal_packet_t pkt;
 *	int ret;
 *
 *	hvcal_initialize(&ctx, NULL);
 *	hvcal_config_default(&cfg, sizeof(cfg));
 *	cfg.codec = HVCAL_CODEC_H264;
 *	cfg.width = 1920; cfg.height = 1080; cfg.fps = 60; cfg.bitrate = 8000000;
 *	hvcal_create_session(ctx, &cfg, &s, NULL);
 *	hvcal_packet_default(&pkt, sizeof(pkt));
 *	while ((buf = next_frame())) {
 *		while ((ret = hvcal_submit_frame(s, buf, NULL)) == -EAGAIN)
 *			drain_one(s, &pkt);		// "do the other half"
 *		hvcal_buffer_release(&buf);
 *		while (hvcal_get_bitstream(s, &pkt, 0) == HVCAL_GOT_PACKET) {
 *			write(out, pkt.data, pkt.size);
 *			hvcal_release_packet(&pkt);
 *		}
 *	}
 *	hvcal_flush(s);
 *	... hvcal_get_bitstream(s, &pkt, 1000) until -ENODATA
 *	hvcal_destroy_session(&s);
 *	hvcal_shutdown(&ctx);
 */
#ifndef HVCAL_HVCAL_H
#define HVCAL_HVCAL_H

#include "common.h"
#include "buffer.h"
#include "uapi/hvcal_codec.h"	/* codecs, formats, rate control modes, tunes */

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------ */
/* Context                                                                  */

enum hvcal_backend {
	/** the kernel module where its node exists, else direct mode */
	HVCAL_BACKEND_AUTO = 0,
	/** /dev/hvcal: engines are shared, scheduled and survive each other */
	HVCAL_BACKEND_KERNEL = 1,
	/** an engine inside this process, without arbitration */
	HVCAL_BACKEND_DIRECT = 2,
};

/** One line without newline. @level as in syslog(3): 3 error .. 7 debug. */
typedef void (*hvcal_log_fn)(void *cookie, int level, const char *line);

typedef struct {
	uint32_t struct_size;
	/** enum hvcal_backend. The environment variable HVCAL_BACKEND=auto|kernel|direct
	 *  decides when this is AUTO. */
	uint32_t backend;
	int32_t log_level;	/**< most detailed level wanted; 0: 4 (warnings) */
	uint32_t reserved;	/**< zero */
	/** Gets the log; may be called from any thread. NULL: standard error. */
	hvcal_log_fn log;
	void *log_cookie;
	const char *device_path; /**< NULL: /dev/hvcal */
	/** Direct mode: folder of engine plug-ins. NULL: HVCAL_ENGINE_PATH of the
	 *  environment, else where they were installed. */
	const char *engine_path;
	/** Direct mode: options of engines, "key=value,key=value". NULL none. */
	const char *engine_options;
	/** If hvcal_initialize fails: one line that says why and what to do.
	 *  @reason_len bytes; NULL if not wanted. */
	char *reason;
	uint64_t reason_len;
} hvcal_init_params_t;

HVCAL_API void hvcal_init_params_default(hvcal_init_params_t *params, size_t size);

/**
 * Connects.
 *
 * @param params NULL for the defaults; read before the call returns, strings too
 * @return 0; -ENOENT: kernel mode and no /dev/hvcal (module not loaded);
 *         -EACCES: /dev/hvcal is there but not for this user; -EPROTO: the module
 *         speaks another ABI; -ENODEV: direct mode and no usable engine plug-in;
 *         -EINVAL; -ENOMEM
 */
HVCAL_API int hvcal_initialize(hvcal_context_t **ctx, const hvcal_init_params_t *params);

/** Gives the context back and sets *@ctx to NULL. NULL is allowed. */
HVCAL_API void hvcal_shutdown(hvcal_context_t **ctx);

/** @return enum hvcal_backend in use: KERNEL or DIRECT */
HVCAL_API uint32_t hvcal_get_backend(hvcal_context_t *ctx);

/* ------------------------------------------------------------------------ */
/* Devices and engines                                                      */

#define HVCAL_TEXT 32	/* bytes of a name, NUL included */

/** A place where engines live: a GPU, or the CPU (id 0, always the first). */
typedef struct {
	uint32_t id;
	uint32_t vendor;	/**< PCI */
	uint32_t device;	/**< PCI */
	uint32_t subsystem;	/**< PCI subsystem vendor << 16 | device */
	uint32_t revision;	/**< PCI */
	int32_t numa_node;	/**< -1 unknown */
	int32_t render_minor;	/**< n of /dev/dri/renderDn, -1 none */
	uint32_t engines;	/**< on it now */
	char slot[HVCAL_TEXT];	/**< PCI address; "cpu" for the CPU */
	char driver[HVCAL_TEXT]; /**< kernel driver, empty if none */
} hvcal_device_info_t;

enum hvcal_kind {
	HVCAL_KIND_HARDWARE = 1,
	HVCAL_KIND_SOFTWARE = 2,
	HVCAL_KIND_TEST = 3,	/**< never chosen unless named */
};

enum hvcal_engine_health {
	HVCAL_HEALTH_READY = 1,
	HVCAL_HEALTH_SUSPECT = 2,	/**< missed a watchdog; gets no new work */
	HVCAL_HEALTH_DRAINING = 3,	/**< finishes what it has */
	HVCAL_HEALTH_GONE = 4,
};

typedef struct {
	uint32_t id;		/**< never reused while the module is loaded */
	uint32_t kind;		/**< enum hvcal_kind */
	uint32_t health;	/**< enum hvcal_engine_health */
	uint32_t device;	/**< hvcal_device_info_t.id */
	int32_t numa_node;	/**< -1 unknown */
	uint32_t slots;		/**< frames it encodes at once */
	uint32_t session_depth;	/**< frames of one session that it takes at once */
	uint32_t max_sessions;	/**< 0 unlimited */
	uint32_t sessions;	/**< open now, of all processes */
	uint32_t load_ppm;	/**< of all slots, last second; 0 in direct mode */
	uint32_t external_ppm;	/**< of that, used by others than HVCAL */
	uint32_t caps;		/**< entries of hvcal_enumerate_engine_caps */
	uint64_t jobs_done;	/**< frames since it is there */
	char name[HVCAL_TEXT];	/**< unique */
} hvcal_engine_info_t;

/* enum: bits of hvcal_engine_cap_t.flags */
#define HVCAL_CAN_FRAME_QP	(1U << 0) /**< a QP per frame */
#define HVCAL_CAN_FORCE_KEY	(1U << 1) /**< key frames on request */
#define HVCAL_CAN_RETARGET	(1U << 2) /**< new bit rate without a key frame */
#define HVCAL_CAN_ROI		(1U << 3) /**< a map of QP offsets */
#define HVCAL_CAN_SCALE		(1U << 4) /**< coded size other than the source's */
#define HVCAL_CAN_TONEMAP	(1U << 5) /**< converts transfer and depth */
#define HVCAL_CAN_HDR_STATIC	(1U << 6) /**< HDR10 */
#define HVCAL_CAN_HDR_DYNAMIC	(1U << 7) /**< HDR10+ (T.35 per frame) */
#define HVCAL_CAN_LOSSLESS	(1U << 8)
#define HVCAL_CAN_LAYERS	(1U << 9) /**< an upper temporal layer that may be lost */
#define HVCAL_CAN_RECOVER	(1U << 10) /**< goes on after a loss without a key frame */

/** One thing that an engine can do. */
typedef struct {
	uint32_t codec;		/**< HVCAL_CODEC_* */
	uint32_t depth_mask;	/**< bit n: n bits per sample */
	uint32_t flags;		/**< HVCAL_CAN_* */
	uint32_t min_width;	/**< pixels */
	uint32_t min_height;	/**< pixels */
	uint32_t max_width;	/**< pixels */
	uint32_t max_height;	/**< pixels */
	uint32_t reserved;
	uint64_t cost_ns_per_mpix; /**< as claimed, ns per 10^6 pixels, 0 unknown */
	uint32_t formats[8];	/**< DRM fourccs of sources, best first, 0 ends */
} hvcal_engine_cap_t;

/**
 * The three lists. Each fills up to *@count elements, @stride bytes apart (give
 * sizeof(*devices)), and sets *@count to how many there are, which may be more.
 * With a NULL array only the number is asked.
 *
 * @return 0; -EINVAL; -ENODEV: no engine of this number; -ENOMEM
 */
HVCAL_API int hvcal_enumerate_devices(hvcal_context_t *ctx, hvcal_device_info_t *devices,
				      size_t stride, uint32_t *count);
HVCAL_API int hvcal_enumerate_engines(hvcal_context_t *ctx, hvcal_engine_info_t *engines,
				      size_t stride, uint32_t *count);
HVCAL_API int hvcal_enumerate_engine_caps(hvcal_context_t *ctx, uint32_t engine,
					  hvcal_engine_cap_t *caps, size_t stride,
					  uint32_t *count);

/**
 * An engine inside this process, for this context alone, but scheduled, admitted and
 * accounted by the module with everyone else's on its GPU: for pictures in memory that
 * no other process can reach (HVCAL_MEMORY_CUDA). Thread-safety: everything, but
 * hvcal_private_close while nothing else is called with it.
 */
typedef struct hvcal_private hvcal_private_t;

typedef struct {
	uint32_t struct_size;
	uint32_t index;		/**< which of the plug-in's engines: a GPU's number */
	const char *plugin;	/**< "nvenc"; required */
	/** Folder of plug-ins. NULL: as in hvcal_init_params_t. */
	const char *engine_path;
	const char *engine_options; /**< "key=value,key=value"; NULL none */
	/** If it fails: one line that says why and what to do. @reason_len bytes; NULL
	 *  if not wanted. */
	char *reason;
	uint64_t reason_len;
} hvcal_private_params_t;

HVCAL_API void hvcal_private_params_default(hvcal_private_params_t *params, size_t size);

/**
 * Loads a plug-in into this process and makes an engine of it that only sessions of
 * @ctx can use, those that name it: hvcal_config_t.engine =
 * hvcal_private_get_engine(). A crash of it is one of this process. In direct mode,
 * where all engines are in this process, it gives the one that is there;
 * engine_path and engine_options are those of hvcal_initialize() then.
 *
 * It keeps the context open until it is closed itself.
 *
 * @param params read before the call returns, strings too
 * @return 0; -EINVAL; -ENOENT: no such plug-in, or no engine of this index;
 *         -EOPNOTSUPP: the module is too old; -EUSERS: this user has too many; -ENOMEM;
 *         else what the plug-in said
 */
HVCAL_API int hvcal_private_open(hvcal_context_t *ctx, const hvcal_private_params_t *params,
				 hvcal_private_t **out);

/** Number of the engine. */
HVCAL_API uint32_t hvcal_private_get_engine(hvcal_private_t *engine);

/**
 * Ends the engine, once what it works on is done, and sets *@engine to NULL. Sessions
 * that are still on it lose it (-ENODEV). NULL is allowed.
 */
HVCAL_API void hvcal_private_close(hvcal_private_t **engine);

/* ------------------------------------------------------------------------ */
/* Sessions                                                                 */

/** One stream. Thread-safe; one thread may submit while another gets packets. */
typedef struct hvcal_session hvcal_session_t;

/** HVCAL_CODEC_* (a fourcc) */
typedef uint32_t hvcal_codec_t;

enum hvcal_hdr {
	HVCAL_HDR_NONE = 0,	/**< the colour fields as given; 0: BT.709 unsaid */
	HVCAL_HDR_HDR10 = 1,	/**< BT.2020, PQ; at least 10 bit */
	HVCAL_HDR_HLG = 2,	/**< BT.2020, HLG; at least 10 bit */
};

enum hvcal_sched {
	HVCAL_SCHED_BEST_EFFORT = 0,
	/** admitted for its rate, or refused; see hvcal_admission_t */
	HVCAL_SCHED_REALTIME = 1,
};

enum hvcal_on_loss {
	/** frames inside an engine that dies fail, the others follow */
	HVCAL_ON_LOSS_FAIL = 0,
	/** they are encoded again by the next engine */
	HVCAL_ON_LOSS_REISSUE = 1,
};

enum hvcal_rate_control {
	/** libhvcal's (hvcal/rc.h) for CBR, VBR and ICQ with a max_bitrate, where an
	 *  engine takes a QP per frame and neither reorders nor looks ahead */
	HVCAL_RATE_CONTROL_DEFAULT = 0,
	HVCAL_RATE_CONTROL_ENGINE = 1,	/**< the engine's own */
};

/** What libhvcal's rate control may learn of the pictures before they are encoded. */
enum hvcal_rate_hints {
	/** Their luma is looked at (hvcal/analysis.h) in hvcal_submit_frame, for up to a
	 *  fifth of the time between two frames: of NV12, I420 and P010 in memory with a
	 *  cpu_ptr whose writers are done */
	HVCAL_RATE_HINTS_DEFAULT = 0,
	HVCAL_RATE_HINTS_OFF = 1,	/**< nothing is looked at */
};

/** Can libhvcal's rate control hold its rate? */
enum hvcal_saturation {
	HVCAL_SATURATED_NOT = 0,	/**< it can, or is not in use */
	/** at the highest QP and still too large: lower the size or the frame rate */
	HVCAL_SATURATED_HIGH = 1,
	/** at the lowest QP and still below the rate: there is room for more */
	HVCAL_SATURATED_LOW = 2,
};

enum hvcal_feature {
	HVCAL_FEATURE_HDR10_PLUS = 0,	/**< T.35 metadata of frames is carried */
	HVCAL_FEATURE_ROI = 1,		/**< QP maps of frames count */
	HVCAL_FEATURE_LOSSLESS = 2,	/**< no loss, whatever the bit rate */
	HVCAL_FEATURE_INTRA_REFRESH = 3, /**< instead of periodic key frames */
	HVCAL_FEATURE_SCALE = 4,	/**< coded size per frame */
	HVCAL_FEATURE_FRAME_QP = 5,	/**< QP per frame counts */
	/** two temporal layers: temporal_layer and NO_REF of frames count */
	HVCAL_FEATURE_LAYERS = 6,
};

typedef struct {
	uint32_t struct_size;
	hvcal_codec_t codec;
	uint32_t width;		/**< pixels, of source and stream */
	uint32_t height;	/**< pixels */
	uint32_t fps;		/**< frames per @fps_den seconds; required */
	uint32_t fps_den;	/**< 0: 1 */
	uint64_t bitrate;	/**< bits per second; 0: the engine's choice */
	uint32_t gop_size;	/**< frames from key to key frame; 0: on request only */
	uint32_t bit_depth;	/**< of the stream; 0: 8, or 10 with @hdr */
	uint32_t hdr;		/**< enum hvcal_hdr */
	uint32_t format;	/**< DRM fourcc of sources; 0: NV12, or P010 above 8 bit */
	uint32_t profile;	/**< as the codec numbers it; 0: the engine's choice */
	uint32_t level;		/**< as the codec codes it; 0: automatic */
	uint32_t chroma;	/**< 420, 422, 444; 0: 420 */
	uint32_t rc_mode;	/**< enum hvcal_rc_mode */
	uint32_t tune;		/**< enum hvcal_tune; 0: low latency */
	uint32_t preset;	/**< 0 fastest .. 9 slowest */
	uint64_t max_bitrate;	/**< bits per second; 0: @bitrate */
	uint32_t vbv_ms;	/**< coded picture buffer in ms of @max_bitrate */
	uint32_t bframes;	/**< consecutive */
	uint32_t qp;		/**< CQP, on the codec's scale; 0: the engine's choice */
	uint32_t qp_min;	/**< on the codec's scale; 0: its lowest */
	uint32_t qp_max;	/**< on the codec's scale; 0: its highest */
	uint32_t quality;	/**< ICQ: 1 best .. 51 worst */
	uint32_t threads;	/**< of a software engine; 0: its choice */
	uint32_t slices;	/**< per frame; 0: the engine's choice */
	uint32_t sar_num;	/**< sample aspect ratio; 0 unknown */
	uint32_t sar_den;
	uint32_t full_range;	/**< 1: full range, 0: limited */
	uint32_t primaries;	/**< ITU-T H.273; 0: unsaid, or by @hdr */
	uint32_t transfer;	/**< H.273 */
	uint32_t matrix;	/**< H.273 */
	uint16_t mastering_x[4]; /**< G, B, R, white, units of 0.00002; all 0: unsaid */
	uint16_t mastering_y[4];
	uint32_t mastering_max;	/**< 0.0001 cd/m2; 0: unsaid */
	uint32_t mastering_min;	/**< 0.0001 cd/m2 */
	uint16_t max_cll;	/**< cd/m2; 0: unsaid */
	uint16_t max_fall;	/**< cd/m2 */
	uint32_t features;	/**< 1U << enum hvcal_feature, which the engine must have */
	uint32_t sched;		/**< enum hvcal_sched */
	uint32_t on_loss;	/**< enum hvcal_on_loss */
	uint64_t period_ns;	/**< duration between frames; 0: by @fps */
	uint64_t deadline_ns;	/**< duration from submission to packet; 0: one period */
	uint32_t device;	/**< device that the sources live on; 0 system or unknown */
	uint32_t engine;	/**< engine id; 0: HVCAL chooses, or @engine_name */
	char engine_name[HVCAL_TEXT]; /**< engine by name; empty: HVCAL chooses */
	/** Frames submitted whose packet was not released, 2..256; 0: 16, or 64 when
	 *  the engine may hold frames back (tune QUALITY, bframes). */
	uint32_t max_queued;
	/** Room for one packet; 0: half of a raw frame, for RAW and lossless all of it.
	 *  A frame that needs more fails (HVCAL_NOTICE_FRAME_FAILED). */
	uint32_t packet_bytes;
	/** Longest wait of hvcal_create_session for the engine, in ms; 0: 30000. */
	uint32_t open_timeout_ms;
	uint32_t rate_control;	/**< enum hvcal_rate_control */
	/** Bytes that libhvcal's rate control plans no frame to exceed; 0 none. */
	uint32_t frame_ceiling;
	uint32_t rate_hints;	/**< enum hvcal_rate_hints */
	/** Strength of a QP map of libhvcal's making for each frame without one of its
	 *  own, where the engine takes maps: 1 weak, 8 usual, 64 most; 0: none. Busy
	 *  blocks are coded coarser, flat ones finer (hvcal_analysis_quant_map). What can
	 *  be looked at is as for @rate_hints. */
	uint32_t adaptive_quant;
	/** With HVCAL_FEATURE_LAYERS, 1..99: no more than this share of the rate goes to
	 *  frames of layer 0, and they alone keep to it through a buffer of @vbv_ms of their
	 *  own, for receivers that get no more; 0: no such limit. Only libhvcal's rate
	 *  control can (see enum hvcal_rate_control): what it does not do is refused. */
	uint32_t base_percent;
} hvcal_config_t;

HVCAL_API void hvcal_config_default(hvcal_config_t *config, size_t size);

enum hvcal_limit {
	HVCAL_LIMIT_NONE = 0,
	HVCAL_LIMIT_SESSIONS = 1,	/**< the engine's session limit */
	HVCAL_LIMIT_ENGINE_TIME = 2,
	HVCAL_LIMIT_BANDWIDTH = 3,	/**< memory */
	HVCAL_LIMIT_USER_SHARE = 4,	/**< what this user may reserve */
};

/** The answer to a request for engine time. */
typedef struct {
	uint32_t struct_size;
	uint32_t engine;	/**< that was chosen; 0 when refused */
	uint32_t share_ppm;	/**< of the engine, reserved for the session */
	uint32_t left_ppm;	/**< of the engine, free now */
	uint32_t limit;		/**< -ENOSPC: enum hvcal_limit that was hit */
	uint32_t reserved;
	uint64_t fit_period_ns;	/**< -ENOSPC: shortest period that fits, 0 none */
	char reason[256];	/**< on any error: one line, what is wrong and what to do */
} hvcal_admission_t;

HVCAL_API void hvcal_admission_default(hvcal_admission_t *admission, size_t size);

/**
 * Opens a stream.
 *
 * @param config    read before the call returns
 * @param out       the session; the caller ends it with hvcal_destroy_session
 * @param admission NULL, or filled on success and on error
 * @return 0; -EINVAL, -E2BIG: the configuration; -ENOTCONN: no engine can do
 *         this; -ENOSPC: admission refused; -EUSERS: too many sessions of this
 *         user; -EACCES: this reservation needs a privilege; -ENODEV: the engine
 *         is gone; -ETIMEDOUT: the engine did not open in time; -ENOMEM; else
 *         what the engine said
 */
HVCAL_API int hvcal_create_session(hvcal_context_t *ctx, const hvcal_config_t *config,
				   hvcal_session_t **out, hvcal_admission_t *admission);

/**
 * Ends a stream and sets *@session to NULL. Frames inside are dropped; flush
 * first to keep them. Packets that were got stay valid. NULL is allowed. No
 * other call on the session may be running.
 */
HVCAL_API void hvcal_destroy_session(hvcal_session_t **session);

/** The configuration in force, with the defaults filled in. */
HVCAL_API int hvcal_get_config(hvcal_session_t *session, hvcal_config_t *config);

/**
 * New configuration for the frames submitted from now on. The codec, the source
 * format, the size, the class and the engine cannot change. The answer of the
 * engine comes as HVCAL_NOTICE_RECONFIGURED.
 *
 * @return 0; -EINVAL; -ENOSPC: the new rate is refused, the old one stays;
 *         -EOPNOTSUPP: the engine cannot; see hvcal_create_session
 */
HVCAL_API int hvcal_reconfigure(hvcal_session_t *session, const hvcal_config_t *config,
				hvcal_admission_t *admission);

/** hvcal_reconfigure of the bit rate (bits per second) alone. */
HVCAL_API int hvcal_set_bitrate(hvcal_session_t *session, uint64_t bitrate);

/** The next frame that is submitted becomes a key frame. */
HVCAL_API int hvcal_request_key_frame(hvcal_session_t *session);

/**
 * The receiver lacks the frame of @pts, or could not decode it: from the next frame
 * that is submitted on, the stream does without it and what came after it. Engines
 * that can (HVCAL_CAN_RECOVER) refer to older frames, or begin a cycle of intra refresh;
 * others code a key frame. hvcal_packet_t.recovery of that frame says which. Of several
 * reports the oldest frame counts.
 */
HVCAL_API int hvcal_report_loss(hvcal_session_t *session, int64_t pts);

enum hvcal_throughput {
	/** Two frames inside at most: the producer feels backpressure at once.
	 *  REALTIME: an eighth more engine time is reserved than the rate needs, so
	 *  that a frame which comes early, or late and then the next one, need not
	 *  wait. */
	HVCAL_THROUGHPUT_LATENCY = 0,
	/** Half of max_queued inside. REALTIME: the rate is reserved. The default. */
	HVCAL_THROUGHPUT_BALANCED = 1,
	/** All of max_queued; frames are handed over several at a time. A frame
	 *  may wait for the next ones, until hvcal_get_bitstream or hvcal_flush.
	 *  REALTIME: the reservation is given back; frames run as best effort. */
	HVCAL_THROUGHPUT_BATCH = 2,
};

/**
 * How much latency may be paid for throughput: enum hvcal_throughput. Where the
 * engine may hold frames back (tune QUALITY, bframes), LATENCY and BALANCED do not
 * limit what is inside: it would wait for frames that are not let in.
 *
 * @return 0; -EINVAL; the mode stays: -ENOSPC: the engine time is not there, -EBUSY:
 *         a reconfiguration is under way (HVCAL_NOTICE_RECONFIGURED), -ENODEV: the
 *         session has no engine any more
 */
HVCAL_API int hvcal_set_throughput_mode(hvcal_session_t *session, uint32_t mode);

/**
 * Turns a feature (enum hvcal_feature) on or off for the frames submitted from
 * now on. Those that belong to frames (HDR10_PLUS, ROI, SCALE, FRAME_QP) are on
 * from the beginning; what a frame carries for a feature that is off, or that
 * the engine of the moment does not have, is left out (for SCALE: -EOPNOTSUPP).
 * LOSSLESS, INTRA_REFRESH and LAYERS are off and reconfigure the stream.
 *
 * What every engine that gets the stream must have belongs into
 * hvcal_config_t.features instead.
 *
 * @return 0; -EINVAL: no such feature; -EOPNOTSUPP: the engine does not have it
 */
HVCAL_API int hvcal_enable_feature(hvcal_session_t *session, uint32_t feature, int enable);

/* ------------------------------------------------------------------------ */
/* Frames and packets                                                       */

#define HVCAL_NO_PTS INT64_MIN

/* enum: bits of hvcal_frame_t.flags */
#define HVCAL_SUBMIT_KEY		(1U << 0) /**< make it a key frame */
#define HVCAL_SUBMIT_QP			(1U << 1) /**< @qp_q8 counts */
#define HVCAL_SUBMIT_NO_REF		(1U << 2) /**< nothing will refer to it (LAYERS) */
#define HVCAL_SUBMIT_IN_FENCE		(1U << 3) /**< wait for @in_fence */
#define HVCAL_SUBMIT_IMPLICIT_FENCE	(1U << 4) /**< wait for writers of the buffer */
#define HVCAL_SUBMIT_WANT_FENCE		(1U << 5) /**< HVCAL_NOTICE_ACCEPTED wanted */

/** A T.35 message, from its country code on. */
typedef struct {
	const void *data;
	uint64_t size;		/**< bytes */
} hvcal_t35_t;

/** What there is to say about one frame. */
typedef struct {
	uint32_t struct_size;
	uint32_t flags;		/**< HVCAL_SUBMIT_* */
	int64_t pts;		/**< any increasing number; HVCAL_NO_PTS: counted */
	uint64_t user_data;	/**< comes back with the packet */
	int32_t in_fence;	/**< sync_file; stays the caller's */
	int32_t qp_q8;		/**< QP on the codec's scale, times 256 */
	uint32_t max_bytes;	/**< ceiling for this packet, 0 none */
	uint32_t target_bytes;	/**< wish for this packet, 0 none */
	/** 0 base; 1: the upper one, nothing refers to the frame, its packet may be
	 *  lost (LAYERS). Packets say what was coded. */
	uint32_t temporal_layer;
	uint32_t width;		/**< coded size if not the session's (SCALE) */
	uint32_t height;
	uint32_t t35_count;	/**< elements of @t35 */
	uint64_t deadline_ns;	/**< absolute; 0: by the session's deadline */
	uint64_t release_ns;	/**< absolute; not before; 0 at once */
	const hvcal_t35_t *t35;	/**< copied by the call */
	/** QP map (ROI): one signed byte of QP offset a block, row by row; must be a
	 *  buffer of a pool or a wrapped one. NULL none. */
	const hvcal_buffer_t *map;
	uint64_t map_offset;	/**< bytes */
	uint32_t map_size;	/**< bytes */
	uint32_t map_block;	/**< pixels of a block side */
	uint32_t map_stride;	/**< bytes */
	uint32_t reserved;	/**< zero */
	/** HVCAL_MEMORY_CUDA: the CUstream on which the picture becomes complete; what is
	 *  queued there when it is handed over is waited for by the GPU, and counts as
	 *  engine time. Not CU_STREAM_PER_THREAD, which is the engine's own. 0: it is
	 *  complete. */
	uint64_t stream;
} hvcal_frame_t;

HVCAL_API void hvcal_frame_default(hvcal_frame_t *frame, size_t size);

/**
 * Hands a frame over. Does not wait for the engine.
 *
 * @param buffer of a pool or wrapped: no byte is copied, and the session holds a
 *               reference of its own until the engine is done. A hvcal_buffer_t of
 *               the caller's own works too: with DMA-BUFs in fd it is imported for
 *               this frame; with only cpu_ptr (linear layout; format 0: that of the session,
 *               without any padding) it is copied, and
 *               hvcal_stats_t.copied_bytes tells.
 * @param frame  NULL for the defaults
 * @return 0; -EAGAIN: the queue is full, get packets first; -ENODEV: the session
 *         has lost its engine for good; -EOPNOTSUPP: a coded size that the engine
 *         cannot scale to; -EINVAL; -EXDEV: memory that the engine cannot reach;
 *         -EBUSY: an engine that hangs still has the buffer; -ENOMEM. On error
 *         nothing was taken.
 */
HVCAL_API int hvcal_submit_frame(hvcal_session_t *session, const hvcal_buffer_t *buffer,
				 const hvcal_frame_t *frame);

/**
 * The same for several frames in one go.
 *
 * @param frames  NULL, or @count elements, @frame_stride bytes apart
 * @param taken   how many were taken, also on error; never NULL
 * @return 0 if all were taken, else why the next one was not
 */
HVCAL_API int hvcal_submit_frames(hvcal_session_t *session,
				  const hvcal_buffer_t *const *buffers,
				  const hvcal_frame_t *frames, size_t frame_stride,
				  uint32_t count, uint32_t *taken);

/* results of hvcal_get_bitstream that are not errors */
#define HVCAL_GOT_PACKET 0
#define HVCAL_GOT_NOTICE 1

/* enum: bits of hvcal_packet_t.flags */
#define HVCAL_PACKET_KEY	(1U << 0) /**< decodable on its own */
#define HVCAL_PACKET_SKIPPED	(1U << 1) /**< coded as nothing, 0 bytes */
#define HVCAL_PACKET_LATE	(1U << 2) /**< after its deadline */
#define HVCAL_PACKET_FENCE	(1U << 3) /**< ACCEPTED: hvcal_get_fence works */

enum hvcal_notice {
	HVCAL_NOTICE_NONE = 0,
	/** A frame gave no packet: @status, @pts, @user_data, @job say which and why. */
	HVCAL_NOTICE_FRAME_FAILED = 1,
	/** The stream goes on, on @engine, with a key frame. */
	HVCAL_NOTICE_RESYNC = 2,
	/** Less engine time than reserved: @share_ppm. Lower the rate or the size. */
	HVCAL_NOTICE_PRESSURE = 3,
	/** A reconfiguration took effect, or @status says why not. */
	HVCAL_NOTICE_RECONFIGURED = 4,
	/** An engine has started on a frame (HVCAL_SUBMIT_WANT_FENCE). */
	HVCAL_NOTICE_ACCEPTED = 5,
};

/**
 * One packet, or one notice. The bytes at @data are the very memory that the
 * engine wrote; they are valid until hvcal_release_packet. That memory may have no
 * pages to pin (vgem's): write(2) that takes the caller's own pages (O_DIRECT, 9p)
 * fails with EFAULT on it, and wants a copy; ordinary files and sockets do not.
 */
typedef struct {
	uint32_t struct_size;
	uint32_t flags;		/**< HVCAL_PACKET_* */
	uint32_t notice;	/**< enum hvcal_notice */
	int32_t status;		/**< of a notice: 0 or a negative errno */
	const void *data;
	uint64_t size;		/**< bytes at @data */
	int64_t pts;		/**< of the frame that is in the packet */
	int64_t dts;		/**< decoding time, in the units of @pts */
	uint64_t user_data;	/**< of the frame that was submitted */
	uint64_t job;		/**< number of the frame in this context */
	uint64_t timeline;	/**< frames of the session finished, this one included */
	uint64_t submit_ns;	/**< handed over */
	uint64_t ready_ns;	/**< its fences were signalled */
	uint64_t start_ns;	/**< an engine took it */
	uint64_t done_ns;	/**< the packet was there */
	uint64_t deadline_ns;	/**< the one that counted */
	uint64_t applied_bitrate; /**< of the engine, bits per second, 0 unknown */
	uint64_t satd;		/**< as the engine defines it, 0 unknown */
	uint64_t copied_bytes;	/**< of this frame, copied by a CPU on its way */
	uint32_t frame_type;	/**< enum hvcal_frame_type */
	int32_t qp_q8;		/**< average QP on the codec's scale, times 256 */
	uint32_t temporal_layer;
	uint32_t engine;	/**< that made it */
	uint32_t share_ppm;	/**< PRESSURE: share that there is now */
	int32_t fd;		/**< DMA-BUF of @data, the packet's; -1 none */
	uint64_t fd_offset;	/**< of @data in it, bytes */
	void *handle;		/**< the library's */
	uint32_t saturated;	/**< enum hvcal_saturation, when its QP was decided */
	/** HVCAL_DROPPED_*: what its engine could not do and does without; 0 none */
	uint32_t dropped;
	uint32_t recovery;	/**< enum hvcal_recovery: the answer to hvcal_report_loss */
	uint32_t reserved;
} hvcal_packet_t;

HVCAL_API void hvcal_packet_default(hvcal_packet_t *packet, size_t size);

/**
 * Gets the next packet or notice. Packets come in coded order.
 *
 * @param packet     must not hold a packet that was not released (-EBUSY)
 * @param timeout_ms how long to wait; 0 not at all, -1 without end
 * @return HVCAL_GOT_PACKET (0); HVCAL_GOT_NOTICE (1);
 *         -EAGAIN: nothing within the time;
 *         -ENODATA: flushed, and everything was got; told once, then the session
 *         goes on with the next frame;
 *         -ENODEV: no engine is left for the session, nothing more will come;
 *         -EINVAL; another error, once, if a flush failed in the engine
 */
HVCAL_API int hvcal_get_bitstream(hvcal_session_t *session, hvcal_packet_t *packet,
				  int timeout_ms);

/**
 * Gives the memory of a packet back and clears it for the next
 * hvcal_get_bitstream. A session has max_queued packets: those that are held are
 * not there for new frames. Notices and empty ones are allowed.
 */
HVCAL_API void hvcal_release_packet(hvcal_packet_t *packet);

/**
 * No frame follows for now: the engine finishes what it holds back. Does not
 * wait; get packets until -ENODATA.
 */
HVCAL_API int hvcal_flush(hvcal_session_t *session);

/**
 * Drops every frame that is not finished; each gives HVCAL_NOTICE_FRAME_FAILED
 * with -ECANCELED.
 *
 * @param canceled how many; may be NULL
 */
HVCAL_API int hvcal_cancel(hvcal_session_t *session, uint64_t *canceled);

/**
 * A sync_file that signals when the engine is done with frame @job, for which
 * HVCAL_NOTICE_ACCEPTED came with HVCAL_PACKET_FENCE.
 *
 * @param fence the caller's, to close
 * @return 0; -ENOENT; -EOPNOTSUPP: there is none
 */
HVCAL_API int hvcal_get_fence(hvcal_session_t *session, uint64_t job, int *fence);

/**
 * A file descriptor for poll loops: while it is readable, hvcal_get_bitstream
 * with timeout 0 is worth a try (it may still say -EAGAIN). It is the session's;
 * do not read from it.
 *
 * @return the file descriptor, or a negative errno
 */
HVCAL_API int hvcal_get_fd(hvcal_session_t *session);

#define HVCAL_HISTOGRAM 32

/**
 * Counters and histograms of a session. Bucket 0 of a histogram counts durations
 * below 1024 ns, bucket i from 2^(i+9) up to 2^(i+10) ns; the last one is open.
 */
typedef struct {
	uint32_t struct_size;
	uint32_t engine;	/**< now */
	uint32_t share_ppm;	/**< reserved */
	uint32_t queued;	/**< frames not yet in the engine */
	uint32_t running;	/**< frames in the engine */
	uint32_t migrations;	/**< changes of engine */
	uint64_t submitted;	/**< frames */
	uint64_t done;		/**< finished well */
	uint64_t failed;
	uint64_t timed_out;
	uint64_t canceled;
	uint64_t late;		/**< finished well, after the deadline */
	uint64_t bytes;		/**< coded */
	uint64_t engine_ns;	/**< engine time used */
	/** Bytes of frames that libhvcal copied; 0 with buffers of pools. */
	uint64_t copied_bytes;
	/** Bytes of frames that engines say they copied to reach their input. */
	uint64_t engine_copied_bytes;
	uint64_t submit_calls;	/**< hand-overs; fewer than frames when batched */
	/** Rate control by libhvcal; all 0 where the engine does it. */
	uint64_t rate_frames;	/**< that it gave their QP */
	uint64_t hint_frames;	/**< that were looked at before */
	uint64_t hint_skipped;	/**< that could not be: not written yet, or no cpu_ptr */
	uint64_t hint_ns;	/**< CPU time that this took */
	uint32_t hint_row_step;	/**< every how many rows of blocks, now; 0: none */
	uint32_t saturated;	/**< enum hvcal_saturation, now */
	uint64_t aq_frames;	/**< that got a QP map by hvcal_config_t.adaptive_quant */
	uint64_t band_frames;	/**< of rate_frames, of which a band of rows got a finer QP by a map */
	uint64_t hist_wait[HVCAL_HISTOGRAM];	/**< submission to start */
	uint64_t hist_run[HVCAL_HISTOGRAM];	/**< start to done */
	uint64_t hist_slack[HVCAL_HISTOGRAM];	/**< done to deadline, frames in time */
} hvcal_stats_t;

HVCAL_API void hvcal_stats_default(hvcal_stats_t *stats, size_t size);
HVCAL_API int hvcal_get_stats(hvcal_session_t *session, hvcal_stats_t *stats);

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_HVCAL_H */
