// SPDX-License-Identifier: MIT
/*
 * AV1 behind the stub of NVENC, by libaom. It has 64 quantisers: the nearest is taken,
 * and told. It takes no QP maps either: the picture is coded at the lowest QP of the
 * map, and what the map wants coarser has been made coarser before. Intra refresh it
 * has none: sessions with it code as others do.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

#include "stub_codec.h"

#define BLOCK 64	/* of QP maps: superblocks */
#define SPEED 10
#define QUANTIZERS 64
#define KBPS_NO_LIMIT 1000000
#define OBU_SEQUENCE 1
#define OBU_DELIMITER 2
#define OBU_METADATA 5
#define REFERENCES 7	/* names that AV1 has for its slots */
#define SLOTS 8

struct av1 {
	aom_codec_ctx_t aom;
	aom_codec_enc_cfg_t cfg;
	struct stub_format format;
	uint8_t *coarse;	/* luma that a map was applied to */
	uint8_t *packet;
	bool begun;
	int64_t number;
	/* where libaom is told what to refer to: pictures of the slots, valid ones only */
	int64_t kept[SLOTS];
	bool valid[SLOTS];
};

static void fail(const char *what)
{
	fprintf(stderr, "nvenc stub: %s\n", what);
	abort();
}

/* ---- quantisers ---- */

/* Of libaom's scale from 0 to 63, the index that is coded. */
static int index_of(int quantizer)
{
	return quantizer == QUANTIZERS - 1 ? 255 : quantizer == QUANTIZERS - 2 ? 249 : quantizer * 4;
}

static int nearest(int index)
{
	int best = 0;

	for (int q = 1; q < QUANTIZERS; q++)
		if (abs(index_of(q) - index) < abs(index_of(best) - index))
			best = q;
	return best;
}

/* About what AV1's tables have, in steps of samples of 8 bits. */
static double step_of(int index)
{
	return index <= 100 ? (index + 8) / 8.0 : 13.5 * exp2((index - 100) / 38.0);
}

/* ---- maps ---- */

/* One of both passes of a Walsh-Hadamard transform of 8 by 8, which undoes itself. */
static void transform_rows(double b[8][8])
{
	for (int y = 0; y < 8; y++)
		for (int half = 4; half; half /= 2)
			for (int x = 0; x < 8; x++) {
				double a = b[y][x], c = b[y][x ^ half];

				if (x & half)
					continue;
				b[y][x] = (a + c) * M_SQRT1_2;
				b[y][x + half] = (a - c) * M_SQRT1_2;
			}
}

static void transpose(double b[8][8])
{
	for (int y = 0; y < 8; y++)
		for (int x = 0; x < y; x++) {
			double t = b[y][x];

			b[y][x] = b[x][y];
			b[x][y] = t;
		}
}

static void transform(double b[8][8])
{
	transform_rows(b);
	transpose(b);
	transform_rows(b);
	transpose(b);
}

static int sample_get(const struct stub_format *f, const uint8_t *luma, size_t at)
{
	return f->depth > 8 ? ((const uint16_t *)(const void *)luma)[at] : luma[at];
}

static void sample_put(const struct stub_format *f, uint8_t *luma, size_t at, double value)
{
	int max = (1 << f->depth) - 1, v = (int)lrint(value);

	v = v < 0 ? 0 : v > max ? max : v;
	if (f->depth > 8)
		((uint16_t *)(void *)luma)[at] = (uint16_t)v;
	else
		luma[at] = (uint8_t)v;
}

static void coarsen_block(const struct stub_format *f, uint8_t *luma, unsigned int x0,
			  unsigned int y0, double step)
{
	double b[8][8];

	for (unsigned int i = 0; i < 64; i++)
		b[i / 8][i % 8] = sample_get(f, luma, (size_t)(y0 + i / 8) * f->width + x0 + i % 8);
	transform(b);
	for (unsigned int i = 1; i < 64; i++)
		b[i / 8][i % 8] = step * lrint(b[i / 8][i % 8] / step);
	transform(b);
	for (unsigned int i = 0; i < 64; i++)
		sample_put(f, luma, (size_t)(y0 + i / 8) * f->width + x0 + i % 8, b[i / 8][i % 8]);
}

static int map_lowest(const struct stub_format *f, const int8_t *map)
{
	unsigned int cells = (f->width + BLOCK - 1) / BLOCK * ((f->height + BLOCK - 1) / BLOCK);
	int least = map[0];

	for (unsigned int i = 1; i < cells; i++)
		least = map[i] < least ? map[i] : least;
	return least;
}

/* @return the luma to code */
static uint8_t *apply_map(struct av1 *a, const struct stub_picture *pic, int lowest)
{
	const struct stub_format *f = &a->format;
	unsigned int cols = (f->width + BLOCK - 1) / BLOCK;
	double scale = 1 << (f->depth - 8);

	memcpy(a->coarse, pic->plane[0], (size_t)f->width * f->height * (f->depth > 8 ? 2 : 1));
	for (unsigned int y = 0; y + 8 <= f->height; y += 8)
		for (unsigned int x = 0; x + 8 <= f->width; x += 8) {
			int offset = pic->map[y / BLOCK * cols + x / BLOCK];

			if (offset > lowest)
				coarsen_block(f, a->coarse, x, y, scale * step_of(pic->qp + offset));
		}
	return a->coarse;
}

