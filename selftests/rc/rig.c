// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "rig.h"

int rig_open(struct rig *r)
{
	hvcal_init_params_t p;
	hvcal_pool_params_t pool;

	hvcal_init_params_default(&p, sizeof(p));
	p.backend = HVCAL_BACKEND_DIRECT;
	p.log_level = 3;
	if (hvcal_initialize(&r->ctx, &p))
		return -1;
	hvcal_pool_params_default(&pool, sizeof(pool));
	pool.format = HVCAL_FORMAT_NV12;
	pool.width = WIDTH;
	pool.height = HEIGHT;
	pool.memory = HVCAL_MEMORY_MEMFD;
	return hvcal_pool_create(r->ctx, &pool, &r->pool) ? -1 : 0;
}

void rig_close(struct rig *r)
{
	hvcal_pool_destroy(&r->pool);
	hvcal_shutdown(&r->ctx);
}

hvcal_config_t rig_config(uint32_t codec, const char *engine, uint64_t bitrate)
{
	hvcal_config_t c;

	hvcal_config_default(&c, sizeof(c));
	c.codec = codec;
	c.width = WIDTH;
	c.height = HEIGHT;
	c.fps = FPS;
	c.rc_mode = HVCAL_RC_CBR;
	c.bitrate = bitrate;
	c.vbv_ms = 200;
	c.threads = 1;
	snprintf(c.engine_name, sizeof(c.engine_name), "%s", engine);
	return c;
}

hvcal_buffer_t *rig_buffer(struct rig *r)
{
	hvcal_buffer_t *b;

	assert_int_equal(hvcal_pool_acquire(r->pool, &b), 0);
	memset((char *)b->cpu_ptr + b->offset[1], 128, b->stride[1] * (size_t)HEIGHT / 2);
	return b;
}

uint8_t *rig_row(const hvcal_buffer_t *b, unsigned int y)
{
	return (uint8_t *)b->cpu_ptr + b->offset[0] + (size_t)y * b->stride[0];
}

void rig_put(struct rig *r, hvcal_buffer_t **b, const hvcal_frame_t *frame)
{
	assert_int_equal(hvcal_submit_frame(r->s, *b, frame), 0);
	hvcal_buffer_release(b);
}

void rig_packet(struct rig *r, hvcal_packet_t *p)
{
	int ret;

	hvcal_packet_default(p, sizeof(*p));
	do {
		ret = hvcal_get_bitstream(r->s, p, WAIT_MS);
	} while (ret == HVCAL_GOT_NOTICE && p->notice == HVCAL_NOTICE_RECONFIGURED);
	assert_int_equal(ret, HVCAL_GOT_PACKET);
}

hvcal_packet_t rig_take(struct rig *r)
{
	hvcal_packet_t p, got;

	rig_packet(r, &p);
	got = p;
	hvcal_release_packet(&p);
	return got;
}

hvcal_stats_t rig_stats(struct rig *r)
{
	hvcal_stats_t st;

	hvcal_stats_default(&st, sizeof(st));
	assert_int_equal(hvcal_get_stats(r->s, &st), 0);
	return st;
}

bool rig_has_engine(const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/hvcal-engine-%s.so", getenv("HVCAL_ENGINE_PATH"), name);
	return !access(path, R_OK);
}

bool rig_engines(const char *folder, const char *name)
{
	setenv("HVCAL_ENGINE_PATH", folder, 1);
	if (rig_has_engine(name))
		return true;
	printf("1..0 # SKIP no engine %s in %s\n", name, folder);
	return false;
}
