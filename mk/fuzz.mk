# libFuzzer: every tests/fuzz/<name>_fuzz.c is a target with its seed inputs in tests/fuzz/corpus/<name>/. A run keeps
# the inputs that it finds in build/fuzz/corpus/; the next run continues from there, and the corpus in the repository
# stays small. An input that causes a crash is saved in build/fuzz/crashes/.
#
#   make fuzz                                    every target, FUZZ_SECONDS (30) each
#   make fuzz FUZZ=json_fuzz FUZZ_SECONDS=300    one target, longer
#   make fuzz-regress                            every file of the corpus once, in a few seconds

FUZZ_OUT     := build/fuzz
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ         ?= $(FUZZ_TARGETS)
FUZZ_CC      ?= clang
FUZZ_CFLAGS  := -std=c17 -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all $(WARNINGS)
FUZZ_SAN     := address,undefined
FUZZ_OBJECTS := $(patsubst %.c,$(FUZZ_OUT)/obj/%.o,$(foreach p,$(PACKAGES),$(call sources,pkg/$(p))))

# A target whose name begins with a program's name links all of that program's files except main.c.
fuzz_program  = $(foreach p,collector pinger,$(if $(filter $(p)_%,$(1)),$(patsubst %.c,$(FUZZ_OUT)/obj/%.o,\
                $(filter-out %/main.c,$(call sources,cmd/$(p))))))

.PHONY: fuzz fuzz-regress fuzz-programs deps-fuzz
deps-fuzz:
	@tools/deps build fuzz

## fuzz: fuzz the parsers (FUZZ_SECONDS=30 each, FUZZ=name: only one)
fuzz: deps-fuzz
	@$(MAKE) --no-print-directory fuzz-programs FUZZ='$(FUZZ)'
	@FUZZ_OUT=$(FUZZ_OUT) tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ)

## fuzz-regress: run each fuzz target once on every file of its corpus
fuzz-regress: deps-fuzz
	@$(MAKE) --no-print-directory fuzz-programs FUZZ='$(FUZZ)'
	@FUZZ_OUT=$(FUZZ_OUT) tests/fuzz/run 0 $(FUZZ)

fuzz-programs: $(addprefix $(FUZZ_OUT)/,$(FUZZ))

$(FUZZ_OUT)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),@echo '  FUZZ CC $<')
	$(Q)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -MMD -MP -c -o $@ $<

$(FUZZ_OUT)/lib.a: $(FUZZ_OBJECTS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(addprefix $(FUZZ_OUT)/,$(FUZZ_TARGETS)): $(FUZZ_OUT)/%: $(FUZZ_OUT)/obj/tests/fuzz/%.o \
		$$(call fuzz_program,$$*) $(FUZZ_OUT)/lib.a
	$(if $(Q),@echo '  FUZZ LD $@')
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer,$(FUZZ_SAN) -Wl,--as-needed -o $@ $^ \
		$(shell pkg-config --libs $(ALL_LIBS)) $(LDLIBS)

ifneq ($(filter fuzz-programs,$(MAKECMDGOALS)),)
-include $(shell find $(FUZZ_OUT)/obj -name '*.d' 2>/dev/null)
endif
