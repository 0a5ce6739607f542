// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "kernel_fixture.h"

void fixture_config(hvcal_config_t *c)
{
	hvcal_config_default(c, sizeof(*c));
	c->codec = HVCAL_CODEC_H264;
	c->width = 128;
	c->height = 64;
	c->fps = 50;
	c->bitrate = 1000000;
}

void fixture_pool(struct fixture *f)
{
	hvcal_pool_params_t p;

	hvcal_pool_params_default(&p, sizeof(p));
	p.format = HVCAL_FORMAT_NV12;
	p.width = 128;
	p.height = 64;
	assert_int_equal(hvcal_pool_create(f->ctx, &p, &f->pool), 0);
}

int fixture_setup(void **state)
{
	static struct fixture f;
	hvcal_config_t c;

	memset(&f, 0, sizeof(f));
	fake_kernel_init(&f.k);
	assert_int_equal(fake_kernel_context(&f.k, &f.ctx), 0);
	fixture_config(&c);
	assert_int_equal(hvcal_create_session(f.ctx, &c, &f.s, NULL), 0);
	fixture_pool(&f);
	*state = &f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	hvcal_destroy_session(&f->s);
	hvcal_pool_destroy(&f->pool);
	hvcal_shutdown(&f->ctx);
	assert_int_equal(f->k.live_buffers, 0);
	fake_kernel_finish(&f->k);
	return 0;
}

int fixture_submit(struct fixture *f, const hvcal_frame_t *frame)
{
	hvcal_buffer_t *b;
	int ret;

	assert_int_equal(hvcal_pool_acquire(f->pool, &b), 0);
	ret = hvcal_submit_frame(f->s, b, frame);
	hvcal_buffer_release(&b);
	return ret;
}

uint32_t fixture_in_use(struct fixture *f)
{
	hvcal_pool_info_t i;

	hvcal_pool_info_default(&i, sizeof(i));
	assert_int_equal(hvcal_pool_get_info(f->pool, &i), 0);
	return i.in_use;
}
