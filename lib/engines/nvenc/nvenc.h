/* SPDX-License-Identifier: MIT */
/*
 * NVENC through the driver's own libraries, which are opened when an engine is
 * looked for: a machine without them loses nothing.
 *
 * plugin.c    engines: making, describing, ending
 * load.c      libcuda and libnvidia-encode
 * versions.c  drivers that are older than the headers
 * cuda.c      devices, contexts
 * errors.c    what their error codes mean here
 * caps.c      what a chip can do
 * config.c    struct hvcal_codec_config to NVENC's structures
 * session.c   sessions of the driver: open, new rates, close
 * frame.c     frames in, packets out
 * loss.c      frames that the receiver lacks, or may lack
 * ceiling.c   frames that must not be larger than so many bytes
 * source.c    pictures: copy, import, registration
 * metadata.c  HDR and T.35
 */
#ifndef HVCAL_NVENC_H
#define HVCAL_NVENC_H

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/nvEncodeAPI.h>

#include <hvcal/engine.h>

/* What came with which header; Debian 12 has 11.1. */
#define NVENC_API_AT_LEAST(major, minor) \
	(NVENCAPI_MAJOR_VERSION > (major) || \
	 (NVENCAPI_MAJOR_VERSION == (major) && NVENCAPI_MINOR_VERSION >= (minor)))
#define NVENC_HAVE_AV1		NVENC_API_AT_LEAST(12, 0)
#define NVENC_HAVE_SPLIT	NVENC_API_AT_LEAST(12, 1)
#define NVENC_HAVE_STATE	NVENC_API_AT_LEAST(12, 1)

/** As NvEncodeAPIGetMaxSupportedVersion() writes it. */
#define NVENC_VERSION(major, minor) ((uint32_t)(major) << 4 | (uint32_t)(minor))
#define NVENC_CLIENT_VERSION NVENC_VERSION(NVENCAPI_MAJOR_VERSION, NVENCAPI_MINOR_VERSION)

#define NVENC_MAX_CODECS 3
#define NVENC_BFRAMES_MAX 4
/* Pictures inside NVENC at once: those that wait for a later one, and that one. */
#define NVENC_SLOTS_MAX (NVENC_BFRAMES_MAX + 4)

/* ---- libraries (load.c) ---- */

/* Of functions that dynlink_cuda.h lacks. */
typedef CUresult CUDAAPI tcuDriverGetVersion(int *version);
typedef CUresult CUDAAPI tcuDeviceGetPCIBusId(char *id, int len, CUdevice dev);
typedef CUresult CUDAAPI tcuMemGetInfo_v2(size_t *unused, size_t *total);

#define NVENC_CUDA_FUNCTIONS(X) \
	X(cuInit) X(cuDriverGetVersion) X(cuDeviceGetCount) X(cuDeviceGet) \
	X(cuDeviceGetName) X(cuDeviceGetPCIBusId) X(cuDeviceGetAttribute) \
	X(cuDevicePrimaryCtxRetain) X(cuDevicePrimaryCtxRelease) \
	X(cuCtxPushCurrent_v2) X(cuCtxPopCurrent_v2) X(cuGetErrorName) \
	X(cuMemGetInfo_v2) X(cuMemFree_v2) X(cuImportExternalMemory) \
	X(cuDestroyExternalMemory) X(cuExternalMemoryGetMappedBuffer)

struct nvenc_cuda {
#define NVENC_MEMBER(name) t##name *name;
	NVENC_CUDA_FUNCTIONS(NVENC_MEMBER)
#undef NVENC_MEMBER
};

/**
 * How to speak to a driver: versions of structures, and what it has. Structures are
 * those of the header, but bear these.
 */
struct nvenc_versions {
	uint32_t api;		/* NVENC_VERSION() */
	uint32_t client;	/* as NVENCAPI_VERSION */
	uint32_t functions, open_session, caps_param, preset_config, config, initialize;
	uint32_t reconfigure, create_input, create_output, lock_input, register_resource;
	uint32_t map_resource, pic_params, lock_output;
	bool av1, split, state;
	bool short_pic;		/* its NV_ENC_PIC_PARAMS is shorter in the middle */
};

struct nvenc_lib {
	const char *cuda_path, *encode_path;
	void *cuda_handle, *encode_handle;
	struct nvenc_cuda cu;
	NV_ENCODE_API_FUNCTION_LIST api;
	uint32_t driver_api;	/* NVENC_VERSION() */
	const struct nvenc_versions *versions;	/* that it is spoken to with */
};

/** Room for a line to people. */
struct nvenc_reason {
	char *text;
	size_t len;
};

