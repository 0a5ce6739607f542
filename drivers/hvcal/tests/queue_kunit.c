// SPDX-License-Identifier: GPL-2.0
#include <kunit/test.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../hvcal_queue.c"

#define FLOWS		64
#define AGE_NS		1000
#define STARVE_NS	4000

struct queue_rig {
	struct hvcal_queue q;
	struct hvcal_flow flows[FLOWS];
	struct hvcal_wheel wheels[HVCAL_LANES_MAX + 1];
};

/* @slots lanes; real-time flows have no reservation until a test gives them one. */
static struct queue_rig *rig_make(struct kunit *test, u32 slots, u32 realtime, u32 effort)
{
	struct queue_rig *rig = kunit_kzalloc(test, sizeof(*rig), GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, rig);
	hvcal_queue_init(&rig->q, slots, rig->wheels, AGE_NS, STARVE_NS);
	for (i = 0; i < realtime + effort; i++) {
		hvcal_queue_attach(&rig->q, &rig->flows[i], i < realtime, 1);
		hvcal_queue_open(&rig->q, &rig->flows[i], true, 0);
	}
	return rig;
}

static struct hvcal_ticket *ticket(struct kunit *test, u64 deadline, u64 queued)
{
	struct hvcal_ticket *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->deadline_ns = deadline;
	t->queued_ns = queued;
	t->cost_ns = 1;
	t->ready = true;
	return t;
}

static struct hvcal_ticket *next_at(struct hvcal_queue *q, u64 now)
{
	struct hvcal_pick pick;

	return hvcal_queue_pick(q, now, &pick) ? hvcal_queue_take(q, &pick, now) : NULL;
}

static struct hvcal_ticket *next(struct hvcal_queue *q)
{
	return next_at(q, 0);
}

/* At home in @lane, with a period and deadline of 100. */
static void settle(struct queue_rig *rig, u32 flow, u32 lane)
{
	hvcal_task_set(&rig->flows[flow].task, 1, 100, 100);
	hvcal_queue_settle(&rig->q, &rig->flows[flow], lane, 0);
}

static void earliest_deadline_goes_first(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 3, 0);
	struct hvcal_ticket *late = ticket(test, 300, 0);
	struct hvcal_ticket *soon = ticket(test, 100, 1);
	struct hvcal_ticket *mid = ticket(test, 200, 2);

	hvcal_queue_append(&rig->q, &rig->flows[0], late, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], soon, 0);
	hvcal_queue_append(&rig->q, &rig->flows[2], mid, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), soon);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), mid);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), late);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
}

/* Who had to come without a reservation is not kept out by the backlog of those who have one. */
static void crowded_queue_is_fair_to_guests(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 2, 0);
	struct hvcal_ticket *guest = ticket(test, 150, 0), *home[3];
	u32 i;

	settle(rig, 0, 0);
	for (i = 0; i < ARRAY_SIZE(home); i++) {
		home[i] = ticket(test, 10, 0);
		hvcal_queue_append(&rig->q, &rig->flows[0], home[i], 0);
	}
	hvcal_queue_append(&rig->q, &rig->flows[1], guest, 0);
	rig->q.crowded = true;
	/* by deadline: 100, and the next one's period starts late */
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 120), home[0]);
	hvcal_queue_done(&rig->q, &rig->flows[0], home[0], 120);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 120), guest);
	KUNIT_EXPECT_TRUE(test, rig->q.lane[0].busy);
	hvcal_queue_done(&rig->q, &rig->flows[1], guest, 130);
	/* where all promises are kept, those at home come first */
	rig->q.crowded = false;
	guest = ticket(test, 160, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], guest, 130);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 130), home[1]);
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, 130));
}

static void order_within_a_flow_is_kept(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 1, 0);
	struct hvcal_ticket *first = ticket(test, 300, 0);
	struct hvcal_ticket *second = ticket(test, 100, 1);

	rig->flows[0].depth = 2;
	hvcal_queue_append(&rig->q, &rig->flows[0], first, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], second, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), first);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), second);
}

static void head_that_waits_holds_up_its_flow_only(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 2, 0);
	struct hvcal_ticket *waits = ticket(test, 10, 0);
	struct hvcal_ticket *behind = ticket(test, 20, 0);
	struct hvcal_ticket *other = ticket(test, 500, 0);

	waits->ready = false;
	hvcal_queue_append(&rig->q, &rig->flows[0], waits, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], behind, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], other, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), other);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
	hvcal_queue_ready(&rig->q, &rig->flows[0], waits, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), waits);
}

