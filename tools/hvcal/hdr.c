/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/bsf.h>
#include <libavutil/mastering_display_metadata.h>

#include "hdr.h"

#define HEVC_SEI_PREFIX 39
#define SEI_T35 4
#define OBU_METADATA 5
#define OBU_METADATA_T35 4
#define MESSAGES_MAX 64		/* of one picture; more are left out */

struct message {
	struct message *next;
	int64_t number;		/* of its packet */
	size_t size;
	uint8_t data[];
};

struct t35_log {
	enum AVCodecID codec;
	AVBSFContext *annexb;	/* HEVC: length prefixes to start codes */
	struct message *first, **last;
	struct message *taken;
	hvcal_t35_t list[MESSAGES_MAX];
};

static void free_messages(struct message *m)
{
	while (m) {
		struct message *next = m->next;

		free(m);
		m = next;
	}
}

void t35_log_free(struct t35_log **log)
{
	struct t35_log *l = *log;

	if (!l)
		return;
	av_bsf_free(&l->annexb);
	free_messages(l->first);
	free_messages(l->taken);
	free(l);
	*log = NULL;
}

struct t35_log *t35_log_create(const AVCodecParameters *par)
{
	struct t35_log *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->codec = par->codec_id;
	l->last = &l->first;
	if (l->codec != AV_CODEC_ID_HEVC)
		return l;
	if (av_bsf_alloc(av_bsf_get_by_name("hevc_mp4toannexb"), &l->annexb) >= 0 &&
	    avcodec_parameters_copy(l->annexb->par_in, par) >= 0 && av_bsf_init(l->annexb) >= 0)
		return l;
	t35_log_free(&l);
	return NULL;
}

static int add(struct t35_log *l, int64_t number, const uint8_t *data, size_t size)
{
	struct message *m = malloc(sizeof(*m) + size);

	if (!m)
		return -ENOMEM;
	*m = (struct message){ .number = number, .size = size };
	memcpy(m->data, data, size);
	*l->last = m;
	l->last = &m->next;
	return 0;
}

/* ---- HEVC ---- */

/* A number of SEI syntax: bytes of 255, and one that is less. */
static size_t sei_number(const uint8_t *data, size_t size, size_t *at)
{
	size_t value = 0;

	while (*at < size && data[*at] == 255) {
		value += 255;
		++*at;
	}
	return *at < size ? value + data[(*at)++] : value;
}

static int sei_messages(struct t35_log *l, int64_t number, const uint8_t *data, size_t size)
{
	size_t at = 0;
	int ret = 0;

	/* the last byte are trailing bits */
	while (!ret && at + 2 < size) {
		size_t type = sei_number(data, size, &at), len = sei_number(data, size, &at);

		if (len > size - at)
			break;
		if (type == SEI_T35 && len)
			ret = add(l, number, data + at, len);
		at += len;
	}
	return ret;
}

/* Without the bytes that keep start codes out of it, and without its header. */
static int sei_unit(struct t35_log *l, int64_t number, const uint8_t *nal, size_t size)
{
	uint8_t *plain = malloc(size);
	size_t len = 0;
	int ret;

	if (!plain)
		return -ENOMEM;
	for (size_t i = 2; i < size; i++) {
		if (i >= 4 && nal[i] == 3 && !nal[i - 1] && !nal[i - 2])
			continue;
		plain[len++] = nal[i];
	}
	ret = sei_messages(l, number, plain, len);
	free(plain);
	return ret;
}

/* Index of the next start code (00 00 01), or @size. */
static size_t start_code(const uint8_t *data, size_t size, size_t at)
{
	for (; at + 3 <= size; at++)
		if (!data[at] && !data[at + 1] && data[at + 2] == 1)
			return at;
	return size;
}

static int hevc_units(struct t35_log *l, int64_t number, const uint8_t *data, size_t size)
{
	size_t at = start_code(data, size, 0);
	int ret = 0;

	while (!ret && at < size) {
		size_t begin = at + 3, end;

		at = start_code(data, size, begin);
		end = at;
		/* zeros before a start code are no part of the unit */
		while (end > begin && !data[end - 1])
			end--;
		if (end - begin > 2 && (data[begin] >> 1 & 0x3f) == HEVC_SEI_PREFIX)
			ret = sei_unit(l, number, data + begin, end - begin);
	}
	return ret;
}

