/* SPDX-License-Identifier: MIT */
/* Codecs and formats by both names, and what the parts of the engine share. */
#ifndef HVCAL_ENGINES_V4L2_FORMAT_H
#define HVCAL_ENGINES_V4L2_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/videodev2.h>

#include "m2m.h"

#ifndef V4L2_PIX_FMT_AV1
#define V4L2_PIX_FMT_AV1 v4l2_fourcc('A', 'V', '0', '1')
#endif

/** ioctl(2) that is not interrupted; 0 or a negative errno. */
int m2m_ioctl(int fd, unsigned long request, void *arg);

/** V4L2's name for HVCAL_CODEC_*; 0: none. */
uint32_t m2m_coded_format(uint32_t codec);
/** V4L2's name for HVCAL_FORMAT_*; 0: none. */
uint32_t m2m_raw_format(uint32_t format);
/** And the other way round; 0: not known. */
uint32_t m2m_codec(uint32_t coded);
uint32_t m2m_format(uint32_t raw);

/** Type of the queue, as the node's API calls it. */
uint32_t m2m_out_type(bool mplane);
uint32_t m2m_cap_type(bool mplane);

/** A format as both APIs have it, of frames in one piece of memory. */
struct m2m_fmt {
	uint32_t pixelformat, width, height, stride, size;
};

/** Sets the format of a queue; @f receives what came of it. */
int m2m_set_fmt(int fd, uint32_t type, struct m2m_fmt *f);

/** Pixel format @index of a queue, 0: there are no more. */
uint32_t m2m_enum_fmt(int fd, uint32_t type, uint32_t index);

/** Sets every control that the configuration speaks of, before the start. */
int m2m_set_controls(struct m2m *m);

#endif
