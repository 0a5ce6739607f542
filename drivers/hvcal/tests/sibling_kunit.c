// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_sibling.c"

/* What is reserved takes 0.768 ms a frame: see RIG_NS_PER_MPIX. */
#define TWO_FIFTHS	(2 * RIG_MS)
#define A_TENTH		(8 * RIG_MS)

struct peers {
	struct hvcal_client *owner, *other;
	struct hvcal_engine *private, *public;
};

static struct hvcal_engine *engine_on_gpu(struct kunit *test, struct hvcal_client *owner)
{
	struct hvcal_provider *p = rig_provider(test);
	struct hvcal_engine *e;

	if (owner) {
		hvcal_client_get(owner);
		p->client = owner;
	}
	e = rig_engine(test, p);
	e->gpu = 1;
	return e;
}

static struct peers peers_make(struct kunit *test)
{
	struct peers peers = { .owner = rig_client(test), .other = rig_client(test) };

	peers.owner->nice = true;
	peers.other->nice = true;
	peers.public = engine_on_gpu(test, NULL);
	peers.private = engine_on_gpu(test, peers.owner);
	return peers;
}

static int reserve(struct hvcal_client *c, struct hvcal_engine *e, u64 period_ns,
		   struct hvcal_session **s)
{
	struct hvcal_session_args args = rig_args(period_ns);
	struct hvcal_session_reply reply;
	int ret;

	args.engine = e->id;
	ret = hvcal_session_create(c, &args, &reply);
	if (s && !ret)
		*s = xa_load(&c->sessions, reply.handle);
	return ret;
}

static void gone_unheard(struct hvcal_session *s)
{
	/* its provider has not fetched OPEN yet, so it leaves at once */
	rig_session_close(s);
}

static void reservations_count_on_both_sides(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s;

	KUNIT_ASSERT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, NULL), 0);
	KUNIT_EXPECT_GT(test, peers.private->sibling_ppm, 380000);
	KUNIT_EXPECT_LT(test, peers.private->sibling_ppm, 390000);
	KUNIT_EXPECT_EQ(test, peers.public->sibling_ppm, 0);
	KUNIT_ASSERT_EQ(test, reserve(peers.owner, peers.private, TWO_FIFTHS, &s), 0);
	/* as much as at the other, though it is more of what is left */
	KUNIT_EXPECT_GT(test, peers.public->sibling_ppm, 380000);
	KUNIT_EXPECT_LT(test, peers.public->sibling_ppm, 390000);
	KUNIT_EXPECT_GT(test, hvcal_sched_share_locked(s), 600000);

	/* a third one of them fits nowhere, a small one does */
	KUNIT_EXPECT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, NULL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reserve(peers.owner, peers.private, TWO_FIFTHS, NULL), -ENOSPC);
	gone_unheard(s);
	KUNIT_EXPECT_EQ(test, peers.public->sibling_ppm, 0);
	KUNIT_EXPECT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, NULL), 0);
}

/* There is time enough, but not between two frames of the other. */
static void promises_of_siblings_are_kept(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *s;

	KUNIT_ASSERT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, &s), 0);
	/* with half of the hardware gone, a frame would take longer than this */
	s->asked.deadline_ns = RIG_MS;
	KUNIT_EXPECT_EQ(test, reserve(peers.owner, peers.private, TWO_FIFTHS, NULL), -ENOSPC);
	KUNIT_EXPECT_EQ(test, peers.public->sibling_ppm, 0);
	KUNIT_EXPECT_FALSE(test, s->pressed);
	KUNIT_EXPECT_EQ(test, reserve(peers.owner, peers.private, A_TENTH, NULL), 0);
	KUNIT_EXPECT_FALSE(test, s->pressed);
}

