# SPDX-License-Identifier: MIT
# How much of the module the tests run. Not a part of check-kernel: one more kernel.

COVERAGE_MIN ?= 90
COVERAGE_ONLY ?= .
COVERAGE := $(B)/coverage
# Suites that say something of the module; the storms and faults, too.
COVERAGE_SUITES = $(SUITES_VM) $(SUITES_FAULTS) $(SUITES_STORM)

.PHONY: coverage
## coverage: lines of the module that the kernel tests run, in UML; fails below 90 %
coverage: all
	@tools/lib/apt-need gcovr
	@rm -rf $(COVERAGE) && mkdir -p $(COVERAGE)
	@set -e; dir=$$(tools/uml/kunit --variant gcov --build-only | tail -n 1); \
	ko=$$dir/drivers/hvcal/hvcal.ko; \
	find $$dir -name '*.gcda' -delete; \
	ln -sfn $$dir $(COVERAGE)/objects; \
	tools/uml/hvcal-uml --variant gcov --timeout 5400 --module $$ko \
		--env HVCAL_KO=$$ko --env KS_SCALE=2 \
		--rw $$(realpath $(B)) --rw $$dir --keep-log $(COVERAGE)/klog -- \
		selftests/coverage/run $$dir --tag coverage --logs $(COVERAGE) \
		--only '$(COVERAGE_ONLY)' $(COVERAGE_SUITES) \
		kunit:"selftests/coverage/kunit $${ko%/*}/tests/hvcal_kunit.ko" \
		|| status=$$?; \
	selftests/coverage/report $$dir $(COVERAGE) $(COVERAGE_MIN); \
	exit $${status:-0}

coverage: SHELL := /bin/bash
