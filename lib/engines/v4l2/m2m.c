// SPDX-License-Identifier: MIT
/* The two queues of an open node. */
#include "m2m.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../soft.h"
#include "format.h"

#define BUFFERS 4
/* The header of an FWHT frame: two words of magic, and its flags. */
#define FWHT_MAGIC "\x4f\x4f\x4f\x4f\xff\xff\xff\xff"
#define FWHT_FLAGS_AT 20

/* ---- formats ---- */

static void set_layout(struct m2m *m, const struct m2m_fmt *f)
{
	const struct hvcal_codec_config *c = &m->config;
	struct m2m_layout *l = &m->layout;
	bool i420 = c->format == HVCAL_FORMAT_I420;
	uint32_t bytes = c->format == HVCAL_FORMAT_P010 ? 2 : 1;

	*l = (struct m2m_layout){ .planes = i420 ? 3 : 2, .size = f->size };
	for (uint32_t p = 0; p < l->planes; p++) {
		uint32_t rows = p ? f->height / 2 : f->height;

		l->stride[p] = p && i420 ? f->stride / 2 : f->stride;
		l->row_bytes[p] = bytes * (p && i420 ? c->width / 2 : c->width);
		l->rows[p] = p ? c->height / 2 : c->height;
		if (p + 1 < l->planes)
			l->offset[p + 1] = l->offset[p] + (uint64_t)l->stride[p] * rows;
	}
}

/* The picture may be smaller than the blocks that the encoder works in. */
static int set_crop(struct m2m *m, const struct m2m_fmt *f)
{
	struct v4l2_selection s = {
		.type = V4L2_BUF_TYPE_VIDEO_OUTPUT, /* of both APIs */
		.target = V4L2_SEL_TGT_CROP,
		.r = { .width = m->config.width, .height = m->config.height },
	};
	int ret = m2m_ioctl(m->fd, VIDIOC_S_SELECTION, &s);

	if (f->width == m->config.width && f->height == m->config.height)
		return 0;
	return ret || s.r.width != m->config.width || s.r.height != m->config.height ?
	       -EINVAL : 0;
}

/* @stride: bytes that would suit the frames, 0 any. */
static int set_formats(struct m2m *m, uint32_t stride)
{
	const struct hvcal_codec_config *c = &m->config;
	struct m2m_fmt coded = {
		.pixelformat = m->coded, .width = c->width, .height = c->height,
		/* a frame that is larger coded than raw is none */
		.size = c->width * c->height * (c->format == HVCAL_FORMAT_P010 ? 3 : 2),
	};
	struct m2m_fmt raw = {
		.pixelformat = m->raw, .width = c->width, .height = c->height, .stride = stride,
	};
	int ret = m2m_set_fmt(m->fd, m2m_cap_type(m->mplane), &coded);

	if (!ret)
		ret = m2m_set_fmt(m->fd, m2m_out_type(m->mplane), &raw);
	if (ret || coded.pixelformat != m->coded || raw.pixelformat != m->raw ||
	    raw.width < c->width || raw.height < c->height || !raw.stride)
		return -EINVAL;
	set_layout(m, &raw);
	return set_crop(m, &raw);
}

static void set_rate(struct m2m *m)
{
	struct v4l2_streamparm p = {
		.type = m2m_out_type(m->mplane),
		.parm.output.timeperframe = { m->config.fps_den, m->config.fps_num },
	};

	/* who has no rates needs none */
	m2m_ioctl(m->fd, VIDIOC_S_PARM, &p);
}

