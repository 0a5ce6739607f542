// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_acquire.c"

static u8 blobs[PAGE_SIZE] __aligned(BLOB_ALIGN);

int rig_acquire(struct hvcal_provider *p, struct hvcal_item *items, u32 room)
{
	struct hvcal_acquire arg = {
		.items = { .stride = sizeof(*items), .count = room, .ptr = (uintptr_t)items },
		.blobs = { .len = sizeof(blobs), .ptr = (uintptr_t)blobs },
	};
	int ret = hvcal_acquire(p, &arg, true);

	return ret ? ret : arg.items.count;
}

u64 rig_item(struct kunit *test, struct hvcal_provider *p, u32 type)
{
	struct hvcal_item item = {};

	KUNIT_EXPECT_EQ(test, rig_acquire(p, &item, 1), 1);
	KUNIT_EXPECT_EQ(test, item.type, type);
	return item.id;
}

struct hvcal_job *rig_take(struct hvcal_provider *p)
{
	struct hvcal_job *job;
	unsigned long flags;

	spin_lock_irqsave(&hvcal.lock, flags);
	job = take_job_locked(p);
	spin_unlock_irqrestore(&hvcal.lock, flags);
	return job;
}
