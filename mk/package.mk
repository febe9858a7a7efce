# What a release consists of besides the images: the charts as files, the images' SBOMs, and digests.

.PHONY: package
## package: the charts as files, the images' SBOMs and the digest of each, in build/package (DOCKER= without SBOMs)
package: deps-charts
	@$(if $(DOCKER),$(MAKE) --no-print-directory image)
	@DOCKER='$(DOCKER)' tools/package $(CHARTS)
