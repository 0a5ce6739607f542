// SPDX-License-Identifier: MIT
/* Direct mode: which engines there are, and which one a session gets. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"

static int engine_append(struct direct *d, const struct hvcal_plugin_engine *e)
{
	struct direct_engine **list, *engine;
	uint32_t i;

	list = realloc(d->engines, (d->engine_count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	d->engines = list;
	engine = calloc(1, sizeof(*engine));
	if (!engine)
		return -ENOMEM;
	engine->e = *e;
	engine->id = d->engine_count + 1;
	if (e->desc.slot[0]) {
		for (i = 0; i < d->engine_count && !engine->gpu; i++)
			if (!strcmp(list[i]->e.desc.slot, e->desc.slot))
				engine->gpu = list[i]->gpu;
		if (!engine->gpu)
			engine->gpu = ++d->gpu_count;
	}
	d->engines[d->engine_count++] = engine;
	return 0;
}

/* All engines of one plug-in; the first reason why one is not usable is kept. */
static int plugin_open(struct direct *d, struct hvcal_plugin *plugin, char *why,
		       size_t len)
{
	struct hvcal_plugin_engine e;
	char reason[HVCAL_PLUGIN_REASON];
	unsigned int i;
	int ret;

	for (i = 0;; i++) {
		reason[0] = 0;
		ret = hvcal_plugin_engine_create(plugin, &d->host, i, &e, reason,
						 sizeof(reason));
		if (ret == -ENOENT)
			return 0;
		if (ret == -ENOMEM)
			return ret;
		if (ret) {
			hvcal_log(&d->be.ctx->log, HVCAL_LOG_INFO, "engine %s %u: %s",
				  plugin->name, i, reason);
			/* for who asks for it by name */
			if (!plugin->reason[0])
				memcpy(plugin->reason, reason, sizeof(plugin->reason));
			if (!why[0])
				hvcal_reason(why, len, "%s: %s", plugin->name, reason);
			continue;
		}
		ret = engine_append(d, &e);
		if (ret) {
			hvcal_plugin_engine_destroy(&e);
			return ret;
		}
	}
}

static int open_found(struct direct *d, const hvcal_init_params_t *params, char *why,
		      size_t len)
{
	struct hvcal_plugin *p;
	unsigned int i;
	int ret;

	ret = hvcal_plugins_load(params->engine_path, NULL, &d->plugins);
	for (i = 0; !ret && i < d->plugins->count; i++) {
		p = &d->plugins->list[i];
		if (p->ops) {
			ret = plugin_open(d, p, why, len);
			continue;
		}
		hvcal_log(&d->be.ctx->log, HVCAL_LOG_INFO, "engine plug-in %s: %s",
			  p->name, p->reason);
		if (!why[0])
			hvcal_reason(why, len, "%s: %s", p->name, p->reason);
	}
	return ret;
}

int direct_engines_open(struct direct *d, const hvcal_init_params_t *params,
			const struct hvcal_plugin_list *list)
{
	struct hvcal_plugin given;
	const char *unused;
	char why[512] = "", intro[128] = "direct mode";
	unsigned int i;
	int ret = 0;

	if (list) {
		for (i = 0; !ret && i < list->count; i++) {
			memset(&given, 0, sizeof(given));
			given.ops = list->plugins[i];
			hvcal_text_copy(given.name, sizeof(given.name), given.ops->name,
					sizeof(given.name));
			ret = plugin_open(d, &given, why, sizeof(why));
		}
	} else {
		ret = open_found(d, params, why, sizeof(why));
	}
	if (ret)
		return ret;
	for (i = 0; (unused = hvcal_options_unused(d->options, NULL, i)); i++)
		hvcal_log(&d->be.ctx->log, HVCAL_LOG_WARN,
			  "no engine knows the option %s: misspelt, or its plug-in is not there",
			  unused);
	if (d->engine_count)
		return 0;
	if (params->backend == HVCAL_BACKEND_AUTO)
		snprintf(intro, sizeof(intro), "no %s, and direct mode",
			 params->device_path);
	if (why[0])
		hvcal_reason(params->reason, params->reason_len,
			     "%s: no engine can be used: %s", intro, why);
	else
		hvcal_reason(params->reason, params->reason_len,
			     "%s: no engine plug-ins in %s: install some, or set HVCAL_ENGINE_PATH",
			     intro, d->plugins ? d->plugins->path : "the list");
	return -ENODEV;
}

void direct_engines_close(struct direct *d)
{
	uint32_t i;

	for (i = 0; i < d->engine_count; i++) {
		hvcal_plugin_engine_destroy(&d->engines[i]->e);
		free(d->engines[i]);
	}
	free(d->engines);
	hvcal_plugins_unload(&d->plugins);
}

/* ------------------------------------------------------------------------ */
/* Choice                                                                   */

static bool cap_fits(const struct hvcal_engine_cap *cap,
		     const struct hvcal_session_create *arg)
{
	const struct hvcal_reservation *r = &arg->res;
	int i;

	if (cap->op != arg->op || cap->codec != arg->codec || r->bit_depth > 31 ||
	    !(cap->depth_mask & (1U << r->bit_depth)) || arg->need & ~cap->flags ||
	    r->width < cap->min_width || r->width > cap->max_width ||
	    r->height < cap->min_height || r->height > cap->max_height)
		return false;
	for (i = 0; i < HVCAL_MAX_FORMATS && cap->formats[i]; i++)
		if (cap->formats[i] == arg->format)
			return true;
	return false;
}

