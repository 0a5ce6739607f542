# SPDX-License-Identifier: MIT
# Engine plug-ins: one shared object each, built where its library is found.
# A plug-in without a library of its own adds itself to ENGINES; the others go
# through engine-from-pkg: name, pkg-config module, Debian package.

ENGINES := null raw
# Those that are left out here, too: `hvcal info` says that they are missing.
ENGINES_ALL = $(sort $(ENGINES) $(ENGINES_LEFT_OUT))
comma := ,
empty :=
CPPFLAGS_lib/src/probe = \
	-DHVCAL_ENGINE_NAMES='"$(subst $(empty) ,$(comma),$(strip $(ENGINES_ALL)))"'

define engine-from-pkg
ifeq ($$(shell pkg-config --exists $(2) && echo yes),yes)
ENGINES += $(1)
CFLAGS_lib/engines/$(1) := $$(shell pkg-config --cflags $(2))
LDLIBS_engine_$(1) := $$(shell pkg-config --libs $(2))
else
ENGINES_LEFT_OUT += $(1)
$$(info engine $(1): not built, $(3) missing)
endif
endef

$(eval $(call engine-from-pkg,x264,x264,libx264-dev))
$(eval $(call engine-from-pkg,x265,x265,libx265-dev))
$(eval $(call engine-from-pkg,vpx,vpx,libvpx-dev))
$(eval $(call engine-from-pkg,av1,aom,libaom-dev))

# Engines of several files have a folder and a fragment of their own.
include $(wildcard lib/engines/*/*.mk)

ENGINE_SOS := $(ENGINES:%=$(B)/lib/engines/hvcal-engine-%.so)
ALL += $(ENGINE_SOS)
INSTALLS += install-engines
UNINSTALLS += uninstall-engines

.SECONDARY: $(ENGINES:%=$(B)/lib/engines/%.o)

# engines of sibling libraries share a file
$(B)/lib/engines/hvcal-engine-vpx.so $(B)/lib/engines/hvcal-engine-av1.so: $(B)/lib/engines/twins.o

# -Bsymbolic: two plug-ins must not see each other's symbols
$(B)/lib/engines/hvcal-engine-%.so: $(B)/lib/engines/%.o
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-Bsymbolic,-z,defs \
		-o $@ $^ $(LDLIBS_engine_$*)

## install-engines: the engine plug-ins
.PHONY: install-engines uninstall-engines
install-engines: $(ENGINE_SOS)
	$(INSTALL) -d $(DESTDIR)$(enginedir)
	$(INSTALL) -m 644 $(ENGINE_SOS) $(DESTDIR)$(enginedir)

uninstall-engines:
	rm -f $(ENGINES:%=$(DESTDIR)$(enginedir)/hvcal-engine-%.so)
