// SPDX-License-Identifier: MIT
/* Every ioctl of /dev/hvcal: right once, then wrong in one way at a time. */
#include <string.h>
#include <unistd.h>

#include "spoil.h"

KS_TABLE(right, ks_client_ops)
{
	ks_op_right(ks_ctx_open("ks-uc-right", false), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_short, ks_client_ops)
{
	ks_op_short(ks_ctx_open("ks-uc-short", false), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_long_zero, ks_client_ops)
{
	ks_op_long_zero(ks_ctx_open("ks-uc-zero", false), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(size_long_set, ks_client_ops)
{
	ks_op_long_set(ks_ctx_open("ks-uc-set", false), ((const struct ks_op_row *)row)->op);
}

KS_TABLE(pointer, ks_client_ops)
{
	ks_op_fault(ks_ctx_open("ks-uc-fault", false), ((const struct ks_op_row *)row)->op);
}

/* ---- one field wrong ---- */

#define UNKNOWN 0xfffff0
#define NOWHERE 0x1000		/* page that nothing maps: below mmap_min_addr */

static const struct ks_spoil spoils[] = {
	{ "engine_list.stride_0", &ks_op_engine_list, KS_FIELD(hvcal_engine_list, engines.stride), 0, -EINVAL },
	{ "engine_list.stride_short", &ks_op_engine_list, KS_FIELD(hvcal_engine_list, engines.stride), sizeof(struct hvcal_engine_info) - 8, -EINVAL },
	{ "engine_list.ptr", &ks_op_engine_list, KS_FIELD(hvcal_engine_list, engines.ptr), NOWHERE, -EFAULT },
	{ "engine_caps.pad", &ks_op_engine_caps, KS_FIELD(hvcal_engine_caps, pad), 1, -EINVAL },
	{ "engine_caps.engine", &ks_op_engine_caps, KS_FIELD(hvcal_engine_caps, engine), UNKNOWN, -ENODEV },
	{ "engine_caps.stride", &ks_op_engine_caps, KS_FIELD(hvcal_engine_caps, caps.stride), 8, -EINVAL },
	{ "engine_caps.ptr", &ks_op_engine_caps, KS_FIELD(hvcal_engine_caps, caps.ptr), NOWHERE, -EFAULT },
	{ "gpu_list.stride", &ks_op_gpu_list, KS_FIELD(hvcal_gpu_list, gpus.stride), 8, -EINVAL },

	{ "create.flags", &ks_op_create, KS_FIELD(hvcal_session_create, flags), 1, -EINVAL },
	{ "create.op_0", &ks_op_create, KS_FIELD(hvcal_session_create, op), 0, -EINVAL },
	{ "create.op_unknown", &ks_op_create, KS_FIELD(hvcal_session_create, op), 99, -EINVAL },
	{ "create.op_decode", &ks_op_create, KS_FIELD(hvcal_session_create, op), HVCAL_OP_DECODE, -EOPNOTSUPP },
	{ "create.op_process", &ks_op_create, KS_FIELD(hvcal_session_create, op), HVCAL_OP_PROCESS, -EOPNOTSUPP },
	{ "create.codec_0", &ks_op_create, KS_FIELD(hvcal_session_create, codec), 0, -EINVAL },
	{ "create.codec_other", &ks_op_create, KS_FIELD(hvcal_session_create, codec), HVCAL_CODEC_AV1, -ENOTCONN },
	{ "create.format_0", &ks_op_create, KS_FIELD(hvcal_session_create, format), 0, -EINVAL },
	{ "create.format_other", &ks_op_create, KS_FIELD(hvcal_session_create, format), HVCAL_FORMAT_P010, -ENOTCONN },
	{ "create.engine", &ks_op_create, KS_FIELD(hvcal_session_create, engine), UNKNOWN, -ENODEV },
	{ "create.gpu", &ks_op_create, KS_FIELD(hvcal_session_create, gpu), UNKNOWN, -ENODEV },
	{ "create.loss", &ks_op_create, KS_FIELD(hvcal_session_create, loss), 2, -EINVAL },
	{ "create.max_queued", &ks_op_create, KS_FIELD(hvcal_session_create, max_queued), 0x7fffffff, -EINVAL },
	{ "create.need_unknown", &ks_op_create, KS_FIELD(hvcal_session_create, need), HVCAL_CAP_FLAGS_ALL + 1, -EINVAL },
	{ "create.need_absent", &ks_op_create, KS_FIELD(hvcal_session_create, need), HVCAL_CAP_LOSSLESS, -ENOTCONN },
	{ "create.pad", &ks_op_create, KS_FIELD(hvcal_session_create, pad), 1, -EINVAL },
	{ "create.pad2", &ks_op_create, KS_FIELD(hvcal_session_create, pad2), 1, -EINVAL },
	{ "create.class", &ks_op_create, KS_FIELD(hvcal_session_create, res.sched_class), 2, -EINVAL },
	{ "create.depth_low", &ks_op_create, KS_FIELD(hvcal_session_create, res.bit_depth), 7, -EINVAL },
	{ "create.depth_high", &ks_op_create, KS_FIELD(hvcal_session_create, res.bit_depth), 17, -EINVAL },
	{ "create.depth_other", &ks_op_create, KS_FIELD(hvcal_session_create, res.bit_depth), 10, -ENOTCONN },
	{ "create.width_0", &ks_op_create, KS_FIELD(hvcal_session_create, res.width), 0, -EINVAL },
	{ "create.height_0", &ks_op_create, KS_FIELD(hvcal_session_create, res.height), 0, -EINVAL },
	{ "create.width_large", &ks_op_create, KS_FIELD(hvcal_session_create, res.width), 8194, -ENOTCONN },
	{ "create.height_small", &ks_op_create, KS_FIELD(hvcal_session_create, res.height), 8, -ENOTCONN },
	{ "create.preset", &ks_op_create, KS_FIELD(hvcal_session_create, res.preset), 10, -EINVAL },
	{ "create.res_pad", &ks_op_create, KS_FIELD(hvcal_session_create, res.pad), 1, -EINVAL },
	{ "create.config_ptr", &ks_op_create, KS_FIELD(hvcal_session_create, config.ptr), NOWHERE, -EFAULT },
	{ "create.config_null", &ks_op_create, KS_FIELD(hvcal_session_create, config.ptr), 0, -EINVAL },
	{ "create.config_len", &ks_op_create, KS_FIELD(hvcal_session_create, config.len), HVCAL_CONFIG_MAX + 1, -E2BIG },
	{ "create.config_pad", &ks_op_create, KS_FIELD(hvcal_session_create, config.pad), 1, -EINVAL },

	{ "reconfigure.session", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, session), UNKNOWN, -ENOENT },
	{ "reconfigure.session_0", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, session), 0, -ENOENT },
	{ "reconfigure.flags", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, flags), 2, -EINVAL },
	{ "reconfigure.width", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, res.width), 0, -EINVAL },
	{ "reconfigure.depth", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, res.bit_depth), 4, -EINVAL },
	{ "reconfigure.res_pad", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, res.pad), 1, -EINVAL },
	{ "reconfigure.config_ptr", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, config.ptr), NOWHERE, -EFAULT },
	{ "reconfigure.config_len", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, config.len), HVCAL_CONFIG_MAX + 1, -E2BIG },
	{ "reconfigure.config_pad", &ks_op_reconfigure, KS_FIELD(hvcal_session_reconfigure, config.pad), 1, -EINVAL },

	{ "flush.session", &ks_op_flush, KS_FIELD(hvcal_session_flush, session), UNKNOWN, -ENOENT },
	{ "flush.flags", &ks_op_flush, KS_FIELD(hvcal_session_flush, flags), 1, -EINVAL },
	{ "destroy.session", &ks_op_destroy, KS_FIELD(hvcal_session_destroy, session), UNKNOWN, -ENOENT },
	{ "destroy.session_0", &ks_op_destroy, KS_FIELD(hvcal_session_destroy, session), 0, -ENOENT },
	{ "destroy.pad", &ks_op_destroy, KS_FIELD(hvcal_session_destroy, pad), 1, -EINVAL },
	{ "stats.session", &ks_op_stats, KS_FIELD(hvcal_session_stats, session), UNKNOWN, -ENOENT },
	{ "stats.pad", &ks_op_stats, KS_FIELD(hvcal_session_stats, pad), 1, -EINVAL },

	{ "import.flags_0", &ks_op_import, KS_FIELD(hvcal_buffer_import, flags), 0, -EINVAL },
	{ "import.flags_unknown", &ks_op_import, KS_FIELD(hvcal_buffer_import, flags), HVCAL_BUFFER_FLAGS_ALL + 1, -EINVAL },
	{ "import.gpu", &ks_op_import, KS_FIELD(hvcal_buffer_import, gpu), UNKNOWN, -ENODEV },
	{ "import.private_target", &ks_op_import, KS_FIELD(hvcal_buffer_import, flags), HVCAL_BUFFER_TARGET | HVCAL_BUFFER_PRIVATE, -EINVAL },
	{ "import.private_with_fd", &ks_op_import, KS_FIELD(hvcal_buffer_import, flags), HVCAL_BUFFER_SOURCE | HVCAL_BUFFER_PRIVATE, -EINVAL },
	{ "private.flags", &ks_op_private, KS_FIELD(hvcal_private_provider, flags), 1, -EINVAL },
	{ "import.no_fd", &ks_op_import, KS_FIELD(hvcal_buffer_import, fds[0]), (uint64_t)-1, -EINVAL },
	{ "import.layout_ptr", &ks_op_import, KS_FIELD(hvcal_buffer_import, layout.ptr), NOWHERE, -EFAULT },
	{ "import.layout_len", &ks_op_import, KS_FIELD(hvcal_buffer_import, layout.len), HVCAL_LAYOUT_MAX + 1, -E2BIG },
	{ "import.layout_pad", &ks_op_import, KS_FIELD(hvcal_buffer_import, layout.pad), 1, -EINVAL },
	{ "import.pad", &ks_op_import, KS_FIELD(hvcal_buffer_import, pad), 1, -EINVAL },
	{ "release.buffer", &ks_op_release, KS_FIELD(hvcal_buffer_release, buffer), UNKNOWN, -ENOENT },
	{ "release.buffer_0", &ks_op_release, KS_FIELD(hvcal_buffer_release, buffer), 0, -ENOENT },
	{ "release.pad", &ks_op_release, KS_FIELD(hvcal_buffer_release, pad), 1, -EINVAL },

	{ "submit.session", &ks_op_submit, KS_FIELD(hvcal_job_submit, session), UNKNOWN, -ENOENT },
	{ "submit.flags", &ks_op_submit, KS_FIELD(hvcal_job_submit, flags), 1, -EINVAL },
	{ "submit.stride_0", &ks_op_submit, KS_FIELD(hvcal_job_submit, jobs.stride), 0, -EINVAL },
	{ "submit.stride_short", &ks_op_submit, KS_FIELD(hvcal_job_submit, jobs.stride), sizeof(struct hvcal_job_desc) - 8, -EINVAL },
	{ "submit.count_0", &ks_op_submit, KS_FIELD(hvcal_job_submit, jobs.count), 0, 0 },
	{ "submit.count_large", &ks_op_submit, KS_FIELD(hvcal_job_submit, jobs.count), HVCAL_BATCH_MAX + 1, -EINVAL },
	{ "submit.ptr", &ks_op_submit, KS_FIELD(hvcal_job_submit, jobs.ptr), NOWHERE, -EFAULT },
	{ "cancel.session", &ks_op_cancel, KS_FIELD(hvcal_job_cancel, session), UNKNOWN, -ENOENT },
	{ "cancel.pad", &ks_op_cancel, KS_FIELD(hvcal_job_cancel, pad), 1, -EINVAL },
	{ "cancel.job", &ks_op_cancel, KS_FIELD(hvcal_job_cancel, job), UNKNOWN, -ENOENT },
	{ "fence.session", &ks_op_fence, KS_FIELD(hvcal_job_fence, session), UNKNOWN, -ENOENT },
	{ "fence.job", &ks_op_fence, KS_FIELD(hvcal_job_fence, job), UNKNOWN, -ENOENT },
	{ "fence.job_0", &ks_op_fence, KS_FIELD(hvcal_job_fence, job), 0, -ENOENT },
};

