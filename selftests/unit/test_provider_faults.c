// SPDX-License-Identifier: MIT
/*
 * The provider runtime when the kernel fails, devices are lost, and faults are wanted.
 * usage: test_provider_faults FOLDER-OF-ENGINES
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "provider_rig.h"

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
		assert_int_equal(rig_run(r), 0);
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
	assert_int_equal(rig_run(r), 0);
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
	assert_int_equal(rig_run(r), 0);
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
	assert_int_equal(rig_run(r), 0);
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
		if (rig_run(r))
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
		fprintf(stderr, "usage: test_provider_faults ENGINES\n");
		return 2;
	}
	const struct CMUnitTest tests[] = {
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
