// SPDX-License-Identifier: MIT
/*
 * Stateful encoders of V4L2, as SoCs have them: one engine for each node.
 *
 * Frames are imported as DMA-BUFs where the node takes their layout, and else
 * copied into its own buffers; packets are copied out of those. A thread of each
 * stream waits for the node. Frames are not reordered.
 *
 * Options:
 *   v4l2.timeout_ms=N   a node that does nothing for so long is stuck  (2000)
 *   v4l2.copy=1         import nothing
 *   v4l2.allow_fwht=1   take nodes of the test codec FWHT (vicodec) as test
 *                       engines for HVCAL_CODEC_NULL
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

#include "../option.h"
#include "../soft.h"
#include "m2m.h"

#define NODES_MAX 256
#define FLIGHT_MAX 16

struct hvcal_engine_ctx {
	const struct hvcal_engine_host *host;
	struct m2m_node node;
	struct hvcal_engine_cap caps[16];
	uint32_t ncaps;
	unsigned long timeout_ms;
	unsigned long copy;
};

/* A frame inside the node. It is finished when the node has let go of its memory
 * and its packet is there. */
struct flight {
	struct hvcal_engine_job *job;
	uint64_t stamp, since_ns;
	unsigned int slot;
	bool read, coded;
	struct hvcal_engine_result result;
};

struct hvcal_engine_stream {
	struct hvcal_engine_ctx *ctx;
	struct hvcal_codec_config config;
	pthread_t thread;
	int stop_fd;

	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t wake;
	struct m2m m;		/* the reader alone closes it while it is busy */
	struct flight flights[FLIGHT_MAX];
	unsigned int first, count;
	bool telling;		/* the host, of the first of them; without the lock */
	uint64_t stamp;
	uint64_t progress_ns;	/* the node did something, or was given its first work */
	uint64_t finished_ns;	/* the last frame */
	bool copy;		/* frames that cannot be imported have come */
	bool want_key;
	bool draining, drained;
	unsigned int last_slot;	/* the buffer that ended the drain */
	bool dirty;		/* frames came since the last drain */
	bool stop;
	bool gone;		/* the device: it does not come back */
};

/* ---- the engine ---- */

/* @seen, @first: nodes of each kind, and the first one of each. */
static void explain(const unsigned int *seen, const struct m2m_node *first, char *reason,
		    size_t len)
{
	if (seen[M2M_PIECES])
		snprintf(reason, len,
			 "%s (%s) takes frames in several pieces of memory only, which is not supported",
			 first[M2M_PIECES].path, first[M2M_PIECES].card);
	else if (seen[M2M_TEST])
		snprintf(reason, len,
			 "%s (%s) codes the test codec FWHT only: v4l2.allow_fwht=1 takes it",
			 first[M2M_TEST].path, first[M2M_TEST].card);
	else if (seen[M2M_DENIED])
		snprintf(reason, len, "no permission for %s: join the group video",
			 first[M2M_DENIED].path);
	else if (seen[M2M_OTHER])
		snprintf(reason, len, "of %u video nodes none is an encoder",
			 seen[M2M_OTHER]);
	else
		snprintf(reason, len,
			 "there is no /dev/video*: no driver is loaded, or none was passed in here");
}

/* Fills node and capabilities of encoder number @index. */
static int find(struct hvcal_engine_ctx *c, unsigned int index, bool fwht, char *reason, size_t len)
{
	unsigned int seen[M2M_TEST + 1] = { 0 };
	struct m2m_node first[M2M_TEST + 1];

	for (unsigned int i = 0; i < NODES_MAX; i++) {
		enum m2m_found found = m2m_look(i, fwht, &c->node, c->caps, &c->ncaps);

		if (found == M2M_ENCODER && seen[found] == index)
			return 0;
		if (!seen[found]++)
			first[found] = c->node;
	}
	if (index || seen[M2M_ENCODER])
		return -ENOENT;
	explain(seen, first, reason, len);
	return seen[M2M_DENIED] ? -EACCES : -ENODEV;
}

