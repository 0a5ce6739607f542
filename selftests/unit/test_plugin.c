// SPDX-License-Identifier: MIT
/*
 * Finding and loading engine plug-ins, and options of engines.
 * usage: test_plugin FOLDER-OF-BAD-PLUGINS FOLDER-OF-ENGINES
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"
#include "plugin.h"

struct folders {
	const char *bad, *good;
};

static const struct folders *folders(void **state)
{
	return *state;
}

static struct hvcal_plugin *load_one(const char *path, const char *name,
				     struct hvcal_plugins **plugins)
{
	struct hvcal_plugin *p;

	assert_int_equal(hvcal_plugins_load(path, name, plugins), 0);
	p = hvcal_plugins_find(*plugins, name);
	assert_non_null(p);
	return p;
}

static void expect_bad(void **state, const char *name, int error, const char *words)
{
	struct hvcal_plugins *plugins;
	struct hvcal_plugin *p = load_one(folders(state)->bad, name, &plugins);

	assert_null(p->ops);
	assert_int_equal(p->error, error);
	if (!strstr(p->reason, words))
		fail_msg("%s: \"%s\" does not say \"%s\"", name, p->reason, words);
	/* a second try gives the same answer */
	assert_int_equal(hvcal_plugin_load(p), error);
	hvcal_plugins_unload(&plugins);
	assert_null(plugins);
}

static void test_bad(void **state)
{
	expect_bad(state, "abi", -ELIBSCN, "is of engine ABI 2, this HVCAL has 1");
	expect_bad(state, "size", -ELIBSCN, "rebuild it");
	expect_bad(state, "name", -ELIBBAD, "calls itself somebody-else");
	expect_bad(state, "lacks", -ELIBBAD, "lacks an operation");
	expect_bad(state, "symbol", -ELIBBAD, "no symbol hvcal_engine_plugin");
	expect_bad(state, "needs", -ELIBACC, "needs libhvcalgone.so, which is not installed");
	expect_bad(state, "junk", -ELIBBAD, "cannot be loaded");
	expect_bad(state, "absent", -ENOENT, "no hvcal-engine-absent.so in");
}

static void test_bad_names(void **state)
{
	static const char *const names[] = { "../null", "a b", "null,", ",null", "a,,b",
		"0123456789012345678901234567890123456789" };
	struct hvcal_plugins *plugins = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int ret = hvcal_plugins_load(folders(state)->good, names[i], &plugins);

		/* a comma at the end says no more than none */
		if (!strcmp(names[i], "null,")) {
			assert_int_equal(ret, 0);
			hvcal_plugins_unload(&plugins);
			continue;
		}
		assert_int_equal(ret, -EINVAL);
		assert_null(plugins);
	}
}

static void test_good(void **state)
{
	struct hvcal_plugins *plugins;
	struct hvcal_plugin *p = load_one(folders(state)->good, "null", &plugins);

	assert_non_null(p->ops);
	assert_int_equal(p->error, 0);
	assert_string_equal(p->ops->name, "null");
	assert_int_equal(plugins->count, 1);
	assert_null(hvcal_plugins_find(plugins, "x265"));
	hvcal_plugins_unload(&plugins);
	hvcal_plugins_unload(&plugins);
	hvcal_plugins_unload(NULL);
}

/* Scanning loads nothing, sorts, and takes the first of two folders. */
static void test_scan(void **state)
{
	struct hvcal_plugins *plugins;
	char path[1024];

	snprintf(path, sizeof(path), "/nowhere:%s:%s:%s", folders(state)->bad,
		 folders(state)->good, folders(state)->bad);
	assert_int_equal(hvcal_plugins_scan(path, NULL, &plugins), 0);
	assert_true(plugins->count >= 9);
	for (unsigned int i = 0; i < plugins->count; i++) {
		assert_null(plugins->list[i].ops);
		assert_non_null(plugins->list[i].path);
		if (i)
			assert_true(strcmp(plugins->list[i - 1].name, plugins->list[i].name) < 0);
	}
	/* there is a file of this name in the bad folder, too */
	assert_non_null(strstr(hvcal_plugins_find(plugins, "null")->path, folders(state)->bad));
	hvcal_plugins_unload(&plugins);

	assert_int_equal(hvcal_plugins_scan("/nowhere", NULL, &plugins), 0);
	assert_int_equal(plugins->count, 0);
	hvcal_plugins_unload(&plugins);
}

static void test_environment(void **state)
{
	struct hvcal_plugins *plugins;

	setenv("HVCAL_ENGINE_PATH", folders(state)->good, 1);
	assert_int_equal(hvcal_plugins_scan(NULL, "null", &plugins), 0);
	assert_int_equal(hvcal_plugins_find(plugins, "null")->error, 0);
	assert_string_equal(plugins->path, folders(state)->good);
	hvcal_plugins_unload(&plugins);
	/* the parameter stands above the environment */
	assert_int_equal(hvcal_plugins_scan("/nowhere", "null", &plugins), 0);
	assert_int_equal(hvcal_plugins_find(plugins, "null")->error, -ENOENT);
	hvcal_plugins_unload(&plugins);
	unsetenv("HVCAL_ENGINE_PATH");
}

/* ---- engines ---- */

static const char *option(void *cookie, const char *key)
{
	return hvcal_options_get(cookie, key);
}

