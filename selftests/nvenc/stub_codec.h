/* SPDX-License-Identifier: MIT */
/* The codecs behind the stub of NVENC: libx264 and libx265, one packet a picture. */
#ifndef HVCAL_NVENC_STUB_CODEC_H
#define HVCAL_NVENC_STUB_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stub_format {
	unsigned int width, height, depth;
	unsigned int refs;	/* pictures that are kept, 0 the codec's own choice */
	unsigned int fps_num, fps_den;
	bool lossless;
	bool full_range;
	unsigned int primaries, transfer, matrix;
};

/** 4:2:0, planar, tight rows; samples of two bytes if there are more than 8 bits. */
/** Samples of a QP map's blocks. */
#define STUB_BLOCK(hevc) ((hevc) ? 32U : 16U)

struct stub_picture {
	uint8_t *plane[3];
	bool key;
	int qp;
	unsigned int forget;	/* so many before it are not referred to any more */
	const int8_t *map;	/* for each STUB_BLOCK, NULL none */
};

struct stub_codec {
	void *(*open)(const struct stub_format *format);
	/** The packet stays valid until the next call. */
	void (*encode)(void *encoder, const struct stub_picture *pic, const uint8_t **packet,
		       size_t *len);
	void (*close)(void *encoder);
	bool hevc;
};

extern const struct stub_codec stub_h264, stub_hevc;

/** What goes into the bitstream in front of the picture. */
struct stub_sei {
	uint32_t type, len;
	const uint8_t *bytes;
};

/**
 * Copies @packet with SEI messages in front of its first slice.
 * @return what to free(); its length in @len
 */
uint8_t *stub_packet_with_sei(bool hevc, const uint8_t *packet, size_t *len,
			      const struct stub_sei *sei, unsigned int count);

#endif
