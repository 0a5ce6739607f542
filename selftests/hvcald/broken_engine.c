// SPDX-License-Identifier: MIT
/*
 * Engines that load, and break when they are tried. Built several times, with
 * PLUGIN_NAME and one of the BREAKS_ macros.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hvcal/engine.h>

#define PACKET_BYTES 64

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	unsigned int index;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	struct hvcal_engine_job *kept;
	unsigned int frames;
};

#ifdef BREAKS_loading
__attribute__((constructor)) static void at_loading(void)
{
	abort();
}
#endif

__attribute__((unused)) static void hang(void)
{
	for (;;)
		pause();
}

static int create(const struct hvcal_engine_host *host, unsigned int index,
		  struct hvcal_engine_desc *d, hvcal_engine_ctx_t **ctx, char *reason, size_t len)
{
	(void)reason;
	(void)len;
#ifdef BREAKS_nothing
	return -ENOENT;
#endif
#ifdef BREAKS_exits
	_exit(0); /* not exit(): the leak checker's ptrace() would be what the sandbox stops */
#endif
#ifdef BREAKS_create
	hang();
#endif
#ifdef BREAKS_second
	if (index > 2)
		return -ENOENT;
#else
	if (index)
		return -ENOENT;
#endif
	*d = (struct hvcal_engine_desc){
		.kind = HVCAL_ENGINE_HARDWARE, .numa_node = -1, .slots = 1,
		.flags = HVCAL_ENGINE_MAP_TARGET, .session_depth = 4, .ncaps = 2,
		.caps[0] = {
			.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_H264, .depth_mask = 1U << 8,
			.min_width = 16, .min_height = 16, .max_width = 4096, .max_height = 4096,
			.formats = { HVCAL_FORMAT_NV12 },
		},
	};
	d->caps[1] = d->caps[0];
	d->caps[1].codec = HVCAL_CODEC_HEVC;
	snprintf(d->name, sizeof(d->name), index ? PLUGIN_NAME "%u" : PLUGIN_NAME, index);
	*ctx = calloc(1, sizeof(**ctx));
	(*ctx)->host = host;
	(*ctx)->index = index;
	return 0;
}

static void destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
#ifdef BREAKS_destroy
	hang();
#endif
}

static int open_stream(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
#ifdef BREAKS_second
	/* the first one and the third one work */
	if (ctx->index == 1)
		abort();
#endif
#ifdef BREAKS_codec
	if (config->codec == HVCAL_CODEC_HEVC) {
		ctx->host->log(ctx->host->cookie, 3, "this chip has no HEVC");
		return -EOPNOTSUPP;
	}
#endif
#ifdef BREAKS_picky
	if (config->gop == 77)
		return -EINVAL;
#endif
	*stream = calloc(1, sizeof(**stream));
	(*stream)->ctx = ctx;
	(*stream)->config = *config;
	return 0;
}

static void finish(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	struct hvcal_engine_result r = {
		.bytes = PACKET_BYTES,
		.flags = s->frames++ ? 0 : HVCAL_RESULT_KEY,
		.frame = { .size = sizeof(r.frame), .pts = job->params.pts },
	};
	uint8_t *to = job->target->map[0];

	to += job->target_offset;
	memset(to, 0x5a, PACKET_BYTES);
	memcpy(to, (uint8_t[4]){ 0, 0, 0, 1 }, 4);
#ifdef BREAKS_garbage
	memset(to, 0x5a, 4);
#endif
#ifdef BREAKS_key
	r.flags = 0;
#endif
#ifdef BREAKS_empty
	r.bytes = 0;
#endif
	s->ctx->host->done(s->ctx->host->cookie, job, &r);
#ifdef BREAKS_twice
	s->ctx->host->done(s->ctx->host->cookie, job, &r);
#endif
}

static int encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
#ifdef BREAKS_encode
	hang();
#endif
#ifdef BREAKS_order
	/* every second frame before the one that came earlier */
	if (!s->kept) {
		s->kept = job;
		return HVCAL_ENGINE_HELD;
	}
	finish(s, job);
	job = s->kept;
	s->kept = NULL;
#endif
	finish(s, job);
	return 0;
}

static int reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	s->config = *config;
	return 0;
}

static int flush(hvcal_engine_stream_t *s)
{
	if (s->kept)
		finish(s, s->kept);
	s->kept = NULL;
	return 0;
}

static void close_stream(hvcal_engine_stream_t *s)
{
	free(s);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(struct hvcal_engine_plugin),
	.name = PLUGIN_NAME,
	.description = "breaks when it is tried",
	.license = "MIT",
	.create = create,
	.destroy = destroy,
	.open = open_stream,
	.encode = encode,
	.reconfigure = reconfigure,
	.flush = flush,
	.close = close_stream,
};
