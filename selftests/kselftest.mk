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
	$(CC) $(CFLAGS) $(LDFLAGS) $(KSELFTEST_WRAP) -o $@ $^ $(LDLIBS)

# lib/storm.c
KSELFTEST_WRAP := -Wl,--wrap=poll,--wrap=read,--wrap=write,--wrap=waitpid

ALL += $(KSELFTEST_PROGS)
# Some have nothing to do on a kernel without fault injection.
KSELFTEST_FAULTS := failnth load
kselftest_suites = $(foreach n,$(1),kernel-$(n):$(B)/$(KSELFTEST_DIR)/$(n))
SUITES_VM += $(call kselftest_suites,$(filter-out $(KSELFTEST_FAULTS),$(KSELFTEST_NAMES)))
SUITES_FAULTS += $(call kselftest_suites,$(KSELFTEST_FAULTS))

# All again with a signal every half millisecond, restarting what it interrupts and
# not, but for those that measure time or want displays.
KSELFTEST_STORM := $(filter-out sched matrix gpu scanout $(KSELFTEST_FAULTS),$(KSELFTEST_NAMES))
SUITES_STORM += $(foreach m,restart eintr,$(foreach n,$(KSELFTEST_STORM),\
	storm-$(m)-$(n):"env KS_STORM=$(m) $(B)/$(KSELFTEST_DIR)/$(n)"))

.PHONY: kselftest
## kselftest: the tests of the kernel interface
kselftest: $(KSELFTEST_PROGS)