KS_TABLE(field, spoils)
{
	ks_op_spoiled(ks_ctx_open("ks-uc-field", false), row);
}

/* ---- one field of a job wrong ---- */

struct bad_job {
	const char *label;
	size_t off, width;
	uint64_t value;
	int want;
};

static const struct bad_job bad_jobs[] = {
	{ "flags", KS_FIELD(hvcal_job_desc, flags), HVCAL_JOB_FLAGS_ALL + 1, -EINVAL },
	{ "in_fence_without_flag", KS_FIELD(hvcal_job_desc, in_fence), 0, -EINVAL },
	{ "in_fence_missing", KS_FIELD(hvcal_job_desc, flags), HVCAL_JOB_IN_FENCE, -EINVAL },
	{ "source", KS_FIELD(hvcal_job_desc, source), UNKNOWN, -ENOENT },
	{ "source_0", KS_FIELD(hvcal_job_desc, source), 0, -ENOENT },
	{ "target", KS_FIELD(hvcal_job_desc, target), UNKNOWN, -ENOENT },
	{ "target_0", KS_FIELD(hvcal_job_desc, target), 0, -ENOENT },
	{ "target_size_0", KS_FIELD(hvcal_job_desc, target_size), 0, -EINVAL },
	{ "target_size", KS_FIELD(hvcal_job_desc, target_size), KS_FRAME_BYTES + 1, -EINVAL },
	{ "target_offset", KS_FIELD(hvcal_job_desc, target_offset), 1, -EINVAL },
	{ "target_offset_wraps", KS_FIELD(hvcal_job_desc, target_offset), UINT64_MAX - 100, -EINVAL },
	{ "side", KS_FIELD(hvcal_job_desc, side), UNKNOWN, -ENOENT },
	{ "side_size_alone", KS_FIELD(hvcal_job_desc, side_size), 8, -EINVAL },
	{ "side_offset_alone", KS_FIELD(hvcal_job_desc, side_offset), 8, -EINVAL },
	{ "params_len", KS_FIELD(hvcal_job_desc, params.len), HVCAL_PARAMS_MAX + 1, -E2BIG },
	{ "params_ptr", KS_FIELD(hvcal_job_desc, params.ptr), NOWHERE, -EFAULT },
	{ "params_pad", KS_FIELD(hvcal_job_desc, params.pad), 1, -EINVAL },
	{ "meta_len", KS_FIELD(hvcal_job_desc, meta.len), HVCAL_META_MAX + 1, -E2BIG },
	{ "meta_pad", KS_FIELD(hvcal_job_desc, meta.pad), 1, -EINVAL },
};

