// SPDX-License-Identifier: MIT
/*
 * Buffer pools. Free buffers are on a Treiber stack of indices; its head
 * carries a counter against ABA. Buffers live in segments that double in size
 * and never move, so a stale index always leads to valid memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FIRST_SEGMENT 16U	/* buffers of segment 0; segment n has 16 << n */
#define SEGMENTS 24U		/* 16 * (2^24 - 1) buffers: memory ends before */
#define NONE UINT32_MAX
#define DEFAULT_MIN 4U

struct hvcal_pool {
	atomic_uint refs;	/* the owner and every acquired buffer */
	hvcal_context_t *ctx;
	hvcal_buffer_t layout;	/* what every buffer looks like */
	_Atomic uint64_t bytes;	/* of one, as it came out */
	struct hvcal_memory_request req; /* as the first buffer came out */
	uint32_t max;		/* 0 no limit */

	_Atomic uint64_t head;	/* counter << 32 | index of the top, or NONE */
	_Atomic(struct hvcal_buf **) segments[SEGMENTS];

	pthread_mutex_t grow_lock;
	uint32_t slots;		/* grow_lock: indices given out */
	uint32_t *vacant;	/* grow_lock: indices whose buffer was retired */
	uint32_t vacant_count;
	uint32_t vacant_room;

	atomic_uint buffers;
	atomic_uint in_use;
	atomic_uint peak;
	_Atomic uint64_t acquired;
	_Atomic uint64_t grown;
	_Atomic uint64_t exhausted;
	_Atomic uint64_t retries;
};

static struct hvcal_buf **slot_of(struct hvcal_pool *pool, uint32_t index, bool make)
{
	uint32_t seg = 0, first = 0, room = FIRST_SEGMENT;
	struct hvcal_buf **bufs;

	while (index - first >= room) {
		first += room;
		room <<= 1;
		if (++seg == SEGMENTS)
			return NULL;
	}
	bufs = atomic_load_explicit(&pool->segments[seg], memory_order_acquire);
	if (!bufs && make) {
		bufs = calloc(room, sizeof(*bufs));
		atomic_store_explicit(&pool->segments[seg], bufs, memory_order_release);
	}
	return bufs ? &bufs[index - first] : NULL;
}

static void stack_push(struct hvcal_pool *pool, struct hvcal_buf *buf)
{
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_relaxed), want;

	for (;;) {
		atomic_store_explicit(&buf->next, (uint32_t)head, memory_order_relaxed);
		want = ((head >> 32) + 1) << 32 | buf->index;
		if (atomic_compare_exchange_weak_explicit(&pool->head, &head, want,
							  memory_order_release,
							  memory_order_relaxed))
			return;
		atomic_fetch_add_explicit(&pool->retries, 1, memory_order_relaxed);
	}
}

static struct hvcal_buf *stack_pop(struct hvcal_pool *pool)
{
	uint64_t head = atomic_load_explicit(&pool->head, memory_order_acquire), want;
	struct hvcal_buf *buf;

	for (;;) {
		if ((uint32_t)head == NONE)
			return NULL;
		buf = *slot_of(pool, (uint32_t)head, false);
		/* of no use if the buffer was taken meanwhile; the counter tells */
		want = ((head >> 32) + 1) << 32 |
		       atomic_load_explicit(&buf->next, memory_order_relaxed);
		if (atomic_compare_exchange_weak_explicit(&pool->head, &head, want,
							  memory_order_acquire,
							  memory_order_acquire))
			return buf;
		atomic_fetch_add_explicit(&pool->retries, 1, memory_order_relaxed);
	}
}

/* Fresh memory for @buf, whose place in the pool is known. */
static int buf_fill(struct hvcal_pool *pool, struct hvcal_buf *buf)
{
	struct hvcal_memory_request req = pool->req;
	int ret;

	ret = hvcal_memory_alloc(pool->ctx, &req, &buf->mem);
	if (ret)
		return ret;
	pool->req.memory = req.memory;
	pool->req.locked = req.locked;
	pool->req.bound = req.bound;
	pool->req.huge_page = req.huge_page;
	buf->pub = pool->layout;
	buf->pub.memory = req.memory;
	buf->pub.fd[0] = buf->mem.fd;
	buf->pub.cpu_ptr = buf->mem.map;
	buf->pub.size = buf->mem.size;
	buf->pub.handle = buf;
	atomic_store(&pool->bytes, buf->mem.size);
	atomic_store(&buf->retired, false);
	atomic_fetch_add(&pool->buffers, 1);
	return 0;
}

