// SPDX-License-Identifier: MIT
/* AV1: headers that agree with the parameters, and frames. */
#include <stdlib.h>

#include "av1.h"

#define OBU_SEQUENCE 1
#define TILE_GROUP 0x22		/* OBU header: of that type, with a size */
#define CDEF_STRENGTH 0x410	/* what the driver makes of CDEF where the rate is its */

/* What a decoder has in a slot. */
struct slot {
	VASurfaceID surface;
	struct av1_cdfs cdfs;
};

struct codec_state {
	struct av1_sequence sequence;
	struct slot slots[AV1_SLOTS];
	uint32_t since_key;		/* pictures */
};

struct av1_job {
	struct context *c;
	struct codec_state *state;
	const VAEncSequenceParameterBufferAV1 *seq;
	const VAEncPictureParameterBufferAV1 *pic;
	struct surface *recon, *reference;
	struct frame_pictures p;
	struct av1_frame frame;
	struct bits head;		/* the frame header OBU */
	struct segments segments;
	struct av1_cdfs cdfs;		/* of the tile, when it is coded */
	unsigned int qindex;
};

static bool is_key(const struct av1_job *j)
{
	return !j->pic->picture_flags.bits.frame_type;
}

/* ---- agreement ---- */

static VAStatus references_check(struct driver *d, struct av1_job *j)
{
	const VAEncPictureParameterBufferAV1 *pic = j->pic;
	uint32_t slot = pic->ref_frame_idx[0];

	j->recon = object_find(d, pic->reconstructed_frame, KIND_SURFACE);
	if (!j->recon || j->recon->imported)
		return wrong("no surface to reconstruct in");
	SAME("references", pic->ref_frame_ctrl_l0.value, !is_key(j));
	SAME("references to come", pic->ref_frame_ctrl_l1.value, 0);
	SAME("reconstruction", !pic->picture_flags.bits.disable_frame_recon,
	     pic->refresh_frame_flags != 0);
	if (is_key(j))
		return VA_STATUS_SUCCESS;
	if (slot >= AV1_SLOTS)
		return wrong("slot %u", slot);
	for (int i = 0; i < AV1_REFS; i++)
		SAME("slots of references", pic->ref_frame_idx[i], slot);
	j->reference = object_find(d, pic->reference_frames[slot], KIND_SURFACE);
	if (!j->reference || !j->reference->coded || j->reference == j->recon)
		return wrong("surface %u is no reference", pic->reference_frames[slot]);
	SAME("last picture", j->state->slots[slot].surface, pic->reference_frames[slot]);
	return VA_STATUS_SUCCESS;
}

static VAStatus sequence_check(const struct av1_sequence *s, const struct av1_job *j)
{
	const VAEncSequenceParameterBufferAV1 *seq = j->seq;

	SAME("profile", s->profile, seq->seq_profile);
	SAME("profile", s->profile, 0);
	SAME("level", s->level, seq->seq_level_idx);
	SAME("tier", s->tier, seq->seq_tier);
	SAME("width", s->width, j->pic->frame_width_minus_1 + 1);
	SAME("height", s->height, j->pic->frame_height_minus_1 + 1);
	SAME("bit depth", s->depth, seq->seq_fields.bits.bit_depth_minus8 + 8);
	SAME("bit depth", s->depth, j->p.source.depth);
	SAME("order hints", s->order_hint, seq->seq_fields.bits.enable_order_hint);
	SAME("bits of order hints", s->order_hint_bits, seq->order_hint_bits_minus_1 + 1);
	SAME("CDEF", s->cdef, seq->seq_fields.bits.enable_cdef);
	SAME("4:2:0", seq->seq_fields.bits.subsampling_x + seq->seq_fields.bits.subsampling_y, 2);
	return VA_STATUS_SUCCESS;
}

