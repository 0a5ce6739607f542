// SPDX-License-Identifier: MIT
/* GPUs: what is found, engines on them, and what happens when they go. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ks.h"

#define PCI "/sys/bus/pci/"
#define GPUS 8

struct gpus {
	struct hvcal_gpu_info list[GPUS];
	uint32_t count;
	uint64_t generation;
};

static struct gpus gpus_read(int fd)
{
	struct gpus g;
	struct hvcal_gpu_list arg = { .gpus = { sizeof(g.list[0]), GPUS, (uintptr_t)g.list } };

	memset(&g, 0, sizeof(g));
	CHECK_OK(ks_ioctl(fd, HVCAL_IOC_GPU_LIST, &arg));
	g.count = arg.gpus.count < GPUS ? arg.gpus.count : GPUS;
	g.generation = arg.generation;
	return g;
}

static struct gpus gpus_need(int fd, unsigned int count)
{
	struct gpus g = gpus_read(fd);

	if (g.count < count)
		ks_skip("fewer than %u PCI display devices", count);
	return g;
}

static const struct hvcal_gpu_info *gpu_at(const struct gpus *g, const char *slot)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->list[i].slot, slot))
			return &g->list[i];
	return NULL;
}

/* Reads sysfs attribute @name of @slot as a number. */
static long attribute(const char *slot, const char *name)
{
	char path[320], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), PCI "devices/%s/%s", slot, name);
	f = fopen(path, "re");
	CHECK(f);
	CHECK(fgets(text, sizeof(text), f));
	fclose(f);
	return strtol(text, NULL, 0);
}

static void driver_name(const char *slot, char *name, size_t len)
{
	char path[320], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), PCI "devices/%s/driver", slot);
	n = readlink(path, target, sizeof(target) - 1);
	target[n < 0 ? 0 : n] = 0;
	snprintf(name, len, "%s", n < 0 ? "" : strrchr(target, '/') + 1);
}

static bool write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void driver_write(const char *driver, const char *file, const char *slot)
{
	char path[320];

	snprintf(path, sizeof(path), PCI "drivers/%s/%s", driver, file);
	if (!write_text(path, slot))
		ks_fail(__FILE__, __LINE__, "cannot write %s to %s: %s", slot, path,
			strerror(errno));
}

/* An engine on @slot, of hardware, with two slots. */
static void engine(struct ks_provider *p, const char *name, const char *slot)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_register_init(&reg, &cap, name);
	snprintf(reg.slot, sizeof(reg.slot), "%s", slot);
	ks_provider_register(p, &reg);
}

/* The engine goes behind a notifier's back: waits for it. */
static void expect_retired(struct ks_provider *p, int client)
{
	struct hvcal_engine_info info;
	struct hvcal_event ev;

	ks_expect_event(client, &ev, HVCAL_EVENT_LOST, -ENODEV);
	CHECK_EQ(ev.engine, p->engine);
	CHECK_ERR(ks_engine_info(client, p->engine, &info), -ENODEV);
}

/* News of devices travel by a workqueue: waits until there are @count. */
static struct gpus expect_gpus(int client, uint32_t count)
{
	for (int i = 0; i < 100 && gpus_read(client).count != count; i++)
		ks_sleep_ms(20);
	CHECK_EQ(gpus_read(client).count, count);
	return gpus_read(client);
}

KS_TEST(list_is_that_of_sysfs)
{
	int client = ks_client();
	struct gpus g = gpus_need(client, 1);
	DIR *dir = opendir(PCI "devices");
	unsigned int displays = 0;
	struct dirent *d;

	CHECK(dir);
	while ((d = readdir(dir))) {
		const struct hvcal_gpu_info *gpu;
		char driver[64];

		if (d->d_name[0] == '.' || attribute(d->d_name, "class") >> 16 != 3)
			continue;
		displays++;
		gpu = gpu_at(&g, d->d_name);
		CHECK(gpu);
		CHECK_EQ(gpu->vendor, attribute(d->d_name, "vendor"));
		CHECK_EQ(gpu->device, attribute(d->d_name, "device"));
		CHECK_EQ(gpu->revision, attribute(d->d_name, "revision"));
		CHECK_EQ(gpu->subsystem, attribute(d->d_name, "subsystem_vendor") << 16 |
			 attribute(d->d_name, "subsystem_device"));
		CHECK_EQ(gpu->numa_node, attribute(d->d_name, "numa_node"));
		CHECK_EQ(gpu->engines, 0);
		driver_name(d->d_name, driver, sizeof(driver));
		CHECK(!strcmp(gpu->driver, driver));
		CHECK_NE(gpu->id, 0);
	}
	closedir(dir);
	CHECK_EQ(displays, g.count);
}

