/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * HVCAL - parameters of codecs
 *
 * What clients and providers tell each other through hvcal.ko. The module
 * carries these structures as blobs and never reads them.
 */
#ifndef _UAPI_HVCAL_CODEC_H
#define _UAPI_HVCAL_CODEC_H

#include <linux/types.h>

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Rules of these structures
 *
 * Each begins with @size, the bytes that its writer knows. A reader takes what
 * it knows, treats what is missing as zero, and ignores what it does not know.
 * Zero always means "not said": the engine chooses.
 */

#define HVCAL_FOURCC(a, b, c, d) \
	((__u32)(a) | ((__u32)(b) << 8) | ((__u32)(c) << 16) | ((__u32)(d) << 24))

/* Codecs */
#define HVCAL_CODEC_H264	HVCAL_FOURCC('H', '2', '6', '4')
#define HVCAL_CODEC_HEVC	HVCAL_FOURCC('H', 'E', 'V', 'C')
#define HVCAL_CODEC_VP9		HVCAL_FOURCC('V', 'P', '9', '0')
#define HVCAL_CODEC_AV1		HVCAL_FOURCC('A', 'V', '0', '1')
#define HVCAL_CODEC_RAW		HVCAL_FOURCC('R', 'A', 'W', ' ')
#define HVCAL_CODEC_NULL	HVCAL_FOURCC('N', 'U', 'L', 'L') /* test engine */

/* Pixel formats: DRM fourccs, the usual ones by name */
#define HVCAL_FORMAT_I420	HVCAL_FOURCC('Y', 'U', '1', '2')
#define HVCAL_FORMAT_NV12	HVCAL_FOURCC('N', 'V', '1', '2')
#define HVCAL_FORMAT_P010	HVCAL_FOURCC('P', '0', '1', '0')
#define HVCAL_FORMAT_XRGB8888	HVCAL_FOURCC('X', 'R', '2', '4')

/* Profiles, as the codec's own standard numbers them (H.264 profile_idc ...) */
#define HVCAL_PROFILE_H264_BASELINE	66
#define HVCAL_PROFILE_H264_MAIN		77
#define HVCAL_PROFILE_H264_HIGH		100

enum hvcal_rc_mode {
	HVCAL_RC_DEFAULT = 0,	/* the engine's choice */
	HVCAL_RC_CQP = 1,	/* qp, or the QP of each frame's parameters */
	HVCAL_RC_CBR = 2,
	HVCAL_RC_VBR = 3,
	HVCAL_RC_ICQ = 4,	/* constant quality: quality */
};

enum hvcal_tune {
	HVCAL_TUNE_DEFAULT = 0,
	HVCAL_TUNE_LOW_LATENCY = 1,	/* no reordering, no look-ahead */
	HVCAL_TUNE_QUALITY = 2,		/* the engine may hold frames back */
	HVCAL_TUNE_LOSSLESS = 3,
};

/* enum hvcal_config_flags */
#define HVCAL_CONFIG_FULL_RANGE		(1U << 0)
#define HVCAL_CONFIG_MASTERING		(1U << 1) /* mastering_* are valid */
#define HVCAL_CONFIG_LIGHT_LEVEL	(1U << 2) /* max_cll, max_fall are valid */
#define HVCAL_CONFIG_INTRA_REFRESH	(1U << 3) /* instead of periodic key frames */
#define HVCAL_CONFIG_LAYERS		(1U << 4) /* temporal_layer and NO_REF of frames count */
#define HVCAL_CONFIG_MAPS		(1U << 5) /* frames may come with QP maps: have room */

