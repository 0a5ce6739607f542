// SPDX-License-Identifier: GPL-2.0
/* An open /dev/hvcal-provider: its engines, what it was given, its answers. */
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "hvcal_internal.h"
#include "hvcal_trace.h"

/* Time to die in after SIGKILL, before the engines go all the same. */
#define KILL_GRACE_MS 1000

/* Nobody will take these any more. */
static void provider_drop_control_locked(struct hvcal_provider *p)
{
	while (!list_empty(&p->control))
		hvcal_work_unqueue_locked(list_first_entry(&p->control, struct hvcal_work, link));
}

static void provider_retire_work(struct work_struct *work)
{
	struct hvcal_provider *p = container_of(to_delayed_work(work), struct hvcal_provider,
						retire);
	unsigned long flags;

	hvcal_provider_retire_engines(p);
	spin_lock_irqsave(&hvcal.lock, flags);
	provider_drop_control_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_provider_put(p);
}

struct hvcal_provider *hvcal_provider_create(struct hvcal_client *client)
{
	struct hvcal_provider *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);

	if (!p)
		return NULL;
	kref_init(&p->ref);
	p->id = atomic64_inc_return(&hvcal.next_file);
	p->uid = current_uid();
	p->tgid = get_pid(task_tgid(current));
	if (client)
		hvcal_client_get(client);
	p->client = client;
	mutex_init(&p->acquire_lock);
	init_waitqueue_head(&p->wait);
	INIT_LIST_HEAD(&p->engines);
	INIT_LIST_HEAD(&p->control);
	INIT_LIST_HEAD(&p->cancels);
	INIT_LIST_HEAD(&p->drops);
	INIT_LIST_HEAD(&p->imports);
	hash_init(p->issued);
	INIT_DELAYED_WORK(&p->retire, provider_retire_work);
	hvcal_watchdog_init_provider(p);
	hvcal_patience_init(p);
	hvcal_object_add(HVCAL_OBJ_PROVIDERS);
	return p;
}

static void provider_release(struct kref *ref)
{
	struct hvcal_provider *p = container_of(ref, struct hvcal_provider, ref);

	hvcal_client_put(p->client);
	put_pid(p->tgid);
	kfree(p);
	hvcal_object_del(HVCAL_OBJ_PROVIDERS);
}

void hvcal_provider_get(struct hvcal_provider *p)
{
	kref_get(&p->ref);
}

void hvcal_provider_put(struct hvcal_provider *p)
{
	if (p)
		kref_put(&p->ref, provider_release);
}

void hvcal_provider_wake(struct hvcal_provider *p)
{
	wake_up_interruptible_poll(&p->wait, EPOLLIN | EPOLLRDNORM);
	hvcal_watchdog_expect(p);
	hvcal_patience_expect(p);
}

void hvcal_provider_retire_engines(struct hvcal_provider *p)
{
	struct hvcal_engine *e;
	unsigned long flags;

	do {
		spin_lock_irqsave(&hvcal.lock, flags);
		e = list_first_entry_or_null(&p->engines, struct hvcal_engine, provider_link);
		if (e)
			hvcal_engine_get(e);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (e) {
			hvcal_engine_retire(e);
			hvcal_engine_put(e);
		}
	} while (e);
}

static void provider_drop_imports(struct list_head *imports)
{
	struct hvcal_import *imp, *tmp;

	list_for_each_entry_safe(imp, tmp, imports, link) {
		kfree(imp);
		hvcal_object_del(HVCAL_OBJ_IMPORTS);
	}
}

/*
 * The file is closed: the process is gone, and with it its file descriptors and
 * mappings. Its sessions lose their engines, and what it held is let go. None of
 * this waits for anybody.
 */
