// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../hvcal_queue.c"

#define FLOWS		64
#define AGE_NS		1000

struct queue_rig {
	struct hvcal_queue q;
	struct hvcal_flow flows[FLOWS];
};

static struct queue_rig *rig_make(struct kunit *test, u32 realtime, u32 effort)
{
	struct queue_rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);
	struct hvcal_flow **rt = kunit_kcalloc(test, FLOWS, sizeof(*rt), GFP_KERNEL);
	struct hvcal_flow **be = kunit_kcalloc(test, FLOWS, sizeof(*be), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, rig);
	KUNIT_ASSERT_NOT_NULL(test, rt);
	KUNIT_ASSERT_NOT_NULL(test, be);
	hvcal_queue_init(&rig->q, AGE_NS);
	hvcal_queue_set_arrays(&rig->q, &rt, &be, FLOWS);
	for (i = 0; i < realtime + effort; i++) {
		hvcal_queue_attach(&rig->q, &rig->flows[i], i < realtime, 1);
		hvcal_queue_open(&rig->q, &rig->flows[i], true);
	}
	return rig;
}

static struct hvcal_ticket *ticket(struct kunit *test, u64 deadline, u64 queued)
{
	struct hvcal_ticket *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->deadline_ns = deadline;
	t->queued_ns = queued;
	t->ready = true;
	return t;
}

static struct hvcal_ticket *next(struct hvcal_queue *q, struct hvcal_flow **flow)
{
	struct hvcal_flow *f = hvcal_queue_peek(q);

	if (flow)
		*flow = f;
	return f ? hvcal_queue_take(q, f) : NULL;
}

static void earliest_deadline_goes_first(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 0);
	struct hvcal_ticket *late = ticket(test, 300, 0);
	struct hvcal_ticket *soon = ticket(test, 100, 1);
	struct hvcal_ticket *mid = ticket(test, 200, 2);

	hvcal_queue_append(&rig->q, &rig->flows[0], late);
	hvcal_queue_append(&rig->q, &rig->flows[1], soon);
	hvcal_queue_append(&rig->q, &rig->flows[2], mid);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), soon);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), mid);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), late);
	KUNIT_EXPECT_NULL(test, next(&rig->q, NULL));
}

static void order_within_a_flow_is_kept(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 0);
	struct hvcal_ticket *first = ticket(test, 300, 0);
	struct hvcal_ticket *second = ticket(test, 100, 1);

	rig->flows[0].depth = 2;
	hvcal_queue_append(&rig->q, &rig->flows[0], first);
	hvcal_queue_append(&rig->q, &rig->flows[0], second);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), first);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), second);
}

static void head_that_waits_holds_up_its_flow_only(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 2, 0);
	struct hvcal_ticket *waits = ticket(test, 10, 0);
	struct hvcal_ticket *behind = ticket(test, 20, 0);
	struct hvcal_ticket *other = ticket(test, 500, 0);

	waits->ready = false;
	hvcal_queue_append(&rig->q, &rig->flows[0], waits);
	hvcal_queue_append(&rig->q, &rig->flows[0], behind);
	hvcal_queue_append(&rig->q, &rig->flows[1], other);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), other);
	KUNIT_EXPECT_NULL(test, next(&rig->q, NULL));
	hvcal_queue_ready(&rig->q, &rig->flows[0], waits);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), waits);
}

static void depth_limits_what_a_flow_has_running(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0), *b = ticket(test, 2, 0);

	hvcal_queue_append(&rig->q, &rig->flows[0], a);
	hvcal_queue_append(&rig->q, &rig->flows[0], b);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), a);
	KUNIT_EXPECT_NULL(test, next(&rig->q, NULL));
	hvcal_queue_done(&rig->q, &rig->flows[0]);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), b);
}

static void put_back_is_as_if_never_taken(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0), *b = ticket(test, 2, 0);
	struct hvcal_flow *f;

	hvcal_queue_append(&rig->q, &rig->flows[0], a);
	hvcal_queue_append(&rig->q, &rig->flows[0], b);
	KUNIT_ASSERT_PTR_EQ(test, next(&rig->q, &f), a);
	hvcal_queue_put_back(&rig->q, f, a);
	KUNIT_EXPECT_EQ(test, f->running, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), a);
}

static void closed_flow_keeps_its_tickets(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0);

	hvcal_queue_append(&rig->q, &rig->flows[0], a);
	hvcal_queue_open(&rig->q, &rig->flows[0], false);
	KUNIT_EXPECT_NULL(test, next(&rig->q, NULL));
	hvcal_queue_open(&rig->q, &rig->flows[0], true);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), a);
}

