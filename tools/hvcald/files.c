// SPDX-License-Identifier: MIT
/*
 * Which files a worker may write: device nodes. The filter of system calls sees that
 * a file is opened, Landlock sees which one. Without it a worker of root could write
 * whatever is root's, capabilities or not. Reading is left to permissions: where the
 * drivers of GPUs keep what they need is not known here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox.h"

/* Beside the nodes in /dev itself; shared memory and terminals are in other folders. */
static const char *const folders[] = {
	"/dev/dri", "/dev/dma_heap", "/dev/accel", "/dev/nvidia-caps",
};

bool hvcald_files_can_guard(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static int allow_writing(int rules, const char *path)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};
	int ret = 0;

	/* devices come and go */
	if (beneath.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0))
		ret = -errno;
	close(beneath.parent_fd);
	return ret;
}

/* Character devices: a disk is a file, too. */
static int allow_nodes(int rules)
{
	DIR *dev = opendir("/dev");
	const struct dirent *entry;
	char path[sizeof(entry->d_name) + 8];
	struct stat st;
	int ret = 0;

	if (!dev)
		return -errno;
	while (!ret && (entry = readdir(dev))) {
		if (fstatat(dirfd(dev), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISCHR(st.st_mode))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		ret = allow_writing(rules, path);
	}
	closedir(dev);
	return ret;
}

int hvcald_files_guard(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_WRITE_FILE,
	};
	int rules, ret;

	if (!hvcald_files_can_guard())
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	ret = allow_nodes(rules);
	for (size_t i = 0; !ret && i < sizeof(folders) / sizeof(folders[0]); i++)
		ret = allow_writing(rules, folders[i]);
	if (!ret && syscall(SYS_landlock_restrict_self, rules, 0))
		ret = -errno;
	close(rules);
	return ret;
}
