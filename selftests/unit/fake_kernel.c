// SPDX-License-Identifier: MIT
#include "fake_kernel.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct fake_kernel *self(const struct hvcal_sys *sys)
{
	return (struct fake_kernel *)(uintptr_t)sys;
}

static int fake_open(const struct hvcal_sys *sys, const char *path, int flags)
{
	struct fake_kernel *k = self(sys);

	(void)flags;
	if (!strcmp(path, HVCAL_CLIENT_NODE))
		return k->open_error ? k->open_error : dup(k->node);
	if (!strcmp(path, "/dev/udmabuf") && !k->no_udmabuf)
		return dup(k->node);
	return -ENOENT;
}

static int count_and_fail(struct fake_kernel *k, unsigned int nr)
{
	k->calls[nr]++;
	if (!k->fail[nr])
		return 0;
	if (k->fail_times[nr]) {
		int error = k->fail[nr];

		if (!--k->fail_times[nr])
			k->fail[nr] = 0;
		return error;
	}
	return k->fail[nr];
}

static int fake_create(struct fake_kernel *k, struct hvcal_session_create *arg)
{
	struct hvcal_event opened = { .type = HVCAL_EVENT_OPENED };

	arg->session = opened.session = ++k->last_session;
	arg->chosen = opened.engine = 7;
	arg->share_ppm = 250000;
	arg->left_ppm = 750000;
	k->create = *arg;
	memcpy(&k->config, (const void *)(uintptr_t)arg->config.ptr, sizeof(k->config));
	if (!k->manual_open)
		fake_event(k, &opened);
	return 0;
}

static int fake_submit(struct fake_kernel *k, struct hvcal_job_submit *arg)
{
	struct hvcal_job_desc *jobs = (struct hvcal_job_desc *)(uintptr_t)arg->jobs.ptr;
	uint32_t i, n = arg->jobs.count;

	if (k->take && n > k->take)
		n = k->take;
	for (i = 0; i < n; i++) {
		unsigned int at = k->njobs++ % FAKE_JOBS;

		jobs[i].job = 1000 + at;
		k->jobs[at] = jobs[i];
		memcpy(&k->params[at], (const void *)(uintptr_t)jobs[i].params.ptr,
		       sizeof(k->params[at]));
		if (jobs[i].meta.len)
			memcpy(k->meta[at], (const void *)(uintptr_t)jobs[i].meta.ptr,
			       jobs[i].meta.len < 64 ? jobs[i].meta.len : 64);
	}
	arg->jobs.count = n;
	return 0;
}

static void fake_reconfigure(struct fake_kernel *k, const struct hvcal_session_reconfigure *arg)
{
	k->reconfigure = *arg;
	if (!(arg->flags & HVCAL_RECONFIGURE_RESERVATION))
		memcpy(&k->config, (const void *)(uintptr_t)arg->config.ptr, sizeof(k->config));
}

static void fake_caps_of_engine(const struct fake_kernel *k, struct hvcal_engine_caps *arg)
{
	struct hvcal_engine_cap cap = {
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_H264,
		.depth_mask = 1U << 8,
		.flags = k->cap_flags,
	};

	if (arg->caps.count)
		memcpy((void *)(uintptr_t)arg->caps.ptr, &cap, arg->caps.stride);
	arg->caps.count = 1;
}

static void fake_engine_list(struct hvcal_engine_list *arg)
{
	struct hvcal_engine_info info = { .id = 7, .kind = HVCAL_ENGINE_HARDWARE,
					  .state = HVCAL_ENGINE_READY, .name = "fake" };

	if (arg->engines.count)
		memcpy((void *)(uintptr_t)arg->engines.ptr, &info, arg->engines.stride);
	arg->engines.count = 1;
}

static int hvcal_ioctl(struct fake_kernel *k, unsigned int nr, void *arg)
{
	struct hvcal_session_create *create = arg;
	int ret = count_and_fail(k, nr);

	switch (nr) {
	case HVCAL_NR_CAPS:
		*(struct hvcal_caps *)arg = k->caps;
		return ret;
	case HVCAL_NR_ENGINE_LIST:
		fake_engine_list(arg);
		return ret;
	case HVCAL_NR_ENGINE_CAPS:
		fake_caps_of_engine(k, arg);
		return ret;
	case HVCAL_NR_GPU_LIST:
		((struct hvcal_gpu_list *)arg)->gpus.count = 0;
		return ret;
	case HVCAL_NR_SESSION_CREATE:
		create->refused = ret ? k->refused : 0;
		create->fit_period_ns = ret ? k->fit_period_ns : 0;
		return ret ? ret : fake_create(k, arg);
	case HVCAL_NR_SESSION_RECONFIGURE:
		if (!ret)
			fake_reconfigure(k, arg);
		return ret;
	case HVCAL_NR_BUFFER_IMPORT:
		if (ret)
			return ret;
		((struct hvcal_buffer_import *)arg)->buffer = ++k->buffers;
		k->live_buffers++;
		return 0;
	case HVCAL_NR_BUFFER_RELEASE:
		k->live_buffers--;
		return ret;
	case HVCAL_NR_JOB_SUBMIT:
		return ret ? ret : fake_submit(k, arg);
	case HVCAL_NR_SESSION_FLUSH:
	case HVCAL_NR_SESSION_DESTROY:
	case HVCAL_NR_JOB_CANCEL:
		return ret;
	case HVCAL_NR_SESSION_STATS:
		((struct hvcal_session_stats *)arg)->done = 42;
		return ret;
	}
	return -ENOTTY;
}