static bool engine_fits(const struct direct_engine *e,
			const struct hvcal_session_create *arg)
{
	uint32_t i;

	if (arg->engine ? e->id != arg->engine : e->e.desc.kind == HVCAL_ENGINE_TEST)
		return false;
	for (i = 0; i < e->e.desc.ncaps; i++)
		if (cap_fits(&e->e.desc.caps[i], arg))
			return true;
	return false;
}

static bool engine_full(const struct direct_engine *e)
{
	return e->e.desc.max_sessions &&
	       atomic_load(&e->sessions) >= e->e.desc.max_sessions;
}

/* Hardware before software, then the one with fewer sessions. */
static bool is_better(const struct direct_engine *a, const struct direct_engine *b)
{
	if (!b)
		return true;
	if (a->e.desc.kind != b->e.desc.kind)
		return a->e.desc.kind < b->e.desc.kind;
	return atomic_load(&a->sessions) < atomic_load(&b->sessions);
}

int direct_engine_choose(struct direct *d, struct hvcal_session_create *arg,
			 struct direct_engine **out)
{
	struct direct_engine *e, *best = NULL;
	bool full = false;
	uint32_t i;

	for (i = 0; i < d->engine_count; i++) {
		e = d->engines[i];
		if (!engine_fits(e, arg))
			continue;
		if (engine_full(e))
			full = true;
		else if (is_better(e, best))
			best = e;
	}
	if (!best) {
		arg->refused = full ? HVCAL_RESOURCE_SESSIONS : HVCAL_RESOURCE_NONE;
		return full ? -ENOSPC : -ENOTCONN;
	}
	*out = best;
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Lists                                                                    */

/* Names of engines begin with that of their plug-in: "null", "null1", "v4l2-video0". */
const char *direct_engine_absent(struct hvcal_be *be, const char *name)
{
	const struct hvcal_plugins *p = ((struct direct *)be)->plugins;
	unsigned int i;

	for (i = 0; p && i < p->count; i++) {
		size_t len = strlen(p->list[i].name);

		if (!strncmp(p->list[i].name, name, len) && !isalpha((unsigned char)name[len]) &&
		    p->list[i].reason[0])
			return p->list[i].reason;
	}
	return NULL;
}

static void array_put(struct hvcal_array *a, uint32_t i, const void *e, size_t size)
{
	char *to = (char *)(uintptr_t)a->ptr + (size_t)i * a->stride;

	memcpy(to, e, a->stride < size ? a->stride : size);
}

int direct_engine_list(struct hvcal_be *be, struct hvcal_engine_list *arg)
{
	struct direct *d = (struct direct *)be;
	const struct hvcal_engine_desc *desc;
	struct hvcal_engine_info info;
	uint32_t i;

	for (i = 0; i < d->engine_count && i < arg->engines.count; i++) {
		desc = &d->engines[i]->e.desc;
		memset(&info, 0, sizeof(info));
		info.id = d->engines[i]->id;
		info.kind = desc->kind;
		info.state = HVCAL_ENGINE_READY;
		info.gpu = d->engines[i]->gpu;
		info.numa_node = desc->numa_node;
		info.slots = desc->slots;
		info.session_depth = desc->session_depth;
		info.max_sessions = desc->max_sessions;
		info.sessions = atomic_load(&d->engines[i]->sessions);
		info.caps = desc->ncaps;
		info.jobs_done = atomic_load(&d->engines[i]->jobs_done);
		memcpy(info.name, desc->name, sizeof(info.name));
		array_put(&arg->engines, i, &info, sizeof(info));
	}
	arg->engines.count = d->engine_count;
	arg->generation = 1;
	return 0;
}

int direct_engine_caps(struct hvcal_be *be, struct hvcal_engine_caps *arg)
{
	struct direct *d = (struct direct *)be;
	const struct hvcal_engine_desc *desc;
	uint32_t i;

	if (!arg->engine || arg->engine > d->engine_count)
		return -ENODEV;
	desc = &d->engines[arg->engine - 1]->e.desc;
	for (i = 0; i < desc->ncaps && i < arg->caps.count; i++)
		array_put(&arg->caps, i, &desc->caps[i], sizeof(desc->caps[i]));
	arg->caps.count = desc->ncaps;
	return 0;
}

/* What the engines themselves say of their GPUs: the address, no more. */
int direct_gpu_list(struct hvcal_be *be, struct hvcal_gpu_list *arg)
{
	struct direct *d = (struct direct *)be;
	struct hvcal_gpu_info info;
	uint32_t gpu, i;

	for (gpu = 1; gpu <= d->gpu_count && gpu <= arg->gpus.count; gpu++) {
		memset(&info, 0, sizeof(info));
		info.id = gpu;
		info.numa_node = -1;
		info.render_minor = -1;
		for (i = 0; i < d->engine_count; i++) {
			if (d->engines[i]->gpu != gpu)
				continue;
			info.engines++;
			info.numa_node = d->engines[i]->e.desc.numa_node;
			memcpy(info.slot, d->engines[i]->e.desc.slot, sizeof(info.slot));
		}
		array_put(&arg->gpus, gpu - 1, &info, sizeof(info));
	}
	arg->gpus.count = d->gpu_count;
	arg->generation = 1;
	return 0;
}
