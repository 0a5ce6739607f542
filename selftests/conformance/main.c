// SPDX-License-Identifier: MIT
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "../../tools/hvcald/sandbox.h"

static const char usage[] =
	"usage: hvcal-conformance [--path FOLDERS] [--option key=value] [--only TEST,...]\n"
	"       [--except TEST,...] [--long] [--sandbox] ENGINE\n"
	"Puts every engine of a plug-in through the conformance tests; prints TAP.\n"
	"--sandbox: in what hvcald locks its workers into\n";

/* The kernel's convention for "cannot be tested here". */
#define SKIPPED 4

struct args {
	const char *path, *only, *except, *name;
	bool longer, sandbox;
};

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
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->skipped, sizeof(c->skipped), fmt, ap);
	va_end(ap);
}

bool conf_failed(struct conf *c)
{
	bool failed;

	pthread_mutex_lock(&c->lock);
	failed = c->failure[0];
	pthread_mutex_unlock(&c->lock);
	return failed;
}

static void host_started(void *cookie, struct hvcal_engine_job *job, int sync_file)
{
	struct conf_frame *f = job->host;

	(void)cookie;
	(void)sync_file;
	if (f->state == CONF_DONE)
		conf_fail(f->stream->c, "frame %u is started after it was finished", f->number);
}

static void host_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	printf("# log %d: %s\n", level, line);
}

static const char *host_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct conf *)cookie)->options, key);
}

/* ---- running ---- */

struct tally {
	unsigned int number, failed;
};

static bool listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return false;
}

static void run_tests(struct conf *c, const struct conf_test *tests, const struct args *args,
		      struct tally *t)
{
	uint32_t codec = c->cap->codec;

	for (; tests->name; tests++) {
		if (args->only && !listed(args->only, tests->name))
			continue;
		c->failure[0] = c->skipped[0] = '\0';
		if (listed(args->except, tests->name))
			conf_skip(c, "left out by --except");
		else
			tests->run(c);
		printf("%sok %u - %s %.4s %s", c->failure[0] ? "not " : "", ++t->number,
		       c->engine->desc.name, (const char *)&codec, tests->name);
		if (!c->failure[0] && c->skipped[0])
			printf(" # SKIP %s", c->skipped);
		printf("\n");
		if (c->failure[0]) {
			printf("# %s\n", c->failure);
			t->failed++;
		}
		fflush(stdout);
	}
}

static void run_engine(struct conf *c, const struct hvcal_plugin_engine *e,
		       const struct args *args, struct tally *t)
{
	c->engine = e;
	for (uint32_t i = 0; i < e->desc.ncaps; i++) {
		c->cap = &e->desc.caps[i];
		if (c->cap->op != HVCAL_OP_ENCODE)
			continue;
		run_tests(c, conf_tests_basic, args, t);
		run_tests(c, conf_tests_control, args, t);
		run_tests(c, conf_tests_life, args, t);
	}
}

static int run_plugin(struct conf *c, const struct hvcal_plugin *plugin, const struct args *args)
{
	struct tally t = { 0 };
	unsigned int engines = 0;
	bool refused = false;

	printf("TAP version 13\n# %s\n", plugin->ops->description);
	for (unsigned int i = 0;; i++) {
		char reason[256];
		struct hvcal_plugin_engine e;
		int ret = hvcal_plugin_engine_create(plugin, &c->host, i, &e, reason,
						     sizeof(reason));

		if (ret == -ENOENT)
			break;
		if (ret) {
			printf("# engine %u cannot be used: %s\n", i, reason);
			refused |= ret == -EINVAL;
			continue;
		}
		engines++;
		run_engine(c, &e, args, &t);
		hvcal_plugin_engine_destroy(&e);
	}
	if (!t.number && engines && args->only) {
		fprintf(stderr, "hvcal-conformance: there is no test %s\n", args->only);
		return 2;
	}
	if (!t.number)
		printf("1..0 # SKIP no engine of %s can be used here\n", plugin->name);
	else
		printf("1..%u\n", t.number);
	printf("# %u engines, %u tests, %u failed\n", engines, t.number, t.failed);
	printf("# sources are %s; frames without a copy: %u, copied: %u\n",
	       c->plain_memory ? "memfds" : "DMA-BUFs", c->imported, c->copied);
	if (hvcal_options_unused(c->options, NULL, 0)) {
		fprintf(stderr, "hvcal-conformance: the engine knows no option %s\n",
			hvcal_options_unused(c->options, NULL, 0));
		return 2;
	}
	/* an option that the engine refuses is the caller's mistake */
	if (!t.number)
		return refused ? 2 : SKIPPED;
	return t.failed ? 1 : 0;
}

static int parse(int argc, char **argv, struct args *args, struct hvcal_options *options)
{
	static const struct option longopts[] = {
		{ "path", required_argument, NULL, 'p' },
		{ "option", required_argument, NULL, 'o' },
		{ "only", required_argument, NULL, 't' },
		{ "except", required_argument, NULL, 'x' },
		{ "long", no_argument, NULL, 'l' },
		{ "sandbox", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char error[256];
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 'p':
			args->path = optarg;
			break;
		case 'o':
			if (hvcal_options_add(options, optarg, error, sizeof(error))) {
				fprintf(stderr, "hvcal-conformance: %s\n", error);
				return 2;
			}
			break;
		case 't':
			args->only = optarg;
			break;
		case 'x':
			args->except = optarg;
			break;
		case 'l':
			args->longer = true;
			break;
		case 's':
			args->sandbox = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return 2;
	}
	args->name = argv[optind];
	return 0;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };
	struct hvcal_plugins *plugins = NULL;
	struct hvcal_plugin *plugin;
	struct conf c = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.host = {
			.done = conf_host_done, .started = host_started,
			.log = host_log, .option = host_option,
		},
	};
	int ret;

	c.host.cookie = &c;
	c.options = hvcal_options_create();
	if (!c.options)
		return 2;
	ret = parse(argc, argv, &args, c.options);
	if (ret)
		goto out;
	c.longer = args.longer;
	ret = args.sandbox && hvcald_sandbox_enter(args.name, &(struct hvcald_user){ 0 }) ? 2 : 0;
	if (ret)
		goto out;
	ret = hvcal_plugins_load(args.path, args.name, &plugins);
	plugin = ret ? NULL : hvcal_plugins_find(plugins, args.name);
	if (!plugin || !plugin->ops) {
		fprintf(stderr, "hvcal-conformance: %s: %s\n", args.name,
			plugin ? plugin->reason : "no engine can have this name");
		ret = 2;
		goto out;
	}
	ret = run_plugin(&c, plugin, &args);
out:
	hvcal_plugins_unload(&plugins);
	hvcal_options_destroy(&c.options);
	return ret;
}
