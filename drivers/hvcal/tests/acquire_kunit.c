// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_acquire.c"

static u8 blobs[PAGE_SIZE] __aligned(BLOB_ALIGN);

static struct hvcal_acquire acquire_arg(struct hvcal_item *items, u32 room)
{
	return (struct hvcal_acquire){
		.items = { .stride = sizeof(*items), .count = room, .ptr = (uintptr_t)items },
		.blobs = { .len = sizeof(blobs), .ptr = (uintptr_t)blobs },
	};
}

int rig_acquire(struct hvcal_provider *p, struct hvcal_item *items, u32 room)
{
	struct hvcal_acquire arg = acquire_arg(items, room);
	int ret = hvcal_acquire(p, &arg, true);

	return ret ? ret : arg.items.count;
}

u64 rig_item(struct kunit *test, struct hvcal_provider *p, u32 type)
{
	struct hvcal_item item = {};

	KUNIT_EXPECT_EQ(test, rig_acquire(p, &item, 1), 1);
	KUNIT_EXPECT_EQ(test, item.type, type);
	return item.id;
}

struct hvcal_job *rig_take(struct hvcal_provider *p)
{
	struct hvcal_job *job;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	job = take_job_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return job;
}

/* ------------------------------------------------------------------------ */

#define ROOM 8

struct peers {
	struct hvcal_client *c;
	struct hvcal_provider *p;
	struct hvcal_engine *e;
	struct hvcal_session *s;
	struct hvcal_item items[ROOM];
};

/* On the heap, which the items need. */
static struct peers *peers_with(struct kunit *test, u32 slots)
{
	struct peers *peers = kunit_kzalloc(test, sizeof(*peers), GFP_KERNEL);
	struct hvcal_engine_register reg = rig_registration();

	KUNIT_ASSERT_NOT_NULL(test, peers);
	peers->p = rig_provider(test);
	peers->c = rig_client(test);
	reg.slots = slots;
	peers->e = rig_engine_as(test, peers->p, &reg);
	peers->s = rig_session(test, peers->c);
	return peers;
}

static struct peers *peers_make(struct kunit *test)
{
	return peers_with(test, 1);
}

static int acquire(struct peers *peers)
{
	memset(peers->items, 0, sizeof(peers->items));
	return rig_acquire(peers->p, peers->items, ROOM);
}

/* Nothing was given out: @job is the next one still. */
static void expect_untouched(struct kunit *test, struct peers *peers, struct hvcal_job *job)
{
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, job->start_ns, 0);
	KUNIT_EXPECT_EQ(test, job->work.state, HVCAL_WORK_IDLE);
	KUNIT_EXPECT_NULL(test, job->work.binding);
	KUNIT_EXPECT_EQ(test, kref_read(&job->ref), 1);
	KUNIT_EXPECT_EQ(test, peers->e->running, 0);
	KUNIT_EXPECT_EQ(test, peers->e->jobs_done, 0);
	KUNIT_EXPECT_EQ(test, peers->s->binding->flow.running, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&peers->s->binding->running));
	KUNIT_EXPECT_TRUE(test, hash_empty(peers->p->issued));
	KUNIT_EXPECT_TRUE(test, list_empty(&peers->p->imports));
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.fds), 0);
}

static void frame_brings_its_buffers_once(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers->s), *next;
	struct hvcal_item *it = peers->items;

	job->source->layout_len = 3;
	memcpy(job->source->layout, "abc", 3);
	job->params_len = 2;
	memcpy(job->params, "xy", 2);
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_EQ(test, acquire(peers), 3);
	KUNIT_EXPECT_EQ(test, it[0].type, HVCAL_ITEM_BUFFER_ADD);
	KUNIT_EXPECT_EQ(test, it[0].buffer_size, job->source->size);
	KUNIT_EXPECT_EQ(test, it[0].buffer_flags, HVCAL_BUFFER_SOURCE);
	KUNIT_EXPECT_EQ(test, it[0].fds[0], 101);
	KUNIT_EXPECT_EQ(test, it[0].fds[1], -1);
	KUNIT_EXPECT_EQ(test, it[0].params_len, 3);
	KUNIT_EXPECT_EQ(test, memcmp(blobs + it[0].params_off, "abc", 3), 0);
	KUNIT_EXPECT_EQ(test, it[1].type, HVCAL_ITEM_BUFFER_ADD);
	KUNIT_EXPECT_EQ(test, it[1].fds[0], 102);
	KUNIT_EXPECT_EQ(test, it[2].type, HVCAL_ITEM_ENCODE);
	KUNIT_EXPECT_EQ(test, it[2].id, job->work.id);
	KUNIT_EXPECT_EQ(test, it[2].stream, peers->s->binding->stream);
	KUNIT_EXPECT_EQ(test, it[2].source, it[0].buffer);
	KUNIT_EXPECT_EQ(test, it[2].target, it[1].buffer);
	KUNIT_EXPECT_EQ(test, it[2].side, 0);
	KUNIT_EXPECT_EQ(test, it[2].params_off % BLOB_ALIGN, 0);
	KUNIT_EXPECT_EQ(test, memcmp(blobs + it[2].params_off, "xy", 2), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 2);
	rig_answer(peers->p, it[2].id, 0);

	next = rig_control(test, peers->s, HVCAL_ITEM_ENCODE);
	hvcal_buffer_get(job->source);
	hvcal_buffer_get(job->target);
	next->source = job->source;
	next->target = job->target;
	KUNIT_ASSERT_EQ(test, rig_submit(next), 0);
	KUNIT_ASSERT_EQ(test, acquire(peers), 1);
	KUNIT_EXPECT_EQ(test, it[0].source, 1);
	KUNIT_EXPECT_EQ(test, it[0].target, 2);
}

