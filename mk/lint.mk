# What a reader would otherwise have to look for: layout, mistakes, arrows between packages, banned calls,
# shell and Python, words of one machine. `make fmt` repairs the layout.
#
# clang-tidy takes seconds a file, so a file that passed leaves a stamp in build/lint, which holds until the
# file, a header that it includes, or .clang-tidy changes. Two files are looked at at a time (LINT_JOBS).

LINT      := build/lint
LINT_JOBS ?= 2

# New files count too; those that git ignores, and generated ones, don't.
tracked      = $(shell git ls-files --cached --others --exclude-standard -- $(1) | while read -r f; do [ -f "$$f" ] && echo "$$f"; done)
LINT_C       = $(filter-out pkg/json/testdata/%,$(call tracked,'*.c'))
LINT_H       = $(filter-out pkg/json/testdata/%,$(call tracked,'*.h'))
LINT_SHELL   = $(shell git grep -lIE --untracked '^\#!.*[/ ](ba)?sh( |$$)' -- . | sort)
LINT_PYTHON  = $(call tracked,'*.py') $(shell git grep -lI --untracked '^\#!.*python3' -- tools tests | grep -v '\.py$$')
LINT_TIDY    = $(patsubst %.c,$(LINT)/%.tidy,$(LINT_C))
LINT_CFLAGS  = $(CPPFLAGS) -Ipkg/binding -std=c17

# clang-tidy can't see that cmocka's assertions end a test, so it takes what they have ruled out for possible;
# and where a test reads a number out of an answer, an assertion looks at it next.
LINT_TESTS   := --checks=-clang-analyzer-core.NullDereference,-clang-analyzer-core.NonNullParamChecker,-cert-err34-c

.PHONY: lint lint-format lint-tidy lint-tidy-files lint-shell lint-python lint-rules
## lint: layout, clang-tidy, include arrows, banned calls, shellcheck, Python
lint: deps-lint
	@failed=; for check in lint-format lint-rules lint-shell lint-python lint-tidy; do \
		$(MAKE) --no-print-directory $$check || failed="$$failed $$check"; \
	done; \
	if [ -n "$$failed" ]; then echo "make lint: failed:$$failed"; exit 1; fi; \
	echo "make lint: nothing found"

## fmt: lay the code out by .clang-format
.PHONY: fmt
fmt: deps-lint
	@clang-format -i $(LINT_C) $(LINT_H) </dev/null

lint-format:
	@echo '  LINT    layout of $(words $(LINT_C) $(LINT_H)) files'
	@[ -n '$(LINT_C)' ] || { echo 'no file to check: is this a git repository?'; exit 1; }
	@clang-format --dry-run -Werror $(LINT_C) $(LINT_H) </dev/null

lint-rules:
	@failed=; for rule in tools/lint-includes tools/lint-calls tools/lint-words tools/lint-paths; do \
		echo "  LINT    $$rule"; $$rule || failed=yes; \
	done; [ -z "$$failed" ]

lint-shell:
	@echo '  LINT    $(words $(LINT_SHELL)) shell scripts'
	@shellcheck $(LINT_SHELL)

lint-python:
	@echo '  LINT    $(words $(LINT_PYTHON)) Python files'
	@$(PYTHON) -m pyflakes $(LINT_PYTHON)

lint-tidy:
	@$(MAKE) --no-print-directory --keep-going --jobs=$(LINT_JOBS) --output-sync=target lint-tidy-files

lint-tidy-files: $(LINT_TIDY)

# The stamp depends on the headers too: the compiler lists them. clang-tidy's count of warnings that it has
# hidden in other people's headers goes to a file, and is shown where it failed for another reason.
$(LINT)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@echo '  TIDY    $<'
	@clang $(LINT_CFLAGS) -MM -MP -MT $@ -MF $(@:.tidy=.d) $<
	@clang-tidy --quiet $(if $(filter %_test.c,$<),$(LINT_TESTS)) $< -- $(LINT_CFLAGS) 2>$(@:.tidy=.err) || { grep -v 'warnings\? generated' $(@:.tidy=.err); false; }
	@touch $@

ifneq ($(filter lint-tidy-files,$(MAKECMDGOALS)),)
-include $(LINT_TIDY:.tidy=.d)
endif
