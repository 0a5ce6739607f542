// SPDX-License-Identifier: MIT
/*
 * The provider runtime against a kernel of the test's own, with the null engine.
 * usage: test_provider FOLDER-OF-ENGINES
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../lib/engines/null.h"
#include "provider_rig.h"

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
	assert_int_equal(rig_status(r, open), 0);
	assert_int_equal(rig_status(r, close_id), 0);
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
	assert_int_equal(rig_status(r, open), -ENOMEM);
	/* the kernel may ask for a close that it had queued before */
	late = fake_simple(&r->k, 1, HVCAL_ITEM_CLOSE);
	assert_true(fake_wait(&r->k, 2));
	assert_int_equal(rig_status(r, late), 0);
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
	assert_int_equal(rig_status(r, unknown), -EOPNOTSUPP);
	assert_int_equal(rig_status(r, nowhere), -ENODEV);
	assert_int_equal(rig_status(r, no_engine), -ENODEV);
	assert_true(rig_status(r, no_buffer) < 0);
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
	assert_int_equal(rig_status(r, frame), 0);
	assert_int_equal(rig_status(r, flush), 0);
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
	assert_int_equal(rig_status(r, ids[0]), 0);
	assert_int_equal(fake_answer(&r->k, frames[0])->r.flags, 0);
	assert_int_equal(rig_status(r, ids[1]), 0);
	assert_int_equal(fake_answer(&r->k, frames[1])->r.flags, HVCAL_RESULT_KEY);
	assert_int_equal(rig_status(r, ids[2]), -EINVAL);
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
	assert_int_equal(rig_status(r, frame), 0);
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
	assert_int_equal(rig_status(r, open), 0);
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
		assert_int_equal(rig_status(r, ids[i]), 0);
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
	assert_int_equal(rig_status(r, open), -EINVAL);
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
	assert_int_equal(rig_status(r, frames[1]), -EINVAL);
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
	assert_int_equal(rig_status(r, first), -ECANCELED);
	assert_int_equal(rig_status(r, second), -ECANCELED);
	rig_end(r);
}

/* Streams go elsewhere: the kernel closes them here, sooner or later. */
static void test_drain(void **state)
{
	struct rig *r = rig_start(state, NULL);
	struct hvcal_codec_config config = rig_config();
	uint64_t frame;

	fake_open(&r->k, 1, &config);
	fake_open(&r->k, 2, &config);
	assert_true(fake_wait(&r->k, 2));
	rig_halt(r);
	fake_simple(&r->k, 1, HVCAL_ITEM_CLOSE);
	frame = fake_frame(&r->k, 2, 1, 2, 0);
	assert_int_equal(hvcal_provider_drain(r->p, -1, 200), -ETIMEDOUT);
	assert_int_equal(r->k.update.engine, FAKE_ENGINE);
	assert_int_equal(r->k.update.flags, HVCAL_ENGINE_UPDATE_DRAIN);
	/* what has nowhere to go is served meanwhile */
	assert_int_equal(rig_status(r, frame), 0);
	assert_int_equal(hvcal_provider_drain(r->p, r->stop, 60000), 0);
	fake_simple(&r->k, 2, HVCAL_ITEM_CLOSE);
	assert_int_equal(hvcal_provider_drain(r->p, -1, 60000), 0);
	assert_int_equal(r->k.updates, 3);
	hvcal_provider_close(&r->p);
	rig_free(r);
}

static void test_drain_refused(void **state)
{
	struct rig *r = rig_new(state, NULL);

	rig_open(r);
	assert_int_equal(hvcal_provider_drain(r->p, -1, 60000), 0);
	r->k.update_error = -EINVAL;
	assert_int_equal(hvcal_provider_drain(r->p, -1, 60000), -EOPNOTSUPP);
	r->k.update_error = -ENODEV;
	assert_int_equal(hvcal_provider_drain(r->p, -1, 60000), -ENODEV);
	hvcal_provider_close(&r->p);
	rig_free(r);
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
	before = rig_allocations();
	for (unsigned int i = 0; i < 200; i++) {
		fake_frame(&r->k, 1, 1, 2, i);
		assert_true(fake_wait(&r->k, 32 + i));
	}
	assert_int_equal(rig_allocations(), before);
	rig_end(r);
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
		cmocka_unit_test_prestate(test_drain, argv[1]),
		cmocka_unit_test_prestate(test_drain_refused, argv[1]),
		cmocka_unit_test_prestate(test_no_allocations, argv[1]),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
