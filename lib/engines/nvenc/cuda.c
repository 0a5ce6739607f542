// SPDX-License-Identifier: MIT
/* Devices and contexts. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nvenc.h"

#define CONTROL_NODE "/dev/nvidiactl"

/* CUDA says "no device" for all of this; the node tells the cases apart. */
static int no_device(const struct nvenc_reason *r)
{
	if (access(CONTROL_NODE, F_OK)) {
		nvenc_say(r, "no NVIDIA GPU: there is no " CONTROL_NODE
			  "; load the module nvidia, or give the container the device");
		return -ENODEV;
	}
	if (access(CONTROL_NODE, R_OK | W_OK)) {
		nvenc_say(r, "no permission to open " CONTROL_NODE
			  "; the user of this process needs read and write");
		return -EACCES;
	}
	nvenc_say(r, "the NVIDIA driver sees no GPU; is CUDA_VISIBLE_DEVICES set, or /dev/nvidia0 missing?");
	return -ENODEV;
}

int nvenc_cuda_init(const struct nvenc_lib *lib, int *count, const struct nvenc_reason *r)
{
	const char *name = NULL;
	CUresult result = lib->cu.cuInit(0);
	int ret;

	*count = 0;
	if (result == CUDA_SUCCESS)
		result = lib->cu.cuDeviceGetCount(count);
	ret = nvenc_cuda_errno(result);
	if (ret == -ENODEV || (!ret && !*count))
		return no_device(r);
	if (!ret)
		return 0;
	lib->cu.cuGetErrorName(result, &name);
	if (ret == -ELIBSCN)
		nvenc_say(r, "the NVIDIA libraries and the kernel module are of different versions; reboot, or reinstall the driver");
	else
		nvenc_say(r, "CUDA does not start: %s (%d)", name ? name : "unknown error", result);
	return ret;
}

static void read_slot(struct hvcal_engine_ctx *c)
{
	char id[HVCAL_NAME_LEN] = "";

	if (c->lib.cu.cuDeviceGetPCIBusId(id, sizeof(id), c->device))
		return;
	/* the kernel writes it in small letters */
	for (size_t i = 0; i < sizeof(id); i++)
		c->slot[i] = (char)tolower((unsigned char)id[i]);
	c->slot[sizeof(c->slot) - 1] = '\0';
}

int nvenc_cuda_open(struct hvcal_engine_ctx *c, const struct nvenc_reason *r)
{
	CUresult result = c->lib.cu.cuDeviceGet(&c->device, c->index);
	const char *name = NULL;

	if (!result)
		result = c->lib.cu.cuDeviceGetName(c->name, sizeof(c->name), c->device);
	if (!result) {
		read_slot(c);
		/* the context that everybody in this process shares costs memory once */
		result = c->lib.cu.cuDevicePrimaryCtxRetain(&c->cuda, c->device);
	}
	if (!result)
		return 0;
	c->lib.cu.cuGetErrorName(result, &name);
	c->cuda = NULL;
	nvenc_say(r, "GPU %d (%s) cannot be used: %s (%d)%s", c->index,
		  c->name[0] ? c->name : "no name", name ? name : "unknown error", result,
		  nvenc_cuda_errno(result) == -ENOMEM ? "; other programs fill its memory" : "");
	return nvenc_cuda_errno(result);
}

void nvenc_cuda_close(struct hvcal_engine_ctx *c)
{
	if (c->cuda)
		c->lib.cu.cuDevicePrimaryCtxRelease(c->device);
	c->cuda = NULL;
}

int nvenc_cuda_push(struct hvcal_engine_ctx *c)
{
	CUresult result = c->lib.cu.cuCtxPushCurrent_v2(c->cuda);

	return result ? nvenc_cuda_fail(c, "cuCtxPushCurrent", result) : 0;
}

void nvenc_cuda_pop(struct hvcal_engine_ctx *c)
{
	CUcontext was;

	c->lib.cu.cuCtxPopCurrent_v2(&was);
}

size_t nvenc_cuda_unused(struct hvcal_engine_ctx *c)
{
	size_t unused = 0, total;

	if (c->lib.cu.cuCtxPushCurrent_v2(c->cuda))
		return 0;
	if (c->lib.cu.cuMemGetInfo_v2(&unused, &total))
		unused = 0;
	nvenc_cuda_pop(c);
	return unused;
}

int32_t nvenc_numa_node(const struct hvcal_engine_ctx *c)
{
	char path[96];
	int node = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", c->slot);
	f = c->slot[0] ? fopen(path, "re") : NULL;
	if (!f)
		return -1;
	if (fscanf(f, "%d", &node) != 1)
		node = -1;
	fclose(f);
	return node;
}
