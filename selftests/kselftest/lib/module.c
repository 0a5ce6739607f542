// SPDX-License-Identifier: MIT
/* Taking the module out and putting it back, where the tests loaded it. */
#include "../ks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int ks_module_remove(void)
{
	return syscall(SYS_delete_module, "hvcal", O_NONBLOCK) ? -errno : 0;
}

int ks_module_remove_within(int ms)
{
	int err = ks_module_remove();

	for (int waited = 0; err == -EAGAIN && waited < ms; waited += 10) {
		ks_sleep_ms(10);
		err = ks_module_remove();
	}
	return err;
}

int ks_module_open(void)
{
	const char *path = getenv("HVCAL_KO");

	return path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

int ks_module_insert_file(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

int ks_module_insert(void)
{
	int fd = ks_module_open(), err;

	if (fd < 0)
		return -ENOENT;
	err = ks_module_insert_file(fd);
	close(fd);
	return err;
}

void ks_module_need(bool file)
{
	const char *path = getenv("HVCAL_KO");

	close(ks_client());
	if (access("/sys/module/hvcal/refcnt", F_OK))
		ks_skip("hvcal is built in");
	if (file && (!path || access(path, R_OK)))
		ks_skip("HVCAL_KO does not name the module's file");
}
