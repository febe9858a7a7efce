# Tests: cmocka beside the code, pytest against the built programs, libFuzzer.

## test: unit tests and tests against real Redis servers (SAN=address,undefined or SAN=thread too)
.PHONY: test unit
test: deps-test
	@$(MAKE) --no-print-directory build unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit integration

## unit: the unit tests alone
unit: unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS)
