# SPDX-License-Identifier: MIT
# The kernel module, built from a copy: kernels that differ must not share
# objects, and a source tree that is read-only must do.

## module: hvcal.ko for the kernel in KDIR
MODULE_DIR  ?= $(B)/module
MODULE_ARGS ?=
MODULE_SRC  := Kbuild $(shell find drivers uapi -type f -name '[A-Z]*' -o -type f -name '*.[ch]')

.PHONY: module
module:
	@mkdir -p $(MODULE_DIR)
	@cp -u --parents -t $(MODULE_DIR) $(MODULE_SRC)
	$(MAKE) -C $(KDIR) M=$(abspath $(MODULE_DIR)) W=1 $(MODULE_ARGS) modules

# Without the headers of the running kernel the rest is built all the same.
ifneq ($(wildcard $(KDIR)/Makefile),)
ALL += module
else
ALL += module-absent
endif

.PHONY: module-absent
module-absent:
	@echo "hvcal.ko: not built, no kernel headers at KDIR=$(KDIR)"

.PHONY: install-module uninstall-module
install-module: module
	$(MAKE) -C $(KDIR) M=$(abspath $(MODULE_DIR)) $(MODULE_ARGS) \
		INSTALL_MOD_PATH=$(DESTDIR) modules_install

## install-module: hvcal.ko into /lib/modules of the kernel in KDIR