static void depth_limits_what_a_flow_has_running(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0), *b = ticket(test, 2, 0);

	hvcal_queue_append(&rig->q, &rig->flows[0], a, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], b, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), a);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
	hvcal_queue_done(&rig->q, &rig->flows[0], a, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), b);
}

static void put_back_is_as_if_never_taken(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0), *b = ticket(test, 2, 0);

	hvcal_queue_append(&rig->q, &rig->flows[0], a, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], b, 0);
	KUNIT_ASSERT_PTR_EQ(test, next(&rig->q), a);
	hvcal_queue_put_back(&rig->q, &rig->flows[0], a, 0);
	KUNIT_EXPECT_EQ(test, rig->flows[0].running, 0);
	KUNIT_EXPECT_FALSE(test, rig->q.lane[a->lane].busy);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), a);
}

static void closed_flow_keeps_its_tickets(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 1, 0);
	struct hvcal_ticket *a = ticket(test, 1, 0);

	hvcal_queue_append(&rig->q, &rig->flows[0], a, 0);
	hvcal_queue_open(&rig->q, &rig->flows[0], false, 0);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
	hvcal_queue_open(&rig->q, &rig->flows[0], true, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), a);
}

static void best_effort_takes_what_is_left(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 2, 1, 1);
	struct hvcal_ticket *rt = ticket(test, 500, 100);
	struct hvcal_ticket *be = ticket(test, 0, 0);

	hvcal_queue_append(&rig->q, &rig->flows[1], be, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], rt, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), rt);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), be);
}

static void best_effort_does_not_starve(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 1, 1);
	struct hvcal_ticket *be = ticket(test, 0, 0);
	u64 now, served = 0;

	hvcal_queue_append(&rig->q, &rig->flows[1], be, 0);
	/* a real-time flow that always has a job with a deadline 100 ahead */
	for (now = 0; now < 2 * AGE_NS && !served; now += 50) {
		struct hvcal_ticket *t = ticket(test, now + 100, now), *got;

		hvcal_queue_append(&rig->q, &rig->flows[0], t, now);
		got = next_at(&rig->q, now);
		if (got == be)
			served = now;
		else
			hvcal_queue_done(&rig->q, &rig->flows[0], got, now + 40);
	}
	KUNIT_EXPECT_GT(test, served, AGE_NS / 2);
	KUNIT_EXPECT_LE(test, served, AGE_NS);
}

static void guest_needs_slack(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 2, 2, 1);
	struct hvcal_ticket *be = ticket(test, 0, 0);

	settle(rig, 0, 0);
	settle(rig, 1, 1);
	/* both may have a frame now that is due at 100 and takes 1 */
	rig->q.lane[0].slack_ns = 5;
	rig->q.lane[1].slack_ns = 9;
	be->cost_ns = 100;
	hvcal_queue_append(&rig->q, &rig->flows[2], be, 0);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
	rig->q.lane[1].slack_ns = 100;
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), be);
	KUNIT_EXPECT_EQ(test, be->lane, 1);
}

/* What is really to come leaves more room than the worst case. */
static void guest_fits_before_what_is_to_come(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 2, 1);
	struct hvcal_ticket *be = ticket(test, 0, 0);

	settle(rig, 0, 0);
	settle(rig, 1, 0);
	rig->q.lane[0].slack_ns = 0;
	be->cost_ns = 98;
	KUNIT_EXPECT_EQ(test, hvcal_admit_lane_room(&rig->q.lane[0], 0), 98);
	hvcal_queue_append(&rig->q, &rig->flows[2], be, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), be);
}

static void small_guest_passes_a_large_one(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 1, 2);
	struct hvcal_ticket *large = ticket(test, 0, 0), *small = ticket(test, 0, 1);

	settle(rig, 0, 0);
	rig->q.lane[0].slack_ns = 1 << 20;
	large->cost_ns = 1 << 24;
	hvcal_queue_append(&rig->q, &rig->flows[1], large, 0);
	hvcal_queue_append(&rig->q, &rig->flows[2], small, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), small);
}

static void starving_guest_is_let_in_once_an_age(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 1, 1);
	struct hvcal_ticket *a = ticket(test, 0, 0), *b = ticket(test, 0, 0);

	a->cost_ns = 100;
	b->cost_ns = 100;
	settle(rig, 0, 0);
	rig->q.lane[0].slack_ns = 0;
	hvcal_queue_append(&rig->q, &rig->flows[1], a, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], b, 0);
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, STARVE_NS - 1));
	KUNIT_EXPECT_EQ(test, hvcal_queue_next_event(&rig->q, 0), STARVE_NS);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, STARVE_NS), a);
	hvcal_queue_done(&rig->q, &rig->flows[1], a, STARVE_NS);
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, STARVE_NS));
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, STARVE_NS + AGE_NS), b);
	KUNIT_EXPECT_EQ(test, rig->q.forced, 2);
}

