// SPDX-License-Identifier: MIT
/* Luma kernels against values worked out by hand, right before a page that must not be read. */
#define _DEFAULT_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels.h"

static int failed, count;

static void check(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, what);
	failed |= !good;
}

int main(void)
{
	static const uint8_t px[15] = { 0, 255, 7, 9, 9, 1, 255, 7, 9, 9, 4, 6, 8, 9, 200 };
	static const uint8_t half[6] = { 128, 8, 9, 5, 9, 200 };
	static const uint8_t zero[15];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	uint64_t sum, sq;
	uint8_t out[6];
	uint8_t *a;

	if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE)) {
		perror("guard page");
		return 1;
	}
	a = map + page - sizeof(px);
	memcpy(a, px, sizeof(px));
	puts("1..4");
	check(hvcal_analysis_sad8(a, 5, zero, 5, 5, 3) == 788, "SAD");
	hvcal_analysis_sums8(a, 5, 2, 2, &sum, &sq);
	check(sum == 511 && sq == 130051, "sums");
	hvcal_analysis_half8(a, 5, 5, 3, out, 3);
	check(!memcmp(out, half, sizeof(half)), "half resolution of odd size");
	hvcal_analysis_half8(a + 14, 5, 1, 1, out, 1);
	check(out[0] == 200, "half resolution of one sample");
	munmap(map, 2 * page);
	return failed;
}
