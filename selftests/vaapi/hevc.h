/* SPDX-License-Identifier: MIT */
/* The test driver's HEVC. */
#ifndef HVCALTEST_HEVC_H
#define HVCALTEST_HEVC_H

#include "bits.h"
#include "driver.h"

/** What of parameter sets and slice headers bears on slices. */
struct hevc_sps {
	bool valid;
	uint32_t profile, level, width, height, crop_right, crop_bottom, depth, log2_poc_lsb;
	uint32_t log2_min_cb, log2_ctb, log2_min_tb, log2_max_tb, depth_inter, depth_intra;
	bool amp, sao, temporal_mvp, strong_intra, pcm;
	uint32_t layers, kept, reordered;	/* pictures beside the one that is decoded */
	uint32_t pcm_depth, log2_min_pcm, log2_max_pcm;
};

struct hevc_pps {
	bool valid;
	bool sign_hiding, cabac_init, constrained_intra, transform_skip, qp_delta, across_slices;
	uint32_t refs_l0, refs_l1, qp_delta_depth;
	int32_t init_qp, cb_offset, cr_offset;
};

struct hevc_slice {
	uint32_t nal_type, layer, type, poc_lsb, kept, delta_poc, merge_candidates;
	uint32_t after, delta_after;	/* pictures to come that it refers to */
	bool temporal_mvp, sao_luma, sao_chroma, collocated_l0, mvd_l1_zero, cabac_init;
	int32_t qp_delta;
	/* in the NAL unit with its header, without emulation prevention */
	size_t qp_at, qp_end, end;
};

bool hevc_sps_read(struct hevc_sps *sps, const struct nal *nal);
bool hevc_pps_read(struct hevc_pps *pps, const struct nal *nal);
bool hevc_slice_read(struct hevc_slice *h, const struct nal *nal, const struct hevc_sps *sps,
		     const struct hevc_pps *pps);

struct hevc_job {
	struct context *c;
	const VAEncSequenceParameterBufferHEVC *seq;
	const VAEncPictureParameterBufferHEVC *pic;
	const VAEncSliceParameterBufferHEVC *slice;
	const struct hevc_sps *sps;
	const struct hevc_pps *pps;
	struct raw raw;
	uint32_t visible_width, visible_height;
	struct surface *recon, *reference;
	struct surface *future;	/* of B pictures between two */
	int qp;
	struct bits data;	/* slice data, from a whole byte on */
};

void hevc_vps_write(struct bits *b, const struct hevc_job *j);
void hevc_sps_write(struct bits *b, const struct hevc_job *j);
void hevc_pps_write(struct bits *b, const struct hevc_job *j);
void hevc_slice_write(struct bits *b, const struct hevc_job *j);

/** Codes slice data by libx265, at the QP of the job or, with a bit rate, another. */
VAStatus hevc_x265(struct hevc_job *j, void **state);
void hevc_x265_close(void *state);

/** Codes slice data without loss. */
VAStatus hevc_exact(struct hevc_job *j);

#endif
