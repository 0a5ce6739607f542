// SPDX-License-Identifier: MIT
/* AV1: parameters for the driver, and the same as packed headers. */
#include <errno.h>

#include "av1.h"

#define LEVEL_MAX 31		/* also what exceeds all levels has */
#define QINDEX_MAX 255
#define QINDEX_DEFAULT 128
#define REF_LAST 1
#define NO_PRIMARY 7
#define FRAME_INTER 1

/* Annex A of the standard: main tier; bit rates in 1000 bit/s. */
static const struct {
	uint32_t level, samples, width, height, samples_per_s, kbits;
} levels[] = {
	{ 0, 147456, 2048, 1152, 4423680, 1500 },
	{ 1, 278784, 2816, 1584, 8363520, 3000 },
	{ 4, 665856, 4352, 2448, 19975680, 6000 },
	{ 5, 1065024, 5504, 3096, 31950720, 10000 },
	{ 8, 2359296, 6144, 3456, 70778880, 12000 },
	{ 9, 2359296, 6144, 3456, 141557760, 20000 },
	{ 12, 8912896, 8192, 4352, 267386880, 30000 },
	{ 13, 8912896, 8192, 4352, 534773760, 40000 },
	{ 14, 8912896, 8192, 4352, 1069547520, 60000 },
	{ 16, 35651584, 16384, 8704, 1069547520, 60000 },
	{ 17, 35651584, 16384, 8704, 2139095040, 100000 },
	{ 18, 35651584, 16384, 8704, 4278190080, 160000 },
};

static int prepare(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint64_t samples = (uint64_t)c->width * c->height;
	uint64_t per_s = (samples * c->fps_num + c->fps_den - 1) / c->fps_den;
	uint64_t rate = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	size_t i = 0, count = sizeof(levels) / sizeof(levels[0]);

	if (c->level) {
		s->level = c->level;
		return c->level > LEVEL_MAX ? -EINVAL : 0;
	}
	while (i < count && (levels[i].samples < samples || levels[i].width < c->width ||
			     levels[i].height < c->height || levels[i].samples_per_s < per_s ||
			     levels[i].kbits * 1000ULL < rate))
		i++;
	s->level = i < count ? levels[i].level : LEVEL_MAX;
	return 0;
}

static void sequence(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	const VAEncSequenceParameterBufferAV1 seq = {
		.seq_profile = (uint8_t)s->point->profile->idc,
		.seq_level_idx = (uint8_t)s->level,
		.intra_period = c->gop,
		.ip_period = 1,
		.bits_per_second = vaapi_av1_brc(s) ? (uint32_t)c->bitrate : 0,
		.seq_fields.bits = {
			.enable_order_hint = 1,
			.enable_cdef = vaapi_av1_brc(s),
			.bit_depth_minus8 = s->depth - 8,
			.subsampling_x = 1,
			.subsampling_y = 1,
		},
		.order_hint_bits_minus_1 = AV1_ORDER_HINT_BITS - 1,
	};

	vaapi_buffer_add(s, VAEncSequenceParameterBufferType, &seq, sizeof(seq));
}

/* As libaom guesses it from the quantiser's step, without its table of steps. */
static uint8_t filter_level(uint32_t qindex)
{
	uint32_t level = qindex < 100 ? 2 + qindex / 33 :
			 5 + (qindex - 100) * (qindex - 100) / 900;

	return qindex ? (uint8_t)level : 0;
}

static void tiles_fill(const struct hvcal_engine_stream *s, VAEncPictureParameterBufferAV1 *pic)
{
	struct av1_tiles t = vaapi_av1_tiles(s->config.width, s->config.height);

	pic->tile_cols = (uint8_t)t.cols;
	pic->tile_rows = (uint8_t)t.rows;
	for (uint32_t i = 0; i < t.cols && i < 63; i++)
		pic->width_in_sbs_minus_1[i] =
			(uint16_t)((i + 1 < t.cols ? t.width : t.all_cols - i * t.width) - 1);
	for (uint32_t i = 0; i < t.rows && i < 63; i++)
		pic->height_in_sbs_minus_1[i] =
			(uint16_t)((i + 1 < t.rows ? t.height : t.all_rows - i * t.height) - 1);
}

static void segments_fill(const struct hvcal_engine_stream *s,
			  const struct vaapi_segments *segments,
			  VAEncPictureParameterBufferAV1 *pic)
{
	/* its code for blocks of 16, 32, 64 and 8 pixels */
	uint32_t block = s->point->segment_block;

	if (!segments->count)
		return;
	pic->seg_id_block_size = block == 8 ? 3 : block == 64 ? 2 : block == 32;
	pic->segments.seg_flags.bits.segmentation_enabled = 1;
	pic->segments.seg_flags.bits.segmentation_update_map = 1;
	pic->segments.segment_number = (uint8_t)segments->count;
	for (uint32_t i = 0; i < segments->count; i++) {
		pic->segments.feature_mask[i] = 1;	/* SEG_LVL_ALT_Q */
		pic->segments.feature_data[i][0] = segments->delta[i];
	}
}