KS_TABLE(job, bad_jobs)
{
	const struct bad_job *bad = row;
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-job", false);
	struct hvcal_job_submit submit = { 0 };

	ks_op_submit.fill(ctx, &submit);
	ks_spoil_apply(&ctx->jobs[0], bad->off, bad->width, bad->value);
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_JOB_SUBMIT, &submit), bad->want);
	/* a refused job leaves nothing behind */
	CHECK_EQ(ks_stats(ctx->fd, ctx->rig.session).submitted, 1);
	ks_op_submit.fill(ctx, &submit);
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_JOB_SUBMIT, &submit));
}

KS_TEST(job_source_not_for_reading)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-srcflag", false);
	struct hvcal_job_desc job;

	ks_job_init(&job, ks_import_new(ctx->fd, HVCAL_BUFFER_TARGET), ctx->rig.target2);
	CHECK_ERR(ks_submit(ctx->fd, ctx->rig.session, &job, 1), -EINVAL);
}

KS_TEST(job_target_not_for_writing)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-tgtflag", false);
	struct hvcal_job_desc job;

	ks_job_init(&job, ctx->rig.source, ks_import_new(ctx->fd, HVCAL_BUFFER_SOURCE));
	CHECK_ERR(ks_submit(ctx->fd, ctx->rig.session, &job, 1), -EINVAL);
}

