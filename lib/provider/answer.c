// SPDX-License-Identifier: MIT
/* Answers to the kernel. What the kernel thinks of them is only logged: an item
 * that was cancelled or has timed out is nobody's business any more. */
#include <errno.h>
#include <string.h>
#include <syslog.h>

#include <linux/dma-buf.h>

#include "internal.h"

static void send(hvcal_provider_t *p, struct hvcal_item_result *results, unsigned int count)
{
	struct hvcal_complete complete = {
		.results = {
			.stride = sizeof(*results),
			.count = count,
			.ptr = (uintptr_t)results,
		},
	};
	int ret = p->sys->ioctl(p->sys, p->fd, HVCAL_IOC_COMPLETE, &complete);

	if (ret) {
		provider_log(p, LOG_ERR, "answering %u items: %s", count, strerror(-ret));
		return;
	}
	for (unsigned int i = 0; i < count; i++)
		if (results[i].verdict == -ETIMEDOUT)
			provider_log(p, LOG_WARNING, "item %llu was answered too late",
				     (unsigned long long)results[i].id);
		else if (results[i].verdict == -EPROTO || results[i].verdict == -EINVAL)
			provider_log(p, LOG_ERR, "the answer to item %llu was refused: %s",
				     (unsigned long long)results[i].id,
				     strerror(-results[i].verdict));
}

void provider_answer(hvcal_provider_t *p, uint64_t id, int status)
{
	struct hvcal_item_result result = { .id = id, .status = status };

	if (id)
		send(p, &result, 1);
}

void provider_answer_held(hvcal_provider_t *p, uint64_t id)
{
	struct hvcal_item_result result = { .id = id, .flags = HVCAL_RESULT_HELD };

	send(p, &result, 1);
}

void provider_answer_send(struct provider_stream *s)
{
	for (unsigned int i = 0; i < s->nresults; i++)
		s->results[i].result = (struct hvcal_blob){
			.ptr = (uintptr_t)&s->frames[i],
			.len = sizeof(s->frames[i]),
		};
	if (s->nresults)
		send(s->p, s->results, s->nresults);
	s->nresults = 0;
}

/* Called from whatever thread the engine finishes frames on. */
void provider_answer_frame(struct provider_item *item, const struct hvcal_engine_result *result)
{
	struct provider_stream *s = item->stream;
	hvcal_provider_t *p = s->p;
	bool lost = item->synced && result->status == -ENODEV;
	struct hvcal_frame_result frame = result->frame;
	struct hvcal_item_result r = {
		.id = item->id,
		.status = result->status,
		.flags = result->flags,
		.bytes = result->bytes,
		.engine_ns = result->engine_ns,
		.result = { .ptr = (uintptr_t)&frame, .len = sizeof(frame) },
	};

	provider_item_end(p, item);
	if (item->synced) {
		provider_buffer_sync(p, item->buffers[0], DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END);
		provider_buffer_sync(p, item->buffers[1], DMA_BUF_SYNC_WRITE | DMA_BUF_SYNC_END);
	}
	/* its answer would be the frame's end; this provider's end sends it elsewhere */
	if (lost) {
		provider_item_free(p, item);
		provider_lost(s->engine);
		return;
	}
	frame.size = sizeof(frame);
	frame.dropped = item->dropped;
	provider_fault_answer(p, &r);
	provider_item_free(p, item);

	/* Within a call of the engine on the worker itself: several go together. */
	if (pthread_equal(pthread_self(), s->thread) && s->gathering) {
		s->results[s->nresults] = r;
		s->frames[s->nresults++] = frame;
		if (s->nresults == STREAM_RESULTS)
			provider_answer_send(s);
	} else {
		send(p, &r, 1);
	}
}
