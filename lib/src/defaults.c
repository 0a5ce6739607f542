// SPDX-License-Identifier: MIT
/* The hvcal_*_default() functions. */
#include <stddef.h>
#include <string.h>

#include <hvcal/hvcal.h>

#include "util.h"

/* A caller built against an older header has less room than we know. */
#define HAS(type, field, size) \
	((size) >= offsetof(type, field) + sizeof(((type *)0)->field))

void hvcal_init_params_default(hvcal_init_params_t *params, size_t size)
{
	hvcal_struct_default(params, size);
}

void hvcal_buffer_default(hvcal_buffer_t *buffer, size_t size)
{
	hvcal_struct_default(buffer, size);
	if (buffer && HAS(hvcal_buffer_t, fd, size))
		memset(buffer->fd, 0xff, sizeof(buffer->fd));
}

void hvcal_pool_params_default(hvcal_pool_params_t *params, size_t size)
{
	hvcal_struct_default(params, size);
	if (params && HAS(hvcal_pool_params_t, numa_node, size))
		params->numa_node = -1;
}

void hvcal_pool_info_default(hvcal_pool_info_t *info, size_t size)
{
	hvcal_struct_default(info, size);
}

void hvcal_config_default(hvcal_config_t *config, size_t size)
{
	hvcal_struct_default(config, size);
}

void hvcal_admission_default(hvcal_admission_t *admission, size_t size)
{
	hvcal_struct_default(admission, size);
}

void hvcal_frame_default(hvcal_frame_t *frame, size_t size)
{
	hvcal_struct_default(frame, size);
	if (frame && HAS(hvcal_frame_t, pts, size))
		frame->pts = HVCAL_NO_PTS;
	if (frame && HAS(hvcal_frame_t, in_fence, size))
		frame->in_fence = -1;
}

void hvcal_packet_default(hvcal_packet_t *packet, size_t size)
{
	hvcal_struct_default(packet, size);
	if (packet && HAS(hvcal_packet_t, fd, size))
		packet->fd = -1;
}

void hvcal_stats_default(hvcal_stats_t *stats, size_t size)
{
	hvcal_struct_default(stats, size);
}
