// SPDX-License-Identifier: MIT
/* Nodes, clocks, module parameters. */
#include "../ks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "state.h"
#include "storm.h"

static int ks_open(const char *path, int flags)
{
	int fd = open(path, flags | O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO))
		ks_skip("%s is not there: load hvcal.ko", path);
	if (fd < 0)
		ks_fail(__FILE__, __LINE__, "cannot open %s: %s", path, strerror(errno));
	return fd;
}

int ks_client(void)
{
	return ks_open(HVCAL_CLIENT_NODE, 0);
}

int ks_client_nonblock(void)
{
	return ks_open(HVCAL_CLIENT_NODE, O_NONBLOCK);
}

int ks_provider_node(int flags)
{
	return ks_open(HVCAL_PROVIDER_NODE, flags);
}

int ks_ioctl(int fd, unsigned long cmd, void *arg)
{
	int err;

	do
		err = ioctl(fd, cmd, arg) < 0 ? -errno : 0;
	while (err == -EINTR && ks_storm_again(cmd));
	return err;
}

unsigned long ks_resize(unsigned long cmd, size_t size)
{
	return _IOC(_IOC_DIR(cmd), _IOC_TYPE(cmd), _IOC_NR(cmd), size);
}

void *ks_bad_pointer(void)
{
	void *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	return page;
}

uint64_t ks_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

void ks_sleep_ms(int ms)
{
	struct timespec nap = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&nap, &nap) < 0 && errno == EINTR)
		;
}

struct hvcal_caps ks_caps(int fd)
{
	struct hvcal_caps caps = { 0 };

	CHECK_OK(ks_ioctl(fd, HVCAL_IOC_CAPS, &caps));
	return caps;
}

int ks_engine_info(int fd, uint32_t engine, struct hvcal_engine_info *info)
{
	struct hvcal_engine_info infos[64] = { 0 };
	struct hvcal_engine_list list = {
		.engines = { sizeof(infos[0]), 64, (uintptr_t)infos },
	};

	CHECK_OK(ks_ioctl(fd, HVCAL_IOC_ENGINE_LIST, &list));
	CHECK_LE(list.engines.count, 64);
	for (uint32_t i = 0; i < list.engines.count; i++) {
		if (infos[i].id != engine)
			continue;
		*info = infos[i];
		return 0;
	}
	return -ENODEV;
}

static void ks_param_set(const char *path, long value)
{
	FILE *f = fopen(path, "we");

	if (!f && errno == ENOENT)
		ks_skip("the module has no parameter %s", strrchr(path, '/') + 1);
	if (!f)
		ks_fail(__FILE__, __LINE__, "cannot write %s: %s", path, strerror(errno));
	fprintf(f, "%ld\n", value);
	if (fclose(f))
		ks_fail(__FILE__, __LINE__, "%s does not take %ld: %s", path, value,
			strerror(errno));
}

void ks_watchdog(long floor_ms, long cap_ms)
{
	ks_param_set(KS_PARAMS "watchdog_floor_ms", floor_ms);
	ks_param_set(KS_PARAMS "watchdog_cap_ms", cap_ms);
}

void ks_param(const char *name, long value)
{
	char path[96];

	snprintf(path, sizeof(path), KS_PARAMS "%s", name);
	ks_param_set(path, value);
}
