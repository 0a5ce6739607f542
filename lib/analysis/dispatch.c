// SPDX-License-Identifier: MIT
/* Which kernels this machine runs. */
#include "kernels.h"

const struct hvcal_analysis_kernels *hvcal_analysis_kernels_get(enum hvcal_analysis_simd simd)
{
	switch (simd) {
	case HVCAL_ANALYSIS_SIMD_C:
	case HVCAL_ANALYSIS_SIMD_BEST:
		return &hvcal_analysis_kernels_c;
	default:
		return NULL;
	}
}
