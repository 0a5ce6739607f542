// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/PID/fdinfo/FD in the keys of Documentation/gpu/drm-usage-stats.rst, so
 * that the tools that read GPU usage can read ours. That a misc device uses them
 * is a deviation; keys of our own begin with hvcal-.
 */
#include <linux/fs.h>

#include "hvcal_internal.h"

void hvcal_client_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct hvcal_client *c = file->private_data;
	struct hvcal_session *s;
	unsigned long i, flags;
	u64 engine_ns, jobs;
	u32 sessions = 0;

	spin_lock_irqsave(&hvcal.lock, flags);
	engine_ns = c->engine_ns;
	jobs = c->jobs_done;
	spin_unlock_irqrestore(&hvcal.lock, flags);
	xa_for_each(&c->sessions, i, s)
		sessions++;

	seq_puts(m, "drm-driver:\thvcal\n");
	seq_printf(m, "drm-client-id:\t%llu\n", c->id);
	seq_printf(m, "drm-engine-encode:\t%llu ns\n", engine_ns);
	seq_puts(m, "hvcal-role:\tclient\n");
	seq_printf(m, "hvcal-sessions:\t%u\n", sessions);
	seq_printf(m, "hvcal-jobs:\t%llu\n", jobs);
}

void hvcal_provider_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct hvcal_provider *p = file->private_data;
	struct hvcal_import *imp;
	struct hvcal_engine *e;
	struct hvcal_work *w;
	u32 imports = 0, issued = 0, engines = 0;
	unsigned long flags;
	u64 late;
	int bucket;

	spin_lock_irqsave(&hvcal.lock, flags);
	list_for_each_entry(imp, &p->imports, link)
		imports++;
	list_for_each_entry(e, &p->engines, provider_link)
		engines++;
	hash_for_each(p->issued, bucket, w, hash)
		issued++;
	late = p->late;
	spin_unlock_irqrestore(&hvcal.lock, flags);

	seq_puts(m, "drm-driver:\thvcal\n");
	seq_printf(m, "drm-client-id:\t%llu\n", p->id);
	seq_puts(m, "hvcal-role:\tprovider\n");
	seq_printf(m, "hvcal-engines:\t%u\n", engines);
	seq_printf(m, "hvcal-imports:\t%u\n", imports);
	seq_printf(m, "hvcal-issued:\t%u\n", issued);
	seq_printf(m, "hvcal-late:\t%llu\n", late);
}