static void describe(const struct hvcal_engine_ctx *c, struct hvcal_engine_desc *desc)
{
	bool test = c->caps[0].codec == HVCAL_CODEC_NULL;

	*desc = (struct hvcal_engine_desc){
		.kind = test ? HVCAL_ENGINE_TEST : HVCAL_ENGINE_HARDWARE,
		.flags = HVCAL_ENGINE_MAP_SOURCE | HVCAL_ENGINE_MAP_TARGET,
		.numa_node = -1,
		/* the kernel hands the node one frame after another */
		.slots = 1,
		.session_depth = 3,
		.ncaps = c->ncaps,
	};
	snprintf(desc->name, sizeof(desc->name), "v4l2-%s", c->node.path + strlen("/dev/"));
	if (!strncmp(c->node.bus, "PCI:", 4))
		snprintf(desc->slot, sizeof(desc->slot), "%s", c->node.bus + 4);
	memcpy(desc->caps, c->caps, sizeof(desc->caps));
}

static int engine_create(const struct hvcal_engine_host *host, unsigned int index,
			 struct hvcal_engine_desc *desc, hvcal_engine_ctx_t **ctx,
			 char *reason, size_t reason_len)
{
	struct hvcal_engine_ctx *c = calloc(1, sizeof(*c));
	unsigned long fwht = 0;
	char line[160];
	int ret;

	if (!c)
		return -ENOMEM;
	c->host = host;
	c->timeout_ms = 2000;
	ret = hvcal_option_number(host, "v4l2.timeout_ms", 1, 600000, &c->timeout_ms, reason,
				  reason_len);
	if (!ret)
		ret = hvcal_option_number(host, "v4l2.copy", 0, 1, &c->copy, reason, reason_len);
	if (!ret)
		ret = hvcal_option_number(host, "v4l2.allow_fwht", 0, 1, &fwht, reason, reason_len);
	if (ret && index) /* wrong options are an error once */
		ret = -ENOENT;
	if (!ret)
		ret = find(c, index, fwht, reason, reason_len);
	if (ret) {
		free(c);
		return ret;
	}
	describe(c, desc);
	snprintf(line, sizeof(line), "%s: driver %s, %s, %s%s", desc->name, c->node.driver,
		 c->node.card, c->node.bus, c->node.mplane ? ", multi-planar" : "");
	host->log(host->cookie, LOG_INFO, line);
	*ctx = c;
	return 0;
}

static void engine_destroy(hvcal_engine_ctx_t *ctx)
{
	free(ctx);
}

static bool config_possible(const struct hvcal_engine_ctx *ctx, const struct hvcal_codec_config *c)
{
	uint32_t depth = c->bit_depth ? c->bit_depth : 8;
	bool fits = false;

	for (uint32_t i = 0; i < ctx->ncaps; i++) {
		const struct hvcal_engine_cap *cap = &ctx->caps[i];

		if (cap->codec != c->codec || depth > 31 || !(cap->depth_mask >> depth & 1) ||
		    c->width < cap->min_width || c->width > cap->max_width ||
		    c->height < cap->min_height || c->height > cap->max_height)
			continue;
		for (uint32_t f = 0; f < HVCAL_MAX_FORMATS && cap->formats[f]; f++)
			fits |= cap->formats[f] == c->format;
	}
	/* 4:2:0 pictures have even sizes */
	if (!fits || c->width % 2 || c->height % 2 || (c->chroma && c->chroma != 420))
		return false;
	if (c->preset > 9 || c->tune > HVCAL_TUNE_QUALITY || c->rc_mode > HVCAL_RC_ICQ)
		return false;
	if ((c->rc_mode == HVCAL_RC_CBR || c->rc_mode == HVCAL_RC_VBR) &&
	    (c->bitrate < 1000 || c->bitrate > 2000000000))
		return false;
	return c->fps_num && c->fps_den && c->fps_num <= 1000 * (uint64_t)c->fps_den;
}

/* ---- frames that come out; called with the lock held ---- */

static void finish(struct hvcal_engine_stream *s, struct flight *f)
{
	const struct hvcal_engine_host *host = s->ctx->host;
	struct hvcal_engine_result r = f->result;
	struct hvcal_engine_job *job = f->job;
	uint64_t now = hvcal_soft_now_ns();

	/* what it waited behind the frame before it is not its own time */
	r.engine_ns = now - (f->since_ns > s->finished_ns ? f->since_ns : s->finished_ns);
	s->finished_ns = now;
	/* it counts until the host has it: nobody takes it for idle meanwhile */
	s->telling = true;
	pthread_mutex_unlock(&s->lock);
	host->done(host->cookie, job, &r);
	pthread_mutex_lock(&s->lock);
	s->telling = false;
	s->first = (s->first + 1) % FLIGHT_MAX;
	s->count--;
	pthread_cond_broadcast(&s->wake);
}