KS_TEST(job_fence_not_a_fence)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-notfence", false);
	struct hvcal_job_desc job;

	ks_job_init(&job, ctx->rig.source, ctx->rig.target2);
	job.flags = HVCAL_JOB_IN_FENCE;
	job.in_fence = ctx->dmabuf.fd;
	CHECK_ERR(ks_submit(ctx->fd, ctx->rig.session, &job, 1), -EINVAL);
}

/* Elements of another size follow the rule of structures. */
KS_TEST(job_stride_long)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-stride", false);
	struct hvcal_job_submit submit = {
		.session = ctx->rig.session,
		.jobs = { sizeof(struct hvcal_job_desc) + 16, 1, (uintptr_t)ctx->bytes },
	};

	ks_job_init((struct hvcal_job_desc *)ctx->bytes, ctx->rig.source, ctx->rig.target2);
	ctx->bytes[sizeof(struct hvcal_job_desc) + 8] = 1;
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_JOB_SUBMIT, &submit), -E2BIG);
	ctx->bytes[sizeof(struct hvcal_job_desc) + 8] = 0;
	submit.jobs.count = 1;
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_JOB_SUBMIT, &submit));
	CHECK_EQ(submit.jobs.count, 1);
}

/* ---- what lists say ---- */

KS_TEST(list_count_alone)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-count", false);
	struct hvcal_engine_list list = { .engines = { .stride = sizeof(struct hvcal_engine_info) } };
	struct hvcal_engine_caps caps = {
		.engine = ctx->rig.p.engine,
		.caps = { .stride = sizeof(struct hvcal_engine_cap) },
	};

	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ENGINE_LIST, &list));
	CHECK_GE(list.engines.count, 1);
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ENGINE_CAPS, &caps));
	CHECK_EQ(caps.caps.count, 1);
}

