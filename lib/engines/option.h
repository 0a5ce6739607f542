/* SPDX-License-Identifier: MIT */
/* Options of plug-ins as numbers. */
#ifndef HVCAL_ENGINES_OPTION_H
#define HVCAL_ENGINES_OPTION_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hvcal/engine.h>

/**
 * Reads option @key into @value, which keeps its default when it is not set.
 *
 * @return 0; -EINVAL with one line in @reason: not a number from @min to @max
 */
static inline int hvcal_option_number(const struct hvcal_engine_host *host,
				      const char *key, unsigned long min,
				      unsigned long max, unsigned long *value,
				      char *reason, size_t reason_len)
{
	const char *text = host->option ? host->option(host->cookie, key) : NULL;
	unsigned long number;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	number = strtoul(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-' || number < min ||
	    number > max) {
		snprintf(reason, reason_len, "%s=%s is not a number from %lu to %lu",
			 key, text, min, max);
		return -EINVAL;
	}
	*value = number;
	return 0;
}

#endif