void hvcal_provider_destroy(struct hvcal_provider *p)
{
	struct hvcal_import *imp;
	struct hlist_node *tmp;
	struct hvcal_work *w;
	LIST_HEAD(imports);
	LIST_HEAD(works);
	unsigned long flags;
	int bucket;

	spin_lock_irqsave(&hvcal.lock, flags);
	p->state = HVCAL_PROVIDER_DEAD;
	p->closed = true;
	trace_hvcal_provider_state(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);

	if (cancel_delayed_work(&p->retire))
		hvcal_provider_put(p);
	hvcal_provider_retire_engines(p);
	hvcal_watchdog_stop_provider(p);
	hvcal_patience_stop(p);

	spin_lock_irqsave(&hvcal.lock, flags);
	hash_for_each_safe(p->issued, bucket, tmp, w, hash) {
		hvcal_work_retract_locked(w);
		list_add_tail(&w->link, &works);
	}
	provider_drop_control_locked(p);
	list_for_each_entry(imp, &p->imports, link)
		list_del_init(&imp->buffer_link);
	list_splice_init(&p->imports, &imports);
	list_splice_init(&p->drops, &imports);
	spin_unlock_irqrestore(&hvcal.lock, flags);

	hvcal_work_put_list(&works);
	provider_drop_imports(&imports);
	hvcal_provider_put(p);
}

void hvcal_provider_judge_locked(struct hvcal_provider *p)
{
	enum hvcal_provider_state state = HVCAL_PROVIDER_LIVE;

	lockdep_assert_held(&hvcal.lock);

	if (p->overdue || p->shunned || p->doomed || hvcal_watchdog_absent_locked(p))
		state = HVCAL_PROVIDER_SUSPECT;
	if (p->state == state || p->state == HVCAL_PROVIDER_DEAD)
		return;
	p->state = state;
	trace_hvcal_provider_state(p);
}

void hvcal_provider_give_up_locked(struct hvcal_provider *p, const char *why)
{
	lockdep_assert_held(&hvcal.lock);

	if (p->state == HVCAL_PROVIDER_DEAD)
		return;
	p->state = HVCAL_PROVIDER_DEAD;
	trace_hvcal_provider_state(p);
	pr_notice_ratelimited("hvcal: the provider of process %d %s: its engines are retired\n",
			      pid_nr(p->tgid), why);
	/* its end closes the file, and with that everything is let go at once */
	if (p->kill)
		kill_pid(p->tgid, SIGKILL, 1);
	hvcal_provider_get(p);
	if (!queue_delayed_work(hvcal.wq, &p->retire,
				p->kill ? msecs_to_jiffies(KILL_GRACE_MS) : 0))
		hvcal_provider_put(p);
	wake_up_interruptible_poll(&p->wait, EPOLLERR | EPOLLHUP);
}

void hvcal_provider_strike_locked(struct hvcal_provider *p, struct hvcal_work *w, u64 now)
{
	lockdep_assert_held(&hvcal.lock);

	w->issued_ns = now;
	w->excused = false;
	if (!w->strikes++) {
		p->overdue++;
		hvcal_provider_judge_locked(p);
		hvcal_patience_end_locked(p);
	} else {
		hvcal_provider_give_up_locked(p, "does not answer");
	}
}

struct hvcal_work *hvcal_provider_issued_locked(struct hvcal_provider *p, u64 id)
{
	struct hvcal_work *w;

	lockdep_assert_held(&hvcal.lock);

	hash_for_each_possible(p->issued, w, hash, id)
		if (w->id == id)
			return w;
	return NULL;
}

/* ------------------------------------------------------------------------ */
/* Answers                                                                  */

static int job_verdict(const struct hvcal_job *job)
{
	switch (atomic_read(&job->state)) {
	case HVCAL_JOB_RUNNING:
		return 0;
	case HVCAL_JOB_TIMEDOUT:
		return -ETIMEDOUT;
	default:
		return -ECANCELED;
	}
}

/* Frames that a flushed encoder still owes will not come. */
static void answer_flush_locked(struct hvcal_binding *b)
{
	struct hvcal_job *job, *tmp;

	list_for_each_entry_safe(job, tmp, &b->session->jobs, link)
		if (job->work.binding == b && job->work.held)
			hvcal_job_finish_locked(job, HVCAL_JOB_ERROR, -EPROTO, false, NULL);
}

