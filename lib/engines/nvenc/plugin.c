// SPDX-License-Identifier: MIT
/*
 * Options:
 *   nvenc.libcuda=PATH    instead of libcuda.so.1
 *   nvenc.libencode=PATH  instead of libnvidia-encode.so.1
 *   nvenc.cost=N          claimed ns a megapixel; 0 unknown        (2500000)
 *   nvenc.sessions=N      streams at once; 0: until the driver refuses (0)
 *   nvenc.busy_ms=N       how long a busy encoder is waited for    (2000)
 *   nvenc.split=N         split encoding: 0 the driver decides, 1 forced, 2 and 3
 *                         strips, 15 never                         (15)
 *   nvenc.ceiling=1       frames that are too large are coded again  (0)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "../option.h"
#include "nvenc.h"

/*
 * A seed for the cost model: 40 % of what preset P4 is said to do on one engine of
 * Turing and later, which leaves room for frames in flight one at a time.
 */
#define COST_NS_PER_MPIX 2500000
#define BUSY_MS 2000
#define SPLIT_NEVER 15
#define SLOTS_MAX 16

#if NVENC_HAVE_AV1
#define WITHOUT_AV1 ""
#else
#define WITHOUT_AV1 "; no AV1, which needs headers of 12.0 or later"
#endif

#define STR(x) #x
#define XSTR(x) STR(x)
#define API_TEXT XSTR(NVENCAPI_MAJOR_VERSION) "." XSTR(NVENCAPI_MINOR_VERSION)

/* ---- a test encode ---- */

/* The host of a test: what it is told, and where the real one is. */
struct probe {
	const struct hvcal_engine_host *host;
	struct hvcal_engine_host mine;
	int status;
	uint64_t bytes;
	char line[256];
};

static void probe_done(void *cookie, struct hvcal_engine_job *job,
		       const struct hvcal_engine_result *result)
{
	struct probe *p = cookie;

	(void)job;
	p->status = result->status;
	p->bytes = result->bytes;
}

static void probe_log(void *cookie, int level, const char *line)
{
	struct probe *p = cookie;

	(void)level;
	snprintf(p->line, sizeof(p->line), "%s", line);
}

static struct hvcal_codec_config probe_config(const struct nvenc_codec *k)
{
	return (struct hvcal_codec_config){
		.size = sizeof(struct hvcal_codec_config),
		.codec = k->codec,
		.format = HVCAL_FORMAT_NV12,
		.width = k->min_width > 256 ? k->min_width : 256,
		.height = k->min_height > 128 ? k->min_height : 128,
		.fps_num = 30,
		.fps_den = 1,
		.rc_mode = HVCAL_RC_CQP,
		.tune = HVCAL_TUNE_LOW_LATENCY,
	};
}

static int probe_frame(struct probe *p, hvcal_engine_stream_t *s, uint8_t *memory, size_t size)
{
	const struct hvcal_codec_config *c = &s->config;
	struct hvcal_engine_buffer source = {
		.fd = { -1, -1, -1, -1 }, .map[0] = memory, .len[0] = size,
		.layout = {
			.size = sizeof(source.layout), .format = c->format,
			.width = c->width, .height = c->height, .planes = 2,
			.offset = { 0, (uint64_t)c->width * c->height },
			.stride = { c->width, c->width },
		},
	};
	struct hvcal_engine_buffer target = {
		.fd = { -1, -1, -1, -1 }, .map[0] = memory + size, .len[0] = size,
	};
	struct hvcal_engine_job job = {
		.source = &source, .target = &target, .target_size = (uint32_t)size,
		.params.size = sizeof(job.params),
	};
	int ret;

	p->status = -EIO;
	ret = nvenc_stream_encode(s, &job);
	if (ret == HVCAL_ENGINE_HELD)
		nvenc_stream_flush(s);
	if (ret >= 0)
		ret = p->status;
	return ret ? ret : p->bytes ? 0 : -EIO;
}

/* What a driver claims, some chips and containers do not do. */
static int probe_codec(struct hvcal_engine_ctx *c, struct probe *p, const struct nvenc_codec *k)
{
	struct hvcal_codec_config config = probe_config(k);
	size_t size = (size_t)config.width * config.height * 3 / 2;
	uint8_t *memory = malloc(2 * size);
	hvcal_engine_stream_t *s = NULL;
	int ret = memory ? nvenc_stream_open(c, &config, &s) : -ENOMEM;

	if (!ret) {
		memset(memory, 128, size);
		ret = probe_frame(p, s, memory, size);
		nvenc_stream_close(s);
	}
	free(memory);
	return ret;
}

static int probe_all(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	struct probe p = { .host = c->host };
	unsigned int kept = 0;
	int ret, last = -EOPNOTSUPP;

	p.mine = (struct hvcal_engine_host){
		.cookie = &p, .done = probe_done, .log = probe_log,
	};
	c->host = &p.mine;
	for (unsigned int i = 0; i < c->ncodecs; i++) {
		p.line[0] = '\0';
		ret = probe_codec(c, &p, &c->codecs[i]);
		if (!ret) {
			c->codecs[kept++] = c->codecs[i];
			continue;
		}
		last = ret;
		if (p.host->log && p.line[0])
			p.host->log(p.host->cookie, LOG_WARNING, p.line);
	}
	c->host = p.host;
	c->ncodecs = kept;
	if (kept)
		return 0;
	nvenc_say(r, "%s: a test encode fails: %s", c->name,
		  p.line[0] ? p.line : strerror(-last));
	return last;
}

/* ---- engines ---- */

static const char *text_option(const struct hvcal_engine_host *host, const char *key)
{
	return host->option ? host->option(host->cookie, key) : NULL;
}

