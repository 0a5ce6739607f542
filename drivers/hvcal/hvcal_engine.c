// SPDX-License-Identifier: GPL-2.0
/* The engines that providers have registered. */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/time64.h>

#include "hvcal_internal.h"

static unsigned int age_ms = 500;
module_param(age_ms, uint, 0644);
MODULE_PARM_DESC(age_ms, "Best effort competes with deadlines after that long, ms; of new engines");

static unsigned int starve_ms = 2000;
module_param(starve_ms, uint, 0644);
MODULE_PARM_DESC(starve_ms,
		 "What no gap is long enough for is let in after that long, ms; of new engines");

struct hvcal_engine *hvcal_engine_create(struct hvcal_provider *provider,
					 const struct hvcal_engine_register *reg,
					 struct hvcal_engine_cap *caps, u32 ncaps)
{
	struct hvcal_engine *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (!e)
		return NULL;
	e->wheels = kvcalloc(hvcal_queue_wheels(reg->slots), sizeof(*e->wheels),
			     GFP_KERNEL_ACCOUNT);
	if (!e->wheels) {
		kfree(e);
		return NULL;
	}
	kref_init(&e->ref);
	hvcal_provider_get(provider);
	e->provider = provider;
	INIT_LIST_HEAD(&e->link);
	INIT_LIST_HEAD(&e->provider_link);
	INIT_LIST_HEAD(&e->bindings);
	e->kind = reg->kind;
	e->flags = reg->flags;
	e->gpu = hvcal_gpu_lookup(reg->slot, &e->numa_node);
	if (!e->gpu)
		e->numa_node = reg->numa_node;
	e->slots = reg->slots;
	e->session_depth = reg->session_depth;
	e->max_sessions = reg->max_sessions;
	strscpy(e->name, reg->name, sizeof(e->name));
	e->caps = caps;
	e->ncaps = ncaps;
	e->state = HVCAL_ENGINE_READY;
	e->load.window_start_ns = ktime_get_ns();
	INIT_LIST_HEAD(&e->models);
	hvcal_queue_init(&e->queue, e->slots, e->wheels,
			 (u64)READ_ONCE(age_ms) * NSEC_PER_MSEC,
			 (u64)READ_ONCE(starve_ms) * NSEC_PER_MSEC);
	hvcal_sched_init_timer(e);
	hvcal_watchdog_init(e);
	hvcal_drain_init(e);
	hvcal_object_add(HVCAL_OBJ_ENGINES);
	return e;
}

static void engine_release(struct kref *ref)
{
	struct hvcal_engine *e = container_of(ref, struct hvcal_engine, ref);
	struct hvcal_model *m, *tmp;

	list_for_each_entry_safe(m, tmp, &e->models, link)
		kfree(m);
	kfree(e->caps);
	if (e->charged)
		hvcal_user_uncharge(e->provider->client->user, HVCAL_CHARGE_ENGINES, 1);
	kvfree(e->wheels);
	hvcal_provider_put(e->provider);
	kfree(e);
	hvcal_object_del(HVCAL_OBJ_ENGINES);
}

void hvcal_engine_get(struct hvcal_engine *e)
{
	kref_get(&e->ref);
}

void hvcal_engine_put(struct hvcal_engine *e)
{
	if (e)
		kref_put(&e->ref, engine_release);
}

bool hvcal_engine_visible(const struct hvcal_engine *e, const struct hvcal_client *client)
{
	return !e->provider->client || e->provider->client == client;
}

int hvcal_engine_publish(struct hvcal_engine *e)
{
	struct hvcal_client *client = e->provider->client;
	struct hvcal_engine *other;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&hvcal.lock, flags);
	/* what nobody else sees takes no name from others */
	list_for_each_entry(other, &hvcal.engines, link)
		if (hvcal_engine_visible(other, client) && !strcmp(other->name, e->name))
			ret = -EBUSY;
	if (e->provider->state == HVCAL_PROVIDER_DEAD || (client && client->closed))
		ret = -ENODEV;
	if (!ret) {
		e->id = hvcal.next_engine++;
		hvcal.generation++;
		list_add_tail(&e->link, &hvcal.engines);
		list_add_tail(&e->provider_link, &e->provider->engines);
		e->provider->kill |= !!(e->flags & HVCAL_ENGINE_KILL);
		hvcal_engine_get(e);	/* sysfs below must not race with retire */
		hvcal.private_engines += !!client;
		hvcal_sibling_update_locked(e);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (ret)
		return ret;

	if (!client)
		hvcal_sysfs_add_engine(e);
	hvcal_engine_put(e);
	hvcal_migrate_homeless();
	return 0;
}

