// SPDX-License-Identifier: MIT
/* VP9: parameters for the driver, and the uncompressed header for those that take it. */
#include <errno.h>

#include "vp9.h"

#define BLOCK 64
#define QINDEX_MAX 255
#define QINDEX_DEFAULT 100
#define REF_LAST 1	/* of ref_frame_ctrl_l0 */
#define SLOTS 8

static int prepare(struct hvcal_engine_stream *s)
{
	/* streams have no place for a level */
	s->level = s->config.level;
	return 0;
}

static void sequence(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	const VAEncSequenceParameterBufferVP9 seq = {
		.max_frame_width = c->width,
		.max_frame_height = c->height,
		.bits_per_second = s->rc == VA_RC_CQP ? 0 : (uint32_t)c->bitrate,
		.intra_period = c->gop,
	};

	vaapi_buffer_add(s, VAEncSequenceParameterBufferType, &seq, sizeof(seq));
}

/* As libvpx guesses it from the quantiser's step, without its table of steps. */
static uint8_t filter_level(uint32_t qindex)
{
	uint32_t level = qindex < 100 ? 4 + qindex / 12 :
			 12 + (qindex - 100) * (qindex - 100) / 360;

	/* what is lossless must not be filtered */
	return !qindex ? 0 : level > 63 ? 63 : (uint8_t)level;
}

static uint8_t log2_tile_columns(uint32_t width)
{
	uint8_t n = 0;

	while ((uint64_t)VP9_TILE_WIDTH_MAX << n < width)
		n++;
	return n;
}

static void picture(struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const uint8_t *metadata, size_t metadata_len)
{
	const struct hvcal_codec_config *c = &s->config;
	uint32_t qindex = p->qp < 0 ? QINDEX_DEFAULT : (uint32_t)p->qp;
	VAEncMiscParameterTypeVP9PerSegmantParam segments = { 0 };
	VAEncPictureParameterBufferVP9 pic = {
		.frame_width_src = c->width,
		.frame_height_src = c->height,
		.frame_width_dst = c->width,
		.frame_height_dst = c->height,
		.reconstructed_frame = p->recon,
		.coded_buf = s->coded,
		.ref_flags.bits = {
			.force_kf = p->key,
			.ref_frame_ctrl_l0 = p->key ? 0 : REF_LAST,
			.ref_last_idx = p->past.slot,
			.ref_gf_idx = p->past.slot,
			.ref_arf_idx = p->past.slot,
		},
		.pic_flags.bits = {
			.frame_type = !p->key,
			.show_frame = 1,
			.allow_high_precision_mv = !p->key,
			.lossless_mode = !qindex,
			.segmentation_enabled = p->segments->count > 0,
			.segmentation_update_map = p->segments->count > 0,
		},
		.refresh_frame_flags = p->key ? 0xff : p->reference ? (uint8_t)(1U << p->slot) : 0,
		.luma_ac_qindex = (uint8_t)qindex,
		.filter_level = filter_level(qindex),
		.log2_tile_columns = log2_tile_columns(c->width),
	};
	struct vaapi_bits b = { 0 };

	(void)metadata;
	(void)metadata_len;
	for (uint32_t i = 0; i < SLOTS; i++)
		pic.reference_frames[i] = !p->key && i == p->past.slot ? p->past.surface :
					  VA_INVALID_SURFACE;
	if (s->point->packed & VA_ENC_PACKED_HEADER_RAW_DATA) {
		vaapi_vp9_header_write(&b, s, p->segments, &pic);
		vaapi_bits_pad(&b);
	}
	vaapi_buffer_add(s, VAEncPictureParameterBufferType, &pic, sizeof(pic));
	for (uint32_t i = 0; i < p->segments->count; i++)
		segments.seg_data[i].segment_qindex_delta = p->segments->delta[i];
	vaapi_buffer_add(s, VAQMatrixBufferType, &segments, sizeof(segments));
	if (p->segments->count)
		vaapi_buffer_add(s, VAEncMacroblockMapBufferType, p->segments->map,
				 (size_t)p->segments->cols * p->segments->rows);
	if (b.count)
		vaapi_packed_add(s, VAEncPackedHeaderRawData, b.data, b.count, false);
}

const struct vaapi_codec vaapi_vp9 = {
	.codec = HVCAL_CODEC_VP9,
	.block = BLOCK,
	.max_slices = 1,
	.prepare = prepare,
	.sequence = sequence,
	.picture = picture,
	.qp_max = QINDEX_MAX,
	.qp_default = QINDEX_DEFAULT,
	.lossless = true,
	.segments = true,
};