int m2m_open(struct m2m *m, const struct m2m_node *node,
	     const struct hvcal_codec_config *config)
{
	int ret;

	*m = (struct m2m){
		.mplane = node->mplane, .config = *config,
		.raw = m2m_raw_format(config->format), .coded = m2m_coded_format(config->codec),
	};
	m->fd = open(node->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (m->fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	ret = set_formats(m, 0);
	if (!ret)
		ret = m2m_set_controls(m);
	if (ret)
		m2m_close(m);
	else
		set_rate(m);
	return ret;
}

/* ---- buffers ---- */

/* struct v4l2_buffer and its one plane, for either API. */
struct buffer {
	struct v4l2_buffer b;
	struct v4l2_plane plane;
};

static void buffer_init(const struct m2m *m, struct buffer *x, uint32_t type, uint32_t memory)
{
	*x = (struct buffer){ .b = { .type = type, .memory = memory } };
	if (m->mplane) {
		x->b.length = 1;
		x->b.m.planes = &x->plane;
	}
}

static uint32_t frame_memory(const struct m2m *m)
{
	return m->dmabuf ? V4L2_MEMORY_DMABUF : V4L2_MEMORY_MMAP;
}

static int request(struct m2m *m, uint32_t type, uint32_t memory, unsigned int *count)
{
	struct v4l2_requestbuffers r = { .count = BUFFERS, .type = type, .memory = memory };
	int ret = m2m_ioctl(m->fd, VIDIOC_REQBUFS, &r);

	if (ret)
		return ret;
	*count = r.count < M2M_SLOTS ? r.count : M2M_SLOTS;
	return r.count ? 0 : -ENOMEM;
}

static int map(struct m2m *m, uint32_t type, struct m2m_slot *slots, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct buffer x;
		size_t len;
		void *at;
		int ret;

		buffer_init(m, &x, type, V4L2_MEMORY_MMAP);
		x.b.index = i;
		ret = m2m_ioctl(m->fd, VIDIOC_QUERYBUF, &x.b);
		if (ret)
			return ret;
		len = m->mplane ? x.plane.length : x.b.length;
		at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd,
			  m->mplane ? x.plane.m.mem_offset : x.b.m.offset);
		if (at == MAP_FAILED)
			return -errno;
		slots[i].map = at;
		slots[i].len = len;
	}
	return 0;
}

static int stream_on(struct m2m *m)
{
	int out = (int)m2m_out_type(m->mplane), cap = (int)m2m_cap_type(m->mplane);
	int ret = m2m_ioctl(m->fd, VIDIOC_STREAMON, &out);

	if (!ret)
		ret = m2m_ioctl(m->fd, VIDIOC_STREAMON, &cap);
	m->streaming = !ret;
	return ret;
}

int m2m_start(struct m2m *m, const struct hvcal_engine_buffer *like, bool copy)
{
	int ret = 0;

	if (!copy && like->layout.stride[0] != m->layout.stride[0])
		ret = set_formats(m, like->layout.stride[0]);
	if (ret)
		return ret;
	m->dmabuf = !copy && m2m_importable(m, like);
	ret = request(m, m2m_out_type(m->mplane), frame_memory(m), &m->nout);
	if (!ret && !m->dmabuf)
		ret = map(m, m2m_out_type(m->mplane), m->out, m->nout);
	if (!ret)
		ret = request(m, m2m_cap_type(m->mplane), V4L2_MEMORY_MMAP, &m->ncap);
	if (!ret)
		ret = map(m, m2m_cap_type(m->mplane), m->cap, m->ncap);
	for (unsigned int i = 0; i < m->ncap && !ret; i++)
		ret = m2m_give_packet(m, i);
	return ret ? ret : stream_on(m);
}

void m2m_close(struct m2m *m)
{
	int out = (int)m2m_out_type(m->mplane), cap = (int)m2m_cap_type(m->mplane);

	if (m->fd < 0)
		return;
	m2m_ioctl(m->fd, VIDIOC_STREAMOFF, &out);
	m2m_ioctl(m->fd, VIDIOC_STREAMOFF, &cap);
	for (unsigned int i = 0; i < M2M_SLOTS; i++) {
		if (m->out[i].map)
			munmap(m->out[i].map, m->out[i].len);
		if (m->cap[i].map)
			munmap(m->cap[i].map, m->cap[i].len);
	}
	close(m->fd);
	memset(m->out, 0, sizeof(m->out));
	memset(m->cap, 0, sizeof(m->cap));
	m->nout = m->ncap = 0;
	m->streaming = false;
	m->fd = -1;
}

