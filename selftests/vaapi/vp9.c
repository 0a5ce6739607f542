// SPDX-License-Identifier: MIT
/* VP9: headers that agree with the parameters, and frames. */
#include <stdlib.h>
#include <string.h>

#include "vp9.h"

#define SLOTS 8

struct codec_state {
	VASurfaceID slots[SLOTS];	/* what a decoder has in them */
};

struct vp9_job {
	struct context *c;
	struct codec_state *state;
	const VAEncPictureParameterBufferVP9 *pic;
	struct surface *recon, *reference;
	struct frame_pictures p;
	struct vp9_header header;
	struct bits head;
	struct segments segments;
	unsigned int qindex;
};

/* ---- agreement ---- */

static VAStatus references_check(struct driver *d, struct vp9_job *j)
{
	const VAEncPictureParameterBufferVP9 *pic = j->pic;
	VASurfaceID last = pic->reference_frames[pic->ref_flags.bits.ref_last_idx];

	j->recon = object_find(d, pic->reconstructed_frame, KIND_SURFACE);
	if (!j->recon || j->recon->imported)
		return wrong("no surface to reconstruct in");
	SAME("key frame", pic->ref_flags.bits.force_kf, !pic->pic_flags.bits.frame_type);
	SAME("references", pic->ref_flags.bits.ref_frame_ctrl_l0, pic->pic_flags.bits.frame_type);
	SAME("references to come", pic->ref_flags.bits.ref_frame_ctrl_l1, 0);
	if (!pic->pic_flags.bits.frame_type)
		return VA_STATUS_SUCCESS;
	j->reference = object_find(d, last, KIND_SURFACE);
	if (!j->reference || !j->reference->coded || j->reference == j->recon)
		return wrong("surface %u is no reference", last);
	SAME("last picture", j->state->slots[pic->ref_flags.bits.ref_last_idx], last);
	return VA_STATUS_SUCCESS;
}

static VAStatus offsets_check(const struct vp9_header *h, const VAEncPictureParameterBufferVP9 *pic)
{
	SAME("place of the filter's level", h->at_filter_level, pic->bit_offset_lf_level);
	SAME("place of its deltas", h->at_ref_deltas, pic->bit_offset_ref_lf_delta);
	SAME("place of its other deltas", h->at_mode_deltas, pic->bit_offset_mode_lf_delta);
	SAME("place of the quantiser", h->at_qindex, pic->bit_offset_qindex);
	SAME("place of segments", h->at_segmentation, pic->bit_offset_segmentation);
	SAME("bits of segments", h->end_segmentation - h->at_segmentation, pic->bit_size_segmentation);
	SAME("place of the first size", h->at_first_size, pic->bit_offset_first_partition_size);
	return VA_STATUS_SUCCESS;
}

static VAStatus frame_check(const struct vp9_header *h, const struct vp9_job *j)
{
	const VAEncPictureParameterBufferVP9 *pic = j->pic;

	SAME("frame type", h->inter, pic->pic_flags.bits.frame_type);
	SAME("width", h->width, pic->frame_width_dst);
	SAME("height", h->height, pic->frame_height_dst);
	SAME("width of the source", h->width, pic->frame_width_src);
	SAME("height of the source", h->height, pic->frame_height_src);
	SAME("width of the sequence", h->width, j->c->seq.vp9.max_frame_width);
	SAME("height of the sequence", h->height, j->c->seq.vp9.max_frame_height);
	SAME("show", h->show, pic->pic_flags.bits.show_frame);
	SAME("show", h->show, 1);
	SAME("error resilience", h->error_resilient, pic->pic_flags.bits.error_resilient_mode);
	SAME("slots", h->refresh, pic->refresh_frame_flags);
	if (!h->inter) {
		SAME("bit depth", h->depth, j->p.source.depth);
		return VA_STATUS_SUCCESS;
	}
	SAME("last", h->refs[0], pic->ref_flags.bits.ref_last_idx);
	SAME("golden", h->refs[1], pic->ref_flags.bits.ref_gf_idx);
	SAME("altref", h->refs[2], pic->ref_flags.bits.ref_arf_idx);
	SAME("bias of last", h->bias[0], pic->ref_flags.bits.ref_last_sign_bias);
	SAME("bias of golden", h->bias[1], pic->ref_flags.bits.ref_gf_sign_bias);
	SAME("bias of altref", h->bias[2], pic->ref_flags.bits.ref_arf_sign_bias);
	SAME("precision", h->high_precision, pic->pic_flags.bits.allow_high_precision_mv);
	SAME("eight taps", h->filter_type, 1);
	SAME("eight taps", pic->pic_flags.bits.mcomp_filter_type, 0);
	return VA_STATUS_SUCCESS;
}

