// SPDX-License-Identifier: MIT
/* Tests of read(2) and poll(2) on the client node. */
#include "ks.h"
#include "lib/storm.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static int ks_read(int fd, void *area, size_t len)
{
	ssize_t got = read(fd, area, len);

	return got < 0 ? -errno : (int)got;
}

/* Leaves @count finished jobs' events unread. */
static void ks_events_queue(struct ks_rig *rig, unsigned int count)
{
	struct hvcal_item item;

	for (unsigned int i = 0; i < count; i++) {
		ks_rig_submit(rig, rig->target, 100 + i);
		ks_expect_item(&rig->p, &item, HVCAL_ITEM_ENCODE);
		CHECK_OK(ks_reply(&rig->p, item.id, 0, 10 + i));
	}
}

KS_TEST(nonblock_empty)
{
	struct hvcal_event ev;
	int client = ks_client_nonblock();

	CHECK_ERR(ks_read(client, &ev, sizeof(ev)), -EAGAIN);
}

KS_TEST(poll_idle)
{
	struct pollfd pfd = { .fd = ks_client(), .events = POLLIN | POLLOUT };

	CHECK_EQ(poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLIN | POLLERR | POLLHUP)), 0);
}

KS_TEST(read_too_small)
{
	struct hvcal_event ev;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-ev-small", 1, 1);
	ks_events_queue(&rig, 1);
	CHECK_ERR(ks_read(rig.client, &ev, sizeof(ev) - 1), -EINVAL);
	/* nothing was lost by that */
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.user_data, 100);
}

KS_TEST(read_bad_pointer)
{
	struct hvcal_event ev;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-ev-fault", 1, 1);
	ks_events_queue(&rig, 1);
	CHECK_ERR(ks_read(rig.client, ks_bad_pointer(), sizeof(ev)), -EFAULT);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

KS_TEST(read_whole_records)
{
	struct hvcal_event evs[4];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-ev-whole", 1, 1);
	ks_events_queue(&rig, 3);
	CHECK_EQ(ks_read(rig.client, evs, sizeof(evs[0]) * 3 / 2), sizeof(evs[0]));
	CHECK_EQ(evs[0].user_data, 100);
	CHECK_EQ(ks_read(rig.client, evs, sizeof(evs)), 2 * sizeof(evs[0]));
	CHECK_EQ(evs[0].user_data, 101);
	CHECK_EQ(evs[1].user_data, 102);
	CHECK_EQ(evs[1].bytes, 12);
}

KS_TEST(event_fields)
{
	struct hvcal_event ev;
	struct ks_rig rig;
	uint64_t before, after;

	ks_rig_open(&rig, "ks-ev-fields", 1, 1);
	before = ks_now_ns();
	ks_events_queue(&rig, 1);
	after = ks_now_ns();
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.session, rig.session);
	CHECK_EQ(ev.engine, rig.p.engine);
	CHECK_EQ(ev.bytes, 10);
	CHECK_EQ(ev.timeline, 1);
	CHECK_GE(ev.submit_ns, before);
	CHECK_GE(ev.ready_ns, ev.submit_ns);
	CHECK_GE(ev.start_ns, ev.ready_ns);
	CHECK_GE(ev.done_ns, ev.start_ns);
	CHECK_LE(ev.done_ns, after);
	CHECK_EQ(ev.flags & ~HVCAL_EVENT_LATE, 0);
}

KS_TEST(result_is_carried)
{
	uint8_t bytes[HVCAL_RESULT_MAX];
	struct hvcal_item_result result = {
		.flags = HVCAL_RESULT_KEY,
		.bytes = 5,
		.engine_ns = 1000,
		.result = { (uintptr_t)bytes, sizeof(bytes), 0 },
	};
	struct hvcal_complete arg = {
		.results = { sizeof(result), 1, (uintptr_t)&result },
	};
	struct hvcal_event ev;
	struct hvcal_item item;
	struct ks_rig rig;

	memset(bytes, 0x5a, sizeof(bytes));
	ks_rig_open(&rig, "ks-ev-result", 1, 1);
	ks_rig_submit(&rig, rig.target, 0);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	result.id = item.id;
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_COMPLETE, &arg));
	CHECK_OK(result.verdict);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK(ev.flags & HVCAL_EVENT_KEY);
	CHECK_EQ(ev.result_len, sizeof(bytes));
	CHECK(!memcmp(ev.result, bytes, sizeof(bytes)));
}