static void buf_drain(struct hvcal_pool *pool, struct hvcal_buf *buf)
{
	hvcal_buf_forget(buf);
	hvcal_memory_free(pool->ctx, &buf->mem);
	atomic_fetch_sub(&pool->buffers, 1);
}

/* One more buffer, which is not put on the stack. grow_lock is held. */
static int grow_locked(struct hvcal_pool *pool, struct hvcal_buf **out)
{
	struct hvcal_buf **slot, *buf;
	uint32_t index;
	int ret;

	if (pool->max && atomic_load(&pool->buffers) >= pool->max)
		return -EAGAIN;
	index = pool->vacant_count ? pool->vacant[pool->vacant_count - 1] : pool->slots;
	slot = slot_of(pool, index, true);
	if (!slot)
		return -ENOMEM;
	buf = *slot;
	if (!buf) {
		buf = calloc(1, sizeof(*buf));
		if (!buf)
			return -ENOMEM;
		buf->ctx = pool->ctx;
		buf->pool = pool;
		buf->index = index;
		buf->mem.fd = -1;
		*slot = buf;
	}
	ret = buf_fill(pool, buf);
	if (ret)
		return ret;
	if (pool->vacant_count)
		pool->vacant_count--;
	else
		pool->slots++;
	*out = buf;
	return 0;
}

static int grow(struct hvcal_pool *pool, struct hvcal_buf **out)
{
	struct hvcal_buf *buf;
	int ret = 0;

	pthread_mutex_lock(&pool->grow_lock);
	/* somebody may have released one while we waited */
	buf = stack_pop(pool);
	if (!buf) {
		ret = grow_locked(pool, &buf);
		if (!ret)
			atomic_fetch_add(&pool->grown, 1);
	}
	pthread_mutex_unlock(&pool->grow_lock);
	if (!ret)
		*out = buf;
	return ret;
}

static void pool_unref(struct hvcal_pool *pool)
{
	struct hvcal_buf **slot;
	uint32_t i;

	if (atomic_fetch_sub(&pool->refs, 1) != 1)
		return;
	for (i = 0; i <= pool->slots; i++) {
		slot = slot_of(pool, i, false);
		if (!slot || !*slot)
			continue;
		if ((*slot)->mem.fd >= 0)
			buf_drain(pool, *slot);
		free(*slot);
	}
	for (i = 0; i < SEGMENTS; i++)
		free(atomic_load(&pool->segments[i]));
	pthread_mutex_destroy(&pool->grow_lock);
	free(pool->vacant);
	hvcal_context_unref(pool->ctx);
	free(pool);
}

static int pool_check(const hvcal_pool_params_t *p)
{
	if (p->flags & ~(HVCAL_POOL_HUGE_PAGES | HVCAL_POOL_LOCK) || p->reserved ||
	    p->memory > HVCAL_MEMORY_MEMFD || p->numa_node < -1)
		return -EINVAL;
	if (p->max_buffers && p->min_buffers > p->max_buffers)
		return -EINVAL;
	return p->format ? 0 : p->size ? 0 : -EINVAL;
}

int hvcal_pool_create(hvcal_context_t *ctx, const hvcal_pool_params_t *params,
		      hvcal_pool_t **out)
{
	struct hvcal_pool *pool;
	hvcal_pool_params_t p;
	struct hvcal_buf *buf;
	uint32_t i;
	int ret;

	if (!ctx || !out)
		return -EINVAL;
	ret = hvcal_struct_get(&p, sizeof(p), params, HVCAL_POOL_PARAMS_V1);
	if (!ret)
		ret = pool_check(&p);
	if (ret)
		return ret;
	if (!p.min_buffers)
		p.min_buffers = p.max_buffers && p.max_buffers < DEFAULT_MIN ?
				p.max_buffers : DEFAULT_MIN;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	hvcal_buffer_default(&pool->layout, sizeof(pool->layout));
	pool->layout.size = p.size;
	if (p.format)
		ret = hvcal_buffer_layout(&pool->layout, p.format, p.width, p.height,
					  p.stride_align, p.plane_align);
	if (ret) {
		free(pool);
		return ret;
	}
	pool->max = p.max_buffers;
	pool->req = (struct hvcal_memory_request){
		.memory = p.memory,
		.huge = p.flags & HVCAL_POOL_HUGE_PAGES,
		.lock = p.flags & HVCAL_POOL_LOCK,
		.numa_node = p.numa_node,
		.size = pool->layout.size,
	};
	pool->ctx = hvcal_context_ref(ctx);
	atomic_init(&pool->refs, 1);
	atomic_init(&pool->head, NONE);
	pthread_mutex_init(&pool->grow_lock, NULL);
	for (i = 0; i < p.min_buffers; i++) {
		pthread_mutex_lock(&pool->grow_lock);
		ret = grow_locked(pool, &buf);
		pthread_mutex_unlock(&pool->grow_lock);
		if (ret) {
			pool_unref(pool);
			return ret;
		}
		stack_push(pool, buf);
	}
	*out = pool;
	return 0;
}

