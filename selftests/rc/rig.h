/* SPDX-License-Identifier: MIT */
/* A session of libhvcal as an application has it, one frame inside at a time. */
#ifndef HVCAL_SELFTESTS_RC_RIG_H
#define HVCAL_SELFTESTS_RC_RIG_H

#include <stdbool.h>

#include <hvcal/hvcal.h>

#define WIDTH 320
#define HEIGHT 192
#define FPS 30
#define WAIT_MS 20000

struct rig {
	hvcal_context_t *ctx;
	hvcal_pool_t *pool;
	hvcal_session_t *s;
};

/* In the process, without a module. 0 or -1. */
int rig_open(struct rig *r);
void rig_close(struct rig *r);

/* CBR with a buffer of 200 ms, one thread. */
hvcal_config_t rig_config(uint32_t codec, const char *engine, uint64_t bitrate);
/* A picture whose chroma is grey and whose luma is to be drawn. */
hvcal_buffer_t *rig_buffer(struct rig *r);
uint8_t *rig_row(const hvcal_buffer_t *b, unsigned int y);
void rig_put(struct rig *r, hvcal_buffer_t **b, const hvcal_frame_t *frame);
/* The next packet; notices of new rates are passed over. To be released. */
void rig_packet(struct rig *r, hvcal_packet_t *p);
/* The same without its data, released. */
hvcal_packet_t rig_take(struct rig *r);
hvcal_stats_t rig_stats(struct rig *r);

/* Is there a plug-in of that name in HVCAL_ENGINE_PATH? */
bool rig_has_engine(const char *name);
/* What a test program does with its folder of plug-ins; false: no @name is there. */
bool rig_engines(const char *folder, const char *name);

#endif
