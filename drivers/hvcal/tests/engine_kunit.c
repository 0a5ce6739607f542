// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_engine.c"

static struct hvcal_engine *unpublished(struct kunit *test, struct hvcal_provider *p,
					const char *name)
{
	struct hvcal_engine_register reg = rig_registration();
	struct hvcal_engine *e;

	strscpy(reg.name, name, sizeof(reg.name));
	e = hvcal_engine_create(p, &reg, NULL, 0);
	KUNIT_ASSERT_NOT_NULL(test, e);
	return e;
}

static void published_engine_is_found(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test), *other = rig_provider(test);
	u64 generation = hvcal.generation;
	struct hvcal_engine *e = rig_engine(test, p), *found;

	KUNIT_EXPECT_EQ(test, hvcal.generation, generation + 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.sysfs), 1);
	KUNIT_EXPECT_NULL(test, hvcal_engine_find(other, e->id));
	KUNIT_EXPECT_NULL(test, hvcal_engine_find(NULL, e->id + 1));
	found = hvcal_engine_find(NULL, e->id);
	KUNIT_EXPECT_PTR_EQ(test, found, e);
	hvcal_engine_put(found);
	found = hvcal_engine_find(p, e->id);
	KUNIT_EXPECT_PTR_EQ(test, found, e);
	hvcal_engine_retire(e);
	KUNIT_EXPECT_EQ(test, hvcal.generation, generation + 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.sysfs), 0);
	KUNIT_EXPECT_NULL(test, hvcal_engine_find(NULL, e->id));
	/* it is ours as long as we hold it, and retired once only */
	KUNIT_EXPECT_EQ(test, e->state, HVCAL_ENGINE_GONE);
	hvcal_engine_retire(e);
	KUNIT_EXPECT_EQ(test, hvcal.generation, generation + 2);
	hvcal_engine_put(found);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_ENGINES]), 0);
}

static void no_memory_no_engine(struct kunit *test)
{
	struct hvcal_engine_register reg = rig_registration();
	struct hvcal_provider *p = rig_provider(test);
	u32 n;

	/* the engine, its queues */
	for (n = 1; n <= 2; n++) {
		rig.fail_alloc = n;
		KUNIT_EXPECT_NULL(test, hvcal_engine_create(p, &reg, NULL, 0));
	}
	KUNIT_EXPECT_EQ(test, rig.fail_alloc, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_ENGINES]), 0);
}

static void names_are_unique_among_the_living(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test), *other = rig_provider(test);
	struct hvcal_engine *one = unpublished(test, p, "enc0");
	struct hvcal_engine *two = unpublished(test, other, "enc0");
	u32 id;

	KUNIT_EXPECT_EQ(test, hvcal_engine_publish(one), 0);
	id = one->id;
	KUNIT_EXPECT_EQ(test, hvcal_engine_publish(two), -EBUSY);
	KUNIT_EXPECT_TRUE(test, list_empty(&other->engines));
	hvcal_engine_retire(one);
	KUNIT_EXPECT_EQ(test, hvcal_engine_publish(two), 0);
	/* numbers are never used again */
	KUNIT_EXPECT_GT(test, two->id, id);
}

static void dead_provider_publishes_nothing(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *e = unpublished(test, p, "enc0");

	p->state = HVCAL_PROVIDER_DEAD;
	KUNIT_EXPECT_EQ(test, hvcal_engine_publish(e), -ENODEV);
	KUNIT_EXPECT_TRUE(test, list_empty(&hvcal.engines));
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.sysfs), 0);
	hvcal_engine_put(e);
}

static bool usable(struct hvcal_engine *e)
{
	unsigned long flags;
	bool ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	ret = hvcal_engine_usable_locked(e);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return ret;
}