static void best_effort_takes_what_is_left(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 1);
	struct hvcal_ticket *rt = ticket(test, 500, 100);
	struct hvcal_ticket *be = ticket(test, 0, 0);

	hvcal_queue_append(&rig->q, &rig->flows[1], be);
	hvcal_queue_append(&rig->q, &rig->flows[0], rt);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), rt);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), be);
}

static void best_effort_does_not_starve(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 1);
	struct hvcal_ticket *be = ticket(test, 0, 0);
	u64 now, served = 0;

	rig->flows[0].depth = U32_MAX;
	hvcal_queue_append(&rig->q, &rig->flows[1], be);
	/* a real-time flow that always has a job with a deadline 100 ahead */
	for (now = 0; now < 2 * AGE_NS && !served; now += 50) {
		hvcal_queue_append(&rig->q, &rig->flows[0], ticket(test, now + 100, now));
		if (next(&rig->q, NULL) == be)
			served = now;
	}
	KUNIT_EXPECT_GT(test, served, AGE_NS / 2);
	KUNIT_EXPECT_LE(test, served, AGE_NS);
}

static void remove_takes_any_ticket_out(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 0);
	struct hvcal_ticket *t[3];
	int i;

	rig->flows[0].depth = 3;
	for (i = 0; i < 3; i++) {
		t[i] = ticket(test, i, 0);
		hvcal_queue_append(&rig->q, &rig->flows[0], t[i]);
	}
	hvcal_queue_remove(&rig->q, &rig->flows[0], t[1]);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), t[0]);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q, NULL), t[2]);
	KUNIT_EXPECT_NULL(test, next(&rig->q, NULL));
}

/* The head of the flow that a naive search would choose. */
static struct hvcal_flow *naive(struct queue_rig *rig, u32 flows)
{
	struct hvcal_flow *best = NULL;
	u32 i;

	for (i = 0; i < flows; i++) {
		struct hvcal_flow *f = &rig->flows[i];

		if (!f->open || !f->first || !f->first->ready || f->running >= f->depth)
			continue;
		if (!best || f->first->deadline_ns < best->first->deadline_ns)
			best = f;
	}
	return best;
}

static void random_operations_match_a_search(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, FLOWS, 0);
	int step;

	for (step = 0; step < 20000; step++) {
		struct hvcal_flow *f = &rig->flows[get_random_u32() % FLOWS];
		struct hvcal_flow *want = naive(rig, FLOWS);
		struct hvcal_flow *got = hvcal_queue_peek(&rig->q);
		struct hvcal_ticket *t;

		KUNIT_ASSERT_EQ(test, !want, !got);
		if (want)
			KUNIT_ASSERT_EQ(test, want->first->deadline_ns, got->first->deadline_ns);
		switch (get_random_u32() % 6) {
		case 0:
		case 1:
			t = kzalloc(sizeof(*t), GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, t);
			t->deadline_ns = get_random_u32() % 1000;
			t->ready = get_random_u32() % 2;
			hvcal_queue_append(&rig->q, f, t);
			break;
		case 2:
			if (f->last)
				hvcal_queue_ready(&rig->q, f, f->first);
			break;
		case 3:
			if (got)
				kfree(hvcal_queue_take(&rig->q, got));
			break;
		case 4:
			if (f->running)
				hvcal_queue_done(&rig->q, f);
			break;
		case 5:
			if (f->last) {
				t = f->last;
				hvcal_queue_remove(&rig->q, f, t);
				kfree(t);
			}
			break;
		}
	}
	for (step = 0; step < FLOWS; step++)
		while (rig->flows[step].first) {
			struct hvcal_ticket *t = rig->flows[step].first;

			hvcal_queue_remove(&rig->q, &rig->flows[step], t);
			kfree(t);
		}
	KUNIT_EXPECT_NULL(test, hvcal_queue_peek(&rig->q));
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(earliest_deadline_goes_first),
	KUNIT_CASE(order_within_a_flow_is_kept),
	KUNIT_CASE(head_that_waits_holds_up_its_flow_only),
	KUNIT_CASE(depth_limits_what_a_flow_has_running),
	KUNIT_CASE(put_back_is_as_if_never_taken),
	KUNIT_CASE(closed_flow_keeps_its_tickets),
	KUNIT_CASE(best_effort_takes_what_is_left),
	KUNIT_CASE(best_effort_does_not_starve),
	KUNIT_CASE(remove_takes_any_ticket_out),
	KUNIT_CASE(random_operations_match_a_search),
	{}
};

static struct kunit_suite queue_suite = {
	.name = "hvcal_queue",
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);

MODULE_DESCRIPTION("KUnit suites of hvcal");
MODULE_LICENSE("GPL");
