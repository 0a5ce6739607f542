/* SPDX-License-Identifier: MIT */
#ifndef HVCAL_LOG_H
#define HVCAL_LOG_H

#include <stddef.h>

#include <hvcal/hvcal.h>

enum { HVCAL_LOG_ERROR = 3, HVCAL_LOG_WARN = 4, HVCAL_LOG_INFO = 6, HVCAL_LOG_DEBUG = 7 };

struct hvcal_log {
	hvcal_log_fn fn;	/* NULL: standard error */
	void *cookie;
	int level;
};

void hvcal_log(const struct hvcal_log *log, int level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** Formats into a caller's reason buffer, which may be NULL. */
void hvcal_reason(char *reason, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
