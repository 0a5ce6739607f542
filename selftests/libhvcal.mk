# SPDX-License-Identifier: MIT
# Tests of libhvcal: alone, and on the loaded module.

SUITES += lib-headers:"selftests/abi/headers.sh lib/include"
SUITES += lib-symbols:"selftests/abi/symbols.sh $(LIBHVCAL_SO)"
SUITES += lib-layout:"selftests/abi/layout.sh lib/include"
SUITES += lib-ffi:"selftests/ffi/test_ctypes.py $(LIBHVCAL_SO) $(B)/lib/engines"

VM_CLIENT := $(B)/selftests/unit/vm_client
ALL += $(VM_CLIENT)
SUITES_VM += lib-client:"selftests/unit/vm_client.sh $(B)"

$(VM_CLIENT): $(B)/selftests/unit/vm_client.o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBHVCAL_LIBS)

ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
LIB_UNITS := pool config kernel kernel_events direct safe look_budget band maps
LIB_UNIT_BINS := $(LIB_UNITS:%=$(B)/selftests/unit/test_%)
ALL += $(LIB_UNIT_BINS)
# there with the machine's real sources of DMA-BUFs
SUITES_VM += lib-memory:"env CMOCKA_MESSAGE_OUTPUT=TAP $(B)/selftests/unit/test_pool"
SUITES += $(foreach u,$(LIB_UNITS),lib-$(u):"env CMOCKA_MESSAGE_OUTPUT=TAP $(B)/selftests/unit/test_$(u)")

$(foreach u,$(LIB_UNITS) fake_kernel kernel_fixture test_engine,\
	$(eval CPPFLAGS_selftests/unit/$(u) := -Ilib/src)\
	$(eval CPPFLAGS_selftests/unit/test_$(u) := -Ilib/src))

$(LIB_UNIT_BINS): $(B)/selftests/unit/test_%: $(B)/selftests/unit/test_%.o \
		$(B)/selftests/unit/fake_kernel.o $(B)/selftests/unit/test_engine.o \
		$(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBHVCAL_LIBS)
$(patsubst %,$(B)/selftests/unit/test_%,kernel kernel_events maps): $(B)/selftests/unit/kernel_fixture.o
else
$(info lib tests: not built, libcmocka-dev missing)
endif

## check-lib: tests of libhvcal alone
.PHONY: check-lib
check-lib: all
	@set -e; for t in $(foreach u,$(LIB_UNITS),$(B)/selftests/unit/test_$(u)); do \
		CMOCKA_MESSAGE_OUTPUT=TAP $$t; done
	selftests/abi/headers.sh lib/include
	selftests/abi/symbols.sh $(LIBHVCAL_SO)
	selftests/abi/layout.sh lib/include
	selftests/ffi/test_ctypes.py $(LIBHVCAL_SO) $(B)/lib/engines
