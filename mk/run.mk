# Runs Collector, Pinger and a private Redis on this machine. A second make builds the programs: the makefile runs
# pkg-config when it is read, and the packages may have been installed after that.

.PHONY: run
## run: start Collector and Pinger on a private Redis (COLLECTOR_PORT=4001 PINGER_PORT=3040)
run:
	@tools/deps build run
	@echo 'Building the programs into $(OUT)'
	@$(MAKE) --no-print-directory programs
	@exec env BUILD_DIR=$(OUT) tools/run
