/* SPDX-License-Identifier: MIT */
/* Inside of libnvidia-encode.so.1 of tests. */
#ifndef HVCAL_NVENC_STUB_SESSION_H
#define HVCAL_NVENC_STUB_SESSION_H

#include <pthread.h>

#include <ffnvcodec/nvEncodeAPI.h>

#include "stub.h"
#include "stub_codec.h"

#define STUB_GROUP_MAX 16

#define STUB_HAVE_AV1 (NVENCAPI_MAJOR_VERSION >= 12)

struct stub_session;

/** Memory for pictures, made by the library or registered. */
struct stub_input {
	struct stub_session *s;
	uint8_t *at;		/* of the library, or of the "GPU" */
	uint32_t width, height, pitch;
	NV_ENC_BUFFER_FORMAT format;
	bool registered, locked;
	unsigned int mapped, used;	/* used: by pictures whose packet was not locked */
	struct stub_input *next;
};

enum stub_output_state { STUB_FREE, STUB_QUEUED, STUB_READY, STUB_LOCKED };

struct stub_output {
	struct stub_session *s;
	enum stub_output_state state;
	uint64_t order;		/* of submission */
	struct stub_input *input;	/* of the picture that was submitted with it */
	uint8_t *packet;
	size_t len;
	NV_ENC_PIC_TYPE type;
	uint64_t stamp;
	uint32_t qp;
	unsigned int busy;	/* locks that were refused */
	struct stub_output *next;
};

/** A picture that waits for the end of its group. */
struct stub_waiting {
	uint8_t *memory;
	struct stub_picture pic;
	NV_ENC_PIC_TYPE type;
	uint64_t stamp;
	struct stub_output *output;
	struct stub_sei *sei;
	unsigned int seis;
	int8_t *map;
	bool attempt;		/* does not count unless its state is restored */
};

/** All pictures that count: what an encoder of libx264 is brought back with. */
struct stub_history {
	struct stub_waiting *list;
	unsigned int count;
	bool attempt;		/* the last one does not count yet */
	uint64_t since_idr;	/* of the session, before it */
	bool begun;
};

struct stub_session {
	uint32_t magic;
	void *ctx;
	bool half_open, initialized;
	GUID guid, preset;
	NV_ENC_TUNING_INFO tuning;
	const struct stub_codec *codec;
	void *encoder;
	struct stub_format format;
	NV_ENC_INITIALIZE_PARAMS init;
	NV_ENC_CONFIG enc;
	struct stub_input *inputs;
	struct stub_output *outputs;
	struct stub_waiting group[STUB_GROUP_MAX];
	unsigned int grouped;
	uint64_t submitted;	/* pictures, and outputs: they go in pairs */
	uint64_t first_stamp;	/* of the first picture */
	uint64_t locked;	/* outputs, in this order */
	uint64_t since_idr;
	unsigned int busy;	/* submissions that were refused */
	bool begun;
	double rate_qp;		/* of the rate control */
	unsigned int forget;	/* pictures before the next one that are invalid */
	void **order;		/* stream that input waits for; NULL: was never set */
	struct stub_history history;	/* if there are state buffers */
	struct stub_session *next;
};

extern pthread_mutex_t stub_lock;	/* of everything here but the encoders */
extern struct stub_counts stub_count;
extern bool stub_lost;

/** The session behind a handle, if calls on it are in order; counts nothing. */
NVENCSTATUS stub_check(void *handle, bool initialized, struct stub_session **s);

/** Refuses a structure of another version. */
bool stub_version_wrong(const char *what, uint32_t is, uint32_t should);

/** The driver's interface, as NvEncodeAPIGetMaxSupportedVersion() tells it. */
uint32_t stub_api(void);

/** Are these bytes zero, as reserved ones must be? */
bool stub_zero(const void *at, size_t bytes);

/* ---- configurations (stub_config.c) ---- */

/** What codecs have in places of their own; sizes and rates are not in it. */
struct stub_config {
	uint32_t idr_period, refresh_frames;
	bool refresh;
	struct stub_format format;
};

struct stub_config stub_config_of(const struct stub_codec *codec, const NV_ENC_CONFIG *enc);

/** The same of a picture. */
struct stub_extra {
	const NV_ENC_SEI_PAYLOAD *list;
	unsigned int count, refresh;
};

struct stub_extra stub_extra_of(const struct stub_codec *codec, const NV_ENC_PIC_PARAMS *pic);

/** @return NV_ENC_SUCCESS, or what is wrong with the configuration, the rates */
NVENCSTATUS stub_config_check(const struct stub_session *s, const NV_ENC_INITIALIZE_PARAMS *p);
NVENCSTATUS stub_rates_check(const struct stub_session *s, const NV_ENC_RC_PARAMS *rc);

/* ---- pictures (stub_picture.c) ---- */


NVENCSTATUS NVENCAPI stub_encode_picture(void *handle, NV_ENC_PIC_PARAMS *pic);
NVENCSTATUS NVENCAPI stub_invalidate(void *handle, uint64_t stamp);
NVENCSTATUS NVENCAPI stub_lock_bitstream(void *handle, NV_ENC_LOCK_BITSTREAM *lock);
NVENCSTATUS NVENCAPI stub_unlock_bitstream(void *handle, NV_ENC_OUTPUT_PTR output);

/** The encoder behind an initialized session, and its end. */
void stub_encoder_open(struct stub_session *s);
void stub_encoder_close(struct stub_session *s);
void stub_waiting_free(struct stub_waiting *w);

/* ---- pictures that do not count (stub_state.c) ---- */

/** Is this one? Checks its parameters. */
bool stub_is_attempt(struct stub_session *s, const NV_ENC_PIC_PARAMS *pic);
bool stub_keeps_history(const struct stub_session *s);

/** Takes back what did not count; remembers a picture that was coded; forgets all. */
void stub_history_drop(struct stub_session *s);
void stub_history_add(struct stub_session *s, const struct stub_waiting *w);
void stub_history_free(struct stub_session *s);

/** Ends the process if @p wants what the driver does not have. */
void stub_state_check(const struct stub_session *s, const NV_ENC_INITIALIZE_PARAMS *p);
unsigned int stub_split(const NV_ENC_INITIALIZE_PARAMS *p);
void stub_state_functions(NV_ENCODE_API_FUNCTION_LIST *list);
bool stub_state_cap(NV_ENC_CAPS cap);

#endif
