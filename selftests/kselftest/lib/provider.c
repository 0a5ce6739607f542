// SPDX-License-Identifier: MIT
/* A provider that a test drives step by step, and the rig around it. */
#include "../ks.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void ks_cap_init(struct hvcal_engine_cap *cap)
{
	*cap = (struct hvcal_engine_cap) {
		.op = HVCAL_OP_ENCODE,
		.codec = HVCAL_CODEC_NULL,
		.depth_mask = 1U << 8,
		.flags = HVCAL_CAP_FORCE_KEY,
		.min_width = 16,
		.min_height = 16,
		.max_width = 8192,
		.max_height = 8192,
		.cost_ns_per_mpix = 1000000,
		.formats = { HVCAL_FORMAT_NV12 },
	};
}

void ks_register_init(struct hvcal_engine_register *arg, const struct hvcal_engine_cap *cap,
		      const char *name)
{
	*arg = (struct hvcal_engine_register) {
		.kind = HVCAL_ENGINE_TEST,
		.numa_node = -1,
		.slots = 1,
		.session_depth = 1,
		.caps = { sizeof(*cap), 1, (uintptr_t)cap },
	};
	snprintf(arg->name, sizeof(arg->name), "%s", name);
}

static void ks_register_at(struct ks_provider *p, int fd, struct hvcal_engine_register *arg)
{
	memset(p, 0, sizeof(*p));
	p->fd = fd;
	CHECK_OK(ks_ioctl(p->fd, HVCAL_IOC_ENGINE_REGISTER, arg));
	CHECK_NE(arg->engine, 0);
	p->engine = arg->engine;
}

void ks_provider_register(struct ks_provider *p, struct hvcal_engine_register *arg)
{
	ks_register_at(p, ks_provider_node(O_NONBLOCK), arg);
}

int ks_private_file(int client)
{
	struct hvcal_private_provider arg = { 0 };

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_PRIVATE_PROVIDER, &arg));
	CHECK(fcntl(arg.fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(fcntl(arg.fd, F_SETFL, O_NONBLOCK), 0);
	return arg.fd;
}

void ks_private_register(struct ks_provider *p, int client, struct hvcal_engine_register *arg)
{
	arg->flags |= HVCAL_ENGINE_PRIVATE;
	ks_register_at(p, ks_private_file(client), arg);
}

void ks_provider_open(struct ks_provider *p, const char *name, uint32_t slots, uint32_t depth)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, name);
	arg.slots = slots;
	arg.session_depth = depth;
	ks_provider_register(p, &arg);
}

void ks_provider_close(struct ks_provider *p)
{
	close(p->fd);
	p->fd = -1;
	for (int i = 0; i < KS_PROVIDER_BUFS; i++)
		for (int plane = 0; p->bufs[i].number && plane < HVCAL_MAX_PLANES; plane++)
			if (p->bufs[i].fds[plane] >= 0)
				close(p->bufs[i].fds[plane]);
}

struct ks_provider_buf *ks_provider_find(struct ks_provider *p, uint32_t number)
{
	for (int i = 0; i < KS_PROVIDER_BUFS; i++)
		if (p->bufs[i].number == number)
			return &p->bufs[i];
	return NULL;
}

static void ks_buffer_add(struct ks_provider *p, const struct hvcal_item *item)
{
	struct ks_provider_buf *buf = ks_provider_find(p, 0);

	CHECK_NE(item->buffer, 0);
	if (ks_provider_find(p, item->buffer))
		ks_fail(__FILE__, __LINE__, "buffer %u was added twice", item->buffer);
	CHECK(buf);
	CHECK_EQ(item->fds[0] < 0, !!(item->buffer_flags & HVCAL_BUFFER_PRIVATE));
	for (int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (item->fds[i] >= 0)
			CHECK(fcntl(item->fds[i], F_GETFD) & FD_CLOEXEC);
	*buf = (struct ks_provider_buf) { item->buffer, item->buffer_flags, item->buffer_size,
		{ item->fds[0], item->fds[1], item->fds[2], item->fds[3] } };
	p->adds++;
}

static void ks_buffer_drop(struct ks_provider *p, const struct hvcal_item *item)
{
	struct ks_provider_buf *buf = ks_provider_find(p, item->buffer);

	if (!item->buffer || !buf)
		ks_fail(__FILE__, __LINE__, "buffer %u dropped but never added", item->buffer);
	for (int i = 0; i < HVCAL_MAX_PLANES; i++)
		if (buf->fds[i] >= 0)
			close(buf->fds[i]);
	memset(buf, 0, sizeof(*buf));
	p->drops++;
}

/* Every buffer that a frame names must have been given before it. */
static void ks_item_check(struct ks_provider *p, const struct hvcal_item *item)
{
	CHECK_NE(item->id, 0);
	CHECK_EQ(item->engine, p->engine);
	CHECK_LE((uint64_t)item->params_off + item->params_len, KS_BLOB_BYTES);
	if (item->params_len)
		CHECK_EQ(item->params_off % 8, 0);
	if (item->type != HVCAL_ITEM_ENCODE)
		return;
	CHECK_NE(item->stream, 0);
	CHECK(ks_provider_find(p, item->source));
	CHECK(ks_provider_find(p, item->target));
	CHECK(!item->side || ks_provider_find(p, item->side));
}

int ks_acquire(struct ks_provider *p)
{
	struct hvcal_acquire arg = {
		.items = { sizeof(p->items[0]), KS_ITEMS, (uintptr_t)p->items },
		.blobs = { (uintptr_t)p->blobs, sizeof(p->blobs), 0 },
	};
	int err;

	p->head = p->count = 0;
	err = ks_ioctl(p->fd, HVCAL_IOC_ACQUIRE, &arg);
	if (err)
		return err;
	CHECK_LE(arg.items.count, KS_ITEMS);
	p->count = arg.items.count;
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->items[i].type == HVCAL_ITEM_BUFFER_ADD)
			ks_buffer_add(p, &p->items[i]);
		else if (p->items[i].type == HVCAL_ITEM_BUFFER_DROP)
			ks_buffer_drop(p, &p->items[i]);
		else
			ks_item_check(p, &p->items[i]);
	}
	return 0;
}

