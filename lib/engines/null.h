/* SPDX-License-Identifier: MIT */
/*
 * The packet of the null engine: enough to prove that the right frame came
 * through the very same memory. Tests include this header.
 */
#ifndef HVCAL_ENGINES_NULL_H
#define HVCAL_ENGINES_NULL_H

#include <stddef.h>
#include <stdint.h>

#include <hvcal/engine.h>

#define HVCAL_NULL_MAGIC	HVCAL_FOURCC('h', 'v', 'N', '0')
#define HVCAL_NULL_KEY		(1U << 0)
#define HVCAL_NULL_SAMPLES	256	/* points of one plane */

/** Little or big endian as the machine: packets do not leave it. */
struct hvcal_null_packet {
	uint32_t magic;
	uint32_t size;		/**< of the packet, padding included */
	uint64_t frame;		/**< number in its stream, from 0 */
	int64_t pts;
	uint32_t flags;		/**< HVCAL_NULL_KEY */
	uint32_t samples;	/**< that went into @checksum, 0: not mapped */
	uint64_t checksum;	/**< hvcal_null_checksum() of the source */
	uint64_t source_addr;	/**< where it is mapped in the engine's process */
	uint64_t source_dev;	/**< st_dev of its first DMA-BUF */
	uint64_t source_ino;	/**< st_ino of its first DMA-BUF */
	uint64_t engine_pid;
	uint32_t format;
	uint32_t width;
	uint32_t height;
	uint32_t stream;	/**< number of the stream in its engine, from 1 */
	int32_t qp_q8;
	uint32_t pad;
};

static inline uint64_t hvcal_null_mix(uint64_t sum, const uint8_t *at)
{
	return (sum ^ *at) * 0x100000001b3ULL; /* FNV-1a */
}

/**
 * Sum over points spread evenly over the rows of each plane; without planes,
 * over the whole of the first DMA-BUF.
 *
 * @param map     where each DMA-BUF is mapped
 * @param len     bytes of each
 * @param samples receives how many points there were; those that the layout
 *                puts outside of its DMA-BUF are left out
 */
static inline uint64_t hvcal_null_checksum(const struct hvcal_frame_layout *layout,
					   void *const *map, const size_t *len,
					   uint32_t *samples)
{
	uint64_t sum = 0xcbf29ce484222325ULL;
	uint32_t n = 0;

	for (uint32_t p = 0; p < layout->planes && p < 4; p++) {
		uint32_t fd = layout->fd_index[p];
		/* chroma planes of the usual formats have half the rows */
		uint32_t rows = p ? (layout->height + 1) / 2 : layout->height;
		uint64_t bytes = (uint64_t)rows * layout->stride[p];

		if (fd >= HVCAL_MAX_PLANES || !map[fd])
			continue;
		for (uint32_t i = 0; i < HVCAL_NULL_SAMPLES; i++) {
			uint64_t at = layout->offset[p] + bytes * i / HVCAL_NULL_SAMPLES;

			if (at < layout->offset[p] || at >= len[fd])
				continue;
			sum = hvcal_null_mix(sum, (const uint8_t *)map[fd] + at);
			n++;
		}
	}
	if (!layout->planes && map[0]) {
		for (uint64_t i = 0; i < HVCAL_NULL_SAMPLES && len[0]; i++, n++)
			sum = hvcal_null_mix(sum, (const uint8_t *)map[0] +
					     len[0] * i / HVCAL_NULL_SAMPLES);
	}
	*samples = n;
	return sum;
}

#endif