static int fake_ioctl(const struct hvcal_sys *sys, int fd, unsigned long request, void *arg)
{
	struct fake_kernel *k = self(sys);
	int ret = -ENOTTY;

	(void)fd;
	pthread_mutex_lock(&k->lock);
	if (_IOC_TYPE(request) == HVCAL_IOC_MAGIC) {
		ret = hvcal_ioctl(k, _IOC_NR(request), arg);
	} else if (request == UDMABUF_CREATE) {
		ret = k->no_memory ? -ENOMEM :
		      dup((int)((struct udmabuf_create *)arg)->memfd);
	} else if (request == DMA_BUF_IOCTL_SYNC) {
		k->syncs++;
		ret = 0;
	}
	pthread_mutex_unlock(&k->lock);
	return ret;
}

/* Whole records only, as the real one does. */
static ssize_t fake_read(const struct hvcal_sys *sys, int fd, void *buf, size_t len)
{
	struct fake_kernel *k = self(sys);
	size_t n = 0;
	eventfd_t v;
	uint32_t size;
	ssize_t ret;

	(void)fd;
	pthread_mutex_lock(&k->lock);
	while (n + sizeof(size) <= k->events_len) {
		memcpy(&size, k->events + n, sizeof(size));
		if (size < sizeof(size) || n + size > k->events_len)
			size = (uint32_t)(k->events_len - n); /* broken on purpose */
		if (n + size > len)
			break;
		n += size;
	}
	memcpy(buf, k->events, n);
	memmove(k->events, k->events + n, k->events_len - n);
	k->events_len -= n;
	if (!k->events_len && !k->read_error)
		eventfd_read(k->node, &v);
	ret = n ? (ssize_t)n : k->read_error ? k->read_error : -EAGAIN;
	pthread_mutex_unlock(&k->lock);
	return ret;
}

void fake_event_raw(struct fake_kernel *k, const void *data, size_t len)
{
	memcpy(k->events + k->events_len, data, len);
	k->events_len += len;
	eventfd_write(k->node, 1);
}

void fake_event(struct fake_kernel *k, struct hvcal_event *e)
{
	unsigned char record[1024];
	size_t size = k->event_size ? k->event_size : sizeof(*e);

	memset(record, 0xa5, sizeof(record)); /* what we do not know is not zero */
	e->size = (uint32_t)size;
	memcpy(record, e, size < sizeof(*e) ? size : sizeof(*e));
	fake_event_raw(k, record, size);
}

void fake_complete(struct fake_kernel *k, unsigned int i, int status, uint64_t bytes)
{
	struct hvcal_frame_result r = { .size = sizeof(r), .frame_type = HVCAL_FRAME_TYPE_P,
					.qp_q8 = 26 * 256, .copied_bytes = 5 };
	struct hvcal_event e = { .type = HVCAL_EVENT_JOB, .session = k->last_session };

	pthread_mutex_lock(&k->lock);
	r.pts = k->params[i].pts;
	r.dts = r.pts - 1;
	e.job = k->jobs[i].job;
	e.user_data = k->jobs[i].user_data;
	e.status = status;
	e.bytes = bytes;
	e.engine = 7;
	e.submit_ns = 1;
	e.done_ns = 2;
	e.result_len = sizeof(r);
	memcpy(e.result, &r, sizeof(r));
	fake_event(k, &e);
	pthread_mutex_unlock(&k->lock);
}

void fake_kernel_init(struct fake_kernel *k)
{
	memset(k, 0, sizeof(*k));
	k->sys = hvcal_sys_default;
	k->sys.open = fake_open;
	k->sys.ioctl = fake_ioctl;
	k->sys.read = fake_read;
	k->node = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->caps.abi_major = HVCAL_ABI_MAJOR;
	k->caps.event_size = sizeof(struct hvcal_event);
	k->caps.max_queued = 64;
	k->caps.max_batch = HVCAL_BATCH_MAX;
	k->cap_flags = HVCAL_CAP_FRAME_QP | HVCAL_CAP_HDR_DYNAMIC;
	pthread_mutex_init(&k->lock, NULL);
}

void fake_kernel_finish(struct fake_kernel *k)
{
	close(k->node);
	pthread_mutex_destroy(&k->lock);
}

int fake_kernel_context(struct fake_kernel *k, hvcal_context_t **ctx)
{
	hvcal_init_params_t p;

	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_KERNEL;
	p.log_level = 2; /* the errors are wanted */
	return hvcal_context_create(ctx, &p, &k->sys, NULL);
}
