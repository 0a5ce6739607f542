// SPDX-License-Identifier: MIT
/* Controls: rates, QPs, key frames, as far as the node has them. */
#include <errno.h>

#include "format.h"

#define DEFAULT_QP 26

static bool query(int fd, uint32_t id, struct v4l2_queryctrl *q)
{
	*q = (struct v4l2_queryctrl){ .id = id };
	return !m2m_ioctl(fd, VIDIOC_QUERYCTRL, q) && !(q->flags & V4L2_CTRL_FLAG_DISABLED);
}

/* As near to @value as the control goes. -EINVAL: the node has no such control. */
static int set(int fd, uint32_t id, int64_t value)
{
	struct v4l2_control c = { .id = id };
	struct v4l2_queryctrl q;

	if (!query(fd, id, &q))
		return -EINVAL;
	c.value = (int32_t)(value < q.minimum ? q.minimum : value > q.maximum ? q.maximum : value);
	return m2m_ioctl(fd, VIDIOC_S_CTRL, &c);
}

bool m2m_has_bitrate(int fd)
{
	struct v4l2_queryctrl q;

	return query(fd, V4L2_CID_MPEG_VIDEO_BITRATE, &q);
}

int m2m_force_key(struct m2m *m)
{
	struct v4l2_queryctrl q;

	/* a button: its range says nothing */
	if (!query(m->fd, V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME, &q))
		return -EOPNOTSUPP;
	return m2m_ioctl(m->fd, VIDIOC_S_CTRL,
			 &(struct v4l2_control){ .id = V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME,
						 .value = 1 });
}

/* Controls of QPs: of key frames, of others, lowest, highest. */
static const struct qp_controls {
	uint32_t codec, i, p, min, max;
} qp_controls[] = {
	{ HVCAL_CODEC_H264, V4L2_CID_MPEG_VIDEO_H264_I_FRAME_QP,
	  V4L2_CID_MPEG_VIDEO_H264_P_FRAME_QP, V4L2_CID_MPEG_VIDEO_H264_MIN_QP,
	  V4L2_CID_MPEG_VIDEO_H264_MAX_QP },
	{ HVCAL_CODEC_HEVC, V4L2_CID_MPEG_VIDEO_HEVC_I_FRAME_QP,
	  V4L2_CID_MPEG_VIDEO_HEVC_P_FRAME_QP, V4L2_CID_MPEG_VIDEO_HEVC_MIN_QP,
	  V4L2_CID_MPEG_VIDEO_HEVC_MAX_QP },
	{ HVCAL_CODEC_VP9, V4L2_CID_MPEG_VIDEO_VPX_I_FRAME_QP,
	  V4L2_CID_MPEG_VIDEO_VPX_P_FRAME_QP, V4L2_CID_MPEG_VIDEO_VPX_MIN_QP,
	  V4L2_CID_MPEG_VIDEO_VPX_MAX_QP },
	{ HVCAL_CODEC_NULL, V4L2_CID_FWHT_I_FRAME_QP, V4L2_CID_FWHT_P_FRAME_QP, 0, 0 },
};

static const struct qp_controls *qp_controls_of(uint32_t codec)
{
	for (size_t i = 0; i < sizeof(qp_controls) / sizeof(qp_controls[0]); i++)
		if (qp_controls[i].codec == codec)
			return &qp_controls[i];
	return NULL;
}

static int set_qps(int fd, const struct hvcal_codec_config *c)
{
	const struct qp_controls *q = qp_controls_of(c->codec);
	uint32_t qp = c->qp ? c->qp : DEFAULT_QP;
	int ret;

	if (!q)
		return -EINVAL;
	ret = set(fd, q->i, qp);
	return ret ? ret : set(fd, q->p, qp);
}

static void set_qp_limits(int fd, const struct hvcal_codec_config *c)
{
	const struct qp_controls *q = qp_controls_of(c->codec);

	if (q && q->min && c->qp_min)
		set(fd, q->min, c->qp_min);
	if (q && q->max && c->qp_max)
		set(fd, q->max, c->qp_max);
}