/* ---- the encoder ---- */

static void set(struct av1 *a, int control, int value)
{
	if (aom_codec_control(&a->aom, control, value))
		fail(aom_codec_error_detail(&a->aom) ? aom_codec_error_detail(&a->aom) :
		     "libaom takes no control");
}

static int log2_of(unsigned int tiles)
{
	int n = 0;

	while (tiles >> (n + 1))
		n++;
	return n;
}

static void *av1_open(const struct stub_format *f)
{
	struct av1 *a = calloc(1, sizeof(*a));

	if (!a || aom_codec_enc_config_default(aom_codec_av1_cx(), &a->cfg, AOM_USAGE_REALTIME))
		fail("no libaom");
	a->format = *f;
	a->coarse = malloc((size_t)f->width * f->height * 2);
	a->cfg.g_w = f->width;
	a->cfg.g_h = f->height;
	a->cfg.g_threads = 1;
	a->cfg.g_lag_in_frames = 0;
	a->cfg.g_bit_depth = (aom_bit_depth_t)f->depth;
	a->cfg.g_input_bit_depth = f->depth;
	a->cfg.g_timebase = (struct aom_rational){ 1, 90000 };
	a->cfg.kf_mode = AOM_KF_DISABLED;
	a->cfg.rc_end_usage = AOM_Q;
	a->cfg.rc_target_bitrate = KBPS_NO_LIMIT;
	a->cfg.rc_resize_mode = 0;
	if (!a->coarse || aom_codec_enc_init(&a->aom, aom_codec_av1_cx(), &a->cfg,
					     f->depth > 8 ? AOM_CODEC_USE_HIGHBITDEPTH : 0))
		fail("libaom does not open");
	set(a, AOME_SET_CPUUSED, SPEED);
	set(a, AV1E_SET_AQ_MODE, 0);
	set(a, AV1E_SET_DELTAQ_MODE, 0);
	set(a, AV1E_SET_ENABLE_TPL_MODEL, 0);
	/* what decoders read of all names, also of pictures that they lack */
	set(a, AV1E_SET_ENABLE_ORDER_HINT, 0);
	set(a, AV1E_SET_COLOR_PRIMARIES, (int)f->primaries);
	set(a, AV1E_SET_TRANSFER_CHARACTERISTICS, (int)f->transfer);
	set(a, AV1E_SET_MATRIX_COEFFICIENTS, (int)f->matrix);
	set(a, AV1E_SET_COLOR_RANGE, f->full_range);
	set(a, AV1E_SET_TILE_ROWS, log2_of(f->tile_rows));
	return a;
}

static void set_quantizer(struct av1 *a, int quantizer)
{
	a->cfg.rc_min_quantizer = (unsigned int)quantizer;
	a->cfg.rc_max_quantizer = (unsigned int)quantizer;
	if (aom_codec_enc_config_set(&a->aom, &a->cfg))
		fail("libaom takes no quantiser");
	set(a, AOME_SET_CQ_LEVEL, quantizer);
}

static void take_packet(struct av1 *a, size_t *len)
{
	aom_codec_iter_t iter = NULL;
	const aom_codec_cx_pkt_t *pkt;

	*len = 0;
	while ((pkt = aom_codec_get_cx_data(&a->aom, &iter))) {
		if (pkt->kind != AOM_CODEC_CX_FRAME_PKT)
			continue;
		a->packet = realloc(a->packet, *len + pkt->data.frame.sz);
		if (!a->packet)
			fail("no memory");
		memcpy(a->packet + *len, pkt->data.frame.buf, pkt->data.frame.sz);
		*len += pkt->data.frame.sz;
	}
	if (!*len)
		fail("libaom gives no packet");
}

/* ---- OBUs ---- */

struct obu {
	unsigned int type;
	size_t bytes;	/* with its header */
};

static struct obu obu_at(const uint8_t *at, size_t left)
{
	size_t n = at[0] & 4 ? 2 : 1, size = 0;

	if (!(at[0] & 2))
		fail("an OBU without a size");
	for (unsigned int shift = 0;; shift += 7) {
		if (n >= left)
			fail("an OBU that ends early");
		size |= (size_t)(at[n] & 127) << shift;
		if (!(at[n++] & 128))
			break;
	}
	if (size > left - n)
		fail("an OBU that ends late");
	return (struct obu){ .type = at[0] >> 3 & 15, .bytes = n + size };
}

/* libaom repeats the sequence header at each key frame: without repeatSeqHdr it goes. */
static void drop_sequence(uint8_t *packet, size_t *len)
{
	for (size_t at = 0; at < *len;) {
		struct obu o = obu_at(packet + at, *len - at);

		if (o.type == OBU_SEQUENCE) {
			memmove(packet + at, packet + at + o.bytes, *len - at - o.bytes);
			*len -= o.bytes;
		} else {
			at += o.bytes;
		}
	}
}

