// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_buffer.c"

static struct dma_buf *plane(struct kunit *test, struct hvcal_client *c)
{
	struct hvcal_buffer *b = rig_buffer(test, c, HVCAL_BUFFER_SOURCE);
	struct dma_buf *d = b->dmabufs[0];

	/* another buffer's now */
	b->dmabufs[0] = NULL;
	return d;
}

static u64 charged(struct hvcal_client *c, enum hvcal_charge what)
{
	return c->user->used[what];
}

static void buffer_is_charged_until_it_is_gone(struct kunit *test)
{
	struct hvcal_client *c = rig_client(test);
	struct hvcal_buffer *b = rig_buffer(test, c, HVCAL_BUFFER_SOURCE);

	KUNIT_EXPECT_EQ(test, b->size, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BUFFERS), 1);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BYTES), PAGE_SIZE);
	hvcal_buffer_get(b);
	xa_erase(&c->buffers, 1);
	hvcal_buffer_put(b);
	/* somebody holds it still */
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BYTES), PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 1);
	hvcal_buffer_put(b);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BUFFERS), 0);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BYTES), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BUFFERS]), 0);
}

static void planes_add_up(struct kunit *test)
{
	struct hvcal_client *c = rig_client(test);
	struct dma_buf *planes[HVCAL_MAX_PLANES] = { plane(test, c), NULL, plane(test, c) };
	struct hvcal_buffer *b = hvcal_buffer_create(planes, HVCAL_BUFFER_SOURCE, 3);

	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, b->size, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, b->gpu, 3);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 2);
	hvcal_buffer_put(b);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 0);
}

static void no_memory_drops_the_planes(struct kunit *test)
{
	struct hvcal_client *c = rig_client(test);
	struct dma_buf *planes[HVCAL_MAX_PLANES] = { plane(test, c), plane(test, c) };

	rig.fail_alloc = 1;
	KUNIT_EXPECT_NULL(test, hvcal_buffer_create(planes, HVCAL_BUFFER_SOURCE, 0));
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.dmabufs), 0);
}

static void refused_charge_is_none(struct kunit *test)
{
	struct hvcal_client *c = rig_client(test);
	struct hvcal_buffer *b = rig_buffer(test, c, HVCAL_BUFFER_SOURCE);
	struct dma_buf *planes[HVCAL_MAX_PLANES] = { plane(test, c) };
	u64 buffers, bytes;

	b = hvcal_buffer_create(planes, HVCAL_BUFFER_SOURCE, 0);
	KUNIT_ASSERT_NOT_NULL(test, b);
	buffers = charged(c, HVCAL_CHARGE_BUFFERS);
	bytes = charged(c, HVCAL_CHARGE_BYTES);
	b->size = U64_MAX;
	KUNIT_EXPECT_EQ(test, hvcal_buffer_charge(b, c->user), -EUSERS);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BUFFERS), buffers);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BYTES), bytes);
	/* and nothing is given back for it */
	hvcal_buffer_put(b);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BUFFERS), buffers);
	KUNIT_EXPECT_EQ(test, charged(c, HVCAL_CHARGE_BYTES), bytes);
}

static struct hvcal_import *import_of(struct hvcal_buffer *b, struct hvcal_provider *p)
{
	struct hvcal_import *imp;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	imp = hvcal_buffer_import_locked(b, p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return imp;
}

static void each_provider_has_its_own_import(struct kunit *test)
{
	struct hvcal_provider *one = rig_provider(test), *two = rig_provider(test);
	struct hvcal_client *c = rig_client(test);
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_provider *p[] = { one, two };
	struct hvcal_item items[4] = {};
	struct hvcal_job *job = NULL;
	struct hvcal_buffer *b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		struct hvcal_session *s;

		args.engine = rig_engine(test, p[i])->id;
		s = rig_session_as(test, c, &args);
		rig_session_open(test, s);
		if (!job) {
			job = rig_submitted(test, s);
			b = job->source;
		} else {
			job = rig_frame(test, s);
			hvcal_buffer_put(job->source);
			hvcal_buffer_get(b);
			job->source = b;
			KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
		}
		KUNIT_EXPECT_NULL(test, import_of(b, p[i]));
		KUNIT_ASSERT_EQ(test, rig_acquire(p[i], items, 4), 3);
		KUNIT_EXPECT_NOT_NULL(test, import_of(b, p[i]));
		rig_answer(p[i], items[2].id, 0);
		rig_expect_event(test, c, HVCAL_EVENT_JOB, 0);
	}
	KUNIT_EXPECT_PTR_NE(test, import_of(b, one), import_of(b, two));
	/* one goes: the other keeps its own */
	rig_provider_close(one);
	KUNIT_EXPECT_NULL(test, import_of(b, one));
	KUNIT_EXPECT_NOT_NULL(test, import_of(b, two));
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 2);
	rig_client_close(c);
	KUNIT_EXPECT_TRUE(test, list_empty(&two->imports));
	KUNIT_EXPECT_FALSE(test, list_empty(&two->drops));
}

static struct kunit_case buffer_cases[] = {
	KUNIT_CASE(buffer_is_charged_until_it_is_gone),
	KUNIT_CASE(planes_add_up),
	KUNIT_CASE(no_memory_drops_the_planes),
	KUNIT_CASE(refused_charge_is_none),
	KUNIT_CASE(each_provider_has_its_own_import),
	{}
};

static struct kunit_suite buffer_suite = {
	.name = "hvcal_buffer",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = buffer_cases,
};

kunit_test_suite(buffer_suite);