/**
 * struct hvcal_codec_config - configuration of a session
 * @size: sizeof(struct hvcal_codec_config)
 * @flags: HVCAL_CONFIG_*
 * @codec: HVCAL_CODEC_*
 * @profile: HVCAL_PROFILE_*, 0 the engine's choice
 * @level: as the standard codes it (H.264 level_idc), 0 automatic
 * @format: HVCAL_FORMAT_* of the source frames
 * @width: pixels
 * @height: pixels
 * @fps_num: frame rate, numerator
 * @fps_den: frame rate, denominator
 * @bit_depth: of the coded stream
 * @chroma: 420, 422 or 444; 0 is 420
 * @rc_mode: enum hvcal_rc_mode
 * @tune: enum hvcal_tune
 * @preset: 0 fastest .. 9 slowest
 * @gop: frames from one key frame to the next, 0 only on demand
 * @bitrate: bits per second
 * @max_bitrate: bits per second, 0 same as @bitrate
 * @vbv_ms: size of the coded picture buffer in ms of @max_bitrate
 * @bframes: consecutive, 0 none
 * @qp: constant QP on the codec's own scale, 0 the engine's choice
 * @qp_min: on the codec's own scale, 0 the codec's lowest
 * @qp_max: on the codec's own scale, 0 the codec's highest
 * @quality: ICQ, 1 best .. 51 worst
 * @threads: CPU threads a software engine may use, 0 its own choice
 * @slices: per frame, 0 the engine's choice
 * @sar_num: sample aspect ratio, numerator, 0 unknown
 * @sar_den: sample aspect ratio, denominator
 * @primaries: colour primaries (ITU-T H.273), 0 and 2 unspecified
 * @transfer: transfer characteristics (H.273)
 * @matrix: matrix coefficients (H.273)
 * @mastering_x: chromaticity x of G, B, R, white, units of 0.00002
 * @mastering_y: chromaticity y of G, B, R, white, units of 0.00002
 * @mastering_max: luminance, 0.0001 cd/m2
 * @mastering_min: luminance, 0.0001 cd/m2
 * @max_cll: maximum content light level, cd/m2
 * @max_fall: maximum frame-average light level, cd/m2
 */
struct hvcal_codec_config {
	__u32 size;
	__u32 flags;
	__u32 codec;
	__u32 profile;
	__u32 level;
	__u32 format;
	__u32 width;
	__u32 height;
	__u32 fps_num;
	__u32 fps_den;
	__u32 bit_depth;
	__u32 chroma;
	__u32 rc_mode;
	__u32 tune;
	__u32 preset;
	__u32 gop;
	__u64 bitrate;
	__u64 max_bitrate;
	__u32 vbv_ms;
	__u32 bframes;
	__u32 qp;
	__u32 qp_min;
	__u32 qp_max;
	__u32 quality;
	__u32 threads;
	__u32 slices;
	__u32 sar_num;
	__u32 sar_den;
	__u32 primaries;
	__u32 transfer;
	__u32 matrix;
	__u16 mastering_x[4];
	__u16 mastering_y[4];
	__u32 mastering_max;
	__u32 mastering_min;
	__u16 max_cll;
	__u16 max_fall;
};

/* enum hvcal_frame_flags */
#define HVCAL_FRAME_FORCE_KEY		(1U << 0)
#define HVCAL_FRAME_QP			(1U << 1) /* qp_q8 counts */
#define HVCAL_FRAME_NO_REF		(1U << 2) /* none refers to it (HVCAL_CONFIG_LAYERS) */
#define HVCAL_FRAME_LOST		(1U << 3) /* lost_pts counts: HVCAL_CAP_RECOVER */

/**
 * struct hvcal_frame_params - parameters of one frame
 * @size: sizeof(struct hvcal_frame_params)
 * @flags: HVCAL_FRAME_*
 * @pts: presentation time in ticks of the frame rate, or any increasing number
 * @qp_q8: QP on the codec's own scale, times 256
 * @max_bytes: ceiling for this frame, 0 none
 * @target_bytes: wish for this frame, 0 none
 * @temporal_layer: 0 base; others are the upper one, nothing refers to its frames
 *                  (HVCAL_CONFIG_LAYERS)
 * @width: coded size if not that of the session, else 0
 * @height: coded size if not that of the session, else 0
 * @map_block: pixels of a block side of the QP map in the job's side data, 0 no
 *             map; one signed byte of QP offset a block, row by row
 * @map_stride: bytes
 * @stream: of a source with HVCAL_LAYOUT_DEVICE: handle of the CUDA stream on which
 *          it becomes complete, 0 if it is
 * @lost_pts: of the first frame that the receiver lacks: from this frame on the
 *            stream does without it, and without what came after it
 */
struct hvcal_frame_params {
	__u32 size;
	__u32 flags;
	__s64 pts;
	__s32 qp_q8;
	__u32 max_bytes;
	__u32 target_bytes;
	__u32 temporal_layer;
	__u32 width;
	__u32 height;
	__u32 map_block;
	__u32 map_stride;
	__u64 stream;
	__s64 lost_pts;
};

/* What an engine did for a receiver that lacks frames. */
enum hvcal_recovery {
	HVCAL_RECOVERY_NONE = 0,
	HVCAL_RECOVERY_REFS = 1,	/* this frame and later ones refer to older ones */
	HVCAL_RECOVERY_REFRESH = 2,	/* a cycle of intra refresh begins with it */
	HVCAL_RECOVERY_KEY = 3,		/* it is a key frame */
};

