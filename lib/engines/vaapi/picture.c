// SPDX-License-Identifier: MIT
/* The buffers that tell the driver of one picture. */
#include <string.h>

#include "nal.h"
#include "vaapi.h"

#define MISC_WORDS 32	/* more than any of VA-API has */

void vaapi_buffer_add(struct hvcal_engine_stream *s, VABufferType type, const void *data,
		      size_t size)
{
	VAStatus status;

	if (s->error)
		return;
	status = s->nbuffers == VAAPI_BUFFERS ? VA_STATUS_ERROR_MAX_NUM_EXCEEDED :
		 vaCreateBuffer(s->ctx->display, s->context, type, (unsigned int)size, 1,
				(void *)data, &s->buffers[s->nbuffers]);
	if (status)
		s->error = vaapi_failed(s->ctx, "a parameter buffer", status);
	else
		s->nbuffers++;
}

void vaapi_packed_add(struct hvcal_engine_stream *s, uint32_t type, const uint8_t *data,
		      uint32_t bits, bool escaped)
{
	const VAEncPackedHeaderParameterBuffer head = {
		.type = type,
		.bit_length = bits,
		.has_emulation_bytes = escaped,
	};

	vaapi_buffer_add(s, VAEncPackedHeaderParameterBufferType, &head, sizeof(head));
	vaapi_buffer_add(s, VAEncPackedHeaderDataBufferType, data, (bits + 7) / 8);
}

void vaapi_header_add(struct hvcal_engine_stream *s, uint32_t type, uint32_t nal,
		      uint32_t nal_len, const struct vaapi_bits *b)
{
	uint8_t data[8 + VAAPI_HEADER_MAX * 3 / 2];

	vaapi_packed_add(s, type, data, vaapi_nal_write(data, nal, nal_len, b->data, b->count),
			 true);
}

void vaapi_misc_add(struct hvcal_engine_stream *s, VAEncMiscParameterType type, const void *data,
		    size_t size)
{
	/* a word that names the type, then the parameters */
	uint32_t misc[1 + MISC_WORDS] = { type };

	memcpy(&misc[1], data, size);
	vaapi_buffer_add(s, VAEncMiscParameterBufferType, misc, sizeof(misc[0]) + size);
}

void vaapi_buffers_free(struct hvcal_engine_stream *s)
{
	while (s->nbuffers)
		vaDestroyBuffer(s->ctx->display, s->buffers[--s->nbuffers]);
}

/* Drivers want slices of whole rows, and as even as can be. */
uint32_t vaapi_slice_row(const struct hvcal_engine_stream *s, uint32_t n)
{
	uint32_t rows = s->height / s->codec->block;

	return (rows * n + s->slices / 2) / s->slices;
}
