// SPDX-License-Identifier: MIT
/* Every ioctl of /dev/hvcal-provider: right once, then wrong in one way at a time. */
#include <linux/sync_file.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spoil.h"

KS_TABLE(right, ks_provider_ops)
{
	ks_op_right(ks_ctx_open("ks-up-right", true), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_short, ks_provider_ops)
{
	ks_op_short(ks_ctx_open("ks-up-short", true), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_long_zero, ks_provider_ops)
{
	ks_op_long_zero(ks_ctx_open("ks-up-zero", true), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_long_set, ks_provider_ops)
{
	ks_op_long_set(ks_ctx_open("ks-up-set", true), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(pointer, ks_provider_ops)
{
	ks_op_fault(ks_ctx_open("ks-up-fault", true), ((const struct ks_op_row *)row)->op);
}

/* ---- one field wrong ---- */

#define UNKNOWN 0xfffff0
#define NOWHERE 0x1000		/* page that nothing maps: below mmap_min_addr */

static const struct ks_spoil spoils[] = {
	{ "register.flags", &ks_op_register, KS_FIELD(hvcal_engine_register, flags), HVCAL_ENGINE_FLAGS_ALL + 1, -EINVAL },
	{ "register.private", &ks_op_register, KS_FIELD(hvcal_engine_register, flags), HVCAL_ENGINE_PRIVATE, -EACCES },
	{ "register.foreign_memory", &ks_op_register, KS_FIELD(hvcal_engine_register, flags), HVCAL_ENGINE_FOREIGN_MEMORY, 0 },
	{ "register.kind_0", &ks_op_register, KS_FIELD(hvcal_engine_register, kind), 0, -EINVAL },
	{ "register.kind", &ks_op_register, KS_FIELD(hvcal_engine_register, kind), 4, -EINVAL },
	{ "register.numa_node", &ks_op_register, KS_FIELD(hvcal_engine_register, numa_node), (uint64_t)-2, -EINVAL },
	{ "register.slots_0", &ks_op_register, KS_FIELD(hvcal_engine_register, slots), 0, -EINVAL },
	{ "register.slots", &ks_op_register, KS_FIELD(hvcal_engine_register, slots), 1025, -EINVAL },
	{ "register.slots_max", &ks_op_register, KS_FIELD(hvcal_engine_register, slots), 1024, 0 },
	{ "register.depth_0", &ks_op_register, KS_FIELD(hvcal_engine_register, session_depth), 0, -EINVAL },
	{ "register.depth", &ks_op_register, KS_FIELD(hvcal_engine_register, session_depth), 65, -EINVAL },
	{ "register.caps_stride", &ks_op_register, KS_FIELD(hvcal_engine_register, caps.stride), 8, -EINVAL },
	{ "register.caps_0", &ks_op_register, KS_FIELD(hvcal_engine_register, caps.count), 0, -EINVAL },
	{ "register.caps_65", &ks_op_register, KS_FIELD(hvcal_engine_register, caps.count), 65, -EINVAL },
	{ "register.caps_ptr", &ks_op_register, KS_FIELD(hvcal_engine_register, caps.ptr), NOWHERE, -EFAULT },
	{ "register.pad", &ks_op_register, KS_FIELD(hvcal_engine_register, pad), 1, -EINVAL },

	{ "update.engine", &ks_op_update, KS_FIELD(hvcal_engine_update, engine), UNKNOWN, -ENODEV },
	{ "update.flags", &ks_op_update, KS_FIELD(hvcal_engine_update, flags), 2, -EINVAL },
	{ "update.external_ppm", &ks_op_update, KS_FIELD(hvcal_engine_update, external_ppm), 1000001, -EINVAL },
	{ "update.external_ppm_max", &ks_op_update, KS_FIELD(hvcal_engine_update, external_ppm), 1000000, 0 },
	{ "unregister.engine", &ks_op_unregister, KS_FIELD(hvcal_engine_unregister, engine), UNKNOWN, -ENODEV },
	{ "unregister.flags", &ks_op_unregister, KS_FIELD(hvcal_engine_unregister, flags), 1, -EINVAL },

	{ "acquire.room_3", &ks_op_acquire, KS_FIELD(hvcal_acquire, items.count), 3, -EINVAL },
	{ "acquire.room_0", &ks_op_acquire, KS_FIELD(hvcal_acquire, items.count), 0, -EINVAL },
	{ "acquire.stride_0", &ks_op_acquire, KS_FIELD(hvcal_acquire, items.stride), 0, -EINVAL },
	{ "acquire.stride_short", &ks_op_acquire, KS_FIELD(hvcal_acquire, items.stride), sizeof(struct hvcal_item) - 8, -EINVAL },
	{ "acquire.ptr", &ks_op_acquire, KS_FIELD(hvcal_acquire, items.ptr), NOWHERE, -EFAULT },
	{ "acquire.blobs_pad", &ks_op_acquire, KS_FIELD(hvcal_acquire, blobs.pad), 1, -EINVAL },

	{ "accept.id", &ks_op_accept, KS_FIELD(hvcal_accept, id), UNKNOWN, -ENOENT },
	{ "accept.id_0", &ks_op_accept, KS_FIELD(hvcal_accept, id), 0, -ENOENT },
	{ "accept.flags", &ks_op_accept, KS_FIELD(hvcal_accept, flags), 1, -EINVAL },
	{ "accept.fence_closed", &ks_op_accept, KS_FIELD(hvcal_accept, fence), 999, -EINVAL },

	{ "complete.stride_0", &ks_op_complete, KS_FIELD(hvcal_complete, results.stride), 0, -EINVAL },
	{ "complete.stride_short", &ks_op_complete, KS_FIELD(hvcal_complete, results.stride), sizeof(struct hvcal_item_result) - 8, -EINVAL },
	{ "complete.count_large", &ks_op_complete, KS_FIELD(hvcal_complete, results.count), HVCAL_BATCH_MAX + 1, -EINVAL },
	{ "complete.ptr", &ks_op_complete, KS_FIELD(hvcal_complete, results.ptr), NOWHERE, -EFAULT },
	{ "check.id", &ks_op_check, KS_FIELD(hvcal_item_check, id), UNKNOWN, -ENOENT },
	{ "check.id_0", &ks_op_check, KS_FIELD(hvcal_item_check, id), 0, -ENOENT },
};

KS_TABLE(field, spoils)
{
	ks_op_spoiled(ks_ctx_open("ks-up-field", true), row);
}

/* ---- engines ---- */

struct name_row { const char *label; const char *name; int want; };

static const struct name_row names[] = {
	{ "plain", "Az09._:-", 0 },
	{ "longest", "0123456789012345678901234567890", 0 },
	{ "empty", "", -EINVAL },
	{ "space", "a b", -EINVAL },
	{ "slash", "a/b", -EINVAL },
	{ "control", "a\n", -EINVAL },
	{ "high", "a\xe4", -EINVAL },
	{ "taken", "ks-up-name", -EBUSY },
};

KS_TABLE(name, names)
{
	const struct name_row *test = row;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	struct ks_provider p;

	ks_provider_open(&p, "ks-up-name", 1, 1);
	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, test->name);
	CHECK_ERR(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_REGISTER, &arg), test->want);
}

KS_TEST(name_unterminated)
{
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, "x");
	memset(arg.name, 'a', sizeof(arg.name));
	CHECK_ERR(ks_ioctl(ks_provider_node(0), HVCAL_IOC_ENGINE_REGISTER, &arg), -EINVAL);
}

/* A name is free again once its engine is gone. */
KS_TEST(name_comes_back)
{
	struct hvcal_engine_unregister gone = { 0 };
	struct ks_provider p, again;

	ks_provider_open(&p, "ks-up-again", 1, 1);
	gone.engine = p.engine;
	CHECK_OK(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone));
	CHECK_ERR(ks_ioctl(p.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone), -ENODEV);
	ks_provider_open(&again, "ks-up-again", 1, 1);
	CHECK_NE(again.engine, p.engine);
}

struct slot_row { const char *label; const char *slot; int want; };

static const struct slot_row slots[] = {
	{ "absent", "0000:ff:1f.7", -ENODEV },
	{ "absent_domain", "fffe:00:00.0", -ENODEV },
	{ "nonsense", "pci", -EINVAL },
};

KS_TABLE(slot, slots)
{
	const struct slot_row *test = row;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_register_init(&arg, &cap, "ks-up-slot");
	memcpy(arg.slot, test->slot, strlen(test->slot));
	CHECK_ERR(ks_ioctl(ks_provider_node(0), HVCAL_IOC_ENGINE_REGISTER, &arg), test->want);
}

struct cap_row { const char *label; size_t off, width; uint64_t value; int want; };

static const struct cap_row caps[] = {
	{ "op_0", KS_FIELD(hvcal_engine_cap, op), 0, -EINVAL },
	{ "op", KS_FIELD(hvcal_engine_cap, op), 99, -EINVAL },
	{ "codec_0", KS_FIELD(hvcal_engine_cap, codec), 0, -EINVAL },
	{ "depth_mask_0", KS_FIELD(hvcal_engine_cap, depth_mask), 0, -EINVAL },
	{ "flags", KS_FIELD(hvcal_engine_cap, flags), HVCAL_CAP_FLAGS_ALL + 1, -EINVAL },
	{ "width_order", KS_FIELD(hvcal_engine_cap, min_width), 8193, -EINVAL },
	{ "height_order", KS_FIELD(hvcal_engine_cap, min_height), 8193, -EINVAL },
	{ "formats_none", KS_FIELD(hvcal_engine_cap, formats[0]), 0, -EINVAL },
};

KS_TABLE(cap, caps)
{
	const struct cap_row *test = row;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	ks_spoil_apply(&cap, test->off, test->width, test->value);
	ks_register_init(&arg, &cap, "ks-up-cap");
	CHECK_ERR(ks_ioctl(ks_provider_node(0), HVCAL_IOC_ENGINE_REGISTER, &arg), test->want);
}

/* One provider cannot touch the engine or the items of another. */
KS_TEST(engine_of_another)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-mine", true);
	struct hvcal_engine_unregister gone = { .engine = ctx->rig.p.engine };
	struct hvcal_engine_update update = { .engine = ctx->rig.p.engine };
	struct hvcal_accept accept = { .id = ctx->item, .fence = -1 };
	struct hvcal_item_check check = { .id = ctx->item };
	struct ks_provider other;

	ks_provider_open(&other, "ks-up-other", 1, 1);
	CHECK_ERR(ks_ioctl(other.fd, HVCAL_IOC_ENGINE_UNREGISTER, &gone), -ENODEV);
	CHECK_ERR(ks_ioctl(other.fd, HVCAL_IOC_ENGINE_UPDATE, &update), -ENODEV);
	CHECK_ERR(ks_ioctl(other.fd, HVCAL_IOC_ACCEPT, &accept), -ENOENT);
	CHECK_ERR(ks_ioctl(other.fd, HVCAL_IOC_ITEM_CHECK, &check), -ENOENT);
	CHECK_ERR(ks_reply(&other, ctx->item, 0, 0), -ENOENT);
	CHECK_OK(ks_ioctl(ctx->rig.p.fd, HVCAL_IOC_ITEM_CHECK, &check));
}

