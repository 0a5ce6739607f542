/* SPDX-License-Identifier: MIT */
/* hvcal info: what is known of this machine, and how it is printed. */
#ifndef HVCAL_TOOL_INFO_H
#define HVCAL_TOOL_INFO_H

#include <stdbool.h>
#include <stdio.h>

#include <hvcal/hvcal.h>

#include "../../lib/src/probe.h"

#define INFO_NODE	"/dev/hvcal"
#define INFO_SESSIONS	"/sys/kernel/debug/hvcal/sessions"

struct info_engine {
	hvcal_engine_info_t info;
	hvcal_engine_cap_t *caps;
	uint32_t ncaps;
	const struct hvcal_probe_result *tried;	/**< NULL: the module says so */
};

struct info_module {
	int error;		/**< errno, 0: the following are valid */
	char version[32];	/**< empty: not told */
	uint32_t abi_major;
	uint32_t abi_minor;
	uint64_t features;	/**< bits of hvcal_caps.features */
	uint32_t max_sessions;	/**< of one open file */
	uint32_t max_queued;
};

struct info {
	bool show_all;
	bool show_engines;
	bool show_sessions;
	bool direct;
	const char *reason;	/**< of direct mode */
	struct info_module module;
	hvcal_device_info_t *devices;
	uint32_t ndevices;
	struct info_engine *engines;
	uint32_t nengines;
	struct hvcal_probe probe; /**< of plug-ins that no module offers */
	char *sessions;		/**< debugfs's text, NULL unread */
	int sessions_error;	/**< errno of reading it */
};

/** Asks the module what it is. */
void info_read_module(struct info *info);

/**
 * Tries the plug-ins that the module offers no engine of; without the module all
 * of them, and lists those that work. Says what is wrong.
 *
 * @param options of engines, "key=value,...", may be NULL
 * @return 0 or a negative errno
 */
int info_try_engines(struct info *info, const char *options);

/** Why it is not among the engines; NULL: it is. */
const char *info_absent(const struct info *info, const struct hvcal_probe_result *r);

/** Name of bit @bit of hvcal_caps.features, NULL if it has none. */
const char *info_feature_name(unsigned int bit);

void info_print(const struct info *info, FILE *to);
/** @return 0 or -ENOMEM */
int info_print_json(const struct info *info, FILE *to);

#endif /* HVCAL_TOOL_INFO_H */
