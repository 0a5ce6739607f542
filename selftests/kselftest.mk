# SPDX-License-Identifier: MIT
# Tests of the kernel interface: one program a theme, TAP, nothing but uapi/.

KSELFTEST_DIR := selftests/kselftest
KSELFTEST_LIB := $(patsubst %.c,$(B)/%.o,$(wildcard $(KSELFTEST_DIR)/lib/*.c))
KSELFTEST_NAMES := $(basename $(notdir $(wildcard $(KSELFTEST_DIR)/*.c)))
KSELFTEST_PROGS := $(addprefix $(B)/$(KSELFTEST_DIR)/,$(KSELFTEST_NAMES))

$(KSELFTEST_PROGS): %: %.o $(KSELFTEST_LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

ALL += $(KSELFTEST_PROGS)
SUITES += uapi-abi:selftests/abi/uapi.sh
SUITES += static-checkpatch:selftests/static/checkpatch.sh
SUITES += static-sparse:selftests/static/sparse.sh
# Some have nothing to do on a kernel without fault injection.
KSELFTEST_FAULTS := failnth
kselftest_suites = $(foreach n,$(1),kernel-$(n):$(B)/$(KSELFTEST_DIR)/$(n))
SUITES_VM += $(call kselftest_suites,$(filter-out $(KSELFTEST_FAULTS),$(KSELFTEST_NAMES)))
SUITES_FAULTS += $(call kselftest_suites,$(KSELFTEST_FAULTS))

.PHONY: kselftest
## kselftest: the tests of the kernel interface
kselftest: $(KSELFTEST_PROGS)
