# SPDX-License-Identifier: MIT
# libhvcal: shared and static, headers, pkg-config.

LIBHVCAL_SRCS := $(wildcard lib/src/*.c lib/provider/*.c lib/rc/*.c lib/analysis/*.c)
# Intrinsics: their own flags, and only where the compiler makes x86-64 code.
ANALYSIS_SIMD := lib/analysis/kernels_avx2.c lib/analysis/kernels_avx512.c
ifeq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
LIBHVCAL_SRCS := $(filter-out $(ANALYSIS_SIMD),$(LIBHVCAL_SRCS))
endif
CFLAGS_lib/analysis/kernels_avx2 := -O3 -mavx2
CFLAGS_lib/analysis/kernels_avx512 := -O3 -mavx512f -mavx512bw
LIBHVCAL_OBJS := $(LIBHVCAL_SRCS:%.c=$(B)/%.o)
LIBHVCAL_SO   := $(B)/lib/libhvcal.so
LIBHVCAL_A    := $(B)/lib/libhvcal.a
LIBHVCAL_MAP  := lib/libhvcal.map
# changes when a program built against an older library can no longer run
LIBHVCAL_SONAME := libhvcal.so.0
LIBHVCAL_LIBS := -pthread -ldl -lm

ALL += $(LIBHVCAL_SO) $(LIBHVCAL_A) $(B)/lib/hvcal.pc
INSTALLS += install-lib
UNINSTALLS += uninstall-lib

$(LIBHVCAL_SO): $(LIBHVCAL_OBJS) $(LIBHVCAL_MAP)
	$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIBHVCAL_SONAME) \
		-Wl,--version-script=$(LIBHVCAL_MAP) $(if $(SAN),,-Wl,-z,defs) \
		-o $@ $(LIBHVCAL_OBJS) $(LIBHVCAL_LIBS)
	ln -sf libhvcal.so $(B)/lib/$(LIBHVCAL_SONAME)

$(LIBHVCAL_A): $(LIBHVCAL_OBJS)
	rm -f $@
	$(AR) rcs $@ $^

# made every time: `make install prefix=...` may name another place than `make`
.PHONY: $(B)/lib/hvcal.pc
$(B)/lib/hvcal.pc: lib/hvcal.pc.in
	@mkdir -p $(@D)
	@sed -e 's|@prefix@|$(prefix)|; s|@libdir@|$(libdir)|' \
		-e 's|@includedir@|$(includedir)|; s|@enginedir@|$(enginedir)|' \
		-e 's|@version@|$(VERSION)|' $< > $@

## install-lib: libhvcal, its headers, pkg-config file
.PHONY: install-lib uninstall-lib
install-lib: $(LIBHVCAL_SO) $(LIBHVCAL_A) $(B)/lib/hvcal.pc
	$(INSTALL) -d $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(includedir)/hvcal/uapi
	$(INSTALL) -m 755 $(LIBHVCAL_SO) $(DESTDIR)$(libdir)/libhvcal.so.$(VERSION)
	ln -sf libhvcal.so.$(VERSION) $(DESTDIR)$(libdir)/$(LIBHVCAL_SONAME)
	ln -sf $(LIBHVCAL_SONAME) $(DESTDIR)$(libdir)/libhvcal.so
	$(INSTALL) -m 644 $(LIBHVCAL_A) $(DESTDIR)$(libdir)
	$(INSTALL) -m 644 $(B)/lib/hvcal.pc $(DESTDIR)$(libdir)/pkgconfig
	$(INSTALL) -m 644 lib/include/hvcal/*.h $(DESTDIR)$(includedir)/hvcal
	$(INSTALL) -m 644 uapi/*.h $(DESTDIR)$(includedir)/hvcal/uapi

uninstall-lib:
	rm -f $(DESTDIR)$(libdir)/libhvcal.so $(DESTDIR)$(libdir)/$(LIBHVCAL_SONAME) \
		$(DESTDIR)$(libdir)/libhvcal.so.$(VERSION) $(DESTDIR)$(libdir)/libhvcal.a \
		$(DESTDIR)$(libdir)/pkgconfig/hvcal.pc
	rm -rf $(DESTDIR)$(includedir)/hvcal