/* The latest of those that were not forgotten. */
static int newest_slot(const struct av1 *a)
{
	int newest = -1;

	for (int i = 0; i < SLOTS; i++)
		if (a->valid[i] && (newest < 0 || a->kept[i] > a->kept[newest]))
			newest = i;
	return newest;
}

/*
 * One reference, so that nothing comes from another picture: no samples, no vectors, no
 * probabilities. Slots are taken in turn, forgotten or not. libaom keeps pictures in
 * slots that have a name only: the one that is filled is LAST2, which is not referred to.
 */
static void refer(struct av1 *a, const struct stub_picture *pic)
{
	unsigned int slot = (unsigned int)(a->number % a->format.refs);
	aom_svc_ref_frame_config_t refs = { .reference = { 1 } };
	int from;

	for (int i = 0; i < SLOTS; i++)
		a->valid[i] &= !pic->key && a->kept[i] < a->number - pic->forget;
	from = newest_slot(a);
	if (from < 0 && !pic->key)
		fail("all references are forgotten, and libaom has no intra picture for that");
	for (int i = 0; i < REFERENCES; i++)
		refs.ref_idx[i] = from < 0 ? 0 : from;
	refs.ref_idx[1] = (int)slot;
	refs.refresh[slot] = 1;
	if (aom_codec_control(&a->aom, AV1E_SET_SVC_REF_FRAME_CONFIG, &refs))
		fail("libaom takes no references");
	a->kept[slot] = a->number;
	a->valid[slot] = true;
}

static int av1_encode(void *encoder, const struct stub_picture *pic, const uint8_t **packet,
		      size_t *len)
{
	struct av1 *a = encoder;
	const struct stub_format *f = &a->format;
	int lowest = pic->map ? map_lowest(f, pic->map) : 0, index = -1;
	int quantizer = nearest(pic->qp + lowest), sample = f->depth > 8 ? 2 : 1;
	aom_image_t img;

	aom_img_wrap(&img, f->depth > 8 ? AOM_IMG_FMT_I42016 : AOM_IMG_FMT_I420, f->width,
		     f->height, 1, pic->plane[0]);
	for (int p = 0; p < 3; p++) {
		img.planes[p] = pic->plane[p];
		img.stride[p] = (int)(p ? f->width / 2 : f->width) * sample;
	}
	img.bit_depth = f->depth;
	if (pic->map)
		img.planes[0] = apply_map(a, pic, lowest);
	set_quantizer(a, quantizer);
	if (f->refs)
		refer(a, pic);
	if (aom_codec_encode(&a->aom, &img, a->number++, 1, pic->key ? AOM_EFLAG_FORCE_KF : 0))
		fail("libaom does not encode");
	take_packet(a, len);
	aom_codec_control(&a->aom, AOME_GET_LAST_QUANTIZER, &index);
	if (index != index_of(quantizer))
		fail("libaom takes another quantiser");
	if (a->begun && !f->repeat_headers)
		drop_sequence(a->packet, len);
	a->begun = true;
	*packet = a->packet;
	return index - lowest + pic->map_mean;
}

static void av1_close(void *encoder)
{
	struct av1 *a = encoder;

	aom_codec_destroy(&a->aom);
	free(a->packet);
	free(a->coarse);
	free(a);
}

static size_t put_size(uint8_t *to, size_t size)
{
	size_t n = 0;

	for (; size > 127; size >>= 7)
		to[n++] = (uint8_t)(size | 128);
	to[n++] = (uint8_t)size;
	return n;
}

/* Type, payload, and the bit that ends it. */
static size_t put_metadata(uint8_t *to, const struct stub_sei *m)
{
	size_t n = 0;

	to[n++] = OBU_METADATA << 3 | 2;
	n += put_size(to + n, m->len + 2);
	to[n++] = (uint8_t)m->type;
	memcpy(to + n, m->bytes, m->len);
	n += m->len;
	to[n++] = 0x80;
	return n;
}

/* Behind the delimiter and the sequence header, in front of the frame. */
static uint8_t *av1_add(const uint8_t *packet, size_t *len, const struct stub_sei *list,
			unsigned int count)
{
	size_t at = 0, room = *len, n;
	uint8_t *to;

	while (at < *len) {
		struct obu o = obu_at(packet + at, *len - at);

		if (o.type != OBU_DELIMITER && o.type != OBU_SEQUENCE)
			break;
		at += o.bytes;
	}
	if (!at || at == *len)
		fail("a packet that is no temporal unit");
	for (unsigned int i = 0; i < count; i++)
		room += list[i].len + 16;
	to = malloc(room);
	if (!to)
		fail("no memory");
	memcpy(to, packet, at);
	n = at;
	for (unsigned int i = 0; i < count; i++)
		n += put_metadata(to + n, &list[i]);
	memcpy(to + n, packet + at, *len - at);
	*len += n - at;
	return to;
}

const struct stub_codec stub_av1 = {
	.open = av1_open, .encode = av1_encode, .close = av1_close, .add_metadata = av1_add,
	.av1 = true, .block = BLOCK, .qp_max = 255, .size_max = 8192,
};