KS_TEST(list_room_too_small)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-room", false);
	struct ks_provider other;
	struct hvcal_engine_info infos[2];
	struct hvcal_engine_list list = { .engines = { sizeof(infos[0]), 1, (uintptr_t)infos } };

	ks_provider_open(&other, "ks-uc-room2", 1, 1);
	memset(infos, 0xee, sizeof(infos));
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ENGINE_LIST, &list));
	CHECK_GE(list.engines.count, 2);
	CHECK_EQ(((uint8_t *)&infos[1])[0], 0xee);
}

/* A caller that knows less of an element gets less, one that knows more gets zeroes. */
KS_TEST(list_stride_long)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-wide", false);
	size_t size = sizeof(struct hvcal_engine_info);
	struct hvcal_engine_list list = {
		.engines = { (uint32_t)size + 16, 8, (uintptr_t)ctx->bytes },
	};

	memset(ctx->bytes, 0xee, size + 16);
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ENGINE_LIST, &list));
	for (size_t i = size; i < size + 16; i++)
		CHECK_EQ(ctx->bytes[i], 0);
}

KS_TEST(engine_is_described)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-info", false);
	struct hvcal_engine_info info;
	struct hvcal_engine_cap cap = { 0 }, want;
	struct hvcal_engine_caps caps = {
		.engine = ctx->rig.p.engine,
		.caps = { sizeof(cap), 1, (uintptr_t)&cap },
	};

	CHECK_OK(ks_engine_info(ctx->fd, ctx->rig.p.engine, &info));
	CHECK(!strcmp(info.name, "ks-uc-info"));
	CHECK_EQ(info.kind, HVCAL_ENGINE_TEST);
	CHECK_EQ(info.state, HVCAL_ENGINE_READY);
	CHECK_EQ(info.slots, 4);
	CHECK_EQ(info.session_depth, 4);
	CHECK_EQ(info.sessions, 1);
	CHECK_EQ(info.caps, 1);
	CHECK_EQ(info.gpu, 0);
	CHECK_OK(ks_ioctl(ctx->fd, HVCAL_IOC_ENGINE_CAPS, &caps));
	ks_cap_init(&want);
	CHECK(!memcmp(&cap, &want, sizeof(cap)));
}

