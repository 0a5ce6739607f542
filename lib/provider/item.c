// SPDX-License-Identifier: MIT
/* Items in the hands of the provider. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct provider_item *provider_item_new(hvcal_provider_t *p)
{
	struct provider_item *item;

	pthread_mutex_lock(&p->lock);
	item = p->free_items;
	if (item)
		p->free_items = item->next;
	pthread_mutex_unlock(&p->lock);
	if (item) {
		void *meta = item->meta;
		size_t meta_cap = item->meta_cap;

		memset(item, 0, sizeof(*item));
		item->meta = meta;
		item->meta_cap = meta_cap;
		return item;
	}
	return calloc(1, sizeof(*item));
}

void provider_item_free(hvcal_provider_t *p, struct provider_item *item)
{
	for (unsigned int i = 0; i < 3; i++)
		provider_buffer_put(p, item->buffers[i]);
	pthread_mutex_lock(&p->lock);
	item->next = p->free_items;
	p->free_items = item;
	pthread_mutex_unlock(&p->lock);
}

int provider_item_set_meta(struct provider_item *item, const void *meta, uint32_t len)
{
	if (len > item->meta_cap) {
		void *room = realloc(item->meta, len);

		if (!room)
			return -ENOMEM;
		item->meta = room;
		item->meta_cap = len;
	}
	if (len)
		memcpy(item->meta, meta, len);
	item->job.meta = item->meta;
	item->job.meta_len = len;
	return 0;
}

void provider_item_begin(hvcal_provider_t *p, struct provider_item *item)
{
	pthread_mutex_lock(&p->lock);
	item->in_work = true;
	item->prev_work = NULL;
	item->next_work = p->work;
	if (p->work)
		p->work->prev_work = item;
	p->work = item;
	pthread_mutex_unlock(&p->lock);
}

void provider_item_end(hvcal_provider_t *p, struct provider_item *item)
{
	pthread_mutex_lock(&p->lock);
	if (item->in_work) {
		if (item->prev_work)
			item->prev_work->next_work = item->next_work;
		else
			p->work = item->next_work;
		if (item->next_work)
			item->next_work->prev_work = item->prev_work;
		item->in_work = false;
	}
	pthread_mutex_unlock(&p->lock);
}

static bool cancel_queued(struct provider_stream *s, uint64_t id)
{
	bool found = false;

	pthread_mutex_lock(&s->lock);
	for (struct provider_item *i = s->first; i; i = i->next)
		if (i->id == id) {
			atomic_store(&i->cancelled, true);
			found = true;
		}
	pthread_mutex_unlock(&s->lock);
	return found;
}

/* The lock keeps the item from being finished while the engine is told. */
void provider_item_cancel(hvcal_provider_t *p, uint64_t id)
{
	pthread_mutex_lock(&p->lock);
	for (struct provider_stream *s = p->streams; s; s = s->next)
		if (cancel_queued(s, id))
			goto out;
	for (struct provider_item *i = p->work; i; i = i->next_work) {
		const struct hvcal_engine_plugin *ops = i->stream->engine->plugin.ops;

		if (i->id != id)
			continue;
		if (ops->cancel)
			ops->cancel(i->stream->stream, &i->job);
		break;
	}
out:
	pthread_mutex_unlock(&p->lock);
}

void provider_items_free(hvcal_provider_t *p)
{
	while (p->free_items) {
		struct provider_item *item = p->free_items;

		p->free_items = item->next;
		free(item->meta);
		free(item);
	}
}
