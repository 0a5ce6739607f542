// SPDX-License-Identifier: MIT
/* A right call of every ioctl of /dev/hvcal. */
#include "../spoil.h"

static void fill_create(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_session_create *create = arg;

	ks_create_init(create, ctx->rig.p.engine);
	create->config = (struct hvcal_blob) { (uintptr_t)&ctx->config, sizeof(ctx->config), 0 };
}

static void fill_reconfigure(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_session_reconfigure *reconf = arg;
	struct hvcal_session_create create;

	ks_create_init(&create, 0);
	reconf->session = ctx->rig.session;
	reconf->res = create.res;
	reconf->config = (struct hvcal_blob) { (uintptr_t)&ctx->config, sizeof(ctx->config), 0 };
}

static void fill_flush(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_session_flush *)arg)->session = ctx->rig.session;
}

static void fill_destroy(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_session_destroy *)arg)->session = ctx->rig.session;
}

static void fill_stats(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_session_stats *)arg)->session = ctx->rig.session;
}

static void fill_import(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_buffer_import *import = arg;

	ks_import_init(import, ctx->dmabuf.fd, HVCAL_BUFFER_SOURCE);
	import->layout = (struct hvcal_blob) { (uintptr_t)&ctx->layout, sizeof(ctx->layout), 0 };
}

static void fill_release(struct ks_ctx *ctx, void *arg)
{
	((struct hvcal_buffer_release *)arg)->buffer = ctx->rig.source;
}

static void fill_submit(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_job_submit *submit = arg;

	ks_job_init(&ctx->jobs[0], ctx->rig.source, ctx->rig.target2);
	ctx->jobs[0].params = (struct hvcal_blob) { (uintptr_t)ctx->bytes, 16, 0 };
	ctx->jobs[0].meta = (struct hvcal_blob) { (uintptr_t)ctx->bytes + 16, 8, 0 };
	submit->session = ctx->rig.session;
	submit->jobs = (struct hvcal_array) { sizeof(ctx->jobs[0]), 1, (uintptr_t)ctx->jobs };
}

static void fill_cancel(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_job_cancel *cancel = arg;

	cancel->session = ctx->rig.session;
	cancel->job = ctx->job;
}

static void fill_fence(struct ks_ctx *ctx, void *arg)
{
	struct hvcal_job_fence *fence = arg;

	fence->session = ctx->rig.session;
	fence->job = ctx->job;
}

const struct ks_op ks_op_create = {
	"session_create", HVCAL_IOC_SESSION_CREATE, fill_create, 0
};
const struct ks_op ks_op_reconfigure = {
	"session_reconfigure", HVCAL_IOC_SESSION_RECONFIGURE, fill_reconfigure, 0
};
const struct ks_op ks_op_flush = { "session_flush", HVCAL_IOC_SESSION_FLUSH, fill_flush, 0 };
const struct ks_op ks_op_destroy = {
	"session_destroy", HVCAL_IOC_SESSION_DESTROY, fill_destroy, 0
};
const struct ks_op ks_op_stats = { "session_stats", HVCAL_IOC_SESSION_STATS, fill_stats, 0 };
const struct ks_op ks_op_import = { "buffer_import", HVCAL_IOC_BUFFER_IMPORT, fill_import, 0 };
const struct ks_op ks_op_release = {
	"buffer_release", HVCAL_IOC_BUFFER_RELEASE, fill_release, 0
};
const struct ks_op ks_op_submit = { "job_submit", HVCAL_IOC_JOB_SUBMIT, fill_submit, 0 };
const struct ks_op ks_op_cancel = { "job_cancel", HVCAL_IOC_JOB_CANCEL, fill_cancel, 0 };
/* the provider gave no fence: that is what a right call is told */
const struct ks_op ks_op_fence = {
	"job_fence", HVCAL_IOC_JOB_FENCE, fill_fence, -EOPNOTSUPP
};

static void fill_private(struct ks_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
}

const struct ks_op ks_op_private = {
	"private_provider", HVCAL_IOC_PRIVATE_PROVIDER, fill_private, 0
};

const struct ks_op_row ks_client_ops[KS_CLIENT_OPS] = {
	{ "caps", &ks_op_caps },
	{ "engine_list", &ks_op_engine_list },
	{ "engine_caps", &ks_op_engine_caps },
	{ "gpu_list", &ks_op_gpu_list },
	{ "session_create", &ks_op_create },
	{ "session_reconfigure", &ks_op_reconfigure },
	{ "session_flush", &ks_op_flush },
	{ "session_destroy", &ks_op_destroy },
	{ "session_stats", &ks_op_stats },
	{ "buffer_import", &ks_op_import },
	{ "buffer_release", &ks_op_release },
	{ "job_submit", &ks_op_submit },
	{ "job_cancel", &ks_op_cancel },
	{ "job_fence", &ks_op_fence },
	{ "private_provider", &ks_op_private },
};
