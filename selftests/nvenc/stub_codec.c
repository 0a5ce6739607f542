// SPDX-License-Identifier: MIT
/*
 * The encoders work without any rate control, delay or choice of picture types of
 * their own: what NVENC would decide, stub_encode.c has decided.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <x264.h>
#include <x265.h>

#include "stub_codec.h"

/* Adds less than any rounding; 0 would turn QP maps off, too. */
#define AQ_MAPS_ONLY 0.0001f

#define H264_BLOCK 16	/* of QP maps: macroblocks, coding tree blocks */
#define HEVC_BLOCK 32

static void fail(const char *what)
{
	fprintf(stderr, "nvenc stub: %s\n", what);
	abort();
}

/* ---- H.264 ---- */

struct h264 {
	x264_t *x264;
	struct stub_format format;
	float *offsets;
	int64_t number;
};

static float *offsets_new(const struct stub_format *f)
{
	return calloc((f->width / 16 + 1) * (f->height / 16 + 1), sizeof(float));
}

/* @map as x264 and x265 take it, for each 16x16 samples. */
static float *offsets_of(const struct stub_format *f, const int8_t *map, bool hevc, float *to)
{
	unsigned int w = (f->width + 15) / 16, h = (f->height + 15) / 16;
	unsigned int block = hevc ? HEVC_BLOCK : H264_BLOCK, cols = (f->width + block - 1) / block;

	if (!map)
		return NULL;
	for (unsigned int y = 0; y < h; y++)
		for (unsigned int x = 0; x < w; x++)
			to[y * w + x] = map[y * 16 / block * cols + x * 16 / block];
	return to;
}

static void *h264_open(const struct stub_format *f)
{
	struct h264 *h = calloc(1, sizeof(*h));
	x264_param_t p;

	if (!h || x264_param_default_preset(&p, "superfast", "zerolatency"))
		fail("no memory");
	h->format = *f;
	h->offsets = offsets_new(f);
	p.i_log_level = X264_LOG_NONE;
	p.i_threads = 1;
	p.i_width = (int)f->width;
	p.i_height = (int)f->height;
	p.i_csp = X264_CSP_I420;
	p.i_fps_num = f->fps_num;
	p.i_fps_den = f->fps_den;
	p.b_vfr_input = 0;
	p.i_dpb_size = f->refs ? (int)f->refs : p.i_frame_reference;
	p.b_intra_refresh = f->refresh;
	p.i_keyint_max = f->refresh ? (int)f->refresh : X264_KEYINT_MAX_INFINITE;
	p.i_scenecut_threshold = 0;
	p.i_bframe = 0;
	p.b_repeat_headers = 1;
	p.b_annexb = 1;
	p.vui.b_fullrange = f->full_range;
	p.vui.i_colorprim = (int)f->primaries;
	p.vui.i_transfer = (int)f->transfer;
	p.vui.i_colmatrix = (int)f->matrix;
	if (f->lossless) {
		p.rc.i_rc_method = X264_RC_CQP;
		p.rc.i_qp_constant = 0;
	} else {
		/* x264's own constant QP ignores maps: each picture is given its QP */
		p.rc.i_rc_method = X264_RC_CRF;
		p.rc.b_mb_tree = 0;
		p.rc.i_aq_mode = X264_AQ_VARIANCE;
		p.rc.f_aq_strength = AQ_MAPS_ONLY;
	}
	h->x264 = x264_encoder_open(&p);
	if (!h->x264 || !h->offsets)
		fail("x264 does not open");
	return h;
}

static int h264_encode(void *encoder, const struct stub_picture *pic, const uint8_t **packet,
		       size_t *len)
{
	struct h264 *h = encoder;
	x264_picture_t in, out;
	x264_nal_t *nal;
	int count, size;

	x264_picture_init(&in);
	in.img.i_csp = X264_CSP_I420;
	in.img.i_plane = 3;
	for (int p = 0; p < 3; p++) {
		in.img.plane[p] = pic->plane[p];
		in.img.i_stride[p] = (int)(p ? h->format.width / 2 : h->format.width);
	}
	if (pic->forget && x264_encoder_invalidate_reference(h->x264, h->number - pic->forget))
		fail("x264 forgets nothing");
	if (pic->refresh)
		x264_encoder_intra_refresh(h->x264);
	in.i_pts = h->number++;
	in.i_type = pic->key ? X264_TYPE_IDR : X264_TYPE_P;
	if (!h->format.lossless)
		in.i_qpplus1 = pic->qp + 1;
	in.prop.quant_offsets = offsets_of(&h->format, pic->map, false, h->offsets);
	size = x264_encoder_encode(h->x264, &nal, &count, &in, &out);
	if (size <= 0)
		fail("x264 gives no packet");
	*packet = nal[0].p_payload;
	*len = (size_t)size;
	return pic->qp + pic->map_mean;
}

