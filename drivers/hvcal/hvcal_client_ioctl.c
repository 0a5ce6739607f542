// SPDX-License-Identifier: GPL-2.0
/* The ioctls of /dev/hvcal: checks and copies; the work is done elsewhere. */
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "hvcal_internal.h"
#include "hvcal_ioctl.h"

/* The session behind a handle, with a reference. */
static struct hvcal_session *session_find(struct hvcal_client *c, u32 handle)
{
	struct hvcal_session *s;

	xa_lock(&c->sessions);
	s = xa_load(&c->sessions, handle);
	if (s)
		hvcal_session_get(s);
	xa_unlock(&c->sessions);
	return s;
}

static struct hvcal_buffer *buffer_find(struct hvcal_client *c, u32 handle)
{
	struct hvcal_buffer *b;

	xa_lock(&c->buffers);
	b = xa_load(&c->buffers, handle);
	if (b)
		hvcal_buffer_get(b);
	xa_unlock(&c->buffers);
	return b;
}

/* Takes a handle away; a reserved one without an object stays as it is. */
static void *handle_take(struct xarray *xa, u32 handle)
{
	void *obj;

	xa_lock(xa);
	obj = xa_load(xa, handle);
	if (obj)
		__xa_erase(xa, handle);
	xa_unlock(xa);
	return obj;
}

/* A copy of a blob that is needed for longer; ERR_PTR or, if empty, NULL. */
static void *blob_dup(const struct hvcal_blob *blob, u32 max)
{
	int ret = hvcal_blob_check(blob, max);

	if (ret)
		return ERR_PTR(ret);
	if (!blob->len)
		return NULL;
	return memdup_user(u64_to_user_ptr(blob->ptr), blob->len);
}

/* ------------------------------------------------------------------------ */
/* Sessions                                                                 */

static int session_create_check(const struct hvcal_session_create *req)
{
	if (req->flags || req->pad || req->pad2 || req->need & ~HVCAL_CAP_FLAGS_ALL ||
	    req->loss > HVCAL_LOSS_REISSUE || req->max_queued > hvcal_max_queued ||
	    !req->codec || !req->format)
		return -EINVAL;
	if (req->op == HVCAL_OP_DECODE || req->op == HVCAL_OP_PROCESS)
		return -EOPNOTSUPP;
	if (req->op != HVCAL_OP_ENCODE)
		return -EINVAL;
	if (req->gpu && !hvcal_gpu_exists(req->gpu))
		return -ENODEV;
	return hvcal_reservation_check(&req->res);
}

static long ioctl_session_create(struct file *file, void *arg)
{
	struct hvcal_session_create *req = arg;
	struct hvcal_session_args args;
	struct hvcal_session_reply reply;
	void *config;
	int ret;

	ret = session_create_check(req);
	if (ret)
		return ret;
	config = blob_dup(&req->config, HVCAL_CONFIG_MAX);
	if (IS_ERR(config))
		return PTR_ERR(config);

	args = (struct hvcal_session_args){
		.ask = {
			.op = req->op,
			.codec = req->codec,
			.format = req->format,
			.bit_depth = req->res.bit_depth,
			.width = req->res.width,
			.height = req->res.height,
			.need = req->need,
			.gpu = req->gpu,
			.numa_node = numa_node_id(),
			.realtime = req->res.sched_class == HVCAL_CLASS_REALTIME,
		},
		.engine = req->engine,
		.loss = req->loss,
		.max_queued = req->max_queued,
		.res = req->res,
		.config = config,
		.config_len = req->config.len,
	};
	ret = hvcal_session_create(file->private_data, &args, &reply);
	kfree(config);
	req->session = reply.handle;
	req->chosen = reply.engine;
	req->share_ppm = reply.share_ppm;
	req->left_ppm = reply.left_ppm;
	req->refused = reply.refused;
	req->fit_period_ns = reply.fit_period_ns;
	return ret;
}

/* Submits a RECONFIGURE or FLUSH in its place among the frames, or puts it. */
static int session_submit_control(struct hvcal_session *s, struct hvcal_job *job)
{
	int ret;

	mutex_lock(&s->submit_lock);
	ret = hvcal_job_submit(job, 0, 0);
	mutex_unlock(&s->submit_lock);
	if (ret)
		hvcal_job_put(job);
	return ret;
}