static VAStatus header_check(const struct vp9_header *h, const struct vp9_job *j)
{
	const VAEncPictureParameterBufferVP9 *pic = j->pic;
	VAStatus status = frame_check(h, j);

	if (status)
		return status;
	SAME("profile", h->profile, j->c->config->profile == VAProfileVP9Profile2 ? 2 : 0);
	SAME("contexts kept", h->refresh_context, pic->pic_flags.bits.refresh_frame_context);
	SAME("parallel decoding", h->parallel, pic->pic_flags.bits.frame_parallel_decoding_mode);
	SAME("context", h->context, pic->pic_flags.bits.frame_context_idx);
	SAME("filter level", h->filter_level, pic->filter_level);
	SAME("sharpness", h->sharpness, pic->sharpness_level);
	for (int i = 0; i < 4; i++)
		SAME("delta of the filter", h->ref_deltas[i], pic->ref_lf_delta[i]);
	for (int i = 0; i < 2; i++)
		SAME("delta of the filter by mode", h->mode_deltas[i], pic->mode_lf_delta[i]);
	SAME("quantiser", h->qindex, pic->luma_ac_qindex);
	SAME("lossless", !h->qindex, pic->pic_flags.bits.lossless_mode);
	SAME("tile columns", h->log2_tile_columns, pic->log2_tile_columns);
	SAME("tile rows", h->log2_tile_rows, pic->log2_tile_rows);
	/* what this coder cannot do; no context but the default one is ever right */
	SAME("tiles", h->log2_tile_columns + h->log2_tile_rows, 0);
	SAME("contexts kept", h->refresh_context, 0);
	if (!h->qindex && (h->filter_level || j->c->config->rc != VA_RC_CQP))
		return wrong("a lossless picture is filtered, or has a rate");
	return VA_STATUS_SUCCESS;
}

/* What the header says of segments, the parameters do, and there is a map for them. */
static VAStatus segments_take(struct vp9_job *j)
{
	const VAEncMiscParameterTypeVP9PerSegmantParam *param = (const void *)j->c->matrix->data;
	struct segments *s = &j->segments;

	*s = (struct segments){
		.count = j->header.segments, .block = 8,
		.cols = (j->header.width + 7) / 8, .rows = (j->header.height + 7) / 8,
	};
	SAME("segments", s->count != 0, j->pic->pic_flags.bits.segmentation_enabled);
	SAME("map of segments", s->count != 0, j->pic->pic_flags.bits.segmentation_update_map);
	SAME("map of segments", s->count != 0, j->c->map != NULL);
	for (int i = 0; i < 8; i++) {
		s->delta[i] = j->header.deltas[i];
		SAME("quantiser of a segment", s->delta[i], param->seg_data[i].segment_qindex_delta);
		SAME("filter of a segment", param->seg_data[i].segment_lf_level_delta, 0);
		SAME("flags of a segment", param->seg_data[i].seg_flags.value, 0);
		if (s->count && ((int)j->header.qindex + s->delta[i] < 1 ||
				 j->header.qindex + s->delta[i] > 255))
			return wrong("segment %d has quantiser %u%+d", i, j->header.qindex, s->delta[i]);
	}
	if (!s->count)
		return VA_STATUS_SUCCESS;
	SAME("bytes of the map", j->c->map->size, s->cols * s->rows);
	s->map = j->c->map->data;
	for (size_t i = 0; i < j->c->map->size; i++)
		if (s->map[i] >= s->count)
			return wrong("segment %u of %u", s->map[i], s->count);
	segments_report(s);
	return VA_STATUS_SUCCESS;
}

static VAStatus header_take(struct vp9_job *j)
{
	const struct packed *p = &j->c->packed[0];
	VAStatus status;

	if (j->c->config->packed & VA_ENC_PACKED_HEADER_RAW_DATA) {
		if (j->c->npacked != 1 || p->head.type != VAEncPackedHeaderRawData ||
		    p->head.bit_length % 8)
			return wrong("%u packed headers instead of one", j->c->npacked);
		bits_bytes(&j->head, p->data, p->size);
	} else {
		vp9_header_write(&j->head, j->pic, (const void *)j->c->matrix->data,
				 j->c->config->profile == VAProfileVP9Profile2 ? 2 : 0);
	}
	if (!vp9_header_read(&j->header, j->head.data, j->head.count / 8) ||
	    (j->header.end + 7) / 8 != j->head.count / 8)
		return wrong("a bad header of %zu bits", j->head.count);
	status = header_check(&j->header, j);
	if (!status)
		status = segments_take(j);
	if (!status && j->c->npacked)
		status = offsets_check(&j->header, j->pic);
	return status;
}

