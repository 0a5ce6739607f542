// SPDX-License-Identifier: GPL-2.0
/*
 * HVCAL_IOC_ACQUIRE: what a provider does next, and the file descriptors that it
 * needs for it.
 *
 * An item is chosen and marked under hvcal.lock, then copied out without it. If
 * that fails, everything about the item is undone and it stays queued.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hvcal_compat.h"
#include "hvcal_internal.h"
#include "hvcal_ioctl.h"
#include "hvcal_trace.h"

/* The buffers of one job: source, target, side. */
#define JOB_BUFFERS 3

#define BLOB_ALIGN 8

struct acquire {
	struct hvcal_provider *p;
	struct hvcal_acquire *arg;
	u32 room;	/* items */
	u32 count;	/* items written */
	u64 blob_used;
	u64 blob_need;	/* what an item that did not fit would have needed */
	bool frame_next; /* rather than another OPEN or CLOSE */
};

/* ------------------------------------------------------------------------ */
/* Choosing                                                                 */

/*
 * The engine of @p whose next job is the most urgent. Where there is none now, a
 * timer wakes the provider when there will be.
 */
static struct hvcal_engine *pick_engine_locked(struct hvcal_provider *p, u64 now,
					       struct hvcal_pick *best_pick)
{
	struct hvcal_engine *e, *best = NULL;

	if (p->overdue || p->doomed || p->state == HVCAL_PROVIDER_DEAD)
		return NULL;
	list_for_each_entry(e, &p->engines, provider_link) {
		struct hvcal_pick pick;

		if (e->state == HVCAL_ENGINE_GONE)
			continue;
		if (!hvcal_queue_pick(&e->queue, now, &pick)) {
			hvcal_sched_arm_timer_locked(e, now);
			continue;
		}
		if (best && !hvcal_pick_before(&pick, best_pick))
			continue;
		best = e;
		*best_pick = pick;
	}
	return best;
}

bool hvcal_provider_has_work_locked(struct hvcal_provider *p)
{
	struct hvcal_pick pick;

	lockdep_assert_held(&hvcal.lock);

	return !list_empty(&p->drops) || !list_empty(&p->cancels) ||
	       !list_empty(&p->control) || pick_engine_locked(p, ktime_get_ns(), &pick);
}

/* Takes the next job out of its queue; it is RUNNING and ours for the moment. */
static struct hvcal_job *take_job_locked(struct hvcal_provider *p)
{
	u64 now = ktime_get_ns();
	struct hvcal_binding *b;
	struct hvcal_pick pick;
	struct hvcal_engine *e;
	struct hvcal_job *job;

	e = pick_engine_locked(p, now, &pick);
	if (!e)
		return NULL;
	b = container_of(pick.flow, struct hvcal_binding, flow);
	job = container_of(hvcal_queue_take(&e->queue, &pick, now), struct hvcal_job, ticket);
	e->running++;
	atomic_set(&job->state, HVCAL_JOB_RUNNING);
	job->start_ns = now;
	hvcal_job_get(job);
	hvcal_binding_get(b);
	job->work.binding = b;
	job->work.id = atomic64_inc_return(&hvcal.next_item);
	list_add_tail(&job->run_link, &b->running);
	hvcal_work_issue_locked(&job->work, job->start_ns, hvcal_watchdog_job_budget(b, job));
	trace_hvcal_job_dispatch(job, job->start_ns);
	return job;
}

/* The provider could not be given @job: as if it had never been taken. */
static void put_back_job(struct hvcal_job *job)
{
	struct hvcal_binding *b = job->work.binding;
	struct hvcal_engine *e = b->engine;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	if (atomic_cmpxchg(&job->state, HVCAL_JOB_RUNNING, HVCAL_JOB_READY) ==
	    HVCAL_JOB_RUNNING) {
		/* undoes the take; retracting would count it as done */
		job->work.held = true;
		list_del_init(&job->run_link);
		e->running--;
		job->start_ns = 0;
		hvcal_queue_put_back(&e->queue, &b->flow, &job->ticket, ktime_get_ns());
	}
	hvcal_work_retract_locked(&job->work);
	/* from here on another provider may get it */
	job->work.binding = NULL;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_job_put(job);
	hvcal_binding_put(b);
}

/* ------------------------------------------------------------------------ */
/* Copying out                                                              */

static int put_blob(struct acquire *a, const void *data, u32 len, u32 *off)
{
	u64 used = round_up(a->blob_used, BLOB_ALIGN);

	*off = used;
	if (!len)
		return 0;
	if (used + len > a->arg->blobs.len)
		return -EMSGSIZE;
	if (copy_to_user(u64_to_user_ptr(a->arg->blobs.ptr + used), data, len))
		return -EFAULT;
	a->blob_used = used + len;
	return 0;
}

