# SPDX-License-Identifier: MIT
# hvcal, the command; the benches that it runs; the demo.

HVCAL_DIR  := tools/hvcal
HVCAL_PKGS := libavformat libavcodec libswscale libavutil json-c
HVCAL_BIN  := $(B)/$(HVCAL_DIR)/hvcal
HVCAL_SRC  := $(wildcard $(HVCAL_DIR)/*.c)
HVCAL_OBJ  := $(HVCAL_SRC:%.c=$(B)/%.o)

ifeq ($(shell pkg-config --exists $(HVCAL_PKGS) && echo yes),yes)
$(foreach s,$(HVCAL_SRC),$(eval CFLAGS_$(s:%.c=%) := \
	$(shell pkg-config --cflags $(HVCAL_PKGS))))
HVCAL_LDLIBS := $(shell pkg-config --libs $(HVCAL_PKGS)) $(LIBHVCAL_LIBS)

ALL        += hvcal
INSTALLS   += install-hvcal
UNINSTALLS += uninstall-hvcal
SUITES     += cli-bad-input:selftests/cli/bad-input cli-encode:selftests/cli/encode \
	cli-hdr:selftests/cli/hdr
SUITES_VM  += cli-module:'selftests/cli/encode module'
else
$(info hvcal: not built; it needs libavformat-dev libavcodec-dev libswscale-dev \
	libavutil-dev libjson-c-dev)
endif

## hvcal: the command, and what it needs
.PHONY: hvcal install-hvcal uninstall-hvcal
hvcal: $(HVCAL_BIN)

# static: trying engines out is not part of the library's interface
$(HVCAL_BIN): $(HVCAL_OBJ) $(LIBHVCAL_A)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HVCAL_LDLIBS)

install-hvcal: $(HVCAL_BIN)
	$(INSTALL) -d $(DESTDIR)$(bindir)
	$(INSTALL) -m 755 $< $(DESTDIR)$(bindir)/hvcal

uninstall-hvcal:
	rm -f $(DESTDIR)$(bindir)/hvcal

## bench-dispatch: what handing a job over costs, in the test machines
## bench-overhead: what going through /dev/hvcal costs an encoder, in the test machines
BENCHES += bench-dispatch bench-overhead
.PHONY: bench-dispatch bench-overhead demo
bench-dispatch bench-overhead: bench-%: all
	B=$(B) tools/hvcal/run-bench $*

## demo: from nothing to four streams through /dev/hvcal in a virtual machine
demo:
	tools/demo/run