static void source_and_side_in_one_buffer_come_once(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers->s);

	hvcal_buffer_get(job->source);
	job->side = job->source;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	KUNIT_ASSERT_EQ(test, acquire(peers), 3);
	KUNIT_EXPECT_EQ(test, peers->items[2].side, peers->items[2].source);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.fds), 2);
}

static void released_buffer_is_told(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	u64 id;

	rig_submitted(test, peers->s);
	KUNIT_ASSERT_EQ(test, acquire(peers), 3);
	id = peers->items[2].id;
	rig_client_close(peers->c);
	/* the item holds its buffers */
	KUNIT_EXPECT_TRUE(test, list_empty(&peers->p->drops));
	KUNIT_EXPECT_EQ(test, rig_answer(peers->p, id, 0), -ECANCELED);
	rig.fail_copy = 1;
	KUNIT_EXPECT_EQ(test, acquire(peers), -EFAULT);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 2);
	KUNIT_ASSERT_EQ(test, acquire(peers), 3);
	KUNIT_EXPECT_EQ(test, peers->items[0].type, HVCAL_ITEM_BUFFER_DROP);
	KUNIT_EXPECT_EQ(test, peers->items[0].buffer, 1);
	KUNIT_EXPECT_EQ(test, peers->items[1].type, HVCAL_ITEM_BUFFER_DROP);
	KUNIT_EXPECT_EQ(test, peers->items[1].buffer, 2);
	KUNIT_EXPECT_EQ(test, peers->items[2].type, HVCAL_ITEM_CLOSE);
	KUNIT_EXPECT_EQ(test, atomic_read(&hvcal.objects[HVCAL_OBJ_IMPORTS]), 0);
}

/* Every copy, every file descriptor and every allocation of a frame fails once. */
static void failure_puts_the_frame_back(struct kunit *test)
{
	static const struct {
		u32 *countdown;
		int error;
		int times;
	} faults[] = {
		{ &rig.fail_copy, -EFAULT, 5 },		/* three items, layout, params */
		{ &rig.fail_fd, -EMFILE, 2 },
		{ &rig.fail_alloc, -ENOMEM, 2 },
	};
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers->s);
	unsigned int i;
	int n;

	job->source->layout_len = 8;
	job->params_len = 8;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		for (n = 1; n <= faults[i].times; n++) {
			*faults[i].countdown = n;
			KUNIT_EXPECT_EQ(test, acquire(peers), faults[i].error);
			expect_untouched(test, peers, job);
		}
	}
	KUNIT_EXPECT_EQ(test, acquire(peers), 3);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	KUNIT_EXPECT_EQ(test, peers->e->running, 1);
}

static void little_room_puts_the_frame_back(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_frame(test, peers->s);
	struct hvcal_acquire arg;
	u32 room;

	job->target->layout_len = 5;
	job->params_len = 9;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	for (room = 1; room < 3; room++) {
		KUNIT_EXPECT_EQ(test, rig_acquire(peers->p, peers->items, room), -EMSGSIZE);
		expect_untouched(test, peers, job);
	}
	arg = acquire_arg(peers->items, ROOM);
	arg.blobs.len = 16;
	KUNIT_EXPECT_EQ(test, hvcal_acquire(peers->p, &arg, true), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, arg.items.count, 0);
	KUNIT_EXPECT_EQ(test, arg.blob_used, 24);
	expect_untouched(test, peers, job);
	arg = acquire_arg(peers->items, ROOM);
	arg.blobs.len = 24;
	KUNIT_EXPECT_EQ(test, hvcal_acquire(peers->p, &arg, true), 0);
	KUNIT_EXPECT_EQ(test, arg.items.count, 3);
}

