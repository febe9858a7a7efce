# Tests: unit tests with cmocka next to the code, and pytest against the built programs.

## test: unit tests and integration tests with real Redis servers (also with SAN=address,undefined or SAN=thread)
.PHONY: test unit
test: deps-test
	@$(MAKE) --no-print-directory build unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit integration

## unit: only the unit tests
unit: unit-programs
	@BUILD_DIR=$(OUT) PYTHON=$(PYTHON) tests/run unit

.PHONY: test-browser screenshots
## test-browser: test the pages of both programs in Chromium, in about 5 minutes
test-browser: deps-test
	@tools/deps browser
	@$(MAKE) --no-print-directory programs
	@python=$$(tools/browser) && BUILD_DIR=$(OUT) PYTHON=$$python tests/run browser

## screenshots: take the screenshots of the pages in docs/images
screenshots: deps-test
	@tools/deps browser
	@$(MAKE) --no-print-directory programs
	@python=$$(tools/browser) && BUILD_DIR=$(OUT) $$python tests/browser/screenshots

OPENAPI_EXAMPLES ?= 200

.PHONY: test-openapi
## test-openapi: Schemathesis against a real Collector, a few minutes (OPENAPI_EXAMPLES=200 requests per operation)
test-openapi: deps-test
	@tools/deps openapi
	@$(MAKE) --no-print-directory programs
	@python=$$(tools/schemathesis) && BUILD_DIR=$(OUT) PYTHON=$$python OPENAPI_EXAMPLES=$(OPENAPI_EXAMPLES) \
		tests/run openapi

.PHONY: unit-programs
unit-programs: $(UNIT_TESTS)
