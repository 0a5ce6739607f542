/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "absent.h"
#include "cli.h"

#define MAX_ENGINES 256

/* "null", "null1", "v4l2-video0" */
bool absent_is_of(const char *engine, const char *plugin)
{
	size_t len = strlen(plugin);

	return !strncmp(engine, plugin, len) && !isalpha((unsigned char)engine[len]);
}

const char *absent_reason(const struct hvcal_probe_result *r)
{
	if (r->error)
		return r->reason;
	if (r->desc.kind == HVCAL_ENGINE_TEST)
		return "works; hvcald offers test engines when they are named";
	return "works, but no hvcald offers it (is hvcald running?)";
}

static bool listed(hvcal_context_t *ctx, const char *name)
{
	uint32_t count = MAX_ENGINES;
	hvcal_engine_info_t *list = calloc(count, sizeof(*list));
	/* what cannot be listed is for hvcal_create_session() to explain */
	bool found = !list || hvcal_enumerate_engines(ctx, list, sizeof(*list), &count);

	for (uint32_t i = 0; !found && i < count && i < MAX_ENGINES; i++)
		found = !strcmp(list[i].name, name);
	free(list);
	return found;
}

static bool other(void *cookie, const char *plugin)
{
	return !absent_is_of(cookie, plugin);
}

bool absent_explain(hvcal_context_t *ctx, const char *name)
{
	const char *reason = "no plug-in has such a one; hvcal info --engines lists them";
	struct hvcal_probe probe = { 0 };
	char wanted[HVCAL_TEXT];

	if (!name[0] || hvcal_get_backend(ctx) == HVCAL_BACKEND_DIRECT || listed(ctx, name))
		return false;
	snprintf(wanted, sizeof(wanted), "%s", name);
	hvcal_probe_all(NULL, NULL, NULL, HVCAL_PROBE_TIMEOUT_MS, other, wanted, &probe);
	for (unsigned int i = 0; i < probe.count; i++)
		if (!i || !strcmp(probe.list[i].desc.name, name))
			reason = absent_reason(&probe.list[i]);
	cli_error("there is no engine named %s: %s", name, reason);
	hvcal_probe_free(&probe);
	return true;
}