static int set_bitrate(int fd, const struct hvcal_codec_config *c)
{
	uint64_t max = c->max_bitrate > c->bitrate ? c->max_bitrate : c->bitrate;
	int ret = set(fd, V4L2_CID_MPEG_VIDEO_BITRATE, (int64_t)c->bitrate);

	if (ret)
		return ret;
	if (c->rc_mode == HVCAL_RC_VBR)
		set(fd, V4L2_CID_MPEG_VIDEO_BITRATE_PEAK, (int64_t)max);
	if (c->vbv_ms) /* in units of 1000 bytes */
		set(fd, V4L2_CID_MPEG_VIDEO_VBV_SIZE, (int64_t)(max * c->vbv_ms / 8000000));
	return 0;
}

int m2m_set_rates(struct m2m *m, const struct hvcal_codec_config *c)
{
	switch (c->rc_mode) {
	case HVCAL_RC_CQP:
		return set_qps(m->fd, c);
	case HVCAL_RC_CBR:
	case HVCAL_RC_VBR:
		return set_bitrate(m->fd, c);
	case HVCAL_RC_ICQ: /* 1 best .. 51 worst becomes 100 best .. 1 worst */
		return set(m->fd, V4L2_CID_MPEG_VIDEO_CONSTANT_QUALITY,
			   100 - (int64_t)(c->quality ? c->quality - 1 : 22) * 99 / 50);
	default:
		return 0;
	}
}

/* Which of them the node obeys; drivers lack one or the other of these. */
static int set_mode(int fd, const struct hvcal_codec_config *c)
{
	switch (c->rc_mode) {
	case HVCAL_RC_CQP:
		set(fd, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, 0);
		return 0;
	case HVCAL_RC_CBR:
	case HVCAL_RC_VBR:
		set(fd, V4L2_CID_MPEG_VIDEO_FRAME_RC_ENABLE, 1);
		set(fd, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, c->rc_mode == HVCAL_RC_CBR ?
		    V4L2_MPEG_VIDEO_BITRATE_MODE_CBR : V4L2_MPEG_VIDEO_BITRATE_MODE_VBR);
		return 0;
	case HVCAL_RC_ICQ:
		return set(fd, V4L2_CID_MPEG_VIDEO_BITRATE_MODE, V4L2_MPEG_VIDEO_BITRATE_MODE_CQ);
	default:
		return 0;
	}
}

static int h264_profile(uint32_t profile)
{
	switch (profile) {
	case HVCAL_PROFILE_H264_BASELINE:
		return V4L2_MPEG_VIDEO_H264_PROFILE_CONSTRAINED_BASELINE;
	case HVCAL_PROFILE_H264_MAIN:
		return V4L2_MPEG_VIDEO_H264_PROFILE_MAIN;
	default:
		return V4L2_MPEG_VIDEO_H264_PROFILE_HIGH;
	}
}

int m2m_set_controls(struct m2m *m)
{
	const struct hvcal_codec_config *c = &m->config;
	int fd = m->fd, ret;

	ret = set_mode(fd, c);
	if (!ret)
		ret = m2m_set_rates(m, c);
	if (ret)
		return ret;
	set_qp_limits(fd, c);
	/* 0, only on demand: as far apart as the node can */
	set(fd, V4L2_CID_MPEG_VIDEO_GOP_SIZE, c->gop ? c->gop : INT32_MAX);
	if (c->codec == HVCAL_CODEC_H264) {
		set(fd, V4L2_CID_MPEG_VIDEO_H264_I_PERIOD, c->gop ? c->gop : INT32_MAX);
		if (c->profile)
			set(fd, V4L2_CID_MPEG_VIDEO_H264_PROFILE, h264_profile(c->profile));
	}
	/* packets leave in the order of frames, and key frames stand alone */
	set(fd, V4L2_CID_MPEG_VIDEO_B_FRAMES, 0);
	set(fd, V4L2_CID_MPEG_VIDEO_HEADER_MODE,
	    V4L2_MPEG_VIDEO_HEADER_MODE_JOINED_WITH_1ST_FRAME);
	set(fd, V4L2_CID_MPEG_VIDEO_REPEAT_SEQ_HEADER, 1);
	set(fd, V4L2_CID_MPEG_VIDEO_PREPEND_SPSPPS_TO_IDR, 1);
	return 0;
}
