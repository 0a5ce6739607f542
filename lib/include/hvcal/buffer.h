/* SPDX-License-Identifier: MIT */
/*
 * libhvcal buffers: memory that a producer fills and an engine reads without a
 * copy in between, and pools of it. hvcal.h includes this header.
 */
#ifndef HVCAL_BUFFER_H
#define HVCAL_BUFFER_H

#include "common.h"
#include "uapi/hvcal_codec.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HVCAL_BUFFER_PLANES 4

/** Where the memory of a buffer comes from. */
enum hvcal_memory {
	HVCAL_MEMORY_AUTO = 0,		/**< the first of the following that works */
	HVCAL_MEMORY_UDMABUF = 1,	/**< DMA-BUF over a sealed memfd */
	HVCAL_MEMORY_DMA_HEAP = 2,	/**< DMA-BUF of /dev/dma_heap/system */
	HVCAL_MEMORY_VGEM = 3,		/**< DMA-BUF of the vgem driver */
	HVCAL_MEMORY_MEMFD = 4,		/**< plain memfd, direct mode only */
	HVCAL_MEMORY_EXTERNAL = 5,	/**< the caller's own (hvcal_buffer_wrap) */
};

/**
 * A buffer. libhvcal makes it (hvcal_pool_acquire, hvcal_buffer_wrap); its
 * fields are for reading, but for those that hvcal_buffer_wrap takes.
 *
 * Thread-safety: the fields never change while a reference is held. Who writes
 * to the memory when is the caller's affair; after hvcal_submit_frame the engine
 * reads it until the packet of that frame is there.
 */
typedef struct {
	uint32_t struct_size;
	uint32_t memory;	/**< enum hvcal_memory */
	int32_t fd[HVCAL_BUFFER_PLANES]; /**< DMA-BUFs (or memfds), -1 none; the buffer's */
	void *cpu_ptr;		/**< mapping of fd[0], NULL if it is not mapped */
	uint64_t size;		/**< bytes of fd[0] */
	uint32_t format;	/**< DRM fourcc; 0: bytes without a layout */
	uint32_t width;		/**< pixels */
	uint32_t height;	/**< pixels */
	uint32_t planes;	/**< planes that @offset and @stride describe */
	uint64_t modifier;	/**< DRM format modifier, 0 linear */
	uint64_t offset[HVCAL_BUFFER_PLANES];	/**< bytes into the plane's fd */
	uint32_t stride[HVCAL_BUFFER_PLANES];	/**< bytes from one row to the next */
	uint32_t fd_index[HVCAL_BUFFER_PLANES];	/**< which of @fd holds the plane */
	uint32_t device;	/**< device (hvcal_device_info_t.id) it lives on, 0 system */
	uint32_t reserved;	/**< zero */
	void *handle;		/**< the library's; NULL in a buffer that it did not make */
} hvcal_buffer_t;

/** All fields zero, fds -1, @buffer->struct_size = @size. */
HVCAL_API void hvcal_buffer_default(hvcal_buffer_t *buffer, size_t size);

/**
 * Fills format, width, height, planes, offset, stride and size of @buffer for a
 * linear frame in one piece of memory.
 *
 * @param stride_align power of two, 0: 256 bytes
 * @param plane_align  power of two, 0: 4096 bytes
 * @return 0; -EINVAL; -EOPNOTSUPP for a format that libhvcal cannot lay out
 *         (it can: I420, NV12, P010, XRGB8888 and ARGB8888)
 */
HVCAL_API int hvcal_buffer_layout(hvcal_buffer_t *buffer, uint32_t format,
				  uint32_t width, uint32_t height,
				  uint32_t stride_align, uint32_t plane_align);

/**
 * Makes a buffer of DMA-BUFs that somebody else allocated.
 *
 * @param desc fd, size and the layout are taken; handle must be NULL. cpu_ptr
 *             may be a mapping of fd[0] that outlives the buffer, or NULL. The
 *             file descriptors stay the caller's and may be closed afterwards.
 * @param out  a buffer with one reference, the caller's
 * @return 0; -EINVAL; -EBADF; -ENOMEM; -EMFILE
 */
HVCAL_API int hvcal_buffer_wrap(hvcal_context_t *ctx, const hvcal_buffer_t *desc,
				hvcal_buffer_t **out);

/** Takes one more reference. @return @buffer */
HVCAL_API hvcal_buffer_t *hvcal_buffer_ref(hvcal_buffer_t *buffer);

/**
 * Gives one reference back and sets *@buffer to NULL. Frames that are still
 * being encoded hold their own. NULL and a pointer to NULL are allowed.
 */
HVCAL_API void hvcal_buffer_release(hvcal_buffer_t **buffer);

