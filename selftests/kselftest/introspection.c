// SPDX-License-Identifier: MIT
/* What others see: fdinfo, sysfs, debugfs, tracepoints, and unloading. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ks.h"
#include "lib/state.h"

#define KS_SYSFS	"/sys/class/misc/hvcal/engines"
#define KS_TRACING	"/sys/kernel/tracing"

/* Reads a whole small file; negative errno. */
static int ks_slurp(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	while (len < room - 1 && (got = read(fd, text + len, room - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = 0;
	close(fd);
	return (int)len;
}

static int ks_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* ---- fdinfo ---- */

/* The value of @key in the fdinfo of @fd. */
static void ks_fdinfo(int fd, const char *key, char *value, size_t room)
{
	char path[64], text[4096], *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK_GE(ks_slurp(path, text, sizeof(text)), 1);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		size_t len = strlen(key);

		if (!strncmp(line, key, len) && line[len] == ':') {
			line += len + 1;
			snprintf(value, room, "%s", line + strspn(line, " \t"));
			return;
		}
	}
	ks_fail(__FILE__, __LINE__, "no key %s in %s", key, path);
}

KS_TEST(fdinfo_client)
{
	char value[64], other[64], unit[8];
	unsigned long long ns;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-in-fdinfo", 1, 1);
	ks_fdinfo(rig.client, "drm-driver", value, sizeof(value));
	CHECK(!strcmp(value, "hvcal"));
	ks_fdinfo(rig.client, "drm-client-id", value, sizeof(value));
	ks_fdinfo(ks_client(), "drm-client-id", other, sizeof(other));
	CHECK(strcmp(value, other));
	ks_fdinfo(rig.client, "drm-engine-encode", value, sizeof(value));
	CHECK_EQ(sscanf(value, "%llu %7s", &ns, unit), 2);
	CHECK_EQ(ns, 0);
	CHECK(!strcmp(unit, "ns"));
	ks_rig_run(&rig, 0);
	ks_fdinfo(rig.client, "drm-engine-encode", value, sizeof(value));
	CHECK_EQ(sscanf(value, "%llu", &ns), 1);
	CHECK_GE(ns, 1);
}

KS_TEST(fdinfo_provider)
{
	char value[64];
	struct ks_provider p;

	ks_provider_open(&p, "ks-in-fdprov", 1, 1);
	ks_fdinfo(p.fd, "drm-driver", value, sizeof(value));
	CHECK(!strcmp(value, "hvcal"));
}

/* ---- sysfs ---- */

static void ks_attr(uint32_t engine, const char *name, char *value, size_t room)
{
	char path[128];
	int len;

	snprintf(path, sizeof(path), KS_SYSFS "/%u/%s", engine, name);
	len = ks_slurp(path, value, room);
	if (len < 0)
		ks_fail(__FILE__, __LINE__, "cannot read %s: %s", path, ks_err(len));
	CHECK_GE(len, 2);
	CHECK_EQ(value[len - 1], '\n');
	value[len - 1] = 0;
	/* one value a file */
	CHECK(!strchr(value, '\n'));
}

struct attr { const char *label; const char *want; };

static const struct attr attrs[] = {
	{ "name", "ks-in-sysfs" },
	{ "kind", "test" },
	{ "state", "ready" },
	{ "gpu", "0" },
	{ "numa_node", "-1" },
	{ "slots", "3" },
	{ "session_depth", "2" },
	{ "sessions", "1" },
	{ "max_sessions", "0" },
	{ "jobs_done", "1" },
	{ "load_ppm", NULL },
	{ "external_ppm", "0" },
};

KS_TABLE(sysfs, attrs)
{
	const struct attr *attr = row;
	char value[64];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-in-sysfs", 3, 2);
	ks_rig_run(&rig, 0);
	ks_attr(rig.p.engine, attr->label, value, sizeof(value));
	if (attr->want && strcmp(value, attr->want))
		ks_fail(__FILE__, __LINE__, "%s is \"%s\", expected \"%s\"", attr->label, value,
			attr->want);
}

struct kind { const char *label; uint32_t kind; };

static const struct kind kinds[] = {
	{ "hardware", HVCAL_ENGINE_HARDWARE },
	{ "software", HVCAL_ENGINE_SOFTWARE },
	{ "test", HVCAL_ENGINE_TEST },
};

KS_TABLE(sysfs_kind, kinds)
{
	const struct kind *test = row;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	struct ks_provider p;
	char value[64];

	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, "ks-in-kind");
	arg.kind = test->kind;
	ks_provider_register(&p, &arg);
	ks_attr(p.engine, "kind", value, sizeof(value));
	if (strcmp(value, test->label))
		ks_fail(__FILE__, __LINE__, "%s is called \"%s\"", test->label, value);
}

/* The directory goes with the engine, also while one of its files is open. */
KS_TEST(sysfs_goes_with_engine)
{
	char path[128], text[64];
	struct ks_provider p;
	struct stat st;
	int fd, waited = 0;

	ks_provider_open(&p, "ks-in-gone", 1, 1);
	snprintf(path, sizeof(path), KS_SYSFS "/%u/name", p.engine);
	fd = open(path, O_RDONLY);
	CHECK_GE(fd, 0);
	ks_provider_close(&p);
	while (!stat(path, &st) && waited++ < ks_ms(1000))
		ks_sleep_ms(1);
	CHECK_ERR(stat(path, &st) ? -errno : 0, -ENOENT);
	CHECK_EQ(read(fd, text, sizeof(text)), -1);
	CHECK_EQ(errno, ENODEV);
}

/* ---- debugfs ---- */

KS_TEST(debugfs_objects)
{
	struct ks_objects before, during;
	struct ks_rig rig;
	const char *const names[] = { "clients", "providers", "engines", "sessions", "bindings",
				      "buffers", "imports", "jobs" };

	if (access("/sys/kernel/debug/hvcal", F_OK))
		ks_skip("debugfs is not mounted");
	CHECK_OK(ks_objects_read(&before));
	ks_rig_open(&rig, "ks-in-objects", 1, 1);
	ks_rig_run(&rig, 0);
	ks_rig_submit(&rig, rig.target, 0);
	CHECK_OK(ks_objects_read(&during));
	CHECK_EQ(before.kinds, during.kinds);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned int k = 0;

		while (k < during.kinds && strcmp(during.name[k], names[i]))
			k++;
		if (k == during.kinds)
			ks_fail(__FILE__, __LINE__, "no count of %s", names[i]);
		CHECK_GE(during.count[k], before.count[k] + 1);
	}
}

