// SPDX-License-Identifier: MIT
/*
 * The V4L2 engine and a node that misbehaves: vicodec in the kernel, with its
 * ioctls spoiled on the way (-Wl,--wrap=ioctl), and with its driver taken away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/videodev2.h>

#include "internal.h"
#include "plugin.h"

#define WIDTH 640
#define HEIGHT 368 /* whole blocks of vicodec */
#define FRAMES 24
#define WAIT_S 60
#define SKIP_ALL 4
#define UNBIND "/sys/bus/platform/drivers/vicodec/unbind"
#define BIND "/sys/bus/platform/drivers/vicodec/bind"

/* ---- ioctls ---- */

enum spoil { NOTHING, LOSE_FRAME, BAD_PACKET, STRANGE_PACKET };

static struct {
	atomic_int what;	/* strikes once */
	atomic_bool hold;	/* packets do not come */
	atomic_int stops;	/* drains that began */
} spoil;

/* Controls that were set, and those that the node refused. */
static struct {
	unsigned int set, refused;
	int fd;			/* of the last one */
} controls;

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

static bool strikes(enum spoil what)
{
	int expected = what;

	return atomic_compare_exchange_strong(&spoil.what, &expected, NOTHING);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct v4l2_buffer *b = arg;
	bool packet = (request == VIDIOC_QBUF || request == VIDIOC_DQBUF) &&
		      !V4L2_TYPE_IS_OUTPUT(b->type);
	int ret;

	if (request == VIDIOC_QBUF && !packet && strikes(LOSE_FRAME))
		return 0;
	if (request == VIDIOC_DQBUF && packet && atomic_load(&spoil.hold)) {
		errno = EAGAIN;
		return -1;
	}
	if (request == VIDIOC_ENCODER_CMD &&
	    ((struct v4l2_encoder_cmd *)arg)->cmd == V4L2_ENC_CMD_STOP)
		atomic_fetch_add(&spoil.stops, 1);
	ret = __real_ioctl(fd, request, arg);
	if (request == VIDIOC_S_CTRL) {
		controls.set += !ret;
		controls.refused += !!ret;
		controls.fd = fd;
	}
	if (!ret && request == VIDIOC_DQBUF && packet) {
		if (strikes(BAD_PACKET))
			b->flags |= V4L2_BUF_FLAG_ERROR;
		if (strikes(STRANGE_PACKET))
			b->timestamp.tv_sec += 1000;
	}
	return ret;
}

/* ---- a host ---- */

struct frame {
	struct hvcal_engine_buffer source, target;
	struct hvcal_mem source_mem, target_mem;
	struct hvcal_engine_job job;
	struct hvcal_engine_result result;
	bool done;
};

static struct rig {
	struct hvcal_engine_host host;
	struct hvcal_plugin_engine e;
	hvcal_engine_stream_t *stream;
	struct hvcal_codec_config config;
	struct frame frames[FRAMES];
	unsigned int sent;
	unsigned int linger_us;	/* in done(), after the frame is known to be done */
	pthread_mutex_t lock;
	pthread_cond_t wake;
} rig = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static const struct hvcal_plugin plugin = { .name = "v4l2", .ops = &hvcal_engine_plugin };

static void host_done(void *cookie, struct hvcal_engine_job *job,
		      const struct hvcal_engine_result *result)
{
	struct frame *f = job->host;

	(void)cookie;
	pthread_mutex_lock(&rig.lock);
	assert_false(f->done);
	f->done = true;
	f->result = *result;
	pthread_cond_signal(&rig.wake);
	pthread_mutex_unlock(&rig.lock);
	usleep(rig.linger_us);
}

static void host_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	printf("# log %d: %s\n", level, line);
}

static const char *host_option(void *cookie, const char *key)
{
	(void)cookie;
	return !strcmp(key, "v4l2.allow_fwht") ? "1" : NULL;
}

static int create(char *reason, size_t len)
{
	rig.host = (struct hvcal_engine_host){
		.done = host_done, .log = host_log, .option = host_option,
	};
	return hvcal_plugin_engine_create(&plugin, &rig.host, 0, &rig.e, reason, len);
}

static void memory(struct hvcal_engine_buffer *b, struct hvcal_mem *mem, uint64_t size)
{
	struct hvcal_memory_request req = { .size = size, .numa_node = -1 };

	assert_int_equal(hvcal_memory_alloc_alone(&req, mem), 0);
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		b->fd[i] = -1;
	b->fd[0] = mem->fd;
	b->map[0] = mem->map;
	b->len[0] = mem->size;
}

