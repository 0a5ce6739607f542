/* SPDX-License-Identifier: MIT */
/*
 * Which engines work here. An engine counts as there after it has encoded a few
 * frames. Plug-ins are loaded in child processes only: vendor libraries may
 * crash or hang, and that must be an answer and not an accident.
 */
#ifndef HVCAL_SRC_PROBE_H
#define HVCAL_SRC_PROBE_H

#include <stdbool.h>

#include "options.h"
#include "plugin.h"

/** Milliseconds that one step of a probe may take, unless said otherwise. */
#define HVCAL_PROBE_TIMEOUT_MS 10000

/** What became of one engine, or of a plug-in that has none. */
struct hvcal_probe_result {
	char plugin[HVCAL_NAME_LEN];
	unsigned int index;		/**< number of the engine in its plug-in */
	int error;			/**< 0: it works; else a negative errno */
	/** Of one that works: the capabilities are those that passed. */
	struct hvcal_engine_desc desc;
	char description[128];		/**< library and version */
	/** Why it is absent; or which capabilities failed, empty: none did. */
	char reason[HVCAL_PLUGIN_REASON];
};

/** Results, in the order of plug-ins and engines. Starts zeroed. */
struct hvcal_probe {
	unsigned int count;
	struct hvcal_probe_result *list;
	/**
	 * Called in every child before it loads a plug-in; other than 0: it gives up,
	 * having said why. NULL: none.
	 */
	int (*confine)(void *cookie);
	void *cookie;
};

/**
 * Probes every engine of @plugin, which need not be loaded and is not. Forks:
 * not while other threads run. Returns in bounded time.
 *
 * @param options    of engines, may be NULL
 * @param timeout_ms for each step: loading, opening, encoding ...
 * @param probe      results are appended: at least one
 * @return 0, whatever became of the engines; -ENOMEM, errors of fork() and pipe()
 */
int hvcal_probe_plugin(const struct hvcal_plugin *plugin, struct hvcal_options *options,
		       unsigned int timeout_ms, struct hvcal_probe *probe);

/**
 * Probes all plug-ins: those that are found, and those that this HVCAL could
 * have (HVCAL_ENGINE_NAMES), so that a missing one has its line, too.
 *
 * @param path, names as for hvcal_plugins_scan()
 * @param skip  called for each plug-in; true leaves it out; NULL: none
 * @return as hvcal_probe_plugin(), hvcal_plugins_scan()
 */
int hvcal_probe_all(const char *path, const char *names, struct hvcal_options *options,
		    unsigned int timeout_ms, bool (*skip)(void *cookie, const char *plugin),
		    void *cookie, struct hvcal_probe *probe);

/** Frees the results, and zeroes @probe. */
void hvcal_probe_free(struct hvcal_probe *probe);

/* ---- the child (probe_encode.c) ---- */

/** Called before each step; @text begins a sentence: "the test encode (...)". */
typedef void (*hvcal_probe_step_fn)(void *cookie, const char *text);

/**
 * Makes engine @result->index of a loaded plug-in, encodes a few frames with
 * each of its encode capabilities, and takes those that fail out of the
 * description. May crash or never return: for child processes.
 *
 * @return result->error; -ENOENT: there is no such engine nor a later one
 */
int hvcal_probe_engine(const struct hvcal_plugin *plugin, struct hvcal_options *options,
		       hvcal_probe_step_fn step, void *cookie,
		       struct hvcal_probe_result *result);

#endif
