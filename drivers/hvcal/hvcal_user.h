/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HVCAL_USER_H
#define HVCAL_USER_H

#include <linux/types.h>
#include <linux/uidgid.h>

/* What one user holds through all files, so that nobody can hold everything. */
enum hvcal_charge {
	HVCAL_CHARGE_SESSIONS,
	HVCAL_CHARGE_BUFFERS,
	HVCAL_CHARGE_BYTES,	/* kept alive by imported buffers */
	HVCAL_CHARGE_JOBS,	/* submitted and not read back */
	HVCAL_CHARGE_ENGINES,	/* private ones */
	HVCAL_CHARGE_COUNT
};

struct hvcal_user {
	struct list_head link;
	kuid_t uid;
	u32 refs;
	u64 used[HVCAL_CHARGE_COUNT];
};

/* Any context, with or without hvcal.lock, but for hvcal_user_get(). */

/* The user of the calling task; NULL: no memory. */
struct hvcal_user *hvcal_user_get(void);
void hvcal_user_put(struct hvcal_user *user);
/* -EUSERS: over the limit, nothing is charged. */
int hvcal_user_charge(struct hvcal_user *user, enum hvcal_charge what, u64 amount);
void hvcal_user_uncharge(struct hvcal_user *user, enum hvcal_charge what, u64 amount);

#endif /* HVCAL_USER_H */