static void early_client_cannot_burst(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 2, 0);
	struct hvcal_ticket *a[3], *b = ticket(test, 100, 0);
	int i;

	settle(rig, 0, 0);
	settle(rig, 1, 0);
	rig->q.lane[0].slack_ns = 0;
	for (i = 0; i < 3; i++) {
		a[i] = ticket(test, 0, 0);
		a[i]->cost_ns = 200;
		hvcal_queue_append(&rig->q, &rig->flows[0], a[i], 0);
	}
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), a[0]);
	hvcal_queue_done(&rig->q, &rig->flows[0], a[0], 1);
	/* its next period begins at 100: till then others come first */
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, 1));
	KUNIT_EXPECT_EQ(test, hvcal_queue_next_event(&rig->q, 1), 100);
	hvcal_queue_append(&rig->q, &rig->flows[1], b, 50);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 50), b);
	hvcal_queue_done(&rig->q, &rig->flows[1], b, 51);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 100), a[1]);
	hvcal_queue_done(&rig->q, &rig->flows[0], a[1], 101);
	/* but time to spare is used */
	rig->q.lane[0].slack_ns = 200;
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 101), a[2]);
}

/* A head that waits stands as if it had come in the new class or lane. */
static void class_changes_while_a_head_waits(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 1, 2, 0);
	struct hvcal_flow *f = &rig->flows[0];
	struct hvcal_ticket *a = ticket(test, 500, 0), *b = ticket(test, 90, 0);
	struct hvcal_ticket *next_a = ticket(test, 600, 0);

	settle(rig, 0, 0);
	settle(rig, 1, 0);
	rig->q.lane[0].slack_ns = 0;
	hvcal_queue_append(&rig->q, f, a, 0);
	hvcal_queue_append(&rig->q, f, next_a, 0);
	KUNIT_EXPECT_EQ(test, f->next_start_ns, 100);
	hvcal_queue_settle(&rig->q, f, HVCAL_LANE_NONE, 10);
	hvcal_queue_reclass(&rig->q, f, false, 10);
	KUNIT_EXPECT_PTR_EQ(test, f->heap, &rig->q.effort[0]);
	/* the period that it did not run in is its own again */
	hvcal_queue_reclass(&rig->q, f, true, 20);
	hvcal_queue_settle(&rig->q, f, 0, 20);
	KUNIT_EXPECT_PTR_EQ(test, f->heap, &rig->q.lane[0].ready);
	KUNIT_EXPECT_EQ(test, a->start_ns, 20);
	KUNIT_EXPECT_EQ(test, a->due_ns, 500);
	KUNIT_EXPECT_EQ(test, f->next_start_ns, 120);
	hvcal_queue_append(&rig->q, &rig->flows[1], b, 20);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 20), b);
	hvcal_queue_done(&rig->q, &rig->flows[1], b, 21);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 21), a);
	hvcal_queue_done(&rig->q, f, a, 22);
	KUNIT_EXPECT_EQ(test, next_a->start_ns, 120);
}

static void release_time_is_kept(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 4, 1, 1);
	struct hvcal_ticket *rt = ticket(test, 0, 0), *be = ticket(test, 0, 0);

	rt->release_ns = 70;
	be->release_ns = 60;
	hvcal_queue_append(&rig->q, &rig->flows[0], rt, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], be, 0);
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, 59));
	KUNIT_EXPECT_EQ(test, hvcal_queue_next_event(&rig->q, 59), 60);
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 60), be);
	KUNIT_EXPECT_NULL(test, next_at(&rig->q, 69));
	KUNIT_EXPECT_PTR_EQ(test, next_at(&rig->q, 70), rt);
}

static void busy_lane_sends_its_own_elsewhere(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 2, 2, 0);
	struct hvcal_ticket *a = ticket(test, 100, 0), *b = ticket(test, 100, 0);

	settle(rig, 0, 0);
	settle(rig, 1, 0);
	hvcal_queue_append(&rig->q, &rig->flows[0], a, 0);
	hvcal_queue_append(&rig->q, &rig->flows[1], b, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), a);
	KUNIT_EXPECT_EQ(test, a->lane, 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), b);
	KUNIT_EXPECT_EQ(test, b->lane, 1);
}

