/* SPDX-License-Identifier: MIT */
/* What a test must not change: kernel health, live objects, parameters. */
#ifndef KS_STATE_H
#define KS_STATE_H

#include <stdint.h>

/*
 * A bad page, which reports of KASAN count as, died, warned. Not the soft lock-up
 * bit: newer sw_sync sets it at its first fence.
 */
#define KS_TAINT_BAD	((1UL << 5) | (1UL << 7) | (1UL << 9))

#define KS_OBJECTS	"/sys/kernel/debug/hvcal/objects"
#define KS_PARAMS	"/sys/module/hvcal/parameters/"

enum { KS_OBJECT_KINDS = 16, KS_PARAM_COUNT = 13 };

struct ks_objects {
	unsigned int kinds;
	char name[KS_OBJECT_KINDS][32];
	uint64_t count[KS_OBJECT_KINDS];
};

struct ks_state {
	unsigned long taint;
	struct ks_objects objects;
	long params[KS_PARAM_COUNT];	/* of ks_params[]; -1 absent */
};

/** Reads the live object counts; 0 or a negative errno. */
int ks_objects_read(struct ks_objects *objects);

/** What the kernel says of itself; cheap next to all of the state. */
unsigned long ks_taint_read(void);

void ks_state_save(struct ks_state *state);

/**
 * Puts the parameters back, waits for objects to be gone, and says what is
 * wrong; NULL if nothing.
 */
const char *ks_state_check(const struct ks_state *before);

#endif
