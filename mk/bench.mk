# The benchmark: Collector beside webdis, bare libmicrohttpd servers and Redis itself. See tests/bench/run.

BENCH ?= full

## bench: measure against webdis and others, in about 5 minutes (BENCH=quick: one)
.PHONY: bench
bench: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector $(OUT)/bench/bare_mhd
	@$(PYTHON) tests/bench/run --build $(OUT) --mode $(BENCH)

## bench-modes: measure what TLS, a Cluster and the levels of --ack cost, in about 4 minutes
.PHONY: bench-modes
bench-modes: deps-bench deps-test
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/modes --build $(OUT)

## bench-swap: measure what a swap of the binding under load costs the rate, in about 2 minutes
.PHONY: bench-swap
bench-swap: deps-bench deps-test
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/swap --build $(OUT)

## bench-list: measure what lists cost whose documents are gone, in about 4 minutes
.PHONY: bench-list
bench-list: deps-bench
	@$(MAKE) --no-print-directory $(OUT)/bin/collector
	@$(PYTHON) tests/bench/list --build $(OUT)

$(OUT)/bench/bare_mhd: $(OUT)/obj/tests/bench/bare_mhd.o
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs libmicrohttpd) $(LDLIBS)
