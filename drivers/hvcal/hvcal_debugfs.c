// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/debug/hvcal/: for people and tests; may change at any time. */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "hvcal_internal.h"

static struct dentry *debugfs_dir;

static int objects_show(struct seq_file *m, void *unused)
{
	static const char * const names[HVCAL_OBJ_COUNT] = {
		[HVCAL_OBJ_CLIENTS] = "clients",
		[HVCAL_OBJ_PROVIDERS] = "providers",
		[HVCAL_OBJ_ENGINES] = "engines",
		[HVCAL_OBJ_SESSIONS] = "sessions",
		[HVCAL_OBJ_BINDINGS] = "bindings",
		[HVCAL_OBJ_BUFFERS] = "buffers",
		[HVCAL_OBJ_IMPORTS] = "imports",
		[HVCAL_OBJ_JOBS] = "jobs",
	};
	unsigned int i;

	for (i = 0; i < HVCAL_OBJ_COUNT; i++)
		seq_printf(m, "%s %d\n", names[i], atomic_read(&hvcal.objects[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(objects);

static int engines_show(struct seq_file *m, void *unused)
{
	struct hvcal_engine *e;
	unsigned long flags;

	seq_puts(m, "id name provider state running slots sessions reserved_ppm forced jobs\n");
	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(e, &hvcal.engines, link)
		seq_printf(m, "%u %s %llu %d %u %u %u %u %llu %llu\n", e->id, e->name,
			   e->provider->id, e->provider->state, e->running, e->slots,
			   e->sessions, hvcal_admit_used_ppm(&e->queue), e->queue.forced,
			   e->jobs_done);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(engines);

static const char *placed_name(u32 placed)
{
	static const char *const names[] = {
		[HVCAL_PLACED_NAMED] = "named",
		[HVCAL_PLACED_ONLY] = "only",
		[HVCAL_PLACED_KIND] = "kind",
		[HVCAL_PLACED_GPU] = "gpu",
		[HVCAL_PLACED_NUMA] = "numa",
		[HVCAL_PLACED_LOAD] = "load",
		[HVCAL_PLACED_FIRST] = "first",
	};

	return placed < ARRAY_SIZE(names) && names[placed] ? names[placed] : "-";
}

static void show_session_locked(struct seq_file *m, const struct hvcal_session *s)
{
	const struct hvcal_binding *b = s->binding;
	u32 share = hvcal_sched_share_locked(s);

	seq_printf(m, "%llu %d %u %u %u %s %c%c%c%c %ux%u %s %u %u %u %llu %llu %llu %llu\n",
		   s->client->id, pid_nr(s->client->tgid), s->handle, s->state,
		   b ? b->engine->id : 0, placed_name(s->placed),
		   s->ask.codec & 0xff, s->ask.codec >> 8 & 0xff, s->ask.codec >> 16 & 0xff,
		   s->ask.codec >> 24 & 0xff, s->res.width, s->res.height,
		   s->res.sched_class == HVCAL_CLASS_REALTIME ? "rt" : "be", share,
		   s->pressed ? s->have_ppm : share, s->pending,
		   s->stats.done, s->stats.late, s->stats.engine_ns,
		   b ? hvcal_sched_cost_locked(b, 0) : 0);
}

static int sessions_show(struct seq_file *m, void *unused)
{
	struct hvcal_session *s;
	unsigned long flags;

	seq_puts(m, "client pid session state engine placed codec size class share_ppm have_ppm pending done late engine_ns cost_ns\n");
	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(s, &hvcal.sessions, link)
		show_session_locked(m, s);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sessions);

void hvcal_debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir("hvcal", NULL);
	debugfs_create_file("objects", 0400, debugfs_dir, NULL, &objects_fops);
	debugfs_create_file("engines", 0400, debugfs_dir, NULL, &engines_fops);
	debugfs_create_file("sessions", 0400, debugfs_dir, NULL, &sessions_fops);
}

void hvcal_debugfs_exit(void)
{
	debugfs_remove_recursive(debugfs_dir);
}
