# SPDX-License-Identifier: MIT
# Man pages.

MAN1 := $(wildcard Documentation/man/*.1)
MAN8 := $(wildcard Documentation/man/*.8)

INSTALLS += install-doc
UNINSTALLS += uninstall-doc
SUITES += doc-man:"selftests/static/man.sh"

## install-doc: man pages
.PHONY: install-doc uninstall-doc
install-doc:
	$(INSTALL) -d $(DESTDIR)$(mandir)/man1 $(DESTDIR)$(mandir)/man8
	$(INSTALL) -m 644 $(MAN1) $(DESTDIR)$(mandir)/man1
	$(INSTALL) -m 644 $(MAN8) $(DESTDIR)$(mandir)/man8

uninstall-doc:
	rm -f $(MAN1:Documentation/man/%=$(DESTDIR)$(mandir)/man1/%) \
		$(MAN8:Documentation/man/%=$(DESTDIR)$(mandir)/man8/%)
