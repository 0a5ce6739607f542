// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target without libFuzzer: on random bytes, or on files that a
 * fuzzer found. usage: fuzz_X [-n RUNS] [-s SEED] [FILE...]. TAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define LONGEST 2048

static unsigned char buf[1 << 20];

static int run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	LLVMFuzzerTestOneInput(buf, n);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long runs = 20000, i;
	unsigned int seed = 1;
	int c, ret = 0;

	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			runs = strtoul(optarg, NULL, 10);
		else if (c == 's')
			seed = (unsigned int)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (optind < argc) {
		for (; optind < argc; optind++)
			ret |= run_file(argv[optind]);
		return ret;
	}
	for (i = 0; i < runs; i++) {
		size_t k, n = (size_t)rand_r(&seed) % LONGEST;

		for (k = 0; k < n; k++)
			buf[k] = (unsigned char)(rand_r(&seed) >> 7);
		LLVMFuzzerTestOneInput(buf, n);
	}
	printf("ok 1 random_inputs # %lu\n1..1\n", runs);
	return 0;
}
