// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_model.c"

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p;
};

static struct peers peers_make(struct kunit *test)
{
	return (struct peers){ .p = rig_provider(test), .c = rig_client(test) };
}

static struct hvcal_session *session_of(struct kunit *test, struct peers *peers,
					struct hvcal_engine *e, u32 preset, u32 bit_depth)
{
	struct hvcal_session_args args = rig_args(0);
	struct hvcal_session *s;

	args.engine = e->id;
	args.res.preset = preset;
	args.res.bit_depth = bit_depth;
	args.ask.bit_depth = bit_depth;
	s = rig_session_as(test, peers->c, &args);
	rig_session_open(test, s);
	return s;
}

static void code(struct kunit *test, struct hvcal_session *s, u64 ns, u32 frames)
{
	while (frames--) {
		struct hvcal_provider *p = s->binding->engine->provider;
		struct hvcal_job *job = rig_submitted(test, s);

		KUNIT_ASSERT_PTR_EQ(test, rig_take(p), job);
		rig_advance(ns);
		rig_answer(p, job->work.id, 0);
		rig_expect_event(test, s->client, HVCAL_EVENT_JOB, 0);
	}
}

static void what_one_kind_costs_is_learned_for_it_alone(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = rig_engine(test, peers.p), *other = rig_engine(test, peers.p);
	struct hvcal_session *s = session_of(test, &peers, e, 3, 8);
	struct hvcal_session *same = session_of(test, &peers, e, 3, 8);
	struct hvcal_session *slow = session_of(test, &peers, e, 4, 8);
	struct hvcal_session *deep = session_of(test, &peers, e, 3, 10);
	struct hvcal_session *elsewhere = session_of(test, &peers, other, 3, 8);
	u64 seed = hvcal_cost_seeded(RIG_NS_PER_MPIX);

	KUNIT_EXPECT_PTR_EQ(test, same->binding->model, s->binding->model);
	KUNIT_EXPECT_EQ(test, e->nmodels, 3);
	KUNIT_EXPECT_EQ(test, other->nmodels, 1);
	KUNIT_EXPECT_EQ(test, s->binding->model->cost.planned, seed);
	code(test, s, RIG_MS / 10, 20);
	KUNIT_EXPECT_EQ(test, s->binding->model->cost.samples, 20);
	KUNIT_EXPECT_LT(test, s->binding->model->cost.planned, seed / 2);
	KUNIT_EXPECT_EQ(test, slow->binding->model->cost.planned, seed);
	KUNIT_EXPECT_EQ(test, deep->binding->model->cost.planned, seed);
	KUNIT_EXPECT_EQ(test, elsewhere->binding->model->cost.planned, seed);
	KUNIT_EXPECT_EQ(test, slow->binding->model->cost.samples, 0);
}

static void what_was_learned_outlives_the_session(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = rig_engine(test, peers.p);
	struct hvcal_session *s = session_of(test, &peers, e, 0, 8);
	struct hvcal_model *m = s->binding->model;
	u64 planned;

	code(test, s, RIG_MS / 10, 20);
	planned = m->cost.planned;
	rig_session_close(s);
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, m->users, 0);
	s = session_of(test, &peers, e, 0, 8);
	KUNIT_EXPECT_PTR_EQ(test, s->binding->model, m);
	KUNIT_EXPECT_EQ(test, m->cost.planned, planned);
	KUNIT_EXPECT_EQ(test, e->nmodels, 1);
}

static struct hvcal_model *get(struct kunit *test, struct hvcal_engine *e, u32 preset)
{
	struct hvcal_model_key key = { .codec = RIG_CODEC, .preset = preset };
	struct hvcal_model *spare = hvcal_model_alloc(), *m;
	unsigned long flags;
	bool known;

	KUNIT_ASSERT_NOT_NULL(test, spare);
	spin_lock_irqsave(&hvcal.lock, flags);
	known = hvcal_model_find_locked(e, &key);
	m = hvcal_model_get_locked(e, &key, RIG_NS_PER_MPIX, &spare);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	/* used up if it was needed */
	KUNIT_EXPECT_EQ(test, !!spare, known);
	kfree(spare);
	return m;
}

static void put(struct hvcal_engine *e, struct hvcal_model *m)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_model_put_locked(e, m);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static bool known(struct hvcal_engine *e, u32 preset)
{
	struct hvcal_model_key key = { .codec = RIG_CODEC, .preset = preset };
	unsigned long flags;
	bool found;

	spin_lock_irqsave(&hvcal.lock, flags);
	found = hvcal_model_find_locked(e, &key);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return found;
}

static void least_recently_used_model_is_forgotten(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = rig_engine(test, peers.p);
	struct hvcal_model *in_use = get(test, e, 0), *m;
	u32 i;

	for (i = 1; i < MODELS_KEPT; i++)
		put(e, get(test, e, i));
	KUNIT_EXPECT_EQ(test, e->nmodels, MODELS_KEPT);
	/* 1 is used again: 2 is the oldest now */
	m = get(test, e, 1);
	KUNIT_EXPECT_EQ(test, m->users, 1);
	put(e, m);
	KUNIT_EXPECT_EQ(test, e->nmodels, MODELS_KEPT);
	put(e, get(test, e, MODELS_KEPT));
	KUNIT_EXPECT_EQ(test, e->nmodels, MODELS_KEPT);
	KUNIT_EXPECT_TRUE(test, known(e, 0));
	KUNIT_EXPECT_TRUE(test, known(e, 1));
	KUNIT_EXPECT_FALSE(test, known(e, 2));
	KUNIT_EXPECT_TRUE(test, known(e, 3));
	put(e, in_use);
}

static void models_in_use_are_never_forgotten(struct kunit *test)
{
	struct hvcal_model **m = kunit_kcalloc(test, MODELS_KEPT + 2, sizeof(*m), GFP_KERNEL);
	struct peers peers = peers_make(test);
	struct hvcal_engine *e = rig_engine(test, peers.p);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (i = 0; i < MODELS_KEPT + 2; i++)
		m[i] = get(test, e, i);
	KUNIT_EXPECT_EQ(test, e->nmodels, MODELS_KEPT + 2);
	for (i = 0; i < MODELS_KEPT + 2; i++)
		put(e, m[i]);
	KUNIT_EXPECT_EQ(test, e->nmodels, MODELS_KEPT);
}

static struct kunit_case model_cases[] = {
	KUNIT_CASE(what_one_kind_costs_is_learned_for_it_alone),
	KUNIT_CASE(what_was_learned_outlives_the_session),
	KUNIT_CASE(least_recently_used_model_is_forgotten),
	KUNIT_CASE(models_in_use_are_never_forgotten),
	{}
};

static struct kunit_suite model_suite = {
	.name = "hvcal_model",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = model_cases,
};

kunit_test_suite(model_suite);