static struct hvcal_job *reconfigure_job(struct hvcal_session *s,
					 const struct hvcal_session_reconfigure *req)
{
	struct hvcal_job *job = hvcal_job_new(s, HVCAL_ITEM_RECONFIGURE);
	const void __user *config = u64_to_user_ptr(req->config.ptr);
	int ret;

	if (IS_ERR(job))
		return job;
	job->user_data = req->user_data;
	job->res = req->res;
	job->meta_len = req->config.len;
	ret = hvcal_job_reserve_meta(job, req->config.len);
	if (!ret && copy_from_user(job->meta, config, req->config.len))
		ret = -EFAULT;
	job->model = hvcal_model_alloc();
	if (!ret && !job->model)
		ret = -ENOMEM;
	if (ret) {
		hvcal_job_put(job);
		return ERR_PTR(ret);
	}
	return job;
}

static int session_reconfigure(struct hvcal_session *s, struct hvcal_session_reconfigure *req)
{
	struct hvcal_session_reply reply = {};
	struct hvcal_reservation before;
	struct hvcal_job *job;
	int ret;

	job = reconfigure_job(s, req);
	if (IS_ERR(job))
		return PTR_ERR(job);
	/* nobody else changes the reservation before the job is queued */
	mutex_lock(&s->submit_lock);
	ret = hvcal_session_reserve(s, &req->res, &before, &reply);
	req->share_ppm = reply.share_ppm;
	req->left_ppm = reply.left_ppm;
	if (!ret) {
		ret = hvcal_job_submit(job, 0, 0);
		if (ret)
			hvcal_session_reserve(s, &before, &before, &reply);
	}
	mutex_unlock(&s->submit_lock);
	if (ret)
		hvcal_job_put(job);
	return ret;
}

/* The engine is not told: nothing changes for it. */
static int session_switch(struct hvcal_session *s, struct hvcal_session_reconfigure *req)
{
	struct hvcal_session_reply reply = {};
	int ret;

	if (req->config.ptr || req->config.len || req->user_data)
		return -EINVAL;
	mutex_lock(&s->submit_lock);
	ret = hvcal_session_switch(s, &req->res, &reply);
	mutex_unlock(&s->submit_lock);
	req->share_ppm = reply.share_ppm;
	req->left_ppm = reply.left_ppm;
	return ret;
}

static long ioctl_session_reconfigure(struct file *file, void *arg)
{
	struct hvcal_session_reconfigure *req = arg;
	struct hvcal_session *s;
	int ret;

	if (req->flags & ~HVCAL_RECONFIGURE_FLAGS_ALL)
		return -EINVAL;
	ret = hvcal_reservation_check(&req->res);
	if (!ret)
		ret = hvcal_blob_check(&req->config, HVCAL_CONFIG_MAX);
	if (ret)
		return ret;
	s = session_find(file->private_data, req->session);
	if (!s)
		return -ENOENT;
	ret = req->flags & HVCAL_RECONFIGURE_RESERVATION ? session_switch(s, req) :
							   session_reconfigure(s, req);
	hvcal_session_put(s);
	return ret;
}

static long ioctl_session_flush(struct file *file, void *arg)
{
	struct hvcal_session_flush *req = arg;
	struct hvcal_session *s;
	struct hvcal_job *job;
	int ret;

	if (req->flags)
		return -EINVAL;
	s = session_find(file->private_data, req->session);
	if (!s)
		return -ENOENT;
	job = hvcal_job_new(s, HVCAL_ITEM_FLUSH);
	ret = PTR_ERR_OR_ZERO(job);
	if (!ret) {
		job->user_data = req->user_data;
		ret = session_submit_control(s, job);
	}
	hvcal_session_put(s);
	return ret;
}

static int session_destroy(struct hvcal_client *c, u32 handle)
{
	struct hvcal_session *s = handle_take(&c->sessions, handle);

	if (!s)
		return -ENOENT;
	hvcal_session_destroy(s);
	return 0;
}

static void undo_session_create(struct file *file, const void *arg)
{
	const struct hvcal_session_create *req = arg;

	session_destroy(file->private_data, req->session);
}

static long ioctl_session_destroy(struct file *file, void *arg)
{
	struct hvcal_session_destroy *req = arg;

	return req->pad ? -EINVAL : session_destroy(file->private_data, req->session);
}

