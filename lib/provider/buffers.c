// SPDX-License-Identifier: MIT
/* Buffers that the kernel has given to this provider. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "internal.h"

/* The size of a DMA-BUF is where seeking to its end leads. */
static size_t fd_size(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);

	return end > 0 ? (size_t)end : 0;
}

int provider_buffer_add(hvcal_provider_t *p, const struct hvcal_item *item, const void *layout)
{
	struct provider_buffer *b = calloc(1, sizeof(*b));
	size_t len = item->params_len;

	if (!b) {
		for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
			if (item->fds[i] >= 0)
				p->sys->close(p->sys, item->fds[i]);
		return -ENOMEM;
	}
	b->id = item->buffer;
	b->refs = 1;
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++) {
		b->fd[i] = item->fds[i];
		if (b->fd[i] >= 0)
			b->len[i] = fd_size(b->fd[i]);
	}
	if (len)
		memcpy(&b->layout, layout, len < sizeof(b->layout) ? len : sizeof(b->layout));
	/* the kernel lets nobody but our own client say this, and to private engines alone */
	if (item->buffer_flags & HVCAL_BUFFER_PRIVATE)
		b->len[0] = b->layout.device_size;
	else
		b->layout.flags &= ~HVCAL_LAYOUT_DEVICE;

	pthread_mutex_lock(&p->lock);
	b->next = p->buffers;
	p->buffers = b;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static struct provider_buffer **find_locked(hvcal_provider_t *p, uint32_t id)
{
	struct provider_buffer **at = &p->buffers;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static void destroy(hvcal_provider_t *p, struct provider_buffer *b)
{
	while (b->views) {
		struct provider_view *v = b->views;

		b->views = v->next;
		if (v->buffer.priv && v->engine->plugin.ops->forget)
			v->engine->plugin.ops->forget(v->engine->plugin.ctx, &v->buffer);
		free(v);
	}
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++) {
		if (b->map[i])
			p->sys->munmap(p->sys, b->map[i], b->len[i]);
		if (b->fd[i] >= 0)
			p->sys->close(p->sys, b->fd[i]);
	}
	free(b);
}

struct provider_buffer *provider_buffer_get(hvcal_provider_t *p, uint32_t id)
{
	struct provider_buffer *b;

	pthread_mutex_lock(&p->lock);
	b = *find_locked(p, id);
	if (b)
		b->refs++;
	pthread_mutex_unlock(&p->lock);
	return b;
}

void provider_buffer_put(hvcal_provider_t *p, struct provider_buffer *b)
{
	bool last;

	if (!b)
		return;
	pthread_mutex_lock(&p->lock);
	last = !--b->refs;
	pthread_mutex_unlock(&p->lock);
	if (last)
		destroy(p, b);
}

void provider_buffer_drop(hvcal_provider_t *p, uint32_t id)
{
	struct provider_buffer **at, *b;

	pthread_mutex_lock(&p->lock);
	at = find_locked(p, id);
	b = *at;
	if (b)
		*at = b->next;
	pthread_mutex_unlock(&p->lock);
	provider_buffer_put(p, b);
}

static int map_locked(hvcal_provider_t *p, struct provider_buffer *b)
{
	int error = 0;

	for (unsigned int i = 0; i < HVCAL_MAX_PLANES && !error; i++)
		if (b->fd[i] >= 0 && !b->map[i])
			b->map[i] = p->sys->mmap(p->sys, b->len[i], b->fd[i], &error);
	return error;
}

static struct provider_view *view_locked(struct provider_buffer *b,
					 struct provider_engine *engine)
{
	struct provider_view *v;

	for (v = b->views; v; v = v->next)
		if (v->engine == engine)
			return v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->engine = engine;
	v->buffer.layout = b->layout;
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++) {
		v->buffer.fd[i] = b->fd[i];
		v->buffer.len[i] = b->len[i];
	}
	v->next = b->views;
	b->views = v;
	return v;
}

struct hvcal_engine_buffer *provider_buffer_view(hvcal_provider_t *p, struct provider_buffer *b,
						 struct provider_engine *engine, bool map,
						 int *error)
{
	struct provider_view *v;

	*error = 0;
	pthread_mutex_lock(&p->lock);
	v = view_locked(b, engine);
	if (!v)
		*error = -ENOMEM;
	else if (map)
		*error = map_locked(p, b);
	if (v && map && !*error)
		memcpy(v->buffer.map, b->map, sizeof(v->buffer.map));
	pthread_mutex_unlock(&p->lock);
	return *error ? NULL : &v->buffer;
}

void provider_buffer_sync(hvcal_provider_t *p, const struct provider_buffer *b, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	/* Memory that needs none says so with an error, which is fine. */
	for (unsigned int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (b->map[i])
			p->sys->ioctl(p->sys, b->fd[i], DMA_BUF_IOCTL_SYNC, &sync);
}

void provider_buffers_free(hvcal_provider_t *p)
{
	while (p->buffers)
		provider_buffer_drop(p, p->buffers->id);
}