static void picture_fill(const struct hvcal_engine_stream *s, const struct vaapi_picture *p,
			 VAEncPictureParameterBufferAV1 *pic)
{
	const struct hvcal_codec_config *c = &s->config;
	uint32_t qindex = p->qp < 0 ? QINDEX_DEFAULT : (uint32_t)p->qp;
	uint8_t filter = filter_level(qindex);

	*pic = (VAEncPictureParameterBufferAV1){
		.frame_width_minus_1 = (uint16_t)(c->width - 1),
		.frame_height_minus_1 = (uint16_t)(c->height - 1),
		.reconstructed_frame = p->recon,
		.coded_buf = s->coded,
		/* all references are one picture: as an index of theirs, it is the same */
		.primary_ref_frame = p->key ? NO_PRIMARY : (uint8_t)p->past.slot,
		.order_hint = (uint8_t)p->number,
		.refresh_frame_flags = p->key ? 0xff : p->reference ? (uint8_t)(1U << p->slot) : 0,
		.ref_frame_ctrl_l0.fields.search_idx0 = p->key ? 0 : REF_LAST,
		.picture_flags.bits = {
			.frame_type = p->key ? 0 : FRAME_INTER,
			.error_resilient_mode = p->key,
			.disable_frame_recon = !p->reference,
		},
		.filter_level = { filter, filter },
		.filter_level_u = filter,
		.filter_level_v = filter,
		.base_qindex = (uint8_t)qindex,
		.mode_control_flags.bits.tx_mode =
			!qindex ? 0 : s->point->av1.bits.tx_mode_support & 1U << AV1_TX_SELECT ?
			AV1_TX_SELECT : AV1_TX_LARGEST,
		.tile_group_obu_hdr_info.bits.obu_has_size_field = 1,
	};
	for (uint32_t i = 0; i < AV1_SLOTS; i++)
		pic->reference_frames[i] = !p->key && i == p->past.slot ? p->past.surface :
					   VA_INVALID_SURFACE;
	for (uint32_t i = 0; i < AV1_REFS; i++)
		pic->ref_frame_idx[i] = (uint8_t)p->past.slot;
	if (vaapi_av1_brc(s)) {
		pic->min_base_qindex = c->qp_min ? (uint8_t)c->qp_min : 1;
		pic->max_base_qindex = c->qp_max ? (uint8_t)c->qp_max : QINDEX_MAX;
	}
	tiles_fill(s, pic);
	segments_fill(s, p->segments, pic);
}

/* What stands before the frame header in the stream counts in its place. */
static void picture(struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const uint8_t *metadata, size_t metadata_len)
{
	struct vaapi_bits sequence_obu = { 0 }, frame_obu = { 0 };
	VAEncPictureParameterBufferAV1 pic;
	VAEncTileGroupBufferAV1 tiles = { 0 };
	VAEncSegMapBufferAV1 map = {
		.segmentMapDataSize = p->segments->cols * p->segments->rows,
		.pSegmentMap = p->segments->map,
	};

	(void)metadata;
	(void)metadata_len;
	picture_fill(s, p, &pic);
	tiles.tg_end = (uint8_t)(pic.tile_cols * pic.tile_rows - 1);
	if (p->key && s->point->packed & VA_ENC_PACKED_HEADER_SEQUENCE)
		vaapi_av1_sequence_write(&sequence_obu, s);
	if (s->point->packed & VA_ENC_PACKED_HEADER_PICTURE) {
		vaapi_av1_frame_write(&frame_obu, s, &pic);
		if (vaapi_av1_brc(s))
			pic.byte_offset_frame_hdr_obu_size = sequence_obu.count / 8 + 1;
	}
	vaapi_buffer_add(s, VAEncPictureParameterBufferType, &pic, sizeof(pic));
	if (map.pSegmentMap)
		vaapi_buffer_add(s, VAEncMacroblockMapBufferType, &map, sizeof(map));
	if (sequence_obu.count)
		vaapi_packed_add(s, VAEncPackedHeaderAV1_SPS, sequence_obu.data, sequence_obu.count,
				 false);
	if (frame_obu.count)
		vaapi_packed_add(s, VAEncPackedHeaderAV1_PPS, frame_obu.data, frame_obu.count, false);
	vaapi_buffer_add(s, VAEncSliceParameterBufferType, &tiles, sizeof(tiles));
}

static int metadata(const struct hvcal_engine_stream *s, const struct vaapi_picture *p,
		    const struct hvcal_engine_job *job, uint8_t **data, size_t *len)
{
	return vaapi_av1_metadata(&s->config, job, p->key, data, len);
}

static const uint8_t delimiter[] = { AV1_OBU_DELIMITER << 3 | 2, 0 };

const struct vaapi_codec vaapi_av1 = {
	.codec = HVCAL_CODEC_AV1,
	.block = AV1_SUPERBLOCK,
	.max_slices = 1,
	.prepare = prepare,
	.sequence = sequence,
	.picture = picture,
	.metadata = metadata,
	.metadata_place = vaapi_av1_metadata_place,
	.delimiter = delimiter,
	.delimiter_len = sizeof(delimiter),
	.qp_max = QINDEX_MAX,
	.qp_default = QINDEX_DEFAULT,
	.lossless = true,
	.segments = true,
};
