// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_client.c"

static void closing_lets_go_of_everything(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_client *c = rig_client(test);
	struct hvcal_session *s;
	struct hvcal_job *job;
	u64 id;

	rig_engine(test, p);
	s = rig_session(test, c);
	job = rig_submitted(test, s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
	rig_answer(p, job->work.id, 0);
	job = rig_submitted(test, s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
	id = job->work.id;
	rig_submitted(test, s);
	rig_buffer(test, c, HVCAL_BUFFER_SOURCE);
	rig_client_close(c);

	/* one frame is still the provider's, and what that needs */
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BUFFERS]), 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_CLIENTS]), 1);
	KUNIT_EXPECT_EQ(test, rig_answer(p, id, 0), -ECANCELED);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_JOBS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_BUFFERS]), 0);
	rig_answer(p, rig_item(test, p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_SESSIONS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_CLIENTS]), 0);
	KUNIT_EXPECT_TRUE(test, rig_users_gone());
}

static void hung_provider_holds_no_client_up(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_client *c = rig_client(test);
	struct hvcal_session *s;

	rig_engine(test, p);
	s = rig_session(test, c);
	rig_submitted(test, s);
	KUNIT_ASSERT_NOT_NULL(test, rig_take(p));
	/* nothing here waits for an answer */
	rig_client_close(c);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_CLIENTS]), 1);
	rig_provider_close(p);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_CLIENTS]), 0);
}

static void client_is_told_nothing_of_others(struct kunit *test)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_client *one = rig_client(test), *two = rig_client(test);
	struct hvcal_session *s;
	struct hvcal_job *job;

	rig_engine(test, p);
	s = rig_session(test, one);
	KUNIT_EXPECT_TRUE(test, xa_empty(&two->sessions));
	job = rig_submitted(test, s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
	rig_answer(p, job->work.id, 0);
	RIG_EXPECT_NO_EVENT(test, two);
	rig_expect_event(test, one, HVCAL_EVENT_JOB, 0);
	KUNIT_EXPECT_NE(test, one->id, two->id);
	KUNIT_EXPECT_EQ(test, one->jobs_done, 1);
	KUNIT_EXPECT_EQ(test, two->jobs_done, 0);
}

static void no_memory_for_a_client(struct kunit *test)
{
	rig.fail_alloc = 1;
	KUNIT_EXPECT_NULL(test, hvcal_client_create());
	rig.fail_alloc = 2;
	KUNIT_EXPECT_NULL(test, hvcal_client_create());
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_CLIENTS]), 0);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(closing_lets_go_of_everything),
	KUNIT_CASE(hung_provider_holds_no_client_up),
	KUNIT_CASE(client_is_told_nothing_of_others),
	KUNIT_CASE(no_memory_for_a_client),
	{}
};

static struct kunit_suite client_suite = {
	.name = "hvcal_client",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = client_cases,
};

kunit_test_suite(client_suite);
