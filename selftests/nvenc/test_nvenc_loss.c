// SPDX-License-Identifier: MIT
/* Frames that the receiver lacks, or may lack: references forgotten, intra refresh, layers. */
#include "test_nvenc.h"

#include <stdlib.h>

#define FRAMES_MAX 64

/* Frames that were reported, as the receiver has them. */
static bool missing[FRAMES_MAX];
static int64_t lost_pts;

static void tell_loss(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->params.lost_pts = lost_pts;
}

/*
 * Frame @first is reported with the next one: with it goes what may refer to it, up to the
 * next key frame. What was done about it.
 */
static uint32_t lose(struct conf_stream *s, unsigned int first)
{
	const struct conf_how how = { .flags = HVCAL_FRAME_LOST, .spoil = tell_loss };
	unsigned int n = s->count;

	missing[first] = true;
	for (unsigned int i = first + 1; i < n && !is_key(s, i); i++)
		missing[i] = true;
	lost_pts = s->frames[first]->job.params.pts;
	assert_int_equal(send_one(s, &how), 0);
	assert_int_equal(is_key(s, n), s->frames[n]->result.frame.recovery == HVCAL_RECOVERY_KEY);
	return s->frames[n]->result.frame.recovery;
}

/* Decodes the stream as it was sent, and without the missing frames. */
static void decode_both(struct conf_stream *s, double min_psnr, struct conf_picture *all,
			struct conf_picture *left)
{
	assert_in_range(s->count, 1, FRAMES_MAX);
	conf_decode(s, 0, GOOD_PSNR, all);
	for (unsigned int i = 0; i < s->count; i++)
		if (missing[i]) {
			free(s->frames[i]->packet);
			s->frames[i]->packet = NULL;
		}
	conf_decode(s, 0, min_psnr, left);
	check_ok((struct nvenc_test *)s->c->host.cookie);
}

/* A decoder that never gets the missing frames has the same pictures as one that does. */
static void decode_without_missing(struct conf_stream *s)
{
	struct conf_picture all[FRAMES_MAX], left[FRAMES_MAX];

	decode_both(s, GOOD_PSNR, all, left);
	for (unsigned int i = 0; i < s->count && conf_can_decode(s->c); i++)
		if (!missing[i] && (!left[i].there || left[i].hash != all[i].hash))
			fail_msg("frame %u is another without those that are missing", i);
}

static struct conf_stream *loss_up(struct nvenc_test *t, const char *modes, uint32_t codec,
				   uint32_t flags)
{
	struct hvcal_codec_config config;

	for (unsigned int i = 0; i < FRAMES_MAX; i++)
		missing[i] = false;
	config_up(t, modes, codec, &config);
	config.flags = flags;
	return stream_up(t, &config);
}

/* ---- references ---- */

/* @kept: references, of which one must be left */
static void loss_forgets(struct nvenc_test *t, uint32_t codec, unsigned int kept)
{
	struct conf_stream *s = loss_up(t, "", codec, 0);

	conf_send_many(s, 10);
	assert_int_equal(lose(s, 8), HVCAL_RECOVERY_REFS);
	assert_int_equal(counts_now().invalidated, 2);
	conf_send_many(s, 10);
	assert_int_equal(lose(s, s->count - kept + 1), HVCAL_RECOVERY_REFS);
	assert_int_equal(counts_now().invalidated, 1 + kept);
	conf_send_many(s, 10);
	assert_int_equal(lose(s, s->count - kept), HVCAL_RECOVERY_KEY);
	/* what was before a key frame does no harm, and a key frame that is lost does */
	conf_send_many(s, 2);
	assert_int_equal(lose(s, s->count - 5), HVCAL_RECOVERY_REFS);
	assert_int_equal(lose(s, s->count - 4), HVCAL_RECOVERY_KEY);
	assert_int_equal(counts_now().invalidated, 1 + kept);
	decode_without_missing(s);
	work_down(t, &s);
}

static void test_loss_forgets(void **state)
{
	loss_forgets(*state, HVCAL_CODEC_H264, 5);
}

static void test_loss_forgets_hevc(void **state)
{
	loss_forgets(*state, HVCAL_CODEC_HEVC, 5);
}

static void test_loss_forgets_av1(void **state)
{
	loss_forgets(*state, HVCAL_CODEC_AV1, 8);
}

/* What the driver codes without references is no key frame for that. */
static void test_loss_intra(void **state)
{
	struct nvenc_test *t = *state;
	struct conf_stream *s = loss_up(t, "", HVCAL_CODEC_HEVC, 0);

	conf_send_many(s, 4);
	assert_int_equal(lose(s, 3), HVCAL_RECOVERY_REFS);
	assert_int_equal(s->frames[3]->result.frame.frame_type, HVCAL_FRAME_TYPE_P);
	assert_int_equal(s->frames[4]->result.frame.frame_type, HVCAL_FRAME_TYPE_I);
	assert_false(is_key(s, 4));
	conf_send_many(s, 2);
	assert_int_equal(s->frames[5]->result.frame.frame_type, HVCAL_FRAME_TYPE_P);
	decode_without_missing(s);
	work_down(t, &s);
}

static void test_loss_without_invalidation(void **state)
{
	static const uint32_t codecs[] = { HVCAL_CODEC_H264, HVCAL_CODEC_HEVC, HVCAL_CODEC_AV1 };
	struct nvenc_test *t = *state;

	for (unsigned int i = 0; i < (av1_here() ? 3 : 2); i++) {
		struct conf_stream *s = loss_up(t, "invalidate=0", codecs[i], 0);

		conf_send_many(s, 10);
		assert_int_equal(lose(s, 8), HVCAL_RECOVERY_KEY);
		assert_int_equal(counts_now().invalidated, 0);
		decode_without_missing(s);
		work_down(t, &s);
	}
}

