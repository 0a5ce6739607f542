# SPDX-License-Identifier: MIT
# hvcald and what makes a service of it.

systemddir ?= $(prefix)/lib/systemd/system
sysusersdir ?= $(prefix)/lib/sysusers.d
udevdir ?= $(prefix)/lib/udev/rules.d

HVCALD := $(B)/tools/hvcald/hvcald
HVCALD_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard tools/hvcald/*.c))

HVCALD_PKGS := libseccomp libcap-ng
SANDBOX_OBJS := $(addprefix $(B)/tools/hvcald/,sandbox.o files.o filter.o notify.o)

ifeq ($(shell pkg-config --exists $(HVCALD_PKGS) && echo yes),yes)
SANDBOX_LIBS := $(shell pkg-config --libs $(HVCALD_PKGS))
$(foreach s,sandbox filter,$(eval CFLAGS_tools/hvcald/$(s) := \
	$(shell pkg-config --cflags $(HVCALD_PKGS))))
ALL += $(HVCALD)
INSTALLS += install-hvcald
UNINSTALLS += uninstall-hvcald
else
$(info hvcald: not built; it needs libseccomp-dev libcap-ng-dev)
endif

# static: the loader and the options are not part of the library's interface
$(HVCALD): $(HVCALD_OBJS) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(SANDBOX_LIBS) $(LIBHVCAL_LIBS)

## install-hvcald: the daemon, its service, udev rules and groups
.PHONY: install-hvcald uninstall-hvcald
install-hvcald: $(HVCALD)
	$(INSTALL) -d $(DESTDIR)$(sbindir) $(DESTDIR)$(systemddir) \
		$(DESTDIR)$(sysusersdir) $(DESTDIR)$(udevdir)
	$(INSTALL) -m 755 $(HVCALD) $(DESTDIR)$(sbindir)
	sed 's|@sbindir@|$(sbindir)|' tools/hvcald/hvcald.service \
		> $(DESTDIR)$(systemddir)/hvcald.service
	$(INSTALL) -m 644 tools/hvcald/hvcal.sysusers $(DESTDIR)$(sysusersdir)/hvcal.conf
	$(INSTALL) -m 644 tools/hvcald/60-hvcal.rules $(DESTDIR)$(udevdir)

uninstall-hvcald:
	rm -f $(DESTDIR)$(sbindir)/hvcald $(DESTDIR)$(systemddir)/hvcald.service \
		$(DESTDIR)$(sysusersdir)/hvcal.conf $(DESTDIR)$(udevdir)/60-hvcal.rules
