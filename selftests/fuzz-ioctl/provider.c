// SPDX-License-Identifier: MIT
/* Operations on /dev/hvcal-provider. */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 16, BLOBS = 32768 };

static bool has_provider(const struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd >= 0)
			return true;
	return false;
}

static bool lacks_provider(const struct fz *z) { return !has_provider(z); }

static bool provider_room(const struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd < 0)
			return true;
	return false;
}

static bool has_engine(const struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd >= 0 && fz_any(z->providers[i].engines, FZ_ENGINES))
			return true;
	return false;
}

static bool lacks_engine(const struct fz *z) { return has_provider(z) && !has_engine(z); }

static bool has_items(const struct fz_provider *p)
{
	for (int i = 0; i < FZ_ITEMS; i++)
		if (p->items[i].id)
			return true;
	return false;
}

static bool has_item(const struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd >= 0 && has_items(&z->providers[i]))
			return true;
	return false;
}

static struct fz_provider *pick_provider(struct fz_actor *a, bool with_items)
{
	struct fz_provider *found = NULL;
	uint32_t at = fz_below(a, FZ_PROVIDERS);

	for (uint32_t i = 0; i < FZ_PROVIDERS; i++) {
		struct fz_provider *p = &a->z->providers[(at + i) % FZ_PROVIDERS];

		if (p->fd >= 0 && (!found || (with_items && !has_items(found) && has_items(p))))
			found = p;
	}
	return found ? found : &a->z->providers[at];
}

static struct fz_item *pick_item(struct fz_actor *a, struct fz_provider *p)
{
	uint32_t at = fz_below(a, FZ_ITEMS);

	for (uint32_t i = 0; i < FZ_ITEMS; i++)
		if (p->items[(at + i) % FZ_ITEMS].id)
			return &p->items[(at + i) % FZ_ITEMS];
	return &p->items[at];
}

struct fz_provider *fz_provider_free(struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++) {
		struct fz_provider *p = &z->providers[i];

		if (p->fd >= 0)
			continue;
		memset(p, 0, sizeof(*p));
		p->fd = -1;
		return p;
	}
	return NULL;
}

