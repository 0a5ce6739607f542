# SPDX-License-Identifier: MIT
# Tests of the kernel interface: one program a theme, TAP, nothing but uapi/.

KSELFTEST_DIR := selftests/kselftest
KSELFTEST_LIB := $(patsubst %.c,$(B)/%.o,$(wildcard $(KSELFTEST_DIR)/lib/*.c))
KSELFTEST_NAMES := $(basename $(notdir $(wildcard $(KSELFTEST_DIR)/*.c)))
KSELFTEST_PROGS := $(addprefix $(B)/$(KSELFTEST_DIR)/,$(KSELFTEST_NAMES))

$(KSELFTEST_PROGS): %: %.o $(KSELFTEST_LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

ALL += $(KSELFTEST_PROGS)
SUITES_VM += $(foreach n,$(KSELFTEST_NAMES),kernel-$(n):$(B)/$(KSELFTEST_DIR)/$(n))

.PHONY: kselftest
## kselftest: the tests of the kernel interface
kselftest: $(KSELFTEST_PROGS)
