# Builds and installs libservicebinding for use by other programs, and installs our own programs. The library's files
# are compiled again with hidden visibility: the shared library exports only the public names. In the static library all
# other names become local, so they cannot clash with a program's.

LIBDIR ?= $(PREFIX)/lib

LIBRARY         := $(OUT)/lib/libservicebinding
LIBRARY_SONAME  := libservicebinding.so.0
LIBRARY_OBJECTS := $(patsubst pkg/binding/%.c,$(OUT)/obj/library/%.o,$(call sources,pkg/binding))
MAN_PAGES       := $(wildcard docs/man/*.[1-8])
LIBRARY_PAGES    := $(filter %.3,$(MAN_PAGES))
INSTALLED         = $(DESTDIR)$(1)

define install_pages
for page in $(1); do \
		install -D -m 644 $$page $(call INSTALLED,$(PREFIX)/share/man/man$${page##*.}/$${page##*/}) || exit 1; \
	done
endef

.PHONY: library
library: $(LIBRARY).a $(LIBRARY).so $(OUT)/examples/servicebinding-list

$(LIBRARY_OBJECTS): $(OUT)/obj/library/%.o: pkg/binding/%.c $(OUT)/flags
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC      $< (library)')
	$(Q)$(CC) -D_GNU_SOURCE -Ipkg $(CFLAGS) -fvisibility=hidden -MMD -MP -c -o $@ $<

$(LIBRARY).a: $(LIBRARY_OBJECTS)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  AR      $@')
	$(Q)$(LD) -r -o $(OUT)/obj/library/all.o $^
	$(Q)$(OBJCOPY) --localize-hidden $(OUT)/obj/library/all.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(OUT)/obj/library/all.o

$(LIBRARY).so.$(VERSION): $(LIBRARY_OBJECTS)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(LIBRARY_SONAME) -o $@ $^

$(LIBRARY).so: $(LIBRARY).so.$(VERSION)
	$(Q)ln -sf $(<F) $(@D)/$(LIBRARY_SONAME)
	$(Q)ln -sf $(LIBRARY_SONAME) $@

$(OUT)/examples/servicebinding-list: examples/servicebinding-list.c $(LIBRARY).a pkg/binding/servicebinding.h
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) -Ipkg/binding $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIBRARY).a

## install: install programs, library and man pages (PREFIX, LIBDIR, DESTDIR)
.PHONY: install install-library uninstall check-install
install: programs install-library
	install -d $(call INSTALLED,$(PREFIX)/bin)
	install -m 755 $(OUT)/bin/collector $(OUT)/bin/pinger $(call INSTALLED,$(PREFIX)/bin)
	$(call install_pages,$(filter-out $(LIBRARY_PAGES),$(MAN_PAGES)))

## install-library: install only libservicebinding, its header and its man page
install-library: library
	install -d $(call INSTALLED,$(PREFIX)/include) $(call INSTALLED,$(LIBDIR)/pkgconfig)
	install -m 644 pkg/binding/servicebinding.h $(call INSTALLED,$(PREFIX)/include)
	install -m 644 $(LIBRARY).a $(call INSTALLED,$(LIBDIR))
	install -m 755 $(LIBRARY).so.$(VERSION) $(call INSTALLED,$(LIBDIR))
	ln -sf libservicebinding.so.$(VERSION) $(call INSTALLED,$(LIBDIR)/$(LIBRARY_SONAME))
	ln -sf $(LIBRARY_SONAME) $(call INSTALLED,$(LIBDIR)/libservicebinding.so)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(VERSION)|' \
		pkg/binding/libservicebinding.pc.in >$(call INSTALLED,$(LIBDIR)/pkgconfig/libservicebinding.pc)
	chmod 644 $(call INSTALLED,$(LIBDIR)/pkgconfig/libservicebinding.pc)
	$(call install_pages,$(LIBRARY_PAGES))

## uninstall: remove the installed files
uninstall:
	rm -f $(call INSTALLED,$(PREFIX)/bin/collector) $(call INSTALLED,$(PREFIX)/bin/pinger) \
		$(call INSTALLED,$(PREFIX)/include/servicebinding.h) \
		$(call INSTALLED,$(LIBDIR)/pkgconfig/libservicebinding.pc) \
		$(foreach n,a so so.0 so.$(VERSION),$(call INSTALLED,$(LIBDIR)/libservicebinding.$(n))) \
		$(foreach p,$(MAN_PAGES),$(call INSTALLED,$(PREFIX)/share/man/man$(subst .,,$(suffix $(p)))/$(notdir $(p))))

## check-install: install into a temporary folder and build a program with that library
CHECKED ?= install
check-install: library
	@CC='$(CC)' SAN='$(SAN)' MAKE='$(MAKE)' examples/check-install $(CHECKED)
