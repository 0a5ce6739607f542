// SPDX-License-Identifier: MIT
/* Which kernels this machine runs. */
#include "kernels.h"

#ifdef __x86_64__
static int has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static int has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw");
}

const struct hvcal_analysis_kernels *hvcal_analysis_kernels_get(enum hvcal_analysis_simd simd)
{
	if (simd == HVCAL_ANALYSIS_SIMD_BEST)
		simd = has_avx512() ? HVCAL_ANALYSIS_SIMD_AVX512 :
		       has_avx2() ? HVCAL_ANALYSIS_SIMD_AVX2 : HVCAL_ANALYSIS_SIMD_C;
	switch (simd) {
	case HVCAL_ANALYSIS_SIMD_C:
		return &hvcal_analysis_kernels_c;
	case HVCAL_ANALYSIS_SIMD_AVX2:
		return has_avx2() ? &hvcal_analysis_kernels_avx2 : NULL;
	case HVCAL_ANALYSIS_SIMD_AVX512:
		return has_avx512() ? &hvcal_analysis_kernels_avx512 : NULL;
	default:
		return NULL;
	}
}
#else
const struct hvcal_analysis_kernels *hvcal_analysis_kernels_get(enum hvcal_analysis_simd simd)
{
	if (simd == HVCAL_ANALYSIS_SIMD_C || simd == HVCAL_ANALYSIS_SIMD_BEST)
		return &hvcal_analysis_kernels_c;
	return NULL;
}
#endif