void hvcal_pool_destroy(hvcal_pool_t **pool)
{
	if (!pool || !*pool)
		return;
	pool_unref(*pool);
	*pool = NULL;
}

int hvcal_pool_acquire(hvcal_pool_t *pool, hvcal_buffer_t **out)
{
	struct hvcal_buf *buf;
	unsigned int used, peak;
	int ret;

	if (!pool || !out)
		return -EINVAL;
	buf = stack_pop(pool);
	if (!buf) {
		ret = grow(pool, &buf);
		if (ret) {
			atomic_fetch_add_explicit(&pool->exhausted, 1,
						  memory_order_relaxed);
			return ret;
		}
	}
	atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
	atomic_store_explicit(&buf->refs, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&pool->acquired, 1, memory_order_relaxed);
	used = atomic_fetch_add_explicit(&pool->in_use, 1, memory_order_relaxed) + 1;
	peak = atomic_load_explicit(&pool->peak, memory_order_relaxed);
	while (used > peak &&
	       !atomic_compare_exchange_weak_explicit(&pool->peak, &peak, used,
						      memory_order_relaxed,
						      memory_order_relaxed))
		;
	*out = &buf->pub;
	return 0;
}

/* A buffer that an engine may still write to leaves; its place is filled anew. */
static void pool_retire(struct hvcal_pool *pool, struct hvcal_buf *buf)
{
	uint32_t *vacant;

	pthread_mutex_lock(&pool->grow_lock);
	buf_drain(pool, buf);
	if (pool->vacant_count == pool->vacant_room) {
		vacant = realloc(pool->vacant,
				 (pool->vacant_room + 16) * sizeof(*vacant));
		if (vacant) {
			pool->vacant = vacant;
			pool->vacant_room += 16;
		}
	}
	/* without memory for the list the place stays empty for good */
	if (pool->vacant_count < pool->vacant_room)
		pool->vacant[pool->vacant_count++] = buf->index;
	pthread_mutex_unlock(&pool->grow_lock);
}

void hvcal_pool_put(struct hvcal_buf *buf)
{
	struct hvcal_pool *pool = buf->pool;

	atomic_fetch_sub_explicit(&pool->in_use, 1, memory_order_relaxed);
	if (atomic_load(&buf->retired))
		pool_retire(pool, buf);
	else
		stack_push(pool, buf);
	pool_unref(pool);
}

int hvcal_pool_get_info(hvcal_pool_t *pool, hvcal_pool_info_t *info)
{
	hvcal_pool_info_t i;

	if (!pool || hvcal_struct_check(info, HVCAL_POOL_INFO_V1))
		return -EINVAL;
	hvcal_pool_info_default(&i, sizeof(i));
	pthread_mutex_lock(&pool->grow_lock);
	i.memory = pool->req.memory;
	i.huge_pages = pool->req.huge_page;
	i.locked = pool->req.locked;
	i.numa_node = pool->req.bound ? pool->req.numa_node : -1;
	pthread_mutex_unlock(&pool->grow_lock);
	i.buffers = atomic_load(&pool->buffers);
	i.in_use = atomic_load(&pool->in_use);
	i.peak_in_use = atomic_load(&pool->peak);
	i.max_buffers = pool->max;
	i.buffer_bytes = atomic_load(&pool->bytes);
	i.acquired = atomic_load(&pool->acquired);
	i.grown = atomic_load(&pool->grown);
	i.exhausted = atomic_load(&pool->exhausted);
	i.retries = atomic_load(&pool->retries);
	hvcal_struct_put(info, &i, sizeof(i));
	return 0;
}
