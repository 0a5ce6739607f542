// SPDX-License-Identifier: MIT
/* Where the memory of pools comes from. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/mempolicy.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "drm.h"
#include "internal.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE_PAGE (2ULL << 20)
#define DRM_CARDS 16
#define NUMA_MAX 1024

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Binds pages of a shared mapping that do not exist yet to a node. */
static bool numa_bind(void *map, uint64_t size, int32_t node)
{
	unsigned long mask[NUMA_MAX / (8 * sizeof(long))] = { 0 };
	const unsigned int bits = 8 * sizeof(long);

	if (node < 0 || node >= NUMA_MAX)
		return false;
	mask[(unsigned int)node / bits] = 1UL << ((unsigned int)node % bits);
	return !syscall(SYS_mbind, map, size, MPOL_BIND, mask, NUMA_MAX, 0);
}

/*
 * A memfd with its policy applied. Huge pages that the machine does not have
 * show only when they are touched, by SIGBUS; populating tells instead.
 */
static int memfd_make(struct hvcal_memory_request *req, bool huge,
		      struct hvcal_mem *out)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB : 0);
	int ret;

	if (hvcal_align_u64(req->size, huge ? HUGE_PAGE : page_size(), &out->size) ||
	    out->size > INT64_MAX)
		return -EOVERFLOW;
	out->fd = memfd_create("hvcal", flags);
	if (out->fd < 0)
		return -errno;
	if (ftruncate(out->fd, (off_t)out->size) ||
	    fcntl(out->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		ret = -errno;
		goto err_close;
	}
	out->map = mmap(NULL, out->size, PROT_READ | PROT_WRITE, MAP_SHARED, out->fd, 0);
	if (out->map == MAP_FAILED) {
		ret = -errno;
		goto err_close;
	}
	req->bound = req->numa_node >= 0 && numa_bind(out->map, out->size, req->numa_node);
	if ((huge || req->bound) && madvise(out->map, out->size, MADV_POPULATE_WRITE)) {
		ret = -errno;
		goto err_unmap;
	}
	req->huge_page = huge ? HUGE_PAGE : 0;
	return 0;

err_unmap:
	munmap(out->map, out->size);
err_close:
	close(out->fd);
	return ret;
}

static int memfd_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
		       struct hvcal_mem *out)
{
	int ret = memfd_make(req, huge, out);

	(void)ctx;
	if (ret)
		return ret;
	req->locked = req->lock && !mlock(out->map, out->size);
	return 0;
}

/* Maps a DMA-BUF; on failure it is closed. */
static int dmabuf_finish(hvcal_context_t *ctx, int fd, uint64_t size,
			 struct hvcal_mem *out)
{
	int ret = 0;

	out->fd = fd;
	out->size = size;
	out->map = ctx->sys->mmap(ctx->sys, size, fd, &ret);
	if (!out->map)
		ctx->sys->close(ctx->sys, fd);
	return ret;
}

static int udmabuf_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
			 struct hvcal_mem *out)
{
	const struct hvcal_sys *sys = ctx->sys;
	struct udmabuf_create create;
	struct hvcal_mem memfd;
	int dev, fd, ret;

	dev = sys->open(sys, "/dev/udmabuf", O_RDWR);
	if (dev < 0)
		return dev;
	ret = memfd_make(req, huge, &memfd);
	if (ret)
		goto out_dev;
	memset(&create, 0, sizeof(create));
	create.memfd = (uint32_t)memfd.fd;
	create.flags = UDMABUF_FLAGS_CLOEXEC;
	create.size = memfd.size;
	fd = sys->ioctl(sys, dev, UDMABUF_CREATE, &create);
	/* The DMA-BUF holds the pages, in RAM, from here on. */
	munmap(memfd.map, memfd.size);
	close(memfd.fd);
	ret = fd < 0 ? fd : dmabuf_finish(ctx, fd, memfd.size, out);
	req->locked = req->lock && !ret;
out_dev:
	sys->close(sys, dev);
	return ret;
}

static int heap_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
		      struct hvcal_mem *out)
{
	const struct hvcal_sys *sys = ctx->sys;
	struct dma_heap_allocation_data data;
	uint64_t size;
	int dev, ret;

	if (huge)
		return -EOPNOTSUPP;
	dev = sys->open(sys, "/dev/dma_heap/system", O_RDONLY);
	if (dev < 0)
		return dev;
	memset(&data, 0, sizeof(data));
	ret = hvcal_align_u64(req->size, page_size(), &size);
	if (!ret) {
		data.len = size;
		data.fd_flags = O_RDWR | O_CLOEXEC;
		ret = sys->ioctl(sys, dev, DMA_HEAP_IOCTL_ALLOC, &data);
	}
	if (ret >= 0)
		ret = dmabuf_finish(ctx, (int)data.fd, data.len, out);
	req->locked = req->lock && !ret; /* its pages are never swapped */
	sys->close(sys, dev);
	return ret;
}

static int vgem_open(const struct hvcal_sys *sys)
{
	struct hvcal_drm_version version;
	char path[32], name[16];
	int i, fd;

	for (i = 0; i < DRM_CARDS; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = sys->open(sys, path, O_RDWR);
		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		memset(&version, 0, sizeof(version));
		version.name = name;
		version.name_len = sizeof(name) - 1;
		if (sys->ioctl(sys, fd, HVCAL_DRM_VERSION, &version) >= 0 &&
		    !strcmp(name, "vgem"))
			return fd;
		sys->close(sys, fd);
	}
	return -ENOENT;
}

