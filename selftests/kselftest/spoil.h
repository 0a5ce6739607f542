/* SPDX-License-Identifier: MIT */
/*
 * Ioctls as table rows: how to make a right call, and which single change makes
 * it wrong in which way.
 */
#ifndef KS_SPOIL_H
#define KS_SPOIL_H

#include "ks.h"

/* What right calls refer to. */
struct ks_ctx {
	struct ks_rig rig;
	int fd;				/* the node under test */
	uint64_t job, item;		/* one job is running when set up with it */
	struct hvcal_codec_config config;
	struct hvcal_frame_layout layout;
	struct hvcal_engine_info infos[8];
	struct hvcal_gpu_info gpus[8];
	struct hvcal_engine_cap cap;
	struct hvcal_job_desc jobs[HVCAL_BATCH_MAX + 1];
	struct hvcal_item items[8];
	struct hvcal_item_result results[HVCAL_BATCH_MAX + 1];
	uint8_t bytes[8192] __attribute__((aligned(8)));
	struct ks_buf dmabuf;
	struct ks_fence fence;		/* where a test asks for one */
};

enum { KS_ARG_MAX = 2048 };		/* the largest argument and some more */

struct ks_op {
	const char *label;
	unsigned long cmd;
	void (*fill)(struct ks_ctx *ctx, void *arg);
	int want;			/* what the right call gives */
};

/* Change of one field at @off, @width bytes wide. */
struct ks_spoil {
	const char *label;
	const struct ks_op *op;
	size_t off, width;
	uint64_t value;
	int want;
};

#define KS_FIELD(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)

/** Opens everything; the context ends with the test's process. */
struct ks_ctx *ks_ctx_open(const char *name, bool provider_node);

void ks_spoil_apply(void *arg, size_t off, size_t width, uint64_t value);
/** The right call gives what it should. */
void ks_op_right(struct ks_ctx *ctx, const struct ks_op *op);
/** The right call with one field changed gives what the row says. */
void ks_op_spoiled(struct ks_ctx *ctx, const struct ks_spoil *row);
/** Shorter, longer with zeroes, longer with something, no memory. */
void ks_op_short(struct ks_ctx *ctx, const struct ks_op *op);
void ks_op_long_zero(struct ks_ctx *ctx, const struct ks_op *op);
void ks_op_long_set(struct ks_ctx *ctx, const struct ks_op *op);
void ks_op_fault(struct ks_ctx *ctx, const struct ks_op *op);

/* The four that both nodes have. */
extern const struct ks_op ks_op_caps, ks_op_engine_list, ks_op_engine_caps, ks_op_gpu_list;

/* Those of clients. */
extern const struct ks_op ks_op_create, ks_op_reconfigure, ks_op_flush, ks_op_destroy, ks_op_stats,
	ks_op_import, ks_op_release, ks_op_submit, ks_op_cancel, ks_op_fence, ks_op_private;

/* Those of providers. */
extern const struct ks_op ks_op_register, ks_op_update, ks_op_unregister, ks_op_acquire,
	ks_op_accept, ks_op_complete, ks_op_check;

/* All that a node has, for KS_TABLE. */
struct ks_op_row {
	const char *label;
	const struct ks_op *op;
};

enum { KS_CLIENT_OPS = 15, KS_PROVIDER_OPS = 11 };
extern const struct ks_op_row ks_client_ops[KS_CLIENT_OPS], ks_provider_ops[KS_PROVIDER_OPS];

#endif
