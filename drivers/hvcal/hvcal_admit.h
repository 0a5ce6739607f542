/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_ADMIT_H
#define HVCAL_ADMIT_H

#include <linux/types.h>

#include "hvcal_queue.h"

/*
 * Which reservations an engine can keep. Periods and deadlines are at least 1 ns
 * and at most 17 s. No locks, no clock.
 *
 * Each lane of the engine is one processor without preemption, so the question
 * has an exact answer for tasks that come at most once a period (sporadic). With
 * cost C, period T, deadline D, a set of tasks meets all deadlines under EDF if
 * and only if its utilisation is at most 1 and, for every absolute deadline t,
 *
 *	h(t) + B(t) <= t
 *	h(t) = sum over D_i <= t of (floor((t - D_i) / T_i) + 1) C_i
 *	B(t) = max over D_i > t of C_i
 *
 * (Jeffay, Stanat, Martel: On non-preemptive scheduling of periodic and sporadic
 * tasks, RTSS 1991; for any deadlines George, Rivierre, Spuri: Preemptive and
 * non-preemptive real-time uniprocessor scheduling, INRIA RR-2966, 1996.)
 * Times are real numbers here, so the -1 of their integer time is left out: that
 * is on the safe side by one nanosecond.
 *
 * The slack of a lane is the least t - h(t): how long something foreign that has
 * just begun may hold it up.
 *
 * Tasks are distributed over lanes instead of tested as a whole, because the
 * sufficient tests for global EDF without preemption (Baruah: The non-preemptive
 * scheduling of periodic tasks upon multiprocessors, Real-Time Systems 32, 2006)
 * refuse much that lanes can keep; selftests/sched compares the two.
 */

void hvcal_task_set(struct hvcal_task *task, u64 cost_ns, u64 period_ns, u64 deadline_ns);

/* A claim on the engine, in millionths of all its lanes. */
u32 hvcal_admit_share_ppm(const struct hvcal_queue *q, const struct hvcal_task *task);
/* Claims of all members of all lanes. */
u32 hvcal_admit_used_ppm(const struct hvcal_queue *q);
/* Utilisation of one lane, in millionths; more than 1000000 if it cannot do it. */
u32 hvcal_admit_lane_ppm(const struct hvcal_lane *lane);

/*
 * Does @lane keep its promises with @extra (may be NULL) among its members?
 * *slack_ns: what it can bear then.
 */
bool hvcal_admit_lane_fits(const struct hvcal_lane *lane, struct hvcal_task *extra,
			   u64 *slack_ns);

/*
 * The fullest lane that has room for @task, of those on which guests of @guest_ns
 * do not depend: some lane must still bear them. HVCAL_LANE_NONE: no room.
 */
u32 hvcal_admit_find(const struct hvcal_queue *q, struct hvcal_task *task, u64 guest_ns);
/* Would a guest that costs @guest_ns ever run? */
bool hvcal_admit_guest(const struct hvcal_queue *q, u64 guest_ns);
/* The shortest period, at most @max_ns, for which there is room; 0 none. */
u64 hvcal_admit_fit_period(const struct hvcal_queue *q, const struct hvcal_task *task,
			   u64 guest_ns, u64 max_ns);
/*
 * The longest guest that may start in @lane at @now, when the lane has nothing of
 * its own to do; 0 if that would take too long to find out. Looks at the deadlines
 * that are really to come, not at the worst case: until the lane is idle again it
 * runs frames that are due, and what comes after is covered by the test above.
 */
u64 hvcal_admit_lane_room(struct hvcal_lane *lane, u64 now);
/* Costs or members of @lane have changed: false if it cannot keep its promises. */
bool hvcal_admit_refresh(struct hvcal_lane *lane);

/*
 * Costs have changed: tries every lane anew, and moves members of those that
 * cannot keep their promises to others. Sets q->crowded if that does not help,
 * or if a flow is @homeless.
 */
void hvcal_admit_replan(struct hvcal_queue *q, bool homeless, u64 now);

#endif /* HVCAL_ADMIT_H */
