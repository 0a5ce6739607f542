/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_IOCTL_H
#define HVCAL_IOCTL_H

#include <linux/types.h>

#include "hvcal.h"

/*
 * One ioctl of a node. Arguments are extended or truncated between the caller's
 * size and ours as uapi/hvcal.h promises; handlers see our structure only.
 */
struct hvcal_ioctl {
	u32 nr;
	u32 dir;	/* _IOC_READ, _IOC_WRITE */
	u32 size;	/* of our structure */
	u32 min;	/* of its first version */
	long (*handler)(struct file *file, void *arg);
	/* takes back what the handler made if its answer cannot be copied out */
	void (*undo)(struct file *file, const void *arg);
};

#define HVCAL_IOCTL(_nr, _dir, _type, _min, _handler) \
	{ .nr = HVCAL_NR_##_nr, .dir = (_dir), .size = sizeof(_type), .min = (_min), \
	  .handler = (_handler) }

#define HVCAL_IOCTL_UNDO(_nr, _dir, _type, _min, _handler, _undo) \
	{ .nr = HVCAL_NR_##_nr, .dir = (_dir), .size = sizeof(_type), .min = (_min), \
	  .handler = (_handler), .undo = (_undo) }

long hvcal_ioctl_dispatch(struct file *file, unsigned int cmd, unsigned long arg,
			  const struct hvcal_ioctl *table, size_t entries);

/* Shared by both nodes. */
long hvcal_ioctl_caps(struct file *file, void *arg);
long hvcal_ioctl_engine_list(struct file *file, void *arg);
long hvcal_ioctl_engine_caps(struct file *file, void *arg);
long hvcal_ioctl_gpu_list(struct file *file, void *arg);

#define HVCAL_IOCTLS_SHARED \
	HVCAL_IOCTL(CAPS, _IOC_READ, struct hvcal_caps, 40, hvcal_ioctl_caps), \
	HVCAL_IOCTL(ENGINE_LIST, _IOC_READ | _IOC_WRITE, struct hvcal_engine_list, 24, \
		    hvcal_ioctl_engine_list), \
	HVCAL_IOCTL(ENGINE_CAPS, _IOC_READ | _IOC_WRITE, struct hvcal_engine_caps, 24, \
		    hvcal_ioctl_engine_caps), \
	HVCAL_IOCTL(GPU_LIST, _IOC_READ | _IOC_WRITE, struct hvcal_gpu_list, 24, \
		    hvcal_ioctl_gpu_list)

/* Elements of arrays, under the same rules as structures. */
int hvcal_array_check(const struct hvcal_array *arr, u32 min, u32 max_count);
int hvcal_array_get(void *dst, u32 size, const struct hvcal_array *arr, u32 index);
int hvcal_array_put(const struct hvcal_array *arr, u32 index, const void *src, u32 size);

/* A blob of at most @max bytes: -EINVAL malformed, -E2BIG too long. */
int hvcal_blob_check(const struct hvcal_blob *blob, u32 max);

#endif /* HVCAL_IOCTL_H */
