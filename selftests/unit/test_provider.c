// SPDX-License-Identifier: MIT
/*
 * The provider runtime against a kernel of the test's own, with the null engine.
 * usage: test_provider FOLDER-OF-ENGINES
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/engines/null.h"
#include "fake_provider.h"
#include "../../lib/provider/internal.h"
#include "options.h"

#define WIDTH 64
#define HEIGHT 32

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

/* ---- a provider that runs ---- */

struct rig {
	struct fake_provider k;
	struct hvcal_options *options;
	struct hvcal_plugins *plugins;
	hvcal_provider_params_t params;
	hvcal_provider_t *p;
	pthread_t thread;
	int stop;
	int run_result;
	int source, target;	/* memfds */
	uint8_t *source_map, *target_map;
	struct hvcal_frame_layout layout;
	unsigned int logged;
};

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

static struct rig *rig_new(void **state, const char *options)
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
		.size = sizeof(r->layout), .format = HVCAL_FORMAT_NV12, .width = WIDTH,
		.height = HEIGHT, .planes = 2, .stride = { WIDTH, WIDTH },
		.offset = { 0, WIDTH * HEIGHT },
	};
	r->source = memory(WIDTH * HEIGHT * 2, &r->source_map);
	r->target = memory(65536, &r->target_map);
	for (unsigned int i = 0; i < WIDTH * HEIGHT * 2; i++)
		r->source_map[i] = (uint8_t)(i * 7 + i / 64);
	return r;
}

static void rig_open(struct rig *r)
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

static struct rig *rig_start(void **state, const char *options)
{
	struct rig *r = rig_new(state, options);

	rig_open(r);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	fake_buffer(&r->k, 1, r->source, &r->layout);
	fake_buffer(&r->k, 2, r->target, NULL);
	return r;
}

static struct hvcal_codec_config rig_config(void)
{
	struct hvcal_codec_config config = {
		.size = sizeof(config), .codec = HVCAL_CODEC_NULL, .format = HVCAL_FORMAT_NV12,
		.width = WIDTH, .height = HEIGHT, .fps_num = 30, .fps_den = 1, .bit_depth = 8,
	};

	return config;
}