/* ---- frames ---- */

bool m2m_frame_valid(const struct m2m *m, const struct hvcal_engine_buffer *frame)
{
	const struct hvcal_frame_layout *l = &frame->layout;

	if (l->format != m->config.format || l->modifier || l->planes != m->layout.planes ||
	    l->width < m->config.width || l->height < m->config.height)
		return false;
	for (uint32_t p = 0; p < l->planes; p++)
		if (!hvcal_soft_plane_fits(frame, p, m->layout.row_bytes[p], m->layout.rows[p]))
			return false;
	return true;
}

bool m2m_importable(const struct m2m *m, const struct hvcal_engine_buffer *frame)
{
	const struct hvcal_frame_layout *l = &frame->layout;
	uint32_t fd = l->fd_index[0];

	if (fd >= HVCAL_MAX_PLANES || frame->fd[fd] < 0 || frame->len[fd] < m->layout.size)
		return false;
	for (uint32_t p = 0; p < m->layout.planes; p++)
		if (l->fd_index[p] != fd || l->offset[p] != m->layout.offset[p] ||
		    l->stride[p] != m->layout.stride[p])
			return false;
	return true;
}

int m2m_slot_free(const struct m2m *m, const struct hvcal_engine_buffer *frame)
{
	int found = -1;

	for (unsigned int i = 0; i < m->nout; i++) {
		if (m->out[i].queued)
			continue;
		if (m->out[i].last == frame)
			return (int)i;
		if (found < 0)
			found = (int)i;
	}
	return found;
}

static uint64_t copy_frame(struct m2m *m, const struct m2m_slot *slot,
			   const struct hvcal_engine_buffer *frame)
{
	const struct hvcal_frame_layout *l = &frame->layout;
	uint64_t copied = 0;

	for (uint32_t p = 0; p < m->layout.planes; p++) {
		const char *from = (const char *)frame->map[l->fd_index[p]] + l->offset[p];
		char *to = (char *)slot->map + m->layout.offset[p];

		for (uint32_t y = 0; y < m->layout.rows[p]; y++)
			memcpy(to + (size_t)y * m->layout.stride[p],
			       from + (size_t)y * l->stride[p], m->layout.row_bytes[p]);
		copied += (uint64_t)m->layout.rows[p] * m->layout.row_bytes[p];
	}
	return copied;
}

int m2m_put_frame(struct m2m *m, unsigned int slot, const struct hvcal_engine_buffer *frame,
		  uint64_t stamp, uint64_t *copied)
{
	int fd = frame->fd[frame->layout.fd_index[0]], ret;
	struct buffer x;

	*copied = m->dmabuf ? 0 : copy_frame(m, &m->out[slot], frame);
	buffer_init(m, &x, m2m_out_type(m->mplane), frame_memory(m));
	x.b.index = slot;
	x.b.field = V4L2_FIELD_NONE;
	/* the node copies it to the packet: that ties them together */
	x.b.timestamp.tv_sec = (time_t)(stamp / 1000000);
	x.b.timestamp.tv_usec = (suseconds_t)(stamp % 1000000);
	x.b.flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	if (m->mplane) {
		x.plane.bytesused = m->layout.size;
		x.plane.length = m->layout.size;
		if (m->dmabuf)
			x.plane.m.fd = fd;
	} else {
		x.b.bytesused = m->layout.size;
		x.b.length = m->layout.size;
		if (m->dmabuf)
			x.b.m.fd = fd;
	}
	ret = m2m_ioctl(m->fd, VIDIOC_QBUF, &x.b);
	if (ret)
		return ret;
	m->out[slot].queued = true;
	m->out[slot].last = frame;
	return 0;
}

int m2m_take_frame(struct m2m *m, unsigned int *slot, bool *error)
{
	struct buffer x;
	int ret;

	buffer_init(m, &x, m2m_out_type(m->mplane), frame_memory(m));
	ret = m2m_ioctl(m->fd, VIDIOC_DQBUF, &x.b);
	if (ret)
		return ret;
	if (x.b.index >= m->nout)
		return -EIO;
	m->out[x.b.index].queued = false;
	*slot = x.b.index;
	*error = x.b.flags & V4L2_BUF_FLAG_ERROR;
	return 0;
}

