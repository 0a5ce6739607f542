// SPDX-License-Identifier: MIT
/* Operations on /dev/hvcal. */
#include "fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool has_client(const struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd >= 0)
			return true;
	return false;
}

static bool lacks_client(const struct fz *z) { return !has_client(z); }

static bool has_session(const struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd >= 0 && fz_any(z->clients[i].sessions, FZ_SESSIONS))
			return true;
	return false;
}

static bool can_submit(const struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd >= 0 && fz_any(z->clients[i].sessions, FZ_SESSIONS) &&
		    fz_any(z->clients[i].bufs, FZ_BUFS))
			return true;
	return false;
}

/* An open one, with a session if there is any. */
static struct fz_client *pick_client(struct fz_actor *a)
{
	struct fz_client *found = NULL;
	uint32_t at = fz_below(a, FZ_CLIENTS);

	for (uint32_t i = 0; i < FZ_CLIENTS; i++) {
		struct fz_client *c = &a->z->clients[(at + i) % FZ_CLIENTS];

		if (c->fd >= 0 && (!found || (!fz_any(found->sessions, FZ_SESSIONS) &&
					      fz_any(c->sessions, FZ_SESSIONS))))
			found = c;
	}
	return found ? found : &a->z->clients[at];
}

static uint32_t pick_session(struct fz_actor *a, const struct fz_client *c)
{
	return fz_pick(a, c->sessions, FZ_SESSIONS);
}

static uint64_t pick_job(struct fz_actor *a, const struct fz_client *c)
{
	return fz_one_in(a, 8) ? fz_below(a, 50) : c->jobs[fz_below(a, FZ_JOBS)];
}

