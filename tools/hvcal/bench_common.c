/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

pid_t bench_fork(struct bench_way *way, void (*work)(struct bench_way *way))
{
	pid_t parent = getpid(), pid;

	/* Else a child that ends with exit() would print it once more. */
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		work(way);
	_exit(0);
}

void bench_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

struct json_object *bench_figure(double value)
{
	char text[64];

	if (!isfinite(value))
		return NULL;
	snprintf(text, sizeof(text), "%.4f", value);
	return json_object_new_double_s(value, text);
}

void bench_add_machine(struct json_object *root)
{
	struct utsname name;

	if (uname(&name))
		return;
	json_object_object_add(root, "kernel", json_object_new_string(name.release));
	json_object_object_add(root, "machine", json_object_new_string(name.machine));
	json_object_object_add(root, "cpus",
			       json_object_new_int64(sysconf(_SC_NPROCESSORS_ONLN)));
}

int bench_write_json(struct json_object *root, const char *path)
{
	const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	char *part = NULL;
	FILE *file;
	int ret = 0;

	if (!strcmp(path, "-")) {
		printf("%s\n", text);
		json_object_put(root);
		return 0;
	}
	if (asprintf(&part, "%s.part", path) < 0) {
		json_object_put(root);
		cli_error("out of memory");
		return -ENOMEM;
	}
	file = fopen(part, "we");
	if (!file) {
		ret = -errno;
	} else {
		if (fprintf(file, "%s\n", text) < 0)
			ret = -EIO;
		if (fclose(file) && !ret)
			ret = -errno;
		if (!ret && rename(part, path))
			ret = -errno;
		if (ret)
			unlink(part);
	}
	if (ret)
		cli_error("%s: %s", path, strerror(-ret));
	free(part);
	json_object_put(root);
	return ret;
}
