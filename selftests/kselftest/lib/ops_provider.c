// SPDX-License-Identifier: MIT
/* A right call of every ioctl of /dev/hvcal-provider. */
#include "../spoil.h"

static void fill_register(struct ks_ctx *ctx, void *arg)
{
	ks_register_init(arg, &ctx->cap, "ks-up-second");
}

static void fill_update(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_engine_update *)arg)->engine = ctx->rig.p.engine;
}

static void fill_unregister(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_engine_unregister *)arg)->engine = ctx->rig.p.engine;
}

static void fill_acquire(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_acquire *acquire = arg;

	acquire->items = (struct hvcal_array) { sizeof(ctx->items[0]), 8, (uintptr_t)ctx->items };
	acquire->blobs = (struct hvcal_blob) { (uintptr_t)ctx->bytes, sizeof(ctx->bytes), 0 };
	/* something to acquire */
	ks_rig_submit(&ctx->rig, ctx->rig.target2, 2);
}

static void fill_accept(struct ks_ctx *ctx, void *arg)
{
	*(struct hvcal_accept *)arg = (struct hvcal_accept) { .id = ctx->item, .fence = -1 };
}

static void fill_complete(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_complete *complete = arg;

	ctx->results[0] = (struct hvcal_item_result) {
		.id = ctx->item,
		.result = { (uintptr_t)ctx->bytes, 16, 0 },
	};
	complete->results = (struct hvcal_array) {
		sizeof(ctx->results[0]), 1, (uintptr_t)ctx->results
	};
}

static void fill_check(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_item_check *)arg)->id = ctx->item;
}

const struct ks_op ks_op_register = {
	"engine_register", HVCAL_IOC_ENGINE_REGISTER, fill_register, 0
};
const struct ks_op ks_op_update = { "engine_update", HVCAL_IOC_ENGINE_UPDATE, fill_update, 0 };
const struct ks_op ks_op_unregister = {
	"engine_unregister", HVCAL_IOC_ENGINE_UNREGISTER, fill_unregister, 0
};
const struct ks_op ks_op_acquire = { "acquire", HVCAL_IOC_ACQUIRE, fill_acquire, 0 };
const struct ks_op ks_op_accept = { "accept", HVCAL_IOC_ACCEPT, fill_accept, 0 };
const struct ks_op ks_op_complete = { "complete", HVCAL_IOC_COMPLETE, fill_complete, 0 };
const struct ks_op ks_op_check = { "item_check", HVCAL_IOC_ITEM_CHECK, fill_check, 0 };

const struct ks_op_row ks_provider_ops[KS_PROVIDER_OPS] = {
	{ "caps", &ks_op_caps },
	{ "engine_list", &ks_op_engine_list },
	{ "engine_caps", &ks_op_engine_caps },
	{ "gpu_list", &ks_op_gpu_list },
	{ "engine_register", &ks_op_register },
	{ "engine_update", &ks_op_update },
	{ "engine_unregister", &ks_op_unregister },
	{ "acquire", &ks_op_acquire },
	{ "accept", &ks_op_accept },
	{ "complete", &ks_op_complete },
	{ "item_check", &ks_op_check },
};
