# SPDX-License-Identifier: MIT
# The module's own policy files, outside the kernel.

SCHED_DIR := selftests/sched
SCHED_POLICY := $(foreach p,heap wheel queue admit cost,$(B)/drivers/hvcal/hvcal_$p.o)
SCHED_BINS := $(B)/$(SCHED_DIR)/test_admit $(B)/$(SCHED_DIR)/fuzz_policy
SCHED_CPPFLAGS := -Itools/sim/shim -Idrivers/hvcal -Iuapi

$(foreach t,test_admit machine fuzz_policy,$(eval CPPFLAGS_$(SCHED_DIR)/$t := $(SCHED_CPPFLAGS))\
	$(eval CFLAGS_$(SCHED_DIR)/$t := -Wno-sign-compare -Wno-shadow))
ALL += $(SCHED_BINS)
SUITES += unit-admit:$(B)/$(SCHED_DIR)/test_admit unit-fuzz-policy:$(B)/$(SCHED_DIR)/fuzz_policy
SUITES += unit-sim:"selftests/sched/sim $(B)"

$(B)/$(SCHED_DIR)/test_admit: $(B)/$(SCHED_DIR)/machine.o
$(B)/$(SCHED_DIR)/fuzz_policy: $(B)/$(SCHED_DIR)/fuzz_main.o
$(SCHED_BINS): %: %.o $(SCHED_POLICY)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

# The same target under libFuzzer, guided by coverage, for as long as you like.
FUZZ_SECONDS ?= 60
.PHONY: fuzz-policy
## fuzz-policy: libFuzzer on the scheduling policy for FUZZ_SECONDS (needs clang)
fuzz-policy:
	@mkdir -p $(B)/fuzz/policy
	clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$(SCHED_CPPFLAGS) -o $(B)/fuzz/fuzz_policy $(SCHED_DIR)/fuzz_policy.c \
		$(foreach p,heap wheel queue admit cost,drivers/hvcal/hvcal_$p.c)
	$(B)/fuzz/fuzz_policy -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
		-artifact_prefix=$(B)/fuzz/ $(B)/fuzz/policy