/* What came before the one that failed is the provider's. */
static void earlier_items_stand(struct kunit *test)
{
	struct peers *peers = peers_with(test, 2);
	struct hvcal_session *other = rig_session(test, peers->c);
	struct hvcal_job *job = rig_frame(test, peers->s), *failed = rig_frame(test, other);
	struct hvcal_acquire arg = acquire_arg(peers->items, ROOM);

	job->params_len = 8;
	KUNIT_ASSERT_EQ(test, rig_submit(job), 0);
	rig_advance(1);
	failed->source->layout_len = 8;
	KUNIT_ASSERT_EQ(test, rig_submit(failed), 0);

	/* three items and a blob are copied, and the layout of the next buffer */
	rig.fail_copy = 6;
	KUNIT_EXPECT_EQ(test, hvcal_acquire(peers->p, &arg, true), 0);
	KUNIT_EXPECT_EQ(test, arg.items.count, 3);
	KUNIT_EXPECT_EQ(test, arg.blob_used, 8);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_RUNNING);
	RIG_EXPECT_STATE(test, failed, HVCAL_JOB_READY);
	KUNIT_EXPECT_EQ(test, atomic_read(&rig.fds), 2);
	KUNIT_EXPECT_EQ(test, peers->e->running, 1);
	KUNIT_EXPECT_EQ(test, acquire(peers), 3);
	KUNIT_EXPECT_EQ(test, peers->items[2].id, failed->work.id);
}

static void failure_leaves_control_in_its_place(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers *peers = peers_make(test);
	struct hvcal_session *one, *two;
	struct hvcal_acquire arg;

	args.config = "0123456789";
	args.config_len = 10;
	one = rig_session_as(test, peers->c, &args);
	two = rig_session_as(test, peers->c, &args);
	rig.fail_copy = 1;
	KUNIT_EXPECT_EQ(test, acquire(peers), -EFAULT);
	KUNIT_EXPECT_EQ(test, one->binding->open.state, HVCAL_WORK_QUEUED);
	KUNIT_EXPECT_PTR_EQ(test, peers->p->control.next, &one->binding->open.link);
	KUNIT_EXPECT_TRUE(test, hash_empty(peers->p->issued));
	arg = acquire_arg(peers->items, ROOM);
	arg.blobs.len = 9;
	KUNIT_EXPECT_EQ(test, hvcal_acquire(peers->p, &arg, true), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, arg.blob_used, 10);

	KUNIT_EXPECT_EQ(test, acquire(peers), 2);
	KUNIT_EXPECT_EQ(test, peers->items[0].id, one->binding->open.id);
	KUNIT_EXPECT_EQ(test, peers->items[1].id, two->binding->open.id);
	KUNIT_EXPECT_EQ(test, memcmp(blobs + peers->items[1].params_off, "0123456789", 10), 0);
}

/* However many streams open: one goes before a frame, and not another one. */
static void frame_does_not_wait_for_every_open(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(0);
	struct peers *peers = peers_make(test);
	struct hvcal_job *job;
	int i;

	for (i = 0; i < 6; i++)
		rig_session_as(test, peers->c, &args);
	job = rig_submitted(test, peers->s);
	KUNIT_ASSERT_EQ(test, acquire(peers), ROOM);
	KUNIT_EXPECT_EQ(test, peers->items[0].type, HVCAL_ITEM_OPEN);
	KUNIT_EXPECT_EQ(test, peers->items[1].type, HVCAL_ITEM_BUFFER_ADD);
	KUNIT_EXPECT_EQ(test, peers->items[3].type, HVCAL_ITEM_ENCODE);
	KUNIT_EXPECT_EQ(test, peers->items[4].type, HVCAL_ITEM_OPEN);
	KUNIT_EXPECT_EQ(test, peers->items[7].type, HVCAL_ITEM_OPEN);
	KUNIT_EXPECT_EQ(test, rig_answer(peers->p, job->work.id, 0), 0);
	job = rig_submitted(test, peers->s);
	KUNIT_EXPECT_EQ(test, acquire(peers), 4);
	KUNIT_EXPECT_EQ(test, peers->items[0].type, HVCAL_ITEM_OPEN);
	KUNIT_EXPECT_EQ(test, peers->items[3].id, job->work.id);
}

static void failure_does_not_lose_a_cancel(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_submitted(test, peers->s);

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->p), job);
	hvcal_job_cancel(peers->s, job->id);
	rig.fail_copy = 1;
	KUNIT_EXPECT_EQ(test, acquire(peers), -EFAULT);
	KUNIT_EXPECT_EQ(test, acquire(peers), 1);
	KUNIT_EXPECT_EQ(test, peers->items[0].type, HVCAL_ITEM_CANCEL);
	KUNIT_EXPECT_EQ(test, peers->items[0].cancel_id, job->work.id);
	KUNIT_EXPECT_EQ(test, acquire(peers), -EAGAIN);
}

