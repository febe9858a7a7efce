# Tests: unit tests with cmocka beside the code, and pytest against the built programs.

## test: unit tests and integration tests with real Redis servers (also with SAN=address,undefined or SAN=thread)
.PHONY: test unit
test: deps-test
	@$(MAKE) --no-print-directory build unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit integration

## unit: only the unit tests
unit: unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS)
