// SPDX-License-Identifier: GPL-2.0
#include <linux/anon_inodes.h>
#include <linux/kthread.h>

#include "seams.h"

#include "../hvcal_patience.c"

#define PERIOD_NS	(20 * RIG_MS)
/* Two periods are less than this; in the rig no timer comes before a case calls it. */
#define FLOOR_NS	(1000000 * RIG_MS)

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p, *other_p;
	struct hvcal_engine *e, *other;
	struct hvcal_session *s;
};

/* A session of @period_ns at the first engine, and then another engine. */
static struct peers peers_make(struct kunit *test, u64 period_ns)
{
	struct hvcal_session_args args = rig_args(period_ns);
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	hvcal_patience_looked(peers.p, false);
	peers.other_p = rig_provider(test);
	peers.other = rig_engine(test, peers.other_p);
	return peers;
}

static void look(struct kunit *test, struct hvcal_provider *p)
{
	KUNIT_ASSERT_TRUE(test, delayed_work_pending(&p->patience));
	flush_delayed_work(&p->patience);
}

/* The timer comes when it is to. */
static void look_after(struct kunit *test, struct hvcal_provider *p, u64 ns)
{
	rig_advance(ns);
	WRITE_ONCE(p->look_ns, rig_now());
	look(test, p);
}

static void frame_moves_when_nobody_comes(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	look_after(test, peers.p, FLOOR_NS - 1);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	/* it looks again when it must */
	KUNIT_EXPECT_EQ(test, peers.p->look_ns, rig_now() + 1);
	look_after(test, peers.p, 1);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_EQ(test, peers.s->state, HVCAL_SESSION_MIGRATING);
	rig_answer(peers.other_p, rig_item(test, peers.other_p, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_RESYNC, 0);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.other_p), job);
	rig_answer(peers.other_p, job->work.id, 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, 0);
	/* who comes now is told to close, and is trusted again */
	rig_answer(peers.p, rig_item(test, peers.p, HVCAL_ITEM_CLOSE), 0);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
}

static void opening_session_moves_too(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(PERIOD_NS);

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	peers.other_p = rig_provider(test);
	peers.other = rig_engine(test, peers.other_p);
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	/* the first one never heard of it, and has nothing to come for: that it looks is enough */
	KUNIT_EXPECT_TRUE(test, list_empty(&peers.p->control));
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	hvcal_patience_looked(peers.p, false);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	rig_answer(peers.other_p, rig_item(test, peers.other_p, HVCAL_ITEM_OPEN), 0);
	rig_expect_event(test, peers.c, HVCAL_EVENT_OPENED, 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void nothing_happens_without_another_engine(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	struct hvcal_job *job = rig_submitted(test, peers.s);

	rig_provider_close(peers.other_p);
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	/* when there is one, it takes them */
	peers.other = rig_engine(test, rig_provider(test));
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
}

static void suspect_engine_is_no_refuge(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	unsigned long flags;

	rig_submitted(test, peers.s);
	spin_lock_irqsave(&hvcal.lock, flags);
	peers.other_p->shunned = true;
	hvcal_provider_judge_locked(peers.other_p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
}

static void deadline_is_waited_for(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	struct hvcal_job *job = rig_frame(test, peers.s);

	mutex_lock(&peers.s->submit_lock);
	KUNIT_ASSERT_EQ(test, hvcal_job_submit(job, rig_now() + 2 * FLOOR_NS, 0), 0);
	mutex_unlock(&peers.s->submit_lock);
	look_after(test, peers.p, 2 * FLOOR_NS - 1);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	look_after(test, peers.p, 1);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
}

static void who_looked_is_there(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);

	rig_submitted(test, peers.s);
	rig_advance(FLOOR_NS);
	hvcal_patience_looked(peers.p, true);
	look_after(test, peers.p, FLOOR_NS - 1);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	look_after(test, peers.p, 1);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
}

static void late_look_blames_nobody(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);

	rig_submitted(test, peers.s);
	rig_advance(FLOOR_NS * 3 / 2 + 1);
	look(test, peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	look_after(test, peers.p, FLOOR_NS / 2);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
}

static void who_states_no_period_has_time(struct kunit *test)
{
	struct peers peers = peers_make(test, 0);

	rig_submitted(test, peers.s);
	look_after(test, peers.p, 10 * FLOOR_NS);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
}

static void paced_best_effort_is_a_stream(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	args.res.period_ns = PERIOD_NS;
	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	peers.other = rig_engine(test, rig_provider(test));
	KUNIT_EXPECT_FALSE(test, peers.s->binding->flow.realtime);
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
}

/* A single thread at work need not come, and what it has in hand comes out first. */
static void frames_in_hand_keep_their_session(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	struct hvcal_job *job = rig_submitted(test, peers.s);
	unsigned long flags;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	rig_submitted(test, peers.s);
	look_after(test, peers.p, FLOOR_NS);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_provider_strike_locked(peers.p, &job->work, rig_now());
	spin_unlock_irqrestore(&hvcal.lock, flags);
	look(test, peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	rig_answer(peers.p, job->work.id, 0);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_DONE);
}

static void overdue_answer_sends_others_away(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);
	struct hvcal_job *job = rig_submitted(test, peers.s), *next;
	unsigned long flags;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), job);
	next = rig_submitted(test, peers.s);
	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_job_finish_locked(job, HVCAL_JOB_TIMEDOUT, -ETIMEDOUT, false, NULL);
	hvcal_provider_strike_locked(peers.p, &job->work, rig_now());
	spin_unlock_irqrestore(&hvcal.lock, flags);
	look(test, peers.p);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	RIG_EXPECT_STATE(test, next, HVCAL_JOB_READY);
	rig_expect_event(test, peers.c, HVCAL_EVENT_JOB, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, job->work.id, 0), -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
}