static void client_open(struct fz_actor *a)
{
	for (int i = 0; i < FZ_CLIENTS; i++) {
		struct fz_client *c = &a->z->clients[i];

		if (c->fd >= 0)
			continue;
		memset(c, 0, sizeof(*c));
		c->fd = open(HVCAL_CLIENT_NODE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		return;
	}
}

static void client_close(struct fz_actor *a)
{
	struct fz_client *c = pick_client(a);
	int fd = c->fd;

	c->fd = -1;
	if (fd >= 0)
		fz_unlocked_close(a, fd);
}

static bool private_room(const struct fz *z)
{
	for (int i = 0; i < FZ_PROVIDERS; i++)
		if (z->providers[i].fd < 0)
			return has_client(z);
	return false;
}

/* Its provider may outlive the client, and serves no other. */
static void private_provider(struct fz_actor *a)
{
	struct hvcal_private_provider *arg = fz_room(a, sizeof(*arg));
	struct fz_provider *p = fz_provider_free(a->z);
	bool spoiled = a->spoil;

	/* an answer to a spoiled call may lie elsewhere: that file goes with the process */
	if (fz_call(a, pick_client(a)->fd, HVCAL_IOC_PRIVATE_PROVIDER, arg) || spoiled)
		return;
	fcntl(arg->fd, F_SETFL, O_RDWR | O_NONBLOCK);
	if (!p || p->fd >= 0) {
		close(arg->fd);
		return;
	}
	p->fd = arg->fd;
	p->private = true;
}

static void caps(struct fz_actor *a)
{
	fz_call(a, pick_client(a)->fd, HVCAL_IOC_CAPS, fz_room(a, sizeof(struct hvcal_caps)));
}

static void engine_list(struct fz_actor *a)
{
	struct hvcal_engine_list *arg = fz_room(a, sizeof(*arg));
	struct hvcal_engine_info *infos = fz_room(a, 8 * sizeof(*infos));
	struct hvcal_engine_caps *of = fz_room(a, sizeof(*of));
	uint32_t ids[8] = { 0 };
	int fd = pick_client(a)->fd;

	arg->engines = fz_array(a, infos, sizeof(*infos), fz_below(a, 9));
	if (!fz_call(a, fd, HVCAL_IOC_ENGINE_LIST, arg))
		for (int i = 0; i < 8; i++)
			ids[i] = infos[i].id;
	of->engine = fz_pick(a, ids, 8);
	of->caps = fz_array(a, fz_room(a, 4 * sizeof(struct hvcal_engine_cap)),
			    sizeof(struct hvcal_engine_cap), fz_below(a, 5));
	fz_call(a, fd, HVCAL_IOC_ENGINE_CAPS, of);
}

static void gpu_list(struct fz_actor *a)
{
	struct hvcal_gpu_list *arg = fz_room(a, sizeof(*arg));

	arg->gpus = fz_array(a, fz_room(a, 4 * sizeof(struct hvcal_gpu_info)),
			     sizeof(struct hvcal_gpu_info), fz_below(a, 5));
	fz_call(a, pick_client(a)->fd, HVCAL_IOC_GPU_LIST, arg);
}

static void fill_reservation(struct fz_actor *a, struct hvcal_reservation *res)
{
	res->bit_depth = 8;
	res->width = 16U << fz_below(a, 8);
	res->height = 16U << fz_below(a, 8);
	res->preset = fz_below(a, 10);
	if (fz_one_in(a, 2))
		return;
	res->sched_class = HVCAL_CLASS_REALTIME;
	res->period_ns = 1000000ULL << fz_below(a, 8);
	res->deadline_ns = fz_one_in(a, 2) ? 0 : res->period_ns * (1 + fz_below(a, 4)) / 2;
}

static void session_create(struct fz_actor *a)
{
	struct hvcal_session_create *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->op = HVCAL_OP_ENCODE;
	arg->codec = FZ_CODEC;
	arg->format = HVCAL_FORMAT_NV12;
	if (fz_one_in(a, 3))
		arg->engine = fz_pick(a, a->z->providers[fz_below(a, FZ_PROVIDERS)].engines,
				      FZ_ENGINES);
	arg->loss = fz_below(a, 2);
	arg->max_queued = fz_one_in(a, 2) ? 0 : fz_below(a, 20);
	arg->need = fz_one_in(a, 6) ? 1U << fz_below(a, 9) : 0;
	fill_reservation(a, &arg->res);
	arg->config = fz_blob(a, HVCAL_CONFIG_MAX);
	if (!fz_call(a, c->fd, HVCAL_IOC_SESSION_CREATE, arg))
		fz_keep(a, c->sessions, FZ_SESSIONS, arg->session);
}

static void session_reconfigure(struct fz_actor *a)
{
	struct hvcal_session_reconfigure *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->session = pick_session(a, c);
	fill_reservation(a, &arg->res);
	arg->config = fz_blob(a, HVCAL_CONFIG_MAX);
	fz_call(a, c->fd, HVCAL_IOC_SESSION_RECONFIGURE, arg);
}

static void session_flush(struct fz_actor *a)
{
	struct hvcal_session_flush *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->session = pick_session(a, c);
	fz_call(a, c->fd, HVCAL_IOC_SESSION_FLUSH, arg);
}

static void session_destroy(struct fz_actor *a)
{
	struct hvcal_session_destroy *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->session = pick_session(a, c);
	if (!fz_call(a, c->fd, HVCAL_IOC_SESSION_DESTROY, arg))
		fz_forget(c->sessions, FZ_SESSIONS, arg->session);
}

static void session_stats(struct fz_actor *a)
{
	struct hvcal_session_stats *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->session = pick_session(a, c);
	fz_call(a, c->fd, HVCAL_IOC_SESSION_STATS, arg);
}

static void buffer_import(struct fz_actor *a)
{
	struct hvcal_buffer_import *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->flags = fz_one_in(a, 12) ? 1 + fz_below(a, 2) : 3;
	for (int i = 0; i < HVCAL_MAX_PLANES; i++)
		arg->fds[i] = !i || fz_one_in(a, 8) ? a->z->dmabufs[fz_below(a, FZ_DMABUFS)] : -1;
	if (fz_one_in(a, 8)) {
		arg->flags = HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE;
		memset(arg->fds, 0xff, sizeof(arg->fds));
	}
	arg->layout = fz_blob(a, HVCAL_LAYOUT_MAX);
	if (!fz_call(a, c->fd, HVCAL_IOC_BUFFER_IMPORT, arg))
		fz_keep(a, c->bufs, FZ_BUFS, arg->buffer);
}

static void buffer_release(struct fz_actor *a)
{
	struct hvcal_buffer_release *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->buffer = fz_pick(a, c->bufs, FZ_BUFS);
	if (!fz_call(a, c->fd, HVCAL_IOC_BUFFER_RELEASE, arg))
		fz_forget(c->bufs, FZ_BUFS, arg->buffer);
}

/* The fence that it waits for, the caller's to close; -1 none. */
static int fill_job(struct fz_actor *a, const struct fz_client *c, struct hvcal_job_desc *job)
{
	struct timespec now;
	int fence = -1;

	clock_gettime(CLOCK_MONOTONIC, &now);
	*job = (struct hvcal_job_desc) {
		.in_fence = -1,
		.source = fz_pick(a, c->bufs, FZ_BUFS),
		.target = fz_pick(a, c->bufs, FZ_BUFS),
		.target_size = 1 + fz_below(a, FZ_DMABUF_BYTES),
		.user_data = fz_below(a, 1000),
		.params = fz_blob(a, HVCAL_PARAMS_MAX),
	};
	if (fz_one_in(a, 8))
		job->meta = fz_blob(a, HVCAL_META_MAX);
	if (fz_one_in(a, 8)) {
		job->side = fz_pick(a, c->bufs, FZ_BUFS);
		job->side_size = fz_below(a, 4096);
	}
	if (fz_one_in(a, 6)) {
		job->in_fence = fence = fz_fence(a);
		job->flags |= fence >= 0 ? HVCAL_JOB_IN_FENCE : 0;
	}
	if (fz_one_in(a, 8))
		job->flags |= HVCAL_JOB_IMPLICIT_FENCE;
	if (fz_one_in(a, 4))
		job->flags |= HVCAL_JOB_WANT_FENCE;
	if (fz_one_in(a, 6))
		job->release_ns = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec +
			fz_below(a, 20000000);
	if (a->spoil && fz_one_in(a, 2)) {
		((uint32_t *)job)[fz_below(a, sizeof(*job) / 4)] ^= 1U << fz_below(a, 32);
		a->spoil = false;
	}
	return fence;
}

static void job_submit(struct fz_actor *a)
{
	struct hvcal_job_submit *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);
	uint32_t count = 1 + fz_below(a, fz_one_in(a, 8) ? 8 : 2);
	struct hvcal_job_desc *jobs = fz_room(a, count * sizeof(*jobs));
	int fences[8];

	arg->session = pick_session(a, c);
	for (uint32_t i = 0; i < count; i++)
		fences[i] = fill_job(a, c, &jobs[i]);
	arg->jobs = fz_array(a, jobs, sizeof(*jobs), count);
	if (!fz_call(a, c->fd, HVCAL_IOC_JOB_SUBMIT, arg))
		for (uint32_t i = 0; i < count; i++)
			c->jobs[fz_below(a, FZ_JOBS)] = jobs[i].job;
	for (uint32_t i = 0; i < count; i++)
		if (fences[i] >= 0)
			close(fences[i]);
}

