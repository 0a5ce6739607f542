// SPDX-License-Identifier: GPL-2.0
/* The ioctls of /dev/hvcal-provider: checks and copies. */
#include <linux/ctype.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "hvcal_internal.h"
#include "hvcal_ioctl.h"

#define SLOTS_MAX	1024
#define DEPTH_MAX	64
#define CAPS_MAX	64
#define PPM		1000000
#define ITEMS_MIN	4	/* a frame and its three buffers */
#define ITEMS_MAX	4096

/* ------------------------------------------------------------------------ */
/* Engines                                                                  */

/* Terminated, and of characters that are safe in a file name and in a log. */
static bool name_is_good(const char name[HVCAL_NAME_LEN])
{
	size_t len = strnlen(name, HVCAL_NAME_LEN);
	size_t i;

	if (!len || len == HVCAL_NAME_LEN || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || (!isalnum(name[i]) && !strchr("._:-", name[i])))
			return false;
	return true;
}

/* "0000:01:00.0" */
static bool slot_is_good(const char slot[HVCAL_NAME_LEN])
{
	unsigned int domain, bus, dev, fn;
	char rest;

	return strnlen(slot, HVCAL_NAME_LEN) < HVCAL_NAME_LEN &&
	       sscanf(slot, "%x:%x:%x.%x%c", &domain, &bus, &dev, &fn, &rest) == 4;
}

static int register_check(const struct hvcal_provider *p, const struct hvcal_engine_register *req)
{
	bool private = req->flags & HVCAL_ENGINE_PRIVATE;

	if (req->flags & ~HVCAL_ENGINE_FLAGS_ALL || req->pad)
		return -EINVAL;
	if (private != !!p->client)
		return -EACCES;
	if (private && req->flags & HVCAL_ENGINE_KILL)
		return -EINVAL;
	if (req->kind < HVCAL_ENGINE_HARDWARE || req->kind > HVCAL_ENGINE_TEST)
		return -EINVAL;
	if (!name_is_good(req->name) || (req->slot[0] && !slot_is_good(req->slot)))
		return -EINVAL;
	if (req->numa_node < -1 || req->numa_node >= MAX_NUMNODES)
		return -EINVAL;
	if (!req->slots || req->slots > SLOTS_MAX ||
	    !req->session_depth || req->session_depth > DEPTH_MAX)
		return -EINVAL;
	if (!req->caps.count)
		return -EINVAL;
	if (req->slot[0] && !hvcal_gpu_lookup(req->slot, NULL))
		return -ENODEV;
	return hvcal_array_check(&req->caps, 72, CAPS_MAX);
}

static int cap_check(const struct hvcal_engine_cap *cap)
{
	if (cap->op == HVCAL_OP_DECODE || cap->op == HVCAL_OP_PROCESS)
		return -EOPNOTSUPP;
	if (cap->op != HVCAL_OP_ENCODE || !cap->codec || !cap->depth_mask ||
	    cap->flags & ~HVCAL_CAP_FLAGS_ALL || !cap->formats[0])
		return -EINVAL;
	if (!cap->min_width || cap->min_width > cap->max_width ||
	    !cap->min_height || cap->min_height > cap->max_height)
		return -EINVAL;
	return 0;
}

static struct hvcal_engine_cap *caps_dup(const struct hvcal_array *arr)
{
	struct hvcal_engine_cap *caps;
	int ret = 0;
	u32 i;

	caps = kcalloc(arr->count, sizeof(*caps), GFP_KERNEL_ACCOUNT);
	if (!caps)
		return ERR_PTR(-ENOMEM);
	for (i = 0; !ret && i < arr->count; i++) {
		ret = hvcal_array_get(&caps[i], sizeof(caps[i]), arr, i);
		if (!ret)
			ret = cap_check(&caps[i]);
	}
	if (ret) {
		kfree(caps);
		return ERR_PTR(ret);
	}
	return caps;
}

