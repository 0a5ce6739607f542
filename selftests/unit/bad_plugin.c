// SPDX-License-Identifier: MIT
/*
 * Plug-ins that are wrong in one way each. Built several times, with
 * PLUGIN_NAME and one of the BAD_ macros.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hvcal/engine.h>

#ifdef BAD_needs
int hvcal_test_gone(void);
#endif

/* Changes the one thing in a right description that option desc.wrong names. */
static void spoil(struct hvcal_engine_desc *d, const char *what)
{
	struct hvcal_engine_cap *cap = &d->caps[0];
	const struct {
		const char *name;
		uint32_t *field;
		uint32_t value;
	} fields[] = {
		{ "kind", &d->kind, 9 }, { "flags", &d->flags, 1U << 31 },
		{ "slots", &d->slots, 0 }, { "many-slots", &d->slots, 1025 },
		{ "depth", &d->session_depth, 65 }, { "no-depth", &d->session_depth, 0 },
		{ "no-caps", &d->ncaps, 0 }, { "many-caps", &d->ncaps, 17 },
		{ "op", &cap->op, 0 }, { "codec", &cap->codec, 0 },
		{ "depths", &cap->depth_mask, 0 }, { "cap-flags", &cap->flags, 1U << 31 },
		{ "min", &cap->min_width, 0 }, { "max", &cap->max_height, 1 },
		{ "formats", &cap->formats[0], 0 },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strcmp(fields[i].name, what))
			*fields[i].field = fields[i].value;
	if (!strcmp(what, "name"))
		d->name[0] = '\0';
	if (!strcmp(what, "bad-name"))
		strcpy(d->name, "a/b");
	if (!strcmp(what, "endless-name"))
		memset(d->name, 'a', sizeof(d->name));
	if (!strcmp(what, "endless-slot"))
		memset(d->slot, '0', sizeof(d->slot));
}

static int create(const struct hvcal_engine_host *host, unsigned int index,
		  struct hvcal_engine_desc *d, hvcal_engine_ctx_t **ctx, char *reason, size_t len)
{
	const char *what = host->option ? host->option(host->cookie, "desc.wrong") : NULL;

	if (index)
		return -ENOENT;
	if (what && !strcmp(what, "reason")) {
		snprintf(reason, len, "the chip is too old");
		return -EOPNOTSUPP;
	}
	if (what && !strcmp(what, "silent"))
		return -EIO;
	*d = (struct hvcal_engine_desc){
		.name = PLUGIN_NAME, .kind = HVCAL_ENGINE_TEST, .numa_node = -1, .slots = 1,
		.session_depth = 1, .ncaps = 1,
		.caps[0] = {
			.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_NULL, .depth_mask = 1U << 8,
			.min_width = 16, .min_height = 16, .max_width = 64, .max_height = 64,
			.formats = { HVCAL_FORMAT_NV12 },
		},
	};
	if (what)
		spoil(d, what);
	*ctx = malloc(1); /* a leak shows if destroy() is not called */
#ifdef BAD_needs
	return hvcal_test_gone();
#else
	return 0;
#endif
}

static void destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

static int open_stream(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	(void)ctx;
	(void)config;
	(void)stream;
	return -EINVAL;
}

static int encode(hvcal_engine_stream_t *stream, struct hvcal_engine_job *job)
{
	(void)stream;
	(void)job;
	return -EINVAL;
}

static int reconfigure(hvcal_engine_stream_t *stream, const struct hvcal_codec_config *config)
{
	(void)stream;
	(void)config;
	return -EINVAL;
}

static int flush(hvcal_engine_stream_t *stream)
{
	(void)stream;
	return 0;
}

static void close_stream(hvcal_engine_stream_t *stream)
{
	(void)stream;
}

#ifdef BAD_symbol
__attribute__((visibility("hidden"), used))
#else
__attribute__((visibility("default")))
#endif
const struct hvcal_engine_plugin hvcal_engine_plugin = {
#ifdef BAD_abi
	.abi = HVCAL_ENGINE_ABI + 1,
#else
	.abi = HVCAL_ENGINE_ABI,
#endif
#ifdef BAD_size
	.size = sizeof(struct hvcal_engine_plugin) - 8,
#else
	.size = sizeof(struct hvcal_engine_plugin),
#endif
#ifdef BAD_name
	.name = "somebody-else",
#else
	.name = PLUGIN_NAME,
#endif
	.description = "wrong in one way",
	.license = "MIT",
	.create = create,
	.destroy = destroy,
	.open = open_stream,
#ifndef BAD_lacks
	.encode = encode,
#endif
	.reconfigure = reconfigure,
	.flush = flush,
	.close = close_stream,
};
#ifdef BAD_lacks
extern int (*const bad_plugin_unused)(hvcal_engine_stream_t *, struct hvcal_engine_job *);
int (*const bad_plugin_unused)(hvcal_engine_stream_t *, struct hvcal_engine_job *) = encode;
#endif
