// SPDX-License-Identifier: MIT
#include "fake_provider.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S 60	/* for what should come at once */

static struct fake_provider *self(const struct hvcal_sys *sys)
{
	return (struct fake_provider *)(uintptr_t)sys;
}

static int fake_sys_open(const struct hvcal_sys *sys, const char *path, int flags)
{
	struct fake_provider *k = self(sys);

	(void)flags;
	if (strcmp(path, HVCAL_PROVIDER_NODE))
		return -ENOENT;
	if (k->open_error)
		return k->open_error;
	k->open_fds++;
	return dup(k->event);
}

static void fake_sys_close(const struct hvcal_sys *sys, int fd)
{
	struct fake_provider *k = self(sys);

	pthread_mutex_lock(&k->lock);
	k->open_fds--;
	pthread_mutex_unlock(&k->lock);
	close(fd);
}

static void *fake_sys_mmap(const struct hvcal_sys *sys, size_t len, int fd, int *error)
{
	struct fake_provider *k = self(sys);
	void *map = hvcal_sys_default.mmap(&hvcal_sys_default, len, fd, error);

	pthread_mutex_lock(&k->lock);
	k->maps += !!map;
	pthread_mutex_unlock(&k->lock);
	return map;
}

static void fake_sys_munmap(const struct hvcal_sys *sys, void *map, size_t len)
{
	struct fake_provider *k = self(sys);

	pthread_mutex_lock(&k->lock);
	k->maps--;
	pthread_mutex_unlock(&k->lock);
	hvcal_sys_default.munmap(&hvcal_sys_default, map, len);
}

static int fake_sys_poll(const struct hvcal_sys *sys, struct pollfd *fds, unsigned int n,
			 int timeout_ms)
{
	(void)sys;
	return hvcal_sys_default.poll(&hvcal_sys_default, fds, n, timeout_ms);
}

/* ---- ioctls ---- */

static int take_items(struct fake_provider *k, struct hvcal_acquire *a)
{
	struct hvcal_item *out = (struct hvcal_item *)(uintptr_t)a->items.ptr;
	unsigned char *blobs = (unsigned char *)(uintptr_t)a->blobs.ptr;
	uint32_t room = a->items.count, n = 0;
	uint64_t used = 0, event;

	if (a->items.stride != sizeof(*out))
		return -EINVAL;
	if (a->blobs.len < k->blobs_need) {
		a->blob_used = k->blobs_need;
		return -EMSGSIZE;
	}
	while (k->count && n < room && used + 2 * FAKE_PARAMS <= a->blobs.len) {
		struct fake_item *f = &k->items[k->first];

		out[n] = f->item;
		out[n].params_off = (uint32_t)used;
		memcpy(blobs + used, f->params, FAKE_PARAMS);
		used += FAKE_PARAMS;
		out[n].meta_off = (uint32_t)used;
		memcpy(blobs + used, f->meta, FAKE_PARAMS);
		used += FAKE_PARAMS;
		k->first = (k->first + 1) % FAKE_ITEMS;
		k->count--;
		n++;
	}
	a->items.count = n;
	a->blob_used = used;
	if (!k->count && read(k->event, &event, sizeof(event)) < 0 && errno != EAGAIN)
		return -errno;
	return n ? 0 : -EAGAIN;
}

static int fake_acquire(struct fake_provider *k, struct hvcal_acquire *a)
{
	k->acquires++;
	if (k->acquire_errors) {
		k->acquire_errors--;
		return k->acquire_error;
	}
	return take_items(k, a);
}

static int fake_complete(struct fake_provider *k, struct hvcal_complete *c)
{
	struct hvcal_item_result *r = (struct hvcal_item_result *)(uintptr_t)c->results.ptr;

	k->completes++;
	if (k->complete_error)
		return k->complete_error;
	for (uint32_t i = 0; i < c->results.count && k->nresults < FAKE_ITEMS; i++) {
		struct fake_result *kept = &k->results[k->nresults++];

		r[i].verdict = k->verdict;
		kept->r = r[i];
		if (r[i].result.len)
			memcpy(&kept->frame, (const void *)(uintptr_t)r[i].result.ptr,
			       r[i].result.len < sizeof(kept->frame) ? r[i].result.len :
			       sizeof(kept->frame));
	}
	pthread_cond_broadcast(&k->wake);
	return 0;
}

static int fake_sync(struct fake_provider *k, const struct dma_buf_sync *sync)
{
	k->syncs++;
	k->sync_depth += sync->flags & DMA_BUF_SYNC_END ? -1 : 1;
	k->sync_pairs_wrong |= k->sync_depth < 0;
	return 0;
}

