// SPDX-License-Identifier: MIT
/* Back end: engines within this process. The table and the buffers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "direct.h"

#define MAX_QUEUED 256U

/* ------------------------------------------------------------------------ */
/* Buffers                                                                  */

static void buffer_free(struct direct *d, struct direct_buffer *b)
{
	const struct hvcal_sys *sys = d->be.ctx->sys;
	const struct hvcal_engine_plugin *ops;
	struct direct_view *v;
	int i;

	while ((v = b->views)) {
		b->views = v->next;
		ops = v->engine->e.ops;
		if (v->eb.priv && ops->forget)
			ops->forget(v->engine->e.ctx, &v->eb);
		free(v);
	}
	for (i = 0; i < HVCAL_MAX_PLANES; i++)
		if (b->mapped[i])
			sys->munmap(sys, b->map[i], b->len[i]);
	free(b);
}

/* What is mapped already is used; the rest is mapped now, for all engines. */
static int buffer_map(struct direct *d, struct direct_buffer *b)
{
	const struct hvcal_sys *sys = d->be.ctx->sys;
	const hvcal_buffer_t *pub = &b->buf->pub;
	off_t end;
	int i, ret;

	for (i = 0; i < HVCAL_MAX_PLANES; i++) {
		if (pub->fd[i] < 0 || b->map[i])
			continue;
		if (!i && pub->cpu_ptr) {
			b->map[i] = pub->cpu_ptr;
			b->len[i] = pub->size;
			continue;
		}
		end = lseek(pub->fd[i], 0, SEEK_END);
		if (end <= 0)
			return end ? -errno : -EINVAL;
		ret = 0;
		b->len[i] = (size_t)end;
		b->map[i] = sys->mmap(sys, b->len[i], pub->fd[i], &ret);
		if (!b->map[i])
			return ret;
		b->mapped[i] = true;
	}
	return 0;
}

static int handle_new(struct direct *d, struct direct_buffer *b, uint32_t *handle)
{
	struct direct_buffer **list;
	uint32_t i;

	for (i = 0; i < d->buffer_room; i++)
		if (!d->buffers[i])
			break;
	if (i == d->buffer_room) {
		list = realloc(d->buffers, (i + 64) * sizeof(*list));
		if (!list)
			return -ENOMEM;
		memset(list + i, 0, 64 * sizeof(*list));
		d->buffers = list;
		d->buffer_room = i + 64;
	}
	d->buffers[i] = b;
	*handle = i + 1;
	return 0;
}

int direct_buffer_add(struct hvcal_be *be, struct hvcal_buf *buf, uint32_t flags,
		      uint32_t *handle)
{
	struct direct *d = (struct direct *)be;
	struct direct_buffer *b = calloc(1, sizeof(*b));
	int ret;

	if (!b)
		return -ENOMEM;
	b->buf = buf;
	if (flags & HVCAL_BUFFER_SOURCE)
		hvcal_buf_layout(&buf->pub, &b->layout);
	pthread_mutex_lock(&d->lock);
	ret = handle_new(d, b, handle);
	pthread_mutex_unlock(&d->lock);
	if (ret)
		free(b);
	return ret;
}

void direct_buffer_drop(struct hvcal_be *be, uint32_t handle)
{
	struct direct *d = (struct direct *)be;
	struct direct_buffer *b;

	pthread_mutex_lock(&d->lock);
	b = d->buffers[handle - 1];
	d->buffers[handle - 1] = NULL;
	pthread_mutex_unlock(&d->lock);
	buffer_free(d, b);
}

static int view_new(struct direct *d, struct direct_buffer *b,
		    struct direct_engine *engine, struct direct_view **out)
{
	uint32_t want = b->layout.size ? HVCAL_ENGINE_MAP_SOURCE : HVCAL_ENGINE_MAP_TARGET;
	bool device = b->layout.flags & HVCAL_LAYOUT_DEVICE;
	bool map = engine->e.desc.flags & want && !device;
	struct direct_view *v;
	int i, ret;

	if (device && !(engine->e.desc.flags & HVCAL_ENGINE_DEVICE_MEMORY))
		return -EXDEV;

