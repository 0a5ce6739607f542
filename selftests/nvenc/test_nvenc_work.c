// SPDX-License-Identifier: MIT
/* Streams: order, rates, memory, and what goes wrong on the way. */
#include "test_nvenc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- busy, slow, broken ---- */

static void test_busy_is_waited_for(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "lock_busy=3,encode_busy=2", &config);
	for (unsigned int i = 0; i < 6; i++)
		assert_int_equal(send_one(s, NULL), 0);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_busy_for_too_long(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	t->extra[0] = "nvenc.busy_ms";
	t->extra[1] = "20";
	s = work_up(t, "", &config);
	assert_int_equal(send_one(s, NULL), 0);
	stub_set("encode_busy=1000000");
	assert_int_equal(send_one(s, NULL), -EBUSY);
	assert_int_equal(s->frames[1]->state, CONF_REFUSED);
	stub_set("lock_busy=1000000");
	assert_int_equal(send_one(s, NULL), -EBUSY);
	assert_int_equal(s->frames[2]->state, CONF_DONE);
	stub_set("");
	assert_int_equal(send_one(s, NULL), 0);
	assert_true(is_key(s, 3));
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_needs_more_input(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	stub_set("hold=1");
	assert_int_equal(conf_send(s, NULL), 0); /* key frames wait for nothing */
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(conf_send(s, NULL), HVCAL_ENGINE_HELD);
		assert_int_equal(s->done, 1 + 2 * i);
		assert_int_equal(conf_send(s, NULL), 0);
		assert_int_equal(s->done, 3 + 2 * i);
	}
	assert_int_equal(conf_send(s, NULL), HVCAL_ENGINE_HELD);
	conf_flush(s);
	assert_int_equal(s->done, s->count);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_b_pictures(void **state)
{
	static const unsigned int order[] = { 0, 3, 1, 2, 6, 4, 5, 8, 7 };
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 2;
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(conf_send(s, NULL), i % 3 ? HVCAL_ENGINE_HELD : 0);
	conf_flush(s);
	for (unsigned int i = 0; i < 9; i++) {
		const struct conf_frame *f = conf_by_order(s, i);

		assert_int_equal(f->number, order[i]);
		assert_int_equal(f->result.frame.frame_type,
				 !f->number ? HVCAL_FRAME_TYPE_KEY :
				 f->number % 3 && f->number != 8 ? HVCAL_FRAME_TYPE_B :
				 HVCAL_FRAME_TYPE_P);
	}
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_encode_error(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	stub_set("encode_at=3,encode_error=20,lock_at=5,lock_error=20");
	s = stream_up(t, &config);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(send_one(s, NULL), i == 3 || i == 6 ? -EIO : 0);
	/* the third was not taken; the sixth was, so others may have referred to it */
	assert_int_equal(s->frames[3]->state, CONF_REFUSED);
	assert_int_equal(s->frames[6]->state, CONF_DONE);
	assert_false(is_key(s, 4));
	assert_true(is_key(s, 7));
	/* a packet that cannot be had blocks those behind it: a new session */
	assert_int_equal(counts_now().opened, 2);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_device_lost(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *one, *two;
	hvcal_engine_stream_t *more;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	stub_set("lost_at=4");
	one = stream_up(t, &config);
	two = stream_up(t, &config);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(send_one(one, NULL), 0);
		assert_int_equal(send_one(two, NULL), 0);
	}
	assert_int_equal(send_one(one, NULL), -ENODEV);
	assert_non_null(strstr(t->log, "the GPU is gone"));
	assert_int_equal(send_one(two, NULL), -ENODEV);
	assert_int_equal(send_one(one, NULL), -ENODEV);
	/* as long as somebody holds on to the old device, there is no new one */
	assert_int_equal(t->engine.ops->open(t->engine.ctx, &config, &more), -ENODEV);
	conf_free(&one);
	conf_free(&two);
	one = stream_up(t, &config);
	conf_send_many(one, 5);
	conf_decode(one, 0, GOOD_PSNR, NULL);
	conf_free(&one);
	engine_down(t);
}

/* Frames inside when the device goes are finished with the error. */
static void test_device_lost_with_frames(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	stub_set("lost_at=3");
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 3;
	s = stream_up(t, &config);
	assert_int_equal(conf_send(s, NULL), 0);
	assert_int_equal(conf_send(s, NULL), HVCAL_ENGINE_HELD);
	assert_int_equal(conf_send(s, NULL), HVCAL_ENGINE_HELD);
	assert_int_equal(conf_send(s, NULL), -ENODEV);
	conf_flush(s);
	assert_int_equal(s->frames[1]->result.status, -ENODEV);
	assert_int_equal(s->frames[2]->result.status, -ENODEV);
	work_down(t, &s);
}

/*
 * A call of the driver that never returns: nothing is made up about its frame, and
 * the process can be ended, which is how hvcald gets the engine back.
 */
static void hang_in_child(struct nvenc_test *t, int tell)
{
	struct hvcal_codec_config config = conf_config(&t->c);
	struct conf_stream *s = stream_up(t, &config);
	char c = 0;

	for (unsigned int i = 0; i < 3; i++) {
		int ret = send_one(s, NULL);

		c = ret ? 'x' : (char)('0' + i);
		if (write(tell, &c, 1) != 1)
			_exit(2);
	}
	_exit(1);
}

static void test_hang(void **state)
{
	struct nvenc_test *t = *state;
	char got[4] = { 0 };
	int fds[2], status;
	pid_t child;

	engine_up(t, "");
	stub_set("hang_at=2");
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (!child)
		hang_in_child(t, fds[1]);
	close(fds[1]);
	assert_int_equal(read(fds[0], &got[0], 1), 1);
	assert_int_equal(read(fds[0], &got[1], 1), 1);
	assert_string_equal(got, "01");
	usleep(100000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	/* the third frame was not answered */
	assert_int_equal(read(fds[0], &got[2], 1), 0);
	close(fds[0]);
	engine_down(t);
}

/* ---- rates ---- */

static void test_retarget_is_no_key(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 300000;
	s = stream_up(t, &config);
	conf_send_many(s, 5);
	config.bitrate = 600000;
	assert_int_equal(t->engine.ops->reconfigure(s->stream, &config), 0);
	conf_send_many(s, 5);
	assert_int_equal(counts_now().reconfigured, 1);
	assert_int_equal(counts_now().idrs_forced, 1);
	for (unsigned int i = 1; i < 10; i++)
		assert_false(is_key(s, i));
	assert_int_equal(s->frames[9]->result.frame.applied_bitrate, 600000);
	work_down(t, &s);
}

static void test_retarget_impossible(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "dyn_bitrate=0", HVCAL_CODEC_H264, &config);
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 300000;
	s = stream_up(t, &config);
	conf_send_many(s, 2);
	config.bitrate = 600000;
	assert_int_equal(t->engine.ops->reconfigure(s->stream, &config), -EOPNOTSUPP);
	conf_send_many(s, 2);
	assert_int_equal(s->frames[3]->result.frame.applied_bitrate, 300000);
	work_down(t, &s);
}

static void send_qps(struct conf_stream *s, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct conf_how how = { .qp = 22 + (int)(i % 5) * 3 };

		conf_send(s, &how);
	}
	conf_flush(s);
	check_ok((struct nvenc_test *)s->c->host.cookie);
	for (unsigned int i = s->count - n, k = 0; i < s->count; i++, k++)
		assert_int_equal(s->frames[i]->result.frame.qp_q8, (22 + k % 5 * 3) * 256);
}

/* With no picture inside, a new QP is told to the driver; else it goes with the picture. */
static void test_frame_qp_routes(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	send_qps(s, 10);
	assert_int_equal(counts_now().reconfigured, 10);
	conf_free(&s);
	counts_reset();
	config.tune = HVCAL_TUNE_QUALITY;
	config.bframes = 2;
	s = stream_up(t, &config);
	send_qps(s, 10);
	assert_int_equal(counts_now().reconfigured, 0);
	conf_decode(s, 0, 25, NULL);
	work_down(t, &s);
}

/* A chip that cannot switch rate control off in mid-stream gets a new session. */
static void test_frame_qp_restart(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	config_up(t, "dyn_rc=0", HVCAL_CODEC_H264, &config);
	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 500000;
	s = stream_up(t, &config);
	conf_send_many(s, 3);
	assert_int_equal(counts_now().opened, 1);
	send_qps(s, 5);
	assert_int_equal(counts_now().opened, 2);
	assert_int_equal(counts_now().sessions, 1);
	assert_true(is_key(s, 3));
	assert_false(is_key(s, 4));
	conf_send_many(s, 2);
	assert_int_equal(counts_now().opened, 3);
	assert_true(is_key(s, 8));
	conf_decode(s, 0, 25, NULL);
	work_down(t, &s);
}

static uint32_t ceiling;

static void set_ceiling(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->params.max_bytes = ceiling;
}

static void send_below(struct conf_stream *s, uint32_t max_bytes)
{
	const struct conf_how how = { .spoil = set_ceiling };

	ceiling = max_bytes;
	assert_int_equal(send_one(s, &how), 0);
	check_ok((struct nvenc_test *)s->c->host.cookie);
}

/* Headers and drivers before 12.1 cannot: then the option is refused. */
static void test_ceiling(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	t->extra[0] = "nvenc.ceiling";
	t->extra[1] = "1";
	if (engine_try(t, 0) == -EINVAL) {
		assert_non_null(strstr(t->reason, "12.1"));
		return;
	}
	hvcal_plugin_engine_destroy(&t->engine);
	s = work_up(t, "", &config);
	conf_send_many(s, 4);
	for (unsigned int i = 4; i < 8; i++) {
		send_below(s, 300);
		assert_in_range(s->frames[i]->result.bytes, 1, 300);
		assert_false(is_key(s, i));
	}
	assert_true(s->frames[3]->result.bytes > 300);
	/* nothing is that small: as if the picture had not come */
	send_below(s, 5);
	assert_int_equal(s->frames[8]->result.flags, HVCAL_RESULT_SKIPPED);
	assert_int_equal(s->frames[8]->result.bytes, 0);
	/* a key frame that was skipped comes with the next picture */
	ceiling = 5;
	conf_send(s, &(struct conf_how){ .flags = HVCAL_FRAME_FORCE_KEY, .spoil = set_ceiling });
	assert_int_equal(s->frames[9]->result.flags, HVCAL_RESULT_SKIPPED);
	conf_send_many(s, 4);
	assert_true(is_key(s, 10));
	assert_false(is_key(s, 11));
	conf_decode(s, 0, 20, NULL);
	work_down(t, &s);
}

/* ---- memory ---- */

static void *hidden_map;
static int hidden_fd = -1;

/* Memory that the host has not mapped. */
static void hide_map(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	hidden_map = source->map[0];
	source->map[0] = NULL;
}

/* Memory that nobody here can map, but the "GPU". */
static void hide_memory(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	char path[64];

	hide_map(job, source);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", source->fd[0]);
	hidden_fd = source->fd[0];
	source->fd[0] = open(path, O_WRONLY | O_CLOEXEC);
}

static void hide_shifted(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	hide_memory(job, source);
	/* chroma in the middle of a row of luma */
	source->layout.offset[1] -= 32;
}

/* Sends with @spoil, and brings back what it has hidden. */
static int send_hidden(struct conf_stream *s,
		       void (*spoil)(struct hvcal_engine_job *job,
				     struct hvcal_engine_buffer *source))
{
	struct conf_how how = { .spoil = spoil };
	int ret = send_one(s, &how);
	struct hvcal_engine_buffer *b = &s->frames[s->count - 1]->source->engine;

	b->map[0] = hidden_map;
	if (hidden_fd >= 0) {
		close(b->fd[0]);
		b->fd[0] = hidden_fd;
		hidden_fd = -1;
	}
	return ret;
}

static uint64_t frame_bytes(const struct hvcal_codec_config *c)
{
	return (uint64_t)c->width * c->height * 3 / 2;
}

static void test_copied_bytes(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	assert_int_equal(send_one(s, NULL), 0);
	assert_int_equal(s->frames[0]->result.frame.copied_bytes, frame_bytes(&config));
	/* the plug-in maps by itself what the host has not */
	assert_int_equal(send_hidden(s, hide_map), 0);
	assert_int_equal(s->frames[1]->result.frame.copied_bytes, frame_bytes(&config));
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

static void test_gpu_memory(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	for (unsigned int i = 0; i < 12; i++) {
		assert_int_equal(send_hidden(s, hide_memory), 0);
		assert_int_equal(s->frames[i]->result.frame.copied_bytes, 0);
	}
	/* one buffer, sent over and over: registered once */
	assert_int_equal(s->buffers, 1);
	assert_int_equal(counts_now().registrations, 1);
	assert_int_equal(counts_now().maps, 12);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

/* The buffer goes first, then the session: nothing stays registered. */
static void test_gpu_memory_forgotten(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	assert_int_equal(send_hidden(s, hide_memory), 0);
	assert_int_equal(counts_now().registered, 1);
	t->engine.ops->forget(t->engine.ctx, &s->frames[0]->source->engine);
	assert_null(s->frames[0]->source->engine.priv);
	assert_int_equal(counts_now().registered, 0);
	assert_int_equal(send_hidden(s, hide_memory), 0);
	assert_int_equal(counts_now().registrations, 2);
	work_down(t, &s);
}

/* What was imported into the context of a lost device is imported anew. */
static void test_gpu_memory_of_lost_device(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *one, *two;

	config_up(t, "", HVCAL_CODEC_H264, &config);
	one = stream_up(t, &config);
	assert_int_equal(send_hidden(one, hide_memory), 0);
	stub_set("lost_at=1");
	assert_int_equal(send_hidden(one, hide_memory), -ENODEV);
	stub_set("");
	conf_close(one);
	two = stream_up(t, &config);
	/* the same buffer */
	two->sources = one->sources;
	one->sources = NULL;
	assert_int_equal(send_hidden(two, hide_memory), 0);
	assert_int_equal(two->frames[0]->result.frame.copied_bytes, 0);
	assert_int_equal(counts_now().registrations, 2);
	conf_decode(two, 0, GOOD_PSNR, NULL);
	conf_free(&one);
	conf_free(&two);
	engine_down(t);
}

static void test_gpu_memory_layout(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "", &config);
	assert_int_equal(send_hidden(s, hide_memory), 0);
	assert_int_equal(send_hidden(s, hide_shifted), -EINVAL);
	assert_int_equal(send_hidden(s, hide_memory), 0);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

/* As on a PC: said to be supported, refused when tried. */
static void test_dmabuf_refused(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "dmabuf=1", &config);
	assert_int_equal(send_hidden(s, hide_map), 0);
	assert_int_equal(s->frames[0]->result.frame.copied_bytes, frame_bytes(&config));
	work_down(t, &s);
}

static void test_dmabuf_imported(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s;

	s = work_up(t, "dmabuf=2", &config);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(send_hidden(s, hide_map), 0);
		assert_int_equal(s->frames[i]->result.frame.copied_bytes, 0);
	}
	assert_int_equal(counts_now().registrations, 1);
	conf_decode(s, 0, GOOD_PSNR, NULL);
	work_down(t, &s);
}

int run_work_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_busy_is_waited_for), TEST(test_busy_for_too_long),
		TEST(test_needs_more_input), TEST(test_b_pictures), TEST(test_encode_error),
		TEST(test_device_lost), TEST(test_device_lost_with_frames), TEST(test_hang),
		TEST(test_retarget_is_no_key), TEST(test_retarget_impossible),
		TEST(test_frame_qp_routes), TEST(test_frame_qp_restart),
		TEST(test_ceiling), TEST(test_copied_bytes), TEST(test_gpu_memory),
		TEST(test_gpu_memory_forgotten), TEST(test_gpu_memory_of_lost_device),
		TEST(test_gpu_memory_layout), TEST(test_dmabuf_refused),
		TEST(test_dmabuf_imported),
	};

	return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
