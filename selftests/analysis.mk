# SPDX-License-Identifier: MIT
# Pre-analysis: kernels, behaviour, benchmark, validation.

AN_DIR := $(B)/selftests/analysis
AN_TESTS := $(AN_DIR)/kernels $(AN_DIR)/frames

ALL += $(AN_TESTS)
SUITES += lib-analysis-kernels:"$(AN_DIR)/kernels"
SUITES += lib-analysis-frames:"$(AN_DIR)/frames"

$(foreach t,kernels frames,$(eval CPPFLAGS_selftests/analysis/$(t) := -Ilib/analysis))

$(AN_TESTS): $(AN_DIR)/%: $(AN_DIR)/%.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)

## check-analysis: tests of the pre-analysis alone
.PHONY: check-analysis
check-analysis: all
	$(AN_DIR)/kernels
	$(AN_DIR)/frames