/* ---- acquire ---- */

struct ks_racer {
	int fd;
	atomic_uint next;	/* number that comes next, most likely */
	atomic_bool end;
};

static void *ks_unregister_early(void *arg)
{
	struct ks_racer *r = arg;

	while (!atomic_load(&r->end)) {
		struct hvcal_engine_unregister un = { .engine = atomic_load(&r->next) };

		ks_ioctl(r->fd, HVCAL_IOC_ENGINE_UNREGISTER, &un);
	}
	return NULL;
}

/* One thread registers, the other guesses the number: gone before the call is back. */
KS_TEST(unregistered_while_registering)
{
	struct ks_racer r = { .fd = ks_provider_node(0) };
	uint64_t end = ks_now_ns() + ks_ms(500) * KS_MS;
	struct hvcal_engine_register arg;
	struct hvcal_engine_cap cap;
	unsigned int gone = 0;
	pthread_t thread;

	ks_cap_init(&cap);
	CHECK_EQ(pthread_create(&thread, NULL, ks_unregister_early, &r), 0);
	while (ks_now_ns() < end) {
		struct hvcal_engine_unregister un;

		ks_register_init(&arg, &cap, "ks-racing");
		CHECK_OK(ks_ioctl(r.fd, HVCAL_IOC_ENGINE_REGISTER, &arg));
		if (atomic_load(&r.next))
			CHECK_EQ(arg.engine, atomic_load(&r.next));
		un = (struct hvcal_engine_unregister){ .engine = arg.engine };
		gone += ks_ioctl(r.fd, HVCAL_IOC_ENGINE_UNREGISTER, &un) == -ENODEV;
		atomic_store(&r.next, arg.engine + 1);
	}
	atomic_store(&r.end, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	ks_note("%u of %u engines were gone early", gone, arg.engine);
	close(r.fd);
}

KS_TEST(acquire_nonblock)
{
	struct ks_provider p;

	ks_provider_open(&p, "ks-up-again", 1, 1);
	CHECK_ERR(ks_acquire(&p), -EAGAIN);
}

KS_TEST(acquire_waits_and_is_killable)
{
	uint8_t area[4096] __attribute__((aligned(8)));
	struct hvcal_acquire arg = {
		.items = { sizeof(struct hvcal_item), 8, (uintptr_t)area },
	};
	int fd, status = 0;
	pid_t pid = fork();

	CHECK_GE(pid, 0);
	if (!pid) {
		/* the process that opens is the one that acquires */
		fd = ks_provider_node(0);
		ks_ioctl(fd, HVCAL_IOC_ACQUIRE, &arg);
		_exit(0);
	}
	ks_sleep_ms(ks_ms(200));
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
}

KS_TEST(acquire_other_process)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-process", true);
	int status;
	pid_t pid;

	ks_rig_submit(&ctx->rig, ctx->rig.target2, 2);
	pid = fork();
	CHECK_GE(pid, 0);
	if (!pid) {
		CHECK_ERR(ks_acquire(&ctx->rig.p), -EACCES);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	/* what was refused there is still here */
	CHECK_OK(ks_acquire(&ctx->rig.p));
}

/* EMSGSIZE tells the length, and with it the same item comes. */
KS_TEST(acquire_blob_room)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-room", true);
	struct hvcal_acquire arg = {
		.items = { sizeof(struct hvcal_item), 8, (uintptr_t)ctx->items },
	};
	struct hvcal_item *item = NULL;
	struct hvcal_job_desc job;

	ks_job_init(&job, ctx->rig.source, ctx->rig.target2);
	memset(ctx->bytes + 4096, 0x77, 100);
	memset(ctx->bytes + 5000, 0x88, 50);
	job.params = (struct hvcal_blob) { (uintptr_t)ctx->bytes + 4096, 100, 0 };
	job.meta = (struct hvcal_blob) { (uintptr_t)ctx->bytes + 5000, 50, 0 };
	CHECK_EQ(ks_submit(ctx->rig.client, ctx->rig.session, &job, 1), 1);
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ACQUIRE, &arg), -EMSGSIZE);
	CHECK_GE(arg.blob_used, 150);
	CHECK_LE(arg.blob_used, 4096);
	arg.blobs = (struct hvcal_blob) { (uintptr_t)ctx->bytes, (uint32_t)arg.blob_used, 0 };
	arg.items.count = 8;
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ACQUIRE, &arg));
	for (uint32_t i = 0; i < arg.items.count; i++)
		if (ctx->items[i].type == HVCAL_ITEM_ENCODE)
			item = &ctx->items[i];
	CHECK(item);
	CHECK_EQ(item->params_len, 100);
	CHECK_EQ(item->meta_len, 50);
	CHECK_EQ(item->params_off % 8, 0);
	CHECK_EQ(item->meta_off % 8, 0);
	CHECK_EQ(ctx->bytes[item->params_off + 99], 0x77);
	CHECK_EQ(ctx->bytes[item->meta_off + 49], 0x88);
}

