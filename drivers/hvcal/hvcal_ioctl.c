// SPDX-License-Identifier: GPL-2.0
/* Numbers, sizes and arrays of the uAPI, and the ioctls that both nodes have. */
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hvcal_internal.h"
#include "hvcal_ioctl.h"

#define ARG_ON_STACK 128

static const struct hvcal_ioctl *ioctl_find(const struct hvcal_ioctl *table, size_t entries,
					    u32 nr)
{
	size_t i;

	for (i = 0; i < entries; i++)
		if (table[i].nr == nr)
			return &table[i];
	return NULL;
}

static int copy_to_user_sized(void __user *dst, u32 usize, const void *src, u32 ksize)
{
	if (copy_to_user(dst, src, min(usize, ksize)))
		return -EFAULT;
	if (usize > ksize && clear_user(dst + ksize, usize - ksize))
		return -EFAULT;
	return 0;
}

/* Replies go out with these errors too: they carry figures. */
static bool replies(long ret)
{
	return ret == 0 || ret == -ENOSPC || ret == -EMSGSIZE;
}

static long ioctl_call(struct file *file, const struct hvcal_ioctl *ioc, u32 usize,
		       void __user *uarg, void *arg)
{
	long ret;

	memset(arg, 0, ioc->size);
	if (ioc->dir & _IOC_WRITE) {
		ret = copy_struct_from_user(arg, ioc->size, uarg, usize);
		if (ret)
			return ret;
	}
	ret = ioc->handler(file, arg);
	if (!replies(ret) || !(ioc->dir & _IOC_READ) ||
	    !copy_to_user_sized(uarg, usize, arg, ioc->size))
		return ret;
	/* nobody will know the handle */
	if (!ret && ioc->undo)
		ioc->undo(file, arg);
	return -EFAULT;
}

long hvcal_ioctl_dispatch(struct file *file, unsigned int cmd, unsigned long arg,
			  const struct hvcal_ioctl *table, size_t entries)
{
	u8 stack[ARG_ON_STACK] __aligned(8);
	const struct hvcal_ioctl *ioc;
	u32 usize = _IOC_SIZE(cmd);
	void *heap;
	long ret;

	if (_IOC_TYPE(cmd) != HVCAL_IOC_MAGIC)
		return -ENOTTY;
	ioc = ioctl_find(table, entries, _IOC_NR(cmd));
	if (!ioc || _IOC_DIR(cmd) != ioc->dir)
		return -ENOTTY;
	if (!ioc->handler)
		return -EACCES;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	if (usize < ioc->min)
		return -EINVAL;
	if (ioc->size <= sizeof(stack))
		return ioctl_call(file, ioc, usize, (void __user *)arg, stack);

	heap = kmalloc(ioc->size, GFP_KERNEL_ACCOUNT);
	if (!heap)
		return -ENOMEM;
	ret = ioctl_call(file, ioc, usize, (void __user *)arg, heap);
	kfree(heap);
	return ret;
}

int hvcal_array_check(const struct hvcal_array *arr, u32 min, u32 max_count)
{
	if (arr->stride < min || arr->stride > PAGE_SIZE || arr->stride % 8)
		return -EINVAL;
	if (arr->count > max_count || (arr->count && !arr->ptr))
		return -EINVAL;
	return 0;
}

int hvcal_array_get(void *dst, u32 size, const struct hvcal_array *arr, u32 index)
{
	return copy_struct_from_user(dst, size,
				     u64_to_user_ptr(arr->ptr + (u64)index * arr->stride),
				     arr->stride);
}

int hvcal_array_put(const struct hvcal_array *arr, u32 index, const void *src, u32 size)
{
	return copy_to_user_sized(u64_to_user_ptr(arr->ptr + (u64)index * arr->stride),
				  arr->stride, src, size);
}

int hvcal_blob_check(const struct hvcal_blob *blob, u32 max)
{
	if (blob->pad || (blob->len && !blob->ptr))
		return -EINVAL;
	return blob->len > max ? -E2BIG : 0;
}

/* ------------------------------------------------------------------------ */