static long ioctl_session_stats(struct file *file, void *arg)
{
	struct hvcal_session_stats *st = arg;
	struct hvcal_session *s;

	if (st->pad)
		return -EINVAL;
	s = session_find(file->private_data, st->session);
	if (!s)
		return -ENOENT;
	hvcal_session_stats_get(s, st);
	hvcal_session_put(s);
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Buffers                                                                  */

static int buffer_get_dmabufs(const s32 fds[HVCAL_MAX_PLANES],
			      struct dma_buf *dmabufs[HVCAL_MAX_PLANES])
{
	unsigned int i;
	int ret;

	for (i = 0; i < HVCAL_MAX_PLANES; i++) {
		struct dma_buf *d;

		dmabufs[i] = NULL;
		if (fds[i] == -1)
			continue;
		d = dma_buf_get(fds[i]);
		if (IS_ERR(d)) {
			ret = PTR_ERR(d);
			goto err;
		}
		dmabufs[i] = d;
	}
	return 0;
err:
	while (i--)
		if (dmabufs[i])
			dma_buf_put(dmabufs[i]);
	return ret;
}

static bool import_is_good(const struct hvcal_buffer_import *req)
{
	unsigned int i;

	if (req->flags & ~HVCAL_BUFFER_FLAGS_ALL || req->pad)
		return false;
	if (!(req->flags & HVCAL_BUFFER_PRIVATE))
		return req->flags && req->fds[0] >= 0;
	for (i = 0; i < HVCAL_MAX_PLANES; i++)
		if (req->fds[i] != -1)
			return false;
	return req->flags == (HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE) && req->layout.len;
}

static long ioctl_buffer_import(struct file *file, void *arg)
{
	struct hvcal_buffer_import *req = arg;
	struct hvcal_client *c = file->private_data;
	struct dma_buf *dmabufs[HVCAL_MAX_PLANES];
	struct hvcal_buffer *b;
	int ret;

	if (!import_is_good(req))
		return -EINVAL;
	if (req->gpu && !hvcal_gpu_exists(req->gpu))
		return -ENODEV;
	ret = hvcal_blob_check(&req->layout, HVCAL_LAYOUT_MAX);
	if (!ret)
		ret = buffer_get_dmabufs(req->fds, dmabufs);
	if (ret)
		return ret;
	b = hvcal_buffer_create(dmabufs, req->flags, req->gpu);
	if (!b)
		return -ENOMEM;
	b->layout_len = req->layout.len;
	if (copy_from_user(b->layout, u64_to_user_ptr(req->layout.ptr), req->layout.len)) {
		hvcal_buffer_put(b);
		return -EFAULT;
	}
	ret = hvcal_buffer_charge(b, c->user);
	if (ret) {
		hvcal_buffer_put(b);
		return ret;
	}
	req->size = b->size;	/* the buffer may be released once it has a handle */
	ret = xa_alloc(&c->buffers, &req->buffer, b, XA_LIMIT(1, max(1U, hvcal_max_buffers)),
		       GFP_KERNEL_ACCOUNT);
	if (ret) {
		hvcal_buffer_put(b);
		return ret == -EBUSY ? -EUSERS : ret;
	}
	return 0;
}

static int buffer_release(struct hvcal_client *c, u32 handle)
{
	struct hvcal_buffer *b = handle_take(&c->buffers, handle);

	if (!b)
		return -ENOENT;
	hvcal_buffer_put(b);
	return 0;
}

static void undo_buffer_import(struct file *file, const void *arg)
{
	const struct hvcal_buffer_import *req = arg;

	buffer_release(file->private_data, req->buffer);
}

static long ioctl_buffer_release(struct file *file, void *arg)
{
	struct hvcal_buffer_release *req = arg;

	return req->pad ? -EINVAL : buffer_release(file->private_data, req->buffer);
}

/* ------------------------------------------------------------------------ */
/* Jobs                                                                     */

static int job_check(const struct hvcal_job_desc *desc)
{
	int ret;

	if (desc->flags & ~HVCAL_JOB_FLAGS_ALL)
		return -EINVAL;
	if (!(desc->flags & HVCAL_JOB_IN_FENCE) != (desc->in_fence == -1))
		return -EINVAL;
	if (!desc->target_size || (!desc->side && (desc->side_offset || desc->side_size)))
		return -EINVAL;
	ret = hvcal_blob_check(&desc->params, HVCAL_PARAMS_MAX);
	return ret ? ret : hvcal_blob_check(&desc->meta, HVCAL_META_MAX);
}

static bool range_fits(const struct hvcal_buffer *b, u64 offset, u32 size)
{
	return offset <= b->size && size <= b->size - offset;
}

static int job_find_buffers(struct hvcal_client *c, struct hvcal_job *job,
			    const struct hvcal_job_desc *desc)
{
	job->source = buffer_find(c, desc->source);
	job->target = buffer_find(c, desc->target);
	if (desc->side)
		job->side = buffer_find(c, desc->side);
	if (!job->source || !job->target || (desc->side && !job->side))
		return -ENOENT;
	if (!(job->source->flags & HVCAL_BUFFER_SOURCE) ||
	    !(job->target->flags & HVCAL_BUFFER_TARGET) ||
	    (job->side && (job->side->flags & (HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE)) !=
			  HVCAL_BUFFER_SOURCE))
		return -EINVAL;
	if (!range_fits(job->target, desc->target_offset, desc->target_size) ||
	    (job->side && !range_fits(job->side, desc->side_offset, desc->side_size)))
		return -EINVAL;
	return 0;
}

static int job_copy_blobs(struct hvcal_job *job, const struct hvcal_job_desc *desc)
{
	int ret = hvcal_job_reserve_meta(job, desc->meta.len);

	if (ret)
		return ret;
	job->params_len = desc->params.len;
	job->meta_len = desc->meta.len;
	if (copy_from_user(job->params, u64_to_user_ptr(desc->params.ptr), desc->params.len) ||
	    (desc->meta.len &&
	     copy_from_user(job->meta, u64_to_user_ptr(desc->meta.ptr), desc->meta.len)))
		return -EFAULT;
	return 0;
}

static int job_find_fences(struct hvcal_job *job, const struct hvcal_job_desc *desc)
{
	struct dma_fence *fence;
	unsigned int i;
	int ret = 0;

	if (desc->flags & HVCAL_JOB_IN_FENCE) {
		fence = sync_file_get_fence(desc->in_fence);
		if (!fence)
			return -EINVAL;
		hvcal_fence_add(job, fence);
	}
	if (!(desc->flags & HVCAL_JOB_IMPLICIT_FENCE))
		return 0;
	for (i = 0; !ret && i < HVCAL_MAX_PLANES; i++)
		if (job->source->dmabufs[i])
			ret = hvcal_fence_add_implicit(job, job->source->dmabufs[i]);
	return ret;
}

static int submit_one(struct hvcal_client *c, struct hvcal_session *s,
		      struct hvcal_job_desc *desc)
{
	struct hvcal_job *job;
	int ret = job_check(desc);

	if (ret)
		return ret;
	job = hvcal_job_new(s, HVCAL_ITEM_ENCODE);
	if (IS_ERR(job))
		return PTR_ERR(job);
	job->user_data = desc->user_data;
	job->flags = desc->flags;
	job->pixels = desc->pixels;
	job->target_offset = desc->target_offset;
	job->target_size = desc->target_size;
	job->side_offset = desc->side_offset;
	job->side_size = desc->side_size;
	ret = job_find_buffers(c, job, desc);
	if (!ret)
		ret = job_copy_blobs(job, desc);
	if (!ret)
		ret = job_find_fences(job, desc);
	if (!ret)
		ret = hvcal_job_submit(job, desc->deadline_ns, desc->release_ns);
	if (ret)
		hvcal_job_put(job);
	else
		desc->job = job->id;
	return ret;
}

static long ioctl_job_submit(struct file *file, void *arg)
{
	struct hvcal_job_submit *req = arg;
	struct hvcal_client *c = file->private_data;
	struct hvcal_job_desc desc;
	struct hvcal_session *s;
	int ret;
	u32 i;

	if (req->flags)
		return -EINVAL;
	ret = hvcal_array_check(&req->jobs, 112, HVCAL_BATCH_MAX);
	if (ret)
		return ret;
	s = session_find(c, req->session);
	if (!s)
		return -ENOENT;

	mutex_lock(&s->submit_lock);
	for (i = 0; i < req->jobs.count; i++) {
		ret = hvcal_array_get(&desc, sizeof(desc), &req->jobs, i);
		if (!ret)
			ret = submit_one(c, s, &desc);
		if (ret)
			break;
		/* It is submitted whatever becomes of its number. */
		hvcal_array_put(&req->jobs, i, &desc, sizeof(desc));
	}
	mutex_unlock(&s->submit_lock);
	hvcal_session_put(s);
	if (i)
		ret = 0;
	req->jobs.count = i;
	return ret;
}

static long ioctl_job_cancel(struct file *file, void *arg)
{
	struct hvcal_job_cancel *req = arg;
	struct hvcal_session *s;
	int ret;

	if (req->pad)
		return -EINVAL;
	s = session_find(file->private_data, req->session);
	if (!s)
		return -ENOENT;
	ret = hvcal_job_cancel(s, req->job);
	hvcal_session_put(s);
	if (ret < 0)
		return ret;
	req->canceled = ret;
	return 0;
}

static long ioctl_job_fence(struct file *file, void *arg)
{
	struct hvcal_job_fence *req = arg;
	struct hvcal_session *s;
	struct dma_fence *fence;
	struct sync_file *sync;
	int fd;

	s = session_find(file->private_data, req->session);
	if (!s)
		return -ENOENT;
	fence = hvcal_job_out_fence(s, req->job);
	hvcal_session_put(s);
	if (IS_ERR(fence))
		return PTR_ERR(fence);
	sync = sync_file_create(fence);
	dma_fence_put(fence);
	if (!sync)
		return -ENOMEM;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(sync->file);
		return fd;
	}
	/* If its number cannot be copied out, the fd is the caller's all the same. */
	fd_install(fd, sync->file);
	req->fence = fd;
	return 0;
}

