/* SPDX-License-Identifier: MIT */
/*
 * What sharing an encoder takes without HVCAL: a broker process between client
 * and worker, Unix sockets, and the job's DMA-BUFs passed along each time.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"

/* A job as a broker would carry it: about what struct hvcal_job_desc says. */
struct job_message {
	uint32_t index;
	uint32_t source_size;
	uint64_t target_offset;
	uint64_t user_data;
	uint64_t deadline_ns;
	uint8_t params[64];
};

struct done_message {
	uint32_t index;
	int32_t status;
	uint64_t bytes;
	uint64_t user_data;
};

struct broker_way {
	int client[2];		/* client, broker */
	int worker[2];		/* broker, worker */
	pid_t broker_pid;
	pid_t worker_pid;
};

union fd_control {
	char room[CMSG_SPACE(BENCH_FDS * sizeof(int))];
	struct cmsghdr align;
};

static int send_job(int socket, struct job_message *job, const int fds[BENCH_FDS])
{
	union fd_control control;
	struct iovec part = { job, sizeof(*job) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header;

	memset(&control, 0, sizeof(control));
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(BENCH_FDS * sizeof(int));
	memcpy(CMSG_DATA(header), fds, BENCH_FDS * sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) == sizeof(*job) ? 0 : -EIO;
}

static int receive_job(int socket, struct job_message *job, int fds[BENCH_FDS])
{
	union fd_control control;
	struct iovec part = { job, sizeof(*job) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	struct cmsghdr *header;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != sizeof(*job))
		return -EIO;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != CMSG_LEN(BENCH_FDS * sizeof(int)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(header), BENCH_FDS * sizeof(int));
	return 0;
}

static void close_fds(const int fds[BENCH_FDS])
{
	for (int i = 0; i < BENCH_FDS; i++)
		close(fds[i]);
}

static void broke(struct bench_way *way)
{
	const struct broker_way *b = way->priv;
	struct pollfd ends[2] = {
		{ .fd = b->client[1], .events = POLLIN },
		{ .fd = b->worker[0], .events = POLLIN },
	};
	struct job_message job;
	struct done_message done;
	int fds[BENCH_FDS];

	close(b->client[0]);
	close(b->worker[1]);
	while (poll(ends, 2, -1) > 0) {
		if (ends[0].revents) {
			if (receive_job(ends[0].fd, &job, fds))
				return;
			if (send_job(ends[1].fd, &job, fds))
				return;
			close_fds(fds);
		}
		if (ends[1].revents) {
			if (recv(ends[1].fd, &done, sizeof(done), 0) != sizeof(done) ||
			    send(ends[0].fd, &done, sizeof(done), MSG_NOSIGNAL) != sizeof(done))
				return;
		}
	}
}

static void work(struct bench_way *way)
{
	const struct broker_way *b = way->priv;
	struct job_message job;
	int fds[BENCH_FDS];

	close(b->client[0]);
	close(b->client[1]);
	close(b->worker[0]);
	while (!receive_job(b->worker[1], &job, fds)) {
		struct bench_times *times = &way->shared->times[job.index];
		struct done_message done = {
			.index = job.index, .bytes = 8, .user_data = job.user_data,
		};

		times->acquire = cli_now_ns();
		close_fds(fds);
		times->complete = cli_now_ns();
		if (send(b->worker[1], &done, sizeof(done), MSG_NOSIGNAL) != sizeof(done))
			return;
	}
}

static void broker_close(struct bench_way *way)
{
	struct broker_way *b = way->priv;

	if (!b)
		return;
	bench_kill(b->broker_pid);
	bench_kill(b->worker_pid);
	if (b->client[0] >= 0)
		close(b->client[0]);
	free(b);
	way->priv = NULL;
}

static int broker_open(struct bench_way *way)
{
	struct broker_way *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	way->priv = b;
	b->client[0] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->client) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, b->worker)) {
		cli_error("socketpair: %s", strerror(errno));
		return -EIO;
	}
	b->broker_pid = bench_fork(way, broke);
	b->worker_pid = bench_fork(way, work);
	/* So that a broker that dies is seen as the end of the socket. */
	close(b->client[1]);
	close(b->worker[0]);
	close(b->worker[1]);
	return b->broker_pid < 0 || b->worker_pid < 0 ? -EAGAIN : 0;
}

static int broker_submit(struct bench_way *way, uint32_t first, uint32_t count)
{
	const struct broker_way *b = way->priv;
	int ret = 0;

	for (uint32_t i = first; i < first + count && !ret; i++) {
		struct job_message job = { .index = i, .user_data = i };

		way->shared->times[i].submit = cli_now_ns();
		ret = send_job(b->client[0], &job, way->job_fds);
	}
	return ret;
}

static int broker_reap(struct bench_way *way)
{
	const struct broker_way *b = way->priv;
	struct done_message done;

	if (recv(b->client[0], &done, sizeof(done), 0) != sizeof(done))
		return -EIO;
	way->shared->times[done.index].event = cli_now_ns();
	return 1;
}

const struct bench_ops bench_broker_ops = {
	.name = "broker, Unix sockets",
	.key = "broker",
	.open = broker_open,
	.submit = broker_submit,
	.reap = broker_reap,
	.close = broker_close,
};