static int vgem_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
		      struct hvcal_mem *out)
{
	const struct hvcal_sys *sys = ctx->sys;
	struct hvcal_drm_destroy_dumb destroy;
	struct hvcal_drm_create_dumb dumb;
	struct hvcal_drm_prime_handle prime;
	uint64_t size, rows;
	int dev, ret;

	if (huge)
		return -EOPNOTSUPP;
	if (hvcal_align_u64(req->size, page_size(), &size))
		return -EOVERFLOW;
	rows = size / page_size();
	if (rows > UINT32_MAX)
		return -EOVERFLOW;
	dev = vgem_open(sys);
	if (dev < 0)
		return dev;
	memset(&dumb, 0, sizeof(dumb));
	dumb.width = (uint32_t)page_size();
	dumb.height = (uint32_t)rows;
	dumb.bpp = 8;
	ret = sys->ioctl(sys, dev, HVCAL_DRM_CREATE_DUMB, &dumb);
	if (ret < 0)
		goto out_dev;
	memset(&prime, 0, sizeof(prime));
	prime.handle = dumb.handle;
	prime.flags = HVCAL_DRM_CLOEXEC | HVCAL_DRM_RDWR;
	prime.fd = -1;
	ret = sys->ioctl(sys, dev, HVCAL_DRM_PRIME_HANDLE_TO_FD, &prime);
	if (ret >= 0)
		ret = dmabuf_finish(ctx, prime.fd, size, out);
	memset(&destroy, 0, sizeof(destroy));
	destroy.handle = dumb.handle; /* the DMA-BUF holds the object */
	sys->ioctl(sys, dev, HVCAL_DRM_DESTROY_DUMB, &destroy);
out_dev:
	sys->close(sys, dev);
	return ret;
}

/* In the order of preference. */
static const struct {
	uint32_t memory;
	const char *name;
	bool dmabuf;
	int (*alloc)(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
		     struct hvcal_mem *out);
} kinds[] = {
	{ HVCAL_MEMORY_UDMABUF, "udmabuf", true, udmabuf_alloc },
	{ HVCAL_MEMORY_DMA_HEAP, "dma-heap", true, heap_alloc },
	{ HVCAL_MEMORY_VGEM, "vgem", true, vgem_alloc },
	{ HVCAL_MEMORY_MEMFD, "memfd", false, memfd_alloc },
};

/* A kind that is not there, as opposed to one that has run out. */
static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENODEV || error == -ENXIO ||
	       error == -EACCES || error == -EPERM || error == -EOPNOTSUPP ||
	       error == -ENOTTY;
}

static int try_kinds(hvcal_context_t *ctx, struct hvcal_memory_request *req, bool huge,
		     struct hvcal_mem *out)
{
	int ret, last = -EOPNOTSUPP;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (req->memory != HVCAL_MEMORY_AUTO && req->memory != kinds[i].memory)
			continue;
		/* other processes can be given a DMA-BUF only */
		if (!kinds[i].dmabuf && ctx->be->ops->kind == HVCAL_BACKEND_KERNEL)
			continue;
		req->locked = req->bound = false;
		req->huge_page = 0;
		ret = kinds[i].alloc(ctx, req, huge, out);
		if (!ret) {
			req->memory = kinds[i].memory;
			return 0;
		}
		if (!huge)
			hvcal_log(&ctx->log, is_absent(ret) ? HVCAL_LOG_DEBUG : HVCAL_LOG_INFO,
				  "memory: %s: %s", kinds[i].name, strerror(-ret));
		if (!is_absent(ret))
			last = ret;
	}
	return last;
}

int hvcal_memory_alloc(hvcal_context_t *ctx, struct hvcal_memory_request *req,
		       struct hvcal_mem *out)
{
	int ret;

	if (req->huge && !try_kinds(ctx, req, true, out))
		return 0;
	ret = try_kinds(ctx, req, false, out);
	if (ret == -EOPNOTSUPP && ctx->be->ops->kind == HVCAL_BACKEND_KERNEL)
		hvcal_log(&ctx->log, HVCAL_LOG_ERROR,
			  "no source of DMA-BUFs: none of /dev/udmabuf, /dev/dma_heap/system and a vgem card can be used here (modprobe udmabuf, or vgem, or give this user access)");
	return ret;
}

void hvcal_memory_free(hvcal_context_t *ctx, struct hvcal_mem *mem)
{
	if (mem->map)
		ctx->sys->munmap(ctx->sys, mem->map, mem->size);
	if (mem->fd >= 0)
		ctx->sys->close(ctx->sys, mem->fd);
	mem->map = NULL;
	mem->fd = -1;
}

int hvcal_memory_alloc_alone(struct hvcal_memory_request *req, struct hvcal_mem *out)
{
	/* what the allocators read of a context */
	static const struct hvcal_be_ops ops = { .kind = HVCAL_BACKEND_DIRECT };
	struct hvcal_be be = { .ops = &ops };
	struct hvcal_context ctx = {
		.sys = &hvcal_sys_default, .be = &be, .log = { .level = -1 },
	};

	return hvcal_memory_alloc(&ctx, req, out);
}

void hvcal_memory_free_alone(struct hvcal_mem *mem)
{
	struct hvcal_context ctx = { .sys = &hvcal_sys_default };

	if (mem->map)
		hvcal_memory_free(&ctx, mem);
}
