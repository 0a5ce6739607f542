// SPDX-License-Identifier: MIT
/* Buffer pools: layout, growth, limits, contents, many threads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake_kernel.h"
#include "test_engine.h"

#define THREADS 4
#define ROUNDS 4000

static const struct hvcal_engine_plugin *const plugins[] = { &test_engine_plugin };
static const struct hvcal_plugin_list list = { plugins, 1 };

static int setup(void **state)
{
	hvcal_init_params_t p;

	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_DIRECT;
	return hvcal_context_create((hvcal_context_t **)state, &p, &hvcal_sys_default, &list);
}

static int teardown(void **state)
{
	hvcal_shutdown((hvcal_context_t **)state);
	return 0;
}

static hvcal_pool_t *bytes_pool(hvcal_context_t *ctx, uint32_t min, uint32_t max)
{
	hvcal_pool_params_t p;
	hvcal_pool_t *pool = NULL;

	hvcal_pool_params_default(&p, sizeof(p));
	p.size = 5000;
	p.min_buffers = min;
	p.max_buffers = max;
	p.memory = HVCAL_MEMORY_MEMFD;
	assert_int_equal(hvcal_pool_create(ctx, &p, &pool), 0);
	return pool;
}

static hvcal_pool_info_t info_of(hvcal_pool_t *pool)
{
	hvcal_pool_info_t i;

	hvcal_pool_info_default(&i, sizeof(i));
	assert_int_equal(hvcal_pool_get_info(pool, &i), 0);
	return i;
}

static void test_layout(void **state)
{
	static const struct { uint32_t format, planes, bytes[3]; } formats[] = {
		{ HVCAL_FORMAT_NV12, 2, { 101, 102 } },
		{ HVCAL_FORMAT_I420, 3, { 101, 51, 51 } },
		{ HVCAL_FORMAT_P010, 2, { 202, 204 } },
		{ HVCAL_FORMAT_XRGB8888, 1, { 404 } },
	};
	hvcal_buffer_t b;
	uint32_t i, j;

	(void)state;
	for (i = 0; i < 4; i++) {
		uint64_t end = 0;

		hvcal_buffer_default(&b, sizeof(b));
		assert_int_equal(hvcal_buffer_layout(&b, formats[i].format, 101, 51, 0, 0), 0);
		assert_int_equal(b.planes, formats[i].planes);
		for (j = 0; j < b.planes; j++) {
			assert_int_equal(b.stride[j] % 256, 0);
			assert_true(b.stride[j] >= formats[i].bytes[j]);
			assert_true(b.stride[j] < formats[i].bytes[j] + 256);
			assert_int_equal(b.offset[j] % 4096, 0);
			assert_true(b.offset[j] >= end);
			end = b.offset[j] + (uint64_t)b.stride[j] * (j ? 26 : 51);
		}
		assert_true(b.size >= end);
		/* without padding it is the plain frame */
		assert_int_equal(hvcal_buffer_layout(&b, formats[i].format, 101, 51, 1, 1), 0);
		assert_int_equal(b.stride[0], formats[i].bytes[0]);
		if (b.planes > 1)
			assert_int_equal(b.offset[1], 51 * formats[i].bytes[0]);
	}
	assert_int_equal(hvcal_buffer_layout(&b, HVCAL_FORMAT_NV12, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(hvcal_buffer_layout(&b, HVCAL_FORMAT_NV12, 65537, 1, 0, 0), -EINVAL);
	assert_int_equal(hvcal_buffer_layout(&b, HVCAL_FORMAT_NV12, 8, 8, 24, 0), -EINVAL);
	assert_int_equal(hvcal_buffer_layout(&b, 1, 8, 8, 0, 0), -EOPNOTSUPP);
	assert_int_equal(hvcal_buffer_layout(&b, HVCAL_FORMAT_P010, 65536, 65536, 0, 0), 0);
	assert_true(b.size >= 65536ULL * 65536 * 3);
}

static void test_growth_and_limit(void **state)
{
	hvcal_pool_t *pool = bytes_pool(*state, 2, 100);
	hvcal_buffer_t *b[100], *none = NULL;
	hvcal_pool_info_t i;
	int n, m;

	for (n = 0; n < 100; n++) { /* beyond 64 */
		assert_int_equal(hvcal_pool_acquire(pool, &b[n]), 0);
		assert_non_null(b[n]->cpu_ptr);
		assert_true(b[n]->size >= 5000);
		memset(b[n]->cpu_ptr, n, 5000);
	}
	assert_int_equal(hvcal_pool_acquire(pool, &none), -EAGAIN);
	assert_null(none);
	for (n = 0; n < 100; n++) /* nobody's memory is somebody else's */
		for (m = 0; m < 5000; m += 499)
			assert_int_equal(((unsigned char *)b[n]->cpu_ptr)[m], n);
	i = info_of(pool);
	assert_int_equal(i.memory, HVCAL_MEMORY_MEMFD);
	assert_int_equal(i.buffers, 100);
	assert_int_equal(i.in_use, 100);
	assert_int_equal(i.peak_in_use, 100);
	assert_int_equal(i.grown, 98);
	assert_int_equal(i.exhausted, 1);
	assert_int_equal(i.acquired, 100);
	assert_int_equal(i.buffer_bytes, 8192);
	for (n = 0; n < 100; n++)
		hvcal_buffer_release(&b[n]);
	i = info_of(pool);
	assert_int_equal(i.in_use, 0);
	assert_int_equal(i.buffers, 100);
	assert_int_equal(hvcal_pool_acquire(pool, &b[0]), 0);
	assert_int_equal(info_of(pool).grown, 98); /* reused, not grown */
	hvcal_pool_destroy(&pool);
	assert_null(pool);
	memset(b[0]->cpu_ptr, 1, 5000); /* outlives its pool */
	hvcal_buffer_release(&b[0]);
	assert_null(b[0]);
}

static void test_references(void **state)
{
	hvcal_pool_t *pool = bytes_pool(*state, 1, 1);
	hvcal_buffer_t *a, *second, *none;

	assert_int_equal(hvcal_pool_acquire(pool, &a), 0);
	second = hvcal_buffer_ref(a);
	assert_ptr_equal(a, second);
	hvcal_buffer_release(&a);
	assert_int_equal(hvcal_pool_acquire(pool, &none), -EAGAIN);
	hvcal_buffer_release(&second);
	assert_int_equal(hvcal_pool_acquire(pool, &a), 0);
	/* retired memory never comes back, but its place does */
	atomic_store(&hvcal_buf_from(a)->retired, true);
	memset(a->cpu_ptr, 0x77, 5000);
	hvcal_buffer_release(&a);
	assert_int_equal(info_of(pool).buffers, 0);
	assert_int_equal(hvcal_pool_acquire(pool, &a), 0);
	assert_int_equal(*(unsigned char *)a->cpu_ptr, 0);
	hvcal_buffer_release(&a);
	hvcal_buffer_release(&a);
	hvcal_buffer_release(NULL);
	hvcal_pool_destroy(&pool);
	hvcal_pool_destroy(&pool);
}

static void test_bad_params(void **state)
{
	hvcal_pool_t *pool = NULL;
	hvcal_pool_params_t p;

	hvcal_pool_params_default(&p, sizeof(p));
	assert_int_equal(hvcal_pool_create(*state, &p, &pool), -EINVAL); /* no size */
	p.size = 1;
	p.min_buffers = 3;
	p.max_buffers = 2;
	assert_int_equal(hvcal_pool_create(*state, &p, &pool), -EINVAL);
	p.max_buffers = 3;
	p.flags = 1U << 31;
	assert_int_equal(hvcal_pool_create(*state, &p, &pool), -EINVAL);
	p.flags = 0;
	p.struct_size = 4;
	assert_int_equal(hvcal_pool_create(*state, &p, &pool), -EINVAL);
	p.struct_size = sizeof(p);
	p.size = UINT64_MAX;
	assert_true(hvcal_pool_create(*state, &p, &pool) < 0);
	assert_null(pool);
}

/* What was asked is got, or it is said that it was not. */
static void test_options(void **state)
{
	hvcal_pool_t *pool = NULL;
	hvcal_pool_params_t p;
	hvcal_pool_info_t i;
	hvcal_buffer_t *b;

	hvcal_pool_params_default(&p, sizeof(p));
	p.size = 100000;
	p.flags = HVCAL_POOL_HUGE_PAGES | HVCAL_POOL_LOCK;
	p.numa_node = 0;
	p.memory = HVCAL_MEMORY_MEMFD;
	assert_int_equal(hvcal_pool_create(*state, &p, &pool), 0);
	i = info_of(pool);
	if (i.huge_pages) {
		assert_int_equal(i.huge_pages, 2 << 20);
		assert_int_equal(i.buffer_bytes % i.huge_pages, 0);
	} else {
		assert_int_equal(i.buffer_bytes % 4096, 0);
	}
	assert_true(i.numa_node == 0 || i.numa_node == -1);
	print_message("# huge pages %u, locked %u, node %d\n", i.huge_pages, i.locked,
		      i.numa_node);
	assert_int_equal(hvcal_pool_acquire(pool, &b), 0);
	memset(b->cpu_ptr, 1, b->size);
	assert_int_equal(hvcal_buffer_begin_cpu(b, HVCAL_CPU_READ), 0);
	assert_int_equal(hvcal_buffer_end_cpu(b, HVCAL_CPU_READ), 0);
	assert_int_equal(hvcal_buffer_begin_cpu(b, 0), -EINVAL);
	hvcal_buffer_release(&b);
	hvcal_pool_destroy(&pool);
}

/* With the kernel a memfd is of no use: it is not a DMA-BUF. */
static void test_kernel_needs_dmabuf(void **state)
{
	struct fake_kernel k;
	hvcal_context_t *ctx;
	hvcal_pool_t *pool = NULL;
	hvcal_pool_params_t p;

	(void)state;
	fake_kernel_init(&k);
	assert_int_equal(fake_kernel_context(&k, &ctx), 0);
	hvcal_pool_params_default(&p, sizeof(p));
	p.size = 4096;
	p.memory = HVCAL_MEMORY_MEMFD;
	assert_int_equal(hvcal_pool_create(ctx, &p, &pool), -EOPNOTSUPP);
	p.memory = HVCAL_MEMORY_AUTO;
	assert_int_equal(hvcal_pool_create(ctx, &p, &pool), 0);
	assert_int_equal(info_of(pool).memory, HVCAL_MEMORY_UDMABUF);
	hvcal_pool_destroy(&pool);
	p.memory = HVCAL_MEMORY_VGEM;
	assert_int_equal(hvcal_pool_create(ctx, &p, &pool), -EOPNOTSUPP);
	hvcal_shutdown(&ctx);
	fake_kernel_finish(&k);
}

/* The real devices, where this machine has them. */
static void test_real_memory(void **state)
{
	static const struct { uint32_t memory; const char *name; } kinds[] = {
		{ HVCAL_MEMORY_UDMABUF, "udmabuf" }, { HVCAL_MEMORY_DMA_HEAP, "dma-heap" },
		{ HVCAL_MEMORY_VGEM, "vgem" },
	};
	hvcal_pool_params_t p;
	hvcal_buffer_t *b;
	hvcal_pool_t *pool;
	int ret;

	for (int i = 0; i < 3; i++) {
		hvcal_pool_params_default(&p, sizeof(p));
		p.size = 70000;
		p.memory = kinds[i].memory;
		ret = hvcal_pool_create(*state, &p, &pool);
		if (ret) {
			assert_int_equal(ret, -EOPNOTSUPP);
			print_message("# %s: not here, not tested\n", kinds[i].name);
			continue;
		}
		assert_int_equal(hvcal_pool_acquire(pool, &b), 0);
		assert_int_equal(b->memory, kinds[i].memory);
		assert_true(lseek(b->fd[0], 0, SEEK_END) >= 70000);
		assert_int_equal(hvcal_buffer_begin_cpu(b, HVCAL_CPU_WRITE), 0);
		memset(b->cpu_ptr, 5, 70000);
		assert_int_equal(hvcal_buffer_end_cpu(b, HVCAL_CPU_WRITE), 0);
		hvcal_buffer_release(&b);
		hvcal_pool_destroy(&pool);
		print_message("# %s: works\n", kinds[i].name);
	}
}

struct worker {
	hvcal_pool_t *pool;
	unsigned int rounds, retire, id, exhausted, bad;
};

/* Takes 1..4 buffers, marks them, and finds its marks undisturbed. */
static void *worker(void *arg)
{
	struct worker *w = arg;
	hvcal_buffer_t *b[4];
	unsigned int seed = w->id;
	int i, n, want;

	for (int round = 0; round < (int)w->rounds; round++) {
		want = 1 + (int)(rand_r(&seed) % 4);
		for (n = 0; n < want; n++) {
			if (hvcal_pool_acquire(w->pool, &b[n])) {
				w->exhausted++;
				break;
			}
			*(unsigned int *)b[n]->cpu_ptr = w->id << 16 | (unsigned int)n;
		}
		for (i = 0; i < n; i++)
			w->bad += *(unsigned int *)b[i]->cpu_ptr !=
				  (w->id << 16 | (unsigned int)i);
		while (n--) {
			if (w->retire && rand_r(&seed) % w->retire == 0)
				atomic_store(&hvcal_buf_from(b[n])->retired, true);
			hvcal_buffer_release(&b[n]);
		}
	}
	return NULL;
}

static void run_threads(hvcal_context_t *ctx, unsigned int rounds, unsigned int retire)
{
	hvcal_pool_t *pool = bytes_pool(ctx, 2, THREADS * 3);
	struct worker w[THREADS];
	pthread_t t[THREADS];
	hvcal_pool_info_t info;
	hvcal_buffer_t *b[THREADS * 3], *none;
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		w[i] = (struct worker){ .pool = pool, .id = i + 1, .rounds = rounds,
					.retire = retire };
		assert_int_equal(pthread_create(&t[i], NULL, worker, &w[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].bad, 0);
	}
	info = info_of(pool);
	assert_int_equal(info.in_use, 0);
	assert_true(info.peak_in_use <= THREADS * 3);
	assert_true(info.buffers <= THREADS * 3);
	/* none was lost: all of them can be had at once */
	for (i = 0; i < THREADS * 3; i++)
		assert_int_equal(hvcal_pool_acquire(pool, &b[i]), 0);
	assert_int_equal(hvcal_pool_acquire(pool, &none), -EAGAIN);
	for (i = 0; i < THREADS * 3; i++)
		hvcal_buffer_release(&b[i]);
	hvcal_pool_destroy(&pool);
}

static void test_threads(void **state)
{
	run_threads(*state, ROUNDS, 64);
}

/* Nothing but the free list: where a lost update would show. */
static void test_threads_contended(void **state)
{
	run_threads(*state, 25 * ROUNDS, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		T(test_growth_and_limit),
		T(test_references),
		T(test_bad_params),
		T(test_options),
		cmocka_unit_test(test_kernel_needs_dmabuf),
		T(test_real_memory),
		T(test_threads),
		T(test_threads_contended),
	};

	return cmocka_run_group_tests_name("libhvcal pools", tests, NULL, NULL);
}