static void info_tells_of_suspicion(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *e = rig_engine(test, p);
	struct hvcal_engine_info info;

	rig_session(test, rig_client(test));
	hvcal_engine_info(e, &info);
	KUNIT_EXPECT_EQ(test, info.id, e->id);
	KUNIT_EXPECT_EQ(test, info.state, HVCAL_ENGINE_READY);
	KUNIT_EXPECT_EQ(test, info.sessions, 1);
	KUNIT_EXPECT_EQ(test, info.caps, 1);
	KUNIT_EXPECT_EQ(test, info.slots, 1);
	KUNIT_EXPECT_EQ(test, info.session_depth, 4);
	KUNIT_EXPECT_STREQ(test, info.name, "rig0");
	KUNIT_EXPECT_TRUE(test, usable(e));
	p->state = HVCAL_PROVIDER_SUSPECT;
	hvcal_engine_info(e, &info);
	KUNIT_EXPECT_EQ(test, info.state, HVCAL_ENGINE_SUSPECT);
	/* sessions may come: it is late, not dead */
	KUNIT_EXPECT_TRUE(test, usable(e));
	p->state = HVCAL_PROVIDER_DEAD;
	KUNIT_EXPECT_FALSE(test, usable(e));
	p->state = HVCAL_PROVIDER_LIVE;
	e->state = HVCAL_ENGINE_DRAINING;
	KUNIT_EXPECT_FALSE(test, usable(e));
	e->state = HVCAL_ENGINE_READY;
}

static void load_is_the_share_of_the_last_second(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *e = rig_engine(test, p);
	struct hvcal_client *c = rig_client(test);
	struct hvcal_session *s = rig_session(test, c);
	struct hvcal_engine_info info;
	struct hvcal_job *job = rig_submitted(test, s);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
	rig_advance(250 * RIG_MS);
	rig_answer(p, job->work.id, 0);
	rig_advance(750 * RIG_MS);
	hvcal_engine_info(e, &info);
	KUNIT_EXPECT_EQ(test, info.load_ppm, 250000);
	KUNIT_EXPECT_EQ(test, info.jobs_done, 1);
}

static void retired_gpu_takes_its_engines_along(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *one = rig_engine(test, p), *two = rig_engine(test, p), *other;

	other = rig_engine(test, p);
	one->gpu = 1;
	two->gpu = 1;
	other->gpu = 2;
	hvcal_engine_retire_gpu(1);
	KUNIT_EXPECT_TRUE(test, list_is_singular(&hvcal.engines));
	KUNIT_EXPECT_PTR_EQ(test, list_first_entry(&hvcal.engines, struct hvcal_engine, link),
			    other);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_ENGINES]), 1);
}

static void retired_engine_lets_closing_streams_go(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *e = rig_engine(test, p);
	struct hvcal_client *c = rig_client(test);
	struct hvcal_session *s = rig_session(test, c);
	u64 id;

	rig_session_close(s);
	id = rig_item(test, p, HVCAL_ITEM_CLOSE);
	KUNIT_EXPECT_EQ(test, e->sessions, 1);
	hvcal_engine_get(e);
	hvcal_engine_retire(e);
	KUNIT_EXPECT_EQ(test, e->sessions, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&e->bindings));
	/* the provider lives: it answers still */
	KUNIT_EXPECT_EQ(test, rig_answer(p, id, 0), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BINDINGS]), 0);
	hvcal_engine_put(e);
}

static struct kunit_case engine_cases[] = {
	KUNIT_CASE(published_engine_is_found),
	KUNIT_CASE(no_memory_no_engine),
	KUNIT_CASE(names_are_unique_among_the_living),
	KUNIT_CASE(dead_provider_publishes_nothing),
	KUNIT_CASE(info_tells_of_suspicion),
	KUNIT_CASE(load_is_the_share_of_the_last_second),
	KUNIT_CASE(retired_gpu_takes_its_engines_along),
	KUNIT_CASE(retired_engine_lets_closing_streams_go),
	{}
};

static struct kunit_suite engine_suite = {
	.name = "hvcal_engine",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = engine_cases,
};

kunit_test_suite(engine_suite);
