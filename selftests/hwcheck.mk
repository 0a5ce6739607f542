# SPDX-License-Identifier: MIT
# The encoder chips of the machine at hand.

SUITES += hwcheck-report:"env B=$(B) selftests/hwcheck/test"

## hwcheck: test encode and conformance of this machine's hardware engines, with a report
.PHONY: hwcheck
hwcheck: all
	@B=$(B) selftests/hwcheck/run
