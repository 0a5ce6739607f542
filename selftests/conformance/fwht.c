// SPDX-License-Identifier: MIT
/*
 * FWHT packets through vicodec's decoder node: no library decodes them. One
 * packet goes in at a time, and one picture comes out.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/engines/v4l2/format.h"
#include "conformance.h"

#define NODES 64
#define PICTURES 4

struct queue {
	uint32_t type;
	unsigned int count;
	uint8_t *map[8];
	size_t len[8];
};

struct decoder {
	struct conf_stream *s;
	int fd;
	bool mplane;
	struct queue in, out;	/* packets, pictures: OUTPUT and CAPTURE in V4L2's words */
	struct m2m_fmt picture;
};

static bool has_format(int fd, uint32_t type, uint32_t wanted)
{
	uint32_t found;

	for (uint32_t i = 0; (found = m2m_enum_fmt(fd, type, i)); i++)
		if (found == wanted)
			return true;
	return false;
}

static bool find_decoder(struct decoder *d)
{
	for (unsigned int i = 0; i < NODES; i++) {
		struct v4l2_capability c = { 0 };
		char path[32];

		snprintf(path, sizeof(path), "/dev/video%u", i);
		d->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (d->fd < 0)
			continue;
		if (!m2m_ioctl(d->fd, VIDIOC_QUERYCAP, &c)) {
			d->mplane = c.device_caps & V4L2_CAP_VIDEO_M2M_MPLANE;
			if (has_format(d->fd, m2m_out_type(d->mplane), V4L2_PIX_FMT_FWHT))
				return true;
		}
		close(d->fd);
	}
	return false;
}

static void buffer_init(const struct decoder *d, const struct queue *q, struct v4l2_buffer *b,
			struct v4l2_plane *plane)
{
	memset(plane, 0, sizeof(*plane));
	*b = (struct v4l2_buffer){ .type = q->type, .memory = V4L2_MEMORY_MMAP };
	if (d->mplane) {
		b->length = 1;
		b->m.planes = plane;
	}
}

static int queue_make(struct decoder *d, struct queue *q, unsigned int count)
{
	struct v4l2_requestbuffers r = {
		.count = count, .type = q->type, .memory = V4L2_MEMORY_MMAP,
	};
	int ret = m2m_ioctl(d->fd, VIDIOC_REQBUFS, &r);

	if (ret || r.count > 8)
		return ret ? ret : -E2BIG;
	for (q->count = 0; q->count < r.count; q->count++) {
		struct v4l2_plane plane;
		struct v4l2_buffer b;
		void *at;

		buffer_init(d, q, &b, &plane);
		b.index = q->count;
		ret = m2m_ioctl(d->fd, VIDIOC_QUERYBUF, &b);
		if (ret)
			return ret;
		q->len[q->count] = d->mplane ? plane.length : b.length;
		at = mmap(NULL, q->len[q->count], PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
			  d->mplane ? plane.m.mem_offset : b.m.offset);
		if (at == MAP_FAILED)
			return -errno;
		q->map[q->count] = at;
	}
	return 0;
}

static int queue_put(struct decoder *d, struct queue *q, unsigned int index, uint32_t bytes)
{
	struct v4l2_plane plane;
	struct v4l2_buffer b;

	buffer_init(d, q, &b, &plane);
	b.index = index;
	b.field = V4L2_FIELD_NONE;
	if (d->mplane)
		plane.bytesused = bytes;
	else
		b.bytesused = bytes;
	return m2m_ioctl(d->fd, VIDIOC_QBUF, &b);
}

/* The index of a buffer that is done; -ETIMEDOUT, -EIO: an error in it. */
static int queue_take(struct decoder *d, struct queue *q)
{
	struct pollfd fds = { .fd = d->fd, .events = POLLIN | POLLOUT };
	struct v4l2_plane plane;
	struct v4l2_buffer b;
	int ret;

	for (unsigned int tries = 0; tries < 200; tries++) {
		buffer_init(d, q, &b, &plane);
		ret = m2m_ioctl(d->fd, VIDIOC_DQBUF, &b);
		if (!ret)
			return b.flags & V4L2_BUF_FLAG_ERROR ? -EIO : (int)b.index;
		if (ret != -EAGAIN)
			return ret;
		fds.events = q == &d->in ? POLLOUT : POLLIN;
		poll(&fds, 1, 50);
	}
	return -ETIMEDOUT;
}

static int queue_on(struct decoder *d, const struct queue *q)
{
	int type = (int)q->type;

	return m2m_ioctl(d->fd, VIDIOC_STREAMON, &type);
}

/* ---- pictures ---- */

