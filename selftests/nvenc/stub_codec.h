/* SPDX-License-Identifier: MIT */
/* The codecs behind the stub of NVENC: libx264, libx265, libaom; one packet a picture. */
#ifndef HVCAL_NVENC_STUB_CODEC_H
#define HVCAL_NVENC_STUB_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stub_format {
	unsigned int width, height;
	unsigned int depth, input_depth;
	unsigned int refs;	/* pictures that are kept, 0 the codec's own choice */
	unsigned int refresh;	/* frames from one intra refresh to the next, 0 none; H.264 */
	unsigned int fps_num, fps_den;
	unsigned int tile_rows;
	bool lossless;
	bool repeat_headers;	/* at each key frame, not only at the first */
	bool full_range;
	unsigned int primaries, transfer, matrix;
};

/** What goes into the bitstream in front of the picture: SEI messages, OBUs. */
struct stub_sei {
	uint32_t type, len;
	const uint8_t *bytes;
};

/** 4:2:0, planar, tight rows; samples of two bytes if there are more than 8 bits. */
struct stub_picture {
	uint8_t *plane[3];
	bool key;
	bool refresh;		/* begins a cycle of intra refresh; of H.264 only */
	int qp;
	unsigned int forget;	/* so many before it must not be referred to any more */
	const int8_t *map;	/* for each block of the codec, NULL none */
	int map_mean;
};

struct stub_codec {
	void *(*open)(const struct stub_format *format);
	/** The packet stays valid until the next call. @return the mean QP */
	int (*encode)(void *encoder, const struct stub_picture *pic, const uint8_t **packet,
		      size_t *len);
	void (*close)(void *encoder);
	/** A copy of @packet with metadata, to be freed; its length in @len. */
	uint8_t *(*add_metadata)(const uint8_t *packet, size_t *len, const struct stub_sei *list,
				 unsigned int count);
	bool hevc, av1;
	unsigned int block;	/* samples of a QP map's blocks */
	unsigned int qp_max, size_max;
};

extern const struct stub_codec stub_h264, stub_hevc, stub_av1;

#endif