static void rig_stop(struct rig *r)
{
	uint64_t one = 1;

	assert_int_equal(write(r->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(r->thread, NULL);
	hvcal_provider_close(&r->p);
	assert_null(r->p);
}

static void rig_free(struct rig *r)
{
	assert_int_equal(r->k.open_fds, 0);
	assert_int_equal(r->k.maps, 0);
	assert_int_equal(r->k.sync_depth, 0);
	assert_false(r->k.sync_pairs_wrong);
	munmap(r->source_map, WIDTH * HEIGHT * 2);
	munmap(r->target_map, 65536);
	close(r->source);
	close(r->target);
	close(r->stop);
	hvcal_options_destroy(&r->options);
	hvcal_plugins_unload(&r->plugins);
	fake_provider_finish(&r->k);
	free(r);
}

static void rig_end(struct rig *r)
{
	rig_stop(r);
	assert_int_equal(r->run_result, 0);
	rig_free(r);
}

static int status_of(struct rig *r, uint64_t id)
{
	const struct fake_result *a = fake_answer(&r->k, id);

	if (!a)
		fail_msg("item %llu has no answer", (unsigned long long)id);
	return a->r.status;
}

/* ---- beginning ---- */

static void test_no_node(void **state)
{
	struct rig *r = rig_new(state, NULL);

	r->k.open_error = -ENOENT;
	assert_int_equal(provider_open_sys(&r->p, &r->params, &r->k.sys), -ENOENT);
	r->k.open_error = -EACCES;
	assert_int_equal(provider_open_sys(&r->p, NULL, &r->k.sys), -EACCES);
	assert_null(r->p);
	hvcal_provider_close(&r->p);
	rig_free(r);
}

static void test_register(void **state)
{
	struct rig *r = rig_new(state, "null.slots=3,null.depth=5,null.sessions=9,null.cost=77");
	const struct hvcal_engine_plugin *ops = hvcal_plugins_find(r->plugins, "null")->ops;
	char reason[256] = "";

	rig_open(r);
	assert_string_equal(r->k.reg.name, "null");
	assert_int_equal(r->k.reg.kind, HVCAL_ENGINE_TEST);
	assert_int_equal(r->k.reg.slots, 3);
	assert_int_equal(r->k.reg.session_depth, 5);
	assert_int_equal(r->k.reg.max_sessions, 9);
	assert_int_equal(r->k.reg.caps.count, 1);
	assert_int_equal(r->k.reg.caps.stride, sizeof(struct hvcal_engine_cap));
	assert_string_equal(hvcal_provider_engine(r->p, 0)->name, "null");
	assert_null(hvcal_provider_engine(r->p, 1));
	assert_int_equal(hvcal_provider_add(r->p, ops, 1, reason, sizeof(reason)), -ENOENT);
	r->k.register_error = -EBUSY;
	assert_int_equal(hvcal_provider_add(r->p, ops, 0, reason, sizeof(reason)), -EBUSY);
	assert_non_null(strstr(reason, "there already"));
	assert_null(hvcal_provider_engine(r->p, 1));
	hvcal_provider_close(&r->p);
	rig_free(r);
}

/* Takes the only capability away, or refuses, or leaves all as it is. */
static int vet_verdict;
static bool vet_empties;

static int vet(void *cookie, unsigned int index, struct hvcal_engine_desc *desc, char *reason,
	       size_t len)
{
	(void)cookie;
	assert_int_equal(index, 0);
	assert_string_equal(desc->name, "null");
	if (vet_empties)
		desc->ncaps = 0;
	snprintf(reason, len, "not wanted");
	return vet_verdict;
}

static void test_vet(void **state)
{
	struct rig *r = rig_new(state, NULL);
	const struct hvcal_engine_plugin *ops = hvcal_plugins_find(r->plugins, "null")->ops;
	char reason[256] = "";

	r->params.vet = vet;
	assert_int_equal(provider_open_sys(&r->p, &r->params, &r->k.sys), 0);
	vet_verdict = -EPERM;
	assert_int_equal(hvcal_provider_add(r->p, ops, 0, reason, sizeof(reason)), -EPERM);
	assert_string_equal(reason, "not wanted");
	assert_int_equal(r->k.registered, 0);
	assert_null(hvcal_provider_engine(r->p, 0));
	vet_verdict = 0;
	vet_empties = true;
	assert_int_equal(hvcal_provider_add(r->p, ops, 0, reason, sizeof(reason)), 0);
	assert_int_equal(r->k.reg.caps.count, 0);
	hvcal_provider_close(&r->p);
	rig_free(r);
}

/* ---- work ---- */

static void test_encode(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	uint64_t open = fake_open(&r->k, 1, &config);
	uint64_t frame = fake_frame(&r->k, 1, 1, 2, 4711);
	uint64_t close_id = fake_simple(&r->k, 1, HVCAL_ITEM_CLOSE);
	struct hvcal_null_packet packet;
	const struct fake_result *a;
	struct stat st;

	assert_true(fake_wait(&r->k, 3));
	assert_int_equal(status_of(r, open), 0);
	assert_int_equal(status_of(r, close_id), 0);
	a = fake_answer(&r->k, frame);
	assert_int_equal(a->r.status, 0);
	assert_int_equal(a->r.flags, HVCAL_RESULT_KEY);
	assert_int_equal(a->frame.pts, 4711);
	assert_int_equal(a->r.bytes, sizeof(packet));
	/* the packet is in the very memory that was given, and tells of the source */
	memcpy(&packet, r->target_map, sizeof(packet));
	assert_int_equal(packet.magic, HVCAL_NULL_MAGIC);
	fstat(r->source, &st);
	assert_int_equal(packet.source_ino, st.st_ino);
	assert_true(packet.source_addr != (uintptr_t)r->source_map);
	assert_int_equal(r->k.accepts, 1);
	assert_int_equal(r->k.syncs, 4);
	rig_end(r);
}

static void test_two_streams(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	uint64_t ids[2][50];

	fake_open(&r->k, 1, &config);
	fake_open(&r->k, 2, &config);
	for (unsigned int i = 0; i < 50; i++)
		for (unsigned int s = 0; s < 2; s++)
			ids[s][i] = fake_frame(&r->k, s + 1, 1, 2, 100 * (s + 1) + i);
	assert_true(fake_wait(&r->k, 102));
	for (unsigned int i = 0; i < 50; i++)
		for (unsigned int s = 0; s < 2; s++) {
			const struct fake_result *a = fake_answer(&r->k, ids[s][i]);

			assert_int_equal(a->r.status, 0);
			assert_int_equal(a->frame.pts, 100 * (s + 1) + i);
			assert_int_equal(!!(a->r.flags & HVCAL_RESULT_KEY), i == 0);
		}
	rig_end(r);
}

static void test_open_fails(void **state)
{
	struct rig *r = rig_start(state, "null.fail_open=12");
	struct hvcal_codec_config config = rig_config();
	uint64_t open = fake_open(&r->k, 1, &config), late;

	assert_true(fake_wait(&r->k, 1));
	assert_int_equal(status_of(r, open), -ENOMEM);
	/* the kernel may ask for a close that it had queued before */
	late = fake_simple(&r->k, 1, HVCAL_ITEM_CLOSE);
	assert_true(fake_wait(&r->k, 2));
	assert_int_equal(status_of(r, late), 0);
	rig_end(r);
}

static void test_bad_items(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	struct hvcal_item item = { .type = 99 };
	uint64_t unknown = fake_item(&r->k, item, NULL, 0);
	uint64_t nowhere = fake_frame(&r->k, 5, 1, 2, 0);
	uint64_t no_buffer, no_engine;

	item = (struct hvcal_item){ .type = HVCAL_ITEM_OPEN, .engine = 1, .stream = 3 };
	no_engine = fake_item(&r->k, item, &config, sizeof(config));
	fake_open(&r->k, 1, &config);
	no_buffer = fake_frame(&r->k, 1, 77, 2, 0);
	fake_drop(&r->k, 77);
	assert_true(fake_wait(&r->k, 5));
	assert_int_equal(status_of(r, unknown), -EOPNOTSUPP);
	assert_int_equal(status_of(r, nowhere), -ENODEV);
	assert_int_equal(status_of(r, no_engine), -ENODEV);
	assert_true(status_of(r, no_buffer) < 0);
	rig_end(r);
}

/* A buffer goes when its last frame does, not before. */
static void test_drop_in_use(void **state)
{
	struct rig *r = rig_start(state, "null.hold=2");
	struct hvcal_codec_config config = rig_config();
	uint64_t frame, flush;
	int fds;

	fake_open(&r->k, 1, &config);
	frame = fake_frame(&r->k, 1, 1, 2, 0);
	assert_true(fake_wait(&r->k, 2)); /* opened, held */
	fds = r->k.open_fds;
	fake_drop(&r->k, 1);
	fake_drop(&r->k, 2);
	/* an answer to an item that comes later: the drops were seen */
	fake_simple(&r->k, 9, HVCAL_ITEM_CLOSE);
	assert_true(fake_wait(&r->k, 3));
	assert_int_equal(r->k.open_fds, fds);
	flush = fake_simple(&r->k, 1, HVCAL_ITEM_FLUSH);
	assert_true(fake_wait(&r->k, 5));
	assert_int_equal(status_of(r, frame), 0);
	assert_int_equal(status_of(r, flush), 0);
	assert_int_equal(r->k.open_fds, fds - 2);
	assert_int_equal(r->k.maps, 0);
	rig_end(r);
}

/* HELD comes once and before the real answer, that before the one to FLUSH. */
static void test_held(void **state)
{
	struct rig *r = rig_start(state, "null.hold=2");
	struct hvcal_codec_config config = rig_config();
	uint64_t ids[5], flush;
	unsigned int held = 0, done = 0;

	fake_open(&r->k, 1, &config);
	for (unsigned int i = 0; i < 5; i++)
		ids[i] = fake_frame(&r->k, 1, 1, 2, i);
	flush = fake_simple(&r->k, 1, HVCAL_ITEM_FLUSH);
	assert_true(fake_wait(&r->k, 12));
	for (unsigned int i = 1; i < 11; i++) {
		const struct hvcal_item_result *a = &r->k.results[i].r;

		if (a->flags & HVCAL_RESULT_HELD) {
			assert_int_equal(a->id, ids[held++]);
			assert_int_equal(a->status, 0);
		} else {
			assert_int_equal(a->id, ids[done++]);
			assert_true(done <= held);
		}
	}
	assert_int_equal(held, 5);
	assert_int_equal(done, 5);
	assert_int_equal(r->k.results[11].r.id, flush);
	rig_end(r);
}

/* The engine cannot change its size: it is opened anew, and begins with a key. */
static void test_reconfigure(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	struct hvcal_item item = {
		.type = HVCAL_ITEM_RECONFIGURE, .engine = FAKE_ENGINE, .stream = 1,
	};
	uint64_t frames[3], ids[3];

	fake_open(&r->k, 1, &config);
	fake_frame(&r->k, 1, 1, 2, 0);
	config.bitrate = 1000;
	ids[0] = fake_item(&r->k, item, &config, sizeof(config));
	frames[0] = fake_frame(&r->k, 1, 1, 2, 1);
	config.width = 32;
	ids[1] = fake_item(&r->k, item, &config, sizeof(config));
	frames[1] = fake_frame(&r->k, 1, 1, 2, 2);
	config.width = 0;
	ids[2] = fake_item(&r->k, item, &config, sizeof(config));
	frames[2] = fake_frame(&r->k, 1, 1, 2, 3);
	assert_true(fake_wait(&r->k, 8));
	assert_int_equal(status_of(r, ids[0]), 0);
	assert_int_equal(fake_answer(&r->k, frames[0])->r.flags, 0);
	assert_int_equal(status_of(r, ids[1]), 0);
	assert_int_equal(fake_answer(&r->k, frames[1])->r.flags, HVCAL_RESULT_KEY);
	assert_int_equal(status_of(r, ids[2]), -EINVAL);
	assert_int_equal(fake_answer(&r->k, frames[2])->r.status, 0);
	assert_int_equal(fake_answer(&r->k, frames[2])->r.flags, 0);
	rig_end(r);
}

/* ---- parameters that the engine cannot do ---- */

static const struct hvcal_item reconfigure = {
	.type = HVCAL_ITEM_RECONFIGURE, .engine = FAKE_ENGINE, .stream = 1,
};

static uint32_t dropped(struct rig *r, uint64_t frame)
{
	assert_int_equal(status_of(r, frame), 0);
	return fake_answer(&r->k, frame)->frame.dropped;
}

/* At open, or only at the first frame: it goes on without, and says without what. */
static void safe_start(void **state, const char *options)
{
	struct rig *r = rig_start(state, options);
	struct hvcal_codec_config config = rig_config();
	uint64_t open, frames[2], plain;

	config.bframes = 2;
	open = fake_open(&r->k, 1, &config);
	for (unsigned int i = 0; i < 2; i++)
		frames[i] = fake_frame(&r->k, 1, 1, 2, i);
	config.bframes = 0;
	fake_open(&r->k, 2, &config);
	plain = fake_frame(&r->k, 2, 1, 2, 0);
	assert_true(fake_wait(&r->k, 5));
	assert_int_equal(status_of(r, open), 0);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(dropped(r, frames[i]), HVCAL_DROPPED_BFRAMES);
	assert_int_equal(fake_answer(&r->k, frames[0])->r.flags, HVCAL_RESULT_KEY);
	assert_int_equal(fake_answer(&r->k, frames[1])->r.flags, 0);
	assert_int_equal(dropped(r, plain), 0);
	rig_end(r);
}

static void test_safe_open(void **state)
{
	safe_start(state, "null.picky=1");
}

static void test_safe_first_frame(void **state)
{
	safe_start(state, "null.picky=2");
}

static void test_safe_reconfigure(void **state)
{
	struct rig *r = rig_start(state, "null.picky=1");
	struct hvcal_codec_config config = rig_config();
	uint64_t ids[3], frames[3];

	fake_open(&r->k, 1, &config);
	fake_frame(&r->k, 1, 1, 2, 0);
	config.slices = 4;
	config.bframes = 1;
	ids[0] = fake_item(&r->k, reconfigure, &config, sizeof(config));
	frames[0] = fake_frame(&r->k, 1, 1, 2, 1);
	/* one that had to drop something starts no new stream for each change */
	config.bitrate = 1000;
	ids[1] = fake_item(&r->k, reconfigure, &config, sizeof(config));
	frames[1] = fake_frame(&r->k, 1, 1, 2, 2);
	config.bframes = config.slices = 0;
	ids[2] = fake_item(&r->k, reconfigure, &config, sizeof(config));
	frames[2] = fake_frame(&r->k, 1, 1, 2, 3);
	assert_true(fake_wait(&r->k, 8));
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(status_of(r, ids[i]), 0);
		assert_int_equal(fake_answer(&r->k, frames[i])->r.flags, 0);
		assert_int_equal(dropped(r, frames[i]),
				 i == 2 ? 0 : HVCAL_DROPPED_BFRAMES | HVCAL_DROPPED_SLICES);
	}
	rig_end(r);
}

/* Neither as asked nor with less. */
static void test_safe_fails_too(void **state)
{
	struct rig *r = rig_start(state, "null.fail_open=22");
	struct hvcal_codec_config config = rig_config();
	uint64_t open;

	config.bframes = 2;
	open = fake_open(&r->k, 1, &config);
	assert_true(fake_wait(&r->k, 1));
	assert_int_equal(status_of(r, open), -EINVAL);
	rig_end(r);
}

/* Frames after the first are refused for what they are: no stream starts anew. */
static void test_safe_not_later(void **state)
{
	struct rig *r = rig_start(state, "null.fail_encode=22,null.fail_after=1");
	struct hvcal_codec_config config = rig_config();
	uint64_t frames[3];

	config.bframes = 2;
	fake_open(&r->k, 1, &config);
	for (unsigned int i = 0; i < 3; i++)
		frames[i] = fake_frame(&r->k, 1, 1, 2, i);
	assert_true(fake_wait(&r->k, 4));
	assert_int_equal(dropped(r, frames[0]), 0);
	assert_int_equal(status_of(r, frames[1]), -EINVAL);
	assert_int_equal(dropped(r, frames[2]), 0);
	assert_int_equal(fake_answer(&r->k, frames[2])->r.flags, 0);
	rig_end(r);
}

static unsigned int accepts(struct rig *r)
{
	unsigned int n;

	pthread_mutex_lock(&r->k.lock);
	n = r->k.accepts;
	pthread_mutex_unlock(&r->k.lock);
	return n;
}

/* The first frame is in the engine for a minute, the second waits behind it. */
static void test_cancel(void **state)
{
	struct rig *r = rig_start(state, "null.delay_us=60000000");
	struct hvcal_codec_config config = rig_config();
	struct hvcal_item cancel = { .type = HVCAL_ITEM_CANCEL, .stream = 1 };
	uint64_t first, second;

	fake_open(&r->k, 1, &config);
	assert_true(fake_wait(&r->k, 1));
	first = fake_frame(&r->k, 1, 1, 2, 0);
	second = fake_frame(&r->k, 1, 1, 2, 1);
	while (!accepts(r))
		usleep(1000);
	cancel.cancel_id = second;
	fake_item(&r->k, cancel, NULL, 0);
	cancel.cancel_id = 123456;
	fake_item(&r->k, cancel, NULL, 0);
	cancel.cancel_id = first;
	fake_item(&r->k, cancel, NULL, 0);
	assert_true(fake_wait(&r->k, 3));
	assert_int_equal(status_of(r, first), -ECANCELED);
	assert_int_equal(status_of(r, second), -ECANCELED);
	rig_end(r);
}

static void test_no_allocations(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	unsigned int before;

	fake_open(&r->k, 1, &config);
	for (unsigned int i = 0; i < 30; i++)
		fake_frame(&r->k, 1, 1, 2, i);
	assert_true(fake_wait(&r->k, 31));
	before = atomic_load(&allocations);
	for (unsigned int i = 0; i < 200; i++) {
		fake_frame(&r->k, 1, 1, 2, i);
		assert_true(fake_wait(&r->k, 32 + i));
	}
	assert_int_equal(atomic_load(&allocations), before);
	rig_end(r);
}

/* ---- errors of the kernel ---- */

static void test_acquire_errors(void **state)
{
	static const int errors[] = { -EMFILE, -ENOMEM, -EAGAIN };
	struct hvcal_codec_config config = rig_config();

	for (unsigned int i = 0; i < 3; i++) {
		struct rig *r = rig_new(state, NULL);

		r->k.acquire_error = errors[i];
		r->k.acquire_errors = 3;
		r->k.blobs_need = 100000; /* EMSGSIZE until there is room */
		rig_open(r);
		assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
		fake_open(&r->k, 1, &config);
		assert_true(fake_wait(&r->k, 1));
		rig_end(r);
	}
}

static void test_gone(void **state)
{
	struct rig *r = rig_new(state, NULL);
	struct hvcal_codec_config config = rig_config();

	rig_open(r);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	fake_open(&r->k, 1, &config);
	assert_true(fake_wait(&r->k, 1));
	pthread_mutex_lock(&r->k.lock);
	r->k.acquire_error = -ENODEV;
	r->k.acquire_errors = 1;
	pthread_mutex_unlock(&r->k.lock);
	fake_simple(&r->k, 1, HVCAL_ITEM_FLUSH);
	pthread_join(r->thread, NULL);
	assert_int_equal(r->run_result, -ENODEV);
	hvcal_provider_close(&r->p);
	rig_free(r);
}

/* The device of the engine goes: what is asked then is left to whoever comes after. */
static void device_lost(void **state, const char *options, bool opens)
{
	struct rig *r = rig_new(state, options);
	struct hvcal_codec_config config = rig_config();
	uint64_t open, frames[2];

	rig_open(r);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	fake_buffer(&r->k, 1, r->source, &r->layout);
	fake_buffer(&r->k, 2, r->target, NULL);
	open = fake_open(&r->k, 1, &config);
	for (int i = 0; i < 2; i++)
		frames[i] = fake_frame(&r->k, 1, 1, 2, i);
	pthread_join(r->thread, NULL);
	assert_int_equal(r->run_result, -ENXIO);
	hvcal_provider_close(&r->p);
	assert_int_equal(!!fake_answer(&r->k, open), opens);
	assert_int_equal(!!fake_answer(&r->k, frames[0]), opens);
	assert_null(fake_answer(&r->k, frames[1]));
	rig_free(r);
}

static void test_device_lost(void **state)
{
	device_lost(state, "null.fail_encode=19,null.fail_after=1", true);
	device_lost(state, "null.fail_open=19", false);
}

/* Late, cancelled, unknown, refused: the runtime goes on. */
static void test_verdicts(void **state)
{
	static const int verdicts[] = { -ETIMEDOUT, -ECANCELED, -ENOENT, -EPROTO };
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();

	fake_open(&r->k, 1, &config);
	assert_true(fake_wait(&r->k, 1));
	for (unsigned int i = 0; i < 4; i++) {
		r->k.verdict = verdicts[i];
		fake_frame(&r->k, 1, 1, 2, i);
		assert_true(fake_wait(&r->k, 2 + i));
	}
	rig_end(r);
}

static void test_stop_with_streams(void **state)
{
	struct rig *r = rig_start(state, "null.hold=3");
	struct hvcal_codec_config config = rig_config();

	for (unsigned int s = 1; s <= 4; s++) {
		fake_open(&r->k, s, &config);
		fake_frame(&r->k, s, 1, 2, 0);
	}
	assert_true(fake_wait(&r->k, 8));
	rig_end(r);
}

/* ---- faults on purpose ---- */

static unsigned int answers_to(struct rig *r, uint64_t id)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < r->k.nresults; i++)
		n += r->k.results[i].r.id == id;
	return n;
}