static void answer_learn_locked(struct hvcal_job *job, const struct hvcal_answer *a)
{
	struct hvcal_binding *b = job->work.binding;
	const struct hvcal_reservation *res = &b->session->res;
	u64 now = ktime_get_ns();
	/* From its own start, or from the end of the one before it in the stream. */
	u64 taken = now - max(job->start_ns, job->work.held ? 0 : b->last_done_ns);
	u64 ns = a->engine_ns;

	/* What a slot was taken for is measured here, not claimed by the provider. */
	if (!b->gone && !job->work.held &&
	    hvcal_cost_learn(&b->model->cost, now, taken, job->pixels ?: res->width * res->height))
		hvcal_sched_replan_locked(b->engine);
	if (!ns || ns > now - job->start_ns)
		ns = taken;
	hvcal_load_add(&b->engine->load, now, ns, b->engine->slots);
	b->engine->jobs_done++;
	b->session->stats.engine_ns += ns;
	b->session->client->engine_ns += ns;
}

static int answer_job_locked(struct hvcal_job *job, const struct hvcal_answer *a)
{
	struct hvcal_session *s = job->session;
	int verdict = job_verdict(job);
	int status = a->status;

	if (verdict)
		return verdict;
	if (status && hvcal_migrate_job_refused_locked(job, status))
		return 0;
	switch (job->work.type) {
	case HVCAL_ITEM_ENCODE:
		if (a->bytes > job->target_size) {
			verdict = -EPROTO;
			status = -EPROTO;
			break;
		}
		job->bytes = a->bytes;
		job->result_len = a->result_len;
		memcpy(job->result, a->result, a->result_len);
		if (a->flags & HVCAL_RESULT_KEY)
			job->event_flags |= HVCAL_EVENT_KEY;
		if (a->flags & HVCAL_RESULT_SKIPPED)
			job->event_flags |= HVCAL_EVENT_SKIPPED;
		if (!status) {
			answer_learn_locked(job, a);
			hvcal_migrate_proven_locked(job->work.binding);
		}
		break;
	case HVCAL_ITEM_FLUSH:
		answer_flush_locked(job->work.binding);
		break;
	case HVCAL_ITEM_RECONFIGURE:
		if (!status) {
			s->res = job->res;
			s->ask.width = job->res.width;
			s->ask.height = job->res.height;
			s->ask.bit_depth = job->res.bit_depth;
			/* the old one goes back with the job, as its spare memory */
			swap(s->config, job->meta);
			swap(s->config_len, job->meta_len);
			job->meta_cap = job->meta_len;
			hvcal_migrate_forgive_locked(s, job->refused_by);
		}
		if (!job->work.binding->gone)
			hvcal_sched_changed_locked(s, &job->model);
		break;
	}
	hvcal_job_finish_locked(job, status ? HVCAL_JOB_ERROR : HVCAL_JOB_DONE, status, true,
				NULL);
	return verdict;
}

/* A provider that has closed a stream has forgotten its other items. */
static void answer_close_locked(struct hvcal_provider *p, struct hvcal_binding *b,
				struct list_head *works)
{
	struct hlist_node *tmp;
	struct hvcal_work *w;
	int bucket;

	hash_for_each_safe(p->issued, bucket, tmp, w, hash) {
		if (w->binding != b || w == &b->close)
			continue;
		hvcal_work_retract_locked(w);
		list_add_tail(&w->link, works);
	}
	hvcal_binding_leave_locked(b);
}

static int answer_locked(struct hvcal_provider *p, u64 id, const struct hvcal_answer *a,
			 struct list_head *works)
{
	struct hvcal_work *w = hvcal_provider_issued_locked(p, id);
	struct hvcal_binding *b;
	int verdict = 0;

	if (!w)
		return -ENOENT;
	b = w->binding;
	if (a->flags & HVCAL_RESULT_HELD) {
		struct hvcal_job *job = container_of(w, struct hvcal_job, work);

		if (w->type != HVCAL_ITEM_ENCODE || w->held || a->status)
			return -EINVAL;
		verdict = job_verdict(job);
		if (!verdict) {
			hvcal_work_hold_locked(w);
			hvcal_provider_wake(p);
			return 0;
		}
	} else if (w->type == HVCAL_ITEM_OPEN) {
		trace_hvcal_control_complete(w, a->status);
		hvcal_work_retract_locked(w);
		list_add_tail(&w->link, works);
		b->opened = !a->status;
		if (b->session->binding == b && !b->gone)
			hvcal_session_opened_locked(b->session, a->status);
		else if (a->status)
			hvcal_binding_abort_close_locked(b);
		return 0;
	} else if (w->type == HVCAL_ITEM_CLOSE) {
		trace_hvcal_control_complete(w, a->status);
		answer_close_locked(p, b, works);
	} else {
		verdict = answer_job_locked(container_of(w, struct hvcal_job, work), a);
	}
	/* it waits for another engine */
	if (w->state != HVCAL_WORK_ISSUED)
		return verdict;
	hvcal_work_retract_locked(w);
	list_add_tail(&w->link, works);
	return verdict;
}

