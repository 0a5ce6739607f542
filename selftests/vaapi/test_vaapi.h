/* SPDX-License-Identifier: MIT */
/* Tests of the VA-API engine: what its files share. */
#ifndef SELFTESTS_VAAPI_TEST_H
#define SELFTESTS_VAAPI_TEST_H

#include "../conformance/conformance.h"
#include "safe.h"

#define GOOD_PSNR 34.0	/* of the test pictures at the QP of conf_config() */

struct test {
	const char *name;
	const char *modes;	/* of the driver */
	const char *options;	/* of the engine, besides the device */
	void (*run)(struct conf *c);
	uint32_t codec;		/* 0: H.264 */
	/* instead of run: the engine cannot be made, and says this */
	int error;
	const char *reason;
	void (*before)(void), (*after)(void);
};

/** Those that end with an empty one: what is coded, in which order, what is told and goes wrong. */
extern const struct test tests_coded[], tests_order[], tests_hrd[], tests_driver[];

/** How often a line that begins so is in the driver's report. */
unsigned int reported(const char *what);

/** Fences that the engine handed out, and those of them that signalled before their frame. */
extern unsigned int fences_given, fences_early;

#define EXPECT(c, count, what) \
	do { \
		unsigned int got_ = reported(what); \
		CHECK(c, got_ == (count), "the driver has seen \"%s\" %u times", what, got_); \
	} while (0)

/** A configuration in which the driver codes every bit, as far as the codec has one. */
struct hvcal_codec_config exact_config(const struct conf *c);

/** All frames that were coded must be what was given, as far as the driver codes every bit. */
void all_exact(struct conf_stream *s);

/** Opens a stream, sends frames, looks at what became of them, and closes it. */
void stream_run(struct conf *c, const struct hvcal_codec_config *config,
		void (*send)(struct conf_stream *s), void (*check)(struct conf_stream *s));

#endif