void nvenc_say(const struct nvenc_reason *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Opens libcuda and finds its functions. On error nothing is left open.
 * lib->cuda_path NULL: the usual one.
 */
int nvenc_load_cuda(struct nvenc_lib *lib, const struct nvenc_reason *r);

/** Opens libnvidia-encode, compares versions, fetches the function list. */
int nvenc_load_encode(struct nvenc_lib *lib, const struct nvenc_reason *r);

/** Closes what is open. */
void nvenc_unload(struct nvenc_lib *lib);

/* ---- older drivers (versions.c) ---- */

/** What a driver of interface @driver understands; NULL: it is too old. */
const struct nvenc_versions *nvenc_versions_for(uint32_t driver);

/** The oldest interface, NVENC_VERSION(). */
uint32_t nvenc_versions_oldest(void);

/** nvEncEncodePicture(), in the layout of the driver. */
NVENCSTATUS nvenc_versions_encode(const struct nvenc_lib *lib, void *session,
				  NV_ENC_PIC_PARAMS *pic);

/* ---- errors (errors.c) ---- */

/** What is known when a call fails: some codes mean different things. */
struct nvenc_failure {
	NVENCSTATUS status;
	bool opening;		/* a session, not working with one */
	size_t memory_unused;	/* bytes of the GPU; what tells a session limit from want */
};

/** @return negative errno, never 0 unless status is NV_ENC_SUCCESS */
int nvenc_errno(const struct nvenc_failure *f);

/** What it means and what to do, for people. */
const char *nvenc_meaning(const struct nvenc_failure *f);

/** "NV_ENC_ERR_..." */
const char *nvenc_status_name(NVENCSTATUS status);

/** @return negative errno */
int nvenc_cuda_errno(CUresult result);

/* ---- engines (plugin.c) ---- */

struct nvenc_codec {
	uint32_t codec;		/* HVCAL_CODEC_* */
	GUID guid;
	uint32_t min_width, min_height, max_width, max_height;
	uint32_t max_blocks;	/* of 16x16 in a picture, 0 unknown */
	uint32_t engines, bframes;
	bool ten_bit, lossless, dyn_bitrate, dyn_rc_mode, intra_refresh;
	bool single_slice_refresh, custom_vbv, state_advance, invalidation;
};

/** Options that are numbers. */
struct nvenc_settings {
	unsigned long cost, sessions, busy_ms, split, ceiling;
};

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	struct nvenc_lib lib;
	int index;
	CUdevice device;
	CUcontext cuda;
	char name[64], slot[HVCAL_NAME_LEN];
	struct nvenc_codec codecs[NVENC_MAX_CODECS];
	unsigned int ncodecs;
	struct nvenc_settings settings;
	atomic_bool imports_dmabuf;	/* not refused yet */
	atomic_bool lost;	/* the device is gone */
	pthread_mutex_t lock;	/* of what follows, and of imports */
	unsigned int streams;	/* open ones */
	unsigned int generation; /* how often a lost device came back */
	struct nvenc_registration *registrations;
};