long hvcal_ioctl_caps(struct file *file, void *arg)
{
	struct hvcal_caps *caps = arg;

	caps->abi_major = HVCAL_ABI_MAJOR;
	caps->abi_minor = HVCAL_ABI_MINOR;
	caps->features = HVCAL_FEATURE_IN_FENCE | HVCAL_FEATURE_IMPLICIT_FENCE |
			 HVCAL_FEATURE_OUT_FENCE | HVCAL_FEATURE_PACING |
			 HVCAL_FEATURE_RATE_ADMISSION | HVCAL_FEATURE_FAILOVER |
			 HVCAL_FEATURE_REBALANCE | HVCAL_FEATURE_KILL |
			 HVCAL_FEATURE_PRIVATE_ENGINE;
	if (IS_ENABLED(CONFIG_PCI))
		caps->features |= HVCAL_FEATURE_GPU_LIST;
	caps->event_size = sizeof(struct hvcal_event);
	caps->max_sessions = hvcal_max_sessions;
	caps->max_buffers = hvcal_max_buffers;
	caps->max_queued = hvcal_max_queued;
	caps->max_batch = HVCAL_BATCH_MAX;
	return 0;
}

#define LIST_MAX 65536	/* room that a caller may offer */

/* The client that @file is, or works for; NULL none. */
static const struct hvcal_client *viewer(const struct file *file)
{
	const struct hvcal_provider *p = file->private_data;

	return file->f_op == &hvcal_client_fops ? file->private_data : p->client;
}

/* The living engine after number @id that @client may see, with a reference. */
static struct hvcal_engine *engine_after(u32 id, const struct hvcal_client *client)
{
	struct hvcal_engine *e, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(e, &hvcal.engines, link) {
		if (e->id <= id || !hvcal_engine_visible(e, client))
			continue;
		hvcal_engine_get(e);
		found = e;
		break;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return found;
}

long hvcal_ioctl_engine_list(struct file *file, void *arg)
{
	struct hvcal_engine_list *list = arg;
	struct hvcal_engine_info info;
	struct hvcal_engine *e;
	unsigned long flags;
	u32 id = 0, n = 0;
	int ret;

	ret = hvcal_array_check(&list->engines, 96, LIST_MAX);
	if (ret)
		return ret;
	spin_lock_irqsave(&hvcal.lock, flags);
	list->generation = hvcal.generation;
	spin_unlock_irqrestore(&hvcal.lock, flags);

	while ((e = engine_after(id, viewer(file)))) {
		id = e->id;
		hvcal_engine_info(e, &info);
		hvcal_engine_put(e);
		if (n < list->engines.count) {
			ret = hvcal_array_put(&list->engines, n, &info, sizeof(info));
			if (ret)
				return ret;
		}
		n++;
	}
	list->engines.count = n;
	return 0;
}

long hvcal_ioctl_engine_caps(struct file *file, void *arg)
{
	struct hvcal_engine_caps *caps = arg;
	struct hvcal_engine *e;
	int ret;
	u32 i;

	if (caps->pad)
		return -EINVAL;
	ret = hvcal_array_check(&caps->caps, 72, LIST_MAX);
	if (ret)
		return ret;
	e = hvcal_engine_find(NULL, caps->engine);
	if (e && !hvcal_engine_visible(e, viewer(file))) {
		hvcal_engine_put(e);
		e = NULL;
	}
	if (!e)
		return -ENODEV;
	for (i = 0; !ret && i < e->ncaps && i < caps->caps.count; i++)
		ret = hvcal_array_put(&caps->caps, i, &e->caps[i], sizeof(e->caps[i]));
	caps->caps.count = e->ncaps;
	hvcal_engine_put(e);
	return ret;
}

long hvcal_ioctl_gpu_list(struct file *file, void *arg)
{
	struct hvcal_gpu_list *list = arg;
	struct hvcal_gpu_info info;
	u32 i, total = 0;
	int ret;

	ret = hvcal_array_check(&list->gpus, 96, LIST_MAX);
	if (ret)
		return ret;
	for (i = 0; !hvcal_gpu_info(i, &info, &total, &list->generation); i++) {
		if (i >= list->gpus.count)
			break;
		ret = hvcal_array_put(&list->gpus, i, &info, sizeof(info));
		if (ret)
			return ret;
	}
	list->gpus.count = total;
	return 0;
}
