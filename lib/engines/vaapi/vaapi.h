/* SPDX-License-Identifier: MIT */
/* The VA-API engine: what its files know of each other. */
#ifndef HVCAL_ENGINES_VAAPI_H
#define HVCAL_ENGINES_VAAPI_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <va/va.h>

#include <hvcal/engine.h>

#define VAAPI_POINTS 12
#define VAAPI_QP_MAX 51		/* of H.264 and HEVC */
#define VAAPI_QP_DEFAULT 26	/* also what parameter sets name: frames give differences */
#define VAAPI_BUFFERS 128	/* of one picture: parameters, headers, slices */
#define VAAPI_SLICES 32
#define VAAPI_NO_SLOT 2
#define VAAPI_RECON 3		/* by slot: reference, the next one, a picture without followers */
#define VAAPI_BFRAMES_MAX 7	/* in a row */

/** A profile of VA-API, in the numbers of its standard. */
struct vaapi_profile {
	VAProfile va;
	uint32_t codec;
	uint32_t idc;		/**< profile_idc, general_profile_idc, profile, seq_profile */
	uint32_t depth;
};

/** A profile that the driver encodes, by the entrypoint that was chosen for it. */
struct vaapi_point {
	const struct vaapi_profile *profile;
	VAEntrypoint entrypoint;
	uint32_t rc;			/**< VA_RC_* */
	uint32_t packed;		/**< VA_ENC_PACKED_HEADER_* that it takes */
	uint32_t max_width, max_height;
	uint32_t max_slices;
	uint32_t quality_levels;	/**< 1: there is no choice */
	uint32_t rois;			/**< rectangles of QP offsets, 0 none */
	uint32_t segment_block;		/**< pixels of a block in maps of segments, 0 none */
	bool roi_with_rate;		/**< also where the driver controls the rate */
	bool max_frame_size;
	uint32_t intra_refresh;		/**< VA_ENC_INTRA_REFRESH_* */
	bool only_b;			/**< codes no P slices: B slices of one reference */
	bool bframes;			/**< B pictures between two references */
	VAConfigAttribValEncAV1Ext2 av1;
	bool hevc_known;		/**< the driver tells of the next two */
	VAConfigAttribValEncHEVCFeatures hevc_features;
	VAConfigAttribValEncHEVCBlockSizes hevc_sizes;
};

/** What is known of fences in sources. */
enum vaapi_fences { VAAPI_FENCES_UNKNOWN, VAAPI_FENCES_GOOD, VAAPI_FENCES_NONE };

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	int fd;				/**< the DRM node */
	VADisplay display;
	unsigned long timeout_ms;	/**< for one picture */
	unsigned long slots, cost;
	int low_power;			/**< 0 never, 1 always, -1 the better one */
	bool import;			/**< sources are used where they lie */
	bool lossless;			/**< offered, though drivers do not tell whether they can */
	atomic_int fences;		/**< enum vaapi_fences */
	pthread_mutex_t lock;		/**< of what sources have in priv */
	char node[64];
	struct vaapi_point points[VAAPI_POINTS];
	unsigned int npoints;
};

/** A buffer of constant rate: see hrd.h. */
struct vaapi_hrd {
	bool there;
	uint32_t rate_scale, rate_value;	/**< value << (6 + scale) bits a second */
	uint32_t size_scale, size_value;	/**< value << (4 + scale) bits */
	uint32_t delay, offset;			/**< 1/90000 s */
};

/** A picture that others refer to. */
struct vaapi_reference {
	VASurfaceID surface;
	uint32_t number;		/**< frames since the key frame, as they are shown */
	uint32_t frame_num;		/**< references since the key frame */
	uint32_t slot;			/**< of the decoder: 0 or 1 */
};

/** QP offsets of VP9 and AV1. */
struct vaapi_segments {
	uint32_t count;			/**< 0: none */
	int16_t delta[8];
	uint8_t *map;			/**< one byte a block, row by row */
	uint32_t cols, rows;
};

/** What the codec files need to know of the picture that is to be coded. */
struct vaapi_picture {
	bool key, reference;
	bool b;				/**< between two references */
	uint32_t layer;			/**< temporal one, 0 or 1 */
	int qp;				/**< -1: the driver decides */
	const struct vaapi_segments *segments;
	VASurfaceID recon;
	uint32_t number, frame_num;
	uint32_t slot;			/**< VAAPI_NO_SLOT without followers */
	struct vaapi_reference past;	/**< not of a key frame */
	struct vaapi_reference future;	/**< of B pictures */
	uint32_t key_count;		/**< key frames so far */
	uint32_t coded;			/**< pictures since the last key frame, as they are coded */
};

