// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stub.h"

long stub_mode(const char *key, long preset)
{
	const char *at = getenv("HVCAL_NVENC_STUB");
	size_t len = strlen(key);

	for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, key, len) && at[len] == '=')
			return strtol(at + len + 1, NULL, 10);
	return preset;
}

void stub_forbidden(const char *fmt, ...)
{
	va_list ap;

	fputs("nvenc stub: forbidden: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (!stub_mode("lenient", 0))
		abort();
}
