/* SPDX-License-Identifier: MIT */
/* What only the library and its tests know about a state. */
#ifndef HVCAL_ANALYSIS_STATE_H
#define HVCAL_ANALYSIS_STATE_H

#include <hvcal/analysis.h>

#include "kernels.h"

/* -EOPNOTSUPP: this machine has no such kernels. */
int hvcal_analysis_set_simd(struct hvcal_analysis *an, enum hvcal_analysis_simd simd);

#endif