KS_TEST(item_fields)
{
	struct ks_rig rig;
	struct hvcal_item item;
	struct hvcal_job_desc job;
	uint64_t deadline = ks_now_ns() + 3000 * KS_MS;

	ks_rig_open(&rig, "ks-up-item", 1, 1);
	ks_job_init(&job, rig.source, rig.target);
	job.target_offset = 4096;
	job.target_size = 8192;
	job.side = rig.source;
	job.side_offset = 512;
	job.side_size = 1024;
	job.deadline_ns = deadline;
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	CHECK_EQ(item.target_offset, 4096);
	CHECK_EQ(item.target_size, 8192);
	CHECK_EQ(item.side, item.source);
	CHECK_EQ(item.side_offset, 512);
	CHECK_EQ(item.side_size, 1024);
	CHECK_EQ(item.deadline_ns, deadline);
	CHECK_GE(item.budget_ns, 1);
}

KS_TEST(poll_tells_work)
{
	struct ks_rig rig;
	struct pollfd pfd = { .events = POLLIN };

	ks_rig_open(&rig, "ks-up-poll", 1, 1);
	pfd.fd = rig.p.fd;
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	ks_rig_submit(&rig, rig.target, 0);
	CHECK_EQ(poll(&pfd, 1, ks_ms(KS_WAIT_MS)), 1);
	CHECK(pfd.revents & POLLIN);
}

