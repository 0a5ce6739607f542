/* SPDX-License-Identifier: MIT */
/* Lists of the back end, whole, in memory that the caller frees. */
#ifndef HVCAL_ENUMERATE_H
#define HVCAL_ENUMERATE_H

#include "internal.h"

int hvcal_engines_get(hvcal_context_t *ctx, struct hvcal_engine_info **out,
		      uint32_t *count);
int hvcal_engine_caps_get(hvcal_context_t *ctx, uint32_t engine,
			  struct hvcal_engine_cap **out, uint32_t *count);

/** HVCAL_CAP_* of an engine for a codec; 0 if it is not there. */
uint32_t hvcal_engine_flags(hvcal_context_t *ctx, uint32_t engine, uint32_t codec);

/** Number of the engine of this name. -ENOENT */
int hvcal_engine_find(hvcal_context_t *ctx, const char *name, uint32_t *id);

#endif
