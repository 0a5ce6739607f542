// SPDX-License-Identifier: GPL-2.0
/* Imported DMA-BUFs, and which providers have them. */
#include <linux/slab.h>

#include "hvcal_internal.h"

static void buffer_put_dmabufs(struct dma_buf *dmabufs[HVCAL_MAX_PLANES])
{
	unsigned int i;

	for (i = 0; i < HVCAL_MAX_PLANES; i++)
		if (dmabufs[i])
			dma_buf_put(dmabufs[i]);
}

struct hvcal_buffer *hvcal_buffer_create(struct dma_buf *dmabufs[HVCAL_MAX_PLANES],
					 u32 flags, u32 gpu)
{
	struct hvcal_buffer *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!b) {
		buffer_put_dmabufs(dmabufs);
		return NULL;
	}
	kref_init(&b->ref);
	b->flags = flags;
	b->gpu = gpu;
	for (i = 0; i < HVCAL_MAX_PLANES; i++) {
		b->dmabufs[i] = dmabufs[i];
		if (dmabufs[i])
			b->size += dmabufs[i]->size;
	}
	INIT_LIST_HEAD(&b->imports);
	hvcal_object_add(HVCAL_OBJ_BUFFERS);
	return b;
}

int hvcal_buffer_charge(struct hvcal_buffer *b, struct hvcal_user *user)
{
	int ret = hvcal_user_charge(user, HVCAL_CHARGE_BUFFERS, 1);

	if (ret)
		return ret;
	ret = hvcal_user_charge(user, HVCAL_CHARGE_BYTES, b->size);
	if (ret)
		hvcal_user_uncharge(user, HVCAL_CHARGE_BUFFERS, 1);
	else
		b->user = user;
	return ret;
}

/* The last user is gone: tell every provider that it may close its fds. */
static void buffer_tell_drop(struct hvcal_buffer *b)
{
	struct hvcal_import *imp, *tmp;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry_safe(imp, tmp, &b->imports, buffer_link) {
		list_del_init(&imp->buffer_link);
		list_move_tail(&imp->link, &imp->provider->drops);
		hvcal_provider_wake(imp->provider);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static void buffer_release(struct kref *ref)
{
	struct hvcal_buffer *b = container_of(ref, struct hvcal_buffer, ref);

	buffer_tell_drop(b);
	buffer_put_dmabufs(b->dmabufs);
	if (b->user) {
		hvcal_user_uncharge(b->user, HVCAL_CHARGE_BUFFERS, 1);
		hvcal_user_uncharge(b->user, HVCAL_CHARGE_BYTES, b->size);
	}
	kfree(b);
	hvcal_object_del(HVCAL_OBJ_BUFFERS);
}

void hvcal_buffer_get(struct hvcal_buffer *b)
{
	kref_get(&b->ref);
}

void hvcal_buffer_put(struct hvcal_buffer *b)
{
	if (!b)
		return;
	might_sleep();
	kref_put(&b->ref, buffer_release);
}

struct hvcal_import *hvcal_buffer_import_locked(struct hvcal_buffer *b,
						struct hvcal_provider *provider)
{
	struct hvcal_import *imp;

	lockdep_assert_held(&hvcal.lock);

	list_for_each_entry(imp, &b->imports, buffer_link)
		if (imp->provider == provider)
			return imp;
	return NULL;
}
