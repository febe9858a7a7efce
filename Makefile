# Collector, Pinger and libservicebinding. `make help` lists the targets.
#
# All output goes to build/<kind>/. The kind names the variant (release, debug, address-undefined or thread, followed by
# the compiler's name unless it is cc), so variants never mix. build/collector and build/pinger are the programs of the
# default release build.

BUILD   ?= release
SAN     ?=
PREFIX  ?= /usr/local
DESTDIR ?=
V       ?= 0
PYTHON  ?= /usr/bin/python3
OBJCOPY ?= objcopy
FUZZ_SECONDS ?= 30

VERSION := 0.1.0

comma := ,
KIND  := $(if $(SAN),$(subst $(comma),-,$(SAN)),$(BUILD))$(if $(filter-out default,$(origin CC)),-$(notdir $(CC)))
OUT   := build/$(KIND)
Q     := $(if $(filter 1,$(V)),,@)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla \
            $(if $(CI),-Werror)

# Hardening: a memory error ends the program instead of running an attacker's code. Flags that only some compilers,
# processors and C libraries support are probed: -fcf-protection is x86 only, and _FORTIFY_SOURCE=3 needs gcc 12 or
# clang 9 with glibc 2.34. A distribution may predefine a level; -U removes it without a warning.
fortify   = -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(1)
HARDENING := -fstack-protector-strong $(shell \
  takes() { echo "$$1" | $(CC) -O2 -Werror $$2 -fsyntax-only -x c - 2>/dev/null; }; \
  for flag in -fstack-clash-protection -fcf-protection; do takes '' $$flag && echo $$flag; done; \
  takes '_Static_assert(__USE_FORTIFY_LEVEL == 3, "");' '-include features.h $(call fortify,3)' && \
  echo '$(call fortify,3)' || echo '$(call fortify,2)')
OPTIMIZE := $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all,$(if \
            $(filter debug,$(BUILD)),-O0 -g3,-O2 -g $(HARDENING)))

COLLECTOR_LIBS := hiredis libmicrohttpd jansson yaml-0.1 libuv gnutls nettle zlib
PINGER_LIBS    := libmicrohttpd jansson yaml-0.1 libuv libcurl
ALL_LIBS       := $(sort $(COLLECTOR_LIBS) $(PINGER_LIBS))

# pkg-config runs when something is compiled, after have-libraries, so `make help` works without the libraries, and no
# error of pkg-config is hidden. The first use replaces the variable by its value.
pkg_cflags = $(eval pkg_cflags := $$(shell pkg-config --cflags $(ALL_LIBS)))$(pkg_cflags)
CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -Ipkg -I. $(pkg_cflags)
CFLAGS   += -std=c17 -fPIC $(OPTIMIZE) $(WARNINGS)
LDFLAGS  += $(if $(SAN),-fsanitize=$(SAN)) -Wl,--as-needed -Wl,-z,relro,-z,now
LDLIBS   += -pthread -lm

# A package's archive holds all its .c files except the tests. This is the link order: a package comes before those
# that it uses.
PACKAGES := service page backing daemon http redis config binding gzip json metrics log base
sources   = $(filter-out %_test.c,$(wildcard $(1)/*.c))
objects   = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
archives := $(foreach p,$(PACKAGES),$(OUT)/lib/lib$(p).a)
pinger_archives := $(filter-out $(OUT)/lib/libredis.a,$(archives))

COLLECTOR_OBJECTS := $(call objects,$(call sources,cmd/collector))
PINGER_OBJECTS    := $(call objects,$(call sources,cmd/pinger))

UNIT_TESTS := $(patsubst %.c,$(OUT)/test/%,$(wildcard pkg/*/*_test.c cmd/*/*_test.c))

.DEFAULT_GOAL := build
.SECONDARY:
.DELETE_ON_ERROR:

## help: list the targets
.PHONY: help
help:
	@echo 'Targets:'
	@sed -n 's/^## \([a-z0-9-]*\): \(.*\)/  make \1\t\2/p' $(filter-out %.d,$(MAKEFILE_LIST)) | expand -t 24
	@echo 'Settings: BUILD=release|debug  SAN=address,undefined|thread  CC=gcc|clang  V=1  PREFIX= DESTDIR='

## build: build the programs and the library into build/
.PHONY: build
build: programs library

.PHONY: programs
programs: $(OUT)/bin/collector $(OUT)/bin/pinger
ifeq ($(KIND),release)
	@ln -f $(OUT)/bin/collector build/collector
	@ln -f $(OUT)/bin/pinger build/pinger
endif

define package
$(OUT)/lib/lib$(1).a: $(call objects,$(call sources,pkg/$(1)))
endef
$(foreach p,$(PACKAGES),$(eval $(call package,$(p))))

$(OUT)/lib/%.a:
	@mkdir -p $(@D)
	$(if $(Q),@echo '  AR      $@')
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# All objects are rebuilt when this changes.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(OPTIMIZE) $(VERSION)' | cmp -s - $@ || echo '$(CC) $(OPTIMIZE) $(VERSION)' >$@
.PHONY: FORCE

.PHONY: have-libraries have-cmocka
have-libraries:
	@pkg-config --print-errors --exists $(ALL_LIBS) || { echo 'tools/deps build installs what is missing'; exit 1; }
have-cmocka:
	@pkg-config --print-errors --exists cmocka || { echo 'tools/deps test installs what is missing'; exit 1; }

$(OUT)/obj/%.o: %.c $(OUT)/flags | have-libraries
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC      $<')
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/bin/collector: $(COLLECTOR_OBJECTS) $(archives)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) -pie $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(COLLECTOR_LIBS)) $(LDLIBS)

$(OUT)/bin/pinger: $(PINGER_OBJECTS) $(archives)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) -pie $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(PINGER_LIBS)) $(LDLIBS)

# A program's unit test links all of the program's files except main.c.
test_objects = $(if $(filter cmd/%,$(1)),$(filter-out %/main.o,$(call objects,$(call sources,$(patsubst %/,%,$(dir $(1)))))))
.SECONDEXPANSION:
$(OUT)/test/%: $(OUT)/obj/%.o $$(call test_objects,$$*) $(archives) | have-cmocka
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(ALL_LIBS) cmocka) $(LDLIBS)

include mk/*.mk

## clean: remove everything that was built
.PHONY: clean
clean:
	rm -rf build

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
