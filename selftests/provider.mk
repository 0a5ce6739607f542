# SPDX-License-Identifier: MIT
# Tests of the engine loader and of the provider runtime, without a module.

ifeq ($(shell pkg-config --exists cmocka && echo yes),yes)
BAD_PLUGIN_DIR := $(B)/selftests/bad-plugins
BAD_PLUGINS := abi size name lacks symbol desc
BAD_PLUGIN_SOS := $(BAD_PLUGINS:%=$(BAD_PLUGIN_DIR)/hvcal-engine-%.so) \
	$(BAD_PLUGIN_DIR)/hvcal-engine-needs.so $(BAD_PLUGIN_DIR)/hvcal-engine-junk.so \
	$(BAD_PLUGIN_DIR)/hvcal-engine-null.so

bad_plugin_cc = mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared \
	-DPLUGIN_NAME='"$(1)"' -DBAD_$(1) -o $@ $<

$(BAD_PLUGIN_DIR)/hvcal-engine-%.so: selftests/unit/bad_plugin.c lib/include/hvcal/engine.h
	$(call bad_plugin_cc,$*)

# needs a library that is gone when it is loaded
$(BAD_PLUGIN_DIR)/hvcal-engine-needs.so: selftests/unit/bad_plugin.c lib/include/hvcal/engine.h
	@mkdir -p $(@D)
	echo 'int hvcal_test_gone(void); int hvcal_test_gone(void) { return 0; }' | \
		$(CC) -shared -fPIC -x c -o $(@D)/libhvcalgone.so -
	$(call bad_plugin_cc,needs) -L$(@D) -lhvcalgone
	rm $(@D)/libhvcalgone.so

# two that are no shared objects at all
$(BAD_PLUGIN_DIR)/hvcal-engine-junk.so $(BAD_PLUGIN_DIR)/hvcal-engine-null.so:
	@mkdir -p $(@D)
	echo 'no shared object' > $@

TEST_PLUGIN := $(B)/selftests/unit/test_plugin
TEST_PROVIDER := $(B)/selftests/unit/test_provider $(B)/selftests/unit/test_provider_faults
CPPFLAGS_selftests/unit/test_plugin := -Ilib/src
$(foreach f,test_provider test_provider_faults provider_rig fake_provider,\
	$(eval CPPFLAGS_selftests/unit/$(f) := -Ilib/src))

ALL += $(TEST_PLUGIN) $(TEST_PROVIDER) $(BAD_PLUGIN_SOS)
$(TEST_PLUGIN): $(TEST_PLUGIN).o $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBHVCAL_LIBS)

# allocations of the runtime are counted
$(TEST_PROVIDER): %: %.o $(B)/selftests/unit/provider_rig.o $(B)/selftests/unit/fake_provider.o \
		$(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc \
		-o $@ $^ -lcmocka $(LIBHVCAL_LIBS)

SUITES += unit-plugin:"env CMOCKA_MESSAGE_OUTPUT=TAP $(TEST_PLUGIN) $(BAD_PLUGIN_DIR) $(B)/lib/engines"
SUITES += provider-unit:"env CMOCKA_MESSAGE_OUTPUT=TAP $(B)/selftests/unit/test_provider $(B)/lib/engines"
SUITES += provider-unit-faults:"env CMOCKA_MESSAGE_OUTPUT=TAP $(B)/selftests/unit/test_provider_faults $(B)/lib/engines"
endif

# engines that break when they are tried
BROKEN_DIR := $(B)/selftests/broken-engines
BROKEN := loading create exits nothing encode destroy order garbage key empty twice second codec picky
BROKEN_SOS := $(BROKEN:%=$(BROKEN_DIR)/hvcal-engine-%.so)
ALL += $(BROKEN_SOS)

$(BROKEN_DIR)/hvcal-engine-%.so: selftests/hvcald/broken_engine.c lib/include/hvcal/engine.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -shared -DPLUGIN_NAME='"$*"' -DBREAKS_$* -o $@ $<

SUITES += provider-probe:"env B=$(B) selftests/hvcald/probe"
SUITES += provider-errors:"env B=$(B) selftests/hvcald/errors"
SUITES += sandbox-engines:"env B=$(B) selftests/hvcald/sandbox-engines $(ENGINES)"
SUITES += static-service:selftests/static/service.sh
SUITES_VM += provider-sandbox:"env B=$(B) selftests/hvcald/sandbox"
SUITES_VM += provider-lifecycle:"env B=$(B) selftests/hvcald/lifecycle"
SUITES_VM += provider-failover:"env B=$(B) selftests/hvcald/failover"
SUITES_VM += provider-reload:"env B=$(B) selftests/hvcald/reload"
SUITES_VM += provider-fallback:"env B=$(B) selftests/hvcald/fallback"
