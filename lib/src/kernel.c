// SPDX-License-Identifier: MIT
/* Back end: hvcal.ko behind /dev/hvcal. A thin wrapper of its ioctls. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

struct kernel {
	struct hvcal_be be;
	const struct hvcal_sys *sys;
	int fd;
};

static int call(struct hvcal_be *be, unsigned long request, void *arg)
{
	struct kernel *k = (struct kernel *)be;
	int ret = k->sys->ioctl(k->sys, k->fd, request, arg);

	return ret < 0 ? ret : 0;
}

static void kernel_close(struct hvcal_be *be)
{
	struct kernel *k = (struct kernel *)be;

	k->sys->close(k->sys, k->fd);
	free(k);
}

static int kernel_caps(struct hvcal_be *be, struct hvcal_caps *arg)
{
	return call(be, HVCAL_IOC_CAPS, arg);
}

static int kernel_engine_list(struct hvcal_be *be, struct hvcal_engine_list *arg)
{
	return call(be, HVCAL_IOC_ENGINE_LIST, arg);
}

static int kernel_engine_caps(struct hvcal_be *be, struct hvcal_engine_caps *arg)
{
	return call(be, HVCAL_IOC_ENGINE_CAPS, arg);
}

static int kernel_gpu_list(struct hvcal_be *be, struct hvcal_gpu_list *arg)
{
	return call(be, HVCAL_IOC_GPU_LIST, arg);
}

static int kernel_session_create(struct hvcal_be *be, struct hvcal_session_create *arg)
{
	return call(be, HVCAL_IOC_SESSION_CREATE, arg);
}

static int kernel_session_reconfigure(struct hvcal_be *be,
				      struct hvcal_session_reconfigure *arg)
{
	return call(be, HVCAL_IOC_SESSION_RECONFIGURE, arg);
}

static int kernel_session_flush(struct hvcal_be *be, struct hvcal_session_flush *arg)
{
	return call(be, HVCAL_IOC_SESSION_FLUSH, arg);
}

static void kernel_session_destroy(struct hvcal_be *be, uint32_t session)
{
	struct hvcal_session_destroy arg = { .session = session };

	call(be, HVCAL_IOC_SESSION_DESTROY, &arg);
}

static int kernel_session_stats(struct hvcal_be *be, struct hvcal_session_stats *arg)
{
	return call(be, HVCAL_IOC_SESSION_STATS, arg);
}

static int kernel_buffer_add(struct hvcal_be *be, struct hvcal_buf *buf,
			     uint32_t flags, uint32_t *handle)
{
	struct hvcal_buffer_import arg = { .flags = flags, .gpu = buf->pub.device };
	struct hvcal_frame_layout layout;
	int i, ret;

	_Static_assert(HVCAL_MAX_PLANES == HVCAL_BUFFER_PLANES, "planes");
	for (i = 0; i < HVCAL_MAX_PLANES; i++)
		arg.fds[i] = buf->pub.fd[i];
	if (buf->pub.memory == HVCAL_MEMORY_CUDA)
		arg.flags |= HVCAL_BUFFER_PRIVATE;
	if (flags & HVCAL_BUFFER_SOURCE) {
		hvcal_buf_layout(&buf->pub, &layout);
		arg.layout.ptr = (uintptr_t)&layout;
		arg.layout.len = sizeof(layout);
	}
	ret = call(be, HVCAL_IOC_BUFFER_IMPORT, &arg);
	if (!ret)
		*handle = arg.buffer;
	return ret;
}

static void kernel_buffer_drop(struct hvcal_be *be, uint32_t handle)
{
	struct hvcal_buffer_release arg = { .buffer = handle };

	call(be, HVCAL_IOC_BUFFER_RELEASE, &arg);
}

static int kernel_submit(struct hvcal_be *be, struct hvcal_job_submit *arg)
{
	return call(be, HVCAL_IOC_JOB_SUBMIT, arg);
}

static int kernel_cancel(struct hvcal_be *be, struct hvcal_job_cancel *arg)
{
	return call(be, HVCAL_IOC_JOB_CANCEL, arg);
}

static int kernel_fence(struct hvcal_be *be, struct hvcal_job_fence *arg)
{
	return call(be, HVCAL_IOC_JOB_FENCE, arg);
}

static int kernel_private_file(struct hvcal_be *be)
{
	struct hvcal_private_provider arg = { 0 };
	int ret = call(be, HVCAL_IOC_PRIVATE_PROVIDER, &arg);

	if (!ret && fcntl(arg.fd, F_SETFL, O_NONBLOCK)) {
		ret = -errno;
		close(arg.fd);
	}
	return ret ? ret : arg.fd;
}

static int kernel_event_fd(struct hvcal_be *be)
{
	return ((struct kernel *)be)->fd;
}

static ssize_t kernel_read_events(struct hvcal_be *be, void *buf, size_t len)
{
	struct kernel *k = (struct kernel *)be;

	return k->sys->read(k->sys, k->fd, buf, len);
}

static const struct hvcal_be_ops kernel_ops = {
	.kind = HVCAL_BACKEND_KERNEL,
	.close = kernel_close,
	.caps = kernel_caps,
	.engine_list = kernel_engine_list,
	.engine_caps = kernel_engine_caps,
	.gpu_list = kernel_gpu_list,
	.session_create = kernel_session_create,
	.session_reconfigure = kernel_session_reconfigure,
	.session_flush = kernel_session_flush,
	.session_destroy = kernel_session_destroy,
	.session_stats = kernel_session_stats,
	.buffer_add = kernel_buffer_add,
	.buffer_drop = kernel_buffer_drop,
	.submit = kernel_submit,
	.cancel = kernel_cancel,
	.fence = kernel_fence,
	.private_file = kernel_private_file,
	.event_fd = kernel_event_fd,
	.read_events = kernel_read_events,
};

static void explain(const hvcal_init_params_t *p, int error)
{
	const char *node = p->device_path;

	switch (error) {
	case -ENOENT:
		hvcal_reason(p->reason, p->reason_len,
			     "%s does not exist: load the module (modprobe hvcal), or choose direct mode",
			     node);
		break;
	case -ENODEV:
	case -ENXIO:
		hvcal_reason(p->reason, p->reason_len,
			     "%s exists but no module is behind it: load it (modprobe hvcal), or choose direct mode",
			     node);
		break;
	case -EACCES:
	case -EPERM:
		hvcal_reason(p->reason, p->reason_len,
			     "no permission to open %s: this user must be in its group (see ls -l %s)",
			     node, node);
		break;
	default:
		hvcal_reason(p->reason, p->reason_len, "%s cannot be opened: %s", node,
			     strerror(-error));
	}
}

int hvcal_kernel_open(hvcal_context_t *ctx, const hvcal_init_params_t *params,
		      struct hvcal_be **out)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->be.ops = &kernel_ops;
	k->be.ctx = ctx;
	k->sys = ctx->sys;
	k->fd = k->sys->open(k->sys, params->device_path, O_RDWR | O_NONBLOCK);
	if (k->fd < 0) {
		int ret = k->fd;

		explain(params, ret);
		free(k);
		/* one meaning each: no module, no permission */
		return ret == -ENXIO || ret == -ENODEV ? -ENOENT :
		       ret == -EPERM ? -EACCES : ret;
	}
	*out = &k->be;
	return 0;
}
