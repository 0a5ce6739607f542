// SPDX-License-Identifier: MIT
/* Bad input, many streams, and ends at any time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

#define OPENS_MAX 1000
#define OPENS_MIN 100
#define OPENS_NS 2000000000ULL	/* for those beyond, but with --long */

static void expect_refused(struct conf *c, const struct hvcal_codec_config *config,
			   const char *what)
{
	hvcal_engine_stream_t *stream = NULL;
	int ret = c->engine->ops->open(c->engine->ctx, config, &stream);

	if (!ret)
		c->engine->ops->close(stream);
	CHECK(c, ret == -EINVAL, "%s: open gives %d instead of -EINVAL", what, ret);
}

static void test_bad_configurations(struct conf *c)
{
	struct hvcal_codec_config bad;

#define BAD(field, value) \
	do { \
		bad = conf_config(c); \
		bad.field = (value); \
		expect_refused(c, &bad, #field " = " #value); \
	} while (0)
	BAD(codec, HVCAL_FOURCC('N', 'O', 'N', 'E'));
	BAD(codec, 0);
	BAD(format, HVCAL_FOURCC('N', 'O', 'N', 'E'));
	BAD(format, 0);
	BAD(width, 0);
	BAD(height, 0);
	BAD(width, c->cap->max_width + 16);
	BAD(height, c->cap->max_height + 16);
	BAD(width, UINT32_MAX);
	BAD(bit_depth, 7);
	BAD(bit_depth, 99);
	if (conf_is_null(c))
		return; /* it has no use for the rest */
	BAD(fps_num, 0);
	BAD(fps_den, 0);
	BAD(rc_mode, 99);
	BAD(tune, 99);
	BAD(preset, 10);
	BAD(chroma, 411);
	bad = conf_config(c);
	bad.rc_mode = HVCAL_RC_CBR;
	bad.bitrate = 0;
	expect_refused(c, &bad, "CBR without a bit rate");
#undef BAD
}

/* ---- frames that are not what they say ---- */

static void spoil_format(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.format = HVCAL_FOURCC('N', 'O', 'N', 'E');
}

static void spoil_offset(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.offset[0] = UINT64_MAX - 4096;
}

static void spoil_stride(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.stride[0] = 1U << 30;
}

static void spoil_narrow(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.stride[0] = 1;
}

static void spoil_small(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.width /= 2;
}

static void spoil_index(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.fd_index[0] = 77;
}

static void spoil_planes(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.planes = 200;
}

static void spoil_map(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	job->side = source;
	job->side_offset = UINT64_MAX - 8;
	job->side_size = 1000000;
	job->params.map_block = 1;
	job->params.map_stride = 320;
}

static const struct hvcal_frame_meta meta_record = { HVCAL_META_T35, 8 };
static const struct {
	struct hvcal_frame_meta head;
	uint8_t payload[8];
} whole_meta = { { HVCAL_META_T35, 8 }, { 1, 2, 3, 4, 5, 6, 7, 8 } };

/* The map is bad after good metadata: what was made for it must not leak. */
static void spoil_map_meta(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	spoil_map(job, source);
	job->meta = &whole_meta;
	job->meta_len = sizeof(whole_meta);
}

/* Metadata that ends in the middle; nothing to refuse, nothing to read beyond. */
static void spoil_meta(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->meta = &meta_record;
	job->meta_len = sizeof(meta_record);
}

/* Refused with -EINVAL, in encode() or by done(), and the stream goes on. */
static void test_bad_frames(struct conf *c)
{
	static const struct {
		const char *what;
		void (*spoil)(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source);
		uint32_t need;	/* the engine reads it only with this capability */
	} bad[] = {
		{ "format", spoil_format, HVCAL_CAP_FLAGS_ALL },
		{ "offset", spoil_offset, HVCAL_CAP_FLAGS_ALL },
		{ "stride", spoil_stride, HVCAL_CAP_FLAGS_ALL },
		{ "narrow stride", spoil_narrow, HVCAL_CAP_FLAGS_ALL },
		{ "small frame", spoil_small, HVCAL_CAP_FLAGS_ALL },
		{ "plane index", spoil_index, HVCAL_CAP_FLAGS_ALL },
		{ "planes", spoil_planes, HVCAL_CAP_FLAGS_ALL },
		{ "map", spoil_map, HVCAL_CAP_ROI },
		{ "map after metadata", spoil_map_meta, HVCAL_CAP_ROI },
	};
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send_many(s, 2);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct conf_how how = { .spoil = bad[i].spoil };
		int ret = conf_send(s, &how);

		conf_wait(s);
		if (!ret)
			ret = s->frames[s->count - 1]->result.status;
		/* the null engine looks at samples only, within their bounds */
		if (!conf_is_null(c) && c->cap->flags & bad[i].need &&
		    ret != -EINVAL)
			conf_fail(c, "bad %s gives %d instead of -EINVAL", bad[i].what, ret);
	}
	conf_send(s, &(struct conf_how){ .spoil = spoil_meta });
	conf_send_many(s, 3);
	conf_flush(s);
	if (!conf_is_null(c))
		conf_decode(s, 0, 34, NULL);
	conf_free(&s);
}

static void spoil_target_map(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->target->map[0] = NULL;
}

static void spoil_target_offset(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->target_offset = UINT64_MAX - 64;
}