/* Sum of squared differences to plane @p (0 luma, 1 Cb, 2 Cr) of picture @n. */
static double plane_error(const struct decoder *d, const uint8_t *at, unsigned int p,
			  unsigned int n)
{
	const struct hvcal_codec_config *c = &d->s->config;
	bool nv12 = c->format == HVCAL_FORMAT_NV12;
	size_t luma = (size_t)d->picture.stride * d->picture.height;
	unsigned int step = p && nv12 ? 2 : 1, stride = d->picture.stride >> (p && !nv12);
	unsigned int w = p ? c->width / 2 : c->width, h = p ? c->height / 2 : c->height;
	double sum = 0;

	if (p)
		at += luma + (p == 2) * (nv12 ? 1 : luma / 4);
	for (unsigned int y = 0; y < h; y++)
		for (unsigned int x = 0; x < w; x++) {
			double e = at[(size_t)y * stride + (size_t)x * step] -
				   (double)conf_sample(p, x, y, n);

			sum += e * e;
		}
	return sum;
}

static void compare(const struct decoder *d, const struct conf_frame *f, const uint8_t *at,
		    double min_psnr, struct conf_picture *pictures)
{
	const struct hvcal_codec_config *c = &d->s->config;
	double pixels = (double)c->width * c->height;
	double luma = plane_error(d, at, 0, f->number);
	double chroma = plane_error(d, at, 1, f->number) + plane_error(d, at, 2, f->number);
	struct conf_picture pic = {
		.there = true, .width = c->width, .height = c->height,
		.exact = luma + chroma == 0,
		.psnr = luma > 0 ? 10 * log10(255.0 * 255 * pixels / luma) : 100,
	};

	CHECK(d->s->c, pic.psnr >= min_psnr, "frame %u decodes with %.1f dB, %.1f expected",
	      f->number, pic.psnr, min_psnr);
	CHECK(d->s->c, chroma / (pixels / 2) < 400, "frame %u has wrong colours", f->number);
	if (pictures)
		pictures[f->number] = pic;
}

/* ---- decoding ---- */

static int start_pictures(struct decoder *d)
{
	const struct hvcal_codec_config *c = &d->s->config;
	int ret;

	d->picture = (struct m2m_fmt){
		.pixelformat = m2m_raw_format(c->format), .width = c->width, .height = c->height,
	};
	ret = m2m_set_fmt(d->fd, d->out.type, &d->picture);
	if (!ret && d->picture.pixelformat != m2m_raw_format(c->format))
		ret = -EINVAL;
	if (!ret)
		ret = queue_make(d, &d->out, PICTURES);
	for (unsigned int i = 0; i < d->out.count && !ret; i++)
		ret = queue_put(d, &d->out, i, 0);
	return ret ? ret : queue_on(d, &d->out);
}

static int decode_one(struct decoder *d, const struct conf_frame *f, double min_psnr,
		      struct conf_picture *pictures)
{
	int ret;

	if (f->result.bytes > d->in.len[0])
		return -E2BIG;
	memcpy(d->in.map[0], f->packet, f->result.bytes);
	ret = queue_put(d, &d->in, 0, (uint32_t)f->result.bytes);
	/* only the first packet tells the node what pictures there will be */
	if (!ret && !d->out.count)
		ret = start_pictures(d);
	if (ret)
		return ret;
	ret = queue_take(d, &d->out);
	if (ret < 0)
		return ret;
	compare(d, f, d->out.map[ret], min_psnr, pictures);
	ret = queue_put(d, &d->out, (unsigned int)ret, 0);
	if (ret)
		return ret;
	ret = queue_take(d, &d->in);
	return ret < 0 ? ret : 0;
}

static int start(struct decoder *d)
{
	struct m2m_fmt f = {
		.pixelformat = V4L2_PIX_FMT_FWHT,
		.width = d->s->config.width, .height = d->s->config.height,
	};
	int ret;

	d->in.type = m2m_out_type(d->mplane);
	d->out.type = m2m_cap_type(d->mplane);
	ret = m2m_set_fmt(d->fd, d->in.type, &f);
	if (!ret)
		ret = queue_make(d, &d->in, 1);
	return ret ? ret : queue_on(d, &d->in);
}

static void queue_free(struct queue *q)
{
	for (unsigned int i = 0; i < q->count; i++)
		munmap(q->map[i], q->len[i]);
}

void conf_decode_fwht(struct conf_stream *s, unsigned int first, double min_psnr,
		      struct conf_picture *pictures)
{
	struct decoder d = { .s = s };
	struct conf_frame *f;
	int ret;

	CHECK(s->c, find_decoder(&d), "there is no decoder node for FWHT");
	ret = start(&d);
	for (unsigned int i = first; !ret && !conf_failed(s->c) && (f = conf_by_order(s, i)); i++)
		if (f->packet)
			ret = decode_one(&d, f, min_psnr, pictures);
	if (ret)
		conf_fail(s->c, "the decoder node: %s", strerror(-ret));
	queue_free(&d.in);
	queue_free(&d.out);
	close(d.fd);
}
