/* SPDX-License-Identifier: MIT */
/* Engines that no module offers: tried out, each plug-in in a process of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "absent.h"
#include "cli.h"
#include "info.h"

static bool offered(void *cookie, const char *plugin)
{
	const struct info *info = cookie;

	for (uint32_t i = 0; i < info->nengines; i++)
		if (absent_is_of(info->engines[i].info.name, plugin))
			return true;
	return false;
}

static void cap_from_plugin(hvcal_engine_cap_t *to, const struct hvcal_engine_cap *from)
{
	*to = (hvcal_engine_cap_t){
		.codec = from->codec,
		.depth_mask = from->depth_mask,
		.flags = from->flags,
		.min_width = from->min_width,
		.min_height = from->min_height,
		.max_width = from->max_width,
		.max_height = from->max_height,
		.cost_ns_per_mpix = from->cost_ns_per_mpix,
	};
	memcpy(to->formats, from->formats, sizeof(to->formats));
}

static int engine_from_probe(struct info_engine *to, const struct hvcal_probe_result *r,
			     uint32_t id)
{
	const struct hvcal_engine_desc *desc = &r->desc;

	to->caps = calloc(desc->ncaps, sizeof(to->caps[0]));
	if (!to->caps)
		return -ENOMEM;
	for (uint32_t i = 0; i < desc->ncaps; i++)
		if (desc->caps[i].op == HVCAL_OP_ENCODE)
			cap_from_plugin(&to->caps[to->ncaps++], &desc->caps[i]);
	to->tried = r;
	to->info = (hvcal_engine_info_t){
		.id = id,
		.kind = desc->kind,
		.health = HVCAL_HEALTH_READY,
		.numa_node = desc->numa_node,
		.slots = desc->slots,
		.session_depth = desc->session_depth,
		.max_sessions = desc->max_sessions,
		.caps = to->ncaps,
	};
	memcpy(to->info.name, desc->name, sizeof(to->info.name));
	return 0;
}

/* Without a module what works is what direct mode has. */
static int take_engines(struct info *info)
{
	int ret = 0;

	info->engines = calloc(info->probe.count ? info->probe.count : 1,
			       sizeof(info->engines[0]));
	if (!info->engines)
		return -ENOMEM;
	for (unsigned int i = 0; i < info->probe.count && !ret; i++) {
		if (info->probe.list[i].error)
			continue;
		ret = engine_from_probe(&info->engines[info->nengines], &info->probe.list[i],
					info->nengines + 1);
		info->nengines += !ret;
	}
	return ret;
}

int info_try_engines(struct info *info, const char *options)
{
	struct hvcal_options *parsed = hvcal_options_create();
	char error[256];
	int ret = parsed ? 0 : -ENOMEM;

	if (!ret && options)
		ret = hvcal_options_add(parsed, options, error, sizeof(error));
	if (ret == -EINVAL) {
		cli_error("--engine-options: %s", error);
		goto out;
	}
	if (!ret)
		ret = hvcal_probe_all(NULL, NULL, parsed, HVCAL_PROBE_TIMEOUT_MS, offered, info,
				      &info->probe);
	if (!ret && info->direct)
		ret = take_engines(info);
	if (ret)
		cli_error("the engines cannot be tried: %s", hvcal_strerror(ret));
out:
	hvcal_options_destroy(&parsed);
	return ret;
}

const char *info_absent(const struct info *info, const struct hvcal_probe_result *r)
{
	return r->error || !info->direct ? absent_reason(r) : NULL;
}
