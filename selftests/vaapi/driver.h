/* SPDX-License-Identifier: MIT */
/*
 * hvcaltest: a VA driver without a GPU, for tests of the VA-API engine. It codes exactly
 * what it is told, from parameters and packed headers as they come, and refuses those
 * that contradict each other.
 *
 * HVCALTEST in the environment changes it; words separated by commas:
 *	exact		H.264 and HEVC by samples as they are, and blocks that are skipped where the
 *			references have the same: the decoder gives back every bit. B pictures
 *	own-headers	takes no packed headers, writes its own
 *	no-raw		takes no raw headers
 *	no-import	imports no DMA-BUFs
 *	x-tiled		imports those in X tiles of Intel's GPUs, too (DRIVER_X_TILED)
 *	no-derive	has no vaDeriveImage()
 *	no-wait		has no waiting with a limit, and no waiting without one either
 *	surface-wait	has vaSyncSurface2(), but no vaSyncBuffer()
 *	baseline	H.264 in Constrained Baseline only
 *	no-entrypoint	decodes only
 *	low-power, low-power-cqp	has EncSliceLP too, the latter without rate control
 *	h264-only, vp9-only, av1-only	as it says
 *	hevc-untold	tells nothing of the tools of HEVC
 *	only-b		HEVC pictures that refer to others are of B slices
 *	past-only	no reference is a later picture
 *	no-refresh	has no intra refresh (else of columns; exact H.264 does it)
 *	rois=N		takes N rectangles of QP offsets (8)
 *	no-segments	AV1 has no quantisers of segments
 *	segments=N	N is AV1's code for the blocks of its segments (3)
 *	hang=N, hang-always	picture number N (of the process) or each does not finish
 *	lost=N		the GPU is reset in picture number N
 *	busy=N		the encoder is busy at picture number N
 *	slow=MS		a picture takes that long
 *	fences		puts the fence of a picture into its source, for as long as it takes
 *	fences-early	the same, but signals it too early
 *	fences-foreign	another one is there before and after, and none of its own
 *	report=PATH	appends a line for each call that tests want to know of
 */
#ifndef HVCALTEST_DRIVER_H
#define HVCALTEST_DRIVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <va/va.h>
#include <va/va_backend.h>

#define DRIVER_X_TILED 0x100000000000001ULL	/* a modifier: tiles of 512 bytes, 8 rows */
#define TILE_BYTES 512
#define TILE_ROWS 8

#define PACKED_MAX 64
#define SLICES_MAX 64
#define ROIS_MAX 64

/* ---- objects ---- */

enum kind { KIND_CONFIG = 1, KIND_CONTEXT, KIND_SURFACE, KIND_BUFFER, KIND_IMAGE };

struct object {
	enum kind kind;
	uint32_t id;
	struct object *next;
};

struct config {
	struct object o;
	VAProfile profile;
	VAEntrypoint entrypoint;
	uint32_t rt_format, rc, packed;
};

struct surface {
	struct object o;
	uint32_t fourcc, width, height;
	uint8_t *plane[2];
	uint32_t pitch[2];
	void *map[4];		/* own memory in map[0], or imported */
	size_t map_len[4];
	bool imported, tiled;
	int fd;			/* of the first object, -1 none */
	uint64_t ready_ns;	/* when coding from it ends; UINT64_MAX never */
	VAStatus result;	/* of coding from it */
	/* as a reconstructed picture */
	bool coded, reference;
	bool exact;		/* the decoder has the very same */
	uint32_t frame_num;
	int32_t poc;
};

struct buffer {
	struct object o;
	VABufferType type;
	uint8_t *data;		/* of coded buffers: room for the bits */
	size_t size;
	struct surface *derived; /* data is the surface's */
	VACodedBufferSegment segment;
	uint64_t ready_ns;
	VAStatus result;
};

struct image {
	struct object o;
	VAImage va;
};

struct packed {
	VAEncPackedHeaderParameterBuffer head;
	const uint8_t *data;
	size_t size;
};

struct codec_state;

struct context {
	struct object o;
	struct config *config;
	uint32_t width, height;
	bool hung, lost;
	/* told so far */
	bool has_seq;
	union {
		VAEncSequenceParameterBufferH264 h264;
		VAEncSequenceParameterBufferHEVC hevc;
		VAEncSequenceParameterBufferVP9 vp9;
		VAEncSequenceParameterBufferAV1 av1;
	} seq;
	VAEncMiscParameterRateControl rc;
	VAEncMiscParameterHRD hrd;
	VAEncMiscParameterFrameRate fps;
	bool has_rc, has_fps, new_rates;
	/* of the picture */
	struct surface *source;
	bool seq_now;
	const struct buffer *pic, *matrix, *map;
	struct packed packed[PACKED_MAX];
	unsigned int npacked;
	bool half_packed;	/* the data of the last one are to come */
	struct {
		const struct buffer *param;
		int header;	/* index of packed, -1 none */
	} slices[SLICES_MAX];
	unsigned int nslices;
	VAEncROI rois[ROIS_MAX];
	unsigned int nrois;
	uint32_t max_frame_bits;
	VAEncMiscParameterRIR rir;	/* intra columns, all zero: none */
	struct codec_state *state;	/* the codec's own */
};

struct driver {
	pthread_mutex_t lock;
	struct object *objects;
	uint32_t last_id, pictures;
	bool hung;	/* ever: objects may be left behind */
};

static inline struct driver *driver_of(VADriverContextP ctx)
{
	return ctx->pDriverData;
}

