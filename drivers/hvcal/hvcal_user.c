// SPDX-License-Identifier: GPL-2.0
/* Limits of one user over all the files that it has open. */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "hvcal_internal.h"

/* Guards the list, the counts of references and what is used. Innermost. */
static DEFINE_SPINLOCK(user_lock);
static LIST_HEAD(users);

static unsigned long user_max[HVCAL_CHARGE_COUNT] = {
	[HVCAL_CHARGE_SESSIONS] = 1024,
	[HVCAL_CHARGE_BUFFERS] = 65536,
	[HVCAL_CHARGE_BYTES] = 65536,
	[HVCAL_CHARGE_JOBS] = 16384,
	[HVCAL_CHARGE_ENGINES] = 16,
};

module_param_named(user_max_sessions, user_max[HVCAL_CHARGE_SESSIONS], ulong, 0644);
MODULE_PARM_DESC(user_max_sessions, "Sessions of one user");
module_param_named(user_max_buffers, user_max[HVCAL_CHARGE_BUFFERS], ulong, 0644);
MODULE_PARM_DESC(user_max_buffers, "Imported buffers of one user");
module_param_named(user_max_mbytes, user_max[HVCAL_CHARGE_BYTES], ulong, 0644);
MODULE_PARM_DESC(user_max_mbytes, "MiB that the imported buffers of one user may have");
module_param_named(user_max_jobs, user_max[HVCAL_CHARGE_JOBS], ulong, 0644);
MODULE_PARM_DESC(user_max_jobs, "Jobs of one user that are not read back");
module_param_named(user_max_engines, user_max[HVCAL_CHARGE_ENGINES], ulong, 0644);
MODULE_PARM_DESC(user_max_engines, "Private engines of one user");

struct hvcal_user *hvcal_user_get(void)
{
	struct hvcal_user *spare = kzalloc(sizeof(*spare), GFP_KERNEL_ACCOUNT);
	struct hvcal_user *user, *found = NULL;
	kuid_t uid = current_uid();
	unsigned long flags;

	if (!spare)
		return NULL;
	spin_lock_irqsave(&user_lock, flags);
	list_for_each_entry(user, &users, link)
		if (uid_eq(user->uid, uid))
			found = user;
	if (!found) {
		found = spare;
		spare = NULL;
		found->uid = uid;
		list_add_tail(&found->link, &users);
	}
	found->refs++;
	spin_unlock_irqrestore(&user_lock, flags);
	kfree(spare);
	return found;
}

void hvcal_user_put(struct hvcal_user *user)
{
	unsigned long flags;
	bool last;

	spin_lock_irqsave(&user_lock, flags);
	last = !--user->refs;
	if (last)
		list_del(&user->link);
	spin_unlock_irqrestore(&user_lock, flags);
	if (last)
		kfree(user);
}

int hvcal_user_charge(struct hvcal_user *user, enum hvcal_charge what, u64 amount)
{
	u64 max = READ_ONCE(user_max[what]);
	unsigned long flags;
	int ret = 0;

	if (what == HVCAL_CHARGE_BYTES)
		max = min_t(u64, max, U64_MAX >> 20) << 20;
	spin_lock_irqsave(&user_lock, flags);
	if (amount > max || user->used[what] > max - amount)
		ret = -EUSERS;
	else
		user->used[what] += amount;
	spin_unlock_irqrestore(&user_lock, flags);
	return ret;
}

void hvcal_user_uncharge(struct hvcal_user *user, enum hvcal_charge what, u64 amount)
{
	unsigned long flags;

	spin_lock_irqsave(&user_lock, flags);
	user->used[what] -= amount;
	spin_unlock_irqrestore(&user_lock, flags);
}