static int put_item(struct acquire *a, struct hvcal_item *item, const void *params,
		    u32 params_len, const void *meta, u32 meta_len)
{
	int ret;

	if (a->count == a->room)
		return -EMSGSIZE;
	item->params_len = params_len;
	item->meta_len = meta_len;
	ret = put_blob(a, params, params_len, &item->params_off);
	if (!ret)
		ret = put_blob(a, meta, meta_len, &item->meta_off);
	if (!ret)
		ret = hvcal_array_put(&a->arg->items, a->count, item, sizeof(*item));
	if (!ret)
		a->count++;
	return ret;
}

static int put_drop(struct acquire *a, struct hvcal_import *imp)
{
	struct hvcal_item item = {
		.id = atomic64_inc_return(&hvcal.next_item),
		.type = HVCAL_ITEM_BUFFER_DROP,
		.buffer = imp->id,
		.fds = { -1, -1, -1, -1 },
	};

	return put_item(a, &item, NULL, 0, NULL, 0);
}

static int put_cancel(struct acquire *a, u64 cancel_id, const struct hvcal_binding *b)
{
	struct hvcal_item item = {
		.id = atomic64_inc_return(&hvcal.next_item),
		.type = HVCAL_ITEM_CANCEL,
		.engine = b->engine->id,
		.stream = b->stream,
		.cancel_id = cancel_id,
		.fds = { -1, -1, -1, -1 },
	};

	return put_item(a, &item, NULL, 0, NULL, 0);
}

static int put_control(struct acquire *a, struct hvcal_work *w, const void *config,
		       u32 config_len)
{
	struct hvcal_item item = {
		.id = w->id,
		.type = w->type,
		.engine = w->binding->engine->id,
		.stream = w->binding->stream,
		.budget_ns = hvcal_watchdog_control_budget(),
		.fds = { -1, -1, -1, -1 },
	};

	return put_item(a, &item, config, config_len, NULL, 0);
}

static int put_job(struct acquire *a, struct hvcal_job *job, const u32 ids[JOB_BUFFERS])
{
	struct hvcal_item item = {
		.id = job->work.id,
		.type = job->work.type,
		.engine = job->engine,
		.stream = job->work.binding->stream,
		.source = ids[0],
		.target = ids[1],
		.side = ids[2],
		.target_offset = job->target_offset,
		.target_size = job->target_size,
		.side_size = job->side_size,
		.side_offset = job->side_offset,
		.deadline_ns = job->ticket.deadline_ns,
		.budget_ns = job->work.budget_ns,
		.fds = { -1, -1, -1, -1 },
	};

	if (job->work.type == HVCAL_ITEM_RECONFIGURE)
		return put_item(a, &item, job->meta, job->meta_len, NULL, 0);
	return put_item(a, &item, job->params, job->params_len, job->meta, job->meta_len);
}

/* ------------------------------------------------------------------------ */
/* Buffers                                                                  */

/* Buffers of a job that its provider is given for the first time. */
struct fresh {
	struct hvcal_import *imp[JOB_BUFFERS];
	struct hvcal_buffer *buf[JOB_BUFFERS];
	s32 fds[JOB_BUFFERS][HVCAL_MAX_PLANES];
	u32 count;
};

static void fresh_close_fds(const s32 fds[HVCAL_MAX_PLANES])
{
	unsigned int i;

	for (i = 0; i < HVCAL_MAX_PLANES; i++)
		if (fds[i] >= 0)
			close_fd(fds[i]);
}

static void fresh_undo(struct fresh *fresh)
{
	while (fresh->count) {
		fresh->count--;
		fresh_close_fds(fresh->fds[fresh->count]);
		kfree(fresh->imp[fresh->count]);
		hvcal_object_del(HVCAL_OBJ_IMPORTS);
	}
}

/* Everything is copied out: the provider has the buffers from now on. */
static void fresh_publish(struct hvcal_provider *p, struct fresh *fresh)
{
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&hvcal.lock, flags);
	for (i = 0; i < fresh->count; i++) {
		list_add_tail(&fresh->imp[i]->link, &p->imports);
		list_add_tail(&fresh->imp[i]->buffer_link, &fresh->buf[i]->imports);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
}