struct vaapi_codec;

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	const struct vaapi_point *point;
	const struct vaapi_codec *codec;
	uint32_t width, height;		/**< as coded, whole blocks */
	uint32_t level;
	uint32_t slices;
	uint32_t depth;			/**< bits of a sample */
	uint32_t bframes;		/**< 0: no picture is ever held */

	/* of the driver */
	VAConfigID va_config;
	VAContextID context;
	VASurfaceID recon[VAAPI_RECON];
	VASurfaceID upload;		/**< for sources that cannot be imported */
	VABufferID coded;
	uint32_t rc;			/**< VA_RC_* of the context */
	bool client_control;		/**< it gives the QPs, though there is a bit rate */
	bool send_rates;		/**< with the next picture */
	bool want_key;
	bool lost;			/**< the context must be made anew */
	unsigned int hung;		/**< contexts left behind in a driver that hangs */

	/* of the coded sequence */
	uint32_t since_key;
	uint32_t key_count;
	uint32_t coded_since_key;
	struct vaapi_hrd hrd;
	bool rates_change;		/**< they did: nothing more is said of a buffer */
	bool next_waits;		/**< for a key frame, behind what is held */
	struct hvcal_codec_config next;
	uint32_t frame_num;
	int reference;			/**< index of the last one of references, -1 none */
	struct vaapi_reference references[2];

	/* of reordering */
	struct hvcal_engine_job *held[VAAPI_BFRAMES_MAX + 1];
	unsigned int nheld;
	int64_t pts[VAAPI_BFRAMES_MAX + 2]; /**< of the last frames, as they came */
	uint64_t came, left;		/**< frames */

	/* of the picture that is being put together */
	VABufferID buffers[VAAPI_BUFFERS];
	unsigned int nbuffers;
	int error;			/**< the first one of adding buffers */
};

/** What depends on the codec. */
struct vaapi_codec {
	uint32_t codec;
	uint32_t block;			/**< coded sizes are multiples of it */
	uint32_t max_slices;
	/** Chooses the level. @return 0; -EINVAL: no level allows this */
	int (*prepare)(struct hvcal_engine_stream *s);
	/** Adds what comes before the miscellaneous parameters, at key frames. */
	void (*sequence)(struct hvcal_engine_stream *s);
	/** Adds the picture with its packed headers, metadata and slices. */
	void (*picture)(struct hvcal_engine_stream *s, const struct vaapi_picture *p,
			const uint8_t *metadata, size_t metadata_len);
	/**
	 * The metadata of a picture as they stand in the stream, in memory of malloc();
	 * NULL: the codec has no place for any.
	 */
	int (*metadata)(const struct hvcal_engine_stream *s, const struct vaapi_picture *p,
			const struct hvcal_engine_job *job, uint8_t **data, size_t *len);
	/** Bytes of a packet that come before the metadata. */
	size_t (*metadata_place)(const uint8_t *packet, size_t len);
	const uint8_t *delimiter;	/**< that packets begin with, if drivers write it or not */
	size_t delimiter_len;
	bool metadata_raw;		/**< drivers take them as a raw packed header */
	uint32_t qp_max, qp_default;
	bool lossless;			/**< QP 0 is lossless, and only for who asked for that */
	bool rois;			/**< has rectangles of QP offsets */
	bool segments;			/**< has segments instead */
	bool intra_refresh;		/**< drivers count its columns in blocks */
	bool bframes;
	bool hrd;			/**< describes the buffer of a constant rate */
};

extern const struct vaapi_codec vaapi_h264, vaapi_hevc, vaapi_vp9, vaapi_av1;

/** NULL: the engine does not know it. */
const struct vaapi_codec *vaapi_codec_find(uint32_t codec);

/* ---- status.c ---- */

/** Negative errno for what the driver says; 0 for success. */
int vaapi_errno(VAStatus status);

/** The same in words. */
const char *vaapi_reason(VAStatus status);

/** Logs a failed call of the driver. @return its errno */
int vaapi_failed(struct hvcal_engine_ctx *ctx, const char *what, VAStatus status);

