// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-resv.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "rig.h"

/* The core, as in hvcal_main.c. */
struct hvcal_core hvcal = {
	.lock = __SPIN_LOCK_UNLOCKED(hvcal.lock),
	.engines = LIST_HEAD_INIT(hvcal.engines),
	.sessions = LIST_HEAD_INIT(hvcal.sessions),
	.next_engine = 1,
};

unsigned int hvcal_watchdog_floor_ms = 1000;
unsigned int hvcal_watchdog_cap_ms = 10000;
unsigned int hvcal_watchdog_attend_ms;
unsigned int hvcal_watchdog_move_ms;
unsigned int hvcal_max_sessions = 64;
unsigned int hvcal_max_buffers = 4096;
unsigned int hvcal_max_queued = 64;

struct rig rig;

/* ------------------------------------------------------------------------ */
/* What is not under test                                                   */

long hvcal_client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return -ENOTTY;
}

long hvcal_provider_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return -ENOTTY;
}

void hvcal_client_show_fdinfo(struct seq_file *m, struct file *file)
{
}

void hvcal_provider_show_fdinfo(struct seq_file *m, struct file *file)
{
}

void hvcal_sysfs_add_engine(struct hvcal_engine *e)
{
	atomic_inc(&rig.sysfs);
}

void hvcal_sysfs_del_engine(struct hvcal_engine *e)
{
	atomic_dec(&rig.sysfs);
}

/* ------------------------------------------------------------------------ */
/* Seams                                                                    */

static bool fails(u32 *countdown)
{
	return *countdown && !--*countdown;
}

u64 rig_now(void)
{
	return READ_ONCE(rig.now_ns);
}

void rig_advance(u64 ns)
{
	WRITE_ONCE(rig.now_ns, rig.now_ns + ns);
}

unsigned long rig_copy_to_user(void __user *to, const void *from, unsigned long n)
{
	if (fails(&rig.fail_copy))
		return n;
	memcpy((__force void *)to, from, n);
	return 0;
}

unsigned long rig_clear_user(void __user *to, unsigned long n)
{
	memset((__force void *)to, 0, n);
	return 0;
}

int rig_copy_struct_from_user(void *dst, size_t ksize, const void __user *src, size_t usize)
{
	const void *from = (__force const void *)src;
	size_t size = min(ksize, usize);

	if (usize > ksize && memchr_inv(from + size, 0, usize - size))
		return -E2BIG;
	memset(dst, 0, ksize);
	memcpy(dst, from, size);
	return 0;
}

void *rig_kzalloc(size_t size, gfp_t flags)
{
	return fails(&rig.fail_alloc) ? NULL : kzalloc(size, flags);
}

void *rig_kvcalloc(size_t n, size_t size, gfp_t flags)
{
	return fails(&rig.fail_alloc) ? NULL : kvcalloc(n, size, flags);
}

int rig_receive_fd(struct file *file, unsigned int flags)
{
	return fails(&rig.fail_fd) ? -EMFILE : atomic_inc_return(&rig.fds) + 100;
}

int rig_close_fd(unsigned int fd)
{
	atomic_dec(&rig.fds);
	return 0;
}

struct rig_dmabuf {
	struct dma_buf base;
	struct dma_resv resv;
};

void rig_dmabuf_put(struct dma_buf *dmabuf)
{
	dma_resv_fini(dmabuf->resv);
	kfree(container_of(dmabuf, struct rig_dmabuf, base));
	atomic_dec(&rig.dmabufs);
}

static struct dma_buf *dmabuf_make(size_t size)
{
	struct rig_dmabuf *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return NULL;
	dma_resv_init(&d->resv);
	d->base.resv = &d->resv;
	d->base.size = size;
	atomic_inc(&rig.dmabufs);
	return &d->base;
}

/* ------------------------------------------------------------------------ */
/* Fences                                                                   */

struct rig_fence {
	struct dma_fence base;
	spinlock_t lock;	/* of base */
};

static const char *fence_name(struct dma_fence *fence)
{
	return "rig";
}

static void fence_release(struct dma_fence *fence)
{
	atomic_dec(&rig.fences);
	dma_fence_free(fence);
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
	.release = fence_release,
};

struct dma_fence *rig_fence(struct kunit *test)
{
	struct rig_fence *f = kzalloc(sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	spin_lock_init(&f->lock);
	dma_fence_init(&f->base, &fence_ops, &f->lock, dma_fence_context_alloc(1), 1);
	atomic_inc(&rig.fences);
	return &f->base;
}

/* ------------------------------------------------------------------------ */
/* Clients and what they own                                                */

struct hvcal_client *rig_client(struct kunit *test)
{
	struct hvcal_client *c = hvcal_client_create();
	u32 i = 0;

