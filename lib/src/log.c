// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

void hvcal_log(const struct hvcal_log *log, int level, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (level > log->level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (log->fn)
		log->fn(log->cookie, level, line);
	else
		fprintf(stderr, "hvcal: %s\n", line);
}

void hvcal_reason(char *reason, size_t len, const char *fmt, ...)
{
	va_list ap;

	if (!reason || !len)
		return;
	va_start(ap, fmt);
	vsnprintf(reason, len, fmt, ap);
	va_end(ap);
}
