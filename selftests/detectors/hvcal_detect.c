// SPDX-License-Identifier: GPL-2.0
/*
 * Deliberate faults, one for each detector that the tests rely on: write a
 * fault's name to /sys/kernel/debug/hvcal-detect. For throw-away test kernels
 * only; no part of what is installed.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/dma-fence.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

/* The compiler must not see what is wrong, nor leave it out. */
static volatile unsigned int detect_zero;
static volatile char detect_sink;

static void fault_warn(void)
{
	WARN_ON(!detect_zero);
}

static void fault_null(void)
{
	detect_sink = *(volatile char *)(uintptr_t)detect_zero;
}

static void fault_list(void)
{
	LIST_HEAD(head);
	struct list_head a;

	list_add(&a, &head);
	list_add(&a, &head);
}

static void fault_refcount(void)
{
	refcount_t ref = REFCOUNT_INIT(1);

	refcount_dec(&ref);
}

/* ---- lockdep and its like ---- */

static DEFINE_MUTEX(detect_a);
static DEFINE_MUTEX(detect_b);

static void fault_lock_order(void)
{
	mutex_lock(&detect_a);
	mutex_lock(&detect_b);
	mutex_unlock(&detect_b);
	mutex_unlock(&detect_a);

	mutex_lock(&detect_b);
	mutex_lock(&detect_a);
	mutex_unlock(&detect_a);
	mutex_unlock(&detect_b);
}

/* What hvcal promises not to do between a fence's publishing and its signal. */
static void fault_fence_alloc(void)
{
	bool cookie = dma_fence_begin_signalling();

	kfree(kmalloc(64, GFP_KERNEL));
	dma_fence_end_signalling(cookie);
}

static void fault_atomic_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static void fault_rcu(void)
{
	static char __rcu *pointer;

	detect_sink = rcu_dereference(pointer) != NULL;
}

static void detect_timeout(struct timer_list *timer)
{
}

static void fault_object(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, detect_timeout, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void fault_leak(void)
{
	detect_sink = kzalloc(1000, GFP_KERNEL) != NULL;
}

/* ---- KASAN ---- */

static void fault_use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	detect_sink = READ_ONCE(p[detect_zero]);
}

static void fault_out_of_bounds(void)
{
	char *p = kmalloc(60, GFP_KERNEL);

	if (!p)
		return;
	detect_sink = READ_ONCE(p[detect_zero + 60]);
	kfree(p);
}

static void fault_vmalloc(void)
{
	char *p = vmalloc(PAGE_SIZE - 16);

	if (!p)
		return;
	detect_sink = READ_ONCE(p[detect_zero + PAGE_SIZE - 16]);
	vfree(p);
}

static void fault_double_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL), *volatile again = p;

	kfree(p);
	kfree(again);
}

/* ---- UBSAN ---- */

static void fault_shift(void)
{
	detect_sink = 1 << (detect_zero + 40);
}

static void fault_index(void)
{
	static char table[4];

	detect_sink = table[detect_zero + 4];
}

/* ---- KCSAN ---- */

static unsigned int detect_shared;

static int detect_racer(void *unused)
{
	while (!kthread_should_stop()) {
		detect_shared++;
		cond_resched();
	}
	return 0;
}

static void fault_race(void)
{
	struct task_struct *racers[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(racers); i++)
		racers[i] = kthread_run(detect_racer, NULL, "hvcal-race");
	msleep(3000);
	for (i = 0; i < ARRAY_SIZE(racers); i++)
		if (!IS_ERR(racers[i]))
			kthread_stop(racers[i]);
}

/* ------------------------------------------------------------------------ */

static const struct detect_fault {
	const char *name;
	void (*fn)(void);
} detect_faults[] = {
	{ "warn", fault_warn },
	{ "null", fault_null },
	{ "list", fault_list },
	{ "refcount", fault_refcount },
	{ "lock_order", fault_lock_order },
	{ "fence_alloc", fault_fence_alloc },
	{ "atomic_sleep", fault_atomic_sleep },
	{ "rcu", fault_rcu },
	{ "object", fault_object },
	{ "leak", fault_leak },
	{ "use_after_free", fault_use_after_free },
	{ "out_of_bounds", fault_out_of_bounds },
	{ "vmalloc", fault_vmalloc },
	{ "double_free", fault_double_free },
	{ "shift", fault_shift },
	{ "index", fault_index },
	{ "race", fault_race },
};

static ssize_t detect_write(struct file *file, const char __user *text, size_t len, loff_t *pos)
{
	char name[32] = "";
	unsigned int i;

	if (len >= sizeof(name) || copy_from_user(name, text, len))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(detect_faults); i++) {
		if (strcmp(strim(name), detect_faults[i].name))
			continue;
		detect_faults[i].fn();
		return len;
	}
	return -ENOENT;
}

static const struct file_operations detect_fops = {
	.owner = THIS_MODULE,
	.write = detect_write,
};

static struct dentry *detect_file;

static int __init detect_init(void)
{
	detect_file = debugfs_create_file("hvcal-detect", 0200, NULL, NULL, &detect_fops);
	return 0;
}
module_init(detect_init);

static void __exit detect_exit(void)
{
	debugfs_remove(detect_file);
}
module_exit(detect_exit);

MODULE_DESCRIPTION("Deliberate faults for tests of the test kernels");
MODULE_LICENSE("GPL");
