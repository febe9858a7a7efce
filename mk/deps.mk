# Installs the system packages that are missing; tools/deps lists them.

.PHONY: deps deps-test deps-lint deps-bench
## deps: install the packages needed to build and run
deps:
	@tools/deps build
deps-test:
	@tools/deps build test
	@PYTHON=$(PYTHON) tools/valkey >/dev/null
deps-lint:
	@tools/deps build lint
deps-bench:
	@tools/deps build bench