/* The client cancels while the frame is being copied, and copying fails. */
static void canceled_frame_is_not_put_back(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct hvcal_job *job = rig_submitted(test, peers->s);
	struct hvcal_buffer *target = job->target;

	KUNIT_ASSERT_PTR_EQ(test, rig_take(peers->p), job);
	KUNIT_EXPECT_EQ(test, hvcal_job_cancel(peers->s, job->id), 1);
	KUNIT_EXPECT_EQ(test, target->quarantined, 1);
	put_back_job(job);
	RIG_EXPECT_STATE(test, job, HVCAL_JOB_CANCELED);
	KUNIT_EXPECT_EQ(test, target->quarantined, 0);
	KUNIT_EXPECT_EQ(test, peers->e->running, 0);
	KUNIT_EXPECT_EQ(test, acquire(peers), -EAGAIN);
	rig_expect_event(test, peers->c, HVCAL_EVENT_JOB, -ECANCELED);
	/* the slot is free again */
	rig_submitted(test, peers->s);
	KUNIT_EXPECT_NOT_NULL(test, rig_take(peers->p));
}

static void most_urgent_engine_is_served_first(struct kunit *test)
{
	struct hvcal_session_args args = rig_args(40 * RIG_MS);
	struct peers *peers = peers_make(test);
	struct hvcal_engine *two = rig_engine(test, peers->p);
	struct hvcal_session *late, *soon;
	struct hvcal_job *job, *urgent;

	args.engine = peers->e->id;
	late = rig_session_as(test, peers->c, &args);
	rig_session_open(test, late);
	args.engine = two->id;
	args.res.deadline_ns = 30 * RIG_MS;
	soon = rig_session_as(test, peers->c, &args);
	rig_session_open(test, soon);
	job = rig_submitted(test, late);
	urgent = rig_submitted(test, soon);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers->p), urgent);
	KUNIT_EXPECT_EQ(test, two->running, 1);
	KUNIT_EXPECT_PTR_EQ(test, rig_take(peers->p), job);
	KUNIT_EXPECT_NULL(test, rig_take(peers->p));
}

static void overdue_gets_no_jobs(struct kunit *test)
{
	struct peers *peers = peers_make(test);

	rig_submitted(test, peers->s);
	rig_session_close(rig_session(test, peers->c));
	peers->p->overdue = 1;
	KUNIT_EXPECT_EQ(test, acquire(peers), 1);
	KUNIT_EXPECT_EQ(test, peers->items[0].type, HVCAL_ITEM_CLOSE);
	KUNIT_EXPECT_EQ(test, acquire(peers), -EAGAIN);
	peers->p->overdue = 0;
	KUNIT_EXPECT_EQ(test, acquire(peers), 3);
}

static void dead_and_strangers_get_nothing(struct kunit *test)
{
	struct peers *peers = peers_make(test);
	struct pid *tgid = peers->p->tgid;

	rig_submitted(test, peers->s);
	peers->p->tgid = NULL;
	KUNIT_EXPECT_EQ(test, acquire(peers), -EACCES);
	peers->p->tgid = tgid;
	peers->p->state = HVCAL_PROVIDER_DEAD;
	KUNIT_EXPECT_EQ(test, acquire(peers), -ENODEV);
	peers->p->state = HVCAL_PROVIDER_LIVE;
	KUNIT_EXPECT_EQ(test, acquire(peers), 3);
}

static struct kunit_case acquire_cases[] = {
	KUNIT_CASE(frame_brings_its_buffers_once),
	KUNIT_CASE(source_and_side_in_one_buffer_come_once),
	KUNIT_CASE(released_buffer_is_told),
	KUNIT_CASE(failure_puts_the_frame_back),
	KUNIT_CASE(little_room_puts_the_frame_back),
	KUNIT_CASE(earlier_items_stand),
	KUNIT_CASE(failure_leaves_control_in_its_place),
	KUNIT_CASE(frame_does_not_wait_for_every_open),
	KUNIT_CASE(failure_does_not_lose_a_cancel),
	KUNIT_CASE(canceled_frame_is_not_put_back),
	KUNIT_CASE(most_urgent_engine_is_served_first),
	KUNIT_CASE(overdue_gets_no_jobs),
	KUNIT_CASE(dead_and_strangers_get_nothing),
	{}
};

static struct kunit_suite acquire_suite = {
	.name = "hvcal_acquire",
	.init = rig_init,
	.exit = rig_exit,
	.test_cases = acquire_cases,
};

kunit_test_suite(acquire_suite);
