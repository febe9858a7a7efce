# Line coverage, counted by gcov in a separate build, build/coverage. Each program adds its counts to the files next to
# the objects when it exits, so unit and integration tests add up.

COVERAGE_OUT     := build/coverage
COVERAGE_SUITES  ?= unit integration
COVERAGE_COUNTED := --coverage -fprofile-update=atomic

.PHONY: coverage
## coverage: line coverage of the tests, file by file (COVERAGE_SUITES=unit: only the unit tests)
coverage: deps-test
	@CFLAGS='$(COVERAGE_COUNTED)' LDFLAGS='--coverage' $(MAKE) --no-print-directory OUT=$(COVERAGE_OUT) BUILD=debug \
		programs unit-programs
	@find $(COVERAGE_OUT) -name '*.gcda' -delete
	@BUILD_DIR=$(COVERAGE_OUT) PYTHON=$(PYTHON) tests/run $(COVERAGE_SUITES) >$(COVERAGE_OUT)/tests.log 2>&1; \
		status=$$?; tail -n 1 $(COVERAGE_OUT)/tests.log; \
		find $(COVERAGE_OUT)/obj -name '*.gcda' -exec gcov --no-output --relative-only --source-prefix '$(CURDIR)' {} + \
			2>/dev/null | tools/coverage; exit $$status
