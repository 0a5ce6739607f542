// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nal.h"

#define SEI_T35 4
#define SEI_MASTERING 137
#define SEI_LIGHT_LEVEL 144
#define MASTERING_BYTES 24
#define LIGHT_LEVEL_BYTES 4
#define SAR_EXTENDED 255
#define UNSPECIFIED 2

void vaapi_bits_put(struct vaapi_bits *b, unsigned int n, uint32_t value)
{
	while (n--) {
		if (value >> n & 1)
			b->data[b->count / 8] |= (uint8_t)(0x80 >> b->count % 8);
		b->count++;
	}
}

void vaapi_bits_ue(struct vaapi_bits *b, uint32_t value)
{
	unsigned int n = 0;

	while (((uint64_t)value + 1) >> (n + 1))
		n++;
	vaapi_bits_put(b, n, 0);
	vaapi_bits_put(b, 1, 1);
	vaapi_bits_put(b, n, value + 1);
}

void vaapi_bits_se(struct vaapi_bits *b, int32_t value)
{
	vaapi_bits_ue(b, value > 0 ? 2 * (uint32_t)value - 1 : 2 * -(uint32_t)value);
}

void vaapi_bits_pad(struct vaapi_bits *b)
{
	b->count = (b->count + 7) & ~7U;
}

void vaapi_bits_end(struct vaapi_bits *b)
{
	vaapi_bits_put(b, 1, 1);
	vaapi_bits_pad(b);
}

/* ---- VUI ---- */

static uint32_t or_unspecified(uint32_t value)
{
	return value ? value : UNSPECIFIED;
}

void vaapi_vui_begin(struct vaapi_bits *b, const struct hvcal_codec_config *c)
{
	bool sar = c->sar_num && c->sar_den;
	bool range = c->flags & HVCAL_CONFIG_FULL_RANGE;
	bool colour = c->primaries || c->transfer || c->matrix;

	vaapi_bits_put(b, 1, sar);
	if (sar) {
		vaapi_bits_put(b, 8, SAR_EXTENDED);
		vaapi_bits_put(b, 16, c->sar_num);
		vaapi_bits_put(b, 16, c->sar_den);
	}
	vaapi_bits_put(b, 1, 0);		/* overscan_info_present_flag */
	vaapi_bits_put(b, 1, range || colour);
	if (range || colour) {
		vaapi_bits_put(b, 3, 5);	/* video_format: unspecified */
		vaapi_bits_put(b, 1, range);
		vaapi_bits_put(b, 1, colour);
	}
	if (colour) {
		vaapi_bits_put(b, 8, or_unspecified(c->primaries));
		vaapi_bits_put(b, 8, or_unspecified(c->transfer));
		vaapi_bits_put(b, 8, or_unspecified(c->matrix));
	}
	vaapi_bits_put(b, 1, 0);		/* chroma_loc_info_present_flag */
}

/* ---- NAL units ---- */

uint32_t vaapi_nal_write(uint8_t *out, uint32_t header, uint32_t header_len, const uint8_t *data,
			 uint32_t bits)
{
	static const uint8_t start[] = { 0, 0, 0, 1 };
	uint32_t bytes = (bits + 7) / 8, zeroes = 0;
	uint8_t *at = out;

	memcpy(at, start, sizeof(start));
	at += sizeof(start);
	while (header_len--)
		*at++ = (uint8_t)(header >> 8 * header_len);
	for (uint32_t i = 0; i < bytes; i++) {
		if (zeroes == 2 && data[i] <= 3) {
			*at++ = 3;
			zeroes = 0;
		}
		zeroes = data[i] ? 0 : zeroes + 1;
		*at++ = data[i];
	}
	return (uint32_t)(at - out) * 8 - (bytes * 8 - bits);
}

/* ---- SEI ---- */

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value & 0xffff);
}

/* Type and length of a message; the payload follows. */
static uint8_t *put_message(uint8_t *at, uint8_t type, size_t len)
{
	*at++ = type;
	for (; len >= 255; len -= 255)
		*at++ = 255;
	*at++ = (uint8_t)len;
	return at;
}