static void provider_open(struct fz_actor *a)
{
	struct fz_provider *p = fz_provider_free(a->z);

	if (p)
		p->fd = open(HVCAL_PROVIDER_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static void provider_close(struct fz_actor *a)
{
	struct fz_provider *p = pick_provider(a, false);
	int fd = p->fd;

	p->fd = -1;
	if (fd >= 0)
		fz_unlocked_close(a, fd);
}

static void fill_cap(struct fz_actor *a, struct hvcal_engine_cap *cap)
{
	*cap = (struct hvcal_engine_cap) {
		.op = HVCAL_OP_ENCODE,
		.codec = FZ_CODEC,
		.depth_mask = 1U << 8,
		.flags = fz_below(a, HVCAL_CAP_FLAGS_ALL + 1),
		.min_width = 1,
		.min_height = 1,
		.max_width = 8192,
		.max_height = 8192,
		.cost_ns_per_mpix = 1ULL << fz_below(a, 28),
		.formats = { HVCAL_FORMAT_NV12 },
	};
}

static void engine_register(struct fz_actor *a)
{
	struct hvcal_engine_register *arg = fz_room(a, sizeof(*arg));
	uint32_t count = 1 + fz_below(a, 3);
	struct hvcal_engine_cap *list = fz_room(a, count * sizeof(*list));
	struct fz_provider *p = pick_provider(a, false);
	int ret;

	for (uint32_t i = 0; i < count; i++)
		fill_cap(a, &list[i]);
	arg->kind = fz_one_in(a, 8) ? HVCAL_ENGINE_TEST : 1 + fz_below(a, 2);
	snprintf(arg->name, sizeof(arg->name), "fz-%u-%u", a->proc,
		 fz_one_in(a, 8) ? 0 : ++a->z->names);
	arg->flags = p->private ? HVCAL_ENGINE_PRIVATE : 0;
	if (fz_one_in(a, 16))
		arg->flags ^= 1U << fz_below(a, 3);
	arg->numa_node = -1;
	arg->slots = 1 + fz_below(a, fz_one_in(a, 4) ? 1024 : 4);
	arg->session_depth = 1 + fz_below(a, 8);
	arg->max_sessions = fz_one_in(a, 4) ? 1 + fz_below(a, 4) : 0;
	arg->caps = fz_array(a, list, sizeof(*list), count);
	ret = fz_call(a, p->fd, HVCAL_IOC_ENGINE_REGISTER, arg);
	if (!ret)
		fz_keep(a, p->engines, FZ_ENGINES, arg->engine);
	/* its client is gone, and it takes the place of one that is of use */
	if (ret == -ENODEV && p->private && p->fd >= 0) {
		int fd = p->fd;

		p->fd = -1;
		fz_unlocked_close(a, fd);
	}
}

static void engine_update(struct fz_actor *a)
{
	struct hvcal_engine_update *arg = fz_room(a, sizeof(*arg));
	struct fz_provider *p = pick_provider(a, false);

	arg->engine = fz_pick(a, p->engines, FZ_ENGINES);
	if (fz_one_in(a, 8)) {
		arg->flags = HVCAL_ENGINE_UPDATE_DRAIN;
	} else {
		arg->external_ppm = fz_below(a, 1000001);
		arg->max_sessions = fz_below(a, 5);
	}
	fz_call(a, p->fd, HVCAL_IOC_ENGINE_UPDATE, arg);
}

static void engine_unregister(struct fz_actor *a)
{
	struct hvcal_engine_unregister *arg = fz_room(a, sizeof(*arg));
	struct fz_provider *p = pick_provider(a, false);

	arg->engine = fz_pick(a, p->engines, FZ_ENGINES);
	if (!fz_call(a, p->fd, HVCAL_IOC_ENGINE_UNREGISTER, arg))
		fz_forget(p->engines, FZ_ENGINES, arg->engine);
}

static void take_item(struct fz_actor *a, struct fz_provider *p, const struct hvcal_item *item)
{
	uint32_t at = fz_below(a, FZ_ITEMS);

	if (item->type < 16)
		atomic_fetch_add(&a->shared->items[item->type], 1);
	if (item->type == HVCAL_ITEM_BUFFER_ADD)
		for (int i = 0; i < HVCAL_MAX_PLANES; i++)
			if (item->fds[i] > 2)
				close(item->fds[i]);
	if (item->type == HVCAL_ITEM_CANCEL || item->type == HVCAL_ITEM_BUFFER_ADD ||
	    item->type == HVCAL_ITEM_BUFFER_DROP)
		return;
	for (uint32_t i = 0; i < FZ_ITEMS && p->items[at].id; i++)
		at = (at + 1) % FZ_ITEMS;
	p->items[at] = (struct fz_item) { item->id, item->type };
}

static void acquire(struct fz_actor *a)
{
	struct hvcal_acquire *arg = fz_room(a, sizeof(*arg));
	struct hvcal_item *items = fz_room(a, ROOM * sizeof(*items));
	struct fz_provider *p = pick_provider(a, false);
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
	uint32_t size = fz_one_in(a, 8) ? fz_below(a, 512) : BLOBS;

	if (fz_one_in(a, 4)) {
		pthread_mutex_unlock(&a->z->lock);
		poll(&pfd, 1, 2);
		pthread_mutex_lock(&a->z->lock);
	}
	arg->items = fz_array(a, items, sizeof(*items),
			      fz_one_in(a, 8) ? fz_below(a, ROOM + 1) : ROOM);
	arg->blobs = (struct hvcal_blob) { (uintptr_t)fz_room(a, size), size, 0 };
	if (fz_call(a, p->fd, HVCAL_IOC_ACQUIRE, arg))
		return;
	/* only from where they must be: a spoiled call may have put them elsewhere */
	if (arg->items.ptr == (uintptr_t)items && arg->items.stride == sizeof(*items))
		for (uint32_t i = 0; i < arg->items.count && i < ROOM; i++)
			take_item(a, p, &items[i]);
}

static void accept_item(struct fz_actor *a)
{
	struct hvcal_accept *arg = fz_room(a, sizeof(*arg));
	struct fz_provider *p = pick_provider(a, true);
	int fence = fz_one_in(a, 4) ? fz_fence(a) : -1;

	arg->id = fz_one_in(a, 16) ? fz_below(a, 1000) : pick_item(a, p)->id;
	arg->fence = fence;
	fz_call(a, p->fd, HVCAL_IOC_ACCEPT, arg);
	if (fence >= 0)
		close(fence);
}

static void fill_result(struct fz_actor *a, struct fz_provider *p, struct hvcal_item_result *r)
{
	struct fz_item *item = pick_item(a, p);
	bool encode = item->type == HVCAL_ITEM_ENCODE;

	r->id = fz_one_in(a, 16) ? fz_below(a, 1000) : item->id;
	r->bytes = encode ? fz_below(a, 2000) : 0;
	if (encode)
		r->result = fz_blob(a, HVCAL_RESULT_MAX);
	if (fz_one_in(a, 12))
		r->status = -(int)(1 + fz_below(a, 130));
	if (encode && fz_one_in(a, 6))
		r->flags = 1U << fz_below(a, 3);
	if (encode && fz_one_in(a, 16))
		r->bytes = 1ULL << fz_below(a, 64);
	r->engine_ns = fz_one_in(a, 2) ? 0 : fz_below(a, 10000000);
	if (!(r->flags & HVCAL_RESULT_HELD) && !fz_one_in(a, 16))
		item->id = 0;
	if (a->spoil && fz_one_in(a, 2)) {
		((uint32_t *)r)[fz_below(a, sizeof(*r) / 4)] ^= 1U << fz_below(a, 32);
		a->spoil = false;
	}
}

static void complete(struct fz_actor *a)
{
	struct hvcal_complete *arg = fz_room(a, sizeof(*arg));
	uint32_t count = 1 + fz_below(a, fz_one_in(a, 4) ? 8 : 2);
	struct hvcal_item_result *results = fz_room(a, count * sizeof(*results));
	struct fz_provider *p = pick_provider(a, true);

	for (uint32_t i = 0; i < count; i++)
		fill_result(a, p, &results[i]);
	arg->results = fz_array(a, results, sizeof(*results), count);
	fz_call(a, p->fd, HVCAL_IOC_COMPLETE, arg);
}

static void item_check(struct fz_actor *a)
{
	struct hvcal_item_check *arg = fz_room(a, sizeof(*arg));
	struct fz_provider *p = pick_provider(a, true);

	arg->id = pick_item(a, p)->id;
	fz_call(a, p->fd, HVCAL_IOC_ITEM_CHECK, arg);
}

/* Calls of the other node: the roles must not mix. */
static void wrong_node(struct fz_actor *a)
{
	struct hvcal_acquire *arg = fz_room(a, sizeof(*arg));
	int client = a->z->clients[fz_below(a, FZ_CLIENTS)].fd;
	int provider = pick_provider(a, false)->fd;

	if (fz_one_in(a, 2))
		fz_call(a, client, HVCAL_IOC_ACQUIRE, arg);
	else
		fz_call(a, provider, HVCAL_IOC_JOB_SUBMIT, arg);
}

const struct fz_op fz_provider_ops[] = {
	{ "open provider", 200, lacks_provider, provider_open },
	{ "open another provider", 2, provider_room, provider_open },
	{ "close provider", 1, has_provider, provider_close },
	{ "ENGINE_REGISTER", 120, lacks_engine, engine_register },
	{ "ENGINE_REGISTER another", 2, has_provider, engine_register },
	{ "ENGINE_UPDATE", 3, has_engine, engine_update },
	{ "ENGINE_UNREGISTER", 1, has_engine, engine_unregister },
	{ "ACQUIRE", 70, has_engine, acquire },
	{ "ACCEPT", 12, has_item, accept_item },
	{ "COMPLETE", 80, has_item, complete },
	{ "ITEM_CHECK", 4, has_item, item_check },
	{ "wrong node", 1, has_provider, wrong_node },
	{ NULL, 0, NULL, NULL },
};
