/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

int cli_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	unsigned long long number;
	char *end;

	/* strtoull would take "-1" and " 1" for numbers. */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || number < min || number > max)
		return -ERANGE;
	*value = number;
	return 0;
}

int cli_parse_rate(const char *text, uint64_t *value)
{
	double number, scale = 1.0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	number = strtod(text, &end);
	switch (*end) {
	case 'k':
	case 'K':
		scale = 1e3;
		end++;
		break;
	case 'm':
	case 'M':
		scale = 1e6;
		end++;
		break;
	case 'g':
	case 'G':
		scale = 1e9;
		end++;
		break;
	}
	if (*end)
		return -EINVAL;
	number *= scale;
	if (!(number >= 1000.0 && number <= 1e11))
		return -ERANGE;
	*value = (uint64_t)llround(number);
	return 0;
}

int cli_parse_fps(const char *text, uint32_t *num, uint32_t *den)
{
	const char *slash = strchr(text, '/');
	double number;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	if (slash) {
		unsigned long a = strtoul(text, &end, 10), b;

		if (end != slash || !isdigit((unsigned char)slash[1]))
			return -EINVAL;
		b = strtoul(slash + 1, &end, 10);
		if (*end)
			return -EINVAL;
		if (!a || !b || a > 1000000000 || b > 1000000000)
			return -ERANGE;
		number = (double)a / (double)b;
		*num = (uint32_t)a;
		*den = (uint32_t)b;
	} else {
		number = strtod(text, &end);
		if (*end)
			return -EINVAL;
		/* 29.97 and its like mean n * 1000 / 1001. */
		*num = (uint32_t)lround(ceil(number) * 1000);
		*den = 1001;
		if (fabs(number - (double)*num / *den) > 0.005) {
			*num = (uint32_t)lround(number * 1000);
			*den = 1000;
		}
		if (number == floor(number)) {
			*num = (uint32_t)number;
			*den = 1;
		}
	}
	return number >= 0.001 && number <= 1000.0 ? 0 : -ERANGE;
}

int cli_parse_size(const char *text, long *width, long *height)
{
	char *end;

	errno = 0;
	*width = strtol(text, &end, 10);
	if (end == text || (*end != 'x' && *end != 'X') || errno)
		return -EINVAL;
	text = end + 1;
	*height = strtol(text, &end, 10);
	return end == text || *end || errno ? -EINVAL : 0;
}
