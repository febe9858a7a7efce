# Checks layout, common mistakes, includes between packages, functions in headers, names in docs/code.md, the size of
# files, structs and functions, banned calls, shell scripts, Python, and paths that exist on only one machine. `make
# fmt` fixes the layout.
#
# clang-tidy takes seconds per file. A file that passes leaves a stamp in build/lint and is checked again only when the
# file, a header that it includes, or .clang-tidy changes. Two files are checked at a time (LINT_JOBS).

LINT      := build/lint
LINT_JOBS ?= 2

# Includes new files that git does not track yet; leaves out ignored and generated files.
tracked      = $(shell git ls-files --cached --others --exclude-standard -- $(1) 2>/dev/null | while read -r f; do [ -f "$$f" ] && echo "$$f"; done)
LINT_C       = $(filter-out pkg/json/testdata/%,$(call tracked,'*.c'))
LINT_H       = $(filter-out pkg/json/testdata/%,$(call tracked,'*.h'))
LINT_SHELL   = $(shell git grep -lIE --untracked '^\#!.*[/ ](ba)?sh( |$$)' -- . | sort)
LINT_PYTHON  = $(call tracked,'*.py') $(shell git grep -lI --untracked '^\#!.*python3' -- tools tests | grep -v '\.py$$')
LINT_TIDY    = $(patsubst %.c,$(LINT)/%.tidy,$(LINT_C))
LINT_CFLAGS  = $(CPPFLAGS) -Ipkg/binding -std=c17

# clang-tidy does not know that a failed cmocka assertion ends the test, and reports null pointers that the assertion
# has ruled out. The third check is off because tests assert the numbers that they parse.
LINT_TESTS   := --checks=-clang-analyzer-core.NullDereference,-clang-analyzer-core.NonNullParamChecker,-cert-err34-c

.PHONY: lint lint-format lint-tidy lint-tidy-files lint-shell lint-python lint-rules
## lint: check layout, includes, banned calls, shell scripts and Python; run clang-tidy
lint: deps-lint
	@failed=; for check in lint-format lint-rules lint-shell lint-python lint-tidy; do \
		$(MAKE) --no-print-directory $$check || failed="$$failed $$check"; \
	done; \
	if [ -n "$$failed" ]; then echo "make lint: failed:$$failed"; exit 1; fi; \
	echo "make lint: nothing found"

## fmt: format the code according to .clang-format
.PHONY: fmt
fmt: deps-lint
	@clang-format -i $(LINT_C) $(LINT_H) </dev/null

lint-format:
	@echo '  LINT    layout of $(words $(LINT_C) $(LINT_H)) files'
	@[ -n '$(LINT_C)' ] || { echo 'no file to check: is this a git repository?'; exit 1; }
	@clang-format --dry-run -Werror $(LINT_C) $(LINT_H) </dev/null

lint-rules:
	@failed=; for rule in tools/lint-includes tools/lint-headers tools/lint-map tools/lint-sizes tools/lint-calls tools/lint-words tools/lint-paths; do \
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

# The stamp depends on the headers too; the compiler lists them. clang-tidy writes its errors, and the number of warnings
# it suppressed in system headers, to a file; the errors are shown if it fails.
$(LINT)/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@echo '  TIDY    $<'
	@clang $(LINT_CFLAGS) -MM -MP -MT $@ -MF $(@:.tidy=.d) $<
	@clang-tidy --quiet $(if $(filter %_test.c,$<),$(LINT_TESTS)) $< -- $(LINT_CFLAGS) 2>$(@:.tidy=.err) || { grep -v 'warnings\? generated' $(@:.tidy=.err); false; }
	@touch $@

ifneq ($(filter lint-tidy-files,$(MAKECMDGOALS)),)
-include $(LINT_TIDY:.tidy=.d)
endif
