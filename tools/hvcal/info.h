/* SPDX-License-Identifier: MIT */
/* hvcal info: what is known of this machine, and how it is printed. */
#ifndef HVCAL_TOOL_INFO_H
#define HVCAL_TOOL_INFO_H

#include <stdbool.h>
#include <stdio.h>

#include <hvcal/hvcal.h>

#define INFO_NODE	"/dev/hvcal"
#define INFO_SESSIONS	"/sys/kernel/debug/hvcal/sessions"

struct info_engine {
	hvcal_engine_info_t info;
	hvcal_engine_cap_t *caps;
	uint32_t ncaps;
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
	char *sessions;		/**< debugfs's text, NULL unread */
	int sessions_error;	/**< errno of reading it */
};

/** Asks the module what it is. */
void info_read_module(struct info *info);

/** Name of bit @bit of hvcal_caps.features, NULL if it has none. */
const char *info_feature_name(unsigned int bit);

void info_print(const struct info *info, FILE *to);
/** @return 0 or -ENOMEM */
int info_print_json(const struct info *info, FILE *to);

#endif /* HVCAL_TOOL_INFO_H */
