# Collector, Pinger and a private Redis on this machine. The programs are made by a make of their own: what
# pkg-config says is asked for when the makefile is read, and that may be before the packages are there.

.PHONY: run
## run: start Collector and Pinger on a private Redis (COLLECTOR_PORT=4001 PINGER_PORT=3040)
run:
	@tools/deps build run
	@echo 'Building the programs into $(OUT)'
	@$(MAKE) --no-print-directory programs
	@exec env BUILD_DIR=$(OUT) tools/run