static void frame_free(struct frame *f)
{
	hvcal_memory_free_alone(&f->source_mem);
	hvcal_memory_free_alone(&f->target_mem);
	memset(f, 0, sizeof(*f));
}

/* A texture that stays, and a bar that moves: vicodec predicts that. */
static void draw(uint8_t *to, size_t stride)
{
	for (size_t y = 0; y < HEIGHT * 3 / 2; y++)
		for (size_t x = 0; x < WIDTH; x++)
			to[y * stride + x] = (uint8_t)(64 + (x * 37 + y * 91) % 128);
	for (size_t y = 0; y < 8; y++)
		memset(to + (rig.sent * 8 + y) * stride, 200, WIDTH);
}

/* What encode() says; a frame that was refused leaves nothing behind. */
static int send_one(uint32_t stride, uint32_t flags)
{
	struct frame *f = &rig.frames[rig.sent];
	int ret;

	assert_true(rig.sent < FRAMES);
	memory(&f->source, &f->source_mem, (uint64_t)stride * HEIGHT * 3 / 2);
	memory(&f->target, &f->target_mem, WIDTH * HEIGHT * 2);
	draw(f->source.map[0], stride);
	f->source.layout = (struct hvcal_frame_layout){
		.size = sizeof(f->source.layout), .format = HVCAL_FORMAT_NV12,
		.width = WIDTH, .height = HEIGHT, .planes = 2,
		.offset = { 0, (uint64_t)stride * HEIGHT }, .stride = { stride, stride },
	};
	f->job = (struct hvcal_engine_job){
		.source = &f->source, .target = &f->target,
		.target_size = (uint32_t)f->target.len[0],
		.params = { .size = sizeof(f->job.params), .pts = rig.sent, .flags = flags },
		.host = f,
	};
	ret = rig.e.ops->encode(rig.stream, &f->job);
	if (ret < 0)
		frame_free(f);
	else
		rig.sent++;
	return ret;
}

/* The last frame that was sent. */
static const struct frame *wait_last(void)
{
	struct frame *f = &rig.frames[rig.sent - 1];
	struct timespec end;
	int ret = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_S;
	pthread_mutex_lock(&rig.lock);
	while (!f->done && !ret)
		ret = pthread_cond_clockwait(&rig.wake, &rig.lock, CLOCK_MONOTONIC, &end);
	pthread_mutex_unlock(&rig.lock);
	assert_int_equal(ret, 0);
	return f;
}

static const struct frame *encode_one(void)
{
	assert_int_equal(send_one(WIDTH, 0), 0);
	return wait_last();
}

static bool is_key(const struct frame *f)
{
	assert_int_equal(f->result.status, 0);
	assert_true(f->result.bytes > 0);
	return f->result.flags & HVCAL_RESULT_KEY;
}

