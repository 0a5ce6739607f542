/* SPDX-License-Identifier: MIT */
/* What a test must not change: kernel health, live objects, parameters. */
#ifndef KS_STATE_H
#define KS_STATE_H

#include <stdint.h>

#define KS_OBJECTS	"/sys/kernel/debug/hvcal/objects"
#define KS_PARAMS	"/sys/module/hvcal/parameters/"

enum { KS_OBJECT_KINDS = 16, KS_PARAM_COUNT = 11 };

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

void ks_state_save(struct ks_state *state);

/**
 * Puts the parameters back, waits for objects to be gone, and says what is
 * wrong; NULL if nothing.
 */
const char *ks_state_check(const struct ks_state *before);

#endif
