// SPDX-License-Identifier: GPL-2.0
/* Module entry, the two device nodes and the module parameters. */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "hvcal_internal.h"

unsigned int hvcal_watchdog_floor_ms = 1000;
module_param_named(watchdog_floor_ms, hvcal_watchdog_floor_ms, uint, 0644);
MODULE_PARM_DESC(watchdog_floor_ms, "Least time an engine is given for a frame, ms");

unsigned int hvcal_watchdog_cap_ms = 10000;
module_param_named(watchdog_cap_ms, hvcal_watchdog_cap_ms, uint, 0644);
MODULE_PARM_DESC(watchdog_cap_ms, "Most time an engine is given for anything, ms");

unsigned int hvcal_watchdog_attend_ms = 2000;
module_param_named(watchdog_attend_ms, hvcal_watchdog_attend_ms, uint, 0644);
MODULE_PARM_DESC(watchdog_attend_ms,
		 "Time in which a provider must come for work that waits, ms; 0 any");

unsigned int hvcal_watchdog_move_ms = 250;
module_param_named(watchdog_move_ms, hvcal_watchdog_move_ms, uint, 0644);
MODULE_PARM_DESC(watchdog_move_ms,
		 "Least time that a stream waits for a provider that does not come, ms; 0 any");

unsigned int hvcal_max_sessions = 64;
module_param_named(max_sessions, hvcal_max_sessions, uint, 0644);
MODULE_PARM_DESC(max_sessions, "Sessions of one open file");

unsigned int hvcal_max_buffers = 4096;
module_param_named(max_buffers, hvcal_max_buffers, uint, 0644);
MODULE_PARM_DESC(max_buffers, "Buffers of one open file");

unsigned int hvcal_max_queued = 64;
module_param_named(max_queued, hvcal_max_queued, uint, 0644);
MODULE_PARM_DESC(max_queued, "Jobs of one session that are not read back");

struct hvcal_core hvcal = {
	.lock = __SPIN_LOCK_UNLOCKED(hvcal.lock),
	.engines = LIST_HEAD_INIT(hvcal.engines),
	.sessions = LIST_HEAD_INIT(hvcal.sessions),
	.next_engine = 1,
	.next_item = ATOMIC64_INIT(0),
	.next_file = ATOMIC64_INIT(0),
};

/* Who may open them is policy: udev sets the groups. */
static struct miscdevice hvcal_client_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvcal",
	.fops = &hvcal_client_fops,
	.mode = 0660,
};

static struct miscdevice hvcal_provider_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hvcal-provider",
	.fops = &hvcal_provider_fops,
	.mode = 0660,
};

static int __init hvcal_module_init(void)
{
	int ret;

	/*
	 * Unbound: none of it is bound to a CPU's caches, all of it may be hurried.
	 * Freezable: while processes are frozen for a suspend, none of them is late.
	 */
	hvcal.wq = alloc_workqueue("hvcal", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_FREEZABLE, 0);
	if (!hvcal.wq)
		return -ENOMEM;

	ret = hvcal_gpu_init();
	if (ret)
		goto err_wq;
	ret = misc_register(&hvcal_client_misc);
	if (ret)
		goto err_gpu;
	ret = misc_register(&hvcal_provider_misc);
	if (ret)
		goto err_client;
	hvcal.dev = hvcal_client_misc.this_device;
	hvcal.provider_dev = hvcal_provider_misc.this_device;
	ret = hvcal_sysfs_init();
	if (ret)
		goto err_provider;
	hvcal_debugfs_init();
	return 0;

err_provider:
	misc_deregister(&hvcal_provider_misc);
err_client:
	misc_deregister(&hvcal_client_misc);
err_gpu:
	hvcal_gpu_exit();
err_wq:
	destroy_workqueue(hvcal.wq);
	return ret;
}
module_init(hvcal_module_init);

static void __exit hvcal_module_exit(void)
{
	hvcal_debugfs_exit();
	hvcal_sysfs_exit();
	misc_deregister(&hvcal_provider_misc);
	misc_deregister(&hvcal_client_misc);
	hvcal_gpu_exit();
	destroy_workqueue(hvcal.wq);
}
module_exit(hvcal_module_exit);

MODULE_DESCRIPTION("Hardware Video Codec Abstraction Layer");
MODULE_AUTHOR("HVCAL developers");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
/* As a plain tag: the macro changed from a token to a string between 6.12 and 6.13. */
MODULE_INFO(import_ns, "DMA_BUF");
