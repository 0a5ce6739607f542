// SPDX-License-Identifier: MIT
/* Pictures that the client has in memory of the GPU, and the order of streams. */
#include "test_nvenc.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ffnvcodec/dynlink_cuda.h>

#define SLOW_US 30000

/* The client's side of CUDA. */
static struct {
	CUcontext ctx;
	CUdeviceptr memory;
	size_t bytes;
	CUstream stream;
	const void *from;	/* the picture that is on its way into the memory */
} cuda;

typedef CUresult CUDAAPI launch_fn(CUstream stream, void (*fn)(void *arg), void *arg);

#define CUDA(name) \
	__extension__({ \
		void *at_ = cuda_function(#name); \
		t##name *fn_; \
		memcpy(&fn_, &at_, sizeof(fn_)); \
		fn_; \
	})

static void cuda_up(size_t bytes)
{
	memset(&cuda, 0, sizeof(cuda));
	cuda.bytes = bytes;
	assert_int_equal(CUDA(cuDevicePrimaryCtxRetain)(&cuda.ctx, 0), 0);
	assert_int_equal(CUDA(cuCtxPushCurrent_v2)(cuda.ctx), 0);
	assert_int_equal(CUDA(cuMemAlloc_v2)(&cuda.memory, bytes), 0);
	assert_int_equal(CUDA(cuStreamCreate)(&cuda.stream, 0), 0);
}

static void cuda_down(void)
{
	CUcontext ctx;

	assert_int_equal(CUDA(cuStreamDestroy_v2)(cuda.stream), 0);
	assert_int_equal(CUDA(cuMemFree_v2)(cuda.memory), 0);
	assert_int_equal(CUDA(cuCtxPopCurrent_v2)(&ctx), 0);
	assert_int_equal(CUDA(cuDevicePrimaryCtxRelease)(0), 0);
}

static void copy(void *arg)
{
	(void)arg;
	memcpy((void *)(uintptr_t)cuda.memory, cuda.from, cuda.bytes);
}

static void copy_slowly(void *arg)
{
	usleep(SLOW_US);
	copy(arg);
}

/* The picture is in memory of the GPU, and nowhere else. */
static void on_device(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	cuda.from = source->map[0];
	source->layout.flags = HVCAL_LAYOUT_DEVICE;
	source->layout.device_ptr = cuda.memory;
	source->layout.device_size = cuda.bytes;
}

static void ready_on_device(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	on_device(job, source);
	copy(NULL);
}

/* It gets there some time after it was handed over. */
static void later_on_device(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	void *at = cuda_function("cuLaunchHostFunc");
	launch_fn *launch;

	memcpy(&launch, &at, sizeof(launch));
	on_device(job, source);
	memset((void *)(uintptr_t)cuda.memory, 0, cuda.bytes);
	assert_int_equal(launch(cuda.stream, copy_slowly, NULL), 0);
	job->params.stream = (uintptr_t)cuda.stream;
}

static void misplaced_on_device(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	ready_on_device(job, source);
	source->layout.offset[1] -= 32;
}

static int send_as(struct conf_stream *s,
		   void (*spoil)(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source))
{
	const struct conf_how how = { .spoil = spoil };

	return send_one(s, &how);
}

static struct conf_stream *device_up(struct nvenc_test *t, struct hvcal_codec_config *config)
{
	struct conf_stream *s = work_up(t, "", config);

	assert_true(t->engine.desc.flags & HVCAL_ENGINE_DEVICE_MEMORY);
	assert_int_equal(send_one(s, NULL), 0);
	cuda_up(s->sources->size);
	return s;
}

static void device_down(struct nvenc_test *t, struct conf_stream **s)
{
	conf_decode(*s, 0, GOOD_PSNR, NULL);
	conf_free(s);
	cuda_down();
	engine_down(t);
}

static void test_device_memory(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s = device_up(t, &config);

	/* a buffer of its own: the first one has been imported as the CPU's */
	t->engine.ops->forget(t->engine.ctx, &s->sources->engine);
	for (unsigned int i = 1; i < 8; i++) {
		assert_int_equal(send_as(s, ready_on_device), 0);
		assert_int_equal(s->frames[i]->result.frame.copied_bytes, 0);
	}
	assert_int_equal(counts_now().registrations, 1);
	assert_int_equal(counts_now().maps, 7);
	assert_int_equal(counts_now().ordered, 0);
	assert_int_equal(send_as(s, misplaced_on_device), -EINVAL);
	device_down(t, &s);
}

/* The GPU waits for the picture; neither the client nor the engine does. */
static void test_stream_order(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s = device_up(t, &config);

	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(send_as(s, later_on_device), 0);
	assert_int_equal(counts_now().ordered, 1);
	/* one that is complete waits for no stream */
	assert_int_equal(send_as(s, ready_on_device), 0);
	assert_int_equal(counts_now().ordered, 2);
	assert_int_equal(send_as(s, later_on_device), 0);
	assert_int_equal(counts_now().ordered, 3);
	device_down(t, &s);
}

static void test_another_stream(void **state)
{
	struct nvenc_test *t = *state;
	struct hvcal_codec_config config;
	struct conf_stream *s = device_up(t, &config);
	CUstream real = cuda.stream;

	assert_int_equal(send_as(s, later_on_device), 0);
	assert_int_equal(CUDA(cuStreamCreate)(&cuda.stream, 0), 0);
	assert_int_equal(CUDA(cuStreamDestroy_v2)(real), 0);
	assert_int_equal(send_as(s, later_on_device), 0);
	device_down(t, &s);
}

int run_device_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_device_memory), TEST(test_stream_order), TEST(test_another_stream),
	};

	return cmocka_run_group_tests_name("device", tests, NULL, NULL);
}
