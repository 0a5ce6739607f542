// SPDX-License-Identifier: MIT
/* The context: choice of the back end, lists, distribution of events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"
#include "session.h"

#define EVENTS_AT_ONCE 16U

hvcal_context_t *hvcal_context_ref(hvcal_context_t *ctx)
{
	atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
	return ctx;
}

void hvcal_context_unref(hvcal_context_t *ctx)
{
	if (atomic_fetch_sub(&ctx->refs, 1) != 1)
		return;
	if (ctx->be)
		ctx->be->ops->close(ctx->be);
	free(ctx->events);
	pthread_mutex_destroy(&ctx->read_lock);
	pthread_mutex_destroy(&ctx->lock);
	pthread_mutex_destroy(&ctx->import_lock);
	free(ctx);
}

/* The parameter decides, then the environment, then what is there. */
static int choose_backend(const hvcal_init_params_t *p, const struct hvcal_sys *sys,
			  uint32_t *backend)
{
	const char *env = secure_getenv("HVCAL_BACKEND");
	int fd;

	*backend = p->backend;
	if (*backend == HVCAL_BACKEND_AUTO && env && *env) {
		if (!strcmp(env, "kernel"))
			*backend = HVCAL_BACKEND_KERNEL;
		else if (!strcmp(env, "direct"))
			*backend = HVCAL_BACKEND_DIRECT;
		else if (strcmp(env, "auto") != 0) {
			hvcal_reason(p->reason, p->reason_len,
				     "HVCAL_BACKEND=%s is none of auto, kernel, direct", env);
			return -EINVAL;
		}
	}
	if (*backend == HVCAL_BACKEND_AUTO) {
		/* a node that is there but closed to us must not be passed over */
		fd = sys->open(sys, p->device_path, 0);
		if (fd >= 0)
			sys->close(sys, fd);
		*backend = fd == -ENOENT || fd == -ENXIO || fd == -ENODEV ?
			   HVCAL_BACKEND_DIRECT : HVCAL_BACKEND_KERNEL;
	}
	return 0;
}

static int events_prepare(hvcal_context_t *ctx)
{
	size_t one = sizeof(struct hvcal_event);

	if (!ctx->be->ops->read_events)
		return 0;
	if (ctx->caps.event_size > one)
		one = ctx->caps.event_size;
	ctx->events_len = EVENTS_AT_ONCE * one;
	ctx->events = malloc(ctx->events_len);
	return ctx->events ? 0 : -ENOMEM;
}

static int take_params(hvcal_init_params_t *p, const hvcal_init_params_t *params)
{
	int ret = 0;

	hvcal_init_params_default(p, sizeof(*p));
	if (params)
		ret = hvcal_struct_get(p, sizeof(*p), params, HVCAL_INIT_PARAMS_V1);
	if (ret)
		return ret;
	if (!p->log_level)
		p->log_level = HVCAL_LOG_WARN;
	if (!p->device_path)
		p->device_path = HVCAL_CLIENT_NODE;
	if (p->backend > HVCAL_BACKEND_DIRECT || p->reserved) {
		hvcal_reason(p->reason, p->reason_len,
			     "backend is none of enum hvcal_backend, or reserved is not zero");
		return -EINVAL;
	}
	return 0;
}