static int hevc_packet(struct t35_log *l, int64_t number, const AVPacket *packet)
{
	AVPacket *copy = av_packet_clone(packet);
	int ret = copy ? 0 : -ENOMEM;

	/* a packet that cannot be read is the decoder's to complain about */
	if (!ret && av_bsf_send_packet(l->annexb, copy) >= 0)
		while (!ret && av_bsf_receive_packet(l->annexb, copy) >= 0) {
			ret = hevc_units(l, number, copy->data, (size_t)copy->size);
			av_packet_unref(copy);
		}
	av_packet_free(&copy);
	return ret;
}

/* ---- AV1 ---- */

static bool leb128(const uint8_t *data, size_t size, size_t *at, size_t *value)
{
	*value = 0;
	for (unsigned int i = 0; i < 8 && *at < size; i++) {
		uint8_t byte = data[(*at)++];

		*value |= (size_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static int av1_metadata(struct t35_log *l, int64_t number, const uint8_t *data, size_t size)
{
	size_t at = 0, type;

	if (!leb128(data, size, &at, &type) || type != OBU_METADATA_T35)
		return 0;
	/* trailing bits: a one, and zeros to the end */
	while (size > at && !data[size - 1])
		size--;
	return size > at + 1 ? add(l, number, data + at, size - 1 - at) : 0;
}

static int av1_units(struct t35_log *l, int64_t number, const uint8_t *data, size_t size)
{
	size_t at = 0, len;
	int ret = 0;

	while (!ret && at < size) {
		uint8_t header = data[at++];

		if (header & 0x04)
			at++;
		if (!(header & 0x02))
			len = at < size ? size - at : 0;
		else if (!leb128(data, size, &at, &len))
			break;
		if (at > size || len > size - at)
			break;
		if ((header >> 3 & 0x0f) == OBU_METADATA)
			ret = av1_metadata(l, number, data + at, len);
		at += len;
	}
	return ret;
}

/* ---- */

int t35_log_packet(struct t35_log *l, const AVPacket *packet, int64_t number)
{
	switch (l->codec) {
	case AV_CODEC_ID_HEVC:
		return hevc_packet(l, number, packet);
	case AV_CODEC_ID_AV1:
		return av1_units(l, number, packet->data, (size_t)packet->size);
	default:
		return 0;
	}
}

uint32_t t35_log_take(struct t35_log *l, int64_t number, const hvcal_t35_t **list)
{
	struct message **at = &l->first, **end = &l->taken;
	uint32_t count = 0;

	free_messages(l->taken);
	l->taken = NULL;
	while (*at) {
		struct message *m = *at;

		if (m->number != number) {
			at = &m->next;
			continue;
		}
		*at = m->next;
		m->next = NULL;
		*end = m;
		end = &m->next;
		if (count < MESSAGES_MAX)
			l->list[count++] = (hvcal_t35_t){ .data = m->data, .size = m->size };
	}
	l->last = at;
	*list = l->list;
	return count;
}

static uint32_t in_units(AVRational value, int unit)
{
	return (uint32_t)av_rescale_rnd(value.num, unit, value.den ? value.den : 1,
					AV_ROUND_NEAR_INF);
}

void hdr_static(struct source_info *info, const AVFrame *frame)
{
	static const int order[] = { 1, 2, 0 };	/* G, B, R of R, G, B */
	const AVFrameSideData *sd;

	sd = av_frame_get_side_data(frame, AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
	if (sd) {
		const AVMasteringDisplayMetadata *m = (const void *)sd->data;

		if (m->has_primaries) {
			for (int i = 0; i < 3; i++) {
				info->mastering_x[i] = (uint16_t)
					in_units(m->display_primaries[order[i]][0], 50000);
				info->mastering_y[i] = (uint16_t)
					in_units(m->display_primaries[order[i]][1], 50000);
			}
			info->mastering_x[3] = (uint16_t)in_units(m->white_point[0], 50000);
			info->mastering_y[3] = (uint16_t)in_units(m->white_point[1], 50000);
		}
		if (m->has_luminance) {
			info->mastering_max = in_units(m->max_luminance, 10000);
			info->mastering_min = in_units(m->min_luminance, 10000);
		}
	}
	sd = av_frame_get_side_data(frame, AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
	if (sd) {
		const AVContentLightMetadata *light = (const void *)sd->data;

		info->max_cll = (uint16_t)light->MaxCLL;
		info->max_fall = (uint16_t)light->MaxFALL;
	}
}
