# Reruns unit tests with one allocation failing at a time; tests/torture/torture.c explains how.
#
#   make torture                               each allocation of each test in TORTURE_PACKAGES
#   make torture TORTURE_RUNS=20               at most 20 allocations per test, evenly spread
#   make torture TORTURE=pkg/json/form_test    one program

TORTURE_PACKAGES ?= binding config gzip json redis http
TORTURE_RUNS     ?= 0
# More jobs than CPUs, because these tests mostly wait.
TORTURE_JOBS     ?= 6
TORTURE_OUT      := build/torture
# Excluded because each run takes seconds: two that start real Redis servers, and the random storm.
TORTURE_WITHOUT  := pkg/redis/server_test pkg/redis/tls_test pkg/redis/tls_traffic_test pkg/redis/storm_test
TORTURE          ?= $(filter-out $(TORTURE_WITHOUT),$(patsubst %.c,%,$(wildcard \
                    $(foreach p,$(TORTURE_PACKAGES),pkg/$(p)/*_test.c))))
TORTURE_WRAPPED  := malloc calloc realloc strdup strndup asprintf vasprintf open_memstream _cmocka_run_group_tests

## torture: rerun unit tests with each allocation failing in turn (TORTURE_RUNS=20: at most 20 per test)
.PHONY: torture torture-programs
torture: deps-test
	@$(MAKE) --no-print-directory SAN=address,undefined torture-programs TORTURE='$(TORTURE)'
	@TORTURE_RUNS=$(TORTURE_RUNS) tests/torture/run $(TORTURE_OUT) $(TORTURE_JOBS) $(TORTURE)

torture-programs: $(addprefix $(TORTURE_OUT)/,$(TORTURE))

$(TORTURE_OUT)/%: $(OUT)/obj/%.o $(OUT)/obj/tests/torture/torture.o $(archives) | have-cmocka
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD      $@')
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(TORTURE_WRAPPED)) -o $@ $^ \
		$(shell pkg-config --libs $(ALL_LIBS) cmocka) $(LDLIBS)