static void doomed_process_loses_all_that_can_go(struct kunit *test)
{
	struct peers peers = peers_make(test, 0);
	struct hvcal_job *job = rig_submitted(test, peers.s);
	struct hvcal_session_args args = rig_args(0);
	unsigned long flags;

	provider_doomed(peers.p);
	provider_doomed(peers.p);
	spin_lock_irqsave(&hvcal.lock, flags);
	KUNIT_EXPECT_FALSE(test, hvcal_provider_has_work_locked(peers.p));
	spin_unlock_irqrestore(&hvcal.lock, flags);
	look(test, peers.p);
	KUNIT_ASSERT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	/* and gets nobody */
	KUNIT_EXPECT_PTR_EQ(test, rig_session_as(test, peers.c, &args)->binding->engine,
			    peers.other);
}

/* Whether or not it is to look by itself. */
static void look_again(struct hvcal_provider *p)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	hvcal_patience_end_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	flush_delayed_work(&p->patience);
}

static void set_file(struct hvcal_provider *p, struct file *file)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	p->file = file;
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static int nothing(void *data)
{
	return 0;
}

static bool has_process(const struct hvcal_provider *p)
{
	bool has;

	rcu_read_lock();
	has = pid_task(p->tgid, PIDTYPE_TGID);
	rcu_read_unlock();
	return has;
}

/* From now on @p is that of a process that is no more. */
static void process_gone(struct kunit *test, struct hvcal_provider *p)
{
	struct task_struct *task = kthread_create(nothing, NULL, "hvcal_kunit");
	unsigned int i;

	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	put_pid(p->tgid);
	p->tgid = get_pid(task_pid(task));
	kthread_stop(task);
	for (i = 0; i < 1000 && has_process(p); i++)
		usleep_range(1000, 2000);
}

static void work_for_a_dead_process_moves(struct kunit *test)
{
	struct peers peers = peers_make(test, 0);
	struct hvcal_job *job;

	process_gone(test, peers.p);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_LIVE);
	job = rig_submitted(test, peers.s);
	/* at once, not when the timer comes */
	flush_work(&peers.p->patience.work);
	KUNIT_EXPECT_EQ(test, peers.p->state, HVCAL_PROVIDER_SUSPECT);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
}

static const struct file_operations no_fops;