void *object_new(struct driver *d, enum kind kind, size_t size);
void *object_find(struct driver *d, uint32_t id, enum kind kind);
/** @return false: there is none */
bool object_drop(struct driver *d, uint32_t id, enum kind kind);
/** Never returns from what the hardware is stuck in. */
void block_if_stuck(uint64_t ready_ns);

/* ---- calls that are not in driver.c, or that others there need ---- */

VAStatus create_surfaces(VADriverContextP ctx, int width, int height, int format, int count,
			 VASurfaceID *ids);
VAStatus create_surfaces2(VADriverContextP ctx, unsigned int format, unsigned int width,
			  unsigned int height, VASurfaceID *ids, unsigned int count,
			  VASurfaceAttrib *list, unsigned int attribs);
VAStatus destroy_surfaces(VADriverContextP ctx, VASurfaceID *ids, int count);
VAStatus derive_image(VADriverContextP ctx, VASurfaceID id, VAImage *out);
VAStatus create_image(VADriverContextP ctx, VAImageFormat *format, int width, int height,
		      VAImage *out);
VAStatus destroy_image(VADriverContextP ctx, VAImageID id);
VAStatus put_image(VADriverContextP ctx, VASurfaceID id, VAImageID image, int sx, int sy,
		   unsigned int sw, unsigned int sh, int dx, int dy, unsigned int dw,
		   unsigned int dh);
VAStatus query_image_formats(VADriverContextP ctx, VAImageFormat *list, int *count);
VAStatus create_buffer(VADriverContextP ctx, VAContextID context, VABufferType type,
		       unsigned int size, unsigned int count, void *data, VABufferID *id);

VAStatus query_profiles(VADriverContextP ctx, VAProfile *list, int *count);
VAStatus query_entrypoints(VADriverContextP ctx, VAProfile profile, VAEntrypoint *list, int *count);
VAStatus get_attributes(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
			VAConfigAttrib *list, int count);
VAStatus create_config(VADriverContextP ctx, VAProfile profile, VAEntrypoint entrypoint,
		       VAConfigAttrib *list, int count, VAConfigID *id);
VAStatus destroy_config(VADriverContextP ctx, VAConfigID id);
VAStatus query_config(VADriverContextP ctx, VAConfigID id, VAProfile *profile,
		      VAEntrypoint *entrypoint, VAConfigAttrib *list, int *count);

/* ---- fences.c ---- */

/** Another user's, if there is to be one; before the picture. */
void fences_import(const struct surface *s);
/** The picture's own, which signals at a time. */
void fences_attach(const struct surface *s, uint64_t ready_ns);
/** The picture is there when its fence has signalled: waits for that. */
void fences_settle(void);

/* ---- the environment ---- */

void sleep_until(uint64_t ns);
uint64_t now_ns(void);
bool mode(const char *word);
/** The number behind "word="; 0 without. */
unsigned int mode_number(const char *word);
/** Says what is wrong on stderr. @return VA_STATUS_ERROR_INVALID_PARAMETER */
VAStatus wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Header and parameters must say the same. */
#define SAME(what, header, param) \
	do { \
		if ((long long)(header) != (long long)(param)) \
			return wrong("%s: the header says %lld, the parameters %lld", what, \
				     (long long)(header), (long long)(param)); \
	} while (0)

/** Appends a line to the report. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- pictures ---- */

/** What is to be coded, whole blocks: the border is continued. */
struct raw {
	uint32_t width, height;
	unsigned int sample;	/* bytes */
	uint8_t *plane[3];	/* planar, without gaps; one allocation */
};

int raw_make(struct raw *r, const struct surface *s, uint32_t width, uint32_t height);
void raw_free(struct raw *r);
/** Puts a picture into a surface of the same size. */
void raw_store(const struct raw *r, struct surface *s);

/** Is the column of macroblocks intra by order? */
bool rir_column(const struct context *c, uint32_t column);

/**
 * Is the mean of two references, rounded up, the same as the picture in a square of the
 * luma plane and in chroma? Both may be one.
 */
bool raw_same(const struct raw *r, const struct surface *past, const struct surface *future,
	      uint32_t x, uint32_t y, uint32_t size);

/** QP offset at a pixel: that of the first rectangle that covers it. */
int roi_offset(const struct context *c, int x, int y);

/* ---- codecs ---- */

struct bits;

struct codec_ops {
	/** Codes the picture of the context, which has its state. */
	VAStatus (*code)(struct driver *d, struct context *c, struct buffer *coded);
	/** Frees what is in the state; may be NULL. */
	void (*close)(struct codec_state *state);
	size_t state_size;
	/** Its coded buffer and its reconstructed picture. */
	void (*targets)(const struct context *c, VABufferID *coded, VASurfaceID *recon);
	size_t seq_size, pic_size, slice_size;	/* slice_size 0: there are none */
};

extern const struct codec_ops h264_ops, hevc_ops, vp9_ops, av1_ops;
const struct codec_ops *codec_of(const struct config *config);

/** What the rates leave for a picture. */
size_t context_frame_bytes(const struct context *c);

/** The picture is coded, at a QP that does for all of it. */
void picture_done(struct surface *recon, struct buffer *coded, unsigned int qp);

/** Appends to a coded buffer. @return false: it is full */
bool coded_append(struct buffer *b, const void *data, size_t len);
/** The same of a NAL unit, which is given with its header. */
VAStatus coded_append_nal(struct buffer *b, const struct bits *nal);

#endif
