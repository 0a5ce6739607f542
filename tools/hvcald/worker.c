// SPDX-License-Identifier: MIT
/* One process that owns the engines of one plug-in. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "hvcald.h"

#define CLOSE_S 4	/* then SIGALRM ends the process; less than the supervisor waits */
#define DRAIN_MS 2000	/* for streams to go elsewhere, when told to make room */

struct worker {
	const struct hvcald *d;
	const struct hvcal_plugin *plugin;
	struct hvcal_probe probe;
};

static const char *worker_option(void *cookie, const char *key)
{
	const struct worker *w = cookie;

	return hvcal_options_get(w->d->options, key);
}

static void worker_log(void *cookie, int level, const char *line)
{
	hvcald_log((void *)((struct worker *)cookie)->d, level, line);
}

/* ---- which engines ---- */

static bool cap_passed(const struct hvcal_probe_result *r, const struct hvcal_engine_cap *cap)
{
	for (uint32_t i = 0; i < r->desc.ncaps; i++)
		if (!memcmp(&r->desc.caps[i], cap, sizeof(*cap)))
			return true;
	return false;
}

/* False: no room for it. */
static bool append_suffix(const struct hvcald *d, struct hvcal_engine_desc *desc)
{
	size_t len = strlen(desc->name);

	if (!d->suffix)
		return true;
	return (size_t)snprintf(desc->name + len, sizeof(desc->name) - len, "%s", d->suffix) <
	       sizeof(desc->name) - len;
}

/* Test engines are offered to those who ask; capabilities, if they passed. */
static int worker_vet(void *cookie, unsigned int index, struct hvcal_engine_desc *desc,
		      char *reason, size_t len)
{
	const struct worker *w = cookie;
	uint32_t kept = 0;

	if (desc->kind == HVCAL_ENGINE_TEST && !w->d->engines) {
		snprintf(reason, len, "a test engine, offered when it is named (--engines %s)",
			 w->plugin->name);
		return -ECANCELED;
	}
	if (!append_suffix(w->d, desc)) {
		snprintf(reason, len, "its name and --suffix %s are too long", w->d->suffix);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < w->probe.count; i++) {
		const struct hvcal_probe_result *r = &w->probe.list[i];

		if (r->index != index)
			continue;
		for (uint32_t c = 0; c < desc->ncaps; c++)
			if (cap_passed(r, &desc->caps[c]))
				desc->caps[kept++] = desc->caps[c];
		desc->ncaps = kept;
	}
	if (!desc->ncaps) {
		snprintf(reason, len, "it is not the engine that was tried a moment ago");
		return -ENODEV;
	}
	/* next it is registered, and streams may come */
	if (desc->kind == HVCAL_ENGINE_SOFTWARE)
		hvcald_memory_ready();
	return 0;
}

/* 1: registered; 0: not, and said why; -1: there are no more. */
static int add_engine(const struct worker *w, hvcal_provider_t *p, unsigned int index)
{
	char line[HVCAL_PLUGIN_REASON + 64], reason[HVCAL_PLUGIN_REASON] = "";
	int ret = hvcal_provider_add(p, w->plugin->ops, index, reason, sizeof(reason));

	if (ret == -ENOENT)
		return -1;
	if (!ret)
		return 1;
	snprintf(line, sizeof(line), "engine %s: %s", w->plugin->name, reason);
	hvcald_log((void *)w->d, ret == -ECANCELED ? LOG_INFO : LOG_WARNING, line);
	return 0;
}

static unsigned int add_engines(const struct worker *w, hvcal_provider_t *p)
{
	unsigned int added = 0;
	int ret = 0;

	for (unsigned int i = 0; i < w->probe.count; i++)
		if (!w->probe.list[i].error)
			added += add_engine(w, p, w->probe.list[i].index) == 1;
	for (unsigned int i = 0; !w->d->probe_ms && ret >= 0 && i < 64; i++) {
		ret = add_engine(w, p, i);
		added += ret == 1;
	}
	return added;
}

static int confine(void *cookie)
{
	return hvcald_filter_load(((const struct worker *)cookie)->plugin->name);
}

