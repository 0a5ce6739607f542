// SPDX-License-Identifier: MIT
/* Which nodes there are, and what they encode. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "format.h"

#define CAPS_MAX 16
#define SIDE_MAX 16384

static const struct {
	uint32_t codec, coded;
} codecs[] = {
	{ HVCAL_CODEC_H264, V4L2_PIX_FMT_H264 },
	{ HVCAL_CODEC_HEVC, V4L2_PIX_FMT_HEVC },
	{ HVCAL_CODEC_VP9, V4L2_PIX_FMT_VP9 },
	{ HVCAL_CODEC_AV1, V4L2_PIX_FMT_AV1 },
	{ HVCAL_CODEC_NULL, V4L2_PIX_FMT_FWHT },
};

/* In the order of preference. */
static const struct {
	uint32_t format, raw, depth;
} formats[] = {
	{ HVCAL_FORMAT_NV12, V4L2_PIX_FMT_NV12, 8 },
	{ HVCAL_FORMAT_I420, V4L2_PIX_FMT_YUV420, 8 },
	{ HVCAL_FORMAT_P010, V4L2_PIX_FMT_P010, 10 },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int m2m_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

uint32_t m2m_coded_format(uint32_t codec)
{
	for (size_t i = 0; i < COUNT(codecs); i++)
		if (codecs[i].codec == codec)
			return codecs[i].coded;
	return 0;
}

uint32_t m2m_codec(uint32_t coded)
{
	for (size_t i = 0; i < COUNT(codecs); i++)
		if (codecs[i].coded == coded)
			return codecs[i].codec;
	return 0;
}

uint32_t m2m_raw_format(uint32_t format)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (formats[i].format == format)
			return formats[i].raw;
	return 0;
}

uint32_t m2m_format(uint32_t raw)
{
	for (size_t i = 0; i < COUNT(formats); i++)
		if (formats[i].raw == raw)
			return formats[i].format;
	return 0;
}

uint32_t m2m_out_type(bool mplane)
{
	return mplane ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE : V4L2_BUF_TYPE_VIDEO_OUTPUT;
}

uint32_t m2m_cap_type(bool mplane)
{
	return mplane ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE : V4L2_BUF_TYPE_VIDEO_CAPTURE;
}

int m2m_set_fmt(int fd, uint32_t type, struct m2m_fmt *f)
{
	struct v4l2_format v = { .type = type };
	int ret;

	if (!V4L2_TYPE_IS_MULTIPLANAR(type)) {
		struct v4l2_pix_format *pix = &v.fmt.pix;

		*pix = (struct v4l2_pix_format){
			.pixelformat = f->pixelformat, .width = f->width, .height = f->height,
			.bytesperline = f->stride, .sizeimage = f->size,
			.field = V4L2_FIELD_NONE,
		};
		ret = m2m_ioctl(fd, VIDIOC_S_FMT, &v);
		*f = (struct m2m_fmt){ pix->pixelformat, pix->width, pix->height,
				       pix->bytesperline, pix->sizeimage };
	} else {
		struct v4l2_pix_format_mplane *pix = &v.fmt.pix_mp;

		*pix = (struct v4l2_pix_format_mplane){
			.pixelformat = f->pixelformat, .width = f->width, .height = f->height,
			.num_planes = 1, .field = V4L2_FIELD_NONE,
			.plane_fmt[0] = { .bytesperline = f->stride, .sizeimage = f->size },
		};
		ret = m2m_ioctl(fd, VIDIOC_S_FMT, &v);
		*f = (struct m2m_fmt){ pix->pixelformat, pix->width, pix->height,
				       pix->plane_fmt[0].bytesperline,
				       pix->plane_fmt[0].sizeimage };
		if (!ret && pix->num_planes != 1)
			ret = -EINVAL;
	}
	return ret;
}

uint32_t m2m_enum_fmt(int fd, uint32_t type, uint32_t index)
{
	struct v4l2_fmtdesc d = { .type = type, .index = index };

	return m2m_ioctl(fd, VIDIOC_ENUM_FMT, &d) ? 0 : d.pixelformat;
}

/* ---- looking ---- */

/* Sizes that the encoder says it takes; without a word any: open() will tell. */
static void find_sizes(int fd, uint32_t coded, struct hvcal_engine_cap *cap)
{
	struct v4l2_frmsizeenum e = { .pixel_format = coded };
	uint32_t min_w = SIDE_MAX, min_h = SIDE_MAX, max_w = 0, max_h = 0;

	for (; !m2m_ioctl(fd, VIDIOC_ENUM_FRAMESIZES, &e); e.index++) {
		bool one = e.type == V4L2_FRMSIZE_TYPE_DISCRETE;
		uint32_t w[2] = { one ? e.discrete.width : e.stepwise.min_width,
				  one ? e.discrete.width : e.stepwise.max_width };
		uint32_t h[2] = { one ? e.discrete.height : e.stepwise.min_height,
				  one ? e.discrete.height : e.stepwise.max_height };

		min_w = w[0] < min_w ? w[0] : min_w;
		min_h = h[0] < min_h ? h[0] : min_h;
		max_w = w[1] > max_w ? w[1] : max_w;
		max_h = h[1] > max_h ? h[1] : max_h;
		if (!one)
			break;
	}
	cap->min_width = max_w && min_w ? min_w : 16;
	cap->min_height = max_h && min_h ? min_h : 16;
	cap->max_width = max_w && max_w < SIDE_MAX ? max_w : SIDE_MAX;
	cap->max_height = max_h && max_h < SIDE_MAX ? max_h : SIDE_MAX;
}

