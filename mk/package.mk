# The files of a release in addition to the images: packaged charts, the images' SBOMs, and digests.

.PHONY: package
## package: write packaged charts, the images' SBOMs and digests to build/package (DOCKER= omits the SBOMs)
package: deps-charts
	@$(if $(DOCKER),$(MAKE) --no-print-directory image)
	@DOCKER='$(DOCKER)' tools/package $(CHARTS)
