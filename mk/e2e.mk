# End-to-end tests: both images and both charts on kind clusters that the tests create. See tests/e2e/conftest.py.

CHARTS      := charts/collector charts/pinger
CHART_TOOLS := build/tools/helm-unittest build/tools/kube-score

## e2e: install both charts on a kind cluster and use them (E2E_CLUSTER=name: use an existing one; E2E_KEEP=1: keep it)
## e2e-all: e2e and the slower tests: Service Binding controller, network policies, Sentinel, Cluster, kustomize
.PHONY: e2e e2e-all deps-e2e deps-charts
e2e e2e-all: deps-test deps-e2e
	@$(MAKE) --no-print-directory image
	@PYTHON=$(PYTHON) tests/run $@

## test-helm-4: test the charts with Helm 4, built from its Go module; other tests use the helm in PATH
.PHONY: test-helm-4
test-helm-4: deps-test deps-e2e build/tools/helm-4
	@$(MAKE) --no-print-directory image
	@mkdir -p build/tools/helm-4.bin && ln -f build/tools/helm-4 build/tools/helm-4.bin/helm
	@PATH=$(CURDIR)/build/tools/helm-4.bin:$$PATH PYTHON=$(PYTHON) tests/run helm-4

deps-e2e: $(CHART_TOOLS)
	@tools/deps e2e
	@tests/e2e/prepare

# The chart test tools are built from Go modules.
build/tools/%: tools/go/%/go.mod tools/go/%/go.sum tools/go/build
	@tools/go/build $* $@

deps-charts: deps-test
	@tests/e2e/prepare helm kubectl

## charts: write the tables of values in the charts' READMEs, and lint the charts
.PHONY: charts
charts: deps-charts
	@tools/chart-readme $(CHARTS)
	@for chart in $(CHARTS); do helm lint --strict --quiet $$chart || exit 1; done
	@tools/chart-versions $(CHARTS)

## manifests: generate deploy/k8s, the kustomize base and overlays, from the charts
.PHONY: manifests
manifests: deps-charts
	@$(PYTHON) tools/manifests