	KUNIT_ASSERT_NOT_NULL(test, c);
	/* suites run as root */
	c->nice = false;
	while (i < RIG_PEERS - 1 && rig.clients[i])
		i++;
	KUNIT_ASSERT_NULL(test, rig.clients[i]);
	rig.clients[i] = c;
	return c;
}

void rig_client_close(struct hvcal_client *c)
{
	u32 i;

	for (i = 0; i < RIG_PEERS; i++)
		if (rig.clients[i] == c)
			rig.clients[i] = NULL;
	hvcal_client_destroy(c);
}

struct hvcal_session_args rig_args(u64 period_ns)
{
	return (struct hvcal_session_args){
		.ask = {
			.op = HVCAL_OP_ENCODE,
			.codec = RIG_CODEC,
			.format = RIG_FORMAT,
			.bit_depth = 8,
			.width = 640,
			.height = 480,
			.numa_node = -1,
			.realtime = period_ns,
		},
		.res = {
			.sched_class = period_ns ? HVCAL_CLASS_REALTIME : HVCAL_CLASS_BEST_EFFORT,
			.bit_depth = 8,
			.width = 640,
			.height = 480,
			.period_ns = period_ns,
		},
	};
}

struct hvcal_session *rig_session_as(struct kunit *test, struct hvcal_client *c,
				     const struct hvcal_session_args *args)
{
	struct hvcal_session_reply reply;
	struct hvcal_session *s;

	KUNIT_ASSERT_EQ(test, hvcal_session_create(c, args, &reply), 0);
	s = xa_load(&c->sessions, reply.handle);
	KUNIT_ASSERT_NOT_NULL(test, s);
	return s;
}

void rig_session_open(struct kunit *test, struct hvcal_session *s)
{
	struct hvcal_provider *p = s->binding->engine->provider;

	KUNIT_ASSERT_EQ(test, rig_answer(p, rig_item(test, p, HVCAL_ITEM_OPEN), 0), 0);
	rig_expect_event(test, s->client, HVCAL_EVENT_OPENED, 0);
	KUNIT_ASSERT_EQ(test, s->state, HVCAL_SESSION_ACTIVE);
}

struct hvcal_session *rig_session(struct kunit *test, struct hvcal_client *c)
{
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session *s = rig_session_as(test, c, &args);

	rig_session_open(test, s);
	return s;
}

void rig_session_close(struct hvcal_session *s)
{
	xa_erase(&s->client->sessions, s->handle);
	hvcal_session_destroy(s);
}

struct hvcal_buffer *rig_buffer(struct kunit *test, struct hvcal_client *c, u32 flags)
{
	struct dma_buf *dmabufs[HVCAL_MAX_PLANES] = { dmabuf_make(PAGE_SIZE) };
	struct hvcal_buffer *b;
	u32 handle;

	KUNIT_ASSERT_NOT_NULL(test, dmabufs[0]);
	b = hvcal_buffer_create(dmabufs, flags, 0);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_ASSERT_EQ(test, xa_alloc(&c->buffers, &handle, b, xa_limit_32b, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, hvcal_buffer_charge(b, c->user), 0);
	return b;
}

struct hvcal_job *rig_control(struct kunit *test, struct hvcal_session *s, u32 type)
{
	struct hvcal_job *job = hvcal_job_new(s, type);

	KUNIT_ASSERT_FALSE(test, IS_ERR(job));
	return job;
}

struct hvcal_job *rig_frame(struct kunit *test, struct hvcal_session *s)
{
	struct hvcal_buffer *source = rig_buffer(test, s->client, HVCAL_BUFFER_SOURCE);
	struct hvcal_buffer *target = rig_buffer(test, s->client, HVCAL_BUFFER_TARGET);
	struct hvcal_job *job = rig_control(test, s, HVCAL_ITEM_ENCODE);

	hvcal_buffer_get(source);
	job->source = source;
	hvcal_buffer_get(target);
	job->target = target;
	job->target_size = target->size;
	return job;
}

int rig_submit(struct hvcal_job *job)
{
	struct hvcal_session *s = job->session;
	int ret;

	mutex_lock(&s->submit_lock);
	ret = hvcal_job_submit(job, 0, 0);
	mutex_unlock(&s->submit_lock);
	return ret;
}

struct hvcal_job *rig_submitted(struct kunit *test, struct hvcal_session *s)
{
	struct hvcal_job *job = rig_frame(test, s);

	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	return job;
}

bool rig_event(struct hvcal_client *c, struct hvcal_event *ev)
{
	return hvcal_event_read(c, (__force char __user *)ev, sizeof(*ev), true) == sizeof(*ev);
}

struct hvcal_event rig_expect_event(struct kunit *test, struct hvcal_client *c, u32 type,
				    int status)
{
	struct hvcal_event ev = {};

	KUNIT_EXPECT_TRUE(test, rig_event(c, &ev));
	KUNIT_EXPECT_EQ(test, ev.type, type);
	KUNIT_EXPECT_EQ(test, ev.status, status);
	return ev;
}

/* ------------------------------------------------------------------------ */
/* Providers                                                                */

struct hvcal_provider *rig_provider(struct kunit *test)
{
	struct hvcal_provider *p = hvcal_provider_create(NULL);
	u32 i = 0;

