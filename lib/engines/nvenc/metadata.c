// SPDX-License-Identifier: MIT
/*
 * Metadata that goes into the bitstream: SEI messages, or OBUs of AV1. NVENC adds
 * their framing and the bytes against emulation.
 */
#include <string.h>

#include "nvenc.h"

#define SEI_T35 4
#define SEI_MASTERING 137
#define SEI_LIGHT 144
#define OBU_LIGHT 1
#define OBU_MASTERING 2
#define OBU_T35 4

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

static void add(struct nvenc_payloads *p, uint32_t type, const uint8_t *bytes, uint32_t len)
{
	/* NVENC only reads it, though its header does not say so */
	if (p->count < NVENC_PAYLOADS_MAX)
		p->list[p->count++] = (NV_ENC_SEI_PAYLOAD){
			.payloadSize = len,
			.payloadType = type,
			.payload = (uint8_t *)(uintptr_t)bytes,
		};
}

/* G, B, R, white in steps of 0.00002; luminance in steps of 0.0001 cd/m2. */
static uint32_t mastering_sei(uint8_t *to, const struct hvcal_codec_config *c)
{
	uint8_t *at = to;

	for (unsigned int i = 0; i < 4; i++)
		at = put16(put16(at, c->mastering_x[i]), c->mastering_y[i]);
	at = put32(put32(at, c->mastering_max), c->mastering_min);
	return (uint32_t)(at - to);
}

/* AV1 has R, G, B, white as 0.16 fixed point, luminance as 24.8 and 18.14. */
static uint32_t mastering_obu(uint8_t *to, const struct hvcal_codec_config *c)
{
	static const unsigned int order[] = { 2, 0, 1, 3 };
	uint8_t *at = to;

	for (unsigned int i = 0; i < 4; i++) {
		uint32_t x = c->mastering_x[order[i]], y = c->mastering_y[order[i]];

		at = put16(put16(at, (x * 65536 + 25000) / 50000), (y * 65536ULL + 25000) / 50000);
	}
	at = put32(at, (uint32_t)(((uint64_t)c->mastering_max * 256 + 5000) / 10000));
	at = put32(at, (uint32_t)(((uint64_t)c->mastering_min * 16384 + 5000) / 10000));
	return (uint32_t)(at - to);
}

static void add_static(struct nvenc_payloads *p, const struct hvcal_codec_config *c)
{
	bool av1 = c->codec == HVCAL_CODEC_AV1;

	if (c->flags & HVCAL_CONFIG_MASTERING)
		add(p, av1 ? OBU_MASTERING : SEI_MASTERING, p->mastering,
		    (av1 ? mastering_obu : mastering_sei)(p->mastering, c));
	if (c->flags & HVCAL_CONFIG_LIGHT_LEVEL) {
		put16(put16(p->light, c->max_cll), c->max_fall);
		add(p, av1 ? OBU_LIGHT : SEI_LIGHT, p->light, sizeof(p->light));
	}
}

void nvenc_payloads_fill(struct nvenc_payloads *p, const struct hvcal_codec_config *c,
			 const struct hvcal_engine_job *job, bool key)
{
	const uint8_t *at = job->meta;
	size_t left = at ? job->meta_len : 0;
	struct hvcal_frame_meta head;

	p->count = 0;
	if (key)
		add_static(p, c);
	while (left >= sizeof(head)) {
		size_t step;

		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		left -= sizeof(head);
		if (head.len > left)
			break;
		if (head.type == HVCAL_META_T35 && head.len)
			add(p, c->codec == HVCAL_CODEC_AV1 ? OBU_T35 : SEI_T35, at, head.len);
		step = (head.len + 7UL) & ~7UL;
		if (step > left)
			break;
		at += step;
		left -= step;
	}
}