void vaapi_log(struct hvcal_engine_ctx *ctx, int level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- display.c ---- */

/** Opens the node and the driver. @return 0; negative errno with @reason */
int vaapi_display_open(struct hvcal_engine_ctx *ctx, const char *path, char *reason, size_t len);
void vaapi_display_close(struct hvcal_engine_ctx *ctx);

/** Path of render node number @index. @return 0; -ENOENT: there is none */
int vaapi_display_find(unsigned int index, char *path, size_t len);

/** PCI address and NUMA node of the device, if it has them. */
void vaapi_display_place(struct hvcal_engine_ctx *ctx, struct hvcal_engine_desc *desc);

/** Finds out what can be encoded. @return 0; negative errno with @reason */
int vaapi_points_find(struct hvcal_engine_ctx *ctx, char *reason, size_t len);

/* ---- stream.c ---- */

/** Leaves the context of a stream for a new one. @return 0; negative errno */
int vaapi_stream_renew(struct hvcal_engine_stream *s);

/* ---- source.c ---- */

/** Does the frame fit the stream, and the planes their buffers? @return 0; -EINVAL */
int vaapi_source_check(const struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b);

/**
 * The surface of a source: the buffer itself where the driver can read it, else a
 * copy in the stream's own.
 *
 * @param copied bytes that the CPU has copied
 * @return 0; negative errno
 */
int vaapi_source_surface(struct hvcal_engine_stream *s, struct hvcal_engine_buffer *b,
			 VASurfaceID *surface, uint64_t *copied);

/** The driver hangs on this source: never give the surface back to it. */
void vaapi_source_hangs(struct hvcal_engine_buffer *b);

/** forget() of the plug-in. */
void vaapi_source_forget(struct hvcal_engine_ctx *ctx, struct hvcal_engine_buffer *b);

/** New surfaces of a stream's format. @return 0; negative errno */
int vaapi_surfaces_new(struct hvcal_engine_stream *s, uint32_t width, uint32_t height,
		       VASurfaceID *surfaces, unsigned int count);

/* ---- fence.c ---- */

/** Before a picture is submitted: may what appears in its source be the driver's fence? */
bool vaapi_fence_possible(struct hvcal_engine_ctx *ctx, const struct hvcal_engine_buffer *b);

/**
 * After it was submitted, if it was possible: the fence.
 *
 * @return a sync_file, which is to be closed; -1: there is none that can be relied upon
 */
int vaapi_fence_take(struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *b,
		     VASurfaceID source);

/* ---- frame.c ---- */

/** Must the picture of @job be a key frame, if @held ones are to be coded before it? */
bool vaapi_frame_is_key(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
			uint32_t held);

/**
 * Codes the picture that is shown as number @number since the key frame.
 *
 * @return 0: done() was called; negative errno: the job is the caller's
 */
int vaapi_frame_code(struct hvcal_engine_stream *s, struct hvcal_engine_job *job,
		     uint32_t number, bool b);

/* ---- order.c ---- */

int vaapi_order_encode(struct hvcal_engine_stream *s, struct hvcal_engine_job *job);
int vaapi_order_flush(struct hvcal_engine_stream *s);
/** Ends what is held with -ECANCELED. */
void vaapi_order_cancel(struct hvcal_engine_stream *s);
/** Decoding time of the frame that leaves next. */
int64_t vaapi_order_dts(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job);

/* ---- buffers of a picture: picture.c ---- */

void vaapi_buffer_add(struct hvcal_engine_stream *s, VABufferType type, const void *data,
		      size_t size);
/** A packed header of @bits bits; @escaped: emulation prevention bytes are included. */
void vaapi_packed_add(struct hvcal_engine_stream *s, uint32_t type, const uint8_t *data,
		      uint32_t bits, bool escaped);
/** Makes a NAL unit of the bits of a header, and adds it. */
struct vaapi_bits;
void vaapi_header_add(struct hvcal_engine_stream *s, uint32_t type, uint32_t nal,
		      uint32_t nal_len, const struct vaapi_bits *b);
void vaapi_misc_add(struct hvcal_engine_stream *s, VAEncMiscParameterType type, const void *data,
		    size_t size);
void vaapi_buffers_free(struct hvcal_engine_stream *s);
/** First row of blocks of slice @n. */
uint32_t vaapi_slice_row(const struct hvcal_engine_stream *s, uint32_t n);

/* ---- rate.c ---- */

/** VA_RC_* for a configuration, 0: none that the driver has. */
uint32_t vaapi_rate_mode(const struct vaapi_point *point, const struct hvcal_codec_config *config,
			 bool client_control);
/** Bits of the buffer at a bit rate, and how many are in it at first. */
uint32_t vaapi_rate_buffer(const struct hvcal_codec_config *c, uint64_t bitrate);
uint32_t vaapi_rate_fullness(uint32_t buffer);
/** Adds bit rate, buffer, frame rate and quality level. */
void vaapi_rate_add(struct hvcal_engine_stream *s);
void vaapi_max_size_add(struct hvcal_engine_stream *s, uint32_t bytes);
/** Adds the columns that are intra in picture @number since the key frame. */
void vaapi_refresh_add(struct hvcal_engine_stream *s, uint32_t number);

/** Rectangles of equal QP offsets. */
struct vaapi_rois {
	VAEncROI *list;
	uint32_t count;
};

/**
 * Turns the QP map of a job into as many rectangles as the driver takes; where the
 * map has more, neighbouring blocks are averaged.
 *
 * @return 0; -EINVAL: the map does not lie in its buffer; -ENOMEM
 */
int vaapi_rois_make(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
		    struct vaapi_rois *rois);
/**
 * Turns the QP map of a job into segments, for a picture of this QP.
 *
 * @param out its map is to be freed
 * @return 0; -EINVAL: the map does not lie in its buffer; -ENOMEM
 */
int vaapi_segments_make(const struct hvcal_engine_stream *s, const struct hvcal_engine_job *job,
			int qp, struct vaapi_segments *out);

/** Adds the rectangles, which must live until the picture is submitted. */
void vaapi_rois_add(struct hvcal_engine_stream *s, const struct vaapi_rois *rois);

#endif