void nvenc_log(const struct hvcal_engine_ctx *c, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Logs a failed call and gives the errno of it.
 * @call: its name in the API
 */
int nvenc_fail(struct hvcal_engine_ctx *c, const char *call, NVENCSTATUS status, bool opening);

/* ---- devices (cuda.c) ---- */

/** @return 0, @count is set; negative errno and a line */
int nvenc_cuda_init(const struct nvenc_lib *lib, int *count, const struct nvenc_reason *r);

/** Takes device c->index; undone by nvenc_cuda_close(). */
int nvenc_cuda_open(struct hvcal_engine_ctx *c, const struct nvenc_reason *r);
void nvenc_cuda_close(struct hvcal_engine_ctx *c);

/** The engine's context on this thread, and off again. */
int nvenc_cuda_push(struct hvcal_engine_ctx *c);
void nvenc_cuda_pop(struct hvcal_engine_ctx *c);

/** Bytes of the GPU that nobody uses; 0 unknown. */
size_t nvenc_cuda_unused(struct hvcal_engine_ctx *c);

/** Logs a failed call of CUDA and gives the errno of it. */
int nvenc_cuda_fail(struct hvcal_engine_ctx *c, const char *call, CUresult result);

/** NUMA node of the device, -1 unknown. */
int32_t nvenc_numa_node(const struct hvcal_engine_ctx *c);

/* ---- what a chip can do (caps.c) ---- */

/**
 * Opens a session of the driver without an encoder in it.
 * @return 0; negative errno: @failure says more, and nothing is left open
 */
int nvenc_session_open(struct hvcal_engine_ctx *c, void **session, struct nvenc_failure *failure);

/**
 * Fills c->codecs with what the driver claims.
 * @return 0; negative errno and a line: there is none
 */
int nvenc_caps_read(struct hvcal_engine_ctx *c, const struct nvenc_reason *r);

/** NULL: not here. */
const struct nvenc_codec *nvenc_codec_find(const struct hvcal_engine_ctx *c, uint32_t codec);

/** The claim of @codec for the host. */
void nvenc_cap_fill(const struct hvcal_engine_ctx *c, const struct nvenc_codec *codec,
		    struct hvcal_engine_cap *cap);

/* ---- configuration (config.c) ---- */

/** Can @codec do this? If not, @why (a literal) says what is not possible. */
bool nvenc_config_possible(const struct nvenc_codec *codec,
			   const struct hvcal_codec_config *config, const char **why);

GUID nvenc_config_preset(const struct hvcal_codec_config *config);
NV_ENC_TUNING_INFO nvenc_config_tuning(const struct hvcal_codec_config *config);
NV_ENC_BUFFER_FORMAT nvenc_config_format(uint32_t format);
int nvenc_config_qp_max(uint32_t codec);
int nvenc_config_constant_qp(const struct hvcal_codec_config *config);

/** Consecutive B pictures that a stream gets. */
uint32_t nvenc_config_bframes(const struct nvenc_codec *codec,
			      const struct hvcal_codec_config *config);

/** May references of such a stream be forgotten? */
bool nvenc_config_invalidates(const struct nvenc_codec *codec,
			      const struct hvcal_codec_config *config);

/** Does it have temporal layers? */
bool nvenc_config_layered(const struct nvenc_codec *codec,
			  const struct hvcal_codec_config *config);

/** Samples of the side of a block of NVENC's QP map. */
uint32_t nvenc_config_map_block(uint32_t codec);

/* Offsets in it are bytes. */
#define NVENC_OFFSET_MAX 127

/** Makes @rc that of a constant QP. */
void nvenc_config_const_qp(NV_ENC_RC_PARAMS *rc, int qp);

/** Rates into @rc; what a running stream may change. */
void nvenc_config_rates(NV_ENC_RC_PARAMS *rc, const struct nvenc_codec *codec,
			const struct hvcal_codec_config *config);

/** Everything else into what the preset gave. */
void nvenc_config_fill(NV_ENC_INITIALIZE_PARAMS *init, NV_ENC_CONFIG *enc,
		       const struct hvcal_engine_ctx *c, const struct nvenc_codec *codec,
		       const struct hvcal_codec_config *config);

/* ---- streams (session.c) ---- */

/** A buffer as CUDA sees it: hvcal_engine_buffer.priv. */
struct nvenc_import {
	void *map[HVCAL_MAX_PLANES];	/* for the CPU, if the host has made none */
	size_t len[HVCAL_MAX_PLANES];
	CUexternalMemory external;	/* of the first DMA-BUF; NULL: the CPU copies */
	CUdeviceptr device;
	bool given;			/* the client's own address: nothing was imported */
	unsigned int generation;	/* of the context that it lives in */
};

/** A device buffer that one session may read in place. */
struct nvenc_registration {
	struct hvcal_engine_stream *stream;
	struct nvenc_import *import;
	NV_ENC_REGISTERED_PTR resource;
	struct nvenc_registration *next;
};

/** A picture inside NVENC, and where its packet will be. */
struct nvenc_slot {
	NV_ENC_INPUT_PTR input;		/* memory of NVENC for pictures that are copied */
	NV_ENC_OUTPUT_PTR output;
	NV_ENC_INPUT_PTR mapped;	/* a registered resource; NULL: it was copied */
	struct hvcal_engine_job *job;	/* NULL: nothing inside */
	uint64_t number;		/* of the picture, its time stamp for NVENC */
	uint64_t copied_bytes;
	uint32_t recovery;		/* enum hvcal_recovery */
	uint64_t start_ns;
	int8_t *map;			/* QP offsets, s->map_cells of them */
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	const struct nvenc_codec *codec;
	struct hvcal_codec_config config;
	void *session;
	NV_ENC_CONFIG enc;
	NV_ENC_INITIALIZE_PARAMS init;
	uint32_t bframes;
	uint32_t map_cells;

	/* in the order of submission, which is that of the outputs, from @first on */
	struct nvenc_slot slots[NVENC_SLOTS_MAX];
	unsigned int count, first, waiting;

	uint64_t frames;	/* submitted ones */
	uint64_t coded;		/* delivered ones */
	uint64_t since_key;
	int64_t pts[NVENC_SLOTS_MAX]; /* of the latest pictures, for dts and losses */
	bool no_ref[NVENC_SLOTS_MAX]; /* of the upper layer, or forgotten */
	uint64_t key_number;	/* of the last key frame */
	bool want_key;
	bool broken;		/* the session owes packets that nobody can get */
	CUstream order;		/* that pictures wait for; NVENC keeps a pointer to it */
	bool const_qp;		/* NVENC's rate control is off, and ... */
	int qp;			/* ... uses this one */
};

int nvenc_stream_open(hvcal_engine_ctx_t *c, const struct hvcal_codec_config *config,
		      hvcal_engine_stream_t **stream);
int nvenc_stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config);
void nvenc_stream_close(hvcal_engine_stream_t *s);