struct file { const char *label; };

static const struct file files[] = { { "engines" }, { "sessions" } };

KS_TABLE(debugfs, files)
{
	const struct file *file = row;
	char path[64], text[8192];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-in-debugfs", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	snprintf(path, sizeof(path), "/sys/kernel/debug/hvcal/%s", file->label);
	if (access("/sys/kernel/debug/hvcal", F_OK))
		ks_skip("debugfs is not mounted");
	CHECK_GE(ks_slurp(path, text, sizeof(text)), 1);
	/* a heading and at least this one */
	CHECK(strchr(text, '\n') && strchr(strchr(text, '\n') + 1, '\n'));
}

/* ---- tracepoints ---- */

struct trace { const char *label; };

static const struct trace traces[] = {
	{ "hvcal_job_submit" },
	{ "hvcal_job_ready" },
	{ "hvcal_job_dispatch" },
	{ "hvcal_job_complete" },
};

static void ks_trace_off(void)
{
	ks_put(KS_TRACING "/events/hvcal/enable", "0");
}

KS_TABLE(trace, traces)
{
	const struct trace *trace = row;
	static char text[1 << 16];
	char path[128];
	struct ks_rig rig;

	if (access(KS_TRACING "/events", F_OK))
		ks_skip("tracefs is not mounted or the kernel has no tracing");
	snprintf(path, sizeof(path), KS_TRACING "/events/hvcal/%s/enable", trace->label);
	ks_rig_open(&rig, "ks-in-trace", 1, 1);
	CHECK_OK(ks_put(KS_TRACING "/trace", ""));
	CHECK_OK(ks_put(path, "1"));
	ks_rig_run(&rig, 0);
	ks_trace_off();
	CHECK_GE(ks_slurp(KS_TRACING "/trace", text, sizeof(text)), 1);
	snprintf(path, sizeof(path), "%s:", trace->label);
	if (!strstr(text, path))
		ks_fail(__FILE__, __LINE__, "%s did not fire", trace->label);
}

/* ---- unloading ---- */

struct opener { const char *label; bool provider; };

static const struct opener openers[] = { { "client", false }, { "provider", true } };

KS_TABLE(unload_refused, openers)
{
	int fd;

	ks_module_need(false);
	fd = ((const struct opener *)row)->provider ? ks_provider_node(0) : ks_client();
	CHECK_ERR(ks_module_remove(), -EAGAIN);
	/* and it still works */
	ks_caps(fd);
}

/* Unloading works as soon as everything is closed, whatever went on before. */
KS_TEST_LIMIT(unload_and_load, 30)
{
	struct ks_objects objects;
	struct ks_rig rig;

	ks_module_need(true);
	for (int i = 0; i < 3; i++) {
		ks_rig_open(&rig, "ks-in-unload", 1, 1);
		ks_rig_run(&rig, 0);
		ks_rig_submit(&rig, rig.target, 0);
		ks_acquire(&rig.p);
		close(rig.client);
		ks_provider_close(&rig.p);
		CHECK_OK(ks_module_remove_within(ks_ms(2000)));
		CHECK_ERR(ks_objects_read(&objects), -ENOENT);
		CHECK_OK(ks_module_insert());
	}
}
