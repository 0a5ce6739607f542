/* SPDX-License-Identifier: MIT */
/* The nvenc plug-in over the stub: what the test files share. */
#ifndef HVCAL_TEST_NVENC_H
#define HVCAL_TEST_NVENC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../conformance/conformance.h"
#include "stub.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, nvenc_test_setup, nvenc_test_teardown)
#define API(major, minor) ((major) << 4 | (minor))
#define GOOD_PSNR 34

/** The engine, its host, and what a look at the libraries tells. */
struct nvenc_test {
	struct conf c;
	struct hvcal_plugin_engine engine;
	char reason[256];
	char log[512];		/* the last line */
	const char *libcuda, *libencode;	/* the stub's, unless a test says */
	const char *extra[2];	/* one more option: key, value */
};

/** What the stub does, see stub.h. */
void stub_set(const char *modes);

/** Makes engine @index. @return what create() says */
int engine_try(struct nvenc_test *t, unsigned int index);

/**
 * The same with the stub doing @modes; it must work. Frames of the test encode count
 * as others do: what is to happen at frame N is for later.
 */
void engine_up(struct nvenc_test *t, const char *modes);

/** Destroys it, and checks that nothing is left in the libraries. */
void engine_down(struct nvenc_test *t);

/** Capability of @codec; NULL. */
const struct hvcal_engine_cap *engine_cap(const struct nvenc_test *t, uint32_t codec);

/** A stream that must open. */
struct conf_stream *stream_up(struct nvenc_test *t, const struct hvcal_codec_config *config);

/** Do plug-in and stub both know AV1? */
bool av1_here(void);

/** The engine, and conf_config() for @codec; skips the test if that is AV1 and not here. */
void config_up(struct nvenc_test *t, const char *modes, uint32_t codec,
	       struct hvcal_codec_config *config);

/** All of it for H.264, with a stream; and the end of them. */
struct conf_stream *work_up(struct nvenc_test *t, const char *modes,
			    struct hvcal_codec_config *config);
void work_down(struct nvenc_test *t, struct conf_stream **s);

/** Sends one frame. @return what encode() says, or the status of a frame that is done */
int send_one(struct conf_stream *s, const struct conf_how *how);

/** Is frame @n, which is done, a key frame? */
bool is_key(const struct conf_stream *s, unsigned int n);

void check_ok(struct nvenc_test *t);

struct stub_counts counts_now(void);
void counts_reset(void);
unsigned int cuda_left(void);
int lib_call(const char *library, const char *function, void *arg);

int nvenc_test_setup(void **state);
int nvenc_test_teardown(void **state);

/** A function of the stub's libcuda. */
void *cuda_function(const char *name);

/** Interfaces that the plug-in was built for, and that the stub has: major << 4 | minor. */
uint32_t plugin_api(void);
uint32_t stub_api(void);
const char *plugin_description(void);

/** test_nvenc_open.c, _work.c, _loss.c, _device.c, _av1.c */
int run_open_tests(void);
int run_work_tests(void);
int run_loss_tests(void);
int run_device_tests(void);
int run_av1_tests(void);

#endif
