# The benchmark compares Collector with webdis, bare libmicrohttpd servers and Redis itself. See tests/bench/run.

BENCH ?= full

## bench: compare with webdis and others, measure a Cluster and ten million documents, 9 minutes (BENCH=quick: 1 minute)
.PHONY: bench
bench: deps-bench deps-test
	@$(MAKE) --no-print-directory $(OUT)/bin/collector $(OUT)/bench/bare_mhd
	@$(PYTHON) tests/bench/run --build $(OUT) --mode $(BENCH)
	$(if $(filter full,$(BENCH)),@$(MAKE) --no-print-directory bench-stored)

## bench-stored: measure POSTs and pages with 10,000 to 10,000,000 documents stored, about 3 minutes
.PHONY: bench-stored
bench-stored: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/stored --build $(OUT)

## bench-bulk: compare bodies of many documents with redis-cli --pipe, and measure their memory, about 6 minutes
.PHONY: bench-bulk
bench-bulk: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/bulk --build $(OUT)

## bench-modes: measure the cost of TLS and each --ack level, about 4 minutes
.PHONY: bench-modes
bench-modes: deps-bench deps-test
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/modes --build $(OUT)

## bench-swap: measure the effect of a binding change on requests, about 2 minutes
.PHONY: bench-swap
bench-swap: deps-bench deps-test
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/swap --build $(OUT)

## bench-page: measure the cost of ten open pages, replayed and in Chromium, about 3 minutes
.PHONY: bench-page
bench-page: deps-bench deps-test
	@tools/deps browser
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@python=$$(tools/browser) && $$python tests/bench/page --build $(OUT) --chromium

## bench-list: measure the cost of listing expired documents, about 4 minutes
.PHONY: bench-list
bench-list: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/list --build $(OUT)

$(OUT)/bench/bare_mhd: $(OUT)/obj/tests/bench/bare_mhd.o
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libmicrohttpd) $(LDLIBS)

## bench-follow: measure 1000 followers, a fast stream, a stalled one, and POSTs at the same time, 3 minutes
.PHONY: bench-follow
bench-follow: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector $(OUT)/bench/follow_load
	@$(PYTHON) tests/bench/follow --build $(OUT)

$(OUT)/bench/follow_load: $(OUT)/obj/tests/bench/follow_load.o
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