static void spoil_target_size(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->target_size = UINT32_MAX;
	job->target_offset = job->target->len[0] - 8;
}

/* Packets that have no room are not written, and the stream goes on with a key frame. */
static void test_bad_targets(struct conf *c)
{
	static void (*const bad[])(struct hvcal_engine_job *job,
				   struct hvcal_engine_buffer *source) = {
		spoil_target_map, spoil_target_offset, spoil_target_size,
	};
	struct hvcal_codec_config config = conf_config(c);

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]) && !conf_failed(c); i++) {
		struct conf_stream *s = conf_open(c, &config);
		struct conf_how how = { .spoil = bad[i] };
		int ret;

		if (!s)
			return;
		conf_send_many(s, 2);
		ret = conf_send(s, &how);
		conf_wait(s);
		if (ret >= 0)
			ret = s->frames[2]->result.status;
		if (ret != -EINVAL && ret != -ENOBUFS)
			conf_fail(c, "bad target %u gives %d instead of an error", i, ret);
		conf_send_many(s, 3);
		conf_flush(s);
		conf_decode(s, 0, 34, NULL);
		conf_free(&s);
	}
}

/* ---- many ---- */

static void test_open_close(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	uint64_t start = hvcal_now_ns(), open_ns = 0, first_ns = 0;
	unsigned int i, coded = 0;

	config.width = c->cap->min_width > 64 ? c->cap->min_width : 64;
	config.height = c->cap->min_height > 64 ? c->cap->min_height : 64;
	/* a thousand, or as many as are done in time */
	for (i = 0; i < OPENS_MAX && !conf_failed(c); i++) {
		uint64_t now = hvcal_now_ns();
		struct conf_stream *s;

		if (!c->longer && i >= OPENS_MIN && now - start > OPENS_NS)
			break;
		s = conf_open(c, &config);
		if (!s)
			return;
		open_ns += hvcal_now_ns() - now;
		if (i % 4) {
			now = hvcal_now_ns();
			conf_send_many(s, 1);
			conf_wait(s);
			first_ns += hvcal_now_ns() - now;
			coded++;
			conf_send_many(s, i % 4 - 1);
		}
		conf_free(&s);
	}
	printf("# %u streams were opened and closed: %.2f ms to open, %.2f ms more to the first packet\n",
	       i, (double)open_ns / i / 1e6, (double)first_ns / (coded ? coded : 1) / 1e6);
}

static void *one_of_two(void *arg)
{
	struct conf *c = arg;
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return NULL;
	conf_send_many(s, 30);
	conf_flush(s);
	conf_close(s);
	conf_decode(s, 0, 34, NULL);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->order != i)
			conf_fail(c, "frame %u comes as number %u", i, s->frames[i]->order);
	conf_free(&s);
	return NULL;
}

static void test_two_streams(struct conf *c)
{
	pthread_t other;

	if (c->engine->desc.max_sessions == 1) {
		conf_skip(c, "the engine takes one stream only");
		return;
	}
	if (pthread_create(&other, NULL, one_of_two, c))
		abort();
	one_of_two(c);
	pthread_join(other, NULL);
}

/* ---- ends ---- */

static void test_close_with_frames(struct conf *c)
{
	struct hvcal_codec_config config = conf_quality_config(c);
	struct conf_stream *s;
	unsigned int before;

	for (unsigned int n = 0; n < 12 && !conf_failed(c); n += 3) {
		s = conf_open(c, &config);
		if (!s)
			return;
		conf_send_many(s, n);
		before = s->done;
		conf_close(s);
		for (unsigned int i = 0; i < s->count && !conf_failed(c); i++) {
			const struct conf_frame *f = s->frames[i];

			if (f->order >= before && f->result.status != -ECANCELED)
				conf_fail(c, "frame %u, held at close(): status %d", i,
					  f->result.status);
		}
		conf_free(&s);
	}
}

static void test_close_unused(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_flush(s);
	conf_free(&s);
}

/* Cancelled frames are finished once, well or not, and the stream goes on. */
static void test_cancel(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	if (!c->engine->ops->cancel) {
		conf_skip(c, "the engine does not cancel");
		return;
	}
	config.tune = HVCAL_TUNE_QUALITY;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 10; i++) {
		conf_send_many(s, 1);
		/* the lock keeps a held frame from being finished meanwhile */
		pthread_mutex_lock(&s->lock);
		if (s->frames[i]->state != CONF_DONE)
			c->engine->ops->cancel(s->stream, &s->frames[i]->job);
		pthread_mutex_unlock(&s->lock);
	}
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->result.status && s->frames[i]->result.status != -ECANCELED)
			conf_fail(c, "cancelled frame %u: status %d", i,
				  s->frames[i]->result.status);
	conf_send_many(s, 3);
	conf_flush(s);
	conf_free(&s);
}

const struct conf_test conf_tests_life[] = {
	{ "bad_configurations", test_bad_configurations },
	{ "bad_frames", test_bad_frames },
	{ "bad_targets", test_bad_targets },
	{ "open_close", test_open_close },
	{ "two_streams", test_two_streams },
	{ "close_unused", test_close_unused },
	{ "close_with_frames", test_close_with_frames },
	{ "cancel", test_cancel },
	{ NULL, NULL },
};