static void h264_close(void *encoder)
{
	struct h264 *h = encoder;

	x264_encoder_close(h->x264);
	free(h->offsets);
	free(h);
}

/* ---- HEVC ---- */

struct hevc {
	const x265_api *api;
	x265_param *param;
	x265_encoder *x265;
	struct stub_format format;
	float *offsets, *none;
	int64_t number;
	uint8_t *packet;
};

static void *hevc_open(const struct stub_format *f)
{
	static char pools[] = "1";
	struct hevc *h = calloc(1, sizeof(*h));
	x265_param *p;

	if (!h)
		fail("no memory");
	h->format = *f;
	h->offsets = offsets_new(f);
	h->none = offsets_new(f);
	h->api = x265_api_get((int)f->depth);
	p = h->api ? h->api->param_alloc() : NULL;
	if (!p || h->api->param_default_preset(p, "ultrafast", "zerolatency"))
		fail("no x265 of this depth");
	p->numaPools = pools;
	p->logLevel = X265_LOG_NONE;
	p->frameNumThreads = 1;
	p->sourceWidth = (int)f->width;
	p->sourceHeight = (int)f->height;
	p->internalCsp = X265_CSP_I420;
	p->fpsNum = f->fps_num;
	p->fpsDenom = f->fps_den;
	/*
	 * No intra refresh: that of x265 3.5 does not mend pictures. Where two were lost, the
	 * 44 after them stayed below 19 dB.
	 */
	p->keyframeMax = -1;
	p->keyframeMin = 0;
	p->scenecutThreshold = 0;
	p->bframes = 0;
	p->maxNumReferences = 1;
	p->bRepeatHeaders = 1;
	p->bAnnexB = 1;
	p->bEmitInfoSEI = 0;
	/* its own constant QP ignores maps, too */
	p->rc.rateControlMode = X265_RC_CRF;
	p->rc.aqMode = X265_AQ_VARIANCE;
	p->rc.aqStrength = AQ_MAPS_ONLY;
	p->rc.cuTree = 0;
	p->rc.ipFactor = 1;
	p->bLossless = f->lossless;
	p->vui.bEnableVideoSignalTypePresentFlag = 1;
	p->vui.bEnableVideoFullRangeFlag = f->full_range;
	p->vui.bEnableColorDescriptionPresentFlag = 1;
	p->vui.colorPrimaries = (int)f->primaries;
	p->vui.transferCharacteristics = (int)f->transfer;
	p->vui.matrixCoeffs = (int)f->matrix;
	h->param = p;
	h->x265 = h->api->encoder_open(p);
	if (!h->x265 || !h->offsets || !h->none)
		fail("x265 does not open");
	return h;
}

static int hevc_encode(void *encoder, const struct stub_picture *pic, const uint8_t **packet,
		       size_t *len)
{
	struct hevc *h = encoder;
	unsigned int sample = h->format.depth > 8 ? 2 : 1;
	x265_picture in, out;
	x265_nal *nal;
	uint32_t count;

	h->api->picture_init(h->param, &in);
	h->api->picture_init(h->param, &out);
	for (int p = 0; p < 3; p++) {
		in.planes[p] = pic->plane[p];
		in.stride[p] = (int)((p ? h->format.width / 2 : h->format.width) * sample);
	}
	in.colorSpace = X265_CSP_I420;
	in.bitDepth = (int)h->format.depth;
	in.pts = h->number++;
	/*
	 * x265 cannot be told to leave out a reference. So it is as if none were left: an
	 * intra picture, no IDR, which is what the header promises for that. P pictures
	 * refer to the one before alone.
	 */
	in.sliceType = pic->key ? X265_TYPE_IDR : pic->forget ? X265_TYPE_I : X265_TYPE_P;
	in.forceqp = pic->qp + 1;
	/* x265 has room for them in a frame whose first picture had some: so all have */
	in.quantOffsets = pic->map ? offsets_of(&h->format, pic->map, true, h->offsets) : h->none;
	if (h->api->encoder_encode(h->x265, &nal, &count, &in, &out) != 1)
		fail("x265 gives no packet");
	*len = 0;
	for (uint32_t i = 0; i < count; i++)
		*len += nal[i].sizeBytes;
	free(h->packet);
	h->packet = malloc(*len);
	if (!h->packet)
		fail("no memory");
	for (uint32_t i = 0, at = 0; i < count; at += nal[i++].sizeBytes)
		memcpy(h->packet + at, nal[i].payload, nal[i].sizeBytes);
	*packet = h->packet;
	return pic->qp + pic->map_mean;
}

