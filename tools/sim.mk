# SPDX-License-Identifier: MIT
# hvcal-sim: the module's scheduling policy in userspace.

SIM_DIR := tools/sim
SIM_BIN := $(B)/$(SIM_DIR)/hvcal-sim
SIM_SRC := $(wildcard $(SIM_DIR)/*.c)
SIM_OBJ := $(SIM_SRC:%.c=$(B)/%.o)
SIM_WORKLOADS := $(wildcard $(SIM_DIR)/workloads/*.sim)
SIM_JOBS ?= 10000000

# The module's own policy files. Kernel style: signed and unsigned meet, macros nest.
POLICY := heap wheel queue admit cost place hist
POLICY_OBJ := $(POLICY:%=$(B)/drivers/hvcal/hvcal_%.o)
POLICY_CPPFLAGS := -Itools/sim/shim -Idrivers/hvcal -Iuapi
POLICY_CFLAGS := -Wno-sign-compare -Wno-shadow
# with-policy: $1 is a source, without .c, that is or includes policy
with-policy = $(eval CPPFLAGS_$1 := $(POLICY_CPPFLAGS))$(eval CFLAGS_$1 := $(POLICY_CFLAGS))
$(foreach s,$(POLICY:%=drivers/hvcal/hvcal_%) $(SIM_SRC:%.c=%),$(call with-policy,$s))

ALL += $(SIM_BIN)
$(SIM_BIN): $(SIM_OBJ) $(POLICY_OBJ)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm

## bench-sched: deadlines kept by HVCAL's policy and by those of others, simulated
BENCHES += bench-sched
.PHONY: bench-sched
bench-sched: $(SIM_BIN)
	@mkdir -p $(B)/bench
	$(SIM_BIN) --jobs $(SIM_JOBS) --json $(B)/bench/sched-sim.json $(SIM_WORKLOADS)
	@echo; $(SIM_BIN) --decision-cost

# Timers of User Mode Linux are late by up to 10 ms: times are stretched, those of
# the module that are no reservation's too.
SIM_STRETCH := 20
SIM_AGES := age_ms=$(shell echo $$((500 * $(SIM_STRETCH)))) \
	starve_ms=$(shell echo $$((2000 * $(SIM_STRETCH))))
SIM_SECONDS ?= 30
SIM_REAL := $(foreach w,single soak,$(SIM_DIR)/workloads/$w.sim)
## bench-sched-real: the same through hvcal.ko in User Mode Linux
BENCHES += bench-sched-real
.PHONY: bench-sched-real
bench-sched-real: $(SIM_BIN)
	@mkdir -p $(B)/bench
	tools/uml/hvcal-uml --timeout 1200 --module "$$(tools/kernel/module uml | tail -n 1) $(SIM_AGES)" \
		--rw "$$(realpath $(B))" -- $(SIM_BIN) --jobs 200000 --real $(SIM_SECONDS) \
		--stretch $(SIM_STRETCH) --json $(B)/bench/sched-real.json $(SIM_REAL)
