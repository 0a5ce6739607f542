// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "provider_rig.h"

/* ---- allocations of the runtime: the linker leads them here ---- */

static atomic_uint allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_realloc(p, size);
}

unsigned int rig_allocations(void)
{
	return atomic_load(&allocations);
}

/* ---- a provider that runs ---- */

static const char *rig_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct rig *)cookie)->options, key);
}

static void rig_log(void *cookie, int level, const char *line)
{
	(void)level;
	(void)line;
	((struct rig *)cookie)->logged++;
}

static int memory(size_t size, uint8_t **map)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(*map != MAP_FAILED);
	return fd;
}

struct rig *rig_new(void **state, const char *options)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	fake_provider_init(&r->k);
	r->options = hvcal_options_create();
	if (options)
		assert_int_equal(hvcal_options_add(r->options, options, NULL, 0), 0);
	assert_int_equal(hvcal_plugins_load(*state, "null", &r->plugins), 0);
	hvcal_provider_params_default(&r->params, sizeof(r->params));
	r->params.option = rig_option;
	r->params.log = rig_log;
	r->params.cookie = r;
	r->stop = eventfd(0, EFD_CLOEXEC);
	r->layout = (struct hvcal_frame_layout){
		.size = sizeof(r->layout), .format = HVCAL_FORMAT_NV12, .width = RIG_WIDTH,
		.height = RIG_HEIGHT, .planes = 2, .stride = { RIG_WIDTH, RIG_WIDTH },
		.offset = { 0, RIG_WIDTH * RIG_HEIGHT },
	};
	r->source = memory(RIG_WIDTH * RIG_HEIGHT * 2, &r->source_map);
	r->target = memory(65536, &r->target_map);
	for (unsigned int i = 0; i < RIG_WIDTH * RIG_HEIGHT * 2; i++)
		r->source_map[i] = (uint8_t)(i * 7 + i / 64);
	return r;
}

void rig_open(struct rig *r)
{
	const struct hvcal_engine_plugin *ops = hvcal_plugins_find(r->plugins, "null")->ops;
	char reason[256] = "";

	assert_non_null(ops);
	assert_int_equal(provider_open_sys(&r->p, &r->params, &r->k.sys), 0);
	assert_int_equal(hvcal_provider_add(r->p, ops, 0, reason, sizeof(reason)), 0);
}

static void *run(void *arg)
{
	struct rig *r = arg;

	r->run_result = hvcal_provider_run(r->p, r->stop);
	return NULL;
}

int rig_run(struct rig *r)
{
	return pthread_create(&r->thread, NULL, run, r);
}

struct rig *rig_start(void **state, const char *options)
{
	struct rig *r = rig_new(state, options);

	rig_open(r);
	assert_int_equal(rig_run(r), 0);
	fake_buffer(&r->k, 1, r->source, &r->layout);
	fake_buffer(&r->k, 2, r->target, NULL);
	return r;
}

struct hvcal_codec_config rig_config(void)
{
	struct hvcal_codec_config config = {
		.size = sizeof(config), .codec = HVCAL_CODEC_NULL, .format = HVCAL_FORMAT_NV12,
		.width = RIG_WIDTH, .height = RIG_HEIGHT, .fps_num = 30, .fps_den = 1, .bit_depth = 8,
	};

	return config;
}

void rig_halt(struct rig *r)
{
	uint64_t one = 1;

	assert_int_equal(write(r->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(r->thread, NULL);
}

void rig_stop(struct rig *r)
{
	rig_halt(r);
	hvcal_provider_close(&r->p);
	assert_null(r->p);
}

void rig_free(struct rig *r)
{
	assert_int_equal(r->k.open_fds, 0);
	assert_int_equal(r->k.maps, 0);
	assert_int_equal(r->k.sync_depth, 0);
	assert_false(r->k.sync_pairs_wrong);
	munmap(r->source_map, RIG_WIDTH * RIG_HEIGHT * 2);
	munmap(r->target_map, 65536);
	close(r->source);
	close(r->target);
	close(r->stop);
	hvcal_options_destroy(&r->options);
	hvcal_plugins_unload(&r->plugins);
	fake_provider_finish(&r->k);
	free(r);
}

void rig_end(struct rig *r)
{
	rig_stop(r);
	assert_int_equal(r->run_result, 0);
	rig_free(r);
}

int rig_status(struct rig *r, uint64_t id)
{
	const struct fake_result *a = fake_answer(&r->k, id);

	if (!a)
		fail_msg("item %llu has no answer", (unsigned long long)id);
	return a->r.status;
}
