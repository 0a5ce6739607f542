# SPDX-License-Identifier: MIT
# Tests of the kernel interface: one program a theme, TAP.

KSELFTEST_DIR := selftests/kselftest
KSELFTEST_LIB := $(patsubst %.c,$(B)/%.o,$(wildcard $(KSELFTEST_DIR)/lib/*.c))
KSELFTEST_NAMES := $(basename $(notdir $(wildcard $(KSELFTEST_DIR)/*.c)))

# displays are spoken to through libdrm
ifeq ($(shell pkg-config --exists libdrm && echo yes),yes)
CFLAGS_$(KSELFTEST_DIR)/scanout := $(shell pkg-config --cflags libdrm)
$(B)/$(KSELFTEST_DIR)/scanout: LDLIBS += $(shell pkg-config --libs libdrm)
else
KSELFTEST_NAMES := $(filter-out scanout,$(KSELFTEST_NAMES))
$(info kselftest scanout: not built, libdrm-dev missing)
endif

KSELFTEST_PROGS := $(addprefix $(B)/$(KSELFTEST_DIR)/,$(KSELFTEST_NAMES))

$(KSELFTEST_PROGS): %: %.o $(KSELFTEST_LIB)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

ALL += $(KSELFTEST_PROGS)
SUITES += uapi-abi:selftests/abi/uapi.sh
SUITES += static-checkpatch:selftests/static/checkpatch.sh
SUITES += static-sparse:selftests/static/sparse.sh
SUITES_VM += $(foreach n,$(KSELFTEST_NAMES),kernel-$(n):$(B)/$(KSELFTEST_DIR)/$(n))

.PHONY: kselftest
## kselftest: the tests of the kernel interface
kselftest: $(KSELFTEST_PROGS)