static int fresh_add(struct acquire *a, struct fresh *fresh, struct hvcal_buffer *buf)
{
	struct hvcal_import *imp = kzalloc(sizeof(*imp), GFP_KERNEL_ACCOUNT);
	s32 *fds = fresh->fds[fresh->count];
	struct hvcal_item item;
	unsigned int i;

	if (!imp)
		return -ENOMEM;
	INIT_LIST_HEAD(&imp->link);
	INIT_LIST_HEAD(&imp->buffer_link);
	imp->provider = a->p;
	imp->id = ++a->p->next_buffer;
	fresh->imp[fresh->count] = imp;
	fresh->buf[fresh->count] = buf;
	memset(fds, -1, sizeof(fresh->fds[0]));
	fresh->count++;
	hvcal_object_add(HVCAL_OBJ_IMPORTS);

	for (i = 0; i < HVCAL_MAX_PLANES; i++) {
		if (!buf->dmabufs[i])
			continue;
		fds[i] = hvcal_receive_fd(buf->dmabufs[i]->file, O_CLOEXEC);
		if (fds[i] < 0)
			return fds[i];
	}
	item = (struct hvcal_item){
		.id = atomic64_inc_return(&hvcal.next_item),
		.type = HVCAL_ITEM_BUFFER_ADD,
		.buffer = imp->id,
		.buffer_flags = buf->flags,
		.buffer_size = buf->size,
	};
	memcpy(item.fds, fds, sizeof(item.fds));
	return put_item(a, &item, buf->layout, buf->layout_len, NULL, 0);
}

/* Number of @buf at this provider; new buffers are announced first. */
static int buffer_id(struct acquire *a, struct fresh *fresh, struct hvcal_buffer *buf, u32 *id)
{
	struct hvcal_import *imp;
	unsigned long flags;
	int ret;
	u32 i;

	*id = 0;
	if (!buf)
		return 0;
	for (i = 0; i < fresh->count; i++)
		if (fresh->buf[i] == buf)
			break;
	if (i == fresh->count) {
		spin_lock_irqsave(&hvcal.lock, flags);
		imp = hvcal_buffer_import_locked(buf, a->p);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (imp) {
			/* it stays: the job holds the buffer, acquire_lock the import */
			*id = imp->id;
			return 0;
		}
		ret = fresh_add(a, fresh, buf);
		if (ret)
			return ret;
	}
	*id = fresh->imp[i]->id;
	return 0;
}

/* ------------------------------------------------------------------------ */
/* One item of each kind: 1 done, 0 nothing there, or an error              */

static int acquire_drop(struct acquire *a)
{
	struct hvcal_import *imp;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	imp = list_first_entry_or_null(&a->p->drops, struct hvcal_import, link);
	if (imp)
		list_del_init(&imp->link);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!imp)
		return 0;

	ret = put_drop(a, imp);
	if (ret) {
		spin_lock_irqsave(&hvcal.lock, flags);
		list_add(&imp->link, &a->p->drops);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		return ret;
	}
	kfree(imp);
	hvcal_object_del(HVCAL_OBJ_IMPORTS);
	return 1;
}

static int acquire_cancel(struct acquire *a)
{
	struct hvcal_binding *b;
	struct hvcal_job *job;
	unsigned long flags;
	u64 id;
	int ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	job = list_first_entry_or_null(&a->p->cancels, struct hvcal_job, cancel_link);
	if (job) {
		list_del_init(&job->cancel_link);
		hvcal_job_get(job);
		b = job->work.binding;
		hvcal_binding_get(b);
		id = job->work.id;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!job)
		return 0;

	ret = put_cancel(a, id, b);
	if (ret) {
		spin_lock_irqsave(&hvcal.lock, flags);
		if (job->work.state == HVCAL_WORK_ISSUED)
			list_add(&job->cancel_link, &a->p->cancels);
		spin_unlock_irqrestore(&hvcal.lock, flags);
	}
	hvcal_binding_put(b);
	hvcal_job_put(job);
	return ret ?: 1;
}

/*
 * The session's configuration may be replaced only by the answer to a later item
 * of the same stream, so that of an OPEN stands still while it is copied; that
 * of a destroyed session lives as long as the binding.
 */
static int acquire_control(struct acquire *a)
{
	struct hvcal_binding *b;
	struct hvcal_work *w;
	unsigned long flags;
	bool open;
	int ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	w = list_first_entry_or_null(&a->p->control, struct hvcal_work, link);
	if (w) {
		list_del_init(&w->link);
		b = w->binding;
		hvcal_binding_get(b);
		hvcal_work_issue_locked(w, ktime_get_ns(), hvcal_watchdog_control_budget());
		trace_hvcal_control_dispatch(w, 0);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!w)
		return 0;

	open = w->type == HVCAL_ITEM_OPEN;
	ret = put_control(a, w, open ? b->session->config : NULL,
			  open ? b->session->config_len : 0);
	if (ret) {
		a->blob_need = b->session->config_len;
		spin_lock_irqsave(&hvcal.lock, flags);
		/* gone if the stream was closed meanwhile */
		if (w->state == HVCAL_WORK_ISSUED) {
			hvcal_work_retract_locked(w);
			w->state = HVCAL_WORK_QUEUED;
			list_add(&w->link, &a->p->control);
		}
		spin_unlock_irqrestore(&hvcal.lock, flags);
	}
	hvcal_binding_put(b);
	return ret ?: 1;
}

