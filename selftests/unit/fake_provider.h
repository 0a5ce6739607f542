/* SPDX-License-Identifier: MIT */
/*
 * A kernel for tests of the provider runtime: /dev/hvcal-provider that hands out
 * the items that a test writes and keeps every answer.
 */
#ifndef HVCAL_FAKE_PROVIDER_H
#define HVCAL_FAKE_PROVIDER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include <hvcal/engine.h>

#include "sys.h"

#define FAKE_ITEMS 512
#define FAKE_PARAMS 512
#define FAKE_ENGINE 7	/* number of the first engine that registers */

struct fake_item {
	struct hvcal_item item;
	unsigned char params[FAKE_PARAMS];
	unsigned char meta[FAKE_PARAMS];
};

struct fake_result {
	struct hvcal_item_result r;
	struct hvcal_frame_result frame;
};

struct fake_provider {
	struct hvcal_sys sys;		/* first */
	int open_error, register_error, complete_error;
	int acquire_error;		/* of the next acquire_errors calls */
	unsigned int acquire_errors;
	uint32_t blobs_need;		/* EMSGSIZE below that */
	int verdict;			/* of every answer */
	struct hvcal_engine_register reg; /* the last one */
	struct hvcal_engine_update update; /* the last one */
	int update_error;
	unsigned int updates;
	unsigned int registered, acquires, completes, accepts, syncs;
	int open_fds, maps;		/* given out and not returned */
	bool sync_pairs_wrong;		/* more ends than starts at some time */
	int sync_depth;

	pthread_mutex_t lock;
	pthread_cond_t wake;
	int event;			/* readable while there are items */
	struct fake_item items[FAKE_ITEMS];
	unsigned int first, count;
	uint64_t next_id;
	struct fake_result results[FAKE_ITEMS];
	unsigned int nresults;
};

void fake_provider_init(struct fake_provider *k);
void fake_provider_finish(struct fake_provider *k);

/** Queues an item; its id is filled in unless it has one. @return its id */
uint64_t fake_item(struct fake_provider *k, struct hvcal_item item, const void *params,
		   size_t params_len);

uint64_t fake_open(struct fake_provider *k, uint32_t stream,
		   const struct hvcal_codec_config *config);
uint64_t fake_simple(struct fake_provider *k, uint32_t stream, uint32_t type);
/** A frame from buffer @source to @target with pts @pts. */
uint64_t fake_frame(struct fake_provider *k, uint32_t stream, uint32_t source,
		    uint32_t target, int64_t pts);

/** Gives buffer @number, a copy of @fd, to the provider. @layout NULL: a target. */
void fake_buffer(struct fake_provider *k, uint32_t number, int fd,
		 const struct hvcal_frame_layout *layout);
void fake_drop(struct fake_provider *k, uint32_t number);

/** Waits for answers. @return false: there were not @n of them in 10 s */
bool fake_wait(struct fake_provider *k, unsigned int n);

/** The last answer to item @id that is not HELD; NULL: none. */
const struct fake_result *fake_answer(struct fake_provider *k, uint64_t id);

#endif
