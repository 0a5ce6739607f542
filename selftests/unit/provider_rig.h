/* SPDX-License-Identifier: MIT */
/* The null engine in a provider that runs, on a kernel of the test's own. */
#ifndef HVCAL_PROVIDER_RIG_H
#define HVCAL_PROVIDER_RIG_H

#include <pthread.h>
#include <stdint.h>

#include "../../lib/provider/internal.h"
#include "fake_provider.h"
#include "options.h"

#define RIG_WIDTH 64
#define RIG_HEIGHT 32

struct rig {
	struct fake_provider k;
	struct hvcal_options *options;
	struct hvcal_plugins *plugins;
	hvcal_provider_params_t params;
	hvcal_provider_t *p;
	pthread_t thread;
	int stop;
	int run_result;
	int source, target;	/* memfds */
	uint8_t *source_map, *target_map;
	struct hvcal_frame_layout layout;
	unsigned int logged;
};

/* *@state: the folder of the engines; @options of theirs or NULL. Buffers: 1 a source, 2 a target. */
struct rig *rig_new(void **state, const char *options);
void rig_open(struct rig *r);
int rig_run(struct rig *r);	/* in a thread of its own; 0 or an errno */
struct rig *rig_start(void **state, const char *options);	/* all three */
void rig_halt(struct rig *r);	/* its thread alone */
void rig_stop(struct rig *r);
void rig_free(struct rig *r);
void rig_end(struct rig *r);	/* both, and it ran without an error */

struct hvcal_codec_config rig_config(void);
int rig_status(struct rig *r, uint64_t id);	/* of the answer, which must be there */
unsigned int rig_allocations(void);		/* of the process so far */

#endif