static void job_cancel(struct fz_actor *a)
{
	struct hvcal_job_cancel *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);

	arg->session = pick_session(a, c);
	arg->job = fz_one_in(a, 3) ? 0 : pick_job(a, c);
	fz_call(a, c->fd, HVCAL_IOC_JOB_CANCEL, arg);
}

static void job_fence(struct fz_actor *a)
{
	struct hvcal_job_fence *arg = fz_room(a, sizeof(*arg));
	struct fz_client *c = pick_client(a);
	bool spoiled = a->spoil;

	arg->session = pick_session(a, c);
	arg->job = pick_job(a, c);
	if (!fz_call(a, c->fd, HVCAL_IOC_JOB_FENCE, arg) && !spoiled)
		close(arg->fence);
}

static void read_events(struct fz_actor *a)
{
	size_t size = fz_one_in(a, 8) ? fz_below(a, 4096) : 8 * sizeof(struct hvcal_event);
	struct hvcal_event *events = fz_room(a, 4096);
	struct fz_client *c = pick_client(a);
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int wait = fz_one_in(a, 4) ? 2 : 0;
	ssize_t got;

	pthread_mutex_unlock(&a->z->lock);
	poll(&pfd, 1, wait);
	got = read(pfd.fd, events, size);
	pthread_mutex_lock(&a->z->lock);
	for (ssize_t i = 0; got > 0 && i < got / (ssize_t)sizeof(*events); i++) {
		if (events[i].type < 16)
			atomic_fetch_add(&a->shared->events[events[i].type], 1);
		atomic_fetch_add(&a->shared->finished,
				 events[i].type == HVCAL_EVENT_JOB && !events[i].status);
	}
}

