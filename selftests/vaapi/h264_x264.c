// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * H.264 as an encoder codes it: libx264 is set up by the parameters, and its slice data
 * are put behind the headers that the engine has made. A wrong header makes them garbage.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>

#include "h264.h"

#define AQ_MAPS_ONLY 0.0001f

struct state {
	x264_t *x264;
	struct h264_sps sps;
	struct h264_pps pps;
	struct surface *last_reference;
};

static void set_rates(x264_param_t *p, const struct context *c)
{
	switch (c->config->rc) {
	case VA_RC_CBR:
	case VA_RC_VBR:
		p->rc.i_rc_method = X264_RC_ABR;
		p->rc.i_vbv_max_bitrate = (int)(c->rc.bits_per_second / 1000);
		p->rc.i_bitrate = p->rc.i_vbv_max_bitrate;
		if (c->config->rc == VA_RC_VBR)
			p->rc.i_bitrate = (int)((uint64_t)p->rc.i_bitrate * c->rc.target_percentage /
						100);
		p->rc.i_vbv_buffer_size = (int)(c->hrd.buffer_size / 1000);
		break;
	case VA_RC_ICQ:
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = (float)c->rc.ICQ_quality_factor;
		break;
	default:
		/* each frame is given its QP; only so x264 takes maps of offsets, too */
		p->rc.i_rc_method = X264_RC_CRF;
		p->rc.f_rf_constant = 26;
		break;
	}
	p->rc.i_qp_min = (int)c->rc.min_qp;
	p->rc.i_qp_max = c->rc.max_qp ? (int)c->rc.max_qp : 51;
}

static void set_param(x264_param_t *p, const struct h264_job *j)
{
	const VAEncSliceParameterBufferH264 *s = j->slice[0];

	x264_param_default_preset(p, "superfast", "zerolatency");
	p->i_log_level = X264_LOG_NONE;
	p->i_threads = 1;
	p->i_width = (int)j->raw.width;
	p->i_height = (int)j->raw.height;
	p->i_csp = X264_CSP_I420;
	p->i_fps_num = j->c->fps.framerate & 0xffff;
	p->i_fps_den = j->c->fps.framerate >> 16 ? j->c->fps.framerate >> 16 : 1;
	p->i_timebase_num = p->i_fps_den;
	p->i_timebase_den = p->i_fps_num;
	p->i_keyint_max = X264_KEYINT_MAX_INFINITE;
	p->i_scenecut_threshold = 0;
	p->i_level_idc = 51;
	p->i_frame_reference = 1;
	p->i_bframe = 0;
	p->i_slice_count = (int)j->nslices;
	p->b_repeat_headers = 0;
	p->b_annexb = 1;
	p->b_aud = 0;
	/* what slice data depend on */
	p->b_cabac = j->pic->pic_fields.bits.entropy_coding_mode_flag;
	p->i_cabac_init_idc = s->cabac_init_idc;
	p->b_constrained_intra = j->pic->pic_fields.bits.constrained_intra_pred_flag;
	p->b_deblocking_filter = s->disable_deblocking_filter_idc != 1;
	p->i_deblocking_filter_alphac0 = s->slice_alpha_c0_offset_div2;
	p->i_deblocking_filter_beta = s->slice_beta_offset_div2;
	p->analyse.b_transform_8x8 = j->pic->pic_fields.bits.transform_8x8_mode_flag;
	p->analyse.i_weighted_pred = X264_WEIGHTP_NONE;
	p->analyse.b_psy = 0;
	p->analyse.i_chroma_qp_offset = j->pic->chroma_qp_index_offset;
	p->rc.b_mb_tree = 0;
	p->rc.i_aq_mode = X264_AQ_VARIANCE;
	p->rc.f_aq_strength = AQ_MAPS_ONLY;
	set_rates(p, j->c);
}

static bool parameter_sets(struct state *st)
{
	x264_nal_t *nals;
	int count;
	bool good = true;

	if (x264_encoder_headers(st->x264, &nals, &count) < 0)
		return false;
	for (int i = 0; i < count && good; i++) {
		struct nal nal;

		if (!nal_unpack(&nal, nals[i].p_payload, (size_t)nals[i].i_payload * 8, true))
			return false;
		if (nals[i].i_type == NAL_SPS)
			good = h264_sps_read(&st->sps, &nal);
		else if (nals[i].i_type == NAL_PPS)
			good = h264_pps_read(&st->pps, &nal, &st->sps);
		nal_free(&nal);
	}
	return good;
}

static VAStatus ready(struct h264_job *j, struct state **state)
{
	struct state *st = *state;
	x264_param_t p;

	if (st && j->c->new_rates) {
		x264_encoder_parameters(st->x264, &p);
		set_rates(&p, j->c);
		return x264_encoder_reconfig(st->x264, &p) ? wrong("x264 refuses the rates") :
		       VA_STATUS_SUCCESS;
	}
	if (st)
		return VA_STATUS_SUCCESS;
	st = calloc(1, sizeof(*st));
	if (!st)
		return VA_STATUS_ERROR_ALLOCATION_FAILED;
	*state = st;
	set_param(&p, j);
	st->x264 = x264_encoder_open(&p);
	return st->x264 && parameter_sets(st) ? VA_STATUS_SUCCESS : wrong("x264 does not open");
}