/* ---- verdicts ---- */

KS_TEST(verdict_unknown)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-unknown", true);

	CHECK_ERR(ks_reply(&ctx->rig.p, UNKNOWN, 0, 0), -ENOENT);
}

KS_TEST(verdict_twice)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-twice", true);

	CHECK_OK(ks_reply(&ctx->rig.p, ctx->item, 0, 10));
	CHECK_ERR(ks_reply(&ctx->rig.p, ctx->item, 0, 10), -ENOENT);
}

KS_TEST(verdict_too_many_bytes)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-bytes", true);
	struct hvcal_event ev;

	CHECK_ERR(ks_reply(&ctx->rig.p, ctx->item, 0, KS_FRAME_BYTES + 1), -EPROTO);
	ks_expect_event(ctx->rig.client, &ev, HVCAL_EVENT_JOB, -EPROTO);
	CHECK_EQ(ev.bytes, 0);
}

KS_TEST(verdict_canceled)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-canceled", true);
	struct hvcal_item_check check = { .id = ctx->item };

	CHECK_OK(ks_cancel(ctx->rig.client, ctx->rig.session, ctx->job, NULL));
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ITEM_CHECK, &check), -ECANCELED);
	CHECK_ERR(ks_reply(&ctx->rig.p, ctx->item, 0, 10), -ECANCELED);
}

