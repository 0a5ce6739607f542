# SPDX-License-Identifier: MIT
# The module's own policy files, outside the kernel.

POLICY := heap queue admit cost place hist
POLICY_OBJS := $(POLICY:%=$(B)/drivers/hvcal/hvcal_%.o)
SHIM_FLAGS := -Itools/sim/shim -Idrivers/hvcal -Iuapi

# Kernel style: signed and unsigned meet, macros nest.
$(foreach p,$(POLICY),$(eval CPPFLAGS_drivers/hvcal/hvcal_$(p) := $(SHIM_FLAGS))\
	$(eval CFLAGS_drivers/hvcal/hvcal_$(p) := -Wno-sign-compare -Wno-shadow))

SCHED_TEST := $(B)/selftests/sched/test_admit
$(foreach t,test_admit machine,$(eval CPPFLAGS_selftests/sched/$(t) := $(SHIM_FLAGS))\
	$(eval CFLAGS_selftests/sched/$(t) := -Wno-sign-compare -Wno-shadow))
ALL += $(SCHED_TEST)
SUITES += unit-admit:$(SCHED_TEST)

$(SCHED_TEST): $(B)/selftests/sched/test_admit.o $(B)/selftests/sched/machine.o $(POLICY_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