static void test_wrong_answers(void **state)
{
	struct hvcal_codec_config config = rig_config();
	struct rig *r = rig_new(state, NULL);
	uint64_t ids[6];

	r->params.fault.wrong_id = 2;
	r->params.fault.wrong_size = 3;
	r->params.fault.twice = 4;
	rig_open(r);
	assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
	fake_buffer(&r->k, 1, r->source, &r->layout);
	fake_buffer(&r->k, 2, r->target, NULL);
	fake_open(&r->k, 1, &config);
	for (unsigned int i = 0; i < 5; i++)
		ids[i] = fake_frame(&r->k, 1, 1, 2, i);
	assert_true(fake_wait(&r->k, 8));
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(answers_to(r, ids[i]), i == 3 ? 2 : 1);
	assert_int_equal(answers_to(r, ids[1] + 1000000), 1);
	assert_true(fake_answer(&r->k, ids[2])->r.bytes > 4096);
	assert_true(fake_answer(&r->k, ids[4])->r.bytes <= 4096);
	rig_end(r);
}

/* What a provider had answered when it crashed, in a process of its own. */
static int crash_after(void **state, hvcal_provider_fault_t fault, const char *options)
{
	unsigned int *answered = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, n;
	pid_t pid;

	assert_true(answered != MAP_FAILED);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		struct rlimit none = { 0 };
		struct hvcal_codec_config config = rig_config();
		struct rig *r;

		setrlimit(RLIMIT_CORE, &none);
		signal(SIGABRT, SIG_DFL);
		r = rig_new(state, options);
		r->params.fault = fault;
		rig_open(r);
		fake_buffer(&r->k, 1, r->source, &r->layout);
		fake_buffer(&r->k, 2, r->target, NULL);
		if (pthread_create(&r->thread, NULL, run, r))
			_exit(3);
		fake_open(&r->k, 1, &config);
		for (unsigned int i = 0; i < 10; i++) {
			fake_frame(&r->k, 1, 1, 2, i);
			if (!fake_wait(&r->k, 2 + i))
				_exit(4);
			*answered = i + 1;
		}
		_exit(5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	n = (int)*answered;
	munmap(answered, 4096);
	return n;
}

static void test_crashes(void **state)
{
	hvcal_provider_fault_t fault = { 0 };

	fault.crash_acquire = 1;
	assert_int_equal(crash_after(state, fault, NULL), 0);
	fault = (hvcal_provider_fault_t){ .crash_holding = 3 };
	assert_int_equal(crash_after(state, fault, NULL), 2);
	fault = (hvcal_provider_fault_t){ .crash_complete = 4 };
	assert_int_equal(crash_after(state, fault, NULL), 3);
	fault = (hvcal_provider_fault_t){ 0 };
	assert_int_equal(crash_after(state, fault, "null.crash=open"), 0);
	assert_int_equal(crash_after(state, fault, "null.crash=encode,null.crash_after=6"), 6);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: test_provider ENGINES\n");
		return 2;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_no_node, argv[1]),
		cmocka_unit_test_prestate(test_register, argv[1]),
		cmocka_unit_test_prestate(test_vet, argv[1]),
		cmocka_unit_test_prestate(test_encode, argv[1]),
		cmocka_unit_test_prestate(test_two_streams, argv[1]),
		cmocka_unit_test_prestate(test_open_fails, argv[1]),
		cmocka_unit_test_prestate(test_bad_items, argv[1]),
		cmocka_unit_test_prestate(test_drop_in_use, argv[1]),
		cmocka_unit_test_prestate(test_held, argv[1]),
		cmocka_unit_test_prestate(test_reconfigure, argv[1]),
		cmocka_unit_test_prestate(test_safe_open, argv[1]),
		cmocka_unit_test_prestate(test_safe_first_frame, argv[1]),
		cmocka_unit_test_prestate(test_safe_reconfigure, argv[1]),
		cmocka_unit_test_prestate(test_safe_fails_too, argv[1]),
		cmocka_unit_test_prestate(test_safe_not_later, argv[1]),
		cmocka_unit_test_prestate(test_cancel, argv[1]),
		cmocka_unit_test_prestate(test_no_allocations, argv[1]),
		cmocka_unit_test_prestate(test_acquire_errors, argv[1]),
		cmocka_unit_test_prestate(test_gone, argv[1]),
		cmocka_unit_test_prestate(test_device_lost, argv[1]),
		cmocka_unit_test_prestate(test_verdicts, argv[1]),
		cmocka_unit_test_prestate(test_stop_with_streams, argv[1]),
		cmocka_unit_test_prestate(test_wrong_answers, argv[1]),
		cmocka_unit_test_prestate(test_crashes, argv[1]),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