/* Each element gets its own verdict. */
KS_TEST(verdict_each)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-each", true);
	struct hvcal_complete arg = {
		.results = { sizeof(ctx->results[0]), 3, (uintptr_t)ctx->results },
	};
	struct hvcal_event ev;

	ctx->results[0].id = UNKNOWN;
	ctx->results[1].id = ctx->item;
	ctx->results[1].bytes = 7;
	ctx->results[2].id = ctx->item;
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_COMPLETE, &arg));
	CHECK_ERR(ctx->results[0].verdict, -ENOENT);
	CHECK_ERR(ctx->results[1].verdict, 0);
	CHECK_ERR(ctx->results[2].verdict, -ENOENT);
	ks_expect_event(ctx->rig.client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.bytes, 7);
}

struct status_row { const char *label; int status; };

static const struct status_row statuses[] = {
	{ "enomem", -ENOMEM },
	{ "eio", -EIO },
	{ "einval", -EINVAL },
	{ "lowest", -4095 },
};

KS_TABLE(status_reaches_client, statuses)
{
	const struct status_row *test = row;
	struct ks_ctx *ctx = ks_ctx_open("ks-up-status", true);
	struct hvcal_event ev;

	CHECK_OK(ks_reply(&ctx->rig.p, ctx->item, test->status, 0));
	ks_expect_event(ctx->rig.client, &ev, HVCAL_EVENT_JOB, test->status);
	CHECK_EQ(ks_stats(ctx->rig.client, ctx->rig.session).failed, 1);
}

struct result_row { const char *label; size_t off, width; uint64_t value; };

/*
 * A result that is never right. The interface leaves open whether the whole
 * call fails or the element gets the verdict, so both are taken; a reply that is
 * taken for a good one is not.
 */
static const struct result_row bad_results[] = {
	{ "status_positive", KS_FIELD(hvcal_item_result, status), 1 },
	{ "status_low", KS_FIELD(hvcal_item_result, status), (uint64_t)-4096 },
	{ "flags", KS_FIELD(hvcal_item_result, flags), HVCAL_RESULT_FLAGS_ALL + 1 },
	{ "pad", KS_FIELD(hvcal_item_result, pad), 1 },
	{ "result_len", KS_FIELD(hvcal_item_result, result.len), HVCAL_RESULT_MAX + 1 },
	{ "result_pad", KS_FIELD(hvcal_item_result, result.pad), 1 },
	{ "result_ptr", KS_FIELD(hvcal_item_result, result.ptr), NOWHERE },
};

KS_TABLE(result, bad_results)
{
	const struct result_row *bad = row;
	struct ks_ctx *ctx = ks_ctx_open("ks-up-result", true);
	struct hvcal_complete arg = { 0 };
	int err;

	ks_op_complete.fill(ctx, &arg);
	ks_spoil_apply(&ctx->results[0], bad->off, bad->width, bad->value);
	err = ks_ioctl(ctx->fd, HVCAL_IOC_COMPLETE, &arg);
	if (!err)
		err = ctx->results[0].verdict;
	if (err != -EINVAL && err != -EPROTO && err != -E2BIG && err != -EFAULT)
		ks_fail(__FILE__, __LINE__, "taken: %s", ks_err(err));
}