static void hevc_close(void *encoder)
{
	struct hevc *h = encoder;

	h->api->encoder_close(h->x265);
	h->api->param_free(h->param);
	free(h->packet);
	free(h->offsets);
	free(h->none);
	free(h);
}

/* ---- SEI ---- */

static bool is_slice(bool hevc, uint8_t head)
{
	return hevc ? (head >> 1 & 63) < 32 : (head & 31) >= 1 && (head & 31) <= 5;
}

/* Where the start code of the first slice begins. */
static size_t first_slice(bool hevc, const uint8_t *packet, size_t len)
{
	for (size_t i = 0; i + 3 < len; i++)
		if (!packet[i] && !packet[i + 1] && packet[i + 2] == 1 &&
		    is_slice(hevc, packet[i + 3]))
			return i && !packet[i - 1] ? i - 1 : i;
	fail("a packet without a slice");
	return 0;
}

static size_t put_number(uint8_t *to, uint32_t value)
{
	size_t n = 0;

	for (; value >= 255; value -= 255)
		to[n++] = 255;
	to[n++] = (uint8_t)value;
	return n;
}

/* A NAL unit with one message; three bytes that look like a start code are parted. */
static size_t put_sei(bool hevc, uint8_t *to, const struct stub_sei *sei)
{
	uint8_t *raw = malloc(sei->len + sei->len / 255 + 16);
	size_t n = 0, len, zeros = 0;

	if (!raw)
		fail("no memory");
	len = put_number(raw, sei->type);
	len += put_number(raw + len, sei->len);
	memcpy(raw + len, sei->bytes, sei->len);
	len += sei->len;
	raw[len++] = 0x80;
	memcpy(to, "\0\0\0\1", 4);
	n = 4;
	to[n++] = hevc ? 39 << 1 : 6;
	if (hevc)
		to[n++] = 1;
	for (size_t i = 0; i < len; i++) {
		if (zeros == 2 && raw[i] <= 3) {
			to[n++] = 3;
			zeros = 0;
		}
		to[n++] = raw[i];
		zeros = raw[i] ? 0 : zeros + 1;
	}
	free(raw);
	return n;
}

/* In front of the first slice. */
static uint8_t *add_sei(bool hevc, const uint8_t *packet, size_t *len,
			const struct stub_sei *sei, unsigned int count)
{
	size_t slice = first_slice(hevc, packet, *len), room = *len, n;
	uint8_t *to;

	for (unsigned int i = 0; i < count; i++)
		room += 2 * (size_t)sei[i].len + 64;
	to = malloc(room);
	if (!to)
		fail("no memory");
	memcpy(to, packet, slice);
	n = slice;
	for (unsigned int i = 0; i < count; i++)
		n += put_sei(hevc, to + n, &sei[i]);
	memcpy(to + n, packet + slice, *len - slice);
	*len += n - slice;
	return to;
}

static uint8_t *h264_add(const uint8_t *packet, size_t *len, const struct stub_sei *list,
			 unsigned int count)
{
	return add_sei(false, packet, len, list, count);
}

static uint8_t *hevc_add(const uint8_t *packet, size_t *len, const struct stub_sei *list,
			 unsigned int count)
{
	return add_sei(true, packet, len, list, count);
}

const struct stub_codec stub_h264 = {
	.open = h264_open, .encode = h264_encode, .close = h264_close, .add_metadata = h264_add,
	.block = H264_BLOCK, .qp_max = 51, .size_max = 4096,
};

const struct stub_codec stub_hevc = {
	.open = hevc_open, .encode = hevc_encode, .close = hevc_close, .add_metadata = hevc_add,
	.hevc = true, .block = HEVC_BLOCK, .qp_max = 51, .size_max = 4096,
};