static VAStatus tools_check(const struct av1_frame *f, const VAEncPictureParameterBufferAV1 *pic)
{
	SAME("no update of distributions", f->disable_cdf_update,
	     pic->picture_flags.bits.disable_cdf_update);
	SAME("no update of distributions in the end", f->disable_end_update,
	     pic->picture_flags.bits.disable_frame_end_update_cdf);
	SAME("reduced transforms", f->reduced_tx_set, pic->picture_flags.bits.reduced_tx_set);
	SAME("frame OBU", pic->picture_flags.bits.enable_frame_obu, 0);
	SAME("size of the tile group", pic->tile_group_obu_hdr_info.value, 2);
	SAME("tile columns", pic->tile_cols, 1);
	SAME("tile rows", pic->tile_rows, 1);
	SAME("width of the tile", pic->width_in_sbs_minus_1[0], pic->frame_width_minus_1 / 64);
	SAME("height of the tile", pic->height_in_sbs_minus_1[0], pic->frame_height_minus_1 / 64);
	SAME("quantiser", f->qindex, pic->base_qindex);
	SAME("transforms", f->lossless ? 0 : f->tx_select ? 2 : 1,
	     pic->mode_control_flags.bits.tx_mode);
	/* what this coder knows */
	SAME("transforms of all kinds", f->reduced_tx_set, 0);
	SAME("distributions are kept", f->disable_end_update, 0);
	if (f->lossless)
		return VA_STATUS_SUCCESS;
	SAME("transforms are selected", f->tx_select, 1);
	SAME("filter", f->filter[0], pic->filter_level[0]);
	SAME("filter", f->filter[1], pic->filter_level[1]);
	SAME("filter of Cb", f->filter[2], pic->filter_level_u);
	SAME("filter of Cr", f->filter[3], pic->filter_level_v);
	SAME("sharpness", f->sharpness, pic->loop_filter_flags.bits.sharpness_level);
	SAME("CDEF", f->cdef, pic->cdef_damping_minus_3 << 14 | pic->cdef_bits << 12 |
	     pic->cdef_y_strengths[0] << 6 | pic->cdef_uv_strengths[0]);
	return VA_STATUS_SUCCESS;
}

static VAStatus frame_check(const struct av1_frame *f, const struct av1_job *j)
{
	const VAEncPictureParameterBufferAV1 *pic = j->pic;

	SAME("key frame", f->key, is_key(j));
	SAME("error resilience", f->error_resilient, pic->picture_flags.bits.error_resilient_mode);
	SAME("order hint", f->order_hint, pic->order_hint);
	SAME("order of pictures", f->key ? 0 : j->state->since_key & 0xff, pic->order_hint);
	SAME("primary reference", f->primary, pic->primary_ref_frame);
	SAME("slots", f->refresh, pic->refresh_frame_flags);
	if (f->key)
		return tools_check(f, pic);
	for (int i = 0; i < AV1_REFS; i++)
		SAME("slots of references", f->refs[i], pic->ref_frame_idx[i]);
	SAME("precision", f->high_precision, pic->picture_flags.bits.allow_high_precision_mv);
	SAME("filter of vectors", f->filter_type, pic->interpolation_filter);
	return tools_check(f, pic);
}

/* Places are told where the driver changes what is there. */
static VAStatus places_check(const struct av1_job *j, size_t before)
{
	const VAEncPictureParameterBufferAV1 *pic = j->pic;
	const struct av1_frame *f = &j->frame;
	bool brc = j->c->config->rc != VA_RC_CQP;

	SAME("place of the quantiser", brc ? f->at_qindex : 0, pic->bit_offset_qindex);
	SAME("place of the filter", brc ? f->at_filter : 0, pic->bit_offset_loopfilter_params);
	SAME("place of CDEF", brc ? f->at_cdef : 0, pic->bit_offset_cdef_params);
	SAME("bits of CDEF", brc ? 16 : 0, pic->size_in_bits_cdef_params);
	SAME("bits of the header", brc ? j->head.count : 0, pic->size_in_bits_frame_hdr_obu);
	SAME("place of its size", brc ? before + f->at_size : 0, pic->byte_offset_frame_hdr_obu_size);
	SAME("least quantiser", brc ? j->c->rc.min_qp ? j->c->rc.min_qp : 1 : 0,
	     pic->min_base_qindex);
	SAME("highest quantiser", brc ? j->c->rc.max_qp ? j->c->rc.max_qp : 255 : 0,
	     pic->max_base_qindex);
	return VA_STATUS_SUCCESS;
}

/* ---- headers ---- */

static VAStatus sequence_take(struct av1_job *j, const uint8_t *data, size_t len)
{
	struct reader r;
	uint32_t type;

	if (av1_obu_read(data, len, &type, &r) != len || type != OBU_SEQUENCE ||
	    !av1_sequence_read(&j->state->sequence, &r))
		return wrong("a bad sequence header of %zu bytes", len);
	return sequence_check(&j->state->sequence, j);
}

