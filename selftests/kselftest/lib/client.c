// SPDX-License-Identifier: MIT
/* The client's side: buffers, sessions, jobs, events. */
#include "../ks.h"

#include <string.h>
#include <unistd.h>

void ks_import_init(struct hvcal_buffer_import *arg, int dmabuf, uint32_t flags)
{
	*arg = (struct hvcal_buffer_import) { .flags = flags, .fds = { dmabuf, -1, -1, -1 } };
}

uint32_t ks_import(int client, int dmabuf, uint32_t flags)
{
	struct hvcal_buffer_import arg;

	ks_import_init(&arg, dmabuf, flags);
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_BUFFER_IMPORT, &arg));
	CHECK_NE(arg.buffer, 0);
	return arg.buffer;
}

uint32_t ks_import_new(int client, uint32_t flags)
{
	struct ks_buf buf = ks_buf_make(KS_FRAME_BYTES);
	uint32_t handle = ks_import(client, buf.fd, flags);

	ks_buf_close(&buf);
	return handle;
}

void ks_create_init(struct hvcal_session_create *arg, uint32_t engine)
{
	*arg = (struct hvcal_session_create) {
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_NULL,
		.format = HVCAL_FORMAT_NV12,
		.engine = engine,
		.loss = HVCAL_LOSS_FAIL,
		.res = {
			.sched_class = HVCAL_CLASS_BEST_EFFORT,
			.bit_depth = 8,
			.width = KS_WIDTH,
			.height = KS_HEIGHT,
		},
	};
}

void ks_create_realtime(struct hvcal_session_create *arg, uint32_t engine, unsigned int period_ms)
{
	ks_create_init(arg, engine);
	arg->res.sched_class = HVCAL_CLASS_REALTIME;
	arg->res.period_ns = period_ms * KS_MS;
}

void ks_job_init(struct hvcal_job_desc *job, uint32_t source, uint32_t target)
{
	*job = (struct hvcal_job_desc) {
		.in_fence = -1,
		.source = source,
		.target = target,
		.target_size = KS_FRAME_BYTES,
	};
}

int ks_submit(int client, uint32_t session, struct hvcal_job_desc *jobs, uint32_t count)
{
	struct hvcal_job_submit arg = {
		.session = session,
		.jobs = { sizeof(*jobs), count, (uintptr_t)jobs },
	};
	int err = ks_ioctl(client, HVCAL_IOC_JOB_SUBMIT, &arg);

	return err ? err : (int)arg.jobs.count;
}

int ks_destroy(int client, uint32_t session)
{
	struct hvcal_session_destroy arg = { .session = session };

	return ks_ioctl(client, HVCAL_IOC_SESSION_DESTROY, &arg);
}

int ks_release(int client, uint32_t buffer)
{
	struct hvcal_buffer_release arg = { .buffer = buffer };

	return ks_ioctl(client, HVCAL_IOC_BUFFER_RELEASE, &arg);
}

int ks_cancel(int client, uint32_t session, uint64_t job, uint64_t *canceled)
{
	struct hvcal_job_cancel arg = { .session = session, .job = job };
	int err = ks_ioctl(client, HVCAL_IOC_JOB_CANCEL, &arg);

	if (canceled)
		*canceled = arg.canceled;
	return err;
}

struct hvcal_session_stats ks_stats(int client, uint32_t session)
{
	struct hvcal_session_stats stats = { .session = session };

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_STATS, &stats));
	return stats;
}

int ks_event(int client, struct hvcal_event *ev, int ms)
{
	struct pollfd pfd = { .fd = client, .events = POLLIN };
	ssize_t got;

	memset(ev, 0, sizeof(*ev));
	if (poll(&pfd, 1, ms) == 0)
		return -ETIMEDOUT;
	got = read(client, ev, sizeof(*ev));
	if (got < 0)
		return -errno;
	CHECK_EQ(got, sizeof(*ev));
	CHECK_EQ(ev->size, sizeof(*ev));
	return 0;
}

void ks_expect_event(int client, struct hvcal_event *ev, uint32_t type, int status)
{
	CHECK_OK(ks_event(client, ev, ks_ms(KS_WAIT_MS)));
	if (ev->type != type || ev->status != status)
		ks_note("event type %u status %s job %llu, expected type %u status %s", ev->type,
			ks_err(ev->status), (unsigned long long)ev->job, type, ks_err(status));
	CHECK_EQ(ev->type, type);
	CHECK_ERR(ev->status, status);
}

void ks_expect_quiet(int client)
{
	struct hvcal_event ev;
	int err = ks_event(client, &ev, ks_ms(KS_QUIET_MS));

	if (!err)
		ks_note("unexpected event type %u status %s", ev.type, ks_err(ev.status));
	CHECK_ERR(err, -ETIMEDOUT);
}