static void finish_ready(struct hvcal_engine_stream *s)
{
	while (s->count && s->flights[s->first].read && s->flights[s->first].coded)
		finish(s, &s->flights[s->first]);
}

static struct flight *flight_at(struct hvcal_engine_stream *s, unsigned int i)
{
	return &s->flights[(s->first + i) % FLIGHT_MAX];
}

static void fail(struct hvcal_engine_stream *s, struct flight *f, int status)
{
	f->coded = true;
	f->result.status = status;
	f->result.bytes = 0;
	f->result.flags = 0;
	/* what follows must not refer to what nobody gets */
	s->want_key = true;
}

static void frame_read(struct hvcal_engine_stream *s, unsigned int slot, bool error)
{
	for (unsigned int i = 0; i < s->count; i++) {
		struct flight *f = flight_at(s, i);

		if (f->read || f->slot != slot)
			continue;
		f->read = true;
		if (error && !f->coded)
			fail(s, f, -EIO);
		return;
	}
}

static void skip(struct flight *f)
{
	f->coded = true;
	f->result.flags = HVCAL_RESULT_SKIPPED;
}

static void fill(struct hvcal_engine_stream *s, struct flight *f, const struct m2m_packet *p)
{
	struct hvcal_engine_job *job = f->job;

	if (p->error) {
		fail(s, f, -EIO);
	} else if (!p->bytes) {
		skip(f);
	} else if (!hvcal_soft_room(job, p->bytes)) {
		fail(s, f, -ENOBUFS);
	} else {
		memcpy((char *)job->target->map[0] + job->target_offset, p->data, p->bytes);
		f->coded = true;
		f->result.bytes = p->bytes;
		f->result.flags = p->key ? HVCAL_RESULT_KEY : 0;
		f->result.frame.frame_type = p->key ? HVCAL_FRAME_TYPE_KEY :
					     p->b ? HVCAL_FRAME_TYPE_B : HVCAL_FRAME_TYPE_P;
	}
}

static void packet_came(struct hvcal_engine_stream *s, const struct m2m_packet *p)
{
	unsigned int at;

	for (at = 0; at < s->count; at++)
		if (!flight_at(s, at)->coded && flight_at(s, at)->stamp == p->stamp)
			break;
	if (at == s->count)
		return;
	/* in order: what has no packet by now gets none */
	for (unsigned int i = 0; i < at; i++)
		if (!flight_at(s, i)->coded)
			skip(flight_at(s, i));
	fill(s, flight_at(s, at), p);
}

static void drain_ended(struct hvcal_engine_stream *s, unsigned int slot)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (!flight_at(s, i)->coded)
			skip(flight_at(s, i));
	s->drained = true;
	s->last_slot = slot;
}

/* Takes all that the node has. 0; a negative errno: it is broken. */
static int take_all(struct hvcal_engine_stream *s)
{
	struct m2m_packet p;
	unsigned int slot;
	bool error;
	int ret;

	while (!(ret = m2m_take_frame(&s->m, &slot, &error))) {
		s->progress_ns = hvcal_soft_now_ns();
		frame_read(s, slot, error);
	}
	if (ret != -EAGAIN)
		return ret;
	while (!(ret = m2m_take_packet(&s->m, &p))) {
		s->progress_ns = hvcal_soft_now_ns();
		if (p.bytes || !p.last)
			packet_came(s, &p);
		if (p.last)
			drain_ended(s, p.slot);
		else
			ret = m2m_give_packet(&s->m, p.slot);
		if (ret)
			return ret;
	}
	return ret == -EAGAIN || (ret == -EPIPE && s->draining) ? 0 : ret;
}

/* Stops the node, then ends every frame in it: by then nobody reads them. */
static void give_up(struct hvcal_engine_stream *s, int status)
{
	char line[128];

	snprintf(line, sizeof(line), "%s: %s, %u frames lost", s->ctx->node.path,
		 strerror(-status), s->count);
	s->ctx->host->log(s->ctx->host->cookie, LOG_WARNING, line);
	m2m_close(&s->m);
	s->gone |= status == -ENODEV;
	for (unsigned int i = 0; i < s->count; i++) {
		flight_at(s, i)->read = true;
		if (!flight_at(s, i)->coded)
			fail(s, flight_at(s, i), status);
	}
	finish_ready(s);
	pthread_cond_broadcast(&s->wake);
}

/* ---- the reader ---- */

static bool busy(const struct hvcal_engine_stream *s)
{
	return s->m.streaming && (s->count || (s->draining && !s->drained));
}