/*
 * enum hvcal_dropped - what an engine does without, in hvcal_frame_result.dropped
 *
 * An engine that cannot do a configuration (-EINVAL, -EOPNOTSUPP) is tried once
 * more with its safe set: the same without these wishes. What a decoder or the
 * network relies on stays: codec, profile, level, size, depth, colour, rate.
 */
#define HVCAL_DROPPED_BFRAMES		(1U << 0) /* bframes: none */
#define HVCAL_DROPPED_TUNE		(1U << 1) /* QUALITY: LOW_LATENCY, no look-ahead */
#define HVCAL_DROPPED_PRESET		(1U << 2) /* one slower than medium: medium */
#define HVCAL_DROPPED_SLICES		(1U << 3) /* slices: the engine's choice */
#define HVCAL_DROPPED_INTRA_REFRESH	(1U << 4) /* periodic key frames instead */
#define HVCAL_DROPPED_QP_RANGE		(1U << 5) /* qp_min, qp_max: the codec's own */

enum hvcal_frame_type {
	HVCAL_FRAME_TYPE_UNKNOWN = 0,
	HVCAL_FRAME_TYPE_KEY = 1,	/* IDR or its like */
	HVCAL_FRAME_TYPE_I = 2,
	HVCAL_FRAME_TYPE_P = 3,
	HVCAL_FRAME_TYPE_B = 4,
};

/**
 * struct hvcal_frame_result - what an engine tells of one frame
 * @size: sizeof(struct hvcal_frame_result)
 * @frame_type: enum hvcal_frame_type
 * @pts: of the frame that is in the packet, as given
 * @dts: decoding time in the units of @pts
 * @qp_q8: average QP on the codec's own scale, times 256
 * @temporal_layer: as coded: 0 base, 1 may be lost
 * @applied_bitrate: bits per second that the engine is set to, 0 unknown
 * @satd: sum of transformed differences as the engine defines it, 0 unknown
 * @copied_bytes: bytes of the source that the provider itself copied on the
 *                CPU to hand the frame to its engine; 0 is zero copy
 * @dropped: HVCAL_DROPPED_*, 0: the session is coded as it was configured
 * @recovery: enum hvcal_recovery, the answer to HVCAL_FRAME_LOST
 */
struct hvcal_frame_result {
	__u32 size;
	__u32 frame_type;
	__s64 pts;
	__s64 dts;
	__s32 qp_q8;
	__u32 temporal_layer;
	__u64 applied_bitrate;
	__u64 satd;
	__u64 copied_bytes;
	__u32 dropped;
	__u32 recovery;
};

/* enum hvcal_layout_flags */
/*
 * CUDA memory of the process of the engine. Counts with HVCAL_BUFFER_PRIVATE alone:
 * an address that came from another process means nothing.
 */
#define HVCAL_LAYOUT_DEVICE		(1U << 0)

/**
 * struct hvcal_frame_layout - where the planes of a frame lie
 * @size: sizeof(struct hvcal_frame_layout)
 * @format: HVCAL_FORMAT_* or any DRM fourcc
 * @width: pixels, visible
 * @height: pixels, visible
 * @modifier: DRM format modifier, 0 linear
 * @planes: 1..4
 * @flags: HVCAL_LAYOUT_*
 * @fd_index: which of the buffer's DMA-BUFs
 * @offset: bytes into that DMA-BUF, or from @device_ptr
 * @stride: bytes from one row to the next
 * @device_ptr: HVCAL_LAYOUT_DEVICE: the address that the picture begins at
 * @device_size: HVCAL_LAYOUT_DEVICE: bytes from there on
 */
struct hvcal_frame_layout {
	__u32 size;
	__u32 format;
	__u32 width;
	__u32 height;
	__u64 modifier;
	__u32 planes;
	__u32 flags;
	__u32 fd_index[4];
	__u64 offset[4];
	__u32 stride[4];
	__u64 device_ptr;
	__u64 device_size;
};

enum hvcal_meta_type {
	HVCAL_META_T35 = 1,	/* ITU-T T.35 payload from its country code on */
};

/**
 * struct hvcal_frame_meta - one piece of metadata of a frame
 * @type: enum hvcal_meta_type
 * @len: bytes of payload that follow, without the padding to a multiple of 8
 *
 * Readers skip types that they do not know.
 */
struct hvcal_frame_meta {
	__u32 type;
	__u32 len;
};

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_HVCAL_CODEC_H */