static struct peers peers_make_holding(struct kunit *test, u32 kind, struct hvcal_job **job)
{
	struct hvcal_engine_register reg = rig_registration();
	struct hvcal_session_args args = rig_args(0);
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };

	reg.kind = kind;
	args.loss = HVCAL_LOSS_REISSUE;
	peers.e = rig_engine_as(test, peers.p, &reg);
	peers.s = rig_session_as(test, peers.c, &args);
	rig_session_open(test, peers.s);
	peers.other_p = rig_provider(test);
	peers.other = rig_engine(test, peers.other_p);
	*job = rig_submitted(test, peers.s);
	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers.p), *job);
	return peers;
}

static void ended_process_gives_back_what_it_held(struct kunit *test)
{
	struct file *file = anon_inode_getfile("hvcal_kunit", &no_fops, NULL, O_RDWR);
	struct hvcal_job *job;
	struct peers peers;
	u64 item;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	peers = peers_make_holding(test, HVCAL_ENGINE_SOFTWARE, &job);
	item = job->work.id;
	set_file(peers.p, file);
	/* it may still write */
	provider_doomed(peers.p);
	look_again(peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	/* or another one that it shares its file with */
	get_file(file);
	process_gone(test, peers.p);
	look_again(peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	fput(file);
	look_again(peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, rig_answer(peers.p, item, 0), -ENOENT);
	set_file(peers.p, NULL);
	fput(file);
}

static void device_may_write_after_its_process(struct kunit *test)
{
	struct file *file = anon_inode_getfile("hvcal_kunit", &no_fops, NULL, O_RDWR);
	struct hvcal_job *job;
	struct peers peers;

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	peers = peers_make_holding(test, HVCAL_ENGINE_HARDWARE, &job);
	process_gone(test, peers.p);
	set_file(peers.p, file);
	provider_doomed(peers.p);
	look_again(peers.p);
	KUNIT_EXPECT_TRUE(test, peers.p->ended);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.e);
	set_file(peers.p, NULL);
	fput(file);
	rig_provider_close(peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
}

static void doomed_process_opens_nothing(struct kunit *test)
{
	struct peers peers = { .p = rig_provider(test), .c = rig_client(test) };
	struct hvcal_session_args args = rig_args(0);
	u64 open;

	peers.e = rig_engine(test, peers.p);
	peers.s = rig_session_as(test, peers.c, &args);
	open = rig_item(test, peers.p, HVCAL_ITEM_OPEN);
	peers.other = rig_engine(test, rig_provider(test));
	provider_doomed(peers.p);
	look_again(peers.p);
	KUNIT_EXPECT_PTR_EQ(test, peers.s->binding->engine, peers.other);
	/* what it says last is about nobody's stream */
	rig_answer(peers.p, open, 0);
	RIG_EXPECT_NO_EVENT(test, peers.c);
}

static void nobody_moves_if_told_so(struct kunit *test)
{
	struct peers peers = peers_make(test, PERIOD_NS);

	hvcal_watchdog_move_ms = 0;
	look_after(test, peers.p, 0);
	rig_submitted(test, peers.s);
	KUNIT_EXPECT_FALSE(test, delayed_work_pending(&peers.p->patience));
}

static struct kunit_case patience_cases[] = {
	KUNIT_CASE(frame_moves_when_nobody_comes),
	KUNIT_CASE(opening_session_moves_too),
	KUNIT_CASE(nothing_happens_without_another_engine),
	KUNIT_CASE(suspect_engine_is_no_refuge),
	KUNIT_CASE(deadline_is_waited_for),
	KUNIT_CASE(who_looked_is_there),
	KUNIT_CASE(late_look_blames_nobody),
	KUNIT_CASE(who_states_no_period_has_time),
	KUNIT_CASE(paced_best_effort_is_a_stream),
	KUNIT_CASE(frames_in_hand_keep_their_session),
	KUNIT_CASE(overdue_answer_sends_others_away),
	KUNIT_CASE(doomed_process_loses_all_that_can_go),
	KUNIT_CASE(work_for_a_dead_process_moves),
	KUNIT_CASE(ended_process_gives_back_what_it_held),
	KUNIT_CASE(device_may_write_after_its_process),
	KUNIT_CASE(doomed_process_opens_nothing),
	KUNIT_CASE(nobody_moves_if_told_so),
	{}
};

static struct kunit_suite patience_suite = {
	.name = "hvcal_patience",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = patience_cases,
};

kunit_test_suite(patience_suite);
