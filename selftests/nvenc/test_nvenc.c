// SPDX-License-Identifier: MIT
/* usage: test_nvenc ENGINE-FOLDER STUB-FOLDER */
#include "test_nvenc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIME_LIMIT_S 300

static struct hvcal_plugins *plugins;
static char stub_cuda_path[512], stub_encode_path[512];

/* ---- what the conformance host wants ---- */

void conf_fail(struct conf *c, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&c->lock);
	if (!c->failure[0]) {
		va_start(ap, fmt);
		vsnprintf(c->failure, sizeof(c->failure), fmt, ap);
		va_end(ap);
	}
	pthread_mutex_unlock(&c->lock);
}

void conf_skip(struct conf *c, const char *fmt, ...)
{
	(void)c;
	(void)fmt;
}

bool conf_failed(struct conf *c)
{
	return c->failure[0];
}

void check_ok(struct nvenc_test *t)
{
	if (t->c.failure[0])
		fail_msg("%s", t->c.failure);
}

/* ---- the engine ---- */

static void host_log(void *cookie, int level, const char *line)
{
	struct nvenc_test *t = cookie;

	(void)level;
	snprintf(t->log, sizeof(t->log), "%s", line);
}

static const char *host_option(void *cookie, const char *key)
{
	const struct nvenc_test *t = cookie;

	if (!strcmp(key, "nvenc.libcuda"))
		return t->libcuda;
	if (!strcmp(key, "nvenc.libencode"))
		return t->libencode;
	return t->extra[0] && !strcmp(key, t->extra[0]) ? t->extra[1] : NULL;
}

void stub_set(const char *modes)
{
	setenv("HVCAL_NVENC_STUB", modes, 1);
}

int engine_try(struct nvenc_test *t, unsigned int index)
{
	t->reason[0] = '\0';
	return hvcal_plugin_engine_create(hvcal_plugins_find(plugins, "nvenc"), &t->c.host,
					  index, &t->engine, t->reason, sizeof(t->reason));
}

void engine_up(struct nvenc_test *t, const char *modes)
{
	int ret;

	stub_set(modes);
	ret = engine_try(t, 0);
	if (ret)
		fail_msg("create with \"%s\": %d, %s", modes, ret, t->reason);
	t->c.cap = engine_cap(t, HVCAL_CODEC_H264);
	counts_reset();
}

const struct hvcal_engine_cap *engine_cap(const struct nvenc_test *t, uint32_t codec)
{
	for (uint32_t i = 0; i < t->engine.desc.ncaps; i++)
		if (t->engine.desc.caps[i].codec == codec)
			return &t->engine.desc.caps[i];
	return NULL;
}

void engine_down(struct nvenc_test *t)
{
	struct stub_counts counts;

	/* memory would be gone with the context, which alone is left here */
	assert_int_equal(cuda_left(), 1);
	hvcal_plugin_engine_destroy(&t->engine);
	counts = counts_now();
	assert_int_equal(counts.sessions, 0);
	assert_int_equal(counts.half_open, 0);
	assert_int_equal(counts.registered, 0);
	assert_int_equal(cuda_left(), 0);
	check_ok(t);
}

struct conf_stream *stream_up(struct nvenc_test *t, const struct hvcal_codec_config *config)
{
	struct conf_stream *s = conf_open(&t->c, config);

	if (!s)
		fail_msg("%s; %s", t->c.failure, t->log);
	return s;
}

bool av1_here(void)
{
	return plugin_api() >= API(12, 0) && stub_api() >= API(12, 0);
}

void config_up(struct nvenc_test *t, const char *modes, uint32_t codec,
	       struct hvcal_codec_config *config)
{
	if (codec == HVCAL_CODEC_AV1 && !av1_here())
		skip();
	engine_up(t, modes);
	t->c.cap = engine_cap(t, codec);
	assert_non_null(t->c.cap);
	*config = conf_config(&t->c);
	assert_int_equal(config->codec, codec);
}

