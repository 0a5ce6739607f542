# SPDX-License-Identifier: MIT
# Deliberate faults: are the detectors of the test kernels awake?

.PHONY: check-detectors
## check-detectors: every detector of the test kernel VARIANT catches its fault
check-detectors:
	@mkdir -p $(CHECK_LOGS)
	@-selftests/run-suites --tag $(VARIANT) --logs $(CHECK_LOGS) \
		detectors-$(VARIANT):"selftests/detectors/run $(B) $(VARIANT)" \
		| tee $(CHECK_LOGS)/detectors-$(VARIANT).out