/* Room for all that can come with @job, whatever its provider knows already. */
static u64 job_blob_need(const struct hvcal_job *job)
{
	const struct hvcal_buffer *bufs[JOB_BUFFERS] = { job->source, job->target, job->side };
	u64 need = round_up(job->params_len, BLOB_ALIGN) + round_up(job->meta_len, BLOB_ALIGN);
	unsigned int i;

	for (i = 0; i < JOB_BUFFERS; i++)
		if (bufs[i])
			need += round_up(bufs[i]->layout_len, BLOB_ALIGN);
	return need;
}

static int acquire_job(struct acquire *a)
{
	u32 count = a->count;
	u64 blob_used = a->blob_used;
	u32 ids[JOB_BUFFERS];
	struct fresh fresh = {};
	struct hvcal_job *job;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	job = take_job_locked(a->p);
	/* keeps it ours even if it is cancelled and answered meanwhile */
	if (job)
		hvcal_job_get(job);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!job)
		return 0;

	ret = buffer_id(a, &fresh, job->source, &ids[0]);
	if (!ret)
		ret = buffer_id(a, &fresh, job->target, &ids[1]);
	if (!ret)
		ret = buffer_id(a, &fresh, job->side, &ids[2]);
	if (!ret)
		ret = put_job(a, job, ids);
	if (ret) {
		fresh_undo(&fresh);
		a->count = count;
		a->blob_used = blob_used;
		a->blob_need = job_blob_need(job);
		put_back_job(job);
	} else {
		fresh_publish(a->p, &fresh);
	}
	hvcal_job_put(job);
	return ret ?: 1;
}

/* ------------------------------------------------------------------------ */

/*
 * Streams that open or close, and frames, in turns: who creates and destroys sessions
 * without end must not keep the frames of others waiting.
 */
static int acquire_work(struct acquire *a)
{
	bool frame = a->frame_next;
	int ret = frame ? acquire_job(a) : acquire_control(a);

	if (!ret) {
		frame = !frame;
		ret = frame ? acquire_job(a) : acquire_control(a);
	}
	if (ret > 0)
		a->frame_next = !frame;
	return ret;
}

/* Fills the caller's array; an error counts only if nothing was given out. */
static int acquire_collect(struct acquire *a)
{
	int ret = 1;

	if (mutex_lock_interruptible(&a->p->acquire_lock))
		return -ERESTARTSYS;
	while (ret > 0 && a->count < a->room) {
		ret = acquire_drop(a);
		if (!ret)
			ret = acquire_cancel(a);
		if (!ret)
			ret = acquire_work(a);
	}
	mutex_unlock(&a->p->acquire_lock);
	if (a->count)
		hvcal_watchdog_attended(a->p);
	return a->count ? a->count : ret;
}

static bool acquire_worth_a_look(struct hvcal_provider *p, bool *dead)
{
	unsigned long flags;
	bool work;

	spin_lock_irqsave(&hvcal.lock, flags);
	*dead = p->state == HVCAL_PROVIDER_DEAD;
	work = hvcal_provider_has_work_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_patience_looked(p, work);
	return work || *dead;
}

int hvcal_acquire(struct hvcal_provider *p, struct hvcal_acquire *arg, bool nonblock)
{
	struct acquire a = { .p = p, .arg = arg, .room = arg->items.count };
	bool dead = false;
	int ret;

	/* fds would land in the table of whoever calls */
	if (p->tgid != task_tgid(current))
		return -EACCES;

	for (;;) {
		if (acquire_worth_a_look(p, &dead)) {
			if (dead)
				return -ENODEV;
			ret = acquire_collect(&a);
			arg->items.count = a.count;
			arg->blob_used = ret == -EMSGSIZE ? a.blob_need : a.blob_used;
			if (ret)
				return min(ret, 0);
		}
		if (nonblock) {
			arg->items.count = 0;
			return -EAGAIN;
		}
		ret = wait_event_interruptible(p->wait, acquire_worth_a_look(p, &dead));
		if (ret)
			return ret;
	}
}