/* What the header says of segments, the parameters do, and there is a map for them. */
static VAStatus segments_take(struct av1_job *j)
{
	static const uint32_t sides[] = { 16, 32, 64, 8 };
	const VAEncSegParamAV1 *param = &j->pic->segments;
	const VAEncSegMapBufferAV1 *map = j->c->map ? (const void *)j->c->map->data : NULL;
	struct segments *s = &j->segments;

	*s = (struct segments){
		.count = j->frame.segments, .block = sides[j->pic->seg_id_block_size & 3],
	};
	SAME("segments", s->count != 0, param->seg_flags.bits.segmentation_enabled);
	SAME("flags of segments", s->count ? 3 : 0, param->seg_flags.value);
	SAME("segments", s->count, param->segment_number);
	SAME("map of segments", s->count != 0, map != NULL);
	for (unsigned int i = 0; i < 8; i++) {
		s->delta[i] = j->frame.deltas[i];
		SAME("features of a segment", param->feature_mask[i], i < s->count);
		SAME("quantiser of a segment", s->delta[i], param->feature_data[i][0]);
		if (s->count && ((int)j->frame.qindex + s->delta[i] < 1 ||
				 j->frame.qindex + s->delta[i] > 255))
			return wrong("segment %u has quantiser %u%+d", i, j->frame.qindex, s->delta[i]);
	}
	if (!s->count)
		return VA_STATUS_SUCCESS;
	SAME("blocks of segments", j->pic->seg_id_block_size,
	     mode("segments") ? mode_number("segments") : 3);
	s->cols = (j->state->sequence.width - 1) / s->block + 1;
	s->rows = (j->state->sequence.height - 1) / s->block + 1;
	SAME("bytes of the map", map->segmentMapDataSize, s->cols * s->rows);
	s->map = map->pSegmentMap;
	for (uint32_t i = 0; i < s->cols * s->rows; i++)
		if (s->map[i] >= s->count)
			return wrong("segment %u of %u", s->map[i], s->count);
	segments_report(s);
	return VA_STATUS_SUCCESS;
}

static VAStatus frame_take(struct av1_job *j)
{
	VAStatus status;

	if (!j->state->sequence.valid)
		return wrong("a frame without a sequence header");
	if (!av1_frame_read(&j->frame, &j->state->sequence, j->head.data, j->head.count / 8))
		return wrong("a bad frame header of %zu bits, read to %zu", j->head.count,
			     j->frame.end);
	status = frame_check(&j->frame, j);
	return status ? status : segments_take(j);
}

static VAStatus own_headers_take(struct av1_job *j, struct buffer *coded)
{
	struct bits sequence = { 0 };
	VAStatus status = VA_STATUS_SUCCESS;

	if (is_key(j)) {
		av1_sequence_write(&sequence, j->seq, j->pic);
		status = sequence_take(j, sequence.data, sequence.count / 8);
		if (!status && !coded_append(coded, sequence.data, sequence.count / 8))
			status = VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
		bits_free(&sequence);
	}
	av1_frame_write(&j->head, j->seq, j->pic);
	return status ? status : frame_take(j);
}

static VAStatus headers_take(struct av1_job *j, struct buffer *coded)
{
	const struct packed *p = j->c->packed;
	unsigned int n = is_key(j) ? 2 : 1;
	VAStatus status = VA_STATUS_SUCCESS;

	if (!(j->c->config->packed & VA_ENC_PACKED_HEADER_SEQUENCE))
		return own_headers_take(j, coded);
	if (j->c->npacked != n || p[n - 1].head.type != VAEncPackedHeaderAV1_PPS ||
	    p[0].head.bit_length % 8 || p[n - 1].head.bit_length % 8)
		return wrong("%u packed headers", j->c->npacked);
	if (n == 2) {
		if (p[0].head.type != VAEncPackedHeaderAV1_SPS)
			return wrong("a key frame without its sequence header");
		status = sequence_take(j, p[0].data, p[0].size);
		if (!status && !coded_append(coded, p[0].data, p[0].size))
			status = VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
	}
	bits_bytes(&j->head, p[n - 1].data, p[n - 1].size);
	if (!status)
		status = frame_take(j);
	return status ? status : places_check(j, n == 2 ? p[0].size : 0);
}

/* ---- coding ---- */

static size_t tile_code(struct av1_job *j, unsigned int qindex, struct bits *out)
{
	const struct block_coder k = {
		.source = &j->p.source,
		/* a picture that was coded with loss is not known here as the decoder has it */
		.reference = !qindex && j->reference && j->reference->exact ? &j->p.last : NULL,
		.recon = &j->p.made, .qindex = qindex, .bits = BLOCKS_BITS_AV1,
		.segments = &j->segments,
	};

	if (j->frame.primary == AV1_NO_PRIMARY)
		j->cdfs = (struct av1_cdfs){
			.modes = av1_default_modes,
			.coefs = av1_default_coefs[qindex <= 20 ? 0 : qindex <= 60 ? 1 :
						   qindex <= 120 ? 2 : 3],
		};
	else
		j->cdfs = j->state->slots[j->frame.refs[j->frame.primary]].cdfs;
	av1_tile_write(out, &j->frame, &k, &j->cdfs);
	return out->count / 8;
}

