// SPDX-License-Identifier: MIT
/* Faults on purpose: what a broken provider would do to the kernel. */
#include <stdlib.h>

#include "internal.h"

static bool strikes(atomic_uint *count, uint32_t at)
{
	return at && atomic_load(count) == at;
}

void provider_fault_acquire(hvcal_provider_t *p)
{
	atomic_fetch_add(&p->acquires, 1);
	if (strikes(&p->acquires, p->params.fault.crash_acquire))
		abort();
}

void provider_fault_holding(hvcal_provider_t *p)
{
	atomic_fetch_add(&p->frames, 1);
	if (strikes(&p->frames, p->params.fault.crash_holding))
		abort();
}

static void send_extra(hvcal_provider_t *p, struct hvcal_item_result extra)
{
	struct hvcal_complete complete = {
		.results = { .stride = sizeof(extra), .count = 1, .ptr = (uintptr_t)&extra },
	};

	p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_COMPLETE, &complete);
}

void provider_fault_answer(hvcal_provider_t *p, struct hvcal_item_result *r)
{
	const hvcal_provider_fault_t *fault = &p->params.fault;
	struct hvcal_item_result extra = *r;

	atomic_fetch_add(&p->answers, 1);
	if (strikes(&p->answers, fault->crash_complete))
		abort();
	if (strikes(&p->answers, fault->wrong_id)) {
		extra.id += 1000000;
		send_extra(p, extra);
	}
	if (strikes(&p->answers, fault->wrong_size))
		r->bytes = UINT64_MAX / 2;
	if (strikes(&p->answers, fault->twice))
		send_extra(p, extra);
}