static float *offsets_make(const struct h264_job *j)
{
	uint32_t w = j->raw.width / 16, h = j->raw.height / 16;
	float *offsets = calloc((size_t)w * h, sizeof(*offsets));

	for (uint32_t i = 0; offsets && i < w * h; i++)
		offsets[i] = (float)roi_offset(j->c, (int)(i % w * 16), (int)(i / w * 16));
	return offsets;
}

/* Slice data of one of x264's NAL units. */
static VAStatus take_slice(struct h264_job *j, const struct state *st, const x264_nal_t *from,
			   unsigned int n)
{
	bool cabac = st->pps.cabac;
	struct h264_slice h;
	struct nal nal;
	size_t end;

	if (n >= j->nslices)
		return wrong("x264 makes more than %u slices", j->nslices);
	if (!nal_unpack(&nal, from->p_payload, (size_t)from->i_payload * 8, true))
		return VA_STATUS_ERROR_ENCODING_ERROR;
	if (!h264_slice_read(&h, &nal, &st->sps, &st->pps) ||
	    h.first_mb != j->slice[n]->macroblock_address || h.type != j->slice[n]->slice_type ||
	    h.refs_l0 != 1) {
		nal_free(&nal);
		return wrong("x264 makes another slice, at %u, of type %u", h.first_mb, h.type);
	}
	end = nal.bits;
	if (cabac) {
		h.end = (h.end + 7) & ~(size_t)7;
	} else {
		/* the stop bit is the last that is set */
		while (!(nal.data[(end - 1) >> 3] >> (7 - ((end - 1) & 7)) & 1))
			end--;
		end--;
	}
	bits_copy(&j->data[n], nal.data, h.end, end);
	j->slice_qp[n] = st->pps.init_qp + h.qp_delta;
	nal_free(&nal);
	return VA_STATUS_SUCCESS;
}

static VAStatus take_all(struct h264_job *j, const struct state *st, const x264_nal_t *nals,
			 int count)
{
	VAStatus status = VA_STATUS_SUCCESS;
	unsigned int n = 0;

	for (int i = 0; i < count && !status; i++)
		if (nals[i].i_type == NAL_SLICE || nals[i].i_type == NAL_SLICE_IDR)
			status = take_slice(j, st, &nals[i], n++);
	if (!status && n != j->nslices)
		status = wrong("x264 makes %u slices of %u", n, j->nslices);
	return status;
}

/* x264 refers to what it coded last: is that what the engine wants? */
static VAStatus order_check(const struct h264_job *j, const struct state *st)
{
	if (j->reference && j->reference != st->last_reference)
		return wrong("x264 cannot refer to another picture than the last");
	if (!j->pic->pic_fields.bits.reference_pic_flag)
		return wrong("x264 makes no P pictures without followers");
	return VA_STATUS_SUCCESS;
}

VAStatus h264_x264(struct h264_job *j, void **state)
{
	bool idr = j->pic->pic_fields.bits.idr_pic_flag, cqp = j->c->config->rc == VA_RC_CQP;
	struct state *st;
	VAStatus status = ready(j, (struct state **)state);
	x264_picture_t pic, out;
	x264_nal_t *nals;
	int count, size;

	st = *state;
	if (!status)
		status = order_check(j, st);
	if (status)
		return status;
	x264_picture_init(&pic);
	pic.img.i_csp = X264_CSP_I420;
	pic.img.i_plane = 3;
	for (int p = 0; p < 3; p++) {
		pic.img.plane[p] = j->raw.plane[p];
		pic.img.i_stride[p] = (int)(p ? j->raw.width / 2 : j->raw.width);
	}
	pic.i_type = idr ? X264_TYPE_IDR : X264_TYPE_P;
	pic.i_qpplus1 = cqp ? j->qp + 1 : X264_QP_AUTO;
	if (j->c->nrois) {
		pic.prop.quant_offsets = offsets_make(j);
		pic.prop.quant_offsets_free = free;
	}
	size = x264_encoder_encode(st->x264, &nals, &count, &pic, &out);
	if (size <= 0)
		return VA_STATUS_ERROR_ENCODING_ERROR;
	status = take_all(j, st, nals, count);
	/* with offsets, the first macroblock may have one */
	if (!status && cqp && !j->c->nrois && j->slice_qp[0] != j->qp)
		status = wrong("x264 begins with QP %d, not %d", j->slice_qp[0], j->qp);
	j->used_qp = j->slice_qp[0];
	st->last_reference = j->recon;
	return status;
}

void h264_x264_close(void *state)
{
	struct state *st = state;

	if (st && st->x264)
		x264_encoder_close(st->x264);
	free(st);
}