static int fake_sys_ioctl(const struct hvcal_sys *sys, int fd, unsigned long request, void *arg)
{
	struct fake_provider *k = self(sys);
	int ret = -ENOTTY;

	(void)fd;
	pthread_mutex_lock(&k->lock);
	switch (request) {
	case HVCAL_IOC_ENGINE_REGISTER:
		ret = k->register_error;
		k->reg = *(struct hvcal_engine_register *)arg;
		((struct hvcal_engine_register *)arg)->engine = FAKE_ENGINE + k->registered;
		k->registered += !ret;
		break;
	case HVCAL_IOC_ENGINE_UPDATE:
		ret = k->update_error;
		k->update = *(struct hvcal_engine_update *)arg;
		k->updates++;
		break;
	case HVCAL_IOC_ACQUIRE:
		ret = fake_acquire(k, arg);
		break;
	case HVCAL_IOC_COMPLETE:
		ret = fake_complete(k, arg);
		break;
	case HVCAL_IOC_ACCEPT:
		k->accepts++;
		ret = 0;
		break;
	case DMA_BUF_IOCTL_SYNC:
		ret = fake_sync(k, arg);
		break;
	}
	pthread_mutex_unlock(&k->lock);
	return ret;
}

void fake_provider_init(struct fake_provider *k)
{
	memset(k, 0, sizeof(*k));
	k->sys = hvcal_sys_default;
	k->sys.open = fake_sys_open;
	k->sys.close = fake_sys_close;
	k->sys.ioctl = fake_sys_ioctl;
	k->sys.poll = fake_sys_poll;
	k->sys.mmap = fake_sys_mmap;
	k->sys.munmap = fake_sys_munmap;
	k->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	k->next_id = 100;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
}

void fake_provider_finish(struct fake_provider *k)
{
	/* what nobody fetched was never given out */
	for (; k->count; k->count--, k->first = (k->first + 1) % FAKE_ITEMS)
		if (k->items[k->first].item.type == HVCAL_ITEM_BUFFER_ADD)
			close(k->items[k->first].item.fds[0]);
	close(k->event);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
}

/* ---- items ---- */

uint64_t fake_item(struct fake_provider *k, struct hvcal_item item, const void *params,
		   size_t params_len)
{
	uint64_t one = 1;
	struct fake_item *f;

	pthread_mutex_lock(&k->lock);
	f = &k->items[(k->first + k->count++) % FAKE_ITEMS];
	memset(f, 0, sizeof(*f));
	if (!item.id)
		item.id = ++k->next_id;
	item.params_len = (uint32_t)params_len;
	f->item = item;
	if (params_len)
		memcpy(f->params, params, params_len);
	if (write(k->event, &one, sizeof(one)) < 0)
		item.id = 0;
	pthread_mutex_unlock(&k->lock);
	return item.id;
}

uint64_t fake_open(struct fake_provider *k, uint32_t stream,
		   const struct hvcal_codec_config *config)
{
	struct hvcal_item item = {
		.type = HVCAL_ITEM_OPEN, .engine = FAKE_ENGINE, .stream = stream,
	};

	return fake_item(k, item, config, sizeof(*config));
}

uint64_t fake_simple(struct fake_provider *k, uint32_t stream, uint32_t type)
{
	struct hvcal_item item = { .type = type, .engine = FAKE_ENGINE, .stream = stream };

	return fake_item(k, item, NULL, 0);
}

uint64_t fake_frame(struct fake_provider *k, uint32_t stream, uint32_t source,
		    uint32_t target, int64_t pts)
{
	struct hvcal_frame_params params = { .size = sizeof(params), .pts = pts };
	struct hvcal_item item = {
		.type = HVCAL_ITEM_ENCODE, .engine = FAKE_ENGINE, .stream = stream,
		.source = source, .target = target, .target_size = 4096,
	};

	return fake_item(k, item, &params, sizeof(params));
}

void fake_buffer(struct fake_provider *k, uint32_t number, int fd,
		 const struct hvcal_frame_layout *layout)
{
	struct hvcal_item item = {
		.type = HVCAL_ITEM_BUFFER_ADD, .buffer = number, .fds = { dup(fd), -1, -1, -1 },
	};

	pthread_mutex_lock(&k->lock);
	k->open_fds++;
	pthread_mutex_unlock(&k->lock);
	fake_item(k, item, layout, layout ? sizeof(*layout) : 0);
}

void fake_drop(struct fake_provider *k, uint32_t number)
{
	struct hvcal_item item = { .type = HVCAL_ITEM_BUFFER_DROP, .buffer = number };

	fake_item(k, item, NULL, 0);
}

bool fake_wait(struct fake_provider *k, unsigned int n)
{
	struct timespec end;
	bool there;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += WAIT_S;
	pthread_mutex_lock(&k->lock);
	while (k->nresults < n &&
	       !pthread_cond_clockwait(&k->wake, &k->lock, CLOCK_MONOTONIC, &end))
		;
	there = k->nresults >= n;
	pthread_mutex_unlock(&k->lock);
	return there;
}

const struct fake_result *fake_answer(struct fake_provider *k, uint64_t id)
{
	const struct fake_result *found = NULL;

	pthread_mutex_lock(&k->lock);
	for (unsigned int i = 0; i < k->nresults; i++)
		if (k->results[i].r.id == id && !(k->results[i].r.flags & HVCAL_RESULT_HELD))
			found = &k->results[i];
	pthread_mutex_unlock(&k->lock);
	return found;
}