/* ------------------------------------------------------------------------ */
/* Private engines                                                          */

static long ioctl_private_provider(struct file *file, void *arg)
{
	struct hvcal_private_provider *req = arg;
	struct hvcal_provider *p;
	struct file *private;
	int fd;

	if (req->flags)
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	p = hvcal_provider_create(file->private_data);
	private = p ? anon_inode_getfile("[hvcal-private]", &hvcal_provider_fops, p, O_RDWR) :
		      ERR_PTR(-ENOMEM);
	if (IS_ERR(private)) {
		put_unused_fd(fd);
		hvcal_provider_put(p);
		return PTR_ERR(private);
	}
	stream_open(file_inode(private), private);
	fd_install(fd, private);
	req->fd = fd;
	return 0;
}

static void undo_private_provider(struct file *file, const void *arg)
{
	const struct hvcal_private_provider *req = arg;

	close_fd(req->fd);
}

#define RW (_IOC_READ | _IOC_WRITE)

static const struct hvcal_ioctl client_ioctls[] = {
	HVCAL_IOCTLS_SHARED,
	HVCAL_IOCTL_UNDO(SESSION_CREATE, RW, struct hvcal_session_create, 128,
			 ioctl_session_create, undo_session_create),
	HVCAL_IOCTL(SESSION_RECONFIGURE, RW, struct hvcal_session_reconfigure, 80,
		    ioctl_session_reconfigure),
	HVCAL_IOCTL(SESSION_FLUSH, _IOC_WRITE, struct hvcal_session_flush, 16,
		    ioctl_session_flush),
	HVCAL_IOCTL(SESSION_DESTROY, _IOC_WRITE, struct hvcal_session_destroy, 8,
		    ioctl_session_destroy),
	HVCAL_IOCTL(SESSION_STATS, RW, struct hvcal_session_stats, 888, ioctl_session_stats),
	HVCAL_IOCTL_UNDO(BUFFER_IMPORT, RW, struct hvcal_buffer_import, 56,
			 ioctl_buffer_import, undo_buffer_import),
	HVCAL_IOCTL(BUFFER_RELEASE, _IOC_WRITE, struct hvcal_buffer_release, 8,
		    ioctl_buffer_release),
	HVCAL_IOCTL(JOB_SUBMIT, RW, struct hvcal_job_submit, 24, ioctl_job_submit),
	HVCAL_IOCTL(JOB_CANCEL, RW, struct hvcal_job_cancel, 24, ioctl_job_cancel),
	HVCAL_IOCTL(JOB_FENCE, RW, struct hvcal_job_fence, 16, ioctl_job_fence),
	HVCAL_IOCTL_UNDO(PRIVATE_PROVIDER, RW, struct hvcal_private_provider, 8,
			 ioctl_private_provider, undo_private_provider),
	/* the other node's: -EACCES */
	HVCAL_IOCTL(ENGINE_REGISTER, RW, struct hvcal_engine_register, 112, NULL),
	HVCAL_IOCTL(ENGINE_UPDATE, _IOC_WRITE, struct hvcal_engine_update, 16, NULL),
	HVCAL_IOCTL(ENGINE_UNREGISTER, _IOC_WRITE, struct hvcal_engine_unregister, 8, NULL),
	HVCAL_IOCTL(ACQUIRE, RW, struct hvcal_acquire, 40, NULL),
	HVCAL_IOCTL(ACCEPT, _IOC_WRITE, struct hvcal_accept, 16, NULL),
	HVCAL_IOCTL(COMPLETE, RW, struct hvcal_complete, 16, NULL),
	HVCAL_IOCTL(ITEM_CHECK, _IOC_WRITE, struct hvcal_item_check, 8, NULL),
};

long hvcal_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return hvcal_ioctl_dispatch(file, cmd, arg, client_ioctls, ARRAY_SIZE(client_ioctls));
}