KS_TEST(engine_on_a_gpu)
{
	int client = ks_client();
	struct gpus g = gpus_need(client, 1);
	struct hvcal_engine_info info;
	struct ks_provider p;

	engine(&p, "ks-gpu-on", g.list[0].slot);
	CHECK_OK(ks_engine_info(client, p.engine, &info));
	CHECK_EQ(info.gpu, g.list[0].id);
	CHECK_EQ(info.numa_node, g.list[0].numa_node);
	g = gpus_read(client);
	CHECK_EQ(g.list[0].engines, 1);
	ks_provider_close(&p);
	g = gpus_read(client);
	CHECK_EQ(g.list[0].engines, 0);
}

KS_TEST(session_of_another_gpu)
{
	int client = ks_client();
	struct gpus g = gpus_need(client, 2);
	struct hvcal_session_create arg;
	struct ks_provider p;

	engine(&p, "ks-gpu-other", g.list[0].slot);
	ks_create_init(&arg, p.engine);
	arg.gpu = g.list[1].id;
	CHECK_ERR(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg), -EXDEV);
	arg.gpu = g.list[0].id;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, &arg));
}

/* Without its driver a GPU has no engines; bound again it takes new ones. */
KS_TEST_LIMIT(driver_unbound, 30)
{
	int client = ks_client();
	struct gpus g = gpus_need(client, 1);
	char slot[HVCAL_NAME_LEN], driver[HVCAL_NAME_LEN];
	struct ks_provider p, again;
	uint64_t generation = g.generation;
	const struct hvcal_gpu_info *gpu;

	memcpy(slot, g.list[0].slot, sizeof(slot));
	memcpy(driver, g.list[0].driver, sizeof(driver));
	if (!driver[0])
		ks_skip("the display device has no driver");
	engine(&p, "ks-gpu-unbind", slot);
	ks_session_plain(&p, client);
	driver_write(driver, "unbind", slot);
	expect_retired(&p, client);
	g = gpus_read(client);
	gpu = gpu_at(&g, slot);
	CHECK(gpu && !gpu->driver[0]);
	CHECK_GE(g.generation, generation + 1);
	driver_write(driver, "bind", slot);
	engine(&again, "ks-gpu-unbind", slot);
	ks_session_plain(&again, client);
	g = gpus_read(client);
	gpu = gpu_at(&g, slot);
	CHECK(gpu && !strcmp(gpu->driver, driver));
}

/* Unplugged: it is off the list, and back with a rescan. */
KS_TEST_LIMIT(device_removed, 30)
{
	int client = ks_client();
	struct gpus g = gpus_need(client, 2);
	char path[320], slot[HVCAL_NAME_LEN];
	uint32_t count = g.count;
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;
	struct ks_provider p, again;

	memcpy(slot, g.list[1].slot, sizeof(slot));
	engine(&p, "ks-gpu-remove", slot);
	ks_session_plain(&p, client);
	snprintf(path, sizeof(path), PCI "devices/%s/remove", slot);
	CHECK(write_text(path, "1"));
	expect_retired(&p, client);
	g = expect_gpus(client, count - 1);
	CHECK(!gpu_at(&g, slot));
	ks_cap_init(&cap);
	ks_register_init(&reg, &cap, "ks-gpu-none");
	memcpy(reg.slot, slot, sizeof(reg.slot));
	CHECK_ERR(ks_ioctl(ks_provider_node(O_RDWR), HVCAL_IOC_ENGINE_REGISTER, &reg), -ENODEV);
	CHECK(write_text(PCI "rescan", "1"));
	expect_gpus(client, count);
	engine(&again, "ks-gpu-remove", slot);
	ks_session_plain(&again, client);
}