/* Waits for the node, without the lock. What poll() said. */
static int wait_node(struct hvcal_engine_stream *s, short *events)
{
	struct pollfd fds[2] = {
		{ .fd = s->m.fd, .events = POLLIN | POLLOUT },
		{ .fd = s->stop_fd, .events = POLLIN },
	};
	uint64_t end = s->progress_ns + s->ctx->timeout_ms * 1000000ULL;
	uint64_t now = hvcal_soft_now_ns();
	int ret;

	pthread_mutex_unlock(&s->lock);
	ret = poll(fds, 2, now < end ? (int)((end - now) / 1000000 + 1) : 0);
	pthread_mutex_lock(&s->lock);
	*events = fds[0].revents;
	return ret;
}

static void *reader(void *arg)
{
	struct hvcal_engine_stream *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		short events = 0;
		int ret;

		if (!busy(s)) {
			pthread_cond_wait(&s->wake, &s->lock);
			continue;
		}
		ret = wait_node(s, &events);
		if (s->stop)
			break;
		if (!ret)
			ret = -ETIMEDOUT;
		else
			ret = take_all(s);
		/* nothing to take, and yet an error: it has none of our buffers any more */
		if (!ret && events & (POLLERR | POLLHUP) && !(events & (POLLIN | POLLOUT)))
			ret = events & POLLHUP ? -ENODEV : -EIO;
		if (ret)
			give_up(s, ret);
		finish_ready(s);
		pthread_cond_broadcast(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- streams ---- */

static int stream_open(hvcal_engine_ctx_t *ctx, const struct hvcal_codec_config *config,
		       hvcal_engine_stream_t **stream)
{
	struct hvcal_engine_stream *s;
	int ret;

	if (!config_possible(ctx, config))
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ctx = ctx;
	s->config = *config;
	s->copy = ctx->copy;
	ret = m2m_open(&s->m, &ctx->node, config);
	if (ret)
		goto err_free;
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (s->stop_fd < 0) {
		ret = -errno;
		goto err_close;
	}
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	ret = -pthread_create(&s->thread, NULL, reader, s);
	if (ret)
		goto err_stop;
	*stream = s;
	return 0;

err_stop:
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	close(s->stop_fd);
err_close:
	m2m_close(&s->m);
err_free:
	free(s);
	return ret;
}

/* Until every frame that is inside has come out. */
static int drain(struct hvcal_engine_stream *s)
{
	int ret;

	if (!s->m.streaming)
		return 0;
	ret = m2m_drain(&s->m);
	if (ret && ret != -EOPNOTSUPP)
		return ret;
	s->draining = !ret;
	s->drained = false;
	s->progress_ns = hvcal_soft_now_ns();
	pthread_cond_broadcast(&s->wake);
	while (s->m.streaming && (s->count || (s->draining && !s->drained)))
		pthread_cond_wait(&s->wake, &s->lock);
	s->dirty = false;
	/* if the node was given up meanwhile, the frames have been told */
	ret = s->m.streaming && s->draining ? m2m_resume(&s->m, s->last_slot) : 0;
	s->draining = false;
	return ret;
}

/* Has the node frames? One that the host is just being told of is out. */
static bool holds_frames(struct hvcal_engine_stream *s)
{
	while (s->telling)
		pthread_cond_wait(&s->wake, &s->lock);
	return s->count;
}

/* The next frame begins anew: the reader is idle then, and not in poll(). */
static int start_over(struct hvcal_engine_stream *s)
{
	int ret = holds_frames(s) ? drain(s) : 0;

	if (!ret)
		m2m_close(&s->m);
	return ret;
}

static int make_key(struct hvcal_engine_stream *s)
{
	int ret;

	/* controls take effect on some later frame: on this one, if none is before it */
	ret = holds_frames(s) ? drain(s) : 0;
	if (!ret && s->m.streaming && m2m_force_key(&s->m))
		ret = start_over(s);
	return ret;
}

static int get_ready(struct hvcal_engine_stream *s, const struct hvcal_engine_job *job)
{
	int ret = 0;

	if (s->gone)
		return -ENODEV;
	if (s->m.streaming && s->m.dmabuf && !m2m_importable(&s->m, job->source)) {
		s->copy = true;
		ret = start_over(s);
	}
	if (!ret && s->m.streaming &&
	    (s->want_key || job->params.flags & HVCAL_FRAME_FORCE_KEY))
		ret = make_key(s);
	if (!ret && s->m.fd < 0)
		ret = m2m_open(&s->m, &s->ctx->node, &s->config);
	if (!ret && !s->m.streaming) {
		ret = m2m_start(&s->m, job->source, s->copy);
		if (ret)
			m2m_close(&s->m);
	}
	return ret;
}

/* -EIO: the node was given up while it was waited for. */
static int wait_slot(struct hvcal_engine_stream *s, const struct hvcal_engine_buffer *frame)
{
	int slot;

	while (s->m.streaming) {
		slot = m2m_slot_free(&s->m, frame);
		if (slot >= 0 && s->count < FLIGHT_MAX)
			return slot;
		/* slots that are not free are those of frames that are inside */
		pthread_cond_wait(&s->wake, &s->lock);
	}
	return s->gone ? -ENODEV : -EIO;
}

static int put(struct hvcal_engine_stream *s, struct hvcal_engine_job *job)
{
	struct flight *f;
	uint64_t copied;
	int slot, ret;

	ret = get_ready(s, job);
	if (ret)
		return ret;
	slot = wait_slot(s, job->source);
	if (slot < 0)
		return slot;
	/* never 0, which drivers put where they know no time */
	ret = m2m_put_frame(&s->m, (unsigned int)slot, job->source, ++s->stamp, &copied);
	if (ret)
		return ret;
	f = flight_at(s, s->count);
	*f = (struct flight){
		.job = job,
		.stamp = s->stamp,
		.since_ns = hvcal_soft_now_ns(),
		.slot = (unsigned int)slot,
		.result.frame = {
			.size = sizeof(f->result.frame),
			.pts = job->params.pts,
			.dts = job->params.pts,
			.copied_bytes = copied,
		},
	};
	if (s->config.rc_mode == HVCAL_RC_CBR || s->config.rc_mode == HVCAL_RC_VBR)
		f->result.frame.applied_bitrate = s->config.bitrate;
	if (!s->count++)
		s->progress_ns = f->since_ns;
	s->want_key = false;
	s->dirty = true;
	pthread_cond_broadcast(&s->wake);
	return 0;
}

static int stream_encode(hvcal_engine_stream_t *s, struct hvcal_engine_job *job)
{
	int ret;

	pthread_mutex_lock(&s->lock);
	if (!m2m_frame_valid(&s->m, job->source) || !hvcal_soft_room(job, job->target_size)) {
		ret = -EINVAL;
		goto out;
	}
	ret = put(s, job);
	if (ret && s->m.dmabuf && !s->copy && !s->gone) {
		/* memory that is no DMA-BUF, or that this node cannot reach */
		s->copy = true;
		ret = start_over(s);
		if (!ret)
			ret = put(s, job);
	}
out:
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static int stream_reconfigure(hvcal_engine_stream_t *s, const struct hvcal_codec_config *config)
{
	int ret = 0;

	if (!config_possible(s->ctx, config))
		return -EINVAL;
	if (!hvcal_soft_same_picture(&s->config, config))
		return -EOPNOTSUPP;
	pthread_mutex_lock(&s->lock);
	if (holds_frames(s))
		ret = drain(s);
	if (!ret && s->m.fd >= 0)
		ret = m2m_set_rates(&s->m, config);
	if (!ret)
		s->config = *config;
	pthread_mutex_unlock(&s->lock);
	return ret ? -EOPNOTSUPP : 0;
}

static int stream_flush(hvcal_engine_stream_t *s)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	if (s->dirty)
		ret = drain(s);
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void stream_close(hvcal_engine_stream_t *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	eventfd_write(s->stop_fd, 1);
	pthread_join(s->thread, NULL);

	pthread_mutex_lock(&s->lock);
	m2m_close(&s->m);
	for (unsigned int i = 0; i < s->count; i++) {
		flight_at(s, i)->read = true;
		if (!flight_at(s, i)->coded)
			fail(s, flight_at(s, i), -ECANCELED);
	}
	finish_ready(s);
	pthread_mutex_unlock(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	close(s->stop_fd);
	free(s);
}

__attribute__((visibility("default")))
const struct hvcal_engine_plugin hvcal_engine_plugin = {
	.abi = HVCAL_ENGINE_ABI,
	.size = sizeof(hvcal_engine_plugin),
	.name = "v4l2",
	.description = "stateful encoder of V4L2",
	.license = "MIT",
	.create = engine_create,
	.destroy = engine_destroy,
	.open = stream_open,
	.encode = stream_encode,
	.reconfigure = stream_reconfigure,
	.flush = stream_flush,
	.close = stream_close,
};
