/* SPDX-License-Identifier: MIT */
/*
 * Engine plug-ins: finding hvcal-engine-NAME.so files, loading them behind an
 * ABI gate, and making engines of them. Used by the provider runtime (hvcald)
 * and by direct mode.
 */
#ifndef HVCAL_SRC_PLUGIN_H
#define HVCAL_SRC_PLUGIN_H

#include <hvcal/engine.h>

#define HVCAL_PLUGIN_REASON 256

/** One plug-in that was found or asked for. Read only for its users. */
struct hvcal_plugin {
	char name[HVCAL_NAME_LEN];	/**< of the file, "x264" */
	char *path;			/**< NULL: there is no such file */
	const struct hvcal_engine_plugin *ops; /**< NULL: not loaded */
	int error;			/**< why it cannot be loaded, negative errno */
	char reason[HVCAL_PLUGIN_REASON]; /**< the same in a person's words */
};

/** Plug-ins, sorted by name. Thread-safety: none, but reading is fine. */
struct hvcal_plugins {
	char *path;			/**< the folders that were searched */
	unsigned int count;
	struct hvcal_plugin *list;
};

/**
 * Looks for plug-ins without loading any.
 *
 * @param path  folders separated by colons; NULL: environment variable
 *              HVCAL_ENGINE_PATH (ignored in set-user-ID programs), or
 *              HVCAL_ENGINE_DIR of the build. A name in an earlier folder hides
 *              the same one in a later.
 * @param names comma separated: these only, and one that is not there gives an
 *              entry with error -ENOENT; NULL or empty: all there are
 * @param out   the caller's, for hvcal_plugins_unload()
 * @return 0 (also if there are none); -EINVAL: a name that cannot be one;
 *         -ENOMEM
 */
int hvcal_plugins_scan(const char *path, const char *names,
		       struct hvcal_plugins **out);

/**
 * Loads one plug-in. Its library stays in the process for good: vendor
 * libraries leave threads and thread-local destructors behind.
 *
 * @return 0; a negative errno, also in @plugin->error with @plugin->reason
 */
int hvcal_plugin_load(struct hvcal_plugin *plugin);

/** Scans and loads all. Plug-ins that fail stay in the list with their reason. */
int hvcal_plugins_load(const char *path, const char *names,
		       struct hvcal_plugins **out);

/** @return the entry, owned by @plugins; NULL: there is none */
struct hvcal_plugin *hvcal_plugins_find(struct hvcal_plugins *plugins,
					const char *name);

/** Frees the list and sets *@plugins to NULL; a pointer to NULL is allowed. */
void hvcal_plugins_unload(struct hvcal_plugins **plugins);

/** One engine of a plug-in. */
struct hvcal_plugin_engine {
	const struct hvcal_engine_plugin *ops;
	hvcal_engine_ctx_t *ctx;
	struct hvcal_engine_desc desc;
};

/**
 * Makes engine number @index of a loaded plug-in and checks what it says of
 * itself, so that hosts need not.
 *
 * @param host   must live until hvcal_plugin_engine_destroy()
 * @param engine filled on success
 * @param reason receives one line on failure, but for -ENOENT
 * @return 0; -ENOENT: no engine of this number, nor of a higher one; -EPROTO:
 *         the plug-in describes an engine that cannot be; else what the plug-in
 *         said (go on with the next number)
 */
int hvcal_plugin_engine_create(const struct hvcal_plugin *plugin,
			       const struct hvcal_engine_host *host,
			       unsigned int index,
			       struct hvcal_plugin_engine *engine,
			       char *reason, size_t reason_len);

/** Every stream must be closed. Twice, or on a zeroed structure: does nothing. */
void hvcal_plugin_engine_destroy(struct hvcal_plugin_engine *engine);

#endif