	KUNIT_ASSERT_NOT_NULL(test, p);
	while (i < RIG_PEERS - 1 && rig.providers[i])
		i++;
	KUNIT_ASSERT_NULL(test, rig.providers[i]);
	rig.providers[i] = p;
	return p;
}

void rig_provider_close(struct hvcal_provider *p)
{
	u32 i;

	for (i = 0; i < RIG_PEERS; i++)
		if (rig.providers[i] == p)
			rig.providers[i] = NULL;
	hvcal_provider_destroy(p);
}

int rig_reserve(struct hvcal_session *s, const struct hvcal_reservation *res,
		struct hvcal_reservation *before, struct hvcal_session_reply *reply)
{
	int ret;

	mutex_lock(&s->submit_lock);
	ret = hvcal_session_reserve(s, res, before, reply);
	mutex_unlock(&s->submit_lock);
	return ret;
}

int rig_switch(struct hvcal_session *s, const struct hvcal_reservation *res,
	       struct hvcal_session_reply *reply)
{
	int ret;

	mutex_lock(&s->submit_lock);
	ret = hvcal_session_switch(s, res, reply);
	mutex_unlock(&s->submit_lock);
	return ret;
}

struct hvcal_engine_register rig_registration(void)
{
	return (struct hvcal_engine_register){
		.kind = HVCAL_ENGINE_HARDWARE,
		.numa_node = -1,
		.slots = 1,
		.session_depth = 4,
	};
}

struct hvcal_engine *rig_engine_as(struct kunit *test, struct hvcal_provider *p,
				   struct hvcal_engine_register *reg)
{
	struct hvcal_engine_cap *cap = kzalloc(sizeof(*cap), GFP_KERNEL);
	struct hvcal_engine *e;

	KUNIT_ASSERT_NOT_NULL(test, cap);
	*cap = (struct hvcal_engine_cap){
		.op = HVCAL_OP_ENCODE,
		.codec = RIG_CODEC,
		.depth_mask = BIT(8) | BIT(10),
		.min_width = 16,
		.min_height = 16,
		.max_width = 4096,
		.max_height = 4096,
		.cost_ns_per_mpix = RIG_NS_PER_MPIX,
		.formats = { RIG_FORMAT },
	};
	if (!reg->name[0])
		snprintf(reg->name, sizeof(reg->name), "rig%u", rig.engines++);
	e = hvcal_engine_create(p, reg, cap, 1);
	KUNIT_ASSERT_NOT_NULL(test, e);
	KUNIT_ASSERT_EQ(test, hvcal_engine_publish(e), 0);
	return e;
}

struct hvcal_engine *rig_engine(struct kunit *test, struct hvcal_provider *p)
{
	struct hvcal_engine_register reg = rig_registration();

	return rig_engine_as(test, p, &reg);
}

int rig_answer_as(struct hvcal_provider *p, u64 id, u32 flags, u64 bytes)
{
	struct hvcal_answer a = { .flags = flags, .bytes = bytes };

	return hvcal_provider_answer(p, id, &a);
}

int rig_answer(struct hvcal_provider *p, u64 id, int status)
{
	struct hvcal_answer a = { .status = status };

	return hvcal_provider_answer(p, id, &a);
}

/* ------------------------------------------------------------------------ */
/* Before and after a case                                                  */

int rig_init(struct kunit *test)
{
	memset(&rig, 0, sizeof(rig));
	/* far from the kernel's own time: no timer that is armed by it fires */
	rig.now_ns = 1000000 * RIG_MS;
	hvcal_watchdog_attend_ms = 1000000;
	hvcal_watchdog_move_ms = 1000000;
	memset(&hvcal.objects, 0, sizeof(hvcal.objects));
	INIT_LIST_HEAD(&hvcal.engines);
	INIT_LIST_HEAD(&hvcal.sessions);
	hvcal.wq = alloc_workqueue("hvcal_kunit", WQ_UNBOUND, 0);
	return hvcal.wq ? 0 : -ENOMEM;
}

/* Closes what is open; nothing is left after that. */
void rig_exit(struct kunit *test)
{
	u32 i;

	if (!hvcal.wq)
		return;
	for (i = 0; i < RIG_PEERS; i++) {
		if (rig.clients[i])
			rig_client_close(rig.clients[i]);
		if (rig.providers[i])
			rig_provider_close(rig.providers[i]);
	}
	destroy_workqueue(hvcal.wq);
	hvcal.wq = NULL;

	for (i = 0; i < HVCAL_OBJ_COUNT; i++)
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&hvcal.objects[i]), 0, "object %u", i);
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.engines));
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.sessions));
	KUNIT_EXPECT_TRUE(test, rig_users_gone());
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.fences), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.sysfs), 0);
}