/* ---- coding ---- */

static size_t tile_code(struct vp9_job *j, unsigned int qindex, struct bits *out)
{
	const struct block_coder k = {
		.source = &j->p.source,
		/* a picture that was coded with loss is not known here as the decoder has it */
		.reference = !qindex && j->reference && j->reference->exact ? &j->p.last : NULL,
		.recon = &j->p.made, .qindex = qindex, .bits = BLOCKS_BITS_VP9,
		.segments = &j->segments,
	};

	vp9_tile_write(out, &j->header, &k);
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
static void rate_control(struct vp9_job *j)
{
	const VAEncMiscParameterRateControl *rc = &j->c->rc;

	j->qindex = j->header.qindex;
	if (j->c->config->rc == VA_RC_CQP)
		return;
	j->qindex = j->c->config->rc == VA_RC_ICQ ? rc->ICQ_quality_factor :
		    blocks_search(tile_size, j, rc->min_qp ? rc->min_qp : 1,
				  rc->max_qp ? rc->max_qp : 255, context_frame_bytes(j->c));
	bits_replace(&j->head, j->header.at_qindex, j->qindex, 8);
	bits_replace(&j->head, j->header.at_filter_level, j->qindex / 4, 6);
}

static VAStatus frame_put(struct vp9_job *j, struct buffer *coded)
{
	struct bits first = { 0 }, tile = { 0 };
	bool fits;

	vp9_compressed_write(&first, &j->header, j->qindex);
	tile_code(j, j->qindex, &tile);
	bits_replace(&j->head, j->header.at_first_size, (uint32_t)first.count / 8, 16);
	fits = coded_append(coded, j->head.data, j->head.count / 8) &&
	       coded_append(coded, first.data, first.count / 8) &&
	       coded_append(coded, tile.data, tile.count / 8);
	bits_free(&first);
	bits_free(&tile);
	return fits ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_NOT_ENOUGH_BUFFER;
}

static VAStatus job_code(struct driver *d, struct vp9_job *j, struct buffer *coded)
{
	VAStatus status = references_check(d, j);

	if (status)
		return status;
	status = pictures_make(&j->p, j->c->source, j->reference, j->recon,
			       j->pic->frame_width_dst, j->pic->frame_height_dst);
	if (status)
		return status;
	status = header_take(j);
	if (status)
		return status;
	rate_control(j);
	status = frame_put(j, coded);
	if (status)
		return status;
	samples_store(&j->p.made, j->recon);
	j->recon->exact = !j->qindex;
	picture_done(j->recon, coded, j->qindex);
	for (int i = 0; i < SLOTS; i++)
		if (j->header.refresh >> i & 1)
			j->state->slots[i] = j->recon->o.id;
	return VA_STATUS_SUCCESS;
}

static VAStatus code(struct driver *d, struct context *c, struct buffer *coded)
{
	struct vp9_job j = { .c = c, .state = c->state, .pic = (const void *)c->pic->data };
	VAStatus status;

	if (!c->matrix || c->matrix->size != sizeof(VAEncMiscParameterTypeVP9PerSegmantParam))
		return wrong("there are no parameters of segments");
	if (!j.pic->pic_flags.bits.frame_type && !c->seq_now)
		return wrong("a key frame without its sequence");
	status = job_code(d, &j, coded);
	pictures_free(&j.p);
	bits_free(&j.head);
	return status;
}

static void targets(const struct context *c, VABufferID *coded, VASurfaceID *recon)
{
	const VAEncPictureParameterBufferVP9 *pic = (const void *)c->pic->data;

	*coded = pic->coded_buf;
	*recon = pic->reconstructed_frame;
}

const struct codec_ops vp9_ops = {
	.code = code,
	.state_size = sizeof(struct codec_state),
	.targets = targets,
	.seq_size = sizeof(VAEncSequenceParameterBufferVP9),
	.pic_size = sizeof(VAEncPictureParameterBufferVP9),
};