struct conf_stream *work_up(struct nvenc_test *t, const char *modes,
			    struct hvcal_codec_config *config)
{
	config_up(t, modes, HVCAL_CODEC_H264, config);
	return stream_up(t, config);
}

void work_down(struct nvenc_test *t, struct conf_stream **s)
{
	conf_free(s);
	engine_down(t);
}

int send_one(struct conf_stream *s, const struct conf_how *how)
{
	int ret = conf_send(s, how);

	if (ret)
		return ret;
	return s->frames[s->count - 1]->result.status;
}

bool is_key(const struct conf_stream *s, unsigned int n)
{
	return s->frames[n]->result.flags & HVCAL_RESULT_KEY;
}

/* ---- a look into the stub ---- */

static void *find(const char *library, const char *function)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	void *at = handle ? dlsym(handle, function) : NULL;

	if (!at)
		fail_msg("%s", dlerror());
	dlclose(handle);
	return at;
}

struct stub_counts counts_now(void)
{
	void (*get)(struct stub_counts *counts);
	void *at = find(stub_encode_path, "stub_encode_counts");
	struct stub_counts counts;

	memcpy(&get, &at, sizeof(at));
	get(&counts);
	return counts;
}

void counts_reset(void)
{
	void *at = find(stub_encode_path, "stub_encode_reset");
	void (*reset)(void);

	memcpy(&reset, &at, sizeof(at));
	reset();
}

unsigned int cuda_left(void)
{
	void *at = find(stub_cuda_path, "stub_cuda_left");
	unsigned int (*left)(void);

	memcpy(&left, &at, sizeof(at));
	return left();
}

void *cuda_function(const char *name)
{
	return find(stub_cuda_path, name);
}

int lib_call(const char *library, const char *function, void *arg)
{
	void *at = find(library, function);
	int (*call)(void *arg);

	memcpy(&call, &at, sizeof(at));
	return call(arg);
}

const char *plugin_description(void)
{
	return hvcal_plugins_find(plugins, "nvenc")->ops->description;
}

uint32_t plugin_api(void)
{
	const char *at = strstr(plugin_description(), "API ");
	unsigned int major, minor;

	if (!at || sscanf(at, "API %u.%u", &major, &minor) != 2)
		fail_msg("\"%s\" has no version", plugin_description());
	return major << 4 | minor;
}

uint32_t stub_api(void)
{
	uint32_t version = 0;

	assert_int_equal(lib_call(stub_encode_path, "NvEncodeAPIGetMaxSupportedVersion", &version), 0);
	return version;
}

/* ---- running ---- */

int nvenc_test_setup(void **state)
{
	struct nvenc_test *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	pthread_mutex_init(&t->c.lock, NULL);
	t->c.host = (struct hvcal_engine_host){
		.cookie = t, .done = conf_host_done, .log = host_log, .option = host_option,
	};
	t->c.engine = &t->engine;
	t->libcuda = stub_cuda_path;
	t->libencode = stub_encode_path;
	stub_set("");
	*state = t;
	return 0;
}

int nvenc_test_teardown(void **state)
{
	struct nvenc_test *t = *state;

	hvcal_plugin_engine_destroy(&t->engine);
	pthread_mutex_destroy(&t->c.lock);
	free(t);
	return 0;
}

int main(int argc, char **argv)
{
	int failed;

	if (argc != 3) {
		fprintf(stderr, "usage: test_nvenc ENGINE-FOLDER STUB-FOLDER\n");
		return 2;
	}
	snprintf(stub_cuda_path, sizeof(stub_cuda_path), "%s/libcuda.so.1", argv[2]);
	snprintf(stub_encode_path, sizeof(stub_encode_path), "%s/libnvidia-encode.so.1", argv[2]);
	if (hvcal_plugins_load(argv[1], "nvenc", &plugins))
		return 2;
	/* a test that hangs fails */
	alarm(TIME_LIMIT_S);
	failed = run_open_tests();
	failed += run_work_tests();
	failed += run_loss_tests();
	failed += run_device_tests();
	failed += run_av1_tests();
	hvcal_plugins_unload(&plugins);
	return failed ? 1 : 0;
}
