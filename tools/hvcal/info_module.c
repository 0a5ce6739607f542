/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <hvcal/uapi/hvcal.h>

#include "info.h"

void info_read_module(struct info *info)
{
	struct info_module *module = &info->module;
	struct hvcal_caps caps = { 0 };
	int fd = open(HVCAL_CLIENT_NODE, O_RDWR | O_CLOEXEC);
	FILE *file;

	if (fd < 0 || ioctl(fd, HVCAL_IOC_CAPS, &caps))
		module->error = errno;
	if (fd >= 0)
		close(fd);
	module->abi_major = caps.abi_major;
	module->abi_minor = caps.abi_minor;
	module->features = caps.features;
	module->max_sessions = caps.max_sessions;
	module->max_queued = caps.max_queued;

	file = fopen("/sys/module/hvcal/version", "re");
	if (!file)
		return;
	if (fgets(module->version, sizeof(module->version), file))
		module->version[strcspn(module->version, "\n")] = '\0';
	fclose(file);
}

const char *info_feature_name(unsigned int bit)
{
	static const char *const names[] = {
		"in-fence", "implicit-fence", "out-fence", "pacing", "rate-admission",
		"failover", "private-engine", "gpu-list",
	};

	_Static_assert(HVCAL_FEATURE_GPU_LIST == 1ULL << 7, "names follow the bits");
	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}
