// SPDX-License-Identifier: MIT
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hvcal.h"
#include "hvcal_codec.h"

#define FILES		64
#define PER_FILE	32	/* streams of one open file */
#define TARGETS		8	/* frames of a stream that wait or run */
#define PAGE		4096
#define HEIGHT		10000

struct real_stream {
	struct sim_stream s;
	unsigned int file;
	uint32_t handle;
	uint32_t source;
	uint32_t targets[TARGETS];
	struct {
		bool used;
		u64 deadline;
		u64 cost;
	} jobs[TARGETS];
};

struct real {
	const struct sim_workload *w;
	struct sim_result *res;
	bool fifo;
	unsigned int engine;
	int dmabuf;
	int files[FILES];
	struct pollfd polls[FILES];
	unsigned int nfiles;
	struct real_stream *streams;
	unsigned int nstreams;
	struct hvcal_heap timers;
	u64 seed;
	u64 begin;	/* of what is counted */
};

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "hvcal-sim: %s: %s\n", what, strerror(-error));
	return error;
}

static int make_dmabuf(void)
{
	struct udmabuf_create create = { .size = PAGE };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), ret;

	if (dev < 0)
		return fail("/dev/udmabuf (modprobe udmabuf?)", -errno);
	create.memfd = (uint32_t)memfd_create("hvcal-sim", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	ret = -1;
	if (!ftruncate((int)create.memfd, PAGE) &&
	    !fcntl((int)create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		ret = ioctl(dev, UDMABUF_CREATE, &create);
	if (ret < 0)
		ret = fail("/dev/udmabuf", -errno);
	close((int)create.memfd);
	close(dev);
	return ret;
}

static int import(struct real *r, int fd, uint32_t flags, uint32_t *handle)
{
	struct hvcal_frame_layout layout = {
		.size = sizeof(layout), .format = HVCAL_FORMAT_NV12, .width = 16, .height = 16,
		.planes = 2, .offset = { 0, 256 }, .stride = { 16, 16 },
	};
	struct hvcal_buffer_import arg = { .flags = flags, .fds = { r->dmabuf, -1, -1, -1 } };

	if (flags == HVCAL_BUFFER_SOURCE)
		arg.layout = (struct hvcal_blob){ (uintptr_t)&layout, sizeof(layout), 0 };
	if (ioctl(fd, HVCAL_IOC_BUFFER_IMPORT, &arg))
		return fail("importing a buffer", -errno);
	*handle = arg.buffer;
	return 0;
}

/* The file that stream @number belongs to. */
static int file_of(struct real *r, unsigned int number, unsigned int *file)
{
	*file = number / PER_FILE;
	if (*file >= FILES)
		return fail("too many streams", -EUSERS);
	if (*file == r->nfiles) {
		int fd = open(HVCAL_CLIENT_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0)
			return fail(HVCAL_CLIENT_NODE, -errno);
		r->files[r->nfiles] = fd;
		r->polls[r->nfiles++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return 0;
}

/* 1: it takes part; 0: refused; or an error. */
static int join(struct real *r, struct real_stream *s)
{
	const struct sim_class *c = s->s.class;
	bool effort = c->effort || r->fifo;
	struct hvcal_session_create create = {
		.op = HVCAL_OP_ENCODE, .codec = HVCAL_CODEC_NULL, .format = HVCAL_FORMAT_NV12,
		.engine = r->engine,
		.res = {
			.sched_class = effort ? HVCAL_CLASS_BEST_EFFORT : HVCAL_CLASS_REALTIME,
			.bit_depth = 8,
			.width = (uint32_t)(c->cost / HEIGHT / REAL_ENGINE_NS_PER_PIXEL),
			.height = HEIGHT,
			/* classes are kinds of streams: each learns for itself */
			.preset = (uint32_t)(c - r->w->classes) % 10,
			.period_ns = c->period,
			.deadline_ns = effort ? 0 : c->deadline,
		},
	};
	int ret = file_of(r, s->s.number, &s->file), i;

	if (ret)
		return ret;
	if (ioctl(r->files[s->file], HVCAL_IOC_SESSION_CREATE, &create))
		return errno == ENOSPC ? 0 : fail("creating a session", -errno);
	s->handle = create.session;
	ret = import(r, r->files[s->file], HVCAL_BUFFER_SOURCE, &s->source);
	for (i = 0; i < TARGETS && !ret; i++)
		ret = import(r, r->files[s->file], HVCAL_BUFFER_TARGET, &s->targets[i]);
	return ret ? ret : 1;
}

static int submit(struct real *r, struct real_stream *s)
{
	const struct sim_class *c = s->s.class;
	u64 deadline = s->s.next_nominal + c->jitter + c->deadline;
	u64 cost = sim_draw_cost(c, 1, &r->seed);
	struct hvcal_job_desc job = {
		.in_fence = -1, .source = s->source, .target_size = 1,
		.deadline_ns = c->effort || r->fifo ? 0 : deadline,
		.params = { (uintptr_t)&cost, sizeof(cost), 0 },
	};
	struct hvcal_job_submit arg = { .session = s->handle,
					.jobs = { sizeof(job), 1, (uintptr_t)&job } };
	unsigned int i;

	for (i = 0; i < TARGETS && s->jobs[i].used; i++)
		;
	s->s.next_nominal += c->period;
	if (i == TARGETS) {
		/* so far behind that a frame is dropped at the source: it counts as missed */
		if (!c->effort)
			sim_record(r->res, (s64)c->period * TARGETS);
		return 0;
	}
	s->jobs[i].used = true;
	s->jobs[i].deadline = deadline;
	s->jobs[i].cost = cost;
	job.target = s->targets[i];
	job.user_data = (u64)s->s.number * TARGETS + i;
	return ioctl(r->files[s->file], HVCAL_IOC_JOB_SUBMIT, &arg) ?
	       fail("submitting a frame", -errno) : 0;
}

static void job_ended(struct real *r, const struct hvcal_event *ev)
{
	struct real_stream *s = &r->streams[ev->user_data / TARGETS];
	unsigned int i = ev->user_data % TARGETS;

	s->jobs[i].used = false;
	if (ev->submit_ns >= r->begin) {
		r->res->busy_ns += s->jobs[i].cost;
		if (s->s.class->effort) {
			r->res->effort_jobs++;
			r->res->effort_ns += s->jobs[i].cost;
		} else {
			sim_record(r->res, (s64)(ev->done_ns - s->jobs[i].deadline));
		}
	}
	/* best effort without a rate: the next follows when this one is done */
	if (s->s.class->effort && !s->s.class->period)
		hvcal_heap_add(&r->timers, &s->s.timer, ev->done_ns);
}

static int read_events(struct real *r, int fd)
{
	struct hvcal_event events[32];
	ssize_t got = read(fd, events, sizeof(events));
	size_t i;

	if (got < 0)
		return errno == EAGAIN ? 0 : fail("reading events", -errno);
	for (i = 0; i < (size_t)got / sizeof(events[0]); i++) {
		if (events[i].type == HVCAL_EVENT_LOST)
			return fail("the engine is lost", -ENODEV);
		if (events[i].type == HVCAL_EVENT_JOB && events[i].status)
			return fail("a frame", events[i].status);
		if (events[i].type == HVCAL_EVENT_JOB)
			job_ended(r, &events[i]);
	}
	return 0;
}

static int stream_timer(struct real *r, struct real_stream *s, u64 now)
{
	const struct sim_class *c = s->s.class;
	int ret = 0;
	unsigned int i;

	if (!s->s.admitted) {
		ret = join(r, s);
		if (ret <= 0) {
			r->res->refused += !ret;
			return ret;
		}
		s->s.admitted = true;
		r->res->streams += !c->effort;
		s->s.next_nominal = now;
	}
	for (i = 0, ret = 0; i < c->burst && !ret; i++)
		ret = submit(r, s);
	if (!c->effort || c->period)
		hvcal_heap_add(&r->timers, &s->s.timer,
			       s->s.next_nominal + sim_draw_jitter(c, &r->seed));
	return ret;
}

/* Runs to @end: timers that are due, then events until the next one. */
static int run_until(struct real *r, u64 end)
{
	for (;;) {
		u64 now = now_ns(), next = r->timers.root ? r->timers.root->key : end;
		struct timespec t = { 0 };
		unsigned int i;
		int ret = 0;

		if (now >= end)
			return 0;
		if (next <= now) {
			struct real_stream *s = container_of(r->timers.root, struct real_stream,
							     s.timer);

			hvcal_heap_del(&r->timers, &s->s.timer);
			ret = stream_timer(r, s, now);
			if (ret < 0)
				return ret;
			continue;
		}
		t.tv_nsec = (long)min(next - now, 100000000ULL);
		if (ppoll(r->polls, r->nfiles, &t, NULL) <= 0)
			continue;
		for (i = 0; i < r->nfiles && !ret; i++)
			if (r->polls[i].revents)
				ret = read_events(r, r->files[i]);
		if (ret < 0)
			return ret;
	}
}

static int run(struct real *r, const struct real_options *o, const bool *take_part)
{
	u64 start = now_ns(), join_end = start;
	unsigned int i;
	int ret;

	r->nstreams = sim_make_streams(r->w, r->streams, sizeof(r->streams[0]));
	for (i = 0; i < r->nstreams; i++)
		if (!take_part || take_part[i])
			hvcal_heap_add(&r->timers, &r->streams[i].s.timer,
				       sim_next_join(&join_end, &r->seed));
	r->begin = U64_MAX;
	ret = run_until(r, join_end);
	if (ret)
		return ret;
	r->begin = now_ns();
	ret = run_until(r, r->begin + o->seconds * 1000000000ULL);
	r->res->span_ns = now_ns() - r->begin;
	r->res->capacity = (double)r->res->span_ns * r->w->slots;
	return ret;
}

static unsigned int reserved_ppm(struct real *r)
{
	u64 ppm = 0;
	unsigned int i;

	for (i = 0; i < r->nstreams; i++) {
		struct hvcal_session_stats st = { .session = r->streams[i].handle };

		if (r->streams[i].s.admitted &&
		    !ioctl(r->files[r->streams[i].file], HVCAL_IOC_SESSION_STATS, &st))
			ppm += st.share_ppm;
	}
	return (unsigned int)ppm;
}

static void stretch(struct sim_workload *w, unsigned int factor)
{
	unsigned int i;

	for (i = 0; i < w->nclasses; i++) {
		w->classes[i].period *= factor;
		w->classes[i].deadline *= factor;
		w->classes[i].cost *= factor;
		w->classes[i].jitter *= factor;
	}
}

int sim_run_real(const struct sim_workload *workload, bool fifo, const struct real_options *o,
		 const bool *take_part, bool *took_part, struct sim_result *res)
{
	struct sim_workload w = *workload;
	struct real r = { .w = &w, .res = res, .fifo = fifo, .seed = o->seed };
	unsigned int i;
	pid_t engine;
	int ret;

	stretch(&w, o->stretch);

	*res = (struct sim_result){ .policy = fifo ? "fifo" : "hvcal", .real = true };
	r.dmabuf = make_dmabuf();
	if (r.dmabuf < 0)
		return r.dmabuf;
	engine = real_engine_start(w.slots, &r.engine);
	if (engine < 0) {
		close(r.dmabuf);
		return fail(HVCAL_PROVIDER_NODE, engine);
	}
	r.streams = calloc(SIM_STREAMS, sizeof(*r.streams));
	ret = run(&r, o, take_part);
	if (!ret)
		res->reserved_ppm = reserved_ppm(&r);
	for (i = 0; took_part && i < r.nstreams; i++)
		took_part[i] = r.streams[i].s.admitted;
	while (r.nfiles)
		close(r.files[--r.nfiles]);
	real_engine_stop(engine);
	close(r.dmabuf);
	free(r.streams);
	return ret;
}
