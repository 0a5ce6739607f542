# SPDX-License-Identifier: MIT
# Running the tests. Suites are NAME:COMMAND, quoted for the shell if they have
# spaces; fragments add those that need nothing to SUITES and those that need
# the loaded module to SUITES_VM.

CHECK_PKGS := gcc make pkg-config libx264-dev libx265-dev libva-dev libdrm-dev libavformat-dev \
	libavcodec-dev libswscale-dev libavutil-dev libvpx-dev libaom-dev libsvtav1enc-dev libdav1d-dev \
	clang libjson-c-dev libcmocka-dev ffmpeg python3 \
	qemu-system-x86 busybox-static cpio kmod zstd xz-utils bc flex bison \
	libelf-dev libssl-dev dwarves rsync sparse shellcheck clang-tidy \
	gcc-multilib g++ g++-multilib groff-base dkms perl libffmpeg-nvenc-dev \
	libseccomp-dev libcap-ng-dev
CHECK_KERNELS ?= 6.12 6.1
# The command and its daemon by minutes of emulated coding: of the kernels above, on the first.
CHECK_ONCE := ^(cli-module|provider-failover)
CHECK_LOGS := $(B)/check

SUITES += static-threat-model:selftests/static/threat-model.sh
SUITES += static-spdx:selftests/static/spdx.sh
SUITES += static-engines:selftests/static/engines.sh
SUITES += static-parameters:selftests/static/parameters.sh
SUITES += static-conformance:selftests/static/conformance.sh
SUITES += static-shellcheck:selftests/static/shellcheck.sh
SUITES += static-tidy:selftests/static/tidy.sh
SUITES += static-module:selftests/static/module.sh
SUITES += static-dkms:selftests/static/dkms.sh
SUITES += static-checkpatch:selftests/static/checkpatch.sh
SUITES += static-sparse:selftests/static/sparse.sh
SUITES += uapi-table:selftests/abi/uapi.sh
SUITES += vm-runner:"selftests/vm/test_vm.sh 6.12"

# Parts that say something under a sanitizer; Python and nm do not.
SANITIZED := ^(lib|unit|conformance|provider)-
NOT_SANITIZED := ^lib-(ffi|symbols|headers|layout)$$

.PHONY: packages check check-native check-asan check-vm check-kernel check-uml check-leaks check-kcsan
## packages: installs what building and testing need (Debian), fetches headers for nvenc
packages:
	@tools/lib/apt-need $(CHECK_PKGS)
	@tools/nvenc-headers --fetch >/dev/null || :

# In several calls of make: what is found depends on the packages.
## check: everything that a stock kernel can run; installs what that needs
check: packages
	@rm -rf $(CHECK_LOGS) && mkdir -p $(CHECK_LOGS)
	@echo "== build"; $(MAKE) -s all
	@echo "== this machine"; $(MAKE) -s check-native
	@echo "== this machine, under ASan and UBSan"; $(MAKE) -s check-asan
	@not='^-'; for k in $(CHECK_KERNELS); do \
		echo "== Debian's $$k in a virtual machine"; \
		$(MAKE) -s check-vm KERNEL=$$k VM_NOT="$$not"; not='$(CHECK_ONCE)'; done
	@selftests/sum-results $(CHECK_LOGS)/native.out $(CHECK_LOGS)/asan.out \
		$(CHECK_KERNELS:%=$(CHECK_LOGS)/vm-%.out)

# These pass on failure so that the others run too: the sum tells.
## check-native: tests that need no kernel module
check-native: all
	@mkdir -p $(CHECK_LOGS)
	@-selftests/run-suites --tag native --logs $(CHECK_LOGS) $(SUITES) | tee $(CHECK_LOGS)/native.out

## check-asan: those again under the sanitizers
check-asan:
	@mkdir -p $(CHECK_LOGS)
	@$(MAKE) -s B=build/asan SAN=address,undefined CHECK_LOGS=$(CHECK_LOGS) run-asan

.PHONY: run-asan
run-asan: all
	@-ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/selftests/lsan.supp:print_suppressions=0 \
		selftests/run-suites --tag asan --logs $(CHECK_LOGS) \
		--only '$(SANITIZED)' --not '$(NOT_SANITIZED)' $(SUITES) | tee $(CHECK_LOGS)/asan.out

KERNEL ?= 6.12
VM_NOT ?= ^-
# Emulated machines are slow: the watchdog must not take that for a hang.
## check-vm: tests of the loaded module, in a virtual machine with KERNEL
check-vm: all
	@mkdir -p $(CHECK_LOGS)
	@-ko=$$(tools/kernel/module $(KERNEL) 2>/dev/null | tail -n 1); \
	tools/vm/hvcal-vm --kernel $(KERNEL) --timeout 5400 --modprobe vgem \
		--displays 2 --modprobe bochs \
		--module "$$ko watchdog_floor_ms=10000 watchdog_cap_ms=60000 watchdog_attend_ms=10000 watchdog_move_ms=5000" \
		--env HVCAL_KO="$$ko" --env KS_SCALE=4 \
		--rw "$$(realpath $(B))" --keep-log $(CHECK_LOGS)/vm-$(KERNEL).klog -- \
		selftests/run-suites --tag vm-$(KERNEL) --logs $(CHECK_LOGS) --not '$(VM_NOT)' $(SUITES_VM) \
		| tee $(CHECK_LOGS)/vm-$(KERNEL).raw; \
	s=$${PIPESTATUS[0]}; cp $(CHECK_LOGS)/vm-$(KERNEL).raw $(CHECK_LOGS)/vm-$(KERNEL).out; \
	[ $$s -le 1 ] || echo "the machine ended with status $$s" > $(CHECK_LOGS)/vm-$(KERNEL).out