/* Tries the engines in a process of their own. False: none works, or it failed. */
static bool probe(struct worker *w)
{
	bool works = false;
	int ret;

	if (!w->d->probe_ms)
		return true;
	if (w->d->sandbox) {
		w->probe.confine = confine;
		w->probe.cookie = w;
	}
	ret = hvcal_probe_plugin(w->plugin, w->d->options, w->d->probe_ms, &w->probe);
	if (ret)
		hvcald_say("engine %s cannot be tried: %s", w->plugin->name, strerror(-ret));
	for (unsigned int i = 0; i < w->probe.count; i++) {
		const struct hvcal_probe_result *r = &w->probe.list[i];

		if (r->reason[0])
			hvcald_say("engine %s: %s", r->desc.name[0] ? r->desc.name :
				   w->plugin->name, r->reason);
		works |= !r->error;
	}
	return works && !ret;
}

static void warn_unused(const struct hvcald *d, const char *plugin)
{
	const char *key;

	for (unsigned int i = 0; (key = hvcal_options_unused(d->options, plugin, i)); i++)
		hvcald_say("option %s is not known to engine %s", key, plugin);
}

/* ---- work ---- */

/* Streams that cannot go lose their engine, and have the next worker's if they wait. */
static int make_room(const struct worker *w, hvcal_provider_t *p, int stop)
{
	int ret = hvcal_provider_drain(p, stop, DRAIN_MS);

	if (ret != -ETIMEDOUT && ret != -EOPNOTSUPP)
		return ret;
	hvcald_say("engine %s: ends with streams that have no other engine", w->plugin->name);
	return 0;
}

static int serve(const struct worker *w, hvcal_provider_t *p, unsigned int engines, int status_fd)
{
	int stop = hvcald_signals(false), ret;
	bool renew;

	for (unsigned int i = 0; i < engines && status_fd >= 0; i++)
		dprintf(status_fd, "r");
	if (status_fd < 0)
		hvcald_ready(w->d, engines);
	ret = hvcal_provider_run(p, stop);
	renew = !ret && hvcald_signal_next(stop) == SIGHUP;
	if (renew)
		ret = make_room(w, p, stop);
	if (ret == -ENODEV)
		hvcald_say("engine %s: given up by the kernel", w->plugin->name);
	else if (ret == -ENXIO)
		hvcald_say("engine %s: ends, to look for its devices anew", w->plugin->name);
	else if (ret)
		hvcald_say("engine %s: %s", w->plugin->name, strerror(-ret));
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
	return renew ? WORKER_RENEWED : WORKER_STOPPED;
}

/* The node is open, foreign code is not here yet: rights go before it comes. */
static bool become_worker(struct worker *w, struct hvcal_plugin *plugin)
{
	const struct hvcald *d = w->d;

	if (d->sandbox && hvcald_rights_drop(plugin->name, &d->user))
		return false;
	if (!probe(w) || (d->sandbox && hvcald_filter_load(plugin->name)))
		return false;
	if (!hvcal_plugin_load(plugin))
		return true;
	hvcald_say("engine %s: %s", plugin->name, plugin->reason);
	return false;
}

static int work(struct worker *w, struct hvcal_plugin *plugin, int status_fd)
{
	const struct hvcald *d = w->d;
	hvcal_provider_params_t params;
	hvcal_provider_t *p;
	unsigned int engines;
	int ret;

	hvcal_provider_params_default(&params, sizeof(params));
	params.node = d->node;
	params.log = worker_log;
	params.option = worker_option;
	params.vet = worker_vet;
	params.cookie = w;
	params.fault = d->fault;
	/* a debugger that stops it looks like a hang */
	params.kill_when_hung = d->sandbox;
	ret = hvcal_provider_open(&p, &params);
	if (ret) {
		hvcald_say("%s: %s", d->node ? d->node : HVCAL_PROVIDER_NODE, strerror(-ret));
		return WORKER_FAILED;
	}
	if (!become_worker(w, plugin)) {
		hvcal_provider_close(&p);
		return WORKER_USELESS;
	}
	engines = add_engines(w, p);
	warn_unused(d, plugin->name);
	if (engines)
		return serve(w, p, engines, status_fd);
	hvcal_provider_close(&p);
	return WORKER_USELESS;
}

int hvcald_worker(const struct hvcald *d, struct hvcal_plugin *plugin, int status_fd)
{
	struct worker w = { .d = d, .plugin = plugin };
	sigset_t set;
	int ret;

	hvcald_memory_keep();
	/* until the engines are there a signal ends this process, and its probe */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	ret = work(&w, plugin, status_fd);
	hvcal_probe_free(&w.probe);
	return ret;
}
