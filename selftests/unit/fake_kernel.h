/* SPDX-License-Identifier: MIT */
/*
 * A kernel for tests: /dev/hvcal with errors on request and events that the test
 * writes, and /dev/udmabuf that gives memfds for DMA-BUFs.
 */
#ifndef HVCAL_FAKE_KERNEL_H
#define HVCAL_FAKE_KERNEL_H

#include "internal.h"

#define FAKE_JOBS 256

struct fake_kernel {
	struct hvcal_sys sys;		/* first */
	int node;			/* stands for /dev/hvcal: an eventfd */
	int open_error;			/* of /dev/hvcal */
	bool no_udmabuf;
	bool no_memory;			/* UDMABUF_CREATE fails with -ENOMEM */
	bool manual_open;		/* no OPENED event on creation */
	int fail[256];			/* error of the ioctl of this number */
	int fail_times[256];		/* how often; 0 always */
	unsigned int calls[256];
	unsigned int syncs;		/* DMA_BUF_IOCTL_SYNC */
	int read_error;
	uint32_t cap_flags;		/* HVCAL_CAP_* of every engine, as it is asked */
	struct hvcal_caps caps;
	struct hvcal_session_create create; /* the last one */
	struct hvcal_codec_config config;   /* of it, or of the last reconfiguration */
	struct hvcal_session_reconfigure reconfigure; /* the last one */
	uint32_t refused;		/* with ENOSPC */
	uint64_t fit_period_ns;
	uint32_t take;			/* jobs taken of a batch, 0 all */
	struct hvcal_job_desc jobs[FAKE_JOBS]; /* in the order of submission */
	struct hvcal_frame_params params[FAKE_JOBS];
	uint8_t meta[FAKE_JOBS][64];
	unsigned int njobs;
	uint32_t buffers;		/* imported, ever */
	uint32_t live_buffers;
	uint32_t last_session;
	uint32_t event_size;		/* of records; 0: sizeof(struct hvcal_event) */
	unsigned char events[65536];
	size_t events_len;
	pthread_mutex_t lock;
};

void fake_kernel_init(struct fake_kernel *k);
void fake_kernel_finish(struct fake_kernel *k);

/** Opens a context of the kernel back end on it. */
int fake_kernel_context(struct fake_kernel *k, hvcal_context_t **ctx);

/** Puts an event into the queue; size is set here. */
void fake_event(struct fake_kernel *k, struct hvcal_event *e);

/** Raw bytes into the queue of events. */
void fake_event_raw(struct fake_kernel *k, const void *data, size_t len);

/** Ends job number @i (in the order of submission). */
void fake_complete(struct fake_kernel *k, unsigned int i, int status, uint64_t bytes);

#endif