static int set_up(void **state)
{
	char reason[256];

	(void)state;
	atomic_store(&spoil.what, NOTHING);
	atomic_store(&spoil.hold, false);
	memset(rig.frames, 0, sizeof(rig.frames));
	rig.linger_us = 0;
	rig.sent = 0;
	assert_int_equal(create(reason, sizeof(reason)), 0);
	rig.config = (struct hvcal_codec_config){
		.size = sizeof(rig.config), .codec = HVCAL_CODEC_NULL,
		.format = HVCAL_FORMAT_NV12, .width = WIDTH, .height = HEIGHT,
		.fps_num = 30, .fps_den = 1, .bit_depth = 8, .rc_mode = HVCAL_RC_CQP, .qp = 8,
		.tune = HVCAL_TUNE_LOW_LATENCY, .gop = 16,
	};
	assert_int_equal(rig.e.ops->open(rig.e.ctx, &rig.config, &rig.stream), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (rig.stream)
		rig.e.ops->close(rig.stream);
	rig.stream = NULL;
	hvcal_plugin_engine_destroy(&rig.e);
	for (unsigned int i = 0; i < rig.sent; i++)
		frame_free(&rig.frames[i]);
	return 0;
}

/* ---- tests ---- */

/* A frame that the node never answers ends in time, and the stream goes on. */
static void test_stuck(void **state)
{
	(void)state;
	assert_true(is_key(encode_one()));
	assert_false(is_key(encode_one()));
	atomic_store(&spoil.what, LOSE_FRAME);
	assert_int_equal(encode_one()->result.status, -ETIMEDOUT);
	assert_true(is_key(encode_one()));
	assert_false(is_key(encode_one()));
}

static void test_bad_packet(void **state)
{
	(void)state;
	assert_true(is_key(encode_one()));
	atomic_store(&spoil.what, BAD_PACKET);
	assert_int_equal(encode_one()->result.status, -EIO);
	assert_true(is_key(encode_one()));
	assert_false(is_key(encode_one()));
}

/* A packet of nobody is no packet: its frame is said to be skipped, by the next. */
static void test_no_packet(void **state)
{
	const struct frame *f;

	(void)state;
	assert_true(is_key(encode_one()));
	atomic_store(&spoil.what, STRANGE_PACKET);
	assert_int_equal(send_one(WIDTH, 0), 0);
	f = &rig.frames[1];
	assert_int_equal(send_one(WIDTH, 0), 0);
	wait_last();
	assert_true(f->done);
	assert_int_equal(f->result.status, 0);
	assert_int_equal(f->result.flags, HVCAL_RESULT_SKIPPED);
	assert_int_equal(f->result.bytes, 0);
	assert_true(rig.frames[2].result.bytes > 0);
}

static void *release(void *arg)
{
	const struct timespec pause = { .tv_nsec = 60000000 };

	(void)arg;
	nanosleep(&pause, NULL);
	atomic_store(&spoil.hold, false);
	return NULL;
}

/* flush() ends what is inside, by the node's own drain, and the stream goes on. */
static void test_drain(void **state)
{
	pthread_t thread;
	int before = atomic_load(&spoil.stops);

	(void)state;
	atomic_store(&spoil.hold, true);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(send_one(WIDTH, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, release, NULL), 0);
	assert_int_equal(rig.e.ops->flush(rig.stream), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(rig.frames[i].done);
		assert_int_equal(is_key(&rig.frames[i]), i == 0);
	}
	assert_int_equal(atomic_load(&spoil.stops), before + 1);
	pthread_join(thread, NULL);
	encode_one();
	assert_true(rig.frames[3].result.bytes > 0);
	/* nothing came since: nothing to drain */
	assert_int_equal(rig.e.ops->flush(rig.stream), 0);
	assert_int_equal(rig.e.ops->flush(rig.stream), 0);
	assert_int_equal(atomic_load(&spoil.stops), before + 2);
}

/* More frames than the node has buffers; close() ends them. */
static void test_close(void **state)
{
	(void)state;
	encode_one();
	atomic_store(&spoil.hold, true);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(send_one(WIDTH, 0), 0);
	rig.e.ops->close(rig.stream);
	rig.stream = NULL;
	for (unsigned int i = 1; i < 4; i++) {
		assert_true(rig.frames[i].done);
		assert_int_equal(rig.frames[i].result.status, -ECANCELED);
	}
}

/* Frames of the node's layout are not copied; others are, in the same stream. */
static void test_import(void **state)
{
	(void)state;
	assert_true(is_key(encode_one()));
	assert_false(is_key(encode_one()));
	assert_int_equal(rig.frames[1].result.frame.copied_bytes, 0);
	assert_int_equal(send_one(WIDTH + 64, 0), 0);
	assert_true(is_key(wait_last()));
	assert_int_equal(rig.frames[2].result.frame.copied_bytes, WIDTH * HEIGHT * 3 / 2);
	assert_false(is_key(encode_one()));
	assert_int_equal(rig.frames[3].result.frame.copied_bytes, WIDTH * HEIGHT * 3 / 2);
}

static void test_forced_key(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		assert_int_equal(send_one(WIDTH, i == 3 ? HVCAL_FRAME_FORCE_KEY : 0), 0);
		assert_int_equal(is_key(wait_last()), i == 0 || i == 3);
	}
	/* with others in flight: it is this frame, and no other */
	atomic_store(&spoil.hold, true);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(send_one(WIDTH, 0), 0);
	atomic_store(&spoil.hold, false);
	assert_int_equal(send_one(WIDTH, HVCAL_FRAME_FORCE_KEY), 0);
	assert_true(is_key(wait_last()));
	assert_false(is_key(&rig.frames[6]));
	assert_false(is_key(&rig.frames[7]));
}

static int control(uint32_t id)
{
	struct v4l2_control c = { .id = id };

	assert_int_equal(__real_ioctl(controls.fd, VIDIOC_G_CTRL, &c), 0);
	return c.value;
}

static int control_max(uint32_t id)
{
	struct v4l2_queryctrl q = { .id = id };

	assert_int_equal(__real_ioctl(controls.fd, VIDIOC_QUERYCTRL, &q), 0);
	return q.maximum;
}