/* ---- packets ---- */

/* vicodec does not flag its key frames: they say so themselves. */
static bool fwht_key(const void *data, size_t bytes)
{
	uint32_t flags;

	if (bytes < FWHT_FLAGS_AT + sizeof(flags) ||
	    memcmp(data, FWHT_MAGIC, sizeof(FWHT_MAGIC) - 1) != 0)
		return false;
	memcpy(&flags, (const char *)data + FWHT_FLAGS_AT, sizeof(flags));
	return ntohl(flags) & V4L2_FWHT_FL_I_FRAME;
}

int m2m_take_packet(struct m2m *m, struct m2m_packet *p)
{
	uint32_t used, start = 0;
	struct buffer x;
	int ret;

	buffer_init(m, &x, m2m_cap_type(m->mplane), V4L2_MEMORY_MMAP);
	ret = m2m_ioctl(m->fd, VIDIOC_DQBUF, &x.b);
	if (ret)
		return ret;
	if (x.b.index >= m->ncap)
		return -EIO;
	used = m->mplane ? x.plane.bytesused : x.b.bytesused;
	start = m->mplane ? x.plane.data_offset : 0;
	if (used > m->cap[x.b.index].len || start > used)
		return -EIO;
	*p = (struct m2m_packet){
		.slot = x.b.index,
		.data = (const char *)m->cap[x.b.index].map + start,
		.bytes = used - start,
		.stamp = (uint64_t)x.b.timestamp.tv_sec * 1000000 +
			 (uint64_t)x.b.timestamp.tv_usec,
		.key = x.b.flags & V4L2_BUF_FLAG_KEYFRAME,
		.b = x.b.flags & V4L2_BUF_FLAG_BFRAME,
		.error = x.b.flags & V4L2_BUF_FLAG_ERROR,
		.last = x.b.flags & V4L2_BUF_FLAG_LAST,
	};
	if (m->coded == V4L2_PIX_FMT_FWHT)
		p->key = fwht_key(p->data, p->bytes);
	return 0;
}

int m2m_give_packet(struct m2m *m, unsigned int slot)
{
	struct buffer x;

	buffer_init(m, &x, m2m_cap_type(m->mplane), V4L2_MEMORY_MMAP);
	x.b.index = slot;
	return m2m_ioctl(m->fd, VIDIOC_QBUF, &x.b);
}

int m2m_drain(struct m2m *m)
{
	struct v4l2_encoder_cmd c = { .cmd = V4L2_ENC_CMD_STOP };
	int ret = m2m_ioctl(m->fd, VIDIOC_ENCODER_CMD, &c);

	return ret == -ENOTTY || ret == -EINVAL ? -EOPNOTSUPP : ret;
}

/* The other way to go on; the encoder may begin anew with a key frame. */
static int restart_packets(struct m2m *m)
{
	int cap = (int)m2m_cap_type(m->mplane);
	int ret = m2m_ioctl(m->fd, VIDIOC_STREAMOFF, &cap);

	for (unsigned int i = 0; i < m->ncap && !ret; i++)
		ret = m2m_give_packet(m, i);
	return ret ? ret : m2m_ioctl(m->fd, VIDIOC_STREAMON, &cap);
}

int m2m_resume(struct m2m *m, unsigned int slot)
{
	struct v4l2_encoder_cmd c = { .cmd = V4L2_ENC_CMD_START };
	struct m2m_packet p;
	int ret = m2m_ioctl(m->fd, VIDIOC_ENCODER_CMD, &c);

	if (!ret)
		ret = m2m_give_packet(m, slot);
	if (ret)
		return ret;
	/* vicodec stays at the end of its stream in spite of the command */
	ret = m2m_take_packet(m, &p);
	if (ret == -EPIPE)
		return restart_packets(m);
	return ret == -EAGAIN ? 0 : ret ? ret : -EIO;
}
