// SPDX-License-Identifier: MIT
/* After each test: no splat, no leak, parameters as before. */
#include "state.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <errno.h>

#include "../harness.h"

#define KS_SETTLE_MS	3000	/* release work runs behind close(2) */

static const char *const ks_params[KS_PARAM_COUNT] = {
	KS_PARAMS "watchdog_floor_ms",
	KS_PARAMS "watchdog_cap_ms",
	KS_PARAMS "watchdog_attend_ms",
	KS_PARAMS "watchdog_move_ms",
	KS_PARAMS "failover_grace_ms",
	KS_PARAMS "rebalance_ms",
	KS_PARAMS "user_max_sessions",
	KS_PARAMS "user_max_buffers",
	KS_PARAMS "user_max_mbytes",
	KS_PARAMS "user_max_jobs",
	KS_PARAMS "user_max_engines",
	KS_PARAMS "user_share_percent",
	KS_PARAMS "bandwidth_mbps",
};

static long ks_number_read(const char *path)
{
	FILE *f = fopen(path, "re");
	long value = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%ld", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

static void ks_number_write(const char *path, long value)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	fprintf(f, "%ld\n", value);
	fclose(f);
}

int ks_objects_read(struct ks_objects *objects)
{
	FILE *f = fopen(KS_OBJECTS, "re");
	unsigned long long count;
	char name[32];

	memset(objects, 0, sizeof(*objects));
	if (!f)
		return -errno;
	while (objects->kinds < KS_OBJECT_KINDS &&
	       fscanf(f, "%31s %llu", name, &count) == 2) {
		strcpy(objects->name[objects->kinds], name);
		objects->count[objects->kinds++] = count;
	}
	fclose(f);
	return 0;
}

unsigned long ks_taint_read(void)
{
	long taint = ks_number_read("/proc/sys/kernel/tainted");

	return taint < 0 ? 0 : (unsigned long)taint;
}

void ks_state_save(struct ks_state *state)
{
	state->taint = ks_taint_read();
	ks_objects_read(&state->objects);
	for (int i = 0; i < KS_PARAM_COUNT; i++)
		state->params[i] = ks_number_read(ks_params[i]);
}

/* Index of the first kind that has more than @before, or -1. */
static int ks_objects_grown(const struct ks_objects *before, const struct ks_objects *now)
{
	for (unsigned int i = 0; i < now->kinds; i++) {
		uint64_t was = i < before->kinds ? before->count[i] : 0;

		if (now->count[i] > was)
			return (int)i;
	}
	return -1;
}

const char *ks_state_check(const struct ks_state *before)
{
	static char why[128];	/* the harness is one thread */
	struct ks_state now;
	int kind;

	for (int i = 0; i < KS_PARAM_COUNT; i++)
		if (before->params[i] >= 0)
			ks_number_write(ks_params[i], before->params[i]);

	for (int waited = 0;; waited += 10) {
		struct timespec nap = { 0, 10000000 };

		ks_state_save(&now);
		kind = ks_objects_grown(&before->objects, &now.objects);
		if (kind < 0 || waited >= ks_ms(KS_SETTLE_MS))
			break;
		nanosleep(&nap, NULL);
	}
	if (now.taint & ~before->taint & KS_TAINT_BAD) {
		snprintf(why, sizeof(why), "the kernel warned or died (taint %#lx, see dmesg)",
			 now.taint);
		return why;
	}
	if (kind >= 0) {
		snprintf(why, sizeof(why), "leaked %s: %llu alive", now.objects.name[kind],
			 (unsigned long long)now.objects.count[kind]);
		return why;
	}
	return NULL;
}
