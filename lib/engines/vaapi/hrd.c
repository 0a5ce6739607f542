// SPDX-License-Identifier: MIT
#include "hrd.h"

#define CLOCK_HZ 90000
#define RATE_SHIFT 6
#define SIZE_SHIFT 4
#define SCALE_MAX 15

/* A number as value << (shift + scale): exact where it can be, else rounded up. */
static uint32_t scale_of(uint64_t number, uint32_t shift)
{
	uint32_t scale = 0;

	while (scale < SCALE_MAX && (number >> (shift + scale) > UINT32_MAX ||
				     !(number & ((2ULL << (shift + scale)) - 1))))
		scale++;
	return scale;
}

static uint32_t value_of(uint64_t number, uint32_t shift)
{
	return (uint32_t)((number + (1ULL << shift) - 1) >> shift);
}

void vaapi_hrd_begin(struct hvcal_engine_stream *s)
{
	const struct hvcal_codec_config *c = &s->config;
	uint64_t rate, size;

	s->hrd = (struct vaapi_hrd){
		.there = s->codec->hrd && s->rc == VA_RC_CBR && c->vbv_ms &&
			 c->tune == HVCAL_TUNE_QUALITY && !s->rates_change &&
			 s->point->packed & VA_ENC_PACKED_HEADER_SEQUENCE,
	};
	if (!s->hrd.there)
		return;
	size = vaapi_rate_buffer(c, c->bitrate);
	s->hrd.rate_scale = scale_of(c->bitrate, RATE_SHIFT);
	s->hrd.rate_value = value_of(c->bitrate, RATE_SHIFT + s->hrd.rate_scale);
	s->hrd.size_scale = scale_of(size, SIZE_SHIFT);
	s->hrd.size_value = value_of(size, SIZE_SHIFT + s->hrd.size_scale);
	rate = (uint64_t)s->hrd.rate_value << (RATE_SHIFT + s->hrd.rate_scale);
	s->hrd.delay = (uint32_t)(vaapi_rate_fullness((uint32_t)size) * (uint64_t)CLOCK_HZ / rate);
	s->hrd.offset = (uint32_t)(size * CLOCK_HZ / rate) - s->hrd.delay;
}

bool vaapi_hrd_holds(const struct hvcal_engine_stream *s, const struct hvcal_codec_config *config)
{
	return !s->hrd.there || (config->bitrate == s->config.bitrate &&
				 config->vbv_ms == s->config.vbv_ms);
}

void vaapi_hrd_scales_write(struct vaapi_bits *b, const struct vaapi_hrd *h)
{
	vaapi_bits_put(b, 4, h->rate_scale);
	vaapi_bits_put(b, 4, h->size_scale);
}

void vaapi_hrd_lengths_write(struct vaapi_bits *b)
{
	for (int i = 0; i < 3; i++)
		vaapi_bits_put(b, 5, VAAPI_HRD_DELAY_BITS - 1);
}

void vaapi_hrd_values_write(struct vaapi_bits *b, const struct vaapi_hrd *h)
{
	vaapi_bits_ue(b, h->rate_value - 1);
	vaapi_bits_ue(b, h->size_value - 1);
	/* cbr_flag: drivers do not promise to fill what is left */
	vaapi_bits_put(b, 1, 0);
}

void vaapi_hrd_delay_write(struct vaapi_bits *b, uint32_t delay)
{
	/* counters begin anew */
	vaapi_bits_put(b, VAAPI_HRD_DELAY_BITS, delay);
}

void vaapi_hrd_initial_write(struct vaapi_bits *b, const struct vaapi_hrd *h)
{
	vaapi_hrd_delay_write(b, h->delay);
	vaapi_hrd_delay_write(b, h->offset);
}

uint32_t vaapi_hrd_output_delay(const struct hvcal_engine_stream *s, const struct vaapi_picture *p)
{
	/* with B pictures, all are shown one later than they might */
	return p->number + !!s->bframes - (p->key ? 0 : p->coded);
}