	if (map) {
		ret = buffer_map(d, b);
		if (ret)
			return ret;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->engine = engine;
	v->eb.layout = b->layout;
	for (i = 0; i < HVCAL_MAX_PLANES; i++) {
		v->eb.fd[i] = b->buf->pub.fd[i];
		v->eb.map[i] = map ? b->map[i] : NULL;
		v->eb.len[i] = b->len[i] ? b->len[i] : i ? 0 : b->buf->pub.size;
	}
	v->next = b->views;
	b->views = v;
	*out = v;
	return 0;
}

int direct_buffer_view(struct direct *d, uint32_t handle, struct direct_engine *engine,
		       struct hvcal_engine_buffer **out)
{
	struct direct_buffer *b;
	struct direct_view *v;
	int ret = 0;

	pthread_mutex_lock(&d->lock);
	b = handle && handle <= d->buffer_room ? d->buffers[handle - 1] : NULL;
	if (!b) {
		ret = -ENOENT;
	} else {
		for (v = b->views; v; v = v->next)
			if (v->engine == engine)
				break;
		if (!v)
			ret = view_new(d, b, engine, &v);
		if (!ret)
			*out = &v->eb;
	}
	pthread_mutex_unlock(&d->lock);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* The back end                                                             */

static int direct_caps(struct hvcal_be *be, struct hvcal_caps *arg)
{
	(void)be;
	memset(arg, 0, sizeof(*arg));
	arg->abi_major = HVCAL_ABI_MAJOR;
	arg->abi_minor = HVCAL_ABI_MINOR;
	arg->features = HVCAL_FEATURE_IN_FENCE | HVCAL_FEATURE_IMPLICIT_FENCE |
			HVCAL_FEATURE_OUT_FENCE | HVCAL_FEATURE_PACING;
	arg->event_size = sizeof(struct hvcal_event);
	arg->max_queued = MAX_QUEUED;
	arg->max_batch = HVCAL_BATCH_MAX;
	return 0;
}

static void direct_close(struct hvcal_be *be)
{
	struct direct *d = (struct direct *)be;

	/* sessions and buffers hold the context: there are none any more */
	direct_engines_close(d);
	hvcal_options_destroy(&d->options);
	pthread_mutex_destroy(&d->lock);
	free(d->buffers);
	free(d);
}

static const struct hvcal_be_ops direct_ops = {
	.kind = HVCAL_BACKEND_DIRECT,
	.close = direct_close,
	.caps = direct_caps,
	.engine_list = direct_engine_list,
	.engine_absent = direct_engine_absent,
	.engine_caps = direct_engine_caps,
	.gpu_list = direct_gpu_list,
	.session_create = direct_session_create,
	.session_reconfigure = direct_session_reconfigure,
	.session_flush = direct_session_flush,
	.session_destroy = direct_session_destroy,
	.session_stats = direct_session_stats,
	.buffer_add = direct_buffer_add,
	.buffer_drop = direct_buffer_drop,
	.submit = direct_submit,
	.cancel = direct_cancel,
	.fence = direct_fence,
};

static void host_log(void *cookie, int level, const char *line)
{
	struct direct *d = cookie;

	hvcal_log(&d->be.ctx->log, level, "%s", line);
}

static const char *host_option(void *cookie, const char *key)
{
	struct direct *d = cookie;

	return hvcal_options_get(d->options, key);
}

int hvcal_direct_open(hvcal_context_t *ctx, const hvcal_init_params_t *params,
		      const struct hvcal_plugin_list *list, struct hvcal_be **out)
{
	struct direct *d = calloc(1, sizeof(*d));
	int ret = -ENOMEM;

	if (!d)
		return ret;
	d->be.ops = &direct_ops;
	d->be.ctx = ctx;
	pthread_mutex_init(&d->lock, NULL);
	d->host = (struct hvcal_engine_host){
		.cookie = d,
		.done = direct_job_done,
		.started = direct_job_started,
		.log = host_log,
		.option = host_option,
	};
	d->options = hvcal_options_create();
	if (d->options)
		ret = params->engine_options ?
		      hvcal_options_add(d->options, params->engine_options, params->reason,
					params->reason_len) : 0;
	if (!ret)
		ret = direct_engines_open(d, params, list);
	if (ret) {
		direct_close(&d->be);
		return ret;
	}
	hvcal_log(&ctx->log,
		  params->backend == HVCAL_BACKEND_DIRECT ? HVCAL_LOG_INFO : HVCAL_LOG_WARN,
		  "direct mode: no %s; the engines run inside this process, without arbitration between processes and without protection from their crashes",
		  params->device_path);
	*out = &d->be;
	return 0;
}
