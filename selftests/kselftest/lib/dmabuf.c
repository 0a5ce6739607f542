// SPDX-License-Identifier: MIT
/* DMA-BUFs from whichever allocator the kernel has, and fences from vgem or sw_sync. */
#include "../ks.h"

#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The few DRM calls that vgem needs. Written out because the kernel's DRM
 * headers are not in every distribution's package.
 */
struct ks_drm_version {
	int version[3];
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct ks_drm_dumb {
	uint32_t height, width, bpp, flags;
	uint32_t handle, pitch;
	uint64_t size;
};

struct ks_drm_prime {
	uint32_t handle, flags;
	int32_t fd;
};

struct ks_vgem_attach {
	uint32_t handle, flags, out_fence, pad;
};

struct ks_vgem_signal {
	uint32_t fence, flags;
};

#define KS_DRM_VERSION		_IOWR('d', 0x00, struct ks_drm_version)
#define KS_DRM_PRIME_TO_FD	_IOWR('d', 0x2d, struct ks_drm_prime)
#define KS_DRM_CREATE_DUMB	_IOWR('d', 0xb2, struct ks_drm_dumb)
#define KS_VGEM_ATTACH		_IOWR('d', 0x41, struct ks_vgem_attach)
#define KS_VGEM_SIGNAL		_IOW('d', 0x42, struct ks_vgem_signal)
#define KS_VGEM_FENCE_WRITE	0x1

struct ks_sw_sync_create {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define KS_SW_SYNC_CREATE	_IOWR('W', 0, struct ks_sw_sync_create)
#define KS_SW_SYNC_INC		_IOW('W', 1, uint32_t)
#define KS_SW_SYNC_NODE		"/sys/kernel/debug/sync/sw_sync"

static int ks_udmabuf_alloc(size_t size)
{
	struct udmabuf_create arg = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = size };
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	if (node < 0)
		return -errno;
	arg.memfd = (uint32_t)memfd_create("ks", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (ftruncate((int)arg.memfd, (off_t)size) ||
	    fcntl((int)arg.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = -errno;
	else
		fd = ioctl(node, UDMABUF_CREATE, &arg);
	if (fd == -1)
		fd = -errno;
	close((int)arg.memfd);
	close(node);
	return fd;
}

static int ks_heap_alloc(size_t size)
{
	struct dma_heap_allocation_data arg = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int node = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC), err;

	if (node < 0)
		return -errno;
	err = ks_ioctl(node, DMA_HEAP_IOCTL_ALLOC, &arg);
	close(node);
	return err ? err : (int)arg.fd;
}

static int ks_vgem_open(void)
{
	char path[32], name[16];

	for (int i = 0; i < 16; i++) {
		struct ks_drm_version version = { .name = name, .name_len = sizeof(name) - 1 };
		int fd;

		memset(name, 0, sizeof(name));
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ks_ioctl(fd, KS_DRM_VERSION, &version) && !strcmp(name, "vgem"))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

static int ks_vgem_dumb(int device, size_t size, uint32_t *handle)
{
	struct ks_drm_dumb dumb = {
		.width = 1024,
		.height = (uint32_t)((size + 4095) / 4096),
		.bpp = 32,
	};
	struct ks_drm_prime prime = { .flags = O_RDWR | O_CLOEXEC };
	int err;

	err = ks_ioctl(device, KS_DRM_CREATE_DUMB, &dumb);
	if (err)
		return err;
	*handle = prime.handle = dumb.handle;
	err = ks_ioctl(device, KS_DRM_PRIME_TO_FD, &prime);
	return err ? err : prime.fd;
}

int ks_vgem_alloc(size_t size)
{
	int device = ks_vgem_open(), fd;
	uint32_t handle;

	if (device < 0)
		return device;
	fd = ks_vgem_dumb(device, size, &handle);
	close(device);
	return fd;
}

struct ks_buf ks_buf_make(size_t size)
{
	struct ks_buf buf = { .size = size };

	buf.fd = ks_udmabuf_alloc(size);
	if (buf.fd < 0)
		buf.fd = ks_heap_alloc(size);
	if (buf.fd < 0)
		buf.fd = ks_vgem_alloc(size);
	if (buf.fd < 0)
		ks_skip("the kernel has no udmabuf, no DMA heap and no vgem");
	buf.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buf.fd, 0);
	if (buf.map == MAP_FAILED)
		ks_fail(__FILE__, __LINE__, "cannot map a DMA-BUF: %s", strerror(errno));
	return buf;
}

void ks_buf_close(struct ks_buf *buf)
{
	munmap(buf->map, buf->size);
	close(buf->fd);
	buf->fd = -1;
}

/* Gives a negative errno instead of skipping, for ks_fence_any(). */
static int ks_vgem_fence_make(struct ks_fence *fence)
{
	struct dma_buf_export_sync_file out = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	struct ks_vgem_attach attach = { .flags = KS_VGEM_FENCE_WRITE };
	int err;

	fence->device = ks_vgem_open();
	if (fence->device < 0)
		return fence->device;
	fence->dmabuf = ks_vgem_dumb(fence->device, KS_FRAME_BYTES, &attach.handle);
	if (fence->dmabuf < 0)
		return fence->dmabuf;
	err = ks_ioctl(fence->device, KS_VGEM_ATTACH, &attach);
	if (err)
		return err;
	fence->handle = attach.out_fence;
	err = ks_ioctl(fence->dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &out);
	fence->sync = out.fd;
	return err;
}

static int ks_sw_sync_make(struct ks_fence *fence)
{
	struct ks_sw_sync_create create = { .value = 1, .name = "ks" };
	int err;

	fence->dmabuf = -1;
	fence->device = open(KS_SW_SYNC_NODE, O_RDWR | O_CLOEXEC);
	if (fence->device < 0)
		return -errno;
	err = ks_ioctl(fence->device, KS_SW_SYNC_CREATE, &create);
	fence->sync = create.fence;
	return err;
}

struct ks_fence ks_fence_vgem(void)
{
	struct ks_fence fence;
	int err = ks_vgem_fence_make(&fence);

	if (err)
		ks_skip("no vgem fence: %s", ks_err(err));
	return fence;
}

struct ks_fence ks_fence_sw_sync(void)
{
	struct ks_fence fence;
	int err = ks_sw_sync_make(&fence);

	if (err)
		ks_skip("no sw_sync fence: %s", ks_err(err));
	return fence;
}

struct ks_fence ks_fence_any(void)
{
	struct ks_fence fence;

	if (!ks_vgem_fence_make(&fence))
		return fence;
	return ks_fence_sw_sync();
}

void ks_fence_signal(struct ks_fence *fence)
{
	struct ks_vgem_signal done = { .fence = fence->handle };
	uint32_t step = 1;

	if (fence->dmabuf >= 0)
		CHECK_OK(ks_ioctl(fence->device, KS_VGEM_SIGNAL, &done));
	else
		CHECK_OK(ks_ioctl(fence->device, KS_SW_SYNC_INC, &step));
}

void ks_fence_close(struct ks_fence *fence)
{
	close(fence->sync);
	if (fence->dmabuf >= 0)
		close(fence->dmabuf);
	close(fence->device);
}
