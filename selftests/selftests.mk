# SPDX-License-Identifier: MIT
# Running the tests. Suites are NAME:COMMAND, quoted for the shell if they have
# spaces; fragments add those that need nothing to SUITES and those that need
# the loaded module to SUITES_VM.

CHECK_PKGS := gcc make pkg-config libx264-dev libx265-dev libva-dev libdrm-dev libavformat-dev \
	libavcodec-dev libswscale-dev libavutil-dev libvpx-dev libaom-dev libsvtav1enc-dev libdav1d-dev \
	clang libjson-c-dev libcmocka-dev ffmpeg python3 \
	qemu-system-x86 busybox-static cpio kmod zstd xz-utils bc flex bison \
	libelf-dev libssl-dev dwarves rsync sparse shellcheck clang-tidy \
	gcc-multilib g++ g++-multilib groff-base dkms perl libffmpeg-nvenc-dev
CHECK_KERNELS ?= 6.12 6.1
CHECK_LOGS := $(B)/check

SUITES += static-spdx:selftests/static/spdx.sh
SUITES += static-engines:selftests/static/engines.sh
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

.PHONY: packages check check-native check-asan check-vm check-kernel check-uml
## packages: installs what building and testing need (Debian)
packages:
	@tools/lib/apt-need $(CHECK_PKGS)

# In several calls of make: what is found depends on the packages.
## check: everything that a stock kernel can run; installs what that needs
check: packages
	@rm -rf $(CHECK_LOGS) && mkdir -p $(CHECK_LOGS)
	@echo "== build"; $(MAKE) -s all
	@echo "== this machine"; $(MAKE) -s check-native
	@echo "== this machine, under ASan and UBSan"; $(MAKE) -s check-asan
	@for k in $(CHECK_KERNELS); do \
		echo "== Debian's $$k in a virtual machine"; \
		$(MAKE) -s check-vm KERNEL=$$k; done
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
# Emulated machines are slow: the watchdog must not take that for a hang.
## check-vm: tests of the loaded module, in a virtual machine with KERNEL
check-vm: all
	@mkdir -p $(CHECK_LOGS)
	@-ko=$$(tools/kernel/module $(KERNEL) 2>/dev/null | tail -n 1); \
	tools/vm/hvcal-vm --kernel $(KERNEL) --timeout 1500 --modprobe vgem \
		--displays 2 --modprobe bochs \
		--module "$$ko watchdog_floor_ms=10000 watchdog_cap_ms=60000" \
		--env HVCAL_KO="$$ko" --env KS_SCALE=4 \
		--rw "$$(realpath $(B))" --keep-log $(CHECK_LOGS)/vm-$(KERNEL).klog -- \
		selftests/run-suites --tag vm-$(KERNEL) --logs $(CHECK_LOGS) $(SUITES_VM) \
		| tee $(CHECK_LOGS)/vm-$(KERNEL).raw; \
	s=$${PIPESTATUS[0]}; cp $(CHECK_LOGS)/vm-$(KERNEL).raw $(CHECK_LOGS)/vm-$(KERNEL).out; \
	[ $$s -le 1 ] || echo "the machine ended with status $$s" > $(CHECK_LOGS)/vm-$(KERNEL).out
check-vm: SHELL := /bin/bash

## check-kernel: KUnit, and the module's tests, on a kernel of our own
check-kernel: packages
	@mkdir -p $(CHECK_LOGS)
	@$(MAKE) -s all
	@echo "== KUnit"; for v in plain debug; do \
		tools/uml/kunit --variant $$v | tee $(CHECK_LOGS)/kunit-$$v.out; done; true
	@for v in plain debug; do echo "== the module in UML, $$v"; \
		$(MAKE) -s check-uml VARIANT=$$v; done
	@selftests/sum-results $(CHECK_LOGS)/kunit-plain.out $(CHECK_LOGS)/kunit-debug.out \
		$(CHECK_LOGS)/uml-plain.out $(CHECK_LOGS)/uml-debug.out

# KS_SCALE stretches the time limits of the kernel tests on slow machines.
# With lockdep and its like the kernel is slow: there it runs what speaks to it alone.
VARIANT ?= plain
## check-uml: tests of the loaded module in User Mode Linux (VARIANT plain or debug)
check-uml: all
	@mkdir -p $(CHECK_LOGS)
	@-ko=$$(tools/kernel/module $(if $(filter plain,$(VARIANT)),uml,uml-$(VARIANT)) \
		2>/dev/null | tail -n 1); \
	tools/uml/hvcal-uml --variant $(VARIANT) --timeout 1500 --module "$$ko" \
		--append vicodec.multiplanar=$(if $(filter plain,$(VARIANT)),0,1) \
		--env HVCAL_KO="$$ko" --env KS_SCALE=$(if $(filter plain,$(VARIANT)),2,8) \
		--rw "$$(realpath $(B))" --keep-log $(CHECK_LOGS)/uml-$(VARIANT).klog -- \
		selftests/run-suites --tag uml-$(VARIANT) --logs $(CHECK_LOGS) \
		--only '$(if $(filter plain,$(VARIANT)),.,^kernel-|v4l2-copy|^unit-v4l2)' $(SUITES_VM) \
		| tee $(CHECK_LOGS)/uml-$(VARIANT).raw; \
	s=$${PIPESTATUS[0]}; cp $(CHECK_LOGS)/uml-$(VARIANT).raw $(CHECK_LOGS)/uml-$(VARIANT).out; \
	[ $$s -le 1 ] || echo "the machine ended with status $$s" > $(CHECK_LOGS)/uml-$(VARIANT).out
check-uml: SHELL := /bin/bash
