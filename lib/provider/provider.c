// SPDX-License-Identifier: MIT
/* The provider: its node, its engines, and the thread that fetches work. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

#include "internal.h"

#define BLOBS_START 16384

void provider_log(hvcal_provider_t *p, int level, const char *format, ...)
{
	char line[256];
	va_list args;

	if (!p->params.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	p->params.log(p->params.cookie, level, line);
}

void hvcal_provider_params_default(hvcal_provider_params_t *params, size_t size)
{
	memset(params, 0, size);
	params->struct_size = size;
}

static hvcal_provider_t *provider_new(const hvcal_provider_params_t *params,
				      const struct hvcal_sys *sys)
{
	hvcal_provider_t *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->sys = sys;
	p->lost_fd = -1;
	if (params)
		memcpy(&p->params, params, params->struct_size < sizeof(*params) ?
		       params->struct_size : sizeof(*params));
	p->blobs_len = BLOBS_START;
	p->blobs = malloc(p->blobs_len);
	if (!p->blobs) {
		free(p);
		return NULL;
	}
	p->lost_fd = eventfd(0, EFD_CLOEXEC);
	if (p->lost_fd < 0) {
		free(p->blobs);
		free(p);
		return NULL;
	}
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void provider_free(hvcal_provider_t *p)
{
	pthread_mutex_destroy(&p->lock);
	close(p->lost_fd);
	free(p->blobs);
	free(p);
}

int provider_open_sys(hvcal_provider_t **out, const hvcal_provider_params_t *params,
		      const struct hvcal_sys *sys)
{
	hvcal_provider_t *p = provider_new(params, sys);

	if (!p)
		return -ENOMEM;
	p->fd = sys->open(sys, p->params.node ? p->params.node : HVCAL_PROVIDER_NODE,
			  O_RDWR | O_NONBLOCK);
	if (p->fd < 0) {
		int ret = p->fd;

		provider_free(p);
		return ret;
	}
	*out = p;
	return 0;
}

int provider_open_private(hvcal_provider_t **out, const hvcal_provider_params_t *params,
			  const struct hvcal_sys *sys, int fd)
{
	hvcal_provider_t *p = provider_new(params, sys);

	if (!p)
		return -ENOMEM;
	p->fd = fd;
	p->private = true;
	*out = p;
	return 0;
}

void provider_lost(struct provider_engine *e)
{
	provider_log(e->p, LOG_ERR, "%s: its device is gone", e->plugin.desc.name);
	eventfd_write(e->p->lost_fd, 1);
}

int hvcal_provider_open(hvcal_provider_t **out, const hvcal_provider_params_t *params)
{
	return provider_open_sys(out, params, &hvcal_sys_default);
}

/* ---- engines ---- */

static void host_done(void *cookie, struct hvcal_engine_job *job,
		      const struct hvcal_engine_result *result)
{
	(void)cookie;
	provider_answer_frame(job->host, result);
}

static void host_started(void *cookie, struct hvcal_engine_job *job, int sync_file)
{
	struct provider_engine *e = cookie;
	struct provider_item *item = job->host;
	struct hvcal_accept accept = { .id = item->id, .fence = sync_file };
	int ret = e->p->sys->ioctl(e->p->sys, e->p->fd, HVCAL_IOC_ACCEPT, &accept);

	if (ret && ret != -ECANCELED && ret != -ETIMEDOUT)
		provider_log(e->p, LOG_WARNING, "%s: accepting item %llu: %s",
			     e->plugin.desc.name, (unsigned long long)item->id, strerror(-ret));
}

static void host_log(void *cookie, int level, const char *line)
{
	struct provider_engine *e = cookie;

	provider_log(e->p, level, "%s", line);
}

static const char *host_option(void *cookie, const char *key)
{
	const hvcal_provider_params_t *params = &((struct provider_engine *)cookie)->p->params;

	return params->option ? params->option(params->cookie, key) : NULL;
}

static uint32_t engine_flags(hvcal_provider_t *p)
{
	struct hvcal_caps caps = { 0 };

	if (p->private)
		return HVCAL_ENGINE_PRIVATE;
	if (!p->params.kill_when_hung ||
	    p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_CAPS, &caps) ||
	    !(caps.features & HVCAL_FEATURE_KILL))
		return 0;
	return HVCAL_ENGINE_KILL;
}

static int engine_register(hvcal_provider_t *p, struct provider_engine *e)
{
	const struct hvcal_engine_desc *desc = &e->plugin.desc;
	struct hvcal_engine_register reg = {
		.flags = engine_flags(p),
		.kind = desc->kind,
		.numa_node = desc->numa_node,
		.slots = desc->slots,
		.session_depth = desc->session_depth,
		.max_sessions = desc->max_sessions,
		.caps = {
			.stride = sizeof(desc->caps[0]),
			.count = desc->ncaps,
			.ptr = (uintptr_t)desc->caps,
		},
	};
	int ret;

	memcpy(reg.name, desc->name, sizeof(reg.name));
	memcpy(reg.slot, desc->slot, sizeof(reg.slot));
	ret = p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_ENGINE_REGISTER, &reg);
	e->id = reg.engine;
	return ret;
}