/* The node is asked itself what it was set to; what it lacks is not tried. */
static void test_controls(void **state)
{
	uint64_t fine;

	(void)state;
	/* a frame that is done is out of the node: nothing to drain, no key frame after it */
	rig.linger_us = 20000;
	assert_true(is_key(encode_one()));
	fine = encode_one()->result.bytes;
	assert_true(controls.set > 0);
	assert_int_equal(controls.refused, 0);
	assert_int_equal(control(V4L2_CID_FWHT_I_FRAME_QP), 8);
	assert_int_equal(control(V4L2_CID_FWHT_P_FRAME_QP), 8);
	assert_int_equal(control(V4L2_CID_MPEG_VIDEO_GOP_SIZE), 16);
	rig.config.qp = 30;
	assert_int_equal(rig.e.ops->reconfigure(rig.stream, &rig.config), 0);
	assert_false(is_key(encode_one()));
	assert_true(wait_last()->result.bytes < fine);
	assert_int_equal(control(V4L2_CID_FWHT_I_FRAME_QP), 30);
	assert_int_equal(control(V4L2_CID_FWHT_P_FRAME_QP), 30);
	/* as near as the node can */
	rig.config.qp = 1000;
	assert_int_equal(rig.e.ops->reconfigure(rig.stream, &rig.config), 0);
	assert_int_equal(control(V4L2_CID_FWHT_P_FRAME_QP), control_max(V4L2_CID_FWHT_P_FRAME_QP));
	rig.e.ops->close(rig.stream);
	rig.config.gop = 0;
	assert_int_equal(rig.e.ops->open(rig.e.ctx, &rig.config, &rig.stream), 0);
	assert_true(is_key(encode_one()));
	assert_int_equal(control(V4L2_CID_MPEG_VIDEO_GOP_SIZE),
			 control_max(V4L2_CID_MPEG_VIDEO_GOP_SIZE));
	/* it has no bit rates: refused, and not taken for another mode */
	rig.e.ops->close(rig.stream);
	rig.stream = NULL;
	rig.config.rc_mode = HVCAL_RC_CBR;
	rig.config.bitrate = 1000000;
	assert_int_equal(rig.e.ops->open(rig.e.ctx, &rig.config, &rig.stream), -EINVAL);
	assert_int_equal(controls.refused, 0);
}

static void tell(const char *file, const char *what)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, what, strlen(what)), (ssize_t)strlen(what));
	close(fd);
}

static void *unbind(void *arg)
{
	tell(UNBIND, arg);
	return NULL;
}

/* The driver goes in the middle of a stream: errors, no hang, and no engine. */
static void test_device_lost(void **state)
{
	char reason[256] = "";
	pthread_t thread;
	int ret;

	(void)state;
	if (access(UNBIND, W_OK))
		skip();
	assert_true(is_key(encode_one()));
	atomic_store(&spoil.hold, true);
	assert_int_equal(send_one(WIDTH, 0), 0);
	/* it may wait until the node is closed */
	assert_int_equal(pthread_create(&thread, NULL, unbind, (void *)"vicodec.0"), 0);
	assert_int_equal(wait_last()->result.status < 0, 1);
	atomic_store(&spoil.hold, false);
	for (unsigned int i = 0; i < 100 && (ret = send_one(WIDTH, 0)) != -ENODEV; i++) {
		if (!ret)
			wait_last();
		usleep(20000);
	}
	assert_int_equal(ret, -ENODEV);
	rig.e.ops->close(rig.stream);
	rig.stream = NULL;
	pthread_join(thread, NULL);
	hvcal_plugin_engine_destroy(&rig.e);
	assert_int_equal(create(reason, sizeof(reason)), -ENODEV);
	printf("# %s\n", reason);
	assert_true(strlen(reason) > 0);
	tell(BIND, "vicodec.0");
	for (unsigned int i = 0; i < 100 && (ret = create(reason, sizeof(reason))); i++)
		usleep(20000);
	assert_int_equal(ret, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_stuck), TEST(test_bad_packet), TEST(test_no_packet), TEST(test_drain),
		TEST(test_close), TEST(test_import), TEST(test_forced_key), TEST(test_controls),
		TEST(test_device_lost),
	};
	char reason[256];
	int ret = create(reason, sizeof(reason));

	if (ret) {
		printf("1..0 # SKIP %s\n", reason);
		return SKIP_ALL;
	}
	hvcal_plugin_engine_destroy(&rig.e);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