static size_t tile_size(void *what, unsigned int qindex)
{
	struct bits out = { 0 };
	size_t size = tile_code(what, qindex, &out);

	bits_free(&out);
	return size;
}

/* Writes over what was told to be the place of it. */
static VAStatus rate_control(struct av1_job *j)
{
	const VAEncMiscParameterRateControl *rc = &j->c->rc;
	unsigned int filter;

	j->qindex = j->frame.qindex;
	if (j->c->config->rc == VA_RC_CQP)
		return VA_STATUS_SUCCESS;
	if (j->frame.lossless || !j->frame.filter[0])
		return wrong("no room for a filter's levels");
	j->qindex = j->c->config->rc == VA_RC_ICQ ? rc->ICQ_quality_factor :
		    blocks_search(tile_size, j, j->c->rc.min_qp ? j->c->rc.min_qp : 1,
				  j->c->rc.max_qp ? j->c->rc.max_qp : 255,
				  context_frame_bytes(j->c));
	filter = 1 + j->qindex / 8;
	bits_replace(&j->head, j->frame.at_qindex, j->qindex, 8);
	for (size_t i = 0; i < 4; i++)
		bits_replace(&j->head, j->frame.at_filter + 6 * i, filter, 6);
	bits_replace(&j->head, j->frame.at_cdef, CDEF_STRENGTH, 16);
	return VA_STATUS_SUCCESS;
}

static VAStatus frame_put(struct av1_job *j, struct buffer *coded)
{
	struct bits tile = { 0 }, group = { 0 };
	uint32_t size;
	bool fits;

	size = (uint32_t)tile_code(j, j->qindex, &tile);
	bits_put(&group, TILE_GROUP, 8);
	for (int i = 0; i < 4; i++)
		bits_put(&group, (size >> 7 * i & 127) | (i < 3 ? 128 : 0), 8);
	fits = coded_append(coded, j->head.data, j->head.count / 8) &&
	       coded_append(coded, group.data, group.count / 8) &&
	       coded_append(coded, tile.data, tile.count / 8);
	bits_free(&tile);
	bits_free(&group);
	return fits ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
}

static void slots_fill(struct av1_job *j)
{
	av1_cdfs_reset(&j->cdfs);
	for (int i = 0; i < AV1_SLOTS; i++)
		if (j->frame.refresh >> i & 1)
			j->state->slots[i] = (struct slot){ j->recon->o.id, j->cdfs };
}

static VAStatus job_code(struct driver *d, struct av1_job *j, struct buffer *coded)
{
	VAStatus status = references_check(d, j);

	if (status)
		return status;
	status = pictures_make(&j->p, j->c->source, j->reference, j->recon,
			       j->pic->frame_width_minus_1 + 1U, j->pic->frame_height_minus_1 + 1U);
	if (status)
		return status;
	status = headers_take(j, coded);
	if (!status)
		status = rate_control(j);
	if (!status)
		status = frame_put(j, coded);
	if (status)
		return status;
	samples_store(&j->p.made, j->recon);
	j->recon->exact = !j->qindex;
	picture_done(j->recon, coded, j->qindex);
	slots_fill(j);
	j->state->since_key = is_key(j) ? 1 : j->state->since_key + 1;
	return VA_STATUS_SUCCESS;
}

static VAStatus code(struct driver *d, struct context *c, struct buffer *coded)
{
	const VAEncTileGroupBufferAV1 *group = (const void *)c->slices[0].param->data;
	struct av1_job j = { .c = c, .state = c->state, .seq = &c->seq.av1,
		.pic = (const void *)c->pic->data };
	VAStatus status;

	if (c->nslices != 1 || group->tg_start || group->tg_end)
		return wrong("more than one tile");
	if (is_key(&j) && !c->seq_now)
		return wrong("a key frame without its sequence");
	status = job_code(d, &j, coded);
	pictures_free(&j.p);
	bits_free(&j.head);
	return status;
}

static void targets(const struct context *c, VABufferID *coded, VASurfaceID *recon)
{
	const VAEncPictureParameterBufferAV1 *pic = (const void *)c->pic->data;

	*coded = pic->coded_buf;
	*recon = pic->reconstructed_frame;
}

const struct codec_ops av1_ops = {
	.code = code,
	.state_size = sizeof(struct codec_state),
	.targets = targets,
	.seq_size = sizeof(VAEncSequenceParameterBufferAV1),
	.pic_size = sizeof(VAEncPictureParameterBufferAV1),
	.slice_size = sizeof(VAEncTileGroupBufferAV1),
};
