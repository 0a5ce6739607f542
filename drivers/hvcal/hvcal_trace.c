// SPDX-License-Identifier: GPL-2.0
#include "hvcal_internal.h"

#define CREATE_TRACE_POINTS
#include "hvcal_trace.h"
