/* SPDX-License-Identifier: MIT */
/*
 * hvcal-conformance: what every engine plug-in must do, whatever it is made of.
 * The program is the host; engines run in its process.
 */
#ifndef HVCAL_CONFORMANCE_H
#define HVCAL_CONFORMANCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "internal.h"
#include "options.h"
#include "plugin.h"
#include "safe.h"

#define PTS_BASE 1000	/* frame n has pts PTS_BASE + PTS_STEP * n */
#define PTS_STEP 3
#define CONF_CANARY 0xa5	/* what targets are full of beforehand */
#define DONE_TIMEOUT_MS 120000

/** One engine, one of its capabilities, and the test that runs. */
struct conf {
	const struct hvcal_plugin_engine *engine;
	const struct hvcal_engine_cap *cap;
	struct hvcal_engine_host host;
	struct hvcal_options *options;
	bool longer;
	bool plain_memory;	/* this machine has no DMA-BUFs for tests */
	unsigned int imported, copied; /* frames by what became of their source */
	/* of the running test */
	pthread_mutex_t lock;
	char failure[512];	/* the first one */
	char skipped[128];	/* why */
};

void conf_fail(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conf_skip(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool conf_failed(struct conf *c);

/** Fails the test and leaves the function unless @cond holds. */
#define CHECK(c, cond, ...) \
	do { \
		if (!(cond)) { \
			conf_fail(c, __VA_ARGS__); \
			return; \
		} \
	} while (0)

/* ---- memory (frame.c) ---- */

/** Memory of the test, as the engine sees it through a mapping of its own. */
struct conf_buffer {
	struct hvcal_engine_buffer engine;
	struct hvcal_mem mem;
	uint8_t *mine;		/* writable, also for sources */
	bool plain;		/* no DMA-BUF */
	size_t size;
	struct conf_buffer *next;
};

struct conf_buffer *conf_source_new(struct conf *c, const struct hvcal_codec_config *config);
struct conf_buffer *conf_target_new(size_t size);
void conf_buffer_free(struct conf *c, struct conf_buffer *b);

/** Draws picture number @n. */
void conf_draw(struct conf_buffer *b, unsigned int n);

/** @return rows of a plane, with the @bytes of each that are picture */
uint32_t conf_plane_rows(const struct hvcal_frame_layout *l, uint32_t plane, uint32_t *bytes);

/** Sample @x, @y of plane @p (0 luma, 1 Cb, 2 Cr) of picture @n, of 8 bits. */
uint8_t conf_sample(unsigned int p, unsigned int x, unsigned int y, unsigned int n);

/* ---- streams (host.c) ---- */

enum conf_job_state { CONF_SENT, CONF_HELD, CONF_DONE, CONF_REFUSED };

/** A frame that was sent, and what became of it. */
struct conf_frame {
	struct hvcal_engine_job job;
	struct conf_stream *stream;
	struct conf_buffer *source, *target, *side;
	unsigned int number;
	uint32_t room;		/* bytes for its packet, whatever the job says */
	enum conf_job_state state;
	unsigned int order;	/* of its done() within the stream */
	struct hvcal_engine_result result;
	uint8_t *packet;	/* copy of what the engine wrote */
};

struct conf_stream {
	struct conf *c;
	hvcal_engine_stream_t *stream;
	struct hvcal_codec_config config;
	struct conf_frame **frames;	/* in the order of sending */
	unsigned int count, done;
	unsigned int inside;		/* a call of the engine is under way */
	bool closed;
	uint32_t target_size;		/* of each frame */
	struct conf_buffer *sources, *targets;	/* free ones */
	unsigned int buffers;		/* sources that were ever made */
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

/** The host's done(). */
void conf_host_done(void *cookie, struct hvcal_engine_job *job,
		    const struct hvcal_engine_result *result);

/** How to send a frame; all zero is an ordinary one. */
struct conf_how {
	uint32_t flags;			/* HVCAL_FRAME_* */
	uint32_t temporal_layer;
	int qp;
	uint32_t target_size;		/* 0: enough */
	const int64_t *pts;		/* NULL: that of its number */
	const void *meta;
	uint32_t meta_len;
	const int8_t *map;		/* one offset per block */
	uint32_t map_block, map_stride, map_rows;
	void (*spoil)(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source);
};

/** A configuration that every encoder with this capability can do. */
struct hvcal_codec_config conf_config(const struct conf *c);

/** One that holds frames back, if the engine can; else what hosts take instead. */
struct hvcal_codec_config conf_quality_config(struct conf *c);

/** Does the engine open a stream of this configuration? */
bool conf_takes(struct conf *c, const struct hvcal_codec_config *config);

/** Is it the null engine, which codes nothing and looks at little? */
bool conf_is_null(const struct conf *c);

/** NULL: failed, and the test with it. */
struct conf_stream *conf_open(struct conf *c, const struct hvcal_codec_config *config);

/** @return what encode() said */
int conf_send(struct conf_stream *s, const struct conf_how *how);

/** Sends @n ordinary frames; one that is refused fails the test. */
void conf_send_many(struct conf_stream *s, unsigned int n);

/** Waits for every frame that is not held; late ones fail the test. */
void conf_wait(struct conf_stream *s);

/** Drains, and checks that nothing is left inside. */
void conf_flush(struct conf_stream *s);

/** Closes the engine's stream; frames and packets stay to be looked at. */
void conf_close(struct conf_stream *s);

/** Closes if it is not yet, frees everything. Sets *@s to NULL. */
void conf_free(struct conf_stream **s);

/** The frame whose done() was number @order; NULL. */
struct conf_frame *conf_by_order(const struct conf_stream *s, unsigned int order);

/* ---- decoding (decode.c) ---- */

/** What a decoder made of a frame. */
struct conf_picture {
	bool there;
	unsigned int width, height;
	double psnr;		/* luma, dB; 100 if identical */
	double psnr_left, psnr_right; /* of the halves; 0: not measured */
	bool exact;		/* all planes equal the source */
	uint64_t hash;		/* of all planes */
	bool has_qp;
	double qp, qp_left, qp_right; /* averages: all, halves of the picture */
	/* as AV1 has them: R, G, B; 0.16, 24.8 and 18.14 bits before and after the point */
	bool has_mastering, has_light;
	uint16_t primaries[3][2], white[2];
	uint32_t max_luminance, min_luminance;
	unsigned int max_cll, max_fall;
	uint8_t t35[512];	/* the last payload, from its country code on */
	unsigned int t35_len;
};

/** A picture as it comes out of a decoder; 4:2:0, ten bits in the low ones of two bytes. */
struct conf_decoded {
	const uint8_t *data[3];
	ptrdiff_t stride[3];
	unsigned int width, height;
	unsigned int depth;	/* 0: none of those that are expected */
	int64_t pts;
};

/**
 * Compares with the picture that was sent (compare.c): fills @picture, which may
 * hold more already, and stores it among @pictures (may be NULL).
 */
void conf_compare(struct conf_stream *s, const struct conf_decoded *decoded, double min_psnr,
		  struct conf_picture *picture, struct conf_picture *pictures);

/** libdav1d's part of conf_decode() (av1.c). */
bool conf_have_dav1d(void);
void conf_decode_av1(struct conf_stream *s, unsigned int first, double min_psnr,
		     struct conf_picture *pictures);

/** Does this codec know key frames only? */
bool conf_all_key(const struct conf *c);

/** Do QPs of this codec count quantiser indices, from 0 to 255? */
bool conf_qindex(const struct conf *c);

/** How far the nearest QP that an engine has may lie from one that is asked for. */
double conf_qp_tolerance(const struct conf *c);

/** Is there a decoder for the codec of this capability in this program? */
bool conf_can_decode(const struct conf *c);

/**
 * Decodes the packets of @s in their order, from frame @first of the order on,
 * and compares the pictures. Does nothing without a decoder.
 *
 * @param pictures one for each frame of the stream, by number; may be NULL
 * @param min_psnr of every picture; 0: however bad
 */
void conf_decode(struct conf_stream *s, unsigned int first, double min_psnr,
		 struct conf_picture *pictures);

/**
 * The same through a decoder node of V4L2 for FWHT, the codec of the kernel's own
 * test driver (fwht.c); fails if there is none.
 */
void conf_decode_fwht(struct conf_stream *s, unsigned int first, double min_psnr,
		      struct conf_picture *pictures);

/* ---- tests ---- */

struct conf_test {
	const char *name;
	void (*run)(struct conf *c);
};

extern const struct conf_test conf_tests_basic[], conf_tests_control[], conf_tests_life[];

#endif
