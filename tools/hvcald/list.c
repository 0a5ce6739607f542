// SPDX-License-Identifier: MIT
/* hvcald --list: what engines work here, and why the others do not. */
#include <stdio.h>
#include <string.h>

#include "hvcald.h"

static const char *kind_name(uint32_t kind)
{
	return kind == HVCAL_ENGINE_HARDWARE ? "hardware" :
	       kind == HVCAL_ENGINE_SOFTWARE ? "software" : "test";
}

static void print_result(const struct hvcal_probe_result *r)
{
	const struct hvcal_engine_desc *desc = &r->desc;

	if (r->error) {
		printf("%-12s absent    %s\n", desc->name[0] ? desc->name : r->plugin, r->reason);
		return;
	}
	printf("%-12s %-9s slots %-3u ", desc->name, kind_name(desc->kind), desc->slots);
	for (uint32_t i = 0; i < desc->ncaps; i++)
		printf("%.4s ", (const char *)&desc->caps[i].codec);
	printf(" %s\n", r->description);
	if (r->reason[0])
		printf("%-12s           without what failed: %s\n", "", r->reason);
}

/* What works in the sandbox is what workers will have. */
static int confine(void *cookie)
{
	return hvcald_sandbox_enter("(list)", &((const struct hvcald *)cookie)->user);
}

int hvcald_list(const struct hvcald *d)
{
	struct hvcal_probe probe = { .confine = d->sandbox ? confine : NULL, .cookie = (void *)d };
	unsigned int found = 0;
	int ret = hvcal_probe_all(d->engine_path, d->engines, d->options,
				  d->probe_ms ? d->probe_ms : HVCAL_PROBE_TIMEOUT_MS, NULL, NULL,
				  &probe);

	for (unsigned int i = 0; i < probe.count; i++) {
		print_result(&probe.list[i]);
		found += !probe.list[i].error;
	}
	if (ret)
		hvcald_say("the engines cannot be tried: %s", strerror(-ret));
	else if (!found && !d->engines)
		printf("no engine is usable\n");
	hvcal_probe_free(&probe);
	return found && !ret ? 0 : 1;
}