static int make_engine(void **state, const char *wrong, char *reason, size_t len)
{
	struct hvcal_options *options = hvcal_options_create();
	struct hvcal_engine_host host = { .cookie = options, .option = option };
	struct hvcal_plugin_engine e;
	struct hvcal_plugins *plugins;
	struct hvcal_plugin *p = load_one(folders(state)->bad, "desc", &plugins);
	char text[64];
	int ret;

	snprintf(text, sizeof(text), "desc.wrong=%s", wrong);
	assert_int_equal(hvcal_options_add(options, text, NULL, 0), 0);
	ret = hvcal_plugin_engine_create(p, &host, 0, &e, reason, len);
	if (!ret) {
		assert_string_equal(e.desc.name, "desc");
		hvcal_plugin_engine_destroy(&e);
		hvcal_plugin_engine_destroy(&e);
	}
	hvcal_plugins_unload(&plugins);
	hvcal_options_destroy(&options);
	return ret;
}

static void test_descriptions(void **state)
{
	static const char *const wrong[] = {
		"name", "bad-name", "endless-name", "endless-slot", "kind", "flags", "slots",
		"many-slots", "depth", "no-depth", "no-caps", "many-caps", "op", "codec",
		"depths", "cap-flags", "min", "max", "formats",
	};
	char reason[256];

	assert_int_equal(make_engine(state, "nothing", reason, sizeof(reason)), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int ret = make_engine(state, wrong[i], reason, sizeof(reason));

		if (ret != -EPROTO)
			fail_msg("a description with wrong %s gives %d", wrong[i], ret);
		assert_non_null(strstr(reason, "this is a bug of hvcal-engine-desc.so"));
	}
}

static void test_reasons(void **state)
{
	struct hvcal_engine_host host = { 0 };
	struct hvcal_plugin_engine e;
	struct hvcal_plugins *plugins;
	struct hvcal_plugin *p;
	char reason[256];

	assert_int_equal(make_engine(state, "reason", reason, sizeof(reason)), -EOPNOTSUPP);
	assert_string_equal(reason, "the chip is too old");
	assert_int_equal(make_engine(state, "silent", reason, sizeof(reason)), -EIO);
	assert_non_null(strstr(reason, "Input/output error"));

	p = load_one(folders(state)->bad, "desc", &plugins);
	assert_int_equal(hvcal_plugin_engine_create(p, &host, 1, &e, reason, sizeof(reason)),
			 -ENOENT);
	hvcal_plugins_unload(&plugins);
	p = load_one(folders(state)->bad, "abi", &plugins);
	assert_int_equal(hvcal_plugin_engine_create(p, &host, 0, &e, reason, sizeof(reason)),
			 -ELIBSCN);
	assert_string_equal(reason, p->reason);
	hvcal_plugins_unload(&plugins);
}

/* ---- options ---- */

static void count_option(void *cookie, const char *key, const char *value)
{
	unsigned int *n = cookie;

	assert_non_null(key);
	assert_non_null(value);
	(*n)++;
}

static void test_options(void **state)
{
	struct hvcal_options *o = hvcal_options_create();
	unsigned int n = 0;

	(void)state;
	assert_int_equal(hvcal_options_add(o, "a.x=1,a.y=2=3,b.z=,", NULL, 0), 0);
	assert_int_equal(hvcal_options_add(o, "", NULL, 0), 0);
	assert_string_equal(hvcal_options_get(o, "a.x"), "1");
	assert_int_equal(hvcal_options_add(o, "a.x=9", NULL, 0), 0);
	assert_string_equal(hvcal_options_get(o, "a.x"), "9");
	assert_null(hvcal_options_get(o, "a"));
	assert_null(hvcal_options_get(NULL, "a.x"));
	assert_string_equal(hvcal_options_unused(o, NULL, 0), "a.y");
	assert_string_equal(hvcal_options_unused(o, NULL, 1), "b.z");
	assert_null(hvcal_options_unused(o, NULL, 2));
	assert_string_equal(hvcal_options_unused(o, "b", 0), "b.z");
	assert_string_equal(hvcal_options_get(o, "b.z"), "");
	assert_null(hvcal_options_unused(o, "b", 0));
	hvcal_options_each(o, count_option, &n);
	assert_int_equal(n, 3);
	hvcal_options_destroy(&o);
	hvcal_options_destroy(&o);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = { "a", "a.b", "a=b", ".b=c", "a.=c", "=c", "a.b=1,c" };
	struct hvcal_options *o = hvcal_options_create();
	char error[128];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		error[0] = '\0';
		assert_int_equal(hvcal_options_add(o, bad[i], error, sizeof(error)), -EINVAL);
		assert_non_null(strstr(error, "is not engine.key=value"));
	}
	assert_string_equal(hvcal_options_get(o, "a.b"), "1");
	hvcal_options_destroy(&o);
}

int main(int argc, char **argv)
{
	struct folders f;

	if (argc != 3) {
		fprintf(stderr, "usage: test_plugin BAD-PLUGINS ENGINES\n");
		return 2;
	}
	f = (struct folders){ .bad = argv[1], .good = argv[2] };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_bad, &f),
		cmocka_unit_test_prestate(test_bad_names, &f),
		cmocka_unit_test_prestate(test_good, &f),
		cmocka_unit_test_prestate(test_scan, &f),
		cmocka_unit_test_prestate(test_environment, &f),
		cmocka_unit_test_prestate(test_descriptions, &f),
		cmocka_unit_test_prestate(test_reasons, &f),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_bad_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
