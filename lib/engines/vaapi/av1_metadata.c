// SPDX-License-Identifier: MIT
/* Metadata OBUs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../hdr_av1.h"
#include "../soft.h"
#include "av1.h"

#define OBU_ROOM 12	/* header, size, type and trailing bits of one */

static uint8_t *put_size(uint8_t *at, size_t size)
{
	for (; size > 127; size >>= 7)
		*at++ = (uint8_t)(size | 128);
	*at++ = (uint8_t)size;
	return at;
}

static uint8_t *put_obu(uint8_t *at, uint8_t type, const uint8_t *payload, size_t len)
{
	*at++ = AV1_OBU_METADATA << 3 | 2;
	at = put_size(at, len + 2);
	*at++ = type;
	memcpy(at, payload, len);
	at += len;
	*at++ = 0x80;
	return at;
}

static uint8_t *put_static(uint8_t *at, const struct hvcal_codec_config *c)
{
	uint8_t mastering[HVCAL_AV1_MASTERING_BYTES], light[HVCAL_AV1_LIGHT_LEVEL_BYTES];

	if (c->flags & HVCAL_CONFIG_MASTERING) {
		hvcal_av1_mastering(c, mastering);
		at = put_obu(at, HVCAL_AV1_MASTERING, mastering, sizeof(mastering));
	}
	if (c->flags & HVCAL_CONFIG_LIGHT_LEVEL) {
		hvcal_av1_light_level(c, light);
		at = put_obu(at, HVCAL_AV1_LIGHT_LEVEL, light, sizeof(light));
	}
	return at;
}

int vaapi_av1_metadata(const struct hvcal_codec_config *config, const struct hvcal_engine_job *job,
		       bool key, uint8_t **data, size_t *len)
{
	/* a record's head is 8 bytes; what an OBU adds is no more than twice that */
	size_t room = 2 * OBU_ROOM + HVCAL_AV1_MASTERING_BYTES + HVCAL_AV1_LIGHT_LEVEL_BYTES +
		      2 * (size_t)job->meta_len;
	const uint8_t *payload;
	size_t from = 0;
	uint32_t size;
	uint8_t *at;

	*data = NULL;
	*len = 0;
	if (!job->meta_len && !key)
		return 0;
	*data = malloc(room);
	if (!*data)
		return -ENOMEM;
	at = key ? put_static(*data, config) : *data;
	while ((payload = hvcal_soft_t35_next(job, &from, &size)))
		at = put_obu(at, HVCAL_AV1_T35, payload, size);
	*len = (size_t)(at - *data);
	if (!*len) {
		free(*data);
		*data = NULL;
	}
	return 0;
}

/* Bytes of the OBU that begins here; 0: there is none. */
static size_t obu_length(const uint8_t *data, size_t len)
{
	size_t at = data[0] & 4 ? 2 : 1, size = 0;

	/* without a size it is the last one */
	if (!(data[0] & 2))
		return 0;
	for (unsigned int i = 0; i < 5 && at < len; i++) {
		size |= (size_t)(data[at] & 127) << 7 * i;
		if (data[at++] < 128)
			return size <= len - at ? at + size : 0;
	}
	return 0;
}

size_t vaapi_av1_metadata_place(const uint8_t *packet, size_t len)
{
	size_t at = 0;

	while (at < len) {
		uint8_t type = packet[at] >> 3 & 15;
		size_t step = obu_length(packet + at, len - at);

		if (!step || (type != AV1_OBU_SEQUENCE && type != AV1_OBU_DELIMITER))
			break;
		at += step;
	}
	return at;
}
