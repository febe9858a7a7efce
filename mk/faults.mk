# Measures the cost of Redis faults: runs Collector under load, with Redis behind a proxy that injects the fault, and
# then counts the documents. A single fault takes seconds; see tests/faults/rows.py.
#
#   make faults                                         each fault by itself, as a table
#   make faults FAULTS=password                         the faults whose name contains "password"
#   make faults-random FAULTS_SECONDS=600 FAULTS_SEED=7 a random sequence; the same seed gives the same order
#   make faults-bulk LINES=1000000                      faults in the middle of one long body
#   make flood                                          hostile requests, in a control group of 256 MiB (root)

FAULTS         ?=
FAULTS_SECONDS ?= 600
FAULTS_SEED    ?=
LINES          ?= 1000000

.PHONY: faults faults-random faults-bulk flood
## faults: show the cost of each Redis fault, as a table (FAULTS=text: only faults whose name contains it)
faults: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/run --only '$(FAULTS)'

## faults-random: run a random sequence of faults under load (FAULTS_SECONDS=600 FAULTS_SEED=)
faults-random: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/run --random --seconds $(FAULTS_SECONDS) \
		$(if $(FAULTS_SEED),--seed $(FAULTS_SEED))

## faults-bulk: inject faults while one long body of documents arrives, about 15 minutes (LINES=1000000)
faults-bulk: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/bulk --lines $(LINES) --only '$(FAULTS)'

## flood: send unfinished bodies and huge queries to both programs in 256 MiB, about 1 minute (root)
flood: deps-test
	@$(MAKE) --no-print-directory programs
	@BUILD_DIR=$(OUT) $(PYTHON) tests/faults/flood