int hvcal_provider_add(hvcal_provider_t *p, const struct hvcal_engine_plugin *plugin,
		       unsigned int index, char *reason, size_t reason_len)
{
	struct hvcal_plugin loaded = { .ops = plugin };
	struct provider_engine *e;
	int ret;

	if (p->nengines == PROVIDER_ENGINES) {
		snprintf(reason, reason_len, "more than %d engines in one process",
			 PROVIDER_ENGINES);
		return -ENOSPC;
	}
	snprintf(loaded.name, sizeof(loaded.name), "%s", plugin->name);
	e = &p->engines[p->nengines];
	e->p = p;
	e->host = (struct hvcal_engine_host){
		.cookie = e,
		.done = host_done,
		.started = host_started,
		.log = host_log,
		.option = host_option,
	};
	ret = hvcal_plugin_engine_create(&loaded, &e->host, index, &e->plugin, reason, reason_len);
	if (ret)
		return ret;
	if (p->params.vet)
		ret = p->params.vet(p->params.cookie, index, &e->plugin.desc, reason, reason_len);
	if (ret) {
		hvcal_plugin_engine_destroy(&e->plugin);
		return ret;
	}
	ret = engine_register(p, e);
	if (ret) {
		snprintf(reason, reason_len, ret == -EBUSY ?
			 "an engine of this name is there already (is another hvcald running?)" :
			 "the kernel does not take it: %s", strerror(-ret));
		hvcal_plugin_engine_destroy(&e->plugin);
		return ret;
	}
	p->nengines++;
	return 0;
}

const struct hvcal_engine_desc *hvcal_provider_engine(hvcal_provider_t *p, unsigned int index)
{
	return index < p->nengines ? &p->engines[index].plugin.desc : NULL;
}

static struct provider_engine *engine_find(hvcal_provider_t *p, uint32_t id)
{
	for (unsigned int i = 0; i < p->nengines; i++)
		if (p->engines[i].id == id)
			return &p->engines[i];
	return NULL;
}

/* ---- items ---- */

/* Structures of another version: what is missing is zero, the rest unread. */
static void blob_get(void *dst, size_t size, const void *blob, uint32_t len)
{
	memcpy(dst, blob, len < size ? len : size);
}

static int item_frame(hvcal_provider_t *p, const struct hvcal_item *in, struct provider_item *item)
{
	const char *blobs = p->blobs;

	item->job.target_offset = in->target_offset;
	item->job.target_size = in->target_size;
	item->job.side_offset = in->side_offset;
	item->job.side_size = in->side_size;
	blob_get(&item->job.params, sizeof(item->job.params), blobs + in->params_off,
		 in->params_len);
	item->buffers[0] = provider_buffer_get(p, in->source);
	item->buffers[1] = provider_buffer_get(p, in->target);
	if (in->side)
		item->buffers[2] = provider_buffer_get(p, in->side);
	/* only if memory had run out when the buffer came */
	if (!item->buffers[0] || !item->buffers[1] || (in->side && !item->buffers[2]))
		return -ENOMEM;
	return provider_item_set_meta(item, blobs + in->meta_off, in->meta_len);
}

/* A stream that did not open ends by itself; that is as good as closed. */
static int item_without_stream(hvcal_provider_t *p, const struct hvcal_item *in)
{
	if (in->type != HVCAL_ITEM_CLOSE)
		return -ENODEV;
	provider_answer(p, in->id, 0);
	return 0;
}

static int item_to_stream(hvcal_provider_t *p, const struct hvcal_item *in)
{
	const char *blobs = p->blobs;
	struct provider_stream *s = provider_stream_find(p, in->stream);
	struct provider_item *item;
	int ret = 0;

	if (!s && in->type == HVCAL_ITEM_OPEN) {
		struct provider_engine *e = engine_find(p, in->engine);

		s = e ? provider_stream_start(p, e, in->stream) : NULL;
		if (!s)
			return e ? -ENOMEM : -ENODEV;
	}
	if (!s)
		return item_without_stream(p, in);
	item = provider_item_new(p);
	if (!item)
		return -ENOMEM;
	item->id = in->id;
	item->type = in->type;
	if (in->type == HVCAL_ITEM_ENCODE)
		ret = item_frame(p, in, item);
	else
		blob_get(&item->config, sizeof(item->config), blobs + in->params_off,
			 in->params_len);
	if (!ret && provider_stream_push(s, item))
		return 0;
	provider_item_free(p, item);
	/* its worker has seen the device go, and ended: others shall have the item */
	if (!ret && s->lost)
		return 0;
	return ret ? ret : item_without_stream(p, in);
}

