# SPDX-License-Identifier: MIT
# Encoding for a long time among dying processes. Not a part of check.

SOAK := $(B)/selftests/soak/soak
SOAK_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard selftests/soak/*.c)) \
	$(addprefix $(B)/selftests/kselftest/lib/,scale.o state.o)

ALL += $(SOAK)
$(SOAK): $(SOAK_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)

# An emulated machine is slow: its watchdog must not take that for a hang.
## soak: encodes for TIME seconds while processes are killed; MACHINE uml, uml-debug, 6.12 or 6.1, SOAK_CPUS
TIME ?= 60
MACHINE ?= uml
SOAK_CPUS ?= 2
.PHONY: soak
soak: all
	@ko=$$(tools/kernel/module $(MACHINE) 2>/dev/null | tail -n 1); \
	limit=$$(($(TIME) + 300)); \
	run="$(SOAK) --hvcald $(B)/tools/hvcald/hvcald --engine-path $(B)/lib/engines \
		--seconds $(TIME) $(SOAK_OPTIONS)"; \
	case $(MACHINE) in \
	uml*) variant=$(or $(patsubst uml-%,%,$(filter uml-%,$(MACHINE))),plain); \
		tools/uml/hvcal-uml --variant $$variant --cpus $(SOAK_CPUS) --timeout $$limit --module "$$ko" \
		--env KS_SCALE=4 -- $$run ;; \
	*) tools/vm/hvcal-vm --kernel $(MACHINE) --cpus $(SOAK_CPUS) --timeout $$limit --modprobe vgem --env KS_SCALE=8 \
		--module "$$ko watchdog_floor_ms=10000 watchdog_cap_ms=60000 watchdog_attend_ms=10000 watchdog_move_ms=5000" -- $$run ;; \
	esac
soak: SHELL := /bin/bash
