# What faults of Redis cost: Collector under load, Redis behind a proxy that breaks, and a count of the documents
# afterwards. Each fault alone takes seconds; see tests/faults/rows.py.
#
#   make faults                                         each fault alone, as a table
#   make faults FAULTS=password                         those whose name contains "password"
#   make faults-random FAULTS_SECONDS=600 FAULTS_SEED=7 a random sequence; the same seed gives the same order
#   make flood                                          what strangers may send, in a control group of 256 MiB (root)

FAULTS         ?=
FAULTS_SECONDS ?= 600
FAULTS_SEED    ?=

.PHONY: faults faults-random flood
## faults: what each fault of Redis costs, as a table (FAULTS=text: those whose name contains it)
faults: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/run --only '$(FAULTS)'

## faults-random: a random sequence of faults under load (FAULTS_SECONDS=600 FAULTS_SEED=)
faults-random: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/run --random --seconds $(FAULTS_SECONDS) \
		$(if $(FAULTS_SEED),--seed $(FAULTS_SEED))

## flood: unfinished bodies and endless queries against both programs in 256 MiB, in about a minute (root)
flood: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/flood