static void slots_beyond_the_lanes_count(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, HVCAL_LANES_MAX + 2, 0, 1);
	u32 i;

	rig->flows[0].depth = U32_MAX;
	for (i = 0; i < HVCAL_LANES_MAX + 3; i++)
		hvcal_queue_append(&rig->q, &rig->flows[0], ticket(test, 0, 0), 0);
	for (i = 0; i < HVCAL_LANES_MAX + 2; i++)
		KUNIT_EXPECT_NOT_NULL(test, next(&rig->q));
	KUNIT_EXPECT_NULL(test, next(&rig->q));
}

static void remove_takes_any_ticket_out(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 3, 1, 0);
	struct hvcal_ticket *t[3];
	int i;

	rig->flows[0].depth = 3;
	for (i = 0; i < 3; i++) {
		t[i] = ticket(test, i, 0);
		hvcal_queue_append(&rig->q, &rig->flows[0], t[i], 0);
	}
	hvcal_queue_remove(&rig->q, &rig->flows[0], t[1], 0);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), t[0]);
	KUNIT_EXPECT_PTR_EQ(test, next(&rig->q), t[2]);
	KUNIT_EXPECT_NULL(test, next(&rig->q));
}

/* The deadline that a naive search would choose. */
static bool naive(struct queue_rig *rig, u64 *due)
{
	bool found = false;
	u32 i;

	for (i = 0; i < FLOWS; i++) {
		struct hvcal_flow *f = &rig->flows[i];

		if (!f->open || !f->first || !f->first->ready || f->running >= f->depth)
			continue;
		if (!found || f->first->due_ns < *due)
			*due = f->first->due_ns;
		found = true;
	}
	return found;
}

static void random_operations_match_a_search(struct kunit *test)
{
	struct queue_rig *rig = rig_make(test, 2 * FLOWS, FLOWS, 0);
	struct hvcal_ticket *running[FLOWS] = {};
	struct hvcal_pick pick;
	int step;

	for (step = 0; step < 20000; step++) {
		u32 i = get_random_u32() % FLOWS;
		struct hvcal_flow *f = &rig->flows[i];
		u64 want = 0;
		bool any = naive(rig, &want), got = hvcal_queue_pick(&rig->q, 0, &pick);
		struct hvcal_ticket *t;

		KUNIT_ASSERT_EQ(test, any, got);
		if (any)
			KUNIT_ASSERT_EQ(test, want, pick.key);
		switch (get_random_u32() % 6) {
		case 0:
		case 1:
			t = kzalloc(sizeof(*t), GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, t);
			t->deadline_ns = get_random_u32() % 1000;
			t->ready = get_random_u32() % 2;
			hvcal_queue_append(&rig->q, f, t, 0);
			break;
		case 2:
			if (f->last)
				hvcal_queue_ready(&rig->q, f, f->first, 0);
			break;
		case 3:
			if (got)
				running[pick.flow - rig->flows] =
					hvcal_queue_take(&rig->q, &pick, 0);
			break;
		case 4:
			if (f->running) {
				hvcal_queue_done(&rig->q, f, running[i], 0);
				kfree(running[i]);
				running[i] = NULL;
			}
			break;
		case 5:
			if (f->last) {
				t = f->last;
				hvcal_queue_remove(&rig->q, f, t, 0);
				kfree(t);
			}
			break;
		}
	}
	for (step = 0; step < FLOWS; step++) {
		kfree(running[step]);
		while (rig->flows[step].first) {
			struct hvcal_ticket *t = rig->flows[step].first;

			hvcal_queue_remove(&rig->q, &rig->flows[step], t, 0);
			kfree(t);
		}
	}
	KUNIT_EXPECT_FALSE(test, hvcal_queue_pick(&rig->q, 0, &pick));
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(earliest_deadline_goes_first),
	KUNIT_CASE(crowded_queue_is_fair_to_guests),
	KUNIT_CASE(order_within_a_flow_is_kept),
	KUNIT_CASE(head_that_waits_holds_up_its_flow_only),
	KUNIT_CASE(depth_limits_what_a_flow_has_running),
	KUNIT_CASE(put_back_is_as_if_never_taken),
	KUNIT_CASE(closed_flow_keeps_its_tickets),
	KUNIT_CASE(best_effort_takes_what_is_left),
	KUNIT_CASE(best_effort_does_not_starve),
	KUNIT_CASE(guest_needs_slack),
	KUNIT_CASE(guest_fits_before_what_is_to_come),
	KUNIT_CASE(small_guest_passes_a_large_one),
	KUNIT_CASE(starving_guest_is_let_in_once_an_age),
	KUNIT_CASE(early_client_cannot_burst),
	KUNIT_CASE(class_changes_while_a_head_waits),
	KUNIT_CASE(release_time_is_kept),
	KUNIT_CASE(busy_lane_sends_its_own_elsewhere),
	KUNIT_CASE(slots_beyond_the_lanes_count),
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
