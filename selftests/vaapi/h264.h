/* SPDX-License-Identifier: MIT */
/* The test driver's H.264. */
#ifndef HVCALTEST_H264_H
#define HVCALTEST_H264_H

#include "bits.h"
#include "driver.h"

/** What of parameter sets and slice headers bears on slices. */
struct h264_sps {
	bool valid;
	uint32_t profile, level, log2_frame_num, poc_type, log2_poc_lsb, refs;
	uint32_t width_mbs, height_mbs, crop_right, crop_bottom;
	bool delta_pic_order_always_zero;
};

struct h264_pps {
	bool valid;
	bool cabac, bottom_field_poc, weighted, deblock_control, constrained_intra, redundant;
	bool transform_8x8;
	uint32_t weighted_bi, refs_l0, refs_l1;
	int32_t init_qp, chroma_offset, chroma_offset2;
};

struct h264_slice {
	uint32_t nal_type, nal_ref_idc;
	uint32_t first_mb, type, frame_num, idr_pic_id, poc_lsb, cabac_init_idc, refs_l0, refs_l1;
	bool direct_spatial;
	int32_t qp_delta;
	uint32_t no_deblock;
	int32_t alpha, beta;
	/* in the NAL unit with its header, without emulation prevention */
	size_t qp_at, qp_end, end;
};

bool h264_sps_read(struct h264_sps *sps, const struct nal *nal);
bool h264_pps_read(struct h264_pps *pps, const struct nal *nal, const struct h264_sps *sps);
bool h264_slice_read(struct h264_slice *h, const struct nal *nal, const struct h264_sps *sps,
		     const struct h264_pps *pps);

/** A picture on its way. */
struct h264_job {
	struct context *c;
	const VAEncSequenceParameterBufferH264 *seq;
	const VAEncPictureParameterBufferH264 *pic;
	const VAEncSliceParameterBufferH264 *slice[SLICES_MAX];
	unsigned int nslices;
	struct raw raw;
	struct surface *recon, *reference;	/* reference: NULL in key frames */
	struct surface *future;			/* of B pictures */
	int qp;			/* of all slices */
	int used_qp;		/* what a coder with rate control took */
	struct bits data[SLICES_MAX];	/* slice data, without trailing bits */
	size_t skip[SLICES_MAX];	/* bits of data that are there for the alignment alone */
	int32_t slice_qp[SLICES_MAX];	/* that they begin with */
};

/** Codes slice data without loss. */
VAStatus h264_exact(struct h264_job *j);

/** Codes slice data by libx264. */
VAStatus h264_x264(struct h264_job *j, void **state);
void h264_x264_close(void *state);

#endif