int hvcal_provider_answer(struct hvcal_provider *p, u64 id, const struct hvcal_answer *a)
{
	LIST_HEAD(works);
	unsigned long flags;
	int verdict;

	spin_lock_irqsave(&hvcal.lock, flags);
	verdict = answer_locked(p, id, a, &works);
	if (verdict == -ETIMEDOUT)
		p->late++;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_work_put_list(&works);
	return verdict;
}

static struct hvcal_job *provider_job_locked(struct hvcal_provider *p, u64 id)
{
	struct hvcal_work *w = hvcal_provider_issued_locked(p, id);

	if (!w || w->type != HVCAL_ITEM_ENCODE)
		return NULL;
	return container_of(w, struct hvcal_job, work);
}

int hvcal_provider_accept(struct hvcal_provider *p, u64 id, struct dma_fence *fence)
{
	struct hvcal_job *job;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&hvcal.lock, flags);
	job = provider_job_locked(p, id);
	ret = job ? job_verdict(job) : -ENOENT;
	if (!ret && job->accepted)
		ret = -EBUSY;
	if (!ret) {
		job->accepted = true;
		if (fence)
			job->out_fence = dma_fence_get(fence);
		if (job->flags & HVCAL_JOB_WANT_FENCE) {
			hvcal_job_get(job);
			hvcal_event_post_locked(job->session->client, &job->accept_event);
		}
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return ret;
}

int hvcal_provider_check(struct hvcal_provider *p, u64 id)
{
	struct hvcal_work *w;
	unsigned long flags;
	int ret = -ENOENT;

	spin_lock_irqsave(&hvcal.lock, flags);
	w = hvcal_provider_issued_locked(p, id);
	if (w && w->type != HVCAL_ITEM_OPEN && w->type != HVCAL_ITEM_CLOSE)
		ret = job_verdict(container_of(w, struct hvcal_job, work));
	else if (w)
		ret = w->binding->session->state == HVCAL_SESSION_CLOSED &&
		      w->type == HVCAL_ITEM_OPEN ? -ECANCELED : 0;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return ret;
}

/* ------------------------------------------------------------------------ */
/* File operations                                                          */

static int provider_open(struct inode *inode, struct file *file)
{
	struct hvcal_provider *p = hvcal_provider_create(NULL);

	if (!p)
		return -ENOMEM;
	p->file = file;
	file->private_data = p;
	return stream_open(inode, file);
}

static int provider_close(struct inode *inode, struct file *file)
{
	hvcal_provider_destroy(file->private_data);
	return 0;
}

static __poll_t provider_poll(struct file *file, struct poll_table_struct *pt)
{
	struct hvcal_provider *p = file->private_data;
	unsigned long flags;
	__poll_t mask = 0;
	bool work;

	poll_wait(file, &p->wait, pt);
	spin_lock_irqsave(&hvcal.lock, flags);
	work = hvcal_provider_has_work_locked(p);
	if (p->state == HVCAL_PROVIDER_DEAD)
		mask = EPOLLERR | EPOLLHUP;
	else if (work)
		mask = EPOLLIN | EPOLLRDNORM;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	hvcal_patience_looked(p, work);
	return mask;
}

const struct file_operations hvcal_provider_fops = {
	.owner = THIS_MODULE,
	.open = provider_open,
	.release = provider_close,
	.poll = provider_poll,
	.unlocked_ioctl = hvcal_provider_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = hvcal_provider_show_fdinfo,
	.llseek = noop_llseek,
};