/* enum: what the CPU is going to do */
#define HVCAL_CPU_READ	(1U << 0)
#define HVCAL_CPU_WRITE	(1U << 1)

/**
 * Brackets CPU access to the memory of a DMA-BUF (DMA_BUF_IOCTL_SYNC): begin
 * waits for the hardware that uses it and makes caches right, end hands it back.
 * Does nothing where it is not needed. Give both the same @access.
 *
 * Whoever writes pixels through cpu_ptr, or through a mapping of fd of its own, does
 * it between the two, and submits the buffer after the end: without them a device
 * may read what was there before. DMA-BUFs are filled through a mapping alone:
 * write(2) on their fd fails.
 */
HVCAL_API int hvcal_buffer_begin_cpu(hvcal_buffer_t *buffer, uint32_t access);
HVCAL_API int hvcal_buffer_end_cpu(hvcal_buffer_t *buffer, uint32_t access);

/**
 * A pool of equal buffers. Acquire and release never take a lock; the pool grows
 * when it is empty (which does), up to its maximum.
 *
 * Thread-safety: everything, from any thread.
 */
typedef struct hvcal_pool hvcal_pool_t;

/* enum: bits of hvcal_pool_params_t.flags */
#define HVCAL_POOL_HUGE_PAGES	(1U << 0) /**< if there are any; see info.huge_pages */
#define HVCAL_POOL_LOCK		(1U << 1) /**< keep in RAM (mlock); see info.locked */

/** What to make. Either a frame layout (format) or a number of bytes (size). */
typedef struct {
	uint32_t struct_size;
	uint32_t flags;		/**< HVCAL_POOL_* */
	uint32_t format;	/**< DRM fourcc, or 0 and @size */
	uint32_t width;		/**< pixels */
	uint32_t height;	/**< pixels */
	uint32_t stride_align;	/**< bytes, power of two, 0: 256 */
	uint32_t plane_align;	/**< bytes, power of two, 0: 4096 */
	uint32_t memory;	/**< enum hvcal_memory */
	uint64_t size;		/**< bytes of one buffer when @format is 0 */
	uint32_t min_buffers;	/**< made at once, 0: 4 */
	uint32_t max_buffers;	/**< 0: no limit but the memory */
	int32_t numa_node;	/**< bind to this node, -1 do not (the default) */
	uint32_t reserved;	/**< zero */
} hvcal_pool_params_t;

/** What was made, and how it is used. */
typedef struct {
	uint32_t struct_size;
	uint32_t memory;	/**< enum hvcal_memory that was got */
	uint32_t huge_pages;	/**< bytes of a huge page that was got, 0 none */
	uint32_t locked;	/**< 1: in RAM for good; 0: not asked, or not allowed */
	int32_t numa_node;	/**< bound to it, -1 not */
	uint32_t buffers;	/**< that exist now */
	uint32_t in_use;	/**< of these, acquired now */
	uint32_t peak_in_use;
	uint32_t max_buffers;	/**< 0 no limit */
	uint32_t reserved;
	uint64_t buffer_bytes;	/**< of one, alignment included */
	uint64_t acquired;	/**< times, ever */
	uint64_t grown;		/**< buffers made after the pool was created */
	uint64_t exhausted;	/**< times that acquire found nothing and could not grow */
	uint64_t retries;	/**< lost races of acquire and release */
} hvcal_pool_info_t;

HVCAL_API void hvcal_pool_params_default(hvcal_pool_params_t *params, size_t size);
HVCAL_API void hvcal_pool_info_default(hvcal_pool_info_t *info, size_t size);

/**
 * Makes a pool.
 *
 * @return 0; -EINVAL; -EOPNOTSUPP: this memory does not exist here (the context
 *         log says what was tried); -ENOMEM; -EMFILE
 */
HVCAL_API int hvcal_pool_create(hvcal_context_t *ctx,
				const hvcal_pool_params_t *params,
				hvcal_pool_t **out);

/** Closes the pool and sets *@pool to NULL. Acquired buffers stay valid. */
HVCAL_API void hvcal_pool_destroy(hvcal_pool_t **pool);

/**
 * Takes a buffer out of the pool.
 *
 * @param out a buffer with one reference, the caller's. Its contents are what
 *            was last in it.
 * @return 0; -EAGAIN: all are in use and the pool is at its maximum; -ENOMEM
 */
HVCAL_API int hvcal_pool_acquire(hvcal_pool_t *pool, hvcal_buffer_t **out);

HVCAL_API int hvcal_pool_get_info(hvcal_pool_t *pool, hvcal_pool_info_t *info);

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_BUFFER_H */