/* Growing is as coming. */
static void promises_of_siblings_bound_growth(struct kunit *test)
{
	struct hvcal_session_reply reply = {};
	struct peers peers = peers_make(test);
	struct hvcal_reservation res, before;
	struct hvcal_session *his, *mine;
	u32 granted;

	KUNIT_ASSERT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, &his), 0);
	KUNIT_ASSERT_EQ(test, reserve(peers.owner, peers.private, A_TENTH, &mine), 0);
	granted = peers.public->sibling_ppm;
	res = mine->res;
	res.period_ns = TWO_FIFTHS;
	his->asked.deadline_ns = RIG_MS;
	KUNIT_EXPECT_EQ(test, rig_reserve(mine, &res, &before, &reply), -ENOSPC);
	KUNIT_EXPECT_EQ(test, reply.refused, HVCAL_RESOURCE_ENGINE_TIME);
	KUNIT_EXPECT_EQ(test, peers.public->sibling_ppm, granted);
	KUNIT_EXPECT_EQ(test, mine->asked.period_ns, A_TENTH);
	KUNIT_EXPECT_FALSE(test, his->pressed);
	/* without that promise it may */
	his->asked.deadline_ns = 0;
	KUNIT_EXPECT_EQ(test, rig_reserve(mine, &res, &before, &reply), 0);
	KUNIT_EXPECT_GT(test, peers.public->sibling_ppm, granted);
}

static void replan(struct hvcal_session *s, u32 factor)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	s->binding->model->cost.planned *= factor;
	hvcal_sched_replan_locked(s->binding->engine);
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static void who_costs_more_than_granted_is_pressed(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_session *mine, *his;
	u32 granted;

	KUNIT_ASSERT_EQ(test, reserve(peers.other, peers.public, TWO_FIFTHS, &his), 0);
	KUNIT_ASSERT_EQ(test, reserve(peers.owner, peers.private, TWO_FIFTHS, &mine), 0);
	granted = peers.public->sibling_ppm;
	replan(mine, 3);
	KUNIT_EXPECT_EQ(test, peers.public->sibling_ppm, granted);
	KUNIT_EXPECT_TRUE(test, mine->pressed);
	KUNIT_EXPECT_FALSE(test, his->pressed);
	/* the other way round it is the private one again */
	replan(mine, 1);
	replan(his, 2);
	KUNIT_EXPECT_GT(test, peers.private->sibling_ppm, 700000);
	KUNIT_EXPECT_TRUE(test, mine->pressed);
}

static void a_user_has_one_share_of_all(struct kunit *test)
{
	struct peers peers = peers_make(test);

	peers.owner->nice = false;
	/* 77 % are his, 15 more are too much for one user */
	KUNIT_ASSERT_EQ(test, reserve(peers.owner, peers.public, TWO_FIFTHS, NULL), 0);
	KUNIT_ASSERT_EQ(test, reserve(peers.owner, peers.public, TWO_FIFTHS, NULL), 0);
	KUNIT_EXPECT_EQ(test, reserve(peers.owner, peers.private, 5 * RIG_MS, NULL), -ENOSPC);
	peers.owner->nice = true;
	KUNIT_EXPECT_EQ(test, reserve(peers.owner, peers.private, 5 * RIG_MS, NULL), 0);
}

static void others_are_no_siblings(struct kunit *test)
{
	struct peers peers = peers_make(test);
	struct hvcal_engine *public = engine_on_gpu(test, NULL);

	KUNIT_EXPECT_TRUE(test, hvcal_sibling_of(peers.private, peers.public));
	KUNIT_EXPECT_TRUE(test, hvcal_sibling_of(peers.public, peers.private));
	KUNIT_EXPECT_FALSE(test, hvcal_sibling_of(peers.private, peers.private));
	/* what two providers offer on a GPU may well be different hardware */
	KUNIT_EXPECT_FALSE(test, hvcal_sibling_of(peers.public, public));
	public->gpu = 2;
	KUNIT_EXPECT_FALSE(test, hvcal_sibling_of(peers.private, public));
	public->gpu = 1;
	public->kind = HVCAL_ENGINE_SOFTWARE;
	KUNIT_EXPECT_FALSE(test, hvcal_sibling_of(peers.private, public));
}

static struct kunit_case sibling_cases[] = {
	KUNIT_CASE(reservations_count_on_both_sides),
	KUNIT_CASE(promises_of_siblings_are_kept),
	KUNIT_CASE(promises_of_siblings_bound_growth),
	KUNIT_CASE(who_costs_more_than_granted_is_pressed),
	KUNIT_CASE(a_user_has_one_share_of_all),
	KUNIT_CASE(others_are_no_siblings),
	{}
};

static struct kunit_suite sibling_suite = {
	.name = "hvcal_sibling",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = sibling_cases,
};

kunit_test_suite(sibling_suite);
