// SPDX-License-Identifier: MIT
/* Right calls, wrong calls, calls of other sizes. */
#include "../spoil.h"

#include <stdlib.h>
#include <string.h>

struct ks_ctx *ks_ctx_open(const char *name, bool provider_node)
{
	struct ks_ctx *ctx = calloc(1, sizeof(*ctx));
	struct hvcal_item item;

	CHECK(ctx);
	ks_rig_open(&ctx->rig, name, 4, 4);
	ctx->fd = provider_node ? ctx->rig.p.fd : ctx->rig.client;
	ctx->dmabuf = ks_buf_make(KS_FRAME_BYTES);
	ctx->config.size = sizeof(ctx->config);
	ctx->layout.size = sizeof(ctx->layout);
	ks_cap_init(&ctx->cap);
	ctx->job = ks_rig_submit(&ctx->rig, ctx->rig.target, 1);
	ks_expect_item(&ctx->rig.p, &item, HVCAL_ITEM_ENCODE);
	ctx->item = item.id;
	return ctx;
}

void ks_spoil_apply(void *arg, size_t off, size_t width, uint64_t value)
{
	uint8_t *at = (uint8_t *)arg + off;
	uint32_t narrow = (uint32_t)value;

	if (width == sizeof(value))
		memcpy(at, &value, sizeof(value));
	else
		memcpy(at, &narrow, sizeof(narrow));
}

void ks_op_right(struct ks_ctx *ctx, const struct ks_op *op)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };

	op->fill(ctx, arg);
	CHECK_ERR(ks_ioctl(ctx->fd, op->cmd, arg), op->want);
}

void ks_op_spoiled(struct ks_ctx *ctx, const struct ks_spoil *row)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };

	row->op->fill(ctx, arg);
	ks_spoil_apply(arg, row->off, row->width, row->value);
	CHECK_ERR(ks_ioctl(ctx->fd, row->op->cmd, arg), row->want);
}

void ks_op_short(struct ks_ctx *ctx, const struct ks_op *op)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };

	op->fill(ctx, arg);
	CHECK_ERR(ks_ioctl(ctx->fd, ks_resize(op->cmd, _IOC_SIZE(op->cmd) - 8), arg), -EINVAL);
	CHECK_ERR(ks_ioctl(ctx->fd, ks_resize(op->cmd, 0), arg), -EINVAL);
}

/* Also: nothing is written behind the size that the caller named. */
void ks_op_long_zero(struct ks_ctx *ctx, const struct ks_op *op)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };
	size_t size = _IOC_SIZE(op->cmd) + 16;

	op->fill(ctx, arg);
	memset(arg + size, 0xcc, 16);
	CHECK_ERR(ks_ioctl(ctx->fd, ks_resize(op->cmd, size), arg), op->want);
	for (size_t i = size - 16; i < size; i++)
		CHECK_EQ(arg[i], 0);
	for (size_t i = size; i < size + 16; i++)
		CHECK_EQ(arg[i], 0xcc);
}

void ks_op_long_set(struct ks_ctx *ctx, const struct ks_op *op)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };
	size_t size = _IOC_SIZE(op->cmd);

	if (!(_IOC_DIR(op->cmd) & _IOC_WRITE))
		ks_skip("nothing of this structure goes into the kernel");
	op->fill(ctx, arg);
	arg[size + 8] = 1;
	CHECK_ERR(ks_ioctl(ctx->fd, ks_resize(op->cmd, size + 16), arg), -E2BIG);
}

void ks_op_fault(struct ks_ctx *ctx, const struct ks_op *op)
{
	CHECK_ERR(ks_ioctl(ctx->fd, op->cmd, ks_bad_pointer()), -EFAULT);
}

static void ks_fill_caps(struct ks_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
}

static void ks_fill_engine_list(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_engine_list *list = arg;

	list->engines = (struct hvcal_array) { sizeof(ctx->infos[0]), 8, (uintptr_t)ctx->infos };
}

static void ks_fill_engine_caps(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_engine_caps *caps = arg;

	caps->engine = ctx->rig.p.engine;
	caps->caps = (struct hvcal_array) { sizeof(ctx->cap), 1, (uintptr_t)&ctx->cap };
}

static void ks_fill_gpu_list(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_gpu_list *list = arg;

	list->gpus = (struct hvcal_array) { sizeof(ctx->gpus[0]), 8, (uintptr_t)ctx->gpus };
}

const struct ks_op ks_op_caps = { "caps", HVCAL_IOC_CAPS, ks_fill_caps, 0 };
const struct ks_op ks_op_engine_list = {
	"engine_list", HVCAL_IOC_ENGINE_LIST, ks_fill_engine_list, 0
};
const struct ks_op ks_op_engine_caps = {
	"engine_caps", HVCAL_IOC_ENGINE_CAPS, ks_fill_engine_caps, 0
};
const struct ks_op ks_op_gpu_list = { "gpu_list", HVCAL_IOC_GPU_LIST, ks_fill_gpu_list, 0 };
