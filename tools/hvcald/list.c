// SPDX-License-Identifier: MIT
/* hvcald --list: what engines there are, and why the others are not. */
#include <errno.h>
#include <stdio.h>

#include "hvcald.h"

static void ignore_done(void *cookie, struct hvcal_engine_job *job,
			const struct hvcal_engine_result *result)
{
	(void)cookie;
	(void)job;
	(void)result;
}

static const char *list_option(void *cookie, const char *key)
{
	const struct hvcald *d = cookie;

	return hvcal_options_get(d->options, key);
}

static const char *kind_name(uint32_t kind)
{
	return kind == HVCAL_ENGINE_HARDWARE ? "hardware" :
	       kind == HVCAL_ENGINE_SOFTWARE ? "software" : "test";
}

static void print_engine(const struct hvcal_engine_desc *desc, const char *description)
{
	printf("%-12s %-9s slots %-3u ", desc->name, kind_name(desc->kind), desc->slots);
	for (uint32_t i = 0; i < desc->ncaps; i++) {
		uint32_t c = desc->caps[i].codec;

		printf("%c%c%c%c ", c & 0xff, c >> 8 & 0xff, c >> 16 & 0xff, c >> 24 & 0xff);
	}
	printf(" %s\n", description);
}

static unsigned int list_plugin(const struct hvcald *d, struct hvcal_plugin *plugin)
{
	struct hvcal_engine_host host = {
		.cookie = (void *)d, .done = ignore_done,
		.log = hvcald_log, .option = list_option,
	};
	struct hvcal_plugin_engine engine;
	char reason[HVCAL_PLUGIN_REASON];
	unsigned int found = 0;
	int ret;

	if (hvcal_plugin_load(plugin)) {
		printf("%-12s absent    %s\n", plugin->name, plugin->reason);
		return 0;
	}
	for (unsigned int i = 0; i < 64; i++) {
		ret = hvcal_plugin_engine_create(plugin, &host, i, &engine, reason, sizeof(reason));
		if (ret == -ENOENT)
			break;
		if (ret) {
			printf("%-12s absent    %s\n", plugin->name, reason);
			continue;
		}
		print_engine(&engine.desc, plugin->ops->description);
		hvcal_plugin_engine_destroy(&engine);
		found++;
	}
	return found;
}

int hvcald_list(const struct hvcald *d, struct hvcal_plugins *plugins)
{
	unsigned int found = 0;

	for (unsigned int i = 0; i < plugins->count; i++)
		found += list_plugin(d, &plugins->list[i]);
	if (!plugins->count)
		printf("no plug-ins in %s\n", plugins->path);
	return found ? 0 : 1;
}
