// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/class/misc/hvcal/engines/<number>/: the stable view, one value a file.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "hvcal_internal.h"

struct engine_dir {
	struct kobject kobj;
	struct hvcal_engine *engine;
};

struct engine_attr {
	struct attribute attr;
	ssize_t (*show)(const struct hvcal_engine_info *info, char *buf);
};

static struct kobject *engines_dir;

#define ENGINE_ATTR(_name, _format, _value) \
static ssize_t _name##_show(const struct hvcal_engine_info *info, char *buf) \
{ \
	return sysfs_emit(buf, _format "\n", _value); \
} \
static struct engine_attr engine_attr_##_name = { \
	.attr = { .name = __stringify(_name), .mode = 0444 }, \
	.show = _name##_show, \
}

static const char *kind_name(u32 kind)
{
	switch (kind) {
	case HVCAL_ENGINE_HARDWARE:
		return "hardware";
	case HVCAL_ENGINE_SOFTWARE:
		return "software";
	default:
		return "test";
	}
}

static const char *state_name(u32 state)
{
	switch (state) {
	case HVCAL_ENGINE_READY:
		return "ready";
	case HVCAL_ENGINE_SUSPECT:
		return "suspect";
	case HVCAL_ENGINE_DRAINING:
		return "draining";
	default:
		return "gone";
	}
}

ENGINE_ATTR(name, "%s", info->name);
ENGINE_ATTR(kind, "%s", kind_name(info->kind));
ENGINE_ATTR(state, "%s", state_name(info->state));
ENGINE_ATTR(gpu, "%u", info->gpu);
ENGINE_ATTR(numa_node, "%d", info->numa_node);
ENGINE_ATTR(slots, "%u", info->slots);
ENGINE_ATTR(session_depth, "%u", info->session_depth);
ENGINE_ATTR(max_sessions, "%u", info->max_sessions);
ENGINE_ATTR(sessions, "%u", info->sessions);
ENGINE_ATTR(load_ppm, "%u", info->load_ppm);
ENGINE_ATTR(external_ppm, "%u", info->external_ppm);
ENGINE_ATTR(jobs_done, "%llu", info->jobs_done);

static struct attribute *engine_attrs[] = {
	&engine_attr_name.attr,
	&engine_attr_kind.attr,
	&engine_attr_state.attr,
	&engine_attr_gpu.attr,
	&engine_attr_numa_node.attr,
	&engine_attr_slots.attr,
	&engine_attr_session_depth.attr,
	&engine_attr_max_sessions.attr,
	&engine_attr_sessions.attr,
	&engine_attr_load_ppm.attr,
	&engine_attr_external_ppm.attr,
	&engine_attr_jobs_done.attr,
	NULL,
};
ATTRIBUTE_GROUPS(engine);

static ssize_t engine_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct engine_dir *dir = container_of(kobj, struct engine_dir, kobj);
	struct engine_attr *ea = container_of(attr, struct engine_attr, attr);
	struct hvcal_engine_info info;

	hvcal_engine_info(dir->engine, &info);
	return ea->show(&info, buf);
}

static const struct sysfs_ops engine_sysfs_ops = { .show = engine_show };

static void engine_dir_release(struct kobject *kobj)
{
	struct engine_dir *dir = container_of(kobj, struct engine_dir, kobj);

	hvcal_engine_put(dir->engine);
	kfree(dir);
}

static const struct kobj_type engine_dir_type = {
	.sysfs_ops = &engine_sysfs_ops,
	.release = engine_dir_release,
	.default_groups = engine_groups,
};

/* Without its directory an engine works all the same. */
void hvcal_sysfs_add_engine(struct hvcal_engine *e)
{
	struct engine_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);

	if (!dir)
		return;
	hvcal_engine_get(e);
	dir->engine = e;
	if (kobject_init_and_add(&dir->kobj, &engine_dir_type, engines_dir, "%u", e->id)) {
		kobject_put(&dir->kobj);
		return;
	}
	/* who retires it meanwhile has not seen the directory: take it back */
	WRITE_ONCE(e->kobj, &dir->kobj);
	if (READ_ONCE(e->state) == HVCAL_ENGINE_GONE)
		hvcal_sysfs_del_engine(e);
}

void hvcal_sysfs_del_engine(struct hvcal_engine *e)
{
	struct kobject *kobj = xchg(&e->kobj, NULL);

	if (!kobj)
		return;
	kobject_del(kobj);
	kobject_put(kobj);
}

int hvcal_sysfs_init(void)
{
	engines_dir = kobject_create_and_add("engines", &hvcal.dev->kobj);
	return engines_dir ? 0 : -ENOMEM;
}

void hvcal_sysfs_exit(void)
{
	kobject_put(engines_dir);
}