static void find_formats(int fd, bool mplane, struct hvcal_engine_cap *cap, uint32_t depth)
{
	uint32_t n = 0, raw;

	memset(cap->formats, 0, sizeof(cap->formats));
	for (size_t i = 0; i < COUNT(formats); i++)
		for (uint32_t k = 0; (raw = m2m_enum_fmt(fd, m2m_out_type(mplane), k)); k++)
			if (raw == formats[i].raw && formats[i].depth == depth)
				cap->formats[n++] = formats[i].format;
	cap->depth_mask = 1U << depth;
}

static bool codes(int fd, bool mplane, uint32_t coded)
{
	uint32_t found;

	for (uint32_t i = 0; (found = m2m_enum_fmt(fd, m2m_cap_type(mplane), i)); i++)
		if (found == coded)
			return true;
	return false;
}

/* The raw formats on offer may depend on the coded one: it is set first. */
static bool find_cap(int fd, bool mplane, size_t codec, struct hvcal_engine_cap *caps,
		     uint32_t *ncaps)
{
	struct m2m_fmt f = { .pixelformat = codecs[codec].coded, .width = 1280, .height = 720 };
	bool any = false;

	if (!codes(fd, mplane, codecs[codec].coded) ||
	    m2m_set_fmt(fd, m2m_cap_type(mplane), &f))
		return false;
	for (uint32_t depth = 8; depth <= 10 && *ncaps < CAPS_MAX; depth += 2) {
		struct hvcal_engine_cap *cap = &caps[*ncaps];

		*cap = (struct hvcal_engine_cap){
			.op = HVCAL_OP_ENCODE,
			.codec = codecs[codec].codec,
			.flags = HVCAL_CAP_FORCE_KEY |
				 (m2m_has_bitrate(fd) ? HVCAL_CAP_RETARGET : 0),
		};
		find_sizes(fd, codecs[codec].coded, cap);
		find_formats(fd, mplane, cap, depth);
		if (cap->formats[0]) {
			(*ncaps)++;
			any = true;
		}
	}
	return any;
}

static enum m2m_found look_at(int fd, bool fwht, struct m2m_node *node,
			      struct hvcal_engine_cap *caps, uint32_t *ncaps)
{
	struct v4l2_capability c = { 0 };
	bool test = false, pieces = false;
	uint32_t have;

	if (m2m_ioctl(fd, VIDIOC_QUERYCAP, &c))
		return M2M_OTHER;
	have = c.capabilities & V4L2_CAP_DEVICE_CAPS ? c.device_caps : c.capabilities;
	if (!(have & V4L2_CAP_STREAMING) ||
	    !(have & (V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE)))
		return M2M_OTHER;
	node->mplane = have & V4L2_CAP_VIDEO_M2M_MPLANE;
	snprintf(node->driver, sizeof(node->driver), "%s", (const char *)c.driver);
	snprintf(node->card, sizeof(node->card), "%s", (const char *)c.card);
	snprintf(node->bus, sizeof(node->bus), "%s", (const char *)c.bus_info);
	for (size_t i = 0; i < COUNT(codecs); i++) {
		bool there = codes(fd, node->mplane, codecs[i].coded);

		if (codecs[i].coded == V4L2_PIX_FMT_FWHT && !fwht)
			test |= there;
		else if (there && !find_cap(fd, node->mplane, i, caps, ncaps))
			pieces = true;
	}
	return *ncaps ? M2M_ENCODER : pieces ? M2M_PIECES : test ? M2M_TEST : M2M_OTHER;
}

enum m2m_found m2m_look(unsigned int number, bool fwht, struct m2m_node *node,
			struct hvcal_engine_cap *caps, uint32_t *ncaps)
{
	enum m2m_found found;
	int fd;

	memset(node, 0, sizeof(*node));
	*ncaps = 0;
	snprintf(node->path, sizeof(node->path), "/dev/video%u", number);
	fd = open(node->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == EACCES || errno == EPERM ? M2M_DENIED :
		       errno == EBUSY ? M2M_OTHER : M2M_ABSENT;
	found = look_at(fd, fwht, node, caps, ncaps);
	close(fd);
	return found;
}
