// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define DRAWS 4000
#define OUTSIDE (DRAWS / 200)	/* half a percent on each side */

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double stat_median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), ascending);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

unsigned int stat_random(uint64_t *random, unsigned int limit)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (unsigned int)((*random >> 32) * limit >> 32);
}

/* The bootstrap: as many values are drawn again and again from those that there are. */
struct estimate stat_estimate(double *values, unsigned int n, uint64_t *random)
{
	double medians[DRAWS], *drawn = malloc(n * sizeof(*drawn));
	struct estimate e = { .value = stat_median(values, n) };

	if (!drawn)
		abort();
	for (unsigned int i = 0; i < DRAWS; i++) {
		for (unsigned int k = 0; k < n; k++)
			drawn[k] = values[stat_random(random, n)];
		medians[i] = stat_median(drawn, n);
	}
	qsort(medians, DRAWS, sizeof(*medians), ascending);
	e.low = medians[OUTSIDE];
	e.high = medians[DRAWS - 1 - OUTSIDE];
	free(drawn);
	return e;
}