static void read_file(struct fz_actor *a, const char *path)
{
	char *text = fz_room(a, 4096);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	pthread_mutex_unlock(&a->z->lock);
	while (read(fd, text, 4096) > 0)
		;
	close(fd);
	pthread_mutex_lock(&a->z->lock);
}

/* What others see while things come and go. */
static void look(struct fz_actor *a)
{
	static const char *const files[] = {
		"/sys/kernel/debug/hvcal/engines", "/sys/kernel/debug/hvcal/sessions",
		"/sys/kernel/debug/hvcal/objects",
	};
	char path[64];
	int fd = fz_one_in(a, 2) ? a->z->clients[fz_below(a, FZ_CLIENTS)].fd :
				   a->z->providers[fz_below(a, FZ_PROVIDERS)].fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(a, fz_one_in(a, 2) ? path : files[fz_below(a, 3)]);
}

static void fences_signal(struct fz_actor *a)
{
	fz_fence_signal(a);
}

static bool few_sessions(const struct fz *z)
{
	int count = 0;

	for (int i = 0; i < FZ_CLIENTS; i++)
		for (int s = 0; z->clients[i].fd >= 0 && s < FZ_SESSIONS; s++)
			count += z->clients[i].sessions[s] != 0;
	return has_client(z) && count < 3;
}

static bool few_buffers(const struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd >= 0 && !z->clients[i].bufs[FZ_BUFS - 1])
			return true;
	return false;
}

static bool client_room(const struct fz *z)
{
	for (int i = 0; i < FZ_CLIENTS; i++)
		if (z->clients[i].fd < 0)
			return true;
	return false;
}

const struct fz_op fz_client_ops[] = {
	{ "open", 200, lacks_client, client_open },
	{ "open another", 2, client_room, client_open },
	{ "close", 1, has_client, client_close },
	{ "PRIVATE_PROVIDER", 1, private_room, private_provider },
	{ "CAPS", 2, has_client, caps },
	{ "ENGINE_LIST", 3, has_client, engine_list },
	{ "GPU_LIST", 1, has_client, gpu_list },
	{ "SESSION_CREATE", 20, few_sessions, session_create },
	{ "SESSION_CREATE another", 2, has_client, session_create },
	{ "SESSION_RECONFIGURE", 8, has_session, session_reconfigure },
	{ "SESSION_FLUSH", 6, has_session, session_flush },
	{ "SESSION_DESTROY", 2, has_session, session_destroy },
	{ "SESSION_STATS", 4, has_session, session_stats },
	{ "BUFFER_IMPORT", 20, few_buffers, buffer_import },
	{ "BUFFER_RELEASE", 2, has_client, buffer_release },
	{ "JOB_SUBMIT", 60, can_submit, job_submit },
	{ "JOB_CANCEL", 6, has_session, job_cancel },
	{ "JOB_FENCE", 3, has_session, job_fence },
	{ "read", 30, has_session, read_events },
	{ "fences", 4, has_session, fences_signal },
	{ "look", 4, NULL, look },
	{ NULL, 0, NULL, NULL },
};