static long ioctl_engine_register(struct file *file, void *arg)
{
	struct hvcal_provider *p = file->private_data;
	struct hvcal_engine_register *req = arg;
	struct hvcal_engine_cap *caps;
	struct hvcal_engine *e;
	int ret;

	ret = register_check(p, req);
	if (ret)
		return ret;
	caps = caps_dup(&req->caps);
	if (IS_ERR(caps))
		return PTR_ERR(caps);
	e = hvcal_engine_create(p, req, caps, req->caps.count);
	if (!e) {
		kfree(caps);
		return -ENOMEM;
	}
	if (p->client) {
		ret = hvcal_user_charge(p->client->user, HVCAL_CHARGE_ENGINES, 1);
		if (ret) {
			hvcal_engine_put(e);
			return ret;
		}
		e->charged = true;
	}
	/* as soon as it is there, another thread may unregister it */
	hvcal_engine_get(e);
	ret = hvcal_engine_publish(e);
	if (ret)
		hvcal_engine_put(e);
	else
		req->engine = e->id;
	hvcal_engine_put(e);
	return ret;
}

static void engine_set_locked(struct hvcal_engine *e, const struct hvcal_engine_update *req)
{
	e->external_ppm = req->external_ppm;
	e->max_sessions = req->max_sessions;
	hvcal.generation++;
	if (e->state == HVCAL_ENGINE_READY)
		hvcal_sched_replan_locked(e);
}

static long ioctl_engine_update(struct file *file, void *arg)
{
	struct hvcal_engine_update *req = arg;
	struct hvcal_engine *e;
	unsigned long flags;

	if (req->flags & ~HVCAL_ENGINE_UPDATE_DRAIN || req->external_ppm > PPM)
		return -EINVAL;
	if (req->flags && (req->external_ppm || req->max_sessions))
		return -EINVAL;
	e = hvcal_engine_find(file->private_data, req->engine);
	if (!e)
		return -ENODEV;
	spin_lock_irqsave(&hvcal.lock, flags);
	if (req->flags & HVCAL_ENGINE_UPDATE_DRAIN)
		hvcal_drain_start_locked(e);
	else
		engine_set_locked(e, req);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_engine_put(e);
	return 0;
}

static int engine_unregister(struct hvcal_provider *p, u32 engine)
{
	struct hvcal_engine *e = hvcal_engine_find(p, engine);

	if (!e)
		return -ENODEV;
	hvcal_engine_retire(e);
	hvcal_engine_put(e);
	return 0;
}

static void undo_engine_register(struct file *file, const void *arg)
{
	const struct hvcal_engine_register *req = arg;

	engine_unregister(file->private_data, req->engine);
}

static long ioctl_engine_unregister(struct file *file, void *arg)
{
	struct hvcal_engine_unregister *req = arg;

	return req->flags ? -EINVAL : engine_unregister(file->private_data, req->engine);
}

/* ------------------------------------------------------------------------ */
/* Items                                                                    */

static long ioctl_acquire(struct file *file, void *arg)
{
	struct hvcal_acquire *req = arg;
	int ret;

	ret = hvcal_array_check(&req->items, 128, ITEMS_MAX);
	if (ret)
		return ret;
	if (req->items.count < ITEMS_MIN || req->blobs.pad ||
	    (req->blobs.len && !req->blobs.ptr) || req->blobs.ptr % 8)
		return -EINVAL;
	return hvcal_acquire(file->private_data, req, file->f_flags & O_NONBLOCK);
}

static long ioctl_accept(struct file *file, void *arg)
{
	struct hvcal_accept *req = arg;
	struct dma_fence *fence = NULL;
	int ret;

	if (req->flags || req->fence < -1)
		return -EINVAL;
	if (req->fence >= 0) {
		fence = sync_file_get_fence(req->fence);
		if (!fence)
			return -EINVAL;
		if (!hvcal_fence_acceptable(fence)) {
			dma_fence_put(fence);
			return -EINVAL;
		}
	}
	ret = hvcal_provider_accept(file->private_data, req->id, fence);
	dma_fence_put(fence);
	return ret;
}

static int answer_get(const struct hvcal_item_result *res, struct hvcal_answer *a)
{
	int ret;

	if (res->pad || res->flags & ~HVCAL_RESULT_FLAGS_ALL ||
	    res->status > 0 || res->status < -MAX_ERRNO)
		return -EINVAL;
	ret = hvcal_blob_check(&res->result, HVCAL_RESULT_MAX);
	if (ret)
		return ret;
	a->status = res->status;
	a->flags = res->flags;
	a->bytes = res->bytes;
	a->engine_ns = res->engine_ns;
	a->result_len = res->result.len;
	if (copy_from_user(a->result, u64_to_user_ptr(res->result.ptr), a->result_len))
		return -EFAULT;
	return 0;
}

