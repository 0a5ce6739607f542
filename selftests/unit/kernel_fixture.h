/* SPDX-License-Identifier: MIT */
/* A session and a pool on a kernel that does what the test wants. */
#ifndef HVCAL_KERNEL_FIXTURE_H
#define HVCAL_KERNEL_FIXTURE_H

#include "fake_kernel.h"

struct fixture {
	struct fake_kernel k;
	hvcal_context_t *ctx;
	hvcal_session_t *s;
	hvcal_pool_t *pool;
};

/* What the session was opened with. */
void fixture_config(hvcal_config_t *c);
void fixture_pool(struct fixture *f);

/* For cmocka: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* A buffer of the pool, as a frame. */
int fixture_submit(struct fixture *f, const hvcal_frame_t *frame);
uint32_t fixture_in_use(struct fixture *f);

#endif