/* ---- intra refresh ---- */

static void test_intra_refresh(void **state)
{
	static const uint32_t codecs[] = { HVCAL_CODEC_H264, HVCAL_CODEC_HEVC, HVCAL_CODEC_AV1 };
	struct nvenc_test *t = *state;

	for (unsigned int i = 0; i < (av1_here() ? 3 : 2); i++) {
		struct hvcal_codec_config config;
		struct conf_stream *s;

		config_up(t, "", codecs[i], &config);
		config.flags = HVCAL_CONFIG_INTRA_REFRESH;
		config.gop = 4;
		s = stream_up(t, &config);
		conf_send_many(s, 10);
		for (unsigned int n = 0; n < 10; n++)
			assert_int_equal(is_key(s, n), n == 0);
		conf_decode(s, 0, GOOD_PSNR, NULL);
		work_down(t, &s);
	}
}

static struct conf_stream *refresh_lost(struct nvenc_test *t, uint32_t codec)
{
	struct conf_stream *s = loss_up(t, "", codec, HVCAL_CONFIG_INTRA_REFRESH);

	conf_send_many(s, 10);
	assert_int_equal(counts_now().refreshed, 0);
	assert_int_equal(lose(s, 8), HVCAL_RECOVERY_REFRESH);
	assert_int_equal(counts_now().refreshed, 1);
	assert_int_equal(counts_now().invalidated, 0);
	return s;
}

/* The cycle that a loss begins takes no more frames than a picture has columns of blocks. */
static void test_loss_refreshes(void **state)
{
	struct nvenc_test *t = *state;
	struct conf_stream *s = refresh_lost(t, HVCAL_CODEC_H264);
	unsigned int n = s->count, end = n - 1 + (s->config.width + 15) / 16;
	struct conf_picture all[FRAMES_MAX], left[FRAMES_MAX];

	conf_send_many(s, end + 5 - n);
	decode_both(s, 0, all, left);
	if (conf_can_decode(s->c)) {
		/* it is no key frame: what was lost shows at first */
		assert_true(left[n - 1].there);
		assert_true(left[n - 1].hash != all[n - 1].hash);
		for (unsigned int i = end; i < s->count; i++)
			assert_true(left[i].there && left[i].hash == all[i].hash);
	}
	work_down(t, &s);
}

/* The stub refreshes H.264 only: of the others, what the driver is told is looked at. */
static void test_loss_refreshes_others(void **state)
{
	struct conf_stream *s = refresh_lost(*state, HVCAL_CODEC_HEVC);

	work_down(*state, &s);
	if (!av1_here())
		return;
	s = refresh_lost(*state, HVCAL_CODEC_AV1);
	work_down(*state, &s);
}

/* ---- temporal layers ---- */

static void send_upper(struct conf_stream *s)
{
	unsigned int n = s->count;

	assert_int_equal(send_one(s, &(struct conf_how){ .temporal_layer = 1 }), 0);
	missing[n] = s->frames[n]->result.frame.temporal_layer;
}

/* Forgotten pictures take room, too: when nothing else is left, a key frame must come. */
static void layers(struct nvenc_test *t, uint32_t codec, unsigned int kept)
{
	struct conf_stream *s = loss_up(t, "", codec, HVCAL_CONFIG_LAYERS);
	unsigned int key = 2 + kept;

	assert_true(t->c.cap->flags & HVCAL_CAP_LAYERS);
	conf_send_many(s, 2);
	for (unsigned int i = 2; i < key + 2; i++) {
		send_upper(s);
		assert_int_equal(is_key(s, i), i == key);
		assert_int_equal(s->frames[i]->result.frame.temporal_layer, i != key);
	}
	assert_int_equal(counts_now().invalidated, kept - 1);
	/* the second after the key frame is lost; the first was forgotten before */
	conf_send_many(s, 1);
	send_upper(s);
	conf_send_many(s, 1);
	assert_int_equal(lose(s, key + 2), HVCAL_RECOVERY_REFS);
	/* all that is remembered is of the upper layer, or came after what is lost */
	for (unsigned int i = 0; i < 3; i++)
		send_upper(s);
	assert_int_equal(lose(s, key + 5), HVCAL_RECOVERY_KEY);
	decode_without_missing(s);
	work_down(t, &s);
}

static void test_layers(void **state)
{
	layers(*state, HVCAL_CODEC_H264, 5);
}

static void test_layers_hevc(void **state)
{
	layers(*state, HVCAL_CODEC_HEVC, 5);
}

static void test_layers_av1(void **state)
{
	layers(*state, HVCAL_CODEC_AV1, 8);
}

static void test_layers_need_invalidation(void **state)
{
	struct nvenc_test *t = *state;
	struct conf_stream *s = loss_up(t, "invalidate=0", HVCAL_CODEC_H264, HVCAL_CONFIG_LAYERS);

	assert_false(t->c.cap->flags & HVCAL_CAP_LAYERS);
	conf_send_many(s, 2);
	send_upper(s);
	send_upper(s);
	/* not promised, and not said */
	assert_int_equal(s->frames[3]->result.frame.temporal_layer, 0);
	assert_int_equal(counts_now().invalidated, 0);
	work_down(t, &s);
}

int run_loss_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_loss_forgets), TEST(test_loss_forgets_hevc), TEST(test_loss_forgets_av1),
		TEST(test_loss_intra), TEST(test_loss_without_invalidation),
		TEST(test_intra_refresh), TEST(test_loss_refreshes),
		TEST(test_loss_refreshes_others), TEST(test_layers), TEST(test_layers_hevc),
		TEST(test_layers_av1), TEST(test_layers_need_invalidation),
	};

	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
