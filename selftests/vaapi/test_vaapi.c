// SPDX-License-Identifier: MIT
/*
 * The VA-API engine over the test driver: every bit comes back from the decoder, the
 * driver is told what was asked for, and its faults stay within bounds. Each test is a
 * process of its own. TAP.
 * usage: test_vaapi ENGINE-FOLDER [TEST]
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_vaapi.h"

#define LIMIT_S 180		/* of a test: a driver that hangs would hold it */

static const char *folder;
static char report_path[] = "/tmp/hvcal-vaapi-XXXXXX";

/* ---- the host ---- */

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

bool conf_failed(struct conf *c)
{
	bool failed;

	pthread_mutex_lock(&c->lock);
	failed = c->failure[0];
	pthread_mutex_unlock(&c->lock);
	return failed;
}

unsigned int fences_given, fences_early;
static int last_fence = -1;

static void host_started(void *cookie, struct hvcal_engine_job *job, int sync_file)
{
	struct pollfd p = { .fd = sync_file, .events = POLLIN };

	(void)cookie;
	(void)job;
	if (sync_file < 0)
		return;
	fences_given++;
	fences_early += poll(&p, 1, 0);
	/* the engine closes its own */
	last_fence = dup(sync_file);
}

/* The picture is there, and so its fence has signalled. */
static void host_done(void *cookie, struct hvcal_engine_job *job,
		      const struct hvcal_engine_result *result)
{
	struct pollfd p = { .fd = last_fence, .events = POLLIN };

	if (last_fence >= 0 && !result->status && poll(&p, 1, 0) < 1)
		conf_fail(cookie, "the fence of a frame that is done has not signalled");
	if (last_fence >= 0)
		close(last_fence);
	last_fence = -1;
	conf_host_done(cookie, job, result);
}

static void host_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	if (level < 7)
		printf("# log %d: %s\n", level, line);
}

static const char *host_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct conf *)cookie)->options, key);
}

static struct hvcal_plugins *plugins;

static int engine_make(struct conf *c, const struct test *t, struct hvcal_plugin_engine *e,
		       char *reason, size_t len)
{
	struct hvcal_plugin *plugin;
	char error[256];

	c->options = hvcal_options_create();
	if (!c->options || (t->options && hvcal_options_add(c->options, t->options, error,
							    sizeof(error))))
		abort();
	if (!hvcal_options_get(c->options, "vaapi.device") &&
	    hvcal_options_add(c->options, "vaapi.device=/dev/null", error, sizeof(error)))
		abort();
	if (hvcal_plugins_load(folder, "vaapi", &plugins))
		abort();
	plugin = hvcal_plugins_find(plugins, "vaapi");
	if (!plugin || !plugin->ops)
		abort();
	return hvcal_plugin_engine_create(plugin, &c->host, 0, e, reason, len);
}

static void run_inside(struct conf *c, const struct test *t)
{
	uint32_t codec = t->codec ? t->codec : HVCAL_CODEC_H264;
	struct hvcal_plugin_engine e;
	char reason[256] = "";
	int ret;

	if (t->before)
		t->before();
	ret = engine_make(c, t, &e, reason, sizeof(reason));
	if (t->after)
		t->after();
	if (ret != t->error || (t->reason && !strstr(reason, t->reason)))
		conf_fail(c, "create gives %d, \"%s\"", ret, reason);
	if (ret)
		return;
	c->engine = &e;
	c->cap = &e.desc.caps[0];
	for (uint32_t i = 0; i < e.desc.ncaps; i++)
		if (e.desc.caps[i].codec == codec)
			c->cap = &e.desc.caps[i];
	if (c->cap->codec != codec)
		conf_fail(c, "the engine lacks the codec");
	else if (t->run)
		t->run(c);
	hvcal_plugin_engine_destroy(&e);
}

static int run_child(const struct test *t)
{
	struct conf c = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.host = { .done = host_done, .started = host_started, .log = host_log,
			  .option = host_option },
	};
	char modes[256];

	c.host.cookie = &c;
	alarm(LIMIT_S);
	snprintf(modes, sizeof(modes), "%s%sreport=%s", t->modes ? t->modes : "",
		 t->modes ? "," : "", report_path);
	setenv("HVCALTEST", modes, 1);
	run_inside(&c, t);
	hvcal_plugins_unload(&plugins);
	hvcal_options_destroy(&c.options);
	if (c.failure[0])
		printf("# %s\n", c.failure);
	return c.failure[0] ? 1 : 0;
}

/* ---- what the driver was told ---- */

unsigned int reported(const char *what)
{
	FILE *f = fopen(report_path, "r");
	unsigned int n = 0;
	char line[256];

	if (!f)
		abort();
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, what, strlen(what));
	fclose(f);
	return n;
}

struct hvcal_codec_config exact_config(const struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);

	/* H.264 and HEVC have samples as they are at any QP, deblocking is off at this one */
	if (conf_qindex(c))
		config.tune = HVCAL_TUNE_LOSSLESS;
	else
		config.qp = 12;
	return config;
}

void all_exact(struct conf_stream *s)
{
	struct conf *c = s->c;
	bool exact = conf_qindex(c) ? s->config.tune == HVCAL_TUNE_LOSSLESS :
		     (bool)strstr(getenv("HVCALTEST"), "exact");
	struct conf_picture *pictures = calloc(s->count, sizeof(*pictures));

	if (!pictures)
		abort();
	conf_decode(s, 0, exact ? 99 : GOOD_PSNR, pictures);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->state == CONF_DONE && !s->frames[i]->result.status &&
		    exact && !pictures[i].exact)
			conf_fail(c, "frame %u is not what was given", i);
	free(pictures);
}

void stream_run(struct conf *c, const struct hvcal_codec_config *config,
		void (*send)(struct conf_stream *s), void (*check)(struct conf_stream *s))
{
	struct conf_stream *s = conf_open(c, config);

	if (!s)
		return;
	send(s);
	conf_flush(s);
	if (!conf_failed(c))
		check(s);
	conf_free(&s);
}

/* ---- tests ---- */

/* @return whether it failed */
static bool test_run(const struct test *t, unsigned int number)
{
	int status = 0;
	pid_t pid;

	if (truncate(report_path, 0))
		abort();
	fflush(stdout);
	pid = fork();
	if (!pid)
		exit(run_child(t));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	printf("%sok %u - %s\n", status ? "not " : "", number, t->name);
	return status;
}

int main(int argc, char **argv)
{
	const struct test *const lists[] = { tests_coded, tests_order, tests_hrd, tests_driver };
	unsigned int failed = 0, run = 0;
	int fd = mkstemp(report_path);

	if (argc < 2 || fd < 0) {
		fprintf(stderr, "usage: test_vaapi ENGINE-FOLDER [TEST]\n");
		return 2;
	}
	close(fd);
	folder = argv[1];
	printf("TAP version 13\n");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct test *t = lists[i]; t->name; t++)
			if (argc < 3 || !strcmp(argv[2], t->name))
				failed += test_run(t, ++run);
	unlink(report_path);
	printf("1..%u\n", run);
	return failed ? 1 : 0;
}
