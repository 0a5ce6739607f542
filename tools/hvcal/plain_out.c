/* SPDX-License-Identifier: MIT */
/*
 * Packet after packet (Annex B, OBUs, raw pictures), and IVF.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink.h"

#define IVF_HEADER 32
#define IVF_FRAME_HEADER 12
#define IVF_COUNT_AT 24

struct plain_out {
	struct sink base;
	bool ivf;
	uint8_t header[IVF_HEADER];
	uint8_t *bounce;
	size_t bounce_size;
};

static void put_le(uint8_t *to, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

/*
 * Packets lie in DMA-BUF memory, which file systems that write straight from the
 * caller's pages (9p, O_DIRECT) cannot take: vgem's has no pages to pin.
 */
static int put_packet(struct plain_out *out, const struct sink_packet *packet)
{
	if (packet->size > out->bounce_size) {
		uint8_t *more = realloc(out->bounce, packet->size);

		if (!more)
			return -ENOMEM;
		out->bounce = more;
		out->bounce_size = packet->size;
	}
	memcpy(out->bounce, packet->data, packet->size);
	return sink_put(&out->base, out->bounce, packet->size);
}

static int plain_write(struct sink *sink, const struct sink_packet *packet)
{
	struct plain_out *out = (struct plain_out *)sink;
	uint8_t header[IVF_FRAME_HEADER];
	int ret = 0;

	if (out->ivf) {
		if (!sink->packets)
			ret = sink_put(sink, out->header, sizeof(out->header));
		put_le(header, packet->size, 4);
		put_le(header + 4, (uint64_t)packet->pts, 8);
		if (!ret)
			ret = sink_put(sink, header, sizeof(header));
	}
	return ret ? ret : put_packet(out, packet);
}

static int plain_finish(struct sink *sink)
{
	struct plain_out *out = (struct plain_out *)sink;
	uint8_t count[4];

	if (!out->ivf)
		return sink->error;
	/* On a pipe the count stays 0, which readers take for unknown. */
	if (lseek(sink->fd, IVF_COUNT_AT, SEEK_SET) < 0)
		return sink->error;
	put_le(count, sink->packets, 4);
	return sink_put(sink, count, sizeof(count));
}

static void plain_free(struct sink *sink)
{
	free(((struct plain_out *)sink)->bounce);
	free(sink);
}

static const struct sink_ops plain_ops = {
	.write = plain_write, .finish = plain_finish, .free = plain_free,
};

int plain_out_create(const struct sink_params *params, struct sink **sink)
{
	struct plain_out *out = calloc(1, sizeof(*out));

	if (!out)
		return -ENOMEM;
	out->base.ops = &plain_ops;
	out->ivf = params->container == CONTAINER_IVF;
	memcpy(out->header, "DKIF", 4);
	put_le(out->header + 6, IVF_HEADER, 2);
	put_le(out->header + 8, params->codec->fourcc, 4);
	put_le(out->header + 12, (uint64_t)params->info->width, 2);
	put_le(out->header + 14, (uint64_t)params->info->height, 2);
	put_le(out->header + 16, params->info->tb_den, 4);
	put_le(out->header + 20, params->info->tb_num, 4);
	*sink = &out->base;
	return 0;
}