static void item_take(hvcal_provider_t *p, const struct hvcal_item *in)
{
	int ret;

	switch (in->type) {
	case HVCAL_ITEM_BUFFER_ADD:
		ret = provider_buffer_add(p, in, (const char *)p->blobs + in->params_off);
		if (ret)
			provider_log(p, LOG_ERR, "a buffer is lost: %s", strerror(-ret));
		break;
	case HVCAL_ITEM_BUFFER_DROP:
		provider_buffer_drop(p, in->buffer);
		break;
	case HVCAL_ITEM_CANCEL:
		provider_item_cancel(p, in->cancel_id);
		break;
	case HVCAL_ITEM_OPEN:
	case HVCAL_ITEM_CLOSE:
	case HVCAL_ITEM_ENCODE:
	case HVCAL_ITEM_RECONFIGURE:
	case HVCAL_ITEM_FLUSH:
		ret = item_to_stream(p, in);
		if (ret)
			provider_answer(p, in->id, ret);
		break;
	default: /* a newer kernel's: say that it is not known here */
		provider_answer(p, in->id, -EOPNOTSUPP);
	}
}

static int blobs_grow(hvcal_provider_t *p, uint64_t need)
{
	void *room = realloc(p->blobs, need);

	if (!room)
		return -ENOMEM;
	p->blobs = room;
	p->blobs_len = need;
	return 0;
}

/* 0 or more items were taken; -EAGAIN: there were none. */
static int acquire(hvcal_provider_t *p)
{
	struct hvcal_acquire acquire = {
		.items = {
			.stride = sizeof(p->items[0]),
			.count = PROVIDER_BATCH,
			.ptr = (uintptr_t)p->items,
		},
		.blobs = { .ptr = (uintptr_t)p->blobs, .len = p->blobs_len },
	};
	int ret;

	provider_fault_acquire(p);
	ret = p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_ACQUIRE, &acquire);
	if (ret == -EMSGSIZE)
		return blobs_grow(p, acquire.blob_used);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < acquire.items.count; i++)
		item_take(p, &p->items[i]);
	return 0;
}

#define DRAIN_LOOK_MS 5		/* streams end in threads of their own */

/* Until @stop_fd is readable; with @end_ns, or until no stream is left, but not longer. */
static int work(hvcal_provider_t *p, int stop_fd, uint64_t end_ns)
{
	struct pollfd fds[3] = {
		{ .fd = p->fd, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
		{ .fd = p->lost_fd, .events = POLLIN },
	};
	int ret;

	while (!end_ns || p->streams) {
		if (end_ns && hvcal_now_ns() >= end_ns)
			return -ETIMEDOUT;
		ret = p->sys->poll(p->sys, fds, 3, end_ns ? DRAIN_LOOK_MS : -1);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return ret;
		if (fds[1].revents)
			return 0;
		if (fds[2].revents)
			return -ENXIO;
		if (fds[0].revents & (POLLERR | POLLHUP))
			return -ENODEV;
		ret = acquire(p);
		if (ret == -EMFILE || ret == -ENFILE || ret == -ENOMEM) {
			/* the work stays queued; a stream that ends gives fds back */
			provider_log(p, LOG_ERR, "cannot take more work: %s", strerror(-ret));
			p->sys->poll(p->sys, &fds[1], 2, 100);
		} else if (ret && ret != -EAGAIN) {
			return ret;
		}
		provider_streams_reap(p, false);
	}
	return 0;
}

int hvcal_provider_run(hvcal_provider_t *p, int stop_fd)
{
	return work(p, stop_fd, 0);
}

int hvcal_provider_drain(hvcal_provider_t *p, int stop_fd, unsigned int timeout_ms)
{
	uint64_t end_ns = hvcal_now_ns() + timeout_ms * 1000000ULL;

	for (unsigned int i = 0; i < p->nengines; i++) {
		struct hvcal_engine_update update = {
			.engine = p->engines[i].id,
			.flags = HVCAL_ENGINE_UPDATE_DRAIN,
		};
		int ret = p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_ENGINE_UPDATE, &update);

		if (ret)
			return ret == -EINVAL ? -EOPNOTSUPP : ret;
	}
	return work(p, stop_fd, end_ns);
}

void hvcal_provider_close(hvcal_provider_t **provider)
{
	hvcal_provider_t *p = *provider;

	if (!p)
		return;
	*provider = NULL;
	provider_streams_reap(p, true);
	provider_buffers_free(p);
	for (unsigned int i = 0; i < p->nengines; i++)
		hvcal_plugin_engine_destroy(&p->engines[i].plugin);
	p->sys->close(p->sys, p->fd);
	provider_items_free(p);
	provider_free(p);
}