KS_TEST(generation_changes)
{
	int client = ks_client();
	struct hvcal_engine_list list = { .engines.stride = sizeof(struct hvcal_engine_info) };
	struct ks_provider p;
	uint64_t before;

	CHECK_OK(ks_ioctl(client, HVCAL_IOC_ENGINE_LIST, &list));
	before = list.generation;
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_ENGINE_LIST, &list));
	CHECK_EQ(list.generation, before);
	ks_provider_open(&p, "ks-uc-gen", 1, 1);
	CHECK_OK(ks_ioctl(client, HVCAL_IOC_ENGINE_LIST, &list));
	CHECK_NE(list.generation, before);
}

KS_TEST(caps_are_sane)
{
	struct hvcal_caps caps = ks_caps(ks_client());

	CHECK_EQ(caps.abi_major, HVCAL_ABI_MAJOR);
	CHECK_GE(caps.abi_minor, HVCAL_ABI_MINOR);
	CHECK_GE(caps.event_size, sizeof(struct hvcal_event));
	CHECK_GE(caps.max_sessions, 1);
	CHECK_GE(caps.max_buffers, 2);
	CHECK_GE(caps.max_queued, 1);
	CHECK_EQ(caps.max_batch, HVCAL_BATCH_MAX);
	CHECK_EQ(caps.pad, 0);
}

/* ---- numbers ---- */

KS_TEST(unknown_number)
{
	int client = ks_client();
	uint64_t word[8] = { 0 };

	for (unsigned int nr = 0x60; nr < 0x100; nr++)
		CHECK_ERR(ks_ioctl(client, _IOWR(HVCAL_IOC_MAGIC, nr, word), word), -ENOTTY);
	CHECK_ERR(ks_ioctl(client, _IOWR(HVCAL_IOC_MAGIC, 0x0f, word), word), -ENOTTY);
}

KS_TEST(other_magic)
{
	struct hvcal_caps caps;

	CHECK_ERR(ks_ioctl(ks_client(), _IOR('x', HVCAL_NR_CAPS, caps), &caps), -ENOTTY);
}

struct number { const char *label; unsigned long cmd; };

static const struct number provider_numbers[] = {
	{ "register", HVCAL_IOC_ENGINE_REGISTER },
	{ "update", HVCAL_IOC_ENGINE_UPDATE },
	{ "unregister", HVCAL_IOC_ENGINE_UNREGISTER },
	{ "acquire", HVCAL_IOC_ACQUIRE },
	{ "accept", HVCAL_IOC_ACCEPT },
	{ "complete", HVCAL_IOC_COMPLETE },
	{ "item_check", HVCAL_IOC_ITEM_CHECK },
};

KS_TABLE(other_node, provider_numbers)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };

	CHECK_ERR(ks_ioctl(ks_client(), ((const struct number *)row)->cmd, arg), -EACCES);
}

/* A handle is gone at once. That it is no other file's: security.c. */
KS_TEST(handles_are_gone)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-private", false);

	CHECK_OK(ks_destroy(ctx->fd, ctx->rig.session));
	CHECK_ERR(ks_destroy(ctx->fd, ctx->rig.session), -ENOENT);
	CHECK_OK(ks_release(ctx->fd, ctx->rig.source));
	CHECK_ERR(ks_release(ctx->fd, ctx->rig.source), -ENOENT);
}

KS_TEST(realtime_period)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-period", false);
	static const uint64_t bad[] = { 0, 99999, 10000000001ULL };
	struct hvcal_session_create arg;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ks_create_realtime(&arg, ctx->rig.p.engine, 0);
		arg.res.period_ns = bad[i];
		CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_SESSION_CREATE, &arg), -EINVAL);
	}
}

KS_TEST(reconfigure_class)
{
	struct ks_ctx *ctx = ks_ctx_open("ks-uc-class", false);
	struct hvcal_session_reconfigure arg = { 0 };

	ks_op_reconfigure.fill(ctx, &arg);
	arg.res.sched_class = HVCAL_CLASS_REALTIME;
	arg.res.period_ns = 100 * KS_MS;
	CHECK_ERR(ks_ioctl(ctx->fd, HVCAL_IOC_SESSION_RECONFIGURE, &arg), -EINVAL);
}