/* ---- accept ---- */

KS_TEST(accept_event)
{
	struct ks_rig rig;
	struct hvcal_accept accept = { .fence = -1 };
	struct hvcal_event ev;
	struct hvcal_item item;
	struct hvcal_job_desc job;

	ks_rig_open(&rig, "ks-up-accept", 1, 1);
	ks_job_init(&job, rig.source, rig.target);
	job.flags = HVCAL_JOB_WANT_FENCE;
	job.user_data = 77;
	CHECK_EQ(ks_submit(rig.client, rig.session, &job, 1), 1);
	ks_expect_item(&rig.p, &item, HVCAL_ITEM_ENCODE);
	accept.id = item.id;
	CHECK_OK(ks_ioctl(rig.p.fd, HVCAL_IOC_ACCEPT, &accept));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_ACCEPTED, 0);
	CHECK_EQ(ev.job, job.job);
	CHECK_EQ(ev.user_data, 77);
	CHECK_EQ(ev.flags & HVCAL_EVENT_FENCE, 0);
	CHECK_OK(ks_reply(&rig.p, item.id, 0, 1));
	ks_expect_event(rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

KS_TEST(accept_not_wanted)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-unwanted", true);
	struct hvcal_accept accept = { .id = ctx->item, .fence = -1 };

	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ACCEPT, &accept));
	ks_expect_quiet(ctx->rig.client);
}

KS_TEST(accept_vgem_fence)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-vgem", true);
	struct ks_fence fence = ks_fence_vgem();
	struct hvcal_accept accept = { .id = ctx->item, .fence = fence.sync };

	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ACCEPT, &accept), -EINVAL);
	ks_fence_signal(&fence);
}

KS_TEST(accept_sw_sync_fence)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-swsync", true);
	struct ks_fence fence = ks_fence_sw_sync();
	struct hvcal_accept accept = { .id = ctx->item, .fence = fence.sync };

	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ACCEPT, &accept), -EINVAL);
	ks_fence_signal(&fence);
}

/* A forbidden fence does not become better by being merged with another. */
KS_TEST(accept_merged_fence)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-merged", true);
	struct ks_fence one = ks_fence_any(), two = ks_fence_any();
	struct sync_merge_data merge = { .name = "ks", .fd2 = two.sync };
	struct hvcal_accept accept = { .id = ctx->item };

	CHECK_OK(ks_ioctl(one.sync, SYNC_IOC_MERGE, &merge));
	accept.fence = merge.fence;
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ACCEPT, &accept), -EINVAL);
	ks_fence_signal(&one);
	ks_fence_signal(&two);
}

KS_TEST(accept_dmabuf)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-up-notsync", true);
	struct hvcal_accept accept = { .id = ctx->item, .fence = ctx->dmabuf.fd };

	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_ACCEPT, &accept), -EINVAL);
}

/* ---- numbers ---- */

struct number { const char *label; unsigned long cmd; };

static const struct number client_numbers[] = {
	{ "session_create", HVCAL_IOC_SESSION_CREATE },
	{ "session_reconfigure", HVCAL_IOC_SESSION_RECONFIGURE },
	{ "session_flush", HVCAL_IOC_SESSION_FLUSH },
	{ "session_destroy", HVCAL_IOC_SESSION_DESTROY },
	{ "session_stats", HVCAL_IOC_SESSION_STATS },
	{ "buffer_import", HVCAL_IOC_BUFFER_IMPORT },
	{ "buffer_release", HVCAL_IOC_BUFFER_RELEASE },
	{ "job_submit", HVCAL_IOC_JOB_SUBMIT },
	{ "job_cancel", HVCAL_IOC_JOB_CANCEL },
	{ "job_fence", HVCAL_IOC_JOB_FENCE },
	{ "private_provider", HVCAL_IOC_PRIVATE_PROVIDER },
};

KS_TABLE(other_node, client_numbers)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };

	CHECK_ERR(ks_ioctl(ks_provider_node(0), ((const struct number *)row)->cmd, arg), -EACCES);
}

KS_TEST(unknown_number)
{
	int fd = ks_provider_node(0);
	uint64_t word[8] = { 0 };

	for (unsigned int nr = 0x60; nr < 0x100; nr++)
		CHECK_ERR(ks_ioctl(fd, _IOWR(HVCAL_IOC_MAGIC, nr, word), word), -ENOTTY);
}