/* A short result leaves nothing of an older one behind it. */
KS_TEST(result_is_cleared)
{
	struct hvcal_event ev;
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-ev-clear", 1, 1);
	for (int i = 0; i < 2; i++) {
		uint8_t bytes[HVCAL_RESULT_MAX];
		struct hvcal_item_result result = {
			.result = { (uintptr_t)bytes, i ? 8 : sizeof(bytes), 0 },
		};
		struct hvcal_complete arg = {
			.results = { sizeof(result), 1, (uintptr_t)&result },
		};
		struct hvcal_item item;

		memset(bytes, 0xa5, sizeof(bytes));
		ks_rig_submit(&rig, rig.target, 0);
		ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
		result.id = item.id;
		CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_COMPLETE, &arg));
		ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	}
	CHECK_EQ(ev.result_len, 8);
	for (size_t i = 8; i < sizeof(ev.result); i++)
		CHECK_EQ(ev.result[i], 0);
}

KS_TEST(poll_wakes)
{
	struct ks_rig rig;
	struct pollfd pfd = { .events = POLLIN };
	struct hvcal_event ev;

	ks_rig_open(&rig, "ks-ev-poll", 1, 1);
	pfd.fd = rig.client;
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	ks_events_queue(&rig, 1);
	CHECK_EQ(poll(&pfd, 1, ks_ms(KS_WAIT_MS)), 1);
	CHECK(pfd.revents & POLLIN);
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
}

static void ks_alarm(int sig)
{
	(void)sig;
}

static void ks_alarm_arm(int flags)
{
	struct sigaction sa = { .sa_handler = ks_alarm, .sa_flags = flags };
	struct itimerval timer = { { 0, 20000 }, { 0, 20000 } };

	CHECK_OK(sigaction(SIGALRM, &sa, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
}

KS_TEST(read_interrupted)
{
	struct hvcal_event ev;
	int client = ks_client();

	if (ks_storm_blows())
		ks_skip("interrupted calls are made again in a storm");
	ks_alarm_arm(0);
	CHECK_ERR(ks_read(client, &ev, sizeof(ev)), -EINTR);
}

/* Shared by the two tests that read while another thread works. */
struct ks_late {
	struct ks_rig *rig;
	unsigned int count;
};

static void *ks_late_events(void *arg)
{
	struct ks_late *late = arg;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	ks_sleep_ms(ks_ms(100));
	ks_events_queue(late->rig, late->count);
	return NULL;
}

/* With SA_RESTART a storm of signals is invisible. */
KS_TEST(read_restarts)
{
	struct hvcal_event ev;
	struct ks_rig rig;
	struct ks_late late = { &rig, 1 };
	pthread_t thread;

	ks_rig_open(&rig, "ks-ev-restart", 1, 1);
	CHECK_OK(pthread_create(&thread, NULL, ks_late_events, &late));
	ks_alarm_arm(SA_RESTART);
	CHECK_EQ(ks_read(rig.client, &ev, sizeof(ev)), sizeof(ev));
	CHECK_EQ(ev.type, HVCAL_EVENT_JOB);
	pthread_join(thread, NULL);
}

struct ks_reader {
	struct ks_rig *rig;
	struct hvcal_event evs[2];
};

static void *ks_reader_run(void *arg)
{
	struct ks_reader *reader = arg;

	for (int i = 0; i < 2; i++)
		CHECK_EQ(ks_read(reader->rig->client, &reader->evs[i], sizeof(reader->evs[i])),
			 sizeof(reader->evs[i]));
	return NULL;
}

/* Two readers get every event once between them. */
KS_TEST(two_readers)
{
	struct ks_reader readers[2];
	unsigned int seen[4] = { 0 };
	pthread_t threads[2];
	struct ks_rig rig;

	ks_rig_open(&rig, "ks-ev-two", 1, 1);
	for (int i = 0; i < 2; i++) {
		readers[i].rig = &rig;
		CHECK_OK(pthread_create(&threads[i], NULL, ks_reader_run, &readers[i]));
	}
	ks_events_queue(&rig, 4);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 4; i++) {
		uint64_t data = readers[i / 2].evs[i % 2].user_data;

		CHECK(data >= 100 && data < 104);
		seen[data - 100]++;
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(seen[i], 1);
}

KS_TEST(write_refused)
{
	uint64_t word = 0;
	int client = ks_client();

	CHECK_EQ(write(client, &word, sizeof(word)), -1);
	CHECK_EQ(errno, EINVAL);
}

KS_TEST(provider_read_refused)
{
	uint64_t word = 0;
	int provider = ks_provider_node(O_NONBLOCK);

	CHECK_ERR(ks_read(provider, &word, sizeof(word)), -EINVAL);
}