static uint8_t *put_static(uint8_t *at, const struct hvcal_codec_config *c)
{
	if (c->flags & HVCAL_CONFIG_MASTERING) {
		at = put_message(at, SEI_MASTERING, MASTERING_BYTES);
		for (int i = 0; i < 4; i++)
			at = put16(put16(at, c->mastering_x[i]), c->mastering_y[i]);
		at = put32(put32(at, c->mastering_max), c->mastering_min);
	}
	if (c->flags & HVCAL_CONFIG_LIGHT_LEVEL) {
		at = put_message(at, SEI_LIGHT_LEVEL, LIGHT_LEVEL_BYTES);
		at = put16(put16(at, c->max_cll), c->max_fall);
	}
	return at;
}

/* The job's records; one that is not whole ends them. */
static uint8_t *put_meta(uint8_t *at, const struct hvcal_engine_job *job)
{
	const uint8_t *from = job->meta;
	size_t left = job->meta_len;
	struct hvcal_frame_meta head;

	while (left >= sizeof(head)) {
		size_t step;

		memcpy(&head, from, sizeof(head));
		from += sizeof(head);
		left -= sizeof(head);
		if (head.len > left)
			break;
		if (head.type == HVCAL_META_T35 && head.len) {
			at = put_message(at, SEI_T35, head.len);
			memcpy(at, from, head.len);
			at += head.len;
		}
		step = (head.len + (size_t)7) & ~(size_t)7;
		step = step < left ? step : left;
		from += step;
		left -= step;
	}
	return at;
}

void vaapi_sei_message(struct vaapi_bits *b, uint32_t type, struct vaapi_bits *payload)
{
	if (payload->count % 8)
		vaapi_bits_end(payload);
	vaapi_bits_put(b, 8, type);
	vaapi_bits_put(b, 8, payload->count / 8);
	for (uint32_t i = 0; i < payload->count / 8; i++)
		vaapi_bits_put(b, 8, payload->data[i]);
}

static int nals_make(const struct vaapi_bits *timing, const uint8_t *content, uint32_t bytes,
		     uint32_t header, uint32_t header_len, uint8_t **sei, size_t *len)
{
	*sei = malloc(vaapi_nal_room(timing->count / 8) + vaapi_nal_room(bytes));
	if (!*sei)
		return -ENOMEM;
	if (timing->count)
		*len = vaapi_nal_write(*sei, header, header_len, timing->data, timing->count) / 8;
	if (bytes)
		*len += vaapi_nal_write(*sei + *len, header, header_len, content, bytes * 8) / 8;
	return 0;
}

int vaapi_sei_make(const struct hvcal_codec_config *config, const struct hvcal_engine_job *job,
		   bool key, struct vaapi_bits *timing, uint32_t header, uint32_t header_len,
		   uint8_t **sei, size_t *len)
{
	/* a record's head is longer than what a message adds to its payload, but for long ones */
	size_t room = 64 + (size_t)job->meta_len + job->meta_len / 255;
	uint8_t *content, *at;
	int ret = 0;

	*sei = NULL;
	*len = 0;
	if (!job->meta_len && !key && !timing->count)
		return 0;
	content = malloc(room);
	if (!content)
		return -ENOMEM;
	at = key ? put_static(content, config) : content;
	at = put_meta(at, job);
	if (at != content)
		*at++ = 0x80;
	if (timing->count)
		vaapi_bits_end(timing);
	if (at != content || timing->count)
		ret = nals_make(timing, content, (uint32_t)(at - content), header, header_len, sei,
				len);
	free(content);
	return ret;
}

size_t vaapi_nal_before_slice(const uint8_t *data, size_t len, bool (*is_slice)(uint8_t header))
{
	for (size_t i = 0; i + 3 < len; i++)
		if (!data[i] && !data[i + 1] && data[i + 2] == 1 && is_slice(data[i + 3]))
			return i && !data[i - 1] ? i - 1 : i;
	return 0;
}