static int read_options(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	const struct hvcal_engine_host *host = c->host;
	struct nvenc_settings *o = &c->settings;
	const struct {
		const char *key;
		unsigned long min, max, *value;
	} numbers[] = {
		{ "nvenc.cost", 0, 1000000000, &o->cost },
		{ "nvenc.sessions", 0, 10000, &o->sessions },
		{ "nvenc.busy_ms", 1, 60000, &o->busy_ms },
		{ "nvenc.split", 0, SPLIT_NEVER, &o->split },
		{ "nvenc.ceiling", 0, 1, &o->ceiling },
	};

	c->lib.cuda_path = text_option(host, "nvenc.libcuda");
	c->lib.encode_path = text_option(host, "nvenc.libencode");
	*o = (struct nvenc_settings){
		.cost = COST_NS_PER_MPIX, .busy_ms = BUSY_MS, .split = SPLIT_NEVER,
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (hvcal_option_number(host, numbers[i].key, numbers[i].min, numbers[i].max,
					numbers[i].value, r->text, r->len))
			return -EINVAL;
	if (!NVENC_HAVE_SPLIT && (o->split != SPLIT_NEVER || o->ceiling)) {
		nvenc_say(r, "nvenc.split and nvenc.ceiling need NVENC headers 12.1; this plug-in was built with %d.%d",
			  NVENCAPI_MAJOR_VERSION, NVENCAPI_MINOR_VERSION);
		return -EINVAL;
	}
	return 0;
}

/* What the options want and the headers have, an older driver may lack. */
static int options_fit(const struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	const struct nvenc_versions *v = c->lib.versions;

	if ((v->split || c->settings.split == SPLIT_NEVER) && (v->state || !c->settings.ceiling))
		return 0;
	nvenc_say(r, "nvenc.split and nvenc.ceiling need a driver of NVENC API 12.1 or later; this one speaks %u.%u",
		  c->lib.driver_api >> 4, c->lib.driver_api & 15);
	return -EINVAL;
}

static void fill_desc(const struct hvcal_engine_ctx *c, struct hvcal_engine_desc *desc)
{
	uint32_t engines = 1;

	*desc = (struct hvcal_engine_desc){
		.kind = HVCAL_ENGINE_HARDWARE,
		.flags = HVCAL_ENGINE_MAP_TARGET | HVCAL_ENGINE_DEVICE_MEMORY,
		.numa_node = nvenc_numa_node(c),
		.session_depth = 2,
		.max_sessions = (uint32_t)c->settings.sessions,
		.ncaps = c->ncodecs,
	};
	snprintf(desc->name, sizeof(desc->name), c->index ? "nvenc%d" : "nvenc", c->index);
	memcpy(desc->slot, c->slot, sizeof(desc->slot));
	for (unsigned int i = 0; i < c->ncodecs; i++) {
		nvenc_cap_fill(c, &c->codecs[i], &desc->caps[i]);
		if (c->codecs[i].engines > engines)
			engines = c->codecs[i].engines;
	}
	/* the driver spreads sessions over the engines of one chip */
	desc->slots = engines < SLOTS_MAX ? engines : SLOTS_MAX;
}

static int device_ready(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	int ret = nvenc_cuda_open(c, r);

	if (ret)
		return ret;
	ret = nvenc_cuda_push(c);
	if (ret) {
		nvenc_say(r, "%s: its context cannot be used", c->name);
	} else {
		ret = nvenc_caps_read(c, r);
		nvenc_cuda_pop(c);
	}
	if (!ret)
		ret = probe_all(c, r);
	if (ret)
		nvenc_cuda_close(c);
	return ret;
}

static void tell_older(const struct hvcal_engine_ctx *c)
{
	const struct nvenc_versions *v = c->lib.versions;

	if (v->api < NVENC_CLIENT_VERSION)
		nvenc_log(c, LOG_NOTICE, "nvenc: the driver speaks NVENC API %u.%u, this plug-in up to " API_TEXT ": %ssplit encoding and ceilings are not there",
			  c->lib.driver_api >> 4, c->lib.driver_api & 15, v->av1 ? "" : "AV1, ");
}

static int engine_start(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	int count, ret;

	ret = read_options(c, r);
	if (!ret)
		ret = nvenc_load_cuda(&c->lib, r);
	if (!ret)
		ret = nvenc_cuda_init(&c->lib, &count, r);
	if (!ret)
		ret = nvenc_load_encode(&c->lib, r);
	if (!ret)
		ret = options_fit(c, r);
	/* what is wrong with the driver is an error of the first engine only */
	if (c->index && (ret || c->index >= count))
		ret = -ENOENT;
	if (!ret && !c->index)
		tell_older(c);
	if (!ret)
		ret = device_ready(c, r);
	if (ret)
		nvenc_unload(&c->lib);
	return ret;
}

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	const struct nvenc_reason r = { reason, reason_len };
	struct hvcal_engine_ctx *c = calloc(1, sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	c->host = host;
	c->index = (int)index;
	atomic_init(&c->imports_dmabuf, true);
	pthread_mutex_init(&c->lock, NULL);
	ret = engine_start(c, &r);
	if (ret) {
		pthread_mutex_destroy(&c->lock);
		free(c);
		return ret;
	}
	fill_desc(c, desc);
	*ctx = c;
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *c)
{
	nvenc_cuda_close(c);
	nvenc_unload(&c->lib);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "nvenc",
	.description = "NVIDIA encoders by NVENC API " API_TEXT WITHOUT_AV1,
	.license = "MIT",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = nvenc_stream_open,
	.encode = nvenc_stream_encode,
	.reconfigure = nvenc_stream_reconfigure,
	.flush = nvenc_stream_flush,
	.close = nvenc_stream_close,
	.forget = nvenc_source_forget,
};
