# SPDX-License-Identifier: MIT
# The luma kernels of lib/analysis.

TEST_ANALYSIS := $(B)/selftests/analysis/kernels

ALL += $(TEST_ANALYSIS)
SUITES += lib-analysis-kernels:"$(TEST_ANALYSIS)"

$(TEST_ANALYSIS): selftests/analysis/kernels.c lib/analysis/kernels.c lib/analysis/kernels.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -Ilib/analysis -o $@ $(filter %.c,$^)
