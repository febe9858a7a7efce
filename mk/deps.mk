# Packages that a fresh machine lacks. tools/deps says what is missing and installs it.

.PHONY: deps deps-test deps-lint deps-bench
## deps: install what building and running needs
deps:
	@tools/deps build
deps-test:
	@tools/deps build test
	@PYTHON=$(PYTHON) tools/valkey >/dev/null
deps-lint:
	@tools/deps build lint
deps-bench:
	@tools/deps build bench