check-vm: SHELL := /bin/bash

# UML_LEAKS names the programs that run once more under kmemleak, where all is slow.
UML_VARIANTS := plain debug kasan
UML_LEAKS := failnth load provider_death migrate stress
CHECK_KERNEL_OUT = $(foreach v,$(UML_VARIANTS),$(CHECK_LOGS)/kunit-$(v).out \
	$(CHECK_LOGS)/detectors-$(v).out $(CHECK_LOGS)/uml-$(v).out) $(CHECK_LOGS)/uml-leaks.out

## check-kernel: KUnit, and the module's tests, on kernels of our own
check-kernel: packages
	@mkdir -p $(CHECK_LOGS)
	@$(MAKE) -s all
	@for v in $(UML_VARIANTS); do \
		echo "== KUnit, $$v"; \
		tools/uml/kunit --variant $$v | tee $(CHECK_LOGS)/kunit-$$v.out; \
		echo "== deliberate faults, $$v"; $(MAKE) -s check-detectors VARIANT=$$v; \
		echo "== the module in UML, $$v"; $(MAKE) -s check-uml VARIANT=$$v; done
	@echo "== the module in UML, leaks"; $(MAKE) -s check-leaks
	@selftests/sum-results $(CHECK_KERNEL_OUT)

# A machine that others use may let an engine wait for seconds.
UML_PATIENCE := watchdog_floor_ms=5000 watchdog_cap_ms=30000 watchdog_attend_ms=5000
# KS_SCALE stretches the time limits of the kernel tests on slow machines.
# A kernel that checks itself is slow: there it runs what speaks to it alone, and
# what needs its fault injection. The storms of signals are for the fast one.
VARIANT ?= plain
UML_SCALE = $(if $(filter plain,$(VARIANT)),2,8)
UML_SUITES = $(SUITES_VM) $(if $(filter plain,$(VARIANT)),$(SUITES_STORM),$(SUITES_FAULTS))
UML_ONLY = $(if $(filter plain,$(VARIANT)),.,^kernel-|v4l2-copy|^unit-v4l2)
## check-uml: tests of the loaded module in User Mode Linux (VARIANT plain, debug or kasan)
check-uml: all
	$(call in_uml,uml-$(VARIANT),,--only '$(UML_ONLY)' $(UML_SUITES))

## check-leaks: tests of the loaded module in User Mode Linux, and kmemleak after them
check-leaks: VARIANT := debug
check-leaks: all
	$(call in_uml,uml-leaks,--leaks,\
		--only '^kernel-($(subst $(space),|,$(strip $(UML_LEAKS))))$$' $(UML_SUITES))

KCSAN_ONLY := ^kernel-(stress|provider_death|migrate|matrix|session|queue|events)$$
## check-kcsan: data races in the module, on a kernel of our own in QEMU; not in check-kernel
check-kcsan: all
	@mkdir -p $(CHECK_LOGS)
	@$(MAKE) -s check-detectors VARIANT=kcsan
	@ko=$$(tools/kernel/module kcsan 2>/dev/null | tail -n 1); \
	tools/vm/hvcal-vm --kernel kcsan --timeout 5400 --module "$$ko" \
		--env HVCAL_KO="$$ko" --env KS_SCALE=8 \
		--rw "$$(realpath $(B))" --keep-log $(CHECK_LOGS)/kcsan.klog -- \
		selftests/run-suites --tag kcsan --logs $(CHECK_LOGS) \
		--only '$(KCSAN_ONLY)' $(SUITES_VM) | tee $(CHECK_LOGS)/kcsan.raw; \
	s=$${PIPESTATUS[0]}; cp $(CHECK_LOGS)/kcsan.raw $(CHECK_LOGS)/kcsan.out; \
	[ $$s -le 1 ] || echo "the machine ended with status $$s" > $(CHECK_LOGS)/kcsan.out
	@selftests/sum-results $(CHECK_LOGS)/detectors-kcsan.out $(CHECK_LOGS)/kcsan.out
check-kcsan: SHELL := /bin/bash

space := $(subst x,,x x)
# $(call in_uml,TAG,OPTIONS OF THE MACHINE,OPTIONS AND SUITES)
define in_uml
	@mkdir -p $(CHECK_LOGS)
	@-ko=$$(tools/kernel/module $(if $(filter plain,$(VARIANT)),uml,uml-$(VARIANT)) \
		2>/dev/null | tail -n 1); \
	tools/uml/hvcal-uml --variant $(VARIANT) --timeout 5400 --module "$$ko $(UML_PATIENCE)" $2 \
		--append vicodec.multiplanar=$(if $(filter plain,$(VARIANT)),0,1) \
		--env HVCAL_KO="$$ko" --env KS_SCALE=$(UML_SCALE) \
		--rw "$$(realpath $(B))" --keep-log $(CHECK_LOGS)/$1.klog -- \
		selftests/run-suites --tag $1 --logs $(CHECK_LOGS) $3 \
		| tee $(CHECK_LOGS)/$1.raw; \
	s=$${PIPESTATUS[0]}; cp $(CHECK_LOGS)/$1.raw $(CHECK_LOGS)/$1.out; \
	[ $$s -le 1 ] || echo "the machine ended with status $$s" > $(CHECK_LOGS)/$1.out
endef
check-uml check-leaks: SHELL := /bin/bash
