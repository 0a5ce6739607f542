// SPDX-License-Identifier: MIT
/* Pre-analysis of frames, as far as it is cheap. */
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include <hvcal/analysis.h>

#include "look.h"
#include "look_budget.h"

/* CPU time for it: a fifth of the time between two frames. */
#define SHARE 5

struct hvcal_look {
	const struct hvcal_log *log;
	struct hvcal_analysis *analysis;
	uint32_t format;	/* enum hvcal_analysis_format */
	struct hvcal_look_budget budget;
	_Atomic uint32_t row_step; /* the budget's, for any thread */
	_Atomic uint64_t frames, skipped, cpu_ns;
};

bool hvcal_look_format(uint32_t fourcc, uint32_t *format)
{
	switch (fourcc) {
	case HVCAL_FORMAT_NV12:
	case HVCAL_FORMAT_I420:
		*format = HVCAL_ANALYSIS_LUMA_8;
		return true;
	case HVCAL_FORMAT_P010:
		*format = HVCAL_ANALYSIS_LUMA_P010;
		return true;
	}
	return false;
}

struct hvcal_look *hvcal_look_open(const struct hvcal_log *log, const hvcal_config_t *c)
{
	struct hvcal_look *l;
	uint32_t format;

	if (c->rate_hints == HVCAL_RATE_HINTS_OFF || !hvcal_look_format(c->format, &format) ||
	    c->width > HVCAL_ANALYSIS_SIZE_MAX || c->height > HVCAL_ANALYSIS_SIZE_MAX)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	if (hvcal_analysis_create(&l->analysis)) {
		free(l);
		return NULL;
	}
	l->log = log;
	l->format = format;
	hvcal_look_budget_init(&l->budget, HVCAL_NS_PER_SEC * c->fps_den / c->fps / SHARE);
	atomic_init(&l->row_step, 1);
	return l;
}

void hvcal_look_close(struct hvcal_look **look)
{
	if (!*look)
		return;
	hvcal_analysis_destroy((*look)->analysis);
	free(*look);
	*look = NULL;
}

/* Time of this thread alone: a machine that is busy elsewhere changes nothing. */
static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * HVCAL_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/* Submission must not wait: is all written to the memory that will be? */
static bool ready(const hvcal_buffer_t *source, int fence)
{
	const struct hvcal_sys *sys = hvcal_buf_from(source)->ctx->sys;
	struct pollfd fds[2] = {
		{ .fd = source->fd[0], .events = POLLIN },
		{ .fd = fence, .events = POLLIN },
	};
	unsigned int n = fence >= 0 ? 2 : 1;

	return sys->poll(sys, fds, n, 0) == (int)n &&
	       !((fds[0].revents | fds[1].revents) & (POLLERR | POLLNVAL));
}

static bool readable(const hvcal_buffer_t *b, uint32_t bytes)
{
	uint64_t end;

	return b->cpu_ptr && b->planes && !b->modifier && !b->fd_index[0] &&
	       b->stride[0] / bytes >= b->width &&
	       !(bytes == 2 && ((b->stride[0] | b->offset[0]) & 1)) &&
	       !hvcal_add_u64((uint64_t)b->stride[0] * b->height, b->offset[0], &end) &&
	       end <= b->size;
}

bool hvcal_look_begin(hvcal_buffer_t *source, uint32_t format, int fence,
		      struct hvcal_analysis_picture *picture)
{
	if (!readable(source, format == HVCAL_ANALYSIS_LUMA_8 ? 1 : 2) || !ready(source, fence) ||
	    hvcal_buffer_begin_cpu(source, HVCAL_CPU_READ))
		return false;
	*picture = (struct hvcal_analysis_picture){
		.luma = (const char *)source->cpu_ptr + source->offset[0],
		.stride = source->stride[0],
		.width = source->width,
		.height = source->height,
		.format = format,
	};
	return true;
}

void hvcal_look_end(hvcal_buffer_t *source)
{
	hvcal_buffer_end_cpu(source, HVCAL_CPU_READ);
}

static void account(struct hvcal_look *l, uint64_t ns)
{
	if (!hvcal_look_budget_spend(&l->budget, ns))
		return;
	atomic_store(&l->row_step, l->budget.row_step);
	if (l->budget.row_step)
		hvcal_log(l->log, HVCAL_LOG_INFO,
			  "pre-analysis: 1 of %u rows of blocks is looked at, for a fifth of the frame time",
			  l->budget.row_step);
	else
		hvcal_log(l->log, HVCAL_LOG_INFO,
			  "pre-analysis takes a fifth of the frame time: it stops for a while");
}

bool hvcal_look_frame(struct hvcal_look *l, hvcal_buffer_t *source, int fence, bool key,
		      struct hvcal_rc_hint *hint)
{
	struct hvcal_analysis_picture picture;
	struct hvcal_analysis_options options = { 0 };
	struct hvcal_analysis_result result;
	uint64_t begin, taken;
	int ret;

	options.row_step = l->budget.row_step;
	options.coefs = key;
	if (!options.row_step) {
		/* the next one that is looked at follows none of those before */
		hvcal_analysis_reset(l->analysis);
		account(l, 0);
		return false;
	}
	if (!hvcal_look_begin(source, l->format, fence, &picture)) {
		atomic_fetch_add(&l->skipped, 1);
		return false;
	}
	begin = thread_ns();
	ret = hvcal_analysis_frame(l->analysis, &picture, &options, &result);
	hvcal_look_end(source);
	if (ret)
		return false;
	taken = thread_ns() - begin;
	atomic_fetch_add(&l->frames, 1);
	atomic_fetch_add(&l->cpu_ns, taken);
	account(l, taken);
	return !hvcal_rc_hint_take(hint, &result, key);
}

void hvcal_look_get(const struct hvcal_look *l, struct hvcal_look_figures *out)
{
	out->frames = atomic_load(&l->frames);
	out->skipped = atomic_load(&l->skipped);
	out->cpu_ns = atomic_load(&l->cpu_ns);
	out->row_step = atomic_load(&l->row_step);
}
