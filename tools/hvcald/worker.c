// SPDX-License-Identifier: MIT
/* One process that owns the engines of one plug-in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hvcald.h"

#define CLOSE_S 4	/* then SIGALRM ends the process; less than the supervisor waits */

static const char *worker_option(void *cookie, const char *key)
{
	const struct hvcald *d = cookie;

	return hvcal_options_get(d->options, key);
}

static unsigned int add_engines(hvcal_provider_t *p, struct hvcal_plugin *plugin)
{
	char reason[HVCAL_PLUGIN_REASON];
	unsigned int added = 0;
	int ret;

	for (unsigned int i = 0; i < 64; i++) {
		ret = hvcal_provider_add(p, plugin->ops, i, reason, sizeof(reason));
		if (ret == -ENOENT)
			break;
		if (ret)
			hvcald_say("engine %s: %s", plugin->name, reason);
		else
			added++;
	}
	return added;
}

static void warn_unused(const struct hvcald *d, const char *plugin)
{
	const char *key;

	for (unsigned int i = 0; (key = hvcal_options_unused(d->options, plugin, i)); i++)
		hvcald_say("option %s is not known to engine %s", key, plugin);
}

int hvcald_worker(const struct hvcald *d, struct hvcal_plugin *plugin, int status_fd)
{
	hvcal_provider_params_t params;
	hvcal_provider_t *p;
	unsigned int engines;
	int ret, stop;

	hvcal_provider_params_default(&params, sizeof(params));
	params.node = d->node;
	params.log = hvcald_log;
	params.option = worker_option;
	params.cookie = (void *)d;
	params.fault = d->fault;
	/* a debugger that stops it looks like a hang */
	params.kill_when_hung = d->sandbox;
	ret = hvcal_provider_open(&p, &params);
	if (ret) {
		hvcald_say("%s: %s", d->node ? d->node : HVCAL_PROVIDER_NODE, strerror(-ret));
		return WORKER_FAILED;
	}
	/* The node is open, foreign code is not here yet. */
	if (d->sandbox && hvcald_sandbox_enter(plugin->name, &d->user)) {
		hvcal_provider_close(&p);
		return WORKER_USELESS;
	}
	if (hvcal_plugin_load(plugin)) {
		hvcald_say("engine %s: %s", plugin->name, plugin->reason);
		hvcal_provider_close(&p);
		return WORKER_USELESS;
	}
	engines = add_engines(p, plugin);
	warn_unused(d, plugin->name);
	if (!engines) {
		hvcal_provider_close(&p);
		return WORKER_USELESS;
	}
	stop = hvcald_signals(false);
	for (unsigned int i = 0; i < engines && status_fd >= 0; i++)
		dprintf(status_fd, "r");
	if (status_fd < 0)
		hvcald_ready(d, engines);
	ret = hvcal_provider_run(p, stop);
	if (ret == -ENODEV)
		hvcald_say("engine %s: given up by the kernel", plugin->name);
	else if (ret)
		hvcald_say("engine %s: %s", plugin->name, strerror(-ret));
	/*
	 * Closing waits for the engine. One that hangs would keep this process, its
	 * buffers and its place for ever: leaving is what lets go of them.
	 */
	if (ret)
		_exit(WORKER_FAILED);
	alarm(CLOSE_S);
	hvcal_provider_close(&p);
	alarm(0);
	close(stop);
	return WORKER_STOPPED;
}
