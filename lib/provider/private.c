// SPDX-License-Identifier: MIT
/* An engine in the client's own process, behind the client's own provider file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../src/enumerate.h"
#include "../src/internal.h"
#include "../src/options.h"
#include "internal.h"

struct hvcal_private {
	hvcal_context_t *ctx;
	struct hvcal_plugins *plugins;
	struct hvcal_options *options;
	hvcal_provider_t *provider;	/* NULL: direct mode */
	uint32_t engine;
	int stop;
	bool runs;
	pthread_t thread;
};

void hvcal_private_params_default(hvcal_private_params_t *params, size_t size)
{
	hvcal_struct_default(params, size);
}

static void private_log(void *cookie, int level, const char *line)
{
	struct hvcal_private *e = cookie;

	hvcal_log(&e->ctx->log, level, "%s", line);
}

static const char *private_option(void *cookie, const char *key)
{
	return hvcal_options_get(((struct hvcal_private *)cookie)->options, key);
}

/* The name of the plug-in's engine is most likely that of one of hvcald's. */
static int private_vet(void *cookie, unsigned int index, struct hvcal_engine_desc *desc,
		       char *reason, size_t reason_len)
{
	static const char suffix[] = "-private";
	size_t len;

	(void)cookie;
	(void)index;
	(void)reason;
	(void)reason_len;
	len = strnlen(desc->name, sizeof(desc->name) - sizeof(suffix));
	memcpy(desc->name + len, suffix, sizeof(suffix));
	return 0;
}

static void *private_run(void *arg)
{
	struct hvcal_private *e = arg;
	int ret = hvcal_provider_run(e->provider, e->stop);

	if (ret)
		hvcal_log(&e->ctx->log, HVCAL_LOG_ERROR, "private engine: %s",
			  ret == -ENODEV ? "given up by the kernel" : strerror(-ret));
	return NULL;
}

static int private_plugin(struct hvcal_private *e, const hvcal_private_params_t *p,
			  struct hvcal_plugin **plugin)
{
	int ret = hvcal_plugins_load(p->engine_path, p->plugin, &e->plugins);

	if (ret) {
		hvcal_reason(p->reason, p->reason_len, "%s: %s", p->plugin,
			     ret == -EINVAL ? "no name of a plug-in" : strerror(-ret));
		return ret;
	}
	*plugin = hvcal_plugins_find(e->plugins, p->plugin);
	if (!*plugin) /* a list of names */
		return -EINVAL;
	if ((*plugin)->error)
		hvcal_reason(p->reason, p->reason_len, "%s: %s", p->plugin, (*plugin)->reason);
	return (*plugin)->error;
}

static int private_provider(struct hvcal_private *e, const hvcal_private_params_t *p)
{
	const struct hvcal_be_ops *ops = e->ctx->be->ops;
	hvcal_provider_params_t params;
	int fd, ret;

	if (!(e->ctx->caps.features & HVCAL_FEATURE_PRIVATE_ENGINE)) {
		hvcal_reason(p->reason, p->reason_len,
			     "the kernel module is too old for private engines");
		return -EOPNOTSUPP;
	}
	fd = ops->private_file(e->ctx->be);
	if (fd < 0) {
		hvcal_reason(p->reason, p->reason_len, "the module gives no private engine: %s",
			     strerror(-fd));
		return fd;
	}
	hvcal_provider_params_default(&params, sizeof(params));
	params.log = private_log;
	params.option = private_option;
	params.vet = private_vet;
	params.cookie = e;
	ret = provider_open_private(&e->provider, &params, e->ctx->sys, fd);
	if (ret)
		e->ctx->sys->close(e->ctx->sys, fd);
	return ret;
}

static int private_add(struct hvcal_private *e, const hvcal_private_params_t *p,
		       const struct hvcal_plugin *plugin)
{
	char reason[HVCAL_PLUGIN_REASON] = "";
	int ret = hvcal_provider_add(e->provider, plugin->ops, p->index, reason, sizeof(reason));

	if (ret == -ENOENT)
		hvcal_reason(p->reason, p->reason_len, "%s has no engine number %u", p->plugin,
			     p->index);
	else if (ret)
		hvcal_reason(p->reason, p->reason_len, "%s: %s", p->plugin, reason);
	if (!ret)
		e->engine = e->provider->engines[0].id;
	return ret;
}

static int private_start(struct hvcal_private *e, const hvcal_private_params_t *p)
{
	struct hvcal_plugin *plugin;
	int ret;

	e->options = hvcal_options_create();
	e->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!e->options || e->stop < 0)
		return -ENOMEM;
	ret = p->engine_options ? hvcal_options_add(e->options, p->engine_options, p->reason,
						    p->reason_len) : 0;
	if (!ret)
		ret = private_plugin(e, p, &plugin);
	if (!ret)
		ret = private_provider(e, p);
	if (!ret)
		ret = private_add(e, p, plugin);
	if (!ret)
		ret = -pthread_create(&e->thread, NULL, private_run, e);
	e->runs = !ret;
	return ret;
}

/* What is there already: engines are named after their plug-in and their number. */
static int private_find(struct hvcal_private *e, const hvcal_private_params_t *p)
{
	char name[HVCAL_TEXT];
	int ret;

	snprintf(name, sizeof(name), p->index ? "%s%u" : "%s", p->plugin, p->index);
	ret = hvcal_engine_find(e->ctx, name, &e->engine);
	if (ret == -ENOENT)
		hvcal_reason(p->reason, p->reason_len,
			     "direct mode has no engine named %s: see the list of engines", name);
	return ret;
}

int hvcal_private_open(hvcal_context_t *ctx, const hvcal_private_params_t *params,
		       hvcal_private_t **out)
{
	hvcal_private_params_t p;
	struct hvcal_private *e;
	int ret;

	if (!ctx || !out)
		return -EINVAL;
	ret = hvcal_struct_get(&p, sizeof(p), params, HVCAL_PRIVATE_PARAMS_V1);
	if (ret)
		return ret;
	if (!p.plugin) {
		hvcal_reason(p.reason, p.reason_len, "which plug-in? plugin is NULL");
		return -EINVAL;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->ctx = hvcal_context_ref(ctx);
	e->stop = -1;
	ret = ctx->be->ops->private_file ? private_start(e, &p) : private_find(e, &p);
	if (ret)
		hvcal_private_close(&e);
	else
		*out = e;
	return ret;
}

uint32_t hvcal_private_get_engine(hvcal_private_t *e)
{
	return e ? e->engine : 0;
}

void hvcal_private_close(hvcal_private_t **engine)
{
	hvcal_private_t *e = engine ? *engine : NULL;

	if (!e)
		return;
	*engine = NULL;
	if (e->runs) {
		eventfd_write(e->stop, 1);
		pthread_join(e->thread, NULL);
	}
	hvcal_provider_close(&e->provider);
	hvcal_plugins_unload(&e->plugins);
	hvcal_options_destroy(&e->options);
	if (e->stop >= 0)
		close(e->stop);
	hvcal_context_unref(e->ctx);
	free(e);
}
