// SPDX-License-Identifier: MIT
/*
 * Every call of both nodes with its first failing allocation or user access,
 * then its second, and so on until the call gets through. A failed call says
 * ENOMEM or EFAULT, has done nothing, and works when it is made again.
 *
 * Needs a kernel with fault injection. What release work leaves is the
 * harness's to see, after each row.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/nth.h"
#include "lib/state.h"
#include "spoil.h"

#define KS_NTH_LIMIT_S	60
#define KS_NTH_MAX	400	/* a call with more places to fail is not ours */
#define KS_SETTLE_MS	1000	/* what is let go of behind the caller's back */
#define KS_AGAIN	5	/* tries to see whether a place is there every time */

/* What became of one try; the child's exit status. */
enum ks_outcome { KS_FAILED, KS_TOLERATED = 10, KS_STAYED = 11, KS_EXHAUSTED = 12 };

/* ---- one try ---- */

/* A call that is made with faults. */
struct ks_nth {
	const char *label;
	const struct ks_op *op;			/* an ioctl, or */
	int (*call)(struct ks_ctx *ctx);	/* something else */
	void (*prepare)(struct ks_ctx *ctx);
	bool provider;
	/*
	 * The answer is the last thing that is copied out. In so many places what
	 * it tells of has happened all the same, as hvcal.h says.
	 */
	unsigned int stays;
	bool never_fails;
};

static unsigned int ks_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	CHECK(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* The first kind of which the kernel holds another number than @before, NULL if none. */
static const char *ks_objects_differ(const struct ks_objects *before)
{
	static struct ks_objects now;	/* the caller is one thread */

	for (int waited = 0;; waited += 5) {
		unsigned int kind = 0;

		CHECK_OK(ks_objects_read(&now));
		while (kind < now.kinds && now.count[kind] == before->count[kind])
			kind++;
		if (kind == now.kinds)
			return NULL;
		if (waited >= ks_ms(KS_SETTLE_MS))
			return now.name[kind];
		ks_sleep_ms(5);
	}
}

static enum ks_outcome ks_nth_try(const struct ks_nth *row, unsigned int nth)
{
	uint8_t arg[KS_ARG_MAX] __attribute__((aligned(8))) = { 0 };
	uint8_t again[KS_ARG_MAX] __attribute__((aligned(8)));
	struct ks_ctx *ctx = ks_ctx_open("ks-nth", row->provider);
	int want = row->op ? row->op->want : 0, fd = ks_nth_open(), ret;
	struct ks_objects objects;
	const char *left;
	unsigned int files;
	bool fired;

	if (row->prepare)
		row->prepare(ctx);
	if (row->op)
		row->op->fill(ctx, arg);
	memcpy(again, arg, sizeof(again));
	files = ks_open_files();
	CHECK_OK(ks_objects_read(&objects));

	ks_nth_arm(fd, nth);
	ret = row->op ? ks_ioctl(ctx->fd, row->op->cmd, arg) : row->call(ctx);
	fired = ks_nth_disarm(fd);

	if (!fired || row->never_fails) {
		CHECK_ERR(ret, want);
		return fired ? KS_TOLERATED : KS_EXHAUSTED;
	}
	if (ret == want)
		return KS_TOLERATED;
	if (ret != -ENOMEM && ret != -EFAULT)
		ks_fail(__FILE__, __LINE__, "fault %u gave %s", nth, ks_err(ret));
	left = ks_objects_differ(&objects);
	if (!left && ks_open_files() != files)
		left = "files";
	ret = row->op ? ks_ioctl(ctx->fd, row->op->cmd, again) : row->call(ctx);
	if (!left && ret == want)
		return KS_FAILED;
	if (row->stays)
		return KS_STAYED;
	ks_fail(__FILE__, __LINE__, "after fault %u %s are left, and again it gives %s", nth,
		left ? left : "no objects", ks_err(ret));
}

/* Each try is a process: the next one starts from nothing, as @idle has it. */
static enum ks_outcome ks_nth_fork(const struct ks_nth *row, unsigned int nth,
				   const struct ks_objects *idle)
{
	const char *left;
	int status = 0;
	pid_t pid = fork();

	CHECK_GE(pid, 0);
	if (!pid)
		_exit(ks_nth_try(row, nth));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != KS_FAILED &&
				   WEXITSTATUS(status) != KS_TOLERATED &&
				   WEXITSTATUS(status) != KS_STAYED &&
				   WEXITSTATUS(status) != KS_EXHAUSTED))
		ks_fail(__FILE__, __LINE__, "with fault %u (status %#x)", nth, (unsigned)status);
	/* what one try lets go of must not pass for what the next one does */
	left = ks_objects_differ(idle);
	if (left)
		ks_fail(__FILE__, __LINE__, "%s are left of fault %u", left, nth);
	return WEXITSTATUS(status);
}

/*
 * A cache without a free object asks for a page: once in a while a call has one place
 * more, and the same late place comes up under two numbers. A place that is really
 * there comes up under its own number each time.
 */
static enum ks_outcome ks_nth_confirm(const struct ks_nth *row, unsigned int nth,
				      const struct ks_objects *idle)
{
	enum ks_outcome outcome = KS_STAYED;

	for (int i = 0; i < KS_AGAIN && outcome == KS_STAYED; i++)
		outcome = ks_nth_fork(row, nth, idle);
	return outcome;
}

/* ---- calls that are no ioctls, and ioctls in other circumstances ---- */

static int ks_call_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), err = fd < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int call_open_client(struct ks_ctx *ctx)
{
	(void)ctx;
	return ks_call_open(HVCAL_CLIENT_NODE);
}

