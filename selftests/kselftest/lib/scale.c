// SPDX-License-Identifier: MIT
/* KS_SCALE: how many times longer than on a good machine everything may take. */
#include <stdlib.h>

#include "../harness.h"

unsigned int ks_scale(void)
{
	const char *value = getenv("KS_SCALE");
	int scale = value ? atoi(value) : 1;

	return scale < 1 ? 1 : (unsigned int)scale;
}

int ks_ms(int ms)
{
	return ms * (int)ks_scale();
}
