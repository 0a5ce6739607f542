/* SPDX-License-Identifier: MIT */
/* Why an engine is not there. */
#ifndef HVCAL_TOOL_ABSENT_H
#define HVCAL_TOOL_ABSENT_H

#include <stdbool.h>

#include <hvcal/hvcal.h>

#include "../../lib/src/probe.h"

/** Is @engine the name of one of @plugin's engines? */
bool absent_is_of(const char *engine, const char *plugin);

/** Of an engine that the module does not list, but that was tried. */
const char *absent_reason(const struct hvcal_probe_result *r);

/**
 * Says why the module has no engine @name; true: it has not. Tries it out in a
 * process of its own. An empty name and direct mode, where hvcal_create_session()
 * knows the reason, are fine.
 */
bool absent_explain(hvcal_context_t *ctx, const char *name);

#endif