int hvcal_context_create(hvcal_context_t **out, const hvcal_init_params_t *params,
			 const struct hvcal_sys *sys,
			 const struct hvcal_plugin_list *list)
{
	hvcal_init_params_t p;
	hvcal_context_t *ctx;
	uint32_t backend;
	int ret;

	if (!out)
		return -EINVAL;
	ret = take_params(&p, params);
	if (!ret)
		ret = choose_backend(&p, sys, &backend);
	if (ret)
		return ret;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	atomic_init(&ctx->refs, 1);
	ctx->sys = sys;
	ctx->log = (struct hvcal_log){ p.log, p.log_cookie, p.log_level };
	ctx->event_fd = -1;
	pthread_mutex_init(&ctx->read_lock, NULL);
	pthread_mutex_init(&ctx->lock, NULL);
	pthread_mutex_init(&ctx->import_lock, NULL);
	ret = backend == HVCAL_BACKEND_KERNEL ?
	      hvcal_kernel_open(ctx, &p, &ctx->be) :
	      hvcal_direct_open(ctx, &p, list, &ctx->be);
	if (!ret)
		ret = ctx->be->ops->caps(ctx->be, &ctx->caps);
	if (!ret && ctx->caps.abi_major != HVCAL_ABI_MAJOR) {
		hvcal_reason(p.reason, p.reason_len,
			     "the kernel module speaks ABI %u and this library ABI %u: install matching versions",
			     ctx->caps.abi_major, HVCAL_ABI_MAJOR);
		ret = -EPROTO;
	}
	if (!ret)
		ret = events_prepare(ctx);
	if (ret) {
		hvcal_context_unref(ctx);
		return ret;
	}
	if (ctx->be->ops->event_fd)
		ctx->event_fd = ctx->be->ops->event_fd(ctx->be);
	*out = ctx;
	return 0;
}

int hvcal_initialize(hvcal_context_t **ctx, const hvcal_init_params_t *params)
{
	return hvcal_context_create(ctx, params, &hvcal_sys_default, NULL);
}

void hvcal_shutdown(hvcal_context_t **ctx)
{
	if (!ctx || !*ctx)
		return;
	hvcal_context_unref(*ctx);
	*ctx = NULL;
}

uint32_t hvcal_get_backend(hvcal_context_t *ctx)
{
	return ctx ? ctx->be->ops->kind : 0;
}

/* ------------------------------------------------------------------------ */
/* Events                                                                   */

void hvcal_context_dispatch(hvcal_context_t *ctx, const struct hvcal_event *event)
{
	hvcal_session_t *s;

	pthread_mutex_lock(&ctx->lock);
	for (s = ctx->sessions; s; s = s->next)
		if (s->handle == event->session)
			break;
	if (s)
		hvcal_session_ref(s);
	pthread_mutex_unlock(&ctx->lock);
	if (!s)
		return; /* of a session that was destroyed meanwhile */
	hvcal_session_event(s, event);
	hvcal_session_unref(s);
}

/* The device is gone: every session learns it once. */
static void context_gone(hvcal_context_t *ctx)
{
	struct hvcal_event lost = { .size = sizeof(lost), .type = HVCAL_EVENT_LOST,
				    .status = -ENODEV };
	hvcal_session_t *s;

	pthread_mutex_lock(&ctx->lock);
	if (!ctx->gone)
		for (s = ctx->sessions; s; s = s->next)
			hvcal_session_event(s, &lost);
	ctx->gone = true;
	pthread_mutex_unlock(&ctx->lock);
}

/* Records may be longer (newer module) or shorter (older one) than ours. */
static int dispatch_all(hvcal_context_t *ctx, const char *p, size_t len)
{
	struct hvcal_event event;
	uint32_t size;

	while (len) {
		if (len < sizeof(size))
			return -EPROTO;
		memcpy(&size, p, sizeof(size));
		if (size < offsetof(struct hvcal_event, job) || size > len)
			return -EPROTO;
		memset(&event, 0, sizeof(event));
		memcpy(&event, p, size < sizeof(event) ? size : sizeof(event));
		hvcal_context_dispatch(ctx, &event);
		p += size;
		len -= size;
	}
	return 0;
}

int hvcal_context_pump(hvcal_context_t *ctx)
{
	ssize_t n;
	int ret = 0;

	if (!ctx->be->ops->read_events)
		return 0;
	pthread_mutex_lock(&ctx->read_lock);
	n = ctx->be->ops->read_events(ctx->be, ctx->events, ctx->events_len);
	if (n > 0) {
		ret = dispatch_all(ctx, ctx->events, (size_t)n);
		if (ret)
			hvcal_log(&ctx->log, HVCAL_LOG_ERROR,
				  "the kernel module sends broken event records: its version and this library's do not fit");
	} else if (n < 0 && n != -EAGAIN) {
		ret = (int)n;
	}
	pthread_mutex_unlock(&ctx->read_lock);
	if (ret)
		context_gone(ctx);
	return ret;
}
