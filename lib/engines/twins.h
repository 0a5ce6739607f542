/* SPDX-License-Identifier: MIT */
/*
 * What the engines of libvpx and libaom have in common. The libraries are
 * siblings: packets come in the order of the frames and do not say of which frame
 * they are, and quantisers count from 0 to 63 outside, from 0 to 255 inside.
 */
#ifndef HVCAL_ENGINES_TWINS_H
#define HVCAL_ENGINES_TWINS_H

#include <stdbool.h>
#include <stdint.h>

#include <hvcal/engine.h>

#define TWINS_QUANTIZER_MAX 63
#define TWINS_LAG 16		/* frames that tune quality looks ahead */
#define TWINS_HELD_MAX 64

/** An engine of this kind. */
struct twins_kind {
	const char *name;	/**< of the engine; its options begin with it */
	uint32_t codec;
	uint32_t cap_flags;
	bool nv12;		/**< the library reads interleaved chroma */
	bool no_cbr_limits;	/**< quantisers to keep to are not for its CBR */
	unsigned long cost;	/**< claimed ns per megapixel */
};

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	const struct twins_kind *kind;
	unsigned long threads, slots;
	uint32_t depths;	/**< mask of bit depths */
};

/** What both keep of a stream; the first member of theirs. */
struct twins_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	struct hvcal_engine_job *jobs[TWINS_HELD_MAX];	/* inside, a ring */
	unsigned int first, held;
	uint32_t since_key;
	bool want_key;
	int64_t tick;		/* time of the next frame as the library sees it */
	int quantizer;		/* the library is set to it; -1 it chooses itself */
	bool mapped;		/* the last frame had a QP map */
	void *unpacked;		/* planes as the library wants them; NULL: as they are */
	uint64_t unpacked_bytes;
};

/** How the library is to control the rate, in its own units. */
struct twins_rates {
	enum { TWINS_CBR, TWINS_VBR, TWINS_QUALITY } mode;
	unsigned int kbps, peak_percent, vbv_ms, min, max, level;
};

/** Planes of a picture where they lie, or unpacked. */
struct twins_planes {
	bool nv12, deep;	/* deep: ten bits, in the low ones of two bytes */
	uint8_t *plane[3];
	int stride[3];
};

/** create() and destroy() of an engine. @deep: the library codes ten bits, too */
int twins_create(const struct hvcal_engine_host *host, unsigned int index,
		 const struct twins_kind *kind, bool deep, struct hvcal_engine_desc *desc,
		 hvcal_engine_ctx_t **ctx, char *reason, size_t reason_len);
void twins_destroy(hvcal_engine_ctx_t *ctx);

/** @return 0; -EINVAL: not possible here; -ENOMEM */
int twins_stream_init(struct twins_stream *s, hvcal_engine_ctx_t *ctx,
		      const struct hvcal_codec_config *config);
void twins_stream_free(struct twins_stream *s);

bool twins_config_possible(const hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *c);
bool twins_low_delay(const struct hvcal_codec_config *c);

/** Will there be frames that nothing is to refer to? Libraries that look ahead choose. */
bool twins_layered(const struct hvcal_codec_config *c);

/** CPU threads of a stream: no more than the engine has slots. */
unsigned int twins_threads(const struct twins_stream *s);

/** Is the stream one of ten bits? */
bool twins_deep(const struct twins_stream *s);

/** log2 of the tile columns that give @threads work. */
int twins_tile_columns(const struct twins_stream *s, unsigned int min_tile_width);

/** Rates of the configuration; @quantizer is that of the client, -1 none. */
void twins_rates(const struct twins_stream *s, int quantizer, struct twins_rates *rates);

/** The quantiser that a frame must be coded at, within qp_min and qp_max; -1: the library's. */
int twins_quantizer(const struct twins_stream *s, const struct hvcal_engine_job *job);

/** 0..63 for a quantiser index from 0 to 255, the nearest; and back. */
int twins_from_qindex(int qindex);
int twins_to_qindex(int quantizer);

/** Looks at the source of @job. @return 0; -EINVAL: it is not what was agreed */
int twins_take_planes(struct twins_stream *s, const struct hvcal_engine_job *job,
		      struct twins_planes *planes);

/** Must the next frame be a key frame? Ask once a frame. */
bool twins_take_key(struct twins_stream *s, const struct hvcal_engine_job *job);

/** Is nothing to refer to this frame? */
bool twins_unreferenced(const struct twins_stream *s, const struct hvcal_engine_job *job);

/** The library has taken @job. */
void twins_push(struct twins_stream *s, struct hvcal_engine_job *job);

/** A packet of the library: that of the oldest frame. */
struct twins_packet {
	const void *data;
	size_t size;
	bool key;
	int qindex;
	uint64_t ns;
};

/** Finishes the oldest frame; one without bytes was skipped. */
void twins_deliver(struct twins_stream *s, const struct twins_packet *packet);

/** Finishes all frames with -ECANCELED. */
void twins_cancel(struct twins_stream *s);

#endif