/*
 * First everything is read, so that a bad array changes nothing; then each
 * answer takes effect and its verdict is written back as far as that works.
 */
static long ioctl_complete(struct file *file, void *arg)
{
	struct hvcal_complete *req = arg;
	struct hvcal_item_result res;
	struct hvcal_answer a;
	int ret;
	u32 i;

	ret = hvcal_array_check(&req->results, 56, HVCAL_BATCH_MAX);
	for (i = 0; !ret && i < req->results.count; i++)
		ret = hvcal_array_get(&res, sizeof(res), &req->results, i);
	if (ret)
		return ret;

	for (i = 0; i < req->results.count; i++) {
		ret = hvcal_array_get(&res, sizeof(res), &req->results, i);
		if (ret)
			return ret;
		ret = answer_get(&res, &a);
		res.verdict = ret ? ret : hvcal_provider_answer(file->private_data, res.id, &a);
		ret = hvcal_array_put(&req->results, i, &res, sizeof(res));
		if (ret)
			return ret;
	}
	return 0;
}

static long ioctl_item_check(struct file *file, void *arg)
{
	struct hvcal_item_check *req = arg;

	return hvcal_provider_check(file->private_data, req->id);
}

#define RW (_IOC_READ | _IOC_WRITE)

static const struct hvcal_ioctl provider_ioctls[] = {
	HVCAL_IOCTLS_SHARED,
	HVCAL_IOCTL_UNDO(ENGINE_REGISTER, RW, struct hvcal_engine_register, 112,
			 ioctl_engine_register, undo_engine_register),
	HVCAL_IOCTL(ENGINE_UPDATE, _IOC_WRITE, struct hvcal_engine_update, 16,
		    ioctl_engine_update),
	HVCAL_IOCTL(ENGINE_UNREGISTER, _IOC_WRITE, struct hvcal_engine_unregister, 8,
		    ioctl_engine_unregister),
	HVCAL_IOCTL(ACQUIRE, RW, struct hvcal_acquire, 40, ioctl_acquire),
	HVCAL_IOCTL(ACCEPT, _IOC_WRITE, struct hvcal_accept, 16, ioctl_accept),
	HVCAL_IOCTL(COMPLETE, RW, struct hvcal_complete, 16, ioctl_complete),
	HVCAL_IOCTL(ITEM_CHECK, _IOC_WRITE, struct hvcal_item_check, 8, ioctl_item_check),
	/* the other node's: -EACCES */
	HVCAL_IOCTL(SESSION_CREATE, RW, struct hvcal_session_create, 128, NULL),
	HVCAL_IOCTL(SESSION_RECONFIGURE, RW, struct hvcal_session_reconfigure, 80, NULL),
	HVCAL_IOCTL(SESSION_FLUSH, _IOC_WRITE, struct hvcal_session_flush, 16, NULL),
	HVCAL_IOCTL(SESSION_DESTROY, _IOC_WRITE, struct hvcal_session_destroy, 8, NULL),
	HVCAL_IOCTL(SESSION_STATS, RW, struct hvcal_session_stats, 888, NULL),
	HVCAL_IOCTL(BUFFER_IMPORT, RW, struct hvcal_buffer_import, 56, NULL),
	HVCAL_IOCTL(BUFFER_RELEASE, _IOC_WRITE, struct hvcal_buffer_release, 8, NULL),
	HVCAL_IOCTL(JOB_SUBMIT, RW, struct hvcal_job_submit, 24, NULL),
	HVCAL_IOCTL(JOB_CANCEL, RW, struct hvcal_job_cancel, 24, NULL),
	HVCAL_IOCTL(JOB_FENCE, RW, struct hvcal_job_fence, 16, NULL),
	HVCAL_IOCTL(PRIVATE_PROVIDER, RW, struct hvcal_private_provider, 8, NULL),
};

long hvcal_provider_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return hvcal_ioctl_dispatch(file, cmd, arg, provider_ioctls,
				    ARRAY_SIZE(provider_ioctls));
}