int ks_next(struct ks_provider *p, struct hvcal_item *item, int ms)
{
	uint64_t until = ks_now_ns() + (uint64_t)ms * KS_MS;

	for (;;) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };
		uint64_t now;
		int err;

		while (p->head < p->count) {
			*item = p->items[p->head++];
			if (item->type != HVCAL_ITEM_BUFFER_ADD &&
			    item->type != HVCAL_ITEM_BUFFER_DROP)
				return 0;
		}
		now = ks_now_ns();
		if (poll(&pfd, 1, now < until ? (int)((until - now) / KS_MS) : 0) == 0 &&
		    ks_now_ns() >= until)
			return -ETIMEDOUT;
		err = ks_acquire(p);
		if (err && err != -EAGAIN)
			return err;
	}
}

void ks_expect_item(struct ks_provider *p, struct hvcal_item *item, uint32_t type)
{
	CHECK_OK(ks_next(p, item, ks_ms(KS_WAIT_MS)));
	CHECK_EQ(item->type, type);
}

void ks_expect_idle(struct ks_provider *p)
{
	struct hvcal_item item;
	int err = ks_next(p, &item, ks_ms(KS_QUIET_MS));

	if (!err)
		ks_note("unexpected item type %u", item.type);
	CHECK_ERR(err, -ETIMEDOUT);
}

int ks_reply(struct ks_provider *p, uint64_t id, int status, uint64_t bytes)
{
	struct hvcal_item_result result = { .id = id, .status = status, .bytes = bytes };
	struct hvcal_complete arg = {
		.results = { sizeof(result), 1, (uintptr_t)&result },
	};
	int err = ks_ioctl(p->fd, HVCAL_IOC_COMPLETE, &arg);

	return err ? err : result.verdict;
}

void ks_open_reply(struct ks_provider *p, int client)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_OPEN);
	CHECK_OK(ks_reply(p, item.id, 0, 0));
	ks_expect_event(client, &ev, HVCAL_EVENT_OPENED, 0);
}

void ks_close_reply(struct ks_provider *p)
{
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_CLOSE);
	CHECK_OK(ks_reply(p, item.id, 0, 0));
}

uint32_t ks_session(struct ks_provider *p, int client, struct hvcal_session_create *arg)
{
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_SESSION_CREATE, arg));
	CHECK_NE(arg->session, 0);
	CHECK_EQ(arg->chosen, p->engine);
	ks_open_reply(p, client);
	return arg->session;
}

uint32_t ks_session_plain(struct ks_provider *p, int client)
{
	struct hvcal_session_create arg;

	ks_create_init(&arg, p->engine);
	return ks_session(p, client, &arg);
}

void ks_rig_open(struct ks_rig *rig, const char *name, uint32_t slots, uint32_t depth)
{
	memset(rig, 0, sizeof(*rig));
	rig->client = ks_client();
	ks_provider_open(&rig->p, name, slots, depth);
	rig->session = ks_session_plain(&rig->p, rig->client);
	rig->source = ks_import_new(rig->client, HVCAL_BUFFER_SOURCE);
	rig->target = ks_import_new(rig->client, HVCAL_BUFFER_TARGET);
	rig->target2 = ks_import_new(rig->client, HVCAL_BUFFER_TARGET);
}

uint64_t ks_rig_submit(struct ks_rig *rig, uint32_t target, uint64_t user_data)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, rig->source, target);
	job.user_data = user_data;
	CHECK_EQ(ks_submit(rig->client, rig->session, &job, 1), 1);
	CHECK_NE(job.job, 0);
	return job.job;
}

void ks_rig_run(struct ks_rig *rig, uint64_t user_data)
{
	struct hvcal_event ev;
	struct hvcal_item item;
	uint64_t job = ks_rig_submit(rig, rig->target, user_data);

	ks_expect_item(&rig->p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(&rig->p, item.id, 0, 100));
	ks_expect_event(rig->client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	CHECK_EQ(ev.user_data, user_data);
}