static int call_open_provider(struct ks_ctx *ctx)
{
	(void)ctx;
	return ks_call_open(HVCAL_PROVIDER_NODE);
}

/* Everything the client has goes with it, a running job too. */
static int call_close_client(struct ks_ctx *ctx)
{
	return close(ctx->rig.client) ? -errno : 0;
}

static int call_close_provider(struct ks_ctx *ctx)
{
	return close(ctx->rig.p.fd) ? -errno : 0;
}

static void prepare_event(struct ks_ctx *ctx)
{
	CHECK_OK(ks_reply(&ctx->rig.p, ctx->item, 0, 1));
}

static int call_read(struct ks_ctx *ctx)
{
	struct hvcal_event ev;
	ssize_t got = read(ctx->rig.client, &ev, sizeof(ev));

	if (got < 0)
		return -errno;
	CHECK_EQ(got, sizeof(ev));
	CHECK_EQ(ev.job, ctx->job);
	return 0;
}

/* With a buffer that its provider knows, the job gets by without descriptors. */
static void prepare_known(struct ks_ctx *ctx)
{
	struct hvcal_event ev;

	CHECK_OK(ks_reply(&ctx->rig.p, ctx->item, 0, 1));
	ks_expect_event(ctx->rig.client, &ev, HVCAL_EVENT_JOB, 0);
}

static void prepare_fence(struct ks_ctx *ctx)
{
	ctx->fence = ks_fence_any();
}

static int call_submit_fences(struct ks_ctx *ctx)
{
	struct hvcal_job_submit submit = { 0 };

	ks_op_submit.fill(ctx, &submit);
	ctx->jobs[0].flags = HVCAL_JOB_IN_FENCE | HVCAL_JOB_IMPLICIT_FENCE;
	ctx->jobs[0].in_fence = ctx->fence.sync;
	return ks_ioctl(ctx->fd, HVCAL_IOC_JOB_SUBMIT, &submit);
}

static int call_create_realtime(struct ks_ctx *ctx)
{
	struct hvcal_session_create create;

	ks_create_realtime(&create, ctx->rig.p.engine, 100);
	create.config = (struct hvcal_blob) { (uintptr_t)&ctx->config, sizeof(ctx->config), 0 };
	return ks_ioctl(ctx->fd, HVCAL_IOC_SESSION_CREATE, &create);
}

static const struct ks_nth rows[] = {
	{ "caps", .op = &ks_op_caps },
	{ "engine_list", .op = &ks_op_engine_list },
	{ "engine_caps", .op = &ks_op_engine_caps },
	{ "gpu_list", .op = &ks_op_gpu_list },
	{ "session_create", .op = &ks_op_create },
	{ "session_create_realtime", .call = call_create_realtime },
	{ "session_reconfigure", .op = &ks_op_reconfigure, .stays = 1 },
	{ "session_flush", .op = &ks_op_flush },
	{ "session_destroy", .op = &ks_op_destroy },
	{ "session_stats", .op = &ks_op_stats },
	{ "buffer_import", .op = &ks_op_import },
	{ "buffer_release", .op = &ks_op_release },
	{ "job_submit", .op = &ks_op_submit, .stays = 1 },
	{ "job_submit_fences", .call = call_submit_fences, .prepare = prepare_fence,
	  .stays = 1 },
	{ "job_cancel", .op = &ks_op_cancel },
	{ "job_fence", .op = &ks_op_fence },
	{ "private_provider", .op = &ks_op_private },
	{ "read", .call = call_read, .prepare = prepare_event },
	{ "open_client", .call = call_open_client },
	{ "close_client", .call = call_close_client, .never_fails = true },

	{ "engine_register", .op = &ks_op_register, .provider = true },
	{ "engine_update", .op = &ks_op_update, .provider = true },
	{ "engine_unregister", .op = &ks_op_unregister, .provider = true },
	{ "acquire", .op = &ks_op_acquire, .provider = true, .stays = 1 },
	{ "acquire_known", .op = &ks_op_acquire, .prepare = prepare_known, .provider = true,
	  .stays = 1 },
	{ "accept", .op = &ks_op_accept, .provider = true },
	{ "complete", .op = &ks_op_complete, .provider = true },
	{ "item_check", .op = &ks_op_check, .provider = true },
	{ "open_provider", .call = call_open_provider, .provider = true },
	{ "close_provider", .call = call_close_provider, .provider = true,
	  .never_fails = true },
};

KS_TABLE_LIMIT(nth, rows, KS_NTH_LIMIT_S)
{
	const struct ks_nth *test = row;
	unsigned int counts[KS_EXHAUSTED + 1] = { 0 };
	enum ks_outcome outcome;
	struct ks_objects idle;

	close(ks_client());
	ks_nth_prepare();
	/* a job is running all the while, and its engine is to stay */
	ks_watchdog(60000, 60000);
	CHECK_OK(ks_objects_read(&idle));
	for (unsigned int nth = 1; !counts[KS_EXHAUSTED]; nth++) {
		CHECK_LE(nth, KS_NTH_MAX);
		outcome = ks_nth_fork(test, nth, &idle);
		if (outcome == KS_STAYED && counts[KS_STAYED] == test->stays)
			outcome = ks_nth_confirm(test, nth, &idle);
		counts[outcome]++;
	}
	ks_note("%u faults failed the call, %u did not, %u came too late", counts[KS_FAILED],
		counts[KS_TOLERATED], counts[KS_STAYED]);
	CHECK_LE(counts[KS_STAYED], test->stays);
	/* something in every call can fail, or the faults are not awake */
	CHECK(counts[KS_FAILED] || test->never_fails);
}