/**
 * Has NVENC code at constant QP @qp, or (negative) by its own rate control, from
 * the next frame on; no key frame unless the chip cannot do without.
 */
int nvenc_stream_set_qp(hvcal_engine_stream_t *s, int qp);

/* ---- frames (frame.c) ---- */

int nvenc_stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job);
int nvenc_stream_flush(hvcal_engine_stream_t *s);

/** Has NVENC code what it holds back. */
int nvenc_stream_end(hvcal_engine_stream_t *s);

/** Finishes all frames inside: with their packets (@status 0), or with @status. */
void nvenc_collect(hvcal_engine_stream_t *s, int status);

/** Submits @pic, or locks @lock->outputBitstream; waits while the chip is busy. */
NVENCSTATUS nvenc_submit(hvcal_engine_stream_t *s, NV_ENC_PIC_PARAMS *pic);
NVENCSTATUS nvenc_lock_output(hvcal_engine_stream_t *s, NV_ENC_LOCK_BITSTREAM *lock);

/** The picture of @job will be in the stream: @key, or not. */
void nvenc_count_picture(hvcal_engine_stream_t *s, const struct hvcal_engine_job *job, bool key);

/** Gives the packet in @lock to the host as that of @slot. */
void nvenc_deliver(hvcal_engine_stream_t *s, struct nvenc_slot *slot,
		   const NV_ENC_LOCK_BITSTREAM *lock);

/** Finishes @slot. */
void nvenc_finish(hvcal_engine_stream_t *s, struct nvenc_slot *slot,
		  const struct hvcal_engine_result *result);

/* ---- frames that the receiver lacks, or may lack (loss.c) ---- */

/** Pictures that NVENC keeps to refer to, where it can forget some of them; <= NVENC_SLOTS_MAX. */
uint32_t nvenc_loss_references(uint32_t codec);

/**
 * Has @pic and what comes after it do without the frame that @job says is lost, the
 * cheapest way there is; HVCAL_RECOVERY_KEY: it must be a key frame.
 */
uint32_t nvenc_loss_recover(hvcal_engine_stream_t *s, const struct hvcal_engine_job *job,
			    NV_ENC_PIC_PARAMS *pic);

/**
 * Has NVENC forget the picture before, if nothing may refer to it.
 * @return false: it can refer to no other one either, so a key frame must follow
 */
bool nvenc_loss_skip_upper(hvcal_engine_stream_t *s);

/* ---- ceilings (ceiling.c) ---- */

#if NVENC_HAVE_STATE
/**
 * Codes @pic at growing QPs until it fits job->params.max_bytes, and finishes the
 * frame; one that never fits is skipped, and the stream is as if it had not come.
 *
 * @return 0; negative errno: not finished
 */
int nvenc_encode_below(hvcal_engine_stream_t *s, struct nvenc_slot *slot, NV_ENC_PIC_PARAMS *pic,
		       bool key);
#endif

/* ---- sources (source.c) ---- */

/**
 * Brings the picture of @job into NVENC's reach.
 *
 * @return 0 and what to encode in @input; negative errno, -EINVAL: not what it says
 */
int nvenc_source_ready(hvcal_engine_stream_t *s, struct hvcal_engine_job *job,
		       struct nvenc_slot *slot, NV_ENC_INPUT_PTR *input);

/** NVENC does not need the picture any more. */
void nvenc_source_done(hvcal_engine_stream_t *s, struct nvenc_slot *slot);

void nvenc_source_forget(hvcal_engine_ctx_t *c, struct hvcal_engine_buffer *buffer);

/** Unregisters what @s has registered. */
void nvenc_source_leave(hvcal_engine_stream_t *s);

/* ---- metadata (metadata.c) ---- */

#define NVENC_PAYLOADS_MAX 10

struct nvenc_payloads {
	uint32_t count;
	NV_ENC_SEI_PAYLOAD list[NVENC_PAYLOADS_MAX];
	uint8_t mastering[24], light[4];
};

/** Metadata of @job, and of the stream if it is a key frame. Points into @job. */
void nvenc_payloads_fill(struct nvenc_payloads *p, const struct hvcal_codec_config *config,
			 const struct hvcal_engine_job *job, bool key);

#endif