void hvcal_engine_retire(struct hvcal_engine *e)
{
	struct hvcal_binding *b, *tmp;
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&hvcal.lock, flags);
	first = e->state != HVCAL_ENGINE_GONE;
	if (first) {
		e->state = HVCAL_ENGINE_GONE;
		hvcal.generation++;
		list_del_init(&e->link);
		list_del_init(&e->provider_link);
		list_for_each_entry_safe(b, tmp, &e->bindings, link) {
			if (b->session->binding == b)
				hvcal_migrate_leave_locked(b->session);
			else
				hvcal_binding_leave_locked(b);
		}
		hvcal_sibling_update_locked(e);
		hvcal.private_engines -= !!e->provider->client;
		hvcal_provider_wake(e->provider);
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	if (!first)
		return;

	hvcal_migrate_homeless();
	cancel_delayed_work_sync(&e->watchdog);
	hvcal_drain_stop(e);
	hvcal_sched_stop_timer(e);
	if (!e->provider->client)
		hvcal_sysfs_del_engine(e);
	hvcal_engine_put(e);
}

/* Those on @gpu, if it is not 0, and the private ones of @client. */
static void engine_retire_all(u32 gpu, const struct hvcal_client *client)
{
	struct hvcal_engine *e, *found;
	unsigned long flags;

	do {
		found = NULL;
		spin_lock_irqsave(&hvcal.lock, flags);
		list_for_each_entry(e, &hvcal.engines, link)
			if ((gpu && e->gpu == gpu) ||
			    (client && e->provider->client == client))
				found = e;
		if (found)
			hvcal_engine_get(found);
		spin_unlock_irqrestore(&hvcal.lock, flags);
		if (found) {
			hvcal_engine_retire(found);
			hvcal_engine_put(found);
		}
	} while (found);
}

void hvcal_engine_retire_gpu(u32 gpu)
{
	engine_retire_all(gpu, NULL);
}

void hvcal_engine_retire_client(struct hvcal_client *client)
{
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	client->closed = true;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	engine_retire_all(0, client);
}

struct hvcal_engine *hvcal_engine_find(struct hvcal_provider *provider, u32 id)
{
	struct hvcal_engine *e, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(e, &hvcal.engines, link) {
		if (e->id != id || (provider && e->provider != provider))
			continue;
		hvcal_engine_get(e);
		found = e;
		break;
	}
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return found;
}

bool hvcal_engine_usable_locked(const struct hvcal_engine *e)
{
	lockdep_assert_held(&hvcal.lock);

	return e->state == HVCAL_ENGINE_READY && e->provider->state != HVCAL_PROVIDER_DEAD &&
	       !e->provider->doomed;
}

bool hvcal_engine_quiet_locked(const struct hvcal_engine *e)
{
	lockdep_assert_held(&hvcal.lock);

	/* a device goes on until its driver is told */
	return e->provider->closed ||
	       (e->provider->ended && e->kind != HVCAL_ENGINE_HARDWARE);
}

const struct hvcal_engine_cap *hvcal_engine_fits(const struct hvcal_engine *e,
						 const struct hvcal_place_ask *ask)
{
	u32 i;

	for (i = 0; i < e->ncaps; i++)
		if (hvcal_place_fits(&e->caps[i], ask))
			return &e->caps[i];
	return NULL;
}

void hvcal_engine_info(struct hvcal_engine *e, struct hvcal_engine_info *info)
{
	unsigned long flags;

	memset(info, 0, sizeof(*info));
	info->id = e->id;
	info->kind = e->kind;
	info->flags = e->flags;
	info->gpu = e->gpu;
	info->numa_node = e->numa_node;
	info->slots = e->slots;
	info->session_depth = e->session_depth;
	info->caps = e->ncaps;
	memcpy(info->name, e->name, sizeof(info->name));

	spin_lock_irqsave(&hvcal.lock, flags);
	info->state = e->state;
	if (e->state == HVCAL_ENGINE_READY && e->provider->state == HVCAL_PROVIDER_SUSPECT)
		info->state = HVCAL_ENGINE_SUSPECT;
	info->max_sessions = e->max_sessions;
	info->sessions = e->sessions;
	info->load_ppm = hvcal_load_ppm(&e->load, ktime_get_ns(), e->slots);
	info->external_ppm = e->external_ppm;
	info->jobs_done = e->jobs_done;
	spin_unlock_irqrestore(&hvcal.lock, flags);
}
