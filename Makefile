# SPDX-License-Identifier: MIT
# HVCAL: module, library, engines, tools. `make help` lists the targets.
#
# Each directory describes itself in a fragment (*.mk) that adds to the lists
# below; objects land under $(B) with the path of their source.

VERSION  := 0.1.0
prefix   ?= /usr/local
DESTDIR  ?=
bindir   ?= $(prefix)/bin
sbindir  ?= $(prefix)/sbin
libdir   ?= $(prefix)/lib
includedir ?= $(prefix)/include
mandir   ?= $(prefix)/share/man
enginedir ?= $(libdir)/hvcal/engines
KDIR     ?= /lib/modules/$(shell uname -r)/build
B        ?= build
# SAN=address,undefined builds everything under a sanitizer (use another B).
SAN      ?=

CC       ?= gcc
CFLAGS   ?= -O2 -g
INSTALL  ?= install
override CPPFLAGS += -D_GNU_SOURCE -DHVCAL_VERSION='"$(VERSION)"' \
	-DHVCAL_ENGINE_DIR='"$(enginedir)"' -Ilib/include
override CFLAGS += -std=c11 -fPIC -pthread -Wall -Wextra -Werror \
	-Wmissing-prototypes -Wstrict-prototypes -Wshadow -fvisibility=hidden
ifneq ($(SAN),)
override CFLAGS  += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
override LDFLAGS += -fsanitize=$(SAN)
endif

# Fragments add to these.
ALL       :=	# what `make` builds
INSTALLS  :=	# targets of `make install`
UNINSTALLS :=	# targets of `make uninstall`
BENCHES   :=	# names for `make help`

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

include $(wildcard drivers/*.mk lib/*.mk lib/engines/*.mk tools/*.mk \
	selftests/*.mk Documentation/*.mk)

.PHONY: all help clean install uninstall
all: $(ALL)

install: $(INSTALLS)
uninstall: $(UNINSTALLS)

clean:
	rm -rf $(B)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CPPFLAGS_$*) $(CFLAGS) $(CFLAGS_$*) -MMD -MP -c -o $@ $<

# The folder of the plug-ins is compiled in: another one compiles that anew.
$(B)/.enginedir: FORCE
	@mkdir -p $(@D)
	@echo '$(enginedir)' | cmp -s - $@ || echo '$(enginedir)' > $@

$(B)/lib/src/plugin.o: $(B)/.enginedir

.PHONY: FORCE
FORCE:

help: # a target documents itself with "## target: text" in a fragment
	@echo 'HVCAL $(VERSION)'; echo
	@sed -n 's/^## \([a-z-]*\): *\(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo; echo 'Variables: KDIR=$(KDIR)'; \
	 echo '           prefix=$(prefix) DESTDIR=$(DESTDIR) B=$(B) SAN=$(SAN)'

## all: module, library, engines and tools (the default)
## install: into $(DESTDIR)$(prefix)
## uninstall: removes what install put there
## clean: removes the build directory
-include $(shell find $(B) -name '*.d' 2>/dev/null)
