// SPDX-License-Identifier: MIT
/* /proc/self/fail-nth: the nth place that can fail does. */
#include "nth.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../harness.h"

#define KS_FAULTS	"/sys/kernel/debug/"

static void ks_knob(const char *name, const char *value)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), KS_FAULTS "%s", name);
	f = fopen(path, "we");
	if (!f)
		return;
	fputs(value, f);
	fclose(f);
}

void ks_nth_prepare(void)
{
	if (access("/proc/self/fail-nth", W_OK))
		ks_skip("this kernel has no fault injection");
	ks_knob("failslab/ignore-gfp-wait", "N");
	ks_knob("failslab/verbose", "0");
	ks_knob("fail_page_alloc/ignore-gfp-wait", "N");
	ks_knob("fail_page_alloc/ignore-gfp-highmem", "N");
	ks_knob("fail_page_alloc/min-order", "0");
	ks_knob("fail_page_alloc/verbose", "0");
	ks_knob("fail_usercopy/verbose", "0");
}

int ks_nth_open(void)
{
	int fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);

	CHECK_GE(fd, 0);
	return fd;
}

void ks_nth_arm(int fd, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	CHECK_EQ(pwrite(fd, text, (size_t)len, 0), len);
}

unsigned int ks_nth_left(int fd)
{
	char text[16] = "";

	CHECK_GE(pread(fd, text, sizeof(text) - 1, 0), 1);
	return (unsigned int)strtoul(text, NULL, 10);
}

/* These calls copy too and may get what is left of it. */
bool ks_nth_disarm(int fd)
{
	char text[16] = "";
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	while (pwrite(fd, "0", 1, 0) != 1)
		;
	return got > 0 && text[0] == '0';
}
